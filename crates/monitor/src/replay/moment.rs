//! RFC 3339 at the speed of a file.

use anlan_kernel::Instant;

/// Reads `2023-09-01T20:15:00+08:00` or `…Z` directly; every other shape goes the thorough way.
pub(super) fn parse_moment(text: &str) -> Option<Instant> {
    plain(text.as_bytes()).or_else(|| Instant::parse(text).ok())
}

fn plain(text: &[u8]) -> Option<Instant> {
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if text.len() < 20 || marks.iter().any(|&(place, mark)| text[place] != mark) {
        return None;
    }
    let number = |from: usize, until: usize| {
        text[from..until]
            .iter()
            .try_fold(0i64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let east = match &text[19..] {
        b"Z" => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let (hours, minutes) = (number(20, 22)?, number(23, 25)?);
            let size = (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)?;
            if *sign == b'-' { -size } else { size }
        }
        _ => return None,
    };
    let fine = (1..=12).contains(&month) && (1..=28).contains(&day) && hour < 24 && minute < 60 && second < 60;
    let fine = fine || (day > 28 && day <= month_days(year, month)? && hour < 24 && minute < 60 && second < 60);
    let at = Instant::from_secs(days(year, month, day) * 86_400 + hour * 3_600 + (minute - east) * 60 + second);
    (fine && at.is_writable()).then_some(at)
}

fn month_days(year: i64, month: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => Some(28 + i64::from(leap)),
        4 | 6 | 9 | 11 => Some(30),
        1..=12 => Some(31),
        _ => None,
    }
}

/// Days since 1970-01-01 of a Gregorian date: years run from March, so that a leap day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (month * 153 + 2) / 5 + day
        - 719_469
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2023-09-01T20:15:00+08:00")]
    #[case("2024-02-29T23:59:59Z")]
    #[case("2000-02-29T00:00:00-03:30")]
    #[case("0001-01-01T00:00:00Z")]
    #[case("2023-09-01T20:15:00.25+08:00")]
    #[case("2023-02-29T00:00:00Z")]
    #[case("2023-09-31T00:00:00Z")]
    #[case("2023-13-01T00:00:00Z")]
    #[case("2023-09-01T24:00:00Z")]
    #[case("2023-09-01T20:15:00")]
    #[case("2023-09-01T20:15:00+25:00")]
    #[case("2023-09-01 20:15:00Z")]
    #[case("2023-09-0１T20:15:00Z")]
    #[case("")]
    fn both_ways_read_alike(#[case] text: &str) {
        assert_eq!(parse_moment(text), Instant::parse(text).ok());
    }

    proptest::proptest! {
        #[test]
        fn every_second_reads_alike(seconds in -2_208_988_800i64..250_000_000_000, shanghai: bool) {
            let t = Instant::from_secs(seconds);
            let text = if shanghai { t.to_rfc3339_shanghai() } else { t.to_rfc3339() };
            proptest::prop_assert_eq!(plain(text.as_bytes()), Some(t));
        }
    }
}
