//! What monitoring offers over HTTP.

pub(crate) mod lists;
mod observations;
mod rules;
pub(crate) mod signals;
pub(crate) mod stations;

use std::sync::Arc;

use anlan_kernel::{Lang, Permission as P, Place, Problem};
use anlan_store::StoreError;
use anlan_web::{Access, ApiError, Mounted, Routes, Site};
use axum::http::StatusCode;
use serde::Serialize;

use crate::{
    pages,
    service::{Monitor, NOT_INGESTING},
};

/// Most bytes of a body of observations or stations.
const LARGE: usize = 32 * 1024 * 1024;
/// Most bytes of a signal; as much as its readers take.
const SIGNAL: usize = 4 * 1024 * 1024;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Room {
    pub site: Arc<Site>,
    pub monitor: Arc<Monitor>,
}

/// 503 where this node takes no observations: another one does, so the body is to be sent there.
fn elsewhere(error: StoreError) -> ApiError {
    match error {
        StoreError::Refused(problem) if problem.code == NOT_INGESTING => {
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, problem)
        }
        error => error.into(),
    }
}

/// Routes of monitoring: readings and signals in, lists, rules, stations, and their pages.
pub fn routes(site: &Arc<Site>, monitor: Arc<Monitor>) -> Mounted {
    let (desk, see, edit) = (Access::Needs(P::SeeDesk), Access::Needs(P::SeeMonitor), Access::Needs(P::EditRules));
    let (handle, send) = (Access::Needs(P::HandleSignal), Access::Needs(P::SendObservations));
    Routes::new(site)
        .get("/api/v1/signals", desk, "预警信号", "Signals", signals::list)
        .get(
            "/api/v1/signals/{id}",
            desk,
            "一条预警信号及原文；加 .cap 为来时的 CAP",
            "A signal and the message as it came; .cap for the CAP that came",
            signals::one,
        )
        .post("/api/v1/signals/{id}/acknowledge", handle, "签收", "Acknowledge", signals::acknowledge)
        .post("/api/v1/signals/{id}/forward", handle, "转发", "Forward unchanged", signals::forward)
        .get("/api/v1/alarms", see, "实况告警", "Alarms", lists::alarms)
        .get("/api/v1/stations", see, "监测站与最近读数", "Stations and their last readings", stations::list)
        .get("/api/v1/rejected", edit, "拒收的输入及原因", "Refused input and why", lists::rejected)
        .get("/api/v1/rules", see, "现行规则", "Rules that judge now", rules::list)
        .get("/api/v1/rules/{source}", see, "规则原文与历史", "Rules as written, and their history", rules::one)
        .put("/api/v1/rules/{source}", edit, "修改规则", "Replace rules", rules::replace)
        .limit(SIGNAL)
        // Whoever sends signals by machine, or handles them at a desk: the handler looks.
        .post(
            "/api/v1/signals",
            Access::SignedIn,
            "接入预警信号（CAP、国家预警报文、JSON 或纯文本）；报文没有写区划的按 ?areas=区划代码,区划代码；值班人员发来的纯文本再没有的按其责任区；其余没有区划的只显示，不叫应",
            "Take in a signal (CAP, the Chinese warning message, JSON or plain text). One that names no region is for ?areas=code,code; plain text of a duty officer without either is for the officer's duty area; any other without region is shown and calls nobody",
            signals::receive,
        )
        .limit(LARGE)
        .post("/api/v1/observations", send, "上报观测", "Send observations", observations::take)
        .post("/api/v1/stations/import", edit, "导入监测站", "Import stations", stations::import)
        .finish(Room { site: Arc::clone(site), monitor: Arc::clone(&monitor) })
        .merge(pages::routes(site, monitor))
}

/// A problem in one language, as it stands in lists of problems.
#[derive(Serialize)]
pub(crate) struct ProblemView {
    code: String,
    #[serde(flatten)]
    place: Place,
    message: String,
}

impl ProblemView {
    pub fn of(problem: Problem, lang: Lang) -> Self {
        let message = problem.message.get(lang).to_owned();
        Self { code: problem.code, place: problem.place, message }
    }

    pub fn all(problems: Vec<Problem>, lang: Lang) -> Vec<Self> {
        problems.into_iter().map(|it| Self::of(it, lang)).collect()
    }
}
