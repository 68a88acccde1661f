//! Responses on the screen: the sequence, and one key to decide; it fits a telephone.

use anlan_kernel::{Grade, Lang, Permission as P};
use anlan_register::export::xlsx;
use anlan_register::leader_names;
use anlan_store::{StoreError, Tx};
use anlan_warn::pages::parts::{clock, invented, to};
use anlan_web::{
    Access, ApiError, ApiResult, Mounted, Routes, Who,
    list::{Asked, Asking, Column, Condition, Filter, Found, Kind, List, Part, SHEET, View, pattern, workbook},
    page, percent,
};
use axum::{
    extract::{Form, Path, State},
    response::{Redirect, Response as Answer},
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Response, State as Standing, Step, StepState,
    api::{Reason, Yes},
    flow::Decide,
};
use crate::{Room, service::Names};

pub(super) fn routes(room: Room) -> Mounted {
    let (see, run, approve) =
        (Access::Needs(P::SeeDesk), Access::Needs(P::RunRound), Access::Needs(P::ApproveResponse));
    let record = Access::Needs(P::HandleSignal);
    Routes::new(&room.site)
        .get("/responses", see, "应急响应", "Responses", list)
        .get("/responses/export.xlsx", see, "导出应急响应", "Export responses", export)
        .post("/responses", run, "建议响应级别", "Propose a level", propose)
        .get("/responses/{id}", see, "一次应急响应", "A response", show)
        .post("/responses/{id}/grade", run, "判定事件等级", "Judge the event's grade", grade)
        .post("/response-steps/{id}/approve", approve, "签批", "Approve", approve_step)
        .post("/response-steps/{id}/decline", approve, "不同意", "Decline", decline)
        .post("/response-steps/{id}/verbal", record, "登记电话口头同意", "Record a verbal yes", verbal)
        .post("/response-steps/{id}/sign", approve, "补签", "Sign a verbal yes", sign)
        .finish(room)
}

static LIST: List = List {
    path: "/responses",
    columns: &[
        Column { key: "title", words: ("响应", "Response"), order: "title" },
        Column { key: "level", words: ("响应级别", "Level"), order: "COALESCE(level, 9)" },
        Column { key: "opened", words: ("建议", "Proposed"), order: "opened_at" },
        // What still runs ends last.
        Column { key: "ended", words: ("结束", "Over"), order: "COALESCE(ended_at, 9223372036854775807)" },
    ],
    filters: &[
        Filter {
            name: "state",
            words: ("全部状态", "every state"),
            kind: Kind::Choice(&[
                ("proposed", "待签批", "proposed"),
                ("running", "启动中", "running"),
                ("ended", "已终止", "ended"),
                ("declined", "未启动", "declined"),
            ]),
        },
        Filter { name: "q", words: ("响应名称", "response"), kind: Kind::Text },
    ],
    order: "-opened",
};

async fn read_list(room: &Room, who: &Who, asked: &Asked, part: Part) -> ApiResult<Found<Response>> {
    let asked = asked.clone();
    let read = room.site.world.read(&who.actor, move |tx| {
        let mut by = Condition::default();
        if !asked.get("state").is_empty() {
            by.and("state = ?", asked.get("state"));
        }
        if !asked.get("q").is_empty() {
            by.and("LOWER(title) LIKE ? ESCAPE '!'", pattern(asked.get("q")));
        }
        asked.find(tx, by, part)
    });
    Ok(read.await?)
}

async fn list(State(room): State<Room>, who: Who, asking: Asking) -> ApiResult<Markup> {
    let (lang, asked) = (who.lang, LIST.asked(&asking));
    let found = read_list(&room, &who, &asked, Part::Page).await?;
    let view = View {
        id: "responses",
        live: "response.",
        found: &found,
        options: &[],
        rows: html! { @for it in &found.items { (row(&room, it, lang)) } },
        export: true,
    };
    let title = lang.pick("应急响应", "Responses");
    let body = html! {
        main {
            h1 { (title) }
            (asked.show(&room.site, lang, view))
            @if who.may(P::RunRound) { (by_hand(&room, lang)) }
        }
    };
    Ok(page(&room.site, &who, title, body))
}

