//! The shift roster (值班表): who is on duty when, what is missing in the days ahead, swaps.

mod api;
mod holidays;
mod pages;

use std::{fmt, sync::Arc, time::Duration};

use anlan_kernel::{Actor, Current, Instant, Problem};
use anlan_store::{Event, StoreError, Tx, Urgency, World, params};
use anlan_web::{Mounted, Site};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use holidays::{Day, Holidays};

use crate::model::{Organisation, Person, Role, Shift};

/// How far ahead gaps are listed.
pub const AHEAD: Duration = Duration::from_secs(7 * 86_400);
/// For how long a response's reinforcement is looked for.
const REINFORCED: Duration = Duration::from_secs(86_400);
/// When the duty turns where no shift says otherwise.
const TURN: &str = "08:30:00";

/// Who must be on duty, by the gravest response that is on.
pub type Needed = Arc<dyn Fn(Option<u8>) -> Vec<Role> + Send + Sync>;
/// The gravest response that is on now.
pub type LevelNow = Arc<dyn Fn(&mut Tx<'_>) -> Result<Option<u8>, StoreError> + Send + Sync>;

/// What the roster needs to know of others: pack data, and the response that is on.
#[derive(Clone)]
pub struct Roster {
    /// Days that are not as their weekday says.
    pub holidays: Arc<Current<Holidays>>,
    /// Who must be on duty.
    pub needed: Needed,
    /// The response that is on.
    pub level: LevelNow,
}

impl fmt::Debug for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Roster")
    }
}

/// A time with nobody in a role that must be filled (空班).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Which role.
    pub role: Role,
    /// From.
    pub from: Instant,
    /// Until.
    pub until: Instant,
}

/// Somebody put on a shift.
#[derive(Clone, Debug, Deserialize)]
pub struct Assignment {
    /// Whose duty room.
    pub organisation: String,
    /// The day it begins, `2023-09-01`.
    pub day: String,
    /// As what: 带班领导 or `leader` …
    pub role: String,
    /// `person:…`; nobody takes the shift away.
    #[serde(default)]
    pub person: String,
}

/// Times between `from` and `until` that none of the spans covers.
pub fn uncovered(spans: &[(Instant, Instant)], from: Instant, until: Instant) -> Vec<(Instant, Instant)> {
    let mut sorted = spans.to_vec();
    sorted.sort_unstable();
    let (mut open, mut found) = (from, Vec::new());
    for (begin, end) in sorted {
        if begin >= until {
            break;
        }
        if begin > open {
            found.push((open, begin));
        }
        open = open.max(end);
    }
    if open < until {
        found.push((open, until));
    }
    found
}

/// The office whose roster this is: the widest in the reader's duty areas.
///
/// # Errors
/// What the engine says.
pub fn own_office(tx: &mut Tx<'_>) -> Result<Option<Organisation>, StoreError> {
    let own = "kind IN ('district_bureau', 'street')";
    Ok(tx.find(own, "ORDER BY LENGTH(region), id LIMIT 1", &[])?.pop())
}

/// Shifts of an office that touch the time between, by start and role.
///
/// # Errors
/// What the engine says.
pub fn between(tx: &mut Tx<'_>, office: &str, from: Instant, until: Instant) -> Result<Vec<Shift>, StoreError> {
    let mut shifts: Vec<Shift> = tx.find(
        "organisation = $1 AND starts_at < $3 AND ends_at > $2",
        "ORDER BY starts_at, id",
        params![office, from, until],
    )?;
    shifts.sort_by(|a, b| (a.starts_at, a.role, &a.id).cmp(&(b.starts_at, b.role, &b.id)));
    Ok(shifts)
}

