//! What stands on the map besides the counts: stations, alarms, signals, communities, duty rooms, outlines.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use anlan_kernel::{Colour, Instant, Lang, RegionCode, Scope};
use anlan_monitor::{Alarm, AlarmState, Last, Signal, SignalState, Station, store::as_of};
use anlan_register::{Geometry, Organisation, Place, Region};
use anlan_store::{Record, StoreError, Tx, params};
use serde::Serialize;
use serde_json::Value as Json;

use super::{
    calls::{Calls, Standing},
    touches,
};
use crate::model::{CallState, Process};

const MONTH: Duration = Duration::from_secs(30 * 86_400);

/// Degrees east and north, WGS 84.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Position {
    pub longitude: f64,
    pub latitude: f64,
}

/// A measuring station (监测站).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct StationShown {
    pub id: String,
    pub name: String,
    /// `None`: 无坐标, listed beside the map.
    pub position: Option<Position>,
    /// 上游监视: raises alarms and never calls.
    pub upstream: bool,
    /// Newest readings; empty: 无读数.
    pub readings: Vec<Last>,
    /// The gravest open alarm here.
    pub grade: Option<u8>,
}

/// An alarm that stood (实况告警).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct AlarmShown {
    pub id: String,
    pub station: String,
    pub station_name: String,
    pub title: String,
    pub grade: u8,
    pub numeral: &'static str,
    pub raised_at: Instant,
}

/// A signal in force (生效信号).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct SignalShown {
    pub id: String,
    pub title: String,
    pub issuer: String,
    pub colour: Option<Colour>,
    pub invented: bool,
    pub received_at: Instant,
}

/// A street or community and its calls.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct CommunityShown {
    pub code: RegionCode,
    pub name: String,
    pub level: i64,
    /// `None`: 无坐标.
    pub position: Option<Position>,
    /// The position is 演示编造.
    pub invented: bool,
    /// How the newest round stands there; `None`: nobody was called.
    pub calls: Option<Standing>,
}

/// A duty room (值班室).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct RoomShown {
    pub id: String,
    pub name: String,
    pub region: RegionCode,
    pub position: Option<Position>,
    pub state: Option<CallState>,
}

/// What the process speaks of.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Area {
    pub regions: Vec<RegionCode>,
}

/// The outline of a region.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Outline {
    pub code: String,
    pub geojson: Json,
}

/// What is measured and said of the weather.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Weather {
    pub stations: Vec<StationShown>,
    pub alarms: Vec<AlarmShown>,
    pub signals: Vec<SignalShown>,
}

/// Where people and duty rooms are, and how their calls stand.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Ground {
    pub communities: Vec<CommunityShown>,
    pub rooms: Vec<RoomShown>,
    pub area: Area,
    pub outlines: Vec<Outline>,
}

/// Communities, duty rooms and outlines of the caller's duty areas.
///
/// # Errors
/// What the engine says.
pub(crate) fn ground(tx: &mut Tx<'_>, process: Option<&Process>, calls: &Calls) -> Result<Ground, StoreError> {
    let places: BTreeMap<String, Place> =
        tx.find::<Place>("1 = 1", "", &[])?.into_iter().map(|it| (it.id.clone(), it)).collect();
    let outlines: Vec<Geometry> = tx.find("1 = 1", "ORDER BY id", &[])?;
    Ok(Ground {
        communities: communities(tx, calls, &places)?,
        rooms: rooms(tx, calls, &places)?,
        area: Area { regions: process.map(|it| it.areas.clone()).unwrap_or_default() },
        outlines: outlines.into_iter().map(|it| Outline { code: it.id, geojson: it.geojson }).collect(),
    })
}

fn position(place: &Place) -> Position {
    Position { longitude: place.longitude, latitude: place.latitude }
}

fn communities(
    tx: &mut Tx<'_>,
    calls: &Calls,
    places: &BTreeMap<String, Place>,
) -> Result<Vec<CommunityShown>, StoreError> {
    let scope = tx.actor().scope.clone();
    let regions: Vec<Region> = tx.find("level >= 4", "ORDER BY code", &[])?;
    let mine = regions.into_iter().filter(|it| scope.covers(&it.code));
    Ok(mine
        .map(|it| {
            let place = places.get(it.code.as_str());
            CommunityShown {
                position: place.map(position),
                invented: place.is_some_and(|it| it.invented),
                calls: calls.standing.get(it.code.as_str()).cloned(),
                name: it.name,
                level: it.level,
                code: it.code,
            }
        })
        .collect())
}

