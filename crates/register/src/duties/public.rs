//! The public directory: names and posts of responsible persons, numbers masked, duty rooms in clear. Off until a
//! system administrator switches it on.

use std::sync::{Arc, Mutex, PoisonError};

use anlan_kernel::{Actor, Instant, Lang, Permission, RegionCode, Tier};
use anlan_store::{Event, Row, StoreError, Tx, Urgency};
use anlan_web::{Access, ApiError, ApiResult, Routes, Site, Who, asset, bare_page, page};
use axum::{
    Json,
    extract::{Form, Query, State},
    http::header,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};

use super::{
    Room,
    directory::{self, Line, Wanted},
    directory_pages::rank_words,
    model::DirectoryPage,
};
use crate::{
    callees::room_name,
    phone,
    store::{self, Where},
};

/// The only row of its table.
const ID: &str = "directory";
/// How long what was read once is shown, to spare the register a crowd.
const KEPT: std::time::Duration = std::time::Duration::from_secs(60);

/// What the public may read.
#[derive(Debug)]
pub(super) struct Published {
    at: Instant,
    lines: Vec<Line>,
    rooms: Vec<DutyRoom>,
    streets: Vec<(RegionCode, String)>,
}

#[derive(Debug)]
struct DutyRoom {
    region: RegionCode,
    name: String,
    phone: String,
}

/// What was read last.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<Option<Arc<Published>>>);

impl Cache {
    fn get(&self, now: Instant) -> Option<Arc<Published>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        kept.filter(|it| now >= it.at && now.since(it.at) < KEPT)
    }

    fn set(&self, read: Option<Arc<Published>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = read;
    }
}

pub(super) fn routes(routes: Routes<Room>) -> Routes<Room> {
    let switch = Access::Needs(Permission::SwitchPublicPage);
    routes
        .get("/public/directory", Access::Public, "责任人公开页", "Responsible persons, for the public", show)
        .get("/public-directory", switch, "责任人公开", "Public directory", setting)
        .post("/public-directory", switch, "开关责任人公开页", "Switch the public directory", switch_form)
        .get("/api/v1/public-directory", switch, "责任人公开页开关", "Whether the public directory is on", is_shown)
        .put("/api/v1/public-directory", switch, "开关责任人公开页", "Switch the public directory", switch_put)
}

/// Whether the public directory is on.
///
/// # Errors
/// What the store says.
pub fn is_on(tx: &mut Tx<'_>) -> Result<bool, StoreError> {
    Ok(tx.get::<DirectoryPage>(ID)?.is_some_and(|it| it.shown))
}

fn published(tx: &mut Tx<'_>) -> Result<Option<Published>, StoreError> {
    if !is_on(tx)? {
        return Ok(None);
    }
    let lines = directory::lines(tx, &Wanted::default())?;
    let mut rooms = Vec::new();
    for row in store::room_rows(tx, Where { text: "o.duty_room_phone IS NOT NULL".to_owned(), values: Vec::new() })? {
        let region = RegionCode::parse(&row.text(1)?).map_err(|it| StoreError::Shape(it.to_string()))?;
        let phone = row.opt(4, Row::text)?.unwrap_or_default();
        if region.tier() != Tier::Community && phone::is_written(&phone) {
            rooms.push(DutyRoom { region, name: room_name(&row)?, phone });
        }
    }
    let streets = directory::regions(tx)?.into_iter().filter(|it| it.code.tier() == Tier::Street);
    let streets = streets.map(|it| (it.code, it.name)).collect();
    Ok(Some(Published { at: tx.now(), lines, rooms, streets }))
}

async fn read(room: &Room) -> ApiResult<Arc<Published>> {
    if let Some(kept) = room.cache.get(room.site.world.now()) {
        return Ok(kept);
    }
    let read = room.site.world.read(&Actor::system("public-directory"), published).await?.map(Arc::new);
    room.cache.set(read.clone());
    read.ok_or_else(ApiError::not_found)
}

#[derive(Default, Deserialize)]
struct Asked {
    #[serde(default)]
    street: String,
}

