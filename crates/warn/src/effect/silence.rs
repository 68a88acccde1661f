//! 连续未接通: callees whose last calls all ended without contact. No blame: the list asks for the number, the
//! carrier and the leave list first, stands in the order of regions, and is no ranking.

use anlan_kernel::{Instant, RegionCode};
use anlan_store::{StoreError, Tx, Value};
use serde::Serialize;

use crate::model::CallState;

/// Calls in a row without contact from which on somebody stands on the list.
const FROM: usize = 2;
/// Callees listed at most.
pub(crate) const SHOWN: usize = 500;

/// How one call of a callee ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub callee: String,
    pub region: RegionCode,
    pub round: String,
    pub state: CallState,
    pub at: Instant,
}

/// A callee without contact several times in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Silent {
    pub callee: String,
    pub region: RegionCode,
    /// The last of the calls.
    pub round: String,
    pub times: usize,
    /// Since when.
    pub since: Instant,
    /// No number to call, rather than no answer.
    pub no_number: bool,
    /// What the network said (`power_off`, `empty_number` …): the first thing to look at.
    pub reasons: Vec<String>,
}

/// Callees whose newest calls ended without contact at least twice in a row. Absorbed and stopped calls say
/// nothing about anybody. `ended` is in order of callee and time.
pub(crate) fn in_a_row(ended: &[Ended]) -> Vec<Silent> {
    let mut found: Vec<Silent> = ended
        .chunk_by(|a, b| a.callee == b.callee)
        .filter_map(|calls| {
            let said: Vec<_> = calls.iter().filter(|it| it.state != CallState::Cancelled).collect();
            let none = |it: &&&Ended| matches!(it.state, CallState::NotReached | CallState::NoContact);
            let silent: Vec<_> = said.iter().rev().take_while(none).collect();
            let (last, first) = (silent.first()?, silent.last()?);
            (silent.len() >= FROM).then(|| Silent {
                callee: last.callee.clone(),
                region: last.region.clone(),
                round: last.round.clone(),
                times: silent.len(),
                since: first.at,
                no_number: last.state == CallState::NoContact,
                reasons: Vec::new(),
            })
        })
        .collect();
    found.sort_by(|a, b| (&a.region, &a.callee).cmp(&(&b.region, &b.callee)));
    found
}

/// Those without contact in one of these rounds, in `region` where one is named, with what all their calls came to.
pub(crate) fn read(tx: &mut Tx<'_>, rounds: &[String], region: Option<&RegionCode>) -> Result<Vec<Silent>, StoreError> {
    if rounds.is_empty() {
        return Ok(Vec::new());
    }
    let places: Vec<_> = (1..=rounds.len()).map(|i| format!("${i}")).collect();
    let sql = format!(
        "SELECT callee, region, round, state, final_at FROM call
          WHERE final_at IS NOT NULL AND {{scope:region}} AND callee IN (
                SELECT c.callee FROM call c WHERE c.round IN ({}) AND c.open = 0
                   AND c.state IN ('not_reached', 'no_contact') AND {{scope:c.region}})
          ORDER BY callee, final_at, id",
        places.join(", ")
    );
    let values: Vec<Value> = rounds.iter().map(Value::from).collect();
    let mut ended = Vec::new();
    for row in tx.query(&sql, &values)? {
        ended.push(Ended {
            callee: row.text(0)?,
            region: super::read::region(&row, 1)?,
            round: row.text(2)?,
            state: super::read::state(&row, 3)?,
            at: row.instant(4)?,
        });
    }
    let mut found = in_a_row(&ended);
    found.retain(|it| region.is_none_or(|region| region.covers(&it.region)));
    let shown = found.len().min(SHOWN);
    reasons(tx, &mut found[..shown])?;
    Ok(found)
}

/// What the network said of the last call of each.
fn reasons(tx: &mut Tx<'_>, found: &mut [Silent]) -> Result<(), StoreError> {
    if found.is_empty() {
        return Ok(());
    }
    let places: Vec<_> = (1..=found.len()).map(|i| format!("${i}")).collect();
    let values: Vec<Value> = found.iter().map(|it| Value::from(&it.callee)).collect();
    let sql = format!(
        "SELECT attempt, detail FROM receipt WHERE subject IN ({}) AND detail IS NOT NULL AND event = 'failed'
            AND {{scope:region}} ORDER BY at, id",
        places.join(", ")
    );
    for row in tx.query(&sql, &values)? {
        let attempt = row.text(0)?;
        let detail: serde_json::Value = serde_json::from_str(&row.text(1)?)?;
        let of = |it: &&mut Silent| attempt.starts_with(&format!("{}/{}#", it.round, it.callee));
        let (Some(silent), Some(reason)) = (found.iter_mut().find(of), detail["reason"].as_str()) else { continue };
        if !silent.reasons.iter().any(|known| known == reason) {
            silent.reasons.push(reason.to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn calls(states: &[CallState]) -> Vec<Ended> {
        let ended = |(i, state): (usize, &CallState)| Ended {
            callee: "person:1".into(),
            region: RegionCode::parse("440303001001").unwrap(),
            round: format!("r{i}"),
            state: *state,
            at: Instant::from_secs(i64::try_from(i).unwrap()),
        };
        states.iter().enumerate().map(ended).collect()
    }

    #[rstest]
    #[case::nobody(&[], None)]
    #[case::once(&[CallState::NotReached], None)]
    #[case::twice(&[CallState::NotReached, CallState::NoContact], Some(2))]
    #[case::answered_since(&[CallState::NotReached, CallState::NotReached, CallState::Answered], None)]
    #[case::answered_before(&[CallState::Answered, CallState::NotReached, CallState::NotReached], Some(2))]
    #[case::absorbed_says_nothing(&[CallState::NotReached, CallState::Cancelled, CallState::NotReached], Some(2))]
    #[case::handed_over_is_contact(&[CallState::NotReached, CallState::HandedOver, CallState::NotReached], None)]
    fn silence_in_a_row_is_counted_from_the_newest_call(#[case] states: &[CallState], #[case] want: Option<usize>) {
        assert_eq!(in_a_row(&calls(states)).first().map(|it| it.times), want);
    }
}
