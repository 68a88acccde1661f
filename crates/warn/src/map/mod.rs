//! The situation map (态势图): where things are and how they stand, now or as far as it was known at a minute.
//!
//! Owns nothing; puts together what the register, monitoring and the rounds of one weather process say.
//! The present is counted in SQL, the past is rebuilt from the journal entries up to that minute, and both
//! go through the same [`calls::Tally`].

pub(crate) mod base;
pub(crate) mod calls;
pub(crate) mod known;
pub(crate) mod layers;
pub(crate) mod tiles;

use std::sync::Arc;

use anlan_kernel::{Instant, Lang, Problem, RegionCode, Scope};
use anlan_monitor::Monitor;
use anlan_store::{StoreError, Tx, params};
use anlan_web::{ApiError, ApiResult, Who};
use serde::{Deserialize, Serialize};

use crate::{
    api::{ListQuery, Room, read_process, read_processes},
    map::{
        base::Shown,
        calls::Tally,
        known::Replay,
        layers::{Ground, Weather},
    },
    model::Process,
    pages,
    service::everywhere,
};

/// Processes looked at for the newest weather.
const LOOKED_AT: usize = 20;

/// What the handlers of the map share.
#[derive(Clone)]
pub(crate) struct MapRoom {
    pub room: Room,
    pub monitor: Arc<Monitor>,
}

/// Which process, and as of when.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct MapQuery {
    pub process: Option<String>,
    pub at: Option<String>,
    /// For the list behind a figure: which figure, of which region, where the last page ended.
    pub of: Option<String>,
    pub region: Option<String>,
    pub cursor: Option<String>,
}

/// The process of the map.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ProcessShown {
    pub id: String,
    pub hazard: String,
    pub title: String,
    pub level: Option<u8>,
    pub open: bool,
    pub opened_at: Instant,
    pub ended_at: Option<Instant>,
}

/// Everything on the map.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct MapView {
    /// As of when.
    pub as_of: Instant,
    /// The minute that was asked for, if not the present.
    pub at: Option<Instant>,
    pub process: Option<ProcessShown>,
    /// Whether readings come in on this node; where not, their absence says nothing.
    pub readings_here: bool,
    #[serde(flatten)]
    pub weather: Weather,
    #[serde(flatten)]
    pub ground: Ground,
    /// 应叫、已知晓 over the whole process and in its newest round.
    pub known: Tally,
    pub base: Option<Shown>,
}

/// See `GET /api/v1/map`.
///
/// # Errors
/// `bad_time` and `bad_minute`; 404 for a process outside the caller's duty areas.
pub(crate) async fn read(map: &MapRoom, who: &Who, query: &MapQuery) -> ApiResult<MapView> {
    let (process, at) = which(map, who, query).await?;
    let now = map.room.site.world.now();
    let readings = map.monitor.newest_readings(at).await?;
    let (wanted, lang, scope) = (process.clone(), who.lang, who.actor.scope.clone());
    let world = &map.room.site.world;
    let weather =
        world.read(&everywhere(&who.actor), move |tx| layers::weather(tx, &scope, at, &readings, lang)).await?;
    let (ground, known, then) = world
        .read(&who.actor, move |tx| {
            let (calls, then) = calls_of(tx, wanted.as_ref(), at)?;
            Ok((layers::ground(tx, then.as_ref(), &calls)?, calls.tally, then))
        })
        .await?;
    Ok(MapView {
        as_of: at.unwrap_or(now),
        at,
        process: then.map(|it| shown(&it, lang)),
        readings_here: map.monitor.ingests(),
        weather,
        ground,
        known,
        base: world.read(&who.actor, base::shown).await?,
    })
}

/// The calls and the process at that minute.
fn calls_of(
    tx: &mut Tx<'_>,
    process: Option<&Process>,
    at: Option<Instant>,
) -> Result<(calls::Calls, Option<Process>), StoreError> {
    let Some(process) = process else { return Ok((calls::Calls::default(), None)) };
    let Some(at) = at else { return Ok((calls::counted(tx, &process.id)?, Some(process.clone()))) };
    let replay = Replay::read(tx, &process.id, at)?;
    let scope = tx.actor().scope.clone();
    Ok((replay.calls(&scope), Some(replay.process(process))))
}

fn shown(process: &Process, lang: Lang) -> ProcessShown {
    ProcessShown {
        id: process.id.clone(),
        hazard: process.hazard.clone(),
        title: pages::hazard(&process.hazard, lang),
        level: process.level,
        open: process.open,
        opened_at: process.opened_at,
        ended_at: process.ended_at,
    }
}

/// The process asked for, else the newest one, and the minute, which lies between its start and now.
pub(crate) async fn which(map: &MapRoom, who: &Who, query: &MapQuery) -> ApiResult<(Option<Process>, Option<Instant>)> {
    let given = |text: &Option<String>| text.as_deref().map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned);
    let process = match given(&query.process) {
        Some(id) => Some(read_process(&map.room, who, id).await?.process),
        None => newest_weather(map, who).await?,
    };
    let at = ListQuery::moment(query.at.clone()).at()?;
    let now = map.room.site.world.now();
    if let (Some(at), Some(process)) = (at, &process)
        && (at < process.opened_at || at > now)
    {
        let (from, until) = (process.opened_at.wall(), now.wall());
        let zh = format!("时刻应在过程开始（{from}）与现在（{until}）之间");
        let en = format!("the moment lies between the start of the process ({from}) and now ({until})");
        return Err(ApiError::from(Problem::new("bad_minute", zh, en).field("at")));
    }
    Ok((process, at))
}

/// The newest process; a list somebody called is shown only where there is no weather among the last.
async fn newest_weather(map: &MapRoom, who: &Who) -> ApiResult<Option<Process>> {
    let first = newest(map, who, 1).await?.pop();
    if !first.as_ref().is_some_and(Process::is_directed) {
        return Ok(first);
    }
    Ok(newest(map, who, LOOKED_AT).await?.into_iter().find(|it| !it.is_directed()).or(first))
}

async fn newest(map: &MapRoom, who: &Who, most: usize) -> ApiResult<Vec<Process>> {
    let list = read_processes(&map.room, who, &ListQuery::first(most), None).await?;
    Ok(list.items.into_iter().map(|it| it.process).collect())
}

/// Whether something for `regions` touches the scope.
pub(crate) fn touches(scope: &Scope, regions: &[RegionCode]) -> bool {
    match scope {
        Scope::Everywhere => true,
        Scope::Regions(own) => regions.iter().any(|it| own.iter().any(|area| area.meets(it))),
    }
}

/// Ids of the rounds of a process that had been proposed, oldest first.
pub(crate) fn round_ids(tx: &mut Tx<'_>, process: &str) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT r.id FROM round r WHERE r.process = $1 AND ({scope:r.region} OR EXISTS
                 (SELECT 1 FROM call c WHERE c.round = r.id AND {scope:c.region})) ORDER BY r.start_at, r.id";
    tx.query(sql, params![process])?.iter().map(|it| it.text(0)).collect()
}
