//! The register at size: records written, found, listed, drawn and taken out, on the engine that `--database` names.

use std::{path::Path, time::Instant as Wall};

use anlan_kernel::{Actor, Lang, Scope};
use anlan_register::{
    find::{self, Ask},
    kinds::Kind,
    records::{
        Record,
        list::{self, Asked, Reader},
    },
    transfer::{self, Clerk},
};
use anlan_store::{Clock, StoreError, Urgency, Value, World, WorldKind};
use serde_json::{Map, Value as Json, json};

use super::{percentile, sub};
use crate::{
    demo::{
        district::{self, District},
        setup, story,
    },
    house::{House, HouseConfig},
    install::Install,
    packs,
    verbs::Bad,
};

/// The world it is measured in; thrown away before and after.
const WORLD: &str = "bench-register";
/// What is listed.
const KIND: &str = "premises";
/// Records of one transaction into the plain table.
const SLICE: usize = 500;
/// Records of the plain table.
const PLAIN: usize = 50_000;
/// How often each list is asked for.
const TIMES: usize = 7;
/// What is looked for in the one box.
const WORDS: &[&str] =
    &["示例恒禾", "餐厅", "shilihenghe", "slhh", "X100000000000123", "示例一路", "便利店 示例安澜", "珠宝厂"];
/// Lists as people ask for them: conditions with order.
const LISTS: &[&str] = &[
    "",
    "f.risk=1",
    "f.risk=1,2&sort=-verified",
    "region=440303001",
    "region=440303001001&f.class=restaurant",
    "f.class=restaurant&f.piped_gas=true",
    "f.class=factory&f.combustible_dust=true&f.risk=1,2",
    "f.industry=F&sort=name",
    "f.employees.min=100&sort=-f.employees",
    "fresh=due&sort=verified",
    "fresh=never",
    "q=示例恒禾",
    "sort=name&page=200",
    "sort=-changed&page=50",
];

/// Writes `records` premises of the demonstration's district and asks for them.
///
/// # Errors
/// Whatever breaks while measuring.
pub async fn run(dir: &Path, database: Option<&str>, records: usize) -> Result<Json, Bad> {
    let install = Install::new(&sub(dir, "data"), database.map(str::to_owned), None, None);
    install.remove(WORLD)?;
    let world = install.open(WORLD, WorldKind::Replay, Clock::Real)?;
    let measured = measure(&world, records).await;
    drop(world);
    let gone = install.remove(WORLD);
    let measured = measured?;
    gone?;
    Ok(measured)
}

async fn measure(world: &World, records: usize) -> Result<Json, Bad> {
    let loaded = story::load(None)?;
    let shipped = packs::shipped().map_err(|_| "a shipped pack is wrong")?;
    let config = HouseConfig {
        packs: shipped.into_iter().filter(|it| district::PACKS.contains(&it.0.as_str())).collect(),
        district: Some(loaded.story.district.clone()),
        ..HouseConfig::default()
    };
    let house = House::open(world.clone(), config).await?;
    setup::world(&house, &loaded, Lang::En).await?;
    let ground = district::ground_of(world, &loaded).await?.ok_or("the story has no places")?;
    let district = District::with(ground, [("grid", 1_121), (KIND, records)].into_iter());
    let begun = Wall::now();
    let written = district::write(&house, &district, false).await?;
    let rate = written.created as f64 / begun.elapsed().as_secs_f64();
    let catalog = house.register.catalog();
    let kind = catalog.kind(KIND).ok_or("no pack has premises")?;
    let plain = plain(world, &some(world, kind).await?).await?;
    Ok(json!({
        "engine": if world.is_postgres() { "postgresql" } else { "sqlite" },
        "records": written.created, "refused": written.refused, "written_per_s": rate,
        "plain_rows_per_s": plain, "write_ratio": rate / plain,
        "find": finding(world).await?,
        "list": listing(&house, kind).await?,
        "map": drawing(&house).await?,
        "export": exporting(&house).await?,
    }))
}

fn millis(begun: Wall) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}

fn spread(mut times: Vec<f64>) -> Json {
    times.sort_by(f64::total_cmp);
    json!({"p50_ms": percentile(&times, 0.5), "p95_ms": percentile(&times, 0.95), "most_ms": times.last()})
}

async fn finding(world: &World) -> Result<Json, StoreError> {
    let (mut first, mut times) = (None, Vec::new());
    for _ in 0..TIMES {
        for words in WORDS {
            let begun = Wall::now();
            let look = |tx: &mut anlan_store::Tx<'_>| {
                find::search(tx, &Ask { text: words, kinds: None, without: &[], most: 20, clear: true })
            };
            let hits = world.read(&Actor::system("bench"), look).await?;
            times.push(millis(begun));
            first.get_or_insert_with(|| json!({"words": words, "ms": times[0], "hits": hits.len()}));
        }
    }
    Ok(json!({"first": first, "all": spread(times)}))
}

