//! Dropping every journaled table and making it again from the journal gives the same rows.

use anlan_store::{Event, journal, rebuild};
use anlan_testbed::worlds;

use crate::kit::{Card, MODULE, card, keep, ordinary_work, write};

#[tokio::test]
async fn a_world_rebuilt_from_its_journal_is_the_same_world() {
    for world in worlds(&[&MODULE]) {
        ordinary_work(&world, 60).await;
        while journal::seal(&world, None).await.unwrap() > 0 {}
        // Some of it is not sealed yet.
        ordinary_work(&world, 20).await;
        let before = world.dump().await.unwrap();
        assert!(before.values().map(|it| it.len()).sum::<usize>() > 10, "{before:?}");
        world.tamper("DELETE FROM card; DELETE FROM tally; DELETE FROM deadline; DELETE FROM outbox");
        assert_ne!(world.dump().await.unwrap(), before);
        assert!(rebuild(&world).await.unwrap() >= 60);
        assert_eq!(world.dump().await.unwrap(), before);
        let (sealed, unsealed) = {
            let verified = journal::verify(&world, None).await.unwrap();
            assert_eq!(verified.findings, []);
            (verified.entries, verified.unsealed)
        };
        assert_eq!((sealed, unsealed), (60, 20), "a rebuild writes no entry");
    }
}

#[tokio::test]
async fn what_a_row_was_changed_to_behind_the_journal_does_not_survive_a_rebuild() {
    for world in worlds(&[&MODULE]) {
        keep(&world, "0001", &card("0001", "440303001")).await;
        let before = world.dump().await.unwrap();
        world.tamper("UPDATE card SET score = 99; INSERT INTO tally VALUES ('x', 'x', 1, 1)");
        assert_ne!(world.dump().await.unwrap(), before);
        rebuild(&world).await.unwrap();
        assert_eq!(world.dump().await.unwrap(), before);
    }
}

#[tokio::test]
async fn after_an_erasure_the_rebuilt_rows_hold_null_where_the_person_was() {
    for world in worlds(&[&MODULE]) {
        for id in ["0001", "0002"] {
            keep(&world, id, &card(id, "440303001")).await;
        }
        // A second record of the same person, which the erasing unit does not touch.
        let shadow = Card { id: "0003".into(), person: "person:0001".into(), ..card("0003", "440303001") };
        keep(&world, "0003", &shadow).await;
        write(&world, |tx| {
            let seen = tx.get::<Card>("0001")?.unwrap();
            tx.destroy_key("person:0001")?;
            tx.put(&Card { name: None, phone: None, ..seen })?;
            tx.record(Event::new("card.erased", "0001"))
        })
        .await
        .unwrap();
        let before = world.dump().await.unwrap();
        rebuild(&world).await.unwrap();
        let mut want = before.clone();
        for column in ["name", "phone"] {
            want.get_mut("card").unwrap().get_mut("0003").unwrap()[column] = serde_json::Value::Null;
        }
        let after = world.dump().await.unwrap();
        assert_eq!(after, want);
        assert_eq!(after["card"]["0002"], before["card"]["0002"], "nobody else lost anything");
        assert_eq!(after["card"]["0001"]["name"], serde_json::Value::Null);

        // The person comes back under the same id: what was closed stays closed, what is new opens.
        let back = Card { name: Some("孙三".into()), ..card("0001", "440303001") };
        keep(&world, "0001", &back).await;
        let before = world.dump().await.unwrap();
        rebuild(&world).await.unwrap();
        assert_eq!(world.dump().await.unwrap(), before);
    }
}
