//! How a notice moves. Pure: no store, no clock but the instant passed in.

use std::time::Duration;

use anlan_kernel::{Instant, Problem};
use anlan_register::phone;

use super::model::{Content, Kind, Notice, Paper, Standing};

/// A verbal yes is signed within this time.
pub const SIGNATURE_WITHIN: Duration = Duration::from_secs(24 * 3_600);

/// What happens to a notice.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A paper is begun.
    Begin {
        /// What it is to do.
        kind: Kind,
        /// Its words, made from facts.
        content: Box<Content>,
    },
    /// The draft's words change.
    Edit(Box<Content>),
    /// 送签.
    Submit,
    /// 退回, or a verbal yes that is not signed after all.
    Refuse {
        /// Why.
        reason: String,
    },
    /// 签发, or 补签.
    Sign,
    /// 电话口头同意.
    Verbal {
        /// Who said yes.
        said_by: String,
        /// By which number.
        said_from: String,
        /// When.
        said_at: Instant,
    },
    /// 撤稿.
    Withdraw,
    /// The 24 hours of a verbal yes are over.
    Overdue,
}

/// What else follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The journal says so.
    Record(&'static str),
    /// The paper gets the next number of its 牌子, and goes to the list.
    Issue,
    /// The signature is due then; `None` takes the deadline back.
    SignatureDue(Option<Instant>),
    /// Those who may sign are asked, one after the other.
    AskSigners,
    /// The draft goes; the journal keeps it.
    Drop,
}

/// The next state and what follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The notice.
    pub notice: Notice,
    /// The paper it was about.
    pub paper: Paper,
    /// In order.
    pub effects: Vec<Effect>,
}

/// Decides what `event` by `by` does; `paper` is the one it is about, for [`Event::Begin`] the draft it
/// sets aside, if there is one.
///
/// # Errors
/// Why not, and what would make it possible.
pub fn apply(
    notice: &Notice,
    paper: Option<&Paper>,
    event: Event,
    by: &str,
    now: Instant,
) -> Result<Decision, Problem> {
    if let Event::Begin { kind, content } = event {
        return begin(notice, paper, kind, *content, by, now);
    }
    let paper = paper.ok_or_else(no_draft)?;
    let working = notice.working == Some(paper.version) && paper.issued_at.is_none();
    match event {
        Event::Begin { .. } => Err(no_draft()),
        Event::Edit(content) if working => Ok(edited(notice, paper, *content, by, now)),
        Event::Submit if working && paper.submitted_at.is_some() => Err(submitted_already()),
        Event::Submit if working => {
            complete(paper)?;
            let next = Paper { submitted_at: Some(now), refused: None, refused_by: None, ..paper.clone() };
            let mut decision = moved(notice, next, now, "notice.submitted");
            decision.effects.push(Effect::AskSigners);
            Ok(decision)
        }
        Event::Refuse { reason } if working || paper.unsigned() => refused(notice, paper, &reason, by, now),
        Event::Sign if working => {
            second_person(paper, by)?;
            complete(paper)?;
            let next = Paper { signed_by: Some(by.to_owned()), signed_at: Some(now), ..paper.clone() };
            Ok(issued(notice, next, now, "notice.signed"))
        }
        Event::Sign if paper.unsigned() => {
            second_person(paper, by)?;
            let signed = (Some(by.to_owned()), Some(now));
            let next =
                Paper { signed_by: signed.0, signed_at: signed.1, refused: None, refused_by: None, ..paper.clone() };
            let mut decision = moved(notice, next, now, "notice.signed_afterwards");
            decision.effects.push(Effect::SignatureDue(None));
            Ok(decision)
        }
        Event::Verbal { said_by, said_from, said_at } if working => {
            complete(paper)?;
            said(&said_by, &said_from, said_at, now)?;
            let due = now.plus(SIGNATURE_WITHIN);
            let next = Paper {
                said_by: Some(said_by.trim().to_owned()),
                said_from: Some(said_from.trim().to_owned()),
                said_at: Some(said_at),
                heard_by: Some(by.to_owned()),
                signature_due: Some(due),
                ..paper.clone()
            };
            let mut decision = issued(notice, next, now, "notice.verbally_approved");
            decision.effects.push(Effect::SignatureDue(Some(due)));
            Ok(decision)
        }
        Event::Withdraw if working => Ok(withdrawn(notice, paper, now)),
        Event::Overdue if paper.unsigned() && !paper.overdue => {
            let next = Paper { overdue: true, ..paper.clone() };
            Ok(moved(notice, next, now, "notice.signature_overdue"))
        }
        _ if paper.issued_at.is_some() => Err(issued_is_final(paper)),
        _ => Err(no_draft()),
    }
}

