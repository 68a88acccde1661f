//! The SQL of monitoring and nothing else.

use anlan_kernel::{Instant, RegionCode, Scope};
use anlan_store::{Module, Record, Row, StoreError, Tx, Value, params};
use anlan_web::list::{Asked, Condition, Found, Part, pattern};

use crate::model::{
    ALARM, Alarm, LOG_MARK, LogMark, REJECTED, RULE_SET, Rejected, RuleSet, SIGNAL, SIGNAL_BYTES, STATION, Signal,
    Station,
};

/// Tables of monitoring.
pub static MODULE: Module = Module {
    name: "monitor",
    migrations: &[
        (
            "0001-monitor",
            "CREATE TABLE station (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL,
            longitude DOUBLE PRECISION, latitude DOUBLE PRECISION, region TEXT NOT NULL,
            elevation DOUBLE PRECISION, serves TEXT NOT NULL, columns TEXT NOT NULL);
         CREATE INDEX station_region ON station(region);
         CREATE TABLE alarm (id TEXT NOT NULL PRIMARY KEY, rule TEXT NOT NULL, station TEXT NOT NULL, hazard TEXT,
            title TEXT NOT NULL, grade BIGINT NOT NULL, peak BIGINT NOT NULL, state TEXT NOT NULL,
            raised_at BIGINT NOT NULL, changed_at BIGINT NOT NULL, cleared_at BIGINT, region TEXT NOT NULL,
            areas TEXT NOT NULL, revision BIGINT NOT NULL);
         CREATE UNIQUE INDEX alarm_open ON alarm(rule, station) WHERE state = 'open';
         CREATE INDEX alarm_raised ON alarm(raised_at, id);
         CREATE INDEX alarm_region ON alarm(region, raised_at);
         CREATE TABLE signal (id TEXT NOT NULL PRIMARY KEY, issuer TEXT NOT NULL, identifier TEXT NOT NULL,
            hazard TEXT NOT NULL, hazard_zh TEXT NOT NULL, colour TEXT, action TEXT NOT NULL, title TEXT NOT NULL,
            text TEXT NOT NULL, format TEXT NOT NULL, original TEXT NOT NULL, received_at BIGINT NOT NULL,
            issued_at BIGINT, expires_at BIGINT, region TEXT NOT NULL, areas TEXT NOT NULL, refers_to TEXT NOT NULL,
            state TEXT NOT NULL, invented BIGINT NOT NULL, acknowledged_at BIGINT, acknowledged_by TEXT,
            forwarded_at BIGINT, forwarded_by TEXT, revision BIGINT NOT NULL);
         CREATE INDEX signal_issuer ON signal(issuer, received_at, id);
         CREATE INDEX signal_received ON signal(received_at, id);
         CREATE TABLE rule_set (id TEXT NOT NULL PRIMARY KEY, version BIGINT NOT NULL, toml TEXT NOT NULL,
            source TEXT NOT NULL, set_by TEXT NOT NULL, active_from BIGINT NOT NULL, active BIGINT NOT NULL);
         CREATE UNIQUE INDEX rule_set_active ON rule_set(source) WHERE active = 1;
         CREATE TABLE rejected (id TEXT NOT NULL PRIMARY KEY, at BIGINT NOT NULL, source TEXT NOT NULL,
            raw TEXT NOT NULL, base64 BIGINT NOT NULL, bytes BIGINT NOT NULL, problem TEXT NOT NULL);
         CREATE INDEX rejected_at ON rejected(at, id);
         CREATE TABLE log_mark (id TEXT NOT NULL PRIMARY KEY, position BIGINT NOT NULL, at BIGINT NOT NULL);",
        ),
        ("0002-signal-bytes", "CREATE TABLE signal_bytes (id TEXT NOT NULL PRIMARY KEY, base64 TEXT NOT NULL);"),
    ],
    tables: &[&STATION, &ALARM, &SIGNAL, &SIGNAL_BYTES, &RULE_SET, &REJECTED, &LOG_MARK],
};

