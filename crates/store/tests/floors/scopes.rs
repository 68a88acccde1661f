//! Nobody reads or writes outside the own duty areas, whatever the statement.

use anlan_store::{Advanced, Event, StoreError, Urgency, World, params};
use anlan_testbed::{Engine, NOON, TestWorld, world, worlds};

use crate::kit::{Card, Dice, MODULE, card, clerk_of, keep, region, times};

const PLACES: [&str; 8] =
    ["440303", "440303001", "440303001002", "440303002", "44030", "440304001", "440304", "4403030010021"];

/// Cards everywhere, one a place.
async fn populated(engine: Engine) -> TestWorld {
    let world = world(engine, anlan_store::Clock::driven(NOON), &[&MODULE]);
    for (i, place) in PLACES.iter().enumerate() {
        keep(&world, place, &card(&format!("{i:04}"), place)).await;
    }
    world
}

async fn seen(world: &World, areas: &[&str]) -> (Vec<String>, i64) {
    let actor = clerk_of(areas);
    world
        .read(&actor, |tx| {
            let found = tx.find::<Card>("score = 1", "ORDER BY id", &[])?;
            Ok((found.into_iter().map(|it| it.region.to_string()).collect(), tx.count::<Card>("1 = 1 OR 1 = 1", &[])?))
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn no_duty_areas_see_and_change_what_lies_outside_them() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let world = populated(engine).await;
        let mut dice = Dice::new(11);
        for round in 0..times(40, 400) {
            let areas: Vec<&str> = (0..dice.below(3)).map(|_| *dice.pick(&PLACES)).collect();
            let inside = |place: &str| areas.iter().any(|it| place.starts_with(it));
            let want: Vec<_> = PLACES.iter().filter(|it| inside(it)).map(|it| (*it).to_owned()).collect();
            let (found, counted) = seen(&world, &areas).await;
            assert_eq!(found, want, "round {round}, {areas:?}");
            assert_eq!(counted, want.len() as i64, "round {round}, {areas:?}");

            let number = dice.below(PLACES.len());
            let (id, place, goal) = (format!("{number:04}"), PLACES[number], *dice.pick(&PLACES));
            let actor = clerk_of(&areas);
            let key = id.clone();
            let got = world.read(&actor, move |tx| tx.get::<Card>(&key)).await.unwrap();
            assert_eq!(got.is_some(), inside(place), "round {round}, get {place}, {areas:?}");

            let before = world.dump().await.unwrap();
            let moved = Card { region: region(goal), ..card(&id, place) };
            let (put, key) = (moved.clone(), id.clone());
            // Thrown away in the end, whatever came of it.
            let tried = world
                .write("try", Urgency::Urgent, &actor, move |tx| {
                    let advanced = tx.advance(&put);
                    let deleted = tx.delete::<Card>(&key)?;
                    Err::<(), _>(StoreError::Stale(format!("{advanced:?} {deleted}")))
                })
                .await;
            let want = match (inside(place), inside(goal)) {
                (_, false) => {
                    format!("Err(OutOfScope {{ actor: \"user:wang\", region: \"{goal}\" }}) {}", inside(place))
                }
                (true, true) => format!("Ok({:?}) true", Advanced::Yes),
                (false, true) => format!("Ok({:?}) false", Advanced::Stale),
            };
            match tried {
                Err(StoreError::Stale(got)) => assert_eq!(got, want, "round {round}, {place} to {goal}, {areas:?}"),
                other => panic!("{other:?}"),
            }
            assert_eq!(world.dump().await.unwrap(), before);
        }
    }
}

#[tokio::test]
async fn a_record_outside_is_not_overwritten_by_one_of_the_same_key_inside() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let world = populated(engine).await;
        let before = world.dump().await.unwrap();
        // 0005 lies in another district.
        let grab = card("0005", "440303001");
        let taken = world
            .write("grab", Urgency::Urgent, &clerk_of(&["440303"]), move |tx| {
                tx.put(&grab)?;
                tx.record(Event::new("card.kept", "0005"))
            })
            .await;
        assert!(taken.is_err(), "{taken:?}");
        assert_eq!(world.dump().await.unwrap(), before);
    }
}

#[tokio::test]
async fn a_statement_on_a_regional_table_without_a_scope_is_refused_when_it_runs() {
    for world in worlds(&[&MODULE]) {
        keep(&world, "0001", &card("0001", "440303001")).await;
        let actor = clerk_of(&["440304"]);
        let refused = world.read(&actor, |tx| tx.query("SELECT id FROM card", &[])).await;
        assert!(matches!(refused, Err(StoreError::Unscoped { table: "card", .. })), "{refused:?}");
        let refused = world.read(&actor, |tx| tx.query("SELECT body FROM journal", &[])).await;
        assert!(matches!(refused, Err(StoreError::Unscoped { table: "journal", .. })), "{refused:?}");
        let seen = |areas: &'static [&'static str]| {
            let actor = clerk_of(areas);
            let world = &world;
            async move {
                let sql = "SELECT c.id FROM card c WHERE c.score >= $1 AND {scope:c.region}";
                world.read(&actor, move |tx| tx.query(sql, params![0_i64])).await.unwrap().len()
            }
        };
        assert_eq!(seen(&["440304"]).await, 0);
        assert_eq!(seen(&["440303"]).await, 1);
        assert_eq!(seen(&[]).await, 0, "no duty areas see nothing");
    }
}
