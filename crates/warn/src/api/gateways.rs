//! Gateways, their receipts, and what did not leave.

use anlan_kernel::Instant;
use anlan_store::{OutboxItem, params};
use anlan_web::{ApiError, ApiResult, Who};
use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json_;

use super::{
    Room,
    lists::{List, ListQuery},
};
use crate::{model::Gateway, receipt::Taken};

/// A gateway's settings; its secret is never shown.
#[derive(Serialize)]
pub(crate) struct GatewayView {
    #[serde(flatten)]
    pub gateway: Gateway,
    /// Where it posts its receipts, for the operator to copy.
    pub receipts: String,
}

/// Gateways by name: those of the table, and a simulator in use.
pub(super) async fn list(State(room): State<Room>, who: Who) -> ApiResult<Json<List<GatewayView>>> {
    Ok(Json(List { items: read_gateways(&room, &who).await?, next: None, at: room.site.world.now() }))
}

/// See [`list`].
pub(crate) async fn read_gateways(room: &Room, who: &Who) -> ApiResult<Vec<GatewayView>> {
    let mut gateways: Vec<Gateway> =
        room.site.world.read(&who.actor, |tx| tx.find::<Gateway>("1 = 1", "ORDER BY id", &[])).await?;
    for used in room.warn.gateways_in_use() {
        if !gateways.iter().any(|it| it.id == used.id) {
            gateways.push(used);
        }
    }
    gateways.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(gateways.into_iter().map(|it| view(room, it)).collect())
}

fn view(room: &Room, gateway: Gateway) -> GatewayView {
    let receipts = room.site.url(&format!("/api/v1/receipts/{}", gateway.id));
    GatewayView { gateway, receipts }
}

/// One gateway.
pub(super) async fn one(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<GatewayView>> {
    let found = read_gateways(&room, &who).await?.into_iter().find(|it| it.gateway.id == id);
    Ok(Json(found.ok_or_else(ApiError::not_found)?))
}

/// Settings of a gateway. Without `secret` the one it has stays.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    url: String,
    #[serde(default)]
    secret: Option<String>,
    #[serde(default)]
    rate: f64,
    #[serde(default)]
    area_rate: f64,
    #[serde(default = "usual_batch")]
    batch: i64,
    #[serde(default = "usual_tries")]
    max_tries: i64,
    #[serde(default = "yes")]
    enabled: bool,
}

fn usual_batch() -> i64 {
    100
}

fn usual_tries() -> i64 {
    10
}

fn yes() -> bool {
    true
}

/// Sets a gateway and uses it at once.
pub(super) async fn put(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(it): Json<Settings>,
) -> ApiResult<Json<GatewayView>> {
    let url = it.url.trim().trim_end_matches('/').to_owned();
    let Settings { rate, area_rate, batch, max_tries, enabled, .. } = it;
    let gateway = Gateway { id, url, rate, area_rate, batch, max_tries, enabled };
    let secret = it.secret.as_deref().filter(|it| !it.is_empty());
    room.warn.put_gateway(&who.actor, gateway.clone(), secret).await?;
    Ok(Json(view(&room, gateway)))
}

/// A message that did not leave, left twice, or of which nobody knows.
#[derive(Serialize)]
pub(crate) struct SendingView {
    pub id: String,
    pub channel: String,
    pub kind: String,
    pub subject: String,
    pub region: String,
    pub state: anlan_store::Sending,
    pub tries: i64,
    pub due_at: Instant,
    pub repeat: bool,
    pub outcome: Option<Json_>,
}

impl From<OutboxItem> for SendingView {
    fn from(it: OutboxItem) -> Self {
        Self {
            repeat: it.payload["repeat"] == true,
            id: it.id,
            channel: it.channel,
            kind: it.kind,
            subject: it.subject,
            region: it.region.to_string(),
            state: it.state,
            tries: it.tries,
            due_at: it.due_at,
            outcome: it.outcome,
        }
    }
}

/// 发送失败: given up, refused, unknown; and what was repeated because nobody could tell.
pub(super) async fn failed(
    State(room): State<Room>,
    who: Who,
    Query(query): Query<ListQuery>,
) -> ApiResult<Json<List<SendingView>>> {
    Ok(Json(read_failed(&room, &who, &query).await?))
}

/// See [`failed`].
pub(crate) async fn read_failed(room: &Room, who: &Who, query: &ListQuery) -> ApiResult<List<SendingView>> {
    let (most, at) = (query.most()?, query.at()?);
    let shown = at.unwrap_or_else(|| room.site.world.now());
    let cursor = query.cursor.clone().unwrap_or_default();
    let items = room
        .site
        .world
        .read(&who.actor, move |tx| {
            tx.find::<OutboxItem>(
                "id > $1 AND (state IN ('failed', 'refused', 'unknown') OR (state <> 'dropped' AND payload LIKE $2))",
                "ORDER BY id LIMIT $3",
                params![&cursor, "%\"repeat\":true%", most],
            )
        })
        .await?;
    let next = items.last().filter(|_| items.len() == most).map(|it| it.id.clone());
    Ok(List { items: items.into_iter().map(Into::into).collect(), next, at: shown })
}

/// Queues a failed message once more.
pub(super) async fn again(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<SendingView>> {
    Ok(Json(room.warn.send_again(&who.actor, &id).await?.into()))
}

/// A gateway's receipts. Its signature is the proof; a body without a good one is kept, never counted.
pub(super) async fn receipts(
    State(room): State<Room>,
    Path(gateway): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> ApiResult<Json<Taken>> {
    let header = |name: &str| headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let (time, signature) = (header("x-anlan-time"), header("x-anlan-signature"));
    let taken = room.warn.take_receipts(&gateway, time, signature, &body).await;
    Ok(Json(taken.map_err(|error| match error {
        anlan_store::StoreError::Refused(problem) if problem.code == "bad_signature" => {
            ApiError::new(StatusCode::UNAUTHORIZED, problem)
        }
        error => error.into(),
    })?))
}
