//! What the desk shows, read under the reader's scope.

use std::collections::{BTreeMap, BTreeSet};

use anlan_kernel::{Colour, Grade, Instant, RegionCode, Scope, Text};
use anlan_monitor::{Alarm, Signal, Station};
use anlan_register::{Role, Shift, callee_title, phone};
use anlan_store::{StoreError, Tx, params};
use anlan_warn::{
    CallState, Help, Round,
    api::{CallQuery, CallView, Figure, ListQuery, ProcessView, read_calls, read_processes},
    service::everywhere,
    standing::{Speaking, speaking},
};
use anlan_web::{ApiResult, Who, accounts::name_of};
use serde::Serialize;

use super::{
    AlarmSeen,
    todo::{LIFTING_SHOWN, STANDING, asker, open_help},
};
use crate::{
    Room, TodoItem,
    forward::{self, Tally},
    note::Note,
    response::{self, Response, Step},
};

/// Silent people shown on the desk; the list of all is one tap away.
const SHOWN: usize = 6;
/// Lines of the timeline.
const LINES: usize = 7;
/// Somebody on duty now.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Officer {
    /// As what.
    pub role: Role,
    /// Their name.
    pub name: String,
    /// Last digits of their number.
    pub tail: String,
}

/// A signal in force and how far its forwards got.
pub(super) struct InForce {
    pub signal: Signal,
    pub by: String,
    pub tally: Tally,
}

/// An open alarm, by the station's own name.
pub(super) struct Measured {
    pub alarm: Alarm,
    pub station: String,
    pub upstream: bool,
    /// Nobody took note of it at this grade.
    pub ringing: bool,
}

/// What happened, latest first.
pub(super) struct Line {
    pub at: Instant,
    pub words: String,
    pub by: String,
}

/// One response and who approved it.
pub(super) struct On {
    pub response: Response,
    pub step: Option<Step>,
    pub by: String,
}

pub(super) struct Desk {
    pub officers: Vec<Officer>,
    pub signals: Vec<InForce>,
    pub alarms: Vec<Measured>,
    pub responses: Vec<On>,
    pub to_do: Vec<TodoItem>,
    pub processes: Vec<ProcessView>,
    /// Rounds that speak now, with the callees whose newest call is theirs.
    pub rounds: Vec<Speaking>,
    pub silent: i64,
    pub no_number: i64,
    pub to_dial: Vec<CallView>,
    pub lines: Vec<Line>,
}

pub(super) async fn desk(room: &Room, who: &Who) -> ApiResult<Desk> {
    let world = &room.site.world;
    let (signals, alarms) = in_force(room, who).await?;
    let warn = room.warn();
    let processes = read_processes(&warn, who, &ListQuery::first(5), Some(true)).await?.items;
    let rounds = world.read(&who.actor, speaking).await?;
    let silent = rounds.iter().map(|it| it.counts.silent()).sum();
    let no_number = rounds.iter().map(|it| it.counts.of(CallState::NoContact)).sum();
    let mut to_dial = Vec::new();
    for round in rounds.iter().filter(|it| it.counts.silent() > 0) {
        let left = SHOWN.saturating_sub(to_dial.len());
        if left > 0 {
            let which = CallQuery {
                round: Some(round.id.clone()),
                state: Some("not_reached,escalated".into()),
                figure: Figure { newest: "1".into(), ..Figure::default() },
                ..CallQuery::default()
            };
            to_dial.extend(read_calls(&warn, who, &ListQuery::first(left), &which).await?.items);
        }
    }
    let (command, reader) = (room.command.clone(), who.clone());
    let (officers, responses, to_do, lines) = world
        .read(&who.actor, move |tx| {
            Ok((officers(tx)?, responses(tx)?, command.todo_in(tx, &reader)?, lines(tx, &reader)?))
        })
        .await?;
    Ok(Desk { officers, signals, alarms, responses, to_do, processes, rounds, silent, no_number, to_dial, lines })
}

/// Something that rings until somebody took note of it.
pub(super) struct Ring {
    /// What the siren is silenced by.
    pub id: String,
    pub words: Text,
}

