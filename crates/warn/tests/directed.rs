//! Directed rounds: a list somebody put together, called with the words they wrote.

mod night;

use std::collections::{BTreeMap, BTreeSet};

use anlan_kernel::Actor;
use anlan_register::{Person, Rank, audiences};
use anlan_store::{Urgency, journal};
use anlan_testbed::Engine;
use night::{DISTRICT, Night, Roster, Setting, caller::Caller, code, long};
use rstest::rstest;
use serde_json::{Value as Json, json};

const WORDS: &str = "请立即到坝上巡查，十分钟内回报";

/// A lead, their deputy, one who is silent, one in danger, one without a number, one whom nobody gave a post.
async fn bed(engine: Engine) -> Night {
    let setting = Setting::on(engine)
        .phone(&long("900"), "answers:1")
        .phone(&long("901"), "answers:1")
        .phone(&long("902"), "answers:1")
        .phone(&long("21"), "answers:2")
        .phone(&long("22"), "answers:1")
        .phone(&long("23"), "never; sms-none")
        .phone(&long("24"), "answers:3")
        .phone(&long("25"), "answers:1")
        .phone(&long("26"), "answers:1");
    let night = setting.begin().await;
    let roster = Roster::rooms()
        .person("lead", "440303001001", Rank::Lead, Some("21"))
        .person("deputy", "440303001001", Rank::DeputyA, Some("22"))
        .person("silent", "440303001002", Rank::Lead, Some("23"))
        .person("danger", "440303002001", Rank::Lead, Some("24"))
        .person("none", "440303002001", Rank::Member, None)
        .person("other", "440303002001", Rank::Member, Some("26"));
    night.roster(roster).await;
    let keeper = Person {
        id: "person:keeper".into(),
        region: code("440303001002"),
        name: Some("人员keeper".into()),
        phone: Some(long("25")),
        spare: None,
        erased_at: None,
    };
    let store = move |tx: &mut anlan_store::Tx<'_>| {
        tx.put(&keeper)?;
        tx.record(anlan_store::Event::new("roster.made", "test"))
    };
    night.world.write("keeper", Urgency::Urgent, &Actor::system("test"), store).await.unwrap();
    night
}

const EVERYBODY: [&str; 7] =
    ["person:lead", "person:silent", "person:danger", "person:none", "person:keeper", "street-1", "person:gone"];

async fn kept(night: &Night, by: &str, callees: &[&str]) -> String {
    let by = Actor { name: format!("user:{by}"), ..Actor::system("test") };
    let callees: BTreeSet<String> = callees.iter().map(|it| (*it).to_owned()).collect();
    audiences::keep(&night.world, &by, "圈选范围", callees).await.unwrap()
}

async fn officer(night: &Night) -> Caller {
    Caller::with(night, "duty_officer", Some(DISTRICT)).await
}

const OFFICER: &str = "duty-officer-440303";

fn order(more: Json) -> Json {
    let mut body = json!({"level": 1, "reason": "水库水位上涨", "words": WORDS});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn ends(calls: &[anlan_warn::Call], round: &str) -> BTreeMap<String, &'static str> {
    calls.iter().filter(|it| it.round == round).map(|it| (it.callee.clone(), it.state.name())).collect()
}

