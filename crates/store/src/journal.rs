//! The journal (操作日志): numbered and chained by the sealer, headed by signatures.

use std::{fs, io::Write, path::Path, time::Duration};

use anlan_kernel::{Actor, Instant};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Lease, Module, Row, StoreError, Tx, Urgency, Value, World, keys, params};

/// Entries numbered in one transaction.
const BLOCK: usize = 2_000;
const FIELDS: &str = "position, at, actor, hat, event, subject, region, pack, body";

pub(crate) static MODULE: Module = Module {
    name: "store",
    migrations: &[(
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
    )],
    tables: &[&crate::deadline::DEADLINE, &crate::outbox::OUTBOX],
};

/// One sealed entry.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
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

/// One thing that is wrong with a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where, 0 for the whole chain.
    pub position: i64,
    /// What, in English; for auditors.
    pub what: String,
}

/// What `verify` found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Sealed entries read.
    pub entries: i64,
    /// Entries not sealed yet.
    pub unsealed: i64,
    /// Signed heads compared.
    pub heads: usize,
    /// Hash of the last entry, hex.
    pub head: String,
    /// Everything wrong; empty is good.
    pub findings: Vec<Finding>,
}

impl Entry {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            position: row.int(0)?,
            at: row.instant(1)?,
            actor: row.text(2)?,
            hat: row.opt(3, Row::text)?,
            event: row.text(4)?,
            subject: row.text(5)?,
            region: row.opt(6, Row::text)?,
            pack: row.opt(7, Row::text)?,
            body: row.text(8)?,
        })
    }

    fn hash(&self, previous: &[u8]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(previous);
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
            let rows = tx.conn.query(
                &format!("SELECT {FIELDS}, entry FROM journal WHERE position IS NULL ORDER BY entry LIMIT {BLOCK}")
                    .replace("position, at", "0, at"),
                &[],
            )?;
            for row in &rows {
                position += 1;
                let entry = Entry { position, ..Entry::from_row(&with_position(row, position))? };
                hash = entry.hash(&hash).to_vec();
                tx.conn.execute(
                    "UPDATE journal SET position = $1, hash = $2 WHERE entry = $3",
                    params![position, hash.clone(), row.int(9)?],
                )?;
            }
            Ok(rows.len())
        })
        .await
}

fn with_position(row: &Row, position: i64) -> Row {
    let mut values = row.0.clone();
    values[0] = Value::Int(position);
    Row(values)
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
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut file = fs::OpenOptions::new().create(true).append(true).open(path)?;
        writeln!(file, "{}", serde_json::to_string(&head)?)?;
        file.sync_all()?;
    }
    Ok(Some(head))
}

impl Head {
    fn message(&self) -> Vec<u8> {
        format!("anlan head\n{}\n{}\n{}\n{}", self.world, self.position, self.hash, self.at).into_bytes()
    }
}

/// Reads the whole chain; with `heads`, also compares every signed head of that file.
///
/// # Errors
/// What the engine says, and [`StoreError::Shape`] when the file is not a heads file.
pub async fn verify(world: &World, heads: Option<&Path>) -> Result<Verified, StoreError> {
    let mut heads = match heads {
        None => Vec::new(),
        Some(path) => read_heads(path)?,
    };
    heads.sort_by_key(|it| it.position);
    let mut verified = Verified { heads: heads.len(), ..Verified::default() };
    for head in &heads {
        if !world.keys().signed(&head.message(), &keys_bytes(&head.signature)) {
            verified.find(head.position, "the signature of this head is not ours");
        }
        if head.world != world.name() {
            verified.find(head.position, "this head belongs to another world");
        }
    }
    let mut heads = heads.into_iter().peekable();
    let (mut position, mut hash, mut cursor) = (0_i64, vec![0_u8; 32], i64::MIN);
    loop {
        let rows = chunk(world, cursor).await?;
        let Some(last) = rows.last() else { break };
        cursor = last.int(0)?;
        for row in &rows {
            let entry = Entry::from_row(row)?;
            verified.entries += 1;
            if entry.position != position + 1 {
                verified.find(position + 1, format!("the next entry is numbered {}", entry.position));
            }
            position = entry.position;
            let expected = entry.hash(&hash);
            let stored = row.opt(9, Row::blob)?.unwrap_or_default();
            if stored != expected {
                verified.find(position, "the entry or one before it was changed");
            }
            hash = stored;
            while let Some(head) = heads.next_if(|it| it.position <= position) {
                if head.position == position && head.hash != keys::hex(&hash) {
                    verified.find(position, "the chain does not lead to the signed head");
                }
            }
        }
    }
    for head in heads {
        verified.find(head.position, format!("the chain ends at {position}, before this signed head"));
    }
    verified.head = keys::hex(&hash);
    verified.unsealed = world
        .read(&Actor::system("verify"), |tx| {
            let rows = tx.conn.query("SELECT COUNT(*) FROM journal WHERE position IS NULL", &[])?;
            rows.first().map_or(Ok(0), |it| it.int(0))
        })
        .await?;
    Ok(verified)
}

impl Verified {
    fn find(&mut self, position: i64, what: impl Into<String>) {
        self.findings.push(Finding { position, what: what.into() });
    }
}

async fn chunk(world: &World, after: i64) -> Result<Vec<Row>, StoreError> {
    world
        .read(&Actor::system("verify"), move |tx| {
            let sql = format!("SELECT {FIELDS}, hash FROM journal WHERE position > $1 ORDER BY position LIMIT {BLOCK}");
            tx.conn.query(&sql, params![after])
        })
        .await
}

fn read_heads(path: &Path) -> Result<Vec<Head>, StoreError> {
    let text = fs::read_to_string(path).map_err(|it| StoreError::Io(format!("{}: {it}", path.display())))?;
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(i, line)| {
            serde_json::from_str(line)
                .map_err(|it| StoreError::Shape(format!("{} line {}: {it}", path.display(), i + 1)))
        })
        .collect()
}

fn keys_bytes(hex: &str) -> Vec<u8> {
    let digits: Option<Vec<u8>> = hex
        .as_bytes()
        .chunks(2)
        .map(|it| std::str::from_utf8(it).ok().and_then(|it| u8::from_str_radix(it, 16).ok()))
        .collect();
    digits.unwrap_or_default()
}

/// How often heads are signed, in real time.
pub const HEAD_EVERY: Duration = Duration::from_secs(60);
