//! What a world was made as: its kind, and whose master key is its own. Neither ever changes.

use std::collections::HashSet;

use anlan_kernel::{Problem, Text};

use crate::{
    Keys, Place, StoreError, World, WorldKind,
    conn::{Conn, PgClient, off_thread},
    engine::{ALONE, lite_open},
    params,
    table::is_derived,
};

const KINDS: [WorldKind; 3] = [WorldKind::Real, WorldKind::Exercise, WorldKind::Replay];

impl WorldKind {
    /// As it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Exercise => "exercise",
            Self::Replay => "replay",
        }
    }

    fn words(self) -> Text {
        match self {
            Self::Real => Text::new("实战", "real"),
            Self::Exercise => Text::new("演练", "exercise"),
            Self::Replay => Text::new("回放", "replay"),
        }
    }

    fn named(name: &str) -> Result<Self, StoreError> {
        let found = KINDS.into_iter().find(|it| it.name() == name);
        found.ok_or_else(|| StoreError::Shape(format!("{name:?} is no kind of world this version knows")))
    }

    /// What a world is that was made before kinds were stored.
    pub(crate) fn by_name(world: &str) -> Self {
        if world == "real" { Self::Real } else { Self::Replay }
    }

    /// A world, or a backup of one, is never taken for another kind than it was made as.
    ///
    /// # Errors
    /// The refusal.
    pub fn must_be(self, wanted: Self, world: &str) -> Result<(), StoreError> {
        if self == wanted {
            return Ok(());
        }
        let (mine, other) = (self.words(), wanted.words());
        Err(StoreError::Refused(Problem::new(
            "world_of_another_kind",
            format!("“{world}”建立时是{}数据，不能当作{}数据使用；请用 --world 指明名称", mine.zh, other.zh),
            format!(
                "the world {world} was made as a world of the kind {}, and is not used as one of the kind {}; name a world with --world",
                mine.en, other.en
            ),
        )))
    }
}

/// As what the world `name` was made that stands at `place`; `None` where there is none. Makes nothing.
pub(crate) fn made_as(name: &str, place: &Place) -> Result<Option<WorldKind>, StoreError> {
    match place {
        Place::Sqlite(path) if !path.exists() => Ok(None),
        Place::Sqlite(path) => stored(&mut Conn::Lite(&lite_open(path, true)?), name),
        Place::Postgres { url, schema } => off_thread(|| match PgClient::look(url, schema)? {
            None => Ok(None),
            Some(mut client) => stored(&mut Conn::Pg(&mut client), name),
        }),
    }
}

/// Drops a world that holds nothing; `made_here` says whether the caller made it, and no other node may have. Whether
/// it is gone.
pub(crate) fn remove_untouched(place: &Place, made_here: bool) -> Result<bool, StoreError> {
    match place {
        Place::Sqlite(path) => {
            let gone = !path.exists() || is_untouched(&mut Conn::Lite(&lite_open(path, true)?), made_here)?;
            if gone {
                World::remove(place)?;
            }
            Ok(gone)
        }
        Place::Postgres { url, schema } => off_thread(|| {
            let Some(mut client) = PgClient::look(url, schema)? else { return Ok(true) };
            // Nobody writes between the look and the end of it.
            client.begin(ALONE)?;
            let gone = is_untouched(&mut Conn::Pg(&mut client), made_here)?;
            if gone {
                Conn::Pg(&mut client)
                    .batch(&format!("SET client_min_messages TO warning; DROP SCHEMA \"{schema}\" CASCADE"))?;
            }
            client.commit().map(|()| gone)
        }),
    }
}

/// Whether there is nothing but empty tables and, where it was made here, what it was made as.
fn is_untouched(conn: &mut Conn<'_>, made_here: bool) -> Result<bool, StoreError> {
    for table in tables(conn)? {
        let rows = conn.query(&format!("SELECT 1 FROM {table} LIMIT 1"), &[])?;
        let fine = match table.as_str() {
            "migration" => true,
            it if is_derived(it) => true,
            "world" => rows.is_empty() || made_here,
            _ => rows.is_empty(),
        };
        if !fine {
            return Ok(false);
        }
    }
    Ok(true)
}

fn tables(conn: &mut Conn<'_>) -> Result<HashSet<String>, StoreError> {
    let sql = if conn.is_pg() {
        "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = current_schema()"
    } else {
        "SELECT name FROM sqlite_master WHERE type = 'table'"
    };
    conn.query(sql, &[])?.iter().map(|it| it.text(0)).collect()
}

fn stored(conn: &mut Conn<'_>, name: &str) -> Result<Option<WorldKind>, StoreError> {
    let tables = tables(conn)?;
    if !tables.contains("migration") {
        return Ok(None);
    }
    let rows = if tables.contains("world") { conn.query("SELECT kind FROM world", &[])? } else { Vec::new() };
    let kind = rows.first().map_or_else(|| Ok(WorldKind::by_name(name)), |it| WorldKind::named(&it.text(0)?))?;
    Ok(Some(kind))
}

/// Writes down what a new world is; refuses one that was made as something else, or under another key. Whether it is
/// new.
pub(crate) fn hold(conn: &mut Conn<'_>, name: &str, kind: WorldKind, keys: &Keys) -> Result<bool, StoreError> {
    let rows = conn.query("SELECT kind, signer FROM world", &[])?;
    let Some(row) = rows.first() else {
        let is_new = conn.query("SELECT 1 FROM journal LIMIT 1", &[])?.is_empty();
        let made_as = if is_new { kind } else { WorldKind::by_name(name) };
        made_as.must_be(kind, name)?;
        for person in conn.query("SELECT person, wrapped FROM person_key LIMIT 1", &[])? {
            keys.unwrap(&person.text(0)?, &person.blob(1)?).map_err(|_| wrong_key())?;
        }
        let sql = "INSERT INTO world(id, kind, signer) VALUES ('this', $1, $2)";
        return conn.execute(sql, params![made_as.name(), keys.signer()]).map(|_| is_new);
    };
    if row.text(1)? != keys.signer() {
        return Err(wrong_key());
    }
    WorldKind::named(&row.text(0)?)?.must_be(kind, name).map(|()| false)
}

fn wrong_key() -> StoreError {
    StoreError::Refused(Problem::new(
        "wrong_master_key",
        "这不是建立这份数据时的主密钥；请用 --key-file 指明原来的那一把",
        "this is not the master key the world was made under; name that one with --key-file",
    ))
}
