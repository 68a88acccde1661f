//! Channels of the real world over HTTP and on the page, as their administrator sets them.

mod night;

use std::{collections::BTreeMap, sync::Arc};

use anlan_kernel::Actor;
use anlan_simulator::{Bots, bots::BotsConfig};
use anlan_store::{Clock, Event, OutboxItem, Sending, Tx, Urgency, World, WorldConfig, WorldKind, journal};
use anlan_testbed::{Engine, NOON, TestWorld};
use anlan_warn::{
    Warn, api,
    channel::{Kind, service::probe},
    ladder::Plan,
    service::WarnConfig,
};
use anlan_web::{
    Site,
    accounts::{self, NewAccount},
};
use night::{DISTRICT, MODULES, PLAN};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value as Json, json};

/// The real world on a loopback socket.
struct Office {
    world: World,
    warn: Arc<Warn>,
    url: String,
    serving: tokio::task::JoinHandle<()>,
    _rows: TestWorld,
}

impl Drop for Office {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Office {
    async fn open(engine: Engine) -> Self {
        // The program installs it first thing; here there is no program. Installed before is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let rows = anlan_testbed::world(engine, Clock::driven(NOON), MODULES);
        rows.tamper("UPDATE world SET kind = 'real'");
        let config = WorldConfig { kind: WorldKind::Real, ..rows.config(Clock::driven(NOON)) };
        let world = std::thread::spawn(move || World::open(config, MODULES).unwrap()).join().unwrap();
        let plan = Plan::read("test@1", PLAN).unwrap();
        let warn = Warn::new(world.clone(), WarnConfig::default(), plan).unwrap();
        let site = Site::new(world.clone(), "", false, "区三防办");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = api::routes(&site, Arc::clone(&warn)).router;
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { world, warn, url, serving, _rows: rows }
    }

    /// Something waits for this channel.
    async fn queue(&self, channel: &str, kind: &str) {
        let item = OutboxItem {
            id: format!("{channel}#1"),
            channel: channel.into(),
            kind: kind.into(),
            subject: "nothing".into(),
            region: night::code(DISTRICT),
            priority: 0,
            due_at: NOON,
            state: Sending::Queued,
            tries: 0,
            payload: json!({}),
            outcome: None,
            sent_at: None,
            revision: 0,
        };
        let by = Actor::system("test");
        let put = move |tx: &mut Tx<'_>| {
            tx.put(&item)?;
            tx.record(Event::new("outbox.queued", &item.id))
        };
        self.world.write("test", Urgency::Urgent, &by, put).await.unwrap();
    }

    /// The channels something waits for.
    async fn waiting(&self) -> Vec<String> {
        let read = |tx: &mut Tx<'_>| tx.find::<OutboxItem>("state = 'queued'", "ORDER BY id", &[]);
        let items = self.world.read(&Actor::system("test"), read).await.unwrap();
        items.into_iter().map(|it| it.channel).collect()
    }

    async fn token(&self, role: &str, region: Option<&str>) -> String {
        let (by, login) = (Actor::system("test"), role.replace('_', "-"));
        let new = NewAccount {
            login: login.clone(),
            password: "a long enough passphrase 7".into(),
            name: "管理员".into(),
            role: role.into(),
            regions: region.map(night::code).into_iter().collect(),
            hat: None,
        };
        accounts::create(&self.world, &by, new).await.unwrap();
        accounts::create_token(&self.world, &by, &login, "test").await.unwrap()
    }

    async fn send(&self, token: &str, method: Method, path: &str, body: Option<&Json>) -> (u16, Json) {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut request = http.request(method, format!("{}{path}", self.url)).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
        (status, serde_json::from_str(&text).unwrap_or(Json::String(text)))
    }

