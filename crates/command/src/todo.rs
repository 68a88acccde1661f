//! Things to do (待办): each mechanism names its own, the desk shows the gravest.

use std::{collections::BTreeMap, sync::Arc};

use anlan_kernel::{Instant, Text};
use anlan_store::{StoreError, Tx};
use anlan_web::Who;
use serde::Serialize;

/// How grave a thing to do is; the order in which the desk shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// Somebody asked for help.
    Help,
    /// A red signal nobody acknowledged.
    RedSignal,
    /// A round is about to start.
    Round,
    /// A decision is asked for.
    Decision,
    /// People who do not answer.
    Silent,
    /// A signal to acknowledge.
    Signal,
    /// A promise whose time is up.
    Overdue,
    /// Something to pass on.
    Forward,
    /// To be looked after in the course of the shift.
    Routine,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TodoItem {
    /// Stable: the same thing has the same key.
    pub key: String,
    /// How grave.
    pub urgency: Urgency,
    /// What, in a few words.
    pub title: Text,
    /// Whom it concerns, since when.
    pub note: Text,
    /// Until when.
    pub due: Option<Instant>,
    /// Words on the button.
    pub action: Text,
    /// Where the button leads, without the world's base.
    pub href: String,
    /// Whether the button does it at once rather than opening a page.
    pub post: bool,
}

/// Names what is to be done in the reader's duty areas; the transaction has their scope.
pub type Source = Arc<dyn Fn(&mut Tx<'_>, &Who) -> Result<Vec<TodoItem>, StoreError> + Send + Sync>;

/// Everybody who has things to do for the desk.
#[derive(Clone, Default)]
pub struct Sources(Vec<Source>);

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sources({})", self.0.len())
    }
}

impl Sources {
    /// One more.
    #[must_use]
    pub fn with(
        mut self,
        source: impl Fn(&mut Tx<'_>, &Who) -> Result<Vec<TodoItem>, StoreError> + Send + Sync + 'static,
    ) -> Self {
        self.0.push(Arc::new(source));
        self
    }

    /// Everything to do, gravest first, then by time, then by key.
    ///
    /// # Errors
    /// What the store says.
    pub fn all(&self, tx: &mut Tx<'_>, who: &Who) -> Result<Vec<TodoItem>, StoreError> {
        let mut items = Vec::new();
        for source in &self.0 {
            items.extend(source(tx, who)?);
        }
        sort(&mut items);
        Ok(items)
    }
}

/// What fits on a desk, and how many things neither stand there nor are counted by a line that does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortened {
    /// Gravest first.
    pub items: Vec<TodoItem>,
    /// 另有.
    pub left: usize,
}

/// What fits on a desk: of things of one kind the first two, and one line that counts the rest of them; then
/// at most `most`.
pub fn shortened(items: &[TodoItem], most: usize) -> Shortened {
    let kind = |it: &TodoItem| it.key.split(':').next().unwrap_or_default().to_owned();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut shown = Vec::new();
    for it in items {
        let count = seen.entry(kind(it)).or_default();
        *count += 1;
        match *count {
            1 | 2 => shown.push((it.clone(), 1)),
            3 => {
                let rest = items.iter().filter(|other| kind(other) == kind(it)).count() - 2;
                shown.push((if rest == 1 { it.clone() } else { rest_of(it, rest) }, rest));
            }
            _ => {}
        }
    }
    shown.truncate(most);
    let counted: usize = shown.iter().map(|it| it.1).sum();
    Shortened { items: shown.into_iter().map(|it| it.0).collect(), left: items.len() - counted }
}

fn rest_of(first: &TodoItem, rest: usize) -> TodoItem {
    TodoItem {
        key: format!("more:{}", first.key),
        note: Text::new(format!("同类共 {rest} 项，含本项"), format!("{rest} of this kind, this one included")),
        action: Text::new("看名单", "Open the list"),
        href: "/desk/to-do".into(),
        post: false,
        ..first.clone()
    }
}

fn sort(items: &mut [TodoItem]) {
    let order = |it: &TodoItem| (it.urgency, it.due.unwrap_or(anlan_kernel::MAX_INSTANT));
    items.sort_by(|a, b| order(a).cmp(&order(b)).then_with(|| a.key.cmp(&b.key)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(key: &str, urgency: Urgency, due: Option<i64>) -> TodoItem {
        let words = || Text::new("事", "thing");
        TodoItem {
            key: key.into(),
            urgency,
            title: words(),
            note: words(),
            due: due.map(Instant),
            action: words(),
            href: "/".into(),
            post: false,
        }
    }

    #[test]
    fn many_of_one_kind_leave_room_for_the_others() {
        let many: Vec<_> = (0..9).map(|i| item(&format!("help:{i}"), Urgency::Help, None)).collect();
        let all = [many.as_slice(), &[item("signal:red", Urgency::RedSignal, None)]].concat();
        let Shortened { items: shown, left } = shortened(&all, 7);
        let keys: Vec<_> = shown.iter().map(|it| it.key.as_str()).collect();
        assert_eq!(keys, ["help:0", "help:1", "more:help:2", "signal:red"]);
        assert_eq!((shown[2].note.zh.as_str(), shown[2].post), ("同类共 7 项，含本项", false));
        assert_eq!(left, 0, "two of nine, the line of seven, and the signal");
        assert_eq!(shortened(&all, 2).left, 8, "the line of seven has no room any more, nor has the signal");
        assert_eq!(shortened(&all[6..9], 7).items, all[6..9], "three of a kind stand by themselves");
    }

    #[test]
    fn the_gravest_comes_first_and_of_equals_the_one_due_first() {
        let mut items = vec![
            item("late", Urgency::Round, Some(9)),
            item("note", Urgency::Routine, Some(1)),
            item("any", Urgency::Round, None),
            item("soon", Urgency::Round, Some(2)),
            item("help", Urgency::Help, None),
        ];
        sort(&mut items);
        let keys: Vec<_> = items.iter().map(|it| it.key.as_str()).collect();
        assert_eq!(keys, ["help", "soon", "late", "any", "note"]);
    }
}
