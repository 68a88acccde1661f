//! Group bots against simulated servers that check what the real ones check.

mod night;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anlan_kernel::Actor;
use anlan_register::{Organisation, Person, Rank};
use anlan_simulator::{
    Bots,
    bots::{BotsConfig, Received, Trouble},
};
use anlan_store::{OutboxItem, Sending, WorldKind, journal};
use anlan_testbed::Engine;
use anlan_warn::channel::{Channel, Kind, Matter};
use night::{
    DISTRICT, Night, Roster, Setting, at, code, desk,
    desk::{Desk, id},
    long,
};
use rstest::rstest;
use serde_json::json;

const KINDS: [(Kind, &str); 3] = [(Kind::Wecom, "wecom"), (Kind::Dingtalk, "dingtalk"), (Kind::Feishu, "feishu")];

async fn servers() -> Bots {
    let config =
        BotsConfig { token: "tok-1".into(), secret: "SEC-2".into(), keyword: "罗湖".into(), per_minute: None };
    Bots::start(config).await.unwrap()
}

fn secrets(token: &str, secret: &str) -> BTreeMap<String, String> {
    [("token".to_owned(), token.to_owned()), ("secret".to_owned(), secret.to_owned())].into()
}

fn channel(bots: &Bots, kind: Kind, name: &str) -> Channel {
    let keyword = if kind == Kind::Wecom { serde_json::json!({}) } else { serde_json::json!({"keyword": "罗湖"}) };
    Channel { settings: keyword, max_tries: 3, ..Channel::new(name, kind, &bots.url(name)) }
}

fn use_all(night: &Night, bots: &Bots) {
    for (kind, name) in KINDS {
        night.warn.use_channel(channel(bots, kind, name), secrets("tok-1", "SEC-2"));
    }
}

async fn route(night: &Night, matter: Matter, name: &str) {
    night.warn.put_route(&Actor::system("test"), matter, code(DISTRICT), name).await.unwrap();
}

fn roster() -> Roster {
    Roster::rooms()
        .person("boss", DISTRICT, Rank::Lead, Some("10"))
        .person("lead", "440303001001", Rank::Lead, Some("21"))
        .person("a", "440303001001", Rank::DeputyA, Some("22"))
}

fn quiet(engine: Engine) -> Setting {
    ["900", "901", "902", "10", "22"]
        .iter()
        .fold(Setting::on(engine), |setting, short| setting.phone(&long(short), "answers:1"))
        .phone(&long("21"), "never; sms-none")
}

async fn told(night: &Night) -> Vec<OutboxItem> {
    let mut items = night.outbox().await;
    items.retain(|it| it.id.starts_with("tell:"));
    items
}

fn of<'a>(received: &'a [Received], bot: &str) -> Vec<&'a str> {
    received.iter().filter(|it| it.bot == bot).map(|it| it.text.as_str()).collect()
}

#[rstest]
#[tokio::test]
async fn a_round_is_told_at_its_start_on_a_change_every_ten_minutes_and_at_its_end(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (night, bots) = (quiet(engine).begin().await, servers().await);
    use_all(&night, &bots);
    for (_, name) in KINDS {
        route(&night, Matter::Round, name).await;
    }
    night.roster(roster()).await;
    night.red().await;
    night.to_the_end().await;
    night.until(at(3_600)).await;
    assert_eq!(bots.refused(), Vec::<String>::new(), "signature, time and keyword are right");
    let received = bots.received();
    for (_, name) in KINDS {
        let texts = of(&received, name);
        assert!(texts.len() >= 3, "{texts:#?}");
        let (first, last) = (texts[0], texts[texts.len() - 1]);
        assert!(first.contains("叫应开始") && last.contains("叫应结束"), "{texts:#?}");
        assert!(texts[1..texts.len() - 1].iter().all(|it| it.contains("叫应进展")), "{texts:#?}");
        assert!(last.contains("应叫7") || last.contains("应叫6"), "{last}");
        assert!(last.contains("未有结果0"), "{last}");
        for text in &texts {
            let text = text.trim_start_matches("罗湖 ").trim_start_matches("### ");
            assert!(text.starts_with("【回放演示】") && text.ends_with("【回放演示】"), "{text}");
            assert!(text.contains("http://127.0.0.1/rounds/"), "a link that needs a log-in: {text}");
        }
    }
    assert!(told(&night).await.iter().all(|it| it.state == Sending::Sent));
}

#[rstest]
#[tokio::test]
async fn nothing_is_told_where_no_route_says_so(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let (night, bots) = (quiet(engine).begin().await, servers().await);
    use_all(&night, &bots);
    night.warn.put_route(&Actor::system("test"), Matter::Round, code("440305"), "wecom").await.unwrap();
    route(&night, Matter::Notice, "feishu").await;
    night.roster(roster()).await;
    night.red().await;
    night.to_the_end().await;
    assert!(bots.received().is_empty() && told(&night).await.is_empty());
}

