//! What was refused (未接收), with its reason and the input itself.

use anlan_kernel::Lang;
use anlan_register::export::xlsx;
use anlan_store::StoreError;
use anlan_web::{
    ApiResult, Who,
    list::{Asked, Asking, Column, Filter, Found, Kind, List, Part, View, workbook},
    page,
};
use axum::{extract::State, response::Response};
use maud::{Markup, html};

use crate::{api::Room, model::Rejected, rejected::KEPT, store};

static LIST: List = List {
    path: "/rejected",
    columns: &[
        Column { key: "at", words: ("时间", "Time"), order: "at" },
        Column { key: "source", words: ("来源", "Source"), order: "source" },
        Column { key: "", words: ("原因", "Reason"), order: "" },
        Column { key: "bytes", words: ("字节", "Bytes"), order: "bytes" },
        Column { key: "", words: ("原文", "As it came"), order: "" },
    ],
    filters: &[
        Filter { name: "source", words: ("全部来源", "every source"), kind: Kind::Found },
        Filter { name: "q", words: ("来源或原文中的字", "letters of source or input"), kind: Kind::Text },
    ],
    order: "-at",
};

/// Characters that stand in the row itself.
const BRIEF: usize = 120;
/// Inputs of one sheet; each may be as long as what is kept.
const INPUTS: i64 = 1_000;
/// Characters of a cell; a spreadsheet takes 32 767.
const CELL: usize = 10_000;

async fn read(room: &Room, who: &Who, asked: &Asked, part: Part) -> ApiResult<(Found<Rejected>, Vec<String>)> {
    let asked = asked.clone();
    let read = room.site.world.read(&who.actor, move |tx| {
        let found = store::rejected_find(tx, &asked, part)?;
        let sources = store::rejected_sources(tx)?;
        Ok::<_, StoreError>((found, sources))
    });
    Ok(read.await?)
}

pub(super) async fn show(State(room): State<Room>, who: Who, asking: Asking) -> ApiResult<Markup> {
    let asked = LIST.asked(&asking);
    let (found, sources) = read(&room, &who, &asked, Part::Page).await?;
    let (lang, site) = (who.lang, &room.site);
    let view = View {
        id: "rejected",
        live: "",
        found: &found,
        options: &[("source", sources.into_iter().map(|it| (it.clone(), it)).collect())],
        rows: html! { @for it in &found.items { (row(lang, it)) } },
        export: true,
    };
    let title = lang.pick("未接收", "Not taken");
    Ok(page(site, &who, title, html! { main { h1 { (title) } (asked.show(site, lang, view)) } }))
}

fn row(lang: Lang, it: &Rejected) -> Markup {
    html! {
        tr {
            td.num { (it.at.wall()) }
            td { (it.source) }
            td { (it.problem.sentence(lang)) }
            td.num { (it.bytes) }
            td { details {
                summary { code { (brief(&it.raw)) } @if it.base64 { " " span.tag { (lang.pick("二进制", "base64")) } } }
                pre { (it.raw) }
                @if cut(it) { p.small.soft { (lang.pick("只保存开头部分", "only the beginning was kept")) } }
            } }
        }
    }
}

fn brief(raw: &str) -> String {
    let line: String = raw.chars().take(BRIEF).map(|it| if it.is_control() { ' ' } else { it }).collect();
    if raw.chars().nth(BRIEF).is_some() { line + "…" } else { line }
}

fn cut(it: &Rejected) -> bool {
    usize::try_from(it.bytes).is_ok_and(|bytes| bytes > KEPT)
}

pub(super) async fn export(State(room): State<Room>, who: Who, asking: Asking) -> ApiResult<Response> {
    let asked = LIST.asked(&asking);
    let (found, _) = read(&room, &who, &asked, Part::Sheet(INPUTS)).await?;
    let lang = who.lang;
    let table = asked.sheet(lang, &found, |it| {
        vec![it.at.wall(), it.source.clone(), it.problem.sentence(lang), it.bytes.to_string(), cell(&it.raw, lang)]
    });
    Ok(workbook("rejected", xlsx(&table)?))
}

/// As much as a cell takes; the page and the API have it in full.
fn cell(raw: &str, lang: Lang) -> String {
    let mut shown: String = raw.chars().take(CELL).collect();
    if shown.len() < raw.len() {
        shown += lang.pick("……（单元格放不下，全文见“未接收”页面）", "… (cut to fit the cell; in full on the page)");
    }
    shown
}
