//! References: what ids are called, and what names mean.
//!
//! People, posts and records are named inside the reader's duty areas; units and regions are public words.

use std::collections::{BTreeSet, HashMap};

use anlan_kernel::{Lang, Problem, RegionCode};
use anlan_store::{Row, StoreError, Tx};
use serde_json::Value as Json;

use super::{Record, list::Reader};
use crate::{
    kinds::{
        Catalog, Field, Kind, Sort,
        value::{self, Values},
    },
    model::masked_name,
    phone,
    store::{self, Where},
};

/// Ids or names of one statement.
const AT_ONCE: usize = 500;
/// Candidates that are named where several are meant.
const NAMED: usize = 5;

/// What a reference points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum To {
    Person,
    Post,
    Organisation,
    Record,
}

/// Whether a field holds ids of other things.
pub fn is_reference(field: &Field) -> bool {
    to(field).is_some() || field.sort == Sort::Region
}

fn to(field: &Field) -> Option<To> {
    Some(match field.sort {
        Sort::Person => To::Person,
        Sort::Post => To::Post,
        Sort::Organisation => To::Organisation,
        Sort::Link(_) => To::Record,
        _ => return None,
    })
}

/// What ids are called.
#[derive(Clone, Debug, Default)]
pub struct Names {
    words: HashMap<(To, String), String>,
    regions: HashMap<String, String>,
}

impl Names {
    /// Names of everything these records of one kind point to, masked as the reader may see.
    ///
    /// # Errors
    /// What the engine says.
    pub fn of(
        tx: &mut Tx<'_>,
        catalog: &Catalog,
        kind: &Kind,
        reader: &Reader,
        records: &[&Record],
    ) -> Result<Self, StoreError> {
        let mut wanted = BTreeSet::new();
        let mut codes = BTreeSet::new();
        for record in records {
            codes.insert(record.region.to_string());
            wanted.extend(record.owner.iter().map(|it| (To::Organisation, it.clone())));
            for field in kind.fields.iter().filter(|it| is_reference(it) && reader.sees(it)) {
                let values = record.value(&field.id).map(value::every).unwrap_or_default();
                let ids = values.into_iter().filter_map(Json::as_str).map(str::to_owned);
                match to(field) {
                    Some(to) => wanted.extend(ids.map(|it| (to, it))),
                    None => codes.extend(ids),
                }
            }
        }
        Self::of_ids(tx, catalog, reader, &wanted, &codes)
    }

    /// Names of the values of one field, and of regions.
    ///
    /// # Errors
    /// What the engine says.
    pub fn of_field(
        tx: &mut Tx<'_>,
        catalog: &Catalog,
        reader: &Reader,
        field: &Field,
        values: &[String],
    ) -> Result<Self, StoreError> {
        let (mut wanted, mut codes) = (BTreeSet::new(), BTreeSet::new());
        match to(field) {
            Some(to) => wanted.extend(values.iter().map(|it| (to, it.clone()))),
            None if field.sort == Sort::Region => codes.extend(values.iter().cloned()),
            None => {}
        }
        Self::of_ids(tx, catalog, reader, &wanted, &codes)
    }

    /// Names of regions.
    ///
    /// # Errors
    /// What the engine says.
    pub fn of_regions(tx: &mut Tx<'_>, codes: impl IntoIterator<Item = String>) -> Result<Self, StoreError> {
        Ok(Self { regions: regions(tx, &codes.into_iter().collect())?, ..Self::default() })
    }

    /// Names of units.
    ///
    /// # Errors
    /// What the engine says.
    pub fn of_units(tx: &mut Tx<'_>, ids: impl IntoIterator<Item = String>) -> Result<Self, StoreError> {
        let wanted = ids.into_iter().map(|it| (To::Organisation, it)).collect();
        Self::of_ids(tx, &Catalog::default(), &Reader::default(), &wanted, &BTreeSet::new())
    }

    fn of_ids(
        tx: &mut Tx<'_>,
        catalog: &Catalog,
        reader: &Reader,
        wanted: &BTreeSet<(To, String)>,
        codes: &BTreeSet<String>,
    ) -> Result<Self, StoreError> {
        let mut this = Self { regions: regions(tx, codes)?, ..Self::default() };
        for to in [To::Person, To::Post, To::Organisation, To::Record] {
            let ids: Vec<&str> = wanted.iter().filter(|it| it.0 == to).map(|it| it.1.as_str()).collect();
            for some in ids.chunks(AT_ONCE) {
                for (id, words) in named(tx, catalog, reader, to, some)? {
                    this.words.insert((to, id), words);
                }
            }
        }
        Ok(this)
    }

