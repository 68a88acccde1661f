//! 尽职证据包: what one person received in a process, when, what they did and whom they told, each with the
//! journal entry that proves it. It says what happened and judges nobody.

use std::collections::BTreeMap;

use anlan_kernel::{Actor, Instant, Lang, Text};
use anlan_register::{callee_title, model::masked_name};
use anlan_store::{OutboxItem, Row, StoreError, Tx, Value, World, hex, journal::Head, params};
use serde::Serialize;

use super::instead;
use crate::{
    answer::said_by,
    api::person_of,
    call::help_of,
    inform::message_key,
    model::{Call, CallState, Escalation, Help, Receipt, Round},
    notice::model::Paper,
    pages::parts,
    service::everywhere,
    transfer::{self, Numbers},
};
use anlan_web::accounts::name_of;

/// Part of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    /// 我收到的.
    Received,
    /// 我做的.
    Did,
    /// 我告知的.
    Told,
}

/// One thing that happened, and where it stands in the journal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Item {
    pub part: Part,
    pub at: Instant,
    pub words: Text,
    pub proof: Option<Proof>,
}

/// A journal entry: position, event, hash.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Proof {
    pub position: i64,
    pub event: String,
    pub hash: String,
}

/// The document.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Evidence {
    pub process: String,
    pub title: Text,
    /// `person:…`, `room:…` or `user:…`.
    pub person: String,
    pub name: String,
    pub unit: String,
    /// 数据截至.
    pub at: Instant,
    pub items: Vec<Item>,
    /// The signed end of the chain that covers every entry named here.
    pub head: Option<Head>,
}

/// Moves of a call that somebody else made, and are told with their name.
const NAMED: [&str; 3] = ["call.recorded_by_colleague", "call.reached_on_site", "call.handed_over"];

/// Something that happened whose journal entry is still to be found: its events, moment, and key in the body.
struct Wanted {
    item: Item,
    events: &'static [&'static str],
    key: String,
    at: Instant,
}

/// Everything of a callee in the reader's duty areas, with an account or without; `None` where they were neither
/// called nor written to there and no post of theirs lies there.
pub(crate) async fn of_callee(
    world: &World,
    actor: &Actor,
    process: &str,
    rounds: &[Round],
    signals: &[(String, String)],
    callee: &str,
) -> Result<Option<Vec<Item>>, StoreError> {
    let (ids, callee_id) = (rounds.iter().map(|it| it.id.clone()).collect::<Vec<_>>(), callee.to_owned());
    let calls = world
        .read(actor, move |tx| {
            let mut calls = Vec::new();
            for round in &ids {
                calls.extend(tx.get::<Call>(&format!("{round}/{callee_id}"))?);
            }
            Ok(calls)
        })
        .await?;
    if calls.is_empty() {
        let (process, signals, callee) = (process.to_owned(), signals.to_vec(), callee.to_owned());
        let told = move |tx: &mut Tx<'_>| {
            let mut wanted = Vec::new();
            messages(tx, &process, &signals, &callee, &mut wanted)?;
            Ok(!wanted.is_empty() || callee_title(tx, &callee)?.is_some())
        };
        if !world.read(actor, told).await? {
            return Ok(None);
        }
    }
    let rounds: BTreeMap<_, _> = rounds.iter().map(|it| (it.id.clone(), it.clone())).collect();
    let (process, signals, callee) = (process.to_owned(), signals.to_vec(), callee.to_owned());
    // What follows from a call the reader may see goes beyond their area: lists, messages, deputies.
    let items = world
        .read(&everywhere(actor), move |tx| {
            let (mut items, mut wanted) = (Vec::new(), Vec::new());
            for call in &calls {
                let Some(round) = rounds.get(&call.round) else { continue };
                of_call(tx, call, round, &mut items, &mut wanted)?;
            }
            messages(tx, &process, &signals, &callee, &mut wanted)?;
            acknowledged(tx, &signals, &callee, &mut items)?;
            reported(tx, &process, &calls, &callee, &mut items)?;
            lists(tx, rounds.keys(), &callee, &mut items, &mut wanted)?;
            items.extend(prove(tx, &process, wanted)?);
            items.sort_by(|a, b| (a.at, a.part, &a.words.zh).cmp(&(b.at, b.part, &b.words.zh)));
            Ok(items)
        })
        .await?;
    Ok(Some(items))
}

