//! The promises of the carrier towards the product, and what goes wrong on purpose.

mod common;

use std::{collections::BTreeMap, sync::atomic::Ordering};

use anlan_simulator::{
    carrier::{CarrierClient, CarrierConfig, CarrierError, FaultConfig, Span},
    protocol::{Event, Item, Taken},
};
use common::{Night, Product, START, at, call, ends, sms};

fn crowd(size: usize) -> Vec<Item> {
    (0..size)
        .map(|n| match n % 3 {
            0 => sms(&format!("sms-{n:04}"), &format!("139{n:08}")),
            _ => Item { priority: (n % 7) as u8, ..call(&format!("call-{n:04}"), &format!("138{:08}", n / 2)) },
        })
        .collect()
}

async fn log_of_a_night(config: &CarrierConfig, items: Vec<Item>) -> (String, Vec<String>) {
    let night = Night::with(config.clone()).await;
    for part in items.chunks(100) {
        night.client.submit(part.to_vec()).await.unwrap();
    }
    night.to_the_end().await;
    let seen = night.seen().all().iter().map(|it| serde_json::to_string(it).unwrap()).collect();
    (serde_json::to_string(&night.client.log().await.unwrap()).unwrap(), seen)
}

#[tokio::test]
async fn the_same_submits_in_any_order_give_the_same_night_byte_for_byte() {
    let faults = FaultConfig { too_many: 0.0, unavailable: 0.0, answer_lost: 0.0, ..FaultConfig::default() };
    let config = CarrierConfig { lines: 7, faults, ..CarrierConfig::exact(START) };
    let in_order = log_of_a_night(&config, crowd(400)).await;
    let mut shuffled = crowd(400);
    shuffled.reverse();
    shuffled.rotate_left(131);
    shuffled.sort_by_key(|item| item.key.as_bytes()[item.key.len() - 1]);
    let again = log_of_a_night(&config, shuffled).await;
    assert_eq!(in_order, again);
    let other = log_of_a_night(&CarrierConfig { seed: 2, ..config }, crowd(400)).await;
    assert_ne!(in_order.1, other.1);
}

#[tokio::test]
async fn every_accepted_call_ends_once_and_receipts_of_a_call_come_in_order() {
    let config = CarrierConfig { lines: 20, ..CarrierConfig::exact(START) };
    let night = Night::with(config).await;
    let calls: Vec<Item> = crowd(300).into_iter().filter(|item| item.key.starts_with("call")).collect();
    for part in calls.chunks(100) {
        night.client.submit(part.to_vec()).await.unwrap();
    }
    night.to_the_end().await;
    for item in calls {
        let receipts = night.seen().of(&item.key);
        assert_eq!(receipts.iter().filter(|it| ends(it.event)).count(), 1, "{}", item.key);
        assert!(receipts.is_sorted_by_key(|it| it.at), "{}", item.key);
    }
}

async fn answered_with(faults: FaultConfig) -> Night {
    let config = CarrierConfig { faults, ..CarrierConfig::exact(START) };
    let night = Night::with(config.script("13800000000", "answers:1").unwrap()).await;
    night.client.submit(vec![call("k", "13800000000")]).await.unwrap();
    night.to_the_end().await;
    night
}

#[tokio::test]
async fn doubled_receipts_carry_the_same_id() {
    let night = answered_with(FaultConfig { doubled: 1.0, ..FaultConfig::none() }).await;
    let mut times = BTreeMap::<String, usize>::new();
    for receipt in night.seen().all() {
        *times.entry(receipt.id).or_default() += 1;
    }
    assert_eq!(times.into_values().collect::<Vec<_>>(), [2, 2, 2, 2]);
    let log = night.carrier.log();
    assert_eq!((log.items["k"].dials.len(), log.items["k"].issued, log.items["k"].delivered), (1, 8, 8));
}

