//! The gateway protocol and the control plane over HTTP.

use std::sync::Arc;

use anlan_kernel::{Instant, Problem};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Query, State},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};

use super::{
    behaviour::Script,
    config::{Clock, check_callback},
    delivery::Shared,
    engine::Answer,
};
use crate::protocol::{MAX_ITEMS, SIGNATURE_HEADER, Submit, TIME_HEADER, verify};

/// Longest body taken: 500 items of the longest text in UTF-8, and some.
const LONGEST_BODY: usize = 16 << 20;

/// Body of `POST /sim/advance`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advance {
    /// World time to reach.
    pub to: Instant,
}

/// Answer of `POST /sim/advance`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advanced {
    /// When there is something to do next.
    pub next: Option<Instant>,
    /// Receipts the callback took.
    pub delivered: u64,
    /// Receipts it did not take, each attempt counted; they stay queued.
    pub failed: u64,
}

/// Answer of `GET /sim/next`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    /// When there is something to do; null when only a submit can bring work.
    pub next: Option<Instant>,
}

/// Body of `POST /sim/callback`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// Where receipts go: a loopback `http://` address.
    pub url: String,
}

/// Body of `POST /sim/script`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prescribed {
    /// The number.
    pub number: String,
    /// What whoever sits there does from now on.
    pub behaviour: Script,
}

#[derive(Deserialize)]
struct KeyQuery {
    key: Option<String>,
}

type Carried = State<Arc<Shared>>;

/// Every path of the carrier.
pub fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/submit", post(submit))
        .route("/v1/status", get(status))
        .route("/sim/next", get(next))
        .route("/sim/advance", post(advance))
        .route("/sim/log", get(log))
        .route("/sim/callback", post(callback))
        .route("/sim/script", post(script))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .with_state(shared)
}

async fn submit(State(shared): Carried, headers: HeaderMap, body: Bytes) -> Result<Response, Refused> {
    signed(&shared, &headers, &body)?;
    let submit: Submit = read(&body)?;
    if submit.items.len() > MAX_ITEMS {
        return Err(refuse(
            StatusCode::PAYLOAD_TOO_LARGE,
            Problem::new("too_many_items", "一次最多 500 条", "at most 500 items at once").field("items"),
        ));
    }
    let answer = shared.engine_at_present().submit(submit.items);
    shared.wake.notify_one();
    Ok(match answer {
        Answer::Taken(answer) => Json(answer).into_response(),
        Answer::TooMany(seconds) => {
            let problem = Problem::new("too_many", "提交过快，请稍后再试", "too fast; come back later");
            (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds.to_string())], Json(problem)).into_response()
        }
        Answer::Unavailable => {
            let problem = Problem::new("unavailable", "通道暂不可用，请重试", "the carrier is unavailable; try again");
            (StatusCode::SERVICE_UNAVAILABLE, Json(problem)).into_response()
        }
    })
}

async fn status(
    State(shared): Carried,
    headers: HeaderMap,
    uri: Uri,
    Query(query): Query<KeyQuery>,
) -> Result<Response, Refused> {
    signed(&shared, &headers, path_and_query(&uri))?;
    let engine = shared.engine_at_present();
    if !engine.config().answers_status {
        let problem = Problem::new("no_status", "本通道不能按键查询", "this gateway cannot answer by key");
        return Err(refuse(StatusCode::NOT_FOUND, problem));
    }
    let key = query.key.ok_or_else(|| {
        refuse(StatusCode::BAD_REQUEST, Problem::new("no_key", "缺少 key", "key is missing").field("key"))
    })?;
    Ok(Json(engine.status(&key)).into_response())
}

async fn next(State(shared): Carried, headers: HeaderMap, uri: Uri) -> Result<Json<Next>, Refused> {
    controlled(&shared, &headers, path_and_query(&uri))?;
    Ok(Json(Next { next: shared.engine().next() }))
}

