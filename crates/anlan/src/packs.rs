//! Packs (业务包): the shipped ones stand in the program, others in a folder; proved by every mechanism that reads them.

use std::{collections::BTreeMap, fs, path::Path};

use anlan_command::DutyPlan;
use anlan_kernel::{Problem, Text};
use anlan_monitor::rules::parse_rules;
use anlan_register::{
    Holidays, duties,
    kinds::{Catalog, Files, Source},
    packs::{self, Meta},
};
use anlan_store::file_problem;
use anlan_warn::{ladder::Plan, notice::Guide};

/// The files of one pack.
#[derive(Clone, Debug, Default)]
pub struct Pack {
    /// Id from `pack.toml`.
    pub id: String,
    /// Version from `pack.toml`.
    pub version: String,
    /// For people.
    pub title: Text,
    /// Its files, by path.
    pub files: Files,
}

#[derive(rust_embed::Embed)]
#[folder = "../../packs"]
struct Shipped;

/// What is wrong with packs, by file.
pub type Findings = Vec<(String, Problem)>;

/// Every shipped pack.
///
/// # Errors
/// What is wrong with them; a test keeps that empty.
pub fn shipped() -> Result<BTreeMap<String, Pack>, Findings> {
    let mut folders = BTreeMap::<String, Files>::new();
    for path in Shipped::iter() {
        let Some((folder, file)) = path.split_once('/') else { continue };
        let content = Shipped::get(&path).map(|it| String::from_utf8_lossy(&it.data).into_owned());
        folders.entry(folder.to_owned()).or_default().insert(file.to_owned(), content.unwrap_or_default());
    }
    prove(folders.into_iter().filter(|it| it.1.contains_key("pack.toml")).collect(), &[])
}

/// Every pack in the folders below `dir`, or the one pack that `dir` is; what it needs may be shipped.
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
    let mut read = Vec::new();
    for folder in folders {
        let mut files = Files::new();
        read_folder(&folder, "", &mut files).map_err(|it| cannot(&folder, &it))?;
        read.push((folder.display().to_string(), files));
    }
    let around: Vec<Pack> = shipped().map(|it| it.into_values().collect()).unwrap_or_default();
    prove(read, &around)
}

/// Text files of a folder and the folders in it; others are no part of a pack.
fn read_folder(folder: &Path, prefix: &str, files: &mut Files) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() && prefix.is_empty() {
            read_folder(&entry.path(), &format!("{name}/"), files)?;
        } else if [".toml", ".csv", ".md"].iter().any(|it| name.ends_with(it)) {
            files.insert(name, fs::read_to_string(entry.path())?);
        }
    }
    Ok(())
}

/// Proves packs by themselves, and their kinds together with those `around` them.
fn prove(folders: Vec<(String, Files)>, around: &[Pack]) -> Result<BTreeMap<String, Pack>, Findings> {
    let (mut packs, mut findings, mut names) = (BTreeMap::new(), Findings::new(), BTreeMap::new());
    for (name, files) in folders {
        match Pack::read(files) {
            Ok(pack) => {
                findings.extend(faults(&pack.files).into_iter().map(|(file, it)| (format!("{name}/{file}"), it)));
                names.insert(pack.id.clone(), name);
                packs.insert(pack.id.clone(), pack);
            }
            Err(wrong) => findings.extend(wrong.into_iter().map(|(file, it)| (format!("{name}/{file}"), it))),
        }
    }
    let mut sources: Vec<Source> = packs.values().map(Pack::source).collect();
    sources.extend(around.iter().filter(|it| !packs.contains_key(&it.id)).map(Pack::source));
    let (_, wrong) = Catalog::join(&sources);
    for (pack, (file, problem)) in wrong {
        if let Some(name) = names.get(&pack) {
            findings.push((format!("{name}/{file}"), problem));
        }
    }
    if findings.is_empty() { Ok(packs) } else { Err(findings) }
}

