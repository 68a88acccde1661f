//! The gateway protocol on the wire: bodies, headers, signatures.

use anlan_kernel::Instant;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Header with the sender's clock, unix seconds.
pub const TIME_HEADER: &str = "x-anlan-time";
/// Header with the signature, lower hex.
pub const SIGNATURE_HEADER: &str = "x-anlan-signature";
/// Most items in one submit.
pub const MAX_ITEMS: usize = 500;
/// Most receipts in one delivery.
pub const MAX_RECEIPTS: usize = 200;

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A call that speaks the text and takes keys.
    Voice,
    /// A short message.
    Sms,
}

/// One thing to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Unique and stable per attempt.
    pub key: String,
    /// Call or message.
    pub kind: Kind,
    /// Number to reach.
    pub to: String,
    /// Words to speak or write.
    pub text: String,
    /// Keys the callee may press, `0`–`9`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// 0 (first) to 9.
    #[serde(default)]
    pub priority: u8,
    /// Sent again because the outcome of an earlier submit is unknown.
    #[serde(default)]
    pub repeat: bool,
}

/// Body of `POST /v1/submit`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Submit {
    /// At most [`MAX_ITEMS`].
    pub items: Vec<Item>,
}

/// What the gateway did with one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Taken {
    /// Will be sent.
    Accepted,
    /// The key was accepted before; nothing is sent again.
    Duplicate,
    /// Will never be sent; `code` says why.
    Refused,
}

/// The answer for one item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemAnswer {
    /// The item's key.
    pub key: String,
    /// What was done.
    pub status: Taken,
    /// `bad_number`, `blocked`, `too_long` … when refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Answer of `POST /v1/submit`, in the order of the items.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmitAnswer {
    /// One per item.
    pub items: Vec<ItemAnswer>,
}

/// What happened on a call or to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The telephone rings.
    Ringing,
    /// Somebody took the call.
    Answered,
    /// A key was pressed.
    Key,
    /// The whole text was spoken to somebody.
    HeardInFull,
    /// The call was answered and is over.
    HungUp,
    /// The call was never answered, or the message not delivered.
    Failed,
    /// The message reached the telephone.
    Delivered,
    /// A message came back.
    Reply,
}

/// Why a call or message failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The line is engaged.
    Busy,
    /// It rang out.
    NoAnswer,
    /// Switched off or without signal.
    PowerOff,
    /// Nobody has this number (空号).
    EmptyNumber,
    /// The callee pressed the call away.
    Rejected,
    /// No line became free in time.
    NoLine,
    /// The message centre gave up.
    Undelivered,
}

/// One receipt (回执).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Unique; a receipt delivered again carries the same one.
    pub id: String,
    /// Key of the item.
    pub key: String,
    /// What happened.
    pub event: Event,
    /// When it happened, world time.
    pub at: Instant,
    /// The key pressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digit: Option<String>,
    /// The words that came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Who wrote them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// Body of a delivery to the callback.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipts {
    /// At most [`MAX_RECEIPTS`].
    pub receipts: Vec<Receipt>,
}

/// Answer of `GET /v1/status?key=`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The key asked for.
    pub key: String,
    /// Whether an item with this key was accepted.
    pub known: bool,
    /// Receipts issued for it so far, oldest first.
    #[serde(default)]
    pub events: Vec<Receipt>,
}

fn mac(secret: &str, seconds: &str, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
    mac.update(seconds.as_bytes());
    mac.update(b"\n");
    mac.update(body);
    mac
}

/// Lower hex HMAC-SHA256 of `seconds`, a line feed and `body` (for GET: the path with its query).
pub fn sign(secret: &str, seconds: &str, body: &[u8]) -> String {
    let bytes = mac(secret, seconds, body).finalize().into_bytes();
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(hex_digit).collect()
}

/// Whether `signature` is that of `body` at `seconds`; takes the same time for every wrong one.
pub fn verify(secret: &str, seconds: &str, body: &[u8], signature: &str) -> bool {
    let Some(bytes) = from_hex(signature) else { return false };
    mac(secret, seconds, body).verify_slice(&bytes).is_ok()
}

fn hex_digit(nibble: u8) -> char {
    char::from(b"0123456789abcdef"[usize::from(nibble)])
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let nibbles: Option<Vec<u8>> = text
        .bytes()
        .map(|byte| b"0123456789abcdef".iter().position(|it| *it == byte))
        .map(|it| it.map(|n| n as u8))
        .collect();
    let nibbles = nibbles?;
    (nibbles.len() % 2 == 0).then(|| nibbles.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_published_example() {
        // Also printed in docs/gateway-protocol.md; computed with `openssl dgst -sha256 -hmac`.
        let signature = sign("example-secret", "1693570500", br#"{"items":[]}"#);
        assert_eq!(signature, "fe51ba074e2bf558abf689c679b29970902ada8b061ce1fe06caad1d229089ea");
        assert!(verify("example-secret", "1693570500", br#"{"items":[]}"#, &signature));
    }

    #[test]
    fn another_time_body_secret_or_letter_does_not_verify() {
        let good = sign("s", "1", b"{}");
        assert!(!verify("s", "2", b"{}", &good));
        assert!(!verify("s", "1", b"{ }", &good));
        assert!(!verify("t", "1", b"{}", &good));
        assert!(!verify("s", "1", b"{}", &good.to_uppercase()));
        assert!(!verify("s", "1", b"{}", "zz"));
        assert!(!verify("s", "1", b"{}", ""));
    }
}
