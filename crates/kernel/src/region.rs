//! Regions (区划): digit codes in which every prefix on a level boundary is the parent.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A statistical division code: 6 digits county, 9 street or town, 12 community or village.
/// Longer digit strings (grids) and shorter ones (province, prefecture) are codes as well.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RegionCode(String);

/// The text is not a region code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a region code: 2 to 18 digits are expected")]
pub struct BadRegionCode(pub String);

/// Administrative level of a code (县、乡镇街道、村社区).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// 县、区: 6 digits or fewer.
    District,
    /// 乡镇、街道: 9 digits.
    Street,
    /// 村、社区: 12 digits or more.
    Community,
}

impl RegionCode {
    /// # Errors
    /// [`BadRegionCode`] unless the text is 2 to 18 digits.
    pub fn parse(text: &str) -> Result<Self, BadRegionCode> {
        let text = text.trim();
        let fine = (2..=18).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        if fine { Ok(Self(text.to_owned())) } else { Err(BadRegionCode(text.chars().take(32).collect())) }
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `other` is this region or lies in it.
    pub fn covers(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    /// Whether the two regions share any place.
    pub fn meets(&self, other: &Self) -> bool {
        self.covers(other) || other.covers(self)
    }

    /// First text that sorts after every code this region covers.
    pub fn until(&self) -> String {
        format!("{}:", self.0)
    }

    /// Level by length.
    pub fn tier(&self) -> Tier {
        match self.0.len() {
            ..=8 => Tier::District,
            9..=11 => Tier::Street,
            _ => Tier::Community,
        }
    }

    /// The street (first 9 digits), where the code reaches that far.
    pub fn street(&self) -> Option<Self> {
        (self.0.len() >= 9).then(|| Self(self.0[..9].to_owned()))
    }

    /// The district (first 6 digits), where the code reaches that far.
    pub fn district(&self) -> Option<Self> {
        (self.0.len() >= 6).then(|| Self(self.0[..6].to_owned()))
    }
}

impl fmt::Display for RegionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RegionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RegionCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> RegionCode {
        RegionCode::parse(text).unwrap()
    }

    #[test]
    fn a_region_covers_what_it_is_a_prefix_of() {
        let district = code("440303");
        assert!(district.covers(&code("440303001002")));
        assert!(!district.covers(&code("440304001")));
        assert!(code("440303001002").meets(&district));
        assert_eq!(code("440303001002").tier(), Tier::Community);
        assert_eq!(code("440303001002").street(), Some(code("440303001")));
    }

    proptest::proptest! {
        #[test]
        fn the_range_from_code_to_until_is_the_covered_set(a in "[0-9]{2,12}", b in "[0-9]{2,12}") {
            let (a, b) = (code(&a), code(&b));
            let in_range = b.as_str() >= a.as_str() && b.as_str() < a.until().as_str();
            proptest::prop_assert_eq!(in_range, a.covers(&b));
        }
    }
}
