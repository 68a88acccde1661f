//! A file as rows: xlsx, csv, or a file of places; one row after the other, none kept.

use std::{io::Cursor, ops::ControlFlow};

use anlan_codecs::geo;
use anlan_kernel::Problem;
use calamine::{DataRef, Dimensions, ExcelDateTime, Reader as _, Xlsx};

use crate::{
    export::armed,
    import::{
        book::{Grid, refuse_others},
        sheet::{self, check_inflated_to, decoded, one_line},
    },
};

/// Largest file, bytes.
pub const LARGEST: usize = 64 << 20;
/// Most bytes to which all parts of an xlsx may inflate; a sheet is gone through, never held.
const INFLATED: u64 = 2 << 30;
/// Most columns.
const COLUMNS: usize = 1_024;
/// Most sheets that are looked at.
const SHEETS: usize = 30;
/// Rows in which titles and samples are looked for.
const HEAD: usize = 240;
/// Most merged areas of a sheet.
const MERGED: usize = 200_000;
/// Which text ends a csv that was read to its end.
const END: &str = "\u{1}end";
const ENDED: &[u8] = b"\n\x01end\n";

/// One row as it came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Its number in the file: of the row, the line, or the feature, from 1.
    pub number: usize,
    /// Its cells.
    pub cells: Vec<String>,
    /// Where it is, in a file of places.
    pub place: Option<geo::Geometry>,
    /// Why it cannot be read at all.
    pub fault: Option<Problem>,
}

/// A file that is a table.
pub struct Table {
    form: Form,
    /// Names of its sheets, at least one; empty where it has none of its own.
    pub sheets: Vec<String>,
    /// Whether a macro stands in it; none is ever run or kept.
    pub macros: bool,
}

enum Form {
    Xlsx(Vec<u8>),
    Csv { text: String, delimiter: u8, whole: bool },
    Places(Vec<Layer>),
}

struct Layer {
    titles: Vec<String>,
    layer: geo::Layer,
}

/// What to do after a row.
type Flow = ControlFlow<()>;

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table({:?})", self.sheets)
    }
}

