//! The screens of notices: list, one notice with its editor, the signing page for a phone, the printed paper,
//! the request to the warning centre, the switch of the public page, the public page.

mod edit;
mod list;
mod paper;
mod show;
mod sign;

use anlan_kernel::{Instant, Lang, Permission as P};
use anlan_web::{Access, Mounted, Routes, Site, asset};
use maud::{Markup, html};

use super::{
    model::{Kind, Standing},
    public,
    send::short,
};
use crate::api::Room;

/// Pages and the forms on them.
pub(crate) fn routes(room: Room) -> Mounted {
    let (see, draft, sign) = (Access::Needs(P::SeeDesk), Access::Needs(P::DraftNotice), Access::Needs(P::SignNotice));
    let switch = Access::Needs(P::SwitchPublicPage);
    Routes::new(&room.site)
        .get("/notices", see, "风险提示单", "Notices", list::show)
        .post("/notices", draft, "起草", "Draft", edit::create)
        .get("/notices/export.xlsx", see, "导出风险提示单目录", "Notices as a sheet", list::export)
        .get("/notices/{id}", see, "一份风险提示单", "A risk notice", show::show)
        .get("/notices/{id}/print", see, "打印", "Print", paper::print)
        .get("/notices/{id}/application", see, "发布申请", "Request to the warning centre", paper::application)
        .get("/notices/{id}/sign", sign, "签发（手机）", "Sign, on a phone", sign::show)
        .post("/notices/{id}/edit", draft, "保存稿件", "Save the draft", edit::save)
        .post("/notices/{id}/withdraw", draft, "撤稿", "Withdraw", edit::withdraw)
        .post("/notices/{id}/verbal", draft, "电话口头同意", "Record a verbal yes", edit::verbal)
        .post("/notices/{id}/begin", draft, "起草更新、更正、解除", "Begin another paper", edit::begin)
        .post("/notices/{id}/sign", sign, "签发", "Sign", sign::sign)
        .post("/notices/{id}/refuse", sign, "退回", "Send back", sign::refuse)
        .post("/notices/{id}/public", sign, "同意或撤销公开", "Approve for the public", sign::publish)
        .get("/public-page", switch, "公开页", "Public page", list::public_page)
        .post("/public-page", switch, "开关公开页", "Switch the public page", list::public_page_switch)
        .get("/public", Access::Public, "公开页（启用后）", "Public page, once switched on", public::show)
        .finish(room)
}

/// The stylesheet of these pages.
fn style(site: &Site) -> Markup {
    html! { link rel="stylesheet" href=(asset(site, "notice.css")); }
}

fn kind(it: Kind, lang: Lang) -> &'static str {
    let (zh, en) = it.words();
    lang.pick(zh, en)
}

fn standing(it: Standing, lang: Lang) -> Markup {
    let (zh, en) = it.words();
    html! { span class=(format!("tag standing-{}", it.name())) { (lang.pick(zh, en)) } }
}

/// `9月2日06:00`: a paper lives longer than a day.
fn moment(at: Instant) -> Markup {
    html! { time.num datetime=(at.to_rfc3339()) { (short(at)) } }
}
