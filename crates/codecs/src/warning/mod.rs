//! The Chinese warning message (预警信息) of the national warning release system, and warnings
//! pasted as plain text.
//!
//! Second-hand profile of GB/T 35965.1-2018: the standard's text and XSD were not at hand; what
//! is here follows a real message of the system, one producer's field order and an extract of
//! Annex A. Get the standard before a live connection.
//!
//! Unlike CAP: no namespace, `sendTime` and `senderCode`, a blank inside times, `severity` is the
//! colour, `references` is the identifier of the *first* message of the chain, and one `areaDesc`
//! and one `geocode` hold comma lists of equal length.

mod cap;
mod read;
mod text;
mod time;

use anlan_kernel::{Colour, Instant};
use serde::{Deserialize, Serialize};

use crate::{
    cap::{CapTime, MsgType, Scope, Status},
    hazard::Hazard,
};

pub use cap::COLOUR_PARAMETER;
pub(crate) use cap::colour_word;
pub use read::read;
pub(crate) use read::{is_warning, read_document};
pub use text::{Guess, WrittenTime, from_text};

/// What a message does to the warning it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// 发布.
    Issue,
    /// 继续发布、维持.
    Continue,
    /// 升级.
    Raise,
    /// 降级.
    Lower,
    /// 变更、更新.
    Change,
    /// 扩展: further areas.
    Extend,
    /// 解除、取消.
    Lift,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 7] =
        [Self::Issue, Self::Continue, Self::Raise, Self::Lower, Self::Change, Self::Extend, Self::Lift];

    /// `issue`, `continue`, `raise`, `lower`, `change`, `extend`, `lift`.
    pub fn name(self) -> &'static str {
        ["issue", "continue", "raise", "lower", "change", "extend", "lift"][self as usize]
    }

    /// 发布、继续发布、升级、降级、变更、扩展、解除.
    pub fn zh(self) -> &'static str {
        ["发布", "继续发布", "升级", "降级", "变更", "扩展", "解除"][self as usize]
    }
}

/// A message of the national warning release system.
#[derive(Clone, Debug, PartialEq)]
pub struct WarningMessage {
    /// Unit code, `_`, `YYYYMMDDhhmmss`, and since the standard `_N`.
    pub identifier: Identifier,
    /// Issuing unit in words (河南省气象局).
    pub sender: String,
    /// Unit code, 14 digits: region 6, industry 3, sub-unit 3, `00`.
    pub sender_code: String,
    /// `sendTime`.
    pub sent: CapTime,
    /// Real, exercise, test …
    pub status: Status,
    /// Opens, replaces, closes.
    pub msg_type: MsgType,
    /// Who may see it.
    pub scope: Scope,
    /// How it is to be published.
    pub methods: Vec<Method>,
    /// `secClassification`.
    pub classification: Option<String>,
    /// Note.
    pub note: Option<String>,
    /// Identifiers; the first message of the chain.
    pub references: Vec<String>,
    /// The content.
    pub infos: Vec<WarningInfo>,
}

/// Identifier of a warning message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identifier {
    /// As written.
    pub text: String,
    /// Unit code, 14 digits.
    pub unit: String,
    /// Moment in the identifier, Beijing time.
    pub at: Option<Instant>,
    /// Sequence number, since the standard.
    pub sequence: Option<u32>,
}

/// One way of publishing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// SMS, WEB, SPEAKER, LED …
    pub name: String,
    /// Text for that way.
    pub message: Option<String>,
    /// Groups of recipients.
    pub audience_groups: Vec<String>,
}

/// Content of a warning message.
#[derive(Clone, Debug, PartialEq)]
pub struct WarningInfo {
    /// Language tag.
    pub language: Option<String>,
    /// Event type, five characters (11B06).
    pub event_type: String,
    /// Colour of the signal.
    pub severity: Colour,
    /// As written, usually `Unknown`.
    pub urgency: Option<String>,
    /// As written, usually `Unknown`.
    pub certainty: Option<String>,
    /// Valid from.
    pub effective: Option<CapTime>,
    /// Expected begin.
    pub onset: Option<CapTime>,
    /// Valid until.
    pub expires: Option<CapTime>,
    /// The person who sent it.
    pub sender_name: Option<String>,
    /// Headline.
    pub headline: Option<String>,
    /// The warning's words.
    pub description: Option<String>,
    /// What to do.
    pub instruction: Option<String>,
    /// A page with more.
    pub web: Option<String>,
    /// Where.
    pub areas: Vec<WarningArea>,
}

/// One place of a warning message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarningArea {
    /// In words.
    pub description: String,
    /// Region code, 12 digits, zeros behind; empty where the lists were of unequal length.
    pub geocode: String,
}

impl WarningInfo {
    /// The hazard of the event type, else of the headline or the words.
    pub fn hazard(&self) -> Option<&'static Hazard> {
        Hazard::by_event_code(&self.event_type)
            .or_else(|| self.headline.as_deref().and_then(Hazard::named_in))
            .or_else(|| self.description.as_deref().and_then(Hazard::named_in))
    }

    /// I (红色) to IV (蓝色).
    pub fn level(&self) -> &'static str {
        ["I", "II", "III", "IV"][self.severity as usize]
    }
}

impl WarningMessage {
    /// What the message does: from its type, and for an update from its words.
    pub fn action(&self) -> Action {
        let worded = || {
            let info = self.infos.first()?;
            let words = info.description.as_deref().or(info.headline.as_deref())?;
            from_text(words).action.filter(|it| *it != Action::Issue)
        };
        match self.msg_type {
            MsgType::Cancel => Action::Lift,
            MsgType::Update => worded().unwrap_or(Action::Change),
            _ => Action::Issue,
        }
    }

    /// Name under which the system stores the message: `identifier_eventType_COLOUR_msgType.xml`.
    pub fn file_name(&self) -> String {
        let (event, colour) = match self.infos.first() {
            Some(info) => (info.event_type.as_str(), info.severity.name().to_uppercase()),
            None => ("", String::new()),
        };
        format!("{}_{event}_{colour}_{}.xml", self.identifier.text, self.msg_type.word())
    }
}
