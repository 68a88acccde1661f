//! Who is called: audiences, superiors, and how each callee is reached.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anlan_kernel::{Instant, RegionCode, Tier};
use anlan_store::{Row, StoreError, Tx};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value as Json;

use crate::{
    model::{Rank, Role},
    phone,
    store::{self, Where},
};

/// Which part of an audience.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// 值班室.
    DutyRoom,
    /// 当班人员: leader, first, second, standby.
    OnDuty,
    /// 区级 posts.
    District,
    /// 街道 posts.
    Street,
    /// 社区 posts.
    Community,
}

impl Who {
    /// Whoever has a post of this level.
    pub fn of(level: Tier) -> Self {
        match level {
            Tier::District => Self::District,
            Tier::Street => Self::Street,
            Tier::Community => Self::Community,
        }
    }
}

/// One duty of a callee, as it is named in the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duty {
    /// 职务.
    pub title: String,
    /// 责任.
    pub duty: String,
    /// 责任区.
    pub region: RegionCode,
    /// Its name.
    pub region_name: String,
}

/// A person or a duty room to be called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callee {
    /// `person:…` or `room:<organisation>`.
    pub id: String,
    /// Where the first duty lies.
    pub region: RegionCode,
    /// By which part of the audience.
    pub who: Who,
    /// Place in the calling order: `room`, a role of the shift, or a rank.
    pub rank: String,
    /// Every duty.
    pub duties: Vec<Duty>,
    /// Whom to call when this one cannot come, in order.
    pub deputies: Vec<String>,
    /// How many numbers can be dialled.
    pub usable_numbers: usize,
}

/// How a callee is spoken of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalleeTitle {
    /// Name of the person or the room.
    pub name: String,
    /// 职务; empty for a room.
    pub title: String,
    /// 单位.
    pub organisation: String,
}

struct PostRow {
    person: String,
    duty: Duty,
    level: Tier,
    rank: Rank,
    usable: usize,
}

struct DutyRow {
    person: String,
    role: Role,
    organisation: String,
    duty: Duty,
    usable: usize,
}

/// Everybody to be called for `areas` (the regions in them and those they lie in), each once with all
/// duties there, in calling order: duty rooms, officers on duty, leads, deputies A and B, members.
///
/// # Errors
/// What the engine says.
pub fn audience(tx: &mut Tx<'_>, areas: &[RegionCode], who: &[Who], now: Instant) -> Result<Vec<Callee>, StoreError> {
    let mut callees = Vec::new();
    if who.contains(&Who::DutyRoom) {
        callees.extend(rooms(tx, Where::meeting("o.region", areas))?.into_iter().map(|(_, it)| it));
    }
    if who.iter().all(|it| *it == Who::DutyRoom) {
        return Ok(callees);
    }
    let on_duty =
        if who.contains(&Who::OnDuty) { officers(tx, Where::meeting("s.region", areas), now)? } else { vec![] };
    let posts = posts(tx, Where::meeting("p.region", areas), now)?;
    callees.extend(people(&on_duty, &posts, |post| who.contains(&Who::of(post.level))));
    Ok(callees)
}

/// Those one level up from `region` in calling order: the leader on duty and the first officer there,
/// then its leads and deputies, then its duty room. A district has nobody above and answers for itself.
///
/// # Errors
/// What the engine says.
pub fn superiors(tx: &mut Tx<'_>, region: &RegionCode, now: Instant) -> Result<Vec<Callee>, StoreError> {
    let above = match region.tier() {
        Tier::Community => region.street(),
        Tier::Street | Tier::District => region.district(),
    };
    let unit = above.unwrap_or_else(|| region.clone());
    let on_duty = officers(tx, Where::equals("s.region", &unit), now)?;
    let posts = posts(tx, Where::equals("p.region", &unit), now)?;
    let first: Vec<_> = on_duty.into_iter().filter(|it| matches!(it.role, Role::Leader | Role::First)).collect();
    let mut callees = people(&first, &posts, |post| post.rank != Rank::Member);
    let own = |kind: &str| matches!(kind, "district_bureau" | "street");
    let rooms = rooms(tx, Where::equals("o.region", &unit))?;
    callees.extend(rooms.into_iter().filter(|(kind, _)| own(kind)).map(|(_, it)| it));
    Ok(callees)
}

/// Those who decide and sign for `region`, in the order they are asked: the leader on duty, then the registered lead
/// and deputies.
///
/// # Errors
/// What the engine says.
pub fn leaders(tx: &mut Tx<'_>, region: &RegionCode, now: Instant, most: usize) -> Result<Vec<Callee>, StoreError> {
    let mut chain = superiors(tx, region, now)?;
    chain.retain(|it| it.id.starts_with("person:") && it.rank != "first");
    chain.truncate(most);
    Ok(chain)
}

