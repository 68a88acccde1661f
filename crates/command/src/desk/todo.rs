//! What signals, rounds, people and channels ask of the desk.

use std::{collections::BTreeMap, time::Duration};

use anlan_kernel::{Colour, Instant, Permission as P, RegionCode, Scope, Text};
use anlan_monitor::{Alarm, Signal, store::alarm_touching};
use anlan_register::{CalleeTitle, callee_title};
use anlan_store::{OutboxItem, StoreError, Tx, params};
use anlan_warn::{
    Help, Process, Round,
    directed::is_directed,
    model::RoundState,
    notice::{OpenItem, OpenKind, open_items},
    pages::parts::hazard,
    standing::{Speaking, speaking},
};
use anlan_web::{Who, accounts::name_of, percent};

use super::AlarmSeen;
use crate::{TodoItem, todo::Urgency};

/// Grave alarms listed at once.
const ALARMS: usize = 50;
const NOT_TAKEN: &str = "taken_at IS NULL";
/// Requests for help nobody took, and those without an outcome.
pub(crate) const OPEN_HELP: &str = "ended_at IS NULL";

/// Everything the desk itself knows to be open.
pub(crate) fn todo(tx: &mut Tx<'_>, who: &Who) -> Result<Vec<TodoItem>, StoreError> {
    let mut items = help(tx, who)?;
    items.extend(signals(tx, who)?);
    items.extend(alarms(tx, who)?);
    items.extend(rounds(tx, who)?);
    items.extend(stopped(tx)?);
    items.extend(missing(tx)?);
    items.extend(lifting(tx, who)?);
    items.extend(notices(tx, who)?);
    items.extend(failed(tx, who)?);
    Ok(items)
}

fn help(tx: &mut Tx<'_>, who: &Who) -> Result<Vec<TodoItem>, StoreError> {
    let asked: Vec<Help> = tx.find(OPEN_HELP, "ORDER BY asked_at, id LIMIT 500", &[])?;
    let mut items = Vec::new();
    for it in asked {
        let known = asker(tx, &it)?;
        let (unit, name) =
            known.map_or_else(|| (it.region.to_string(), String::new()), |it| (it.organisation, it.name));
        let name = if who.may(P::SeePeople) { name } else { anlan_register::model::masked_name(&name) };
        if it.taken_at.is_some() {
            let note = taken_words(tx, &it)?;
            let writes = who.may(P::RecordAnswer);
            items.push(TodoItem {
                key: format!("taken:{}", it.id),
                urgency: Urgency::Routine,
                title: Text::new(format!("{unit}有险情、需支援：办理中"), format!("{unit}: support under way")),
                note: Text::new(format!("{name}：{}", note.zh), format!("{name}: {}", note.en)),
                due: it.taken_at,
                action: if writes { Text::new("写结果", "Write the outcome") } else { Text::new("查看", "Look") },
                href: format!("/help/{}/outcome", percent(&it.id)),
                post: false,
            });
            continue;
        }
        items.push(TodoItem {
            key: format!("help:{}", it.id),
            urgency: Urgency::Help,
            title: Text::new(format!("{unit}报“有险情、需支援”"), format!("{unit} asks for support")),
            note: Text::new(
                format!("{name} {} 按 3 键", it.asked_at.clock()),
                format!("{name} {} key 3", it.asked_at.clock()),
            ),
            due: Some(it.asked_at),
            action: Text::new("我来处理", "I take it"),
            href: format!("/help/{}/take", percent(&it.id)),
            post: true,
        });
    }
    Ok(items)
}

/// 某某 20:41 接手.
pub(crate) fn taken_words(tx: &mut Tx<'_>, help: &Help) -> Result<Text, StoreError> {
    let by = name_of(tx, help.taken_by.as_deref().unwrap_or_default())?;
    let at = help.taken_at.map(Instant::clock).unwrap_or_default();
    Ok(Text::new(format!("{by} {at} 接手"), format!("taken by {by} at {at}")))
}

/// Requests for help nobody took, and whose they are.
pub(super) fn open_help(tx: &mut Tx<'_>) -> Result<Vec<(Help, String)>, StoreError> {
    let asked: Vec<Help> = tx.find(NOT_TAKEN, "ORDER BY asked_at DESC, id LIMIT 100", &[])?;
    let mut found = Vec::new();
    for it in asked {
        let unit = asker(tx, &it)?.map_or_else(|| it.region.to_string(), |it| it.organisation);
        found.push((it, unit));
    }
    Ok(found)
}

