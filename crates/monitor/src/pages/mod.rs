//! Pages of monitoring: the forms of the duty desk, pasted signals, and the lists of stations, alarms and what was
//! refused.

mod alarms;
mod rejected;
mod signals;
mod stations;

use std::{collections::BTreeMap, sync::Arc};

use anlan_kernel::{Permission as P, Problem, RegionCode};
use anlan_register::Region;
use anlan_store::{StoreError, Tx};
use anlan_web::{Access, Mounted, Routes, Site, list::Asked};

use crate::{api::Room, service::Monitor};

pub(crate) fn routes(site: &Arc<Site>, monitor: Arc<Monitor>) -> Mounted {
    let (see, handle) = (Access::Needs(P::SeeMonitor), Access::Needs(P::HandleSignal));
    let edit = Access::Needs(P::EditRules);
    Routes::new(site)
        .get("/signals/new", handle, "录入信号", "Paste a signal", signals::new_form)
        .post("/signals/new", handle, "录入信号", "Paste a signal", signals::paste)
        .post("/signals/{id}/acknowledge", handle, "签收", "Acknowledge", signals::acknowledge)
        .post("/signals/{id}/forward", handle, "转发", "Forward", signals::forward)
        .get("/alarms", see, "实况告警", "Alarms", alarms::show)
        .get("/alarms/export.xlsx", see, "导出实况告警", "Export alarms", alarms::export)
        .get("/stations", see, "监测站", "Stations", stations::show)
        .get("/stations/export.xlsx", see, "导出监测站", "Export stations", stations::export)
        .get("/rejected", edit, "未接收", "Not taken", rejected::show)
        .get("/rejected/export.xlsx", edit, "导出未接收", "Export what was not taken", rejected::export)
        .finish(Room { site: Arc::clone(site), monitor })
}

/// The region a list is asked for.
fn region(asked: &Asked) -> Result<Option<RegionCode>, Problem> {
    let text = Some(asked.get("region")).filter(|it| !it.is_empty());
    text.map(RegionCode::parse).transpose().map_err(|it| {
        Problem::new("bad_region", format!("“{}”不是区划代码，如 440303001", it.0), it.to_string()).field("region")
    })
}

/// Regions by name, for a filter.
fn named(tx: &mut Tx<'_>, codes: impl IntoIterator<Item = RegionCode>) -> Result<Vec<(String, String)>, StoreError> {
    let codes: BTreeMap<String, RegionCode> = codes.into_iter().map(|it| (it.to_string(), it)).collect();
    let mut named = Vec::with_capacity(codes.len());
    for code in codes.into_keys() {
        let name = tx.get::<Region>(&code)?.map_or_else(|| code.clone(), |it| it.name);
        named.push((code, name));
    }
    Ok(named)
}
