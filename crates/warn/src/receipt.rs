//! Receipts: a gateway's signed word about an attempt.

use std::sync::{Arc, PoisonError};

use anlan_kernel::{Actor, Instant, RegionCode};
use anlan_store::{Event, OutboxItem, StoreError, Tx, Urgency, failpoint, hex};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{
    Warn,
    courier::sign,
    escalation,
    flow::CallEvent,
    model::Receipt,
    round::{self, refusal},
};

#[derive(Deserialize)]
struct Body {
    receipts: Vec<Incoming>,
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
}

impl Warn {
    /// Takes a signed batch; answers only after it is durable. A body whose signature does not hold
    /// is kept, never counted, and refused.
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
        let Some(line) = line else {
            return Err(refusal("no_such_gateway", "没有这个通道", "there is no such gateway"));
        };
        let holds = sign(&line.secret, time, body).as_bytes().ct_eq(signature.as_bytes());
        if !bool::from(holds) {
            self.keep_unverified(gateway, body).await?;
            return Err(refusal(
                "bad_signature",
                "回执签名不符，已留存，不计入结果",
                "the signature of these receipts does not hold; they are kept and never counted",
            ));
        }
        let body: Body = serde_json::from_slice(body).map_err(|it| {
            StoreError::Refused(
                anlan_kernel::Problem::new(
                    "bad_receipts",
                    format!("回执不是约定的 JSON：{it}"),
                    format!("these receipts are not the JSON agreed: {it}"),
                )
                .line(it.line())
                .column(it.column()),
            )
        })?;
        let (warn, gateway) = (Arc::clone(self), gateway.to_owned());
        let actor = Actor::system(&format!("gateway-{gateway}"));
        failpoint::reach(|| "receipt:before".into());
        let taken = self
            .world
            .write("receipt", Urgency::Urgent, &actor, move |tx| take_all(&warn, tx, &gateway, &body.receipts))
            .await;
        failpoint::reach(|| "receipt:after".into());
        taken
    }

    async fn keep_unverified(&self, gateway: &str, body: &[u8]) -> Result<(), StoreError> {
        let digest = hex(&Sha256::digest(body));
        let raw: String = String::from_utf8_lossy(body).chars().take(16_000).collect();
        let gateway = gateway.to_owned();
        self.world
            .write("receipt.unverified", Urgency::Urgent, &Actor::system("gateway"), move |tx| {
                let now = tx.now();
                let id = format!("{gateway}/unverified-{digest}");
                let receipt = Receipt {
                    id: id.clone(),
                    attempt: String::new(),
                    region: nowhere(),
                    event: "unverified".into(),
                    at: now,
                    received_at: now,
                    detail: Some(json!({"raw": raw})),
                    gateway: format!("gateway:{gateway}"),
                };
                if tx.insert(&receipt)? {
                    tx.record(Event::new("receipt.unverified", &id))?;
                }
                Ok(())
            })
            .await
    }
}

/// Unverified receipts and those of unknown attempts lie in no region a person is in charge of.
fn nowhere() -> RegionCode {
    RegionCode::parse("00").unwrap_or_else(|_| unreachable!("two digits are a code"))
}

fn take_all(warn: &Warn, tx: &mut Tx<'_>, gateway: &str, receipts: &[Incoming]) -> Result<Taken, StoreError> {
    let mut taken = Taken::default();
    for incoming in receipts {
        let item = tx.get::<OutboxItem>(&incoming.key)?;
        let id = format!("{gateway}/{}", incoming.id);
        let receipt = Receipt {
            id: id.clone(),
            attempt: incoming.key.clone(),
            region: item.as_ref().map_or_else(nowhere, |it| it.region.clone()),
            event: incoming.event.clone(),
            at: incoming.at,
            received_at: tx.now(),
            detail: detail(incoming),
            gateway: format!("gateway:{gateway}"),
        };
        if !tx.insert(&receipt)? {
            taken.doubled += 1;
            continue;
        }
        tx.record(Event::new("receipt.taken", &id).region(&receipt.region).detail(json!({"event": incoming.event})))?;
        match item {
            Some(item) => {
                taken.taken += 1;
                apply(warn, tx, &item, |attempt| meaning(incoming, attempt))?;
            }
            None => taken.unknown += 1,
        }
    }
    Ok(taken)
}

fn detail(incoming: &Incoming) -> Option<Json> {
    let any = incoming.digit.is_some() || incoming.text.is_some() || incoming.reason.is_some();
    any.then(|| json!({"digit": incoming.digit, "text": incoming.text, "reason": incoming.reason}))
}

/// What a receipt means for the call; events without a meaning are kept and change nothing.
fn meaning(incoming: &Incoming, attempt: i64) -> CallEvent {
    let digit = |text: &Option<String>| text.as_deref().and_then(reply_digit);
    match incoming.event.as_str() {
        "ringing" => CallEvent::Rang { attempt, at: incoming.at },
        "heard_in_full" => CallEvent::HeardInFull,
        "hung_up" | "failed" => CallEvent::AttemptEnded { attempt },
        "key" => CallEvent::Key { digit: digit(&incoming.digit).unwrap_or(0), via: "voice" },
        "reply" => CallEvent::Key { digit: digit(&incoming.text).unwrap_or(0), via: "sms" },
        _ => CallEvent::Key { digit: 0, via: "voice" },
    }
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

/// Passes an event of an attempt to the call or the escalation it belongs to.
pub(crate) fn apply(
    warn: &Warn,
    tx: &mut Tx<'_>,
    item: &OutboxItem,
    event: impl FnOnce(i64) -> CallEvent,
) -> Result<(), StoreError> {
    let number = item.payload["attempt"].as_i64().unwrap_or(0);
    let event = event(number);
    match item.payload["template"].as_str() {
        Some("call") => round::handle(warn, tx, &item.subject, &event).map(drop),
        Some("escalation") => escalation::handle(warn, tx, &item.subject, number, &event),
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
