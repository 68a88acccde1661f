//! Cards (明白卡): what a callee of a level has to do now. Pack data, checked on load.

use anlan_kernel::{Lang, Problem, Text};
use anlan_register::Who;
use serde::{Deserialize, Serialize};

use crate::ladder::{Plan, problem, toml_problem};

/// Most lines of a card: more is not read at night.
const MOST_LINES: usize = 6;
/// Most characters of a line: two rows of a small phone.
const LONGEST: usize = 40;

/// What one part of the audience has to do at one level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Call-out level 1–4.
    pub level: u8,
    /// For whom.
    pub who: Vec<Who>,
    /// Hazards it holds for; empty means all that have no card of their own.
    #[serde(default)]
    pub hazards: Vec<String>,
    /// What to do, in order.
    #[serde(rename = "line")]
    pub lines: Vec<Text>,
    /// Where it is written down: ids of the pack's sources.
    pub source: Vec<String>,
}

/// Every card of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cards {
    /// The cards.
    #[serde(rename = "card", default)]
    pub cards: Vec<Card>,
}

impl Cards {
    /// Reads `cards.toml`.
    ///
    /// # Errors
    /// Every problem, each naming the card or the line.
    pub fn read(toml: &str) -> Result<Self, Vec<Problem>> {
        let read: Self = toml::from_str(toml).map_err(|it| vec![toml_problem(toml, &it).field("card file")])?;
        let problems: Vec<Problem> = read.cards.iter().enumerate().flat_map(|(n, it)| check(n + 1, it)).collect();
        if problems.is_empty() { Ok(read) } else { Err(problems) }
    }

    /// What this part of the audience has to do: the card of the hazard, else the one for all.
    pub fn lines(&self, level: u8, who: &str, hazard: &str, lang: Lang) -> Vec<&str> {
        let fits = |it: &&Card| it.level == level && it.who.iter().any(|it| name(*it) == who);
        let own = self.cards.iter().filter(fits).find(|it| it.hazards.iter().any(|it| it == hazard));
        let card = own.or_else(|| self.cards.iter().filter(fits).find(|it| it.hazards.is_empty()));
        card.into_iter().flat_map(|it| &it.lines).map(|it| it.get(lang)).collect()
    }

    /// Ids of the sources that are named.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.cards.iter().flat_map(|it| &it.source).map(String::as_str)
    }

    /// Parts of the plan's audience without a card for all hazards.
    pub(crate) fn missing(&self, plan: &Plan) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (level, call_out) in &plan.levels {
            for who in call_out.audiences.iter().map(|it| it.who) {
                if self.lines(*level, name(who), "", Lang::Zh).is_empty() {
                    let who = name(who);
                    problems.push(problem(
                        "no_card",
                        &format!("card {level} {who}"),
                        &format!("叫应级别 {level} 的 {who} 没有明白卡"),
                        &format!("nobody told {who} what to do at level {level}"),
                    ));
                }
            }
        }
        problems
    }
}

/// As it stands in a call.
pub(crate) fn name(who: Who) -> &'static str {
    match who {
        Who::DutyRoom => "duty_room",
        Who::OnDuty => "on_duty",
        Who::District => "district",
        Who::Street => "street",
        Who::Community => "community",
    }
}

fn check(number: usize, card: &Card) -> Vec<Problem> {
    let place = format!("card {number}");
    let wrong = |code: &str, zh: String, en: String| problem(code, &place, &zh, &en);
    let mut problems = Vec::new();
    if !(1..=4).contains(&card.level) || card.who.is_empty() {
        let (zh, en) = ("明白卡须写明级别 1 到 4 和对象", "a card names a level from 1 to 4 and for whom it is");
        problems.push(wrong("bad_card", zh.into(), en.into()));
    }
    if card.source.is_empty() {
        problems.push(wrong("no_source", "明白卡没有写明出处".into(), "the card names no source".into()));
    }
    if !(1..=MOST_LINES).contains(&card.lines.len()) {
        let (zh, en) = (format!("明白卡应有 1 到 {MOST_LINES} 行"), format!("a card has 1 to {MOST_LINES} lines"));
        problems.push(wrong("bad_card", zh, en));
    }
    for line in &card.lines {
        let length = line.zh.chars().count();
        if length == 0 || length > LONGEST || line.en.trim().is_empty() {
            let zh = format!("「{}」应为 1 到 {LONGEST} 个字，并有英文", line.zh);
            let en = format!("{:?} has 1 to {LONGEST} characters and English words beside", line.zh);
            problems.push(wrong("bad_card_line", zh, en));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const GOOD: &str = r#"
[[card]]
level = 1
who = ["community"]
source = ["C06"]
line = [{ zh = "立即到岗", en = "Go to your post" }]
[[card]]
level = 1
who = ["community", "street"]
hazards = ["flood"]
source = ["C06"]
line = [{ zh = "撤离低洼处的人", en = "Move people from low ground" }]
"#;

    #[test]
    fn the_card_of_the_hazard_goes_before_the_one_for_all() {
        let cards = Cards::read(GOOD).unwrap();
        assert_eq!(cards.lines(1, "community", "typhoon", Lang::Zh), ["立即到岗"]);
        assert_eq!(cards.lines(1, "community", "flood", Lang::En), ["Move people from low ground"]);
        assert!(cards.lines(1, "street", "typhoon", Lang::Zh).is_empty());
        assert!(cards.lines(2, "community", "flood", Lang::Zh).is_empty());
    }

    #[rstest]
    #[case::level("level = 1", "level = 5", "bad_card")]
    #[case::nobody(r#"who = ["community"]"#, "who = []", "bad_card")]
    #[case::source(r#"source = ["C06"]"#, "source = []", "no_source")]
    #[case::english("Go to your post", "", "bad_card_line")]
    #[case::no_toml("[[card]]", "[card]", "bad_toml")]
    fn a_wrong_card_is_named(#[case] from: &str, #[case] to: &str, #[case] code: &str) {
        let problems = Cards::read(&GOOD.replacen(from, to, 1)).unwrap_err();
        assert!(problems.iter().any(|it| it.code == code), "{problems:?}");
    }
}
