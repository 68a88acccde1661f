//! 视图: lists as somebody keeps them.

use anlan_kernel::{Permission, Problem};
use anlan_store::{Event, StoreError, Tx, Urgency, params};
use anlan_web::{Access, ApiError, ApiResult, Routes, Who};
use axum::{
    Form, Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use serde_json::{Value as Json_, json};

use super::{
    Of, Room, View,
    list::{Asked, joined},
    page, pivot, write,
};

/// Letters of a name.
const NAME: usize = 40;
/// Views of one kind and person.
const MOST: i64 = 50;

/// Doors of views.
pub(super) fn routes(routes: Routes<Room>) -> Routes<Room> {
    let see = Access::Needs(Permission::SeeRegister);
    routes
        .post("/register/{kind}/views", see, "保存视图", "Keep a view", save_form)
        .post("/register/{kind}/views/{view}/remove", see, "删除视图", "Remove a view", remove_form)
        .get("/api/v1/register/{kind}/views", see, "自己的和共享的视图", "Views of one's own and of everybody", list)
        .post("/api/v1/register/{kind}/views", see, "保存视图", "Keep a view", save)
        .delete("/api/v1/register/{kind}/views/{view}", see, "删除视图", "Remove a view", remove)
}

#[derive(Clone, Debug, Default, Deserialize)]
struct New {
    name: String,
    #[serde(default)]
    query: String,
    #[serde(default)]
    shared: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct NewForm {
    name: String,
    #[serde(default)]
    query: String,
    shared: Option<String>,
}

/// Views of one's own, and those of everybody.
pub(crate) fn of_kind(tx: &mut Tx<'_>, kind: &str) -> Result<Vec<View>, StoreError> {
    let actor = tx.actor().name.clone();
    tx.find("kind = $1 AND (actor = $2 OR shared = 1)", "ORDER BY name, id", params![kind, &actor])
}

/// Where a view leads.
pub(crate) fn address(room: &Room, view: &View) -> String {
    let pivot = if is_pivot(&view.query) { "/pivot" } else { "" };
    let mark = if view.query.is_empty() { "" } else { "&" };
    room.url(&format!("/register/{}{pivot}?{}{mark}view={}", view.kind, view.query, view.id))
}

fn is_pivot(query: &str) -> bool {
    query.split('&').any(|it| it.starts_with("rows=") || it.starts_with("value="))
}

/// Only what the list knows is kept.
fn tidy(of: &Of, query: &str) -> String {
    let pairs = page::pairs(query);
    let (asked, _) = Asked::of(&of.catalog, &of.kind, &of.reader, &pairs, page::OWN);
    let axes = pivot::axes_of(&pairs);
    let own = Asked { page: 1, ..asked };
    // In a pivot `columns` is an axis.
    let own = if axes.is_empty() { own.query() } else { joined(&own.conditions()) };
    [own, joined(&axes)].into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join("&")
}

async fn keep(room: &Room, who: &Who, kind: &str, new: New) -> ApiResult<View> {
    let of = room.of(who, kind)?;
    let name: String = new.name.trim().chars().filter(|it| !it.is_control()).take(NAME).collect();
    if name.is_empty() {
        return Err(Problem::new("bad_name", "请给视图起个名字", "give the view a name").field("name").into());
    }
    if new.shared && !who.may(Permission::EditRegister) {
        return Err(ApiError::of(StatusCode::FORBIDDEN));
    }
    let view = View {
        id: write::new_id(room.site.world.now()).replacen('r', "v", 1),
        kind: of.kind.id.clone(),
        actor: who.actor.name.clone(),
        shared: new.shared,
        name,
        query: tidy(&of, &new.query),
    };
    let unit = move |tx: &mut Tx<'_>| {
        let own = "kind = $1 AND actor = $2";
        let known: Vec<View> =
            tx.find(&format!("{own} AND name = $3"), "", params![&view.kind, &view.actor, &view.name])?;
        if known.is_empty() && tx.count::<View>(own, params![&view.kind, &view.actor])? >= MOST {
            let (zh, en) = ("视图太多了，请先删掉几个", "there are too many views; remove some first");
            return Err(Problem::new("too_many_views", zh, en).into());
        }
        let id = known.first().map_or(&view.id, |it| &it.id).clone();
        let view = View { id, ..view.clone() };
        tx.put(&view)?;
        tx.record(Event::new("view.saved", &view.id).detail(json!({"kind": view.kind, "shared": view.shared})))?;
        Ok(view)
    };
    Ok(room.site.world.write("view.save", Urgency::Urgent, &who.actor, unit).await?)
}

async fn drop_view(room: &Room, who: &Who, kind: &str, id: &str) -> ApiResult<()> {
    let (kind, id) = (kind.to_owned(), id.to_owned());
    let unit = move |tx: &mut Tx<'_>| {
        let own = tx.get::<View>(&id)?.filter(|it| it.kind == kind && it.actor == tx.actor().name);
        let (zh, en) = ("没有这个视图，或不是您保存的", "there is no such view, or it is not yours");
        let view = own.ok_or_else(|| Problem::new("no_such_view", zh, en))?;
        tx.delete::<View>(&view.id)?;
        tx.record(Event::new("view.removed", &view.id))
    };
    Ok(room.site.world.write("view.remove", Urgency::Urgent, &who.actor, unit).await?)
}

fn json(view: &View, own: &str) -> Json_ {
    json!({"id": view.id, "name": view.name, "query": view.query, "shared": view.shared, "own": view.actor == own})
}

async fn list(State(room): State<Room>, who: Who, Path(kind): Path<String>) -> ApiResult<Json<Json_>> {
    let of = room.of(&who, &kind)?;
    let views = room.site.world.read(&who.actor, move |tx| of_kind(tx, &of.kind.id)).await?;
    let items: Vec<_> = views.iter().map(|it| json(it, &who.actor.name)).collect();
    Ok(Json(json!({"items": items, "next": null})))
}

async fn save(
    State(room): State<Room>,
    who: Who,
    Path(kind): Path<String>,
    Json(new): Json<New>,
) -> ApiResult<(StatusCode, Json<Json_>)> {
    let view = keep(&room, &who, &kind, new).await?;
    Ok((StatusCode::CREATED, Json(json(&view, &who.actor.name))))
}

async fn save_form(
    State(room): State<Room>,
    who: Who,
    Path(kind): Path<String>,
    Form(new): Form<NewForm>,
) -> ApiResult<Response> {
    let new = New { name: new.name, query: new.query, shared: new.shared.is_some() };
    let view = keep(&room, &who, &kind, new).await?;
    Ok(Redirect::to(&address(&room, &view)).into_response())
}

async fn remove(
    State(room): State<Room>,
    who: Who,
    Path((kind, view)): Path<(String, String)>,
) -> ApiResult<StatusCode> {
    drop_view(&room, &who, &kind, &view).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn remove_form(
    State(room): State<Room>,
    who: Who,
    Path((kind, view)): Path<(String, String)>,
) -> ApiResult<Response> {
    drop_view(&room, &who, &kind, &view).await?;
    Ok(Redirect::to(&room.url(&format!("/register/{kind}"))).into_response())
}
