//! Find (查找): one box for names, spellings, ends of numbers, codes, plates and addresses.
//!
//! Owns an index that is made from what is indexed, in the same transaction, and can be made again at any time; it is in no
//! journal and no backup. Does not know what an entry is the entry of.
//!
//! # Promises
//! - Nothing outside the reader's duty areas is found or counted: the areas stand in the index and in the statement.
//! - Whoever may see no name finds a person by the whole name or the whole number alone, and the name comes back masked.
//! - Of a person's number nobody finds more than its end as a masked one shows it, or the whole.
//! - What is removed, an erased person above all, is gone from the index in the same transaction.
//!
//! Nearest first: the whole title, a key, or the end of a number; titles that begin so; titles that hold all words;
//! entries that hold them anywhere. Where a step holds more than [`STEP`] entries, as many of them are looked at.

mod api;
mod ask;
mod expr;
mod fill;
mod pages;
mod spelling;
mod sql;
mod words;

pub use api::routes;
pub use fill::{Filler, is_ready, ready, rebuild};
pub(crate) use fill::{Touched, refresh};
pub(crate) use sql::MIGRATION;

use std::collections::BTreeSet;

use anlan_kernel::{RegionCode, Scope};
use anlan_store::{StoreError, Tx};
use serde::Serialize;

use crate::model::masked_name;
use ask::Typed;
use expr::Expr;

/// Kind of people.
pub const PERSON: &str = "person";
/// Kind of posts.
pub const POST: &str = "post";
/// Kind of organisations.
pub const ORGANISATION: &str = "organisation";
/// Kind of regions.
pub const REGION: &str = "region";

/// Entries of one step that are looked at, before the nearest of them are taken.
pub const STEP: usize = 200;
/// Counts end here: `1000` means that many or more.
pub const COUNTED: usize = 1_000;

/// What is found under the words of a thing.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// Its id, among all kinds: `person:000000001`, `record:…`.
    pub subject: &'a str,
    /// What kind of thing: letters, digits, `-` and `_`.
    pub kind: &'a str,
    /// Where it lies; decides who finds it.
    pub region: &'a RegionCode,
    /// Its name; found by characters, spelling and initials.
    pub title: &'a str,
    /// A second line; found by characters.
    pub detail: &'a str,
    /// What else it is found by.
    pub words: Vec<Word<'a>>,
    /// Whether it is about a person: whoever sees no names finds it by the whole title or number alone.
    pub personal: bool,
}

/// Something an entry is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word<'a> {
    /// Another name; found like the title.
    Name(&'a str),
    /// An address.
    Address(&'a str),
    /// A telephone number; found by its end.
    Phone(&'a str),
    /// A code such as 统一社会信用代码; found by its beginning, from the fourth letter.
    Code(&'a str),
    /// A number plate; found by its beginning and its end.
    Plate(&'a str),
    /// Any other text.
    Text(&'a str),
}

/// What somebody looks for.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// As typed: several words all have to be there.
    pub text: &'a str,
    /// Of these kinds only.
    pub kinds: Option<&'a [&'a str]>,
    /// Of none of these kinds.
    pub without: &'a [&'a str],
    /// Most hits.
    pub most: usize,
    /// Whether the reader sees names.
    pub clear: bool,
}

/// Why an entry was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// By the whole title, by a key, or the end of a number.
    Key,
    /// The title begins so.
    Start,
    /// All words stand in the title.
    Title,
    /// They stand somewhere.
    Words,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hit {
    /// Its id.
    pub subject: String,
    /// What kind of thing.
    pub kind: String,
    /// Where it lies.
    pub region: RegionCode,
    /// Its name, masked where the reader sees none.
    pub title: String,
    /// A second line.
    pub detail: String,
    /// Why it was found.
    pub why: Why,
}

/// How many of a kind were found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Count {
    /// The kind.
    pub kind: String,
    /// How many; [`COUNTED`] means that many or more.
    pub count: usize,
}

/// Puts an entry into the index, or in place of the one it has.
///
/// # Errors
/// What the engine says.
pub fn put(tx: &mut Tx<'_>, entry: &Entry<'_>) -> Result<(), StoreError> {
    put_many(tx, std::slice::from_ref(entry))
}

/// [`put`] for many; of two with one subject the last counts.
///
/// # Errors
/// What the engine says.
pub fn put_many(tx: &mut Tx<'_>, entries: &[Entry<'_>]) -> Result<(), StoreError> {
    sql::put(tx, entries)
}

