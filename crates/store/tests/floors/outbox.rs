//! The outbox: the gravest first, then what was due first, each channel by itself.

use std::time::Duration;

use anlan_kernel::Instant;
use anlan_store::{Event, OutboxItem, Sending, World, outbox};
use anlan_testbed::{NOON, worlds};
use serde_json::json;

use crate::kit::{MODULE, clerk, clerk_of, region, write};

fn item(id: &str, channel: &str, priority: i64, due_in: u64) -> OutboxItem {
    OutboxItem {
        id: id.into(),
        channel: channel.into(),
        kind: "voice".into(),
        subject: format!("call:{id}"),
        region: region("440303001"),
        priority,
        due_at: NOON.plus(Duration::from_secs(due_in)),
        state: Sending::Queued,
        tries: 0,
        payload: json!({"number": "of person:1"}),
        outcome: None,
        sent_at: None,
        revision: 0,
    }
}

async fn post(world: &World, items: Vec<OutboxItem>) {
    write(world, move |tx| {
        for item in &items {
            tx.put(item)?;
        }
        tx.record(Event::new("calls.queued", "round:1"))
    })
    .await
    .unwrap();
}

async fn due(world: &World, channel: &'static str, most: usize) -> Vec<String> {
    let items = world.read(&clerk(), move |tx| outbox::due_items(tx, channel, most)).await.unwrap();
    items.into_iter().map(|it| it.id).collect()
}

#[tokio::test]
async fn a_channel_sends_the_gravest_first_then_what_was_due_first() {
    for world in worlds(&[&MODULE]) {
        let sent = OutboxItem { state: Sending::Sent, ..item("sent", "voice", 0, 0) };
        post(
            &world,
            vec![
                item("d", "voice", 1, 0),
                item("c", "voice", 0, 10),
                item("b", "voice", 0, 5),
                item("a", "voice", 0, 5),
                item("later", "voice", 0, 3600),
                item("other", "sms", 0, 0),
                sent,
            ],
        )
        .await;
        assert_eq!(due(&world, "voice", 10).await, ["d"], "nothing else is due yet");
        world.clock().move_to(NOON.plus(Duration::from_secs(60)));
        assert_eq!(due(&world, "voice", 10).await, ["a", "b", "c", "d"]);
        assert_eq!(due(&world, "voice", 2).await, ["a", "b"]);
        assert_eq!(due(&world, "sms", 10).await, ["other"]);
    }
}

#[tokio::test]
async fn the_next_moment_of_the_outbox_is_the_earliest_of_what_waits() {
    for world in worlds(&[&MODULE]) {
        let next = async || -> Option<Instant> { world.read(&clerk(), outbox::next_due).await.unwrap() };
        assert_eq!(next().await, None);
        let dropped = OutboxItem { state: Sending::Dropped, ..item("dropped", "voice", 0, 1) };
        post(&world, vec![item("b", "voice", 0, 30), item("a", "sms", 5, 20), dropped]).await;
        assert_eq!(next().await, Some(NOON.plus(Duration::from_secs(20))));
    }
}

#[tokio::test]
async fn messages_of_other_regions_are_not_seen() {
    for world in worlds(&[&MODULE]) {
        let far = OutboxItem { region: region("440304001"), ..item("far", "voice", 0, 0) };
        post(&world, vec![item("near", "voice", 0, 0), far]).await;
        let seen = world.read(&clerk_of(&["440303"]), |tx| outbox::due_items(tx, "voice", 10)).await.unwrap();
        assert_eq!(seen.into_iter().map(|it| it.id).collect::<Vec<_>>(), ["near"]);
    }
}
