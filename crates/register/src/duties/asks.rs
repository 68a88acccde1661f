//! 年度核实: whoever and whatever nothing touched for a year is asked by link, once; what comes back changed is a
//! proposal until a keeper accepts it.

use std::collections::BTreeSet;

use anlan_kernel::{Lang, Problem};
use anlan_store::{Event, StoreError, Tx, hex, params};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{
    SendLink,
    model::Ask,
    reach::{self, YEAR},
};
use crate::{
    find,
    kinds::{Catalog, Sort, value},
    model::{Person, Post},
    phone,
    records::{
        Record,
        show::is_due,
        write::{self, new_id},
    },
};

/// Questions sent in one transaction.
pub const AT_ONCE: usize = 100;
/// How long a link opens anything.
const OPEN: std::time::Duration = std::time::Duration::from_secs(60 * 86_400);
/// Letters of what is proposed.
const LONGEST: usize = 500;

/// What somebody proposes (变动).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Proposal {
    /// Their new number.
    pub phone: String,
    /// They have left the post.
    pub left: bool,
    /// Who follows.
    pub successor: String,
    /// The number of whoever follows.
    pub successor_phone: String,
    /// In their words.
    pub note: String,
}

/// Somebody or something to ask about, and whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The person or the record.
    pub subject: String,
    /// Where.
    pub region: anlan_kernel::RegionCode,
    /// Who is asked.
    pub callee: String,
}

