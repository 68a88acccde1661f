//! Routes (去向) turned into messages: who is told what, and when a round is told again.

use std::time::Duration;

use anlan_kernel::{Instant, RegionCode};
use anlan_store::{Event, OutboxItem, Sending, StoreError, Tx, params};
use serde_json::json;

use super::{
    kind::{Kind, Matter},
    model::{Channel, Endpoint, Route},
    play, words,
};
use crate::{
    Warn,
    model::{Round, RoundState},
};

/// What a channel is told goes after every call; loudspeakers wake a village and go before the rest.
const PRIORITY: i64 = 8;
const LOUD: i64 = 5;
/// How often an open round is told.
const EVERY: Duration = Duration::from_secs(600);
/// How often it is looked at for a change.
const LOOK: Duration = Duration::from_secs(60);
/// Failures of one channel are told once in so many microseconds.
const FAILURES: i64 = 600_000_000;

/// Asks for `subject` to be told wherever a route says so; costs one look where none does.
///
/// # Errors
/// What the store says.
pub fn wanted(tx: &mut Tx<'_>, matter: Matter, subject: &str) -> Result<(), StoreError> {
    let routed = tx.query("SELECT 1 FROM channel_route WHERE matter = $1 LIMIT 1", params![matter.name()])?;
    if routed.is_empty() {
        return Ok(());
    }
    let now = tx.now();
    tx.set_deadline("channel.tell", &format!("{}|{subject}", matter.name()), now)
}

/// A channel gave a message up.
pub(crate) fn failed(tx: &mut Tx<'_>, channel: &str) -> Result<(), StoreError> {
    let slot = tx.now().0.div_euclid(FAILURES);
    wanted(tx, Matter::Failure, &format!("{channel}|{slot}"))
}

/// Queues what is to be told; `subject` is matter and thing with a bar between. A round comes back
/// until it is over.
///
/// # Errors
/// What the store says.
pub fn tell(warn: &Warn, tx: &mut Tx<'_>, subject: &str) -> Result<(), StoreError> {
    let (matter, rest) = subject.split_once('|').unwrap_or((subject, ""));
    let Some(matter) = Matter::parse(matter) else { return Ok(()) };
    match matter {
        Matter::Round => tell_round(warn, tx, rest),
        Matter::Failure => {
            let (channel, slot) = rest.split_once('|').unwrap_or((rest, ""));
            queue(warn, tx, matter, channel, "", slot)
        }
        _ => queue(warn, tx, matter, rest, "", ""),
    }
}

/// `rest` is the round, and after its first time how many were silent and when that was told.
fn tell_round(warn: &Warn, tx: &mut Tx<'_>, rest: &str) -> Result<(), StoreError> {
    let mut parts = rest.split('|');
    let id = parts.next().unwrap_or_default();
    let before = parts.next().and_then(|it| it.parse::<i64>().ok());
    let told = parts.next().and_then(|it| it.parse().ok()).map(Instant);
    let Some(round) = tx.get::<Round>(id)? else { return Ok(()) };
    let (now, silent) = (tx.now(), words::silent(tx, id)?);
    let over = !matches!(round.state, RoundState::Pending | RoundState::Running);
    let stage = match (before, told) {
        (Some(_), Some(_)) if over => "end",
        (Some(before), Some(told)) if silent != before || now.since(told) >= EVERY => "progress",
        (Some(_), Some(_)) => "",
        _ => "start",
    };
    let mut told_at = told.unwrap_or(now);
    if !stage.is_empty() {
        queue(warn, tx, Matter::Round, id, stage, &now.0.to_string())?;
        told_at = now;
    }
    if stage == "end" {
        return Ok(());
    }
    let before = if stage.is_empty() { before.unwrap_or(silent) } else { silent };
    tx.set_deadline("channel.tell", &format!("round|{id}|{before}|{}", told_at.0), now.plus(LOOK))
}

