//! Visits on the screen and on the telephone.

use std::collections::{BTreeSet, HashMap};

use anlan_kernel::{Lang, Permission as P, RegionCode};
use anlan_store::{StoreError, Tx, Urgency};
use anlan_web::{Access, ApiError, ApiResult, Routes, Who, asset, page, percent, phone_page};
use axum::{
    Json,
    extract::{Multipart, Path, Query, State},
    response::Redirect,
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value as Json_, json};

use super::{
    Room,
    directory_pages::{is_clear, shown},
    model::Visit,
    visits::{self, Point, Said},
};
use crate::{
    contacts,
    kinds::Sort,
    records::{Record, attachments, list::Reader, refs::Names, show},
};

/// Most bytes of a form with its photograph.
const LARGEST: usize = (20 << 20) + (64 << 10);

pub(super) fn routes(routes: Routes<Room>) -> Routes<Room> {
    const NOTING: &[P] = &[P::EditRegister, P::RecordAnswer];
    let (see, write) = (Access::Needs(P::SeeRegister), Access::Any(NOTING));
    routes
        .menu("/visits", "高风险点到访", "Visits", Some(P::SeePeople))
        .get("/visits", see, "高风险点包干与到访", "High-risk points, their leaders and visits", show_list)
        .get("/records/{id}/visit", see, "到访登记", "Note a visit", form)
        .get("/api/v1/visits", see, "到访情况，超期在前", "Points and their visits, overdue first", list)
        .get("/api/v1/records/{id}/visits", see, "一个对象的到访记录", "Visits of a thing", of_record)
        .post("/api/v1/records/{id}/visits", write, "到访登记", "Note a visit", note_json)
        .limit(LARGEST)
        .post("/records/{id}/visit", write, "到访登记", "Note a visit", note)
}

/// Which points are wanted.
#[derive(Default, Deserialize)]
struct Asked {
    #[serde(default)]
    state: String,
    #[serde(default)]
    region: String,
}

impl Asked {
    fn holds(&self, it: &Point) -> bool {
        match self.state.as_str() {
            "overdue" => it.overdue.is_some(),
            "visited" => it.every.is_some() && it.last.is_some() && it.overdue.is_none(),
            "led" => !it.leaders.is_empty(),
            "unled" => it.leaders.is_empty(),
            "unplanned" => it.every.is_none(),
            _ => true,
        }
    }
}

async fn points(room: &Room, who: &Who, region: &str) -> ApiResult<Vec<Point>> {
    let catalog = room.register.catalog();
    let mut points = room.site.world.read(&who.actor, move |tx| visits::points(tx, &catalog)).await?;
    if let Ok(region) = RegionCode::parse(region) {
        points.retain(|it| region.covers(&it.record.region));
    }
    Ok(points)
}

/// Names of leaders: people as the reader may see them, units by their name.
async fn leaders(room: &Room, who: &Who, points: &[Point]) -> ApiResult<HashMap<String, String>> {
    let ids: BTreeSet<String> = points.iter().flat_map(|it| it.leaders.iter().cloned()).collect();
    let clear = is_clear(who);
    let unit = move |tx: &mut Tx<'_>| -> Result<HashMap<String, String>, StoreError> {
        let (people, units): (Vec<String>, Vec<String>) = ids.iter().cloned().partition(|it| it.starts_with("person:"));
        let units_named = Names::of_units(tx, units.iter().cloned())?;
        let mut names: HashMap<_, _> = units.into_iter().map(|it| (it.clone(), units_named.unit(&it))).collect();
        names.extend(contacts(tx, &people)?.into_iter().map(|(id, it)| (id, shown(&it.title.name, clear))));
        Ok(names)
    };
    Ok(room.site.world.read(&who.actor, unit).await?)
}

fn title_of(room: &Room, who: &Who, record: &Record) -> String {
    let catalog = room.register.catalog();
    catalog.kind(&record.kind).map_or_else(|| record.id.clone(), |it| show::title(it, record, &Reader::of(who)))
}

