//! Files of records.

use anlan_testbed::Engine;
use axum::{body::Body, http::Method};
use rstest::rstest;
use serde_json::json;

use crate::yard::{OTHER, STREET};
use crate::yard::{Yard, add, pump};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nphotograph";
const SVG: &[u8] = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>";

#[rstest]
#[tokio::test]
async fn files_are_kept_by_what_they_are_and_given_out_safely(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let yard = Yard::new(engine).await;
    let officer = yard.caller("street_officer", STREET).await;
    let (id, twin) =
        (add(&officer, "pump", &pump("F1", STREET)).await, add(&officer, "pump", &pump("F2", STREET)).await);
    let path = format!("/api/v1/records/{id}/attachments");
    let photo = officer.post(&format!("{path}?name=%E6%AD%A3%E9%97%A8.jpg&field=photo"), PNG).await.json();
    assert_eq!((&photo["media"], &photo["name"]), (&json!("image/png"), &json!("正门.jpg")), "{photo}");
    let svg = officer.post(&format!("{path}?name=plan.svg"), SVG).await.json();
    assert_eq!(svg["media"], "application/octet-stream");
    for (query, body, code) in
        [("field=photo", SVG, "bad_photo"), ("field=name", PNG, "bad_field"), ("", b"".as_slice(), "bad_file")]
    {
        assert_eq!(officer.post(&format!("{path}?{query}"), body).await.refusal(), (400, code.to_owned()));
    }
    let large = officer.post(&path, vec![0_u8; (20 << 20) + (80 << 10)]).await;
    assert_eq!(large.status, 413);
    let one = officer.get(&format!("/api/v1/records/{id}")).await.json();
    assert_eq!((&one["fields"]["photo"], &one["revision"]), (&json!([photo["id"]]), &json!(2)));
    let open = |file: &serde_json::Value| format!("/records/{id}/attachments/{}", file["id"].as_str().unwrap());
    let shown = officer.get(&open(&photo)).await;
    assert_eq!(
        (
            shown.headers["content-type"].to_str().unwrap(),
            shown.headers["x-content-type-options"].to_str().unwrap(),
            &shown.body[..]
        ),
        ("image/png", "nosniff", PNG)
    );
    let plan = officer.get(&open(&svg)).await;
    assert!(
        plan.headers["content-disposition"].to_str().unwrap().starts_with("attachment")
            && plan.headers["content-type"] == "application/octet-stream"
    );

    officer.post(&format!("/api/v1/records/{twin}/attachments?name=b.png"), PNG).await;
    let card = officer.get(&format!("/records/{id}")).await.text();
    assert!(card.contains("同一个文件也在") && card.contains(&twin), "{card}");
    assert_eq!(yard.caller("street_officer", OTHER).await.get(&open(&photo)).await.status, 404);

    let gone =
        officer.send(Method::DELETE, &format!("{path}/{}", photo["id"].as_str().unwrap()), "", Body::empty()).await;
    assert_eq!((gone.status, officer.get(&open(&photo)).await.status), (204, 404));
    let digest = photo["digest"].as_str().unwrap();
    assert!(
        yard.world.dir().join("attachments").join(&digest[..2]).join(digest).exists(),
        "another record holds the same bytes"
    );
    assert_eq!(officer.get(&path).await.json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(yard.events(&id).await[1..], ["attachment.added", "attachment.added", "attachment.removed"]);
}
