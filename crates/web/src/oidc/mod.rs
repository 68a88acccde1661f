//! Log-in at the bureau's identity provider (统一身份认证): OpenID Connect, authorization code with PKCE (RFC 7636).
//!
//! Nobody gets an account by it: a security administrator stores which subject of the provider an account belongs to.
//! A second factor that is set up is asked for here as well. Between leaving and coming back nothing is stored but a
//! sealed cookie of ten minutes.

mod link;
mod token;

pub use link::card;

use std::{sync::Arc, time::Duration};

use anlan_kernel::{Actor, Instant, Lang, Problem};
use anlan_store::{Event, StoreError, Urgency, lock, params, real_now, unlock};
use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Redirect, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::{
    Access, ApiError, ApiResult, Mounted, Routes, Site, Who, attempts, cookies,
    login::{self, Visit},
    origin, percent, second_step, secret,
    store::{AccountRow, SubjectRow},
};
use token::{KeySet, Wanted};

/// How long somebody may take at the provider.
const HOLDS: Duration = Duration::from_secs(600);
/// The provider answers in this time or not at all.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most bytes of an answer of the provider.
const MOST: usize = 256 * 1024;
const CONTEXT: &str = "anlan oidc";

/// The provider, and who we are there.
#[derive(Clone)]
pub struct Provider {
    /// Its address, to the letter as it names itself.
    pub issuer: String,
    /// Our `client_id`.
    pub client: String,
    /// Our secret; empty for a public client.
    pub secret: String,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Provider({} as {})", self.issuer, self.client)
    }
}

/// What the provider says of itself (OpenID Connect Discovery 1.0).
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

/// What goes along in the cookie.
#[derive(Serialize, Deserialize)]
struct Journey {
    state: String,
    nonce: String,
    verifier: String,
    next: String,
    at: Instant,
}

#[derive(Deserialize)]
struct NextQuery {
    next: Option<String>,
}

#[derive(Deserialize)]
struct BackQuery {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

/// Out to the provider and back.
pub fn routes(site: &Arc<Site>) -> Mounted {
    Routes::new(site)
        .get("/login/oidc", Access::Public, "去统一身份认证登录", "Log in at the identity provider", leave)
        .get("/login/oidc/back", Access::Public, "统一身份认证登录返回", "Back from the identity provider", back)
        .finish(Arc::clone(site))
        .merge(link::routes(site))
}

async fn leave(
    State(site): State<Arc<Site>>,
    uri: Uri,
    asked: HeaderMap,
    Query(query): Query<NextQuery>,
) -> ApiResult<Response> {
    let provider = site.oidc().ok_or_else(ApiError::not_found)?;
    let found = discover(provider).await?;
    let journey = Journey {
        state: secret::token()?,
        nonce: secret::token()?,
        verifier: secret::token()?,
        next: crate::own_path(&site, query.next),
        at: real_now(),
    };
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(journey.verifier.as_bytes()));
    let mark = if found.authorization_endpoint.contains('?') { '&' } else { '?' };
    let to = format!(
        "{}{mark}response_type=code&scope=openid&client_id={}&redirect_uri={}&state={}&nonce={}&code_challenge={challenge}&code_challenge_method=S256",
        found.authorization_endpoint,
        percent(&provider.client),
        percent(&return_address(&site, &uri, &asked)),
        journey.state,
        journey.nonce,
    );
    let plain = serde_json::to_vec(&journey).map_err(StoreError::from)?;
    let closed = URL_SAFE_NO_PAD.encode(lock(&site.world.keys().secrets(), CONTEXT, &plain)?);
    let cookie = cookies::journey(&site, &closed, HOLDS.as_secs());
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&to)).into_response())
}

async fn back(
    State(site): State<Arc<Site>>,
    who: Who,
    uri: Uri,
    asked: HeaderMap,
    Query(query): Query<BackQuery>,
) -> ApiResult<Response> {
    let provider = site.oidc().ok_or_else(ApiError::not_found)?;
    let journey = journey(&site, &asked)?;
    if !query.state.is_some_and(|it| secret::same(&it, &journey.state)) {
        return Err(stale().into());
    }
    let Some(code) = query.code else {
        return Err(failed(query.error.as_deref().unwrap_or("no code")));
    };
    let found = discover(provider).await?;
    let address = return_address(&site, &uri, &asked);
    let tokens = exchange(provider, &found, &code, &journey.verifier, &address).await?;
    let keys: KeySet = fetch(client()?.get(&found.jwks_uri)).await?;
    let wanted = Wanted { issuer: &provider.issuer, client: &provider.client, nonce: &journey.nonce, now: real_now() };
    let subject = token::subject(&tokens.id_token, &keys, wanted).map_err(failed)?;
    let account = holder(&site, &subject_hash(&provider.issuer, &subject)).await?;
    let of = attempts::subjects(&account.login, &format!("oidc:{}", account.login));
    login::begin(&site, &of).await?;
    let mut answer = match login::welcome(&site, of, &account, Visit::of(&site, &asked)?).await? {
        Some(opened) => login::inside(&site, &opened, &account.role, journey.next),
        None => second_step::ask(&site, who.lang, &account, &journey.next)?.into_response(),
    };
    answer.headers_mut().append(header::SET_COOKIE, cookies::journey(&site, "", 0));
    Ok(answer)
}

/// The digest under which a subject is stored.
pub fn subject_hash(issuer: &str, subject: &str) -> String {
    secret::digest("oidc subject", &format!("{issuer}\n{subject}"))
}

