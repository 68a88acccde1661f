//! 态势图: the map, the slider over its process, the tables beside it, and who knew by a minute.

use anlan_kernel::{Instant, Lang, Permission, RegionCode};
use anlan_monitor::rules::Quantity;
use anlan_web::{ApiError, ApiResult, ImageHost, Who, asset, page, percent};
use axum::{
    extract::{Form, Path, Query, State},
    http::header,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};

use super::parts::{clock, duties, invented, level, state, to};
use crate::{
    api::{CallView, call_view, region_of},
    map::{
        self, MapQuery, MapRoom, MapView, base,
        calls::Standing,
        known::{Counted, Replay},
        layers::{CommunityShown, Position, StationShown},
        tiles,
    },
    model::Call,
};

/// People on one page of the list.
const SHOWN: usize = 100;
const MINUTE: i64 = 60_000_000;

/// The map.
pub(super) async fn show(State(map): State<MapRoom>, who: Who, Query(query): Query<MapQuery>) -> ApiResult<Response> {
    let view = map::read(&map, &who, &query).await?;
    let title = who.lang.pick("态势图", "Situation map");
    let mut answer = page(&map.room.site, &who, title, body(&map, &who, &view)).into_response();
    if let Some(host) = view.base.as_ref().and_then(|it| base::host(&it.tiles)) {
        answer.extensions_mut().insert(ImageHost(host));
    }
    Ok(answer)
}

/// The address of this map, perhaps at another minute.
fn here(map: &MapRoom, path: &str, view: &MapView, at: Option<Instant>) -> String {
    let process = view.process.as_ref().map(|it| format!("process={}", percent(&it.id)));
    let at = at.map(|it| format!("at={}", percent(&it.to_rfc3339_shanghai())));
    let query: Vec<_> = process.into_iter().chain(at).collect();
    map.room.site.url(&format!("{path}?{}", query.join("&")))
}

fn body(map: &MapRoom, who: &Who, view: &MapView) -> Markup {
    let (lang, site) = (who.lang, &map.room.site);
    let data = serde_json::to_string(view).unwrap_or_default();
    html! {
        main.map-page {
            h1 { (lang.pick("态势图", "Situation map")) " "
                @if let Some(it) = &view.process {
                    a href=(to(site, "processes", &it.id)) { (it.title) }
                    " " @if let Some(it) = it.level { (level(it, lang)) }
                }
            }
            (slider(map, view, lang))
            (sentence(map, view, lang))
            div id="map-data" data-live=(live(view))
                data-map=(data) hidden {}
            div.map-stage {
                div.map-tools.row {
                    button type="button" data-map-do="in" data-key="+" aria-label=(lang.pick("放大", "Zoom in")) { "+" }
                    button type="button" data-map-do="out" data-key="-" aria-label=(lang.pick("缩小", "Zoom out")) { "−" }
                    button type="button" data-map-do="all" { (lang.pick("全区", "All")) }
                    (layers(lang))
                }
                svg #map viewBox="0 0 1000 640" tabindex="0" role="application" focusable="true"
                    aria-label=(lang.pick("示意图；同样内容见下方表格。方向键移动，加减号缩放", "Sketch map; the tables below say the same. Arrows move, plus and minus zoom"))
                    data-rounds=(site.url("/rounds/")) {}
                p.small.soft { (foot(view, lang)) }
                noscript { p.note { (lang.pick("未启用脚本：请看下方表格。", "Scripts are off: see the tables below.")) } }
            }
            (legend(lang))
            div.columns {
                (communities(map, view, lang))
                (stations(view, lang))
                section { (alarms(view, lang)) (signals(view, lang)) (rooms(view, lang)) }
            }
            script type="module" src=(asset(site, "map.js")) {}
        }
    }
}

fn foot(view: &MapView, lang: Lang) -> String {
    let made_up = view.ground.communities.iter().any(|it| it.invented);
    let mut words = lang.pick("示意图 · 坐标 WGS 84", "Sketch map · coordinates WGS 84").to_owned();
    if made_up {
        words += lang.pick(" · 社区点位为演示编造", " · positions of communities are invented for the demonstration");
    }
    if let Some(base) = &view.base {
        words += &format!(" · {} · {}", base.attribution, base.approval);
    }
    words
}

