//! What becomes of rows: looked up, prepared, and said to be new, changed, the same or refused; written where asked.

use std::collections::{BTreeMap, HashMap};

use anlan_codecs::geo::{Geometry as Shape, detect::Outline};
use anlan_kernel::{Lang, Problem, RegionCode};
use anlan_store::{StoreError, Tx, Value};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    row::{Plan, Read},
    table::Row,
};
use crate::{
    kinds::value,
    model::Geometry,
    records::{
        Cause, Draft, Outcome, Ready, Record,
        refs::{Names, Resolver, Wanted},
        write::{self, place_of, prepare},
    },
};

/// What a row does to the register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Became {
    /// A new record.
    New,
    /// A changed one.
    Changed,
    /// It says what stands there.
    Same,
    /// It is refused.
    Refused,
}

/// What changes in a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The field.
    pub field: String,
    /// As it stood.
    pub before: String,
    /// As it will stand.
    pub after: String,
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Its number.
    pub row: usize,
    /// What it does.
    pub became: Became,
    /// The record's id, once it is written or stood there before.
    pub id: Option<String>,
    /// What names the record.
    pub title: String,
    /// What changes, where somebody asked.
    pub differences: Vec<Difference>,
    /// Why it is refused.
    pub problems: Vec<Problem>,
    /// What to look at.
    pub notes: Vec<Problem>,
    /// Keys and unique values that are its own from here on.
    pub claims: Vec<Claim>,
}

/// A key or unique value, by its digest.
pub type Claim = [u8; 16];

/// Which rows claimed which keys and unique values.
pub type Seen = HashMap<Claim, usize>;

/// Outlines of regions.
#[derive(Clone, Debug, Default)]
pub struct Outlines(BTreeMap<String, Outline>);

impl Outlines {
    /// Those inside the actor's duty areas.
    ///
    /// # Errors
    /// What the engine says.
    pub fn load(tx: &mut Tx<'_>) -> Result<Self, StoreError> {
        let mut found = BTreeMap::new();
        for it in tx.find::<Geometry>("1 = 1", "ORDER BY id", &[])? {
            let outline = match write::of_geojson(&it.geojson) {
                Ok(Shape::Polygon(area)) => Outline::new(area.into()),
                Ok(Shape::MultiPolygon(areas)) => Outline::new(areas),
                _ => continue,
            };
            found.insert(it.region.to_string(), outline);
        }
        Ok(Self(found))
    }

    /// The narrowest region whose outline holds the position.
    pub fn at(&self, (x, y): (f64, f64)) -> Option<RegionCode> {
        let holds = |it: &(&String, &Outline)| it.1.contains((x, y).into());
        let found = self.0.iter().filter(holds).max_by_key(|it| it.0.len());
        found.and_then(|it| RegionCode::parse(it.0).ok())
    }

    /// The outline of a region, or of the narrowest known one around it.
    pub fn around(&self, region: &RegionCode) -> Option<&Outline> {
        let code = region.as_str();
        (2..=code.len()).rev().find_map(|it| self.0.get(&code[..it]))
    }
}

/// A row on its way.
struct Way {
    read: Read,
    title: String,
    ready: Option<Ready>,
    claims: Vec<Claim>,
}

/// Looks at rows; with `cause` they are written, else only said to be. `detail`: with differences.
///
/// # Errors
/// What the store says.
pub fn judge(
    tx: &mut Tx<'_>,
    plan: &Plan,
    outlines: &Outlines,
    rows: &[Row],
    seen: &Seen,
    cause: Option<&Cause>,
    detail: bool,
) -> Result<Vec<Verdict>, StoreError> {
    let mut ways: Vec<Way> = rows.iter().map(|it| Way::new(plan.read(it))).collect();
    let mut wanted = Wanted::default();
    for way in &ways {
        wanted.values(&plan.kind, &way.read.values);
        wanted.unit(&way.read.owner);
    }
    let resolver = Resolver::load(tx, &wanted)?;
    let regions = Regions { resolver: &resolver, outlines };
    ways.iter_mut().for_each(|it| it.read.problems.extend(resolver.resolve(&plan.kind, &mut it.read.values)));
    let standing = Standing::load(tx, plan, &ways)?;
    let imported = Cause { by: "imported", why: None, batch: None };
    let mut own = Seen::new();
    for way in &mut ways {
        way.prepare(tx, plan, &regions, &standing, cause.unwrap_or(&imported));
        way.claim(plan, seen, &mut own);
    }
    if let Some(cause) = cause {
        return written(tx, plan, ways, cause);
    }
    said(tx, plan, ways, detail)
}