/// What a journal entry of a notice did, in words.
pub(crate) fn act_words(event: &str) -> (&'static str, &'static str) {
    match event {
        "notice.drafted" | "notice.draft_set_aside" => ("起草", "drafted"),
        "notice.edited" => ("改稿", "edited"),
        "notice.submitted" => ("送签", "submitted"),
        "notice.refused" => ("退回", "sent back"),
        "notice.signed" => ("签发", "signed"),
        "notice.signed_afterwards" => ("补签", "signed afterwards"),
        "notice.verbally_approved" => ("登记口头同意", "issued on a verbal yes"),
        "notice.withdrawn" => ("撤稿", "withdrawn"),
        _ => ("改动", "changed"),
    }
}

fn begin(
    notice: &Notice,
    aside: Option<&Paper>,
    kind: Kind,
    content: Content,
    by: &str,
    now: Instant,
) -> Result<Decision, Problem> {
    let allowed = match kind {
        Kind::First => notice.standing == Standing::Unissued && notice.issued == 0,
        Kind::Update | Kind::Lift => notice.standing == Standing::InForce,
        Kind::Correction => matches!(notice.standing, Standing::InForce | Standing::Lifted),
    };
    if !allowed {
        return Err(not_now(notice.standing, kind));
    }
    // What was wrong or is over does not wait for an update that is being written.
    let version = match notice.working {
        None => notice.issued + 1,
        Some(version) if matches!(kind, Kind::Correction | Kind::Lift) && aside.is_some_and(|it| it.kind != kind) => {
            version
        }
        Some(_) => return Err(draft_exists()),
    };
    let paper = Paper {
        id: format!("{}.v{version}", notice.id),
        notice: notice.id.clone(),
        region: notice.region.clone(),
        version,
        kind,
        content,
        pack: aside.map_or_else(String::new, |it| it.pack.clone()),
        drafters: vec![by.to_owned()],
        drafted_at: now,
        submitted_at: None,
        refused: None,
        refused_by: None,
        number: None,
        issued_at: None,
        signed_by: None,
        signed_at: None,
        said_by: None,
        said_from: None,
        said_at: None,
        heard_by: None,
        signature_due: None,
        overdue: false,
        told: 0,
    };
    let mut decision =
        moved(notice, paper, now, if notice.working.is_some() { "notice.draft_set_aside" } else { "notice.drafted" });
    decision.notice.working = Some(version);
    while_unissued(&mut decision);
    Ok(decision)
}

fn edited(notice: &Notice, paper: &Paper, content: Content, by: &str, now: Instant) -> Decision {
    let mut next = Paper { content, submitted_at: None, ..paper.clone() };
    if !next.drafters.iter().any(|it| it == by) {
        next.drafters.push(by.to_owned());
    }
    let mut decision = moved(notice, next, now, "notice.edited");
    while_unissued(&mut decision);
    decision
}

/// Until something is issued the head shows what the draft says.
fn while_unissued(decision: &mut Decision) {
    if decision.notice.issued == 0 {
        decision.notice.title.clone_from(&decision.paper.content.title);
        decision.notice.areas = decision.paper.content.areas();
    }
}

fn refused(notice: &Notice, paper: &Paper, reason: &str, by: &str, now: Instant) -> Result<Decision, Problem> {
    if reason.trim().is_empty() {
        return Err(Problem::new("bad_reason", "退回须写明理由", "say why it is sent back").field("reason"));
    }
    second_person(paper, by)?;
    if paper.issued_at.is_none() && paper.submitted_at.is_none() {
        return Err(Problem::new(
            "not_submitted",
            "尚未送签，不必退回",
            "it was not submitted; there is nothing to send back",
        ));
    }
    let next = Paper {
        submitted_at: None,
        refused: Some(reason.trim().to_owned()),
        refused_by: Some(by.to_owned()),
        ..paper.clone()
    };
    Ok(moved(notice, next, now, "notice.refused"))
}

