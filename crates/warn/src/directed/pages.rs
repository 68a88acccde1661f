//! The list before it is called: who stands on it, what they will hear, and one button.

use anlan_kernel::{Lang, Permission};
use anlan_register::phone;
use anlan_web::{ApiResult, Who, asset, page, percent};
use axum::{
    extract::{Form, Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Directed,
    api::{missing, name_for},
    service::{Order, REASON, Standing},
};
use crate::{
    api::Room,
    pages::{
        hazard,
        parts::{clock, to},
    },
    service::everywhere,
};

/// People on one page of a list.
const PAGE: usize = 100;

/// The form as it comes: what was typed, and what had been offered to be typed over.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Typed {
    process: Option<String>,
    level: String,
    ladder: String,
    reason: Option<String>,
    words: Option<String>,
    offered_reason: String,
    offered_words: String,
    seen: String,
    page: String,
    callee: String,
}

impl Typed {
    /// Nobody has chosen yet: the newest process that goes on, if there is one.
    fn order(&self, newest: Option<&str>) -> Order {
        Order {
            process: self.process.clone().or_else(|| newest.map(str::to_owned)).unwrap_or_default(),
            level: self.level.parse().unwrap_or(0),
            ladder: self.ladder.clone(),
            reason: self.reason.clone().unwrap_or_default(),
            words: self.words.clone().unwrap_or_default(),
        }
    }

    fn page(&self) -> usize {
        self.page.parse().unwrap_or(1).clamp(1, 1_000)
    }

    /// The address of the page with everything that was typed.
    fn query(&self) -> String {
        let pairs = [
            ("process", self.process.as_deref().unwrap_or_default()),
            ("level", &self.level),
            ("ladder", &self.ladder),
            ("reason", self.reason.as_deref().unwrap_or_default()),
            ("words", self.words.as_deref().unwrap_or_default()),
            ("offered_reason", &self.offered_reason),
            ("offered_words", &self.offered_words),
            ("page", &self.page),
        ];
        pairs.map(|(name, value)| format!("{name}={}", percent(value))).join("&")
    }
}

/// What stands in a field: what was typed, or what is offered where nobody typed anything else.
fn filled(typed: Option<&String>, offered_before: &str, offer: &str) -> String {
    typed.filter(|it| !it.trim().is_empty() && *it != offered_before).map_or_else(|| offer.to_owned(), Clone::clone)
}

async fn standing(room: &Room, who: &Who, id: &str, typed: &Typed) -> ApiResult<Standing> {
    let (warn, order) = (&room.warn, typed.order(None));
    let found = warn.directed_standing(&who.actor, id, &order).await.map_err(missing)?;
    let newest = found.processes.first().filter(|_| typed.process.is_none());
    let Some(order) = newest.map(|it| typed.order(Some(&it.id))) else { return Ok(found) };
    warn.directed_standing(&who.actor, id, &order).await.map_err(missing)
}

pub(super) async fn show(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Query(typed): Query<Typed>,
) -> ApiResult<Response> {
    let it = standing(&room, &who, &id, &typed).await?;
    if let Some(round) = &it.round {
        return Ok(Redirect::to(&to(&room.site, "rounds", round)).into_response());
    }
    Ok(drawn(&room, &who, &it, &typed, None).into_response())
}

pub(super) async fn leave_out(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(typed): Form<Typed>,
) -> ApiResult<Redirect> {
    room.warn.directed_leave_out(&who.actor, &id, &typed.callee).await.map_err(missing)?;
    Ok(Redirect::to(&format!("{}?{}", to(&room.site, "audiences", &id), typed.query())))
}

pub(super) async fn begin(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(typed): Form<Typed>,
) -> ApiResult<Response> {
    let it = standing(&room, &who, &id, &typed).await?;
    // The number on the button is the number that is called: where it is another by now, it is shown first.
    if it.round.is_none() && typed.seen != it.left().to_string() {
        let said = who.lang.pick(
            "人数有变，尚未叫应：请看清后再按一次。",
            "The number is another now; nobody was called. Look, then press again.",
        );
        return Ok((StatusCode::CONFLICT, drawn(&room, &who, &it, &typed, Some(said))).into_response());
    }
    let order = typed.order(it.process.as_ref().map(|it| it.id.as_str()));
    match room.warn.directed_begin(&who.actor, &id, order).await.map_err(missing) {
        Ok(round) => Ok(Redirect::to(&to(&room.site, "rounds", &round)).into_response()),
        Err(error) if error.status().is_client_error() && error.status() != StatusCode::NOT_FOUND => {
            let said = error.problem().message.get(who.lang).to_owned();
            Ok((error.status(), drawn(&room, &who, &it, &typed, Some(&said))).into_response())
        }
        Err(error) => Err(error),
    }
}

