//! Signals of other authorities: in, listed, acknowledged, forwarded.

use anlan_codecs::signal::looks_like_xml;
use anlan_kernel::{Permission, Problem, RegionCode};
use anlan_web::{ApiError, ApiResult, Who};
use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{
    ProblemView, Room,
    lists::{List, ListQuery, as_of},
};
use crate::{
    model::Signal,
    signals::{Received, SignalError, area, own_places},
    store,
};

/// What became of a delivery.
#[derive(Serialize)]
struct ReceivedView {
    #[serde(flatten)]
    signal: Signal,
    /// False when it had come before; then nothing was done.
    new: bool,
    /// What was tolerated in the message.
    warnings: Vec<ProblemView>,
}

/// What a delivery takes beside.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct ReceiveQuery {
    /// Region codes with commas between, for a message that names none.
    areas: Option<String>,
}

/// Takes CAP XML, the Chinese warning message in XML, JSON or plain text. A person who hands over bare words means the
/// own duty area; a machine whose message names no place means upstream.
pub(super) async fn receive(
    State(room): State<Room>,
    who: Who,
    Query(query): Query<ReceiveQuery>,
    body: Bytes,
) -> ApiResult<Response> {
    if !who.may(Permission::SendSignals) && !who.may(Permission::HandleSignal) {
        return Err(ApiError::of(StatusCode::FORBIDDEN));
    }
    let mut places = places(query.areas.as_deref().unwrap_or_default())?;
    let words = !looks_like_xml(&body) && !body.trim_ascii_start().starts_with(b"{");
    if places.is_empty() && words && who.may(Permission::HandleSignal) {
        places = own_places(&who.actor.scope, &room.monitor.settings.home);
    }
    let Received { signal, new, warnings } =
        room.monitor.receive_signal_for(&who.actor, &body, &places).await.map_err(refusal)?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    let view = ReceivedView { signal, new, warnings: ProblemView::all(warnings, who.lang) };
    Ok((status, Json(view)).into_response())
}

fn places(list: &str) -> Result<Vec<RegionCode>, Problem> {
    list.split(',').map(str::trim).filter(|it| !it.is_empty()).map(area).collect()
}

/// Signals, newest first; the message as it came stands with each one's own address.
pub(super) async fn list(
    State(room): State<Room>,
    who: Who,
    Query(query): Query<ListQuery>,
) -> ApiResult<Json<List<Signal>>> {
    let mut page = read_signals(&room, &who, &query).await?;
    page.items.iter_mut().for_each(|it| it.original.clear());
    Ok(Json(page))
}

/// See [`list`].
pub(crate) async fn read_signals(room: &Room, who: &Who, query: &ListQuery) -> ApiResult<List<Signal>> {
    let (at, most, cursor) = (query.at()?, query.most()?, query.cursor.clone());
    let shown = at.unwrap_or_else(|| room.site.world.now());
    let page = room.site.world.read(&who.actor, move |tx| {
        let items = store::signal_list(tx, cursor.as_deref(), shown, most)?;
        let mut page = List::new(items, most, shown, |it| &it.id);
        page.items = as_of(tx, std::mem::take(&mut page.items), at, |it| &it.id)?;
        Ok(page)
    });
    Ok(page.await?)
}

/// One signal, by our id or the issuer's identifier; with `.cap` behind it the message as it came, where that
/// was CAP.
pub(super) async fn one(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Response> {
    let found = read_signal(&room, &who, id.clone()).await;
    match (found, id.strip_suffix(".cap")) {
        (Err(error), Some(id)) if error.status() == StatusCode::NOT_FOUND => original(&room, &who, id.to_owned()).await,
        (found, _) => Ok(Json(found?).into_response()),
    }
}

async fn original(room: &Room, who: &Who, id: String) -> ApiResult<Response> {
    let signal = read_signal(room, who, id).await?;
    if signal.format != "cap" {
        let (zh, en) = ("这条信号来时不是 CAP", "this signal did not come as CAP");
        return Err(ApiError::new(StatusCode::NOT_FOUND, Problem::new("no_such_original", zh, en)));
    }
    let bytes = room.monitor.signal_as_sent(&signal).await?;
    Ok(([(header::CONTENT_TYPE, "application/cap+xml")], bytes).into_response())
}

/// See [`one`].
pub(crate) async fn read_signal(room: &Room, who: &Who, id: String) -> ApiResult<Signal> {
    let found = room.site.world.read(&who.actor, move |tx| store::signal_named(tx, &id)).await?;
    found.ok_or_else(ApiError::not_found)
}

/// 签收; the first one counts.
pub(super) async fn acknowledge(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Signal>> {
    Ok(Json(room.monitor.acknowledge_signal(&who.actor, &id).await.map_err(refusal)?))
}

/// 转发, unchanged.
pub(super) async fn forward(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Signal>> {
    Ok(Json(room.monitor.forward_signal(&who.actor, &id).await.map_err(refusal)?))
}

/// What a caller hears.
pub(crate) fn refusal(error: SignalError) -> ApiError {
    match error {
        SignalError::Refused(problem) => ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, *problem),
        SignalError::NotFound(_) => ApiError::not_found(),
        SignalError::Store(anlan_store::StoreError::OutOfScope { .. }) => {
            let (zh, en) =
                ("这条信号涉及的地区不在您的责任区内", "the places of this signal lie outside your duty area");
            ApiError::new(StatusCode::FORBIDDEN, Problem::new("out_of_scope", zh, en).field("areas"))
        }
        SignalError::Store(error) => error.into(),
    }
}
