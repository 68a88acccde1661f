//! Small judgements on the text of single fields.

use super::Point;

/// RFC 3066.
pub(super) fn is_language(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let sized = |it: &str| (1..=8).contains(&it.len());
    parts.next().is_some_and(|it| sized(it) && it.bytes().all(|b| b.is_ascii_alphabetic()))
        && parts.all(|it| sized(it) && it.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// A URI with a scheme and no blanks.
pub(super) fn is_absolute(uri: &str) -> bool {
    let scheme = uri.split(':').next().unwrap_or("");
    uri.len() > scheme.len() + 1
        && scheme.starts_with(|it: char| it.is_ascii_alphabetic())
        && scheme.bytes().all(|it| it.is_ascii_alphanumeric() || b"+-.".contains(&it))
        && !uri.contains(char::is_whitespace)
}

pub(super) fn is_base64(text: &str) -> bool {
    let digits = text.bytes().filter(|it| !it.is_ascii_whitespace());
    let fine = |it: u8| it.is_ascii_alphanumeric() || b"+/=".contains(&it);
    digits.clone().all(fine) && digits.count() % 4 == 0
}

pub(super) fn has_html_tags(text: &str) -> bool {
    text.match_indices('<').any(|(at, _)| {
        let inside = text[at + 1..].trim_start_matches('/');
        inside.starts_with(|it: char| it.is_ascii_alphabetic())
            && inside.chars().take(256).take_while(|it| *it != '<').any(|it| it == '>')
    })
}

pub(super) fn has_html_entities(text: &str) -> bool {
    text.match_indices('&').any(|(at, _)| {
        let name: String = text[at + 1..].chars().take(10).take_while(|it| *it != ';').collect();
        let ended = text.as_bytes().get(at + 1 + name.len()) == Some(&b';');
        ended && name.len() > 1 && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '#')
    })
}

/// What is wrong with a point outside the ranges, in both languages.
pub(super) fn off_the_globe(point: Point) -> (String, String) {
    let swapped = Point { latitude: point.longitude, longitude: point.latitude }.in_range();
    let (zh, en) = if swapped {
        ("：CAP 先纬度后经度，似乎写反了", ": CAP writes latitude first; this looks swapped")
    } else {
        ("", "")
    };
    (
        format!("点 {point} 超出范围（纬度 ±90，经度 ±180）{zh}"),
        format!("the point {point} is off the globe (latitude ±90, longitude ±180){en}"),
    )
}
