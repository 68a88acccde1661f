//! Every sheet of a file as it stands, with merged cells filled.

use std::io::Cursor;

use anlan_kernel::Problem;
use calamine::{Data, DataRef, Dimensions, Reader as _, Xlsx};

use super::sheet::{CELLS, LARGEST, Row, cell, check_inflated, from_csv, is_xlsx};

/// Most sheets that are looked at.
const SHEETS: usize = 30;
/// Cells of a merged area that are filled; a larger one is no part of a table.
const MERGED: usize = 200_000;
/// Bytes that the copies of one merged cell may take.
const MERGED_BYTES: usize = 16 << 20;

/// One sheet.
#[derive(Clone, Debug, Default)]
pub struct Grid {
    /// Its name; empty for a csv.
    pub name: String,
    /// Its rows, blank ones included.
    pub rows: Vec<Row>,
    /// Whether cells below the first rows were merged: then a blank one is meant to be blank.
    pub merged: bool,
}

/// Reads every sheet of an xlsx, or the one of a csv.
///
/// # Errors
/// `old_format`, `not_a_table`, `too_large`, `bad_encoding`.
pub fn read(bytes: &[u8], name: &str) -> Result<Vec<Grid>, Problem> {
    if bytes.len() > LARGEST {
        return Err(Problem::new("too_large", "文件超过 64 MB", "the file is larger than 64 MB"));
    }
    refuse_others(bytes)?;
    if is_xlsx(bytes, name) {
        return from_xlsx(bytes);
    }
    Ok(vec![Grid { rows: from_csv(bytes)?, ..Grid::default() }])
}

/// Says what to do with a file that is no table we read.
pub(crate) fn refuse_others(bytes: &[u8]) -> Result<(), Problem> {
    let (code, zh, en) = if bytes.starts_with(b"\xd0\xcf\x11\xe0") {
        (
            "old_format",
            "这是旧版 .xls（或 .et），或者是加了密码的表；请用 WPS 或 Excel 打开，另存为 .xlsx（不设密码）后再拖进来",
            "this is an old .xls (or .et), or a sheet with a password; open it, save it as .xlsx without a password, and drop that",
        )
    } else if bytes.starts_with(b"%PDF") || bytes.starts_with(b"\xff\xd8\xff") || bytes.starts_with(b"\x89PNG") {
        (
            "not_a_table",
            "这是 PDF 或图片，不是表格；请拖入 .xlsx 或 .csv",
            "this is a PDF or a picture, not a table; drop an .xlsx or a .csv",
        )
    } else {
        return Ok(());
    };
    Err(Problem::new(code, zh, en))
}

fn bad(error: calamine::XlsxError) -> Problem {
    let (zh, en) = (format!("打不开这个 xlsx：{error}"), format!("this xlsx cannot be opened: {error}"));
    Problem::new("not_a_table", zh, en)
}

fn from_xlsx(bytes: &[u8]) -> Result<Vec<Grid>, Problem> {
    check_inflated(bytes)?;
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(bad)?;
    let names = book.sheet_names();
    let (mut grids, mut left) = (Vec::new(), CELLS);
    for name in names.into_iter().take(SHEETS) {
        // A sheet of charts has no cells.
        let Some(mut grid) = cells(&mut book, &name, &mut left)? else { continue };
        let merged = book.merge_cells_by_sheet_name(&name).unwrap_or_default();
        merged.iter().for_each(|it| fill(&mut grid, it));
        grids.push(grid);
    }
    Ok(grids)
}

fn cells(book: &mut Xlsx<Cursor<&[u8]>>, name: &str, left: &mut usize) -> Result<Option<Grid>, Problem> {
    let Ok(mut reader) = book.worksheet_cells_reader(name) else { return Ok(None) };
    let (mut rows, mut width) = (Vec::<Row>::new(), 0);
    while let Some(found) = reader.next_cell().map_err(bad)? {
        if matches!(found.get_value(), DataRef::Empty) {
            continue;
        }
        let (row, column) = found.get_position();
        let (row, column) = (row as usize, column as usize);
        width = width.max(column + 1);
        if (row + 1).max(rows.len()).saturating_mul(width) > *left {
            return Err(Problem::new(
                "too_large",
                format!("表“{name}”太大：第 {} 行第 {} 列还有内容；请删去表外的内容", row + 1, column + 1),
                format!(
                    "the sheet {name:?} is too large: there is something in row {}, column {}",
                    row + 1,
                    column + 1
                ),
            )
            .row(row + 1)
            .column(column + 1));
        }
        while rows.len() <= row {
            rows.push(Row { number: rows.len() + 1, ..Row::default() });
        }
        let line = &mut rows[row].cells;
        line.resize(line.len().max(column + 1), String::new());
        line[column] = cell(&Data::from(found.get_value().clone()));
    }
    *left -= rows.len() * width;
    Ok(Some(Grid { name: name.to_owned(), rows, merged: false }))
}

/// Writes what stands in the first cell of a merged area into all of them.
fn fill(grid: &mut Grid, area: &Dimensions) {
    let (top, left) = (area.start.0 as usize, area.start.1 as usize);
    let (bottom, right) = ((area.end.0 as usize).min(grid.rows.len().saturating_sub(1)), area.end.1 as usize);
    let text = grid.rows.get(top).and_then(|it| it.cells.get(left)).cloned().unwrap_or_default();
    if text.trim().is_empty() || bottom < top || right < left {
        return;
    }
    let copies = (bottom - top + 1).saturating_mul(right - left + 1);
    if copies > MERGED || copies.saturating_mul(text.len()) > MERGED_BYTES {
        return;
    }
    grid.merged |= bottom > top;
    for row in &mut grid.rows[top..=bottom] {
        if row.cells.len() <= right {
            row.cells.resize(right + 1, String::new());
        }
        row.cells[left..=right].iter_mut().for_each(|it| it.clone_from(&text));
    }
}
