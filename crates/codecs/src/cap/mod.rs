//! The Common Alerting Protocol (CAP), OASIS CAP-v1.2-os, ITU-T X.1303 bis.
//!
//! [`read`] takes editions 1.0, 1.1 and 1.2, [`write()`] gives 1.2, [`check`] is the rule book.
//!
//! # What is refused and what is read past
//! A warning must not be lost over a detail at night, and must not be misread either:
//! - refused: what decides who acts, when, where and how gravely (required elements and their
//!   order, closed lists, times, references, polygons, scope, anything unknown in the header);
//! - warned about: old editions, optional elements out of order, empty or unknown elements
//!   inside `info`, attachments, links, and recommendations on wording.
//!
//! An expired message is read: expiry is the receiver's duty and needs a clock.

mod lexical;
mod read;
mod rules;
mod shape;
mod value;
pub(crate) mod words;
mod write;

pub use read::read;
pub(crate) use read::read_document;
pub use rules::{Check, check};
pub use value::{CapTime, Circle, Point, Polygon, Reference, TimeForm, Zone};
pub use words::{Category, Certainty, MsgType, ResponseType, Scope, Severity, Status, Urgency};
pub use write::write;

/// Edition of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// CAP 1.0 (2004).
    V10,
    /// CAP 1.1 (2005).
    V11,
    /// CAP 1.2 (2010), the one in force.
    V12,
}

impl Version {
    /// XML namespace of the edition.
    pub fn namespace(self) -> &'static str {
        match self {
            Self::V10 => "http://www.incident.com/cap/1.0",
            Self::V11 => "urn:oasis:names:tc:emergency:cap:1.1",
            Self::V12 => "urn:oasis:names:tc:emergency:cap:1.2",
        }
    }
}

/// An alert message.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Edition it was written in.
    pub version: Version,
    /// Unique per sender; no blank, comma, `<` or `&`.
    pub identifier: String,
    /// Unique name of the sender; no blank, comma, `<` or `&`.
    pub sender: String,
    /// When it was sent.
    pub sent: CapTime,
    /// Real, exercise, test …
    pub status: Status,
    /// Opens, replaces, closes …
    pub msg_type: MsgType,
    /// Particular source, an operator or device.
    pub source: Option<String>,
    /// Who may see it.
    pub scope: Scope,
    /// The rule of a `Restricted` message.
    pub restriction: Option<String>,
    /// The recipients of a `Private` message.
    pub addresses: Option<String>,
    /// Special handling, profile names.
    pub codes: Vec<String>,
    /// Purpose of an exercise or reason of an error.
    pub note: Option<String>,
    /// Earlier messages this one replaces, closes or answers.
    pub references: Vec<Reference>,
    /// Names of the incidents it belongs to.
    pub incidents: Option<String>,
    /// The content, one per language or phase; may be none in Cancel and Ack.
    pub infos: Vec<Info>,
    /// Whether it carries an XML signature. Nothing here checks one.
    pub signed: bool,
}

/// What is said, in one language.
#[derive(Clone, Debug, PartialEq)]
pub struct Info {
    /// RFC 3066 tag; `en-US` where missing.
    pub language: Option<String>,
    /// Kinds of event, at least one.
    pub categories: Vec<Category>,
    /// The event in words.
    pub event: String,
    /// Actions asked for.
    pub response_types: Vec<ResponseType>,
    /// How soon to act.
    pub urgency: Urgency,
    /// How grave.
    pub severity: Severity,
    /// How sure.
    pub certainty: Certainty,
    /// Intended audience.
    pub audience: Option<String>,
    /// Event codes of other systems.
    pub event_codes: Vec<Pair>,
    /// Valid from; `sent` where missing.
    pub effective: Option<CapTime>,
    /// Expected begin of the event.
    pub onset: Option<CapTime>,
    /// Valid until.
    pub expires: Option<CapTime>,
    /// Sender in words.
    pub sender_name: Option<String>,
    /// Short headline.
    pub headline: Option<String>,
    /// Description of the event.
    pub description: Option<String>,
    /// What to do.
    pub instruction: Option<String>,
    /// A page with more.
    pub web: Option<String>,
    /// Whom to ask.
    pub contact: Option<String>,
    /// Values of other systems; the colour of a Chinese signal stands here.
    pub parameters: Vec<Pair>,
    /// Attachments.
    pub resources: Vec<Resource>,
    /// Where.
    pub areas: Vec<Area>,
}

/// A named value: eventCode, parameter, geocode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Name of the list the value comes from.
    pub name: String,
    /// The value.
    pub value: String,
}

/// An attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// What it is.
    pub description: String,
    /// MIME type; empty only in messages older than 1.2.
    pub mime_type: String,
    /// Bytes.
    pub size: Option<u64>,
    /// Absolute link, or a name for what `deref_uri` holds.
    pub uri: Option<String>,
    /// The content itself, base64.
    pub deref_uri: Option<String>,
    /// SHA-1, hex.
    pub digest: Option<String>,
}

/// A place the message is about: the union of its shapes and codes.
#[derive(Clone, Debug, PartialEq)]
pub struct Area {
    /// In words.
    pub description: String,
    /// Rings; several are a union.
    pub polygons: Vec<Polygon>,
    /// Discs.
    pub circles: Vec<Circle>,
    /// Codes of places.
    pub geocodes: Vec<Pair>,
    /// Lowest altitude, FEET above mean sea level.
    pub altitude: Option<f64>,
    /// Highest altitude, FEET; needs `altitude`.
    pub ceiling: Option<f64>,
}
