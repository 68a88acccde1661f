//! Lists for superiors (逐级叫应): read, accepted, refused.

use anlan_store::{StoreError, Tx, params};
use anlan_web::{ApiError, ApiResult, Who};
use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json_;

use super::{
    Room,
    lists::{List, ListQuery},
};
use crate::model::{Call, Escalation};

/// A list for a superior.
#[derive(Serialize)]
pub(crate) struct EscalationView {
    #[serde(flatten)]
    pub escalation: Json_,
    /// Who of the list has no final state yet.
    pub listed: i64,
}

/// What the list of lists takes beside.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct EscalationQuery {
    round: Option<String>,
    state: Option<String>,
}

/// Lists for superiors in the caller's duty areas, in the order of their ids.
pub(super) async fn list(
    State(room): State<Room>,
    who: Who,
    Query(query): Query<ListQuery>,
    Query(which): Query<EscalationQuery>,
) -> ApiResult<Json<List<EscalationView>>> {
    let (most, at) = (query.most()?, query.at()?);
    let shown = at.unwrap_or_else(|| room.site.world.now());
    let (round, state) = (which.round.unwrap_or_default(), which.state.unwrap_or_default());
    let cursor = query.cursor.unwrap_or_default();
    let items = room
        .site
        .world
        .read(&who.actor, move |tx| {
            let lists: Vec<Escalation> = tx.find(
                "id > $1 AND ($2 = '' OR round = $2) AND ($3 = '' OR state = $3) AND opened_at <= $4",
                "ORDER BY id LIMIT $5",
                params![&cursor, &round, &state, shown, most],
            )?;
            lists.iter().map(|it| escalation_view(tx, it)).collect::<Result<Vec<_>, _>>()
        })
        .await?;
    let id = |it: &EscalationView| it.escalation["id"].as_str().unwrap_or_default().to_owned();
    let next = items.last().filter(|_| items.len() == most).map(id);
    Ok(Json(List { items, next, at: shown }))
}

fn escalation_view(tx: &mut Tx<'_>, escalation: &Escalation) -> Result<EscalationView, StoreError> {
    let listed = tx.count::<Call>("escalation = $1 AND open = 1", params![&escalation.id])?;
    let mut view = serde_json::to_value(escalation)?;
    if let Some(map) = view.as_object_mut() {
        map.remove("token_hash");
        map.remove("note");
    }
    Ok(EscalationView { escalation: view, listed })
}

/// Words of who accepts.
#[derive(Default, Deserialize)]
pub(super) struct Accept {
    #[serde(default)]
    note: String,
}

/// 接手: the open calls of the list end as 已转交.
pub(super) async fn accept(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(accept): Json<Accept>,
) -> ApiResult<Json<EscalationView>> {
    let note = Some(accept.note.trim().chars().take(500).collect::<String>()).filter(|it| !it.is_empty());
    let escalation = room.warn.accept_list(&who.actor, &id, note).await?;
    let view = room.site.world.read(&who.actor, move |tx| escalation_view(tx, &escalation)).await?;
    Ok(Json(view))
}

/// 不能接手: the next superior is called.
pub(super) async fn refuse(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(accept): Json<Accept>,
) -> ApiResult<Json<EscalationView>> {
    let note = Some(accept.note.trim().chars().take(500).collect::<String>()).filter(|it| !it.is_empty());
    room.warn.refuse_list(&who.actor, &id, note).await?;
    let read = move |tx: &mut Tx<'_>| tx.get::<Escalation>(&id)?.map(|it| escalation_view(tx, &it)).transpose();
    let view = room.site.world.read(&who.actor, read).await?;
    Ok(Json(view.ok_or_else(ApiError::not_found)?))
}
