//! OGC API – Features (part 1, core): the register for other map programs, read only, under the caller's scope.

use std::{collections::HashMap, sync::Arc};

use anlan_atlas::Area;
use anlan_codecs::geo::{
    Geometry,
    geo_types::{Coord, LineString, Polygon},
};
use anlan_kernel::{Permission, Problem};
use anlan_store::{Tx, Value as Sql, params};
use anlan_web::{Access, ApiError, ApiResult, Mounted, Routes, Site, Who};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::header,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{Room, api::feature, layers::placed};
use crate::{kinds::Kind, records::Record};

const CONFORMS: &[&str] = &[
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
];
const CRS84: &str = "http://www.opengis.net/def/crs/OGC/1.3/CRS84";
/// Features of one answer unless more are asked for, and at most.
const PAGE: usize = 100;
const MOST: usize = 1_000;

pub(super) fn routes(site: &Arc<Site>, room: Room) -> Mounted {
    let see = Access::Needs(Permission::SeeRegister);
    Routes::new(site)
        .get("/api/v1/features", see, "OGC API：入口", "OGC API: landing page", landing)
        .get("/api/v1/features/conformance", see, "OGC API：符合性", "OGC API: conformance", conformance)
        .get("/api/v1/features/collections", see, "OGC API：数据集", "OGC API: collections", collections)
        .get("/api/v1/features/collections/{kind}", see, "OGC API：一个数据集", "OGC API: one collection", collection)
        .get("/api/v1/features/collections/{kind}/items", see, "OGC API：要素", "OGC API: features", items)
        .get("/api/v1/features/collections/{kind}/items/{id}", see, "OGC API：一个要素", "OGC API: one feature", one)
        .finish(room)
}

fn link(room: &Room, rel: &str, path: &str, title: &str) -> Value {
    let href = room.site.link_url(&format!("/api/v1/features{path}"));
    json!({"href": href, "rel": rel, "type": "application/json", "title": title})
}

async fn landing(State(room): State<Room>, who: Who) -> Json<Value> {
    let open_api = json!({"href": room.site.link_url("/api/openapi.json"), "rel": "service-desc",
        "type": "application/vnd.oai.openapi+json;version=3.0", "title": "OpenAPI"});
    Json(json!({
        "title": who.lang.pick("安澜 · 台账", "Anlan register"),
        "description": who.lang.pick("台账里有位置的记录，按责任区给出", "Records with a place, within the caller's duty areas"),
        "links": [
            link(&room, "self", "", "landing"), link(&room, "conformance", "/conformance", "conformance"),
            link(&room, "data", "/collections", "collections"), open_api,
        ],
    }))
}

async fn conformance() -> Json<Value> {
    Json(json!({"conformsTo": CONFORMS}))
}

async fn described(room: &Room, who: &Who, kind: &Kind) -> ApiResult<Value> {
    let catalog = room.register.catalog();
    let layers = room.register.layers.now(&catalog).await?;
    let bounds = layers.get(&kind.id).and_then(|it| it.bounds(&who.actor.scope));
    let extent = bounds.map(|(a, b)| json!({"spatial": {"bbox": [[a.x, a.y, b.x, b.y]], "crs": CRS84}}));
    let path = format!("/collections/{}", kind.id);
    let geojson = json!({"href": room.site.link_url(&format!("/api/v1/features{path}/items")), "rel": "items",
        "type": "application/geo+json", "title": kind.title.get(who.lang)});
    let mut described = json!({
        "id": kind.id, "title": kind.title.get(who.lang), "itemType": "feature", "crs": [CRS84],
        "links": [link(room, "self", &path, kind.title.get(who.lang)), geojson],
    });
    if let Some(extent) = extent {
        described["extent"] = extent;
    }
    Ok(described)
}

async fn collections(State(room): State<Room>, who: Who) -> ApiResult<Json<Value>> {
    let catalog = room.register.catalog();
    let mut all = Vec::new();
    for kind in placed(&catalog) {
        all.push(described(&room, &who, kind).await?);
    }
    Ok(Json(json!({"links": [link(&room, "self", "/collections", "collections")], "collections": all})))
}

