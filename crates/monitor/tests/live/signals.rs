//! Signals of other authorities over HTTP: taken, refused, acknowledged, forwarded.

use std::time::Duration;

use anlan_monitor::signals::REPEATED_WITHIN;
use anlan_testbed::{Caller, Engine, NOON};
use axum::http::Method;
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::bed::{Bed, is_chinese};

const CAP: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">
  <identifier>44030041600000_20230901120000</identifier>
  <sender>szqx@example.org</sender>
  <sent>2023-09-01T11:59:00+08:00</sent>
  <status>Actual</status>
  <msgType>Alert</msgType>
  <scope>Public</scope>
  <info>
    <language>zh-CN</language>
    <category>Met</category>
    <event>台风</event>
    <urgency>Immediate</urgency>
    <severity>Extreme</severity>
    <certainty>Observed</certainty>
    <senderName>深圳市气象台</senderName>
    <headline>台风红色预警</headline>
    <description>台风红色预警</description>
    <area><areaDesc>罗湖区</areaDesc><geocode><valueName>行政区划</valueName><value>440303</value></geocode></area>
  </info>
</alert>
"#;

fn pasted(id: &str) -> String {
    json!({"text": "市气象台发布台风红色预警", "hazard": "typhoon", "colour": "red", "issuer": "市气象台",
           "identifier": id, "areas": ["440303001"]})
    .to_string()
}

async fn send(caller: &Caller, body: impl Into<Vec<u8>>) -> anlan_testbed::Reply {
    caller.post("/api/v1/signals", body.into()).await
}

#[rstest]
#[tokio::test]
async fn a_cap_message_is_kept_unchanged_and_a_second_delivery_does_nothing(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let officer = bed.officer("duty_officer").await;
    let first = send(&officer, CAP).await;
    assert_eq!((first.status, first.json()["new"].as_bool()), (201, Some(true)), "{}", first.text());
    let again = send(&officer, CAP).await;
    assert_eq!((again.status, again.json()["new"].as_bool()), (200, Some(false)));
    let one = officer.get("/api/v1/signals/44030041600000_20230901120000").await.json();
    assert_eq!(one["original"].as_str().unwrap().trim(), CAP.trim());
}

#[rstest]
#[case::enumeration(CAP.replace("Actual", "Serious"), "status")]
#[case::severity(CAP.replace("Extreme", "Huge"), "severity")]
#[case::no_sender(CAP.replace("  <sender>szqx@example.org</sender>\n", ""), "sender")]
#[case::breaks_off(CAP[..400].to_owned(), "")]
#[case::truncated_json(pasted("x")[..40].to_owned(), "")]
#[case::no_text(json!({"text": " ", "issuer": "市气象台"}).to_string(), "text")]
#[case::unknown_colour(pasted("x").replace("red", "pink"), "colour")]
#[case::unknown_action(pasted("x").replace("\"text\"", "\"action\":\"shout\",\"text\""), "action")]
#[case::unknown_area(pasted("x").replace("440303001", "somewhere"), "areas")]
#[case::unknown_field(pasted("x").replace("\"text\"", "\"texts\":1,\"text\""), "")]
#[tokio::test]
async fn a_signal_that_cannot_be_read_is_refused_with_its_place_and_kept(#[case] body: String, #[case] field: &str) {
    let bed = Bed::new(Engine::Sqlite).await;
    let (officer, admin) = (bed.officer("duty_officer").await, bed.officer("system_admin").await);
    let zh = send(&officer, body.clone()).await;
    let en = send(&officer.in_english(), body.clone()).await;
    assert_eq!((zh.status, en.status), (422, 422), "{}", zh.text());
    let (zh, en) = (zh.json(), en.json());
    let placed = ["field", "line", "column", "byte"].iter().any(|it| !zh[*it].is_null());
    assert!(placed && zh["field"].as_str().unwrap_or_default().contains(field), "{zh}");
    assert!(is_chinese(zh["detail"].as_str().unwrap()) && zh["detail"] != en["detail"], "{zh} {en}");
    let kept = bed.rejected(&admin).await;
    assert_eq!((kept.len(), kept[0]["raw"].as_str()), (1, Some(body.as_str())), "once, as it came");
    assert_eq!(officer.get("/api/v1/signals").await.json()["items"], json!([]));
}

#[rstest]
#[tokio::test]
async fn a_signal_that_is_no_text_is_refused_with_its_byte(#[values(Engine::Sqlite)] engine: Engine) {
    let bed = Bed::new(engine).await;
    let officer = bed.officer("duty_officer").await;
    let answer = send(&officer, b"{\"text\":\"\xc1\xfa\"}".to_vec()).await;
    assert_eq!((answer.refusal(), answer.json()["byte"].as_u64()), ((422, "not_utf8".to_owned()), Some(9)));
}

