//! PINs (数字口令): a superior's list names other people, so the link alone does not open it.
//!
//! Until somebody chooses a PIN, it is the last four digits of the number the link was sent to: whoever
//! only got the link from somebody else does not know it, and nobody is shut out on the first night.

use std::sync::Arc;

use anlan_kernel::{Actor, Instant, RegionCode};
use anlan_register::number_of;
use anlan_store::{Event, StoreError, Tx, Urgency, real_now};
use anlan_web::{ApiResult, pin};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Warn,
    answer::{self, Asked, asked, bad_link},
    escalation,
    model::{Call, Escalation},
    service::{everywhere, refusal},
};

/// Seconds a list stays open on the phone that gave the PIN.
pub(crate) const OPEN_FOR: i64 = 12 * 3_600;

/// The PIN somebody chose; its hash stands sealed in the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pin {
    /// Callee id.
    pub id: String,
    /// Where.
    pub region: RegionCode,
    /// argon2id.
    pub hash: String,
    /// When.
    pub set_at: Instant,
    /// The callee, or the account of an officer.
    pub set_by: String,
}

anlan_store::table!(Pin, PIN, "pin", region: "region", sealed: ["hash"] of "id", {
    id: Text, region: Text, hash: Text, set_at: Time, set_by: Text,
});

/// The superior a list link belongs to.
pub(crate) struct Holder {
    pub callee: String,
    pub list: Escalation,
    pub link: i64,
    /// Whether they chose a PIN of their own.
    pub chose: bool,
}

fn holder(warn: &Warn, tx: &mut Tx<'_>, token: &str) -> Result<Option<Holder>, StoreError> {
    let Some(Asked::List(list, _, _, link)) = asked(warn, tx, token)? else { return Ok(None) };
    let Some(callee) = escalation::superior(&list, link).map(str::to_owned) else { return Ok(None) };
    let chose = tx.get::<Pin>(&callee)?.is_some();
    Ok(Some(Holder { callee, list: *list, link, chose }))
}

fn known(tx: &mut Tx<'_>, callee: &str) -> Result<pin::Known, StoreError> {
    if let Some(pin) = tx.get::<Pin>(callee)? {
        return Ok(pin::Known::Hash(pin.hash));
    }
    let number = number_of(tx, callee, 0)?.filter(|it| it.len() >= 4);
    Ok(number.map_or(pin::Known::Nothing, |it| pin::Known::Digits(it[it.len() - 4..].to_owned())))
}

impl Warn {
    /// Whose list this link opens; `None` for the link of a call.
    pub(crate) async fn list_holder(self: &Arc<Self>, token: &str) -> Result<Option<Holder>, StoreError> {
        let (warn, token) = (Arc::clone(self), token.to_owned());
        self.world.read(&Actor::system("answer-page"), move |tx| holder(&warn, tx, &token)).await
    }

    /// Opens a superior's list with their PIN: the pass their phone shows afterwards. Who looked stands in
    /// the journal.
    ///
    /// # Errors
    /// `bad_link`; `wrong_pin`, `too_many_attempts`; what the store says.
    pub async fn open_list(self: &Arc<Self>, token: &str, pin: &str) -> ApiResult<String> {
        let holder = self.list_holder(token).await?.ok_or_else(bad_link)?;
        let callee = holder.callee.clone();
        let known = self.world.read(&Actor::system("answer-page"), move |tx| known(tx, &callee)).await?;
        pin::check(&self.world, &holder.callee, pin, known).await?;
        let pass = self.pass(&holder, real_now().0 / 1_000_000 + OPEN_FOR);
        self.world
            .write("list.open", Urgency::Urgent, &Actor::system("answer-page"), move |tx| {
                let listed: Vec<String> =
                    escalation::listed(tx, &holder.list.id)?.into_iter().map(|it| it.callee).collect();
                let detail = json!({"by": holder.callee, "people": listed});
                let region = holder.list.region.clone();
                tx.record(Event::new("escalation.list_opened", &holder.list.id).region(&region).detail(detail))
            })
            .await?;
        Ok(pass)
    }

    fn pass(&self, holder: &Holder, until: i64) -> String {
        let subject = format!("{}\n{}\n{until}", holder.list.id, holder.link);
        format!("{until}.{}", answer::mac(self, "pass", &subject, 16))
    }

    /// Whether this phone gave the PIN of the holder not long ago.
    pub(crate) fn has_pass(&self, holder: &Holder, shown: Option<&str>) -> bool {
        let Some(shown) = shown else { return false };
        let until = shown.split_once('.').and_then(|(until, _)| until.parse::<i64>().ok()).unwrap_or(0);
        let same = subtle::ConstantTimeEq::ct_eq(self.pass(holder, until).as_bytes(), shown.as_bytes());
        until > real_now().0 / 1_000_000 && bool::from(same)
    }

    /// The holder of an opened list chooses a PIN of their own.
    ///
    /// # Errors
    /// `bad_link`, `bad_pin`; what the store says.
    pub async fn choose_pin(self: &Arc<Self>, token: &str, pin: &str) -> ApiResult<()> {
        let holder = self.list_holder(token).await?.ok_or_else(bad_link)?;
        let hash = pin::hash(pin).await?;
        self.world
            .write("pin.choose", Urgency::Urgent, &Actor::system("answer-page"), move |tx| {
                let (id, region) = (holder.callee.clone(), holder.list.region.clone());
                tx.put(&Pin { set_by: id.clone(), id, region, hash: hash.clone(), set_at: tx.now() })?;
                tx.record(Event::new("pin.chosen", &holder.callee).region(&holder.list.region))
            })
            .await?;
        Ok(())
    }

    /// An officer clears the PIN of a callee who forgot it: the last four digits of the number hold again.
    ///
    /// # Errors
    /// A refusal where the call is not in the officer's duty area or the callee chose none.
    pub async fn clear_pin(&self, actor: &Actor, call: &str) -> Result<(), StoreError> {
        self.sees::<Call>(actor, call, "no_such_call").await?;
        let call = call.to_owned();
        self.world
            .write("pin.clear", Urgency::Urgent, &everywhere(actor), move |tx| {
                let none = || refusal("no_such_pin", "此人没有设置口令", "this callee chose no PIN");
                let call = tx.get::<Call>(&call)?.ok_or_else(none)?;
                if !tx.delete::<Pin>(&call.callee)? {
                    return Err(none());
                }
                tx.record(Event::new("pin.cleared", &call.callee).region(&call.region))
            })
            .await
    }
}
