//! The desk on the screen: one thing is biggest, everything by keyboard, nothing to scroll at 1366×768.

use anlan_kernel::{Lang, Permission as P, Text};
use anlan_warn::{
    directed::is_directed,
    pages::parts::{clock, counts, duties, hazard, invented, number, to},
};
use anlan_web::{ApiResult, Site, Who, page};
use axum::{
    extract::{Path, State},
    response::Redirect,
};
use maud::{Markup, html};

use super::{
    MOST,
    read::{self, Desk, InForce, Measured, On},
};
use crate::{
    Room, TodoItem,
    forward::pages::sums,
    note,
    todo::{Shortened, shortened},
};

/// Ringing things named on other pages.
const RINGS: usize = 2;
/// Alarms shown on the desk; the list of all is one tap away.
const ALARMS: usize = 5;

/// The first screen.
pub(super) async fn show(State(room): State<Room>, who: Who) -> ApiResult<Markup> {
    if !who.may(P::SeeDesk) {
        let words = who.lang.pick("请从上方菜单进入。", "Use the menu above.");
        return Ok(page(&room.site, &who, who.lang.pick("首页", "Start"), html! { main { p { (words) } } }));
    }
    let look = async { ApiResult::Ok(body(&room, &who, &read::desk(&room, &who).await?)) };
    let body = room.site.together("/", &who, look).await?;
    Ok(page(&room.site, &who, who.lang.pick("值班台", "Duty desk"), body))
}

/// What rings on every page of the world.
pub(super) async fn siren(State(room): State<Room>, who: Who) -> ApiResult<Markup> {
    let rings = read::ringing(&room, &who).await?;
    Ok(anlan_web::siren(
        &room.site,
        who.lang,
        true,
        html! {
            @for (i, it) in rings.iter().enumerate() {
                b data-alarm=(it.id) hidden[i >= RINGS] { "▲ " (it.words.get(who.lang)) }
            }
            @if rings.len() > RINGS { span { (who.lang.pick("另有 ", "more: ")) (rings.len() - RINGS) } }
            @if !rings.is_empty() {
                a.button href=(room.site.url("/")) { (who.lang.pick("去值班台", "To the desk")) }
                button.quiet type="button" data-silence { (who.lang.pick("本机静音", "Silence here")) }
            }
        },
    ))
}

/// Everything to do.
pub(super) async fn all(State(room): State<Room>, who: Who) -> ApiResult<Markup> {
    let items = room.command.todo(&who).await?;
    let title = who.lang.pick("全部待办", "Everything to do");
    let body = html! {
        main {
            h1 { (title) " " span.num.soft { (items.len()) } }
            div.card id="to-do" data-live="" { ol.todo { @for (i, it) in items.iter().enumerate() { (item(&room.site, who.lang, i + 1, it)) } } }
            p { a href=(room.site.url("/")) { (who.lang.pick("回到值班台", "Back to the desk")) } }
        }
    };
    Ok(page(&room.site, &who, title, body))
}

fn body(room: &Room, who: &Who, desk: &Desk) -> Markup {
    let (lang, site) = (who.lang, &room.site);
    html! {
        main.desk {
            h1.unseen { (lang.pick("值班台", "Duty desk")) }
            (on_duty(desk, lang))
            section.col {
                (signals(site, who, &desk.signals))
                (responses(site, lang, &desk.responses))
                (alarms(site, who, &desk.alarms))
            }
            section.col {
                (to_do(site, lang, &desk.to_do))
                (timeline(site, lang, desk))
            }
            section.col { (silent(site, who, desk)) }
            div.keys {
                @if who.may(P::HandleSignal) {
                    button type="button" data-key="F2" data-dialog="note-dialog" { (lang.pick("电话记录", "Telephone note")) " " kbd { "F2" } }
                    a.button data-key="F4" href=(site.url("/hand-overs/new")) { (lang.pick("交接班", "Hand-over")) " " kbd { "F4" } }
                    a.button data-key="n" href=(site.url("/signals/new")) { (lang.pick("录入信号", "Paste a signal")) " " kbd { "N" } }
                }
                button type="button" data-print { (lang.pick("打印", "Print")) }
                button.quiet type="button" data-silence data-key="m" { (lang.pick("本机静音", "Silence here")) " " kbd { "M" } }
            }
        }
        @if who.may(P::HandleSignal) { (note::dialog(site, lang, &desk.to_dial)) }
    }
}

