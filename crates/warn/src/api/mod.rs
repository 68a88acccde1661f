//! What warning and call-out offer over HTTP.

mod board;
mod calls;
mod channels;
mod door;
mod effect;
mod escalations;
mod evidence;
mod gateways;
mod help;
mod lists;
mod map;
mod plays;
mod processes;
mod records;
mod rounds;
mod transfers;

use std::sync::Arc;

use anlan_kernel::Permission as P;
use anlan_web::{Access, Mounted, Routes, Site};

use anlan_monitor::Monitor;

use crate::{Warn, directed, exercise, map::MapRoom, notice, pages};

pub(crate) use board::{
    Board, BoardQuery, PAGE, Row, SORTS, Tile, UNREACHED, WHO, read_all, read_board, tile_words, views,
};
pub use calls::{CallQuery, CallView, Figure, read_calls};
pub(crate) use calls::{CallStory, person_of, read_call, view as call_view};
pub(crate) use channels::{
    ChannelView, NewEndpoint, NewRoute, Reason, Settings, Test, read_channel, read_channels, read_endpoints,
    read_routes, save, save_endpoint, save_route,
};
pub(crate) use door::{Door, DoorList, DoorPlace, make_door_list};
pub(crate) use effect::{
    EffectQuery, EffectView, Group, LineQuery, LineView, Part, REACHED, SilentView, account_names, page_of,
    read_effect, read_summary, sheet as effect_sheet,
};
pub(crate) use evidence::read_evidence;
pub(crate) use gateways::{SendingView, read_failed};
pub use help::{HelpView, SuperiorView, read_help};
pub use lists::{List, ListQuery};
pub(crate) use lists::{cursor, region_of};
pub(crate) use plays::{PlayView, plays_of_notice, plays_of_process, read_plays};
pub(crate) use processes::read_process;
pub use processes::{ProcessView, read_processes};
pub(crate) use records::{Record, record_call};
pub use rounds::{Counts, RoundView};
pub(crate) use rounds::{read_round, round_counts};
pub(crate) use transfers::{Transfers, read_transfers};

/// Most bytes of a body of receipts.
const RECEIPTS: usize = 1 << 20;
/// Most bytes of a table of endpoints.
const SHEET: usize = 16 << 20;

/// What the handlers share.
#[derive(Clone, Debug)]
pub struct Room {
    /// The pages' world.
    pub site: Arc<Site>,
    /// The mechanism.
    pub warn: Arc<Warn>,
}

/// Routes of warning and call-out: processes, rounds, calls, lists for superiors, requests for help,
/// notices, receipts, channels, failed sendings, and their pages.
pub fn routes(site: &Arc<Site>, warn: Arc<Warn>) -> Mounted {
    let room = Room { site: Arc::clone(site), warn };
    desk(site)
        .finish(room.clone())
        .merge(channels(site).finish(room.clone()))
        .merge(notice::routes(site, room.clone()))
        .merge(exercise::routes(room.clone()))
        .merge(directed::routes(room.clone()))
        .merge(pages::routes(room))
}

