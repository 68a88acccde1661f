//! A file of observations through the same door as everything else.

use anlan_kernel::{Lang, Problem};
use anlan_register::{
    export,
    import::sheet::{self, Column, Row, Sheet},
};
use anlan_store::StoreError;
use serde_json::json;

use super::{Allowed, Answer, Item, Sender};
use crate::{
    rejected::{self, Refusal},
    service::Monitor,
};

/// Rows handed over at once.
const SLICE: usize = 10_000;
/// Refused rows that are handed back in a sheet; the others are named only.
const HANDED_BACK: usize = 10_000;

const COLUMNS: &[Column] = &[
    ("observed_at", &["observed_at", "观测时间", "时间"]),
    ("station_id", &["station_id", "站号", "站点编号", "测站编码"]),
    ("quantity", &["quantity", "要素", "观测要素"]),
    ("value", &["value", "数值", "观测值"]),
    ("unit", &["unit", "单位"]),
    ("quality", &["quality", "质量"]),
    ("received_at", &["received_at", "接收时间"]),
];

/// What became of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filed {
    /// As of any body; problems name the line of the file.
    pub answer: Answer,
    /// The refused rows in a sheet with their reasons, where there are any.
    pub errors_xlsx: Option<Vec<u8>>,
}

/// Takes a csv (UTF-8 or GBK) or xlsx of observations by column title; problems name the line. A dry run only reads.
///
/// # Errors
/// What log or store say.
pub async fn file(monitor: &Monitor, name: &str, bytes: &[u8], dry_run: bool) -> Result<Filed, StoreError> {
    let sender = Sender { name: format!("file:{name}"), way: "file", stations: Allowed::All };
    let source = format!("{} {}", sender.name, sender.way);
    let mut filed = Filed::default();
    let sheet = match sheet::read_any_size(bytes, name, COLUMNS) {
        Ok(sheet) => sheet,
        Err(problem) => {
            if !dry_run {
                rejected::keep(&monitor.world, &source, vec![Refusal::new(bytes, problem.clone())]).await?;
            }
            filed.answer.refused.push(problem);
            return Ok(filed);
        }
    };
    let lines = Lines::of(bytes, name);
    let (rows, unread): (Vec<&Row>, Vec<&Row>) = sheet.rows.iter().partition(|it| !it.open_quote);
    let open: Vec<_> =
        unread.iter().map(|it| Refusal::new(&lines.raw(it), sheet::open_quote().line(it.number))).collect();
    filed.answer.refused.extend(open.iter().map(|it| it.problem.clone()));
    if dry_run {
        filed.answer.taken = rows.len() as u64;
    } else {
        rejected::keep(&monitor.world, &source, open).await?;
        for slice in rows.chunks(SLICE) {
            let part = take(monitor, &sender, &sheet, &lines, slice).await?;
            filed.answer.taken += part.taken;
            filed.answer.duplicates += part.duplicates;
            filed.answer.refused.extend(part.refused);
        }
    }
    filed.errors_xlsx = errors(&sheet, &filed.answer.refused)?;
    Ok(filed)
}

async fn take(
    monitor: &Monitor,
    sender: &Sender,
    sheet: &Sheet,
    lines: &Lines<'_>,
    rows: &[&Row],
) -> Result<Answer, StoreError> {
    let texts: Vec<_> = rows.iter().map(|it| (reading(sheet, it), lines.raw(it))).collect();
    let items = rows.iter().zip(&texts).enumerate().map(|(index, (row, (json, raw)))| Item {
        index,
        byte: 0,
        line: row.number,
        bytes: json.as_bytes(),
        raw,
        cut: false,
    });
    let mut answer = monitor.take_rows(sender, items.collect()).await?;
    answer.refused.iter_mut().for_each(|it| it.place.index = None);
    Ok(answer)
}

/// A row as the body of a request has it; the value stays in the decimals given.
fn reading(sheet: &Sheet, row: &Row) -> String {
    let cell = |key| sheet.cell(row, key);
    json!({
        "observed_at": cell("observed_at"), "received_at": cell("received_at"), "station_id": cell("station_id"),
        "quantity": cell("quantity"), "value": cell("value"), "unit": cell("unit"), "quality": cell("quality"),
    })
    .to_string()
}

fn errors(sheet: &Sheet, problems: &[Problem]) -> Result<Option<Vec<u8>>, StoreError> {
    let few: Vec<_> = problems.iter().take(HANDED_BACK).cloned().collect();
    export::errors(sheet, &few, Lang::Zh)
}

/// The bytes of each row of a file; of a sheet, its cells.
struct Lines<'a> {
    file: &'a [u8],
    /// Where each line starts; none in a sheet.
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(file: &'a [u8], name: &str) -> Self {
        let ends = file.iter().enumerate().filter(|(_, it)| **it == b'\n').map(|(at, _)| at + 1);
        let starts = if sheet::is_xlsx(file, name) { Vec::new() } else { std::iter::once(0).chain(ends).collect() };
        Self { file, starts }
    }

    /// A row goes on while a quote is open in it.
    fn raw(&self, row: &Row) -> Vec<u8> {
        let Some(&start) = row.number.checked_sub(1).and_then(|it| self.starts.get(it)) else {
            return row.cells.join(",").into_bytes();
        };
        let mut open = false;
        let rest = &self.file[start..];
        let end = rest.iter().position(|it| {
            open ^= *it == b'"' && !row.open_quote;
            *it == b'\n' && !open
        });
        rest[..end.unwrap_or(rest.len())].trim_ascii().to_vec()
    }
}
