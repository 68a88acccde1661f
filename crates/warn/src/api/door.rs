//! The door list (上门叫醒名单): who was not reached, where, under which numbers, and who could go.

use std::collections::BTreeMap;

use anlan_kernel::{Permission, RegionCode};
use anlan_register::{Region, contacts, number_of, superiors};
use anlan_store::{Event, StoreError, Tx, Urgency, Value};
use anlan_web::{ApiError, ApiResult, Who};
use serde_json::json;

use super::{BoardQuery, CallView, Room, UNREACHED, board::views, lists::region_of, read_round};
use crate::model::{Call, Round};

/// Colleagues of the same place who answered, named as those who could go.
const GOERS: i64 = 2;

/// Somebody to knock at.
pub(crate) struct Door {
    pub view: CallView,
    /// In clear: a list that holds them is journaled.
    pub numbers: Vec<String>,
}

/// Somebody who could go, and how to tell them.
pub(crate) struct Goer {
    pub name: String,
    pub number: String,
}

/// The doors of one place.
pub(crate) struct DoorPlace {
    pub street: String,
    pub place: String,
    pub doors: Vec<Door>,
    pub goers: Vec<Goer>,
}

/// The list, and the round it is of.
pub(crate) struct DoorList {
    pub round: Round,
    pub places: Vec<DoorPlace>,
    pub people: usize,
}

/// Makes the list of a round, of one street or community where `query` names it, and writes down who
/// took it and whose numbers it holds.
pub(crate) async fn make_door_list(room: &Room, who: &Who, id: &str, query: &BoardQuery) -> ApiResult<DoorList> {
    let round = read_round(room, who, id.to_owned(), None).await?.round;
    let region = if query.region.is_empty() { None } else { Some(region_of(&query.region)?) };
    if !who.may(Permission::Unmask) {
        return Err(ApiError::not_found());
    }
    let made = round.clone();
    let places = room
        .site
        .world
        .write("round.door-list", Urgency::Urgent, &who.actor, move |tx| {
            let calls = unreached(tx, &made.id, region.as_ref())?;
            let people: Vec<&str> = calls.iter().map(|it| it.callee.as_str()).collect();
            let detail = json!({"people": people, "region": region});
            let place = place_of(&made, region.as_ref(), tx);
            tx.record(Event::new("round.door_list_printed", &made.id).region(&place).detail(detail))?;
            places(tx, &made.id, calls)
        })
        .await?;
    let people = places.iter().map(|it| it.doors.len()).sum();
    Ok(DoorList { round, places, people })
}

/// Where the entry belongs: the place asked for, else the printer's first duty area.
fn place_of(round: &Round, region: Option<&RegionCode>, tx: &Tx<'_>) -> RegionCode {
    let own = match &tx.actor().scope {
        anlan_kernel::Scope::Regions(own) => own.first().cloned(),
        anlan_kernel::Scope::Everywhere => None,
    };
    region.cloned().or(own).unwrap_or_else(|| round.region.clone())
}

fn unreached(tx: &mut Tx<'_>, round: &str, region: Option<&RegionCode>) -> Result<Vec<Call>, StoreError> {
    let states: Vec<_> = UNREACHED.split(',').map(|it| format!("'{it}'")).collect();
    let mut values = vec![Value::from(round)];
    let mut condition = format!("round = $1 AND state IN ({})", states.join(", "));
    if let Some(region) = region {
        condition.push_str(" AND region >= $2 AND region < $3");
        values.extend([Value::from(region), region.until().into()]);
    }
    tx.find(&condition, "ORDER BY region, rank, id", &values)
}

fn places(tx: &mut Tx<'_>, round: &str, calls: Vec<Call>) -> Result<Vec<DoorPlace>, StoreError> {
    let mut by_place: BTreeMap<RegionCode, Vec<CallView>> = BTreeMap::new();
    let ids: Vec<String> = calls.iter().map(|it| it.callee.clone()).collect();
    let known = contacts(tx, &ids)?;
    for view in views(tx, calls, true)? {
        by_place.entry(view.call.region.clone()).or_default().push(view);
    }
    let mut places = Vec::new();
    for (region, views) in by_place {
        let numbers = |view: &CallView| known.get(&view.call.callee).map_or_else(Vec::new, |it| it.numbers.clone());
        let doors = views.into_iter().map(|view| Door { numbers: numbers(&view), view }).collect();
        let street = match region.street().filter(|it| *it != region) {
            Some(street) => name(tx, &street)?,
            None => String::new(),
        };
        places.push(DoorPlace { street, place: name(tx, &region)?, doors, goers: goers(tx, round, &region)? });
    }
    Ok(places)
}

fn name(tx: &mut Tx<'_>, region: &RegionCode) -> Result<String, StoreError> {
    Ok(tx.get::<Region>(region.as_str())?.map_or_else(|| region.to_string(), |it| it.name))
}

/// Colleagues of the place who are at their post; where there is nobody, the unit above.
fn goers(tx: &mut Tx<'_>, round: &str, region: &RegionCode) -> Result<Vec<Goer>, StoreError> {
    let condition = "round = $1 AND region = $2 AND state = 'answered' AND key = 1";
    let answered: Vec<Call> =
        tx.find(condition, "ORDER BY rank, id LIMIT $3", &[Value::from(round), Value::from(region), GOERS.into()])?;
    let mut ids: Vec<String> = answered.into_iter().map(|it| it.callee).collect();
    if ids.is_empty() {
        let now = tx.now();
        ids.extend(superiors(tx, region, now)?.into_iter().find(|it| it.id.starts_with("room:")).map(|it| it.id));
    }
    let known = contacts(tx, &ids)?;
    let mut goers = Vec::new();
    for id in &ids {
        let Some(contact) = known.get(id) else { continue };
        let number = number_of(tx, id, 0)?.unwrap_or_default();
        goers.push(Goer { name: contact.title.name.clone(), number });
    }
    Ok(goers)
}
