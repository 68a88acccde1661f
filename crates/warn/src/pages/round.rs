//! A round: the list that goes to zero.

use anlan_kernel::{Lang, Permission};
use anlan_web::{ApiResult, Site, Who, asset, page, percent};
use axum::{
    extract::{Form, Path, Query, State},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    board::{self, address},
    parts::{clock, duties, invented, level, number, plays, round_state, round_times, state, to},
};
use crate::{
    api::{Board, BoardQuery, Counts, HelpView, Reason, Room, Transfers, UNREACHED, plays_of_process, read_board},
    directed,
    exercise::is_exercise,
    model::{CallState, EscalationState, Round, RoundState},
    transfer::Numbers,
};

/// The round.
pub(super) async fn show(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Query(query): Query<BoardQuery>,
) -> ApiResult<Response> {
    if is_exercise(&id) {
        return Ok(Redirect::to(&room.site.url(&format!("/tests/{}", percent(&id)))).into_response());
    }
    let board = read_board(&room, &who, &id, &query).await?;
    let heard = plays_of_process(&room, &who, &board.round.round.process).await?;
    let title = who.lang.pick("叫应", "Call-out round");
    let heard = plays(&room.site, who.lang, &heard);
    let list = directed::card(&room, &who, &id).await?;
    Ok(page(&room.site, &who, title, body(&room, &who, &board, &query, (&list, &heard))).into_response())
}

fn body(room: &Room, who: &Who, it: &Board, query: &BoardQuery, (list, heard): (&Markup, &Markup)) -> Markup {
    html! {
        link rel="stylesheet" href=(asset(&room.site, "round.css"));
        script type="module" src=(asset(&room.site, "round.js")) {}
        main.round data-round=(it.round.round.id) {
            (head(room, who, it))
            (counts(room, who.lang, it))
            div.sides {
                section {
                    (board::tiles(room, who, it, query))
                    (board::list(room, who, it, query))
                }
                aside {
                    (list)
                    (unreached(room, who, it))
                    (help(room, who, it))
                    (lists(room, who, it))
                    (transfers(who.lang, &it.transfers))
                    (heard)
                }
            }
            dialog id="sheet" aria-label=(who.lang.pick("号码", "Number")) {}
        }
    }
}

fn head(room: &Room, who: &Who, it: &Board) -> Markup {
    let (lang, site, round) = (who.lang, &room.site, &it.round.round);
    html! {
        div.head id="head" data-live="round." {
            div {
                h1 { (level(round.level, lang)) " " @if round.is_directed() { span.tag { (lang.pick("定向叫应", "directed")) } " " } (round.cause) (invented(round.invented, lang)) }
                p.small.soft {
                    (round_state(round, lang)) " · " (round_times(round, lang)) " · " (started_words(it, lang)) " · " (lang.pick("名义 ", "for ")) (who.actor.hat.as_deref().unwrap_or(&site.speaker))
                    " · " a href=(to(site, "processes", &round.process)) { (lang.pick("天气过程", "process")) }
                }
            }
            (acts(room, who, round))
        }
    }
}

fn started_words(it: &Board, lang: Lang) -> String {
    let round = &it.round.round;
    match (round.state, round.decided_by.as_deref().map(|by| it.name(by))) {
        (RoundState::Stopped, Some(by)) => format!("{} {by}", lang.pick("停止人", "stopped by")),
        (_, Some(by)) => format!("{} {by}", lang.pick("人工开始", "started by")),
        (_, None) => lang.pick("预案授权自动开始", "pre-authorised by the plan").to_owned(),
    }
}

fn acts(room: &Room, who: &Who, round: &Round) -> Markup {
    let (lang, here) = (who.lang, to(&room.site, "rounds", &round.id));
    let may = who.may(Permission::RunRound);
    html! {
        div.acts {
            @if round.state == RoundState::Pending {
                span.countdown role="timer" { (lang.pick("自动开始还有 ", "starts by itself in "))
                    b.num data-until=(round.start_at.0 / 1_000) { (clock(round.start_at)) } }
                @if may { form method="post" action=(format!("{here}/start")) { button.main type="submit" { (lang.pick("立即开始", "Start now")) } } }
            }
            @if may && matches!(round.state, RoundState::Pending | RoundState::Running) {
                (stop_form(room, round, lang))
            }
            @if may && round.state == RoundState::Stopped { (resume_form(room, round, lang)) }
            @if who.may(Permission::Unmask) {
                form method="post" action=(format!("{here}/door-list")) { button type="submit" { (lang.pick("上门名单", "Door list")) } }
            }
        }
    }
}

