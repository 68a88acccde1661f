//! A product that only listens: it verifies, keeps what it is sent, and answers as told.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anlan_kernel::Instant;
use anlan_simulator::{
    carrier::{Carrier, CarrierClient, CarrierConfig},
    protocol::{Event, Item, Kind, Receipt, Receipts, SIGNATURE_HEADER, TIME_HEADER, verify},
};
use axum::{Router, body::Bytes, extract::State, http::HeaderMap, http::StatusCode, routing::post};
use tokio::sync::Notify;

/// 2023-09-01 20:15:00, the hour the storm came.
pub const START: Instant = Instant::from_secs(1_693_570_500);

/// So many seconds after the start.
pub fn at(seconds: u64) -> Instant {
    START.plus(Duration::from_secs(seconds))
}

/// What the callback saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Receipts with a good signature, in order of arrival.
    pub receipts: Mutex<Vec<Receipt>>,
    /// Receipts with a bad one.
    pub forged: Mutex<Vec<Receipt>>,
    /// How many each good request brought.
    pub batches: Mutex<Vec<usize>>,
    /// Status to answer with; 0 means 200.
    pub answers: AtomicU16,
    /// Good receipts so far, and a bell for whoever waits for them.
    pub count: AtomicUsize,
    pub bell: Notify,
    /// Rings when a request comes in; the answer waits while the lock is held for writing.
    pub entered: Notify,
    pub held: tokio::sync::RwLock<()>,
}

impl Seen {
    pub fn all(&self) -> Vec<Receipt> {
        self.receipts.lock().unwrap().clone()
    }

    pub fn of(&self, key: &str) -> Vec<Receipt> {
        self.all().into_iter().filter(|receipt| receipt.key == key).collect()
    }

    /// `ringing answered key:1 hung_up`.
    pub fn told(&self, key: &str) -> String {
        let words: Vec<String> = self.of(key).iter().map(word).collect();
        words.join(" ")
    }

    /// Back when so many receipts have come.
    pub async fn wait_for(&self, count: usize) {
        loop {
            let heard = self.bell.notified();
            if self.count.load(Ordering::SeqCst) >= count {
                return;
            }
            heard.await;
        }
    }
}

fn word(receipt: &Receipt) -> String {
    let event = serde_json::to_value(receipt.event).unwrap().as_str().unwrap().to_owned();
    let detail =
        receipt.digit.clone().or_else(|| receipt.text.clone()).or_else(|| {
            receipt.reason.map(|reason| serde_json::to_value(reason).unwrap().as_str().unwrap().to_owned())
        });
    detail.map_or(event.clone(), |detail| format!("{event}:{detail}"))
}

/// A listening product; ends when dropped.
#[derive(Debug)]
pub struct Product {
    pub url: String,
    pub seen: Arc<Seen>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Product {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Product {
    pub async fn listen(secret: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/receipts", listener.local_addr().unwrap());
        let seen = Arc::new(Seen::default());
        let app =
            Router::new().route("/receipts", post(take)).with_state((Arc::clone(&seen), Arc::<str>::from(secret)));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, seen, task }
    }
}

async fn take(State((seen, secret)): State<(Arc<Seen>, Arc<str>)>, headers: HeaderMap, body: Bytes) -> StatusCode {
    seen.entered.notify_one();
    let _not_held = seen.held.read().await;
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let receipts = serde_json::from_slice::<Receipts>(&body).unwrap().receipts;
    if !verify(&secret, &header(TIME_HEADER), &body, &header(SIGNATURE_HEADER)) {
        seen.forged.lock().unwrap().extend(receipts);
        return StatusCode::UNAUTHORIZED;
    }
    let told = seen.answers.load(Ordering::SeqCst);
    if told != 0 {
        return StatusCode::from_u16(told).unwrap();
    }
    let count = receipts.len();
    seen.batches.lock().unwrap().push(count);
    seen.receipts.lock().unwrap().extend(receipts);
    seen.count.fetch_add(count, Ordering::SeqCst);
    seen.bell.notify_waiters();
    StatusCode::OK
}

/// A carrier and the product it calls back.
pub struct Night {
    pub carrier: Carrier,
    pub client: CarrierClient,
    pub product: Product,
}

impl Night {
    pub async fn with(config: CarrierConfig) -> Self {
        let product = Product::listen(&config.secret).await;
        let carrier = Carrier::start(CarrierConfig { callback: Some(product.url.clone()), ..config }).await.unwrap();
        let client = carrier.client().unwrap();
        Self { carrier, client, product }
    }

    /// Advances from one thing to do to the next until there is none; back with the last instant.
    pub async fn to_the_end(&self) -> Option<Instant> {
        let mut last = None;
        while let Some(next) = self.client.next().await.unwrap() {
            self.client.advance(next).await.unwrap();
            last = Some(next);
        }
        last
    }

    pub fn seen(&self) -> &Seen {
        &self.product.seen
    }
}

pub fn call(key: &str, to: &str) -> Item {
    Item {
        key: key.into(),
        kind: Kind::Voice,
        to: to.into(),
        text: "请立即到岗，收到请按1。".into(),
        keys: ["1", "2", "3"].map(String::from).to_vec(),
        priority: 5,
        repeat: false,
    }
}

pub fn sms(key: &str, to: &str) -> Item {
    Item { kind: Kind::Sms, keys: Vec::new(), ..call(key, to) }
}

/// Whether a call is over with this event.
pub fn ends(event: Event) -> bool {
    matches!(event, Event::HungUp | Event::Failed)
}
