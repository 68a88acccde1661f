//! A workbook written row by row: whatever its size, no more of it is held than the row at hand.
//!
//! Cells hold numbers, or texts beside themselves (inline), so that nothing is a formula and no list of shared texts grows.

use std::io::{self, Seek, Write};

use zip::{ZipWriter, write::SimpleFileOptions};

/// Rows of one sheet; what goes beyond stands in the next one, under the same titles.
pub const SHEET_ROWS: u32 = 1_048_576;
/// Most characters of a cell.
pub const CELL_LENGTH: usize = 32_767;
/// Bytes gathered before they are deflated.
const GATHERED: usize = 1 << 16;
/// More cells than this may make a part larger than 4 GiB, which its entry has to say beforehand.
const LARGE: u64 = 20_000_000;

/// What stands in a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// Nothing.
    Blank,
    /// A text; one that begins like a formula stays a text.
    Text(&'a str),
    /// A number.
    Number(f64),
}

/// A workbook that is being written.
pub struct Workbook<W: Write + Seek> {
    zip: ZipWriter<W>,
    title: String,
    titles: Vec<String>,
    letters: Vec<String>,
    options: SimpleFileOptions,
    sheets: usize,
    row: u32,
    bytes: Vec<u8>,
}

impl<W: Write + Seek> Workbook<W> {
    /// A workbook whose first sheet bears this name and these titles; `cells` is about how many there will be.
    ///
    /// # Errors
    /// What the file says.
    pub fn new(to: W, name: &str, titles: Vec<String>, cells: u64) -> io::Result<Self> {
        let options = SimpleFileOptions::default().compression_level(Some(1)).large_file(cells > LARGE);
        let mut this = Self {
            zip: ZipWriter::new(to),
            title: sheet_name(name),
            letters: (0..titles.len()).map(crate::import::columns_page::letters).collect(),
            titles,
            options,
            sheets: 0,
            row: 0,
            bytes: Vec::with_capacity(2 * GATHERED),
        };
        this.begin()?;
        Ok(this)
    }

    /// The next row.
    ///
    /// # Errors
    /// What the file says.
    pub fn row<'a>(&mut self, cells: impl IntoIterator<Item = Cell<'a>>) -> io::Result<()> {
        if self.row == SHEET_ROWS {
            self.end()?;
            self.begin()?;
        }
        self.put(cells, "")?;
        if self.bytes.len() >= GATHERED { self.flush() } else { Ok(()) }
    }

    /// Ends it.
    ///
    /// # Errors
    /// What the file says.
    pub fn finish(mut self) -> io::Result<W> {
        self.end()?;
        let plain = SimpleFileOptions::default();
        let sheets = 1..=self.sheets;
        let types: String = sheets
            .clone()
            .map(|it| format!("<Override PartName=\"/xl/worksheets/sheet{it}.xml\" ContentType=\"{SHEET}\"/>"))
            .collect();
        let links: String = sheets
            .clone()
            .map(|it| {
                format!("<Relationship Id=\"rId{it}\" Type=\"{LINKS}/worksheet\" Target=\"worksheets/sheet{it}.xml\"/>")
            })
            .collect();
        let named = |it: usize| if it == 1 { self.title.clone() } else { format!("{}{it}", self.title) };
        let names: String =
            sheets.map(|it| format!("<sheet name=\"{}\" sheetId=\"{it}\" r:id=\"rId{it}\"/>", named(it))).collect();
        let styles = self.sheets + 1;
        let parts = [
            (
                "xl/workbook.xml",
                format!("<workbook xmlns=\"{MAIN}\" xmlns:r=\"{LINKS}\"><sheets>{names}</sheets></workbook>"),
            ),
            (
                "xl/_rels/workbook.xml.rels",
                format!(
                    "<Relationships xmlns=\"{PACKAGE}/relationships\">{links}<Relationship Id=\"rId{styles}\" Type=\"{LINKS}/styles\" Target=\"styles.xml\"/></Relationships>"
                ),
            ),
            ("xl/styles.xml", STYLES.to_owned()),
            (
                "_rels/.rels",
                format!(
                    "<Relationships xmlns=\"{PACKAGE}/relationships\"><Relationship Id=\"rId1\" Type=\"{LINKS}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
                ),
            ),
            (
                "[Content_Types].xml",
                format!(
                    "<Types xmlns=\"{PACKAGE}/content-types\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" ContentType=\"application/xml\"/><Override PartName=\"/xl/workbook.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/><Override PartName=\"/xl/styles.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml\"/>{types}</Types>"
                ),
            ),
        ];
        for (name, text) in parts {
            self.zip.start_file(name, plain)?;
            self.zip.write_all(HEAD.as_bytes())?;
            self.zip.write_all(text.as_bytes())?;
        }
        Ok(self.zip.finish()?)
    }

    fn begin(&mut self) -> io::Result<()> {
        self.sheets += 1;
        self.row = 0;
        self.zip.start_file(format!("xl/worksheets/sheet{}.xml", self.sheets), self.options)?;
        let head = format!(
            "{HEAD}<worksheet xmlns=\"{MAIN}\"><sheetViews><sheetView workbookViewId=\"0\"><pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/></sheetView></sheetViews><sheetFormatPr defaultRowHeight=\"15\"/><sheetData>"
        );
        self.bytes.extend_from_slice(head.as_bytes());
        let titles = self.titles.clone();
        self.put(titles.iter().map(|it| Cell::Text(it)), " s=\"1\"")
    }

    fn end(&mut self) -> io::Result<()> {
        self.bytes.extend_from_slice(b"</sheetData></worksheet>");
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.zip.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }

    fn put<'a>(&mut self, cells: impl IntoIterator<Item = Cell<'a>>, style: &str) -> io::Result<()> {
        self.row += 1;
        let (row, out) = (self.row.to_string(), &mut self.bytes);
        for part in ["<row r=\"", &row, "\">"] {
            out.extend_from_slice(part.as_bytes());
        }
        for (at, cell) in cells.into_iter().enumerate() {
            if cell == Cell::Blank || cell == Cell::Text("") {
                continue;
            }
            while self.letters.len() <= at {
                self.letters.push(crate::import::columns_page::letters(self.letters.len()));
            }
            for part in ["<c r=\"", &self.letters[at], &row, "\"", style] {
                out.extend_from_slice(part.as_bytes());
            }
            match cell {
                Cell::Number(it) if it.is_finite() => {
                    out.extend_from_slice(b"><v>");
                    write!(out, "{it}")?;
                    out.extend_from_slice(b"</v></c>");
                }
                Cell::Text(it) => text(out, it),
                Cell::Blank | Cell::Number(_) => out.extend_from_slice(b"/>"),
            }
        }
        out.extend_from_slice(b"</row>");
        Ok(())
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    let bare = !text.starts_with(char::is_whitespace) && !text.ends_with(char::is_whitespace) && !text.contains('\n');
    let open: &[u8] =
        if bare { b" t=\"inlineStr\"><is><t>" } else { b" t=\"inlineStr\"><is><t xml:space=\"preserve\">" };
    out.extend_from_slice(open);
    escape(out, cut(text));
    out.extend_from_slice(b"</t></is></c>");
}

