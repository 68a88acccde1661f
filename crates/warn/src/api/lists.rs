//! Lists: `?cursor=&limit=&at=`, answered as `{"items":[…],"next":…,"at":…}`.

use anlan_kernel::{Instant, Problem, RegionCode};
use serde::{Deserialize, Serialize};

/// Records of a list whose caller does not say how many.
const USUAL: usize = 100;
/// Most records of one page.
const PAGE: usize = 500;

/// What every list takes.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ListQuery {
    /// Where the last page ended.
    pub cursor: Option<String>,
    limit: Option<String>,
    at: Option<String>,
}

/// A page of a list.
#[derive(Debug, Serialize)]
pub struct List<T> {
    /// Its records.
    pub items: Vec<T>,
    /// The cursor of the next page, while there may be one.
    pub next: Option<String>,
    /// As of when.
    pub at: Instant,
}

impl ListQuery {
    /// The first page with so many records.
    pub fn first(limit: usize) -> Self {
        Self::page(None, limit)
    }

    /// The page after `cursor` with so many records.
    pub fn page(cursor: Option<String>, limit: usize) -> Self {
        Self { cursor, limit: Some(limit.to_string()), at: None }
    }

    /// Nothing but a moment.
    pub fn moment(at: Option<String>) -> Self {
        Self { at, ..Self::default() }
    }

    /// How many records.
    pub fn most(&self) -> Result<usize, Problem> {
        let Some(text) = self.limit.as_deref().filter(|it| !it.is_empty()) else { return Ok(USUAL) };
        let most = text.parse().ok().filter(|it| *it > 0);
        most.map(|it: usize| it.min(PAGE)).ok_or_else(|| {
            Problem::new("bad_limit", "limit 应为正整数", "limit is a positive whole number").field("limit")
        })
    }

    /// The moment whose list is wanted, if not the present one.
    pub fn at(&self) -> Result<Option<Instant>, Problem> {
        moment_of(self.at.as_ref(), "at")
    }

    /// Where a list in descending order of (time, id) goes on; its end is later than every moment.
    pub fn before(&self) -> Result<(i64, String), Problem> {
        let Some(text) = self.cursor.as_deref().filter(|it| !it.is_empty()) else {
            return Ok((i64::MAX, String::new()));
        };
        let parts = text.split_once('~').and_then(|(at, id)| Some((at.parse().ok()?, id.to_owned())));
        parts.ok_or_else(|| {
            Problem::new("bad_cursor", "cursor 应为上一页给出的 next", "cursor is the next of the page before")
                .field("cursor")
        })
    }
}

/// The moment a parameter names, if it names one.
pub(crate) fn moment_of(text: Option<&String>, field: &str) -> Result<Option<Instant>, Problem> {
    // A plus sign that was not escaped arrives as a blank.
    let text = text.map(|it| it.trim().replace(' ', "+")).filter(|it| !it.is_empty());
    text.map(|it| Instant::parse(&it)).transpose().map_err(|it| {
        let zh = format!("“{}”不是带时区的时间，如 2023-09-01T20:15:00+08:00", it.0);
        Problem::new("bad_time", zh, it.to_string()).field(field)
    })
}

/// The region a parameter names.
pub(crate) fn region_of(text: &str) -> Result<RegionCode, Problem> {
    RegionCode::parse(text).map_err(|it| {
        Problem::new("bad_region", format!("“{}”不是区划代码，如 440303001", it.0), it.to_string()).field("region")
    })
}

/// A number of seconds.
pub(crate) fn seconds(text: &str) -> Result<i64, Problem> {
    text.parse().ok().filter(|it| *it >= 0).ok_or_else(|| {
        Problem::new("bad_seconds", "ring_over 应为秒数", "ring_over is a number of seconds").field("ring_over")
    })
}

/// The cursor of a list in descending order of (time, id).
pub(crate) fn cursor(at: Instant, id: &str) -> String {
    format!("{}~{id}", at.0)
}

/// Whether a query parameter says yes or no.
pub(crate) fn flag(text: Option<&str>) -> Option<bool> {
    match text {
        Some("1" | "true") => Some(true),
        Some("0" | "false") => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_where_the_page_ended() {
        let query = ListQuery { cursor: Some(cursor(Instant(17), "wp-1.2")), ..ListQuery::default() };
        assert_eq!(query.before().unwrap(), (17, "wp-1.2".to_owned()));
        let query = ListQuery { cursor: Some("x".into()), ..ListQuery::default() };
        assert_eq!(query.before().unwrap_err().code, "bad_cursor");
    }
}
