//! One timeline of a process (天气过程时间线): what came in, what was decided, who did not answer.
//!
//! Read from sealed journal entries; the endings of calls from their table, many of one kind on one line.

use std::collections::{BTreeMap, BTreeSet};

use anlan_kernel::{Actor, Grade, Instant, RegionCode, Scope, Text};
use anlan_monitor::{Alarm, Signal};
use anlan_store::{Row, StoreError, Tx, Value, World, params};
use serde::Serialize;
use serde_json::Value as Json;

use super::endings;
use crate::{
    api::ProcessView,
    model::{Escalation, Process, Round},
    service::everywhere,
};
use anlan_web::percent;

/// Kinds of lines, in the order of the chips, with their words.
pub(crate) const KINDS: [(&str, &str, &str); 8] = [
    ("signal", "信号", "signals"),
    ("alarm", "告警", "alarms"),
    ("round", "叫应轮次", "rounds"),
    ("call", "未叫通与求助", "not reached, help"),
    ("answer", "答复", "answers"),
    ("notice", "风险提示单", "notices"),
    ("note", "电话记录", "telephone notes"),
    ("process", "过程", "process"),
];
/// Events of mechanisms that speak for themselves: told by their first word.
const OTHERS: [(&str, &str, &str, &str); 3] = [
    ("notice.", "notice", "风险提示单", "notice"),
    ("note.", "note", "电话记录", "telephone note"),
    ("response.", "process", "应急响应", "response"),
];
/// What an event says, before the title of its thing.
const WORDS: [(&str, &str, &str); 22] = [
    ("signal.received", "收到", "received"),
    ("signal.acknowledged", "签收", "acknowledged"),
    ("signal.forwarded", "转发原文", "forwarded unchanged"),
    ("signal.replaced", "被后续信号替代", "replaced by a later one"),
    ("signal.lifted", "已解除", "lifted"),
    ("alarm.raised", "告警", "alarm raised"),
    ("alarm.changed", "告警变级", "alarm changed"),
    ("alarm.cleared", "告警解除", "alarm cleared"),
    ("process.opened", "过程开始", "process opened"),
    ("process.raised", "人工提级", "raised by an officer"),
    ("process.stand_down_proposed", "建议解除叫应，待人决定", "stand-down proposed; somebody must decide"),
    ("process.stood_down", "解除叫应（署名）", "stood down (signed)"),
    ("process.ended", "过程结束", "process over"),
    ("round.proposed", "拟定", "proposed"),
    ("round.grew", "扩大范围", "grew"),
    ("round.started", "开始", "started"),
    ("round.absorbed", "并入更高级别的一轮", "absorbed by a graver round"),
    ("round.done", "全部有结果", "everybody has a final state"),
    ("round.stopped", "停止", "stopped"),
    ("round.resumed", "恢复叫应", "called on after a stop"),
    ("escalation.accepted", "接手名单", "list accepted"),
    ("escalation.failed", "名单无人接手", "nobody took the list"),
];
/// What an event of those mechanisms says, after its noun.
const SPOKEN: [(&str, &str, &str); 28] = [
    ("notice.drafted", "起草", "drafted"),
    ("notice.draft_set_aside", "放下原稿另起一稿", "draft set aside for another one"),
    ("notice.edited", "修改", "edited"),
    ("notice.changed", "修改", "changed"),
    ("notice.submitted", "送签", "submitted"),
    ("notice.asked", "提请签发", "signature asked for"),
    ("notice.refused", "退回", "sent back"),
    ("notice.signature_overdue", "补签超时", "signature overdue"),
    ("notice.verbally_approved", "电话口头同意，待补签", "sent on a verbal yes, to be signed"),
    ("notice.signed", "签发", "signed"),
    ("notice.signed_afterwards", "补签", "signed afterwards"),
    ("notice.told", "发送", "sent to its list"),
    ("notice.withdrawn", "撤稿", "draft withdrawn"),
    ("notice.approved_for_public", "同意公开", "approved for the public"),
    ("notice.taken_from_public", "撤下公开", "taken from the public page"),
    ("note.taken", "记录", "taken"),
    ("note.done", "办结", "dealt with"),
    ("response.proposed", "", "proposed"),
    ("response.asked", "提请签批", "approval asked for"),
    ("response.started", "启动", "started"),
    ("response.raised", "提级", "raised"),
    ("response.lowered", "降级", "lowered"),
    ("response.ended", "终止", "ended"),
    ("response.declined", "未同意", "declined"),
    ("response.superseded", "建议被新建议替代", "proposal superseded"),
    ("response.signed", "补签", "signed afterwards"),
    ("response.unsigned", "催补签", "signature asked for"),
    ("response.graded", "判定事件等级", "event grade decided"),
];
/// What follows by itself, in whoever's transaction it happens: nobody's deed.
const FOLLOWS: [&str; 8] = [
    "process.opened",
    "process.stand_down_proposed",
    "round.absorbed",
    "round.done",
    "round.grew",
    "round.proposed",
    "signal.lifted",
    "signal.replaced",
];
/// Last words on a paper of a notice after which it waits for a signature.
const WAITS: [&str; 6] = [
    "notice.drafted",
    "notice.draft_set_aside",
    "notice.edited",
    "notice.submitted",
    "notice.signature_overdue",
    "notice.verbally_approved",
];
/// Last words after which it does not.
const SETTLES: [&str; 4] = ["notice.signed", "notice.signed_afterwards", "notice.refused", "notice.withdrawn"];
/// How far after its last own entry a process is looked for in entries of other mechanisms.
const AFTERWARDS: i64 = 5_000;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Line {
    /// Unique within the process; with `at` the order.
    pub id: String,
    pub at: Instant,
    pub kind: &'static str,
    /// Name of the journal's event; `calls.ended` for calls that share a line.
    pub event: String,
    pub words: Text,
    /// Who: an account, a worker of the program, or a callee.
    pub by: Option<String>,
    /// Whom it is about.
    pub callee: Option<String>,
    /// Grade of an alarm, level of a round.
    pub grade: Option<u8>,
    /// Key of the thing, where it is one entry.
    pub subject: String,
    /// Path below the world's base that opens what it counts or names.
    pub opens: Option<String>,
    /// Journal position, where it is one entry.
    pub position: Option<i64>,
    /// Which paper of a notice it is about.
    #[serde(skip)]
    pub version: Option<i64>,
}

