//! A sheet of a waiting file: where its titles stand, and its rows in slices.

use std::{ops::ControlFlow, sync::Arc};

use anlan_kernel::Problem;
use tokio::sync::mpsc;

use super::{
    row::Plan,
    table::{Row, Table},
    target::heads,
};
use crate::import::{
    heads::Heads,
    matching::{self, Matching},
};

/// Rows in one transaction.
const SLICE: usize = 500;

/// A sheet with its titles read.
pub struct Sheet {
    /// The file.
    pub table: Arc<Table>,
    /// Which sheet.
    pub at: usize,
    /// How many rows stand above the first one of the table, as their numbers go.
    pub above: usize,
    /// Every title row.
    pub head: Vec<Vec<String>>,
    /// Its columns.
    pub columns: Vec<matching::Seen>,
    /// What they mean.
    pub matching: Matching,
}

/// Finds the titles of the sheet that is asked for, else of the one most of which is known.
pub fn titled(table: Table, target: &matching::Target, asked: Option<usize>) -> Result<Sheet, Problem> {
    let mut best: Option<(usize, Vec<Vec<String>>, usize, Heads)> = None;
    let which = asked.filter(|it| *it < table.sheets.len());
    for at in which.map_or(0..table.sheets.len(), |it| it..it + 1) {
        let grid = table.head(at)?;
        let Some(found) = heads(&grid, target) else { continue };
        if best.as_ref().is_none_or(|it| found.known > it.3.known) {
            let above = grid.rows.get(found.at).map_or(0, |it| it.number);
            let head = grid.rows[..=found.at].iter().map(|it| it.cells.clone()).collect();
            best = Some((at, head, above, found));
        }
    }
    let (at, head, above, found) = best.ok_or_else(|| {
        let wanted: Vec<_> = target.columns.iter().take(8).map(|it| it.label.zh.as_str()).collect();
        let (zh, en) = (
            format!("找不到表头；认识的列名有：{}…", wanted.join("、")),
            "no column titles were found; see the template for the known ones".to_owned(),
        );
        Problem::new("bad_sheet", zh, en)
    })?;
    Ok(Sheet { table: Arc::new(table), at, above, head, columns: found.columns, matching: Matching::default() })
}

/// The rows of a sheet in slices, read by a thread of its own that waits for whoever takes them.
pub fn slices(sheet: &Sheet) -> mpsc::Receiver<Result<Vec<Row>, Problem>> {
    let (send, receive) = mpsc::channel(2);
    let (table, at, above) = (Arc::clone(&sheet.table), sheet.at, sheet.above);
    tokio::task::spawn_blocking(move || {
        let mut slice = Vec::with_capacity(SLICE);
        let read = table.each(at, &mut |row| {
            if row.number <= above && row.fault.is_none() {
                return ControlFlow::Continue(());
            }
            slice.push(row);
            if slice.len() < SLICE {
                return ControlFlow::Continue(());
            }
            match send.blocking_send(Ok(std::mem::take(&mut slice))) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        });
        // Nobody waits any more where it cannot be sent.
        if !slice.is_empty() {
            let _ = send.blocking_send(Ok(slice));
        }
        if let Err(problem) = read {
            let _ = send.blocking_send(Err(problem));
        }
    });
    receive
}

/// Rows of the table, and why others are none.
pub fn parted(plan: &Plan, rows: Vec<Row>) -> (Vec<Row>, Vec<Problem>) {
    let (mut own, mut left) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        match plan.left_out(&row).filter(|_| row.fault.is_none()) {
            Some(why) => left.push(why),
            None => own.push(row),
        }
    }
    (own, left)
}
