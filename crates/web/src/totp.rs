//! Time-based one-time passwords (动态口令): RFC 6238 with SHA-1, six digits and steps of 30 seconds, as every
//! authenticator on a telephone computes them.

use anlan_kernel::Instant;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// Digits of a code.
pub const DIGITS: usize = 6;
/// Seconds a code holds.
const STEP: i64 = 30;
const MICROS: i64 = 1_000_000;
/// RFC 4648, 6.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The step a moment lies in: whole half minutes since 1970.
pub fn step(at: Instant) -> i64 {
    at.0.div_euclid(STEP * MICROS)
}

/// The code of a step (RFC 4226, 5.3).
pub fn code(secret: &[u8], step: i64) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(&step.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let at = usize::from(digest[19] & 0xf);
    let word = digest[at..at + 4].iter().fold(0_u32, |sum, it| sum << 8 | u32::from(*it)) & 0x7fff_ffff;
    format!("{:0DIGITS$}", word % 1_000_000)
}

/// The step whose code this is: now, or one to either side for a clock that is off; later than `last`, so that each
/// code holds once. `None` where it is another.
pub fn matching(secret: &[u8], given: &str, now: Instant, last: Option<i64>) -> Option<i64> {
    let now = step(now);
    let fresh = |it: &i64| last.is_none_or(|last| *it > last);
    [now, now - 1, now + 1].into_iter().filter(fresh).find(|it| crate::secret::same(&code(secret, *it), given))
}

/// The secret as it is typed where no camera is at hand.
pub fn base32(secret: &[u8]) -> String {
    secret
        .chunks(5)
        .flat_map(|part| {
            let word = part.iter().fold(0_u64, |sum, it| sum << 8 | u64::from(*it)) << (8 * (5 - part.len()));
            let letters = (part.len() * 8).div_ceil(5);
            (0..letters).map(move |i| char::from(BASE32[(word >> (35 - 5 * i) & 31) as usize]))
        })
        .collect()
}

/// What the QR code holds, as authenticators read it.
pub fn address(secret: &[u8], issuer: &str, login: &str) -> String {
    let (issuer, login, secret) = (crate::percent(issuer), crate::percent(login), base32(secret));
    format!(
        "otpauth://totp/{issuer}:{login}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    /// RFC 6238, appendix B, SHA-1; the last six of its eight digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        for (seconds, want) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(SECRET, step(Instant::from_secs(seconds))), want, "{seconds}");
        }
    }

    #[test]
    fn a_code_holds_a_step_to_either_side_and_once() {
        let now = Instant::from_secs(1_111_111_111);
        let at = step(now);
        for (of, last, want) in [
            (at, None, Some(at)),
            (at - 1, None, Some(at - 1)),
            (at + 1, None, Some(at + 1)),
            (at - 2, None, None),
            (at + 2, None, None),
            (at, Some(at - 1), Some(at)),
            (at, Some(at), None),
            (at - 1, Some(at), None),
        ] {
            assert_eq!(matching(SECRET, &code(SECRET, of), now, last), want, "{of} after {last:?}");
        }
        for wrong in ["", "05047", "0504711", "abcdef"] {
            assert_eq!(matching(SECRET, wrong, now, None), None, "{wrong:?}");
        }
    }

    /// RFC 4648, 10, without padding.
    #[test]
    fn secrets_are_written_in_base32() {
        for (plain, want) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(plain.as_bytes()), want);
        }
        let address = address(SECRET, "安澜", "zhang");
        assert!(
            address.starts_with("otpauth://totp/%E5%AE%89%E6%BE%9C:zhang?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&")
        );
    }
}
