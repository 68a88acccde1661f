//! Forwards (转发) of signals and the receipt (签收) of every unit they went to.

mod api;
pub(crate) mod pages;

use std::collections::{BTreeMap, BTreeSet};

use anlan_kernel::{Actor, Instant, Problem, RegionCode, Text};
use anlan_monitor::Signal;
use anlan_register::{Organisation, callee_title};
use anlan_store::{Advanced, Event, OutboxItem, Sending, StoreError, Tx, Urgency as Pace, params};
use anlan_warn::{Receipt, answer, inform::message_key};
use anlan_web::{Mounted, Who, percent};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Command, Room, TodoItem, service::no_such, todo::Urgency};

/// A signal forwarded to one duty room, and what came back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forward {
    /// `<signal>/<callee>`.
    pub id: String,
    /// The signal.
    pub signal: String,
    /// `room:<organisation>`.
    pub callee: String,
    /// Where that unit lies.
    pub region: RegionCode,
    /// When it was first forwarded.
    pub forwarded_at: Instant,
    /// How often the original was sent, 催收 included.
    pub sends: i64,
    /// When last.
    pub last_sent_at: Instant,
    /// Until when it is to be acknowledged.
    pub due_at: Instant,
    /// SHA-256 of the token in the link, hex.
    pub token_hash: String,
    /// 签收: when.
    pub receipt_at: Option<Instant>,
    /// `link`, `sms` or `telephone`.
    pub via: Option<String>,
    /// Who recorded a receipt by telephone.
    pub by_whom: Option<String>,
    /// Who answered there; sealed.
    pub note: Option<String>,
    /// For optimistic changes.
    pub revision: i64,
}

anlan_store::table!(Forward, FORWARD, "forward", region: "region", sealed: ["note"] of "id", {
    id: Text, signal: Text, callee: Text, region: Text, forwarded_at: Time, sends: Int, last_sent_at: Time, due_at: Time,
    token_hash: Text, receipt_at: Time, via: Text, by_whom: Text, note: Text, revision: Int,
});

/// How far a forward got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Waits for the channel.
    Queued,
    /// Could not be sent.
    Failed,
    /// The channel has it.
    Sent,
    /// It reached the telephone.
    Delivered,
    /// 签收.
    Received,
}

impl Reach {
    /// On screens.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Queued => ("待发送", "waiting"),
            Self::Failed => ("发送失败", "not sent"),
            Self::Sent => ("已发送", "sent"),
            Self::Delivered => ("已送达", "delivered"),
            Self::Received => ("已签收", "acknowledged"),
        }
    }
}

/// A forward and how far it got.
#[derive(Clone, Debug, Serialize)]
pub struct ForwardView {
    /// The forward.
    #[serde(flatten)]
    pub forward: Forward,
    /// Name of the unit's duty room.
    pub name: String,
    /// How far.
    pub reach: Reach,
}

/// 已转 31/33 单位 · 2 未签收.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Units it is for.
    pub units: usize,
    /// Units the channel has it for, or who acknowledged.
    pub sent: usize,
    /// Units who did not acknowledge.
    pub missing: usize,
}

impl Tally {
    /// Counts a signal's forwards.
    pub fn of(forwards: &[ForwardView]) -> Self {
        let sent = forwards.iter().filter(|it| it.reach >= Reach::Sent).count();
        let missing = forwards.iter().filter(|it| it.reach != Reach::Received).count();
        Self { units: forwards.len(), sent, missing }
    }
}

/// After 转发: one record for each unit the original was just queued to. Our own bureau is no unit we
/// forward to.
pub(crate) fn signal_came(command: &Command, tx: &mut Tx<'_>, signal: &Signal) -> Result<(), StoreError> {
    let Some(at) = signal.forwarded_at else { return Ok(()) };
    let queued: Vec<OutboxItem> = tx.find("subject = $1", "ORDER BY id", params![&signal.id])?;
    let (due_at, mut made) = (at.plus(command.plan().forward.receipt_within), 0);
    for item in queued.iter().filter(|it| it.payload["template"] == "relay") {
        let callee = item.payload["callee"].as_str().unwrap_or_default();
        let unit = tx.get::<Organisation>(callee.trim_start_matches("room:"))?;
        if unit.is_none_or(|it| it.kind == "district_bureau") {
            continue;
        }
        let forward = Forward {
            id: format!("{}/{callee}", signal.id),
            signal: signal.id.clone(),
            callee: callee.to_owned(),
            region: item.region.clone(),
            forwarded_at: at,
            sends: 1,
            last_sent_at: at,
            due_at,
            token_hash: command.warn.receipt_hash(&signal.id, callee),
            receipt_at: None,
            via: None,
            by_whom: None,
            note: None,
            revision: 0,
        };
        made += usize::from(tx.insert(&forward)?);
    }
    if made == 0 {
        return Ok(());
    }
    tx.set_deadline("forward.due", &signal.id, due_at)?;
    let detail = json!({"units": made, "due": due_at});
    tx.record(
        Event::new("forward.made", &signal.id).region(&signal.region).pack(&command.plan().version).detail(detail),
    )
}

