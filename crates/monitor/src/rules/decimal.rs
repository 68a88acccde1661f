//! Exact decimals: an i128 counting units of 10⁻¹⁸.

use std::{cmp::Ordering, fmt};

/// Decimals kept after the point.
const PLACES: usize = 18;

/// 10¹⁸: how many of the smallest unit make one.
pub(crate) const ONE: i128 = 1_000_000_000_000_000_000;

/// Numbers must be smaller than this (10¹⁰), so that sums over any window stay exact.
const LIMIT: i128 = 10_000_000_000 * ONE;

/// A decimal as it was written, exact to 18 places; digits beyond those are rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Decimal(pub(crate) i128);

/// Why a text is not a [`Decimal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadDecimal {
    /// Nothing stands there.
    Empty,
    /// `NaN`, `inf` and the like.
    NotFinite,
    /// 10¹⁰ or more.
    TooLarge,
    /// Anything else.
    NotANumber,
}

impl Decimal {
    /// A whole number.
    pub fn whole(number: i32) -> Self {
        Self(i128::from(number) * ONE)
    }

    /// Reads `12`, `-0.5`, `+3.25`, `.5` or `1.2e-3`; blanks around are ignored.
    ///
    /// # Errors
    /// [`BadDecimal`] for everything else, and for 10¹⁰ and more.
    pub fn parse(text: &str) -> Result<Self, BadDecimal> {
        let text = text.trim();
        let (negative, digits) = match text.as_bytes() {
            [] => return Err(BadDecimal::Empty),
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            all => (false, all),
        };
        let size = read_plain(digits).map_or_else(|| read_any(digits), Ok)?;
        Ok(Self(if negative { -size } else { size }))
    }

    /// The nearest binary number, for drawing only.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / ONE as f64
    }
}

/// The common shape, digits with at most one point, without allocation; `None` for any other.
fn read_plain(digits: &[u8]) -> Option<i128> {
    let mut mantissa: u64 = 0;
    let mut places: Option<usize> = None;
    if digits.len() > 18 || digits == b"." {
        return None;
    }
    for byte in digits {
        match (byte, &mut places) {
            (b'0'..=b'9', places) => {
                mantissa = mantissa * 10 + u64::from(byte - b'0');
                if let Some(places) = places {
                    *places += 1;
                }
            }
            (b'.', places @ None) => *places = Some(0),
            _ => return None,
        }
    }
    let size = i128::from(mantissa) * 10i128.pow((PLACES - places.unwrap_or(0)) as u32);
    (!digits.is_empty() && size < LIMIT).then_some(size)
}

/// Every shape, with reasons.
fn read_any(digits: &[u8]) -> Result<i128, BadDecimal> {
    let text = std::str::from_utf8(digits).map_err(|_| BadDecimal::NotANumber)?;
    if ["nan", "inf", "infinity"].contains(&text.to_ascii_lowercase().as_str()) {
        return Err(BadDecimal::NotFinite);
    }
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i32>().map_err(|_| BadDecimal::NotANumber)?),
        None => (text, 0),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let all_digits = whole.bytes().chain(part.bytes()).all(|byte| byte.is_ascii_digit());
    if !all_digits || whole.len() + part.len() == 0 || exponent.unsigned_abs() > 400 {
        return Err(BadDecimal::NotANumber);
    }
    let point = whole.len() as i64 + i64::from(exponent);
    gather(whole.bytes().chain(part.bytes()), point)
}

/// Adds up digits of which the first `point` stand before the decimal point.
fn gather(digits: impl Iterator<Item = u8>, point: i64) -> Result<i128, BadDecimal> {
    let mut size: i128 = 0;
    for (index, byte) in digits.enumerate() {
        let (digit, weight) = (i128::from(byte - b'0'), point - 1 - index as i64 + PLACES as i64);
        match weight {
            0..=36 => size = size.saturating_add(digit.saturating_mul(10i128.pow(weight as u32))),
            -1 if digit >= 5 => size += 1,
            37.. if digit > 0 => return Err(BadDecimal::TooLarge),
            _ => {}
        }
        if size >= LIMIT {
            return Err(BadDecimal::TooLarge);
        }
    }
    Ok(size)
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0.unsigned_abs() / ONE as u128, self.0.unsigned_abs() % ONE as u128);
        let part = format!("{part:018}");
        let part = part.trim_end_matches('0');
        let (sign, point) = (if self.0 < 0 { "-" } else { "" }, if part.is_empty() { "" } else { "." });
        write!(f, "{sign}{whole}{point}{part}")
    }
}

