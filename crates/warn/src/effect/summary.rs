//! 过程总结: the paper that writes itself. Pure: from records to paragraphs, every figure with its list.

use std::collections::BTreeMap;

use anlan_kernel::{Instant, Lang};
use serde::Serialize;

use super::{
    Figures,
    prose::{Paragraph, moment, span},
    timeline::{Line, unsigned},
};
use crate::{
    api::{ProcessView, RoundView},
    model::{CallState, RoundState},
    standing::Speaking,
};
use anlan_web::percent;

/// What a summary is written from.
pub(crate) struct Facts<'a> {
    pub view: &'a ProcessView,
    /// Hazard and district as people call them.
    pub hazard: String,
    pub district: String,
    pub lines: &'a [Line],
    /// Figures of each round.
    pub figures: &'a BTreeMap<String, Figures>,
    /// Of each round the callees whose newest call is its own.
    pub standing: &'a [Speaking],
    /// Names of accounts.
    pub names: &'a BTreeMap<String, String>,
    /// 数据截至.
    pub at: Instant,
}

/// The paper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    pub title: String,
    pub as_of: Instant,
    /// Last journal position among what it was written from.
    pub position: i64,
    pub paragraphs: Vec<Paragraph>,
}

impl Facts<'_> {
    fn here(&self, kind: &str) -> String {
        format!("/processes/{}?kind={kind}", percent(&self.view.process.id))
    }

    fn count(&self, event: &str) -> i64 {
        self.lines.iter().filter(|it| it.event == event).count() as i64
    }

    /// A count of events and the lines that tell them.
    fn told(&self, event: &str) -> (i64, String) {
        let kind = self.lines.iter().find(|it| it.event == event).map_or("", |it| it.kind);
        (self.count(event), self.here(kind))
    }

    fn name(&self, actor: &str) -> String {
        let login = actor.trim_start_matches("user:");
        self.names.get(login).cloned().unwrap_or_else(|| login.to_owned())
    }

    fn rounds(&self) -> impl Iterator<Item = &RoundView> {
        self.view.rounds.iter().rev()
    }
}

/// Writes the summary in one language.
pub(crate) fn write(facts: &Facts<'_>, lang: Lang) -> Summary {
    Summary {
        title: match lang {
            Lang::Zh => format!("{}{}天气过程总结", facts.district, facts.hazard),
            Lang::En => format!("Summary of the {} process, {}", facts.hazard, facts.district),
        },
        as_of: facts.at,
        position: facts.lines.iter().filter_map(|it| it.position).max().unwrap_or(0),
        paragraphs: vec![
            course(facts, lang),
            call_out(facts, lang),
            silence(facts, lang),
            decisions(facts, lang),
            left_open(facts, lang),
        ],
    }
}

fn course(facts: &Facts<'_>, lang: Lang) -> Paragraph {
    let mut text = Paragraph::new(lang.pick("一、过程概况", "1. Course"));
    let process = &facts.view.process;
    let until = process.ended_at.unwrap_or(facts.at);
    let lasted = span(i64::try_from(until.since(process.opened_at).as_secs()).unwrap_or(0), lang);
    let (from, until) = (moment(process.opened_at, lang), moment(until, lang));
    text.say(match (lang, process.open) {
        (Lang::Zh, true) => format!("本次过程自{from}开始，截至{until}仍在进行，已历时 {lasted}。"),
        (Lang::Zh, false) => format!("本次过程自{from}开始，{until}结束，历时 {lasted}。"),
        (Lang::En, true) => format!("The process began at {from} and goes on at {until}, after {lasted}. "),
        (Lang::En, false) => format!("The process began at {from} and ended at {until}, after {lasted}. "),
    });
    if let Some(level) = process.level {
        text.say(lang.pick("叫应最高级别为 ", "The gravest call-out level was "))
            .figure(level, facts.here("round"))
            .say(lang.pick(" 级。", ". "));
    }
    text.fill(
        lang.pick(
            "期间接收预警信号 {} 条，签收 {} 次，转发原文 {} 次；",
            "Signals received: {}, acknowledged: {}, forwarded unchanged: {}; ",
        ),
        &["signal.received", "signal.acknowledged", "signal.forwarded"].map(|it| {
            let (count, _) = facts.told(it);
            (count, facts.here("signal"))
        }),
    );
    text.fill(
        lang.pick("实况告警 {} 次", "measured alarms: {}"),
        &[(facts.count("alarm.raised"), facts.here("alarm"))],
    );
    let gravest = facts.lines.iter().filter(|it| it.kind == "alarm").filter_map(|it| it.grade).min();
    if let Some(grade) = gravest.and_then(anlan_kernel::Grade::new) {
        text.say(lang.pick("，最高为监测", ", the gravest of grade "))
            .figure(grade.numeral(), facts.here("alarm"))
            .say(lang.pick("级", ""));
    }
    text.say(lang.pick("。", "."));
    text
}

