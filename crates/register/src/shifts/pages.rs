//! A month at a glance: rows are days, columns are roles; a swap is two taps.

use std::{collections::BTreeMap, time::Duration};

use anlan_kernel::{Instant, Lang, Permission as P};
use anlan_store::{StoreError, Tx, params};
use anlan_web::{Access, ApiResult, Mounted, Routes, Who, page};
use axum::{
    extract::{Form, Query, State},
    response::Redirect,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{Assignment, Day, Gap, Room, api::name_of, assign, between, day_start, gaps, own_office, swap};
use crate::model::{Organisation, Role, Shift};

const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn routes(room: Room) -> Mounted {
    let (see, edit) = (Access::Needs(P::SeePeople), Access::Needs(P::EditShifts));
    Routes::new(&room.site)
        .menu("/shifts", "值班表", "Roster", Some(P::EditShifts))
        .get("/shifts", see, "值班表", "Roster", show)
        .post("/shifts", edit, "排班", "Put somebody on a shift", put)
        .post("/shifts/swap", edit, "对调", "Two officers change places", exchange)
        .finish(room)
}

#[derive(Debug, Default, Deserialize)]
struct Asked {
    /// `2023-09`; this month without.
    #[serde(default)]
    month: String,
    /// The shift tapped first.
    #[serde(default)]
    pick: String,
    /// The day to be edited.
    #[serde(default)]
    day: String,
}

struct Month {
    office: Organisation,
    days: Vec<Instant>,
    shifts: Vec<(Shift, String)>,
    gaps: Vec<Gap>,
    /// Those who can be put on a shift, by id.
    people: BTreeMap<String, String>,
}

fn read(tx: &mut Tx<'_>, room: &Room, first: Instant) -> Result<Option<Month>, StoreError> {
    let Some(office) = own_office(tx)? else { return Ok(None) };
    let month = first.wall()[..7].to_owned();
    let days: Vec<Instant> =
        (0..31).map(|i| first.plus(DAY * i)).take_while(|it| it.wall().starts_with(&month)).collect();
    let until = days.last().copied().unwrap_or(first).plus(DAY);
    let mut shifts = Vec::new();
    for it in between(tx, &office.id, first, until)? {
        let name = name_of(tx, &it)?;
        shifts.push((it, name));
    }
    let gaps = gaps(tx, &room.roster, &office.id)?;
    let sql = "SELECT DISTINCT n.id, n.name FROM post p JOIN person n ON n.id = p.person
                WHERE p.organisation = $1 AND n.erased_at IS NULL AND {scope:p.region} ORDER BY n.id";
    let mut people = BTreeMap::new();
    for row in tx.query(sql, params![&office.id])? {
        people.insert(row.text(0)?, row.opt(1, anlan_store::Row::text)?.unwrap_or_default());
    }
    Ok(Some(Month { office, days, shifts, gaps, people }))
}

async fn show(State(room): State<Room>, who: Who, Query(asked): Query<Asked>) -> ApiResult<Markup> {
    let month = if asked.month.is_empty() { room.site.world.now().wall()[..7].to_owned() } else { asked.month.clone() };
    let first = day_start(&format!("{month}-01"), "00:00:00")?;
    let with = room.clone();
    let found = room.site.world.read(&who.actor, move |tx| read(tx, &with, first)).await?;
    let title = who.lang.pick("值班表", "Roster");
    let body = match found {
        Some(it) => body(&room, &who, &it, &asked, first),
        None => {
            html! { main { h1 { (title) } p.soft { (who.lang.pick("您的责任区内没有值班单位", "no duty office in your areas")) } } }
        }
    };
    Ok(page(&room.site, &who, title, body))
}

fn month_of(at: Instant) -> String {
    at.wall()[..7].to_owned()
}

fn body(room: &Room, who: &Who, it: &Month, asked: &Asked, first: Instant) -> Markup {
    let (lang, edit) = (who.lang, who.may(P::EditShifts));
    let here = |month: &str| room.site.url(&format!("/shifts?month={month}"));
    let (before, after) = (month_of(first.minus(DAY)), month_of(first.plus(DAY * 32)));
    html! {
        main {
            div.row {
                h1 { (lang.pick("值班表", "Roster")) " " span.soft { (it.office.name) } }
                a.button.end href=(here(&before)) data-key="ArrowLeft" { "‹ " (before) }
                b.num { (month_of(first)) }
                a.button href=(here(&after)) data-key="ArrowRight" { (after) " ›" }
                button type="button" data-print { (lang.pick("打印", "Print")) }
            }
            (missing(&it.gaps, lang))
            @if !asked.pick.is_empty() {
                p.note { (lang.pick("再点一个人，两人对调。", "Tap another officer: the two change places."))
                    " " a href=(here(&month_of(first))) { (lang.pick("取消", "Cancel")) } }
            }
            div.card.scroll { table.roster {
                thead { tr { th { (lang.pick("日期", "Day")) } @for role in Role::ALL { th { (lang.pick(role.zh(), role.name())) } } th { span.unseen { (lang.pick("说明", "Remarks")) } } } }
                tbody { @for day in &it.days { (line(room, who, it, asked, *day, edit)) } }
            } }
        }
    }
}

fn missing(gaps: &[Gap], lang: Lang) -> Markup {
    html! {
        div.card id="gaps" data-live="shift. response." {
            header { h2 { (lang.pick("未来七天空班", "Gaps in the seven days ahead")) } span.soft.small.num { (gaps.len()) } }
            @for it in gaps {
                p { b.bad { (lang.pick(it.role.zh(), it.role.name())) } " "
                    span.num { (&it.from.wall()[5..16]) " — " (&it.until.wall()[5..16]) } }
            }
            @if gaps.is_empty() { p.done { (lang.pick("没有空班", "none")) } }
        }
    }
}

/// 一 … 日.
fn weekday(day: Instant, lang: Lang) -> (&'static str, bool) {
    let since = (day.0 / 1_000_000 + 8 * 3_600).div_euclid(86_400);
    // The first day of the epoch was a Thursday.
    let place = usize::try_from((since + 3).rem_euclid(7)).unwrap_or(0);
    let zh = ["一", "二", "三", "四", "五", "六", "日"][place];
    let en = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][place];
    (lang.pick(zh, en), place >= 5)
}