#[tokio::test]
async fn late_receipts_come_minutes_after_what_they_tell() {
    let night = answered_with(FaultConfig { late: 1.0, late_ms: Span::seconds(300), ..FaultConfig::none() }).await;
    let receipts = night.carrier.log().receipts;
    assert_eq!(receipts.len(), 4);
    assert!(receipts.iter().all(|it| it.delivered_at.since(it.at).as_secs() == 300));
}

#[tokio::test]
async fn an_overtaken_receipt_comes_after_a_later_one() {
    let faults = FaultConfig { overtaken: 0.5, overtaken_ms: Span(60_000, 90_000), ..FaultConfig::none() };
    let night = Night::with(CarrierConfig { faults, ..CarrierConfig::exact(START) }).await;
    let calls: Vec<Item> = (0..60).map(|n| call(&format!("k{n}"), &format!("138{n:08}"))).collect();
    night.client.submit(calls).await.unwrap();
    night.to_the_end().await;
    let disordered = (0..60).filter(|n| !night.seen().of(&format!("k{n}")).is_sorted_by_key(|it| it.at)).count();
    assert!(disordered > 5, "{disordered}");
}

#[tokio::test]
async fn a_forged_receipt_arrives_with_a_wrong_signature_and_only_once() {
    let night = answered_with(FaultConfig { forged: 1.0, ..FaultConfig::none() }).await;
    let forged = night.seen().forged.lock().unwrap().clone();
    assert_eq!(forged.len(), 1);
    assert_eq!((forged[0].event, forged[0].digit.as_deref()), (Event::Key, Some("1")));
    assert_eq!(night.seen().told("k"), "ringing answered key:1 hung_up");
    let log = night.carrier.log();
    assert_eq!((log.items["k"].forged, log.items["k"].delivered, log.totals.pending), (1, 4, 0));
}

#[tokio::test]
async fn nothing_is_lost_while_the_callback_is_down() {
    let night = Night::with(CarrierConfig { lines: 10, ..CarrierConfig::exact(START) }).await;
    night.client.submit(crowd(60)).await.unwrap();
    night.product.seen.answers.store(503, Ordering::SeqCst);
    let advanced = night.client.advance(at(30)).await.unwrap();
    assert!(advanced.failed > 0 && advanced.delivered == 0, "{advanced:?}");
    // The process is gone: nobody listens at that address any more.
    let Night { carrier, client, product } = night;
    drop(product);
    assert_eq!(client.advance(at(3_600)).await.unwrap().delivered, 0);
    let back = Product::listen(&CarrierConfig::default().secret).await;
    let next = client.callback(&back.url).await.unwrap();
    assert_eq!(next, Some(at(3_600)), "what failed is due at once");
    let night = Night { carrier, client, product: back };
    night.to_the_end().await;
    let log = night.carrier.log();
    let mut ids: Vec<String> = night.seen().all().into_iter().map(|it| it.id).collect();
    let issued: u32 = log.items.values().map(|item| item.issued).sum();
    assert_eq!((ids.len(), log.totals.pending), (issued as usize, 0));
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), issued as usize);
    assert!(night.seen().batches.lock().unwrap().iter().all(|count| *count <= 200));
}

#[tokio::test]
async fn an_advance_goes_on_when_whoever_asked_for_it_is_gone() {
    let night = Night::with(CarrierConfig::exact(START).script("13800000000", "answers:1").unwrap()).await;
    night.client.submit(vec![call("k", "13800000000")]).await.unwrap();
    let held = night.seen().held.write().await;
    let client = night.client.clone();
    let driver = tokio::spawn(async move { client.advance(at(600)).await });
    night.seen().entered.notified().await;
    driver.abort();
    assert!(driver.await.unwrap_err().is_cancelled());
    drop(held);
    night.client.advance(at(600)).await.unwrap();
    assert_eq!(night.seen().told("k"), "ringing answered key:1 hung_up");
    assert_eq!(night.carrier.log().totals.posts, 4);
}

