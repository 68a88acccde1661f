//! What the district of a story stands on: its communities with their places, its units and people.

use std::collections::{BTreeMap, HashMap};

use anlan_kernel::{Instant, RegionCode};

use super::{super::story::Loaded, chance::Chance};

/// A polygon well inside the district of the story `saola` (440303), drawn by hand around nothing but its inside: wherever
/// things are invented, they are on the district's own land. Degrees east and north, WGS 84; no boundary of anything.
pub const INSIDE: &[(f64, f64)] = &[
    (114.080, 22.589),
    (114.141, 22.589),
    (114.150, 22.600),
    (114.164, 22.609),
    (114.193, 22.609),
    (114.202, 22.600),
    (114.210, 22.592),
    (114.210, 22.580),
    (114.197, 22.576),
    (114.196, 22.567),
    (114.153, 22.566),
    (114.146, 22.557),
    (114.143, 22.545),
    (114.126, 22.544),
    (114.118, 22.539),
    (114.105, 22.539),
    (114.105, 22.568),
    (114.092, 22.573),
    (114.080, 22.579),
];
/// The district whose inside that is.
const DISTRICT: &str = "440303";

/// A community (社区) with the square around it in which its things stand.
#[derive(Clone, Debug)]
pub struct Community {
    /// Its code.
    pub code: RegionCode,
    /// Its name without 居民委员会.
    pub name: String,
    /// Its street.
    pub street: RegionCode,
    /// The street's name.
    pub street_name: String,
    /// Degrees east of the middle.
    pub longitude: f64,
    /// Degrees north of the middle.
    pub latitude: f64,
    /// Half the side of the square, degrees; squares of two communities do not overlap.
    pub half: f64,
    /// Of everything there is, so much lies in this community and those before it.
    until: f64,
}

/// A part of a community's square, in shares of its sides from the south-west.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    /// From west to east.
    pub across: (f64, f64),
    /// From south to north.
    pub along: (f64, f64),
}

/// The district of a story.
#[derive(Clone, Debug)]
pub struct Ground {
    /// Name of the story, seed of everything.
    pub story: String,
    /// Its first moment.
    pub day: Instant,
    /// In the order of their codes.
    pub communities: Vec<Community>,
    people: HashMap<(String, String), Vec<String>>,
    units: BTreeMap<String, String>,
}

impl Cell {
    /// The whole square.
    pub const WHOLE: Self = Self { across: (0.0, 1.0), along: (0.0, 1.0) };

    /// The `n`th of `count` cells of equal height.
    pub fn of(n: usize, count: usize) -> Self {
        let columns = ((count as f64).sqrt().ceil() as usize).max(1);
        let rows = count.div_ceil(columns).max(1);
        let (row, column) = (n / columns, n % columns);
        let in_row = if row + 1 == rows { count - row * columns } else { columns };
        let share = |at: usize, of: usize| (at as f64 / of as f64, (at + 1) as f64 / of as f64);
        Self { across: share(column, in_row), along: share(row, rows) }
    }
}

impl Community {
    /// A position in shares of the square's sides, to about a metre.
    pub fn at(&self, across: f64, along: f64) -> (f64, f64) {
        let side = 2.0 * self.half;
        let round = |it: f64| (it * 1e5).round() / 1e5;
        (round(self.longitude - self.half + across * side), round(self.latitude - self.half + along * side))
    }
}

impl Ground {
    /// The ground of a story; `None` where the story does not say where its communities stand, or lies elsewhere.
    /// `person` finds the id of somebody by name and number.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn of(loaded: &Loaded, person: &dyn Fn(&str, &str) -> Option<String>) -> Result<Option<Self>, String> {
        if loaded.story.district.as_str() != DISTRICT {
            return Ok(None);
        }
        let Some(places) = loaded.text("places.csv") else { return Ok(None) };
        let text = |name: &str| loaded.text(name).ok_or_else(|| format!("the story has no {name}"));
        let units: BTreeMap<String, String> =
            rows(&text("organisations.csv")?, ["id", "name"])?.into_iter().map(|[id, name]| (name, id)).collect();
        let columns = ["姓名", "手机", "单位", "职务", "级别", "责任区代码"];
        let mut people = HashMap::<(String, String), Vec<String>>::new();
        for [name, phone, unit, title, level, region] in rows(&text("people.csv")?, columns)? {
            let of = if level == "区级" { units.get(&unit).cloned().unwrap_or_default() } else { region };
            let ids = people.entry((of, title)).or_default();
            ids.extend(person(&name, &phone).filter(|it| !ids.contains(it)));
        }
        let ground = Self {
            story: loaded.story.id.clone(),
            day: loaded.story.starts_at,
            communities: communities(&text("regions.csv")?, &places)?,
            people,
            units: units.into_iter().map(|(name, id)| (id, name)).collect(),
        };
        Ok(Some(ground).filter(|it| !it.communities.is_empty()))
    }

    /// The `n`th of those who have this title in a region or a unit.
    pub fn person(&self, of: &str, title: &str, n: usize) -> Option<&str> {
        let ids = self.people.get(&(of.to_owned(), title.to_owned()))?;
        ids.get(n % ids.len().max(1)).map(String::as_str)
    }

    /// Whether there is such a unit.
    pub fn has_unit(&self, id: &str) -> bool {
        self.units.contains_key(id)
    }

    /// In which community the `n`th of `count` things stands: in order, more of them where there is more of everything.
    pub fn community_of(&self, n: usize, count: usize) -> usize {
        let all = self.communities.last().map_or(0.0, |it| it.until);
        let at = (n as f64 + 0.5) / count.max(1) as f64 * all;
        self.communities.partition_point(|it| it.until <= at).min(self.communities.len() - 1)
    }
}

