//! What a request came to, written down.

use std::{sync::Arc, time::Duration};

use anlan_kernel::{Actor, Instant};
use anlan_store::{Advanced, Event, OutboxItem, Sending, StoreError, Tx, Urgency, params};
use serde_json::{Value as Json, json};

use super::{courier, request::Outcome};
use crate::{
    Warn,
    channel::{Kind, announce},
    model::Call,
    receipt,
    service::{Line, refusal},
};

/// The longest pause before an item of unknown outcome is asked for again.
const LONGEST: Duration = Duration::from_secs(600);

impl Warn {
    pub(crate) async fn settle(
        self: &Arc<Self>,
        line: &Arc<Line>,
        items: Vec<OutboxItem>,
        outcomes: Vec<Outcome>,
    ) -> Result<(), StoreError> {
        let (warn, line) = (Arc::clone(self), Arc::clone(line));
        self.world
            .write("courier.settle", Urgency::Urgent, &courier(), move |tx| {
                let mut ended = Vec::new();
                for (item, outcome) in items.iter().zip(&outcomes) {
                    ended.extend(settle_one(tx, &line, item, outcome)?);
                }
                let detail = json!({"count": items.len(), "ended": ended.len()});
                if ended.iter().any(|it| is_trouble(&line, it)) {
                    announce::failed(tx, &line.channel.id)?;
                }
                tx.record(Event::new("outbox.settled", &line.channel.id).detail(detail))?;
                for item in &ended {
                    receipt::never_left(&warn, tx, item)?;
                }
                Ok(())
            })
            .await
    }
}

impl Warn {
    /// Queues a message that failed or was refused once more, as if it had never been tried.
    ///
    /// # Errors
    /// A refusal when there is no such message, it did not fail, or its call ended; what the store says.
    pub async fn send_again(&self, actor: &Actor, id: &str) -> Result<OutboxItem, StoreError> {
        let id = id.to_owned();
        self.world
            .write("sending.again", Urgency::Urgent, actor, move |tx| {
                let none = || refusal("no_such_sending", "没有这条发送", "there is no such sending");
                let item = tx.get::<OutboxItem>(&id)?.ok_or_else(none)?;
                if !matches!(item.state, Sending::Failed | Sending::Refused) {
                    return Err(refusal("sending_not_failed", "这条发送没有失败", "this sending did not fail"));
                }
                let is_call = item.payload["template"] == "call";
                if is_call && tx.get::<Call>(&item.subject)?.is_none_or(|it| !it.open) {
                    return Err(refusal("call_is_final", "此人已是最终状态，不必再发", "this call has ended already"));
                }
                let item = OutboxItem { state: Sending::Queued, tries: 0, due_at: tx.now(), ..item };
                if tx.advance(&item)? == Advanced::Stale {
                    return Err(StoreError::Stale(item.id));
                }
                tx.record(Event::new("sending.queued_again", &item.id).region(&item.region))?;
                Ok(OutboxItem { revision: item.revision + 1, ..item })
            })
            .await
    }
}

/// Stores the outcome; the attempt where it is over without having left.
fn settle_one(
    tx: &mut Tx<'_>,
    line: &Line,
    item: &OutboxItem,
    outcome: &Outcome,
) -> Result<Option<OutboxItem>, StoreError> {
    let next = settled(line, item, outcome, tx.now());
    if tx.advance(&next)? == Advanced::Yes {
        return Ok(over(next));
    }
    // A receipt was quicker, or another node took over and asked the gateway itself.
    let Some(current) = tx.get::<OutboxItem>(&item.id)? else { return Ok(None) };
    if !matches!(current.state, Sending::Sending | Sending::Unknown) {
        return Ok(None);
    }
    let next = settled(line, &current, outcome, tx.now());
    match tx.advance(&next)? {
        Advanced::Yes => Ok(over(next)),
        Advanced::Stale => Err(StoreError::Race(next.id)),
    }
}

fn over(item: OutboxItem) -> Option<OutboxItem> {
    matches!(item.state, Sending::Refused | Sending::Failed).then_some(item)
}

/// Whether the channel is to blame. A gateway refuses single numbers every night; a test tells whoever made it.
fn is_trouble(line: &Line, item: &OutboxItem) -> bool {
    let code = item.outcome.as_ref().and_then(|it| it["code"].as_str()).unwrap_or_default();
    let one_number = line.channel.kind == Kind::Gateway && item.state == Sending::Refused && !code.starts_with("http_");
    item.payload["matter"] != "test" && !one_number
}

fn settled(line: &Line, item: &OutboxItem, outcome: &Outcome, now: Instant) -> OutboxItem {
    let mut next = item.clone();
    match outcome {
        Outcome::Sent(said) => {
            next.state = Sending::Sent;
            next.sent_at = Some(now);
            next.outcome = Some(said.clone());
        }
        Outcome::Refused(said) => {
            next.state = Sending::Refused;
            next.outcome = Some(said.clone());
        }
        Outcome::Unknown(said) => {
            let asked = item.outcome.as_ref().and_then(|it| it["asked"].as_u64()).unwrap_or(0) + 1;
            next.state = Sending::Unknown;
            next.due_at = now.plus(pause(asked).min(LONGEST));
            let mut said = said.clone();
            said["asked"] = json!(asked);
            next.outcome = Some(said);
        }
        Outcome::Anew { repeat } => {
            next.state = Sending::Queued;
            next.due_at = now;
            next.outcome = Some(json!({"code": if *repeat { "repeat" } else { "not_known" }}));
            if *repeat {
                next.payload["repeat"] = Json::Bool(true);
            }
        }
        Outcome::GivenUp(said) => {
            next.state = Sending::Failed;
            next.outcome = Some(said.clone());
        }
        Outcome::Later(_, said) if next.tries >= line.channel.max_tries => {
            next.state = Sending::Failed;
            next.outcome = Some(said.clone());
        }
        Outcome::Later(after, said) => {
            next.state = Sending::Queued;
            next.due_at = now.plus(pause(next.tries.unsigned_abs()).min(Duration::from_secs(64)).max(*after));
            next.outcome = Some(said.clone());
        }
    }
    next
}

fn pause(times: u64) -> Duration {
    Duration::from_secs(1 << times.min(10))
}

/// What was in flight when the process died: known by a receipt, else to be asked for.
pub(super) fn doubt(tx: &mut Tx<'_>, item: &OutboxItem) -> Result<(), StoreError> {
    let (now, sql) = (tx.now(), "SELECT 1 FROM receipt WHERE attempt = $1 AND {scope:region} LIMIT 1");
    let seen = !tx.query(sql, params![&item.id])?.is_empty();
    let next = if seen {
        let outcome = Some(json!({"code": "receipt"}));
        OutboxItem { state: Sending::Sent, sent_at: Some(now), outcome, ..item.clone() }
    } else {
        let outcome = Some(json!({"code": "crash"}));
        OutboxItem { state: Sending::Unknown, due_at: now, outcome, ..item.clone() }
    };
    match tx.advance(&next)? {
        Advanced::Yes => Ok(()),
        Advanced::Stale => Err(StoreError::Race(next.id)),
    }
}
