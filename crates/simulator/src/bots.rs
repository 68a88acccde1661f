//! Servers of group bots (企业微信、钉钉、飞书) that do not exist, on one loopback socket.
//!
//! Each checks what the real one checks: the token in the address, the signature with its time, the
//! keyword, the shape of the message, so many messages a minute. What it took it keeps.

use std::{
    collections::VecDeque,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::{Value as Json_, json};
use sha2::Sha256;
use tokio::{net::TcpListener, task::JoinHandle};

/// What the servers ask for.
#[derive(Clone, Debug)]
pub struct BotsConfig {
    /// `key`, `access_token`, last part of the address.
    pub token: String,
    /// Signing secret of 钉钉 and 飞书; none is asked for where it is empty.
    pub secret: String,
    /// Keyword of 钉钉 and 飞书; none is asked for where it is empty.
    pub keyword: String,
    /// Messages a real minute; `None` is no limit, for worlds whose clock runs faster.
    pub per_minute: Option<usize>,
}

/// What happens to the next messages instead of the usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Refused as too fast, in the words of the vendor.
    TooFast,
    /// This status, nothing taken.
    Status(u16),
    /// Taken, and answered with something that is no answer.
    Malformed,
    /// Taken, and never answered.
    Hangs,
}

/// A message a group received.
#[derive(Clone, Debug)]
pub struct Received {
    /// `wecom`, `dingtalk`, `feishu`.
    pub bot: &'static str,
    /// The text a reader sees.
    pub text: String,
    /// The whole body as it came.
    pub body: String,
}

#[derive(Debug)]
struct Inner {
    config: BotsConfig,
    received: Mutex<Vec<Received>>,
    trouble: Mutex<VecDeque<Trouble>>,
    times: Mutex<VecDeque<Instant>>,
    refused: Mutex<Vec<String>>,
}

/// Running servers; they end when dropped.
#[derive(Debug)]
pub struct Bots {
    url: String,
    inner: Arc<Inner>,
    task: JoinHandle<()>,
}

impl Drop for Bots {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn held<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bots {
    /// Opens a loopback socket and serves the three vendors on it.
    ///
    /// # Errors
    /// When no socket can be opened.
    pub async fn start(config: BotsConfig) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let inner = Arc::new(Inner {
            config,
            received: Mutex::default(),
            trouble: Mutex::default(),
            times: Mutex::default(),
            refused: Mutex::default(),
        });
        let app = Router::new()
            .route("/cgi-bin/webhook/send", post(wecom))
            .route("/robot/send", post(dingtalk))
            .route("/open-apis/bot/v2/hook/{token}", post(feishu))
            .with_state(Arc::clone(&inner));
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::error!(%error, "the simulated bots stopped serving");
            }
        });
        Ok(Self { url, inner, task })
    }

    /// Address of a vendor's bot without its token.
    pub fn url(&self, bot: &str) -> String {
        let path = match bot {
            "wecom" => "/cgi-bin/webhook/send",
            "dingtalk" => "/robot/send",
            _ => "/open-apis/bot/v2/hook",
        };
        format!("{}{path}", self.url)
    }

    /// Everything taken so far.
    pub fn received(&self) -> Vec<Received> {
        held(&self.inner.received).clone()
    }

    /// What was refused, in the servers' own words.
    pub fn refused(&self) -> Vec<String> {
        held(&self.inner.refused).clone()
    }

    /// The next message meets this.
    pub fn next(&self, trouble: Trouble) {
        held(&self.inner.trouble).push_back(trouble);
    }
}