/// As [`leaders`], by name and 职务: who may have said yes on the telephone.
///
/// # Errors
/// What the engine says.
pub fn leader_names(tx: &mut Tx<'_>, region: &RegionCode, most: usize) -> Result<Vec<String>, StoreError> {
    let now = tx.now();
    let mut names = Vec::new();
    for it in leaders(tx, region, now, most)? {
        names.extend(callee_title(tx, &it.id)?.map(|it| format!("{} {}", it.name, it.title).trim().to_owned()));
    }
    Ok(names)
}

/// One callee with every duty; `None` when the register does not know them (any more).
///
/// # Errors
/// What the engine says.
pub fn callee(tx: &mut Tx<'_>, id: &str) -> Result<Option<Callee>, StoreError> {
    if let Some(organisation) = id.strip_prefix("room:") {
        return Ok(rooms(tx, Where::equals("o.id", organisation))?.pop().map(|(_, it)| it));
    }
    let now = tx.now();
    let on_duty = officers(tx, Where::equals("s.person", id), now)?;
    let mut all = posts(tx, Where::equals("p.person", id), now)?;
    let led: BTreeSet<_> = all.iter().filter(|it| it.rank == Rank::Lead).map(|it| it.duty.region.clone()).collect();
    for region in led {
        let others = posts(tx, Where::equals("p.region", &region), now)?;
        all.extend(others.into_iter().filter(|it| it.person != id));
    }
    Ok(people(&on_duty, &all, |_| true).into_iter().find(|it| it.id == id))
}

/// Name, title and unit of a callee.
///
/// # Errors
/// What the engine says.
pub fn callee_title(tx: &mut Tx<'_>, id: &str) -> Result<Option<CalleeTitle>, StoreError> {
    if let Some(organisation) = id.strip_prefix("room:") {
        let row = store::room_rows(tx, Where::equals("o.id", organisation))?.into_iter().next();
        return row
            .map(|it| Ok(CalleeTitle { name: room_name(&it)?, title: String::new(), organisation: it.text(5)? }))
            .transpose();
    }
    let Some(row) = store::title_row(tx, id)? else { return Ok(None) };
    let Some(name) = row.opt(0, Row::text)? else { return Ok(None) };
    let part = |index| row.opt(index, Row::text).map(Option::unwrap_or_default);
    Ok(Some(CalleeTitle { name, title: part(1)?, organisation: part(2)? }))
}

/// The callee's usable number at `index`, counted from 0; `None` when there are not so many.
///
/// # Errors
/// What the engine says.
pub fn number_of(tx: &mut Tx<'_>, id: &str, index: usize) -> Result<Option<String>, StoreError> {
    let numbers = match id.strip_prefix("room:") {
        Some(organisation) => {
            let row = store::room_rows(tx, Where::equals("o.id", organisation))?.into_iter().next();
            row.map_or(Ok(Vec::new()), |it| usable(&it, &[4]))?
        }
        None => store::number_row(tx, id)?.map_or(Ok(Vec::new()), |it| usable(&it, &[0, 1]))?,
    };
    Ok(numbers.into_iter().nth(index))
}

/// Numbers of these columns that can be dialled, each once.
pub(crate) fn usable(row: &Row, columns: &[usize]) -> Result<Vec<String>, StoreError> {
    let mut numbers: Vec<String> = Vec::new();
    for column in columns {
        if let Some(number) = row.opt(*column, Row::text)?
            && phone::is_usable(&number)
            && !numbers.contains(&number)
        {
            numbers.push(number);
        }
    }
    Ok(numbers)
}

fn word<T: DeserializeOwned>(row: &Row, index: usize) -> Result<T, StoreError> {
    Ok(serde_json::from_value(Json::String(row.text(index)?))?)
}

fn region_at(row: &Row, index: usize) -> Result<(RegionCode, String), StoreError> {
    let code: RegionCode = word(row, index)?;
    let name = row.opt(index + 1, Row::text)?.unwrap_or_else(|| code.to_string());
    Ok((code, name))
}

fn posts(tx: &mut Tx<'_>, which: Where, now: Instant) -> Result<Vec<PostRow>, StoreError> {
    let rows = store::post_rows(tx, which, now)?;
    rows.iter()
        .map(|row| {
            let (region, region_name) = region_at(row, 1)?;
            Ok(PostRow {
                person: row.text(0)?,
                duty: Duty { title: row.text(3)?, duty: row.text(4)?, region, region_name },
                level: word(row, 5)?,
                rank: word(row, 6)?,
                usable: usable(row, &[7, 8])?.len(),
            })
        })
        .collect()
}

fn officers(tx: &mut Tx<'_>, which: Where, now: Instant) -> Result<Vec<DutyRow>, StoreError> {
    let rows = store::duty_rows(tx, which, now)?;
    rows.iter()
        .map(|row| {
            let (region, region_name) = region_at(row, 1)?;
            let role: Role = word(row, 3)?;
            Ok(DutyRow {
                person: row.text(0)?,
                role,
                organisation: row.text(4)?,
                duty: Duty { title: role.zh().to_owned(), duty: format!("值班{}", role.zh()), region, region_name },
                usable: usable(row, &[5, 6])?.len(),
            })
        })
        .collect()
}

