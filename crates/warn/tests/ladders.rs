//! Ladders are proved on load.

use anlan_kernel::Colour;
use anlan_warn::ladder::Plan;
use rstest::rstest;

const SHIPPED: &str = include_str!("../../../packs/call-out/ladders.toml");

#[test]
fn the_shipped_plan_loads_and_knows_all_four_levels() {
    let plan = Plan::read("call-out@1", SHIPPED).expect("the shipped plan is good");
    assert_eq!(plan.levels.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4]);
    for (colour, level) in [(Colour::Red, 1), (Colour::Orange, 2), (Colour::Yellow, 3), (Colour::Blue, 4)] {
        assert_eq!(plan.level_of_signal("typhoon", colour), Some(level));
    }
    assert_eq!(plan.level_of_alarm("typhoon", 1), Some(1));
}

fn broken(from: &str, to: &str) -> Vec<(String, Option<String>)> {
    let text = r#"
[[ladder]]
id = "l"
title = { zh = "梯", en = "l" }
answered_by = "key"
first = "voice"
[[ladder.step]]
id = "voice"
do = "voice"
limit = "5m"
then = "sms"
[[ladder.step]]
id = "sms"
do = "sms"
limit = "5m"
then = "not_reached"
[[call_out]]
level = 1
title = { zh = "一级", en = "1" }
signals = ["red"]
start_after = "2m"
[[call_out.audience]]
who = "duty_room"
ladder = "l"
"#;
    assert!(Plan::read("p@1", text).is_ok(), "the unbroken plan is good");
    assert!(text.contains(from));
    let problems = Plan::read("p@1", &text.replacen(from, to, 1)).expect_err("broken");
    problems.into_iter().map(|it| (it.code, it.place.field)).collect()
}

#[rstest]
#[case::ends_nowhere("then = \"not_reached\"", "then = \"knock\"", "ladder_ends_nowhere", "ladder l step sms then")]
#[case::loops("then = \"not_reached\"", "then = \"voice\"", "ladder_loops", "ladder l step sms then")]
#[case::skips("then = \"sms\"", "then = \"not_reached\"", "step_unused", "ladder l step sms")]
#[case::no_first("first = \"voice\"", "first = \"bell\"", "ladder_ends_nowhere", "ladder l first")]
#[case::no_time("limit = \"5m\"", "limit = \"0s\"", "bad_step", "ladder l step voice")]
#[case::unknown_ladder("ladder = \"l\"", "ladder = \"m\"", "unknown_ladder", "call_out 1")]
#[case::level_five("level = 1", "level = 5", "bad_level", "call_out 5")]
fn a_plan_that_can_stay_open_does_not_load(
    #[case] from: &str,
    #[case] to: &str,
    #[case] code: &str,
    #[case] field: &str,
) {
    let found = broken(from, to);
    assert!(found.contains(&(code.to_owned(), Some(field.to_owned()))), "{found:?}");
}

#[test]
fn a_file_that_does_not_parse_names_line_and_column() {
    let problems = Plan::read("p@1", "[[ladder]]\nid = \n").expect_err("broken");
    assert_eq!((problems[0].code.as_str(), problems[0].place.line), ("bad_toml", Some(2)));
}

#[test]
fn a_bad_duration_names_its_line() {
    let problems =
        Plan::read("p@1", &SHIPPED.replacen("limit = \"5m\"", "limit = \"5 minutes\"", 1)).expect_err("broken");
    assert!(problems[0].place.line.is_some_and(|it| it > 1));
    assert!(problems[0].message.en.contains("not a duration"));
}
