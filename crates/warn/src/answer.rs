//! Answers by the page behind the link. Opening it answers nothing; the tap does.

use std::sync::Arc;

use anlan_kernel::{Actor, Instant};
use anlan_store::{StoreError, Tx, Urgency, hex, journal, params};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{
    Warn, call, escalation,
    flow::CallEvent,
    model::{Call, Escalation, Round, RoundState},
    round,
    service::refusal,
};

pub(crate) fn mac(warn: &Warn, purpose: &str, subject: &str, length: usize) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(&warn.world().keys().secrets()).expect("HMAC takes keys of any length");
    for part in [warn.world().name(), purpose, subject] {
        mac.update(part.as_bytes());
        mac.update(b"\n");
    }
    URL_SAFE_NO_PAD.encode(&mac.finalize().into_bytes()[..length])
}

/// The token of one call: nobody can guess it, and it opens nothing else.
pub(crate) fn token(warn: &Warn, subject: &str) -> String {
    mac(warn, "answer", subject, 16)
}

fn receipt_token(warn: &Warn, signal: &str, callee: &str) -> String {
    mac(warn, "receipt", &format!("{signal}\n{callee}"), 16)
}

/// The token of one superior for one list: it says who of the chain answers.
pub(crate) fn list_token(warn: &Warn, escalation: &str, link: i64) -> String {
    format!("{}.{link}.{}", token(warn, escalation), link_mac(warn, escalation, link))
}

fn link_mac(warn: &Warn, escalation: &str, link: i64) -> String {
    mac(warn, "list", &format!("{escalation}\n{link}"), 9)
}

pub(crate) fn token_hash(warn: &Warn, subject: &str) -> String {
    hash(&token(warn, subject))
}

/// SHA-256 of a token, hex: how links are looked up.
pub fn hash(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

/// What the answer page shows: the own call, or the list a superior is asked to take over.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// The own call.
    Call(Box<Call>, Round),
    /// A list of silent people, and the place in the chain of the superior who asks.
    List(Box<Escalation>, Round, Vec<Call>, i64),
}

pub(crate) fn asked(warn: &Warn, tx: &mut Tx<'_>, token: &str) -> Result<Option<Asked>, StoreError> {
    match token.split('.').collect::<Vec<_>>()[..] {
        [token] => call_of(tx, token),
        [token, link, proof] => list_of(warn, tx, token, link, proof),
        _ => Ok(None),
    }
}

fn call_of(tx: &mut Tx<'_>, token: &str) -> Result<Option<Asked>, StoreError> {
    let Some(call) = tx.find::<Call>("token_hash = $1", "", params![hash(token)])?.pop() else { return Ok(None) };
    let round = tx.get::<Round>(&call.round)?;
    Ok(round.map(|it| Asked::Call(Box::new(call), it)))
}

fn list_of(warn: &Warn, tx: &mut Tx<'_>, token: &str, link: &str, proof: &str) -> Result<Option<Asked>, StoreError> {
    let found: Option<Escalation> = tx.find("token_hash = $1", "", params![hash(token)])?.pop();
    let (Some(escalation), Ok(link)) = (found, link.parse::<i64>()) else { return Ok(None) };
    let proved = bool::from(link_mac(warn, &escalation.id, link).as_bytes().ct_eq(proof.as_bytes()));
    if !proved || escalation::superior(&escalation, link).is_none() {
        return Ok(None);
    }
    let calls = escalation::listed(tx, &escalation.id)?;
    Ok(tx.get::<Round>(&escalation.round)?.map(|it| Asked::List(Box::new(escalation), it, calls, link)))
}

impl Warn {
    /// The link by which a duty room says that it received a relayed signal (签收).
    pub fn receipt_link(&self, signal: &str, callee: &str) -> String {
        format!("{}/f/{}", self.config.link_base, receipt_token(self, signal, callee))
    }

    /// A page of this world as messages name it.
    pub fn page_link(&self, path: &str) -> String {
        format!("{}{path}", self.config.link_base)
    }

    /// What stands in the store of the token in that link.
    pub fn receipt_hash(&self, signal: &str, callee: &str) -> String {
        hash(&receipt_token(self, signal, callee))
    }

