//! KML 2.2 (OGC 07-147r2): placemarks with their names, descriptions, extended data and shapes.

use anlan_kernel::Problem;
use geo_types::{Coord, LineString, MultiLineString, MultiPoint, MultiPolygon, Point, Polygon};

use super::{
    Geometry, Layer, MAX_FILE_BYTES, Order, Properties, Record, Reference, archive,
    intake::{Intake, not_a_number, put},
    too_large,
};
use crate::xml::{self, Element, Limits, cut, escaped};

/// Sizes within which a KML is read.
const LIMITS: Limits = Limits { bytes: MAX_FILE_BYTES, elements: 1_000_000 };
/// Elements of a placemark that become attributes under their own names.
const OWN: [&str; 4] = ["name", "address", "phoneNumber", "description"];
/// Elements that are shapes.
const SHAPES: [&str; 5] = ["Point", "LineString", "LinearRing", "Polygon", "MultiGeometry"];

/// Reads a KML; a KMZ is read by [`super::read`].
///
/// # Errors
/// `not_kml`, and what makes XML unreadable.
pub fn read(bytes: &[u8], order: Order) -> Result<Layer, Problem> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(too_large());
    }
    let document = xml::parse_within(bytes, LIMITS)?;
    if !["kml", "Document", "Folder", "Placemark"].contains(&document.root.name.as_str()) {
        return Err(not_kml(&document.root));
    }
    let mut intake = Intake::new("", Reference::Degrees, order);
    document.warnings.into_vec().into_iter().for_each(|it| intake.warn_file(it));
    walk(&document.root, &mut intake);
    Ok(intake.finish())
}

/// A KML with one placemark a record.
pub fn write(records: &[Record]) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<kml xmlns=\"http://www.opengis.net/kml/2.2\"><Document>\n",
    );
    records.iter().for_each(|it| write_record(&mut out, it));
    out.push_str("</Document></kml>\n");
    out
}

/// The same as KMZ.
pub fn write_kmz(records: &[Record]) -> Vec<u8> {
    archive::pack(&[("doc.kml".to_owned(), write(records).as_bytes())])
}

/// Depth is bounded by the XML reader.
fn walk(element: &Element, intake: &mut Intake) {
    if element.name == "Placemark" {
        return placemark(element, intake);
    }
    element.children.iter().filter(|it| it.own).for_each(|it| walk(it, intake));
}

fn placemark(element: &Element, intake: &mut Intake) {
    intake.next_row();
    let mut shapes = element.children.iter().filter(|it| it.own && SHAPES.contains(&it.name.as_str()));
    let geometry = match (shapes.next(), shapes.next()) {
        (None, _) => Ok(None),
        (Some(shape), None) => geometry(shape, intake).map(Some),
        (Some(_), Some(more)) => Err(mixed().field(more.name.clone())),
    };
    intake.row(Ok(properties(element)), geometry);
}

fn properties(element: &Element) -> Properties {
    let mut found = Properties::new();
    for name in OWN {
        put(&mut found, name, &element.value_of(name).unwrap_or_default());
    }
    for extended in element.all("ExtendedData") {
        for data in extended.all("Data") {
            let value = data.value_of("value").unwrap_or_default();
            put(&mut found, data.label.as_deref().unwrap_or_default(), &value);
        }
        for simple in extended.all("SchemaData").flat_map(|it| it.all("SimpleData")) {
            put(&mut found, simple.label.as_deref().unwrap_or_default(), simple.value());
        }
    }
    found
}

fn geometry(element: &Element, intake: &mut Intake) -> Result<Geometry, Problem> {
    match element.name.as_str() {
        "Point" => point(element, intake).map(Geometry::Point),
        "Polygon" => polygon(element, intake).map(Geometry::Polygon),
        "MultiGeometry" => several(element, intake),
        _ => coordinates(element, intake).map(|it| Geometry::LineString(LineString(it))),
    }
}

/// All parts of one kind, those of inner groups among them.
fn several(element: &Element, intake: &mut Intake) -> Result<Geometry, Problem> {
    let (mut points, mut lines, mut areas) = (Vec::new(), Vec::new(), Vec::new());
    let mut groups = vec![element];
    while let Some(group) = groups.pop() {
        for part in group.children.iter().filter(|it| it.own) {
            match part.name.as_str() {
                "MultiGeometry" => groups.push(part),
                "Point" => points.push(point(part, intake)?),
                "LineString" | "LinearRing" => lines.push(LineString(coordinates(part, intake)?)),
                "Polygon" => areas.push(polygon(part, intake)?),
                _ => {}
            }
        }
    }
    match (points.is_empty(), lines.is_empty(), areas.is_empty()) {
        (false, true, true) => Ok(Geometry::MultiPoint(MultiPoint(points))),
        (true, false, true) => Ok(Geometry::MultiLineString(MultiLineString(lines))),
        (true, true, false) => Ok(Geometry::MultiPolygon(MultiPolygon(areas))),
        (true, true, true) => Err(missing("MultiGeometry", "Point")),
        _ => Err(mixed().field("MultiGeometry")),
    }
}

