//! Migrations: one list per mechanism, one SQL text for both engines.
//!
//! `{auto}` is a self-numbering key; a line starting with `--sqlite ` or `--postgres ` holds for that
//! engine only. On PostgreSQL text compares by bytes, as it does on SQLite.

use std::collections::HashSet;

use crate::{StoreError, conn::Conn, params, world::Module};

const LEDGER: &str = "CREATE TABLE IF NOT EXISTS migration (name TEXT NOT NULL PRIMARY KEY, statements TEXT NOT NULL);";

pub(crate) fn run(conn: &mut Conn<'_>, modules: &[&'static Module]) -> Result<usize, StoreError> {
    if conn.is_pg() {
        // Two nodes starting at once: one migrates, the other waits and finds nothing left to do. It has
        // to see what was committed while it waited.
        conn.batch(
            "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock(hashtext(current_schema()))",
        )?;
    }
    conn.batch(&for_engine(LEDGER, conn.is_pg()))?;
    let done: HashSet<String> =
        conn.query("SELECT name FROM migration", params![])?.iter().map(|it| it.text(0)).collect::<Result<_, _>>()?;
    let mut count = 0;
    for module in modules {
        for (step, sql) in module.migrations {
            let name = format!("{}/{step}", module.name);
            if done.contains(&name) {
                continue;
            }
            let text = for_engine(sql, conn.is_pg());
            conn.batch(&text).map_err(|it| StoreError::Engine(format!("migration {name}: {it}")))?;
            conn.execute("INSERT INTO migration(name, statements) VALUES ($1, $2)", params![name, text])?;
            count += 1;
        }
    }
    Ok(count)
}

fn for_engine(sql: &str, pg: bool) -> String {
    let (mine, auto) = if pg {
        ("--postgres ", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY")
    } else {
        ("--sqlite ", "INTEGER PRIMARY KEY AUTOINCREMENT")
    };
    let lines: Vec<_> = sql
        .lines()
        .filter_map(|line| {
            let text = line.trim_start();
            if let Some(rest) = text.strip_prefix(mine) {
                Some(rest.to_owned())
            } else if text.starts_with("--") {
                None
            } else if pg {
                Some(line.replace(" TEXT", " TEXT COLLATE \"C\""))
            } else {
                Some(line.to_owned())
            }
        })
        .collect();
    lines.join("\n").replace("{auto}", auto)
}
