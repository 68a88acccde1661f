//! The SQL of the kit and nothing else.

use anlan_kernel::{Instant, RegionCode};
use anlan_store::{Module, Row, StoreError, Tx, params};
use serde::{Deserialize, Serialize};

use crate::who::Lack;

/// Tables of the kit. Accounts, devices, tokens and second factors are journaled; sessions, open invitations and the
/// like are not.
pub static MODULE: Module = Module {
    name: "web",
    migrations: &[
        (
            "0001-accounts",
        "CREATE TABLE account (login TEXT NOT NULL PRIMARY KEY, name TEXT, role TEXT NOT NULL,
            regions TEXT NOT NULL, hat TEXT, password_hash TEXT, person TEXT NOT NULL,
            disabled BIGINT NOT NULL, made_at BIGINT NOT NULL, revision BIGINT NOT NULL);
         CREATE TABLE device (id TEXT NOT NULL PRIMARY KEY, stations TEXT NOT NULL, secret_hash TEXT NOT NULL,
            disabled BIGINT NOT NULL, made_at BIGINT NOT NULL);
         CREATE UNIQUE INDEX device_secret ON device(secret_hash);
         CREATE TABLE api_token (id TEXT NOT NULL PRIMARY KEY, login TEXT NOT NULL, name TEXT NOT NULL,
            secret_hash TEXT NOT NULL, revoked BIGINT NOT NULL, made_at BIGINT NOT NULL);
         CREATE UNIQUE INDEX api_token_secret ON api_token(secret_hash);
         CREATE INDEX api_token_login ON api_token(login);
         CREATE TABLE session (token_hash TEXT NOT NULL PRIMARY KEY, login TEXT NOT NULL, made_at BIGINT NOT NULL,
            seen_at BIGINT NOT NULL, expires_at BIGINT NOT NULL);
         CREATE INDEX session_login ON session(login);
         CREATE TABLE login_attempt (subject TEXT NOT NULL PRIMARY KEY, failures BIGINT NOT NULL, last_at BIGINT NOT NULL);
         CREATE TABLE first_code (id TEXT NOT NULL PRIMARY KEY, code_hash TEXT NOT NULL, made_at BIGINT NOT NULL);
         CREATE TABLE idempotency (id TEXT NOT NULL PRIMARY KEY, request TEXT NOT NULL, run TEXT NOT NULL,
            status BIGINT, kind TEXT, body BYTEA, at BIGINT NOT NULL);
         CREATE INDEX idempotency_at ON idempotency(at);",
        ),
        // Answers are sealed from here on; of those that were kept in clear it is only known that they were given.
        (
            "0002-sealed-answers",
            "UPDATE idempotency SET run = '', status = NULL, kind = NULL, body = NULL;",
        ),
        (
            "0003-administration",
        "ALTER TABLE session ADD COLUMN device TEXT NOT NULL DEFAULT '';
         ALTER TABLE session ADD COLUMN lacks BIGINT NOT NULL DEFAULT 0;
         CREATE TABLE second_factor (login TEXT NOT NULL PRIMARY KEY, secret TEXT, recovery TEXT, person TEXT NOT NULL,
            made_at BIGINT NOT NULL);
         CREATE TABLE second_factor_rule (role TEXT NOT NULL PRIMARY KEY, required BIGINT NOT NULL);
         CREATE TABLE code_use (login TEXT NOT NULL PRIMARY KEY, step BIGINT NOT NULL);
         CREATE TABLE invitation (login TEXT NOT NULL PRIMARY KEY, code_hash TEXT NOT NULL, until BIGINT NOT NULL);
         CREATE UNIQUE INDEX invitation_code ON invitation(code_hash);",
        ),
        (
            "0004-oidc-subjects",
        "CREATE TABLE oidc_subject (login TEXT NOT NULL PRIMARY KEY, subject_hash TEXT NOT NULL, made_at BIGINT NOT NULL);
         CREATE UNIQUE INDEX oidc_subject_hash ON oidc_subject(subject_hash);",
        ),
    ],
    tables: &[&ACCOUNT, &DEVICE, &API_TOKEN, &SECOND_FACTOR, &SECOND_FACTOR_RULE, &OIDC_SUBJECT],
};

anlan_store::table!(AccountRow, ACCOUNT, "account", key: "login", sealed: ["name", "password_hash"] of "person", {
    login: Text, name: Text, role: Text, regions: Json, hat: Text, password_hash: Text, person: Text, disabled: Bool, made_at: Time, revision: Int,
});

anlan_store::table!(DeviceRow, DEVICE, "device", {
    id: Text, stations: Json, secret_hash: Text, disabled: Bool, made_at: Time,
});

anlan_store::table!(TokenRow, API_TOKEN, "api_token", {
    id: Text, login: Text, name: Text, secret_hash: Text, revoked: Bool, made_at: Time,
});

anlan_store::table!(FactorRow, SECOND_FACTOR, "second_factor", key: "login", sealed: ["secret", "recovery"] of "person", {
    login: Text, secret: Text, recovery: Json, person: Text, made_at: Time,
});

anlan_store::table!(FactorRule, SECOND_FACTOR_RULE, "second_factor_rule", key: "role", {
    role: Text, required: Bool,
});

anlan_store::table!(SubjectRow, OIDC_SUBJECT, "oidc_subject", key: "login", {
    login: Text, subject_hash: Text, made_at: Time,
});

