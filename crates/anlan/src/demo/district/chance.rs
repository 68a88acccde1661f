//! Numbers that look random and are the same every time.

use std::ops::RangeInclusive;

/// SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The numbers of the `n`th thing of these words.
    pub fn of(words: &str, n: usize) -> Self {
        // FNV-1a, 64 bits.
        let hash = words
            .bytes()
            .fold(0xCBF2_9CE4_8422_2325_u64, |it, byte| (it ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3));
        Self(hash ^ (n as u64).wrapping_mul(0xD6E8_FEB8_6659_FD93))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to `below`, which is left out.
    pub fn below(&mut self, below: usize) -> usize {
        (self.next() % (below.max(1) as u64)) as usize
    }

    /// From the one to the other, both included.
    pub fn within(&mut self, range: &RangeInclusive<i64>) -> i64 {
        let width = range.end().abs_diff(*range.start()) + 1;
        range.start() + i64::try_from(self.next() % width).unwrap_or_default()
    }

    /// From 0 to 1, which is left out.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Yes in so many of a hundred cases.
    pub fn share(&mut self, percent: u32) -> bool {
        self.next() % 100 < u64::from(percent)
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// One of these, the heavier ones more often.
    pub fn weighted<T: Copy>(&mut self, from: &[(T, u32)]) -> T {
        let mut left = self.next() % from.iter().map(|it| u64::from(it.1)).sum::<u64>().max(1);
        for (it, weight) in from {
            match left.checked_sub(u64::from(*weight)) {
                Some(rest) => left = rest,
                None => return *it,
            }
        }
        from[0].0
    }
}
