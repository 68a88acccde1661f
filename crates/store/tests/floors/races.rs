//! Two nodes on one store: nothing is lost, and who was second hears of it.

use anlan_store::{Advanced, Event, StoreError};
use anlan_testbed::worlds;

use crate::kit::{MODULE, Tally, keep, tally, tally_of, write};

const TIMES: i64 = 25;
/// Few: the engine takes its time to see that two transactions wait for each other.
const LOCKED: i64 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_that_read_add_and_write_lose_no_addition() {
    for world in worlds(&[&MODULE]) {
        keep(&world, "one", &tally("one")).await;
        let other = world.again(world.clock().clone());
        let adders = [&*world, &other, &*world, &other].map(|it| {
            let it = it.clone();
            tokio::spawn(async move {
                for _ in 0..TIMES {
                    write(&it, |tx| {
                        let seen = tx.get::<Tally>("one")?.unwrap();
                        tx.put(&Tally { amount: seen.amount + 1, ..seen })?;
                        tx.record(Event::new("tally.grew", "one"))
                    })
                    .await
                    .unwrap();
                }
            })
        });
        for adder in adders {
            adder.await.unwrap();
        }
        assert_eq!(tally_of(&world, "one").await.unwrap().amount, 4 * TIMES);
        let before = world.dump().await.unwrap();
        anlan_store::rebuild(&world).await.unwrap();
        assert_eq!(world.dump().await.unwrap(), before, "the journal tells the races in the order they were won");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_nodes_that_advance_what_both_have_seen_one_is_told_stale() {
    for world in worlds(&[&MODULE]) {
        keep(&world, "one", &tally("one")).await;
        let other = world.again(world.clock().clone());
        for round in 0..10 {
            let seen = tally_of(&world, "one").await.unwrap();
            let advance = |world: anlan_store::World| {
                let next = Tally { amount: seen.amount + 1, ..seen.clone() };
                async move {
                    write(&world, move |tx| {
                        let outcome = tx.advance(&next)?;
                        tx.record(Event::new("tally.grew", "one"))?;
                        Ok(outcome)
                    })
                    .await
                    .unwrap()
                }
            };
            let (one, two) = tokio::join!(advance((*world).clone()), advance(other.clone()));
            assert!(
                matches!((one, two), (Advanced::Yes, Advanced::Stale) | (Advanced::Stale, Advanced::Yes)),
                "{round}"
            );
        }
        assert_eq!(tally_of(&world, "one").await.unwrap().revision, 10);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_nodes_that_make_the_same_thing_one_is_told_it_exists() {
    for world in worlds(&[&MODULE]) {
        let other = world.again(world.clock().clone());
        for round in 0..10 {
            let make = |world: anlan_store::World, id: &str| {
                let twin = Tally { label: format!("label {round}"), ..tally(&format!("{id}{round}")) };
                async move {
                    write(&world, move |tx| {
                        tx.put(&twin)?;
                        tx.record(Event::new("tally.made", &twin.id))
                    })
                    .await
                }
            };
            let (one, two) = tokio::join!(make((*world).clone(), "a"), make(other.clone(), "b"));
            match (one, two) {
                (Ok(()), Err(StoreError::Exists(_))) | (Err(StoreError::Exists(_)), Ok(())) => (),
                both => panic!("{both:?}"),
            }
        }
        assert_eq!(world.dump().await.unwrap()["tally"].len(), 10);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_nodes_that_insert_one_key_one_is_told_that_nothing_was_inserted() {
    for world in worlds(&[&MODULE]) {
        let other = world.again(world.clock().clone());
        for round in 0..10 {
            // The key is what they race for; a second unique column would be a conflict of its own.
            let insert = |world: anlan_store::World, node: &'static str| async move {
                write(&world, move |tx| {
                    let record = Tally { label: format!("{node} {round}"), ..tally(&format!("{round}")) };
                    let fresh = tx.insert(&record)?;
                    tx.record(Event::new("tally.made", "one"))?;
                    Ok(fresh)
                })
                .await
                .unwrap()
            };
            let (one, two) = tokio::join!(insert((*world).clone(), "one"), insert(other.clone(), "two"));
            assert_ne!(one, two);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_lock_each_other_out_are_run_again_until_both_are_done() {
    for world in worlds(&[&MODULE]) {
        for id in ["left", "right"] {
            keep(&world, id, &tally(id)).await;
        }
        let other = world.again(world.clock().clone());
        let both = [(&*world, ["left", "right"]), (&other, ["right", "left"])].map(|(it, order)| {
            let it = it.clone();
            tokio::spawn(async move {
                for _ in 0..LOCKED {
                    write(&it, move |tx| {
                        for id in order {
                            let seen = tx.get::<Tally>(id)?.unwrap();
                            tx.put(&Tally { amount: seen.amount + 1, ..seen })?;
                        }
                        tx.record(Event::new("tallies.grew", "both"))
                    })
                    .await
                    .unwrap();
                }
            })
        });
        for it in both {
            it.await.unwrap();
        }
        for id in ["left", "right"] {
            assert_eq!(tally_of(&world, id).await.unwrap().amount, 2 * LOCKED);
        }
    }
}
