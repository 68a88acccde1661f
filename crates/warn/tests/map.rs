//! The map: what stands on it now, and what was known at every minute before.

mod night;

use anlan_kernel::{Actor, Instant};
use anlan_register::{Place, Rank};
use anlan_store::{Event, Urgency};
use anlan_testbed::Engine;
use anlan_web::accounts::{self, NewAccount};
use night::{DISTRICT, Night, Roster, Setting, at, code, long};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value as Json, json};

struct Caller {
    url: String,
    token: String,
    http: reqwest::Client,
}

struct Answer {
    status: u16,
    policy: String,
    text: String,
}

impl Caller {
    async fn with(night: &Night, role: &str, region: &str) -> Self {
        let (by, login) = (Actor::system("test"), format!("{role}-{region}").replace('_', "-"));
        let new = NewAccount {
            login: login.clone(),
            password: "a long enough passphrase 7".into(),
            name: "值班员".into(),
            role: role.into(),
            regions: vec![code(region)],
            hat: None,
        };
        accounts::create(&night.world, &by, new).await.unwrap();
        let token = accounts::create_token(&night.world, &by, &login, "test").await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { url: night.url.clone(), token, http }
    }

    async fn send(&self, method: Method, path: &str, body: Option<Json>, kind: &str) -> Answer {
        let request = self.http.request(method, format!("{}{path}", self.url)).header("accept", kind);
        let request = request.bearer_auth(&self.token);
        let request = if let Some(body) = body { request.json(&body) } else { request };
        let answer = request.send().await.unwrap();
        let policy = answer.headers().get("content-security-policy").map(|it| it.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        Answer { status, policy: policy.unwrap_or_default(), text: answer.text().await.unwrap() }
    }

    async fn map(&self, query: &str) -> Json {
        let answer = self.send(Method::GET, &format!("/api/v1/map{query}"), None, "application/json").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        serde_json::from_str(&answer.text).unwrap()
    }

    async fn page(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, "text/html").await
    }
}

/// A red night with five people: two streets, one silent.
async fn red(engine: Engine) -> Night {
    let setting = ["900", "901", "902", "10", "11", "22"]
        .iter()
        .fold(Setting::on(engine), |setting, short| setting.phone(&long(short), "answers:1"));
    let night = setting.phone(&long("21"), "never; sms-none").phone(&long("23"), "answers:3").begin().await;
    let roster = Roster::rooms()
        .person("boss", DISTRICT, Rank::Lead, Some("10"))
        .person("street", "440303001", Rank::Lead, Some("11"))
        .person("lead", "440303001001", Rank::Lead, Some("21"))
        .person("a", "440303001001", Rank::DeputyA, Some("22"))
        .person("east", "440303002001", Rank::Lead, Some("23"));
    night.roster(roster).await;
    let places = move |tx: &mut anlan_store::Tx<'_>| {
        for (id, longitude) in [("440303001", 114.1), ("440303001001", 114.11), ("440303002", 114.15)] {
            let (id, source) = (id.to_owned(), "演示编造".to_owned());
            tx.put(&Place { region: code(&id), id, longitude, latitude: 22.55, source, invented: true })?;
        }
        tx.record(Event::new("test.made", "test"))
    };
    night.world.write("places", Urgency::Urgent, &Actor::system("test"), places).await.unwrap();
    night.red().await;
    night
}

fn query(moment: Instant) -> String {
    format!("?at={}", moment.to_rfc3339().replace('+', "%2B"))
}

/// The map without what says when it was made.
fn timeless(mut map: Json) -> Json {
    map["at"] = Json::Null;
    map
}

#[rstest]
#[tokio::test]
async fn what_was_known_now_is_what_is_and_no_minute_before_changes_afterwards(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    let officer = Caller::with(&night, "duty_officer", DISTRICT).await;
    let street = Caller::with(&night, "street_officer", "440303001").await;
    let mut seen = Vec::new();
    for second in [1, 121, 180, 240, 400, 900, 2_400, 5_000] {
        night.until(at(second)).await;
        for caller in [&officer, &street] {
            let live = caller.map("").await;
            let then = caller.map(&query(at(second))).await;
            assert_eq!(timeless(then), timeless(live), "at second {second}");
        }
        seen.push((second, officer.map(&query(at(second))).await));
    }
    let (mut called, mut knows) = (0, 0);
    for (second, then) in seen {
        assert_eq!(officer.map(&query(at(second))).await, then, "what was known at second {second} stays so");
        let known = &then["known"];
        let (now_called, now_knows) = (known["called"].as_i64().unwrap(), known["knows"].as_i64().unwrap());
        assert!(now_called >= called && now_knows >= knows && now_knows <= now_called, "{known}");
        (called, knows) = (now_called, now_knows);
    }
    assert_eq!(called, 8, "five people and three rooms");
    assert_eq!(knows, 7, "everybody but the one who never answers");
}