fn line(room: &Room, who: &Who, month: &Month, asked: &Asked, day: Instant, edit: bool) -> Markup {
    let lang = who.lang;
    let date = day.wall()[..10].to_owned();
    let (weekday, weekend) = weekday(day, lang);
    let holidays = room.roster.holidays.get();
    let marked = holidays.of(&date);
    let free = match marked {
        Some((kind, _)) => kind == Day::Holiday,
        None => weekend,
    };
    let today = room.site.world.now().wall().starts_with(&date);
    let to = |more: &str| room.site.url(&format!("/shifts?month={}&{more}", &date[..7]));
    html! {
        tr.free[free].today[today] id=(format!("d{date}")) {
            td { span.num { (&date[8..]) } " " span.soft { (weekday) }
                @if let Some((kind, name)) = marked { " " span.tag { (if kind == Day::Holiday { name } else { lang.pick("调休上班", "working day") }) } } }
            @for role in Role::ALL {
                @let here: Vec<_> = month.shifts.iter().filter(|it| it.0.role == role && it.0.starts_at.wall().starts_with(&date)).collect();
                td {
                    @for (shift, name) in &here { (officer(room, shift, name, asked, edit, &to)) }
                    @if here.is_empty() && month.gaps.iter().any(|it| it.role == role && it.from < day.plus(DAY) && it.until > day) {
                        b.bad { (lang.pick("空", "gap")) }
                    }
                }
            }
            td { @if edit { a.small href=(to(&format!("day={date}#d{date}"))) { (lang.pick("排班", "edit")) } } }
        }
        @if edit && asked.day == date { tr { td colspan="6" { (form(room, lang, month, &date)) } } }
    }
}

/// First tap marks an officer, second tap on another swaps the two.
fn officer(room: &Room, shift: &Shift, name: &str, asked: &Asked, edit: bool, to: &impl Fn(&str) -> String) -> Markup {
    html! {
        @if !edit { div { (name) } }
        @else if asked.pick == shift.id { div { b.picked { (name) } } }
        @else if asked.pick.is_empty() { div { a.officer href=(to(&format!("pick={}", encode(&shift.id)))) { (name) } } }
        @else {
            form method="post" action=(room.site.url("/shifts/swap")) {
                input type="hidden" name="one" value=(asked.pick); input type="hidden" name="other" value=(shift.id);
                button.officer type="submit" { (name) }
            }
        }
    }
}

fn form(room: &Room, lang: Lang, month: &Month, date: &str) -> Markup {
    html! {
        form.row method="post" action=(room.site.url("/shifts")) {
            input type="hidden" name="organisation" value=(month.office.id);
            input type="hidden" name="day" value=(date);
            span.num { (date) }
            select name="role" aria-label=(lang.pick("岗位", "role")) { @for role in Role::ALL { option value=(role.name()) { (lang.pick(role.zh(), role.name())) } } }
            select name="person" aria-label=(lang.pick("人员", "officer")) {
                @for (id, name) in &month.people { option value=(id) { (name) } }
                option value="" { (lang.pick("（取消此班）", "(nobody)")) }
            }
            button.main type="submit" { (lang.pick("保存", "Save")) }
        }
    }
}

/// Percent-encodes what does not belong into a query value.
fn encode(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

async fn put(State(room): State<Room>, who: Who, Form(new): Form<Assignment>) -> ApiResult<Redirect> {
    let month: String = new.day.chars().take(7).collect();
    assign(&room.site.world, &who.actor, new).await?;
    Ok(Redirect::to(&room.site.url(&format!("/shifts?month={month}"))))
}

#[derive(Deserialize)]
struct Swap {
    one: String,
    other: String,
}

async fn exchange(State(room): State<Room>, who: Who, Form(it): Form<Swap>) -> ApiResult<Redirect> {
    let other = it.other.clone();
    swap(&room.site.world, &who.actor, &it.one, &it.other).await?;
    let month = room
        .site
        .world
        .read(&who.actor, move |tx| Ok(tx.get::<Shift>(&other)?.map(|it| month_of(it.starts_at))))
        .await?;
    Ok(Redirect::to(&room.site.url(&format!("/shifts?month={}", month.unwrap_or_default()))))
}
