//! What can be wrong with a document before anybody looks at its meaning.

use anlan_kernel::Problem;
use encoding_rs::Encoding;

use super::{Limits, MAX_DEPTH};

/// At most 64 characters of something that is quoted in a message.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(64) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

pub(super) fn malformed(at: usize, zh: impl Into<String>, en: impl Into<String>) -> Problem {
    Problem::new("not_well_formed", zh, en).byte(at)
}

pub(super) fn too_large(limits: Limits, length: usize) -> Problem {
    let most = limits.bytes;
    Problem::new(
        "too_large",
        format!("报文有 {length} 字节，最多 {most} 字节"),
        format!("the message has {length} bytes; at most {most} are read"),
    )
    .byte(most)
}

pub(super) fn too_deep(at: usize) -> Problem {
    Problem::new(
        "too_deep",
        format!("元素嵌套超过 {MAX_DEPTH} 层"),
        format!("elements are nested deeper than {MAX_DEPTH}"),
    )
    .byte(at)
}

pub(super) fn too_many(limits: Limits, at: usize) -> Problem {
    let most = limits.elements;
    Problem::new("too_many_elements", format!("元素超过 {most} 个"), format!("there are more than {most} elements"))
        .byte(at)
}

pub(super) fn dtd(at: usize) -> Problem {
    Problem::new(
        "dtd_refused",
        "报文带 DOCTYPE，一律拒收：请去掉文档类型声明",
        "a document type declaration is always refused: remove the DOCTYPE",
    )
    .byte(at)
}

pub(super) fn unknown_entity(name: &str, at: usize) -> Problem {
    let name = cut(name);
    Problem::new(
        "unknown_entity",
        format!("不认识的实体 &{name};：只认 &lt; &gt; &amp; &quot; &apos; 和字符编号"),
        format!("unknown entity &{name};: only &lt; &gt; &amp; &quot; &apos; and character numbers are read"),
    )
    .byte(at)
}

pub(super) fn unbound_prefix(prefix: &str, at: usize) -> Problem {
    let prefix = cut(prefix);
    malformed(at, format!("命名空间前缀 {prefix} 没有声明"), format!("the namespace prefix {prefix} is not declared"))
}

pub(super) fn illegal_character(it: char, at: usize) -> Problem {
    let code = u32::from(it);
    Problem::new(
        "invalid_characters",
        format!("XML 不允许的字符 U+{code:04X}"),
        format!("the character U+{code:04X} is not allowed in XML"),
    )
    .byte(at)
}

pub(super) fn broken(encoding: &'static Encoding, at: usize) -> Problem {
    let name = encoding.name();
    Problem::new(
        "broken_encoding",
        format!("此处不是有效的 {name} 文字；若为国标编码，请在声明中写明 encoding=\"GB18030\""),
        format!("this byte is not valid {name}; if the text is GBK, declare encoding=\"GB18030\""),
    )
    .byte(at)
}

pub(super) fn unknown_encoding(label: &str) -> Problem {
    let label = cut(label);
    Problem::new(
        "unsupported_encoding",
        format!("不支持声明的编码 {label:?}：请用 UTF-8、GBK 或 GB18030"),
        format!("the declared encoding {label:?} is not supported: use UTF-8, GBK or GB18030"),
    )
    .byte(0)
}

pub(super) fn mislabelled(label: &str) -> Problem {
    Problem::new(
        "encoding_mismatch",
        format!("声明的编码 {label} 与实际不符，按 UTF-8 读取"),
        format!("the declared encoding {label} is not what the bytes are; read as UTF-8"),
    )
    .byte(0)
}
