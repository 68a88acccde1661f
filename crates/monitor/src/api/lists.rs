//! Lists: `?cursor=&limit=&at=`, answered as `{"items":[…],"next":…,"at":…}`.

use anlan_kernel::{Instant, Problem};
use anlan_store::{Record, StoreError, Tx};
use anlan_web::{ApiResult, Who};
use axum::{
    Json,
    extract::{Query, State},
};
use serde::{Deserialize, Serialize};

use super::{ProblemView, Room};
use crate::{
    model::{Alarm, AlarmState},
    store,
};

/// Records of a list whose caller does not say how many.
const USUAL: usize = 100;

/// What every list takes.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct ListQuery {
    /// Where the last page ended.
    pub cursor: Option<String>,
    limit: Option<String>,
    at: Option<String>,
}

/// A page of a list.
#[derive(Serialize)]
pub(crate) struct List<T> {
    /// Its records.
    pub items: Vec<T>,
    /// The cursor of the next page, while there may be one.
    pub next: Option<String>,
    /// As of when.
    pub at: Instant,
}

impl ListQuery {
    /// How many records.
    pub fn most(&self) -> Result<usize, Problem> {
        let Some(text) = self.limit.as_deref().filter(|it| !it.is_empty()) else { return Ok(USUAL) };
        let most = text.parse().ok().filter(|it| *it > 0);
        most.map(|it: usize| it.min(store::PAGE)).ok_or_else(|| {
            Problem::new("bad_limit", "limit 应为正整数", "limit is a positive whole number").field("limit")
        })
    }

    /// The moment whose list is wanted, if not the present one.
    pub fn at(&self) -> Result<Option<Instant>, Problem> {
        // A plus sign that was not escaped arrives as a blank.
        let text = self.at.as_deref().map(|it| it.trim().replace(' ', "+")).filter(|it| !it.is_empty());
        text.map(|it| Instant::parse(&it)).transpose().map_err(|it| {
            Problem::new(
                "bad_time",
                format!("“{}”不是带时区的时间，如 2023-09-01T20:15:00+08:00", it.0),
                it.to_string(),
            )
            .field("at")
        })
    }
}

impl<T> List<T> {
    /// One page read with a limit of `most`.
    pub fn new(items: Vec<T>, most: usize, at: Instant, cursor: impl Fn(&T) -> &str) -> Self {
        let next = items.last().filter(|_| items.len() == most).map(|it| cursor(it).to_owned());
        Self { items, next, at }
    }

    /// The same page, its records seen otherwise.
    pub fn map<U>(self, see: impl FnMut(T) -> U) -> List<U> {
        List { items: self.items.into_iter().map(see).collect(), next: self.next, at: self.at }
    }
}

/// The records as they stood at `at`, without those nobody knew of.
pub(crate) fn as_of<R: Record>(
    tx: &mut Tx<'_>,
    items: Vec<R>,
    at: Option<Instant>,
    key: impl Fn(&R) -> &str,
) -> Result<Vec<R>, StoreError> {
    let Some(at) = at else { return Ok(items) };
    let mut then = Vec::with_capacity(items.len());
    for item in &items {
        then.extend(store::as_of(tx, key(item), at)?);
    }
    Ok(then)
}

/// What the list of alarms takes beside.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct AlarmQuery {
    open: Option<String>,
}

/// Alarms, newest first; with `open=1` those that stand now, gravest first.
pub(super) async fn alarms(
    State(room): State<Room>,
    who: Who,
    Query(query): Query<ListQuery>,
    Query(which): Query<AlarmQuery>,
) -> ApiResult<Json<List<Alarm>>> {
    let open = which.open.as_deref().is_some_and(|it| matches!(it, "1" | "true"));
    let (at, most, cursor) = (query.at()?, query.most()?, query.cursor.clone());
    let shown = at.unwrap_or_else(|| room.site.world.now());
    if open && at.is_none() {
        let items = room.site.world.read(&who.actor, |tx| store::alarm_open(tx, &tx.actor().scope.clone())).await?;
        return Ok(Json(List { items, next: None, at: shown }));
    }
    let page = room.site.world.read(&who.actor, move |tx| {
        let items = store::alarm_list(tx, cursor.as_deref(), shown, most)?;
        let mut page = List::new(items, most, shown, |it| &it.id);
        page.items = as_of(tx, std::mem::take(&mut page.items), at, |it| &it.id)?;
        page.items.retain(|it| !open || it.state == AlarmState::Open);
        Ok(page)
    });
    Ok(Json(page.await?))
}

/// A refused input in the caller's language.
#[derive(Serialize)]
pub(super) struct RejectedView {
    id: String,
    at: Instant,
    source: String,
    problem: ProblemView,
    bytes: i64,
    base64: bool,
    raw: String,
}

/// What was refused, newest first.
pub(super) async fn rejected(
    State(room): State<Room>,
    who: Who,
    Query(query): Query<ListQuery>,
) -> ApiResult<Json<List<RejectedView>>> {
    let (at, most, cursor, lang) = (query.at()?, query.most()?, query.cursor.clone(), who.lang);
    let shown = at.unwrap_or_else(|| room.site.world.now());
    let page = room.site.world.read(&who.actor, move |tx| {
        let items = store::rejected_list(tx, cursor.as_deref(), shown, most)?;
        Ok(List::new(items, most, shown, |it| &it.id))
    });
    Ok(Json(page.await?.map(|it| RejectedView {
        id: it.id,
        at: it.at,
        source: it.source,
        problem: ProblemView::of(it.problem, lang),
        bytes: it.bytes,
        base64: it.base64,
        raw: it.raw,
    })))
}
