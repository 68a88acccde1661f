//! How a call moves, without store, clock or carrier.

use std::time::Duration;

use anlan_kernel::{Instant, RegionCode};
use anlan_warn::{
    Call, CallState,
    flow::{CallEvent, Decision, Effect, RING_GRACE, apply},
    ladder::{Do, Ladder, Plan},
};
use proptest::prelude::*;
use rstest::rstest;

const PLAN: &str = r#"
[[ladder]]
id = "key"
title = { zh = "语音按键", en = "voice key" }
answered_by = "key"
first = "voice"
[[ladder.step]]
id = "voice"
do = "voice"
tries = 3
gap = "60s"
limit = "5m"
then = "sms"
[[ladder.step]]
id = "sms"
do = "sms"
limit = "3m"
then = "superior"
[[ladder.step]]
id = "superior"
do = "superior"
merge = "60s"
tries = 2
limit = "5m"
then = "not_reached"

[[ladder]]
id = "heard"
title = { zh = "听完即可", en = "heard" }
answered_by = "heard"
first = "voice"
[[ladder.step]]
id = "voice"
do = "voice"
tries = 1
limit = "3m"
then = "not_reached"
"#;

fn ladder(id: &str) -> Ladder {
    Plan::read("test@1", PLAN).expect("the plan is good").ladders[id].clone()
}

fn at(seconds: i64) -> Instant {
    Instant::from_secs(1_693_500_000 + seconds)
}

fn fresh(ladder: &str) -> Call {
    Call {
        id: "r/person:1".into(),
        round: "r".into(),
        callee: "person:1".into(),
        region: RegionCode::parse("440303001001").unwrap(),
        who: "community".into(),
        rank: "lead".into(),
        duties: serde_json::json!([]),
        deputies: vec!["person:2".into()],
        numbers: 1,
        ladder: ladder.into(),
        state: CallState::Calling,
        open: true,
        step: None,
        tries: 0,
        attempts: 0,
        last_attempt: 0,
        limit_at: None,
        rang_at: None,
        first_rang_at: None,
        heard: false,
        heard_at: None,
        key: None,
        via: None,
        by_whom: None,
        note: None,
        final_at: None,
        late_key: None,
        escalation: None,
        escalations: 0,
        token_hash: String::new(),
        opened_at: at(0),
        revision: 0,
    }
}

fn moved(call: &Call, event: CallEvent, now: Instant) -> Decision {
    apply(call, &ladder(&call.ladder), &event, now).expect("not refused").expect("something changes")
}

fn opened(ladder: &str) -> Call {
    moved(&fresh(ladder), CallEvent::Opened, at(0)).next
}

fn voice_key(digit: u8) -> CallEvent {
    CallEvent::Key { digit, via: "voice" }
}

#[test]
fn opening_queues_the_first_attempt_and_sets_the_latest_limit() {
    let decision = moved(&fresh("key"), CallEvent::Opened, at(0));
    let latest = at(0).plus(RING_GRACE).plus(Duration::from_secs(300));
    assert_eq!(
        decision.effects,
        [Effect::Attempt { number: 1, action: Do::Voice, due_at: at(0) }, Effect::SetLimit(latest)]
    );
}

#[test]
fn the_limit_starts_at_the_first_ring_and_later_rings_do_not_move_it() {
    let rang = moved(&opened("key"), CallEvent::Rang { attempt: 1, at: at(4) }, at(5)).next;
    assert_eq!(rang.limit_at, Some(at(4 + 300)));
    assert_eq!(apply(&rang, &ladder("key"), &CallEvent::Rang { attempt: 2, at: at(70) }, at(70)).unwrap(), None);
}

#[test]
fn a_late_first_ring_does_not_lengthen_the_step() {
    let rang = moved(&opened("key"), CallEvent::Rang { attempt: 1, at: at(200) }, at(200)).next;
    assert_eq!(rang.limit_at, Some(at(330)));
}

#[rstest]
#[case::arrived(1, vec![])]
#[case::cannot_come_calls_the_deputies(2, vec![Effect::CallDeputies])]
#[case::needs_help_rings_the_desk(3, vec![Effect::RingDesk])]
fn a_key_answers(#[case] digit: u8, #[case] more: Vec<Effect>) {
    let decision = moved(&opened("key"), voice_key(digit), at(20));
    assert_eq!((decision.next.state, decision.next.key), (CallState::Answered, Some(digit)));
    assert_eq!(decision.effects[2..], more);
}

#[rstest]
#[case(0)]
#[case(4)]
fn other_keys_change_nothing(#[case] digit: u8) {
    assert_eq!(apply(&opened("key"), &ladder("key"), &voice_key(digit), at(9)).unwrap(), None);
}

