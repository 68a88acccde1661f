//! From bytes to text, and from places in the text back to bytes.

use anlan_kernel::Problem;
use encoding_rs::{DecoderResult, Encoding, GB18030, GBK, UTF_8};

use super::{
    Limits, Warnings,
    problem::{broken, illegal_character, mislabelled, too_large, unknown_encoding},
};

/// Decoded text that still knows the bytes it came from.
#[derive(Debug)]
pub(crate) struct Text {
    /// The message as text, unchanged but for the byte order mark.
    pub decoded: String,
    encoding: &'static Encoding,
    skipped: usize,
}

impl Text {
    /// Finds the encoding by byte order mark or XML declaration and decodes.
    pub fn decode(bytes: &[u8], limits: Limits, warnings: &mut Warnings) -> Result<Self, Problem> {
        if bytes.len() > limits.bytes {
            return Err(too_large(limits, bytes.len()));
        }
        let (encoding, skipped) = match Encoding::for_bom(bytes) {
            Some(found) => found,
            None => (declared(bytes, warnings)?, 0),
        };
        let decoded = decode_whole(encoding, &bytes[skipped..]).map_err(|at| broken(encoding, at + skipped))?;
        let text = Self { decoded, encoding, skipped };
        match text.decoded.char_indices().find(|(_, it)| !allowed(*it)) {
            Some((at, bad)) => Err(text.place(vec![illegal_character(bad, at)]).remove(0)),
            None => Ok(text),
        }
    }

    /// Turns offsets in the decoded text into offsets in the bytes as received.
    pub fn place(&self, mut problems: Vec<Problem>) -> Vec<Problem> {
        let mut order: Vec<usize> = (0..problems.len()).filter(|it| problems[*it].place.byte.is_some()).collect();
        order.sort_by_key(|it| problems[*it].place.byte);
        let (mut from, mut length) = (0, self.skipped);
        for index in order {
            let to = self.floor(problems[index].place.byte.unwrap_or(0));
            length += self.encoded_length(&self.decoded[from..to]);
            from = to;
            problems[index].place.byte = Some(length);
        }
        problems
    }

    fn floor(&self, at: usize) -> usize {
        (0..=at.min(self.decoded.len())).rev().find(|it| self.decoded.is_char_boundary(*it)).unwrap_or(0)
    }

    fn encoded_length(&self, piece: &str) -> usize {
        if self.encoding == UTF_8 {
            piece.len()
        } else if self.encoding.output_encoding() == UTF_8 {
            piece.encode_utf16().count() * 2
        } else {
            let canonical = if self.encoding == GBK { GB18030 } else { self.encoding };
            canonical.encode(piece).0.len()
        }
    }
}

/// The encoding that the declaration names; UTF-8 without one.
fn declared(bytes: &[u8], warnings: &mut Warnings) -> Result<&'static Encoding, Problem> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(256)]);
    let Some(declaration) = head.strip_prefix("<?xml").and_then(|rest| rest.split("?>").next()) else {
        return Ok(UTF_8);
    };
    let Some((_, after)) = declaration.split_once("encoding") else {
        return Ok(UTF_8);
    };
    let label = after.trim_start_matches(|it: char| it.is_whitespace() || it == '=').get(1..).unwrap_or("");
    let label = label.split(['"', '\'']).next().unwrap_or("").trim();
    match Encoding::for_label_no_replacement(label.as_bytes()) {
        // The declaration was just read byte by byte, so this cannot be UTF-16.
        Some(wide) if wide.output_encoding() == UTF_8 && wide != UTF_8 => {
            warnings.push(mislabelled(label));
            Ok(UTF_8)
        }
        Some(encoding) => Ok(encoding),
        None => Err(unknown_encoding(label)),
    }
}

/// Decodes everything or gives the offset of the first byte that cannot be.
fn decode_whole(encoding: &'static Encoding, bytes: &[u8]) -> Result<String, usize> {
    if encoding == UTF_8 {
        return std::str::from_utf8(bytes).map(str::to_owned).map_err(|it| it.valid_up_to());
    }
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let capacity = decoder.max_utf8_buffer_length_without_replacement(bytes.len()).unwrap_or(bytes.len() * 3 + 16);
    let mut decoded = String::with_capacity(capacity);
    match decoder.decode_to_string_without_replacement(bytes, &mut decoded, true) {
        (DecoderResult::InputEmpty, _) => {
            decoded.shrink_to_fit();
            Ok(decoded)
        }
        (DecoderResult::Malformed(length, extra), read) => {
            Err(read.saturating_sub(usize::from(length) + usize::from(extra)))
        }
        (DecoderResult::OutputFull, read) => Err(read),
    }
}

/// Char of XML 1.0 (production 2).
pub(crate) fn allowed(it: char) -> bool {
    matches!(it, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

/// Character data as it is written; a character that XML forbids becomes U+FFFD.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for it in text.chars() {
        match it {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\r' => out.push_str("&#13;"),
            it if allowed(it) => out.push(it),
            _ => out.push('\u{FFFD}'),
        }
    }
    out
}
