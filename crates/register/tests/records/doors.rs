//! Records over JSON: made, read, changed, confirmed, removed; what is wrong is named.

use anlan_testbed::Engine;
use axum::http::Method;
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::yard::{OTHER, STREET};
use crate::yard::{PEOPLE, Yard, add, pump, send, street};

#[rstest]
#[tokio::test]
async fn a_record_goes_its_way_through_the_doors(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let yard = Yard::new(engine).await;
    let officer = yard.caller("street_officer", STREET).await;
    let id = add(&officer, "pump", &pump("AB1", STREET)).await;
    let path = format!("/api/v1/records/{id}");
    let one = officer.get(&path).await.json();
    assert_eq!(
        (&one["fields"]["twice"], &one["fields"]["risk"], &one["revision"]),
        (&json!(60), &json!("2"), &json!(1)),
        "{one}"
    );

    let said = json!({"revision": 1, "why": "复核", "fields": {"power": "1.2万", "open": true, "risk": null}});
    let changed = send(&officer, Method::PUT, &path, &said).await.json();
    assert_eq!(
        (&changed["fields"]["power"], &changed["fields"]["risk"], &changed["fields"]["name"]),
        (&json!(12000), &Json::Null, &one["fields"]["name"])
    );
    let stale = send(&officer, Method::PUT, &path, &said).await;
    assert_eq!(stale.refusal(), (409, "stale".to_owned()));
    let words = stale.json()["detail"].as_str().unwrap().to_owned();
    assert!(words.contains("street-officer") && words.contains("功率") && words.contains("风险"), "{words}");

    let verified = officer.post(&format!("{path}/verify"), "").await.json();
    assert_eq!((&verified["verified_by"], &verified["revision"]), (&json!("confirmed"), &json!(3)));
    let story = officer.get(&format!("{path}/history")).await.json();
    let events: Vec<_> =
        story["items"].as_array().unwrap().iter().map(|it| it["event"].as_str().unwrap().to_owned()).collect();
    assert_eq!(events, ["record.created", "record.changed", "record.verified"]);
    let step = &story["items"][1];
    assert_eq!(step["why"], "复核");
    let of = |field: &str| step["differences"].as_array().unwrap().iter().find(|it| it["field"] == field).cloned();
    assert_eq!(of("risk").map(|it| (it["before"].clone(), it["after"].clone())), Some((json!("较大"), json!(""))));
    assert_eq!(of("power").map(|it| (it["before"].clone(), it["after"].clone())), Some((json!("30"), json!("12000"))));
    assert_eq!(of("name"), None);

    assert_eq!(send(&officer, Method::DELETE, &path, &json!({})).await.refusal(), (400, "bad_reason".to_owned()));
    assert_eq!(send(&officer, Method::DELETE, &path, &json!({"why": "拆除"})).await.status, 204);
    assert_eq!(officer.get(&path).await.status, 404);
    let gone = officer.get(&format!("{path}/history")).await.json();
    assert_eq!(
        gone["items"].as_array().unwrap().last().unwrap()["event"],
        "record.deleted",
        "what was removed keeps its history"
    );
    assert_eq!(yard.events(&id).await.len(), 4);
}

#[rstest]
#[case::all_that_is_wrong(json!({"region": STREET, "fields": {"code": "ab", "power": -1, "risk": "9"}}), &["bad_choice", "bad_form", "required", "too_small"])]
#[case::no_region(json!({"fields": {"code": "AB", "name": "x"}}), &["required"])]
#[case::a_check_over_fields(json!({"region": STREET, "fields": {"code": "AB", "name": "x", "power": 901, "open": false}}), &["check"])]
#[case::another_street(json!({"region": OTHER, "fields": {"code": "AB", "name": "x"}}), &["outside"])]
#[case::no_such_field(json!({"region": STREET, "fields": {"code": "AB", "name": "x", "colour": "red"}}), &["bad_field"])]
#[case::computed(json!({"region": STREET, "fields": {"code": "AB", "name": "x", "twice": 1}}), &["bad_field"])]
#[case::kept_to_another_role(json!({"region": STREET, "fields": {"code": "AB", "name": "x", "secret": "1"}}), &["bad_field"])]
#[case::nobody(json!({"region": STREET, "fields": {"code": "AB", "name": "x", "keeper": "李四"}}), &["unknown_reference"])]
#[case::no_such_place(json!({"region": STREET, "longitude": 200, "latitude": 22.5, "fields": {"code": "AB", "name": "x"}}), &["longitude_range"])]
#[case::no_object(json!({"region": STREET, "fields": []}), &["bad_body", "required", "required"])]
#[tokio::test]
async fn everything_that_is_wrong_is_named(#[case] body: Json, #[case] codes: &[&str]) {
    let yard = Yard::new(Engine::Sqlite).await;
    let officer = yard.caller("street_officer", STREET).await;
    let reply = send(&officer, Method::POST, "/api/v1/register/pump", &body).await;
    assert_eq!(
        (reply.status, reply.headers["content-type"].to_str().unwrap()),
        (422, "application/problem+json"),
        "{}",
        reply.text()
    );
    let answer = reply.json();
    let mut found: Vec<_> =
        answer["problems"].as_array().unwrap().iter().map(|it| it["code"].as_str().unwrap()).collect();
    found.sort_unstable();
    assert_eq!(found, codes, "{answer}");
    assert!(answer["problems"].as_array().unwrap().iter().all(|it| !it["detail"].as_str().unwrap().is_empty()));
}

