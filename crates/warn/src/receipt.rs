//! Receipts: a gateway's signed word about an attempt.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
    time::Duration,
};

use anlan_kernel::{Actor, Instant, Problem, RegionCode};
use anlan_store::{Event, OutboxItem, Sending, StoreError, Tx, Urgency, Value, failpoint, hex};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{
    Warn, call,
    channel::{Kind, PlayState, play},
    courier::sign,
    escalation,
    flow::CallEvent,
    model::Receipt,
    service::refusal,
};

/// Most receipts of one body that share a transaction.
const SLICE: usize = 200;
/// Bodies without a good signature kept in an hour; those beyond it are refused and only counted.
const UNVERIFIED_KEPT: u32 = 200;
/// Characters kept of such a body.
const UNVERIFIED_LENGTH: usize = 16_000;

#[derive(Deserialize)]
struct Body {
    receipts: Vec<Json>,
}

#[derive(Clone, Deserialize)]
struct Incoming {
    id: String,
    key: String,
    event: String,
    at: Instant,
    #[serde(default)]
    digit: Option<String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    reason: Option<String>,
}

/// What became of a batch of receipts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Taken {
    /// New.
    pub taken: usize,
    /// Seen before; nothing changed.
    pub doubled: usize,
    /// Of attempts nobody made; kept.
    pub unknown: usize,
    /// Not as agreed; kept with the reason, never counted.
    #[serde(skip_serializing_if = "is_none")]
    pub bad: usize,
}

impl Warn {
    /// Takes a signed batch; answers only after it is durable. A body whose signature does not hold
    /// is kept, never counted, and refused; of a signed one a receipt that is not as agreed is kept with what is
    /// wrong with it, and the others are taken. One in which nothing is as agreed is refused.
    ///
    /// # Errors
    /// The refusals `bad_signature` and `bad_receipts`; what the store says.
    pub async fn take_receipts(
        self: &Arc<Self>,
        gateway: &str,
        time: &str,
        signature: &str,
        body: &[u8],
    ) -> Result<Taken, StoreError> {
        let line = self.lines.read().unwrap_or_else(PoisonError::into_inner).get(gateway).cloned();
        let Some(line) = line.filter(|it| it.channel.kind == Kind::Gateway) else {
            return Err(refusal("no_such_gateway", "没有这个通道", "there is no such gateway"));
        };
        let holds = sign(line.secret("secret").as_bytes(), time, body).as_bytes().ct_eq(signature.as_bytes());
        if !bool::from(holds) {
            self.keep_unverified(gateway, body).await?;
            return Err(refusal(
                "bad_signature",
                "回执签名不符，已留存，不计入结果",
                "the signature of these receipts does not hold; they are kept and never counted",
            ));
        }
        let body: Body = serde_json::from_slice(body)
            .map_err(|it| StoreError::Refused(bad_receipts(&it.to_string()).line(it.line()).column(it.column())))?;
        let actor = Actor::system(&format!("gateway-{gateway}"));
        let mut taken = Taken::default();
        failpoint::reach(|| "receipt:before".into());
        let (good, bad) = sorted(body.receipts);
        taken.bad = bad.len();
        if let Some((_, first)) = bad.first() {
            let problem = bad_receipts(first);
            self.keep_bad(gateway, bad).await?;
            if good.is_empty() {
                return Err(StoreError::Refused(problem));
            }
        }
        for slice in good.chunks(SLICE) {
            let (warn, gateway, slice) = (Arc::clone(self), gateway.to_owned(), slice.to_vec());
            let some = self
                .world
                .write("receipt", Urgency::Urgent, &actor, move |tx| take_all(&warn, tx, &gateway, &slice))
                .await?;
            taken.taken += some.taken;
            taken.doubled += some.doubled;
            taken.unknown += some.unknown;
        }
        failpoint::reach(|| "receipt:after".into());
        for (what, count) in
            [("taken", taken.taken), ("doubled", taken.doubled), ("unknown", taken.unknown), ("bad", taken.bad)]
        {
            metrics::counter!("anlan_receipts_total", "what" => what).increment(count as u64);
        }
        Ok(taken)
    }

    pub(crate) async fn keep_unverified(&self, gateway: &str, body: &[u8]) -> Result<(), StoreError> {
        metrics::counter!("anlan_receipts_total", "what" => "unverified").increment(1);
        tracing::warn!(gateway, "a body of receipts with a wrong signature; somebody must look at the secret");
        if !self.may_keep_unverified() {
            return Ok(());
        }
        let digest = hex(&Sha256::digest(body));
        let raw: String = String::from_utf8_lossy(body).chars().take(UNVERIFIED_LENGTH).collect();
        let gateway = gateway.to_owned();
        self.world
            .write("receipt.unverified", Urgency::Urgent, &Actor::system("gateway"), move |tx| {
                let now = tx.now();
                let id = format!("{gateway}/unverified-{digest}");
                let receipt = kept_aside(&gateway, id.clone(), "unverified", now, Some(json!({"raw": raw})));
                if tx.insert(&receipt)? {
                    tx.record(Event::new("receipt.unverified", &id))?;
                }
                Ok(())
            })
            .await
    }