/// An answer of the vendor: code and words.
type Verdict = Result<(), (i64, &'static str)>;

async fn answer(
    inner: &Inner,
    bot: &'static str,
    text: String,
    body: &Bytes,
    proved: Verdict,
    too_fast: (i64, &'static str),
) -> Response {
    let trouble = held(&inner.trouble).pop_front();
    let verdict = proved.and_then(|()| match trouble {
        Some(Trouble::TooFast) => Err(too_fast),
        _ => within_limit(inner, too_fast),
    });
    if let Some(Trouble::Status(status)) = trouble {
        return StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response();
    }
    let (code, words) = match verdict {
        Ok(()) => {
            let body = String::from_utf8_lossy(body).into_owned();
            held(&inner.received).push(Received { bot, text, body });
            (0, if bot == "feishu" { "success" } else { "ok" })
        }
        Err((code, words)) => {
            held(&inner.refused).push(words.to_owned());
            (code, words)
        }
    };
    match trouble {
        Some(Trouble::Malformed) => "<html>gateway</html>".into_response(),
        Some(Trouble::Hangs) => std::future::pending().await,
        _ if bot == "feishu" => Json(json!({"code": code, "msg": words, "data": {}})).into_response(),
        _ => Json(json!({"errcode": code, "errmsg": words})).into_response(),
    }
}

fn within_limit(inner: &Inner, too_fast: (i64, &'static str)) -> Verdict {
    let Some(most) = inner.config.per_minute else { return Ok(()) };
    let mut times = held(&inner.times);
    times.retain(|it| it.elapsed() < Duration::from_secs(60));
    if times.len() >= most {
        return Err(too_fast);
    }
    times.push_back(Instant::now());
    Ok(())
}

fn hmac(key: &str, message: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(message.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Whether the time in the request lies within an hour of now; `unit` is how many of them a second has.
fn is_fresh(time: &str, unit: i64) -> bool {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |it| it.as_secs());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    time.parse::<i64>().is_ok_and(|it| (it / unit - now).abs() <= 3_600)
}

#[derive(Deserialize)]
struct WecomQuery {
    key: Option<String>,
}

async fn wecom(State(inner): State<Arc<Inner>>, Query(query): Query<WecomQuery>, body: Bytes) -> Response {
    let message: Json_ = serde_json::from_slice(&body).unwrap_or(Json_::Null);
    let (text, most) = match message["msgtype"].as_str() {
        Some("text") => (message["text"]["content"].as_str(), 2_048),
        Some("markdown") => (message["markdown"]["content"].as_str(), 4_096),
        _ => (None, 0),
    };
    let proved = match text {
        _ if query.key.as_deref() != Some(&inner.config.token) => Err((93000, "invalid webhook url")),
        None => Err((40008, "invalid message type")),
        Some(text) if text.len() > most => Err((40058, "content exceed max length")),
        Some(_) => Ok(()),
    };
    let text = text.unwrap_or_default().to_owned();
    answer(&inner, "wecom", text, &body, proved, (45009, "api freq out of limit")).await
}

#[derive(Deserialize)]
struct DingtalkQuery {
    access_token: Option<String>,
    timestamp: Option<String>,
    sign: Option<String>,
}

async fn dingtalk(State(inner): State<Arc<Inner>>, Query(query): Query<DingtalkQuery>, body: Bytes) -> Response {
    let message: Json_ = serde_json::from_slice(&body).unwrap_or(Json_::Null);
    let text = match message["msgtype"].as_str() {
        Some("text") => message["text"]["content"].as_str(),
        Some("markdown") if message["markdown"]["title"].is_string() => message["markdown"]["text"].as_str(),
        _ => None,
    };
    let (secret, time) = (&inner.config.secret, query.timestamp.unwrap_or_default());
    let signed = secret.is_empty() || query.sign.as_deref() == Some(&hmac(secret, &format!("{time}\n{secret}")));
    let proved = match text {
        _ if query.access_token.as_deref() != Some(&inner.config.token) => Err((300005, "token is not exist")),
        _ if !signed => Err((310000, "sign not match")),
        _ if !secret.is_empty() && !is_fresh(&time, 1_000) => Err((310000, "invalid timestamp")),
        None => Err((40035, "缺少参数 json")),
        Some(text) if !text.contains(&inner.config.keyword) => Err((310000, "keywords not in content")),
        Some(_) => Ok(()),
    };
    let text = text.unwrap_or_default().to_owned();
    answer(&inner, "dingtalk", text, &body, proved, (130101, "send too fast, exceed 20 times per minute")).await
}

async fn feishu(State(inner): State<Arc<Inner>>, Path(token): Path<String>, body: Bytes) -> Response {
    let message: Json_ = serde_json::from_slice(&body).unwrap_or(Json_::Null);
    let text = (message["msg_type"] == "text").then(|| message["content"]["text"].as_str()).flatten();
    let (secret, time) = (&inner.config.secret, message["timestamp"].as_str().unwrap_or_default());
    let signed = secret.is_empty() || message["sign"].as_str() == Some(&hmac(&format!("{time}\n{secret}"), ""));
    let proved = match text {
        _ if token != inner.config.token => Err((19001, "param invalid: incoming webhook access token invalid")),
        _ if !signed || !secret.is_empty() && !is_fresh(time, 1) => {
            Err((19021, "sign match fail or timestamp is not within one hour from current time"))
        }
        None => Err((9499, "Bad Request")),
        Some(text) if !text.contains(&inner.config.keyword) => Err((19024, "Key Words Not Found")),
        Some(_) => Ok(()),
    };
    let text = text.unwrap_or_default().to_owned();
    answer(
        &inner,
        "feishu",
        text,
        &body,
        proved,
        (11232, "frequency limited psm[lark.oapi.app_platform_runtime]appID[1500]"),
    )
    .await
}