impl Table {
    /// Opens a file by its content.
    ///
    /// # Errors
    /// `too_large`, `old_format`, `not_a_table`, `bad_encoding`, and what makes a file of places unreadable.
    pub fn open(bytes: Vec<u8>, name: &str) -> Result<Self, Problem> {
        if bytes.len() > LARGEST {
            return Err(Problem::new("too_large", "文件超过 64 MB", "the file is larger than 64 MB"));
        }
        refuse_others(&bytes)?;
        let names = parts(&bytes);
        let has = |end: &str| names.iter().any(|it| it.ends_with(end));
        if has("xl/workbook.xml") {
            return Self::of_xlsx(bytes, has("vbaproject.bin"));
        }
        let head = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes).trim_ascii_start();
        if bytes.starts_with(b"PK") || head.starts_with(b"{") || head.starts_with(b"<") {
            return Self::of_places(&bytes);
        }
        if name.to_lowercase().ends_with(".xlsx") || bytes.contains(&0) {
            let (zh, en) = (
                "认不出这个文件；请用 xlsx、csv、GeoJSON、KML/KMZ 或 Shapefile（zip）",
                "this file is none we know: xlsx, csv, GeoJSON, KML or KMZ, or a shapefile as zip",
            );
            return Err(Problem::new("not_a_table", zh, en));
        }
        let text = decoded(&bytes)?;
        let (delimiter, whole) = (delimiter(&text), is_whole(&text));
        Ok(Self { form: Form::Csv { text, delimiter, whole }, sheets: vec![String::new()], macros: false })
    }

    fn of_xlsx(bytes: Vec<u8>, macros: bool) -> Result<Self, Problem> {
        check_inflated_to(&bytes, INFLATED)?;
        let book: Xlsx<_> = Xlsx::new(Cursor::new(bytes.as_slice())).map_err(|it| bad(&it))?;
        let sheets: Vec<String> = book.sheet_names().into_iter().take(SHEETS).collect();
        if sheets.is_empty() {
            return Err(Problem::new("not_a_table", "文件里没有工作表", "there is no sheet in the file"));
        }
        Ok(Self { form: Form::Xlsx(bytes), sheets, macros })
    }

    fn of_places(bytes: &[u8]) -> Result<Self, Problem> {
        let layers: Vec<Layer> = geo::read(bytes, geo::Order::LongitudeLatitude)?.into_iter().map(Layer::new).collect();
        let sheets = layers.iter().map(|it| it.layer.name.clone()).collect();
        Ok(Self { form: Form::Places(layers), sheets, macros: false })
    }

    /// Whether places come with the rows.
    pub fn has_places(&self) -> bool {
        matches!(self.form, Form::Places(_))
    }

    /// The first rows of a sheet, titles among them. In a file of places the titles are the names of attributes, row 0.
    ///
    /// # Errors
    /// What makes the sheet unreadable.
    pub fn head(&self, sheet: usize) -> Result<Grid, Problem> {
        let mut grid = Grid { name: self.sheets.get(sheet).cloned().unwrap_or_default(), ..Grid::default() };
        if let Form::Places(layers) = &self.form {
            let titles = layers.get(sheet).map(|it| it.titles.clone()).unwrap_or_default();
            grid.rows.push(sheet::Row { number: 0, cells: titles, open_quote: false });
        }
        self.each(sheet, &mut |row| {
            grid.rows.push(sheet::Row { number: row.number, cells: row.cells, open_quote: row.fault.is_some() });
            if grid.rows.len() < HEAD { Flow::Continue(()) } else { Flow::Break(()) }
        })?;
        Ok(grid)
    }

    /// Goes through the rows of a sheet in which anything stands.
    ///
    /// # Errors
    /// What makes the sheet unreadable from there on.
    pub fn each(&self, sheet: usize, take: &mut dyn FnMut(Row) -> Flow) -> Result<(), Problem> {
        match &self.form {
            Form::Xlsx(bytes) => {
                let name = self.sheets.get(sheet).map(String::as_str).unwrap_or_default();
                each_of_xlsx(bytes, name, take)
            }
            Form::Csv { text, delimiter, whole: true } => each_of_csv(text, *delimiter, take),
            Form::Csv { text, .. } => each_line(text, take),
            Form::Places(layers) => {
                layers.get(sheet).into_iter().for_each(|it| it.each(take));
                Ok(())
            }
        }
    }
}

fn bad(error: &dyn std::fmt::Display) -> Problem {
    let words: String = error.to_string().chars().take(200).collect();
    Problem::new("not_a_table", format!("打不开这个 xlsx：{words}"), format!("this xlsx cannot be opened: {words}"))
}

/// Names in a zip, in small letters.
fn parts(bytes: &[u8]) -> Vec<String> {
    if !bytes.starts_with(b"PK") {
        return Vec::new();
    }
    let Ok(mut zip) = zip::ZipArchive::new(Cursor::new(bytes)) else { return Vec::new() };
    let parts = 0..zip.len().min(10_000);
    let name = |at: usize| {
        let part = zip.by_index_raw(at).ok()?;
        Some(String::from_utf8_lossy(part.name_raw()).to_lowercase().replace('\\', "/"))
    };
    parts.filter_map(name).collect()
}

/// What stands in a cell. An error stays one, for its row to be refused.
fn words(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Empty => String::new(),
        DataRef::Int(it) => it.to_string(),
        // A code typed as a number has no fraction.
        DataRef::Float(it) if it.fract() == 0.0 && it.abs() < 1e15 => format!("{it:.0}"),
        DataRef::Float(it) => it.to_string(),
        DataRef::String(it) => it.clone(),
        DataRef::SharedString(it) => (*it).to_owned(),
        DataRef::Bool(it) => (if *it { "是" } else { "否" }).to_owned(),
        DataRef::DateTime(it) => moment(it),
        DataRef::DateTimeIso(it) | DataRef::DurationIso(it) => it.clone(),
        DataRef::Error(it) => it.to_string(),
    }
}

fn moment(it: &ExcelDateTime) -> String {
    if !it.is_datetime() || !(1.0..3_000_000.0).contains(&it.as_f64()) {
        return it.as_f64().to_string();
    }
    let (year, month, day, hour, minute, second, _) = it.to_ymd_hms_milli();
    let date = format!("{year:04}-{month:02}-{day:02}");
    if (hour, minute, second) == (0, 0, 0) { date } else { format!("{date} {hour:02}:{minute:02}:{second:02}") }
}

