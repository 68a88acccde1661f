//! Ladders (逐级叫应) and the call-out table: pack data, proved on load.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anlan_kernel::{Colour, Problem, Text};
use anlan_register::Who;
use serde::{Deserialize, Serialize};

use crate::{cards::Cards, model::CallState};

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Do {
    /// Rings the callee.
    Voice,
    /// Sends a message with reply keys and a link.
    Sms,
    /// Gathers the silent of a unit and makes one call with one list to the person one level up.
    Superior,
}

/// What counts as answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnsweredBy {
    /// A key, a reply or the page.
    Key,
    /// Hearing the whole message is the answer.
    Heard,
}

/// One step of a ladder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Unique in the ladder.
    pub id: String,
    /// What it does.
    #[serde(rename = "do")]
    pub action: Do,
    /// Attempts in this step.
    #[serde(default = "one")]
    pub tries: i64,
    /// From the end of a try to the next.
    #[serde(default, with = "seconds")]
    pub gap: Duration,
    /// Time limit; starts at the first ring, at the latest 30 s after the first attempt was due.
    #[serde(with = "seconds")]
    pub limit: Duration,
    /// How long silence is gathered before the superior is called.
    #[serde(default, with = "seconds")]
    pub merge: Duration,
    /// On silence: the next step, or `not_reached`.
    pub then: String,
}

/// How one callee is called until a final state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ladder {
    /// Unique in the pack.
    pub id: String,
    /// For people.
    pub title: Text,
    /// What ends it well.
    pub answered_by: AnsweredBy,
    /// Where the practice is written down.
    #[serde(default)]
    pub source: String,
    /// First step.
    pub first: String,
    /// Steps.
    #[serde(rename = "step", default)]
    pub steps: Vec<Step>,
}

/// Who is called at a level, and by which ladder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audience {
    /// Which posts.
    pub who: Who,
    /// By which ladder.
    pub ladder: String,
}

/// A call-out level (叫应级别): what leads to it, and how deep it goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallOut {
    /// 1 (gravest) to 4.
    pub level: u8,
    /// For people.
    pub title: Text,
    /// Colours of incoming signals that lead here.
    #[serde(default)]
    pub signals: Vec<Colour>,
    /// Grades of measured alarms that lead here.
    #[serde(default)]
    pub alarms: Vec<u8>,
    /// Hazards it holds for; empty means all.
    #[serde(default)]
    pub hazards: Vec<String>,
    /// Pre-authorised start, unless stopped.
    #[serde(with = "seconds")]
    pub start_after: Duration,
    /// Where the practice is written down.
    #[serde(default)]
    pub source: String,
    /// Depth.
    #[serde(rename = "audience", default)]
    pub audiences: Vec<Audience>,
}

/// Ladders, call-out levels and cards of one pack version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// `pack@version`.
    pub version: String,
    /// By id.
    pub ladders: BTreeMap<String, Ladder>,
    /// By level.
    pub levels: BTreeMap<u8, CallOut>,
    /// 明白卡: what to do now.
    #[serde(default)]
    pub cards: Cards,
    /// How numbers are tested.
    #[serde(default)]
    pub test: Option<NumberTest>,
}

/// 号码测试: what is said, and how often it is tried. Silence goes no level up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberTest {
    /// By which ladder.
    pub ladder: String,
    /// What is spoken.
    pub voice: Text,
    /// What is written.
    pub sms: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "ladder", default)]
    ladders: Vec<Ladder>,
    #[serde(rename = "call_out", default)]
    levels: Vec<CallOut>,
    #[serde(default)]
    test: Option<NumberTest>,
}

fn one() -> i64 {
    1
}

impl Ladder {
    /// The step of this id.
    pub fn step(&self, id: &str) -> Option<&Step> {
        self.steps.iter().find(|it| it.id == id)
    }
}

impl Plan {
    /// Reads `ladders.toml` and proves it.
    ///
    /// # Errors
    /// Every problem, each naming the ladder, the step or the line.
    pub fn read(version: &str, toml: &str) -> Result<Self, Vec<Problem>> {
        let file: File = toml::from_str(toml).map_err(|it| vec![toml_problem(toml, &it)])?;
        let mut problems = Vec::new();
        let mut plan = Self { version: version.to_owned(), ..Self::default() };
        for ladder in file.ladders {
            check_ladder(&ladder, &mut problems);
            if plan.ladders.contains_key(&ladder.id) {
                problems.push(problem("twice", &ladder.id, "叫应梯编号重复", "this ladder id stands twice"));
            }
            plan.ladders.insert(ladder.id.clone(), ladder);
        }
        for level in file.levels {
            check_level(&level, &plan.ladders, &mut problems);
            plan.levels.insert(level.level, level);
        }
        if let Some(test) = &file.test {
            check_test(test, &plan.ladders, &mut problems);
        }
        plan.test = file.test;
        if problems.is_empty() { Ok(plan) } else { Err(problems) }
    }

    /// Reads `cards.toml` into the plan and proves that everybody who is called has a card.
    ///
    /// # Errors
    /// Every problem, each naming the card or the line.
    pub fn with_cards(self, toml: &str) -> Result<Self, Vec<Problem>> {
        let cards = Cards::read(toml)?;
        let problems = cards.missing(&self);
        if problems.is_empty() { Ok(Self { cards, ..self }) } else { Err(problems) }
    }