fn row(room: &Room, it: &Response, lang: Lang) -> Markup {
    html! {
        tr {
            td { a href=(to(&room.site, "responses", &it.id)) { b { (it.words(lang)) } } (invented(it.invented, lang)) }
            td { (level(it)) }
            td.num { (&it.opened_at.wall()[..16]) }
            td.num { @if let Some(at) = it.ended_at { (&at.wall()[5..16]) } }
        }
    }
}

fn level(it: &Response) -> &'static str {
    it.level.and_then(Grade::new).map_or("", Grade::numeral)
}

async fn export(State(room): State<Room>, who: Who, asking: Asking) -> ApiResult<Answer> {
    let (lang, asked) = (who.lang, LIST.asked(&asking));
    let found = read_list(&room, &who, &asked, Part::Sheet(SHEET)).await?;
    let table = asked.sheet(lang, &found, |it| {
        let ended = it.ended_at.map(|at| at.wall()).unwrap_or_default();
        vec![it.words(lang), level(it).to_owned(), it.opened_at.wall(), ended]
    });
    Ok(workbook("responses", xlsx(&table)?))
}

fn by_hand(room: &Room, lang: Lang) -> Markup {
    html! {
        form.card method="post" action=(room.site.url("/responses")) {
            header { h2 { (lang.pick("提出建议", "Propose")) } }
            div.row {
                select name="plan" aria-label=(lang.pick("响应", "response")) { @for it in &room.command.plan().responses { option value=(it.id) { (it.title.get(lang)) } } }
                select name="level" aria-label=(lang.pick("响应级别", "level")) {
                    @for level in 1..=4 { option value=(level) { (Grade::new(level).map_or("", Grade::numeral)) (lang.pick(" 级", "")) } }
                    option value="" { (lang.pick("终止", "end")) }
                }
            }
            label { (lang.pick("事由", "Why")) input name="words" required maxlength="500"; }
            p { button type="submit" { (lang.pick("提出建议", "Propose")) } }
        }
    }
}

async fn show(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Markup> {
    let (response, steps) = room.command.response(&who.actor, &id).await?.ok_or_else(ApiError::not_found)?;
    let title = response.words(who.lang);
    let around = around(&room, &who, &response, &steps).await?;
    Ok(page(&room.site, &who, &title, body(&room, &who, &response, &steps, &around)))
}

/// What a page shows beside the response.
struct Around {
    names: Names,
    /// Who may have said yes on the telephone.
    approvers: Vec<String>,
}

async fn around(room: &Room, who: &Who, response: &Response, steps: &[Step]) -> ApiResult<Around> {
    let actors = steps.iter().flat_map(|it| [&it.decided_by, &it.signed_by]).flatten().cloned();
    let (actors, region) = (actors.collect::<Vec<String>>(), response.region.clone());
    let (command, named) = (room.command.clone(), who.may(P::SeePeople) && who.may(P::HandleSignal));
    let read = move |tx: &mut Tx<'_>| {
        let approvers = if named { leader_names(tx, &region, command.plan().approval.approvers)? } else { Vec::new() };
        Ok::<_, StoreError>(Around { names: Names::read(tx, actors.iter().map(String::as_str))?, approvers })
    };
    Ok(room.site.world.read(&who.actor, read).await?)
}