pub(crate) fn room_name(row: &Row) -> Result<String, StoreError> {
    Ok(match row.opt(3, Row::text)? {
        Some(name) => name,
        None => format!("{}值班室", row.text(5)?),
    })
}

/// Duty rooms with the kind of their organisation.
fn rooms(tx: &mut Tx<'_>, which: Where) -> Result<Vec<(String, Callee)>, StoreError> {
    let rows = store::room_rows(tx, which)?;
    rows.iter()
        .map(|row| {
            let (region, region_name) = region_at(row, 1)?;
            let duty = Duty { title: room_name(row)?, duty: "值班室".into(), region: region.clone(), region_name };
            let callee = Callee {
                id: format!("room:{}", row.text(0)?),
                region,
                who: Who::DutyRoom,
                rank: "room".into(),
                duties: vec![duty],
                deputies: Vec::new(),
                usable_numbers: usable(row, &[4])?.len(),
            };
            Ok((row.text(6)?, callee))
        })
        .collect()
}

/// A person while their duties are gathered. The order of the fields is the calling order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    class: u8,
    region: RegionCode,
    person: String,
}

/// One callee for each officer on duty and each person with a `wanted` post, in calling order.
fn people(on_duty: &[DutyRow], posts: &[PostRow], wanted: impl Fn(&PostRow) -> bool) -> Vec<Callee> {
    let mut found: BTreeMap<&str, Callee> = BTreeMap::new();
    let mut places: HashMap<&str, u8> = HashMap::new();
    let mut by_role: Vec<&DutyRow> = on_duty.iter().collect();
    by_role.sort_by_key(|it| it.role);
    for it in by_role {
        places.entry(&it.person).or_insert(it.role as u8);
        let callee = found
            .entry(&it.person)
            .or_insert_with(|| begin(&it.person, Who::OnDuty, it.role.name(), &it.duty.region, it.usable));
        callee.duties.push(it.duty.clone());
        callee.deputies.extend(next_officers(on_duty, it));
    }
    let mut by_rank: Vec<&PostRow> = posts.iter().collect();
    by_rank.sort_by_key(|it| it.rank);
    for it in by_rank.iter().filter(|it| wanted(it)) {
        let class = Role::ALL.len() as u8 + it.rank as u8;
        places.entry(&it.person).or_insert(class);
        found
            .entry(&it.person)
            .or_insert_with(|| begin(&it.person, Who::of(it.level), it.rank.name(), &it.duty.region, it.usable));
    }
    let deputies = deputies(posts);
    for it in by_rank {
        let Some(callee) = found.get_mut(it.person.as_str()) else { continue };
        callee.duties.push(it.duty.clone());
        if it.rank == Rank::Lead {
            let theirs = deputies.get(&(&it.duty.region, it.duty.duty.as_str()));
            callee.deputies.extend(theirs.into_iter().flatten().map(|id| (*id).to_owned()));
        }
    }
    let mut callees: Vec<(Place, Callee)> = found
        .into_iter()
        .map(|(person, mut callee)| {
            let mut seen = BTreeSet::from([person.to_owned()]);
            callee.deputies.retain(|it| seen.insert(it.clone()));
            let class = places.get(person).copied().unwrap_or(u8::MAX);
            (Place { class, region: callee.region.clone(), person: person.to_owned() }, callee)
        })
        .collect();
    callees.sort_by(|a, b| a.0.cmp(&b.0));
    callees.into_iter().map(|(_, it)| it).collect()
}

fn begin(person: &str, who: Who, rank: &str, region: &RegionCode, usable_numbers: usize) -> Callee {
    Callee {
        id: person.to_owned(),
        region: region.clone(),
        who,
        rank: rank.to_owned(),
        duties: Vec::new(),
        deputies: Vec::new(),
        usable_numbers,
    }
}

/// The officers who step in: those of the same shift after this one.
fn next_officers<'a>(on_duty: &'a [DutyRow], of: &'a DutyRow) -> impl Iterator<Item = String> + 'a {
    let mut next: Vec<_> =
        on_duty.iter().filter(|it| it.organisation == of.organisation && it.role > of.role).collect();
    next.sort_by_key(|it| it.role);
    next.into_iter().map(|it| it.person.clone())
}

fn deputies(posts: &[PostRow]) -> HashMap<(&RegionCode, &str), Vec<&str>> {
    let mut found: HashMap<_, Vec<(Rank, &str)>> = HashMap::new();
    for it in posts.iter().filter(|it| matches!(it.rank, Rank::DeputyA | Rank::DeputyB)) {
        found.entry((&it.duty.region, it.duty.duty.as_str())).or_default().push((it.rank, &it.person));
    }
    found
        .into_iter()
        .map(|(place, mut them)| {
            them.sort_unstable();
            (place, them.into_iter().map(|(_, person)| person).collect())
        })
        .collect()
}