    /// A value as people read it, references by their names.
    pub fn words(&self, catalog: &Catalog, field: &Field, value: &Json, lang: Lang) -> String {
        if !is_reference(field) {
            return value::words(catalog, field, value, lang);
        }
        let words = |it: &Json| self.word(field, it.as_str().unwrap_or_default(), lang);
        value::every(value).into_iter().map(words).collect::<Vec<_>>().join(lang.pick("、", ", "))
    }

    /// One id of a field by its name.
    pub fn word(&self, field: &Field, id: &str, lang: Lang) -> String {
        match to(field) {
            None => self.region(id),
            Some(to) => self.words.get(&(to, id.to_owned())).cloned().unwrap_or_else(|| elsewhere(lang)),
        }
    }

    /// A unit by its name.
    pub fn unit(&self, id: &str) -> String {
        self.words.get(&(To::Organisation, id.to_owned())).cloned().unwrap_or_else(|| id.to_owned())
    }

    /// A region by its name, a community behind its street; the code where it has none.
    pub fn region(&self, code: &str) -> String {
        let own = self.regions.get(code);
        let street = code.get(..9).filter(|_| code.len() > 9).and_then(|it| self.regions.get(it));
        match (street, own) {
            (Some(street), Some(own)) => format!("{street} {own}"),
            (Some(street), None) => format!("{street} {}", &code[9..]),
            (None, Some(own)) => own.clone(),
            (None, None) => code.to_owned(),
        }
    }
}

fn elsewhere(lang: Lang) -> String {
    lang.pick("（不在您的责任区内）", "(outside your duty areas)").to_owned()
}

fn regions(tx: &mut Tx<'_>, codes: &BTreeSet<String>) -> Result<HashMap<String, String>, StoreError> {
    let above = codes.iter().filter_map(|it| it.get(..9).filter(|street| *street != it.as_str()));
    let codes: BTreeSet<&str> = codes.iter().map(String::as_str).chain(above).collect();
    let codes: Vec<&str> = codes.into_iter().collect();
    let mut found = HashMap::new();
    for some in codes.chunks(AT_ONCE) {
        let by = Where::among("code", some.iter().copied());
        for row in tx.query(&format!("SELECT code, name FROM region WHERE {}", by.text), &by.values)? {
            found.insert(row.text(0)?, row.text(1)?);
        }
    }
    Ok(found)
}

fn named(
    tx: &mut Tx<'_>,
    catalog: &Catalog,
    reader: &Reader,
    to: To,
    ids: &[&str],
) -> Result<Vec<(String, String)>, StoreError> {
    let name = |it: String| if reader.clear { it } else { masked_name(&it) };
    let rows = rows_by(tx, to, "id", ids)?;
    rows.iter()
        .map(|row| {
            let text = |at| row.opt(at, Row::text).map(Option::unwrap_or_default);
            let own = text(1)?;
            let words = match to {
                To::Person => name(own),
                To::Post => format!("{} {} · {}", text(3)?, own, name(text(2)?)),
                To::Organisation => own,
                To::Record => {
                    let personal = catalog.kind(&text(2)?).is_none_or(Kind::name_is_personal);
                    if own.is_empty() {
                        row.text(0)?
                    } else if personal {
                        name(own)
                    } else {
                        own
                    }
                }
            };
            Ok((row.text(0)?, words))
        })
        .collect()
}

