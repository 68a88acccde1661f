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

/// The text is not an RFC 3339 time with an offset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an RFC 3339 time with an offset, such as 2023-09-01T20:15:00+08:00")]
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

    /// Reads RFC 3339 with an offset.
    ///
    /// # Errors
    /// [`BadInstant`] when the text is anything else.
    pub fn parse(text: &str) -> Result<Self, BadInstant> {
        let bad = || BadInstant(text.chars().take(64).collect());
        let moment = OffsetDateTime::parse(text.trim(), &Rfc3339).map_err(|_| bad())?;
        i64::try_from(moment.unix_timestamp_nanos() / 1_000).map(Self).map_err(|_| bad())
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

    /// Hour of the day, 0–23, Asia/Shanghai.
    pub fn hour(self) -> u8 {
        self.at_offset(SHANGHAI_MINUTES).hour()
    }

    fn at_offset(self, minutes: i32) -> OffsetDateTime {
        let offset = UtcOffset::from_whole_seconds(minutes * 60).unwrap_or(UtcOffset::UTC);
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000)
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

    #[test]
    fn a_time_without_offset_is_refused() {
        assert!(Instant::parse("2023-09-01T20:15:00").is_err());
        assert!(Instant::parse("yesterday").is_err());
    }

    proptest::proptest! {
        #[test]
        fn writing_and_reading_gives_the_same_instant(micros in -62_000_000_000_000_000i64..250_000_000_000_000_000) {
            let t = Instant(micros);
            proptest::prop_assert_eq!(Instant::parse(&t.to_rfc3339()).unwrap(), t);
        }
    }
}