/// 停止 of a round that waits or calls.
pub(super) fn stop_form(room: &Room, round: &Round, lang: Lang) -> Markup {
    let asked = lang.pick(
        "停止本轮叫应？还没有结果的人都不再叫。",
        "Stop this round? Nobody without an outcome is called any more.",
    );
    html! {
        form.row method="post" action=(format!("{}/stop", to(&room.site, "rounds", &round.id))) data-confirm=(asked) {
            label { (lang.pick("停止理由", "Why it stops")) input name="reason" maxlength="500" required placeholder=(lang.pick("街道也看得到，不写个人情况", "streets read it too: nothing personal")); }
            button.danger type="submit" { (lang.pick("停止本轮", "Stop this round")) }
        }
    }
}

/// 恢复叫应 of a stopped round.
pub(super) fn resume_form(room: &Room, round: &Round, lang: Lang) -> Markup {
    html! {
        form.row method="post" action=(format!("{}/resume", to(&room.site, "rounds", &round.id))) {
            label { (lang.pick("恢复理由", "Why it goes on")) input name="reason" maxlength="500" required; }
            button type="submit" { (lang.pick("恢复叫应", "Call on")) }
        }
    }
}

/// Every count; open ones and the eight final states make 应叫.
fn counts(room: &Room, lang: Lang, it: &Board) -> Markup {
    let (round, counts) = (&it.round.round, &it.round.counts);
    let link =
        |states: &str| address(&room.site, &round.id, &BoardQuery { state: states.into(), ..BoardQuery::default() });
    html! {
        div.figures id="figures" data-live="call. round." {
            a.figure href=(to(&room.site, "rounds", &round.id)) { b.num { (counts.called) } span { (lang.pick("应叫", "called")) } }
            a.figure.wait href=(link("calling,escalated")) { b.num { (counts.open) } span { (lang.pick("叫应中", "open")) } }
            @for it in CallState::FINAL {
                a class=(format!("figure {}", if counts.of(it) > 0 { tone(it) } else { "none" })) href=(link(it.name())) { b.num { (counts.of(it)) } span { (state(it, lang)) } }
            }
            (bar(counts, lang))
        }
    }
}

/// Which colour a state has: done, open, or somebody has to look for them.
fn tone(state: CallState) -> &'static str {
    match state {
        CallState::NotReached | CallState::NoContact => "miss",
        CallState::Cancelled => "off",
        CallState::Calling | CallState::Escalated => "wait",
        _ => "ok",
    }
}

/// The counts as a bar; widths are the counts themselves.
fn bar(counts: &Counts, lang: Lang) -> Markup {
    let mut at = 0;
    let mut parts = Vec::new();
    let all = CallState::FINAL.iter().map(|it| (tone(*it), counts.of(*it))).chain([("wait", counts.open)]);
    for (tone, count) in all {
        if count > 0 {
            parts.push((tone, at, count));
            at += count;
        }
    }
    html! {
        svg.bar viewBox=(format!("0 0 {} 10", counts.called.max(1))) preserveAspectRatio="none" role="img" aria-label=(lang.pick("各状态占比", "share of each state")) {
            @for (tone, x, width) in parts { rect class=(tone) x=(x) y="0" width=(width) height="10" {} }
        }
    }
}