/// A sealed entry, as far as a line needs it.
struct Told {
    position: i64,
    at: Instant,
    actor: String,
    event: String,
    subject: String,
    region: Option<RegionCode>,
    body: Json,
}

impl Told {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let region = row.opt(5, Row::text)?.and_then(|it| RegionCode::parse(&it).ok());
        let body = serde_json::from_str(&row.text(6)?)?;
        let (actor, event, subject) = (row.text(2)?, row.text(3)?, row.text(4)?);
        Ok(Self { position: row.int(0)?, at: row.instant(1)?, actor, event, subject, region, body })
    }

    fn line(&self, kind: &'static str, what: &Text, opens: Option<String>) -> Line {
        let said = WORDS.iter().find(|it| it.0 == self.event);
        let (zh, en) = said.map_or(("", ""), |it| (it.1, it.2));
        let join = |said: &str, what: &str, mark: &str| match (said.is_empty(), what.is_empty()) {
            (true, _) => what.to_owned(),
            (_, true) => said.to_owned(),
            _ => format!("{said}{mark}{what}"),
        };
        Line {
            id: format!("p{:012}", self.position),
            at: self.at,
            kind,
            event: self.event.clone(),
            words: Text::new(join(zh, &what.zh, "："), join(en, &what.en, ": ")),
            by: (!FOLLOWS.contains(&self.event.as_str())).then(|| self.actor.clone()),
            callee: None,
            grade: None,
            subject: self.subject.clone(),
            opens,
            position: Some(self.position),
            version: None,
        }
    }
}

/// Everything known of a process that lines name.
#[derive(Default)]
struct Things {
    signals: BTreeMap<String, Signal>,
    alarms: BTreeMap<String, Alarm>,
    stations: BTreeMap<String, Text>,
    rounds: BTreeMap<String, Round>,
    lists: BTreeMap<String, Escalation>,
    regions: BTreeMap<String, String>,
}

/// Every line of the process the actor may see, newest first. The caller found the process in their duty areas.
pub(crate) async fn read(world: &World, actor: &Actor, view: &ProcessView) -> Result<Vec<Line>, StoreError> {
    let process = view.process.clone();
    let rounds: BTreeMap<_, _> = view.rounds.iter().map(|it| (it.round.id.clone(), it.round.clone())).collect();
    let (ids, scope) = (rounds.keys().cloned().collect::<Vec<_>>(), actor.scope.clone());
    let own = ids.clone();
    // Signals, alarms and rounds of the district are no personal data; what is regional is looked at below.
    let mut lines = world.read(&everywhere(actor), move |tx| told(tx, &scope, &process, rounds.clone(), &own)).await?;
    lines.extend(world.read(actor, move |tx| endings::lines(tx, &ids)).await?);
    lines.sort_by(|a, b| (b.at, &b.id).cmp(&(a.at, &a.id)));
    Ok(lines)
}

