//! Records changed through the doors: load, look, write, in one transaction each.

use std::collections::BTreeSet;

use anlan_kernel::{Lang, Problem, Text};
use anlan_store::{Event, StoreError, Tx, Urgency};
use anlan_web::{ApiError, ApiResult, Who};
use serde_json::json;

use super::{
    Cause, Of, Outcome, Record, Room, attachments,
    drafts::Sent,
    history, links,
    refs::{self, Resolver, Wanted},
    show, write,
};
use crate::kinds::{
    Kind,
    value::{self, Values},
};

/// What became of something that was sent.
#[derive(Clone, Debug)]
pub(crate) enum Saved {
    /// It stands; `false` where it stood so before.
    Done(Box<Record>, bool),
    /// It does not, for these reasons.
    Wrong(Vec<Problem>),
    /// Somebody else changed the record meanwhile: what, and the revision it has now.
    Stale(Problem, i64),
}

impl Saved {
    /// For programs: the record, or the refusal.
    pub fn or_refusal(self) -> ApiResult<(Record, bool)> {
        match self {
            Self::Done(record, changed) => Ok((*record, changed)),
            Self::Wrong(problems) => Err(ApiError::of_problems(problems)),
            Self::Stale(problem, _) => Err(problem.into()),
        }
    }
}

/// A record inside the reader's duty areas, with its kind.
pub(crate) async fn find(room: &Room, who: &Who, id: &str) -> ApiResult<(Record, Of)> {
    let wanted = id.to_owned();
    let found = room.site.world.read(&who.actor, move |tx| tx.get::<Record>(&wanted)).await?;
    let record = found.ok_or_else(ApiError::not_found)?;
    let of = room.of(who, &record.kind)?;
    Ok((record, of))
}

/// Writes what was sent: a new record, or the one with this id.
pub(crate) async fn save(room: &Room, who: &Who, of: &Of, id: Option<String>, sent: Sent) -> ApiResult<Saved> {
    let (of, by) = (of.clone(), who.actor.name.clone());
    let unit = move |tx: &mut Tx<'_>| save_in(tx, &of, id.as_deref(), &sent, &by);
    Ok(room.site.world.write("record.save", Urgency::Urgent, &who.actor, unit).await?)
}

fn save_in(tx: &mut Tx<'_>, of: &Of, id: Option<&str>, sent: &Sent, by: &str) -> Result<Saved, StoreError> {
    let before = match id {
        Some(id) => Some(tx.get::<Record>(id)?.ok_or_else(missing)?),
        None => None,
    };
    if let (Some(before), Some(seen)) = (&before, sent.revision)
        && before.revision != seen
    {
        return Ok(Saved::Stale(history::since(tx, of, before, seen)?, before.revision));
    }
    let mut sent = sent.clone();
    let unchanged = before.as_ref().map(Record::values).unwrap_or_default();
    resolve(tx, &of.kind, &mut sent, &unchanged)?;
    if let Some(region) = sent.draft.region.as_ref().filter(|it| !tx.actor().scope.covers(it)) {
        let (zh, en) = (format!("{region} 不在您的责任区内"), format!("{region} lies outside your duty areas"));
        sent.problems.push(Problem::new("outside", zh, en).field("区划"));
    }
    let cause = Cause::entered(sent.why.clone());
    let now = tx.now();
    let ready = write::prepare(&of.catalog, &of.kind, sent.draft, before.as_ref(), &cause, by, now);
    let ready = match ready {
        Ok(it) if sent.problems.is_empty() => it,
        other => return Ok(Saved::Wrong(joined(sent.problems, other.err().unwrap_or_default()))),
    };
    Ok(match write::write(tx, &of.catalog, &of.kind, ready, &cause)? {
        Outcome::Created(it) | Outcome::Changed(it) => Saved::Done(it, true),
        Outcome::Same(it) => Saved::Done(it, false),
        Outcome::Refused(problems) => Saved::Wrong(problems),
    })
}

/// What could not be read, and what is wrong with the rest; of one field only the first.
fn joined(mut unread: Vec<Problem>, wrong: Vec<Problem>) -> Vec<Problem> {
    let named: BTreeSet<Option<String>> = unread.iter().map(|it| it.place.field.clone()).collect();
    unread.extend(wrong.into_iter().filter(|it| !named.contains(&it.place.field)));
    unread
}

/// Puts ids in place of names; ids that stood there stay, wherever they lie.
pub(crate) fn resolve(tx: &mut Tx<'_>, kind: &Kind, sent: &mut Sent, before: &Values) -> Result<(), StoreError> {
    let mut wanted = Wanted::default();
    wanted.values(kind, &sent.draft.values);
    let unit = sent.owner.clone().filter(|it| !it.is_empty());
    if let Some(it) = &unit {
        wanted.unit(it);
    }
    let mut resolver = Resolver::load(tx, &wanted)?;
    let references = kind.fields.iter().filter(|it| refs::is_reference(it)).filter_map(|it| before.get(&it.id));
    let known: BTreeSet<String> = references.flat_map(value::every).map(value::plain).collect();
    resolver.know(known);
    sent.problems.extend(resolver.resolve(kind, &mut sent.draft.values));
    if sent.owner.is_some() {
        sent.draft.owner = match unit.map(|it| resolver.unit(&it)).transpose() {
            Ok(it) => it,
            Err(problem) => {
                sent.problems.push(problem.field("责任单位"));
                None
            }
        };
    }
    if let Some(region) = &sent.region {
        match resolver.region(&[region]) {
            Ok(it) => sent.draft.region = Some(it),
            Err(problem) => sent.problems.push(problem.field("区划")),
        }
    }
    Ok(())
}

