//! Alarms (实况告警): those that stand and those that are over.

use std::collections::{HashMap, HashSet};

use anlan_kernel::{Actor, Lang, RegionCode, Scope, Text};
use anlan_register::export::xlsx;
use anlan_store::{StoreError, Tx};
use anlan_web::{
    ApiResult, Who,
    list::{Asked, Asking, Column, Filter, Found, Kind, List, Part, SHEET, View, workbook},
    page, percent,
};
use axum::{extract::State, response::Response};
use maud::{Markup, html};

use super::{named, region};
use crate::{
    api::Room,
    model::{Alarm, Station},
    store,
};

static LIST: List = List {
    path: "/alarms",
    columns: &[
        Column { key: "grade", words: ("级别", "Grade"), order: "grade" },
        Column { key: "peak", words: ("最高", "Peak"), order: "peak" },
        Column { key: "station", words: ("站", "Station"), order: "station" },
        Column { key: "", words: ("测得", "Measured"), order: "" },
        Column { key: "raised", words: ("起", "Raised"), order: "raised_at" },
        // What still stands ends last.
        Column { key: "cleared", words: ("止", "Cleared"), order: "COALESCE(cleared_at, 9223372036854775807)" },
    ],
    filters: &[
        Filter {
            name: "state",
            words: ("未解除和已解除", "standing and cleared"),
            kind: Kind::Choice(&[("open", "未解除", "standing"), ("cleared", "已解除", "cleared")]),
        },
        Filter {
            name: "grade",
            words: ("全部级别", "every grade"),
            kind: Kind::Choice(&[
                ("1", "监测Ⅰ级", "grade Ⅰ"),
                ("2", "监测Ⅱ级", "grade Ⅱ"),
                ("3", "监测Ⅲ级", "grade Ⅲ"),
                ("4", "监测Ⅳ级", "grade Ⅳ"),
            ]),
        },
        Filter { name: "region", words: ("全部区划", "every region"), kind: Kind::Found },
        Filter { name: "station", words: ("站号", "Station id"), kind: Kind::Link },
        Filter { name: "q", words: ("站名或站号", "station's name or id"), kind: Kind::Text },
    ],
    order: "-raised",
};

/// Alarms with what their stations are called.
struct Alarms {
    found: Found<Alarm>,
    names: HashMap<String, Text>,
    regions: Vec<(String, String)>,
}

async fn read(room: &Room, who: &Who, asked: &Asked, part: Part) -> ApiResult<Alarms> {
    let (wanted, place, scope) = (asked.clone(), region(asked)?, who.actor.scope.clone());
    let everywhere = Actor { scope: Scope::Everywhere, ..who.actor.clone() };
    let (found, regions) = room
        .site
        .world
        .read(&everywhere, move |tx| {
            let found = store::alarm_find(tx, &scope, &wanted, place.as_ref(), part)?;
            let codes = store::alarm_regions(tx, &scope)?;
            let regions = named(tx, codes.iter().filter_map(|it| RegionCode::parse(it).ok()).chain(place.clone()))?;
            Ok::<_, StoreError>((found, regions))
        })
        .await?;
    let names = station_names(room, &found.items).await?;
    Ok(Alarms { found, names, regions })
}

/// What the stations of these alarms are called.
async fn station_names(room: &Room, alarms: &[Alarm]) -> Result<HashMap<String, Text>, StoreError> {
    let ids: HashSet<String> = alarms.iter().map(|it| it.station.clone()).collect();
    let read = move |tx: &mut Tx<'_>| {
        let mut names = HashMap::new();
        for id in &ids {
            names.extend(tx.get::<Station>(id)?.map(|it| (it.id, it.name)));
        }
        Ok(names)
    };
    room.site.world.read(&Actor::system("alarms"), read).await
}

impl Alarms {
    fn station<'a>(&'a self, alarm: &'a Alarm, lang: Lang) -> &'a str {
        self.names.get(&alarm.station).map_or(alarm.station.as_str(), |it| it.get(lang))
    }
}

pub(super) async fn show(State(room): State<Room>, who: Who, asking: Asking) -> ApiResult<Markup> {
    let asked = LIST.asked(&asking);
    let alarms = read(&room, &who, &asked, Part::Page).await?;
    let (lang, site) = (who.lang, &room.site);
    let view = View {
        id: "alarms",
        live: "alarm.",
        found: &alarms.found,
        options: &[("region", alarms.regions.clone())],
        rows: html! { @for it in &alarms.found.items { (row(&room, lang, &alarms, it)) } },
        export: true,
    };
    let title = lang.pick("实况告警", "Alarms");
    Ok(page(site, &who, title, html! { main { h1 { (title) } (asked.show(site, lang, view)) } }))
}

fn row(room: &Room, lang: Lang, alarms: &Alarms, it: &Alarm) -> Markup {
    let station = room.site.url(&format!("/stations?station={}", percent(&it.station)));
    html! {
        tr {
            td { span class={ "grade grade-" (it.grade.get()) } { (it.grade.numeral()) } }
            td { (it.peak.numeral()) }
            td { a href=(station) { (alarms.station(it, lang)) } " " span.small.soft { (it.station) }
                @if it.areas.is_empty() { " " span.tag { (lang.pick("上游监视", "upstream")) } } }
            td { (it.title.get(lang)) }
            td.num { (it.raised_at.wall()) }
            td.num { (it.cleared_at.map(|at| at.wall()).unwrap_or_default()) }
        }
    }
}

pub(super) async fn export(State(room): State<Room>, who: Who, asking: Asking) -> ApiResult<Response> {
    let asked = LIST.asked(&asking);
    let alarms = read(&room, &who, &asked, Part::Sheet(SHEET)).await?;
    let lang = who.lang;
    let table = asked.sheet(lang, &alarms.found, |it| {
        vec![
            it.grade.numeral().to_owned(),
            it.peak.numeral().to_owned(),
            format!("{} {}", alarms.station(it, lang), it.station),
            it.title.get(lang).to_owned(),
            it.raised_at.wall(),
            it.cleared_at.map(|at| at.wall()).unwrap_or_default(),
        ]
    });
    Ok(workbook("alarms", xlsx(&table)?))
}
