//! What a file says its coordinates are: a `.prj` (OGC 01-009 well-known text, as ESRI writes it) or the
//! `crs` of an old GeoJSON.

use anlan_kernel::Problem;
use geo_types::Coord;

use super::projection::{TransverseMercator, of_web_mercator};
use crate::xml::cut;

/// How coordinates become degrees of WGS 84.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Reference {
    /// The file does not say; degrees are expected.
    #[default]
    Unstated,
    /// Degrees of WGS 84 or CGCS2000. Files in GCJ-02 say this too, wrongly.
    Degrees,
    /// Metres of web maps (EPSG:3857).
    WebMercator,
    /// Metres of surveyors.
    TransverseMercator(TransverseMercator),
}

/// Largest text that is read.
const LARGEST: usize = 16 << 10;
/// Deepest nesting that is read.
const DEEPEST: usize = 16;

impl Reference {
    /// Reads the text of a `.prj`.
    ///
    /// # Errors
    /// `bad_reference`; `unknown_reference` of datums that need local parameters (北京54, 西安80) and of
    /// projections not known here.
    pub fn of_prj(text: &str) -> Result<Self, Problem> {
        let root = Node::parse(text.trim_start_matches('\u{FEFF}')).ok_or_else(bad)?;
        let title = root.title().to_owned();
        match root.name.as_str() {
            "GEOGCS" => geographic(&root).map(|_| Self::Degrees),
            "PROJCS" => projected(&root),
            _ => None,
        }
        .ok_or_else(|| unknown(&title))
    }

    /// Reads a name such as `urn:ogc:def:crs:EPSG::4490` or `EPSG:4547`.
    ///
    /// # Errors
    /// `unknown_reference`.
    pub fn of_name(name: &str) -> Result<Self, Problem> {
        let code = name.rsplit(':').next().unwrap_or_default().trim();
        if code.eq_ignore_ascii_case("CRS84") {
            return Ok(Self::Degrees);
        }
        code.parse().ok().and_then(Self::of_epsg).ok_or_else(|| unknown(name))
    }

    /// EPSG's codes for CGCS2000 are runs of zones from 75° east.
    fn of_epsg(code: u16) -> Option<Self> {
        let zone = |first: u16, width: u16, zones: Option<u16>| {
            let number = code - first;
            let meridian = f64::from(75 + width * number);
            let prefix = zones.map_or(0.0, |it| f64::from(it + number) * 1e6);
            Self::TransverseMercator(TransverseMercator::cgcs2000(meridian, prefix + 500_000.0))
        };
        match code {
            4326 | 4490 => Some(Self::Degrees),
            3857 | 3785 => Some(Self::WebMercator),
            4491..=4501 => Some(zone(4491, 6, Some(13))),
            4502..=4512 => Some(zone(4502, 6, None)),
            4513..=4533 => Some(zone(4513, 3, Some(25))),
            4534..=4554 => Some(zone(4534, 3, None)),
            _ => None,
        }
    }

    /// Degrees for coordinates of a file; as they are where no degrees can be had.
    pub fn degrees(&self, it: Coord) -> Coord {
        match self {
            Self::Unstated | Self::Degrees => it,
            Self::WebMercator => of_web_mercator(it),
            Self::TransverseMercator(projection) => projection.backward(it).unwrap_or(it),
        }
    }
}

/// Ellipsoid of a known datum in degrees from Greenwich.
fn geographic(node: &Node) -> Option<(f64, f64)> {
    const KNOWN: [&str; 5] = ["WGS1984", "WGS84", "CHINA2000", "CGCS2000", "CHINAGEODETICCOORDINATESYSTEM2000"];
    let plain = |it: &str| -> String { it.chars().filter(char::is_ascii_alphanumeric).collect() };
    let datum = node.child("DATUM")?;
    let name = plain(datum.title()).to_ascii_uppercase();
    let known = KNOWN.iter().any(|it| name.contains(it));
    let degrees =
        node.child("UNIT").is_none_or(|it| it.numbers.first().is_some_and(|it| (it - 0.017_453_292_5).abs() < 1e-9));
    let greenwich = node.child("PRIMEM").is_none_or(|it| it.numbers.first().is_none_or(|it| *it == 0.0));
    let [axis, inverse_flattening] = datum.child("SPHEROID")?.numbers.get(..2)?.try_into().ok()?;
    let sane = (6.3e6..6.4e6).contains(&axis) && (290.0..310.0).contains(&inverse_flattening);
    (known && degrees && greenwich && sane).then_some((axis, inverse_flattening))
}

