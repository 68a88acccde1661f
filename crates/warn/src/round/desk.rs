//! What officers do with a round: 立即开始, 停止, 恢复叫应.

use std::sync::Arc;

use anlan_kernel::{Actor, Problem};
use anlan_store::{StoreError, Tx, Urgency};

use super::{resume, start, stop};
use crate::{
    Warn,
    model::{Round, RoundState},
    service::{everywhere, refusal, who_and_when},
};

/// Characters of a reason that are kept.
const REASON: usize = 500;

impl Warn {
    /// Starts a pending round at once.
    ///
    /// # Errors
    /// A refusal when there is no such round or it is not pending; what the store says.
    pub async fn start_now(self: &Arc<Self>, actor: &Actor, id: &str) -> Result<(), StoreError> {
        self.with_round(actor, id, "round.start-now", |warn, tx, mut round| {
            if round.state != RoundState::Pending {
                return Err(moved_already(tx, &round, "round_not_pending")?);
            }
            tx.clear_deadline("round.start", &round.id)?;
            round.decided_by = Some(tx.actor().name.clone());
            tx.put(&round)?;
            start(warn, tx, &round.id)
        })
        .await
    }

    /// Stops a round; its open calls end as 已停止.
    ///
    /// # Errors
    /// A refusal without a reason, when there is no such round or it is over; what the store says.
    pub async fn stop_round(self: &Arc<Self>, actor: &Actor, id: &str, reason: &str) -> Result<(), StoreError> {
        let reason = given_reason(reason, "停止叫应须写明理由", "say why the call-out stops")?;
        self.with_round(actor, id, "round.stop", move |warn, tx, round| {
            if !matches!(round.state, RoundState::Pending | RoundState::Running) {
                return Err(moved_already(tx, &round, "round_is_over")?);
            }
            let by = tx.actor().name.clone();
            stop(warn, tx, round, &by, &reason)
        })
        .await
    }

    /// Takes a stop back (恢复叫应): another round of the level begins at once where the stopped one called.
    ///
    /// # Errors
    /// A refusal without a reason, when there is no such round, it was not stopped, its process is over, or another
    /// round speaks for its areas already; what the store says.
    pub async fn resume_round(self: &Arc<Self>, actor: &Actor, id: &str, reason: &str) -> Result<Round, StoreError> {
        let reason = given_reason(reason, "恢复叫应须写明理由", "say why the call-out goes on")?;
        self.with_round(actor, id, "round.resume", move |warn, tx, round| {
            if round.state != RoundState::Stopped {
                return Err(moved_already(tx, &round, "round_not_stopped")?);
            }
            resume(warn, tx, &round, &reason)
        })
        .await
    }

    async fn with_round<T: Send + 'static>(
        self: &Arc<Self>,
        actor: &Actor,
        id: &str,
        label: &'static str,
        run: impl Fn(&Warn, &mut Tx<'_>, Round) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let none = || refusal("no_such_round", "没有这一轮叫应", "there is no such round");
        self.sees::<Round>(actor, id, "no_such_round").await?;
        let (warn, id) = (Arc::clone(self), id.to_owned());
        self.world
            .write(label, Urgency::Urgent, &everywhere(actor), move |tx| {
                let round = tx.get::<Round>(&id)?.ok_or_else(none)?;
                run(&warn, tx, round)
            })
            .await
    }
}

/// A change of mind comes too late.
pub(crate) fn is_over() -> StoreError {
    refusal("round_is_over", "本轮叫应已结束，不能改", "this round is over; the answer stands")
}

/// The reason of a stop or of its taking back.
fn given_reason(reason: &str, zh: &str, en: &str) -> Result<String, StoreError> {
    let reason: String = reason.trim().chars().take(REASON).collect();
    if reason.is_empty() {
        return Err(StoreError::Refused(Problem::new("bad_reason", zh, en).field("reason")));
    }
    Ok(reason)
}

/// The refusal of whoever came second: where the round stands, since when and by whom.
pub(crate) fn moved_already(tx: &mut Tx<'_>, round: &Round, code: &str) -> Result<StoreError, StoreError> {
    let by = round.decided_by.as_deref();
    let (at, by, (zh, en)) = match round.state {
        RoundState::Pending => (None, None, ("尚未开始", "has not begun")),
        RoundState::Running => (round.started_at, by, ("开始", "was started")),
        RoundState::Done => (round.ended_at, None, ("全部有结果、已完成", "was done")),
        RoundState::Stopped => (round.ended_at, by, ("停止", "was stopped")),
        RoundState::Absorbed => (round.ended_at, None, ("并入更高一轮", "was absorbed by a graver one")),
    };
    let done = who_and_when(tx, by, at)?;
    let (zh, en) = (format!("这一轮叫应{}{zh}", done.zh), format!("this round {en}{}", done.en));
    Ok(refusal(code, &zh, &en))
}