fn layers(lang: Lang) -> Markup {
    let all = [
        ("area", "过程区域", "area"),
        ("communities", "社区", "communities"),
        ("rooms", "值班室", "duty rooms"),
        ("stations", "监测站", "stations"),
    ];
    html! {
        @for (key, zh, en) in all {
            label.check { input type="checkbox" checked data-map-layer=(key); " " (lang.pick(zh, en)) }
        }
    }
}

fn slider(map: &MapRoom, view: &MapView, lang: Lang) -> Markup {
    let Some(process) = &view.process else { return html! {} };
    // Nothing of a process moves after its end; the minute that holds the end is its last.
    let end = process.ended_at.map(|it| it.0.div_euclid(MINUTE) + 1);
    let first = process.opened_at.0.div_euclid(MINUTE) + 1;
    let now = map.room.site.world.now().0.div_euclid(MINUTE);
    let last = end.unwrap_or(now).min(now).max(first);
    let shown = view.at.map_or(last, |it| it.0.div_euclid(MINUTE));
    let step = |minutes: i64| Instant((shown + minutes).clamp(first, last) * MINUTE);
    html! {
        form.card.map-time method="get" action=(map.room.site.url("/map")) {
            input type="hidden" name="process" value=(process.id);
            div.row {
                b.num data-map-at { (view.as_of.wall()[..16]) }
                @match view.at {
                    Some(_) => { span.tag { (lang.pick("当时所知", "as known then")) } a href=(here(map, "/map", view, None)) { (lang.pick("回到现在", "Back to now")) } },
                    None => span.tag { (lang.pick("现在", "now")) },
                }
                @for (minutes, words) in [(-60, "−60"), (-10, "−10"), (-1, "−1"), (1, "+1"), (10, "+10"), (60, "+60")] {
                    a.button href=(here(map, "/map", view, Some(step(minutes)))) { (words) }
                }
                span.small.soft { (lang.pick("分钟", "minutes")) }
            }
            input type="range" min=(first) max=(last) value=(shown) step="1" data-map-slider
                data-to=(here(map, "/map", view, None))
                aria-label=(if process.ended_at.is_some() { lang.pick("时刻：从过程开始到过程结束", "Moment: from the start of the process to its end") }
                    else { lang.pick("时刻：从过程开始到现在", "Moment: from the start of the process to now") });
        }
    }
}

/// 谁知道了.
fn sentence(map: &MapRoom, view: &MapView, lang: Lang) -> Markup {
    let Some(_) = &view.process else {
        return html! { p.note { (lang.pick("没有天气过程。", "There is no weather process.")) } };
    };
    let (known, at) = (&view.known, view.as_of.clock());
    let figure = |of: Counted, count: i64| html! { a href=(counted(map, view, of, None)) { b.num { (count) } } };
    html! {
        p.note #map-known data-live=(if view.at.is_none() { "call. round." } else { "never." }) {
            (lang.pick("谁知道了：", "Who knew: at ")) (at) (lang.pick(" 整个过程应叫 ", " to be called in the whole process "))
            (figure(Counted::Called, known.called)) (lang.pick("，已知晓 ", ", knew ")) (figure(Counted::Knew, known.knows))
            @if known.round.is_some() {
                (lang.pick("；最近一轮应叫 ", "; in the newest round called ")) (figure(Counted::RoundCalled, known.round_called))
                (lang.pick("，已知晓 ", ", knew ")) (figure(Counted::RoundKnew, known.round_knows))
            }
        }
    }
}

/// The list of whom a figure counts, at the moment shown.
fn counted(map: &MapRoom, view: &MapView, of: Counted, region: Option<&RegionCode>) -> String {
    let region = region.map_or_else(String::new, |it| format!("&region={it}"));
    format!("{}&of={}{region}", here(map, "/map/known", view, Some(view.as_of)), of.name())
}

