//! Rules of packs, and what becomes of them once somebody edited them.
//!
//! The words of a pack judge until somebody edits them. An edit stays, restart or not, also when the pack
//! changes: the new words of the pack are then written down once (`rules.kept`), so that whoever edits next
//! knows, and `doctor` says so until they have.

use std::collections::BTreeMap;

use anlan_kernel::Actor;
use anlan_monitor::{RuleSet, RulesError, store};
use anlan_store::{Event, StoreError, Tx, Urgency, hex, journal};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::{house::House, packs::Pack};

/// Who sets rules when nobody does.
const PACKS: &str = "packs";
const KEPT: &str = "rules.kept";

/// Puts the rules of packs in force: those that are new, and those whose pack changed while nobody had
/// edited them.
///
/// # Errors
/// What the store says; a refusal when the rules of a pack are wrong.
pub async fn use_packs(house: &House, packs: &BTreeMap<String, Pack>) -> Result<(), StoreError> {
    let by = Actor::system(PACKS);
    for pack in packs.values() {
        let Some(rules) = pack.file("rules.toml") else { continue };
        let (source, name, shipped) = (pack.id.clone(), pack.name(), rules.to_owned());
        let keep = house.world.write("rules.look", Urgency::Urgent, &by, move |tx| {
            let history = store::rule_set_history(tx, &source)?;
            stays(tx, &history, &shipped, &name)
        });
        if keep.await? {
            continue;
        }
        house.monitor.set_rules(&by, &pack.id, rules).await.map_err(|it| match it {
            RulesError::Store(error) => error,
            RulesError::Wrong(mut problems) => match problems.pop() {
                Some(problem) => StoreError::Refused(problem),
                None => StoreError::Shape(format!("the rules of {} are wrong", pack.name())),
            },
        })?;
    }
    Ok(())
}

/// Whether what judges now goes on although the pack says `shipped`.
fn stays(tx: &mut Tx<'_>, history: &[RuleSet], shipped: &str, pack: &str) -> Result<bool, StoreError> {
    let Some(active) = history.iter().find(|it| it.active) else { return Ok(false) };
    if active.toml == shipped {
        return Ok(true);
    }
    let known = last_known(tx, history)?;
    let edited = active.set_by != Actor::system(PACKS).name && known.as_deref() != Some(&digest(&active.toml));
    if !edited {
        return Ok(false);
    }
    if known.as_deref() != Some(&digest(shipped)) {
        tracing::warn!(rules = active.id, pack, "the pack changed its rules; those that were edited here stay");
        tx.record(Event::new(KEPT, &active.id).pack(pack).detail(json!({"sha256": digest(shipped)})))?;
    }
    Ok(true)
}

/// Digest of the words of the pack as they were when somebody last could know them.
fn last_known(tx: &mut Tx<'_>, history: &[RuleSet]) -> Result<Option<String>, StoreError> {
    for set in history {
        if let Some(entry) = kept(tx, set)? {
            let body: Json = serde_json::from_str(&entry.body)?;
            return Ok(body["detail"]["sha256"].as_str().map(str::to_owned));
        }
        if set.set_by == Actor::system(PACKS).name {
            return Ok(Some(digest(&set.toml)));
        }
    }
    Ok(None)
}

fn kept(tx: &mut Tx<'_>, set: &RuleSet) -> Result<Option<journal::Entry>, StoreError> {
    Ok(journal::of_subject(tx, &set.id)?.into_iter().rfind(|it| it.event == KEPT))
}

fn digest(text: &str) -> String {
    hex(&Sha256::digest(text))
}

/// Sources whose pack changed after somebody edited them, each with that pack.
///
/// # Errors
/// What the store says.
pub fn behind(tx: &mut Tx<'_>) -> Result<Vec<(String, String)>, StoreError> {
    let mut found = Vec::new();
    for set in store::rule_set_active(tx)? {
        if let Some(entry) = kept(tx, &set)? {
            found.push((set.source, entry.pack.unwrap_or_default()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use anlan_store::Clock;
    use anlan_testbed::{Caller, Engine, NOON, TestWorld};
    use rstest::rstest;

    use super::*;
    use crate::{house::HouseConfig, install::MODULES};

    fn rules(grade: u8) -> String {
        format!(
            "[[rule]]\nid = \"wind\"\ntitle = {{ zh = \"大风\", en = \"Wind\" }}\nquantity = \"wind_speed\"\n\
             clear_after = \"1h\"\n[[rule.level]]\ngrade = {grade}\nwhen = \"last(10m) >= 10\"\n"
        )
    }

    /// The program starts with a pack of these words; what judges then, who set it, and what is behind.
    async fn start(world: &TestWorld, shipped: &str) -> (String, String, Vec<(String, String)>) {
        let pack = Pack::made("wind", &anlan_kernel::Text::new("大风", "Wind"), [("rules.toml", shipped.to_owned())]);
        let packs = [("wind".to_owned(), pack)].into();
        House::open((**world).clone(), HouseConfig { packs, ..HouseConfig::default() }).await.expect("it opens");
        let look = |tx: &mut Tx<'_>| Ok((store::rule_set_active(tx)?, behind(tx)?));
        let (active, behind) = world.read(&Actor::system("test"), look).await.expect("the rules");
        assert_eq!(active.len(), 1, "{active:?}");
        (active[0].toml.clone(), active[0].set_by.clone(), behind)
    }

    /// Somebody edits the rules over HTTP.
    async fn edit(world: &TestWorld, toml: &str, who: &str) -> String {
        let house = House::open((**world).clone(), HouseConfig::default()).await.expect("it opens");
        let caller = Caller::officer(&house.routes().router, world, "system_admin", who).await;
        let done = caller.put("/api/v1/rules/wind", toml.to_owned()).await;
        assert_eq!(done.status, 200, "{}", done.text());
        format!("user:system-admin-{who}")
    }

    #[rstest]
    #[tokio::test]
    async fn an_edit_outlives_restarts_and_new_packs_and_doctor_hears_of_those(
        #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    ) {
        // Installed once by whichever test comes first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let world = anlan_testbed::world(engine, Clock::driven(NOON), MODULES);
        let packs = Actor::system(PACKS).name;
        let behind = vec![("wind".to_owned(), "wind@1".to_owned())];

        assert_eq!(start(&world, &rules(4)).await, (rules(4), packs.clone(), vec![]));
        assert_eq!(start(&world, &rules(3)).await, (rules(3), packs.clone(), vec![]), "nobody edited: the pack leads");
        let by = edit(&world, &rules(1), "440303").await;
        for again in 1..=2 {
            assert_eq!(start(&world, &rules(3)).await, (rules(1), by.clone(), vec![]), "restart {again}");
        }
        for again in 1..=2 {
            assert_eq!(
                start(&world, &rules(2)).await,
                (rules(1), by.clone(), behind.clone()),
                "new pack, start {again}"
            );
        }
        let by = edit(&world, &rules(1), "440304").await;
        assert_eq!(start(&world, &rules(2)).await, (rules(1), by.clone(), vec![]), "they looked, and kept theirs");
        let by = edit(&world, &rules(2), "440305").await;
        assert_eq!(start(&world, &rules(2)).await, (rules(2), by, vec![]));
        assert_eq!(start(&world, &rules(4)).await, (rules(4), packs, vec![]), "words of the pack are no edit");
    }
}
