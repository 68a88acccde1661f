//! A rule, and rules.toml.

use std::collections::HashSet;

use anlan_kernel::{Grade, Problem, Text};
use toml::de::{DeArray, DeTable, DeValue};

use super::{
    expression::{Bound, Expression, Span},
    parse::parse_expression,
    quantities::Quantity,
    stations::Station,
};

/// A rule: what is measured, where, and the levels it is graded by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Names the rule for ever; with a station it names an alarm.
    pub id: String,
    /// What it measures.
    pub title: Text,
    /// Of which quantity functions without a first argument are.
    pub quantity: Quantity,
    /// Calm this long before an alarm clears.
    pub clear_after: Span,
    /// Stations narrowed to; empty means all. `abc*` is a prefix.
    pub stations: Vec<String>,
    /// Station kind narrowed to.
    pub kind: Option<String>,
    /// Region codes narrowed to; empty means all. `440303*` is a prefix.
    pub regions: Vec<String>,
    /// Hazard whose weather process (天气过程) the alarms join.
    pub hazard: Option<String>,
    /// Id of the source the thresholds come from.
    pub source: Option<String>,
    /// Levels in the order of the file.
    pub levels: Vec<Level>,
}

/// A grade and when it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// 监测Ⅰ–Ⅳ级.
    pub grade: Grade,
    /// The condition.
    pub when: Expression,
    /// The condition as it was written.
    pub written: String,
}

/// What a rules.toml holds: the rules that are right, and what is wrong with the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// In the order of the file.
    pub rules: Vec<Rule>,
    /// With TOML line, and in a condition the character column of the condition.
    pub problems: Vec<Problem>,
}

/// Reads a rules.toml; a rule with a problem is left out, all others are taken.
pub fn parse_rules(text: &str) -> Parsed {
    let table = match DeTable::parse(text) {
        Ok(table) => table.into_inner(),
        Err(error) => return Parsed { rules: Vec::new(), problems: vec![broken_toml(text, &error)] },
    };
    let (mut parsed, mut ids) = (Parsed::default(), HashSet::new());
    for (key, value) in &table {
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("rule", DeValue::Array(rules)) => {
                for (index, rule) in rules.iter().enumerate() {
                    let mut reader = Reader::new(text, index, rule.span().start);
                    let read = reader.rule(rule.get_ref(), &mut ids);
                    parsed.rules.extend(read.filter(|_| reader.problems.is_empty()));
                    parsed.problems.append(&mut reader.problems);
                }
            }
            (other, _) => parsed.problems.push(unknown_key(other).line(line_of(text, key.span().start))),
        }
    }
    parsed
}

impl Rule {
    /// Whether the rule's narrowing lets the station in.
    pub fn applies_to(&self, station: &Station) -> bool {
        let matches = |patterns: &[String], text: &str| {
            patterns.is_empty()
                || patterns.iter().any(|it| it.strip_suffix('*').map_or(it == text, |prefix| text.starts_with(prefix)))
        };
        matches(&self.stations, &station.id)
            && matches(&self.regions, &station.region)
            && self.kind.as_ref().is_none_or(|kind| *kind == station.kind)
    }

    /// Whether the two judge alike: a new title or another narrowing changes no judgement at a station.
    pub fn judges_like(&self, other: &Self) -> bool {
        let conditions = |rule: &Self| rule.levels.iter().map(|it| (it.grade, it.when.clone())).collect::<Vec<_>>();
        self.id == other.id && self.clear_after == other.clear_after && conditions(self) == conditions(other)
    }

    /// The longest time back that can matter to this rule: windows, `for` and clear_after.
    pub fn reach(&self) -> Span {
        let conditions = self.levels.iter().map(|level| level.when.reach()).max().unwrap_or_default();
        Span(conditions.0 + self.clear_after.0)
    }

    /// Station columns that the conditions name.
    pub fn columns(&self) -> Vec<&str> {
        let mut columns = Vec::new();
        for level in &self.levels {
            level.when.walk(&mut |part| {
                if let Expression::Compare { bound: Bound::Column(column), .. } = part {
                    columns.push(column.as_str());
                }
            });
        }
        columns
    }
}

