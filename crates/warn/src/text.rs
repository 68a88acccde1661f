//! The words of calls and messages. Made when they are sent, stored nowhere.
//!
//! Reads what is said about whom; how it is said is `words`.

use std::collections::HashMap;

use anlan_monitor::Signal;
use anlan_register::{Region, callee_title, number_of};
use anlan_store::{OutboxItem, StoreError, Tx, WorldKind, params};
use serde_json::Value as Json;

use crate::{
    Warn,
    answer::list_token,
    channel::{self, group::GroupMessage},
    directed::{Directed, is_directed},
    escalation, exercise,
    model::{Escalation, Process, Round},
    notice, words,
};

/// Names read out on a superior's list before "and others".
const NAMES: usize = 8;

/// 演示编造, wherever an invented signal or round shows.
pub(crate) const INVENTED: &str = "（演示编造）";

/// A message ready to go: number or address in clear live only in memory.
pub(crate) enum Ready {
    /// A call or a message to a number.
    Number { to: String, text: String },
    /// To a group; holds nothing about a person.
    Group(GroupMessage),
    /// To a mailbox.
    Mail { to: String, subject: String, text: String },
    /// On a loudspeaker.
    Play { speaker: String, text: String },
}

/// Makes messages ready in one transaction; what many of them share is read once.
pub(crate) struct Writer<'a> {
    warn: &'a Warn,
    causes: HashMap<String, String>,
    directed: HashMap<String, String>,
    ends: HashMap<String, String>,
    signals: HashMap<String, Option<Signal>>,
}

impl<'a> Writer<'a> {
    pub fn new(warn: &'a Warn) -> Self {
        Self { warn, causes: HashMap::new(), directed: HashMap::new(), ends: HashMap::new(), signals: HashMap::new() }
    }

