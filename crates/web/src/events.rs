//! The live stream of a world: sealed journal entries of the caller's own regions, as they come.

use std::{convert::Infallible, sync::Arc, time::Duration};

use anlan_kernel::{Actor, Lang};
use anlan_store::StoreError;
use axum::{
    body::Body,
    extract::{Query, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use futures_util::Stream;
use serde::Deserialize;
use serde_json::json;
use tokio::{sync::watch, time::Instant};

use crate::{
    Access, ApiResult, Mounted, Routes, Site, Who,
    headers::text,
    hub, pages,
    session::{self, Credential},
};

/// Further behind than this a page is read anew rather than told everything.
const TOO_OLD: i64 = 50_000;
/// Entries read from the journal at once.
const PAGE: usize = 500;
/// How often a stream looks whether its session still holds, besides every log-out it hears of.
const CHECK: Duration = Duration::from_secs(5);
/// A comment after so much silence, so that nothing on the way takes the stream for dead.
const ALIVE: Duration = Duration::from_secs(15);

#[derive(Deserialize)]
struct AfterQuery {
    #[serde(default)]
    after: Option<String>,
}

/// The stream's route.
pub fn routes(site: &Arc<Site>) -> Mounted {
    Routes::new(site)
        .get("/api/v1/events", Access::SignedIn, "实时事件流（SSE）", "Live events (SSE)", events)
        .finish(Arc::clone(site))
}

async fn events(
    State(site): State<Arc<Site>>,
    who: Who,
    headers: HeaderMap,
    Query(query): Query<AfterQuery>,
) -> ApiResult<Response> {
    let sealed = hub::listen(&site);
    let newest = pages::sealed_position(&site.world).await?;
    let asked = text(&headers, "last-event-id").or(query.after.as_deref());
    let (cursor, reset) = start(asked, newest);
    let mut waiting = String::new();
    if reset {
        waiting.push_str(&hub::message(newest, "reset", &json!({"position": newest})));
    }
    let feed = Feed {
        sign_outs: site.sign_outs(),
        credential: session::credential(&site, &headers),
        waiting,
        site,
        actor: who.actor,
        sealed,
        cursor,
        checked: Instant::now(),
        spoke: Instant::now(),
    };
    let head = [(header::CONTENT_TYPE.as_str(), "text/event-stream"), ("x-accel-buffering", "no")];
    Ok((head, Body::from_stream(feed.stream())).into_response())
}

/// Where to go on, and whether the page must be read anew first.
fn start(asked: Option<&str>, newest: i64) -> (i64, bool) {
    match asked.map(|it| it.trim().parse::<i64>()) {
        None => (newest, false),
        Some(Ok(cursor)) if (0..=newest).contains(&cursor) && newest - cursor <= TOO_OLD => (cursor, false),
        Some(_) => (newest, true),
    }
}

/// One open stream.
struct Feed {
    site: Arc<Site>,
    actor: Actor,
    credential: Option<Credential>,
    sealed: watch::Receiver<i64>,
    sign_outs: watch::Receiver<u64>,
    cursor: i64,
    checked: Instant,
    spoke: Instant,
    /// Events not sent yet, in the form of the stream.
    waiting: String,
}

impl Feed {
    /// Whatever has come goes out in one piece.
    fn stream(self) -> impl Stream<Item = Result<String, Infallible>> {
        futures_util::stream::unfold(self, |mut feed| async move {
            loop {
                if !feed.waiting.is_empty() {
                    feed.spoke = Instant::now();
                    return Some((Ok(std::mem::take(&mut feed.waiting)), feed));
                }
                match feed.take().await {
                    Ok(true) => {}
                    Ok(false) => {
                        if !feed.wait().await {
                            return None;
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "an event stream ends: the journal does not answer");
                        return None;
                    }
                }
            }
        })
    }

    /// Takes what came since; `false` when there is nothing more for now.
    async fn take(&mut self) -> Result<bool, StoreError> {
        if let Some(notes) = self.site.hub.since(self.cursor) {
            let Some(last) = notes.last() else { return Ok(false) };
            self.cursor = last.position;
            self.waiting.extend(notes.iter().filter(|it| it.inside(&self.actor.scope)).map(|it| &*it.text));
            return Ok(true);
        }
        let newest = pages::sealed_position(&self.site.world).await?;
        if newest <= self.cursor {
            return Ok(false);
        }
        let notes = hub::entries(&self.site, &self.actor, self.cursor, PAGE).await?;
        self.cursor = if notes.len() == PAGE { notes[PAGE - 1].position } else { newest.max(self.cursor) };
        self.waiting.extend(notes.iter().filter(|it| it.position <= self.cursor).map(|it| &*it.text));
        Ok(true)
    }

    /// Waits for news; `false` when the caller is no longer let in.
    async fn wait(&mut self) -> bool {
        loop {
            let news = tokio::select! {
                changed = self.sealed.changed() => {
                    if changed.is_err() {
                        return false;
                    }
                    true
                }
                _ = self.sign_outs.changed() => {
                    self.checked -= CHECK;
                    false
                }
                () = tokio::time::sleep(CHECK) => false,
            };
            if self.checked.elapsed() >= CHECK {
                if !self.still_in().await {
                    return false;
                }
                self.checked = Instant::now();
            }
            // News of other areas keep nothing alive: the reader hears nothing of them.
            let silent = self.spoke.elapsed() >= ALIVE;
            if silent {
                self.waiting.push_str(":\n\n");
            }
            if news || silent {
                return true;
            }
        }
    }

    async fn still_in(&self) -> bool {
        let Some(credential) = self.credential.clone() else { return false };
        match session::holder(&self.site.world, credential, Lang::default()).await {
            Ok(who) => who.is_some_and(|it| it.actor == self.actor),
            Err(error) => {
                tracing::warn!(%error, "a session could not be looked at");
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_that_is_unknown_or_too_old_starts_anew() {
        for (asked, newest, want) in [
            (None, 70, (70, false)),
            (Some("70"), 70, (70, false)),
            (Some("12"), 70, (12, false)),
            (Some("71"), 70, (70, true)),
            (Some("-1"), 70, (70, true)),
            (Some("x"), 70, (70, true)),
            (Some("1"), 60_000, (60_000, true)),
        ] {
            assert_eq!(start(asked, newest), want, "{asked:?}");
        }
    }
}
