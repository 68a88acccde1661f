//! Channels of every kind, what they are told, their endpoints, and tests.

use std::collections::BTreeMap;

use anlan_kernel::{Problem, RegionCode};
use anlan_register::import::Report;
use anlan_store::{StoreError, params};
use anlan_web::{ApiResult, Who};
use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json_, json};

use super::{
    Room,
    gateways::SendingView,
    lists::{List, ListQuery},
};
use crate::{
    Gateway,
    channel::{
        Channel, Endpoint, Kind, Matter, Route,
        kind::split,
        service::{State as Standing, secrets_of},
    },
};

/// A channel; its secrets are named, never shown.
#[derive(Serialize)]
pub(crate) struct ChannelView {
    #[serde(flatten)]
    pub channel: Channel,
    /// Names of the secrets it has.
    pub secrets: Vec<String>,
    /// Whether it stands in the table; else it is a simulator of this process.
    pub stored: bool,
    /// How it stands.
    pub state: Standing,
}

/// Channels by name: gateways, those of the table, and simulators in use.
pub(super) async fn list(State(room): State<Room>, who: Who) -> ApiResult<Json<List<ChannelView>>> {
    Ok(Json(List { items: read_channels(&room, &who).await?, next: None, at: room.site.world.now() }))
}

/// See [`list`].
pub(crate) async fn read_channels(room: &Room, who: &Who) -> ApiResult<Vec<ChannelView>> {
    let mut states = room.warn.channel_states(&who.actor).await?;
    let key = room.site.world.keys().secrets();
    let mut found: Vec<(Channel, Vec<String>, bool)> = room
        .site
        .world
        .read(&who.actor, move |tx| {
            let mut found = Vec::new();
            for it in tx.find::<Channel>("1 = 1", "ORDER BY id", &[])? {
                let secrets = secrets_of(tx, &key, &it.id)?;
                found.push((it, secrets.into_keys().collect(), true));
            }
            for it in tx.find::<Gateway>("1 = 1", "ORDER BY id", &[])? {
                found.push((Channel::from(&it), vec!["secret".to_owned()], true));
            }
            Ok(found)
        })
        .await?;
    for (channel, secrets) in room.warn.channels_in_use() {
        if !found.iter().any(|it| it.0.id == channel.id) {
            found.push((channel, secrets, false));
        }
    }
    found.sort_by(|a, b| (a.0.kind, &a.0.id).cmp(&(b.0.kind, &b.0.id)));
    let view = |(channel, secrets, stored): (Channel, Vec<String>, bool)| {
        let state = states.remove(&channel.id).unwrap_or_default();
        ChannelView { channel, secrets, stored, state }
    };
    Ok(found.into_iter().map(view).collect())
}

