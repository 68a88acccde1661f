//! Telephone notes as programs see them; numbers masked.

use anlan_kernel::Permission as P;
use anlan_web::{Access, ApiResult, Mounted, Routes, Who};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use serde::Serialize;

use super::{Filter, NewNote, Note, list, masked};
use crate::Room;

/// Notes of one page.
const PAGE: usize = 100;

pub(super) fn routes(room: Room) -> Mounted {
    let (see, take) = (Access::Needs(P::SeePeople), Access::Needs(P::HandleSignal));
    Routes::new(&room.site)
        .get("/api/v1/telephone-notes", see, "电话记录", "Telephone notes", notes)
        .post("/api/v1/telephone-notes", take, "登记电话记录", "Take a telephone note", add)
        .post("/api/v1/telephone-notes/{id}/done", take, "办结", "What it asked for is done", done)
        .finish(room)
}

#[derive(Serialize)]
struct Notes {
    items: Vec<Note>,
    next: Option<String>,
}

async fn notes(State(room): State<Room>, who: Who, Query(filter): Query<Filter>) -> ApiResult<Json<Notes>> {
    let items = room.site.world.read(&who.actor, move |tx| list(tx, &filter, PAGE)).await?;
    let next = items.last().filter(|_| items.len() == PAGE).map(|it| it.id.clone());
    Ok(Json(Notes { items: items.into_iter().map(masked).collect(), next }))
}

async fn add(State(room): State<Room>, who: Who, Json(new): Json<NewNote>) -> ApiResult<(StatusCode, Json<Note>)> {
    let note = room.command.take_note(&who.actor, new).await?;
    Ok((StatusCode::CREATED, Json(masked(note))))
}

async fn done(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Note>> {
    Ok(Json(masked(room.command.note_done(&who.actor, &id).await?)))
}
