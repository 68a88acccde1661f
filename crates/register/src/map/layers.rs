//! Layers in memory: one per kind that has places, following the sealed journal.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant as Moment},
};

use anlan_atlas::{Change, Item, Layer};
use anlan_codecs::geo;
use anlan_kernel::{Actor, Instant, Problem, RegionCode};
use anlan_store::{Row, StoreError, Tx, Value, World, journal, params};
use serde_json::Value as Json;

use crate::kinds::{Catalog, Kind, Placing, model::Personal, value};

/// How old an answer may be.
const FRESH: Duration = Duration::from_millis(500);
/// Records read at once.
const CHUNK: usize = 500;
/// More changes than these, and everything is read anew.
const MANY: usize = 50_000;
/// Pasts that are kept.
const PASTS: usize = 4;

const COLUMNS: &str = "id, kind, region, name, longitude, latitude, geometry, fields";

/// The layers as they were at a moment.
type Past = (Instant, Arc<BTreeMap<String, Layer>>);

/// The layers of a world.
pub struct Layers {
    world: World,
    followed: tokio::sync::Mutex<Followed>,
    layers: RwLock<Arc<BTreeMap<String, Layer>>>,
    pasts: tokio::sync::Mutex<Vec<Past>>,
}

#[derive(Default)]
struct Followed {
    catalog: Option<Arc<Catalog>>,
    position: i64,
    looked: Option<Moment>,
}

impl std::fmt::Debug for Layers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Layers({:?})", self.world)
    }
}

impl Layers {
    /// None yet.
    pub fn new(world: World) -> Self {
        Self {
            world,
            followed: tokio::sync::Mutex::default(),
            layers: RwLock::default(),
            pasts: tokio::sync::Mutex::default(),
        }
    }

    /// The layers by kind, at most half a second behind what is sealed.
    ///
    /// # Errors
    /// What the store says.
    pub async fn now(&self, catalog: &Arc<Catalog>) -> Result<Arc<BTreeMap<String, Layer>>, StoreError> {
        let mut followed = self.followed.lock().await;
        let same = followed.catalog.as_ref().is_some_and(|it| Arc::ptr_eq(it, catalog));
        if !same || followed.looked.is_none_or(|it| it.elapsed() >= FRESH) {
            let position = journal::sealed_position(&self.world).await?;
            let layers = if same && position != followed.position {
                self.follow(catalog, followed.position, position).await?
            } else if same {
                self.known()
            } else {
                self.all(catalog).await?
            };
            *self.layers.write().unwrap_or_else(PoisonError::into_inner) = layers;
            *followed = Followed { catalog: Some(Arc::clone(catalog)), position, looked: Some(Moment::now()) };
        }
        Ok(self.known())
    }

    fn known(&self) -> Arc<BTreeMap<String, Layer>> {
        Arc::clone(&self.layers.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The layers as they were at a moment, out of the journal. Kinds with personal data are left out: their places
    /// are sealed there.
    ///
    /// # Errors
    /// What the store says.
    pub async fn then(&self, catalog: &Arc<Catalog>, at: Instant) -> Result<Arc<BTreeMap<String, Layer>>, StoreError> {
        let mut pasts = self.pasts.lock().await;
        if let Some((_, known)) = pasts.iter().find(|it| it.0 == at) {
            return Ok(Arc::clone(known));
        }
        let kinds = Arc::clone(catalog);
        let layers = self.world.read(&Actor::system("map"), move |tx| then(tx, &kinds, at)).await?;
        let layers = Arc::new(layers);
        pasts.insert(0, (at, Arc::clone(&layers)));
        pasts.truncate(PASTS);
        Ok(layers)
    }

    async fn all(&self, catalog: &Arc<Catalog>) -> Result<Arc<BTreeMap<String, Layer>>, StoreError> {
        let catalog = Arc::clone(catalog);
        let read = move |tx: &mut Tx<'_>| {
            let mut layers = BTreeMap::new();
            for kind in placed(&catalog) {
                let sql = format!("SELECT {COLUMNS} FROM record WHERE kind = $1 AND longitude IS NOT NULL");
                let rows = tx.query_everywhere(&sql, params![kind.id.as_str()])?;
                let items: Vec<Item> =
                    rows.iter().filter_map(|it| item(&catalog, it).transpose()).collect::<Result<_, _>>()?;
                layers.insert(kind.id.clone(), Layer::build(&kind.id, kind.sums().count(), items)?);
            }
            Ok(layers)
        };
        Ok(Arc::new(self.world.read(&Actor::system("map"), read).await?))
    }

    async fn follow(
        &self,
        catalog: &Arc<Catalog>,
        from: i64,
        until: i64,
    ) -> Result<Arc<BTreeMap<String, Layer>>, StoreError> {
        let (kinds, known) = (Arc::clone(catalog), self.known());
        let read = move |tx: &mut Tx<'_>| {
            let sql =
                "SELECT DISTINCT subject FROM journal WHERE position > $1 AND position <= $2 AND event LIKE 'record.%'";
            let changed: Vec<String> = tx
                .query_everywhere(sql, params![from, until])?
                .iter()
                .map(|it| it.text(0))
                .collect::<Result<_, _>>()?;
            if changed.len() > MANY {
                return Ok(None);
            }
            changes(tx, &kinds, &known, &changed).map(Some)
        };
        match self.world.read(&Actor::system("map"), read).await? {
            Some(layers) => Ok(layers),
            None => self.all(catalog).await,
        }
    }
}