fn is_blank(cells: &[String]) -> bool {
    cells.iter().all(|it| it.trim().is_empty())
}

fn each_of_xlsx(bytes: &[u8], name: &str, take: &mut dyn FnMut(Row) -> Flow) -> Result<(), Problem> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|it| bad(&it))?;
    let mut merged = Merged::new(book.merge_cells_by_sheet_name(name).unwrap_or_default());
    // A sheet of charts has no cells.
    let Ok(mut cells) = book.worksheet_cells_reader(name) else { return Ok(()) };
    let mut row = Row::default();
    let mut give = |row: &mut Row, take: &mut dyn FnMut(Row) -> Flow| {
        let mut row = std::mem::take(row);
        if is_blank(&row.cells) {
            return Flow::Continue(());
        }
        merged.fill(&mut row);
        take(row)
    };
    while let Some(found) = cells.next_cell().map_err(|it| bad(&it))? {
        let (line, column) = found.get_position();
        let (number, column) = (line as usize + 1, column as usize);
        if number != row.number {
            if give(&mut row, take).is_break() {
                return Ok(());
            }
            row.number = number;
        }
        let text = words(found.get_value());
        if text.is_empty() {
            continue;
        }
        if column >= COLUMNS {
            return Err(too_wide(number, column + 1));
        }
        if row.cells.len() <= column {
            row.cells.resize(column + 1, String::new());
        }
        row.cells[column] = text;
    }
    let _ = give(&mut row, take);
    Ok(())
}

fn too_wide(row: usize, column: usize) -> Problem {
    let zh = format!("表格太宽：第 {row} 行第 {column} 列还有内容，最多 {COLUMNS} 列；请删去表外的内容");
    let en =
        format!("the sheet is too wide: there is something in row {row}, column {column}, at most {COLUMNS} are read");
    Problem::new("too_large", zh, en).row(row).column(column)
}

/// Merged areas, met from top to bottom.
struct Merged {
    waiting: std::iter::Peekable<std::vec::IntoIter<Dimensions>>,
    open: Vec<(Dimensions, String)>,
}

impl Merged {
    fn new(mut areas: Vec<Dimensions>) -> Self {
        areas.retain(|it| it.start.1 <= it.end.1 && (it.end.1 as usize) < COLUMNS && it.start.0 <= it.end.0);
        areas.sort_by_key(|it| it.start);
        areas.truncate(MERGED);
        Self { waiting: areas.into_iter().peekable(), open: Vec::new() }
    }

    /// What stands in the first cell of a merged area stands in all of them.
    fn fill(&mut self, row: &mut Row) {
        let at = row.number - 1;
        self.open.retain(|it| it.0.end.0 as usize >= at);
        while let Some(area) = self.waiting.next_if(|it| it.start.0 as usize <= at) {
            let first = row.cells.get(area.start.1 as usize).filter(|_| area.start.0 as usize == at);
            if let Some(text) = first.filter(|it| !it.trim().is_empty() && area.end.0 as usize >= at) {
                self.open.push((area, text.clone()));
            }
        }
        for (area, text) in &self.open {
            let (left, right) = (area.start.1 as usize, area.end.1 as usize);
            if row.cells.len() <= right {
                row.cells.resize(right + 1, String::new());
            }
            row.cells[left..=right].iter_mut().for_each(|it| it.clone_from(text));
        }
    }
}

/// What stands between the cells: the comma, or a tab or semicolon where the first line has no comma.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    [b'\t', b';'].into_iter().find(|it| !first.contains(',') && first.contains(char::from(*it))).unwrap_or(b',')
}

fn reader(text: &str, delimiter: u8) -> csv::Reader<impl std::io::Read + '_> {
    let ended = std::io::Read::chain(text.as_bytes(), ENDED);
    csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(ended)
}

/// Whether every quote is closed: an open one would swallow the rows behind it.
fn is_whole(text: &str) -> bool {
    let mut record = csv::StringRecord::new();
    let mut reader = reader(text, delimiter(text));
    let mut last = false;
    while reader.read_record(&mut record).unwrap_or(false) {
        last = record.len() == 1 && record.get(0) == Some(END);
    }
    last
}

