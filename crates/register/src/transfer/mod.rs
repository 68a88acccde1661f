//! In and out (导入、导出) for every kind: templates, files as they are, a look before, batches that can be undone.
//!
//! Owns the waiting file (sealed, its owner's alone, gone after a day), what its rows would do and did, the batch, and the
//! files in which records leave. Does not know what a record is: it prepares and writes through [`crate::records`].
//!
//! # Promises
//! - Before somebody takes a file nothing of it is written to the register.
//! - What is taken is exactly the rows of the look before that were not refused; every other row comes back as it came,
//!   with its reason, to be mended and dropped again. A repeated file changes nothing.
//! - An import that its process did not survive is undone at the next start; undone, it leaves no trace but the journal's,
//!   and whatever somebody changed since is listed and left.
//! - What leaves is exactly what the list filters, with personal data masked unless the reader may see it, and is
//!   journaled; no cell of it is a formula.
//! - Neither way holds more than a slice of the rows.

mod api;
mod columns;
mod drafts;
mod export;
mod findings;
mod judge;
mod mend;
mod pages;
mod position;
mod row;
mod service;
mod sheets;
pub mod table;
mod take;
mod target;
mod template;
mod undo;
pub mod workbook;

use std::sync::Arc;

use anlan_kernel::Permission;
use anlan_store::{Event, Handler, Handlers, StoreError, World};
use anlan_web::{Access, Mounted, Routes, Site};

pub use drafts::{Choices, forget_all};
pub use export::{Export, Form, Order, export, whole};
pub use findings::{Counts, Findings};
pub use judge::Became;
pub use service::{Clerk, Desk};
pub use undo::Undone;

use crate::state::Register;

/// Most bytes of a dropped file, with what a form puts around it.
const LARGEST: usize = table::LARGEST + (1 << 16);

#[derive(Clone)]
struct Room {
    site: Arc<Site>,
    register: Arc<Register>,
    desk: Arc<Desk>,
}

/// Routes of imports and exports.
pub fn routes(site: &Arc<Site>, register: &Arc<Register>) -> Mounted {
    let room = Room { site: Arc::clone(site), register: Arc::clone(register), desk: Desk::new(Arc::clone(register)) };
    let (see, edit) = (Access::Needs(Permission::SeeRegister), Access::Needs(Permission::EditRegister));
    let mut routes = Routes::new(site)
        .get("/register/{kind}/template.xlsx", edit, "导入模板", "The template of a kind", api::template)
        .get("/register/{kind}/import", edit, "导入台账", "Import records of a kind", pages::show)
        .get("/register/{kind}/import/{id}", edit, "核对待导入的文件", "A file before it is taken", pages::one)
        .get("/register/{kind}/import/{id}/mend.xlsx", edit, "需修改的行", "Rows to be mended", api::mend)
        .get("/register/{kind}/imports", edit, "导入记录", "Imports of a kind", pages::batches)
        .get("/imports/{id}", edit, "一次导入的结果", "What became of an import", pages::batch)
        .get("/api/v1/register/{kind}/imports", edit, "导入记录", "Imports of a kind", api::batches)
        .get("/api/v1/register/{kind}/import/{id}", edit, "待导入文件的核对结果", "What a waiting file says", api::one)
        .get(
            "/api/v1/imports/{id}",
            edit,
            "一次导入的进度与结果",
            "How far an import is, and what became of it",
            api::batch,
        )
        .post("/register/{kind}/import/{id}", edit, "改列、工作表、坐标系", "Change what columns mean", pages::choose)
        .post("/register/{kind}/import/{id}/take", edit, "导入", "Take the file", pages::take)
        .post("/register/{kind}/import/{id}/forget", edit, "放弃这个文件", "Throw the file away", pages::forget)
        .post("/imports/{id}/undo", edit, "撤销导入", "Undo an import", pages::undo)
        .put(
            "/api/v1/register/{kind}/import/{id}",
            edit,
            "改列、工作表、坐标系",
            "Change what columns mean",
            api::choose,
        )
        .delete(
            "/api/v1/register/{kind}/import/{id}",
            edit,
            "放弃待导入的文件",
            "Throw a waiting file away",
            api::forget,
        )
        .post("/api/v1/register/{kind}/import/{id}/take", edit, "导入", "Take a waiting file", api::take)
        .post("/api/v1/imports/{id}/undo", edit, "撤销导入", "Undo an import", api::undo)
        .get("/register/{kind}/export.xlsx", see, "导出为 Excel", "Export as a workbook", api::export_xlsx)
        .get("/register/{kind}/export.csv", see, "导出为 CSV", "Export as csv", api::export_csv)
        .get("/register/{kind}/export.geojson", see, "导出为 GeoJSON", "Export as GeoJSON", api::export_geojson)
        .get("/register/{kind}/export.kml", see, "导出为 KML", "Export as KML", api::export_kml)
        .get("/register/{kind}/export.shp.zip", see, "导出为 Shapefile", "Export as shapefiles", api::export_shp);
    routes =
        routes.limit(LARGEST).post("/register/{kind}/import", edit, "拖入文件", "Drop a file", pages::drop_file).post(
            "/api/v1/register/{kind}/import",
            edit,
            "拖入文件，先核对不写入",
            "Drop a file; nothing is written",
            api::drop_file,
        );
    routes.finish(room)
}

