//! 号码核查: what would go wrong tonight if this roster were called.

use std::collections::{BTreeMap, BTreeSet};

use anlan_kernel::{Actor, RegionCode, Text, Tier};
use anlan_store::{StoreError, Tx, World, params};
use serde::Serialize;

use crate::{
    model::{Person, Post, Rank, Region, Shift, masked_name},
    phone,
    store::person_erased,
};

/// One thing to mend.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// `no_number`, `bad_number`, `shared_number`, `no_deputy`, `nobody`, `not_in_register`.
    pub kind: &'static str,
    /// Where.
    pub region: RegionCode,
    /// Who, masked; empty for a region.
    pub who: String,
    /// The person's id, where it is about one.
    pub person: Option<String>,
    /// For people.
    pub message: Text,
}

/// Looks at every person, post and region in the actor's duty areas.
///
/// # Errors
/// What the store says.
pub async fn run(world: &World, actor: &Actor) -> Result<Vec<Finding>, StoreError> {
    world.read(actor, findings).await
}

/// What is wrong with the numbers of these people, each by itself and among them.
pub(crate) fn of_numbers(people: &[Person]) -> Vec<Finding> {
    let mut found = numbers(people);
    found.extend(shared(people));
    found
}

fn findings(tx: &mut Tx<'_>) -> Result<Vec<Finding>, StoreError> {
    let people = tx.find::<Person>("erased_at IS NULL", "ORDER BY id", &[])?;
    let now = tx.now();
    let posts = tx.find::<Post>(
        "(valid_from IS NULL OR valid_from <= $1) AND (valid_until IS NULL OR valid_until > $1)",
        "ORDER BY region, id",
        params![now],
    )?;
    let erased = person_erased(tx)?;
    let posts: Vec<_> = posts.into_iter().filter(|it| !erased.contains(&it.person)).collect();
    let regions = tx.find::<Region>("1 = 1", "ORDER BY code", &[])?;
    let shifts = tx.find::<Shift>("person IS NULL", "ORDER BY id", &[])?;
    let scope = tx.actor().scope.clone();
    let mut found = of_numbers(&people);
    found.extend(deputies(&posts));
    let regions: Vec<_> = regions.into_iter().filter(|it| scope.covers(&it.code)).collect();
    found.extend(nobody(&regions, &posts));
    found.extend(shifts.iter().map(|it| Finding {
        kind: "not_in_register",
        region: it.region.clone(),
        who: it.name.as_deref().map(masked_name).unwrap_or_default(),
        person: None,
        message: Text::new(
            "值班表上的人不在名册中，叫应不到",
            "on the duty roster but not in the register: cannot be called",
        ),
    }));
    Ok(found)
}

fn about(kind: &'static str, person: &Person, zh: &str, en: &str) -> Finding {
    Finding {
        kind,
        region: person.region.clone(),
        who: person.name.as_deref().map(masked_name).unwrap_or_default(),
        person: Some(person.id.clone()),
        message: Text::new(zh, en),
    }
}

fn numbers(people: &[Person]) -> Vec<Finding> {
    let mut found = Vec::new();
    for person in people {
        let given: Vec<&str> = [&person.phone, &person.spare].into_iter().flatten().map(String::as_str).collect();
        if given.is_empty() {
            found.push(about("no_number", person, "没有任何号码", "has no number"));
        }
        for _ in given.iter().filter(|it| !phone::is_usable(it)) {
            found.push(about("bad_number", person, "号码不能拨打", "has a number that cannot be dialled"));
        }
    }
    found
}

fn shared(people: &[Person]) -> Vec<Finding> {
    let mut owners: BTreeMap<&str, Vec<&Person>> = BTreeMap::new();
    for person in people {
        let numbers: BTreeSet<&str> =
            [&person.phone, &person.spare].into_iter().flatten().map(String::as_str).collect();
        for number in numbers.into_iter().filter(|it| phone::is_usable(it)) {
            owners.entry(number).or_default().push(person);
        }
    }
    let several = owners.into_values().filter(|it| it.len() > 1).flatten();
    several.map(|it| about("shared_number", it, "与他人共用一个号码", "shares a number with others")).collect()
}

pub(crate) fn deputies(posts: &[Post]) -> Vec<Finding> {
    let deputy = |lead: &&Post| {
        posts.iter().any(|it| {
            it.region == lead.region && it.duty == lead.duty && matches!(it.rank, Rank::DeputyA | Rank::DeputyB)
        })
    };
    let alone = posts.iter().filter(|it| it.rank == Rank::Lead).filter(|it| !deputy(it));
    alone
        .map(|it| Finding {
            kind: "no_deputy",
            region: it.region.clone(),
            who: String::new(),
            person: Some(it.person.clone()),
            message: Text::new("主责没有副手", "the lead has no deputy"),
        })
        .collect()
}

pub(crate) fn nobody(regions: &[Region], posts: &[Post]) -> Vec<Finding> {
    let manned: BTreeSet<&str> = posts.iter().map(|it| it.region.as_str()).collect();
    let empty = regions.iter().filter(|it| it.code.tier() != Tier::District && !manned.contains(it.code.as_str()));
    empty
        .map(|it| Finding {
            kind: "nobody",
            region: it.code.clone(),
            who: String::new(),
            person: None,
            message: Text::new(format!("{}无人负责", it.name), format!("nobody is responsible for {}", it.name)),
        })
        .collect()
}
