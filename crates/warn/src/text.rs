//! The words of calls and messages. Made when they are sent, stored nowhere.

use anlan_register::{callee_title, number_of};
use anlan_store::{OutboxItem, StoreError, Tx, WorldKind, params};
use serde_json::Value as Json;

use crate::{
    Warn,
    answer::token,
    model::{Call, Escalation, Round},
};

/// Names read out on a superior's list before "and others".
const NAMES: usize = 8;

/// A message ready to go: the number in clear lives only in memory.
pub(crate) struct Ready {
    pub to: String,
    pub text: String,
}

/// The number and the words of an outbox item; `None` when there is nobody to send it to any more.
pub(crate) fn ready(warn: &Warn, tx: &mut Tx<'_>, item: &OutboxItem) -> Result<Option<Ready>, StoreError> {
    let Some(callee) = item.payload["callee"].as_str() else { return Ok(None) };
    let index = item.payload["number"].as_u64().and_then(|it| usize::try_from(it).ok()).unwrap_or(0);
    let number = match number_of(tx, callee, index)? {
        Some(number) => Some(number),
        None => number_of(tx, callee, 0)?,
    };
    let Some(to) = number else { return Ok(None) };
    let words = match item.payload["template"].as_str() {
        Some("call") => call_words(warn, tx, item)?,
        Some("escalation") => escalation_words(warn, tx, item)?,
        _ => inform_words(tx, item)?,
    };
    let text = words.map(|it| format!("【{}】{}{it}{}", warn.config.speaker, prefix(warn), suffix(warn)));
    Ok(text.map(|text| Ready { to, text }))
}

fn prefix(warn: &Warn) -> &'static str {
    match warn.world().kind() {
        WorldKind::Real => "",
        WorldKind::Exercise => "【演练】",
        WorldKind::Replay => "【回放演示】",
    }
}

fn suffix(warn: &Warn) -> &'static str {
    prefix(warn)
}

fn call_words(warn: &Warn, tx: &mut Tx<'_>, item: &OutboxItem) -> Result<Option<String>, StoreError> {
    let Some(call) = tx.get::<Call>(&item.subject)? else { return Ok(None) };
    let Some(round) = tx.get::<Round>(&call.round)? else { return Ok(None) };
    let duties = duty_words(&call.duties);
    let invented = if round.invented { "（演示编造）" } else { "" };
    let what = format!("{}{invented}。您负责：{duties}。请立即到岗。", round.cause);
    Ok(Some(if item.kind == "sms" {
        let link = format!("{}/a/{}", warn.config.link_base, token(warn, &call.id));
        format!("{what}收到并已到岗回复1，不能到岗回复2，有险情需支援回复3，或点 {link}")
    } else {
        format!("{what}收到、已到岗请按1；收到、不能到岗请按2；有险情、需支援请按3。")
    }))
}

pub(crate) fn duty_words(duties: &Json) -> String {
    let words: Vec<_> = duties
        .as_array()
        .into_iter()
        .flatten()
        .map(|it| {
            let part = |name: &str| it[name].as_str().unwrap_or_default().to_owned();
            format!("{}{}", part("region_name"), part("duty"))
        })
        .collect();
    words.join("、")
}

fn escalation_words(warn: &Warn, tx: &mut Tx<'_>, item: &OutboxItem) -> Result<Option<String>, StoreError> {
    let Some(escalation) = tx.get::<Escalation>(&item.subject)? else { return Ok(None) };
    let silent: Vec<Call> = tx.find("escalation = $1 AND open = 1", "ORDER BY id", params![&escalation.id])?;
    let mut names = Vec::new();
    for call in silent.iter().take(NAMES) {
        if let Some(title) = callee_title(tx, &call.callee)? {
            names.push(title.name);
        }
    }
    let more = if silent.len() > NAMES { "等" } else { "" };
    let unit = tx.get::<anlan_register::Region>(escalation.region.as_str())?;
    let unit = unit.map_or_else(|| escalation.region.to_string(), |it| it.name);
    let link = format!("{}/a/{}", warn.config.link_base, token(warn, &escalation.id));
    let end = if item.kind == "sms" { format!("名单：{link}") } else { String::new() };
    Ok(Some(format!(
        "{unit}有{}人未叫通：{}{more}。由您接手请按1，不能接手请按2，有险情需支援请按3。{end}",
        silent.len(),
        names.join("、"),
    )))
}

fn inform_words(tx: &mut Tx<'_>, item: &OutboxItem) -> Result<Option<String>, StoreError> {
    let title = item.payload["title"].as_str().unwrap_or_default();
    Ok(match item.payload["template"].as_str() {
        Some("stand_down") => Some("本次叫应解除，请按预案继续做好防范。此信息无须回复。".to_owned()),
        // The original text, unchanged, under the issuer's name.
        Some("relay") => {
            let signal = tx.get::<anlan_monitor::Signal>(&item.subject)?;
            signal.map(|it| format!("转发{}：{}", it.issuer, it.text))
        }
        _ => Some(format!("{title}。响应和管控措施未自动解除，等候通知。此信息无须回复。")),
    })
}
