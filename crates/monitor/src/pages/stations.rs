//! Stations (监测站) with what they last said, and what is wrong with them.

use std::{collections::BTreeSet, time::Duration};

use anlan_kernel::{Instant, Lang};
use anlan_register::export::xlsx;
use anlan_web::{
    ApiResult, Who,
    list::{Asked, Asking, Column, Filter, Found, Kind, List, Part, SHEET, View, workbook},
    page, percent,
};
use axum::{extract::State, response::Response};
use maud::{Markup, html};

use crate::{
    api::{
        Room,
        stations::{StationView, every_station},
    },
    rules::Quantity,
};

/// After so long without a reading a station counts as silent here; rules have spans of their own.
const SILENT: Duration = Duration::from_hours(1);

/// Kinds of stations this program has words for.
const KINDS: [(&str, &str, &str); 3] =
    [("rain", "雨量站", "rain gauge"), ("river", "河道水文站", "river gauge"), ("wind", "测风站", "wind station")];

static LIST: List = List {
    path: "/stations",
    columns: &[
        Column { key: "name", words: ("站", "Station"), order: "" },
        Column { key: "kind", words: ("类别", "Kind"), order: "" },
        Column { key: "", words: ("最近读数", "Last readings"), order: "" },
        Column { key: "last", words: ("时间", "Time"), order: "" },
        Column { key: "", words: ("说明", "Remarks"), order: "" },
    ],
    filters: &[
        Filter { name: "kind", words: ("全部类别", "every kind"), kind: Kind::Found },
        Filter { name: "lack", words: ("有无缺失", "whatever is missing"), kind: Kind::Found },
        Filter { name: "station", words: ("站号", "Station id"), kind: Kind::Link },
        Filter { name: "q", words: ("站名或站号", "name or id"), kind: Kind::Text },
    ],
    order: "name",
};

/// Stations a list asks for, and the kinds there are.
struct Stations {
    found: Found<StationView>,
    kinds: BTreeSet<String>,
    now: Instant,
    /// Readings come in on this node, so that their absence means something.
    here: bool,
}

async fn read(room: &Room, who: &Who, asked: &Asked, part: Part) -> ApiResult<Stations> {
    let (now, here, lang) = (room.site.world.now(), room.monitor.ingests(), who.lang);
    let mut stations = every_station(room, who).await?;
    let kinds = stations.iter().map(|it| it.station.kind.clone()).collect();
    stations.retain(|it| wanted(it, asked, now, here));
    stations.sort_by(|a, b| {
        let (one, other) = (&a.station, &b.station);
        let order = match asked.sort() {
            "kind" => one.kind.cmp(&other.kind),
            "last" => a.last_at.cmp(&b.last_at),
            _ => one.name.get(lang).cmp(other.name.get(lang)),
        };
        let order = order.then_with(|| one.id.cmp(&other.id));
        if asked.descending() { order.reverse() } else { order }
    });
    Ok(Stations { found: asked.cut(stations, part), kinds, now, here })
}

fn wanted(it: &StationView, asked: &Asked, now: Instant, here: bool) -> bool {
    let is = |name: &str, value: &str| asked.get(name).is_empty() || asked.get(name) == value;
    let lacks = match asked.get("lack") {
        "readings" => here && silent(it, now),
        "coordinates" => it.station.longitude.is_none() || it.station.latitude.is_none(),
        _ => true,
    };
    lacks && is("kind", &it.station.kind) && is("station", &it.station.id) && it.station.matches(asked.get("q"))
}

fn silent(it: &StationView, now: Instant) -> bool {
    it.last_at.is_none_or(|at| now.since(at) > SILENT)
}

fn kind(name: &str, lang: Lang) -> String {
    KINDS.iter().find(|it| it.0 == name).map_or(name, |it| lang.pick(it.1, it.2)).to_owned()
}

fn readings(it: &StationView, lang: Lang) -> String {
    let said = it.readings.iter().map(|it| {
        let quantity = Quantity::named(&it.quantity).map_or(it.quantity.as_str(), |it| lang.pick(it.zh(), it.en()));
        format!("{quantity} {} {}", it.value, it.unit)
    });
    said.collect::<Vec<_>>().join(lang.pick("，", ", "))
}

impl Stations {
    fn remarks(&self, it: &StationView, lang: Lang) -> Vec<String> {
        let late = self.here && it.last_at.is_some() && silent(it, self.now);
        let late = late.then(|| lang.pick("1 小时以上无读数", "no reading for over an hour").to_owned());
        it.remarks.iter().cloned().chain(late).collect()
    }

    fn options(&self, lang: Lang) -> [(&'static str, Vec<(String, String)>); 2] {
        let lack = [
            ("readings", "1 小时以上无读数", "no reading for over an hour", self.here),
            ("coordinates", "无坐标", "no coordinates", true),
        ];
        let lack = lack.into_iter().filter(|it| it.3).map(|it| (it.0.to_owned(), lang.pick(it.1, it.2).to_owned()));
        let kinds = self.kinds.iter().map(|it| (it.clone(), kind(it, lang)));
        [("kind", kinds.collect()), ("lack", lack.collect())]
    }
}

pub(super) async fn show(State(room): State<Room>, who: Who, asking: Asking) -> ApiResult<Markup> {
    let asked = LIST.asked(&asking);
    let stations = read(&room, &who, &asked, Part::Page).await?;
    let (lang, site) = (who.lang, &room.site);
    let view = View {
        id: "stations",
        live: "",
        found: &stations.found,
        options: &stations.options(lang),
        rows: html! { @for it in &stations.found.items { (row(&room, lang, &stations, it)) } },
        export: true,
    };
    let title = lang.pick("监测站", "Stations");
    Ok(page(site, &who, title, html! { main { h1 { (title) } (asked.show(site, lang, view)) } }))
}

fn row(room: &Room, lang: Lang, stations: &Stations, it: &StationView) -> Markup {
    let alarms = room.site.url(&format!("/alarms?station={}", percent(&it.station.id)));
    html! {
        tr {
            td { (it.station.name.get(lang)) " " span.small.soft { (it.station.id) } }
            td { (kind(&it.station.kind, lang)) }
            td.num { (readings(it, lang)) }
            td.num { (it.last_at.map(|at| at.wall()).unwrap_or_default()) }
            td { @for remark in stations.remarks(it, lang) { span.tag { (remark) } " " }
                a href=(alarms) { (lang.pick("告警", "alarms")) } }
        }
    }
}

pub(super) async fn export(State(room): State<Room>, who: Who, asking: Asking) -> ApiResult<Response> {
    let asked = LIST.asked(&asking);
    let stations = read(&room, &who, &asked, Part::Sheet(SHEET)).await?;
    let lang = who.lang;
    let table = asked.sheet(lang, &stations.found, |it| {
        vec![
            format!("{} {}", it.station.name.get(lang), it.station.id),
            kind(&it.station.kind, lang),
            readings(it, lang),
            it.last_at.map(|at| at.wall()).unwrap_or_default(),
            stations.remarks(it, lang).join(lang.pick("，", ", ")),
        ]
    });
    Ok(workbook("stations", xlsx(&table)?))
}
