//! The rows that were not taken, below the titles they came under, each with its reason: to be mended and dropped again.

use std::io::Cursor;

use anlan_kernel::Lang;
use anlan_store::StoreError;

use super::{
    judge::{Became, Verdict},
    sheets::Sheet,
    table::Row,
    workbook::{CELL_LENGTH, Cell, Workbook},
};
use crate::records::write;

/// Title of the column of reasons.
const REASON: &str = "需修改原因";
/// Title of the column of shapes, where they came with the rows.
const SHAPE: &str = "图形（GeoJSON）";

/// A sheet of refused rows that is being written.
pub struct Mend {
    book: Workbook<Cursor<Vec<u8>>>,
    width: usize,
    /// The reasons of a sheet that was mended and dropped again.
    old: Option<usize>,
    shapes: bool,
    rows: usize,
}

/// Whether a column holds reasons of the time before.
pub fn is_reason(title: &str) -> bool {
    title.trim() == REASON
}

impl Mend {
    /// Begins with the titles as they stood, every row of them.
    ///
    /// # Errors
    /// What the writer says.
    pub fn new(sheet: &Sheet, name: &str) -> Result<Self, StoreError> {
        let width = sheet.columns.len().max(sheet.head.iter().map(Vec::len).max().unwrap_or_default());
        let last = sheet.head.last().map(Vec::as_slice).unwrap_or_default();
        let (old, shapes) = (last.iter().position(|it| is_reason(it)), sheet.table.has_places());
        let stem = name.rsplit_once('.').map_or(name, |it| it.0);
        let mut heads = sheet.head.iter().enumerate().map(|(at, it)| {
            let titled = at + 1 == sheet.head.len();
            let more = [shapes.then_some(SHAPE), Some(REASON)].into_iter().flatten();
            let more = more.map(|it| if titled { it.to_owned() } else { String::new() });
            own(it, width, old).map(str::to_owned).chain(more).collect::<Vec<_>>()
        });
        let mut book = Workbook::new(Cursor::new(Vec::new()), stem, heads.next().unwrap_or_default(), 0)?;
        for row in heads {
            book.row(row.iter().map(|it| Cell::Text(it)))?;
        }
        Ok(Self { book, width, old, shapes, rows: 0 })
    }

    /// Adds those of these rows that were refused, as they came.
    ///
    /// # Errors
    /// What the writer says.
    pub fn add(&mut self, rows: &[Row], verdicts: &[Verdict]) -> Result<(), StoreError> {
        for (row, verdict) in rows.iter().zip(verdicts).filter(|it| it.1.became == Became::Refused) {
            let why: Vec<String> = verdict.problems.iter().map(|it| it.sentence(Lang::Zh)).collect();
            let why = format!("第 {} 行：{}", row.number, why.join("；"));
            let shape =
                row.place.as_ref().map(|it| write::geojson(it).to_string()).filter(|it| it.len() <= CELL_LENGTH);
            let shape = self.shapes.then(|| shape.as_deref().map_or(Cell::Blank, Cell::Text));
            let cells = own(&row.cells, self.width, self.old).map(Cell::Text);
            self.book.row(cells.chain(shape).chain([Cell::Text(&why)]))?;
            self.rows += 1;
        }
        Ok(())
    }

    /// The workbook; `None` where every row was taken.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(self) -> Result<Option<Vec<u8>>, StoreError> {
        let bytes = self.book.finish()?.into_inner();
        Ok((self.rows > 0).then_some(bytes))
    }
}

/// The cells of a row, as many as there are columns, without the reasons of the time before.
fn own(cells: &[String], width: usize, old: Option<usize>) -> impl Iterator<Item = &str> {
    let kept = move |it: &usize| Some(*it) != old;
    (0..width).filter(kept).map(move |at| cells.get(at).map_or("", String::as_str))
}
