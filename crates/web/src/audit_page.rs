//! The journal on screen (审计) for the audit administrator: search, page by page, who looked at a person, export.

use std::{collections::HashMap, sync::Arc};

use anlan_kernel::{Lang, Permission};
use anlan_store::StoreError;
use axum::{Json, extract::State, response::Response};
use maud::{Markup, html};
use serde_json::{Value as Json_, json};

use crate::{
    Access, ApiError, ApiResult, Mounted, Routes, Site, Who, accounts,
    audit::{self, ANY_LOOK, Entry, PAGE, SHEET, Search},
    event_words::{self, EVENTS},
    list::Asking,
    pages, percent,
    sheet::Form,
};

/// Characters of an entry's contents on the screen, and in a cell of a workbook.
const ON_SCREEN: usize = 2_000;
const IN_CELL: usize = 30_000;

/// The page, its files, and the same for programs.
pub fn routes(site: &Arc<Site>) -> Mounted {
    let audit = Access::Needs(Permission::Audit);
    Routes::new(site)
        .get("/audit", audit, "操作日志", "Journal", show)
        .get("/audit/export.xlsx", audit, "导出所筛选的日志", "The filtered journal as a workbook", xlsx)
        .get("/audit/export.csv", audit, "导出所筛选的日志（CSV）", "The filtered journal as CSV", csv)
        .get("/api/v1/journal/search", audit, "查询操作日志，新的在前", "Search the journal, newest first", search)
        .finish(Arc::clone(site))
}

type Names = HashMap<String, String>;

async fn show(State(site): State<Arc<Site>>, who: Who, address: Asking) -> ApiResult<Markup> {
    let asked = Search::of(&address)?;
    let mut found = audit::find(&site.world, &who.actor, &asked, PAGE + 1, "journal.searched").await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let names = names(&site, &who).await?;
    let lang = who.lang;
    let title = lang.pick("操作日志", "Journal");
    let body = html! {
        main {
            h1 { (title) @if asked.lookers_of().is_some() { " · " (lang.pick("谁查看过此人", "Who looked at this person")) } }
            p.soft.small { (lang.pick("只含已封存的记录，新的在前；每次查询和导出本身也记入日志。个人信息保持封存。", "Sealed entries, newest first; every search and export is journaled itself. Personal data stays sealed.")) }
            (form(&site, lang, &asked))
            @if let Some(person) = asked.lookers_of() { (lookers(&site, lang, person, &found)) }
            div.card.scroll tabindex="0" {
                (table(&site, lang, &found, &names))
                @if found.is_empty() { p.soft { (lang.pick("没有符合的记录", "no entry meets this")) } }
                (pager(&site, lang, &asked, address.contains_key("before"), found.last().filter(|_| more)))
            }
        }
    };
    Ok(pages::page(&site, &who, title, body))
}

async fn xlsx(site: State<Arc<Site>>, who: Who, address: Asking) -> ApiResult<Response> {
    export(site, who, address, Form::Xlsx).await
}

async fn csv(site: State<Arc<Site>>, who: Who, address: Asking) -> ApiResult<Response> {
    export(site, who, address, Form::Csv).await
}

async fn export(State(site): State<Arc<Site>>, who: Who, address: Asking, form: Form) -> ApiResult<Response> {
    let asked = Search::of(&address)?;
    let found = audit::find(&site.world, &who.actor, &asked, SHEET + 1, "journal.exported").await?;
    let names = names(&site, &who).await?;
    Ok(form.answer("journal", &rows(&found, &names, who.lang))?)
}

async fn search(State(site): State<Arc<Site>>, who: Who, address: Asking) -> ApiResult<Json<Json_>> {
    let limit = address.get("limit").map_or(Ok(PAGE), |it| it.parse()).ok().filter(|it| (1..=1_000).contains(it));
    let limit = limit.ok_or_else(|| ApiError::of(axum::http::StatusCode::BAD_REQUEST))?;
    let found = audit::find(&site.world, &who.actor, &Search::of(&address)?, limit, "journal.searched").await?;
    let next = found.last().filter(|_| found.len() == limit).map(|it| it.position);
    let entries: Vec<Json_> = found.into_iter().map(entry).collect();
    Ok(Json(json!({"entries": entries, "next": next})))
}

fn entry(it: Entry) -> Json_ {
    let some = |it: String| Some(it).filter(|it| !it.is_empty());
    json!({
        "position": it.position, "at": it.at, "actor": it.actor, "hat": some(it.hat), "event": it.event,
        "subject": it.subject, "region": some(it.region), "pack": some(it.pack), "body": it.body,
    })
}

async fn names(site: &Site, who: &Who) -> Result<Names, StoreError> {
    let all = accounts::list(&site.world, &who.actor).await?;
    Ok(all.into_iter().map(|it| (format!("user:{}", it.login), it.name)).collect())
}

fn actor(actor: &str, names: &Names) -> String {
    let short = actor.strip_prefix("user:").unwrap_or(actor);
    names.get(actor).map_or_else(|| short.to_owned(), |it| format!("{it}（{short}）"))
}

const HEADS: [(&str, &str); 8] = [
    ("序号", "No."),
    ("时间", "Time"),
    ("谁", "Who"),
    ("牌子", "Acting for"),
    ("事件", "Event"),
    ("对象", "Of what"),
    ("区划", "Region"),
    ("内容", "Contents"),
];

