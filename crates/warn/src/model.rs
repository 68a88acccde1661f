//! The things: process, round, call, escalation, request for help, receipt, gateway.

use anlan_kernel::{Instant, RegionCode};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// A weather process (天气过程): everything one hazard does to one district until it is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// `wp-20230901-typhoon-440303`, with `-2` … for later ones of the day.
    pub id: String,
    /// Stable hazard key, such as `typhoon`.
    pub hazard: String,
    /// The district.
    pub region: RegionCode,
    /// Everything its alarms and signals spoke of so far.
    pub areas: Vec<RegionCode>,
    /// Gravest call-out level so far.
    pub level: Option<u8>,
    /// Whether it goes on.
    pub open: bool,
    /// First alarm or signal.
    pub opened_at: Instant,
    /// Last alarm or signal.
    pub last_at: Instant,
    /// When it ended.
    pub ended_at: Option<Instant>,
    /// Signed by whom, or `system:timekeeper` after N hours of calm.
    pub ended_by: Option<String>,
    /// A fall or an all-clear came in; an officer decides.
    pub stand_down_proposed: bool,
    /// 解除说明: what everybody who was called is told; sealed under the process' key.
    pub stand_down_note: Option<String>,
    /// For optimistic changes.
    pub revision: i64,
}

/// Where a round stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoundState {
    /// Pre-authorised; starts at its time unless stopped.
    Pending,
    /// Calling.
    Running,
    /// Every call is final.
    Done,
    /// Stopped by an officer.
    Stopped,
    /// A graver round took over.
    Absorbed,
}

/// A call-out round (一轮叫应) of one level in one process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// `<process>.<level>`, with `-2` … when one of the level was stopped or absorbed before.
    pub id: String,
    /// Its process.
    pub process: String,
    /// Call-out level 1–4.
    pub level: u8,
    /// The district.
    pub region: RegionCode,
    /// Areas called.
    pub areas: Vec<RegionCode>,
    /// What led to it: words for people.
    pub cause: String,
    /// Whether the cause is invented for a demonstration.
    pub invented: bool,
    /// Where it stands.
    pub state: RoundState,
    /// When it starts.
    pub start_at: Instant,
    /// When it started.
    pub started_at: Option<Instant>,
    /// When it was over.
    pub ended_at: Option<Instant>,
    /// Who stopped or raised it.
    pub decided_by: Option<String>,
    /// 停止理由: in the words of whoever stopped it; sealed under the round's key.
    pub stop_reason: Option<String>,
    /// `pack@version` of the plan.
    pub pack: String,
    /// Callees of the current audience already opened.
    pub opened: i64,
    /// For optimistic changes.
    pub revision: i64,
}

/// Where a call stands: two open states and the eight final ones (design 5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// Being called.
    Calling,
    /// Silent; the person one level up is being told.
    Escalated,
    /// 已叫应: a key, a reply or the page.
    Answered,
    /// 已听完.
    HeardInFull,
    /// 代登记.
    RecordedByColleague,
    /// 上门叫醒.
    ReachedOnSite,
    /// 已转交: a named superior accepted.
    HandedOver,
    /// 未叫通: attempts used up, nobody took over.
    NotReached,
    /// 无可用号码.
    NoContact,
    /// 已并入/已停止.
    Cancelled,
}

impl CallState {
    /// The eight final states, in the order of the glossary.
    pub const FINAL: [Self; 8] = [
        Self::Answered,
        Self::HeardInFull,
        Self::RecordedByColleague,
        Self::ReachedOnSite,
        Self::HandedOver,
        Self::NotReached,
        Self::NoContact,
        Self::Cancelled,
    ];