fn communities(regions: &str, places: &str) -> Result<Vec<Community>, String> {
    let bad = |it: &dyn std::fmt::Display| format!("places.csv: {it}");
    let mut known = BTreeMap::new();
    for [code, longitude, latitude] in rows(places, ["code_or_id", "longitude", "latitude"])? {
        let number = |it: &str| it.parse::<f64>().map_err(|it| bad(&it));
        known.insert(code, (number(&longitude)?, number(&latitude)?));
    }
    let regions = rows(regions, ["code", "name", "level", "parent_code"])?;
    let names: HashMap<&str, &str> = regions.iter().map(|it| (it[0].as_str(), it[1].as_str())).collect();
    let mut found = Vec::new();
    for [code, name, level, parent] in &regions {
        let Some((longitude, latitude)) = known.get(code).filter(|_| level == "5") else { continue };
        found.push(Community {
            code: RegionCode::parse(code).map_err(|it| bad(&it))?,
            name: name.trim_end_matches("居民委员会").to_owned(),
            street: RegionCode::parse(parent).map_err(|it| bad(&it))?,
            street_name: names.get(parent.as_str()).copied().unwrap_or_default().to_owned(),
            longitude: *longitude,
            latitude: *latitude,
            half: 0.0,
            until: 0.0,
        });
    }
    found.sort_by(|a, b| a.code.cmp(&b.code));
    let halves: Vec<f64> = found.iter().map(|it| half(it, &found)).collect();
    let mut until = 0.0;
    for (it, half) in found.iter_mut().zip(halves) {
        until += 0.4 + 1.4 * Chance::of(it.code.as_str(), 0).unit();
        (it.half, it.until) = (half, until);
    }
    Ok(found)
}

/// As large as it may be without touching another square or leaving the inside of the district.
fn half(of: &Community, all: &[Community]) -> f64 {
    let apart = |it: &Community| (it.longitude - of.longitude).abs().max((it.latitude - of.latitude).abs());
    let nearest = all.iter().filter(|it| it.code != of.code).map(apart).fold(0.01, f64::min);
    let mut half = nearest / 2.0;
    let corners = [(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)];
    while half > 1e-5 && !corners.iter().all(|it| is_inside(of.longitude + it.0 * half, of.latitude + it.1 * half)) {
        half *= 0.9;
    }
    half
}

/// Whether a position lies in [`INSIDE`]: a ray to the east crosses its sides an odd number of times.
pub fn is_inside(longitude: f64, latitude: f64) -> bool {
    let mut inside = false;
    for (at, (x1, y1)) in INSIDE.iter().enumerate() {
        let (x2, y2) = INSIDE[(at + 1) % INSIDE.len()];
        if (*y1 > latitude) != (y2 > latitude) && longitude < (x2 - x1) * (latitude - y1) / (y2 - y1) + x1 {
            inside = !inside;
        }
    }
    inside
}

/// Columns of a CSV file by their titles.
fn rows<const N: usize>(text: &str, columns: [&str; N]) -> Result<Vec<[String; N]>, String> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|it| it.to_string())?.clone();
    let places = columns.map(|name| headers.iter().position(|it| it == name));
    let record = |it: Result<csv::StringRecord, csv::Error>| {
        let it = it.map_err(|it| it.to_string())?;
        Ok(places.map(|at| at.and_then(|at| it.get(at)).unwrap_or_default().to_owned()))
    };
    reader.records().map(record).collect()
}