#[rstest]
#[tokio::test]
async fn a_list_without_weather_is_called_with_its_words_and_everybody_ends_in_one_state(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = bed(engine).await;
    let officer = officer(&night).await;
    let id = kept(&night, OFFICER, &EVERYBODY).await;
    let (status, list) = officer.get(&format!("/api/v1/audiences/{id}")).await;
    assert_eq!(status, 200, "{list}");
    let shown = ["people", "unknown", "no_number", "already"].map(|it| list[it].as_i64().unwrap());
    assert_eq!(shown, [6, 1, 1, 0], "one of seven is in no register: {list}");
    assert!(!list.to_string().contains(&long("21")), "numbers are masked");
    let (status, page) = officer.page(&format!("/audiences/{id}")).await;
    for wanted in ["现在还没有叫任何人", "无天气过程 · 其他事由", "F9", "现在就叫应 6 人？", "无可用号码", "没有岗位"]
    {
        assert!(status == 200 && page.contains(wanted), "{wanted}: {page}");
    }
    night.settle().await;
    assert!(night.log().items.is_empty() && night.rounds().await.is_empty(), "nothing is called before");

    let begin = format!("/api/v1/audiences/{id}/call");
    let (status, begun) = officer.post(&begin, order(json!({}))).await;
    assert_eq!((status, &begun["state"]), (201, &json!("running")), "{begun}");
    let round = begun["id"].as_str().unwrap().to_owned();
    let again = officer.post(&begin, order(json!({"reason": "再按一次"}))).await;
    assert_eq!((&again.1["id"], night.rounds().await.len()), (&json!(round), 1), "a double press is one round");
    night.to_the_end().await;

    let calls = night.calls().await;
    let wanted = [
        ("person:danger", "answered"),
        ("person:deputy", "answered"),
        ("person:keeper", "answered"),
        ("person:lead", "answered"),
        ("person:none", "no_contact"),
        ("person:silent", "handed_over"),
        ("room:street-1", "answered"),
    ];
    assert_eq!(ends(&calls, &round), wanted.map(|(who, end)| (who.to_owned(), end)).into(), "deputy for the lead");
    let (_, view) = officer.get(&format!("/api/v1/rounds/{round}")).await;
    let sum: i64 = view["final"].as_object().unwrap().values().filter_map(Json::as_i64).sum();
    assert_eq!((&view["called"], &view["open"], sum, &view["state"]), (&json!(7), &json!(0), 7, &json!("done")));
    let said = night.words_to(&long("21"));
    assert!(said[0].contains(&format!("【区三防办】水库水位上涨。{WORDS}。收到、已到岗，请按1。")), "{said:?}");
    assert!(night.words_to(&long("26")).is_empty(), "not on the list");
    let written = night.words_to(&long("23")).into_iter().find(|it| it.contains("/a/")).unwrap();
    assert!(written.contains(WORDS) && !written.contains("您负责"), "{written}");
    assert_eq!(night.help().await.len(), 1, "the desk rings for key 3");

    let process = night.process().await;
    assert_eq!((process.hazard.as_str(), process.level, process.open), ("directed", None, true));
    let (_, list) = officer.get("/api/v1/processes").await;
    assert_eq!(list["items"][0]["rounds"][0]["id"], json!(round), "it stands among the processes: {list}");
    for (path, wanted) in [
        (format!("/rounds/{round}"), WORDS),
        (format!("/processes/{round}"), "定向叫应"),
        (format!("/processes/{round}/effect"), "叫应效能分析"),
        (format!("/processes/{round}/summary"), "过程总结"),
        (format!("/processes/{round}/evidence/person%3Alead"), "人员lead"),
        (format!("/map?process={round}"), "定向叫应"),
    ] {
        let (status, page) = officer.page(&path).await;
        assert!(status == 200 && page.contains(wanted), "{path} {status}: {page}");
    }
    assert_eq!(officer.page(&format!("/audiences/{id}")).await.0, 303, "a list that is called leads to its round");
    assert_eq!(officer.post(&format!("/api/v1/processes/{round}/raise"), json!({"level": 1})).await.0, 409);
    assert_eq!(officer.post("/api/v1/notices", json!({"process": round})).await.0, 409);
    while journal::seal(&night.world, None).await.unwrap() > 0 {}
    assert!(journal::verify(&night.world, None).await.is_ok());
}

#[rstest]
#[tokio::test]
async fn in_a_weather_process_nobody_is_called_twice_and_its_own_rounds_go_on_as_they_would(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = bed(engine).await;
    let officer = officer(&night).await;
    night.signal("orange", Some("orange"), "发布", &["440303001"]).await;
    night.to_the_end().await;
    let process = night.process().await.id;
    let before = night.calls().await.len();
    let id = kept(&night, OFFICER, &["person:lead", "person:danger", "person:keeper"]).await;
    let (_, page) = officer.page(&format!("/audiences/{id}")).await;
    assert!(page.contains("已叫过") && page.contains("现在就叫应 2 人？"), "the lead was called at level 2: {page}");
    let body = order(json!({"process": process, "level": 2}));
    let (status, begun) = officer.post(&format!("/api/v1/audiences/{id}/call"), body).await;
    assert_eq!(status, 201, "{begun}");
    let directed = begun["id"].as_str().unwrap().to_owned();
    night.to_the_end().await;
    let calls = night.calls().await;
    let wanted = [("person:danger".to_owned(), "answered"), ("person:keeper".to_owned(), "answered")];
    assert_eq!((calls.len() - before, ends(&calls, &directed)), (2, wanted.into()));
    let (_, page) = officer.page(&format!("/rounds/{directed}")).await;
    assert!(page.contains("已在这一过程叫过、未再叫"), "{page}");
    let (_, list) = officer.get("/api/v1/processes").await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "no process of its own: {list}");

    let all = kept(&night, OFFICER, &["person:lead"]).await;
    let body = order(json!({"process": process, "level": 2}));
    assert_eq!(officer.post(&format!("/api/v1/audiences/{all}/call"), body).await.1["code"], "nobody_left");

    night.signal("east", Some("orange"), "发布", &["440303002"]).await;
    night.to_the_end().await;
    let own: Vec<_> = night.rounds().await.into_iter().filter(|it| !it.is_directed()).collect();
    let areas: Vec<_> = own.iter().flat_map(|it| it.areas.clone()).collect();
    assert_eq!(areas, [code("440303001"), code("440303002")], "a list speaks for no area");
    let calls = night.calls().await;
    let danger: Vec<_> = calls.iter().filter(|it| it.callee == "person:danger").collect();
    assert_eq!(danger.len(), 2, "other words: the signal calls whom it would have called without the list");
    night.red().await;
    night.to_the_end().await;
    let state = night.rounds().await.into_iter().find(|it| it.id == directed).unwrap().state;
    assert_eq!(state, anlan_warn::model::RoundState::Done, "a graver round absorbs no list");
}

