//! Village loudspeakers (村村响) over MQTT: commands out, receipts in (`docs/channels.md`).

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::Duration,
};

use anlan_kernel::{Actor, Instant};
use anlan_store::{Event, OutboxItem, StoreError, Urgency, hex, real_now};
use hmac::{Hmac, KeyInit, Mac};
use rumqttc::{
    AsyncClient, ConnectReturnCode, Event as Mqtt, EventLoop, MqttOptions, Packet, QoS, TlsConfiguration, Transport,
};
use rustls::ClientConfig;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::{Claimed, request::Outcome};
use crate::{
    Warn,
    channel::{Channel, PlayState, kind::roots, play},
    model::Receipt,
    receipt,
    service::{Line, Reader, Secrets},
    text::Ready,
};

/// Longest packet taken, bytes.
const LARGEST: usize = 64 << 10;
/// Before a broken connection is made again.
const AGAIN: Duration = Duration::from_secs(1);

/// Lower-case hex of HMAC-SHA256 under the key over the parts, a line each.
pub fn sign(key: &str, parts: &[&str]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(parts.join("\n").as_bytes());
    hex(&mac.finalize().into_bytes())
}

#[derive(Serialize)]
struct Command<'a> {
    key: &'a str,
    text: &'a str,
    priority: i64,
    repeat: bool,
    at: String,
    sign: String,
}

#[derive(Debug, Deserialize)]
struct Said {
    id: String,
    key: String,
    event: String,
    at: String,
    #[serde(default)]
    reason: String,
    sign: String,
}

fn options(channel: &Channel, secrets: &Secrets, client: &str) -> Option<MqttOptions> {
    let url = reqwest::Url::parse(&channel.url).ok()?;
    let host = url.host_str()?.trim_matches(['[', ']']);
    let encrypted = url.scheme() == "mqtts";
    let mut options = MqttOptions::new(client, host, url.port().unwrap_or(if encrypted { 8883 } else { 1883 }));
    options.set_keep_alive(Duration::from_secs(30)).set_max_packet_size(LARGEST, LARGEST);
    if encrypted {
        options.set_transport(Transport::tls_with_config(tls(channel.setting("ca"))?));
    }
    let user = channel.setting("user");
    if !user.is_empty() {
        options.set_credentials(user, secrets.get("password").map_or("", String::as_str));
    }
    Some(options)
}

/// TLS that trusts the own CA, or those of this machine.
fn tls(ca: &str) -> Option<TlsConfiguration> {
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(roots(ca).ok()?)
        .with_no_client_auth();
    Some(TlsConfiguration::Rustls(Arc::new(config)))
}

fn client_id(what: &str, channel: &str) -> String {
    let random = anlan_store::random::<6>().map(|it| hex(&it)).unwrap_or_default();
    format!("anlan-{channel}-{what}-{random}")
}

/// Connected and greeted by the broker.
async fn connect(line: &Line) -> Result<(AsyncClient, EventLoop), String> {
    let options = options(&line.channel, &line.secrets, &client_id("out", &line.channel.id)).ok_or("bad_address")?;
    let (client, mut events) = AsyncClient::new(options, 64);
    loop {
        match events.poll().await.map_err(|it| it.to_string())? {
            Mqtt::Incoming(Packet::ConnAck(it)) if it.code == ConnectReturnCode::Success => {
                return Ok((client, events));
            }
            Mqtt::Incoming(Packet::ConnAck(it)) => return Err(format!("{:?}", it.code)),
            _ => {}
        }
    }
}

