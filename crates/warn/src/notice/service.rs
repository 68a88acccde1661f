//! Load, decide, save: drafts, signatures, the number, the list, the public page.

use std::sync::Arc;

use anlan_kernel::{Actor, Instant, Problem, RegionCode, civil_day};
use anlan_store::{Advanced, Event as Entry, StoreError, Tx, Urgency, journal, params};
use serde_json::json;

use super::{
    ask,
    draft::{self, Edit},
    flow::{self, Decision, Effect, Event},
    model::{Kind, Notice, Paper, PublicPage, Series, Standing},
    send, words,
};
use crate::{
    Warn,
    model::Process,
    process,
    service::{everywhere, refusal, who_and_when},
};

/// Key of the one row that says whether the public page is on.
const PUBLIC: &str = "public";

impl Warn {
    /// Begins a notice about a process: made from facts, under a 牌子 of the actor's organisation.
    ///
    /// # Errors
    /// A refusal when the process is over or unknown, the areas or the 牌子 are not the actor's, or a live
    /// notice covers the areas already; what the store says.
    pub async fn notice_draft(
        self: &Arc<Self>,
        actor: &Actor,
        process: &str,
        hat: Option<String>,
        areas: Option<Vec<String>>,
    ) -> Result<Notice, StoreError> {
        self.sees::<Process>(actor, process, "no_such_process").await?;
        let (warn, process) = (Arc::clone(self), process.to_owned());
        self.world
            .write("notice.draft", Urgency::Urgent, &everywhere(actor), move |tx| {
                let process = process::going_on(tx, &process)?;
                if process.is_directed() {
                    let (zh, en) = (
                        "定向叫应不是天气过程，没有实况可写提示单",
                        "a directed call-out is no weather; there is nothing measured to write of",
                    );
                    return Err(refusal("not_weather", zh, en));
                }
                let areas = match &areas {
                    Some(codes) => draft::areas(tx, &process, codes)?,
                    None => process.areas.clone(),
                };
                free(tx, &process, &areas)?;
                let hat = hat_of(&warn, tx, &process.region, hat.as_deref())?;
                let content = draft::first(tx, &warn.guide(), &process, &areas)?;
                let id = format!("{}.n{}", process.id, 1 + tx.count::<Notice>("process = $1", params![&process.id])?);
                let notice = new(id, &process, hat, areas, tx.now());
                if !tx.insert(&notice)? {
                    return Err(StoreError::Race(notice.id));
                }
                let event = Event::Begin { kind: Kind::First, content: Box::new(content) };
                decide(&warn, tx, &notice, None, event)
            })
            .await
    }

    /// Begins an update, a correction or a lifting of what was issued.
    ///
    /// # Errors
    /// A refusal when there is no such notice or it cannot be done now; what the store says.
    pub async fn notice_begin(
        self: &Arc<Self>,
        actor: &Actor,
        id: &str,
        kind: Kind,
        reason: Option<String>,
    ) -> Result<Notice, StoreError> {
        self.notice_change(actor, id, None, move |warn, tx, notice| {
            let process = process_of(tx, notice)?;
            let Some(last) = paper_of(tx, notice, notice.issued)? else { return Err(nothing_issued()) };
            let number = last.number.clone().unwrap_or_default();
            let mut content = draft::following(tx, &warn.guide(), &process, kind, &last.content, &number)?;
            if let Some(reason) = reason.as_deref().map(str::trim).filter(|it| !it.is_empty()) {
                content.reason = reason.to_owned();
                words::check(&content)?;
            }
            let aside = notice.working.map(|it| paper_of(tx, notice, it)).transpose()?.flatten();
            decide(warn, tx, notice, aside.as_ref(), Event::Begin { kind, content: Box::new(content) })
        })
        .await
    }

