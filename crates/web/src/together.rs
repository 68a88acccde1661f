//! One look for all who ask for the same at the same time.
//!
//! Two hundred open desks ask for their page anew after every event. Those that would see the same share one
//! look at the store: it begins after they asked, so nobody gets what is older than their question, and looks
//! rest between one another, so that desks never take the store from the calls.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anlan_kernel::{Lang, Permission, Scope};
use maud::Markup;

use crate::{ApiResult, Site, Who};

/// After a look of a millisecond the next one of the kind waits this many, but never longer than [`LONGEST`].
const REST: u32 = 5;
const LONGEST: Duration = Duration::from_millis(500);
/// Kinds kept; more are forgotten as soon as nobody waits for them.
const KINDS: usize = 256;

/// What is looked at, and all of the reader that it may depend on.
type Kind = (String, Scope, BTreeSet<Permission>, Lang);

struct Look {
    begun: Instant,
    rested: Instant,
    /// A failure too: those who asked before it began do not try one after the other.
    seen: ApiResult<Markup>,
}

type Slot = Arc<tokio::sync::Mutex<Option<Look>>>;

/// The looks of one world.
#[derive(Default)]
pub struct Together {
    slots: Mutex<HashMap<Kind, Slot>>,
}

impl Together {
    fn slot(&self, kind: Kind) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() > KINDS {
            slots.retain(|_, it| Arc::strong_count(it) > 1);
        }
        Arc::clone(slots.entry(kind).or_default())
    }
}

impl Site {
    /// What `look` gives, shared with whoever asks for `what` under the same scope, permissions and language; it
    /// may depend on nothing else of the reader.
    ///
    /// # Errors
    /// Those of `look`.
    pub async fn together(
        &self,
        what: impl Into<String>,
        who: &Who,
        look: impl Future<Output = ApiResult<Markup>>,
    ) -> ApiResult<Markup> {
        let asked = Instant::now();
        let kind = (what.into(), who.actor.scope.clone(), who.permissions.clone(), who.lang);
        let slot = self.together.slot(kind);
        let mut last = slot.lock().await;
        if let Some(it) = &*last {
            if it.begun > asked {
                return it.seen.clone();
            }
            tokio::time::sleep_until(it.rested.into()).await;
        }
        let begun = Instant::now();
        let seen = look.await;
        let rested = Instant::now() + (begun.elapsed() * REST).min(LONGEST);
        *last = Some(Look { begun, rested, seen: seen.clone() });
        seen
    }
}