/// A room without a place of its own stands where its street or community does.
fn rooms(tx: &mut Tx<'_>, calls: &Calls, places: &BTreeMap<String, Place>) -> Result<Vec<RoomShown>, StoreError> {
    let with = "duty_room_name IS NOT NULL OR duty_room_phone IS NOT NULL";
    let units: Vec<Organisation> = tx.find(with, "ORDER BY region, id", &[])?;
    Ok(units
        .into_iter()
        .map(|it| {
            let of_region =
                || places.get(it.region.as_str()).filter(|_| it.region.district().as_ref() != Some(&it.region));
            RoomShown {
                position: places.get(&it.id).or_else(of_region).map(position),
                state: calls.rooms.get(&it.id).copied(),
                name: it.duty_room_name.unwrap_or(it.name),
                region: it.region,
                id: it.id,
            }
        })
        .collect())
}

/// Stations, open alarms and signals in force. They are no personal data, and a street's desk must see what
/// its district was told: they are read everywhere, and those that touch `scope` are kept. A station that
/// speaks for nowhere here (上游监视) is everybody's. Of the past, as the journal knew them then.
///
/// # Errors
/// What the engine says.
pub(crate) fn weather(
    tx: &mut Tx<'_>,
    scope: &Scope,
    at: Option<Instant>,
    readings: &HashMap<String, Vec<Last>>,
    lang: Lang,
) -> Result<Weather, StoreError> {
    let now = at.unwrap_or_else(|| tx.now());
    let open = if at.is_some() {
        "raised_at <= $1 AND (state = 'open' OR cleared_at > $1)"
    } else {
        "state = 'open' AND raised_at <= $1"
    };
    let found: Vec<Alarm> = tx.find(open, "", params![now])?;
    let mut alarms = then(tx, found, at, |it| &it.id)?;
    alarms.retain(|it| it.state == AlarmState::Open && (it.areas.is_empty() || sees(scope, &it.region, &it.areas)));
    alarms.sort_by(|a, b| (a.grade, a.raised_at, &a.id).cmp(&(b.grade, b.raised_at, &b.id)));
    // Of the past also what was replaced or lifted since; a signal speaks of days.
    let since = if at.is_some() { now.minus(MONTH) } else { now };
    let came = "received_at <= $1 AND (state = 'in_force' OR received_at > $2)";
    let found: Vec<Signal> = tx.find(came, "ORDER BY received_at DESC, id", params![now, since])?;
    let mut signals = then(tx, found, at, |it| &it.id)?;
    signals.retain(|it| {
        let holds = it.state == SignalState::InForce && it.expires_at.is_none_or(|it| it > now);
        holds && sees(scope, &it.region, &it.areas)
    });
    let found: Vec<Station> = tx.find("1 = 1", "ORDER BY id", &[])?;
    let mut stations = then(tx, found, at, |it| &it.id)?;
    stations.retain(|it| it.serves.is_empty() || sees(scope, &it.region, &it.serves));
    let names: HashMap<String, String> =
        stations.iter().map(|it| (it.id.clone(), it.name.get(lang).to_owned())).collect();
    Ok(Weather {
        stations: stations.into_iter().map(|it| station(it, &alarms, readings, lang)).collect(),
        alarms: alarms
            .into_iter()
            .map(|it| AlarmShown {
                id: it.id,
                station_name: names.get(&it.station).unwrap_or(&it.station).clone(),
                station: it.station,
                title: it.title.get(lang).to_owned(),
                grade: it.grade.get(),
                numeral: it.grade.numeral(),
                raised_at: it.raised_at,
            })
            .collect(),
        signals: signals
            .into_iter()
            .map(|it| SignalShown {
                id: it.id,
                title: it.title,
                issuer: it.issuer,
                colour: it.colour,
                invented: it.invented,
                received_at: it.received_at,
            })
            .collect(),
    })
}

fn sees(scope: &Scope, region: &RegionCode, areas: &[RegionCode]) -> bool {
    scope.covers(region) || touches(scope, areas)
}

/// The records as they stood at `at`; those nobody knew of then fall out.
fn then<R: Record>(
    tx: &mut Tx<'_>,
    found: Vec<R>,
    at: Option<Instant>,
    key: fn(&R) -> &String,
) -> Result<Vec<R>, StoreError> {
    let Some(at) = at else { return Ok(found) };
    found.iter().filter_map(|it| as_of::<R>(tx, key(it), at).transpose()).collect()
}

fn station(it: Station, alarms: &[Alarm], readings: &HashMap<String, Vec<Last>>, lang: Lang) -> StationShown {
    let position = it.longitude.zip(it.latitude).map(|(longitude, latitude)| Position { longitude, latitude });
    StationShown {
        name: it.name.get(lang).to_owned(),
        position,
        upstream: it.serves.is_empty(),
        readings: readings.get(&it.id).cloned().unwrap_or_default(),
        grade: alarms.iter().filter(|alarm| alarm.station == it.id).map(|alarm| alarm.grade.get()).min(),
        id: it.id,
    }
}
