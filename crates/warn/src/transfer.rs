//! Transfer (人员转移) as wardens count it: one figure per process and place, and it always adds up.

use std::sync::Arc;

use anlan_kernel::{Actor, Instant, Problem, RegionCode};
use anlan_store::{Advanced, Event, StoreError, Tx, Urgency, params};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Warn,
    answer::{Asked, asked, bad_link},
    model::{Call, Round},
    service::{everywhere, refusal, who_and_when},
};

/// Most people of one place.
const MOST: i64 = 100_000;

/// Who has to leave and where they are: 应转 = 已转 + 未转 + 拒转 + 失联.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    /// 应转.
    pub due: i64,
    /// 已转.
    pub moved: i64,
    /// 未转.
    pub not_yet: i64,
    /// 拒转.
    pub refused: i64,
    /// 失联.
    pub lost: i64,
}

/// What one place reported last; the journal keeps what it said before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transfer {
    /// `<process>/<region>`: wardens of one place share one figure, so nobody is counted twice.
    pub id: String,
    /// The weather process.
    pub process: String,
    /// The round in which it was reported last.
    pub round: String,
    /// The call whose page it came from.
    pub call: String,
    /// The place.
    pub region: RegionCode,
    /// Who has to leave and where they are.
    #[serde(flatten)]
    pub numbers: Numbers,
    /// When.
    pub reported_at: Instant,
    /// Callee, or the account of the officer who wrote it down.
    pub reported_by: String,
    /// For optimistic changes.
    pub revision: i64,
}

anlan_store::table!(Transfer, TRANSFER, "transfer", region: "region", {
    id: Text, process: Text, round: Text, call: Text, region: Text, due: Int, moved: Int, not_yet: Int, refused: Int,
    lost: Int, reported_at: Time, reported_by: Text, revision: Int,
});

impl Numbers {
    /// Field, Chinese and English of every number, in the order of the form.
    pub const FIELDS: [(&'static str, &'static str, &'static str); 5] = [
        ("due", "应转", "due to move"),
        ("moved", "已转", "moved"),
        ("not_yet", "未转", "not yet"),
        ("refused", "拒转", "refused"),
        ("lost", "失联", "out of contact"),
    ];

    /// In the order of [`Self::FIELDS`].
    pub fn all(&self) -> [i64; 5] {
        [self.due, self.moved, self.not_yet, self.refused, self.lost]
    }

    /// From numbers as people type them, in the order of [`Self::FIELDS`]; an empty one is 0.
    ///
    /// # Errors
    /// `bad_count` naming the field; what [`Self::check`] says.
    pub fn read(texts: [&str; 5]) -> Result<Self, Problem> {
        if texts.iter().all(|it| it.trim().is_empty()) {
            let (zh, en) = (
                "还没有填数字；确实没有人要转移，请在“应转”填 0",
                "no number was given; where nobody has to move, due is 0",
            );
            return Err(Problem::new("bad_count", zh, en).field("due"));
        }
        let mut all = [0; 5];
        for ((place, text), (field, zh, en)) in all.iter_mut().zip(texts).zip(Self::FIELDS) {
            let text = text.trim();
            let count = if text.is_empty() { Some(0) } else { text.parse().ok() };
            *place = count.filter(|it| (0..=MOST).contains(it)).ok_or_else(|| {
                let shown: String = text.chars().take(20).collect();
                let (zh, en) = (
                    format!("「{zh}」应为 0 到 {MOST} 的整数，现为“{shown}”"),
                    format!("{en} is a whole number from 0 to {MOST}, not {shown:?}"),
                );
                Problem::new("bad_count", zh, en).field(field)
            })?;
        }
        let [due, moved, not_yet, refused, lost] = all;
        let numbers = Self { due, moved, not_yet, refused, lost };
        numbers.check().map(|()| numbers)
    }

    /// Whether nobody is missing and nobody counted twice.
    ///
    /// # Errors
    /// `transfer_does_not_add_up`, `bad_count`, naming the field.
    pub fn check(&self) -> Result<(), Problem> {
        let bad = self.all().iter().position(|it| !(0..=MOST).contains(it));
        if let Some((field, zh, en)) = bad.map(|it| Self::FIELDS[it]) {
            let (zh, en) = (format!("「{zh}」应为 0 到 {MOST}"), format!("{en} is 0 to {MOST}"));
            return Err(Problem::new("bad_count", zh, en).field(field));
        }
        let Self { due, moved, not_yet, refused, lost } = self;
        let sum = moved + not_yet + refused + lost;
        if sum == *due {
            return Ok(());
        }
        let zh = format!("应转 {due} ≠ 已转 {moved} + 未转 {not_yet} + 拒转 {refused} + 失联 {lost} = {sum}，请核对");
        let en =
            format!("due {due} is not moved {moved} + not yet {not_yet} + refused {refused} + lost {lost} = {sum}");
        Err(Problem::new("transfer_does_not_add_up", zh, en).field("due"))
    }
}

impl std::ops::Add for Numbers {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            due: self.due + other.due,
            moved: self.moved + other.moved,
            not_yet: self.not_yet + other.not_yet,
            refused: self.refused + other.refused,
            lost: self.lost + other.lost,
        }
    }
}

