//! Instants: i64 microseconds since 1970-01-01T00:00:00Z.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// Minutes east of UTC of Asia/Shanghai, the zone in which bureaus read the clock.
const SHANGHAI_MINUTES: i32 = 8 * 60;

/// A moment, in microseconds UTC. Written in RFC 3339 on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(pub i64);

/// Later than every moment the system will meet.
pub const MAX_INSTANT: Instant = Instant(i64::MAX / 4);

/// 1900-01-01T00:00:00Z, the earliest moment that is read or written.
const EARLIEST: i64 = -2_208_988_800_000_000;
/// The last microsecond of the year 9998, UTC: the latest moment that has four digits of a year in every zone.
const LATEST: i64 = 253_370_764_800_000_000 - 1;

/// The text is not an RFC 3339 time with an offset, or lies beyond the years 1900 to 9998.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an RFC 3339 time with an offset, such as 2023-09-01T20:15:00+08:00, of the years 1900 to 9998")]
pub struct BadInstant(pub String);

impl Instant {
    /// Whole seconds since the epoch.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds * 1_000_000)
    }

    /// This moment and `by` more; stops at [`MAX_INSTANT`].
    pub fn plus(self, by: Duration) -> Self {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(micros)).min(MAX_INSTANT)
    }

    /// This moment and `by` less.
    pub fn minus(self, by: Duration) -> Self {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(micros))
    }

    /// The time from `earlier` to this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Whether the moment can be written: whoever makes one of a text that is not read here asks.
    pub const fn is_writable(self) -> bool {
        EARLIEST <= self.0 && self.0 <= LATEST
    }

    /// Reads RFC 3339 with an offset, of the years 1900 to 9998.
    ///
    /// # Errors
    /// [`BadInstant`] when the text is anything else.
    pub fn parse(text: &str) -> Result<Self, BadInstant> {
        let bad = || BadInstant(text.chars().take(64).collect());
        let moment = OffsetDateTime::parse(text.trim(), &Rfc3339).map_err(|_| bad())?;
        let read = i64::try_from(moment.unix_timestamp_nanos().div_euclid(1_000)).map(Self).ok();
        read.filter(|it| it.is_writable()).ok_or_else(bad)
    }

    /// RFC 3339 in UTC, with a fraction only where there is one.
    pub fn to_rfc3339(self) -> String {
        self.at_offset(0).format(&Rfc3339).unwrap_or_default()
    }

    /// RFC 3339 at +08:00.
    pub fn to_rfc3339_shanghai(self) -> String {
        self.at_offset(SHANGHAI_MINUTES).format(&Rfc3339).unwrap_or_default()
    }

    /// `2023-09-01 20:15:00` as a clock on a bureau's wall shows it.
    pub fn wall(self) -> String {
        let t = self.at_offset(SHANGHAI_MINUTES);
        let (date, clock) = (t.date(), t.time());
        format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
            date.year(),
            u8::from(date.month()),
            date.day(),
            clock.hour(),
            clock.minute(),
            clock.second()
        )
    }

    /// `20:15`, Asia/Shanghai.
    pub fn clock(self) -> String {
        self.wall()[11..16].to_owned()
    }

    /// `20:36` on the day of `now`, else `9月1日 20:36`; Asia/Shanghai.
    pub fn clock_or_day(self, now: Self) -> String {
        if civil_day(self) == civil_day(now) {
            return self.clock();
        }
        let date = self.at_offset(SHANGHAI_MINUTES).date();
        format!("{}月{}日 {}", u8::from(date.month()), date.day(), self.clock())
    }

    /// Hour of the day, 0–23, Asia/Shanghai.
    pub fn hour(self) -> u8 {
        self.at_offset(SHANGHAI_MINUTES).hour()
    }

    /// What lies beyond the years that are written stops at their first or last moment.
    fn at_offset(self, minutes: i32) -> OffsetDateTime {
        let offset = UtcOffset::from_whole_seconds(minutes * 60).unwrap_or(UtcOffset::UTC);
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0.clamp(EARLIEST, LATEST)) * 1_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
            .to_offset(offset)
    }
}