fn cut(text: &str) -> &str {
    // Bytes are never fewer than characters.
    if text.len() <= CELL_LENGTH {
        return text;
    }
    text.char_indices().nth(CELL_LENGTH).map_or(text, |it| &text[..it.0])
}

/// Text as XML holds it; what XML cannot hold is left out.
pub fn escape(out: &mut Vec<u8>, text: &str) {
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let instead: &[u8] = match byte {
            b'&' => b"&amp;",
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            b'"' => b"&quot;",
            b'\t' | b'\n' | 0x20.. => continue,
            b'\r' => b"&#13;",
            _ => b"",
        };
        out.extend_from_slice(&text.as_bytes()[from..at]);
        out.extend_from_slice(instead);
        from = at + 1;
    }
    out.extend_from_slice(&text.as_bytes()[from..]);
}

/// A name that a sheet may have: at most 31 characters, none of them a bracket or a path's.
fn sheet_name(name: &str) -> String {
    let fine =
        name.chars().filter(|it| !"[]:*?/\\'<>&\"".contains(*it) && !it.is_control()).take(28).collect::<String>();
    if fine.trim().is_empty() { "Sheet".to_owned() } else { fine }
}

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const LINKS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
const SHEET: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml";
/// Plain cells, and bold ones for titles.
const STYLES: &str = "<styleSheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><fonts count=\"2\"><font><sz val=\"11\"/><name val=\"Calibri\"/></font><font><b/><sz val=\"11\"/><name val=\"Calibri\"/></font></fonts><fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill><fill><patternFill patternType=\"gray125\"/></fill></fills><borders count=\"1\"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/></cellStyleXfs><cellXfs count=\"2\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\"/><xf numFmtId=\"0\" fontId=\"1\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyFont=\"1\"/></cellXfs></styleSheet>";

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use calamine::{Data, Reader, Xlsx};

    use super::*;

    #[test]
    fn what_is_written_is_read_back_as_text_and_numbers() {
        let titles = ["甲", "乙 <&>"].map(str::to_owned).to_vec();
        let mut book = Workbook::new(Cursor::new(Vec::new()), "表[1]", titles, 4).unwrap();
        book.row([Cell::Text("=1+1"), Cell::Number(12.5)]).unwrap();
        book.row([Cell::Blank, Cell::Text(" a\u{1}<b>\n\"c\" & d ")]).unwrap();
        let bytes = book.finish().unwrap().into_inner();
        let mut read: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
        assert_eq!(read.sheet_names(), ["表1"]);
        let range = read.worksheet_range("表1").unwrap();
        let text = |it: &str| Data::String(it.to_owned());
        let rows: Vec<_> = range.rows().map(<[Data]>::to_vec).collect();
        assert_eq!(rows[0], [text("甲"), text("乙 <&>")]);
        assert_eq!(rows[1], [text("=1+1"), Data::Float(12.5)]);
        assert_eq!(rows[2], [Data::Empty, text(" a<b>\n\"c\" & d ")]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_a_sheet(words in proptest::collection::vec("\\PC{0,12}", 1..6)) {
            let mut book = Workbook::new(Cursor::new(Vec::new()), &words[0], vec!["t".to_owned()], 1).unwrap();
            book.row(words.iter().map(|it| Cell::Text(it))).unwrap();
            let bytes = book.finish().unwrap().into_inner();
            let mut read: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
            let name = read.sheet_names()[0].clone();
            proptest::prop_assert!(read.worksheet_range(&name).is_ok());
        }
    }
}
