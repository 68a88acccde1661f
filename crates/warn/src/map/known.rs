//! What was known at a minute: the state of a process rebuilt from the journal up to then.

use std::collections::BTreeMap;

use anlan_kernel::{Instant, Problem, RegionCode, Scope};
use anlan_store::{Record, StoreError, Tx, params};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::calls::{Calls, KNOWS, MISSING, once};
use crate::model::{Call, CallState, Process, Round};

/// The rows of a process as its journal leaves them at one moment.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    process: Option<Process>,
    /// In the order in which they start.
    rounds: Vec<Beginning>,
    /// By id.
    calls: BTreeMap<String, CallThen>,
}

/// What a figure of the map counts; `of=` of the list behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// Of the whole process: acknowledged in some round.
    Knew,
    /// Of the whole process: called in some round.
    Called,
    /// By the newest call of each: acknowledged.
    Knows,
    /// By the newest call of each: to be looked for.
    Missing,
    /// Called in the newest round.
    RoundCalled,
    /// Acknowledged in the newest round.
    RoundKnew,
}

impl Counted {
    const ALL: [Self; 6] = [Self::Knew, Self::Called, Self::Knows, Self::Missing, Self::RoundCalled, Self::RoundKnew];

    /// Reads `of=`; who knew where nothing is asked for.
    ///
    /// # Errors
    /// `bad_of`.
    pub fn parse(text: Option<&str>) -> Result<Self, Problem> {
        let Some(text) = text.filter(|it| !it.is_empty()) else { return Ok(Self::Knew) };
        Self::ALL.into_iter().find(|it| it.name() == text).ok_or_else(|| {
            let text: String = text.chars().take(40).collect();
            let all = Self::ALL.map(Self::name).join(", ");
            Problem::new("bad_of", format!("图上没有“{text}”这个数"), format!("{text:?} is none of {all}")).field("of")
        })
    }

    /// As in `of=`.
    pub fn name(self) -> &'static str {
        ["knew", "called", "knows", "missing", "round_called", "round_knew"][self as usize]
    }

    /// On the screen.
    pub fn words(self) -> (&'static str, &'static str) {
        [
            ("整个过程已知晓", "knew, in the whole process"),
            ("整个过程应叫", "to be called, in the whole process"),
            ("已知晓（按每人最近一次叫应）", "know, by each person's newest call"),
            ("要找的人（按每人最近一次叫应）", "to be looked for, by each person's newest call"),
            ("最近一轮应叫", "to be called, in the newest round"),
            ("最近一轮已知晓", "knew, in the newest round"),
        ][self as usize]
    }
}

#[derive(Debug, Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    changes: Vec<Change<'a>>,
}

/// One row of a journal entry; the row itself is only read when it is the last of its key.
#[derive(Debug, Deserialize)]
struct Change<'a> {
    t: &'a str,
    k: String,
    #[serde(borrow)]
    r: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Beginning {
    id: String,
    start_at: Instant,
}

/// What the map needs of a call.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct CallThen {
    pub round: String,
    pub callee: String,
    pub region: RegionCode,
    pub state: CallState,
    pub final_at: Option<Instant>,
    pub opened_at: Instant,
}

impl Replay {
    /// One pass over the entries of the process and its rounds, calls and lists, which stand under keys
    /// that begin with the id of the process. The caller found the process inside the scope; calls are
    /// filtered by it in [`Replay::calls`].
    ///
    /// # Errors
    /// What the engine says.
    pub fn read(tx: &mut Tx<'_>, process: &str, at: Instant) -> Result<Self, StoreError> {
        // "/" follows ".": every key that goes on after a point, and no other process of the day.
        let sql = "SELECT body FROM journal WHERE (subject = $1 OR (subject >= $2 AND subject < $3)) AND at <= $4
                    ORDER BY entry DESC";
        let (from, until) = (format!("{process}."), format!("{process}/"));
        let rows = tx.query_everywhere(sql, params![process, from, until, at])?;
        let (mut replay, mut seen) = (Self::default(), std::collections::HashSet::new());
        for row in &rows {
            let text = row.text(0)?;
            let body: Body<'_> = serde_json::from_str(&text)?;
            for change in body.changes.into_iter().rev() {
                let wanted = [Call::TABLE.name, Round::TABLE.name, Process::TABLE.name].contains(&change.t);
                if wanted && seen.insert((change.t.len(), change.k.clone())) {
                    replay.take(change)?;
                }
            }
        }
        replay.rounds.sort_by(|a, b| (a.start_at, &a.id).cmp(&(b.start_at, &b.id)));
        Ok(replay)
    }

