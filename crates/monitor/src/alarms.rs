//! Moves of the engine written down: alarm rows, their events, the hooks that hear of them.

use std::{collections::HashMap, sync::Arc};

use anlan_kernel::{RegionCode, Text};
use anlan_store::{Advanced, Event, StoreError, Tx};

use crate::{
    model::{Alarm, AlarmEvent, AlarmState, Hooks, Station},
    rules::{AlarmMove, Shift},
    store,
};

/// What an alarm takes over from its rule.
#[derive(Clone, Debug)]
pub(crate) struct RuleWords {
    pub title: Text,
    pub hazard: Option<String>,
    /// Id of the rule set.
    pub set: String,
}

/// What a move needs to become a row.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// The region whose desk hears of stations that lie in nobody's.
    pub home: RegionCode,
    pub stations: Arc<HashMap<String, Station>>,
    pub rules: Arc<HashMap<String, RuleWords>>,
}

impl Context {
    /// Whose desk an alarm of this station belongs to: of one beyond the home region it is that of the places it
    /// speaks for, or the home region's own, which watches upstream.
    fn desk_of(&self, station: &Station) -> RegionCode {
        if self.home.covers(&station.region) {
            return station.region.clone();
        }
        let served = store::region_of(&station.serves, &self.home);
        if self.home.covers(&served) { served } else { self.home.clone() }
    }
}

/// Writes a move down. What is written already stays as it is, so a repeated judgement does nothing twice.
pub(crate) fn apply(tx: &mut Tx<'_>, context: &Context, hooks: &Hooks, it: &AlarmMove) -> Result<(), StoreError> {
    let open = store::alarm_open_at(tx, &it.rule, &it.station)?.filter(|open| open.raised_at <= it.at);
    match (it.shift, open) {
        (Shift::Raised(grade) | Shift::Changed { to: grade, .. }, Some(open)) => {
            if open.grade == grade || open.changed_at > it.at {
                return Ok(());
            }
            let peak = open.peak.min(grade);
            advance(tx, context, hooks, Alarm { grade, peak, changed_at: it.at, ..open }, AlarmEvent::Changed)
        }
        (Shift::Raised(grade) | Shift::Changed { to: grade, .. }, None) => {
            let Some(alarm) = raised(context, it, grade) else { return Ok(()) };
            if !tx.insert(&alarm)? {
                return Ok(());
            }
            tell(tx, context, hooks, &alarm, AlarmEvent::Raised)
        }
        (Shift::Cleared { .. }, Some(open)) => {
            let cleared = Alarm { state: AlarmState::Cleared, changed_at: it.at, cleared_at: Some(it.at), ..open };
            advance(tx, context, hooks, cleared, AlarmEvent::Cleared)
        }
        (Shift::Cleared { .. }, None) => Ok(()),
    }
}

fn raised(context: &Context, it: &AlarmMove, grade: anlan_kernel::Grade) -> Option<Alarm> {
    let (station, rule) = (context.stations.get(&*it.station)?, context.rules.get(&*it.rule)?);
    Some(Alarm {
        id: Alarm::key(&it.rule, &it.station, it.at),
        rule: it.rule.to_string(),
        station: it.station.to_string(),
        hazard: rule.hazard.clone(),
        title: rule.title.clone(),
        grade,
        peak: grade,
        state: AlarmState::Open,
        raised_at: it.at,
        changed_at: it.at,
        cleared_at: None,
        region: context.desk_of(station),
        areas: station.serves.clone(),
        revision: 0,
    })
}

fn advance(
    tx: &mut Tx<'_>,
    context: &Context,
    hooks: &Hooks,
    alarm: Alarm,
    event: AlarmEvent,
) -> Result<(), StoreError> {
    match tx.advance(&alarm)? {
        Advanced::Yes => tell(tx, context, hooks, &Alarm { revision: alarm.revision + 1, ..alarm }, event),
        Advanced::Stale => Err(StoreError::Stale(alarm.id)),
    }
}

/// The journal entry, then whoever listens.
fn tell(tx: &mut Tx<'_>, context: &Context, hooks: &Hooks, alarm: &Alarm, event: AlarmEvent) -> Result<(), StoreError> {
    let name = match event {
        AlarmEvent::Raised => "alarm.raised",
        AlarmEvent::Changed => "alarm.changed",
        AlarmEvent::Cleared => "alarm.cleared",
    };
    let mut entry = Event::new(name, &alarm.id).region(&alarm.region);
    entry.pack = context.rules.get(&alarm.rule).map(|it| it.set.as_str());
    tx.record(entry)?;
    metrics::counter!("anlan_alarm_moves_total", "event" => name).increment(1);
    hooks.alarm.iter().try_for_each(|hook| hook(tx, alarm, event))
}
