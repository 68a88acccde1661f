//! Why the store said no.

use std::{io, path::Path};

use anlan_kernel::Problem;

/// What can go wrong between a decision and its being durable.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The engine refused or is gone.
    #[error("the store did not answer: {0}")]
    Engine(String),
    /// A unique rule of the tables was broken; somebody else was first.
    #[error("the record exists already: {0}")]
    Exists(String),
    /// A row does not have the shape its table promises.
    #[error("a stored row is not what its table promises: {0}")]
    Shape(String),
    /// The actor's scope does not cover the region.
    #[error("region {region} lies outside the duty areas of {actor}")]
    OutOfScope {
        /// Who acted.
        actor: String,
        /// Where the record lies.
        region: String,
    },
    /// A statement on a regional table carries no scope.
    #[error("a statement reads the regional table {table} without a scope: {sql}")]
    Unscoped {
        /// The table.
        table: &'static str,
        /// The statement.
        sql: String,
    },
    /// Rows were changed but no event was recorded for them.
    #[error("{0} changed rows without recording an event")]
    Unrecorded(&'static str),
    /// Another node holds the lease now.
    #[error("the lease {0} is held by somebody else")]
    Fenced(String),
    /// Somebody else changed the record since it was read.
    #[error("{0} was changed by someone else; reload it and try again")]
    Stale(String),
    /// A row was to be changed by a reading transaction.
    #[error("a reading transaction cannot change rows")]
    ReadOnly,
    /// A key is missing, destroyed or wrong.
    #[error("personal data cannot be opened: {0}")]
    Key(String),
    /// The store folder is in use by another process.
    #[error("another process uses this store: {0}")]
    Locked(String),
    /// A file or folder of the store cannot be used.
    #[error("{0}")]
    Io(String),
    /// Two nodes changed the same rows at once; the transaction was thrown away.
    #[error("two nodes changed the same rows at once: {0}")]
    Race(String),
    /// The rules said no; the refusal is for people.
    #[error(transparent)]
    Refused(#[from] anlan_kernel::Problem),
}

/// What the system says about a file, in both languages.
pub fn file_problem(path: &Path, error: &io::Error) -> Problem {
    use io::ErrorKind as Kind;
    let (code, zh) = match error.kind() {
        Kind::NotFound => ("no_such_file", "没有这个文件或目录"),
        Kind::PermissionDenied => ("file_not_permitted", "没有读写权限"),
        Kind::AlreadyExists => ("file_exists", "已经存在"),
        Kind::IsADirectory => ("file_is_folder", "是目录，不是文件"),
        Kind::NotADirectory => ("file_no_folder", "上级不是目录"),
        Kind::StorageFull => ("disk_full", "磁盘已满"),
        Kind::ReadOnlyFilesystem => ("disk_read_only", "磁盘只读"),
        _ => ("file_failed", "系统报告出错"),
    };
    let (path, en) = (path.display(), error.to_string());
    // The number tells an engineer what the words leave out.
    let number = error.raw_os_error().map_or_else(|| format!("（{en}）"), |it| format!("（系统错误 {it}）"));
    Problem::new(code, format!("{path}：{zh}{number}"), format!("{path}: {en}"))
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_ROWID, SQLITE_CONSTRAINT_UNIQUE};
        match error.sqlite_error().map(|it| it.extended_code) {
            Some(SQLITE_CONSTRAINT_UNIQUE | SQLITE_CONSTRAINT_PRIMARYKEY | SQLITE_CONSTRAINT_ROWID) => {
                Self::Exists(error.to_string())
            }
            _ => Self::Engine(error.to_string()),
        }
    }
}

impl From<postgres::Error> for StoreError {
    fn from(error: postgres::Error) -> Self {
        use postgres::error::SqlState;
        match error.code() {
            Some(&SqlState::UNIQUE_VIOLATION) => Self::Exists(chain(&error)),
            Some(&(SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED)) => Self::Race(chain(&error)),
            _ => Self::Engine(chain(&error)),
        }
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error.to_string())
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Shape(error.to_string())
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        words.push_str(": ");
        words.push_str(&inner.to_string());
        source = inner.source();
    }
    words
}

impl StoreError {
    /// Whether the same transaction, run once more, can succeed (a lost race between nodes).
    pub(crate) fn lost_race(&self) -> bool {
        matches!(self, Self::Race(_))
    }
}