/// Most records one list answers.
pub const PAGE: usize = 500;

/// Stations inside the scope, by id, after `cursor`.
///
/// # Errors
/// What the engine says.
pub fn station_list(tx: &mut Tx<'_>, cursor: &str, most: usize) -> Result<Vec<Station>, StoreError> {
    tx.find("id > $1", "ORDER BY id LIMIT $2", params![cursor, most])
}

/// The condition that an alarm touches `scope`: its desk lies there, or it speaks for a place that meets it; one that
/// speaks for nowhere (上游监视) touches every place of its desk. Codes are digits, so they stand in the text.
pub(crate) fn alarm_touches(scope: &Scope) -> String {
    let own = match scope {
        Scope::Everywhere => return "1 = 1".to_owned(),
        Scope::Regions(own) => own,
    };
    let mut any = vec!["1 = 0".to_owned()];
    for it in own {
        any.push(format!("region LIKE '{it}%' OR areas LIKE '%\"{it}%'"));
        for end in 2..it.as_str().len() {
            let wider = &it.as_str()[..end];
            any.push(format!("areas LIKE '%\"{wider}\"%' OR (areas = '[]' AND region = '{wider}')"));
        }
    }
    format!("({})", any.join(" OR "))
}

/// Alarms matching `condition` that touch `scope`, whatever the scope of the transaction: they are no personal data,
/// and a street's desk hears of a station whose desk is its district's. `tail` is ORDER BY and LIMIT.
///
/// # Errors
/// What the engine says.
pub fn alarm_touching(
    tx: &mut Tx<'_>,
    scope: &Scope,
    condition: &str,
    tail: &str,
    values: &[Value],
) -> Result<Vec<Alarm>, StoreError> {
    let (columns, touches) = (ALARM.column_list(), alarm_touches(scope));
    let sql = format!("SELECT {columns} FROM alarm WHERE ({condition}) AND {touches} {tail}");
    tx.query_everywhere(&sql, values)?.iter().map(|it| ALARM.row_to_record(it)).collect()
}

/// Open alarms that touch `scope`, gravest first.
///
/// # Errors
/// What the engine says.
pub fn alarm_open(tx: &mut Tx<'_>, scope: &Scope) -> Result<Vec<Alarm>, StoreError> {
    alarm_touching(tx, scope, "state = 'open'", "ORDER BY grade, raised_at, id", params![])
}

/// Alarms that touch the actor's scope after `cursor` (an id), newest first; `at` shows those raised by then.
///
/// # Errors
/// What the engine says.
pub fn alarm_list(tx: &mut Tx<'_>, cursor: Option<&str>, at: Instant, most: usize) -> Result<Vec<Alarm>, StoreError> {
    let scope = tx.actor().scope.clone();
    let from = match cursor {
        None => None,
        Some(id) => alarm_touching(tx, &scope, "id = $1", "", params![id])?.pop(),
    };
    let (raised, id) = from.map_or((Instant(at.0.saturating_add(1)), String::new()), |it| (it.raised_at, it.id));
    alarm_touching(
        tx,
        &scope,
        "raised_at <= $1 AND (raised_at < $2 OR (raised_at = $2 AND id < $3))",
        "ORDER BY raised_at DESC, id DESC LIMIT $4",
        params![at, raised, id, most],
    )
}

