//! Where a row says it is: two columns, one, or the shape that came with it; swapped, and in which datum.

use anlan_codecs::geo::{
    self, Datum, Geometry, degrees,
    degrees::Axis,
    detect,
    geo_types::{Coord, Point},
};
use anlan_kernel::Problem;

/// What a row says of its place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    /// As given, longitude first.
    pub place: Option<Geometry>,
    /// Longitude and latitude stood in each other's place.
    pub swapped: bool,
    /// The datum that the row itself names.
    pub datum: Option<Datum>,
}

/// Cells of a row that speak of its place; empty where it has none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cells<'a> {
    /// 经度, and its title.
    pub longitude: (&'a str, &'a str),
    /// 纬度, and its title.
    pub latitude: (&'a str, &'a str),
    /// Both, and the title.
    pub position: (&'a str, &'a str),
    /// 坐标系.
    pub datum: &'a str,
    /// GeoJSON.
    pub shape: &'a str,
}

/// Reads them.
///
/// # Errors
/// What is wrong with them, naming the column.
pub fn read(cells: Cells<'_>, given: Option<Geometry>) -> Result<Said, Problem> {
    let datum = match cells.datum {
        "" => None,
        text => Some(Datum::parse(text).ok_or_else(|| unknown_datum(text))?),
    };
    let (longitude, latitude) = (cells.longitude.0, cells.latitude.0);
    let found = if !cells.shape.is_empty() {
        Some((shape(cells.shape)?, false))
    } else if !longitude.is_empty() || !latitude.is_empty() {
        Some(pair(cells.longitude, cells.latitude)?)
    } else if !cells.position.0.is_empty() {
        Some(split(cells.position)?)
    } else {
        given.map(unswapped)
    };
    let Some((place, swapped)) = found else { return Ok(Said { datum, ..Said::default() }) };
    Ok(Said { place: Some(place), swapped, datum })
}

fn unknown_datum(text: &str) -> Problem {
    let words = "WGS-84、CGCS2000、GCJ-02、BD-09";
    Problem::new(
        "bad_datum",
        format!("坐标系“{text}”不认识，可写：{words}"),
        format!("the datum {text:?} is not known: {words}"),
    )
    .field("坐标系")
}

fn shape(text: &str) -> Result<Geometry, Problem> {
    let wrong = |words: String| Problem::new("bad_shape", "图形不是 GeoJSON", words).field("图形");
    let json = serde_json::from_str(text).map_err(|it| wrong(it.to_string()))?;
    crate::records::write::of_geojson(&json)
        .map_err(|it| Problem { place: anlan_kernel::Place::default(), ..it }.field("图形"))
}

fn in_china(it: Coord) -> bool {
    (73.0..=135.5).contains(&it.x) && (3.0..=54.0).contains(&it.y)
}

fn point(x: f64, y: f64) -> Geometry {
    Geometry::Point(Point::new(x, y))
}

fn pair(longitude: (&str, &str), latitude: (&str, &str)) -> Result<(Geometry, bool), Problem> {
    for (text, title) in [longitude, latitude] {
        if text.is_empty() {
            let (zh, en) = ("经度、纬度要么都填，要么都不填", "give both longitude and latitude, or neither");
            return Err(Problem::new("half_place", zh, en).field(title));
        }
    }
    let read = |east: (&str, &str), north: (&str, &str)| {
        Ok((degrees::parse(east.0, Axis::Longitude, east.1)?, degrees::parse(north.0, Axis::Latitude, north.1)?))
    };
    let straight: Result<(f64, f64), Problem> = read(longitude, latitude);
    if let Ok((x, y)) = straight
        && in_china(Coord { x, y })
    {
        return Ok((point(x, y), false));
    }
    if let Ok((x, y)) = read(latitude, longitude)
        && in_china(Coord { x, y })
    {
        return Ok((point(x, y), true));
    }
    let (x, y) = straight?;
    if x == 0.0 && y == 0.0 {
        let (zh, en) = ("经纬度都是 0，没有这个地方", "longitude and latitude are both 0");
        return Err(Problem::new("no_such_place", zh, en).field(longitude.1));
    }
    Ok((point(x, y), false))
}

/// `114.05,22.54`, in any of the ways people part them.
fn split((text, title): (&str, &str)) -> Result<(Geometry, bool), Problem> {
    let bare = text.trim_matches(['(', ')', '（', '）', '[', ']', ' ']);
    let parts: Vec<&str> =
        bare.split([',', '，', ';', '；', '、', '/', '\n', '\t']).map(str::trim).filter(|it| !it.is_empty()).collect();
    let spaced: Vec<&str> = bare.split_whitespace().collect();
    match (parts.as_slice(), spaced.as_slice()) {
        ([east, north], _) | (_, [east, north]) => pair((east, title), (north, title)),
        _ => {
            let zh = format!("“{text}”不是经纬度，应写成 114.0569,22.5438");
            Err(Problem::new("not_a_number", zh, format!("{text:?} is no position; 114.0569,22.5438 is one"))
                .field(title))
        }
    }
}

/// A shape whose positions read as in China only the other way round.
fn unswapped(given: Geometry) -> (Geometry, bool) {
    let positions: Vec<Coord> = given.positions().collect();
    if detect::looks_swapped(&positions) { (given.map(detect::swap), true) } else { (given, false) }
}

/// In WGS 84.
pub fn in_wgs84(place: &Geometry, datum: Datum) -> Geometry {
    if datum == Datum::Wgs84 { place.clone() } else { place.map(|it| geo::convert(it, datum, Datum::Wgs84)) }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn of(longitude: &str, latitude: &str) -> Result<Said, String> {
        let cells = Cells { longitude: (longitude, "经度"), latitude: (latitude, "纬度"), ..Cells::default() };
        read(cells, None).map_err(|it| it.code)
    }

    #[rstest]
    #[case("114.1315", "22.5482", false)]
    #[case("22.5482", "114.1315", true)]
    #[case("114°07′53.4″E", "22°32′53.52″N", false)]
    #[case("22°32′53.52″N", "114°07′53.4″E", true)]
    fn swapped_columns_are_told(#[case] longitude: &str, #[case] latitude: &str, #[case] swapped: bool) {
        let said = of(longitude, latitude).unwrap();
        let Some(geo::Geometry::Point(it)) = said.place else { panic!("no point") };
        assert!((it.x() - 114.1315).abs() < 1e-9 && (it.y() - 22.5482).abs() < 1e-9, "{it:?}");
        assert_eq!(said.swapped, swapped);
    }

    #[rstest]
    #[case("114.1315，22.5482")]
    #[case("114.1315, 22.5482")]
    #[case("(114.1315 22.5482)")]
    #[case("22.5482,114.1315")]
    fn one_column_may_hold_both(#[case] text: &str) {
        let said = read(Cells { position: (text, "坐标"), ..Cells::default() }, None).unwrap();
        assert_eq!(said.place, Some(point(114.1315, 22.5482)));
    }

    #[rstest]
    #[case("114.1315", "", "half_place")]
    #[case("0", "0", "no_such_place")]
    #[case("二十", "22.5", "not_a_number")]
    #[case("214.1", "22.5", "longitude_range")]
    fn what_is_no_place_is_refused(#[case] longitude: &str, #[case] latitude: &str, #[case] code: &str) {
        assert_eq!(of(longitude, latitude), Err(code.to_owned()));
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_it(one in "\\PC{0,16}", two in "\\PC{0,16}") {
            let _ = (of(&one, &two), read(Cells { position: (&one, ""), datum: &two, ..Cells::default() }, None), shape(&one));
        }
    }
}
