//! Stations with what they last said, and stations in.

use std::collections::HashMap;

use anlan_kernel::{Actor, Instant, Scope};
use anlan_web::{ApiResult, Who};
use axum::{
    Json,
    body::Bytes,
    extract::{Query, State},
};
use serde::{Deserialize, Serialize};

use super::{
    ProblemView, Room, elsewhere,
    lists::{List, ListQuery, as_of},
};
use crate::{model::Station, newest::Last, store};

/// A station and its newest readings; what is missing is said.
#[derive(Serialize)]
pub(crate) struct StationView {
    #[serde(flatten)]
    pub station: Station,
    /// When it last reported; `None` while it never did.
    pub last_at: Option<Instant>,
    /// The newest reading of each quantity, in the unit it came in.
    pub readings: Vec<ReadingView>,
    /// 无坐标, 无读数, 上游监视, …: what a map or a list must show instead of leaving it out.
    pub remarks: Vec<String>,
}

/// The newest reading of one quantity.
#[derive(Serialize)]
pub(crate) struct ReadingView {
    pub quantity: String,
    pub value: String,
    pub unit: String,
    pub observed_at: Instant,
}

/// Stations by id.
pub(super) async fn list(
    State(room): State<Room>,
    who: Who,
    Query(query): Query<ListQuery>,
) -> ApiResult<Json<List<StationView>>> {
    let (at, most, cursor) = (query.at()?, query.most()?, query.cursor.clone().unwrap_or_default());
    let shown = at.unwrap_or_else(|| room.site.world.now());
    let reader = reader(&room, &who);
    let read = room.site.world.read(&reader, move |tx| {
        let items = store::station_list(tx, &cursor, most)?;
        let mut page = List::new(items, most, shown, |it| &it.id);
        page.items = as_of(tx, std::mem::take(&mut page.items), at, |it| &it.id)?;
        Ok(page)
    });
    let page = read.await?;
    let mut newest = room.monitor.newest_readings(at).await?;
    let here = room.monitor.ingests();
    Ok(Json(page.map(|it| view(it, &mut newest, &who, here))))
}

/// Every station the reader sees, by id.
pub(crate) async fn every_station(room: &Room, who: &Who) -> ApiResult<Vec<StationView>> {
    let stations = room.site.world.read(&reader(room, who), store::station_all).await?;
    let mut newest = room.monitor.newest_readings(None).await?;
    let here = room.monitor.ingests();
    Ok(stations.into_iter().map(|it| view(it, &mut newest, who, here)).collect())
}

/// Whoever watches over the home region also watches what lies upstream of it.
fn reader(room: &Room, who: &Who) -> Actor {
    let watches = who.actor.scope.covers(&room.monitor.settings.home);
    if watches { Actor { scope: Scope::Everywhere, ..who.actor.clone() } } else { who.actor.clone() }
}

/// `here`: whether readings come in on this node, so that their absence means something.
fn view(station: Station, newest: &mut HashMap<String, Vec<Last>>, who: &Who, here: bool) -> StationView {
    let last = newest.remove(&station.id).unwrap_or_default();
    let said = [
        (station.longitude.is_none() || station.latitude.is_none(), "无坐标", "no coordinates"),
        (here && last.is_empty(), "无读数", "no readings"),
        (!here, "读数在接收观测的节点", "readings are on the node that takes them"),
        (station.serves.is_empty(), "上游监视", "watched upstream, never calls"),
    ];
    StationView {
        last_at: last.iter().map(|it| it.at).max(),
        readings: last.into_iter().map(reading).collect(),
        remarks: said.into_iter().filter(|it| it.0).map(|it| who.lang.pick(it.1, it.2).to_owned()).collect(),
        station,
    }
}

fn reading(it: Last) -> ReadingView {
    ReadingView { quantity: it.quantity, value: it.value, unit: it.unit, observed_at: it.at }
}

#[derive(Deserialize)]
pub(super) struct ImportQuery {
    dry_run: Option<String>,
}

/// What an import did, or would do.
#[derive(Serialize)]
pub(super) struct ImportedView {
    new: usize,
    changed: usize,
    same: usize,
    problems: Vec<ProblemView>,
}

/// Takes a stations.csv; with `dry_run=1` only says what it would do.
pub(super) async fn import(
    State(room): State<Room>,
    who: Who,
    Query(query): Query<ImportQuery>,
    body: Bytes,
) -> ApiResult<Json<ImportedView>> {
    let dry_run = query.dry_run.as_deref().is_some_and(|it| matches!(it, "1" | "true"));
    let imported = room.monitor.import_stations(&who.actor, &body, dry_run).await.map_err(elsewhere)?;
    let problems = ProblemView::all(imported.problems, who.lang);
    Ok(Json(ImportedView { new: imported.new, changed: imported.changed, same: imported.same, problems }))
}