/// Kinds that have places.
pub fn placed(catalog: &Catalog) -> impl Iterator<Item = &Kind> {
    catalog.kinds().filter(|it| it.place != Placing::None)
}

fn changes(
    tx: &mut Tx<'_>,
    catalog: &Catalog,
    known: &Arc<BTreeMap<String, Layer>>,
    changed: &[String],
) -> Result<Arc<BTreeMap<String, Layer>>, StoreError> {
    if changed.is_empty() {
        return Ok(Arc::clone(known));
    }
    let mut by_kind = BTreeMap::<String, Vec<Change>>::new();
    let mut gone: BTreeSet<&str> = changed.iter().map(String::as_str).collect();
    for ids in changed.chunks(CHUNK) {
        let places: Vec<_> = (1..=ids.len()).map(|it| format!("${it}")).collect();
        let sql = format!("SELECT {COLUMNS} FROM record WHERE longitude IS NOT NULL AND id IN ({})", places.join(", "));
        let values: Vec<Value> = ids.iter().map(Value::from).collect();
        for row in tx.query_everywhere(&sql, &values)? {
            if let Some(item) = item(catalog, &row)? {
                gone.remove(&*item.id);
                by_kind.entry(row.text(1)?).or_default().push(Change::Put(item));
            }
        }
    }
    let mut layers = (**known).clone();
    for (kind, layer) in &mut layers {
        let mut changes = by_kind.remove(kind).unwrap_or_default();
        changes.extend(gone.iter().map(|it| Change::Remove((*it).into())));
        *layer = layer.with(changes)?;
    }
    Ok(Arc::new(layers))
}

/// A row as a thing on the map; `None` where its kind has no places any more.
fn item(catalog: &Catalog, row: &Row) -> Result<Option<Item>, StoreError> {
    let Some(kind) = catalog.kind(&row.text(1)?).filter(|it| it.place != Placing::None) else { return Ok(None) };
    let fields: value::Values = serde_json::from_str(&row.text(7)?)?;
    let geometry = row.opt(6, Row::text)?.map(|it| serde_json::from_str::<Json>(&it)).transpose()?;
    let name = row.opt(3, Row::text)?.unwrap_or_default();
    let point = (row.opt(4, Row::real)?, row.opt(5, Row::real)?);
    Ok(made(kind, &row.text(0)?, &row.text(2)?, &name, point, geometry.as_ref(), &fields))
}

fn made(
    kind: &Kind,
    id: &str,
    region: &str,
    name: &str,
    point: (Option<f64>, Option<f64>),
    geometry: Option<&Json>,
    fields: &value::Values,
) -> Option<Item> {
    let place = match geometry.filter(|it| !it.is_null()) {
        Some(it) => crate::records::write::of_geojson(it).ok()?,
        None => geo::Geometry::Point(geo::geo_types::Point::new(point.0?, point.1?)),
    };
    let grade = kind.grade.as_ref().and_then(|it| fields.get(it)).and_then(|it| value::plain(it).parse().ok());
    let name = if kind.name_is_personal() { Personal::Name.masked(name) } else { name.to_owned() };
    Some(Item {
        id: id.into(),
        region: RegionCode::parse(region).ok()?,
        name: name.into(),
        grade: grade.filter(|it| (1..=4).contains(it)),
        place,
        numbers: kind.sums().map(|it| fields.get(&it.id).and_then(Json::as_f64).unwrap_or(0.0)).collect(),
    })
}

fn then(tx: &mut Tx<'_>, catalog: &Catalog, at: Instant) -> Result<BTreeMap<String, Layer>, StoreError> {
    let mut items = BTreeMap::<String, BTreeMap<String, Item>>::new();
    let mut last = 0;
    loop {
        let sql = "SELECT entry, body FROM journal WHERE entry > $1 AND at <= $2 AND event LIKE 'record.%' ORDER BY entry LIMIT 2000";
        let rows = tx.query_everywhere(sql, params![last, at])?;
        let Some(newest) = rows.last() else { break };
        last = newest.int(0)?;
        for row in &rows {
            let body: Json = serde_json::from_str(&row.text(1)?)?;
            let changes = body["changes"].as_array().into_iter().flatten().filter(|it| it["t"] == "record");
            for change in changes {
                let id = change["k"].as_str().unwrap_or_default();
                items.values_mut().for_each(|it| drop(it.remove(id)));
                let row = &change["r"];
                let Some(kind) = row["kind"].as_str().and_then(|it| catalog.kind(it)).filter(|it| !it.is_personal())
                else {
                    continue;
                };
                let text = |column: &str| row[column].as_str().unwrap_or_default();
                let point = (row["longitude"].as_f64(), row["latitude"].as_f64());
                let fields = row["fields"].as_object().cloned().unwrap_or_default();
                if let Some(item) = made(kind, id, text("region"), text("name"), point, Some(&row["geometry"]), &fields)
                {
                    items.entry(kind.id.clone()).or_default().insert(id.to_owned(), item);
                }
            }
        }
    }
    let mut layers = BTreeMap::new();
    for kind in placed(catalog).filter(|it| !it.is_personal()) {
        let items = items.remove(&kind.id).unwrap_or_default().into_values();
        layers.insert(kind.id.clone(), Layer::build(&kind.id, kind.sums().count(), items)?);
    }
    Ok(layers)
}

/// Nobody can be shown the past of a layer.
pub fn no_past() -> Problem {
    Problem::new(
        "no_past",
        "这个图层含个人信息，看不了过去的情形",
        "this layer holds personal data; its past cannot be shown",
    )
}
