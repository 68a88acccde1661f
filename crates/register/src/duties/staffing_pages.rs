//! Staffing on the screen: streets by standards, each number opening its list.

use anlan_kernel::{Lang, Permission, RegionCode, Tier};
use anlan_store::Event;
use anlan_web::{Access, ApiError, ApiResult, Routes, Who, asset, list::workbook, page, percent};
use axum::{
    Json,
    extract::{Path, Query, State},
    response::Response,
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value as Json_, json};

use super::{
    Room,
    directory_pages::{is_clear, level_words, shown},
    staffing::{self, Cell, Unit},
    standards::{Counts, Standard},
};
use crate::{contacts, export};

pub(super) fn routes(routes: Routes<Room>) -> Routes<Room> {
    let see = Access::Needs(Permission::SeePeople);
    routes
        .get("/staffing", see, "配备标准与缺口", "Staffing standards and shortfalls", show)
        .get("/staffing/export.xlsx", see, "导出配备缺口", "Shortfalls as a sheet", sheet)
        .get("/staffing/{standard}", see, "一项标准的各单位", "Units against one standard", units_page)
        .get("/api/v1/staffing", see, "配备标准与缺口", "Staffing standards and shortfalls", list)
        .get("/api/v1/staffing/{standard}", see, "一项标准的各单位", "Units against one standard", units)
}

fn least(it: &Standard, lang: Lang) -> String {
    let per = level_words(it.level, lang);
    let both = if it.both { lang.pick("，A、B 岗", ", A and B posts") } else { "" };
    match lang {
        Lang::Zh => format!("每{per} ≥ {} 人{both}", it.least),
        Lang::En => format!("≥ {} each {per}{both}", it.least),
    }
}

fn words(cell: &Cell, lang: Lang) -> String {
    match &cell.only {
        Some(unit) if unit.is_met() => unit.has.to_string(),
        Some(unit) => format!("{} {}", unit.has, unit.missing(lang)),
        None if cell.met == cell.units => format!("{}/{}", cell.met, cell.units),
        None => match lang {
            Lang::Zh => format!("{}/{} 缺 {} 个单位", cell.met, cell.units, cell.units - cell.met),
            Lang::En => format!("{}/{}: {} units short", cell.met, cell.units, cell.units - cell.met),
        },
    }
}

async fn show(State(room): State<Room>, who: Who) -> ApiResult<Markup> {
    let (standards, lang, site) = (room.register.standards(), who.lang, &room.site);
    let of = std::sync::Arc::clone(&standards);
    let table = site.world.read(&who.actor, move |tx| staffing::table(tx, &of)).await?;
    let title = lang.pick("配备标准与缺口", "Staffing standards and shortfalls");
    let body = html! {
        link rel="stylesheet" href=(asset(site, "duties.css"));
        main {
            header.row { h1 { (title) } a.button.end href=(site.url("/staffing/export.xlsx")) download { (lang.pick("导出", "Export")) } }
            @if standards.staffing.is_empty() { p { (lang.pick("启用的业务包里没有配备标准。", "No pack in force sets a standard.")) } }
            div.card.scroll tabindex="0" { table {
                thead { tr { th scope="col" { (lang.pick("街道", "Street")) }
                    @for it in &standards.staffing { th scope="col" { (it.title.get(lang)) br; span.small.soft { (least(it, lang)) } } } } }
                tbody { @for (region, name, cells) in &table.rows { tr {
                    th scope="row" { (name) }
                    @for (it, cell) in standards.staffing.iter().zip(cells) { td.num {
                        @if let Some(cell) = cell {
                            a.bad[cell.met < cell.units] href=(site.url(&format!("/staffing/{}?region={region}", percent(&it.id)))) { (words(cell, lang)) }
                        } @else { span.faint { "—" } }
                    } }
                } } }
            } }
            section.card { header { h2 { (lang.pick("出处", "Sources")) } }
                @for it in &standards.staffing { p.small { b { (it.title.get(lang)) } "：" (least(it, lang)) " · " (it.sources.join("；")) } }
                p.small.soft { (lang.pick("A 岗为主责，B 岗为副手或成员；一人不算两岗。", "The A post is the lead, the B post a deputy or member; one person is not both.")) }
            }
        }
    };
    Ok(page(site, &who, title, body))
}

