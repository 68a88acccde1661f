//! Bearer tokens (令牌): an account's right, for a program.

use anlan_kernel::{Actor, Problem};
use anlan_store::{Event, StoreError, Tx, Urgency, World, params};
use serde_json::json;

use crate::{
    accounts, secret,
    store::{AccountRow, TokenRow},
};

/// The first word of a bearer token.
pub const TOKEN_SECRET: &str = "token";

/// A new token of an account, shown once.
pub async fn create(world: &World, by: &Actor, login: &str, name: &str) -> Result<String, StoreError> {
    let secret = secret::credential(TOKEN_SECRET, world.name())?;
    let (login, name) = (login.to_owned(), name.to_owned());
    let (id, hash) = (secret::code(12)?, secret::digest(TOKEN_SECRET, &secret));
    world
        .write("token.issue", Urgency::Urgent, by, move |tx| {
            tx.get::<AccountRow>(&login)?.filter(|it| !it.disabled).ok_or_else(|| accounts::missing(&login))?;
            let row = TokenRow {
                id: id.clone(),
                login: login.clone(),
                name: name.clone(),
                secret_hash: hash.clone(),
                revoked: false,
                made_at: tx.now(),
            };
            tx.put(&row)?;
            tx.record(Event::new("token.issued", &id).detail(json!({"account": login})))
        })
        .await?;
    Ok(secret)
}

/// Ends every token of an account, for good.
pub(crate) fn revoke_all(tx: &mut Tx<'_>, login: &str) -> Result<(), StoreError> {
    for it in tx.find::<TokenRow>("login = $1 AND revoked = 0", "ORDER BY id", params![login])? {
        tx.put(&TokenRow { revoked: true, ..it })?;
    }
    Ok(())
}

/// Ends a token.
pub async fn revoke(world: &World, by: &Actor, id: &str) -> Result<(), StoreError> {
    let id = id.to_owned();
    world
        .write("token.revoke", Urgency::Urgent, by, move |tx| {
            let token = tx.get::<TokenRow>(&id)?.ok_or_else(|| missing(&id))?;
            tx.put(&TokenRow { revoked: true, ..token })?;
            tx.record(Event::new("token.revoked", &id))
        })
        .await
}

/// Tokens of an account, oldest first.
pub async fn list(world: &World, by: &Actor, login: &str) -> Result<Vec<TokenRow>, StoreError> {
    let login = login.to_owned();
    world.read(by, move |tx| of_account(tx, &login)).await
}

/// As [`list`], inside a transaction.
pub fn of_account(tx: &mut Tx<'_>, login: &str) -> Result<Vec<TokenRow>, StoreError> {
    tx.find("login = $1", "ORDER BY made_at, id", params![login])
}

fn missing(id: &str) -> Problem {
    Problem::new("no_such_token", format!("没有令牌 {id}"), format!("there is no token {id}")).field("id")
}