    /// The answer link of a call, as its message carries it.
    pub fn answer_link(&self, call: &str) -> String {
        format!("{}/a/{}", self.config.link_base, token(self, call))
    }

    /// What stands behind an answer link; `None` for a token that opens nothing.
    ///
    /// # Errors
    /// What the store says.
    pub async fn asked(self: &Arc<Self>, token: &str) -> Result<Option<Asked>, StoreError> {
        let (warn, token) = (Arc::clone(self), token.to_owned());
        self.world.read(&Actor::system("answer-page"), move |tx| asked(&warn, tx, &token)).await
    }

    /// The tap on the page: 1 arrived, 2 cannot come, 3 needs help. While the round is not over, who
    /// answered may think again, and may ask for help again once somebody took the first request.
    ///
    /// # Errors
    /// A refusal for an unknown token or key, or a change of mind after the round; what the store says.
    pub async fn answer_by_page(self: &Arc<Self>, token: &str, digit: u8) -> Result<Asked, StoreError> {
        let (warn, token) = (Arc::clone(self), token.to_owned());
        self.world
            .write("call.answer-page", Urgency::Urgent, &Actor::system("answer-page"), move |tx| {
                if !(1..=3).contains(&digit) {
                    return Err(refusal("bad_key", "只能选 1、2 或 3", "choose 1, 2 or 3"));
                }
                let event = CallEvent::Key { digit, via: "page" };
                match asked(&warn, tx, &token)?.ok_or_else(bad_link)? {
                    Asked::Call(call, round) => match call.key.or(call.late_key) {
                        None => call::handle(&warn, tx, &call.id, &event).map(drop)?,
                        Some(said) => think_again(&warn, tx, &call, &round, said, digit)?,
                    },
                    Asked::List(list, _, _, link) => escalation::handle(&warn, tx, &list.id, link, None, &event)?,
                }
                asked(&warn, tx, &token)?.ok_or_else(bad_link)
            })
            .await
    }

    /// What the callee of a call said so far, and when.
    pub(crate) async fn said(&self, call: &str) -> Result<Vec<(Instant, u8)>, StoreError> {
        let call = call.to_owned();
        self.world.read(&Actor::system("answer-page"), move |tx| said(tx, &call)).await
    }
}

/// A tap after the first answer. The same one again changes nothing.
fn think_again(
    warn: &Warn,
    tx: &mut Tx<'_>,
    call: &Call,
    round: &Round,
    said: u8,
    digit: u8,
) -> Result<(), StoreError> {
    let asks_again = digit == 3 && (said == 3 || call.late_key == Some(3));
    if asks_again && call::help_of(tx, &call.id)?.iter().any(|it| it.taken_by.is_none()) {
        return Ok(());
    }
    let over = matches!(round.state, RoundState::Stopped | RoundState::Absorbed);
    if over && digit != said && digit != 3 {
        return Err(round::is_over());
    }
    call::handle(warn, tx, &call.id, &CallEvent::SecondThought { digit }).map(drop)
}

fn said(tx: &mut Tx<'_>, call: &str) -> Result<Vec<(Instant, u8)>, StoreError> {
    let mut said = Vec::new();
    for entry in journal::of_subject(tx, call)? {
        let body: serde_json::Value = serde_json::from_str(&entry.body)?;
        said.extend(said_by(&entry.event, &body["detail"]).map(|it| (entry.at, it)));
    }
    Ok(said)
}

/// What the callee said by an event of their call.
pub(crate) fn said_by(event: &str, detail: &serde_json::Value) -> Option<u8> {
    let key = |name: &str| detail[name].as_u64().and_then(|it| u8::try_from(it).ok());
    match event {
        "call.answered" => key("key"),
        "call.answered_late" | "call.asked_help_again" => key("late_key").or_else(|| key("key")),
        "call.answered_again" => key("key").or_else(|| key("late_key")),
        _ => None,
    }
}

pub(crate) fn bad_link() -> StoreError {
    refusal("bad_link", "链接无效", "this link opens nothing")
}