/// Publishes commands; the broker's acknowledgement is what makes one handed over.
pub(super) async fn send(warn: &Warn, line: &Line, batch: &[Claimed]) -> Vec<Outcome> {
    let within = warn.config.answer_within;
    let nobody = |words: &str| Outcome::Later(Duration::ZERO, json!({"code": "no_connection", "message": words}));
    let (client, mut events) = match tokio::time::timeout(within, connect(line)).await {
        Ok(Ok(it)) => it,
        Ok(Err(words)) => return batch.iter().map(|_| nobody(&words)).collect(),
        Err(_) => return batch.iter().map(|_| nobody("timeout")).collect(),
    };
    let mut outcomes: Vec<_> = batch.iter().map(|_| Outcome::Unknown(json!({"code": "no_answer"}))).collect();
    // The broker acknowledges in the order of publishing (MQTT 3.1.1, 4.6).
    let mut published = Vec::new();
    for (i, (item, ready)) in batch.iter().enumerate() {
        match command(line, item, ready) {
            Some((topic, body)) => match client.try_publish(topic, QoS::AtLeastOnce, false, body) {
                Ok(()) => published.push(i),
                Err(_) => outcomes[i] = nobody("full"),
            },
            None => outcomes[i] = Outcome::Refused(json!({"code": "no_endpoint"})),
        }
    }
    let acknowledged = async {
        let mut count = 0;
        while count < published.len() {
            match events.poll().await {
                Ok(Mqtt::Incoming(Packet::PubAck(_))) => {
                    outcomes[published[count]] = Outcome::Sent(json!({"code": "puback"}));
                    count += 1;
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
        if client.try_disconnect().is_ok() {
            // Until the goodbye is written; whatever comes instead ends it too.
            while matches!(events.poll().await, Ok(it) if it != Mqtt::Outgoing(rumqttc::Outgoing::Disconnect)) {}
        }
    };
    // What was not acknowledged in time stays unknown.
    let _ = tokio::time::timeout(within, acknowledged).await;
    outcomes
}

fn command(line: &Line, item: &OutboxItem, ready: &Ready) -> Option<(String, Vec<u8>)> {
    let Ready::Play { speaker, text } = ready else { return None };
    let at = real_now().to_rfc3339();
    let sign = sign(line.secret("key"), &[&item.id, &at, text]);
    let repeat = item.payload["repeat"] == true;
    let command = Command { key: &item.id, text, priority: item.priority, repeat, at, sign };
    Some((format!("{}/{speaker}/play", line.channel.setting("topic")), serde_json::to_vec(&command).ok()?))
}

/// Greets the broker and leaves.
pub(super) async fn probe(line: &Line, within: Duration) -> Result<String, String> {
    match tokio::time::timeout(within, connect(line)).await {
        Ok(Ok((client, mut events))) => {
            if client.try_disconnect().is_ok() {
                // It was there; how it says goodbye changes nothing.
                let _ = tokio::time::timeout(within, events.poll()).await;
            }
            Ok("connack".to_owned())
        }
        Ok(Err(words)) => Err(words),
        Err(_) => Err("timeout".to_owned()),
    }
}

/// Listens to what the loudspeakers say for as long as the answer lives.
pub(crate) fn read(warn: &Arc<Warn>, channel: &Channel, secrets: &BTreeMap<String, String>) -> Reader {
    let id = format!("anlan-{}-{}-receipts", warn.world().name(), channel.id);
    let (warn, channel, secrets) = (Arc::downgrade(warn), channel.clone(), secrets.clone());
    Reader(tokio::spawn(async move {
        let Some(mut options) = options(&channel, &secrets, &id) else { return };
        // The broker keeps receipts while this end is away, and until they are on disk.
        options.set_clean_session(false).set_manual_acks(true);
        let (client, mut events) = AsyncClient::new(options, 64);
        loop {
            match events.poll().await {
                Ok(Mqtt::Incoming(Packet::ConnAck(_))) => {
                    let topic = format!("{}/+/receipt", channel.setting("topic"));
                    if let Err(error) = client.try_subscribe(topic, QoS::AtLeastOnce) {
                        tracing::error!(%error, channel = channel.id, "the broker took no subscription");
                    }
                }
                Ok(Mqtt::Incoming(Packet::Publish(said))) => {
                    if !take(&warn, &channel, &secrets, &said.topic, &said.payload).await {
                        return;
                    }
                    if let Err(error) = client.try_ack(&said) {
                        tracing::warn!(%error, channel = channel.id, "a receipt could not be acknowledged; it comes again");
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, channel = channel.id, "the broker of the loudspeakers is not there; trying again");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }))
}

/// Takes one receipt until it is on disk; `false` when nobody is there to take it any more.
async fn take(warn: &Weak<Warn>, channel: &Channel, secrets: &Secrets, topic: &str, payload: &[u8]) -> bool {
    loop {
        let Some(warn) = warn.upgrade() else { return false };
        match warn.take_play(channel, secrets, topic, payload).await {
            Ok(()) => return true,
            Err(error) => tracing::error!(%error, channel = channel.id, "a receipt could not be stored; trying again"),
        }
        drop(warn);
        tokio::time::sleep(AGAIN).await;
    }
}

impl Warn {
    /// A loudspeaker's signed word about a command. One whose signature does not hold is kept, never counted.
    async fn take_play(
        &self,
        channel: &Channel,
        secrets: &Secrets,
        topic: &str,
        payload: &[u8],
    ) -> Result<(), StoreError> {
        let key = secrets.get("key").map_or("", String::as_str);
        let said = serde_json::from_slice::<Said>(payload).ok().filter(|it| {
            let own = sign(key, &[&it.id, &it.key, &it.event, &it.at, &it.reason]);
            bool::from(own.as_bytes().ct_eq(it.sign.as_bytes()))
        });
        let Some(said) = said else { return self.keep_unverified(&channel.id, payload).await };
        // A loudspeaker's clock may be years off; its word counts from when it came.
        let at = Instant::parse(&said.at).unwrap_or_else(|_| self.world.now());
        let speaker = topic.rsplit('/').nth(1).unwrap_or_default().to_owned();
        let channel = channel.id.clone();
        self.world
            .write("play.receipt", Urgency::Urgent, &Actor::system(&format!("gateway-{channel}")), move |tx| {
                let item = tx.get::<OutboxItem>(&said.key)?.filter(|it| it.channel == channel);
                let receipt = Receipt {
                    id: format!("{channel}/{speaker}/{}", said.id),
                    attempt: said.key.clone(),
                    region: item.as_ref().map_or_else(receipt::nowhere, |it| it.region.clone()),
                    event: said.event.clone(),
                    at,
                    received_at: tx.now(),
                    detail: (!said.reason.is_empty()).then(|| json!({"reason": said.reason})),
                    gateway: channel.clone(),
                    subject: format!("gateway:{channel}"),
                };
                if !tx.insert(&receipt)? {
                    return Ok(());
                }
                tx.record(Event::new("receipts.taken", &channel).detail(json!({"taken": 1})))?;
                let Some(item) = item else { return Ok(()) };
                receipt::left_after_all(tx, &item)?;
                let reason = Some(said.reason.as_str()).filter(|it| !it.is_empty());
                match said.event.as_str() {
                    "played" => play::settle(tx, &item.id, PlayState::Played, None),
                    "failed" => play::settle(tx, &item.id, PlayState::Failed, reason),
                    _ => Ok(()),
                }
            })
            .await
    }
}
