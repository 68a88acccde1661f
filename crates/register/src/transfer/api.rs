//! The same for programs: drop, look, change, take, undo; templates and exports for both.

use std::sync::Arc;

use anlan_codecs::geo::Datum;
use anlan_kernel::Problem;
use anlan_store::{StoreError, Tx};
use anlan_web::{ApiError, ApiResult, Who, percent};
use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Room,
    drafts::{self, Choices, Part, Waiting},
    export::{Form, Order, export},
    service::{Clerk, blocking, kind_of, mend_name},
    template::template as made,
    undo as undoing,
};
use crate::{
    api::{check_type, refusal},
    records::{
        Batch,
        list::{Asked, Reader},
    },
};

/// Batches of one page.
pub(super) const PAGE: usize = 100;

/// Who calls, as the desk knows them.
pub(super) fn clerk(who: &Who) -> Clerk {
    Clerk { actor: who.actor.clone(), reader: Reader::of(who) }
}

/// What is not there is not found; a file that cannot be read is no conflict.
pub(super) fn missing(error: StoreError) -> ApiError {
    match error {
        StoreError::Refused(problem)
            if matches!(problem.code.as_str(), "no_such_draft" | "no_such_import" | "bad_kind") =>
        {
            ApiError::new(StatusCode::NOT_FOUND, problem)
        }
        error => error.into(),
    }
}

/// The file as programs see it.
pub(super) fn view(room: &Room, waiting: &Waiting) -> Value {
    let state = match waiting {
        it if it.taken => "taken",
        it if it.failed.is_some() => "failed",
        it if it.findings.is_some() => "ready",
        _ => "looking",
    };
    json!({
        "id": waiting.id, "kind": waiting.kind, "name": waiting.name, "state": state, "looked": room.desk.looked_at(&waiting.id),
        "choices": waiting.choices, "findings": waiting.findings, "problem": waiting.failed,
    })
}

/// The clerk's own file of this kind.
pub(super) async fn open(room: &Room, who: &Who, kind: &str, id: &str) -> ApiResult<Waiting> {
    let waiting = room.desk.open(&clerk(who), id).await.map_err(missing)?;
    if waiting.kind == kind { Ok(waiting) } else { Err(missing(drafts::gone())) }
}

#[derive(Deserialize)]
pub(super) struct FileQuery {
    file: Option<String>,
    datum: Option<String>,
    sheet: Option<usize>,
}

/// The body is the file.
pub(super) async fn drop_file(
    State(room): State<Room>,
    who: Who,
    Path(kind): Path<String>,
    Query(query): Query<FileQuery>,
    headers: HeaderMap,
    body: Bytes,
) -> ApiResult<Response> {
    check_type_of_file(&headers)?;
    let datum = query.datum.as_deref().filter(|it| !it.is_empty());
    let datum = datum.map(|it| Datum::parse(it).ok_or_else(|| bad_datum(it))).transpose()?;
    let choices = Choices { datum, sheet: query.sheet, ..Choices::default() };
    let name = query.file.unwrap_or_default();
    let clerk = clerk(&who);
    kind_of(&room.register, &kind).map_err(missing)?;
    let waiting = room.desk.drop_file(&clerk, &kind, body.to_vec(), &name, choices).await.map_err(refusal)?;
    let waiting = room.desk.open(&clerk, &waiting.id).await?;
    Ok((StatusCode::CREATED, Json(view(&room, &waiting))).into_response())
}

/// GeoJSON is JSON, and a file all the same.
fn check_type_of_file(headers: &HeaderMap) -> ApiResult<()> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/json") { Ok(()) } else { check_type(headers) }
}

fn bad_datum(text: &str) -> Problem {
    let words = "WGS-84、GCJ-02、BD-09";
    Problem::new(
        "bad_datum",
        format!("坐标系“{text}”不认识，可用 {words}"),
        format!("the datum {text:?} is not known: {words}"),
    )
    .field("datum")
}

pub(super) async fn one(
    State(room): State<Room>,
    who: Who,
    Path((kind, id)): Path<(String, String)>,
) -> ApiResult<Json<Value>> {
    let waiting = open(&room, &who, &kind, &id).await?;
    Ok(Json(view(&room, &waiting)))
}