fn told(
    tx: &mut Tx<'_>,
    scope: &Scope,
    process: &Process,
    rounds: BTreeMap<String, Round>,
    ids: &[String],
) -> Result<Vec<Line>, StoreError> {
    let mut entries = of_subjects(tx, std::iter::once(process.id.clone()).chain(ids.iter().cloned()))?;
    let causes: BTreeSet<String> = entries
        .iter()
        .filter(|it| it.event.starts_with("process."))
        .filter_map(|it| it.body["detail"]["cause"].as_str().map(str::to_owned))
        .collect();
    entries.extend(of_subjects(tx, causes.iter().cloned())?);
    for round in ids {
        entries.extend(of_lists(tx, round)?);
    }
    let first = entries.iter().map(|it| it.position).min().unwrap_or(0);
    let last = entries.iter().map(|it| it.position).max().unwrap_or(0);
    entries.extend(of_others(tx, process, first, last)?);
    let things = things(tx, process, &causes, rounds, ids)?;
    let lines = entries.iter().filter_map(|it| line(it, &things, process, scope));
    Ok(merged(lines.collect()))
}

/// Units named of many whose lists were taken over in the same minute.
const UNITS: usize = 3;

/// Lists of one round and minute share a line, as endings of calls do.
fn merged(lines: Vec<Line>) -> Vec<Line> {
    let (lists, mut found): (Vec<_>, Vec<_>) = lines.into_iter().partition(|it| it.event.starts_with("escalation."));
    let mut groups: BTreeMap<(String, String, String), Vec<Line>> = BTreeMap::new();
    for it in lists {
        let round = it.opens.as_deref().and_then(|it| it.split('&').next()).unwrap_or_default().to_owned();
        groups.entry((it.event.clone(), round, it.at.clock())).or_default().push(it);
    }
    for ((event, round, _), mut group) in groups {
        let (count, Some(last)) = (group.len(), group.pop()) else { continue };
        if group.is_empty() {
            found.push(last);
            continue;
        }
        let (_, zh, en) = WORDS.iter().find(|it| it.0 == event).copied().unwrap_or_default();
        let named = group.iter().chain([&last]).take(UNITS);
        let names: Vec<_> = named.map(|it| it.words.zh.trim_start_matches(zh).trim_start_matches('：')).collect();
        let words = Text::new(
            format!("{zh}：{}{} {count} 个单位", names.join("、"), if count > UNITS { "等" } else { "，" }),
            format!("{en}: {count} units"),
        );
        found.push(Line { words, by: None, opens: Some(round), ..last });
    }
    found
}

const FIELDS: &str = "position, at, actor, event, subject, region, body";

fn of_subjects(tx: &mut Tx<'_>, subjects: impl Iterator<Item = String>) -> Result<Vec<Told>, StoreError> {
    let subjects: Vec<Value> = subjects.map(Value::from).collect();
    let mut found = Vec::new();
    for some in subjects.chunks(400) {
        let places: Vec<_> = (1..=some.len()).map(|i| format!("${i}")).collect();
        // Slices of a round carry every call they opened and say nothing here.
        let sql = format!(
            "SELECT {FIELDS} FROM journal WHERE subject IN ({}) AND position IS NOT NULL
                AND event NOT IN ('round.opened_calls', 'round.sliced', 'process.told') AND {{scope:region}}",
            places.join(", ")
        );
        for row in tx.query(&sql, some)? {
            found.push(Told::read(&row)?);
        }
    }
    Ok(found)
}

fn of_lists(tx: &mut Tx<'_>, round: &str) -> Result<Vec<Told>, StoreError> {
    let sql = format!(
        "SELECT {FIELDS} FROM journal WHERE subject >= $1 AND subject < $2 AND position IS NOT NULL
            AND event IN ('escalation.accepted', 'escalation.failed') AND {{scope:region}}"
    );
    let rows = tx.query(&sql, params![format!("{round}/up/"), format!("{round}/up0")])?;
    rows.iter().map(Told::read).collect()
}

