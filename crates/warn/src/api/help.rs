//! Requests for help (有险情、需支援): whose they are, and who takes them.

use anlan_kernel::Permission;
use anlan_register::{contacts, phone};
use anlan_store::{StoreError, Tx, params};
use anlan_web::{ApiResult, Who};
use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::{Deserialize, Serialize};

use super::{
    Room,
    calls::{CallView, person_of, view},
    lists::{List, ListQuery, cursor, flag},
};
use crate::model::{Call, Escalation, Help};

/// A request for help and whose it is.
#[derive(Debug, Serialize)]
pub struct HelpView {
    /// The request.
    #[serde(flatten)]
    pub help: Help,
    /// The call of whoever asked; of a superior their own in that round, where they have one.
    pub call: Option<CallView>,
    /// The superior who asked while taking a list over.
    pub superior: Option<SuperiorView>,
}

/// A superior who took a list over.
#[derive(Clone, Debug, Serialize)]
pub struct SuperiorView {
    /// Callee id or account.
    pub id: String,
    /// Name, masked without the permission to see people.
    pub name: String,
    /// 单位.
    pub organisation: String,
    /// Usable numbers, masked.
    pub numbers: Vec<String>,
}

/// A request with whoever asked, as far as the reader may see them.
pub(super) fn help_view(tx: &mut Tx<'_>, help: Help, named: bool) -> Result<HelpView, StoreError> {
    let help = Help { outcome: help.outcome.filter(|_| named), ..help };
    if let Some(call) = tx.get::<Call>(help.call())? {
        return Ok(HelpView { call: Some(view(tx, call, named)?), superior: None, help });
    }
    let list = tx.get::<Escalation>(help.call())?;
    let Some((round, id)) = list.and_then(|it| Some((it.round, it.accepted_by?))) else {
        return Ok(HelpView { help, call: None, superior: None });
    };
    let call = tx.get::<Call>(&format!("{round}/{id}"))?.map(|it| view(tx, it, named)).transpose()?;
    let known = contacts(tx, std::slice::from_ref(&id))?.remove(&id);
    let numbers = known.as_ref().map(|it| it.numbers.iter().map(|it| phone::masked(it)).collect());
    let superior = SuperiorView {
        name: person_of(tx, &id, named)?,
        organisation: known.map_or_else(String::new, |it| it.title.organisation),
        numbers: numbers.unwrap_or_default(),
        id,
    };
    Ok(HelpView { help, call, superior: Some(superior) })
}

/// What the list of requests takes beside.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct HelpQuery {
    open: Option<String>,
}

/// Requests for help, newest first; with `open=1` those nobody took.
pub(super) async fn list(
    State(room): State<Room>,
    who: Who,
    Query(query): Query<ListQuery>,
    Query(which): Query<HelpQuery>,
) -> ApiResult<Json<List<HelpView>>> {
    Ok(Json(read_help(&room, &who, &query, flag(which.open.as_deref())).await?))
}

/// Requests for help in the caller's duty areas, newest first.
///
/// # Errors
/// A parameter that makes no sense; what the store says.
pub async fn read_help(room: &Room, who: &Who, query: &ListQuery, open: Option<bool>) -> ApiResult<List<HelpView>> {
    let (most, at, (before, id)) = (query.most()?, query.at()?, query.before()?);
    let shown = at.unwrap_or_else(|| room.site.world.now());
    let named = who.may(Permission::SeePeople);
    let filter = match open {
        Some(true) => "(taken_at IS NULL OR taken_at > $1)",
        Some(false) => "taken_at <= $1",
        None => "1 = 1",
    };
    let condition = format!("{filter} AND asked_at <= $1 AND (asked_at < $2 OR (asked_at = $2 AND id < $3))");
    let items = room
        .site
        .world
        .read(&who.actor, move |tx| {
            let tail = "ORDER BY asked_at DESC, id DESC LIMIT $4";
            let asked: Vec<Help> = tx.find(&condition, tail, params![shown, before, &id, most])?;
            asked.into_iter().map(|it| help_view(tx, it, named)).collect::<Result<Vec<_>, _>>()
        })
        .await?;
    let last = items.last().filter(|_| items.len() == most);
    let next = last.map(|it| cursor(it.help.asked_at, &it.help.id));
    Ok(List { items, next, at: shown })
}

/// What came of it.
#[derive(Debug, Deserialize)]
pub(super) struct Outcome {
    #[serde(default)]
    outcome: String,
}

/// Whoever deals with it writes what came of it; that ends it.
pub(super) async fn end(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(said): Json<Outcome>,
) -> ApiResult<Json<Help>> {
    Ok(Json(room.warn.end_help(&who.actor, &id, &said.outcome).await?))
}

/// Somebody at the desk takes it; it stops ringing.
pub(super) async fn take(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Help>> {
    Ok(Json(room.warn.take_help(&who.actor, &id).await?))
}
