//! One turn of the engine: every station that has a reason to is judged at world time.

use std::{cmp::Reverse, sync::Arc};

use anlan_kernel::{Grade, Instant};

use super::{
    engine::{AlarmMove, Engine, HOLDING, Judgement, NEVER, Shift},
    judge::Judge,
    layout::RuleLayout,
    series::Series,
};

impl Engine {
    pub(super) fn judge_now(&mut self, moves: &mut Vec<AlarmMove>) {
        while let Some(&Reverse((moment, index))) = self.wakes.peek().filter(|Reverse((moment, _))| *moment <= self.now)
        {
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
        let entry = series.iter().filter_map(Series::next_entry).min().unwrap_or(i64::MAX);
        let mut next = i64::MAX;
        for (layout, judgement) in profile.rules.iter().zip(judgements) {
            if layout.quantities & dirty != 0 || judgement.wake <= now {
                let since = &mut self.since[judgement.since as usize..][..layout.fors];
                let mut judge = Judge { now, series, columns, since, wake: entry };
                let before = judgement.shown;
                judgement.judge(layout, &mut judge);
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
