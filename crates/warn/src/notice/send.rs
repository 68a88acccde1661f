//! Who a notice goes to and what they read: a list that is fixed with the first paper. A correction goes
//! before everything else.

use anlan_kernel::{Instant, RegionCode};
use anlan_register::audience;
use anlan_store::{Event, OutboxItem, StoreError, Tx, Value, params};
use serde_json::json;

use super::{
    draft::names,
    model::{Kind, Notice, Paper, Recipient},
};
use crate::{
    Warn,
    channel::{Matter, announce},
    inform,
    model::Receipt,
    text::INVENTED,
};

/// Messages queued in one transaction.
const SLICE: usize = 500;
/// What is wrong out there is put right before anybody is called.
const CORRECTION: i64 = -1;

/// Puts those who are to be told on the list: everybody of the areas with the first paper, with an update
/// those of areas it grew by. Returns how many stand on it.
pub(crate) fn enlist(tx: &mut Tx<'_>, before: &Notice, paper: &Paper) -> Result<i64, StoreError> {
    let areas: Vec<RegionCode> = match paper.kind {
        Kind::First => paper.content.areas(),
        Kind::Update => {
            let covered = |area: &RegionCode| before.areas.iter().any(|it| it.covers(area));
            paper.content.areas().into_iter().filter(|it| !covered(it)).collect()
        }
        Kind::Correction | Kind::Lift => Vec::new(),
    };
    if !areas.is_empty() {
        let now = tx.now();
        for it in audience(tx, &areas, &paper.content.audience, now)? {
            let id = format!("{}/{}", paper.notice, it.id);
            let recipient =
                Recipient { id, notice: paper.notice.clone(), callee: it.id, region: it.region, since: paper.version };
            tx.insert(&recipient)?;
        }
    }
    tx.count::<Recipient>("notice = $1", params![&paper.notice])
}

/// Queues the next slice of a paper's messages; `subject` is the paper's id, a bar, and the last told.
///
/// # Errors
/// What the store says.
pub fn tell_slice(warn: &Warn, tx: &mut Tx<'_>, subject: &str) -> Result<(), StoreError> {
    let (id, after) = subject.split_once('|').unwrap_or((subject, ""));
    let Some(paper) = tx.get::<Paper>(id)? else { return Ok(()) };
    let next: Vec<Recipient> =
        tx.find("notice = $1 AND id > $2", "ORDER BY id LIMIT $3", params![&paper.notice, after, SLICE])?;
    if after.is_empty() {
        announce::wanted(tx, Matter::Notice, &paper.id)?;
    }
    let priority = if paper.kind == Kind::Correction { CORRECTION } else { inform::PRIORITY };
    for it in &next {
        inform::message(warn, tx, "notice", &paper.id, &it.callee, &it.region, priority)?;
    }
    if let Some(last) = next.last().filter(|_| next.len() == SLICE) {
        tx.set_deadline("notice.tell", &format!("{id}|{}", last.id), tx.now())?;
    }
    tx.record(
        Event::new("notice.told", &paper.notice)
            .region(&paper.region)
            .detail(json!({"paper": id, "count": next.len()})),
    )
}

/// What a recipient reads; nothing once a later paper went out, so that what was wrong is not said after
/// its correction.
pub(crate) fn message(tx: &mut Tx<'_>, item: &OutboxItem) -> Result<Option<String>, StoreError> {
    Ok(current(tx, &item.subject)?.map(|(notice, paper)| words(&notice, &paper)))
}

/// The paper with its notice, unless a later paper went out.
pub(crate) fn current(tx: &mut Tx<'_>, paper: &str) -> Result<Option<(Notice, Paper)>, StoreError> {
    let Some(paper) = tx.get::<Paper>(paper)? else { return Ok(None) };
    let notice = tx.get::<Notice>(&paper.notice)?.filter(|it| it.issued == paper.version);
    Ok(notice.map(|it| (it, paper)))
}

