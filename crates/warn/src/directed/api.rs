//! Lists to be called, for programs.

use anlan_kernel::Permission;
use anlan_register::{audiences::Described, model::masked_name, phone};
use anlan_store::StoreError;
use anlan_web::{ApiError, ApiResult, Who};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::service::{Order, Standing};
use crate::api::{Room, read_round};

/// The name, masked for whoever may not see names.
pub(super) fn name_for(who: &Who, it: &Described) -> String {
    if who.may(Permission::Unmask) || it.id.starts_with("room:") { it.name.clone() } else { masked_name(&it.name) }
}

/// A list that is not there is not found.
pub(super) fn missing(error: StoreError) -> ApiError {
    match error {
        StoreError::Refused(problem) if problem.code == "no_such_audience" => {
            ApiError::new(StatusCode::NOT_FOUND, problem)
        }
        error => error.into(),
    }
}

fn view(who: &Who, it: &Standing) -> Value {
    let duties: Vec<Value> =
        it.by_duty().into_iter().map(|(duty, count)| json!({"duty": duty, "people": count})).collect();
    let streets = it.by_street();
    let streets: Vec<Value> =
        streets.iter().map(|(code, count)| json!({"region": code, "name": it.name(code), "people": count})).collect();
    let callees: Vec<Value> = it
        .people
        .iter()
        .map(|person| {
            let numbers: Vec<String> = person.numbers.iter().map(|it| phone::masked(it)).collect();
            json!({
                "callee": person.id, "name": name_for(who, person), "title": person.title,
                "organisation": person.organisation, "region": person.region, "numbers": numbers,
            })
        })
        .collect();
    json!({
        "id": it.kept.id, "title": it.kept.title, "made_at": it.kept.made_at, "people": it.people.len(),
        "unknown": it.unknown, "no_number": it.no_number(), "already": it.already.len(), "duties": duties,
        "streets": streets, "callees": callees, "level": it.level, "round": it.round,
    })
}

/// What a list is looked at for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct For {
    process: String,
    level: Option<u8>,
}

pub(super) async fn one(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Query(of): Query<For>,
) -> ApiResult<Json<Value>> {
    let order = Order { process: of.process, level: of.level.unwrap_or(0), ..Order::default() };
    let standing = room.warn.directed_standing(&who.actor, &id, &order).await.map_err(missing)?;
    Ok(Json(view(&who, &standing)))
}

#[derive(Debug, Deserialize)]
pub(super) struct LeftOut {
    callee: String,
}

pub(super) async fn leave_out(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(left): Json<LeftOut>,
) -> ApiResult<Json<Value>> {
    room.warn.directed_leave_out(&who.actor, &id, &left.callee).await.map_err(missing)?;
    let standing = room.warn.directed_standing(&who.actor, &id, &Order::default()).await.map_err(missing)?;
    Ok(Json(view(&who, &standing)))
}

pub(super) async fn begin(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(order): Json<Order>,
) -> ApiResult<Response> {
    let round = room.warn.directed_begin(&who.actor, &id, order).await.map_err(missing)?;
    Ok((StatusCode::CREATED, Json(read_round(&room, &who, round, None).await?)).into_response())
}
