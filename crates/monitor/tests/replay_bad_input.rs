//! Whatever a file holds, each wrong line is named and everything right around it is taken.

use anlan_kernel::Lang;
use anlan_monitor::replay::{self, ReplayError, Report};
use rstest::rstest;

const STATIONS: &str = "station_id,name_zh,name_en,kind,longitude,latitude,region_code,elevation_m,warning_level\n\
    bridge,龙江桥,Longjiang bridge,river,114.1,22.5,440303001,3.5,4.2\n\
    hill,山,Hill,rain,,,440304001,,\n";
const RULES: &str = "[[rule]]\nid = \"level\"\ntitle = { zh = \"水位\", en = \"Level\" }\nquantity = \"water_level\"\n\
    clear_after = \"0s\"\n[[rule.level]]\ngrade = 2\nwhen = \"last(1h) >= station.warning_level\"\n";
const HEADER: &str = "observed_at,station_id,quantity,value,unit,quality\n";

fn replayed(observations: &[u8]) -> Report {
    replay::run(STATIONS.as_bytes(), observations, RULES).unwrap()
}

/// A wrong line between two right ones.
fn between(line: &[u8]) -> Vec<u8> {
    let mut file = HEADER.as_bytes().to_vec();
    file.extend(b"2023-09-01T00:00:00Z,bridge,water_level,4.1,m,good\n");
    file.extend(line);
    file.extend(b"\n2023-09-01T00:10:00Z,bridge,water_level,4.2,m,\n");
    file
}

#[rstest]
#[case::unknown_station(b"2023-09-01T00:05:00Z,brigde,water_level,9,m,", "unknown_station", Some("station_id"))]
#[case::unknown_quantity(b"2023-09-01T00:05:00Z,bridge,waterlevel,9,m,", "unknown_quantity", Some("quantity"))]
#[case::wrong_unit(b"2023-09-01T00:05:00Z,bridge,water_level,9,degC,", "unknown_unit", Some("unit"))]
#[case::no_unit(b"2023-09-01T00:05:00Z,bridge,water_level,9,,", "unknown_unit", Some("unit"))]
#[case::unknown_quality(b"2023-09-01T00:05:00Z,bridge,water_level,9,m,fine", "bad_quality", Some("quality"))]
#[case::not_a_number(b"2023-09-01T00:05:00Z,bridge,water_level,NaN,m,", "not_finite", Some("value"))]
#[case::infinite(b"2023-09-01T00:05:00Z,bridge,water_level,-inf,m,", "not_finite", Some("value"))]
#[case::empty_value(b"2023-09-01T00:05:00Z,bridge,water_level,,m,", "missing_value", Some("value"))]
#[case::words(b"2023-09-01T00:05:00Z,bridge,water_level,high,m,", "bad_value", Some("value"))]
#[case::huge(b"2023-09-01T00:05:00Z,bridge,water_level,1e99,m,", "out_of_range", Some("value"))]
#[case::no_offset(b"2023-09-01T00:05:00,bridge,water_level,9,m,", "bad_time", Some("observed_at"))]
#[case::no_such_day(b"2023-02-30T00:05:00Z,bridge,water_level,9,m,", "bad_time", Some("observed_at"))]
#[case::no_time(b",bridge,water_level,9,m,", "bad_time", Some("observed_at"))]
#[case::truncated(b"2023-09-01T00:05:00Z,bridge,water_lev", "wrong_width", None)]
#[case::decimal_comma(b"2023-09-01T00:05:00Z,bridge,water_level,4,41,m,", "wrong_width", None)]
#[case::open_quote(b"2023-09-01T00:05:00Z,\"bridge,water_level,9,m,", "open_quote", None)]
#[case::broken_utf8(b"2023-09-01T00:05:00Z,bri\xff\xfedge,water_level,9,m,", "not_utf8", None)]
#[case::gbk(b"2023-09-01T00:05:00Z,\xc1\xfa\xbd\xad\xc7\xc5,water_level,9,m,", "not_utf8", None)]
#[case::zero_bytes(b"\0\0\0\0", "wrong_width", None)]
fn a_wrong_line_is_named_and_its_neighbours_are_taken(
    #[case] line: &[u8],
    #[case] code: &str,
    #[case] field: Option<&str>,
) {
    let report = replayed(&between(line));
    let [rejected] = report.rejected.as_slice() else { panic!("{:?}", report.rejected) };
    assert_eq!((rejected.line, rejected.problem.code.as_str()), (3, code), "{}", rejected.problem);
    assert_eq!(rejected.problem.place.field.as_deref(), field);
    assert!(!rejected.problem.sentence(Lang::Zh).is_empty() && !rejected.problem.sentence(Lang::En).is_empty());
    assert_eq!((report.readings, report.alarms.len()), (2, 1));
    assert_eq!(report.alarms[0].raised_at.to_string(), "2023-09-01T00:10:00Z");
}