/// Collects what is wrong with one rule.
struct Reader<'a> {
    text: &'a str,
    name: String,
    start: usize,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, index: usize, start: usize) -> Self {
        Self { text, name: format!("rule {}", index + 1), start, problems: Vec::new() }
    }

    fn rule(&mut self, value: &DeValue<'_>, ids: &mut HashSet<String>) -> Option<Rule> {
        let DeValue::Table(table) = value else {
            self.wrong("rule", self.start, "[[rule]] 表", "a [[rule]] table");
            return None;
        };
        const KEYS: &[&str] =
            &["id", "title", "quantity", "clear_after", "stations", "kind", "regions", "hazard", "source", "level"];
        let id = self.required(table, "id")?;
        self.name = format!("rule \"{id}\"");
        if id.trim().is_empty() || !ids.insert(id.clone()) {
            let (zh, en) = (format!("规则 id“{id}”为空或已用过"), format!("the rule id \"{id}\" is empty or taken"));
            self.add(Problem::new("bad_rule_id", zh, en), "id", self.start);
        }
        self.known_keys(table, KEYS, "");
        let quantity = self.quantity(table);
        let clear_after = self.clear_after(table);
        let levels = quantity.map(|quantity| self.levels(table, quantity)).unwrap_or_default();
        Some(Rule {
            title: self.title(table),
            quantity: quantity?,
            clear_after,
            stations: self.texts(table, "stations"),
            kind: self.optional(table, "kind"),
            regions: self.texts(table, "regions"),
            hazard: self.optional(table, "hazard"),
            source: self.optional(table, "source"),
            levels,
            id,
        })
    }

    fn quantity(&mut self, table: &DeTable<'_>) -> Option<Quantity> {
        let name = self.required(table, "quantity")?;
        let known = Quantity::named(&name);
        known.map_err(|problem| self.add(problem, "quantity", place(table, "quantity"))).ok()
    }

    fn clear_after(&mut self, table: &DeTable<'_>) -> Span {
        let Some(text) = self.optional(table, "clear_after") else { return Span::ZERO };
        Span::parse(&text).unwrap_or_else(|| {
            self.wrong(
                "clear_after",
                place(table, "clear_after"),
                "时长，如 30s、10m、1h、2d",
                "a duration: 30s, 10m, 1h, 2d",
            );
            Span::ZERO
        })
    }

    fn title(&mut self, table: &DeTable<'_>) -> Text {
        let (words, at) = (table.get("title").map(|it| it.get_ref()), place(table, "title"));
        let DeValue::Table(words) = words.unwrap_or(&DeValue::Boolean(false)) else {
            self.wrong("title", at, "{ zh = \"…\", en = \"…\" }", "{ zh = \"…\", en = \"…\" }");
            return Text::default();
        };
        self.known_keys(words, &["zh", "en"], "title.");
        Text::new(self.required(words, "zh").unwrap_or_default(), self.optional(words, "en").unwrap_or_default())
    }

    fn levels(&mut self, table: &DeTable<'_>, quantity: Quantity) -> Vec<Level> {
        let Some(DeValue::Array(levels)) = table.get("level").map(|it| it.get_ref()) else {
            self.wrong("level", self.start, "至少一个 [[rule.level]]", "at least one [[rule.level]]");
            return Vec::new();
        };
        let levels = levels.iter().enumerate();
        levels
            .filter_map(|(index, level)| self.level(index + 1, level.get_ref(), level.span().start, quantity))
            .collect()
    }

    fn level(&mut self, number: usize, value: &DeValue<'_>, at: usize, quantity: Quantity) -> Option<Level> {
        let field = |key: &str| format!("level {number} {key}");
        let DeValue::Table(table) = value else {
            self.wrong(field("").trim(), at, "[[rule.level]] 表", "a [[rule.level]] table");
            return None;
        };
        self.known_keys(table, &["grade", "when"], &field(""));
        let grade = match table.get("grade").map(|it| it.get_ref()) {
            Some(DeValue::Integer(grade)) => grade.as_str().parse().ok().and_then(Grade::new),
            _ => None,
        };
        if grade.is_none() {
            self.wrong(&field("grade"), place_or(table, "grade", at), "1（最重）到 4", "1 (gravest) to 4");
        }
        let Some(DeValue::String(written)) = table.get("when").map(|it| it.get_ref()) else {
            self.wrong(&field("when"), place_or(table, "when", at), "条件", "a condition");
            return None;
        };
        match parse_expression(written, quantity) {
            Ok(when) => Some(Level { grade: grade?, when, written: written.to_string() }),
            Err(problem) => {
                self.add(problem, &field("when"), place(table, "when"));
                None
            }
        }
    }

    fn required(&mut self, table: &DeTable<'_>, key: &str) -> Option<String> {
        let found = self.optional(table, key);
        if found.is_none() && !table.contains_key(key) {
            self.wrong(key, self.start, "必填的文字", "a text, which is required");
        }
        found
    }

    fn optional(&mut self, table: &DeTable<'_>, key: &str) -> Option<String> {
        match table.get(key)?.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            _ => {
                self.wrong(key, place(table, key), "文字", "a text");
                None
            }
        }
    }

    fn texts(&mut self, table: &DeTable<'_>, key: &str) -> Vec<String> {
        let Some(value) = table.get(key) else { return Vec::new() };
        let texts = match value.get_ref() {
            DeValue::Array(items) => strings(items),
            _ => None,
        };
        texts.filter(|texts| !texts.is_empty()).unwrap_or_else(|| {
            self.wrong(key, place(table, key), "一列文字，* 只在末尾", "a list of texts, * only at their ends");
            Vec::new()
        })
    }

    fn known_keys(&mut self, table: &DeTable<'_>, known: &[&str], inside: &str) {
        for (key, _) in table {
            if !known.contains(&key.get_ref().as_ref()) {
                self.add(unknown_key(key.get_ref()), &format!("{inside}{}", key.get_ref()), key.span().start);
            }
        }
    }

    fn wrong(&mut self, field: &str, at: usize, zh: &str, en: &str) {
        let problem = Problem::new("bad_value", format!("{field} 应是{zh}"), format!("{field} should be {en}"));
        self.add(problem, field, at);
    }

    fn add(&mut self, problem: Problem, field: &str, at: usize) {
        let named = problem.field(format!("{}: {field}", self.name)).line(line_of(self.text, at));
        self.problems.push(named);
    }
}

