//! The screens: duty desk, round, process, call, channels, and the page behind an answer link.

mod answer;
mod call;
mod channels;
mod desk;
mod effect;
mod papers;
mod parts;
mod process;
mod round;
mod strip;
mod timeline;

use anlan_kernel::Permission as P;
use anlan_web::{Access, Mounted, Routes};

pub(crate) use desk::hazard;

use crate::api::{Room, effect_sheet};

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
