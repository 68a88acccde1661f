//! In which encoding attributes are.

use encoding_rs::{BIG5, Encoding, GB18030, GBK, UTF_8, WINDOWS_1252};

/// Encoding of attributes that are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    /// Names of columns hold 3 characters.
    Utf8,
    /// Names of columns hold 5 characters; what ArcGIS and SuperMap in Chinese expect.
    #[default]
    Gbk,
}

impl Charset {
    /// As a `.cpg` names it.
    pub fn name(self) -> &'static str {
        ["UTF-8", "GBK"][self as usize]
    }

    /// The language driver of the table's header: none, or code page 936.
    pub(super) fn driver(self) -> u8 {
        [0, 0x4D][self as usize]
    }

    /// `None` when a character has no code.
    pub(super) fn encode(self, text: &str) -> Option<Vec<u8>> {
        let encoding = [UTF_8, GBK][self as usize];
        let (bytes, _, lossy) = encoding.encode(text);
        (!lossy).then(|| bytes.into_owned())
    }
}

/// What the `.cpg` says, else the language driver; `None` when neither does.
pub(super) fn stated(cpg: Option<&[u8]>, driver: u8) -> Option<&'static Encoding> {
    cpg.and_then(of_cpg).or(match driver {
        0x4D | 0x7A => Some(GB18030),
        0x4F | 0x78 => Some(BIG5),
        0x03 | 0x58 | 0x59 => Some(WINDOWS_1252),
        _ => None,
    })
}

/// GB18030 holds all of GBK and GB 2312.
fn of_cpg(cpg: &[u8]) -> Option<&'static Encoding> {
    let text = String::from_utf8_lossy(cpg).trim_start_matches('\u{FEFF}').trim().to_ascii_uppercase();
    match text.rsplit([' ', 'P']).next().unwrap_or_default() {
        "65001" => Some(UTF_8),
        "936" | "54936" | "20936" => Some(GB18030),
        "950" => Some(BIG5),
        "1252" | "88591" => Some(WINDOWS_1252),
        _ => Encoding::for_label_no_replacement(text.as_bytes()).map(|it| if it == GBK { GB18030 } else { it }),
    }
}

/// UTF-8 if all of it is, otherwise GB18030.
pub(super) fn guessed(bytes: &[u8]) -> &'static Encoding {
    if std::str::from_utf8(bytes).is_ok() { UTF_8 } else { GB18030 }
}

/// The text; `cut` says that the last character may be half there because the field was too short for it.
pub(super) fn decode(encoding: &'static Encoding, bytes: &[u8], cut: bool) -> Option<String> {
    let whole = |it: &[u8]| encoding.decode_without_bom_handling_and_without_replacement(it).map(|it| it.into_owned());
    let halves = if cut { 3 } else { 0 };
    (0..=halves.min(bytes.len())).find_map(|missing| whole(&bytes[..bytes.len() - missing]))
}
