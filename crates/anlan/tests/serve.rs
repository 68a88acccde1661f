//! `anlan serve` from the outside: the first start, two writers, backup, doctor, and a power cut.

mod common;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::Stdio,
};

use anlan_simulator::{Carrier, carrier::VoicePeople};
use common::{
    anlan, run,
    server::{
        Bureau, Desk, NOBODY, Server, account, import, offer_code, quick_carrier, quick_pack, serve, sign_in, verb,
        wait,
    },
    small_story, stderr, stdout,
};
use reqwest::Method;
use serde_json::{Value as Json, json};

#[test]
fn the_first_administrator_comes_from_the_printed_code_and_the_code_works_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("data");
    let mut server = Server::start(&mut serve(&data));
    let code = server.code.clone().expect("the code of the first start");
    assert_eq!(offer_code(&server.url, "0000-0000-0000-0000", "first"), 400, "another code opens nothing");
    assert_eq!(offer_code(&server.url, &code, "first"), 303);
    assert_eq!(offer_code(&server.url, &code, "second"), 400, "it is used up");
    sign_in(&server.url, "first").get("/api/v1/accounts");

    server.kill();
    let server = Server::start(&mut serve(&data));
    assert_eq!(server.code, None, "there is an administrator");
    sign_in(&server.url, "first").get("/api/v1/accounts");
}

#[test]
fn other_verbs_go_through_the_running_server_and_a_second_writer_is_refused_in_words() {
    let dir = tempfile::tempdir().expect("a folder");
    let (data, story) = (dir.path().join("data"), small_story(dir.path()));
    let server = Server::start(&mut serve(&data));
    for kind in ["regions", "organisations"] {
        import(&data, &story, kind);
    }
    let people = import(&data, &story, "people");
    assert!(stdout(&people).contains("新增"), "{}", stdout(&people));
    let again = import(&data, &story, "people");
    assert!(stdout(&again).contains("新增 0，更新 0"), "{}", stdout(&again));

    for (lang, words) in [("zh", "另一个 anlan 进程正在使用"), ("en", "another anlan process uses")] {
        let backup = dir.path().join("none.anlan");
        let restore = ["restore", backup.to_str().expect("a path"), "--lang", lang];
        for refused in [run(serve(&data).args(["--lang", lang])), verb(&data, &restore)] {
            assert_eq!(refused.status.code(), Some(2));
            assert!(stderr(&refused).contains(words), "{}", stderr(&refused));
        }
    }
    drop(server);
    let alone = import(&data, &story, "people");
    assert!(stdout(&alone).contains("新增 0，更新 0"), "what went through the server is there: {}", stdout(&alone));
}

#[test]
fn a_backup_taken_while_running_restores_elsewhere_sound_and_equal() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("data");
    let server = Server::start(&mut serve(&data));
    Bureau::found(&server, &data, server.code.as_deref().expect("the code of the first start"));
    let story = dir.path().join("small");
    import(&data, &story, "stations");
    import(&data, &story, "observations");

    let backup = dir.path().join("night.anlan");
    let taken = verb(&data, &["backup", backup.to_str().expect("a path")]);
    assert!(taken.status.success(), "{}", stderr(&taken));
    let fresh = dir.path().join("elsewhere");
    let key = dir.path().join("data.key");
    let there = |words: &[&str]| run(anlan().args(words).arg("--key-file").arg(&key).arg("--data").arg(&fresh));
    let restored = there(&["restore", backup.to_str().expect("a path")]);
    assert!(restored.status.success(), "{}{}", stdout(&restored), stderr(&restored));
    let verified = there(&["verify"]);
    assert!(verified.status.success(), "{}{}", stdout(&verified), stderr(&verified));

    let lists = |words: &dyn Fn(&[&str]) -> std::process::Output| {
        let file = dir.path().join("people.csv");
        let exported = words(&["export", "people", file.to_str().expect("a path")]);
        assert!(exported.status.success(), "{}", stderr(&exported));
        let accounts = words(&["user", "list", "--json"]);
        (fs::read_to_string(file).expect("the people"), stdout(&accounts))
    };
    let here = lists(&|words| verb(&data, words));
    assert!(here.0.lines().count() > 50 && here.1.contains("officer"), "{here:?}");
    assert_eq!(lists(&there), here);
    let again = there(&["import", "observations", story.join("observations.csv").to_str().expect("a path")]);
    assert!(stdout(&again).starts_with("新增 0，"), "every reading is there: {}", stdout(&again));
}

