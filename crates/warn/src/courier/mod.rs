//! The courier: takes what is due from the outbox to the gateway. `sending` is on disk before the
//! request leaves; a request whose answer never came is `unknown` and is cleared up by key.

mod bot;
mod mail;
mod pacer;
mod request;
mod settle;
pub(crate) mod speaker;

use std::sync::{Arc, PoisonError, atomic::Ordering};

use anlan_kernel::{Actor, Instant};
use anlan_store::{Advanced, Event, Lease, OutboxItem, Sending, StoreError, Tx, Urgency, failpoint, params};
use serde_json::json;
use tokio::task::JoinSet;

pub use bot::{sign_dingtalk, sign_feishu};
pub(crate) use pacer::Pacer;
pub use request::sign;

use request::Outcome;

use crate::{
    Warn,
    channel::Kind,
    receipt,
    service::Line,
    text::{Ready, Writer},
};

/// Items looked at at once where a street may have to wait.
const WINDOW: usize = 1_000;
/// Windows looked through, so that one slow street hides nobody.
const WINDOWS: usize = 10;
/// Requests in flight at once on one gateway.
const PARALLEL: usize = 4;
/// Items of unknown outcome asked for in one step.
const ASKED: usize = 100;
/// Messages moved to another gateway in one transaction.
const ADOPTED: usize = 500;

/// What one step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Items handed to gateways, or cleared up with them.
    pub handed: usize,
    /// When there is more to do, in world time.
    pub next: Option<Instant>,
}

/// An item on its way, with number and words in memory only.
pub(crate) type Claimed = (OutboxItem, Ready);

/// What may leave now.
struct Claim {
    claimed: Vec<Claimed>,
    /// Items looked at, those with nothing to send included.
    chosen: usize,
    /// When the pace allows more.
    blocked: Option<Instant>,
}

fn courier() -> Actor {
    Actor::system("courier")
}

fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    [a, b].into_iter().flatten().min()
}

