//! What is open, for a to-do list, and what happened, for a process' timeline.

use anlan_kernel::{Instant, RegionCode};
use anlan_store::{StoreError, Tx, params};
use serde::Serialize;

use super::model::{Kind, Notice, Paper};
use crate::model::Process;

/// Why a notice waits for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenKind {
    /// 口头同意待补签.
    Unsigned,
    /// 待签发.
    ToSign,
    /// 退回待改.
    SentBack,
    /// 待解除: its process is over or falling, or its time has run out.
    ToLift,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenItem {
    /// What is to be done.
    pub kind: OpenKind,
    /// The notice.
    pub notice: String,
    /// The paper it is about.
    pub version: i64,
    /// Its title.
    pub title: String,
    /// 文号, where it has one.
    pub number: Option<String>,
    /// The district.
    pub region: RegionCode,
    /// Since when it waits.
    pub since: Instant,
    /// By when.
    pub due: Option<Instant>,
    /// Whether that moment has passed.
    pub overdue: bool,
}

impl OpenKind {
    /// On screens, Chinese and English.
    pub fn words(self) -> (&'static str, &'static str) {
        [
            ("口头同意待补签", "verbal yes, to be signed"),
            ("待签发", "to be signed"),
            ("退回待改", "sent back"),
            ("待解除", "to be lifted"),
        ][self as usize]
    }
}

/// Everything of notices that waits for somebody in the actor's duty areas, most pressing first.
///
/// # Errors
/// What the store says.
pub fn open_items(tx: &mut Tx<'_>) -> Result<Vec<OpenItem>, StoreError> {
    let now = tx.now();
    let mut items = Vec::new();
    let waiting = "signed_at IS NULL AND (issued_at IS NOT NULL OR submitted_at IS NOT NULL OR refused IS NOT NULL)";
    for paper in tx.find::<Paper>(waiting, "ORDER BY id", &[])? {
        let draft = paper.issued_at.is_none();
        if draft {
            let working = tx.get::<Notice>(&paper.notice)?.and_then(|it| it.working);
            if working != Some(paper.version) {
                continue;
            }
        }
        let kind = match (draft, paper.submitted_at) {
            (false, _) => OpenKind::Unsigned,
            (true, Some(_)) => OpenKind::ToSign,
            (true, None) => OpenKind::SentBack,
        };
        items.push(OpenItem {
            kind,
            version: paper.version,
            title: paper.content.title,
            since: paper.issued_at.or(paper.submitted_at).unwrap_or(paper.drafted_at),
            due: paper.signature_due,
            overdue: paper.overdue,
            notice: paper.notice,
            number: paper.number,
            region: paper.region,
        });
    }
    for notice in tx.find::<Notice>("standing = 'in_force'", "ORDER BY id", &[])? {
        let Some(paper) = tx.get::<Paper>(&format!("{}.v{}", notice.id, notice.issued))? else { continue };
        let process = tx.get::<Process>(&notice.process)?;
        let (over, ended) = process.map_or((true, None), |it| (!it.open || it.stand_down_proposed, it.ended_at));
        let ran_out = paper.content.until <= now;
        if over || ran_out {
            items.push(OpenItem {
                kind: OpenKind::ToLift,
                version: notice.issued,
                title: notice.title,
                since: ended.unwrap_or(if ran_out { paper.content.until } else { now }),
                due: None,
                overdue: false,
                notice: notice.id,
                number: notice.number,
                region: notice.region,
            });
        }
    }
    items.sort_by_key(|it| (!it.overdue, it.kind, it.due, it.since));
    Ok(items)
}

/// A step of a notice, for the timeline of its process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// When.
    pub at: Instant,
    /// `drafted`, `submitted`, `issued`, `verbally_approved`, `signed_afterwards`.
    pub what: &'static str,
    /// Which kind of paper.
    pub kind: Kind,
    /// The notice.
    pub notice: String,
    /// Its version.
    pub version: i64,
    /// 文号.
    pub number: Option<String>,
    /// Title.
    pub title: String,
    /// Account of who did it.
    pub by: Option<String>,
}

/// What happened to the notices of a process, in order.
///
/// # Errors
/// What the store says.
pub fn timeline(tx: &mut Tx<'_>, process: &str) -> Result<Vec<Step>, StoreError> {
    let mut steps = Vec::new();
    for notice in tx.find::<Notice>("process = $1", "ORDER BY id", params![process])? {
        for paper in tx.find::<Paper>("notice = $1", "ORDER BY version", params![&notice.id])? {
            let verbal = paper.said_at.is_some();
            let issue = if verbal { "verbally_approved" } else { "issued" };
            let issuer = if verbal { &paper.heard_by } else { &paper.signed_by };
            let moments = [
                (Some(paper.drafted_at), "drafted", paper.drafters.first().cloned()),
                (paper.submitted_at, "submitted", None),
                (paper.issued_at, issue, issuer.clone()),
                (paper.signed_at.filter(|_| verbal), "signed_afterwards", paper.signed_by.clone()),
            ];
            for (at, what, by) in moments {
                let Some(at) = at else { continue };
                let (number, title) = (paper.number.clone(), paper.content.title.clone());
                let (notice, version, kind) = (notice.id.clone(), paper.version, paper.kind);
                steps.push(Step { at, what, kind, notice, version, number, title, by });
            }
        }
    }
    steps.sort_by_key(|it| it.at);
    Ok(steps)
}