fn call_out(facts: &Facts<'_>, lang: Lang) -> Paragraph {
    let mut text = Paragraph::new(lang.pick("二、叫应情况", "2. Call-out"));
    let count = facts.view.rounds.len() as i64;
    text.fill(lang.pick("共拟定叫应 {} 轮。", "Rounds proposed: {}. "), &[(count, facts.here("round"))]);
    for it in facts.rounds() {
        round(facts, it, lang, &mut text);
    }
    text
}

fn round(facts: &Facts<'_>, it: &RoundView, lang: Lang, text: &mut Paragraph) {
    let (round, list) = (&it.round, format!("/rounds/{}", percent(&it.round.id)));
    text.say(lang.pick("叫应级别 ", "Level ")).figure(round.level, &list);
    let Some(start) = round.started_at else {
        text.say(match (lang, round.state) {
            (Lang::Zh, RoundState::Pending) => format!(" 一轮拟于 {} 开始。", round.start_at.clock()),
            (Lang::En, RoundState::Pending) => format!(": to start at {}. ", round.start_at.clock()),
            (Lang::Zh, _) => " 一轮未开始即被停止或并入。".to_owned(),
            (Lang::En, _) => ": stopped or absorbed before it started. ".to_owned(),
        });
        return;
    };
    text.say(match lang {
        Lang::Zh => format!(" 一轮 {} 开始，应叫 ", start.clock()),
        Lang::En => format!(" started at {}: called ", start.clock()),
    });
    text.figure(it.counts.called, &list);
    let states = CallState::FINAL.into_iter().map(|state| (state.words(), it.counts.of(state), state.name()));
    let open = (("未有结果", "open"), it.counts.open, "calling,escalated");
    for ((zh, en), count, state) in states.chain([open]).filter(|it| it.1 > 0) {
        text.say(format!("{}{} ", lang.pick("，", ", "), lang.pick(zh, en)))
            .figure(count, format!("{list}?state={state}"));
    }
    let figures = facts.figures.get(&round.id);
    if let Some((median, p95)) = figures.and_then(|it| it.from_start.median_s.zip(it.from_start.p95_s)) {
        let effect = format!("/processes/{}/effect?round={}", percent(&facts.view.process.id), percent(&round.id));
        text.say(lang.pick("；自本轮开始，半数在 ", "; from the start, half answered or heard in full within "))
            .figure(span(median, lang), &effect)
            .say(lang.pick(" 内、95% 在 ", ", 95 % within "))
            .figure(span(p95, lang), &effect)
            .say(lang.pick(" 内答复或听完", ""));
    }
    text.say(lang.pick("。", ". "));
}

fn silence(facts: &Facts<'_>, lang: Lang) -> Paragraph {
    let mut text = Paragraph::new(lang.pick("三、逐级叫应与求助", "3. One level up, and help"));
    text.fill(
        lang.pick(
            "向上一级报送的未叫通名单，已接手 {} 份，无人接手 {} 份；有险情、需支援 {} 件，已接手 {} 件。",
            "Lists of the silent taken over one level up: {}, taken by nobody: {}; requests for help: {}, taken: {}.",
        ),
        &["escalation.accepted", "escalation.failed", "help.asked", "help.taken"].map(|it| {
            let (count, _) = facts.told(it);
            (count, facts.here("call"))
        }),
    );
    text
}

