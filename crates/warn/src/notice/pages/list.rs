//! Every notice, what of them waits, and the switch of the public page.

use anlan_kernel::{Lang, Permission};
use anlan_store::params;
use anlan_web::{ApiResult, Who, page};
use axum::{
    extract::{Form, Query, State},
    http::header,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    super::{
        api::{NoticeView, all_notices, count_notices, read_notices},
        draft,
        model::Standing,
        open::{OpenItem, open_items},
        query::{NoticeQuery, SORTS},
        service::public_page_is_on,
    },
    kind, moment, standing, style,
};
use crate::{
    api::{ListQuery, Room},
    model::Process,
    pages::{parts::hazard, parts::to},
};

/// Notices on one page where nobody asks for fewer.
const SHOWN: i64 = 50;

/// How many notices stand on one page.
#[derive(Deserialize)]
pub(super) struct Length {
    limit: Option<String>,
}

impl Length {
    fn most(&self) -> i64 {
        self.limit.as_deref().and_then(|it| it.parse().ok()).unwrap_or(SHOWN).clamp(1, SHOWN)
    }
}

/// The list, filtered and in the order asked for.
pub(super) async fn show(
    State(room): State<Room>,
    who: Who,
    Query(which): Query<NoticeQuery>,
    Query(length): Query<Length>,
) -> ApiResult<Markup> {
    let most = length.most();
    let query = ListQuery::first(usize::try_from(most).unwrap_or(1));
    let list = read_notices(&room, &who, &query, &which).await?;
    let (found, hats_there) = count_notices(&room, &who, &which).await?;
    let pages = (found + most - 1) / most;
    let (open, processes, hats) = room
        .site
        .world
        .read(&who.actor, |tx| {
            let processes: Vec<Process> =
                tx.find("open = 1 AND hazard <> 'directed'", "ORDER BY opened_at DESC LIMIT 50", params![])?;
            let (own, region) = (tx.actor().hat.clone(), processes.first().map(|it| it.region.clone()));
            let hats = region.map_or(Ok(Vec::new()), |it| draft::hats(tx, own.as_deref(), &it))?;
            Ok((open_items(tx)?, processes, hats))
        })
        .await?;
    let (lang, site) = (who.lang, &room.site);
    let title = lang.pick("风险提示单", "Risk notices");
    let body = html! {
        (style(site))
        main {
            h1 { (title) }
            div.columns {
                (waiting(&room, lang, &open))
                @if who.may(Permission::DraftNotice) { (begin(&room, lang, &processes, &hats)) }
            }
            div.card.scroll id="notices" data-live="notice." {
                header { h2 { (filter(&which, lang)) } span.soft.small.num { (found) }
                    span.more { (tabs(&room, lang, &which)) " " a href=(format!("{}{}", site.url("/notices/export.xlsx"), which.words())) download { (lang.pick("导出", "Export")) } } }
                (form(&room, lang, &which, &hats_there))
                table {
                    thead { tr { th { (lang.pick("文号", "number")) } th { (lang.pick("标题", "title")) } th { (lang.pick("状态", "state")) } th { (lang.pick("牌子", "hat")) } th.num { (lang.pick("时间", "time")) } } }
                    @for it in &list.items { (row(&room, lang, it)) }
                }
                @if list.items.is_empty() { p.soft { (lang.pick("无", "none")) } }
            }
            @if pages > 1 { (pager(&room, lang, &which, most, pages)) }
        }
    };
    Ok(page(site, &who, title, body))
}

/// Notices of one export at most.
const EXPORTED: usize = 5_000;

