//! The courier: takes what is due from the outbox to the gateway. `sending` is on disk before the
//! request leaves; a request whose answer never came is `unknown` and is cleared up by key.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
    time::Duration,
};

use anlan_kernel::{Actor, Instant, RegionCode};
use anlan_store::{
    Advanced, Event, Lease, OutboxItem, Sending, StoreError, Tx, Urgency, failpoint, hex, outbox, params, real_now,
};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sha2::Sha256;

use crate::{
    Warn,
    flow::CallEvent,
    receipt,
    service::Line,
    text::{self, Ready},
};

/// Items looked at for one claim; more than one request, so that one slow area hides nobody.
const WINDOW: usize = 1_000;
/// Requests in flight at once on one gateway.
const PARALLEL: usize = 4;

/// What one step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Items handed to gateways.
    pub handed: usize,
    /// When there is more to do, in world time.
    pub next: Option<Instant>,
}

/// Token buckets in world time: one for the gateway, one per street.
#[derive(Debug)]
pub(crate) struct Pacer {
    rate: f64,
    area_rate: f64,
    all: Bucket,
    areas: HashMap<RegionCode, Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn full(rate: f64) -> Self {
        Self { tokens: rate.max(1.0), at: Instant(i64::MIN / 4) }
    }

    fn fill(&mut self, rate: f64, now: Instant) {
        let passed = now.since(self.at.min(now)).as_secs_f64();
        self.tokens = (self.tokens + passed * rate).min(rate.max(1.0));
        self.at = now;
    }

    /// When the next token is there.
    fn next(&self, rate: f64) -> Instant {
        self.at.plus(Duration::from_secs_f64(((1.0 - self.tokens).max(0.0)) / rate))
    }
}

impl Pacer {
    pub fn new(rate: f64, area_rate: f64) -> Self {
        Self { rate, area_rate, all: Bucket::full(rate), areas: HashMap::new() }
    }

    /// Takes a token for one message into `region`, or says when there will be one.
    pub fn take(&mut self, region: &RegionCode, now: Instant) -> Result<(), Instant> {
        if self.rate > 0.0 {
            self.all.fill(self.rate, now);
            if self.all.tokens < 1.0 - 1e-9 {
                return Err(self.all.next(self.rate));
            }
        }
        if self.area_rate > 0.0 {
            let street = region.street().unwrap_or_else(|| region.clone());
            let bucket = self.areas.entry(street).or_insert_with(|| Bucket::full(self.area_rate));
            bucket.fill(self.area_rate, now);
            if bucket.tokens < 1.0 - 1e-9 {
                return Err(bucket.next(self.area_rate));
            }
            bucket.tokens -= 1.0;
        }
        self.all.tokens -= 1.0;
        Ok(())
    }

    fn exhausted(&self) -> bool {
        self.rate > 0.0 && self.all.tokens < 1.0 - 1e-9
    }
}

#[derive(Serialize)]
struct Submit<'a> {
    items: Vec<SubmitItem<'a>>,
}

#[derive(Serialize)]
struct SubmitItem<'a> {
    key: &'a str,
    kind: &'a str,
    to: &'a str,
    text: &'a str,
    keys: [&'static str; 3],
    priority: i64,
    repeat: bool,
}

#[derive(Deserialize)]
struct Answer {
    items: Vec<AnswerItem>,
}

#[derive(Deserialize)]
struct AnswerItem {
    key: String,
    status: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

/// What became of one item.
#[derive(Clone, Debug)]
enum Outcome {
    Sent(Json),
    Refused(Json),
    /// Not taken; try again after this long.
    Later(Duration, Json),
    Unknown(Json),
}

type Claimed = (OutboxItem, Ready);

impl Warn {
    /// Hands over everything that is due and allowed now; repeat at `next`.
    ///
    /// # Errors
    /// What the store says; a gateway that does not answer is not an error.
    pub async fn courier_step(self: &Arc<Self>, lease: Option<&Lease>) -> Result<Step, StoreError> {
        let lines: Vec<_> =
            self.lines.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        let mut step = Step::default();
        for line in lines {
            loop {
                let (claimed, blocked) = self.claim(&line, lease).await?;
                if claimed.is_empty() {
                    step.next = [step.next, blocked].into_iter().flatten().min();
                    break;
                }
                step.handed += claimed.len();
                self.deliver(&line, claimed).await?;
            }
        }
        let due = self.world.read(&Actor::system("courier"), outbox::next_due).await?;
        let waiting = step.next;
        step.next = match (due, waiting) {
            // What is due already waits for the pacer, not for its time.
            (Some(due), Some(free)) if due <= self.world.now() => Some(free),
            (due, free) => [due, free].into_iter().flatten().min(),
        };
        Ok(step)
    }

