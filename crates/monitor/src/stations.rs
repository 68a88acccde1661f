//! Stations: the file read in, and stations as rules see them.

use anlan_kernel::{Actor, Problem, RegionCode};
use anlan_store::{Event, StoreError, Tx, Urgency, World};
use serde_json::{Map, Value as Json};

use crate::{
    model::Station,
    rules::{self, Decimal, StationTable, parse_stations},
};

/// What an import did, or with `dry_run` would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Imported {
    /// Stations that were not there.
    pub new: usize,
    /// Stations that stand differently now.
    pub changed: usize,
    /// Stations that stood so already.
    pub same: usize,
    /// What is wrong with the other rows, with their lines; the header is line 1.
    pub problems: Vec<Problem>,
}

/// Takes every row that is right; stations missing from the file stay.
///
/// # Errors
/// What the store says, [`StoreError::OutOfScope`] for a region the actor has no duty in.
pub async fn import(world: &World, actor: &Actor, csv: &[u8], dry_run: bool) -> Result<Imported, StoreError> {
    let (stations, problems) = read(csv);
    let unit = move |tx: &mut Tx<'_>| {
        let mut imported = Imported { problems: problems.clone(), ..Imported::default() };
        for station in &stations {
            match tx.get::<Station>(&station.id)? {
                Some(old) if old == *station => {
                    imported.same += 1;
                    continue;
                }
                Some(_) => imported.changed += 1,
                None => imported.new += 1,
            }
            if !dry_run {
                tx.put(station)?;
                tx.record(Event::new("station.imported", &station.id).region(&station.region))?;
            }
        }
        Ok(imported)
    };
    if dry_run {
        world.read(actor, unit).await
    } else {
        world.write("station-import", Urgency::Background, actor, unit).await
    }
}

/// The stations of a stations.csv, and what is wrong with its other rows.
pub fn read(csv: &[u8]) -> (Vec<Station>, Vec<Problem>) {
    let StationTable { stations, mut problems } = parse_stations(csv);
    let mut good = Vec::with_capacity(stations.len());
    for station in stations {
        match from_rules(&station) {
            Ok(station) => good.push(station),
            Err(problem) => problems.push(problem.line(line_of(csv, &station.id))),
        }
    }
    problems.sort_by_key(|it| it.place.line);
    (good, problems)
}

/// The line on which a station stands; for problems found after reading.
fn line_of(csv: &[u8], id: &str) -> usize {
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(csv);
    let column = reader.byte_headers().ok().and_then(|it| it.iter().position(|title| title.ends_with(b"station_id")));
    let mut records = reader.byte_records().flatten();
    let found = column.and_then(|column| records.find(|it| it.get(column) == Some(id.as_bytes())));
    found.and_then(|it| it.position().map(|at| at.line() as usize)).unwrap_or(1)
}

fn from_rules(station: &rules::Station) -> Result<Station, Problem> {
    let code = |text: &str, field: &str| RegionCode::parse(text).map_err(|_| bad_region(text).field(field));
    let degrees = |value: Option<Decimal>, most: f64, field: &str| match value.map(Decimal::to_f64) {
        Some(it) if it.abs() > most => Err(bad_degrees(it).field(field)),
        value => Ok(value),
    };
    let columns: Map<_, _> =
        station.columns.iter().map(|(title, value)| (title.clone(), Json::String(value.to_string()))).collect();
    Ok(Station {
        id: station.id.clone(),
        name: station.name.clone(),
        kind: station.kind.clone(),
        longitude: degrees(station.longitude, 180.0, "longitude")?,
        latitude: degrees(station.latitude, 90.0, "latitude")?,
        region: code(&station.region, "region_code")?,
        elevation: station.column("elevation_m").map(Decimal::to_f64),
        serves: station.serves.iter().map(|it| code(it.trim_end_matches('*'), "serves")).collect::<Result<_, _>>()?,
        columns,
    })
}

/// The station as rules see it.
pub(crate) fn to_rules(station: &Station) -> rules::Station {
    let number = |value: &Json| value.as_str().and_then(|it| Decimal::parse(it).ok());
    rules::Station {
        id: station.id.clone(),
        name: station.name.clone(),
        kind: station.kind.clone(),
        longitude: station.columns.get("longitude").and_then(number),
        latitude: station.columns.get("latitude").and_then(number),
        region: station.region.to_string(),
        serves: station.serves.iter().map(ToString::to_string).collect(),
        columns: station.columns.iter().filter_map(|(title, it)| Some((title.clone(), number(it)?))).collect(),
    }
}

fn bad_region(text: &str) -> Problem {
    let text: String = text.chars().take(40).collect();
    Problem::new(
        "bad_region",
        format!("“{text}”不是区划代码；应为 2 至 18 位数字，如 440303001"),
        format!("\"{text}\" is not a region code: 2 to 18 digits such as 440303001"),
    )
}

fn bad_degrees(value: f64) -> Problem {
    Problem::new("bad_value", format!("{value} 超出经纬度范围"), format!("{value} degrees do not exist"))
}