fn legend(lang: Lang) -> Markup {
    let marks = [
        ("wait", "○", "社区：尚未叫应", "community: nobody called"),
        ("part", "◐", "社区：叫应中", "community: being called"),
        ("done", "●", "社区：全部已知晓", "community: everybody knows"),
        ("bad", "✕", "社区：有人要找（点开名单）", "community: somebody has to be looked for (opens the list)"),
        ("handed", "▷", "社区：其余已转交上级", "community: the rest handed over to a superior"),
        ("ended", "■", "社区：已停止或并入，未全部知晓", "community: stopped or absorbed, not all know"),
    ];
    html! {
        ul.map-legend.small aria-label=(lang.pick("图例", "Legend")) {
            @for (class, sign, zh, en) in marks { li { span class=(format!("map-{class}")) { (sign) } " " (lang.pick(zh, en)) } }
            @for grade in 1..=4 { li { span class=(format!("grade grade-{grade}")) { (["Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ"][grade - 1]) } " " (lang.pick("监测级别", "measured grade")) } }
            li { "▢ " (lang.pick("值班室", "duty room")) }
            li { "△ " (lang.pick("监测站；↑→↓ 与上一次读数相比；上游监视为虚线", "station; ↑→↓ against the reading before; dashed: watched upstream")) }
        }
    }
}

fn no_place(position: Option<&Position>, lang: Lang) -> Markup {
    html! { @if position.is_none() { " " span.tag { (lang.pick("无坐标", "no coordinates")) } } }
}

/// What the calls of a community come to, in words.
fn words(calls: Option<&Standing>, lang: Lang) -> &'static str {
    match calls {
        None => lang.pick("未叫", "not called"),
        Some(it) if it.silent > 0 => lang.pick("有人要找", "to be looked for"),
        Some(it) if it.open > 0 => lang.pick("叫应中", "being called"),
        Some(it) if it.knows == it.called => lang.pick("全部已知晓", "all know"),
        Some(it) if it.knows + it.handed_over == it.called => lang.pick("其余已转交上级", "the rest handed over"),
        Some(_) => lang.pick("已停止或并入", "stopped or absorbed"),
    }
}

fn communities(map: &MapRoom, view: &MapView, lang: Lang) -> Markup {
    let link = |it: &CommunityShown| {
        let round = it.calls.as_ref().map(|it| to(&map.room.site, "rounds", &it.round));
        round.map(|round| format!("{round}?region={}", it.code))
    };
    let figure = |of: Counted, it: &CommunityShown, count: i64| {
        let bad = of == Counted::Missing && count > 0;
        html! { a.bad[bad] href=(counted(map, view, of, Some(&it.code))) { (count) } }
    };
    html! {
        div.card.scroll id="map-communities" data-live=(live(view)) {
            header { h2 { (lang.pick("街道与社区", "Streets and communities")) } span.soft.small.num { (view.ground.communities.len()) }
                span.soft.small { (lang.pick("每人按最近一次叫应计", "each person by their newest call")) } }
            table {
                thead { tr { th { (lang.pick("名称", "Name")) } th { (lang.pick("叫应", "Calls")) }
                    th.num { (lang.pick("已知晓/应叫", "Know/called")) } th.num { (lang.pick("要找的人", "To be looked for")) } } }
                tbody { @for it in &view.ground.communities {
                    tr {
                        td { @match link(it) { Some(to) => a href=(to) { (it.name) }, None => (it.name) } (no_place(it.position.as_ref(), lang)) }
                        td { (words(it.calls.as_ref(), lang)) }
                        @match &it.calls {
                            Some(calls) => {
                                td.num { (figure(Counted::Knows, it, calls.knows)) "/" (figure(Counted::Called, it, calls.called)) }
                                td.num { (figure(Counted::Missing, it, calls.silent)) }
                            },
                            None => { td {} td {} },
                        }
                    }
                } }
            }
        }
    }
}

fn live(view: &MapView) -> &'static str {
    if view.at.is_none() { "call. round. alarm. signal. process. station." } else { "never." }
}

/// ↑→↓ against the reading before.
fn arrow(trend: Option<i8>) -> &'static str {
    match trend {
        Some(1) => "↑",
        Some(0) => "→",
        Some(_) => "↓",
        None => "",
    }
}

