//! The roster as programs see it.

use anlan_kernel::Permission as P;
use anlan_web::{Access, ApiResult, Mounted, Routes, Who};
use axum::{
    Json,
    extract::{Query, State},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json_, json};

use super::{Assignment, Gap, Room, assign, between, day_start, gaps, own_office, swap};
use crate::{
    callees::callee_title,
    model::{Role, Shift, masked_name},
};

pub(super) fn routes(room: Room) -> Mounted {
    let (see, edit) = (Access::Needs(P::SeePeople), Access::Needs(P::EditShifts));
    Routes::new(&room.site)
        .get("/api/v1/shifts", see, "值班表", "The roster", list)
        .get("/api/v1/shifts/gaps", see, "未来七天的空班", "Gaps in the seven days ahead", missing)
        .post("/api/v1/shifts", edit, "排班", "Put somebody on a shift", put)
        .post("/api/v1/shifts/swap", edit, "对调", "Two officers change places", exchange)
        .finish(room)
}

#[derive(Deserialize)]
struct Span {
    from: String,
    until: String,
}

#[derive(Serialize)]
struct List<T> {
    items: Vec<T>,
}

#[derive(Serialize)]
struct ShiftView {
    id: String,
    organisation: String,
    starts_at: anlan_kernel::Instant,
    ends_at: anlan_kernel::Instant,
    role: Role,
    name: String,
}

/// Shifts of the own office from one day to another.
async fn list(State(room): State<Room>, who: Who, Query(span): Query<Span>) -> ApiResult<Json<List<ShiftView>>> {
    let (from, until) = (day_start(&span.from, "00:00:00")?, day_start(&span.until, "23:59:59")?);
    let named = who.may(P::Unmask) || who.may(P::EditShifts);
    let items = room
        .site
        .world
        .read(&who.actor, move |tx| {
            let Some(office) = own_office(tx)? else { return Ok(Vec::new()) };
            let mut views = Vec::new();
            for it in between(tx, &office.id, from, until)? {
                let name = name_of(tx, &it)?;
                let name = if named { name } else { masked_name(&name) };
                let Shift { id, organisation, starts_at, ends_at, role, .. } = it;
                views.push(ShiftView { id, organisation, starts_at, ends_at, role, name });
            }
            Ok(views)
        })
        .await?;
    Ok(Json(List { items }))
}

/// The officer's name, from the register or as the roster has it.
pub(super) fn name_of(tx: &mut anlan_store::Tx<'_>, shift: &Shift) -> Result<String, anlan_store::StoreError> {
    let known = shift.person.as_deref().map(|id| callee_title(tx, id)).transpose()?.flatten();
    Ok(known.map(|it| it.name).or_else(|| shift.name.clone()).unwrap_or_default())
}

async fn missing(State(room): State<Room>, who: Who) -> ApiResult<Json<List<Gap>>> {
    let roster = room.roster.clone();
    let items = room
        .site
        .world
        .read(&who.actor, move |tx| match own_office(tx)? {
            Some(office) => gaps(tx, &roster, &office.id),
            None => Ok(Vec::new()),
        })
        .await?;
    Ok(Json(List { items }))
}

async fn put(State(room): State<Room>, who: Who, Json(new): Json<Assignment>) -> ApiResult<Json<Json_>> {
    assign(&room.site.world, &who.actor, new).await?;
    Ok(Json(json!({"assigned": true})))
}

#[derive(Deserialize)]
struct Swap {
    one: String,
    other: String,
}

async fn exchange(State(room): State<Room>, who: Who, Json(it): Json<Swap>) -> ApiResult<Json<Json_>> {
    swap(&room.site.world, &who.actor, &it.one, &it.other).await?;
    Ok(Json(json!({"swapped": true})))
}
