//! Replay (回放): a file of observations through the rule engine, at full speed, to a report.
//!
//! Owns the observations file and the report. World time is the largest observed_at read so far,
//! or the largest received_at where the file has that column; no clock is read. Memory does not
//! grow with the file: only windows, and what the report lists, are kept.
//!
//! # Promises
//! - A wrong line is reported with its number and everything right around it is taken.
//! - Alarms stand in the report by raised_at, then rule id, then station id.

mod lines;
mod moment;
mod rows;

use std::{
    collections::HashMap,
    io::{self, BufRead, Read},
    sync::Arc,
};

use anlan_kernel::{Grade, Instant, Lang, Problem};
use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::rules::{AlarmMove, Engine, Reading, Rule, Shift, Station, Taken, parse_rules, parse_stations};
use lines::{Line, Lines};
pub use rows::{Quality, Row, RowReader};

/// An observed_at may lie this much after its received_at, in microseconds; beyond it the clock is bad.
pub const CLOCK_TOLERANCE: i64 = 600_000_000;

/// Equal rejections remembered so that they are kept once.
const SHARED_REJECTIONS: usize = 1_000;

/// What a replay says.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Rows that counted.
    pub readings: u64,
    /// Rows that were wrong, in the order of the file.
    pub rejected: Vec<Rejected>,
    /// By raised_at, rule id, station id.
    pub alarms: Vec<AlarmReport>,
    /// Rows of the stations file that were wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stations_rejected: Vec<Problem>,
    /// Rules that were wrong; the others were judged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules_rejected: Vec<Problem>,
}

/// A row that was wrong. On the wire `{"line","error","code","field"?,"message":{zh,en}}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejected {
    /// The header is line 1.
    pub line: u64,
    /// What is wrong, shared by all rows with the same fault.
    pub problem: Arc<Problem>,
}

impl Serialize for Rejected {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Rejected", 5)?;
        fields.serialize_field("line", &self.line)?;
        fields.serialize_field("error", &self.problem.sentence(Lang::En))?;
        fields.serialize_field("code", &self.problem.code)?;
        match &self.problem.place.field {
            Some(field) => fields.serialize_field("field", field)?,
            None => fields.skip_field("field")?,
        }
        fields.serialize_field("message", &self.problem.message)?;
        fields.end()
    }
}

/// One alarm, from raised to cleared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AlarmReport {
    /// Id of the rule.
    pub rule: String,
    /// Id of the station.
    pub station: String,
    /// The grade at raised_at.
    pub grade: Grade,
    /// When it was raised.
    pub raised_at: Instant,
    /// When it cleared; `None` while open.
    pub cleared_at: Option<Instant>,
    /// The gravest grade reached.
    pub peak: Grade,
    /// Every grade and when it was taken on, the first included.
    pub changes: Vec<GradeChange>,
}

/// A grade taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct GradeChange {
    /// When.
    pub at: Instant,
    /// Which.
    pub grade: Grade,
}

/// Why a replay could not run at all.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A file as a whole is wrong: no TOML, a header without a column.
    #[error("{0}")]
    Input(Box<Problem>),
    /// A file could not be read.
    #[error("the file could not be read: {0}")]
    Read(#[from] io::Error),
}

/// Replays `observations` over `stations` and `rules`.
///
/// # Errors
/// [`ReplayError`] where nothing can be judged. Wrong rows, stations and rules stand in the report.
pub fn run(stations: impl Read, observations: impl BufRead, rules: &str) -> Result<Report, ReplayError> {
    run_with_progress(stations, observations, rules, |_| {})
}

/// [`run`], telling `progress` the number of lines read, every 65,536.
///
/// # Errors
/// As [`run`].
pub fn run_with_progress(
    stations: impl Read,
    observations: impl BufRead,
    rules: &str,
    progress: impl FnMut(u64),
) -> Result<Report, ReplayError> {
    let stations = parse_stations(stations);
    let rules = parse_rules(rules);
    for problems in [&stations.problems, &rules.problems] {
        let whole = problems.iter().find(|it| ["bad_toml", "missing_column"].contains(&it.code.as_str()));
        if let Some(problem) = whole {
            return Err(ReplayError::Input(Box::new(problem.clone())));
        }
    }
    let mut report = replay(stations.stations, rules.rules, observations, progress)?;
    report.stations_rejected = stations.problems;
    report.rules_rejected = rules.problems;
    Ok(report)
}

