//! What every request passes: who calls, may they, from where; and what every answer passes.

use std::{panic::AssertUnwindSafe, sync::Arc};

use anlan_kernel::{Lang, Permission, Problem};
use axum::RequestExt as _;
use axum::{
    Router,
    body::to_bytes,
    extract::{DefaultBodyLimit, Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use futures_util::FutureExt as _;

use crate::{
    Access, ApiError, Site, Who, headers, idempotency,
    origin::{self, Origin},
    pages, second_factor, session,
    who::Lack,
};

/// Most bytes of a foreign error text that are repeated.
const WORDS: usize = 2_000;

/// What the guard knows of the route it stands before.
#[derive(Clone)]
pub struct Gate {
    pub site: Arc<Site>,
    pub access: Access,
    pub api: bool,
    pub limit: usize,
}

/// The outermost layer: renders refusals in the caller's language and adds the headers of every answer.
pub async fn dress(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let lang = headers::language(request.headers());
    let page = !request.uri().path().starts_with("/api/") && headers::wants_page(request.headers());
    let came_from = origin::page_before(&site, request.uri(), request.headers());
    finish(&site, next.run(request).await, lang, page.then_some(came_from)).await
}

/// The guard itself; a layer around each handler.
pub async fn guard(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let lang = headers::language(request.headers());
    let look = !gate.api && headers::wants_page(request.headers()) && origin::is_safe(request.method());
    let asked = request.uri().path_and_query().map_or_else(String::new, |it| it.as_str().to_owned());
    match admit(&gate, &mut request, lang).await {
        Ok(who) => {
            let mut answer = go_on(&gate, who.clone(), request, next).await;
            answer.extensions_mut().insert(who);
            answer
        }
        Err(error) if look && error.status() == StatusCode::UNAUTHORIZED => to_login(&gate.site, &asked),
        Err(error) if look && second_factor::is_required(&error) => {
            Redirect::to(&gate.site.url("/me/second-factor")).into_response()
        }
        Err(error) => error.into_response(),
    }
}

/// Finds out who calls and whether they may.
async fn admit(gate: &Gate, request: &mut Request, lang: Lang) -> Result<Who, ApiError> {
    DefaultBodyLimit::max(gate.limit).apply(request);
    let said = request.headers().get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse::<usize>().ok());
    if said.is_some_and(|it| it > gate.limit) {
        return Err(ApiError::of(StatusCode::PAYLOAD_TOO_LARGE));
    }
    let found = session::find(&gate.site, request.headers(), lang).await?;
    let who = match gate.access {
        Access::Public | Access::Proof(_) => found.unwrap_or_else(|| Who::anonymous(lang)),
        Access::SignedIn => {
            let who = found.ok_or_else(|| ApiError::of(StatusCode::UNAUTHORIZED))?;
            if !who.has_account() {
                return Err(ApiError::of(StatusCode::FORBIDDEN));
            }
            who
        }
        Access::Needs(permission) => permitted(found, &[permission])?,
        Access::Any(permissions) => permitted(found, permissions)?,
    };
    if who.lacks == Lack::Required && !is_own_account(gate.access, request.uri().path()) {
        return Err(second_factor::required());
    }
    check_origin(gate, &who, request)?;
    Ok(who)
}

fn permitted(found: Option<Who>, permissions: &[Permission]) -> Result<Who, ApiError> {
    let who = found.ok_or_else(|| ApiError::of(StatusCode::UNAUTHORIZED))?;
    if permissions.iter().any(|it| who.may(*it)) { Ok(who) } else { Err(ApiError::of(StatusCode::FORBIDDEN)) }
}

/// What stays open to somebody who has to set up a second factor first.
fn is_own_account(access: Access, path: &str) -> bool {
    matches!(access, Access::Public | Access::Proof(_)) || path == "/me" || path.starts_with("/me/")
}

/// A browser's cookie travels with requests of other sites too; such requests are refused.
fn check_origin(gate: &Gate, who: &Who, request: &Request) -> Result<(), ApiError> {
    if origin::is_safe(request.method()) {
        return Ok(());
    }
    let origin = origin::of(&gate.site, request.uri(), request.headers());
    let fine = match gate.access {
        _ if who.browser => origin == Origin::Ours,
        Access::Public => origin != Origin::Foreign,
        _ => true,
    };
    if fine {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::FORBIDDEN,
        Problem::new("csrf", "请求不是从本系统的页面发出的，已拒绝", "the request does not come from our own pages"),
    ))
}

async fn go_on(gate: &Gate, who: Who, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(who.clone());
    // A look at personal data is no write: asked for again, it is looked and journaled again.
    let writes = !origin::is_safe(request.method()) && gate.access != Access::Needs(Permission::Unmask);
    if gate.api && writes && request.headers().contains_key(idempotency::HEADER) {
        return idempotency::once(&gate.site, &who, gate.limit, request, next).await;
    }
    let page = !gate.api && headers::wants_page(request.headers());
    let answer = run(request.with_limited_body(), next);
    if page { pages::as_of(&gate.site, answer).await } else { answer.await }
}

/// Runs the handler; a panic in it is an answer too.
pub async fn run(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(answer) => answer,
        Err(_) => {
            tracing::error!(path, "a handler panicked");
            ApiError::of(StatusCode::INTERNAL_SERVER_ERROR).into_response()
        }
    }
}

/// Renders what went wrong and adds the headers every answer has. `page` is there for a browser, with the page it came from.
async fn finish(site: &Site, answer: Response, lang: Lang, page: Option<Option<String>>) -> Response {
    let allowed = answer.headers().get(header::ALLOW).cloned();
    let who = answer.extensions().get::<Who>().cloned().unwrap_or_else(|| Who::anonymous(lang));
    let mut answer = match (refused(answer).await, page) {
        (Ok(answer), _) => answer,
        (Err((error, _)), Some(came_from)) => error.to_page(site, &who, came_from.as_deref()),
        (Err((error, technical)), None) => error.to_json_with(lang, technical.as_deref()),
    };
    let images = answer.extensions().get::<headers::ImageHost>().cloned();
    headers::secure(answer.headers_mut(), site, images.as_ref());
    if let Some(allowed) = allowed {
        answer.headers_mut().insert(header::ALLOW, allowed);
    }
    answer
}

/// A refusal of ours, or of the framework in its own words, as a problem.
async fn refused(answer: Response) -> Result<Response, (ApiError, Option<String>)> {
    if let Some(error) = answer.extensions().get::<ApiError>() {
        return Err((error.clone(), None));
    }
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let foreign = kind.is_none_or(|it| it.starts_with("text/plain"));
    let status = answer.status();
    if !foreign || !(status.is_client_error() || status.is_server_error()) {
        return Ok(answer);
    }
    let words = to_bytes(answer.into_body(), WORDS).await.unwrap_or_default();
    let words = String::from_utf8_lossy(&words).into_owned();
    Err((ApiError::of(status), (!words.is_empty() && !status.is_server_error()).then_some(words)))
}

fn to_login(site: &Site, asked: &str) -> Response {
    let next = crate::address::percent(&site.url(asked));
    Redirect::to(&site.url(&format!("/login?next={next}"))).into_response()
}

/// Paths that do not exist.
pub fn with_fallback(router: Router, site: &Arc<Site>) -> Router {
    let missing = get(async || ApiError::not_found())
        .fallback(async || ApiError::not_found())
        .layer(middleware::from_fn_with_state(Arc::clone(site), dress));
    router.fallback_service(missing)
}
