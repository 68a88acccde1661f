//! What somebody asks of a list.

use anlan_kernel::{Instant, Permission, Problem, RegionCode};
use anlan_web::{Who, percent};

use crate::kinds::{Catalog, Field, Kind, Sort, value};

/// Records of one page where nothing is said.
const USUAL: i64 = 50;
/// Most records of one page.
const MOST: i64 = 200;
/// Most values of one condition.
const VALUES: usize = 200;
/// Most letters of a value.
const LONGEST: usize = 100;
/// The value that stands for records without one.
pub(crate) const NONE: &str = "-";
/// Before the code of a tree: without what is below it.
pub(crate) const EXACTLY: &str = "=";

/// As far as it decides what somebody sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reader {
    /// The role; fields may be kept to some.
    pub role: String,
    /// Whether names are read in clear, and masked values after a journaled look.
    pub clear: bool,
}

/// What is asked of a list of one kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    /// Words, as in the one box.
    pub q: String,
    /// In this region.
    pub region: Option<RegionCode>,
    /// Conditions by field; all have to hold.
    pub tests: Vec<(String, Test)>,
    /// By when it was verified.
    pub fresh: Option<Fresh>,
    /// Of this organisation.
    pub owner: Option<String>,
    /// Last written by this import.
    pub batch: Option<String>,
    /// Touching this shape, as [`shape_of`](crate::map::shape_of) reads it.
    pub shape: Option<String>,
    /// By what it is sorted.
    pub order: Order,
    /// Greatest first.
    pub descending: bool,
    /// From 1.
    pub page: i64,
    /// Records of a page.
    pub size: i64,
    /// Chosen columns; empty where nobody chose.
    pub columns: Vec<String>,
    /// Whether the reader finds people by parts of their names.
    pub clear: bool,
}

/// A condition on a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// One of these values.
    Among {
        /// As they were asked for.
        given: Vec<String>,
        /// With everything below the codes of a tree.
        meant: Vec<String>,
        /// Or no value at all.
        none: bool,
    },
    /// A number in this range, ends included.
    Numbers(Option<f64>, Option<f64>),
    /// A day or moment in this range, ends included: as asked for, and as stored.
    Between {
        /// Days.
        given: [Option<String>; 2],
        /// First and last stored text.
        meant: [Option<String>; 2],
    },
}

/// By when a record was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fresh {
    /// Within the kind's time.
    Fresh,
    /// Longer ago, or never.
    Due,
    /// Never.
    Never,
}

/// By what a list is sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// 责任区.
    #[default]
    Region,
    /// 名称.
    Name,
    /// 核实日期.
    Verified,
    /// When it was changed.
    Changed,
    /// A field.
    Field(String),
}

