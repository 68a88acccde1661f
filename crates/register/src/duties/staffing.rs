//! 配备标准与缺口: what each unit has against what it has to have.

use std::collections::{BTreeMap, BTreeSet};

use anlan_kernel::{Lang, RegionCode, Tier};
use anlan_store::{StoreError, Tx};
use serde::Serialize;

use super::{
    directory::{self, Line, Wanted},
    standards::{Counts, Standard, Standards},
};
use crate::{
    model::{Rank, Region},
    records::{Record, write::day_of},
};

/// A unit against a standard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unit {
    /// The region.
    pub region: RegionCode,
    /// Its name.
    pub name: String,
    /// How many there are.
    pub has: i64,
    /// How many are missing.
    pub lacks: i64,
    /// Whether the A 岗 is missing.
    pub no_lead: bool,
    /// Whether the B 岗 is missing.
    pub no_deputy: bool,
    /// Who is counted: ids of people, or of records.
    #[serde(skip)]
    pub who: Vec<String>,
}

impl Unit {
    /// Whether it has all it has to have.
    pub fn is_met(&self) -> bool {
        self.lacks == 0 && !self.no_lead && !self.no_deputy
    }

    /// What is missing, in words; empty where nothing is.
    pub fn missing(&self, lang: Lang) -> String {
        let mut words = Vec::new();
        if self.lacks > 0 {
            words.push(match lang {
                Lang::Zh => format!("缺 {} 人", self.lacks),
                Lang::En => format!("{} missing", self.lacks),
            });
        }
        if self.no_lead {
            words.push(lang.pick("缺 A 岗", "no A post").to_owned());
        }
        if self.no_deputy {
            words.push(lang.pick("缺 B 岗", "no B post").to_owned());
        }
        words.join(lang.pick("、", ", "))
    }
}

/// A standard in one street, or in the district for its own.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// Units there.
    pub units: usize,
    /// Those that have what they have to have.
    pub met: usize,
    /// How many people there are in all.
    pub has: i64,
    /// How many are missing in all.
    pub lacks: i64,
    /// What is missing, where it is one unit.
    #[serde(skip)]
    pub only: Option<Unit>,
}

/// Every street against every standard.
#[derive(Clone, Debug)]
pub struct Table {
    /// A street or the district, its name, and a cell for each standard; `None` where it has no unit of that level.
    pub rows: Vec<(RegionCode, String, Vec<Option<Cell>>)>,
}

/// Every unit of a standard's level, those inside `inside` only, by code.
///
/// # Errors
/// What the engine says.
pub fn units(tx: &mut Tx<'_>, standard: &Standard, inside: Option<&RegionCode>) -> Result<Vec<Unit>, StoreError> {
    let mut regions = directory::regions(tx)?;
    regions.retain(|it| it.code.tier() == standard.level && inside.is_none_or(|region| region.covers(&it.code)));
    match &standard.counts {
        Counts::Posts(words) => {
            let lines = directory::lines(tx, &Wanted { region: inside.cloned(), ..Wanted::default() })?;
            Ok(of_posts(standard, words, &regions, &lines))
        }
        Counts::Records { kind, field, condition } => {
            let today = day_of(tx.now());
            let records = tx.find::<Record>("kind = $1", "ORDER BY id", anlan_store::params![kind.as_str()])?;
            let counted: Vec<_> = records
                .iter()
                .filter(|it| condition.as_ref().is_none_or(|when| when.evaluate(&|id| it.value(id), today).holds()))
                .map(|it| (it, it.value(field).and_then(serde_json::Value::as_f64).unwrap_or_default()))
                .collect();
            Ok(of_records(standard, &regions, &counted))
        }
    }
}

fn of_posts(standard: &Standard, words: &[String], regions: &[Region], lines: &[Line]) -> Vec<Unit> {
    let meant =
        |it: &&Line| words.iter().any(|word| it.duty.contains(word.as_str()) || it.title.contains(word.as_str()));
    let mut there = BTreeMap::<&str, Vec<&Line>>::new();
    for it in lines.iter().filter(meant) {
        there.entry(it.region.as_str()).or_default().push(it);
    }
    let unit = |region: &Region| {
        let own = there.get(region.code.as_str()).map(Vec::as_slice).unwrap_or_default();
        let people: BTreeSet<&str> = own.iter().map(|it| it.person.as_str()).collect();
        let leads: BTreeSet<&str> =
            own.iter().filter(|it| it.rank == Rank::Lead).map(|it| it.person.as_str()).collect();
        // One person is not both.
        let deputies = own.iter().filter(|it| it.rank != Rank::Lead && !leads.contains(it.person.as_str())).count();
        let has = people.len() as i64;
        Unit {
            region: region.code.clone(),
            name: region.name.clone(),
            has,
            lacks: (standard.least - has).max(0),
            no_lead: standard.both && leads.is_empty(),
            no_deputy: standard.both && deputies == 0,
            who: people.into_iter().map(str::to_owned).collect(),
        }
    };
    regions.iter().map(unit).collect()
}

fn of_records(standard: &Standard, regions: &[Region], counted: &[(&Record, f64)]) -> Vec<Unit> {
    let unit = |region: &Region| {
        let own: Vec<_> = counted.iter().filter(|it| region.code.covers(&it.0.region)).collect();
        let has = own.iter().map(|it| it.1).sum::<f64>() as i64;
        Unit {
            region: region.code.clone(),
            name: region.name.clone(),
            has,
            lacks: (standard.least - has).max(0),
            no_lead: false,
            no_deputy: false,
            who: own.iter().map(|it| it.0.id.clone()).collect(),
        }
    };
    regions.iter().map(unit).collect()
}

/// The whole table.
///
/// # Errors
/// What the engine says.
pub fn table(tx: &mut Tx<'_>, standards: &Standards) -> Result<Table, StoreError> {
    let regions = directory::regions(tx)?;
    let rows = regions.into_iter().filter(|it| it.code.tier() != Tier::Community);
    let mut rows: Vec<_> = rows.map(|it| (it.code, it.name, Vec::new())).collect();
    for standard in &standards.staffing {
        let units = units(tx, standard, None)?;
        for (region, _, cells) in &mut rows {
            let belongs = |it: &&Unit| match region.tier() {
                Tier::District => it.region == *region,
                _ => region.covers(&it.region),
            };
            let own: Vec<&Unit> = units.iter().filter(belongs).collect();
            cells.push((!own.is_empty()).then(|| cell(&own)));
        }
    }
    Ok(Table { rows })
}

fn cell(units: &[&Unit]) -> Cell {
    let only = match units {
        [one] => Some((*one).clone()),
        _ => None,
    };
    Cell {
        units: units.len(),
        met: units.iter().filter(|it| it.is_met()).count(),
        has: units.iter().map(|it| it.has).sum(),
        lacks: units.iter().map(|it| it.lacks).sum(),
        only,
    }
}
