//! Hand-over on the screen and on A4: the outgoing officer signs, the incoming one accepts beside them.

use std::collections::BTreeMap;

use anlan_kernel::{Lang, Permission as P, Problem};
use anlan_warn::{api::ListQuery, pages::parts::to};
use anlan_web::{Access, ApiError, ApiResult, Mounted, Routes, Who, confirm, page};
use axum::{
    extract::{Form, Path, Query, State},
    http::StatusCode,
    response::Redirect,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{HandOver, OpenItem, Remarks, State as Standing};
use crate::{Room, service::next_link};

pub(super) fn routes(room: Room) -> Mounted {
    let (see, sign) = (Access::Needs(P::SeePeople), Access::Needs(P::HandleSignal));
    Routes::new(&room.site)
        .menu("/hand-overs", "交接班", "Hand-overs", Some(P::HandleSignal))
        .get("/hand-overs", see, "历次交接班", "Hand-overs", list)
        .get("/hand-overs/new", sign, "交班", "Hand over", begin)
        .post("/hand-overs", sign, "签字交班", "Sign as the outgoing officer", hand_over)
        .get("/hand-overs/{id}", see, "一次交接班", "A hand-over", show)
        .post("/hand-overs/{id}/accept", sign, "签字接班", "Accept as the incoming officer", accept)
        .finish(room)
}

async fn list(State(room): State<Room>, who: Who, Query(query): Query<ListQuery>) -> ApiResult<Markup> {
    let (lang, found) = (who.lang, super::list(&room, &who, &query).await?);
    let title = lang.pick("历次交接班", "Hand-overs");
    let body = html! {
        main {
            div.row { h1 { (title) } a.button.main.end data-key="F4" href=(room.site.url("/hand-overs/new")) { (lang.pick("交班", "Hand over")) " " kbd { "F4" } } }
            div.card.scroll id="hand-overs" data-live="hand_over." { table {
                @for it in &found.items { tr {
                    td { a.num href=(to(&room.site, "hand-overs", &it.id)) { (&it.made_at.wall()[..16]) } }
                    td { (name(it.outgoing_name.as_ref())) " → " (name(it.incoming_name.as_ref())) }
                    td { (lang.pick("未结 ", "open ")) (it.items.as_ref().map_or(0, Vec::len)) }
                    td { (words(it.state, lang)) }
                } }
            } @if found.items.is_empty() { p.soft { (lang.pick("无", "none")) } } (next_link(found.next.as_ref(), lang)) }
        }
    };
    Ok(page(&room.site, &who, title, body))
}

fn name(name: Option<&String>) -> &str {
    name.map_or("—", String::as_str)
}

fn words(state: Standing, lang: Lang) -> &'static str {
    match state {
        Standing::Signed => lang.pick("待接班人签字", "waits for the second signature"),
        Standing::Accepted => lang.pick("双方已签", "both signed"),
    }
}

async fn begin(State(room): State<Room>, who: Who) -> ApiResult<Markup> {
    let (lang, items) = (who.lang, room.command.open_items(&who).await?);
    let title = lang.pick("交班", "Hand over");
    let body = html! {
        main.paper {
            h1 { (lang.pick("交接班 · 未结事项", "Hand-over · what is open")) " " span.num.soft { (items.len()) } }
            form method="post" action=(room.site.url("/hand-overs")) {
                div.card { table { @for it in &items {
                    tr {
                        td.small.soft { (it.kind) } td { (it.words) }
                        td { input name=(format!("item:{}", it.key)) maxlength="200" placeholder=(lang.pick("备注", "remark")) aria-label=(lang.pick("备注", "remark")); }
                    }
                } } @if items.is_empty() { p.soft { (lang.pick("没有未结事项", "nothing is open")) } } }
                label { (lang.pick("交代", "Remark")) textarea name="remark" rows="2" maxlength="500" {} }
                p { button.main type="submit" data-key="F4" { (who.name) (lang.pick(" 签字交班", " signs")) " " kbd { "F4" } } }
            }
        }
    };
    Ok(page(&room.site, &who, title, body))
}