async fn show(State(room): State<Room>, who: Who, Query(asked): Query<Asked>) -> ApiResult<Response> {
    let read = read(&room).await?;
    let (site, lang) = (&room.site, who.lang);
    let street = read.streets.iter().find(|it| it.0.as_str() == asked.street);
    let inside = |region: &RegionCode| match street {
        Some((code, _)) => code.covers(region),
        None => region.tier() == Tier::District,
    };
    let title = lang.pick("防汛防灾责任人", "Responsible persons");
    let body = html! {
        link rel="stylesheet" href=(asset(site, "duties.css"));
        main.public {
            h1 { (site.speaker) " · " (title) @if let Some((_, name)) = street { " · " (name) } }
            p.soft.small { (lang.pick("数据截至 ", "as of ")) time datetime=(read.at.to_rfc3339()) { (read.at.wall()) } " · "
                (lang.pick("紧急情况请拨值班电话，或 110、119、120。", "In an emergency call the duty room, or 110, 119, 120.")) }
            nav.row aria-label=(lang.pick("街道", "Streets")) {
                a href=(site.url("/public/directory")) aria-current=[street.is_none().then_some("page")] { (lang.pick("区级", "District")) }
                @for (code, name) in &read.streets {
                    a href=(site.url(&format!("/public/directory?street={code}"))) aria-current=[(*code.as_str() == *asked.street).then_some("page")] { (name) }
                }
            }
            @for it in read.rooms.iter().filter(|it| inside(&it.region)) {
                p { (it.name) "：" a.num href=(format!("tel:{}", it.phone)) { (it.phone) } }
            }
            (people(lang, read.lines.iter().filter(|it| inside(&it.region))))
            p.small.soft { (lang.pick("公开姓名、职务和责任区；个人号码不公开全号。", "Names, posts and duty areas are public; personal numbers are not shown in full.")) }
        }
    };
    let headers = [(header::CACHE_CONTROL, "public, max-age=60"), (header::VARY, "cookie, accept-language")];
    Ok((headers, bare_page(site, lang, title, body)).into_response())
}

fn people<'a>(lang: Lang, lines: impl Iterator<Item = &'a Line>) -> Markup {
    html! { div.card.scroll tabindex="0" { table {
        thead { tr {
            th scope="col" { (lang.pick("责任区", "Duty area")) } th scope="col" { (lang.pick("责任", "Duty")) } th scope="col" { (lang.pick("岗位", "Rank")) }
            th scope="col" { (lang.pick("姓名", "Name")) } th scope="col" { (lang.pick("职务", "Title")) } th scope="col" { (lang.pick("单位", "Unit")) }
            th scope="col" { (lang.pick("号码", "Number")) }
        } }
        tbody { @for it in lines { tr {
            td { (it.region_name) } td { (it.duty) } td { (rank_words(it.rank, lang)) } td { (it.name) } td { (it.title) } td { (it.organisation) }
            td.num { (it.phone.as_deref().map(phone::masked).unwrap_or_default()) }
        } } }
    } } }
}

async fn setting(State(room): State<Room>, who: Who) -> ApiResult<Markup> {
    let shown = room.site.world.read(&who.actor, is_on).await?;
    Ok(page(
        &room.site,
        &who,
        who.lang.pick("责任人公开", "Public directory"),
        setting_body(&room.site, who.lang, shown),
    ))
}

fn setting_body(site: &Site, lang: Lang, shown: bool) -> Markup {
    html! { main.narrow {
        h1 { (lang.pick("责任人公开页", "Public directory")) }
        p { (if shown { lang.pick("已启用：", "On: ") } else { lang.pick("未启用：", "Off: ") }) a href=(site.url("/public/directory")) { (site.url("/public/directory")) } }
        p.soft { (lang.pick(
            "不需登录。公开责任人的姓名、职务、单位、责任区；个人号码打码，值班室号码完整显示。每次开关记入操作日志。",
            "No log-in. It shows names, titles, units and duty areas; personal numbers are masked, those of duty rooms are not. Each switch stands in the journal.")) }
        form method="post" action=(site.url("/public-directory")) data-confirm=(lang.pick("确认更改责任人公开页？", "Change the public directory?")) {
            button.main type="submit" name="shown" value=(!shown) { (if shown { lang.pick("停用公开页", "Switch off") } else { lang.pick("启用公开页", "Switch on") }) }
        }
    } }
}

#[derive(Clone, Copy, Deserialize, Serialize)]
struct Switch {
    shown: bool,
}

async fn turn(room: &Room, who: &Who, shown: bool) -> ApiResult<()> {
    room.site
        .world
        .write("public-directory", Urgency::Urgent, &who.actor, move |tx| {
            let (changed_by, changed_at) = (tx.actor().name.clone(), tx.now());
            tx.put(&DirectoryPage { id: ID.to_owned(), shown, changed_by, changed_at })?;
            tx.record(Event::new(if shown { "directory_page.switched_on" } else { "directory_page.switched_off" }, ID))
        })
        .await?;
    room.cache.set(None);
    Ok(())
}

async fn switch_form(State(room): State<Room>, who: Who, Form(it): Form<Switch>) -> ApiResult<Redirect> {
    turn(&room, &who, it.shown).await?;
    Ok(Redirect::to(&room.site.url("/public-directory")))
}

async fn is_shown(State(room): State<Room>, who: Who) -> ApiResult<Json<Switch>> {
    Ok(Json(Switch { shown: room.site.world.read(&who.actor, is_on).await? }))
}

async fn switch_put(State(room): State<Room>, who: Who, Json(it): Json<Switch>) -> ApiResult<Json<Switch>> {
    turn(&room, &who, it.shown).await?;
    Ok(Json(it))
}
