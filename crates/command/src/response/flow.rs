//! How a response moves: pure decisions; no store, no clock.

use std::time::Duration;

use anlan_kernel::{Instant, Problem};
use anlan_register::phone;

use super::model::{Kind, Response, State, Step, StepState};

/// What the causes in force ask for, seen from where the response stands; `None` where it stands as it
/// should. `target` is the level they lead to, none where they lead to no response any more.
pub fn wanted(response: Option<&Response>, target: Option<u8>) -> Option<(Kind, Option<u8>)> {
    let level = response.filter(|it| it.state == State::Running).and_then(|it| it.level);
    match (level, target) {
        (None, Some(level)) => Some((Kind::Start, Some(level))),
        (Some(now), Some(level)) if level < now => Some((Kind::Raise, Some(level))),
        (Some(now), Some(level)) if level > now => Some((Kind::Lower, Some(level))),
        (Some(_), None) => Some((Kind::End, None)),
        _ => None,
    }
}

/// What a person does with a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decide {
    /// 签批: one key.
    Approve {
        /// Account.
        by: String,
    },
    /// 电话口头同意, recorded by the duty officer.
    Verbal {
        /// Account of who records.
        by: String,
        /// Who said yes.
        approver: String,
        /// At which number.
        number: String,
    },
    /// 不同意.
    Decline {
        /// Account.
        by: String,
        /// Why.
        note: Option<String>,
    },
    /// 补签 of a verbal yes.
    Sign {
        /// Account.
        by: String,
    },
}

/// Decides a step; performs nothing.
///
/// # Errors
/// A refusal that says why not.
pub fn decide(step: &Step, what: Decide, now: Instant, sign_within: Duration) -> Result<Step, Problem> {
    use Decide as D;
    use StepState as S;
    let decided = |state, by: String| Step { state, decided_at: Some(now), decided_by: Some(by), ..step.clone() };
    match (step.state, what) {
        (S::Open, D::Approve { by }) => Ok(decided(S::Approved, by)),
        (S::Open, D::Verbal { by, approver, number }) => {
            if approver.trim().is_empty() {
                let (zh, en) = ("请写明谁在电话里同意", "name who said yes on the telephone");
                return Err(Problem::new("bad_approver", zh, en).field("approver"));
            }
            if !number.trim().is_empty() && !phone::is_written(&number) {
                let zh = "号码只写数字，可带 +、-、括号和空格，如 0755-25666666";
                let en = "a number has digits, and may have +, -, brackets and blanks";
                return Err(Problem::new("bad_number", zh, en).field("number"));
            }
            let (approver, approver_number) = (Some(approver), Some(number).filter(|it| !it.trim().is_empty()));
            let sign_due_at = Some(now.plus(sign_within));
            Ok(Step { verbal: true, approver, approver_number, sign_due_at, ..decided(S::Approved, by) })
        }
        (S::Open, D::Decline { by, note }) => Ok(Step { note, ..decided(S::Declined, by) }),
        (S::Approved, D::Sign { by }) if step.verbal && step.decided_by.as_ref() == Some(&by) => {
            let (zh, en) = ("登记口头同意的人不能自己补签", "whoever recorded the verbal yes cannot sign it");
            Err(Problem::new("same_person", zh, en))
        }
        (S::Approved, D::Sign { by }) if step.verbal && step.signed_at.is_none() => {
            Ok(Step { signed_at: Some(now), signed_by: Some(by), ..step.clone() })
        }
        (_, D::Sign { .. }) => {
            Err(Problem::new("nothing_to_sign", "没有待补签的口头同意", "there is no verbal yes to be signed"))
        }
        (S::Approved | S::Declined | S::Superseded, _) => {
            Err(Problem::new("step_is_decided", "这条建议已有结论", "this proposal was decided before"))
        }
    }
}

/// The response after a step was decided.
pub fn carried(response: &Response, step: &Step, now: Instant) -> Response {
    let mut next = response.clone();
    match (step.state, step.kind) {
        (StepState::Approved, Kind::Start) => {
            next.state = State::Running;
            next.level = step.level;
            next.started_at = Some(now);
        }
        (StepState::Approved, Kind::Raise | Kind::Lower) => next.level = step.level,
        (StepState::Approved, Kind::End) => {
            next.state = State::Ended;
            next.open = false;
            next.ended_at = Some(now);
        }
        (StepState::Declined, Kind::Start) if response.state == State::Proposed => {
            next.state = State::Declined;
            next.open = false;
            next.ended_at = Some(now);
        }
        _ => {}
    }
    next
}

/// Which approver is asked for the `asked`th time (from 0): the first twice, then the next one, twice
/// each; nobody once all were asked.
pub fn approver(asked: i64, approvers: usize) -> Option<usize> {
    let place = usize::try_from(asked / 2).unwrap_or(usize::MAX);
    (place < approvers).then_some(place)
}
