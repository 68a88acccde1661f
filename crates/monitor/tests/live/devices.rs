//! Devices that connect to the intake directly, as a real client and as a hostile one.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anlan_kernel::Actor;
use anlan_monitor::intake;
use anlan_testbed::Engine;
use anlan_web::accounts;
use rstest::rstest;
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, MqttOptions, Packet, QoS, SubscribeReasonCode,
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::bed::{Bed, at};

const LEVEL: &str = "anlan/v1/bridge/water_level";

struct Intake {
    bed: Bed,
    address: SocketAddr,
    secret: String,
}

impl Intake {
    async fn start(engine: Engine) -> Self {
        let bed = Bed::new(engine).await;
        let stations = vec!["bri*".to_owned()];
        let secret = accounts::create_device(&bed.world, &Actor::system("test"), "gauge", stations).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(intake::serve(listener, None, Arc::clone(&bed.monitor)));
        Self { bed, address, secret }
    }

    fn client(&self, user: &str, password: &str) -> (AsyncClient, EventLoop) {
        let mut options = MqttOptions::new("test", self.address.ip().to_string(), self.address.port());
        options.set_credentials(user, password).set_keep_alive(Duration::from_secs(30));
        AsyncClient::new(options, 100)
    }

    /// A device that logged in.
    async fn device(&self) -> (AsyncClient, EventLoop) {
        let (client, mut events) = self.client("gauge", &self.secret);
        let Ok(Event::Incoming(Packet::ConnAck(ack))) = events.poll().await else { panic!("no answer to CONNECT") };
        assert_eq!(ack.code, ConnectReturnCode::Success);
        (client, events)
    }

    /// A line on which anything can be sent, after `first`.
    async fn raw(&self, first: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(first).await.unwrap();
        stream
    }

    /// CONNECT of MQTT 3.1.1 with this keep-alive.
    fn greeting(&self, keep_alive: u8) -> Vec<u8> {
        let (user, password) = (b"gauge", self.secret.as_bytes());
        let mut body = b"\0\x04MQTT\x04\xc2\0".to_vec();
        body.push(keep_alive);
        for text in [b"raw".as_slice(), user, password] {
            body.extend([0, text.len() as u8]);
            body.extend(text);
        }
        assert!(body.len() < 128);
        [&[0x10, body.len() as u8], body.as_slice()].concat()
    }
}

fn payload(seconds: u64) -> String {
    json!({"t": at(seconds).to_rfc3339(), "v": 1.5, "u": "m"}).to_string()
}

async fn next(events: &mut EventLoop) -> Packet {
    loop {
        if let Event::Incoming(packet) = events.poll().await.unwrap() {
            return packet;
        }
    }
}

