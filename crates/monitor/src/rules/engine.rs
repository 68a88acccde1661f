//! The engine: readings in, moves of alarms out.

use std::{cmp::Reverse, collections::BinaryHeap, collections::HashMap, sync::Arc};

use anlan_kernel::{Grade, Instant};

use super::{
    expression::Span,
    judge::{Judge, NOT_HOLDING},
    layout::{Layouts, Profile, RuleLayout},
    quantities::{Amount, Quantity},
    rule::Rule,
    series::{Series, Shape},
    stations::Station,
};

/// World time before the first [`Engine::advance_to`].
const UNSET: i64 = i64::MIN;
/// Never held.
const NEVER: i64 = i64::MIN;
/// Holds now.
const HOLDING: i64 = i64::MAX;

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

struct Post {
    id: Arc<str>,
    profile: u32,
    /// Positions of the first series, judgement and column value.
    series: u32,
    judgements: u32,
    /// Bits of the quantities that changed since the last judgement.
    dirty: u64,
    /// Whether it stands in `due`.
    listed: bool,
    /// Moment of its live entry in `wakes`.
    scheduled: i64,
}

/// The state of one rule at one station.
#[derive(Clone, Debug)]
struct Judgement {
    /// Per grade: [`HOLDING`], [`NEVER`], or the moment at which it stopped.
    held_until: [i64; 4],
    /// Earliest moment at which it can change by itself.
    wake: i64,
    /// Position of its first `for` memory.
    since: u32,
    /// Grade shown, 0 for none.
    shown: u8,
}

/// Judges rules over readings, once per instant, as the contract says. Knows no clock: time is what
/// [`Engine::advance_to`] is told.
pub struct Engine {
    rules: Vec<Rule>,
    rule_ids: Vec<Arc<str>>,
    stations: Vec<Station>,
    by_id: HashMap<Arc<str>, u32>,
    profiles: Vec<Profile>,
    posts: Vec<Post>,
    series: Vec<Series>,
    judgements: Vec<Judgement>,
    since: Vec<i64>,
    columns: Vec<Option<i128>>,
    column_count: usize,
    /// Series that no rule reads.
    unread: HashMap<(u32, Quantity), Series>,
    keep: Span,
    now: i64,
    due: Vec<u32>,
    wakes: BinaryHeap<Reverse<(i64, u32)>>,
}

impl Engine {
    /// An engine that has seen nothing yet. Readings are kept as long as the longest window.
    pub fn new(stations: Vec<Station>, rules: Vec<Rule>) -> Self {
        Self::keeping(stations, rules, Span::ZERO)
    }