    /// Changes the draft; `seen` is the revision its writer looked at.
    ///
    /// # Errors
    /// A refusal naming the field and the words that are not ours to say; [`StoreError::Stale`] when
    /// somebody else changed it since; what the store says.
    pub async fn notice_edit(
        self: &Arc<Self>,
        actor: &Actor,
        id: &str,
        seen: Option<i64>,
        edit: Edit,
    ) -> Result<Notice, StoreError> {
        self.notice_change(actor, id, seen, move |warn, tx, notice| {
            let paper = working(tx, notice)?;
            let process = process_of(tx, notice)?;
            let content = draft::edited(tx, &process, paper.kind, &paper.content, &edit)?;
            let mut notice = notice.clone();
            if let Some(hat) = edit.hat.as_deref().filter(|it| *it != notice.hat) {
                if notice.issued > 0 {
                    return Err(draft::fixed("hat", "牌子在首发时已固定", "the hat was fixed with the first paper"));
                }
                notice.hat = hat_of(warn, tx, &notice.region, Some(hat))?;
            }
            if notice.issued == 0 {
                free_but(tx, &process, &content.areas(), &notice.id)?;
            }
            decide(warn, tx, &notice, Some(&paper), Event::Edit(Box::new(content)))
        })
        .await
    }

    /// Submits, sends back, signs, records a verbal yes or withdraws. `version` says which paper, the
    /// draft where it is missing; `seen` is the revision the actor looked at.
    ///
    /// # Errors
    /// As [`flow::apply`]; [`StoreError::Stale`] when somebody changed it since; what the store says.
    pub async fn notice_act(
        self: &Arc<Self>,
        actor: &Actor,
        id: &str,
        version: Option<i64>,
        seen: Option<i64>,
        event: Event,
    ) -> Result<Notice, StoreError> {
        self.notice_change(actor, id, seen, move |warn, tx, notice| {
            let paper = match version.or(notice.working) {
                Some(version) => paper_of(tx, notice, version)?,
                None => waiting(tx, notice)?,
            };
            let paper = paper.ok_or_else(no_such_paper)?;
            decide(warn, tx, notice, Some(&paper), event.clone())
        })
        .await
    }

    /// Approves the newest paper by name for the public, or takes that back.
    ///
    /// # Errors
    /// A refusal when nothing is issued or the text holds a telephone number; what the store says.
    pub async fn notice_publish(self: &Arc<Self>, actor: &Actor, id: &str, yes: bool) -> Result<Notice, StoreError> {
        self.notice_change(actor, id, None, move |_, tx, notice| {
            let paper =
                paper_of(tx, notice, notice.issued)?.filter(|_| notice.issued > 0).ok_or_else(nothing_issued)?;
            if yes && paper.unsigned() {
                return Err(refusal("not_signed", "补签之前不能对外公开", "it is not signed yet; sign it first"));
            }
            if yes && let Some(number) = telephone(&paper) {
                return Err(StoreError::Refused(Problem::new(
                    "personal_data",
                    format!("文中有号码 {number}，公开页不得出现个人信息；请先更正"),
                    format!("the text holds the number {number}; nothing personal may be public: correct it first"),
                )));
            }
            let next = Notice { public_version: yes.then_some(notice.issued), changed_at: tx.now(), ..notice.clone() };
            let event = if yes { "notice.approved_for_public" } else { "notice.taken_from_public" };
            save(tx, &next, event, json!({"version": notice.issued}))
        })
        .await
    }

    /// Switches the public page on or off.
    ///
    /// # Errors
    /// What the store says.
    pub async fn public_page_switch(&self, actor: &Actor, shown: bool) -> Result<(), StoreError> {
        self.world
            .write("public-page", Urgency::Urgent, actor, move |tx| {
                let (by, now) = (tx.actor().name.clone(), tx.now());
                tx.put(&PublicPage { id: PUBLIC.into(), shown, changed_by: by, changed_at: now })?;
                tx.record(Entry::new(
                    if shown { "public_page.switched_on" } else { "public_page.switched_off" },
                    PUBLIC,
                ))
            })
            .await
    }

