//! Whoever has one street neither sees, finds, counts, changes nor guesses a record of another one: by every route.

use anlan_register::records;
use anlan_testbed::Engine;
use anlan_web::{Access, Site};
use axum::{body::Body, http::Method};
use rstest::rstest;
use serde_json::json;

use crate::yard::{OTHER, STREET};
use crate::yard::{Yard, add, pump};

const NAME: &str = "邻街秘密泵站";

#[rstest]
#[tokio::test]
async fn no_route_shows_a_record_of_another_street(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let yard = Yard::new(engine).await;
    let neighbour = yard.caller("register_keeper", OTHER).await;
    let mut body = pump("SECRET7", OTHER);
    body["fields"]["name"] = json!(NAME);
    let theirs = add(&neighbour, "pump", &body).await;
    let file = neighbour
        .post(&format!("/api/v1/records/{theirs}/attachments?name=secret.png"), b"\x89PNG\r\n\x1a\nsecret".to_vec())
        .await
        .json();
    let own = add(&yard.caller("register_keeper", STREET).await, "pump", &pump("OWN1", STREET)).await;
    let before = yard.world.dump().await.unwrap()["record"][&theirs].clone();

    let site = Site::new((*yard.world).clone(), "", false, "");
    let routes = records::routes(&site, &yard.register).list;
    assert!(routes.len() > 35, "{}", routes.len());
    for role in ["register_keeper", "street_officer", "duty_officer", "director", "system_admin"] {
        let caller = yard.caller(role, if role == "register_keeper" { "440303001001" } else { STREET }).await;
        for route in &routes {
            assert!(matches!(route.access, Access::Needs(_)), "{}", route.path);
            let path = route
                .path
                .replace("{id}", &theirs)
                .replace("{kind}", "pump")
                .replace("{file}", file["id"].as_str().unwrap())
                .replace("{view}", "v1");
            let queries = [
                "",
                "?q=%E7%A7%98%E5%AF%86",
                "?q=SECRET7",
                "?region=440303002",
                "?f.risk=2&sort=-name&field=risk",
                "?rows=region&columns=f.risk",
            ];
            for query in queries {
                let method = Method::from_bytes(route.method.as_bytes()).unwrap();
                let body = match route.path.as_str() {
                    "/api/v1/register/{kind}/batch" => json!({"do": "delete", "ids": [theirs], "why": "x"}).to_string(),
                    "/register/{kind}/batch" => format!("do=delete&why=x&id={theirs}"),
                    "/register/{kind}/selection.xlsx" => format!("id={theirs}"),
                    _ if route.api => {
                        json!({"region": OTHER, "why": "x", "name": "v", "fields": {"name": "改名"}}).to_string()
                    }
                    _ => "region=440303002&why=x&f.name=%E6%94%B9%E5%90%8D&name=v".to_owned(),
                };
                let (kind, body) = match method {
                    Method::GET => ("", Body::empty()),
                    _ if route.api => ("application/json", Body::from(body)),
                    _ => ("application/x-www-form-urlencoded", Body::from(body)),
                };
                let reply = caller.send(method, &format!("{path}{query}"), kind, body).await;
                let text = reply.text();
                assert!(
                    !text.contains(NAME) && !text.contains("SECRET7号"),
                    "{role} {} {path}{query}: {text}",
                    route.method
                );
                assert!(!text.contains("secret.png"), "{role} {path}");
                if route.path.contains("{id}") {
                    // A form of files is refused as a form before anything is looked up.
                    let no_form = route.path == "/records/{id}/attachments" && reply.status == 400;
                    assert!(
                        no_form || matches!(reply.status, 403 | 404 | 415),
                        "{role} {} {path}: {} {text}",
                        route.method,
                        reply.status
                    );
                }
            }
        }
        if role == "street_officer" {
            assert_eq!(caller.get(&format!("/api/v1/records/{own}")).await.status, 200);
            let list = caller.get("/api/v1/register/pump").await.json();
            assert_eq!(
                (list["count"].as_i64(), list["items"].as_array().unwrap().len()),
                (Some(1), 1),
                "counted is what is seen"
            );
            let choices = caller.get("/api/v1/register/pump/choices?field=risk").await.json();
            assert_eq!(choices["items"][0]["count"], 1);
            let pivot = caller.get("/api/v1/register/pump/pivot?rows=region").await.json();
            assert_eq!((&pivot["total"]["count"], pivot["rows"].as_array().unwrap().len()), (&json!(1), 1));
            let points = caller
                .send(
                    Method::PUT,
                    &format!("/api/v1/records/{own}"),
                    "application/json",
                    json!({"fields": {"station": theirs}}).to_string(),
                )
                .await;
            assert_eq!(points.json()["problems"][0]["code"], "unknown_reference", "no guess by a link");
        }
    }
    assert_eq!(yard.world.dump().await.unwrap()["record"][&theirs], before, "and nothing of it was changed");
    assert_eq!(yard.caller("duty_officer", OTHER).await.get(&format!("/api/v1/records/{theirs}")).await.status, 200);
}
