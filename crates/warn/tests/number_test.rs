//! Test rounds: real telephones ring, those on the list only, and nothing of it is a real figure.

mod night;

use std::collections::BTreeMap;

use anlan_register::Rank;
use anlan_store::journal;
use anlan_testbed::Engine;
use anlan_warn::ladder::Plan;
use night::{DISTRICT, Night, PLAN, Roster, Setting, at, caller::Caller, long};
use rstest::rstest;
use serde_json::{Value as Json, json};

const TEST: &str = r#"
[test]
ladder = "test"
voice = { zh = "这是号码测试，听到请按1。", en = "A number test, press 1." }
sms = { zh = "这是号码测试，收到请回复1。", en = "A number test, reply 1." }
[[ladder]]
id = "test"
title = { zh = "测试", en = "test" }
answered_by = "heard"
first = "voice"
[[ladder.step]]
id = "voice"
do = "voice"
limit = "2m"
then = "sms"
[[ladder.step]]
id = "sms"
do = "sms"
limit = "5m"
then = "not_reached"
"#;
const PASSWORD: &str = "a long enough passphrase 7";

/// A lead who answers, a deputy who says no, one who is silent, one in danger, one without a number.
async fn bed(engine: Engine) -> Night {
    let setting = Setting::on(engine)
        .phone(&long("21"), "answers:1")
        .phone(&long("22"), "answers:2")
        .phone(&long("23"), "never; sms-none")
        .phone(&long("24"), "answers:3");
    let night = setting.begin().await;
    let roster = Roster::rooms()
        .person("lead", "440303001001", Rank::Lead, Some("21"))
        .person("deputy", "440303001001", Rank::DeputyA, Some("22"))
        .person("silent", "440303001002", Rank::Lead, Some("23"))
        .person("danger", "440303002001", Rank::Lead, Some("24"))
        .person("none", "440303002001", Rank::Member, None);
    night.roster(roster).await;
    night.warn.set_plan(Plan::read("test@2", &format!("{PLAN}{TEST}")).expect("the plan is good"));
    night
}

fn ends(view: &Json) -> BTreeMap<&str, &str> {
    let each = view["outcomes"].as_array().unwrap().iter();
    each.map(|it| (it["callee"].as_str().unwrap(), it["state"].as_str().unwrap())).collect()
}

#[rstest]
#[tokio::test]
async fn those_who_are_ticked_and_nobody_else_ring_and_each_ends_in_one_state(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = bed(engine).await;
    let keeper = Caller::with(&night, "register_keeper", Some(DISTRICT)).await;
    let ticked = ["person:lead", "person:deputy", "person:silent", "person:danger", "person:none"];
    let (status, begun) = keeper.post("/api/v1/tests", json!({"callees": ticked})).await;
    assert_eq!(status, 201, "{begun}");
    let id = begun["id"].as_str().unwrap();
    night.to_the_end().await;

    let (_, view) = keeper.get(&format!("/api/v1/tests/{id}")).await;
    let wanted = [
        ("person:danger", "answered"),
        ("person:deputy", "answered"),
        ("person:lead", "answered"),
        ("person:none", "no_contact"),
        ("person:silent", "not_reached"),
    ];
    assert_eq!(ends(&view), BTreeMap::from(wanted));
    assert_eq!(
        (&view["people"], &view["reached"], &view["open"], &view["state"]),
        (&json!(5), &json!(3), &json!(0), &json!("done"))
    );
    for phone in ["21", "22", "23", "24"] {
        let said = night.words_to(&long(phone));
        assert!(
            !said.is_empty()
                && said.iter().all(|it| it.starts_with("【演练】") && it.ends_with("【演练】") && it.contains("测试")),
            "{said:?}"
        );
    }
    assert_eq!(night.log().items.len(), 5, "four calls and one message: {:?}", night.log().items.keys());
    assert!(night.lists().await.is_empty(), "nobody one level up is told");
    assert!(night.help().await.is_empty(), "no desk rings");

    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    for path in ["/api/v1/rounds", "/api/v1/calls", "/api/v1/processes", "/api/v1/help"] {
        assert_eq!(officer.get(path).await.1["items"], json!([]), "{path} is about the real ones");
    }
    let (status, page) = officer.page(&format!("/tests/{id}")).await;
    assert!(status == 200 && page.contains("【演练】") && page.contains("未叫通") && page.contains("回电"), "{page}");
    assert_eq!(officer.page(&format!("/rounds/{id}")).await.0, 303, "it has a page of its own");
    while journal::seal(&night.world, None).await.unwrap() > 0 {}
    assert!(journal::verify(&night.world, None).await.is_ok());
}

