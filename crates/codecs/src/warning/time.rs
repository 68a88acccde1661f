//! Moments as Chinese texts write them: 2021年07月21日14时20分, 9月17日13时12分, 24日11时19分.

use std::{iter::Peekable, str::CharIndices};

use anlan_kernel::Instant;

use crate::cap::CapTime;

/// A moment, Beijing time, as far as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrittenTime {
    /// Year, if written.
    pub year: Option<u16>,
    /// Month, if written.
    pub month: Option<u8>,
    /// Day of the month.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
}

/// A moment and where it stands, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub at: usize,
    pub end: usize,
    pub time: WrittenTime,
}

impl WrittenTime {
    /// The instant; what is not written is taken as the latest that is at most an hour after
    /// `received` (clocks differ). `None` if there is no such day.
    pub fn resolve(self, received: Instant) -> Option<Instant> {
        let limit = received.plus(std::time::Duration::from_secs(3_600));
        let year: u16 = received.wall().get(..4)?.parse().ok()?;
        let years = self.year.map_or_else(|| vec![year + 1, year, year.saturating_sub(1)], |it| vec![it]);
        let mut fitting = years.into_iter().flat_map(|year| {
            let months = self.month.map_or_else(|| (1..=12).rev().collect(), |it| vec![it]);
            months.into_iter().filter_map(move |month| self.on(year, month))
        });
        if self.year.is_some() && self.month.is_some() {
            return fitting.next();
        }
        fitting.find(|it| *it <= limit)
    }

    fn on(self, year: u16, month: u8) -> Option<Instant> {
        let (day, hour, minute) = (self.day, self.hour, self.minute);
        let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:00+08:00");
        CapTime::read(&text, 480).map(|(it, _)| it.instant())
    }
}

/// Every moment in the text.
pub(super) fn find_all(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|it| !it.is_empty()) {
        match read_at(rest) {
            Some((time, length)) => {
                found.push(Found { at, end: at + length, time });
                at += length;
            }
            None => at += skip(rest),
        }
    }
    found
}

/// Past a whole number, or past one character.
fn skip(rest: &str) -> usize {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 { digits } else { rest.chars().next().map_or(1, char::len_utf8) }
}

/// A moment at the start of the text, and its bytes.
fn read_at(text: &str) -> Option<(WrittenTime, usize)> {
    let mut scan = Scan { chars: text.char_indices().peekable(), length: text.len() };
    let (mut year, mut month) = (None, None);
    let (mut value, mut mark) = (scan.number()?, scan.mark()?);
    if matches!(mark, '年' | '-' | '/') && value >= 1900 {
        year = Some(value);
        (value, mark) = (scan.number()?, scan.mark()?);
    }
    let numeric = matches!(mark, '-' | '/');
    if mark == '月' || (numeric && year.is_some()) {
        month = Some(u8::try_from(value).ok()?);
        value = scan.number()?;
        mark = if numeric { '日' } else { scan.mark()? };
    }
    if !matches!(mark, '日' | '号') {
        return None;
    }
    let day = u8::try_from(value).ok()?;
    if numeric {
        scan.accept('T');
    }
    let hour = u8::try_from(scan.number()?).ok()?;
    let separator = scan.mark()?;
    if !matches!(separator, '时' | '点' | ':' | '：') {
        return None;
    }
    let mut end = scan.position();
    let mut minute = 0;
    if let Some(written) = scan.number() {
        let closed = scan.accept('分');
        if closed || matches!(separator, ':' | '：') {
            minute = u8::try_from(written).ok()?;
            end = scan.position();
        }
    }
    let fits = (1..=31).contains(&day) && hour < 24 && minute < 60 && month.is_none_or(|it: u8| (1..=12).contains(&it));
    fits.then_some((WrittenTime { year, month, day, hour, minute }, end))
}

struct Scan<'a> {
    chars: Peekable<CharIndices<'a>>,
    length: usize,
}

impl Scan<'_> {
    fn blanks(&mut self) {
        while self.chars.next_if(|(_, it)| matches!(it, ' ' | '\u{3000}' | '\t')).is_some() {}
    }

    /// One to four digits, half or full width.
    fn number(&mut self) -> Option<u16> {
        self.blanks();
        let (mut value, mut digits) = (0_u16, 0);
        while let Some(digit) = self.chars.peek().and_then(|(_, it)| digit(*it)) {
            digits += 1;
            if digits > 4 {
                return None;
            }
            value = value * 10 + digit;
            self.chars.next();
        }
        (digits > 0).then_some(value)
    }

    fn mark(&mut self) -> Option<char> {
        self.blanks();
        self.chars.next().map(|(_, it)| it)
    }

    fn accept(&mut self, wanted: char) -> bool {
        self.blanks();
        self.chars.next_if(|(_, it)| *it == wanted).is_some()
    }

    fn position(&mut self) -> usize {
        self.chars.peek().map_or(self.length, |(at, _)| *at)
    }
}

fn digit(it: char) -> Option<u16> {
    match it {
        '0'..='9' => u16::try_from(u32::from(it) - u32::from('0')).ok(),
        '０'..='９' => u16::try_from(u32::from(it) - u32::from('０')).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// Year, month, day, hour, minute.
    type Parts = (Option<u16>, Option<u8>, u8, u8, u8);

    #[rstest]
    #[case("2021年07月21日14时20分发布", Some((Some(2021), Some(7), 21, 14, 20)))]
    #[case("2020年8月13日9时05分发布", Some((Some(2020), Some(8), 13, 9, 5)))]
    #[case("9月17日13时12分发布", Some((None, Some(9), 17, 13, 12)))]
    #[case("24日11时19分继续发布", Some((None, None, 24, 11, 19)))]
    #[case("2023年9月7日 19：10发布", Some((Some(2023), Some(9), 7, 19, 10)))]
    #[case("2023-09-07 19:10 发布", Some((Some(2023), Some(9), 7, 19, 10)))]
    #[case("９月７日２０时发布", Some((None, Some(9), 7, 20, 0)))]
    #[case("7-9级阵风", None)]
    #[case("32日11时19分", None)]
    #[case("3小时", None)]
    fn a_moment_is_read_as_far_as_it_is_written(#[case] text: &str, #[case] want: Option<Parts>) {
        let got = find_all(text).first().map(|it| it.time).map(|it| (it.year, it.month, it.day, it.hour, it.minute));
        assert_eq!(got, want);
    }

    #[rstest]
    #[case("24日11时19分", "2025-10-24T11:30:00+08:00", "2025-10-24T11:19:00+08:00")]
    #[case("30日23时50分", "2025-10-01T00:05:00+08:00", "2025-09-30T23:50:00+08:00")]
    #[case("12月31日23时50分", "2026-01-01T00:05:00+08:00", "2025-12-31T23:50:00+08:00")]
    #[case("1月1日0时5分", "2025-12-31T23:58:00+08:00", "2026-01-01T00:05:00+08:00")]
    #[case("2015年7月1日8时0分", "2026-01-01T00:05:00+08:00", "2015-07-01T08:00:00+08:00")]
    fn what_is_not_written_is_the_latest_that_fits(#[case] text: &str, #[case] received: &str, #[case] want: &str) {
        let time = find_all(text)[0].time;
        assert_eq!(time.resolve(Instant::parse(received).unwrap()), Some(Instant::parse(want).unwrap()));
    }
}