fn of_call(
    tx: &mut Tx<'_>,
    call: &Call,
    round: &Round,
    items: &mut Vec<Item>,
    wanted: &mut Vec<Wanted>,
) -> Result<(), StoreError> {
    let level = round.level;
    wanted.push(Wanted {
        item: Item {
            part: Part::Received,
            at: call.opened_at,
            words: Text::new(
                format!("列入叫应级别 {level} 一轮的叫应名单：{}", round.cause),
                format!("put on the list of the level {level} round: {}", round.cause),
            ),
            proof: None,
        },
        events: &["round.opened_calls", "call.answered", "call.answered_late"],
        key: call.id.clone(),
        at: call.opened_at,
    });
    // Attempts of the call: "$" follows "#".
    let range = params![format!("{}#", call.id), format!("{}$", call.id)];
    let attempts: Vec<OutboxItem> = tx.find("id >= $1 AND id < $2", "ORDER BY due_at, id", range)?;
    for it in attempts {
        let Some(at) = it.sent_at else { continue };
        let number = it.payload["attempt"].as_i64().unwrap_or(0);
        let (zh, en) = if it.kind == "sms" { ("短信", "message") } else { ("语音电话", "voice call") };
        let words =
            Text::new(format!("第 {number} 次：{zh}已交通道"), format!("attempt {number}: {en} handed to the gateway"));
        let item = Item { part: Part::Received, at, words, proof: None };
        wanted.push(Wanted { item, events: &["outbox.settled", "outbox.sending"], key: it.id, at });
    }
    let range = params![format!("{}#", call.id), format!("{}$", call.id)];
    let receipts: Vec<Receipt> = tx.find("attempt >= $1 AND attempt < $2", "ORDER BY at, id", range)?;
    for it in receipts {
        let Some(words) = receipt_words(&it) else { continue };
        let item = Item { part: Part::Received, at: it.at, words, proof: None };
        wanted.push(Wanted { item, events: &["receipts.taken"], key: it.id, at: it.received_at });
    }
    items.extend(instead::of_call(tx, call)?);
    moves(tx, call, items)
}

fn receipt_words(receipt: &Receipt) -> Option<Text> {
    let attempt = receipt.attempt.rsplit('#').next().unwrap_or_default();
    let known = ["ringing", "answered", "heard_in_full", "hung_up", "delivered", "failed"];
    let event = known.into_iter().find(|it| *it == receipt.event)?;
    let (zh, en) = (parts::receipt(event, Lang::Zh), parts::receipt(event, Lang::En));
    let reason = receipt.detail.as_ref().and_then(|it| it["reason"].as_str()).map(reason_words);
    let with = |words: &str, reason: Option<&str>| match reason {
        Some(reason) => format!("第 {attempt} 次：{words}（{reason}）"),
        None => format!("第 {attempt} 次：{words}"),
    };
    let english = reason.as_ref().map_or_else(String::new, |it| format!(" ({})", it.en));
    Some(Text::new(with(zh, reason.as_ref().map(|it| it.zh.as_str())), format!("attempt {attempt}: {en}{english}")))
}

/// What the network said, in words.
pub(crate) fn reason_words(reason: &str) -> Text {
    const REASONS: [(&str, &str, &str); 7] = [
        ("busy", "忙线", "busy"),
        ("no_answer", "无人接听", "no answer"),
        ("power_off", "关机或不在服务区", "switched off or out of reach"),
        ("empty_number", "空号", "number does not exist"),
        ("rejected", "拒接", "rejected"),
        ("no_line", "线路占满", "no line free"),
        ("undelivered", "短信未送达", "message not delivered"),
    ];
    let known = REASONS.iter().find(|it| it.0 == reason);
    known.map_or_else(|| Text::new(reason, reason), |it| Text::new(it.1, it.2))
}

