//! Datums (坐标系) in daily use, and the way between them.
//!
//! - WGS 84, and CGCS2000 (国家大地坐标系), which is taken as the same: the ellipsoids differ by 0.1 mm in
//!   the polar radius and the frames, at one epoch, by centimetres (魏子卿 2008, 2000中国大地坐标系;
//!   程鹏飞等 2009, 测绘学报 38(3)). Plate motion since 2000.0 adds about 3 cm a year: decimetres.
//!   That is below what a telephone's fix or a drawn outline can tell.
//! - GCJ-02 (火星坐标; 高德, 腾讯), an obfuscated WGS 84, 50 to 700 m away.
//! - BD-09 (百度), GCJ-02 obfuscated again.
//!
//! The formulas are the public reconstruction used by coordtransform and gcoord; the services' own answers
//! agree with it within a metre. (eviltransform's BD-09 has π where Baidu's answers want 3000π/180, and is
//! 40 m off.) Outside China they shift nothing.

use geo_types::Coord;

/// A datum in which positions are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Datum {
    /// WGS 84 or CGCS2000.
    #[serde(rename = "WGS-84")]
    Wgs84,
    /// 国测局坐标.
    #[serde(rename = "GCJ-02")]
    Gcj02,
    /// 百度坐标.
    #[serde(rename = "BD-09")]
    Bd09,
}

impl Datum {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Wgs84, Self::Gcj02, Self::Bd09];

    /// `WGS-84`, `GCJ-02`, `BD-09`.
    pub fn name(self) -> &'static str {
        ["WGS-84", "GCJ-02", "BD-09"][self as usize]
    }

    /// The name as people know it.
    pub fn zh(self) -> &'static str {
        ["WGS-84/CGCS2000", "GCJ-02（高德、腾讯）", "BD-09（百度）"][self as usize]
    }

    /// Reads a name in any usual spelling.
    pub fn parse(text: &str) -> Option<Self> {
        let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        match plain.to_ascii_uppercase().as_str() {
            "WGS84" | "CGCS2000" | "EPSG4326" | "EPSG4490" | "4326" | "4490" | "GPS" => Some(Self::Wgs84),
            "GCJ02" | "GCJ" => Some(Self::Gcj02),
            "BD09" | "BD09LL" | "BD" => Some(Self::Bd09),
            _ => match text.trim() {
                "火星坐标" | "国测局" | "高德" | "腾讯" => Some(Self::Gcj02),
                "百度" => Some(Self::Bd09),
                "国家大地坐标系" | "国家2000" | "2000国家大地坐标系" => Some(Self::Wgs84),
                _ => None,
            },
        }
    }
}

/// A position (x degrees east, y degrees north) of one datum in another. The way back is exact within
/// 10⁻⁹ degree, except in the strip of a few hundred metres along the edge where the shift begins.
pub fn convert(position: Coord, from: Datum, to: Datum) -> Coord {
    use Datum::{Bd09, Gcj02, Wgs84};
    match (from, to) {
        (Wgs84, Gcj02) => gcj_of_wgs(position),
        (Gcj02, Wgs84) => undo(position, gcj_of_wgs),
        (Gcj02, Bd09) => bd_of_gcj(position),
        (Bd09, Gcj02) => undo(position, bd_of_gcj),
        (Wgs84, Bd09) => bd_of_gcj(gcj_of_wgs(position)),
        (Bd09, Wgs84) => undo(undo(position, bd_of_gcj), gcj_of_wgs),
        (Wgs84, Wgs84) | (Gcj02, Gcj02) | (Bd09, Bd09) => position,
    }
}

/// The rectangle in which the shift applies, as every public implementation has it.
fn shifted(it: Coord) -> bool {
    (72.004..=137.8347).contains(&it.x) && (0.8293..=55.8271).contains(&it.y)
}

/// Finds what `forward` leads to `wanted`. Each step shrinks the miss at least thirtyfold.
fn undo(wanted: Coord, forward: fn(Coord) -> Coord) -> Coord {
    let mut guess = wanted;
    for _ in 0..20 {
        let miss = wanted - forward(guess);
        guess = guess + miss;
        if miss.x.abs().max(miss.y.abs()) < 1e-12 {
            break;
        }
    }
    // Along the edge of the rectangle no position may lead there: then nothing was shifted.
    let miss = wanted - forward(guess);
    if miss.x.abs().max(miss.y.abs()) < 1e-9 { guess } else { wanted }
}

/// Semi-major axis and squared eccentricity of the Krasovsky 1940 ellipsoid, on which the shift is defined.
const AXIS: f64 = 6_378_245.0;
const ECCENTRICITY: f64 = 0.006_693_421_622_965_943;

fn gcj_of_wgs(it: Coord) -> Coord {
    use std::f64::consts::PI;
    if !shifted(it) {
        return it;
    }
    let (east, north) = shift_metres(it.x - 105.0, it.y - 35.0);
    let latitude = it.y.to_radians();
    let flat = 1.0 - ECCENTRICITY * latitude.sin().powi(2);
    let root = flat.sqrt();
    Coord {
        x: it.x + east * 180.0 / (AXIS / root * latitude.cos() * PI),
        y: it.y + north * 180.0 / (AXIS * (1.0 - ECCENTRICITY) / (flat * root) * PI),
    }
}

/// The published polynomial with its waves; x and y are degrees from 105°E 35°N.
fn shift_metres(x: f64, y: f64) -> (f64, f64) {
    let wave = |height: f64, at: f64| height * (at * std::f64::consts::PI).sin();
    let short = wave(20.0, 6.0 * x) + wave(20.0, 2.0 * x);
    let east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * x.abs().sqrt();
    let north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * x.abs().sqrt();
    let east_waves = short + wave(20.0, x) + wave(40.0, x / 3.0) + wave(150.0, x / 12.0) + wave(300.0, x / 30.0);
    let north_waves = short + wave(20.0, y) + wave(40.0, y / 3.0) + wave(160.0, y / 12.0) + wave(320.0, y / 30.0);
    (east + east_waves * 2.0 / 3.0, north + north_waves * 2.0 / 3.0)
}

fn bd_of_gcj(it: Coord) -> Coord {
    if !shifted(it) {
        return it;
    }
    let turn = std::f64::consts::PI * 3_000.0 / 180.0;
    let length = it.x.hypot(it.y) + 0.000_02 * (it.y * turn).sin();
    let angle = it.y.atan2(it.x) + 0.000_003 * (it.x * turn).cos();
    Coord { x: length * angle.cos() + 0.0065, y: length * angle.sin() + 0.006 }
}
