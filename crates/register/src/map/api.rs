//! The map over HTTP: layers, tiles, areas, nearest, reach, and who answers for a shape.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anlan_atlas::{Area, Entry, Layer, measure};
use anlan_codecs::geo::{self, geo_types::Coord};
use anlan_kernel::{Instant, Permission, Problem, RegionCode};
use anlan_roads::{Direction, Targets};
use anlan_store::{StoreError, Tx};
use anlan_web::{Access, ApiError, ApiResult, Mounted, Routes, Site, Who, percent};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use maud::Markup;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Room, layers, page};
use crate::{
    kinds::{Catalog, Kind, Sort, value},
    model::Geometry,
    records::Record,
};

/// Items of an area that are listed.
const LISTED: usize = 200;
/// Nearest things asked for at most.
const NEAREST: usize = 50;
/// Farthest way looked at for the nearest, seconds.
const FARTHEST: u32 = 3 * 3_600;
/// Where no roads are known a straight line is driven at so many metres a minute (30 km/h): the speed of emergency
/// vehicles in town, detours included.
const METRES_A_MINUTE: f64 = 500.0;

pub(super) fn routes(site: &Arc<Site>, room: Room) -> Mounted {
    let see = Access::Needs(Permission::SeeRegister);
    Routes::new(site)
        .get("/atlas", see, "一张图", "Map", show)
        .get("/api/v1/map/layers", see, "图层", "Layers of the map", all_layers)
        .get("/api/v1/map/outlines", see, "区划边界", "Outlines of regions", outlines)
        .get("/api/v1/map/{layer}/{z}/{x}/{file}", see, "矢量瓦片", "A vector tile", tile)
        .post("/api/v1/map/query", see, "范围查询", "What lies in an area", query)
        .post("/api/v1/map/nearest", see, "就近查找", "The nearest", nearest)
        .post("/api/v1/map/reach", see, "可达范围", "How far one comes", reach)
        .post(
            "/api/v1/map/audience",
            Access::Needs(Permission::RunRound),
            "范围内的责任人",
            "Who answers for a shape",
            audience,
        )
        .limit(512 << 20)
        .post(
            "/api/v1/map/roads",
            Access::Needs(Permission::EditPacks),
            "导入路网（.osm.pbf）",
            "Import roads (.osm.pbf)",
            take_roads,
        )
        .finish(room)
}

async fn show(State(room): State<Room>, who: Who) -> ApiResult<Markup> {
    let base = Arc::clone(&room.base);
    let base = room.site.world.read(&who.actor, move |tx| base(tx)).await?;
    Ok(page::page(&room.site, &who, base.as_ref()))
}

#[derive(Debug, Default, Deserialize)]
struct At {
    at: Option<String>,
}

type Layers = Arc<BTreeMap<String, Layer>>;

async fn known(room: &Room, at: Option<&str>) -> ApiResult<(Arc<Catalog>, Layers)> {
    let catalog = room.register.catalog();
    let layers = match at.filter(|it| !it.is_empty()) {
        None => room.register.layers.now(&catalog).await?,
        Some(at) => {
            let bad = |en: String| Problem::new("bad_time", "时间写法不对，或在以后", en).field("at");
            let at = Instant::parse(at).map_err(|it| bad(it.to_string()))?;
            if at > room.site.world.now() {
                return Err(bad("it lies in the future".to_owned()).into());
            }
            // By the minute, so that a slider does not read the journal for every microsecond.
            let at = Instant(at.0 - at.0.rem_euclid(60_000_000));
            room.register.layers.then(&catalog, at).await?
        }
    };
    Ok((catalog, layers))
}

fn layer<'a>(layers: &'a BTreeMap<String, Layer>, catalog: &Catalog, id: &str) -> ApiResult<&'a Layer> {
    layers.get(id).ok_or_else(|| match catalog.kind(id) {
        Some(kind) if kind.is_personal() => ApiError::new(StatusCode::NOT_FOUND, layers::no_past()),
        _ => ApiError::not_found(),
    })
}