/// Red signals nobody acknowledged, requests for help nobody took, grave alarms nobody noted.
pub(super) async fn ringing(room: &Room, who: &Who) -> ApiResult<Vec<Ring>> {
    let (signals, alarms) = in_force(room, who).await?;
    let asked = room.site.world.read(&who.actor, open_help).await?;
    let help = asked.into_iter().map(|(it, unit)| {
        let words = Text::new(format!("{unit}报“有险情、需支援”"), format!("{unit} asks for support"));
        Ring { id: it.id, words }
    });
    let red = signals.into_iter().map(|it| it.signal).filter(is_ringing);
    let red = red.map(|it| {
        let words = Text::new(format!("未签收：{}", it.title), format!("not acknowledged: {}", it.title));
        Ring { id: it.id, words }
    });
    let grave = alarms.into_iter().filter(|it| it.ringing);
    let grave = grave.map(|Measured { alarm: it, station, .. }| {
        let (title, numeral) = (&it.title, it.grade.numeral());
        let words =
            Text::new(format!("{station} {} {numeral}级", title.zh), format!("{station} {} {numeral}", title.en));
        Ring { id: AlarmSeen::key(&it), words }
    });
    Ok(help.chain(red).chain(grave).collect())
}

/// A red signal nobody acknowledged.
pub(super) fn is_ringing(signal: &Signal) -> bool {
    signal.acknowledged_at.is_none() && signal.colour == Some(Colour::Red)
}

/// Those on duty now in the widest office among those in scope: that is the desk's own.
pub(super) fn officers(tx: &mut Tx<'_>) -> Result<Vec<Officer>, StoreError> {
    let now = tx.now();
    let mut shifts: Vec<Shift> =
        tx.find("starts_at <= $1 AND ends_at > $1", "ORDER BY region, organisation, id", params![now])?;
    let widest = shifts.iter().map(|it| it.region.as_str().len()).min();
    shifts.retain(|it| Some(it.region.as_str().len()) == widest);
    shifts.sort_by_key(|it| it.role);
    let mut found = Vec::new();
    for it in shifts {
        let known = it.person.as_deref().map(|id| callee_title(tx, id)).transpose()?.flatten().map(|it| it.name);
        let number = match it.person.as_deref() {
            Some(id) => anlan_register::number_of(tx, id, 0)?,
            None => it.phone.filter(|it| phone::is_usable(it)),
        };
        let tail = number.map(|it| it[it.len().saturating_sub(4)..].to_owned()).unwrap_or_default();
        found.push(Officer { role: it.role, name: known.or(it.name).unwrap_or_else(|| "—".into()), tail });
    }
    Ok(found)
}

/// Signals and alarms that stand now and touch the reader's duty areas. They are no personal data, and
/// a street's desk must see what its district was told.
async fn in_force(room: &Room, who: &Who) -> ApiResult<(Vec<InForce>, Vec<Measured>)> {
    let now = room.site.world.now();
    let own = match &who.actor.scope {
        Scope::Everywhere => None,
        Scope::Regions(own) => Some(own.clone()),
    };
    let touches = move |region: &RegionCode| own.as_ref().is_none_or(|own| own.iter().any(|it| it.meets(region)));
    let found = room
        .site
        .world
        .read(&everywhere(&who.actor), move |tx| {
            let signals: Vec<Signal> =
                tx.find(STANDING, "ORDER BY received_at DESC, id LIMIT 50", params![now, now.minus(LIFTING_SHOWN)])?;
            let alarms: Vec<Alarm> = tx.find("state = 'open'", "ORDER BY grade, raised_at DESC LIMIT 50", &[])?;
            let mut shown = Vec::new();
            for signal in signals.into_iter().filter(|it| touches(&it.region) || it.areas.iter().any(&touches)) {
                let forwards = forward::of_signals(tx, std::slice::from_ref(&signal.id))?;
                let tally = forwards.get(&signal.id).map(|it| Tally::of(it)).unwrap_or_default();
                let by = signal.acknowledged_by.as_deref().map(|it| name_of(tx, it)).transpose()?.unwrap_or_default();
                shown.push(InForce { signal, by, tally });
            }
            let mut measured = Vec::new();
            for alarm in alarms.into_iter().filter(|it| touches(&it.region) || it.areas.iter().any(&touches)) {
                let station = tx.get::<Station>(&alarm.station)?.map_or_else(|| alarm.station.clone(), |it| it.name.zh);
                let grave = Grade::new(2).is_some_and(|it| alarm.grade <= it) && !alarm.areas.is_empty();
                let ringing = grave && tx.get::<AlarmSeen>(&AlarmSeen::key(&alarm))?.is_none();
                measured.push(Measured { upstream: alarm.areas.is_empty(), station, ringing, alarm });
            }
            measured.sort_by_key(|it| (!it.ringing, it.upstream, it.alarm.grade));
            Ok((shown, measured))
        })
        .await?;
    Ok(found)
}

