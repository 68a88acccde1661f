//! Who a notice goes to and what they read: a list that is fixed with the first paper. A correction goes
//! before everything else.

use std::collections::BTreeMap;

use anlan_kernel::{Instant, RegionCode};
use anlan_register::audience;
use anlan_store::{Event, OutboxItem, Row, StoreError, Tx, Value, params};
use serde_json::json;

use super::{
    draft::names,
    model::{Kind, Notice, Paper, Recipient},
};
use crate::{
    Warn,
    channel::{Matter, announce},
    inform,
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

/// What becomes of a message, as it is stored nowhere: names, Chinese and English.
pub(crate) const STATES: [(&str, &str, &str); 6] = [
    ("delivered", "已送达", "delivered"),
    ("sent", "已发出", "sent"),
    ("waiting", "待发", "waiting"),
    ("unknown", "结果不明", "unknown"),
    ("failed", "发送失败", "failed"),
    ("dropped", "由新版代替", "replaced by the next"),
];

/// What became of a paper's message to one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub recipient: Recipient,
    /// One of [`STATES`].
    pub state: &'static str,
    /// When the gateway took it.
    pub sent_at: Option<Instant>,
    /// What the gateway said, where it failed.
    pub why: Option<String>,
}

/// The statement that reads `what` of the list of a paper in the actor's scope with what became of each message:
/// `$1` the notice, `$2` the version, `$3` what the keys of its messages begin with.
fn list_sql(what: &str, tail: &str) -> String {
    format!(
        "SELECT {what} FROM (
            SELECT r.id, r.notice, r.callee, r.region, r.since, o.id AS item, o.sent_at, o.outcome,
                CASE (SELECT MIN(t.event) FROM receipt t WHERE t.attempt = o.id AND t.event IN ('delivered', 'failed'))
                    WHEN 'delivered' THEN 'delivered' WHEN 'failed' THEN 'failed'
                    ELSE CASE COALESCE(o.state, 'queued') WHEN 'sent' THEN 'sent' WHEN 'unknown' THEN 'unknown'
                        WHEN 'queued' THEN 'waiting' WHEN 'sending' THEN 'waiting' WHEN 'dropped' THEN 'dropped'
                        ELSE 'failed' END
                END AS state
              FROM notice_recipient r LEFT JOIN outbox o ON o.id = $3 || r.callee || '#1'
             WHERE r.notice = $1 AND r.since <= $2 AND {{scope:r.region}}) told {tail}"
    )
}

fn list_values(paper: &Paper) -> Vec<Value> {
    params![&paper.notice, paper.version, format!("notice:{}/", paper.id)].to_vec()
}

fn named(state: &str) -> Result<&'static str, StoreError> {
    let known = STATES.iter().find(|it| it.0 == state).map(|it| it.0);
    known.ok_or_else(|| StoreError::Shape(format!("{state} is no state of a message")))
}

/// How many of the list of a paper, in the actor's scope, are in each state.
pub(crate) fn told_counts(tx: &mut Tx<'_>, paper: &Paper) -> Result<BTreeMap<&'static str, i64>, StoreError> {
    let rows = tx.query(&list_sql("state, COUNT(*)", "GROUP BY state"), &list_values(paper))?;
    rows.iter().map(|row| Ok((named(&row.text(0)?)?, row.int(1)?))).collect()
}

/// Those of the list of a paper, in the actor's scope, who are in this state, all where it is empty.
pub(crate) fn told(
    tx: &mut Tx<'_>,
    paper: &Paper,
    state: &str,
    most: i64,
    after: i64,
) -> Result<Vec<Told>, StoreError> {
    let why = "(SELECT t.detail FROM receipt t WHERE t.attempt = told.item AND t.event = 'failed' AND {scope:t.region}
                 ORDER BY t.at DESC, t.id DESC LIMIT 1)";
    let what = format!("id, notice, callee, region, since, state, sent_at, outcome, {why}");
    let mut values = list_values(paper);
    values.extend(params![state, most, after].to_vec());
    let tail = "WHERE $4 = '' OR state = $4 ORDER BY region, id LIMIT $5 OFFSET $6";
    let mut found = Vec::new();
    for row in tx.query(&list_sql(&what, tail), &values)? {
        let state = named(&row.text(5)?)?;
        let json = |text: Option<String>| text.and_then(|it| serde_json::from_str::<serde_json::Value>(&it).ok());
        let (outcome, detail) = (json(row.opt(7, Row::text)?), json(row.opt(8, Row::text)?));
        let said = detail.as_ref().and_then(|it| it["reason"].as_str());
        let said = said.or_else(|| outcome.as_ref().and_then(|it| it["code"].as_str()));
        let region = RegionCode::parse(&row.text(3)?).map_err(|it| StoreError::Shape(it.to_string()))?;
        let (id, notice, callee, since) = (row.text(0)?, row.text(1)?, row.text(2)?, row.int(4)?);
        found.push(Told {
            recipient: Recipient { id, notice, callee, region, since },
            state,
            sent_at: row.opt(6, Row::instant)?,
            why: said.filter(|_| state == "failed").map(str::to_owned),
        });
    }
    Ok(found)
}
