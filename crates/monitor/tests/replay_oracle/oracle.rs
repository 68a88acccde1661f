//! A second reading of the contract: naive, slow, sharing nothing with the engine.
//!
//! Every condition is evaluated at every second from the first world time to the last, from the raw
//! rows known at that second. Values are whole thousandths, times whole seconds.

use std::collections::BTreeMap;

/// A row of the file as it was generated.
#[derive(Clone, Debug)]
pub struct Row {
    pub observed: i64,
    pub received: i64,
    pub station: usize,
    pub quantity: usize,
    /// Thousandths.
    pub value: i64,
    pub bad: bool,
}

/// A condition, as it was generated.
#[derive(Clone, Debug)]
pub enum Node {
    Compare { function: &'static str, quantity: usize, window: i64, sign: &'static str, bound: Bound },
    Silent { quantity: usize, window: i64 },
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Not(Box<Node>),
    For(Box<Node>, i64),
}

#[derive(Clone, Debug)]
pub enum Bound {
    /// Thousandths.
    Number(i64),
    /// The station's `mark` column, in thousandths, where it has one.
    Mark,
}

#[derive(Clone, Debug)]
pub struct Rule {
    pub quantity: usize,
    pub clear_after: i64,
    /// `None` for all stations.
    pub station: Option<usize>,
    pub levels: Vec<(u8, Node)>,
}

/// One alarm: rule, station, raised, cleared, peak, changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    pub raised: i64,
    pub rule: usize,
    pub station: usize,
    pub cleared: Option<i64>,
    pub peak: u8,
    pub changes: Vec<(i64, u8)>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub readings: usize,
    /// Positions of rejected rows.
    pub rejected: Vec<usize>,
    pub alarms: Vec<Alarm>,
}

/// What is known: a reading and the world time at which it was read.
struct Known {
    read_at: i64,
    row: Row,
}

pub fn judge(rows: &[Row], marks: &[Option<i64>], rules: &[Rule], with_received: bool) -> Outcome {
    let (mut known, mut rejected, mut world) = (Vec::<Known>::new(), Vec::new(), None);
    for (index, row) in rows.iter().enumerate() {
        if with_received && row.observed > row.received + 600 {
            rejected.push(index);
            continue;
        }
        let same = |it: &Known| {
            (it.row.station, it.row.quantity, it.row.observed) == (row.station, row.quantity, row.observed)
        };
        if row.bad || known.iter().any(same) {
            continue;
        }
        let moved = if with_received { row.received } else { row.observed };
        world = world.max(Some(moved));
        known.push(Known { read_at: world.unwrap(), row: row.clone() });
    }
    let mut alarms = Vec::new();
    if let (Some(first), Some(last)) = (known.first().map(|it| it.read_at), world) {
        for (number, rule) in rules.iter().enumerate() {
            for (station, mark) in marks.iter().enumerate() {
                if rule.station.is_none_or(|only| only == station) {
                    let mut eye = Eye { known: &known, station, mark: *mark, first, held: BTreeMap::new() };
                    alarms.extend(eye.alarms(number, rule, last));
                }
            }
        }
    }
    alarms.sort_by_key(|it| (it.raised, it.rule, it.station));
    Outcome { readings: known.len(), rejected, alarms }
}

/// Looks at one station with one rule. `held` is what was judged: per `for` (by address) and
/// second, whether what stands in it held.
struct Eye<'a> {
    known: &'a [Known],
    station: usize,
    mark: Option<i64>,
    first: i64,
    held: BTreeMap<(usize, i64), bool>,
}

