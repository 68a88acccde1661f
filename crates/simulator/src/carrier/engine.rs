//! What the carrier does when: pure state, moved by the instants passed in.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use anlan_kernel::Instant;

use super::{
    behaviour,
    config::{CarrierConfig, Clock},
    draw::Draws,
    lines::{Lines, Turn, Waiting},
    log::{Delivery, ItemLog, Log, Totals},
    outbox::{Batch, Outbox, Pending},
    play::{self, Step},
};
use crate::protocol::{Event, Item, ItemAnswer, Kind, Reason, Receipt, Status, SubmitAnswer, Taken};

/// What a whole submit gets.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// 200.
    Taken(SubmitAnswer),
    /// 429, nothing taken; come back after so many seconds.
    TooMany(u32),
    /// 503; perhaps taken, perhaps not.
    Unavailable,
}

/// One item and what came of it.
#[derive(Debug)]
struct Known {
    keys: Vec<String>,
    /// Times it was taken; the first is run 0.
    runs: u32,
    accepted: bool,
    /// Receipts put into the queue so far, doubles counted.
    order: u32,
    /// Receipts with the instant they became known to the gateway.
    issued: Vec<(Instant, Receipt)>,
    log: ItemLog,
}

/// The whole state of a carrier.
#[derive(Debug)]
pub struct Engine {
    config: CarrierConfig,
    now: Instant,
    lines: Lines,
    outbox: Outbox,
    known: BTreeMap<String, Known>,
    attempts: HashMap<String, u32>,
    /// Submits turned away, by their smallest key: the draw changes with each.
    turned_away: HashMap<String, u32>,
    this_second: (i64, u32),
    totals: Totals,
    deliveries: Vec<Delivery>,
}

impl Engine {
    /// A carrier that has done nothing yet.
    pub fn new(config: CarrierConfig, wall: Instant) -> Self {
        let patience = config.no_line_after_ms.map(Duration::from_millis);
        Self {
            now: match config.clock {
                Clock::Wall => wall,
                Clock::Driven(start) => start,
            },
            lines: Lines::new(config.lines, patience, config.priority_first),
            outbox: Outbox::default(),
            known: BTreeMap::new(),
            attempts: HashMap::new(),
            turned_away: HashMap::new(),
            this_second: (i64::MIN, 0),
            totals: Totals::default(),
            deliveries: Vec::new(),
            config,
        }
    }

    /// The settings.
    pub fn config(&self) -> &CarrierConfig {
        &self.config
    }

    /// The next instant with something to do; `None` when only a submit can bring work. Receipts
    /// without a callback wait for one.
    pub fn next(&self) -> Option<Instant> {
        let receipt = self.outbox.next().filter(|_| self.config.callback.is_some());
        self.lines.next(self.now).into_iter().chain(receipt).min().map(|at| at.max(self.now))
    }

    /// Dials everything due up to and including `to`, instant by instant; time never goes back.
    pub fn play_to(&mut self, to: Instant) {
        while let Some(at) = self.lines.next(self.now).filter(|at| *at <= to) {
            self.now = at;
            while let Some(turn) = self.lines.turn(at) {
                match turn {
                    Turn::Dial(call, line) => self.dial(&call, line),
                    Turn::GiveUp(call) => self.give_up(&call),
                }
            }
        }
        self.now = self.now.max(to);
    }