/// A paper in the length of a message.
pub(crate) fn words(notice: &Notice, paper: &Paper) -> String {
    let content = &paper.content;
    let head = match paper.kind {
        Kind::First => String::new(),
        kind => format!("〔{}〕", kind.words().0),
    };
    let (hat, title) = (&notice.hat, &content.title);
    let number = paper.number.as_deref().unwrap_or_default();
    let why = if content.reason.is_empty() {
        String::new()
    } else {
        format!("{}：{}。", reason_title(paper.kind), content.reason)
    };
    let invented = if content.facts.signals.iter().any(|it| it.invented) { INVENTED } else { "" };
    let measures = match content.measures.as_slice() {
        [] => String::new(),
        lines => format!("{}。有效至{}。", lines.join("；"), short(content.until)),
    };
    format!("{head}{hat}{title}（{number}）{invented}：{}。{why}{}{measures}", names(&content.places), content.advice)
}

pub(crate) fn reason_title(kind: Kind) -> &'static str {
    ["说明", "更新原因", "更正原因", "解除原因"][kind as usize]
}

/// `9月2日06:00`.
pub(crate) fn short(at: Instant) -> String {
    let wall = at.wall();
    let number = |range: std::ops::Range<usize>| wall[range].trim_start_matches('0').to_owned();
    format!("{}月{}日{}", number(5..7), number(8..10), &wall[11..16])
}

/// What became of a paper's message to one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub recipient: Recipient,
    /// `waiting`, `sent`, `delivered`, `failed`, `unknown`, `dropped`.
    pub state: &'static str,
    /// When the gateway took it.
    pub sent_at: Option<Instant>,
    /// What the gateway said, where it failed.
    pub why: Option<String>,
}

/// The list of a notice with what became of each message of the paper, in the actor's scope.
pub(crate) fn told(tx: &mut Tx<'_>, paper: &Paper) -> Result<Vec<Told>, StoreError> {
    let list: Vec<Recipient> =
        tx.find("notice = $1 AND since <= $2", "ORDER BY region, id", params![&paper.notice, paper.version])?;
    let items: Vec<OutboxItem> = tx.find("subject = $1", "", params![&paper.id])?;
    let (from, until) = (format!("notice:{}/", paper.id), format!("notice:{}0", paper.id));
    let mut ends = std::collections::HashMap::new();
    for it in tx.find::<Receipt>(
        "attempt >= $1 AND attempt < $2 AND event IN ('delivered', 'failed')",
        "ORDER BY at, id",
        params![Value::from(from), Value::from(until)],
    )? {
        let why = it.detail.as_ref().and_then(|it| it["reason"].as_str()).map(str::to_owned);
        ends.insert(it.attempt, (it.event == "delivered", why));
    }
    let items: std::collections::HashMap<_, _> =
        items.into_iter().map(|it| (it.payload["callee"].as_str().unwrap_or_default().to_owned(), it)).collect();
    Ok(list
        .into_iter()
        .map(|recipient| {
            let item = items.get(&recipient.callee);
            let (state, why) = state(item, item.and_then(|it| ends.get(&it.id)));
            Told { recipient, state, sent_at: item.and_then(|it| it.sent_at), why }
        })
        .collect())
}

fn state(item: Option<&OutboxItem>, end: Option<&(bool, Option<String>)>) -> (&'static str, Option<String>) {
    use anlan_store::Sending as S;
    let Some(item) = item else { return ("waiting", None) };
    let said = || item.outcome.as_ref().and_then(|it| it["code"].as_str()).map(str::to_owned);
    match (end, item.state) {
        (Some((true, _)), _) => ("delivered", None),
        (Some((false, why)), _) => ("failed", why.clone()),
        (None, S::Queued | S::Sending) => ("waiting", None),
        (None, S::Sent) => ("sent", None),
        (None, S::Refused | S::Failed) => ("failed", said()),
        (None, S::Unknown) => ("unknown", None),
        (None, S::Dropped) => ("dropped", None),
    }
}
