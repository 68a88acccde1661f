//! 历史: who changed what of a record, when and why, from the journal.

use anlan_kernel::{Instant, Lang, Problem, Text};
use anlan_store::{
    StoreError, Tx,
    journal::{self, Entry, Left},
};
use serde_json::{Value as Json, json};

use super::{Of, Record, refs::Names, service, show};
use crate::kinds::{Kind, value};

/// One thing that happened to a record.
#[derive(Clone, Debug)]
pub struct Step {
    /// When.
    pub at: Instant,
    /// Who.
    pub actor: String,
    /// `record.changed` and others.
    pub event: String,
    /// Why, in the words of whoever did it.
    pub why: Option<String>,
    /// The import it belongs to.
    pub batch: Option<String>,
    /// The revision it led to, where it changed the record.
    pub revision: Option<i64>,
    /// What it changed.
    pub differences: Vec<Difference>,
}

/// What one step changed of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Id of the field, or `region`, `place`, `owner`.
    pub field: String,
    /// Its title.
    pub title: Text,
    /// What stood there, as the reader may see it; empty for nothing.
    pub before: String,
    /// What stands there since.
    pub after: String,
}

/// What happened to the record as far as it happened inside the reader's duty areas, oldest first.
///
/// # Errors
/// What the engine says.
pub(crate) fn read(tx: &mut Tx<'_>, of: &Of, id: &str, lang: Lang) -> Result<Vec<Step>, StoreError> {
    let entries = journal::of_subject(tx, id)?;
    let mut states = Vec::with_capacity(entries.len());
    for entry in &entries {
        states.push(journal::left::<Record>(tx, entry, id)?);
    }
    let standing: Vec<&Record> = states.iter().filter_map(record_of).collect();
    let names = Names::of(tx, &of.catalog, &of.kind, &of.reader, &standing)?;
    let mut stands: Option<&Record> = None;
    let mut steps = Vec::with_capacity(entries.len());
    for (entry, state) in entries.iter().zip(&states) {
        let mut step = step(entry);
        if let Some(record) = record_of(state) {
            step.revision = Some(record.revision);
            step.differences = differences(of, &names, stands, record, lang);
            stands = Some(record);
        }
        steps.push(step);
    }
    Ok(steps)
}

fn record_of(state: &Left<Record>) -> Option<&Record> {
    match state {
        Left::Standing(it) => Some(it),
        Left::Untouched | Left::Removed => None,
    }
}

/// The record as it last stood inside the reader's duty areas; `None` unless it stands there still or was removed there.
///
/// # Errors
/// What the engine says.
pub(crate) fn last(tx: &mut Tx<'_>, id: &str) -> Result<Option<Record>, StoreError> {
    if let Some(record) = tx.get::<Record>(id)? {
        return Ok(Some(record));
    }
    let (mut stood, mut removed) = (None, false);
    for entry in journal::of_subject(tx, id)? {
        match journal::left::<Record>(tx, &entry, id)? {
            Left::Standing(it) => (stood, removed) = (Some(it), false),
            Left::Removed => removed = true,
            Left::Untouched => {}
        }
    }
    Ok(stood.filter(|_| removed))
}

fn step(entry: &Entry) -> Step {
    let body: Json = serde_json::from_str(&entry.body).unwrap_or_default();
    let text = |name: &str| body["detail"][name].as_str().filter(|it| !it.is_empty()).map(str::to_owned);
    Step {
        at: entry.at,
        actor: entry.actor.clone(),
        event: entry.event.clone(),
        why: text("why"),
        batch: text("batch"),
        revision: None,
        differences: Vec::new(),
    }
}

/// What a column says of a record.
type Words<'a> = &'a dyn Fn(&Record) -> String;

fn differences(of: &Of, names: &Names, before: Option<&Record>, after: &Record, lang: Lang) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut add = |field: &str, title: Text, before: String, after: String| {
        found.push(Difference { field: field.to_owned(), title, before, after });
    };
    let region = |it: &Record| names.region(it.region.as_str());
    let owner = |it: &Record| it.owner.as_deref().map(|it| names.unit(it)).unwrap_or_default();
    let own: [(&str, Text, Words<'_>); 3] = [
        ("region", Text::new("责任区", "Region"), &region),
        ("place", Text::new("位置", "Place"), &|it| place(&of.kind, it, of)),
        ("owner", Text::new("责任单位", "Unit"), &owner),
    ];
    for (field, title, words) in own {
        let (a, b) = (before.map(words).unwrap_or_default(), words(after));
        if a != b {
            add(field, title, a, b);
        }
    }
    let words = |record: &Record, field| {
        show::cell(&of.catalog, names, field, record, &of.reader, lang).map(|it| it.words).unwrap_or_default()
    };
    for field in of.kind.fields.iter().filter(|it| of.reader.sees(it) && it.computed.is_none()) {
        let value = |it: &Record| it.value(&field.id).filter(|it| !value::is_empty(it)).cloned();
        if before.and_then(value) != value(after) {
            add(
                &field.id,
                field.title.clone(),
                before.map(|it| words(it, field)).unwrap_or_default(),
                words(after, field),
            );
        }
    }
    found
}

fn place(kind: &Kind, record: &Record, of: &Of) -> String {
    let Some((longitude, latitude)) = record.longitude.zip(record.latitude) else { return String::new() };
    if !show::shows_place(kind, &of.reader) {
        return "···".to_owned();
    }
    let shape =
        record.geometry.as_ref().and_then(|it| it["type"].as_str()).map(|it| format!(" {it}")).unwrap_or_default();
    format!("{longitude:.6}, {latitude:.6}{shape}")
}

/// Who changed what since the revision somebody saw.
pub(crate) fn since(tx: &mut Tx<'_>, of: &Of, record: &Record, seen: i64) -> Result<Problem, StoreError> {
    let steps = read(tx, of, &record.id, Lang::Zh)?;
    let later: Vec<&Step> = steps.iter().filter(|it| it.revision.is_some_and(|it| it > seen)).collect();
    let now = tx.now();
    let words = |lang: Lang| {
        let said = later.iter().map(|step| {
            let fields: Vec<&str> = step.differences.iter().map(|it| it.title.get(lang)).collect();
            let what = if fields.is_empty() {
                lang.pick("核实", "verified it").to_owned()
            } else {
                fields.join(lang.pick("、", ", "))
            };
            format!("{} {} {what}", service::by_whom(&step.actor, lang), step.at.clock_or_day(now))
        });
        said.collect::<Vec<_>>().join(lang.pick("；", "; "))
    };
    Ok(Problem::new(
        "stale",
        format!("您打开以后别人改过这条记录：{}。请核对后再保存", words(Lang::Zh)),
        format!("somebody changed this record since you opened it: {}. Look again before you save", words(Lang::En)),
    ))
}

/// A step for a program.
pub(crate) fn json(step: &Step, lang: Lang) -> Json {
    let differences: Vec<Json> = step
        .differences
        .iter()
        .map(|it| json!({"field": it.field, "title": it.title.get(lang), "before": it.before, "after": it.after}))
        .collect();
    json!({
        "at": step.at, "actor": step.actor, "event": step.event, "why": step.why, "batch": step.batch,
        "revision": step.revision, "differences": differences,
    })
}
