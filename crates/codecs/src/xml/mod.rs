//! XML as a small tree with byte offsets, read within fixed limits.

mod builder;
mod problem;
mod text;

use anlan_kernel::Problem;

use builder::Builder;
pub(crate) use problem::cut;
pub(crate) use text::{Text, allowed, escaped};

/// Most bytes a message may have (4 MiB).
pub const MAX_BYTES: usize = 4 << 20;
/// Deepest nesting of elements that is read.
pub const MAX_DEPTH: usize = 32;
/// Most elements a message may have.
pub const MAX_ELEMENTS: usize = 100_000;
/// Sizes within which a document is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Most bytes.
    pub bytes: usize,
    /// Most elements.
    pub elements: usize,
}

impl Limits {
    /// Those of a message.
    pub const MESSAGE: Self = Self { bytes: MAX_BYTES, elements: MAX_ELEMENTS };
}

/// Most warnings that are kept of one message.
pub const MAX_WARNINGS: usize = 64;

/// An element, its text and its children.
#[derive(Debug, Default)]
pub(crate) struct Element {
    /// Local name; prefixes are resolved.
    pub name: String,
    /// Offset of `<` in the decoded text.
    pub at: usize,
    /// Whether it is in the root's namespace; others keep no content.
    pub own: bool,
    /// The attribute `name`.
    pub label: Option<String>,
    /// All character data directly inside.
    pub text: String,
    /// Child elements in order.
    pub children: Vec<Element>,
}

impl Element {
    /// Children of that name in the root's namespace.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |it| it.own && it.name == name)
    }

    /// The first child of that name.
    pub fn first(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|it| it.own && it.name == name)
    }

    /// Text without blanks around it.
    pub fn value(&self) -> &str {
        self.text.trim()
    }

    /// The text of the first child of that name, if there is any.
    pub fn value_of(&self, name: &str) -> Option<String> {
        self.first(name).map(|it| it.value().to_owned()).filter(|it| !it.is_empty())
    }

    /// Neither text nor children.
    pub fn is_empty(&self) -> bool {
        self.value().is_empty() && self.children.is_empty()
    }
}

/// Warnings of one message, capped: a hostile message must not grow them without bound.
#[derive(Clone, Debug, Default)]
pub(crate) struct Warnings(Vec<Problem>);

impl Warnings {
    /// Keeps the problem; beyond the cap only says that there are more.
    pub fn push(&mut self, problem: Problem) {
        if self.0.len() + 1 < MAX_WARNINGS {
            self.0.push(problem);
        } else if self.0.len() < MAX_WARNINGS {
            self.0.push(Problem::new("more_warnings", "还有更多提醒，未列出", "there are more warnings, not listed"));
        }
    }

    /// The problems in the order they were met.
    pub fn into_vec(self) -> Vec<Problem> {
        self.0
    }
}

/// A document that is well formed and within the limits.
#[derive(Debug)]
pub(crate) struct Document {
    pub root: Element,
    /// Namespace of the root.
    pub namespace: Option<String>,
    pub text: Text,
    pub warnings: Warnings,
}

/// Decodes and parses a message; problems carry offsets into `bytes`.
pub(crate) fn parse(bytes: &[u8]) -> Result<Document, Problem> {
    parse_within(bytes, Limits::MESSAGE)
}

/// As [`parse`], within other limits.
pub(crate) fn parse_within(bytes: &[u8], limits: Limits) -> Result<Document, Problem> {
    let mut warnings = Warnings::default();
    let text = Text::decode(bytes, limits, &mut warnings)?;
    match Builder::new(&text.decoded, limits).and_then(Builder::run) {
        Ok((root, namespace)) => Ok(Document { root, namespace, text, warnings }),
        Err(problem) => Err(text.place(vec![problem]).remove(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::GBK;

    fn code(bytes: &[u8]) -> (String, Option<usize>) {
        let problem = parse(bytes).unwrap_err();
        (problem.code, problem.place.byte)
    }

    #[test]
    fn offsets_in_a_gbk_message_count_the_bytes_received() {
        let text = "<?xml version=\"1.0\" encoding=\"GBK\"?><警>暴雨<b>&x;</b></警>";
        let (bytes, _, _) = GBK.encode(text);
        let want = bytes.windows(3).position(|it| it == b"&x;");
        assert_eq!(code(&bytes), ("unknown_entity".into(), want));
    }

    #[test]
    fn a_utf16_message_is_read_by_its_byte_order_mark() {
        let mut bytes = vec![0xFF, 0xFE];
        bytes.extend("<a>暴雨</b>".encode_utf16().flat_map(u16::to_le_bytes));
        assert_eq!(code(&bytes).0, "not_well_formed");
        let mut bytes = vec![0xFF, 0xFE];
        bytes.extend("<a>暴雨</a>".encode_utf16().flat_map(u16::to_le_bytes));
        assert_eq!(parse(&bytes).unwrap().root.value(), "暴雨");
    }

    #[test]
    fn broken_text_is_refused_at_its_byte() {
        assert_eq!(code(b"<a>ok\xC3\x28</a>"), ("broken_encoding".into(), Some(5)));
        let gbk = b"<?xml version='1.0' encoding='GBK'?><a>\xB1\xA9\xFF</a>";
        assert_eq!(code(gbk), ("broken_encoding".into(), Some(41)));
        assert_eq!(code(b"<a>\x01</a>"), ("invalid_characters".into(), Some(3)));
        assert_eq!(code(b"<a>&#0;</a>").0, "unknown_entity");
        assert_eq!(code(b"<a>&#1;</a>").0, "invalid_characters");
    }

    #[test]
    fn what_is_not_one_document_is_refused() {
        for bad in ["", "  ", "hello", "<a></a><b/>", "<a></a>tail", "<a><b></a>", "<x:a/>", "<a>&lt</a>"] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
