//! The second factor (动态口令): set up, asked for, taken away, and who needs one.

use std::time::Duration;

use anlan_kernel::{Actor, Instant, Problem};
use anlan_store::{Event, StoreError, Tx, Urgency, World, lock, params, random, real_now, unlock};
use axum::http::StatusCode;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

use crate::{
    ApiError, accounts, roles, secret,
    store::{self, AccountRow, FactorRow, FactorRule},
    totp,
    who::Lack,
};

/// Recovery codes (备用码) handed out at once; each holds one log-in.
pub const RECOVERY_CODES: usize = 10;
/// Letters of one.
const RECOVERY_LETTERS: usize = 16;
/// How long a secret on the screen waits for its first code.
const DRAFT: Duration = Duration::from_secs(30 * 60);

/// With what somebody proved to be who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A code of the telephone.
    Code,
    /// One of the recovery codes, used up by it.
    Recovery,
}

impl Way {
    /// As the journal names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Recovery => "recovery",
        }
    }
}

/// The factor of an account.
pub fn of(tx: &mut Tx<'_>, login: &str) -> Result<Option<FactorRow>, StoreError> {
    tx.get::<FactorRow>(login)
}

/// What an account lacks that logs in now.
pub fn lack(tx: &mut Tx<'_>, account: &AccountRow) -> Result<Lack, StoreError> {
    if of(tx, &account.login)?.is_some() {
        return Ok(Lack::Nothing);
    }
    if tx.get::<FactorRule>(&account.role)?.is_some_and(|it| it.required) {
        return Ok(Lack::Required);
    }
    Ok(if roles::is_world_wide(&account.role) { Lack::Offered } else { Lack::Nothing })
}

/// A fresh secret, closed so that only this account's own page can hand it back.
pub fn draft(world: &World, login: &str) -> Result<(Vec<u8>, String), StoreError> {
    let secret = random::<20>()?.to_vec();
    let plain = [&real_now().0.to_be_bytes()[..], &secret].concat();
    let closed = lock(&world.keys().secrets(), &draft_context(login), &plain)?;
    Ok((secret, URL_SAFE_NO_PAD.encode(closed)))
}

/// The secret of a draft that is not too old.
pub fn open_draft(world: &World, login: &str, draft: &str) -> Result<Vec<u8>, Problem> {
    let closed = URL_SAFE_NO_PAD.decode(draft).map_err(|_| stale_draft())?;
    let plain = unlock(&world.keys().secrets(), &draft_context(login), &closed).map_err(|_| stale_draft())?;
    let (made, secret) = plain.split_first_chunk::<8>().ok_or_else(stale_draft)?;
    if real_now().since(Instant(i64::from_be_bytes(*made))) > DRAFT {
        return Err(stale_draft());
    }
    Ok(secret.to_vec())
}

/// Sets the factor up once its first code is right; hands out the recovery codes, which are not stored in clear.
pub async fn set_up(
    world: &World,
    by: &Actor,
    login: &str,
    draft: &str,
    code: &str,
) -> Result<Vec<String>, StoreError> {
    let secret = open_draft(world, login, draft)?;
    let code: String = code.chars().filter(char::is_ascii_digit).collect();
    let step = totp::matching(&secret, &code, real_now(), None).ok_or_else(wrong_code)?;
    let closed = close(world, login, &secret)?;
    let codes = recovery_codes()?;
    let (login, recovery) = (login.to_owned(), digests(login, &codes));
    world
        .write("second_factor.set_up", Urgency::Urgent, by, move |tx| {
            if of(tx, &login)?.is_some() {
                return Err(exists().into());
            }
            tx.put(&FactorRow {
                login: login.clone(),
                secret: closed.clone(),
                recovery: recovery.clone(),
                person: format!("account:{login}"),
                made_at: tx.now(),
            })?;
            use_step(tx, &login, step)?;
            store::session_lacks(tx, &login, Lack::Nothing)?;
            tx.record(Event::new("second_factor.set_up", &login))
        })
        .await?;
    Ok(codes)
}