    /// The state stored under this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Calling, Self::Escalated].into_iter().chain(Self::FINAL).find(|it| it.name() == name)
    }

    /// As stored and exchanged.
    pub fn name(self) -> &'static str {
        match self {
            Self::Calling => "calling",
            Self::Escalated => "escalated",
            Self::Answered => "answered",
            Self::HeardInFull => "heard_in_full",
            Self::RecordedByColleague => "recorded_by_colleague",
            Self::ReachedOnSite => "reached_on_site",
            Self::HandedOver => "handed_over",
            Self::NotReached => "not_reached",
            Self::NoContact => "no_contact",
            Self::Cancelled => "cancelled",
        }
    }

    /// On screens, Chinese and English.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Calling => ("叫应中", "calling"),
            Self::Escalated => ("已报上级", "told to the superior"),
            Self::Answered => ("已叫应", "answered"),
            Self::HeardInFull => ("已听完", "heard in full"),
            Self::RecordedByColleague => ("代登记", "recorded by a colleague"),
            Self::ReachedOnSite => ("上门叫醒", "reached on site"),
            Self::HandedOver => ("已转交", "handed over"),
            Self::NotReached => ("未叫通", "not reached"),
            Self::NoContact => ("无可用号码", "no usable number"),
            Self::Cancelled => ("已并入/已停止", "absorbed or stopped"),
        }
    }

    /// Whether nothing follows.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Calling | Self::Escalated)
    }

    /// Whether an officer may still record what became of the callee: until somebody was reached.
    pub fn may_be_recorded(self) -> bool {
        matches!(self, Self::Calling | Self::Escalated | Self::NotReached | Self::NoContact)
    }
}

/// One callee in one round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// `<round>/<callee>`.
    pub id: String,
    /// Its round.
    pub round: String,
    /// `person:…` or `room:…`.
    pub callee: String,
    /// Where the callee's first duty lies.
    pub region: RegionCode,
    /// Which part of the audience.
    pub who: String,
    /// Place in the calling order.
    pub rank: String,
    /// Every duty, named in the one call: `[{title, duty, region, region_name}]`.
    pub duties: Json,
    /// Callees to call at once when this one cannot come.
    pub deputies: Vec<String>,
    /// Usable numbers; attempts take them in turn.
    pub numbers: i64,
    /// Ladder of the plan.
    pub ladder: String,
    /// Where it stands.
    pub state: CallState,
    /// Whether it is still open; the index of the round page.
    pub open: bool,
    /// Step of the ladder.
    pub step: Option<String>,
    /// Tries made in this step.
    pub tries: i64,
    /// Attempts made in all, or waiting for their turn.
    pub attempts: i64,
    /// Number of the last attempt; those taken back before they left keep theirs.
    pub last_attempt: i64,
    /// When the step's time runs out.
    pub limit_at: Option<Instant>,
    /// First ring of the step.
    pub rang_at: Option<Instant>,
    /// First ring of the call.
    pub first_rang_at: Option<Instant>,
    /// Heard the whole message without a key.
    pub heard: bool,
    /// When they had heard it, the first time.
    pub heard_at: Option<Instant>,
    /// Key or reply: 1 arrived, 2 cannot come, 3 needs help.
    pub key: Option<u8>,
    /// By which way it ended: voice, sms, page, desk, superior.
    pub via: Option<String>,
    /// Who recorded, accepted, or which round absorbed it.
    pub by_whom: Option<String>,
    /// What the officer who recorded it wrote down; sealed under the callee's key.
    pub note: Option<String>,
    /// When it became final.
    pub final_at: Option<Instant>,
    /// The answer that came after the end, if one did.
    pub late_key: Option<u8>,
    /// The escalation whose list it stands on.
    pub escalation: Option<String>,
    /// Escalations it was part of.
    pub escalations: i64,
    /// SHA-256 of the token in the answer link, hex.
    pub token_hash: String,
    /// When it was opened.
    pub opened_at: Instant,
    /// For optimistic changes.
    pub revision: i64,
}

/// Where an escalation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EscalationState {
    /// Silence is gathered.
    Gathering,
    /// The superior is being called.
    Calling,
    /// A named superior accepted.
    Accepted,
    /// Nobody took over.
    Failed,
    /// Its calls ended meanwhile.
    Moot,
}

