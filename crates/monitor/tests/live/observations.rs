//! Whatever a body holds, each wrong item is named and kept, and everything right around it is taken.

use anlan_testbed::{Caller, Engine};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rstest::rstest;
use serde_json::Value as Json;

use crate::bed::{Bed, is_chinese, reading};

const WRONG: [(&str, &[u8], &str, Option<&str>); 17] = [
    ("unknown station", br#"{"station_id":"brigde","quantity":"water_level","value":4,"unit":"m","observed_at":"2023-09-01T12:00:00+08:00"}"#, "unknown_station", Some("station_id")),
    ("unknown quantity", br#"{"station_id":"bridge","quantity":"waterlevel","value":4,"unit":"m","observed_at":"2023-09-01T12:00:00+08:00"}"#, "unknown_quantity", Some("quantity")),
    ("wrong unit", br#"{"station_id":"bridge","quantity":"water_level","value":4,"unit":"degC","observed_at":"2023-09-01T12:00:00+08:00"}"#, "unknown_unit", Some("unit")),
    ("no unit", br#"{"station_id":"bridge","quantity":"water_level","value":4,"observed_at":"2023-09-01T12:00:00+08:00"}"#, "unknown_unit", Some("unit")),
    ("a clock a day ahead", br#"{"station_id":"bridge","quantity":"water_level","value":4,"unit":"m","observed_at":"2023-09-02T12:00:00+08:00"}"#, "bad_clock", Some("observed_at")),
    ("received before it was made", br#"{"station_id":"bridge","quantity":"water_level","value":4,"unit":"m","observed_at":"2023-09-01T11:00:00+08:00","received_at":"2023-09-01T10:00:00+08:00"}"#, "bad_clock", Some("observed_at")),
    ("NaN", br#"{"station_id":"bridge","quantity":"water_level","value":NaN,"unit":"m","observed_at":"2023-09-01T12:00:00+08:00"}"#, "not_finite", Some("value")),
    ("Infinity", br#"{"station_id":"bridge","quantity":"water_level","value":-Infinity,"unit":"m","observed_at":"2023-09-01T12:00:00+08:00"}"#, "not_finite", Some("value")),
    ("inf as text", br#"{"station_id":"bridge","quantity":"water_level","value":"inf","unit":"m","observed_at":"2023-09-01T12:00:00+08:00"}"#, "not_finite", Some("value")),
    ("words", br#"{"station_id":"bridge","quantity":"water_level","value":"high","unit":"m","observed_at":"2023-09-01T12:00:00+08:00"}"#, "bad_value", Some("value")),
    ("no value", br#"{"station_id":"bridge","quantity":"water_level","unit":"m","observed_at":"2023-09-01T12:00:00+08:00"}"#, "missing_value", Some("value")),
    ("no offset", br#"{"station_id":"bridge","quantity":"water_level","value":4,"unit":"m","observed_at":"2023-09-01T12:00:00"}"#, "bad_time", Some("observed_at")),
    ("quality", br#"{"station_id":"bridge","quantity":"water_level","value":4,"unit":"m","quality":"fine","observed_at":"2023-09-01T12:00:00+08:00"}"#, "bad_quality", Some("quality")),
    ("truncated", br#"{"station_id":"bridge","quantity":"wat"#, "truncated_json", None),
    ("broken UTF-8", b"{\"station_id\":\"bri\xff\xfedge\"}", "not_utf8", None),
    ("GBK", b"{\"station_id\":\"\xc1\xfa\xbd\xad\xc7\xc5\"}", "not_utf8", None),
    ("no reading at all", b"[1,2]", "bad_json", None),
];

/// A wrong line between two right ones.
fn between(line: &[u8]) -> Vec<u8> {
    let (first, last) = (reading("bridge", 0, 4.0).to_string(), reading("bridge", 60, 4.1).to_string());
    [first.as_bytes(), line, last.as_bytes()].join(&b'\n')
}

async fn post(caller: &Caller, body: Vec<u8>) -> Json {
    let answer = caller.post("/api/v1/observations", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// The input as it was kept.
fn raw(kept: &Json) -> Vec<u8> {
    let raw = kept["raw"].as_str().unwrap();
    if kept["base64"] == true { STANDARD.decode(raw).unwrap() } else { raw.as_bytes().to_vec() }
}

#[rstest]
#[tokio::test]
async fn a_wrong_item_is_named_and_kept_and_its_neighbours_are_taken(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let (device, admin) = (bed.device("gauge", &["bridge", "brigde"]).await, bed.officer("system_admin").await);
    for (i, (what, line, code, field)) in WRONG.into_iter().enumerate() {
        let answer = post(&device, between(line)).await;
        let (taken, duplicates) = if i == 0 { (2, 0) } else { (0, 2) };
        assert_eq!((&answer["taken"], &answer["duplicates"]), (&taken.into(), &duplicates.into()), "{what}");
        let [refused] = answer["refused"].as_array().unwrap().as_slice() else { panic!("{what}: {answer}") };
        assert_eq!((&refused["index"], &refused["code"]), (&1.into(), &code.into()), "{what}: {refused}");
        assert_eq!(refused["field"].as_str(), field, "{what}");
        assert!(field.is_some() || refused["byte"].is_u64(), "{what}: the byte is named: {refused}");
        assert!(is_chinese(refused["message"].as_str().unwrap()), "{what}");
        let english = post(&device.in_english(), between(line)).await;
        let words = english["refused"][0]["message"].as_str().unwrap();
        assert_ne!(words, refused["message"].as_str().unwrap(), "{what}");
        let kept = bed.rejected(&admin).await;
        let kept = kept.iter().find(|it| raw(it) == line).unwrap_or_else(|| panic!("{what} is kept: {kept:?}"));
        assert_eq!((&kept["problem"]["code"], &kept["source"]), (&code.into(), &"device:gauge http".into()));
    }
    assert_eq!(bed.rejected(&admin).await.len(), WRONG.len(), "the same fault again is kept once");
    assert_eq!(bed.monitor.readings().unwrap(), 2);
}

#[rstest]
#[tokio::test]
async fn gbk_is_recognized_and_its_byte_named(#[values(Engine::Sqlite)] engine: Engine) {
    let bed = Bed::new(engine).await;
    let device = bed.device("gauge", &["bridge"]).await;
    let answer = post(&device, b"{\"station_id\":\"\xc1\xfa\xbd\xad\xc7\xc5\"}".to_vec()).await;
    assert_eq!(answer["refused"][0]["byte"], 15);
    assert!(answer["refused"][0]["message"].as_str().unwrap().contains("GBK"));
}

#[rstest]
#[tokio::test]
async fn a_line_of_ten_megabytes_is_refused_by_itself(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::new(engine).await;
    let (device, admin) = (bed.device("gauge", &["bridge"]).await, bed.officer("system_admin").await);
    let answer = post(&device, between(&vec![b'9'; 10_000_000])).await;
    assert_eq!((&answer["taken"], &answer["refused"][0]["code"]), (&2.into(), &"line_too_long".into()));
    let kept = bed.rejected(&admin).await;
    assert_eq!((kept.len(), &kept[0]["bytes"]), (1, &10_000_000.into()), "how long it was is known");
    assert_eq!(kept[0]["raw"].as_str().unwrap().len(), 64 * 1024, "the beginning is kept");
}

#[rstest]
#[tokio::test]
async fn an_array_that_breaks_off_loses_its_last_item_only(#[values(Engine::Sqlite)] engine: Engine) {
    let bed = Bed::new(engine).await;
    let device = bed.device("gauge", &["bridge"]).await;
    let body = format!("[{},\n{},{{\"station_id\":\"br", reading("bridge", 0, 4.0), reading("bridge", 60, 4.0));
    let answer = post(&device, body.into_bytes()).await;
    assert_eq!((&answer["taken"], &answer["refused"][0]["code"]), (&2.into(), &"truncated_json".into()));
    assert_eq!((&answer["refused"][0]["index"], &answer["refused"][0]["line"]), (&2.into(), &2.into()));
}

#[rstest]
#[tokio::test]
async fn a_device_speaks_for_its_own_stations_only(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::new(engine).await;
    let (device, admin) = (bed.device("gauge", &["bri*"]).await, bed.officer("system_admin").await);
    let body = format!("{}\n{}", reading("bridge", 0, 4.0), reading("hill", 0, 4.0));
    let answer = post(&device, body.into_bytes()).await;
    assert_eq!((&answer["taken"], &answer["refused"][0]["code"]), (&1.into(), &"foreign_station".into()));
    assert_eq!(bed.rejected(&admin).await[0]["problem"]["code"], "foreign_station");
    assert_eq!(Caller::stranger(&bed.app).post("/api/v1/observations", "[]").await.status, 401);
    let officer = bed.officer("duty_officer").await;
    assert_eq!(officer.post("/api/v1/observations", "[]").await.status, 403);
}

#[rstest]
#[tokio::test]
async fn what_came_before_is_a_duplicate_also_after_a_restart(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let mut bed = Bed::new(engine).await;
    let body = format!("{}\n{}", reading("bridge", 0, 4.0), reading("bridge", 60, 4.0));
    assert_eq!(post(&bed.device("gauge", &["bridge"]).await, body.clone().into_bytes()).await["taken"], 2);
    bed.restart().await;
    let answer = post(&bed.device("gauge", &["bridge"]).await, body.into_bytes()).await;
    assert_eq!((&answer["taken"], &answer["duplicates"]), (&0.into(), &2.into()));
    assert_eq!(bed.monitor.readings().unwrap(), 2);
}
