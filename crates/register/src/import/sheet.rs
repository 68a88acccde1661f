//! A table out of a csv or xlsx file: where its titles stand, and its rows.

use std::io::{Cursor, Read, Write};

use anlan_kernel::Problem;
use calamine::{Data, DataRef, Reader, Xlsx};

use crate::export::armed;

/// Rows in which titles are looked for.
const TITLES_WITHIN: usize = 10;
/// Largest file taken, bytes.
pub(super) const LARGEST: usize = 64 << 20;
/// Most bytes to which all parts of an xlsx may inflate.
const INFLATED: u64 = 256 << 20;
/// Most bytes of a part that is read whole before the first row: texts the cells share, formats, names of sheets.
const LISTED: usize = 64 << 20;
/// Most tags in the texts cells share, and most texts they may announce; each becomes an object many times as long.
const TEXT_TAGS: usize = 4_000_000;
/// Most tags of any other part but a sheet.
const OTHER_TAGS: usize = 400_000;
/// Most places of a sheet, blank ones between its first and last cell included; a small file that spans more is no
/// table of ours.
pub(super) const CELLS: usize = 5_000_000;

/// One column the importer knows: its key and every title it goes by.
pub type Column = (&'static str, &'static [&'static str]);

/// One row as it came.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Its number in the file, from 1.
    pub number: usize,
    /// Its cells.
    pub cells: Vec<String>,
    /// Whether a quote is opened in it and never closed.
    pub open_quote: bool,
}

/// A table with its titles.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// Titles as they stand.
    pub titles: Vec<String>,
    /// Which known column each cell belongs to.
    pub keys: Vec<Option<&'static str>>,
    /// Rows below the titles.
    pub rows: Vec<Row>,
}

impl Sheet {
    /// The cell of a column, trimmed; empty where there is none.
    pub fn cell<'a>(&self, row: &'a Row, key: &str) -> &'a str {
        let at = self.keys.iter().position(|it| *it == Some(key));
        at.and_then(|at| row.cells.get(at)).map_or("", |it| it.trim())
    }

    /// The title under which a column stands here.
    pub fn title(&self, key: &str) -> String {
        let at = self.keys.iter().position(|it| *it == Some(key));
        at.and_then(|at| self.titles.get(at)).cloned().unwrap_or_else(|| key.to_owned())
    }
}

/// Reads a file by its name's ending and finds its titles.
///
/// # Errors
/// `not_a_table`, `bad_sheet`, `too_large`.
pub fn read(bytes: &[u8], name: &str, columns: &'static [Column]) -> Result<Sheet, Problem> {
    if bytes.len() > LARGEST {
        return Err(Problem::new("too_large", "文件超过 64 MB", "the file is larger than 64 MB"));
    }
    read_any_size(bytes, name, columns)
}

/// As [`read`], of somebody at the machine itself.
///
/// # Errors
/// `not_a_table`, `bad_sheet`; `too_large` of a sheet that spans too many cells.
pub fn read_any_size(bytes: &[u8], name: &str, columns: &'static [Column]) -> Result<Sheet, Problem> {
    let xlsx = is_xlsx(bytes, name);
    let rows = if xlsx { from_xlsx(bytes)? } else { from_csv(bytes)? };
    let mut sheet = titled(rows, columns)?;
    if xlsx {
        let width = sheet.titles.len();
        sheet.rows.iter_mut().for_each(|it| it.cells.resize(width, String::new()));
        fill_down(&mut sheet);
    }
    Ok(sheet)
}

/// Whether a file is read as xlsx.
pub fn is_xlsx(bytes: &[u8], name: &str) -> bool {
    bytes.starts_with(b"PK") || name.to_lowercase().ends_with(".xlsx")
}

/// A row that cannot be read because of a quote without its other half.
pub fn open_quote() -> Problem {
    let (zh, en) = ("引号没有配对，这一行读不出来", "a quote is opened and never closed; the row cannot be read");
    Problem::new("open_quote", zh, en)
}