/// Compares `a × b` with `c × d` without loss; `b` and `d` must not be negative.
pub(crate) fn compare_products(a: i128, b: i128, c: i128, d: i128) -> Ordering {
    if let (Some(left), Some(right)) = (a.checked_mul(b), c.checked_mul(d)) {
        return left.cmp(&right);
    }
    let wide = |x: i128, y: i128| widen(x.unsigned_abs(), y.unsigned_abs());
    match (a < 0, c < 0) {
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => wide(a, b).cmp(&wide(c, d)),
        (true, true) => wide(c, d).cmp(&wide(a, b)),
    }
}

/// The 256-bit product, high half first.
fn widen(x: u128, y: u128) -> (u128, u128) {
    let low = u128::from(u64::MAX);
    let (x1, x0, y1, y0) = (x >> 64, x & low, y >> 64, y & low);
    let (middle, carried) = (x1 * y0).overflowing_add(x0 * y1);
    let (bottom, carry) = (x0 * y0).overflowing_add(middle << 64);
    (x1 * y1 + (middle >> 64) + (u128::from(carried) << 64) + u128::from(carry), bottom)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("4.41", "4.41")]
    #[case("-0.50", "-0.5")]
    #[case("+3", "3")]
    #[case(" .5 ", "0.5")]
    #[case("5.", "5")]
    #[case("1.2e-3", "0.0012")]
    #[case("1E3", "1000")]
    #[case("3.6109999999999998", "3.6109999999999998")]
    #[case("1.4210854715202004e-14", "0.000000000000014211")]
    #[case("0.0000000000000000005", "0.000000000000000001")]
    #[case("0e300", "0")]
    fn a_decimal_keeps_what_was_written(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(Decimal::parse(text).unwrap().to_string(), shown);
    }

    #[rstest]
    #[case("", BadDecimal::Empty)]
    #[case("  ", BadDecimal::Empty)]
    #[case("NaN", BadDecimal::NotFinite)]
    #[case("-inf", BadDecimal::NotFinite)]
    #[case("Infinity", BadDecimal::NotFinite)]
    #[case("12.3.4", BadDecimal::NotANumber)]
    #[case("1,5", BadDecimal::NotANumber)]
    #[case(".", BadDecimal::NotANumber)]
    #[case("-", BadDecimal::NotANumber)]
    #[case("0x10", BadDecimal::NotANumber)]
    #[case("１２", BadDecimal::NotANumber)]
    #[case("1e", BadDecimal::NotANumber)]
    #[case("10000000000", BadDecimal::TooLarge)]
    #[case("1e300", BadDecimal::TooLarge)]
    fn what_is_no_decimal_is_named(#[case] text: &str, #[case] why: BadDecimal) {
        assert_eq!(Decimal::parse(text), Err(why));
    }

    proptest::proptest! {
        #[test]
        fn writing_and_reading_gives_the_same_decimal(units in -LIMIT + 1..LIMIT) {
            proptest::prop_assert_eq!(Decimal::parse(&Decimal(units).to_string()), Ok(Decimal(units)));
        }

        #[test]
        fn products_compare_like_their_wide_products(a: i128, b in 0i128.., c: i128, d in 0i128..) {
            // A common factor shrinks nothing: scaling both sides keeps the order.
            let small = compare_products(a >> 70, b >> 70, c >> 70, d >> 70);
            let exact = ((a >> 70) * (b >> 70)).cmp(&((c >> 70) * (d >> 70)));
            proptest::prop_assert_eq!(small, exact);
            proptest::prop_assert_eq!(compare_products(a, b, c, d), compare_products(c, d, a, b).reverse());
            let wide = compare_products((a >> 70) << 68, (b >> 70) << 68, (c >> 70) << 68, (d >> 70) << 68);
            proptest::prop_assert_eq!(wide, exact);
        }
    }
}