    /// Takes a submit.
    pub fn submit(&mut self, items: Vec<Item>) -> Answer {
        self.totals.submits += 1;
        let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
        let first = items.iter().map(|item| item.key.as_str()).min().unwrap_or_default().to_owned();
        let turned_away = self.turned_away.get(&first).copied().unwrap_or(0);
        let draws = Draws::new(self.config.seed, &["submit", &first, &turned_away.to_string()]);
        let faults = &self.config.faults;
        let (too_many, unavailable, lost) = (
            draws.chance("too-many", faults.too_many) || self.is_too_fast(count),
            draws.chance("unavailable", faults.unavailable),
            self.config.honours_keys && draws.chance("lost", faults.answer_lost),
        );
        if too_many || unavailable || lost {
            *self.turned_away.entry(first).or_default() += 1;
        }
        if too_many {
            self.totals.too_many += 1;
            return Answer::TooMany(self.config.faults.retry_after_s);
        }
        if unavailable {
            self.totals.unavailable += 1;
            return Answer::Unavailable;
        }
        self.this_second = (self.second(), self.taken_this_second() + count);
        let answers = items.into_iter().map(|item| self.take(item)).collect();
        if lost {
            self.totals.answers_lost += 1;
            return Answer::Unavailable;
        }
        Answer::Taken(SubmitAnswer { items: answers })
    }

    fn second(&self) -> i64 {
        self.now.0.div_euclid(1_000_000)
    }

    fn taken_this_second(&self) -> u32 {
        if self.this_second.0 == self.second() { self.this_second.1 } else { 0 }
    }

    /// A submit larger than the rate still passes when nothing else came in its second.
    fn is_too_fast(&self, count: u32) -> bool {
        let taken = self.taken_this_second();
        self.config.items_per_second.is_some_and(|most| taken > 0 && taken.saturating_add(count) > most)
    }

    fn take(&mut self, item: Item) -> ItemAnswer {
        let refusal = self.refusal(&item);
        let honours_keys = self.config.honours_keys;
        let known = self.known.entry(item.key.clone()).or_insert_with(|| Known {
            keys: item.keys.clone(),
            runs: 0,
            accepted: false,
            order: 0,
            issued: Vec::new(),
            log: ItemLog::new(item.kind, &item.to, &item.text, item.priority),
        });
        known.log.submits += 1;
        known.log.repeats += u32::from(item.repeat);
        if known.accepted && honours_keys {
            known.log.duplicates += 1;
            return answer(item.key, Taken::Duplicate, None);
        }
        if let Some((code, message)) = refusal {
            known.log.refused = Some(code.into());
            return answer(item.key, Taken::Refused, Some((code, message)));
        }
        known.accepted = true;
        let run = known.runs;
        known.runs += 1;
        match item.kind {
            Kind::Voice => self.lines.wait(self.now, item.priority, &item.key, run),
            Kind::Sms => self.send(&item.key, run),
        }
        answer(item.key, Taken::Accepted, None)
    }