/// What is missing in the seven days ahead; what a response asks for beyond the usual, in the next one.
///
/// # Errors
/// What the engine says.
pub fn gaps(tx: &mut Tx<'_>, roster: &Roster, office: &str) -> Result<Vec<Gap>, StoreError> {
    let now = tx.now();
    let shifts = between(tx, office, now, now.plus(AHEAD))?;
    let level = (roster.level)(tx)?;
    let usual = (roster.needed)(None);
    let mut found = Vec::new();
    for role in (roster.needed)(level) {
        let until = now.plus(if usual.contains(&role) { AHEAD } else { REINFORCED });
        let filled = |it: &&Shift| it.role == role && (it.person.is_some() || it.name.is_some());
        let spans: Vec<_> = shifts.iter().filter(filled).map(|it| (it.starts_at, it.ends_at)).collect();
        found.extend(uncovered(&spans, now, until).into_iter().map(|(from, until)| Gap { role, from, until }));
    }
    found.sort_by_key(|it| (it.from, it.role));
    Ok(found)
}

fn refused(code: &str, zh: &str, en: &str) -> StoreError {
    StoreError::Refused(Problem::new(code, zh, en))
}

/// Two officers change places: everything else of both shifts stays.
///
/// # Errors
/// `no_such_shift`; `on_duty_already` where one of them would stand twice at the same time.
pub async fn swap(world: &World, by: &Actor, one: &str, other: &str) -> Result<(), StoreError> {
    let (one, other) = (one.to_owned(), other.to_owned());
    world
        .write("shift.swap", Urgency::Urgent, by, move |tx| {
            let none = || refused("no_such_shift", "没有这个班次", "there is no such shift");
            let a = tx.get::<Shift>(&one)?.ok_or_else(none)?;
            let b = tx.get::<Shift>(&other)?.ok_or_else(none)?;
            if a.id == b.id || a.organisation != b.organisation {
                return Err(refused(
                    "bad_swap",
                    "只能在本单位两个班次之间对调",
                    "two shifts of one office are swapped",
                ));
            }
            let first = with_officer(&a, &b);
            let second = with_officer(&b, &a);
            free(tx, &first, &[&a.id, &b.id])?;
            free(tx, &second, &[&a.id, &b.id])?;
            tx.put(&first)?;
            tx.put(&second)?;
            tx.record(Event::new("shift.swapped", &a.id).region(&a.region).detail(json!({"with": b.id})))
        })
        .await
}

/// The shift with the officer of another.
fn with_officer(shift: &Shift, of: &Shift) -> Shift {
    Shift {
        person: of.person.clone(),
        subject: of.subject.clone(),
        name: of.name.clone(),
        phone: of.phone.clone(),
        ..shift.clone()
    }
}

/// Refuses where the officer has another shift at that time, apart from these.
fn free(tx: &mut Tx<'_>, shift: &Shift, apart: &[&str]) -> Result<(), StoreError> {
    let Some(person) = &shift.person else { return Ok(()) };
    let at_once: Vec<Shift> = tx.find(
        "person = $1 AND starts_at < $3 AND ends_at > $2",
        "",
        params![person, shift.starts_at, shift.ends_at],
    )?;
    if at_once.iter().all(|it| apart.contains(&it.id.as_str()) || it.id == shift.id) {
        return Ok(());
    }
    Err(refused("on_duty_already", "此人同一时间已有班次", "this officer has another shift at that time"))
}

