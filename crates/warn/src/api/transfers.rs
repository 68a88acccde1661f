//! Transfer figures (转移人数) per place, per street and in all.

use std::collections::BTreeMap;

use anlan_kernel::{Problem, RegionCode};
use anlan_register::Region;
use anlan_store::{StoreError, Tx};
use anlan_web::{ApiResult, Who};
use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::{Deserialize, Serialize};

use super::Room;
use crate::transfer::{self, Numbers, Report, Transfer};

/// The figures of a process in the reader's duty areas; sums are computed from the items. What a street or the
/// district reports of itself takes in its communities, so it counts only where none of those reported.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Transfers {
    pub items: Vec<Transfer>,
    /// Places whose own figure is not in the sums, because places in them reported.
    pub left_out: Vec<RegionCode>,
    pub streets: Vec<StreetSum>,
    pub sum: Numbers,
}

/// What the places of one street report together.
#[derive(Debug, Serialize)]
pub(crate) struct StreetSum {
    pub region: RegionCode,
    pub name: String,
    /// Places that reported.
    pub places: usize,
    pub sum: Numbers,
}

#[derive(Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    process: String,
}

/// The figures of a process.
pub(super) async fn list(State(room): State<Room>, who: Who, Query(which): Query<Which>) -> ApiResult<Json<Transfers>> {
    if which.process.is_empty() {
        let (zh, en) = ("须写明天气过程 process", "name the process");
        return Err(Problem::new("bad_process", zh, en).field("process").into());
    }
    Ok(Json(read_transfers(&room, &who, which.process).await?))
}

/// See [`list`].
pub(crate) async fn read_transfers(room: &Room, who: &Who, process: String) -> Result<Transfers, StoreError> {
    room.site.world.read(&who.actor, move |tx| read(tx, &process)).await
}

fn read(tx: &mut Tx<'_>, process: &str) -> Result<Transfers, StoreError> {
    let items = transfer::of_process(tx, process)?;
    let mut by_street: BTreeMap<RegionCode, Vec<Numbers>> = BTreeMap::new();
    let has_parts = |own: &Transfer| items.iter().any(|it| it.region != own.region && own.region.covers(&it.region));
    let (whole, counted): (Vec<&Transfer>, Vec<&Transfer>) = items.iter().partition(|it| has_parts(it));
    let left_out = whole.iter().map(|it| it.region.clone()).collect();
    for it in counted {
        let street = it.region.street().unwrap_or_else(|| it.region.clone());
        by_street.entry(street).or_default().push(it.numbers);
    }
    let mut streets = Vec::new();
    for (region, all) in by_street {
        let name = tx.get::<Region>(region.as_str())?.map_or_else(|| region.to_string(), |it| it.name);
        streets.push(StreetSum { region, name, places: all.len(), sum: all.into_iter().sum() });
    }
    let sum = streets.iter().map(|it| it.sum).sum();
    Ok(Transfers { items, left_out, streets, sum })
}

/// What the callee of a call says on the telephone.
#[derive(Deserialize)]
pub(super) struct Told {
    region: String,
    #[serde(default = "nothing_seen")]
    seen: i64,
    #[serde(flatten)]
    numbers: Counted,
}

#[derive(Deserialize)]
struct Counted {
    #[serde(default)]
    due: i64,
    #[serde(default)]
    moved: i64,
    #[serde(default)]
    not_yet: i64,
    #[serde(default)]
    refused: i64,
    #[serde(default)]
    lost: i64,
}

fn nothing_seen() -> i64 {
    -1
}

/// An officer writes the figures down.
pub(super) async fn told(
    State(room): State<Room>,
    who: Who,
    Path(call): Path<String>,
    Json(told): Json<Told>,
) -> ApiResult<Json<Transfer>> {
    let region = RegionCode::parse(&told.region)
        .map_err(|it| Problem::new("bad_region", "不是区划代码", it.to_string()).field("region"))?;
    let Counted { due, moved, not_yet, refused, lost } = told.numbers;
    let report = Report { region, numbers: Numbers { due, moved, not_yet, refused, lost }, seen: told.seen };
    Ok(Json(room.warn.report_transfer_by_desk(&who.actor, &call, report).await?))
}