/// What is wrong with the files of a pack that are not about kinds.
pub fn faults(files: &Files) -> Findings {
    let Ok(pack) = Pack::read(files.clone()) else { return Findings::new() };
    let meta = Meta::read(files).ok();
    let mut findings = Findings::new();
    let mut found = |file: &str, problems: Vec<Problem>| {
        findings.extend(problems.into_iter().map(|it| (file.to_owned(), it)));
    };
    for (file, it) in duties::standards::faults(files) {
        found(&file, vec![it]);
    }
    if let Some(rules) = pack.file("rules.toml") {
        found("rules.toml", parse_rules(rules).problems);
    }
    match pack.plan() {
        Some(Err(wrong)) => wrong.into_iter().for_each(|it| found(file_of(&it), vec![it])),
        Some(Ok(plan)) => {
            let known = |id: &str| meta.iter().flat_map(|it| &it.sources).any(|it| it.id == id);
            let unknown = plan.cards.sources().filter(|it| !known(it)).map(|id| {
                let (zh, en) = (format!("pack.toml 没有出处 {id}"), format!("pack.toml has no source {id}"));
                Problem::new("unknown_source", zh, en).field("source")
            });
            found("cards.toml", unknown.collect());
        }
        None => {}
    }
    if let Some(guide) = pack.guide() {
        found("notice.toml", guide.err().unwrap_or_default());
    }
    if let Some(plan) = pack.duty_plan() {
        found("responses.toml", plan.err().unwrap_or_default());
    }
    if let Some(holidays) = pack.file("holidays.csv") {
        found("holidays.csv", Holidays::read(holidays).err().into_iter().collect());
    }
    findings
}

impl Pack {
    fn read(files: Files) -> Result<Self, Findings> {
        let meta = Meta::read(&files)?;
        Ok(Self { id: meta.id, version: meta.version, title: meta.title, files })
    }

    /// A pack that no folder holds: what a story or a measurement brings along.
    pub fn made<'a>(id: &str, title: &Text, files: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let meta = format!(
            "id = {id:?}\nversion = \"1\"\ntitle = {{ zh = {:?}, en = {:?} }}\n[[source]]\nid = \"own\"\ntitle = {:?}\n",
            title.zh, title.en, title.zh
        );
        let files =
            files.into_iter().chain([("pack.toml", meta)]).map(|(name, text)| (name.to_owned(), text)).collect();
        Self { id: id.to_owned(), version: "1".to_owned(), title: title.clone(), files }
    }

    /// A file of it.
    pub fn file(&self, name: &str) -> Option<&str> {
        self.files.get(name).map(String::as_str)
    }

    /// `id@version`, as records remember it.
    pub fn name(&self) -> String {
        format!("{}@{}", self.id, self.version)
    }

    pub(crate) fn source(&self) -> Source {
        let meta = Meta::read(&self.files).ok();
        Source {
            id: self.id.clone(),
            name: self.name(),
            needs: meta.as_ref().map(|it| it.needs.clone()).unwrap_or_default(),
            sources: meta.into_iter().flat_map(|it| it.sources).map(|it| it.id).collect(),
            files: self.files.clone(),
        }
    }

    /// The call-out plan, where the pack has one.
    pub fn plan(&self) -> Option<Result<Plan, Vec<Problem>>> {
        let plan = Plan::read(&self.name(), self.file("ladders.toml")?);
        Some(match self.file("cards.toml") {
            Some(cards) => plan.and_then(|it| it.with_cards(cards)),
            None => plan,
        })
    }

    /// What risk notices ask for, where the pack says so.
    pub fn guide(&self) -> Option<Result<Guide, Vec<Problem>>> {
        self.file("notice.toml").map(|it| Guide::read(&self.name(), it))
    }

    /// The responses and duty of the pack, where it has them.
    pub fn duty_plan(&self) -> Option<Result<DutyPlan, Vec<Problem>>> {
        self.file("responses.toml").map(|it| DutyPlan::read(&self.name(), it))
    }
}

impl From<packs::Pack> for Pack {
    fn from(it: packs::Pack) -> Self {
        Self { id: it.pack, version: it.version, title: it.title, files: it.files }
    }
}

/// Problems of cards name a card.
fn file_of(problem: &Problem) -> &'static str {
    let card = problem.place.field.as_deref().is_some_and(|it| it.starts_with("card "));
    if card { "cards.toml" } else { "ladders.toml" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_pack_proves_itself() {
        let packs = shipped().unwrap_or_else(|it| panic!("{it:#?}"));
        assert_eq!(packs.len(), 21);
        assert!(packs["notice"].guide().is_some());
        let plan = packs["call-out"].plan().expect("it has a plan").expect("the plan is good");
        assert!(!plan.cards.lines(1, "community", "typhoon", anlan_kernel::Lang::Zh).is_empty());
    }

    #[test]
    fn a_card_whose_source_nobody_knows_is_named() {
        let shipped = shipped().expect("nothing is wrong");
        let files = shipped["call-out"].files.iter();
        let files = files.map(|(file, text)| (file.clone(), text.replace("[\"C06\"", "[\"C99\""))).collect();
        let findings = faults(&files);
        assert!(findings.iter().any(|(file, it)| file.ends_with("cards.toml") && it.code == "unknown_source"));
    }
}