impl std::iter::Sum for Numbers {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |a, b| a + b)
    }
}

/// A report as it comes from a page: the place, the numbers, and the revision they were typed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The place; one of the duties of the call.
    pub region: RegionCode,
    /// What is reported.
    pub numbers: Numbers,
    /// Revision of the figure the reporter saw; -1 where there was none.
    pub seen: i64,
}

/// Where the callee of a call has duties: code and name, each once.
pub(crate) fn places(call: &Call) -> Vec<(RegionCode, String)> {
    let mut places: Vec<(RegionCode, String)> = Vec::new();
    for duty in call.duties.as_array().into_iter().flatten() {
        let code = duty["region"].as_str().and_then(|it| RegionCode::parse(it).ok());
        if let Some(code) = code.filter(|code| !places.iter().any(|(it, _)| it == code)) {
            places.push((code, duty["region_name"].as_str().unwrap_or_default().to_owned()));
        }
    }
    places
}

/// What the places of a call reported in its process so far.
pub(crate) fn of_call(tx: &mut Tx<'_>, round: &Round, call: &Call) -> Result<Vec<Transfer>, StoreError> {
    let mut found = Vec::new();
    for (region, _) in places(call) {
        found.extend(tx.get::<Transfer>(&format!("{}/{region}", round.process))?);
    }
    Ok(found)
}

/// Every figure of a process in the reader's duty areas.
pub(crate) fn of_process(tx: &mut Tx<'_>, process: &str) -> Result<Vec<Transfer>, StoreError> {
    tx.find("process = $1", "ORDER BY region", params![process])
}

/// Keeps a report; the same one again changes nothing.
fn report(tx: &mut Tx<'_>, call: &Call, round: &Round, by: &str, report: &Report) -> Result<Transfer, StoreError> {
    report.numbers.check().map_err(StoreError::Refused)?;
    if !places(call).iter().any(|(it, _)| *it == report.region) {
        return Err(refusal("not_your_place", "只能报您责任区的转移人数", "report the places of your own duties only"));
    }
    let id = format!("{}/{}", round.process, report.region);
    let known = tx.get::<Transfer>(&id)?;
    if let Some(known) = known.as_ref().filter(|it| it.numbers == report.numbers) {
        return Ok(known.clone());
    }
    if known.as_ref().map_or(-1, |it| it.revision) != report.seen {
        let (by, at) = known.as_ref().map(|it| (it.reported_by.as_str(), it.reported_at)).unzip();
        let done = who_and_when(tx, by, at)?;
        return Err(refusal(
            "transfer_changed",
            &format!("这个地方{}报过新数，请对照后再提交", done.zh),
            &format!("this place was reported{}; compare, then submit again", done.en),
        ));
    }
    let next = Transfer {
        id,
        process: round.process.clone(),
        round: round.id.clone(),
        call: call.id.clone(),
        region: report.region.clone(),
        numbers: report.numbers,
        reported_at: tx.now(),
        reported_by: by.to_owned(),
        revision: known.as_ref().map_or(0, |it| it.revision),
    };
    let stored = match known {
        None => tx.insert(&next)?,
        Some(_) => tx.advance(&next)? == Advanced::Yes,
    };
    if !stored {
        return Err(StoreError::Race(next.id));
    }
    tx.record(Event::new("transfer.reported", &next.id).region(&next.region).detail(json!({"numbers": next.numbers})))?;
    tx.get(&next.id)?.ok_or(StoreError::Race(next.id))
}

impl Warn {
    /// A warden reports a place of theirs by the page behind the link.
    ///
    /// # Errors
    /// A refusal for an unknown link, a place that is not theirs, numbers that do not add up, or a figure
    /// somebody else changed meanwhile; what the store says.
    pub async fn report_transfer(self: &Arc<Self>, token: &str, said: Report) -> Result<Transfer, StoreError> {
        let (warn, token) = (Arc::clone(self), token.to_owned());
        self.world
            .write("transfer.report", Urgency::Urgent, &Actor::system("answer-page"), move |tx| {
                let Some(Asked::Call(call, round)) = asked(&warn, tx, &token)? else { return Err(bad_link()) };
                report(tx, &call, &round, &call.callee, &said)
            })
            .await
    }

    /// An officer writes down what the callee of `call` says on the telephone.
    ///
    /// # Errors
    /// As [`Self::report_transfer`].
    pub async fn report_transfer_by_desk(
        self: &Arc<Self>,
        actor: &Actor,
        call: &str,
        said: Report,
    ) -> Result<Transfer, StoreError> {
        self.sees::<Call>(actor, call, "no_such_call").await?;
        let id = call.to_owned();
        self.world
            .write("transfer.report-desk", Urgency::Urgent, &everywhere(actor), move |tx| {
                let none = || refusal("no_such_call", "没有这次叫应", "there is no such call");
                let call = tx.get::<Call>(&id)?.ok_or_else(none)?;
                let round = tx.get::<Round>(&call.round)?.ok_or_else(none)?;
                let by = tx.actor().name.clone();
                report(tx, &call, &round, &by, &said)
            })
            .await
    }
}