/// Whether `given` is the code of this moment or a recovery code that is left; either is used up by it.
pub fn redeem(tx: &mut Tx<'_>, key: &[u8; 32], login: &str, given: &str) -> Result<Option<Way>, StoreError> {
    let Some(factor) = of(tx, login)? else { return Ok(None) };
    let given = tidy(given);
    if given.len() == totp::DIGITS && given.bytes().all(|it| it.is_ascii_digit()) {
        let step = totp::matching(&open(key, &factor)?, &given, real_now(), last_step(tx, login)?);
        return step.map(|it| use_step(tx, login, it).map(|()| Way::Code)).transpose();
    }
    let digest = recovery_digest(login, &given);
    let Some(at) = factor.recovery.iter().position(|it| secret::same(it, &digest)) else { return Ok(None) };
    let mut recovery = factor.recovery.clone();
    recovery.remove(at);
    let left = recovery.len();
    tx.put(&FactorRow { recovery, ..factor })?;
    tx.record(Event::new("second_factor.recovery_used", login).detail(json!({"left": left})))?;
    Ok(Some(Way::Recovery))
}

/// Ten new recovery codes instead of those that are left.
pub fn renew(tx: &mut Tx<'_>, login: &str, codes: &[String]) -> Result<(), StoreError> {
    let factor = of(tx, login)?.ok_or_else(none)?;
    tx.put(&FactorRow { recovery: digests(login, codes), ..factor })?;
    tx.record(Event::new("second_factor.recovery_renewed", login))
}

/// Takes the factor away; `reason` where somebody else does it than its owner.
pub fn remove(tx: &mut Tx<'_>, account: &AccountRow, reason: Option<&str>) -> Result<(), StoreError> {
    if !tx.delete::<FactorRow>(&account.login)? {
        return Err(none().into());
    }
    tx.record(Event::new("second_factor.removed", &account.login).detail(json!({"reason": reason})))?;
    let lacks = lack(tx, account)?;
    store::session_lacks(tx, &account.login, lacks)
}

/// The security administrator takes somebody's factor away, who lost telephone and recovery codes; ends the sessions.
pub async fn remove_of(world: &World, by: &Actor, login: &str, reason: &str) -> Result<(), StoreError> {
    let (login, reason) = (login.to_owned(), reason.trim().to_owned());
    if by.name == format!("user:{login}") {
        return Err(own().into());
    }
    if reason.is_empty() || reason.chars().count() > 200 {
        return Err(Problem::new("no_reason", "请写明原因（200 字以内）", "give a reason, at most 200 characters")
            .field("reason")
            .into());
    }
    world
        .write("second_factor.remove", Urgency::Urgent, by, move |tx| {
            let account = tx.get::<AccountRow>(&login)?.ok_or_else(|| accounts::missing(&login))?;
            remove(tx, &account, Some(&reason))?;
            store::session_close_all(tx, &login).map(drop)
        })
        .await
}

/// The roles that need a factor.
pub async fn required_roles(world: &World, by: &Actor) -> Result<Vec<String>, StoreError> {
    let rules: Vec<FactorRule> = world.read(by, |tx| tx.find("required = 1", "ORDER BY role", &[])).await?;
    Ok(rules.into_iter().map(|it| it.role).collect())
}

/// Says which roles need a factor; open sessions of theirs without one are held at the page that sets it up.
pub async fn require(world: &World, by: &Actor, needed: Vec<String>) -> Result<(), StoreError> {
    world
        .write("second_factor.require", Urgency::Urgent, by, move |tx| {
            for (role, ..) in roles::ALL {
                let required = needed.iter().any(|it| it == role);
                if tx.get::<FactorRule>(role)?.is_some_and(|it| it.required) == required {
                    continue;
                }
                tx.put(&FactorRule { role: (*role).to_owned(), required })?;
                tx.record(Event::new("second_factor_rule.changed", role).detail(json!({"required": required})))?;
                let holders: Vec<AccountRow> = tx.find("role = $1", "", params![*role])?;
                for account in holders {
                    let lacks = lack(tx, &account)?;
                    store::session_lacks(tx, &account.login, lacks)?;
                }
            }
            Ok(())
        })
        .await
}

