//! Driving a carrier over HTTP.

use anlan_kernel::{Instant, Problem};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    behaviour::Script,
    delivery::{http_client, unix_seconds},
    log::Log,
    server::{Advance, Advanced, Callback, Next, Prescribed},
};
use crate::protocol::{Item, SIGNATURE_HEADER, Status, Submit, SubmitAnswer, TIME_HEADER, sign};

/// Why a carrier did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CarrierError {
    /// Nobody answers, or not in the protocol.
    #[error("the carrier cannot be reached")]
    Unreachable(#[from] reqwest::Error),
    /// It answered no.
    #[error("the carrier answered {status}: {body}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// `Retry-After`, seconds, where it was given.
        retry_after: Option<u32>,
        /// What it said.
        body: String,
    },
}

/// Speaks to one carrier; cheap to clone.
#[derive(Clone, Debug)]
pub struct CarrierClient {
    url: String,
    secret: String,
    control_token: Option<String>,
    http: reqwest::Client,
}

impl CarrierClient {
    /// A client for the carrier at `url`.
    ///
    /// # Errors
    /// `no_http_client` when it cannot be built.
    pub fn new(url: &str, secret: &str) -> Result<Self, Problem> {
        Ok(Self {
            url: url.trim_end_matches('/').into(),
            secret: secret.into(),
            control_token: None,
            http: http_client()?,
        })
    }

    /// Uses this token for `/sim/…`.
    #[must_use]
    pub fn with_control_token(mut self, token: &str) -> Self {
        self.control_token = Some(token.into());
        self
    }

    /// When the carrier has something to do; `None` when only a submit can bring work.
    ///
    /// # Errors
    /// [`CarrierError`], as for everything here.
    pub async fn next(&self) -> Result<Option<Instant>, CarrierError> {
        Ok(self.get::<Next>("/sim/next").await?.next)
    }

    /// Does everything due up to and including `to`; back when the last receipt was taken.
    ///
    /// # Errors
    /// [`CarrierError::Refused`] 409 where the carrier follows the wall clock.
    pub async fn advance(&self, to: Instant) -> Result<Advanced, CarrierError> {
        self.post("/sim/advance", &Advance { to }).await
    }

    /// Everything done so far.
    ///
    /// # Errors
    /// [`CarrierError`].
    pub async fn log(&self) -> Result<Log, CarrierError> {
        self.get("/sim/log").await
    }

    /// What was done for one key.
    ///
    /// # Errors
    /// [`CarrierError`].
    pub async fn log_of(&self, key: &str) -> Result<Log, CarrierError> {
        self.get(&with_key("/sim/log", key)).await
    }

    /// Sends receipts to `url` from now on; answers when the next thing is due.
    ///
    /// # Errors
    /// [`CarrierError::Refused`] 400 for an address that is not on this machine.
    pub async fn callback(&self, url: &str) -> Result<Option<Instant>, CarrierError> {
        Ok(self.post::<_, Next>("/sim/callback", &Callback { url: url.into() }).await?.next)
    }

    /// Prescribes what whoever sits at `number` does from now on. A person of flesh and blood who answers
    /// by the product's own page is `never; sms-none`: it rings until somebody gives up.
    ///
    /// # Errors
    /// [`CarrierError`].
    pub async fn script(&self, number: &str, behaviour: Script) -> Result<(), CarrierError> {
        self.post::<_, Next>("/sim/script", &Prescribed { number: number.into(), behaviour }).await.map(drop)
    }

    /// Submits items, as the product would.
    ///
    /// # Errors
    /// [`CarrierError::Refused`] with `retry_after` on 429.
    pub async fn submit(&self, items: Vec<Item>) -> Result<SubmitAnswer, CarrierError> {
        self.post("/v1/submit", &Submit { items }).await
    }

    /// Asks what is known about a key.
    ///
    /// # Errors
    /// [`CarrierError::Refused`] 404 where the gateway cannot answer by key.
    pub async fn status(&self, key: &str) -> Result<Status, CarrierError> {
        self.get(&with_key("/v1/status", key)).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CarrierError> {
        self.send(self.http.get(format!("{}{path}", self.url)), path, path.as_bytes()).await
    }

    async fn post<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T, CarrierError> {
        let body = serde_json::to_vec(body).unwrap_or_default();
        let request = self.http.post(format!("{}{path}", self.url)).header("content-type", "application/json");
        self.send(request.body(body.clone()), path, &body).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
        path: &str,
        signed: &[u8],
    ) -> Result<T, CarrierError> {
        let seconds = unix_seconds();
        let signature = sign(&self.secret, &seconds, signed);
        let mut request = request.header(TIME_HEADER, seconds).header(SIGNATURE_HEADER, signature);
        if let Some(token) = self.control_token.as_ref().filter(|_| path.starts_with("/sim/")) {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer.json().await?);
        }
        let retry_after = answer.headers().get("retry-after").and_then(|it| it.to_str().ok()?.parse().ok());
        Err(CarrierError::Refused { status: status.as_u16(), retry_after, body: answer.text().await? })
    }
}

/// The path with the key as a query, every byte but the plain ones escaped.
fn with_key(path: &str, key: &str) -> String {
    let escaped: String = key
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    format!("{path}?key={escaped}")
}
