//! The journal (操作日志): numbered and chained by the sealer, headed by signatures.

mod verify;

use std::time::Duration;

use anlan_kernel::{Actor, Instant};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::{Lease, Module, Record, Row, StoreError, Tx, Urgency, World, disk, keys, params, rebuild};

pub use verify::{Finding, Verified, verify, verify_with_progress};

/// Entries numbered in one transaction.
const BLOCK: usize = 2_000;
const FIELDS: &str = "entry, position, at, actor, hat, event, subject, region, pack, body";

pub(crate) static MODULE: Module = Module {
    name: "store",
    migrations: &[
        (
            "0001-floors",
        "CREATE TABLE journal (
            entry {auto},
            position BIGINT UNIQUE,
            at BIGINT NOT NULL,
            actor TEXT NOT NULL,
            hat TEXT,
            event TEXT NOT NULL,
            subject TEXT NOT NULL,
            region TEXT,
            pack TEXT,
            body TEXT NOT NULL,
            hash BYTEA);
         CREATE INDEX journal_unsealed ON journal(entry) WHERE position IS NULL;
         CREATE INDEX journal_subject ON journal(subject);
         CREATE TABLE person_key (person TEXT NOT NULL PRIMARY KEY, wrapped BYTEA NOT NULL, made_at BIGINT NOT NULL);
         CREATE TABLE lease (name TEXT NOT NULL PRIMARY KEY, holder TEXT NOT NULL, fence BIGINT NOT NULL, expires_at BIGINT NOT NULL);
         CREATE TABLE deadline (id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL,
            due_at BIGINT NOT NULL, failures BIGINT NOT NULL);
         CREATE INDEX deadline_due ON deadline(due_at, id);
         CREATE TABLE outbox (id TEXT NOT NULL PRIMARY KEY, channel TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
            region TEXT NOT NULL, priority BIGINT NOT NULL, due_at BIGINT NOT NULL, state TEXT NOT NULL, tries BIGINT NOT NULL,
            payload TEXT NOT NULL, outcome TEXT, sent_at BIGINT, revision BIGINT NOT NULL);
         CREATE INDEX outbox_work ON outbox(channel, state, priority, due_at, id);
         CREATE INDEX outbox_subject ON outbox(subject);",
        ),
        (
            "0002-world",
            "CREATE TABLE world (id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, signer TEXT NOT NULL);",
        ),
    ],
    tables: &[&crate::deadline::DEADLINE, &crate::outbox::OUTBOX],
};

/// One sealed entry.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// The row's own number; not shown, but chained like the rest.
    #[serde(skip)]
    entry: i64,
    /// Its number; 1, 2, 3 …
    pub position: i64,
    /// World time of the decision.
    pub at: Instant,
    /// Who.
    pub actor: String,
    /// Under which 牌子.
    pub hat: Option<String>,
    /// `noun.verb`.
    pub event: String,
    /// Key of the thing.
    pub subject: String,
    /// Where.
    pub region: Option<String>,
    /// Pack version.
    pub pack: Option<String>,
    /// `{"detail":…,"changes":[{"t":table,"k":key,"r":row|null}]}`.
    pub body: String,
}

/// The signed end of the chain at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// Whose chain.
    pub world: String,
    /// Last sealed position.
    pub position: i64,
    /// Its hash, hex.
    pub hash: String,
    /// World time.
    pub at: Instant,
    /// Ed25519 over the four fields above, hex.
    pub signature: String,
}

impl Entry {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            entry: row.int(0)?,
            position: row.opt(1, Row::int)?.unwrap_or_default(),
            at: row.instant(2)?,
            actor: row.text(3)?,
            hat: row.opt(4, Row::text)?,
            event: row.text(5)?,
            subject: row.text(6)?,
            region: row.opt(7, Row::text)?,
            pack: row.opt(8, Row::text)?,
            body: row.text(9)?,
        })
    }

    /// SHA-256 over the hash before, the three numbers (64 bits, big-endian) and the seven texts in the
    /// order of the columns: 0 for none, else 1, the length in bytes (64 bits) and the bytes.
    fn hash(&self, previous: &[u8]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(previous);
        hash.update(self.entry.to_be_bytes());
        hash.update(self.position.to_be_bytes());
        hash.update(self.at.0.to_be_bytes());
        let fields = [
            Some(&self.actor),
            self.hat.as_ref(),
            Some(&self.event),
            Some(&self.subject),
            self.region.as_ref(),
            self.pack.as_ref(),
            Some(&self.body),
        ];
        for field in fields {
            match field {
                None => hash.update([0]),
                Some(text) => {
                    hash.update([1]);
                    hash.update((text.len() as u64).to_be_bytes());
                    hash.update(text.as_bytes());
                }
            }
        }
        hash.finalize().into()
    }
}

