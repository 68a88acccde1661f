//! The pivot on its page, as JSON, and as a sheet.

use anlan_kernel::{Lang, Permission};
use anlan_store::{Event, StoreError, Tx, Urgency};
use anlan_web::{Access, ApiResult, Routes, Who, asset, list::workbook, page as layout};
use axum::{
    Json,
    extract::{Path, RawQuery, State},
    response::Response,
};
use maud::{Markup, html};
use rust_xlsxwriter::Workbook;
use serde_json::{Value as Json_, json};

use super::{
    super::{
        Of, Room,
        list::{Asked, joined},
        page,
    },
    Axis, Figure, Key, NAMES, Pivot, Shape, condition_of, is_axis, narrowed, read,
};

/// Bars of the chart.
const BARS: usize = 30;
/// Height of a bar with its gap, in the chart's units.
const STEP: usize = 26;

/// Doors of pivots.
pub(in super::super) fn routes(routes: Routes<Room>) -> Routes<Room> {
    let see = Access::Needs(Permission::SeeRegister);
    routes
        .get("/register/{kind}/pivot", see, "透视表与图", "Pivot and chart", show)
        .get("/register/{kind}/pivot.xlsx", see, "透视表导出", "The pivot as a sheet", sheet)
        .get("/api/v1/register/{kind}/pivot", see, "透视", "The pivot", json_of)
}

/// A pivot with what it was asked by.
struct Asked_ {
    of: Of,
    asked: Asked,
    shape: Shape,
    pivot: Pivot,
}

async fn look(room: &Room, who: &Who, kind: &str, query: Option<String>) -> ApiResult<Asked_> {
    let of = room.of(who, kind)?;
    let pairs = page::pairs(&query.unwrap_or_default());
    let shape = Shape::of(&of, &pairs)?;
    let also: Vec<&str> = NAMES.iter().chain(page::OWN).copied().collect();
    let (asked, mut wrong) = Asked::of(&of.catalog, &of.kind, &of.reader, &pairs, &also);
    if let Some(problem) = wrong.pop() {
        return Err(problem.into());
    }
    let (wanted, by, form, lang) = (of.clone(), asked.clone(), shape.clone(), who.lang);
    let pivot = room.site.world.read(&who.actor, move |tx| read(tx, &wanted, &by, &form, lang)).await?;
    Ok(Asked_ { of, asked, shape, pivot })
}