    fn refusal(&self, item: &Item) -> Option<(&'static str, &'static str)> {
        let number = item.to.strip_prefix('+').unwrap_or(&item.to);
        let script = self.config.scripted.get(&item.to);
        let draws = Draws::new(self.config.seed, &[&item.to, &item.key]);
        if item.key.is_empty() || item.key.len() > 200 {
            Some(("bad_key", "a key has 1 to 200 bytes"))
        } else if !(3..=20).contains(&number.len()) || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            Some(("bad_number", "a number has 3 to 20 digits, with + before a country code"))
        } else if item.text.is_empty() {
            Some(("no_text", "there is nothing to say"))
        } else if item.text.chars().count() > self.config.longest_text {
            Some(("too_long", "the text is longer than this gateway sends"))
        } else if script.is_some_and(|script| script.refuse)
            || script.is_none() && draws.chance("refused", self.config.faults.refused)
        {
            Some(("blocked", "this number is on the carrier's list of blocked numbers"))
        } else {
            None
        }
    }

    fn dial(&mut self, call: &Waiting, line: u32) {
        let Some(known) = self.known.get_mut(&call.key) else { return };
        if call.run == 0 {
            let attempts = self.attempts.entry(known.log.to.clone()).or_default();
            *attempts += 1;
            known.log.attempt = *attempts;
        }
        let (number, attempt) = (known.log.to.clone(), known.log.attempt);
        known.log.dials.push(self.now);
        known.log.lines.push(line);
        let mut voice = behaviour::voice(&self.config, &number, &call.key, attempt);
        if let behaviour::Voice::Answers(digit) = voice
            && !known.keys.contains(&digit.to_string())
        {
            voice = behaviour::Voice::Heard; // the gateway listens for the keys of the item only
        }
        known.log.behaviour = voice.to_string();
        let draws = Draws::new(self.config.seed, &[&number, &call.key]).grain(self.config.grain_ms);
        let steps = play::call(&self.config.voice, &voice, draws);
        let free_at = self.now.plus(steps.last().map_or(Duration::ZERO, |step| step.after));
        self.lines.hold(line, free_at);
        self.issue(&call.key, call.run, &steps);
    }

    fn give_up(&mut self, call: &Waiting) {
        let over = Step { after: Duration::ZERO, event: Event::Failed, says: None, reason: Some(Reason::NoLine) };
        self.issue(&call.key, call.run, &[over]);
    }

    fn send(&mut self, key: &str, run: u32) {
        let Some(known) = self.known.get_mut(key) else { return };
        known.log.dials.push(self.now);
        let sms = behaviour::sms(&self.config, &known.log.to, key);
        known.log.behaviour = sms.to_string();
        let draws = Draws::new(self.config.seed, &[&known.log.to, key]).grain(self.config.grain_ms);
        let steps = play::message(&self.config.sms, &sms, draws);
        self.issue(key, run, &steps);
    }

    /// Turns events into receipts, with everything that goes wrong on the way.
    fn issue(&mut self, key: &str, run: u32, steps: &[Step]) {
        let Some(known) = self.known.get_mut(key) else { return };
        let faults = &self.config.faults;
        let number = known.log.to.clone();
        let item = Draws::new(self.config.seed, &[&number, key, &run.to_string()]).grain(self.config.grain_ms);
        let script = self.config.scripted.get(&number);
        let silent = script.map_or_else(|| item.chance("silent", faults.silent), |script| script.silent);
        let mut in_turn = self.now;
        let mut put = |due: Instant, receipt: &Receipt, forged: bool| {
            known.order += 1;
            let slot = (due, key.to_owned(), known.order);
            self.outbox.put(slot, Pending { receipt: receipt.clone(), forged });
        };
        if item.chance("forged", faults.forged) {
            let at = self.now.plus(steps.first().map_or(Duration::ZERO, |step| step.after));
            put(at, &forgery(known.log.kind, key, run, &number, at), true);
            known.log.forged += 1;
        }
        for (index, step) in steps.iter().enumerate().filter(|_| !silent) {
            let at = self.now.plus(step.after);
            let receipt = receipt(step, format!("{key}.{run}.{index}"), key, &number, at);
            let draws = Draws::new(self.config.seed, &[&number, &receipt.id]).grain(self.config.grain_ms);
            in_turn = in_turn.max(at.plus(draws.within("lag", faults.lag_ms)));
            let mut due = in_turn;
            if draws.chance("overtaken", faults.overtaken) {
                due = due.plus(draws.within("overtaken-by", faults.overtaken_ms));
            }
            if draws.chance("late", faults.late) {
                due = due.plus(draws.within("late-by", faults.late_ms));
            }
            put(due, &receipt, false);
            known.log.issued += 1;
            if draws.chance("doubled", faults.doubled) {
                put(due.plus(draws.within("doubled-after", faults.doubled_after_ms)), &receipt, false);
                known.log.issued += 1;
            }
            known.issued.push((due, receipt));
        }
    }

    /// What is known about a key by now.
    pub fn status(&self, key: &str) -> Status {
        let known = self.known.get(key).filter(|known| known.accepted);
        let mut events: Vec<&(Instant, Receipt)> =
            known.iter().flat_map(|known| &known.issued).filter(|(due, _)| *due <= self.now).collect();
        events.sort_by_key(|(due, _)| *due);
        Status {
            key: key.into(),
            known: known.is_some(),
            events: events.into_iter().map(|(_, receipt)| receipt.clone()).collect(),
        }
    }

    /// What is to be delivered now, and where.
    pub fn batch(&self) -> Option<(String, Batch)> {
        Some((self.config.callback.clone()?, self.outbox.batch(self.now)?))
    }

    /// What the callback answered to a batch; 0 when nobody was there. True when it is done with.
    pub fn answered(&mut self, batch: &Batch, answer: u16) -> bool {
        self.totals.posts += 1;
        let taken = (200..300).contains(&answer);
        // A body the product cannot read will not become readable; a forgery is not repeated.
        let hopeless = matches!(answer, 400 | 413 | 415 | 422) || batch.forged && answer != 0;
        self.totals.posts_failed += u64::from(!taken && !batch.forged);
        if !taken && !hopeless {
            self.outbox.pause(self.now);
            return false;
        }
        for receipt in &batch.receipts {
            self.record(receipt, answer, batch.forged);
        }
        self.outbox.done(batch);
        true
    }

    fn record(&mut self, receipt: &Receipt, answer: u16, forged: bool) {
        if let Some(known) = self.known.get_mut(&receipt.key).filter(|_| !forged && answer < 300) {
            known.log.delivered += 1;
        }
        self.deliveries.push(Delivery {
            id: receipt.id.clone(),
            key: receipt.key.clone(),
            event: receipt.event,
            at: receipt.at,
            delivered_at: self.now,
            answer,
            forged,
        });
    }

    /// Receipts go to `url` from now on, those that failed at once.
    pub fn set_callback(&mut self, url: String) {
        self.config.callback = Some(url);
        self.outbox.resume();
    }

    /// Whoever sits at `number` does this from now on; calls that ring already go on as they began.
    pub fn prescribe(&mut self, number: String, behaviour: behaviour::Script) {
        self.config.scripted.insert(number, behaviour);
    }

    /// Somebody sent a bad signature.
    pub fn note_bad_signature(&mut self) {
        self.totals.bad_signatures += 1;
    }

    /// Everything done so far, or what was done for one key.
    pub fn log(&self, key: Option<&str>) -> Log {
        let wanted = |it: &str| key.is_none_or(|key| key == it);
        Log {
            now: self.now,
            totals: Totals {
                waiting: self.lines.waiting() as u64,
                pending: self.outbox.len() as u64,
                ..self.totals.clone()
            },
            items: self
                .known
                .iter()
                .filter(|(key, _)| wanted(key))
                .map(|(key, known)| (key.clone(), known.log.clone()))
                .collect(),
            receipts: self.deliveries.iter().filter(|it| wanted(&it.key)).cloned().collect(),
        }
    }
}

fn answer(key: String, status: Taken, why: Option<(&str, &str)>) -> ItemAnswer {
    let (code, message) = why.unzip();
    ItemAnswer { key, status, code: code.map(String::from), message: message.map(String::from) }
}

fn receipt(step: &Step, id: String, key: &str, number: &str, at: Instant) -> Receipt {
    let says = step.says.clone();
    Receipt {
        id,
        key: key.into(),
        event: step.event,
        at,
        digit: says.clone().filter(|_| step.event == Event::Key),
        text: says.filter(|_| step.event == Event::Reply),
        from: (step.event == Event::Reply).then(|| number.into()),
        reason: step.reason,
    }
}

/// A receipt nobody issued: it pretends that 1 was pressed or written.
fn forgery(kind: Kind, key: &str, run: u32, number: &str, at: Instant) -> Receipt {
    let event = match kind {
        Kind::Voice => Event::Key,
        Kind::Sms => Event::Reply,
    };
    let step = Step { after: Duration::ZERO, event, says: Some("1".into()), reason: None };
    receipt(&step, format!("{key}.{run}.forged"), key, number, at)
}
