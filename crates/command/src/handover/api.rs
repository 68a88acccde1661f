//! Hand-overs as programs see them.

use anlan_kernel::Permission as P;
use anlan_warn::api::{List, ListQuery};
use anlan_web::{Access, ApiError, ApiResult, Mounted, Routes, Who};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};

use super::{HandOver, OpenItem, Remarks};
use crate::Room;

pub(super) fn routes(room: Room) -> Mounted {
    let (see, sign) = (Access::Needs(P::SeePeople), Access::Needs(P::HandleSignal));
    Routes::new(&room.site)
        .get("/api/v1/hand-overs", see, "历次交接班", "Hand-overs", list)
        .get("/api/v1/hand-overs/open", see, "未结事项", "What is open now", open)
        .post("/api/v1/hand-overs", sign, "签字交班", "Sign as the outgoing officer", hand_over)
        .get("/api/v1/hand-overs/{id}", see, "一次交接班", "A hand-over", one)
        .post("/api/v1/hand-overs/{id}/withdraw", sign, "撤回交班", "Withdraw before the second signature", withdraw)
        .post("/api/v1/hand-overs/{id}/accept", sign, "签字接班", "Accept as the incoming officer", accept)
        .finish(room)
}

#[derive(Serialize)]
struct Open {
    items: Vec<OpenItem>,
}

async fn list(State(room): State<Room>, who: Who, Query(query): Query<ListQuery>) -> ApiResult<Json<List<HandOver>>> {
    super::list(&room, &who, &query).await.map(Json)
}

async fn open(State(room): State<Room>, who: Who) -> ApiResult<Json<Open>> {
    Ok(Json(Open { items: room.command.open_items(&who).await? }))
}

async fn hand_over(
    State(room): State<Room>,
    who: Who,
    Json(remarks): Json<Remarks>,
) -> ApiResult<(StatusCode, Json<HandOver>)> {
    Ok((StatusCode::CREATED, Json(room.command.hand_over(&who, remarks).await?)))
}

async fn one(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<HandOver>> {
    let found = room.site.world.read(&who.actor, move |tx| tx.get(&id)).await?;
    Ok(Json(found.ok_or_else(ApiError::not_found)?))
}

/// 撤回理由.
#[derive(Deserialize)]
pub(super) struct Reason {
    #[serde(default)]
    pub reason: String,
}

async fn withdraw(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(why): Json<Reason>,
) -> ApiResult<Json<HandOver>> {
    Ok(Json(room.command.withdraw(&who.actor, &id, &why.reason).await?))
}

/// 已逐项核对.
#[derive(Deserialize)]
struct Checked {
    #[serde(default)]
    checked: bool,
}

async fn accept(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(said): Json<Checked>,
) -> ApiResult<Json<HandOver>> {
    Ok(Json(room.command.accept(&who, &id, said.checked).await?))
}