async fn listing(house: &House, kind: &Kind) -> Result<Json, Bad> {
    let (catalog, reader) = (house.register.catalog(), Reader::everything());
    let (mut each, mut all) = (Map::new(), Vec::new());
    for query in LISTS {
        let pairs: Vec<(String, String)> = query
            .split('&')
            .filter_map(|it| it.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let (asked, problems) = Asked::of(&catalog, kind, &reader, &pairs, &[]);
        if let Some(problem) = problems.first() {
            return Err(Bad(format!("{query}: {problem}")));
        }
        let (mut times, mut counted) = (Vec::new(), 0);
        for _ in 0..TIMES {
            let (kind, asked, begun) = (kind.clone(), asked.clone(), Wall::now());
            let page = house.world.read(&Actor::system("bench"), move |tx| list::page(tx, &kind, &asked)).await?;
            times.push(millis(begun));
            counted = page.counted.all;
        }
        all.extend_from_slice(&times);
        let mut of = spread(times);
        of["counted"] = json!(counted);
        each.insert((*query).to_owned(), of);
    }
    Ok(json!({"all": spread(all), "each": each}))
}

/// The first tile of a server that just started, and a way across the district at three zooms.
async fn drawing(house: &House) -> Result<Json, Bad> {
    let catalog = house.register.catalog();
    let begun = Wall::now();
    let layers = house.register.layers.now(&catalog).await?;
    let layer = layers.get(KIND).ok_or("premises have no layer")?;
    let built = millis(begun);
    let tiles = |zoom: u8| {
        let side = f64::from(1_u32 << zoom);
        let (x, y) = (114.125_f64, 22.567_f64.to_radians());
        let column = (x + 180.0) / 360.0 * side;
        let row = (1.0 - (y.tan() + 1.0 / y.cos()).ln() / std::f64::consts::PI) / 2.0 * side;
        (zoom, column as u32, row as u32)
    };
    let (zoom, column, row) = tiles(12);
    let first = layer.tile(&Scope::Everywhere, zoom, column, row).len();
    let until_first = millis(begun);
    let mut times = Vec::new();
    for (zoom, column, row) in [12, 14, 16].map(tiles) {
        for step in 0..8 {
            for below in 0..4 {
                let begun = Wall::now();
                layer.tile(
                    &Scope::Everywhere,
                    zoom,
                    (column + step).saturating_sub(4),
                    (row + below).saturating_sub(2),
                );
                times.push(millis(begun));
            }
        }
    }
    Ok(json!({"layers_ms": built, "first_tile_ms": until_first, "first_tile_bytes": first, "pan": spread(times)}))
}

async fn exporting(house: &House) -> Result<Json, Bad> {
    let mut forms = Map::new();
    let clerk = Clerk { actor: Actor::system("bench"), reader: Reader::everything() };
    for form in ["csv", "xlsx"] {
        let begun = Wall::now();
        let export = transfer::whole(&house.register, &clerk, KIND, form, Lang::Zh).await?;
        let took = begun.elapsed().as_secs_f64();
        forms.insert(
            form.to_owned(),
            json!({"records": export.records, "s": took, "records_per_s": export.records as f64 / took}),
        );
    }
    Ok(Json::Object(forms))
}

/// Records to write into the plain table.
async fn some(world: &World, kind: &Kind) -> Result<Vec<Record>, StoreError> {
    let kind = kind.clone();
    world
        .read(&Actor::system("bench"), move |tx| {
            list::chunk(tx, &kind, &Asked::everything(&Reader::everything()), "", PLAIN)
        })
        .await
}

/// Rows a second into a plain table with the same columns and a primary key: no index beside it, no journal, no keys.
async fn plain(world: &World, records: &[Record]) -> Result<f64, StoreError> {
    let by = Actor::system("bench");
    let made =
        "CREATE TABLE bench_record (id TEXT PRIMARY KEY, kind TEXT, key TEXT, region TEXT, name TEXT, subject TEXT,
        fields TEXT, personal TEXT, longitude DOUBLE PRECISION, latitude DOUBLE PRECISION, geometry TEXT, owner TEXT,
        verified_at BIGINT, verified_by TEXT, pack TEXT, batch TEXT, revision BIGINT, created_at BIGINT,
        changed_at BIGINT, changed_by TEXT)";
    world.write("bench", Urgency::Background, &by, |tx| tx.execute_unjournaled(made, &[]).map(drop)).await?;
    let rows: Vec<Vec<Value>> = records.iter().map(row).collect();
    let places: Vec<_> = (1..=20).map(|it| format!("${it}")).collect();
    let sql = format!("INSERT INTO bench_record VALUES ({})", places.join(", "));
    let begun = Wall::now();
    for slice in rows.chunks(SLICE) {
        let (slice, sql) = (slice.to_vec(), sql.clone());
        let insert = move |tx: &mut anlan_store::Tx<'_>| {
            slice.iter().try_for_each(|row| tx.execute_unjournaled(&sql, row).map(drop))
        };
        world.write("bench", Urgency::Background, &by, insert).await?;
    }
    Ok(rows.len() as f64 / begun.elapsed().as_secs_f64())
}

fn row(it: &Record) -> Vec<Value> {
    let text = |it: &Option<String>| it.as_ref().map_or(Value::Null, Value::from);
    let real = |it: Option<f64>| it.map_or(Value::Null, Value::from);
    let fields = |it: &Map<String, Json>| Value::from(Json::Object(it.clone()).to_string());
    vec![
        Value::from(&it.id),
        Value::from(&it.kind),
        text(&it.key),
        Value::from(&it.region),
        text(&it.name),
        text(&it.subject),
        fields(&it.fields),
        it.personal.as_ref().map_or(Value::Null, fields),
        real(it.longitude),
        real(it.latitude),
        it.geometry.as_ref().map_or(Value::Null, |it| Value::from(it.to_string())),
        text(&it.owner),
        it.verified_at.map_or(Value::Null, Value::from),
        text(&it.verified_by),
        Value::from(&it.pack),
        text(&it.batch),
        Value::from(it.revision),
        Value::from(it.created_at),
        Value::from(it.changed_at),
        Value::from(&it.changed_by),
    ]
}