fn point(element: &Element, intake: &mut Intake) -> Result<Point, Problem> {
    match coordinates(element, intake)?[..] {
        [only] => Ok(Point(only)),
        _ => Err(bad_coordinates("点应正好有一组坐标", "a point must have exactly one position")),
    }
}

fn polygon(element: &Element, intake: &mut Intake) -> Result<Polygon, Problem> {
    let mut ring = |boundary: &Element| {
        let ring = boundary.first("LinearRing").ok_or_else(|| missing(&boundary.name, "LinearRing"))?;
        let ring = coordinates(ring, intake)?;
        Ok(LineString(intake.closed(ring)))
    };
    let outer = ring(element.first("outerBoundaryIs").ok_or_else(|| missing("Polygon", "outerBoundaryIs"))?)?;
    let holes = element.all("innerBoundaryIs").map(ring).collect::<Result<_, Problem>>()?;
    Ok(Polygon::new(outer, holes))
}

/// `longitude,latitude[,height]`, positions apart by blanks.
fn coordinates(element: &Element, intake: &mut Intake) -> Result<Vec<Coord>, Problem> {
    let text = element.first("coordinates").ok_or_else(|| missing(&element.name, "coordinates"))?;
    text.value().split_whitespace().map(|it| position(it, intake)).collect()
}

fn position(text: &str, intake: &mut Intake) -> Result<Coord, Problem> {
    let number = |it: &str| it.parse::<f64>().map_err(|_| not_a_number(it).field("coordinates"));
    let mut parts = text.split(',');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(x), Some(y), height, None) => {
            intake.height(height.and_then(|it| it.parse().ok()).unwrap_or(0.0));
            Ok(Coord { x: number(x)?, y: number(y)? })
        }
        _ => {
            let text = cut(text);
            Err(bad_coordinates(
                &format!("“{text}”应为“经度,纬度”，逗号后没有空格"),
                &format!("{text:?} must be longitude,latitude without blanks"),
            ))
        }
    }
}

fn write_record(out: &mut String, record: &Record) {
    out.push_str("<Placemark>");
    for name in OWN {
        if let Some(value) = record.properties.get(name) {
            out.push_str(&format!("<{name}>{}</{name}>", escaped(value)));
        }
    }
    let data: Vec<_> = record.properties.iter().filter(|(name, _)| !OWN.contains(&name.as_str())).collect();
    if !data.is_empty() {
        out.push_str("<ExtendedData>");
        for (name, value) in data {
            let name = escaped(name).replace('"', "&quot;").replace('\n', "&#10;").replace('\t', "&#9;");
            out.push_str(&format!("<Data name=\"{name}\"><value>{}</value></Data>", escaped(value)));
        }
        out.push_str("</ExtendedData>");
    }
    if let Some(geometry) = &record.geometry {
        write_geometry(out, geometry);
    }
    out.push_str("</Placemark>\n");
}

fn write_geometry(out: &mut String, geometry: &Geometry) {
    let group = |out: &mut String, parts: String| out.push_str(&format!("<MultiGeometry>{parts}</MultiGeometry>"));
    match geometry {
        Geometry::Point(it) => out.push_str(&shape("Point", &[it.0])),
        Geometry::LineString(it) => out.push_str(&shape("LineString", &it.0)),
        Geometry::Polygon(it) => out.push_str(&area(it)),
        Geometry::MultiPoint(it) => group(out, it.0.iter().map(|it| shape("Point", &[it.0])).collect()),
        Geometry::MultiLineString(it) => group(out, it.0.iter().map(|it| shape("LineString", &it.0)).collect()),
        Geometry::MultiPolygon(it) => group(out, it.0.iter().map(area).collect()),
    }
}

fn area(it: &Polygon) -> String {
    let ring = |name: &str, it: &LineString| format!("<{name}>{}</{name}>", shape("LinearRing", &it.0));
    let holes: String = it.interiors().iter().map(|it| ring("innerBoundaryIs", it)).collect();
    format!("<Polygon>{}{holes}</Polygon>", ring("outerBoundaryIs", it.exterior()))
}

fn shape(name: &str, positions: &[Coord]) -> String {
    let positions: Vec<String> = positions.iter().map(|it| format!("{},{}", it.x, it.y)).collect();
    format!("<{name}><coordinates>{}</coordinates></{name}>", positions.join(" "))
}

fn not_kml(root: &Element) -> Problem {
    let name = cut(&root.name);
    Problem::new("not_kml", format!("不是 KML：根元素是 <{name}>"), format!("this is not KML: its root is <{name}>"))
        .byte(root.at)
}

fn missing(inside: &str, name: &str) -> Problem {
    Problem::new(
        "missing_element",
        format!("<{inside}> 里没有 <{name}>"),
        format!("there is no <{name}> in <{inside}>"),
    )
    .field(inside)
}

fn mixed() -> Problem {
    Problem::new(
        "mixed_geometry",
        "一个地标里有几种图形，请分成几个地标",
        "one placemark holds several kinds of geometry: split it",
    )
}

fn bad_coordinates(zh: &str, en: &str) -> Problem {
    Problem::new("bad_coordinates", zh, en).field("coordinates")
}
