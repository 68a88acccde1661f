//! Answers by the page behind the link. Opening it answers nothing; the tap does.

use std::sync::Arc;

use anlan_kernel::Actor;
use anlan_store::{StoreError, Tx, Urgency, hex, params};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::{
    Warn,
    flow::CallEvent,
    model::{Call, Escalation, Round},
    round::{self, refusal},
};

/// The token of one call: nobody can guess it, and it opens nothing else.
pub(crate) fn token(warn: &Warn, subject: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(&warn.world().keys().secrets()).expect("HMAC takes keys of any length");
    mac.update(warn.world().name().as_bytes());
    mac.update(b"\nanswer\n");
    mac.update(subject.as_bytes());
    URL_SAFE_NO_PAD.encode(&mac.finalize().into_bytes()[..16])
}

pub(crate) fn token_hash(warn: &Warn, subject: &str) -> String {
    hash(&token(warn, subject))
}

fn hash(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

/// What the answer page shows: the own call, or the list a superior is asked to take over.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// The own call.
    Call(Box<Call>, Round),
    /// A list of silent people.
    List(Escalation, Round, Vec<Call>),
}

fn asked(tx: &mut Tx<'_>, token: &str) -> Result<Option<Asked>, StoreError> {
    let key = hash(token);
    if let Some(call) = tx.find::<Call>("token_hash = $1", "", params![&key])?.into_iter().next() {
        let round = tx.get::<Round>(&call.round)?;
        return Ok(round.map(|it| Asked::Call(Box::new(call), it)));
    }
    let Some(escalation) = tx.find::<Escalation>("token_hash = $1", "", params![&key])?.into_iter().next() else {
        return Ok(None);
    };
    let calls = tx.find::<Call>("escalation = $1 AND open = 1", "ORDER BY id", params![&escalation.id])?;
    Ok(tx.get::<Round>(&escalation.round)?.map(|it| Asked::List(escalation, it, calls)))
}

impl Warn {
    /// What stands behind an answer link; `None` for a token that opens nothing.
    ///
    /// # Errors
    /// What the store says.
    pub async fn asked(&self, token: &str) -> Result<Option<Asked>, StoreError> {
        let token = token.to_owned();
        self.world.read(&Actor::system("answer-page"), move |tx| asked(tx, &token)).await
    }

    /// The tap on the page: 1 arrived, 2 cannot come, 3 needs help.
    ///
    /// # Errors
    /// A refusal for an unknown token or key; what the store says.
    pub async fn answer_by_page(self: &Arc<Self>, token: &str, digit: u8) -> Result<Asked, StoreError> {
        let (warn, token) = (Arc::clone(self), token.to_owned());
        self.world
            .write("call.answer-page", Urgency::Urgent, &Actor::system("answer-page"), move |tx| {
                if !(1..=3).contains(&digit) {
                    return Err(refusal("bad_key", "只能选 1、2 或 3", "choose 1, 2 or 3"));
                }
                let event = CallEvent::Key { digit, via: "page" };
                match asked(tx, &token)? {
                    Some(Asked::Call(call, _)) => {
                        round::handle(&warn, tx, &call.id, &event)?;
                    }
                    Some(Asked::List(escalation, ..)) => {
                        crate::escalation::handle(&warn, tx, &escalation.id, escalation.attempts, &event)?;
                    }
                    None => return Err(refusal("bad_link", "链接无效", "this link opens nothing")),
                }
                asked(tx, &token)?.ok_or_else(|| refusal("bad_link", "链接无效", "this link opens nothing"))
            })
            .await
    }

    /// An officer answers a call through the API on the callee's word: key 1, 2 or 3.
    ///
    /// # Errors
    /// What the store says.
    pub async fn answer_by_desk(self: &Arc<Self>, actor: &Actor, call: &str, digit: u8) -> Result<bool, StoreError> {
        let (warn, call) = (Arc::clone(self), call.to_owned());
        self.world
            .write("call.answer-desk", Urgency::Urgent, actor, move |tx| {
                round::handle(&warn, tx, &call, &CallEvent::Key { digit, via: "desk" })
            })
            .await
    }
}
