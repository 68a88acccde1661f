//! Mail over SMTP. The Message-ID is made from the item's key, so that a repeat can be recognised.

use std::time::Duration;

use anlan_store::hex;
use lettre::{
    Address, Message,
    message::{Mailbox, header::ContentType},
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, Certificate, TlsParameters},
        extension::ClientId,
    },
};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::{Claimed, request::Outcome};
use crate::{Warn, service::Line, text::Ready};

/// Hands mails over on one connection; another one after a mail that broke it.
pub(super) async fn send(warn: &Warn, line: &Line, batch: &[Claimed]) -> Vec<Outcome> {
    let within = warn.config.answer_within;
    let mut outcomes = Vec::with_capacity(batch.len());
    let mut open: Option<AsyncSmtpConnection> = None;
    for (item, ready) in batch {
        let message = match message(line, &item.id, ready) {
            Ok(message) => message,
            Err(code) => {
                outcomes.push(Outcome::Refused(json!({"code": code})));
                continue;
            }
        };
        let mut connection = match open.take() {
            Some(connection) => connection,
            None => match connect(line, within).await {
                Ok(connection) => connection,
                Err(said) => {
                    // Nothing was handed over; the rest of the batch would fare no better.
                    outcomes.resize(batch.len(), Outcome::Later(Duration::ZERO, said));
                    return outcomes;
                }
            },
        };
        let sent = tokio::time::timeout(within, connection.send(message.envelope(), &message.formatted())).await;
        let broken = connection.has_broken() || !matches!(sent, Ok(Ok(_)));
        outcomes.push(outcome(sent));
        if !broken {
            open = Some(connection);
        }
    }
    if let Some(mut connection) = open {
        // The mails are taken; how the far side says goodbye changes nothing.
        let _ = tokio::time::timeout(within, connection.quit()).await;
    }
    outcomes
}

fn outcome(
    sent: Result<Result<lettre::transport::smtp::response::Response, Error>, tokio::time::error::Elapsed>,
) -> Outcome {
    match sent {
        Ok(Ok(response)) => {
            let code = response.code().to_string();
            Outcome::Sent(json!({"code": code, "message": response.message().collect::<Vec<_>>().join(" ")}))
        }
        Ok(Err(error)) if error.is_transient() => Outcome::Later(Duration::ZERO, said(&error)),
        Ok(Err(error)) if error.is_permanent() || error.is_client() => Outcome::Refused(said(&error)),
        Ok(Err(error)) => Outcome::Unknown(json!({"code": "no_answer", "message": words(&error)})),
        Err(_) => Outcome::Unknown(json!({"code": "no_answer"})),
    }
}

fn said(error: &Error) -> Json {
    json!({"code": error.status().map(|it| it.to_string()), "message": words(error)})
}

/// What went wrong, to the innermost cause.
fn words(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if !text.contains(&inner.to_string()) {
            text.push_str(&format!(": {inner}"));
        }
        source = inner.source();
    }
    text.chars().take(300).collect()
}

fn message(line: &Line, key: &str, ready: &Ready) -> Result<Message, &'static str> {
    let Ready::Mail { to, subject, text } = ready else { return Err("no_mailbox") };
    let from: Address = line.channel.setting("from").parse().map_err(|_| "bad_sender")?;
    let to: Address = to.parse().map_err(|_| "bad_address")?;
    let id = format!("<{}@{}>", &hex(&Sha256::digest(key))[..32], from.domain());
    Message::builder()
        .from(Mailbox::new(None, from))
        .to(Mailbox::new(None, to))
        .subject(subject)
        .message_id(Some(id))
        .header(ContentType::TEXT_PLAIN)
        .body(text.clone())
        .map_err(|_| "bad_mail")
}

/// Connected, encrypted where the address says so, and logged in.
async fn connect(line: &Line, within: Duration) -> Result<AsyncSmtpConnection, Json> {
    let trouble = |error: Error| match error.status() {
        Some(_) => said(&error),
        None => json!({"code": "no_connection", "message": words(&error)}),
    };
    let opened = async {
        let url = line.channel.url.as_str();
        let (scheme, host, port) = place(url).ok_or_else(|| json!({"code": "bad_address"}))?;
        let tls = || tls(line, &host).map_err(trouble);
        let hello = ClientId::Domain(line.channel.setting("from").rsplit('@').next().unwrap_or("localhost").to_owned());
        let wrapped = if scheme == "smtps" { Some(tls()?) } else { None };
        let server = (host.as_str(), port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, Some(within), &hello, wrapped, None).await.map_err(trouble)?;
        if scheme == "smtp+starttls" {
            connection.starttls(tls()?, &hello).await.map_err(trouble)?;
        }
        let user = line.channel.setting("user");
        if !user.is_empty() {
            let login = Credentials::new(user.to_owned(), line.secret("password").to_owned());
            connection.auth(&[Mechanism::Plain, Mechanism::Login], &login).await.map_err(trouble)?;
        }
        Ok(connection)
    };
    tokio::time::timeout(within, opened).await.unwrap_or_else(|_| Err(json!({"code": "no_answer"})))
}

fn place(url: &str) -> Option<(&str, String, u16)> {
    let (scheme, _) = url.split_once("://")?;
    let parsed = reqwest::Url::parse(url).ok()?;
    let host = parsed.host_str()?.trim_matches(['[', ']']).to_owned();
    let usual = match scheme {
        "smtps" => 465,
        "smtp+starttls" => 587,
        _ => 25,
    };
    Some((scheme, host, parsed.port().unwrap_or(usual)))
}

fn tls(line: &Line, host: &str) -> Result<TlsParameters, Error> {
    let mut builder = TlsParameters::builder(host.to_owned());
    let own = line.channel.setting("ca");
    if !own.is_empty() {
        builder = builder.add_root_certificate(Certificate::from_pem(own.as_bytes())?);
    }
    builder.build_rustls()
}

/// Connects, logs in and leaves.
pub(super) async fn probe(line: &Line, within: Duration) -> Result<String, String> {
    let mut connection = connect(line, within).await.map_err(|it| it.to_string())?;
    let name = connection.server_info().name().to_owned();
    // It was there; how it says goodbye changes nothing.
    let _ = tokio::time::timeout(within, connection.quit()).await;
    Ok(name)
}
