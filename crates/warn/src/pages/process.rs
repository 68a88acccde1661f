//! A weather process (天气过程): what somebody must decide, its rounds, its readings, one timeline.

use std::collections::BTreeMap;

use anlan_kernel::Permission;
use anlan_web::{ApiResult, Who, page, percent};
use axum::{
    extract::{Form, Path, Query, State},
    response::Redirect,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    parts::{clock, counts, hazard, level, round_state, round_times, round_title, to},
    round::{resume_form, stop_form},
    strip::{self, Charts},
    timeline as lines_of,
};
use crate::{
    api::{LineQuery, ListQuery, ProcessView, Room, account_names, page_of, read_process},
    effect::timeline::{self, Line},
    model::{Round, RoundState},
    words::STAND_DOWN_NOTE,
};

/// Lines on one page.
const SHOWN: usize = 60;

/// Requests for help that stand on top at most.
const HELP: usize = 3;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Filter {
    kind: Option<String>,
    cursor: Option<String>,
}

/// The process.
pub(super) async fn show(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Query(filter): Query<Filter>,
) -> ApiResult<Markup> {
    let view = read_process(&room, &who, id).await?;
    let charts = strip::read(&room, &who, &view.process).await?;
    let all = timeline::read(&room.site.world, &who.actor, &view).await?;
    let (kinds, decide) = (lines_of::kinds(&all), decide(&room, &who, &view, &all));
    let list = ListQuery::page(filter.cursor.clone(), SHOWN);
    let shown = page_of(&room, &who, all, &list, &LineQuery { kind: filter.kind.clone() }).await?;
    let (site, lang, kind) = (&room.site, who.lang, filter.kind.as_deref());
    let told = lines_of::render(site, lang, &view, &kinds, kind, &shown.items, shown.next.as_deref());
    let title = format!("{} {}", hazard(&view.process.hazard, lang), lang.pick("过程", "process"));
    let ended = ended_by(&view, &account_names(&room).await?, lang);
    let drawn = Drawn { title, decide, charts, told, ended };
    Ok(page(site, &who, &drawn.title, body(&room, &who, &view, &drawn)))
}

/// Parts of the page, drawn.
struct Drawn {
    title: String,
    decide: Markup,
    charts: Charts,
    told: Markup,
    ended: String,
}

fn body(room: &Room, who: &Who, view: &ProcessView, drawn: &Drawn) -> Markup {
    let (lang, site, process) = (who.lang, &room.site, &view.process);
    let Drawn { title, decide, charts, told, ended } = drawn;
    let paper = |name: &str| format!("{}/{name}", to(site, "processes", &process.id));
    html! {
        main {
            div.row {
                h1 { (title) " " @if let Some(it) = process.level { (level(it, lang)) } }
                span.soft {
                    (clock(process.opened_at)) (lang.pick(" 起", " on")) " · "
                    @match process.ended_at {
                        Some(at) => { (lang.pick("已结束 ", "over ")) (clock(at)) " " (ended) },
                        None => (lang.pick("进行中", "open")),
                    }
                }
                span.end.row {
                    @if !process.is_directed() { a.button href=(format!("{}?process={}", site.url("/notices"), percent(&process.id))) { (lang.pick("风险提示单", "Risk notices")) } }
                    @if who.actor.name.starts_with("user:") {
                        a href=(paper(&format!("evidence/{}", percent(&who.actor.name)))) { (lang.pick("我的尽职记录", "My record of duty")) }
                    }
                    a.button href=(site.url(&format!("/map?process={}", percent(&process.id)))) { (lang.pick("态势图", "Situation map")) }
                    a.button href=(paper("effect")) { (lang.pick("叫应效能分析", "Effect")) }
                    a.button href=(paper("summary")) { (lang.pick("过程总结", "Summary")) }
                }
            }
            (decide)
            div.process {
                div { (told) }
                div {
                    div id="rounds" data-live="round. call. process." {
                        @for it in &view.rounds {
                            div.card {
                                header { (round_title(site, &it.round, lang)) span.small.soft { (round_state(&it.round, lang)) " " (round_times(&it.round, lang)) } }
                                (counts(site, |states| format!("/rounds/{}?state={states}", percent(&it.round.id)), &it.counts, lang))
                                @if process.open && it.round.state == RoundState::Stopped && who.may(Permission::RunRound) { (resume_form(room, &it.round, lang)) }
                            }
                        }
                    }
                    (charts.render(lang))
                    @if process.open && who.may(Permission::RunRound) { (raise_form(site, view, lang)) }
                }
            }
        }
    }
}

fn ended_by(view: &ProcessView, names: &BTreeMap<String, String>, lang: anlan_kernel::Lang) -> String {
    let by = view.process.ended_by.as_deref().unwrap_or_default();
    let login = by.trim_start_matches("user:");
    match names.get(login) {
        Some(name) => name.clone(),
        None if by.starts_with("system:") => lang.pick("（系统）", "(by itself)").to_owned(),
        None => login.to_owned(),
    }
}

