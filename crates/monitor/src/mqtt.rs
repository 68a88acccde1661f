//! Readings from an outside MQTT broker: topic `anlan/v1/<station_id>/<quantity>`, PUBACK after the sync.

use std::{sync::Arc, time::Duration};

use anlan_kernel::Problem;
use anlan_store::StoreError;
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, Publish, QoS};
use tokio::task::{JoinError, JoinSet};

use crate::{
    ingest::{Allowed, Sender, Topic},
    rejected::{self, Refusal},
    service::Monitor,
};

/// Everything under this is ours.
const TOPICS: &str = "anlan/v1/+/+";
/// Publishes that wait for one sync.
const IN_FLIGHT: u16 = 500;
/// Longest payload taken, bytes.
const LARGEST: usize = 16 << 20;
const AGAIN: Duration = Duration::from_secs(1);

/// A broker to read from.
#[derive(Clone, Debug)]
pub struct Broker {
    host: String,
    port: u16,
    login: Option<(String, String)>,
    client_id: String,
}

impl Broker {
    /// Reads `mqtt://user:password@host:port`.
    ///
    /// # Errors
    /// `bad_broker` naming what is expected.
    pub fn parse(url: &str) -> Result<Self, Problem> {
        let bad = || {
            let form = "mqtt://user:password@host:1883";
            Problem::new("bad_broker", format!("MQTT 地址应写作 {form}"), format!("write the broker as {form}"))
                .field("mqtt_broker")
        };
        let rest = url.strip_prefix("mqtt://").ok_or_else(bad)?.trim_end_matches('/');
        let (login, place) = match rest.rsplit_once('@') {
            None => (None, rest),
            Some((login, place)) => {
                let (user, password) = login.split_once(':').ok_or_else(bad)?;
                (Some((user.to_owned(), password.to_owned())), place)
            }
        };
        let (host, port) = match place.rsplit_once(':') {
            None => (place, 1883),
            Some((host, port)) => (host, port.parse().map_err(|_| bad())?),
        };
        if host.is_empty() {
            return Err(bad());
        }
        Ok(Self { host: host.to_owned(), port, login, client_id: "anlan".into() })
    }

    /// Uses another client id; two readers with the same id throw each other out.
    #[must_use]
    pub fn client_id(self, id: &str) -> Self {
        Self { client_id: id.to_owned(), ..self }
    }

    /// Reads until it is dropped; comes back after every break of the line, and after every failure to store, which the
    /// broker is not told of in any other way.
    pub async fn run(self, monitor: Arc<Monitor>) {
        let mut options = MqttOptions::new(&self.client_id, &self.host, self.port);
        options.set_clean_session(false).set_manual_acks(true).set_keep_alive(Duration::from_secs(30));
        options.set_max_packet_size(LARGEST, LARGEST).set_inflight(IN_FLIGHT);
        if let Some((user, password)) = &self.login {
            options.set_credentials(user, password);
        }
        // Room for the acknowledgements of all that is being taken, and the subscription.
        let (client, events) = AsyncClient::new(options, 2 * usize::from(IN_FLIGHT));
        let sender = Sender { name: format!("broker:{}", self.host), way: "mqtt", stations: Allowed::All };
        let mut line = Line { broker: &self, monitor, sender, client, events, taking: JoinSet::new() };
        loop {
            if let Err(why) = line.work().await {
                tracing::warn!(host = self.host, why, "the line to the MQTT broker is broken; trying again");
                line.hang_up();
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

type Took = (Publish, Result<(), StoreError>);

/// The connection to a broker, with what came over it and is not on disk yet.
struct Line<'a> {
    broker: &'a Broker,
    monitor: Arc<Monitor>,
    sender: Sender,
    client: AsyncClient,
    events: EventLoop,
    /// Each waits for the sync on its own, so that many share one; at most [`IN_FLIGHT`], whatever the quality of
    /// service, so that a flood waits in the broker instead of here.
    taking: JoinSet<Took>,
}

impl Line<'_> {
    /// One event of the line, and what was stored meanwhile. After an error nothing that came over the line may be
    /// acknowledged any more.
    async fn work(&mut self) -> Result<(), String> {
        while self.taking.len() >= usize::from(IN_FLIGHT) {
            if let Some(took) = self.taking.join_next().await {
                acknowledge(&self.client, took)?;
            }
        }
        let event = {
            let mut event = std::pin::pin!(self.events.poll());
            loop {
                tokio::select! {
                    event = &mut event => break event.map_err(|it| it.to_string())?,
                    Some(took) = self.taking.join_next() => acknowledge(&self.client, took)?,
                }
            }
        };
        match event {
            Event::Incoming(Packet::ConnAck(_)) => {
                tracing::info!(host = self.broker.host, port = self.broker.port, "connected to the MQTT broker");
                self.client.try_subscribe(TOPICS, QoS::AtLeastOnce).map_err(|it| it.to_string())?;
            }
            Event::Incoming(Packet::Publish(publish)) => {
                let (monitor, sender) = (Arc::clone(&self.monitor), self.sender.clone());
                self.taking.spawn(async move {
                    let took = take_publish(&monitor, &sender, &publish).await;
                    (publish, took)
                });
            }
            _ => {}
        }
        Ok(())
    }

    /// Hangs up, so that the broker brings again what was not acknowledged; what is stored all the same is then known.
    fn hang_up(&mut self) {
        self.taking = JoinSet::new();
        self.events.clean();
    }
}

fn acknowledge(client: &AsyncClient, took: Result<Took, JoinError>) -> Result<(), String> {
    let (publish, took) = took.map_err(|it| it.to_string())?;
    took.map_err(|it| format!("readings could not be stored: {it}"))?;
    client.try_ack(&publish).map_err(|it| format!("a publish could not be acknowledged: {it}"))
}

/// Takes what a publish says; what is wrong with it is kept with its reason. Answers after the sync.
pub(crate) async fn take_publish(monitor: &Monitor, sender: &Sender, publish: &Publish) -> Result<(), StoreError> {
    let refused = match topic_of(&publish.topic) {
        Some(topic) => monitor.take_topic(sender, topic, &publish.payload).await?.refused.len(),
        None => {
            let refusal = Refusal::new(&publish.payload, bad_topic(&publish.topic));
            rejected::keep(&monitor.world, &format!("{} {}", sender.name, sender.way), vec![refusal]).await?;
            1
        }
    };
    if refused > 0 {
        tracing::warn!(sender = sender.name, topic = publish.topic, refused, "readings were refused and kept");
    }
    Ok(())
}

fn topic_of(text: &str) -> Option<Topic<'_>> {
    let (station, quantity) = text.strip_prefix("anlan/v1/")?.split_once('/')?;
    let fine = !station.is_empty() && !quantity.is_empty() && !quantity.contains('/');
    fine.then_some(Topic { station, quantity })
}

fn bad_topic(topic: &str) -> Problem {
    let topic: String = topic.chars().take(80).collect();
    Problem::new(
        "bad_topic",
        format!("主题“{topic}”应写作 anlan/v1/<站号>/<要素>"),
        format!("the topic \"{topic}\" should be anlan/v1/<station_id>/<quantity>"),
    )
    .field("topic")
}
