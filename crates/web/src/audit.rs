//! Search of the sealed journal (操作日志): what was asked for, the entries that meet it, newest first.
//!
//! A page goes on before the position of its last entry, so nothing moves while more is written. Every search and
//! every export is an entry itself. Personal data stays sealed: nothing here opens it.

use std::collections::{BTreeMap, HashMap};

use anlan_kernel::{Actor, Instant, Problem, RegionCode};
use anlan_store::{Event, Row, StoreError, Tx, Urgency, World};
use serde_json::{Value as Json, json};

use crate::list::{Condition, pattern};

/// Entries of one page.
pub const PAGE: usize = 50;
/// Entries of a file at most; one that is cut says so.
pub const SHEET: usize = 50_000;
/// What shows somebody a person's data in clear, or takes it along.
pub const LOOKS: &[&str] = &[
    "escalation.list_opened",
    "evidence.seen",
    "people.exported",
    "person.unmasked",
    "record.unmasked",
    "register.exported",
];
/// The value of the filter that stands for [`LOOKS`].
pub const ANY_LOOK: &str = "looks";
/// Characters of a value at most.
const LONGEST: usize = 100;

/// The filters, as an address names them.
pub const FILTERS: [&str; 7] = ["from", "to", "actor", "event", "subject", "region", "text"];

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub struct Search {
    values: BTreeMap<&'static str, String>,
    from: Option<Instant>,
    to: Option<Instant>,
    region: Option<RegionCode>,
    before: Option<i64>,
}

/// One sealed entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number in the chain.
    pub position: i64,
    /// World time.
    pub at: Instant,
    /// Who.
    pub actor: String,
    /// Under which 牌子.
    pub hat: String,
    /// `noun.verb`.
    pub event: String,
    /// Key of the thing.
    pub subject: String,
    /// Where.
    pub region: String,
    /// Pack version that decided.
    pub pack: String,
    /// Facts and changes, personal data sealed.
    pub body: Json,
}

impl Search {
    /// What an address asks for; unknown parameters are left out.
    ///
    /// # Errors
    /// `bad_time`, `bad_region`, `bad_page`, naming the field.
    pub fn of(address: &HashMap<String, String>) -> Result<Self, Problem> {
        let given = |name: &str| address.get(name).map(|it| tidy(it)).filter(|it| !it.is_empty());
        let time = |name: &'static str| given(name).map(|it| moment(&it, name)).transpose();
        let region = given("region").map(|it| RegionCode::parse(&it).map_err(|_| bad_region(&it))).transpose()?;
        Ok(Self {
            values: FILTERS.into_iter().filter_map(|it| Some((it, given(it)?))).collect(),
            from: time("from")?,
            to: time("to")?,
            region,
            before: given("before").map(|it| it.parse().map_err(|_| bad_page())).transpose()?,
        })
    }