    async fn notice_change(
        self: &Arc<Self>,
        actor: &Actor,
        id: &str,
        seen: Option<i64>,
        change: impl Fn(&Warn, &mut Tx<'_>, &Notice) -> Result<Notice, StoreError> + Send + 'static,
    ) -> Result<Notice, StoreError> {
        self.sees::<Notice>(actor, id, "no_such_notice").await?;
        let (warn, id) = (Arc::clone(self), id.to_owned());
        self.world
            .write("notice", Urgency::Urgent, &everywhere(actor), move |tx| {
                let notice = tx.get::<Notice>(&id)?.ok_or_else(no_such_paper)?;
                if seen.is_some_and(|it| it != notice.revision) {
                    return Err(came_second(tx, &notice, StoreError::Stale(id.clone()))?);
                }
                match change(&warn, tx, &notice) {
                    Err(error) => Err(came_second(tx, &notice, error)?),
                    done => done,
                }
            })
            .await
    }
}

/// The deadline of a signature passed.
///
/// # Errors
/// What the store says.
pub fn signature_overdue(warn: &Warn, tx: &mut Tx<'_>, paper: &str) -> Result<(), StoreError> {
    let Some(paper) = tx.get::<Paper>(paper)?.filter(|it| it.unsigned() && !it.overdue) else { return Ok(()) };
    let Some(notice) = tx.get::<Notice>(&paper.notice)? else { return Ok(()) };
    decide(warn, tx, &notice, Some(&paper), Event::Overdue).map(drop)
}

/// Whether the public page is on.
///
/// # Errors
/// What the store says.
pub fn public_page_is_on(tx: &mut Tx<'_>) -> Result<bool, StoreError> {
    Ok(tx.get::<PublicPage>(PUBLIC)?.is_some_and(|it| it.shown))
}

/// Says in a refusal of whoever came second who changed the notice last, how and when.
fn came_second(tx: &mut Tx<'_>, notice: &Notice, error: StoreError) -> Result<StoreError, StoreError> {
    const SECOND: [&str; 6] =
        ["submitted_already", "not_submitted", "no_draft", "draft_exists", "issued_is_final", "not_in_this_state"];
    let mut problem = match error {
        StoreError::Refused(problem) if SECOND.contains(&problem.code.as_str()) => problem,
        StoreError::Stale(id) if id == notice.id => Problem::new(
            "stale",
            "别人刚刚改过这份提示单，请刷新后再试",
            "somebody else changed this notice; reload it and try again",
        ),
        error => return Ok(error),
    };
    let by_hand = |it: &journal::Entry| it.event.starts_with("notice.") && it.actor.starts_with("user:");
    if let Some(last) = journal::of_subject(tx, &notice.id)?.into_iter().rfind(by_hand) {
        let done = who_and_when(tx, Some(&last.actor), Some(last.at))?;
        let (zh, en) = flow::act_words(&last.event);
        problem.message.zh += &format!("（{}{zh}）", done.zh);
        problem.message.en += &format!(" (last {en}{})", done.en);
    }
    Ok(StoreError::Refused(problem))
}

fn decide(
    warn: &Warn,
    tx: &mut Tx<'_>,
    notice: &Notice,
    paper: Option<&Paper>,
    event: Event,
) -> Result<Notice, StoreError> {
    let by = tx.actor().name.clone();
    let now = tx.now();
    let Decision { notice: mut next, mut paper, effects } = flow::apply(notice, paper, event, &by, now)?;
    if paper.pack.is_empty() {
        paper.pack.clone_from(&warn.guide().version);
    }
    let issues = effects.contains(&Effect::Issue);
    if issues {
        let number = number(warn, tx, &next.hat)?;
        next.number = Some(number.clone());
        paper.number = Some(number);
        paper.told = send::enlist(tx, notice, &paper)?;
    }
    if effects.contains(&Effect::Drop) {
        tx.delete::<Paper>(&paper.id)?;
    } else {
        tx.put(&paper)?;
    }
    for effect in &effects {
        if let Effect::SignatureDue(due) = effect {
            match due {
                Some(due) => tx.set_deadline("notice.signature", &paper.id, *due)?,
                None => tx.clear_deadline("notice.signature", &paper.id)?,
            }
        }
    }
    if effects.contains(&Effect::AskSigners) {
        ask::begin(tx, &paper)?;
    }
    let detail = json!({
        "process": notice.process, "version": paper.version, "kind": paper.kind, "number": paper.number,
    });
    let named = effects.iter().find_map(|it| if let Effect::Record(name) = it { Some(*name) } else { None });
    let saved = save(tx, &next, named.unwrap_or("notice.changed"), detail)?;
    if issues {
        send::tell_slice(warn, tx, &paper.id)?;
    }
    Ok(saved)
}

fn save(
    tx: &mut Tx<'_>,
    notice: &Notice,
    event: &'static str,
    detail: serde_json::Value,
) -> Result<Notice, StoreError> {
    if tx.advance(notice)? == Advanced::Stale {
        return Err(StoreError::Stale(notice.id.clone()));
    }
    tx.record(Entry::new(event, &notice.id).region(&notice.region).detail(detail))?;
    Ok(Notice { revision: notice.revision + 1, ..notice.clone() })
}

/// The next number of this 牌子 this year: 罗三防风险〔2023〕7号. Given in the transaction that issues, so
/// none is ever skipped.
fn number(warn: &Warn, tx: &mut Tx<'_>, hat: &str) -> Result<String, StoreError> {
    let prefix = warn.guide().prefix(hat);
    let year = civil_day(tx.now())[..4].to_owned();
    let id = format!("{prefix}|{year}");
    let last = match tx.get::<Series>(&id)? {
        Some(series) => {
            let next = Series { last: series.last + 1, ..series };
            if tx.advance(&next)? == Advanced::Stale {
                return Err(StoreError::Race(id));
            }
            next.last
        }
        None => {
            if !tx.insert(&Series { id: id.clone(), hat: hat.to_owned(), last: 1, revision: 0 })? {
                return Err(StoreError::Race(id));
            }
            1
        }
    };
    Ok(format!("{prefix}〔{year}〕{last}号"))
}

fn new(id: String, process: &Process, hat: String, areas: Vec<RegionCode>, now: Instant) -> Notice {
    Notice {
        id,
        process: process.id.clone(),
        hazard: process.hazard.clone(),
        region: process.region.clone(),
        areas,
        hat,
        standing: Standing::Unissued,
        live: true,
        issued: 0,
        working: None,
        number: None,
        title: String::new(),
        public_version: None,
        opened_at: now,
        changed_at: now,
        revision: 0,
    }
}

/// One live notice per process and area.
fn free(tx: &mut Tx<'_>, process: &Process, areas: &[RegionCode]) -> Result<(), StoreError> {
    free_but(tx, process, areas, "")
}

fn free_but(tx: &mut Tx<'_>, process: &Process, areas: &[RegionCode], own: &str) -> Result<(), StoreError> {
    let live: Vec<Notice> =
        tx.find("process = $1 AND live = 1 AND id <> $2", "ORDER BY id", params![&process.id, own])?;
    let met = live.into_iter().find(|it| it.areas.iter().any(|one| areas.iter().any(|other| one.meets(other))));
    let Some(met) = met else { return Ok(()) };
    let name = met.number.unwrap_or(met.id);
    Err(StoreError::Refused(Problem::new(
        "notice_exists",
        format!("这个过程和区域已有提示单 {name}，请在那份上修改或更新"),
        format!("{name} speaks of this process and area already: change or update that one"),
    )))
}

fn hat_of(warn: &Warn, tx: &mut Tx<'_>, region: &RegionCode, chosen: Option<&str>) -> Result<String, StoreError> {
    let own = tx.actor().hat.clone();
    let hats = draft::hats(tx, own.as_deref(), region)?;
    match chosen {
        None => Ok(hats.into_iter().next().unwrap_or_else(|| warn.config.speaker.clone())),
        Some(hat) if hats.iter().any(|it| it == hat) => Ok(hat.to_owned()),
        Some(hat) => Err(StoreError::Refused(
            Problem::new(
                "bad_hat",
                format!("“{hat}”不是您单位的牌子；可用：{}", hats.join("、")),
                format!("{hat:?} is no hat of your organisation; there are: {}", hats.join(", ")),
            )
            .field("hat"),
        )),
    }
}

/// A run of digits long enough to be somebody's number, however it is written: full-width, or with blanks, hyphens
/// and brackets between the groups.
fn telephone(paper: &Paper) -> Option<String> {
    let content = &paper.content;
    let own = [&content.title, &content.advice, &content.reason].into_iter().chain(&content.measures);
    own.flat_map(|it| numbers(it)).find(|it| it.len() >= 7)
}

/// Runs of digits, without what stands between their groups.
fn numbers(text: &str) -> Vec<String> {
    let mut runs = vec![String::new()];
    for c in text.chars() {
        let plain = match c {
            '０'..='９' => char::from_u32(u32::from(c) - u32::from('０') + u32::from('0')).unwrap_or(c),
            _ => c,
        };
        match plain {
            '0'..='9' => runs.last_mut().into_iter().for_each(|it| it.push(plain)),
            '-' | '－' | '‐' | '‑' | '–' | '—' | '(' | ')' | '（' | '）' | '+' | '＋' => {}
            _ if plain.is_whitespace() => {}
            _ => runs.push(String::new()),
        }
    }
    runs
}

fn process_of(tx: &mut Tx<'_>, notice: &Notice) -> Result<Process, StoreError> {
    let lost = || StoreError::Shape(format!("the process {} of a notice is gone", notice.process));
    tx.get::<Process>(&notice.process)?.ok_or_else(lost)
}

pub(crate) fn paper_of(tx: &mut Tx<'_>, notice: &Notice, version: i64) -> Result<Option<Paper>, StoreError> {
    tx.get(&format!("{}.v{version}", notice.id))
}

/// The oldest issued paper that waits for its signature, else the newest.
fn waiting(tx: &mut Tx<'_>, notice: &Notice) -> Result<Option<Paper>, StoreError> {
    let unsigned = "notice = $1 AND issued_at IS NOT NULL AND signed_at IS NULL";
    match tx.find::<Paper>(unsigned, "ORDER BY version LIMIT 1", params![&notice.id])?.pop() {
        Some(paper) => Ok(Some(paper)),
        None => paper_of(tx, notice, notice.issued),
    }
}

fn working(tx: &mut Tx<'_>, notice: &Notice) -> Result<Paper, StoreError> {
    let none = || {
        refusal(
            "no_draft",
            "没有正在起草的稿件；可先更新、更正或解除",
            "nothing is being drafted; begin an update, a correction or a lifting first",
        )
    };
    let version = notice.working.ok_or_else(none)?;
    paper_of(tx, notice, version)?.ok_or_else(none)
}

fn nothing_issued() -> StoreError {
    refusal("nothing_issued", "这份提示单还没有签发过", "nothing of this notice was issued yet")
}

fn no_such_paper() -> StoreError {
    refusal("no_such_notice", "没有这份提示单，或不在您的责任区内", "there is no such notice in your duty area")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::numbers;

    #[rstest]
    #[case::plain("请拨 13800138000", Some("13800138000"))]
    #[case::blanks("请拨 138 0013 8000。", Some("13800138000"))]
    #[case::full_width("请拨１３８００１３８０００", Some("13800138000"))]
    #[case::full_width_blanks("１３８　００１３　８０００", Some("13800138000"))]
    #[case::brackets("(0755) 2500-1234", Some("075525001234"))]
    #[case::dash("0755—25001234", Some("075525001234"))]
    #[case::short("拨 12345 或 119", None)]
    #[case::measured("24 小时雨量 100 毫米，阵风 11 级", None)]
    fn a_number_is_found_however_it_is_written(#[case] text: &str, #[case] want: Option<&str>) {
        assert_eq!(numbers(text).into_iter().find(|it| it.len() >= 7).as_deref(), want);
    }
}