/// Whom somebody has to look for now: the first few, and the way to all of them.
fn unreached(room: &Room, who: &Who, it: &Board) -> Markup {
    let (lang, counts, round) = (who.lang, &it.round.counts, &it.round.round);
    let all = BoardQuery { state: UNREACHED.into(), ..BoardQuery::default() };
    let parts = [
        (CallState::NotReached, counts.of(CallState::NotReached)),
        (CallState::Escalated, counts.escalated),
        (CallState::NoContact, counts.of(CallState::NoContact)),
    ];
    html! {
        div.card id="unreached" data-live="call. round." {
            header { h2.bad[counts.missing() > 0] { (lang.pick("要找的人 ", "to be looked for: ")) span.num { (counts.missing()) } }
                a.more href=(address(&room.site, &round.id, &all)) { (lang.pick("逐人处理 ›", "one by one ›")) } }
            p.small.soft { @for (of, count) in parts {
                @let only = BoardQuery { state: of.name().into(), ..BoardQuery::default() };
                a href=(address(&room.site, &round.id, &only)) { (state(of, lang)) " " span.num { (count) } } " "
            } }
        }
    }
}

fn help(room: &Room, who: &Who, board: &Board) -> Markup {
    let (lang, site, asked) = (who.lang, &room.site, &board.help);
    let open = asked.iter().filter(|it| it.help.taken_at.is_none()).count();
    html! {
        div.card id="help" data-live="help. call. escalation." {
            header { h2 { (lang.pick("有险情、需支援 ", "needs support: ")) span.num { (open) } } }
            @for it in asked {
                div.ask data-alarm=[it.help.taken_at.is_none().then_some(&it.help.id)] {
                    (asker(room, who, it))
                    @match (&it.help.taken_by, it.help.taken_at) {
                        (Some(by), Some(at)) => p.small.done { (lang.pick("已接手 ", "taken by ")) (board.name(by)) " " (clock(at)) " · " (outcome(site, it, lang)) },
                        _ if who.may(Permission::RecordAnswer) => form method="post" action=(format!("{}/take", to(site, "help", &it.help.id))) {
                            button.main type="submit" { (lang.pick("我来处理", "I take it")) } },
                        _ => {}
                    }
                }
            }
            @if asked.is_empty() { p.soft { (lang.pick("无", "none")) } }
        }
    }
}

/// What came of it, or where to write that.
fn outcome(site: &Site, it: &HelpView, lang: Lang) -> Markup {
    let words = match &it.help.outcome {
        Some(words) => words.as_str(),
        None if it.help.ended_at.is_some() => lang.pick("已有结果", "dealt with"),
        None => lang.pick("写结果", "write the outcome"),
    };
    html! { a href=(format!("{}/outcome", to(site, "help", &it.help.id))) { (words) } }
}

/// Who asked, and the number to ring back.
fn asker(room: &Room, who: &Who, it: &HelpView) -> Markup {
    let (lang, site) = (who.lang, &room.site);
    html! {
        p {
            b { @match (&it.superior, &it.call) {
                (Some(superior), _) => (superior.name),
                (None, Some(call)) => (call.name),
                (None, None) => (it.help.region),
            } } " "
            span.small.soft {
                @match (&it.superior, &it.call) {
                    (Some(superior), _) => { (superior.organisation) " " (lang.pick("接手名单时报", "while taking a list over")) " · " },
                    (None, Some(call)) => { (duties(call)) " · " },
                    (None, None) => {}
                }
                (clock(it.help.asked_at)) (lang.pick(" 按 3", " key 3"))
            }
        }
        @match (&it.call, &it.superior) {
            (Some(call), _) => (number(site, call, who.may(Permission::Unmask), lang)),
            (None, Some(superior)) => p.small {
                @if let Some(number) = superior.numbers.first() { span.num { (number) } " " }
                a href=(to(site, "escalations", it.help.call())) { (lang.pick("名单", "the list")) }
            },
            (None, None) => {}
        }
    }
}

/// 逐级叫应: which units' lists went one level up, who has them, who accepted.
fn lists(room: &Room, who: &Who, it: &Board) -> Markup {
    let (lang, site) = (who.lang, &room.site);
    html! {
        div.card id="lists" data-live="escalation. call." {
            header { h2 { (lang.pick("逐级叫应", "One level up")) } }
            @for it in &it.lists {
                div.ask {
                    p { a href=(to(site, "escalations", &it.list.id)) { b { (it.unit) } } " "
                        (list_words(it.list.state, lang)) " " b { (it.superior.as_deref().unwrap_or_default()) } }
                    p.small.soft { (clock(it.list.opened_at)) " · " (lang.pick("名单 ", "list of ")) (it.people)
                        (lang.pick(" 人，未有结果 ", ", open ")) (it.open) }
                }
            }
            @if it.lists.is_empty() { p.soft { (lang.pick("无", "none")) } }
        }
    }
}