    /// Marks what may go now as `sending` and commits that, with numbers and words in memory only.
    async fn claim(
        self: &Arc<Self>,
        line: &Arc<Line>,
        lease: Option<&Lease>,
    ) -> Result<(Vec<Claimed>, Option<Instant>), StoreError> {
        let (warn, line, lease) = (Arc::clone(self), Arc::clone(line), lease.cloned());
        let most = usize::try_from(line.gateway.batch).unwrap_or(1).clamp(1, 500) * PARALLEL;
        self.world
            .write("courier.claim", Urgency::Urgent, &Actor::system("courier"), move |tx| {
                let due = outbox::due_items(tx, &line.gateway.id, WINDOW)?;
                if due.is_empty() {
                    return Ok((Vec::new(), None));
                }
                if let Some(lease) = &lease {
                    tx.hold(lease)?;
                }
                let (chosen, blocked) = choose(&line, due, most, tx.now());
                let mut claimed = Vec::new();
                for item in chosen {
                    claim_one(&warn, tx, item, &mut claimed)?;
                }
                let detail = json!({"count": claimed.len()});
                tx.record(Event::new("outbox.sending", &line.gateway.id).detail(detail))?;
                Ok((claimed, blocked))
            })
            .await
    }

    async fn deliver(self: &Arc<Self>, line: &Arc<Line>, claimed: Vec<Claimed>) -> Result<(), StoreError> {
        let size = usize::try_from(line.gateway.batch).unwrap_or(1).clamp(1, 500);
        let mut requests = tokio::task::JoinSet::new();
        let mut rest = claimed;
        while !rest.is_empty() {
            let tail = rest.split_off(rest.len().min(size));
            let (warn, line, batch) = (Arc::clone(self), Arc::clone(line), std::mem::replace(&mut rest, tail));
            requests.spawn(async move {
                let outcomes = warn.submit(&line, &batch).await;
                let items: Vec<_> = batch.into_iter().map(|(item, _)| item).collect();
                warn.settle(&line, items, outcomes).await
            });
        }
        while let Some(done) = requests.join_next().await {
            done.map_err(|it| StoreError::Io(it.to_string()))??;
        }
        Ok(())
    }

    async fn submit(&self, line: &Line, batch: &[Claimed]) -> Vec<Outcome> {
        let items = batch
            .iter()
            .map(|(item, ready)| SubmitItem {
                key: &item.id,
                kind: &item.kind,
                to: &ready.to,
                text: &ready.text,
                keys: ["1", "2", "3"],
                priority: item.priority,
                repeat: item.payload["repeat"] == true,
            })
            .collect();
        let body = serde_json::to_vec(&Submit { items }).unwrap_or_default();
        failpoint::reach(|| "courier:before-send".into());
        let answer = self.signed_post(line, "/v1/submit", body).await;
        failpoint::reach(|| "courier:after-send".into());
        match answer {
            Ok(response) => read_answer(response, batch).await,
            Err(error) if error.is_connect() => later_all(batch, Duration::ZERO, "no_connection"),
            Err(_) => batch.iter().map(|_| Outcome::Unknown(json!({"code": "no_answer"}))).collect(),
        }
    }

    async fn signed_post(&self, line: &Line, path: &str, body: Vec<u8>) -> reqwest::Result<reqwest::Response> {
        let time = (real_now().0 / 1_000_000).to_string();
        self.http
            .post(format!("{}{path}", line.gateway.url))
            .header("content-type", "application/json")
            .header("x-anlan-signature", sign(&line.secret, &time, &body))
            .header("x-anlan-time", time)
            .body(body)
            .send()
            .await
    }

