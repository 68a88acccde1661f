//! Passwords: argon2id, two at a time, never inside a transaction.

use anlan_kernel::{Lang, Problem, Text};
use anlan_store::StoreError;
use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::sync::Semaphore;

/// Fewest characters of a password.
pub const SHORTEST: usize = 12;
/// Most characters of a password.
pub const LONGEST: usize = 256;

/// Each hash takes 19 MiB and a core; more than two at once would starve the calls of the night.
static PERMITS: Semaphore = Semaphore::const_new(2);

/// Verified for log-ins that do not exist, so that they take as long as those that do.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$YW5sYW4gbm9ib2R5IQ$qLml5cbqEMQQWOWRgqJcH5SkAqRhYnSQuUqRrN5Ljqc";

/// What [`check`] asks for, to be said before somebody breaks it.
pub fn rule(lang: Lang) -> String {
    match lang {
        Lang::Zh => format!("口令为 {SHORTEST} 至 {LONGEST} 个字符；{}", guessable().get(lang)),
        Lang::En => format!("A password has {SHORTEST} to {LONGEST} characters; {}", guessable().get(lang)),
    }
}

fn guessable() -> Text {
    Text::new("不要含登录名、顺序字符或大量重复", "leave out the log-in, sequences and repetitions")
}

/// Refuses what is guessed first.
pub fn check(login: &str, password: &str) -> Result<(), Problem> {
    let bad = |zh: String, en: String| Err(Problem::new("bad_password", zh, en).field("password"));
    let length = password.chars().count();
    if !(SHORTEST..=LONGEST).contains(&length) {
        return bad(
            format!("口令应为 {SHORTEST} 至 {LONGEST} 个字符，现为 {length} 个"),
            format!("a password has {SHORTEST} to {LONGEST} characters, this has {length}"),
        );
    }
    let lower = password.to_lowercase();
    let distinct = lower.chars().collect::<std::collections::BTreeSet<_>>().len();
    let guessed = ["123456", "password", "qwerty", "abcdef", "admin"];
    if distinct < 5 || lower.contains(login) || guessed.iter().any(|it| lower.starts_with(it)) {
        return bad(
            format!("口令太容易猜到：{}", guessable().zh),
            format!("this password is easy to guess: {}", guessable().en),
        );
    }
    Ok(())
}

/// The text to store.
pub async fn hash(password: &str) -> Result<String, StoreError> {
    let password = password.to_owned();
    blocking(move || {
        Argon2::default()
            .hash_password(password.as_bytes())
            .map(|it| it.to_string())
            .map_err(|it| StoreError::Key(it.to_string()))
    })
    .await?
}

/// Whether `password` is the one of `stored`; takes as long when there is none.
pub async fn verify(password: &str, stored: Option<&str>) -> Result<bool, StoreError> {
    let (password, known) = (password.to_owned(), stored.is_some());
    let stored = stored.unwrap_or(NOBODY).to_owned();
    blocking(move || {
        let parsed = PasswordHash::new(&stored);
        let right = parsed.is_ok_and(|it| Argon2::default().verify_password(password.as_bytes(), &it).is_ok());
        right && known
    })
    .await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    let permit = PERMITS.acquire().await.map_err(|it| StoreError::Key(it.to_string()))?;
    let job = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work()
    });
    job.await.map_err(|it| StoreError::Key(it.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_that_are_guessed_first_are_refused() {
        for (login, password) in
            [("zhang", "kurz"), ("zhang", "aaaaaaaaaaaaaaa"), ("zhang", "xx-zhang-2024-yy"), ("li", "1234567890123")]
        {
            assert_eq!(check(login, password).unwrap_err().code, "bad_password", "{password}");
        }
        assert_eq!(check("zhang", "雨夜 在 河堤 上 巡查 三遍"), Ok(()));
    }

    #[tokio::test]
    async fn a_password_verifies_against_its_own_hash_only() {
        let stored = hash("雨夜在河堤上巡查三遍").await.unwrap();
        assert!(stored.starts_with("$argon2id$"));
        assert!(verify("雨夜在河堤上巡查三遍", Some(&stored)).await.unwrap());
        assert!(!verify("雨夜在河堤上巡查四遍", Some(&stored)).await.unwrap());
        assert!(!verify("雨夜在河堤上巡查三遍", None).await.unwrap());
    }

    #[test]
    fn the_hash_of_nobody_has_the_cost_of_a_real_one() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let real = Argon2::default().hash_password(b"anything").unwrap();
        assert_eq!((nobody.algorithm, nobody.params), (real.algorithm, real.params));
    }
}
