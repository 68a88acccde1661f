//! The desk as programs see it.

use anlan_kernel::Instant;
use anlan_web::{ApiResult, Who};
use axum::{
    Json,
    extract::{Path, State},
};
use serde::Serialize;
use serde_json::{Value as Json_, json};

use super::{
    MOST,
    read::{self, Officer},
};
use crate::{Room, TodoItem, todo::shortened};

#[derive(Serialize)]
pub(super) struct Desk {
    at: Instant,
    on_duty: Vec<Officer>,
    /// At most seven.
    to_do: Vec<TodoItem>,
    /// How many there are in all.
    open: usize,
}

pub(super) async fn desk(State(room): State<Room>, who: Who) -> ApiResult<Json<Desk>> {
    let on_duty = room.site.world.read(&who.actor, read::officers).await?;
    let all = room.command.todo(&who).await?;
    let (open, to_do) = (all.len(), shortened(&all, MOST).items);
    Ok(Json(Desk { at: room.site.world.now(), on_duty, to_do, open }))
}

pub(super) async fn alarm_seen(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Json_>> {
    room.command.alarm_seen(&who.actor, &id).await?;
    Ok(Json(json!({"seen": true})))
}
