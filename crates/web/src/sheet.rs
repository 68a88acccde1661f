//! Tables as files: a workbook whose cells are all text, or UTF-8 with commas. What begins like a formula stays text.

use anlan_store::StoreError;
use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use rust_xlsxwriter::Workbook;

use crate::list;

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A workbook.
    Xlsx,
    /// Commas, with a byte order mark as spreadsheets expect.
    Csv,
}

impl Form {
    /// The table as a file to take along, without its extension in `name`.
    pub fn answer(self, name: &str, table: &[Vec<String>]) -> Result<Response, StoreError> {
        match self {
            Self::Xlsx => Ok(list::workbook(name, xlsx(table)?)),
            Self::Csv => {
                let disposition = format!("attachment; filename=\"{name}.csv\"");
                let kind = "text/csv; charset=utf-8".to_owned();
                Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, disposition)], csv(table))
                    .into_response())
            }
        }
    }
}

fn xlsx(table: &[Vec<String>]) -> Result<Vec<u8>, StoreError> {
    let bad = |it: rust_xlsxwriter::XlsxError| StoreError::Io(it.to_string());
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for (row, cells) in (0..).zip(table) {
        for (column, cell) in (0..).zip(cells) {
            sheet.write_string(row, column, cell).map_err(bad)?;
        }
    }
    book.save_to_buffer().map_err(bad)
}

fn csv(table: &[Vec<String>]) -> String {
    let lines = table.iter().map(|cells| cells.iter().map(|it| quoted(it)).collect::<Vec<_>>().join(","));
    lines.fold("\u{feff}".to_owned(), |text, line| text + &line + "\r\n")
}

/// RFC 4180; a formula is disarmed with an apostrophe.
fn quoted(cell: &str) -> String {
    let formula = cell.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r']);
    let cell = if formula { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_a_text_file_are_quoted_and_formulas_disarmed() {
        for (cell, want) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=1+1", "'=1+1"),
            ("'=1+1", "''=1+1"),
            ("-5", "'-5"),
            ("two\nlines", "\"two\nlines\""),
        ] {
            assert_eq!(quoted(cell), want);
        }
        let table = [vec!["甲".to_owned(), "=x".to_owned()]];
        assert_eq!(csv(&table), "\u{feff}甲,'=x\r\n");
    }
}
