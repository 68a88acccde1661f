//! Tiles per community, and the list they filter.

use anlan_kernel::{Lang, Permission};
use anlan_web::{Site, Who};
use maud::{Markup, html};

use super::{
    parts::{absorbed_words, clock, duties, number, state, to},
    round::{back, query_words},
};
use crate::{
    api::{Board, BoardQuery, CallView, Counts, PAGE, Room, Row, SORTS, Tile, UNREACHED, WHO, tile_words},
    model::{CallState, RoundState},
};

/// The page of the round with this filter.
pub(super) fn address(site: &Site, round: &str, query: &BoardQuery) -> String {
    format!("{}{}", to(site, "rounds", round), query_words(query))
}

/// Streets with their communities, from grey to green; in words and numbers as well as colour.
pub(super) fn tiles(room: &Room, who: &Who, it: &Board, query: &BoardQuery) -> Markup {
    let link = |tile: &Tile| {
        let region = tile.region.as_ref().map(ToString::to_string).unwrap_or_default();
        address(&room.site, &it.round.round.id, &BoardQuery { region, page: String::new(), ..query.clone() })
    };
    html! {
        div.card.board id="tiles" data-live="call. round." {
            @for row in &it.rows { (street(row, query, it.round.round.state, who.lang, &link)) }
            @if it.rows.is_empty() { p.soft { (who.lang.pick("还没有叫人", "nobody is called yet")) } }
        }
    }
}

fn street(row: &Row, query: &BoardQuery, state: RoundState, lang: Lang, link: &dyn Fn(&Tile) -> String) -> Markup {
    html! {
        div.street {
            @if row.street.region.is_some() {
                a.name href=(link(&row.street)) aria-current=[current(&row.street, query)] {
                    b { (row.street.name) } span.small.soft.num { (left(&row.street.counts, state, lang)) } }
            } @else { span.name { b { (lang.pick("区级", "District")) } } }
            div.cells { @for it in &row.tiles { (tile(it, query, state, lang, link)) } }
        }
    }
}

/// What is left to do in a street; one whose people were not all heard of before the round ended says so.
fn left(counts: &Counts, state: RoundState, lang: Lang) -> String {
    // Silent ones whose end is no end: somebody has to look for them.
    let open = counts.open + counts.missing() - counts.escalated;
    match (open, counts.of(CallState::Cancelled)) {
        (0, 0) => "✓".to_owned(),
        (0, off) => format!("{} {off}", cut_short(state, lang)),
        _ => format!("{} {open}", lang.pick("剩", "left")),
    }
}

/// How calls without an outcome ended.
fn cut_short(state: RoundState, lang: Lang) -> &'static str {
    if state == RoundState::Stopped {
        lang.pick("■ 已停止", "■ stopped")
    } else {
        lang.pick("→ 已并入", "→ absorbed")
    }
}

fn current(tile: &Tile, query: &BoardQuery) -> Option<&'static str> {
    tile.region.as_ref().is_some_and(|it| it.as_str() == query.region).then_some("true")
}

fn tile(it: &Tile, query: &BoardQuery, state: RoundState, lang: Lang, link: &dyn Fn(&Tile) -> String) -> Markup {
    let counts = &it.counts;
    let (missing, off) = (counts.missing(), counts.of(CallState::Cancelled));
    let done = counts.called - counts.open - off;
    let (class, words) = if missing > 0 {
        ("miss".to_owned(), format!("{} {missing}", lang.pick("缺", "miss")))
    } else if counts.open > 0 {
        (format!("part p{}", done * 10 / counts.called.max(1)), format!("{done}/{}", counts.called))
    } else if off > 0 {
        ("off".to_owned(), format!("{} {off}", cut_short(state, lang)))
    } else {
        ("full".to_owned(), format!("✓ {}", counts.called))
    };
    let name = tile_words(it).map_or(it.name.as_str(), |(zh, en)| lang.pick(zh, en));
    let short = ["居民委员会", "村民委员会", "社区"].iter().fold(name, |it, end| it.strip_suffix(end).unwrap_or(it));
    html! {
        a class=(format!("tile {class}")) href=(link(it)) title=(name) aria-current=[current(it, query)] { b { (short) } span.num { (words) } }
    }
}