async fn collection(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Value>> {
    let catalog = room.register.catalog();
    let kind = placed(&catalog).find(|it| it.id == id).ok_or_else(ApiError::not_found)?;
    described(&room, &who, kind).await.map(Json)
}

fn number(query: &HashMap<String, String>, name: &str, usual: usize) -> Result<usize, Problem> {
    let Some(text) = query.get(name) else { return Ok(usual) };
    let bad = || Problem::new("bad_number", format!("“{text}”不是数字"), format!("{text:?} is no number")).field(name);
    text.parse().map_err(|_| bad())
}

fn boxed(text: &str) -> Result<Area, Problem> {
    let bad = || Problem::new("bad_bbox", "bbox 应为 西,南,东,北", "a bbox is west,south,east,north").field("bbox");
    let numbers: Vec<f64> = text.split(',').map(|it| it.trim().parse().map_err(|_| bad())).collect::<Result<_, _>>()?;
    let [west, south, east, north] = *numbers.as_slice() else { return Err(bad()) };
    if west > east || south > north {
        return Err(bad());
    }
    let corners = [(west, south), (east, south), (east, north), (west, north), (west, south)];
    let ring: LineString = corners.into_iter().map(|(x, y)| Coord { x, y }).collect();
    Area::polygon(Geometry::Polygon(Polygon::new(ring, Vec::new())))
}

async fn items(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> ApiResult<Response> {
    let catalog = room.register.catalog();
    let kind = placed(&catalog).find(|it| it.id == id).ok_or_else(ApiError::not_found)?.clone();
    let limit = number(&query, "limit", PAGE)?.clamp(1, MOST);
    let offset = number(&query, "offset", 0)?;
    let (matched, records) = match query.get("bbox") {
        Some(text) => {
            let layers = room.register.layers.now(&catalog).await?;
            let layer = layers.get(&id).ok_or_else(ApiError::not_found)?;
            let inside = layer.inside(&who.actor.scope, &boxed(text)?);
            let mut ids: Vec<String> = inside.iter().map(|it| it.id().to_owned()).collect();
            ids.sort_unstable();
            let page: Vec<String> = ids.iter().skip(offset).take(limit).cloned().collect();
            (ids.len(), room.site.world.read(&who.actor, move |tx| of_ids(tx, &page)).await?)
        }
        None => {
            let wanted = id.clone();
            let read = move |tx: &mut Tx<'_>| {
                let (which, kind) = ("kind = $1 AND longitude IS NOT NULL", Sql::from(wanted.as_str()));
                let all = tx.count::<Record>(which, std::slice::from_ref(&kind))?;
                let page =
                    tx.find::<Record>(which, "ORDER BY id LIMIT $2 OFFSET $3", &[kind, limit.into(), offset.into()])?;
                Ok((usize::try_from(all).unwrap_or_default(), page))
            };
            room.site.world.read(&who.actor, read).await?
        }
    };
    let features: Vec<Value> = records.iter().map(|it| feature(&catalog, &kind, &who, it)).collect();
    let page = |offset: usize| {
        let bbox = query.get("bbox").map(|it| format!("&bbox={}", anlan_web::percent(it))).unwrap_or_default();
        format!("/collections/{id}/items?limit={limit}&offset={offset}{bbox}")
    };
    let mut links = vec![link(&room, "self", &page(offset), "self")];
    let next = offset.saturating_add(limit);
    if next < matched {
        links.push(link(&room, "next", &page(next), "next"));
    }
    let body = json!({
        "type": "FeatureCollection", "numberMatched": matched, "numberReturned": features.len(),
        "timeStamp": room.site.world.now().to_rfc3339(), "features": features, "links": links,
    });
    Ok(([(header::CONTENT_TYPE, "application/geo+json")], body.to_string()).into_response())
}

/// Records with these ids inside the reader's scope, by id.
pub(super) fn of_ids(tx: &mut Tx<'_>, ids: &[String]) -> Result<Vec<Record>, anlan_store::StoreError> {
    let mut found = Vec::new();
    for ids in ids.chunks(500) {
        let places: Vec<_> = (1..=ids.len()).map(|it| format!("${it}")).collect();
        let values: Vec<Sql> = ids.iter().map(Sql::from).collect();
        found.extend(tx.find::<Record>(&format!("id IN ({})", places.join(", ")), "ORDER BY id", &values)?);
    }
    Ok(found)
}

async fn one(State(room): State<Room>, who: Who, Path((kind, id)): Path<(String, String)>) -> ApiResult<Response> {
    let catalog = room.register.catalog();
    let known = placed(&catalog).find(|it| it.id == kind).ok_or_else(ApiError::not_found)?;
    let wanted = kind.clone();
    let read = move |tx: &mut Tx<'_>| Ok(tx.find::<Record>("id = $1 AND kind = $2", "", params![&id, &wanted])?.pop());
    let record = room.site.world.read(&who.actor, read).await?.ok_or_else(ApiError::not_found)?;
    let mut body = feature(&catalog, known, &who, &record);
    body["links"] = json!([
        link(&room, "self", &format!("/collections/{kind}/items/{}", record.id), "self"),
        link(&room, "collection", &format!("/collections/{kind}"), "collection"),
    ]);
    Ok(([(header::CONTENT_TYPE, "application/geo+json")], body.to_string()).into_response())
}
