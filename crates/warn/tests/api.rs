//! Call-out over HTTP and on screens, as officers, programs and strangers see it.

mod night;

use anlan_testbed::Engine;
use anlan_warn::CallState;
use anlan_web::percent;
use night::{
    DISTRICT, at,
    caller::{Caller, red},
    long,
};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value as Json, json};

fn sum(counts: &Json) -> i64 {
    let finals: i64 = counts["final"].as_object().unwrap().values().map(|it| it.as_i64().unwrap()).sum();
    finals + counts["open"].as_i64().unwrap()
}

#[rstest]
#[tokio::test]
async fn counts_add_up_at_every_moment_and_for_everybody(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let night = red(engine).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let street = Caller::with(&night, "street_officer", Some("440303001")).await;
    for second in [0, 119, 121, 180, 400, 900] {
        night.until(at(second)).await;
        let (_, rounds) = officer.get("/api/v1/rounds").await;
        let id = rounds["items"][0]["id"].as_str().unwrap().to_owned();
        let (status, counts) = officer.get(&format!("/api/v1/rounds/{id}")).await;
        assert_eq!((status, counts["called"].as_i64().unwrap()), (200, sum(&counts)));
        let called = if second < 120 { 0 } else { 8 };
        assert_eq!(counts["called"], called);
        let (status, own) = street.get(&format!("/api/v1/rounds/{id}")).await;
        match second {
            0..120 => assert_eq!(status, 404, "nobody of the street is called yet"),
            _ => assert_eq!((status, own["called"].as_i64()), (200, Some(4)), "a street counts its own"),
        }
    }
    let (_, then) = officer.get("/api/v1/rounds?at=2023-09-01T12:02:01%2B08:00").await;
    let then = &then["items"][0];
    assert_eq!((then["called"].as_i64().unwrap(), then["open"].as_i64().unwrap()), (8, 8), "nobody had answered then");
}

#[rstest]
#[tokio::test]
async fn officers_act_within_their_permissions_and_areas(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let night = red(engine).await;
    night.until(at(200)).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let street = Caller::with(&night, "street_officer", Some("440303001")).await;
    let east = Caller::with(&night, "street_officer", Some("440303002")).await;
    let round = night.round(1).await.id;
    let lead = percent(&night.call(1, "person:lead").await.id);
    assert_eq!(Caller::stranger(&night).get("/api/v1/calls").await.0, 401);
    assert_eq!(street.post(&format!("/api/v1/rounds/{round}/stop"), json!({})).await.0, 403, "no permission");
    assert_eq!(east.get(&format!("/api/v1/calls/{lead}")).await.0, 404, "another street's people");
    let record = format!("/api/v1/calls/{lead}/record");
    assert_eq!(east.post(&record, json!({"how": "reached_on_site"})).await.0, 404);
    assert_eq!(street.post(&record, json!({"how": "shouted"})).await.1["code"], "bad_how");
    assert_eq!(street.post(&record, json!({"how": "handed_over"})).await.1["code"], "bad_to");
    let (status, story) = street.post(&record, json!({"how": "handed_over", "to": "张三", "note": "在岗"})).await;
    assert_eq!((status, story["call"]["state"].as_str()), (200, Some("handed_over")));
    assert_eq!(story["call"]["note"], "转交张三：在岗");
    assert_eq!(story["call"]["by_whom"], "user:street-officer-440303001", "a name is no account");
    assert!(story["call"].get("token_hash").is_none());
    assert_eq!(street.post(&record, json!({"how": "reached_on_site"})).await.0, 409);
    let (_, list) = officer.get(&format!("/api/v1/calls?round={round}&state=answered,handed_over&limit=3")).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 3);
    let next = percent(list["next"].as_str().unwrap());
    let (_, more) = officer.get(&format!("/api/v1/calls?round={round}&limit=500&cursor={next}")).await;
    assert_eq!(more["items"].as_array().unwrap().len(), 5);
    assert!(list["items"][0]["numbers"][0].as_str().unwrap().contains('*'), "{list}");
    assert_eq!(officer.get("/api/v1/calls?state=asleep").await.1["code"], "bad_state");
    let (_, help) = officer.get("/api/v1/help?open=1").await;
    let id = percent(help["items"][0]["id"].as_str().unwrap());
    assert_eq!(officer.post(&format!("/api/v1/help/{id}/take"), json!({})).await.0, 200);
    assert_eq!(officer.get("/api/v1/help?open=1").await.1["items"], json!([]));
}

