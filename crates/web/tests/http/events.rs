//! The live stream.

use anlan_kernel::Actor;
use anlan_testbed::Engine;
use anlan_web::accounts;
use rstest::rstest;
use serde_json::json;

use crate::bed::{Bed, Stream, bearer, form, get, with};

#[rstest]
#[tokio::test]
async fn sealed_entries_of_the_own_regions_come_in_order_and_go_on_where_they_stopped(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    bed.account("zhang", "duty_officer").await;
    let token = bed.token("zhang").await;
    bed.entry("round.started", "r1", Some("440303")).await;
    let mut stream = Stream::open(&bed.app, bearer(get("/api/v1/events?after=0"), &token)).await;
    let (first, event, data) = stream.next().await.unwrap();
    assert_eq!(event, "round.started");
    assert_eq!(data, json!({"subject": "r1", "region": "440303", "at": anlan_testbed::NOON}));
    bed.entry("call.answered", "elsewhere", Some("440304001")).await;
    bed.entry("account.created", "nowhere", None).await;
    bed.entry("call.answered", "c1", Some("440303001002")).await;
    bed.entry("call.answered", "c2", Some("440303001003")).await;
    let (second, _, data) = stream.next().await.unwrap();
    assert_eq!((second, data["subject"].clone()), (first + 3, json!("c1")));
    let (third, _, data) = stream.next().await.unwrap();
    assert_eq!((third, data["subject"].clone()), (second + 1, json!("c2")));
    let again = with(bearer(get("/api/v1/events?after=0"), &token), "last-event-id", &second.to_string());
    let mut resumed = Stream::open(&bed.app, again).await;
    assert_eq!(resumed.next().await.unwrap().2["subject"], "c2");
}

#[rstest]
#[case::future("99999")]
#[case::nonsense("yesterday")]
#[tokio::test]
async fn an_unknown_cursor_is_told_to_read_anew(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[case] cursor: &str,
) {
    let bed = Bed::new(engine).await;
    bed.account("zhang", "duty_officer").await;
    let token = bed.token("zhang").await;
    bed.entry("round.started", "r1", Some("440303")).await;
    let mut stream = Stream::open(&bed.app, bearer(get(&format!("/api/v1/events?after={cursor}")), &token)).await;
    let (id, event, data) = stream.next().await.unwrap();
    assert_eq!((event.as_str(), data), ("reset", json!({"position": id})));
    bed.entry("round.ended", "r1", Some("440303")).await;
    assert_eq!(stream.next().await.unwrap().1, "round.ended");
}

#[rstest]
#[tokio::test]
async fn unsealed_entries_are_not_shown(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::new(engine).await;
    bed.account("shenji", "audit_admin").await;
    let token = bed.token("shenji").await;
    bed.entry("round.started", "sealed", None).await;
    let position = anlan_store::journal::sealed_position(&bed.world).await.unwrap();
    // Made but not sealed: it has no position, so nobody is told.
    accounts::unlock(&bed.world, &Actor::system("test"), "shenji").await.unwrap();
    let mut stream =
        Stream::open(&bed.app, bearer(get(&format!("/api/v1/events?after={}", position - 1)), &token)).await;
    assert_eq!(stream.next().await.unwrap().2["subject"], "sealed");
    bed.entry("round.ended", "r1", None).await;
    let events = [stream.next().await.unwrap().1, stream.next().await.unwrap().1];
    assert_eq!(events, ["account.unlocked", "round.ended"]);
}

#[rstest]
#[case::log_out(true)]
#[case::disabled(false)]
#[tokio::test]
async fn the_stream_ends_with_the_session(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[case] by_themselves: bool,
) {
    let bed = Bed::new(engine).await;
    let cookie = bed.signed_in("zhang", "duty_officer").await;
    let mut stream = Stream::open(&bed.app, with(get("/api/v1/events"), "cookie", &cookie)).await;
    if by_themselves {
        bed.call(with(form("/logout", &[]), "cookie", &cookie)).await;
    } else {
        let manager = bed.signed_in("anquan", "security_admin").await;
        bed.call(with(form("/api/v1/accounts/zhang/disable", &[]), "cookie", &manager)).await;
    }
    assert_eq!(stream.next().await, None);
}
