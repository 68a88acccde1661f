//! Rosters out: exactly what stands in the register, safe to open in a spreadsheet.

use std::collections::HashMap;

use anlan_kernel::{Actor, Lang, Problem};
use anlan_store::{StoreError, World};
use rust_xlsxwriter::Workbook;

use crate::import::sheet::Sheet;
use crate::model::level_zh;
use crate::store;

const TITLES: [&str; 11] =
    ["姓名", "手机", "备用电话", "单位", "职务", "责任", "级别", "责任区代码", "责任区名称", "岗位", "备注"];

/// Every post in the actor's duty areas, as `xlsx` or `csv`, in the form the importer takes.
///
/// # Errors
/// `bad_format`; what the store says.
pub async fn people(world: &World, actor: &Actor, format: &str) -> Result<Vec<u8>, StoreError> {
    let mut table = vec![TITLES.map(str::to_owned).to_vec()];
    table.extend(world.read(actor, rows).await?);
    match format {
        "xlsx" => xlsx(&table),
        "csv" => csv(&table),
        other => Err(StoreError::Refused(Problem::new(
            "bad_format",
            format!("不能导出为“{other}”，可用 xlsx、csv"),
            format!("{other:?} is no export format; xlsx and csv are"),
        ))),
    }
}

fn rows(tx: &mut anlan_store::Tx<'_>) -> Result<Vec<Vec<String>>, StoreError> {
    store::roster_rows(tx)?
        .iter()
        .map(|row| {
            let text = |i| row.opt(i, anlan_store::Row::text).map(Option::unwrap_or_default);
            let mut cells = (0..11).map(text).collect::<Result<Vec<_>, _>>()?;
            if let Some(level) = crate::model::level_of(&cells[6]) {
                cells[6] = level_zh(level).to_owned();
            }
            if let Some(rank) = crate::model::Rank::parse(&cells[9]) {
                cells[9] = rank.zh().to_owned();
            }
            Ok(cells)
        })
        .collect()
}

/// The refused rows of an import as they came, with a column that says why; `None` where nothing was refused.
///
/// # Errors
/// [`StoreError::Io`] when the sheet cannot be made.
pub fn errors(sheet: &Sheet, problems: &[Problem], lang: Lang) -> Result<Option<Vec<u8>>, StoreError> {
    let number = |it: &Problem| it.place.row.or(it.place.line);
    let reasons: HashMap<usize, &Problem> = problems.iter().filter_map(|it| Some((number(it)?, it))).collect();
    if reasons.is_empty() {
        return Ok(None);
    }
    let why = lang.pick("错误原因", "what is wrong").to_owned();
    let mut table = vec![sheet.titles.iter().cloned().chain([why]).collect::<Vec<_>>()];
    for row in &sheet.rows {
        if let Some(problem) = reasons.get(&row.number) {
            let mut cells = row.cells.clone();
            cells.resize(sheet.titles.len(), String::new());
            cells.push(problem.sentence(lang));
            table.push(cells);
        }
    }
    xlsx(&table).map(Some)
}

/// A sheet of text cells; a cell that begins like a formula stays text.
///
/// # Errors
/// [`StoreError::Io`] when the sheet cannot be made.
pub fn xlsx(table: &[Vec<String>]) -> Result<Vec<u8>, StoreError> {
    let bad = |it: rust_xlsxwriter::XlsxError| StoreError::Io(it.to_string());
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for (row, cells) in table.iter().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            let (row, column) = (u32::try_from(row).unwrap_or(u32::MAX), u16::try_from(column).unwrap_or(u16::MAX));
            sheet.write_string(row, column, cell).map_err(bad)?;
        }
    }
    book.save_to_buffer().map_err(bad)
}

/// UTF-8 with a byte order mark, as spreadsheets expect; formulas are disarmed with an apostrophe.
fn csv(table: &[Vec<String>]) -> Result<Vec<u8>, StoreError> {
    let mut writer = csv::Writer::from_writer(b"\xef\xbb\xbf".to_vec());
    for cells in table {
        let safe = cells.iter().map(|it| if is_formula(it) { format!("'{it}") } else { it.clone() });
        writer.write_record(safe).map_err(|it| StoreError::Io(it.to_string()))?;
    }
    writer.into_inner().map_err(|it| StoreError::Io(it.to_string()))
}

/// Whether a spreadsheet would work the cell out, or it looks like one that was disarmed.
pub(crate) fn is_formula(cell: &str) -> bool {
    cell.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// A cell as it was before it was disarmed.
pub(crate) fn armed(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|it| is_formula(it)).unwrap_or(cell)
}