#[rstest]
#[tokio::test]
async fn a_signal_is_relayed_by_its_title_and_issuer(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let (night, bots) = (quiet(engine).begin().await, servers().await);
    use_all(&night, &bots);
    route(&night, Matter::Signal, "wecom").await;
    night.roster(roster()).await;
    let id = night.signal("s1", Some("blue"), "发布", &["440303001"]).await;
    night.monitor.acknowledge_signal(&desk(), &id).await.unwrap();
    night.monitor.forward_signal(&desk(), &id).await.unwrap();
    night.settle().await;
    let received = bots.received();
    assert_eq!(received.len(), 1, "{received:?}");
    assert!(received[0].text.contains("市气象台：台风信号 s1"), "{}", received[0].text);
    assert!(received[0].text.contains("区划440303001"), "{}", received[0].text);
}

#[rstest]
#[tokio::test]
async fn a_signed_notice_is_told_by_its_title_and_its_correction_too(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (desk, bots) = (Desk::open(quiet(engine)).await, servers().await);
    use_all(&desk.night, &bots);
    route(&desk.night, Matter::Notice, "dingtalk").await;
    let id = id(&desk.draft().await);
    desk.settle().await;
    assert!(bots.received().is_empty(), "a draft is told nobody");
    desk.sign(&id).await;
    desk.settle().await;
    let received = bots.received();
    assert_eq!(received.len(), 1, "{received:?}");
    assert!(received[0].text.contains("风险提示单") && received[0].text.contains("/notices/"), "{}", received[0].text);
    assert!(!received[0].body.contains("有效至"), "the text is behind the log-in");
    desk.officer(&id, "correct", json!({"reason": "区域写错"})).await;
    desk.sign(&id).await;
    desk.settle().await;
    assert_eq!(bots.received().len(), 2, "{:?}", bots.received());
}