fn from_xlsx(bytes: &[u8]) -> Result<Vec<Row>, Problem> {
    let bad = |it: calamine::XlsxError| {
        Problem::new("not_a_table", format!("打不开这个 xlsx：{it}"), format!("this xlsx cannot be opened: {it}"))
    };
    check_inflated(bytes)?;
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(bad)?;
    let first = book.sheet_names().first().cloned().unwrap_or_default();
    let mut cells = book.worksheet_cells_reader(&first).map_err(bad)?;
    let (mut rows, mut width) = (Vec::<Row>::new(), 0);
    // One by one: a range would be made as large as the places of its first and last cell say.
    while let Some(found) = cells.next_cell().map_err(bad)? {
        if matches!(found.get_value(), DataRef::Empty) {
            continue;
        }
        let (row, column) = found.get_position();
        let (row, column) = (row as usize, column as usize);
        width = width.max(column + 1);
        if (row + 1).max(rows.len()).saturating_mul(width) > CELLS {
            return Err(Problem::new(
                "too_large",
                format!("表格太大：第 {} 行第 {} 列还有内容；请删去表外的内容", row + 1, column + 1),
                format!("the sheet is too large: there is something in row {}, column {}", row + 1, column + 1),
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
    Ok(rows)
}

/// Refuses a file whose parts inflate beyond all measure. They are inflated for it: the sizes a zip tells of itself are
/// the sender's words.
pub(super) fn check_inflated(bytes: &[u8]) -> Result<(), Problem> {
    check_inflated_to(bytes, INFLATED)
}

/// As [`check_inflated`], for a reader that holds no sheet whole.
pub(crate) fn check_inflated_to(bytes: &[u8], most: u64) -> Result<(), Problem> {
    // What is no zip, or a broken one, is told by the reader in its own words.
    let Ok(mut zip) = zip::ZipArchive::new(Cursor::new(bytes)) else { return Ok(()) };
    let mut left = most;
    for index in 0..zip.len() {
        let Ok(part) = zip.by_index(index) else { continue };
        let name = part.name().map(|it| it.to_lowercase().replace('\\', "/")).unwrap_or_default();
        let length = if is_streamed(&name) {
            let mut counted = Counted(0);
            // What a broken part gave before it broke was inflated all the same.
            let _ = std::io::copy(&mut part.take(left + 1), &mut counted);
            counted.0
        } else {
            check_listed(part, &name)?
        };
        left = left.checked_sub(length).ok_or_else(|| bomb("这个 xlsx", "this xlsx", most))?;
    }
    Ok(())
}

/// Whether the reader goes through the part cell by cell; other parts it turns into lists.
fn is_streamed(name: &str) -> bool {
    let listed = ["sharedstrings.xml", "styles.xml", "workbook.xml", ".rels"];
    let is_xml = name.ends_with(".xml") || name.ends_with(".rels");
    !is_xml || (name.contains("worksheets/") && !listed.iter().any(|it| name.ends_with(it)))
}

/// Refuses a part of which too many objects would be made; its length otherwise.
fn check_listed(part: impl Read, name: &str) -> Result<u64, Problem> {
    let mut bytes = Vec::new();
    let _ = part.take(LISTED as u64 + 1).read_to_end(&mut bytes);
    if bytes.len() > LISTED {
        return Err(bomb(&format!("这个 xlsx 的 {name} "), &format!("{name} of this xlsx"), LISTED as u64));
    }
    let most = if name.ends_with("sharedstrings.xml") { TEXT_TAGS } else { OTHER_TAGS };
    let tags = bytes.iter().filter(|it| **it == b'<').count();
    if tags > most || announced(&bytes) > most {
        return Err(Problem::new(
            "too_large",
            format!("这个 xlsx 的 {name} 条目太多；请只留需要的表，另存后再试，或用 csv"),
            format!("{name} of this xlsx holds too many entries; keep the sheet that is needed only, or use csv"),
        ));
    }
    Ok(bytes.len() as u64)
}

/// The largest number of texts the part says it holds; the reader makes room for them before it sees one.
fn announced(bytes: &[u8]) -> usize {
    const WORD: &[u8] = b"uniqueCount";
    let starts = bytes.windows(WORD.len()).enumerate().filter(|(_, it)| *it == WORD).map(|(at, _)| at + WORD.len());
    let number = |at: usize| {
        let text = bytes[at..]
            .iter()
            .skip_while(|it| matches!(it, b'=' | b'"' | b'\'' | b'+' | b'0') || it.is_ascii_whitespace());
        let digits: Vec<u8> = text.copied().take_while(u8::is_ascii_digit).take(19).collect();
        digits.iter().fold(0_usize, |sum, it| sum.saturating_mul(10).saturating_add(usize::from(it - b'0')))
    };
    starts.map(number).max().unwrap_or_default()
}

/// Counts what is written to it.
struct Counted(u64);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn bomb(zh: &str, en: &str, most: u64) -> Problem {
    let most = most >> 20;
    Problem::new(
        "too_large",
        format!("{zh}解压后超过 {most} MB；请只留需要的表，另存后再试，或用 csv"),
        format!("{en} inflates to more than {most} MB; keep the sheet that is needed only, or use csv"),
    )
}

pub(super) fn cell(data: &Data) -> String {
    match data {
        Data::Empty | Data::Error(_) => String::new(),
        // A telephone number typed as a number has no fraction.
        Data::Float(it) if it.fract() == 0.0 && it.abs() < 1e15 => format!("{it:.0}"),
        other => other.to_string(),
    }
}

/// A text in UTF-8 or GBK.
///
/// # Errors
/// `bad_encoding`.
pub(crate) fn decoded(bytes: &[u8]) -> Result<String, Problem> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let (text, _, broken) = encoding_rs::GB18030.decode(bytes);
            if broken {
                let at = error.valid_up_to();
                let line = bytes[..at].iter().filter(|it| **it == b'\n').count() + 1;
                let words = "既不是 UTF-8 也不是 GBK 编码";
                return Err(Problem::new("bad_encoding", words, "neither UTF-8 nor GBK").line(line).byte(at));
            }
            Ok(text.into_owned())
        }
    }
}

pub(super) fn from_csv(bytes: &[u8]) -> Result<Vec<Row>, Problem> {
    let text = decoded(bytes)?;
    match records(&text)? {
        Some(rows) => Ok(rows),
        None => text.lines().enumerate().map(|(i, line)| one_line(i + 1, line)).collect(),
    }
}

/// Rows of a csv; `None` when a quote is never closed and swallows the rest.
fn records(text: &str) -> Result<Option<Vec<Row>>, Problem> {
    const END: &str = "\u{1}end";
    let text = format!("{text}\n{END}\n");
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|it| {
            let line = it.position().map_or(1, |at| usize::try_from(at.line()).unwrap_or(1));
            Problem::new("not_a_table", "这一行不是 CSV", it.to_string()).line(line)
        })?;
        let number = record.position().map_or(1, |at| usize::try_from(at.line()).unwrap_or(1));
        let cells = record.iter().map(armed).map(str::to_owned).collect();
        rows.push(Row { number, cells, open_quote: false });
    }
    Ok(rows.pop().filter(|it| it.cells == [END]).map(|_| rows))
}

