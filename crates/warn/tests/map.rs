//! The map: what stands on it now, and what was known at every minute before.

mod night;

use anlan_kernel::{Actor, Instant};
use anlan_register::Place;
use anlan_store::{Event, Urgency};
use anlan_testbed::Engine;
use night::{
    DISTRICT, Night, at,
    caller::{self, Caller},
    code,
};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value as Json, json};

async fn map(caller: &Caller, query: &str) -> Json {
    let (status, map) = caller.get(&format!("/api/v1/map{query}")).await;
    assert_eq!(status, 200, "{map}");
    map
}

/// The content policy a page is shown under.
async fn policy(caller: &Caller, path: &str) -> String {
    let answer = caller.request(Method::GET, path).header("accept", "text/html").send().await.unwrap();
    answer.headers()["content-security-policy"].to_str().unwrap().to_owned()
}

/// A red night with five people in two streets, one silent, and places for some.
async fn red(engine: Engine) -> Night {
    let night = caller::red(engine).await;
    let places = move |tx: &mut anlan_store::Tx<'_>| {
        for (id, longitude) in [("440303001", 114.1), ("440303001001", 114.11), ("440303002", 114.15)] {
            let (id, source) = (id.to_owned(), "演示编造".to_owned());
            tx.put(&Place { region: code(&id), id, longitude, latitude: 22.55, source, invented: true })?;
        }
        tx.record(Event::new("test.made", "test"))
    };
    night.world.write("places", Urgency::Urgent, &Actor::system("test"), places).await.unwrap();
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
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let street = Caller::with(&night, "street_officer", Some("440303001")).await;
    let mut seen = Vec::new();
    for second in [1, 121, 180, 240, 400, 900, 2_400, 5_000] {
        night.until(at(second)).await;
        for caller in [&officer, &street] {
            let live = map(caller, "").await;
            let then = map(caller, &query(at(second))).await;
            assert_eq!(timeless(then), timeless(live), "at second {second}");
        }
        seen.push((second, map(&officer, &query(at(second))).await));
    }
    let (mut called, mut knows) = (0, 0);
    for (second, then) in seen {
        assert_eq!(map(&officer, &query(at(second))).await, then, "what was known at second {second} stays so");
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
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let shown = map(&officer, "").await;
    let of = |code: &str| {
        let all = shown["communities"].as_array().unwrap();
        all.iter().find(|it| it["code"] == code).unwrap_or_else(|| panic!("{code} in {shown}")).clone()
    };
    let silent = of("440303001001");
    assert_eq!((silent["calls"]["called"].as_i64(), silent["calls"]["knows"].as_i64()), (Some(2), Some(1)));
    assert_eq!((silent["position"]["longitude"].as_f64(), silent["invented"].as_bool()), (Some(114.11), Some(true)));
    assert_eq!(of("440303002001")["position"], Json::Null, "a community without a place stands in the list");
    assert_eq!(of("440303001002")["calls"], Json::Null, "nobody was called there");
    let room = shown["rooms"].as_array().unwrap().iter().find(|it| it["id"] == "street-1").unwrap();
    assert_eq!((room["state"].as_str(), room["position"]["longitude"].as_f64()), (Some("answered"), Some(114.1)));

    let (status, page) = officer.page("/map").await;
    assert_eq!(status, 200, "{page}");
    for words in ["示意图", "谁知道了：", "应叫", "已知晓", "无坐标", "演示编造", "map.js", "440303001001"]
    {
        assert!(page.contains(words), "{words}");
    }
}

#[rstest]
#[tokio::test]
async fn a_street_sees_its_own_people_only_and_a_stranger_nothing(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    night.to_the_end().await;
    let street = Caller::with(&night, "street_officer", Some("440303001")).await;
    let moment = query(night.world.now());
    for query in ["", moment.as_str()] {
        let map = map(&street, query).await;
        let codes: Vec<_> =
            map["communities"].as_array().unwrap().iter().map(|it| it["code"].as_str().unwrap()).collect();
        assert_eq!(codes, ["440303001", "440303001001", "440303001002"]);
        assert_eq!(map["known"]["called"], 4, "the room and three people: {}", map["known"]);
        assert!(!map.to_string().contains("street-2"));
    }
    let auditor = Caller::with(&night, "audit_admin", Some(DISTRICT)).await;
    for path in ["/api/v1/map", "/map", "/map/known"] {
        assert_eq!(auditor.page(path).await.0, 403, "{path}");
    }
}

#[rstest]
#[tokio::test]
async fn the_list_behind_the_sentence_has_exactly_who_knew_by_then(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    night.until(at(119)).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let process = night.process().await.id;
    night.to_the_end().await;
    for (moment, names) in [(at(119), 0), (night.world.now(), 7)] {
        let path = format!("/map/known?process={process}&at={}", moment.to_rfc3339().replace('+', "%2B"));
        let (status, page) = officer.page(&path).await;
        assert_eq!((status, page.matches("href=\"/calls/").count()), (200, names), "{page}");
        assert!(!page.contains("人员lead"), "the silent one did not know");
    }
    let (status, before) = officer.page("/map?at=2001-01-01T00:00:00%2B08:00").await;
    assert_eq!((status, before.contains("时刻应在过程开始")), (400, true), "{before}");
    assert_eq!(officer.page("/map?process=wp-none").await.0, 404);
}

