//! What the carrier did, for whoever counts doubles afterwards.

use std::collections::BTreeMap;

use anlan_kernel::Instant;
use serde::{Deserialize, Serialize};

use crate::protocol::{Event, Kind};

/// One key's story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemLog {
    /// Call or message.
    pub kind: Kind,
    /// The number.
    pub to: String,
    /// The words, as first submitted.
    pub text: String,
    /// 0 (first) to 9, as first submitted.
    pub priority: u8,
    /// Times the key was submitted and looked at (429 and 503 not counted).
    pub submits: u32,
    /// Of these, marked as a repeat.
    pub repeats: u32,
    /// Of these, answered `duplicate`.
    pub duplicates: u32,
    /// Why it was refused, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Instants at which the number was dialled or the message sent; more than one is a double.
    pub dials: Vec<Instant>,
    /// Lines used, in the order of the dials.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<u32>,
    /// Which call to this number it was, from 1; 0 when it was not dialled.
    pub attempt: u32,
    /// What the person did.
    pub behaviour: String,
    /// Receipts issued, doubles counted, forged ones not.
    pub issued: u32,
    /// Deliveries taken by the callback, doubles counted.
    pub delivered: u32,
    /// Forged receipts sent.
    pub forged: u32,
}

impl ItemLog {
    /// A key not looked at yet.
    pub fn new(kind: Kind, to: &str, text: &str, priority: u8) -> Self {
        Self {
            kind,
            to: to.into(),
            text: text.into(),
            priority,
            submits: 0,
            repeats: 0,
            duplicates: 0,
            refused: None,
            dials: Vec::new(),
            lines: Vec::new(),
            attempt: 0,
            behaviour: String::new(),
            issued: 0,
            delivered: 0,
            forged: 0,
        }
    }
}

/// One receipt that left the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The receipt's id.
    pub id: String,
    /// The item's key.
    pub key: String,
    /// What it says.
    pub event: Event,
    /// When that happened.
    pub at: Instant,
    /// When it was delivered, world time.
    pub delivered_at: Instant,
    /// What the callback answered; 0 when nobody was there.
    pub answer: u16,
    /// The signature was wrong on purpose.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forged: bool,
}

/// Sums over everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Submits that arrived with a good signature.
    pub submits: u64,
    /// Answered 429.
    pub too_many: u64,
    /// Answered 503, nothing taken.
    pub unavailable: u64,
    /// Answered 503, though the items were taken.
    pub answers_lost: u64,
    /// Requests with a bad signature.
    pub bad_signatures: u64,
    /// Requests to the callback.
    pub posts: u64,
    /// Of these, not taken.
    pub posts_failed: u64,
    /// Calls waiting for a line now.
    pub waiting: u64,
    /// Receipts waiting for delivery now.
    pub pending: u64,
}

/// Answer of `GET /sim/log`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// World time.
    pub now: Instant,
    /// Sums.
    pub totals: Totals,
    /// Every key.
    pub items: BTreeMap<String, ItemLog>,
    /// Every receipt that left, in order.
    pub receipts: Vec<Delivery>,
}