fn responses(tx: &mut Tx<'_>) -> Result<Vec<On>, StoreError> {
    let open: Vec<Response> = tx.find("open = 1", "ORDER BY level, id LIMIT 5", &[])?;
    let mut found = Vec::new();
    for response in open {
        let step = response::last_decided(tx, &response.id)?;
        let by = match &step {
            Some(it) if it.verbal => it.approver.clone().unwrap_or_default(),
            Some(it) => it.decided_by.as_deref().map(|it| name_of(tx, it)).transpose()?.unwrap_or_default(),
            None => String::new(),
        };
        found.push(On { response, step, by });
    }
    Ok(found)
}

/// The last things that happened, out of the records themselves.
fn lines(tx: &mut Tx<'_>, who: &Who) -> Result<Vec<Line>, StoreError> {
    let (named, lang) = (who.may(anlan_kernel::Permission::SeePeople), who.lang);
    let mut names = BTreeMap::new();
    let mut found: Vec<(Instant, String, String)> = Vec::new();
    for it in tx.find::<Signal>("1 = 1", "ORDER BY received_at DESC, id LIMIT 6", &[])? {
        let title = &it.title;
        found.push((it.received_at, format!("{} {title}", lang.pick("收到", "received:")), String::new()));
        if let (Some(at), Some(by)) = (it.acknowledged_at, it.acknowledged_by) {
            found.push((at, format!("{} {title}", lang.pick("签收", "acknowledged:")), by));
        }
        if let (Some(at), Some(by)) = (it.forwarded_at, it.forwarded_by) {
            let units = tx.count::<forward::Forward>("signal = $1", params![&it.id])?;
            let words =
                Text::new(format!("转发原文：{title}，{units} 个单位"), format!("forwarded to {units} units: {title}"));
            found.push((at, words.get(lang).to_owned(), by));
        }
    }
    for it in tx.find::<Round>("started_at IS NOT NULL", "ORDER BY started_at DESC, id LIMIT 4", &[])? {
        let by = it.decided_by.clone().unwrap_or_else(|| lang.pick("预案授权", "pre-authorised").into());
        let words = lang.pick("叫应开始，级别", "calling began, level");
        found.extend(it.started_at.map(|at| (at, format!("{words} {}", it.level), by)));
    }
    for it in tx.find::<Help>("1 = 1", "ORDER BY asked_at DESC, id LIMIT 4", &[])? {
        let unit = asker(tx, &it)?.map_or_else(|| it.region.to_string(), |it| it.organisation);
        let words = Text::new(format!("{unit}：有险情、需支援"), format!("{unit}: danger, support needed"));
        found.push((it.asked_at, words.get(lang).to_owned(), lang.pick("按键 3", "key 3").into()));
    }
    for it in tx.find::<Note>("1 = 1", "ORDER BY at DESC, id LIMIT 5", &[])?.into_iter().filter(|_| named) {
        let caller = it.caller.map(|it| format!("{it}：")).unwrap_or_default();
        let words = lang.pick("电话记录", "telephone:");
        found.push((it.at, format!("{words} {caller}{}", it.words.unwrap_or_default()), it.taken_by));
    }
    for it in tx.find::<Step>("state <> 'superseded'", "ORDER BY proposed_at DESC, id LIMIT 5", &[])? {
        let words = format!("{}{}{}", it.words().get(lang), lang.pick("：", ": "), it.cause);
        found.push((it.proposed_at, words, String::new()));
        if let (Some(at), Some(by)) = (it.decided_at, &it.decided_by) {
            found.push((at, it.decision_words().get(lang).to_owned(), by.clone()));
        }
    }
    found.sort_by_key(|it| std::cmp::Reverse(it.0));
    found.truncate(LINES);
    let logins: BTreeSet<String> = found.iter().map(|it| it.2.clone()).collect();
    for it in logins {
        let name = name_of(tx, &it)?;
        names.insert(it, name);
    }
    let by = |it: &String| names.get(it).cloned().unwrap_or_default();
    Ok(found.into_iter().map(|(at, words, who)| Line { at, words, by: by(&who) }).collect())
}
