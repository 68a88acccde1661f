//! The statements of the index, on both engines.

use std::collections::BTreeMap;

use anlan_kernel::RegionCode;
use anlan_store::{Row, StoreError, Tx, params};
use serde_json::json;

use super::{Count, Entry, Found, expr::Expr, words};

/// The table; on SQLite an FTS5 index over its words that its triggers keep, on PostgreSQL a GIN index on them. Words of
/// people are taken out of the pages of FTS5 at once, which takes longer; others leave with the next merge of its pages.
pub(crate) const MIGRATION: (&str, &str) = (
    "0003-find",
    "--sqlite CREATE TABLE derived_finder (number INTEGER PRIMARY KEY, subject TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
     --sqlite region TEXT NOT NULL, title TEXT NOT NULL, detail TEXT NOT NULL, personal BIGINT NOT NULL, words TEXT NOT NULL);
     --sqlite CREATE VIRTUAL TABLE derived_finder_words USING fts5(words, content='derived_finder', content_rowid='number',
     --sqlite detail='none', columnsize=0, tokenize=\"ascii tokenchars '-_'\");
     --sqlite CREATE TRIGGER derived_finder_in AFTER INSERT ON derived_finder WHEN new.words <> '' BEGIN
     --sqlite INSERT INTO derived_finder_words(rowid, words) VALUES (new.number, new.words);
     --sqlite END;
     --sqlite CREATE TRIGGER derived_finder_out AFTER DELETE ON derived_finder
     --sqlite WHEN old.words <> '' AND old.personal = 0 AND NOT EXISTS (SELECT 1 FROM derived_finder WHERE subject = '~') BEGIN
     --sqlite INSERT INTO derived_finder_words(derived_finder_words, rowid, words) VALUES ('delete', old.number, old.words);
     --sqlite END;
     --sqlite CREATE TRIGGER derived_finder_erased AFTER DELETE ON derived_finder
     --sqlite WHEN old.words <> '' AND old.personal = 1 AND NOT EXISTS (SELECT 1 FROM derived_finder WHERE subject = '~') BEGIN
     --sqlite INSERT INTO derived_finder_words(derived_finder_words) VALUES ('flush');
     --sqlite INSERT INTO derived_finder_words(derived_finder_words, rank) VALUES ('secure-delete', 1);
     --sqlite INSERT INTO derived_finder_words(derived_finder_words, rowid, words) VALUES ('delete', old.number, old.words);
     --sqlite INSERT INTO derived_finder_words(derived_finder_words) VALUES ('flush');
     --sqlite INSERT INTO derived_finder_words(derived_finder_words, rank) VALUES ('secure-delete', 0);
     --sqlite END;
     --sqlite CREATE TRIGGER derived_finder_over AFTER UPDATE OF words ON derived_finder
     --sqlite WHEN old.words <> new.words AND old.personal = 0 BEGIN
     --sqlite INSERT INTO derived_finder_words(derived_finder_words, rowid, words) VALUES ('delete', old.number, old.words);
     --sqlite INSERT INTO derived_finder_words(rowid, words) VALUES (new.number, new.words);
     --sqlite END;
     --sqlite CREATE TRIGGER derived_finder_over_person AFTER UPDATE OF words ON derived_finder
     --sqlite WHEN old.words <> new.words AND old.personal = 1 BEGIN
     --sqlite INSERT INTO derived_finder_words(derived_finder_words) VALUES ('flush');
     --sqlite INSERT INTO derived_finder_words(derived_finder_words, rank) VALUES ('secure-delete', 1);
     --sqlite INSERT INTO derived_finder_words(derived_finder_words, rowid, words) VALUES ('delete', old.number, old.words);
     --sqlite INSERT INTO derived_finder_words(derived_finder_words) VALUES ('flush');
     --sqlite INSERT INTO derived_finder_words(derived_finder_words, rank) VALUES ('secure-delete', 0);
     --sqlite INSERT INTO derived_finder_words(rowid, words) VALUES (new.number, new.words);
     --sqlite END;
     --postgres CREATE TABLE derived_finder (subject TEXT COLLATE \"C\" NOT NULL PRIMARY KEY, kind TEXT COLLATE \"C\" NOT NULL,
     --postgres region TEXT COLLATE \"C\" NOT NULL, title TEXT COLLATE \"C\" NOT NULL, detail TEXT COLLATE \"C\" NOT NULL,
     --postgres personal BIGINT NOT NULL, words TSVECTOR NOT NULL);
     --postgres CREATE INDEX derived_finder_words ON derived_finder USING gin (words);
     CREATE INDEX derived_finder_kind ON derived_finder(kind);",
);

