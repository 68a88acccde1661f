//! Asking for a signature (提请签发): a message to whoever may sign, then to the next one, until it is signed or sent
//! back.

use std::time::Duration;

use anlan_register::leaders;
use anlan_store::{Event, StoreError, Tx};
use anlan_web::percent;
use serde_json::json;

use super::model::{Notice, Paper};
use crate::Warn;

/// The one who was asked is reminded after this long, then the next one is asked; as for a response.
const AGAIN: Duration = Duration::from_secs(600);
/// How many are asked at the most.
pub(super) const SIGNERS: usize = 3;

/// A paper was submitted: the first one is asked at once.
pub(super) fn begin(tx: &mut Tx<'_>, paper: &Paper) -> Result<(), StoreError> {
    let Some(submitted) = paper.submitted_at else { return Ok(()) };
    tx.set_deadline("notice.ask", &format!("{}|{}|0", paper.id, submitted.0), tx.now())
}

/// Asks whose turn it is: the leader on duty, then the registered lead and deputies, twice each. `subject` is paper,
/// moment of its submission and how often was asked, with bars between: one submitted again begins anew.
///
/// # Errors
/// What the store says.
pub fn ask(warn: &Warn, tx: &mut Tx<'_>, subject: &str) -> Result<(), StoreError> {
    let mut parts = subject.splitn(3, '|');
    let (id, submitted) = (parts.next().unwrap_or_default(), parts.next().and_then(|it| it.parse::<i64>().ok()));
    let time: i64 = parts.next().and_then(|it| it.parse().ok()).unwrap_or(0);
    let waits = |it: &Paper| it.issued_at.is_none() && it.submitted_at.map(|it| it.0) == submitted;
    let Some(paper) = tx.get::<Paper>(id)?.filter(waits) else { return Ok(()) };
    let Some(notice) = tx.get::<Notice>(&paper.notice)?.filter(|it| it.working == Some(paper.version)) else {
        return Ok(());
    };
    let now = tx.now();
    let chain = leaders(tx, &paper.region, now, SIGNERS)?;
    let Some(to) = usize::try_from(time / 2).ok().and_then(|it| chain.get(it)) else { return Ok(()) };
    let link = warn.page_link(&format!("/notices/{}/sign", percent(&notice.id)));
    let words = format!("{}待签发，请看稿签发：{link}", paper.content.title);
    let matter = format!("{id}@{}", submitted.unwrap_or_default());
    warn.tell(tx, (&matter, time + 1), (&to.id, &to.region), &words)?;
    tx.set_deadline("notice.ask", &format!("{id}|{}|{}", submitted.unwrap_or_default(), time + 1), now.plus(AGAIN))?;
    let detail = json!({"process": notice.process, "version": paper.version, "time": time + 1});
    tx.record(Event::new("notice.asked", &notice.id).region(&notice.region).detail(detail))
}
