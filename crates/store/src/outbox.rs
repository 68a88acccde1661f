//! Outbox: what must leave the house. `sending` is committed before the request goes out.

use anlan_kernel::{Instant, RegionCode};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{StoreError, Tx, params};

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sending {
    /// Waits for its time and its turn.
    Queued,
    /// Committed to the request; the outcome is not known yet.
    Sending,
    /// The gateway took it.
    Sent,
    /// The process died between request and answer; to be cleared up with the gateway.
    Unknown,
    /// The gateway will never take it.
    Refused,
    /// Given up after its tries.
    Failed,
    /// Taken back before it left.
    Dropped,
}

impl Sending {
    /// As stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Unknown => "unknown",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

/// One message to one channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutboxItem {
    /// Unique and stable per attempt: the key the gateway honours.
    pub id: String,
    /// Gateway id.
    pub channel: String,
    /// `voice`, `sms`.
    pub kind: String,
    /// What it is about (a call, an escalation, a signal's relay).
    pub subject: String,
    /// Where the callee's duty lies.
    pub region: RegionCode,
    /// 0 goes first.
    pub priority: i64,
    /// Not before.
    pub due_at: Instant,
    /// Where it stands.
    pub state: Sending,
    /// Requests made so far.
    pub tries: i64,
    /// What to send: a reference to the number, never the number.
    pub payload: Json,
    /// What the gateway said last.
    pub outcome: Option<Json>,
    /// When the gateway took it.
    pub sent_at: Option<Instant>,
    /// For optimistic changes.
    pub revision: i64,
}

crate::table!(OutboxItem, OUTBOX, "outbox", region: "region", {
    id: Text, channel: Text, kind: Text, subject: Text, region: Text, priority: Int, due_at: Time, state: Text, tries: Int, payload: Json, outcome: Json, sent_at: Time, revision: Int,
});

/// What a channel should send next: due, gravest first, first calls before redials, then by time.
///
/// # Errors
/// What the engine says.
pub fn due_items(tx: &mut Tx<'_>, channel: &str, most: usize) -> Result<Vec<OutboxItem>, StoreError> {
    let now = tx.now();
    tx.find(
        "channel = $1 AND state = 'queued' AND due_at <= $2",
        "ORDER BY priority, due_at, id LIMIT $3",
        params![channel, now, most],
    )
}

/// When the channel has something to send next.
///
/// # Errors
/// What the engine says.
pub fn next_due(tx: &mut Tx<'_>) -> Result<Option<Instant>, StoreError> {
    let rows = tx.query("SELECT MIN(due_at) FROM outbox WHERE state = 'queued' AND {scope:region}", &[])?;
    rows.first().map_or(Ok(None), |it| it.opt(0, crate::Row::instant))
}
