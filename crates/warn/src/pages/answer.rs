//! The page behind an answer link. Opening it answers nothing (scanners open links); the tap does. It
//! works at 360 px and without script.

use anlan_kernel::{Actor, Lang};
use anlan_register::{Region, callee_title};
use anlan_store::StoreError;
use anlan_web::{ApiResult, Who, bare_page};
use axum::extract::{Form, Path, State};
use maud::{Markup, html};
use serde::Deserialize;

use super::parts::{clock, invented, level, state};
use crate::{
    answer::Asked,
    api::Room,
    courier::percent,
    model::{Call, CallState, Escalation, EscalationState, Round},
    service::refusal,
    text,
};

/// Names on a superior's list; the count says how many there are in all.
const SHOWN: usize = 200;

/// Whoever opens the link: what is asked of them, and nothing else.
pub(super) async fn show(State(room): State<Room>, who: Who, Path(token): Path<String>) -> ApiResult<Markup> {
    let asked = room.warn.asked(&token).await?;
    let asked = asked.ok_or_else(|| refusal("bad_link", "链接无效", "this link opens nothing"))?;
    render(&room, who.lang, &token, asked).await
}

#[derive(Deserialize)]
pub(super) struct Tap {
    digit: u8,
}

/// The tap.
pub(super) async fn tap(
    State(room): State<Room>,
    who: Who,
    Path(token): Path<String>,
    Form(tap): Form<Tap>,
) -> ApiResult<Markup> {
    let asked = room.warn.answer_by_page(&token, tap.digit).await?;
    render(&room, who.lang, &token, asked).await
}

async fn render(room: &Room, lang: Lang, token: &str, asked: Asked) -> ApiResult<Markup> {
    let action = room.site.url(&format!("/a/{}", percent(token)));
    let title = lang.pick("叫应", "Call-out");
    let body = match asked {
        Asked::Call(call, round) => {
            let names = names(room, std::slice::from_ref(&call.callee)).await?;
            own(room, lang, &action, &call, &round, names.first().map_or("", String::as_str))
        }
        Asked::List(list, round, calls, link) => {
            let ids: Vec<_> = calls.iter().take(SHOWN).map(|it| it.callee.clone()).collect();
            let (names, unit) = (names(room, &ids).await?, unit(room, &list).await?);
            superior(room, lang, &action, &list, &round, &calls, &names, &unit, link)
        }
    };
    Ok(bare_page(&room.site, lang, title, body))
}

/// The token is the proof; the program reads what the link is about.
fn reader() -> Actor {
    Actor::system("answer-page")
}

async fn names(room: &Room, ids: &[String]) -> Result<Vec<String>, StoreError> {
    let ids = ids.to_vec();
    room.site
        .world
        .read(&reader(), move |tx| {
            ids.iter().map(|id| Ok(callee_title(tx, id)?.map_or_else(|| id.clone(), |it| it.name))).collect()
        })
        .await
}

async fn unit(room: &Room, list: &Escalation) -> Result<String, StoreError> {
    let code = list.region.to_string();
    room.site
        .world
        .read(&reader(), move |tx| Ok(tx.get::<Region>(&code)?.map_or_else(|| code.clone(), |it| it.name)))
        .await
}

fn head(room: &Room, lang: Lang, round: &Round) -> Markup {
    html! {
        p.small.soft { "【" (room.site.speaker) "】" (clock(round.start_at)) " " (level(round.level, lang)) }
        h1 { (round.cause) (invented(round.invented, lang)) }
    }
}

fn button(action: &str, digit: u8, class: &str, words: &str, more: &str) -> Markup {
    html! {
        form method="post" action=(action) {
            button class=(format!("main {class}")) type="submit" name="digit" value=(digit) { (digit) "　" (words) br; small { (more) } }
        }
    }
}

fn own(room: &Room, lang: Lang, action: &str, call: &Call, round: &Round, name: &str) -> Markup {
    html! {
        main.narrow {
            (head(room, lang, round))
            p { b { (name) } " " (text::duty_words(&call.duties)) }
            @if let Some(key) = call.key.or(call.late_key) {
                p.note { (lang.pick("已收到您的答复：", "Your answer was taken: ")) b { (key_words(key, lang)) } }
            } @else if !call.open {
                p.note { (lang.pick("本次叫应已结束：", "This call is over: ")) (state(call.state, lang)) }
            }
            @if call.state != CallState::Cancelled && !(call.key == Some(3) || call.late_key == Some(3)) {
                @if call.key.is_none() && call.late_key.is_none() {
                    (button(action, 1, "", lang.pick("收到，已到岗", "I have arrived"), lang.pick("现在就去，或已经在岗", "on the way, or there already")))
                    (button(action, 2, "", lang.pick("收到，不能到岗", "I cannot come"), lang.pick("立即改叫副岗", "the deputy is called at once")))
                }
                (button(action, 3, "danger", lang.pick("有险情，需要支援", "Danger: support needed"), lang.pick("值班室马上回拨您", "the desk calls you back")))
            }
        }
    }
}

fn key_words(key: u8, lang: Lang) -> &'static str {
    match key {
        1 => lang.pick("收到、已到岗", "arrived"),
        2 => lang.pick("收到、不能到岗", "cannot come"),
        _ => lang.pick("有险情、需支援", "danger, support needed"),
    }
}

#[expect(clippy::too_many_arguments, reason = "one page, drawn once, from what was read for it")]
fn superior(
    room: &Room,
    lang: Lang,
    action: &str,
    list: &Escalation,
    round: &Round,
    calls: &[Call],
    names: &[String],
    unit: &str,
    link: i64,
) -> Markup {
    let mine = list.state == EscalationState::Calling && list.link == link;
    html! {
        main.narrow {
            (head(room, lang, round))
            p { b { (unit) (lang.pick(" 未叫通 ", " not reached: ")) (calls.len()) (lang.pick(" 人", "")) } }
            @if mine && !calls.is_empty() {
                (button(action, 1, "", lang.pick("由我接手", "I take over"), lang.pick("名单上的人由我找到", "I find the people on the list")))
                (button(action, 2, "", lang.pick("不能接手", "I cannot"), lang.pick("立即改叫下一位", "the next one is called at once")))
                (button(action, 3, "danger", lang.pick("接手，并需要支援", "I take over and need support"), lang.pick("值班室马上回拨您", "the desk calls you back")))
            } @else {
                p.note { (list_over(list, lang)) }
            }
            ul {
                @for (call, name) in calls.iter().zip(names) {
                    li { (name) " " span.small.soft { (text::duty_words(&call.duties)) } }
                }
            }
        }
    }
}

fn list_over(list: &Escalation, lang: Lang) -> &'static str {
    match list.state {
        EscalationState::Accepted => lang.pick("已有人接手这份名单。", "Somebody took this list over."),
        EscalationState::Gathering | EscalationState::Calling => {
            lang.pick("已改叫下一位。", "The next one is being called.")
        }
        EscalationState::Failed | EscalationState::Moot => lang.pick("这份名单已结束。", "This list is closed."),
    }
}