#[rstest]
#[tokio::test]
async fn a_stopped_list_is_called_on_and_one_can_be_left_out_before(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = bed(engine).await;
    let officer = officer(&night).await;
    let id = kept(&night, OFFICER, &["person:silent", "person:keeper", "person:other"]).await;
    let (status, to) = officer.moved(&format!("/audiences/{id}/leave-out"), json!({"callee": "person:other"})).await;
    assert!(status == 303 && to.starts_with(&format!("/audiences/{id}?")), "{to}");
    let stale = json!({"seen": "3", "level": "1", "process": "", "reason": "a", "words": "b"});
    let (status, page) = officer.form(&format!("/audiences/{id}/call"), stale).await;
    assert!(status == 409 && page.contains("人数有变") && night.rounds().await.is_empty(), "{page}");
    let pressed = json!({"seen": "2", "level": "1", "process": "", "reason": "a", "words": "b"});
    let (status, to) = officer.moved(&format!("/audiences/{id}/call"), pressed).await;
    assert!(status == 303 && to.starts_with("/rounds/directed-"), "{to}");
    night.settle().await;
    let first = night.rounds().await.remove(0);
    assert_eq!(first.region, code("440303001"), "all of them are in one street");
    let stop = json!({"reason": "弄错了"});
    assert_eq!(officer.post(&format!("/api/v1/rounds/{}/stop", first.id), stop).await.0, 200);
    let (status, on) = officer.post(&format!("/api/v1/rounds/{}/resume", first.id), json!({"reason": "没错"})).await;
    assert_eq!(status, 200, "{on}");
    let twice = officer.post(&format!("/api/v1/rounds/{}/resume", first.id), json!({"reason": "没错"})).await;
    assert_eq!(twice.1["code"], "nothing_to_resume", "{}", twice.1);
    night.to_the_end().await;
    let calls = night.calls().await;
    let ended: BTreeSet<_> =
        calls.iter().filter(|it| it.state.name() != "cancelled").map(|it| it.callee.as_str()).collect();
    assert_eq!(ended, BTreeSet::from(["person:keeper", "person:silent"]), "{calls:?}");
    assert!(calls.iter().all(|it| !it.open));
    let left = officer.post(&format!("/api/v1/audiences/{id}/leave-out"), json!({"callee": "person:keeper"})).await;
    assert_eq!(left.1["code"], "called_already");
}

#[rstest]
#[case::no_reason(json!({"reason": " "}), "bad_reason")]
#[case::no_words(json!({"words": ""}), "bad_words")]
#[case::too_long(json!({"words": "长".repeat(300)}), "bad_words")]
#[case::no_such_level(json!({"level": 4}), "bad_level")]
#[case::no_such_ladder(json!({"ladder": "none"}), "bad_ladder")]
#[case::no_such_process(json!({"process": "wp-0"}), "no_such_process")]
#[tokio::test]
async fn what_makes_no_sense_calls_nobody(#[case] more: Json, #[case] code: &str) {
    let night = bed(Engine::Sqlite).await;
    let officer = officer(&night).await;
    let id = kept(&night, OFFICER, &["person:lead"]).await;
    let (status, answer) = officer.post(&format!("/api/v1/audiences/{id}/call"), order(more)).await;
    assert!((400..500).contains(&status) && answer["code"] == code, "{status} {answer}");
    night.settle().await;
    assert!(night.log().items.is_empty() && night.rounds().await.is_empty());
}

#[tokio::test]
async fn a_list_is_for_whoever_made_it_and_holds_only_whom_they_may_see() {
    let night = bed(Engine::Sqlite).await;
    let officer = officer(&night).await;
    let id = kept(&night, "somebody-else", &["person:lead"]).await;
    for path in [format!("/api/v1/audiences/{id}"), "/api/v1/audiences/none".to_owned()] {
        assert_eq!(officer.get(&path).await.0, 404, "{path}");
    }
    assert_eq!(officer.post(&format!("/api/v1/audiences/{id}/call"), order(json!({}))).await.0, 404);
    let street = Caller::with(&night, "duty_officer", Some("440303002")).await;
    let own = kept(&night, "duty-officer-440303002", &["person:lead", "person:danger"]).await;
    let (_, list) = street.get(&format!("/api/v1/audiences/{own}")).await;
    assert_eq!((&list["people"], &list["unknown"]), (&json!(1), &json!(1)), "{list}");
    assert_eq!(street.post(&format!("/api/v1/audiences/{own}/call"), order(json!({}))).await.0, 201);
    night.to_the_end().await;
    assert!(night.words_to(&long("21")).is_empty(), "of another street");
    let viewer = Caller::with(&night, "register_keeper", Some(DISTRICT)).await;
    assert_eq!(viewer.get(&format!("/api/v1/audiences/{own}")).await.0, 403, "without the permission to run rounds");
}
