//! Signals of other authorities: pasted by an officer, acknowledged and forwarded.

use anlan_kernel::{Colour, Problem, RegionCode, Tier};
use anlan_register::Region;
use anlan_store::StoreError;
use anlan_web::{ApiResult, Who, page, percent};
use axum::{
    extract::{Form, Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde_json::json;

use crate::{
    api::{Room, signals::refusal},
    model::Signal,
    signals::{SignalError, own_places},
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

/// Back to where the form stood.
fn back(room: &Room, headers: &HeaderMap) -> Redirect {
    let from = headers.get("referer").and_then(|it| it.to_str().ok()).and_then(|it| it.split_once("://"));
    let path = from.and_then(|(_, rest)| rest.find('/').map(|at| rest[at..].to_owned()));
    let home = room.site.url("/");
    Redirect::to(&path.filter(|it| it.starts_with('/') && !it.starts_with("//")).unwrap_or(home))
}

pub(super) async fn acknowledge(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> ApiResult<Redirect> {
    room.monitor.acknowledge_signal(&who.actor, &id).await.map_err(refusal)?;
    Ok(back(&room, &headers))
}

pub(super) async fn forward(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> ApiResult<Redirect> {
    room.monitor.forward_signal(&who.actor, &id).await.map_err(refusal)?;
    Ok(back(&room, &headers))
}

/// What an officer pastes: the original text, three fields, and where it holds.
#[derive(Clone, Debug, Default)]
struct Draft {
    text: String,
    hazard: String,
    colour: String,
    issuer: String,
    areas: Vec<String>,
    /// It holds nowhere here: kept and shown, and nobody is called.
    elsewhere: bool,
}

impl Draft {
    fn read(fields: Vec<(String, String)>) -> Self {
        let mut draft = Self::default();
        for (name, value) in fields {
            match name.as_str() {
                "text" => draft.text = value,
                "hazard" => draft.hazard = value,
                "colour" => draft.colour = value,
                "issuer" => draft.issuer = value,
                "areas" => draft.areas.push(value),
                "elsewhere" => draft.elsewhere = true,
                _ => {}
            }
        }
        draft
    }

    /// Nobody is left uncalled by a field that was overlooked.
    fn check(&self) -> Result<(), Problem> {
        let (zh, en) = match (self.areas.is_empty(), self.elsewhere) {
            (true, false) => (
                "请选择影响区域；不影响本辖区的，勾选“不影响本辖区”",
                "choose the areas it is for, or say that it is for none of ours",
            ),
            (false, true) => (
                "既选了影响区域，又勾选了“不影响本辖区”；请只留一样",
                "areas are chosen, and it is said to be for none of ours; leave one of the two",
            ),
            _ => return Ok(()),
        };
        Err(Problem::new("bad_areas", zh, en).field("areas"))
    }

    fn body(&self) -> serde_json::Value {
        let mut body = json!({"text": self.text, "areas": self.areas});
        for (name, value) in [("hazard", &self.hazard), ("colour", &self.colour), ("issuer", &self.issuer)] {
            if !value.trim().is_empty() {
                body[name] = value.trim().into();
            }
        }
        body
    }
}

pub(super) async fn new_form(State(room): State<Room>, who: Who) -> ApiResult<Markup> {
    let own = own_places(&who.actor.scope, &room.monitor.settings.home);
    let draft = Draft { areas: own.iter().map(ToString::to_string).collect(), ..Draft::default() };
    Ok(form(&room, &who, &draft, None).await?)
}

pub(super) async fn paste(
    State(room): State<Room>,
    who: Who,
    Form(fields): Form<Vec<(String, String)>>,
) -> ApiResult<Response> {
    let draft = Draft::read(fields);
    let received = match draft.check() {
        Ok(()) => room.monitor.receive_signal(&who.actor, draft.body().to_string().as_bytes()).await,
        Err(problem) => Err(SignalError::Refused(Box::new(problem))),
    };
    match received {
        Ok(received) if received.new => Ok(Redirect::to(&room.site.url("/")).into_response()),
        Ok(received) => Ok(came_before(&room, &who, &received.signal).into_response()),
        Err(SignalError::Refused(problem)) => {
            Ok((StatusCode::UNPROCESSABLE_ENTITY, form(&room, &who, &draft, Some(&problem)).await?).into_response())
        }
        Err(error) => Err(refusal(error)),
    }
}

/// Says that nothing was done, and where what came before stands.
fn came_before(room: &Room, who: &Who, signal: &Signal) -> Markup {
    let lang = who.lang;
    let title = lang.pick("已收到过", "Received before");
    let body = html! {
        h1 { (title) }
        div.card role="status" {
            p { (lang.pick("同样的信号已于 ", "The same signal came at ")) (signal.received_at.wall())
                (lang.pick(" 收到，没有再录入。", " and was not taken in again.")) }
            p { a href=(room.site.url(&format!("/signals/{}/forwards", percent(&signal.id)))) { (signal.title) } }
            p { (lang.pick("如是新发布的信号，请连同发布时间的原文一起录入。", "If it was issued anew, paste its words with the time of issue.")) }
            p.row {
                a.button.main href=(room.site.url("/")) { (lang.pick("回值班台", "To the desk")) }
                a.button href=(room.site.url("/signals/new")) { (lang.pick("录入另一条", "Paste another")) }
            }
        }
    };
    page(&room.site, who, title, html! { main { (body) } })
}

/// Places an officer can choose: districts and streets of the home region, or of the own duty areas elsewhere, and
/// whatever is chosen already.
async fn choices(room: &Room, who: &Who, chosen: &[String]) -> Result<Vec<(RegionCode, String)>, StoreError> {
    let home = room.monitor.settings.home.clone();
    let regions = room.site.world.read(&who.actor, |tx| tx.find::<Region>("1 = 1", "ORDER BY code", &[])).await?;
    let theirs =
        |code: &RegionCode| who.actor.scope.covers(code) && (home.covers(code) || !who.actor.scope.covers(&home));
    let mut places: Vec<_> = regions
        .into_iter()
        .filter(|it| chosen.contains(&it.code.to_string()) || (it.code.tier() != Tier::Community && theirs(&it.code)))
        .map(|it| (it.code, it.name))
        .collect();
    for code in chosen.iter().filter_map(|it| RegionCode::parse(it).ok()) {
        if !places.iter().any(|(it, _)| *it == code) {
            places.push((code.clone(), code.to_string()));
        }
    }
    Ok(places)
}

/// Fields of the form, as they are labelled.
const FIELDS: [(&str, &str, &str); 5] = [
    ("text", "原文", "Original text"),
    ("hazard", "灾种", "Hazard"),
    ("colour", "颜色", "Colour"),
    ("issuer", "发布单位", "Issuer"),
    ("areas", "影响区域", "Areas"),
];

async fn form(room: &Room, who: &Who, draft: &Draft, wrong: Option<&Problem>) -> Result<Markup, StoreError> {
    let lang = who.lang;
    let field = wrong.and_then(|it| it.place.field.as_deref()).and_then(|name| FIELDS.iter().find(|it| it.0 == name));
    let invalid = |name: &str| field.is_some_and(|it| it.0 == name).then_some("true");
    let places = choices(room, who, &draft.areas).await?;
    let title = lang.pick("录入信号", "Paste a signal");
    let body = html! {
        h1 { (title) }
        @if let Some(problem) = wrong {
            p.wrong role="alert" {
                @if let Some((_, zh, en)) = field { b { (lang.pick(zh, en)) } (lang.pick("：", ": ")) (problem.message.get(lang)) }
                @else { (problem.sentence(lang)) }
            }
        }
        form.card.fields method="post" action=(room.site.url("/signals/new")) {
            label { (lang.pick("原文（照贴，不改一字）", "Original text, unchanged"))
                textarea name="text" rows="5" required autofocus aria-invalid=[invalid("text")] { (draft.text) } }
            label { (lang.pick("灾种", "Hazard")) select name="hazard" aria-invalid=[invalid("hazard")] {
                option value="" { (lang.pick("按原文", "as the text says")) }
                @for (key, zh, en) in HAZARDS { option value=(key) selected[draft.hazard == key] { (lang.pick(zh, en)) } }
            } }
            label { (lang.pick("颜色", "Colour")) select name="colour" aria-invalid=[invalid("colour")] {
                option value="" { (lang.pick("按原文或无", "as the text says, or none")) }
                @for it in Colour::ALL {
                    option value=(it.name()) selected[draft.colour == it.name()] { (lang.pick(it.zh(), it.name())) }
                }
            } }
            label { (lang.pick("发布单位", "Issuer")) input name="issuer" value=(draft.issuer) aria-invalid=[invalid("issuer")]; }
            fieldset class=[invalid("areas").map(|_| "invalid")] { legend { (lang.pick("影响区域（按此叫应）", "Areas, which are called")) }
                @for (code, name) in &places {
                    label.check { input type="checkbox" name="areas" value=(code) checked[draft.areas.contains(&code.to_string())]; " " (name) }
                    " "
                }
                p { label.check { input type="checkbox" name="elsewhere" value="1" checked[draft.elsewhere]; " "
                    (lang.pick("不影响本辖区：只登记、显示，不叫应", "for none of ours: kept and shown, nobody is called")) } }
            }
            p.soft { (lang.pick(
                "录入后与自动收到的信号一样处理：达到叫应级别的，系统按预案排定叫应、到时自动拨打影响区域的责任人，并立即出现在值班台，可在那里停止。",
                "A pasted signal is treated as a received one: where it reaches a call-out level, the responsible people of its areas are called by plan. It stands on the desk at once, and can be stopped there.")) }
            button.main { (lang.pick("录入", "Take in")) }
        }
    };
    Ok(page(&room.site, who, title, html! { main { (body) } }))
}