/// The whole district of the demo; who is called is asked of the world, what left of the servers.
#[tokio::test]
async fn no_name_and_no_number_of_the_roster_ever_reaches_a_group() {
    let (night, bots) = (Setting::on(Engine::Sqlite).begin().await, servers().await);
    use_all(&night, &bots);
    for (_, name) in KINDS {
        for matter in [Matter::Round, Matter::Signal, Matter::Failure] {
            route(&night, matter, name).await;
        }
    }
    let by = Actor::system("test");
    for kind in ["regions", "organisations", "people", "shifts"] {
        let file = format!("{}/../../demo/saola/{kind}.csv", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(file).unwrap();
        anlan_register::import::run(&night.world, &by, kind, &bytes, "x.csv", false).await.unwrap();
    }
    let id = night.signal("red", Some("red"), "发布", &[DISTRICT]).await;
    night.monitor.acknowledge_signal(&desk(), &id).await.unwrap();
    night.monitor.forward_signal(&desk(), &id).await.unwrap();
    night.until(at(760)).await;
    let people: Vec<Person> = night.read(|tx| tx.find("1 = 1", "", &[])).await;
    let rooms: Vec<Organisation> = night.read(|tx| tx.find("1 = 1", "", &[])).await;
    assert!(people.len() >= 2_500, "{}", people.len());
    let numbers = people.iter().flat_map(|it| [&it.phone, &it.spare]).chain(rooms.iter().map(|it| &it.duty_room_phone));
    let names = people.iter().map(|it| &it.name);
    let secret: Vec<&String> = numbers.chain(names).flatten().filter(|it| !it.is_empty()).collect();
    let received = bots.received();
    assert!(KINDS.iter().all(|(_, name)| of(&received, name).len() >= 3), "{received:#?}");
    assert!(received.iter().any(|it| it.text.contains("应叫2") || it.text.contains("应叫1")), "a large round");
    for message in &received {
        let found = secret.iter().find(|it| message.body.contains(it.as_str()));
        assert_eq!(found, None, "{}", message.body);
    }
}

#[rstest]
#[case::too_fast(Trouble::TooFast, "45009", 60)]
#[case::away(Trouble::Status(503), "http_503", 2)]
#[tokio::test]
async fn a_server_that_says_not_now_gets_it_later_and_once(
    #[case] trouble: Trouble,
    #[case] said: &str,
    #[case] seconds: u64,
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (night, bots) = (quiet(engine).begin().await, servers().await);
    use_all(&night, &bots);
    route(&night, Matter::Round, "wecom").await;
    night.roster(roster()).await;
    night.red().await;
    bots.next(trouble);
    night.until(at(121)).await;
    let item = told(&night).await.pop().unwrap();
    assert_eq!((item.state, item.due_at), (Sending::Queued, at(120 + seconds)));
    assert_eq!(item.outcome.unwrap()["code"], said);
    night.until(at(119 + seconds)).await;
    assert!(bots.received().is_empty(), "nothing at all is sent to a server that asked for peace");
    night.until(at(130 + seconds)).await;
    assert_eq!(of(&bots.received(), "wecom").iter().filter(|it| it.contains("叫应开始")).count(), 1);
}

#[rstest]
#[case::malformed(Trouble::Malformed)]
#[case::silent(Trouble::Hangs)]
#[tokio::test]
async fn what_was_perhaps_taken_goes_once_more_marked_as_a_repeat(
    #[case] trouble: Trouble,
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let setting = Setting { answer_within: Duration::from_secs(3), ..quiet(engine) };
    let (night, bots) = (setting.begin().await, servers().await);
    use_all(&night, &bots);
    route(&night, Matter::Round, "feishu").await;
    night.roster(roster()).await;
    night.red().await;
    bots.next(trouble);
    bots.next(trouble);
    night.until(at(123)).await;
    let item = told(&night).await.pop().unwrap();
    assert_eq!(item.state, Sending::Unknown, "the repeat is in doubt too: {item:?}");
    night.until(at(150)).await;
    let item = told(&night).await.into_iter().find(|it| it.id == item.id).unwrap();
    assert_eq!((item.state, item.outcome.unwrap()["code"].clone()), (Sending::Failed, "in_doubt".into()));
    let received = bots.received();
    let starts: Vec<_> = of(&received, "feishu").into_iter().filter(|it| it.contains("叫应开始")).collect();
    assert_eq!(starts.len(), 2, "{starts:?}");
    assert!(!starts[0].contains("【重复】") && starts[1].contains("【重复】"), "{starts:?}");
}

#[rstest]
#[tokio::test]
async fn after_a_crash_between_request_and_answer_a_group_gets_one_marked_repeat(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (mut night, bots) = (quiet(engine).begin().await, servers().await);
    use_all(&night, &bots);
    route(&night, Matter::Round, "dingtalk").await;
    night.roster(roster()).await;
    night.red().await;
    night.until(at(119)).await;
    bots.next(Trouble::Hangs);
    night.world.clock().move_to(at(120));
    night.fire().await;
    let warn = Arc::clone(&night.warn);
    let dying = tokio::spawn(async move { warn.courier_step(None).await });
    while bots.received().is_empty() {
        tokio::task::yield_now().await;
    }
    dying.abort();
    assert!(dying.await.unwrap_err().is_cancelled());
    let item = told(&night).await.pop().unwrap();
    assert_eq!(item.state, Sending::Sending, "committed before the request left");
    night.restart().await;
    use_all(&night, &bots);
    night.warn.clear_up(None).await.unwrap();
    night.until(at(125)).await;
    let received = bots.received();
    let texts = of(&received, "dingtalk");
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[1].contains("【重复】"), "{texts:?}");
    assert_eq!(told(&night).await.pop().unwrap().state, Sending::Sent);
}

#[rstest]
#[case::wrong_token(Kind::Wecom, "wecom", ("nobody", ""), "93000", "invalid webhook url")]
#[case::wrong_signature(Kind::Dingtalk, "dingtalk", ("tok-1", "guessed"), "310000", "sign not match")]
#[case::wrong_signature_there(Kind::Feishu, "feishu", ("tok-1", "guessed"), "19021", "sign match fail")]
#[tokio::test]
async fn what_a_server_refuses_stands_in_the_list_in_its_own_words_and_is_told_elsewhere(
    #[case] kind: Kind,
    #[case] name: &str,
    #[case] wrong: (&str, &str),
    #[case] said: &str,
    #[case] words: &str,
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (night, bots) = (quiet(engine).begin().await, servers().await);
    let other = if kind == Kind::Wecom { KINDS[1] } else { KINDS[0] };
    night.warn.use_channel(channel(&bots, kind, name), secrets(wrong.0, wrong.1));
    night.warn.use_channel(channel(&bots, other.0, other.1), secrets("tok-1", "SEC-2"));
    route(&night, Matter::Round, name).await;
    route(&night, Matter::Failure, name).await;
    route(&night, Matter::Failure, other.1).await;
    night.roster(roster()).await;
    night.red().await;
    night.until(at(140)).await;
    let failed = told(&night).await.into_iter().find(|it| it.id.starts_with("tell:round")).unwrap();
    let outcome = failed.outcome.clone().unwrap();
    assert_eq!((failed.state, outcome["code"].as_str()), (Sending::Refused, Some(said)));
    assert!(outcome["message"].as_str().unwrap().contains(words), "{outcome}");
    let received = bots.received();
    let texts = of(&received, other.1);
    assert!(texts.len() == 1 && texts[0].contains("通道故障") && texts[0].contains(name), "{texts:?}");
    night.warn.use_channel(channel(&bots, kind, name), secrets("tok-1", "SEC-2"));
    night.warn.send_again(&desk(), &failed.id).await.unwrap();
    night.until(at(150)).await;
    assert!(of(&bots.received(), name).iter().any(|it| it.contains("叫应开始")));
}

