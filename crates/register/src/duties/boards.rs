//! 公示牌: what stands on the board of a thing, and whether a printed one still says what holds.

use std::collections::{BTreeSet, HashMap};

use anlan_kernel::{Lang, Problem};
use anlan_store::{Event, Row, StoreError, Tx, Value, hex, params};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{
    model::Board,
    standards::{BoardPlan, Standards},
};
use crate::{
    Contact,
    callees::room_name,
    contacts,
    kinds::{Catalog, Field, Kind, Sort, value},
    model::Post,
    phone,
    records::{Record, list::Reader, refs::Names},
    store::{self, Where},
};

/// Somebody on a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The field: 行政责任人.
    pub role: anlan_kernel::Text,
    /// `field=id`.
    pub key: String,
    /// 姓名, or the unit.
    pub name: String,
    /// 职务.
    pub title: String,
    /// 单位.
    pub organisation: String,
    /// The first number there is, in clear.
    pub phone: Option<String>,
    /// Whether that number is public.
    pub open: bool,
}

/// What holds of a thing as its board says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Face {
    /// What names it.
    pub name: String,
    /// Who answers for it.
    pub people: Vec<Named>,
    /// The duty room of its street or district: name and number.
    pub room: Option<(String, String)>,
    /// Fields with their values.
    pub facts: Vec<(anlan_kernel::Text, anlan_kernel::Text)>,
    /// The region by name.
    pub region: String,
}

/// How a printed board stands to what holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It says what holds.
    Current,
    /// Somebody else answers now.
    People,
    /// Something else changed.
    Facts,
    /// The thing is no more in the register, or its kind has no boards any more.
    Gone,
    /// It was revoked.
    Revoked,
}

impl Standing {
    /// As programs read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::People => "people_changed",
            Self::Facts => "facts_changed",
            Self::Gone => "gone",
            Self::Revoked => "revoked",
        }
    }

    /// As people read it.
    pub fn words(self, lang: Lang) -> &'static str {
        match self {
            Self::Current => lang.pick("✓ 与现状一致", "✓ up to date"),
            Self::People => lang.pick("旧牌：责任人已变更", "old board: somebody else is responsible now"),
            Self::Facts => lang.pick("旧牌：内容已更新", "old board: what it says was updated"),
            Self::Gone => lang.pick("旧牌：对象已不在台账", "old board: this is no longer in the register"),
            Self::Revoked => lang.pick("此牌已作废", "this board was revoked"),
        }
    }
}

impl Face {
    /// Who stands on it.
    pub fn keys(&self) -> Vec<String> {
        self.people.iter().map(|it| it.key.clone()).collect()
    }

    /// Digest of all that a board says, under a key of the world: nobody finds a number by trying.
    pub fn digest(&self, secrets: &[u8; 32]) -> String {
        let people: Vec<_> = self
            .people
            .iter()
            .map(|it| json!([it.key, it.name, it.title, it.organisation, it.phone.as_ref().filter(|_| it.open)]))
            .collect();
        let facts: Vec<_> = self.facts.iter().map(|it| (&it.0.zh, &it.1.zh)).collect();
        let all = json!([self.name, self.region, people, self.room, facts]).to_string();
        let mut hash = Sha256::new();
        hash.update(secrets);
        hash.update(b"board\0");
        hash.update(all.as_bytes());
        hex(&hash.finalize())
    }
}

/// Whether things of the kind have boards: not where their name is somebody's personal data, nor where nobody answers.
pub fn has_boards(kind: &Kind, plan: Option<&BoardPlan>) -> bool {
    !kind.name_is_personal() && !people_fields(kind, plan).is_empty()
}

fn people_fields<'a>(kind: &'a Kind, plan: Option<&BoardPlan>) -> Vec<&'a Field> {
    let named = plan.filter(|it| !it.people.is_empty());
    let wanted = |it: &&Field| match named {
        Some(plan) => plan.people.contains(&it.id),
        None => matches!(it.sort, Sort::Person | Sort::Post) || kind.responsible.as_ref() == Some(&it.id),
    };
    let points = |it: &&Field| matches!(it.sort, Sort::Person | Sort::Post | Sort::Organisation);
    kind.fields
        .iter()
        .filter(|it| it.personal.is_none() && it.visible_to.is_empty())
        .filter(points)
        .filter(wanted)
        .collect()
}

/// A person of a field before their name is known.
struct Meant<'a> {
    field: &'a Field,
    id: String,
    callee: String,
}

