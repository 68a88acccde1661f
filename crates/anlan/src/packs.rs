//! Packs (业务包): the shipped ones stand in the program, others in a folder.

use std::{collections::BTreeMap, fs, path::Path};

use anlan_command::DutyPlan;
use anlan_kernel::{Problem, Text};
use anlan_monitor::rules::parse_rules;
use anlan_register::Holidays;
use anlan_store::file_problem;
use anlan_warn::{ladder::Plan, notice::Guide};
use serde::Deserialize;

/// The files of one pack.
#[derive(Clone, Debug, Default)]
pub struct Pack {
    /// Id from `pack.toml`.
    pub id: String,
    /// Version from `pack.toml`.
    pub version: String,
    /// For people.
    pub title: Text,
    /// `rules.toml`.
    pub rules: Option<String>,
    /// `ladders.toml`.
    pub ladders: Option<String>,
    /// `cards.toml`: 明白卡 of the ladders' call-out levels.
    pub cards: Option<String>,
    /// `notice.toml`.
    pub notice: Option<String>,
    /// `responses.toml`.
    pub responses: Option<String>,
    /// `holidays.csv`.
    pub holidays: Option<String>,
}

#[derive(Deserialize)]
struct Meta {
    id: String,
    version: String,
    title: Text,
    #[serde(default, rename = "source")]
    sources: Vec<Source>,
}

#[derive(Deserialize)]
struct Source {
    id: String,
    title: String,
}

macro_rules! shipped {
    ($($id:literal { $($file:literal),* }),* $(,)?) => {
        const SHIPPED: &[(&str, &[(&str, &str)])] = &[$((
            $id,
            &[$(($file, include_str!(concat!("../../../packs/", $id, "/", $file)))),*],
        )),*];
    };
}

shipped! {
    "call-out" { "pack.toml", "ladders.toml", "cards.toml" },
    "holidays-cn" { "pack.toml", "holidays.csv" },
    "measured-mountain-torrent" { "pack.toml", "rules.toml" },
    "measured-rain" { "pack.toml", "rules.toml" },
    "measured-station-silence" { "pack.toml", "rules.toml" },
    "measured-temperature-visibility" { "pack.toml", "rules.toml" },
    "measured-water" { "pack.toml", "rules.toml" },
    "measured-wind" { "pack.toml", "rules.toml" },
    "measured-wind-gale" { "pack.toml", "rules.toml" },
    "notice" { "pack.toml", "notice.toml" },
    "response" { "pack.toml", "responses.toml" },
}

/// What is wrong with a pack, by file.
pub type Findings = Vec<(String, Problem)>;

/// Every shipped pack.
///
/// # Errors
/// What is wrong with them; a test keeps that empty.
pub fn shipped() -> Result<BTreeMap<String, Pack>, Findings> {
    let mut packs = BTreeMap::new();
    for (name, files) in SHIPPED {
        let files: BTreeMap<String, String> =
            files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
        let pack = read(name, &files)?;
        packs.insert(pack.id.clone(), pack);
    }
    Ok(packs)
}

/// Every pack in the folders below `dir`, or the one pack that `dir` is.
///
/// # Errors
/// What is wrong with them.
pub fn in_folder(dir: &Path) -> Result<BTreeMap<String, Pack>, Findings> {
    let cannot = |path: &Path, error: &std::io::Error| vec![(path.display().to_string(), file_problem(path, error))];
    let folders: Vec<_> = if dir.join("pack.toml").exists() {
        vec![dir.to_owned()]
    } else {
        let entries = fs::read_dir(dir).map_err(|it| cannot(dir, &it))?;
        entries.filter_map(Result::ok).map(|it| it.path()).filter(|it| it.join("pack.toml").exists()).collect()
    };
    let mut packs = BTreeMap::new();
    let mut findings = Findings::new();
    for folder in folders {
        let mut files = BTreeMap::new();
        for name in
            ["pack.toml", "rules.toml", "ladders.toml", "cards.toml", "notice.toml", "responses.toml", "holidays.csv"]
        {
            let path = folder.join(name);
            if path.exists() {
                let text = fs::read_to_string(&path).map_err(|it| cannot(&path, &it))?;
                files.insert(name.to_owned(), text);
            }
        }
        match read(&folder.display().to_string(), &files) {
            Ok(pack) => {
                packs.insert(pack.id.clone(), pack);
            }
            Err(mut wrong) => findings.append(&mut wrong),
        }
    }
    if findings.is_empty() { Ok(packs) } else { Err(findings) }
}

