//! What stands around people and things, as it is stored.

use anlan_kernel::{Instant, RegionCode};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Whether the public directory is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryPage {
    /// `directory`.
    pub id: String,
    /// On.
    pub shown: bool,
    /// Who switched it.
    pub changed_by: String,
    /// When.
    pub changed_at: Instant,
}

/// One edition of the board of a thing (公示牌): what stood on it, and the token in its code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Board {
    /// The token in its code; nobody can guess it, and it hangs on a wall.
    pub id: String,
    /// The record.
    pub record: String,
    /// Where it lies.
    pub region: RegionCode,
    /// Which edition for this record, from 1.
    pub version: i64,
    /// Who stood on it: `field=id`.
    pub people: Vec<String>,
    /// Digest of everything that stood on it, under a key of the world.
    pub facts: String,
    /// When.
    pub printed_at: Instant,
    /// By whom.
    pub printed_by: String,
    /// Since when it does not count any more.
    pub revoked_at: Option<Instant>,
}

/// One visit to a thing (到访).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// Its id.
    pub id: String,
    /// The record.
    pub record: String,
    /// Where it lies.
    pub region: RegionCode,
    /// Who was there, where it is somebody of the register.
    pub person: Option<String>,
    /// Who says so.
    pub actor: String,
    /// When.
    pub at: Instant,
    /// What was found; sealed under the record.
    pub note: Option<String>,
    /// A photograph: an attachment of the record.
    pub photo: Option<String>,
}

/// One question, sent by link, whether something still holds (年度核实).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    /// Its id.
    pub id: String,
    /// The person or the record it is about.
    pub subject: String,
    /// Where that is.
    pub region: RegionCode,
    /// The person who is asked.
    pub callee: String,
    /// SHA-256 of the token in the link.
    pub token_hash: String,
    /// When it was sent.
    pub asked_at: Instant,
    /// Who had it sent.
    pub asked_by: String,
    /// When the answer came.
    pub answered_at: Option<Instant>,
    /// `still` or `changed`.
    pub answer: Option<String>,
    /// What is proposed; sealed under the callee.
    pub proposal: Option<Json>,
    /// `accepted` or `declined`.
    pub verdict: Option<String>,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<Instant>,
}

/// A name under which an organisation acts (牌子).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hat {
    /// Its id.
    pub id: String,
    /// The organisation.
    pub organisation: String,
    /// Where that is.
    pub region: RegionCode,
    /// 三防指挥部办公室 …
    pub name: String,
    /// 印章: where it is kept and who keeps it.
    pub seal: Option<String>,
    /// Before the numbers of its papers.
    pub prefix: Option<String>,
    /// `user:…` and `person:…`.
    pub members: Vec<String>,
    /// The organisation whose roster it goes by.
    pub roster: Option<String>,
}

/// What a post answers for beyond its region (责任区).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DutyArea {
    /// Its id.
    pub id: String,
    /// The post.
    pub post: String,
    /// The post's region.
    pub region: RegionCode,
    /// `region`, `record` or `polygon`.
    pub kind: String,
    /// The region's code or the record's id.
    pub target: Option<String>,
    /// A polygon as GeoJSON, WGS 84.
    pub geometry: Option<Json>,
    /// In force from.
    pub valid_from: Option<Instant>,
    /// In force until.
    pub valid_until: Option<Instant>,
}

anlan_store::table!(DirectoryPage, DIRECTORY_PAGE, "directory_page", {
    id: Text, shown: Bool, changed_by: Text, changed_at: Time,
});
anlan_store::table!(Board, BOARD, "board", region: "region", {
    id: Text, record: Text, region: Text, version: Int, people: Json, facts: Text, printed_at: Time, printed_by: Text,
    revoked_at: Time,
});
anlan_store::table!(Visit, VISIT, "visit", region: "region", sealed: ["note"] of "record", {
    id: Text, record: Text, region: Text, person: Text, actor: Text, at: Time, note: Text, photo: Text,
});
anlan_store::table!(Ask, ASK, "ask", region: "region", sealed: ["proposal"] of "callee", {
    id: Text, subject: Text, region: Text, callee: Text, token_hash: Text, asked_at: Time, asked_by: Text,
    answered_at: Time, answer: Text, proposal: Json, verdict: Text, decided_by: Text, decided_at: Time,
});
anlan_store::table!(Hat, HAT, "hat", region: "region", {
    id: Text, organisation: Text, region: Text, name: Text, seal: Text, prefix: Text, members: Json, roster: Text,
});
anlan_store::table!(DutyArea, DUTY_AREA, "duty_area", region: "region", {
    id: Text, post: Text, region: Text, kind: Text, target: Text, geometry: Json, valid_from: Time, valid_until: Time,
});

/// `person_reached` says what calls, visits and filings say already, for the lists that ask when somebody was last
/// reached; it is not journaled a second time.
pub(crate) const MIGRATION: &str = "
    CREATE TABLE directory_page (id TEXT NOT NULL PRIMARY KEY, shown BIGINT NOT NULL, changed_by TEXT NOT NULL,
       changed_at BIGINT NOT NULL);
    CREATE TABLE board (id TEXT NOT NULL PRIMARY KEY, record TEXT NOT NULL, region TEXT NOT NULL, version BIGINT NOT NULL,
       people TEXT NOT NULL, facts TEXT NOT NULL, printed_at BIGINT NOT NULL, printed_by TEXT NOT NULL,
       revoked_at BIGINT);
    CREATE UNIQUE INDEX board_record ON board(record, version);
    CREATE TABLE visit (id TEXT NOT NULL PRIMARY KEY, record TEXT NOT NULL, region TEXT NOT NULL, person TEXT,
       actor TEXT NOT NULL, at BIGINT NOT NULL, note TEXT, photo TEXT);
    CREATE INDEX visit_record ON visit(record, at);
    CREATE TABLE ask (id TEXT NOT NULL PRIMARY KEY, subject TEXT NOT NULL, region TEXT NOT NULL, callee TEXT NOT NULL,
       token_hash TEXT NOT NULL, asked_at BIGINT NOT NULL, asked_by TEXT NOT NULL, answered_at BIGINT, answer TEXT,
       proposal TEXT, verdict TEXT, decided_by TEXT, decided_at BIGINT);
    CREATE UNIQUE INDEX ask_token ON ask(token_hash);
    CREATE INDEX ask_subject ON ask(subject, asked_at);
    CREATE INDEX ask_callee ON ask(callee, asked_at);
    CREATE INDEX ask_proposed ON ask(answered_at) WHERE answer = 'changed' AND verdict IS NULL;
    CREATE TABLE hat (id TEXT NOT NULL PRIMARY KEY, organisation TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL,
       seal TEXT, prefix TEXT, members TEXT NOT NULL, roster TEXT);
    CREATE UNIQUE INDEX hat_name ON hat(organisation, name);
    CREATE TABLE duty_area (id TEXT NOT NULL PRIMARY KEY, post TEXT NOT NULL, region TEXT NOT NULL, kind TEXT NOT NULL,
       target TEXT, geometry TEXT, valid_from BIGINT, valid_until BIGINT);
    CREATE INDEX duty_area_post ON duty_area(post);
    CREATE INDEX duty_area_target ON duty_area(target) WHERE target IS NOT NULL;
    CREATE TABLE person_reached (person TEXT NOT NULL PRIMARY KEY, at BIGINT NOT NULL, how TEXT NOT NULL);
    CREATE INDEX person_reached_at ON person_reached(at);";