    async fn form(&self, token: &str, path: &str, body: &str) -> (u16, String) {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let request = http.post(format!("{}{path}", self.url)).bearer_auth(token).header("accept", "text/html");
        let form = request.header("content-type", "application/x-www-form-urlencoded").body(body.to_owned());
        let answer = form.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn page(&self, token: &str, path: &str) -> (u16, String) {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = http.get(format!("{}{path}", self.url)).bearer_auth(token).header("accept", "text/html");
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

async fn bots() -> Bots {
    let (token, secret) = ("tok-1".to_owned(), "SEC-2".to_owned());
    Bots::start(BotsConfig { token, secret, keyword: String::new(), per_minute: Some(20) }).await.unwrap()
}

#[rstest]
#[tokio::test]
async fn settings_are_kept_and_secrets_are_never_shown(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let (office, bots) = (Office::open(engine).await, bots().await);
    let admin = office.token("system_admin", None).await;
    let officer = office.token("duty_officer", Some(DISTRICT)).await;
    let path = "/api/v1/channels/group-1";
    let pasted = json!({"kind": "dingtalk", "url": format!("{}?access_token=tok-1", bots.url("dingtalk")), "secrets": {"secret": "SEC-2"}});
    assert_eq!(office.send(&officer, Method::PUT, path, Some(&pasted)).await.0, 403);
    let (status, channel) = office.send(&admin, Method::PUT, path, Some(&pasted)).await;
    assert_eq!((status, &channel["url"]), (200, &json!(bots.url("dingtalk"))), "{channel}");
    assert_eq!(channel["secrets"], json!(["secret", "token"]));
    let (_, tested) = office.send(&admin, Method::POST, &format!("{path}/test"), Some(&json!({}))).await;
    assert_eq!((&tested["state"], &tested["outcome"]["code"]), (&json!("sent"), &json!("0")), "{tested}");
    let off = json!({"kind": "dingtalk", "url": bots.url("dingtalk"), "enabled": false});
    assert_eq!(office.send(&admin, Method::PUT, path, Some(&off)).await.0, 200, "what is not given stays");
    let (status, refused) = office.send(&admin, Method::POST, &format!("{path}/test"), Some(&json!({}))).await;
    assert_eq!((status, &refused["code"]), (409, &json!("channel_off")));
    let on = json!({"kind": "dingtalk", "url": bots.url("dingtalk")});
    office.send(&admin, Method::PUT, path, Some(&on)).await;
    office.world.clock().move_to(night::at(60));
    let (_, tested) = office.send(&admin, Method::POST, &format!("{path}/test"), Some(&json!({}))).await;
    assert_eq!(tested["state"], "sent", "with the secrets it had: {tested}");
    let (_, list) = office.send(&admin, Method::GET, "/api/v1/channels", None).await;
    assert_eq!((&list["items"][0]["state"]["sent"], &list["items"][0]["state"]["failed"]), (&json!(2), &json!(0)));
    let pages = [office.page(&admin, "/channels").await.1, office.page(&admin, "/channels/group-1").await.1];
    while journal::seal(&office.world, None).await.unwrap() > 0 {}
    let entries = journal::after(&office.world, &Actor::system("test"), 0, 10_000).await.unwrap();
    let seen = entries.iter().map(|it| it.body.clone()).chain(pages).chain([list.to_string(), channel.to_string()]);
    for text in seen {
        assert!(!text.contains("SEC-2") && !text.contains("tok-1"), "{text}");
    }
    let before = office.world.dump().await.unwrap();
    anlan_store::rebuild(&office.world).await.unwrap();
    assert_eq!(office.world.dump().await.unwrap(), before);
}

#[rstest]
#[case::no_token(json!({"kind": "wecom"}), "token")]
#[case::in_clear(json!({"kind": "wecom", "url": "http://qyapi.example/send", "secrets": {"token": "t"}}), "url")]
#[case::too_fast(json!({"kind": "feishu", "rate": 5.0, "secrets": {"token": "t"}}), "rate")]
#[case::mail_in_clear(json!({"kind": "mail", "url": "smtp://mail.example:25", "settings": {"from": "a@b.example"}}), "url")]
#[case::no_sender(json!({"kind": "mail"}), "from")]
#[case::odd_way(json!({"kind": "speaker_dial", "settings": {"gateway": "main", "way": "fax"}}), "way")]
#[tokio::test]
async fn a_channel_that_makes_no_sense_is_refused_by_its_field(
    #[case] body: Json,
    #[case] field: &str,
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let office = Office::open(engine).await;
    let admin = office.token("system_admin", None).await;
    let (status, problem) = office.send(&admin, Method::PUT, "/api/v1/channels/c1", Some(&body)).await;
    assert!(matches!(status, 400 | 409 | 422), "{status} {problem}");
    assert_eq!((&problem["code"], &problem["field"]), (&json!("bad_channel"), &json!(field)), "{problem}");
    let (_, list) = office.send(&admin, Method::GET, "/api/v1/channels", None).await;
    assert_eq!(list["items"], json!([]));
}

#[rstest]
#[tokio::test]
async fn a_gateway_and_a_channel_share_no_name_and_both_load_again(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let office = Office::open(engine).await;
    let admin = office.token("system_admin", None).await;
    let gateway = json!({"url": "https://gateway.example", "secret": "s"});
    let (status, said) = office.send(&admin, Method::PUT, "/api/v1/gateways/main", Some(&gateway)).await;
    assert_eq!(status, 200, "{said}");
    let bot = json!({"kind": "wecom", "secrets": {"token": "t"}});
    let (_, taken) = office.send(&admin, Method::PUT, "/api/v1/channels/main", Some(&bot)).await;
    assert_eq!(taken["code"], "bad_channel", "{taken}");
    assert_eq!(office.send(&admin, Method::PUT, "/api/v1/channels/bot", Some(&bot)).await.0, 200);
    let (_, taken) = office.send(&admin, Method::PUT, "/api/v1/gateways/bot", Some(&gateway)).await;
    assert_eq!(taken["code"], "bad_gateway", "{taken}");
    assert_eq!(office.warn.load_gateways().await.unwrap(), 2);
}

#[rstest]
#[tokio::test]
async fn what_waits_for_a_gateway_out_of_use_leaves_by_the_one_in_use(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let office = Office::open(engine).await;
    let admin = office.token("system_admin", None).await;
    office.queue("(none)", "voice").await;
    office.queue("team", "text").await;
    let put = async |id: &str, enabled: bool| {
        let gateway = json!({"url": "https://gateway.example", "secret": "s", "enabled": enabled});
        let (status, said) = office.send(&admin, Method::PUT, &format!("/api/v1/gateways/{id}"), Some(&gateway)).await;
        assert_eq!(status, 200, "{said}");
        office.waiting().await
    };
    assert_eq!(put("main", true).await, ["main", "team"]);
    assert_eq!(put("spare", true).await, ["main", "team"]);
    assert_eq!(put("main", false).await, ["spare", "team"]);
}

#[rstest]
#[tokio::test]
async fn what_goes_where_is_a_table_and_goes_with_its_channel(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let office = Office::open(engine).await;
    let admin = office.token("system_admin", None).await;
    let put = async |id: &str, body: Json| {
        office.send(&admin, Method::PUT, &format!("/api/v1/channels/{id}"), Some(&body)).await
    };
    put("bot", json!({"kind": "wecom", "secrets": {"token": "t"}})).await;
    let dial = json!({"kind": "speaker_dial", "settings": {"gateway": "main", "way": "sms"}});
    assert_eq!(put("dial", dial).await.0, 200);
    let add = async |matter: &str, region: &str, channel: &str| {
        let body = json!({"matter": matter, "region": region, "channel": channel});
        office.send(&admin, Method::POST, "/api/v1/channel-routes", Some(&body)).await
    };
    assert_eq!(add("round", DISTRICT, "bot").await.0, 200);
    assert_eq!(add("signal", "440303001", "dial").await.0, 200);
    for (matter, region, channel, code) in [
        ("round", DISTRICT, "dial", "bad_route"),
        ("gossip", DISTRICT, "bot", "bad_route"),
        ("round", "x", "bot", "bad_region"),
        ("round", DISTRICT, "nobody", "no_such_channel"),
    ] {
        assert_eq!(add(matter, region, channel).await.1["code"], code, "{matter} {region} {channel}");
    }
    let body =
        json!({"channel": "dial", "name": "莲塘大喇叭", "region": "440303001", "address": "13912345678", "code": "12"});
    let (status, endpoint) = office.send(&admin, Method::PUT, "/api/v1/endpoints/e1", Some(&body)).await;
    assert_eq!((status, &endpoint["enabled"]), (200, &json!(true)));
    let removed = office.send(&admin, Method::DELETE, "/api/v1/channels/dial", None).await;
    assert_eq!(removed.0, 204, "{}", removed.1);
    let (_, routes) = office.send(&admin, Method::GET, "/api/v1/channel-routes", None).await;
    assert_eq!(routes["items"].as_array().unwrap().len(), 1);
    let id = routes["items"][0]["id"].as_str().unwrap().replace('/', "%2F");
    assert_eq!(office.send(&admin, Method::DELETE, &format!("/api/v1/channel-routes/{id}"), None).await.0, 204);
    let (_, endpoints) = office.send(&admin, Method::GET, "/api/v1/endpoints", None).await;
    assert_eq!(endpoints["items"], json!([]));
}

#[rstest]
#[tokio::test]
async fn the_page_sets_a_channel_without_showing_its_secret(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let office = Office::open(engine).await;
    let admin = office.token("system_admin", None).await;
    let (status, page) = office.page(&admin, "/channels/new?kind=feishu").await;
    assert!(status == 200 && page.contains("飞书群机器人") && page.contains("type=\"password\""), "{page}");
    assert_eq!(office.page(&admin, "/channels/new?kind=fax").await.0, 404);
    let form = "kind=feishu&id=fs&url=https%3A%2F%2Fopen.feishu.cn%2Fopen-apis%2Fbot%2Fv2%2Fhook%2Ftok-77&secret.secret=SEC-77&setting.keyword=&per_minute=60&enabled=1";
    let (status, said) = office.form(&admin, "/channels", form).await;
    assert_eq!(status, 303, "{said}");
    let (_, page) = office.page(&admin, "/channels/fs").await;
    assert!(page.contains("已设置") && !page.contains("tok-77") && !page.contains("SEC-77"), "{page}");
    let (_, channel) = office.send(&admin, Method::GET, "/api/v1/channels/fs", None).await;
    assert_eq!((&channel["rate"], &channel["settings"]), (&json!(1.0), &json!({})));
    assert_eq!(office.form(&admin, "/channel-routes", "matter=round&region=440303&channel=fs").await.0, 303);
    let (_, page) = office.page(&admin, "/channels").await;
    for words in ["飞书群机器人", "叫应开始与进展", "60 条/分", "还没有短信、语音网关"] {
        assert!(page.contains(words), "{words}: {page}");
    }
}

#[rstest]
#[tokio::test]
async fn a_look_at_every_channel_sends_nothing(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let (office, bots) = (Office::open(engine).await, bots().await);
    let admin = office.token("system_admin", None).await;
    let bot = json!({"kind": "wecom", "url": bots.url("wecom"), "secrets": {"token": "tok-1"}});
    office.send(&admin, Method::PUT, "/api/v1/channels/bot", Some(&bot)).await;
    let away = json!({"kind": "mail", "url": "smtp://127.0.0.1:1", "settings": {"from": "a@b.example"}});
    office.send(&admin, Method::PUT, "/api/v1/channels/mail", Some(&away)).await;
    let found = probe(&office.world).await.unwrap();
    let found: BTreeMap<_, _> = found.into_iter().map(|(id, kind, said)| (id, (kind, said))).collect();
    assert!(found["bot"].0 == Kind::Wecom && found["bot"].1.is_ok(), "{found:?}");
    assert!(found["mail"].1.as_ref().is_err_and(|it| it.contains("no_connection")), "{found:?}");
    assert!(bots.received().is_empty());
}
