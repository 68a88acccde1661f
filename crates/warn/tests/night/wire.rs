//! The wire between product and carrier, and what can happen to it.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use tokio::sync::Notify;

/// What happens to a submit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Submit {
    /// It arrives and is answered.
    Passes,
    /// It arrives; the connection breaks before the answer.
    AnswerLost,
    /// The connection breaks before it arrives.
    Lost,
    /// It arrives and nothing more happens: whoever waits will wait.
    Hangs,
    /// It never arrives, and nothing more happens.
    HangsBefore,
    /// Answered with this status, nothing taken.
    Refused(u16),
}

/// A proxy on a loopback socket.
pub struct Wire {
    pub url: String,
    inner: Arc<Inner>,
    task: tokio::task::JoinHandle<()>,
}

struct Inner {
    to: String,
    http: reqwest::Client,
    submit: Mutex<Submit>,
    hanging: Notify,
    submits: Mutex<Vec<usize>>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Wire {
    pub async fn to(carrier: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let (submit, submits) = (Mutex::new(Submit::Passes), Mutex::default());
        let inner = Arc::new(Inner { to: carrier.into(), http, submit, hanging: Notify::new(), submits });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(pass).with_state(Arc::clone(&inner));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, inner, task }
    }

    pub fn set(&self, submit: Submit) {
        *self.inner.submit.lock().unwrap() = submit;
    }

    /// Back when a submit hangs.
    pub async fn hangs(&self) {
        self.inner.hanging.notified().await;
    }

    /// Bytes of every submit seen so far.
    pub fn submits(&self) -> usize {
        self.inner.submits.lock().unwrap().len()
    }
}

async fn pass(State(wire): State<Arc<Inner>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 10_000_000).await.unwrap();
    let submit = if head.uri.path() == "/v1/submit" { *wire.submit.lock().unwrap() } else { Submit::Passes };
    if head.uri.path() == "/v1/submit" {
        wire.submits.lock().unwrap().push(body.len());
    }
    match submit {
        Submit::Passes => forward(&wire, &head, body).await,
        Submit::AnswerLost => {
            forward(&wire, &head, body).await;
            panic!("the connection breaks");
        }
        Submit::Lost => panic!("the connection breaks"),
        Submit::Hangs => {
            forward(&wire, &head, body).await;
            wire.hanging.notify_one();
            std::future::pending().await
        }
        Submit::HangsBefore => {
            wire.hanging.notify_one();
            std::future::pending().await
        }
        Submit::Refused(status) => StatusCode::from_u16(status).unwrap().into_response(),
    }
}

async fn forward(wire: &Inner, head: &axum::http::request::Parts, body: Bytes) -> Response {
    let path = head.uri.path_and_query().unwrap().as_str();
    let mut request = wire.http.request(head.method.clone(), format!("{}{path}", wire.to)).body(body);
    for name in ["content-type", "x-anlan-signature", "x-anlan-time"] {
        if let Some(value) = head.headers.get(name) {
            request = request.header(name, value);
        }
    }
    let answer = request.send().await.unwrap();
    (answer.status(), answer.bytes().await.unwrap()).into_response()
}