async fn json_of(
    State(room): State<Room>,
    who: Who,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<Json_>> {
    let it = look(&room, &who, &kind, query).await?;
    let words = |all: &[Key], words: &std::collections::HashMap<Key, String>| -> Vec<Json_> {
        all.iter().map(|key| json!({"value": key, "words": words.get(key)})).collect()
    };
    let figure = |figure: &Figure| match it.shape.sum {
        Some(_) => json!({"count": figure.count, "sum": figure.sum}),
        None => json!({"count": figure.count}),
    };
    let cells: Vec<Json_> = it
        .pivot
        .cells
        .iter()
        .map(|((row, column), cell)| json!({"row": row, "column": column, "figure": figure(cell)}))
        .collect();
    let totals = |all: &std::collections::BTreeMap<Key, Figure>| -> Vec<Json_> {
        all.iter().map(|(key, it)| json!({"value": key, "figure": figure(it)})).collect()
    };
    Ok(Json(json!({
        "rows": words(&it.pivot.rows, &it.pivot.row_words), "columns": words(&it.pivot.columns, &it.pivot.column_words),
        "cells": cells, "of_rows": totals(&it.pivot.of_rows), "of_columns": totals(&it.pivot.of_columns),
        "total": figure(&it.pivot.total),
    })))
}

impl Asked_ {
    fn number(&self, figure: Option<&Figure>) -> f64 {
        let figure = figure.copied().unwrap_or_default();
        if self.shape.sum.is_some() { figure.sum } else { figure.count as f64 }
    }

    fn cell(&self, row: &Key, column: &Key) -> Option<&Figure> {
        self.pivot.cells.get(&(row.clone(), column.clone()))
    }

    fn value_words(&self, lang: Lang) -> String {
        match self.shape.sum.as_ref().and_then(|it| self.of.kind.field(it)) {
            Some(field) => field.heading(lang),
            None => lang.pick("条数", "Records").to_owned(),
        }
    }

    /// The list behind groups.
    fn link(&self, room: &Room, groups: &[(&Axis, &Key)]) -> Option<String> {
        let groups: Vec<_> = groups.iter().map(|(axis, key)| condition_of(&self.of, &self.asked, axis, key)).collect();
        let pairs = narrowed(&self.asked, &groups)?;
        Some(room.url(&format!("/register/{}?{}", self.of.kind.id, joined(&pairs))))
    }

    fn query(&self) -> String {
        let pairs: Vec<_> = self.asked.conditions().into_iter().chain(self.shape.pairs()).collect();
        joined(&pairs)
    }
}

/// A number without needless digits.
pub(crate) fn plain(number: f64) -> String {
    let rounded = (number * 100.0).round() / 100.0;
    rounded.to_string()
}

async fn sheet(
    State(room): State<Room>,
    who: Who,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
) -> ApiResult<Response> {
    let it = look(&room, &who, &kind, query).await?;
    let bytes = book(&it, who.lang)?;
    let detail = json!({"pivot": it.query(), "count": it.pivot.total.count});
    let name = it.of.kind.id.clone();
    let unit = move |tx: &mut Tx<'_>| tx.record(Event::new("register.exported", &name).detail(detail.clone()));
    room.site.world.write("pivot.export", Urgency::Urgent, &who.actor, unit).await?;
    Ok(workbook(&format!("{}-pivot", it.of.kind.id), bytes))
}

fn book(it: &Asked_, lang: Lang) -> Result<Vec<u8>, StoreError> {
    let bad = |it: rust_xlsxwriter::XlsxError| StoreError::Io(it.to_string());
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let column = |at: usize| u16::try_from(at).unwrap_or(u16::MAX);
    let total = lang.pick("合计", "Total");
    let columns = &it.pivot.columns;
    sheet.write_string(0, 0, it.shape.rows.words(&it.of, lang)).map_err(bad)?;
    for (at, key) in columns.iter().enumerate() {
        sheet
            .write_string(0, column(at + 1), it.pivot.column_words.get(key).map_or("", String::as_str))
            .map_err(bad)?;
    }
    let last = column(columns.len() + 1);
    let head = if columns.is_empty() { it.value_words(lang) } else { total.to_owned() };
    sheet.write_string(0, last, head).map_err(bad)?;
    for (at, row) in it.pivot.rows.iter().enumerate() {
        let line = u32::try_from(at + 1).unwrap_or(u32::MAX);
        sheet.write_string(line, 0, it.pivot.row_words.get(row).map_or("", String::as_str)).map_err(bad)?;
        for (at, key) in columns.iter().enumerate() {
            sheet.write_number(line, column(at + 1), it.number(it.cell(row, key))).map_err(bad)?;
        }
        sheet.write_number(line, last, it.number(it.pivot.of_rows.get(row))).map_err(bad)?;
    }
    let line = u32::try_from(it.pivot.rows.len() + 1).unwrap_or(u32::MAX);
    sheet.write_string(line, 0, total).map_err(bad)?;
    for (at, key) in columns.iter().enumerate() {
        sheet.write_number(line, column(at + 1), it.number(it.pivot.of_columns.get(key))).map_err(bad)?;
    }
    sheet.write_number(line, last, it.number(Some(&it.pivot.total))).map_err(bad)?;
    book.save_to_buffer().map_err(bad)
}

async fn show(
    State(room): State<Room>,
    who: Who,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
) -> ApiResult<Markup> {
    let it = look(&room, &who, &kind, query).await?;
    let (lang, kind) = (who.lang, &it.of.kind);
    let title = format!("{} · {}", kind.title.get(lang), lang.pick("透视", "pivot"));
    let list = room.url(&format!("/register/{}?{}", kind.id, joined(&it.asked.conditions())));
    let body = html! {
        link rel="stylesheet" href=(asset(&room.site, "register.css"));
        main.register {
            p { a href=(list) { "‹ " (kind.title.get(lang)) } }
            h1 { (title) }
            (chooser(&room, &it, lang))
            @if it.pivot.rows.is_empty() { p.card.said { (lang.pick("筛选后没有记录", "nothing is filtered")) } }
            @else { div.columns.pivot { (chart(&it, lang)) (table(&room, &it, lang)) } }
            form.row method="post" action=(room.url(&format!("/register/{}/views", kind.id))) {
                input type="hidden" name="query" value=(it.query());
                input name="name" maxlength="40" required placeholder=(lang.pick("视图名称", "Name of the view")) aria-label=(lang.pick("视图名称", "Name of the view"));
                @if who.may(Permission::EditRegister) { label.check { input type="checkbox" name="shared" value="1"; (lang.pick("共享", "for everybody")) } }
                button type="submit" { (lang.pick("保存视图", "Keep this view")) }
                a.button href=(room.url(&format!("/register/{}/pivot.xlsx?{}", kind.id, it.query()))) download { (lang.pick("导出", "Export")) }
            }
        }
    };
    Ok(layout(&room.site, &who, &title, body))
}

fn chooser(room: &Room, it: &Asked_, lang: Lang) -> Markup {
    let kind = &it.of.kind;
    let mut axes = vec![Axis::Region(9), Axis::Region(12)];
    axes.extend(kind.fields.iter().filter(|field| is_axis(&it.of, field)).map(|it| Axis::Field(it.id.clone())));
    let option = |axis: &Axis, chosen: bool| {
        html! {
            option value=(axis.name()) selected[chosen] { (axis.words(&it.of, lang)) }
        }
    };
    html! { form.row method="get" action=(room.url(&format!("/register/{}/pivot", kind.id))) data-auto {
        @for (name, value) in it.asked.conditions() { input type="hidden" name=(name) value=(value); }
        label.check { (lang.pick("行", "Rows")) " " select name="rows" { @for axis in &axes { (option(axis, *axis == it.shape.rows)) } } }
        label.check { (lang.pick("列", "Columns")) " " select name="columns" {
            option value="" { (lang.pick("（无）", "(none)")) }
            @for axis in &axes { (option(axis, Some(axis) == it.shape.columns.as_ref())) }
        } }
        label.check { (lang.pick("值", "Value")) " " select name="value" {
            option value="count" { (lang.pick("条数", "Records")) }
            @for field in kind.sums().filter(|field| it.of.reader.sees(field)) {
                option value={ "sum:f." (field.id) } selected[it.shape.sum.as_ref() == Some(&field.id)] { (lang.pick("合计 ", "Sum of ")) (field.heading(lang)) }
            }
        } }
        button type="submit" { (lang.pick("看", "Show")) }
    } }
}

/// Bars of the first rows; figures stand in the table beside it.
fn chart(it: &Asked_, lang: Lang) -> Markup {
    let rows: Vec<_> = it.pivot.rows.iter().take(BARS).collect();
    let figures: Vec<f64> = rows.iter().map(|row| it.number(it.pivot.of_rows.get(*row))).collect();
    let most = figures.iter().copied().fold(0.0, f64::max);
    let height = rows.len() * STEP + 4;
    html! { section.card {
        header { h2 { (it.value_words(lang)) } }
        svg.bars viewBox={ "0 0 600 " (height) } width="100%" role="img" aria-label=(it.value_words(lang)) {
            @for (at, (row, figure)) in rows.iter().zip(&figures).enumerate() {
                @let width = if most > 0.0 { (figure.max(0.0) / most * 330.0).round() } else { 0.0 };
                text.bar-name x="150" y=(at * STEP + 18) text-anchor="end" { (cut(it.pivot.row_words.get(*row).map_or("", String::as_str))) }
                rect.bar-of x="160" y=(at * STEP + 5) width=(width) height="18" rx="2" {}
                text.bar-figure x=(width + 168.0) y=(at * STEP + 18) { (plain(*figure)) }
            }
        }
    } }
}

fn cut(words: &str) -> String {
    if words.chars().count() > 11 { words.chars().take(10).chain(['…']).collect() } else { words.to_owned() }
}

fn table(room: &Room, it: &Asked_, lang: Lang) -> Markup {
    let total = lang.pick("合计", "Total");
    let shown = |figure: Option<&Figure>, link: Option<String>| {
        let number = plain(it.number(figure));
        let some = figure.is_some_and(|it| it.count > 0);
        html! { td.num {
            @match link.filter(|_| some) { Some(to) => a href=(to) { (number) }, None => @if some { (number) } @else { span.faint { "0" } } }
        } }
    };
    let rows = &it.shape.rows;
    html! { section.card.scroll tabindex="0" { table {
        thead { tr {
            th scope="col" { (rows.words(&it.of, lang)) }
            @for key in &it.pivot.columns { th.num scope="col" { (it.pivot.column_words.get(key).map_or("", String::as_str)) } }
            th.num scope="col" { @if it.pivot.columns.is_empty() { (it.value_words(lang)) } @else { (total) } }
        } }
        tbody { @for row in &it.pivot.rows { tr {
            th scope="row" { (it.pivot.row_words.get(row).map_or("", String::as_str)) }
            @if let Some(columns) = &it.shape.columns {
                @for key in &it.pivot.columns { (shown(it.cell(row, key), it.link(room, &[(rows, row), (columns, key)]))) }
            }
            (shown(it.pivot.of_rows.get(row), it.link(room, &[(rows, row)])))
        } } }
        tfoot { tr {
            th scope="row" { (total) }
            @if let Some(columns) = &it.shape.columns {
                @for key in &it.pivot.columns { (shown(it.pivot.of_columns.get(key), it.link(room, &[(columns, key)]))) }
            }
            (shown(Some(&it.pivot.total), it.link(room, &[])))
        } }
    } } }
}
