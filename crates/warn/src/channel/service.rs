//! Channels set, tried, and told what they get.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anlan_kernel::{Actor, Instant, RegionCode};
use anlan_store::{Advanced, Event, OutboxItem, Row, Sending, StoreError, Tx, Urgency, World, WorldKind, params};
use serde::Serialize;
use serde_json::json;

use super::{
    announce,
    kind::{Kind, Matter, check, on_this_machine},
    model::{Channel, Endpoint, Route},
    play, words,
};
use crate::{
    Gateway, Warn,
    courier::{self, Pacer},
    receipt, round,
    service::{Line, Secrets, not_real, refusal},
    text::Ready,
};

/// How long a far side may take to say it is there.
const PROBE: Duration = Duration::from_secs(5);

/// How a channel stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct State {
    /// Last time the far side took something.
    pub last_sent_at: Option<Instant>,
    /// Waiting.
    pub queued: i64,
    /// Handed over.
    pub sent: i64,
    /// Given up or refused.
    pub failed: i64,
    /// Of unknown outcome.
    pub unknown: i64,
}

impl Warn {
    /// Uses a channel that is not in the table: a simulator this process started. The only kind a world
    /// other than the real one may have, so there an address beyond this machine is not taken.
    pub fn use_channel(self: &Arc<Self>, channel: Channel, secrets: BTreeMap<String, String>) {
        let beyond = !channel.url.is_empty() && !on_this_machine(&channel.url);
        if self.world.kind() != WorldKind::Real && beyond {
            tracing::error!(
                channel = channel.id,
                "a replay or an exercise got a channel beyond this machine; not used"
            );
            return;
        }
        let reader = (channel.kind == Kind::Speaker).then(|| courier::speaker::read(self, &channel, &secrets));
        let pacer = Mutex::new(Pacer::new(channel.rate, 0.0));
        self.use_line(Line { channel, gateway: None, secrets, pacer, _reader: reader });
    }

    /// Channels of the table that are enabled, with their secrets.
    pub(crate) async fn load_channels(self: &Arc<Self>) -> Result<usize, StoreError> {
        let found = stored(&self.world).await?;
        let count = found.len();
        {
            let mut lines = self.lines.write().unwrap_or_else(PoisonError::into_inner);
            lines.retain(|id, line| line.gateway.is_some() || found.iter().any(|it| it.1.id == *id));
        }
        for (secrets, channel) in found {
            // What is in use as it is keeps its pace and its reader.
            if !self.uses_channel(&channel, &secrets) {
                self.use_channel(channel, secrets);
            }
        }
        Ok(count)
    }

    fn uses_channel(&self, channel: &Channel, secrets: &BTreeMap<String, String>) -> bool {
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        lines.get(&channel.id).is_some_and(|it| it.channel == *channel && it.secrets == *secrets)
    }

    /// Stores a channel of the real world and uses it at once; secrets that are not given stay.
    ///
    /// # Errors
    /// A refusal for settings that make no sense, and in any world but the real one; what the store says.
    pub async fn put_channel(
        self: &Arc<Self>,
        actor: &Actor,
        channel: Channel,
        given: BTreeMap<String, String>,
    ) -> Result<(), StoreError> {
        if channel.kind == Kind::Gateway {
            return Err(refusal("bad_channel", "网关请在网关设置里填写", "a gateway is set as a gateway"));
        }
        if self.world.kind() != WorldKind::Real {
            return Err(not_real());
        }
        check(&channel)?;
        let (keys, stored) = (self.world.keys().secrets(), channel.clone());
        self.world
            .write("channel", Urgency::Urgent, actor, move |tx| {
                if tx.get::<Gateway>(&stored.id)?.is_some() {
                    return Err(refusal("bad_channel", "已有同名网关", "a gateway has this id"));
                }
                let before = tx.get::<Channel>(&stored.id)?;
                if before.as_ref().is_some_and(|it| it.kind != stored.kind) {
                    return Err(refusal("bad_channel", "通道的类型不能改", "the kind of a channel cannot change"));
                }
                let mut secrets = secrets_of(tx, &keys, &stored.id)?;
                secrets.extend(given.iter().filter(|it| !it.1.is_empty()).map(|(a, b)| (a.clone(), b.clone())));
                check_secrets(stored.kind, &secrets)?;
                let revision = before.map_or(0, |it| it.revision + 1);
                tx.put(&Channel { revision, ..stored.clone() })?;
                let sealed = anlan_store::lock(&keys, &stored.id, &serde_json::to_vec(&secrets)?)?;
                tx.execute_unjournaled(
                    "INSERT INTO gateway_secret(gateway, sealed) VALUES ($1, $2)
                     ON CONFLICT (gateway) DO UPDATE SET sealed = excluded.sealed",
                    params![&stored.id, sealed],
                )?;
                tx.record(Event::new("channel.changed", &stored.id))
            })
            .await?;
        self.lines.write().unwrap_or_else(PoisonError::into_inner).remove(&channel.id);
        self.load_gateways().await.map(drop)
    }

