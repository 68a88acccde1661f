//! Writes that carry an `Idempotency-Key` happen once: the first answer is stored and repeated.
//!
//! The key is claimed before the handler runs, and the handler runs to its end even when the caller is
//! gone. An answer of the kind 5xx frees the key: nothing was promised. A claim that a crash left
//! without an answer stays refused, because nobody can say whether the work was done.
//!
//! Answers may hold a credential or personal data, so they are kept sealed, and an erasure takes their words
//! with it: a repeat then hears how it ended and no more. Looks at personal data do not come here at all (see
//! `guard`): each stands in the journal.

use std::time::Duration;

use anlan_kernel::{Actor, Instant, Problem};
use anlan_store::{StoreError, Tx, Urgency, World, hex, lock, params, real_now, unlock};
use axum::{
    body::{Body, Bytes, to_bytes},
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

use crate::{ApiError, Site, Who, guard, headers::text, secret};

/// The caller's key.
pub const HEADER: &str = "idempotency-key";
/// Says that the answer is a stored one.
const REPLAY: &str = "idempotent-replay";
/// How long answers are kept; contracts promise a day.
const KEPT: Duration = Duration::from_secs(48 * 3600);
/// A claim of another process older than this will not be answered any more.
const LOST: Duration = Duration::from_secs(60);
const LONGEST: usize = 255;

/// What the store knows of a key.
enum Claim {
    /// Nobody used it: go on.
    Ours,
    /// Answered before.
    Answered(Stored),
    /// Used for something else.
    Mismatch,
    /// Being worked on.
    Busy,
    /// Claimed by a process that is gone.
    Unknown,
}

/// An answer as it is kept.
#[derive(Clone)]
struct Stored {
    status: u16,
    kind: Option<String>,
    body: Vec<u8>,
}

/// Runs the rest of the request unless its key was used before.
pub async fn once(site: &Site, who: &Who, limit: usize, request: Request, next: Next) -> Response {
    match claim_and_run(site, who, limit, request, next).await {
        Ok(answer) => answer,
        Err(error) => error.into_response(),
    }
}

async fn claim_and_run(
    site: &Site,
    who: &Who,
    limit: usize,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let key = key_of(&request)?;
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, limit).await.map_err(|_| ApiError::of(StatusCode::PAYLOAD_TOO_LARGE))?;
    let route = format!("{} {} {}\n{key}", who.actor.name, parts.method, parts.uri.path());
    let id = secret::digest("idempotency", &route);
    let request_digest = digest(parts.uri.query().unwrap_or_default(), &body);
    match claim(site, &id, &request_digest).await? {
        Claim::Ours => {
            let request = Request::from_parts(parts, Body::from(body));
            run(site, id, request, next).await
        }
        Claim::Answered(stored) => Ok(stored.replay()),
        Claim::Mismatch => Err(refusal(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_mismatch",
            "这个 Idempotency-Key 已用于另一个内容，请换一个",
            "this Idempotency-Key was used with another body; take a new one",
        )),
        Claim::Busy => Err(refusal(
            StatusCode::CONFLICT,
            "idempotency_in_progress",
            "同一请求正在处理，请稍后再取结果",
            "the same request is being worked on; ask again in a moment",
        )
        .retry_after(1)),
        Claim::Unknown => Err(refusal(
            StatusCode::CONFLICT,
            "idempotency_unknown",
            "上一次处理被中断，结果不明；请先查询再决定是否用新的键重做",
            "the first attempt was cut off and its outcome is unknown; look first, then decide about a new key",
        )),
    }
}

fn key_of(request: &Request) -> Result<String, ApiError> {
    let key = text(request.headers(), HEADER).map(str::trim).unwrap_or_default();
    if key.is_empty() || key.len() > LONGEST {
        return Err(Problem::new(
            "bad_idempotency_key",
            format!("Idempotency-Key 应为 1 至 {LONGEST} 个可见字符"),
            format!("an Idempotency-Key has 1 to {LONGEST} visible characters"),
        )
        .field("Idempotency-Key")
        .into());
    }
    Ok(key.to_owned())
}

fn digest(query: &str, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(query.as_bytes());
    hash.update([0]);
    hash.update(body);
    hex(&hash.finalize())
}

async fn claim(site: &Site, id: &str, request: &str) -> Result<Claim, StoreError> {
    let (id, request, run, now) = (id.to_owned(), request.to_owned(), site.run.clone(), real_now());
    let key = site.world.keys().secrets();
    site.world
        .write("idempotency.claim", Urgency::Urgent, &Actor::system("guard"), move |tx| {
            tx.execute_unjournaled("DELETE FROM idempotency WHERE at < $1", params![now.minus(KEPT)])?;
            let fresh = tx.execute_unjournaled(
                "INSERT INTO idempotency(id, request, run, at) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING",
                params![&id, &request, &run, now],
            )?;
            if fresh == 1 { Ok(Claim::Ours) } else { seen_before(tx, &key, &id, &request, &run, now) }
        })
        .await
}

