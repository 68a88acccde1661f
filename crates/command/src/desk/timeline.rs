//! The last things that happened, out of the records themselves, in the reader's duty areas.

use anlan_kernel::{Instant, Permission as P, Scope, Text};
use anlan_monitor::{Alarm, Signal, store::alarm_touching};
use anlan_store::{StoreError, Tx, params};
use anlan_warn::{Help, Round, model::RoundState};
use anlan_web::{Who, percent};

use super::todo::{asker, station_name};
use crate::{forward::Forward, note::Note, response::Step, service::Names};

/// Lines of the timeline.
const LINES: usize = 7;
/// Lines of alarms among them: a wet hour raises dozens, and what people did must still stand there.
const ALARM_LINES: usize = 3;

/// What happened.
pub(super) struct Line {
    pub at: Instant,
    pub words: Text,
    /// An account as it is stored, then as it is called; or words.
    pub by: String,
    /// Path below the world's base that opens it.
    pub opens: Option<String>,
}

impl Line {
    fn new(at: Instant, zh: String, en: String) -> Self {
        Self { at, words: Text::new(zh, en), by: String::new(), opens: None }
    }

    fn by(self, by: &str) -> Self {
        Self { by: by.to_owned(), ..self }
    }

    fn opens(self, path: String) -> Self {
        Self { opens: Some(path), ..self }
    }
}

/// Latest first.
pub(super) fn lines(tx: &mut Tx<'_>, who: &Who) -> Result<Vec<Line>, StoreError> {
    let named = who.may(P::SeePeople);
    let mut found = signals(tx)?;
    found.extend(alarms(tx, &who.actor.scope)?);
    found.extend(rounds(tx, who)?);
    found.extend(help(tx, who, named)?);
    if named {
        found.extend(notes(tx)?);
    }
    found.extend(responses(tx)?);
    latest(&mut found, LINES);
    let names = Names::read(tx, found.iter().map(|it| it.by.as_str()))?;
    for it in &mut found {
        it.by = names.of(&it.by).to_owned();
    }
    Ok(found)
}

fn latest(lines: &mut Vec<Line>, most: usize) {
    lines.sort_by_key(|it| std::cmp::Reverse(it.at));
    lines.truncate(most);
}

fn signals(tx: &mut Tx<'_>) -> Result<Vec<Line>, StoreError> {
    let mut found = Vec::new();
    for it in tx.find::<Signal>("1 = 1", "ORDER BY received_at DESC, id LIMIT 6", &[])? {
        let (title, opens) = (&it.title, format!("/signals/{}/forwards", percent(&it.id)));
        let mut add = |line: Line| found.push(line.opens(opens.clone()));
        add(Line::new(it.received_at, format!("收到 {title}"), format!("received: {title}")));
        if let (Some(at), Some(by)) = (it.acknowledged_at, &it.acknowledged_by) {
            add(Line::new(at, format!("签收 {title}"), format!("acknowledged: {title}")).by(by));
        }
        if let (Some(at), Some(by)) = (it.forwarded_at, &it.forwarded_by) {
            let units = tx.count::<Forward>("signal = $1", params![&it.id])?;
            let words = (format!("转发原文：{title}，{units} 个单位"), format!("forwarded to {units} units: {title}"));
            add(Line::new(at, words.0, words.1).by(by));
        }
    }
    Ok(found)
}

/// Raised, of another grade, over: each alarm by its last two moves.
fn alarms(tx: &mut Tx<'_>, scope: &Scope) -> Result<Vec<Line>, StoreError> {
    let mut found = Vec::new();
    for it in alarm_touching(tx, scope, "1 = 1", "ORDER BY changed_at DESC, id LIMIT 3", &[])? {
        found.extend(alarm(tx, &it)?);
    }
    latest(&mut found, ALARM_LINES);
    Ok(found)
}

fn alarm(tx: &mut Tx<'_>, it: &Alarm) -> Result<Vec<Line>, StoreError> {
    let (station, title, numeral) = (station_name(tx, it)?, &it.title, it.grade.numeral());
    let line = |at: Instant, zh: &str, en: &str| {
        let words = (format!("{station} {}，{zh}", title.zh), format!("{station} {}: {en}", title.en));
        Line::new(at, words.0, words.1).opens(format!("/alarms?station={}", percent(&it.station)))
    };
    let raised = || line(it.raised_at, "监测告警", "alarm");
    Ok(match it.cleared_at {
        Some(at) => vec![raised(), line(at, "告警解除", "alarm over")],
        None if it.changed_at > it.raised_at => {
            let changed = line(it.changed_at, &format!("变为监测{numeral}级"), &format!("now grade {numeral}"));
            vec![raised(), changed]
        }
        None => vec![line(it.raised_at, &format!("监测{numeral}级告警"), &format!("alarm of grade {numeral}"))],
    })
}