impl Warn {
    /// Hands over everything that is due and allowed now; repeat at `next`.
    ///
    /// # Errors
    /// What the store says; a gateway that does not answer is not an error.
    pub async fn courier_step(self: &Arc<Self>, lease: Option<&Lease>) -> Result<Step, StoreError> {
        if self.in_doubt.swap(false, Ordering::AcqRel) {
            self.clear_up(lease).await?;
        }
        let lines: Vec<_> = self.lines.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        let mut working = JoinSet::new();
        for line in lines {
            let (warn, lease) = (Arc::clone(self), lease.cloned());
            working.spawn(async move { warn.line_step(&line, lease.as_ref()).await });
        }
        let (mut step, mut failed) = (Step::default(), None);
        while let Some(done) = working.join_next().await {
            match done.map_err(|it| StoreError::Io(it.to_string())).and_then(|it| it) {
                Ok(one) => {
                    step = Step { handed: step.handed + one.handed, next: earlier(step.next, one.next) };
                }
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            None => Ok(step),
            Some(error) => {
                self.in_doubt.store(true, Ordering::Release);
                Err(error)
            }
        }
    }

    async fn line_step(self: &Arc<Self>, line: &Arc<Line>, lease: Option<&Lease>) -> Result<Step, StoreError> {
        let mut step = Step { handed: self.ask_again(line).await?, next: None };
        let mut flying: JoinSet<Result<(), StoreError>> = JoinSet::new();
        let mut failed = None;
        loop {
            while failed.is_none() && flying.len() < PARALLEL {
                match self.claim(line, lease).await {
                    Ok(claim) if claim.chosen == 0 => {
                        step.next = claim.blocked;
                        break;
                    }
                    Ok(claim) => {
                        step.handed += claim.chosen;
                        let (warn, line) = (Arc::clone(self), Arc::clone(line));
                        if !claim.claimed.is_empty() {
                            flying.spawn(async move { warn.deliver(&line, claim.claimed).await });
                        }
                    }
                    Err(error) => failed = Some(error),
                }
            }
            // What is in flight is waited for in any case: its outcome must be stored.
            match flying.join_next().await {
                Some(done) => {
                    let done = done.map_err(|it| StoreError::Io(it.to_string())).and_then(|it| it);
                    failed = failed.or(done.err());
                }
                None => break,
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        step.next = earlier(step.next, self.next_due(line).await?);
        Ok(step)
    }

    async fn deliver(self: &Arc<Self>, line: &Arc<Line>, claimed: Vec<Claimed>) -> Result<(), StoreError> {
        let outcomes = hand_over(self, line, &claimed).await;
        self.hold_back(line, &outcomes);
        self.settle(line, claimed.into_iter().map(|(item, _)| item).collect(), outcomes).await
    }

    /// A far side that says "not so fast" means all of it.
    fn hold_back(&self, line: &Line, outcomes: &[Outcome]) {
        let waits = outcomes.iter().filter_map(|it| match it {
            Outcome::Later(wait, _) if !wait.is_zero() => Some(*wait),
            _ => None,
        });
        if let Some(wait) = waits.max() {
            let until = self.world.now().plus(wait);
            line.pacer.lock().unwrap_or_else(PoisonError::into_inner).hold(until);
        }
    }

    /// Marks what may go now as `sending` and commits that.
    async fn claim(self: &Arc<Self>, line: &Arc<Line>, lease: Option<&Lease>) -> Result<Claim, StoreError> {
        let (warn, line, lease) = (Arc::clone(self), Arc::clone(line), lease.cloned());
        self.world
            .write("courier.claim", Urgency::Urgent, &courier(), move |tx| {
                let (chosen, blocked) = choose(tx, &line)?;
                let count = chosen.len();
                if count == 0 {
                    return Ok(Claim { claimed: Vec::new(), chosen: 0, blocked });
                }
                if let Some(lease) = &lease {
                    tx.hold(lease)?;
                }
                Ok(Claim { claimed: claim_all(&warn, tx, &line, chosen)?, chosen: count, blocked })
            })
            .await
    }

    /// When something of this line is due that is not due yet.
    async fn next_due(&self, line: &Arc<Line>) -> Result<Option<Instant>, StoreError> {
        let channel = line.channel.id.clone();
        self.world
            .read(&courier(), move |tx| {
                let now = tx.now();
                let sql = "SELECT MIN(due_at) FROM outbox
                            WHERE channel = $1 AND state IN ('queued', 'unknown') AND due_at > $2 AND {scope:region}";
                let rows = tx.query(sql, params![&channel, now])?;
                rows.first().map_or(Ok(None), |it| it.opt(0, anlan_store::Row::instant))
            })
            .await
    }

    /// Items nobody knows the outcome of are asked for again, with growing pauses.
    async fn ask_again(self: &Arc<Self>, line: &Arc<Line>) -> Result<usize, StoreError> {
        let channel = line.channel.id.clone();
        let unknown: Vec<OutboxItem> = self
            .world
            .read(&courier(), move |tx| {
                let now = tx.now();
                let condition = "channel = $1 AND state = 'unknown' AND due_at <= $2";
                tx.find(condition, "ORDER BY due_at, id LIMIT $3", params![&channel, now, ASKED])
            })
            .await?;
        let mut cleared = 0;
        for item in unknown {
            let outcome = ask(&self.http, line, &item).await;
            cleared += usize::from(!matches!(outcome, Outcome::Unknown(_)));
            self.settle(line, vec![item], vec![outcome]).await?;
        }
        Ok(cleared)
    }

    /// Calls and messages that wait for a gateway nobody uses, or were queued before there was one, leave
    /// by the gateway in use. Returns how many moved.
    pub(crate) async fn adopt_stranded(self: &Arc<Self>) -> Result<usize, StoreError> {
        let used: Vec<String> = self.gateways_in_use().into_iter().map(|it| it.id).collect();
        let Some(gateway) = used.first().cloned() else { return Ok(0) };
        let waiting = "SELECT DISTINCT channel FROM outbox
                        WHERE state = 'queued' AND kind IN ('voice', 'sms') AND {scope:region}";
        let stranded: Vec<String> = self
            .world
            .read(&courier(), move |tx| tx.query(waiting, &[])?.iter().map(|it| it.text(0)).collect())
            .await?;
        let (by, mut moved) = (courier(), 0);
        for channel in stranded.into_iter().filter(|it| !used.contains(it)) {
            loop {
                let (from, to) = (channel.clone(), gateway.clone());
                let adopted = move |tx: &mut Tx<'_>| adopt(tx, &from, &to);
                match self.world.write("courier.adopt", Urgency::Urgent, &by, adopted).await? {
                    0 => break,
                    count => moved += count,
                }
            }
            tracing::warn!(from = channel, to = gateway, "what waited for a gateway out of use leaves by another");
        }
        Ok(moved)
    }

    /// After a crash: what was `sending` is `unknown`; a receipt proves it left, else the gateway is
    /// asked by key, and what it does not know is sent again, marked as a repeat where it cannot
    /// answer. Returns how many. Nothing may be in flight.
    ///
    /// # Errors
    /// What the store says.
    pub async fn clear_up(self: &Arc<Self>, lease: Option<&Lease>) -> Result<usize, StoreError> {
        let lease = lease.cloned();
        let unknown = self
            .world
            .write("courier.unknown", Urgency::Urgent, &courier(), move |tx| {
                let items: Vec<OutboxItem> = tx.find("state = 'sending'", "ORDER BY id", params![])?;
                if items.is_empty() {
                    return Ok(0);
                }
                if let Some(lease) = &lease {
                    tx.hold(lease)?;
                }
                for item in &items {
                    settle::doubt(tx, item)?;
                }
                tx.record(Event::new("outbox.unknown", "courier").detail(json!({"count": items.len()})))?;
                Ok(items.len())
            })
            .await?;
        if unknown > 0 {
            tracing::warn!(unknown, "sendings without a known outcome are cleared up with the gateways");
        }
        let lines: Vec<_> = self.lines.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        for line in lines {
            while self.ask_again(&line).await? > 0 {}
        }
        Ok(unknown)
    }
}

/// Hands a batch to the far side; one outcome per item, in order.
pub(crate) async fn hand_over(warn: &Warn, line: &Line, batch: &[Claimed]) -> Vec<Outcome> {
    failpoint::reach(|| "courier:before-send".into());
    let outcomes = match line.channel.kind {
        Kind::Gateway => request::submit(&warn.http, line, batch).await,
        Kind::Wecom | Kind::Dingtalk | Kind::Feishu => bot::send(&warn.http, line, batch).await,
        Kind::Mail => mail::send(warn, line, batch).await,
        Kind::Speaker => speaker::send(warn, line, batch).await,
        // Its messages leave by the gateway it names.
        Kind::SpeakerDial => refuse(batch, "no_way"),
    };
    failpoint::reach(|| "courier:after-send".into());
    outcomes
}

fn refuse(batch: &[Claimed], code: &str) -> Vec<Outcome> {
    batch.iter().map(|_| Outcome::Refused(json!({"code": code}))).collect()
}

/// Clears up an item of unknown outcome. A gateway can be asked by key. Nobody else can: there the
/// message goes once more, marked as a repeat, and is given up when that is in doubt too.
async fn ask(http: &reqwest::Client, line: &Line, item: &OutboxItem) -> Outcome {
    match line.channel.kind {
        Kind::Gateway => request::ask(http, line, item).await,
        _ if item.payload["repeat"] == true || item.tries >= line.channel.max_tries => {
            Outcome::GivenUp(json!({"code": "in_doubt"}))
        }
        _ => Outcome::Anew { repeat: true },
    }
}

/// Connects to the far side as far as that sends nothing; what it said, or what went wrong.
///
/// # Errors
/// The far side's words, or the connection's.
pub(crate) async fn probe(http: &reqwest::Client, line: &Line, within: std::time::Duration) -> Result<String, String> {
    match line.channel.kind {
        Kind::Gateway => request::probe(http, &format!("{}/v1/status?key=doctor", line.channel.url)).await,
        Kind::Wecom | Kind::Dingtalk | Kind::Feishu => request::probe(http, &line.channel.url).await,
        Kind::Mail => mail::probe(line, within).await,
        Kind::Speaker => speaker::probe(line, within).await,
        Kind::SpeakerDial => Ok(line.channel.setting("gateway").to_owned()),
    }
}

/// What may go now: by priority, then time, as far as the pace allows.
fn choose(tx: &mut Tx<'_>, line: &Line) -> Result<(Vec<OutboxItem>, Option<Instant>), StoreError> {
    let most = line.batch();
    let mut pacer = line.pacer.lock().unwrap_or_else(PoisonError::into_inner);
    let (window, windows) = if pacer.by_area() { (WINDOW.max(most), WINDOWS) } else { (most, 1) };
    let (mut chosen, mut blocked, mut after) = (Vec::new(), None, None);
    for _ in 0..windows {
        let due = due_items(tx, &line.channel.id, after.as_ref(), window)?;
        let full = due.len() == window;
        after = due.last().map(|it| (it.priority, it.due_at, it.id.clone()));
        for item in due {
            if chosen.len() == most {
                return Ok((chosen, blocked));
            }
            match pacer.take(&item.region, tx.now()) {
                Ok(()) => chosen.push(item),
                Err(free) => {
                    blocked = earlier(blocked, Some(free));
                    if pacer.exhausted() {
                        return Ok((chosen, blocked));
                    }
                }
            }
        }
        if !full {
            break;
        }
    }
    Ok((chosen, blocked))
}

fn adopt(tx: &mut Tx<'_>, from: &str, to: &str) -> Result<usize, StoreError> {
    let condition = "channel = $1 AND state = 'queued' AND kind IN ('voice', 'sms')";
    let items: Vec<OutboxItem> =
        tx.find(condition, "ORDER BY priority, due_at, id LIMIT $2", params![from, ADOPTED])?;
    let mut moved = 0;
    for item in items {
        let item = OutboxItem { channel: to.to_owned(), ..item };
        moved += usize::from(tx.advance(&item)? == Advanced::Yes);
    }
    if moved > 0 {
        tx.record(Event::new("outbox.adopted", to).detail(json!({"count": moved, "from": from})))?;
    }
    Ok(moved)
}

fn due_items(
    tx: &mut Tx<'_>,
    channel: &str,
    after: Option<&(i64, Instant, String)>,
    most: usize,
) -> Result<Vec<OutboxItem>, StoreError> {
    let Some((priority, due_at, id)) = after else { return anlan_store::outbox::due_items(tx, channel, most) };
    let now = tx.now();
    tx.find(
        "channel = $1 AND state = 'queued' AND due_at <= $2
          AND (priority > $3 OR (priority = $3 AND (due_at > $4 OR (due_at = $4 AND id > $5))))",
        "ORDER BY priority, due_at, id LIMIT $6",
        params![channel, now, *priority, *due_at, id, most],
    )
}

fn claim_all(warn: &Warn, tx: &mut Tx<'_>, line: &Line, chosen: Vec<OutboxItem>) -> Result<Vec<Claimed>, StoreError> {
    let mut writer = Writer::new(warn);
    let (mut claimed, mut stayed) = (Vec::new(), Vec::new());
    for item in chosen {
        match writer.ready(tx, &item)? {
            Ok(ready) => {
                let item = OutboxItem { state: Sending::Sending, tries: item.tries + 1, ..item };
                // Somebody took it back between: an answer came.
                if tx.advance(&item)? == Advanced::Yes {
                    claimed.push((OutboxItem { revision: item.revision + 1, ..item }, ready));
                }
            }
            Err(why) => {
                let state = if why == "nothing_to_say" { Sending::Dropped } else { Sending::Refused };
                let item = OutboxItem { state, outcome: Some(json!({"code": why})), ..item };
                if tx.advance(&item)? == Advanced::Yes {
                    stayed.push(item);
                }
            }
        }
    }
    let detail = json!({"count": claimed.len(), "stayed": stayed.len()});
    tx.record(Event::new("outbox.sending", &line.channel.id).detail(detail))?;
    for item in &stayed {
        receipt::never_left(warn, tx, item)?;
    }
    Ok(claimed)
}