/// What holds of these records of any kinds, in their order; `None` where the kind has no boards. Whoever asks has seen
/// that they may: names are read everywhere, as a board hangs in public.
///
/// # Errors
/// What the engine says.
pub fn faces(
    tx: &mut Tx<'_>,
    catalog: &Catalog,
    standards: &Standards,
    records: &[Record],
) -> Result<Vec<Option<Face>>, StoreError> {
    let mut meant = Vec::new();
    for record in records {
        meant.push(match catalog.kind(&record.kind) {
            Some(kind) if has_boards(kind, standards.board(&kind.id)) => {
                Some((kind, people_of(tx, kind, standards, record)?))
            }
            _ => None,
        });
    }
    let callees: BTreeSet<String> =
        meant.iter().flatten().flat_map(|it| it.1.iter().map(|it| it.callee.clone())).collect();
    let named = contacts(tx, &callees.into_iter().collect::<Vec<_>>())?;
    let rooms = rooms(tx)?;
    let regions = Names::of_regions(tx, records.iter().map(|it| it.region.to_string()))?;
    let mut found = Vec::new();
    for (record, meant) in records.iter().zip(meant) {
        let Some((kind, meant)) = meant else {
            found.push(None);
            continue;
        };
        let plan = standards.board(&kind.id);
        let people = meant.into_iter().filter_map(|it| person(it, &named, plan)).collect();
        let codes = [record.region.street(), record.region.district()];
        let room = codes.iter().flatten().find_map(|it| rooms.get(it.as_str()).cloned());
        let facts = facts(tx, catalog, kind, plan, record)?;
        let region = regions.region(record.region.as_str());
        found.push(Some(Face { name: record.title().to_owned(), people, room, facts, region }));
    }
    Ok(found)
}

fn people_of<'a>(
    tx: &mut Tx<'_>,
    kind: &'a Kind,
    standards: &Standards,
    record: &Record,
) -> Result<Vec<Meant<'a>>, StoreError> {
    let mut meant = Vec::new();
    for field in people_fields(kind, standards.board(&kind.id)) {
        for it in record.value(&field.id).map(value::every).unwrap_or_default() {
            let id = value::plain(it);
            let callee = match field.sort {
                Sort::Post => tx.get::<Post>(&id)?.map(|it| it.person),
                Sort::Organisation => Some(format!("room:{id}")),
                _ => Some(id.clone()),
            };
            meant.extend(callee.map(|callee| Meant { field, id, callee }));
        }
    }
    Ok(meant)
}

fn person(meant: Meant<'_>, named: &HashMap<String, Contact>, plan: Option<&BoardPlan>) -> Option<Named> {
    let contact = named.get(&meant.callee)?;
    let unit = meant.callee.starts_with("room:");
    let open = unit || plan.is_some_and(|it| it.numbers.contains(&meant.field.id));
    let title = &contact.title;
    Some(Named {
        role: meant.field.title.clone(),
        key: format!("{}={}", meant.field.id, meant.id),
        name: if unit { title.organisation.clone() } else { title.name.clone() },
        title: title.title.clone(),
        organisation: if unit { title.name.clone() } else { title.organisation.clone() },
        phone: contact.numbers.first().cloned(),
        open,
    })
}

fn facts(
    tx: &mut Tx<'_>,
    catalog: &Catalog,
    kind: &Kind,
    plan: Option<&BoardPlan>,
    record: &Record,
) -> Result<Vec<(anlan_kernel::Text, anlan_kernel::Text)>, StoreError> {
    let fields: Vec<&Field> = plan
        .iter()
        .flat_map(|it| &it.fields)
        .filter_map(|it| kind.field(it))
        .filter(|it| it.personal.is_none() && it.visible_to.is_empty())
        .collect();
    if fields.is_empty() {
        return Ok(Vec::new());
    }
    let names = Names::of(tx, catalog, kind, &Reader::everything(), &[record])?;
    let said = |field: &&Field| record.value(&field.id).filter(|it| !value::is_empty(it));
    let words = |field: &Field, it, lang| {
        let unit = field.unit.as_deref().map(|it| format!(" {it}")).unwrap_or_default();
        let words = names.words(catalog, field, it, lang);
        if words.ends_with(unit.trim()) { words } else { words + &unit }
    };
    Ok(fields
        .into_iter()
        .filter_map(|field| {
            let it = said(&field)?;
            Some((field.title.clone(), anlan_kernel::Text::new(words(field, it, Lang::Zh), words(field, it, Lang::En))))
        })
        .collect())
}

