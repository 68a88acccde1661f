//! How a hand-over moves: pure decisions; no store, no clock.

use anlan_kernel::{Instant, Problem};

use super::{HandOver, State};

/// The incoming officer accepts.
///
/// # Errors
/// `hand_over_is_closed` once it is accepted; `same_officer` for who signed as outgoing; `bad_checked` unless they
/// went through the items.
pub fn accept(handover: &HandOver, login: &str, name: &str, checked: bool, now: Instant) -> Result<HandOver, Problem> {
    match handover.state {
        State::Accepted | State::Withdrawn => Err(closed(handover, now)),
        State::Signed if handover.outgoing == login => {
            Err(Problem::new("same_officer", "接班人须是另一人", "the incoming officer is somebody else"))
        }
        State::Signed if !checked => Err(unread()),
        State::Signed => Ok(HandOver {
            state: State::Accepted,
            incoming: Some(login.to_owned()),
            incoming_name: Some(name.to_owned()),
            accepted_at: Some(now),
            ..handover.clone()
        }),
    }
}

/// Whoever signed takes it back.
///
/// # Errors
/// `hand_over_is_closed` once both signed or it was withdrawn; `not_the_signer` for anybody else; `bad_reason` without one.
pub fn withdraw(handover: &HandOver, login: &str, reason: Option<String>, now: Instant) -> Result<HandOver, Problem> {
    if handover.state != State::Signed {
        return Err(closed(handover, now));
    }
    if handover.outgoing != login {
        let (zh, en) = ("只有签字交班的人能撤回", "only whoever signed it may withdraw it");
        return Err(Problem::new("not_the_signer", zh, en));
    }
    let Some(reason) = reason else {
        return Err(Problem::new("bad_reason", "撤回须写明理由", "say why it is withdrawn").field("reason"));
    };
    Ok(HandOver { state: State::Withdrawn, withdrawn_at: Some(now), reason: Some(reason), ..handover.clone() })
}

fn closed(handover: &HandOver, now: Instant) -> Problem {
    let (zh, en) = match handover.withdrawn_at {
        Some(at) => {
            let when = at.clock_or_day(now);
            (format!("交班人 {when} 已撤回"), format!("its signer withdrew it at {when}"))
        }
        None => ("双方已签字，不能再改".to_owned(), "both signed; it never changes again".to_owned()),
    };
    Problem::new("hand_over_is_closed", zh, en)
}

/// Who signs for an item list has read it.
pub fn unread() -> Problem {
    let (zh, en) = ("请逐项核对后勾选“已逐项核对”，再签字", "go through the items and say so before signing");
    Problem::new("bad_checked", zh, en).field("checked")
}

/// The account that is to sign second takes no duty.
pub fn not_a_duty_officer() -> Problem {
    let (zh, en) = ("这个账号不是值班账号，不能接班", "this account is not a duty officer's and takes nothing over");
    Problem::new("not_a_duty_officer", zh, en)
}

/// Who takes over is an officer of the same desk.
pub fn another_desk() -> Problem {
    let zh = "这个账号属于另一个值班台；接班人须是本值班台的人";
    let en = "this account belongs to another desk; the incoming officer is of this one";
    Problem::new("another_desk", zh, en)
}

/// An earlier hand-over waits for its second signature.
pub fn waits(waiting: &HandOver, now: Instant) -> Problem {
    let at = waiting.made_at.clock_or_day(now);
    Problem::new(
        "hand_over_waits",
        format!("{at} 的交接班还没有接班人签字，请先办完"),
        format!("the hand-over of {at} waits for its second signature"),
    )
}