/// New recovery codes, in clear.
pub fn recovery_codes() -> Result<Vec<String>, StoreError> {
    let grouped = |it: String| {
        let letters: Vec<char> = it.chars().collect();
        letters.chunks(4).map(|it| it.iter().collect::<String>()).collect::<Vec<_>>().join("-")
    };
    (0..RECOVERY_CODES).map(|_| secret::code(RECOVERY_LETTERS).map(grouped)).collect()
}

fn digests(login: &str, codes: &[String]) -> Vec<String> {
    codes.iter().map(|it| recovery_digest(login, &tidy(it))).collect()
}

fn recovery_digest(login: &str, tidy: &str) -> String {
    secret::digest(&format!("recovery of {login}"), tidy)
}

/// As people type it: with blanks, hyphens and capitals.
fn tidy(given: &str) -> String {
    given.chars().filter(char::is_ascii_alphanumeric).take(64).collect::<String>().to_ascii_lowercase()
}

fn close(world: &World, login: &str, secret: &[u8]) -> Result<String, StoreError> {
    Ok(URL_SAFE_NO_PAD.encode(lock(&world.keys().secrets(), &context(login), secret)?))
}

fn open(key: &[u8; 32], factor: &FactorRow) -> Result<Vec<u8>, StoreError> {
    let closed = URL_SAFE_NO_PAD.decode(&factor.secret).map_err(|it| StoreError::Shape(it.to_string()))?;
    unlock(key, &context(&factor.login), &closed)
}

fn context(login: &str) -> String {
    format!("anlan second factor {login}")
}

fn draft_context(login: &str) -> String {
    format!("anlan second factor draft {login}")
}

fn last_step(tx: &mut Tx<'_>, login: &str) -> Result<Option<i64>, StoreError> {
    let rows = tx.query("SELECT step FROM code_use WHERE login = $1", params![login])?;
    rows.first().map(|it| it.int(0)).transpose()
}

fn use_step(tx: &mut Tx<'_>, login: &str, step: i64) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO code_use(login, step) VALUES ($1, $2) ON CONFLICT (login) DO UPDATE SET step = excluded.step";
    tx.execute_unjournaled(sql, params![login, step]).map(drop)
}

/// The refusal of everything but the own account.
pub fn required() -> ApiError {
    let problem = Problem::new(
        REQUIRED,
        "这个角色登录须用动态口令，请先在“我的账号”里启用",
        "this role needs a second factor; set it up under “My account” first",
    );
    ApiError::new(StatusCode::FORBIDDEN, problem)
}

/// Whether that is why.
pub fn is_required(error: &ApiError) -> bool {
    error.problem().code == REQUIRED
}

const REQUIRED: &str = "second_factor_required";

/// The same words for a code that is wrong, old or used.
pub fn wrong_code() -> Problem {
    Problem::new(
        "wrong_code",
        "动态口令不对或已用过：请等下一个，并核对手机时间",
        "this code is wrong or was used: wait for the next one, and check the telephone's clock",
    )
    .field("code")
}

fn stale_draft() -> Problem {
    let (zh, en) = ("这张二维码已过期，请重新打开本页", "this QR code is too old; open the page again");
    Problem::new("stale_draft", zh, en).field("draft")
}

fn exists() -> Problem {
    Problem::new("second_factor_exists", "已启用动态口令", "there is a second factor already")
}

fn none() -> Problem {
    Problem::new("no_second_factor", "未启用动态口令", "there is no second factor")
}

fn own() -> Problem {
    let (zh, en) = ("自己的动态口令请在“我的账号”里停用", "take your own second factor off under “My account”");
    Problem::new("own_second_factor", zh, en)
}
