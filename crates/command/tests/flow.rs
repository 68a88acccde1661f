//! Responses and hand-overs as tables of moves, and as any sequence of events.

use std::time::Duration;

use anlan_command::{
    handover::{HandOver, State as Shift, flow as handover},
    response::{
        Kind, Response, State, Step, StepState,
        flow::{self, Decide},
    },
};
use anlan_kernel::{Instant, RegionCode};
use proptest::prelude::*;
use rstest::rstest;

const NOW: Instant = Instant::from_secs(1_693_540_800);
const DAY: Duration = Duration::from_secs(86_400);

fn response(state: State, level: Option<u8>) -> Response {
    Response {
        id: "rs".into(),
        plan: "typhoon".into(),
        title: "防台风".into(),
        hazard: "typhoon".into(),
        region: RegionCode::parse("440303").unwrap(),
        process: None,
        state,
        open: matches!(state, State::Proposed | State::Running),
        level,
        event_grade: None,
        steps: 0,
        opened_at: NOW,
        started_at: None,
        ended_at: None,
        invented: false,
        revision: 0,
    }
}

fn step(kind: Kind, level: Option<u8>, state: StepState) -> Step {
    Step {
        id: "rs#1".into(),
        response: "rs".into(),
        region: RegionCode::parse("440303").unwrap(),
        number: 1,
        kind,
        level,
        warning: None,
        cause: "红色信号".into(),
        cause_id: "s".into(),
        invented: false,
        basis: "5.3".into(),
        pack: "response@1".into(),
        state,
        proposed_at: NOW,
        proposed_by: "system:feed".into(),
        decided_at: None,
        decided_by: None,
        verbal: false,
        approver: None,
        approver_number: None,
        note: None,
        sign_due_at: None,
        signed_at: None,
        signed_by: None,
        asked: 0,
        chased: 0,
        revision: 0,
    }
}

#[rstest]
#[case::nothing_asks_for_nothing(None, None, None)]
#[case::a_signal_asks_for_a_start(None, Some(2), Some((Kind::Start, Some(2))))]
#[case::a_graver_one_for_a_raise(Some(3), Some(1), Some((Kind::Raise, Some(1))))]
#[case::a_fall_for_a_lowering(Some(1), Some(3), Some((Kind::Lower, Some(3))))]
#[case::an_all_clear_for_the_end(Some(1), None, Some((Kind::End, None)))]
#[case::the_same_for_nothing(Some(2), Some(2), None)]
fn what_the_causes_ask_for(
    #[case] level: Option<u8>,
    #[case] target: Option<u8>,
    #[case] want: Option<(Kind, Option<u8>)>,
) {
    let running = level.map(|it| response(State::Running, Some(it)));
    assert_eq!(flow::wanted(running.as_ref(), target), want);
}

fn by() -> String {
    "user:chen".into()
}

#[rstest]
#[case::open_is_approved(StepState::Open, Decide::Approve { by: by() }, Ok(StepState::Approved))]
#[case::open_is_declined(StepState::Open, Decide::Decline { by: by(), note: None }, Ok(StepState::Declined))]
#[case::open_takes_a_verbal_yes(
    StepState::Open,
    Decide::Verbal { by: by(), approver: "林".into(), number: "8021".into() },
    Ok(StepState::Approved)
)]
#[case::a_verbal_yes_names_somebody(
    StepState::Open,
    Decide::Verbal { by: by(), approver: " ".into(), number: String::new() },
    Err("bad_approver")
)]
#[case::its_number_can_be_dialled(
    StepState::Open,
    Decide::Verbal { by: by(), approver: "林".into(), number: "12ab".into() },
    Err("bad_number")
)]
#[case::with_what_stands_between_digits(
    StepState::Open,
    Decide::Verbal { by: by(), approver: "林".into(), number: "+86（0755）2566-6666".into() },
    Ok(StepState::Approved)
)]
#[case::decided_is_decided(StepState::Approved, Decide::Decline { by: by(), note: None }, Err("step_is_decided"))]
#[case::superseded_is_over(StepState::Superseded, Decide::Approve { by: by() }, Err("step_is_decided"))]
#[case::only_a_verbal_yes_is_signed(StepState::Approved, Decide::Sign { by: by() }, Err("nothing_to_sign"))]
fn a_step_moves(#[case] state: StepState, #[case] what: Decide, #[case] want: Result<StepState, &str>) {
    let got = flow::decide(&step(Kind::Start, Some(1), state), what, NOW, DAY);
    assert_eq!(got.map(|it| it.state).map_err(|it| it.code), want.map_err(str::to_owned));
}

#[test]
fn approvers_are_asked_twice_each_and_then_nobody() {
    let asked: Vec<_> = (0..6).map(|it| flow::approver(it, 2)).collect();
    assert_eq!(asked, [Some(0), Some(0), Some(1), Some(1), None, None]);
}

#[derive(Clone, Debug)]
enum Happens {
    Causes(Option<u8>),
    Decides(u8),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        prop_oneof![Just(None), (1u8..=4).prop_map(Some)].prop_map(Happens::Causes),
        (0u8..4).prop_map(Happens::Decides),
    ]
}

