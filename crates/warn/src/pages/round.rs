//! A round: counts that add up, and the list behind every one of them.

use anlan_kernel::Permission;
use anlan_store::params;
use anlan_web::{ApiResult, Who, page};
use axum::{
    extract::{Form, Path, Query, State},
    response::Redirect,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::parts::{clock, counts, duties, level, number, round_state, state, to};
use crate::{
    api::{CallQuery, CallView, ListQuery, Room, RoundView, read_calls, read_round},
    courier::percent,
    model::{Escalation, EscalationState, RoundState},
    text,
};

/// Calls on one page.
const SHOWN: usize = 100;

/// What the list shows: as [`CallQuery`], of this round.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Filter {
    state: Option<String>,
    region: Option<String>,
    exact: Option<String>,
    who: Option<String>,
    via: Option<String>,
    ended_from: Option<String>,
    ended_until: Option<String>,
    ring_over: Option<String>,
    cursor: Option<String>,
}

impl Filter {
    fn calls(&self, round: &str) -> CallQuery {
        CallQuery {
            round: Some(round.to_owned()),
            state: self.state.clone(),
            region: self.region.clone(),
            exact: self.exact.clone(),
            who: self.who.clone(),
            via: self.via.clone(),
            ended_from: self.ended_from.clone(),
            ended_until: self.ended_until.clone(),
            ring_over: self.ring_over.clone(),
            ..CallQuery::default()
        }
    }

    /// What of it is said beside the state, as the end of an address: `&region=440303001&who=street`.
    fn rest(&self) -> String {
        let parts = [
            ("region", &self.region),
            ("exact", &self.exact),
            ("who", &self.who),
            ("via", &self.via),
            ("ended_from", &self.ended_from),
            ("ended_until", &self.ended_until),
            ("ring_over", &self.ring_over),
        ];
        let said = parts.iter().filter_map(|(name, value)| Some((name, value.as_deref().filter(|it| !it.is_empty())?)));
        said.map(|(name, value)| format!("&{name}={}", percent(value))).collect()
    }
}

/// The round.
pub(super) async fn show(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Query(filter): Query<Filter>,
) -> ApiResult<Markup> {
    let view = read_round(&room, &who, id.clone(), None).await?;
    let list = ListQuery::page(filter.cursor.clone(), SHOWN);
    let which = filter.calls(&id);
    let calls = read_calls(&room, &who, &list, &which).await?;
    let lists: Vec<Escalation> =
        room.site.world.read(&who.actor, move |tx| tx.find("round = $1", "ORDER BY id", params![&id])).await?;
    let title = who.lang.pick("一轮叫应", "Call-out round");
    Ok(page(&room.site, &who, title, body(&room, &who, &view, &calls.items, calls.next.as_deref(), &filter, &lists)))
}

fn body(
    room: &Room,
    who: &Who,
    view: &RoundView,
    calls: &[CallView],
    next: Option<&str>,
    filter: &Filter,
    lists: &[Escalation],
) -> Markup {
    let (lang, site, round) = (who.lang, &room.site, &view.round);
    let (here, rest) = (to(site, "rounds", &round.id), filter.rest());
    html! {
        main {
            h1 { (level(round.level, lang)) " " (text::cause_words(round)) }
            p.soft {
                (round_state(round, lang)) " · " (clock(round.start_at)) (lang.pick(" 开始", " start"))
                @if let Some(at) = round.ended_at { " · " (clock(at)) (lang.pick(" 结束", " end")) }
                " · " (lang.pick("预案 ", "plan ")) (round.pack)
                " · " a href=(to(site, "processes", &round.process)) { (lang.pick("天气过程", "process")) }
            }
            (acts(who, round.state, &here))
            div.card id="counts" data-live="call. round." { (counts(site, &round.id, &view.counts, lang)) }
            (superiors(room, who, lists))
            div.card.scroll id="calls" data-live="call. round." {
                header { h2 { (filter_words(filter, who)) }
                    @if filter.state.is_some() || !rest.is_empty() { a.more href=(here) { (lang.pick("全部", "all")) } } }
                table {
                    @for it in calls { (line(room, who, it)) }
                }
                @if calls.is_empty() { p.soft { (lang.pick("无", "none")) } }
                @if let Some(next) = next {
                    @let state = filter.state.as_deref().map(|it| format!("&state={}", percent(it))).unwrap_or_default();
                    p { a href=(format!("{here}?cursor={}{state}{rest}", percent(next))) { (lang.pick("下一页", "next page")) } }
                }
            }
        }
    }
}