/// Whether it is a list a superior was called about, not a call.
pub(super) fn is_list(id: &str) -> bool {
    id.contains("/up/")
}

/// Whoever asked for help, by their own call or with the list they took over, as far as it lies in the
/// reader's duty areas.
pub(crate) fn asker(tx: &mut Tx<'_>, help: &Help) -> Result<Option<CalleeTitle>, StoreError> {
    let sql = if is_list(help.call()) {
        "SELECT accepted_by FROM escalation WHERE id = $1 AND accepted_by IS NOT NULL AND {scope:region}"
    } else {
        "SELECT callee FROM call WHERE id = $1 AND {scope:region}"
    };
    let callee = tx.query(sql, params![help.call()])?.first().map(|it| it.text(0)).transpose()?;
    Ok(callee.map(|it| callee_title(tx, &it)).transpose()?.flatten())
}

/// How long a message that lifts a signal stands on the desk until it is passed on.
pub(crate) const LIFTING_SHOWN: Duration = Duration::from_secs(24 * 3_600);

/// Which signals stand on the desk: in force at `$1`, or a lifting since `$2` that was not passed on.
pub(crate) const STANDING: &str = "((state = 'in_force' AND (expires_at IS NULL OR expires_at > $1))
      OR (state = 'lifted' AND action = 'cancel' AND forwarded_at IS NULL AND received_at > $2))";

/// What stands and is not acknowledged or not passed on, in the reader's duty areas.
fn unhandled(tx: &mut Tx<'_>, now: Instant) -> Result<Vec<Signal>, StoreError> {
    let holds = format!("{STANDING} AND (acknowledged_at IS NULL OR forwarded_at IS NULL)");
    tx.find(&holds, "ORDER BY received_at, id LIMIT 50", params![now, now.minus(LIFTING_SHOWN)])
}

fn signals(tx: &mut Tx<'_>, who: &Who) -> Result<Vec<TodoItem>, StoreError> {
    if !who.may(P::HandleSignal) {
        return Ok(Vec::new());
    }
    let now = tx.now();
    let item = |it: Signal| {
        let seen = it.acknowledged_at.is_some();
        let red = it.colour == Some(Colour::Red);
        let (verb, zh, en) =
            if seen { ("forward", "转发原文", "Forward") } else { ("acknowledge", "签收", "Acknowledge") };
        let at = it.issued_at.unwrap_or(it.received_at);
        TodoItem {
            key: format!("signal:{}:{verb}", it.id),
            urgency: match (seen, red) {
                (false, true) => Urgency::RedSignal,
                (false, false) => Urgency::Signal,
                (true, _) => Urgency::Forward,
            },
            title: Text::new(format!("{zh}：{}", it.title), format!("{en}: {}", it.title)),
            note: Text::new(format!("{} {} 发出", it.issuer, at.clock()), format!("{} {}", it.issuer, at.clock())),
            due: Some(it.received_at),
            action: Text::new(zh, en),
            href: format!("/signals/{}/{verb}", percent(&it.id)),
            post: true,
        }
    };
    Ok(unhandled(tx, now)?.into_iter().map(item).collect())
}

/// Grave alarms nobody took note of; they ring until somebody does.
fn alarms(tx: &mut Tx<'_>, who: &Who) -> Result<Vec<TodoItem>, StoreError> {
    if !who.may(P::HandleSignal) {
        return Ok(Vec::new());
    }
    let mut items = Vec::new();
    for it in ringing_alarms(tx, &who.actor.scope)?.into_iter().take(ALARMS) {
        let (station, numeral) = (station_name(tx, &it)?, it.grade.numeral());
        items.push(TodoItem {
            key: format!("alarm:{}", it.id),
            urgency: Urgency::Signal,
            title: Text::new(format!("知悉告警：{station} 监测{numeral}级"), format!("Alarm: {station} {numeral}")),
            note: Text::new(
                format!("{} {} 起", it.title.zh, it.raised_at.clock()),
                format!("{} since {}", it.title.en, it.raised_at.clock()),
            ),
            due: Some(it.raised_at),
            action: Text::new("知悉", "Noted"),
            href: format!("/alarms/{}/seen", percent(&it.id)),
            post: true,
        });
    }
    Ok(items)
}

