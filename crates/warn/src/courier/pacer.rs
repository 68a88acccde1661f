//! Pace in world time: one bucket for the gateway, one for each street.

use std::{collections::HashMap, time::Duration};

use anlan_kernel::{Instant, RegionCode};

/// Says when the next message may leave.
#[derive(Debug)]
pub(crate) struct Pacer {
    rate: f64,
    area_rate: f64,
    all: Bucket,
    areas: HashMap<RegionCode, Bucket>,
    /// Nothing leaves before.
    held: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn full(rate: f64) -> Self {
        Self { tokens: rate.max(1.0), at: Instant(i64::MIN / 4) }
    }

    fn fill(&mut self, rate: f64, now: Instant) {
        let passed = now.since(self.at.min(now)).as_secs_f64();
        self.tokens = (self.tokens + passed * rate).min(rate.max(1.0));
        self.at = now;
    }

    fn empty(&self) -> bool {
        self.tokens < 1.0 - 1e-6
    }

    /// When the next token is there; a microsecond later rather than one too early.
    fn next(&self, rate: f64) -> Instant {
        self.at.plus(Duration::from_secs_f64((1.0 - self.tokens).max(0.0) / rate) + Duration::from_micros(1))
    }
}

impl Pacer {
    /// So many messages a second in all, and so many into one street; 0 is no cap.
    pub fn new(rate: f64, area_rate: f64) -> Self {
        Self { rate, area_rate, all: Bucket::full(rate), areas: HashMap::new(), held: None }
    }

    /// Lets nothing leave before `until`.
    pub fn hold(&mut self, until: Instant) {
        self.held = self.held.max(Some(until));
    }

    /// Takes a token for one message into `region`, or says when there will be one.
    pub fn take(&mut self, region: &RegionCode, now: Instant) -> Result<(), Instant> {
        self.held = self.held.filter(|it| *it > now);
        if let Some(until) = self.held {
            return Err(until);
        }
        if self.rate > 0.0 {
            self.all.fill(self.rate, now);
            if self.all.empty() {
                return Err(self.all.next(self.rate));
            }
        }
        if self.area_rate > 0.0 {
            let street = region.street().unwrap_or_else(|| region.clone());
            let bucket = self.areas.entry(street).or_insert_with(|| Bucket::full(self.area_rate));
            bucket.fill(self.area_rate, now);
            if bucket.empty() {
                return Err(bucket.next(self.area_rate));
            }
            bucket.tokens -= 1.0;
        }
        if self.rate > 0.0 {
            self.all.tokens -= 1.0;
        }
        Ok(())
    }

    /// Whether nothing at all may leave now.
    pub fn exhausted(&self) -> bool {
        self.held.is_some() || self.rate > 0.0 && self.all.empty()
    }

    /// Whether one street can wait while others go on.
    pub fn by_area(&self) -> bool {
        self.area_rate > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Instant {
        Instant(1_693_500_000_000_000 + millis * 1_000)
    }

    fn region(code: &str) -> RegionCode {
        RegionCode::parse(code).unwrap()
    }

    /// Messages that leave within `seconds` when everything waits from the start.
    fn leave(pacer: &mut Pacer, regions: &[&str], seconds: i64) -> Vec<usize> {
        let mut left = vec![0; regions.len()];
        for millis in 0..seconds * 1_000 {
            for (i, it) in regions.iter().enumerate() {
                while pacer.take(&region(it), at(millis)).is_ok() {
                    left[i] += 1;
                }
            }
        }
        left
    }

    #[test]
    fn a_gateway_gets_its_rate_and_no_more() {
        assert_eq!(leave(&mut Pacer::new(5.0, 0.0), &["440303001"], 10), [5 + 49]);
    }

    #[test]
    fn a_street_gets_its_rate_whatever_the_others_do() {
        let left = leave(&mut Pacer::new(0.0, 2.0), &["440303001001", "440303001002", "440303002"], 10);
        assert_eq!([left[0] + left[1], left[2]], [2 + 19, 2 + 19]);
    }

    #[test]
    fn the_moment_named_is_the_moment_a_token_is_there() {
        let mut pacer = Pacer::new(3.0, 0.0);
        while pacer.take(&region("440303"), at(0)).is_ok() {}
        let next = pacer.take(&region("440303"), at(0)).unwrap_err();
        assert!(pacer.take(&region("440303"), Instant(next.0 - 10)).is_err());
        assert!(pacer.take(&region("440303"), next).is_ok());
    }

    #[test]
    fn a_line_that_is_held_waits_whole() {
        let mut pacer = Pacer::new(0.0, 0.0);
        pacer.hold(at(5_000));
        assert_eq!(pacer.take(&region("440303"), at(4_999)), Err(at(5_000)));
        assert!(pacer.exhausted());
        assert_eq!(pacer.take(&region("440303"), at(5_000)), Ok(()));
    }

    #[test]
    fn no_cap_is_no_cap() {
        let mut pacer = Pacer::new(0.0, 0.0);
        assert!((0..100_000).all(|_| pacer.take(&region("440303"), at(0)).is_ok()));
    }
}
