//! Values and rows as both engines know them: i64, f64, text, bytes, null.

use anlan_kernel::{Instant, RegionCode};
use bytes::BytesMut;
use postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::StoreError;

/// One SQL value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// NULL.
    Null,
    /// BIGINT.
    Int(i64),
    /// DOUBLE PRECISION.
    Real(f64),
    /// TEXT.
    Text(String),
    /// BYTEA.
    Blob(Vec<u8>),
}

impl From<&str> for Value {
    fn from(it: &str) -> Self {
        Self::Text(it.to_owned())
    }
}
impl From<String> for Value {
    fn from(it: String) -> Self {
        Self::Text(it)
    }
}
impl From<&String> for Value {
    fn from(it: &String) -> Self {
        Self::Text(it.clone())
    }
}
impl From<i64> for Value {
    fn from(it: i64) -> Self {
        Self::Int(it)
    }
}
impl From<usize> for Value {
    fn from(it: usize) -> Self {
        Self::Int(i64::try_from(it).unwrap_or(i64::MAX))
    }
}
impl From<f64> for Value {
    fn from(it: f64) -> Self {
        Self::Real(it)
    }
}
impl From<bool> for Value {
    fn from(it: bool) -> Self {
        Self::Int(i64::from(it))
    }
}
impl From<Vec<u8>> for Value {
    fn from(it: Vec<u8>) -> Self {
        Self::Blob(it)
    }
}
impl From<Instant> for Value {
    fn from(it: Instant) -> Self {
        Self::Int(it.0)
    }
}
impl From<&RegionCode> for Value {
    fn from(it: &RegionCode) -> Self {
        Self::Text(it.as_str().to_owned())
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(it: Option<T>) -> Self {
        it.map_or(Self::Null, Into::into)
    }
}

/// `params![a, b]`: the values of `$1`, `$2` …
#[macro_export]
macro_rules! params {
    ($($it:expr),* $(,)?) => { &[$($crate::Value::from($it)),*] };
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::{ToSqlOutput, ValueRef};
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(it) => ValueRef::Integer(*it),
            Self::Real(it) => ValueRef::Real(*it),
            Self::Text(it) => ValueRef::Text(it.as_bytes()),
            Self::Blob(it) => ValueRef::Blob(it),
        }))
    }
}

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(it) if *ty == Type::FLOAT8 => (*it as f64).to_sql(ty, out),
            Self::Int(it) if *ty == Type::INT4 => i32::try_from(*it)?.to_sql(ty, out),
            Self::Int(it) => it.to_sql(ty, out),
            Self::Real(it) => it.to_sql(ty, out),
            Self::Text(it) => it.to_sql(ty, out),
            Self::Blob(it) => it.to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// One row of an answer, by column position.
#[derive(Clone, Debug, PartialEq)]
pub struct Row(pub Vec<Value>);

impl Row {
    fn at(&self, index: usize) -> &Value {
        self.0.get(index).unwrap_or(&Value::Null)
    }

    /// # Errors
    /// [`StoreError::Shape`] unless the value is text.
    pub fn text(&self, index: usize) -> Result<String, StoreError> {
        match self.at(index) {
            Value::Text(it) => Ok(it.clone()),
            other => Err(StoreError::Shape(format!("column {index} should be text, is {other:?}"))),
        }
    }

    /// # Errors
    /// [`StoreError::Shape`] unless the value is a whole number.
    pub fn int(&self, index: usize) -> Result<i64, StoreError> {
        match self.at(index) {
            Value::Int(it) => Ok(*it),
            other => Err(StoreError::Shape(format!("column {index} should be a whole number, is {other:?}"))),
        }
    }

    /// # Errors
    /// [`StoreError::Shape`] unless the value is a number.
    pub fn real(&self, index: usize) -> Result<f64, StoreError> {
        match self.at(index) {
            Value::Real(it) => Ok(*it),
            Value::Int(it) => Ok(*it as f64),
            other => Err(StoreError::Shape(format!("column {index} should be a number, is {other:?}"))),
        }
    }

    /// # Errors
    /// [`StoreError::Shape`] unless the value is bytes.
    pub fn blob(&self, index: usize) -> Result<Vec<u8>, StoreError> {
        match self.at(index) {
            Value::Blob(it) => Ok(it.clone()),
            other => Err(StoreError::Shape(format!("column {index} should be bytes, is {other:?}"))),
        }
    }

    /// An instant column.
    ///
    /// # Errors
    /// [`StoreError::Shape`] unless the value is a whole number.
    pub fn instant(&self, index: usize) -> Result<Instant, StoreError> {
        self.int(index).map(Instant)
    }

    /// `None` for NULL.
    ///
    /// # Errors
    /// As `get`.
    pub fn opt<T>(
        &self,
        index: usize,
        get: impl FnOnce(&Self, usize) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        if *self.at(index) == Value::Null { Ok(None) } else { get(self, index).map(Some) }
    }
}
