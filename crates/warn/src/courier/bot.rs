//! Group bots (群机器人): 企业微信, 钉钉, 飞书 (`docs/channels.md`).

use std::time::Duration;

use anlan_store::real_now;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value as Json, json};
use sha2::Sha256;

use super::{
    Claimed,
    request::{Outcome, unix_seconds},
};
use crate::{
    channel::{Kind, group::GroupMessage},
    service::Line,
    text::Ready,
};
use anlan_web::percent;

/// Characters kept of what a bot's server says.
const SAID: usize = 300;

/// What a bot's server calls "too fast", and how long it is then left alone.
fn too_fast(kind: Kind) -> (&'static [i64], Duration) {
    match kind {
        // 20 a minute.
        Kind::Wecom => (&[45009], Duration::from_secs(60)),
        // 20 a minute; whoever exceeds it is shut out for ten.
        Kind::Dingtalk => (&[130101, 90030], Duration::from_secs(600)),
        // 5 a second, 100 a minute; 2200 is its own trouble.
        _ => (&[11232, 9499, 2200], Duration::from_secs(60)),
    }
}

/// Hands messages to a bot, one request each.
pub(super) async fn send(http: &reqwest::Client, line: &Line, batch: &[Claimed]) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(batch.len());
    for (_, ready) in batch {
        outcomes.push(match ready {
            Ready::Group(message) => post(http, line, message).await,
            // The type keeps what may hold a person away from a group.
            _ => Outcome::Refused(json!({"code": "not_for_groups"})),
        });
    }
    outcomes
}

async fn post(http: &reqwest::Client, line: &Line, message: &GroupMessage) -> Outcome {
    let (url, body) = request(line, message);
    match http.post(url).json(&body).send().await {
        Ok(response) => read(line.channel.kind, response).await,
        Err(error) if error.is_connect() => Outcome::Later(Duration::ZERO, json!({"code": "no_connection"})),
        Err(_) => Outcome::Unknown(json!({"code": "no_answer"})),
    }
}

fn request(line: &Line, message: &GroupMessage) -> (String, Json) {
    let (url, token, secret) = (&line.channel.url, line.secret("token"), line.secret("secret"));
    let keyword = line.channel.setting("keyword");
    let word = |text: String| if text.contains(keyword) { text } else { format!("{keyword} {text}") };
    match line.channel.kind {
        Kind::Dingtalk => {
            let mut url = format!("{url}?access_token={}", percent(token));
            if !secret.is_empty() {
                let millis = real_now().0 / 1_000;
                url += &format!("&timestamp={millis}&sign={}", percent(&sign_dingtalk(secret, millis)));
            }
            let markdown = json!({"title": message.head(), "text": word(message.markdown())});
            (url, json!({"msgtype": "markdown", "markdown": markdown}))
        }
        Kind::Feishu => {
            let mut body = json!({"msg_type": "text", "content": {"text": word(message.text())}});
            if !secret.is_empty() {
                let seconds = unix_seconds();
                body["sign"] = sign_feishu(secret, &seconds).into();
                body["timestamp"] = seconds.into();
            }
            (format!("{url}/{}", percent(token)), body)
        }
        _ => {
            let body = json!({"msgtype": "markdown", "markdown": {"content": message.markdown()}});
            (format!("{url}?key={}", percent(token)), body)
        }
    }
}

/// 钉钉: base64 of HMAC-SHA256 under the secret over time and secret; still to be escaped for the address.
pub fn sign_dingtalk(secret: &str, millis: i64) -> String {
    hmac(secret.as_bytes(), format!("{millis}\n{secret}").as_bytes())
}

/// 飞书: base64 of HMAC-SHA256 under time and secret over nothing.
pub fn sign_feishu(secret: &str, seconds: &str) -> String {
    hmac(format!("{seconds}\n{secret}").as_bytes(), b"")
}

