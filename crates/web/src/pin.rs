//! Numeric passwords (数字口令) of people who have no account: argon2id, and five wrong ones lock.

use anlan_kernel::{Actor, Problem};
use anlan_store::{Event, StoreError, Urgency, World};
use axum::http::StatusCode;

use crate::{
    ApiError, ApiResult,
    attempts::{self, Attempt},
    password, secret,
};

/// Digits of a PIN.
const LENGTH: std::ops::RangeInclusive<usize> = 4..=6;

/// What a PIN is compared with.
#[derive(Clone, Debug)]
pub enum Known {
    /// The hash of the PIN the person chose.
    Hash(String),
    /// Digits only the person and the caller's roster know, until they choose a PIN.
    Digits(String),
    /// Nothing: nobody gets in.
    Nothing,
}

/// The text to store for a PIN.
///
/// # Errors
/// `bad_pin` unless it is 4 to 6 digits that are not all alike or in sequence.
pub async fn hash(pin: &str) -> ApiResult<String> {
    let digits: Vec<u8> = pin.bytes().collect();
    let fine = LENGTH.contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let step = |by: i16| digits.windows(2).all(|it| i16::from(it[1]) - i16::from(it[0]) == by);
    if !fine || step(0) || step(1) || step(-1) {
        let (zh, en) = (
            "口令为 4 到 6 位数字，不要全同或连号，如 1111、1234",
            "a PIN has 4 to 6 digits, not all alike and not in sequence",
        );
        return Err(Problem::new("bad_pin", zh, en).field("pin").into());
    }
    Ok(password::hash(pin).await?)
}

/// Lets `subject` in with the right PIN; after five wrong ones nobody is heard for a quarter of an hour.
///
/// # Errors
/// 403 `wrong_pin`, 429 `too_many_attempts`; what the store says.
pub async fn check(world: &World, subject: &str, pin: &str, known: Known) -> ApiResult<()> {
    let by = Actor::system("pin");
    let of = attempts::subjects(&format!("pin:{subject}"), &format!("pin:{subject}"));
    let begun = of.clone();
    let attempt = world.write("pin.begin", Urgency::Urgent, &by, move |tx| attempts::begin(tx, &begun)).await?;
    if let Attempt::Locked(seconds) = attempt {
        let (zh, en) = ("口令错误次数过多，请过一会儿再试", "too many wrong PINs; try again later");
        let problem = Problem::new("too_many_attempts", zh, en).field("pin");
        return Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, problem).retry_after(seconds));
    }
    let right = match known {
        Known::Hash(stored) => password::verify(pin, Some(&stored)).await?,
        Known::Digits(digits) => secret::same(pin, &digits),
        Known::Nothing => false,
    };
    let subject = subject.to_owned();
    world
        .write("pin.end", Urgency::Urgent, &by, move |tx| -> Result<(), StoreError> {
            if right {
                return attempts::succeeded(tx, &of);
            }
            tx.record(Event::new("pin.failed", &subject))?;
            if attempts::just_locked(tx, &of)? {
                tx.record(Event::new("pin.locked", &subject))?;
            }
            Ok(())
        })
        .await?;
    if right {
        return Ok(());
    }
    let problem = Problem::new("wrong_pin", "口令不对", "this PIN is wrong").field("pin");
    Err(ApiError::new(StatusCode::FORBIDDEN, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_pin_that_is_guessed_first_is_refused() {
        for pin in ["", "12", "1234", "4321", "1111", "1234567", "12a4", "１２３5"] {
            assert_eq!(hash(pin).await.unwrap_err().problem().code, "bad_pin", "{pin}");
        }
        assert!(hash("2580").await.unwrap().starts_with("$argon2id$"));
    }
}
