//! Hand-over on the screen and on A4: the outgoing officer signs, the incoming one accepts beside them.

use std::collections::BTreeMap;

use anlan_kernel::{Lang, Permission as P};
use anlan_register::export::xlsx;
use anlan_store::{Event, StoreError, Tx, Urgency as Pace};
use anlan_warn::pages::parts::to;
use anlan_web::{
    Access, ApiError, ApiResult, Mounted, Routes, Who, confirm,
    list::{Asked, Asking, Column, Condition, Filter, Found, Kind, List, Part, SHEET, View, pattern, workbook},
    page, percent,
};
use axum::{
    extract::{Form, Path, Query, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{HandOver, OpenItem, Remarks, State as Standing, api::Reason, flow};
use crate::{
    Room,
    service::{home_of, login},
};

pub(super) fn routes(room: Room) -> Mounted {
    let (see, sign) = (Access::Needs(P::SeePeople), Access::Needs(P::HandleSignal));
    Routes::new(&room.site)
        .menu("/hand-overs", "交接班", "Hand-overs", Some(P::HandleSignal))
        .get("/hand-overs", see, "历次交接班", "Hand-overs", list)
        .get("/hand-overs/export.xlsx", see, "导出交接班", "Export hand-overs", export)
        .get("/hand-overs/new", sign, "交班", "Hand over", begin)
        .post("/hand-overs", sign, "签字交班", "Sign as the outgoing officer", hand_over)
        .get("/hand-overs/{id}", see, "一次交接班", "A hand-over", show)
        .post("/hand-overs/{id}/withdraw", sign, "撤回交班", "Withdraw before the second signature", withdraw)
        .post("/hand-overs/{id}/accept", sign, "签字接班", "Accept as the incoming officer", accept)
        .finish(room)
}

static LIST: List = List {
    path: "/hand-overs",
    columns: &[
        Column { key: "made", words: ("时间", "Time"), order: "made_at" },
        Column { key: "outgoing", words: ("交班人", "Outgoing"), order: "COALESCE(outgoing_name, '')" },
        Column { key: "incoming", words: ("接班人", "Incoming"), order: "COALESCE(incoming_name, '')" },
        Column { key: "", words: ("未结", "Open"), order: "" },
        Column { key: "state", words: ("状态", "State"), order: "state" },
    ],
    filters: &[
        Filter {
            name: "state",
            words: ("全部状态", "every state"),
            kind: Kind::Choice(&[
                ("signed", "待接班人签字", "waits for the second signature"),
                ("accepted", "双方已签", "both signed"),
                ("withdrawn", "已撤回", "withdrawn"),
            ]),
        },
        Filter { name: "q", words: ("交班人或接班人", "outgoing or incoming"), kind: Kind::Text },
    ],
    order: "-made",
};

fn read_list(tx: &mut Tx<'_>, asked: &Asked, part: Part) -> Result<Found<HandOver>, StoreError> {
    let mut by = Condition::default();
    if !asked.get("state").is_empty() {
        by.and("state = ?", asked.get("state"));
    }
    if !asked.get("q").is_empty() {
        let either = "(LOWER(outgoing_name) LIKE ? ESCAPE '!' OR LOWER(incoming_name) LIKE ? ESCAPE '!')";
        by.and(either, pattern(asked.get("q")));
    }
    asked.find(tx, by, part)
}

async fn list(State(room): State<Room>, who: Who, asking: Asking) -> ApiResult<Markup> {
    let (lang, asked) = (who.lang, LIST.asked(&asking));
    let wanted = asked.clone();
    let found = room.site.world.read(&who.actor, move |tx| read_list(tx, &wanted, Part::Page)).await?;
    let view = View {
        id: "hand-overs",
        live: "hand_over.",
        found: &found,
        options: &[],
        rows: html! { @for it in &found.items { (row(&room, it, lang)) } },
        export: true,
    };
    let title = lang.pick("历次交接班", "Hand-overs");
    let body = html! {
        main {
            div.row { h1 { (title) } a.button.main.end data-key="F4" href=(room.site.url("/hand-overs/new")) { (lang.pick("交班", "Hand over")) " " kbd { "F4" } } }
            (asked.show(&room.site, lang, view))
        }
    };
    Ok(page(&room.site, &who, title, body))
}

fn row(room: &Room, it: &HandOver, lang: Lang) -> Markup {
    let paper = to(&room.site, "hand-overs", &it.id);
    html! {
        tr {
            td { a.num href=(paper) { (&it.made_at.wall()[..16]) } }
            td { (name(it.outgoing_name.as_ref())) }
            td { (name(it.incoming_name.as_ref())) }
            td.num { a href=(paper) { (it.items.as_ref().map_or(0, Vec::len)) } }
            td { (words(it.state, lang)) }
        }
    }
}

/// Exactly what the filter shows; the export is journaled.
async fn export(State(room): State<Room>, who: Who, asking: Asking) -> ApiResult<Response> {
    let (lang, asked) = (who.lang, LIST.asked(&asking));
    let write = room.site.world.write("hand_over.export", Pace::Urgent, &who.actor, move |tx| {
        let found = read_list(tx, &asked, Part::Sheet(SHEET))?;
        tx.record(Event::new("hand_over.exported", "hand-overs"))?;
        Ok::<_, StoreError>(asked.sheet(lang, &found, |it| cells(it, lang)))
    });
    Ok(workbook("hand-overs", xlsx(&write.await?)?))
}

fn cells(it: &HandOver, lang: Lang) -> Vec<String> {
    vec![
        it.made_at.wall(),
        name(it.outgoing_name.as_ref()).to_owned(),
        name(it.incoming_name.as_ref()).to_owned(),
        it.items.as_ref().map_or(0, Vec::len).to_string(),
        words(it.state, lang).to_owned(),
    ]
}

fn name(name: Option<&String>) -> &str {
    name.map_or("—", String::as_str)
}

fn words(state: Standing, lang: Lang) -> &'static str {
    match state {
        Standing::Signed => lang.pick("待接班人签字", "waits for the second signature"),
        Standing::Accepted => lang.pick("双方已签", "both signed"),
        Standing::Withdrawn => lang.pick("已撤回", "withdrawn"),
    }
}

/// The same key hands over and takes over: where one waits, it is the one to sign.
async fn begin(State(room): State<Room>, who: Who) -> ApiResult<Response> {
    if let Some(waiting) = room.command.waiting(&who).await? {
        return Ok(Redirect::to(&to(&room.site, "hand-overs", &waiting.id)).into_response());
    }
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
                (gone_through(lang, false))
                p { button.main type="submit" { (who.name) (lang.pick(" 签字交班", " signs")) } }
            }
        }
    };
    Ok(page(&room.site, &who, title, body).into_response())
}