/// SHA-256 of a token, as it is stored.
pub fn hash(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

/// People whom nothing reached for a year and who were not asked for a year.
///
/// # Errors
/// What the store says.
pub fn due_people(tx: &mut Tx<'_>) -> Result<Vec<Due>, StoreError> {
    let before = tx.now().minus(YEAR);
    let asked = |it: &reach::Touched| it.asked_at.is_some_and(|at| at > before);
    let untouched = reach::untouched(tx)?.into_iter().filter(|it| it.has_number && !asked(it));
    Ok(untouched.map(|it| Due { subject: it.person.clone(), region: it.region, callee: it.person }).collect())
}

/// Records past what their kind counts as fresh, untouched for a year, whose responsible person can be asked.
///
/// # Errors
/// What the store says.
pub fn due_records(tx: &mut Tx<'_>, catalog: &Catalog) -> Result<Vec<Due>, StoreError> {
    let now = tx.now();
    let before = now.minus(YEAR);
    let sql = "SELECT DISTINCT a.subject FROM ask a WHERE a.asked_at > $1 AND {scope:a.region}";
    let asked: BTreeSet<String> =
        tx.query(sql, params![before])?.iter().map(|it| it.text(0)).collect::<Result<_, _>>()?;
    let mut due = Vec::new();
    for kind in catalog.kinds() {
        let Some(field) = kind.responsible.as_deref().and_then(|it| kind.field(it)) else { continue };
        if field.sort != Sort::Person || kind.verify_every.is_none() {
            continue;
        }
        let old = "kind = $1 AND (verified_at IS NULL OR verified_at < $2)";
        for record in tx.find::<Record>(old, "ORDER BY id", params![kind.id.as_str(), before])? {
            let callee =
                record.value(&field.id).map(value::every).unwrap_or_default().first().map(|it| value::plain(it));
            let Some(callee) = callee.filter(|it| it.starts_with("person:")) else { continue };
            if is_due(kind, &record, now) && !asked.contains(&record.id) {
                due.push(Due { subject: record.id.clone(), region: record.region.clone(), callee });
            }
        }
    }
    Ok(due)
}

/// Asks: each question with its own link, handed to whoever sends it. Who was asked meanwhile is left out.
///
/// # Errors
/// What the store and the sender say.
pub fn send(tx: &mut Tx<'_>, due: &[Due], send: &SendLink, link: &dyn Fn(&str) -> String) -> Result<usize, StoreError> {
    let (now, mut sent) = (tx.now(), 0);
    for it in due {
        let asked = "(subject = $1 OR callee = $2) AND asked_at > $3";
        if tx.count::<Ask>(asked, params![it.subject.as_str(), it.callee.as_str(), now.minus(YEAR)])? > 0 {
            continue;
        }
        let token = super::letters()?;
        let ask = Ask {
            id: new_id(now).replacen('r', "q", 1),
            subject: it.subject.clone(),
            region: it.region.clone(),
            callee: it.callee.clone(),
            token_hash: hash(&token),
            asked_at: now,
            asked_by: tx.actor().name.clone(),
            answered_at: None,
            answer: None,
            proposal: None,
            verdict: None,
            decided_by: None,
            decided_at: None,
        };
        tx.put(&ask)?;
        send(tx, &ask, &link(&token))?;
        tx.record(Event::new("ask.sent", &ask.id).region(&ask.region).detail(json!({"subject": ask.subject})))?;
        sent += 1;
    }
    Ok(sent)
}

/// The question behind a link.
///
/// # Errors
/// What the store says.
pub fn of_token(tx: &mut Tx<'_>, token: &str) -> Result<Option<Ask>, StoreError> {
    let since = tx.now().minus(OPEN);
    Ok(tx.find::<Ask>("token_hash = $1 AND asked_at > $2", "", params![hash(token), since])?.pop())
}

/// The answer: it still holds, or what changed. A second answer takes the place of the first until a keeper decided.
///
/// # Errors
/// `bad_link`, `decided`, `bad_phone`, `nothing_said`; what the store says.
pub fn answer(tx: &mut Tx<'_>, token: &str, changed: Option<Proposal>) -> Result<Ask, StoreError> {
    let bad = || Problem::new("bad_link", "链接无效", "this link opens nothing");
    let ask = of_token(tx, token)?.ok_or_else(bad)?;
    if ask.verdict.is_some() {
        return Err(Problem::new(
            "decided",
            "已经处理，如有变动请联系管理员",
            "it was decided already; tell the keeper",
        )
        .into());
    }
    let proposal = changed.map(tidy).transpose()?;
    let now = tx.now();
    let ask = Ask {
        answered_at: Some(now),
        answer: Some(if proposal.is_some() { "changed" } else { "still" }.to_owned()),
        proposal: proposal.map(serde_json::to_value).transpose()?,
        ..ask
    };
    tx.put(&ask)?;
    tx.record(Event::new("ask.answered", &ask.id).region(&ask.region).detail(json!({"answer": ask.answer})))?;
    reach::reached(tx, &ask.callee, "filing", now)?;
    if ask.answer.as_deref() == Some("still")
        && let Some(record) = tx.get::<Record>(&ask.subject)?
    {
        write::verify(tx, &record, "confirmed")?;
    }
    Ok(ask)
}

fn tidy(it: Proposal) -> Result<Proposal, Problem> {
    let cut = |text: &str| text.trim().chars().filter(|it| !it.is_control()).take(LONGEST).collect::<String>();
    let number = |text: &str, field: &str| {
        let number = phone::tidy(text);
        if number.is_empty() || phone::is_usable(&number) {
            return Ok(number);
        }
        let (zh, en) = (
            "号码不能拨打：手机 11 位，座机加区号",
            "this number cannot be dialled: 11 digits, or a landline with its area code",
        );
        Err(Problem::new("bad_phone", zh, en).field(field))
    };
    let tidied = Proposal {
        phone: number(&it.phone, "phone")?,
        left: it.left,
        successor: cut(&it.successor),
        successor_phone: number(&it.successor_phone, "successor_phone")?,
        note: cut(&it.note),
    };
    if tidied == Proposal::default() {
        return Err(Problem::new("nothing_said", "请写明哪里变了", "say what changed").field("note"));
    }
    Ok(tidied)
}

/// Answers that say something changed and wait for a keeper, the oldest first.
///
/// # Errors
/// What the store says.
pub fn proposed(tx: &mut Tx<'_>) -> Result<Vec<Ask>, StoreError> {
    tx.find("answer = 'changed' AND verdict IS NULL", "ORDER BY answered_at, id", &[])
}

/// What is proposed; nothing of an erased person.
pub fn proposal_of(ask: &Ask) -> Proposal {
    ask.proposal.clone().and_then(|it| serde_json::from_value(it).ok()).unwrap_or_default()
}

/// A keeper decides. What is accepted of a person changes the register: their number, or their posts end and pass to
/// whoever follows. Of a record the keeper changes the fields; here it is only noted that the answer was seen.
///
/// # Errors
/// `no_such_ask`, `decided`; what the store says.
pub fn decide(tx: &mut Tx<'_>, id: &str, accept: bool) -> Result<Ask, StoreError> {
    let missing = || Problem::new("no_such_ask", "没有这条核实", "there is no such question");
    let ask = tx.get::<Ask>(id)?.ok_or_else(missing)?;
    if ask.verdict.is_some() || ask.answer.as_deref() != Some("changed") {
        return Err(Problem::new("decided", "已经处理过", "it was decided already").into());
    }
    let (now, by) = (tx.now(), tx.actor().name.clone());
    if accept && ask.subject == ask.callee {
        apply(tx, &ask.subject, &proposal_of(&ask))?;
    }
    let verdict = if accept { "accepted" } else { "declined" };
    let decided = Ask { verdict: Some(verdict.to_owned()), decided_by: Some(by), decided_at: Some(now), ..ask };
    tx.put(&decided)?;
    let name = if accept { "ask.accepted" } else { "ask.declined" };
    tx.record(Event::new(name, &decided.id).region(&decided.region).detail(json!({"subject": decided.subject})))?;
    Ok(decided)
}

fn apply(tx: &mut Tx<'_>, id: &str, proposal: &Proposal) -> Result<(), StoreError> {
    let Some(person) = tx.get::<Person>(id)?.filter(|it| it.erased_at.is_none()) else { return Ok(()) };
    let mut touched = find::Touched::default();
    touched.people.insert(person.id.clone());
    if !proposal.phone.is_empty() && person.phone.as_deref() != Some(proposal.phone.as_str()) {
        tx.put(&Person { phone: Some(proposal.phone.clone()), ..person.clone() })?;
        tx.record(Event::new("person.renumbered", &person.id).region(&person.region))?;
    }
    if proposal.left {
        let follower = follower(tx, &person, proposal)?;
        touched.people.extend(follower.clone());
        pass_on(tx, &person, follower.as_deref(), &mut touched)?;
    }
    find::refresh(tx, &touched)
}

/// Whoever follows: somebody of that name and number in the register, or a new person.
fn follower(tx: &mut Tx<'_>, person: &Person, proposal: &Proposal) -> Result<Option<String>, StoreError> {
    if proposal.successor.is_empty() {
        return Ok(None);
    }
    let (name, phone) = (proposal.successor.as_str(), proposal.successor_phone.as_str());
    let known = tx.find::<Person>(
        "name = $1 AND phone = $2 AND erased_at IS NULL",
        "ORDER BY id LIMIT 1",
        params![name, phone],
    )?;
    if let Some(it) = known.first() {
        return Ok(Some(it.id.clone()));
    }
    let next = crate::store::person_last(tx)? + 1;
    let new = Person {
        id: format!("person:{next:09}"),
        region: person.region.clone(),
        name: Some(name.to_owned()),
        phone: Some(phone.to_owned()).filter(|it| !it.is_empty()),
        spare: None,
        erased_at: None,
    };
    tx.put(&new)?;
    tx.record(Event::new("person.followed", &new.id).region(&new.region))?;
    Ok(Some(new.id))
}

/// Posts of somebody who left end now, and go on with whoever follows.
fn pass_on(
    tx: &mut Tx<'_>,
    person: &Person,
    follower: Option<&str>,
    touched: &mut find::Touched,
) -> Result<(), StoreError> {
    let now = tx.now();
    let held = "person = $1 AND (valid_until IS NULL OR valid_until > $2)";
    for post in tx.find::<Post>(held, "ORDER BY id", params![&person.id, now])? {
        tx.put(&Post { valid_until: Some(now), ..post.clone() })?;
        tx.record(Event::new("post.ended", &post.id).region(&post.region))?;
        touched.posts.insert(post.id.clone());
        if let Some(follower) = follower {
            // As an import of the next roster makes it.
            let (holder, rank) = (follower.replace("person:", "post:"), post.rank.name());
            let next = Post {
                id: format!("{holder}/{}/{}/{rank}/{}", post.organisation, post.region, post.duty),
                person: follower.to_owned(),
                note: None,
                valid_from: Some(now),
                valid_until: None,
                ..post
            };
            tx.put(&next)?;
            tx.record(Event::new("post.passed_on", &next.id).region(&next.region))?;
            touched.posts.insert(next.id);
        }
    }
    Ok(())
}

/// What a question is about, in words that give away no more than the callee knows.
pub fn question(subject_is_person: bool, lang: Lang) -> &'static str {
    if subject_is_person {
        lang.pick(
            "您是否仍担任以下岗位，这个号码是否仍能找到您？",
            "Do you still hold these posts, and does this number still reach you?",
        )
    } else {
        lang.pick(
            "以下对象是否仍由您负责，登记内容是否仍属实？",
            "Do you still answer for this, and does what is registered still hold?",
        )
    }
}