    /// Keeps receipts of a signed batch that are not as agreed, each with what is wrong with it.
    async fn keep_bad(&self, gateway: &str, bad: Vec<(Json, String)>) -> Result<(), StoreError> {
        tracing::warn!(gateway, count = bad.len(), first = bad[0].1, "signed receipts that are not as agreed");
        let gateway = gateway.to_owned();
        self.world
            .write("receipt.bad", Urgency::Urgent, &Actor::system("gateway"), move |tx| {
                let mut kept = 0;
                for (raw, reason) in &bad {
                    let raw: String = raw.to_string().chars().take(UNVERIFIED_LENGTH).collect();
                    let id = format!("{gateway}/bad-{}", hex(&Sha256::digest(raw.as_bytes())));
                    let detail = Some(json!({"raw": raw, "reason": reason}));
                    kept += usize::from(tx.insert(&kept_aside(&gateway, id, "bad", tx.now(), detail))?);
                }
                if kept > 0 {
                    let detail = json!({"count": kept});
                    tx.record(Event::new("receipt.bad", &gateway).detail(detail))?;
                }
                Ok(())
            })
            .await
    }

    /// A stranger can be kept from filling the disk, not from being noticed.
    fn may_keep_unverified(&self) -> bool {
        let now = self.world.now();
        let mut kept = self.unverified.lock().unwrap_or_else(PoisonError::into_inner);
        if now.since(kept.0) >= Duration::from_secs(3_600) {
            *kept = (now, 0);
        }
        kept.1 += 1;
        kept.1 <= UNVERIFIED_KEPT
    }
}

/// Those that are as agreed, and the others with what is wrong with them.
fn sorted(receipts: Vec<Json>) -> (Vec<Incoming>, Vec<(Json, String)>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for raw in receipts {
        match Incoming::deserialize(&raw) {
            Ok(it) => good.push(it),
            Err(error) => bad.push((raw, error.to_string())),
        }
    }
    (good, bad)
}

/// A receipt that is kept and never counted.
fn kept_aside(gateway: &str, id: String, event: &str, now: Instant, detail: Option<Json>) -> Receipt {
    Receipt {
        id,
        attempt: String::new(),
        region: nowhere(),
        event: event.to_owned(),
        at: now,
        received_at: now,
        detail,
        gateway: gateway.to_owned(),
        subject: format!("gateway:{gateway}"),
    }
}

