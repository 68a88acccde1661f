//! The live stream of a world: sealed journal entries of the caller's own regions, as they come.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use anlan_kernel::{Actor, Lang};
use anlan_store::StoreError;
use axum::{
    extract::{Query, State},
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::Stream;
use serde::Deserialize;
use serde_json::json;
use tokio::{sync::watch, time::Instant};

use crate::{
    Access, ApiResult, Mounted, Routes, Site, Who,
    headers::text,
    hub::{self, Note},
    pages,
    session::{self, Credential},
};

/// Further behind than this a page is read anew rather than told everything.
const TOO_OLD: i64 = 50_000;
/// Entries read from the journal at once.
const PAGE: usize = 500;
/// How often a stream looks whether its session still holds, besides every log-out it hears of.
const CHECK: Duration = Duration::from_secs(5);

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
    let feed = Feed {
        sign_outs: site.sign_outs(),
        credential: session::credential(&site, &headers),
        waiting: reset.then(|| reset_event(newest)).into_iter().collect(),
        site,
        actor: who.actor,
        sealed,
        cursor,
        checked: Instant::now(),
    };
    let alive = KeepAlive::new().interval(Duration::from_secs(15));
    Ok(([("x-accel-buffering", "no")], Sse::new(feed.stream()).keep_alive(alive)).into_response())
}

/// Where to go on, and whether the page must be read anew first.
fn start(asked: Option<&str>, newest: i64) -> (i64, bool) {
    match asked.map(|it| it.trim().parse::<i64>()) {
        None => (newest, false),
        Some(Ok(cursor)) if (0..=newest).contains(&cursor) && newest - cursor <= TOO_OLD => (cursor, false),
        Some(_) => (newest, true),
    }
}

fn reset_event(newest: i64) -> Event {
    Event::default().id(newest.to_string()).event("reset").data(json!({"position": newest}).to_string())
}

fn event(note: &Note) -> Event {
    Event::default().id(note.position.to_string()).event(&note.event).data(note.data())
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
    waiting: VecDeque<Event>,
}

impl Feed {
    fn stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        futures_util::stream::unfold(self, |mut feed| async move {
            loop {
                if let Some(event) = feed.waiting.pop_front() {
                    return Some((Ok(event), feed));
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
            self.waiting.extend(notes.iter().filter(|it| it.inside(&self.actor.scope)).map(event));
            return Ok(true);
        }
        let newest = pages::sealed_position(&self.site.world).await?;
        if newest <= self.cursor {
            return Ok(false);
        }
        let notes = hub::entries(&self.site, &self.actor, self.cursor, PAGE).await?;
        self.cursor = if notes.len() == PAGE { notes[PAGE - 1].position } else { newest.max(self.cursor) };
        self.waiting.extend(notes.iter().filter(|it| it.position <= self.cursor).map(event));
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
            if news {
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
