//! Every route of the kit and who may call it.

use std::sync::Arc;

use anlan_testbed::Engine;
use anlan_web::{Access, Site};
use axum::http::StatusCode;

use crate::bed::{Bed, get};

const LIST: &str = include_str!("../data/routes.txt");

#[tokio::test]
async fn the_kits_routes_are_these_and_each_names_its_access() {
    let bed = Bed::new(Engine::Sqlite).await;
    let site = Site::new((*bed.world).clone(), "", false, "");
    let mut lines: Vec<String> = anlan_web::routes(&site)
        .list
        .iter()
        .map(|it| format!("{:<5}{:<48}{:<29}{}", it.method, it.path, access(it.access), it.summary.zh))
        .collect();
    lines.sort();
    let built = |it: &&str| cfg!(feature = "oidc") || !it.contains("统一身份");
    let list: Vec<&str> = LIST.trim_end().lines().filter(built).collect();
    assert_eq!(lines.join("\n"), list.join("\n"), "tests/data/routes.txt says otherwise");
}

fn access(it: Access) -> String {
    match it {
        Access::Proof(_) => "Proof".to_owned(),
        Access::Any(permissions) => permissions.iter().map(|it| format!("{it:?}")).collect::<Vec<_>>().join("|"),
        it => format!("{it:?}"),
    }
}

#[tokio::test]
async fn without_a_credential_only_public_routes_answer() {
    let bed = Bed::new(Engine::Sqlite).await;
    for route in
        bed.mounted.iter().filter(|it| it.method == "GET" && !matches!(it.access, Access::Public | Access::Proof(_)))
    {
        let path = route.path.replace(['{', '}'], "");
        assert_eq!(bed.call(get(&path)).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn the_document_holds_every_api_route() {
    let bed = Bed::new(Engine::Sqlite).await;
    let document = anlan_web::openapi(&bed.mounted);
    for route in bed.mounted.iter().filter(|it| it.api) {
        let operation = &document["paths"][&route.path][route.method.to_lowercase()];
        assert!(operation["summary"].is_string(), "{} {}", route.method, route.path);
    }
    let ids: Vec<String> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|it| it.as_object().unwrap().values())
        .map(|it| it["operationId"].as_str().unwrap().to_owned())
        .collect();
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "operation ids repeat");
}

#[tokio::test]
async fn below_a_base_everything_works_the_same() {
    let bed = Bed::at(Engine::Sqlite, "/w/test", false).await;
    let site = Arc::clone(&bed.site);
    let app = axum::Router::new().nest("/w/test", bed.app.clone());
    let missing = crate::bed::call(&app, get("/w/test/nowhere")).await;
    assert_eq!((missing.status, missing.code().as_str()), (StatusCode::NOT_FOUND, "not_found"));
    assert_eq!(site.url("/desk"), "/w/test/desk");
    assert_eq!(crate::bed::call(&app, get("/w/test/first")).await.status, StatusCode::OK);
}