#[rstest]
#[tokio::test]
async fn names_become_ids_and_links_go_both_ways(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let yard = Yard::new(engine).await;
    let officer = yard.caller("register_keeper", "440303").await;
    let above = add(&officer, "pump", &pump("UP1", STREET)).await;
    let mut body = pump("LO1", "桂园街道 老围社区");
    body["owner"] = json!("水务局");
    body["fields"]["keeper"] = json!("人员1");
    body["fields"]["station"] = json!("UP1");
    let below = add(&officer, "pump", &body).await;
    let one = officer.get(&format!("/api/v1/records/{below}")).await.json();
    assert_eq!((&one["region"], &one["owner"]), (&json!("440303001001"), &json!("water")));
    assert_eq!((&one["fields"]["keeper"], &one["fields"]["station"]), (&json!(PEOPLE[0]), &json!(above)));
    let links = officer.get(&format!("/api/v1/records/{above}/links")).await.json();
    assert_eq!(
        (&links["items"][0]["count"], &links["items"][0]["records"][0]["id"]),
        (&json!(1), &json!(below)),
        "{links}"
    );
    let refused = send(&officer, Method::DELETE, &format!("/api/v1/records/{above}"), &json!({"why": "拆除"})).await;
    assert_eq!(refused.refusal(), (409, "still_linked".to_owned()));
    body["fields"]["code"] = json!("LO2");
    body["fields"]["keeper"] = json!("15400000001");
    let twice = send(&officer, Method::POST, "/api/v1/register/pump", &body).await.json();
    assert_eq!(twice["problems"][0]["code"], "ambiguous_reference", "two people have that number: {twice}");
    assert!(!twice.to_string().contains("人员2"), "candidates are masked: {twice}");
    let page = officer.get(&format!("/records/{below}")).await.text();
    assert!(
        page.contains("人员1") && page.contains("UP1号泵站") && page.contains("水务局"),
        "references stand by their names"
    );
}

#[rstest]
#[tokio::test]
async fn keys_are_taken_once_and_lists_are_read_in_pages(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let yard = Yard::new(engine).await;
    let officer = yard.caller("register_keeper", "440303").await;
    for number in 0..5 {
        add(&officer, "pump", &pump(&format!("C{number}"), street(number).as_str())).await;
    }
    let again = send(&officer, Method::POST, "/api/v1/register/pump", &pump("C1", STREET)).await.json();
    assert_eq!(again["problems"][0]["code"], "taken", "{again}");
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let list = officer.get(&format!("/api/v1/register/pump?limit=2&cursor={cursor}")).await.json();
        assert_eq!(list["count"], 5);
        ids.extend(list["items"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()));
        match list["next"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(ids.len(), 5);
    let page = officer.get("/api/v1/register/pump?sort=-f.power&size=2&page=9").await.json();
    assert_eq!(
        (&page["page"], &page["pages"], page["items"].as_array().unwrap().len()),
        (&json!(3), &json!(3), 1),
        "{page}"
    );
    for wrong in ["colour=red", "f.name=x", "sort=f.name", "limit=0", "f.power.min=x"] {
        assert_eq!(officer.get(&format!("/api/v1/register/pump?{wrong}")).await.status, 400, "{wrong}");
    }
    assert_eq!(officer.get("/api/v1/register/none").await.refusal(), (404, "no_such_kind".to_owned()));
    let kinds = officer.get("/api/v1/register").await.json();
    let fields = kinds["items"].as_array().unwrap().iter().find(|it| it["id"] == "pump").unwrap()["fields"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(fields, 11, "the one kept to another role is not shown");
}

#[rstest]
#[tokio::test]
async fn many_records_are_set_verified_and_deleted_at_once(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let yard = Yard::new(engine).await;
    let officer = yard.caller("register_keeper", "440303").await;
    let mut ids = Vec::new();
    for number in 0..4 {
        let mut body = pump(&format!("D{number}"), street(number).as_str());
        body["fields"]["power"] = json!(if number == 3 { 950 } else { 10 });
        ids.push(add(&officer, "pump", &body).await);
    }
    let path = "/api/v1/register/pump/batch";
    let set =
        send(&officer, Method::POST, path, &json!({"do": "set", "query": "f.risk=2", "field": "open", "value": "否"}))
            .await
            .json();
    assert_eq!((&set["done"], &set["refused"][0]["id"]), (&json!(3), &json!(ids[3])), "one would break a check: {set}");
    let again =
        send(&officer, Method::POST, path, &json!({"do": "set", "ids": ids[..2], "field": "open", "value": false}))
            .await
            .json();
    assert_eq!((&again["done"], &again["same"]), (&json!(0), &json!(2)));
    let verified = send(&officer, Method::POST, path, &json!({"do": "verify", "ids": ids})).await.json();
    assert_eq!(verified["done"], 4);
    let street_only = yard.caller("street_officer", OTHER).await;
    let gone = send(&street_only, Method::POST, path, &json!({"do": "delete", "ids": ids, "why": "重复"})).await.json();
    assert_eq!(gone["done"], 2, "those of the own street");
    assert_eq!(
        send(&officer, Method::POST, path, &json!({"do": "delete", "query": ""})).await.refusal().1,
        "bad_reason"
    );
    assert_eq!(officer.get("/api/v1/register/pump").await.json()["count"], 2);
}
