//! Forwards as programs see them.

use anlan_kernel::Permission as P;
use anlan_web::{Access, ApiResult, Mounted, Routes, Who};
use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json_, json};

use super::{Forward, ForwardView, Tally, of_signals};
use crate::Room;

pub(super) fn routes(room: Room) -> Mounted {
    let (see, handle) = (Access::Needs(P::SeeDesk), Access::Needs(P::HandleSignal));
    Routes::new(&room.site)
        .get("/api/v1/signals/{id}/forwards", see, "转发与签收", "Forwards of a signal and their receipts", list)
        .post("/api/v1/signals/{id}/remind", handle, "催收", "Send again to who did not acknowledge", remind)
        .post("/api/v1/forwards/{id}/receipt", handle, "登记电话签收", "Record a receipt by telephone", receipt)
        .finish(room)
}

/// Forwards with how far each got, and their sums.
#[derive(Serialize)]
struct Forwards {
    items: Vec<ForwardView>,
    #[serde(flatten)]
    tally: Tally,
}

async fn list(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Forwards>> {
    let mut items = room
        .site
        .world
        .read(&who.actor, move |tx| Ok(of_signals(tx, std::slice::from_ref(&id))?.remove(&id).unwrap_or_default()))
        .await?;
    items.iter_mut().for_each(|it| hide(&mut it.forward, &who));
    Ok(Json(Forwards { tally: Tally::of(&items), items }))
}

/// Who answered there is seen by those who may see people; a link's digest by nobody.
fn hide(forward: &mut Forward, who: &Who) {
    forward.token_hash.clear();
    if !who.may(P::SeePeople) {
        forward.note = None;
    }
}

async fn remind(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Json_>> {
    let count = room.command.remind(&who.actor, &id).await?;
    Ok(Json(json!({"sent": count})))
}

/// Who answered the telephone.
#[derive(Default, Deserialize)]
pub(super) struct Said {
    #[serde(default)]
    pub note: String,
}

async fn receipt(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(said): Json<Said>,
) -> ApiResult<Json<Forward>> {
    let mut forward = room.command.receive_by_telephone(&who.actor, &id, &said.note).await?;
    hide(&mut forward, &who);
    Ok(Json(forward))
}
