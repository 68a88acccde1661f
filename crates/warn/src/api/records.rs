//! What officers write down of a call: 代按键, 代登记, 上门叫醒, 转交.

use anlan_kernel::Problem;
use anlan_web::{ApiResult, Who};
use axum::{
    Json,
    extract::{Path, State},
};
use serde::Deserialize;

use super::{
    Room,
    calls::{CallStory, read_call},
};
use crate::flow::CallEvent;

/// Key 1, 2 or 3 on the callee's word.
#[derive(Deserialize)]
pub(super) struct Answer {
    digit: u8,
    /// They answered before and changed their mind.
    #[serde(default)]
    again: bool,
}

/// The callee said it to the desk.
pub(super) async fn answer(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(answer): Json<Answer>,
) -> ApiResult<Json<CallStory>> {
    room.warn.answer_by_desk(&who.actor, &id, answer.digit, answer.again).await?;
    Ok(Json(read_call(&room, &who, id).await?))
}

/// What an officer knows of a call.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Record {
    /// `recorded_by_colleague`, `reached_on_site` or `handed_over`.
    pub how: String,
    /// For people; sealed.
    #[serde(default)]
    pub note: String,
    /// The superior who accepted: a callee id, or a name.
    #[serde(default)]
    pub to: Option<String>,
}

/// 代登记, 上门叫醒, 转交.
pub(super) async fn record(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Json(record): Json<Record>,
) -> ApiResult<Json<CallStory>> {
    record_call(&room, &who, &id, &record).await?;
    Ok(Json(read_call(&room, &who, id).await?))
}

/// See [`record`].
pub(crate) async fn record_call(room: &Room, who: &Who, id: &str, record: &Record) -> ApiResult<()> {
    let by = who.actor.name.clone();
    let mut note = record.note.trim().to_owned();
    let event = match record.how.as_str() {
        "recorded_by_colleague" => CallEvent::RecordedByColleague { by },
        "reached_on_site" => CallEvent::ReachedOnSite { by },
        "handed_over" => {
            let to = record.to.as_deref().map(str::trim).filter(|it| !it.is_empty()).ok_or_else(nobody_named)?;
            if to.starts_with("person:") || to.starts_with("room:") {
                CallEvent::HandedOver { to: to.to_owned() }
            } else {
                // A name is personal: it stands in the sealed note, and the account beside it.
                note = if note.is_empty() { format!("转交{to}") } else { format!("转交{to}：{note}") };
                CallEvent::HandedOver { to: by }
            }
        }
        _ => {
            let en = "how is recorded_by_colleague, reached_on_site or handed_over";
            let zh = "how 应为 recorded_by_colleague（代登记）、reached_on_site（上门叫醒）或 handed_over（转交）";
            return Err(Problem::new("bad_how", zh, en).field("how").into());
        }
    };
    let note = (!note.is_empty()).then(|| note.chars().take(500).collect());
    Ok(room.warn.record(&who.actor, id, event, note).await?)
}

fn nobody_named() -> Problem {
    Problem::new("bad_to", "转交须写明由谁接手", "name the superior who accepted").field("to")
}