async fn show_list(State(room): State<Room>, who: Who, Query(asked): Query<Asked>) -> ApiResult<Markup> {
    let all = points(&room, &who, &asked.region).await?;
    let (coverage, lang, site) = (visits::coverage(&all), who.lang, &room.site);
    let names = leaders(&room, &who, &all).await?;
    let codes: Vec<String> = all
        .iter()
        .map(|it| it.record.region.to_string())
        .chain(visits::regions(&all).iter().map(ToString::to_string))
        .collect();
    let regions = site.world.read(&who.actor, move |tx| Names::of_regions(tx, codes.clone())).await?;
    let streets = visits::regions(&all);
    let shown: Vec<&Point> = all.iter().filter(|it| asked.holds(it)).collect();
    let to = |state: &str| site.url(&format!("/visits?state={state}&region={}", percent(&asked.region)));
    let title = lang.pick("高风险点包干与到访", "High-risk points and visits");
    let body = html! {
        link rel="stylesheet" href=(asset(site, "duties.css"));
        main {
            h1 { (title) }
            p.row {
                a href=(to("")) { (lang.pick("在管点 ", "Points ")) b.num { (coverage.points) } }
                a href=(to(if coverage.led < coverage.points { "unled" } else { "led" })) { (lang.pick("有包干领导 ", "With a leader ")) b.num.bad[coverage.led < coverage.points] { (coverage.led) "/" (coverage.points) } }
                a href=(to("visited")) { (lang.pick("按期到访 ", "Visited in time ")) b.num { (coverage.visited) "/" (coverage.points) } }
                a href=(to("overdue")) { (lang.pick("超期未访 ", "Overdue ")) b.num.bad[coverage.overdue > 0] { (coverage.overdue) } }
                @if coverage.planned < coverage.points { a href=(to("unplanned")) { (lang.pick("没有定间隔 ", "Without an interval ")) b.num.bad { (coverage.points - coverage.planned) } } }
            }
            form.row method="get" {
                input type="hidden" name="state" value=(asked.state);
                select name="region" aria-label=(lang.pick("街道", "street")) {
                    option value="" { (lang.pick("全部街道", "All streets")) }
                    @for it in &streets { option value=(it) selected[asked.region == it.as_str()] { (regions.region(it.as_str())) } }
                }
                button type="submit" { (lang.pick("查找", "Find")) }
            }
            div.card.scroll tabindex="0" { table {
                thead { tr { th scope="col" { (lang.pick("点", "Point")) } th scope="col" { (lang.pick("区划", "Region")) } th scope="col" { (lang.pick("包干领导", "Leader")) } th scope="col" { (lang.pick("间隔（天）", "Every (days)")) }
                    th scope="col" { (lang.pick("最近到访", "Last visit")) } th scope="col" { (lang.pick("超期", "Overdue")) } th scope="col" {} } }
                tbody { @for it in &shown { tr {
                    td { a href=(site.url(&format!("/records/{}", percent(&it.record.id)))) { (title_of(&room, &who, &it.record)) } }
                    td { (regions.region(it.record.region.as_str())) }
                    td { @if it.leaders.is_empty() { b.bad { (lang.pick("无", "none")) } } @for (at, id) in it.leaders.iter().enumerate() { @if at > 0 { "、" } (names.get(id).map_or("—", String::as_str)) } }
                    td.num { (it.every.map(|it| it.to_string()).unwrap_or_default()) }
                    td.num { @match it.last { Some(at) => (&at.wall()[..10]), None => (lang.pick("从未", "never")) } }
                    td.num { @if let Some(days) = it.overdue { b.bad { (overdue_words(days, lang)) } } }
                    td { a.button href=(site.url(&format!("/records/{}/visit", percent(&it.record.id)))) { (lang.pick("到访登记", "Note a visit")) } }
                } } }
            } @if shown.is_empty() { p.soft { (lang.pick("无", "none")) } } }
        }
    };
    Ok(page(site, &who, title, body))
}

fn overdue_words(days: i64, lang: Lang) -> String {
    match lang {
        Lang::Zh => format!("超期 {days} 天"),
        Lang::En => format!("{days} days"),
    }
}

async fn record_of(room: &Room, who: &Who, id: &str) -> ApiResult<Record> {
    let id = id.to_owned();
    room.site.world.read(&who.actor, move |tx| tx.get::<Record>(&id)).await?.ok_or_else(ApiError::not_found)
}

async fn form(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Query(asked): Query<HashMap<String, String>>,
) -> ApiResult<Markup> {
    let record = record_of(&room, &who, &id).await?;
    let (lang, site, wanted) = (who.lang, &room.site, record.id.clone());
    let visits = site.world.read(&who.actor, move |tx| visits::of_record(tx, &wanted)).await?;
    let catalog = room.register.catalog();
    let kind = catalog.kind(&record.kind);
    let choices = people_of(&room, &who, &record).await?;
    let photo = kind.is_some();
    let title = title_of(&room, &who, &record);
    let body = html! {
        main {
            p.soft { (kind.map(|it| it.title.get(lang)).unwrap_or_default()) }
            h1 { (title) }
            @if asked.contains_key("noted") { p.note role="status" { (lang.pick("✓ 已登记", "✓ noted")) } }
            form method="post" enctype="multipart/form-data" {
                @if !choices.is_empty() {
                    label { (lang.pick("到访人", "Who was there")) select name="person" {
                        @for (id, name) in &choices { option value=(id) { (name) } }
                        option value="" { (lang.pick("其他（由本账号登记）", "somebody else (noted by this account)")) }
                    } }
                }
                label { (lang.pick("情况（可不填）", "What was found (optional)")) textarea name="note" rows="4" maxlength=(visits::NOTE) {} }
                @if photo { label { (lang.pick("照片（可不选）", "A photograph (optional)")) input type="file" name="photo" accept="image/*"; } }
                button.plain type="submit" { (lang.pick("登记到访", "Note the visit")) }
            }
            section { h2 { (lang.pick("到访记录", "Visits")) " · " (visits.len()) }
                @if visits.is_empty() { p.soft { (lang.pick("还没有人到访", "nobody was here yet")) } }
                ul { @for it in &visits { li { (&it.at.wall()[..16]) " " (show::actor(&it.actor)) @if let Some(note) = &it.note { br; (note) }
                    @if let Some(file) = &it.photo { br; a href=(site.url(&format!("/records/{}/attachments/{}", percent(&record.id), percent(file)))) { (lang.pick("照片", "photograph")) } } } } }
            }
        }
        footer { a href=(site.url("/visits")) { (lang.pick("全部高风险点", "All points")) } }
    };
    Ok(phone_page(site, lang, &title, body))
}