fn filter_words(filter: &Filter, who: &Who) -> String {
    let Some(names) = filter.state.as_deref() else { return who.lang.pick("名单", "Calls").to_owned() };
    let known = crate::model::CallState::FINAL
        .into_iter()
        .chain([crate::model::CallState::Calling, crate::model::CallState::Escalated]);
    let words: Vec<_> =
        known.filter(|it| names.split(',').any(|name| name == it.name())).map(|it| state(it, who.lang)).collect();
    words.join("、")
}

fn acts(who: &Who, round: RoundState, here: &str) -> Markup {
    let lang = who.lang;
    let going_on = matches!(round, RoundState::Pending | RoundState::Running);
    html! {
        @if going_on && who.may(Permission::RunRound) {
            div.row {
                @if round == RoundState::Pending {
                    form method="post" action=(format!("{here}/start")) { button.main type="submit" { (lang.pick("立即开始", "Start now")) } }
                }
                form method="post" action=(format!("{here}/stop")) { button.danger type="submit" { (lang.pick("停止本轮", "Stop this round")) } }
            }
        }
    }
}

/// 逐级叫应: which units' lists went one level up.
fn superiors(room: &Room, who: &Who, lists: &[Escalation]) -> Markup {
    let (lang, site) = (who.lang, &room.site);
    html! {
        @if !lists.is_empty() {
            div.card id="lists" data-live="escalation. call." {
                header { h2 { (lang.pick("逐级叫应", "One level up")) } }
                table {
                    @for it in lists {
                        tr {
                            td.num { (it.region) }
                            td { (list_words(it, who)) @if let Some(by) = &it.accepted_by { " " (by.trim_start_matches("user:")) } }
                            td.num { (clock(it.opened_at)) }
                            td {
                                @if matches!(it.state, EscalationState::Gathering | EscalationState::Calling) && who.may(Permission::RecordAnswer) {
                                    form method="post" action=(format!("{}/accept", to(site, "escalations", &it.id))) {
                                        button type="submit" { (lang.pick("接手", "Accept")) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn list_words(list: &Escalation, who: &Who) -> &'static str {
    let (zh, en) = match list.state {
        EscalationState::Gathering => ("汇总中", "gathering"),
        EscalationState::Calling => ("正在叫上级", "the superior is being called"),
        EscalationState::Accepted => ("已接手", "accepted by"),
        EscalationState::Failed => ("无人接手", "nobody took over"),
        EscalationState::Moot => ("已无须接手", "no longer needed"),
    };
    who.lang.pick(zh, en)
}

fn line(room: &Room, who: &Who, it: &CallView) -> Markup {
    let (lang, site, call) = (who.lang, &room.site, &it.call);
    html! {
        tr {
            td { a href=(to(site, "calls", &call.id)) { (it.name) } br; span.small.soft { (duties(it)) } }
            td {
                span.bad[call.state == crate::model::CallState::NotReached] { (state(call.state, lang)) }
                @if let Some(key) = call.key { " " span.tag { (lang.pick("按键 ", "key ")) (key) } }
                @if let Some(key) = call.late_key { " " span.tag { (lang.pick("事后按键 ", "late key ")) (key) } }
                @if let Some(at) = call.final_at { " " span.small.soft { (clock(at)) } }
                br; span.small.soft { (call.attempts) (lang.pick(" 次拨打", " attempts")) }
            }
            td { (number(site, it, call.open && who.may(Permission::Unmask), lang)) }
        }
    }
}

/// 立即开始.
pub(super) async fn start(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Redirect> {
    room.warn.start_now(&who.actor, &id).await?;
    Ok(Redirect::to(&to(&room.site, "rounds", &id)))
}

/// 停止.
pub(super) async fn stop(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Redirect> {
    room.warn.stop_round(&who.actor, &id).await?;
    Ok(Redirect::to(&to(&room.site, "rounds", &id)))
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct NoteForm {
    #[serde(default)]
    note: String,
}

/// 接手.
pub(super) async fn accept(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(form): Form<NoteForm>,
) -> ApiResult<Redirect> {
    let note = Some(form.note.trim().to_owned()).filter(|it| !it.is_empty());
    let list = room.warn.accept_list(&who.actor, &id, note).await?;
    Ok(Redirect::to(&to(&room.site, "rounds", &list.round)))
}