/// The duty room of each street and district that has one.
fn rooms(tx: &mut Tx<'_>) -> Result<HashMap<String, (String, String)>, StoreError> {
    let mut found = HashMap::new();
    let by = Where { text: "o.kind IN ('street', 'district_bureau')".to_owned(), values: Vec::new() };
    for row in store::room_rows(tx, by)? {
        if let Some(phone) = row.opt(4, Row::text)?.filter(|it| phone::is_written(it)) {
            found.entry(row.text(1)?).or_insert((room_name(&row)?, phone));
        }
    }
    Ok(found)
}

/// How a printed board stands to what holds now.
pub fn standing(board: &Board, face: Option<&Face>, secrets: &[u8; 32]) -> Standing {
    match face {
        _ if board.revoked_at.is_some() => Standing::Revoked,
        None => Standing::Gone,
        Some(face) if face.keys() != board.people => Standing::People,
        Some(face) if face.digest(secrets) != board.facts => Standing::Facts,
        Some(_) => Standing::Current,
    }
}

/// The newest edition of a record's board.
///
/// # Errors
/// What the engine says.
pub fn newest(tx: &mut Tx<'_>, record: &str) -> Result<Option<Board>, StoreError> {
    Ok(tx.find::<Board>("record = $1", "ORDER BY version DESC LIMIT 1", params![record])?.pop())
}

/// The edition that says what holds: the newest one if it does, else a new one.
///
/// # Errors
/// `Stale` when the record was changed since the face was read; what the store says.
pub fn issue(tx: &mut Tx<'_>, seen: &Record, face: &Face, secrets: &[u8; 32]) -> Result<Board, StoreError> {
    let record = tx.get::<Record>(&seen.id)?.ok_or_else(no_record)?;
    if record.revision != seen.revision {
        return Err(StoreError::Stale(record.id));
    }
    let last = newest(tx, &record.id)?;
    if let Some(board) = last.as_ref().filter(|it| standing(it, Some(face), secrets) == Standing::Current) {
        return Ok(board.clone());
    }
    let board = Board {
        id: super::letters()?,
        record: record.id.clone(),
        region: record.region.clone(),
        version: last.map_or(1, |it| it.version + 1),
        people: face.keys(),
        facts: face.digest(secrets),
        printed_at: tx.now(),
        printed_by: tx.actor().name.clone(),
        revoked_at: None,
    };
    tx.put(&board)?;
    let detail = json!({"board": board.id, "version": board.version});
    tx.record(Event::new("board.printed", &record.id).region(&record.region).detail(detail))?;
    Ok(board)
}

/// Takes a board out of force: whoever scans it reads so.
///
/// # Errors
/// `no_such_board`; what the store says.
pub fn revoke(tx: &mut Tx<'_>, id: &str) -> Result<Board, StoreError> {
    let missing = || Problem::new("no_such_board", "没有这块公示牌", "there is no such board");
    let board = tx.get::<Board>(id)?.ok_or_else(missing)?;
    if board.revoked_at.is_some() {
        return Ok(board);
    }
    let board = Board { revoked_at: Some(tx.now()), ..board };
    tx.put(&board)?;
    let detail = json!({"board": board.id, "version": board.version});
    tx.record(Event::new("board.revoked", &board.record).region(&board.region).detail(detail))?;
    Ok(board)
}

/// Boards that hang: of each record every edition that was not revoked, with the record where there still is one.
///
/// # Errors
/// What the engine says.
pub fn hanging(tx: &mut Tx<'_>) -> Result<Vec<(Board, Option<Record>)>, StoreError> {
    let boards = tx.find::<Board>("revoked_at IS NULL", "ORDER BY record, version", &[])?;
    let ids: BTreeSet<&str> = boards.iter().map(|it| it.record.as_str()).collect();
    let records: HashMap<String, Record> = records_of(tx, &ids)?.into_iter().map(|it| (it.id.clone(), it)).collect();
    Ok(boards
        .into_iter()
        .map(|it| (records.get(&it.record).cloned(), it))
        .map(|(record, board)| (board, record))
        .collect())
}

/// Records by their ids, inside the actor's duty areas.
pub(super) fn records_of(tx: &mut Tx<'_>, ids: &BTreeSet<&str>) -> Result<Vec<Record>, StoreError> {
    let ids: Vec<&str> = ids.iter().copied().collect();
    let mut found = Vec::new();
    for some in ids.chunks(500) {
        let by = Where::among("id", some.iter().copied());
        let values: Vec<Value> = by.values;
        found.extend(tx.find::<Record>(&by.text, "ORDER BY id", &values)?);
    }
    Ok(found)
}

pub(super) fn no_record() -> StoreError {
    let (zh, en) = ("没有这条记录，或不在您的责任区内", "there is no such record, or it lies outside your duty area");
    Problem::new("no_such_record", zh, en).into()
}