/// Entries of other mechanisms while the process went on; the position bounds what is looked at.
fn of_others(tx: &mut Tx<'_>, process: &Process, first: i64, last: i64) -> Result<Vec<Told>, StoreError> {
    let until = if process.open { i64::MAX } else { last + AFTERWARDS };
    let like: Vec<_> = OTHERS.iter().map(|it| format!("event LIKE '{}%'", it.0)).collect();
    let sql = format!(
        "SELECT {FIELDS} FROM journal WHERE position >= $1 AND position <= $2 AND ({}) AND {{scope:region}}",
        like.join(" OR ")
    );
    let rows = tx.query(&sql, params![first, until])?;
    rows.iter().map(Told::read).collect()
}

fn things(
    tx: &mut Tx<'_>,
    process: &Process,
    causes: &BTreeSet<String>,
    rounds: BTreeMap<String, Round>,
    ids: &[String],
) -> Result<Things, StoreError> {
    let mut things = Things { rounds, regions: super::read::names(tx, &process.region)?, ..Things::default() };
    let causes: Vec<Value> = causes.iter().map(Value::from).collect();
    for some in causes.chunks(400) {
        let places: Vec<_> = (1..=some.len()).map(|i| format!("${i}")).collect();
        let condition = format!("id IN ({})", places.join(", "));
        things.signals.extend(tx.find::<Signal>(&condition, "", some)?.into_iter().map(|it| (it.id.clone(), it)));
        things.alarms.extend(tx.find::<Alarm>(&condition, "", some)?.into_iter().map(|it| (it.id.clone(), it)));
    }
    let stations: BTreeSet<_> = things.alarms.values().map(|it| it.station.clone()).collect();
    things.stations = station_names(tx, &stations)?;
    for round in ids {
        let lists: Vec<Escalation> = tx.find("round = $1", "", params![round])?;
        things.lists.extend(lists.into_iter().map(|it| (it.id.clone(), it)));
    }
    Ok(things)
}

fn station_names(tx: &mut Tx<'_>, ids: &BTreeSet<String>) -> Result<BTreeMap<String, Text>, StoreError> {
    let mut names = BTreeMap::new();
    let ids: Vec<Value> = ids.iter().map(Value::from).collect();
    for some in ids.chunks(400) {
        let places: Vec<_> = (1..=some.len()).map(|i| format!("${i}")).collect();
        let found: Vec<anlan_monitor::Station> = tx.find(&format!("id IN ({})", places.join(", ")), "", some)?;
        names.extend(found.into_iter().map(|it| (it.id, it.name)));
    }
    Ok(names)
}

fn line(told: &Told, things: &Things, process: &Process, scope: &Scope) -> Option<Line> {
    let (noun, _) = told.event.split_once('.')?;
    if let Some((_, kind, zh, en)) = OTHERS.iter().find(|it| told.event.starts_with(it.0)) {
        return other(told, process, scope, (kind, zh, en));
    }
    if !WORDS.iter().any(|it| it.0 == told.event) {
        return None;
    }
    match noun {
        "signal" => {
            let it = things.signals.get(&told.subject)?;
            Some(told.line("signal", &Text::new(&it.title, &it.title), None))
        }
        "alarm" => alarm(told, things),
        "round" => {
            let it = things.rounds.get(&told.subject)?;
            let (start, cause) = (it.start_at.clock(), &it.cause);
            let words = match (told.event.as_str(), &it.stop_reason) {
                ("round.proposed", _) => Text::new(
                    format!("{start} 自动开始，除非停止；{cause}"),
                    format!("starts at {start} unless stopped; {cause}"),
                ),
                ("round.stopped", Some(why)) => {
                    Text::new(format!("{cause}；理由：{why}"), format!("{cause}; because: {why}"))
                }
                _ => Text::new(cause, cause),
            };
            let line = told.line("round", &words, Some(format!("/rounds/{}", percent(&it.id))));
            Some(Line { grade: Some(it.level), ..line })
        }
        "process" => {
            let level = told.body["detail"]["level"].as_u64().filter(|_| told.event == "process.raised");
            let what =
                level.map_or_else(Text::default, |it| Text::new(format!("叫应级别 {it}"), format!("level {it}")));
            Some(told.line("process", &what, None))
        }
        "escalation" => list(told, things, scope),
        _ => None,
    }
}