async fn sheet(State(room): State<Room>, who: Who) -> ApiResult<Response> {
    let (standards, lang) = (room.register.standards(), who.lang);
    let of = std::sync::Arc::clone(&standards);
    let table = room.site.world.read(&who.actor, move |tx| staffing::table(tx, &of)).await?;
    let mut rows = vec![vec![lang.pick("区划代码", "Code").to_owned(), lang.pick("街道", "Street").to_owned()]];
    for it in &standards.staffing {
        rows[0].push(format!("{}（{}）", it.title.get(lang), least(it, lang)));
    }
    for (region, name, cells) in &table.rows {
        let mut row = vec![region.to_string(), name.clone()];
        row.extend(cells.iter().map(|it| it.as_ref().map(|it| words(it, lang)).unwrap_or_default()));
        rows.push(row);
    }
    let unit = |tx: &mut anlan_store::Tx<'_>| tx.record(Event::new("people.exported", "staffing"));
    room.site.world.write("staffing.export", anlan_store::Urgency::Urgent, &who.actor, unit).await?;
    Ok(workbook("staffing", export::xlsx(&rows)?))
}

#[derive(Default, Deserialize)]
struct Asked {
    #[serde(default)]
    region: String,
}

async fn read(room: &Room, who: &Who, id: &str, asked: &Asked) -> ApiResult<(Standard, Vec<Unit>)> {
    let standard = room.register.standards().standard(id).cloned().ok_or_else(ApiError::not_found)?;
    let (of, inside) = (standard.clone(), RegionCode::parse(&asked.region).ok());
    // A district's own row is about the district itself, not about everything in it.
    let inside = inside.filter(|it| it.tier() != Tier::District || standard.level == Tier::District);
    let units = room.site.world.read(&who.actor, move |tx| staffing::units(tx, &of, inside.as_ref())).await?;
    Ok((standard, units))
}

async fn units_page(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> ApiResult<Markup> {
    let (standard, units) = read(&room, &who, &id, &asked).await?;
    let (lang, site, clear) = (who.lang, &room.site, is_clear(&who));
    let posts = matches!(standard.counts, Counts::Posts(_));
    let wanted: Vec<String> = if posts { units.iter().flat_map(|it| it.who.clone()).collect() } else { Vec::new() };
    let named = site.world.read(&who.actor, move |tx| contacts(tx, &wanted)).await?;
    let short = units.iter().filter(|it| !it.is_met()).count();
    let body = html! {
        link rel="stylesheet" href=(asset(site, "duties.css"));
        main {
            p { a href=(site.url("/staffing")) { (lang.pick("‹ 配备标准与缺口", "‹ Staffing")) } }
            h1 { (standard.title.get(lang)) " · " (least(&standard, lang)) }
            p { (lang.pick("单位 ", "Units ")) b.num { (units.len()) } " · " (lang.pick("未达标 ", "short ")) b.num.bad[short > 0] { (short) } }
            div.card.scroll tabindex="0" { table {
                thead { tr { th scope="col" { (lang.pick("单位", "Unit")) } th scope="col" { (lang.pick("现有", "Has")) } th scope="col" { (lang.pick("缺口", "Missing")) } th scope="col" { (lang.pick("人员", "Who")) } } }
                tbody { @for it in &units { tr {
                    td { (it.name) " " span.small.soft.num { (it.region) } } td.num { (it.has) }
                    td { @if it.is_met() { (lang.pick("✓ 达标", "✓ met")) } @else { b.bad { (it.missing(lang)) } } }
                    td { @if posts { @for (at, id) in it.who.iter().enumerate() { @if at > 0 { "、" } (named.get(id).map(|it| shown(&it.title.name, clear)).unwrap_or_default()) } }
                        @else { @for (at, id) in it.who.iter().enumerate() { @if at > 0 { " " } a href=(site.url(&format!("/records/{}", percent(id)))) { (lang.pick("记录", "record")) } } } }
                } } }
            } }
        }
    };
    Ok(page(site, &who, standard.title.get(lang), body))
}

async fn list(State(room): State<Room>, who: Who) -> ApiResult<Json<Json_>> {
    let standards = room.register.standards();
    let of = std::sync::Arc::clone(&standards);
    let table = room.site.world.read(&who.actor, move |tx| staffing::table(tx, &of)).await?;
    let heads: Vec<_> = standards
        .staffing
        .iter()
        .map(|it| json!({"id": it.id, "title": it.title, "level": crate::model::level_name(it.level), "least": it.least, "both": it.both, "sources": it.sources}))
        .collect();
    let rows: Vec<_> = table
        .rows
        .iter()
        .map(|(region, name, cells)| json!({"region": region, "name": name, "cells": cells}))
        .collect();
    Ok(Json(json!({"standards": heads, "items": rows})))
}

async fn units(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> ApiResult<Json<Json_>> {
    let (_, units) = read(&room, &who, &id, &asked).await?;
    Ok(Json(json!({"items": units, "next": null})))
}