/// The list with its filter.
pub(super) fn list(room: &Room, who: &Who, it: &Board, query: &BoardQuery) -> Markup {
    let (lang, id) = (who.lang, &it.round.round.id);
    let here = address(&room.site, id, query);
    let pages = (it.found + PAGE - 1) / PAGE;
    html! {
        (filter(room, who, it, query))
        div.card.scroll id="calls" data-live="call. round." {
            table.people {
                tbody { @for call in &it.calls { (line(room, who, it, call, &here)) } }
            }
            @if it.calls.is_empty() { p.soft { (lang.pick("没有符合条件的人", "nobody matches")) } }
            @if pages > 1 { (pager(room, who, id, query, pages)) }
        }
        p.small.soft.keys {
            kbd { "j" } " " kbd { "k" } (lang.pick(" 上下移动 · ", " move · ")) kbd { "Enter" } (lang.pick(" 打开 · ", " open · "))
            kbd { "1" } (lang.pick(" 代登记 · ", " recorded for them · ")) kbd { "2" } (lang.pick(" 上门叫醒 · ", " reached on site · "))
            kbd { "3" } (lang.pick(" 拨打 · ", " dial · ")) kbd { "/" } (lang.pick(" 查找", " search"))
        }
    }
}

fn filter(room: &Room, who: &Who, it: &Board, query: &BoardQuery) -> Markup {
    let (lang, site, id) = (who.lang, &room.site, &it.round.round.id);
    let without = |change: fn(&mut BoardQuery)| {
        let mut less = BoardQuery { page: String::new(), ..query.clone() };
        change(&mut less);
        address(site, id, &less)
    };
    let states = CallState::FINAL.iter().chain(&[CallState::Calling, CallState::Escalated]);
    let chips = [
        (states_words(&query.state, lang), without(|it| it.state.clear())),
        (it.place.clone().unwrap_or_else(|| query.region.clone()), without(|it| it.region.clear())),
        (
            WHO.iter().find(|it| it.0 == query.who).map_or_else(String::new, |it| lang.pick(it.1, it.2).to_owned()),
            without(|it| it.who.clear()),
        ),
        (query.q.clone(), without(|it| it.q.clear())),
        (figure_words(query, lang), without(|it| it.figure = crate::api::Figure::default())),
    ];
    let export = format!("{}/export.xlsx{}", to(site, "rounds", id), query_words(query));
    html! {
        div.filter id="filter" data-live="round." {
            form.row method="get" action=(to(site, "rounds", id)) data-filter {
                input type="hidden" name="region" value=(query.region);
                @for (name, text) in query.figure.pairs().into_iter().filter(|it| !it.1.is_empty()) {
                    input type="hidden" name=(name) value=(text);
                }
                select name="state" aria-label=(lang.pick("状态", "state")) {
                    option value="" { (lang.pick("全部状态", "all states")) }
                    option value=(UNREACHED) selected[query.state == UNREACHED] { (lang.pick("要找的人", "to be looked for")) }
                    @for it in states { option value=(it.name()) selected[query.state == it.name()] { (state(*it, lang)) } }
                }
                select name="who" aria-label=(lang.pick("层级", "part of the audience")) {
                    option value="" { (lang.pick("全部层级", "everybody")) }
                    @for (key, zh, en) in WHO { option value=(key) selected[query.who == key] { (lang.pick(zh, en)) } }
                }
                select name="sort" aria-label=(lang.pick("排序", "order")) {
                    @for (key, zh, en, _) in SORTS { option value=(key) selected[query.order().0 == key] { (lang.pick(zh, en)) } }
                }
                @if who.may(Permission::SeePeople) {
                    input type="search" name="q" value=(query.q) data-key="/" placeholder=(lang.pick("姓名或号码尾数", "name or last digits")) aria-label=(lang.pick("查找", "search"));
                }
                button type="submit" { (lang.pick("查找", "Find")) }
                span.end.row { span { b.num { (it.found) } (lang.pick(" 人", " people")) }
                    @if who.may(Permission::SeePeople) { a.button href=(export) download { (lang.pick("导出", "Export")) } } }
            }
            p.chips { @for (words, less) in chips.into_iter().filter(|it| !it.0.is_empty()) {
                a.chip href=(less) { (words) " ×" } } }
        }
    }
}