/// Records that stand in the register by key, and by name where rows have none.
struct Standing {
    keyed: HashMap<String, Record>,
    named: HashMap<String, Vec<Record>>,
}

/// Records of one name that are looked at for one that says the same.
const NAMESAKES: i64 = 5_000;

impl Standing {
    fn load(tx: &mut Tx<'_>, plan: &Plan, ways: &[Way]) -> Result<Self, StoreError> {
        let keys: Vec<String> = ways.iter().filter_map(|it| key_of(plan, &it.read)).collect();
        let keyed = by(tx, plan, "key", &keys)?;
        let name = |it: &Way| it.read.values.get(&plan.kind.name).map(value::plain).filter(|it| !it.is_empty());
        let names: Vec<String> = ways.iter().filter(|it| key_of(plan, &it.read).is_none()).filter_map(name).collect();
        let mut named = HashMap::<String, Vec<Record>>::new();
        for it in by(tx, plan, "name", &names)? {
            named.entry(it.name.clone().unwrap_or_default()).or_default().push(it);
        }
        let keyed = keyed.into_iter().filter_map(|it| Some((it.key.clone()?, it))).collect();
        Ok(Self { keyed, named })
    }
}

fn by(tx: &mut Tx<'_>, plan: &Plan, column: &str, texts: &[String]) -> Result<Vec<Record>, StoreError> {
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    let values: Vec<Value> =
        std::iter::once(Value::from(plan.kind.id.as_str())).chain(texts.iter().map(Value::from)).collect();
    let places: Vec<_> = (2..=values.len()).map(|it| format!("${it}")).collect();
    tx.find::<Record>(
        &format!("kind = $1 AND {column} IN ({})", places.join(", ")),
        &format!("ORDER BY id LIMIT {NAMESAKES}"),
        &values,
    )
}

/// The key of a row as its record will have it; `None` where a part of it is missing.
fn key_of(plan: &Plan, read: &Read) -> Option<String> {
    let part = |id: &String| {
        let said = read.values.get(id).map(value::plain).filter(|it| !it.is_empty());
        said.or_else(|| {
            let field = plan.kind.field(id)?;
            Some(value::plain(&value::read(&plan.catalog, field, field.default.as_deref()?).ok()?))
        })
    };
    let parts: Option<Vec<String>> = plan.kind.key.iter().map(part).collect();
    parts.filter(|it| !it.is_empty()).map(|it| it.join("|"))
}

struct Regions<'a> {
    resolver: &'a Resolver,
    outlines: &'a Outlines,
}

impl Regions<'_> {
    /// The region a row means: by code, by names, by its place.
    fn of(&self, read: &Read) -> Result<Option<RegionCode>, Problem> {
        let [code, street, community] = &read.region;
        if !code.is_empty() {
            return self.resolver.region(&[code]).map(Some).map_err(|it| it.field("区划代码"));
        }
        if !street.is_empty() || !community.is_empty() {
            let field = if community.is_empty() { "所属街道" } else { "所属社区" };
            return self.resolver.region(&[street, community]).map(Some).map_err(|it| it.field(field));
        }
        Ok(read.place.as_ref().and_then(|it| self.outlines.at(write::middle(it))))
    }
}

fn out_of_scope(region: &RegionCode) -> Problem {
    let (zh, en) =
        (format!("区划 {region} 不在您的责任区内"), format!("the region {region} lies outside your duty areas"));
    Problem::new("out_of_scope", zh, en).field("区划代码")
}

impl Way {
    fn new(read: Read) -> Self {
        Self { read, title: String::new(), ready: None, claims: Vec::new() }
    }