/// The deadline that forgets a file nobody took.
pub fn handlers(world: &World) -> Handlers {
    let world = world.clone();
    let forget: Handler = Arc::new(move |tx, deadline| {
        drafts::forget(&world, &deadline.subject)?;
        tx.record(Event::new("import.forgotten", &deadline.subject))
    });
    [(drafts::DEADLINE, forget)].into()
}

/// Undoes imports that a process before did not survive: to be called once at the start, before anything is taken. What
/// another node may still be at is looked at again until it is done or its node is silent. Returns how many were undone.
///
/// # Errors
/// What the store says.
pub async fn undo_unfinished(register: &Arc<Register>) -> Result<usize, StoreError> {
    let desk = Desk::new(Arc::clone(register));
    let (undone, held) = desk.undo_unfinished().await?;
    if held > 0 {
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(service::ALIVE).await;
                match desk.undo_unfinished().await {
                    Ok((_, 0)) => return,
                    Ok(_) => {}
                    Err(error) => tracing::warn!(%error, "unfinished imports could not be undone; it is tried again"),
                }
            }
        });
    }
    Ok(undone)
}

/// What became of a file that was taken without a screen.
#[derive(Debug, serde::Serialize)]
pub struct Report {
    /// Its rows.
    pub counts: Counts,
    /// Why rows were refused, and what to look at; at most some of each.
    pub problems: Vec<anlan_kernel::Problem>,
    /// What to look at in rows that were taken.
    pub notes: Vec<anlan_kernel::Problem>,
    /// Titles of columns that were not taken in.
    pub unknown: Vec<String>,
    /// Rows to be mended, as a workbook.
    #[serde(skip)]
    pub mend: Option<Vec<u8>>,
}

/// Takes a file of a kind from beginning to end, or only says what it would do.
///
/// # Errors
/// `bad_kind`; `which_datum`; what is wrong with the file; what the store says.
pub async fn run(
    register: &Arc<Register>,
    clerk: &Clerk,
    kind: &str,
    bytes: Vec<u8>,
    name: &str,
    choices: Choices,
    dry_run: bool,
) -> Result<Report, StoreError> {
    let desk = Desk::new(Arc::clone(register));
    let waiting = desk.drop_file(clerk, kind, bytes, name, choices).await?;
    let id = waiting.id.clone();
    let taken = desk.run(clerk, waiting, dry_run).await;
    let forgotten = desk.forget(clerk, &id).await;
    let report = taken?;
    forgotten?;
    Ok(report)
}
