//! The roster at a glance: how many, and what would go wrong tonight if it were called.

use std::collections::{BTreeMap, BTreeSet};

use anlan_kernel::{Problem, Tier};
use anlan_store::{StoreError, Tx, params};
use serde::Serialize;

use crate::{
    check,
    import::Prepared,
    model::{Person, Post, Region},
};

/// One thing to look at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Note {
    /// Row of the sheet; of a region, none.
    pub row: Option<usize>,
    /// The person, or the region.
    pub who: String,
    /// Where.
    pub place: String,
    /// What.
    #[serde(flatten)]
    pub problem: Problem,
}

/// How many of everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Glance {
    /// People.
    pub people: usize,
    /// Their posts.
    pub posts: usize,
    /// Streets somebody is responsible for, or for a part of which.
    pub streets: usize,
    /// Communities somebody is responsible for.
    pub communities: usize,
    /// Their units.
    pub units: usize,
    /// Regions that are made.
    pub new_regions: usize,
    /// Units that are made.
    pub new_units: usize,
    /// Records that would be new, changed, and as they are; `None`: all are new.
    pub counted: Option<[usize; 3]>,
    /// Posts of the same units that stand in no row; they stay.
    pub missing: usize,
    /// What to look at, by kind: `no_number`, `bad_number`, `shared_number`, `no_deputy`, `nobody`, `number_changed`.
    pub notes: BTreeMap<String, Vec<Note>>,
}

/// Looks at what would be written.
pub(crate) fn of(
    tx: &mut Tx<'_>,
    prepared: &Prepared,
    regions: &[Region],
    counted: Option<[usize; 3]>,
) -> Result<Glance, StoreError> {
    use crate::import::Entry;
    let people: BTreeMap<&str, &Person> = prepared.posts().map(|it| (it.0.id.as_str(), it.0)).collect();
    let posts: Vec<&Post> = prepared.posts().map(|it| it.1).collect();
    let of_length = |tier: Tier, part: fn(&Post) -> Option<String>| {
        posts.iter().filter(|it| it.region.tier() >= tier).filter_map(|it| part(it)).collect::<BTreeSet<_>>().len()
    };
    let count = |which: fn(&Entry) -> bool| prepared.entries.iter().filter(|it| which(it)).count();
    let mut glance = Glance {
        people: people.len(),
        posts: posts.len(),
        streets: of_length(Tier::Street, |it| it.region.street().map(|it| it.to_string())),
        communities: of_length(Tier::Community, |it| Some(it.region.to_string())),
        units: posts.iter().map(|it| it.organisation.as_str()).collect::<BTreeSet<_>>().len(),
        new_regions: count(|it| matches!(it, Entry::Region(_))),
        new_units: count(|it| matches!(it, Entry::Organisation(_))),
        counted,
        missing: prepared.missing,
        notes: BTreeMap::new(),
    };
    let names: BTreeMap<&str, &str> = regions.iter().map(|it| (it.code.as_str(), it.name.as_str())).collect();
    numbers(&mut glance, prepared, &people);
    duties(tx, &mut glance, prepared, &people, regions, &names)?;
    Ok(glance)
}

fn numbers(glance: &mut Glance, prepared: &Prepared, people: &BTreeMap<&str, &Person>) {
    for (person, problem) in &prepared.notes {
        let who = people.get(person.as_str()).and_then(|it| it.name.clone()).unwrap_or_default();
        let note = Note { row: problem.place.row, who, place: String::new(), problem: problem.clone() };
        glance.notes.entry(problem.code.clone()).or_default().push(note);
    }
}

/// Leads without a deputy and regions without anybody, with whoever stands in the register already.
fn duties(
    tx: &mut Tx<'_>,
    glance: &mut Glance,
    prepared: &Prepared,
    people: &BTreeMap<&str, &Person>,
    regions: &[Region],
    names: &BTreeMap<&str, &str>,
) -> Result<(), StoreError> {
    let now = tx.now();
    let standing: Vec<Post> = tx.find("valid_until IS NULL OR valid_until > $1", "ORDER BY id", params![now])?;
    let mut posts: BTreeMap<String, Post> = standing.into_iter().map(|it| (it.id.clone(), it)).collect();
    posts.extend(prepared.posts().map(|(_, it)| (it.id.clone(), it.clone())));
    let posts: Vec<Post> = posts.into_values().collect();
    let found = check::deputies(&posts).into_iter().chain(check::nobody(regions, &posts));
    for it in found {
        let id = it.person.as_deref();
        let row = id.and_then(|it| prepared.first_rows.get(it)).copied();
        // Of the sheet, or about a region.
        if id.is_some() && row.is_none() {
            continue;
        }
        let who = id.and_then(|it| people.get(it)).and_then(|it| it.name.clone()).unwrap_or_default();
        let place = names.get(it.region.as_str()).copied().unwrap_or_default().to_owned();
        let problem = Problem::new(it.kind, it.message.zh, it.message.en);
        glance.notes.entry(it.kind.to_owned()).or_default().push(Note { row, who, place, problem });
    }
    Ok(())
}
