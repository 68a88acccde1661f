//! Deadlines: what must be looked at again, and when, in world time.

use std::{collections::BTreeMap, sync::Arc};

use anlan_kernel::{Actor, Instant};
use serde::{Deserialize, Serialize};

use crate::{Event, Lease, StoreError, Tx, Urgency, World, params};

/// Most deadlines that share one transaction.
const SLICE: usize = 200;

/// A moment at which a handler looks at a subject again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deadline {
    /// `kind:subject`: a subject has one deadline of a kind.
    pub id: String,
    /// Which handler.
    pub kind: String,
    /// Key of what it is about.
    pub subject: String,
    /// When.
    pub due_at: Instant,
    /// How often its handler failed.
    pub failures: i64,
}

crate::table!(Deadline, DEADLINE, "deadline", {
    id: Text, kind: Text, subject: Text, due_at: Time, failures: Int,
});

/// Decides and writes what a due deadline means; runs inside the timekeeper's transaction.
pub type Handler = Arc<dyn Fn(&mut Tx<'_>, &Deadline) -> Result<(), StoreError> + Send + Sync>;

/// Handlers by deadline kind.
pub type Handlers = BTreeMap<&'static str, Handler>;

impl Tx<'_> {
    /// Sets (or moves) the deadline of this kind for the subject.
    ///
    /// # Errors
    /// What the engine says.
    pub fn set_deadline(&mut self, kind: &str, subject: &str, due_at: Instant) -> Result<(), StoreError> {
        let id = format!("{kind}:{subject}");
        self.put(&Deadline { id, kind: kind.to_owned(), subject: subject.to_owned(), due_at, failures: 0 })
    }

    /// Takes the deadline back, if there is one.
    ///
    /// # Errors
    /// What the engine says.
    pub fn clear_deadline(&mut self, kind: &str, subject: &str) -> Result<(), StoreError> {
        self.delete::<Deadline>(&format!("{kind}:{subject}")).map(drop)
    }
}

impl World {
    /// When the next deadline is due.
    ///
    /// # Errors
    /// What the engine says.
    pub async fn next_deadline(&self) -> Result<Option<Instant>, StoreError> {
        self.read(&Actor::system("timekeeper"), |tx| {
            let rows = tx.query("SELECT MIN(due_at) FROM deadline", params![])?;
            rows.first().map_or(Ok(None), |it| it.opt(0, crate::Row::instant))
        })
        .await
    }
}

/// Fires what is due, in order of (due, id), in slices of one transaction each; returns how many.
/// A handler that fails is tried again ten seconds later, alone, and nobody waits behind it.
///
/// # Errors
/// What the engine says, and [`StoreError::Fenced`] when another node took over.
pub async fn fire_due(world: &World, handlers: &Handlers, lease: Option<&Lease>) -> Result<usize, StoreError> {
    let mut fired = 0;
    loop {
        let taken = match slice(world, handlers, lease, SLICE).await {
            Ok(taken) => taken,
            Err(error @ StoreError::Fenced(_)) => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "a slice of deadlines failed; taking them one by one");
                one_by_one(world, handlers, lease).await?
            }
        };
        fired += taken;
        if taken < SLICE {
            return Ok(fired);
        }
    }
}

async fn slice(world: &World, handlers: &Handlers, lease: Option<&Lease>, most: usize) -> Result<usize, StoreError> {
    let (handlers, lease) = (handlers.clone(), lease.cloned());
    world
        .write("deadline", Urgency::Urgent, &Actor::system("timekeeper"), move |tx| {
            let due = due(tx, most)?;
            if due.is_empty() {
                return Ok(0);
            }
            if let Some(lease) = &lease {
                tx.hold(lease)?;
            }
            for deadline in &due {
                fire(tx, &handlers, deadline)?;
            }
            Ok(due.len())
        })
        .await
}

async fn one_by_one(world: &World, handlers: &Handlers, lease: Option<&Lease>) -> Result<usize, StoreError> {
    let mut fired = 0;
    for _ in 0..SLICE {
        match slice(world, handlers, lease, 1).await {
            Ok(0) => break,
            Ok(_) => fired += 1,
            Err(error @ StoreError::Fenced(_)) => return Err(error),
            Err(error) => {
                tracing::error!(%error, "a deadline's handler failed; it is tried again in ten seconds");
                postpone(world, lease).await?;
            }
        }
    }
    Ok(fired)
}

/// Fails in its turn where it is the store that failed, not the handler.
async fn postpone(world: &World, lease: Option<&Lease>) -> Result<(), StoreError> {
    let lease = lease.cloned();
    world
        .write("deadline-postpone", Urgency::Urgent, &Actor::system("timekeeper"), move |tx| {
            if let Some(lease) = &lease {
                tx.hold(lease)?;
            }
            let Some(mut first) = due(tx, 1)?.pop() else { return Ok(()) };
            first.failures += 1;
            first.due_at = tx.now().plus(std::time::Duration::from_secs(10));
            tx.put(&first)?;
            tx.record(Event::new("deadline.postponed", &first.id))
        })
        .await
}

fn due(tx: &mut Tx<'_>, most: usize) -> Result<Vec<Deadline>, StoreError> {
    let now = tx.now();
    tx.find("due_at <= $1", "ORDER BY due_at, id LIMIT $2", params![now, most])
}

fn fire(tx: &mut Tx<'_>, handlers: &Handlers, deadline: &Deadline) -> Result<(), StoreError> {
    // An earlier one of this slice may have moved or cleared it.
    let Some(current) = tx.get::<Deadline>(&deadline.id)?.filter(|it| it.due_at <= tx.now()) else { return Ok(()) };
    if !tx.delete::<Deadline>(&current.id)? {
        return Ok(());
    }
    let handler = handlers
        .get(current.kind.as_str())
        .ok_or_else(|| StoreError::Shape(format!("nobody handles deadlines of kind {}", current.kind)))?;
    handler(tx, &current)?;
    tx.record(Event::new("deadline.fired", &current.id).detail(serde_json::json!({"due": current.due_at})))
}