/// Replays `observations` over stations and rules that were read already.
///
/// # Errors
/// [`ReplayError`] where the file has no such header or cannot be read.
pub fn replay(
    stations: Vec<Station>,
    rules: Vec<Rule>,
    observations: impl BufRead,
    mut progress: impl FnMut(u64),
) -> Result<Report, ReplayError> {
    let mut lines = Lines::new(observations);
    let header = lines.next()?.map(|line| line.bytes.to_vec()).unwrap_or_default();
    let mut rows = RowReader::new(&header).map_err(|problem| ReplayError::Input(Box::new(problem)))?;
    let mut run = Run::new(Engine::new(stations, rules));
    let mut unquoted = Vec::new();
    while let Some(line) = lines.next()? {
        if line.bytes.is_empty() {
            continue;
        }
        if line.number.is_multiple_of(65_536) {
            progress(line.number);
        }
        if let Err(problem) = run.line(&mut rows, &line, &mut unquoted) {
            run.reject(line.number, problem);
        }
    }
    Ok(run.finish())
}

/// A replay on its way.
struct Run {
    engine: Engine,
    report: Report,
    /// Positions of open alarms in the report.
    open: HashMap<(Arc<str>, Arc<str>), usize>,
    shared: HashMap<(String, String), Arc<Problem>>,
}

impl Run {
    fn new(engine: Engine) -> Self {
        Self { engine, report: Report::default(), open: HashMap::new(), shared: HashMap::new() }
    }

    fn line(&mut self, rows: &mut RowReader, line: &Line<'_>, unquoted: &mut Vec<String>) -> Result<(), Problem> {
        if line.too_long {
            return Err(too_long());
        }
        let row = rows.row(line.bytes, unquoted)?;
        let station = self.engine.station(row.station).ok_or_else(|| unknown_station(row.station))?;
        if row.received_at.is_some_and(|received| row.observed_at.0 > received.0.saturating_add(CLOCK_TOLERANCE)) {
            return Err(bad_clock());
        }
        let Some(value) = row.value else { return Ok(()) };
        let world = row.received_at.unwrap_or(row.observed_at);
        if self.engine.now().is_none_or(|now| world > now) {
            if row.received_at.is_some() && self.engine.holds(station, row.quantity, row.observed_at) {
                return Ok(());
            }
            let moves = self.engine.advance_to(world);
            self.follow(moves);
        }
        let reading = Reading { station, quantity: row.quantity, at: row.observed_at, value };
        self.report.readings += u64::from(self.engine.take(&reading) == Taken::New);
        Ok(())
    }

    fn reject(&mut self, line: u64, problem: Problem) {
        let key = (problem.code.clone(), problem.message.en.clone());
        let problem = match self.shared.get(&key) {
            Some(same) if same.place == problem.place => Arc::clone(same),
            _ => Arc::new(problem),
        };
        if self.shared.len() < SHARED_REJECTIONS {
            self.shared.entry(key).or_insert_with(|| Arc::clone(&problem));
        }
        self.report.rejected.push(Rejected { line, problem });
    }

    fn follow(&mut self, moves: Vec<AlarmMove>) {
        for AlarmMove { at, rule, station, shift } in moves {
            let key = (Arc::clone(&rule), Arc::clone(&station));
            match shift {
                Shift::Raised(grade) => {
                    self.open.insert(key, self.report.alarms.len());
                    let changes = vec![GradeChange { at, grade }];
                    let (rule, station) = (rule.to_string(), station.to_string());
                    let alarm =
                        AlarmReport { rule, station, grade, raised_at: at, cleared_at: None, peak: grade, changes };
                    self.report.alarms.push(alarm);
                }
                Shift::Changed { to: grade, .. } => {
                    if let Some(alarm) = self.open.get(&key).and_then(|&place| self.report.alarms.get_mut(place)) {
                        alarm.peak = alarm.peak.min(grade);
                        alarm.changes.push(GradeChange { at, grade });
                    }
                }
                Shift::Cleared { .. } => {
                    if let Some(alarm) = self.open.remove(&key).and_then(|place| self.report.alarms.get_mut(place)) {
                        alarm.cleared_at = Some(at);
                    }
                }
            }
        }
    }

    fn finish(mut self) -> Report {
        let moves = self.engine.settle();
        self.follow(moves);
        let mut report = self.report;
        report.alarms.sort_by(|a, b| (a.raised_at, &a.rule, &a.station).cmp(&(b.raised_at, &b.rule, &b.station)));
        report
    }
}

fn too_long() -> Problem {
    Problem::new("line_too_long", "这一行超过 64 KiB", "the line is longer than 64 KiB")
}

fn unknown_station(id: &str) -> Problem {
    let id: String = id.chars().take(40).collect();
    Problem::new("unknown_station", format!("站点表里没有“{id}”"), format!("there is no station \"{id}\""))
        .field("station_id")
}

fn bad_clock() -> Problem {
    Problem::new(
        "bad_clock",
        "observed_at 比 received_at 晚 10 分钟以上，设备时钟不对",
        "observed_at is more than 10 minutes after received_at: the clock of the device is wrong",
    )
    .field("observed_at")
}
