//! The public page and its feed: originals we forwarded that are in force, notices approved by name, nothing
//! else. Off until switched on; no log-in, no names of people.

use anlan_kernel::{Actor, Instant, Lang, Permission};
use anlan_monitor::Signal;
use anlan_store::{StoreError, Tx, params};
use anlan_web::{ApiError, ApiResult, Site, Who, asset, bare_page, percent};
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use maud::{Markup, PreEscaped, html};

use super::{
    diff,
    model::{Notice, Paper},
    service::{paper_of, public_page_is_on},
};
use crate::{api::Room, pages::parts::invented};

/// Most entries shown.
const MOST: usize = 100;

/// One thing the public may read.
pub(crate) struct Entry {
    id: String,
    title: String,
    author: String,
    lines: Vec<String>,
    at: Instant,
    relayed: bool,
    invented: bool,
}

/// Everything the public may read, newest first.
fn entries(tx: &mut Tx<'_>) -> Result<Vec<Entry>, StoreError> {
    let now = tx.now();
    let holds = "state = 'in_force' AND forwarded_at IS NOT NULL AND (expires_at IS NULL OR expires_at > $1)";
    let signals: Vec<Signal> = tx.find(holds, "ORDER BY received_at DESC, id LIMIT $2", params![now, MOST])?;
    let mut entries: Vec<Entry> = signals.into_iter().map(relayed).collect();
    let approved = "standing = 'in_force' AND public_version = issued";
    for notice in tx.find::<Notice>(approved, "ORDER BY changed_at DESC, id LIMIT $1", params![MOST])? {
        entries.extend(paper_of(tx, &notice, notice.issued)?.map(|it| own(&notice, &it)));
    }
    entries.sort_by_key(|it| std::cmp::Reverse(it.at));
    Ok(entries)
}

fn relayed(it: Signal) -> Entry {
    Entry {
        id: format!("signal/{}", it.id),
        title: it.title,
        author: it.issuer,
        lines: it.text.lines().map(str::to_owned).collect(),
        at: it.issued_at.unwrap_or(it.received_at),
        relayed: true,
        invented: it.invented,
    }
}

fn own(notice: &Notice, paper: &Paper) -> Entry {
    let invented = paper.content.facts.signals.iter().any(|it| it.invented);
    Entry {
        id: format!("notice/{}", paper.id),
        title: format!("{}（{}）", paper.content.title, paper.number.as_deref().unwrap_or_default()),
        author: notice.hat.clone(),
        lines: diff::lines(paper).into_iter().skip(1).collect(),
        at: paper.issued_at.unwrap_or(paper.drafted_at),
        relayed: false,
        invented,
    }
}

async fn read(site: &Site) -> ApiResult<Option<Vec<Entry>>> {
    let reader = Actor::system("public-page");
    Ok(site.world.read(&reader, |tx| if public_page_is_on(tx)? { entries(tx).map(Some) } else { Ok(None) }).await?)
}

/// The page.
pub(crate) async fn show(State(room): State<Room>, who: Who) -> ApiResult<Markup> {
    let (site, lang) = (&room.site, who.lang);
    let entries = read(site).await?.ok_or_else(ApiError::not_found)?;
    let title = lang.pick("预警信息转发与风险提示", "Forwarded warnings and risk notices");
    let body = html! {
        link rel="stylesheet" href=(asset(site, "notice.css"));
        main.public {
            h1 { (site.speaker) " · " (title) }
            p.soft.small { (lang.pick("数据截至 ", "as of ")) time datetime=(site.world.now().to_rfc3339()) { (site.world.now().wall()) } " · "
                a href=(site.url("/api/v1/notices.atom")) { "Atom" } }
            @if entries.is_empty() { p { (lang.pick("目前没有转发中的预警信息，也没有公开的风险提示。", "Nothing is forwarded and no notice is public at present.")) } }
            @for it in &entries {
                article.card {
                    header { h2 { (it.title) (invented(it.invented, lang)) } }
                    p.small.soft {
                        (if it.relayed { lang.pick("转发原文，发布单位：", "forwarded unchanged; issued by: ") } else { lang.pick("风险提示，发出单位：", "risk notice of: ") })
                        (it.author) " · " time datetime=(it.at.to_rfc3339()) { (it.at.wall()) }
                    }
                    @for line in &it.lines { p { (line) } }
                }
            }
            p.small.soft {
                (lang.pick(
                    "示意信息，以发布单位原文为准；预警由有权单位发布，本页只作转发。",
                    "For orientation; the issuer's original holds. Warnings are issued by the authorities entitled to; this page only forwards.",
                ))
            }
        }
    };
    Ok(bare_page(site, lang, title, body))
}

/// The same as a feed. While the page is off, only readers of the desk get it.
pub(crate) async fn feed(State(room): State<Room>, who: Who) -> ApiResult<Response> {
    let site = &room.site;
    let entries = match read(site).await? {
        Some(entries) => entries,
        None if who.may(Permission::SeeDesk) => site.world.read(&who.actor, issued).await?,
        None => return Err(ApiError::not_found()),
    };
    let kind = "application/atom+xml; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], atom(site, &entries)).into_response())
}

/// What was issued in the reader's duty areas and is in force.
fn issued(tx: &mut Tx<'_>) -> Result<Vec<Entry>, StoreError> {
    let mut entries = Vec::new();
    for notice in tx.find::<Notice>("standing = 'in_force'", "ORDER BY changed_at DESC, id LIMIT $1", params![MOST])? {
        entries.extend(paper_of(tx, &notice, notice.issued)?.map(|it| own(&notice, &it)));
    }
    Ok(entries)
}

fn atom(site: &Site, entries: &[Entry]) -> String {
    let world = percent(site.world.name());
    let updated = entries.iter().map(|it| it.at).max().unwrap_or(Instant(0));
    let words = site.world_words(Lang::Zh);
    let mark = if words.is_empty() { String::new() } else { format!("【{words}】") };
    let feed = html! {
        (PreEscaped("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"))
        feed xmlns="http://www.w3.org/2005/Atom" xml:lang="zh-CN" {
            id { "tag:anlan,2023:" (world) "/notices" }
            title { (mark) (clean(&site.speaker)) " · 预警信息转发与风险提示" }
            updated { (updated.to_rfc3339()) }
            author { name { (clean(&site.speaker)) } }
            link rel="self" href=(site.url("/api/v1/notices.atom")) {}
            @for it in entries {
                entry {
                    id { "tag:anlan,2023:" (world) "/" (percent(&it.id)) }
                    title { (mark) (clean(&it.title)) @if it.invented { "（演示编造）" } }
                    updated { (it.at.to_rfc3339()) }
                    author { name { (clean(&it.author)) } }
                    category term=(if it.relayed { "relay" } else { "notice" }) {}
                    content type="text" { (clean(&it.lines.join("\n"))) }
                }
            }
        }
    };
    feed.into_string()
}

/// Without characters that XML forbids.
fn clean(text: &str) -> String {
    text.chars().filter(|it| !it.is_control() || matches!(it, '\n' | '\t')).collect()
}