/// Rows that travel to PostgreSQL in one statement.
const AT_ONCE: usize = 500;

const OVER: &str = "ON CONFLICT (subject) DO UPDATE SET kind = excluded.kind, region = excluded.region,
      title = excluded.title, detail = excluded.detail, personal = excluded.personal, words = excluded.words
    WHERE (derived_finder.kind, derived_finder.region, derived_finder.title, derived_finder.detail,
           derived_finder.personal, derived_finder.words)
       <> (excluded.kind, excluded.region, excluded.title, excluded.detail, excluded.personal, excluded.words)";

/// Whether it can be a kind: its letters stand in questions as they are.
pub(super) fn is_kind(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_'))
}

pub(super) fn put(tx: &mut Tx<'_>, entries: &[Entry<'_>]) -> Result<(), StoreError> {
    if let Some(bad) = entries.iter().find(|it| !is_kind(it.kind)) {
        return Err(StoreError::Shape(format!("{:?} is no kind of entries", bad.kind)));
    }
    let last: BTreeMap<&str, &Entry<'_>> = entries.iter().map(|it| (it.subject, it)).collect();
    let entries: Vec<&Entry<'_>> = last.into_values().collect();
    if tx.is_postgres() {
        return entries.chunks(AT_ONCE).try_for_each(|it| put_together(tx, it));
    }
    let sql = format!(
        "INSERT INTO derived_finder(subject, kind, region, title, detail, personal, words)
         VALUES ($1, $2, $3, $4, $5, $6, $7) {OVER}"
    );
    for it in entries {
        let words = words::of(it).join(" ");
        let values = params![it.subject, it.kind, it.region, it.title, it.detail, it.personal, words];
        tx.execute_unjournaled(&sql, values)?;
    }
    Ok(())
}

fn put_together(tx: &mut Tx<'_>, entries: &[&Entry<'_>]) -> Result<(), StoreError> {
    let text = |it: &str| it.replace('\0', "");
    let rows: Vec<_> = entries
        .iter()
        .map(|it| {
            let words = words::of(it).join(" ");
            json!([it.subject, it.kind, it.region, text(it.title), text(it.detail), i64::from(it.personal), words])
        })
        .collect();
    let sql = format!(
        "INSERT INTO derived_finder(subject, kind, region, title, detail, personal, words)
         SELECT it->>0, it->>1, it->>2, it->>3, it->>4, CAST(it->>5 AS BIGINT), array_to_tsvector(string_to_array(it->>6, ' '))
           FROM json_array_elements(CAST(CAST($1 AS TEXT) AS JSON)) it {OVER}"
    );
    tx.execute_unjournaled(&sql, params![serde_json::to_string(&rows)?])?;
    Ok(())
}

pub(super) fn remove(tx: &mut Tx<'_>, subject: &str) -> Result<(), StoreError> {
    tx.execute_unjournaled("DELETE FROM derived_finder WHERE subject = $1", params![subject])?;
    Ok(())
}

/// Takes out everything at once; the mark `~` tells the trigger not to do so one by one.
pub(super) fn clear(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    if tx.is_postgres() {
        return tx.execute_unjournaled("TRUNCATE derived_finder", &[]).map(drop);
    }
    mark(tx, "~")?;
    tx.execute_unjournaled("DELETE FROM derived_finder WHERE subject <> '~'", &[])?;
    tx.execute_unjournaled("INSERT INTO derived_finder_words(derived_finder_words) VALUES ('delete-all')", &[])?;
    remove(tx, "~")
}

/// Puts in a row that no question finds.
pub(super) fn mark(tx: &mut Tx<'_>, subject: &str) -> Result<(), StoreError> {
    let none = if tx.is_postgres() { "CAST('' AS TSVECTOR)" } else { "''" };
    let sql = format!(
        "INSERT INTO derived_finder(subject, kind, region, title, detail, personal, words)
         VALUES ($1, '', '', '', '', 0, {none}) ON CONFLICT DO NOTHING"
    );
    tx.execute_unjournaled(&sql, params![subject]).map(drop)
}

/// Tells PostgreSQL's planner what it cannot know: how often a word stands beside another, and that a scan of the whole
/// table is never the better way. Holds for the transaction.
pub(super) fn prepare(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    if tx.is_postgres() {
        tx.query("SELECT set_config('enable_seqscan', 'off', true), set_config('work_mem', '64MB', true)", &[])?;
    }
    Ok(())
}

