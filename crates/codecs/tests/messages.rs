//! The 24 real warning messages, recognised from their words alone.

use anlan_codecs::warning::{Action, from_text};
use anlan_kernel::{Colour, Instant};
use serde_json::Value;

const MESSAGES: &str = include_str!("data/cma-warning-messages/messages.jsonl");

fn messages() -> Vec<Value> {
    MESSAGES.lines().map(|it| serde_json::from_str(it).expect("a line is one message")).collect()
}

fn text(message: &Value, key: &str) -> String {
    message[key].as_str().unwrap_or_default().to_owned()
}

/// Words as an officer would paste them: the text, or the headline where there is no text.
fn pasted(message: &Value) -> String {
    let words = text(message, "text");
    if words.is_empty() { text(message, "title") } else { words }
}

fn action(zh: &str) -> Action {
    let known = Action::ALL.into_iter().find(|it| zh.starts_with(it.zh()));
    known.unwrap_or_else(|| panic!("unknown action {zh}"))
}

/// What the words of a message say where its record says something else.
const WORDS_DIFFER: [(&str, &str, &str); 1] =
    // The record was made by the bureau at 15:46, the words are the station's of 15:40.
    [("10101010020211009154607668935939", "北京市气象台", "2021-10-09T15:40+08:00")];

fn wanted_issuer(message: &Value) -> String {
    let other = WORDS_DIFFER.iter().find(|it| it.0 == text(message, "id"));
    other.map_or_else(|| text(message, "issuer"), |it| it.1.to_owned())
}

fn wanted_moment(message: &Value) -> Instant {
    let other = WORDS_DIFFER.iter().find(|it| it.0 == text(message, "id"));
    let written = other.map_or_else(|| text(message, "issued"), |it| it.2.to_owned());
    Instant::parse(&written.replace('+', ":00+")).unwrap()
}

fn judge(message: &Value, words: &str) -> Vec<String> {
    let guess = from_text(words);
    let got = [
        guess.hazard.map(|it| it.zh.to_owned()),
        guess.colour.map(|it| it.zh().to_owned()),
        guess.action.map(|it| it.zh().to_owned()),
        guess.issuer,
    ];
    let wanted = [
        text(message, "hazard"),
        text(message, "level"),
        action(&text(message, "action")).zh().to_owned(),
        wanted_issuer(message),
    ];
    let same_unit = |want: &str, got: &str| want == got || want.ends_with(got) || got.ends_with(want);
    let mut wrong: Vec<String> = Vec::new();
    for (index, (want, got)) in wanted.iter().zip(&got).enumerate() {
        let fine = got.as_deref().is_some_and(|got| got == want || (index == 3 && same_unit(want, got)));
        if !fine {
            wrong.push(format!("wanted {want}, got {got:?}: {words}"));
        }
    }
    wrong
}

#[test]
fn hazard_colour_action_and_issuer_are_recognised_in_every_real_message() {
    let all = messages();
    assert_eq!(all.len(), 24);
    let wrong: Vec<String> = all.iter().flat_map(|it| judge(it, &pasted(it))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_headline_above_the_text_changes_nothing() {
    let whole = |it: &Value| format!("{}\n{}", text(it, "title"), text(it, "text"));
    let wrong: Vec<String> =
        messages().iter().filter(|it| !text(it, "text").is_empty()).flat_map(|it| judge(it, &whole(it))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_moment_of_issue_is_recognised_in_every_real_text() {
    let mut wrong = Vec::new();
    for message in messages().iter().filter(|it| it["issued"].is_string() && !text(it, "text").is_empty()) {
        let issued = wanted_moment(message);
        let received = issued.plus(std::time::Duration::from_secs(20 * 60));
        let got = from_text(&text(message, "text")).issued_at(received);
        if got != Some(issued) {
            wrong.push(format!("wanted {issued}, got {got:?}: {}", text(message, "text")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_year_that_is_not_written_is_taken_from_the_time_of_receipt() {
    let guess = from_text("深圳市气象局于06月20日08时54分发布雷电黄色预警信号，请注意防御。");
    assert_eq!(guess.issuer.as_deref(), Some("深圳市气象局"));
    let received = Instant::parse("2022-06-20T09:00:00+08:00").unwrap();
    assert_eq!(guess.issued_at(received), Instant::parse("2022-06-20T08:54:00+08:00").ok());
}

#[rstest::rstest]
#[case::lifting("罗湖区气象台2023年9月8日16时30分解除暴雨红色预警信号。", "暴雨", Colour::Red, Action::Lift)]
#[case::raised(
    "深圳市气象台9月7日19时10分将全市分区暴雨橙色预警信号升级为红色，请注意防御",
    "暴雨",
    Colour::Red,
    Action::Raise
)]
#[case::raised_plainly("郑州市气象台7月20日升级发布暴雨红色预警信号", "暴雨", Colour::Red, Action::Raise)]
#[case::replaced(
    "某县气象台9月8日8时0分解除暴雨橙色预警信号，同时发布暴雨黄色预警信号",
    "暴雨",
    Colour::Yellow,
    Action::Change
)]
#[case::lifted_beside(
    "某县气象台9月8日8时0分解除台风蓝色预警信号，发布大风蓝色预警信号",
    "大风",
    Colour::Blue,
    Action::Issue
)]
#[case::level_in_brackets("某市气象台9月8日8时0分发布台风Ⅱ级（橙色）预警", "台风", Colour::Orange, Action::Issue)]
#[case::colour_first("某市气象台9月8日8时0分发布红色暴雨预警信号", "暴雨", Colour::Red, Action::Issue)]
#[case::spoken("刚接市气象台电话，全市发布暴雨红警", "暴雨", Colour::Red, Action::Issue)]
#[case::geohazard(
    "市自然资源局和市气象局9月7日20时联合发布地质灾害气象风险橙色预警",
    "地质灾害气象风险",
    Colour::Orange,
    Action::Issue
)]
#[case::still_in_force(
    "某区气象台9月8日8时0分维持暴雨橙色预警信号，雷电黄色预警信号尚未解除",
    "暴雨",
    Colour::Orange,
    Action::Continue
)]
fn other_wordings_are_recognised(
    #[case] words: &str,
    #[case] hazard: &str,
    #[case] colour: Colour,
    #[case] action: Action,
) {
    let guess = from_text(words);
    assert_eq!((guess.hazard.map(|it| it.zh), guess.colour, guess.action), (Some(hazard), Some(colour), Some(action)));
}

#[test]
fn two_signals_in_one_text_are_both_named() {
    let guess = from_text("某区气象台9月8日8时0分发布暴雨橙色预警信号和雷电黄色预警信号");
    assert_eq!((guess.hazard.unwrap().key, guess.colour), ("rainstorm", Some(Colour::Orange)));
    assert_eq!(guess.also.iter().map(|it| (it.0.key, it.1)).collect::<Vec<_>>(), [("lightning", Colour::Yellow)]);
}

#[test]
fn an_exercise_says_so_and_what_is_no_warning_gives_nothing() {
    use anlan_codecs::cap::Status;
    assert_eq!(from_text("【演练】某区气象台9月8日8时0分发布暴雨红色预警信号【演练】").status, Status::Exercise);
    assert_eq!(from_text("某区气象台发布暴雨红色预警信号，请停止应急演练等户外活动").status, Status::Actual);
    let nothing = from_text("今天下午三点在七楼开会，请带上暴雨预案和红色文件夹。");
    assert_eq!((nothing.hazard, nothing.colour, nothing.issuer.clone()), (None, None, None));
    assert_eq!(nothing.to_fill_in(), ["hazard", "colour", "issuer"]);
}