/// One call and one list to the person one level up (逐级叫应).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Escalation {
    /// `<round>/up/<unit>#n`.
    pub id: String,
    /// Its round.
    pub round: String,
    /// The unit whose silent are listed.
    pub region: RegionCode,
    /// Superiors in calling order.
    pub chain: Vec<String>,
    /// Which of them is being called.
    pub link: i64,
    /// Tries with this one.
    pub tries: i64,
    /// Attempts made in all, or waiting for their turn.
    pub attempts: i64,
    /// Number of the last attempt.
    pub last_attempt: i64,
    /// Ladder the calls are on.
    pub ladder: String,
    /// Step of the ladder.
    pub step: String,
    /// Where it stands.
    pub state: EscalationState,
    /// First ring at the current superior.
    pub rang_at: Option<Instant>,
    /// When the current superior's time runs out.
    pub limit_at: Option<Instant>,
    /// Who accepted.
    pub accepted_by: Option<String>,
    /// What they said, where an officer wrote it down; sealed under the escalation's key.
    pub note: Option<String>,
    /// SHA-256 of the token in the answer link, hex.
    pub token_hash: String,
    /// When it began.
    pub opened_at: Instant,
    /// For optimistic changes.
    pub revision: i64,
}

/// Key 3: danger or support needed; the desk rings until somebody takes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Help {
    /// The call; `!2` … behind it when they asked again after somebody took the first.
    pub id: String,
    /// Where.
    pub region: RegionCode,
    /// When.
    pub asked_at: Instant,
    /// Who took it.
    pub taken_by: Option<String>,
    /// When.
    pub taken_at: Option<Instant>,
    /// 结果: what came of it; sealed.
    pub outcome: Option<String>,
    /// Who wrote that.
    pub ended_by: Option<String>,
    /// When.
    pub ended_at: Option<Instant>,
}

impl Help {
    /// A request nobody took yet.
    pub fn asked(id: String, region: RegionCode, asked_at: Instant) -> Self {
        Self { id, region, asked_at, taken_by: None, taken_at: None, outcome: None, ended_by: None, ended_at: None }
    }

    /// The call, or the list, whose request it is.
    pub fn call(&self) -> &str {
        self.id.split('!').next().unwrap_or_default()
    }
}

/// A gateway's word about an attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// `<gateway>/<receipt id>`; a doubled one has the same.
    pub id: String,
    /// Attempt key.
    pub attempt: String,
    /// Where the callee's duty lies; the district root for unverified ones.
    pub region: RegionCode,
    /// ringing, answered, key, heard_in_full, hung_up, failed, delivered, reply; `unverified`, `bad`.
    pub event: String,
    /// World time of the gateway.
    pub at: Instant,
    /// World time at which it came in.
    pub received_at: Instant,
    /// Digit, reason; the raw body of an unverified one.
    pub detail: Option<Json>,
    /// Whose word it is.
    pub gateway: String,
    /// Data subject under whose key `detail` is sealed: the callee, or the gateway where there is none.
    pub subject: String,
}

/// A voice and SMS gateway (短信 / 语音通道).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gateway {
    /// Short name.
    pub id: String,
    /// Base URL of the gateway protocol.
    pub url: String,
    /// Messages a second; 0 is no cap.
    pub rate: f64,
    /// Messages a second into one street; 0 is no cap.
    pub area_rate: f64,
    /// Items in one request.
    pub batch: i64,
    /// Requests before a message is given up.
    pub max_tries: i64,
    /// Whether sendings go out.
    pub enabled: bool,
}

/// A raster base map (底图) below the map, off until somebody switches it on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MapBase {
    /// `base`; there is one.
    pub id: String,
    /// URL template with `{z}`, `{x}` and `{y}`: XYZ, WMTS or 天地图 with its key.
    pub tiles: String,
    /// Whose map it is, shown below it.
    pub attribution: String,
    /// 审图号, shown below it.
    pub approval: String,
    /// Whether it is shown.
    pub enabled: bool,
    /// Who set it.
    pub set_by: String,
}

