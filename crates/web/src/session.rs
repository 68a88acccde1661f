//! Sessions and other credentials: from the request to who calls.

use std::time::Duration;

use anlan_kernel::{Actor, Lang, Permission, Scope};
use anlan_store::{StoreError, Tx, Urgency, World, real_now};
use axum::http::{HeaderMap, StatusCode, header};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    ApiError, Site, Who, cookies,
    devices::DEVICE_SECRET,
    headers::text,
    roles, secret,
    store::{self, AccountRow, DeviceRow, TokenRow},
    tokens::TOKEN_SECRET,
    who::Lack,
};

/// A duty of 24 hours and its hand-over fit in; then the password is asked again.
pub const ABSOLUTE: Duration = Duration::from_secs(26 * 3600);
/// Without any request; an open desk asks by itself whenever something happens.
pub const IDLE: Duration = Duration::from_secs(4 * 3600);
/// How exactly the last use is noted.
const NOTED_EVERY: Duration = Duration::from_secs(60);

/// What a request identifies itself with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// Text of the session cookie.
    Cookie(String),
    /// A bearer text, or a device's id and secret.
    Bearer {
        /// The device named beside the secret, if any.
        id: Option<String>,
        /// The secret.
        secret: String,
    },
}

/// What the headers carry; an `Authorization` header goes before a cookie.
pub fn credential(site: &Site, headers: &HeaderMap) -> Option<Credential> {
    match text(headers, header::AUTHORIZATION) {
        Some(value) => authorization(value),
        None => cookies::get(headers, &cookies::session_name(site)).map(|it| Credential::Cookie(it.to_owned())),
    }
}

fn authorization(value: &str) -> Option<Credential> {
    let (scheme, rest) = value.trim().split_once(' ')?;
    let (id, secret) = match scheme.to_ascii_lowercase().as_str() {
        "bearer" => match rest.trim().rsplit_once('.') {
            Some((id, secret)) => (Some(id.to_owned()), secret.to_owned()),
            None => (None, rest.trim().to_owned()),
        },
        "basic" => {
            let plain = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
            let (id, secret) = plain.split_once(':')?;
            (Some(id.to_owned()), secret.to_owned())
        }
        _ => return None,
    };
    Some(Credential::Bearer { id, secret })
}

/// Who calls, if anybody is known.
pub async fn find(site: &Site, headers: &HeaderMap, lang: Lang) -> Result<Option<Who>, ApiError> {
    let Some(credential) = credential(site, headers) else { return Ok(None) };
    holder(&site.world, credential, lang).await.map_err(ApiError::from)
}

/// Whom a credential stands for in this world, now.
pub async fn holder(world: &World, credential: Credential, lang: Lang) -> Result<Option<Who>, StoreError> {
    match credential {
        Credential::Cookie(token) => by_cookie(world, &token, lang).await,
        Credential::Bearer { id, secret } => by_secret(world, id, secret, lang).await,
    }
}

/// The digest under which a session is stored.
pub fn session_hash(token: &str) -> String {
    secret::digest("session", token)
}

async fn by_cookie(world: &World, token: &str, lang: Lang) -> Result<Option<Who>, StoreError> {
    let (hash, now) = (session_hash(token), real_now());
    let key = hash.clone();
    let found = world
        .read(&Actor::system("guard"), move |tx| {
            let Some(session) = store::session_get(tx, &key)? else { return Ok(None) };
            let account = enabled(tx, &session.login)?;
            Ok(account.map(|it| (session, it)))
        })
        .await?;
    let Some((session, account)) = found else { return Ok(None) };
    if now >= session.expires_at || now.since(session.seen_at) >= IDLE {
        return Ok(None);
    }
    if now.since(session.seen_at) >= NOTED_EVERY {
        let world = world.clone();
        tokio::spawn(async move {
            let note = move |tx: &mut Tx<'_>| store::session_seen(tx, &hash, now);
            if let Err(error) = world.write("session.seen", Urgency::Background, &Actor::system("guard"), note).await {
                tracing::warn!(%error, "the use of a session could not be noted");
            }
        });
    }
    Ok(Some(Who { browser: true, lacks: session.lacks, ..of_account(&account, lang) }))
}

async fn by_secret(world: &World, id: Option<String>, secret: String, lang: Lang) -> Result<Option<Who>, StoreError> {
    if secret::world_of(&secret) != Some(world.name()) {
        return Ok(None);
    }
    world
        .read(&Actor::system("guard"), move |tx| {
            if secret.starts_with(TOKEN_SECRET) {
                let hash = secret::digest(TOKEN_SECRET, &secret);
                let found: Vec<TokenRow> =
                    tx.find("secret_hash = $1 AND revoked = 0", "", anlan_store::params![hash])?;
                let Some(token) = found.first().filter(|it| id.as_ref().is_none_or(|id| *id == it.id)) else {
                    return Ok(None);
                };
                return Ok(enabled(tx, &token.login)?.map(|it| of_account(&it, lang)));
            }
            let hash = secret::digest(DEVICE_SECRET, &secret);
            let found: Vec<DeviceRow> = tx.find("secret_hash = $1 AND disabled = 0", "", anlan_store::params![hash])?;
            Ok(found.first().filter(|it| id.as_ref().is_none_or(|id| *id == it.id)).map(|it| of_device(it, lang)))
        })
        .await
}

fn enabled(tx: &mut Tx<'_>, login: &str) -> Result<Option<AccountRow>, StoreError> {
    Ok(tx.get::<AccountRow>(login)?.filter(|it| !it.disabled))
}

/// The caller an account stands for.
pub fn of_account(account: &AccountRow, lang: Lang) -> Who {
    let permissions = roles::permissions(&account.role).unwrap_or_default();
    Who {
        actor: Actor {
            name: format!("user:{}", account.login),
            hat: account.hat.clone(),
            scope: roles::scope(&account.role, &account.regions),
        },
        name: account.name.clone(),
        lang,
        role: account.role.clone(),
        permissions: permissions.iter().copied().collect(),
        stations: None,
        browser: false,
        lacks: Lack::Nothing,
    }
}

fn of_device(device: &DeviceRow, lang: Lang) -> Who {
    Who {
        actor: Actor { name: format!("device:{}", device.id), hat: None, scope: Scope::Regions(Vec::new()) },
        name: device.id.clone(),
        lang,
        role: String::new(),
        permissions: [Permission::SendObservations].into(),
        stations: Some(device.stations.clone()),
        browser: false,
        lacks: Lack::Nothing,
    }
}

/// The log-in of an account, or a refusal for what is no account.
pub fn login_of(who: &Who) -> Result<String, ApiError> {
    who.login().map(str::to_owned).ok_or_else(|| ApiError::of(StatusCode::FORBIDDEN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authorization_header_names_a_secret_and_perhaps_its_device() {
        let bearer = |id: Option<&str>, secret: &str| {
            Some(Credential::Bearer { id: id.map(str::to_owned), secret: secret.to_owned() })
        };
        for (header, want) in [
            ("Bearer token~real~abc", bearer(None, "token~real~abc")),
            ("bearer gauge.7.device~real~abc", bearer(Some("gauge.7"), "device~real~abc")),
            ("Basic Z2F1Z2U6c2VjcmV0", bearer(Some("gauge"), "secret")),
            ("Basic !", None),
            ("Digest x", None),
            ("nonsense", None),
        ] {
            assert_eq!(authorization(header), want, "{header}");
        }
    }
}
