//! Two real storms come out exactly as an independent reading of the contract says.
//!
//! Wind © Hong Kong Observatory; river level © Environment Agency (see `data/README.md`).

use std::fs;

use anlan_monitor::replay;
use rstest::rstest;
use serde_json::Value;

#[rstest]
#[case::saola("typhoon-saola-2023")]
#[case::york("river-york-2000")]
fn a_worked_replay_equals_its_expected_report(#[case] name: &str) {
    let read = |file: &str| fs::read(format!("{}/tests/data/{name}/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let rules = String::from_utf8(read("rules.toml")).unwrap();
    let report = replay::run(read("stations.csv").as_slice(), read("observations.csv").as_slice(), &rules).unwrap();
    assert_eq!(report.rejected, []);
    let mut got = serde_json::to_value(&report).unwrap();
    for alarm in got["alarms"].as_array_mut().unwrap() {
        let gravest = alarm["changes"].as_array().unwrap().iter().map(|it| it["grade"].as_u64()).min().unwrap();
        assert_eq!(alarm.as_object_mut().unwrap().remove("peak").unwrap().as_u64(), gravest);
    }
    got.as_object_mut().unwrap().remove("rejected");
    let want: Value = serde_json::from_slice(&read("expected.json")).unwrap();
    assert_eq!(got["alarms"].as_array().unwrap().len(), want["alarms"].as_array().unwrap().len());
    assert_eq!(got, want);
}
