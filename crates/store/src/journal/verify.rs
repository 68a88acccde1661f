//! Reading the whole chain, and saying everything that is wrong with it.

use std::{collections::HashMap, fs, path::Path};

use anlan_kernel::{Actor, Problem};
use serde::Serialize;
use serde_json::Value as Json;

use super::{BLOCK, Entry, FIELDS, Head};
use crate::{Row, StoreError, Value, World, file_problem, keys};

/// One thing that is wrong with a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where, 0 for the whole chain.
    pub position: i64,
    /// What, in English; for auditors.
    pub what: String,
    /// The same in Chinese.
    pub what_zh: String,
}

/// What `verify` found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Sealed entries read.
    pub entries: i64,
    /// Entries not sealed yet.
    pub unsealed: i64,
    /// Sealed texts nobody can open any more, because the key of their person was destroyed.
    pub unreadable: i64,
    /// Signed heads compared.
    pub heads: usize,
    /// Hash of the last entry, hex.
    pub head: String,
    /// Everything wrong; empty is good.
    pub findings: Vec<Finding>,
}

/// Reads the whole chain; with `heads`, also compares every signed head of that file.
///
/// # Errors
/// What the engine says, and [`StoreError::Refused`] when the file is not a heads file.
pub async fn verify(world: &World, heads: Option<&Path>) -> Result<Verified, StoreError> {
    verify_with_progress(world, heads, |_| {}).await
}

/// [`verify`], telling `progress` the number of entries read, every few thousand.
///
/// # Errors
/// As [`verify`].
pub async fn verify_with_progress(
    world: &World,
    heads: Option<&Path>,
    mut progress: impl FnMut(i64),
) -> Result<Verified, StoreError> {
    let mut heads = match heads {
        None => Vec::new(),
        Some(path) => read_heads(path)?,
    };
    heads.sort_by_key(|it| it.position);
    let mut verified = Verified { heads: heads.len(), ..Verified::default() };
    for head in &heads {
        if !world.keys().signed(&head.message(), &keys_bytes(&head.signature)) {
            verified.find(head.position, "这个链头不是用本机主密钥签名的", "the signature of this head is not ours");
        }
        if head.world != world.name() {
            verified.find(head.position, "这个链头是另一份数据的（名称不同）", "this head belongs to another world");
        }
    }
    let mut heads = heads.into_iter().peekable();
    let mut sealed: HashMap<(String, [u8; 4]), i64> = HashMap::new();
    let (mut position, mut hash, mut cursor) = (0_i64, vec![0_u8; 32], Value::Int(i64::MIN));
    loop {
        let rows = chunk(world, cursor.clone()).await?;
        let Some(last) = rows.last() else { break };
        cursor = last.0[1].clone();
        progress(verified.entries);
        for row in &rows {
            verified.entries += 1;
            let stored = row.opt(10, Row::blob).ok().flatten().unwrap_or_default();
            match Entry::from_row(row) {
                Ok(entry) => {
                    if entry.position != position + 1 {
                        let (zh, en) = (
                            format!("下一条的编号是 {}", entry.position),
                            format!("the next entry is numbered {}", entry.position),
                        );
                        verified.find(position + 1, zh, en);
                    }
                    position = entry.position;
                    if stored != entry.hash(&hash) {
                        verified.find(
                            position,
                            "这一条或它之前的条目被改动过",
                            "the entry or one before it was changed",
                        );
                    }
                    sealed_texts(&entry.body, &mut sealed);
                }
                Err(error) => {
                    let (zh, en) = (format!("这一条读不出来：{error}"), format!("the entry cannot be read: {error}"));
                    verified.find(position + 1, zh, en);
                }
            }
            hash = stored;
            while let Some(head) = heads.next_if(|it| it.position <= position) {
                if head.position == position && head.hash != keys::hex(&hash) {
                    verified.find(position, "链条与已签名的链头对不上", "the chain does not lead to the signed head");
                }
            }
        }
    }
    for head in heads {
        let (zh, en) = (
            format!("链条到 {position} 为止，没有到这个已签名的链头"),
            format!("the chain ends at {position}, before this signed head"),
        );
        verified.find(head.position, zh, en);
    }
    verified.head = keys::hex(&hash);
    (verified.unsealed, verified.unreadable) = count(world, sealed).await?;
    Ok(verified)
}

impl Verified {
    fn find(&mut self, position: i64, zh: impl Into<String>, en: impl Into<String>) {
        self.findings.push(Finding { position, what: en.into(), what_zh: zh.into() });
    }
}

async fn chunk(world: &World, after: Value) -> Result<Vec<Row>, StoreError> {
    world
        .read(&Actor::system("verify"), move |tx| {
            let sql = format!("SELECT {FIELDS}, hash FROM journal WHERE position > $1 ORDER BY position LIMIT {BLOCK}");
            tx.conn.query(&sql, std::slice::from_ref(&after))
        })
        .await
}

/// Counts what is sealed in a body, by person and number of the key.
fn sealed_texts(body: &str, found: &mut HashMap<(String, [u8; 4]), i64>) {
    fn walk(json: &Json, found: &mut HashMap<(String, [u8; 4]), i64>) {
        match json {
            Json::Object(map) => {
                match (map.get("sealed").and_then(Json::as_str), map.get("person").and_then(Json::as_str)) {
                    (Some(sealed), Some(person)) => {
                        // A text without a number was opened by no key, ever.
                        let number = keys::number_of(sealed).unwrap_or_default();
                        *found.entry((person.to_owned(), number)).or_default() += 1;
                    }
                    _ => map.values().for_each(|it| walk(it, found)),
                }
            }
            Json::Array(items) => items.iter().for_each(|it| walk(it, found)),
            _ => (),
        }
    }
    if body.contains("\"sealed\"")
        && let Ok(json) = serde_json::from_str(body)
    {
        walk(&json, found);
    }
}

/// Entries not sealed yet, and sealed texts whose key is gone.
async fn count(world: &World, sealed: HashMap<(String, [u8; 4]), i64>) -> Result<(i64, i64), StoreError> {
    world
        .read(&Actor::system("verify"), move |tx| {
            let rows = tx.conn.query("SELECT COUNT(*) FROM journal WHERE position IS NULL", &[])?;
            let unsealed = rows.first().map_or(Ok(0), |it| it.int(0))?;
            let mut unreadable = 0;
            for ((person, number), texts) in &sealed {
                if tx.registry.keys.number(&mut tx.conn, person)? != Some(*number) {
                    unreadable += texts;
                }
            }
            Ok((unsealed, unreadable))
        })
        .await
}

fn read_heads(path: &Path) -> Result<Vec<Head>, StoreError> {
    let text = fs::read_to_string(path).map_err(|it| file_problem(path, &it))?;
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(i, line)| serde_json::from_str(line).map_err(|it| no_head(path, &it).line(i + 1).into()))
        .collect()
}

fn no_head(path: &Path, error: &serde_json::Error) -> Problem {
    let path = path.display();
    Problem::new(
        "bad_head",
        format!("{path}：这一行不是签名链头（{error}）"),
        format!("{path}: this line is no signed head ({error})"),
    )
}

fn keys_bytes(hex: &str) -> Vec<u8> {
    let digits: Option<Vec<u8>> = hex
        .as_bytes()
        .chunks(2)
        .map(|it| std::str::from_utf8(it).ok().and_then(|it| u8::from_str_radix(it, 16).ok()))
        .collect();
    digits.unwrap_or_default()
}