/// One channel.
pub(super) async fn one(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<ChannelView>> {
    Ok(Json(read_channel(&room, &who, &id).await?))
}

/// See [`one`].
pub(crate) async fn read_channel(room: &Room, who: &Who, id: &str) -> ApiResult<ChannelView> {
    let found = read_channels(room, who).await?.into_iter().find(|it| it.channel.id == id);
    found.ok_or_else(anlan_web::ApiError::not_found)
}

/// Settings of a channel. Secrets that are not given stay.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub kind: Kind,
    #[serde(default)]
    pub url: Option<String>,
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    #[serde(default)]
    pub rate: Option<f64>,
    #[serde(default)]
    pub max_tries: Option<i64>,
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

/// Sets a channel and uses it at once.
pub(super) async fn put(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(it): Json<Settings>,
) -> ApiResult<Json<ChannelView>> {
    save(&room, &who, &id, it).await?;
    Ok(Json(read_channel(&room, &who, &id).await?))
}

/// See [`put`]. A webhook pasted whole is taken apart; its token is a secret.
pub(crate) async fn save(room: &Room, who: &Who, id: &str, it: Settings) -> ApiResult<()> {
    let about = it.kind.about();
    let (url, token) = split(it.kind, it.url.as_deref().unwrap_or(about.url));
    let mut secrets = it.secrets;
    if let Some(token) = token {
        secrets.insert("token".to_owned(), token);
    }
    let settings: BTreeMap<_, _> = it.settings.into_iter().filter(|it| !it.1.trim().is_empty()).collect();
    let channel = Channel {
        settings: json!(settings),
        rate: it.rate.unwrap_or(about.rate),
        max_tries: it.max_tries.unwrap_or(10),
        enabled: it.enabled,
        ..Channel::new(id, it.kind, &url)
    };
    Ok(room.warn.put_channel(&who.actor, channel, secrets).await?)
}

/// Takes a channel away.
pub(super) async fn remove(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<StatusCode> {
    room.warn.remove_channel(&who.actor, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where a test goes, for kinds that speak to more than one.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Test {
    #[serde(default)]
    pub to: Option<String>,
}

/// Sends a marked test message and answers what the far side said.
pub(super) async fn test(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(it): Json<Test>,
) -> ApiResult<Json<SendingView>> {
    Ok(Json(room.warn.test_channel(&who.actor, &id, it.to.as_deref()).await?.into()))
}

/// 去向: which channel is told what of where.
pub(super) async fn routes(State(room): State<Room>, who: Who) -> ApiResult<Json<List<Route>>> {
    Ok(Json(List { items: read_routes(&room, &who).await?, next: None, at: room.site.world.now() }))
}

/// See [`routes`].
pub(crate) async fn read_routes(room: &Room, who: &Who) -> ApiResult<Vec<Route>> {
    Ok(room.site.world.read(&who.actor, |tx| tx.find::<Route>("1 = 1", "ORDER BY id", &[])).await?)
}

/// A route as it is written down.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct NewRoute {
    pub matter: String,
    pub region: String,
    pub channel: String,
}

/// Adds a route.
pub(super) async fn add_route(State(room): State<Room>, who: Who, Json(it): Json<NewRoute>) -> ApiResult<Json<Route>> {
    Ok(Json(save_route(&room, &who, &it).await?))
}

/// See [`add_route`].
pub(crate) async fn save_route(room: &Room, who: &Who, it: &NewRoute) -> ApiResult<Route> {
    let matter = Matter::parse(&it.matter).ok_or_else(|| {
        let names = Matter::ALL.map(Matter::name).join("、");
        let (zh, en) = (format!("事由应为 {names} 之一"), format!("a matter is one of {names}"));
        StoreError::Refused(Problem::new("bad_route", zh, en).field("matter"))
    })?;
    let region = region(&it.region)?;
    Ok(room.warn.put_route(&who.actor, matter, region, &it.channel).await?)
}

fn region(text: &str) -> Result<RegionCode, StoreError> {
    RegionCode::parse(text).map_err(|_| {
        let (zh, en) = ("区划代码应为 2 至 18 位数字", "a division code has 2 to 18 digits");
        StoreError::Refused(Problem::new("bad_region", zh, en).field("region"))
    })
}

/// Takes a route away.
pub(super) async fn remove_route(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<StatusCode> {
    room.warn.remove_route(&who.actor, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// 终端: loudspeakers and mailboxes.
pub(super) async fn endpoints(
    State(room): State<Room>,
    who: Who,
    Query(query): Query<ListQuery>,
) -> ApiResult<Json<List<Endpoint>>> {
    Ok(Json(read_endpoints(&room, &who, &query).await?))
}

/// See [`endpoints`].
pub(crate) async fn read_endpoints(room: &Room, who: &Who, query: &ListQuery) -> ApiResult<List<Endpoint>> {
    let (most, cursor) = (query.most()?, query.cursor.clone().unwrap_or_default());
    let items = room
        .site
        .world
        .read(&who.actor, move |tx| tx.find::<Endpoint>("id > $1", "ORDER BY id LIMIT $2", params![&cursor, most]))
        .await?;
    let next = items.last().filter(|_| items.len() == most).map(|it| it.id.clone());
    Ok(List { items, next, at: room.site.world.now() })
}

/// A loudspeaker or mailbox as it is written down.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct NewEndpoint {
    pub channel: String,
    pub name: String,
    pub region: String,
    pub address: String,
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// Sets a loudspeaker or mailbox.
pub(super) async fn put_endpoint(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(it): Json<NewEndpoint>,
) -> ApiResult<Json<Endpoint>> {
    Ok(Json(save_endpoint(&room, &who, id, it).await?))
}

/// See [`put_endpoint`].
pub(crate) async fn save_endpoint(room: &Room, who: &Who, id: String, it: NewEndpoint) -> ApiResult<Endpoint> {
    let NewEndpoint { channel, name, address, enabled, .. } = it;
    let (region, address) = (region(&it.region)?, address.trim().to_owned());
    let code = it.code.filter(|it| !it.trim().is_empty());
    let endpoint = Endpoint { id, channel, name, region, address, code, enabled };
    room.warn.put_endpoint(&who.actor, endpoint.clone()).await?;
    Ok(endpoint)
}

/// Takes a loudspeaker or mailbox away.
pub(super) async fn remove_endpoint(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    room.warn.remove_endpoint(&who.actor, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which channel a table is for, and the file's name.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ImportQuery {
    channel: String,
    #[serde(default)]
    name: String,
}

/// Imports a table of loudspeakers or mailboxes.
pub(super) async fn import(
    State(room): State<Room>,
    who: Who,
    Query(query): Query<ImportQuery>,
    body: Bytes,
) -> ApiResult<Json<Report>> {
    Ok(Json(room.warn.import_endpoints(&who.actor, &query.channel, &body, &query.name).await?))
}

/// Why a message is laid aside, or a round stops or goes on.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Reason {
    #[serde(default)]
    pub reason: String,
}

/// Lays a failed message aside.
pub(super) async fn discard(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(it): Json<Reason>,
) -> ApiResult<Json<Json_>> {
    room.warn.discard(&who.actor, &id, &it.reason).await?;
    Ok(Json(json!({"id": id, "state": "dropped"})))
}