    fn prepare(&mut self, tx: &Tx<'_>, plan: &Plan, regions: &Regions<'_>, standing: &Standing, cause: &Cause) {
        if self.read.unreadable {
            return;
        }
        let before = key_of(plan, &self.read).and_then(|it| standing.keyed.get(&it));
        self.title = value::plain(self.read.values.get(&plan.kind.name).unwrap_or(&serde_json::Value::Null));
        let region = match regions.of(&self.read) {
            Ok(it) => it.or_else(|| before.map(|it| it.region.clone())),
            Err(problem) => return self.read.problems.push(problem),
        };
        if let Some(region) = region.as_ref().filter(|it| !tx.actor().scope.covers(it)) {
            self.read.problems.push(out_of_scope(region));
        }
        let owner = match self.read.owner.as_str() {
            "" => before.and_then(|it| it.owner.clone()),
            text => match regions.resolver.unit(text) {
                Ok(it) => Some(it),
                Err(problem) => return self.read.problems.push(problem.field("责任单位")),
            },
        };
        let (values, problems) = plan.over(&self.read, before.map(Record::values).as_ref());
        self.read.problems.extend(problems);
        let place = self.read.place.clone().or_else(|| place_of(before?));
        self.read.notes.extend(outside(regions.outlines, region.as_ref(), place.as_ref()));
        let draft = Draft { region, values, place, owner };
        let ready = |before: Option<&Record>| {
            prepare(&plan.catalog, &plan.kind, draft.clone(), before, cause, &tx.actor().name, tx.now())
        };
        // A row without a key that says what stands there is that record.
        let namesakes =
            if before.is_none() { standing.named.get(&self.title).map(Vec::as_slice).unwrap_or_default() } else { &[] };
        let same = |it: &&Record| ready(Some(it)).is_ok_and(|ready| write::says_the_same(it, &ready.record));
        match ready(before.or_else(|| namesakes.iter().find(same))) {
            Ok(it) if self.read.problems.is_empty() => self.ready = Some(it),
            Ok(_) => {}
            Err(problems) => self.blame(problems),
        }
    }

    /// Adds what is wrong, but no field twice: one that cannot be read is not missing too.
    fn blame(&mut self, problems: Vec<Problem>) {
        let known = |it: &Problem| self.read.problems.iter().any(|known| known.place.field == it.place.field);
        let fresh: Vec<Problem> = problems.into_iter().filter(|it| !known(it)).collect();
        self.read.problems.extend(fresh);
    }

    /// Takes key and unique values, unless a row before did.
    fn claim(&mut self, plan: &Plan, seen: &Seen, own: &mut Seen) {
        let Some(ready) = &self.ready else { return };
        let key = ready.record.key.as_ref().map(|it| (String::new(), it.clone()));
        let unique = plan.kind.fields.iter().filter(|it| it.unique && it.personal.is_none()).filter_map(|field| {
            let text = value::plain(ready.record.fields.get(&field.id)?);
            Some((field.id.clone(), text)).filter(|it| !it.1.is_empty())
        });
        for (field, text) in key.into_iter().chain(unique) {
            let claim = digest(&field, &text);
            if let Some(row) = seen.get(&claim).or_else(|| own.get(&claim)) {
                let ids: Vec<&str> =
                    if field.is_empty() { plan.kind.key.iter().map(String::as_str).collect() } else { vec![&field] };
                let title = |lang: Lang| {
                    ids.iter()
                        .filter_map(|it| Some(plan.kind.field(it)?.title.get(lang)))
                        .collect::<Vec<_>>()
                        .join(lang.pick("、", ", "))
                };
                let (zh, en) = (
                    format!("与第 {row} 行重复：{}相同", title(Lang::Zh)),
                    format!("the same {} as in row {row}", title(Lang::En)),
                );
                self.read.problems.push(Problem::new("twice_in_file", zh, en).field(title(Lang::Zh)));
                self.ready = None;
                return;
            }
            self.claims.push(claim);
        }
        own.extend(self.claims.iter().map(|it| (*it, self.read.number)));
    }

    fn verdict(self, became: Became, record: Option<&Record>) -> Verdict {
        let refused = became == Became::Refused;
        Verdict {
            row: self.read.number,
            became,
            id: record.map(|it| it.id.clone()),
            title: record.and_then(|it| it.name.clone()).unwrap_or(self.title),
            differences: Vec::new(),
            problems: self.read.problems,
            notes: if refused { Vec::new() } else { self.read.notes },
            claims: if refused { Vec::new() } else { self.claims },
        }
    }
}

fn digest(field: &str, text: &str) -> Claim {
    let digest = Sha256::digest(format!("{field}\u{1}{text}").as_bytes());
    let mut claim = Claim::default();
    claim.copy_from_slice(&digest[..16]);
    claim
}

/// A place outside the region that is stated: somebody should look at it.
fn outside(outlines: &Outlines, region: Option<&RegionCode>, place: Option<&Shape>) -> Option<Problem> {
    let (region, place) = (region?, place?);
    let (x, y) = write::middle(place);
    let outline = outlines.around(region)?;
    if outline.contains((x, y).into()) {
        return None;
    }
    let (zh, en) = (
        format!("位置不在所填区划 {region} 的范围内"),
        format!("the place lies outside the region {region} that is stated"),
    );
    Some(Problem::new("outside_region", zh, en).field("位置"))
}