fn decisions(facts: &Facts<'_>, lang: Lang) -> Paragraph {
    let mut text = Paragraph::new(lang.pick("四、决定与人员", "4. Decisions and people"));
    let told = |event| facts.lines.iter().filter(move |it: &&Line| it.event == event);
    let (notices, notes) = (|| facts.here("notice"), facts.here("note"));
    let (signed, verbal) = (facts.count("notice.signed"), facts.count("notice.verbally_approved"));
    text.fill(lang.pick("发出风险提示单 {} 份", "Notices issued: {}"), &[(signed + verbal, notices())]);
    if verbal > 0 {
        text.fill(
            lang.pick("（其中电话口头同意 {} 份，已补签 {} 份）", " (on a verbal yes: {}, signed since: {})"),
            &[(verbal, notices()), (facts.count("notice.signed_afterwards"), notices())],
        );
    }
    text.fill(lang.pick("，电话记录 {} 条。", ", telephone notes: {}. "), &[(facts.count("note.taken"), notes)]);
    for line in facts.lines.iter().rev() {
        let mark = ["round.stopped", "process.raised", "process.stood_down", "process.ended"];
        let Some(by) = line.by.as_deref().filter(|_| mark.contains(&line.event.as_str())) else { continue };
        let name =
            if by.starts_with("system:") { lang.pick("系统", "the system").to_owned() } else { facts.name(by) };
        text.figure(line.at.clock(), facts.here(line.kind));
        text.say(format!(" {name}{}{}", lang.pick("", ": "), line.words.get(lang)));
        text.say(lang.pick("；", "; "));
    }
    let mut people: Vec<String> = Vec::new();
    // Who hands a signal in is most often a connected system.
    let acted = facts.lines.iter().rev().filter(|it| it.event != "signal.received").filter_map(|it| it.by.as_deref());
    for by in acted.filter(|it| it.starts_with("user:")) {
        let name = facts.name(by);
        if !people.contains(&name) {
            people.push(name);
        }
    }
    if people.is_empty() {
        text.say(lang.pick("无人工处置记录。", "Nobody acted by hand."));
    } else {
        text.say(lang.pick("参与处置：", "Took part: "))
            .say(people.join(lang.pick("、", ", ")))
            .say(lang.pick("。", "."));
    }
    if told("process.stood_down").next().is_none() && facts.view.process.open {
        text.say(lang.pick("尚未解除叫应。", " Not stood down yet."));
    }
    text
}

fn left_open(facts: &Facts<'_>, lang: Lang) -> Paragraph {
    let mut text = Paragraph::new(lang.pick("五、未结事项", "5. Left open"));
    let mut items: Vec<(String, i64, String)> = Vec::new();
    for it in facts.standing {
        let at = |zh: &str, en: &str| match lang {
            Lang::Zh => format!("级别 {} 一轮{zh}", it.level),
            Lang::En => format!("level {} round, {en}", it.level),
        };
        items.push((at("未有结果", "without a final state"), it.counts.open, it.list("calling,escalated")));
        items.push((at("未叫通", "not reached"), it.counts.of(CallState::NotReached), it.list("not_reached")));
        items.push((
            at("无可用号码", "without a usable number"),
            it.counts.of(CallState::NoContact),
            it.list("no_contact"),
        ));
    }
    let helpless = facts.count("help.asked") - facts.count("help.taken");
    items.push((lang.pick("求助未接手", "requests for help nobody took").into(), helpless, facts.here("call")));
    items.push((
        lang.pick("提示单待签发、待补签", "notices to be signed").into(),
        unsigned(facts.lines).len() as i64,
        facts.here("notice"),
    ));
    let proposed = i64::from(facts.view.process.stand_down_proposed);
    items.push((lang.pick("建议解除待决定", "stand-down proposed").into(), proposed, facts.here("process")));
    let mut any = false;
    for (words, count, opens) in items.into_iter().filter(|it| it.1 > 0) {
        text.say(format!("{}{words} ", if any { lang.pick("；", "; ") } else { "" })).figure(count, opens);
        any = true;
    }
    text.say(if any { lang.pick("。", ".") } else { lang.pick("无。", "Nothing.") });
    text
}
