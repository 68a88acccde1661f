//! Degrees as people write them: `114.0569`, `114°03′25″E`, `东经114度3分25秒`, `114 3 25`, `1140325`.

use anlan_kernel::Problem;

use crate::xml::cut;

/// Which of the two coordinates a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// 经度.
    Longitude,
    /// 纬度.
    Latitude,
}

impl Axis {
    fn zh(self) -> &'static str {
        ["经度", "纬度"][self as usize]
    }

    fn en(self) -> &'static str {
        ["longitude", "latitude"][self as usize]
    }

    fn limit(self) -> f64 {
        [180.0, 90.0][self as usize]
    }

    fn example(self) -> &'static str {
        ["114.0569 或 114°03′25″E", "22.5438 或 22°32′38″N"][self as usize]
    }

    fn example_en(self) -> &'static str {
        ["114.0569 or 114°03′25″E", "22.5438 or 22°32′38″N"][self as usize]
    }

    fn other(self) -> Self {
        [Self::Latitude, Self::Longitude][self as usize]
    }
}

/// Degrees, east and north positive. `field` is the column's title as the reader knows it.
///
/// Digits without marks are degrees unless they are too large for it: then `DDDMMSS` or `DDMMSS`.
///
/// # Errors
/// `not_a_number`, `wrong_axis` (E in a latitude), `minutes_range`, `longitude_range`, `latitude_range`.
pub fn parse(text: &str, axis: Axis, field: &str) -> Result<f64, Problem> {
    read(text, axis).map_err(|it| it.field(field))
}

fn read(text: &str, axis: Axis) -> Result<f64, Problem> {
    if text.len() > 200 {
        return Err(unreadable(text, axis));
    }
    // Before 度 becomes a mark.
    let bare = text.trim().trim_start_matches(axis.zh());
    let plain = bare.chars().map(plain).collect::<String>().replace("′′", "″");
    let (bare, side) = side(plain.trim()).ok_or_else(|| unreadable(text, axis))?;
    if let Some((stated, _)) = side.filter(|(stated, _)| *stated != axis) {
        return Err(wrong_axis(text, axis, stated));
    }
    let (bare, minus) = bare.strip_prefix(['-', '−']).map_or((bare, false), |it| (it.trim_start(), true));
    if minus && side.is_some() {
        return Err(unreadable(text, axis));
    }
    let size = size(bare, axis, text)?;
    if size > axis.limit() {
        return Err(out_of_range(size, axis));
    }
    let negative = minus || side.is_some_and(|(_, negative)| negative);
    Ok(if negative && size != 0.0 { -size } else { size })
}

/// Full-width characters and the many marks of degrees, minutes and seconds as one of each.
fn plain(it: char) -> char {
    match it {
        '！'..='～' => plain(char::from_u32(u32::from(it) - 0xFEE0).unwrap_or(it)),
        '\u{3000}' | '\t' | '\u{A0}' | ':' => ' ',
        '度' | 'º' | '˚' | '∘' => '°',
        '分' | '\'' | '’' | '‘' | '´' | '`' => '′',
        '秒' | '"' | '”' | '“' | '〃' => '″',
        it => it.to_ascii_uppercase(),
    }
}

type Side = (Axis, bool);

/// Takes the hemisphere off: which coordinate it says this is, and whether west or south.
fn side(text: &str) -> Option<(&str, Option<Side>)> {
    const MARKS: [(&str, Side); 8] = [
        ("东经", (Axis::Longitude, false)),
        ("西经", (Axis::Longitude, true)),
        ("北纬", (Axis::Latitude, false)),
        ("南纬", (Axis::Latitude, true)),
        ("E", (Axis::Longitude, false)),
        ("W", (Axis::Longitude, true)),
        ("N", (Axis::Latitude, false)),
        ("S", (Axis::Latitude, true)),
    ];
    for (mark, side) in MARKS {
        if let Some(rest) = text.strip_prefix(mark).or_else(|| text.strip_suffix(mark)) {
            let again = MARKS.iter().any(|(it, _)| rest.contains(it));
            return (!again).then_some((rest.trim(), Some(side)));
        }
    }
    Some((text, None))
}