fn rounds(tx: &mut Tx<'_>, who: &Who) -> Result<Vec<Line>, StoreError> {
    let authorised = who.lang.pick("预案授权", "pre-authorised");
    let opens = |it: &Round| format!("/rounds/{}", percent(&it.id));
    let mut found = Vec::new();
    for it in tx.find::<Round>(
        "started_at IS NOT NULL AND process <> 'exercise'",
        "ORDER BY started_at DESC, id LIMIT 4",
        &[],
    )? {
        let (Some(at), level) = (it.started_at, it.level) else { continue };
        let by = it.decided_by.as_deref().filter(|_| it.state != RoundState::Stopped).unwrap_or(authorised);
        let line = if it.is_directed() {
            let cause = &it.cause;
            Line::new(
                at,
                format!("定向叫应开始，级别 {level}：{cause}"),
                format!("directed call-out began, level {level}: {cause}"),
            )
        } else {
            Line::new(at, format!("叫应开始，级别 {level}"), format!("calling began, level {level}"))
        };
        found.push(line.by(by).opens(opens(&it)));
    }
    for it in
        tx.find::<Round>("state = 'stopped' AND process <> 'exercise'", "ORDER BY ended_at DESC, id LIMIT 4", &[])?
    {
        let (Some(at), level) = (it.ended_at, it.level) else { continue };
        let why = it.stop_reason.as_deref().unwrap_or_default();
        let words = (format!("叫应停止，级别 {level}：{why}"), format!("calling stopped, level {level}: {why}"));
        found.push(Line::new(at, words.0, words.1).by(it.decided_by.as_deref().unwrap_or_default()).opens(opens(&it)));
    }
    Ok(found)
}

fn help(tx: &mut Tx<'_>, who: &Who, named: bool) -> Result<Vec<Line>, StoreError> {
    let mut found = Vec::new();
    let newest = "ORDER BY COALESCE(ended_at, taken_at, asked_at) DESC, id LIMIT 6";
    for it in tx.find::<Help>("1 = 1", newest, &[])? {
        let unit = asker(tx, &it)?.map_or_else(|| it.region.to_string(), |it| it.organisation);
        let opens = format!("/help/{}/outcome", percent(&it.id));
        let mut add = |line: Line| found.push(line.opens(opens.clone()));
        let asked =
            Line::new(it.asked_at, format!("{unit}：有险情、需支援"), format!("{unit}: danger, support needed"));
        add(asked.by(who.lang.pick("按键 3", "key 3")));
        if let (Some(at), Some(by)) = (it.taken_at, &it.taken_by) {
            add(Line::new(at, format!("接手求助：{unit}"), format!("took the request of {unit}")).by(by));
        }
        if let (Some(at), Some(by)) = (it.ended_at, &it.ended_by) {
            let outcome = it.outcome.as_deref().filter(|_| named).unwrap_or_default();
            let words =
                (format!("{unit}求助结果：{outcome}"), format!("what came of the request of {unit}: {outcome}"));
            add(Line::new(at, words.0, words.1).by(by));
        }
    }
    Ok(found)
}

fn notes(tx: &mut Tx<'_>) -> Result<Vec<Line>, StoreError> {
    let line = |it: Note| {
        let caller = it.caller.map(|it| format!("{it}：")).unwrap_or_default();
        let said = format!("{caller}{}", it.words.unwrap_or_default());
        Line::new(it.at, format!("电话记录 {said}"), format!("telephone: {said}"))
            .by(&it.taken_by)
            .opens("/telephone-notes".to_owned())
    };
    Ok(tx.find::<Note>("1 = 1", "ORDER BY at DESC, id LIMIT 5", &[])?.into_iter().map(line).collect())
}

fn responses(tx: &mut Tx<'_>) -> Result<Vec<Line>, StoreError> {
    let mut found = Vec::new();
    for it in tx.find::<Step>("state <> 'superseded'", "ORDER BY proposed_at DESC, id LIMIT 5", &[])? {
        let (what, opens) = (it.words(), format!("/responses/{}", percent(&it.response)));
        let proposed =
            Line::new(it.proposed_at, format!("{}：{}", what.zh, it.cause), format!("{}: {}", what.en, it.cause));
        found.push(proposed.opens(opens.clone()));
        if let (Some(at), Some(by)) = (it.decided_at, &it.decided_by) {
            let what = it.decision_words();
            found.push(Line::new(at, what.zh, what.en).by(by).opens(opens));
        }
    }
    Ok(found)
}
