//! Village loudspeakers on a real broker, and such as are dialled through a gateway.

mod night;

use std::{
    collections::BTreeMap,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anlan_kernel::Actor;
use anlan_register::Rank;
use anlan_simulator::{
    Speakers,
    speakers::{Speaker, SpeakersConfig},
};
use anlan_store::Sending;
use anlan_testbed::Engine;
use anlan_warn::{
    Receipt,
    channel::{Channel, Endpoint, Kind, Matter, Play, PlayState},
};
use night::{DISTRICT, GATEWAY, Night, Roster, Setting, at, caller::Caller, code, desk};
use rstest::rstest;
use serde_json::json;

/// The certificate of simulated servers of this machine, and its key.
const TLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../simulator/src/tls");

/// Mosquitto on loopback ports of its own, one of them encrypted.
struct Broker {
    port: u16,
    encrypted: u16,
    process: Child,
    _folder: tempfile::TempDir,
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Gone already is gone.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Broker {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [port, encrypted] = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        let [port, encrypted] = [port, encrypted].map(|it| it.local_addr().unwrap().port());
        let config = folder.path().join("mosquitto.conf");
        let listeners = format!(
            "user root\nallow_anonymous true\nlistener {port} 127.0.0.1\nlistener {encrypted} 127.0.0.1\n\
             certfile {TLS}/cert.pem\nkeyfile {TLS}/key.pem\n"
        );
        std::fs::write(&config, listeners).unwrap();
        let mut program = Command::new("mosquitto");
        let path = std::env::var("PATH").unwrap_or_default();
        let process = program.env("PATH", format!("{path}:/usr/sbin")).arg("-c").arg(&config);
        let process = process.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("scripts/install-test-tools");
        for port in [port, encrypted] {
            while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Self { port, encrypted, process, _folder: folder }
    }
}

async fn speakers(broker: &Broker, key: &str) -> Speakers {
    let speakers = [("s2", Speaker::Fails("功放故障".into())), ("s3", Speaker::Silent), ("s4", Speaker::Forges)];
    let speakers = speakers.map(|(id, it)| (id.to_owned(), it)).into();
    let mut hung =
        Speakers::start(SpeakersConfig { port: broker.port, topic: "luohu/cch".into(), key: key.into(), speakers });
    hung.listening().await;
    hung
}

fn use_speakers(night: &Night, broker: &Broker) {
    let url = format!("mqtt://127.0.0.1:{}", broker.port);
    let channel =
        Channel { settings: json!({"topic": "luohu/cch"}), max_tries: 3, ..Channel::new("cch", Kind::Speaker, &url) };
    night.warn.use_channel(channel, BTreeMap::from([("key".to_owned(), "k-1".to_owned())]));
}

async fn endpoint(night: &Night, channel: &str, id: &str, region: &str, address: &str, access: Option<&str>) {
    let endpoint = Endpoint {
        id: id.to_owned(),
        channel: channel.to_owned(),
        name: format!("{id}大喇叭"),
        region: code(region),
        address: address.to_owned(),
        code: access.map(str::to_owned),
        enabled: true,
    };
    night.warn.put_endpoint(&Actor::system("test"), endpoint).await.unwrap();
}

async fn forward(night: &Night) {
    let id = night.signal("s1", Some("blue"), "发布", &["440303001"]).await;
    night.monitor.acknowledge_signal(&desk(), &id).await.unwrap();
    night.monitor.forward_signal(&desk(), &id).await.unwrap();
    night.settle().await;
}

async fn plays(night: &Night) -> BTreeMap<String, Play> {
    let plays: Vec<Play> = night.read(|tx| tx.find("1 = 1", "ORDER BY id", &[])).await;
    plays.into_iter().map(|it| (it.endpoint.clone(), it)).collect()
}

/// Until the plays answer to this; the limit is the test runner's.
async fn until(night: &Night, holds: impl Fn(&BTreeMap<String, Play>) -> bool) -> BTreeMap<String, Play> {
    loop {
        let found = plays(night).await;
        if holds(&found) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[rstest]
#[tokio::test]
async fn a_loudspeaker_plays_fails_or_is_never_heard_of(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let (night, broker) = (Setting::on(engine).begin().await, Broker::start().await);
    let hung = speakers(&broker, "k-1").await;
    use_speakers(&night, &broker);
    night.warn.put_route(&Actor::system("test"), Matter::Signal, code(DISTRICT), "cch").await.unwrap();
    for n in 1..=4 {
        endpoint(&night, "cch", &format!("e{n}"), "440303001001", &format!("s{n}"), None).await;
    }
    endpoint(&night, "cch", "far", "440303002001", "s9", None).await;
    night.roster(Roster::rooms()).await;
    forward(&night).await;
    let ended = until(&night, |it| it["e1"].state == PlayState::Played && it["e2"].state == PlayState::Failed).await;
    assert_eq!(ended.len(), 4, "the other street is not woken");
    assert_eq!(ended["e2"].reason.as_deref(), Some("功放故障"));
    assert_eq!((ended["e3"].state, ended["e4"].state), (PlayState::Pending, PlayState::Pending));
    let sent: Vec<_> = night.outbox().await.into_iter().filter(|it| it.kind == "play").collect();
    assert!(sent.iter().all(|it| it.state == Sending::Sent && it.outcome.as_ref().unwrap()["code"] == "puback"));
    let heard = hung.heard();
    assert_eq!((heard.len(), hung.unsigned()), (4, 0));
    assert!(heard.iter().all(|it| it.text.starts_with("【回放演示】转发市气象台：市气象台台风信号 s1")), "{heard:?}");
    assert!(heard.iter().all(|it| it.text.ends_with("【回放演示】") && !it.repeat));
    let unverified = loop {
        let kept: Vec<Receipt> = night.read(|tx| tx.find("event = 'unverified'", "", &[])).await;
        if !kept.is_empty() {
            break kept;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(unverified.len(), 1, "a forged receipt is kept and never counted");
    night.until(at(1_801)).await;
    let last = plays(&night).await;
    assert_eq!((last["e3"].state, last["e4"].state), (PlayState::Unknown, PlayState::Unknown));
    assert_eq!(last["e1"].state, PlayState::Played);
}

#[rstest]
#[case::by_its_own_ca(true, PlayState::Played)]
#[case::by_nobody_known_here(false, PlayState::Failed)]
#[tokio::test]
async fn an_encrypted_broker_gets_commands_only_where_its_certificate_is_trusted(
    #[case] trusted: bool,
    #[case] state: PlayState,
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (night, broker) = (Setting::on(engine).begin().await, Broker::start().await);
    let _hung = speakers(&broker, "k-1").await;
    let own = if trusted { std::fs::read_to_string(format!("{TLS}/cert.pem")).unwrap() } else { String::new() };
    let url = format!("mqtts://127.0.0.1:{}", broker.encrypted);
    let settings = json!({"topic": "luohu/cch", "ca": own});
    let channel = Channel { settings, max_tries: 2, ..Channel::new("cch", Kind::Speaker, &url) };
    night.warn.use_channel(channel, BTreeMap::from([("key".to_owned(), "k-1".to_owned())]));
    night.warn.put_route(&Actor::system("test"), Matter::Signal, code(DISTRICT), "cch").await.unwrap();
    endpoint(&night, "cch", "e1", "440303001", "s1", None).await;
    night.roster(Roster::rooms()).await;
    forward(&night).await;
    if !trusted {
        night.until(at(30)).await;
        let item = night.outbox().await.into_iter().find(|it| it.kind == "play").unwrap();
        let words = item.outcome.unwrap()["message"].as_str().unwrap().to_owned();
        assert!(words.contains("certificate"), "{words}");
    }
    until(&night, |it| it["e1"].state == state).await;
}

#[rstest]
#[tokio::test]
async fn what_a_loudspeaker_played_stands_on_the_page_of_the_round_with_its_outcome(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (night, broker) = (Setting::on(engine).begin().await, Broker::start().await);
    let _hung = speakers(&broker, "k-1").await;
    use_speakers(&night, &broker);
    for matter in [Matter::Signal, Matter::Notice] {
        night.warn.put_route(&Actor::system("test"), matter, code(DISTRICT), "cch").await.unwrap();
    }
    endpoint(&night, "cch", "e1", "440303001001", "s1", None).await;
    endpoint(&night, "cch", "e2", "440303001001", "s2", None).await;
    night.roster(Roster::rooms()).await;
    let signal = night.signal("s1", Some("red"), "发布", &["440303001"]).await;
    night.monitor.acknowledge_signal(&desk(), &signal).await.unwrap();
    night.monitor.forward_signal(&desk(), &signal).await.unwrap();
    night.settle().await;
    until(&night, |it| it["e1"].state == PlayState::Played && it["e2"].state == PlayState::Failed).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let leader = Caller::with(&night, "duty_leader", Some(DISTRICT)).await;
    let round = night.rounds().await.remove(0).id;
    let (_, page) = officer.page(&format!("/rounds/{round}")).await;
    for words in ["村村响播出", "e1大喇叭", "已播出", "e2大喇叭", "播出失败", "功放故障", "/forwards\""]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    let process = night.process().await.id;
    let (_, notice) = officer.post("/api/v1/notices", json!({"process": process})).await;
    let notice = notice["id"].as_str().unwrap().to_owned();
    assert_eq!(leader.post(&format!("/api/v1/notices/{notice}/sign"), json!({})).await.0, 200);
    night.settle().await;
    let heard = async |path: &str| loop {
        let (_, page) = officer.page(path).await;
        if page.contains("已播出") {
            break page;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let page = heard(&format!("/notices/{notice}")).await;
    assert!(page.contains("村村响播出") && page.contains("e2大喇叭"), "{page}");
    let (_, page) = officer.page(&format!("/rounds/{round}")).await;
    assert!(page.contains(&format!("href=\"/notices/{notice}\"")), "both are of this process: {page}");
}

#[rstest]
#[tokio::test]
async fn a_broker_that_is_away_gets_its_commands_later(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let night = Setting::on(engine).begin().await;
    let broker = Broker::start().await;
    let port = broker.port;
    drop(broker);
    let away = Channel {
        settings: json!({"topic": "luohu/cch"}),
        max_tries: 2,
        ..Channel::new("cch", Kind::Speaker, &format!("mqtt://127.0.0.1:{port}"))
    };
    night.warn.use_channel(away, BTreeMap::from([("key".to_owned(), "k-1".to_owned())]));
    night.warn.put_route(&Actor::system("test"), Matter::Signal, code(DISTRICT), "cch").await.unwrap();
    endpoint(&night, "cch", "e1", "440303001", "s1", None).await;
    night.roster(Roster::rooms()).await;
    forward(&night).await;
    let item = night.outbox().await.into_iter().find(|it| it.kind == "play").unwrap();
    assert_eq!((item.state, item.outcome.unwrap()["code"].as_str()), (Sending::Queued, Some("no_connection")));
    night.until(at(30)).await;
    assert_eq!(plays(&night).await["e1"].state, PlayState::Failed, "given up after its tries");
}

#[rstest]
#[case::dialled("voice", "heard", PlayState::Played, None)]
#[case::nobody_lifts("voice", "busy", PlayState::Failed, Some("busy"))]
#[case::hung_up_early("voice", "hangs-up", PlayState::Failed, Some("hung_up"))]
#[case::by_message("sms", "sms-none", PlayState::Played, None)]
#[tokio::test]
async fn a_dialled_loudspeaker_is_reached_through_the_gateway_behind_its_access_code(
    #[case] way: &str,
    #[case] behaviour: &str,
    #[case] state: PlayState,
    #[case] reason: Option<&str>,
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let dialled = if way == "voice" { "9913912345678" } else { "13912345678" };
    let night = Setting::on(engine).phone(dialled, behaviour).begin().await;
    let settings = json!({"gateway": GATEWAY, "way": way});
    night.warn.use_channel(Channel { settings, ..Channel::new("dial", Kind::SpeakerDial, "") }, BTreeMap::new());
    night.warn.put_route(&Actor::system("test"), Matter::Signal, code(DISTRICT), "dial").await.unwrap();
    endpoint(&night, "dial", "e1", "440303001", "13912345678", Some("99")).await;
    night.roster(Roster::rooms().person("boss", DISTRICT, Rank::Lead, Some("10"))).await;
    forward(&night).await;
    night.until(at(600)).await;
    let play = plays(&night).await["e1"].clone();
    assert_eq!((play.state, play.reason.as_deref()), (state, reason));
    let words = night.words_to(dialled);
    assert_eq!(words.len(), 1, "{words:?}");
    let begins =
        if way == "voice" { "【回放演示】转发市气象台" } else { "99【回放演示】转发市气象台" };
    assert!(words[0].starts_with(begins), "{words:?}");
}
