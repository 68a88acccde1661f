//! The engine: readings in, moves of alarms out.

use std::{cmp::Reverse, collections::BinaryHeap, collections::HashMap, sync::Arc};

use anlan_kernel::{Grade, Instant};

use super::{
    expression::Span,
    layout::Profile,
    quantities::{Amount, Quantity},
    rule::Rule,
    series::{Series, Shape},
    stations::Station,
};

/// World time before the first [`Engine::advance_to`].
pub(super) const UNSET: i64 = i64::MIN;
/// Never held, in a judgement.
pub(super) const NEVER: i64 = i64::MIN;
/// Holds now, in a judgement.
pub(super) const HOLDING: i64 = i64::MAX;

/// A station of an [`Engine`], valid until its rules or stations are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StationIndex(u32);

/// A reading as the engine takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Where.
    pub station: StationIndex,
    /// What.
    pub quantity: Quantity,
    /// When it was observed.
    pub at: Instant,
    /// How much, see [`Quantity::conversion`].
    pub value: Amount,
}

/// What became of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It counts.
    New,
    /// One of the same station, quantity and moment was taken before; nothing changed.
    Duplicate,
}

/// A change of the grade shown for a rule at a station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmMove {
    /// World time of the change.
    pub at: Instant,
    /// Id of the rule.
    pub rule: Arc<str>,
    /// Id of the station.
    pub station: Arc<str>,
    /// From what to what.
    pub shift: Shift,
}

/// From what to what an alarm moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shift {
    /// From nothing.
    Raised(Grade),
    /// Between grades.
    Changed {
        /// Before.
        from: Grade,
        /// After.
        to: Grade,
    },
    /// To nothing.
    Cleared {
        /// Before.
        from: Grade,
    },
}

/// An alarm that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAlarm {
    /// Id of the rule.
    pub rule: Arc<str>,
    /// Id of the station.
    pub station: Arc<str>,
    /// The grade shown.
    pub grade: Grade,
}

pub(super) struct Post {
    pub(super) id: Arc<str>,
    pub(super) profile: u32,
    /// Positions of the first series, judgement and column value.
    pub(super) series: u32,
    pub(super) judgements: u32,
    /// Bits of the quantities that changed since the last judgement.
    pub(super) dirty: u64,
    /// Whether it stands in `due`.
    pub(super) listed: bool,
    /// Moment of its live entry in `wakes`.
    pub(super) scheduled: i64,
}

/// The state of one rule at one station.
#[derive(Clone, Debug)]
pub(super) struct Judgement {
    /// Per grade: [`HOLDING`], [`NEVER`], or the moment at which it stopped.
    pub(super) held_until: [i64; 4],
    /// Earliest moment at which it can change by itself.
    pub(super) wake: i64,
    /// Position of its first `for` memory.
    pub(super) since: u32,
    /// Grade shown, 0 for none.
    pub(super) shown: u8,
}

/// Judges rules over readings, once per instant, as the contract says. Knows no clock: time is what
/// [`Engine::advance_to`] is told.
pub struct Engine {
    pub(super) rules: Vec<Rule>,
    pub(super) rule_ids: Vec<Arc<str>>,
    pub(super) stations: Vec<Station>,
    pub(super) by_id: HashMap<Arc<str>, u32>,
    pub(super) profiles: Vec<Profile>,
    pub(super) posts: Vec<Post>,
    pub(super) series: Vec<Series>,
    pub(super) judgements: Vec<Judgement>,
    pub(super) since: Vec<i64>,
    pub(super) columns: Vec<Option<i128>>,
    pub(super) column_count: usize,
    /// Series that no rule reads.
    pub(super) unread: HashMap<(u32, Quantity), Series>,
    pub(super) keep: Span,
    pub(super) forgetful: bool,
    pub(super) now: i64,
    pub(super) due: Vec<u32>,
    pub(super) wakes: BinaryHeap<Reverse<(i64, u32)>>,
}

impl Engine {
    /// An engine that has seen nothing yet. Readings are kept as long as the longest window.
    pub fn new(stations: Vec<Station>, rules: Vec<Rule>) -> Self {
        Self::made(stations, rules, Span::ZERO, false)
    }

    /// Keeps every reading for at least `keep`, so that a rule edited later finds its windows filled, and forgets that
    /// there were older ones: it may run for years.
    pub fn keeping(stations: Vec<Station>, rules: Vec<Rule>, keep: Span) -> Self {
        Self::made(stations, rules, keep, true)
    }

