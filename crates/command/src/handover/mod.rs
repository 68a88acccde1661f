//! Hand-over (交接班): what is open, with remarks, signed by both officers; then it never changes.

mod api;
pub mod flow;
mod open;
mod pages;

use std::{collections::BTreeMap, sync::Arc};

use anlan_kernel::{Actor, Instant, Permission as P, RegionCode, Text};
use anlan_store::{Advanced, Event, StoreError, Tx, Urgency as Pace, params};
use anlan_warn::api::{List, ListQuery};
use anlan_web::{ApiResult, Mounted, Who, percent};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Command, Room, TodoItem,
    forward::words,
    service::{home_of, list_page, no_such},
    todo::Urgency,
};

/// Where a hand-over stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The outgoing officer signed.
    Signed,
    /// The incoming officer accepted.
    Accepted,
    /// 撤回 by who signed, before the second signature.
    Withdrawn,
}

/// One open thing (未结事项) as it stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenItem {
    /// Stable: the same thing has the same key.
    pub key: String,
    /// 信号、转发、叫应 …
    pub kind: String,
    /// What.
    pub words: String,
    /// 备注 of the outgoing officer.
    #[serde(default)]
    pub remark: String,
}

/// A hand-over; what is open and who signed is sealed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HandOver {
    /// `ho-<day>-<clock>-<district>`.
    pub id: String,
    /// Whose desk.
    pub region: RegionCode,
    /// Where it stands.
    pub state: State,
    /// When the outgoing officer signed.
    pub made_at: Instant,
    /// Account of the outgoing officer.
    pub outgoing: String,
    /// Their name.
    pub outgoing_name: Option<String>,
    /// Account of the incoming officer.
    pub incoming: Option<String>,
    /// Their name.
    pub incoming_name: Option<String>,
    /// When they accepted.
    pub accepted_at: Option<Instant>,
    /// 未结事项 as they stood.
    pub items: Option<Vec<OpenItem>>,
    /// Remark on the whole.
    pub remark: Option<String>,
    /// When it was withdrawn.
    pub withdrawn_at: Option<Instant>,
    /// 撤回理由.
    pub reason: Option<String>,
    /// For optimistic changes.
    pub revision: i64,
}

anlan_store::table!(HandOver, HAND_OVER, "hand_over", region: "region", sealed: ["outgoing_name", "incoming_name", "items", "remark", "reason"] of "id", {
    id: Text, region: Text, state: Text, made_at: Time, outgoing: Text, outgoing_name: Text, incoming: Text,
    incoming_name: Text, accepted_at: Time, items: Json, remark: Text, withdrawn_at: Time, reason: Text, revision: Int,
});

/// What the outgoing officer adds.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Remarks {
    /// On the whole.
    #[serde(default)]
    pub remark: String,
    /// By key of the open thing.
    #[serde(default)]
    pub items: BTreeMap<String, String>,
    /// 已逐项核对.
    #[serde(default)]
    pub checked: bool,
}

impl Command {
    /// What is open in the reader's duty areas.
    ///
    /// # Errors
    /// What the store says.
    pub async fn open_items(&self, who: &Who) -> Result<Vec<OpenItem>, StoreError> {
        let reader = who.clone();
        self.world.read(&who.actor, move |tx| open::items(tx, &reader)).await
    }

    /// The outgoing officer signs what is open at this moment.
    ///
    /// # Errors
    /// `bad_checked` unless the items were gone through; `hand_over_waits` while an earlier one waits for its second
    /// signature; what the store says.
    pub async fn hand_over(self: &Arc<Self>, who: &Who, remarks: Remarks) -> Result<HandOver, StoreError> {
        if !remarks.checked {
            return Err(flow::unread().into());
        }
        let (reader, region) = (who.clone(), home_of(&who.actor)?);
        self.world
            .write("hand-over.sign", Pace::Urgent, &who.actor, move |tx| {
                if let Some(waiting) = waiting(tx, &region)? {
                    return Err(flow::waits(&waiting, tx.now()).into());
                }
                let now = tx.now();
                let mut items = open::items(tx, &reader)?;
                for it in &mut items {
                    it.remark = remarks.items.get(&it.key).and_then(|it| words(it)).unwrap_or_default();
                }
                let wall = now.wall();
                let clock: String = wall[11..].chars().filter(char::is_ascii_digit).collect();
                let made = HandOver {
                    id: format!("ho-{}-{clock}-{region}", anlan_kernel::civil_day(now)),
                    region: region.clone(),
                    state: State::Signed,
                    made_at: now,
                    outgoing: reader.actor.name.clone(),
                    outgoing_name: Some(reader.name.clone()),
                    incoming: None,
                    incoming_name: None,
                    accepted_at: None,
                    items: Some(items),
                    remark: words(&remarks.remark),
                    withdrawn_at: None,
                    reason: None,
                    revision: 0,
                };
                if !tx.insert(&made)? {
                    return Err(StoreError::Exists(made.id));
                }
                let count = made.items.as_ref().map_or(0, Vec::len);
                let event = Event::new("hand_over.signed", &made.id).region(&made.region);
                tx.record(event.detail(json!({"open": count})))?;
                Ok(made)
            })
            .await
    }

