//! Things to do (待办): each mechanism names its own, the desk shows the gravest.

use std::sync::Arc;

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