    /// Takes a channel with its routes and endpoints away.
    ///
    /// # Errors
    /// A refusal when there is none or something still waits for it; what the store says.
    pub async fn remove_channel(self: &Arc<Self>, actor: &Actor, id: &str) -> Result<(), StoreError> {
        let name = id.to_owned();
        self.world
            .write("channel", Urgency::Urgent, actor, move |tx| {
                let sql = "SELECT 1 FROM outbox WHERE channel = $1 AND state IN ('queued', 'sending', 'unknown')
                            AND {scope:region} LIMIT 1";
                if !tx.query(sql, params![&name])?.is_empty() {
                    return Err(refusal(
                        "channel_in_use",
                        "还有消息等着从这个通道发出，请先停用并处理",
                        "messages wait for this channel; settle them first",
                    ));
                }
                if !tx.delete::<Channel>(&name)? {
                    return Err(no_such_channel());
                }
                for route in tx.find::<Route>("channel = $1", "ORDER BY id", params![&name])? {
                    tx.delete::<Route>(&route.id)?;
                }
                for endpoint in tx.find::<Endpoint>("channel = $1", "ORDER BY id", params![&name])? {
                    tx.delete::<Endpoint>(&endpoint.id)?;
                }
                tx.execute_unjournaled("DELETE FROM gateway_secret WHERE gateway = $1", params![&name])?;
                tx.record(Event::new("channel.removed", &name))
            })
            .await?;
        self.lines.write().unwrap_or_else(PoisonError::into_inner).remove(id);
        Ok(())
    }

    /// A channel in use by its id.
    pub(crate) fn channel_in_use(&self, id: &str) -> Option<Channel> {
        self.line(id).map(|it| it.channel.clone())
    }