#[tokio::test]
async fn receipts_wait_until_there_is_a_callback() {
    let night = Night::with(CarrierConfig::exact(START)).await;
    let alone = anlan_simulator::Carrier::start(CarrierConfig::exact(START)).await.unwrap();
    let client = alone.client().unwrap();
    client.submit(vec![sms("k", "13800000000")]).await.unwrap();
    assert_eq!(client.next().await.unwrap(), None);
    client.advance(at(600)).await.unwrap();
    client.callback(&night.product.url).await.unwrap();
    client.advance(at(600)).await.unwrap();
    assert_eq!(night.seen().of("k")[0].event, Event::Delivered);
}

#[tokio::test]
async fn receipts_of_one_instant_come_in_one_request() {
    let mut config = CarrierConfig::exact(START);
    config.sms.delivery_ms = Span::seconds(1);
    config.sms.people = anlan_simulator::carrier::SmsPeople { nothing: 1, reply1: 0, reply2: 0, reply3: 0, words: 0 };
    let night = Night::with(config).await;
    night.client.submit((0..450).map(|n| sms(&format!("k{n}"), &format!("138{n:08}"))).collect()).await.unwrap();
    night.to_the_end().await;
    assert_eq!(*night.seen().batches.lock().unwrap(), [200, 200, 50]);
}

#[tokio::test]
async fn a_key_seen_before_is_not_dialled_again() {
    let night = Night::with(CarrierConfig::exact(START).script("13800000000", "answers:1").unwrap()).await;
    let repeat = Item { repeat: true, ..call("k", "13800000000") };
    night.client.submit(vec![call("k", "13800000000"), call("k", "13800000000")]).await.unwrap();
    night.to_the_end().await;
    let answer = night.client.submit(vec![repeat]).await.unwrap();
    assert_eq!(answer.items[0].status, Taken::Duplicate);
    night.to_the_end().await;
    let log = night.client.log_of("k").await.unwrap();
    let item = &log.items["k"];
    assert_eq!((item.submits, item.duplicates, item.repeats, item.dials.len()), (3, 2, 1, 1));
}

