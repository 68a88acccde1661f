//! The journal (操作日志) for those who audit: sealed entries, page by page.

use std::sync::Arc;

use anlan_kernel::{Permission, Problem};
use anlan_store::journal::{self, Entry};
use axum::{
    Json,
    extract::{Query, State},
};
use serde::Deserialize;
use serde_json::{Value as Json_, json};

use crate::{Access, ApiError, ApiResult, Mounted, Routes, Site, Who, pages};

/// Most entries of one page.
const MOST: usize = 1_000;

#[derive(Deserialize)]
struct PageQuery {
    #[serde(default)]
    cursor: Option<i64>,
    #[serde(default)]
    limit: Option<usize>,
}

/// The journal's route.
pub fn routes(site: &Arc<Site>) -> Mounted {
    Routes::new(site)
        .get("/api/v1/journal", Access::Needs(Permission::Audit), "操作日志（已封存）", "The sealed journal", entries)
        .finish(Arc::clone(site))
}

async fn entries(
    State(site): State<Arc<Site>>,
    who: Who,
    query: Result<Query<PageQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Json<Json_>> {
    let Query(query) = query.map_err(|_| bad_page())?;
    let (cursor, limit) = (query.cursor.unwrap_or(0), query.limit.unwrap_or(100));
    if cursor < 0 || !(1..=MOST).contains(&limit) {
        return Err(bad_page());
    }
    let found = journal::after(&site.world, &who.actor, cursor, limit).await?;
    let next = (found.len() == limit).then(|| found.last().map(|it| it.position)).flatten();
    let sealed = pages::sealed_position(&site.world).await?;
    let entries: Vec<Json_> = found.into_iter().map(show).collect();
    Ok(Json(json!({"entries": entries, "next": next, "sealed": sealed})))
}

fn show(entry: Entry) -> Json_ {
    let body: Json_ = serde_json::from_str(&entry.body).unwrap_or(Json_::Null);
    json!({
        "position": entry.position, "at": entry.at, "actor": entry.actor, "hat": entry.hat, "event": entry.event,
        "subject": entry.subject, "region": entry.region, "pack": entry.pack, "body": body,
    })
}

fn bad_page() -> ApiError {
    Problem::new(
        "bad_page",
        format!("cursor 应为已读到的位置，limit 应为 1 至 {MOST}"),
        format!("cursor is the position read last, limit is 1 to {MOST}"),
    )
    .into()
}
