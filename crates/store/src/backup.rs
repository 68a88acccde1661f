//! Backup while running, and restore: one encrypted file, the same for both engines.
//!
//! The file is a sequence of records `[u32 length][sealed bytes]`, each sealed under the backup key
//! with its number as context, so that nothing can be changed, moved, left out or cut unseen. Rows are
//! read in one transaction; files of the observation log are copied after it, so the log is never
//! behind the rows.

use std::{
    fs,
    io::{BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use anlan_kernel::{Actor, Instant, Problem};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::{Keys, StoreError, Tx, Urgency, Value, World, WorldKind, disk, file_problem, keys, table};

const ROWS_PER_RECORD: usize = 2_000;
const BYTES_PER_RECORD: usize = 1 << 20;
/// Tables that mean nothing in another place or at another time.
const LEFT_OUT: [&str; 6] = ["world", "migration", "lease", "session", "idempotency", "sqlite_sequence"];

#[derive(Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
enum Head {
    Backup {
        world: String,
        at: Instant,
        format: u32,
        #[serde(default)]
        kind: Option<WorldKind>,
    },
    Rows {
        table: String,
        columns: Vec<String>,
        rows: Vec<Vec<Json>>,
    },
    File {
        path: String,
    },
    End {
        rows: u64,
        files: u64,
    },
}

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Contents {
    /// Name of the world.
    pub world: String,
    /// As what it was made.
    pub kind: WorldKind,
    /// World time at which it was taken.
    pub at: Instant,
    /// Rows of all tables but those that mean nothing elsewhere: as many are restored as were backed up.
    pub rows: u64,
    /// Files of the observation log.
    pub files: u64,
}

struct Writer<W: Write> {
    out: W,
    key: [u8; 32],
    number: u64,
}

impl<W: Write> Writer<W> {
    fn record(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let sealed = keys::lock(&self.key, &context(self.number), bytes)?;
        self.number += 1;
        let length = u32::try_from(sealed.len()).map_err(|it| StoreError::Io(it.to_string()))?;
        self.out.write_all(&length.to_be_bytes())?;
        Ok(self.out.write_all(&sealed)?)
    }

    fn head(&mut self, head: &Head) -> Result<(), StoreError> {
        self.record(&serde_json::to_vec(head)?)
    }
}

fn context(number: u64) -> String {
    format!("anlan backup record {number}")
}

/// Writes a consistent copy of the world to `to` while it runs; the file appears whole or not at all.
///
/// # Errors
/// What the engine or the file system says.
pub async fn backup(world: &World, to: &Path) -> Result<Contents, StoreError> {
    backup_with_progress(world, to, |_| {}).await
}

/// [`backup`], telling `progress` the number of rows written, every few thousand.
///
/// # Errors
/// As [`backup`].
pub async fn backup_with_progress(
    world: &World,
    to: &Path,
    progress: impl FnMut(u64) + Send + 'static,
) -> Result<Contents, StoreError> {
    let (file, partial) = disk::draft(to).map_err(|it| file_problem(to, &it))?;
    let written = write_all(world, file, progress).await;
    let named = written.and_then(|contents| {
        fs::rename(&partial, to).and_then(|()| disk::sync_name(to)).map_err(|it| file_problem(to, &it))?;
        Ok(contents)
    });
    if named.is_err() {
        // What went wrong is told; that the rest of it stays is not worth more.
        let _ = fs::remove_file(&partial);
    }
    named
}

async fn write_all(
    world: &World,
    file: fs::File,
    mut progress: impl FnMut(u64) + Send + 'static,
) -> Result<Contents, StoreError> {
    let (name, kind) = (world.name().to_owned(), world.kind());
    let (key, dir) = (world.keys().backup(), world.dir().to_owned());
    let mut file = Some(file);
    let (mut writer, mut contents) = world
        .read(&Actor::system("backup"), move |tx| {
            let file = file.take().ok_or_else(|| StoreError::Io("a backup ran twice".into()))?;
            let mut writer = Writer { out: BufWriter::new(file), key, number: 0 };
            let at = tx.now();
            writer.head(&Head::Backup { world: name.clone(), at, format: 1, kind: Some(kind) })?;
            let rows = write_tables(tx, &mut writer, &mut progress)?;
            Ok((writer, Contents { world: name.clone(), kind, at, rows, files: 0 }))
        })
        .await?;
    tokio::task::spawn_blocking(move || {
        contents.files = write_files(&dir, &mut writer)?;
        writer.head(&Head::End { rows: contents.rows, files: contents.files })?;
        let file = writer.out.into_inner().map_err(|it| StoreError::Io(it.to_string()))?;
        file.sync_all()?;
        Ok(contents)
    })
    .await
    .map_err(|it| StoreError::Io(it.to_string()))?
}

fn write_tables(
    tx: &mut Tx<'_>,
    writer: &mut Writer<impl Write>,
    progress: &mut impl FnMut(u64),
) -> Result<u64, StoreError> {
    let mut total = 0;
    let pg = tx.conn.is_pg();
    // The engine's own row address: every table has one, and it is stable inside one transaction.
    // A cast keeps the name of its column, so the order needs another one: text would sort 10 before 2.
    let (address, after_it, first) = if pg {
        (
            "CAST(ctid AS TEXT) AS address",
            "ctid > CAST(CAST($1 AS TEXT) AS tid) ORDER BY ctid",
            Value::Text("(0,0)".into()),
        )
    } else {
        ("rowid", "rowid > $1 ORDER BY rowid", Value::Int(i64::MIN))
    };
    for (name, columns) in tables(tx)? {
        let list = columns.join(", ");
        let sql = format!("SELECT {address}, {list} FROM {name} WHERE {after_it} LIMIT {ROWS_PER_RECORD}");
        let mut after = first.clone();
        loop {
            let rows = tx.conn.query(&sql, std::slice::from_ref(&after))?;
            let Some(last) = rows.last() else { break };
            after = last.0.first().cloned().unwrap_or(Value::Null);
            total += rows.len() as u64;
            let rows = rows.iter().map(|it| it.0[1..].iter().map(to_json).collect()).collect();
            writer.head(&Head::Rows { table: name.clone(), columns: columns.clone(), rows })?;
            progress(total);
        }
    }
    Ok(total)
}

/// Every table with its columns.
fn tables(tx: &mut Tx<'_>) -> Result<Vec<(String, Vec<String>)>, StoreError> {
    let sql = if tx.conn.is_pg() {
        "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT) FROM information_schema.columns
          WHERE table_schema = current_schema() ORDER BY 1, ordinal_position"
    } else {
        "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' ORDER BY 1, c.cid"
    };
    let mut tables: Vec<(String, Vec<String>)> = Vec::new();
    for row in tx.conn.query(sql, &[])? {
        let (table, column) = (row.text(0)?, row.text(1)?);
        if LEFT_OUT.contains(&table.as_str()) || table::is_derived(&table) {
            continue;
        }
        match tables.last_mut() {
            Some((name, columns)) if *name == table => columns.push(column),
            _ => tables.push((table, vec![column])),
        }
    }
    Ok(tables)
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Int(it) => json!(it),
        Value::Real(it) => json!({"r": it}),
        Value::Text(it) => json!(it),
        Value::Blob(it) => json!({"b": table::encode(it)}),
    }
}

fn from_json(json: &Json) -> Result<Value, StoreError> {
    let bad = || StoreError::Shape(format!("a backup holds the value {json}"));
    Ok(match json {
        Json::Null => Value::Null,
        Json::Number(it) => Value::Int(it.as_i64().ok_or_else(bad)?),
        Json::String(it) => Value::Text(it.clone()),
        Json::Object(it) => match (it.get("r"), it.get("b")) {
            (Some(real), _) => Value::Real(real.as_f64().ok_or_else(bad)?),
            (_, Some(bytes)) => Value::Blob(table::decode(bytes.as_str().ok_or_else(bad)?)?),
            _ => return Err(bad()),
        },
        _ => return Err(bad()),
    })
}

fn write_files(dir: &Path, writer: &mut Writer<impl Write>) -> Result<u64, StoreError> {
    let mut count = 0;
    for path in files_below(&dir.join("log"))? {
        let relative = path.strip_prefix(dir).unwrap_or(&path).to_string_lossy().into_owned();
        writer.head(&Head::File { path: relative })?;
        let mut file = fs::File::open(&path)?;
        let mut buffer = vec![0; BYTES_PER_RECORD];
        loop {
            let length = file.read(&mut buffer)?;
            // An empty record ends the file.
            writer.record(&buffer[..length])?;
            if length == 0 {
                break;
            }
        }
        count += 1;
    }
    Ok(count)
}

fn files_below(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut found = Vec::new();
    if !dir.exists() {
        return Ok(found);
    }
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files_below(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

struct Reader<R: Read> {
    input: R,
    key: [u8; 32],
    number: u64,
}

impl<R: Read> Reader<R> {
    fn record(&mut self) -> Result<Vec<u8>, StoreError> {
        let number = self.number;
        let cut = |_| cut_at(number);
        let mut length = [0; 4];
        self.input.read_exact(&mut length).map_err(cut)?;
        let length = u32::from_be_bytes(length) as usize;
        let mut sealed = Vec::new();
        let read = self.input.by_ref().take(length as u64).read_to_end(&mut sealed)?;
        if read != length {
            return Err(cut_at(number));
        }
        let plain = keys::unlock(&self.key, &context(number), &sealed).map_err(|_| changed_at(number))?;
        self.number += 1;
        Ok(plain)
    }

    /// Refuses what stands behind the last record.
    fn ended(&mut self) -> Result<(), StoreError> {
        match self.input.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(goes_on(self.number)),
        }
    }

    fn head(&mut self) -> Result<Head, StoreError> {
        Ok(serde_json::from_slice(&self.record()?)?)
    }
}

fn cut_at(record: u64) -> StoreError {
    refused(
        "backup_cut",
        format!("备份不完整：到第 {record} 条记录就断了（文件被截断，或不是备份）"),
        format!("the backup ends early, at record {record} (it was cut, or is no backup)"),
    )
}

fn changed_at(record: u64) -> StoreError {
    refused(
        "backup_changed",
        format!("备份的第 {record} 条记录被改动过，或主密钥不是备份时的那一把"),
        format!("record {record} of the backup was changed, or the master key is another one"),
    )
}

fn goes_on(record: u64) -> StoreError {
    refused(
        "backup_changed",
        format!("备份在结尾之后还有内容（第 {record} 条记录），文件被改动过"),
        format!("the backup goes on after its end, at record {record}"),
    )
}

fn refused(code: &str, zh: String, en: String) -> StoreError {
    Problem::new(code, zh, en).into()
}

/// Reads the first record: whose backup this is.
///
/// # Errors
/// [`StoreError::Refused`] when there is no such file, it is no backup, or the master key is another one.
pub fn inspect(from: &Path, keys: &Keys) -> Result<Contents, StoreError> {
    let file = fs::File::open(from).map_err(|it| file_problem(from, &it))?;
    let mut reader = Reader { input: BufReader::new(file), key: keys.backup(), number: 0 };
    match reader.head()? {
        Head::Backup { world, at, format: 1, kind } => {
            let kind = kind.unwrap_or_else(|| WorldKind::by_name(&world));
            Ok(Contents { world, kind, at, rows: 0, files: 0 })
        }
        _ => Err(refused(
            "backup_unknown",
            format!("{} 不是本版本能读的备份", from.display()),
            format!("{} is not a backup this version reads", from.display()),
        )),
    }
}

/// Fills an empty world from a backup; the rows appear all or not at all.
///
/// # Errors
/// [`StoreError::Refused`] when the world is not empty or of another kind than the backup's; otherwise as
/// [`inspect`] and what the engine says.
pub async fn restore(world: &World, from: &Path) -> Result<Contents, StoreError> {
    let head = inspect(from, world.keys())?;
    head.kind.must_be(world.kind(), &head.world)?;
    let (key, dir, path) = (world.keys().backup(), world.dir().to_owned(), from.to_owned());
    world
        .write("restore", Urgency::Background, &Actor::system("restore"), move |tx| {
            let used = tx.conn.query("SELECT 1 FROM journal LIMIT 1", &[])?;
            if !used.is_empty() {
                return Err(refused(
                    "world_not_empty",
                    "目标数据目录里已有数据，恢复只能写入空目录".into(),
                    "the world holds data already; a backup is restored into an empty one".into(),
                ));
            }
            let open = || Ok::<_, StoreError>(Reader { input: BufReader::new(fs::File::open(&path)?), key, number: 0 });
            prove(&mut open()?)?;
            read_all(tx, &mut open()?, &dir, head.clone())
        })
        .await
}

/// Reads the backup to its end before anything of it is used, so that a bad one leaves no file behind.
fn prove(reader: &mut Reader<impl Read>) -> Result<(), StoreError> {
    loop {
        match reader.head()? {
            Head::File { .. } => while !reader.record()?.is_empty() {},
            Head::End { .. } => return reader.ended(),
            Head::Backup { .. } | Head::Rows { .. } => (),
        }
    }
}

fn read_all(
    tx: &mut Tx<'_>,
    reader: &mut Reader<impl Read>,
    dir: &Path,
    mut contents: Contents,
) -> Result<Contents, StoreError> {
    let known = tables(tx)?;
    loop {
        match reader.head()? {
            Head::Backup { .. } => (),
            Head::Rows { table, columns, rows } => {
                // Backups of older programs hold it; which steps this one ran, it knows itself.
                if table == "migration" {
                    continue;
                }
                let fits =
                    known.iter().any(|(name, mine)| *name == table && columns.iter().all(|it| mine.contains(it)));
                if !fits {
                    return Err(refused(
                        "backup_unknown",
                        format!("本版本没有备份里的表 {table}；请用做备份时的版本或更新的版本恢复"),
                        format!("this version has no table {table} like the backup's; restore it with a newer one"),
                    ));
                }
                contents.rows += rows.len() as u64;
                insert_rows(tx, &table, &columns, &rows)?;
            }
            Head::File { path } => {
                contents.files += 1;
                read_file(reader, dir, &path)?;
            }
            Head::End { .. } => return Ok(contents),
        }
    }
}

fn insert_rows(tx: &mut Tx<'_>, table: &str, columns: &[String], rows: &[Vec<Json>]) -> Result<(), StoreError> {
    let places: Vec<_> = (1..=columns.len()).map(|i| format!("${i}")).collect();
    // The journal numbers its rows itself on PostgreSQL; a restored one keeps its numbers.
    let overriding = if tx.conn.is_pg() && table == "journal" { "OVERRIDING SYSTEM VALUE" } else { "" };
    let sql = format!("INSERT INTO {table}({}) {overriding} VALUES ({})", columns.join(", "), places.join(", "));
    for row in rows {
        let values = row.iter().map(from_json).collect::<Result<Vec<_>, _>>()?;
        tx.conn.execute(&sql, &values)?;
    }
    if tx.conn.is_pg() && table == "journal" {
        tx.conn.query(
            "SELECT setval(pg_get_serial_sequence('journal', 'entry'), (SELECT MAX(entry) FROM journal))",
            &[],
        )?;
    }
    Ok(())
}

fn read_file(reader: &mut Reader<impl Read>, dir: &Path, path: &str) -> Result<(), StoreError> {
    let relative = Path::new(path);
    let safe = relative.components().all(|it| matches!(it, std::path::Component::Normal(_)));
    if !safe {
        return Err(refused(
            "backup_changed",
            format!("备份里的文件在数据目录之外：{path}"),
            format!("the backup names a file outside the world: {path}"),
        ));
    }
    let target = dir.join(relative);
    if let Some(parent) = target.parent() {
        disk::make_dir(parent)?;
    }
    let mut file = disk::create(&target).map_err(|it| file_problem(&target, &it))?;
    loop {
        let bytes = reader.record()?;
        if bytes.is_empty() {
            file.sync_all()?;
            return Ok(disk::sync_name(&target)?);
        }
        file.write_all(&bytes)?;
    }
}
