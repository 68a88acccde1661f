//! The overview of the register, and the list of one kind.

mod filter;
mod table;

pub(super) use table::graded;

use std::collections::HashMap;

use anlan_kernel::{Permission, Problem};
use anlan_store::{Event, StoreError, Tx, Urgency};
use anlan_web::{Access, ApiResult, Routes, Who, asset, list::workbook, page as layout};
use axum::{
    Form,
    extract::{Path, RawQuery, State},
    response::Response,
};
use maud::{Markup, html};
use serde_json::json;

use super::{
    Of, Record, Room, View,
    list::{self, Asked, Counted, Fresh, Page, Reader},
    refs::Names,
    show, views,
};
use crate::{
    export,
    kinds::{Field, Kind},
};

/// Names in an address that are not the list's.
pub(crate) const OWN: &[&str] = &["view", "cursor", "limit", "at"];

/// Doors of lists.
pub(super) fn routes(routes: Routes<Room>) -> Routes<Room> {
    let see = Access::Needs(Permission::SeeRegister);
    routes
        .get("/register", see, "台账", "Register", overview)
        .get("/register/{kind}", see, "一类台账的列表", "The list of a kind", show_list)
        .post("/register/{kind}/selection.xlsx", see, "导出勾选的记录", "Selected records as a sheet", selection)
}

