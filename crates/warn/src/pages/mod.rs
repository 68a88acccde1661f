//! The screens: duty desk, round, process, call, channels, and the page behind an answer link.

mod answer;
mod call;
mod channels;
mod desk;
mod map;
mod parts;
mod process;
mod round;

use anlan_kernel::Permission as P;
use anlan_web::{Access, Mounted, Routes};

pub(crate) use desk::hazard;

use crate::{api::Room, map::MapRoom};

/// Pages and the forms on them.
pub(crate) fn routes(room: Room) -> Mounted {
    let (see, run, record) = (Access::Needs(P::SeeDesk), Access::Needs(P::RunRound), Access::Needs(P::RecordAnswer));
    let channels = Access::Needs(P::RunChannels);
    let link = Access::Proof("the token of the answer link, made for one call");
    Routes::new(&room.site)
        .menu("/", "值班台", "Duty desk", Some(P::SeeDesk))
        .menu("/channels", "通道", "Channels", Some(P::RunChannels))
        .get("/", Access::SignedIn, "值班台", "Duty desk", desk::show)
        .get("/processes/{id}", see, "天气过程", "Weather process", process::show)
        .post("/processes/{id}/raise", run, "提级", "Raise the level", process::raise)
        .post("/processes/{id}/stand-down", run, "解除叫应", "Stand down", process::stand_down)
        .get("/rounds/{id}", see, "一轮叫应", "Call-out round", round::show)
        .post("/rounds/{id}/start", run, "立即开始", "Start now", round::start)
        .post("/rounds/{id}/stop", run, "停止", "Stop", round::stop)
        .get("/calls/{id}", see, "一次叫应", "A call", call::show)
        .post("/calls/{id}/record", record, "代登记、上门叫醒、转交", "Record what is known", call::record)
        .post("/calls/{id}/answer", record, "代按键", "Answer for the callee", call::answer)
        .post("/calls/{id}/number", Access::Needs(P::Unmask), "查看号码", "See the number", call::reveal)
        .post("/escalations/{id}/accept", record, "接手", "Accept a list", round::accept)
        .post("/help/{id}/take", record, "接手求助", "Take a request for help", desk::take)
        .get("/channels", channels, "通道与发送失败", "Channels and failed sendings", channels::show)
        .post("/sendings/{id}/again", channels, "再发一次", "Send again", channels::again)
        .get("/a/{token}", link, "答复页", "Answer page", answer::show)
        .post("/a/{token}", link, "答复", "Answer", answer::tap)
        .finish(room)
}

/// 一张图 and what lies behind it.
pub(crate) fn map_routes(map: MapRoom) -> Mounted {
    let (see, run) = (Access::Needs(P::SeeDesk), Access::Needs(P::RunChannels));
    Routes::new(&map.room.site)
        .menu("/map/base", "底图", "Base map", Some(P::RunChannels))
        .get("/map", see, "一张图", "Map", map::show)
        .get("/map/known", see, "到那一刻谁知道了", "Who knew by then", map::known)
        .get("/map/base", run, "底图设置", "The base map", map::base_form)
        .post("/map/base", run, "设置底图", "Set the base map", map::set_base)
        .finish(map)
}
