//! 开始使用: a roster as it is, dropped, looked at, taken; nothing is written before.
//!
//! Owns the waiting file (a draft, its owner's alone, sealed, gone after a day) and what a roster's columns mean.
//! Does not know how people are called: the test round that follows is `warn`'s.

mod api;
pub mod draft;
mod glance;
mod names;
mod pages;
mod roster;
mod service;
mod target;

use std::sync::Arc;

use anlan_kernel::Permission::EditPeople;
use anlan_store::{Handler, Handlers};
use anlan_web::{Access, Mounted, Routes, Site};

/// Most bytes of a dropped file, with what a form puts around it.
const LARGEST: usize = (64 << 20) + (1 << 16);

/// Routes of the first page and of what programs do instead.
pub fn routes(site: &Arc<Site>) -> Mounted {
    let edit = Access::Needs(EditPeople);
    site.begin_at(EditPeople, "/start/first");
    Routes::new(site)
        .get("/start", edit, "导入名册", "Import a roster", pages::show)
        .get("/start/first", edit, "新装后的第一页", "Where a keeper of an empty register begins", pages::first)
        .get("/start/{id}", edit, "核对名册", "A roster before it is taken", pages::one)
        .get("/start/{id}/mend.xlsx", edit, "需修改的行", "Rows to be mended", pages::mend)
        .post("/start/{id}", edit, "改列、区县或地名", "Change what columns and names mean", pages::choose)
        .post("/start/{id}/take", edit, "导入", "Take the roster", pages::take)
        .post("/start/{id}/forget", edit, "放弃这张表", "Throw the sheet away", pages::forget)
        .get("/api/v1/drafts/{id}", edit, "待导入名册的核对结果", "What a waiting roster says", api::one)
        .put("/api/v1/drafts/{id}", edit, "改列、区县或地名", "Change what columns and names mean", api::choose)
        .delete("/api/v1/drafts/{id}", edit, "放弃待导入的表", "Throw a waiting roster away", api::forget)
        .post("/api/v1/drafts/{id}/take", edit, "导入名册", "Take a waiting roster", api::take)
        .limit(LARGEST)
        .post("/start", edit, "拖入名册", "Drop a roster", pages::drop_file)
        .post("/api/v1/drafts", edit, "拖入名册，先核对不写入", "Drop a roster; nothing is written", api::drop_file)
        .finish(Arc::clone(site))
}

/// The deadline that forgets a file nobody took.
pub fn handlers() -> Handlers {
    let forget: Handler = Arc::new(|tx, deadline| draft::forget(tx, &deadline.subject));
    [(draft::DEADLINE, forget)].into()
}
