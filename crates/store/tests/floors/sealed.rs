//! Personal data: sealed in the journal, gone with its key, and the chain still whole.

use anlan_store::{Event, Urgency, World, journal};
use anlan_testbed::worlds;
use serde_json::json;

use crate::kit::{Card, MODULE, card, clerk, keep, write};

/// Everything the journal holds, as one text.
async fn journal_text(world: &World) -> String {
    let sql = "SELECT actor, hat, event, subject, region, pack, body FROM journal ORDER BY entry";
    let rows = world.read(&clerk(), move |tx| tx.query_everywhere(sql, &[])).await.unwrap();
    format!("{rows:?}")
}

async fn open(world: &World, sealed: String) -> Option<String> {
    world.read(&clerk(), move |tx| tx.unseal("person:0001", &sealed)).await.unwrap()
}

async fn erase(world: &World, id: &str) {
    let id = id.to_owned();
    write(world, move |tx| {
        let seen = tx.get::<Card>(&id)?.unwrap();
        assert!(tx.destroy_key(&seen.person)?);
        tx.put(&Card { name: None, phone: None, ..seen })?;
        tx.record(Event::new("card.erased", &id))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn personal_values_never_stand_in_the_journal_in_clear() {
    for world in worlds(&[&MODULE]) {
        keep(&world, "0001", &card("0001", "440303001")).await;
        write(&world, |tx| {
            let seen = tx.get::<Card>("0001")?.unwrap();
            let _ = tx.advance(&Card { name: Some("钱一".into()), phone: Some("13712345678".into()), ..seen })?;
            let words = tx.seal("person:0001", "住在三楼，耳背")?;
            tx.record(Event::new("card.changed", "0001").detail(json!({"sealed": words, "person": "person:0001"})))
        })
        .await
        .unwrap();
        let text = journal_text(&world).await;
        for plain in ["赵0001", "13900000001", "钱一", "13712345678", "三楼"] {
            assert!(!text.contains(plain), "{plain} stands in the journal: {text}");
        }
        assert!(text.contains("网格员"), "what is not personal is not sealed: {text}");
    }
}

#[tokio::test]
async fn a_destroyed_key_leaves_the_chain_whole_and_verify_says_what_is_unreadable() {
    for world in worlds(&[&MODULE]) {
        for id in ["0001", "0002"] {
            keep(&world, id, &card(id, "440303001")).await;
        }
        let note = write(&world, |tx| {
            let words = tx.seal("person:0001", "耳背")?;
            tx.record(Event::new("note.taken", "0001").detail(json!({"sealed": words, "person": "person:0001"})))?;
            Ok(words)
        })
        .await
        .unwrap();
        while journal::seal(&world, None).await.unwrap() > 0 {}
        assert_eq!(journal::verify(&world, None).await.unwrap().unreadable, 0);
        erase(&world, "0001").await;
        while journal::seal(&world, None).await.unwrap() > 0 {}

        let verified = journal::verify(&world, None).await.unwrap();
        assert_eq!(verified.findings, []);
        assert_eq!(verified.unreadable, 3, "name, phone and the note");
        let opened = world.read(&clerk(), move |tx| tx.unseal("person:0001", &note)).await.unwrap();
        assert_eq!(opened, None);
        let kept = world.read(&clerk(), |tx| tx.get::<Card>("0002")).await.unwrap().unwrap();
        assert_eq!(kept, card("0002", "440303001"));
    }
}

#[tokio::test]
async fn a_person_who_comes_back_after_erasure_gets_a_new_key_and_the_old_texts_stay_closed() {
    for world in worlds(&[&MODULE]) {
        keep(&world, "0001", &card("0001", "440303001")).await;
        let old = write(&world, |tx| tx.seal("person:0001", "旧")).await.unwrap();
        erase(&world, "0001").await;
        keep(&world, "0001", &card("0001", "440303001")).await;
        let new = write(&world, |tx| tx.seal("person:0001", "新")).await.unwrap();
        assert_eq!(open(&world, old).await, None);
        assert_eq!(open(&world, new).await.as_deref(), Some("新"));
    }
}

#[tokio::test]
async fn a_changed_sealed_text_is_refused_and_not_taken_for_a_destroyed_key() {
    for world in worlds(&[&MODULE]) {
        let sealed = write(&world, |tx| tx.seal("person:0001", "耳背")).await.unwrap();
        let (head, tail) = sealed.split_at(20);
        let flipped = if tail.starts_with('A') { "B" } else { "A" };
        let changed = format!("{head}{flipped}{}", &tail[1..]);
        let opened = world.write("look", Urgency::Urgent, &clerk(), move |tx| tx.unseal("person:0001", &changed)).await;
        assert!(matches!(opened, Err(anlan_store::StoreError::Key(_))), "{opened:?}");
    }
}
