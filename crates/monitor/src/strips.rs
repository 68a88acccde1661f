//! Readings of the last hours with the limits of the rules (过程线): for people who look, never for judging.
//!
//! Read from the log, so what a screen draws is what was acknowledged; a bounded piece of it, so that a look
//! costs the same in a long year.

use std::{collections::BTreeMap, time::Duration};

use anlan_kernel::{Grade, Instant, Text};
use anlan_store::StoreError;

use crate::{
    log::{Log, Quality},
    model::Station,
    rules::{self, Bound, Expression, Function, Quantity, Rule, Span, parse_rules},
    service::Monitor,
    stations,
};

/// Most bytes of the log a look reads.
const MOST: i64 = 16 * 1024 * 1024;
/// The usual pause is taken to be at least this.
const LEAST: Duration = Duration::from_secs(60);

/// One quantity of one station.
#[derive(Clone, Debug)]
pub struct Strip {
    /// The station.
    pub station: Station,
    /// What is measured.
    pub quantity: Quantity,
    /// What the rules look at: the readings themselves, and sums over their windows.
    pub curves: Vec<Curve>,
    /// Limits of the rules, gravest first.
    pub limits: Vec<Limit>,
    /// The longest pause between two readings that is no gap.
    pub pause: Duration,
}

/// Values in the order of their time.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The window a value sums up; `None` for readings as they came.
    pub window: Option<Duration>,
    /// In the quantity's canonical unit.
    pub points: Vec<(Instant, f64)>,
}

/// A limit of a rule as a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// 监测Ⅰ–Ⅳ级.
    pub grade: Grade,
    /// In the quantity's canonical unit.
    pub value: f64,
    /// The window the limited value sums up; `None` where it limits readings.
    pub window: Option<Duration>,
    /// What the rule measures.
    pub title: Text,
}

type Key = (String, Quantity);

impl Monitor {
    /// Strips of these stations for the quantities that rules of `hazard` judge, between two moments; a
    /// quantity without a reading there has none. A node without a log has nothing to draw.
    ///
    /// # Errors
    /// What the log says.
    pub async fn strips(
        &self,
        stations: Vec<Station>,
        hazard: &str,
        from: Instant,
        until: Instant,
    ) -> Result<Vec<Strip>, StoreError> {
        let Some((log, sets, places)) = self.for_strips().await else { return Ok(Vec::new()) };
        let rules: Vec<Rule> = sets
            .iter()
            .flat_map(|it| parse_rules(&it.toml).rules)
            .filter(|it| it.hazard.as_deref() == Some(hazard))
            .collect();
        let mut wanted: Vec<(Station, Quantity, Vec<Limit>)> = Vec::new();
        for station in stations {
            let known = stations::to_rules(&station);
            for (quantity, limits) in limits(&rules, &known) {
                wanted.push((station.clone(), quantity, limits));
            }
        }
        let reach = wanted.iter().flat_map(|it| &it.2).filter_map(|it| it.window).max().unwrap_or_default();
        let begin = from.minus(reach);
        let keys: Vec<Key> = wanted.iter().map(|it| (it.0.id.clone(), it.1)).collect();
        let read = tokio::task::spawn_blocking(move || readings(&log, &places, &keys, begin, until));
        let mut found = read.await.map_err(|it| StoreError::Io(it.to_string()))??;
        let strip = |(station, quantity, limits): (Station, Quantity, Vec<Limit>)| {
            let points = found.remove(&(station.id.clone(), quantity))?;
            let points: Vec<_> = points.into_iter().collect();
            let shown = |points: Vec<(Instant, f64)>| points.into_iter().filter(|it| it.0 >= from).collect::<Vec<_>>();
            let mut windows: Vec<_> = limits.iter().map(|it| it.window).collect();
            windows.sort_unstable();
            windows.dedup();
            let curve = |window: Option<Duration>| Curve {
                points: shown(window.map_or_else(|| points.clone(), |window| sums(&points, window))),
                window,
            };
            let curves: Vec<_> = windows.into_iter().map(curve).filter(|it| !it.points.is_empty()).collect();
            let pause = pause(&points);
            (!curves.is_empty()).then_some(Strip { station, quantity, curves, limits, pause })
        };
        Ok(wanted.into_iter().filter_map(strip).collect())
    }
}

/// Limits that can be drawn as a line, by quantity, gravest first.
fn limits(rules: &[Rule], station: &rules::Station) -> BTreeMap<Quantity, Vec<Limit>> {
    let mut found: BTreeMap<Quantity, Vec<Limit>> = BTreeMap::new();
    for rule in rules.iter().filter(|it| it.applies_to(station)) {
        for level in &rule.levels {
            level.when.walk(&mut |part| {
                let Expression::Compare { function, quantity, window, bound, .. } = part else { return };
                let value = match bound {
                    Bound::Number(number) => Some(number.to_f64()),
                    Bound::Column(column) => station.column(column).map(|it| it.to_f64()),
                };
                let (Some(value), Some(window)) = (value, drawn(*function, *window)) else { return };
                let limit = Limit { grade: level.grade, value, window, title: rule.title.clone() };
                let limits = found.entry(*quantity).or_default();
                if !limits.iter().any(|it| (it.grade, it.value, it.window) == (limit.grade, limit.value, limit.window))
                {
                    limits.push(limit);
                }
            });
        }
    }
    for limits in found.values_mut() {
        limits.sort_by_key(|it| it.grade);
    }
    found
}

