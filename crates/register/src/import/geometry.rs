//! Outlines of regions in: a GeoJSON FeatureCollection whose features name their region by `code`.

use anlan_kernel::Problem;
use serde_json::Value as Json;

use super::{Entry, rows::Known};
use crate::model::Geometry;

/// Names of WGS 84 and of CGCS2000, which is the same on a map of a district.
const SYSTEMS: [&str; 3] = ["CRS84", "4326", "4490"];

/// Every outline that is right, and what is wrong with the others; the first feature is row 1.
///
/// # Errors
/// `not_geojson`, `bad_crs`.
pub fn read(bytes: &[u8], known: &Known) -> Result<(Vec<Entry>, Vec<Problem>), Problem> {
    let file: Json = serde_json::from_slice(bytes).map_err(|it| {
        let (zh, en) = (format!("不是 GeoJSON：{it}"), format!("this is no GeoJSON: {it}"));
        Problem::new("not_geojson", zh, en).line(it.line()).column(it.column())
    })?;
    let features = file["features"].as_array().filter(|_| file["type"] == "FeatureCollection").ok_or_else(|| {
        Problem::new("not_geojson", "应为 FeatureCollection", "a FeatureCollection is expected").field("type")
    })?;
    if let Some(name) = file["crs"]["properties"]["name"].as_str()
        && !SYSTEMS.iter().any(|it| name.ends_with(it))
    {
        let (zh, en) = (format!("坐标系“{name}”应为 WGS 84"), format!("coordinates are in {name:?}, not in WGS 84"));
        return Err(Problem::new("bad_crs", zh, en).field("crs"));
    }
    let (mut entries, mut problems) = (Vec::new(), Vec::new());
    for (index, feature) in features.iter().enumerate() {
        match outline(feature, known) {
            Ok(it) => entries.push(Entry::Geometry(it)),
            Err(problem) => problems.push(problem.row(index + 1)),
        }
    }
    Ok((entries, problems))
}

fn outline(feature: &Json, known: &Known) -> Result<Geometry, Problem> {
    let region = known.own_region(feature["properties"]["code"].as_str().unwrap_or_default())?;
    let geometry = &feature["geometry"];
    let depth = match geometry["type"].as_str() {
        Some("Polygon") => 2,
        Some("MultiPolygon") => 3,
        _ => {
            let words = ("应为 Polygon 或 MultiPolygon", "a Polygon or MultiPolygon is expected");
            return Err(Problem::new("bad_geometry", words.0, words.1).field("type"));
        }
    };
    check(&geometry["coordinates"], depth)?;
    let geojson = serde_json::json!({"type": geometry["type"], "coordinates": geometry["coordinates"]});
    Ok(Geometry { id: region.to_string(), region, geojson })
}

/// Rings of at least four points, all of them degrees.
fn check(it: &Json, depth: usize) -> Result<(), Problem> {
    let wrong = |found: &Json| {
        let mut found = found.to_string();
        found.truncate(found.char_indices().nth(60).map_or(found.len(), |it| it.0));
        let (zh, en) = (format!("坐标“{found}”不是经纬度（WGS 84）"), format!("{found} is no degrees of WGS 84"));
        Problem::new("bad_coordinates", zh, en).field("coordinates")
    };
    let parts = it.as_array().filter(|it| !it.is_empty() && (depth > 1 || it.len() >= 4)).ok_or_else(|| wrong(it))?;
    for part in parts {
        if depth > 1 {
            check(part, depth - 1)?;
        } else {
            let within = |index: usize, most: f64| part[index].as_f64().is_some_and(|it| it.abs() <= most);
            if !within(0, 180.0) || !within(1, 90.0) {
                return Err(wrong(part));
            }
        }
    }
    Ok(())
}