/// An account (账号) as stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccountRow {
    pub login: String,
    /// Empty once the person's key was destroyed, as is the hash: nobody logs in with it.
    #[serde(deserialize_with = "or_empty")]
    pub name: String,
    pub role: String,
    pub regions: Vec<RegionCode>,
    pub hat: Option<String>,
    #[serde(deserialize_with = "or_empty")]
    pub password_hash: String,
    /// Under whose key name and hash are sealed in the journal.
    pub person: String,
    pub disabled: bool,
    pub made_at: Instant,
    pub revision: i64,
}

/// A second factor (动态口令) as stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FactorRow {
    pub login: String,
    /// Closed under the key for secrets of the installation; empty once the person's key was destroyed.
    #[serde(deserialize_with = "or_empty")]
    pub secret: String,
    /// Digests of the recovery codes that are left.
    #[serde(deserialize_with = "or_empty")]
    pub recovery: Vec<String>,
    /// Under whose key both are sealed in the journal.
    pub person: String,
    pub made_at: Instant,
}

/// Whose account a subject of the identity provider opens.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SubjectRow {
    pub login: String,
    /// Over the provider's address and the subject.
    pub subject_hash: String,
    pub made_at: Instant,
}

/// Whether a role needs a second factor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FactorRule {
    pub role: String,
    pub required: bool,
}

fn or_empty<'de, T: Default + Deserialize<'de>, D: serde::Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

/// A device (设备) as stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeviceRow {
    pub id: String,
    pub stations: Vec<String>,
    pub secret_hash: String,
    pub disabled: bool,
    pub made_at: Instant,
}

/// A bearer token (令牌) as stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenRow {
    pub id: String,
    pub login: String,
    pub name: String,
    pub secret_hash: String,
    pub revoked: bool,
    pub made_at: Instant,
}

/// An open session.
#[derive(Clone, Debug)]
pub struct Session {
    /// The digest it is stored under.
    pub hash: String,
    pub login: String,
    pub made_at: Instant,
    pub seen_at: Instant,
    pub expires_at: Instant,
    /// What the browser said it was, in a word or two.
    pub device: String,
    pub lacks: Lack,
}

const SESSION: &str = "SELECT token_hash, login, made_at, seen_at, expires_at, device, lacks FROM session";

fn session(row: &Row) -> Result<Session, StoreError> {
    Ok(Session {
        hash: row.text(0)?,
        login: row.text(1)?,
        made_at: row.instant(2)?,
        seen_at: row.instant(3)?,
        expires_at: row.instant(4)?,
        device: row.text(5)?,
        lacks: Lack::of_number(row.int(6)?),
    })
}

/// The session with this digest.
pub fn session_get(tx: &mut Tx<'_>, hash: &str) -> Result<Option<Session>, StoreError> {
    let rows = tx.query(&format!("{SESSION} WHERE token_hash = $1"), params![hash])?;
    rows.first().map(session).transpose()
}

/// Sessions of an account that are not over, used last first.
pub fn session_list(tx: &mut Tx<'_>, login: &str, now: Instant) -> Result<Vec<Session>, StoreError> {
    let sql = format!("{SESSION} WHERE login = $1 AND expires_at > $2 ORDER BY seen_at DESC, token_hash");
    tx.query(&sql, params![login, now])?.iter().map(session).collect()
}

/// Opens a session, and forgets those that ran out.
pub fn session_open(tx: &mut Tx<'_>, new: &Session) -> Result<(), StoreError> {
    tx.execute_unjournaled("DELETE FROM session WHERE expires_at < $1", params![new.made_at])?;
    tx.execute_unjournaled(
        "INSERT INTO session(token_hash, login, made_at, seen_at, expires_at, device, lacks)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        params![&new.hash, &new.login, new.made_at, new.seen_at, new.expires_at, &new.device, new.lacks.number()],
    )?;
    Ok(())
}

/// Says of every session of an account what it lacks.
pub fn session_lacks(tx: &mut Tx<'_>, login: &str, lacks: Lack) -> Result<(), StoreError> {
    let sql = "UPDATE session SET lacks = $1 WHERE login = $2";
    tx.execute_unjournaled(sql, params![lacks.number(), login]).map(drop)
}

/// Notes that a session is in use.
pub fn session_seen(tx: &mut Tx<'_>, hash: &str, now: Instant) -> Result<(), StoreError> {
    tx.execute_unjournaled("UPDATE session SET seen_at = $1 WHERE token_hash = $2", params![now, hash])?;
    Ok(())
}

/// Closes one session; `false` when it was closed already.
pub fn session_close(tx: &mut Tx<'_>, hash: &str) -> Result<bool, StoreError> {
    Ok(tx.execute_unjournaled("DELETE FROM session WHERE token_hash = $1", params![hash])? > 0)
}

/// Closes every session of an account.
pub fn session_close_all(tx: &mut Tx<'_>, login: &str) -> Result<u64, StoreError> {
    tx.execute_unjournaled("DELETE FROM session WHERE login = $1", params![login])
}

/// The last sealed position of the journal, whatever the regions.
pub fn sealed_position(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    let rows = tx.query_everywhere("SELECT COALESCE(MAX(position), 0) FROM journal", params![])?;
    rows.first().map_or(Ok(0), |it| it.int(0))
}