#[rstest]
#[tokio::test]
async fn a_signal_is_handled_by_our_id_or_by_its_issuers_number(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values("acknowledge", "forward")] what: &str,
) {
    let bed = Bed::new(engine).await;
    let officer = bed.officer("duty_officer").await;
    let street = Caller::officer(&bed.app, &bed.world, "street_officer", "440303002").await;
    let id = send(&officer, pasted("gd-1")).await.json()["id"].as_str().unwrap().to_owned();
    send(&officer, pasted("gd-2")).await;
    let (by, when) = match what {
        "acknowledge" => ("acknowledged_by", "acknowledged_at"),
        _ => ("forwarded_by", "forwarded_at"),
    };
    assert_eq!(street.post(&format!("/api/v1/signals/gd-1/{what}"), "").await.status, 404, "another street's");
    let first = officer.post(&format!("/api/v1/signals/gd-1/{what}"), "").await;
    assert_eq!((first.status, first.json()[by].as_str()), (200, Some("user:duty-officer-440303")), "{}", first.text());
    let leader = bed.officer("duty_leader").await;
    let again = leader.post(&format!("/api/v1/signals/{id}/{what}"), "").await.json();
    assert_eq!((&again["id"], &again[by], &again[when]), (&first.json()["id"], &first.json()[by], &first.json()[when]));
    let other = officer.get("/api/v1/signals/gd-2").await.json();
    assert!(other[when].is_null(), "the other one is as it was");
    assert_eq!(officer.post(&format!("/api/v1/signals/none/{what}"), "").await.refusal(), (404, "not_found".into()));
    let page =
        officer.send(Method::POST, &format!("/signals/gd-2/{what}"), "application/x-www-form-urlencoded", "").await;
    assert_eq!(page.status, 303, "{}", page.text());
    assert!(officer.get("/api/v1/signals/gd-2").await.json()[when].is_string());
}

/// Words without number, with some fields said otherwise.
fn words(change: Json) -> String {
    let mut body = json!({"text": "市气象台发布台风红色预警", "hazard": "typhoon", "colour": "red", "issuer": "市气象台",
                          "areas": ["440303001"]});
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    body.to_string()
}

#[rstest]
#[case::at_once(0, json!({}), json!({}), false)]
#[case::within_the_time(REPEATED_WITHIN.as_secs(), json!({}), json!({}), false)]
#[case::after_the_time(REPEATED_WITHIN.as_secs() + 1, json!({}), json!({}), true)]
#[case::no_longer_in_force(3_600, json!({"expires_at": "2023-09-01T12:30:00+08:00"}), json!({"expires_at": "2023-09-01T13:30:00+08:00"}), true)]
#[case::issued_at_the_same_time(86_400, json!({"issued_at": "2023-09-01T11:50:00+08:00"}), json!({"issued_at": "2023-09-01T11:50:00+08:00"}), false)]
#[case::issued_anew(60, json!({"issued_at": "2023-09-01T11:50:00+08:00"}), json!({"issued_at": "2023-09-01T12:00:30+08:00"}), true)]
#[case::for_another_street(60, json!({}), json!({"areas": ["440303002"]}), true)]
#[case::in_another_colour(60, json!({}), json!({"colour": "orange"}), true)]
#[tokio::test]
async fn the_same_words_again_are_one_delivery_only_while_they_say_nothing_new(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[case] seconds: u64,
    #[case] first: Json,
    #[case] second: Json,
    #[case] new: bool,
) {
    let bed = Bed::new(engine).await;
    let officer = bed.officer("duty_officer").await;
    let one = send(&officer, words(first)).await;
    assert_eq!(one.status, 201, "{}", one.text());
    bed.world.clock().move_to(NOON.plus(Duration::from_secs(seconds)));
    let other = send(&officer, words(second)).await;
    assert_eq!(other.json()["new"], new, "{}", other.text());
    assert_eq!(one.json()["id"] != other.json()["id"], new);
}

