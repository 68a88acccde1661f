//! The testbed itself.

use anlan_kernel::Actor;
use anlan_store::Urgency;
use anlan_testbed::worlds;

#[test]
fn both_engines_give_a_world_that_writes_and_survives_a_restart() {
    for mut world in worlds(&[]) {
        let wrote = world.write_sync("note", Urgency::Urgent, &Actor::system("test"), |tx| {
            tx.record(anlan_store::Event::new("note.taken", "one"))
        });
        assert!(wrote.is_ok(), "{wrote:?}");
        world.reopen();
        let seen = world.write_sync("look", Urgency::Urgent, &Actor::system("test"), |tx| {
            tx.query_everywhere("SELECT event FROM journal", &[])?[0].text(0)
        });
        assert_eq!(seen.unwrap(), "note.taken");
    }
}

#[tokio::test]
async fn a_world_on_postgresql_opens_and_closes_inside_async_code() {
    for world in worlds(&[]) {
        assert_eq!(world.next_deadline().await.unwrap(), None);
    }
}