#[rstest]
#[tokio::test]
async fn everybody_needs_a_second_signature_and_the_monthly_test_rings_who_was_not_reached(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = bed(engine).await;
    let keeper = Caller::with(&night, "register_keeper", Some(DISTRICT)).await;
    Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let refused = |it: (u16, Json)| (it.0, it.1["code"].as_str().unwrap_or_default().to_owned());
    let asks = |more: Json| {
        let mut body = json!({"choice": "all"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        keeper.post("/api/v1/tests", body)
    };
    assert_eq!(refused(asks(json!({})).await), (409, "no_second_signature".into()));
    let own = json!({"login": "register-keeper-440303", "password": PASSWORD});
    assert_eq!(refused(asks(own).await).1, "no_second_signature", "not oneself");
    assert_eq!(asks(json!({"login": "duty-officer-440303", "password": "wrong"})).await.0, 401);
    let (status, begun) = asks(json!({"login": "duty-officer-440303", "password": PASSWORD})).await;
    assert_eq!(
        (status, &begun["people"], &begun["signed_by"]),
        (201, &json!(5), &json!("user:duty-officer-440303")),
        "{begun}"
    );
    assert_eq!(
        refused(asks(json!({"login": "duty-officer-440303", "password": PASSWORD})).await),
        (409, "a_round_runs".into())
    );
    night.to_the_end().await;

    night.until(at(40 * 86_400)).await;
    let body = json!({"choice": "unreached", "login": "duty-officer-440303", "password": PASSWORD});
    let (_, month) = keeper.post("/api/v1/tests", body).await;
    assert_eq!(month["people"], 2, "only whom no call reached since: {month}");
    night.to_the_end().await;
    let (_, all) = keeper.get("/api/v1/tests").await;
    assert_eq!(all["items"].as_array().unwrap().len(), 2);
}

#[rstest]
#[case::nobody("register_keeper", DISTRICT, json!({}), 409, "nobody_chosen")]
#[case::a_stranger("register_keeper", DISTRICT, json!({"callees": ["person:nobody"]}), 409, "not_in_register")]
#[case::of_another_street("register_keeper", "440303002", json!({"callees": ["person:lead"]}), 409, "not_in_register")]
#[case::a_room("register_keeper", DISTRICT, json!({"callees": ["room:bureau"]}), 409, "nobody_chosen")]
#[tokio::test]
async fn who_may_not_be_rung_is_refused(
    #[case] role: &str,
    #[case] region: &str,
    #[case] asked: Json,
    #[case] status: u16,
    #[case] code: &str,
) {
    let night = bed(Engine::Sqlite).await;
    let caller = Caller::with(&night, role, Some(region)).await;
    let (found, answer) = caller.post("/api/v1/tests", asked).await;
    assert_eq!((found, answer["code"].as_str().unwrap_or_default()), (status, code), "{answer}");
    assert!(night.log().items.is_empty());
}

#[tokio::test]
async fn a_test_waits_while_a_real_round_runs_and_can_be_stopped() {
    let night = bed(Engine::Sqlite).await;
    let keeper = Caller::with(&night, "register_keeper", Some(DISTRICT)).await;
    let asked = json!({"callees": ["person:silent"]});
    let (_, begun) = keeper.post("/api/v1/tests", asked.clone()).await;
    let id = begun["id"].as_str().unwrap();
    night.settle().await;
    assert_eq!(keeper.form(&format!("/tests/{id}/stop"), json!({})).await.0, 303);
    let (_, view) = keeper.get(&format!("/api/v1/tests/{id}")).await;
    assert_eq!((&view["state"], ends(&view)), (&json!("stopped"), BTreeMap::from([("person:silent", "cancelled")])));
    night.red().await;
    assert_eq!(keeper.post("/api/v1/tests", asked).await.1["code"], "a_round_runs");
    assert_eq!(keeper.get("/api/v1/tests/test-20000101-440303").await.0, 404);
}

#[tokio::test]
async fn the_page_offers_people_with_masked_numbers() {
    let night = bed(Engine::Sqlite).await;
    let keeper = Caller::with(&night, "register_keeper", Some(DISTRICT)).await;
    let (status, page) = keeper.page("/tests/new").await;
    assert!(
        status == 200 && page.contains("人员lead") && page.contains("138****0021") && !page.contains(&long("21")),
        "{page}"
    );
    let (status, page) = keeper.form("/tests", json!({"choice": "all"})).await;
    assert!(status == 409 && page.contains("第二人签字"), "{page}");
    let (status, to) = keeper.moved("/tests", json!({"choice": "chosen", "callee": "person:lead"})).await;
    assert!(status == 303 && to.starts_with("/tests/test-"), "{to}");
}

#[rstest]
#[case::no_such_ladder(r#"ladder = "none""#, "unknown_ladder")]
#[case::up_the_ladder(r#"ladder = "key""#, "bad_test")]
#[case::words_that_do_not_say_so(r#"ladder = "test""#, "bad_test")]
fn a_plan_whose_test_is_wrong_does_not_load(#[case] ladder: &str, #[case] code: &str) {
    let words = if code == "bad_test" && ladder.contains("test") {
        ("请立即到岗", "请立即到岗")
    } else {
        ("测试", "测试")
    };
    let bad = TEST
        .replace(r#"ladder = "test""#, ladder)
        .replace("这是号码测试，听到请按1。", words.0)
        .replace("这是号码测试，收到请回复1。", words.1);
    let problems = Plan::read("test@3", &format!("{PLAN}{bad}")).unwrap_err();
    assert_eq!(problems[0].code, code, "{problems:?}");
}