anlan_store::table!(Process, PROCESS, "process", region: "region", sealed: ["stand_down_note"] of "id", {
    id: Text, hazard: Text, region: Text, areas: Json, level: Int, open: Bool, opened_at: Time, last_at: Time,
    ended_at: Time, ended_by: Text, stand_down_proposed: Bool, stand_down_note: Text, revision: Int,
});
anlan_store::table!(Round, ROUND, "round", region: "region", sealed: ["stop_reason"] of "id", {
    id: Text, process: Text, level: Int, region: Text, areas: Json, cause: Text, invented: Bool, state: Text,
    start_at: Time, started_at: Time, ended_at: Time, decided_by: Text, stop_reason: Text, pack: Text, opened: Int,
    revision: Int,
});
anlan_store::table!(Call, CALL, "call", region: "region", sealed: ["note"] of "callee", {
    id: Text, round: Text, callee: Text, region: Text, who: Text, rank: Text, duties: Json, deputies: Json,
    numbers: Int, ladder: Text, state: Text, open: Bool, step: Text, tries: Int, attempts: Int, last_attempt: Int, limit_at: Time, rang_at: Time,
    first_rang_at: Time, heard: Bool, heard_at: Time, key: Int, via: Text, by_whom: Text, note: Text, final_at: Time, late_key: Int,
    escalation: Text, escalations: Int, token_hash: Text, opened_at: Time, revision: Int,
});
anlan_store::table!(Escalation, ESCALATION, "escalation", region: "region", sealed: ["note"] of "id", {
    id: Text, round: Text, region: Text, chain: Json, link: Int, tries: Int, attempts: Int, last_attempt: Int,
    ladder: Text, step: Text, state: Text, rang_at: Time, limit_at: Time, accepted_by: Text, note: Text,
    token_hash: Text, opened_at: Time, revision: Int,
});
anlan_store::table!(Help, HELP, "help", region: "region", sealed: ["outcome"] of "id", {
    id: Text, region: Text, asked_at: Time, taken_by: Text, taken_at: Time, outcome: Text, ended_by: Text,
    ended_at: Time,
});
anlan_store::table!(Receipt, RECEIPT, "receipt", region: "region", sealed: ["detail"] of "subject", {
    id: Text, attempt: Text, region: Text, event: Text, at: Time, received_at: Time, detail: Json, gateway: Text,
    subject: Text,
});
anlan_store::table!(MapBase, MAP_BASE, "map_base", {
    id: Text, tiles: Text, attribution: Text, approval: Text, enabled: Bool, set_by: Text,
});
anlan_store::table!(Gateway, GATEWAY, "gateway", {
    id: Text, url: Text, rate: Real, area_rate: Real, batch: Int, max_tries: Int, enabled: Bool,
});

/// Migrations of this mechanism.
pub(crate) const MIGRATIONS: &[(&str, &str)] = &[
    ("0001-call-out", CALL_OUT),
    ("0002-warden", WARDEN),
    crate::notice::model::MIGRATION,
    crate::channel::model::MIGRATION,
    ("0005-map", MAP),
    ("0006-heard", "ALTER TABLE call ADD COLUMN heard_at BIGINT;"),
    ("0007-stand-down-note", "ALTER TABLE process ADD COLUMN stand_down_note TEXT;"),
    ("0008-stop-reason", "ALTER TABLE round ADD COLUMN stop_reason TEXT;"),
    ("0009-help-outcome", HELP_OUTCOME),
    crate::exercise::MIGRATION,
    crate::directed::MIGRATION,
];

