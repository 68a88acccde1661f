//! One item read: JSON to fields, fields to instants and decimals. No station, no clock.

use std::borrow::Cow;

use anlan_kernel::{Instant, Problem};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::split::Item;
use crate::{
    log::Quality,
    rules::{BadDecimal, Decimal},
};

/// Largest item that is looked into.
pub const MAX_ITEM: usize = 64 * 1024;

/// The fields of a reading as sent; short names are those of MQTT.
#[derive(Debug, Deserialize)]
pub struct Fields<'a> {
    #[serde(borrow, default, alias = "t")]
    observed_at: Option<Cow<'a, str>>,
    #[serde(borrow, default, alias = "station")]
    pub(super) station_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) quantity: Option<Cow<'a, str>>,
    #[serde(borrow, default, alias = "v")]
    value: Option<&'a RawValue>,
    #[serde(borrow, default, alias = "u")]
    pub(super) unit: Option<Cow<'a, str>>,
    #[serde(borrow, default, alias = "q")]
    quality: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    received_at: Option<Cow<'a, str>>,
}

/// What an item says, except of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// When it was measured.
    pub observed_at: Instant,
    /// When an intermediate station had it, where it says so.
    pub received_at: Option<Instant>,
    /// The value in its unit.
    pub value: Decimal,
    /// What the device thinks of it.
    pub quality: Quality,
}

/// The fields of an item.
///
/// # Errors
/// A problem with code `line_too_long`, `not_utf8`, `truncated_json`, `not_finite` or `bad_json`.
pub fn fields<'a>(item: &Item<'a>, utf8: bool) -> Result<Fields<'a>, Problem> {
    if item.bytes.len() > MAX_ITEM {
        return Err(too_long(item.bytes.len()));
    }
    if !utf8 && let Err(error) = std::str::from_utf8(item.bytes) {
        return Err(not_utf8(item.bytes, error.valid_up_to()).byte(item.byte + error.valid_up_to()));
    }
    serde_json::from_slice(item.bytes).map_err(|error| broken(item, &error))
}

/// What the fields say.
///
/// # Errors
/// A problem with code `missing_value`, `bad_time`, `not_finite`, `bad_value`, `out_of_range` or
/// `bad_quality`, naming the field.
pub fn said(fields: &Fields<'_>) -> Result<Said, Problem> {
    let observed_at = fields.observed_at.as_deref().ok_or_else(|| missing("observed_at"))?;
    let received_at = fields.received_at.as_deref().filter(|it| !it.is_empty());
    let quality = match fields.quality.as_deref() {
        None | Some("" | "good") => Quality::Good,
        Some("suspect") => Quality::Suspect,
        Some("bad") => Quality::Bad,
        Some(other) => return Err(bad_quality(other)),
    };
    let value = fields.value.ok_or_else(|| missing("value")).and_then(|it| decimal(it.get()));
    Ok(Said {
        observed_at: instant(observed_at, "observed_at")?,
        received_at: received_at.map(|it| instant(it, "received_at")).transpose()?,
        // A bad reading is kept for its moment; nobody looks at its value, so it need not have one.
        value: if quality == Quality::Bad { value.unwrap_or_default() } else { value? },
        quality,
    })
}

/// A field that must be there and is not.
pub fn missing(field: &str) -> Problem {
    Problem::new("missing_value", format!("缺少 {field}"), format!("{field} is missing")).field(field)
}

fn decimal(raw: &str) -> Result<Decimal, Problem> {
    let text = raw.trim_matches('"');
    Decimal::parse(text).map_err(|why| {
        let shown: String = text.chars().take(40).collect();
        let (code, zh, en) = match why {
            BadDecimal::Empty => ("missing_value", "没有数值", "there is no value"),
            BadDecimal::NotFinite => ("not_finite", "不是有限的数", "is not a finite number"),
            BadDecimal::TooLarge => ("out_of_range", "太大，应小于 10¹⁰", "is too large; it must be below 10¹⁰"),
            BadDecimal::NotANumber => ("bad_value", "不是数字，如 12.5", "is not a number such as 12.5"),
        };
        Problem::new(code, format!("“{shown}”{zh}"), format!("\"{shown}\" {en}")).field("value")
    })
}

fn instant(text: &str, field: &str) -> Result<Instant, Problem> {
    plain_instant(text.as_bytes()).map_or_else(|| Instant::parse(text), Ok).map_err(|_| {
        let shown: String = text.chars().take(40).collect();
        Problem::new(
            "bad_time",
            format!("“{shown}”不是 1900 至 9998 年带时区的时间，如 2023-09-01T20:15:00+08:00"),
            format!("\"{shown}\" is not a time of 1900 to 9998 with an offset such as 2023-09-01T20:15:00+08:00"),
        )
        .field(field)
    })
}