/// Every notice the filter finds, newest first, as a sheet.
pub(super) async fn export(
    State(room): State<Room>,
    who: Who,
    Query(which): Query<NoticeQuery>,
) -> ApiResult<Response> {
    let lang = who.lang;
    let titles = [
        ("文号", "Number"),
        ("标题", "Title"),
        ("状态", "State"),
        ("牌子", "Issued under"),
        ("灾种", "Hazard"),
        ("起草", "Begun"),
        ("最近变动", "Changed"),
        ("版数", "Papers"),
        ("发送", "Sent to"),
    ];
    let mut table = vec![titles.map(|(zh, en)| lang.pick(zh, en).to_owned()).to_vec()];
    let notices = all_notices(&room, &who, &which, EXPORTED).await?;
    table.extend(notices.iter().map(|it| {
        let notice = &it.notice;
        vec![
            notice.number.clone().unwrap_or_default(),
            notice.title.clone(),
            lang.pick(notice.standing.words().0, notice.standing.words().1).to_owned(),
            notice.hat.clone(),
            hazard(&notice.hazard, lang),
            notice.opened_at.wall(),
            notice.changed_at.wall(),
            notice.issued.to_string(),
            it.newest().map_or_else(String::new, |it| it.told.to_string()),
        ]
    }));
    let (found, _) = count_notices(&room, &who, &which).await?;
    if found > notices.len() as i64 {
        table.push(vec![match lang {
            Lang::Zh => format!("共 {found} 条，本表只到第 {} 条", notices.len()),
            Lang::En => format!("{found} in all; this sheet ends at number {}", notices.len()),
        }]);
    }
    let bytes = anlan_register::export::xlsx(&table)?;
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let name = "attachment; filename=\"notices.xlsx\"";
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)], bytes).into_response())
}

fn filter(which: &NoticeQuery, lang: Lang) -> String {
    let names = which.state.as_deref().unwrap_or_default();
    let words: Vec<_> = Standing::ALL
        .into_iter()
        .filter(|it| names.split(',').any(|name| name == it.name()))
        .map(|it| lang.pick(it.words().0, it.words().1))
        .collect();
    if words.is_empty() { lang.pick("全部", "all").to_owned() } else { words.join("、") }
}

/// The states, each with everything else that was asked for.
fn tabs(room: &Room, lang: Lang, which: &NoticeQuery) -> Markup {
    let here = room.site.url("/notices");
    let with = |state: Option<Standing>| {
        let state = state.map(|it| it.name().to_owned());
        format!("{here}{}", NoticeQuery { state, ..which.clone() }.words())
    };
    html! {
        a href=(with(None)) { (lang.pick("全部", "all")) }
        @for it in Standing::ALL { " " a href=(with(Some(it))) { (lang.pick(it.words().0, it.words().1)) } }
    }
}

/// State, 牌子, words and order; what a link brought along (process, region) stays.
fn form(room: &Room, lang: Lang, which: &NoticeQuery, hats: &[String]) -> Markup {
    let (state, hat) = (which.state.as_deref().unwrap_or_default(), which.hat.as_deref().unwrap_or_default());
    html! {
        form.row method="get" action=(room.site.url("/notices")) data-filter {
            @for (name, kept) in [("process", &which.process), ("region", &which.region)] {
                @if let Some(kept) = kept { input type="hidden" name=(name) value=(kept); }
            }
            select name="state" aria-label=(lang.pick("状态", "state")) {
                option value="" { (lang.pick("全部状态", "all states")) }
                @for it in Standing::ALL { option value=(it.name()) selected[state == it.name()] { (lang.pick(it.words().0, it.words().1)) } }
            }
            select name="hat" aria-label=(lang.pick("牌子", "hat")) {
                option value="" { (lang.pick("全部牌子", "all hats")) }
                @for it in hats { option selected[hat == it.as_str()] { (it) } }
            }
            select name="sort" aria-label=(lang.pick("排序", "order")) {
                @for (key, zh, en, _) in SORTS { option value=(key) selected[which.order().0 == key] { (lang.pick(zh, en)) } }
            }
            input type="search" name="q" value=(which.q.as_deref().unwrap_or_default()) data-key="/" placeholder=(lang.pick("标题或文号", "title or number")) aria-label=(lang.pick("查找", "search"));
            button type="submit" { (lang.pick("查找", "Find")) }
        }
    }
}

fn pager(room: &Room, lang: Lang, which: &NoticeQuery, most: i64, pages: i64) -> Markup {
    let (words, at) = (which.words(), which.page());
    let limit = if most == SHOWN { String::new() } else { format!("&limit={most}") };
    let gap = if words.is_empty() { "?" } else { "&" };
    let to_page = |page: i64| format!("{}{words}{gap}page={page}{limit}", room.site.url("/notices"));
    html! {
        p.row.pager {
            @if at > 1 { a rel="prev" href=(to_page(at - 1)) { (lang.pick("‹ 上一页", "‹ previous")) } }
            span.num { (at) " / " (pages) }
            @if at < pages { a rel="next" href=(to_page(at + 1)) { (lang.pick("下一页 ›", "next ›")) } }
        }
    }
}