#[test]
fn doctor_says_what_it_sees_and_a_reader_who_leaves_does_not_hurt_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("data");
    let nothing = verb(&data, &["doctor"]);
    assert_eq!(nothing.status.code(), Some(1), "there is no world");
    assert!(stdout(&nothing).contains("这里没有数据"), "{}", stdout(&nothing));

    let server = Server::start(&mut serve(&data));
    let code = server.code.as_deref().expect("the code of the first start");
    assert_eq!(offer_code(&server.url, code, "first"), 303);
    let looks = common::server::until("a head that is signed", || {
        let seen = verb(&data, &["doctor", "--json"]);
        let looks: Json = serde_json::from_str(&stdout(&seen)).expect("what it saw");
        let looks = looks.as_array().expect("a list").clone();
        let all = looks.iter().all(|it| it["fine"] == true);
        assert_eq!(seen.status.code(), Some(i32::from(!all)), "{looks:?}");
        looks.iter().any(|it| it["name"] == "heads" && it["fine"] == true).then_some(looks)
    });
    for name in ["clock", "key", "store", "backlog"] {
        assert!(looks.iter().any(|it| it["name"] == name && it["fine"] == true), "{name}: {looks:?}");
    }

    let mut leaving =
        anlan().args(["doctor", "--data"]).arg(&data).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = leaving.as_mut().expect("it starts");
    drop(child.stdout.take());
    let left = leaving.expect("it started").wait_with_output().expect("it ends");
    assert!(left.status.code().is_some_and(|it| it < 2) && !stderr(&left).contains("panicked"), "{}", stderr(&left));
}

#[test]
fn a_demo_whose_reader_leaves_ends_quietly() {
    let dir = tempfile::tempdir().expect("a folder");
    let story = small_story(dir.path());
    let mut demo = anlan();
    demo.args(["demo", "--port", "0", "--exit-when-done", "--data"]).arg(dir.path().join("data"));
    demo.arg("--story").arg(story).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = demo.spawn().expect("it starts");
    let mut first = String::new();
    BufReader::new(child.stdout.take().expect("its words")).read_line(&mut first).expect("a line");
    assert!(first.contains("Anlan"), "{first}");
    let left = child.wait_with_output().expect("it ends");
    assert!(left.status.success() && !stderr(&left).contains("panicked"), "{}", stderr(&left));
}

/// Readings, a signal and an answer, each acknowledged.
fn acknowledged(bureau: &Bureau, device: &Desk, story: &Path, carrier: &str) -> (String, String) {
    let taken = wait(device.send(Method::POST, "/api/v1/observations", "application/x-ndjson", readings()));
    assert_eq!(taken.0, 200, "{taken:?}");
    let answer: Json = serde_json::from_str(&taken.2).expect("JSON");
    assert_eq!((answer["taken"].as_i64(), answer["duplicates"].as_i64()), (Some(100), Some(0)), "{answer}");
    bureau.connect(carrier);
    bureau.alert(story);
    let round = bureau.round();
    let path = format!("/api/v1/calls?open=1&round={}", round["id"].as_str().expect("an id").replace('#', "%23"));
    let calls = bureau.officer.get(&path);
    let call = calls["items"][0]["id"].as_str().expect("a call").replace('/', "%2F").replace('#', "%23");
    bureau.officer.does(&format!("/api/v1/calls/{call}/answer"), &json!({"digit": 1}));
    (call, round["id"].as_str().expect("an id").to_owned())
}

/// A hundred readings of one station.
fn readings() -> String {
    let now = anlan_store::real_now();
    let line = |i: u32| {
        let at = now.minus(std::time::Duration::from_secs(3_600 - u64::from(i))).to_rfc3339_shanghai();
        json!({"observed_at": at, "station_id": "central-pier", "quantity": "wind_speed", "value": i, "unit": "km/h"})
    };
    (0..100).map(|i| line(i).to_string() + "\n").collect()
}

