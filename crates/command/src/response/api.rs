//! Responses as programs see them.

use anlan_kernel::Permission as P;
use anlan_warn::api::{List, ListQuery};
use anlan_web::{Access, ApiError, ApiResult, Mounted, Routes, Who};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};

use super::{Response, Step, flow::Decide};
use crate::{Room, forward::words};

pub(super) fn routes(room: Room) -> Mounted {
    let (see, run, approve) =
        (Access::Needs(P::SeeDesk), Access::Needs(P::RunRound), Access::Needs(P::ApproveResponse));
    let record = Access::Needs(P::HandleSignal);
    Routes::new(&room.site)
        .get("/api/v1/responses", see, "应急响应", "Responses", list)
        .post("/api/v1/responses", run, "建议响应级别", "Propose a level", propose)
        .get("/api/v1/responses/{id}", see, "一次应急响应的经过", "A response with its sequence", one)
        .post("/api/v1/responses/{id}/grade", run, "判定事件等级", "Judge the event's grade", grade)
        .post("/api/v1/response-steps/{id}/approve", approve, "签批", "Approve", approve_step)
        .post("/api/v1/response-steps/{id}/decline", approve, "不同意", "Decline", decline)
        .post("/api/v1/response-steps/{id}/verbal", record, "登记电话口头同意", "Record a verbal yes", verbal)
        .post("/api/v1/response-steps/{id}/sign", approve, "补签", "Sign a verbal yes", sign)
        .finish(room)
}

async fn list(State(room): State<Room>, who: Who, Query(query): Query<ListQuery>) -> ApiResult<Json<List<Response>>> {
    room.command.responses(&who.actor, &query).await.map(Json)
}

#[derive(Serialize)]
struct Story {
    #[serde(flatten)]
    response: Response,
    sequence: Vec<Step>,
}

/// Who said yes at which number is seen by those who may see people.
fn hide(mut step: Step, who: &Who) -> Step {
    if !who.may(P::SeePeople) {
        (step.approver, step.note) = (None, None);
    }
    step.approver_number = step.approver_number.map(|it| anlan_register::phone::masked(&it));
    step
}

async fn one(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Story>> {
    let (response, steps) = room.command.response(&who.actor, &id).await?.ok_or_else(ApiError::not_found)?;
    Ok(Json(Story { response, sequence: steps.into_iter().map(|it| hide(it, &who)).collect() }))
}

#[derive(Deserialize)]
struct Proposal {
    plan: String,
    #[serde(default)]
    level: Option<u8>,
    words: String,
}

async fn propose(State(room): State<Room>, who: Who, Json(it): Json<Proposal>) -> ApiResult<(StatusCode, Json<Step>)> {
    let step = room.command.propose(&who.actor, &it.plan, it.level, &it.words).await?;
    Ok((StatusCode::CREATED, Json(hide(step, &who))))
}

#[derive(Deserialize)]
struct Judged {
    grade: Option<u8>,
}

async fn grade(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(it): Json<Judged>,
) -> ApiResult<Json<Response>> {
    Ok(Json(room.command.grade(&who.actor, &id, it.grade).await?))
}

async fn decide(room: &Room, who: &Who, id: &str, what: Decide) -> ApiResult<Json<Step>> {
    Ok(Json(hide(room.command.decide(&who.actor, id, what).await?, who)))
}

async fn approve_step(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Step>> {
    decide(&room, &who, &id, Decide::Approve { by: who.actor.name.clone() }).await
}

/// Why not.
#[derive(Default, Deserialize)]
pub(super) struct Reason {
    #[serde(default)]
    note: String,
}

impl Reason {
    pub(super) fn decline(&self, who: &Who) -> Decide {
        Decide::Decline { by: who.actor.name.clone(), note: words(&self.note) }
    }
}

async fn decline(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(reason): Json<Reason>,
) -> ApiResult<Json<Step>> {
    decide(&room, &who, &id, reason.decline(&who)).await
}

/// Who said yes on the telephone, at which number.
#[derive(Deserialize)]
pub(super) struct Yes {
    approver: String,
    #[serde(default)]
    number: String,
}

impl Yes {
    pub(super) fn verbal(self, who: &Who) -> Decide {
        Decide::Verbal { by: who.actor.name.clone(), approver: self.approver, number: self.number }
    }
}

async fn verbal(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(yes): Json<Yes>,
) -> ApiResult<Json<Step>> {
    decide(&room, &who, &id, yes.verbal(&who)).await
}

async fn sign(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Step>> {
    decide(&room, &who, &id, Decide::Sign { by: who.actor.name.clone() }).await
}
