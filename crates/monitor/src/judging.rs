//! The engine fed from the log: blocks in order, world time, and how far both have come.
//!
//! Owns the state between two commits. Does not write rows: the service commits what [`Judging`]
//! decided together with its mark.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use anlan_kernel::{Instant, Problem, RegionCode};
use anlan_store::StoreError;

use crate::{
    alarms::{Context, RuleWords},
    ingest::AHEAD,
    log::{Block, Log, Quality, Reader},
    model::{Alarm, LogMark, RuleSet, Station},
    newest::Newest,
    rules::{AlarmMove, Conversion, Decimal, Engine, Quantity, Reading, Rule, Shift, Span, StationIndex, parse_rules},
    stations,
};

/// Name of the engine's [`LogMark`].
pub(crate) const ENGINE: &str = "engine";
/// Bytes of log between two positions that are remembered with their time.
const STRIDE: i64 = 128 * 1024;
/// How many of these are kept.
const PLACES: usize = 4_096;
/// Most readings fed between two commits.
const SLICE: usize = 50_000;

/// What decides: stations and the versions of rules that judge, or judged.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    /// The region whose desk hears of stations that lie in nobody's.
    pub home: RegionCode,
    pub stations: Vec<Station>,
    /// Every version of every source.
    pub sets: Vec<RuleSet>,
}

/// The engine and how far it has come.
pub(crate) struct Judging {
    log: Arc<Log>,
    engine: Engine,
    reader: Reader,
    next: Option<Block>,
    pub newest: Newest,
    /// Positions of the log with the time of their frame, in order: where a look at the last hours begins.
    pub places: VecDeque<(Instant, i64)>,
    pub context: Context,
    given: Given,
    /// How far back readings are kept.
    keep: Span,
    /// Every frame before `position` is fed, every moment up to `at` is judged.
    pub mark: LogMark,
    /// Decided and not committed yet.
    pub moves: Vec<AlarmMove>,
}

impl Given {
    /// The sets that judge at a moment, by source. A version judges from its `active_from` to that
    /// of the next.
    fn sets_at(&self, at: Instant) -> Vec<&RuleSet> {
        let mut by_source: HashMap<&str, &RuleSet> = HashMap::new();
        for set in self.sets.iter().filter(|it| it.active_from <= at) {
            let current = by_source.entry(&set.source).or_insert(set);
            if current.version < set.version {
                *current = set;
            }
        }
        let mut sets: Vec<_> = by_source.into_values().collect();
        sets.sort_by(|a, b| a.source.cmp(&b.source));
        sets
    }

    fn rules_at(&self, at: Instant) -> Vec<Rule> {
        self.sets_at(at).iter().flat_map(|it| parse_rules(&it.toml).rules).collect()
    }

    /// Moments at which rules changed, inside of (from, until].
    fn changes(&self, from: Instant, until: Instant) -> Vec<Instant> {
        let mut changes: Vec<_> =
            self.sets.iter().map(|it| it.active_from).filter(|it| *it > from && *it <= until).collect();
        changes.sort_unstable();
        changes.dedup();
        changes
    }

    fn context(&self, at: Instant) -> Context {
        let stations = self.stations.iter().map(|it| (it.id.clone(), it.clone())).collect();
        let mut rules = HashMap::new();
        for set in self.sets_at(at) {
            for rule in parse_rules(&set.toml).rules {
                rules.insert(rule.id, RuleWords { title: rule.title, hazard: rule.hazard, set: set.id.clone() });
            }
        }
        Context { home: self.home.clone(), stations: Arc::new(stations), rules: Arc::new(rules) }
    }

    fn engine_stations(&self) -> Vec<crate::rules::Station> {
        self.stations.iter().map(stations::to_rules).collect()
    }
}

impl Judging {
    /// The engine as it stood at `mark`, made again from the log.
    pub fn resume(log: Arc<Log>, given: Given, mark: LogMark) -> Result<Self, StoreError> {
        let latest = given.sets.iter().map(|it| it.active_from).max().unwrap_or_default().max(mark.at);
        let rules = given.rules_at(latest);
        let keep = rules.iter().map(Rule::reach).max().unwrap_or_default();
        Self::rebuild(log, given, mark, keep)
    }

