//! How a batch of readings stands in the log: one frame, complete in itself.
//!
//! `AnLg` · payload bytes (u32) · received_at (i64, µs) · CRC of the payload (u32) · CRC of the
//! twenty bytes before (u32) · payload. The payload is a table of series (station, quantity, unit)
//! and then the readings: series number, observed_at relative to a base, value in 10⁻¹⁸ of its unit,
//! quality. Numbers are varints; signed ones zigzag. All fixed numbers are little-endian.

use anlan_kernel::Instant;

use crate::rules::Decimal;

/// Bytes before the payload.
pub(super) const HEADER: usize = 24;
/// Largest payload; a batch beyond is split by its maker.
pub const MAX_PAYLOAD: usize = 32 * 1024 * 1024;
const MAGIC: [u8; 4] = *b"AnLg";

/// How far a reading is to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quality {
    /// Nothing speaks against it.
    Good,
    /// Judged, and marked: implausible, or its device doubts it.
    Suspect,
    /// Kept, and never judged.
    Bad,
}

/// What a reading measures, where, in which unit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Series {
    /// Station id.
    pub station: String,
    /// Quantity's name.
    pub quantity: String,
    /// The unit it came in.
    pub unit: String,
}

/// One reading as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Which of the batch's series.
    pub series: u32,
    /// When it was measured.
    pub observed_at: Instant,
    /// In the unit of the series.
    pub value: Decimal,
    /// Trust.
    pub quality: Quality,
}

/// Readings that are stored and acknowledged together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Every series that occurs.
    pub series: Vec<Series>,
    /// In the order they came.
    pub readings: Vec<Logged>,
}

/// A batch that was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Where its frame starts.
    pub from: i64,
    /// Where the next one starts.
    pub until: i64,
    /// World time when it was stored.
    pub received_at: Instant,
    /// What it holds.
    pub batch: Batch,
}

/// A frame that waits for its time.
#[derive(Debug)]
pub struct Frame {
    bytes: Vec<u8>,
    pub(super) count: u64,
}

pub(super) struct Header {
    pub payload: usize,
    pub received_at: Instant,
    payload_crc: u32,
}

impl Frame {
    /// The frame of a batch, complete but for its time.
    pub fn new(batch: &Batch) -> Self {
        let mut bytes = Vec::with_capacity(HEADER + 64 * batch.series.len() + 20 * batch.readings.len());
        bytes.resize(HEADER, 0);
        put(&mut bytes, batch.series.len() as u128);
        for series in &batch.series {
            for text in [&series.station, &series.quantity, &series.unit] {
                put(&mut bytes, text.len() as u128);
                bytes.extend_from_slice(text.as_bytes());
            }
        }
        let base = batch.readings.first().map_or(0, |it| it.observed_at.0);
        put(&mut bytes, batch.readings.len() as u128);
        bytes.extend_from_slice(&base.to_le_bytes());
        for reading in &batch.readings {
            put(&mut bytes, u128::from(reading.series));
            put_signed(&mut bytes, i128::from(reading.observed_at.0) - i128::from(base));
            put_signed(&mut bytes, reading.value.0);
            bytes.push(reading.quality as u8);
        }
        let crc = crc32fast::hash(&bytes[HEADER..]);
        let payload = (bytes.len() - HEADER) as u32;
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..8].copy_from_slice(&payload.to_le_bytes());
        bytes[16..20].copy_from_slice(&crc.to_le_bytes());
        Self { bytes, count: batch.readings.len() as u64 }
    }

    /// Bytes on disk.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn stamped(mut self, received_at: Instant) -> Vec<u8> {
        self.bytes[8..16].copy_from_slice(&received_at.0.to_le_bytes());
        let crc = crc32fast::hash(&self.bytes[..20]);
        self.bytes[20..24].copy_from_slice(&crc.to_le_bytes());
        self.bytes
    }
}

impl Header {
    /// `None` when these bytes are no header.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..HEADER)?;
        let crc = u32::from_le_bytes(header[20..24].try_into().ok()?);
        let payload = u32::from_le_bytes(header[4..8].try_into().ok()?) as usize;
        let fine = header[..4] == MAGIC && crc == crc32fast::hash(&header[..20]) && payload <= MAX_PAYLOAD;
        fine.then_some(Self {
            payload,
            received_at: Instant(i64::from_le_bytes(header[8..16].try_into().ok()?)),
            payload_crc: u32::from_le_bytes(header[16..20].try_into().ok()?),
        })
    }

    /// Whether the payload is what was written.
    pub fn fits(&self, payload: &[u8]) -> bool {
        payload.len() == self.payload && crc32fast::hash(payload) == self.payload_crc
    }
}