#[test]
fn a_kill_right_after_the_acknowledgement_loses_neither_reading_nor_signal_nor_answer() {
    let dir = tempfile::tempdir().expect("a folder");
    let (data, packs) = (dir.path().join("data"), quick_pack(dir.path()));
    let start = || {
        let mut command = serve(&data);
        Server::start(command.arg("--packs").arg(&packs).args(["--district", "440303"]))
    };
    let mut server = start();
    let bureau = Bureau::found(&server, &data, server.code.as_deref().expect("the code of the first start"));
    let story = dir.path().join("small");
    import(&data, &story, "stations");
    let device = bureau.security.does("/api/v1/devices", &json!({"id": "pier", "stations": ["central-pier"]}));
    let device = Desk::bearer(&server.url, device["secret"].as_str().expect("a secret"));
    // Everybody lets it ring for a minute: a call ends by the desk's answer only.
    let config = quick_carrier(VoicePeople { never: 1, ..NOBODY }, 60_000);
    let carrier = wait(Carrier::start(config)).expect("the carrier starts");
    let (call, round) = acknowledged(&bureau, &device, &story, carrier.url());
    server.kill();

    let server = start();
    let (bureau, device) = (bureau.at(&server.url), device.at(&server.url));
    let stations = bureau.officer.get("/api/v1/stations?limit=200");
    let pier = stations["items"].as_array().expect("stations").iter().find(|it| it["id"] == "central-pier");
    let value = pier.map(|it| it["readings"][0]["value"].clone());
    assert_eq!(value, Some(json!("99")), "the last reading is there: {pier:?}");
    let again = wait(device.send(Method::POST, "/api/v1/observations", "application/x-ndjson", String::new()));
    assert_eq!(again.0, 200, "the device's credential holds: {again:?}");
    let signals = bureau.officer.get("/api/v1/signals");
    assert!(signals["items"].as_array().is_some_and(|it| it.iter().any(|it| it["identifier"] == "demo-saola-red")));
    let answered = bureau.officer.get(&format!("/api/v1/calls/{call}"));
    assert_eq!(answered["call"]["state"], "answered", "{answered}");
    assert_eq!(bureau.round()["id"], round.as_str(), "no second round was opened");
    let (status, problem) = bureau.officer.post(&format!("/api/v1/calls/{call}/answer"), &json!({"digit": 2}));
    assert_eq!((status, problem["code"].as_str()), (409, Some("call_is_final")), "{problem}");
}

#[test]
fn health_and_metrics_are_open_to_the_machine_that_watches() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(&mut serve(&dir.path().join("data")));
    let watcher = Desk::stranger(&server.url);
    let health = watcher.get("/healthz");
    assert_eq!((health["status"].as_str(), health["world"].as_str()), (Some("ok"), Some("real")), "{health}");
    let metrics = watcher.text("/metrics");
    for name in
        ["anlan_journal_sealed_position", "anlan_journal_unsealed", "anlan_deadlines_overdue", "anlan_clock_held"]
    {
        assert!(metrics.contains(&format!("{name}{{world=\"real\"}} ")), "{name}: {metrics}");
    }
    let (status, _) = watcher.post("/api/v1/signals", &json!({}));
    assert_eq!(status, 401, "everything else asks who it is");
    let admin = server.code.as_deref().map(|it| offer_code(&server.url, it, "first"));
    assert_eq!(admin, Some(303));
    let auditor = account(&sign_in(&server.url, "first"), "auditor", "audit_admin", &[]);
    assert_eq!(auditor.post("/api/v1/signals", &json!({})).0, 403);
}

#[test]
fn bad_settings_end_with_2_and_words_in_the_language_asked_for() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = dir.path().join("anlan.toml");
    fs::write(&config, "lisen = \"127.0.0.1:0\"\n").expect("written");
    let config = config.to_str().expect("a path").to_owned();
    for (flags, zh, en) in [
        (vec!["--role", "web,cook"], "没有角色“cook”", "there is no role \"cook\""),
        (vec!["--district", "罗湖"], "不是区划代码", "罗湖"),
        (vec!["--mqtt-broker", "http://x"], "MQTT 地址应写作", "write the broker as"),
        (vec!["--config", &config], "lisen", "unknown field"),
        (vec!["--packs", "nowhere"], "nowhere", "nowhere"),
        (vec!["--tls-cert", "cert.pem"], "须同时给出", "one alone makes no TLS"),
        (vec!["--tls-key", "key.pem"], "须同时给出", "one alone makes no TLS"),
    ] {
        for (lang, words) in [("zh", zh), ("en", en)] {
            let refused = run(serve(&dir.path().join("data")).args(&flags).args(["--lang", lang]));
            assert_eq!(refused.status.code(), Some(2), "{flags:?}");
            assert!(stderr(&refused).contains(words), "{flags:?}: {}", stderr(&refused));
        }
    }
}