/// The people a record names: whoever may have been there.
async fn people_of(room: &Room, who: &Who, record: &Record) -> ApiResult<Vec<(String, String)>> {
    let catalog = room.register.catalog();
    let Some(kind) = catalog.kind(&record.kind) else { return Ok(Vec::new()) };
    let fields =
        kind.fields.iter().filter(|it| it.sort == Sort::Person && it.personal.is_none() && it.is_visible_to(&who.role));
    let ids: Vec<String> = fields
        .filter_map(|it| record.value(&it.id))
        .flat_map(crate::kinds::value::every)
        .map(crate::kinds::value::plain)
        .collect();
    let (clear, wanted) = (is_clear(who), ids.clone());
    let named = room.site.world.read(&who.actor, move |tx| contacts(tx, &wanted)).await?;
    let mut seen = BTreeSet::new();
    Ok(ids
        .into_iter()
        .filter(|it| seen.insert(it.clone()))
        .filter_map(|id| Some((named.get(&id)?, id)))
        .map(|(it, id)| (id, format!("{} {}", shown(&it.title.name, clear), it.title.title)))
        .collect())
}

async fn keep(room: &Room, who: &Who, id: String, said: Said) -> ApiResult<Visit> {
    let catalog = room.register.catalog();
    let unit = move |tx: &mut Tx<'_>| visits::note(tx, &catalog, &id, &said);
    Ok(room.site.world.write("visit.note", Urgency::Urgent, &who.actor, unit).await?)
}

async fn note(State(room): State<Room>, who: Who, Path(id): Path<String>, mut form: Multipart) -> ApiResult<Redirect> {
    let broken = |_| {
        anlan_kernel::Problem::new(
            "bad_form",
            "没有传完整，或照片超过 20 MB",
            "the upload broke off, or the photograph is over 20 MB",
        )
    };
    let (mut said, mut photo) = (Said::default(), None);
    while let Some(part) = form.next_field().await.map_err(broken)? {
        match part.name() {
            Some("person") => said.person = Some(part.text().await.map_err(broken)?),
            Some("note") => said.note = part.text().await.map_err(broken)?,
            Some("photo") => {
                let name = part.file_name().unwrap_or_default().to_owned();
                let bytes = part.bytes().await.map_err(broken)?;
                photo = (!bytes.is_empty()).then(|| (name, bytes.to_vec()));
            }
            _ => {}
        }
    }
    if let Some((name, bytes)) = photo {
        let records = crate::records::Room { site: room.site.clone(), register: room.register.clone() };
        said.photo = Some(attachments::keep_photo(&records, &who, &id, &name, bytes).await?.id);
    }
    let here = percent(&id);
    keep(&room, &who, id, said).await?;
    Ok(Redirect::to(&room.site.url(&format!("/records/{here}/visit?noted=1"))))
}

#[derive(Default, Deserialize)]
struct NoteBody {
    #[serde(default)]
    person: Option<String>,
    #[serde(default)]
    note: String,
}

async fn note_json(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(body): Json<NoteBody>,
) -> ApiResult<Json<Json_>> {
    let visit = keep(&room, &who, id, Said { person: body.person, note: body.note, photo: None }).await?;
    Ok(Json(json!({"id": visit.id, "record": visit.record, "at": visit.at})))
}

async fn of_record(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Json_>> {
    let record = record_of(&room, &who, &id).await?;
    let visits = room.site.world.read(&who.actor, move |tx| visits::of_record(tx, &record.id)).await?;
    Ok(Json(json!({"items": visits, "next": null})))
}

async fn list(State(room): State<Room>, who: Who, Query(asked): Query<Asked>) -> ApiResult<Json<Json_>> {
    let all = points(&room, &who, &asked.region).await?;
    let items: Vec<_> = all
        .iter()
        .filter(|it| asked.holds(it))
        .map(|it| {
            json!({
                "id": it.record.id, "kind": it.record.kind, "name": title_of(&room, &who, &it.record), "region": it.record.region,
                "leaders": it.leaders, "every_days": it.every, "last_visit": it.last, "overdue_days": it.overdue,
            })
        })
        .collect();
    Ok(Json(json!({"coverage": visits::coverage(&all), "items": items, "next": null})))
}
