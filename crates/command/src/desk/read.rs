//! What the desk shows, read under the reader's scope.

use std::collections::HashSet;

use anlan_kernel::{Colour, RegionCode, Scope, Text};
use anlan_monitor::{Alarm, Signal, store::alarm_open};
use anlan_register::{Role, Shift, callee_title, phone};
use anlan_store::{StoreError, Tx, params};
use anlan_warn::{
    CallState,
    api::{CallQuery, CallView, Figure, ListQuery, ProcessView, read_calls, read_processes},
    service::everywhere,
    standing::{Speaking, speaking},
};
use anlan_web::{ApiResult, Who, accounts::name_of};
use serde::Serialize;

use super::{
    AlarmSeen,
    timeline::{Line, lines},
    todo::{LIFTING_SHOWN, STANDING, open_help, ringing_alarms, station_name},
};
use crate::{
    Room, TodoItem,
    forward::{self, Tally},
    response::{self, Response, Step},
};

/// Silent people shown on the desk; the list of all is one tap away.
const SHOWN: usize = 6;
/// Signals and alarms read for the desk, the newest and those that ring first.
const STANDING_SHOWN: usize = 50;

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
    /// 要找的人 of all rounds that speak.
    pub missing: i64,
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
    let missing = rounds.iter().map(|it| it.counts.missing()).sum();
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
    Ok(Desk { officers, signals, alarms, responses, to_do, processes, rounds, missing, no_number, to_dial, lines })
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
    let scope = who.actor.scope.clone();
    let found = room
        .site
        .world
        .read(&everywhere(&who.actor), move |tx| {
            let touches = |region: &RegionCode| match &scope {
                Scope::Everywhere => true,
                Scope::Regions(own) => own.iter().any(|it| it.meets(region)),
            };
            let signals: Vec<Signal> =
                tx.find(STANDING, "ORDER BY received_at DESC, id", params![now, now.minus(LIFTING_SHOWN)])?;
            let mut shown = Vec::new();
            let here = signals.into_iter().filter(|it| touches(&it.region) || it.areas.iter().any(&touches));
            for signal in here.take(STANDING_SHOWN) {
                let forwards = forward::of_signals(tx, std::slice::from_ref(&signal.id))?;
                let tally = forwards.get(&signal.id).map(|it| Tally::of(it)).unwrap_or_default();
                let by = signal.acknowledged_by.as_deref().map(|it| name_of(tx, it)).transpose()?.unwrap_or_default();
                shown.push(InForce { signal, by, tally });
            }
            Ok((shown, measured(tx, &scope)?))
        })
        .await?;
    Ok(found)
}

fn measured(tx: &mut Tx<'_>, scope: &Scope) -> Result<Vec<Measured>, StoreError> {
    let ringing: HashSet<String> = ringing_alarms(tx, scope)?.into_iter().map(|it| it.id).collect();
    let mut alarms = alarm_open(tx, scope)?;
    alarms
        .sort_by_key(|it| (!ringing.contains(&it.id), it.areas.is_empty(), it.grade, std::cmp::Reverse(it.raised_at)));
    alarms.truncate(STANDING_SHOWN);
    let mut found = Vec::new();
    for alarm in alarms {
        let (station, ringing) = (station_name(tx, &alarm)?, ringing.contains(&alarm.id));
        found.push(Measured { upstream: alarm.areas.is_empty(), station, ringing, alarm });
    }
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