pub(super) fn list_words(state: EscalationState, lang: Lang) -> &'static str {
    let (zh, en) = match state {
        EscalationState::Gathering => ("汇总中", "gathering"),
        EscalationState::Calling => ("正在叫", "calling"),
        EscalationState::Accepted => ("已接手", "accepted by"),
        EscalationState::Failed => ("无人接手", "nobody took over"),
        EscalationState::Moot => ("已无须接手", "no longer needed"),
    };
    lang.pick(zh, en)
}

/// 转移人数 per street; sums are computed from what the places reported.
fn transfers(lang: Lang, it: &Transfers) -> Markup {
    let cells = |numbers: Numbers| html! { @for count in numbers.all() { td.num { (count) } } };
    html! {
        div.card.scroll id="transfers" data-live="transfer." {
            header { h2 { (lang.pick("转移人数", "Transfer")) }
                span.small.soft { (it.items.len()) (lang.pick(" 处已报", " places reported")) } }
            @if !it.items.is_empty() {
                table.tight {
                    thead { tr { th { (lang.pick("地方", "Place")) } @for (_, zh, en) in Numbers::FIELDS { th.num { (lang.pick(zh, en)) } } } }
                    @for it in &it.streets { tr { td { (it.name) " " span.small.soft { (it.places) } } (cells(it.sum)) } }
                    tr.total { td { (lang.pick("合计", "in all")) } (cells(it.sum)) }
                }
                @if !it.left_out.is_empty() {
                    p.small.soft { (it.left_out.len()) (lang.pick(" 处街道（区）自报数未计入：其下社区已分别上报", " figures of streets or the district are left out: places in them reported")) }
                }
            }
        }
    }
}

/// 立即开始.
pub(super) async fn start(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Redirect> {
    room.warn.start_now(&who.actor, &id).await?;
    Ok(Redirect::to(&to(&room.site, "rounds", &id)))
}

/// 停止.
pub(super) async fn stop(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(form): Form<Reason>,
) -> ApiResult<Redirect> {
    room.warn.stop_round(&who.actor, &id, &form.reason).await?;
    Ok(Redirect::to(&to(&room.site, "rounds", &id)))
}

/// 恢复叫应: leads to the round that begins.
pub(super) async fn resume(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(form): Form<Reason>,
) -> ApiResult<Redirect> {
    let round = room.warn.resume_round(&who.actor, &id, &form.reason).await?;
    Ok(Redirect::to(&to(&room.site, "rounds", &round.id)))
}

/// Where a form on the page of a round leads back to; only to a round of this world.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Back {
    #[serde(default)]
    pub next: String,
}

impl Back {
    /// The address given, or `otherwise`.
    pub fn or(&self, room: &Room, otherwise: String) -> String {
        let plain = !self.next.contains("//") && !self.next.contains('\\') && self.next.is_ascii();
        let own = self.next.starts_with(&room.site.url("/rounds/"));
        if plain && own { self.next.clone() } else { otherwise }
    }
}

/// The address of a page of this round as a form's `next`.
pub(super) fn back(here: &str) -> Markup {
    html! { input type="hidden" name="next" value=(here); }
}

/// `?…` of what is looked for, without what is empty.
pub(super) fn query_words(query: &BoardQuery) -> String {
    let page = if query.page() > 1 { query.page().to_string() } else { String::new() };
    let pairs = [
        ("state", &query.state),
        ("region", &query.region),
        ("who", &query.who),
        ("q", &query.q),
        ("sort", &query.sort),
        ("page", &page),
    ];
    let given: Vec<_> = pairs
        .into_iter()
        .chain(query.figure.pairs())
        .filter(|it| !it.1.is_empty())
        .map(|(key, it)| format!("{key}={}", percent(it)))
        .collect();
    if given.is_empty() { String::new() } else { format!("?{}", given.join("&")) }
}