/// Numbers and chains what is committed; returns how many entries. Repeat until it returns 0.
///
/// # Errors
/// What the engine says, and [`StoreError::Fenced`] when another node took over.
pub async fn seal(world: &World, lease: Option<&Lease>) -> Result<usize, StoreError> {
    let lease = lease.cloned();
    world
        .write("seal", Urgency::Background, &Actor::system("sealer"), move |tx| {
            if let Some(lease) = &lease {
                tx.hold(lease)?;
            }
            let (mut position, mut hash) = tip(tx)?;
            let sql = format!("SELECT {FIELDS} FROM journal WHERE position IS NULL ORDER BY entry LIMIT {BLOCK}");
            let rows = tx.conn.query(&sql, &[])?;
            for row in &rows {
                position += 1;
                let entry = Entry { position, ..Entry::from_row(row)? };
                hash = entry.hash(&hash).to_vec();
                tx.conn.execute(
                    "UPDATE journal SET position = $1, hash = $2 WHERE entry = $3",
                    params![position, hash.clone(), entry.entry],
                )?;
            }
            Ok(rows.len())
        })
        .await
}

fn tip(tx: &mut Tx<'_>) -> Result<(i64, Vec<u8>), StoreError> {
    let sql = "SELECT position, hash FROM journal WHERE position IS NOT NULL ORDER BY position DESC LIMIT 1";
    let rows = tx.conn.query(sql, &[])?;
    rows.first().map_or(Ok((0, vec![0; 32])), |row| Ok((row.int(0)?, row.blob(1)?)))
}

/// The last sealed position.
///
/// # Errors
/// What the engine says.
pub async fn sealed_position(world: &World) -> Result<i64, StoreError> {
    world.read(&Actor::system("journal"), |tx| Ok(tip(tx)?.0)).await
}

/// The journal's own idea of the latest world time; where a driven clock resumes.
///
/// # Errors
/// What the engine says.
pub async fn latest(world: &World) -> Result<Option<Instant>, StoreError> {
    world
        .read(&Actor::system("journal"), |tx| {
            let rows = tx.conn.query("SELECT MAX(at) FROM journal", &[])?;
            rows.first().map_or(Ok(None), |it| it.opt(0, Row::instant))
        })
        .await
}

/// Sealed entries after `position` inside the actor's scope, at most `most`.
///
/// # Errors
/// What the engine says.
pub async fn after(world: &World, actor: &Actor, position: i64, most: usize) -> Result<Vec<Entry>, StoreError> {
    world
        .read(actor, move |tx| {
            let sql = format!(
                "SELECT {FIELDS} FROM journal WHERE position > $1 AND {{scope:region}} ORDER BY position LIMIT $2"
            );
            tx.query(&sql, params![position, most])?.iter().map(Entry::from_row).collect()
        })
        .await
}

/// What was recorded of `subject` inside the actor's scope, oldest first, sealed or not (position 0).
///
/// # Errors
/// What the engine says.
pub fn of_subject(tx: &mut Tx<'_>, subject: &str) -> Result<Vec<Entry>, StoreError> {
    let fields = FIELDS.replacen("position", "COALESCE(position, 0)", 1);
    let sql = format!("SELECT {fields} FROM journal WHERE subject = $1 AND {{scope:region}} ORDER BY entry");
    tx.query(&sql, params![subject])?.iter().map(Entry::from_row).collect()
}

/// How an entry left a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Left<R> {
    /// As it was.
    Untouched,
    /// Removed.
    Removed,
    /// Like this; what a destroyed key closed is null.
    Standing(R),
}

/// How an entry left the row with this key.
///
/// # Errors
/// What the engine says; [`StoreError::Shape`] when the row is not what its table promises.
pub fn left<R: Record>(tx: &mut Tx<'_>, entry: &Entry, key: &str) -> Result<Left<R>, StoreError> {
    let body: Json = serde_json::from_str(&entry.body)?;
    let mut changes = body.get("changes").and_then(Json::as_array).into_iter().flatten();
    match changes.rfind(|it| it["t"] == R::TABLE.name && it["k"] == key).map(|it| &it["r"]) {
        None => Ok(Left::Untouched),
        Some(Json::Object(row)) => {
            let row = rebuild::open(tx, R::TABLE, row)?;
            Ok(Left::Standing(serde_json::from_value(Json::Object(row))?))
        }
        Some(_) => Ok(Left::Removed),
    }
}

/// Signs the current head and appends it to the world's heads file; `None` while nothing is sealed.
///
/// # Errors
/// What the engine or the file system says.
pub async fn sign_head(world: &World) -> Result<Option<Head>, StoreError> {
    let (position, hash) = world.read(&Actor::system("sealer"), tip).await?;
    if position == 0 {
        return Ok(None);
    }
    let mut head = Head {
        world: world.name().to_owned(),
        position,
        hash: keys::hex(&hash),
        at: world.now(),
        signature: String::new(),
    };
    head.signature = keys::hex(&world.keys().sign(&head.message()));
    if let Some(path) = world.heads() {
        let mut line = serde_json::to_string(&head)?;
        line.push('\n');
        disk::append(path, line.as_bytes())?;
    }
    Ok(Some(head))
}

impl Head {
    fn message(&self) -> Vec<u8> {
        format!("anlan head\n{}\n{}\n{}\n{}", self.world, self.position, self.hash, self.at).into_bytes()
    }
}

/// How often heads are signed, in real time.
pub const HEAD_EVERY: Duration = Duration::from_secs(60);