/// Id, name and what else tells a thing apart, by one of its columns.
fn rows_by(tx: &mut Tx<'_>, to: To, column: &str, values: &[&str]) -> Result<Vec<Row>, StoreError> {
    let alias = match to {
        To::Person => "n",
        To::Post => "p",
        To::Organisation => {
            return store::organisation_names(tx, Where::among(&format!("o.{column}"), values.iter().copied()));
        }
        To::Record => "r",
    };
    let by = Where::among(&format!("{alias}.{column}"), values.iter().copied());
    let which = &by.text;
    let sql = match to {
        To::Person => format!(
            "SELECT n.id, n.name, n.phone, n.spare, n.region FROM person n
              WHERE {which} AND n.erased_at IS NULL AND {{scope:n.region}}"
        ),
        To::Post => format!(
            "SELECT p.id, p.title, n.name, o.name FROM post p LEFT JOIN person n ON n.id = p.person
               LEFT JOIN organisation o ON o.id = p.organisation WHERE {which} AND {{scope:p.region}}"
        ),
        _ => format!("SELECT r.id, r.name, r.kind, r.key FROM record r WHERE {which} AND {{scope:r.region}}"),
    };
    tx.query(&sql, &by.values)
}

/// Names that a batch of drafts holds where ids should stand.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    texts: BTreeSet<(To, String, String)>,
}

impl Wanted {
    /// The references of one draft of this kind.
    pub fn values(&mut self, kind: &Kind, values: &Values) {
        for field in &kind.fields {
            let Some(to) = to(field) else { continue };
            for it in values.get(&field.id).map(value::every).unwrap_or_default() {
                self.add(to, target(field), it.as_str().unwrap_or_default());
            }
        }
    }

    /// A unit, such as the one it belongs to.
    pub fn unit(&mut self, text: &str) {
        self.add(To::Organisation, "", text);
    }

    fn add(&mut self, to: To, target: &str, text: &str) {
        if !text.trim().is_empty() {
            self.texts.insert((to, target.to_owned(), text.trim().to_owned()));
        }
    }
}

fn target(field: &Field) -> &str {
    match &field.sort {
        Sort::Link(kind) => kind,
        _ => "",
    }
}

/// Something a name may mean.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Candidate {
    id: String,
    /// How it is told apart from others.
    words: String,
}

/// What names mean, for a whole batch: few statements, then look-ups in memory.
#[derive(Clone, Debug, Default)]
pub struct Resolver {
    found: HashMap<(To, String, String), Vec<Candidate>>,
    regions: Vec<(String, String)>,
    known: BTreeSet<String>,
}

impl Resolver {
    /// Ids that stand already are meant by themselves, wherever what they name lies.
    pub fn know(&mut self, ids: BTreeSet<String>) {
        self.known = ids;
    }

    /// Looks everything up that is wanted, inside the actor's duty areas.
    ///
    /// # Errors
    /// What the engine says.
    pub fn load(tx: &mut Tx<'_>, wanted: &Wanted) -> Result<Self, StoreError> {
        let mut this = Self::default();
        for row in tx.query("SELECT code, name FROM region ORDER BY code", &[])? {
            this.regions.push((row.text(0)?, row.text(1)?));
        }
        let mut groups: HashMap<(To, &str), Vec<&str>> = HashMap::new();
        for (to, target, text) in &wanted.texts {
            groups.entry((*to, target)).or_default().push(text);
        }
        for ((to, target), texts) in groups {
            for some in texts.chunks(AT_ONCE) {
                this.look(tx, to, target, some)?;
            }
        }
        Ok(this)
    }

    fn look(&mut self, tx: &mut Tx<'_>, to: To, target: &str, texts: &[&str]) -> Result<(), StoreError> {
        let parted: Vec<(String, String)> = texts
            .iter()
            .map(|it| if to == To::Person { name_and_number(it) } else { ((*it).to_owned(), String::new()) })
            .collect();
        let names: Vec<&str> = parted.iter().map(|it| it.0.as_str()).filter(|it| !it.is_empty()).collect();
        let numbers: Vec<&str> = parted.iter().map(|it| it.1.as_str()).filter(|it| !it.is_empty()).collect();
        let mut rows = rows_by(tx, to, "id", texts)?;
        let ways: &[(&str, &[&str])] = match to {
            To::Person => &[("name", &names), ("phone", &numbers), ("spare", &numbers)],
            To::Post => &[],
            To::Organisation => &[("name", &names)],
            To::Record => &[("name", &names), ("key", &names)],
        };
        for (column, values) in ways {
            if !values.is_empty() {
                rows.extend(rows_by(tx, to, column, values)?);
            }
        }
        for (text, (name, number)) in texts.iter().zip(&parted) {
            let mut found: Vec<Candidate> = Vec::new();
            for row in &rows {
                let it = meant(to, target, row, text, name, number)?;
                found.extend(it.filter(|it| found.iter().all(|other| other.id != it.id)));
            }
            // Whose id it is goes before whose name it is.
            if let Some(exact) = found.iter().find(|it| it.id == **text).cloned() {
                found = vec![exact];
            }
            self.found.insert((to, target.to_owned(), (*text).to_owned()), found);
        }
        Ok(())
    }

