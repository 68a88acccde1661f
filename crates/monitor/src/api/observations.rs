//! Readings in.

use anlan_kernel::Scope;
use anlan_web::{ApiResult, Who};
use axum::{Json, body::Bytes, extract::State};
use serde::Serialize;

use super::{ProblemView, Room, elsewhere};
use crate::{
    ingest::{Allowed, Sender},
    model::Station,
};

/// What became of a body; said after the sync.
#[derive(Serialize)]
pub(super) struct Taken {
    taken: u64,
    duplicates: u64,
    refused: Vec<ProblemView>,
}

/// Takes a JSON array or NDJSON. Whatever is wrong in it, everything right around it is taken.
pub(super) async fn take(State(room): State<Room>, who: Who, body: Bytes) -> ApiResult<Json<Taken>> {
    let answer = room.monitor.take(&sender(&room, &who).await?, &body).await.map_err(elsewhere)?;
    let refused = ProblemView::all(answer.refused, who.lang);
    Ok(Json(Taken { taken: answer.taken, duplicates: answer.duplicates, refused }))
}

/// A device speaks for its own stations, an account for those of its duty areas.
async fn sender(room: &Room, who: &Who) -> ApiResult<Sender> {
    let stations = match (&who.stations, &who.actor.scope) {
        (Some(patterns), _) => Allowed::from_patterns(patterns),
        (None, Scope::Everywhere) => Allowed::All,
        (None, Scope::Regions(_)) => {
            let stations = room.site.world.read(&who.actor, |tx| tx.find::<Station>("1 = 1", "", &[])).await?;
            Allowed::from_patterns(&stations.iter().map(|it| it.id.as_str()).collect::<Vec<_>>())
        }
    };
    Ok(Sender { name: who.actor.name.clone(), way: "http", stations })
}