#[rstest]
#[tokio::test]
async fn communities_stand_by_their_calls_and_what_has_no_place_is_said(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    night.to_the_end().await;
    let officer = Caller::with(&night, "duty_officer", DISTRICT).await;
    let map = officer.map("").await;
    let of = |code: &str| {
        let all = map["communities"].as_array().unwrap();
        all.iter().find(|it| it["code"] == code).unwrap_or_else(|| panic!("{code} in {map}")).clone()
    };
    let silent = of("440303001001");
    assert_eq!((silent["calls"]["called"].as_i64(), silent["calls"]["knows"].as_i64()), (Some(2), Some(1)));
    assert_eq!((silent["position"]["longitude"].as_f64(), silent["invented"].as_bool()), (Some(114.11), Some(true)));
    assert_eq!(of("440303002001")["position"], Json::Null, "a community without a place stands in the list");
    assert_eq!(of("440303001002")["calls"], Json::Null, "nobody was called there");
    let room = map["rooms"].as_array().unwrap().iter().find(|it| it["id"] == "street-1").unwrap();
    assert_eq!((room["state"].as_str(), room["position"]["longitude"].as_f64()), (Some("answered"), Some(114.1)));

    let page = officer.page("/map").await;
    assert_eq!(page.status, 200, "{}", page.text);
    for words in ["示意图", "谁知道了：", "应叫", "已知晓", "无坐标", "演示编造", "map.js", "440303001001"]
    {
        assert!(page.text.contains(words), "{words}");
    }
}

#[rstest]
#[tokio::test]
async fn a_street_sees_its_own_people_only_and_a_stranger_nothing(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    night.to_the_end().await;
    let street = Caller::with(&night, "street_officer", "440303001").await;
    let moment = query(night.world.now());
    for query in ["", moment.as_str()] {
        let map = street.map(query).await;
        let codes: Vec<_> =
            map["communities"].as_array().unwrap().iter().map(|it| it["code"].as_str().unwrap()).collect();
        assert_eq!(codes, ["440303001", "440303001001", "440303001002"]);
        assert_eq!(map["known"]["called"], 4, "the room and three people: {}", map["known"]);
        assert!(!map.to_string().contains("street-2"));
    }
    let auditor = Caller::with(&night, "audit_admin", DISTRICT).await;
    for path in ["/api/v1/map", "/map", "/map/known"] {
        assert_eq!(auditor.page(path).await.status, 403, "{path}");
    }
}

#[rstest]
#[tokio::test]
async fn the_list_behind_the_sentence_has_exactly_who_knew_by_then(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    night.until(at(119)).await;
    let officer = Caller::with(&night, "duty_officer", DISTRICT).await;
    let process = night.process().await.id;
    night.to_the_end().await;
    for (moment, names) in [(at(119), 0), (night.world.now(), 7)] {
        let path = format!("/map/known?process={process}&at={}", moment.to_rfc3339().replace('+', "%2B"));
        let page = officer.page(&path).await;
        assert_eq!((page.status, page.text.matches("href=\"/calls/").count()), (200, names), "{}", page.text);
        assert!(!page.text.contains("人员lead"), "the silent one did not know");
    }
    let before = officer.page("/map?at=2001-01-01T00:00:00%2B08:00").await;
    assert_eq!((before.status, before.text.contains("时刻应在过程开始")), (400, true), "{}", before.text);
    let none = officer.page("/map?process=wp-none").await;
    assert_eq!(none.status, 404);
}

#[rstest]
#[tokio::test]
async fn a_base_map_needs_its_approval_number_and_widens_the_policy_for_its_host_only(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    let (officer, admin) =
        (Caller::with(&night, "duty_officer", DISTRICT).await, Caller::with(&night, "system_admin", DISTRICT).await);
    let put = async |caller: &Caller, body: Json| {
        caller.send(Method::PUT, "/api/v1/map/base", Some(body), "application/json").await
    };
    let good = json!({"tiles": "https://t0.example.cn/{z}/{x}/{y}.png?tk=k", "attribution": "某图", "approval": "GS(2023)1234号", "enabled": true});
    assert_eq!(put(&officer, good.clone()).await.status, 403);
    for (field, value) in
        [("approval", ""), ("attribution", ""), ("tiles", "https://a b/{z}{x}{y}"), ("tiles", "https://t/{z}")]
    {
        let mut bad = good.clone();
        bad[field] = value.into();
        let answer = put(&admin, bad).await;
        assert!(
            answer.status == 400 && answer.text.contains(&format!("\"field\":\"{field}\"")),
            "{field}: {}",
            answer.text
        );
    }
    assert!(!officer.page("/map").await.policy.contains("example"));
    assert_eq!(put(&admin, good).await.status, 200);
    let map = officer.page("/map").await;
    assert!(map.policy.contains("img-src 'self' https://t0.example.cn data:"), "{}", map.policy);
    assert!(map.text.contains("GS(2023)1234号"));
    assert!(!officer.page("/").await.policy.contains("example"), "no other page");
}