/// No key signs: whoever opened the page by a key and presses it again has read nothing.
fn gone_through(lang: Lang, checked: bool) -> Markup {
    html! { p { label.check { input type="checkbox" name="checked" value="1" required checked[checked]; " " (lang.pick("已逐项核对", "I went through every item")) } } }
}

async fn hand_over(
    State(room): State<Room>,
    who: Who,
    Form(fields): Form<BTreeMap<String, String>>,
) -> ApiResult<Redirect> {
    let checked = fields.contains_key("checked");
    let remark = fields.get("remark").cloned().unwrap_or_default();
    let items = fields.into_iter().filter_map(|(key, it)| Some((key.strip_prefix("item:")?.to_owned(), it))).collect();
    let made = room.command.hand_over(&who, Remarks { remark, items, checked }).await?;
    Ok(Redirect::to(&to(&room.site, "hand-overs", &made.id)))
}

#[derive(Deserialize)]
struct Shown {
    /// The second signature was given just now.
    #[serde(default)]
    signed: Option<String>,
}

async fn show(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Query(shown): Query<Shown>,
) -> ApiResult<Markup> {
    let found = read(&room, &who, id).await?;
    let top = shown.signed.filter(|_| found.state == Standing::Accepted).map(|_| logged_in(&room, &who, &found));
    Ok(paper(&room, &who, &found, top.as_ref(), None))
}