async fn hand_over(
    State(room): State<Room>,
    who: Who,
    Form(fields): Form<BTreeMap<String, String>>,
) -> ApiResult<Redirect> {
    let remark = fields.get("remark").cloned().unwrap_or_default();
    let items = fields.into_iter().filter_map(|(key, it)| Some((key.strip_prefix("item:")?.to_owned(), it))).collect();
    let made = room.command.hand_over(&who, Remarks { remark, items }).await?;
    Ok(Redirect::to(&to(&room.site, "hand-overs", &made.id)))
}

async fn show(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Markup> {
    let found = room.site.world.read(&who.actor, move |tx| tx.get::<HandOver>(&id)).await?;
    let found = found.ok_or_else(ApiError::not_found)?;
    let title = who.lang.pick("交接班", "Hand-over");
    Ok(page(&room.site, &who, title, body(&room, &who, &found)))
}

fn body(room: &Room, who: &Who, it: &HandOver) -> Markup {
    let lang = who.lang;
    let items: &[OpenItem] = it.items.as_deref().unwrap_or_default();
    html! {
        main.paper {
            h1 { (room.site.speaker) (lang.pick(" 交接班记录", " · hand-over")) }
            p.soft.num { (&it.made_at.wall()[..16]) }
            div.card {
                header { h2 { (lang.pick("未结事项", "What is open")) } span.soft.small.num { (items.len()) } }
                table { @for (i, it) in items.iter().enumerate() {
                    tr { td.num.soft { (i + 1) } td.small.soft { (it.kind) } td { (it.words) } td { (it.remark) } }
                } }
                @if items.is_empty() { p.soft { (lang.pick("没有未结事项", "nothing is open")) } }
            }
            @if let Some(remark) = &it.remark { p { b { (lang.pick("交代：", "Remark: ")) } (remark) } }
            dl.card.fields {
                dt { (lang.pick("交班人", "Outgoing")) } dd { b { (name(it.outgoing_name.as_ref())) } " " span.num { (&it.made_at.wall()[..16]) } }
                dt { (lang.pick("接班人", "Incoming")) }
                dd { @match it.accepted_at {
                    Some(at) => { b { (name(it.incoming_name.as_ref())) } " " span.num { (&at.wall()[..16]) } },
                    None => span.bad { (lang.pick("待签字", "not signed yet")) },
                } }
            }
            @if it.state == Standing::Signed && who.may(P::HandleSignal) { (second(room, who, it)) }
            p.row.screen { button type="button" data-print { (lang.pick("打印", "Print")) }
                a.button href=(room.site.url("/hand-overs")) { (lang.pick("历次交接班", "All hand-overs")) }
                a.button href=(room.site.url("/")) { (lang.pick("回到值班台", "Back to the desk")) } }
        }
    }
}

/// The incoming officer signs in their own session, or here with their own log-in.
fn second(room: &Room, who: &Who, it: &HandOver) -> Markup {
    let (lang, at) = (who.lang, format!("{}/accept", to(&room.site, "hand-overs", &it.id)));
    html! {
        @if it.outgoing == who.actor.name {
            form.card.screen method="post" action=(at) {
                header { h2 { (lang.pick("接班人签字", "The incoming officer signs")) } }
                label { (lang.pick("登录名", "Log-in")) input name="login" autocomplete="off" autocapitalize="none" required maxlength="64" autofocus; }
                label { (lang.pick("口令", "Password")) input name="password" type="password" autocomplete="off" required maxlength="256"; }
                p { button.main type="submit" { (lang.pick("签字接班", "Accept")) } }
            }
        } @else {
            form.screen method="post" action=(at) {
                button.main type="submit" data-key="F4" { (who.name) (lang.pick(" 签字接班", " accepts")) " " kbd { "F4" } }
            }
        }
    }
}

#[derive(Default, Deserialize)]
struct Second {
    #[serde(default)]
    login: String,
    #[serde(default)]
    password: String,
}

async fn accept(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(second): Form<Second>,
) -> ApiResult<Redirect> {
    let incoming = if second.login.trim().is_empty() {
        who
    } else {
        let incoming = confirm(&room.site, &who, &second.login, &second.password).await?;
        if !incoming.may(P::HandleSignal) {
            let (zh, en) = ("接班人的账号不是值班账号", "the incoming account is not a duty officer's");
            return Err(ApiError::new(StatusCode::FORBIDDEN, Problem::new("not_a_duty_officer", zh, en)));
        }
        incoming
    };
    room.command.accept(&incoming, &id).await?;
    Ok(Redirect::to(&to(&room.site, "hand-overs", &id)))
}
