use anlan_atlas::Area;
use anlan_codecs::geo::geo_types::Coord;
use anlan_register::duties;
use anlan_testbed::Engine;
use anlan_web::accounts;
use axum::http::Method;
use rstest::rstest;
use serde_json::{Value, json};

use super::yard::{Yard, days, form, send};
use crate::bed::{DISTRICT, OTHER, STREET, system};

const POST: &str = "/api/v1/posts/post%3A3%2F440303001%2F%E9%98%B2%E6%B1%9B%E8%B4%A3%E4%BB%BB%E4%BA%BA%2Flead/areas";

async fn found(yard: &Yard, at: (f64, f64), ids: &[&str]) -> Vec<String> {
    let area = Area::circle(Coord { x: at.0, y: at.1 }, 500.0).unwrap();
    let ids: Vec<String> = ids.iter().map(|it| (*it).to_owned()).collect();
    let people = yard.bed.read(&system(), move |tx| duties::posts_touching(tx, &area, &ids)).await;
    people.into_iter().map(|it| it.0).collect()
}

#[rstest]
#[tokio::test]
async fn a_post_answers_for_things_and_shapes_while_their_dates_hold(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let yard = Yard::new(engine).await;
    yard.record("grid", "g1", STREET, json!({"code": "G1", "name": "网格一"})).await;
    let keeper = yard.officer("register_keeper", DISTRICT).await;
    let ring = json!([[[114.10, 22.60], [114.12, 22.60], [114.12, 22.62], [114.10, 22.62], [114.10, 22.60]]]);
    let shape = json!({"type": "Polygon", "coordinates": ring});
    let add = |body: Value| send(&keeper, Method::POST, POST, body);
    assert_eq!(add(json!({"kind": "record", "target": "g1", "until": "2023-12-01"})).await.status, 200);
    assert_eq!(add(json!({"kind": "polygon", "geometry": shape})).await.status, 200);
    for (body, code) in [
        (json!({"kind": "record", "target": "g9"}), "no_such_record"),
        (json!({"kind": "region", "target": "x"}), "bad_region"),
        (json!({"kind": "polygon", "geometry": {"type": "Point", "coordinates": [114, 22]}}), "not_an_area"),
        (json!({"kind": "record", "target": "g1", "from": "2023-12-01", "until": "2023-11-01"}), "bad_dates"),
        (json!({"kind": "else"}), "bad_kind"),
    ] {
        assert_eq!(add(body.clone()).await.refusal().1, code, "{body}");
    }
    assert_eq!(found(&yard, (114.11, 22.61), &[]).await, ["person:3"], "inside the shape");
    assert_eq!(found(&yard, (114.13, 22.55), &[]).await, ["person:3"], "where the grid lies");
    assert_eq!(found(&yard, (114.30, 22.55), &["g1"]).await, ["person:3"], "the grid itself");
    assert!(found(&yard, (114.30, 22.55), &["g2"]).await.is_empty());
    yard.bed.world.clock().move_to(yard.bed.world.now().plus(days(120)));
    assert!(found(&yard, (114.13, 22.55), &["g1"]).await.is_empty(), "its dates are over");
    let page = keeper.get(&POST.replace("/api/v1", "").replace("/areas", "")).await.text();
    assert!(page.contains("网格一") && page.contains("地图上的范围"), "{page}");
    let other = yard.officer("street_officer", OTHER).await;
    assert_eq!(other.get(POST).await.status, 404);
}

#[rstest]
#[tokio::test]
async fn an_account_acts_under_the_hats_it_is_a_member_of(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let yard = Yard::new(engine).await;
    let (keeper, officer) =
        (yard.officer("register_keeper", DISTRICT).await, yard.officer("duty_officer", DISTRICT).await);
    let body =
        "name=%E5%8C%BA%E4%B8%89%E9%98%B2%E5%8A%9E&prefix=%E7%BD%97%E4%B8%89%E9%98%B2&members=duty-officer-440303";
    assert_eq!(form(&officer, "/organisations/luohu-emergency/hats", body).await.status, 403);
    assert_eq!(form(&keeper, "/organisations/luohu-emergency/hats", body).await.status, 303);
    assert_eq!(form(&keeper, "/organisations/luohu-emergency/hats", body).await.refusal().1, "taken");
    let hats = officer.get("/api/v1/organisations/luohu-emergency/hats").await.json();
    let id = hats["items"][0]["id"].as_str().unwrap();
    assert_eq!(form(&keeper, "/me/hat", &format!("hat={id}")).await.refusal().1, "no_such_hat", "no member");
    assert_eq!(form(&officer, "/me/hat", &format!("hat={id}")).await.status, 303);
    let all = accounts::list(&yard.bed.world, &system()).await.unwrap();
    let hat = all.into_iter().find(|it| it.login == "duty-officer-440303").and_then(|it| it.hat);
    assert_eq!(hat.as_deref(), Some("区三防办"));
    assert!(officer.get("/me/hat").await.text().contains("区三防办"));
    assert!(officer.get("/organisations/luohu-emergency").await.text().contains("罗三防"));
}