/// The texts of a list, where `*` stands nowhere but at an end.
fn strings(items: &DeArray<'_>) -> Option<Vec<String>> {
    let text = |value: &DeValue<'_>| match value {
        DeValue::String(text) if !text.trim_end_matches('*').contains('*') && !text.ends_with("**") => {
            Some(text.to_string())
        }
        _ => None,
    };
    items.iter().map(|item| text(item.get_ref())).collect()
}

fn place(table: &DeTable<'_>, key: &str) -> usize {
    place_or(table, key, 0)
}

fn place_or(table: &DeTable<'_>, key: &str, otherwise: usize) -> usize {
    table.get(key).map_or(otherwise, |value| value.span().start)
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

fn unknown_key(key: &str) -> Problem {
    let key: String = key.chars().take(40).collect();
    Problem::new("unknown_key", format!("不认识“{key}”这一项"), format!("there is no such key as \"{key}\""))
}

fn broken_toml(text: &str, error: &toml::de::Error) -> Problem {
    let at = error.span().map_or(0, |span| span.start).min(text.len());
    let start = text.as_bytes()[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let words = error.message();
    Problem::new("bad_toml", format!("不是正确的 TOML：{words}"), format!("this is not TOML: {words}"))
        .line(line_of(text, at))
        .column(text.get(start..at).map_or(1, |before| before.chars().count() + 1))
}