    fn rebuild(log: Arc<Log>, given: Given, mark: LogMark, keep: Span) -> Result<Self, StoreError> {
        let reach = Duration::from_micros(u64::try_from(keep.0).unwrap_or(0)) + AHEAD + Duration::from_secs(1);
        let start = log.position_before(mark.at.minus(reach))?.min(mark.position);
        let newest = Newest::at(log.dir(), start, |from| log.reader(from))?;
        let reader = log.reader(start);
        let mut judging = Self {
            engine: Engine::keeping(given.engine_stations(), Vec::new(), keep),
            reader,
            next: None,
            newest,
            places: VecDeque::new(),
            context: given.context(mark.at),
            given,
            keep,
            mark: LogMark { id: ENGINE.into(), position: start, at: Instant(i64::MIN) },
            moves: Vec::new(),
            log,
        };
        judging.catch_up(&mark)?;
        Ok(judging)
    }

    /// Feeds what was fed before `mark`, under the rules of each moment, and forgets the moves: they
    /// are committed.
    fn catch_up(&mut self, mark: &LogMark) -> Result<(), StoreError> {
        let begin = self.peek(mark.position)?.map_or(mark.at, |it| it.received_at.min(mark.at));
        self.engine = Engine::keeping(self.given.engine_stations(), self.given.rules_at(begin), self.keep);
        for last in self.newest.lasts() {
            let series = self.series(&last.station, &last.quantity, &last.unit);
            self.engine.advance_to(last.at.min(begin));
            let value = Decimal::parse(&last.value).ok();
            if let (Some((station, quantity, conversion)), Some(value)) = (series, value) {
                self.engine.take(&Reading { station, quantity, at: last.at, value: conversion.amount(value) });
            }
        }
        self.engine.advance_to(begin);
        for change in self.given.changes(begin, mark.at) {
            self.feed(mark.position, change, usize::MAX)?;
            self.engine.replace_rules(self.given.rules_at(change), change);
        }
        self.feed(mark.position, never(), usize::MAX)?;
        if self.engine.now().is_none_or(|now| now <= mark.at) {
            self.engine.advance_to(mark.at);
            self.engine.settle();
        }
        self.moves.clear();
        self.mark = mark.clone();
        Ok(())
    }

    /// Feeds and judges up to a moment at which the log is settled; false when there is more to do.
    pub fn step(&mut self, position: i64, at: Instant) -> Result<bool, StoreError> {
        let at = at.max(self.mark.at);
        let whole = self.feed(position, at, SLICE)?;
        if whole {
            let moves = self.engine.advance_to(at);
            self.moves.extend(moves);
            let moves = self.engine.settle();
            self.moves.extend(moves);
            self.mark.at = at;
        } else if let Some(now) = self.engine.now() {
            // The moment at which the engine stands may have more rows.
            self.mark.at = self.mark.at.max(Instant(now.0 - 1));
        }
        self.mark.position = self.reader_position();
        self.newest.save_if_due(self.log.dir())?;
        Ok(whole)
    }

    /// Feeds frames before `position` received at or before `at`; false when `most` stopped it.
    fn feed(&mut self, position: i64, at: Instant, most: usize) -> Result<bool, StoreError> {
        let mut fed = 0;
        while self.peek(position)?.is_some_and(|it| it.received_at <= at) {
            if fed >= most {
                return Ok(false);
            }
            let Some(block) = self.next.take() else { break };
            fed += block.batch.readings.len();
            self.take(&block);
        }
        Ok(true)
    }

    fn take(&mut self, block: &Block) {
        if self.places.back().is_none_or(|it| block.from - it.1 >= STRIDE) {
            self.places.push_back((block.received_at, block.from));
            if self.places.len() > PLACES {
                self.places.pop_front();
            }
        }
        let moves = self.engine.advance_to(block.received_at);
        self.moves.extend(moves);
        let series: Vec<_> =
            block.batch.series.iter().map(|it| self.series(&it.station, &it.quantity, &it.unit)).collect();
        for reading in block.batch.readings.iter().filter(|it| it.quality != Quality::Bad) {
            if let Some((station, quantity, conversion)) = series[reading.series as usize] {
                let value = conversion.amount(reading.value);
                self.engine.take(&Reading { station, quantity, at: reading.observed_at, value });
            }
        }
        self.newest.see(block);
    }

    fn series(&self, station: &str, quantity: &str, unit: &str) -> Option<(StationIndex, Quantity, Conversion)> {
        let quantity = Quantity::named(quantity).ok()?;
        Some((self.engine.station(station)?, quantity, quantity.conversion(unit).ok()?))
    }

    fn peek(&mut self, limit: i64) -> Result<Option<&Block>, StoreError> {
        if self.next.is_none() {
            self.next = self.reader.next(limit.min(self.log.synced()))?;
        }
        Ok(self.next.as_ref())
    }

    fn reader_position(&self) -> i64 {
        self.next.as_ref().map_or(self.reader.position(), |it| it.from)
    }

