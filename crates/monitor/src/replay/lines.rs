//! Lines of a byte stream, of whatever content, in constant memory.

use std::io::{self, BufRead};

/// Bytes of a line that are kept; a longer one is reported as too long.
const LONGEST: u64 = 64 * 1024;

/// One line, without its end.
pub(super) struct Line<'a> {
    /// From 1.
    pub(super) number: u64,
    /// Its beginning, when it is too long.
    pub(super) bytes: &'a [u8],
    pub(super) too_long: bool,
}

/// Reads lines one by one into one buffer.
pub(super) struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, buffer: Vec::new(), number: 0 }
    }

    /// The next line; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.buffer.clear();
        let read = io::Read::take(&mut self.input, LONGEST).read_until(b'\n', &mut self.buffer)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        let ended = self.buffer.last() == Some(&b'\n');
        let too_long = !ended && read as u64 == LONGEST && self.skip_rest()?;
        let mut bytes = self.buffer.as_slice();
        for end in [b'\n', b'\r'] {
            bytes = bytes.strip_suffix(&[end]).unwrap_or(bytes);
        }
        if self.number == 1 {
            bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        }
        Ok(Some(Line { number: self.number, bytes, too_long }))
    }

    /// Passes over the rest of the line; whether there was any.
    fn skip_rest(&mut self) -> io::Result<bool> {
        let mut skipped = false;
        loop {
            let chunk = self.input.fill_buf()?;
            let (length, ended) = match chunk.iter().position(|byte| *byte == b'\n') {
                Some(newline) => (newline + 1, true),
                None => (chunk.len(), chunk.is_empty()),
            };
            skipped |= length > 1 || (length == 1 && !ended);
            self.input.consume(length);
            if ended {
                return Ok(skipped);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_huge_line_is_passed_over_and_its_neighbours_are_whole() {
        let text = format!("\u{feff}first\r\n{}\n\nlast", "x".repeat(10_000_000));
        let mut lines = Lines::new(text.as_bytes());
        let mut seen = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            seen.push((line.number, line.bytes.len(), line.too_long));
        }
        assert_eq!(seen, [(1, 5, false), (2, 65536, true), (3, 0, false), (4, 4, false)]);
    }

    #[test]
    fn a_line_of_just_the_greatest_length_is_whole() {
        let text = format!("{}\nnext", "x".repeat(LONGEST as usize));
        let mut lines = Lines::new(text.as_bytes());
        assert!(!lines.next().unwrap().unwrap().too_long);
        assert_eq!(lines.next().unwrap().unwrap().bytes, b"next");
    }
}