fn each_of_csv(text: &str, delimiter: u8, take: &mut dyn FnMut(Row) -> Flow) -> Result<(), Problem> {
    let mut reader = reader(text, delimiter);
    let mut record = csv::StringRecord::new();
    let mut lines = Lines { text, byte: 0, line: 1 };
    loop {
        let read = reader.read_record(&mut record).map_err(|it| {
            let line = it.position().map_or(1, |at| usize::try_from(at.line()).unwrap_or(1));
            Problem::new("not_a_table", "这一行不是 CSV", it.to_string()).line(line)
        })?;
        if !read || (record.len() == 1 && record.get(0) == Some(END)) {
            return Ok(());
        }
        let byte = record.position().map_or(0, |at| usize::try_from(at.byte()).unwrap_or(usize::MAX));
        let number = lines.of(byte);
        if record.len() > COLUMNS {
            return Err(too_wide(number, record.len()));
        }
        let cells: Vec<String> = record.iter().map(armed).map(str::to_owned).collect();
        if !is_blank(&cells) && take(Row { number, cells, ..Row::default() }).is_break() {
            return Ok(());
        }
    }
}

/// In which line a record begins; the reader counts a line as ended before its line feed is read.
struct Lines<'a> {
    text: &'a str,
    byte: usize,
    line: usize,
}

impl Lines<'_> {
    fn of(&mut self, byte: usize) -> usize {
        let rest = &self.text.as_bytes()[self.byte.min(self.text.len())..];
        let before = byte.saturating_sub(self.byte).min(rest.len());
        let blank = rest[before..].iter().take_while(|it| matches!(it, b'\r' | b'\n')).count();
        self.line += rest[..before + blank].iter().filter(|it| **it == b'\n').count();
        self.byte += before + blank;
        self.line
    }
}

/// Line by line, so that a quote that is never closed costs no other row.
fn each_line(text: &str, take: &mut dyn FnMut(Row) -> Flow) -> Result<(), Problem> {
    for (at, line) in text.lines().enumerate() {
        let it = one_line(at + 1, line)?;
        let fault = it.open_quote.then(sheet::open_quote);
        if !is_blank(&it.cells) && take(Row { number: it.number, cells: it.cells, place: None, fault }).is_break() {
            return Ok(());
        }
    }
    Ok(())
}

impl Layer {
    fn new(layer: geo::Layer) -> Self {
        let mut titles = Vec::<String>::new();
        let mut known = std::collections::BTreeSet::new();
        for name in layer.records.iter().flat_map(|it| it.properties.keys()) {
            if titles.len() < COLUMNS && known.insert(name.as_str()) {
                titles.push(name.clone());
            }
        }
        Self { titles, layer }
    }

    /// Records and refused rows in the order of the file.
    fn each(&self, take: &mut dyn FnMut(Row) -> Flow) {
        let mut refused: Vec<Row> = self.layer.refused.iter().map(refused).collect();
        refused.sort_by_key(|it| it.number);
        let mut refused = refused.into_iter().peekable();
        for record in &self.layer.records {
            while let Some(it) = refused.next_if(|it| it.number < record.row) {
                if take(it).is_break() {
                    return;
                }
            }
            let cells = self.titles.iter().map(|it| record.properties.get(it).cloned().unwrap_or_default()).collect();
            let row = Row { number: record.row, cells, place: record.geometry.clone(), fault: None };
            if take(row).is_break() {
                return;
            }
        }
        let (listed, all) = (self.layer.refused.len(), self.layer.refused_rows);
        for it in refused.chain((listed..all).map(|_| unlisted())) {
            if take(it).is_break() {
                return;
            }
        }
    }
}

/// A refused row beyond those of which the reason is known.
fn unlisted() -> Row {
    let (zh, en) = (
        "这一行读不出来；前面的行改好后再导入，会说明原因",
        "the row cannot be read; mend those before it and the reason will be told",
    );
    Row { fault: Some(Problem::new("more_problems", zh, en)), ..Row::default() }
}

fn refused(problem: &Problem) -> Row {
    Row { number: problem.place.row.unwrap_or_default(), fault: Some(problem.clone()), ..Row::default() }
}