fn body(room: &Room, who: &Who, response: &Response, steps: &[Step], around: &Around) -> Markup {
    let lang = who.lang;
    html! {
        main.narrow.wide id="response" data-live="response." {
            h1 { (response.words(lang)) (invented(response.invented, lang)) }
            dl.card.fields {
                dt { (lang.pick("响应级别", "Response level")) } dd { b { (numeral(response.level)) } }
                dt { (lang.pick("事件等级", "Event grade")) } dd { (numeral(response.event_grade)) }
                dt { (lang.pick("预警级别", "Warning level")) } dd { (steps.iter().rev().find_map(|it| it.warning).map_or("—", |it| lang.pick(it.zh(), it.name()))) }
            }
            @for it in steps.iter().rev() { (step(room, who, it, around)) }
            @if who.may(P::RunRound) && response.state == Standing::Running { (judge(room, lang, response)) }
            @if let Some(process) = &response.process { p { a href=(to(&room.site, "processes", process)) { (lang.pick("天气过程", "Weather process")) } } }
            p { a href=(room.site.url("/")) { (lang.pick("回到值班台", "Back to the desk")) } }
        }
    }
}

fn numeral(level: Option<u8>) -> &'static str {
    level.and_then(Grade::new).map_or("—", Grade::numeral)
}

fn judge(room: &Room, lang: Lang, response: &Response) -> Markup {
    let words = [("特别重大", "gravest"), ("重大", "grave"), ("较大", "larger"), ("一般", "ordinary")];
    html! {
        form.card method="post" action=(format!("{}/grade", to(&room.site, "responses", &response.id))) {
            header { h2 { (lang.pick("事件等级（人工判定）", "Grade of the event, judged by a person")) } }
            p.row {
                select name="grade" aria-label=(lang.pick("事件等级", "grade")) {
                    option value="" { (lang.pick("未判定", "not judged")) }
                    @for (i, (zh, en)) in words.iter().enumerate() { option value=(i + 1) selected[response.event_grade == u8::try_from(i + 1).ok()] { (lang.pick(zh, en)) } }
                }
                button type="submit" { (lang.pick("判定", "Judge")) }
            }
        }
    }
}

fn step(room: &Room, who: &Who, step: &Step, around: &Around) -> Markup {
    let (lang, named) = (who.lang, who.may(P::SeePeople));
    html! {
        div.card {
            header { h2 { (step.words().get(lang)) } span.soft.small { (clock(step.proposed_at)) }
                (invented(step.invented, lang)) }
            p { (step.cause) }
            p.small.soft { (lang.pick("依据 ", "by ")) (step.basis) " · " (lang.pick("业务包 ", "pack ")) (step.pack.rsplit('@').next().unwrap_or_default()) }
            @match step.state {
                StepState::Open => (open(room, who, step, &around.approvers)),
                StepState::Superseded => p.small.soft { (lang.pick("已由后来的建议取代", "a later proposal took its place")) },
                StepState::Approved | StepState::Declined => {
                    p { b { (step.decision_words().get(lang)) }
                        " " @if let Some(at) = step.decided_at { (clock(at)) }
                        " " (around.names.of(step.decided_by.as_deref().unwrap_or_default())) (if step.verbal { lang.pick(" 登记", " recorded it") } else { "" })
                        @if let Some(name) = step.approver.as_ref().filter(|_| named) { " · " (lang.pick("同意人 ", "said yes: ")) (name) }
                        @if let Some(number) = &step.approver_number { " " span.num { (anlan_register::phone::masked(number)) } }
                        @if let Some(note) = step.note.as_ref().filter(|_| named) { " · " (note) } }
                    @if step.verbal { (signature(room, who, step, &around.names)) }
                },
            }
        }
    }
}

