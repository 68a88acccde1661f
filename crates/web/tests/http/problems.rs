//! Refusals in the caller's language and form, and the headers of every answer.

use anlan_store::{Clock, World, WorldConfig, WorldKind};
use anlan_testbed::Engine;
use anlan_web::Site;
use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use rstest::rstest;
use serde_json::json;

use crate::bed::{Bed, bearer, form, get, send, with};

#[rstest]
#[case::default(&[], "单位不认识", "请求有误")]
#[case::accept(&[("accept-language", "en-GB,en;q=0.9")], "unknown unit", "Bad request")]
#[case::cookie(&[("accept-language", "en"), ("cookie", "anlan-lang=zh")], "单位不认识", "请求有误")]
#[tokio::test]
async fn a_problem_speaks_the_callers_language(
    #[case] headers: &[(&str, &str)],
    #[case] detail: &str,
    #[case] title: &str,
) {
    let bed = Bed::new(Engine::Sqlite).await;
    let request = headers.iter().fold(get("/api/v1/refused"), |it, (name, value)| with(it, name, value));
    let answer = bed.call(request).await;
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(
        answer.json(),
        json!({"type": "about:blank", "title": title, "status": 400, "code": "bad_unit", "detail": detail,
               "index": 3, "field": "unit"})
    );
}

#[tokio::test]
async fn a_browser_gets_a_page_and_a_program_a_problem() {
    let bed = Bed::new(Engine::Sqlite).await;
    let browser = bed.call(with(get("/nowhere"), "accept", "text/html")).await;
    assert_eq!((browser.status, browser.header("content-type")), (StatusCode::NOT_FOUND, "text/html; charset=utf-8"));
    assert!(browser.text.contains("【回放】找不到"), "{}", browser.text);
    let program = bed.call(get("/nowhere")).await;
    assert_eq!((program.status, program.code().as_str()), (StatusCode::NOT_FOUND, "not_found"));
    let api = bed.call(with(get("/api/v1/nowhere"), "accept", "text/html")).await;
    assert_eq!(api.header("content-type"), "application/problem+json");
}

#[rstest]
#[case::from_our_page("http://anlan.local/w/test/desk?page=2", Some("/w/test/desk?page=2"))]
#[case::from_elsewhere("https://evil.example/desk", None)]
#[case::from_our_page_with_a_host_in_its_path("http://anlan.local//evil.example/x", None)]
#[case::nobody_knows_from_where("", None)]
#[tokio::test]
async fn a_refusal_stands_in_the_callers_own_frame_and_leads_back(#[case] before: &str, #[case] back: Option<&str>) {
    let bed = Bed::at(Engine::Sqlite, "/w/test", false).await;
    let cookie = bed.signed_in("zhang", "duty_officer").await;
    let headers = [("cookie", cookie.as_str()), ("accept", "text/html"), ("host", "anlan.local"), ("referer", before)];
    let request = headers.iter().fold(form("/desk/take", &[]), |it, (name, value)| with(it, name, value));
    let answer = bed.call(request).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.contains("单位不认识") && answer.text.contains("退出"), "{}", answer.text);
    let link = answer.text.split("<a class=\"button main\" href=\"").nth(1).and_then(|it| it.split('"').next());
    assert_eq!(link, back);
}

#[tokio::test]
async fn without_log_in_a_page_leads_to_the_log_in_and_back() {
    let bed = Bed::at(Engine::Sqlite, "/w/test", false).await;
    bed.account("zhang", "duty_officer").await;
    let answer = bed.call(with(get("/desk?a=1"), "accept", "text/html")).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header("location"), "/w/test/login?next=%2Fw%2Ftest%2Fdesk%3Fa%3D1");
    let api = bed.call(get("/api/v1/probe")).await;
    assert_eq!((api.status, api.code().as_str()), (StatusCode::UNAUTHORIZED, "not_signed_in"));
    assert!(api.header("www-authenticate").starts_with("Bearer"));
    let back = form("/login", &[("login", "zhang"), ("password", crate::bed::PASSWORD), ("next", "/w/test/desk?a=1")]);
    assert_eq!(bed.call(back).await.header("location"), "/w/test/desk?a=1");
    let away = form("/login", &[("login", "zhang"), ("password", crate::bed::PASSWORD), ("next", "//evil.example")]);
    assert_eq!(bed.call(away).await.header("location"), "/w/test/");
}

#[rstest]
#[case::other_role("audit_admin", StatusCode::FORBIDDEN)]
#[case::right_role("duty_leader", StatusCode::OK)]
#[tokio::test]
async fn a_permission_that_is_missing_is_said(#[case] role: &str, #[case] status: StatusCode) {
    let bed = Bed::new(Engine::Sqlite).await;
    bed.account("zhang", role).await;
    let token = bed.token("zhang").await;
    assert_eq!(bed.call(bearer(get("/api/v1/probe"), &token)).await.status, status);
}

#[tokio::test]
async fn a_panic_is_an_answer() {
    let bed = Bed::new(Engine::Sqlite).await;
    bed.account("zhang", "duty_officer").await;
    let token = bed.token("zhang").await;
    let answer = bed.call(bearer(get("/api/v1/panics"), &token)).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "store_failed"));
    assert!(!answer.text.contains("panics"));
}