fn projected(node: &Node) -> Option<Reference> {
    let (axis, inverse_flattening) = geographic(node.child("GEOGCS")?)?;
    let metres = node.child("UNIT").is_none_or(|it| it.numbers.first() == Some(&1.0));
    let value = |name: &str, otherwise: f64| {
        let found = node.children.iter().find(|it| it.name == "PARAMETER" && it.title().eq_ignore_ascii_case(name));
        found.map_or(Some(otherwise), |it| it.numbers.first().copied())
    };
    if !metres {
        return None;
    }
    match node.child("PROJECTION")?.title() {
        "Transverse_Mercator" | "Gauss_Kruger" => Some(Reference::TransverseMercator(TransverseMercator {
            axis,
            inverse_flattening,
            central_meridian: value("Central_Meridian", 0.0)?,
            latitude_of_origin: value("Latitude_Of_Origin", 0.0)?,
            scale: value("Scale_Factor", 1.0).filter(|it| (0.5..2.0).contains(it))?,
            false_easting: value("False_Easting", 0.0)?,
            false_northing: value("False_Northing", 0.0)?,
        })),
        "Mercator_Auxiliary_Sphere" => Some(Reference::WebMercator),
        // GDAL's name for it.
        "Mercator_1SP" if node.title().contains("Pseudo-Mercator") => Some(Reference::WebMercator),
        _ => None,
    }
}

/// `NAME["title",1.0,CHILD[…]]`.
#[derive(Debug, Default)]
struct Node {
    name: String,
    words: Vec<String>,
    numbers: Vec<f64>,
    children: Vec<Node>,
}

impl Node {
    fn title(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|it| it.name == name)
    }

    /// With a stack of its own: nothing recurses over the input.
    fn parse(text: &str) -> Option<Self> {
        let (mut stack, mut rest): (Vec<Self>, &str) = (Vec::new(), text.trim());
        if text.len() > LARGEST {
            return None;
        }
        while let Some(first) = rest.chars().next() {
            match first {
                '"' => {
                    let (word, after) = rest[1..].split_once('"')?;
                    stack.last_mut()?.words.push(word.to_owned());
                    rest = after;
                }
                ']' | ')' => {
                    let done = stack.pop()?;
                    rest = &rest[1..];
                    match stack.last_mut() {
                        Some(parent) => parent.children.push(done),
                        None => return rest.trim().is_empty().then_some(done),
                    }
                }
                it if it == ',' || it.is_whitespace() => rest = &rest[it.len_utf8()..],
                _ => {
                    let end = rest.find(['[', '(', ']', ')', ',', '"'])?;
                    let (word, after) = rest.split_at(end);
                    rest = after;
                    if let Some(inside) = after.strip_prefix(['[', '(']) {
                        let name = word.trim().to_ascii_uppercase();
                        stack.push(Self { name, ..Self::default() });
                        rest = inside;
                    } else if let Ok(number) = word.trim().parse() {
                        stack.last_mut()?.numbers.push(number);
                    }
                }
            }
            if stack.len() > DEEPEST {
                return None;
            }
        }
        None
    }
}

fn bad() -> Problem {
    Problem::new(
        "bad_reference",
        ".prj 读不出来：应是坐标系的文字说明（WKT）",
        "the .prj cannot be read: it should be a coordinate system as well-known text",
    )
    .field("prj")
}

fn unknown(title: &str) -> Problem {
    let title = cut(title);
    Problem::new(
        "unknown_reference",
        format!("坐标系“{title}”不能直接换算（如北京 54、西安 80 需要本地参数），请先转换为 CGCS2000 或 WGS 84"),
        format!("coordinates of {title:?} cannot be converted here (Beijing 1954 and Xian 1980 need local parameters): convert them to CGCS2000 or WGS 84 first"),
    )
    .field("prj")
}
