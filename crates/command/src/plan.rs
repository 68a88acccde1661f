//! What a county's own plans say: response levels, approval, receipts, who must be on duty. Pack data.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anlan_kernel::{Colour, Problem, Text};
use anlan_register::Role;
use anlan_warn::ladder::{seconds, toml_problem};
use serde::Deserialize;

/// `responses.toml` of a pack.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DutyPlan {
    /// `pack@version`.
    #[serde(skip)]
    pub version: String,
    /// How an approval is asked for.
    #[serde(default)]
    pub approval: Approval,
    /// How long a unit has to acknowledge what was forwarded.
    #[serde(default)]
    pub forward: Forwarding,
    /// Who must be on duty.
    #[serde(default)]
    pub duty: Duty,
    /// Responses by hazard.
    #[serde(default, rename = "response")]
    pub responses: Vec<ResponsePlan>,
}

/// How an approval is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The approver is reminded after this long, then the next one is asked.
    #[serde(with = "seconds")]
    pub remind_after: Duration,
    /// A verbal yes is to be signed within this long.
    #[serde(with = "seconds")]
    pub sign_within: Duration,
    /// How many approvers are asked at the most.
    pub approvers: usize,
    /// Where this comes from.
    pub source: String,
}

/// How long a unit has to acknowledge.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forwarding {
    /// From the forward.
    #[serde(with = "seconds")]
    pub receipt_within: Duration,
    /// Where this comes from.
    pub source: String,
}

/// Who must be on duty.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Duty {
    /// On any day.
    pub usual: Vec<Role>,
    /// While a response of this level (1–4) or a graver one is on.
    #[serde(default)]
    pub reinforced: BTreeMap<String, Vec<Role>>,
    /// Where this comes from.
    pub source: String,
}

/// A response of one plan.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResponsePlan {
    /// Short name.
    pub id: String,
    /// 防台风.
    pub title: Text,
    /// Hazard keys.
    pub hazards: BTreeSet<String>,
    /// Levels, 1 the gravest.
    #[serde(rename = "level")]
    pub levels: Vec<Level>,
}

/// What proposes a level.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// 1–4.
    pub level: u8,
    /// Colours of signals (预警级别).
    #[serde(default)]
    pub signals: BTreeSet<Colour>,
    /// 监测级别 of measured alarms.
    #[serde(default)]
    pub alarms: BTreeSet<u8>,
    /// Clause of the plan, or where else this comes from.
    pub source: String,
}

impl Default for Approval {
    fn default() -> Self {
        let source = "house default".into();
        Self { remind_after: Duration::from_secs(600), sign_within: Duration::from_secs(86_400), approvers: 3, source }
    }
}

impl Default for Forwarding {
    fn default() -> Self {
        Self { receipt_within: Duration::from_secs(1_800), source: "house default".into() }
    }
}

impl Default for Duty {
    fn default() -> Self {
        let usual = vec![Role::Leader, Role::First, Role::Second];
        Self { usual, reinforced: BTreeMap::new(), source: "house default".into() }
    }
}

impl DutyPlan {
    /// A plan that proposes nothing.
    pub fn none() -> Self {
        Self {
            version: "none@0".into(),
            approval: Approval::default(),
            forward: Forwarding::default(),
            duty: Duty::default(),
            responses: Vec::new(),
        }
    }

