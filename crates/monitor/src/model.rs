//! The things of monitoring: stations, alarms, signals, rules, what was rejected, and how far
//! the log was read.

use std::sync::Arc;

use anlan_kernel::{Colour, Grade, Instant, Problem, RegionCode, Text};
use anlan_store::{StoreError, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// A place that measures (监测站).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Station {
    /// As devices name it.
    pub id: String,
    /// Its name.
    pub name: Text,
    /// `wind`, `rain`, `river` …
    pub kind: String,
    /// Degrees east, WGS 84; missing coordinates are shown as 「无坐标」.
    pub longitude: Option<f64>,
    /// Degrees north, WGS 84.
    pub latitude: Option<f64>,
    /// Where it stands.
    pub region: RegionCode,
    /// Metres above sea level.
    pub elevation: Option<f64>,
    /// Regions it speaks for; empty for 上游监视, which raises alarms and never calls.
    pub serves: Vec<RegionCode>,
    /// Further numeric columns by title (`warning_level` …), in the decimals given.
    pub columns: Map<String, Json>,
}

impl Station {
    /// Whether its id or name holds these letters.
    pub fn matches(&self, letters: &str) -> bool {
        let letters = letters.to_lowercase();
        [&self.id, &self.name.zh, &self.name.en].iter().any(|it| it.to_lowercase().contains(&letters))
    }
}

/// Whether an alarm (实况告警) still stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmState {
    /// It holds, or held less than `clear_after` ago.
    Open,
    /// It is over.
    Cleared,
}

/// A monitored value crossed our rule (实况告警).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// `rule:station:raised_at`, so that a repeated judgement does nothing twice.
    pub id: String,
    /// The rule.
    pub rule: String,
    /// The station.
    pub station: String,
    /// Hazard whose weather process it joins, where the rule names one.
    pub hazard: Option<String>,
    /// What the rule measures.
    pub title: Text,
    /// 监测Ⅰ–Ⅳ级 shown now; the last one when cleared.
    pub grade: Grade,
    /// The gravest reached.
    pub peak: Grade,
    /// Open or cleared.
    pub state: AlarmState,
    /// When it first was some grade.
    pub raised_at: Instant,
    /// When the grade last changed.
    pub changed_at: Instant,
    /// When it was none.
    pub cleared_at: Option<Instant>,
    /// Where the station stands.
    pub region: RegionCode,
    /// Regions it speaks for; empty for 上游监视.
    pub areas: Vec<RegionCode>,
    /// For optimistic changes.
    pub revision: i64,
}

impl Alarm {
    /// The natural key.
    pub fn key(rule: &str, station: &str, raised_at: Instant) -> String {
        format!("{rule}:{station}:{raised_at}")
    }
}

/// What a signal does to an earlier one of its issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalState {
    /// Nothing later has replaced or lifted it.
    InForce,
    /// A later message of the issuer replaced it (变更).
    Replaced,
    /// The issuer lifted it (解除), or it is the message that lifts.
    Lifted,
    /// An exercise or test of the issuer: shown, never acted on.
    Test,
}

/// A signal of another authority (气象预警信号 and the like), relayed unchanged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// Made from issuer, identifier and sending time (of words without either: from the words), so
    /// that a repeated delivery is the same signal.
    pub id: String,
    /// The issuer, in its own words.
    pub issuer: String,
    /// The issuer's own number for it.
    pub identifier: String,
    /// Hazard key (`typhoon`), `other` where the message names none we know.
    pub hazard: String,
    /// 灾种, as the message has it.
    pub hazard_zh: String,
    /// 红橙黄蓝, where the message says so.
    pub colour: Option<Colour>,
    /// `alert`, `update`, `cancel`, or `test` for an exercise or test of the issuer.
    pub action: String,
    /// Headline.
    pub title: String,
    /// Original text, unchanged.
    pub text: String,
    /// `cap`, `cn_warning` or `text`.
    pub format: String,
    /// The whole message as it came.
    pub original: String,
    /// When it came.
    pub received_at: Instant,
    /// When the issuer sent it.
    pub issued_at: Option<Instant>,
    /// Until when it holds, where the message says so.
    pub expires_at: Option<Instant>,
    /// The region whose desk handles it.
    pub region: RegionCode,
    /// Regions it is for, as codes.
    pub areas: Vec<RegionCode>,
    /// Identifiers of earlier messages it replaces or lifts.
    pub refers_to: Vec<String>,
    /// In force, replaced or lifted.
    pub state: SignalState,
    /// 演示编造: shown wherever it shows.
    pub invented: bool,
    /// 签收: when.
    pub acknowledged_at: Option<Instant>,
    /// 签收: by whom.
    pub acknowledged_by: Option<String>,
    /// 转发: when.
    pub forwarded_at: Option<Instant>,
    /// 转发: by whom.
    pub forwarded_by: Option<String>,
    /// For optimistic changes.
    pub revision: i64,
}