/// One key on a phone.
fn open(room: &Room, who: &Who, step: &Step, approvers: &[String]) -> Markup {
    let lang = who.lang;
    let at = |verb: &str| room.site.url(&format!("/response-steps/{}/{verb}", percent(&step.id)));
    html! {
        @if who.may(P::ApproveResponse) {
            form method="post" action=(at("approve")) {
                button.main.wide type="submit" data-key="y" { (lang.pick("同意", "Approve")) " " kbd { "Y" } }
            }
            form.row method="post" action=(at("decline")) {
                input name="note" maxlength="500" placeholder=(lang.pick("理由", "reason")) aria-label=(lang.pick("理由", "reason"));
                button.danger type="submit" { (lang.pick("不同意", "Decline")) }
            }
        }
        @if who.may(P::HandleSignal) {
            details {
                summary data-key="v" { (lang.pick("领导电话口头同意", "A verbal yes by telephone")) " " kbd { "V" } }
                form method="post" action=(at("verbal")) {
                    label { (lang.pick("谁同意", "Who said yes")) input name="approver" list="approvers" required maxlength="60" autocomplete="off"; }
                    datalist id="approvers" { @for it in approvers { option value=(it) {} } }
                    label { (lang.pick("号码", "Number")) input name="number" inputmode="tel" maxlength="40" pattern="[0-9０-９+＋\\(\\)（）—－ \\-]{3,}" title=(lang.pick("数字，可带 +、-、括号和空格", "digits, with +, -, brackets and blanks")); }
                    p { button.main type="submit" { (lang.pick("登记，立即启动", "Record; it holds at once")) } }
                    p.small.soft { (lang.pick("24 小时内补签", "to be signed within 24 hours")) }
                }
            }
        }
    }
}

fn signature(room: &Room, who: &Who, step: &Step, names: &Names) -> Markup {
    let lang = who.lang;
    html! {
        @match (step.signed_at, step.sign_due_at) {
            (Some(at), _) => p.done.small { (lang.pick("已补签 ", "signed ")) (clock(at)) " " (names.of(step.signed_by.as_deref().unwrap_or_default())) },
            (None, Some(due)) => {
                p.bad.small { (lang.pick("待补签，限 ", "to be signed by ")) (&due.wall()[5..16])
                    @if due <= room.site.world.now() { b { (lang.pick("，已超时", ", which has passed")) } } }
                @if who.may(P::ApproveResponse) {
                    form method="post" action=(room.site.url(&format!("/response-steps/{}/sign", percent(&step.id)))) {
                        button.main.wide type="submit" data-key="y" { (lang.pick("补签", "Sign")) " " kbd { "Y" } }
                    }
                }
            },
            (None, None) => {},
        }
    }
}

#[derive(Deserialize)]
struct Proposal {
    plan: String,
    #[serde(default)]
    level: String,
    words: String,
}

async fn propose(State(room): State<Room>, who: Who, Form(it): Form<Proposal>) -> ApiResult<Redirect> {
    let step = room.command.propose(&who.actor, &it.plan, it.level.parse().ok(), &it.words).await?;
    Ok(back(&room, &step))
}

#[derive(Deserialize)]
struct Judged {
    #[serde(default)]
    grade: String,
}

async fn grade(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(it): Form<Judged>,
) -> ApiResult<Redirect> {
    room.command.grade(&who.actor, &id, it.grade.parse().ok()).await?;
    Ok(Redirect::to(&to(&room.site, "responses", &id)))
}

fn back(room: &Room, step: &Step) -> Redirect {
    Redirect::to(&to(&room.site, "responses", &step.response))
}

async fn decide(room: &Room, who: &Who, id: &str, what: Decide) -> ApiResult<Redirect> {
    Ok(back(room, &room.command.decide(&who.actor, id, what).await?))
}

async fn approve_step(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Redirect> {
    decide(&room, &who, &id, Decide::Approve { by: who.actor.name.clone() }).await
}

async fn decline(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(reason): Form<Reason>,
) -> ApiResult<Redirect> {
    decide(&room, &who, &id, reason.decline(&who)).await
}

async fn verbal(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(yes): Form<Yes>,
) -> ApiResult<Redirect> {
    decide(&room, &who, &id, yes.verbal(&who)).await
}

async fn sign(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Redirect> {
    decide(&room, &who, &id, Decide::Sign { by: who.actor.name.clone() }).await
}
