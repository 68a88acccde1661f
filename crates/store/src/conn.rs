//! One connection of either engine behind the same three calls.

use std::collections::HashMap;

use postgres::types::{ToSql, Type};

use crate::{Row, StoreError, Value};

/// A PostgreSQL client with its prepared statements.
pub(crate) struct PgClient {
    pub client: postgres::Client,
    statements: HashMap<String, postgres::Statement>,
    /// Whether a statement of this transaction failed; PostgreSQL then keeps nothing of it.
    failed: bool,
}

impl PgClient {
    pub fn connect(url: &str, schema: &str) -> Result<Self, StoreError> {
        // Two nodes starting at once: IF NOT EXISTS alone is no promise between them.
        let sql = format!(
            "SET client_min_messages TO warning; SELECT pg_advisory_xact_lock(hashtext('{schema}'));
             CREATE SCHEMA IF NOT EXISTS \"{schema}\"; SET search_path TO \"{schema}\"; SET synchronous_commit TO on;
             CREATE TABLE IF NOT EXISTS turn ()"
        );
        let client = off_thread(|| {
            let mut client = postgres::Client::connect(url, postgres::NoTls)?;
            client.batch_execute(&sql).map(|()| client)
        })?;
        Ok(Self { client, statements: HashMap::new(), failed: false })
    }

    /// A client for the schema if there is one; makes nothing. To be used off the threads of async tasks.
    pub fn look(url: &str, schema: &str) -> Result<Option<Self>, StoreError> {
        let mut client = postgres::Client::connect(url, postgres::NoTls)?;
        if client.query("SELECT 1 FROM pg_namespace WHERE nspname = $1", &[&schema])?.is_empty() {
            return Ok(None);
        }
        client.batch_execute(&format!("SET search_path TO \"{schema}\""))?;
        Ok(Some(Self { client, statements: HashMap::new(), failed: false }))
    }

    pub fn drop_schema(url: &str, schema: &str) -> Result<(), StoreError> {
        let sql = format!("SET client_min_messages TO warning; DROP SCHEMA IF EXISTS \"{schema}\" CASCADE");
        Ok(off_thread(|| postgres::Client::connect(url, postgres::NoTls)?.batch_execute(&sql))?)
    }

    pub fn begin(&mut self, begin: &str) -> Result<(), StoreError> {
        self.failed = false;
        Ok(self.client.batch_execute(begin)?)
    }

    /// COMMIT, which PostgreSQL would take for a ROLLBACK without a word after a failed statement.
    pub fn commit(&mut self) -> Result<(), StoreError> {
        if self.failed {
            self.rollback();
            return Err(StoreError::Engine("a statement failed and its error was passed over".into()));
        }
        Ok(self.client.batch_execute("COMMIT")?)
    }

    pub fn rollback(&mut self) {
        // A connection that is gone has rolled back already.
        let _ = self.client.batch_execute("ROLLBACK");
    }

    /// Passes the outcome on, remembering a failure.
    fn noted<T>(&mut self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        self.failed |= outcome.is_err();
        outcome
    }

    fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64, StoreError> {
        let statement = self.prepared(sql)?;
        Ok(self.client.execute(&statement, &borrowed(params))?)
    }

    fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        let statement = self.prepared(sql)?;
        let rows = self.client.query(&statement, &borrowed(params))?;
        rows.iter().map(pg_row).collect()
    }

    fn prepared(&mut self, sql: &str) -> Result<postgres::Statement, StoreError> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql)?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

/// The blocking client may not be used on a thread that drives async tasks.
pub(crate) fn off_thread<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(body).join()).unwrap_or_else(|it| std::panic::resume_unwind(it))
}

/// A connection inside a transaction.
pub(crate) enum Conn<'a> {
    Lite(&'a rusqlite::Connection),
    Pg(&'a mut PgClient),
}

impl Conn<'_> {
    pub fn is_pg(&self) -> bool {
        matches!(self, Self::Pg(_))
    }

    pub fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        match self {
            Self::Lite(it) => Ok(it.execute_batch(sql)?),
            Self::Pg(it) => {
                let outcome = it.client.batch_execute(sql).map_err(StoreError::from);
                it.noted(outcome)
            }
        }
    }

    pub fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64, StoreError> {
        match self {
            Self::Lite(it) => {
                let mut statement = it.prepare_cached(&numbered(sql))?;
                Ok(statement.execute(rusqlite::params_from_iter(params))? as u64)
            }
            Self::Pg(it) => {
                let outcome = it.execute(sql, params);
                it.noted(outcome)
            }
        }
    }

    pub fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Lite(it) => {
                let mut statement = it.prepare_cached(&numbered(sql))?;
                let columns = statement.column_count();
                let mut rows = statement.query(rusqlite::params_from_iter(params))?;
                let mut out = Vec::new();
                while let Some(row) = rows.next()? {
                    out.push(Row((0..columns)
                        .map(|i| lite_value(row.get_ref(i)?))
                        .collect::<Result<_, StoreError>>()?));
                }
                Ok(out)
            }
            Self::Pg(it) => {
                let outcome = it.query(sql, params);
                it.noted(outcome)
            }
        }
    }
}

/// `$n` names a parameter by its number on PostgreSQL; SQLite numbers `$n` by first appearance and `?n`
/// as it stands.
fn numbered(sql: &str) -> std::borrow::Cow<'_, str> {
    if sql.contains('$') { sql.replace('$', "?").into() } else { sql.into() }
}

fn borrowed(params: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    params.iter().map(|it| it as &(dyn ToSql + Sync)).collect()
}

fn lite_value(value: rusqlite::types::ValueRef<'_>) -> Result<Value, StoreError> {
    use rusqlite::types::ValueRef;
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(it) => Value::Int(it),
        ValueRef::Real(it) => Value::Real(it),
        ValueRef::Text(it) => {
            Value::Text(String::from_utf8(it.to_vec()).map_err(|it| StoreError::Shape(it.to_string()))?)
        }
        ValueRef::Blob(it) => Value::Blob(it.to_vec()),
    })
}

fn pg_row(row: &postgres::Row) -> Result<Row, StoreError> {
    let value = |i: usize, ty: &Type| -> Result<Value, StoreError> {
        Ok(match *ty {
            Type::INT8 => row.try_get::<_, Option<i64>>(i)?.into(),
            Type::INT4 => row.try_get::<_, Option<i32>>(i)?.map(i64::from).into(),
            Type::BOOL => row.try_get::<_, Option<bool>>(i)?.into(),
            Type::FLOAT8 => row.try_get::<_, Option<f64>>(i)?.into(),
            Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(i)?.into(),
            _ => row.try_get::<_, Option<String>>(i)?.into(),
        })
    };
    row.columns().iter().enumerate().map(|(i, it)| value(i, it.type_())).collect::<Result<_, _>>().map(Row)
}
