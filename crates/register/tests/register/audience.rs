//! Who is called, in which order, with which duties.

use std::time::Duration;

use anlan_kernel::Instant;
use anlan_register::{Callee, Person, Post, Rank, Role, Who, audience, callee, callee_title, number_of, superiors};
use anlan_testbed::{Engine, NOON};
use rstest::rstest;

use crate::bed::{Bed, DISTRICT, OTHER, STREET, code, person, post, region, room, shift, system};

const COMMUNITY: &str = "440303001001";
const FLOOD: &str = "防汛责任人";
const FIRE: &str = "森林防火责任人";
const ALL: [Who; 5] = [Who::DutyRoom, Who::OnDuty, Who::District, Who::Street, Who::Community];

fn hours(count: u64) -> Duration {
    Duration::from_secs(3_600 * count)
}

async fn bed(engine: Engine) -> Bed {
    let bed = Bed::new(engine);
    bed.write(|tx| {
        for (of, name) in [(DISTRICT, "罗湖区"), (STREET, "桂园街道"), (OTHER, "黄贝街道"), (COMMUNITY, "老围社区")]
        {
            tx.put(&region(of, name))?;
        }
        tx.put(&room("bureau", DISTRICT, "district_bureau", Some("15400000900")))?;
        tx.put(&room("street-1", STREET, "street", Some("15400000901")))?;
        tx.put(&room("street-2", OTHER, "street", None))?;
        for (id, of) in [
            ("boss", DISTRICT),
            ("officer", DISTRICT),
            ("tomorrow", DISTRICT),
            ("first", STREET),
            ("a", STREET),
            ("b", STREET),
            ("member", STREET),
            ("east", OTHER),
            ("community", COMMUNITY),
        ] {
            tx.put(&person(id, of, Some(&format!("1540000{:04}", id.len() * 100 + of.len()))))?;
        }
        tx.put(&post("boss", DISTRICT, Rank::Lead, FLOOD))?;
        tx.put(&post("member", STREET, Rank::Member, FLOOD))?;
        tx.put(&post("b", STREET, Rank::DeputyB, FLOOD))?;
        tx.put(&post("first", STREET, Rank::Lead, FLOOD))?;
        tx.put(&post("a", STREET, Rank::DeputyA, FLOOD))?;
        tx.put(&post("a", STREET, Rank::Lead, FIRE))?;
        tx.put(&post("a", COMMUNITY, Rank::Member, FLOOD))?;
        tx.put(&post("community", COMMUNITY, Rank::Lead, FLOOD))?;
        tx.put(&post("east", OTHER, Rank::Lead, FLOOD))?;
        tx.put(&shift("officer", "bureau", DISTRICT, Role::First, NOON.minus(hours(3)), NOON.plus(hours(21))))?;
        tx.put(&shift("boss", "bureau", DISTRICT, Role::Leader, NOON.minus(hours(3)), NOON.plus(hours(21))))?;
        tx.put(&shift("tomorrow", "bureau", DISTRICT, Role::Leader, NOON.plus(hours(21)), NOON.plus(hours(45))))
    })
    .await;
    bed
}

async fn called(bed: &Bed, areas: &[&str], who: &[Who], now: Instant) -> Vec<Callee> {
    let (areas, who): (Vec<_>, Vec<_>) = (areas.iter().map(|it| code(it)).collect(), who.to_vec());
    bed.read(&system(), move |tx| audience(tx, &areas, &who, now)).await
}

fn names(callees: &[Callee]) -> Vec<&str> {
    callees.iter().map(|it| it.id.rsplit(':').next().unwrap()).collect()
}

#[rstest]
#[tokio::test]
async fn everybody_is_called_once_with_all_duties_in_calling_order(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = bed(engine).await;
    let callees = called(&bed, &[STREET], &ALL, NOON).await;
    let mut sorted = names(&callees);
    assert_eq!(sorted, ["bureau", "street-1", "boss", "officer", "a", "first", "community", "b", "member"]);
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), callees.len(), "each once");
    let duties = |name: &str| {
        let found = callees.iter().find(|it| it.id.ends_with(&format!(":{name}"))).unwrap();
        let mut duties: Vec<_> = found.duties.iter().map(|it| (it.duty.clone(), it.region_name.clone())).collect();
        duties.sort();
        duties
    };
    let own = |list: &[(&str, &str)]| list.iter().map(|it| (it.0.to_owned(), it.1.to_owned())).collect::<Vec<_>>();
    assert_eq!(duties("a"), own(&[(FIRE, "桂园街道"), (FLOOD, "桂园街道"), (FLOOD, "老围社区")]));
    assert_eq!(duties("boss"), own(&[("值班带班领导", "罗湖区"), (FLOOD, "罗湖区")]));
    let first = callees.iter().find(|it| it.id == "person:first").unwrap();
    assert_eq!(
        (first.rank.as_str(), first.deputies.as_slice()),
        ("lead", ["person:a".to_owned(), "person:b".into()].as_slice())
    );
}

