//! The engine against an independent, naive reading of the contract, on random small files.
//!
//! `PROPTEST_CASES=20000 cargo test --release -p anlan-monitor --test replay_oracle` looks longer.

mod oracle;

use std::fmt::Write;

use anlan_kernel::Instant;
use anlan_monitor::replay::{self, Report};
use oracle::{Alarm, Bound, Node, Outcome, Row, Rule};
use proptest::prelude::*;

const START: i64 = 1_693_526_400;
const QUANTITIES: [(&str, &str); 2] = [("water_level", "m"), ("wind_speed", "m/s")];
const FUNCTIONS: [&str; 8] = ["sum", "min", "max", "mean", "last", "rise", "rate", "count"];
const SIGNS: [&str; 5] = [">=", ">", "<=", "<", "=="];

/// A whole replay: stations with their mark, rules, rows.
#[derive(Clone, Debug)]
struct Case {
    marks: Vec<Option<i64>>,
    rules: Vec<Rule>,
    rows: Vec<Row>,
    with_received: bool,
}

/// Lengths of time that often meet the spacing of rows exactly.
fn span() -> impl Strategy<Value = i64> {
    prop_oneof![Just(30), Just(60), Just(90), Just(120), Just(300), 1i64..400]
}

/// Thousandths that often meet each other exactly.
fn value() -> impl Strategy<Value = i64> {
    prop_oneof![4 => (-3i64..6).prop_map(|it| it * 500), 1 => -3_000i64..3_000]
}

fn leaf() -> impl Strategy<Value = Node> {
    let bound = prop_oneof![5 => value().prop_map(Bound::Number), 1 => Just(Bound::Mark)];
    let compare = (0..FUNCTIONS.len(), 0..2usize, span(), 0..SIGNS.len(), bound).prop_map(
        |(function, quantity, window, sign, bound)| {
            let (function, sign) = (FUNCTIONS[function], SIGNS[sign]);
            let bound = match (function, bound) {
                ("count", Bound::Number(number)) => Bound::Number(number / 500 * 1_000),
                ("rate", Bound::Number(number)) => Bound::Number(number * 30),
                (_, bound) => bound,
            };
            Node::Compare { function, quantity, window, sign, bound }
        },
    );
    let silent = (0..2usize, span()).prop_map(|(quantity, window)| Node::Silent { quantity, window });
    prop_oneof![6 => compare, 1 => silent]
}

fn node() -> impl Strategy<Value = Node> {
    leaf().prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Node::And(a.into(), b.into())),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Node::Or(a.into(), b.into())),
            inner.clone().prop_map(|a| Node::Not(a.into())),
            (inner, prop_oneof![Just(0), span()]).prop_map(|(a, span)| Node::For(a.into(), span)),
        ]
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    let clear_after = prop_oneof![2 => Just(0), 3 => span()];
    let levels = prop::collection::vec((1u8..5, node()), 1..4);
    (0..2usize, clear_after, prop::option::weighted(0.2, 0..3usize), levels)
        .prop_map(|(quantity, clear_after, station, levels)| Rule { quantity, clear_after, station, levels })
}

/// Rows whose world time moves on by `step`, observed `early` seconds before it.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    let step = prop_oneof![4 => Just(0), 4 => Just(30), 3 => Just(60), 3 => 0i64..200, 1 => 300i64..700];
    let early = prop_oneof![8 => Just(0), 2 => (0i64..10).prop_map(|it| it * 30), 2 => 0i64..400, 1 => -300i64..0, 1 => -700i64..-590];
    let row = (step, early, 0..3usize, 0..2usize, value(), prop::bool::weighted(0.05));
    prop::collection::vec(row, 1..40).prop_map(|steps| {
        let mut world = START;
        let rows = steps.into_iter().map(|(step, early, station, quantity, value, bad)| {
            world += step;
            Row { observed: world - early, received: world, station, quantity, value, bad }
        });
        rows.collect()
    })
}

/// Now and then the received times go back and forth as well.
fn case() -> impl Strategy<Value = Case> {
    let marks = prop::collection::vec(prop::option::weighted(0.8, value()), 3);
    let rules = prop::collection::vec(rule(), 1..4);
    let back = prop::collection::vec(prop_oneof![6 => Just(0i64), 1 => 0i64..200], 40);
    (marks, rules, rows(), any::<bool>(), back).prop_map(|(marks, rules, mut rows, with_received, back)| {
        rows.iter_mut().zip(back).for_each(|(row, back)| row.received -= back);
        Case { marks, rules, rows, with_received }
    })
}