    async fn settle(
        self: &Arc<Self>,
        line: &Arc<Line>,
        items: Vec<OutboxItem>,
        outcomes: Vec<Outcome>,
    ) -> Result<(), StoreError> {
        let (warn, line) = (Arc::clone(self), Arc::clone(line));
        self.world
            .write("courier.settle", Urgency::Urgent, &Actor::system("courier"), move |tx| {
                let mut ended = Vec::new();
                for (item, outcome) in items.iter().zip(&outcomes) {
                    if settle_one(tx, &line, item, outcome)? {
                        ended.push(item.clone());
                    }
                }
                let detail = json!({"count": items.len()});
                tx.record(Event::new("outbox.settled", &line.gateway.id).detail(detail))?;
                for item in ended {
                    receipt::apply(&warn, tx, &item, |attempt| CallEvent::AttemptEnded { attempt })?;
                }
                Ok(())
            })
            .await
    }

    /// After a crash: what was `sending` is `unknown`; the gateway is asked by key, and what it does
    /// not know is sent again, marked as a repeat where it cannot answer. Returns how many.
    ///
    /// # Errors
    /// What the store says.
    pub async fn clear_up(self: &Arc<Self>, lease: Option<&Lease>) -> Result<usize, StoreError> {
        let lease = lease.cloned();
        let unknown = self
            .world
            .write("courier.unknown", Urgency::Urgent, &Actor::system("courier"), move |tx| {
                let items: Vec<OutboxItem> =
                    tx.find("state IN ('sending', 'unknown')", "ORDER BY id", params![])?;
                if items.is_empty() {
                    return Ok(items);
                }
                if let Some(lease) = &lease {
                    tx.hold(lease)?;
                }
                for item in items.iter().filter(|it| it.state == Sending::Sending) {
                    tx.put(&OutboxItem { state: Sending::Unknown, revision: item.revision + 1, ..item.clone() })?;
                }
                tx.record(Event::new("outbox.unknown", "courier").detail(json!({"count": items.len()})))?;
                tx.find("state = 'unknown'", "ORDER BY id", params![])
            })
            .await?;
        let count = unknown.len();
        for item in unknown {
            let line = self.lines.read().unwrap_or_else(PoisonError::into_inner).get(&item.channel).cloned();
            let Some(line) = line else { continue };
            let outcome = self.ask(&line, &item).await;
            self.settle(&line, vec![item], vec![outcome]).await?;
        }
        Ok(count)
    }

    async fn ask(&self, line: &Line, item: &OutboxItem) -> Outcome {
        let path = format!("/v1/status?key={}", percent(&item.id));
        let time = (real_now().0 / 1_000_000).to_string();
        let request = self
            .http
            .get(format!("{}{path}", line.gateway.url))
            .header("x-anlan-signature", sign(&line.secret, &time, path.as_bytes()))
            .header("x-anlan-time", time);
        match request.send().await {
            Ok(response) if response.status().is_success() => match response.json::<Json>().await {
                Ok(answer) if answer["known"] == true => Outcome::Sent(json!({"code": "known"})),
                Ok(_) => Outcome::Later(Duration::ZERO, json!({"code": "not_known"})),
                Err(_) => Outcome::Unknown(json!({"code": "no_answer"})),
            },
            // It cannot say: a double call is better than silence.
            Ok(response) if response.status().as_u16() == 404 => {
                Outcome::Later(Duration::ZERO, json!({"code": "repeat", "repeat": true}))
            }
            _ => Outcome::Unknown(json!({"code": "no_answer"})),
        }
    }
}

fn choose(line: &Line, due: Vec<OutboxItem>, most: usize, now: Instant) -> (Vec<OutboxItem>, Option<Instant>) {
    let mut pacer = line.pacer.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut chosen, mut blocked) = (Vec::new(), None::<Instant>);
    for item in due {
        if chosen.len() == most {
            break;
        }
        match pacer.take(&item.region, now) {
            Ok(()) => chosen.push(item),
            Err(free) => {
                blocked = Some(blocked.map_or(free, |it| it.min(free)));
                if pacer.exhausted() {
                    break;
                }
            }
        }
    }
    (chosen, blocked)
}

