//! Readings from an outside broker, against a real Mosquitto.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use anlan_monitor::{Monitor, mqtt::Broker};
use anlan_testbed::Engine;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::bed::{Bed, at};

/// A broker of this test's own, on a port of its own.
struct Mosquitto {
    port: u16,
    folder: tempfile::TempDir,
    child: Child,
}

impl Mosquitto {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = run(folder.path(), port);
        let this = Self { port, folder, child };
        this.ready().await;
        this
    }

    async fn restart(&mut self) {
        self.stop();
        self.child = run(self.folder.path(), self.port);
        self.ready().await;
    }

    /// With SIGTERM, so that it saves the sessions it keeps.
    fn stop(&mut self) {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        self.child.wait().unwrap();
    }

    async fn ready(&self) {
        until("the broker listens", || async {
            tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_ok()
        })
        .await;
    }

    /// Reads from it into `monitor` until the task is aborted.
    fn read_into(&self, monitor: &Arc<Monitor>) -> JoinHandle<()> {
        let broker = Broker::parse(&format!("mqtt://127.0.0.1:{}", self.port)).unwrap();
        tokio::spawn(broker.run(Arc::clone(monitor)))
    }

    /// Publishes and waits until the broker has it.
    async fn publish(&self, topic: &str, payload: &str) {
        let mut options = MqttOptions::new("gauge", "127.0.0.1", self.port);
        options.set_keep_alive(Duration::from_secs(30));
        let (client, mut events) = AsyncClient::new(options, 10);
        client.publish(topic, QoS::AtLeastOnce, false, payload).await.unwrap();
        while !matches!(events.poll().await.unwrap(), Event::Incoming(Packet::PubAck(_))) {}
    }

    async fn level(&self, seconds: u64, value: f64) {
        let payload = json!({"t": at(seconds).to_rfc3339(), "v": value, "u": "m"}).to_string();
        self.publish("anlan/v1/bridge/water_level", &payload).await;
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> PathBuf {
    let usual = Path::new("/usr/sbin/mosquitto");
    if usual.exists() { usual.to_owned() } else { "mosquitto".into() }
}

fn run(folder: &Path, port: u16) -> Child {
    let config = format!(
        "listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {}/\nuser {}\n",
        folder.display(),
        std::env::var("USER").unwrap_or_else(|_| "root".into())
    );
    std::fs::write(folder.join("mosquitto.conf"), config).unwrap();
    let mut command = Command::new(program());
    command
        .arg("-c")
        .arg(folder.join("mosquitto.conf"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().expect("Mosquitto is installed (scripts/install-test-tools)")
}

/// Waits for a condition; one that never comes fails the test.
async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap_or_else(|_| panic!("it never came: {what}"));
}

async fn holds(bed: &Bed, readings: u64) {
    until(&format!("{readings} readings"), || async { bed.monitor.readings().unwrap() >= readings }).await;
}

/// A subscription of the reader exists as soon as something it published comes through.
async fn connected(broker: &Mosquitto, bed: &Bed) {
    until("a first reading comes through", || async {
        broker.level(0, 1.0).await;
        bed.monitor.readings().unwrap() > 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readings_come_through_an_outside_broker_and_wrong_ones_are_kept() {
    let (bed, broker) = (Bed::new(Engine::Sqlite).await, Mosquitto::start().await);
    let _reading = broker.read_into(&bed.monitor);
    connected(&broker, &bed).await;
    broker.publish("anlan/v1/bridge/water_level", "{\"t\":\"2023-09-01T12:01:00+08:00\",\"v\":").await;
    broker.publish("anlan/v1/nowhere/water_level", "{\"t\":\"2023-09-01T12:01:00+08:00\",\"v\":1,\"u\":\"m\"}").await;
    let two = json!([{"t": at(60).to_rfc3339(), "v": 1.5, "u": "m"}, {"t": at(120).to_rfc3339(), "v": 1.5, "u": "m"}]);
    broker.publish("anlan/v1/bridge/water_level", &two.to_string()).await;
    holds(&bed, 3).await;
    let admin = bed.officer("system_admin").await;
    until("both are kept", || async { bed.rejected(&admin).await.len() == 2 }).await;
    let mut codes: Vec<_> =
        bed.rejected(&admin).await.iter().map(|it| it["problem"]["code"].as_str().unwrap().to_owned()).collect();
    codes.sort();
    assert_eq!(codes, ["truncated_json", "unknown_station"]);
    assert!(bed.rejected(&admin).await.iter().all(|it| it["source"] == "broker:127.0.0.1 mqtt"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_acknowledged_comes_again_to_the_next_reader() {
    let (bed, broker) = (Bed::new(Engine::Sqlite).await, Mosquitto::start().await);
    let reading = broker.read_into(&bed.monitor);
    connected(&broker, &bed).await;
    reading.abort();
    let _ = reading.await;
    for count in 1..=20 {
        broker.level(count * 20, 1.0).await;
    }
    assert_eq!(bed.monitor.readings().unwrap(), 1, "nobody reads");
    let _again = broker.read_into(&bed.monitor);
    holds(&bed, 21).await;
    assert_eq!(bed.monitor.readings().unwrap(), 21, "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_starts_again_is_found_again_and_nothing_is_lost() {
    let (bed, mut broker) = (Bed::new(Engine::Sqlite).await, Mosquitto::start().await);
    let _reading = broker.read_into(&bed.monitor);
    connected(&broker, &bed).await;
    broker.level(60, 1.0).await;
    broker.restart().await;
    for minute in 2..=5 {
        broker.level(minute * 60, 1.0).await;
    }
    holds(&bed, 6).await;
    assert_eq!(bed.monitor.readings().unwrap(), 6, "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_stored_comes_again_until_it_is() {
    let (bed, broker) = (Bed::new(Engine::Sqlite).await, Mosquitto::start().await);
    let _reading = broker.read_into(&bed.monitor);
    connected(&broker, &bed).await;
    bed.world.tamper("CREATE TRIGGER full BEFORE INSERT ON rejected BEGIN SELECT RAISE(ABORT, 'no room'); END");
    broker.publish("anlan/v1/nowhere/water_level", "{\"t\":\"2023-09-01T12:01:00+08:00\",\"v\":1,\"u\":\"m\"}").await;
    for minute in 1..=5 {
        broker.level(minute * 60, 1.0).await;
    }
    holds(&bed, 6).await;
    bed.world.tamper("DROP TRIGGER full");
    let admin = bed.officer("system_admin").await;
    until("the broker brings it again", || async { bed.rejected(&admin).await.len() == 1 }).await;
    broker.level(360, 1.0).await;
    holds(&bed, 7).await;
    assert_eq!(bed.monitor.readings().unwrap(), 7, "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_without_acknowledgement_is_taken_whole() {
    let (bed, broker) = (Bed::new(Engine::Sqlite).await, Mosquitto::start().await);
    let _reading = broker.read_into(&bed.monitor);
    connected(&broker, &bed).await;
    let mut options = MqttOptions::new("flood", "127.0.0.1", broker.port);
    options.set_keep_alive(Duration::from_secs(30));
    let (client, mut events) = AsyncClient::new(options, 2_000);
    for second in 1..=800 {
        let payload =
            json!({"t": at(second).minus(Duration::from_secs(801)).to_rfc3339(), "v": 1, "u": "m"}).to_string();
        client.publish("anlan/v1/bridge/water_level", QoS::AtMostOnce, false, payload).await.unwrap();
    }
    let sending = tokio::spawn(async move { while events.poll().await.is_ok() {} });
    holds(&bed, 801).await;
    sending.abort();
}

#[test]
fn an_address_that_is_none_is_refused_naming_the_form() {
    for wrong in ["", "127.0.0.1", "http://x", "mqtt://", "mqtt://host:port", "mqtt://user@host"] {
        let problem = Broker::parse(wrong).unwrap_err();
        assert_eq!(
            (problem.code.as_str(), problem.place.field.as_deref()),
            ("bad_broker", Some("mqtt_broker")),
            "{wrong}"
        );
        assert!(problem.message.zh.contains("mqtt://") && problem.message.en.contains("mqtt://"));
    }
    assert!(Broker::parse("mqtt://u:p@host:1884/").is_ok() && Broker::parse("mqtt://host").is_ok());
}