/// What waits for somebody, the most urgent first, each with its button.
fn decide(room: &Room, who: &Who, view: &ProcessView, lines: &[Line]) -> Markup {
    let (lang, site, process) = (who.lang, &room.site, &view.process);
    let runs = who.may(Permission::RunRound);
    let asked = lines.iter().filter(|it| it.event == "help.asked");
    let taken = |id: &str| lines.iter().any(|it| it.event == "help.taken" && it.subject == id);
    let mut help: Vec<_> = asked.filter(|it| !taken(&it.subject)).collect();
    // Who has waited longest is helped first.
    help.reverse();
    let pending: Vec<_> = view.rounds.iter().filter(|it| it.round.state == RoundState::Pending).collect();
    let unsigned = timeline::unsigned(lines);
    let down = process.stand_down_proposed && process.open;
    html! {
        section.decide id="decide" data-live="round. process. help. notice. call." {
            @if !help.is_empty() { (help_card(room, who, view, &help)) }
            @for it in &pending { (pending_round(room, &it.round, runs, lang)) }
            @if down { (stand_down_form(site, view, runs, lang)) }
            @for it in &unsigned {
                div.card {
                    p { b { (lang.pick("待签发：", "To be signed: ")) } (it.words.get(lang)) " " span.small.soft { (clock(it.at)) } }
                    @if let Some(opens) = &it.opens { p { a.button href=(site.url(opens)) { (lang.pick("去签发", "Open to sign")) } } }
                }
            }
        }
    }
}

/// One card however many ask; the timeline lists them all.
fn help_card(room: &Room, who: &Who, view: &ProcessView, help: &[&Line]) -> Markup {
    let (lang, site) = (who.lang, &room.site);
    let rest = help.len().saturating_sub(HELP);
    html! {
        div.card data-alarm=(help[0].subject) {
            p.lead { (lang.pick("有险情、需支援，尚无人接手 ", "Danger, support needed, nobody took it: ")) b.num { (help.len()) } }
            @for it in help.iter().take(HELP) {
                div.row {
                    (clock(it.at))
                    @if let Some(opens) = &it.opens { a href=(site.url(opens)) { (lang.pick("看是谁", "who it is")) } }
                    @if who.may(Permission::RecordAnswer) {
                        form method="post" action=(format!("{}/take", to(site, "help", &it.subject))) { button.main type="submit" { (lang.pick("我来处理", "I take it")) } }
                    }
                }
            }
            @if rest > 0 {
                p.small { a href=(format!("{}?kind=call", to(site, "processes", &view.process.id))) { (lang.pick("其余 ", "the others: ")) (rest) } }
            }
        }
    }
}

fn pending_round(room: &Room, round: &Round, runs: bool, lang: anlan_kernel::Lang) -> Markup {
    let here = to(&room.site, "rounds", &round.id);
    html! {
        div.card {
            p.lead { (level(round.level, lang)) " " (lang.pick("将于", "starts at")) " " b { (clock(round.start_at)) } " "
                (lang.pick("自动开始叫应（预案已授权），除非停止", "by itself (pre-authorised), unless stopped")) }
            p.small.soft { (round.cause) }
            @if runs {
                div.row {
                    (stop_form(room, round, lang))
                    form method="post" action=(format!("{here}/start")) { button type="submit" { (lang.pick("立即开始", "Start now")) } }
                }
            }
        }
    }
}

fn stand_down_form(site: &anlan_web::Site, view: &ProcessView, runs: bool, lang: anlan_kernel::Lang) -> Markup {
    html! {
        form.card method="post" action=(format!("{}/stand-down", to(site, "processes", &view.process.id))) {
            p.lead { (lang.pick("信号已降级、解除或告警已平息：请决定是否解除叫应。", "A signal fell or was lifted: decide whether to stand down.")) }
            p.small.soft { (lang.pick("响应和管控措施不会自动解除。", "Nothing is lifted by itself.")) }
            @if runs {
                label { (note_label(lang))
                    textarea name="note" rows="2" maxlength="500" {} }
                p { button.main type="submit" { (lang.pick("解除叫应", "Stand down")) } }
            }
        }
    }
}

fn note_label(lang: anlan_kernel::Lang) -> String {
    match lang {
        anlan_kernel::Lang::Zh => format!("解除说明（署名，随短信发给同一份名单，短信取前 {STAND_DOWN_NOTE} 字）"),
        anlan_kernel::Lang::En => {
            format!("Words (signed; sent to exactly the same list, the first {STAND_DOWN_NOTE} characters by message)")
        }
    }
}

/// Raising, and standing down before anybody proposed it: away from the biggest buttons.
fn raise_form(site: &anlan_web::Site, view: &ProcessView, lang: anlan_kernel::Lang) -> Markup {
    let process = &view.process;
    let act = |verb: &str| format!("{}/{verb}", to(site, "processes", &process.id));
    html! {
        details.card {
            summary { (lang.pick("提级、解除", "Raise, stand down")) }
            @if !process.is_directed() { form method="post" action=(act("raise")) {
                label { (lang.pick("提至叫应级别", "Raise to level"))
                    select name="level" { @for it in 1..process.level.unwrap_or(5) { option value=(it) { (it) } } } }
                p { button type="submit" disabled[process.level == Some(1)] { (lang.pick("提级", "Raise")) } }
            } }
            @if !process.stand_down_proposed {
                form method="post" action=(act("stand-down")) {
                    label { (note_label(lang))
                        textarea name="note" rows="2" maxlength="500" {} }
                    p { button.danger type="submit" { (lang.pick("解除叫应", "Stand down")) } }
                }
            }
        }
    }
}

#[derive(Deserialize)]
pub(super) struct RaiseForm {
    level: u8,
}

/// 提级.
pub(super) async fn raise(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(form): Form<RaiseForm>,
) -> ApiResult<Redirect> {
    room.warn.raise(&who.actor, &id, form.level).await?;
    Ok(Redirect::to(&to(&room.site, "processes", &id)))
}

#[derive(Deserialize)]
pub(super) struct NoteForm {
    #[serde(default)]
    note: String,
}

/// 解除叫应.
pub(super) async fn stand_down(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(form): Form<NoteForm>,
) -> ApiResult<Redirect> {
    room.warn.stand_down(&who.actor, &id, &form.note).await?;
    Ok(Redirect::to(&to(&room.site, "processes", &id)))
}