fn row(room: &Room, lang: Lang, view: &NoticeView) -> Markup {
    let notice = &view.notice;
    html! {
        tr {
            td { (notice.number.as_deref().unwrap_or("—")) }
            td { a href=(to(&room.site, "notices", &notice.id)) { (notice.title) } br;
                span.small.soft { (hazard(&notice.hazard, lang)) " · " (notice.process) } }
            td { (standing(notice.standing, lang))
                @if let Some(it) = view.working() { " " span.tag { (kind(it.kind, lang)) (if it.submitted_at.is_some() { lang.pick("待签", " to be signed") } else { lang.pick("起草中", " being drafted") }) } }
                @if view.papers.iter().any(|it| it.unsigned()) { " " span.tag.bad { (lang.pick("待补签", "signature due")) } } }
            td { (notice.hat) }
            td.num { (moment(notice.changed_at)) }
        }
    }
}

fn waiting(room: &Room, lang: Lang, open: &[OpenItem]) -> Markup {
    html! {
        div.card id="waiting" data-live="notice. process." {
            header { h2 { (lang.pick("待办", "To do")) } span.soft.small.num { (open.len()) } }
            table {
                @for it in open {
                    tr {
                        td { span.bad[it.overdue] { (lang.pick(it.kind.words().0, it.kind.words().1)) } }
                        td { a href=(to(&room.site, "notices", &it.notice)) { (it.title) } br; span.small.soft { (it.number.as_deref().unwrap_or_default()) } }
                        td.num { @if let Some(due) = it.due { (moment(due)) (lang.pick(" 前", " at the latest")) } @else { (moment(it.since)) (lang.pick(" 起", " on")) } }
                    }
                }
            }
            @if open.is_empty() { p.soft { (lang.pick("无", "none")) } }
        }
    }
}

fn begin(room: &Room, lang: Lang, processes: &[Process], hats: &[String]) -> Markup {
    html! {
        form.card method="post" action=(room.site.url("/notices")) {
            header { h2 { (lang.pick("起草", "Draft")) } }
            @if processes.is_empty() {
                p.soft { (lang.pick("没有进行中的天气过程。", "No weather process is open.")) }
            } @else {
                label { (lang.pick("天气过程", "Weather process"))
                    select name="process" data-key="F2" { @for it in processes { option value=(it.id) { (hazard(&it.hazard, lang)) " · " (it.id) } } } }
                label { (lang.pick("牌子", "Issued under"))
                    select name="hat" { @for it in hats { option { (it) } } } }
                p { button.main type="submit" { (lang.pick("按现有事实起草", "Draft from the facts")) } " " kbd { "F2" } }
            }
        }
    }
}

/// Whether the public page is on, and what it will show.
pub(super) async fn public_page(State(room): State<Room>, who: Who) -> ApiResult<Markup> {
    let shown = room.site.world.read(&who.actor, public_page_is_on).await?;
    let (lang, site) = (who.lang, &room.site);
    let title = lang.pick("公开页", "Public page");
    let body = html! {
        main.narrow {
            h1 { (title) }
            p { (if shown { lang.pick("已启用：", "On: ") } else { lang.pick("未启用：", "Off: ") }) a href=(site.url("/public")) { (site.url("/public")) } }
            p.soft { (lang.pick("只显示已转发且生效的信号原文，以及逐份同意公开的风险提示单；不需登录，不含个人信息。每次开关记入操作日志。", "It shows forwarded originals in force and notices approved one by one; no log-in, nothing personal. Each switch stands in the journal.")) }
            form method="post" action=(site.url("/public-page")) data-confirm=(lang.pick("确认更改公开页？", "Change the public page?")) {
                button.main type="submit" name="shown" value=(!shown) { (if shown { lang.pick("停用公开页", "Switch off") } else { lang.pick("启用公开页", "Switch on") }) }
            }
        }
    };
    Ok(page(site, &who, title, body))
}

#[derive(Deserialize)]
pub(super) struct Switch {
    shown: bool,
}

/// On or off.
pub(super) async fn public_page_switch(
    State(room): State<Room>,
    who: Who,
    Form(it): Form<Switch>,
) -> ApiResult<Redirect> {
    room.warn.public_page_switch(&who.actor, it.shown).await?;
    Ok(Redirect::to(&room.site.url("/public-page")))
}
