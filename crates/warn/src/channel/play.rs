//! Announcements on loudspeakers: each ends as played, failed or unknown.

use std::time::Duration;

use anlan_store::{Advanced, Event, OutboxItem, StoreError, Tx};
use serde_json::json;

use super::{
    kind::Kind,
    model::{Play, PlayState},
};

/// Without a word for so long nobody knows.
const LIMIT: Duration = Duration::from_secs(1_800);

/// Whether the channel is heard by everybody around, and says whether it was.
pub(crate) fn is_heard(kind: Kind) -> bool {
    matches!(kind, Kind::Speaker | Kind::SpeakerDial)
}

/// A sending to a loudspeaker was queued.
pub(crate) fn begin(tx: &mut Tx<'_>, item: &OutboxItem, endpoint: &str) -> Result<(), StoreError> {
    let play = Play {
        id: item.id.clone(),
        endpoint: endpoint.to_owned(),
        subject: item.subject.clone(),
        region: item.region.clone(),
        state: PlayState::Pending,
        reason: None,
        queued_at: tx.now(),
        final_at: None,
        revision: 0,
    };
    tx.put(&play)?;
    tx.set_deadline("play.limit", &item.id, tx.now().plus(LIMIT))
}

/// What was heard of it; a play that ended stays as it ended, but a late word settles what was unknown.
pub(crate) fn settle(tx: &mut Tx<'_>, id: &str, state: PlayState, reason: Option<&str>) -> Result<(), StoreError> {
    let open = |it: &Play| matches!(it.state, PlayState::Pending | PlayState::Unknown) && it.state != state;
    let Some(play) = tx.get::<Play>(id)?.filter(open) else { return Ok(()) };
    let (now, reason) = (tx.now(), reason.map(str::to_owned));
    let next = Play { state, reason, final_at: Some(now), ..play };
    match tx.advance(&next)? {
        Advanced::Yes => {
            tx.clear_deadline("play.limit", id)?;
            let detail = json!({"state": state.name()});
            tx.record(Event::new("play.ended", id).region(&next.region).detail(detail))
        }
        Advanced::Stale => Err(StoreError::Race(next.id)),
    }
}

/// What a gateway's receipt means for a dialled loudspeaker. One that was hung up on before it heard the
/// words to the end did not play them.
pub(crate) fn receipt(tx: &mut Tx<'_>, id: &str, event: &str, reason: Option<&str>) -> Result<(), StoreError> {
    match event {
        "heard_in_full" | "delivered" => settle(tx, id, PlayState::Played, None),
        "failed" => settle(tx, id, PlayState::Failed, reason),
        "hung_up" => settle(tx, id, PlayState::Failed, Some("hung_up")),
        _ => Ok(()),
    }
}

/// Nothing was heard in time.
///
/// # Errors
/// What the store says.
pub(crate) fn limit(tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    settle(tx, id, PlayState::Unknown, None)
}
