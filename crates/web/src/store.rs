//! The SQL of the kit and nothing else.

use anlan_kernel::{Instant, RegionCode};
use anlan_store::{Module, StoreError, Tx, params};
use serde::{Deserialize, Serialize};

/// Tables of the kit. Accounts, devices and tokens are journaled; sessions and the like are not.
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
    ],
    tables: &[&ACCOUNT, &DEVICE, &API_TOKEN],
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

fn or_empty<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(from)?.unwrap_or_default())
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
    pub login: String,
    pub seen_at: Instant,
    pub expires_at: Instant,
}

/// The session with this digest.
pub fn session_get(tx: &mut Tx<'_>, hash: &str) -> Result<Option<Session>, StoreError> {
    let sql = "SELECT login, seen_at, expires_at FROM session WHERE token_hash = $1";
    let rows = tx.query(sql, params![hash])?;
    rows.first()
        .map(|it| Ok(Session { login: it.text(0)?, seen_at: it.instant(1)?, expires_at: it.instant(2)? }))
        .transpose()
}

/// Opens a session, and forgets those that ran out.
pub fn session_open(tx: &mut Tx<'_>, hash: &str, login: &str, now: Instant, until: Instant) -> Result<(), StoreError> {
    tx.execute_unjournaled("DELETE FROM session WHERE expires_at < $1", params![now])?;
    tx.execute_unjournaled(
        "INSERT INTO session(token_hash, login, made_at, seen_at, expires_at) VALUES ($1, $2, $3, $3, $4)",
        params![hash, login, now, until],
    )?;
    Ok(())
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