fn on_duty(desk: &Desk, lang: Lang) -> Markup {
    html! {
        div.duty id="on-duty" data-live="shift. people." {
            @if desk.officers.is_empty() { b.bad { (lang.pick("值班表没有排到此刻", "the roster names nobody for now")) } }
            @for it in &desk.officers {
                span { span.soft { (role(it.role, lang)) } " " b { (it.name) }
                    @if !it.tail.is_empty() { " " span.num.soft.small { "·" (it.tail) } } }
            }
        }
    }
}

fn role(role: anlan_register::Role, lang: Lang) -> &'static str {
    lang.pick(role.zh(), role.name())
}

fn signals(site: &Site, who: &Who, signals: &[InForce]) -> Markup {
    let lang = who.lang;
    let next = |seen: bool| {
        signals.iter().position(|it| it.signal.forwarded_at.is_none() && it.signal.acknowledged_at.is_some() == seen)
    };
    let (unseen, unsent) = (next(false), next(true));
    html! {
        div.card id="signals" data-live="signal. forward. receipts. outbox." {
            header { h2 { (lang.pick("生效信号", "Signals in force")) } span.soft.small.num { (signals.len()) (lang.pick(" 条", "")) } }
            @for (i, it) in signals.iter().enumerate() {
                @let signal = &it.signal;
                @let at = |verb: &str| format!("{}/{verb}", to(site, "signals", &signal.id));
                @let ringing = read::is_ringing(signal);
                div.signal data-alarm=[ringing.then_some(&signal.id)] {
                    p { a href=(at("forwards")) { b { (signal.title) } } (invented(signal.invented, lang)) }
                    p.words { (signal.text) }
                    p.small.soft { (signal.issuer) " " (clock(signal.issued_at.unwrap_or(signal.received_at))) (lang.pick(" 发出", " issued")) }
                    div.row.small {
                        @match signal.acknowledged_at {
                            Some(at) => span.done { (lang.pick("签收 ", "acknowledged ")) (it.by) " " (clock(at)) },
                            None if who.may(P::HandleSignal) => (act(&at("acknowledge"), lang.pick("签收", "Acknowledge"), "q", unseen == Some(i))),
                            None => span.bad { (lang.pick("未签收", "not acknowledged")) },
                        }
                        @if signal.forwarded_at.is_some() {
                            @if it.tally.units > 0 { a.end href=(at("forwards")) { (sums(it.tally, lang)) " ›" } }
                        } @else if signal.acknowledged_at.is_some() && who.may(P::HandleSignal) {
                            (act(&at("forward"), lang.pick("转发原文", "Forward"), "z", unsent == Some(i)))
                        }
                    }
                }
            }
            @if signals.is_empty() { p.soft { (lang.pick("无", "none")) } }
        }
    }
}

/// One button; the first of its kind has the key.
fn act(action: &str, words: &str, key: &str, first: bool) -> Markup {
    html! {
        form method="post" action=(action) {
            button.main type="submit" data-key=[first.then_some(key)] { (words) @if first { " " kbd { (key.to_uppercase()) } } }
        }
    }
}

fn responses(site: &Site, lang: Lang, responses: &[On]) -> Markup {
    html! {
        div.card id="responses" data-live="response." {
            header { h2 { (lang.pick("应急响应", "Response")) }
                a.more href=(site.url("/responses")) { (lang.pick("时间线 ›", "history ›")) } }
            @for it in responses {
                p { a.level href=(to(site, "responses", &it.response.id)) { (it.response.words(lang)) } (invented(it.response.invented, lang)) }
                @if let Some(step) = &it.step {
                    p.small.soft {
                        @if let Some(at) = step.decided_at { (clock(at)) " " (lang.pick(step.kind.zh(), step.kind.en())) " · " }
                        (lang.pick("批准 ", "approved by ")) (it.by)
                        @if step.verbal {
                            @match step.signed_at {
                                Some(at) => { (lang.pick("（电话同意，", " (by telephone, signed ")) (clock(at)) (lang.pick(" 补签）", ")")) },
                                None => { " " span.bad { (lang.pick("电话同意，待补签", "by telephone, not signed yet")) } },
                            }
                        }
                    }
                }
            }
            @if responses.is_empty() { p.soft { (lang.pick("未启动", "none")) } }
        }
    }
}

