//! Accounts (账号): who may log in, with which role, duty areas and 牌子.

use anlan_kernel::{Actor, Instant, Problem, RegionCode};
use anlan_store::{Event, StoreError, Tx, Urgency, World, params, real_now};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    attempts, invitation, password, roles, secret,
    store::{self, AccountRow},
    tokens,
};
pub use crate::{
    devices::{create as create_device, device_of},
    invitation::Invitation,
    tokens::create as create_token,
};

/// What an account is made of.
#[derive(Clone, Deserialize)]
pub struct NewAccount {
    /// Log-in: lower-case letters, digits, `.`, `-`, `_`.
    pub login: String,
    /// Password; never stored as it is.
    pub password: String,
    /// Display name.
    pub name: String,
    /// Key of the role, one of [`roles::ALL`].
    pub role: String,
    /// Duty areas (责任区); the three administrators have none.
    #[serde(default)]
    pub regions: Vec<RegionCode>,
    /// The 牌子 acted under.
    #[serde(default)]
    pub hat: Option<String>,
}

impl std::fmt::Debug for NewAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewAccount({} as {})", self.login, self.role)
    }
}

/// Whom an account is made for, who chooses the password by the link of an invitation.
#[derive(Clone, Debug, Deserialize)]
pub struct Invitee {
    /// Log-in, as in [`NewAccount`].
    pub login: String,
    /// Display name.
    pub name: String,
    /// Key of the role.
    pub role: String,
    /// Duty areas.
    #[serde(default)]
    pub regions: Vec<RegionCode>,
    /// The 牌子 acted under.
    #[serde(default)]
    pub hat: Option<String>,
}

/// An account as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Log-in.
    pub login: String,
    /// Display name.
    pub name: String,
    /// Key of the role.
    pub role: String,
    /// Duty areas.
    pub regions: Vec<RegionCode>,
    /// The 牌子 acted under.
    pub hat: Option<String>,
    /// Whether it may log in no more.
    pub disabled: bool,
    /// When it was made.
    pub made_at: Instant,
}

impl From<AccountRow> for Account {
    fn from(it: AccountRow) -> Self {
        let AccountRow { login, name, role, regions, hat, disabled, made_at, .. } = it;
        Self { login, name, role, regions, hat, disabled, made_at }
    }
}

/// How screens call an actor: the display name of an account, else the name without its kind.
///
/// # Errors
/// What the store says.
pub fn name_of(tx: &mut Tx<'_>, actor: &str) -> Result<String, StoreError> {
    let Some(login) = actor.strip_prefix("user:") else {
        return Ok(actor.trim_start_matches("system:").to_owned());
    };
    Ok(tx.get::<AccountRow>(login)?.map_or_else(|| login.to_owned(), |it| it.name))
}

/// Makes an account.
///
/// # Errors
/// A refusal when the log-in is taken or something of it is wrong; otherwise what the store says.
pub async fn create(world: &World, by: &Actor, new: NewAccount) -> Result<(), StoreError> {
    let hash = checked(&new).await?;
    world
        .write("account.create", Urgency::Urgent, by, move |tx| {
            if tx.get::<AccountRow>(&new.login)?.is_some() {
                return Err(taken(&new.login).into());
            }
            save(tx, &new, &hash)
        })
        .await
}

/// Makes an account without a password, and the link by which its holder chooses one.
///
/// # Errors
/// As [`create`].
pub async fn invite(world: &World, by: &Actor, who: Invitee) -> Result<Invitation, StoreError> {
    let Invitee { login, name, role, regions, hat } = who;
    let new = NewAccount { login, password: String::new(), name, role, regions, hat };
    check(&new)?;
    let code = secret::token()?;
    world
        .write("account.invite", Urgency::Urgent, by, move |tx| {
            if tx.get::<AccountRow>(&new.login)?.is_some() {
                return Err(taken(&new.login).into());
            }
            save(tx, &new, "")?;
            invitation::open(tx, &new.login, &code)
        })
        .await
}

/// Makes an account, or gives an existing one this password, name, role, duty areas and 牌子.
///
/// # Errors
/// As [`create`], except that a log-in may exist.
pub async fn put(world: &World, by: &Actor, new: NewAccount) -> Result<(), StoreError> {
    let hash = checked(&new).await?;
    world.write("account.put", Urgency::Urgent, by, move |tx| save(tx, &new, &hash)).await
}

/// Every account, by log-in.
///
/// # Errors
/// What the store says.
pub async fn list(world: &World, by: &Actor) -> Result<Vec<Account>, StoreError> {
    let rows: Vec<AccountRow> = world.read(by, |tx| tx.find("1 = 1", "ORDER BY login", &[])).await?;
    Ok(rows.into_iter().map(Account::from).collect())
}