/// A line read by itself, so that a quote that is never closed costs no other row.
pub(crate) fn one_line(number: usize, line: &str) -> Result<Row, Problem> {
    Ok(match records(line)?.map(|mut it| it.pop().unwrap_or_default()) {
        Some(row) => Row { number, ..row },
        None => Row { number, cells: line.split(',').map(str::to_owned).collect(), open_quote: true },
    })
}

struct Titles {
    found: usize,
    at: usize,
    titles: Vec<String>,
    keys: Vec<Option<&'static str>>,
}

/// Finds the row of titles: the one that names most known columns, with the row above it where a
/// title stands there only (two header rows, merged downwards).
fn titled(rows: Vec<Row>, columns: &'static [Column]) -> Result<Sheet, Problem> {
    let mut best: Option<Titles> = None;
    for at in 0..rows.len().min(TITLES_WITHIN) {
        let titles = titles_at(&rows, at);
        let keys = keys_of(&titles, columns);
        let own = rows[at].cells.iter().filter(|it| key_of(it, columns).is_some()).count();
        let found = keys.iter().flatten().count();
        if own > 0 && best.as_ref().is_none_or(|it| found > it.found) {
            best = Some(Titles { found, at, titles, keys });
        }
    }
    let Some(Titles { at, titles, keys, .. }) = best.filter(|it| it.found >= 2) else {
        let wanted: Vec<_> = columns.iter().map(|it| it.1[0]).collect();
        return Err(Problem::new(
            "bad_sheet",
            format!("找不到表头；认识的列名有：{}", wanted.join("、")),
            format!("no column titles were found; known ones are {}", wanted.join(", ")),
        )
        .row(1));
    };
    let filled = |row: &Row| row.cells.iter().any(|it| !it.trim().is_empty());
    let rows = rows.into_iter().skip(at + 1).filter(filled).collect();
    Ok(Sheet { titles, keys, rows })
}

fn titles_at(rows: &[Row], at: usize) -> Vec<String> {
    let above = at.checked_sub(1).map(|it| &rows[it].cells);
    let width = rows[at].cells.len().max(above.map_or(0, Vec::len));
    (0..width)
        .map(|i| {
            let own = rows[at].cells.get(i).map_or("", |it| it.trim());
            let over = above.and_then(|it| it.get(i)).map_or("", |it| it.trim());
            if own.is_empty() { over } else { own }.to_owned()
        })
        .collect()
}

fn keys_of(titles: &[String], columns: &'static [Column]) -> Vec<Option<&'static str>> {
    let mut taken = Vec::new();
    titles
        .iter()
        .map(|title| {
            let key = key_of(title, columns).filter(|it| !taken.contains(it));
            taken.extend(key);
            key
        })
        .collect()
}

fn key_of(title: &str, columns: &'static [Column]) -> Option<&'static str> {
    let plain: String = title.chars().filter(|it| !it.is_whitespace() && *it != '*').collect::<String>().to_lowercase();
    columns.iter().find(|(_, names)| names.iter().any(|it| it.to_lowercase() == plain)).map(|it| it.0)
}

/// A unit written once for all its people stands in every row.
fn fill_down(sheet: &mut Sheet) {
    for key in ["organisation", "region_name"] {
        let Some(at) = sheet.keys.iter().position(|it| *it == Some(key)) else { continue };
        let mut last = String::new();
        for row in &mut sheet.rows {
            if row.cells.len() <= at {
                row.cells.resize(at + 1, String::new());
            }
            if row.cells[at].trim().is_empty() {
                row.cells[at].clone_from(&last);
            } else {
                last.clone_from(&row.cells[at]);
            }
        }
    }
}