/// Everything that is answered until the line closes.
async fn to_the_end(mut stream: TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut answer)).await;
    // A line that is closed while something unread is on it is reset.
    let _ = read.expect("the line is closed");
    answer
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_publish_is_on_disk(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let mut intake = Intake::start(engine).await;
    let (client, mut events) = intake.device().await;
    for count in 0..50 {
        client.publish(LEVEL, QoS::AtLeastOnce, false, payload(count * 10)).await.unwrap();
    }
    let mut last = 0;
    for count in 1..=50 {
        let Packet::PubAck(ack) = next(&mut events).await else { panic!("only acknowledgements come") };
        assert!(ack.pkid > last, "in the order of the publishes");
        last = ack.pkid;
        assert!(intake.bed.monitor.readings().unwrap() >= count, "acknowledged means on disk");
    }
    client.publish(LEVEL, QoS::AtMostOnce, false, payload(550)).await.unwrap();
    client.publish(LEVEL, QoS::AtLeastOnce, false, payload(0)).await.unwrap();
    assert!(matches!(next(&mut events).await, Packet::PubAck(_)), "a repeated reading is acknowledged");
    assert_eq!(intake.bed.monitor.readings().unwrap(), 51, "and taken once");
    client.disconnect().await.unwrap();
    intake.bed.restart().await;
    assert_eq!(intake.bed.monitor.readings().unwrap(), 51);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_acknowledged_refused_and_kept(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let intake = Intake::start(engine).await;
    let (client, mut events) = intake.device().await;
    for (topic, body) in [
        ("anlan/v1/hill/water_level", payload(0)),
        ("anlan/v1/bridge", payload(0)),
        ("anlan/v1/bridge/water_level/x", payload(0)),
        ("other/bridge/water_level", payload(0)),
        (LEVEL, "{\"t\":".to_owned()),
        (LEVEL, String::new()),
        (LEVEL, payload(60)),
    ] {
        client.publish(topic, QoS::AtLeastOnce, false, body).await.unwrap();
        assert!(matches!(next(&mut events).await, Packet::PubAck(_)), "{topic}");
    }
    assert_eq!(intake.bed.monitor.readings().unwrap(), 1, "everything right around it is taken");
    let admin = intake.bed.officer("system_admin").await;
    let mut kept: Vec<_> = intake.bed.rejected(&admin).await;
    assert!(kept.iter().all(|it| it["source"] == "device:gauge mqtt"));
    let mut codes: Vec<_> = kept.drain(..).map(|it| it["problem"]["code"].as_str().unwrap().to_owned()).collect();
    codes.sort();
    // The same payload under three wrong topics is the same fault.
    assert_eq!(codes, ["bad_topic", "foreign_station", "truncated_json"]);
}

#[rstest]
#[case::no_login("", "")]
#[case::unknown("other", "device.test.x")]
#[case::wrong_secret("gauge", "device.test.x")]
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_let_in_without_a_credential(#[case] user: &str, #[case] password: &str) {
    let intake = Intake::start(Engine::Sqlite).await;
    let (_client, mut events) = intake.client(user, password);
    let refused = events.poll().await.unwrap_err();
    assert!(
        matches!(refused, ConnectionError::ConnectionRefused(ConnectReturnCode::BadUserNamePassword)),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_an_account_is_no_device() {
    let intake = Intake::start(Engine::Sqlite).await;
    let officer = intake.bed.officer("integrator").await;
    assert_eq!(officer.post("/api/v1/observations", "[]").await.status, 200);
    let by = Actor::system("test");
    let token = accounts::create_token(&intake.bed.world, &by, "integrator-440303", "mqtt").await.unwrap();
    let (_client, mut events) = intake.client("integrator-440303", &token);
    assert!(events.poll().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_refused_and_the_line_goes_on() {
    let intake = Intake::start(Engine::Sqlite).await;
    let (client, mut events) = intake.device().await;
    client.subscribe("anlan/v1/+/+", QoS::AtLeastOnce).await.unwrap();
    let Packet::SubAck(ack) = next(&mut events).await else { panic!("no answer to SUBSCRIBE") };
    assert_eq!(ack.return_codes, [SubscribeReasonCode::Failure]);
    client.unsubscribe("anlan/v1/+/+").await.unwrap();
    assert!(matches!(next(&mut events).await, Packet::UnsubAck(_)));
    client.publish(LEVEL, QoS::AtLeastOnce, false, payload(0)).await.unwrap();
    assert!(matches!(next(&mut events).await, Packet::PubAck(_)));
}

#[rstest]
#[case::not_mqtt(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"")]
#[case::publish_first(b"\x30\x05\0\x03a/bx", b"")]
#[case::empty_connect(b"\x10\x00", b"")]
#[case::endless_length(b"\x10\xff\xff\xff\xff\x01", b"")]
#[case::too_large(b"\x10\xff\xff\xff\x7f", b"")]
#[case::mqtt_3_1(b"\x10\x0e\0\x06MQIsdp\x03\x02\0\x3c\0\0", b"\x20\x02\0\x01")]
#[case::lasting_without_id(b"\x10\x0c\0\x04MQTT\x04\0\0\x3c\0\0", b"\x20\x02\0\x02")]
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_greeting_ends_the_line(#[case] greeting: &[u8], #[case] wanted: &[u8]) {
    let intake = Intake::start(Engine::Sqlite).await;
    assert_eq!(to_the_end(intake.raw(greeting).await).await, wanted);
    intake.device().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mqtt_5_is_told_the_version_that_is_spoken() {
    let intake = Intake::start(Engine::Sqlite).await;
    let greeting = b"\x10\x10\0\x04MQTT\x05\x02\0\x3c\0\0\x03raw";
    assert_eq!(to_the_end(intake.raw(greeting).await).await, b"\x20\x02\0\x01");
}

#[rstest]
#[case::second_connect(None)]
#[case::qos_2(Some(b"\x34\x08\0\x03a/b\0\x01x".as_slice()))]
#[case::no_packet_id(Some(b"\x32\x08\0\x03a/b\0\0x".as_slice()))]
#[case::topic_beyond_its_packet(Some(b"\x30\x03\0\xffx".as_slice()))]
#[case::reserved_type(Some(b"\xf0\x01x".as_slice()))]
#[case::of_a_server(Some(b"\x20\x02\0\0".as_slice()))]
#[case::too_large(Some(b"\x30\x81\x80\x80\x01".as_slice()))]
#[tokio::test(flavor = "multi_thread")]
async fn a_packet_that_breaks_the_protocol_ends_the_line_and_costs_nothing_before_it(#[case] packet: Option<&[u8]>) {
    let intake = Intake::start(Engine::Sqlite).await;
    let greeting = intake.greeting(60);
    let body = payload(0);
    let mut publish = vec![0x32, (4 + LEVEL.len() + body.len()) as u8, 0, LEVEL.len() as u8];
    publish.extend([LEVEL.as_bytes(), &[0, 7], body.as_bytes()].concat());
    assert!(publish[1] < 128);
    let mut stream = intake.raw(&greeting).await;
    stream.write_all(&publish).await.unwrap();
    let mut answers = [0; 8];
    stream.read_exact(&mut answers).await.unwrap();
    assert_eq!(answers, *b"\x20\x02\0\0\x40\x02\0\x07");
    stream.write_all(packet.unwrap_or(&greeting)).await.unwrap();
    assert_eq!(to_the_end(stream).await, b"");
    assert_eq!(intake.bed.monitor.readings().unwrap(), 1);
    intake.device().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_says_nothing_for_longer_than_announced_is_let_go() {
    let intake = Intake::start(Engine::Sqlite).await;
    let mut stream = intake.raw(&intake.greeting(1)).await;
    stream.write_all(b"\xc0\0").await.unwrap();
    assert_eq!(to_the_end(stream).await, b"\x20\x02\0\0\xd0\0", "greeted, its ping answered, then let go");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_farewell_ends_the_line_after_the_last_acknowledgement() {
    let intake = Intake::start(Engine::Sqlite).await;
    let body = payload(0);
    let mut sent = intake.greeting(60);
    sent.extend([0x32, (4 + LEVEL.len() + body.len()) as u8, 0, LEVEL.len() as u8]);
    sent.extend([LEVEL.as_bytes(), &[0, 9], body.as_bytes(), b"\xe0\0"].concat());
    assert_eq!(to_the_end(intake.raw(&sent).await).await, b"\x20\x02\0\0\x40\x02\0\x09");
    assert_eq!(intake.bed.monitor.readings().unwrap(), 1);
}