#[test]
fn hearing_in_full_ends_a_ladder_that_asks_no_more() {
    let decision = moved(&opened("heard"), CallEvent::HeardInFull { at: at(30) }, at(31));
    assert_eq!(decision.next.state, CallState::HeardInFull);
}

#[test]
fn hearing_in_full_is_weaker_than_a_key_and_counts_only_at_the_end() {
    let mut call = moved(&opened("key"), CallEvent::HeardInFull { at: at(30) }, at(31)).next;
    assert_eq!((call.state, call.heard_at), (CallState::Calling, Some(at(30))));
    for _ in 0..3 {
        call = moved(&call, CallEvent::AttemptEnded { attempt: call.attempts }, at(60)).next;
    }
    call = moved(&call, CallEvent::LimitReached, at(2_000)).next;
    assert_eq!(call.state, CallState::Escalated);
    let end = moved(&call, CallEvent::NobodyAccepted, at(3_000)).next;
    assert_eq!((end.state, end.heard_at, end.final_at), (CallState::HeardInFull, Some(at(30)), Some(at(3_000))));
}

#[test]
fn three_tries_then_message_then_superior_then_not_reached() {
    let mut call = opened("key");
    for want in [2, 3] {
        let decision = moved(&call, CallEvent::AttemptEnded { attempt: call.attempts }, at(want * 90));
        assert_eq!(decision.effects, [Effect::Attempt { number: want, action: Do::Voice, due_at: at(want * 90 + 60) }]);
        call = decision.next;
    }
    let message = moved(&call, CallEvent::AttemptEnded { attempt: 3 }, at(400));
    assert_eq!(message.next.step.as_deref(), Some("sms"));
    assert!(message.effects.contains(&Effect::Attempt { number: 4, action: Do::Sms, due_at: at(400) }));
    let up = moved(&message.next, CallEvent::LimitReached, at(400 + 30 + 180));
    assert!(up.effects.contains(&Effect::Escalate));
    assert_eq!(up.next.state, CallState::Escalated);
    let end = moved(&up.next, CallEvent::NobodyAccepted, at(2_000));
    assert_eq!(end.next.state, CallState::NotReached);
}

#[test]
fn the_end_of_an_earlier_attempt_changes_nothing() {
    let second = moved(&opened("key"), CallEvent::AttemptEnded { attempt: 1 }, at(30)).next;
    assert_eq!(apply(&second, &ladder("key"), &CallEvent::AttemptEnded { attempt: 1 }, at(31)).unwrap(), None);
}

#[test]
fn a_limit_that_is_not_due_changes_nothing() {
    assert_eq!(apply(&opened("key"), &ladder("key"), &CallEvent::LimitReached, at(100)).unwrap(), None);
}

#[rstest]
#[case::recorded(CallEvent::RecordedByColleague { by: "user:li".into() }, CallState::RecordedByColleague)]
#[case::on_site(CallEvent::ReachedOnSite { by: "user:li".into() }, CallState::ReachedOnSite)]
#[case::handed_over(CallEvent::HandedOver { to: "王街道".into() }, CallState::HandedOver)]
#[case::accepted(CallEvent::Accepted { by: "room:x".into() }, CallState::HandedOver)]
#[case::stopped(CallEvent::Stopped { by: "user:li".into() }, CallState::Cancelled)]
#[case::absorbed(CallEvent::Absorbed { round: "r1".into() }, CallState::Cancelled)]
fn people_and_rounds_end_a_call(#[case] event: CallEvent, #[case] want: CallState) {
    let ended = moved(&opened("key"), event, at(50)).next;
    assert_eq!((ended.state, ended.open, ended.final_at), (want, false, Some(at(50))));
    assert!(ended.by_whom.is_some());
}

#[test]
fn a_final_call_refuses_the_desk_and_keeps_a_late_answer_beside_its_state() {
    let ended = moved(&opened("key"), CallEvent::Stopped { by: "user:li".into() }, at(50)).next;
    let refused = apply(&ended, &ladder("key"), &CallEvent::ReachedOnSite { by: "user:li".into() }, at(60));
    assert_eq!(refused.unwrap_err().code, "call_is_final");
    let late = moved(&ended, voice_key(3), at(70));
    assert_eq!((late.next.state, late.next.late_key), (CallState::Cancelled, Some(3)));
    assert_eq!(late.effects, [Effect::RingDesk]);
}

