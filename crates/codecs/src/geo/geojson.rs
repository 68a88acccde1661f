//! GeoJSON (RFC 7946). The `crs` of the 2008 edition is followed where it is known.

use std::borrow::Cow;

use anlan_kernel::Problem;
use geo_types::{Coord, LineString, MultiLineString, MultiPoint, MultiPolygon, Point, Polygon};
use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};

use super::{
    Geometry, Layer, MAX_FILE_BYTES, Order, Properties, Record, Reference,
    intake::{Intake, not_a_number, put},
    too_large,
};
use crate::xml::cut;

/// The outside of a file; features are parsed one by one, so that one bad feature is one bad row.
#[derive(Deserialize)]
struct Outside<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    features: Option<Vec<&'a RawValue>>,
    crs: Option<Value>,
}

/// Reads a FeatureCollection, a Feature or a bare geometry.
///
/// # Errors
/// `too_large`, `broken_encoding`, `not_json`, `not_geojson`, `unknown_reference`.
pub fn read(bytes: &[u8], order: Order) -> Result<Layer, Problem> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(too_large());
    }
    let text = std::str::from_utf8(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)).map_err(|it| not_utf8(&it))?;
    let outside: Outside<'_> = serde_json::from_str(text).map_err(|it| not_json(&it))?;
    let mut intake = Intake::new("", reference(outside.crs.as_ref())?, order);
    match (&*outside.kind, outside.features) {
        ("FeatureCollection", Some(features)) => features.iter().for_each(|it| row(it.get(), &mut intake)),
        ("FeatureCollection", None) => {
            return Err(not_geojson("FeatureCollection 没有 features", "there are no features"));
        }
        (_, _) => row(text, &mut intake),
    }
    Ok(intake.finish())
}

/// A FeatureCollection with one feature a line.
pub fn write(records: &[Record]) -> String {
    let features: Vec<String> = records.iter().map(|it| feature(it).to_string()).collect();
    format!("{{\"type\":\"FeatureCollection\",\"features\":[\n{}\n]}}\n", features.join(",\n"))
}

fn feature(record: &Record) -> Value {
    let geometry = record.geometry.as_ref().map(|it| json!({ "type": it.name(), "coordinates": coordinates(it) }));
    json!({ "type": "Feature", "properties": record.properties, "geometry": geometry })
}

fn coordinates(geometry: &Geometry) -> Value {
    let area = |it: &Polygon| std::iter::once(it.exterior()).chain(it.interiors()).map(line).collect::<Value>();
    match geometry {
        Geometry::Point(it) => position(it.0),
        Geometry::MultiPoint(it) => it.0.iter().map(|it| position(it.0)).collect(),
        Geometry::LineString(it) => line(it),
        Geometry::MultiLineString(it) => it.0.iter().map(line).collect(),
        Geometry::Polygon(it) => area(it),
        Geometry::MultiPolygon(it) => it.0.iter().map(area).collect(),
    }
}

fn line(it: &LineString) -> Value {
    it.0.iter().map(|it| position(*it)).collect()
}

fn position(it: Coord) -> Value {
    json!([it.x, it.y])
}

fn reference(crs: Option<&Value>) -> Result<Reference, Problem> {
    match crs.and_then(|it| it.pointer("/properties/name")).and_then(Value::as_str) {
        Some(name) => Reference::of_name(name).map_err(|it| it.field("crs")),
        None => Ok(Reference::Unstated),
    }
}

fn row(text: &str, intake: &mut Intake) {
    intake.next_row();
    let Ok(Value::Object(feature)) = serde_json::from_str(text) else {
        return intake.refuse(not_geojson("不是要素（Feature）", "this is not a Feature"));
    };
    match feature.get("type").and_then(Value::as_str) {
        Some("Feature") => {
            let geometry = feature.get("geometry").unwrap_or(&Value::Null);
            let geometry = Walk { intake }.geometry(geometry);
            intake.row(properties(&feature), geometry);
        }
        Some(_) => {
            let geometry = Walk { intake }.geometry(&Value::Object(feature));
            intake.row(Ok(Properties::new()), geometry);
        }
        None => intake.refuse(not_geojson("没有 type", "there is no type").field("type")),
    }
}

fn properties(feature: &Map<String, Value>) -> Result<Properties, Problem> {
    let mut found = Properties::new();
    match feature.get("properties") {
        Some(Value::Object(map)) => map.iter().for_each(|(name, it)| put(&mut found, name, &words(it))),
        None | Some(Value::Null) => {}
        Some(_) => {
            return Err(not_geojson("properties 应是对象", "properties must be an object").field("properties"));
        }
    }
    if let Some(id) = feature.get("id") {
        put(&mut found, "id", &words(id));
    }
    Ok(found)
}

