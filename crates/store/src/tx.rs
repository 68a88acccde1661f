//! The unit of work: statements under a scope, and every change with the event that explains it.

use anlan_kernel::{Actor, Instant, RegionCode, Scope};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use crate::{Record, Row, StoreError, Table, Value, conn::Conn, params, world::Registry};

/// What happened, for the journal.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// `noun.verb`, such as `call.answered`.
    pub name: &'static str,
    /// Key of the thing it happened to.
    pub subject: &'a str,
    /// Where, if it happened somewhere.
    pub region: Option<&'a RegionCode>,
    /// Version of the pack that decided, where one did.
    pub pack: Option<&'a str>,
    /// Further facts. Never personal data in clear.
    pub detail: Json,
}

impl<'a> Event<'a> {
    /// An event without region, pack or detail.
    pub fn new(name: &'static str, subject: &'a str) -> Self {
        Self { name, subject, region: None, pack: None, detail: Json::Null }
    }

    /// Where it happened.
    #[must_use]
    pub fn region(mut self, region: &'a RegionCode) -> Self {
        self.region = Some(region);
        self
    }

    /// Which pack version decided.
    #[must_use]
    pub fn pack(mut self, pack: &'a str) -> Self {
        self.pack = Some(pack);
        self
    }

    /// Further facts.
    #[must_use]
    pub fn detail(mut self, detail: Json) -> Self {
        self.detail = detail;
        self
    }
}

/// Whether an optimistic change found the record as it was last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Advanced {
    /// It did, and the record moved on.
    Yes,
    /// Somebody else moved it first.
    Stale,
}

/// A transaction. Reads see a consistent state; writes are durable together or not at all.
pub struct Tx<'a> {
    pub(crate) conn: Conn<'a>,
    pub(crate) registry: &'a Registry,
    actor: &'a Actor,
    now: Instant,
    writable: bool,
    changes: Vec<Json>,
    pub(crate) recorded: bool,
}

impl<'a> Tx<'a> {
    pub(crate) fn new(conn: Conn<'a>, registry: &'a Registry, actor: &'a Actor, now: Instant, writable: bool) -> Self {
        Self { conn, registry, actor, now, writable, changes: Vec::new(), recorded: false }
    }

    /// World time at the start of the transaction.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Whether statements run on PostgreSQL, for the few that read differently there.
    pub fn is_postgres(&self) -> bool {
        self.conn.is_pg()
    }

    /// Who acts.
    pub fn actor(&self) -> &Actor {
        self.actor
    }