    pub(crate) fn line(&self, id: &str) -> Option<Arc<Line>> {
        self.lines.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Channels in use, gateways among them.
    pub(crate) fn channels_in_use(&self) -> Vec<(Channel, Vec<String>)> {
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        lines.values().map(|it| (it.channel.clone(), it.secrets.keys().cloned().collect())).collect()
    }

    /// A channel, in use or not.
    pub(crate) async fn channel_of(&self, actor: &Actor, id: &str) -> Result<Channel, StoreError> {
        if let Some(found) = self.channel_in_use(id) {
            return Ok(found);
        }
        let id = id.to_owned();
        let found = self.world.read(actor, move |tx| tx.get::<Channel>(&id)).await?;
        found.ok_or_else(no_such_channel)
    }

    /// Lets a channel be told what happens somewhere.
    ///
    /// # Errors
    /// A refusal when there is no such channel or it cannot be told this; what the store says.
    pub async fn put_route(
        &self,
        actor: &Actor,
        matter: Matter,
        region: RegionCode,
        channel: &str,
    ) -> Result<Route, StoreError> {
        let channel = self.channel_of(actor, channel).await?;
        if !channel.kind.about().matters.contains(&matter) {
            return Err(refusal(
                "bad_route",
                "这类通道不接收这类消息",
                "a channel of this kind is not told such matters",
            ));
        }
        let route = Route::new(matter, region, &channel.id);
        let stored = route.clone();
        self.world
            .write("channel.route", Urgency::Urgent, actor, move |tx| {
                tx.put(&stored)?;
                tx.record(Event::new("channel.routed", &stored.id))
            })
            .await?;
        Ok(route)
    }

    /// Takes a route away.
    ///
    /// # Errors
    /// A refusal when there is none; what the store says.
    pub async fn remove_route(&self, actor: &Actor, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.world
            .write("channel.route", Urgency::Urgent, actor, move |tx| {
                if !tx.delete::<Route>(&id)? {
                    return Err(refusal("no_such_route", "没有这条去向", "there is no such route"));
                }
                tx.record(Event::new("channel.unrouted", &id))
            })
            .await
    }

    /// Sends one message marked 【通道测试】 and waits for what the far side says. `to` is a number for a
    /// gateway, an address for mail, an endpoint for loudspeakers; a group needs none.
    ///
    /// # Errors
    /// A refusal when there is no such channel in use or it must wait; what the store says.
    pub async fn test_channel(
        self: &Arc<Self>,
        actor: &Actor,
        id: &str,
        to: Option<&str>,
    ) -> Result<OutboxItem, StoreError> {
        let channel = self.channel_in_use(id).ok_or_else(|| {
            refusal("channel_off", "没有这个通道，或已停用", "there is no such channel, or it is switched off")
        })?;
        let (leaves_by, kind) = announce::way(&channel);
        let line = self.line(leaves_by).ok_or_else(no_such_channel)?;
        let (region, now) = (receipt::nowhere(), self.world.now());
        let taken = line.pacer.lock().unwrap_or_else(PoisonError::into_inner).take(&region, now);
        if let Err(free) = taken {
            let wait = free.since(now).as_secs() + 1;
            let (zh, en) =
                (format!("该通道限速，请 {wait} 秒后再试"), format!("the channel is paced; try again in {wait} s"));
            return Err(refusal("too_fast", &zh, &en));
        }
        let random = anlan_store::hex(&anlan_store::random::<6>()?);
        let item = OutboxItem {
            id: format!("test:{id}/{random}"),
            channel: leaves_by.to_owned(),
            kind: kind.to_owned(),
            subject: id.to_owned(),
            region,
            priority: 9,
            due_at: now,
            state: Sending::Sending,
            tries: line.channel.max_tries,
            payload: json!({"template": "announce", "matter": "test", "attempt": 1, "repeat": false}),
            outcome: None,
            sent_at: None,
            revision: 0,
        };
        let (ready, item) = self.test_begin(actor, item, &channel, to.map(str::to_owned)).await?;
        let outcomes = courier::hand_over(self, &line, &[(item.clone(), ready)]).await;
        let key = item.id.clone();
        self.settle(&line, vec![item], outcomes).await?;
        let none = || StoreError::Shape(format!("the test {key} is gone"));
        let found = self
            .world
            .read(&Actor::system("courier"), {
                let key = key.clone();
                move |tx| tx.get::<OutboxItem>(&key)
            })
            .await?;
        found.ok_or_else(none)
    }

    /// Commits the test as `sending`. The number or address it goes to is in memory only.
    async fn test_begin(
        self: &Arc<Self>,
        actor: &Actor,
        item: OutboxItem,
        channel: &Channel,
        to: Option<String>,
    ) -> Result<(Ready, OutboxItem), StoreError> {
        let (warn, heard, by) = (Arc::clone(self), play::is_heard(channel.kind), crate::service::everywhere(actor));
        let from = channel.setting("from").to_owned();
        self.world
            .write("channel.test", Urgency::Urgent, &by, move |tx| {
                let mut item = item.clone();
                let mut to = to
                    .clone()
                    .filter(|it| !it.trim().is_empty())
                    .or_else(|| Some(from.clone()).filter(|it| !it.is_empty()));
                if heard {
                    item.payload["endpoint"] = to.take().into();
                }
                let ready = words::ready(&warn, tx, &item, to)?.map_err(|_| {
                    refusal(
                        "no_receiver",
                        "请填写接收测试的号码、邮箱或终端编号",
                        "say which number, mailbox or endpoint gets the test",
                    )
                })?;
                tx.insert(&item)?;
                if let Some(endpoint) = item.payload["endpoint"].as_str() {
                    play::begin(tx, &item, endpoint)?;
                }
                tx.record(Event::new("channel.tested", &item.subject).detail(json!({"key": item.id})))?;
                Ok((ready, item))
            })
            .await
    }

    /// Lays a message that failed aside, with a reason; it leaves the list of failed sendings.
    ///
    /// # Errors
    /// A refusal without a reason, when there is no such message or it did not fail; what the store says.
    pub async fn discard(&self, actor: &Actor, id: &str, reason: &str) -> Result<(), StoreError> {
        if reason.trim().is_empty() {
            return Err(refusal("no_reason", "请写明不再发送的原因", "say why it is not sent any more"));
        }
        let (id, reason) = (id.to_owned(), reason.to_owned());
        self.world
            .write("sending.discard", Urgency::Urgent, actor, move |tx| {
                let none = || refusal("no_such_sending", "没有这条发送", "there is no such sending");
                let item = tx.get::<OutboxItem>(&id)?.ok_or_else(none)?;
                let told = item.payload["template"] == "announce" && item.state == Sending::Unknown;
                if !(told || matches!(item.state, Sending::Failed | Sending::Refused)) {
                    return Err(refusal("sending_not_failed", "这条发送没有失败", "this sending did not fail"));
                }
                let by = tx.actor().name.clone();
                let item = OutboxItem {
                    state: Sending::Dropped,
                    outcome: Some(json!({"code": "discarded", "by": by})),
                    ..item
                };
                if tx.advance(&item)? == Advanced::Stale {
                    return Err(StoreError::Stale(item.id));
                }
                let reason = round::sealed(tx, &item.id, &reason)?;
                tx.record(
                    Event::new("sending.discarded", &item.id).region(&item.region).detail(json!({"reason": reason})),
                )
            })
            .await
    }

    /// How every channel stands, by its id.
    ///
    /// # Errors
    /// What the store says.
    pub async fn channel_states(&self, actor: &Actor) -> Result<BTreeMap<String, State>, StoreError> {
        self.world
            .read(actor, |tx| {
                let sql = "SELECT channel, state, COUNT(*), MAX(sent_at) FROM outbox WHERE {scope:region} GROUP BY channel, state";
                let mut found: BTreeMap<String, State> = BTreeMap::new();
                for row in tx.query(sql, &[])? {
                    let state = found.entry(row.text(0)?).or_default();
                    let (count, last) = (row.int(2)?, row.opt(3, Row::instant)?);
                    state.last_sent_at = state.last_sent_at.max(last);
                    match row.text(1)?.as_str() {
                        "queued" | "sending" => state.queued += count,
                        "sent" => state.sent += count,
                        "failed" | "refused" => state.failed += count,
                        "unknown" => state.unknown += count,
                        _ => {}
                    }
                }
                Ok(found)
            })
            .await
    }
}

/// Enabled channels of the table with their secrets.
async fn stored(world: &World) -> Result<Vec<(Secrets, Channel)>, StoreError> {
    let key = world.keys().secrets();
    world
        .read(&Actor::system("courier"), move |tx| {
            let channels: Vec<Channel> = tx.find("enabled = 1", "ORDER BY id", &[])?;
            channels.into_iter().map(|it| Ok((secrets_of(tx, &key, &it.id)?, it))).collect()
        })
        .await
}

/// Connects to every enabled channel of the table as far as that sends nothing; what each said.
///
/// # Errors
/// What the store says.
pub async fn probe(world: &World) -> Result<Vec<(String, Kind, Result<String, String>)>, StoreError> {
    let http = reqwest::Client::builder().no_proxy().timeout(PROBE).build();
    let http = http.map_err(|it| StoreError::Io(it.to_string()))?;
    let gateways: Vec<Gateway> =
        world.read(&Actor::system("doctor"), |tx| tx.find("enabled = 1", "ORDER BY id", &[])).await?;
    let mut lines: Vec<Line> = gateways.into_iter().map(|it| Line::of_gateway(it, Vec::new())).collect();
    for (secrets, channel) in stored(world).await? {
        lines.push(Line { pacer: Mutex::new(Pacer::new(0.0, 0.0)), gateway: None, _reader: None, secrets, channel });
    }
    let mut said = Vec::new();
    for line in lines {
        let answer = courier::probe(&http, &line, PROBE).await;
        said.push((line.channel.id, line.channel.kind, answer));
    }
    Ok(said)
}

fn no_such_channel() -> StoreError {
    refusal("no_such_channel", "没有这个通道", "there is no such channel")
}

/// Secrets of a channel out of the table; none where it is new.
pub(crate) fn secrets_of(tx: &mut Tx<'_>, key: &[u8; 32], id: &str) -> Result<Secrets, StoreError> {
    match tx.query("SELECT sealed FROM gateway_secret WHERE gateway = $1", params![id])?.first() {
        Some(row) => Ok(serde_json::from_slice(&anlan_store::unlock(key, id, &row.blob(0)?)?)?),
        None => Ok(Secrets::new()),
    }
}

fn check_secrets(kind: Kind, secrets: &Secrets) -> Result<(), StoreError> {
    let about = kind.about();
    if let Some(name) = secrets.keys().find(|name| !about.secrets.iter().any(|it| it.name == name.as_str())) {
        let (zh, en) = (format!("没有“{name}”这项密钥"), format!("there is no secret {name:?}"));
        return Err(refusal("bad_channel", &zh, &en));
    }
    match about.secrets.iter().find(|it| it.needed && secrets.get(it.name).is_none_or(String::is_empty)) {
        None => Ok(()),
        Some(field) => {
            let (zh, en) = field.words;
            Err(StoreError::Refused(
                anlan_kernel::Problem::new("bad_channel", format!("请填写{zh}"), format!("{en} is missing"))
                    .field(field.name),
            ))
        }
    }
}
