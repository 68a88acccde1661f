//! The directory on the screen, as a sheet and for programs.

use std::collections::{BTreeSet, HashMap};

use anlan_kernel::{Lang, Permission, RegionCode, Tier};
use anlan_store::{Event, Urgency};
use anlan_web::{
    Access, ApiResult, Routes, Who,
    list::{Asked, Asking, Column, Filter, Found, Kind, List, Part, SHEET, View, workbook},
    page, percent,
};
use axum::{
    Json,
    extract::{Query, State},
    response::Response,
};
use maud::{Markup, html};
use serde_json::{Value as Json_, json};

use super::{
    Room,
    directory::{self, Line, Manned, Wanted},
};
use crate::{
    export,
    model::{Rank, level_name, level_of, level_zh, masked_name},
    phone,
};

const LEVELS: &[(&str, &str, &str)] =
    &[("district", "区级", "district"), ("street", "街道", "street"), ("community", "社区", "community")];

static LIST: List = List {
    path: "/directory",
    columns: &[
        Column { key: "region", words: ("责任区", "Duty area"), order: "" },
        Column { key: "level", words: ("级别", "Level"), order: "" },
        Column { key: "duty", words: ("责任", "Duty"), order: "" },
        Column { key: "", words: ("岗位", "Rank"), order: "" },
        Column { key: "name", words: ("姓名", "Name"), order: "" },
        Column { key: "", words: ("职务", "Title"), order: "" },
        Column { key: "organisation", words: ("单位", "Unit"), order: "" },
        Column { key: "", words: ("号码", "Number"), order: "" },
    ],
    filters: &[
        Filter { name: "q", words: ("姓名", "Name"), kind: Kind::Text },
        Filter { name: "region", words: ("全部区划", "All regions"), kind: Kind::Found },
        Filter { name: "level", words: ("三级", "All levels"), kind: Kind::Choice(LEVELS) },
        Filter { name: "duty", words: ("全部责任", "All duties"), kind: Kind::Found },
    ],
    order: "region",
};

pub(super) fn routes(routes: Routes<Room>) -> Routes<Room> {
    let see = Access::Needs(Permission::SeePeople);
    routes
        .get("/directory", see, "责任人名录", "Directory of responsible persons", show)
        .get(
            "/directory/export.xlsx",
            see,
            "导出责任人名录（号码隐去）",
            "The directory as a sheet, numbers masked",
            sheet,
        )
        .get(
            "/directory/areas",
            see,
            "各区划责任人数，无人负责的区划",
            "People of each area, and areas without anybody",
            areas,
        )
        .get("/api/v1/directory", see, "责任人名录（号码隐去）", "The directory, numbers masked", list)
        .get("/api/v1/directory/areas", see, "各区划责任人数", "People of each area", list_areas)
}

/// Whether the reader sees names in clear.
pub(super) fn is_clear(who: &Who) -> bool {
    who.may(Permission::Unmask) || who.may(Permission::EditPeople)
}

/// A name as the reader may see it.
pub(super) fn shown(name: &str, clear: bool) -> String {
    if clear { name.to_owned() } else { masked_name(name) }
}

pub(super) fn rank_words(rank: Rank, lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => rank.zh(),
        Lang::En => ["lead", "deputy A", "deputy B", "member"][rank as usize],
    }
}

pub(super) fn level_words(level: Tier, lang: Lang) -> &'static str {
    lang.pick(level_zh(level), level_name(level))
}

fn wanted(who: &Who, get: impl Fn(&str) -> String) -> Wanted {
    Wanted {
        region: RegionCode::parse(&get("region")).ok(),
        level: level_of(&get("level")),
        duty: get("duty"),
        name: get("q"),
        parts: is_clear(who),
    }
}

fn of_address(address: &HashMap<String, String>) -> impl Fn(&str) -> String + '_ {
    |name| address.get(name).map(|it| it.chars().take(100).collect()).unwrap_or_default()
}