const CALL_OUT: &str =
    "CREATE TABLE process (id TEXT NOT NULL PRIMARY KEY, hazard TEXT NOT NULL, region TEXT NOT NULL, areas TEXT NOT NULL,
        level BIGINT, open BIGINT NOT NULL, opened_at BIGINT NOT NULL, last_at BIGINT NOT NULL, ended_at BIGINT,
        ended_by TEXT, stand_down_proposed BIGINT NOT NULL, revision BIGINT NOT NULL);
     CREATE UNIQUE INDEX process_one_open ON process(hazard, region) WHERE open = 1;
     CREATE TABLE round (id TEXT NOT NULL PRIMARY KEY, process TEXT NOT NULL, level BIGINT NOT NULL, region TEXT NOT NULL,
        areas TEXT NOT NULL, cause TEXT NOT NULL, invented BIGINT NOT NULL, state TEXT NOT NULL, start_at BIGINT NOT NULL,
        started_at BIGINT, ended_at BIGINT, decided_by TEXT, pack TEXT NOT NULL, opened BIGINT NOT NULL, revision BIGINT NOT NULL);
     CREATE INDEX round_process ON round(process, level);
     CREATE TABLE call (id TEXT NOT NULL PRIMARY KEY, round TEXT NOT NULL, callee TEXT NOT NULL, region TEXT NOT NULL,
        who TEXT NOT NULL, rank TEXT NOT NULL, duties TEXT NOT NULL, deputies TEXT NOT NULL,
        numbers BIGINT NOT NULL, ladder TEXT NOT NULL, state TEXT NOT NULL, open BIGINT NOT NULL, step TEXT, tries BIGINT NOT NULL, attempts BIGINT NOT NULL, last_attempt BIGINT NOT NULL,
        limit_at BIGINT, rang_at BIGINT, first_rang_at BIGINT, heard BIGINT NOT NULL, key BIGINT, via TEXT, by_whom TEXT, note TEXT,
        final_at BIGINT, late_key BIGINT, escalation TEXT, escalations BIGINT NOT NULL, token_hash TEXT NOT NULL, opened_at BIGINT NOT NULL,
        revision BIGINT NOT NULL);
     CREATE INDEX call_round ON call(round, open, state);
     CREATE UNIQUE INDEX call_token ON call(token_hash);
     CREATE INDEX call_callee ON call(callee);
     CREATE INDEX call_escalation ON call(escalation, open) WHERE escalation IS NOT NULL;
     CREATE TABLE escalation (id TEXT NOT NULL PRIMARY KEY, round TEXT NOT NULL, region TEXT NOT NULL,
        chain TEXT NOT NULL, link BIGINT NOT NULL, tries BIGINT NOT NULL, attempts BIGINT NOT NULL, last_attempt BIGINT NOT NULL, ladder TEXT NOT NULL,
        step TEXT NOT NULL, state TEXT NOT NULL, rang_at BIGINT, limit_at BIGINT, accepted_by TEXT, note TEXT, token_hash TEXT NOT NULL,
        opened_at BIGINT NOT NULL, revision BIGINT NOT NULL);
     CREATE INDEX escalation_round ON escalation(round, region, state);
     CREATE TABLE help (id TEXT NOT NULL PRIMARY KEY, region TEXT NOT NULL, asked_at BIGINT NOT NULL, taken_by TEXT, taken_at BIGINT);
     CREATE TABLE receipt (id TEXT NOT NULL PRIMARY KEY, attempt TEXT NOT NULL, region TEXT NOT NULL, event TEXT NOT NULL,
        at BIGINT NOT NULL, received_at BIGINT NOT NULL, detail TEXT, gateway TEXT NOT NULL, subject TEXT NOT NULL);
     CREATE INDEX receipt_attempt ON receipt(attempt);
     CREATE INDEX receipt_subject ON receipt(subject) WHERE detail IS NOT NULL;
     CREATE TABLE gateway (id TEXT NOT NULL PRIMARY KEY, url TEXT NOT NULL, rate DOUBLE PRECISION NOT NULL,
        area_rate DOUBLE PRECISION NOT NULL, batch BIGINT NOT NULL, max_tries BIGINT NOT NULL, enabled BIGINT NOT NULL);
     CREATE TABLE gateway_secret (gateway TEXT NOT NULL PRIMARY KEY, sealed BYTEA NOT NULL);";

const WARDEN: &str = "CREATE INDEX call_place ON call(round, region, state);
     CREATE TABLE transfer (id TEXT NOT NULL PRIMARY KEY, process TEXT NOT NULL, round TEXT NOT NULL, call TEXT NOT NULL,
        region TEXT NOT NULL, due BIGINT NOT NULL, moved BIGINT NOT NULL, not_yet BIGINT NOT NULL, refused BIGINT NOT NULL,
        lost BIGINT NOT NULL, reported_at BIGINT NOT NULL, reported_by TEXT NOT NULL, revision BIGINT NOT NULL);
     CREATE INDEX transfer_process ON transfer(process, region);
     CREATE TABLE pin (id TEXT NOT NULL PRIMARY KEY, region TEXT NOT NULL, hash TEXT NOT NULL, set_at BIGINT NOT NULL,
        set_by TEXT NOT NULL);";

const HELP_OUTCOME: &str = "ALTER TABLE help ADD COLUMN outcome TEXT;
     ALTER TABLE help ADD COLUMN ended_by TEXT;
     ALTER TABLE help ADD COLUMN ended_at BIGINT;";

const MAP: &str = "CREATE TABLE map_base (id TEXT NOT NULL PRIMARY KEY, tiles TEXT NOT NULL, attribution TEXT NOT NULL,
         approval TEXT NOT NULL, enabled BIGINT NOT NULL, set_by TEXT NOT NULL);";
