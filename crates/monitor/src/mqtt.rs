//! Readings from an outside MQTT broker: topic `anlan/v1/<station_id>/<quantity>`, PUBACK after the sync.

use std::{sync::Arc, time::Duration};

use anlan_kernel::Problem;
use anlan_store::StoreError;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, Publish, QoS};

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

    /// Reads until it is dropped; comes back after every break of the line.
    pub async fn run(self, monitor: Arc<Monitor>) {
        let mut options = MqttOptions::new(&self.client_id, &self.host, self.port);
        options.set_clean_session(false).set_manual_acks(true).set_keep_alive(Duration::from_secs(30));
        options.set_max_packet_size(LARGEST, LARGEST).set_inflight(IN_FLIGHT);
        if let Some((user, password)) = &self.login {
            options.set_credentials(user, password);
        }
        let (client, mut events) = AsyncClient::new(options, usize::from(IN_FLIGHT));
        let sender = Sender { name: format!("broker:{}", self.host), way: "mqtt", stations: Allowed::All };
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    tracing::info!(host = self.host, port = self.port, "connected to the MQTT broker");
                    if let Err(error) = client.try_subscribe(TOPICS, QoS::AtLeastOnce) {
                        tracing::error!(%error, "the MQTT broker took no subscription");
                    }
                }
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    // Each waits for the sync on its own, so that many share one.
                    tokio::spawn(take(Arc::clone(&monitor), client.clone(), sender.clone(), publish));
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(host = self.host, %error, "the MQTT broker is not there; trying again");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }
}

/// Takes one publish; without an acknowledgement the broker brings it again.
async fn take(monitor: Arc<Monitor>, client: AsyncClient, sender: Sender, publish: Publish) {
    if let Err(error) = take_publish(&monitor, &sender, &publish).await {
        tracing::error!(%error, "readings from the MQTT broker could not be stored");
        return;
    }
    if let Err(error) = client.ack(&publish).await {
        tracing::warn!(%error, "a publish could not be acknowledged; it will come again");
    }
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
