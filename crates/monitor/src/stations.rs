//! Stations: the file read in, and stations as rules see them.

use std::collections::{HashMap, HashSet};

use anlan_kernel::{Actor, Lang, Problem, RegionCode, Scope};
use anlan_register::{
    export,
    import::sheet::{self, Column, Row, Sheet},
};
use anlan_store::{Event, StoreError, Tx, Urgency, World};
use serde_json::{Map, Value as Json};

use crate::{
    model::Station,
    rules::{self, Decimal},
};

/// Known columns; any other numeric one is kept under its own title.
const COLUMNS: &[Column] = &[
    ("station_id", &["station_id", "站号", "站点编号", "测站编码"]),
    ("name_zh", &["name_zh", "站名", "名称"]),
    ("name_en", &["name_en", "英文名"]),
    ("kind", &["kind", "类型", "站类"]),
    ("longitude", &["longitude", "经度"]),
    ("latitude", &["latitude", "纬度"]),
    ("region_code", &["region_code", "区划代码"]),
    ("elevation_m", &["elevation_m", "海拔", "高程"]),
    ("serves", &["serves", "服务区划", "服务区划代码"]),
    ("warning_level", &["warning_level", "警戒水位"]),
    ("guarantee_level", &["guarantee_level", "保证水位"]),
];
/// Columns without which a file is no list of stations.
const REQUIRED: [&str; 4] = ["station_id", "name_zh", "kind", "region_code"];

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
    /// Those rows in a sheet with their reasons, where there are any.
    #[serde(skip)]
    pub errors_xlsx: Option<Vec<u8>>,
}

/// Takes every row that is right and of the actor's duty areas; stations missing from the file stay.
///
/// # Errors
/// What the store says.
pub async fn import(world: &World, actor: &Actor, file: &[u8], dry_run: bool) -> Result<Imported, StoreError> {
    let sheet = match sheet::read(file, "", COLUMNS) {
        Ok(sheet) => sheet,
        Err(problem) => return Ok(Imported { problems: vec![problem], ..Imported::default() }),
    };
    let stand = world.read(&Actor::system("monitor"), |tx| tx.find::<Station>("1 = 1", "", &[])).await?;
    let stand: HashMap<String, RegionCode> = stand.into_iter().map(|it| (it.id, it.region)).collect();
    let (stations, problems) = read(&sheet, &actor.scope, &stand);
    let errors_xlsx = export::errors(&sheet, &problems, Lang::Zh)?;
    let unit = move |tx: &mut Tx<'_>| {
        let mut imported = Imported::default();
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
    let imported = if dry_run {
        world.read(actor, unit).await?
    } else {
        world.write("station-import", Urgency::Background, actor, unit).await?
    };
    Ok(Imported { problems, errors_xlsx, ..imported })
}

/// The stations of a sheet, and what is wrong with its other rows; `stand`: where those lie that are there already.
fn read(sheet: &Sheet, scope: &Scope, stand: &HashMap<String, RegionCode>) -> (Vec<Station>, Vec<Problem>) {
    let titles: Vec<String> = sheet
        .titles
        .iter()
        .zip(&sheet.keys)
        .map(|(title, key)| key.map_or_else(|| title.clone(), str::to_owned))
        .collect();
    if let Some(missing) = rules::missing_column(&titles, &REQUIRED) {
        return (Vec::new(), vec![missing]);
    }
    let (mut good, mut problems, mut ids) = (Vec::new(), Vec::new(), HashSet::new());
    for row in &sheet.rows {
        let station = station(&titles, row, scope, stand).and_then(|it| match ids.insert(it.id.clone()) {
            true => Ok(it),
            false => Err(rules::taken_station(&it.id)),
        });
        match station {
            Ok(station) => good.push(station),
            Err(problem) => problems.push(problem.line(row.number)),
        }
    }
    (good, problems)
}

fn station(
    titles: &[String],
    row: &Row,
    scope: &Scope,
    stand: &HashMap<String, RegionCode>,
) -> Result<Station, Problem> {
    if row.open_quote {
        return Err(sheet::open_quote());
    }
    let cells: Vec<&str> = row.cells.iter().map(|it| it.trim()).collect();
    let station = from_rules(&rules::station_of(titles, &cells)?)?;
    let places = [stand.get(&station.id), Some(&station.region)];
    let outside = places.into_iter().flatten().find(|it| !scope.covers(it)).map(out_of_scope);
    outside.map_or(Ok(station), Err)
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

fn out_of_scope(region: &RegionCode) -> Problem {
    Problem::new(
        "out_of_scope",
        format!("“{region}”不在您的责任区内"),
        format!("\"{region}\" lies outside your duty areas"),
    )
    .field("region_code")
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