/// Routes of the map: it also shows what is measured.
pub fn map_routes(site: &Arc<Site>, warn: Arc<Warn>, monitor: Arc<Monitor>) -> Mounted {
    let (see, run) = (Access::Needs(P::SeeDesk), Access::Needs(P::RunChannels));
    let map = MapRoom { room: Room { site: Arc::clone(site), warn }, monitor };
    Routes::new(site)
        .get("/api/v1/map", see, "态势图：站、告警、社区叫应、值班室", "Everything on the map", map::show)
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
        .get("/api/v1/processes/{id}/timeline", see, "过程时间线", "Timeline of a process", effect::timeline)
        .get("/api/v1/processes/{id}/effect", see, "叫应效能分析", "Effect of the call-out", effect::effect)
        .get("/api/v1/processes/{id}/summary", see, "过程总结", "Summary of a process", effect::summary)
        .get(
            "/api/v1/processes/{id}/evidence/{person}",
            see,
            "尽职证据包（本人与上级；查看记入操作日志）",
            "Record of duty, for the person and their superiors; the look is journaled",
            evidence::evidence,
        )
        .get("/api/v1/rounds", see, "各轮叫应", "Call-out rounds", rounds::list)
        .get("/api/v1/rounds/{id}", see, "一轮叫应的计数", "Counts of a round", rounds::one)
        .post("/api/v1/rounds/{id}/start", run, "立即开始", "Start now", rounds::start)
        .post("/api/v1/rounds/{id}/stop", run, "停止（须写明理由）", "Stop, with a reason", rounds::stop)
        .post("/api/v1/rounds/{id}/resume", run, "恢复叫应（须写明理由）", "Call on after a stop", rounds::resume)
        .get("/api/v1/calls", see, "叫应名单", "Calls", calls::list)
        .get("/api/v1/calls/{id}", see, "一次叫应：各次拨打与回执", "A call with attempts and receipts", calls::one)
        .post("/api/v1/calls/{id}/answer", record, "代按键 1、2、3", "Answer with key 1, 2 or 3", records::answer)
        .post("/api/v1/calls/{id}/record", record, "代登记、上门叫醒、转交", "Record what is known", records::record)
        .get("/api/v1/escalations", see, "逐级叫应名单", "Lists for superiors", escalations::list)
        .post("/api/v1/escalations/{id}/accept", record, "接手", "Accept a list", escalations::accept)
        .post("/api/v1/escalations/{id}/refuse", record, "不能接手，改叫下一位", "Refuse a list", escalations::refuse)
        .get("/api/v1/transfers", see, "转移人数", "Who has to leave and where they are", transfers::list)
        .post("/api/v1/calls/{id}/transfer", record, "代报转移人数", "Report transfer figures", transfers::told)
        .get("/api/v1/help", see, "有险情、需支援", "Requests for help", help::list)
        .post("/api/v1/help/{id}/take", record, "接手求助", "Take a request for help", help::take)
        .post("/api/v1/help/{id}/outcome", record, "求助结果", "What came of a request for help", help::end)
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
        .post(
            "/api/v1/sendings/{id}/discard",
            channels,
            "不再发送",
            "Lay a failed sending aside",
            self::channels::discard,
        )
        .get("/api/v1/channels", channels, "各类通道及状态", "Channels of every kind", self::channels::list)
        .get("/api/v1/channels/{id}", channels, "一个通道", "A channel", self::channels::one)
        .put("/api/v1/channels/{id}", channels, "设置通道", "Set a channel", self::channels::put)
        .delete("/api/v1/channels/{id}", channels, "删除通道", "Take a channel away", self::channels::remove)
        .post("/api/v1/channels/{id}/test", channels, "通道测试", "Test a channel", self::channels::test)
        .get("/api/v1/channel-routes", channels, "消息去向", "Which channel is told what", self::channels::routes)
        .post("/api/v1/channel-routes", channels, "增加去向", "Add a route", self::channels::add_route)
        .delete("/api/v1/channel-routes/{id}", channels, "删除去向", "Take a route away", self::channels::remove_route)
        .get("/api/v1/endpoints", channels, "终端：喇叭与邮箱", "Loudspeakers and mailboxes", self::channels::endpoints)
        .put("/api/v1/endpoints/{id}", channels, "设置终端", "Set an endpoint", self::channels::put_endpoint)
        .delete(
            "/api/v1/endpoints/{id}",
            channels,
            "删除终端",
            "Take an endpoint away",
            self::channels::remove_endpoint,
        )
        .get("/api/v1/plays", Access::Needs(P::SeeDesk), "播出结果", "Announcements on loudspeakers", plays::list)
        .limit(SHEET)
        .post(
            "/api/v1/import/endpoints",
            channels,
            "导入终端",
            "Import loudspeakers or mailboxes",
            self::channels::import,
        )
        .limit(RECEIPTS)
        .post("/api/v1/receipts/{gateway}", proof, "通道回执", "Receipts of a gateway", gateways::receipts)
}
