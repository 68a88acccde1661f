//! A unit of work is on disk whole when it is acknowledged, or nothing of it is.

use std::sync::{Arc, Mutex, mpsc};

use anlan_store::{Advanced, Event, StoreError, Urgency, World, journal};
use anlan_testbed::{Engine, NOON, world, worlds};
use tokio::sync::oneshot;

use crate::kit::{Card, MODULE, Tally, card, clerk, keep, tally, tally_of, write};

#[tokio::test]
async fn an_error_leaves_nothing_behind() {
    for world in worlds(&[&MODULE]) {
        let before = world.dump().await.unwrap();
        let failed = write(&world, |tx| {
            tx.put(&card("0001", "440303001"))?;
            tx.set_deadline("look", "0001", NOON)?;
            tx.record(Event::new("card.made", "0001"))?;
            tx.execute_unjournaled("INSERT INTO scrap VALUES ('x')", &[])?;
            Err::<(), _>(StoreError::Stale("the card".into()))
        })
        .await;
        assert!(matches!(failed, Err(StoreError::Stale(_))), "{failed:?}");
        assert_eq!(world.dump().await.unwrap(), before);
        let left = write(&world, |tx| {
            let journal = tx.query_everywhere("SELECT COUNT(*) FROM journal", &[])?[0].int(0)?;
            Ok(journal + tx.query("SELECT COUNT(*) FROM scrap", &[])?[0].int(0)?)
        })
        .await;
        assert_eq!(left.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_panic_leaves_nothing_behind_and_the_store_goes_on() {
    for world in worlds(&[&MODULE]) {
        let failed = write(&world, |tx| -> Result<(), StoreError> {
            tx.put(&tally("lost"))?;
            tx.record(Event::new("tally.made", "lost"))?;
            panic!("a handler with a bug");
        })
        .await;
        assert!(matches!(failed, Err(StoreError::Engine(_))), "{failed:?}");
        keep(&world, "kept", &tally("kept")).await;
        assert_eq!(tally_of(&world, "lost").await, None);
        assert_eq!(tally_of(&world, "kept").await, Some(tally("kept")));
    }
}

/// Holds the writer of a SQLite world until the answer is dropped; returns once it is held.
async fn hold_writer(world: &World) -> (mpsc::Sender<()>, tokio::task::JoinHandle<()>) {
    let (release, held) = mpsc::channel::<()>();
    let (begun, has_begun) = oneshot::channel();
    let (held, begun) = (Mutex::new(held), Mutex::new(Some(begun)));
    let world = world.clone();
    let task = tokio::spawn(async move {
        let unit = move |_: &mut anlan_store::Tx<'_>| {
            begun.lock().unwrap().take().unwrap().send(()).unwrap();
            // Ends when the sender is dropped.
            let _ = held.lock().unwrap().recv();
            Ok(())
        };
        world.write("hold", Urgency::Urgent, &clerk(), unit).await.unwrap();
    });
    has_begun.await.unwrap();
    (release, task)
}

#[tokio::test]
async fn a_job_that_panics_or_fails_takes_none_of_its_commit_group_with_it() {
    let world = world(Engine::Sqlite, anlan_store::Clock::driven(NOON), &[&MODULE]);
    let (release, held) = hold_writer(&world).await;
    // All of these wait together, so they share one commit.
    let mut waiting = Vec::new();
    for number in 0..9 {
        let world = world.clone();
        waiting.push(tokio::spawn(async move {
            write(&world, move |tx| {
                tx.put(&tally(&format!("{number}")))?;
                tx.record(Event::new("tally.made", "one"))?;
                match number % 3 {
                    0 => Ok(()),
                    1 => Err(StoreError::Stale("one".into())),
                    _ => panic!("a handler with a bug"),
                }
            })
            .await
        }));
        tokio::task::yield_now().await;
    }
    drop(release);
    held.await.unwrap();
    for (number, answer) in waiting.into_iter().enumerate() {
        let answer = answer.await.unwrap();
        let there = tally_of(&world, &format!("{number}")).await.is_some();
        assert_eq!((answer.is_ok(), there), (number % 3 == 0, number % 3 == 0), "{number}: {answer:?}");
    }
}

#[tokio::test]
async fn a_full_disk_is_told_to_everybody_of_the_group_and_nothing_is_half_there() {
    let world = world(Engine::Sqlite, anlan_store::Clock::driven(NOON), &[&MODULE]);
    keep(&world, "before", &tally("before")).await;
    let (release, held) = hold_writer(&world).await;
    let mut waiting = Vec::new();
    for number in 0..6 {
        let world = world.clone();
        waiting.push(tokio::spawn(async move {
            write(&world, move |tx| {
                if number == 2 {
                    // No page more than the file has: as if the disk were full.
                    let _ = tx.execute_unjournaled("PRAGMA max_page_count = 1", &[]);
                    let label = "一".repeat(200_000);
                    tx.put(&Tally { label, ..tally("huge") })?;
                }
                tx.put(&tally(&format!("{number}")))?;
                tx.record(Event::new("tally.made", "one"))
            })
            .await
        }));
        tokio::task::yield_now().await;
    }
    drop(release);
    held.await.unwrap();
    for (number, answer) in waiting.into_iter().enumerate() {
        let answer = answer.await.unwrap();
        let there = tally_of(&world, &format!("{number}")).await.is_some();
        assert_eq!(answer.is_ok(), there, "{number}: acknowledged means there, refused means not: {answer:?}");
    }
    write(&world, |tx| {
        let _ = tx.execute_unjournaled("PRAGMA max_page_count = 1000000", &[]);
        Ok(())
    })
    .await
    .unwrap();
    keep(&world, "after", &tally("after")).await;
    assert_eq!(tally_of(&world, "before").await, Some(tally("before")));
    while journal::seal(&world, None).await.unwrap() > 0 {}
    assert_eq!(journal::verify(&world, None).await.unwrap().findings, []);
}

#[tokio::test]
async fn urgent_work_goes_before_the_background_work_that_came_earlier() {
    let world = world(Engine::Sqlite, anlan_store::Clock::driven(NOON), &[&MODULE]);
    let (release, held) = hold_writer(&world).await;
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut waiting = Vec::new();
    for (name, urgency) in [
        ("import 1", Urgency::Background),
        ("import 2", Urgency::Background),
        ("call", Urgency::Urgent),
        ("answer", Urgency::Urgent),
    ] {
        let (world, order) = (world.clone(), Arc::clone(&order));
        waiting.push(tokio::spawn(async move {
            let unit = move |_: &mut anlan_store::Tx<'_>| {
                order.lock().unwrap().push(name);
                Ok(())
            };
            world.write("test", urgency, &clerk(), unit).await
        }));
        tokio::task::yield_now().await;
    }
    drop(release);
    held.await.unwrap();
    for answer in waiting {
        answer.await.unwrap().unwrap();
    }
    assert_eq!(*order.lock().unwrap(), ["call", "answer", "import 1", "import 2"]);
}

#[tokio::test]
async fn what_is_acknowledged_is_committed_for_every_other_handle() {
    for world in worlds(&[&MODULE]) {
        let other = world.again(world.clock().clone());
        for number in 0..20 {
            let id = format!("{number}");
            keep(&world, &id, &tally(&id)).await;
            assert_eq!(tally_of(&other, &id).await, Some(tally(&id)));
        }
    }
}

#[tokio::test]
async fn a_change_without_an_event_that_explains_it_is_refused() {
    for world in worlds(&[&MODULE]) {
        let refused = write(&world, |tx| tx.put(&tally("silent"))).await;
        assert!(matches!(refused, Err(StoreError::Unrecorded("test"))), "{refused:?}");
        let refused = write(&world, |tx| {
            tx.record(Event::new("tally.made", "first"))?;
            tx.put(&tally("after the event"))
        })
        .await;
        assert!(matches!(refused, Err(StoreError::Unrecorded("test"))), "{refused:?}");
        assert!(world.dump().await.unwrap()["tally"].is_empty());
    }
}

#[tokio::test]
async fn a_reading_transaction_changes_nothing() {
    for world in worlds(&[&MODULE]) {
        keep(&world, "one", &tally("one")).await;
        let before = world.dump().await.unwrap();
        type Attempt = fn(&mut anlan_store::Tx<'_>) -> Result<(), StoreError>;
        let attempts: [(&str, Attempt); 7] = [
            ("put", |tx| tx.put(&tally("two"))),
            ("insert", |tx| tx.insert(&tally("two")).map(drop)),
            ("advance", |tx| tx.advance(&tally("one")).map(drop)),
            ("delete", |tx| tx.delete::<Tally>("one").map(drop)),
            ("record", |tx| tx.record(Event::new("tally.seen", "one"))),
            ("execute", |tx| tx.execute_unjournaled("INSERT INTO scrap VALUES ('x')", &[]).map(drop)),
            ("destroy", |tx| tx.destroy_key("person:one").map(drop)),
        ];
        for (name, attempt) in attempts {
            let refused = world.read(&clerk(), attempt).await;
            assert!(matches!(refused, Err(StoreError::ReadOnly)), "{name}: {refused:?}");
        }
        assert!(world.read(&clerk(), |tx| tx.seal("person:one", "words")).await.is_err(), "no key is made by a look");
        assert_eq!(world.dump().await.unwrap(), before);
    }
}

#[tokio::test]
async fn a_journaled_table_changes_only_through_its_records() {
    for world in worlds(&[&MODULE]) {
        keep(&world, "one", &tally("one")).await;
        for sql in [
            "UPDATE tally SET amount = 7",
            "DELETE FROM card",
            "DELETE FROM journal",
            "DELETE FROM person_key",
            "INSERT INTO outbox SELECT * FROM outbox",
        ] {
            let refused = write(&world, move |tx| tx.execute_unjournaled(sql, &[])).await;
            assert!(matches!(refused, Err(StoreError::Shape(_))), "{sql}: {refused:?}");
            let refused = write(&world, move |tx| tx.query_everywhere(sql, &[])).await;
            assert!(matches!(refused, Err(StoreError::Shape(_))), "{sql}: {refused:?}");
        }
        let done = write(&world, |tx| tx.execute_unjournaled("INSERT INTO scrap VALUES ('x')", &[])).await;
        assert_eq!(done.unwrap(), 1);
    }
}

#[tokio::test]
async fn a_record_that_moved_since_it_was_read_is_stale() {
    for world in worlds(&[&MODULE]) {
        keep(&world, "0001", &card("0001", "440303001")).await;
        let advance = |score| {
            let seen = Card { score, ..card("0001", "440303001") };
            write(&world, move |tx| {
                let outcome = tx.advance(&seen)?;
                tx.record(Event::new("card.scored", "0001"))?;
                Ok(outcome)
            })
        };
        assert_eq!(advance(2).await.unwrap(), Advanced::Yes);
        assert_eq!(advance(3).await.unwrap(), Advanced::Stale);
        let now = world.read(&clerk(), |tx| tx.get::<Card>("0001")).await.unwrap().unwrap();
        assert_eq!((now.score, now.revision), (2, 1));
    }
}

#[tokio::test]
async fn a_statement_whose_failure_was_passed_over_is_never_acknowledged_and_lost() {
    for world in worlds(&[&MODULE]) {
        keep(&world, "one", &tally("one")).await;
        let answer = write(&world, |tx| {
            tx.put(&tally("two"))?;
            tx.record(Event::new("tally.made", "two"))?;
            let twin = Tally { label: tally("one").label, ..tally("three") };
            assert!(matches!(tx.put(&twin), Err(StoreError::Exists(_))));
            Ok(())
        })
        .await;
        assert_eq!(answer.is_ok(), tally_of(&world, "two").await.is_some(), "{answer:?}");
    }
}

#[tokio::test]
async fn a_world_that_was_removed_is_empty_when_it_is_made_again() {
    for world in worlds(&[&MODULE]) {
        keep(&world, "one", &tally("one")).await;
        let place = world.place().clone();
        tokio::task::spawn_blocking(move || World::remove(&place)).await.unwrap().unwrap();
        // The first handle is still there, as where a process was killed: it cleared nothing up.
        let anew = world.again(world.clock().clone());
        assert!(anew.dump().await.unwrap()["tally"].is_empty());
        keep(&anew, "two", &tally("two")).await;
    }
}