/// Alarms that touch `scope` and a list asks for, in `region` where it names one. The transaction is one of the
/// whole world.
///
/// # Errors
/// What the engine says.
pub(crate) fn alarm_find(
    tx: &mut Tx<'_>,
    scope: &Scope,
    asked: &Asked,
    region: Option<&RegionCode>,
    part: Part,
) -> Result<Found<Alarm>, StoreError> {
    let mut by = Condition::default();
    by.plain(&alarm_touches(scope));
    for column in ["state", "station"] {
        if !asked.get(column).is_empty() {
            by.and(&format!("{column} = ?"), asked.get(column));
        }
    }
    if let Ok(grade) = asked.get("grade").parse::<i64>() {
        by.and("grade = ?", grade);
    }
    if let Some(region) = region {
        by.inside("region", region);
    }
    if !asked.get("q").is_empty() {
        let stations: Vec<_> = station_all(tx)?.into_iter().filter(|it| it.matches(asked.get("q"))).collect();
        by.one_of("station", &stations.into_iter().map(|it| it.id).collect::<Vec<_>>());
    }
    asked.find(tx, by, part)
}

/// Regions of the alarms that touch `scope`.
///
/// # Errors
/// What the engine says.
pub(crate) fn alarm_regions(tx: &mut Tx<'_>, scope: &Scope) -> Result<Vec<String>, StoreError> {
    let touches = alarm_touches(scope);
    texts(tx, &format!("SELECT DISTINCT region FROM alarm WHERE {{scope:region}} AND {touches} ORDER BY region"))
}

/// Every station inside the scope, by id.
///
/// # Errors
/// What the engine says.
pub(crate) fn station_all(tx: &mut Tx<'_>) -> Result<Vec<Station>, StoreError> {
    tx.find("1 = 1", "ORDER BY id", params![])
}

/// Refused inputs a list asks for.
///
/// # Errors
/// What the engine says.
pub(crate) fn rejected_find(tx: &mut Tx<'_>, asked: &Asked, part: Part) -> Result<Found<Rejected>, StoreError> {
    let mut by = Condition::default();
    if !asked.get("source").is_empty() {
        by.and("source = ?", asked.get("source"));
    }
    if !asked.get("q").is_empty() {
        by.and("(LOWER(raw) LIKE ? ESCAPE '!' OR LOWER(source) LIKE ? ESCAPE '!')", pattern(asked.get("q")));
    }
    asked.find(tx, by, part)
}

/// Where refused inputs came from.
///
/// # Errors
/// What the engine says.
pub(crate) fn rejected_sources(tx: &mut Tx<'_>) -> Result<Vec<String>, StoreError> {
    texts(tx, "SELECT DISTINCT source FROM rejected ORDER BY source")
}

fn texts(tx: &mut Tx<'_>, sql: &str) -> Result<Vec<String>, StoreError> {
    tx.query(sql, &[])?.iter().map(|it: &Row| it.text(0)).collect()
}

/// The open alarm of a rule at a station; at most one by a unique index.
///
/// # Errors
/// What the engine says.
pub fn alarm_open_at(tx: &mut Tx<'_>, rule: &str, station: &str) -> Result<Option<Alarm>, StoreError> {
    Ok(tx.find("state = 'open' AND rule = $1 AND station = $2", "", params![rule, station])?.pop())
}

/// Signals inside the scope after `cursor` (an id), newest first.
///
/// # Errors
/// What the engine says.
pub fn signal_list(tx: &mut Tx<'_>, cursor: Option<&str>, at: Instant, most: usize) -> Result<Vec<Signal>, StoreError> {
    let from = match cursor {
        None => None,
        Some(id) => tx.get::<Signal>(id)?,
    };
    let (received, id) = from.map_or((Instant(at.0.saturating_add(1)), String::new()), |it| (it.received_at, it.id));
    tx.find(
        "received_at <= $1 AND (received_at < $2 OR (received_at = $2 AND id < $3))",
        "ORDER BY received_at DESC, id DESC LIMIT $4",
        params![at, received, id, most],
    )
}

/// The newest messages of an issuer inside the scope.
///
/// # Errors
/// What the engine says.
pub fn signal_of_issuer(tx: &mut Tx<'_>, issuer: &str, most: usize) -> Result<Vec<Signal>, StoreError> {
    tx.find("issuer = $1", "ORDER BY received_at DESC, id DESC LIMIT $2", params![issuer, most])
}