#[rstest]
#[tokio::test]
async fn a_failed_message_is_laid_aside_with_a_reason(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let (night, bots) = (quiet(engine).begin().await, servers().await);
    night.warn.use_channel(channel(&bots, Kind::Wecom, "wecom"), secrets("nobody", ""));
    route(&night, Matter::Round, "wecom").await;
    night.roster(roster()).await;
    night.red().await;
    night.until(at(140)).await;
    let id = told(&night).await.pop().unwrap().id;
    assert!(night.warn.discard(&desk(), &id, " ").await.unwrap_err().to_string().starts_with("no_reason"));
    night.warn.discard(&desk(), &id, "群已解散，改打电话").await.unwrap();
    assert_eq!(told(&night).await.pop().unwrap().state, Sending::Dropped);
    assert!(night.warn.discard(&desk(), &id, "again").await.is_err());
    while journal::seal(&night.world, None).await.unwrap() > 0 {}
    let entries = journal::after(&night.world, &Actor::system("test"), 0, 10_000).await.unwrap();
    assert!(entries.iter().any(|it| it.event == "sending.discarded"));
    assert!(!entries.iter().any(|it| it.body.contains("群已解散")), "the reason is sealed");
}

#[rstest]
#[tokio::test]
async fn a_group_gets_twenty_a_minute_and_no_more(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let (night, bots) = (quiet(engine).begin().await, servers().await);
    use_all(&night, &bots);
    route(&night, Matter::Signal, "wecom").await;
    night.roster(Roster::rooms()).await;
    for n in 0..30 {
        let id = night.signal(&format!("s{n}"), Some("blue"), "发布", &["440303001"]).await;
        night.monitor.acknowledge_signal(&desk(), &id).await.unwrap();
        night.monitor.forward_signal(&desk(), &id).await.unwrap();
    }
    night.until(at(59)).await;
    let within = bots.received().len();
    assert!((15..=20).contains(&within), "{within} in a minute");
    night.until(at(120)).await;
    assert_eq!(bots.received().len(), 30);
}

#[rstest]
#[tokio::test]
async fn a_test_message_is_marked_and_brings_back_what_the_far_side_said(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (night, bots) = (quiet(engine).begin().await, servers().await);
    use_all(&night, &bots);
    let admin = Actor::system("test");
    for (_, name) in KINDS {
        let item = night.warn.test_channel(&admin, name, None).await.unwrap();
        assert_eq!((item.state, item.outcome.unwrap()["code"].as_str()), (Sending::Sent, Some("0")));
        let received = bots.received();
        assert!(of(&received, name)[0].contains("【通道测试】"));
    }
    assert!(night.warn.test_channel(&admin, "wecom", None).await.unwrap_err().to_string().starts_with("too_fast"));
    night.world.clock().move_to(at(10));
    night.warn.use_channel(channel(&bots, Kind::Feishu, "feishu"), secrets("tok-1", "guessed"));
    let item = night.warn.test_channel(&admin, "feishu", None).await.unwrap();
    assert_eq!((item.state, item.outcome.unwrap()["code"].as_str()), (Sending::Refused, Some("19021")));
    let sms = night.warn.test_channel(&admin, night::GATEWAY, Some(&long("900"))).await.unwrap();
    assert_eq!(sms.state, Sending::Sent);
    assert!(night.words_to(&long("900"))[0].contains("【通道测试】"));
    assert!(!serde_json::to_string(&sms).unwrap().contains(&long("900")), "the number stays in memory");
}

#[rstest]
#[tokio::test]
async fn a_replay_takes_no_address_beyond_this_machine(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let night = quiet(engine).begin().await;
    assert_eq!(night.world.kind(), WorldKind::Replay);
    for (kind, url) in [
        (Kind::Wecom, "https://qyapi.weixin.qq.com/cgi-bin/webhook/send"),
        (Kind::Mail, "smtps://mail.example:465"),
        (Kind::Speaker, "mqtt://10.0.0.1:1883"),
    ] {
        night.warn.use_channel(Channel::new("beyond", kind, url), secrets("t", "s"));
        let stored = night
            .warn
            .put_channel(&desk(), Channel::new("beyond", Kind::Wecom, "https://x.example"), secrets("t", ""))
            .await;
        assert!(stored.unwrap_err().to_string().starts_with("not_the_real_world"));
        assert!(
            night.warn.test_channel(&desk(), "beyond", None).await.unwrap_err().to_string().starts_with("channel_off")
        );
    }
}