proptest! {
    #[test]
    fn only_an_approval_changes_a_level_and_nothing_ended_moves(events in proptest::collection::vec(happens(), 0..40)) {
        let mut now = response(State::Proposed, None);
        let (mut open, mut verbal): (Option<Step>, Vec<Step>) = (None, Vec::new());
        for event in events {
            let before = now.clone();
            match event {
                Happens::Causes(target) if now.open => {
                    if let Some((kind, level)) = flow::wanted(Some(&now), target) {
                        open = Some(step(kind, level, StepState::Open));
                    }
                    prop_assert_eq!(&now, &before, "a cause proposes and moves nothing");
                }
                Happens::Causes(_) => {}
                Happens::Decides(how) => {
                    let Some(asked) = open.take() else { continue };
                    let what = match how {
                        0 => Decide::Approve { by: by() },
                        1 => Decide::Verbal { by: by(), approver: "林".into(), number: String::new() },
                        2 => Decide::Decline { by: by(), note: None },
                        _ => Decide::Sign { by: by() },
                    };
                    let Ok(decided) = flow::decide(&asked, what, NOW, DAY) else { open = Some(asked); continue };
                    now = flow::carried(&now, &decided, NOW);
                    if decided.state == StepState::Declined {
                        prop_assert_eq!(now.level, before.level);
                    } else {
                        prop_assert!(decided.decided_by.is_some());
                        prop_assert_eq!(decided.verbal, decided.sign_due_at.is_some());
                    }
                    if decided.verbal { verbal.push(decided); }
                }
            }
            prop_assert_eq!(now.open, matches!(now.state, State::Proposed | State::Running));
            prop_assert_eq!(now.state == State::Running, now.open && now.level.is_some());
            prop_assert_eq!(now.event_grade, None, "nobody judged the event");
        }
        for it in verbal {
            let recorder = flow::decide(&it, Decide::Sign { by: by() }, NOW, DAY);
            prop_assert_eq!(recorder.map_err(|it| it.code), Err("same_person".to_owned()));
            let other = || Decide::Sign { by: "user:lin".into() };
            let signed = flow::decide(&it, other(), NOW, DAY).unwrap();
            let again = flow::decide(&signed, other(), NOW, DAY);
            prop_assert!(signed.signed_at.is_some());
            prop_assert_eq!(again.unwrap_err().code, "nothing_to_sign");
        }
    }
}

fn handed_over(state: Shift) -> HandOver {
    HandOver {
        id: "ho".into(),
        region: RegionCode::parse("440303").unwrap(),
        state,
        made_at: NOW,
        outgoing: "user:zhou".into(),
        outgoing_name: Some("周".into()),
        incoming: None,
        incoming_name: None,
        accepted_at: None,
        items: Some(Vec::new()),
        remark: None,
        withdrawn_at: (state == Shift::Withdrawn).then_some(NOW),
        reason: None,
        revision: 0,
    }
}

#[rstest]
#[case::whoever_signed_takes_it_back(Shift::Signed, "user:zhou", Some("排错班"), None)]
#[case::with_a_reason(Shift::Signed, "user:zhou", None, Some("bad_reason"))]
#[case::nobody_else_does(Shift::Signed, "user:he", Some("排错班"), Some("not_the_signer"))]
#[case::nor_after_both_signed(Shift::Accepted, "user:zhou", Some("排错班"), Some("hand_over_is_closed"))]
#[case::nor_twice(Shift::Withdrawn, "user:zhou", Some("排错班"), Some("hand_over_is_closed"))]
fn a_hand_over_is_withdrawn(
    #[case] state: Shift,
    #[case] login: &str,
    #[case] reason: Option<&str>,
    #[case] refused: Option<&str>,
) {
    let got = handover::withdraw(&handed_over(state), login, reason.map(str::to_owned), NOW);
    assert_eq!(got.as_ref().err().map(|it| it.code.as_str()), refused);
    if let Ok(it) = got {
        assert_eq!((it.state, it.withdrawn_at, it.reason.as_deref()), (Shift::Withdrawn, Some(NOW), reason));
    }
}

#[rstest]
#[case::the_next_officer_accepts(Shift::Signed, "user:he", true, None)]
#[case::nobody_accepts_unread(Shift::Signed, "user:he", false, Some("bad_checked"))]
#[case::nobody_hands_over_to_themselves(Shift::Signed, "user:zhou", true, Some("same_officer"))]
#[case::nobody_accepts_what_was_withdrawn(Shift::Withdrawn, "user:he", true, Some("hand_over_is_closed"))]
#[case::what_both_signed_never_changes(Shift::Accepted, "user:he", true, Some("hand_over_is_closed"))]
fn a_hand_over_moves(#[case] state: Shift, #[case] login: &str, #[case] checked: bool, #[case] refused: Option<&str>) {
    let got = handover::accept(&handed_over(state), login, "何", checked, NOW);
    assert_eq!(got.as_ref().err().map(|it| it.code.as_str()), refused);
    if let Ok(it) = got {
        assert_eq!((it.state, it.incoming.as_deref(), it.accepted_at), (Shift::Accepted, Some("user:he"), Some(NOW)));
    }
}
