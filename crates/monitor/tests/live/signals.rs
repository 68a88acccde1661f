//! Signals of other authorities over HTTP: taken, refused, acknowledged, forwarded.

use anlan_testbed::{Caller, Engine};
use axum::http::Method;
use rstest::rstest;
use serde_json::json;

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
