//! What warning and call-out offer over HTTP.

mod calls;
mod gateways;
mod lists;
mod map;
mod processes;
mod rounds;

use std::sync::Arc;

use anlan_kernel::Permission as P;
use anlan_web::{Access, Mounted, Routes, Site};

use anlan_monitor::Monitor;

use crate::{Warn, map::MapRoom, pages};

pub(crate) use calls::{
    CallQuery, CallStory, CallView, HelpView, Record, read_call, read_calls, read_help, record_call, view as call_view,
};
pub(crate) use gateways::{GatewayView, SendingView, read_failed, read_gateways};
pub(crate) use lists::ListQuery;
pub(crate) use processes::{ProcessView, read_process, read_processes};
pub(crate) use rounds::{Counts, RoundView, read_round};

/// Most bytes of a body of receipts.
const RECEIPTS: usize = 1 << 20;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Room {
    pub site: Arc<Site>,
    pub warn: Arc<Warn>,
}

/// Routes of warning and call-out: processes, rounds, calls, lists for superiors, requests for help,
/// receipts, gateways, failed sendings, and their pages.
pub fn routes(site: &Arc<Site>, warn: Arc<Warn>) -> Mounted {
    let room = Room { site: Arc::clone(site), warn };
    desk(site).finish(room.clone()).merge(channels(site).finish(room.clone())).merge(pages::routes(room))
}

/// Routes of the map: it also shows what is measured.
pub fn map_routes(site: &Arc<Site>, warn: Arc<Warn>, monitor: Arc<Monitor>) -> Mounted {
    let (see, run) = (Access::Needs(P::SeeDesk), Access::Needs(P::RunChannels));
    let map = MapRoom { room: Room { site: Arc::clone(site), warn }, monitor };
    Routes::new(site)
        .get("/api/v1/map", see, "一张图：站、告警、社区叫应、值班室", "Everything on the map", map::show)
        .get("/api/v1/map/base", run, "底图设置", "The base map", map::base)
        .put("/api/v1/map/base", run, "设置底图（须有审图号）", "Set the base map", map::set_base)
        .finish(map.clone())
        .merge(pages::map_routes(map))
}

fn desk(site: &Arc<Site>) -> Routes<Room> {
    let (see, run, record) = (Access::Needs(P::SeeDesk), Access::Needs(P::RunRound), Access::Needs(P::RecordAnswer));
    Routes::new(site)
        .get("/api/v1/processes", see, "天气过程", "Weather processes", processes::list)
        .get("/api/v1/processes/{id}", see, "一个天气过程及其各轮", "A process with its rounds", processes::one)
        .post("/api/v1/processes/{id}/raise", run, "提级", "Raise the call-out level", processes::raise)
        .post("/api/v1/processes/{id}/stand-down", run, "解除叫应", "Stand down", processes::stand_down)
        .get("/api/v1/rounds", see, "各轮叫应", "Call-out rounds", rounds::list)
        .get("/api/v1/rounds/{id}", see, "一轮叫应的计数", "Counts of a round", rounds::one)
        .post("/api/v1/rounds/{id}/start", run, "立即开始", "Start now", rounds::start)
        .post("/api/v1/rounds/{id}/stop", run, "停止", "Stop", rounds::stop)
        .get("/api/v1/calls", see, "叫应名单", "Calls", calls::list)
        .get("/api/v1/calls/{id}", see, "一次叫应：各次拨打与回执", "A call with attempts and receipts", calls::one)
        .post("/api/v1/calls/{id}/answer", record, "代按键 1、2、3", "Answer with key 1, 2 or 3", calls::answer)
        .post("/api/v1/calls/{id}/record", record, "代登记、上门叫醒、转交", "Record what is known", calls::record)
        .get("/api/v1/escalations", see, "逐级叫应名单", "Lists for superiors", calls::escalations)
        .post("/api/v1/escalations/{id}/accept", record, "接手", "Accept a list", calls::accept)
        .get("/api/v1/help", see, "有险情、需支援", "Requests for help", calls::help)
        .post("/api/v1/help/{id}/take", record, "接手求助", "Take a request for help", calls::take_help)
}

fn channels(site: &Arc<Site>) -> Routes<Room> {
    let channels = Access::Needs(P::RunChannels);
    let proof = Access::Proof("HMAC-SHA256 of the gateway's secret in X-Anlan-Signature");
    Routes::new(site)
        .get("/api/v1/gateways", channels, "通道", "Gateways", gateways::list)
        .get("/api/v1/gateways/{id}", channels, "一个通道", "A gateway", gateways::one)
        .put("/api/v1/gateways/{id}", channels, "设置通道", "Set a gateway", gateways::put)
        .get("/api/v1/sendings/failed", channels, "发送失败与重发", "Failed and repeated sendings", gateways::failed)
        .post("/api/v1/sendings/{id}/again", channels, "再发一次", "Send again", gateways::again)
        .limit(RECEIPTS)
        .post("/api/v1/receipts/{gateway}", proof, "通道回执", "Receipts of a gateway", gateways::receipts)
}