/// Puts somebody on a shift of a day, or takes the shift away. The duty turns when the office's shifts do.
///
/// # Errors
/// `no_such_office`, `no_such_person`, `bad_day`, `bad_role`, `on_duty_already`; what the store says.
pub async fn assign(world: &World, by: &Actor, new: Assignment) -> Result<(), StoreError> {
    let role = Role::parse(&new.role).ok_or_else(|| {
        let (zh, en) = ("岗位是带班领导、主班、副班或备勤", "a role is leader, first, second or standby");
        StoreError::Refused(Problem::new("bad_role", zh, en).field("role"))
    })?;
    world
        .write("shift.assign", Urgency::Urgent, by, move |tx| {
            let office = tx.get::<Organisation>(&new.organisation)?;
            let office = office.ok_or_else(|| refused("no_such_office", "没有这个单位", "there is no such office"))?;
            let starts_at = day_start(&new.day, &turn(tx, &office.id)?)?;
            let ends_at = starts_at.plus(Duration::from_secs(86_400));
            let held: Vec<Shift> = tx.find(
                "organisation = $1 AND role = $2 AND starts_at = $3",
                "ORDER BY id LIMIT 1",
                params![&office.id, role.name(), starts_at],
            )?;
            let id =
                held.first().map_or_else(|| format!("{}/{starts_at}/{}/1", office.id, role.name()), |it| it.id.clone());
            if new.person.is_empty() {
                tx.delete::<Shift>(&id)?;
                return tx.record(Event::new("shift.removed", &id).region(&office.region));
            }
            let person = tx.get::<Person>(&new.person)?.filter(|it| it.erased_at.is_none());
            let person = person.ok_or_else(|| refused("no_such_person", "没有这个人", "there is no such person"))?;
            let shift = Shift {
                id,
                organisation: office.id.clone(),
                region: office.region.clone(),
                starts_at,
                ends_at,
                role,
                person: Some(person.id.clone()),
                subject: person.id,
                name: None,
                phone: None,
            };
            free(tx, &shift, &[])?;
            tx.put(&shift)?;
            tx.record(Event::new("shift.assigned", &shift.id).region(&shift.region))
        })
        .await
}

/// When the duty of an office turns: as its latest shift began.
fn turn(tx: &mut Tx<'_>, office: &str) -> Result<String, StoreError> {
    let last: Vec<Shift> = tx.find("organisation = $1", "ORDER BY starts_at DESC LIMIT 1", params![office])?;
    Ok(last.first().map_or_else(|| TURN.to_owned(), |it| it.starts_at.wall()[11..].to_owned()))
}

/// A moment of a day in Shanghai.
pub(crate) fn day_start(day: &str, clock: &str) -> Result<Instant, StoreError> {
    Instant::parse(&format!("{}T{clock}+08:00", day.trim())).map_err(|_| {
        let (zh, en) = ("日期应如 2023-09-01", "a day looks like 2023-09-01");
        StoreError::Refused(Problem::new("bad_day", zh, en).field("day"))
    })
}

/// Routes of the roster.
pub fn routes(site: &Arc<Site>, roster: Arc<Roster>) -> Mounted {
    let room = Room { site: Arc::clone(site), roster };
    api::routes(room.clone()).merge(pages::routes(room))
}

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Room {
    pub site: Arc<Site>,
    pub roster: Arc<Roster>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: i64, until: i64) -> (Instant, Instant) {
        (Instant(from), Instant(until))
    }

    #[test]
    fn what_no_shift_covers_is_a_gap() {
        let shifts = [span(8, 20), span(-4, 8), span(26, 30)];
        assert_eq!(uncovered(&shifts, Instant(0), Instant(40)), [span(20, 26), span(30, 40)]);
        assert_eq!(uncovered(&[], Instant(0), Instant(5)), [span(0, 5)]);
        assert_eq!(uncovered(&[span(-1, 9)], Instant(0), Instant(5)), []);
    }

    proptest::proptest! {
        #[test]
        fn every_moment_is_covered_or_in_exactly_one_gap(spans in proptest::collection::vec((0i64..50, 1i64..20), 0..8)) {
            let spans: Vec<_> = spans.into_iter().map(|(from, length)| span(from, from + length)).collect();
            let gaps = uncovered(&spans, Instant(0), Instant(60));
            for at in 0..60 {
                let inside = |it: &(Instant, Instant)| it.0 <= Instant(at) && Instant(at) < it.1;
                let covered = spans.iter().any(inside);
                proptest::prop_assert_eq!(usize::from(!covered), gaps.iter().filter(|it| inside(it)).count());
            }
        }
    }
}
