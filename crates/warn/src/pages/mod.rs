//! The screens: round, process, call, channels, and the page behind an answer link.

mod answer;
mod board;
mod call;
mod channels;
mod door;
mod effect;
mod escalation;
mod list;
mod map;
mod papers;
pub mod parts;
mod process;
mod round;
mod strip;
mod timeline;

use anlan_kernel::Permission as P;
use anlan_web::{Access, Mounted, Routes};

pub(crate) use parts::hazard;

use crate::{
    api::{Room, effect_sheet},
    map::MapRoom,
};

/// Pages and the forms on them.
pub(crate) fn routes(room: Room) -> Mounted {
    let (see, run, record) = (Access::Needs(P::SeeDesk), Access::Needs(P::RunRound), Access::Needs(P::RecordAnswer));
    let channels = Access::Needs(P::RunChannels);
    let link = Access::Proof("the token of the answer link, made for one call");
    Routes::new(&room.site)
        .menu("/channels", "通道", "Channels", Some(P::RunChannels))
        .get("/processes/{id}", see, "天气过程", "Weather process", process::show)
        .post("/processes/{id}/raise", run, "提级", "Raise the level", process::raise)
        .post("/processes/{id}/stand-down", run, "解除叫应", "Stand down", process::stand_down)
        .get("/processes/{id}/effect", see, "叫应效能分析", "Effect of the call-out", effect::show)
        .get(
            "/processes/{id}/effect.xlsx",
            see,
            "叫应效能分析（表）",
            "Effect of the call-out as a sheet",
            effect_sheet,
        )
        .get("/processes/{id}/summary", see, "过程总结", "Summary of a process", papers::summary)
        .get(
            "/processes/{id}/evidence/{person}",
            see,
            "尽职证据包（本人与上级；查看记入操作日志）",
            "Record of duty, for the person and their superiors; the look is journaled",
            papers::evidence,
        )
        .get("/rounds/{id}", see, "一轮叫应", "Call-out round", round::show)
        .get("/rounds/{id}/export.xlsx", Access::Needs(P::SeePeople), "导出名单", "Export the list", door::export)
        .post("/rounds/{id}/door-list", Access::Needs(P::Unmask), "上门叫醒名单", "Door list", door::print)
        .post("/rounds/{id}/start", run, "立即开始", "Start now", round::start)
        .post("/rounds/{id}/stop", run, "停止", "Stop", round::stop)
        .post("/rounds/{id}/resume", run, "恢复叫应", "Call on after a stop", round::resume)
        .get("/calls/{id}", see, "一次叫应", "A call", call::show)
        .post("/calls/{id}/record", record, "代登记、上门叫醒、转交", "Record what is known", call::record)
        .post("/calls/{id}/answer", record, "代按键", "Answer for the callee", call::answer)
        .post("/calls/{id}/number", Access::Needs(P::Unmask), "查看号码", "See the number", call::reveal)
        .post("/calls/{id}/clear-pin", record, "清除口令", "Clear the callee's PIN", call::clear_pin)
        .get("/escalations/{id}", see, "逐级叫应名单", "A list for a superior", escalation::show)
        .post("/escalations/{id}/accept", record, "接手", "Accept a list", escalation::accept)
        .post("/escalations/{id}/refuse", record, "不能接手", "Refuse a list", escalation::refuse)
        .get("/channels", channels, "通道与发送失败", "Channels and failed sendings", channels::show)
        .get("/channels/new", channels, "新增通道", "A new channel", channels::new)
        .post("/channels", channels, "保存通道", "Save a channel", channels::put)
        .get("/channels/{id}", channels, "通道设置", "Settings of a channel", channels::one)
        .post("/channels/{id}/test", channels, "通道测试", "Test a channel", channels::test)
        .post("/channels/{id}/remove", channels, "删除通道", "Remove a channel", channels::remove)
        .post("/channel-routes", channels, "增加去向", "Add a route", channels::add_route)
        .post("/channel-routes/{id}/remove", channels, "删除去向", "Remove a route", channels::remove_route)
        .post("/endpoints", channels, "增加终端", "Add an endpoint", channels::add_endpoint)
        .post("/endpoints/{id}/remove", channels, "删除终端", "Remove an endpoint", channels::remove_endpoint)
        .post("/sendings/{id}/again", channels, "再发一次", "Send again", channels::again)
        .post("/sendings/{id}/discard", channels, "不再发送", "Lay a failed sending aside", channels::discard)
        .get("/a/{token}", link, "答复页", "Answer page", answer::show)
        .post("/a/{token}", link, "答复", "Answer", answer::tap)
        .post("/a/{token}/transfer", link, "报转移人数", "Report who has moved", answer::report)
        .post("/a/{token}/pin", link, "用口令打开名单", "Open a list with the PIN", list::open)
        .post("/a/{token}/pin/new", link, "设置口令", "Choose a PIN", list::choose)
        .finish(room)
}

/// 态势图 and what lies behind it.
pub(crate) fn map_routes(map: MapRoom) -> Mounted {
    let (see, run) = (Access::Needs(P::SeeDesk), Access::Needs(P::RunChannels));
    Routes::new(&map.room.site)
        .menu("/map/base", "底图", "Base map", Some(P::RunChannels))
        .get("/map", see, "态势图", "Situation map", map::show)
        .get("/map/tiles/{z}/{x}/{y}", see, "底图瓦片", "A tile of the base map", map::tile)
        .get("/map/known", see, "到那一刻谁知道了", "Who knew by then", map::known)
        .get("/map/base", run, "底图设置", "The base map", map::base_form)
        .post("/map/base", run, "设置底图", "Set the base map", map::set_base)
        .finish(map)
}
