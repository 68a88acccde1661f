//! How calls ended, as lines of the timeline: many of a kind on one line, requests for help each on its own.

use std::collections::BTreeMap;

use anlan_kernel::{Instant, Text};
use anlan_store::{StoreError, Tx, params};

use super::{measure::ENDED_AT, timeline::Line};
use crate::model::{CallState, Escalation, Help};
use anlan_web::percent;

/// Endings of calls that share a line when they fall into the same ten minutes; others share a minute.
const ANSWERS: [CallState; 2] = [CallState::Answered, CallState::HeardInFull];
const MINUTE: i64 = 60_000_000;

/// Endings of calls in the reader's duty areas, many of a kind on one line, and requests for help.
pub(super) fn lines(tx: &mut Tx<'_>, rounds: &[String]) -> Result<Vec<Line>, StoreError> {
    let mut lines = Vec::new();
    for round in rounds {
        lines.extend(endings(tx, round)?);
        lines.extend(help(tx, round)?);
    }
    Ok(lines)
}

fn endings(tx: &mut Tx<'_>, round: &str) -> Result<Vec<Line>, StoreError> {
    let sql = format!(
        "SELECT state, {ENDED_AT} / {MINUTE}, COUNT(*) FROM call
          WHERE round = $1 AND final_at IS NOT NULL AND {{scope:region}} GROUP BY 1, 2"
    );
    let mut groups: BTreeMap<(CallState, i64, i64), i64> = BTreeMap::new();
    for row in tx.query(&sql, params![round])? {
        let (state, minute) = (super::read::state(&row, 0)?, row.int(1)?);
        let long = if ANSWERS.contains(&state) { 10 } else { 1 };
        let from = minute - minute.rem_euclid(long);
        *groups.entry((state, from, from + long)).or_default() += row.int(2)?;
    }
    let line = |((state, from, until), count): ((CallState, i64, i64), i64)| {
        let (from, until) = (Instant(from * MINUTE), Instant(until * MINUTE));
        let (zh, en) = state.words();
        let span =
            if until.0 - from.0 > MINUTE { format!("（{} 前 10 分钟）", until.clock()) } else { String::new() };
        let when = if span.is_empty() { String::new() } else { format!(" in the 10 minutes before {}", until.clock()) };
        Line {
            id: format!("c{round}/{}", state.name()),
            at: from,
            kind: if ANSWERS.contains(&state) { "answer" } else { "call" },
            event: "calls.ended".into(),
            words: Text::new(format!("{count} 人{zh}{span}"), format!("{count} {en}{when}")),
            by: None,
            callee: None,
            grade: None,
            subject: round.to_owned(),
            opens: Some(format!(
                "/rounds/{}?state={}&ended_from={}&ended_until={}",
                percent(round),
                state.name(),
                percent(&from.to_rfc3339()),
                percent(&until.to_rfc3339())
            )),
            position: None,
            version: None,
        }
    };
    Ok(groups.into_iter().map(line).collect())
}

fn help(tx: &mut Tx<'_>, round: &str) -> Result<Vec<Line>, StoreError> {
    let asked: Vec<Help> =
        tx.find("id >= $1 AND id < $2", "ORDER BY id", params![format!("{round}/"), format!("{round}0")])?;
    let mut lines = Vec::new();
    for it in asked {
        let call = it.call();
        let (callee, opens) = match call.strip_prefix(&format!("{round}/")) {
            Some(list) if list.starts_with("up/") => {
                let by = tx.get::<Escalation>(call)?.and_then(|it| it.accepted_by);
                (by.filter(|it| !it.starts_with("user:")), format!("/escalations/{}", percent(call)))
            }
            callee => (callee.map(str::to_owned), format!("/calls/{}", percent(call))),
        };
        let line = |event: &str, at, zh: &str, en: &str, by: Option<String>| Line {
            id: format!("h{event}/{}", it.id),
            at,
            kind: "call",
            event: event.to_owned(),
            words: Text::new(zh, en),
            by,
            callee: callee.clone(),
            grade: None,
            subject: it.id.clone(),
            opens: Some(opens.clone()),
            position: None,
            version: None,
        };
        lines.push(line("help.asked", it.asked_at, "有险情、需支援", "danger, support needed", None));
        if let Some(at) = it.taken_at {
            lines.push(line("help.taken", at, "接手求助", "request for help taken", it.taken_by.clone()));
        }
        if let Some(at) = it.ended_at {
            let opens = Some(format!("/help/{}/outcome", percent(&it.id)));
            let ended = line("help.ended", at, "求助已有结果", "request for help dealt with", it.ended_by.clone());
            lines.push(Line { opens, ..ended });
        }
    }
    Ok(lines)
}