#[rstest]
#[tokio::test]
async fn a_process_is_raised_and_stood_down(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let night = red(engine).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let id = night.process().await.id;
    assert_eq!(officer.post(&format!("/api/v1/processes/{id}/raise"), json!({"level": 1})).await.0, 409);
    let round = night.round(1).await.id;
    assert_eq!(officer.post(&format!("/api/v1/rounds/{round}/start"), json!({})).await.0, 200);
    night.until(at(5)).await;
    let (status, down) = officer.post(&format!("/api/v1/processes/{id}/stand-down"), json!({"note": "风停"})).await;
    assert_eq!((status, down["told"].as_i64()), (200, Some(8)));
    let (_, process) = officer.get(&format!("/api/v1/processes/{id}")).await;
    assert_eq!((&process["open"], &process["rounds"][0]["state"]), (&json!(false), &json!("stopped")));
    assert_eq!(process["rounds"][0]["called"].as_i64().unwrap(), sum(&process["rounds"][0]));
    assert_eq!(officer.get("/api/v1/processes?open=1").await.1["items"], json!([]));
}

#[rstest]
#[tokio::test]
async fn channels_belong_to_the_system_administrator(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let night = red(engine).await;
    let admin = Caller::with(&night, "system_admin", None).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    assert_eq!(officer.get("/api/v1/gateways").await.0, 403);
    let (_, gateways) = admin.get("/api/v1/gateways").await;
    assert_eq!(gateways["items"][0]["receipts"], "/api/v1/receipts/sim");
    assert!(!gateways.to_string().contains(night::SECRET));
    let put = |body: Json| admin.send(Method::PUT, "/api/v1/gateways/main", Some(body), "application/json");
    let (status, text) = put(json!({"url": "https://gateway.example", "secret": "s"})).await;
    assert_eq!((status, text.contains("not_the_real_world")), (409, true), "no setting gives a replay an address");
    assert_eq!(put(json!({"url": "ftp://x", "secret": "s"})).await.0, 400);
    assert_eq!(admin.get("/api/v1/sendings/failed").await.1["items"], json!([]));
    assert_eq!(admin.page("/channels").await.0, 200);
}