#[rstest]
#[tokio::test]
async fn an_audience_is_narrowed_by_place_and_level(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = bed(engine).await;
    for (areas, who, wanted) in [
        (&[STREET][..], &[Who::Street][..], &["first", "a", "b", "member"][..]),
        (&[COMMUNITY], &[Who::Community], &["community", "a"]),
        (&[STREET], &[Who::DutyRoom], &["bureau", "street-1"]),
        (&[DISTRICT], &[Who::DutyRoom], &["bureau", "street-1", "street-2"]),
        (&[STREET], &[Who::OnDuty], &["boss", "officer"]),
        (&[OTHER], &[Who::Street], &["east"]),
        (&[STREET, OTHER], &[Who::Street, Who::District], &["boss", "a", "first", "east", "b", "member"]),
        (&["440304"], &ALL, &[]),
        (&[], &ALL, &[]),
    ] {
        let callees = called(&bed, areas, who, NOON).await;
        let (mut found, mut wanted) = (names(&callees), wanted.to_vec());
        found.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "{areas:?} {who:?}");
    }
    let rooms = called(&bed, &[OTHER], &[Who::DutyRoom], NOON).await;
    let without = rooms.iter().find(|it| it.id == "room:street-2").unwrap();
    assert_eq!(without.usable_numbers, 0, "a room without a number is called in vain, and that is said");
}

#[rstest]
#[tokio::test]
async fn a_post_counts_from_its_first_moment_to_its_last(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = bed(engine).await;
    bed.write(|tx| {
        let east = post("east", OTHER, Rank::Lead, FLOOD);
        tx.put(&Post { valid_from: Some(NOON), valid_until: Some(NOON.plus(hours(1))), ..east })
    })
    .await;
    for (at, there) in [
        (NOON.minus(Duration::from_micros(1)), false),
        (NOON, true),
        (NOON.plus(hours(1)).minus(Duration::from_micros(1)), true),
        (NOON.plus(hours(1)), false),
    ] {
        assert_eq!(!called(&bed, &[OTHER], &[Who::Street], at).await.is_empty(), there, "{at}");
    }
}

#[rstest]
#[tokio::test]
async fn the_officers_of_the_shift_that_is_on_are_called(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = bed(engine).await;
    let change = NOON.plus(hours(21));
    let before = called(&bed, &[DISTRICT], &[Who::OnDuty], change.minus(Duration::from_micros(1))).await;
    assert_eq!(names(&before), ["boss", "officer"]);
    assert_eq!(before[0].deputies, ["person:officer"], "the next officer of the shift steps in");
    assert_eq!(names(&called(&bed, &[DISTRICT], &[Who::OnDuty], change).await), ["tomorrow"]);
}

#[rstest]
#[tokio::test]
async fn one_level_up_is_called_over_those_who_do_not_answer(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = bed(engine).await;
    for (of, wanted) in [
        (COMMUNITY, &["a", "first", "b", "street-1"][..]),
        (STREET, &["boss", "officer", "bureau"]),
        (DISTRICT, &["boss", "officer", "bureau"]),
    ] {
        let found = bed.read(&system(), move |tx| superiors(tx, &code(of), NOON)).await;
        assert_eq!(names(&found).last(), wanted.last(), "the room is last: {of}");
        let (mut found, mut wanted) = (names(&found), wanted.to_vec());
        found.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "{of}");
    }
}

#[rstest]
#[tokio::test]
async fn a_callee_is_found_again_with_title_and_numbers(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = bed(engine).await;
    bed.write(|tx| {
        let spare = Some("待补".to_owned());
        tx.put(&Person { spare, ..person("first", STREET, Some("15400000077")) })
    })
    .await;
    let found = bed.read(&system(), |tx| callee(tx, "person:first")).await.unwrap();
    assert_eq!((found.usable_numbers, found.deputies.len()), (1, 2));
    let title = bed.read(&system(), |tx| callee_title(tx, "person:first")).await.unwrap();
    assert_eq!((title.name.as_str(), title.title.as_str()), ("人员first", "负责人"));
    let numbers =
        bed.read(&system(), |tx| Ok([number_of(tx, "person:first", 0)?, number_of(tx, "person:first", 1)?])).await;
    assert_eq!(numbers, [Some("15400000077".to_owned()), None], "words are no number");
    let room = bed.read(&system(), |tx| number_of(tx, "room:street-1", 0)).await;
    assert_eq!(room.as_deref(), Some("15400000901"));
    let nobody = bed.read(&system(), |tx| Ok((callee(tx, "person:none")?, callee(tx, "room:none")?))).await;
    assert_eq!(nobody, (None, None));
}