#[test]
fn a_line_of_ten_megabytes_is_refused_by_itself() {
    let report = replayed(&between(&vec![b'9'; 10_000_000]));
    assert_eq!((report.readings, report.rejected.len()), (2, 1));
    assert_eq!((report.rejected[0].line, report.rejected[0].problem.code.as_str()), (3, "line_too_long"));
}

#[test]
fn gbk_is_recognized_and_the_byte_named() {
    let report = replayed(&between(b"2023-09-01T00:05:00Z,\xc1\xfa\xbd\xad\xc7\xc5,water_level,9,m,"));
    let problem = &report.rejected[0].problem;
    assert!(problem.message.en.contains("GBK") && problem.message.zh.contains("GBK"));
    assert_eq!(problem.place.byte, Some(21));
}

#[rstest]
#[case::blank_line(b"", 2)]
#[case::carriage_return(b"2023-09-01T00:05:00Z,bridge,water_level,4.15,m,\r", 3)]
#[case::blanks_around(b" 2023-09-01T00:05:00Z , bridge ,water_level, 4.15 ,m, ", 3)]
#[case::quoted(b"2023-09-01T00:05:00Z,\"bridge\",\"water_level\",\"4.15\",m,", 3)]
#[case::another_unit(b"2023-09-01T00:05:00Z,bridge,water_level,415,cm,", 3)]
#[case::suspect_counts(b"2023-09-01T00:05:00Z,bridge,water_level,4.15,m,suspect", 3)]
#[case::bad_does_not(b"2023-09-01T00:05:00Z,bridge,water_level,9,m,bad", 2)]
#[case::bad_may_be_empty(b"2023-09-01T00:05:00Z,bridge,water_level,,m,bad", 2)]
#[case::duplicate_does_not(b"2023-09-01T08:00:00+08:00,bridge,water_level,9,m,", 2)]
#[case::no_rule_asks_for_it(b"2023-09-01T00:05:00Z,hill,rainfall,2,mm,", 3)]
fn an_unusual_line_that_is_right_is_not_refused(#[case] line: &[u8], #[case] readings: u64) {
    let report = replayed(&between(line));
    assert_eq!(report.rejected, []);
    assert_eq!((report.readings, report.alarms.len()), (readings, 1));
}

#[test]
fn columns_may_stand_in_any_order_with_others_between() {
    let file = "\u{feff}unit,note,value,quality,station_id,quantity,observed_at\nm,x,5,,bridge,water_level,2023-09-01T00:00:00Z";
    let report = replayed(file.as_bytes());
    assert_eq!((report.readings, report.rejected.len(), report.alarms.len()), (1, 0, 1));
}

#[test]
fn a_clock_ahead_is_refused_where_the_file_says_when_rows_came() {
    let header = "observed_at,station_id,quantity,value,unit,quality,received_at\n";
    let rows = [
        "2023-09-01T00:00:00Z,bridge,water_level,4,m,,2023-09-01T00:00:05Z",
        "2023-09-01T00:10:06Z,bridge,water_level,4,m,,2023-09-01T00:00:06Z",
        "2023-09-01T00:10:08Z,bridge,water_level,9,m,,2023-09-01T00:00:07Z",
        "2023-09-02T00:00:00Z,bridge,water_level,9,m,,2023-09-01T00:00:08Z",
        "2023-09-01T00:00:09Z,bridge,water_level,4,m,,",
    ];
    let report = replayed(format!("{header}{}\n", rows.join("\n")).as_bytes());
    let rejected: Vec<_> = report.rejected.iter().map(|it| (it.line, it.problem.code.as_str())).collect();
    assert_eq!(rejected, [(4, "bad_clock"), (5, "bad_clock"), (6, "bad_time")]);
    assert_eq!((report.readings, report.alarms.len()), (2, 0));
}