#[rstest]
#[case::method(send(Method::DELETE, "/api/v1/probe", json!({})), StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed")]
#[case::syntax(Request::post("/api/v1/accounts").header("content-type", "application/json").body(Body::from("{")).unwrap(), StatusCode::BAD_REQUEST, "bad_request")]
#[case::field(send(Method::POST, "/api/v1/accounts", json!({"login": 7})), StatusCode::UNPROCESSABLE_ENTITY, "bad_body")]
#[case::kind(Request::post("/api/v1/accounts").body(Body::from("{}")).unwrap(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "bad_content_type")]
#[tokio::test]
async fn what_the_framework_refuses_is_a_problem_too(
    #[case] request: Request<Body>,
    #[case] status: StatusCode,
    #[case] code: &str,
) {
    let bed = Bed::new(Engine::Sqlite).await;
    bed.account("anquan", "security_admin").await;
    let token = bed.token("anquan").await;
    let answer = bed.call(bearer(request, &token)).await;
    assert_eq!((answer.status, answer.code().as_str()), (status, code));
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
}

#[rstest]
#[case::usual("/api/v1/proof", 1 << 20, false)]
#[case::set("/api/v1/large", 4 << 20, true)]
#[tokio::test]
async fn a_body_is_as_large_as_its_route_takes(
    #[case] path: &str,
    #[case] limit: usize,
    #[case] read: bool,
    #[values(false, true)] keyed: bool,
) {
    let bed = Bed::new(Engine::Sqlite).await;
    let post = |bytes: usize| {
        let request = Request::post(path).body(Body::from(vec![b'x'; bytes])).unwrap();
        if keyed { with(request, "idempotency-key", &bytes.to_string()) } else { request }
    };
    let said = |bytes: usize| with(post(1), "content-length", &bytes.to_string());
    assert_eq!(bed.call(post(limit)).await.status, StatusCode::OK);
    assert_eq!(bed.call(said(limit + 1)).await.code(), "too_large");
    if read {
        assert_eq!(bed.call(post(limit + 1)).await.code(), "too_large");
    }
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let bed = Bed::at(Engine::Sqlite, "", true).await;
    bed.account("zhang", "duty_officer").await;
    for path in ["/login", "/desk", "/nowhere", "/api/v1/refused", "/api/v1/probe"] {
        let answer = bed.call(get(path)).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
        assert!(answer.header("strict-transport-security").starts_with("max-age="), "{path}");
    }
}

#[tokio::test]
async fn pages_hold_nothing_inline_and_their_files_are_kept() {
    let bed = Bed::new(Engine::Sqlite).await;
    let cookie = bed.signed_in("zhang", "duty_officer").await;
    let page = bed.call(with(with(get("/me"), "cookie", &cookie), "accept", "text/html")).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    for inline in ["<style", "style=", "onclick", "<script>", "http://", "https://"] {
        assert!(!page.text.contains(inline), "{inline} in {}", page.text);
    }
    assert!(page.text.contains("data-position=\"") && page.text.contains("回放 · 演示数据"), "{}", page.text);
    assert!(page.text.contains("href=\"/desk\""), "the menu names the desk: {}", page.text);
    let address = page.text.split("href=\"").find(|it| it.contains("anlan.css")).unwrap().split('"').next().unwrap();
    let style = bed.call(get(address)).await;
    assert_eq!(style.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(bed.call(get("/static/old/anlan.css")).await.header("cache-control"), "no-cache");
    assert_eq!(bed.call(get("/static/old/secret.txt")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_language_is_chosen_once_for_every_world() {
    let bed = Bed::at(Engine::Sqlite, "/w/test", false).await;
    bed.account("zhang", "duty_officer").await;
    let chosen = bed.call(form("/lang", &[("lang", "en"), ("next", "/w/test/login")])).await;
    assert_eq!((chosen.status, chosen.header("location")), (StatusCode::SEE_OTHER, "/w/test/login"));
    assert!(chosen.header("set-cookie").contains("anlan-lang=en; Path=/;"));
    let page = bed.call(with(get("/login"), "cookie", &chosen.cookie())).await;
    assert!(page.text.contains("<html lang=\"en\">") && page.text.contains("Log in"), "{}", page.text);
    assert_eq!(bed.call(form("/lang", &[("lang", "fr")])).await.code(), "bad_language");
}

#[rstest]
#[case::real(WorldKind::Real, "real", None)]
#[case::exercise(WorldKind::Exercise, "exercise", Some("演练"))]
#[case::replay(WorldKind::Replay, "replay", Some("回放"))]
#[tokio::test]
async fn every_world_but_the_real_one_is_marked_on_its_pages(
    #[case] kind: WorldKind,
    #[case] name: &str,
    #[case] words: Option<&str>,
) {
    let bed = Bed::new(Engine::Sqlite).await;
    bed.world.tamper(&format!("UPDATE world SET kind = '{}'", kind.name()));
    let config = WorldConfig { kind, ..bed.world.config(Clock::driven(anlan_testbed::NOON)) };
    let site = Site::new(World::open(config, crate::bed::MODULES).unwrap(), "", false, "区三防办");
    let page = crate::bed::call(&anlan_web::routes(&site).router, get("/first")).await;
    assert!(page.text.contains(&format!("data-world=\"{name}\"")), "{}", page.text);
    assert!(page.text.contains(&format!("data-words=\"{}\"", words.unwrap_or_default())));
    assert_eq!(page.text.contains("class=\"world\""), words.is_some());
    let title = words.map_or_else(|| "<title>首次启用".to_owned(), |it| format!("<title>【{it}】首次启用"));
    assert!(page.text.contains(&title), "{}", page.text);
}