/// Messages with this number of whatever issuer inside the scope, newest first.
///
/// # Errors
/// What the engine says.
pub fn signal_numbered(tx: &mut Tx<'_>, number: &str) -> Result<Vec<Signal>, StoreError> {
    tx.find("identifier = $1", "ORDER BY received_at DESC, id DESC", params![number])
}

/// The rule sets that judge now, by source.
///
/// # Errors
/// What the engine says.
pub fn rule_set_active(tx: &mut Tx<'_>) -> Result<Vec<RuleSet>, StoreError> {
    tx.find("active = 1", "ORDER BY source", params![])
}

/// Every version of a source, newest first.
///
/// # Errors
/// What the engine says.
pub fn rule_set_history(tx: &mut Tx<'_>, source: &str) -> Result<Vec<RuleSet>, StoreError> {
    tx.find("source = $1", "ORDER BY version DESC", params![source])
}

/// What was refused by `at`, newest first, before `cursor` (an id).
///
/// # Errors
/// What the engine says.
pub fn rejected_list(
    tx: &mut Tx<'_>,
    cursor: Option<&str>,
    at: Instant,
    most: usize,
) -> Result<Vec<Rejected>, StoreError> {
    let from = match cursor {
        None => None,
        Some(id) => tx.get::<Rejected>(id)?,
    };
    let (before, id) = from.map_or((Instant(at.0.saturating_add(1)), String::new()), |it| (it.at, it.id));
    tx.find(
        "at <= $1 AND (at < $2 OR (at = $2 AND id < $3))",
        "ORDER BY at DESC, id DESC LIMIT $4",
        params![at, before, id, most],
    )
}

/// How far a reader of the log has come.
///
/// # Errors
/// What the engine says.
pub fn log_mark(tx: &mut Tx<'_>, reader: &str) -> Result<Option<LogMark>, StoreError> {
    tx.get(reader)
}

/// A region in which all `areas` lie, at least a district; `otherwise` where they share none.
pub fn region_of(areas: &[RegionCode], otherwise: &RegionCode) -> RegionCode {
    let Some(first) = areas.first() else { return otherwise.clone() };
    let mut shared = first.as_str().to_owned();
    for area in areas {
        let same = shared.bytes().zip(area.as_str().bytes()).take_while(|(a, b)| a == b).count();
        shared.truncate(same);
    }
    let length = match shared.len() {
        0..=5 => return otherwise.clone(),
        6..=8 => 6,
        9..=11 => 9,
        length => length,
    };
    shared.truncate(length);
    RegionCode::parse(&shared).unwrap_or_else(|_| otherwise.clone())
}

/// The signal of this id, or of this number of its issuer.
///
/// # Errors
/// What the engine says.
pub fn signal_named(tx: &mut Tx<'_>, name: &str) -> Result<Option<Signal>, StoreError> {
    Ok(tx.find::<Signal>("id = $1 OR identifier = $1", "ORDER BY received_at DESC LIMIT 1", params![name])?.pop())
}

/// The record as it stood at `at`, read from the journal; `None` where nobody knew of it yet. The
/// caller found the record inside the scope before.
///
/// # Errors
/// What the engine says.
pub fn as_of<R: Record>(tx: &mut Tx<'_>, key: &str, at: Instant) -> Result<Option<R>, StoreError> {
    let sql = "SELECT body FROM journal WHERE subject = $1 AND at <= $2 ORDER BY entry DESC";
    for row in tx.query_everywhere(sql, params![key, at])? {
        let body: serde_json::Value = serde_json::from_str(&row.text(0)?)?;
        let mut changes = body["changes"].as_array().into_iter().flatten();
        let mine = changes.rfind(|it| it["t"] == R::TABLE.name && it["k"] == key);
        if let Some(change) = mine {
            return Ok(serde_json::from_value(change["r"].clone()).ok());
        }
    }
    Ok(None)
}