fn drawn(room: &Room, who: &Who, it: &Standing, typed: &Typed, wrong: Option<&str>) -> Markup {
    let lang = who.lang;
    let title = lang.pick("定向叫应", "Directed call-out");
    let here = to(&room.site, "audiences", &it.kept.id);
    let body = html! {
        link rel="stylesheet" href=(asset(&room.site, "round.css"));
        main {
            h1 { (title) "：" (it.kept.title) }
            p.soft { (lang.pick("现在还没有叫任何人。", "Nobody has been called yet.")) " " (lang.pick("名单建于 ", "made at ")) (clock(it.kept.made_at)) }
            @if let Some(said) = wrong { p.wrong role="alert" { (said) } }
            (figures(it, lang))
            form method="post" action=(format!("{here}/call")) {
                input type="hidden" name="seen" value=(it.left());
                (choices(room, it, typed, &here, lang))
                (message(room, it, typed, lang))
                (button(it, lang))
                (people(who, it, typed, &here))
            }
        }
    };
    page(&room.site, who, title, body)
}

fn figures(it: &Standing, lang: Lang) -> Markup {
    let tiles = [
        (it.people.len(), "名单上的人", "on the list"),
        (it.already.len(), "已叫过，不再叫", "called already, not again"),
        (it.no_number(), "无可用号码", "without a usable number"),
        (it.unknown, "不在名册或责任区内", "not in the register here"),
    ];
    html! {
        div.tiles id="audience" { @for (count, zh, en) in tiles { div.tile { b.num { (count) } span { (lang.pick(zh, en)) } } } }
        div.columns {
            div.card { header { h2 { (lang.pick("按责任", "By duty")) } }
                table.tight { @for (duty, count) in it.by_duty() {
                    tr { td { (if duty.is_empty() { lang.pick("没有岗位", "no post") } else { duty }) } td.num { (count) } } } } }
            div.card { header { h2 { (lang.pick("按街道", "By street")) } }
                table.tight { @for (street, count) in it.by_street() { tr { td { (it.name(&street)) } td.num { (count) } } } } }
        }
    }
}

/// To which weather it belongs, how grave it is, and by which ladder they are called.
fn choices(room: &Room, it: &Standing, typed: &Typed, here: &str, lang: Lang) -> Markup {
    let plan = room.warn.plan();
    let chosen = it.process.as_ref().map(|it| it.id.as_str());
    let test = plan.test.as_ref().map(|it| it.ladder.as_str());
    html! {
        div.card {
            p.row {
                label { (lang.pick("属于", "Belongs to"))
                    select name="process" {
                        @for it in &it.processes {
                            option value=(it.id) selected[chosen == Some(it.id.as_str())] { (hazard(&it.hazard, lang)) (lang.pick("过程 · ", " process · ")) (it.opened_at.clock()) (lang.pick(" 起", " on")) }
                        }
                        option value="" selected[chosen.is_none()] { (lang.pick("无天气过程 · 其他事由", "no weather process · another reason")) }
                    } }
                label { (lang.pick("叫应级别", "Level"))
                    select name="level" { @for (level, of) in &plan.levels {
                        option value=(level) selected[*level == it.level] { (level) " · " (of.title.get(lang)) } } } }
                label { (lang.pick("叫应梯", "Ladder"))
                    select name="ladder" {
                        option value="" { (lang.pick("按级别", "the level's own")) }
                        @for ladder in plan.ladders.values().filter(|it| Some(it.id.as_str()) != test) {
                            option value=(ladder.id) selected[typed.ladder == ladder.id] { (ladder.title.get(lang)) } }
                    } }
                // Whoever changes process or level sees the words and the number that belong to them.
                button type="submit" formmethod="get" formaction=(here) formnovalidate { (lang.pick("按所选重算", "Use these")) }
            }
        }
    }
}

fn message(room: &Room, it: &Standing, typed: &Typed, lang: Lang) -> Markup {
    let reason = filled(typed.reason.as_ref(), &typed.offered_reason, &it.cause);
    let words = filled(typed.words.as_ref(), &typed.offered_words, &it.card);
    html! {
        div.card {
            input type="hidden" name="offered_reason" value=(it.cause);
            input type="hidden" name="offered_words" value=(it.card);
            label { (lang.pick("事由（先说这一句）", "Reason (said first)"))
                input name="reason" value=(reason) maxlength=(REASON) required; }
            label { (lang.pick("要对方做什么（电话、短信都照此说）", "What they have to do (said and written)"))
                textarea name="words" rows="3" maxlength=(it.room) required { (words) } }
            p.small.soft {
                @match lang {
                    Lang::Zh => { "两项合计不超过 " span.num { (it.room) } " 字，不写个人情况。" },
                    Lang::En => { "Together at most " span.num { (it.room) } " characters; nothing personal. They are called in Chinese." },
                }
                (lang.pick("后面自动加按键：到岗按 1，不能到岗按 2，有险情、需支援按 3；以", "The keys follow by themselves: 1 arrived, 2 cannot come, 3 danger. Said for "))
                "【" (room.site.speaker) "】" (lang.pick("名义。", "."))
            }
        }
    }
}

