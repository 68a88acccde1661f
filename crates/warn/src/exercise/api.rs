//! Test rounds for programs.

use anlan_kernel::Permission;
use anlan_web::{ApiError, ApiResult, Who};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::service::{self, Asked};
use crate::api::Room;

/// Whether names are shown in full.
pub(super) fn sees_names(who: &Who) -> bool {
    who.may(Permission::Unmask) || who.may(Permission::EditPeople)
}

pub(super) async fn list(State(room): State<Room>, who: Who) -> ApiResult<Response> {
    let items = room.warn.test_rounds(&who.actor).await?;
    Ok(Json(json!({"items": items, "next": null})).into_response())
}

pub(super) async fn begin(State(room): State<Room>, who: Who, Json(asked): Json<Asked>) -> ApiResult<Response> {
    let id = service::begin(&room.site, &room.warn, &who, asked).await?;
    let view = room.warn.test_round(&who.actor, &id, sees_names(&who)).await?;
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

pub(super) async fn one(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Response> {
    let view = room.warn.test_round(&who.actor, &id, sees_names(&who)).await.map_err(missing)?;
    Ok(Json(view).into_response())
}

pub(super) fn missing(error: anlan_store::StoreError) -> ApiError {
    match error {
        anlan_store::StoreError::Refused(problem) if problem.code == "no_such_test" => {
            ApiError::new(StatusCode::NOT_FOUND, problem)
        }
        error => error.into(),
    }
}