/// One message for each group, one for each loudspeaker or mailbox there.
fn queue(
    warn: &Warn,
    tx: &mut Tx<'_>,
    matter: Matter,
    subject: &str,
    stage: &str,
    slot: &str,
) -> Result<(), StoreError> {
    let Some(story) = words::story(tx, matter, subject, stage)? else { return Ok(()) };
    let routes: Vec<Route> = tx.find("matter = $1", "ORDER BY id", params![matter.name()])?;
    // A failing channel lies nowhere; everybody who asked hears of it.
    let touches = |region: &RegionCode| story.areas.is_empty() || story.areas.iter().any(|area| area.meets(region));
    let (mut done, mut count) = (Vec::new(), 0);
    for route in routes.iter().filter(|it| touches(&it.region) && it.channel != subject) {
        let Some(channel) = warn.channel_in_use(&route.channel) else { continue };
        let region = story.areas.iter().find(|it| it.meets(&route.region)).unwrap_or(&route.region);
        let told = Telling { matter, subject, stage, slot, channel: &channel };
        if channel.kind.is_bot() {
            if !done.contains(&channel.id) {
                count += told.insert(tx, None, region)?;
                done.push(channel.id.clone());
            }
            continue;
        }
        for endpoint in endpoints(tx, &channel.id)? {
            if touches(&endpoint.region) && endpoint.region.meets(&route.region) {
                count += told.insert(tx, Some(&endpoint), &endpoint.region)?;
            }
        }
    }
    tx.record(
        Event::new("channel.told", subject).detail(json!({"matter": matter.name(), "stage": stage, "count": count})),
    )
}

fn endpoints(tx: &mut Tx<'_>, channel: &str) -> Result<Vec<Endpoint>, StoreError> {
    tx.find("channel = $1 AND enabled = 1", "ORDER BY id", params![channel])
}

struct Telling<'a> {
    matter: Matter,
    subject: &'a str,
    stage: &'a str,
    slot: &'a str,
    channel: &'a Channel,
}

impl Telling<'_> {
    /// Queues the message unless it was queued before; how many are new.
    fn insert(&self, tx: &mut Tx<'_>, endpoint: Option<&Endpoint>, region: &RegionCode) -> Result<usize, StoreError> {
        let Self { matter, subject, stage, slot, channel } = self;
        let to = endpoint.map_or(String::new(), |it| format!("/{}", it.id));
        let at = if slot.is_empty() { String::new() } else { format!("@{slot}") };
        let (leaves_by, kind) = way(channel);
        let item = OutboxItem {
            id: format!("tell:{}:{subject}{at}/{}{to}#1", matter.name(), channel.id),
            channel: leaves_by.to_owned(),
            kind: kind.to_owned(),
            subject: (*subject).to_owned(),
            region: region.clone(),
            priority: if play::is_heard(channel.kind) { LOUD } else { PRIORITY },
            due_at: tx.now(),
            state: Sending::Queued,
            tries: 0,
            payload: json!({
                "template": "announce", "matter": matter.name(), "stage": stage, "attempt": 1, "repeat": false,
                "endpoint": endpoint.map(|it| &it.id),
            }),
            outcome: None,
            sent_at: None,
            revision: 0,
        };
        if !tx.insert(&item)? {
            return Ok(0);
        }
        if let Some(endpoint) = endpoint.filter(|_| play::is_heard(channel.kind)) {
            play::begin(tx, &item, &endpoint.id)?;
        }
        Ok(1)
    }
}

/// The channel whose courier takes a message of `channel`, and what kind of message it is.
pub(crate) fn way(channel: &Channel) -> (&str, &str) {
    match channel.kind {
        Kind::Gateway => (&channel.id, "sms"),
        Kind::Wecom | Kind::Dingtalk | Kind::Feishu => (&channel.id, "group"),
        Kind::Mail => (&channel.id, "mail"),
        Kind::Speaker => (&channel.id, "play"),
        Kind::SpeakerDial => (channel.setting("gateway"), channel.setting("way")),
    }
}
