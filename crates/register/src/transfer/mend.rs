//! The rows that were not taken, below the titles they came under, each with its reason: to be mended and dropped again.

use std::io::Cursor;

use anlan_kernel::Lang;
use anlan_store::StoreError;

use super::{
    judge::{Became, Verdict},
    service::Sheet,
    table::Row,
    workbook::{Cell, Workbook},
};

/// Title of the column of reasons.
pub const REASON: &str = "需修改原因";

/// A sheet of refused rows that is being written.
pub struct Mend {
    book: Workbook<Cursor<Vec<u8>>>,
    width: usize,
    rows: usize,
}

impl Mend {
    /// Begins with the titles as they stood, every row of them.
    ///
    /// # Errors
    /// What the writer says.
    pub fn new(sheet: &Sheet, name: &str) -> Result<Self, StoreError> {
        let width = sheet.columns.len().max(sheet.head.iter().map(Vec::len).max().unwrap_or_default());
        let last = sheet.head.len().saturating_sub(1);
        let titled = |at: usize, row: &Vec<String>| {
            let mut cells = row.clone();
            cells.resize(width, String::new());
            // Dropped once more, the sheet has one column of reasons.
            cells.push(if at == last { REASON.to_owned() } else { String::new() });
            cells
        };
        let mut head = sheet.head.iter().enumerate().map(|(at, it)| titled(at, it));
        let stem = name.rsplit_once('.').map_or(name, |it| it.0);
        let mut book = Workbook::new(Cursor::new(Vec::new()), stem, head.next().unwrap_or_default(), 0)?;
        for row in head {
            book.row(row.iter().map(|it| Cell::Text(it)))?;
        }
        Ok(Self { book, width, rows: 0 })
    }

    /// Adds those of these rows that were refused, as they came.
    ///
    /// # Errors
    /// What the writer says.
    pub fn add(&mut self, rows: &[Row], verdicts: &[Verdict]) -> Result<(), StoreError> {
        for (row, verdict) in rows.iter().zip(verdicts).filter(|it| it.1.became == Became::Refused) {
            let why: Vec<String> = verdict.problems.iter().map(|it| it.sentence(Lang::Zh)).collect();
            let why = format!("第 {} 行：{}", row.number, why.join("；"));
            let blanks = std::iter::repeat_n(Cell::Blank, self.width.saturating_sub(row.cells.len()));
            let cells = row.cells.iter().take(self.width).map(|it| Cell::Text(it));
            self.book.row(cells.chain(blanks).chain([Cell::Text(&why)]))?;
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
