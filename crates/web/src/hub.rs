//! One look at the journal for all open browsers of a world.
//!
//! While anybody listens, one task asks for the newest sealed entries, keeps a window of them and
//! wakes the streams; two hundred open desks cost the store as much as one.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use anlan_kernel::{Actor, RegionCode, Scope};
use anlan_store::{StoreError, journal};
use serde_json::json;
use tokio::sync::watch;

use crate::{Site, pages};

/// Events kept in memory; who is further behind reads the journal.
const WINDOW: usize = 4_096;
/// Sealing follows a commit within a second at most; this is how soon it is noticed.
const TICK: Duration = Duration::from_millis(250);
/// After a commit, so that a burst of them is looked at once.
const PAUSE: Duration = Duration::from_millis(50);
/// Entries read at once.
const PAGE: usize = 1_000;

/// What a browser hears of a sealed entry: nothing personal, only what to look at again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub position: i64,
    pub region: Option<RegionCode>,
    /// The event as every stream sends it.
    pub text: Arc<str>,
}

impl Note {
    fn of(entry: journal::Entry) -> Self {
        let journal::Entry { position, event, subject, region, at, .. } = entry;
        let data = json!({"subject": subject, "region": region, "at": at});
        Self {
            position,
            region: region.and_then(|it| RegionCode::parse(&it).ok()),
            text: message(position, &event, &data),
        }
    }

    /// Whether it lies inside the scope, as the store would say.
    pub fn inside(&self, scope: &Scope) -> bool {
        match (scope, &self.region) {
            (Scope::Everywhere, _) => true,
            (Scope::Regions(_), None) => false,
            (scope, Some(region)) => scope.covers(region),
        }
    }
}

/// A server-sent event (HTML Living Standard, 9.2): its names and its JSON hold no line break.
pub fn message(id: i64, event: &str, data: &serde_json::Value) -> Arc<str> {
    format!("id: {id}\nevent: {event}\ndata: {data}\n\n").into()
}

#[derive(Default)]
struct State {
    recent: VecDeque<Note>,
    running: bool,
}

/// The window and its wake-up call.
pub struct Hub {
    state: Mutex<State>,
    sealed: watch::Sender<i64>,
}

impl Default for Hub {
    fn default() -> Self {
        Self { state: Mutex::default(), sealed: watch::Sender::new(0) }
    }
}

impl Hub {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Events after `position` up to the newest, if the window reaches back that far.
    pub fn since(&self, position: i64) -> Option<Vec<Note>> {
        let state = self.state();
        let first = state.recent.front()?.position;
        (position + 1 >= first).then(|| state.recent.iter().filter(|it| it.position > position).cloned().collect())
    }

    fn keep(&self, notes: Vec<Note>) {
        let Some(newest) = notes.last().map(|it| it.position) else { return };
        {
            let mut state = self.state();
            state.recent.extend(notes);
            let surplus = state.recent.len().saturating_sub(WINDOW);
            state.recent.drain(..surplus);
        }
        self.sealed.send_replace(newest);
    }
}

/// Wakes whenever something was sealed. Starts the looking with the first listener.
pub fn listen(site: &Arc<Site>) -> watch::Receiver<i64> {
    let listener = site.hub.sealed.subscribe();
    let mut state = site.hub.state();
    if !state.running {
        state.running = true;
        state.recent.clear();
        tokio::spawn(look(Arc::downgrade(site)));
    }
    listener
}

/// Looks until nobody listens any more.
async fn look(site: Weak<Site>) {
    let Some(mut commits) = site.upgrade().map(|it| it.world.commits()) else { return };
    let mut position = None;
    while let Some(site) = site.upgrade() {
        {
            let mut state = site.hub.state();
            if site.hub.sealed.receiver_count() == 0 {
                state.running = false;
                return;
            }
        }
        match next(&site, position).await {
            Ok((seen, notes)) => {
                let more = notes.len() == PAGE;
                site.hub.keep(notes);
                if position.replace(seen).is_none() {
                    // What was sealed before the first look is not in the window: let streams catch up.
                    site.hub.sealed.send_replace(seen);
                }
                if more {
                    continue;
                }
            }
            Err(error) => tracing::warn!(%error, "the journal could not be looked at for the browsers"),
        }
        drop(site);
        tokio::select! {
            _ = commits.changed() => tokio::time::sleep(PAUSE).await,
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

async fn next(site: &Site, position: Option<i64>) -> Result<(i64, Vec<Note>), StoreError> {
    let Some(position) = position else { return Ok((pages::sealed_position(&site.world).await?, Vec::new())) };
    let notes = entries(site, &Actor::system("events"), position, PAGE).await?;
    Ok((notes.last().map_or(position, |it| it.position), notes))
}

/// Events after `position` from the journal itself, inside the actor's scope.
pub async fn entries(site: &Site, actor: &Actor, position: i64, most: usize) -> Result<Vec<Note>, StoreError> {
    let entries = journal::after(&site.world, actor, position, most).await?;
    Ok(entries.into_iter().map(Note::of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(position: i64, region: Option<&str>) -> Note {
        let region = region.map(|it| RegionCode::parse(it).unwrap());
        Note { position, region, text: message(position, "call.answered", &json!({"subject": "c1"})) }
    }

    #[test]
    fn the_window_answers_only_for_what_it_holds() {
        let hub = Hub::default();
        assert_eq!(hub.since(0), None);
        hub.keep((5..8).map(|it| note(it, None)).collect());
        assert_eq!(hub.since(3), None);
        assert_eq!(hub.since(4).map(|it| it.len()), Some(3));
        assert_eq!(hub.since(7), Some(Vec::new()));
        hub.keep((8..8 + WINDOW as i64).map(|it| note(it, None)).collect());
        assert_eq!(hub.since(6), None);
    }

    #[test]
    fn an_entry_without_region_is_for_world_wide_posts() {
        let street = Scope::Regions(vec![RegionCode::parse("440303001").unwrap()]);
        assert!(note(1, None).inside(&Scope::Everywhere));
        assert!(!note(1, None).inside(&street));
        assert!(note(1, Some("440303001002")).inside(&street));
        assert!(!note(1, Some("440303")).inside(&street));
    }
}
