//! 值班台: who is on duty, what is in force, who does not answer.

use anlan_kernel::{Instant, Lang, Permission, Scope};
use anlan_monitor::{Alarm, Signal};
use anlan_register::{Shift, callee_title};
use anlan_store::{StoreError, Tx, params};
use anlan_web::{ApiResult, Who, page};
use axum::{
    extract::{Path, State},
    response::Redirect,
};
use maud::{Markup, html};

use super::parts::{clock, counts, duties, invented, level, number, round_state, round_title, to};
use crate::{
    api::{
        CallQuery, CallView, HelpView, ListQuery, ProcessView, Room, RoundView, read_calls, read_help, read_processes,
    },
    model::RoundState,
    service::everywhere,
};

/// Silent people shown on the desk; the list of all is one tap away.
const SHOWN: usize = 30;

struct Officer {
    role: &'static str,
    name: String,
}

struct Desk {
    officers: Vec<Officer>,
    signals: Vec<Signal>,
    alarms: Vec<Alarm>,
    processes: Vec<ProcessView>,
    silent: i64,
    no_number: i64,
    to_dial: Vec<CallView>,
    help: Vec<HelpView>,
}

/// The first screen.
pub(super) async fn show(State(room): State<Room>, who: Who) -> ApiResult<Markup> {
    let title = who.lang.pick("值班台", "Duty desk");
    if !who.may(Permission::SeeDesk) {
        let words = who.lang.pick("请从上方菜单进入。", "Use the menu above.");
        return Ok(page(&room.site, &who, who.lang.pick("首页", "Start"), html! { main { p { (words) } } }));
    }
    let desk = read(&room, &who).await?;
    Ok(page(&room.site, &who, title, body(&room, &who, &desk)))
}

async fn read(room: &Room, who: &Who) -> ApiResult<Desk> {
    let officers = room.site.world.read(&who.actor, officers).await?;
    let (signals, alarms) = in_force(room, who).await?;
    let processes = read_processes(room, who, &ListQuery::first(20), Some(true)).await?.items;
    let (mut silent, mut no_number, mut to_dial) = (0, 0, Vec::new());
    for round in processes.iter().filter_map(current) {
        silent += round.counts.silent();
        no_number += round.counts.of(crate::model::CallState::NoContact);
        let left = SHOWN.saturating_sub(to_dial.len());
        if left > 0 && round.counts.silent() > 0 {
            let which = CallQuery {
                round: Some(round.round.id.clone()),
                state: Some("not_reached,escalated".into()),
                ..CallQuery::default()
            };
            to_dial.extend(read_calls(room, who, &ListQuery::first(left), &which).await?.items);
        }
    }
    let help = read_help(room, who, &ListQuery::first(50), Some(true)).await?.items;
    Ok(Desk { officers, signals, alarms, processes, silent, no_number, to_dial, help })
}

/// The round that speaks now: the newest that began and was neither stopped nor absorbed.
fn current(process: &ProcessView) -> Option<&RoundView> {
    process.rounds.iter().find(|it| matches!(it.round.state, RoundState::Running | RoundState::Done))
}

fn officers(tx: &mut Tx<'_>) -> Result<Vec<Officer>, StoreError> {
    let now = tx.now();
    let mut shifts: Vec<Shift> =
        tx.find("starts_at <= $1 AND ends_at > $1", "ORDER BY region, organisation, id", params![now])?;
    // The desk's own office is the widest region among those in scope.
    let widest = shifts.iter().map(|it| it.region.as_str().len()).min();
    shifts.retain(|it| Some(it.region.as_str().len()) == widest);
    shifts.sort_by_key(|it| it.role);
    shifts
        .into_iter()
        .map(|it| {
            let known = it.person.as_deref().map(|id| callee_title(tx, id)).transpose()?.flatten().map(|it| it.name);
            Ok(Officer { role: it.role.zh(), name: known.or(it.name).unwrap_or_else(|| "—".into()) })
        })
        .collect()
}