fn alarms(site: &Site, who: &Who, alarms: &[Measured]) -> Markup {
    let lang = who.lang;
    let watched = alarms.iter().filter(|it| it.upstream).count();
    html! {
        div.card id="alarms" data-live="alarm." {
            header { h2 { (lang.pick("实况告警", "Alarms")) }
                span.soft.small { (lang.pick("本区 ", "ours ")) span.num { (alarms.len() - watched) } (lang.pick(" · 上游监视 ", " · upstream ")) span.num { (watched) } }
                @if who.may(P::SeeMonitor) { a.more href=(site.url("/alarms")) { (lang.pick("全部 ›", "all ›")) } } }
            table {
                @for (i, it) in alarms.iter().take(ALARMS).enumerate() {
                    tr data-alarm=[it.ringing.then(|| super::AlarmSeen::key(&it.alarm))] {
                        td { span class=(format!("grade grade-{}", it.alarm.grade.get())) { (it.alarm.grade.numeral()) } }
                        td.line { (it.station) " " span.small.soft { (it.alarm.title.get(lang)) }
                            @if it.upstream { " " span.tag { (lang.pick("上游", "upstream")) } } }
                        td.num { (clock(it.alarm.raised_at)) }
                        td { @if it.ringing && who.may(P::HandleSignal) {
                            form method="post" action=(format!("{}/seen", to(site, "alarms", &it.alarm.id))) {
                                // Those that ring come first: the key takes note of the gravest.
                                button type="submit" data-key=[(i == 0).then_some("x")] { (lang.pick("知悉", "Noted")) @if i == 0 { " " kbd { "X" } } } } } }
                    }
                }
            }
            @if alarms.is_empty() { p.soft { (lang.pick("无", "none")) } }
        }
    }
}

fn to_do(site: &Site, lang: Lang, items: &[TodoItem]) -> Markup {
    let Shortened { items: shown, left } = shortened(items, MOST);
    let all = if left > 0 {
        Text::new(format!("另有 {left} 项 ›"), format!("more: {left} ›"))
    } else {
        Text::new("全部 ›", "all ›")
    };
    html! {
        div.card id="to-do" data-live="signal. alarm. round. help. response. forward. note. notice. hand_over. call. escalation. process. shift. deadline." {
            header { h2 { (lang.pick("待办", "To do")) }
                span.soft.small { span.num { (items.len()) } (lang.pick(" 项，最急在前", ", gravest first")) }
                @if shown.len() < items.len() { a.more data-key="0" href=(site.url("/desk/to-do")) { (all.get(lang)) } } }
            ol.todo { @for (i, it) in shown.iter().enumerate() { (item(site, lang, i + 1, it)) } }
            @if items.is_empty() { p.soft { (lang.pick("没有待办", "nothing to do")) } }
        }
    }
}

fn item(site: &Site, lang: Lang, place: usize, it: &TodoItem) -> Markup {
    let key = (place <= MOST).then(|| place.to_string());
    let class = if place == 1 { "main" } else { "" };
    let ringing = it.key.strip_prefix("help:");
    html! {
        li data-alarm=[ringing] {
            span.place.num { (place) }
            div { div.title { (it.title.get(lang)) } div.small.soft { (it.note.get(lang)) } }
            @if it.post {
                form method="post" action=(site.url(&it.href)) {
                    button.(class) type="submit" data-key=[key.as_deref()] { (it.action.get(lang)) @if let Some(key) = &key { " " kbd { (key) } } }
                }
            } @else {
                a.button.(class) href=(site.url(&it.href)) data-key=[key.as_deref()] { (it.action.get(lang)) @if let Some(key) = &key { " " kbd { (key) } } }
            }
        }
    }
}