/// Ends an account: its sessions close in the same transaction, its tokens are nothing from then on.
///
/// # Errors
/// A refusal when there is no such account; otherwise what the store says.
pub async fn disable(world: &World, by: &Actor, login: &str) -> Result<(), StoreError> {
    let login = login.to_owned();
    world
        .write("account.disable", Urgency::Urgent, by, move |tx| {
            let account = tx.get::<AccountRow>(&login)?.ok_or_else(|| missing(&login))?;
            keep_one_manager(tx, &account)?;
            tx.put(&AccountRow { disabled: true, revision: account.revision + 1, ..account })?;
            store::session_close_all(tx, &login)?;
            tokens::revoke_all(tx, &login)?;
            invitation::withdraw(tx, &login)?;
            tx.record(Event::new("account.disabled", &login))
        })
        .await
}

/// Lets an account try again after too many wrong passwords; `false` when it was not counted.
///
/// # Errors
/// What the store says.
pub async fn unlock(world: &World, by: &Actor, login: &str) -> Result<bool, StoreError> {
    let login = login.to_owned();
    world
        .write("account.unlock", Urgency::Urgent, by, move |tx| {
            let counted = attempts::forgive(tx, &login)?;
            tx.record(Event::new("account.unlocked", &login))?;
            Ok(counted)
        })
        .await
}

/// Gives an account another password and closes its sessions.
///
/// # Errors
/// A refusal when there is no such account or the password is too easy; otherwise what the store says.
pub async fn set_password(world: &World, by: &Actor, login: &str, password: &str) -> Result<(), StoreError> {
    password::check(login, password)?;
    let (login, hash) = (login.to_owned(), password::hash(password).await?);
    world
        .write("password.change", Urgency::Urgent, by, move |tx| {
            let account = tx.get::<AccountRow>(&login)?.ok_or_else(|| missing(&login))?;
            tx.put(&AccountRow { password_hash: hash.clone(), revision: account.revision + 1, ..account })?;
            store::session_close_all(tx, &login)?;
            invitation::withdraw(tx, &login)?;
            tx.record(Event::new("password.changed", &login))
        })
        .await
}

/// The account acts under this 牌子 from now on; whoever calls has seen that it may.
///
/// # Errors
/// A refusal when there is no such account; otherwise what the store says.
pub async fn act_under(world: &World, by: &Actor, login: &str, hat: &str) -> Result<(), StoreError> {
    let (login, hat) = (login.to_owned(), hat.to_owned());
    world
        .write("account.hat", Urgency::Urgent, by, move |tx| {
            let account = tx.get::<AccountRow>(&login)?.ok_or_else(|| missing(&login))?;
            if account.hat.as_deref() == Some(hat.as_str()) {
                return Ok(());
            }
            tx.put(&AccountRow { hat: Some(hat.clone()), revision: account.revision + 1, ..account })?;
            tx.record(Event::new("account.hat_chosen", &login).detail(json!({"hat": hat})))
        })
        .await
}

/// A code that makes the first administrator, while there is no account; a new one replaces the last.
///
/// # Errors
/// What the store says.
pub async fn first_code(world: &World) -> Result<Option<String>, StoreError> {
    let code = secret::code(16)?;
    let hash = first_hash(&code);
    let made = world
        .write("first.code", Urgency::Urgent, &Actor::system("first"), move |tx| {
            if tx.count::<AccountRow>("1 = 1", &[])? > 0 {
                return Ok(false);
            }
            tx.execute_unjournaled(
                "INSERT INTO first_code(id, code_hash, made_at) VALUES ('first', $1, $2)
                 ON CONFLICT (id) DO UPDATE SET code_hash = excluded.code_hash, made_at = excluded.made_at",
                params![&hash, real_now()],
            )?;
            Ok(true)
        })
        .await?;
    Ok(made.then_some(code))
}

/// Whether there is no account yet.
pub(crate) async fn is_empty(world: &World) -> Result<bool, StoreError> {
    world.read(&Actor::system("first"), |tx| Ok(tx.count::<AccountRow>("1 = 1", &[])? == 0)).await
}

/// Makes the first of the three administrators (安全管理员), who makes the other two; uses the code up.
pub(crate) async fn create_first(world: &World, code: &str, login: &str, password: &str) -> Result<(), StoreError> {
    let offered = first_hash(code);
    let key = offered.clone();
    world.read(&Actor::system("first"), move |tx| holds_first_code(tx, &key)).await?;
    let new = NewAccount {
        login: login.to_owned(),
        password: password.to_owned(),
        name: login.to_owned(),
        role: "security_admin".into(),
        regions: Vec::new(),
        hat: None,
    };
    let hash = checked(&new).await?;
    let by = Actor { name: format!("user:{login}"), ..Actor::system("first") };
    world
        .write("first.create", Urgency::Urgent, &by, move |tx| {
            holds_first_code(tx, &offered)?;
            tx.execute_unjournaled("DELETE FROM first_code WHERE id = 'first'", &[])?;
            save(tx, &new, &hash)
        })
        .await
}