async fn all_layers(State(room): State<Room>, who: Who, Query(at): Query<At>) -> ApiResult<Json<Value>> {
    let (catalog, layers) = known(&room, at.at.as_deref()).await?;
    let (lang, scope) = (who.lang, &who.actor.scope);
    let mut bounds: Option<(Coord, Coord)> = None;
    for (low, high) in layers.values().filter_map(|it| it.bounds(scope)) {
        bounds = Some(bounds.map_or((low, high), |(a, b)| {
            (Coord { x: a.x.min(low.x), y: a.y.min(low.y) }, Coord { x: b.x.max(high.x), y: b.y.max(high.y) })
        }));
    }
    let groups: Vec<Value> = catalog
        .groups()
        .into_iter()
        .filter_map(|(title, kinds)| {
            let shown: Vec<Value> = kinds
                .into_iter()
                .filter_map(|kind| {
                    let layer = layers.get(&kind.id)?;
                    let numbers: Vec<Value> = kind
                        .sums()
                        .map(|it| json!({"field": it.id, "title": it.title.get(lang), "unit": it.unit}))
                        .collect();
                    Some(json!({
                        "id": kind.id, "title": kind.title.get(lang), "symbol": kind.symbol.name(),
                        "grade": kind.grade.is_some(), "count": layer.count(scope), "place": kind.place.name(),
                        "numbers": numbers, "past": !kind.is_personal(),
                    }))
                })
                .collect();
            (!shown.is_empty()).then(|| json!({"title": title.get(lang), "layers": shown}))
        })
        .collect();
    let bounds = bounds.map(|(a, b)| [a.x, a.y, b.x, b.y]);
    Ok(Json(json!({"bounds": bounds, "groups": groups})))
}

async fn outlines(State(room): State<Room>, who: Who) -> ApiResult<Json<Value>> {
    let read = |tx: &mut Tx<'_>| {
        let shapes = tx.find::<Geometry>("1 = 1", "ORDER BY id", &[])?;
        let regions = tx.find::<crate::Region>("1 = 1", "", &[])?;
        Ok((shapes, regions))
    };
    let (shapes, regions) = room.site.world.read(&who.actor, read).await?;
    let regions: BTreeMap<String, crate::Region> = regions.into_iter().map(|it| (it.code.to_string(), it)).collect();
    let features: Vec<Value> = shapes
        .iter()
        .map(|it| {
            let region = regions.get(&it.id);
            json!({"type": "Feature", "geometry": it.geojson, "properties": {
                "code": it.id, "name": region.map(|it| &it.name), "level": region.map(|it| it.level)}})
        })
        .collect();
    Ok(Json(json!({"type": "FeatureCollection", "features": features})))
}

