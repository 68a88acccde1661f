//! Editing: other rules or stations, over the readings and judgements that are there.

use std::{cmp::Reverse, collections::HashMap, sync::Arc};

use anlan_kernel::{Grade, Instant};

use super::{
    engine::{AlarmMove, Engine, Judgement, NEVER, Post, Shift},
    judge::NOT_HOLDING,
    layout::Layouts,
    quantities::Quantity,
    rule::Rule,
    series::{Series, Shape},
    stations::Station,
};

/// A judgement with its `for` memories, on its way between two layouts.
type Carried = HashMap<(Arc<str>, Arc<str>), (Judgement, Vec<i64>)>;
pub(super) type CarriedSeries = HashMap<(Arc<str>, Quantity), Series>;

struct Memory {
    series: CarriedSeries,
    judgements: Carried,
}

impl Engine {
    /// Judges by other rules from `now` on, over the readings kept. A rule that judges as before
    /// keeps its state. Any other starts at `now` with no past: it raises nothing earlier, and what
    /// its predecessor showed is changed or cleared at `now`. The alarms of rules that are gone clear.
    pub fn replace_rules(&mut self, rules: Vec<Rule>, now: Instant) -> Vec<AlarmMove> {
        self.replace(self.stations.clone(), rules, now)
    }

    /// The same with other stations; readings of a station stay with its id.
    pub fn replace(&mut self, stations: Vec<Station>, rules: Vec<Rule>, now: Instant) -> Vec<AlarmMove> {
        let mut moves = self.advance_to(now);
        moves.append(&mut self.settle());
        let memory = self.remember();
        let old_rules = std::mem::take(&mut self.rules);
        self.lay_out(stations, rules, memory.series);
        moves.extend(self.carry_over(&old_rules, memory.judgements));
        moves.append(&mut self.settle());
        moves
    }

    pub(super) fn judgements_with_names(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<str>, &Judgement)> {
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

    pub(super) fn lay_out(&mut self, stations: Vec<Station>, rules: Vec<Rule>, mut carried: CarriedSeries) {
        let mut layouts = Layouts::new(&rules, self.keep.0, self.forgetful);
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
            series.reshape(&Shape { keep: self.keep.0, forgetful: self.forgetful, ..Shape::default() });
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
        let kept: Vec<bool> = self.rules.iter().map(|rule| old_rules.iter().any(|old| old.judges_like(rule))).collect();
        for post in &self.posts {
            for (place, layout) in self.profiles[post.profile as usize].rules.iter().enumerate() {
                let new = &mut self.judgements[post.judgements as usize + place];
                let key = (Arc::clone(&self.rule_ids[layout.rule]), Arc::clone(&post.id));
                let Some((old, since)) = carried.remove(&key) else { continue };
                new.shown = old.shown;
                if kept[layout.rule] {
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
}
