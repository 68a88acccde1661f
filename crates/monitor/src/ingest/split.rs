//! Bodies cut into items, whatever is wrong inside them.

/// One item of a body, not looked into yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// Its number from 0.
    pub index: usize,
    /// Byte of the body at which it starts.
    pub byte: usize,
    /// Line of the body, from 1; of an array, where the item starts.
    pub line: usize,
    /// Its bytes, without blanks around.
    pub bytes: &'a [u8],
    /// The same as they came, where that was no JSON; what is kept when it is refused.
    pub raw: &'a [u8],
    /// Whether the body ended inside of it.
    pub cut: bool,
}

/// The items of a JSON array or of NDJSON; which of them it is, the first byte says.
pub fn items(body: &[u8]) -> Vec<Item<'_>> {
    let body_start = if body.starts_with(&[0xef, 0xbb, 0xbf]) { 3 } else { 0 };
    let blanks = body[body_start..].iter().take_while(|it| it.is_ascii_whitespace()).count();
    let start = body_start + blanks;
    match body.get(start) {
        Some(b'[') => array(body, start),
        Some(b'{') if one_object(&body[start..]) => {
            let bytes = body[start..].trim_ascii();
            vec![Item { index: 0, byte: start, line: 1, bytes, raw: bytes, cut: false }]
        }
        _ => lines(body, body_start),
    }
}

/// An object written over several lines, and nothing else.
fn one_object(body: &[u8]) -> bool {
    let first = body.split(|it| *it == b'\n').next().unwrap_or_default().trim_ascii_end();
    !first.ends_with(b"}") && serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
}

fn lines(body: &[u8], start: usize) -> Vec<Item<'_>> {
    let (mut items, mut byte) = (Vec::new(), start);
    for (number, line) in body[start..].split(|it| *it == b'\n').enumerate() {
        let bytes = line.trim_ascii();
        if !bytes.is_empty() {
            items.push(Item { index: items.len(), byte, line: number + 1, bytes, raw: bytes, cut: false });
        }
        byte += line.len() + 1;
    }
    items
}

/// The elements of an array, by its outermost commas.
fn array(body: &[u8], start: usize) -> Vec<Item<'_>> {
    let mut found = Found { body, items: Vec::new(), line: 1 + newlines(&body[..start]), counted: start };
    let (mut depth, mut from, mut at) = (0usize, start + 1, start + 1);
    while at < body.len() {
        match body[at] {
            b'"' => at = string_end(body, at),
            b'[' | b'{' => depth += 1,
            b']' | b'}' if depth > 0 => depth -= 1,
            b',' if depth == 0 => {
                found.push(from, at, false);
                from = at + 1;
            }
            b']' | b'}' => {
                found.push_unless_blank(from, at, false);
                found.push_unless_blank(at + 1, body.len(), false);
                return found.items;
            }
            _ => {}
        }
        at += 1;
    }
    found.push(from, body.len(), true);
    found.items
}

/// Index of the closing quote, or of the last byte.
fn string_end(body: &[u8], quote: usize) -> usize {
    let mut at = quote + 1;
    while at < body.len() {
        match body[at] {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    body.len()
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|it| **it == b'\n').count()
}

struct Found<'a> {
    body: &'a [u8],
    items: Vec<Item<'a>>,
    line: usize,
    counted: usize,
}

impl Found<'_> {
    fn push_unless_blank(&mut self, from: usize, until: usize, cut: bool) {
        if !self.body[from..until].trim_ascii().is_empty() {
            self.push(from, until, cut);
        }
    }

    fn push(&mut self, from: usize, until: usize, cut: bool) {
        let bytes = self.body[from..until].trim_ascii_start();
        let byte = until - bytes.len();
        self.line += newlines(&self.body[self.counted..byte]);
        self.counted = byte;
        let (index, bytes) = (self.items.len(), bytes.trim_ascii_end());
        self.items.push(Item { index, byte, line: self.line, bytes, raw: bytes, cut });
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::lines("{\"a\":1}\n\n {\"b\":2}\r\n", &["{\"a\":1}", "{\"b\":2}"])]
    #[case::array("[{\"a\":[1,2]}, {\"b\":\"],\\\"\"}]", &["{\"a\":[1,2]}", "{\"b\":\"],\\\"\"}"])]
    #[case::empty_array("[ ]", &[])]
    #[case::nothing("", &[])]
    #[case::cut_array("[{\"a\":1},{\"b\":", &["{\"a\":1}", "{\"b\":"])]
    #[case::an_empty_element("[1,,2]", &["1", "", "2"])]
    #[case::more_behind("[1] x", &["1", "x"])]
    #[case::one_object("{\n \"a\": 1\n}", &["{\n \"a\": 1\n}"])]
    #[case::byte_order_mark("\u{feff}{\"a\":1}", &["{\"a\":1}"])]
    fn a_body_is_cut_into_items(#[case] body: &str, #[case] wanted: &[&str]) {
        let found = items(body.as_bytes());
        let found: Vec<_> = found.iter().map(|it| std::str::from_utf8(it.bytes).unwrap()).collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn an_item_knows_its_place() {
        let found = items(b"[1,\n\n 2,3");
        assert_eq!((found[1].line, found[1].byte, found[1].cut), (3, 6, false));
        assert_eq!((found[2].line, found[2].index, found[2].cut), (3, 2, true));
    }

    proptest::proptest! {
        #[test]
        fn no_body_makes_it_panic(body in proptest::collection::vec(proptest::sample::select(b"[]{},\"\\ \n1a".to_vec()), 0..60)) {
            for item in items(&body) {
                proptest::prop_assert!(item.byte + item.bytes.len() <= body.len());
            }
        }
    }
}
