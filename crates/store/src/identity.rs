//! What a world was made as: its kind, and whose master key is its own. Neither ever changes.

use std::collections::HashSet;

use anlan_kernel::{Problem, Text};

use crate::{
    Keys, Place, StoreError, WorldKind,
    conn::{Conn, PgClient, off_thread},
    engine::lite_open,
    params,
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
            format!("世界“{world}”建立时是{}世界，不能当作{}世界使用；请用 --world 指明世界", mine.zh, other.zh),
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

fn stored(conn: &mut Conn<'_>, name: &str) -> Result<Option<WorldKind>, StoreError> {
    let sql = if conn.is_pg() {
        "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = current_schema()"
    } else {
        "SELECT name FROM sqlite_master WHERE type = 'table'"
    };
    let tables = conn.query(sql, &[])?.iter().map(|it| it.text(0)).collect::<Result<HashSet<_>, _>>()?;
    if !tables.contains("migration") {
        return Ok(None);
    }
    let rows = if tables.contains("world") { conn.query("SELECT kind FROM world", &[])? } else { Vec::new() };
    let kind = rows.first().map_or_else(|| Ok(WorldKind::by_name(name)), |it| WorldKind::named(&it.text(0)?))?;
    Ok(Some(kind))
}

/// Writes down what a new world is; refuses one that was made as something else, or under another key.
pub(crate) fn hold(conn: &mut Conn<'_>, name: &str, kind: WorldKind, keys: &Keys) -> Result<(), StoreError> {
    let rows = conn.query("SELECT kind, signer FROM world", &[])?;
    let Some(row) = rows.first() else {
        let is_new = conn.query("SELECT 1 FROM journal LIMIT 1", &[])?.is_empty();
        let made_as = if is_new { kind } else { WorldKind::by_name(name) };
        made_as.must_be(kind, name)?;
        for person in conn.query("SELECT person, wrapped FROM person_key LIMIT 1", &[])? {
            keys.unwrap(&person.text(0)?, &person.blob(1)?).map_err(|_| wrong_key())?;
        }
        let sql = "INSERT INTO world(id, kind, signer) VALUES ('this', $1, $2)";
        return conn.execute(sql, params![made_as.name(), keys.signer()]).map(drop);
    };
    if row.text(1)? != keys.signer() {
        return Err(wrong_key());
    }
    WorldKind::named(&row.text(0)?)?.must_be(kind, name)
}

fn wrong_key() -> StoreError {
    StoreError::Refused(Problem::new(
        "wrong_master_key",
        "这不是建立这个世界时的主密钥；请用 --key-file 指明原来的那一把",
        "this is not the master key the world was made under; name that one with --key-file",
    ))
}