fn stations(view: &MapView, lang: Lang) -> Markup {
    let row = |it: &StationShown| {
        html! {
            tr {
                td { (it.name) (no_place(it.position.as_ref(), lang))
                    @if it.upstream { " " span.tag { (lang.pick("上游监视", "upstream")) } } }
                td.num {
                    @for reading in &it.readings { span { (reading.value) " " (reading.unit) " " (arrow(reading.trend)) } " " span.small.soft { (quantity(&reading.quantity, lang)) " " (clock(reading.at)) } br; }
                    @if it.readings.is_empty() {
                        span.tag { (if view.readings_here { lang.pick("无读数", "no readings") } else { lang.pick("读数在接收观测的节点", "readings are on the node that takes them") }) }
                    }
                }
            }
        }
    };
    html! {
        div.card.scroll id="map-stations" data-live=(live(view)) {
            header { h2 { (lang.pick("监测站", "Stations")) } span.soft.small.num { (view.weather.stations.len()) } }
            table { @for it in &view.weather.stations { (row(it)) } }
        }
    }
}

fn quantity(name: &str, lang: Lang) -> &str {
    Quantity::named(name).map_or(name, |it| lang.pick(it.zh(), it.en()))
}

fn alarms(view: &MapView, lang: Lang) -> Markup {
    html! {
        div.card id="map-alarms" data-live=(live(view)) {
            header { h2 { (lang.pick("实况告警", "Alarms")) } span.soft.small.num { (view.weather.alarms.len()) } }
            table { @for it in &view.weather.alarms {
                tr { td { span class=(format!("grade grade-{}", it.grade)) { (it.numeral) } } td { (it.station_name) " · " (it.title) } td.num { (clock(it.raised_at)) } }
            } }
            @if view.weather.alarms.is_empty() { p.soft { (lang.pick("无", "none")) } }
        }
    }
}

fn signals(view: &MapView, lang: Lang) -> Markup {
    html! {
        div.card id="map-signals" data-live=(live(view)) {
            header { h2 { (lang.pick("生效信号", "Signals in force")) } span.soft.small.num { (view.weather.signals.len()) } }
            table { @for it in &view.weather.signals {
                tr { td { (it.title) (invented(it.invented, lang)) } td { (it.issuer) } td.num { (clock(it.received_at)) } }
            } }
            @if view.weather.signals.is_empty() { p.soft { (lang.pick("无", "none")) } }
        }
    }
}

fn rooms(view: &MapView, lang: Lang) -> Markup {
    html! {
        div.card.scroll id="map-rooms" data-live=(live(view)) {
            header { h2 { (lang.pick("值班室", "Duty rooms")) } span.soft.small.num { (view.ground.rooms.len()) } }
            table { @for it in &view.ground.rooms {
                tr { td { (it.name) (no_place(it.position.as_ref(), lang)) }
                    td { @match it.state { Some(at) => (state(at, lang)), None => (lang.pick("未叫", "not called")) } } }
            } }
        }
    }
}

