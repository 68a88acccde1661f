//! In which datum positions were given, told by where they should lie; or that nobody can tell.
//!
//! A file never says GCJ-02, and many that say WGS 84 are not. Two kinds of evidence decide: anchors,
//! positions of the same things known in WGS 84, and the outlines of the regions the rows name. The
//! datums lie 50 to 1,300 m apart in China, so outlines only speak for points near a border.

use anlan_kernel::{Lang, Text};
use geo_types::{Coord, MultiPolygon, Polygon};

use super::{
    datum::{Datum, convert},
    ring, shape,
};

/// A stated region's outline or bounding box, WGS 84.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    areas: MultiPolygon,
    bounds: Option<(Coord, Coord)>,
}

impl Outline {
    /// An outline.
    pub fn new(areas: MultiPolygon) -> Self {
        let bounds = ring::bounds(areas.0.iter().flat_map(|it| it.exterior().0.iter().copied()));
        Self { areas, bounds }
    }

    /// A bounding box, degrees.
    pub fn bounding_box(west: f64, south: f64, east: f64, north: f64) -> Self {
        let corners = [(west, south), (east, south), (east, north), (west, north)];
        let ring = corners.map(Coord::from).to_vec();
        Self::new(MultiPolygon(vec![Polygon::new(ring.into(), Vec::new())]))
    }

    /// Whether a WGS 84 position lies in it.
    pub fn contains(&self, it: Coord) -> bool {
        let near =
            self.bounds.is_some_and(|(low, high)| (low.x..=high.x).contains(&it.x) && (low.y..=high.y).contains(&it.y));
        let in_area =
            |area: &Polygon| shape::rings(area).into_iter().filter(|ring| ring::inside(ring, it)).count() % 2 == 1;
        near && self.areas.0.iter().any(in_area)
    }
}

/// One way to read the positions, and how well it fits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// The datum.
    pub datum: Datum,
    /// Positions in the region their row names.
    pub inside: usize,
    /// Half of the anchors are missed by less than this, metres; `None` without anchors.
    pub miss: Option<f64>,
}

/// What the evidence says.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The datum; `None`: the evidence does not decide, and a person must be asked.
    pub datum: Option<Datum>,
    /// Longitude and latitude stand in each other's place.
    pub swapped: bool,
    /// Positions looked at.
    pub of: usize,
    /// Every datum, best first.
    pub fits: Vec<Fit>,
}

/// Fewest positions that a border must tell apart.
const DECISIVE: usize = 3;
/// An anchor met within this is the same thing, metres.
const SAME_THING: f64 = 150.0;

impl Finding {
    /// The evidence for people.
    pub fn evidence(&self) -> Text {
        let fit = |it: &Fit, lang: Lang| {
            let of = self.of;
            match (it.miss, lang) {
                (Some(miss), Lang::Zh) => format!("{}：与已知点相差约 {miss:.0} 米", it.datum.zh()),
                (Some(miss), Lang::En) => format!("{}: about {miss:.0} m from the known points", it.datum.name()),
                (None, Lang::Zh) => format!("{}：{of} 个点中 {} 个在所填区划内", it.datum.zh(), it.inside),
                (None, Lang::En) => format!("{}: {} of {of} points in the stated region", it.datum.name(), it.inside),
            }
        };
        let list =
            |lang: Lang, between: &str| self.fits.iter().map(|it| fit(it, lang)).collect::<Vec<_>>().join(between);
        let (zh, en) = match self.datum {
            Some(it) => (format!("判断为 {}", it.zh()), format!("this is {}", it.name())),
            None => ("判断不了坐标系，请说明".to_owned(), "the datum cannot be told; please state it".to_owned()),
        };
        let (swap_zh, swap_en) =
            if self.swapped { ("经纬度写反了；", "longitude and latitude are swapped; ") } else { ("", "") };
        Text::new(
            format!("{swap_zh}{zh}（{}）", list(Lang::Zh, "；")),
            format!("{swap_en}{en} ({})", list(Lang::En, "; ")),
        )
    }
}

/// Tells by the regions that rows name: a datum is found when it puts at least three positions more, and
/// one in a hundred, into their regions than any other.
pub fn by_outlines(rows: &[(Coord, &Outline)]) -> Finding {
    let inside = |swapped: bool, datum: Datum| {
        let read = |it: Coord| convert(if swapped { swap(it) } else { it }, datum, Datum::Wgs84);
        rows.iter().filter(|(it, outline)| outline.contains(read(*it))).count()
    };
    let best = |swapped: bool| Datum::ALL.map(|it| inside(swapped, it)).into_iter().max().unwrap_or(0);
    let swapped = best(true) > best(false);
    let mut fits = Datum::ALL.map(|datum| Fit { datum, inside: inside(swapped, datum), miss: None });
    fits.sort_by_key(|it| std::cmp::Reverse(it.inside));
    let decided = fits[0].inside - fits[1].inside >= DECISIVE.max(rows.len() / 100);
    Finding { datum: decided.then_some(fits[0].datum), swapped, of: rows.len(), fits: fits.to_vec() }
}

/// Tells by anchors: positions as given and the same things as known in WGS 84. A datum is found when half
/// of them are met within 150 m and every other datum misses them by at least 150 m more.
pub fn by_anchors(pairs: &[(Coord, Coord)]) -> Finding {
    let miss = |swapped: bool, datum: Datum| {
        let read = |it: Coord| convert(if swapped { swap(it) } else { it }, datum, Datum::Wgs84);
        median(pairs.iter().map(|(given, known)| metres(read(*given), *known)).collect())
    };
    let best = |swapped: bool| Datum::ALL.map(|it| miss(swapped, it)).into_iter().fold(f64::INFINITY, f64::min);
    let swapped = best(true) < best(false);
    let mut fits =
        Datum::ALL.map(|datum| Fit { datum, inside: 0, miss: Some(miss(swapped, datum)).filter(|it| it.is_finite()) });
    let far = |it: &Fit| it.miss.unwrap_or(f64::INFINITY);
    fits.sort_by(|a, b| far(a).total_cmp(&far(b)));
    let decided = far(&fits[0]) <= SAME_THING && far(&fits[1]) >= far(&fits[0]) + SAME_THING;
    Finding { datum: decided.then_some(fits[0].datum), swapped, of: pairs.len(), fits: fits.to_vec() }
}

/// Longitude and latitude exchanged.
pub fn swap(it: Coord) -> Coord {
    Coord { x: it.y, y: it.x }
}

/// Whether positions in China were given latitude first: none of them reads as in China as it stands, and
/// most do the other way round. Needs no outline.
pub fn looks_swapped(positions: &[Coord]) -> bool {
    let china = |it: Coord| (73.0..=135.5).contains(&it.x) && (3.0..=54.0).contains(&it.y);
    let swapped = positions.iter().filter(|it| china(swap(**it))).count();
    !positions.iter().any(|it| china(*it)) && swapped * 2 > positions.len()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::INFINITY)
}

/// Metres between two near positions on a sphere of the mean radius.
fn metres(a: Coord, b: Coord) -> f64 {
    const PER_DEGREE: f64 = 111_195.0;
    let narrow = f64::midpoint(a.y, b.y).to_radians().cos();
    ((a.x - b.x) * narrow).hypot(a.y - b.y) * PER_DEGREE
}