/// The pairs of an address's query.
pub(crate) fn pairs(query: &str) -> Vec<(String, String)> {
    let parts = query.trim_start_matches('?').split('&').filter(|it| !it.is_empty());
    parts
        .map(|it| it.split_once('=').unwrap_or((it, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(at) {
        let code =
            (*byte == b'%').then(|| text.get(at + 1..at + 3).and_then(|it| u8::from_str_radix(it, 16).ok())).flatten();
        match (byte, code) {
            (_, Some(code)) => {
                out.push(code);
                at += 2;
            }
            (b'+', None) => out.push(b' '),
            _ => out.push(*byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// How many of a kind there are, and how many of them wait to be verified.
struct Standing {
    all: i64,
    due: Option<Counted>,
}

async fn overview(State(room): State<Room>, who: Who) -> ApiResult<Markup> {
    let (catalog, lang) = (room.register.catalog(), who.lang);
    let (wanted, reader) = (catalog.clone(), Reader::of(&who));
    let standing = room.site.world.read(&who.actor, move |tx| standing(tx, &wanted, &reader)).await?;
    let title = lang.pick("台账", "Register");
    let body = html! {
        (style(&room))
        main.register {
            h1 { (title) }
            @if standing.is_empty() { p.card.said {
                (lang.pick("还没有台账类别：在 管理 → 业务包 里启用业务包。", "There are no kinds yet: put packs in force under Manage → Packs."))
            } }
            div.columns { @for (group, kinds) in catalog.groups() { section.card {
                header { h2 { (group.get(lang)) } }
                table { tbody { @for kind in kinds { (kind_row(&room, &who, kind, standing.get(&kind.id))) } } }
            } } }
        }
    };
    Ok(layout(&room.site, &who, title, body))
}

fn kind_row(room: &Room, who: &Who, kind: &Kind, standing: Option<&Standing>) -> Markup {
    let (lang, path) = (who.lang, format!("/register/{}", kind.id));
    let all = standing.map_or(0, |it| it.all);
    let due = standing.and_then(|it| it.due).filter(|it| it.all > 0);
    html! { tr {
        td { a href=(room.url(&path)) { (kind.title.get(lang)) } }
        td.num { (all) }
        td {
            @if all == 0 && who.may(Permission::EditRegister) {
                a.small href=(room.url(&format!("{path}/import"))) { (lang.pick("导入", "Import")) } " "
                a.small href=(room.url(&format!("{path}/new"))) { (lang.pick("新增", "Add")) }
            } @else if let Some(due) = due {
                a.small href=(room.url(&format!("{path}?fresh=due"))) { (lang.pick("待核实 ", "to verify ")) span.num { (due.all) @if due.more { "+" } } }
            } @else if all > 0 && kind.verify_every.is_some() { span.small.done { (lang.pick("✓ 都已核实", "✓ all verified")) } }
        }
    } }
}

fn standing(
    tx: &mut Tx<'_>,
    catalog: &crate::kinds::Catalog,
    reader: &Reader,
) -> Result<HashMap<String, Standing>, StoreError> {
    let sql = "SELECT r.kind, COUNT(*) FROM record r WHERE {scope:r.region} GROUP BY r.kind";
    let counts = tx.query(sql, &[])?;
    let counts: HashMap<String, i64> =
        counts.iter().map(|it| Ok((it.text(0)?, it.int(1)?))).collect::<Result<_, StoreError>>()?;
    let mut found = HashMap::new();
    for kind in catalog.kinds() {
        let all = counts.get(&kind.id).copied().unwrap_or(0);
        let asked = Asked { fresh: Some(Fresh::Due), ..Asked::everything(reader) };
        let due = if all > 0 && kind.verify_every.is_some() { Some(list::count(tx, kind, &asked)?) } else { None };
        found.insert(kind.id.clone(), Standing { all, due });
    }
    Ok(found)
}

pub(super) fn style(room: &Room) -> Markup {
    html! {
        link rel="stylesheet" href=(asset(&room.site, "register.css"));
        script type="module" src=(asset(&room.site, "register.js")) {}
    }
}

/// Everything a list's page shows.
struct Shown {
    of: Of,
    asked: Asked,
    page: Page,
    all: i64,
    names: Names,
    sums: Option<HashMap<String, f64>>,
    views: Vec<View>,
    regions: Vec<(String, String)>,
    owners: HashMap<String, String>,
}

impl Shown {
    /// Columns after the name: fields, and `region`, `verified`, `owner`, `changed`, `place`.
    fn columns(&self) -> Vec<String> {
        if !self.asked.columns.is_empty() {
            return self.asked.columns.clone();
        }
        let of = &self.of;
        let chosen = of.kind.fields.iter().filter(|it| it.column && it.id != of.kind.name && of.reader.sees(it));
        let mut columns: Vec<String> = chosen.map(|it| it.id.clone()).collect();
        columns.insert(0, "region".to_owned());
        columns.push("verified".to_owned());
        columns
    }

    fn field(&self, id: &str) -> Option<&Field> {
        self.of.kind.field(id)
    }
}

async fn show_list(
    State(room): State<Room>,
    who: Who,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
) -> ApiResult<Markup> {
    let of = room.of(&who, &kind)?;
    let pairs = pairs(&query.unwrap_or_default());
    // What an old address or another version of the pack asks for is left out.
    let (asked, _) = Asked::of(&of.catalog, &of.kind, &of.reader, &pairs, OWN);
    let view = pairs.iter().find(|it| it.0 == "view").map(|it| it.1.clone());
    let shown = room.site.world.read(&who.actor, move |tx| read(tx, &of, &asked)).await?;
    let title = shown.of.kind.title.get(who.lang).to_owned();
    let body = html! {
        (style(&room))
        main.register.with-drawer {
            div.register-main { (head(&room, &who, &shown)) (filter::bar(&room, &who, &shown, view.as_deref())) (table::show(&room, &who, &shown)) }
            aside.drawer id="drawer" hidden aria-label=(who.lang.pick("详情", "Details")) tabindex="-1" {}
        }
    };
    Ok(layout(&room.site, &who, &title, body))
}

fn read(tx: &mut Tx<'_>, of: &Of, asked: &Asked) -> Result<Shown, StoreError> {
    let page = list::page(tx, &of.kind, asked)?;
    let all = if asked.is_narrowed() {
        list::count(tx, &of.kind, &Asked::everything(&of.reader))?.all
    } else {
        page.counted.all
    };
    let records: Vec<&Record> = page.items.iter().collect();
    let names = Names::of(tx, &of.catalog, &of.kind, &of.reader, &records)?;
    let mut shown = Shown {
        of: of.clone(),
        asked: Asked { page: page.page, ..asked.clone() },
        all,
        names,
        sums: None,
        views: views::of_kind(tx, &of.kind.id)?,
        regions: regions(tx)?,
        owners: HashMap::new(),
        page,
    };
    if let Some(owner) = &asked.owner {
        let units = Names::of_units(tx, [owner.clone()])?;
        shown.owners.insert(owner.clone(), units.unit(owner));
    }
    let columns = shown.columns();
    let summed: Vec<&Field> = of.kind.sums().filter(|it| of.reader.sees(it) && columns.contains(&it.id)).collect();
    shown.sums = list::sums(tx, &of.kind, asked, &summed, shown.page.counted)?;
    Ok(shown)
}

/// Streets and communities of the reader's duty areas.
fn regions(tx: &mut Tx<'_>) -> Result<Vec<(String, String)>, StoreError> {
    let rows = tx.query("SELECT code, name FROM region ORDER BY code", &[])?;
    let mut found = Vec::new();
    for row in rows {
        let (code, name) = (row.text(0)?, row.text(1)?);
        if anlan_kernel::RegionCode::parse(&code).is_ok_and(|it| tx.actor().scope.covers(&it)) {
            found.push((code, name));
        }
    }
    Ok(found)
}

fn head(room: &Room, who: &Who, shown: &Shown) -> Markup {
    let (lang, kind, counted) = (who.lang, &shown.of.kind, shown.page.counted);
    let to = |rest: &str| room.url(&format!("/register/{}{rest}", kind.id));
    let query = Asked { page: 1, ..shown.asked.clone() }.query();
    html! { header.row {
        h1 { (kind.title.get(lang)) }
        span.soft role="status" {
            @if shown.asked.is_narrowed() { (lang.pick("筛得 ", "filtered ")) b.num { (counted.all) @if counted.more { "+" } } (lang.pick(" 条，", ", ")) }
            (lang.pick("共 ", "in all ")) b.num { (shown.all) } (lang.pick(" 条 · 数据截至 ", " · as of ")) span.num { (room.site.world.now().clock()) }
        }
        span.end.row {
            a.button href=(to(&format!("/pivot?{query}"))) { (lang.pick("透视", "Pivot")) }
            a.button href=(to(&format!("/export.xlsx?{query}"))) download { (lang.pick("导出筛得", "Export")) }
            @if who.may(Permission::EditRegister) {
                a.button href=(to("/import")) { (lang.pick("导入", "Import")) }
                a.button.main href=(to("/new")) data-key="n" { (lang.pick("新增", "Add")) }
            }
        }
    } }
}

/// What is selected, as a sheet: every field the reader sees, masked ones masked.
async fn selection(
    State(room): State<Room>,
    who: Who,
    Path(kind): Path<String>,
    Form(form): Form<Vec<(String, String)>>,
) -> ApiResult<Response> {
    let of = room.of(&who, &kind)?;
    let ids: Vec<String> = form.into_iter().filter(|it| it.0 == "id").map(|it| it.1).take(1_000).collect();
    if ids.is_empty() {
        return Err(Problem::new("bad_selection", "请先勾选记录", "select records first").into());
    }
    let (name, lang) = (of.kind.id.clone(), who.lang);
    let unit = move |tx: &mut Tx<'_>| {
        let records: Vec<Record> = list::records(tx, &ids)?.into_iter().filter(|it| it.kind == of.kind.id).collect();
        let names = Names::of(tx, &of.catalog, &of.kind, &of.reader, &records.iter().collect::<Vec<_>>())?;
        let fields: Vec<&Field> = of.kind.fields.iter().filter(|it| of.reader.sees(it) && it.in_sheets()).collect();
        let mut table = vec![fields.iter().map(|it| it.heading(lang)).collect::<Vec<_>>()];
        table[0].extend([lang.pick("区划代码", "Region code").to_owned(), lang.pick("责任区", "Region").to_owned()]);
        for record in &records {
            let cell = |field: &&Field| show::cell(&of.catalog, &names, field, record, &of.reader, lang);
            let mut row: Vec<String> =
                fields.iter().map(|it| cell(it).map(|it| it.words).unwrap_or_default()).collect();
            row.extend([record.region.to_string(), names.region(record.region.as_str())]);
            table.push(row);
        }
        tx.record(
            Event::new("register.exported", &of.kind.id).detail(json!({"count": records.len(), "selected": true})),
        )?;
        Ok(table)
    };
    let table = room.site.world.write("selection.export", Urgency::Urgent, &who.actor, unit).await?;
    Ok(workbook(&name, export::xlsx(&table)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_comes_apart_as_browsers_write_it() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            pairs("q=%E4%B8%9C+%E6%B9%96&f.a.min=1&x"),
            [pair("q", "东 湖"), pair("f.a.min", "1"), pair("x", "")]
        );
        assert_eq!(pairs("?q=100%&r=%zz&&s=%E4"), [pair("q", "100%"), pair("r", "%zz"), pair("s", "\u{fffd}")]);
        assert_eq!(pairs("q=%你"), [pair("q", "%你")]);
    }
}
