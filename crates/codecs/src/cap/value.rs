//! Times, references and shapes inside a CAP message.

use std::fmt;

use anlan_kernel::Instant;
use time::{Date, Month, PrimitiveDateTime, Time, UtcOffset};

/// A moment with the zone it was written in, to the second.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CapTime {
    seconds: i64,
    zone: Zone,
}

/// Zone of a [`CapTime`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Zone {
    /// UTC, written `-00:00`.
    Utc,
    /// Minutes east of UTC.
    East(i16),
}

/// How a time deviates from `YYYY-MM-DDThh:mm:ss±hh:mm` and was understood all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeForm {
    /// As the standard wants it.
    Exact,
    /// A `Z`, a fraction (dropped), a blank or small `t` in the middle.
    Loose,
    /// No zone: only understood where one is agreed.
    NoZone,
}

impl CapTime {
    /// This instant as read in a zone `minutes` east of UTC; a fraction of a second is dropped.
    pub fn new(at: Instant, minutes: i16) -> Self {
        let zone = if minutes == 0 { Zone::Utc } else { Zone::East(minutes) };
        Self { seconds: at.0.div_euclid(1_000_000), zone }
    }

    /// This instant at +08:00.
    pub fn beijing(at: Instant) -> Self {
        Self::new(at, 8 * 60)
    }

    /// The moment.
    pub fn instant(self) -> Instant {
        Instant::from_secs(self.seconds)
    }

    /// The zone it was written in.
    pub fn zone(self) -> Zone {
        self.zone
    }

    /// Reads a time. `default_zone` in minutes is used where none is written.
    /// `None` unless it is a real moment of the years 1900 to 9998.
    pub fn read(text: &str, default_zone: i16) -> Option<(Self, TimeForm)> {
        let text = text.trim();
        if !text.is_ascii() || text.len() < 19 {
            return None;
        }
        let (clock, rest) = text.split_at(19);
        let middle = clock.as_bytes()[10];
        let local = local_time(clock)?;
        let fraction_end =
            rest.strip_prefix('.').map_or(0, |it| it.find(|c: char| !c.is_ascii_digit()).unwrap_or(it.len()) + 1);
        let (fraction, zone) = rest.split_at(fraction_end);
        let (zone, form) = match zone.trim_start() {
            "" => (Zone::East(default_zone), TimeForm::NoZone),
            "Z" | "z" => (Zone::Utc, TimeForm::Loose),
            "-00:00" => (Zone::Utc, TimeForm::Exact),
            written => (Zone::East(zone_minutes(written)?), TimeForm::Exact),
        };
        let exact = middle == b'T' && fraction.is_empty() && !zone_is_spaced(rest);
        let form = if form == TimeForm::Exact && !exact { TimeForm::Loose } else { form };
        let seconds = local.assume_utc().unix_timestamp() - i64::from(zone.minutes()) * 60;
        Instant::from_secs(seconds).is_writable().then_some((Self { seconds, zone }, form))
    }
}

fn zone_is_spaced(rest: &str) -> bool {
    rest.starts_with(' ')
}

fn local_time(clock: &str) -> Option<PrimitiveDateTime> {
    let bytes = clock.as_bytes();
    let marks = [(4, b"-" as &[u8]), (7, b"-"), (10, b"Tt "), (13, b":"), (16, b":")];
    if marks.iter().any(|(at, allowed)| !allowed.contains(&bytes[*at])) {
        return None;
    }
    let year: i32 = number(&clock[..4])?;
    if year < 1900 {
        return None;
    }
    let month = Month::try_from(number::<u8>(&clock[5..7])?).ok()?;
    let date = Date::from_calendar_date(year, month, number(&clock[8..10])?).ok()?;
    let time = Time::from_hms(number(&clock[11..13])?, number(&clock[14..16])?, number(&clock[17..19])?).ok()?;
    Some(PrimitiveDateTime::new(date, time))
}