/// Alarms that ring here, gravest first: grave, of a station that speaks for somewhere, and nobody took note of that
/// grade.
pub(super) fn ringing_alarms(tx: &mut Tx<'_>, scope: &Scope) -> Result<Vec<Alarm>, StoreError> {
    let grave = "state = 'open' AND grade <= 2 AND areas <> '[]'";
    let mut found = alarm_touching(tx, scope, grave, "ORDER BY grade, raised_at, id", &[])?;
    let sql = "SELECT a.id, s.region FROM alarm_seen s
                 JOIN alarm a ON s.id = a.id || '@' || CAST(a.grade AS TEXT) || '@' || s.region
                WHERE a.state = 'open'";
    let mut seen: BTreeMap<String, Vec<RegionCode>> = BTreeMap::new();
    for row in tx.query_everywhere(sql, &[])? {
        seen.entry(row.text(0)?).or_default().extend(RegionCode::parse(&row.text(1)?).ok());
    }
    found.retain(|it| !seen.get(&it.id).is_some_and(|at| at.iter().any(|at| AlarmSeen::is_for(at, scope, it))));
    Ok(found)
}

/// The station's own name.
pub(crate) fn station_name(tx: &mut Tx<'_>, alarm: &Alarm) -> Result<String, StoreError> {
    // Many of them stand outside the district they speak for.
    let rows = tx.query_everywhere("SELECT name FROM station WHERE id = $1", params![&alarm.station])?;
    let name = rows.first().map(|it| it.text(0)).transpose()?;
    let name = name.and_then(|it| serde_json::from_str::<Text>(&it).ok());
    Ok(name.map_or_else(|| alarm.station.clone(), |it| it.zh))
}

fn rounds(tx: &mut Tx<'_>, who: &Who) -> Result<Vec<TodoItem>, StoreError> {
    let pending: Vec<Round> = tx.find("state = 'pending'", "ORDER BY start_at, id LIMIT 20", &[])?;
    let may = who.may(P::RunRound);
    let item = |it: Round| TodoItem {
        key: format!("round:{}", it.id),
        urgency: Urgency::Round,
        title: Text::new(
            format!("叫应级别 {} 待开始", it.level),
            format!("Call-out level {} about to start", it.level),
        ),
        note: Text::new(
            format!("{} 自动开始 · {}", it.start_at.clock(), it.cause),
            format!("starts at {} · {}", it.start_at.clock(), it.cause),
        ),
        due: Some(it.start_at),
        action: if may { Text::new("立即开始", "Start now") } else { Text::new("查看", "Look") },
        href: format!("/rounds/{}{}", percent(&it.id), if may { "/start" } else { "" }),
        post: may,
    };
    Ok(pending.into_iter().map(item).collect())
}

/// Processes that go on and whose last round an officer stopped: nobody is being called there.
fn stopped(tx: &mut Tx<'_>) -> Result<Vec<TodoItem>, StoreError> {
    let mut found = Vec::new();
    for process in tx.find::<Process>("open = 1", "ORDER BY id", &[])? {
        let mut rounds =
            tx.find::<Round>("process = $1 AND state <> 'absorbed'", "ORDER BY id", params![&process.id])?;
        // Whoever stopped the call of a list left nobody's area without one.
        rounds.retain(|it| !it.is_directed());
        // One that is still to be over is later than all that are.
        let last = rounds.into_iter().max_by_key(|it| it.ended_at.unwrap_or(anlan_kernel::MAX_INSTANT));
        let Some(round) = last.filter(|it| it.state == RoundState::Stopped) else { continue };
        let at = round.ended_at.unwrap_or(round.start_at).clock();
        let by = round.decided_by.as_deref().map(|it| name_of(tx, it)).transpose()?.unwrap_or_default();
        let why = round.stop_reason.unwrap_or_default();
        found.push(TodoItem {
            key: format!("stopped:{}", round.id),
            urgency: Urgency::Round,
            title: Text::new(
                format!("叫应级别 {} 已停止，没有人在叫", round.level),
                format!("Call-out level {} was stopped, nobody is being called", round.level),
            ),
            note: Text::new(format!("{at} {by}：{why}"), format!("{at} {by}: {why}")),
            due: round.ended_at,
            action: Text::new("看本轮", "Open the round"),
            href: format!("/rounds/{}", percent(&round.id)),
            post: false,
        });
    }
    Ok(found)
}

