//! Driving the engine and bringing its receipts to the callback.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anlan_kernel::{Instant, Problem};
use tokio::sync::Notify;

use super::{
    config::{CarrierConfig, Clock},
    engine::Engine,
    outbox::Batch,
};
use crate::protocol::{Receipts, SIGNATURE_HEADER, TIME_HEADER, sign};

/// How long one delivery may take, real time.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);

/// What the server, the driver and the handle share.
#[derive(Debug)]
pub struct Shared {
    engine: Mutex<Engine>,
    /// One driver at a time; the engine's own lock is never held while waiting.
    driving: tokio::sync::Mutex<()>,
    /// Something was submitted or the callback changed.
    pub wake: Notify,
    http: reqwest::Client,
    began: (Instant, std::time::Instant),
}

/// What one drive brought about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Driven {
    /// Receipts taken.
    pub delivered: u64,
    /// Receipts not taken, each time counted.
    pub failed: u64,
}

impl Shared {
    /// A carrier that has done nothing yet.
    pub fn new(config: CarrierConfig, http: reqwest::Client) -> Self {
        let began = (system_now(), std::time::Instant::now());
        Self {
            engine: Mutex::new(Engine::new(config, began.0)),
            driving: tokio::sync::Mutex::new(()),
            wake: Notify::new(),
            http,
            began,
        }
    }

    /// The engine, for a moment.
    pub fn engine(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The engine for a submit: where the wall clock is followed, everything before now is done.
    pub fn engine_at_present(&self) -> MutexGuard<'_, Engine> {
        let mut engine = self.engine();
        if engine.config().clock == Clock::Wall {
            engine.play_to(self.wall());
        }
        engine
    }

    /// The wall clock, never going back.
    fn wall(&self) -> Instant {
        self.began.0.plus(self.began.1.elapsed())
    }

    /// Does everything due up to and including `to`, in exact order, each instant's receipts
    /// delivered before the next instant begins.
    pub async fn drive(&self, to: Instant) -> Driven {
        let _alone = self.driving.lock().await;
        let mut driven = Driven::default();
        loop {
            let work = {
                let mut engine = self.engine();
                let due = engine.next().filter(|at| *at <= to);
                engine.play_to(due.unwrap_or(to));
                due.map(|_| engine.batch())
            };
            match work {
                None => return driven,
                Some(None) => {}
                Some(Some((url, batch))) => self.deliver(&url, &batch, &mut driven).await,
            }
        }
    }

    /// Follows the wall clock until the task is ended.
    pub async fn follow_the_wall(&self) {
        loop {
            let work = {
                let engine = self.engine_at_present();
                engine.batch().ok_or_else(|| engine.next())
            };
            match work {
                Ok((url, batch)) => self.deliver(&url, &batch, &mut Driven::default()).await,
                Err(None) => self.wake.notified().await,
                Err(Some(next)) => {
                    let pause = next.since(self.wall());
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = self.wake.notified() => {}
                    }
                }
            }
        }
    }

    async fn deliver(&self, url: &str, batch: &Batch, driven: &mut Driven) {
        let answer = self.post(url, batch).await;
        let done = self.engine().answered(batch, answer);
        let count = batch.receipts.len() as u64;
        match (batch.forged, done && answer < 300) {
            (true, _) => {}
            (false, true) => driven.delivered += count,
            (false, false) => driven.failed += count,
        }
    }

    /// The status of the answer; 0 when there was none.
    async fn post(&self, url: &str, batch: &Batch) -> u16 {
        let body = serde_json::to_vec(&Receipts { receipts: batch.receipts.clone() }).unwrap_or_default();
        let secret = self.engine().config().secret.clone();
        let seconds = unix_seconds();
        let signature = match batch.forged {
            false => sign(&secret, &seconds, &body),
            true => sign(&format!("not {secret}"), &seconds, &body),
        };
        let sent = self
            .http
            .post(url)
            .timeout(DELIVERY_TIMEOUT)
            .header("content-type", "application/json")
            .header(TIME_HEADER, seconds)
            .header(SIGNATURE_HEADER, signature)
            .body(body)
            .send()
            .await;
        match sent {
            Ok(answer) => answer.status().as_u16(),
            Err(error) => {
                tracing::debug!(url, %error, "the callback cannot be reached; receipts wait");
                0
            }
        }
    }
}

/// Now, unix seconds in digits, for the time header.
pub fn unix_seconds() -> String {
    (system_now().0 / 1_000_000).to_string()
}

fn system_now() -> Instant {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_micros());
    Instant(i64::try_from(micros).unwrap_or(i64::MAX))
}

/// A client for this machine: no proxy, no redirect.
///
/// # Errors
/// `no_http_client` when it cannot be built.
pub fn http_client() -> Result<reqwest::Client, Problem> {
    // The HTTP library asks for a TLS provider even where only http:// is spoken. A second
    // installation is refused and changes nothing.
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().map_err(|error| {
        Problem::new("no_http_client", format!("无法建立 HTTP 客户端：{error}"), format!("no HTTP client: {error}"))
    })
}