fn seen_before(
    tx: &mut Tx<'_>,
    key: &[u8; 32],
    id: &str,
    request: &str,
    run: &str,
    now: Instant,
) -> Result<Claim, StoreError> {
    let rows = tx.query("SELECT request, run, at, status, kind, body FROM idempotency WHERE id = $1", params![id])?;
    // Freed between the two statements: whoever asks again will get it.
    let Some(row) = rows.first() else { return Ok(Claim::Busy) };
    if row.text(0)? != request {
        return Ok(Claim::Mismatch);
    }
    let Some(status) = row.opt(3, anlan_store::Row::int)? else {
        let lost = row.text(1)? != run && now.since(row.instant(2)?) > LOST;
        return Ok(if lost { Claim::Unknown } else { Claim::Busy });
    };
    Ok(Claim::Answered(Stored {
        status: u16::try_from(status).unwrap_or(200),
        kind: row.opt(4, anlan_store::Row::text)?,
        body: row.opt(5, anlan_store::Row::blob)?.map_or(Ok(Vec::new()), |it| unlock(key, &context(id), &it))?,
    }))
}

/// Runs the handler to its end, whether or not somebody still waits, and keeps the answer.
async fn run(site: &Site, id: String, request: Request, next: Next) -> Result<Response, ApiError> {
    let (world, run) = (site.world.clone(), site.run.clone());
    let work = tokio::spawn(async move {
        let answer = guard::run(request, next).await;
        let status = answer.status();
        let (parts, body) = answer.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
        let kept = (!status.is_server_error()).then(|| Stored {
            status: status.as_u16(),
            kind: parts.headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).map(str::to_owned),
            body: body.to_vec(),
        });
        settle(&world, id, run, kept).await?;
        Ok::<_, StoreError>(Response::from_parts(parts, Body::from(body)))
    });
    match work.await {
        Ok(answer) => Ok(answer?),
        Err(error) => {
            tracing::error!(%error, "a request with an idempotency key did not finish");
            Err(ApiError::of(StatusCode::INTERNAL_SERVER_ERROR))
        }
    }
}

/// Forgets what was answered, and what is being answered now: it may hold words about a person who is erased in this
/// transaction. That it was done, and how it ended, stays known.
///
/// # Errors
/// What the engine says.
pub fn forget(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    tx.execute_unjournaled("UPDATE idempotency SET run = '', kind = NULL, body = NULL", params![]).map(drop)
}

/// An answer opens under its own key only.
fn context(id: &str) -> String {
    format!("anlan answer {id}")
}

/// Keeps the answer of a claim of `run`; of one that an erasure took meanwhile, only how it ended.
async fn settle(world: &World, id: String, run: String, kept: Option<Stored>) -> Result<(), StoreError> {
    let secrets = world.keys().secrets();
    let seal = |it: Stored| Ok::<_, StoreError>(Stored { body: lock(&secrets, &context(&id), &it.body)?, ..it });
    let kept = kept.map(seal).transpose()?;
    world
        .write("idempotency.settle", Urgency::Urgent, &Actor::system("guard"), move |tx| {
            let Some(it) = &kept else {
                return tx.execute_unjournaled("DELETE FROM idempotency WHERE id = $1", params![&id]).map(drop);
            };
            tx.execute_unjournaled(
                "UPDATE idempotency SET status = $1 WHERE id = $2",
                params![i64::from(it.status), &id],
            )?;
            tx.execute_unjournaled(
                "UPDATE idempotency SET kind = $1, body = $2 WHERE id = $3 AND run = $4",
                params![it.kind.as_deref(), it.body.clone(), &id, &run],
            )
            .map(drop)
        })
        .await
}

impl Stored {
    fn replay(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let mut answer = (status, Bytes::from(self.body)).into_response();
        let headers = answer.headers_mut();
        headers.remove(header::CONTENT_TYPE);
        if let Some(kind) = self.kind.and_then(|it| HeaderValue::from_str(&it).ok()) {
            headers.insert(header::CONTENT_TYPE, kind);
        }
        headers.insert(REPLAY, HeaderValue::from_static("true"));
        answer
    }
}

fn refusal(status: StatusCode, code: &str, zh: &str, en: &str) -> ApiError {
    ApiError::new(status, Problem::new(code, zh, en).field("Idempotency-Key"))
}