/// All choices at once, in place of those before.
pub(super) async fn choose(
    State(room): State<Room>,
    who: Who,
    Path((kind, id)): Path<(String, String)>,
    Json(choices): Json<Choices>,
) -> ApiResult<Json<Value>> {
    open(&room, &who, &kind, &id).await?;
    let waiting = room.desk.choose(&clerk(&who), &id, |it| *it = choices).await.map_err(missing)?;
    Ok(Json(view(&room, &waiting)))
}

pub(super) async fn forget(
    State(room): State<Room>,
    who: Who,
    Path((kind, id)): Path<(String, String)>,
) -> ApiResult<Json<Value>> {
    open(&room, &who, &kind, &id).await?;
    room.desk.forget(&clerk(&who), &id).await.map_err(missing)?;
    Ok(Json(json!({"forgotten": true})))
}

/// Begins to take a file; it goes on whether or not anybody waits for it.
pub(super) async fn begin(room: &Room, who: &Who, kind: &str, id: &str) -> ApiResult<Batch> {
    open(room, who, kind, id).await?;
    let clerk = clerk(who);
    let batch = room.desk.begin(&clerk, id).await.map_err(missing)?;
    let (desk, begun) = (Arc::clone(&room.desk), batch.clone());
    tokio::spawn(async move {
        let id = begun.id.clone();
        if let Err(error) = desk.work(&clerk, begun).await {
            tracing::error!(import = id, %error, "an import did not end well");
        }
    });
    Ok(batch)
}

pub(super) async fn take(
    State(room): State<Room>,
    who: Who,
    Path((kind, id)): Path<(String, String)>,
) -> ApiResult<Response> {
    let batch = begin(&room, &who, &kind, &id).await?;
    Ok((StatusCode::ACCEPTED, Json(batch)).into_response())
}

/// A batch with what was left of it, and how many rows it has where that is known.
pub(super) struct Seen {
    pub batch: Batch,
    pub left: Vec<undoing::LeftAlone>,
    pub rows: Option<usize>,
    pub mend: bool,
}

pub(super) async fn find(room: &Room, who: &Who, id: &str) -> ApiResult<Seen> {
    let own = id.to_owned();
    let unit = move |tx: &mut Tx<'_>| {
        let Some(batch) = tx.get::<Batch>(&own)? else { return Ok(None) };
        let left = if batch.state == "undone" { undoing::left(tx, &own)? } else { Vec::new() };
        Ok(Some((batch, left)))
    };
    let (batch, left) = room.site.world.read(&who.actor, unit).await?.ok_or_else(ApiError::not_found)?;
    let (world, actor, own) = (room.site.world.clone(), who.actor.clone(), id.to_owned());
    let kept = blocking(move || {
        let waiting = drafts::load(&world, &actor, &own).ok();
        let mend = waiting.is_some() && drafts::get(&world, &own, Part::Mend)?.is_some();
        Ok((waiting, mend))
    });
    let (waiting, mend) = kept.await?;
    let rows = waiting.and_then(|it| it.findings).map(|it| it.counts.rows);
    Ok(Seen { batch, left, rows, mend })
}

pub(super) async fn batch(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Value>> {
    let seen = find(&room, &who, &id).await?;
    let mut view = serde_json::to_value(&seen.batch).map_err(StoreError::from)?;
    view["rows"] = json!(seen.rows);
    view["left"] = json!(seen.left);
    view["mend"] = json!(seen.mend);
    Ok(Json(view))
}

pub(super) async fn of_kind(room: &Room, who: &Who, kind: &str) -> ApiResult<Vec<Batch>> {
    kind_of(&room.register, kind).map_err(missing)?;
    let kind = kind.to_owned();
    let unit = move |tx: &mut Tx<'_>| {
        tx.find::<Batch>("kind = $1", &format!("ORDER BY began_at DESC, id LIMIT {PAGE}"), anlan_store::params![&kind])
    };
    Ok(room.site.world.read(&who.actor, unit).await?)
}

pub(super) async fn batches(State(room): State<Room>, who: Who, Path(kind): Path<String>) -> ApiResult<Json<Value>> {
    Ok(Json(json!({"items": of_kind(&room, &who, &kind).await?})))
}