fn size(bare: &str, axis: Axis, text: &str) -> Result<f64, Problem> {
    let bad = || unreadable(text, axis);
    let mut parts: Vec<&str> = Vec::new();
    let mut rest = bare;
    for mark in ['°', '′', '″'] {
        let end = rest.find([mark, ' ']).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        let after = after.trim_start();
        rest = after.strip_prefix(mark).unwrap_or(after).trim_start();
        parts.push(part);
        if rest.is_empty() {
            break;
        }
    }
    if !rest.is_empty() {
        return Err(bad());
    }
    let last = parts.len() - 1;
    let mut numbers = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        numbers.push(number(part, index == last).ok_or_else(bad)?);
    }
    match numbers[..] {
        [whole] if whole > axis.limit() => {
            compact(parts[0], axis, text).unwrap_or_else(|| Err(out_of_range(whole, axis)))
        }
        [whole] => Ok(whole),
        [degrees, minutes] => sexagesimal(degrees, minutes, 0.0, axis, text),
        [degrees, minutes, seconds] => sexagesimal(degrees, minutes, seconds, axis, text),
        _ => Err(bad()),
    }
}

/// Digits, with a fraction only in the last part.
fn number(text: &str, fraction: bool) -> Option<f64> {
    let (whole, part) = text.split_once('.').map_or((text, None), |(whole, part)| (whole, Some(part)));
    let digits = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    let right = digits(whole) && part.is_none_or(|it| fraction && digits(it));
    if right { text.parse().ok() } else { None }
}

/// `DDDMMSS` or `DDMMSS`, seconds with a fraction or without; `None` when it is not that long.
fn compact(digits: &str, axis: Axis, text: &str) -> Option<Result<f64, Problem>> {
    let whole = digits.find('.').unwrap_or(digits.len());
    let longest = if axis == Axis::Longitude { 7 } else { 6 };
    if !(6..=longest).contains(&whole) {
        return None;
    }
    let degrees = digits[..whole - 4].parse().ok()?;
    let minutes = digits[whole - 4..whole - 2].parse().ok()?;
    let seconds = digits[whole - 2..].parse().ok()?;
    Some(sexagesimal(degrees, minutes, seconds, axis, text))
}

fn sexagesimal(degrees: f64, minutes: f64, seconds: f64, axis: Axis, text: &str) -> Result<f64, Problem> {
    if minutes < 60.0 && seconds < 60.0 {
        return Ok(degrees + minutes / 60.0 + seconds / 3_600.0);
    }
    let (text, zh, en) = (cut(text), axis.zh(), axis.en());
    Err(Problem::new(
        "minutes_range",
        format!("{zh}“{text}”的分和秒应小于 60"),
        format!("minutes and seconds of the {en} {text:?} must be below 60"),
    ))
}

fn unreadable(text: &str, axis: Axis) -> Problem {
    let text = cut(text);
    Problem::new(
        "not_a_number",
        format!("{}“{text}”读不出来，应如 {}", axis.zh(), axis.example()),
        format!("the {} {text:?} cannot be read; it should be like {}", axis.en(), axis.example_en()),
    )
}

fn wrong_axis(text: &str, axis: Axis, stated: Axis) -> Problem {
    let text = cut(text);
    Problem::new(
        "wrong_axis",
        format!("这一列应是{}，“{text}”写的是{}：经纬度可能写反了", axis.zh(), stated.zh()),
        format!("this should be a {}, but {text:?} says {}: the two may be swapped", axis.en(), stated.en()),
    )
}

fn out_of_range(size: f64, axis: Axis) -> Problem {
    let limit = axis.limit();
    let swapped = axis == Axis::Latitude && size <= axis.other().limit();
    let (hint_zh, hint_en) =
        if swapped { ("，经纬度可能写反了", "; longitude and latitude may be swapped") } else { ("", "") };
    Problem::new(
        format!("{}_range", axis.en()),
        format!("{} {size} 超出 ±{limit}{hint_zh}", axis.zh()),
        format!("the {} {size} is beyond ±{limit}{hint_en}", axis.en()),
    )
}
