//! A post: who holds it, when they were last reached, and what it answers for beyond its region.

use std::collections::HashMap;

use anlan_kernel::{Instant, Lang, Permission as P, Problem};
use anlan_store::{StoreError, Tx, Urgency};
use anlan_web::{Access, ApiError, ApiResult, Routes, Who, page, percent};
use axum::{
    Json,
    extract::{Form, Path, State},
    response::Redirect,
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value as Json_, json};

use super::{
    Room,
    areas::{self, Said},
    asks_pages::last_words,
    directory_pages::{is_clear, level_words, rank_words, shown},
    model::DutyArea,
    reach,
};
use crate::{
    model::{Organisation, Person, Post},
    phone,
    records::refs::Names,
};

pub(super) fn routes(routes: Routes<Room>) -> Routes<Room> {
    let (see, edit) = (Access::Needs(P::SeePeople), Access::Needs(P::EditPeople));
    routes
        .get("/posts/{id}", see, "岗位与责任区", "A post and its duty areas", show)
        .post("/posts/{id}/areas", edit, "增加责任区", "Add a duty area", add)
        .post("/posts/{id}/areas/{area}/remove", edit, "去掉责任区", "Remove a duty area", remove)
        .get("/api/v1/posts/{id}/areas", see, "岗位的责任区", "Duty areas of a post", list)
        .post("/api/v1/posts/{id}/areas", edit, "增加责任区", "Add a duty area", add_json)
}

struct Read {
    post: Post,
    person: Person,
    unit: String,
    region: String,
    areas: Vec<DutyArea>,
    names: HashMap<String, String>,
    last: Option<(Instant, String)>,
}

async fn read(room: &Room, who: &Who, id: String) -> ApiResult<Read> {
    let unit = move |tx: &mut Tx<'_>| -> Result<Option<Read>, StoreError> {
        let Some(post) = tx.get::<Post>(&id)? else { return Ok(None) };
        // Whoever belongs elsewhere is named here by what the post's own row may show.
        let person = tx.get::<Person>(&post.person)?.unwrap_or_else(|| Person {
            id: post.person.clone(),
            region: post.region.clone(),
            name: None,
            phone: None,
            spare: None,
            erased_at: None,
        });
        let areas = areas::of_post(tx, &post.id)?;
        let names = areas::names(tx, &areas)?;
        let region = Names::of_regions(tx, [post.region.to_string()])?.region(post.region.as_str());
        let unit = tx.get::<Organisation>(&post.organisation)?.map_or_else(|| post.organisation.clone(), |it| it.name);
        let last = reach::last(tx, &post.person)?;
        Ok(Some(Read { person, unit, region, areas, names, last, post }))
    };
    room.site.world.read(&who.actor, unit).await?.ok_or_else(ApiError::not_found)
}

async fn show(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Markup> {
    let Read { post, person, unit, region, areas, names, last } = read(&room, &who, id).await?;
    let (lang, site, edit) = (who.lang, &room.site, who.may(P::EditPeople));
    let name = person.name.as_deref().map_or_else(|| "—".to_owned(), |it| shown(it, is_clear(&who)));
    let number = person.phone.or(person.spare).map(|it| phone::masked(&it)).unwrap_or_default();
    let title = lang.pick("岗位", "Post");
    let body = html! { main {
        p { a href=(site.url("/directory")) { (lang.pick("‹ 责任人名录", "‹ Directory")) } }
        h1 { (name) " · " (post.title) }
        section.card { dl {
            dt { (lang.pick("责任", "Duty")) } dd { (post.duty) }
            dt { (lang.pick("责任区", "Duty area")) } dd { (region) " · " (level_words(post.level, lang)) " · " (rank_words(post.rank, lang)) }
            dt { (lang.pick("单位", "Unit")) } dd { a href=(site.url(&format!("/organisations/{}", percent(&post.organisation)))) { (unit) } }
            dt { (lang.pick("号码", "Number")) } dd.num { (number) }
            dt { (lang.pick("任期", "In force")) } dd { (dates(post.valid_from, post.valid_until, lang)) }
            dt { (lang.pick("上次触达", "Last reached")) } dd { (last_words(last.as_ref(), lang)) }
        } }
        section.card { header { h2 { (lang.pick("另外负责", "Also answers for")) " · " (areas.len()) } }
            div.scroll tabindex="0" { table { tbody { @for it in &areas { tr {
                td { (kind_words(&it.kind, lang)) }
                td { @match (&it.target, it.kind.as_str()) {
                    (Some(id), "record") => { a href=(site.url(&format!("/records/{}", percent(id)))) { (names.get(id).unwrap_or(id)) } },
                    (Some(code), _) => { (names.get(code).unwrap_or(code)) },
                    (None, _) => { (lang.pick("地图上的范围", "a shape on the map")) },
                } }
                td { (dates(it.valid_from, it.valid_until, lang)) }
                td { @if edit { form method="post" action=(site.url(&format!("/posts/{}/areas/{}/remove", percent(&post.id), it.id))) { button.quiet type="submit" { (lang.pick("去掉", "Remove")) } } } }
            } } } } }
            @if edit { details { summary { (lang.pick("增加", "Add")) } (form(&site.url(&format!("/posts/{}/areas", percent(&post.id))), lang)) } }
        }
    } };
    Ok(page(site, &who, title, body))
}

fn kind_words(kind: &str, lang: Lang) -> &'static str {
    match kind {
        "region" => lang.pick("区划", "region"),
        "record" => lang.pick("网格或对象", "grid or thing"),
        _ => lang.pick("范围", "shape"),
    }
}