fn claim_one(
    warn: &Warn,
    tx: &mut Tx<'_>,
    item: OutboxItem,
    claimed: &mut Vec<Claimed>,
) -> Result<(), StoreError> {
    let ready = text::ready(warn, tx, &item)?;
    let state = if ready.is_some() { Sending::Sending } else { Sending::Refused };
    let outcome = ready.is_none().then(|| json!({"code": "no_number"})).or_else(|| item.outcome.clone());
    let next = OutboxItem { state, tries: item.tries + 1, outcome, ..item };
    if tx.advance(&next)? == Advanced::Stale {
        return Ok(());
    }
    match ready {
        Some(ready) => claimed.push((OutboxItem { revision: next.revision + 1, ..next }, ready)),
        None => receipt::apply(warn, tx, &next, |attempt| CallEvent::AttemptEnded { attempt })?,
    }
    Ok(())
}

/// Stores the outcome; whether the attempt is over without having left.
fn settle_one(tx: &mut Tx<'_>, line: &Line, item: &OutboxItem, outcome: &Outcome) -> Result<bool, StoreError> {
    // A receipt never touches the item, so only another courier could have moved it on.
    let Some(item) = tx.get::<OutboxItem>(&item.id)? else { return Ok(false) };
    let now = tx.now();
    let mut next = OutboxItem { revision: item.revision + 1, ..item };
    let mut over = false;
    match outcome {
        Outcome::Sent(said) => {
            next.state = Sending::Sent;
            next.sent_at = Some(now);
            next.outcome = Some(said.clone());
        }
        Outcome::Refused(said) => {
            next.state = Sending::Refused;
            next.outcome = Some(said.clone());
            over = true;
        }
        Outcome::Unknown(said) => {
            next.state = Sending::Unknown;
            next.outcome = Some(said.clone());
        }
        Outcome::Later(after, said) if next.tries >= line.gateway.max_tries => {
            tracing::warn!(item = next.id, ?after, "a message is given up after its tries");
            next.state = Sending::Failed;
            next.outcome = Some(said.clone());
            over = true;
        }
        Outcome::Later(after, said) => {
            let backoff = Duration::from_secs(1 << next.tries.clamp(0, 6));
            let wait = if said["code"] == "not_known" || said["code"] == "repeat" { *after } else { backoff.max(*after) };
            next.state = Sending::Queued;
            next.due_at = now.plus(wait);
            if said["repeat"] == true {
                next.payload["repeat"] = Json::Bool(true);
            }
            next.outcome = Some(said.clone());
        }
    }
    tx.put(&next)?;
    Ok(over)
}

async fn read_answer(response: reqwest::Response, batch: &[Claimed]) -> Vec<Outcome> {
    let status = response.status();
    if status.is_success() {
        return match response.json::<Answer>().await {
            Ok(answer) => {
                let by_key: HashMap<_, _> = answer.items.into_iter().map(|it| (it.key.clone(), it)).collect();
                batch.iter().map(|(item, _)| one_answer(by_key.get(&item.id))).collect()
            }
            Err(_) => batch.iter().map(|_| Outcome::Unknown(json!({"code": "bad_answer"}))).collect(),
        };
    }
    let wait = response
        .headers()
        .get("retry-after")
        .and_then(|it| it.to_str().ok()?.parse().ok())
        .map_or(Duration::ZERO, Duration::from_secs);
    match status.as_u16() {
        429 | 500..=599 => later_all(batch, wait, &format!("http_{}", status.as_u16())),
        code => batch.iter().map(|_| Outcome::Refused(json!({"code": format!("http_{code}")}))).collect(),
    }
}

fn one_answer(item: Option<&AnswerItem>) -> Outcome {
    let Some(item) = item else { return Outcome::Unknown(json!({"code": "not_answered"})) };
    let said = json!({"code": item.code, "message": item.message, "status": item.status});
    match item.status.as_str() {
        "accepted" | "duplicate" => Outcome::Sent(said),
        _ => Outcome::Refused(said),
    }
}

fn later_all(batch: &[Claimed], wait: Duration, code: &str) -> Vec<Outcome> {
    batch.iter().map(|_| Outcome::Later(wait, json!({"code": code}))).collect()
}

/// Lower-case hex of HMAC-SHA256(secret, time + "\n" + body).
pub fn sign(secret: &[u8], time: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(time.as_bytes());
    mac.update(b"\n");
    mac.update(body);
    hex(&mac.finalize().into_bytes())
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() || b"-._~".contains(&b) { (b as char).to_string() } else { format!("%{b:02X}") })
        .collect()
}
