//! The things: notice, its papers, the fixed list of recipients, number series, the public page's switch.

use anlan_kernel::{Instant, RegionCode};
use anlan_register::Who;
use serde::{Deserialize, Serialize};

/// What a paper of a notice does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// 首发.
    First,
    /// 更新: takes the place of the one before.
    Update,
    /// 更正: the one before was wrong.
    Correction,
    /// 解除.
    Lift,
}

/// Where a notice stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// 未签发: only a draft so far.
    Unissued,
    /// 有效.
    InForce,
    /// 已解除.
    Lifted,
    /// 已撤稿: never issued.
    Withdrawn,
}

/// A notice (风险提示单): the bureau's own word to its own people about one process and its areas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// `<process>.n1`, `.n2` …
    pub id: String,
    /// Its weather process.
    pub process: String,
    /// Hazard key of the process.
    pub hazard: String,
    /// The district.
    pub region: RegionCode,
    /// Areas of the newest issued paper, of the draft while there is none.
    pub areas: Vec<RegionCode>,
    /// 牌子 it is issued under.
    pub hat: String,
    /// Where it stands.
    pub standing: Standing,
    /// Whether it still binds its process and areas: unissued or in force.
    pub live: bool,
    /// Papers issued so far.
    pub issued: i64,
    /// Version being prepared; at most one.
    pub working: Option<i64>,
    /// 文号 of the newest issued paper.
    pub number: Option<String>,
    /// Title of the newest paper.
    pub title: String,
    /// The version approved by name for the public; shown while it is the newest.
    pub public_version: Option<i64>,
    /// When it was begun.
    pub opened_at: Instant,
    /// Last move.
    pub changed_at: Instant,
    /// For optimistic changes.
    pub revision: i64,
}

/// A signal in force, quoted with its issuer and never restated (原文照录).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quote {
    /// Our id of it.
    pub signal: String,
    /// Who issued it.
    pub issuer: String,
    /// Its headline.
    pub title: String,
    /// Its words, unchanged.
    pub text: String,
    /// When.
    pub issued_at: Instant,
    /// 演示编造.
    pub invented: bool,
}

/// A measured alarm as it stood.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The alarm.
    pub alarm: String,
    /// Name of the station.
    pub station: String,
    /// What was measured: 3 小时雨量 ≥ 50 毫米.
    pub title: anlan_kernel::Text,
    /// 监测级别, 1 the gravest.
    pub grade: u8,
    /// Since when.
    pub since: Instant,
}

/// An area by code and name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// 统计用区划代码.
    pub code: RegionCode,
    /// Name when the paper was made.
    pub name: String,
}

/// What the program put in from its own records; nobody types it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Signals in force.
    pub signals: Vec<Quote>,
    /// Alarms open.
    pub measured: Vec<Measured>,
    /// Call-out level of the process.
    pub level: Option<u8>,
    /// As of when.
    pub at: Instant,
}

/// What a paper says; frozen once it is issued.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// …风险提示单.
    pub title: String,
    /// From the records.
    pub facts: Facts,
    /// 风险研判: own words.
    pub advice: String,
    /// 防范措施: own words, one line each.
    pub measures: Vec<String>,
    /// Where.
    pub places: Vec<Place>,
    /// 有效至.
    pub until: Instant,
    /// Whom it goes to.
    pub audience: Vec<Who>,
    /// Why updated, corrected or lifted: own words.
    pub reason: String,
}

/// One version of a notice: a paper with its own number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Paper {
    /// `<notice>.v1`, `.v2` …
    pub id: String,
    /// Its notice.
    pub notice: String,
    /// The district.
    pub region: RegionCode,
    /// 1, 2, 3 …
    pub version: i64,
    /// What it does.
    pub kind: Kind,
    /// What it says.
    pub content: Content,
    /// `pack@version` of the measures.
    pub pack: String,
    /// Everybody who wrote in it; none of them signs it.
    pub drafters: Vec<String>,
    /// When it was begun.
    pub drafted_at: Instant,
    /// 送签: when.
    pub submitted_at: Option<Instant>,
    /// 退回: why, until it is submitted again; on an issued paper why a signature was refused.
    pub refused: Option<String>,
    /// 退回: by whom.
    pub refused_by: Option<String>,
    /// 文号, given when it is issued.
    pub number: Option<String>,
    /// When it went out.
    pub issued_at: Option<Instant>,
    /// 签发: by whom.
    pub signed_by: Option<String>,
    /// 签发: when.
    pub signed_at: Option<Instant>,
    /// 电话口头同意: who said yes, by which number; sealed.
    pub said_by: Option<String>,
    /// The telephone number of that call; sealed.
    pub said_from: Option<String>,
    /// When they said it.
    pub said_at: Option<Instant>,
    /// The duty officer who heard it.
    pub heard_by: Option<String>,
    /// 补签 due.
    pub signature_due: Option<Instant>,
    /// Whether that moment passed without it.
    pub overdue: bool,
    /// How many it was sent to.
    pub told: i64,
}

/// One of the fixed list a notice goes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// `<notice>/<callee>`.
    pub id: String,
    /// The notice.
    pub notice: String,
    /// `room:…` or `person:…`.
    pub callee: String,
    /// Where their first duty lies.
    pub region: RegionCode,
    /// The version they came in with.
    pub since: i64,
}

/// The numbers of one 牌子 in one year (文号).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// `<prefix>|<year>`.
    pub id: String,
    /// 牌子.
    pub hat: String,
    /// Last number given.
    pub last: i64,
    /// For optimistic changes.
    pub revision: i64,
}