pub(crate) fn missing() -> StoreError {
    let (zh, en) = ("没有这条记录，或不在您的责任区内", "there is no such record, or it lies outside your duty area");
    Problem::new("no_such_record", zh, en).into()
}

/// Removes a record that nothing points to.
pub(crate) async fn remove(room: &Room, who: &Who, id: &str, why: &str) -> ApiResult<()> {
    let (id, why, catalog) = (id.to_owned(), reason(why)?, room.register.catalog());
    let unit = move |tx: &mut Tx<'_>| {
        let record = tx.get::<Record>(&id)?.ok_or_else(missing)?;
        refuse_linked(tx, &catalog, &record)?;
        let files = attachments::of_record(tx, &record.id)?;
        write::remove(tx, &record, &why, "record.deleted")?;
        Ok(files.into_iter().map(|it| it.digest).collect::<Vec<_>>())
    };
    let digests = room.site.world.write("record.delete", Urgency::Urgent, &who.actor, unit).await?;
    attachments::sweep(room, digests).await
}

/// A record that others point to is not removed under them.
pub(crate) fn refuse_linked(
    tx: &mut Tx<'_>,
    catalog: &crate::kinds::Catalog,
    record: &Record,
) -> Result<(), StoreError> {
    if !links::any_to(tx, catalog, record)? {
        return Ok(());
    }
    let (zh, en) = ("还有别的记录关联着它，请先改掉那些关联", "other records are linked to it; change those first");
    Err(Problem::new("still_linked", zh, en).into())
}

/// A reason has to be given.
pub(crate) fn reason(why: &str) -> ApiResult<String> {
    let why = why.trim();
    if why.is_empty() {
        return Err(Problem::new("bad_reason", "请写明删除原因", "say why it is deleted").field("why").into());
    }
    Ok(why.chars().take(200).collect())
}

/// Confirms that a record still holds.
pub(crate) async fn verify(room: &Room, who: &Who, id: &str) -> ApiResult<Record> {
    let id = id.to_owned();
    let unit = move |tx: &mut Tx<'_>| {
        let record = tx.get::<Record>(&id)?.ok_or_else(missing)?;
        write::verify(tx, &record, "confirmed")?;
        tx.get::<Record>(&id)?.ok_or_else(missing)
    };
    Ok(room.site.world.write("record.verify", Urgency::Urgent, &who.actor, unit).await?)
}

/// Personal fields in clear; the look is journaled.
pub(crate) async fn unmask(room: &Room, who: &Who, id: &str) -> ApiResult<Values> {
    let (record, of) = find(room, who, id).await?;
    let unit = move |tx: &mut Tx<'_>| {
        let record = tx.get::<Record>(&record.id)?.ok_or_else(missing)?;
        let looked = of.kind.fields.iter().filter(|it| it.personal.is_some() && of.reader.sees(it));
        let shown: Values = looked.filter_map(|it| Some((it.id.clone(), record.value(&it.id)?.clone()))).collect();
        let detail = json!({"kind": record.kind, "fields": shown.keys().collect::<Vec<_>>()});
        tx.record(Event::new("record.unmasked", &record.id).region(&record.region).detail(detail))?;
        Ok(shown)
    };
    Ok(room.site.world.write("record.unmask", Urgency::Urgent, &who.actor, unit).await?)
}

/// Erases a record with personal data: its key is destroyed, so that the journal holds nothing readable; row, files,
/// index and place in the one box go in the same transaction.
pub(crate) async fn erase(room: &Room, who: &Who, id: &str) -> ApiResult<()> {
    let wanted = id.to_owned();
    let unit = move |tx: &mut Tx<'_>| {
        let record = tx.get::<Record>(&wanted)?.ok_or_else(missing)?;
        let Some(subject) = record.subject.clone() else {
            let (zh, en) = ("这条记录没有个人信息，请用“删除”", "it holds no personal data; delete it instead");
            return Err(Problem::new("not_personal", zh, en).into());
        };
        let files = attachments::of_record(tx, &record.id)?;
        write::remove(tx, &record, "依法删除个人信息", "record.erased")?;
        tx.destroy_key(&subject)?;
        anlan_web::forget_answers(tx)?;
        crate::start::draft::forget_all(tx)?;
        Ok(files.into_iter().map(|it| it.digest).collect::<Vec<_>>())
    };
    let digests = room.site.world.write("record.erase", Urgency::Urgent, &who.actor, unit).await?;
    attachments::sweep(room, digests).await?;
    crate::transfer::forget_all(&room.site.world)?;
    Ok(room.site.world.scrub().await?)
}

/// Words that name somebody's change.
pub(crate) fn by_whom(name: &str, lang: Lang) -> String {
    let who = show::actor(name);
    if name.starts_with("user:") {
        who.to_owned()
    } else {
        Text::new(format!("系统（{who}）"), format!("system ({who})")).get(lang).to_owned()
    }
}
