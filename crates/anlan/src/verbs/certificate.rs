//! Until when a certificate holds: two dates of an X.509 file, and nothing else of it.

use std::path::Path;

use anlan_kernel::{Instant, Text};
use rustls::pki_types::{CertificateDer, pem::PemObject};

/// From when and until when the first certificate of the file holds.
///
/// # Errors
/// Words, when the file cannot be read or holds no certificate.
pub fn validity(path: &Path) -> Result<(Instant, Instant), Text> {
    let cert =
        CertificateDer::from_pem_file(path).map_err(|it| Text::new(format!("读不出证书（{it}）"), it.to_string()))?;
    dates(&cert).ok_or_else(|| Text::new("文件里不是 X.509 证书", "no X.509 certificate"))
}

/// RFC 5280, 4.1: `Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { [0] version OPTIONAL, serialNumber,
/// signature, issuer, validity SEQUENCE { notBefore, notAfter }, … } … }`.
fn dates(der: &[u8]) -> Option<(Instant, Instant)> {
    const SEQUENCE: u8 = 0x30;
    const VERSION: u8 = 0xa0;
    let (_, certificate, _) = element(der)?;
    let (_, mut rest, _) = element(certificate)?;
    if rest.first() == Some(&VERSION) {
        rest = element(rest)?.2;
    }
    for _ in ["serialNumber", "signature", "issuer"] {
        rest = element(rest)?.2;
    }
    let (tag, validity, _) = element(rest)?;
    let (first, from, rest) = element(validity)?;
    let (second, until, _) = element(rest)?;
    if tag != SEQUENCE {
        return None;
    }
    Some((date(first, from)?, date(second, until)?))
}

/// Tag, contents, and what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&short, rest) = rest.split_first()?;
    let (length, rest) = match short {
        0..=0x7f => (usize::from(short), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
            (bytes.iter().fold(0, |length, it| length << 8 | usize::from(*it)), rest)
        }
        _ => return None,
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((tag, contents, rest))
}

/// UTCTime `YYMMDDhhmmssZ` (years 1950 to 2049) or GeneralizedTime `YYYYMMDDhhmmssZ`.
fn date(tag: u8, text: &[u8]) -> Option<Instant> {
    let text = std::str::from_utf8(text).ok().filter(|it| it.is_ascii())?.strip_suffix('Z')?;
    let (century, text) = match tag {
        0x17 => (if text >= "50" { "19" } else { "20" }, text),
        0x18 => text.split_at_checked(2)?,
        _ => return None,
    };
    if text.len() != 12 {
        return None;
    }
    let part = |at: usize| &text[at..at + 2];
    let [year, month, day, hour, minute, second] = [0, 2, 4, 6, 8, 10].map(part);
    Instant::parse(&format!("{century}{year}-{month}-{day}T{hour}:{minute}:{second}Z")).ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::utc(0x17, "260901120000Z", Some("2026-09-01T12:00:00Z"))]
    #[case::utc_of_the_last_century(0x17, "991231235959Z", Some("1999-12-31T23:59:59Z"))]
    #[case::generalized(0x18, "20500101000000Z", Some("2050-01-01T00:00:00Z"))]
    #[case::without_seconds(0x17, "2609011200Z", None)]
    #[case::of_no_calendar(0x17, "261301120000Z", None)]
    #[case::text(0x0c, "260901120000Z", None)]
    fn dates_are_read_as_they_are_written(#[case] tag: u8, #[case] text: &str, #[case] want: Option<&str>) {
        let want = want.map(|it| Instant::parse(it).expect("an instant"));
        assert_eq!(date(tag, text.as_bytes()), want);
    }

    #[test]
    fn what_is_cut_anywhere_is_no_certificate() {
        let sound = sample();
        assert!(dates(&sound).is_some());
        assert!((0..sound.len()).all(|it| dates(&sound[..it]).is_none()));
    }

    /// The part of a certificate that is looked at.
    fn sample() -> Vec<u8> {
        let wrap =
            |tag: u8, contents: &[u8]| [&[tag, u8::try_from(contents.len()).expect("short")][..], contents].concat();
        let validity = [wrap(0x17, b"260101000000Z"), wrap(0x17, b"270101000000Z")].concat();
        let before = [wrap(0xa0, &[2, 1, 2]), wrap(2, &[7]), wrap(0x30, &[]), wrap(0x30, &[])].concat();
        wrap(0x30, &wrap(0x30, &[before, wrap(0x30, &validity)].concat()))
    }
}
