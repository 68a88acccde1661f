//! Stations, and stations.csv.

use std::{collections::HashSet, io::Read};

use anlan_kernel::{Problem, Text};

use super::decimal::Decimal;

/// A station that reports readings.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Station {
    /// Names the station for ever.
    pub id: String,
    /// Its names.
    pub name: Text,
    /// `rain`, `river`, `wind` …
    pub kind: String,
    /// WGS 84 degrees east, where known.
    pub longitude: Option<Decimal>,
    /// WGS 84 degrees north, where known.
    pub latitude: Option<Decimal>,
    /// Region code (区划).
    pub region: String,
    /// Prefixes of the regions it speaks for; empty means its own.
    pub serves: Vec<String>,
    /// Every numeric column by its title: `elevation_m`, `warning_level` …
    pub columns: Vec<(String, Decimal)>,
}

impl Station {
    /// A numeric column.
    pub fn column(&self, title: &str) -> Option<Decimal> {
        self.columns.iter().find(|(name, _)| name == title).map(|(_, value)| *value)
    }
}

/// What a stations.csv holds: the rows that are right, and what is wrong with the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StationTable {
    /// In the order of the file.
    pub stations: Vec<Station>,
    /// With their line; the header is line 1.
    pub problems: Vec<Problem>,
}

const REQUIRED: [&str; 8] =
    ["station_id", "name_zh", "name_en", "kind", "longitude", "latitude", "region_code", "elevation_m"];

/// Reads a stations.csv; a wrong row is left out, all others are taken.
pub fn parse_stations(input: impl Read) -> StationTable {
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(input);
    let titles: Vec<String> = match reader.byte_headers() {
        Ok(header) => {
            header.iter().map(|it| String::from_utf8_lossy(it).trim_start_matches('\u{feff}').to_owned()).collect()
        }
        Err(error) => return StationTable { stations: Vec::new(), problems: vec![unreadable(&error, 1)] },
    };
    let mut table = StationTable::default();
    if let Some(missing) = missing_column(&titles, &REQUIRED) {
        table.problems.push(missing);
        return table;
    }
    let mut ids = HashSet::new();
    for (index, record) in reader.byte_records().enumerate() {
        let line = record.as_ref().ok().and_then(|it| it.position()).map_or(index + 2, |it| it.line() as usize);
        let station = record.map_err(|error| unreadable(&error, line)).and_then(|it| station(&titles, &it));
        match station {
            Ok(station) if ids.insert(station.id.clone()) => table.stations.push(station),
            Ok(station) => table.problems.push(taken_station(&station.id).line(line)),
            Err(problem) => table.problems.push(problem.line(line)),
        }
    }
    table
}

/// Names the first required column that a header lacks.
pub(crate) fn missing_column(titles: &[String], required: &[&str]) -> Option<Problem> {
    let missing = required.iter().find(|name| !titles.iter().any(|title| title == *name))?;
    Some(
        Problem::new(
            "missing_column",
            format!("表头缺少 {missing} 列；应有 {}", required.join(",")),
            format!("the header lacks the column {missing}; it should have {}", required.join(",")),
        )
        .line(1)
        .field(*missing),
    )
}

fn station(titles: &[String], record: &csv::ByteRecord) -> Result<Station, Problem> {
    if record.len() != titles.len() {
        return Err(wrong_width(record.len(), titles.len()));
    }
    let cell = |(title, cell): (&String, _)| std::str::from_utf8(cell).map_err(|_| not_utf8(cell).field(title));
    station_of(titles, &titles.iter().zip(record).map(cell).collect::<Result<Vec<_>, _>>()?)
}

/// The station of a row.
pub(crate) fn station_of(titles: &[String], cells: &[&str]) -> Result<Station, Problem> {
    if cells.len() != titles.len() {
        return Err(wrong_width(cells.len(), titles.len()));
    }
    let mut station = Station::default();
    for (title, cell) in titles.iter().zip(cells) {
        fill(&mut station, title, cell).map_err(|problem| problem.field(title))?;
    }
    if station.id.is_empty() {
        let (zh, en) = ("站点编号不能为空", "a station needs an id");
        return Err(Problem::new("missing_value", zh, en).field("station_id"));
    }
    Ok(station)
}

fn fill(station: &mut Station, title: &str, cell: &str) -> Result<(), Problem> {
    match title {
        "station_id" => station.id = cell.to_owned(),
        "name_zh" => station.name.zh = cell.to_owned(),
        "name_en" => station.name.en = cell.to_owned(),
        "kind" => station.kind = cell.to_owned(),
        "region_code" => station.region = cell.to_owned(),
        "serves" => {
            station.serves = cell.split(';').map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect()
        }
        _ => {
            let number = Decimal::parse(cell).ok();
            match title {
                "longitude" | "latitude" if number.is_none() && !cell.is_empty() => return Err(not_degrees(cell)),
                "longitude" => station.longitude = number,
                "latitude" => station.latitude = number,
                _ => {}
            }
            station.columns.extend(number.map(|number| (title.to_owned(), number)));
        }
    }
    Ok(())
}

fn not_degrees(cell: &str) -> Problem {
    let cell: String = cell.chars().take(40).collect();
    Problem::new(
        "bad_value",
        format!("“{cell}”不是度数，如 114.0265；不详留空"),
        format!("\"{cell}\" is not degrees such as 114.0265; leave it empty when unknown"),
    )
}

/// A row with more or fewer cells than the header.
pub(crate) fn wrong_width(found: usize, expected: usize) -> Problem {
    Problem::new(
        "wrong_width",
        format!("这一行有 {found} 格，表头有 {expected} 格"),
        format!("the row has {found} cells, the header {expected}"),
    )
}

/// Bytes that are not UTF-8; says so when they read as GBK.
pub(crate) fn not_utf8(bytes: &[u8]) -> Problem {
    let at = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), |_| 0);
    let sample = &bytes[at..bytes.len().min(at + 64)];
    let (decoded, _, broken) = encoding_rs::GBK.decode(sample);
    let gbk = !broken && decoded.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    let (zh, en) = if gbk { ("像是 GBK 编码；", "reads like GBK; ") } else { ("", "") };
    Problem::new(
        "not_utf8",
        format!("不是 UTF-8 文字，{zh}请另存为 UTF-8"),
        format!("this is not UTF-8; {en}save the file as UTF-8"),
    )
    .byte(at)
}

/// A station whose id stands further up.
pub(crate) fn taken_station(id: &str) -> Problem {
    let id: String = id.chars().take(40).collect();
    Problem::new(
        "duplicate_station",
        format!("站点“{id}”前面已有"),
        format!("the station \"{id}\" stands above already"),
    )
    .field("station_id")
}

fn unreadable(error: &csv::Error, line: usize) -> Problem {
    Problem::new("unreadable", format!("读不出这一行：{error}"), format!("the line cannot be read: {error}")).line(line)
}