/// Signals and alarms that stand now and touch the reader's duty areas. They are no personal data, and
/// a street's desk must see what its district was told.
async fn in_force(room: &Room, who: &Who) -> Result<(Vec<Signal>, Vec<Alarm>), StoreError> {
    let now = room.site.world.now();
    let (mut signals, mut alarms) = room
        .site
        .world
        .read(&everywhere(&who.actor), move |tx| {
            let holds = "state = 'in_force' AND (expires_at IS NULL OR expires_at > $1)";
            let signals: Vec<Signal> = tx.find(holds, "ORDER BY received_at DESC, id LIMIT 50", params![now])?;
            let alarms: Vec<Alarm> = tx.find("state = 'open'", "ORDER BY grade, raised_at DESC LIMIT 50", &[])?;
            Ok((signals, alarms))
        })
        .await?;
    if let Scope::Regions(own) = &who.actor.scope {
        let touches = |region: &anlan_kernel::RegionCode| own.iter().any(|it| it.meets(region));
        signals.retain(|it| touches(&it.region) || it.areas.iter().any(touches));
        alarms.retain(|it| touches(&it.region) || it.areas.iter().any(touches));
    }
    Ok((signals, alarms))
}

fn body(room: &Room, who: &Who, desk: &Desk) -> Markup {
    let (lang, now) = (who.lang, room.site.world.now());
    html! {
        main.columns {
            section {
                (on_duty(desk, lang))
                (signals(room, who, desk))
                (alarms(desk, lang))
            }
            section {
                (help(room, who, desk))
                (processes(room, desk, lang))
            }
            section { (silent(room, who, desk, now)) }
        }
    }
}

fn on_duty(desk: &Desk, lang: Lang) -> Markup {
    html! {
        div.card id="on-duty" data-live="shift. people." {
            header { h2 { (lang.pick("今日值班", "On duty today")) } }
            @if desk.officers.is_empty() { p.bad { (lang.pick("值班表没有排到此刻", "the roster names nobody for now")) } }
            dl { @for it in &desk.officers { dt { (it.role) } dd { b { (it.name) } } } }
        }
    }
}

fn signals(room: &Room, who: &Who, desk: &Desk) -> Markup {
    let (lang, site) = (who.lang, &room.site);
    let handles = who.may(Permission::HandleSignal);
    html! {
        div.card id="signals" data-live="signal." {
            header { h2 { (lang.pick("生效信号", "Signals in force")) } span.soft.small.num { (desk.signals.len()) } }
            @for it in &desk.signals {
                @let act = |verb: &str| format!("{}/{verb}", to(site, "signals", &it.id));
                div data-alarm=[it.acknowledged_at.is_none().then_some(&it.id)] {
                    p { b { (it.title) } (invented(it.invented, lang)) }
                    p { (it.text) }
                    p.small.soft { (it.issuer) " · " (clock(it.issued_at.unwrap_or(it.received_at))) (lang.pick(" 发出", " issued")) }
                    div.row {
                        (step(lang.pick("签收", "Acknowledge"), it.acknowledged_at, it.acknowledged_by.as_deref(), &act("acknowledge"), handles))
                        (step(lang.pick("转发原文", "Forward"), it.forwarded_at, it.forwarded_by.as_deref(), &act("forward"), handles))
                    }
                }
            }
            @if desk.signals.is_empty() { p.soft { (lang.pick("无", "none")) } }
        }
    }
}

/// Done by whom and when, or the button to do it.
fn step(words: &str, done: Option<Instant>, by: Option<&str>, action: &str, may: bool) -> Markup {
    html! {
        @match done {
            Some(at) => span.small.done { (words) " " (by.unwrap_or_default().trim_start_matches("user:")) " " (clock(at)) },
            None if may => form method="post" action=(action) { button.main type="submit" { (words) } },
            None => span.small.bad { (words) " —" },
        }
    }
}

fn alarms(desk: &Desk, lang: Lang) -> Markup {
    html! {
        div.card id="alarms" data-live="alarm." {
            header { h2 { (lang.pick("实况告警", "Alarms")) } span.soft.small.num { (desk.alarms.len()) } }
            table {
                @for it in &desk.alarms {
                    tr {
                        td { span class=(format!("grade grade-{}", it.grade.get())) { (it.grade.numeral()) } }
                        td { (it.title.get(lang)) " · " (it.station)
                            @if it.areas.is_empty() { " " span.tag { (lang.pick("上游监视", "upstream")) } } }
                        td.num { (clock(it.raised_at)) }
                    }
                }
            }
            @if desk.alarms.is_empty() { p.soft { (lang.pick("无", "none")) } }
        }
    }
}