fn words(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(it) => it.clone(),
        other => other.to_string(),
    }
}

/// Reads coordinates; a problem's field is the path to them, such as `coordinates[0][3]`.
struct Walk<'a> {
    intake: &'a mut Intake,
}

impl Walk<'_> {
    fn geometry(&mut self, value: &Value) -> Result<Option<Geometry>, Problem> {
        let kind = match value {
            Value::Null => return Ok(None),
            other => other.get("type").and_then(Value::as_str).unwrap_or_default(),
        };
        let (at, path) = (value.get("coordinates").unwrap_or(&Value::Null), "coordinates");
        let read = match kind {
            "Point" => Geometry::Point(Point(self.position(at, path)?)),
            "MultiPoint" => Geometry::MultiPoint(MultiPoint(self.line(at, path)?.into_iter().map(Point).collect())),
            "LineString" => Geometry::LineString(LineString(self.line(at, path)?)),
            "MultiLineString" => {
                Geometry::MultiLineString(MultiLineString(
                    self.each(at, path, |walk, it, path| Ok(LineString(walk.line(it, path)?)))?,
                ))
            }
            "Polygon" => Geometry::Polygon(self.polygon(at, path)?),
            "MultiPolygon" => Geometry::MultiPolygon(MultiPolygon(self.each(at, path, Self::polygon)?)),
            "GeometryCollection" => return Err(collection()),
            other => return Err(unknown_kind(other)),
        };
        Ok(Some(read))
    }

    fn polygon(&mut self, value: &Value, path: &str) -> Result<Polygon, Problem> {
        let mut rings = self.each(value, path, |walk, it, path| {
            let ring = walk.line(it, path)?;
            Ok(LineString(walk.intake.closed(ring)))
        })?;
        if rings.is_empty() {
            return Err(not_geojson("面没有环", "the polygon has no ring").field(path));
        }
        let outer = rings.remove(0);
        Ok(Polygon::new(outer, rings))
    }

    fn line(&mut self, value: &Value, path: &str) -> Result<Vec<Coord>, Problem> {
        self.each(value, path, Self::position)
    }

    fn position(&mut self, value: &Value, path: &str) -> Result<Coord, Problem> {
        let numbers = match value {
            Value::Array(it) if it.len() >= 2 => it,
            _ => {
                return Err(
                    not_geojson("坐标应是 [经度, 纬度]", "a position must be [longitude, latitude]").field(path)
                );
            }
        };
        let number = |index: usize| {
            let it = &numbers[index];
            it.as_f64().ok_or_else(|| not_a_number(&it.to_string()).field(format!("{path}[{index}]")))
        };
        let (x, y) = (number(0)?, number(1)?);
        self.intake.height(numbers.get(2).and_then(Value::as_f64).unwrap_or(0.0));
        Ok(Coord { x, y })
    }

    fn each<T>(
        &mut self,
        value: &Value,
        path: &str,
        read: impl Fn(&mut Self, &Value, &str) -> Result<T, Problem>,
    ) -> Result<Vec<T>, Problem> {
        let Value::Array(list) = value else {
            return Err(not_geojson("坐标应是数组", "coordinates must be an array").field(path));
        };
        list.iter().enumerate().map(|(index, it)| read(self, it, &format!("{path}[{index}]"))).collect()
    }
}

fn not_geojson(zh: &str, en: &str) -> Problem {
    Problem::new("not_geojson", format!("不是 GeoJSON：{zh}"), format!("this is not GeoJSON: {en}"))
}

fn unknown_kind(kind: &str) -> Problem {
    let kind = cut(kind);
    Problem::new(
        "unknown_geometry",
        format!("不认识的图形“{kind}”：应为 Point、LineString、Polygon 或它们的 Multi 形式"),
        format!("the geometry {kind:?} is not known: Point, LineString, Polygon or their Multi forms are read"),
    )
    .field("geometry.type")
}

fn collection() -> Problem {
    Problem::new(
        "mixed_geometry",
        "一行里有几种图形（GeometryCollection），请分成几行",
        "one row holds several kinds of geometry (GeometryCollection): split it into rows",
    )
    .field("geometry.type")
}

fn not_utf8(error: &std::str::Utf8Error) -> Problem {
    Problem::new(
        "broken_encoding",
        "GeoJSON 应是 UTF-8 编码，此处不是；请另存为 UTF-8",
        "GeoJSON must be UTF-8, and this byte is not: save it as UTF-8",
    )
    .byte(error.valid_up_to())
}

fn not_json(error: &serde_json::Error) -> Problem {
    let words = error.to_string();
    Problem::new("not_json", format!("不是完整的 GeoJSON：{words}"), format!("this is not whole GeoJSON: {words}"))
        .line(error.line())
        .column(error.column())
}