fn alarm(told: &Told, things: &Things) -> Option<Line> {
    let it = things.alarms.get(&told.subject)?;
    let mut changes = told.body["changes"].as_array().into_iter().flatten();
    let then = changes.rfind(|it| it["t"] == "alarm" && it["k"] == told.subject.as_str());
    let grade = then.and_then(|it| it["r"]["grade"].as_u64()).and_then(|it| u8::try_from(it).ok()).and_then(Grade::new);
    let station = things.stations.get(&it.station).cloned().unwrap_or_else(|| Text::new(&it.station, &it.station));
    let name = |station: &str, title: &str| format!("{station} · {title}");
    let what = Text::new(
        name(&station.zh, &it.title.zh),
        name(station.get(anlan_kernel::Lang::En), it.title.get(anlan_kernel::Lang::En)),
    );
    let shown = grade.filter(|_| told.event != "alarm.cleared").map(Grade::get);
    Some(Line { grade: shown, by: None, ..told.line("alarm", &what, None) })
}

/// A list for a superior: of the reader's own areas, and naming a person, so it lies wholly inside them.
fn list(told: &Told, things: &Things, scope: &Scope) -> Option<Line> {
    let it = things.lists.get(&told.subject).filter(|it| scope.covers(&it.region))?;
    let unit = things.regions.get(it.region.as_str()).cloned().unwrap_or_else(|| it.region.to_string());
    let state = if told.event == "escalation.accepted" { "handed_over" } else { "not_reached" };
    let opens = format!("/rounds/{}?state={state}&region={}", percent(&it.round), it.region);
    let line = told.line("call", &Text::new(&unit, &unit), Some(opens));
    Some(Line { by: it.accepted_by.clone(), ..line })
}

