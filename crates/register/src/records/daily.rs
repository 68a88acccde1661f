//! What follows the day by itself: computed fields that ask for today are worked out anew every night.

use std::{sync::Arc, time::Duration};

use anlan_kernel::{Actor, Instant};
use anlan_store::{Advanced, Deadline, Event, Handler, Handlers, StoreError, Tx, Urgency, World, params};
use serde_json::json;

use super::{Record, write};
use crate::{
    kinds::{Catalog, Kind, value},
    state::Register,
};

const DEADLINE: &str = "register.day";
/// Records in one transaction.
const SLICE: usize = 300;
/// When the day is worked out, on the wall clock.
const AT: &str = "T00:10:00+08:00";

/// Handlers of the nightly work.
pub fn handlers(register: &Arc<Register>) -> Handlers {
    let register = Arc::clone(register);
    let run: Handler = Arc::new(move |tx, deadline| slice(&register.catalog(), tx, &deadline.subject));
    [(DEADLINE, run)].into()
}

/// Sets the night for every kind that needs one and has none.
///
/// # Errors
/// What the store says.
pub async fn begin(world: &World, catalog: &Arc<Catalog>) -> Result<(), StoreError> {
    let catalog = Arc::clone(catalog);
    let set = move |tx: &mut Tx<'_>| {
        for kind in catalog.kinds().filter(|it| it.follows_the_day()) {
            let (first, last) = (format!("{}/", kind.id), format!("{}0", kind.id));
            if tx.count::<Deadline>("kind = $1 AND subject >= $2 AND subject < $3", params![DEADLINE, first, last])?
                == 0
            {
                tx.set_deadline(DEADLINE, &format!("{}/", kind.id), tonight(tx.now()))?;
                tx.record(Event::new("register.night", &kind.id))?;
            }
        }
        Ok(())
    };
    world.write("register.night", Urgency::Background, &Actor::system("register"), set).await
}

/// The next ten past midnight.
fn tonight(now: Instant) -> Instant {
    let today = Instant::parse(&format!("{}{AT}", &now.wall()[..10])).unwrap_or(now);
    if today > now { today } else { today.plus(Duration::from_secs(86_400)) }
}

/// A slice of a kind from the record in the subject on; the next one follows at once, the first one tomorrow.
fn slice(catalog: &Catalog, tx: &mut Tx<'_>, subject: &str) -> Result<(), StoreError> {
    let (id, after) = subject.split_once('/').unwrap_or((subject, ""));
    let Some(kind) = catalog.kind(id).filter(|it| it.follows_the_day()) else {
        return tx.record(Event::new("register.night", id).detail(json!({"ended": true})));
    };
    let records: Vec<Record> = tx.find("kind = $1 AND id > $2", "ORDER BY id LIMIT $3", params![id, after, SLICE])?;
    for record in &records {
        work_out(catalog, kind, tx, record)?;
    }
    let next = records.last().filter(|_| records.len() == SLICE);
    let (subject, at) = match next {
        Some(last) => (format!("{id}/{}", last.id), tx.now()),
        None => (format!("{id}/"), tonight(tx.now())),
    };
    tx.set_deadline(DEADLINE, &subject, at)?;
    tx.record(Event::new("register.night", id))
}

fn work_out(catalog: &Catalog, kind: &Kind, tx: &mut Tx<'_>, record: &Record) -> Result<(), StoreError> {
    let (today, mut values) = (write::day_of(tx.now()), record.values());
    value::compute(kind, &mut values, today);
    let mut next = record.clone();
    for field in kind.fields.iter().filter(|it| it.computed.is_some()) {
        let into = if field.personal.is_some() { next.personal.get_or_insert_default() } else { &mut next.fields };
        match values.remove(&field.id).filter(|it| !value::is_empty(it)) {
            Some(it) => drop(into.insert(field.id.clone(), it)),
            None => drop(into.remove(&field.id)),
        }
    }
    if next == *record {
        return Ok(());
    }
    if tx.advance(&next)? == Advanced::Stale {
        // Somebody is changing it this moment: it is worked out with their change.
        return Ok(());
    }
    next.revision += 1;
    write::index(tx, catalog, kind, &[&next])?;
    tx.record(Event::new("record.computed", &next.id).region(&next.region).pack(&next.pack))
}
