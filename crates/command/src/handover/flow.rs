//! How a hand-over moves: pure decisions; no store, no clock.

use anlan_kernel::{Instant, Problem};

use super::{HandOver, State};

/// The incoming officer accepts.
///
/// # Errors
/// `hand_over_is_closed` once it is accepted; `same_officer` for who signed as outgoing.
pub fn accept(handover: &HandOver, login: &str, name: &str, now: Instant) -> Result<HandOver, Problem> {
    match handover.state {
        State::Accepted => {
            Err(Problem::new("hand_over_is_closed", "双方已签字，不能再改", "both signed; it never changes again"))
        }
        State::Signed if handover.outgoing == login => {
            Err(Problem::new("same_officer", "接班人须是另一人", "the incoming officer is somebody else"))
        }
        State::Signed => Ok(HandOver {
            state: State::Accepted,
            incoming: Some(login.to_owned()),
            incoming_name: Some(name.to_owned()),
            accepted_at: Some(now),
            ..handover.clone()
        }),
    }
}

/// Who takes over is an officer of the same desk.
pub fn another_desk() -> Problem {
    let (zh, en) = ("接班人须是同一值班台的人", "the incoming officer belongs to the same desk");
    Problem::new("another_desk", zh, en)
}

/// An earlier hand-over waits for its second signature.
pub fn waits(waiting: &HandOver) -> Problem {
    let at = waiting.made_at.clock();
    Problem::new(
        "hand_over_waits",
        format!("{at} 的交接班还没有接班人签字，请先办完"),
        format!("the hand-over of {at} waits for its second signature"),
    )
}