    /// Keeps every reading for at least `keep`, so that a rule edited later finds its windows filled.
    pub fn keeping(stations: Vec<Station>, rules: Vec<Rule>, keep: Span) -> Self {
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
            let shape = Shape { keep: self.keep.0, ..Shape::default() };
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
            while let Some(&Reverse((moment, _))) = self.wakes.peek().filter(|Reverse((moment, _))| *moment < instant.0) {
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
        let mut open: Vec<_> = self.judgements_with_names().filter_map(|(rule, station, judgement)| {
            let grade = Grade::new(judgement.shown)?;
            Some(OpenAlarm { rule: Arc::clone(rule), station: Arc::clone(station), grade })
        }).collect();
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

    /// Judges by other rules from `now` on, over the readings kept. A rule that judges as before
    /// keeps its state. Any other starts at `now` with no past: it raises nothing earlier, and what
    /// its predecessor showed is changed or cleared at `now`. The alarms of rules that are gone clear.
    pub fn replace_rules(&mut self, rules: Vec<Rule>, now: Instant) -> Vec<AlarmMove> {
        self.replace(self.stations.clone(), rules, now)
    }

    /// The same with other stations; readings of a station stay with its id.
    pub fn replace(&mut self, stations: Vec<Station>, rules: Vec<Rule>, now: Instant) -> Vec<AlarmMove> {
        let mut moves = self.advance_to(now);
        if self.now == UNSET || self.now > now.0 {
            self.now = self.now.max(now.0);
        }
        moves.append(&mut self.settle());
        let memory = self.remember();
        let old_rules = std::mem::take(&mut self.rules);
        self.lay_out(stations, rules, memory.series);
        moves.extend(self.carry_over(&old_rules, memory.judgements));
        moves.append(&mut self.settle());
        moves
    }
}

/// A judgement with its `for` memories, on its way between two layouts.
type Carried = HashMap<(Arc<str>, Arc<str>), (Judgement, Vec<i64>)>;
type CarriedSeries = HashMap<(Arc<str>, Quantity), Series>;

struct Memory {
    series: CarriedSeries,
    judgements: Carried,
}

impl Engine {
    fn judgements_with_names(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<str>, &Judgement)> {
        self.posts.iter().flat_map(move |post| {
            let rules = self.profiles[post.profile as usize].rules.iter().enumerate();
            rules.map(move |(place, layout)| {
                (&self.rule_ids[layout.rule], &post.id, &self.judgements[post.judgements as usize + place])
            })
        })
    }

    fn remember(&mut self) -> Memory {
        let mut judgements = Carried::new();
        for post in &self.posts {
            for (place, layout) in self.profiles[post.profile as usize].rules.iter().enumerate() {
                let judgement = &self.judgements[post.judgements as usize + place];
                let since = self.since[judgement.since as usize..][..layout.fors].to_vec();
                let key = (Arc::clone(&self.rule_ids[layout.rule]), Arc::clone(&post.id));
                judgements.insert(key, (judgement.clone(), since));
            }
        }
        let mut all = std::mem::take(&mut self.series).into_iter();
        let mut series = CarriedSeries::new();
        for post in &self.posts {
            for (quantity, _) in &self.profiles[post.profile as usize].series {
                series.extend(all.next().map(|it| ((Arc::clone(&post.id), *quantity), it)));
            }
        }
        for ((station, quantity), it) in self.unread.drain() {
            series.insert((Arc::clone(&self.posts[station as usize].id), quantity), it);
        }
        Memory { series, judgements }
    }

    fn lay_out(&mut self, stations: Vec<Station>, rules: Vec<Rule>, mut carried: CarriedSeries) {
        let mut layouts = Layouts::new(&rules, self.keep.0);
        self.posts.clear();
        self.series.clear();
        self.judgements.clear();
        self.since.clear();
        self.columns.clear();
        self.by_id.clear();
        self.due.clear();
        self.wakes.clear();
        for station in &stations {
            let profile = layouts.profile_of(station);
            let id: Arc<str> = station.id.as_str().into();
            let (series, judgements) = (self.series.len() as u32, self.judgements.len() as u32);
            for (quantity, shape) in &layouts.profiles[profile as usize].series {
                let old = carried.remove(&(Arc::clone(&id), *quantity)).map(|mut series| {
                    series.reshape(shape);
                    series
                });
                self.series.push(old.unwrap_or_else(|| Series::new(shape)));
            }
            for layout in &layouts.profiles[profile as usize].rules {
                let since = self.since.len() as u32;
                self.judgements.push(Judgement { held_until: [NEVER; 4], wake: NEVER, since, shown: 0 });
                self.since.extend(std::iter::repeat_n(NOT_HOLDING, layout.fors));
            }
            self.columns.extend(layouts.columns.iter().map(|column| station.column(column).map(|it| it.0)));
            let index = self.posts.len() as u32;
            self.wakes.push(Reverse((NEVER, index)));
            self.by_id.insert(Arc::clone(&id), index);
            self.posts.push(Post { id, profile, series, judgements, dirty: 0, listed: false, scheduled: NEVER });
        }
        let unread = carried.into_iter().filter_map(|((id, quantity), mut series)| {
            series.reshape(&Shape { keep: self.keep.0, ..Shape::default() });
            Some(((*self.by_id.get(&id)?, quantity), series))
        });
        self.unread = unread.collect();
        self.column_count = layouts.columns.len();
        self.profiles = layouts.profiles;
        self.rule_ids = rules.iter().map(|rule| rule.id.as_str().into()).collect();
        (self.rules, self.stations) = (rules, stations);
    }

    /// Gives new judgements what old ones knew; clears the alarms of those without a successor.
    fn carry_over(&mut self, old_rules: &[Rule], mut carried: Carried) -> Vec<AlarmMove> {
        for post in &self.posts {
            for (place, layout) in self.profiles[post.profile as usize].rules.iter().enumerate() {
                let (rule, new) = (&self.rules[layout.rule], &mut self.judgements[post.judgements as usize + place]);
                let key = (Arc::clone(&self.rule_ids[layout.rule]), Arc::clone(&post.id));
                let Some((old, since)) = carried.remove(&key) else { continue };
                new.shown = old.shown;
                if old_rules.iter().any(|it| it.judges_like(rule)) {
                    new.held_until = old.held_until;
                    self.since[new.since as usize..][..layout.fors].copy_from_slice(&since);
                }
            }
        }
        let at = Instant(self.now);
        let gone = carried.into_iter().filter_map(|((rule, station), (old, _))| {
            let shift = Shift::Cleared { from: Grade::new(old.shown)? };
            Some(AlarmMove { at, rule, station, shift })
        });
        let mut gone: Vec<_> = gone.collect();
        gone.sort_by(|a, b| (&a.rule, &a.station).cmp(&(&b.rule, &b.station)));
        gone
    }

    fn judge_now(&mut self, moves: &mut Vec<AlarmMove>) {
        while let Some(&Reverse((moment, index))) = self.wakes.peek().filter(|Reverse((moment, _))| *moment <= self.now) {
            self.wakes.pop();
            let post = &mut self.posts[index as usize];
            if post.scheduled == moment {
                post.scheduled = i64::MAX;
                if !post.listed {
                    post.listed = true;
                    self.due.push(index);
                }
            }
        }
        let mut due = std::mem::take(&mut self.due);
        let first = moves.len();
        for index in due.drain(..) {
            self.judge_post(index as usize, moves);
        }
        self.due = due;
        moves[first..].sort_by(|a, b| (&a.rule, &a.station).cmp(&(&b.rule, &b.station)));
    }

    fn judge_post(&mut self, index: usize, moves: &mut Vec<AlarmMove>) {
        let post = &mut self.posts[index];
        let profile = &self.profiles[post.profile as usize];
        let series = &mut self.series[post.series as usize..][..profile.series.len()];
        let judgements = &mut self.judgements[post.judgements as usize..][..profile.rules.len()];
        let columns = &self.columns[index * self.column_count..][..self.column_count];
        let (now, dirty) = (self.now, std::mem::take(&mut post.dirty));
        post.listed = false;
        series.iter_mut().for_each(|it| it.advance(now));
        let mut next = i64::MAX;
        for (layout, judgement) in profile.rules.iter().zip(judgements) {
            if layout.quantities & dirty != 0 || judgement.wake <= now {
                let since = &mut self.since[judgement.since as usize..][..layout.fors];
                let mut judge = Judge { now, series, columns, since, wake: i64::MAX };
                let before = judgement.shown;
                judgement.judge(layout, &mut judge);
                for (_, entry) in profile.series.iter().zip(series.iter()).filter(|((it, _), _)| layout.quantities & (1 << it.index()) != 0) {
                    judgement.wake = judgement.wake.min(entry.next_entry().unwrap_or(i64::MAX));
                }
                if let Some(shift) = shift(before, judgement.shown) {
                    let (rule, station) = (Arc::clone(&self.rule_ids[layout.rule]), Arc::clone(&post.id));
                    moves.push(AlarmMove { at: Instant(now), rule, station, shift });
                }
            }
            next = next.min(judgement.wake);
        }
        if next < post.scheduled {
            post.scheduled = next;
            self.wakes.push(Reverse((next, index as u32)));
        }
    }
}

impl Judgement {
    /// Finds the grade shown now, and when it can next change by itself.
    fn judge(&mut self, layout: &RuleLayout, judge: &mut Judge<'_>) {
        let mut holds = [false; 4];
        for (grade, condition) in &layout.levels {
            holds[usize::from(grade - 1)] |= judge.holds(condition);
        }
        self.shown = 0;
        for (grade, holds) in (1..).zip(holds) {
            let held_until = &mut self.held_until[usize::from(grade - 1)];
            if holds {
                *held_until = HOLDING;
            } else if *held_until == HOLDING {
                *held_until = judge.now;
            }
            let shows = holds || (*held_until != NEVER && *held_until + layout.clear_after > judge.now);
            if shows && self.shown == 0 {
                self.shown = grade;
                if !holds {
                    judge.wake_at(*held_until + layout.clear_after);
                }
            }
        }
        self.wake = judge.wake;
    }
}

fn shift(before: u8, after: u8) -> Option<Shift> {
    match (Grade::new(before), Grade::new(after)) {
        (None, Some(to)) => Some(Shift::Raised(to)),
        (Some(from), None) => Some(Shift::Cleared { from }),
        (Some(from), Some(to)) if from != to => Some(Shift::Changed { from, to }),
        _ => None,
    }
}