async fn read(room: &Room, who: &Who, id: String) -> ApiResult<HandOver> {
    let found = room.site.world.read(&who.actor, move |tx| tx.get::<HandOver>(&id)).await?;
    found.ok_or_else(ApiError::not_found)
}

fn paper(room: &Room, who: &Who, it: &HandOver, top: Option<&Markup>, wrong: Option<&Wrong<'_>>) -> Markup {
    let lang = who.lang;
    let items: &[OpenItem] = it.items.as_deref().unwrap_or_default();
    let body = html! {
        main.paper {
            @if let Some(top) = top { (top) }
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
            (signatures(it, lang))
            @if it.state == Standing::Signed && who.may(P::HandleSignal) { (second(room, who, it, wrong)) }
            p.row.screen { button type="button" data-print { (lang.pick("打印", "Print")) }
                a.button href=(room.site.url("/hand-overs")) { (lang.pick("历次交接班", "All hand-overs")) }
                a.button href=(room.site.url("/")) { (lang.pick("回到值班台", "Back to the desk")) } }
        }
    };
    page(&room.site, who, lang.pick("交接班", "Hand-over"), body)
}

fn signatures(it: &HandOver, lang: Lang) -> Markup {
    html! {
        dl.card.fields {
            dt { (lang.pick("交班人", "Outgoing")) } dd { b { (name(it.outgoing_name.as_ref())) } " " span.num { (&it.made_at.wall()[..16]) } }
            @match (it.accepted_at, it.withdrawn_at) {
                (_, Some(at)) => {
                    dt { (lang.pick("撤回", "Withdrawn")) }
                    dd { span.num { (&at.wall()[..16]) } " " (it.reason.as_deref().unwrap_or_default()) }
                },
                (Some(at), _) => {
                    dt { (lang.pick("接班人", "Incoming")) }
                    dd { b { (name(it.incoming_name.as_ref())) } " " span.num { (&at.wall()[..16]) } }
                },
                (None, None) => { dt { (lang.pick("接班人", "Incoming")) } dd { span.bad { (lang.pick("待签字", "not signed yet")) } } },
            }
        }
    }
}

/// Both signed: who is logged in on this computer, and the way in for who is on duty now.
fn logged_in(room: &Room, who: &Who, it: &HandOver) -> Markup {
    let (lang, incoming) = (who.lang, name(it.incoming_name.as_ref()));
    let next = format!("/logout?login={}", percent(login(it.incoming.as_deref().unwrap_or_default())));
    html! {
        div.card.screen {
            @if it.incoming.as_deref() == Some(who.actor.name.as_str()) {
                p { (lang.pick("双方已签。现在登录的是接班人 ", "Both signed. Logged in is the incoming officer ")) b { (who.name) } (lang.pick("。", ".")) }
                p { a.button.main.wide href=(room.site.url("/")) { (lang.pick("到值班台", "To the desk")) } }
            } @else {
                @if it.outgoing == who.actor.name {
                    p { (lang.pick("双方已签。这台电脑上登录的仍是交班人 ", "Both signed. Still logged in here is the outgoing officer ")) b { (who.name) } (lang.pick("。", ".")) }
                } @else {
                    p { (lang.pick("双方已签。这台电脑上登录的是 ", "Both signed. Logged in here is ")) b { (who.name) } (lang.pick("，不是接班人。", ", who is not the incoming officer.")) }
                }
                form method="post" action=(room.site.url(&next)) {
                    button.main.wide type="submit" autofocus { (lang.pick("以接班人身份登录：", "Log in as the incoming officer: ")) (incoming) }
                }
            }
        }
    }
}

/// Why the second signature was not taken, and what was typed.
struct Wrong<'a> {
    login: &'a str,
    checked: bool,
    field: &'static str,
    words: &'a str,
}