impl Fresh {
    const ALL: [(&'static str, Self); 3] = [("fresh", Self::Fresh), ("due", Self::Due), ("never", Self::Never)];

    /// As an address names it.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

impl Order {
    fn named(kind: &Kind, reader: &Reader, name: &str) -> Option<Self> {
        Some(match name {
            "region" => Self::Region,
            "name" => Self::Name,
            "verified" => Self::Verified,
            "changed" => Self::Changed,
            _ => {
                let field = kind.field(name.strip_prefix("f.")?)?;
                Self::Field(field.id.clone()).kept(reader.filters(field) && !field.many)?
            }
        })
    }

    fn kept(self, yes: bool) -> Option<Self> {
        yes.then_some(self)
    }

    /// As an address names it.
    pub fn name(&self) -> String {
        match self {
            Self::Region => "region".to_owned(),
            Self::Name => "name".to_owned(),
            Self::Verified => "verified".to_owned(),
            Self::Changed => "changed".to_owned(),
            Self::Field(id) => format!("f.{id}"),
        }
    }
}

impl Reader {
    /// What decides it for whoever calls.
    pub fn of(who: &Who) -> Self {
        Self { role: who.role.clone(), clear: who.may(Permission::Unmask) }
    }

    /// The program itself, which sees everything.
    pub fn everything() -> Self {
        Self { role: String::new(), clear: true }
    }

    /// Whether the reader sees the field at all; the program itself has no role.
    pub fn sees(&self, field: &Field) -> bool {
        (self.role.is_empty() && self.clear) || field.is_visible_to(&self.role)
    }

    /// Whether the field may be a condition, an order or an axis.
    pub fn filters(&self, field: &Field) -> bool {
        field.filter && field.personal.is_none() && self.sees(field)
    }
}

impl Asked {
    /// Everything of a kind.
    pub fn everything(reader: &Reader) -> Self {
        Self { page: 1, size: USUAL, clear: reader.clear, ..Self::default() }
    }

    /// What an address asks for, and what of it makes no sense. `also` are names that mean something to the caller.
    pub fn of(
        catalog: &Catalog,
        kind: &Kind,
        reader: &Reader,
        address: &[(String, String)],
        also: &[&str],
    ) -> (Self, Vec<Problem>) {
        let (mut asked, mut problems) = (Self::everything(reader), Vec::new());
        for (name, value) in address {
            let value = tidy(value);
            if value.is_empty() || also.contains(&name.as_str()) {
                continue;
            }
            if let Err(problem) = asked.take(catalog, kind, reader, name, &value) {
                problems.push(problem.field(name.clone()));
            }
        }
        (asked, problems)
    }

    fn take(
        &mut self,
        catalog: &Catalog,
        kind: &Kind,
        reader: &Reader,
        name: &str,
        value: &str,
    ) -> Result<(), Problem> {
        match name {
            "q" => value.clone_into(&mut self.q),
            "region" => {
                self.region =
                    Some(RegionCode::parse(value).map_err(|_| bad("bad_region", value, "区划代码", "region code"))?)
            }
            "owner" => self.owner = Some(value.to_owned()),
            "batch" => self.batch = Some(value.to_owned()),
            "in" => {
                crate::map::shape_of(value)?;
                self.shape = Some(value.to_owned());
            }
            "fresh" => {
                let found = Fresh::ALL.iter().find(|it| it.0 == value).map(|it| it.1);
                self.fresh = Some(
                    found.ok_or_else(|| bad("bad_fresh", value, "fresh、due、never 之一", "fresh, due or never"))?,
                );
            }
            "sort" => {
                let (key, descending) = value.strip_prefix('-').map_or((value, false), |it| (it, true));
                let found = Order::named(kind, reader, key);
                self.order = found.ok_or_else(|| bad("bad_sort", value, "可排序的列", "column that sorts"))?;
                self.descending = descending;
            }
            "page" | "size" => {
                let number = value.parse().ok().filter(|it| *it >= 1);
                let number = number.ok_or_else(|| bad("bad_page", value, "从 1 起的整数", "whole number from 1"))?;
                if name == "page" { self.page = number } else { self.size = number.min(MOST) }
            }
            "columns" => {
                let known = |it: &&str| {
                    matches!(*it, "region" | "verified" | "owner" | "changed" | "place")
                        || kind.field(it).is_some_and(|it| reader.sees(it))
                };
                for it in value.split(',').filter(known) {
                    if self.columns.iter().all(|other| other != it) {
                        self.columns.push(it.to_owned());
                    }
                }
            }
            _ => self.test(catalog, kind, reader, name.strip_prefix("f.").ok_or_else(|| unknown(name))?, value)?,
        }
        Ok(())
    }

    fn test(
        &mut self,
        catalog: &Catalog,
        kind: &Kind,
        reader: &Reader,
        name: &str,
        value: &str,
    ) -> Result<(), Problem> {
        let (id, end) = match name.rsplit_once('.') {
            Some((id, "min")) => (id, Some(0)),
            Some((id, "max")) => (id, Some(1)),
            _ => (name, None),
        };
        let field = kind.field(id).filter(|it| reader.filters(it)).ok_or_else(|| unknown(name))?;
        let mut test = match self.tests.iter().position(|it| it.0 == id) {
            Some(at) => self.tests.remove(at).1,
            None => Test::empty(field, end.is_some()),
        };
        test.add(catalog, field, end, value)?;
        self.tests.push((id.to_owned(), test));
        Ok(())
    }

    /// Whether anything narrows the list.
    pub fn is_narrowed(&self) -> bool {
        let marks = [
            self.region.is_some(),
            self.fresh.is_some(),
            self.owner.is_some(),
            self.batch.is_some(),
            self.shape.is_some(),
        ];
        !self.q.is_empty() || !self.tests.is_empty() || marks.contains(&true)
    }

    /// The same without one condition, as an address names it.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let mut other = Self { page: 1, ..self.clone() };
        match name {
            "q" => other.q.clear(),
            "region" => other.region = None,
            "fresh" => other.fresh = None,
            "owner" => other.owner = None,
            "batch" => other.batch = None,
            "in" => other.shape = None,
            _ => other.tests.retain(|it| Some(it.0.as_str()) != name.strip_prefix("f.")),
        }
        other
    }

    /// The conditions as an address has them, without `?`, order and page.
    pub fn conditions(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        let mut add = |name: &str, value: &str| pairs.push((name.to_owned(), value.to_owned()));
        let text = |it: &Option<String>| it.clone().unwrap_or_default();
        add("q", &self.q);
        add("region", self.region.as_ref().map_or("", RegionCode::as_str));
        add("fresh", self.fresh.map_or("", Fresh::name));
        add("owner", &text(&self.owner));
        add("batch", &text(&self.batch));
        add("in", &text(&self.shape));
        for (id, test) in &self.tests {
            match test {
                Test::Among { given, none, .. } => {
                    let all: Vec<&str> = given.iter().map(String::as_str).chain(none.then_some(NONE)).collect();
                    add(&format!("f.{id}"), &all.join(","));
                }
                Test::Numbers(min, max) => {
                    let text = |it: &Option<f64>| it.map(|it| it.to_string()).unwrap_or_default();
                    add(&format!("f.{id}.min"), &text(min));
                    add(&format!("f.{id}.max"), &text(max));
                }
                Test::Between { given: [min, max], .. } => {
                    add(&format!("f.{id}.min"), &text(min));
                    add(&format!("f.{id}.max"), &text(max));
                }
            }
        }
        pairs.retain(|it| !it.1.is_empty());
        pairs
    }

    /// The whole as an address has it, without `?`; what goes without saying is left out.
    pub fn query(&self) -> String {
        let mut pairs = self.conditions();
        let usual = Self { page: 1, size: USUAL, ..Self::default() };
        if self.sort() != usual.sort() {
            pairs.push(("sort".to_owned(), self.sort()));
        }
        if !self.columns.is_empty() {
            pairs.push(("columns".to_owned(), self.columns.join(",")));
        }
        for (name, number, usual) in [("size", self.size, usual.size), ("page", self.page, 1)] {
            if number != usual {
                pairs.push((name.to_owned(), number.to_string()));
            }
        }
        joined(&pairs)
    }

    /// The order as an address has it.
    pub fn sort(&self) -> String {
        format!("{}{}", if self.descending { "-" } else { "" }, self.order.name())
    }
}

/// Pairs as the query of an address.
pub(crate) fn joined(pairs: &[(String, String)]) -> String {
    pairs.iter().map(|(name, it)| format!("{}={}", percent(name), percent(it))).collect::<Vec<_>>().join("&")
}

impl Test {
    fn empty(field: &Field, ranged: bool) -> Self {
        match field.sort {
            Sort::Number | Sort::Money if ranged => Self::Numbers(None, None),
            Sort::Date | Sort::Time if ranged => Self::Between { given: [None, None], meant: [None, None] },
            _ => Self::Among { given: Vec::new(), meant: Vec::new(), none: false },
        }
    }

    fn add(&mut self, catalog: &Catalog, field: &Field, end: Option<usize>, text: &str) -> Result<(), Problem> {
        match (self, end) {
            (Self::Numbers(min, max), Some(end)) => {
                let number = value::decimal(text, field.unit.as_deref());
                let number = number.ok_or_else(|| bad("bad_number", text, "数字", "number"))?;
                *if end == 0 { min } else { max } = Some(number);
            }
            (Self::Between { given, meant }, Some(end)) => {
                let day = value::day(text).ok_or_else(|| bad("bad_date", text, "日期", "date"))?.to_string();
                meant[end] = Some(if field.sort == Sort::Time { moment_of(&day, end)? } else { day.clone() });
                given[end] = Some(day);
            }
            (Self::Among { given, meant, none }, None) => {
                for one in text.split(',').map(str::trim).filter(|it| !it.is_empty()) {
                    if one == NONE {
                        *none = true;
                        continue;
                    }
                    let (alone, one) = one.strip_prefix(EXACTLY).map_or((false, one), |it| (true, it));
                    let stored = stored(catalog, field, one)?;
                    let words = if alone { format!("{EXACTLY}{stored}") } else { stored.clone() };
                    if given.contains(&words) {
                        continue;
                    }
                    match catalog.list_of(field).filter(|_| !alone) {
                        Some(list) => meant.extend(list.below(&stored).into_iter().map(str::to_owned)),
                        None => meant.push(stored),
                    }
                    given.push(words);
                }
                if given.len() > VALUES {
                    return Err(bad("bad_choice", &given.len().to_string(), "200 个以内的值", "at most 200 values"));
                }
            }
            _ => return Err(unknown(&field.id)),
        }
        Ok(())
    }
}

/// A value as it is stored beside a record.
fn stored(catalog: &Catalog, field: &Field, text: &str) -> Result<String, Problem> {
    match field.sort {
        Sort::Choice(_) | Sort::YesNo | Sort::Number | Sort::Money | Sort::Date | Sort::Time => {
            let read = value::read(catalog, &Field { many: false, ..field.clone() }, text)?;
            Ok(value::plain(&read))
        }
        _ => Ok(text.to_owned()),
    }
}

/// The first or the last moment of a day on the bureau's clock.
fn moment_of(day: &str, end: usize) -> Result<String, Problem> {
    let clock = ["00:00:00", "23:59:59"][end];
    let moment = Instant::parse(&format!("{day}T{clock}+08:00")).map_err(|_| bad("bad_date", day, "日期", "date"))?;
    Ok(moment.to_rfc3339())
}

fn tidy(text: &str) -> String {
    let text = text.trim();
    let most = if text.contains(',') { LONGEST * VALUES } else { LONGEST };
    text.chars().filter(|it| !it.is_control()).take(most).collect()
}

fn bad(code: &str, value: &str, zh: &str, en: &str) -> Problem {
    Problem::new(code, format!("“{value}”应为{zh}"), format!("{value:?} should be a {en}"))
}

fn unknown(name: &str) -> Problem {
    Problem::new("bad_condition", format!("没有“{name}”这个条件"), format!("there is no condition {name:?}"))
}

#[cfg(test)]
mod tests {
    use anlan_kernel::Lang;

    use super::*;
    use crate::kinds::Source;

    const KINDS: &str = r#"
[[kind]]
id = "pump"
title = { zh = "泵站", en = "Pump" }
group = { zh = "水", en = "Water" }
name = "name"
sources = ["s"]
field = [
  { id = "name", title = { zh = "名称", en = "Name" }, type = "text", required = true },
  { id = "size", title = { zh = "流量", en = "Flow" }, type = "number", unit = "m3/s", filter = true },
  { id = "made", title = { zh = "建成", en = "Made" }, type = "date", filter = true },
  { id = "open", title = { zh = "开机", en = "Running" }, type = "yes_no", filter = true },
]
"#;

    #[test]
    fn an_address_comes_back_as_it_was_meant_and_what_is_unknown_is_named() {
        let files = [("kinds.toml".to_owned(), KINDS.to_owned())].into();
        let source =
            Source { id: "p".into(), name: "p@1".into(), sources: vec!["s".into()], files, ..Source::default() };
        let (catalog, findings) = Catalog::join(&[source]);
        assert!(findings.is_empty(), "{findings:?}");
        let kind = catalog.kind("pump").unwrap();
        let ask = |text: &str| {
            let pairs: Vec<_> = text
                .split('&')
                .filter_map(|it| it.split_once('='))
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
                .collect();
            Asked::of(&catalog, kind, &Reader::everything(), &pairs, &["view"])
        };
        let whole = "q=东湖&region=440303&f.size.min=2&f.open=true&f.made.max=2026-05-01&sort=-f.size&size=20&page=3";
        let (asked, problems) = ask(whole);
        assert_eq!(problems, []);
        let (again, _) = ask(&asked.query().replace("%E4%B8%9C%E6%B9%96", "东湖"));
        assert_eq!(again, asked, "{}", asked.query());
        assert_eq!(ask("f.open=是").0.conditions(), [("f.open".to_owned(), "true".to_owned())]);
        for wrong in
            ["f.name=a", "f.none=a", "colour=red", "sort=f.name", "f.size.min=many", "page=0", "fresh=old", "region=x"]
        {
            let (asked, problems) = ask(wrong);
            assert_eq!((asked.is_narrowed(), problems.len()), (false, 1), "{wrong}");
            assert!(problems[0].sentence(Lang::Zh).starts_with('['), "{problems:?}");
        }
        assert_eq!(ask("view=v1&f.size=").1, []);
    }
}