impl Eye<'_> {
    fn alarms(&mut self, number: usize, rule: &Rule, last: i64) -> Vec<Alarm> {
        let mut held: Vec<BTreeMap<u8, bool>> = Vec::new();
        let (mut alarms, mut open): (Vec<Alarm>, Option<Alarm>) = (Vec::new(), None);
        for t in self.first..=last {
            let mut now = BTreeMap::new();
            for (grade, node) in &rule.levels {
                let holds = self.holds(node, t);
                *now.entry(*grade).or_insert(false) |= holds;
            }
            held.push(now);
            // Seconds stand for the stretch up to the next, so a moment after t − clear_after may
            // still belong to the second t − clear_after itself.
            let since = if rule.clear_after == 0 { t } else { (t - rule.clear_after).max(self.first) };
            let seconds = &held[(since - self.first) as usize..];
            let shown = (1..=4u8).find(|grade| seconds.iter().any(|it| it.get(grade) == Some(&true)));
            match (shown, &mut open) {
                (Some(grade), None) => {
                    let (raised, changes) = (t, vec![(t, grade)]);
                    open = Some(Alarm {
                        raised,
                        rule: number,
                        station: self.station,
                        cleared: None,
                        peak: grade,
                        changes,
                    });
                }
                (Some(grade), Some(alarm)) if alarm.changes.last().unwrap().1 != grade => {
                    alarm.changes.push((t, grade));
                    alarm.peak = alarm.peak.min(grade);
                }
                (None, Some(alarm)) => {
                    alarm.cleared = Some(t);
                    alarms.extend(open.take());
                }
                _ => {}
            }
        }
        alarms.extend(open);
        alarms
    }

    fn holds(&mut self, node: &Node, t: i64) -> bool {
        match node {
            Node::And(a, b) => {
                let (a, b) = (self.holds(a, t), self.holds(b, t));
                a && b
            }
            Node::Or(a, b) => {
                let (a, b) = (self.holds(a, t), self.holds(b, t));
                a || b
            }
            Node::Not(a) => !self.holds(a, t),
            Node::For(inner, span) => {
                let holds = self.holds(inner, t);
                let name = std::ptr::from_ref(node) as usize;
                self.held.insert((name, t), holds);
                (t - span..=t).all(|second| self.held.get(&(name, second)) == Some(&true))
            }
            Node::Silent { quantity, window } => {
                let reported = self.known.iter().any(|it| {
                    it.read_at <= t
                        && it.row.station == self.station
                        && it.row.quantity == *quantity
                        && it.row.observed <= t
                });
                reported && self.window(*quantity, *window, t).is_empty()
            }
            Node::Compare { function, quantity, window, sign, bound } => {
                let readings = self.window(*quantity, *window, t);
                let bound = match bound {
                    Bound::Number(number) => Some(*number),
                    Bound::Mark => self.mark,
                };
                match (value(function, &readings), bound) {
                    (Some((top, bottom)), Some(bound)) => {
                        let (left, right) = (top, i128::from(bound) * bottom);
                        match *sign {
                            ">=" => left >= right,
                            ">" => left > right,
                            "<=" => left <= right,
                            "<" => left < right,
                            _ => left == right,
                        }
                    }
                    _ => false,
                }
            }
        }
    }

    /// Readings with observed_at in (t − window, t], by time.
    fn window(&self, quantity: usize, window: i64, t: i64) -> Vec<(i64, i128)> {
        let mut readings: Vec<_> = self
            .known
            .iter()
            .filter(|it| it.read_at <= t && it.row.station == self.station && it.row.quantity == quantity)
            .filter(|it| t - window < it.row.observed && it.row.observed <= t)
            .map(|it| (it.row.observed, i128::from(it.row.value)))
            .collect();
        readings.sort_unstable();
        readings
    }
}

/// The value of a function in thousandths, as a fraction.
fn value(function: &str, readings: &[(i64, i128)]) -> Option<(i128, i128)> {
    let sum: i128 = readings.iter().map(|it| it.1).sum();
    match function {
        "sum" => return Some((sum, 1)),
        "count" => return Some((readings.len() as i128 * 1_000, 1)),
        _ => {}
    }
    let (first, last) = (readings.first()?, readings.last()?);
    match function {
        "min" => readings.iter().map(|it| (it.1, 1)).min(),
        "max" => readings.iter().map(|it| (it.1, 1)).max(),
        "mean" => Some((sum, readings.len() as i128)),
        "last" => Some((last.1, 1)),
        "rise" => Some((last.1 - first.1, 1)),
        "rate" if readings.len() > 1 => Some(((last.1 - first.1) * 3_600, i128::from(last.0 - first.0))),
        _ => None,
    }
}
