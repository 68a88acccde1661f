//! The roster: what is missing ahead, who may stand where, and two officers changing places.

use std::{sync::Arc, time::Duration};

use anlan_kernel::{Actor, RegionCode, Scope, Tier};
use anlan_register::{
    Organisation, Person, Post, Rank, Role, Roster, Shift,
    shifts::{self, Assignment, Gap},
};
use anlan_store::{Event, StoreError, Tx, Urgency};
use anlan_testbed::{NOON, TestWorld, worlds};

const HOUR: Duration = Duration::from_secs(3_600);

fn code() -> RegionCode {
    RegionCode::parse("440303").unwrap()
}

fn keeper() -> Actor {
    Actor { name: "user:keeper".into(), hat: None, scope: Scope::Regions(vec![code()]) }
}

fn roster(level: Option<u8>) -> Roster {
    let usual = [Role::Leader, Role::First];
    Roster {
        holidays: Arc::default(),
        needed: Arc::new(move |level| usual.into_iter().chain(level.map(|_| Role::Standby)).collect()),
        level: Arc::new(move |_| Ok(level)),
    }
}

/// A day's shifts from 08:30: the first officer and the leader, for `days` days.
fn office(tx: &mut Tx<'_>, days: u32) -> Result<(), StoreError> {
    tx.put(&Organisation {
        id: "bureau".into(),
        name: "应急管理局".into(),
        region: code(),
        kind: "district_bureau".into(),
        hats: Vec::new(),
        duty_room_name: None,
        duty_room_phone: None,
        note: None,
    })?;
    for name in ["a", "b", "c", "d"] {
        let id = format!("person:{name}");
        tx.put(&Person {
            id: id.clone(),
            region: code(),
            name: Some(name.into()),
            phone: None,
            spare: None,
            erased_at: None,
        })?;
        tx.put(&Post {
            id: format!("{id}@bureau"),
            person: id,
            organisation: "bureau".into(),
            title: "值班员".into(),
            duty: "值班".into(),
            region: code(),
            level: Tier::District,
            rank: Rank::Member,
            note: None,
            valid_from: None,
            valid_until: None,
        })?;
    }
    for day in 0..days {
        let starts_at = NOON.minus(HOUR * 7 / 2).plus(HOUR * 24 * day);
        let odd = day % 2 == 1;
        for (role, person) in [(Role::Leader, if odd { "b" } else { "a" }), (Role::First, if odd { "d" } else { "c" })]
        {
            tx.put(&Shift {
                id: format!("bureau/{starts_at}/{}/1", role.name()),
                organisation: "bureau".into(),
                region: code(),
                starts_at,
                ends_at: starts_at.plus(HOUR * 24),
                role,
                person: Some(format!("person:{person}")),
                subject: format!("person:{person}"),
                name: None,
                phone: None,
            })?;
        }
    }
    tx.record(Event::new("roster.made", "test"))
}

async fn with_office(world: &TestWorld, days: u32) {
    world.write("office", Urgency::Urgent, &keeper(), move |tx| office(tx, days)).await.unwrap();
}

async fn gaps(world: &TestWorld, level: Option<u8>) -> Vec<Gap> {
    world.read(&keeper(), move |tx| shifts::gaps(tx, &roster(level), "bureau")).await.unwrap()
}

async fn shifts_of(world: &TestWorld) -> Vec<(String, String)> {
    let all: Vec<Shift> =
        world.read(&keeper(), |tx| tx.find("1 = 1", "ORDER BY starts_at, role, id", &[])).await.unwrap();
    all.into_iter().map(|it| (it.id, it.person.unwrap_or_default().replace("person:", ""))).collect()
}

fn code_of(refused: Result<(), StoreError>) -> String {
    match refused {
        Err(StoreError::Refused(problem)) => problem.code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn gaps_are_listed_seven_days_ahead() {
    for world in worlds(&[&anlan_register::MODULE]) {
        with_office(&world, 3).await;
        let found = gaps(&world, None).await;
        let end = NOON.minus(HOUR * 7 / 2).plus(HOUR * 72);
        let until = NOON.plus(shifts::AHEAD);
        let gap = |role| Gap { role, from: end, until };
        assert_eq!(found, [gap(Role::Leader), gap(Role::First)]);
    }
}

#[tokio::test]
async fn a_response_needs_more_people_in_the_day_ahead() {
    for world in worlds(&[&anlan_register::MODULE]) {
        with_office(&world, 9).await;
        assert_eq!(gaps(&world, None).await, []);
        let until = NOON.plus(HOUR * 24);
        assert_eq!(gaps(&world, Some(2)).await, [Gap { role: Role::Standby, from: NOON, until }]);
    }
}

#[tokio::test]
async fn two_officers_change_places_and_nobody_stands_twice() {
    for world in worlds(&[&anlan_register::MODULE]) {
        with_office(&world, 2).await;
        let before = shifts_of(&world).await;
        let names = |all: &[(String, String)]| all.iter().map(|it| it.1.clone()).collect::<Vec<_>>();
        assert_eq!(names(&before), ["c", "a", "d", "b"]);
        shifts::swap(&world, &keeper(), &before[0].0, &before[2].0).await.unwrap();
        assert_eq!(names(&shifts_of(&world).await), ["d", "a", "c", "b"]);
        let same = shifts::swap(&world, &keeper(), &before[0].0, &before[0].0).await;
        assert_eq!(code_of(same), "bad_swap");
        assert_eq!(code_of(shifts::swap(&world, &keeper(), "nothing", &before[0].0).await), "no_such_shift");
        let put = |role: &str, person: &str| Assignment {
            organisation: "bureau".into(),
            day: NOON.wall()[..10].to_owned(),
            role: role.into(),
            person: person.into(),
        };
        let twice = shifts::assign(&world, &keeper(), put("备勤", "person:a")).await;
        assert_eq!(code_of(twice), "on_duty_already");
        shifts::assign(&world, &keeper(), put("副班", "person:c")).await.unwrap();
        let found = shifts_of(&world).await;
        assert!(found.iter().any(|it| it.0.contains("/second/") && it.1 == "c"), "{found:?}");
        shifts::assign(&world, &keeper(), put("second", "")).await.unwrap();
        assert_eq!(shifts_of(&world).await.len(), 4);
        assert_eq!(code_of(shifts::assign(&world, &keeper(), put("king", "person:a")).await), "bad_role");
    }
}

#[tokio::test]
async fn another_districts_keeper_finds_no_shift_to_swap() {
    for world in worlds(&[&anlan_register::MODULE]) {
        with_office(&world, 2).await;
        let all = shifts_of(&world).await;
        let stranger = Actor { scope: Scope::Regions(vec![RegionCode::parse("440304").unwrap()]), ..keeper() };
        assert_eq!(code_of(shifts::swap(&world, &stranger, &all[0].0, &all[2].0).await), "no_such_shift");
    }
}