/// What another mechanism recorded: its own title where it gives one in clear.
fn other(told: &Told, process: &Process, scope: &Scope, said: (&'static str, &str, &str)) -> Option<Line> {
    let detail = &told.body["detail"];
    // A notice's key begins with the id of its process; at one time two processes may each have some.
    let elsewhere = detail["process"].as_str().is_some_and(|it| it != process.id)
        || said.0 == "notice" && !told.subject.starts_with(&format!("{}.n", process.id));
    let mine = told.region.as_ref().is_none_or(|it| it.meets(&process.region) && meets(scope, it));
    if elsewhere || !mine {
        return None;
    }
    let verb = told.event.split_once('.').map_or("", |it| it.1);
    if verb.starts_with("export") {
        return None;
    }
    // What nobody gave words to is told by its noun alone, never by a name out of the program.
    let (zh, en) = SPOKEN.iter().find(|it| it.0 == told.event).map_or(("", ""), |it| (it.1, it.2));
    let title = detail["title"].as_str().or_else(|| detail["words"].as_str()).unwrap_or_default();
    let join = |noun: &str, verb: &str, gap: &str| match title {
        "" => format!("{noun}{gap}{verb}"),
        _ => format!("{noun}{gap}{verb}：{title}"),
    };
    let gap = if en.is_empty() { "" } else { " " };
    let what = Text::new(join(said.1, zh, ""), join(said.2, en, gap));
    let opens = (said.0 == "notice").then(|| format!("/notices/{}", percent(&told.subject)));
    let line = told.line(said.0, &what, opens);
    Some(Line { version: detail["version"].as_i64(), ..line })
}

fn meets(scope: &Scope, region: &RegionCode) -> bool {
    match scope {
        Scope::Everywhere => true,
        Scope::Regions(own) => own.iter().any(|it| it.meets(region)),
    }
}

/// Ids and titles of the signals that lines tell of.
pub(crate) fn signals(lines: &[Line]) -> Vec<(String, String)> {
    let received = lines.iter().filter(|it| it.event == "signal.received");
    received.map(|it| (it.subject.clone(), it.words.zh.trim_start_matches("收到：").to_owned())).collect()
}

/// Papers of notices that wait for a signature, drafts as well as those that went out on a verbal yes; newest first.
/// That a paper was sent or made public says nothing about its signature.
pub(crate) fn unsigned(lines: &[Line]) -> Vec<&Line> {
    let deciding = |it: &&Line| WAITS.contains(&it.event.as_str()) || SETTLES.contains(&it.event.as_str());
    let paper = |it: &Line| (it.subject.clone(), it.version);
    let went_out = |of: &Line| lines.iter().any(|it| it.event == "notice.verbally_approved" && paper(it) == paper(of));
    let waits = |it: &&Line| match it.event.as_str() {
        // Who was asked to sign what went out did not agree; somebody still must.
        "notice.refused" => went_out(it),
        event => WAITS.contains(&event),
    };
    let mut seen = BTreeSet::new();
    let notices = lines.iter().filter(|it| it.kind == "notice");
    notices.filter(deciding).filter(|it| seen.insert(paper(it))).filter(waits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process() -> Process {
        Process {
            id: "wp-1".into(),
            hazard: "typhoon".into(),
            region: RegionCode::parse("440303").unwrap(),
            areas: Vec::new(),
            level: None,
            open: true,
            opened_at: Instant::from_secs(0),
            last_at: Instant::from_secs(0),
            ended_at: None,
            ended_by: None,
            stand_down_proposed: false,
            stand_down_note: None,
            revision: 0,
        }
    }

    fn told(event: &str, subject: &str, detail: Json) -> Told {
        Told {
            position: 7,
            at: Instant::from_secs(0),
            actor: "user:zhou".into(),
            event: event.into(),
            subject: subject.into(),
            region: RegionCode::parse("440303").ok(),
            body: serde_json::json!({"detail": detail}),
        }
    }

    fn line_of(event: &str, subject: &str, detail: Json) -> Option<Line> {
        line(&told(event, subject, detail), &Things::default(), &process(), &Scope::Everywhere)
    }

    #[test]
    fn an_event_of_another_mechanism_speaks_for_itself() {
        let seen = line_of("notice.drafted", "wp-1.n1", serde_json::json!({"title": "防风提示"})).unwrap();
        assert_eq!((seen.kind, seen.words.zh.as_str()), ("notice", "风险提示单起草：防风提示"));
        assert_eq!(seen.opens.as_deref(), Some("/notices/wp-1.n1"));
        let elsewhere = Scope::Regions(vec![RegionCode::parse("440304").unwrap()]);
        let told = told("notice.drafted", "wp-1.n1", Json::Null);
        assert!(line(&told, &Things::default(), &process(), &elsewhere).is_none());
    }

    #[test]
    fn a_notice_of_another_process_of_the_same_hour_is_not_told() {
        for subject in ["wp-2.n1", "wp-1-2.n1", "wp-11.n1"] {
            assert_eq!(line_of("notice.signed", subject, Json::Null), None, "{subject}");
        }
    }

    #[test]
    fn every_event_has_words_in_both_languages() {
        for (event, ..) in SPOKEN {
            let seen = line_of(event, "wp-1.n1", Json::Null).unwrap();
            assert!(seen.words.en.is_ascii(), "{event}: {}", seen.words.en);
            assert!(!seen.words.zh.chars().any(|it| it.is_ascii_alphabetic()), "{event}: {}", seen.words.zh);
        }
        let unknown = line_of("response.frobnicated", "r-1", Json::Null).unwrap();
        assert_eq!((unknown.words.zh.as_str(), unknown.words.en.as_str()), ("应急响应", "response"));
    }

    #[rstest::rstest]
    #[case::drafted(&[("drafted", 1)], 1)]
    #[case::signed(&[("drafted", 1), ("signed", 1), ("told", 1)], 0)]
    #[case::verbal(&[("drafted", 1), ("verbally_approved", 1), ("told", 1)], 1)]
    #[case::verbal_refused(&[("verbally_approved", 1), ("refused", 1)], 1)]
    #[case::verbal_signed(&[("verbally_approved", 1), ("told", 1), ("signed_afterwards", 1)], 0)]
    #[case::sent_back(&[("submitted", 1), ("refused", 1)], 0)]
    #[case::the_next_signed(&[("verbally_approved", 1), ("drafted", 2), ("signed", 2), ("told", 2)], 1)]
    fn a_paper_waits_until_it_is_signed_whatever_is_said_of_it_meanwhile(
        #[case] events: &[(&str, i64)],
        #[case] want: usize,
    ) {
        let line = |(event, version): &(&str, i64)| {
            // As the journal has it: of sending it says the paper, not the version.
            let detail = if *event == "told" { Json::Null } else { serde_json::json!({"version": version}) };
            line_of(&format!("notice.{event}"), "wp-1.n1", detail).unwrap()
        };
        let lines: Vec<_> = events.iter().rev().map(line).collect();
        assert_eq!(unsigned(&lines).len(), want);
    }
}