fn thousandths(value: i64) -> String {
    let (sign, size) = (if value < 0 { "-" } else { "" }, value.abs());
    format!("{sign}{}.{:03}", size / 1_000, size % 1_000)
}

fn written(node: &Node) -> String {
    match node {
        Node::Compare { function, quantity, window, sign, bound } => {
            let bound = match bound {
                Bound::Number(number) => thousandths(*number),
                Bound::Mark => "station.mark".to_owned(),
            };
            format!("{function}({}, {window}s) {sign} {bound}", QUANTITIES[*quantity].0)
        }
        Node::Silent { quantity, window } => format!("silent({}, {window}s)", QUANTITIES[*quantity].0),
        Node::And(a, b) => format!("({}) and ({})", written(a), written(b)),
        Node::Or(a, b) => format!("({}) or ({})", written(a), written(b)),
        Node::Not(a) => format!("not ({})", written(a)),
        Node::For(a, span) => format!("({}) for({span}s)", written(a)),
    }
}

fn rules_toml(rules: &[Rule]) -> String {
    rules.iter().enumerate().fold(String::new(), |mut text, (number, rule)| {
        let quantity = QUANTITIES[rule.quantity].0;
        write!(text, "[[rule]]\nid = \"r{number}\"\ntitle = {{ zh = \"量\" }}\nquantity = \"{quantity}\"\nclear_after = \"{}s\"\n", rule.clear_after).unwrap();
        if let Some(station) = rule.station {
            writeln!(text, "stations = [\"s{station}\"]").unwrap();
        }
        for (grade, node) in &rule.levels {
            write!(text, "[[rule.level]]\ngrade = {grade}\nwhen = \"{}\"\n", written(node)).unwrap();
        }
        text
    })
}

fn stations_csv(marks: &[Option<i64>]) -> String {
    let header = "station_id,name_zh,name_en,kind,longitude,latitude,region_code,elevation_m,mark\n".to_owned();
    marks.iter().enumerate().fold(header, |mut text, (number, mark)| {
        let mark = mark.map(thousandths).unwrap_or_default();
        writeln!(text, "s{number},站,Station,any,,,440303,,{mark}").unwrap();
        text
    })
}

fn observations_csv(case: &Case) -> String {
    let mut text = "observed_at,station_id,quantity,value,unit,quality".to_owned();
    text.push_str(if case.with_received { ",received_at\n" } else { "\n" });
    for row in &case.rows {
        let (quantity, unit) = QUANTITIES[row.quantity];
        let (value, quality) = (thousandths(row.value), if row.bad { "bad" } else { "" });
        write!(text, "{},s{},{quantity},{value},{unit},{quality}", Instant::from_secs(row.observed), row.station)
            .unwrap();
        if case.with_received {
            write!(text, ",{}", Instant::from_secs(row.received)).unwrap();
        }
        text.push('\n');
    }
    text
}

fn outcome(report: &Report) -> Outcome {
    let seconds = |at: Instant| at.0 / 1_000_000;
    let number = |name: &str| name[1..].parse().unwrap();
    let alarms = report.alarms.iter().map(|it| Alarm {
        raised: seconds(it.raised_at),
        rule: number(&it.rule),
        station: number(&it.station),
        cleared: it.cleared_at.map(seconds),
        peak: it.peak.get(),
        changes: it.changes.iter().map(|change| (seconds(change.at), change.grade.get())).collect(),
    });
    let alarms: Vec<_> = alarms.collect();
    assert!(report.alarms.iter().all(|it| it.changes[0].at == it.raised_at && it.changes[0].grade == it.grade));
    let rejected = report.rejected.iter().map(|it| it.line as usize - 2).collect();
    Outcome { readings: report.readings as usize, rejected, alarms }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_agrees_with_the_naive_reading(case in case()) {
        let rules = rules_toml(&case.rules);
        let report = replay::run(stations_csv(&case.marks).as_bytes(), observations_csv(&case).as_bytes(), &rules).unwrap();
        prop_assert!(report.rules_rejected.is_empty() && report.stations_rejected.is_empty(), "{:?}", report);
        let want = oracle::judge(&case.rows, &case.marks, &case.rules, case.with_received);
        prop_assert_eq!(outcome(&report), want, "{}\n{}\n{}", rules, stations_csv(&case.marks), observations_csv(&case));
    }
}