#[rstest]
#[tokio::test]
async fn words_that_were_lifted_hold_again_when_they_come_again(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let officer = bed.officer("duty_officer").await;
    let lift = || words(json!({"text": "市气象台解除台风红色预警", "action": "lift"}));
    let mut news = Vec::new();
    for (minute, body) in [(0, words(json!({}))), (1, lift()), (2, lift()), (3, words(json!({}))), (4, lift())] {
        bed.world.clock().move_to(NOON.plus(Duration::from_secs(minute * 60)));
        news.push(send(&officer, body).await.json()["new"].as_bool().unwrap());
    }
    assert_eq!(news, [true, true, false, true, true], "an all-clear that lifts nothing is none");
    let list = officer.get("/api/v1/signals").await.json();
    let states: Vec<_> = list["items"].as_array().unwrap().iter().map(|it| it["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["lifted"; 4]);
}

/// A message of the kind that refers to [`CAP`] and has no words of its own.
fn bare(kind: &str, sender: &str) -> String {
    let head = CAP.split("  <info>").next().unwrap();
    let head =
        head.replace("44030041600000_20230901120000", "bare").replace("<msgType>Alert", &format!("<msgType>{kind}"));
    let head = head.replace("<sender>szqx@example.org", &format!("<sender>{sender}"));
    let refers = "szqx@example.org,44030041600000_20230901120000,2023-09-01T11:59:00+08:00";
    format!("{}  <references>{refers}</references>\n</alert>\n", head.replace("11:59:00", "13:00:00"))
}

#[rstest]
#[tokio::test]
async fn a_cancel_without_words_lifts_what_it_refers_to_and_says_what_that_said(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let officer = bed.officer("duty_officer").await;
    let alert = send(&officer, CAP).await.json();
    let foreign = send(&officer, bare("Cancel", "somebody@example.org")).await;
    assert_eq!(foreign.status, 201, "{}", foreign.text());
    let standing = officer.get("/api/v1/signals/44030041600000_20230901120000").await.json();
    assert_eq!(standing["state"], "in_force", "another sender lifts nothing");
    let cancel = send(&officer, bare("Cancel", "szqx@example.org")).await.json();
    for field in ["issuer", "hazard", "hazard_zh", "colour", "areas", "region"] {
        assert_eq!(cancel[field], alert[field], "{field}");
    }
    assert_eq!((&cancel["action"], &cancel["title"]), (&"cancel".into(), &"解除：台风红色预警".into()));
    let lifted = officer.get("/api/v1/signals/44030041600000_20230901120000").await.json();
    assert_eq!(lifted["state"], "lifted");
}

#[rstest]
#[tokio::test]
async fn a_cancel_without_words_that_came_first_lifts_what_comes_later(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let officer = bed.officer("duty_officer").await;
    assert_eq!(send(&officer, bare("Cancel", "szqx@example.org")).await.status, 201);
    assert_eq!(send(&officer, CAP).await.json()["state"], "lifted");
}

#[rstest]
#[tokio::test]
async fn a_signal_that_stands_in_another_street_is_not_taken_a_second_time(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let one = Caller::officer(&bed.app, &bed.world, "street_officer", "440303001").await;
    let other = Caller::officer(&bed.app, &bed.world, "street_officer", "440303002").await;
    assert_eq!(send(&one, pasted("gd-1")).await.status, 201);
    let elsewhere = send(&other, pasted("gd-1").replace("440303001", "440303002")).await;
    assert_eq!(elsewhere.refusal(), (403, "out_of_scope".to_owned()));
    assert_eq!(other.get("/api/v1/signals").await.json()["items"], json!([]));
}

#[rstest]
#[case::of_a_duty_officer("duty_officer", "440303", "", json!(["440303"]))]
#[case::of_a_street("street_officer", "440303002", "", json!(["440303002"]))]
#[case::said_beside("duty_officer", "440303", "?areas=440303001,440303002", json!(["440303001", "440303002"]))]
#[case::of_a_machine("integrator", "440303", "", json!([]))]
#[case::of_a_machine_said_beside("integrator", "440303", "?areas=440303001", json!(["440303001"]))]
#[tokio::test]
async fn bare_words_of_a_person_are_for_the_own_duty_area(
    #[case] role: &str,
    #[case] region: &str,
    #[case] query: &str,
    #[case] areas: Json,
) {
    let bed = Bed::new(Engine::Sqlite).await;
    let caller = Caller::officer(&bed.app, &bed.world, role, region).await;
    let text = "深圳市气象台9月1日11时55分发布台风红色预警信号";
    let taken = caller.post(&format!("/api/v1/signals{query}"), text).await;
    assert_eq!((taken.status, &taken.json()["areas"]), (201, &areas), "{}", taken.text());
}

#[rstest]
#[tokio::test]
async fn a_signal_in_fields_without_areas_is_one_of_upstream(#[values("duty_officer", "integrator")] role: &str) {
    let bed = Bed::new(Engine::Sqlite).await;
    let taken = bed.officer(role).await.post("/api/v1/signals", words(json!({"areas": []}))).await;
    assert_eq!((taken.status, &taken.json()["areas"]), (201, &json!([])), "{}", taken.text());
}