fn read(name: &str, files: &BTreeMap<String, String>) -> Result<Pack, Findings> {
    let at = |file: &str| format!("{name}/{file}");
    let meta: Meta = toml::from_str(files.get("pack.toml").map_or("", String::as_str)).map_err(|it| {
        let words = it.message().to_owned();
        vec![(at("pack.toml"), Problem::new("bad_toml", format!("不是正确的 pack.toml：{words}"), words))]
    })?;
    let pack = Pack {
        id: meta.id,
        version: meta.version,
        title: meta.title,
        rules: files.get("rules.toml").cloned(),
        ladders: files.get("ladders.toml").cloned(),
        cards: files.get("cards.toml").cloned(),
        notice: files.get("notice.toml").cloned(),
        responses: files.get("responses.toml").cloned(),
        holidays: files.get("holidays.csv").cloned(),
    };
    let mut findings = Findings::new();
    if meta.sources.is_empty() || meta.sources.iter().any(|it| it.id.is_empty() || it.title.is_empty()) {
        let problem =
            Problem::new("no_source", "业务包没有写明出处（source）", "the pack names no source").field("source");
        findings.push((at("pack.toml"), problem));
    }
    if let Some(rules) = &pack.rules {
        findings.extend(parse_rules(rules).problems.into_iter().map(|it| (at("rules.toml"), it)));
    }
    match pack.plan() {
        Some(Err(wrong)) => findings.extend(wrong.into_iter().map(|it| (at(file_of(&it)), it))),
        Some(Ok(plan)) => {
            let known = |id: &str| meta.sources.iter().any(|it| it.id == id);
            let unknown = plan.cards.sources().filter(|it| !known(it)).map(|id| {
                let (zh, en) = (format!("pack.toml 没有出处 {id}"), format!("pack.toml has no source {id}"));
                (at("cards.toml"), Problem::new("unknown_source", zh, en).field("source"))
            });
            findings.extend(unknown);
        }
        None => {}
    }
    if let Some(guide) = pack.guide() {
        findings.extend(guide.err().into_iter().flatten().map(|it| (at("notice.toml"), it)));
    }
    if let Some(plan) = pack.duty_plan() {
        findings.extend(plan.err().into_iter().flatten().map(|it| (at("responses.toml"), it)));
    }
    if let Some(holidays) = &pack.holidays {
        findings.extend(Holidays::read(holidays).err().into_iter().map(|it| (at("holidays.csv"), it)));
    }
    if findings.is_empty() { Ok(pack) } else { Err(findings) }
}

impl Pack {
    /// `id@version`, as records remember it.
    pub fn name(&self) -> String {
        format!("{}@{}", self.id, self.version)
    }

    /// The call-out plan, where the pack has one.
    pub fn plan(&self) -> Option<Result<Plan, Vec<Problem>>> {
        let plan = Plan::read(&self.name(), self.ladders.as_deref()?);
        Some(match &self.cards {
            Some(cards) => plan.and_then(|it| it.with_cards(cards)),
            None => plan,
        })
    }

    /// What risk notices ask for, where the pack says so.
    pub fn guide(&self) -> Option<Result<Guide, Vec<Problem>>> {
        self.notice.as_deref().map(|it| Guide::read(&self.name(), it))
    }

    /// The responses and duty of the pack, where it has them.
    pub fn duty_plan(&self) -> Option<Result<DutyPlan, Vec<Problem>>> {
        self.responses.as_deref().map(|it| DutyPlan::read(&self.name(), it))
    }
}

/// Problems of cards name a card.
fn file_of(problem: &Problem) -> &'static str {
    let card = problem.place.field.as_deref().is_some_and(|it| it.starts_with("card "));
    if card { "cards.toml" } else { "ladders.toml" }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_shipped_pack_proves_itself() {
        let packs = super::shipped().expect("nothing is wrong with the shipped packs");
        assert_eq!(packs.len(), 11);
        assert!(packs["notice"].guide().is_some());
        let plan = packs["call-out"].plan().expect("it has a plan").expect("the plan is good");
        assert!(!plan.cards.lines(1, "community", "typhoon", anlan_kernel::Lang::Zh).is_empty());
    }

    #[test]
    fn a_card_whose_source_nobody_knows_is_named() {
        let shipped = super::SHIPPED.iter().find(|it| it.0 == "call-out").expect("it is shipped");
        let files = shipped.1.iter().map(|(file, text)| ((*file).to_owned(), text.replace("[\"C06\"", "[\"C99\"")));
        let findings = super::read("call-out", &files.collect()).expect_err("C99 is no source");
        assert!(findings.iter().any(|(file, it)| file.ends_with("cards.toml") && it.code == "unknown_source"));
    }
}