#[test]
fn without_received_at_a_row_from_tomorrow_is_believed() {
    let report = replayed(&between(b"2023-09-02T00:05:00Z,bridge,water_level,9,m,"));
    assert_eq!((report.readings, report.rejected.len()), (3, 0));
}

#[rstest]
#[case::empty_file("", "missing_column")]
#[case::no_unit_column("observed_at,station_id,quantity,value,quality\n", "missing_column")]
#[case::something_else("{\"a\":1}\n", "missing_column")]
fn a_file_without_its_columns_is_refused_as_a_whole(#[case] file: &str, #[case] code: &str) {
    let refused = replay::run(STATIONS.as_bytes(), file.as_bytes(), RULES);
    let Err(ReplayError::Input(problem)) = refused else { panic!("{refused:?}") };
    assert_eq!((problem.code.as_str(), problem.place.line), (code, Some(1)));
}

#[test]
fn a_header_in_gbk_is_refused_as_such() {
    let refused = replay::run(STATIONS.as_bytes(), b"\xb9\xdb\xb2\xe2,station_id\n".as_slice(), RULES);
    let Err(ReplayError::Input(problem)) = refused else { panic!("{refused:?}") };
    assert_eq!(problem.code, "not_utf8");
}

#[test]
fn wrong_stations_and_rules_are_reported_and_the_others_judged() {
    let stations = format!(
        "{STATIONS}bridge,重,Double,river,,,440303001,,\n,无,None,river,,,440303001,,\nshort,短\nnorth,北,North,river,east,,440303001,,\n"
    );
    let rules = format!(
        "{RULES}[[rule]]\nid = \"broken\"\ntitle = {{ zh = \"雨\" }}\nquantity = \"rainfall\"\n[[rule.level]]\ngrade = 1\nwhen = \"sum(3h) => 100\"\n"
    );
    let file = between(b"2023-09-01T00:05:00Z,short,water_level,9,m,");
    let report = replay::run(stations.as_bytes(), file.as_slice(), &rules).unwrap();
    let wrong: Vec<_> = report.stations_rejected.iter().map(|it| (it.place.line, it.code.as_str())).collect();
    let lines =
        [(Some(4), "duplicate_station"), (Some(5), "missing_value"), (Some(6), "wrong_width"), (Some(7), "bad_value")];
    assert_eq!(wrong, lines);
    assert_eq!((report.rules_rejected[0].place.line, report.rules_rejected[0].place.column), (Some(15), Some(9)));
    assert_eq!((report.readings, report.rejected.len(), report.alarms.len()), (2, 1, 1));
}

#[test]
fn broken_toml_is_refused_with_line_and_column() {
    let refused = replay::run(STATIONS.as_bytes(), HEADER.as_bytes(), "[[rule]]\nid = oops\n");
    let Err(ReplayError::Input(problem)) = refused else { panic!("{refused:?}") };
    assert_eq!((problem.code.as_str(), problem.place.line, problem.place.column), ("bad_toml", Some(2), Some(6)));
}

#[test]
fn a_rejected_row_reads_as_the_contract_says() {
    let report = serde_json::to_value(replayed(&between(b"2023-09-01T00:05:00Z,bridge,water_level,NaN,m,"))).unwrap();
    assert_eq!(report["rejected"][0]["line"], 3);
    assert_eq!(report["rejected"][0]["error"], "[value] \"NaN\" is not a finite number");
    assert_eq!(report["rejected"][0]["code"], "not_finite");
    let mut alarm: Vec<_> = report["alarms"][0].as_object().unwrap().keys().map(String::as_str).collect();
    alarm.sort_unstable();
    assert_eq!(alarm, ["changes", "cleared_at", "grade", "peak", "raised_at", "rule", "station"]);
}

#[test]
fn a_header_alone_is_a_quiet_replay() {
    assert_eq!(replayed(HEADER.as_bytes()), Report::default());
}
