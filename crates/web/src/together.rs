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

use crate::{Site, Who};

/// After a look of a millisecond the next one of the kind waits this many.
const REST: u32 = 5;
/// Kinds kept; more are forgotten as soon as nobody waits for them.
const KINDS: usize = 256;

/// What is looked at, and all of the reader that it may depend on.
type Kind = (String, Scope, BTreeSet<Permission>, Lang);

struct Look {
    begun: Instant,
    took: Duration,
    seen: Markup,
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
    /// Those of `look`; they are not shared.
    pub async fn together<E>(
        &self,
        what: impl Into<String>,
        who: &Who,
        look: impl Future<Output = Result<Markup, E>>,
    ) -> Result<Markup, E> {
        let asked = Instant::now();
        let kind = (what.into(), who.actor.scope.clone(), who.permissions.clone(), who.lang);
        let slot = self.together.slot(kind);
        let mut last = slot.lock().await;
        if let Some(it) = &*last {
            if it.begun > asked {
                return Ok(it.seen.clone());
            }
            tokio::time::sleep_until((it.begun + it.took * REST).into()).await;
        }
        let begun = Instant::now();
        let seen = look.await?;
        *last = Some(Look { begun, took: begun.elapsed(), seen: seen.clone() });
        Ok(seen)
    }
}