/// The civil day of a moment in Asia/Shanghai, as `20230901`.
pub fn civil_day(at: Instant) -> String {
    at.wall()[..10].replace('-', "")
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

impl FromStr for Instant {
    type Err = BadInstant;
    fn from_str(text: &str) -> Result<Self, BadInstant> {
        Self::parse(text)
    }
}

impl Serialize for Instant {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_rfc3339())
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_reads_offsets_and_writes_utc() {
        let t = Instant::parse("2023-09-01T20:15:00+08:00").unwrap();
        assert_eq!(t.to_rfc3339(), "2023-09-01T12:15:00Z");
        assert_eq!(t.to_rfc3339_shanghai(), "2023-09-01T20:15:00+08:00");
        assert_eq!((t.wall().as_str(), t.hour()), ("2023-09-01 20:15:00", 20));
        assert_eq!(civil_day(t), "20230901");
    }

    #[rstest::rstest]
    #[case::same_day("2023-09-01T23:59:00+08:00", "20:36")]
    #[case::same_day_here_another_in_utc("2023-08-31T16:00:00Z", "20:36")]
    #[case::next_day("2023-09-02T00:00:00+08:00", "9月1日 20:36")]
    #[case::next_year("2024-09-01T20:36:00+08:00", "9月1日 20:36")]
    fn a_clock_names_its_day_when_it_is_not_today(#[case] now: &str, #[case] want: &str) {
        let at = Instant::parse("2023-09-01T20:36:00+08:00").unwrap();
        assert_eq!(at.clock_or_day(Instant::parse(now).unwrap()), want);
    }

    #[test]
    fn a_time_without_offset_is_refused() {
        assert!(Instant::parse("2023-09-01T20:15:00").is_err());
        assert!(Instant::parse("yesterday").is_err());
    }

    #[rstest::rstest]
    #[case::year_0("0000-01-01T00:00:00Z", None)]
    #[case::before("1899-12-31T23:59:59.999999Z", None)]
    #[case::first("1900-01-01T08:00:00+08:00", Some("1900-01-01 08:00:00"))]
    #[case::last("9998-12-31T23:59:59.999999Z", Some("9999-01-01 07:59:59"))]
    #[case::after("9999-01-01T00:00:00Z", None)]
    #[case::last_of_all("9999-12-31T23:59:59Z", None)]
    #[case::beyond_by_its_offset("9999-12-31T23:59:59-23:59", None)]
    fn a_time_beyond_the_years_that_can_be_written_is_refused(#[case] text: &str, #[case] want: Option<&str>) {
        assert_eq!(Instant::parse(text).ok().map(|it| it.wall()).as_deref(), want);
    }

    proptest::proptest! {
        #[test]
        fn writing_and_reading_gives_the_same_instant(micros in EARLIEST..=LATEST) {
            let t = Instant(micros);
            proptest::prop_assert_eq!(Instant::parse(&t.to_rfc3339()).unwrap(), t);
            proptest::prop_assert_eq!(Instant::parse(&t.to_rfc3339_shanghai()).unwrap(), t);
        }

        #[test]
        fn every_instant_can_be_written_and_what_is_written_read(micros: i64) {
            let t = Instant(micros);
            let near = Instant(micros.clamp(EARLIEST, LATEST));
            proptest::prop_assert_eq!(Instant::parse(&t.to_rfc3339()).unwrap(), near);
            proptest::prop_assert_eq!((t.wall(), t.clock(), t.hour()), (near.wall(), near.clock(), near.hour()));
        }

        #[test]
        fn no_time_makes_the_reader_panic(year in 0u16..=9999, month in 1u8..=12, offset in -1439i32..1440) {
            let sign = if offset < 0 { '-' } else { '+' };
            let text = format!("{year:04}-{month:02}-28T23:59:59{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60);
            let read = Instant::parse(&text);
            proptest::prop_assert!(read.is_ok() || !(1901..9998).contains(&year), "{}", text);
        }
    }
}
