//! The map as JSON, and its base map.

use anlan_web::{ApiResult, Who};
use axum::{
    Json,
    extract::{Query, State},
};
use serde_json::{Value as Json_, json};

use crate::map::{self, MapQuery, MapRoom, MapView, base};

/// Everything on the map in one answer; `at` is a minute between the start of the process and now.
pub(super) async fn show(
    State(map): State<MapRoom>,
    who: Who,
    Query(query): Query<MapQuery>,
) -> ApiResult<Json<MapView>> {
    Ok(Json(map::read(&map, &who, &query).await?))
}

/// The base map as it is set.
pub(super) async fn base(State(map): State<MapRoom>, who: Who) -> ApiResult<Json<Json_>> {
    let stored = map.room.site.world.read(&who.actor, base::stored).await?;
    Ok(Json(stored.map_or_else(|| json!({"enabled": false}), |it| json!(it))))
}

/// Sets the base map.
pub(super) async fn set_base(
    State(map): State<MapRoom>,
    who: Who,
    Json(setting): Json<base::Setting>,
) -> ApiResult<Json<Json_>> {
    Ok(Json(json!(base::set(&map.room.site.world, &who.actor, setting).await?)))
}