    /// Rows of a SELECT. A regional table needs `{scope:alias.region_column}` in the condition,
    /// which becomes the actor's duty areas.
    ///
    /// # Errors
    /// [`StoreError::Unscoped`] when the token is missing; otherwise what the engine says.
    pub fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        let sql = self.scoped(sql)?;
        self.query_everywhere(&sql, params)
    }

    /// Rows of a SELECT over every region, for what is not a person's look at regional records:
    /// counting, uniqueness, work of the program. Each use is printed by a test.
    ///
    /// # Errors
    /// What the engine says.
    pub fn query_everywhere(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        if !["SELECT", "WITH"].iter().any(|it| sql.trim_start().starts_with(it)) {
            return Err(StoreError::Shape(format!("a query only reads: {sql}")));
        }
        self.conn.query(sql, params)
    }

    /// A change of a table that is not journaled (sessions, caches, leases).
    ///
    /// # Errors
    /// [`StoreError::Shape`] when the statement names a journaled table.
    pub fn execute_unjournaled(&mut self, sql: &str, params: &[Value]) -> Result<u64, StoreError> {
        self.must_write()?;
        if let Some(table) = self.registry.journaled_in(sql) {
            return Err(StoreError::Shape(format!("{} changes only through records: {sql}", table.name)));
        }
        self.conn.execute(sql, params)
    }

    /// Records matching `condition` inside the actor's scope; `tail` is ORDER BY and LIMIT.
    ///
    /// # Errors
    /// What the engine says.
    pub fn find<R: Record>(&mut self, condition: &str, tail: &str, params: &[Value]) -> Result<Vec<R>, StoreError> {
        let scope = self.scope_of(R::TABLE);
        let sql = format!("SELECT {} FROM {} WHERE ({condition}){scope} {tail}", R::TABLE.column_list(), R::TABLE.name);
        self.conn.query(&sql, params)?.iter().map(|it| R::TABLE.row_to_record(it)).collect()
    }

    /// The record with this key, if it exists inside the actor's scope.
    ///
    /// # Errors
    /// What the engine says.
    pub fn get<R: Record>(&mut self, key: &str) -> Result<Option<R>, StoreError> {
        Ok(self.find(&format!("{} = $1", R::TABLE.key), "", params![key])?.pop())
    }

    /// How many records match inside the actor's scope.
    ///
    /// # Errors
    /// What the engine says.
    pub fn count<R: Record>(&mut self, condition: &str, params: &[Value]) -> Result<i64, StoreError> {
        let scope = self.scope_of(R::TABLE);
        let sql = format!("SELECT COUNT(*) FROM {} WHERE ({condition}){scope}", R::TABLE.name);
        self.conn.query(&sql, params)?.first().map_or(Ok(0), |it| it.int(0))
    }

    /// Writes the record, new or not.
    ///
    /// # Errors
    /// [`StoreError::OutOfScope`] when it lies outside the actor's duty areas, or what it would replace does.
    pub fn put<R: Record>(&mut self, record: &R) -> Result<(), StoreError> {
        let (map, values) = self.prepare(record)?;
        let table = R::TABLE;
        let sets: Vec<_> = table
            .columns
            .iter()
            .filter(|(name, _)| *name != table.key)
            .map(|(name, _)| format!("{name} = excluded.{name}"))
            .collect();
        let inside = table.region.map_or_else(String::new, |it| {
            format!(" WHERE {}", scope_sql(&self.actor.scope, &format!("{}.{it}", table.name)))
        });
        let (insert, key) = (insert_sql(table), table.key);
        let sql = format!("{insert} ON CONFLICT ({key}) DO UPDATE SET {}{inside}", sets.join(", "));
        if self.conn.execute(&sql, &values)? == 0 {
            let key = map.get(key).and_then(Json::as_str).unwrap_or_default();
            return Err(StoreError::OutOfScope {
                actor: self.actor.name.clone(),
                region: format!("of the stored {} {key}", table.name),
            });
        }
        self.changed(table, map)
    }

    /// Writes a new record; `false` and nothing changed when the key exists.
    ///
    /// # Errors
    /// [`StoreError::OutOfScope`] when it lies outside the actor's duty areas.
    pub fn insert<R: Record>(&mut self, record: &R) -> Result<bool, StoreError> {
        let (map, values) = self.prepare(record)?;
        let sql = format!("{} ON CONFLICT ({}) DO NOTHING", insert_sql(R::TABLE), R::TABLE.key);
        if self.conn.execute(&sql, &values)? == 0 {
            return Ok(false);
        }
        self.changed(R::TABLE, map)?;
        Ok(true)
    }

    /// Moves the record from `revision` to `revision + 1` if nobody else did.
    ///
    /// # Errors
    /// [`StoreError::OutOfScope`] when it lies outside the actor's duty areas,
    /// [`StoreError::Shape`] when the table has no revision.
    pub fn advance<R: Record>(&mut self, record: &R) -> Result<Advanced, StoreError> {
        let table = R::TABLE;
        let mut map = table.to_json(record)?;
        let seen = map
            .get("revision")
            .and_then(Json::as_i64)
            .ok_or_else(|| StoreError::Shape(format!("{} has no revision", table.name)))?;
        map.insert("revision".into(), json!(seen + 1));
        self.check_region(table, &map)?;
        let mut values = table.to_values(&map)?;
        let sets: Vec<_> =
            table.columns.iter().enumerate().map(|(i, (name, _))| format!("{name} = ${}", i + 1)).collect();
        let key = table.columns.iter().position(|(name, _)| *name == table.key).unwrap_or_default();
        let sql = format!(
            "UPDATE {} SET {} WHERE {} = ${} AND revision = ${}{}",
            table.name,
            sets.join(", "),
            table.key,
            key + 1,
            values.len() + 1,
            self.scope_of(table)
        );
        values.push(Value::Int(seen));
        if self.conn.execute(&sql, &values)? == 0 {
            return Ok(Advanced::Stale);
        }
        self.changed(table, map)?;
        Ok(Advanced::Yes)
    }

    /// Removes the record; `false` when there was none in scope.
    ///
    /// # Errors
    /// What the engine says.
    pub fn delete<R: Record>(&mut self, key: &str) -> Result<bool, StoreError> {
        self.must_write()?;
        let scope = self.scope_of(R::TABLE);
        let sql = format!("DELETE FROM {} WHERE {} = $1{scope}", R::TABLE.name, R::TABLE.key);
        if self.conn.execute(&sql, params![key])? == 0 {
            return Ok(false);
        }
        self.changes.push(json!({"t": R::TABLE.name, "k": key, "r": null}));
        Ok(true)
    }

    /// Writes the journal entry that explains every change since the last one.
    ///
    /// # Errors
    /// What the engine says.
    pub fn record(&mut self, event: Event<'_>) -> Result<(), StoreError> {
        self.must_write()?;
        let mut body = Map::new();
        if !event.detail.is_null() {
            body.insert("detail".into(), event.detail);
        }
        if !self.changes.is_empty() {
            body.insert("changes".into(), Json::Array(std::mem::take(&mut self.changes)));
        }
        self.conn.execute(
            "INSERT INTO journal(at, actor, hat, event, subject, region, pack, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            params![
                self.now,
                &self.actor.name,
                self.actor.hat.as_deref(),
                event.name,
                event.subject,
                event.region,
                event.pack,
                Json::Object(body).to_string(),
            ],
        )?;
        self.recorded = true;
        Ok(())
    }

    /// Text that must not stand in the journal in clear, sealed under the key of `person`.
    ///
    /// # Errors
    /// [`StoreError::Key`] when sealing fails.
    pub fn seal(&mut self, person: &str, plain: &str) -> Result<String, StoreError> {
        self.registry.keys.seal(&mut self.conn, self.now, person, "text", plain.as_bytes())
    }

    /// What [`Tx::seal`] closed; `None` when the person's key was destroyed.
    ///
    /// # Errors
    /// [`StoreError::Key`] when the text was changed.
    pub fn unseal(&mut self, person: &str, sealed: &str) -> Result<Option<String>, StoreError> {
        let plain = self.registry.keys.open_sealed(&mut self.conn, person, "text", sealed)?;
        plain.map(|it| String::from_utf8(it).map_err(|it| StoreError::Shape(it.to_string()))).transpose()
    }

    /// Destroys the key of `person`: what the journal holds of them can never be read again.
    /// The caller clears the live rows in the same transaction.
    ///
    /// # Errors
    /// What the engine says.
    pub fn destroy_key(&mut self, person: &str) -> Result<bool, StoreError> {
        self.must_write()?;
        Ok(self.conn.execute("DELETE FROM person_key WHERE person = $1", params![person])? > 0)
    }

    /// Refuses to go on unless everything changed was also recorded.
    pub(crate) fn finish(self, label: &'static str) -> Result<bool, StoreError> {
        if self.changes.is_empty() { Ok(self.recorded) } else { Err(StoreError::Unrecorded(label)) }
    }

    pub(crate) fn must_write(&self) -> Result<(), StoreError> {
        if self.writable { Ok(()) } else { Err(StoreError::ReadOnly) }
    }

    fn prepare(&self, record: &impl RecordRef) -> Result<(Map<String, Json>, Vec<Value>), StoreError> {
        self.must_write()?;
        let table = record.table();
        let map = record.json(table)?;
        self.check_region(table, &map)?;
        let values = table.to_values(&map)?;
        Ok((map, values))
    }

    fn check_region(&self, table: &Table, map: &Map<String, Json>) -> Result<(), StoreError> {
        self.must_write()?;
        match table.region_of(map)? {
            Some(region) if !self.actor.scope.covers(&region) => {
                Err(StoreError::OutOfScope { actor: self.actor.name.clone(), region: region.to_string() })
            }
            _ => Ok(()),
        }
    }

    fn changed(&mut self, table: &'static Table, mut map: Map<String, Json>) -> Result<(), StoreError> {
        if let Some(person) = table.person.and_then(|it| map.get(it)).and_then(Json::as_str).map(str::to_owned) {
            for column in table.sealed {
                let Some(value) = map.get(*column).filter(|it| !it.is_null()) else { continue };
                let context = format!("{}.{column}", table.name);
                let plain = value.to_string();
                let sealed = self.registry.keys.seal(&mut self.conn, self.now, &person, &context, plain.as_bytes())?;
                map.insert((*column).to_owned(), json!({"sealed": sealed, "person": person}));
            }
        }
        let key = map.get(table.key).and_then(Json::as_str).unwrap_or_default().to_owned();
        self.changes.push(json!({"t": table.name, "k": key, "r": map}));
        Ok(())
    }

    fn scope_of(&self, table: &Table) -> String {
        table.region.map_or_else(String::new, |column| format!(" AND {}", scope_sql(&self.actor.scope, column)))
    }

    fn scoped(&self, sql: &str) -> Result<String, StoreError> {
        let mut out = String::with_capacity(sql.len() + 64);
        let (mut rest, mut found) = (sql, false);
        while let Some((before, after)) = rest.split_once("{scope:") {
            let (column, tail) =
                after.split_once('}').ok_or_else(|| StoreError::Shape(format!("an unclosed scope token: {sql}")))?;
            out.push_str(before);
            out.push_str(&scope_sql(&self.actor.scope, column));
            (rest, found) = (tail, true);
        }
        out.push_str(rest);
        match self.registry.regional_in(sql) {
            Some(table) if !found => Err(StoreError::Unscoped { table: table.name, sql: sql.to_owned() }),
            _ => Ok(out),
        }
    }
}

/// A record seen without its type.
trait RecordRef {
    fn table(&self) -> &'static Table;
    fn json(&self, table: &Table) -> Result<Map<String, Json>, StoreError>;
}

impl<R: Record + Serialize> RecordRef for R {
    fn table(&self) -> &'static Table {
        R::TABLE
    }
    fn json(&self, table: &Table) -> Result<Map<String, Json>, StoreError> {
        table.to_json(self)
    }
}

pub(crate) fn insert_sql(table: &Table) -> String {
    let places: Vec<_> = (1..=table.columns.len()).map(|i| format!("${i}")).collect();
    format!("INSERT INTO {}({}) VALUES ({})", table.name, table.column_list(), places.join(", "))
}

/// The condition "this column lies in the scope". Codes are digits, so they stand in the text.
fn scope_sql(scope: &Scope, column: &str) -> String {
    match scope {
        Scope::Everywhere => "1 = 1".to_owned(),
        Scope::Regions(regions) if regions.is_empty() => "1 = 0".to_owned(),
        Scope::Regions(regions) => {
            let ranges: Vec<_> =
                regions.iter().map(|it| format!("({column} >= '{it}' AND {column} < '{}')", it.until())).collect();
            format!("({})", ranges.join(" OR "))
        }
    }
}