async fn tile(
    State(room): State<Room>,
    who: Who,
    Path((id, z, x, file)): Path<(String, u8, u32, String)>,
    Query(at): Query<At>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let y: u32 = file.strip_suffix(".mvt").and_then(|it| it.parse().ok()).ok_or_else(ApiError::not_found)?;
    let (catalog, layers) = known(&room, at.at.as_deref()).await?;
    let layer = layer(&layers, &catalog, &id)?.clone();
    let scope = who.actor.scope.clone();
    let bytes = tokio::task::spawn_blocking(move || layer.tile(&scope, z, x, y))
        .await
        .map_err(|it| StoreError::Shape(format!("a tile: {it}")))?;
    if bytes.is_empty() {
        return Ok((StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, "private, no-cache")]).into_response());
    }
    let tag = format!("\"{}\"", &anlan_store::hex(&Sha256::digest(&bytes))[..16]);
    if headers.get(header::IF_NONE_MATCH).is_some_and(|it| it.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let head = [
        (header::CONTENT_TYPE, "application/vnd.mapbox-vector-tile".to_owned()),
        (header::CACHE_CONTROL, "private, no-cache".to_owned()),
        (header::ETAG, tag),
    ];
    Ok((head, bytes).into_response())
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Drawn {
    Circle { centre: [f64; 2], radius_m: f64 },
    Polygon(Vec<[f64; 2]>),
    Corridor { line: Vec<[f64; 2]>, width_m: f64 },
}

impl Drawn {
    fn area(&self) -> Result<Area, Problem> {
        let at = |it: &[f64; 2]| Coord { x: it[0], y: it[1] };
        match self {
            Self::Circle { centre, radius_m } => Area::circle(at(centre), *radius_m),
            Self::Corridor { line, width_m } => Area::corridor(line.iter().map(at).collect(), *width_m),
            Self::Polygon(ring) => {
                let ring = geo::geo_types::LineString(ring.iter().map(at).collect());
                Area::polygon(geo::Geometry::Polygon(geo::geo_types::Polygon::new(ring, Vec::new())))
            }
        }
    }
}

#[derive(Debug, Deserialize)]
struct Asked {
    area: Drawn,
    #[serde(default)]
    layers: Vec<String>,
    at: Option<String>,
}

async fn query(State(room): State<Room>, who: Who, Json(asked): Json<Asked>) -> ApiResult<Json<Value>> {
    let area = asked.area.area()?;
    let (catalog, layers) = known(&room, asked.at.as_deref()).await?;
    let mut found = Vec::new();
    for id in &asked.layers {
        let (layer, Some(kind)) = (layer(&layers, &catalog, id)?, catalog.kind(id)) else { continue };
        let inside = layer.within(&who.actor.scope, &area, LISTED);
        let sums: Vec<Value> = kind
            .sums()
            .zip(&inside.sums)
            .map(|(it, sum)| json!({"title": it.title.get(who.lang), "unit": it.unit, "sum": sum}))
            .collect();
        let items: Vec<Value> = inside.items.iter().map(shown).collect();
        found.push(json!({
            "id": id, "title": kind.title.get(who.lang), "count": inside.count, "sums": sums, "items": items,
            "list": room.site.url(&format!("/register/{id}?{}", shape_query(&asked.area))),
            "export": room.site.url(&format!("/register/{id}/export.xlsx?{}", shape_query(&asked.area))),
        }));
    }
    Ok(Json(json!({"layers": found})))
}

fn shown(it: &Entry<'_>) -> Value {
    json!({"id": it.id(), "name": it.name(), "region": it.region(), "longitude": it.at().x, "latitude": it.at().y, "grade": it.grade()})
}

/// A shape as lists take it in their address.
fn shape_query(drawn: &Drawn) -> String {
    let points =
        |it: &[[f64; 2]]| it.iter().map(|it| format!("{:.6} {:.6}", it[0], it[1])).collect::<Vec<_>>().join(",");
    let text = match drawn {
        Drawn::Circle { centre, radius_m } => format!("circle:{}:{radius_m:.0}", points(&[*centre])),
        Drawn::Polygon(ring) => format!("polygon:{}", points(ring)),
        Drawn::Corridor { line, width_m } => format!("corridor:{}:{width_m:.0}", points(line)),
    };
    format!("in={}", percent(&text))
}

/// A shape out of the address of a list.
///
/// # Errors
/// `bad_shape`, and what is wrong with the area.
pub fn shape_of(text: &str) -> Result<Area, Problem> {
    let bad = || Problem::new("bad_shape", "范围写法不对", "this is no shape").field("in");
    let mut parts = text.split(':');
    let (name, points, size) = (parts.next(), parts.next().ok_or_else(bad)?, parts.next());
    let points: Vec<[f64; 2]> = points
        .split(',')
        .map(|it| {
            let (x, y) = it.trim().split_once(' ')?;
            Some([x.parse().ok()?, y.parse().ok()?])
        })
        .collect::<Option<_>>()
        .ok_or_else(bad)?;
    let size = || size.and_then(|it| it.parse::<f64>().ok()).ok_or_else(bad);
    match (name, points.as_slice()) {
        (Some("circle"), [centre]) => Drawn::Circle { centre: *centre, radius_m: size()? }.area(),
        (Some("polygon"), _) => Drawn::Polygon(points).area(),
        (Some("corridor"), _) => Drawn::Corridor { line: points, width_m: size()? }.area(),
        _ => Err(bad()),
    }
}

#[derive(Debug, Deserialize)]
struct Near {
    at: [f64; 2],
    layer: String,
    most: Option<usize>,
}

async fn nearest(State(room): State<Room>, who: Who, Json(asked): Json<Near>) -> ApiResult<Json<Value>> {
    let at = Coord { x: asked.at[0], y: asked.at[1] };
    geo::shape::check_position(at).map_err(|it| it.field("at"))?;
    let most = asked.most.unwrap_or(5).clamp(1, NEAREST);
    let (catalog, layers) = known(&room, None).await?;
    let layer = layer(&layers, &catalog, &asked.layer)?;
    // By road what is near as the crow flies is looked at: a detour makes ten times as many of them candidates.
    let near = layer.nearest(&who.actor.scope, at, most * 10 + 40);
    if let Some(graph) = room.register.roads.graph() {
        let places: Vec<Coord> = near.iter().map(|it| it.0.at()).collect();
        let reached = graph.nearest(at, &Targets::new(&graph, &places), Direction::FromTargets, most, FARTHEST);
        if !reached.is_empty() {
            let items: Vec<Value> = reached
                .iter()
                .map(|it| {
                    let mut item = shown(&near[it.index].0);
                    item["metres"] = json!(it.metres.round());
                    item["minutes"] = json!((it.seconds / 6.0).round() / 10.0);
                    item
                })
                .collect();
            return Ok(Json(json!({"by": "road", "items": items})));
        }
    }
    let items: Vec<Value> = near
        .iter()
        .take(most)
        .map(|(it, metres)| {
            let mut item = shown(it);
            item["metres"] = json!(metres.round());
            item
        })
        .collect();
    Ok(Json(json!({"by": "distance", "items": items})))
}

#[derive(Debug, Deserialize)]
struct Reaching {
    layer: Option<String>,
    at: Option<[f64; 2]>,
    minutes: Vec<f64>,
    cover: Option<String>,
}

async fn reach(State(room): State<Room>, who: Who, Json(asked): Json<Reaching>) -> ApiResult<Json<Value>> {
    let scope = who.actor.scope.clone();
    let (catalog, layers) = known(&room, None).await?;
    let origins: Vec<Coord> = match (&asked.layer, asked.at) {
        (Some(id), _) => layer(&layers, &catalog, id)?.positions(&scope).collect(),
        (None, Some(at)) => vec![Coord { x: at[0], y: at[1] }],
        (None, None) => {
            return Err(Problem::new("required", "要有出发的图层或位置", "a layer or a place is needed")
                .field("at")
                .into());
        }
    };
    for at in &origins {
        geo::shape::check_position(*at).map_err(|it| it.field("at"))?;
    }
    if asked.minutes.is_empty() || asked.minutes.len() > 6 || asked.minutes.iter().any(|it| !(0.1..=180.0).contains(it))
    {
        let (zh, en) = ("minutes 应有 1 至 6 个，每个 0.1 至 180", "1 to 6 minutes, each 0.1 to 180");
        return Err(Problem::new("bad_minutes", zh, en).field("minutes").into());
    }
    let cover = asked.cover.as_deref().map(|id| layer(&layers, &catalog, id)).transpose()?;
    let places: Vec<Coord> = cover.map(|it| it.positions(&scope).collect()).unwrap_or_default();
    let title = asked.cover.as_deref().and_then(|it| catalog.kind(it)).map(|it| it.title.get(who.lang).to_owned());
    let (minutes, roads) = (asked.minutes.clone(), room.register.roads.graph());
    let answer = tokio::task::spawn_blocking(move || reached(roads.as_deref(), &origins, &minutes, &places))
        .await
        .map_err(|it| StoreError::Shape(format!("reach: {it}")))?;
    let (by, areas, counts, total) = answer;
    let areas: Vec<Value> =
        asked.minutes.iter().zip(areas).map(|(it, area)| json!({"minutes": it, "geometry": area})).collect();
    let share = |count: usize| if total == 0 { 0.0 } else { count as f64 / total as f64 };
    let within: Vec<Value> = asked
        .minutes
        .iter()
        .zip(&counts)
        .map(|(it, count)| json!({"minutes": it, "count": count, "share": share(*count)}))
        .collect();
    let cover = title.map(|title| json!({"title": title, "total": total, "within": within}));
    Ok(Json(json!({"by": by, "areas": areas, "cover": cover})))
}

type Reached = (&'static str, Vec<Value>, Vec<usize>, usize);

fn reached(roads: Option<&anlan_roads::Graph>, origins: &[Coord], minutes: &[f64], places: &[Coord]) -> Reached {
    let seconds: Vec<u32> = minutes.iter().map(|it| (it * 60.0).round() as u32).collect();
    if let Some(graph) = roads {
        let reach = graph.reach(origins, &seconds);
        if reach.origins() > 0 {
            let times = reach.seconds(&Targets::new(graph, places));
            let count = |limit: &u32| times.iter().flatten().filter(|it| **it <= f64::from(*limit)).count();
            let areas = reach.areas();
            let shapes = areas.iter().map(|it| geojson(&geo::Geometry::MultiPolygon(it.area.clone()))).collect();
            return ("road", shapes, seconds.iter().map(count).collect(), places.len());
        }
    }
    let radii: Vec<f64> = minutes.iter().map(|it| it * METRES_A_MINUTE).collect();
    let shapes = radii.iter().map(|radius| circles(origins, *radius)).collect();
    let far = |place: &Coord| origins.iter().map(|it| measure::metres(*it, *place)).fold(f64::MAX, f64::min);
    let distances: Vec<f64> = places.iter().map(far).collect();
    let counts = radii.iter().map(|radius| distances.iter().filter(|it| *it <= radius).count()).collect();
    ("distance", shapes, counts, places.len())
}

fn geojson(geometry: &geo::Geometry) -> Value {
    crate::records::write::geojson(geometry)
}

/// Circles about origins, 48 corners each.
fn circles(origins: &[Coord], radius: f64) -> Value {
    const CORNERS: u32 = 48;
    let ring = |at: &Coord| {
        let north = radius / 111_195.0;
        let east = north / at.y.to_radians().cos().max(0.01);
        let corner = |it: u32| {
            let angle = f64::from(it) / f64::from(CORNERS) * std::f64::consts::TAU;
            json!([at.x + east * angle.cos(), at.y + north * angle.sin()])
        };
        json!([(0..=CORNERS).map(|it| corner(it % CORNERS)).collect::<Vec<_>>()])
    };
    json!({"type": "MultiPolygon", "coordinates": origins.iter().map(ring).collect::<Vec<_>>()})
}

#[derive(Debug, Deserialize)]
struct Called {
    area: Drawn,
    #[serde(default)]
    layers: Vec<String>,
}

/// Who answers for what lies in a shape: responsible persons and posts of things, and posts whose duty area it touches.
async fn audience(State(room): State<Room>, who: Who, Json(asked): Json<Called>) -> ApiResult<Json<Value>> {
    let area = asked.area.area()?;
    let (catalog, layers) = known(&room, None).await?;
    let chosen: Vec<&Layer> = if asked.layers.is_empty() {
        layers.values().collect()
    } else {
        asked.layers.iter().map(|it| layer(&layers, &catalog, it)).collect::<Result<_, _>>()?
    };
    let mut ids = Vec::new();
    for layer in chosen {
        ids.extend(layer.inside(&who.actor.scope, &area).iter().map(|it| it.id().to_owned()));
    }
    let title = match who.lang {
        anlan_kernel::Lang::Zh => "圈选范围",
        anlan_kernel::Lang::En => "drawn area",
    };
    let found = room
        .site
        .world
        .read(&who.actor, move |tx| {
            let regions = touched(tx, &area)?;
            let mut people = crate::audiences::of_regions(tx, &regions)?;
            crate::audiences::add_of_records(tx, &catalog, &ids, &mut people)?;
            people.extend(crate::duties::posts_touching(tx, &area, &ids)?);
            Ok(people)
        })
        .await?;
    let duties = crate::audiences::duties_json(&found);
    let people: BTreeSet<String> = found.iter().map(|it| it.0.clone()).collect();
    let count = people.len();
    let id = crate::audiences::keep(&room.site.world, &who.actor, title, people).await?;
    let link = room.site.url(&format!("/audiences/{id}"));
    Ok(Json(json!({"people": count, "duties": duties, "link": link})))
}

/// The smallest regions whose outline a shape touches.
fn touched(tx: &mut Tx<'_>, area: &Area) -> Result<Vec<RegionCode>, StoreError> {
    let mut touched = Vec::new();
    for it in tx.find::<Geometry>("1 = 1", "ORDER BY id", &[])? {
        if crate::records::write::of_geojson(&it.geojson).is_ok_and(|shape| area.touches(&shape)) {
            touched.push(it.region);
        }
    }
    let all = touched.clone();
    touched.retain(|it| all.iter().all(|other| other == it || !it.covers(other)));
    Ok(touched)
}

async fn take_roads(State(room): State<Room>, who: Who, bytes: axum::body::Bytes) -> ApiResult<Json<Value>> {
    let facts = room.register.roads.import(&room.site.world, &who.actor, bytes.to_vec(), "upload").await?;
    Ok(Json(json!({"facts": format!("{facts:?}")})))
}

/// A record's place and visible fields as a GeoJSON feature.
pub(super) fn feature(catalog: &Catalog, kind: &Kind, who: &Who, record: &Record) -> Value {
    let mut properties = serde_json::Map::new();
    for field in kind.fields.iter().filter(|it| it.personal.is_none() && it.is_visible_to(&who.role)) {
        let Some(it) = record.fields.get(&field.id).filter(|it| !value::is_empty(it)) else { continue };
        let shown = match field.sort {
            Sort::Choice(_) => json!(value::words(catalog, field, it, who.lang)),
            _ => it.clone(),
        };
        properties.insert(field.id.clone(), shown);
    }
    properties.insert("region".to_owned(), json!(record.region));
    properties.insert("verified_at".to_owned(), json!(record.verified_at));
    let geometry = crate::records::write::place_of(record).map(|it| geojson(&it));
    json!({"type": "Feature", "id": record.id, "geometry": geometry, "properties": properties})
}
