//! 号码核查: what would go wrong tonight.

use std::time::Duration;

use anlan_register::{Person, Post, Rank, check};
use anlan_testbed::{Engine, NOON};
use rstest::rstest;

use crate::bed::{Bed, DISTRICT, STREET, person, post, region, system};

const COMMUNITY: &str = "440303001001";

async fn bed(engine: Engine) -> Bed {
    let bed = Bed::new(engine);
    bed.write(|tx| {
        tx.put(&region(DISTRICT, "罗湖区"))?;
        tx.put(&region(STREET, "桂园街道"))?;
        tx.put(&region(COMMUNITY, "老围社区"))?;
        tx.put(&person("lead", STREET, Some("15400000001")))?;
        tx.put(&person("deputy", STREET, Some("15400000002")))?;
        tx.put(&person("community", COMMUNITY, Some("15400000003")))?;
        tx.put(&post("lead", STREET, Rank::Lead, "防汛责任人"))?;
        tx.put(&post("deputy", STREET, Rank::DeputyA, "防汛责任人"))?;
        tx.put(&post("community", COMMUNITY, Rank::Member, "防汛责任人"))
    })
    .await;
    bed
}

async fn kinds(bed: &Bed) -> Vec<&'static str> {
    check::run(&bed.world, &system()).await.unwrap().into_iter().map(|it| it.kind).collect()
}

#[rstest]
#[tokio::test]
async fn a_roster_without_faults_has_no_findings(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    assert_eq!(kinds(&bed(engine).await).await, [] as [&str; 0]);
}

#[rstest]
#[tokio::test]
async fn a_post_that_is_over_or_not_yet_begun_mans_no_place(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values(true, false)] over: bool,
) {
    let bed = bed(engine).await;
    let hour = Duration::from_secs(3_600);
    bed.write(move |tx| {
        let (deputy, member) = (
            post("deputy", STREET, Rank::DeputyA, "防汛责任人"),
            post("community", COMMUNITY, Rank::Member, "防汛责任人"),
        );
        for it in [deputy, member] {
            let (from, until) = if over { (None, Some(NOON)) } else { (Some(NOON.plus(hour)), None) };
            tx.put(&Post { valid_from: from, valid_until: until, ..it })?;
        }
        Ok(())
    })
    .await;
    assert_eq!(kinds(&bed).await, ["no_deputy", "nobody"]);
}

#[rstest]
#[tokio::test]
async fn a_place_whose_only_person_was_erased_has_nobody(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = bed(engine).await;
    bed.write(|tx| {
        anlan_register::erase(tx, &anlan_register::Hooks::default(), "person:community")?;
        anlan_register::erase(tx, &anlan_register::Hooks::default(), "person:deputy").map(drop)
    })
    .await;
    assert_eq!(kinds(&bed).await, ["no_deputy", "nobody"]);
}

#[rstest]
#[tokio::test]
async fn one_person_with_one_number_twice_shares_it_with_nobody(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = bed(engine).await;
    bed.write(|tx| {
        let twice = Some("15400000001".to_owned());
        tx.put(&Person { spare: twice.clone(), ..person("lead", STREET, twice.as_deref()) })
    })
    .await;
    assert_eq!(kinds(&bed).await, [] as [&str; 0]);
    bed.write(|tx| tx.put(&person("deputy", STREET, Some("15400000001")))).await;
    assert_eq!(kinds(&bed).await, ["shared_number", "shared_number"]);
}
