//! The same for programs: drop, look, change, take.

use std::sync::Arc;

use anlan_web::{ApiError, ApiResult, Site, Who};
use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{draft::Choices, service};
use crate::api::{check_type, refusal};

#[derive(Deserialize)]
pub(super) struct FileQuery {
    file: Option<String>,
}

/// The body is the file.
pub(super) async fn drop_file(
    State(site): State<Arc<Site>>,
    who: Who,
    Query(query): Query<FileQuery>,
    headers: HeaderMap,
    body: Bytes,
) -> ApiResult<Response> {
    check_type(&headers)?;
    let name = query.file.unwrap_or_default();
    let id = service::drop_file(&site.world, &who.actor, body.to_vec(), &name).await.map_err(refusal)?;
    let work = service::open(&site.world, &who.actor, &id).await.map_err(missing)?;
    Ok((StatusCode::CREATED, Json(work)).into_response())
}

pub(super) async fn one(State(site): State<Arc<Site>>, who: Who, Path(id): Path<String>) -> ApiResult<Response> {
    Ok(Json(service::open(&site.world, &who.actor, &id).await.map_err(missing)?).into_response())
}

/// All choices at once, in place of those before.
pub(super) async fn choose(
    State(site): State<Arc<Site>>,
    who: Who,
    Path(id): Path<String>,
    Json(choices): Json<Choices>,
) -> ApiResult<Response> {
    service::choose(&site.world, &who.actor, &id, |it| *it = choices).await.map_err(missing)?;
    Ok(Json(service::open(&site.world, &who.actor, &id).await.map_err(missing)?).into_response())
}

pub(super) async fn take(State(site): State<Arc<Site>>, who: Who, Path(id): Path<String>) -> ApiResult<Response> {
    Ok(Json(service::take(&site.world, &who.actor, &id).await.map_err(missing)?).into_response())
}

pub(super) async fn forget(State(site): State<Arc<Site>>, who: Who, Path(id): Path<String>) -> ApiResult<Response> {
    service::forget(&site.world, &who.actor, &id).await.map_err(missing)?;
    Ok(Json(serde_json::json!({"forgotten": true})).into_response())
}

/// A draft that is not there is not found; other refusals are conflicts.
pub(super) fn missing(error: anlan_store::StoreError) -> ApiError {
    match error {
        anlan_store::StoreError::Refused(problem) if problem.code == "no_such_draft" => {
            ApiError::new(StatusCode::NOT_FOUND, problem)
        }
        error => error.into(),
    }
}