    /// Puts ids in place of names in one draft of this kind; what cannot be told is a problem that names the field.
    pub fn resolve(&self, kind: &Kind, values: &mut Values) -> Vec<Problem> {
        let mut problems = Vec::new();
        for field in kind.fields.iter().filter(|it| is_reference(it)) {
            let Some(value) = values.get_mut(&field.id).filter(|it| !value::is_empty(it)) else { continue };
            let read = |it: &Json| self.one(field, it.as_str().unwrap_or_default()).map(Json::String);
            let resolved = match &*value {
                Json::Array(many) => many.iter().map(read).collect::<Result<Vec<_>, _>>().map(Json::Array),
                one => read(one),
            };
            match resolved {
                Ok(it) => *value = it,
                Err(problem) => problems.push(problem.field(field.title.get(Lang::Zh))),
            }
        }
        problems
    }

    fn one(&self, field: &Field, text: &str) -> Result<String, Problem> {
        match to(field) {
            None => self.region(&[text]).map(|it| it.to_string()),
            Some(to) => self.found_of(to, target(field), text),
        }
    }

    /// The unit that a name or an id means.
    ///
    /// # Errors
    /// `unknown_reference`, `ambiguous_reference`.
    pub fn unit(&self, text: &str) -> Result<String, Problem> {
        self.found_of(To::Organisation, "", text)
    }

    fn found_of(&self, to: To, target: &str, text: &str) -> Result<String, Problem> {
        let text = text.trim();
        if self.known.contains(text) {
            return Ok(text.to_owned());
        }
        let found = self.found.get(&(to, target.to_owned(), text.to_owned())).map_or(&[][..], Vec::as_slice);
        match found {
            [one] => Ok(one.id.clone()),
            [] => Err(unknown(to, text)),
            many => Err(ambiguous(text, many.iter().map(|it| it.words.as_str()))),
        }
    }

    /// The region that a code, a name, or names from the wider to the narrower mean (街道, 社区).
    ///
    /// # Errors
    /// `unknown_region`, `ambiguous_reference`.
    pub fn region(&self, words: &[&str]) -> Result<RegionCode, Problem> {
        let words: Vec<&str> = words
            .iter()
            .flat_map(|it| it.split(['/', ' ', '·', '　']))
            .map(str::trim)
            .filter(|it| !it.is_empty())
            .collect();
        let none = || {
            let text = words.join(" ");
            Problem::new("unknown_region", format!("没有“{text}”这个区划"), format!("there is no region {text:?}"))
        };
        let mut found: Vec<&(String, String)> = Vec::new();
        for (at, word) in words.iter().enumerate() {
            let above = if at == 0 { None } else { Some(std::mem::take(&mut found)) };
            let lies = |code: &str| above.as_ref().is_none_or(|it| it.iter().any(|up| code.starts_with(&up.0)));
            found = self.regions.iter().filter(|it| lies(&it.0) && (it.0 == *word || it.1 == *word)).collect();
            if found.is_empty() {
                found = self.regions.iter().filter(|it| lies(&it.0) && short(&it.1) == short(word)).collect();
            }
        }
        match found.as_slice() {
            [one] => RegionCode::parse(&one.0).map_err(|_| none()),
            [] => match words.as_slice() {
                // Grids lie in communities and stand in no table.
                [code] if code.len() > 2 && self.regions.iter().any(|it| code.starts_with(&it.0)) => {
                    RegionCode::parse(code).map_err(|_| none())
                }
                _ => Err(none()),
            },
            many => Err(ambiguous(&words.join(" "), many.iter().map(|it| it.0.as_str()))),
        }
    }
}

fn short(name: &str) -> &str {
    let ends =
        ["街道办事处", "居民委员会", "村民委员会", "居委会", "村委会", "街道办", "街道", "社区", "镇", "乡", "村"];
    ends.iter().find_map(|it| name.strip_suffix(it).filter(|it| !it.is_empty())).unwrap_or(name)
}

