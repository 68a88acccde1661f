//! 播出: what village loudspeakers played, when, and how it ended.

use anlan_kernel::Text;
use anlan_monitor::Signal;
use anlan_store::{StoreError, Tx, params};
use anlan_web::{ApiResult, Who, percent};
use axum::{
    Json,
    extract::{Query, State},
};
use serde::{Deserialize, Serialize};

use super::{
    Room,
    lists::{List, ListQuery, cursor},
};
use crate::{
    channel::{Endpoint, Play},
    model::Process,
    notice::model::{Notice, Paper},
    service::everywhere,
};

/// Plays on a page of a round or a notice at most.
const SHOWN: i64 = 200;

/// Whose plays.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct PlayQuery {
    subject: Option<String>,
}

/// A play with the name of its loudspeaker and what it said.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PlayView {
    #[serde(flatten)]
    pub play: Play,
    /// Of the loudspeaker.
    pub name: String,
    /// Title of the signal or the notice.
    pub title: Text,
    /// Its page below the world's base.
    pub opens: Option<String>,
}

/// Announcements on loudspeakers, of one signal or notice where that is asked.
pub(super) async fn list(
    State(room): State<Room>,
    who: Who,
    Query(query): Query<ListQuery>,
    Query(which): Query<PlayQuery>,
) -> ApiResult<Json<List<PlayView>>> {
    Ok(Json(read_plays(&room, &who, &query, which.subject).await?))
}

/// See [`list`]; newest first.
pub(crate) async fn read_plays(
    room: &Room,
    who: &Who,
    query: &ListQuery,
    subject: Option<String>,
) -> ApiResult<List<PlayView>> {
    let (most, (before, id)) = (query.most()?, query.before()?);
    let subject = subject.unwrap_or_default();
    let plays = room.site.world.read(&who.actor, move |tx| {
        tx.find::<Play>(
            "($1 = '' OR subject = $1) AND (queued_at < $2 OR (queued_at = $2 AND id < $3))",
            "ORDER BY queued_at DESC, id DESC LIMIT $4",
            params![&subject, before, &id, most],
        )
    });
    let items = views(room, who, plays.await?).await?;
    let last = items.last().filter(|_| items.len() == most);
    let next = last.map(|it| cursor(it.play.queued_at, &it.play.id));
    Ok(List { items, next, at: room.site.world.now() })
}

/// What was played of the papers of a notice, newest first.
pub(crate) async fn plays_of_notice(room: &Room, who: &Who, notice: &str) -> ApiResult<Vec<PlayView>> {
    // "w" follows "v": papers of this notice and of no other.
    let range = (format!("{notice}.v"), format!("{notice}.w"));
    let plays = room.site.world.read(&who.actor, move |tx| of_subjects(tx, &range.0, &range.1)).await?;
    views(room, who, plays).await
}

/// What was played in a process, of its signals and its notices, newest first.
pub(crate) async fn plays_of_process(room: &Room, who: &Who, process: &str) -> ApiResult<Vec<PlayView>> {
    let id = process.to_owned();
    // What was said stands with the district; whose loudspeaker said it is looked at under the reader's scope.
    let of = id.clone();
    let said = move |tx: &mut Tx<'_>| tx.get::<Process>(&of)?.map_or(Ok(Vec::new()), |it| signals(tx, &it));
    let heard = room.site.world.read(&everywhere(&who.actor), said).await?;
    let read = move |tx: &mut Tx<'_>| {
        // "o" follows "n": papers of the notices of this process and of no other of the day.
        let mut plays = of_subjects(tx, &format!("{id}.n"), &format!("{id}.o"))?;
        for signal in &heard {
            plays.extend(tx.find::<Play>("subject = $1", "", params![signal])?);
        }
        plays.sort_by(|a, b| (b.queued_at, &b.id).cmp(&(a.queued_at, &a.id)));
        plays.truncate(usize::try_from(SHOWN).unwrap_or(usize::MAX));
        Ok(plays)
    };
    let plays = room.site.world.read(&who.actor, read).await?;
    views(room, who, plays).await
}

fn of_subjects(tx: &mut Tx<'_>, from: &str, until: &str) -> Result<Vec<Play>, StoreError> {
    let tail = "ORDER BY queued_at DESC, id DESC LIMIT $3";
    tx.find("subject >= $1 AND subject < $2", tail, params![from, until, SHOWN])
}

/// Ids of the signals of the hazard that came in for the district while the process went on.
fn signals(tx: &mut Tx<'_>, process: &Process) -> Result<Vec<String>, StoreError> {
    let until = process.ended_at.unwrap_or_else(|| tx.now());
    let came = "hazard = $1 AND received_at >= $2 AND received_at <= $3";
    let found: Vec<Signal> = tx.find(came, "ORDER BY id", params![&process.hazard, process.opened_at, until])?;
    let here = found.into_iter().filter(|it| it.areas.iter().any(|area| area.meets(&process.region)));
    Ok(here.map(|it| it.id).collect())
}

/// Plays in the reader's scope, by the titles of what was said.
async fn views(room: &Room, who: &Who, plays: Vec<Play>) -> ApiResult<Vec<PlayView>> {
    let read = move |tx: &mut Tx<'_>| plays.iter().map(|it| view(tx, it.clone())).collect();
    Ok(room.site.world.read(&everywhere(&who.actor), read).await?)
}

fn view(tx: &mut Tx<'_>, play: Play) -> Result<PlayView, StoreError> {
    let name = tx.get::<Endpoint>(&play.endpoint)?.map_or_else(|| play.endpoint.clone(), |it| it.name);
    let (title, opens) = match tx.get::<Paper>(&play.subject)? {
        Some(paper) => {
            let number = tx.get::<Notice>(&paper.notice)?.and_then(|it| it.number).or(paper.number);
            let title = format!("{} {}", number.unwrap_or_default(), paper.content.title);
            (title.trim().to_owned(), Some(format!("/notices/{}", percent(&paper.notice))))
        }
        None => match tx.get::<Signal>(&play.subject)? {
            Some(signal) => (signal.title, Some(format!("/signals/{}/forwards", percent(&signal.id)))),
            None => (play.subject.clone(), None),
        },
    };
    Ok(PlayView { name, title: Text::new(&title, &title), opens, play })
}
