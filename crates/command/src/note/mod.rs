//! Telephone notes (电话记录): who, one sentence, the time by itself.

mod api;
mod pages;

use anlan_kernel::{Actor, Instant, Problem, RegionCode, Text};
use anlan_register::phone;
use anlan_store::{Advanced, Event, StoreError, Tx, Urgency as Pace, params};
use anlan_warn::{Call, flow::CallEvent};
use anlan_web::{
    Mounted, Who,
    list::{Condition, pattern},
    percent,
};
use serde::{Deserialize, Serialize};

pub(crate) use pages::dialog;

use crate::{
    Command, Room, TodoItem,
    forward::words,
    service::{home_of, no_such},
    todo::Urgency,
};

/// A telephone note; what was said and by whom is sealed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// `note-<day>-<number>`.
    pub id: String,
    /// Whose desk took it.
    pub region: RegionCode,
    /// When.
    pub at: Instant,
    /// By whom.
    pub taken_by: String,
    /// Name and unit of who called.
    pub caller: Option<String>,
    /// Their number.
    pub number: Option<String>,
    /// One sentence.
    pub words: Option<String>,
    /// The call it closed.
    pub call: Option<String>,
    /// Somebody has to look after it.
    pub follow_up: bool,
    /// When that was done.
    pub done_at: Option<Instant>,
    /// By whom.
    pub done_by: Option<String>,
    /// For optimistic changes.
    pub revision: i64,
}

anlan_store::table!(Note, NOTE, "telephone_note", region: "region", sealed: ["caller", "number", "words"] of "id", {
    id: Text, region: Text, at: Time, taken_by: Text, caller: Text, number: Text, words: Text, call: Text,
    follow_up: Bool, done_at: Time, done_by: Text, revision: Int,
});

/// What the officer types.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct NewNote {
    /// Name and unit.
    #[serde(default)]
    pub caller: String,
    /// Their number.
    #[serde(default)]
    pub number: String,
    /// One sentence.
    pub words: String,
    /// The call this closes: the callee said it on the telephone.
    #[serde(default)]
    pub call: String,
    /// Somebody has to look after it; `1`, `on` or `true`.
    #[serde(default)]
    pub follow_up: String,
}

/// Which notes a list shows.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Filter {
    /// In caller, number or words.
    #[serde(default)]
    pub q: String,
    /// `1`: those that still need somebody.
    #[serde(default)]
    pub open: String,
    /// From this day on, `2023-09-01`.
    #[serde(default)]
    pub from: String,
    /// Up to and with this day.
    #[serde(default)]
    pub until: String,
    /// Where the last page ended: the id.
    #[serde(default)]
    pub cursor: String,
}

fn day(text: &str, field: &str, next: bool) -> Result<Option<Instant>, Problem> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let at = Instant::parse(&format!("{}T00:00:00+08:00", text.trim()))
        .map_err(|_| Problem::new("bad_day", "日期应如 2023-09-01", "a day looks like 2023-09-01").field(field))?;
    Ok(Some(if next { at.plus(std::time::Duration::from_secs(86_400)) } else { at }))
}

impl Filter {
    fn condition(&self) -> Result<Condition, Problem> {
        let mut by = Condition::default();
        if !self.q.trim().is_empty() {
            let any = ["caller", "number", "words"].map(|it| format!("LOWER({it}) LIKE ? ESCAPE '!'")).join(" OR ");
            by.and(&format!("({any})"), pattern(self.q.trim()));
        }
        if let Some(from) = day(&self.from, "from", false)? {
            by.and("at >= ?", from);
        }
        if let Some(until) = day(&self.until, "until", true)? {
            by.and("at < ?", until);
        }
        if !self.cursor.is_empty() {
            by.and("id < ?", self.cursor.as_str());
        }
        if matches!(self.open.as_str(), "1" | "true" | "on") {
            by.plain("follow_up = 1 AND done_at IS NULL");
        }
        Ok(by)
    }
}

/// Notes in the reader's duty areas, newest first.
pub(crate) fn list(tx: &mut Tx<'_>, filter: &Filter, most: usize) -> Result<Vec<Note>, StoreError> {
    let (condition, mut values) = filter.condition()?.finish();
    values.push(most.into());
    let tail = format!("ORDER BY id DESC LIMIT ${}", values.len());
    tx.find(&condition, &tail, &values)
}

/// What stands on a screen: the number masked.
pub(crate) fn masked(mut note: Note) -> Note {
    note.number = note.number.map(|it| phone::masked(&it));
    note
}

