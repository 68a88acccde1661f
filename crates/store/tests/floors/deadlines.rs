//! Deadlines fire once, in order, and a broken handler holds nobody up.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use anlan_store::{Event, Handlers, StoreError, World, deadline::fire_due};
use anlan_testbed::{NOON, worlds};

use crate::kit::{MODULE, Tally, tally, tally_of, write};

type Fired = Arc<Mutex<Vec<String>>>;

/// `count` adds one to a tally and notes who fired; `fails` fails, `panics` panics, `once` moves on.
fn handlers(fired: &Fired) -> Handlers {
    let mut handlers = Handlers::new();
    let note = Arc::clone(fired);
    handlers.insert(
        "count",
        Arc::new(move |tx, due| {
            note.lock().unwrap().push(due.subject.clone());
            let seen = tx.get::<Tally>(&due.subject)?.unwrap_or_else(|| tally(&due.subject));
            tx.put(&Tally { amount: seen.amount + 1, ..seen })
        }),
    );
    handlers.insert("fails", Arc::new(|_, due| Err(StoreError::Stale(due.id.clone()))));
    handlers.insert("panics", Arc::new(|_, _| panic!("a handler with a bug")));
    handlers.insert("errs", Arc::new(|tx, _| tx.query("SELECT nothing FROM nowhere", &[]).map(drop)));
    handlers.insert("clears", Arc::new(|tx, due| tx.clear_deadline("count", &due.subject)));
    handlers
}

async fn set(world: &World, deadlines: &[(&'static str, &'static str, u64)]) {
    let deadlines = deadlines.to_vec();
    write(world, move |tx| {
        for (kind, subject, seconds) in &deadlines {
            tx.set_deadline(kind, subject, NOON.plus(Duration::from_secs(*seconds)))?;
        }
        tx.record(Event::new("deadlines.set", "all"))
    })
    .await
    .unwrap();
}

fn later(world: &World, seconds: u64) {
    world.clock().move_to(NOON.plus(Duration::from_secs(seconds)));
}

#[tokio::test]
async fn deadlines_fire_once_in_the_order_in_which_they_were_due() {
    for world in worlds(&[&MODULE]) {
        let fired = Fired::default();
        let handlers = handlers(&fired);
        set(&world, &[("count", "c", 30), ("count", "b", 10), ("count", "a", 10), ("count", "later", 90)]).await;
        assert_eq!(fire_due(&world, &handlers, None).await.unwrap(), 0);
        assert_eq!(world.next_deadline().await.unwrap(), Some(NOON.plus(Duration::from_secs(10))));
        later(&world, 60);
        assert_eq!(fire_due(&world, &handlers, None).await.unwrap(), 3);
        assert_eq!(fire_due(&world, &handlers, None).await.unwrap(), 0);
        assert_eq!(*fired.lock().unwrap(), ["a", "b", "c"]);
        assert_eq!(tally_of(&world, "a").await.unwrap().amount, 1);
        assert_eq!(world.next_deadline().await.unwrap(), Some(NOON.plus(Duration::from_secs(90))));
    }
}

#[tokio::test]
async fn a_subject_has_one_deadline_of_a_kind_and_the_last_word_counts() {
    for world in worlds(&[&MODULE]) {
        let fired = Fired::default();
        set(&world, &[("count", "a", 10)]).await;
        set(&world, &[("count", "a", 50), ("clears", "b", 20), ("count", "b", 30)]).await;
        later(&world, 40);
        fire_due(&world, &handlers(&fired), None).await.unwrap();
        assert_eq!(*fired.lock().unwrap(), Vec::<String>::new(), "a was moved, b was cleared in the same slice");
        later(&world, 50);
        fire_due(&world, &handlers(&fired), None).await.unwrap();
        assert_eq!(*fired.lock().unwrap(), ["a"]);
    }
}

#[tokio::test]
async fn a_handler_that_fails_or_panics_is_kept_and_tried_again_and_nobody_waits_behind_it() {
    for world in worlds(&[&MODULE]) {
        for (broken, failures) in [("fails", 2), ("panics", 2), ("errs", 2), ("nobody handles this", 2)] {
            let fired = Fired::default();
            let handlers = handlers(&fired);
            let begin = world.now().since(NOON).as_secs();
            set(&world, &[(broken, "x", begin + 5), ("count", "behind", begin + 6)]).await;
            later(&world, begin + 8);
            assert_eq!(fire_due(&world, &handlers, None).await.unwrap(), 1, "{broken}");
            assert_eq!(*fired.lock().unwrap().last().unwrap(), "behind", "{broken}");
            later(&world, begin + 18);
            assert_eq!(fire_due(&world, &handlers, None).await.unwrap(), 0, "{broken}");
            let kept = world.dump().await.unwrap()["deadline"][&format!("{broken}:x")].clone();
            assert_eq!(kept["failures"], failures, "{broken}: {kept}");
            let id = broken.to_owned();
            write(&world, move |tx| {
                tx.clear_deadline(&id, "x")?;
                tx.record(Event::new("deadline.cleared", "x"))
            })
            .await
            .unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_timekeepers_at_once_fire_each_deadline_once() {
    for world in worlds(&[&MODULE]) {
        let names: Vec<&'static str> = (0..30).map(|it| &*format!("s{it}").leak()).collect();
        set(&world, &names.iter().map(|it| ("count", *it, 1)).collect::<Vec<_>>()).await;
        later(&world, 10);
        let other = world.again(world.clock().clone());
        let handlers = handlers(&Fired::default());
        let (one, two) = tokio::join!(fire_due(&world, &handlers, None), fire_due(&other, &handlers, None));
        one.unwrap();
        two.unwrap();
        for name in names {
            assert_eq!(tally_of(&world, name).await.unwrap().amount, 1, "{name}");
        }
        assert_eq!(world.next_deadline().await.unwrap(), None);
    }
}