fn help(room: &Room, who: &Who, desk: &Desk) -> Markup {
    let (lang, site) = (who.lang, &room.site);
    html! {
        div.card id="help" data-live="help. call. escalation." {
            header { h2 { (lang.pick("有险情、需支援", "Danger, support needed")) } span.soft.small.num { (desk.help.len()) } }
            @for it in &desk.help {
                div data-alarm=(it.help.id) {
                    @if let Some(call) = &it.call {
                        p { b { (call.name) } " " (duties(call)) " · " (clock(it.help.asked_at)) }
                        div { (number(site, call, who.may(Permission::Unmask), lang)) }
                    } @else {
                        p { b { (it.help.region) } " · " (clock(it.help.asked_at)) }
                    }
                    @if who.may(Permission::RecordAnswer) {
                        form method="post" action=(format!("{}/take", to(site, "help", &it.help.id))) {
                            button.main type="submit" { (lang.pick("我来处理", "I take it")) }
                        }
                    }
                }
            }
            @if desk.help.is_empty() { p.soft { (lang.pick("无", "none")) } }
        }
    }
}

fn processes(room: &Room, desk: &Desk, lang: Lang) -> Markup {
    let site = &room.site;
    html! {
        div.card id="processes" data-live="process. round. call." {
            header { h2 { (lang.pick("天气过程", "Weather processes")) } span.soft.small.num { (desk.processes.len()) } }
            @for it in &desk.processes {
                p {
                    a href=(to(site, "processes", &it.process.id)) { b { (hazard(&it.process.hazard, lang)) } }
                    " " @if let Some(it) = it.process.level { (level(it, lang)) }
                    " " span.small.soft { (clock(it.process.opened_at)) (lang.pick(" 起", " on")) }
                    @if it.process.stand_down_proposed { " " span.tag { (lang.pick("建议解除", "stand-down proposed")) } }
                }
                @for it in &it.rounds {
                    p { (round_title(site, &it.round, lang)) " " span.small.soft { (round_state(&it.round, lang)) " " (clock(it.round.start_at)) } }
                    (counts(site, &it.round.id, &it.counts, lang))
                }
            }
            @if desk.processes.is_empty() { p.soft { (lang.pick("无", "none")) } }
        }
    }
}

/// A hazard as people call it.
pub(crate) fn hazard(key: &str, lang: Lang) -> String {
    anlan_codecs::hazard::Hazard::by_key(key).map_or_else(|| key.to_owned(), |it| lang.pick(it.zh, key).to_owned())
}

fn silent(room: &Room, who: &Who, desk: &Desk, now: Instant) -> Markup {
    let (lang, site) = (who.lang, &room.site);
    let unmask = who.may(Permission::Unmask);
    let all = desk.processes.iter().filter_map(current).map(|it| &it.round.id);
    html! {
        div.card id="silent" data-live="call. round. escalation." {
            header { h2 { (lang.pick("叫应", "Call-out")) }
                span.soft.small { (lang.pick("数据截至 ", "as of ")) (clock(now)) } }
            div.big {
                b.bad[desk.silent > 0] { (desk.silent) }
                span { (lang.pick("人未叫通", "not reached"))
                    @if desk.no_number > 0 { br; span.small.soft { (lang.pick("另无可用号码 ", "without a usable number: ")) (desk.no_number) } } }
            }
            table {
                @for it in &desk.to_dial {
                    tr {
                        td { a href=(to(site, "calls", &it.call.id)) { (it.name) } br; span.small.soft { (duties(it)) } }
                        td { (number(site, it, unmask, lang)) }
                    }
                }
            }
            p.row {
                @for id in all {
                    a href=(format!("{}?state=not_reached,escalated,no_contact", to(site, "rounds", id))) { (lang.pick("全部名单", "the whole list")) }
                }
            }
        }
    }
}

/// Somebody takes a request for help.
pub(super) async fn take(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Redirect> {
    room.warn.take_help(&who.actor, &id).await?;
    Ok(Redirect::to(&room.site.url("/")))
}