#[tokio::test]
async fn a_gateway_that_forgets_keys_dials_again_and_is_caught_by_the_log() {
    let config = CarrierConfig { honours_keys: false, ..CarrierConfig::exact(START) };
    let night = Night::with(config.script("13800000000", "second-try:1").unwrap()).await;
    for _ in 0..2 {
        let answer = night.client.submit(vec![call("k", "13800000000")]).await.unwrap();
        assert_eq!(answer.items[0].status, Taken::Accepted);
        night.to_the_end().await;
    }
    assert_eq!(night.carrier.log().items["k"].dials.len(), 2);
    // The same key is the same attempt: the person does the same again, under new receipt ids.
    assert_eq!(night.seen().told("k"), "ringing failed:no_answer ringing failed:no_answer");
    let ids: std::collections::BTreeSet<String> = night.seen().all().into_iter().map(|it| it.id).collect();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn status_tells_what_was_told_so_far_and_can_be_switched_off() {
    let night = Night::with(CarrierConfig::exact(START).script("13800000000", "answers:1").unwrap()).await;
    night.client.submit(vec![call("轮次 1/张三&", "13800000000")]).await.unwrap();
    let early = night.client.status("轮次 1/张三&").await.unwrap();
    assert!(early.known && early.events.is_empty());
    night.to_the_end().await;
    let late = night.client.status("轮次 1/张三&").await.unwrap();
    assert_eq!(late.events, night.seen().of("轮次 1/张三&"));
    assert!(!night.client.status("nobody").await.unwrap().known);

    let mute = Night::with(CarrierConfig { answers_status: false, ..CarrierConfig::exact(START) }).await;
    assert_eq!(refused(mute.client.status("k").await), (404, None));
}

fn refused<T: std::fmt::Debug>(answer: Result<T, CarrierError>) -> (u16, Option<u32>) {
    match answer {
        Err(CarrierError::Refused { status, retry_after, .. }) => (status, retry_after),
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn beyond_the_rate_nothing_is_taken_and_the_next_second_takes_it() {
    let config = CarrierConfig { items_per_second: Some(100), ..CarrierConfig::exact(START) };
    let night = Night::with(config).await;
    let items = |from: usize| -> Vec<Item> {
        (from..from + 60).map(|n| call(&format!("k{n}"), &format!("138{n:08}"))).collect()
    };
    night.client.submit(items(0)).await.unwrap();
    assert_eq!(refused(night.client.submit(items(60)).await), (429, Some(1)));
    assert_eq!(night.carrier.log().items.len(), 60);
    night.client.advance(at(1)).await.unwrap();
    night.client.submit(items(60)).await.unwrap();
    let log = night.carrier.log();
    assert_eq!((log.items.len(), log.totals.too_many), (120, 1));
}

#[tokio::test]
async fn a_lost_answer_took_the_items_and_the_repeat_is_a_duplicate() {
    let faults = FaultConfig { answer_lost: 0.5, unavailable: 0.3, too_many: 0.3, ..FaultConfig::none() };
    let night = Night::with(CarrierConfig { faults, ..CarrierConfig::exact(START) }).await;
    for n in 0..40 {
        let key = format!("k{n}");
        while night.client.submit(vec![call(&key, "13800000000")]).await.is_err() {}
    }
    let log = night.carrier.log();
    assert!(log.totals.answers_lost > 0 && log.totals.unavailable > 0 && log.totals.too_many > 0);
    let duplicates: u32 = log.items.values().map(|item| item.duplicates).sum();
    assert_eq!(u64::from(duplicates), log.totals.answers_lost);
    night.to_the_end().await;
    assert!(night.carrier.log().items.values().all(|item| item.dials.len() == 1));
}

#[tokio::test]
async fn a_wrong_secret_a_wrong_token_and_a_wrong_body_are_turned_away() {
    let config = CarrierConfig { control_token: Some("steering".into()), ..CarrierConfig::exact(START) };
    let night = Night::with(config).await;
    let stranger = CarrierClient::new(night.carrier.url(), "guess").unwrap();
    assert_eq!(refused(stranger.submit(vec![call("k", "13800000000")]).await).0, 401);
    assert_eq!(refused(stranger.status("k").await).0, 401);
    assert_eq!(refused(stranger.next().await).0, 401);
    assert_eq!(refused(stranger.with_control_token("guess").advance(at(1)).await).0, 401);
    assert_eq!(refused(night.client.submit(vec![call("k", "1"); 501]).await).0, 413);
    assert_eq!(refused(night.client.callback("http://192.0.2.1/receipts").await).0, 400);
    let log = night.carrier.log();
    assert_eq!((log.items.len(), log.totals.bad_signatures), (0, 2));
}

#[tokio::test]
async fn time_does_not_go_back() {
    let night = Night::with(CarrierConfig::exact(START)).await;
    night.client.advance(at(60)).await.unwrap();
    night.client.advance(at(10)).await.unwrap();
    night.client.submit(vec![call("k", "13800000000")]).await.unwrap();
    assert_eq!(night.client.next().await.unwrap(), Some(at(60)));
}

#[tokio::test]
async fn following_the_wall_it_drives_itself() {
    let mut config = CarrierConfig { faults: FaultConfig::none(), ..CarrierConfig::default() };
    config.sms.delivery_ms = Span(0, 3);
    config.sms.reply_ms = Span(0, 3);
    let night = Night::with(config).await;
    assert_eq!(refused(night.client.advance(at(1)).await).0, 409);
    let items: Vec<Item> = (0..2_000).map(|n| sms(&format!("k{n}"), &format!("138{n:08}"))).collect();
    for part in items.chunks(500) {
        night.client.submit(part.to_vec()).await.unwrap();
    }
    let issued: u32 = night.carrier.log().items.values().map(|item| item.issued).sum();
    night.seen().wait_for(issued as usize).await;
    assert_eq!(night.seen().all().len(), issued as usize);
}
