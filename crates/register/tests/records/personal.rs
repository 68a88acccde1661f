//! Personal data: behind masks, shown after a journaled look, kept to roles, gone after an erasure.

use anlan_kernel::Actor;
use anlan_store::journal;
use anlan_testbed::{Caller, Engine};
use axum::http::Method;
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::yard::{OTHER, STREET, system};
use crate::yard::{Yard, add, post_form, pump, send};

const WORDS: [&str; 3] = ["欧阳小云", "15400007777", "红岭路9号3栋502"];

fn elder() -> Json {
    json!({"region": STREET, "longitude": 114.123456, "latitude": 22.54321,
        "fields": {"name": WORDS[0], "phone": WORDS[1], "home": WORDS[2], "floor": 5}})
}

async fn pages_of(caller: &Caller, id: &str) -> String {
    let mut all = String::new();
    for path in [
        "/register/elder",
        "/api/v1/register/elder",
        &format!("/records/{id}"),
        &format!("/records/{id}/drawer"),
        &format!("/records/{id}/edit"),
        &format!("/records/{id}/history"),
        &format!("/api/v1/records/{id}"),
        &format!("/api/v1/records/{id}/history"),
    ] {
        all += &caller.get(path).await.text();
    }
    all
}

#[rstest]
#[tokio::test]
async fn personal_data_stands_behind_masks_until_a_journaled_look(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let yard = Yard::new(engine).await;
    let keeper = yard.caller("register_keeper", STREET).await;
    let id = add(&keeper, "elder", &elder()).await;
    let seen = pages_of(&keeper, &id).await;
    assert!(seen.contains(WORDS[0]) && seen.contains("154****7777"), "names are read by whoever may look");
    assert!(!seen.contains(WORDS[1]) && !seen.contains(WORDS[2]));

    let clear = keeper.post(&format!("/api/v1/records/{id}/unmask"), "").await.json();
    assert_eq!((&clear["fields"]["phone"], &clear["fields"]["home"]), (&json!(WORDS[1]), &json!(WORDS[2])));
    assert!(yard.events(&id).await.contains(&"record.unmasked".to_owned()));
    let entries = yard
        .read(&system(), {
            let id = id.clone();
            move |tx| journal::of_subject(tx, &id)
        })
        .await;
    assert!(
        entries.iter().all(|it| WORDS.iter().all(|word| !it.body.contains(word))),
        "the journal holds nothing in clear"
    );

    let one = keeper.get(&format!("/api/v1/records/{id}")).await.json();
    let back = send(&keeper, Method::PUT, &format!("/api/v1/records/{id}"), &one).await;
    let untouched = post_form(
        &keeper,
        &format!("/records/{id}/edit"),
        &[("region", STREET), ("f.name", WORDS[0]), ("f.phone", ""), ("f.home", ""), ("f.floor", "6")],
    )
    .await;
    assert_eq!((back.status, untouched.status), (200, 303), "{}", back.text());
    let clear = keeper.post(&format!("/api/v1/records/{id}/unmask"), "").await.json();
    assert_eq!(clear["fields"]["phone"], WORDS[1], "what came back masked, or not at all, changes nothing");
    let cleared = post_form(
        &keeper,
        &format!("/records/{id}/edit"),
        &[("region", STREET), ("f.name", WORDS[0]), ("f.home", ""), ("clear.home", "1")],
    )
    .await;
    assert_eq!(cleared.status, 303);
    let clear = keeper.post(&format!("/api/v1/records/{id}/unmask"), "").await.json();
    assert_eq!((&clear["fields"]["home"], &clear["fields"]["phone"]), (&Json::Null, &json!(WORDS[1])));

    let other = yard.caller("register_keeper", OTHER).await;
    assert_eq!(other.post(&format!("/api/v1/records/{id}/unmask"), "").await.status, 404);
    let admin = yard.caller("system_admin", STREET).await;
    assert_eq!(admin.post(&format!("/api/v1/records/{id}/unmask"), "").await.status, 403);
}

#[rstest]
#[tokio::test]
async fn a_field_kept_to_a_role_is_there_for_nobody_else(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let yard = Yard::new(engine).await;
    let mut fields = pump("AB1", STREET)["fields"].clone();
    fields["secret"] = json!("勿外传");
    let id = yard.fill("pump", vec![(crate::yard::code(STREET), fields)]).await[0].id.clone();
    let officer = yard.caller("street_officer", STREET).await;
    for path in [
        format!("/records/{id}"),
        format!("/records/{id}/history"),
        format!("/api/v1/records/{id}"),
        "/register/pump?columns=secret".into(),
        "/api/v1/register".into(),
        "/register/pump/pivot".into(),
    ] {
        assert!(!officer.get(&path).await.text().contains("勿外传"), "{path}");
    }
    assert_eq!(officer.get("/api/v1/register/pump?f.secret=%E5%8B%BF%E5%A4%96%E4%BC%A0").await.status, 400);
    assert_eq!(officer.get("/api/v1/register/pump/choices?field=secret").await.status, 400);
    let changed = send(&officer, Method::PUT, &format!("/api/v1/records/{id}"), &json!({"fields": {"power": 5}})).await;
    assert_eq!(changed.status, 200);
    let leader = yard.caller("duty_leader", STREET).await;
    assert_eq!(
        leader.get(&format!("/api/v1/records/{id}")).await.json()["fields"]["secret"],
        "勿外传",
        "and it is kept by whoever does not see it"
    );
}

#[rstest]
#[tokio::test]
async fn nothing_readable_is_left_after_an_erasure(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let yard = Yard::new(engine).await;
    let keeper = yard.caller("register_keeper", STREET).await;
    let id = add(&keeper, "elder", &elder()).await;
    let path = format!("/api/v1/records/{id}");
    let photo = keeper.post(&format!("{path}/attachments?name=a.png"), b"\x89PNG\r\n\x1a\nface".to_vec()).await;
    assert_eq!(photo.status, 201, "{}", photo.text());
    let digest = photo.json()["digest"].as_str().unwrap().to_owned();
    let file = yard.world.dir().join("attachments").join(&digest[..2]).join(&digest);
    assert!(file.exists());
    let officer = yard.caller("street_officer", STREET).await;
    assert_eq!(officer.post(&format!("{path}/erase"), "").await.status, 403);
    assert_eq!(yard.caller("register_keeper", OTHER).await.post(&format!("{path}/erase"), "").await.status, 404);
    assert_eq!(keeper.post(&format!("{path}/erase"), "").await.status, 200);
    assert!(!file.exists(), "its files go too");
    assert_eq!(keeper.get(&path).await.status, 404);
    let by: Actor = system();
    let left = yard
        .read(&by, |tx| {
            let mut all = String::new();
            for sql in [
                "SELECT title || ' ' || detail FROM derived_finder",
                "SELECT body FROM journal",
                "SELECT text FROM record_value",
            ] {
                for row in tx.query_everywhere(sql, &[])? {
                    all += &row.opt(0, anlan_store::Row::text)?.unwrap_or_default();
                }
            }
            Ok(all)
        })
        .await;
    let left = format!("{left} {:?}", yard.world.dump().await.unwrap());
    assert!(WORDS.iter().all(|it| !left.contains(it)));
    let story = keeper.get(&format!("{path}/history")).await;
    assert!(
        WORDS.iter().all(|it| !story.text().contains(it)) && story.text().contains("record.erased"),
        "{}",
        story.text()
    );
    while journal::seal(&yard.world, None).await.unwrap() > 0 {}
    assert!(journal::verify(&yard.world, None).await.unwrap().findings.is_empty());
}