fn issued(notice: &Notice, paper: Paper, now: Instant, event: &'static str) -> Decision {
    let paper = Paper { issued_at: Some(now), refused: None, refused_by: None, ..paper };
    let mut decision = moved(notice, paper, now, event);
    let (notice, paper) = (&mut decision.notice, &decision.paper);
    notice.issued = paper.version;
    notice.working = None;
    notice.title.clone_from(&paper.content.title);
    notice.areas = paper.content.areas();
    notice.standing = match paper.kind {
        Kind::Lift => Standing::Lifted,
        Kind::Correction => notice.standing,
        Kind::First | Kind::Update => Standing::InForce,
    };
    notice.live = notice.standing == Standing::InForce;
    decision.effects.push(Effect::Issue);
    decision
}

fn withdrawn(notice: &Notice, paper: &Paper, now: Instant) -> Decision {
    let mut decision = moved(notice, paper.clone(), now, "notice.withdrawn");
    decision.notice.working = None;
    if notice.issued == 0 {
        decision.notice.standing = Standing::Withdrawn;
        decision.notice.live = false;
    } else {
        decision.effects.insert(0, Effect::Drop);
    }
    decision
}

fn moved(notice: &Notice, paper: Paper, now: Instant, event: &'static str) -> Decision {
    let notice = Notice { changed_at: now, ..notice.clone() };
    Decision { notice, paper, effects: vec![Effect::Record(event)] }
}

/// Whoever wrote in a paper, or heard the yes for it, does not sign it.
fn second_person(paper: &Paper, by: &str) -> Result<(), Problem> {
    let wrote = paper.drafters.iter().any(|it| it == by) || paper.heard_by.as_deref() == Some(by);
    if !wrote {
        return Ok(());
    }
    Err(Problem::new(
        "same_person",
        "拟稿人、口头同意登记人不能签自己的稿；请由另一位有签发权限的人处理",
        "who drafted it or recorded the verbal yes cannot sign it; somebody else who may sign has to",
    ))
}

fn complete(paper: &Paper) -> Result<(), Problem> {
    let content = &paper.content;
    let missing = if content.title.trim().is_empty() {
        Some(("title", "标题", "the title"))
    } else if content.places.is_empty() {
        Some(("areas", "影响区域", "the areas"))
    } else if paper.kind != Kind::Lift && content.measures.is_empty() {
        Some(("measures", "防范措施", "what to do"))
    } else if matches!(paper.kind, Kind::Correction | Kind::Lift) && content.reason.trim().is_empty() {
        Some(("reason", "更正或解除的原因", "why it is corrected or lifted"))
    } else {
        None
    };
    match missing {
        None => Ok(()),
        Some((field, zh, en)) => {
            Err(Problem::new("bad_draft", format!("还没有填写{zh}"), format!("{en} is still missing")).field(field))
        }
    }
}

fn said(by: &str, from: &str, at: Instant, now: Instant) -> Result<(), Problem> {
    if by.trim().is_empty() {
        return Err(Problem::new("bad_said_by", "请写明是谁口头同意", "say who said yes").field("said_by"));
    }
    if !phone::is_written(from) {
        let zh = "请写明对方电话号码，只写数字，可带 +、-、括号和空格，如 0755-25666666 或 8201";
        let en = "give the telephone number: digits, with +, -, brackets and blanks if you like, such as 8201";
        return Err(Problem::new("bad_said_from", zh, en).field("said_from"));
    }
    if at > now {
        return Err(
            Problem::new("bad_said_at", "口头同意的时间晚于现在", "that call lies in the future").field("said_at")
        );
    }
    Ok(())
}

fn no_draft() -> Problem {
    Problem::new(
        "no_draft",
        "没有正在起草的稿件；可先更新、更正或解除",
        "nothing is being drafted; begin an update, a correction or a lifting first",
    )
}

fn draft_exists() -> Problem {
    Problem::new(
        "draft_exists",
        "已有一份稿件在起草，请在那份上修改，或先撤稿",
        "a draft exists already; change that one, or withdraw it first",
    )
}

fn submitted_already() -> Problem {
    Problem::new("submitted_already", "已经送签", "it was submitted already")
}

fn issued_is_final(paper: &Paper) -> Problem {
    let number = paper.number.as_deref().unwrap_or_default();
    Problem::new(
        "issued_is_final",
        format!("{number} 已经发出，内容不能改动；有误请发更正"),
        format!("{number} went out and its words stay; issue a correction"),
    )
}

fn not_now(standing: Standing, kind: Kind) -> Problem {
    let ((zh_now, en_now), (zh, en)) = (standing.words(), kind.words());
    Problem::new(
        "not_in_this_state",
        format!("这份提示单{zh_now}，不能{zh}"),
        format!("this notice is {en_now}: no {en} now"),
    )
}