/// Whether the row is one that the text means, and how it is told apart.
fn meant(
    to: To,
    target: &str,
    row: &Row,
    text: &str,
    name: &str,
    number: &str,
) -> Result<Option<Candidate>, StoreError> {
    let part = |at| row.opt(at, Row::text).map(Option::unwrap_or_default);
    let (id, own) = (row.text(0)?, part(1)?);
    let fits = match to {
        To::Person => {
            let numbers = [part(2)?, part(3)?];
            (name.is_empty() || own == name)
                && (number.is_empty() || numbers.iter().any(|it| it == number))
                && !(name.is_empty() && number.is_empty())
        }
        To::Record => part(2)? == target && (own == text || part(3)? == text),
        To::Post | To::Organisation => own == text && to == To::Organisation,
    };
    if !fits && id != text {
        return Ok(None);
    }
    let words = match to {
        To::Person => format!("{}（{}，{}）", masked_name(&own), phone::masked(&part(2)?), part(4)?),
        To::Record => format!("{own}（{}）", if part(3)?.is_empty() { id.clone() } else { part(3)? }),
        _ => format!("{own}（{id}）"),
    };
    Ok(Some(Candidate { id, words }))
}

/// `张三 15400000001`, `张三（15400000001）`, either alone.
fn name_and_number(text: &str) -> (String, String) {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if digits.len() < 7 || text.starts_with("person:") {
        return (text.trim().to_owned(), String::new());
    }
    let name: String = text.chars().filter(|it| !it.is_ascii_digit() && !"()（） -+".contains(*it)).collect();
    (name, phone::tidy(&digits))
}

fn unknown(to: To, text: &str) -> Problem {
    let (zh, en) = match to {
        To::Person => ("责任区内没有这个人", "there is no such person in your duty areas"),
        To::Post => ("责任区内没有这个岗位", "there is no such post in your duty areas"),
        To::Organisation => ("没有这个单位", "there is no such organisation"),
        To::Record => ("责任区内没有这条记录", "there is no such record in your duty areas"),
    };
    Problem::new("unknown_reference", format!("“{text}”：{zh}"), format!("{text:?}: {en}"))
}

fn ambiguous<'a>(text: &str, candidates: impl Iterator<Item = &'a str>) -> Problem {
    let all: Vec<&str> = candidates.take(NAMED).collect();
    Problem::new(
        "ambiguous_reference",
        format!("“{text}”不止一个：{}；请写清楚是哪一个", all.join("、")),
        format!("{text:?} may mean {}; say which one", all.join(", ")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_named_with_or_without_a_number() {
        for (text, want) in [
            ("张三", ("张三", "")),
            ("张三 15400000001", ("张三", "15400000001")),
            ("张三（15400000001）", ("张三", "15400000001")),
            ("15400000001", ("", "15400000001")),
            ("person:000000001", ("person:000000001", "")),
        ] {
            assert_eq!(name_and_number(text), (want.0.to_owned(), want.1.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_region_is_meant_by_code_by_name_or_by_names_in_turn() {
        let regions = [
            ("440303001", "桂园街道"),
            ("440303002", "黄贝街道"),
            ("440303001001", "老围社区"),
            ("440303002001", "老围社区"),
        ];
        let regions = regions.map(|it| (it.0.to_owned(), it.1.to_owned())).to_vec();
        let resolver = Resolver { regions, ..Resolver::default() };
        let code = |words: &[&str]| resolver.region(words).map(|it| it.to_string()).map_err(|it| it.code);
        assert_eq!(code(&["桂园"]), Ok("440303001".to_owned()));
        assert_eq!(code(&["黄贝街道", "老围社区"]), Ok("440303002001".to_owned()));
        assert_eq!(code(&["黄贝街道办事处 老围"]), Ok("440303002001".to_owned()));
        assert_eq!(code(&["440303001001007"]), Ok("440303001001007".to_owned()));
        assert_eq!(code(&["老围社区"]), Err("ambiguous_reference".to_owned()));
        assert_eq!(code(&["蓬莱"]), Err("unknown_region".to_owned()));
        assert_eq!(code(&["999999"]), Err("unknown_region".to_owned()));
    }
}