    fn made(stations: Vec<Station>, rules: Vec<Rule>, keep: Span, forgetful: bool) -> Self {
        let mut engine = Self {
            rules: Vec::new(),
            rule_ids: Vec::new(),
            stations: Vec::new(),
            by_id: HashMap::new(),
            profiles: Vec::new(),
            posts: Vec::new(),
            series: Vec::new(),
            judgements: Vec::new(),
            since: Vec::new(),
            columns: Vec::new(),
            column_count: 0,
            unread: HashMap::new(),
            keep,
            forgetful,
            now: UNSET,
            due: Vec::new(),
            wakes: BinaryHeap::new(),
        };
        engine.lay_out(stations, rules, HashMap::new());
        engine
    }

    /// World time; `None` before the first [`Engine::advance_to`].
    pub fn now(&self) -> Option<Instant> {
        (self.now != UNSET).then_some(Instant(self.now))
    }

    /// The rules judged.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The stations known.
    pub fn stations(&self) -> &[Station] {
        &self.stations
    }

    /// Finds a station by its id.
    pub fn station(&self, id: &str) -> Option<StationIndex> {
        self.by_id.get(id).copied().map(StationIndex)
    }

    /// Whether a reading of that station, quantity and moment was taken.
    pub fn holds(&self, station: StationIndex, quantity: Quantity, at: Instant) -> bool {
        let post = &self.posts[station.0 as usize];
        match self.profiles[post.profile as usize].slot(quantity) {
            Some(slot) => self.series[post.series as usize + slot].holds(at.0),
            None => self.unread.get(&(station.0, quantity)).is_some_and(|series| series.holds(at.0)),
        }
    }

    /// Takes a reading at world time. It enters its windows at its own time, early or late, and is
    /// judged with all others of this instant.
    pub fn take(&mut self, reading: &Reading) -> Taken {
        let index = reading.station.0;
        let post = &mut self.posts[index as usize];
        let (at, value) = (reading.at.0, reading.value.0);
        let Some(slot) = self.profiles[post.profile as usize].slot(reading.quantity) else {
            let shape = Shape { keep: self.keep.0, forgetful: self.forgetful, ..Shape::default() };
            let series = self.unread.entry((index, reading.quantity)).or_insert_with(|| Series::new(&shape));
            return if series.insert(at, value, self.now) { Taken::New } else { Taken::Duplicate };
        };
        if !self.series[post.series as usize + slot].insert(at, value, self.now) {
            return Taken::Duplicate;
        }
        post.dirty |= 1 << reading.quantity.index();
        if !post.listed {
            post.listed = true;
            self.due.push(index);
        }
        Taken::New
    }

    /// Moves world time to `instant`: judges the instant it stood at, and every moment before
    /// `instant` at which something can change by itself. `instant` itself is judged when time
    /// moves on or by [`Engine::settle`]. Time never moves back.
    pub fn advance_to(&mut self, instant: Instant) -> Vec<AlarmMove> {
        let mut moves = Vec::new();
        if self.now != UNSET && instant.0 > self.now {
            self.judge_now(&mut moves);
            while let Some(&Reverse((moment, _))) = self.wakes.peek().filter(|Reverse((moment, _))| *moment < instant.0)
            {
                self.now = self.now.max(moment);
                self.judge_now(&mut moves);
            }
        }
        self.now = self.now.max(instant.0);
        moves
    }

    /// Judges the instant at which world time stands, after all its rows.
    pub fn settle(&mut self) -> Vec<AlarmMove> {
        let mut moves = Vec::new();
        if self.now != UNSET {
            self.judge_now(&mut moves);
        }
        moves
    }

    /// The next moment at which something may change without a reading; a clock can sleep until then.
    pub fn next_wake(&self) -> Option<Instant> {
        self.wakes.peek().map(|Reverse((moment, _))| Instant((*moment).max(self.now)))
    }

    /// Every alarm shown, by rule and station.
    pub fn open_alarms(&self) -> Vec<OpenAlarm> {
        let mut open: Vec<_> = self
            .judgements_with_names()
            .filter_map(|(rule, station, judgement)| {
                let grade = Grade::new(judgement.shown)?;
                Some(OpenAlarm { rule: Arc::clone(rule), station: Arc::clone(station), grade })
            })
            .collect();
        open.sort_by(|a, b| (&a.rule, &a.station).cmp(&(&b.rule, &b.station)));
        open
    }

    /// How far back readings must be fed again for the same state: windows, `for` and clear_after.
    /// Before them, the newest reading of every station and quantity, for `silent`.
    pub fn reach(&self) -> Span {
        self.rules.iter().map(Rule::reach).max().unwrap_or_default()
    }

    /// How many readings are kept in memory.
    pub fn kept(&self) -> usize {
        self.series.iter().chain(self.unread.values()).map(Series::kept).sum()
    }
}
