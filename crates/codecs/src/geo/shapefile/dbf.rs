//! The table of attributes, dBASE III to FoxPro.

use anlan_kernel::Problem;
use encoding_rs::{Encoding, UTF_8};

use super::charset;
use crate::geo::{
    Properties,
    intake::{Intake, put},
};

/// A table of attributes.
pub(super) struct Table<'a> {
    fields: Vec<Field>,
    encoding: &'static Encoding,
    /// Whole rows, each `width` long.
    rows: &'a [u8],
    width: usize,
    count: usize,
}

struct Field {
    name: String,
    kind: u8,
    from: usize,
    length: usize,
}

/// What stands in a row.
pub(super) enum Row {
    Found(Result<Properties, Problem>),
    Deleted,
    Missing,
}

impl<'a> Table<'a> {
    pub fn open(bytes: &'a [u8], cpg: Option<&[u8]>, intake: &mut Intake) -> Result<Self, Problem> {
        let head = bytes.get(..32).ok_or_else(bad)?;
        let short = |at: usize| usize::from(u16::from_le_bytes([head[at], head[at + 1]]));
        let stated = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let (start, width) = (short(8), short(10));
        let body = bytes.get(start..).filter(|_| width > 0 && start > 32).ok_or_else(bad)?;
        let count = stated.min(body.len() / width);
        let rows = &body[..count * width];
        let raw = descriptors(&bytes[32..start]);
        let encoding = charset::stated(cpg, head[29]).unwrap_or_else(|| guess(&raw, rows, width, intake));
        let fields = fields(&raw, encoding);
        if fields.last().is_some_and(|it| it.from + it.length > width) {
            return Err(bad());
        }
        fields.iter().filter(|it| !readable(it.kind)).for_each(|it| intake.warn_file(unread(it)));
        Ok(Self { fields, encoding, rows, width, count })
    }

    pub fn rows(&self) -> usize {
        self.count
    }

    pub fn row(&self, index: usize) -> Row {
        let Some(row) = self.rows.chunks_exact(self.width).nth(index) else { return Row::Missing };
        if row[0] == b'*' {
            return Row::Deleted;
        }
        Row::Found(self.properties(row))
    }

    fn properties(&self, row: &[u8]) -> Result<Properties, Problem> {
        let mut found = Properties::new();
        for field in self.fields.iter().filter(|it| readable(it.kind)) {
            let raw = &row[field.from..field.from + field.length];
            let text = match field.kind {
                b'I' => integer(raw),
                b'O' => real(raw),
                b'C' => self.text(raw).ok_or_else(|| broken(self.encoding, &field.name))?,
                kind => plain(kind, String::from_utf8_lossy(raw).trim_matches(['\0', ' '])),
            };
            put(&mut found, &field.name, &text);
        }
        Ok(found)
    }

    fn text(&self, raw: &[u8]) -> Option<String> {
        let end = raw.iter().rposition(|it| !matches!(it, 0 | b' ')).map_or(0, |it| it + 1);
        charset::decode(self.encoding, &raw[..end], end == raw.len())
    }
}

fn readable(kind: u8) -> bool {
    matches!(kind, b'C' | b'N' | b'F' | b'D' | b'L' | b'I' | b'O')
}

/// Numbers, days and yes or no; blank where the value is unknown, which programs write as asterisks or zeros.
fn plain(kind: u8, text: &str) -> String {
    match (kind, text) {
        (_, text) if text.starts_with('*') => String::new(),
        (b'D', "00000000") => String::new(),
        (b'D', text) if text.len() == 8 && text.bytes().all(|it| it.is_ascii_digit()) => {
            format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..])
        }
        (b'L', "T" | "t" | "Y" | "y") => "true".to_owned(),
        (b'L', "F" | "f" | "N" | "n") => "false".to_owned(),
        (b'L', _) => String::new(),
        (_, text) => text.to_owned(),
    }
}

fn integer(raw: &[u8]) -> String {
    raw.try_into().map_or_else(|_| String::new(), |it| i32::from_le_bytes(it).to_string())
}

fn real(raw: &[u8]) -> String {
    raw.try_into().map_or_else(|_| String::new(), |it| f64::from_le_bytes(it).to_string())
}

/// The 32-byte descriptions of the fields, up to the mark of their end.
fn descriptors(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.chunks_exact(32).take_while(|it| it[0] != 0x0D).collect()
}

fn fields(raw: &[&[u8]], encoding: &'static Encoding) -> Vec<Field> {
    let mut from = 1;
    let field = |it: &&[u8]| {
        let name = name(it);
        let length = usize::from(it[16]);
        let name = charset::decode(encoding, name, true).unwrap_or_else(|| String::from_utf8_lossy(name).into_owned());
        from += length;
        Field { name, kind: it[11].to_ascii_uppercase(), from: from - length, length }
    };
    raw.iter().map(field).collect()
}

fn name(descriptor: &[u8]) -> &[u8] {
    descriptor[..11].split(|it| *it == 0).next().unwrap_or_default()
}

fn guess(raw: &[&[u8]], rows: &[u8], width: usize, intake: &mut Intake) -> &'static Encoding {
    let mut sample: Vec<u8> = raw.iter().flat_map(|it| name(it)).copied().collect();
    for field in fields(raw, UTF_8).iter().filter(|it| it.kind == b'C') {
        let cells = rows.chunks_exact(width).filter_map(|it| it.get(field.from..field.from + field.length));
        sample.extend(cells.flat_map(<[u8]>::trim_ascii));
    }
    let encoding = charset::guessed(&sample);
    if !sample.is_ascii() {
        let name = encoding.name();
        intake.warn_file(
            Problem::new(
                "encoding_guessed",
                format!("没有写明属性的编码（.cpg），按 {name} 读取"),
                format!("the encoding of the attributes is not stated (.cpg); read as {name}"),
            )
            .field("cpg"),
        );
    }
    encoding
}

fn bad() -> Problem {
    Problem::new(
        "bad_table",
        ".dbf 读不出来：文件头与内容不符",
        "the .dbf cannot be read: its header does not fit its content",
    )
    .field("dbf")
}

fn broken(encoding: &'static Encoding, field: &str) -> Problem {
    let name = encoding.name();
    Problem::new(
        "broken_encoding",
        format!("文字不是 {name} 编码；请更正 .cpg（通常为 GBK 或 UTF-8）"),
        format!("the text is not {name}: correct the .cpg (usually GBK or UTF-8)"),
    )
    .field(field)
}

fn unread(field: &Field) -> Problem {
    let kind = char::from(field.kind).escape_default();
    Problem::new(
        "unread_column",
        format!("类型为 {kind} 的列不读（备注、图片等）"),
        format!("columns of type {kind} are not read (memo, pictures and the like)"),
    )
    .field(field.name.clone())
}