fn holds_first_code(tx: &mut Tx<'_>, offered: &str) -> Result<(), StoreError> {
    let rows = tx.query("SELECT code_hash FROM first_code WHERE id = 'first'", &[])?;
    let stored = rows.first().map_or(Ok(String::new()), |it| it.text(0))?;
    let used = tx.count::<AccountRow>("1 = 1", &[])? > 0;
    if !used && secret::same(&stored, offered) {
        return Ok(());
    }
    Err(Problem::new(
        "bad_first_code",
        "启用码不对或已用过；请用启动时打印的最新一个",
        "this code is wrong or used up; take the newest one printed at the start",
    )
    .field("code")
    .into())
}

fn first_hash(code: &str) -> String {
    let plain: String = code.chars().filter(|it| it.is_alphanumeric()).collect();
    secret::digest("first", &plain.to_lowercase())
}

async fn checked(new: &NewAccount) -> Result<String, StoreError> {
    check(new)?;
    password::check(&new.login, &new.password)?;
    password::hash(&new.password).await
}

fn check(new: &NewAccount) -> Result<(), Problem> {
    let login = new.login.as_str();
    let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    if !(2..=32).contains(&login.len()) || !login.bytes().all(letters) {
        return Err(Problem::new(
            "bad_login",
            "登录名应为 2 至 32 个小写字母、数字、点、横线或下划线",
            "a log-in is 2 to 32 lower-case letters, digits, dots, hyphens or underscores",
        )
        .field("login"));
    }
    if new.name.trim().is_empty() || new.name.chars().count() > 64 {
        return Err(Problem::new("bad_name", "姓名应为 1 至 64 个字", "a name has 1 to 64 characters").field("name"));
    }
    if roles::permissions(&new.role).is_none() {
        let all: Vec<_> = roles::ALL.iter().map(|it| it.0).collect();
        let all = all.join(", ");
        return Err(Problem::new(
            "bad_role",
            format!("没有角色 {}；可用：{all}", new.role),
            format!("there is no role {}; there are {all}", new.role),
        )
        .field("role"));
    }
    if new.regions.is_empty() && !roles::is_world_wide(&new.role) {
        return Err(Problem::new(
            "bad_regions",
            "请写明责任区（区划代码），否则这个账号什么也看不到",
            "name the duty areas (region codes), or this account sees nothing",
        )
        .field("regions"));
    }
    Ok(())
}

fn save(tx: &mut Tx<'_>, new: &NewAccount, hash: &str) -> Result<(), StoreError> {
    let before = tx.get::<AccountRow>(&new.login)?;
    let row = AccountRow {
        login: new.login.clone(),
        name: new.name.clone(),
        role: new.role.clone(),
        regions: new.regions.clone(),
        hat: new.hat.clone(),
        password_hash: hash.to_owned(),
        person: format!("account:{}", new.login),
        disabled: false,
        made_at: before.as_ref().map_or(tx.now(), |it| it.made_at),
        revision: before.as_ref().map_or(0, |it| it.revision + 1),
    };
    tx.put(&row)?;
    if before.is_some() {
        store::session_close_all(tx, &new.login)?;
        invitation::withdraw(tx, &new.login)?;
    }
    let name = if before.is_some() { "account.changed" } else { "account.created" };
    tx.record(Event::new(name, &new.login).detail(json!({"role": new.role, "regions": new.regions, "hat": new.hat})))
}

/// The last account that can manage accounts stays: nobody could make another.
fn keep_one_manager(tx: &mut Tx<'_>, account: &AccountRow) -> Result<(), StoreError> {
    if account.role != "security_admin" || account.disabled {
        return Ok(());
    }
    let others = "role = $1 AND disabled = 0 AND password_hash <> '' AND login <> $2";
    if tx.count::<AccountRow>(others, params!["security_admin", &account.login])? > 0 {
        return Ok(());
    }
    Err(Problem::new(
        "last_security_admin",
        "这是最后一个安全管理员，停用后将无人能管理账号；请先建立另一个",
        "this is the last security administrator; make another one first",
    )
    .into())
}

pub(crate) fn missing(login: &str) -> Problem {
    Problem::new("no_such_account", format!("没有账号 {login}"), format!("there is no account {login}")).field("login")
}

fn taken(login: &str) -> Problem {
    Problem::new("account_exists", format!("登录名 {login} 已被使用"), format!("the log-in {login} is taken"))
        .field("login")
}
