//! Leases: one holder at a time by the database's clock, and a holder that lost one commits nothing.

use std::time::Duration;

use anlan_store::{Event, Lease, StoreError, Urgency, World, deadline::fire_due, journal};
use anlan_testbed::{NOON, worlds};

use crate::kit::{MODULE, clerk, keep, tally, tally_of};

const LONG: Duration = Duration::from_secs(3600);

async fn work_under(world: &World, lease: &Lease, id: &'static str) -> Result<(), StoreError> {
    let lease = lease.clone();
    world
        .write("work", Urgency::Urgent, &clerk(), move |tx| {
            tx.hold(&lease)?;
            tx.put(&tally(id))?;
            tx.record(Event::new("tally.made", id))
        })
        .await
}

#[tokio::test]
async fn a_lease_has_one_holder_who_can_renew_and_release_it() {
    for world in worlds(&[&MODULE]) {
        let other = world.again(world.clock().clone());
        let first = world.lease("courier", "a", LONG).await.unwrap().unwrap();
        assert_eq!(other.lease("courier", "b", LONG).await.unwrap(), None);
        assert_eq!(world.lease("courier", "a", LONG).await.unwrap(), Some(first.clone()), "renewed, same fence");
        assert!(other.lease("sealer", "b", LONG).await.unwrap().is_some(), "another job is free");
        world.release(&first).await.unwrap();
        let second = other.lease("courier", "b", LONG).await.unwrap().unwrap();
        assert!(second.fence > first.fence, "{second:?} after {first:?}");
    }
}

#[tokio::test]
async fn a_lease_runs_by_the_clock_of_the_database_and_not_by_that_of_the_world() {
    for world in worlds(&[&MODULE]) {
        world.lease("courier", "a", LONG).await.unwrap().unwrap();
        world.clock().move_to(NOON.plus(Duration::from_secs(86_400 * 365 * 50)));
        assert_eq!(world.lease("courier", "b", LONG).await.unwrap(), None, "fifty years of world time later");
        world.lease("sealer", "a", Duration::ZERO).await.unwrap().unwrap();
        assert!(world.lease("sealer", "b", LONG).await.unwrap().is_some(), "run out at once");
    }
}

#[tokio::test]
async fn a_holder_that_lost_the_lease_commits_nothing() {
    for world in worlds(&[&MODULE]) {
        let other = world.again(world.clock().clone());
        let lost = world.lease("courier", "a", Duration::ZERO).await.unwrap().unwrap();
        work_under(&world, &lost, "before").await.unwrap();
        let won = other.lease("courier", "b", LONG).await.unwrap().unwrap();
        let fenced = work_under(&world, &lost, "after").await;
        assert!(matches!(fenced, Err(StoreError::Fenced(_))), "{fenced:?}");
        assert_eq!(tally_of(&world, "after").await, None);
        work_under(&other, &won, "mine").await.unwrap();
        assert!(tally_of(&world, "mine").await.is_some());

        let imposter = Lease { holder: "a".into(), ..won };
        assert!(matches!(work_under(&world, &imposter, "after").await, Err(StoreError::Fenced(_))));
    }
}

#[tokio::test]
async fn a_fenced_sealer_seals_nothing_and_a_fenced_timekeeper_fires_nothing() {
    for world in worlds(&[&MODULE]) {
        let lost = world.lease("all", "a", Duration::ZERO).await.unwrap().unwrap();
        world.lease("all", "b", LONG).await.unwrap().unwrap();
        keep(&world, "one", &tally("one")).await;
        let sealed = journal::seal(&world, Some(&lost)).await;
        assert!(matches!(sealed, Err(StoreError::Fenced(_))), "{sealed:?}");
        assert_eq!(journal::sealed_position(&world).await.unwrap(), 0);
        crate::kit::write(&world, |tx| {
            tx.set_deadline("count", "one", NOON)?;
            tx.record(Event::new("deadline.set", "one"))
        })
        .await
        .unwrap();
        let fired = fire_due(&world, &anlan_store::Handlers::new(), Some(&lost)).await;
        assert!(matches!(fired, Err(StoreError::Fenced(_))), "{fired:?}");
        assert_eq!(world.next_deadline().await.unwrap(), Some(NOON), "it waits for the new holder, untouched");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_want_a_free_lease_one_gets_it() {
    for world in worlds(&[&MODULE]) {
        let other = world.again(world.clock().clone());
        let wanted = (0..8).map(|number| {
            let world = if number % 2 == 0 { (*world).clone() } else { other.clone() };
            tokio::spawn(async move { world.lease("courier", &format!("node {number}"), LONG).await.unwrap() })
        });
        let mut got = 0;
        for wanted in wanted.collect::<Vec<_>>() {
            got += usize::from(wanted.await.unwrap().is_some());
        }
        assert_eq!(got, 1);
    }
}
