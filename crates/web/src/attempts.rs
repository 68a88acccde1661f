//! Failed log-ins, counted per account and per source; too many, and neither is heard for a while.
//!
//! An attempt is counted before the password is looked at and taken back when it was right, so that a
//! hundred guesses at once are still only as many as the limit. Times are real ones in every world.

use std::time::Duration;

use anlan_kernel::Instant;
use anlan_store::{StoreError, Tx, params, real_now};

use crate::secret;

/// Wrong passwords an account takes.
pub const PER_ACCOUNT: i64 = 5;
/// Wrong passwords a source may send; an office shares one address.
pub const PER_SOURCE: i64 = 20;
/// How long nobody is heard afterwards.
pub const PAUSE: Duration = Duration::from_secs(15 * 60);

/// What is counted: digests, because people type passwords where the log-in belongs.
#[derive(Clone, Debug)]
pub struct Subjects {
    account: String,
    source: String,
}

/// What became of an attempt that is about to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// Go on and look at the password.
    Counted,
    /// Too many before; seconds until it makes sense again.
    Locked(u64),
}

/// Whose attempts they are.
pub fn subjects(login: &str, source: &str) -> Subjects {
    Subjects { account: secret::digest("attempt of", login), source: secret::digest("attempt from", source) }
}

/// Counts an attempt, unless one of the two is locked. It is counted first and looked at afterwards:
/// two at once wait for each other at the row, so neither slips past the limit.
pub fn begin(tx: &mut Tx<'_>, of: &Subjects) -> Result<Attempt, StoreError> {
    let now = real_now();
    tx.execute_unjournaled("DELETE FROM login_attempt WHERE last_at < $1", params![now.minus(PAUSE)])?;
    let mut wait = None;
    for (subject, limit) in [(&of.account, PER_ACCOUNT), (&of.source, PER_SOURCE)] {
        tx.execute_unjournaled(
            "INSERT INTO login_attempt(subject, failures, last_at) VALUES ($1, 1, $2)
             ON CONFLICT (subject) DO UPDATE SET failures = login_attempt.failures + 1,
                last_at = CASE WHEN login_attempt.failures < $3 THEN excluded.last_at ELSE login_attempt.last_at END",
            params![subject, now, limit],
        )?;
        let (failures, last) = count(tx, subject)?;
        if failures > limit {
            wait = wait.max(Some(last.plus(PAUSE).since(now).as_secs() + 1));
        }
    }
    let Some(seconds) = wait else { return Ok(Attempt::Counted) };
    for subject in [&of.account, &of.source] {
        take_back(tx, subject)?;
    }
    Ok(Attempt::Locked(seconds))
}

/// The password was right: the account starts afresh, the source gets its attempt back.
pub fn succeeded(tx: &mut Tx<'_>, of: &Subjects) -> Result<(), StoreError> {
    tx.execute_unjournaled("DELETE FROM login_attempt WHERE subject = $1", params![&of.account])?;
    take_back(tx, &of.source)
}

/// The password was right and the second factor is asked for next: what failed before stays counted.
pub fn undo(tx: &mut Tx<'_>, of: &Subjects) -> Result<(), StoreError> {
    take_back(tx, &of.account)?;
    take_back(tx, &of.source)
}

/// Until when an account is not heard, where that is so now.
pub fn locked_until(tx: &mut Tx<'_>, login: &str) -> Result<Option<Instant>, StoreError> {
    let (failures, last) = count(tx, &secret::digest("attempt of", login))?;
    Ok(Some(last.plus(PAUSE)).filter(|it| failures >= PER_ACCOUNT && *it > real_now()))
}

/// Whether the account is locked now; asked after a wrong password, to say so in the journal once.
pub fn just_locked(tx: &mut Tx<'_>, of: &Subjects) -> Result<bool, StoreError> {
    Ok(count(tx, &of.account)?.0 == PER_ACCOUNT)
}

/// An administrator lets the account try again.
pub fn forgive(tx: &mut Tx<'_>, login: &str) -> Result<bool, StoreError> {
    let subject = secret::digest("attempt of", login);
    Ok(tx.execute_unjournaled("DELETE FROM login_attempt WHERE subject = $1", params![subject])? > 0)
}

fn take_back(tx: &mut Tx<'_>, subject: &str) -> Result<(), StoreError> {
    let sql = "UPDATE login_attempt SET failures = failures - 1 WHERE subject = $1 AND failures > 0";
    tx.execute_unjournaled(sql, params![subject]).map(drop)
}

fn count(tx: &mut Tx<'_>, subject: &str) -> Result<(i64, Instant), StoreError> {
    let rows = tx.query("SELECT failures, last_at FROM login_attempt WHERE subject = $1", params![subject])?;
    rows.first().map_or(Ok((0, Instant(0))), |it| Ok((it.int(0)?, it.instant(1)?)))
}
