//! What is open at this moment: everything the next officer must know.

use anlan_kernel::Scope;
use anlan_monitor::{Signal, store::alarm_open};
use anlan_register::callee_title;
use anlan_store::{OutboxItem, StoreError, Tx, params};
use anlan_warn::{Help, Round, notice, standing::speaking};
use anlan_web::Who;

use super::OpenItem;
use crate::{
    desk::{LIFTING_SHOWN, OPEN_HELP, STANDING, asker, station_name, taken_words},
    forward::Forward,
    note::Note,
    response::{Response, Step, StepState},
};

/// Names listed of those who are missing somewhere.
const NAMES: usize = 40;

fn item(key: String, kind: &str, words: String) -> OpenItem {
    OpenItem { key, kind: kind.to_owned(), words, remark: String::new() }
}

/// Signals, forwards, rounds, help, alarms, responses, signatures, notices, notes, channels; in this order.
pub(super) fn items(tx: &mut Tx<'_>, who: &Who) -> Result<Vec<OpenItem>, StoreError> {
    let mut found = signals(tx)?;
    found.extend(forwards(tx)?);
    found.extend(calls(tx)?);
    found.extend(alarms(tx, &who.actor.scope)?);
    found.extend(responses(tx)?);
    found.extend(papers(tx)?);
    found.extend(notes(tx, who)?);
    let failed = tx.count::<OutboxItem>("state = 'failed'", &[])?;
    if failed > 0 {
        found.push(item("channel".into(), "通道", format!("{failed} 条发送失败")));
    }
    Ok(found)
}

fn signals(tx: &mut Tx<'_>) -> Result<Vec<OpenItem>, StoreError> {
    let now = tx.now();
    let signals: Vec<Signal> = tx.find(STANDING, "ORDER BY received_at, id", params![now, now.minus(LIFTING_SHOWN)])?;
    let words = |it: &Signal| match (it.acknowledged_at, it.forwarded_at) {
        (None, _) => "未签收",
        (_, None) => "未转发",
        _ => "生效中",
    };
    Ok(signals
        .iter()
        .map(|it| item(format!("signal:{}", it.id), "信号", format!("{}（{}）", it.title, words(it))))
        .collect())
}

fn forwards(tx: &mut Tx<'_>) -> Result<Vec<OpenItem>, StoreError> {
    let missing: Vec<Forward> = tx.find("receipt_at IS NULL", "ORDER BY signal, region, callee", &[])?;
    let mut found = Vec::new();
    for of in missing.chunk_by(|a, b| a.signal == b.signal) {
        let Some(signal) = tx.get::<Signal>(&of[0].signal)? else { continue };
        if signal.state != anlan_monitor::SignalState::InForce {
            continue;
        }
        let mut names = Vec::new();
        for it in of.iter().take(NAMES) {
            names.extend(callee_title(tx, &it.callee)?.map(|it| it.name));
        }
        let more = if of.len() > NAMES { "等" } else { "" };
        let words = format!("{}：{} 个单位未签收（{}{more}）", signal.title, of.len(), names.join("、"));
        found.push(item(format!("forward:{}", signal.id), "转发", words));
    }
    Ok(found)
}

fn calls(tx: &mut Tx<'_>) -> Result<Vec<OpenItem>, StoreError> {
    let mut found = Vec::new();
    let pending: Vec<Round> = tx.find("state = 'pending'", "ORDER BY start_at, id", &[])?;
    for it in pending {
        let words = format!("级别 {} · {}：{} 自动开始", it.level, it.cause, it.start_at.clock());
        found.push(item(format!("round:{}", it.id), "叫应", words));
    }
    for it in speaking(tx)? {
        let (open, missing) = (it.counts.open - it.counts.escalated, it.counts.missing());
        if open + missing > 0 {
            let words = format!("级别 {} · {}：未有结果 {open} 人，要找的人 {missing} 人", it.level, it.cause);
            found.push(item(format!("round:{}", it.id), "叫应", words));
        }
    }
    let open: Vec<Help> = tx.find(OPEN_HELP, "ORDER BY asked_at, id", &[])?;
    let (taken, asked): (Vec<Help>, Vec<Help>) = open.into_iter().partition(|it| it.taken_at.is_some());
    if let Some(first) = asked.first() {
        let mut units = Vec::new();
        for it in asked.iter().take(NAMES) {
            units.extend(asker(tx, it)?.map(|it| it.organisation));
        }
        let more = if asked.len() > NAMES { "等" } else { "" };
        let (count, at) = (asked.len(), first.asked_at.clock());
        let words = format!("{count} 人报有险情、需支援，未接手，最早 {at}（{}{more}）", units.join("、"));
        found.push(item("help".into(), "求助", words));
    }
    for it in taken {
        let unit = asker(tx, &it)?.map_or_else(|| it.region.to_string(), |it| it.organisation);
        let words = format!("{unit}报有险情、需支援，{}，未写结果", taken_words(tx, &it)?.zh);
        found.push(item(format!("help:{}", it.id), "求助", words));
    }
    Ok(found)
}

fn papers(tx: &mut Tx<'_>) -> Result<Vec<OpenItem>, StoreError> {
    let words = |it: &notice::OpenItem| format!("{}（{}）", it.title, it.kind.words().0);
    let key = |it: &notice::OpenItem| format!("notice:{}:{}", it.notice, it.version);
    Ok(notice::open_items(tx)?.iter().map(|it| item(key(it), "提示单", words(it))).collect())
}

fn alarms(tx: &mut Tx<'_>, scope: &Scope) -> Result<Vec<OpenItem>, StoreError> {
    let mut found = Vec::new();
    for it in alarm_open(tx, scope)?.iter().filter(|it| !it.areas.is_empty()) {
        let station = station_name(tx, it)?;
        let words = format!("{station} {}，监测{}级，{} 起", it.title.zh, it.grade.numeral(), it.raised_at.clock());
        found.push(item(format!("alarm:{}", it.id), "实况", words));
    }
    Ok(found)
}

fn responses(tx: &mut Tx<'_>) -> Result<Vec<OpenItem>, StoreError> {
    let mut found = Vec::new();
    for it in tx.find::<Response>("open = 1", "ORDER BY id", &[])? {
        found.push(item(format!("response:{}", it.id), "响应", it.words(anlan_kernel::Lang::Zh)));
    }
    let open = "state = 'open' OR (verbal = 1 AND signed_at IS NULL)";
    for it in tx.find::<Step>(open, "ORDER BY proposed_at, id", &[])? {
        let words = match it.state {
            StepState::Open => format!("{}，待签批", it.words().zh),
            _ if it.sign_due_at.is_some_and(|due| due <= tx.now()) => format!("{}，补签超时", it.decision_words().zh),
            _ => format!("{}，待补签", it.decision_words().zh),
        };
        found.push(item(format!("step:{}", it.id), "签批", words));
    }
    Ok(found)
}

fn notes(tx: &mut Tx<'_>, who: &Who) -> Result<Vec<OpenItem>, StoreError> {
    let open: Vec<Note> = tx.find("follow_up = 1 AND done_at IS NULL", "ORDER BY at, id", &[])?;
    let named = who.may(anlan_kernel::Permission::SeePeople);
    Ok(open
        .into_iter()
        .map(|it| {
            let said = it.words.filter(|_| named).unwrap_or_default();
            let caller = it.caller.filter(|_| named).unwrap_or_default();
            item(format!("note:{}", it.id), "电话", format!("{} {caller} {said}", it.at.clock()))
        })
        .collect())
}