    /// The level a signal of this colour leads to.
    pub fn level_of_signal(&self, hazard: &str, colour: Colour) -> Option<u8> {
        self.level_of(hazard, |it| it.signals.contains(&colour))
    }

    /// The level an alarm of this grade leads to.
    pub fn level_of_alarm(&self, hazard: &str, grade: u8) -> Option<u8> {
        self.level_of(hazard, |it| it.alarms.contains(&grade))
    }

    fn level_of(&self, hazard: &str, leads: impl Fn(&CallOut) -> bool) -> Option<u8> {
        let holds = |it: &&CallOut| it.hazards.is_empty() || it.hazards.iter().any(|h| h == hazard);
        self.levels.values().filter(holds).find(|it| leads(it)).map(|it| it.level)
    }
}

fn check_test(test: &NumberTest, ladders: &BTreeMap<String, Ladder>, problems: &mut Vec<Problem>) {
    let Some(ladder) = ladders.get(&test.ladder) else {
        let (zh, en) = (
            format!("引用了不存在的叫应梯 {}", test.ladder),
            format!("names the ladder {}, which does not exist", test.ladder),
        );
        problems.push(problem("unknown_ladder", "test", &zh, &en));
        return;
    };
    if ladder.steps.iter().any(|it| it.action == Do::Superior) {
        let (zh, en) = ("号码测试不能报上一级", "a number test tells nobody one level up");
        problems.push(problem("bad_test", "test", zh, en));
    }
    for (field, words) in [("test voice", &test.voice), ("test sms", &test.sms)] {
        if !words.zh.contains("测试") && !words.zh.contains("演练") {
            problems.push(problem("bad_test", field, "话术里须说明是测试", "the words must say that it is a test"));
        }
    }
}

fn check_level(level: &CallOut, ladders: &BTreeMap<String, Ladder>, problems: &mut Vec<Problem>) {
    let name = format!("call_out {}", level.level);
    if !(1..=4).contains(&level.level) {
        problems.push(problem("bad_level", &name, "叫应级别只能是 1 到 4", "a call-out level is 1 to 4"));
    }
    if level.audiences.is_empty() {
        problems.push(problem("nobody", &name, "没有写明叫应对象（audience）", "no audience: nobody would be called"));
    }
    for audience in &level.audiences {
        if !ladders.contains_key(&audience.ladder) {
            problems.push(problem(
                "unknown_ladder",
                &name,
                &format!("引用了不存在的叫应梯 {}", audience.ladder),
                &format!("names the ladder {}, which does not exist", audience.ladder),
            ));
        }
    }
}

/// Every path must end in a final state, without a loop.
fn check_ladder(ladder: &Ladder, problems: &mut Vec<Problem>) {
    let mut seen = BTreeSet::new();
    let mut at = ladder.first.as_str();
    let mut field = format!("ladder {} first", ladder.id);
    loop {
        if at == CallState::NotReached.name() {
            break;
        }
        let Some(step) = ladder.step(at) else {
            problems.push(problem(
                "ladder_ends_nowhere",
                &field,
                &format!("「{at}」既不是步骤也不是最终状态 not_reached，叫应会停在半路"),
                &format!("{at:?} is neither a step nor the final state not_reached: a call would stay open"),
            ));
            break;
        };
        if !seen.insert(at) {
            problems.push(problem(
                "ladder_loops",
                &field,
                &format!("又回到步骤「{at}」，叫应永远不会结束"),
                &format!("leads back to step {at:?}: a call would never end"),
            ));
            break;
        }
        if step.tries < 1 || step.limit.is_zero() {
            problems.push(problem(
                "bad_step",
                &format!("ladder {} step {}", ladder.id, step.id),
                "tries 至少为 1，limit 必须大于 0",
                "tries must be at least 1 and limit more than 0",
            ));
        }
        field = format!("ladder {} step {} then", ladder.id, step.id);
        at = step.then.as_str();
    }
    for step in &ladder.steps {
        if !seen.contains(step.id.as_str()) {
            problems.push(problem(
                "step_unused",
                &format!("ladder {} step {}", ladder.id, step.id),
                "没有任何一步通向这里",
                "no step leads here",
            ));
        }
    }
}

pub(crate) fn problem(code: &str, field: &str, zh: &str, en: &str) -> Problem {
    Problem::new(code, zh, en).field(field)
}

/// What is wrong with a pack's TOML, with its place.
pub fn toml_problem(text: &str, error: &toml::de::Error) -> Problem {
    let at = error.span().map_or(0, |it| it.start).min(text.len());
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let words = error.message();
    Problem::new(
        "bad_toml",
        format!("叫应方案文件有误：{words}"),
        format!("a file of the call-out plan is wrong: {words}"),
    )
    .line(line)
    .column(column)
}

/// Durations as packs write them: `30s`, `10m`, `3h`, `2d`.
pub mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes seconds.
    ///
    /// # Errors
    /// What the writer says.
    pub fn serialize<S: Serializer>(it: &Duration, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&format!("{}s", it.as_secs()))
    }

    /// Reads any form.
    ///
    /// # Errors
    /// A text that is no duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        let bad = || D::Error::custom(format!("{text:?} is not a duration such as 30s, 10m, 3h or 2d"));
        let unit = text.chars().last().ok_or_else(bad)?;
        let factor = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(bad()),
        };
        let count: u64 = text[..text.len() - 1].parse().map_err(|_| bad())?;
        count.checked_mul(factor).map(Duration::from_secs).ok_or_else(bad)
    }
}