fn bad_receipts(why: &str) -> Problem {
    Problem::new(
        "bad_receipts",
        format!("回执不是约定的 JSON：{why}"),
        format!("these receipts are not the JSON agreed: {why}"),
    )
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_none(count: &usize) -> bool {
    *count == 0
}

/// Unverified receipts and those of unknown attempts lie in no region a person is in charge of.
pub(crate) fn nowhere() -> RegionCode {
    RegionCode::parse("00").unwrap_or_else(|_| unreachable!("two digits are a code"))
}

/// Stores what is new, then lets it move calls. One entry explains the receipts, one each move.
fn take_all(warn: &Warn, tx: &mut Tx<'_>, gateway: &str, receipts: &[Incoming]) -> Result<Taken, StoreError> {
    let mut taken = Taken::default();
    let items = items(tx, receipts)?;
    let mut fresh = Vec::new();
    for incoming in receipts {
        // A gateway speaks of its own messages only.
        let item = items.get(&incoming.key).filter(|it| it.channel == gateway);
        if !tx.insert(&receipt(gateway, incoming, item, tx.now()))? {
            taken.doubled += 1;
            continue;
        }
        match item {
            Some(item) => fresh.push((incoming, item)),
            None => taken.unknown += 1,
        }
    }
    taken.taken = fresh.len();
    if taken.taken + taken.unknown > 0 {
        let detail = json!({"taken": taken.taken, "doubled": taken.doubled, "unknown": taken.unknown});
        tx.record(Event::new("receipts.taken", gateway).detail(detail))?;
    }
    for (incoming, item) in fresh {
        left_after_all(tx, item)?;
        if item.payload["template"] == "announce" {
            play::receipt(tx, &item.id, &incoming.event, incoming.reason.as_deref())?;
        }
        if let Some(event) = meaning(incoming, item) {
            apply(warn, tx, item, &event)?;
        }
    }
    Ok(taken)
}

fn items(tx: &mut Tx<'_>, receipts: &[Incoming]) -> Result<HashMap<String, OutboxItem>, StoreError> {
    let mut keys: Vec<&str> = receipts.iter().map(|it| it.key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let places: Vec<_> = (1..=keys.len()).map(|i| format!("${i}")).collect();
    let values: Vec<_> = keys.into_iter().map(Value::from).collect();
    let found: Vec<OutboxItem> = tx.find(&format!("id IN ({})", places.join(", ")), "", &values)?;
    Ok(found.into_iter().map(|it| (it.id.clone(), it)).collect())
}

fn receipt(gateway: &str, incoming: &Incoming, item: Option<&OutboxItem>, now: Instant) -> Receipt {
    Receipt {
        id: format!("{gateway}/{}", incoming.id),
        attempt: incoming.key.clone(),
        region: item.map_or_else(nowhere, |it| it.region.clone()),
        event: incoming.event.clone(),
        at: incoming.at,
        received_at: now,
        detail: detail(incoming),
        gateway: gateway.to_owned(),
        subject: item
            .and_then(|it| it.payload["callee"].as_str())
            .map_or_else(|| format!("gateway:{gateway}"), str::to_owned),
    }
}

fn detail(incoming: &Incoming) -> Option<Json> {
    let any = incoming.digit.is_some() || incoming.text.is_some() || incoming.reason.is_some();
    any.then(|| json!({"digit": incoming.digit, "text": incoming.text, "reason": incoming.reason}))
}

/// A receipt proves that the gateway has the message, whatever became of the answer to the request.
pub(crate) fn left_after_all(tx: &mut Tx<'_>, item: &OutboxItem) -> Result<(), StoreError> {
    let in_doubt = item.state == Sending::Unknown || item.state == Sending::Queued && item.tries > 0;
    let Some(current) = in_doubt.then(|| tx.get::<OutboxItem>(&item.id)).transpose()?.flatten() else { return Ok(()) };
    if current.state != item.state {
        return Ok(());
    }
    let (now, outcome) = (tx.now(), Some(json!({"code": "receipt"})));
    let sent = OutboxItem { state: Sending::Sent, sent_at: Some(now), outcome, ..current };
    match tx.advance(&sent)? {
        anlan_store::Advanced::Yes => tx.record(Event::new("outbox.settled", &sent.id).region(&sent.region)),
        anlan_store::Advanced::Stale => Err(StoreError::Race(sent.id)),
    }
}

/// What a receipt means for the call; one without a meaning is kept and changes nothing.
fn meaning(incoming: &Incoming, item: &OutboxItem) -> Option<CallEvent> {
    let attempt = number(item);
    let digit = |text: &Option<String>| text.as_deref().and_then(reply_digit);
    Some(match incoming.event.as_str() {
        "ringing" => CallEvent::Rang { attempt, at: incoming.at },
        "heard_in_full" => CallEvent::HeardInFull { at: incoming.at },
        "hung_up" | "failed" => CallEvent::AttemptEnded { attempt },
        "delivered" => CallEvent::Delivered { attempt },
        "key" => CallEvent::Key { digit: digit(&incoming.digit)?, via: "voice" },
        "reply" => CallEvent::Key { digit: digit(&incoming.text)?, via: "sms" },
        _ => return None,
    })
}

fn number(item: &OutboxItem) -> i64 {
    item.payload["attempt"].as_i64().unwrap_or(0)
}

/// 1, 2 or 3 out of what people really write; nothing is guessed from a longer text.
fn reply_digit(text: &str) -> Option<u8> {
    let text = text.trim().trim_end_matches(['。', '.', '！', '!', '#', '*']);
    match text {
        "1" | "１" | "①" | "收到" | "已到岗" | "收到、已到岗" | "收到,已到岗" => Some(1),
        "2" | "２" | "②" | "不能到岗" | "收到、不能到岗" => Some(2),
        "3" | "３" | "③" | "有险情" | "需支援" | "有险情、需支援" => Some(3),
        _ => None,
    }
}

/// The attempt is over without having left the house.
pub(crate) fn never_left(warn: &Warn, tx: &mut Tx<'_>, item: &OutboxItem) -> Result<(), StoreError> {
    if item.payload["template"] == "announce" {
        let said = item.outcome.as_ref().and_then(|it| it["code"].as_str());
        play::settle(tx, &item.id, PlayState::Failed, said)?;
    }
    apply(warn, tx, item, &CallEvent::AttemptEnded { attempt: number(item) })
}

/// Passes an event of an attempt to the call or the list it belongs to.
fn apply(warn: &Warn, tx: &mut Tx<'_>, item: &OutboxItem, event: &CallEvent) -> Result<(), StoreError> {
    let link = item.payload["link"].as_i64().unwrap_or(-1);
    match item.payload["template"].as_str() {
        Some("call") => call::handle(warn, tx, &item.subject, event).map(drop),
        Some("escalation") => escalation::handle(warn, tx, &item.subject, link, Some(number(item)), event),
        Some("escalation_list") => match event {
            CallEvent::Key { .. } => escalation::handle(warn, tx, &item.subject, link, None, event),
            _ => Ok(()),
        },
        Some("relay") if matches!(event, CallEvent::Key { digit: 1, .. }) => {
            let callee = item.payload["callee"].as_str().unwrap_or_default();
            warn.receipt_hooks().iter().try_for_each(|hook| hook(tx, &item.subject, callee))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::reply_digit;

    #[test]
    fn a_reply_counts_only_when_it_is_plain() {
        for (text, want) in [
            ("1", Some(1)),
            (" １。", Some(1)),
            ("收到", Some(1)),
            ("2", Some(2)),
            ("有险情", Some(3)),
            ("12", None),
            ("1点到", None),
            ("", None),
        ] {
            assert_eq!(reply_digit(text), want, "{text}");
        }
    }
}