/// Notes that still need somebody.
pub(crate) fn todo(tx: &mut Tx<'_>, who: &Who) -> Result<Vec<TodoItem>, StoreError> {
    let open: Vec<Note> = tx.find("follow_up = 1 AND done_at IS NULL", "ORDER BY at, id LIMIT 20", &[])?;
    let named = who.may(anlan_kernel::Permission::SeePeople);
    Ok(open
        .into_iter()
        .map(|it| {
            let words = it.words.filter(|_| named).unwrap_or_default();
            let caller = it.caller.filter(|_| named).unwrap_or_default();
            TodoItem {
                key: format!("note:{}", it.id),
                urgency: Urgency::Routine,
                title: Text::new(format!("电话待跟进：{words}"), format!("Follow up a call: {words}")),
                note: Text::new(format!("{caller} {}", it.at.clock()), format!("{caller} {}", it.at.clock())),
                due: Some(it.at),
                action: Text::new("办结", "Done"),
                href: format!("/telephone-notes/{}/done", percent(&it.id)),
                post: true,
            }
        })
        .collect())
}

impl Command {
    /// Takes a note. Where it names a call, that call is recorded as answered through a colleague; a call
    /// that ended meanwhile stays as it ended, and the note stands all the same.
    ///
    /// # Errors
    /// `bad_words` for a note that says nothing, `no_such_call`; what the store says.
    pub async fn take_note(&self, by: &Actor, new: NewNote) -> Result<Note, StoreError> {
        let Some(said) = words(&new.words) else {
            let (zh, en) = ("请写一句话", "write one sentence");
            return Err(StoreError::Refused(Problem::new("bad_words", zh, en).field("words")));
        };
        let home = home_of(by)?;
        let call = words(&new.call);
        let (caller, number) = (words(&new.caller), words(&phone::tidy(&new.number)));
        let follow_up = matches!(new.follow_up.as_str(), "1" | "on" | "true");
        let told = said.clone();
        let note = self
            .world
            .write("note.take", Pace::Urgent, by, move |tx| {
                let at = tx.now();
                let mut linked = None;
                if let Some(call) = &call {
                    linked = Some(tx.get::<Call>(call)?.ok_or_else(|| no_such("no_such_call"))?);
                }
                let id = next_id(tx, at)?;
                let note = Note {
                    id,
                    region: linked.as_ref().map_or_else(|| home.clone(), |it| it.region.clone()),
                    at,
                    taken_by: tx.actor().name.clone(),
                    caller: caller.clone(),
                    number: number.clone(),
                    words: Some(said.clone()),
                    call: linked.map(|it| it.id),
                    follow_up,
                    done_at: None,
                    done_by: None,
                    revision: 0,
                };
                if !tx.insert(&note)? {
                    return Err(StoreError::Race(note.id));
                }
                tx.record(Event::new("note.taken", &note.id).region(&note.region))?;
                Ok(note)
            })
            .await?;
        if let Some(call) = &note.call {
            let event = CallEvent::RecordedByColleague { by: by.name.clone() };
            match self.warn.record(by, call, event, Some(told)).await {
                Ok(()) | Err(StoreError::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(note)
    }

    /// What the note asked for is done.
    ///
    /// # Errors
    /// The refusal `no_such_note`; what the store says.
    pub async fn note_done(&self, by: &Actor, id: &str) -> Result<Note, StoreError> {
        let id = id.to_owned();
        self.world
            .write("note.done", Pace::Urgent, by, move |tx| {
                let note = tx.get::<Note>(&id)?.ok_or_else(|| no_such("no_such_note"))?;
                if !note.follow_up || note.done_at.is_some() {
                    return Ok(note);
                }
                let by = tx.actor().name.clone();
                let done = Note { done_at: Some(tx.now()), done_by: Some(by), ..note };
                match tx.advance(&done)? {
                    Advanced::Yes => {}
                    Advanced::Stale => return Err(StoreError::Stale(done.id)),
                }
                tx.record(Event::new("note.done", &done.id).region(&done.region))?;
                Ok(done)
            })
            .await
    }
}

/// `note-20230901-0007`.
fn next_id(tx: &mut Tx<'_>, at: Instant) -> Result<String, StoreError> {
    let day = format!("note-{}-", anlan_kernel::civil_day(at));
    // Numbers run through the world, whoever's desk took the note.
    let sql = "SELECT MAX(id) FROM telephone_note WHERE id >= $1 AND id < $2";
    let rows = tx.query_everywhere(sql, params![&day, format!("{day}:")])?;
    let last = rows.first().map_or(Ok(None), |it| it.opt(0, anlan_store::Row::text))?;
    let number = last.and_then(|it| it[day.len()..].parse::<u32>().ok()).unwrap_or(0) + 1;
    Ok(format!("{day}{number:04}"))
}

pub(crate) fn routes(room: Room) -> Mounted {
    api::routes(room.clone()).merge(pages::routes(room))
}