    fn take(&mut self, change: Change<'_>) -> Result<(), StoreError> {
        let Some(row) = change.r.map(RawValue::get) else { return Ok(()) };
        if change.t == Call::TABLE.name {
            self.calls.insert(change.k, serde_json::from_str(row)?);
        } else if change.t == Round::TABLE.name {
            self.rounds.push(serde_json::from_str(row)?);
        } else {
            self.process = Some(serde_json::from_str(row)?);
        }
        Ok(())
    }

    /// The process as it stood.
    pub fn process(&self, present: &Process) -> Process {
        self.process.clone().filter(|it| it.id == present.id).unwrap_or_else(|| present.clone())
    }

    /// Calls inside the scope, with their ids, in the order of the rounds.
    pub fn within<'a>(&'a self, scope: &'a Scope) -> impl Iterator<Item = (&'a str, &'a CallThen)> {
        let mine = move |round: &'a str| {
            let own = self.calls.iter().filter(move |(_, it)| it.round == round && scope.covers(&it.region));
            own.map(|(id, it)| (id.as_str(), it))
        };
        self.rounds.iter().flat_map(move |it| mine(&it.id))
    }

    /// The calls inside the scope, counted as [`super::calls::counted`] counts the present.
    pub fn calls(&self, scope: &Scope) -> Calls {
        let mut calls = Calls::default();
        for (_, it) in self.within(scope) {
            calls.add(&it.round, it.state, 1);
        }
        for (_, it) in self.newest(scope) {
            calls.stand(&it.round, it.region.as_str(), it.state, 1);
            if let Some(room) = it.callee.strip_prefix("room:") {
                calls.rooms.insert(room.to_owned(), it.state);
            }
        }
        calls.tally.called = once(self.within(scope).map(|(_, it)| it.callee.as_str()));
        let knows = self.within(scope).filter(|(_, it)| KNOWS.contains(&it.state));
        calls.tally.knows = once(knows.map(|(_, it)| it.callee.as_str()));
        calls
    }

    /// The newest call of each callee; as in `standing::newest_calls` a cancelled one stands only for who has no other.
    fn newest<'a>(&'a self, scope: &'a Scope) -> impl Iterator<Item = (&'a str, &'a CallThen)> {
        let mut newest: BTreeMap<&str, (bool, Instant, &str)> = BTreeMap::new();
        for (id, it) in self.within(scope) {
            let this = (it.state != CallState::Cancelled, it.opened_at, id);
            let held = newest.entry(&it.callee).or_insert(this);
            *held = (*held).max(this);
        }
        self.within(scope).filter(move |(id, it)| newest[it.callee.as_str()].2 == *id)
    }

    /// Ids of the calls a figure of the map counts, one a callee, in the order of their ids. A figure of one region
    /// counts only callees whose newest call is of that region itself.
    pub fn counted(&self, figure: Counted, region: Option<&RegionCode>, scope: &Scope) -> Vec<String> {
        let last = self.within(scope).last().map(|(_, it)| it.round.as_str());
        let newest = || self.newest(scope).filter(|(_, it)| region.is_none_or(|region| it.region == *region));
        let of_round = || self.within(scope).filter(|(_, it)| Some(it.round.as_str()) == last);
        let ids = |calls: &mut dyn Iterator<Item = (&str, &CallThen)>, states: &[CallState]| {
            let wanted = calls.filter(|(_, it)| states.is_empty() || states.contains(&it.state));
            let mut ids: Vec<String> = wanted.map(|(id, _)| id.to_owned()).collect();
            ids.sort_unstable();
            ids
        };
        match figure {
            Counted::Knew => self.who_knew(scope),
            Counted::Called => ids(&mut newest(), &[]),
            Counted::Knows => ids(&mut newest(), &KNOWS),
            Counted::Missing => ids(&mut newest(), &MISSING),
            Counted::RoundCalled => ids(&mut of_round(), &[]),
            Counted::RoundKnew => ids(&mut of_round(), &KNOWS),
        }
    }

    /// Ids of the calls by which somebody knew, one a callee, in the order of their ids.
    fn who_knew(&self, scope: &Scope) -> Vec<String> {
        let mut first: BTreeMap<&str, (Option<Instant>, &str)> = BTreeMap::new();
        for (id, it) in self.within(scope).filter(|(_, it)| KNOWS.contains(&it.state)) {
            let new = (it.final_at, id);
            let held = first.entry(it.callee.as_str()).or_insert(new);
            *held = (*held).min(new);
        }
        let mut ids: Vec<_> = first.into_values().map(|(_, id)| id.to_owned()).collect();
        ids.sort_unstable();
        ids
    }
}