/// Begins to undo; it goes on whether or not anybody waits for it.
pub(super) async fn begin_undo(room: &Room, who: &Who, id: &str) -> ApiResult<Batch> {
    let begun = undoing::begin(&room.site.world, &who.actor, id, false).await.map_err(missing)?;
    let (batch, desk, clerk) = (begun.batch.clone(), Arc::clone(&room.desk), clerk(who));
    tokio::spawn(async move {
        let id = begun.batch.id.clone();
        if let Err(error) = desk.undo(&clerk, begun).await {
            tracing::error!(import = id, %error, "an import was undone by halves; the next start goes on");
        }
    });
    Ok(batch)
}

pub(super) async fn undo(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Response> {
    let batch = begin_undo(&room, &who, &id).await?;
    Ok((StatusCode::ACCEPTED, Json(batch)).into_response())
}

fn workbook(name: &str, bytes: Vec<u8>) -> Response {
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet".to_owned();
    let disposition = format!("attachment; filename=\"register.xlsx\"; filename*=UTF-8''{}", percent(name));
    ([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, disposition)], bytes).into_response()
}

pub(super) async fn template(State(room): State<Room>, who: Who, Path(kind): Path<String>) -> ApiResult<Response> {
    let kind = kind_of(&room.register, &kind).map_err(missing)?;
    let (catalog, reader, lang) = (room.register.catalog(), Reader::of(&who), who.lang);
    let name = format!("{}-{}.xlsx", kind.title.get(lang), lang.pick("模板", "template"));
    let bytes = blocking(move || made(&catalog, &kind, &reader, lang)).await?;
    Ok(workbook(&name, bytes))
}

/// The rows that were refused, once the file was taken.
pub(super) async fn mend(
    State(room): State<Room>,
    who: Who,
    Path((kind, id)): Path<(String, String)>,
) -> ApiResult<Response> {
    let waiting = open(&room, &who, &kind, &id).await?;
    let world = room.site.world.clone();
    let bytes = blocking(move || drafts::get(&world, &id, Part::Mend)).await?.ok_or_else(ApiError::not_found)?;
    Ok(workbook(&mend_name(&waiting.name, who.lang), bytes))
}

async fn out(room: Room, who: Who, kind: String, query: Option<String>, form: Form) -> ApiResult<Response> {
    let kind = kind_of(&room.register, &kind).map_err(missing)?;
    let (clerk, query) = (clerk(&who), query.unwrap_or_default());
    let Query(address) = pairs(&query)?;
    let (asked, problems) = Asked::of(&room.register.catalog(), &kind, &clerk.reader, &address, &["view"]);
    // What is not understood would let out more than was filtered.
    if let Some(problem) = problems.into_iter().next() {
        return Err(problem.into());
    }
    let made = export(&room.register, &clerk, Order { kind, asked, query, form, lang: who.lang }).await?;
    Ok(made.answer().map_err(StoreError::from)?)
}

fn pairs(query: &str) -> ApiResult<Query<Vec<(String, String)>>> {
    let address = format!("/?{query}").parse().map_err(|_| ApiError::of(StatusCode::BAD_REQUEST))?;
    Query::try_from_uri(&address).map_err(|_| ApiError::of(StatusCode::BAD_REQUEST))
}

pub(super) async fn export_xlsx(
    State(room): State<Room>,
    who: Who,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
) -> ApiResult<Response> {
    out(room, who, kind, query, Form::Xlsx).await
}

pub(super) async fn export_csv(
    State(room): State<Room>,
    who: Who,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
) -> ApiResult<Response> {
    out(room, who, kind, query, Form::Csv).await
}

pub(super) async fn export_geojson(
    State(room): State<Room>,
    who: Who,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
) -> ApiResult<Response> {
    out(room, who, kind, query, Form::Geojson).await
}

pub(super) async fn export_kml(
    State(room): State<Room>,
    who: Who,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
) -> ApiResult<Response> {
    out(room, who, kind, query, Form::Kml).await
}

pub(super) async fn export_shp(
    State(room): State<Room>,
    who: Who,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
) -> ApiResult<Response> {
    out(room, who, kind, query, Form::Shp).await
}