fn hmac(key: &[u8], message: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    STANDARD.encode(mac.finalize().into_bytes())
}

async fn read(kind: Kind, response: reqwest::Response) -> Outcome {
    let status = response.status();
    let http = json!({"code": format!("http_{}", status.as_u16())});
    match status.as_u16() {
        429 | 500..=599 => {
            let header = response.headers().get("retry-after").and_then(|it| it.to_str().ok()?.parse().ok());
            return Outcome::Later(Duration::from_secs(header.unwrap_or_default()), http);
        }
        _ if !status.is_success() => return Outcome::Refused(http),
        _ => {}
    }
    match response.json::<Json>().await {
        Ok(answer) => meaning(kind, &answer),
        Err(_) => Outcome::Unknown(json!({"code": "bad_answer"})),
    }
}

/// `errcode`, `code` and the older `StatusCode` all say 0 for taken.
fn meaning(kind: Kind, answer: &Json) -> Outcome {
    let Some(code) = ["errcode", "code", "StatusCode"].iter().find_map(|it| answer[it].as_i64()) else {
        return Outcome::Unknown(json!({"code": "bad_answer"}));
    };
    let words = ["errmsg", "msg", "StatusMessage"].iter().find_map(|it| answer[it].as_str()).unwrap_or_default();
    let said = json!({"code": code.to_string(), "message": words.chars().take(SAID).collect::<String>()});
    let (limits, wait) = too_fast(kind);
    match code {
        0 => Outcome::Sent(said),
        -1 => Outcome::Later(Duration::ZERO, said),
        code if limits.contains(&code) => Outcome::Later(wait, said),
        _ => Outcome::Refused(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_examples_of_the_signatures_come_out() {
        assert_eq!(
            percent(&sign_dingtalk("SEC0f1e2d3c4b5a69788796a5b4c3d2e1f0", 1_754_006_400_123)),
            "gJxYyI0GJrRJYdqQ9KCeLUqghclGkU6S5c7sinaR4XE%3D"
        );
        assert_eq!(sign_feishu("xKp9Q2mL7vR4tY8w", "1754006400"), "bf/u0iEHmwjOM6vmxupW2D+CZhdjO18JfN7ymfzquN8=");
    }

    #[test]
    fn every_answer_has_one_meaning() {
        let outcome = |kind, answer| match meaning(kind, &answer) {
            Outcome::Sent(_) => "sent".to_owned(),
            Outcome::Later(wait, _) => format!("later {}", wait.as_secs()),
            Outcome::Refused(_) => "refused".to_owned(),
            Outcome::Unknown(_) => "unknown".to_owned(),
            other => format!("{other:?}"),
        };
        for (kind, answer, want) in [
            (Kind::Wecom, json!({"errcode": 0, "errmsg": "ok"}), "sent"),
            (Kind::Wecom, json!({"errcode": 45009, "errmsg": "api freq out of limit"}), "later 60"),
            (Kind::Wecom, json!({"errcode": 93000, "errmsg": "invalid webhook url"}), "refused"),
            (Kind::Wecom, json!({"errcode": -1, "errmsg": "system busy"}), "later 0"),
            (Kind::Dingtalk, json!({"errcode": 130101, "errmsg": "send too fast"}), "later 600"),
            (Kind::Dingtalk, json!({"errcode": 310000, "errmsg": "sign not match"}), "refused"),
            (Kind::Feishu, json!({"code": 0, "msg": "success"}), "sent"),
            (Kind::Feishu, json!({"StatusCode": 0, "StatusMessage": "success"}), "sent"),
            (Kind::Feishu, json!({"code": 11232, "msg": "frequency limited"}), "later 60"),
            (Kind::Feishu, json!({"code": 19021, "msg": "sign match fail"}), "refused"),
            (Kind::Feishu, json!({"ok": true}), "unknown"),
        ] {
            assert_eq!(outcome(kind, answer.clone()), want, "{answer}");
        }
    }
}