/// Takes an entry out of the index; none there is no fault.
///
/// # Errors
/// What the engine says.
pub fn remove(tx: &mut Tx<'_>, subject: &str) -> Result<(), StoreError> {
    sql::remove(tx, subject)
}

/// What the reader finds, nearest first and the same each time.
///
/// # Errors
/// What the engine says.
pub fn search(tx: &mut Tx<'_>, ask: &Ask<'_>) -> Result<Vec<Hit>, StoreError> {
    let Some(limits) = limits(tx, ask) else { return Ok(Vec::new()) };
    sql::prepare(tx)?;
    let typed = Typed::read(ask.text);
    let (mut hits, mut seen) = (Vec::new(), BTreeSet::new());
    let steps = [
        (Why::Key, typed.key()),
        (Why::Start, typed.start()),
        (Why::Title, typed.title()),
        (Why::Words, typed.anywhere()),
    ];
    for (why, step) in steps {
        if hits.len() >= ask.most {
            break;
        }
        let Some(step) = visible(step, (why == Why::Key).then_some(&typed), ask.clear) else { continue };
        let mut found = sql::find(tx, &step.and(limits.clone()), STEP.max(ask.most))?;
        found.sort_by(|a, b| (a.title.chars().count(), a).cmp(&(b.title.chars().count(), b)));
        found.retain(|it| seen.insert(it.subject.clone()));
        hits.extend(found.into_iter().map(|it| it.shown(why, ask.clear)));
    }
    hits.truncate(ask.most);
    Ok(hits)
}

/// How many of each kind the reader finds.
///
/// # Errors
/// What the engine says.
pub fn counts(tx: &mut Tx<'_>, ask: &Ask<'_>) -> Result<Vec<Count>, StoreError> {
    let Some(limits) = limits(tx, ask) else { return Ok(Vec::new()) };
    sql::prepare(tx)?;
    let typed = Typed::read(ask.text);
    let Some(all) = visible(Expr::any(typed.key().into_iter().chain(typed.anywhere())), Some(&typed), ask.clear) else {
        return Ok(Vec::new());
    };
    let all = all.and(limits);
    let together = sql::counts(tx, &all, COUNTED)?;
    if together.iter().map(|it| it.count).sum::<usize>() < COUNTED {
        return Ok(together);
    }
    let mut counts = Vec::new();
    for kind in sql::kinds(tx)? {
        counts.extend(sql::counts(tx, &all.clone().and(expr_of_kind(&kind)), COUNTED)?);
    }
    Ok(counts)
}

fn expr_of_kind(kind: &str) -> Option<Expr> {
    ask::kinds(&[kind])
}

/// Duty areas and kinds; `None` where the reader can find nothing.
fn limits(tx: &Tx<'_>, ask: &Ask<'_>) -> Option<Option<Expr>> {
    let areas = match &tx.actor().scope {
        Scope::Everywhere => None,
        Scope::Regions(regions) if regions.is_empty() => return None,
        Scope::Regions(regions) => ask::regions(regions.iter().map(RegionCode::as_str)),
    };
    let wanted: Option<Vec<&str>> =
        ask.kinds.map(|it| it.iter().copied().filter(|it| !ask.without.contains(it) && sql::is_kind(it)).collect());
    match wanted {
        Some(kinds) if kinds.is_empty() => None,
        Some(kinds) => Some(Expr::all(areas.into_iter().chain(ask::kinds(&kinds)))),
        None => Some(areas),
    }
}

/// Leaves people out for whoever sees no names, but for those who are named or numbered in full.
fn visible(step: Option<Expr>, named: Option<&Typed>, clear: bool) -> Option<Expr> {
    if clear {
        return step;
    }
    let person = || Expr::Word("x".to_owned());
    let others = step.map(|it| it.but(Some(person())));
    let named = named.and_then(Typed::person).map(|it| it.and(Some(person())));
    Expr::any(others.into_iter().chain(named))
}

/// A row of the index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    title: String,
    subject: String,
    kind: String,
    region: RegionCode,
    detail: String,
    personal: bool,
}

impl Found {
    fn shown(self, why: Why, clear: bool) -> Hit {
        let title = if self.personal && !clear { masked_name(&self.title) } else { self.title };
        Hit { subject: self.subject, kind: self.kind, region: self.region, title, detail: self.detail, why }
    }
}