/// The batch of a payload whose CRC fits; `None` when it was not written by [`Frame::new`].
pub(super) fn read_batch(payload: &[u8]) -> Option<Batch> {
    let mut rest = payload;
    let series = count(&mut rest)?;
    let series = (0..series)
        .map(|_| Some(Series { station: text(&mut rest)?, quantity: text(&mut rest)?, unit: text(&mut rest)? }))
        .collect::<Option<Vec<_>>>()?;
    let readings = count(&mut rest)?;
    let (base, tail) = rest.split_first_chunk::<8>()?;
    let base = i64::from_le_bytes(*base);
    rest = tail;
    let readings = (0..readings)
        .map(|_| {
            let number = u32::try_from(take(&mut rest)?).ok().filter(|it| (*it as usize) < series.len())?;
            let observed_at = i64::try_from(take_signed(&mut rest)? + i128::from(base)).ok()?;
            let value = Decimal(take_signed(&mut rest)?);
            let (quality, tail) = rest.split_first()?;
            rest = tail;
            let quality = [Quality::Good, Quality::Suspect, Quality::Bad].get(usize::from(*quality)).copied()?;
            Some(Logged { series: number, observed_at: Instant(observed_at), value, quality })
        })
        .collect::<Option<Vec<_>>>()?;
    rest.is_empty().then_some(Batch { series, readings })
}

fn put(bytes: &mut Vec<u8>, mut number: u128) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn put_signed(bytes: &mut Vec<u8>, number: i128) {
    put(bytes, ((number << 1) ^ (number >> 127)) as u128);
}

fn take(rest: &mut &[u8]) -> Option<u128> {
    let mut number = 0u128;
    for shift in (0..128).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        number |= u128::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take_signed(rest: &mut &[u8]) -> Option<i128> {
    let number = take(rest)?;
    Some((number >> 1) as i128 ^ -((number & 1) as i128))
}

/// A count of things that take at least a byte each.
fn count(rest: &mut &[u8]) -> Option<usize> {
    usize::try_from(take(rest)?).ok().filter(|it| *it <= rest.len())
}

fn text(rest: &mut &[u8]) -> Option<String> {
    let length = count(rest)?;
    let (text, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn batches() -> impl Strategy<Value = Batch> {
        let series = proptest::collection::vec(("[a-z打]{1,9}", "[a-z_]{1,9}", "[a-z/%]{0,4}"), 1..5);
        let readings = proptest::collection::vec((any::<u32>(), any::<i32>(), any::<i64>(), 0..3u8), 0..50);
        (series, readings).prop_map(|(series, readings)| {
            let count = series.len() as u32;
            Batch {
                series: series
                    .into_iter()
                    .map(|(station, quantity, unit)| Series { station, quantity, unit })
                    .collect(),
                readings: readings
                    .into_iter()
                    .map(|(series, at, value, quality)| Logged {
                        series: series % count,
                        observed_at: Instant(i64::from(at) * 1_000_003),
                        value: Decimal(i128::from(value) * 1_000_000_007),
                        quality: [Quality::Good, Quality::Suspect, Quality::Bad][usize::from(quality)],
                    })
                    .collect(),
            }
        })
    }

    proptest! {
        #[test]
        fn a_frame_gives_back_its_batch(batch in batches(), at: i64) {
            let bytes = Frame::new(&batch).stamped(Instant(at));
            let header = Header::read(&bytes).unwrap();
            prop_assert_eq!(header.received_at, Instant(at));
            prop_assert!(header.fits(&bytes[HEADER..]));
            prop_assert_eq!(read_batch(&bytes[HEADER..]), Some(batch));
        }

        #[test]
        fn a_changed_byte_is_found(batch in batches(), place: proptest::sample::Index, mask in 1u8..) {
            let mut bytes = Frame::new(&batch).stamped(Instant(7));
            let place = place.index(bytes.len());
            bytes[place] ^= mask;
            prop_assert!(!Header::read(&bytes).is_some_and(|it| it.fits(&bytes[HEADER..])));
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_batch(&bytes);
        }
    }
}