/// Clears what an erased person said.
pub(super) fn forget(tx: &mut Tx<'_>, person: &str) -> Result<(), StoreError> {
    for ask in tx.find::<Ask>("callee = $1 AND proposal IS NOT NULL", "ORDER BY id", params![person])? {
        tx.put(&Ask { proposal: None, ..ask.clone() })?;
        tx.record(Event::new("ask.forgotten", &ask.id).region(&ask.region))?;
    }
    Ok(())
}

/// How many answers of somebody are kept, in every area: an erasure leaves none out.
pub(super) fn kept_everywhere(tx: &mut Tx<'_>, person: &str) -> Result<i64, StoreError> {
    let rows =
        tx.query_everywhere("SELECT COUNT(*) FROM ask WHERE callee = $1 AND proposal IS NOT NULL", params![person])?;
    rows.first().map_or(Ok(0), |it| it.int(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proposal_says_something_and_gives_numbers_that_ring() {
        let said = |phone: &str, left: bool| tidy(Proposal { phone: phone.into(), left, ..Proposal::default() });
        assert_eq!(said("154 0002 9001", false).unwrap().phone, "15400029001");
        assert_eq!(said("待补", false).unwrap_err().code, "bad_phone");
        assert_eq!(said("", false).unwrap_err().code, "nothing_said");
        assert!(said("", true).unwrap().left);
    }
}