/// The call's own entries: answers are the callee's, what others recorded is said as theirs.
fn moves(tx: &mut Tx<'_>, call: &Call, items: &mut Vec<Item>) -> Result<(), StoreError> {
    let sql = "SELECT position, at, event, body, hash FROM journal
                WHERE subject = $1 AND position IS NOT NULL AND {scope:region} ORDER BY position";
    for row in tx.query(sql, params![&call.id])? {
        let (event, body): (_, serde_json::Value) = (row.text(2)?, serde_json::from_str(&row.text(3)?)?);
        let said = said_by(&event, &body["detail"]);
        let Some((part, mut words)) = move_words(&event, said, call) else { continue };
        if let Some(by) = body["detail"]["by"].as_str().filter(|_| NAMED.contains(&event.as_str())) {
            let name = person_of(tx, by, false)?;
            words = Text::new(format!("{}：{name}", words.zh), format!("{}: {name}", words.en));
        }
        let proof = Some(Proof { position: row.int(0)?, event, hash: hex(&row.blob(4)?) });
        let at = row.instant(1)?;
        items.push(Item { part, at, words, proof: proof.clone() });
        if said == Some(2) && !call.deputies.is_empty() {
            let mut names = Vec::new();
            for deputy in &call.deputies {
                names.extend(callee_title(tx, deputy)?.map(|it| masked_name(&it.name)));
            }
            let words = Text::new(
                format!("不能到岗的答复使副岗被立即呼叫：{}", names.join("、")),
                format!("the answer had the deputies called at once: {}", names.join(", ")),
            );
            items.push(Item { part: Part::Told, at, words, proof: proof.clone() });
        }
        if said == Some(3) {
            let words = Text::new("险情告知值班台", "danger told to the desk");
            items.push(Item { part: Part::Told, at, words, proof });
        }
    }
    for it in help_of(tx, &call.id)? {
        let Help { taken_at: Some(at), taken_by: Some(by), .. } = it else { continue };
        let by = name_of(tx, &by)?;
        let words =
            Text::new(format!("求助由值班台接手（{by}）"), format!("the desk took the request for help ({by})"));
        items.push(Item { part: Part::Received, at, words, proof: None });
    }
    Ok(())
}

fn move_words(event: &str, said: Option<u8>, call: &Call) -> Option<(Part, Text)> {
    let via = |via: Option<&str>| match via {
        Some("voice") => ("电话按键", "by key"),
        Some("sms") => ("短信回复", "by message"),
        Some("page") => ("答复链接", "by the answer link"),
        Some("desk") => ("电话告知值班台", "by telephone to the desk"),
        _ => ("", ""),
    };
    let (zh, en) = match said {
        Some(1) => ("收到、已到岗", "arrived"),
        Some(2) => ("收到、不能到岗", "cannot come"),
        Some(3) => ("有险情、需支援", "danger, support needed"),
        _ => ("", ""),
    };
    let way = via(call.via.as_deref());
    Some(match event {
        "call.answered" => {
            (Part::Did, Text::new(format!("答复“{zh}”（{}）", way.0), format!("answered “{en}” {}", way.1)))
        }
        "call.answered_late" => {
            (Part::Did, Text::new(format!("结束后补充答复“{zh}”"), format!("answered “{en}” after the end")))
        }
        "call.answered_again" => {
            (Part::Did, Text::new(format!("改口答复“{zh}”"), format!("changed the answer to “{en}”")))
        }
        "call.asked_help_again" => (Part::Did, Text::new("再次求助", "asked for help again")),
        "call.heard_in_full" => (Part::Did, Text::new("听完叫应全文", "heard the call in full")),
        "call.recorded_by_colleague" => (Part::Did, Text::new("由同事代为登记收到", "recorded by a colleague")),
        "call.reached_on_site" => (Part::Received, Text::new("上门告知", "told on site")),
        "call.handed_over" => (Part::Received, Text::new("由上一级接手", "taken over one level up")),
        "call.not_reached" => (Part::Received, Text::new("各次呼叫均未接通", "no attempt came through")),
        "call.cancelled" if call.state == CallState::Cancelled => {
            (Part::Received, Text::new("本次叫应并入更高一轮或停止", "absorbed by a graver round, or stopped"))
        }
        _ => return None,
    })
}

/// Originals relayed, as often as they were, falls, risk notices, the end: messages that ask for no key.
fn messages(
    tx: &mut Tx<'_>,
    process: &str,
    signals: &[(String, String)],
    callee: &str,
    wanted: &mut Vec<Wanted>,
) -> Result<(), StoreError> {
    let mut sent: Vec<(OutboxItem, String, String)> = Vec::new();
    for (id, title) in signals {
        // Every time it was relayed: "$" follows "#".
        let (from, until) = (format!("relay:{id}/{callee}#"), format!("relay:{id}/{callee}$"));
        for it in tx.find::<OutboxItem>("id >= $1 AND id < $2", "ORDER BY id", params![from, until])? {
            let again = it.payload["attempt"].as_i64().unwrap_or(1) > 1;
            let (zh, en) = if again { ("催收：", "once more: ") } else { ("", "") };
            sent.push((it, format!("{zh}转发的信号原文：{title}"), format!("{en}signal relayed: {title}")));
        }
        if let Some(it) = tx.get::<OutboxItem>(&message_key("inform", id, callee, 1))? {
            sent.push((it, format!("信号降级或解除的告知：{title}"), format!("told of a fall: {title}")));
        }
    }
    let papers = "issued_at IS NOT NULL AND id >= $1 AND id < $2";
    // "o" follows "n": papers of the notices of this process and of no other of the day.
    for it in tx.find::<Paper>(papers, "ORDER BY id", params![format!("{process}.n"), format!("{process}.o")])? {
        let (number, title) = (it.number.unwrap_or_default(), it.content.title);
        if let Some(item) = tx.get::<OutboxItem>(&message_key("notice", &it.id, callee, 1))? {
            sent.push((item, format!("风险提示单 {number}：{title}"), format!("risk notice {number}: {title}")));
        }
    }
    if let Some(it) = tx.get::<OutboxItem>(&message_key("stand_down", process, callee, 1))? {
        sent.push((it, "解除叫应的告知".to_owned(), "told of the stand-down".to_owned()));
    }
    for (it, zh, en) in sent {
        let Some(at) = it.sent_at else { continue };
        let words = Text::new(format!("{zh}（短信已交通道）"), format!("{en} (message handed to the gateway)"));
        let item = Item { part: Part::Received, at, words, proof: None };
        wanted.push(Wanted { item, events: &["outbox.settled", "outbox.sending"], key: it.id, at });
    }
    Ok(())
}