/// Takes those that are ready out, with the places they came from.
fn readies(ways: &mut [Way]) -> (Vec<usize>, Vec<Ready>) {
    ways.iter_mut().enumerate().filter_map(|(at, it)| Some((at, it.ready.take()?))).unzip()
}

fn written(tx: &mut Tx<'_>, plan: &Plan, mut ways: Vec<Way>, cause: &Cause) -> Result<Vec<Verdict>, StoreError> {
    let (places, ready) = readies(&mut ways);
    let outcomes = write::write_many(tx, &plan.catalog, &plan.kind, ready, cause)?;
    let mut outcomes: HashMap<usize, Outcome> = places.into_iter().zip(outcomes).collect();
    let verdict = |(at, mut way): (usize, Way)| match outcomes.remove(&at) {
        Some(Outcome::Created(it)) => way.verdict(Became::New, Some(&it)),
        Some(Outcome::Changed(it)) => way.verdict(Became::Changed, Some(&it)),
        Some(Outcome::Same(it)) => way.verdict(Became::Same, Some(&it)),
        Some(Outcome::Refused(problems)) => {
            way.read.problems.extend(problems);
            way.verdict(Became::Refused, None)
        }
        None => way.verdict(Became::Refused, None),
    };
    Ok(ways.into_iter().enumerate().map(verdict).collect())
}

fn said(tx: &mut Tx<'_>, plan: &Plan, mut ways: Vec<Way>, detail: bool) -> Result<Vec<Verdict>, StoreError> {
    let (places, ready) = readies(&mut ways);
    let mut taken = write::taken(tx, &plan.kind, &ready)?;
    let mut found: HashMap<usize, (Ready, Option<Problem>)> =
        places.into_iter().zip(ready).enumerate().map(|(at, (place, it))| (place, (it, taken.remove(&at)))).collect();
    let mut verdicts = Vec::with_capacity(ways.len());
    for (at, mut way) in ways.into_iter().enumerate() {
        let verdict = match found.remove(&at) {
            None => way.verdict(Became::Refused, None),
            Some((_, Some(problem))) => {
                way.read.problems.push(problem);
                way.verdict(Became::Refused, None)
            }
            Some((ready, None)) => match &ready.before {
                None => way.verdict(Became::New, Some(&ready.record)),
                Some(before) if write::says_the_same(before, &ready.record) => way.verdict(Became::Same, Some(before)),
                Some(before) => {
                    let differences = if detail { differences(tx, plan, before, &ready.record)? } else { Vec::new() };
                    Verdict { differences, ..way.verdict(Became::Changed, Some(before)) }
                }
            },
        };
        verdicts.push(verdict);
    }
    Ok(verdicts)
}

fn differences(tx: &mut Tx<'_>, plan: &Plan, before: &Record, after: &Record) -> Result<Vec<Difference>, StoreError> {
    let names = Names::of(tx, &plan.catalog, &plan.kind, &plan.reader, &[before, after])?;
    let mut found = Vec::new();
    for field in plan.kind.fields.iter().filter(|it| plan.reader.sees(it)) {
        let (old, new) = (before.value(&field.id), after.value(&field.id));
        if old == new {
            continue;
        }
        let words = |it: Option<&serde_json::Value>| {
            let words = it.map(|it| names.words(&plan.catalog, field, it, Lang::Zh)).unwrap_or_default();
            match field.personal {
                Some(it) if !plan.reader.clear && !words.is_empty() => it.masked(&words),
                _ => words,
            }
        };
        found.push(Difference { field: field.title.zh.clone(), before: words(old), after: words(new) });
    }
    let mut plain = |field: &str, before: String, after: String| {
        if before != after {
            found.push(Difference { field: field.to_owned(), before, after });
        }
    };
    plain("区划", names.region(before.region.as_str()), names.region(after.region.as_str()));
    let unit = |it: &Record| it.owner.as_deref().map(|it| names.unit(it)).unwrap_or_default();
    plain("责任单位", unit(before), unit(after));
    let place = |it: &Record| it.longitude.zip(it.latitude).map(|(x, y)| format!("{x:.6}, {y:.6}")).unwrap_or_default();
    plain("位置", place(before), place(after));
    if before.geometry != after.geometry && place(before) == place(after) {
        plain("图形", "原图形".to_owned(), "新图形".to_owned());
    }
    Ok(found)
}