    /// The value of a filter; empty where none is given.
    pub fn get(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// The person, or the record about one, whose lookers are asked for (谁查看过此人).
    pub fn lookers_of(&self) -> Option<&str> {
        let looks = self.get("event") == ANY_LOOK || LOOKS.contains(&self.get("event"));
        Some(self.get("subject")).filter(|it| looks && !it.is_empty())
    }

    /// The filters as an address carries them on.
    pub fn words(&self) -> String {
        self.values.iter().map(|(name, it)| format!("{name}={}", crate::percent(it))).collect::<Vec<_>>().join("&")
    }

    fn condition(&self) -> Condition {
        let mut by = Condition::default();
        by.plain("position IS NOT NULL");
        if let Some(before) = self.before {
            by.and("position < ?", before);
        }
        if let Some(from) = self.from {
            by.and("at >= ?", from);
        }
        if let Some(to) = self.to {
            by.and("at <= ?", to);
        }
        match self.get("actor") {
            "" => {}
            it if it.contains(':') => by.and("actor = ?", it),
            it => by.and("actor = ?", format!("user:{it}")),
        }
        match self.get("event") {
            "" => {}
            ANY_LOOK => by.one_of("event", &LOOKS.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()),
            it => by.and("event = ?", it),
        }
        if !self.get("subject").is_empty() {
            by.and("subject = ?", self.get("subject"));
        }
        if let Some(region) = &self.region {
            by.inside("region", region);
        }
        if !self.get("text").is_empty() {
            by.and("LOWER(subject) LIKE ? ESCAPE '!'", pattern(self.get("text")));
        }
        by
    }

    /// The filters as the journal keeps them: values that may be a name or a number are left out.
    fn kept(&self) -> Json {
        self.values.iter().map(|(name, it)| (*name, if may_be_personal(it) { "…" } else { it })).collect()
    }
}

/// Entries that meet the search inside the actor's scope, newest first, and that they were looked for.
///
/// # Errors
/// What the store says.
pub async fn find(
    world: &World,
    by: &Actor,
    search: &Search,
    most: usize,
    event: &'static str,
) -> Result<Vec<Entry>, StoreError> {
    let mut detail = json!({"filter": search.kept()});
    if let Some(before) = search.before {
        detail["before"] = json!(before);
    }
    world
        .write("journal.search", Urgency::Urgent, by, move |tx| {
            tx.record(Event::new(event, "journal").detail(detail.clone()))
        })
        .await?;
    let search = search.clone();
    world.read(by, move |tx| entries(tx, &search, most)).await
}

fn entries(tx: &mut Tx<'_>, search: &Search, most: usize) -> Result<Vec<Entry>, StoreError> {
    let (condition, mut values) = search.condition().finish();
    values.push(most.into());
    let sql = format!(
        "SELECT position, at, actor, hat, event, subject, region, pack, body FROM journal
          WHERE {condition} AND {{scope:region}} ORDER BY position DESC LIMIT ${}",
        values.len()
    );
    tx.query(&sql, &values)?.iter().map(entry).collect()
}

fn entry(row: &Row) -> Result<Entry, StoreError> {
    let text = |i| Ok::<_, StoreError>(row.opt(i, Row::text)?.unwrap_or_default());
    Ok(Entry {
        position: row.int(0)?,
        at: row.instant(1)?,
        actor: row.text(2)?,
        hat: text(3)?,
        event: row.text(4)?,
        subject: row.text(5)?,
        region: text(6)?,
        pack: text(7)?,
        body: serde_json::from_str(&row.text(8)?)?,
    })
}

impl Entry {
    /// The facts, and what was changed to what; sealed values as 〔封存〕.
    pub fn contents(&self) -> String {
        let facts = self.body.get("detail").filter(|it| !it.is_null()).map(Json::to_string);
        let changes = self.body.get("changes").and_then(Json::as_array).into_iter().flatten();
        let lines = changes.map(|it| {
            let text = |name: &str| it.get(name).and_then(Json::as_str).unwrap_or_default();
            let row = it.get("r").map(covered).filter(|it| !it.is_null());
            format!("{} {} → {}", text("t"), text("k"), row.map_or_else(|| "∅".to_owned(), |it| it.to_string()))
        });
        facts.into_iter().chain(lines).collect::<Vec<_>>().join("\n")
    }
}

/// A changed row with its sealed columns covered.
fn covered(row: &Json) -> Json {
    let Json::Object(row) = row else { return row.clone() };
    let cover = |it: &Json| if it.get("sealed").is_some() { json!("〔封存〕") } else { it.clone() };
    Json::Object(row.iter().map(|(name, it)| (name.clone(), cover(it))).collect())
}

fn tidy(text: &str) -> String {
    text.trim().chars().filter(|it| !it.is_control()).take(LONGEST).collect()
}

/// Keys are letters, digits and marks; Chinese words may be a name, and seven digits by themselves a number.
fn may_be_personal(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let is_time = value.starts_with(|it: char| it.is_ascii_digit()) && value.contains(['-', 'T']);
    !value.is_ascii() || (digits >= 7 && digits == value.len() && digits != 12 && digits != 9) && !is_time
}

/// A day, a minute of a day, or a moment with its offset; the first two stand on the bureau's clock, and the end of a
/// range includes them.
fn moment(text: &str, name: &'static str) -> Result<Instant, Problem> {
    let end = name == "to";
    let full = match (text.len(), end) {
        (10, false) => format!("{text}T00:00:00+08:00"),
        (10, true) => format!("{text}T23:59:59.999999+08:00"),
        (16, false) => format!("{text}:00+08:00"),
        (16, true) => format!("{text}:59.999999+08:00"),
        _ => text.to_owned(),
    };
    Instant::parse(&full).map_err(|_| {
        Problem::new(
            "bad_time",
            format!("“{text}”不是时间，例：2023-09-01 或 2023-09-01T20:15"),
            format!("{text:?} is no time; such as 2023-09-01 or 2023-09-01T20:15"),
        )
        .field(name)
    })
}

fn bad_region(text: &str) -> Problem {
    Problem::new("bad_region", format!("“{text}”不是区划代码"), format!("{text:?} is no region code")).field("region")
}

fn bad_page() -> Problem {
    Problem::new("bad_page", "before 应为已读到的位置", "before is the position read last").field("before")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_time_includes_the_day_and_the_minute_it_names() {
        for (text, name, want) in [
            ("2023-09-01", "from", "2023-08-31T16:00:00Z"),
            ("2023-09-01", "to", "2023-09-01T15:59:59.999999Z"),
            ("2023-09-01T20:15", "from", "2023-09-01T12:15:00Z"),
            ("2023-09-01T20:15", "to", "2023-09-01T12:15:59.999999Z"),
            ("2023-09-01T20:15:30+08:00", "to", "2023-09-01T12:15:30Z"),
        ] {
            assert_eq!(moment(text, name).unwrap().to_rfc3339(), want, "{name} {text}");
        }
        for wrong in ["昨天", "2023-13-01", "2023-09-01T8:15"] {
            assert_eq!(moment(wrong, "from").unwrap_err().code, "bad_time", "{wrong}");
        }
    }

    #[test]
    fn what_may_be_a_name_or_a_number_is_not_kept() {
        for (value, personal) in [
            ("张三", true),
            ("13800138000", true),
            ("5551234", true),
            ("person:000000012", false),
            ("440303001", false),
            ("2023-09-01T20:15", false),
            ("zhang", false),
            ("person.unmasked", false),
        ] {
            assert_eq!(may_be_personal(value), personal, "{value}");
        }
    }
}