/// Whose account a subject is.
async fn holder(site: &Site, hash: &str) -> ApiResult<AccountRow> {
    let hash = hash.to_owned();
    let found = site
        .world
        .write("login.oidc", Urgency::Urgent, &Actor::system("login"), move |tx| {
            let rows: Vec<SubjectRow> = tx.find("subject_hash = $1", "", params![&hash])?;
            if let Some(row) = rows.first()
                && let Some(account) = tx.get::<AccountRow>(&row.login)?.filter(|it| !it.disabled)
            {
                return Ok(Some(account));
            }
            let subject = rows.first().map_or("unknown", |it| it.login.as_str());
            tx.record(Event::new("login.failed", subject).detail(serde_json::json!({"step": "oidc"})))?;
            Ok(None)
        })
        .await?;
    found.ok_or_else(|| {
        let (zh, en) = (
            "统一身份认证通过了，但没有对应的账号，或账号已停用；请找安全管理员",
            "the identity provider knows you, but no account in use belongs to you; ask the security administrator",
        );
        ApiError::new(StatusCode::FORBIDDEN, Problem::new("unknown_subject", zh, en))
    })
}

fn journey(site: &Site, headers: &HeaderMap) -> Result<Journey, Problem> {
    let closed = cookies::get(headers, &cookies::journey_name(site)).ok_or_else(stale)?;
    let closed = URL_SAFE_NO_PAD.decode(closed).map_err(|_| stale())?;
    let plain = unlock(&site.world.keys().secrets(), CONTEXT, &closed).map_err(|_| stale())?;
    let journey: Journey = serde_json::from_slice(&plain).map_err(|_| stale())?;
    if real_now().since(journey.at) > HOLDS { Err(stale()) } else { Ok(journey) }
}

fn return_address(site: &Site, uri: &Uri, headers: &HeaderMap) -> String {
    origin::outside(site, uri, headers, "/login/oidc/back")
}

async fn discover(provider: &Provider) -> ApiResult<Discovery> {
    let address = format!("{}/.well-known/openid-configuration", provider.issuer.trim_end_matches('/'));
    let found: Discovery = fetch(client()?.get(address)).await?;
    let all = [&found.authorization_endpoint, &found.token_endpoint, &found.jwks_uri];
    if found.issuer != provider.issuer || !all.into_iter().all(|it| is_safe(it)) {
        return Err(failed("the provider names itself otherwise"));
    }
    Ok(found)
}

/// TLS, except on this machine.
pub fn is_safe(address: &str) -> bool {
    let local = ["http://127.0.0.1:", "http://127.0.0.1/", "http://localhost:", "http://localhost/"];
    address.starts_with("https://") || local.iter().any(|it| address.starts_with(it))
}

async fn exchange(
    provider: &Provider,
    found: &Discovery,
    code: &str,
    verifier: &str,
    address: &str,
) -> ApiResult<Tokens> {
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", address),
        ("code_verifier", verifier),
    ];
    if provider.secret.is_empty() {
        fields.push(("client_id", &provider.client));
    }
    let body = fields.iter().map(|(name, it)| format!("{name}={}", percent(it))).collect::<Vec<_>>().join("&");
    let mut request =
        client()?.post(&found.token_endpoint).header("content-type", "application/x-www-form-urlencoded").body(body);
    if !provider.secret.is_empty() {
        // RFC 6749, 2.3.1: both are form-encoded first.
        request = request.basic_auth(percent(&provider.client), Some(percent(&provider.secret)));
    }
    fetch(request).await
}

fn client() -> ApiResult<reqwest::Client> {
    let made = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build();
    made.map_err(|it| not_reached(&it))
}

async fn fetch<T: DeserializeOwned>(request: reqwest::RequestBuilder) -> ApiResult<T> {
    let mut answer = request.send().await.map_err(|it| not_reached(&it))?;
    if !answer.status().is_success() {
        return Err(failed(answer.status().as_str()));
    }
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|it| not_reached(&it))? {
        body.extend_from_slice(&part);
        if body.len() > MOST {
            return Err(failed("an answer that is too long"));
        }
    }
    serde_json::from_slice(&body).map_err(|_| failed("an answer that is not understood"))
}

fn not_reached(error: &reqwest::Error) -> ApiError {
    tracing::warn!(%error, "the identity provider could not be reached");
    let (zh, en) =
        ("统一身份认证现在连不上，请用口令登录", "the identity provider cannot be reached; log in by password");
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, Problem::new("oidc_unreachable", zh, en))
}

fn failed(why: &str) -> ApiError {
    tracing::warn!(why, "a log-in at the identity provider was not accepted");
    let (zh, en) = (
        "统一身份认证没有通过，请重试，或用口令登录",
        "the log-in at the identity provider was not accepted; try again",
    );
    ApiError::new(StatusCode::UNAUTHORIZED, Problem::new("oidc_failed", zh, en))
}

fn stale() -> Problem {
    let (zh, en) = ("这次登录等得太久，请重新开始", "this log-in is too old; begin again");
    Problem::new("stale_login", zh, en)
}

/// The way to the provider on the page of the log-in.
pub fn button(site: &Site, lang: Lang, next: &str) -> maud::Markup {
    maud::html! {
        @if site.oidc().is_some() {
            p { a.button href=(site.url(&format!("/login/oidc?next={}", percent(next)))) { (lang.pick("统一身份认证登录", "Log in at the identity provider")) } }
        }
    }
}