/// Rounds that speak now, with people somebody has to look for (要找的人).
fn missing(tx: &mut Tx<'_>) -> Result<Vec<TodoItem>, StoreError> {
    let item = |it: Speaking| {
        let count = it.counts.missing();
        TodoItem {
            key: format!("silent:{}", it.id),
            urgency: Urgency::Silent,
            title: Text::new(format!("要找的人：{count}"), format!("{count} to be looked for")),
            note: match is_directed(&it.id) {
                true => Text::new(format!("定向叫应：{}", it.cause), format!("directed call-out: {}", it.cause)),
                false => Text::new(
                    format!("叫应级别 {}，转街道值班室或上门", it.level),
                    format!("call-out level {}", it.level),
                ),
            },
            due: it.since,
            action: Text::new("看名单拨打", "Open the list"),
            href: it.list("not_reached,escalated,no_contact"),
            post: false,
        }
    };
    Ok(speaking(tx)?.into_iter().filter(|it| it.counts.missing() > 0).map(item).collect())
}

/// A fall proposed that a call-out be lifted.
fn lifting(tx: &mut Tx<'_>, who: &Who) -> Result<Vec<TodoItem>, StoreError> {
    let open: Vec<Process> = tx.find("open = 1 AND stand_down_proposed = 1", "ORDER BY id LIMIT 20", &[])?;
    if !who.may(P::RunRound) {
        return Ok(Vec::new());
    }
    let item = |it: Process| {
        let (zh, en) = (hazard(&it.hazard, anlan_kernel::Lang::Zh), hazard(&it.hazard, anlan_kernel::Lang::En));
        TodoItem {
            key: format!("lift:{}", it.id),
            urgency: Urgency::Overdue,
            title: Text::new(format!("{zh}：是否解除叫应"), format!("{en}: stand down?")),
            note: Text::new("信号已降级或解除，未签不解除", "the signal fell; nothing is lifted without a signature"),
            due: Some(it.last_at),
            action: Text::new("去决定", "Decide"),
            href: format!("/processes/{}", percent(&it.id)),
            post: false,
        }
    };
    Ok(open.into_iter().map(item).collect())
}

/// Notices that wait for whoever reads: for a signature, to be mended, to be lifted.
fn notices(tx: &mut Tx<'_>, who: &Who) -> Result<Vec<TodoItem>, StoreError> {
    let mine = |kind: OpenKind| match kind {
        OpenKind::ToSign => who.may(P::SignNotice),
        // Whoever recorded the yes sees to it that it is signed.
        OpenKind::Unsigned => who.may(P::SignNotice) || who.may(P::DraftNotice),
        OpenKind::SentBack | OpenKind::ToLift => who.may(P::DraftNotice),
    };
    let item = |it: OpenItem| {
        let (zh, en) = it.kind.words();
        let (action_zh, action_en) = match it.kind {
            OpenKind::ToSign => ("看稿签发", "Read and sign"),
            OpenKind::Unsigned => ("补签", "Sign"),
            OpenKind::SentBack => ("改稿", "Mend"),
            OpenKind::ToLift => ("去解除", "Lift"),
        };
        TodoItem {
            key: format!("notice:{}:{}", it.notice, it.version),
            urgency: match (it.kind, it.overdue) {
                (_, true) => Urgency::Overdue,
                (OpenKind::ToSign, _) => Urgency::Decision,
                _ => Urgency::Routine,
            },
            title: Text::new(format!("{zh}：{}", it.title), format!("{en}: {}", it.title)),
            note: Text::new(
                format!("{} {} 起", it.number.as_deref().unwrap_or("未编号"), it.since.clock()),
                format!("{} since {}", it.number.as_deref().unwrap_or("no number yet"), it.since.clock()),
            ),
            due: it.due.or(Some(it.since)),
            action: Text::new(action_zh, action_en),
            href: format!("/notices/{}", percent(&it.notice)),
            post: false,
        }
    };
    Ok(open_items(tx)?.into_iter().filter(|it| mine(it.kind)).map(item).collect())
}

fn failed(tx: &mut Tx<'_>, who: &Who) -> Result<Vec<TodoItem>, StoreError> {
    let runs = who.may(P::RunChannels);
    if !runs && !who.may(P::HandleSignal) {
        return Ok(Vec::new());
    }
    let count = tx.count::<OutboxItem>("state = 'failed'", &[])?;
    Ok((count > 0)
        .then(|| TodoItem {
            key: "sendings".into(),
            urgency: Urgency::Routine,
            title: Text::new(format!("{count} 条发送失败"), format!("{count} failed sendings")),
            note: Text::new(
                "通道管理员可重发；先改用别的办法",
                "whoever runs the channels can send again; use another way",
            ),
            due: None,
            action: Text::new("查看", "Look"),
            href: if runs { "/channels" } else { "/processes" }.into(),
            post: false,
        })
        .into_iter()
        .collect())
}
