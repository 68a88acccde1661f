//! Attributes as a dBASE III table of text columns.

use std::collections::{BTreeMap, BTreeSet};

use anlan_kernel::Problem;

use super::Charset;
use crate::geo::Record;

/// Most bytes of a column's name and of a value.
const NAME: usize = 10;
const VALUE: usize = 254;
/// Most columns; dBASE's own limit is lower, other programs read this many.
const COLUMNS: usize = 255;

struct Column {
    /// As encoded, short enough and unlike the others.
    name: Vec<u8>,
    width: u8,
}

/// The `.dbf`, and what had to be shortened or left out.
pub(super) fn write(records: &[Record], charset: Charset) -> Result<(Vec<u8>, Vec<Problem>), Problem> {
    let mut shortened = Vec::new();
    let mut names: BTreeSet<&str> = records.iter().flat_map(|it| it.properties.keys()).map(String::as_str).collect();
    while names.len() > COLUMNS {
        shortened.extend(names.pop_last().map(left_out));
    }
    let mut columns = columns(&names, charset, &mut shortened)?;
    let mut rows: Vec<BTreeMap<&str, Vec<u8>>> = Vec::new();
    for record in records {
        let mut row = BTreeMap::new();
        for (name, text) in &record.properties {
            let Some(column) = columns.get_mut(name.as_str()) else { continue };
            let whole = charset.encode(text).ok_or_else(|| not_encodable(charset).row(record.row).field(name))?;
            if whole.len() > VALUE {
                shortened.push(too_long().row(record.row).field(name));
            }
            let value = if whole.len() > VALUE { fitting(text, charset, VALUE) } else { whole };
            column.width = column.width.max(u8::try_from(value.len()).unwrap_or(u8::MAX));
            row.insert(name.as_str(), value);
        }
        rows.push(row);
    }
    Ok((table(&columns, &rows, charset), shortened))
}

fn table(columns: &BTreeMap<&str, Column>, rows: &[BTreeMap<&str, Vec<u8>>], charset: Charset) -> Vec<u8> {
    let width = 1 + columns.values().map(|it| usize::from(it.width)).sum::<usize>();
    let header = 33 + 32 * columns.len();
    // The day of the last change is a fixed one: nothing here reads a clock.
    let mut out = vec![3, 100, 1, 1];
    out.extend(u32::try_from(rows.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend(u16::try_from(header).unwrap_or(u16::MAX).to_le_bytes());
    out.extend(u16::try_from(width).unwrap_or(u16::MAX).to_le_bytes());
    out.resize(29, 0);
    out.extend([charset.driver(), 0, 0]);
    for column in columns.values() {
        let start = out.len();
        out.extend(&column.name);
        out.resize(start + 11, 0);
        out.extend([b'C', 0, 0, 0, 0, column.width]);
        out.resize(start + 32, 0);
    }
    out.push(0x0D);
    for row in rows {
        out.push(b' ');
        for (name, column) in columns {
            let end = out.len() + usize::from(column.width);
            out.extend(row.get(name).into_iter().flatten());
            out.resize(end, b' ');
        }
    }
    out.push(0x1A);
    out
}

fn columns<'a>(
    names: &BTreeSet<&'a str>,
    charset: Charset,
    shortened: &mut Vec<Problem>,
) -> Result<BTreeMap<&'a str, Column>, Problem> {
    let mut taken: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut columns = BTreeMap::new();
    for name in names {
        let whole = charset.encode(name).ok_or_else(|| not_encodable(charset).field(*name))?;
        let short = unlike(name, charset, &taken);
        if short != whole {
            shortened.push(name_shortened(name, charset, &short));
        }
        taken.insert(short.clone());
        columns.insert(*name, Column { name: short, width: 1 });
    }
    Ok(columns)
}

/// The name as far as it fits, with a number where another has it already.
fn unlike(name: &str, charset: Charset, taken: &BTreeSet<Vec<u8>>) -> Vec<u8> {
    let numbered = |number: usize| {
        let end = if number == 0 { String::new() } else { format!("_{number}") };
        [fitting(name, charset, NAME - end.len()), end.into_bytes()].concat()
    };
    (0..=COLUMNS).map(numbered).find(|it| !taken.contains(it)).unwrap_or_default()
}

/// As many whole characters as fit.
fn fitting(text: &str, charset: Charset, most: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for it in text.chars() {
        let bytes = charset.encode(it.encode_utf8(&mut [0; 4])).unwrap_or_default();
        if out.len() + bytes.len() > most {
            break;
        }
        out.extend(bytes);
    }
    out
}

fn not_encodable(charset: Charset) -> Problem {
    let name = charset.name();
    Problem::new(
        "not_encodable",
        format!("有 {name} 里没有的字，请改用 UTF-8 导出"),
        format!("a character does not exist in {name}: export as UTF-8"),
    )
}

fn too_long() -> Problem {
    Problem::new(
        "value_shortened",
        format!("文字超过 {VALUE} 字节，已截短"),
        format!("the text is longer than {VALUE} bytes and was shortened"),
    )
}

fn name_shortened(name: &str, charset: Charset, short: &[u8]) -> Problem {
    let encoding = if charset == Charset::Gbk { encoding_rs::GBK } else { encoding_rs::UTF_8 };
    let short = encoding.decode(short).0;
    Problem::new(
        "name_shortened",
        format!("列名最多 {NAME} 字节，写成“{short}”"),
        format!("names of columns hold {NAME} bytes; written as {short:?}"),
    )
    .field(name)
}

fn left_out(name: &str) -> Problem {
    Problem::new(
        "column_left_out",
        format!("最多 {COLUMNS} 列，这一列没有写出"),
        format!("at most {COLUMNS} columns are written; this one is left out"),
    )
    .field(name)
}
