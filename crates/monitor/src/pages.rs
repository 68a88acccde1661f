//! Pages of monitoring: the forms of the duty desk, pasted signals, stations, alarms, what was refused.

use std::sync::Arc;

use anlan_kernel::{Colour, Lang, Permission as P};
use anlan_web::{Access, ApiResult, Mounted, Routes, Site, Who, page};
use axum::{
    extract::{Form, Path, Query, State},
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use crate::{
    api::{
        Room,
        lists::{ListQuery, read_alarms, read_rejected},
        signals::refusal,
        stations::read_stations,
    },
    service::Monitor,
    signals::SignalError,
};

/// Hazards an officer can choose, as the message readers know them.
const HAZARDS: [(&str, &str, &str); 9] = [
    ("typhoon", "台风", "typhoon"),
    ("rainstorm", "暴雨", "rainstorm"),
    ("gale", "大风", "gale"),
    ("thunderstorm_gale", "雷雨大风", "thunderstorm gale"),
    ("severe_convection", "强对流", "severe convection"),
    ("flood", "洪水", "flood"),
    ("flash_flood", "山洪", "flash flood"),
    ("geohazard", "地质灾害", "geological hazard"),
    ("other", "其他", "other"),
];

pub(crate) fn routes(site: &Arc<Site>, monitor: Arc<Monitor>) -> Mounted {
    let (see, handle) = (Access::Needs(P::SeeMonitor), Access::Needs(P::HandleSignal));
    Routes::new(site)
        .get("/signals/new", handle, "录入信号", "Paste a signal", new_form)
        .post("/signals/new", handle, "录入信号", "Paste a signal", paste)
        .post("/signals/{id}/acknowledge", handle, "签收", "Acknowledge", acknowledge)
        .post("/signals/{id}/forward", handle, "转发", "Forward", forward)
        .get("/alarms", see, "实况告警", "Alarms", alarms)
        .get("/stations", see, "监测站", "Stations", stations)
        .get("/rejected", Access::Needs(P::EditRules), "未接收", "Not taken", rejected)
        .finish(Room { site: Arc::clone(site), monitor })
}

/// Back to where the form stood.
fn back(room: &Room, headers: &HeaderMap) -> Redirect {
    let from = headers.get("referer").and_then(|it| it.to_str().ok()).and_then(|it| it.split_once("://"));
    let path = from.and_then(|(_, rest)| rest.find('/').map(|at| rest[at..].to_owned()));
    let home = room.site.url("/");
    Redirect::to(&path.filter(|it| it.starts_with('/') && !it.starts_with("//")).unwrap_or(home))
}

async fn acknowledge(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> ApiResult<Redirect> {
    room.monitor.acknowledge_signal(&who.actor, &id).await.map_err(refusal)?;
    Ok(back(&room, &headers))
}

async fn forward(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> ApiResult<Redirect> {
    room.monitor.forward_signal(&who.actor, &id).await.map_err(refusal)?;
    Ok(back(&room, &headers))
}

/// What an officer pastes: the original text plus three fields.
#[derive(Clone, Debug, Default, Deserialize)]
struct Draft {
    #[serde(default)]
    text: String,
    #[serde(default)]
    hazard: String,
    #[serde(default)]
    colour: String,
    #[serde(default)]
    issuer: String,
}

async fn new_form(State(room): State<Room>, who: Who) -> Markup {
    form(&room, &who, &Draft::default(), None)
}

async fn paste(State(room): State<Room>, who: Who, Form(draft): Form<Draft>) -> ApiResult<Response> {
    let mut body = json!({"text": draft.text});
    for (name, value) in [("hazard", &draft.hazard), ("colour", &draft.colour), ("issuer", &draft.issuer)] {
        if !value.trim().is_empty() {
            body[name] = value.trim().into();
        }
    }
    match room.monitor.receive_signal(&who.actor, body.to_string().as_bytes()).await {
        Ok(_) => Ok(Redirect::to(&room.site.url("/")).into_response()),
        Err(SignalError::Refused(problem)) => {
            let words = problem.sentence(who.lang);
            Ok((axum::http::StatusCode::UNPROCESSABLE_ENTITY, form(&room, &who, &draft, Some(&words))).into_response())
        }
        Err(error) => Err(refusal(error)),
    }
}

fn form(room: &Room, who: &Who, draft: &Draft, wrong: Option<&str>) -> Markup {
    let lang = who.lang;
    let title = lang.pick("录入信号", "Paste a signal");
    let body = html! {
        h1 { (title) }
        @if let Some(words) = wrong { p.wrong role="alert" { (words) } }
        form.card method="post" action=(room.site.url("/signals/new")) {
            label { (lang.pick("原文（照贴，不改一字）", "Original text, unchanged"))
                textarea name="text" rows="8" required autofocus { (draft.text) } }
            label { (lang.pick("灾种", "Hazard")) select name="hazard" {
                option value="" { (lang.pick("按原文", "as the text says")) }
                @for (key, zh, en) in HAZARDS { option value=(key) selected[draft.hazard == key] { (lang.pick(zh, en)) } }
            } }
            label { (lang.pick("颜色", "Colour")) select name="colour" {
                option value="" { (lang.pick("按原文或无", "as the text says, or none")) }
                @for it in Colour::ALL {
                    option value=(it.name()) selected[draft.colour == it.name()] { (lang.pick(it.zh(), it.name())) }
                }
            } }
            label { (lang.pick("发布单位", "Issuer")) input name="issuer" value=(draft.issuer); }
            button.main { (lang.pick("录入", "Take in")) }
        }
    };
    page(&room.site, who, title, body)
}

async fn alarms(State(room): State<Room>, who: Who, Query(query): Query<ListQuery>) -> ApiResult<Markup> {
    let list = read_alarms(&room, &who, &query, false).await?;
    let lang = who.lang;
    let title = lang.pick("实况告警", "Alarms");
    let body = html! {
        h1 { (title) }
        div.scroll tabindex="0" { table {
            thead { tr {
                th { (lang.pick("级别", "Grade")) } th { (lang.pick("站", "Station")) } th { (lang.pick("测得", "Measured")) }
                th { (lang.pick("起", "Raised")) } th { (lang.pick("止", "Cleared")) }
            } }
            tbody { @for it in &list.items { tr {
                td { span class={ "grade grade-" (it.grade.get()) } { (it.grade.numeral()) } }
                td { (it.station) @if it.areas.is_empty() { " " span.tag { (lang.pick("上游监视", "upstream")) } } }
                td { (it.title.get(lang)) }
                td.num { (it.raised_at.wall()) }
                td.num { (it.cleared_at.map(|at| at.wall()).unwrap_or_default()) }
            } } }
        } }
        (more(&room, "/alarms", list.next.as_deref(), lang))
    };
    Ok(page(&room.site, &who, title, body))
}

async fn stations(State(room): State<Room>, who: Who, Query(query): Query<ListQuery>) -> ApiResult<Markup> {
    let list = read_stations(&room, &who, &query).await?;
    let lang = who.lang;
    let title = lang.pick("监测站", "Stations");
    let body = html! {
        h1 { (title) }
        div.scroll tabindex="0" { table {
            thead { tr {
                th { (lang.pick("站", "Station")) } th { (lang.pick("最近读数", "Last readings")) }
                th { (lang.pick("时间", "Time")) } th { (lang.pick("说明", "Remarks")) }
            } }
            tbody { @for it in &list.items { tr {
                td { (it.station.name.get(lang)) }
                td.num { @for reading in &it.readings { (reading.quantity) " " (reading.value) " " (reading.unit) " " } }
                td.num { (it.last_at.map(|at| at.wall()).unwrap_or_default()) }
                td { @for remark in &it.remarks { span.tag { (remark) } " " } }
            } } }
        } }
        (more(&room, "/stations", list.next.as_deref(), lang))
    };
    Ok(page(&room.site, &who, title, body))
}

async fn rejected(State(room): State<Room>, who: Who, Query(query): Query<ListQuery>) -> ApiResult<Markup> {
    let list = read_rejected(&room, &who, &query).await?;
    let lang = who.lang;
    let title = lang.pick("未接收", "Not taken");
    let body = html! {
        h1 { (title) }
        div.scroll tabindex="0" { table { tbody { @for it in &list.items { tr {
            td.num { (it.at.wall()) } td { (it.source) } td { (it.problem.sentence(lang)) }
            td { code { (it.raw.chars().take(200).collect::<String>()) } }
        } } } } }
        (more(&room, "/rejected", list.next.as_deref(), lang))
    };
    Ok(page(&room.site, &who, title, body))
}

fn more(room: &Room, path: &str, next: Option<&str>, lang: Lang) -> Markup {
    html! { @if let Some(next) = next { a href={ (room.site.url(path)) "?cursor=" (next) } { (lang.pick("下一页", "Next page")) } } }
}