/// The list was opened from a figure of the effect analysis.
fn figure_words(query: &BoardQuery, lang: Lang) -> String {
    if query.figure.is_empty() {
        String::new()
    } else {
        lang.pick("效能分析所计人员", "those a figure counts").to_owned()
    }
}

fn states_words(names: &str, lang: Lang) -> String {
    let known = CallState::FINAL.into_iter().chain([CallState::Calling, CallState::Escalated]);
    let words: Vec<_> =
        known.filter(|it| names.split(',').any(|name| name == it.name())).map(|it| state(it, lang)).collect();
    words.join("、")
}

fn pager(room: &Room, who: &Who, id: &str, query: &BoardQuery, pages: i64) -> Markup {
    let to_page = |page: i64| address(&room.site, id, &BoardQuery { page: page.to_string(), ..query.clone() });
    let (lang, at) = (who.lang, query.page());
    html! {
        p.row.pager {
            @if at > 1 { a rel="prev" href=(to_page(at - 1)) { (lang.pick("‹ 上一页", "‹ previous")) } }
            span.num { (at) " / " (pages) }
            @if at < pages { a rel="next" href=(to_page(at + 1)) { (lang.pick("下一页 ›", "next ›")) } }
        }
    }
}

fn line(room: &Room, who: &Who, board: &Board, it: &CallView, here: &str) -> Markup {
    let (lang, site, call) = (who.lang, &room.site, &it.call);
    let needs = call.state.may_be_recorded();
    let missed = matches!(call.state, CallState::NotReached | CallState::NoContact | CallState::Escalated);
    html! {
        tr id=(format!("row-{}", call.id)) data-row tabindex="-1" {
            td { a href=(to(site, "calls", &call.id)) { b { (it.name) } } br; span.small.soft { (duties(it)) } }
            td {
                span.bad[missed].done[!needs] { (state(call.state, lang)) }
                @if let Some(key) = call.key { " " span.tag { (lang.pick("按键 ", "key ")) (key) } }
                @if let Some(key) = call.late_key { " " span.tag { (lang.pick("事后按键 ", "late key ")) (key) } }
                @if let Some(at) = call.final_at { " " span.small.soft { (clock(at)) } }
                br; span.small.soft { (call.attempts) (lang.pick(" 次拨打", " attempts")) (whose(board, it, lang)) }
            }
            td { (number(site, it, needs && who.may(Permission::Unmask), lang)) }
            td.acts {
                @if needs && who.may(Permission::RecordAnswer) {
                    form method="post" action=(format!("{}/record", to(site, "calls", &call.id))) data-inline {
                        (back(here))
                        button type="submit" name="how" value="recorded_by_colleague" data-record="1" { (lang.pick("代登记", "Recorded")) }
                        button type="submit" name="how" value="reached_on_site" data-record="2" { (lang.pick("上门叫醒", "On site")) }
                    }
                }
            }
        }
    }
}

/// Who recorded it, or which round took it over.
fn whose(board: &Board, it: &CallView, lang: Lang) -> String {
    match (it.call.state, it.call.by_whom.as_deref()) {
        (CallState::RecordedByColleague | CallState::ReachedOnSite, Some(by)) => {
            format!(" · {} {}", lang.pick("登记", "by"), board.name(by))
        }
        (CallState::Cancelled, Some(by)) => absorbed_words(by, lang).map(|it| format!(" · {it}")).unwrap_or_default(),
        _ => String::new(),
    }
}