    /// The number and the words of an outbox item, or why there is nothing to send any more.
    pub fn ready(&mut self, tx: &mut Tx<'_>, item: &OutboxItem) -> Result<Result<Ready, &'static str>, StoreError> {
        if item.payload["template"] == "announce" {
            return channel::words::ready(self.warn, tx, item, None);
        }
        let Some(callee) = item.payload["callee"].as_str() else { return Ok(Err("no_callee")) };
        let index = item.payload["number"].as_u64().and_then(|it| usize::try_from(it).ok()).unwrap_or(0);
        let number = match number_of(tx, callee, index)? {
            None if index > 0 => number_of(tx, callee, 0)?,
            found => found,
        };
        let Some(to) = number else { return Ok(Err("no_number")) };
        if item.payload["template"] == "call" && exercise::is_exercise(&item.subject) {
            let words = exercise::words(&self.warn.plan(), tx, &item.subject, callee, &item.kind)?;
            let marked = |words: String| Ready::Number {
                to,
                text: format!("{0}{1}{0}", exercise::MARK, self.warn.framed(&words)),
            };
            return Ok(words.map(marked));
        }
        let words = match item.payload["template"].as_str() {
            Some("call") => self.call(tx, item)?,
            Some("escalation" | "escalation_list") => self.escalation(tx, item)?,
            Some("words") => item.payload["words"].as_str().map(str::to_owned),
            Some("sealed_words") => match item.payload["words"].as_str() {
                Some(sealed) => tx.unseal(callee, sealed)?,
                None => None,
            },
            Some("stand_down") => Some(self.stand_down(tx, &item.subject)?),
            Some("notice") => notice::message(tx, item)?,
            Some(template) => self.signal(tx, item, template)?,
            None => None,
        };
        let Some(words) = words else { return Ok(Err("nothing_to_say")) };
        // The world's mark stands first and last, put there by the channel itself.
        Ok(Ok(Ready::Number { to, text: self.warn.framed(&words) }))
    }

    fn call(&mut self, tx: &mut Tx<'_>, item: &OutboxItem) -> Result<Option<String>, StoreError> {
        let sql = "SELECT duties, round FROM call WHERE id = $1 AND {scope:region}";
        let Some(row) = tx.query(sql, params![&item.subject])?.into_iter().next() else { return Ok(None) };
        let duties = duty_list(&serde_json::from_str(&row.text(0)?)?);
        let (round, link) = (row.text(1)?, self.warn.answer_link(&item.subject));
        let cause = self.cause(tx, &round)?;
        if is_directed(&round) {
            let words = self.directed(tx, &round)?;
            let sms = item.kind == "sms";
            return Ok(Some(if sms {
                words::directed_sms(&cause, &words, &link)
            } else {
                words::directed_voice(&cause, &words)
            }));
        }
        Ok(Some(if item.kind == "sms" {
            let frame = self.warn.framed("").chars().count();
            words::sms(&cause, &duties, &link, frame)
        } else {
            words::voice(&cause, &duties)
        }))
    }

    fn cause(&mut self, tx: &mut Tx<'_>, round: &str) -> Result<String, StoreError> {
        if let Some(known) = self.causes.get(round) {
            return Ok(known.clone());
        }
        let words = tx.get::<Round>(round)?.map_or_else(String::new, |it| cause_words(&it));
        self.causes.insert(round.to_owned(), words.clone());
        Ok(words)
    }

    /// What an officer wrote to the people of a list.
    fn directed(&mut self, tx: &mut Tx<'_>, round: &str) -> Result<String, StoreError> {
        if let Some(known) = self.directed.get(round) {
            return Ok(known.clone());
        }
        let words = tx.get::<Directed>(round)?.map_or_else(String::new, |it| it.words);
        self.directed.insert(round.to_owned(), words.clone());
        Ok(words)
    }

    /// The end of a process, in the words of whoever signed it.
    fn stand_down(&mut self, tx: &mut Tx<'_>, process: &str) -> Result<String, StoreError> {
        if let Some(known) = self.ends.get(process) {
            return Ok(known.clone());
        }
        let note = tx.get::<Process>(process)?.and_then(|it| it.stand_down_note).unwrap_or_default();
        let words = words::stand_down(&note);
        self.ends.insert(process.to_owned(), words.clone());
        Ok(words)
    }

    fn escalation(&mut self, tx: &mut Tx<'_>, item: &OutboxItem) -> Result<Option<String>, StoreError> {
        let Some(list) = tx.get::<Escalation>(&item.subject)? else { return Ok(None) };
        let silent = escalation::listed(tx, &list.id)?;
        if silent.is_empty() {
            return Ok(None);
        }
        let mut names = Vec::new();
        for call in silent.iter().take(NAMES) {
            if let Some(title) = callee_title(tx, &call.callee)? {
                names.push(title.name);
            }
        }
        let more = if silent.len() > NAMES { "等" } else { "" };
        let unit = tx.get::<Region>(list.region.as_str())?.map_or_else(|| list.region.to_string(), |it| it.name);
        let (cause, count, names) = (self.cause(tx, &list.round)?, silent.len(), names.join("、"));
        let head = format!("{cause}。{unit}有{count}人未叫通：{names}{more}。");
        let link = list_token(self.warn, &list.id, item.payload["link"].as_i64().unwrap_or(list.link));
        Ok(Some(if item.kind == "sms" {
            format!(
                "{head}由您接手回复1，不能接手回复2，有险情需支援回复3，名单：{}/a/{link}",
                self.warn.config.link_base
            )
        } else {
            format!("{head}由您接手请按1，不能接手请按2，有险情、需支援请按3。")
        }))
    }

    /// The original under its issuer's name, unchanged; or what a fall does not lift.
    fn signal(&mut self, tx: &mut Tx<'_>, item: &OutboxItem, template: &str) -> Result<Option<String>, StoreError> {
        if !self.signals.contains_key(&item.subject) {
            self.signals.insert(item.subject.clone(), tx.get::<Signal>(&item.subject)?);
        }
        let Some(Some(signal)) = self.signals.get(&item.subject) else { return Ok(None) };
        Ok(Some(if template == "relay" {
            let link = self.warn.receipt_link(&item.subject, item.payload["callee"].as_str().unwrap_or_default());
            format!("{}（签收回复1，或点 {link}）", relay_words(signal))
        } else {
            let (title, invented) = (&signal.title, if signal.invented { INVENTED } else { "" });
            format!("{}：{title}{invented}。响应和管控措施未自动解除，等候通知。此信息无须回复。", signal.issuer)
        }))
    }
}

impl Warn {
    /// What leaves the house: whose it is put before it, the world's mark first and last.
    pub(crate) fn framed(&self, words: &str) -> String {
        let mark = mark(self.world().kind());
        format!("{mark}【{}】{words}{mark}", self.config.speaker)
    }
}

/// The original of another authority under its name, unchanged.
pub(crate) fn relay_words(signal: &Signal) -> String {
    format!("转发{}{}：{}", signal.issuer, if signal.invented { INVENTED } else { "" }, signal.text)
}

/// What led to a round, marked where it is invented.
pub(crate) fn cause_words(round: &Round) -> String {
    format!("{}{}", round.cause, if round.invented { INVENTED } else { "" })
}

/// The world's mark, first and last in whatever leaves it.
pub(crate) fn mark(kind: WorldKind) -> &'static str {
    match kind {
        WorldKind::Real => "",
        WorldKind::Exercise => "【演练】",
        WorldKind::Replay => "【回放演示】",
    }
}

pub(crate) fn duty_words(duties: &Json) -> String {
    duty_list(duties).join("、")
}

/// Every duty as place and task.
fn duty_list(duties: &Json) -> Vec<String> {
    let part = |it: &Json, name: &str| it[name].as_str().unwrap_or_default().to_owned();
    duties.as_array().into_iter().flatten().map(|it| part(it, "region_name") + &part(it, "duty")).collect()
}