/// What one page needs.
struct Read {
    asked: Asked,
    lines: Vec<Line>,
    options: Vec<(&'static str, Vec<(String, String)>)>,
    areas: Vec<Manned>,
}

async fn read(room: &Room, who: &Who, address: &HashMap<String, String>) -> ApiResult<Read> {
    let asked = LIST.asked(address);
    let wanted = wanted(who, |name| asked.get(name).to_owned());
    let (lines, duties, areas) = room
        .site
        .world
        .read(&who.actor, move |tx| {
            let everybody = Wanted { name: String::new(), ..wanted.clone() };
            Ok((directory::lines(tx, &wanted)?, directory::duties(tx)?, directory::manned(tx, &everybody)?))
        })
        .await?;
    let regions = room.site.world.read(&who.actor, directory::regions).await?;
    let streets =
        regions.into_iter().filter(|it| it.code.tier() != Tier::Community).map(|it| (it.code.to_string(), it.name));
    let duties = duties.into_iter().map(|it| (it.clone(), it));
    let options = vec![("region", streets.collect()), ("duty", duties.collect())];
    Ok(Read { lines: sorted(&asked, lines), asked, options, areas })
}

fn sorted(asked: &Asked, mut lines: Vec<Line>) -> Vec<Line> {
    match asked.sort() {
        "level" => lines.sort_by_key(|it| it.level),
        "duty" => lines.sort_by(|a, b| a.duty.cmp(&b.duty)),
        "name" => lines.sort_by(|a, b| a.name.cmp(&b.name)),
        "organisation" => lines.sort_by(|a, b| a.organisation.cmp(&b.organisation)),
        _ => {}
    }
    if asked.descending() {
        lines.reverse();
    }
    lines
}

fn cells(it: &Line, clear: bool, lang: Lang) -> Vec<String> {
    vec![
        it.region_name.clone(),
        level_words(it.level, lang).to_owned(),
        it.duty.clone(),
        rank_words(it.rank, lang).to_owned(),
        shown(&it.name, clear),
        it.title.clone(),
        it.organisation.clone(),
        it.phone.as_deref().map(phone::masked).unwrap_or_default(),
    ]
}

async fn show(State(room): State<Room>, who: Who, address: Asking) -> ApiResult<Markup> {
    let Read { asked, lines, options, areas } = read(&room, &who, &address).await?;
    let (lang, site, clear) = (who.lang, &room.site, is_clear(&who));
    let title = lang.pick("责任人名录", "Directory of responsible persons");
    let people: BTreeSet<&str> = lines.iter().map(|it| it.person.as_str()).collect();
    let people = people.len();
    let of =
        |level: Tier| lines.iter().filter(|it| it.level == level).map(|it| &it.person).collect::<BTreeSet<_>>().len();
    let counts = [Tier::District, Tier::Street, Tier::Community].map(|it| (it, of(it)));
    let (empty, kept) = (
        areas.iter().filter(|it| it.people == 0 && it.level != Tier::District).count(),
        filter(&asked, &["region", "level", "duty"]),
    );
    let found: Found<Line> = asked.cut(lines, Part::Page);
    let rows = html! { @for it in &found.items { tr {
        @for (at, cell) in cells(it, clear, lang).into_iter().enumerate() {
            @if at == 4 { td { a href=(site.url(&format!("/posts/{}", percent(&it.post)))) { (cell) } } } @else { td.num[at == 7] { (cell) } }
        }
    } } };
    let body = html! { main {
        h1 { (title) }
        p.row {
            span { b.num { (people) } " " (lang.pick("人", "people")) }
            @for (level, count) in counts { span { (level_words(level, lang)) " " b.num { (count) } } }
            a href=(site.url(&format!("/directory/areas?{kept}"))) { (lang.pick("各区划人数", "People of each area")) }
            a href=(site.url(&format!("/directory/areas?empty=1&{kept}"))) { (lang.pick("无人负责的区划", "Areas without anybody")) " " b.num.bad[empty > 0] { (empty) } }
        }
        (asked.show(site, lang, View { id: "directory", live: "", found: &found, options: &options, rows, export: true }))
    } };
    Ok(page(site, &who, title, body))
}

/// Filters that stay in a link.
fn filter(asked: &Asked, names: &[&str]) -> String {
    let given = names.iter().filter(|it| !asked.get(it).is_empty());
    given.map(|it| format!("{it}={}", percent(asked.get(it)))).collect::<Vec<_>>().join("&")
}

async fn sheet(State(room): State<Room>, who: Who, address: Asking) -> ApiResult<Response> {
    let Read { asked, lines, .. } = read(&room, &who, &address).await?;
    let clear = is_clear(&who);
    let found = asked.cut(lines, Part::Sheet(SHEET));
    let table = asked.sheet(who.lang, &found, |it| cells(it, clear, who.lang));
    room.site
        .world
        .write("directory.export", Urgency::Urgent, &who.actor, |tx| {
            tx.record(Event::new("people.exported", "directory"))
        })
        .await?;
    Ok(workbook("directory", export::xlsx(&table)?))
}

async fn areas_of(room: &Room, who: &Who, address: &HashMap<String, String>) -> ApiResult<Vec<Manned>> {
    let wanted = Wanted { name: String::new(), ..wanted(who, of_address(address)) };
    let mut found = room.site.world.read(&who.actor, move |tx| directory::manned(tx, &wanted)).await?;
    if address.contains_key("empty") {
        found.retain(|it| it.people == 0 && it.level != Tier::District);
    }
    Ok(found)
}

async fn areas(
    State(room): State<Room>,
    who: Who,
    Query(address): Query<HashMap<String, String>>,
) -> ApiResult<Markup> {
    let found = areas_of(&room, &who, &address).await?;
    let (lang, site) = (who.lang, &room.site);
    let duty = address.get("duty").cloned().unwrap_or_default();
    let title = if address.contains_key("empty") {
        lang.pick("无人负责的区划", "Areas without anybody")
    } else {
        lang.pick("各区划责任人数", "People of each area")
    };
    let body = html! { main {
        p { a href=(site.url("/directory")) { (lang.pick("‹ 责任人名录", "‹ Directory")) } }
        h1 { (title) @if !duty.is_empty() { " · " (duty) } " · " span.num { (found.len()) } }
        div.card.scroll tabindex="0" { table {
            thead { tr { th scope="col" { (lang.pick("区划", "Area")) } th scope="col" { (lang.pick("代码", "Code")) } th scope="col" { (lang.pick("级别", "Level")) } th scope="col" { (lang.pick("责任人", "People")) } } }
            tbody { @for it in &found { tr {
                td { (it.name) } td.num { (it.region) } td { (level_words(it.level, lang)) }
                td.num { @if it.people == 0 { b.bad { (lang.pick("0 无人", "0 nobody")) } }
                    @else { a href=(site.url(&format!("/directory?region={}&level={}&duty={}", it.region, level_name(it.level), percent(&duty)))) { (it.people) } } }
            } } }
        } @if found.is_empty() { p.soft { (lang.pick("无", "none")) } } }
    } };
    Ok(page(site, &who, title, body))
}

async fn list(
    State(room): State<Room>,
    who: Who,
    Query(address): Query<HashMap<String, String>>,
) -> ApiResult<Json<Json_>> {
    let (wanted, clear) = (wanted(&who, of_address(&address)), is_clear(&who));
    let lines = room.site.world.read(&who.actor, move |tx| directory::lines(tx, &wanted)).await?;
    let items: Vec<_> = lines
        .iter()
        .map(|it| {
            json!({
                "post": it.post, "person": it.person, "name": shown(&it.name, clear), "title": it.title, "duty": it.duty,
                "organisation": it.organisation, "region": it.region, "region_name": it.region_name,
                "level": level_name(it.level), "rank": it.rank.name(), "phone": it.phone.as_deref().map(phone::masked),
            })
        })
        .collect();
    Ok(Json(json!({"items": items, "next": null})))
}

async fn list_areas(
    State(room): State<Room>,
    who: Who,
    Query(address): Query<HashMap<String, String>>,
) -> ApiResult<Json<Json_>> {
    Ok(Json(json!({"items": areas_of(&room, &who, &address).await?, "next": null})))
}