fn number<T: std::str::FromStr>(digits: &str) -> Option<T> {
    digits.bytes().all(|it| it.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

fn zone_minutes(text: &str) -> Option<i16> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = text[1..].split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes): (i16, i16) = (number(hours)?, number(minutes)?);
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

impl Zone {
    /// Minutes east of UTC.
    pub fn minutes(self) -> i16 {
        match self {
            Self::Utc => 0,
            Self::East(minutes) => minutes,
        }
    }
}

impl fmt::Display for CapTime {
    /// `YYYY-MM-DDThh:mm:ss±hh:mm`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.zone.minutes();
        let offset = UtcOffset::from_whole_seconds(i32::from(minutes) * 60).unwrap_or(UtcOffset::UTC);
        let local = time::OffsetDateTime::from_unix_timestamp(self.seconds)
            .unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
            .checked_to_offset(offset)
            .unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
        let (date, clock) = (local.date(), local.time());
        write!(f, "{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())?;
        write!(f, "T{:02}:{:02}:{:02}", clock.hour(), clock.minute(), clock.second())?;
        let sign = if self.zone == Zone::Utc || minutes < 0 { '-' } else { '+' };
        write!(f, "{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
    }
}

impl fmt::Debug for CapTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One earlier message that this one refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Its sender.
    pub sender: String,
    /// Its identifier.
    pub identifier: String,
    /// When it was sent.
    pub sent: CapTime,
}

impl Reference {
    /// Reads `sender,identifier,sent`.
    pub fn read(text: &str) -> Option<(Self, TimeForm)> {
        let mut parts = text.split(',');
        let (sender, identifier, sent) = (parts.next()?, parts.next()?, parts.next()?);
        let (sent, form) = CapTime::read(sent, 0).filter(|(_, form)| *form != TimeForm::NoZone)?;
        let fine = parts.next().is_none() && !sender.is_empty() && !identifier.is_empty();
        fine.then(|| (Self { sender: sender.to_owned(), identifier: identifier.to_owned(), sent }, form))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{}", self.sender, self.identifier, self.sent)
    }
}

/// A place, WGS 84 degrees. On the wire latitude comes first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// −90 to 90.
    pub latitude: f64,
    /// −180 to 180.
    pub longitude: f64,
}

impl Point {
    /// Reads `latitude,longitude` without judging the range.
    pub fn read(text: &str) -> Option<Self> {
        let (latitude, longitude) = text.split_once(',')?;
        Some(Self { latitude: decimal(latitude)?, longitude: decimal(longitude)? })
    }

    /// Whether it lies on the globe.
    pub fn in_range(self) -> bool {
        self.latitude.abs() <= 90.0 && self.longitude.abs() <= 180.0
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.latitude, self.longitude)
    }
}

/// A number written with digits, a sign and a point only.
pub(crate) fn decimal(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = text.len() <= 40 && text.bytes().all(|it| it.is_ascii_digit() || b"+-.".contains(&it));
    plain.then(|| text.parse().ok()).flatten()
}

/// A closed ring: first point = last point, at least four points. No holes exist.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Polygon {
    /// The points in order.
    pub points: Vec<Point>,
}

impl Polygon {
    /// Reads points parted by blanks; `None` if one is not `latitude,longitude`.
    pub fn read(text: &str) -> Option<Self> {
        text.split_whitespace().map(Point::read).collect::<Option<_>>().map(|points| Self { points })
    }
}

impl fmt::Display for Polygon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, point) in self.points.iter().enumerate() {
            write!(f, "{}{point}", if index == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

/// A disc around a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Circle {
    /// The middle.
    pub centre: Point,
    /// Radius, kilometres.
    pub radius_km: f64,
}

impl Circle {
    /// Reads `latitude,longitude radius`.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.split_whitespace();
        let (centre, radius_km) = (Point::read(parts.next()?)?, decimal(parts.next()?)?);
        parts.next().is_none().then_some(Self { centre, radius_km })
    }
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.centre, self.radius_km)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("2025-08-01T08:00:00+08:00", "2025-08-01T08:00:00+08:00", TimeForm::Exact)]
    #[case("2025-08-01T08:00:00-00:00", "2025-08-01T08:00:00-00:00", TimeForm::Exact)]
    #[case("2025-08-01T08:00:00+00:00", "2025-08-01T08:00:00+00:00", TimeForm::Exact)]
    #[case("2025-08-01T08:00:00Z", "2025-08-01T08:00:00-00:00", TimeForm::Loose)]
    #[case("2025-08-01T08:00:00.123+05:30", "2025-08-01T08:00:00+05:30", TimeForm::Loose)]
    #[case("2025-08-01 08:00:00+08:00", "2025-08-01T08:00:00+08:00", TimeForm::Loose)]
    #[case("2025-08-01T08:00:00", "2025-08-01T08:00:00+08:00", TimeForm::NoZone)]
    fn a_time_is_read_and_written_with_its_zone(#[case] text: &str, #[case] want: &str, #[case] form: TimeForm) {
        let (time, got) = CapTime::read(text, 480).unwrap();
        assert_eq!((time.to_string().as_str(), got), (want, form));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for bad in [
            "2025-02-29T08:00:00+08:00",
            "2025-08-01T25:00:00+08:00",
            "2025-08-01T08:00+08:00",
            "2025-08-01T08:00:00+8",
            "+025-08-01T08:00:00+08:00",
            "二〇二五年八月一日八时零分",
            "",
        ] {
            assert_eq!(CapTime::read(bad, 480), None, "{bad}");
        }
    }
}