/// Whether the public page is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicPage {
    /// `public`.
    pub id: String,
    /// Off until switched on.
    pub shown: bool,
    /// Who switched.
    pub changed_by: String,
    /// When.
    pub changed_at: Instant,
}

impl Kind {
    /// As stored and exchanged.
    pub fn name(self) -> &'static str {
        ["first", "update", "correction", "lift"][self as usize]
    }

    /// On screens, Chinese and English.
    pub fn words(self) -> (&'static str, &'static str) {
        [("首发", "first"), ("更新", "update"), ("更正", "correction"), ("解除", "lifting")][self as usize]
    }
}

impl Standing {
    /// All, in the order of a notice's life.
    pub const ALL: [Self; 4] = [Self::Unissued, Self::InForce, Self::Lifted, Self::Withdrawn];

    /// As stored and exchanged.
    pub fn name(self) -> &'static str {
        ["unissued", "in_force", "lifted", "withdrawn"][self as usize]
    }

    /// On screens, Chinese and English.
    pub fn words(self) -> (&'static str, &'static str) {
        [("未签发", "not issued"), ("有效", "in force"), ("已解除", "lifted"), ("已撤稿", "withdrawn")][self as usize]
    }
}

impl Paper {
    /// Whether it went out on a verbal yes and waits for its signature.
    pub fn unsigned(&self) -> bool {
        self.issued_at.is_some() && self.signed_at.is_none()
    }
}

impl Content {
    /// Codes of its places.
    pub fn areas(&self) -> Vec<RegionCode> {
        self.places.iter().map(|it| it.code.clone()).collect()
    }
}

anlan_store::table!(Notice, NOTICE, "notice", region: "region", {
    id: Text, process: Text, hazard: Text, region: Text, areas: Json, hat: Text, standing: Text, live: Bool, issued: Int,
    working: Int, number: Text, title: Text, public_version: Int, opened_at: Time, changed_at: Time, revision: Int,
});
// What was said on the telephone and why it was sent back stand under the paper's own key.
anlan_store::table!(Paper, PAPER, "notice_paper", region: "region", sealed: ["refused", "said_by", "said_from"] of "id", {
    id: Text, notice: Text, region: Text, version: Int, kind: Text, content: Json, pack: Text, drafters: Json,
    drafted_at: Time, submitted_at: Time, refused: Text, refused_by: Text, number: Text, issued_at: Time, signed_by: Text,
    signed_at: Time, said_by: Text, said_from: Text, said_at: Time, heard_by: Text, signature_due: Time, overdue: Bool,
    told: Int,
});
anlan_store::table!(Recipient, RECIPIENT, "notice_recipient", region: "region", {
    id: Text, notice: Text, callee: Text, region: Text, since: Int,
});
anlan_store::table!(Series, SERIES, "number_series", {
    id: Text, hat: Text, last: Int, revision: Int,
});
anlan_store::table!(PublicPage, PUBLIC_PAGE, "public_page", {
    id: Text, shown: Bool, changed_by: Text, changed_at: Time,
});

/// Tables of notices.
pub(crate) const MIGRATION: (&str, &str) = (
    "0003-notice",
    "CREATE TABLE notice (id TEXT NOT NULL PRIMARY KEY, process TEXT NOT NULL, hazard TEXT NOT NULL, region TEXT NOT NULL,
        areas TEXT NOT NULL, hat TEXT NOT NULL, standing TEXT NOT NULL, live BIGINT NOT NULL, issued BIGINT NOT NULL,
        working BIGINT, number TEXT, title TEXT NOT NULL, public_version BIGINT, opened_at BIGINT NOT NULL,
        changed_at BIGINT NOT NULL, revision BIGINT NOT NULL);
     CREATE INDEX notice_process ON notice(process);
     CREATE INDEX notice_opened ON notice(opened_at, id);
     CREATE TABLE notice_paper (id TEXT NOT NULL PRIMARY KEY, notice TEXT NOT NULL, region TEXT NOT NULL,
        version BIGINT NOT NULL, kind TEXT NOT NULL, content TEXT NOT NULL, pack TEXT NOT NULL, drafters TEXT NOT NULL,
        drafted_at BIGINT NOT NULL, submitted_at BIGINT, refused TEXT, refused_by TEXT, number TEXT, issued_at BIGINT,
        signed_by TEXT, signed_at BIGINT, said_by TEXT, said_from TEXT, said_at BIGINT, heard_by TEXT,
        signature_due BIGINT, overdue BIGINT NOT NULL, told BIGINT NOT NULL);
     CREATE UNIQUE INDEX notice_paper_version ON notice_paper(notice, version);
     CREATE UNIQUE INDEX notice_paper_number ON notice_paper(number) WHERE number IS NOT NULL;
     CREATE TABLE notice_recipient (id TEXT NOT NULL PRIMARY KEY, notice TEXT NOT NULL, callee TEXT NOT NULL,
        region TEXT NOT NULL, since BIGINT NOT NULL);
     CREATE INDEX notice_recipient_notice ON notice_recipient(notice, region);
     CREATE TABLE number_series (id TEXT NOT NULL PRIMARY KEY, hat TEXT NOT NULL, last BIGINT NOT NULL,
        revision BIGINT NOT NULL);
     CREATE TABLE public_page (id TEXT NOT NULL PRIMARY KEY, shown BIGINT NOT NULL, changed_by TEXT NOT NULL,
        changed_at BIGINT NOT NULL);",
);