    /// When something may change without a reading.
    pub fn next_wake(&self) -> Option<Instant> {
        self.engine.next_wake()
    }

    /// The current text of every source.
    pub fn active_sets(&self) -> Vec<RuleSet> {
        self.given.sets_at(self.mark.at).into_iter().cloned().collect()
    }

    /// Judges by a new version from the settled moment on. Nothing before it is alarmed about: the
    /// readings come from the log, the judgement starts now.
    pub fn replace_rules(&mut self, set: RuleSet) -> Result<(), StoreError> {
        let at = self.mark.at;
        self.given.sets.push(set);
        let rules = self.given.rules_at(at);
        let reach = rules.iter().map(Rule::reach).max().unwrap_or_default();
        if reach > self.keep {
            self.refill(reach)?;
        }
        let moves = self.engine.replace_rules(rules, at);
        self.moves.extend(moves);
        self.context = self.given.context(at);
        Ok(())
    }

    /// Makes the engine again with longer windows, so that a new rule finds them filled.
    fn refill(&mut self, keep: Span) -> Result<(), StoreError> {
        let mut before = self.given.clone();
        before.sets.pop();
        let mut fresh = Self::rebuild(Arc::clone(&self.log), before, self.mark.clone(), keep)?;
        std::mem::swap(&mut fresh.given, &mut self.given);
        fresh.moves = std::mem::take(&mut self.moves);
        *self = fresh;
        Ok(())
    }

    /// Takes back a version that could not be committed: the engine is made again as it stood at the mark, before
    /// which everything is committed.
    pub fn withdraw(&mut self, set: &str) -> Result<(), StoreError> {
        self.given.sets.retain(|it| it.id != set);
        *self = Self::rebuild(Arc::clone(&self.log), self.given.clone(), self.mark.clone(), self.keep)?;
        Ok(())
    }

    /// Other stations from the settled moment on.
    pub fn replace_stations(&mut self, stations: Vec<Station>) {
        self.given.stations = stations;
        let at = self.mark.at;
        let moves = self.engine.replace(self.given.engine_stations(), self.given.rules_at(at), at);
        self.moves.extend(moves);
        self.context = self.given.context(at);
    }

    /// Makes the rows agree with what is shown, where something outside changed either.
    pub fn reconcile(&mut self, rows: &[Alarm]) {
        let shown: HashMap<_, _> = self
            .engine
            .open_alarms()
            .into_iter()
            .map(|it| ((it.rule.to_string(), it.station.to_string()), it.grade))
            .collect();
        let at = self.mark.at;
        let row =
            |rule: &str, station: &str, shift| AlarmMove { at, rule: rule.into(), station: station.into(), shift };
        for alarm in rows {
            match shown.get(&(alarm.rule.clone(), alarm.station.clone())) {
                Some(grade) if *grade == alarm.grade => {}
                Some(grade) => {
                    let shift = Shift::Changed { from: alarm.grade, to: *grade };
                    self.moves.push(row(&alarm.rule, &alarm.station, shift));
                }
                None => self.moves.push(row(&alarm.rule, &alarm.station, Shift::Cleared { from: alarm.grade })),
            }
        }
        let mut missing: Vec<_> = shown
            .into_iter()
            .filter(|((rule, station), _)| !rows.iter().any(|it| it.rule == *rule && it.station == *station))
            .collect();
        missing.sort();
        for ((rule, station), grade) in missing {
            self.moves.push(row(&rule, &station, Shift::Raised(grade)));
        }
    }
}

/// Later than every frame.
fn never() -> Instant {
    anlan_kernel::MAX_INSTANT
}

/// Reads rules that are to judge beside those of other sources.
///
/// # Errors
/// Every problem of the text, with its place, and every id that another source uses.
pub(crate) fn check_rules(toml: &str, source: &str, active: &[RuleSet]) -> Result<Vec<Rule>, Vec<Problem>> {
    let parsed = parse_rules(toml);
    let mut problems = parsed.problems;
    for other in active.iter().filter(|it| it.source != source) {
        for taken in parse_rules(&other.toml).rules {
            if parsed.rules.iter().any(|it| it.id == taken.id) {
                let (id, source) = (&taken.id, &other.source);
                problems.push(
                    Problem::new(
                        "duplicate_rule",
                        format!("规则“{id}”已在“{source}”里；请换一个编号"),
                        format!("the rule \"{id}\" stands in \"{source}\" already; use another id"),
                    )
                    .field(id.clone()),
                );
            }
        }
    }
    if problems.is_empty() { Ok(parsed.rules) } else { Err(problems) }
}
