//! When somebody was last reached: by an answered call, a test, a visit, or by filing something.

use std::time::Duration;

use anlan_kernel::{Instant, RegionCode};
use anlan_store::{Row, StoreError, Tx, params};

/// After how long without a touch somebody is asked.
pub const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// Somebody with a post, and when they were last reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    /// The person.
    pub person: String,
    /// Where their own unit lies.
    pub region: RegionCode,
    /// 姓名, in clear.
    pub name: String,
    /// Whether there is a number.
    pub has_number: bool,
    /// When, and how: `call`, `test`, `visit`, `filing`.
    pub last: Option<(Instant, String)>,
    /// When they were asked last.
    pub asked_at: Option<Instant>,
}

/// Somebody was reached: `call` (an answered one), `test`, `visit` or `filing`. Whatever is no person is left alone.
///
/// # Errors
/// What the engine says.
pub fn reached(tx: &mut Tx<'_>, person: &str, how: &'static str, at: Instant) -> Result<(), StoreError> {
    if !person.starts_with("person:") {
        return Ok(());
    }
    tx.execute_unjournaled(
        "INSERT INTO person_reached(person, at, how) VALUES ($1, $2, $3)
         ON CONFLICT (person) DO UPDATE SET at = excluded.at, how = excluded.how WHERE person_reached.at < excluded.at",
        params![person, at, how],
    )
    .map(drop)
}

/// People of the actor's duty areas with a post in force whom nothing reached since then: whom the monthly test rings.
///
/// # Errors
/// What the engine says.
pub fn not_reached_since(tx: &mut Tx<'_>, since: Instant) -> Result<Vec<String>, StoreError> {
    let now = tx.now();
    let sql = "SELECT DISTINCT p.person FROM post p JOIN person n ON n.id = p.person
                 LEFT JOIN person_reached t ON t.person = p.person
                WHERE n.erased_at IS NULL AND (p.valid_from IS NULL OR p.valid_from <= $1)
                  AND (p.valid_until IS NULL OR p.valid_until > $1) AND (t.at IS NULL OR t.at < $2) AND {scope:p.region}
                ORDER BY p.person";
    tx.query(sql, params![now, since])?.iter().map(|it| it.text(0)).collect()
}

/// People whose own unit lies in the actor's duty areas, with a post in force, whom nothing reached for a year.
///
/// # Errors
/// What the engine says.
pub fn untouched(tx: &mut Tx<'_>) -> Result<Vec<Touched>, StoreError> {
    let now = tx.now();
    let sql = "SELECT n.id, n.region, n.name, COALESCE(n.phone, n.spare), t.at, t.how,
                      (SELECT MAX(a.asked_at) FROM ask a WHERE a.subject = n.id)
                 FROM person n LEFT JOIN person_reached t ON t.person = n.id
                WHERE n.erased_at IS NULL AND (t.at IS NULL OR t.at < $2) AND {scope:n.region}
                  AND EXISTS (SELECT 1 FROM post p WHERE p.person = n.id AND (p.valid_from IS NULL OR p.valid_from <= $1)
                      AND (p.valid_until IS NULL OR p.valid_until > $1))
                ORDER BY n.region, n.id";
    let rows = tx.query(sql, params![now, now.minus(YEAR)])?;
    rows.iter()
        .map(|row| {
            let phone = row.opt(3, Row::text)?;
            Ok(Touched {
                person: row.text(0)?,
                region: RegionCode::parse(&row.text(1)?).map_err(|it| StoreError::Shape(it.to_string()))?,
                name: row.opt(2, Row::text)?.unwrap_or_default(),
                has_number: phone.is_some_and(|it| crate::phone::is_usable(&it)),
                last: row.opt(4, Row::instant)?.zip(row.opt(5, Row::text)?),
                asked_at: row.opt(6, Row::instant)?,
            })
        })
        .collect()
}

/// When and how somebody was last reached.
///
/// # Errors
/// What the engine says.
pub fn last(tx: &mut Tx<'_>, person: &str) -> Result<Option<(Instant, String)>, StoreError> {
    // No look at a person: who asks has the post, or the record, inside the own duty areas.
    let rows = tx.query_everywhere("SELECT at, how FROM person_reached WHERE person = $1", params![person])?;
    rows.first().map(|it| Ok((it.instant(0)?, it.text(1)?))).transpose()
}

/// An erased person is forgotten here too.
pub(super) fn forget(tx: &mut Tx<'_>, person: &str) -> Result<(), StoreError> {
    tx.execute_unjournaled("DELETE FROM person_reached WHERE person = $1", params![person]).map(drop)
}