pub(super) fn find(tx: &mut Tx<'_>, which: &Expr, most: usize) -> Result<Vec<Found>, StoreError> {
    let columns = "SELECT f.title, f.subject, f.kind, f.region, f.detail, f.personal FROM";
    if tx.is_postgres() {
        let sql = format!("{columns} {} AND {{scope:f.region}} LIMIT $2", first_pages(1_000));
        let rows = tx.query(&sql, params![which.to_tsquery(), most])?;
        if rows.len() == most {
            return rows.iter().map(found).collect();
        }
    }
    let (from, which) = source(tx, which);
    let sql = format!("{columns} {from} AND {{scope:f.region}} LIMIT $2");
    tx.query(&sql, params![which, most])?.iter().map(found).collect()
}

/// By kind, of at most `most` altogether.
pub(super) fn counts(tx: &mut Tx<'_>, which: &Expr, most: usize) -> Result<Vec<Count>, StoreError> {
    let by_kind = |from: &str| {
        format!(
            "SELECT kind, COUNT(*) FROM (SELECT f.kind FROM {from} AND {{scope:f.region}} LIMIT $2) found
              GROUP BY kind ORDER BY kind"
        )
    };
    let count = |row: &Row| Ok(Count { kind: row.text(0)?, count: usize::try_from(row.int(1)?).unwrap_or_default() });
    if tx.is_postgres() {
        let rows = tx.query(&by_kind(&first_pages(3_000)), params![which.to_tsquery(), most])?;
        let counts = rows.iter().map(count).collect::<Result<Vec<Count>, StoreError>>()?;
        if counts.iter().map(|it| it.count).sum::<usize>() == most {
            return Ok(counts);
        }
    }
    let (from, which) = source(tx, which);
    tx.query(&by_kind(from), params![which, most])?.iter().map(count).collect()
}

/// Every kind there is, without reading every row.
pub(super) fn kinds(tx: &mut Tx<'_>) -> Result<Vec<String>, StoreError> {
    let mut kinds = Vec::new();
    let mut after = String::new();
    loop {
        let sql = "SELECT MIN(kind) FROM derived_finder WHERE kind > $1";
        let Some(next) = tx.query(sql, params![&after])?.first().and_then(|it| it.text(0).ok()) else {
            return Ok(kinds);
        };
        after.clone_from(&next);
        kinds.push(next);
    }
}

/// The mark of an index that is being made again.
pub(super) const UNFINISHED: &str = "!";

/// Whether nothing is in the index, or what is being made again is not finished.
pub(super) fn is_unfinished(tx: &mut Tx<'_>) -> Result<bool, StoreError> {
    let sql = "SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM derived_finder LIMIT 1) one),
                      (SELECT COUNT(*) FROM derived_finder WHERE subject = $1)";
    let rows = tx.query(sql, params![UNFINISHED])?;
    rows.first().map_or(Ok(true), |it| Ok(it.int(0)? == 0 || it.int(1)? > 0))
}

/// FROM and the beginning of WHERE, with `f` for the table, and the text of `$1`.
fn source(tx: &Tx<'_>, which: &Expr) -> (&'static str, String) {
    if tx.is_postgres() {
        return ("derived_finder f WHERE f.words @@ CAST(CAST($1 AS TEXT) AS TSQUERY)", which.to_tsquery());
    }
    let from = "derived_finder_words CROSS JOIN derived_finder f ON f.number = derived_finder_words.rowid
                WHERE derived_finder_words MATCH $1";
    (from, which.to_match())
}

/// The pages of the table that stand first. Where words are common, enough rows are found here, and they are those that
/// the index would give; it would gather every other one before.
fn first_pages(count: usize) -> String {
    format!(
        "(SELECT * FROM derived_finder WHERE ctid < '({count},0)' OFFSET 0) f
          WHERE f.words @@ CAST(CAST($1 AS TEXT) AS TSQUERY)"
    )
}

fn found(row: &Row) -> Result<Found, StoreError> {
    let region = RegionCode::parse(&row.text(3)?).map_err(|it| StoreError::Shape(it.to_string()))?;
    Ok(Found {
        title: row.text(0)?,
        subject: row.text(1)?,
        kind: row.text(2)?,
        region,
        detail: row.text(4)?,
        personal: row.int(5)? == 1,
    })
}