    /// Reads and proves a `responses.toml`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(version: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let mut plan: Self = toml::from_str(text).map_err(|it| vec![toml_problem(text, &it)])?;
        version.clone_into(&mut plan.version);
        let problems = plan.problems();
        if problems.is_empty() { Ok(plan) } else { Err(problems) }
    }

    fn problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let mut wrong = |field: &str, zh: &str, en: &str| found.push(Problem::new("bad_plan", zh, en).field(field));
        let sources = [&self.approval.source, &self.forward.source, &self.duty.source];
        if sources.iter().any(|it| it.trim().is_empty()) {
            wrong("source", "每一项须写明出处", "every part names its source");
        }
        if self.approval.remind_after.is_zero() || self.forward.receipt_within.is_zero() {
            wrong("remind_after", "时限须大于零", "a time limit is more than zero");
        }
        if self.approval.approvers == 0 {
            wrong("approvers", "至少要有一名签批人", "at least one approver is asked");
        }
        if self.duty.usual.is_empty() {
            wrong("usual", "须写明每日值班岗位", "name who is on duty on any day");
        }
        if self.duty.reinforced.keys().any(|it| !matches!(it.as_str(), "1" | "2" | "3" | "4")) {
            wrong("reinforced", "响应级别为 1 至 4", "response levels are 1 to 4");
        }
        let mut hazards = BTreeSet::new();
        for plan in &self.responses {
            if plan.hazards.is_empty() || !plan.hazards.iter().all(|it| hazards.insert(it.as_str())) {
                wrong("hazards", "每个灾种属于且只属于一个响应", "every hazard belongs to exactly one response");
            }
            let (mut levels, mut colours, mut grades) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
            for level in &plan.levels {
                if !(1..=4).contains(&level.level) || !levels.insert(level.level) {
                    wrong("level", "响应级别为 1 至 4，各一次", "response levels are 1 to 4, once each");
                }
                let twice = !level.signals.iter().all(|it| colours.insert(*it))
                    || !level.alarms.iter().all(|it| grades.insert(*it));
                if twice {
                    wrong("signals", "一种颜色只对应一个响应级别", "a colour leads to one level only");
                }
                if level.source.trim().is_empty() {
                    wrong("source", "每一级须写明出处", "every level names its source");
                }
            }
        }
        found
    }

    /// The response a hazard belongs to.
    pub fn of_hazard(&self, hazard: &str) -> Option<&ResponsePlan> {
        self.responses.iter().find(|it| it.hazards.contains(hazard))
    }

    /// Who must be on duty while a response of `level` is on; on any day without one.
    pub fn needed(&self, level: Option<u8>) -> Vec<Role> {
        let mut roles: BTreeSet<Role> = self.duty.usual.iter().copied().collect();
        for (from, more) in &self.duty.reinforced {
            let from = from.parse().unwrap_or(0);
            if level.is_some_and(|it| it <= from) {
                roles.extend(more);
            }
        }
        roles.into_iter().collect()
    }
}

impl ResponsePlan {
    /// The level a signal of this colour proposes.
    pub fn of_signal(&self, colour: Colour) -> Option<&Level> {
        self.levels.iter().find(|it| it.signals.contains(&colour))
    }

    /// The level a measured alarm of this grade proposes.
    pub fn of_alarm(&self, grade: u8) -> Option<&Level> {
        self.levels.iter().find(|it| it.alarms.contains(&grade))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        [duty]
        usual = ["leader", "first"]
        source = "x"
        [duty.reinforced]
        2 = ["second", "standby"]
        [[response]]
        id = "typhoon"
        title = { zh = "防台风", en = "typhoon" }
        hazards = ["typhoon"]
        [[response.level]]
        level = 1
        signals = ["red"]
        source = "5.3"
    "#;

    #[test]
    fn a_graver_response_needs_more_people_on_duty() {
        let plan = DutyPlan::read("test@1", GOOD).unwrap();
        assert_eq!(plan.needed(None), [Role::Leader, Role::First]);
        assert_eq!(plan.needed(Some(3)), [Role::Leader, Role::First]);
        assert_eq!(plan.needed(Some(1)), Role::ALL);
        assert_eq!(plan.of_hazard("typhoon").unwrap().of_signal(Colour::Red).unwrap().level, 1);
    }

    #[test]
    fn a_plan_without_source_or_with_a_colour_twice_does_not_load() {
        let doubled = format!("{GOOD}[[response.level]]\nlevel = 2\nsignals = [\"red\"]\nsource = \"\"\n");
        let fields: Vec<_> =
            DutyPlan::read("t@1", &doubled).unwrap_err().into_iter().filter_map(|it| it.place.field).collect();
        assert_eq!(fields, ["signals", "source"]);
        let unknown = DutyPlan::read("t@1", "[duty]\nusual = [\"king\"]\nsource = \"x\"").unwrap_err();
        assert_eq!((unknown[0].code.as_str(), unknown[0].place.line), ("bad_toml", Some(2)));
    }
}