/// Addresses of the lists behind figures, with the figures.
fn figures(page: &str) -> Vec<(String, usize)> {
    let links = page.split("href=\"/map/known?").skip(1);
    let figure = |it: &str| {
        let (query, rest) = it.split_once('"')?;
        let number = rest.split_once("</a>")?.0.rsplit('>').find(|it| it.starts_with(|c: char| c.is_ascii_digit()))?;
        let number = number.split('<').next()?.parse().ok()?;
        Some((format!("/map/known?{}", query.replace("&amp;", "&")), number))
    };
    links.filter_map(figure).collect()
}

#[rstest]
#[tokio::test]
async fn every_figure_of_the_map_says_what_it_counts_and_opens_exactly_those(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    for second in [200, 5_000] {
        night.until(at(second)).await;
        let (_, page) = officer.page("/map").await;
        for words in ["整个过程应叫", "最近一轮应叫", "每人按最近一次叫应计", "要找的人"] {
            assert!(page.contains(words), "{words}: {page}");
        }
        let figures = figures(&page);
        assert!(figures.len() >= 4 + 3 * 2, "{figures:?}");
        for (list, count) in figures {
            let (status, shown) = officer.page(&list).await;
            assert_eq!((status, shown.matches("href=\"/calls/").count()), (200, count), "{list}: {shown}");
        }
    }
    let (status, wrong) = officer.get("/map/known?of=everybody").await;
    assert_eq!((status, wrong["field"].as_str()), (400, Some("of")), "{wrong}");
}

#[rstest]
#[tokio::test]
async fn a_base_map_needs_its_approval_number_and_widens_the_policy_for_its_host_only(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    let (officer, admin) = (
        Caller::with(&night, "duty_officer", Some(DISTRICT)).await,
        Caller::with(&night, "system_admin", Some(DISTRICT)).await,
    );
    let put = async |caller: &Caller, body: Json| {
        caller.send(Method::PUT, "/api/v1/map/base", Some(body), "application/json").await
    };
    let good = json!({"tiles": "https://t0.example.cn/{z}/{x}/{y}.png?tk=k", "attribution": "某图", "approval": "GS(2023)1234号", "enabled": true});
    assert_eq!(put(&officer, good.clone()).await.0, 403);
    for (field, value) in
        [("approval", ""), ("attribution", ""), ("tiles", "https://a b/{z}{x}{y}"), ("tiles", "https://t/{z}")]
    {
        let mut bad = good.clone();
        bad[field] = value.into();
        let (status, answer) = put(&admin, bad).await;
        assert!(status == 400 && answer.contains(&format!("\"field\":\"{field}\"")), "{field}: {answer}");
    }
    assert!(!policy(&officer, "/map").await.contains("example"));
    assert_eq!(put(&admin, good).await.0, 200);
    let widened = policy(&officer, "/map").await;
    assert!(widened.contains("img-src 'self' https://t0.example.cn data:"), "{widened}");
    assert!(officer.page("/map").await.1.contains("GS(2023)1234号"));
    assert!(!policy(&officer, "/me").await.contains("example"), "no other page");
}

#[rstest]
#[tokio::test]
async fn a_base_map_can_be_a_file_of_this_machine(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    use pmtiles::{PmTilesWriter, TileCoord, TileType};
    let night = red(engine).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let admin = Caller::with(&night, "system_admin", Some(DISTRICT)).await;
    let folder = tempfile::tempdir().unwrap();
    let made = |name: &str, kind: TileType| {
        let path = folder.path().join(name);
        let mut writer = PmTilesWriter::new(kind).create(std::fs::File::create(&path).unwrap()).unwrap();
        writer.add_tile(TileCoord::new(1, 1, 0).unwrap(), b"a picture").unwrap();
        writer.finalize().unwrap();
        path.display().to_string()
    };
    let (good, vectors) = (made("base.pmtiles", TileType::Png), made("vectors.pmtiles", TileType::Mvt));
    let broken = folder.path().join("broken.pmtiles");
    std::fs::write(&broken, b"no archive").unwrap();
    let put = async |path: &str| {
        let body = json!({"tiles": format!("pmtiles:{path}"), "attribution": "某图", "approval": "GS(2023)1234号", "enabled": true});
        admin.send(Method::PUT, "/api/v1/map/base", Some(body), "application/json").await
    };
    for (path, words) in
        [(vectors.as_str(), "不是图片"), (&broken.display().to_string(), "读不出来"), ("/nowhere.pmtiles", "读不出来")]
    {
        let (status, said) = put(path).await;
        assert!(status == 400 && said.contains(words) && said.contains("\"field\":\"tiles\""), "{path}: {said}");
    }
    assert_eq!(officer.page("/map/tiles/1/1/0").await.0, 404, "nothing is set yet");
    assert_eq!(put(&good).await.0, 200);
    assert_eq!(officer.page("/map/tiles/1/1/0").await, (200, "a picture".to_owned()));
    assert_eq!(officer.page("/map/tiles/1/0/0").await.0, 404, "the map ends there");
    assert_eq!(officer.page("/map/tiles/99/0/0").await.0, 404);
    let shown = officer.page("/map").await.1;
    assert!(
        shown.contains("map/tiles/{z}/{x}/{y}") && !shown.contains("base.pmtiles"),
        "no path of the machine is shown"
    );
    assert!(!policy(&officer, "/map").await.contains("http"), "no other host is asked");
}