fn timeline(site: &Site, lang: Lang, desk: &Desk) -> Markup {
    html! {
        div.card id="timeline" data-live="signal. alarm. round. help. response. forward. note. process." {
            header { h2 { (lang.pick("过程时间线", "Timeline")) }
                @for it in desk.processes.iter().take(2) {
                    a.more href=(to(site, "processes", &it.process.id)) { (hazard(&it.process.hazard, lang)) (lang.pick("过程 ›", " process ›")) }
                } }
            table { @for it in &desk.lines {
                tr { td.num.soft { (clock(it.at)) }
                    td.line { @match &it.opens { Some(path) => a href=(site.url(path)) { (it.words.get(lang)) }, None => (it.words.get(lang)) } }
                    td.small.soft { (it.by) } }
            } }
            @if desk.lines.is_empty() { p.soft { (lang.pick("无", "none")) } }
        }
    }
}

fn silent(site: &Site, who: &Who, desk: &Desk) -> Markup {
    let lang = who.lang;
    let rounds = &desk.rounds;
    html! {
        div.card id="silent" data-live="call. round. escalation." {
            header { h2 { (lang.pick("叫应", "Call-out")) }
                @if let Some(it) = rounds.first() {
                    span.soft.small { @if is_directed(&it.id) { (lang.pick("定向 · ", "directed · ")) } (lang.pick("叫应级别 ", "level ")) (it.level) " · " (clock(it.start_at)) (lang.pick(" 起", " on")) }
                    a.more href=(to(site, "rounds", &it.id)) { (lang.pick("名单 ›", "list ›")) }
                } }
            @let calling: i64 = rounds.iter().map(|it| it.counts.open - it.counts.escalated).sum();
            div.big {
                b.bad[desk.missing > 0] { (desk.missing) }
                span { (lang.pick("要找的人", "to be looked for"))
                    @if calling > 0 { br; strong { (lang.pick("叫应中 ", "being called: ")) span.num { (calling) } } }
                    @if desk.no_number > 0 { br; span.small.soft { (lang.pick("其中无可用号码 ", "of them without a usable number: ")) (desk.no_number) } } }
            }
            @for it in rounds {
                (bar(&it.counts))
                (counts(site, |states| it.list(states), &it.counts, lang))
            }
            table { @for it in &desk.to_dial {
                tr {
                    td { a href=(to(site, "calls", &it.call.id)) { (it.name) } br; span.small.soft { (duties(it)) } }
                    td { (number(site, it, who.may(P::Unmask), lang)) }
                }
            } }
            @for it in rounds.iter().filter(|it| it.counts.missing() > 0) {
                p.small { a href=(site.url(&it.list("not_reached,escalated,no_contact"))) { (lang.pick("全部名单 ›", "the whole list ›")) } " "
                    span.soft { (lang.pick("显示 ", "shown ")) (desk.to_dial.len()) " / " (desk.missing) } }
            }
            @for it in desk.processes.iter().filter_map(|it| it.rounds.first()).filter(|it| matches!(it.round.state, anlan_warn::model::RoundState::Pending)) {
                p.small { a href=(to(site, "rounds", &it.round.id)) { (lang.pick("叫应级别 ", "level ")) (it.round.level) } " " (clock(it.round.start_at)) (lang.pick(" 开始", " starts")) }
            }
        }
    }
}

/// How a round stands, as one bar; a drawing, so it does without inline styles.
fn bar(it: &anlan_warn::api::Counts) -> Markup {
    use anlan_warn::CallState as S;
    let of = |states: &[S]| states.iter().map(|state| it.of(*state)).sum::<i64>();
    let parts = [
        ("answered", of(&[S::Answered])),
        ("heard", of(&[S::HeardInFull])),
        ("recorded", of(&[S::RecordedByColleague, S::ReachedOnSite, S::HandedOver])),
        ("waiting", it.open - it.escalated + of(&[S::Cancelled, S::NoContact])),
        ("silent", it.silent()),
    ];
    let mut from = 0;
    html! {
        svg.counts viewBox=(format!("0 0 {} 10", it.called.max(1))) preserveAspectRatio="none" aria-hidden="true" {
            @for (class, count) in parts {
                rect class=(class) x=({ let at = from; from += count; at }) y="0" width=(count) height="10" {}
            }
        }
    }
}

/// 知悉.
pub(super) async fn alarm_seen(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Redirect> {
    room.command.alarm_seen(&who.actor, &id).await?;
    Ok(Redirect::to(&room.site.url("/")))
}