/// 签收 of relayed originals, as the journal tells.
fn acknowledged(
    tx: &mut Tx<'_>,
    signals: &[(String, String)],
    callee: &str,
    items: &mut Vec<Item>,
) -> Result<(), StoreError> {
    let sql = "SELECT position, at, event, body, hash FROM journal
                WHERE subject = $1 AND event = 'forward.received' AND position IS NOT NULL AND {scope:region}";
    for (id, title) in signals {
        for row in tx.query(sql, params![format!("{id}/{callee}")])? {
            let body: serde_json::Value = serde_json::from_str(&row.text(3)?)?;
            let (zh, en) = match body["detail"]["via"].as_str() {
                Some("sms") => ("短信回复", "by message"),
                Some("link" | "page") => ("签收链接", "by the link"),
                _ => ("值班台登记", "recorded at the desk"),
            };
            let words =
                Text::new(format!("签收信号原文：{title}（{zh}）"), format!("acknowledged the original {en}: {title}"));
            let proof = Some(Proof { position: row.int(0)?, event: row.text(2)?, hash: hex(&row.blob(4)?) });
            items.push(Item { part: Part::Did, at: row.instant(1)?, words, proof });
        }
    }
    Ok(())
}

/// Transfer figures this callee reported, or told the desk by telephone.
fn reported(
    tx: &mut Tx<'_>,
    process: &str,
    calls: &[Call],
    callee: &str,
    items: &mut Vec<Item>,
) -> Result<(), StoreError> {
    let sql = "SELECT position, at, event, body, hash FROM journal
                WHERE subject = $1 AND event = 'transfer.reported' AND position IS NOT NULL AND {scope:region}";
    let places: BTreeMap<_, _> = calls.iter().flat_map(transfer::places).collect();
    for (region, name) in places {
        for row in tx.query(sql, params![format!("{process}/{region}")])? {
            let body: serde_json::Value = serde_json::from_str(&row.text(3)?)?;
            let mut changes = body["changes"].as_array().into_iter().flatten();
            let Some(change) = changes.find(|it| it["t"] == "transfer").map(|it| &it["r"]) else { continue };
            let theirs = change["call"].as_str().is_some_and(|it| calls.iter().any(|call| call.id == it));
            if !theirs {
                continue;
            }
            let numbers: Numbers = serde_json::from_value(body["detail"]["numbers"].clone())?;
            let written = |lang| {
                let parts = Numbers::FIELDS.into_iter().zip(numbers.all());
                parts.map(|((_, zh, en), it)| format!("{} {it}", Lang::pick(lang, zh, en))).collect::<Vec<_>>()
            };
            let by_desk = change["reported_by"] != callee;
            let (zh, en) = if by_desk { ("（电话告知值班台）", " (told to the desk)") } else { ("", "") };
            let words = Text::new(
                format!("报转移人数 {name}：{}{zh}", written(Lang::Zh).join("、")),
                format!("reported transfer figures of {name}: {}{en}", written(Lang::En).join(", ")),
            );
            let proof = Some(Proof { position: row.int(0)?, event: row.text(2)?, hash: hex(&row.blob(4)?) });
            items.push(Item { part: Part::Told, at: row.instant(1)?, words, proof });
        }
    }
    Ok(())
}

