//! One call: what was tried, and what an officer knows of it.

use anlan_kernel::{Lang, Permission};
use anlan_register::number_of;
use anlan_store::{Event, Urgency};
use anlan_web::{ApiError, ApiResult, Who, page, percent};
use axum::{
    extract::{Form, Path, State},
    response::Redirect,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    answer::key_words,
    parts::{absorbed_words, clock, duties, number, receipt as receipt_words, sending, state, to},
    round::{Back, back},
};
use crate::{
    api::{CallStory, CallView, Record, Room, call_view, read_call, record_call},
    effect::evidence::reason_words,
    model::{Call, CallState, Help, Round, RoundState},
    service::everywhere,
};

/// The call.
pub(super) async fn show(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Markup> {
    let story = read_call(&room, &who, id).await?;
    let title = story.call.name.clone();
    let round = story.call.call.round.clone();
    let round = room.site.world.read(&everywhere(&who.actor), move |tx| tx.get::<Round>(&round)).await?;
    let round = round.ok_or_else(ApiError::not_found)?;
    Ok(page(&room.site, &who, &title, body(&room, &who, &story, &round)))
}

/// A request for help and its next step: who took it, what came of it.
fn asked(room: &Room, who: &Who, help: &Help, by: &str) -> Markup {
    let (lang, may) = (who.lang, who.may(Permission::RecordAnswer));
    let path = to(&room.site, "help", &help.id);
    html! {
        div.row.note id="asked" data-live="help." {
            b { (lang.pick("有险情、需支援 ", "support needed ")) (clock(help.asked_at)) }
            @match help.taken_at {
                Some(at) => span { (lang.pick("已由 ", "taken by ")) (by) " " (clock(at)) (lang.pick(" 接手", "")) },
                None if may => form method="post" action=(format!("{path}/take")) { button.main type="submit" { (lang.pick("我来处理", "I take it")) } },
                None => {}
            }
            @match (&help.outcome, help.ended_at) {
                (Some(words), _) => span { (words) },
                (None, Some(_)) => span { (lang.pick("已有结果", "dealt with")) },
                (None, None) if may && help.taken_at.is_some() => a.button.main href=(format!("{path}/outcome")) { (lang.pick("写结果", "Write the outcome")) },
                (None, None) => {}
            }
        }
    }
}

fn body(room: &Room, who: &Who, story: &CallStory, round: &Round) -> Markup {
    let (lang, site, view, call) = (who.lang, &room.site, &story.call, &story.call.call);
    html! {
        main {
            h1 { (view.name) }
            p { (duties(view)) }
            p { b { (state(call.state, lang)) }
                @if let Some(at) = call.final_at { " " (clock(at)) }
                @if !story.by.is_empty() { " " (story.by) }
                @if let Some(into) = absorbed(call, lang) { " " (into) }
                @if let Some(key) = call.key.or(call.late_key) { " · " (key_words(key, lang)) }
                @if let Some(note) = &call.note { " · " (note) } }
            @if let Some((help, by)) = &story.help { (asked(room, who, help, by)) }
            div { (number(site, view, who.may(Permission::Unmask), lang)) }
            @if who.may(Permission::RecordAnswer) {
                @if call.state.may_be_recorded() { (forms(room, who, call)) } @else { (again_form(room, who, call, round)) }
            }
            div.card.scroll id="attempts" data-live="call. receipts. outbox." {
                header { h2 { (lang.pick("拨打与回执", "Attempts and receipts")) } }
                table {
                    @for it in &story.attempts {
                        tr {
                            td { (if it.kind == "sms" { lang.pick("短信", "message") } else { lang.pick("语音", "voice") }) }
                            td.num { (clock(it.due_at)) }
                            td { (sending(it.state, lang)) @if it.repeat { " " span.tag { (lang.pick("重复发送", "sent again")) } } }
                            td {
                                @for receipt in &it.receipts {
                                    (receipt_words(&receipt.event, lang)) " "
                                    @if let Some(detail) = &receipt.detail {
                                        @for key in ["digit", "text"] { (detail[key].as_str().unwrap_or_default()) " " }
                                        @if let Some(reason) = detail["reason"].as_str() { (reason_words(reason).get(lang)) " " }
                                    }
                                    (clock(receipt.at)) br;
                                }
                            }
                        }
                    }
                }
            }
            @if who.may(Permission::RecordAnswer) {
                form method="post" action=(format!("{}/clear-pin", to(site, "calls", &call.id))) {
                    button.quiet type="submit" { (lang.pick("清除此人的名单口令", "Clear their PIN for lists")) } }
            }
            p { a href=(to(site, "rounds", &call.round)) { (lang.pick("回到本轮", "Back to the round")) }
                @if who.may(Permission::SeePeople) {
                    " · " a href=(format!("{}/evidence/{}", to(site, "processes", &round.process), percent(&call.callee))) { (lang.pick("尽职记录", "Record of duty")) }
                } }
        }
    }
}

fn forms(room: &Room, who: &Who, call: &Call) -> Markup {
    let (lang, here) = (who.lang, to(&room.site, "calls", &call.id));
    let recorded = [
        ("recorded_by_colleague", lang.pick("代登记", "Recorded for them")),
        ("reached_on_site", lang.pick("上门叫醒", "Reached on site")),
        ("handed_over", lang.pick("转交", "Handed over")),
    ];
    html! {
        div.columns {
            form.card method="post" action=(format!("{here}/record")) {
                label { (lang.pick("说明", "Note")) input name="note" maxlength="500"; }
                label { (lang.pick("转交给（姓名或单位）", "Handed over to")) input name="to" maxlength="100"; }
                p.row { @for (how, words) in recorded { button type="submit" name="how" value=(how) { (words) } } }
            }
            form.card method="post" action=(format!("{here}/answer")) {
                p { (lang.pick("本人在电话里答复：", "What they said on the telephone:")) }
                p.row { @for digit in 1..=3 { button type="submit" name="digit" value=(digit) { (digit) " " (key_words(digit, lang)) } } }
            }
        }
    }
}

fn absorbed(call: &Call, lang: Lang) -> Option<String> {
    call.by_whom.as_deref().filter(|_| call.state == CallState::Cancelled).and_then(|it| absorbed_words(it, lang))
}

/// 改口: they answered, and say something else on the telephone now.
fn again_form(room: &Room, who: &Who, call: &Call, round: &Round) -> Markup {
    let lang = who.lang;
    let goes_on = matches!(round.state, RoundState::Running | RoundState::Done);
    html! {
        @if let Some(said) = call.key.or(call.late_key).filter(|_| goes_on) {
            details.card {
                summary { (lang.pick("本人在电话里改口", "They changed their mind on the telephone")) }
                form method="post" action=(format!("{}/answer", to(&room.site, "calls", &call.id))) {
                    input type="hidden" name="again" value="true";
                    p.row { @for digit in (1..=3).filter(|it| *it != said) { button type="submit" name="digit" value=(digit) { (digit) " " (key_words(digit, lang)) } } }
                }
            }
        }
    }
}

/// 代登记、上门叫醒、转交.
pub(super) async fn record(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(form): Form<RecordForm>,
) -> ApiResult<Redirect> {
    record_call(&room, &who, &id, &form.record).await?;
    Ok(Redirect::to(&form.back.or(&room, to(&room.site, "calls", &id))))
}

#[derive(Deserialize)]
pub(super) struct RecordForm {
    #[serde(flatten)]
    record: Record,
    #[serde(flatten)]
    back: Back,
}

/// The callee forgot their PIN.
pub(super) async fn clear_pin(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Redirect> {
    room.warn.clear_pin(&who.actor, &id).await?;
    Ok(Redirect::to(&to(&room.site, "calls", &id)))
}

#[derive(Deserialize)]
pub(super) struct AnswerForm {
    digit: u8,
    #[serde(default)]
    again: bool,
}

/// The callee said it on the telephone.
pub(super) async fn answer(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(form): Form<AnswerForm>,
) -> ApiResult<Redirect> {
    room.warn.answer_by_desk(&who.actor, &id, form.digit, form.again).await?;
    Ok(Redirect::to(&to(&room.site, "calls", &id)))
}

/// The look is journaled.
async fn look(room: &Room, who: &Who, id: &str) -> ApiResult<Option<(Call, Vec<String>)>> {
    let id = id.to_owned();
    let found = room
        .site
        .world
        .write("call.number", Urgency::Urgent, &who.actor, move |tx| {
            let Some(call) = tx.get::<Call>(&id)? else { return Ok(None) };
            let mut numbers = Vec::new();
            for index in 0..4 {
                numbers.extend(number_of(tx, &call.callee, index)?);
            }
            tx.record(Event::new("person.unmasked", &call.callee).region(&call.region))?;
            Ok(Some((call, numbers)))
        })
        .await?;
    Ok(found)
}

fn call_may_be_recorded(view: &CallView, who: &Who) -> bool {
    view.call.state.may_be_recorded() && who.may(Permission::RecordAnswer)
}

/// The numbers in clear, to be dialled.
pub(super) async fn reveal(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Markup> {
    let (call, numbers) = look(&room, &who, &id).await?.ok_or_else(ApiError::not_found)?;
    let view = room.site.world.read(&who.actor, move |tx| call_view(tx, call.clone(), true)).await?;
    let lang = who.lang;
    let body = html! {
        main.narrow {
            h1 { (view.name) }
            p { (duties(&view)) }
            @for it in &numbers { p.big { a.num href=(format!("tel:{it}")) { (it) } } }
            p.small.soft { (lang.pick("本次查看已记入操作日志。", "This look stands in the journal.")) }
            @if call_may_be_recorded(&view, &who) {
                form.row method="post" action=(format!("{}/record", to(&room.site, "calls", &id))) data-inline {
                    (back(&to(&room.site, "rounds", &view.call.round)))
                    button.main type="submit" name="how" value="recorded_by_colleague" { (lang.pick("代登记", "Recorded for them")) }
                    button type="submit" name="how" value="reached_on_site" { (lang.pick("上门叫醒", "Reached on site")) }
                }
            }
            p { a.button href=(to(&room.site, "calls", &id)) { (lang.pick("更多", "More")) } }
        }
    };
    Ok(page(&room.site, &who, &view.name, body))
}