/// Who knew by then: one line a callee, with the call by which they first knew.
pub(super) async fn known(State(map): State<MapRoom>, who: Who, Query(query): Query<MapQuery>) -> ApiResult<Markup> {
    let lang = who.lang;
    let (process, at) = map::which(&map, &who, &query).await?;
    let process = process.ok_or_else(anlan_web::ApiError::not_found)?;
    let at = at.unwrap_or_else(|| map.room.site.world.now());
    let (named, cursor, id) =
        (who.may(Permission::SeePeople), query.cursor.clone().unwrap_or_default(), process.id.clone());
    let of = Counted::parse(query.of.as_deref())?;
    let region = query.region.as_deref().filter(|it| !it.is_empty()).map(region_of).transpose()?;
    let code = region.clone();
    let (total, found) = map
        .room
        .site
        .world
        .read(&who.actor, move |tx| {
            let scope = tx.actor().scope.clone();
            let ids = Replay::read(tx, &id, at)?.counted(of, code.as_ref(), &scope);
            let mut found: Vec<CallView> = Vec::new();
            for id in ids.iter().filter(|it| **it > cursor).take(SHOWN) {
                if let Some(call) = tx.get::<Call>(id)? {
                    found.push(call_view(tx, call, named)?);
                }
            }
            Ok((ids.len(), found))
        })
        .await?;
    let next = found.last().filter(|_| found.len() == SHOWN).map(|it| it.call.id.clone());
    let back = format!("process={}&at={}", percent(&process.id), percent(&at.to_rfc3339_shanghai()));
    let here = region.as_ref().map_or_else(String::new, |it| format!("&region={it}"));
    let base = format!("{back}&of={}{here}", of.name());
    let title = lang.pick(of.words().0, of.words().1);
    let body = html! {
        main {
            h1 { (title) " · " span.num { (&at.wall()[..16]) } " · " (total) }
            p { a href=(map.room.site.url(&format!("/map?{back}"))) { (lang.pick("回到图上", "Back to the map")) } }
            div.card.scroll { table { @for it in &found {
                tr {
                    td { a href=(to(&map.room.site, "calls", &it.call.id)) { (it.name) } br; span.small.soft { (duties(it)) } }
                    td { (state(it.call.state, lang)) @if let Some(at) = it.call.final_at { " " span.small.soft { (clock(at)) } } }
                }
            } }
            @if let Some(next) = next { p { a href=(map.room.site.url(&format!("/map/known?{base}&cursor={}", percent(&next)))) { (lang.pick("下一页", "next page")) } } }
            }
        }
    };
    Ok(page(&map.room.site, &who, title, body))
}

/// A tile of the base map, where it is a file of this machine.
pub(super) async fn tile(
    State(map): State<MapRoom>,
    who: Who,
    Path(place): Path<(u8, u32, u32)>,
) -> ApiResult<Response> {
    let file = map.room.site.world.read(&who.actor, base::file).await?.ok_or_else(ApiError::not_found)?;
    let (kind, picture) = tiles::tile(&file, place).await?.ok_or_else(ApiError::not_found)?;
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "private, max-age=86400")];
    Ok((headers, picture).into_response())
}

/// 底图: set by an administrator.
pub(super) async fn base_form(State(map): State<MapRoom>, who: Who) -> ApiResult<Markup> {
    let stored = map.room.site.world.read(&who.actor, base::stored).await?;
    let (lang, title) = (who.lang, who.lang.pick("底图", "Base map"));
    let value = |get: fn(&crate::model::MapBase) -> &String| stored.as_ref().map(get).cloned().unwrap_or_default();
    let body = html! {
        main.narrow {
            h1 { (title) }
            p.note { (lang.pick("默认不用底图，只画本区。启用底图须填审图号。", "By default there is no base map. One is switched on only with its 审图号.")) }
            form.card method="post" action=(map.room.site.url("/map/base")) {
                label { (lang.pick("地址模板（XYZ、WMTS、天地图，含 {z} {x} {y} 与密钥），或 pmtiles:文件路径", "URL template (XYZ, WMTS, with {z} {x} {y} and key), or pmtiles: and a path")) input name="tiles" value=(value(|it| &it.tiles)); }
                label { (lang.pick("版权说明", "Attribution")) input name="attribution" value=(value(|it| &it.attribution)); }
                label { (lang.pick("审图号", "Approval number (审图号)")) input name="approval" value=(value(|it| &it.approval)); }
                label { input type="checkbox" name="enabled" value="true" checked[stored.as_ref().is_some_and(|it| it.enabled)]; " " (lang.pick("启用", "Switched on")) }
                p { button.main type="submit" { (lang.pick("保存", "Save")) } }
            }
        }
    };
    Ok(page(&map.room.site, &who, title, body))
}

/// 底图.
pub(super) async fn set_base(
    State(map): State<MapRoom>,
    who: Who,
    Form(setting): Form<base::Setting>,
) -> ApiResult<Redirect> {
    base::set(&map.room.site.world, &who.actor, setting).await?;
    Ok(Redirect::to(&map.room.site.url("/map/base")))
}
