//! `standards.toml` of packs: how many people a unit has to have for a duty, and what stands on the board of a thing.

use std::collections::BTreeSet;

use anlan_kernel::{Problem, Text, Tier};
use serde::Deserialize;
use toml::Spanned;

use crate::{
    kinds::{
        Catalog, Files,
        expression::Expression,
        read::{Finding, is_id, line_of, toml_file},
    },
    model::level_of,
    packs::{Meta, Pack},
};

/// The file's name in a pack.
pub const FILE: &str = "standards.toml";

/// How many people each unit of a level has to have (配备标准).
#[derive(Clone, Debug)]
pub struct Standard {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: Text,
    /// Every unit of this level.
    pub level: Tier,
    /// At least so many.
    pub least: i64,
    /// Whether there has to be a lead (A 岗) and a deputy (B 岗).
    pub both: bool,
    /// What is counted.
    pub counts: Counts,
    /// Titles of what it rests on.
    pub sources: Vec<String>,
}

/// What a standard counts.
#[derive(Clone, Debug)]
pub enum Counts {
    /// People with a post whose duty or title contains one of these words.
    Posts(Vec<String>),
    /// The sum of a number field over the records of a kind.
    Records {
        /// The kind.
        kind: String,
        /// The field.
        field: String,
        /// Of which records.
        condition: Option<Expression>,
    },
}

/// What stands on the board of a kind (公示牌).
#[derive(Clone, Debug)]
pub struct BoardPlan {
    /// The kind.
    pub kind: String,
    /// What it is headed by.
    pub title: Text,
    /// Fields with the responsible persons; empty: every person, post and the answerable unit.
    pub people: Vec<String>,
    /// Those of them whose numbers are public.
    pub numbers: Vec<String>,
    /// Fields that are shown; never personal ones.
    pub fields: Vec<String>,
    /// 检查要点.
    pub checklist: Vec<Text>,
    /// Titles of what it rests on.
    pub sources: Vec<String>,
}