/// The incoming officer signs in their own session, or here with their own log-in; who signed first may take it back.
fn second(room: &Room, who: &Who, it: &HandOver, wrong: Option<&Wrong<'_>>) -> Markup {
    let lang = who.lang;
    let at = |verb: &str| format!("{}/{verb}", to(&room.site, "hand-overs", &it.id));
    html! {
        @if it.outgoing == who.actor.name {
            form.card.screen method="post" action=(at("accept")) {
                header { h2 { (lang.pick("接班人签字", "The incoming officer signs")) } }
                @let password = wrong.is_some_and(|it| it.field == "password");
                label { (lang.pick("登录名", "Log-in")) input name="login" value=[wrong.map(|it| it.login)] autocomplete="off" autocapitalize="none" required maxlength="64" autofocus[!password];
                    (said(wrong, "login")) }
                label { (lang.pick("口令", "Password")) input name="password" type="password" autocomplete="off" required maxlength="256" autofocus[password];
                    (said(wrong, "password")) }
                (gone_through(lang, wrong.is_some_and(|it| it.checked))) (said(wrong, "checked"))
                p { button.main type="submit" { (lang.pick("签字接班", "Accept")) } }
            }
            details.screen {
                summary { (lang.pick("撤回这次交班", "Withdraw this hand-over")) }
                form.row method="post" action=(at("withdraw")) {
                    input name="reason" required maxlength="200" placeholder=(lang.pick("撤回理由", "why")) aria-label=(lang.pick("撤回理由", "why"));
                    button.danger type="submit" { (lang.pick("撤回", "Withdraw")) }
                }
            }
        } @else {
            form.screen method="post" action=(at("accept")) {
                (gone_through(lang, false))
                button.main type="submit" { (who.name) (lang.pick(" 签字接班", " accepts")) }
            }
        }
    }
}

fn said(wrong: Option<&Wrong<'_>>, field: &str) -> Markup {
    html! { @if let Some(it) = wrong.filter(|it| it.field == field) { span.bad role="alert" { (it.words) } } }
}

#[derive(Default, Deserialize)]
struct Second {
    #[serde(default)]
    login: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    checked: String,
}

async fn accept(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(typed): Form<Second>,
) -> ApiResult<Response> {
    let found = read(&room, &who, id).await?;
    let Err(error) = sign(&room, &who, &found, &typed).await else {
        return Ok(Redirect::to(&format!("{}?signed=1", to(&room.site, "hand-overs", &found.id))).into_response());
    };
    let again = found.state == Standing::Signed && !typed.login.trim().is_empty() && error.status().is_client_error();
    if again { Ok(once_more(&room, &who, &found, &typed, &error)) } else { Err(error) }
}

/// The same page, with what is wrong beside the field.
fn once_more(room: &Room, who: &Who, found: &HandOver, typed: &Second, error: &ApiError) -> Response {
    let field = match error.problem().code.as_str() {
        "wrong_login" | "too_many_attempts" => "password",
        "bad_checked" => "checked",
        _ => "login",
    };
    let checked = !typed.checked.is_empty();
    let wrong = Wrong { login: typed.login.trim(), checked, field, words: error.problem().message.get(who.lang) };
    let mut page = (error.status(), paper(room, who, found, None, Some(&wrong))).into_response();
    if let Some(seconds) = error.seconds() {
        page.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    page
}

async fn sign(room: &Room, who: &Who, found: &HandOver, typed: &Second) -> ApiResult<()> {
    let incoming = if typed.login.trim().is_empty() { who.clone() } else { incoming(room, who, found, typed).await? };
    room.command.accept(&incoming, &found.id, !typed.checked.is_empty()).await?;
    Ok(())
}

async fn incoming(room: &Room, who: &Who, found: &HandOver, typed: &Second) -> ApiResult<Who> {
    let incoming = confirm(&room.site, who, &typed.login, &typed.password).await?;
    if !incoming.may(P::HandleSignal) {
        return Err(ApiError::new(StatusCode::FORBIDDEN, flow::not_a_duty_officer()));
    }
    if home_of(&incoming.actor).ok().as_ref() != Some(&found.region) {
        return Err(flow::another_desk().into());
    }
    Ok(incoming)
}

async fn withdraw(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(why): Form<Reason>,
) -> ApiResult<Redirect> {
    let withdrawn = room.command.withdraw(&who.actor, &id, &why.reason).await?;
    Ok(Redirect::to(&to(&room.site, "hand-overs", &withdrawn.id)))
}