/// The common shapes of RFC 3339 to the second, read without allocation; `None` for any other.
fn plain_instant(text: &[u8]) -> Option<Instant> {
    let number = |from: usize, until: usize| -> Option<i64> {
        text[from..until]
            .iter()
            .try_fold(0i64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    };
    let offset = match (text.len(), text.get(19)?) {
        (20, b'Z') => 0,
        (25, sign @ (b'+' | b'-')) if text[22] == b':' => {
            let (hours, minutes) = (number(20, 22)?, number(23, 25)?);
            let seconds = (hours * 60 + minutes) * 60;
            (hours < 24 && minutes < 60).then_some(if *sign == b'+' { seconds } else { -seconds })?
        }
        _ => return None,
    };
    let marks = [text[4], text[7], text[10], text[13], text[16]] == *b"--T::";
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let fine = marks && (1..=12).contains(&month) && (1..=28).contains(&day) && hour < 24 && minute < 60 && second < 60;
    let at =
        fine.then(|| Instant::from_secs(((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second - offset));
    at.filter(|it| it.is_writable())
}

/// Days from 1970-01-01, proleptic Gregorian (Hinnant, chrono-compatible low-level date algorithms).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn too_long(bytes: usize) -> Problem {
    Problem::new(
        "line_too_long",
        format!("这一条有 {bytes} 字节，最多 {MAX_ITEM}"),
        format!("the item has {bytes} bytes; at most {MAX_ITEM} are read"),
    )
}

/// Bytes that are not UTF-8; says so when they read as GBK.
fn not_utf8(bytes: &[u8], at: usize) -> Problem {
    let (text, _, broken) = encoding_rs::GBK.decode(&bytes[at..]);
    let gbk = !broken && text.chars().any(|it| ('\u{4e00}'..='\u{9fff}').contains(&it));
    let (zh, en) = if gbk { ("，像是 GBK 编码", "; it reads like GBK") } else { ("", "") };
    Problem::new(
        "not_utf8",
        format!("不是 UTF-8 文字{zh}；请以 UTF-8 发送"),
        format!("this is not UTF-8{en}; send UTF-8"),
    )
}

fn broken(item: &Item<'_>, error: &serde_json::Error) -> Problem {
    let text = String::from_utf8_lossy(item.bytes);
    if let Some(at) = ["NaN", "Infinity", "-Infinity"]
        .iter()
        .find_map(|it| text.find(&format!(":{it}")).or_else(|| text.find(&format!(": {it}"))))
    {
        return Problem::new(
            "not_finite",
            "数值不是有限的数（NaN、Infinity）",
            "the value is not a finite number (NaN, Infinity)",
        )
        .field("value")
        .byte(item.byte + at + 1);
    }
    let at = error.column().min(item.bytes.len());
    let problem = if item.cut || error.is_eof() {
        Problem::new("truncated_json", "JSON 没有写完，在这里断了", "the JSON ends here before it is complete")
    } else {
        Problem::new(
            "bad_json",
            format!("不是一条观测的 JSON：{error}"),
            format!("this is not the JSON of a reading: {error}"),
        )
    };
    problem.byte(item.byte + at)
}

fn bad_quality(text: &str) -> Problem {
    let text: String = text.chars().take(40).collect();
    Problem::new(
        "bad_quality",
        format!("质量“{text}”不认识；可用 good、suspect、bad，或留空"),
        format!("the quality \"{text}\" is unknown; use good, suspect, bad or nothing"),
    )
    .field("quality")
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn the_short_way_reads_what_the_long_way_reads(seconds in -2_208_800_000i64..253_370_600_000, offset in -1439i32..1440) {
            let at = Instant::from_secs(seconds);
            let shifted = Instant::from_secs(seconds + i64::from(offset) * 60).to_rfc3339();
            let sign = if offset < 0 { '-' } else { '+' };
            let text = format!("{}{sign}{:02}:{:02}", &shifted[..19], offset.abs() / 60, offset.abs() % 60);
            if let Some(short) = plain_instant(text.as_bytes()) {
                proptest::prop_assert_eq!(short, at);
            }
            proptest::prop_assert_eq!(instant(&text, "observed_at").unwrap(), at);
        }

        #[test]
        fn both_ways_refuse_the_same_years(year in 0u16..=9999, hour in 0u8..24, east: bool) {
            let text = format!("{year:04}-01-01T{hour:02}:00:00{}", if east { "+08:00" } else { "-08:00" });
            let long = Instant::parse(&text).ok();
            proptest::prop_assert_eq!(plain_instant(text.as_bytes()), long);
            proptest::prop_assert_eq!(instant(&text, "observed_at").map_err(|it| it.place.field), long.ok_or(Some("observed_at".to_owned())));
        }

        #[test]
        fn no_text_makes_the_short_way_panic(text in ".{0,30}") {
            let _ = plain_instant(text.as_bytes());
        }
    }
}
