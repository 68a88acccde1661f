//! Chance without order: every draw is a function of the seed, names and a label.

use std::time::Duration;

use super::config::Span;

/// Draws for one thing (a number, or one key to one number).
#[derive(Clone, Copy, Debug)]
pub struct Draws {
    state: u64,
    /// Spans are rounded up to a multiple of this many milliseconds.
    grain: u64,
}

impl Draws {
    /// Draws that depend on the seed and all of `names`.
    pub fn new(seed: u64, names: &[&str]) -> Self {
        Self { state: names.iter().fold(mix(seed), |state, name| hash(state, name)), grain: 1 }
    }

    /// The same draws, with spans in whole multiples of `milliseconds`.
    #[must_use]
    pub fn grain(self, milliseconds: u64) -> Self {
        Self { grain: milliseconds.max(1), ..self }
    }

    /// A number in 0 ≤ x < 1.
    pub fn unit(self, label: &str) -> f64 {
        // The upper 53 bits fill a double exactly.
        (hash(self.state, label) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with `probability`.
    pub fn chance(self, label: &str, probability: f64) -> bool {
        self.unit(label) < probability
    }

    /// A whole number of milliseconds within `span`, both ends included.
    pub fn within(self, label: &str, span: Span) -> Duration {
        let Span(from, to) = span;
        let width = to.saturating_sub(from).saturating_add(1).max(1);
        Duration::from_millis((from + hash(self.state, label) % width).next_multiple_of(self.grain))
    }

    /// One of `choices`, as often as its weight says; `None` when all weights are zero.
    pub fn pick<T: Copy>(self, label: &str, choices: &[(T, u32)]) -> Option<T> {
        let total: u64 = choices.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let mut left = hash(self.state, label).checked_rem(total)?;
        for (choice, weight) in choices {
            match left.checked_sub(u64::from(*weight)) {
                None => return Some(*choice),
                Some(rest) => left = rest,
            }
        }
        None
    }
}

/// FNV-1a over the bytes and their end, then scattered.
fn hash(state: u64, text: &str) -> u64 {
    let step = |state: u64, byte: u8| (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    mix(step(text.bytes().fold(state ^ 0xcbf2_9ce4_8422_2325, step), 0xff))
}

/// The finalizer of SplitMix64.
fn mix(state: u64) -> u64 {
    let a = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let b = (a ^ (a >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let c = (b ^ (b >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    c ^ (c >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_follow_their_weights() {
        let picked = (0..10_000)
            .filter(|n| Draws::new(7, &[&n.to_string()]).pick("x", &[("a", 3), ("b", 1)]) == Some("a"))
            .count();
        assert!((7_300..7_700).contains(&picked), "{picked}");
        let lucky = (0..10_000).filter(|n| Draws::new(7, &[&n.to_string()]).chance("y", 0.1)).count();
        assert!((900..1_100).contains(&lucky), "{lucky}");
    }

    #[test]
    fn names_do_not_run_together() {
        assert_ne!(Draws::new(1, &["ab", "c"]).state, Draws::new(1, &["a", "bc"]).state);
        assert_ne!(Draws::new(1, &["ab"]).state, Draws::new(2, &["ab"]).state);
        assert_eq!(Draws::new(1, &["ab"]).pick("x", &[("a", 0)]), None);
    }

    proptest::proptest! {
        #[test]
        fn a_span_is_never_left(from in 0u64..1_000_000, width in 0u64..1_000_000, name in ".{0,8}") {
            let got = Draws::new(3, &[&name]).within("w", Span(from, from + width));
            proptest::prop_assert!(got >= Duration::from_millis(from) && got <= Duration::from_millis(from + width));
        }

        #[test]
        fn a_grain_gives_whole_multiples_only(name in ".{0,8}") {
            let got = Draws::new(3, &[&name]).grain(1_000).within("w", Span(1_500, 9_500));
            proptest::prop_assert!(got.as_millis().is_multiple_of(1_000) && (2_000..=10_000).contains(&got.as_millis()));
        }

        #[test]
        fn certainty_and_impossibility_hold(name in ".{0,8}") {
            proptest::prop_assert!(Draws::new(3, &[&name]).chance("w", 1.0));
            proptest::prop_assert!(!Draws::new(3, &[&name]).chance("w", 0.0));
        }
    }
}
