//! The SQL behind the figures: a fixed number of indexed statements, however many people were called.

use std::collections::BTreeMap;

use anlan_kernel::{Instant, RegionCode};
use anlan_store::{Row, StoreError, Tx, params};

use super::{Measured, measure::ENDED_AT};
use crate::model::CallState;

pub(super) fn region(row: &Row, index: usize) -> Result<RegionCode, StoreError> {
    RegionCode::parse(&row.text(index)?).map_err(|it| StoreError::Shape(it.to_string()))
}

pub(super) fn state(row: &Row, index: usize) -> Result<CallState, StoreError> {
    let name = row.text(index)?;
    CallState::named(&name).ok_or_else(|| StoreError::Shape(format!("{name} is no state of a call")))
}

/// The calls of a round in the reader's duty areas.
pub(crate) fn measured(tx: &mut Tx<'_>, round: &str) -> Result<Vec<Measured>, StoreError> {
    let sql = format!(
        "SELECT callee, region, who, state, via, attempts, first_rang_at, {ENDED_AT} FROM call
          WHERE round = $1 AND {{scope:region}} ORDER BY id"
    );
    let rows = tx.query(&sql, params![round])?;
    rows.iter()
        .map(|row| {
            Ok(Measured {
                callee: row.text(0)?,
                region: region(row, 1)?,
                who: row.text(2)?,
                state: state(row, 3)?,
                via: row.opt(4, Row::text)?,
                attempts: row.int(5)?,
                first_rang_at: row.opt(6, Row::instant)?,
                ended_at: row.opt(7, Row::instant)?,
            })
        })
        .collect()
}

/// From ring to end of each attempt by voice in the round, in `region` where one is named, as the receipts tell.
pub(crate) fn spans(
    tx: &mut Tx<'_>,
    round: &str,
    region: Option<&RegionCode>,
) -> Result<Vec<(Instant, Instant)>, StoreError> {
    // Attempts of the round's calls and lists: their ids begin with the round's and a slash, and "0" follows "/".
    let sql = "SELECT MIN(CASE WHEN event = 'ringing' THEN at END), MAX(at) FROM receipt
                WHERE attempt >= $1 AND attempt < $2 AND ($3 = '' OR (region >= $3 AND region < $4))
                  AND event IN ('ringing', 'answered', 'key', 'heard_in_full', 'hung_up', 'failed') AND {scope:region}
                GROUP BY attempt";
    let mut spans = Vec::new();
    let (from, until) = region.map_or_else(Default::default, |it| (it.to_string(), it.until()));
    for row in tx.query(sql, params![format!("{round}/"), format!("{round}0"), from, until])? {
        if let Some(rang) = row.opt(0, Row::instant)? {
            spans.push((rang, row.instant(1)?));
        }
    }
    Ok(spans)
}

/// Names of a region and of the regions in it.
pub(crate) fn names(tx: &mut Tx<'_>, base: &RegionCode) -> Result<BTreeMap<String, String>, StoreError> {
    let sql = "SELECT code, name FROM region WHERE code >= $1 AND code < $2";
    let rows = tx.query(sql, params![base.as_str(), base.until()])?;
    rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect()
}