/// Whether a limit of this function stands beside readings, or beside sums over a window.
fn drawn(function: Function, window: Span) -> Option<Option<Duration>> {
    match function {
        Function::Last | Function::Max | Function::Min | Function::Mean => Some(None),
        Function::Sum => Some(Some(Duration::from_micros(window.0.unsigned_abs()))),
        Function::Rise | Function::Rate | Function::Count => None,
    }
}

fn readings(
    log: &Log,
    places: &[(Instant, i64)],
    keys: &[Key],
    from: Instant,
    until: Instant,
) -> Result<BTreeMap<Key, BTreeMap<Instant, f64>>, StoreError> {
    let mut found: BTreeMap<Key, BTreeMap<Instant, f64>> = BTreeMap::new();
    if keys.is_empty() {
        return Ok(found);
    }
    let (mut reader, end) = (log.reader(start(log, places, from)?), log.synced());
    while let Some(block) = reader.next(end)? {
        let series: Vec<_> = block
            .batch
            .series
            .iter()
            .map(|it| {
                let quantity = Quantity::named(&it.quantity).ok()?;
                let key = keys.iter().find(|key| key.0 == it.station && key.1 == quantity)?;
                Some((key, quantity.conversion(&it.unit).ok()?))
            })
            .collect();
        for reading in &block.batch.readings {
            let Some((key, conversion)) = &series[reading.series as usize] else { continue };
            let fits = reading.observed_at > from && reading.observed_at <= until && reading.quality != Quality::Bad;
            if fits {
                let value = key.1.to_f64(conversion.amount(reading.value));
                // The first word on a moment counts, as it does for the rules.
                found.entry((*key).clone()).or_default().entry(reading.observed_at).or_insert(value);
            }
        }
    }
    Ok(found)
}

/// Where to read on from to miss nothing received at `from` or later, and not more than the most.
fn start(log: &Log, places: &[(Instant, i64)], from: Instant) -> Result<i64, StoreError> {
    let known = places[..places.partition_point(|it| it.0 < from)].last();
    let start = known.map_or_else(|| log.position_before(from), |it| Ok(it.1))?;
    let least = log.synced() - MOST;
    Ok(places.iter().map(|it| it.1).find(|it| *it >= least).filter(|it| *it > start && start < least).unwrap_or(start))
}

/// At each reading, the sum over the window that ends there.
fn sums(points: &[(Instant, f64)], window: Duration) -> Vec<(Instant, f64)> {
    let mut first = 0;
    let mut sum = 0.0;
    points
        .iter()
        .map(|(at, value)| {
            sum += value;
            while points[first].0 <= at.minus(window) {
                sum -= points[first].1;
                first += 1;
            }
            (*at, sum.max(0.0))
        })
        .collect()
}

/// Two and a half times the usual pause between two readings.
fn pause(points: &[(Instant, f64)]) -> Duration {
    let mut pauses: Vec<_> = points.windows(2).map(|it| it[1].0.0 - it[0].0.0).collect();
    pauses.sort_unstable();
    let usual = pauses.get(pauses.len() / 2).copied().unwrap_or(0);
    Duration::from_micros(usual.unsigned_abs()).max(LEAST) * 5 / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Instant {
        Instant::from_secs(seconds)
    }

    #[test]
    fn a_sum_covers_the_window_that_ends_at_the_reading() {
        let points = [(at(0), 1.0), (at(60), 2.0), (at(120), 4.0), (at(600), 8.0)];
        let sums: Vec<_> = sums(&points, Duration::from_secs(120)).iter().map(|it| it.1).collect();
        assert_eq!(sums, [1.0, 3.0, 6.0, 8.0], "(t − window, t]");
    }

    #[test]
    fn a_gap_is_longer_than_what_is_usual_at_the_station() {
        let usual: Vec<_> = (0..6).map(|it| (at(it * 600), 0.0)).collect();
        assert_eq!(pause(&usual), Duration::from_secs(1_500));
        assert_eq!(pause(&[]), Duration::from_secs(150));
    }

    #[test]
    fn limits_are_drawn_where_readings_or_sums_are_compared() {
        let toml = r#"
[[rule]]
id = "rain"
title = { zh = "雨量" }
quantity = "rainfall"
hazard = "rainstorm"
[[rule.level]]
grade = 2
when = "sum(3h) >= 50 or (max(10m) >= 20) for(20m)"
[[rule.level]]
grade = 3
when = "count(1h) > 3 or last(1h) >= station.mark"
"#;
        let parsed = parse_rules(toml);
        assert!(parsed.problems.is_empty(), "{:?}", parsed.problems);
        let station = rules::parse_stations(
            "station_id,name_zh,name_en,kind,longitude,latitude,region_code,elevation_m,mark\na,a,a,rain,,,440303,,7.5\n"
                .as_bytes(),
        )
        .stations
        .remove(0);
        let limits = limits(&parsed.rules, &station).remove(&Quantity::named("rainfall").unwrap()).unwrap();
        let seen: Vec<_> =
            limits.iter().map(|it| (it.grade.get(), it.value, it.window.map(|it| it.as_secs()))).collect();
        assert_eq!(seen, [(2, 50.0, Some(10_800)), (2, 20.0, None), (3, 7.5, None)]);
    }
}
