//! One request to a gateway, and what its answer means (`docs/gateway-protocol.md`).

use std::{collections::HashMap, time::Duration};

use anlan_store::{OutboxItem, hex, real_now};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sha2::Sha256;

use super::Claimed;
use crate::{service::Line, text::Ready};
use anlan_web::percent;

/// Keys a caller listens for.
const KEYS: &[&str] = &["1", "2", "3"];

/// What became of one item.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// The gateway has it.
    Sent(Json),
    /// It will never take it.
    Refused(Json),
    /// Not taken; try again, not before this long.
    Later(Duration, Json),
    /// Nobody knows whether it was taken.
    Unknown(Json),
    /// It is not tried any more.
    GivenUp(Json),
    /// The gateway says it does not have it, or cannot say: it goes out once more, now.
    Anew {
        /// It cannot say, so this may be the second time.
        repeat: bool,
    },
}

#[derive(Serialize)]
struct Submit<'a> {
    items: Vec<SubmitItem<'a>>,
}

#[derive(Serialize)]
struct SubmitItem<'a> {
    key: &'a str,
    kind: &'a str,
    to: &'a str,
    text: &'a str,
    keys: &'static [&'static str],
    priority: i64,
    repeat: bool,
}

#[derive(Deserialize)]
struct Answer {
    items: Vec<AnswerItem>,
}

#[derive(Deserialize)]
struct AnswerItem {
    key: String,
    status: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<Json>,
}

/// Hands a batch to the gateway; one outcome per item, in order.
pub(crate) async fn submit(http: &reqwest::Client, line: &Line, batch: &[Claimed]) -> Vec<Outcome> {
    let items: Option<Vec<_>> = batch
        .iter()
        .map(|(item, ready)| match ready {
            Ready::Number { to, text } => Some(submit_item(item, to, text)),
            _ => None,
        })
        .collect();
    let Some(items) = items else { return all(batch, &Outcome::Refused(json!({"code": "no_number"}))) };
    let Ok(body) = serde_json::to_vec(&Submit { items }) else {
        return all(batch, &Outcome::Refused(json!({"code": "not_json"})));
    };
    let time = unix_seconds();
    let answer = http
        .post(format!("{}/v1/submit", line.channel.url))
        .header("content-type", "application/json")
        .header("x-anlan-signature", sign(line.secret("secret").as_bytes(), &time, &body))
        .header("x-anlan-time", time)
        .body(body)
        .send()
        .await;
    match answer {
        Ok(response) => read_answer(response, batch).await,
        Err(error) if error.is_connect() => {
            all(batch, &Outcome::Later(Duration::ZERO, json!({"code": "no_connection"})))
        }
        Err(_) => all(batch, &Outcome::Unknown(json!({"code": "no_answer"}))),
    }
}

fn submit_item<'a>(item: &'a OutboxItem, to: &'a str, text: &'a str) -> SubmitItem<'a> {
    SubmitItem {
        key: &item.id,
        kind: &item.kind,
        to,
        text,
        keys: if item.kind == "voice" { KEYS } else { &[] },
        priority: item.priority.clamp(0, 9),
        repeat: item.payload["repeat"] == true,
    }
}

async fn read_answer(response: reqwest::Response, batch: &[Claimed]) -> Vec<Outcome> {
    let status = response.status();
    if status.is_success() {
        return match response.json::<Answer>().await {
            Ok(answer) => {
                let by_key: HashMap<_, _> = answer.items.into_iter().map(|it| (it.key.clone(), it)).collect();
                batch.iter().map(|(item, _)| one_answer(by_key.get(&item.id))).collect()
            }
            Err(_) => all(batch, &Outcome::Unknown(json!({"code": "bad_answer"}))),
        };
    }
    let header = response.headers().get("retry-after").and_then(|it| it.to_str().ok()?.parse().ok());
    let wait = Duration::from_secs(header.unwrap_or_default());
    let said = json!({"code": format!("http_{}", status.as_u16())});
    match status.as_u16() {
        429 | 500..=599 => all(batch, &Outcome::Later(wait, said)),
        _ => all(batch, &Outcome::Refused(said)),
    }
}

fn one_answer(item: Option<&AnswerItem>) -> Outcome {
    let Some(item) = item else { return Outcome::Unknown(json!({"code": "not_answered"})) };
    let said = json!({"code": item.code, "message": item.message, "status": item.status});
    match item.status.as_str() {
        "accepted" | "duplicate" => Outcome::Sent(said),
        _ => Outcome::Refused(said),
    }
}

fn all(batch: &[Claimed], outcome: &Outcome) -> Vec<Outcome> {
    batch.iter().map(|_| outcome.clone()).collect()
}

/// Asks the gateway by key whether it has an item of unknown outcome.
pub(crate) async fn ask(http: &reqwest::Client, line: &Line, item: &OutboxItem) -> Outcome {
    let path = format!("/v1/status?key={}", percent(&item.id));
    let time = unix_seconds();
    let request = http
        .get(format!("{}{path}", line.channel.url))
        .header("x-anlan-signature", sign(line.secret("secret").as_bytes(), &time, path.as_bytes()))
        .header("x-anlan-time", time);
    match request.send().await {
        Ok(response) if response.status().is_success() => match response.json::<Json>().await {
            Ok(answer) if answer["known"] == true => Outcome::Sent(json!({"code": "known"})),
            Ok(answer) if answer["known"] == false => Outcome::Anew { repeat: false },
            _ => Outcome::Unknown(json!({"code": "bad_answer"})),
        },
        // It cannot say: a double call is better than silence.
        Ok(response) if response.status().as_u16() == 404 => Outcome::Anew { repeat: true },
        _ => Outcome::Unknown(json!({"code": "no_answer"})),
    }
}

/// Whether anybody answers at this address at all; an unsigned question is refused by one that is there.
pub(super) async fn probe(http: &reqwest::Client, url: &str) -> Result<String, String> {
    let answer = http.get(url).send().await.map_err(|it| it.without_url().to_string())?;
    Ok(answer.status().to_string())
}

pub(super) fn unix_seconds() -> String {
    (real_now().0 / 1_000_000).to_string()
}

/// Lower-case hex of HMAC-SHA256(secret, time + "\n" + body).
pub fn sign(secret: &[u8], time: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(time.as_bytes());
    mac.update(b"\n");
    mac.update(body);
    hex(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_signature_of_the_protocol_comes_out() {
        assert_eq!(
            sign(b"example-secret", "1693570500", br#"{"items":[]}"#),
            "fe51ba074e2bf558abf689c679b29970902ada8b061ce1fe06caad1d229089ea"
        );
    }

    #[test]
    fn a_key_is_escaped_to_the_last_byte() {
        assert_eq!(percent("r1/room:一#2"), "r1%2Froom%3A%E4%B8%80%232");
    }
}
