//! OpenAPI 3.1, built from the list of routes: what is not on the list does not exist.

use serde_json::{Map, Value as Json, json};

use crate::{Access, RouteInfo};

/// The document of every route below `/api/`.
pub fn openapi(list: &[RouteInfo]) -> Json {
    let mut paths: Map<String, Json> = Map::new();
    for route in list.iter().filter(|it| it.api) {
        let item = paths.entry(route.path.clone()).or_insert_with(|| json!({}));
        item[route.method.to_ascii_lowercase()] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "安澜 Anlan",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": "anlan-session-{world}"},
                "token": {"type": "http", "scheme": "bearer"},
                "device": {"type": "http", "scheme": "basic"},
            },
            "schemas": {"Problem": problem()},
            "responses": {"Problem": {
                "description": "出错：稳定的 code、位置与说明",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }},
            "parameters": {"IdempotencyKey": {
                "name": "Idempotency-Key", "in": "header", "required": false,
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
                "description": "同一键只执行一次，重复请求返回第一次的结果",
            }},
        },
    })
}

fn operation(route: &RouteInfo) -> Json {
    let mut responses = Map::new();
    responses.insert("2XX".into(), json!({"description": "成功"}));
    for status in refusals(route) {
        responses.insert(status.into(), json!({"$ref": "#/components/responses/Problem"}));
    }
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.summary.zh,
        "x-summary-en": route.summary.en,
        "tags": [route.path.split('/').nth(3).unwrap_or("api")],
        "security": security(route.access),
        "responses": responses,
    });
    let parameters = parameters(route);
    if !parameters.is_empty() {
        operation["parameters"] = json!(parameters);
    }
    if let Access::Needs(permission) = route.access {
        operation["x-permission"] = json!(permission);
    }
    if let Access::Any(permissions) = route.access {
        operation["x-permission"] = json!(permissions);
    }
    if let Access::Proof(proof) = route.access {
        operation["x-proof"] = json!(proof);
    }
    operation
}

fn refusals(route: &RouteInfo) -> impl Iterator<Item = &'static str> {
    let guarded = matches!(route.access, Access::Needs(_) | Access::Any(_) | Access::SignedIn);
    let named = route.path.contains('{');
    let writes = route.method != "GET";
    [
        ("400", true),
        ("401", guarded),
        ("403", guarded),
        ("404", named),
        ("409", writes),
        ("413", writes),
        ("422", writes),
        ("500", true),
    ]
    .into_iter()
    .filter(|(_, it)| *it)
    .map(|(status, _)| status)
}

fn parameters(route: &RouteInfo) -> Vec<Json> {
    let names = route.path.split('{').skip(1).filter_map(|it| it.split('}').next());
    let mut all: Vec<Json> = names
        .map(|it| json!({"name": it.trim_start_matches('*'), "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    if route.method != "GET" {
        all.push(json!({"$ref": "#/components/parameters/IdempotencyKey"}));
    }
    all
}

fn security(access: Access) -> Json {
    match access {
        Access::Public | Access::Proof(_) => json!([]),
        Access::SignedIn => json!([{"session": []}, {"token": []}]),
        Access::Needs(anlan_kernel::Permission::SendObservations) => {
            json!([{"token": []}, {"device": []}, {"session": []}])
        }
        Access::Needs(_) | Access::Any(_) => json!([{"session": []}, {"token": []}]),
    }
}

fn operation_id(route: &RouteInfo) -> String {
    let words = route.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|it| !it.is_empty() && *it != "api");
    let words: Vec<_> = std::iter::once(route.method.to_ascii_lowercase()).chain(words.map(str::to_owned)).collect();
    words.join("_")
}

fn problem() -> Json {
    let (text, count) = (json!({"type": "string"}), json!({"type": "integer", "minimum": 0}));
    json!({
        "type": "object",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": text, "title": text, "status": {"type": "integer"}, "code": text, "detail": text,
            "index": count, "line": count, "row": count, "column": count, "byte": count, "field": text,
        },
    })
}

#[cfg(test)]
mod tests {
    use anlan_kernel::{Permission, Text};

    use super::*;

    fn route(method: &'static str, path: &str, access: Access) -> RouteInfo {
        RouteInfo {
            method,
            path: path.into(),
            access,
            summary: Text::new("中文", "English"),
            api: path.starts_with("/api/"),
        }
    }

    #[test]
    fn every_api_route_stands_in_the_document_with_who_may_call_it() {
        let document = openapi(&[
            route("GET", "/api/v1/rounds/{id}", Access::Needs(Permission::SeeDesk)),
            route("POST", "/api/v1/rounds/{id}", Access::Needs(Permission::RunRound)),
            route("GET", "/desk", Access::SignedIn),
        ]);
        assert_eq!(document["openapi"], "3.1.0");
        let paths = document["paths"].as_object().unwrap();
        assert_eq!(paths.len(), 1);
        let get = &paths["/api/v1/rounds/{id}"]["get"];
        assert_eq!(get["parameters"][0]["name"], "id");
        assert_eq!(get["x-permission"], "see_desk");
        assert_eq!((&get["summary"], &get["x-summary-en"]), (&json!("中文"), &json!("English")));
        let post = &paths["/api/v1/rounds/{id}"]["post"];
        assert_eq!(post["parameters"][1]["$ref"], "#/components/parameters/IdempotencyKey");
        assert!(post["responses"]["403"].is_object());
    }
}
