//! Readings a second: acknowledged over HTTP after the sync, rules on.

use std::{net::Ipv4Addr, path::Path, sync::Arc, time::Instant as Wall};

use anlan_kernel::{Actor, Instant, RegionCode};
use anlan_store::{Clock, StoreError, Urgency, World, WorldKind, params, real_now};
use anlan_web::accounts;
use serde_json::{Value as Json, json};

use super::sub;
use crate::{
    house::{House, HouseConfig},
    install::Install,
    packs, server,
    verbs::Bad,
    workers::{self, Roles},
};

const STATIONS: usize = 1_000;
/// Readings in one request.
const BATCH: usize = 10_000;
/// Requests in flight.
const PARALLEL: usize = 4;

/// Sends `readings` and measures; the same rows into a plain indexed SQLite table as comparison.
///
/// # Errors
/// Whatever breaks while measuring.
pub async fn run(dir: &Path, readings: usize) -> Result<Json, Bad> {
    let install = Install::new(&sub(dir, "data"), None, None, None);
    let world = install.open("real", WorldKind::Real, Clock::Real)?;
    let rules = packs::shipped().map_err(|_| "a shipped pack is wrong")?;
    let config = HouseConfig {
        district: Some(RegionCode::parse("440303")?),
        packs: rules.into_iter().filter(|(id, _)| id == "measured-rain" || id == "measured-station-silence").collect(),
        ..HouseConfig::default()
    };
    let house = House::open(world, config).await?;
    house.monitor.import_stations(&Actor::system("bench"), stations().as_bytes(), false).await?;
    let token = accounts::create_device(&house.world, &Actor::system("bench"), "bench", vec!["*".into()]).await?;
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let url = format!("http://{}/api/v1/observations", listener.local_addr()?);
    let mut tasks = workers::all(&house, Roles { web: true, ingest: true, worker: true });
    let app = server::app("", house.routes());
    tasks.spawn(async move {
        if let Err(error) = server::serve(listener, app, None, axum_server::Handle::new()).await {
            tracing::error!(error, "the bench's door closed");
        }
    });
    let bodies = Arc::new(bodies(readings));
    let begun = Wall::now();
    let taken = send(&url, &token, &bodies).await?;
    let took = begun.elapsed().as_secs_f64();
    let judged = until_judged(&house, begun).await?;
    let rows = plain(&house.world, readings.min(200_000)).await?;
    let rate = taken as f64 / took;
    Ok(json!({
        "readings": taken, "stations": STATIONS, "batch": BATCH, "in_flight": PARALLEL,
        "acknowledged_per_s": rate, "judged_s": judged, "plain_sqlite_rows_per_s": rows, "ratio": rate / rows,
    }))
}

fn stations() -> String {
    let mut csv = String::from("station_id,name_zh,name_en,kind,longitude,latitude,region_code,elevation_m,serves\n");
    for n in 0..STATIONS {
        csv.push_str(&format!("s{n},测站{n},Station {n},rain,114.1,22.5,440303,10,440303\n"));
    }
    csv
}

/// NDJSON bodies: every station in turn, a minute apart, ending now.
fn bodies(readings: usize) -> Vec<String> {
    let minutes = readings.div_ceil(STATIONS);
    let start = real_now().0 / 60_000_000 * 60_000_000 - i64::try_from(minutes).unwrap_or(0) * 60_000_000;
    let mut bodies = Vec::new();
    let mut body = String::new();
    for n in 0..readings {
        let at = Instant(start + i64::try_from(n / STATIONS).unwrap_or(0) * 60_000_000);
        let value = (n * 7_919 % 13) as f64 / 10.0;
        let line = format!(
            "{{\"observed_at\":\"{at}\",\"station_id\":\"s{}\",\"quantity\":\"rainfall\",\"value\":{value},\"unit\":\"mm\"}}\n",
            n % STATIONS
        );
        body.push_str(&line);
        if (n + 1) % BATCH == 0 || n + 1 == readings {
            bodies.push(std::mem::take(&mut body));
        }
    }
    bodies
}

async fn send(url: &str, token: &str, bodies: &Arc<Vec<String>>) -> Result<u64, Bad> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut senders = tokio::task::JoinSet::new();
    for lane in 0..PARALLEL {
        let (client, url, token, bodies) = (client.clone(), url.to_owned(), token.to_owned(), Arc::clone(bodies));
        senders.spawn(async move {
            let mut taken = 0;
            for body in bodies.iter().skip(lane).step_by(PARALLEL) {
                let request = client.post(&url).bearer_auth(&token).header("content-type", "application/x-ndjson");
                let answer: Json = request.body(body.clone()).send().await?.error_for_status()?.json().await?;
                taken += answer["taken"].as_u64().unwrap_or(0);
            }
            Ok::<u64, reqwest::Error>(taken)
        });
    }
    let mut taken = 0;
    while let Some(lane) = senders.join_next().await {
        taken += lane??;
    }
    Ok(taken)
}

/// Seconds from the first request until the rules have seen every reading.
async fn until_judged(house: &House, begun: Wall) -> Result<f64, Bad> {
    house.monitor.judge_until(house.world.now()).await?;
    Ok(begun.elapsed().as_secs_f64())
}

/// Rows a second into a plain table with an index, in transactions as large as the batches.
async fn plain(world: &World, rows: usize) -> Result<f64, StoreError> {
    let by = Actor::system("bench");
    world
        .write("bench", Urgency::Background, &by, |tx| {
            tx.execute_unjournaled(
                "CREATE TABLE bench_reading (at BIGINT, series BIGINT, value DOUBLE PRECISION)",
                &[],
            )?;
            tx.execute_unjournaled("CREATE INDEX bench_reading_series ON bench_reading(series, at)", &[]).map(drop)
        })
        .await?;
    let begun = Wall::now();
    for batch in 0..rows.div_ceil(BATCH) {
        world
            .write("bench", Urgency::Background, &by, move |tx| {
                for n in batch * BATCH..((batch + 1) * BATCH).min(rows) {
                    let (at, series) = ((n / STATIONS) as i64, (n % STATIONS) as i64);
                    tx.execute_unjournaled("INSERT INTO bench_reading VALUES ($1, $2, $3)", params![at, series, 0.1])?;
                }
                Ok(())
            })
            .await?;
    }
    Ok(rows as f64 / begun.elapsed().as_secs_f64())
}