#[rstest]
#[tokio::test]
async fn the_answer_page_needs_no_script_and_the_officers_pages_open(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    night.until(at(130)).await;
    let call = night.call(1, "person:lead").await;
    let link = night.warn.answer_link(&call.id);
    let path = &link[link.find("/a/").unwrap()..];
    let stranger = Caller::stranger(&night);
    let (status, page) = stranger.page(path).await;
    assert_eq!(status, 200);
    for words in ["区划440303001001防汛责任人", "人员lead", "收到，已到岗", "收到，不能到岗", "有险情，需要支援"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(night.call(1, "person:lead").await.open);
    assert_eq!(stranger.page("/a/guessed").await.0, 404);
    assert_eq!(stranger.form(path, json!({"digit": 9})).await.0, 400);
    let (status, page) = stranger.form(path, json!({"digit": 2})).await;
    assert!(status == 200 && page.contains("已收到您的答复"), "{page}");
    assert_eq!(night.call(1, "person:lead").await.key, Some(2));

    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let (round, process) = (night.round(1).await.id, night.process().await.id);
    for path in [format!("/rounds/{round}"), format!("/rounds/{round}?state=answered"), format!("/processes/{process}")]
    {
        assert_eq!(officer.page(&path).await.0, 200, "{path}");
    }
    let boss = percent(&night.call(1, "person:boss").await.id);
    assert_eq!(officer.page(&format!("/calls/{boss}")).await.0, 200);
    let (status, number) = officer.form(&format!("/calls/{boss}/number"), json!({})).await;
    assert!(status == 200 && number.contains(&format!("tel:{}", long("10"))), "{number}");
    assert_eq!(officer.form(&format!("/rounds/{round}/stop"), json!({"reason": "误报"})).await.0, 303);
    assert_eq!(night.call(1, "person:east").await.state, CallState::Cancelled);
}

#[rstest]
#[tokio::test]
async fn a_superior_takes_the_list_over_on_the_page_and_only_with_the_own_link(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    let words = loop {
        night.until(night.world.now().plus(std::time::Duration::from_secs(5))).await;
        if let Some(words) = night.words_to(&long("11")).into_iter().find(|it| it.contains("名单：")) {
            break words;
        }
    };
    let path = words[words.find("/a/").unwrap()..].trim_end_matches("【回放演示】").to_owned();
    let stranger = Caller::stranger(&night);
    if night.lists().await[0].state == anlan_warn::model::EscalationState::Calling {
        let (status, page) = stranger.page(&path).await;
        assert!(status == 200 && page.contains("由我接手") && !page.contains("人员lead"), "names need the PIN: {page}");
        let forged = path.replace(".0.", ".1.");
        assert_eq!(stranger.page(&forged).await.0, 404, "nobody answers in another's name");
        assert_eq!(stranger.form(&path, json!({"digit": 1})).await.0, 200);
    }
    let list = night.lists().await.remove(0);
    assert_eq!(list.accepted_by.as_deref(), Some("person:street"));
    assert_eq!(night.call(1, "person:lead").await.by_whom.as_deref(), Some("person:street"));
}

#[rstest]
#[tokio::test]
async fn the_desk_takes_a_change_of_mind_only_where_it_is_said_to_be_one(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    night.until(at(200)).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let call = night.call(1, "person:street").await.id;
    let (api, form) = (format!("/api/v1/calls/{}/answer", percent(&call)), format!("/calls/{}/answer", percent(&call)));
    assert_eq!(night.call(1, "person:street").await.key, Some(1));
    assert_eq!(officer.post(&api, json!({"digit": 2})).await.1["code"], "call_is_final");
    assert_eq!(officer.form(&form, json!({"digit": 2})).await.0, 409, "a form is not dropped without a word");
    let (_, page) = officer.page(&format!("/calls/{}", percent(&call))).await;
    assert!(page.contains("改口") && page.contains("已交通道") && page.contains("振铃"), "{page}");
    for raw in [">sent<", "heard_in_full", "hung_up", "ringing"] {
        assert!(!page.contains(raw), "{raw}: {page}");
    }
    assert_eq!(officer.form(&form, json!({"digit": 2, "again": "true"})).await.0, 303);
    assert_eq!(night.call(1, "person:street").await.key, Some(2));
    let (status, story) = officer.post(&api, json!({"digit": 1, "again": true})).await;
    assert_eq!((status, story["call"]["key"].as_i64()), (200, Some(1)));
    night.warn.stop_round(&night::desk(), &night.round(1).await.id, "误报").await.unwrap();
    assert_eq!(officer.post(&api, json!({"digit": 2, "again": true})).await.1["code"], "round_is_over");
}

#[rstest]
#[tokio::test]
async fn a_superior_who_asks_for_help_has_a_name_and_a_number(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    night.to_the_end().await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    // As if the one who took the list over had pressed 3.
    let list = night.lists().await.into_iter().find(|it| it.accepted_by.is_some()).unwrap();
    let by = list.accepted_by.clone().unwrap();
    let (id, region) = (list.id.clone(), list.region.clone());
    night
        .world
        .write("help", anlan_store::Urgency::Urgent, &anlan_kernel::Actor::system("test"), move |tx| {
            let asked_at = tx.now();
            tx.insert(&anlan_warn::Help::asked(id.clone(), region.clone(), asked_at))?;
            tx.record(anlan_store::Event::new("help.asked", &id))
        })
        .await
        .unwrap();
    let (_, help) = officer.get("/api/v1/help?open=1").await;
    let asked = help["items"].as_array().unwrap().iter().find(|it| it["id"] == json!(list.id)).unwrap();
    assert_eq!((&asked["superior"]["id"], asked["superior"]["name"].is_string()), (&json!(by), true), "{asked}");
    let name = asked["superior"]["name"].as_str().unwrap();
    let (_, page) = officer.page(&format!("/rounds/{}", list.round)).await;
    assert!(page.contains(name) && page.contains("接手名单时报"), "{page}");
    let (_, page) = officer.page(&format!("/escalations/{}", percent(&list.id))).await;
    assert!(page.contains(name) && !page.contains("person:"), "{page}");
    let process = night.process().await.id;
    while anlan_store::journal::seal(&night.world, None).await.unwrap() > 0 {}
    let (_, lines) = officer.get(&format!("/api/v1/processes/{process}/timeline?limit=500")).await;
    for line in lines["items"].as_array().unwrap().iter().filter(|it| it["event"] == "help.asked") {
        assert_eq!(officer.page(line["opens"].as_str().unwrap()).await.0, 200, "{line}");
        assert!(line["name"].is_string(), "{line}");
    }
}
