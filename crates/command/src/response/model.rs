//! The things: a response, and the steps by which it starts, rises, falls and ends.

use anlan_kernel::{Colour, Grade, Instant, Lang, RegionCode, Text};
use serde::{Deserialize, Serialize};

/// Where a response stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// 建议: nobody decided yet.
    Proposed,
    /// 启动.
    Running,
    /// 终止.
    Ended,
    /// The proposal to start it was declined.
    Declined,
}

/// An emergency response (应急响应) of one plan in one district.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// `rs-<day>-<plan>-<district>`, with `-2` … for later ones of the day.
    pub id: String,
    /// Which response of the plan.
    pub plan: String,
    /// 防台风.
    pub title: String,
    /// Hazard that led to it.
    pub hazard: String,
    /// The district.
    pub region: RegionCode,
    /// The weather process it belongs to, where there is one.
    pub process: Option<String>,
    /// Where it stands.
    pub state: State,
    /// Proposed or running; one of a plan and district at most.
    pub open: bool,
    /// 响应级别 in force, 1 the gravest.
    pub level: Option<u8>,
    /// 事件等级, judged by a person; never derived from the other two.
    pub event_grade: Option<u8>,
    /// Steps so far.
    pub steps: i64,
    /// First proposal.
    pub opened_at: Instant,
    /// When it started.
    pub started_at: Option<Instant>,
    /// When it ended or was declined.
    pub ended_at: Option<Instant>,
    /// Whether its cause is invented for a demonstration.
    pub invented: bool,
    /// For optimistic changes.
    pub revision: i64,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// 启动.
    Start,
    /// 提级.
    Raise,
    /// 降级.
    Lower,
    /// 终止.
    End,
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Waits for a decision.
    Open,
    /// 同意.
    Approved,
    /// 不同意.
    Declined,
    /// A later proposal took its place.
    Superseded,
}

/// One proposal and what was decided; the whole sequence is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// `<response>#<number>`.
    pub id: String,
    /// The response.
    pub response: String,
    /// The district.
    pub region: RegionCode,
    /// 1, 2, 3 …
    pub number: i64,
    /// What it does.
    pub kind: Kind,
    /// 响应级别 it leads to; none for the end.
    pub level: Option<u8>,
    /// 预警级别 of the signal behind it, where there is one.
    pub warning: Option<Colour>,
    /// What led to it, in words.
    pub cause: String,
    /// Key of that signal or alarm; the officer's name for a proposal by hand.
    pub cause_id: String,
    /// Whether the cause is invented for a demonstration.
    pub invented: bool,
    /// Clause of the plan.
    pub basis: String,
    /// `pack@version` of the plan.
    pub pack: String,
    /// Where it stands.
    pub state: StepState,
    /// When it was proposed.
    pub proposed_at: Instant,
    /// By whom.
    pub proposed_by: String,
    /// When it was decided.
    pub decided_at: Option<Instant>,
    /// Who decided; of a verbal yes, who recorded it.
    pub decided_by: Option<String>,
    /// 电话口头同意.
    pub verbal: bool,
    /// Who said yes on the telephone; sealed.
    pub approver: Option<String>,
    /// At which number; sealed.
    pub approver_number: Option<String>,
    /// Reason of who decided; sealed.
    pub note: Option<String>,
    /// Until when a verbal yes is to be signed.
    pub sign_due_at: Option<Instant>,
    /// 补签: when.
    pub signed_at: Option<Instant>,
    /// 补签: by whom.
    pub signed_by: Option<String>,
    /// How often an approver was asked.
    pub asked: i64,
    /// How often an overdue signature was asked for.
    pub chased: i64,
    /// For optimistic changes.
    pub revision: i64,
}

anlan_store::table!(Response, RESPONSE, "response", region: "region", {
    id: Text, plan: Text, title: Text, hazard: Text, region: Text, process: Text, state: Text, open: Bool, level: Int,
    event_grade: Int, steps: Int, opened_at: Time, started_at: Time, ended_at: Time, invented: Bool, revision: Int,
});
anlan_store::table!(Step, STEP, "response_step", region: "region", sealed: ["approver", "approver_number", "note"] of "id", {
    id: Text, response: Text, region: Text, number: Int, kind: Text, level: Int, warning: Text, cause: Text,
    cause_id: Text, invented: Bool, basis: Text, pack: Text, state: Text, proposed_at: Time, proposed_by: Text,
    decided_at: Time, decided_by: Text, verbal: Bool, approver: Text, approver_number: Text, note: Text,
    sign_due_at: Time, signed_at: Time, signed_by: Text, asked: Int, chased: Int, revision: Int,
});

fn numeral(level: Option<u8>) -> &'static str {
    level.and_then(Grade::new).map_or("", Grade::numeral)
}

impl Response {
    /// 防台风Ⅰ级, or what is proposed where nothing runs.
    pub fn words(&self, lang: Lang) -> String {
        let (title, numeral) = (&self.title, numeral(self.level));
        match (self.state, lang) {
            (State::Running, Lang::Zh) => format!("{title} {numeral} 级"),
            (State::Running, Lang::En) => format!("{title} level {numeral}"),
            (State::Proposed, Lang::Zh) => format!("{title}（待签批）"),
            (State::Proposed, Lang::En) => format!("{title} (proposed)"),
            (State::Ended, Lang::Zh) => format!("{title}（已终止）"),
            (State::Ended, Lang::En) => format!("{title} (ended)"),
            (State::Declined, Lang::Zh) => format!("{title}（未启动）"),
            (State::Declined, Lang::En) => format!("{title} (declined)"),
        }
    }
}

impl Kind {
    /// 启动、提级、降级、终止.
    pub fn zh(self) -> &'static str {
        match self {
            Self::Start => "启动",
            Self::Raise => "提级",
            Self::Lower => "降级",
            Self::End => "终止",
        }
    }

    /// As a verb.
    pub fn en(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Raise => "raise",
            Self::Lower => "lower",
            Self::End => "end",
        }
    }
}

impl Step {
    /// What is proposed: 启动Ⅰ级响应.
    pub fn words(&self) -> Text {
        let what = self.change();
        Text::new(format!("建议{}", what.zh), format!("proposed: {}", what.en))
    }

    /// What was decided.
    pub fn decision_words(&self) -> Text {
        let what = self.change();
        match (self.state, self.verbal) {
            (StepState::Declined, _) => Text::new(format!("不同意{}", what.zh), format!("declined: {}", what.en)),
            (_, true) => Text::new(format!("{}（电话同意）", what.zh), format!("{} (by telephone)", what.en)),
            (_, false) => what,
        }
    }

    fn change(&self) -> Text {
        let level = numeral(self.level);
        match self.kind {
            Kind::End => Text::new("终止响应", "end the response"),
            Kind::Start => Text::new(format!("启动{level}级响应"), format!("start the response at level {level}")),
            it => {
                Text::new(format!("{}至{level}级响应", it.zh()), format!("{} the response to level {level}", it.en()))
            }
        }
    }
}