async fn advance(State(shared): Carried, headers: HeaderMap, body: Bytes) -> Result<Json<Advanced>, Refused> {
    controlled(&shared, &headers, &body)?;
    let Advance { to } = read(&body)?;
    if shared.engine().config().clock == Clock::Wall {
        let problem =
            Problem::new("clock_is_wall", "时钟随实际时间走，不能拨动", "the clock is the wall's and cannot be moved");
        return Err(refuse(StatusCode::CONFLICT, problem));
    }
    // A task of its own: the driver may be killed while it waits, the receipts go on.
    let driver = Arc::clone(&shared);
    let driven = tokio::spawn(async move { driver.drive(to).await }).await.map_err(|error| {
        let problem =
            Problem::new("advance_failed", format!("推进失败：{error}"), format!("advancing failed: {error}"));
        refuse(StatusCode::INTERNAL_SERVER_ERROR, problem)
    })?;
    Ok(Json(Advanced { next: shared.engine().next(), delivered: driven.delivered, failed: driven.failed }))
}

async fn log(
    State(shared): Carried,
    headers: HeaderMap,
    uri: Uri,
    Query(query): Query<KeyQuery>,
) -> Result<Response, Refused> {
    controlled(&shared, &headers, path_and_query(&uri))?;
    let log = shared.engine().log(query.key.as_deref());
    Ok(Json(log).into_response())
}

async fn callback(State(shared): Carried, headers: HeaderMap, body: Bytes) -> Result<Json<Next>, Refused> {
    controlled(&shared, &headers, &body)?;
    let Callback { url } = read(&body)?;
    check_callback(&url).map_err(|problem| refuse(StatusCode::BAD_REQUEST, problem))?;
    shared.engine().set_callback(url);
    shared.wake.notify_one();
    Ok(Json(Next { next: shared.engine().next() }))
}

async fn script(State(shared): Carried, headers: HeaderMap, body: Bytes) -> Result<Json<Next>, Refused> {
    controlled(&shared, &headers, &body)?;
    let Prescribed { number, behaviour } = read(&body)?;
    let mut engine = shared.engine();
    engine.prescribe(number, behaviour);
    Ok(Json(Next { next: engine.next() }))
}

/// A request not taken. Boxed: it is rare and large.
#[derive(Debug)]
struct Refused(Box<(StatusCode, Problem)>);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, problem) = *self.0;
        (status, Json(problem)).into_response()
    }
}

fn refuse(status: StatusCode, problem: Problem) -> Refused {
    Refused(Box::new((status, problem)))
}

fn read<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| {
        let problem =
            Problem::new("bad_body", format!("请求正文无法读取：{error}"), format!("the body cannot be read: {error}"));
        refuse(StatusCode::BAD_REQUEST, problem.line(error.line()).column(error.column()))
    })
}

fn path_and_query(uri: &Uri) -> &[u8] {
    uri.path_and_query().map_or(b"", |it| it.as_str().as_bytes())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn signed(shared: &Shared, headers: &HeaderMap, body: &[u8]) -> Result<(), Refused> {
    let mut engine = shared.engine();
    let (seconds, signature) = (header(headers, TIME_HEADER), header(headers, SIGNATURE_HEADER));
    if seconds.parse::<i64>().is_ok() && verify(&engine.config().secret, seconds, body, signature) {
        return Ok(());
    }
    engine.note_bad_signature();
    let problem = Problem::new("bad_signature", "签名不符", "the signature is wrong");
    Err(refuse(StatusCode::UNAUTHORIZED, problem))
}

/// The control plane: by token where one is set, else signed like everything.
fn controlled(shared: &Shared, headers: &HeaderMap, body: &[u8]) -> Result<(), Refused> {
    let token = shared.engine().config().control_token.clone();
    match token {
        None => signed(shared, headers, body),
        Some(token) if header(headers, "authorization") == format!("Bearer {token}") => Ok(()),
        Some(_) => {
            let problem = Problem::new("bad_token", "控制令牌不符", "the control token is wrong");
            Err(refuse(StatusCode::UNAUTHORIZED, problem))
        }
    }
}