/// The standards and boards of the packs in force.
#[derive(Clone, Debug, Default)]
pub struct Standards {
    /// In the order of the packs.
    pub staffing: Vec<Standard>,
    /// By kind.
    pub boards: Vec<BoardPlan>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StandardsFile {
    #[serde(default)]
    standard: Vec<RawStandard>,
    #[serde(default)]
    board: Vec<RawBoard>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStandard {
    id: Spanned<String>,
    title: Text,
    level: String,
    least: i64,
    #[serde(default)]
    both: bool,
    #[serde(default)]
    duties: Vec<String>,
    kind: Option<String>,
    field: Option<String>,
    r#where: Option<String>,
    #[serde(default)]
    sources: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBoard {
    kind: Spanned<String>,
    title: Text,
    #[serde(default)]
    people: Vec<String>,
    #[serde(default)]
    numbers: Vec<String>,
    #[serde(default)]
    fields: Vec<String>,
    #[serde(default)]
    checklist: Vec<Text>,
    #[serde(default)]
    sources: Vec<String>,
}

impl Standards {
    /// Of these packs; what is wrong is left out.
    pub fn of(packs: &[Pack]) -> Self {
        let mut all = Self::default();
        for pack in packs {
            let read = read(&pack.files).0;
            for it in read.staffing {
                if all.staffing.iter().all(|known| known.id != it.id) {
                    all.staffing.push(it);
                }
            }
            for it in read.boards {
                if all.boards.iter().all(|known| known.kind != it.kind) {
                    all.boards.push(it);
                }
            }
        }
        all
    }

    /// The board of a kind, where a pack says what stands on it.
    pub fn board(&self, kind: &str) -> Option<&BoardPlan> {
        self.boards.iter().find(|it| it.kind == kind)
    }

    /// A standard by its id.
    pub fn standard(&self, id: &str) -> Option<&Standard> {
        self.staffing.iter().find(|it| it.id == id)
    }
}

/// Everything that is wrong with the file of a pack, by itself.
pub fn faults(files: &Files) -> Vec<Finding> {
    read(files).1
}

/// Kinds and fields that the file of a pack names and nobody defines.
pub fn faults_among(files: &Files, catalog: &Catalog) -> Vec<Finding> {
    let (Some(text), read) = (files.get(FILE), read(files).0) else { return Vec::new() };
    let mut findings = Vec::new();
    let mut check = |kind: &str, fields: Vec<&str>| {
        let line = text.lines().position(|it| it.contains(&format!("\"{kind}\""))).map_or(1, |it| it + 1);
        let mut found = |code: &str, name: &str, zh: String, en: String| {
            findings.push((FILE.to_owned(), Problem::new(code, zh, en).line(line).field(name)));
        };
        let Some(known) = catalog.kind(kind) else {
            return found("unknown_kind", kind, format!("没有类别 {kind}"), format!("there is no kind {kind}"));
        };
        for name in fields {
            match known.field(name) {
                None => found(
                    "unknown_field",
                    name,
                    format!("字段 {name} 不在类别 {kind} 里"),
                    format!("{kind} has no field {name}"),
                ),
                Some(field) if field.personal.is_some() => {
                    found(
                        "personal",
                        name,
                        format!("{name} 是个人信息，不能上公示牌"),
                        format!("{name} is personal and stands on no board"),
                    );
                }
                Some(_) => {}
            }
        }
    };
    for it in &read.staffing {
        if let Counts::Records { kind, field, condition } = &it.counts {
            check(kind, std::iter::once(field.as_str()).chain(condition.iter().flat_map(|it| it.fields())).collect());
        }
    }
    for it in &read.boards {
        check(&it.kind, it.people.iter().chain(&it.fields).map(String::as_str).collect());
    }
    findings
}

fn read(files: &Files) -> (Standards, Vec<Finding>) {
    let mut reader = Reader { text: "", findings: Vec::new(), titles: Vec::new() };
    let Some(text) = files.get(FILE) else { return (Standards::default(), Vec::new()) };
    reader.text = text;
    let meta = Meta::read(files).map(|it| it.sources).unwrap_or_default();
    reader.titles = meta.into_iter().map(|it| (it.id, it.title)).collect();
    match toml_file::<StandardsFile>(text) {
        Ok(file) => {
            let staffing = reader.staffing(file.standard);
            let boards = file.board.into_iter().filter_map(|it| reader.board(it)).collect();
            (Standards { staffing, boards }, reader.findings)
        }
        Err(problem) => (Standards::default(), vec![(FILE.to_owned(), problem)]),
    }
}

struct Reader<'a> {
    text: &'a str,
    findings: Vec<Finding>,
    titles: Vec<(String, String)>,
}

impl Reader<'_> {
    fn wrong(&mut self, line: usize, field: &str, code: &str, zh: String, en: String) {
        self.findings.push((FILE.to_owned(), Problem::new(code, zh, en).line(line).field(field)));
    }

    fn line(&self, at: &Spanned<String>) -> usize {
        line_of(self.text, at.span().start)
    }

    fn sources(&mut self, line: usize, ids: &[String]) -> Vec<String> {
        if ids.is_empty() {
            self.wrong(
                line,
                "sources",
                "no_source",
                "没有写明出处（sources）".to_owned(),
                "it names no source".to_owned(),
            );
        }
        let mut titles = Vec::new();
        for id in ids {
            match self.titles.iter().find(|it| it.0 == *id) {
                Some((_, title)) => titles.push(title.clone()),
                None => self.wrong(
                    line,
                    id,
                    "unknown_source",
                    format!("pack.toml 没有出处 {id}"),
                    format!("pack.toml has no source {id}"),
                ),
            }
        }
        titles
    }

    fn staffing(&mut self, raw: Vec<RawStandard>) -> Vec<Standard> {
        let (mut standards, mut seen) = (Vec::new(), BTreeSet::new());
        for it in raw {
            let (line, id) = (self.line(&it.id), it.id.get_ref().clone());
            if !is_id(&id, '-') {
                self.wrong(line, &id, "bad_id", format!("编号 {id} 不合规则"), format!("{id} is no id"));
            } else if !seen.insert(id.clone()) {
                self.wrong(
                    line,
                    &id,
                    "twice",
                    format!("标准 {id} 定义了两次"),
                    format!("the standard {id} is defined twice"),
                );
            } else if let Some(standard) = self.standard(line, it) {
                standards.push(standard);
            }
        }
        standards
    }

    fn standard(&mut self, line: usize, raw: RawStandard) -> Option<Standard> {
        let sources = self.sources(line, &raw.sources);
        let level = level_of(&raw.level);
        if level.is_none() {
            let zh = format!("level 应为 district、street 或 community，不是 {}", raw.level);
            self.wrong(
                line,
                "level",
                "unknown_name",
                zh,
                format!("level is district, street or community, not {}", raw.level),
            );
        }
        if raw.least < 1 {
            self.wrong(line, "least", "bad_bound", "least 至少为 1".to_owned(), "least is 1 or more".to_owned());
        }
        let condition = match raw.r#where.as_deref().map(Expression::parse).transpose() {
            Ok(it) => it,
            Err(problem) => {
                self.findings.push((FILE.to_owned(), problem.line(line).field("where")));
                return None;
            }
        };
        let counts = match (raw.duties.is_empty(), raw.kind, raw.field) {
            (false, None, None) if condition.is_none() => Counts::Posts(raw.duties),
            (true, Some(kind), Some(field)) if !raw.both => Counts::Records { kind, field, condition },
            _ => {
                let zh = "要么写 duties（责任或职务里的词），要么写 kind 和 field；where 只用于后者，both 只用于前者";
                let en = "either duties (words of duty or title), or kind and field; where goes with the latter, both with the former";
                self.wrong(line, "duties", "contradiction", zh.to_owned(), en.to_owned());
                return None;
            }
        };
        let id = raw.id.into_inner();
        Some(Standard { id, title: raw.title, level: level?, least: raw.least, both: raw.both, counts, sources })
    }

    fn board(&mut self, raw: RawBoard) -> Option<BoardPlan> {
        let line = self.line(&raw.kind);
        let sources = self.sources(line, &raw.sources);
        if let Some(name) = raw.numbers.iter().find(|it| !raw.people.contains(it)) {
            let zh = format!("numbers 里的 {name} 不在 people 里");
            self.wrong(line, name, "unknown_field", zh, format!("{name} of numbers is none of people"));
            return None;
        }
        let kind = raw.kind.into_inner();
        let RawBoard { title, people, numbers, fields, checklist, .. } = raw;
        Some(BoardPlan { kind, title, people, numbers, fields, checklist, sources })
    }
}