#[rstest]
#[case::reached(CallEvent::ReachedOnSite { by: "user:li".into() }, CallState::ReachedOnSite)]
#[case::recorded(CallEvent::RecordedByColleague { by: "user:li".into() }, CallState::RecordedByColleague)]
#[case::handed_over(CallEvent::HandedOver { to: "person:9".into() }, CallState::HandedOver)]
fn whom_no_call_reached_an_officer_may_still_find(#[case] event: CallEvent, #[case] want: CallState) {
    let mut silent = opened("key");
    let silence = [CallEvent::LimitReached, CallEvent::LimitReached, CallEvent::NobodyAccepted];
    for (event, second) in silence.into_iter().zip([5_000, 10_000, 15_000]) {
        silent = moved(&silent, event, at(second)).next;
    }
    assert_eq!(silent.state, CallState::NotReached);
    let found = moved(&silent, event.clone(), at(30_000)).next;
    assert_eq!((found.state, found.open, found.final_at), (want, false, Some(at(30_000))));
    assert!(apply(&found, &ladder("key"), &event, at(40_000)).is_err(), "once found is found");
}

#[rstest]
#[case::cannot_come_after_all(1, 2, Some(2), None, "call.answered_again")]
#[case::can_come_after_all(2, 1, Some(1), None, "call.answered_again")]
#[case::danger_after_all(1, 3, Some(1), Some(3), "call.answered_late")]
#[case::danger_again(3, 3, Some(3), None, "call.asked_help_again")]
#[case::danger_over(3, 1, Some(1), None, "call.answered_again")]
fn a_second_thought_changes_what_was_said_and_not_the_state(
    #[case] first: u8,
    #[case] then: u8,
    #[case] key: Option<u8>,
    #[case] late: Option<u8>,
    #[case] event: &str,
) {
    let answered = moved(&opened("key"), voice_key(first), at(20)).next;
    let again = moved(&answered, CallEvent::SecondThought { digit: then }, at(60));
    assert_eq!((again.next.state, again.next.key, again.next.late_key), (CallState::Answered, key, late));
    assert_eq!(again.event, event);
    assert_eq!(again.effects.contains(&Effect::RingDesk), then == 3);
    assert_eq!(again.effects.contains(&Effect::CallDeputies), then == 2);
    let same = CallEvent::SecondThought { digit: then };
    if then != 3 {
        assert_eq!(apply(&again.next, &ladder("key"), &same, at(70)).unwrap(), None, "the same tap again");
    }
}

fn any_event() -> impl Strategy<Value = CallEvent> {
    prop_oneof![
        (1..6i64, 0..2_000i64).prop_map(|(attempt, t)| CallEvent::Rang { attempt, at: at(t) }),
        (0..5u8).prop_map(voice_key),
        Just(CallEvent::HeardInFull { at: at(1) }),
        (1..6i64).prop_map(|attempt| CallEvent::AttemptEnded { attempt }),
        Just(CallEvent::LimitReached),
        Just(CallEvent::NobodyAccepted),
        Just(CallEvent::Accepted { by: "room:x".into() }),
        Just(CallEvent::ReachedOnSite { by: "user:li".into() }),
        Just(CallEvent::Absorbed { round: "r1".into() }),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_a_call_ends_in_one_final_state_and_stays_there(
        events in prop::collection::vec((any_event(), 0..600i64), 0..40)
    ) {
        let ladder = ladder("key");
        let (mut call, mut now, mut finals) = (opened("key"), 0, Vec::new());
        for (event, wait) in events {
            now += wait;
            let before = call.clone();
            if let Ok(Some(decision)) = apply(&call, &ladder, &event, at(now)) {
                call = decision.next;
                let attempts = decision.effects.iter().filter(|it| matches!(it, Effect::Attempt { .. })).count();
                prop_assert_eq!(call.attempts - before.attempts, attempts as i64);
            }
            prop_assert_eq!(call.open, !call.state.is_final());
            if call.state.is_final() {
                finals.push(call.state);
            }
        }
        // Nobody says a word any more: time alone must end it.
        for _ in 0..4 {
            now += 10_000;
            for event in [CallEvent::LimitReached, CallEvent::NobodyAccepted] {
                let due = event == CallEvent::LimitReached || call.state == CallState::Escalated;
                if due && let Ok(Some(decision)) = apply(&call, &ladder, &event, at(now)) {
                    call = decision.next;
                }
            }
        }
        prop_assert!(call.state.is_final());
        // An officer may find whom no call reached; apart from that the end is the end.
        let unreached = finals.iter().take_while(|it| **it == CallState::NotReached).count();
        prop_assert!(finals[unreached..].iter().all(|it| *it == call.state));
    }
}