fn rows(found: &[Entry], names: &Names, lang: Lang) -> Vec<Vec<String>> {
    let heads = HEADS.iter().map(|it| lang.pick(it.0, it.1).to_owned());
    let more = [lang.pick("业务包", "Pack").to_owned(), lang.pick("事件代码", "Event code").to_owned()];
    let mut table = vec![heads.chain(more).collect::<Vec<_>>()];
    table.extend(found.iter().take(SHEET).map(|it| {
        vec![
            it.position.to_string(),
            it.at.to_rfc3339_shanghai(),
            actor(&it.actor, names),
            it.hat.clone(),
            event_words::title(&it.event).get(lang).to_owned(),
            it.subject.clone(),
            it.region.clone(),
            cut(&it.contents(), IN_CELL),
            it.pack.clone(),
            it.event.clone(),
        ]
    }));
    if found.len() > SHEET {
        table.push(vec![match lang {
            Lang::Zh => format!("只含最新的 {SHEET} 条；请缩小时间范围后分次导出"),
            Lang::En => format!("the newest {SHEET} only; narrow the time and export in parts"),
        }]);
    }
    table
}

fn cut(text: &str, most: usize) -> String {
    let mut letters = text.chars();
    let kept: String = letters.by_ref().take(most).collect();
    if letters.next().is_some() { kept + "…" } else { kept }
}

fn table(site: &Site, lang: Lang, found: &[Entry], names: &Names) -> Markup {
    let with = |name: &str, value: &str| site.url(&format!("/audit?{name}={}", percent(value)));
    html! {
        table.figures {
            thead { tr { @for (zh, en) in HEADS { th scope="col" { (lang.pick(zh, en)) } } } }
            tbody { @for it in found { tr {
                td.num { (it.position) }
                td.num { (it.at.wall()) }
                td { a href=(with("actor", &it.actor)) { (actor(&it.actor, names)) } }
                td { (it.hat) }
                td title=(it.event) { (event_words::title(&it.event).get(lang)) }
                td { a href=(with("subject", &it.subject)) { (cut(&it.subject, 60)) }
                    @if it.subject.starts_with("person:") || it.event.ends_with(".unmasked") { " " a.small href=(looked_at(site, &it.subject)) { (lang.pick("谁查看过", "who looked")) } } }
                td.num { (it.region) }
                td { @let contents = it.contents(); @if !contents.is_empty() {
                    details { summary { (lang.pick("展开", "show")) } pre.digest { (cut(&contents, ON_SCREEN)) } } } }
            } } }
        }
    }
}

/// Who looked at this person's data.
fn looked_at(site: &Site, person: &str) -> String {
    site.url(&format!("/audit?event={ANY_LOOK}&subject={}", percent(person)))
}

fn lookers(site: &Site, lang: Lang, person: &str, found: &[Entry]) -> Markup {
    let mut who: Vec<&str> = found.iter().map(|it| it.actor.as_str()).collect();
    who.sort_unstable();
    who.dedup();
    let whole = site.url("/audit?event=people.exported");
    html! {
        p.note { @match lang {
            Lang::Zh => { (person) "：本页 " (found.len()) " 次查看，" (who.len()) " 人。整册导出也含此人：" a href=(whole) { "导出名册的记录" } "。" },
            Lang::En => { (person) ": " (found.len()) " looks by " (who.len()) " on this page. Whole rosters hold the person too: " a href=(whole) { "exports" } "." },
        } }
    }
}

fn pager(site: &Site, lang: Lang, asked: &Search, later: bool, last: Option<&Entry>) -> Markup {
    let words = asked.words();
    html! {
        p.row.pager {
            @if later { a href=(site.url(&format!("/audit?{words}"))) { (lang.pick("« 最新", "« newest")) } }
            @if let Some(last) = last {
                a rel="next" href=(site.url(&format!("/audit?{words}&before={}", last.position))) { (lang.pick("更早 ›", "older ›")) }
            }
        }
    }
}

fn form(site: &Site, lang: Lang, asked: &Search) -> Markup {
    let text = |name: &str, zh: &str, en: &str| {
        let label = lang.pick(zh, en);
        html! { input type="search" name=(name) value=(asked.get(name)) maxlength="100" placeholder=(label) aria-label=(label); }
    };
    let time = |name: &str, zh: &str, en: &str| {
        html! { label { (lang.pick(zh, en)) " " input type="datetime-local" name=(name) value=(asked.get(name)); } }
    };
    let words = asked.words();
    let file = |kind: &str| site.url(&format!("/audit/export.{kind}?{words}"));
    html! {
        form.row method="get" action=(site.url("/audit")) data-filter {
            (time("from", "从", "from")) (time("to", "到", "to"))
            (text("actor", "谁（登录名）", "Who (log-in)"))
            select name="event" aria-label=(lang.pick("事件", "Event")) {
                option value="" { (lang.pick("事件", "Event")) }
                option value=(ANY_LOOK) selected[asked.get("event") == ANY_LOOK] { (lang.pick("查看、导出个人信息", "looks at personal data")) }
                @for (key, zh, en) in EVENTS { option value=(key) selected[asked.get("event") == *key] { (lang.pick(zh, en)) } }
            }
            (text("subject", "对象（编号）", "Of what (id)"))
            (text("region", "区划代码", "Region code"))
            (text("text", "对象含有", "Id contains"))
            button type="submit" { (lang.pick("查找", "Find")) }
            @if !words.is_empty() { a href=(site.url("/audit")) { (lang.pick("清除筛选", "Clear the filter")) } }
            span.end { a.button href=(file("xlsx")) download { (lang.pick("导出", "Export")) } " " a.small href=(file("csv")) download { "CSV" } }
        }
    }
}