/// The time for receipts is up: said once in the journal; the desk shows what is missing.
pub(crate) fn overdue(tx: &mut Tx<'_>, signal: &str) -> Result<(), StoreError> {
    let missing = tx.count::<Forward>("signal = $1 AND receipt_at IS NULL", params![signal])?;
    let Some(found) = tx.get::<Signal>(signal)?.filter(|_| missing > 0) else { return Ok(()) };
    let detail = json!({"missing": missing});
    tx.record(Event::new("forward.overdue", signal).region(&found.region).detail(detail))
}

/// A duty room replied 1 to the original.
pub(crate) fn replied(tx: &mut Tx<'_>, signal: &str, callee: &str) -> Result<(), StoreError> {
    match tx.get::<Forward>(&format!("{signal}/{callee}"))? {
        Some(forward) => receive(tx, forward, "sms", None, None).map(drop),
        None => Ok(()),
    }
}

/// Acknowledges; the first receipt counts.
fn receive(
    tx: &mut Tx<'_>,
    forward: Forward,
    via: &str,
    by: Option<String>,
    note: Option<String>,
) -> Result<Forward, StoreError> {
    if forward.receipt_at.is_some() {
        return Ok(forward);
    }
    let received = Forward { receipt_at: Some(tx.now()), via: Some(via.to_owned()), by_whom: by, note, ..forward };
    match tx.advance(&received)? {
        Advanced::Yes => {}
        Advanced::Stale => return Err(StoreError::Stale(received.id)),
    }
    let event = Event::new("forward.received", &received.id).region(&received.region);
    tx.record(event.detail(json!({"via": via})))?;
    if tx.count::<Forward>("signal = $1 AND receipt_at IS NULL", params![&received.signal])? == 0 {
        tx.clear_deadline("forward.due", &received.signal)?;
        tx.record(Event::new("forward.complete", &received.signal).region(&received.region))?;
    }
    Ok(Forward { revision: received.revision + 1, ..received })
}

/// The forwards of these signals in the reader's duty areas, by unit.
pub(crate) fn of_signals(
    tx: &mut Tx<'_>,
    signals: &[String],
) -> Result<BTreeMap<String, Vec<ForwardView>>, StoreError> {
    let mut found = BTreeMap::new();
    for signal in signals {
        let forwards: Vec<Forward> = tx.find("signal = $1", "ORDER BY region, callee", params![signal])?;
        if forwards.is_empty() {
            continue;
        }
        let sent: Vec<OutboxItem> = tx.find("subject = $1", "", params![signal])?;
        let sent: BTreeMap<String, Sending> = sent.into_iter().map(|it| (it.id, it.state)).collect();
        let prefix = message_key("relay", signal, "", 0);
        let prefix = prefix.trim_end_matches("#0");
        // "0" follows "/".
        let until = format!("{}0", prefix.trim_end_matches('/'));
        let told: Vec<Receipt> =
            tx.find("attempt >= $1 AND attempt < $2 AND event = 'delivered'", "", params![prefix, until])?;
        let delivered: BTreeSet<String> = told.into_iter().map(|it| it.attempt).collect();
        let mut views = Vec::new();
        for forward in forwards {
            let key = message_key("relay", signal, &forward.callee, forward.sends);
            let reach = match sent.get(&key) {
                _ if forward.receipt_at.is_some() => Reach::Received,
                _ if delivered.contains(&key) => Reach::Delivered,
                Some(Sending::Sent) => Reach::Sent,
                Some(Sending::Failed | Sending::Refused | Sending::Dropped) => Reach::Failed,
                _ => Reach::Queued,
            };
            let name = callee_title(tx, &forward.callee)?.map_or_else(|| forward.callee.clone(), |it| it.name);
            views.push(ForwardView { forward, name, reach });
        }
        found.insert(signal.clone(), views);
    }
    Ok(found)
}