    /// Whoever signed takes it back before the second signature; what is open stays open.
    ///
    /// # Errors
    /// `no_such_hand_over`, `not_the_signer`, `bad_reason`, `hand_over_is_closed`; what the store says.
    pub async fn withdraw(&self, by: &Actor, id: &str, reason: &str) -> Result<HandOver, StoreError> {
        let (id, reason) = (id.to_owned(), words(reason));
        self.world
            .write("hand-over.withdraw", Pace::Urgent, by, move |tx| {
                let found = tx.get::<HandOver>(&id)?.ok_or_else(|| no_such("no_such_hand_over"))?;
                let login = tx.actor().name.clone();
                let withdrawn = flow::withdraw(&found, &login, reason.clone(), tx.now())?;
                save(tx, &withdrawn)?;
                tx.record(Event::new("hand_over.withdrawn", &withdrawn.id).region(&withdrawn.region))?;
                Ok(HandOver { revision: withdrawn.revision + 1, ..withdrawn })
            })
            .await
    }

    /// The hand-over of the reader's desk that waits for its second signature.
    async fn waiting(&self, who: &Who) -> Result<Option<HandOver>, StoreError> {
        let Ok(desk) = home_of(&who.actor) else { return Ok(None) };
        self.world.read(&who.actor, move |tx| waiting(tx, &desk)).await
    }

    /// The incoming officer accepts, with their own session or after their password was checked.
    ///
    /// # Errors
    /// `no_such_hand_over`, `another_desk`, `same_officer`, `hand_over_is_closed`, `bad_checked`; what the store says.
    pub async fn accept(&self, who: &Who, id: &str, checked: bool) -> Result<HandOver, StoreError> {
        let (id, by) = (id.to_owned(), who.clone());
        self.world
            .write("hand-over.accept", Pace::Urgent, &who.actor, move |tx| {
                let found = tx.get::<HandOver>(&id)?.ok_or_else(|| no_such("no_such_hand_over"))?;
                if home_of(&by.actor)? != found.region {
                    return Err(flow::another_desk().into());
                }
                let accepted = flow::accept(&found, &by.actor.name, &by.name, checked, tx.now())?;
                save(tx, &accepted)?;
                tx.record(Event::new("hand_over.accepted", &accepted.id).region(&accepted.region))?;
                Ok(HandOver { revision: accepted.revision + 1, ..accepted })
            })
            .await
    }
}

fn save(tx: &mut Tx<'_>, handover: &HandOver) -> Result<(), StoreError> {
    match tx.advance(handover)? {
        Advanced::Yes => Ok(()),
        Advanced::Stale => Err(StoreError::Stale(handover.id.clone())),
    }
}

/// The hand-over of this desk that waits; one of a street's desk holds up nobody else's.
fn waiting(tx: &mut Tx<'_>, desk: &RegionCode) -> Result<Option<HandOver>, StoreError> {
    let holds = "state = 'signed' AND region = $1";
    Ok(tx.find(holds, "ORDER BY made_at DESC LIMIT 1", params![desk.as_str()])?.pop())
}

/// A hand-over that waits for its second signature.
pub(crate) fn todo(tx: &mut Tx<'_>, who: &Who) -> Result<Vec<TodoItem>, StoreError> {
    if !who.may(P::HandleSignal) {
        return Ok(Vec::new());
    }
    let Ok(desk) = home_of(&who.actor) else { return Ok(Vec::new()) };
    Ok(waiting(tx, &desk)?
        .map(|it| TodoItem {
            key: format!("hand_over:{}", it.id),
            urgency: Urgency::Routine,
            title: Text::new("交接班待接班人签字", "A hand-over waits for the second signature"),
            note: Text::new(format!("交班 {}", it.made_at.clock()), it.made_at.clock()),
            due: Some(it.made_at),
            action: Text::new("去签字", "Sign"),
            href: format!("/hand-overs/{}", percent(&it.id)),
            post: false,
        })
        .into_iter()
        .collect())
}

/// Hand-overs in the reader's duty areas, latest first.
async fn list(room: &Room, who: &Who, query: &ListQuery) -> ApiResult<List<HandOver>> {
    list_page(&room.site.world, &who.actor, "made_at", query, |it: &HandOver| (it.made_at, it.id.as_str())).await
}

pub(crate) fn routes(room: Room) -> Mounted {
    api::routes(room.clone()).merge(pages::routes(room))
}
