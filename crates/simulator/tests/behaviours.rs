//! Every prescribed behaviour, as the product hears of it.

mod common;

use anlan_simulator::{
    carrier::{CarrierConfig, Span, VoiceConfig},
    protocol::Taken,
};
use common::{Night, START, at, call, sms};

const NUMBER: &str = "13800000000";

fn scripted(behaviour: &str) -> CarrierConfig {
    CarrierConfig::exact(START).script(NUMBER, behaviour).unwrap()
}

#[rstest::rstest]
#[case::never("never", "ringing failed:no_answer")]
#[case::key1("answers:1", "ringing answered key:1 hung_up")]
#[case::key2("key2", "ringing answered key:2 hung_up")]
#[case::key3("key3", "ringing answered key:3 hung_up")]
#[case::heard("heard", "ringing answered heard_in_full hung_up")]
#[case::hangs_up("hangs-up", "ringing answered hung_up")]
#[case::drops("drops", "ringing answered hung_up")]
#[case::rejects("rejects", "ringing failed:rejected")]
#[case::busy("busy", "failed:busy")]
#[case::power_off("power-off", "failed:power_off")]
#[case::empty("empty", "failed:empty_number")]
#[case::silent("answers:1; silent", "")]
#[case::only_messages_prescribed("sms-reply:1", "ringing failed:no_answer")]
#[case::a_key_nobody_listens_for("answers:9", "ringing answered heard_in_full hung_up")]
#[tokio::test]
async fn a_call_to_a_prescribed_number(#[case] behaviour: &str, #[case] want: &str) {
    let mut config = scripted(behaviour);
    config.voice.talk_ms = Span::seconds(30); // keys come at 9 to 28 s
    let night = Night::with(config).await;
    night.client.submit(vec![call("k", NUMBER)]).await.unwrap();
    night.to_the_end().await;
    assert_eq!(night.seen().told("k"), want);
    assert_eq!(night.client.log_of("k").await.unwrap().items["k"].dials, [START]);
}

#[rstest::rstest]
#[case::reply("sms-reply:1", "delivered reply:1")]
#[case::words("sms-text:马上到", "delivered reply:马上到")]
#[case::none("sms-none", "delivered")]
#[case::failed("sms-failed", "failed:undelivered")]
#[case::empty("empty", "failed:empty_number")]
#[case::power_off("power-off", "failed:power_off")]
#[case::only_calls_prescribed("answers:1", "delivered")]
#[case::silent("sms-reply:1; silent", "")]
#[tokio::test]
async fn a_message_to_a_prescribed_number(#[case] behaviour: &str, #[case] want: &str) {
    let night = Night::with(scripted(behaviour)).await;
    night.client.submit(vec![sms("k", NUMBER)]).await.unwrap();
    night.to_the_end().await;
    assert_eq!(night.seen().told("k"), want);
    assert!(night.seen().all().iter().all(|it| it.text.is_none() || it.from.as_deref() == Some(NUMBER)));
}

#[tokio::test]
async fn the_second_try_is_answered() {
    let night = Night::with(scripted("second-try:1")).await;
    for key in ["first", "second"] {
        night.client.submit(vec![call(key, NUMBER)]).await.unwrap();
        night.to_the_end().await;
    }
    assert_eq!(night.seen().told("first"), "ringing failed:no_answer");
    assert_eq!(night.seen().told("second"), "ringing answered key:1 hung_up");
}

#[rstest::rstest]
#[case::on_the_list(call("k", NUMBER), "blocked")]
#[case::letters(call("k", "138-0000"), "bad_number")]
#[case::nobody(call("k", ""), "bad_number")]
#[case::nothing_to_say(anlan_simulator::protocol::Item { text: String::new(), ..call("k", "13900000000") }, "no_text")]
#[case::too_much(anlan_simulator::protocol::Item { text: "雨".repeat(1_001), ..call("k", "13900000000") }, "too_long")]
#[case::no_key(call("", "13900000000"), "bad_key")]
#[tokio::test]
async fn a_refusal_names_its_reason_and_spares_the_others(
    #[case] item: anlan_simulator::protocol::Item,
    #[case] code: &str,
) {
    let night = Night::with(scripted("refuse")).await;
    let key = item.key.clone();
    let answer = night.client.submit(vec![item, call("good", "13900000001")]).await.unwrap();
    assert_eq!((answer.items[0].status, answer.items[0].code.as_deref()), (Taken::Refused, Some(code)));
    assert_eq!(answer.items[1].status, Taken::Accepted);
    night.to_the_end().await;
    assert_eq!(night.seen().told(&key), "");
    assert!(night.carrier.log().items[&key].dials.is_empty());
    assert!(!night.client.status(&key).await.unwrap().known);
}

/// Everbridge's published rule of thumb for throttled calling: 2 000 calls of two minutes over
/// 40 lines take 100 minutes.
#[tokio::test]
async fn two_thousand_two_minute_calls_over_forty_lines_take_a_hundred_minutes() {
    let mut config = CarrierConfig::exact(START);
    config.lines = 40;
    config.voice = VoiceConfig {
        dial_ms: Span::seconds(2),
        ring_ms: Span::seconds(10),
        key_ms: Span::seconds(100),
        after_key_ms: Span::seconds(8),
        talk_ms: Span::seconds(60),
        ..VoiceConfig::default()
    };
    for n in 0..2_000 {
        config = config.script(&format!("138{n:08}"), "answers:1").unwrap();
    }
    let night = Night::with(config).await;
    for part in 0..4 {
        let items = (part * 500..(part + 1) * 500).map(|n| call(&format!("call-{n:04}"), &format!("138{n:08}")));
        night.client.submit(items.collect()).await.unwrap();
    }
    assert_eq!(night.to_the_end().await, Some(at(100 * 60)));
    let log = night.carrier.log();
    for line in 1..=40 {
        assert_eq!(log.items.values().filter(|item| item.lines == [line]).count(), 50, "line {line}");
    }
    for minute in (0..100).step_by(2) {
        let dialled = log.items.values().filter(|item| item.dials == [at(minute * 60)]).count();
        assert_eq!(dialled, 40, "minute {minute}");
    }
    let over = night.seen().all().into_iter().filter(|it| common::ends(it.event)).map(|it| it.at).max();
    assert_eq!(over, Some(at(100 * 60)));
}

#[tokio::test]
async fn a_call_without_a_line_fails_at_its_hour() {
    let mut config = scripted("never");
    config.lines = 1;
    config.no_line_after_ms = Some(20_000);
    let night = Night::with(config).await;
    night.client.submit(vec![call("a", NUMBER), call("b", NUMBER)]).await.unwrap();
    night.to_the_end().await;
    assert_eq!(night.seen().told("a"), "ringing failed:no_answer");
    assert_eq!(night.seen().told("b"), "failed:no_line");
    assert_eq!(night.seen().of("b")[0].at, at(20));
    assert!(night.carrier.log().items["b"].dials.is_empty());
}