/// Units whose time to acknowledge is up.
pub(crate) fn todo(tx: &mut Tx<'_>, _: &Who) -> Result<Vec<TodoItem>, StoreError> {
    let now = tx.now();
    let late: Vec<Forward> =
        tx.find("receipt_at IS NULL AND due_at <= $1", "ORDER BY due_at, id LIMIT 500", params![now])?;
    let mut by_signal: BTreeMap<String, Vec<Forward>> = BTreeMap::new();
    for it in late {
        by_signal.entry(it.signal.clone()).or_default().push(it);
    }
    let mut items = Vec::new();
    for (signal, late) in by_signal {
        let Some(about) = tx.get::<Signal>(&signal)? else { continue };
        if about.state != anlan_monitor::SignalState::InForce {
            continue;
        }
        let mut names = Vec::new();
        for it in late.iter().take(2) {
            names.extend(callee_title(tx, &it.callee)?.map(|it| it.name));
        }
        let more = if late.len() > names.len() { "等" } else { "" };
        let due = late.first().map(|it| it.due_at);
        items.push(TodoItem {
            key: format!("forward:{signal}"),
            urgency: Urgency::Overdue,
            title: Text::new(
                format!("{} 个单位未签收转发信号", late.len()),
                format!("{} units have not acknowledged a forwarded signal", late.len()),
            ),
            note: Text::new(format!("{}{more} · {}", names.join("、"), about.title), about.title.clone()),
            due,
            action: Text::new("催收", "Ask again"),
            href: format!("/signals/{}/remind", percent(&signal)),
            post: true,
        });
    }
    Ok(items)
}

impl Command {
    /// 签收 by the link in the message.
    ///
    /// # Errors
    /// The refusal `bad_link`; what the store says.
    pub async fn receive_by_link(&self, token: &str) -> Result<Forward, StoreError> {
        let hash = answer::hash(token);
        self.world
            .write("forward.receive", Pace::Urgent, &Actor::system("receipt-page"), move |tx| {
                let found: Option<Forward> = tx.find("token_hash = $1", "", params![&hash])?.pop();
                receive(tx, found.ok_or_else(bad_link)?, "link", None, None)
            })
            .await
    }

    /// 签收 told by telephone and recorded by the desk; `note` says who answered there.
    ///
    /// # Errors
    /// The refusal `no_such_forward`; what the store says.
    pub async fn receive_by_telephone(&self, by: &Actor, id: &str, note: &str) -> Result<Forward, StoreError> {
        let (id, note) = (id.to_owned(), words(note));
        self.world
            .write("forward.receive", Pace::Urgent, by, move |tx| {
                let found = tx.get::<Forward>(&id)?.ok_or_else(|| no_such("no_such_forward"))?;
                let by = tx.actor().name.clone();
                receive(tx, found, "telephone", Some(by), note.clone())
            })
            .await
    }

    /// 催收: sends the original once more to every unit in the caller's duty areas that has not
    /// acknowledged it. Returns how many.
    ///
    /// # Errors
    /// What the store says.
    pub async fn remind(self: &std::sync::Arc<Self>, by: &Actor, signal: &str) -> Result<usize, StoreError> {
        let (command, signal) = (std::sync::Arc::clone(self), signal.to_owned());
        self.world
            .write("forward.remind", Pace::Urgent, by, move |tx| {
                let missing: Vec<Forward> =
                    tx.find("signal = $1 AND receipt_at IS NULL", "ORDER BY id", params![&signal])?;
                let (now, count) = (tx.now(), missing.len());
                let due_at = now.plus(command.plan().forward.receipt_within);
                let mut region = None;
                for it in missing {
                    let again = Forward { sends: it.sends + 1, last_sent_at: now, due_at, ..it };
                    match tx.advance(&again)? {
                        Advanced::Yes => {}
                        Advanced::Stale => return Err(StoreError::Stale(again.id)),
                    }
                    command.warn.relay_again(tx, &signal, (&again.callee, &again.region), again.sends)?;
                    region = Some(again.region);
                }
                if let Some(region) = region {
                    tx.set_deadline("forward.due", &signal, due_at)?;
                    let event = Event::new("forward.reminded", &signal).region(&region);
                    tx.record(event.detail(json!({"units": count})))?;
                }
                Ok(count)
            })
            .await
    }
}

fn bad_link() -> StoreError {
    StoreError::Refused(Problem::new("bad_link", "链接无效", "this link opens nothing"))
}

/// Free text as people type it, of a bounded length; nothing where nothing was said.
pub(crate) fn words(text: &str) -> Option<String> {
    Some(text.trim().chars().take(500).collect::<String>()).filter(|it| !it.is_empty())
}

pub(crate) fn routes(room: Room) -> Mounted {
    api::routes(room.clone()).merge(pages::routes(room))
}