/// A signal's message byte for byte, kept where [`Signal::original`] is not the same bytes: another encoding
/// than UTF-8, or a byte order mark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignalBytes {
    /// The signal.
    pub id: String,
    /// What came.
    pub base64: String,
}

/// One version of one set of rules; the text is kept for good.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleSet {
    /// `source/version`.
    pub id: String,
    /// 1, 2, 3 … within its source.
    pub version: i64,
    /// The rules as written.
    pub toml: String,
    /// Which pack, or `local`.
    pub source: String,
    /// Who set it.
    pub set_by: String,
    /// Since when it judges.
    pub active_from: Instant,
    /// Whether it judges now; at most one version of a source does.
    pub active: bool,
}

/// An input that was refused, kept with its reason and place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rejected {
    /// Made from source, input and reason: the same fault delivered again is the same record.
    pub id: String,
    /// When it first came.
    pub at: Instant,
    /// Who sent it and by which way: `device:x http`, `signal`, `stations.csv`.
    pub source: String,
    /// The input, its first 64 kB.
    pub raw: String,
    /// Whether `raw` is base64 because the input is not UTF-8.
    pub base64: bool,
    /// Bytes of the whole input.
    pub bytes: i64,
    /// Code, place and words.
    pub problem: Problem,
}

/// How far a reader of the observation log has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogMark {
    /// `engine` or `digest`.
    pub id: String,
    /// Position in the log.
    pub position: i64,
    /// World time judged up to (engine), or of the last block (digest).
    pub at: Instant,
}

/// What happened to an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmEvent {
    /// First some grade.
    Raised,
    /// Another grade.
    Changed,
    /// None any more.
    Cleared,
}

/// Hears of an alarm inside the transaction that stores it.
pub type AlarmHook = Arc<dyn Fn(&mut Tx<'_>, &Alarm, AlarmEvent) -> Result<(), StoreError> + Send + Sync>;
/// Hears of a signal (new, acknowledged or forwarded: its fields say which) inside the transaction
/// that stores it.
pub type SignalHook = Arc<dyn Fn(&mut Tx<'_>, &Signal) -> Result<(), StoreError> + Send + Sync>;

/// Who else hears of alarms and signals, in the same transaction.
#[derive(Clone, Default)]
pub struct Hooks {
    /// In order.
    pub alarm: Vec<AlarmHook>,
    /// In order.
    pub signal: Vec<SignalHook>,
}

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hooks({} alarm, {} signal)", self.alarm.len(), self.signal.len())
    }
}

anlan_store::table!(Station, STATION, "station", region: "region", {
    id: Text, name: Json, kind: Text, longitude: Real, latitude: Real, region: Text, elevation: Real, serves: Json, columns: Json,
});
anlan_store::table!(Alarm, ALARM, "alarm", region: "region", {
    id: Text, rule: Text, station: Text, hazard: Text, title: Json, grade: Int, peak: Int, state: Text, raised_at: Time, changed_at: Time, cleared_at: Time, region: Text, areas: Json, revision: Int,
});
anlan_store::table!(Signal, SIGNAL, "signal", region: "region", {
    id: Text, issuer: Text, identifier: Text, hazard: Text, hazard_zh: Text, colour: Text, action: Text, title: Text, text: Text, format: Text, original: Text, received_at: Time, issued_at: Time, expires_at: Time, region: Text, areas: Json, refers_to: Json, state: Text, invented: Bool, acknowledged_at: Time, acknowledged_by: Text, forwarded_at: Time, forwarded_by: Text, revision: Int,
});
anlan_store::table!(SignalBytes, SIGNAL_BYTES, "signal_bytes", {
    id: Text, base64: Text,
});
anlan_store::table!(RuleSet, RULE_SET, "rule_set", {
    id: Text, version: Int, toml: Text, source: Text, set_by: Text, active_from: Time, active: Bool,
});
anlan_store::table!(Rejected, REJECTED, "rejected", {
    id: Text, at: Time, source: Text, raw: Text, base64: Bool, bytes: Int, problem: Json,
});
anlan_store::table!(LogMark, LOG_MARK, "log_mark", {
    id: Text, position: Int, at: Time,
});