fn dates(from: Option<Instant>, until: Option<Instant>, lang: Lang) -> String {
    let day = |it: Option<Instant>| it.map(|it| it.wall()[..10].to_owned());
    match (day(from), day(until)) {
        (None, None) => lang.pick("长期", "always").to_owned(),
        (from, until) => format!("{} — {}", from.unwrap_or_default(), until.unwrap_or_default()),
    }
}

fn form(action: &str, lang: Lang) -> Markup {
    html! { form method="post" action=(action) {
        label { (lang.pick("类型", "Kind")) select name="kind" { @for it in ["record", "region", "polygon"] { option value=(it) { (kind_words(it, lang)) } } } }
        label { (lang.pick("对象编号（台账页地址末尾）或区划代码", "Id of the record, or code of the region")) input name="target" maxlength="40" autocomplete="off"; }
        label { (lang.pick("范围（GeoJSON 面，地图上画好后复制）", "Shape (a GeoJSON polygon, copied from the map)")) textarea name="geometry" rows="3" {} }
        label { (lang.pick("起于", "From")) input type="date" name="from"; }
        label { (lang.pick("止于", "Until")) input type="date" name="until"; }
        button.main type="submit" { (lang.pick("保存", "Save")) }
    } }
}

#[derive(Deserialize)]
struct AreaForm {
    kind: String,
    #[serde(default)]
    target: String,
    #[serde(default)]
    geometry: Json_,
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
}

impl AreaForm {
    fn said(self) -> Result<Said, Problem> {
        let day = |text: &str, field: &str| {
            if text.is_empty() {
                return Ok(None);
            }
            let bad = |_| Problem::new("bad_date", "日期应如 2026-05-01", "a date is 2026-05-01").field(field);
            Instant::parse(&format!("{text}T00:00:00+08:00")).map(Some).map_err(bad)
        };
        let (valid_from, valid_until) = (day(&self.from, "from")?, day(&self.until, "until")?);
        let geometry = match self.geometry {
            Json_::Null => String::new(),
            Json_::String(text) => text,
            shape => shape.to_string(),
        };
        Ok(Said { kind: self.kind, target: self.target, geometry, valid_from, valid_until })
    }
}

async fn keep(room: &Room, who: &Who, id: String, form: AreaForm) -> ApiResult<DutyArea> {
    let said = form.said()?;
    Ok(room
        .site
        .world
        .write("duty_area.add", Urgency::Urgent, &who.actor, move |tx| areas::add(tx, &id, &said))
        .await?)
}

async fn add(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(form): Form<AreaForm>,
) -> ApiResult<Redirect> {
    let here = room.site.url(&format!("/posts/{}", percent(&id)));
    keep(&room, &who, id, form).await?;
    Ok(Redirect::to(&here))
}

async fn add_json(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(form): Json<AreaForm>,
) -> ApiResult<Json<Json_>> {
    Ok(Json(json!(keep(&room, &who, id, form).await?)))
}

async fn remove(State(room): State<Room>, who: Who, Path((id, area)): Path<(String, String)>) -> ApiResult<Redirect> {
    let here = room.site.url(&format!("/posts/{}", percent(&id)));
    room.site
        .world
        .write("duty_area.remove", Urgency::Urgent, &who.actor, move |tx| areas::remove(tx, &id, &area))
        .await?;
    Ok(Redirect::to(&here))
}

async fn list(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Json_>> {
    let areas = read(&room, &who, id).await?.areas;
    Ok(Json(json!({"items": areas, "next": null})))
}
