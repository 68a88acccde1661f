//! The page behind an answer link. Opening it answers nothing (scanners open links); the tap does. It
//! works at 360 px, without script, and over a bad line: every form may be sent twice.

use anlan_kernel::{Actor, Instant, Lang, Problem, RegionCode};
use anlan_monitor::Signal;
use anlan_register::{Organisation, callee_title};
use anlan_store::{StoreError, Tx, params};
use anlan_web::{ApiError, ApiResult, Who, percent, phone_page};
use axum::{
    extract::{Form, Path, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    list,
    parts::{clock, invented, state},
};
use crate::{
    answer::{Asked, bad_link},
    api::Room,
    directed::Directed,
    model::{Call, CallState, Process, Round, RoundState},
    text,
    transfer::{self, Numbers, Report, Transfer},
};

/// Originals shown; the newest first.
const SIGNALS: usize = 5;
/// Places one page can report for.
const PLACES: usize = 12;

/// Whoever opens the link: what is asked of them, and nothing else.
pub(super) async fn show(
    State(room): State<Room>,
    who: Who,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> ApiResult<Markup> {
    let asked = room.warn.asked(&token).await?.ok_or_else(bad_link)?;
    render(&room, who.lang, &token, asked, &headers, None).await
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
    headers: HeaderMap,
    Form(tap): Form<Tap>,
) -> ApiResult<Markup> {
    let asked = room.warn.answer_by_page(&token, tap.digit).await?;
    render(&room, who.lang, &token, asked, &headers, None).await
}

/// Numbers as they were typed.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Typed {
    region: String,
    #[serde(default)]
    seen: String,
    #[serde(default)]
    due: String,
    #[serde(default)]
    moved: String,
    #[serde(default)]
    not_yet: String,
    #[serde(default)]
    refused: String,
    #[serde(default)]
    lost: String,
}

impl Typed {
    fn texts(&self) -> [&str; 5] {
        [&self.due, &self.moved, &self.not_yet, &self.refused, &self.lost]
    }

    pub(super) fn report(&self) -> Result<Report, Problem> {
        let bad = || Problem::new("bad_region", "没有写明地方", "the place is missing").field("region");
        let region = RegionCode::parse(&self.region).map_err(|_| bad())?;
        Ok(Report { region, numbers: Numbers::read(self.texts())?, seen: self.seen.trim().parse().unwrap_or(-1) })
    }
}

/// What a form said, and why it was not taken.
struct Wrong {
    typed: Typed,
    problem: Problem,
}

/// A report of who has to leave and where they are. One that is not taken comes back as it was typed.
pub(super) async fn report(
    State(room): State<Room>,
    who: Who,
    Path(token): Path<String>,
    headers: HeaderMap,
    Form(typed): Form<Typed>,
) -> ApiResult<Response> {
    let told: ApiResult<Transfer> = match typed.report() {
        Ok(report) => room.warn.report_transfer(&token, report).await.map_err(ApiError::from),
        Err(problem) => Err(problem.into()),
    };
    let asked = room.warn.asked(&token).await?.ok_or_else(bad_link)?;
    match told {
        Ok(_) => Ok(render(&room, who.lang, &token, asked, &headers, None).await?.into_response()),
        Err(error) if error.status().is_client_error() => {
            let wrong = Wrong { typed, problem: error.problem().clone() };
            let page = render(&room, who.lang, &token, asked, &headers, Some(&wrong)).await?;
            Ok((error.status(), page).into_response())
        }
        Err(error) => Err(error),
    }
}

async fn render(
    room: &Room,
    lang: Lang,
    token: &str,
    asked: Asked,
    headers: &HeaderMap,
    wrong: Option<&Wrong>,
) -> ApiResult<Markup> {
    let here = room.site.url(&format!("/a/{}", percent(token)));
    let title = lang.pick("叫应", "Call-out");
    let (round, body) = match asked {
        Asked::Call(call, round) => {
            let facts = facts(room, lang, &call, &round).await?;
            (round.clone(), own(lang, &here, &call, &round, &facts, wrong))
        }
        Asked::List(sheet, round, calls, _) => {
            let link = list::Link { room, lang, token, here: &here, headers };
            (round, list::page(&link, &sheet, &calls, None).await?)
        }
    };
    Ok(phone_page(&room.site, lang, title, framed(room, lang, &here, &round, body)))
}

/// Head and foot of every page behind a link.
pub(super) fn framed(room: &Room, lang: Lang, here: &str, round: &Round, body: Markup) -> Markup {
    let (other, words) = if lang == Lang::Zh { ("en", "English") } else { ("zh", "中文") };
    html! {
        header class=(format!("lead level-{}", round.level.clamp(1, 4))) {
            p { "【" (room.site.speaker) "】" (day(round.start_at, lang)) " · " (lang.pick("叫应级别 ", "level ")) (round.level) }
            h1 { (round.cause) (invented(round.invented, lang)) }
        }
        main { (body) }
        footer {
            form method="post" action=(room.site.url("/lang")) {
                input type="hidden" name="lang" value=(other);
                input type="hidden" name="next" value=(here);
                button.quiet type="submit" lang=(other) { (words) }
            }
        }
    }
}

fn day(at: Instant, lang: Lang) -> String {
    let wall = at.wall();
    let number = |range: std::ops::Range<usize>| wall[range].trim_start_matches('0').to_owned();
    match lang {
        Lang::Zh => format!("{} 月 {} 日 {}", number(5..7), number(8..10), at.clock()),
        Lang::En => format!("{} {}", &wall[..10], at.clock()),
    }
}

/// What the page of one call tells, read at once.
struct Facts {
    name: String,
    todo: Vec<String>,
    room: Option<(String, String)>,
    signals: Vec<Signal>,
    said: Vec<(Instant, u8)>,
    places: Vec<(RegionCode, String, Option<Transfer>)>,
}

/// The token is the proof; the program reads what the link is about.
pub(super) fn reader() -> Actor {
    Actor::system("answer-page")
}

async fn facts(room: &Room, lang: Lang, call: &Call, round: &Round) -> Result<Facts, StoreError> {
    let said = room.warn.said(&call.id).await?;
    let plan = room.warn.plan_of(round);
    let (call, round) = (call.clone(), round.clone());
    room.site
        .world
        .read(&reader(), move |tx| {
            let name = callee_title(tx, &call.callee)?.map_or_else(|| call.callee.clone(), |it| it.name);
            let hazard = tx.get::<Process>(&round.process)?.map_or_else(String::new, |it| it.hazard);
            let todo = match tx.get::<Directed>(&round.id)? {
                Some(list) => vec![list.words],
                None => {
                    plan.cards.lines(round.level, &call.who, &hazard, lang).into_iter().map(str::to_owned).collect()
                }
            };
            let mut known = transfer::of_call(tx, &round, &call)?;
            let place = |(code, name): (RegionCode, String)| {
                let at = known.iter().position(|it| it.region == code);
                (code, name, at.map(|it| known.swap_remove(it)))
            };
            let places = transfer::places(&call).into_iter().take(PLACES).map(place).collect();
            Ok(Facts {
                name,
                todo,
                room: duty_room(tx, &call.region)?,
                signals: signals(tx, &hazard, &call.region)?,
                said: said.clone(),
                places,
            })
        })
        .await
}

/// Name and number of the duty room to ring: the street's, else the district's.
fn duty_room(tx: &mut Tx<'_>, region: &RegionCode) -> Result<Option<(String, String)>, StoreError> {
    for unit in [region.street(), region.district()].into_iter().flatten() {
        let sql = "region = $1 AND kind IN ('street', 'district_bureau') AND duty_room_phone IS NOT NULL";
        let found: Vec<Organisation> = tx.find(sql, "ORDER BY id LIMIT 1", params![&unit])?;
        if let Some(office) = found.into_iter().next() {
            let name = office.duty_room_name.unwrap_or(office.name);
            return Ok(office.duty_room_phone.map(|it| (name, it)));
        }
    }
    Ok(None)
}

/// What the stations said, in force where the callee's duty lies, newest first.
fn signals(tx: &mut Tx<'_>, hazard: &str, region: &RegionCode) -> Result<Vec<Signal>, StoreError> {
    let now = tx.now();
    let holds = "hazard = $1 AND state = 'in_force' AND (expires_at IS NULL OR expires_at > $2)";
    let mut found: Vec<Signal> = tx.find(holds, "ORDER BY received_at DESC, id", params![hazard, now])?;
    found.retain(|it| it.areas.iter().any(|area| area.meets(region)));
    found.truncate(SIGNALS);
    Ok(found)
}

/// A big answer button.
pub(super) fn button(action: &str, digit: u8, words: &str, more: &str) -> Markup {
    html! {
        form method="post" action=(action) data-keep {
            button class=(format!("answer key-{digit}")) type="submit" name="digit" value=(digit) {
                span { (digit) "　" (words) } small { (more) }
            }
        }
    }
}

const ANSWERS: [(u8, [&str; 2], [&str; 2]); 3] = [
    (1, ["收到，已到岗", "I have arrived"], ["现在就去，或已经在岗", "on the way, or there already"]),
    (2, ["收到，不能到岗", "I cannot come"], ["立即改叫副岗", "the deputy is called at once"]),
    (3, ["有险情，需要支援", "Danger: support needed"], ["值班室马上回拨您", "the desk calls you back"]),
];

fn own(lang: Lang, here: &str, call: &Call, round: &Round, facts: &Facts, wrong: Option<&Wrong>) -> Markup {
    let zh_en = |it: [&'static str; 2]| lang.pick(it[0], it[1]);
    let said = call.key.or(call.late_key);
    let over = matches!(round.state, RoundState::Stopped | RoundState::Absorbed);
    let asked_help = call.key == Some(3) || call.late_key == Some(3);
    html! {
        p.who { b { (facts.name) } " " (text::duty_words(&call.duties)) }
        @if let Some(said) = said {
            p.note role="status" { (lang.pick("已收到您的答复：", "Your answer was taken: ")) b { (key_words(said, lang)) }
                @if let Some((at, _)) = facts.said.last() { " " (clock(*at)) }
                @if asked_help && said != 3 { br; b { (key_words(3, lang)) } } }
        } @else if !call.open {
            p.note { (lang.pick("本次叫应已结束：", "This call is over: ")) (state(call.state, lang)) }
        }
        @if call.state != CallState::Cancelled || said.is_some() {
            @match said {
                None => { @for (digit, words, more) in ANSWERS { (button(here, digit, zh_en(words), zh_en(more))) } },
                Some(said) => {
                    @let (digit, words, more) = ANSWERS[2];
                    @let again = lang.pick("再次求助，值班室会再响", "ask again, the desk rings again");
                    (button(here, digit, zh_en(words), if asked_help { again } else { zh_en(more) }))
                    @if !over {
                        details {
                            summary { (lang.pick("情况有变，改答复", "Things changed: answer again")) }
                            @for (digit, words, more) in ANSWERS.into_iter().filter(|it| it.0 != 3 && it.0 != said) {
                                (button(here, digit, zh_en(words), zh_en(more)))
                            }
                        }
                    }
                }
            }
        }
        @if !facts.todo.is_empty() {
            section { h2 { (lang.pick("现在要做", "What to do now")) }
                ol { @for line in &facts.todo { li { (line) } } } }
        }
        @if let Some((name, number)) = &facts.room {
            a.dial href=(format!("tel:{number}")) { span { (lang.pick("直接拨打", "Call")) " " (name) } b { (number) } }
        }
        @for place in &facts.places { (transfer_form(lang, here, place, wrong)) }
        @if !facts.signals.is_empty() {
            section { h2 { (lang.pick("气象台站原文", "The station's own words")) }
                @for it in &facts.signals {
                    blockquote { p { (it.text) }
                        p.soft { (it.issuer) " " (clock(it.issued_at.unwrap_or(it.received_at))) (lang.pick(" 发出", " issued")) (invented(it.invented, lang)) } }
                }
            }
        }
        @if facts.said.len() > 1 {
            section { h2 { (lang.pick("您答复过", "What you answered")) }
                ul { @for (at, digit) in &facts.said { li { (clock(*at)) " " (key_words(*digit, lang)) } } } }
        }
    }
}

/// 转移人数 of one place, with what stands there now.
fn transfer_form(
    lang: Lang,
    here: &str,
    (code, name, known): &(RegionCode, String, Option<Transfer>),
    wrong: Option<&Wrong>,
) -> Markup {
    let wrong = wrong.filter(|it| it.typed.region == code.as_str());
    let standing = known.as_ref().map_or([0; 5], |it| it.numbers.all());
    let typed = wrong.map(|it| it.typed.texts().map(str::to_owned));
    let values =
        typed.unwrap_or_else(|| standing.map(|it| if known.is_some() { it.to_string() } else { String::new() }));
    let seen = known.as_ref().map_or(-1, |it| it.revision);
    let bad = wrong.and_then(|it| it.problem.place.field.as_deref());
    html! {
        section.transfer id=(format!("t-{code}")) {
            h2 { (lang.pick("转移人数", "People to move")) " · " (name) }
            @if let Some(it) = known {
                p.soft { (lang.pick("已报 ", "reported ")) (clock(it.reported_at)) " · " (sum_words(it.numbers, lang)) }
            }
            @if let Some(wrong) = wrong { p.wrong role="alert" { (wrong.problem.message.get(lang)) } }
            form method="post" action=(format!("{here}/transfer")) data-transfer data-keep {
                input type="hidden" name="region" value=(code);
                input type="hidden" name="seen" value=(seen);
                @for ((field, zh, en), value) in Numbers::FIELDS.into_iter().zip(values) {
                    label.count data-wrong[bad == Some(field)] {
                        span { (lang.pick(zh, en)) }
                        input type="text" inputmode="numeric" pattern="[0-9]*" maxlength="6" name=(field) value=(value) placeholder="0" autocomplete="off";
                    }
                }
                p.sum aria-live="polite" { (lang.pick("应转 = 已转 + 未转 + 拒转 + 失联", "due = moved + not yet + refused + lost")) }
                button.plain type="submit" { (lang.pick("报上去", "Report")) }
            }
        }
    }
}

/// The five numbers in one line.
pub(super) fn sum_words(numbers: Numbers, lang: Lang) -> String {
    let parts: Vec<_> = Numbers::FIELDS
        .into_iter()
        .zip(numbers.all())
        .map(|((_, zh, en), count)| format!("{} {count}", lang.pick(zh, en)))
        .collect();
    parts.join(" · ")
}

/// What a key says.
pub(super) fn key_words(key: u8, lang: Lang) -> &'static str {
    match key {
        1 => lang.pick("收到、已到岗", "arrived"),
        2 => lang.pick("收到、不能到岗", "cannot come"),
        _ => lang.pick("有险情、需支援", "danger, support needed"),
    }
}