/// Lists of the silent this person was called about as the one above.
fn lists<'a>(
    tx: &mut Tx<'_>,
    rounds: impl Iterator<Item = &'a String>,
    callee: &str,
    items: &mut Vec<Item>,
    wanted: &mut Vec<Wanted>,
) -> Result<(), StoreError> {
    for round in rounds {
        let lists: Vec<Escalation> = tx.find("round = $1", "ORDER BY id", params![round])?;
        for list in lists.iter().filter(|it| it.chain.iter().any(|it| it == callee)) {
            let sent: Vec<OutboxItem> = tx.find("subject = $1", "ORDER BY id", params![&list.id])?;
            for it in sent.into_iter().filter(|it| it.payload["callee"] == callee) {
                let Some(at) = it.sent_at else { continue };
                let words = Text::new(
                    format!("下级未叫通名单（{}）", if it.kind == "sms" { "短信" } else { "语音电话" }),
                    format!("list of the silent below ({})", if it.kind == "sms" { "message" } else { "voice call" }),
                );
                let item = Item { part: Part::Received, at, words, proof: None };
                wanted.push(Wanted { item, events: &["outbox.settled", "outbox.sending"], key: it.id, at });
            }
            if list.accepted_by.as_deref() == Some(callee) {
                accepted(tx, list, items)?;
            }
        }
    }
    Ok(())
}

fn accepted(tx: &mut Tx<'_>, list: &Escalation, items: &mut Vec<Item>) -> Result<(), StoreError> {
    let taken = tx.count::<Call>("escalation = $1 AND state = 'handed_over'", params![&list.id])?;
    let sql = "SELECT position, at, hash FROM journal WHERE subject = $1 AND event = 'escalation.accepted' AND position IS NOT NULL AND {scope:region}";
    for row in tx.query(sql, params![&list.id])? {
        let proof =
            Some(Proof { position: row.int(0)?, event: "escalation.accepted".into(), hash: hex(&row.blob(2)?) });
        let words = Text::new(format!("接手未叫通名单 {taken} 人"), format!("took over a list of {taken}"));
        items.push(Item { part: Part::Did, at: row.instant(1)?, words, proof });
    }
    Ok(())
}

/// Positions of the process, its rounds, calls and lists: their subjects begin with its id.
pub(super) fn bounds(tx: &mut Tx<'_>, process: &str) -> Result<(i64, i64), StoreError> {
    let sql =
        "SELECT MIN(position), MAX(position) FROM journal WHERE subject >= $1 AND subject < $2 AND {scope:region}";
    let rows = tx.query(sql, params![process, format!("{process}/")])?;
    let bound = |index| rows.first().map_or(Ok(None), |it| it.opt(index, Row::int));
    Ok((bound(0)?.unwrap_or(0), bound(1)?.unwrap_or(0)))
}

/// Finds the entries of many at once by moment and event, then by the key in their changes.
fn prove(tx: &mut Tx<'_>, process: &str, wanted: Vec<Wanted>) -> Result<Vec<Item>, StoreError> {
    let (first, last) = bounds(tx, process)?;
    let mut moments: Vec<i64> = wanted.iter().map(|it| it.at.0).collect();
    moments.sort_unstable();
    moments.dedup();
    let mut found: Vec<(i64, i64, String, String, String)> = Vec::new();
    for some in moments.chunks(200) {
        let places: Vec<_> = (3..some.len() + 3).map(|i| format!("${i}")).collect();
        let mut values = vec![Value::from(first), Value::from(last + 10_000)];
        values.extend(some.iter().map(|it| Value::from(*it)));
        let sql = format!(
            "SELECT position, at, event, body, hash FROM journal WHERE position >= $1 AND position <= $2 AND at IN ({})
                AND event IN ('round.opened_calls', 'call.answered', 'call.answered_late', 'outbox.settled', 'outbox.sending',
                              'receipts.taken') AND {{scope:region}} ORDER BY position",
            places.join(", ")
        );
        for row in tx.query(&sql, &values)? {
            found.push((row.int(0)?, row.instant(1)?.0, row.text(2)?, row.text(3)?, hex(&row.blob(4)?)));
        }
    }
    Ok(wanted
        .into_iter()
        .map(|it| {
            let key = serde_json::Value::from(it.key.as_str()).to_string();
            let entry = found.iter().rfind(|(_, at, event, body, _)| {
                *at == it.at.0 && it.events.contains(&event.as_str()) && body.contains(&key)
            });
            let proof = entry.map(|(position, _, event, _, hash)| Proof {
                position: *position,
                event: event.clone(),
                hash: hash.clone(),
            });
            Item { proof, ..it.item }
        })
        .collect())
}