fn button(it: &Standing, lang: Lang) -> Markup {
    let left = it.left();
    let asked = match lang {
        Lang::Zh => format!("现在就叫应 {left} 人？"),
        Lang::En => format!("Call {left} people now?"),
    };
    html! {
        p.row {
            button.main.large type="submit" data-key="F9" data-confirm=(asked) disabled[left == 0] {
                @match lang { Lang::Zh => { "开始叫应 " span.num { (left) } " 人" }, Lang::En => { "Call " span.num { (left) } " people" } }
                " " kbd { "F9" }
            }
            @if left == 0 { span.bad { (lang.pick("没有人可叫：名单上的人都已在这一过程按此级别叫过。另有事由，请在“属于”里选“无天气过程”再重算。", "Nobody to call: all of them were called in this process at this level. For another reason choose “no weather process” above.")) } }
        }
    }
}

fn people(who: &Who, it: &Standing, typed: &Typed, here: &str) -> Markup {
    let lang = who.lang;
    let pages = it.people.len().div_ceil(PAGE).max(1);
    let at = typed.page().min(pages);
    let mut sorted: Vec<_> = it.people.iter().collect();
    sorted.sort_by_key(|it| !it.numbers.is_empty());
    let called = |id: &String| it.already.contains(id);
    html! {
        div.card.scroll id="people" tabindex="0" {
            header { h2 { (lang.pick("名单", "The list")) } span.soft.small { (lang.pick("无可用号码的在前", "those without a number first")) } }
            table {
                thead { tr { th { (lang.pick("姓名", "Name")) } th { (lang.pick("责任", "Duty")) } th { (lang.pick("单位", "Organisation")) } th { (lang.pick("责任区", "Where")) } th { (lang.pick("号码", "Number")) } th { (lang.pick("操作", "Action")) } } }
                tbody { @for person in sorted.iter().skip((at - 1) * PAGE).take(PAGE) { tr {
                    td { (name_for(who, person)) @if called(&person.id) { " " span.tag { (lang.pick("已叫过", "called already")) } } }
                    td { (person.duties.iter().map(String::as_str).collect::<Vec<_>>().join("、")) }
                    td { (person.organisation) " " span.small.soft { (person.title) } }
                    td { (it.name(&person.region)) }
                    td.num { @match person.numbers.first() { Some(number) => (phone::masked(number)), None => span.tag { (lang.pick("无可用号码", "no usable number")) } } }
                    td { button.quiet type="submit" name="callee" value=(person.id) formaction=(format!("{here}/leave-out")) formnovalidate { (lang.pick("移出", "Leave out")) } }
                } } }
            }
            @if pages > 1 {
                p.row {
                    @for page in 1..=pages { @if page == at { b.num { (page) } } @else {
                        button.quiet type="submit" name="page" value=(page) formmethod="get" formaction=(here) formnovalidate { (page) } } }
                }
            }
        }
    }
}

/// On the page of a directed round: which list it calls, and what is said.
pub(crate) async fn card(room: &Room, who: &Who, round: &str) -> ApiResult<Markup> {
    let (id, lang) = (round.to_owned(), who.lang);
    // The caller found the round in their duty areas; its list belongs to it.
    let read = move |tx: &mut anlan_store::Tx<'_>| tx.get::<Directed>(&id);
    let Some(it) = room.site.world.read(&everywhere(&who.actor), read).await? else { return Ok(html! {}) };
    let may = who.may(Permission::SeeDesk);
    Ok(html! {
        div.card id="directed" {
            header { h2 { (lang.pick("定向叫应：", "Directed call-out: ")) (it.title) } span.soft.small.num { (it.callees.len()) (lang.pick(" 人", " people")) } }
            @if may { p { (it.words) } }
            p.small.soft {
                (lang.pick("只叫名单上的人，不代表任何区域", "calls the people of the list, speaks for no area"))
                @if it.already > 0 { (lang.pick("；已在这一过程叫过、未再叫 ", "; called before in this process, not again: ")) span.num { (it.already) } }
                @if it.unknown > 0 { (lang.pick("；不在名册或责任区内 ", "; not in the register: ")) span.num { (it.unknown) } }
            }
        }
    })
}
