//! Callers of a mechanism's routes: a stranger, an officer, a device.

use anlan_kernel::{Actor, RegionCode};
use anlan_store::World;
use anlan_web::accounts::{self, NewAccount};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request},
};
use serde_json::Value as Json;
use tower::ServiceExt as _;

/// Somebody who sends requests to routes without a socket between.
#[derive(Clone)]
pub struct Caller {
    app: Router,
    credential: Option<String>,
    language: &'static str,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or_else(|it| panic!("{it}: {}", self.text()))
    }

    /// Status and the code of the problem; no code where there is none.
    pub fn refusal(&self) -> (u16, String) {
        (self.status, self.json()["code"].as_str().unwrap_or_default().to_owned())
    }
}

impl Caller {
    /// Nobody in particular, who reads Chinese.
    pub fn stranger(app: &Router) -> Self {
        Self { app: app.clone(), credential: None, language: "zh-CN" }
    }

    /// An account of its own with this role and duty area, and its token.
    ///
    /// # Panics
    /// When the account cannot be made.
    pub async fn officer(app: &Router, world: &World, role: &str, region: &str) -> Self {
        let (by, login) = (Actor::system("test"), format!("{role}-{region}").replace('_', "-"));
        let new = NewAccount {
            login: login.clone(),
            password: "a long enough passphrase 7".into(),
            name: "值班员".into(),
            role: role.into(),
            regions: vec![RegionCode::parse(region).expect("a region code")],
            hat: None,
        };
        accounts::create(world, &by, new).await.expect("the account is made");
        let token = accounts::create_token(world, &by, &login, "test").await.expect("the token is made");
        Self { credential: Some(token), ..Self::stranger(app) }
    }

    /// A device that may speak for `stations`.
    ///
    /// # Panics
    /// When the credential cannot be made.
    pub async fn device(app: &Router, world: &World, id: &str, stations: &[&str]) -> Self {
        let stations = stations.iter().map(|it| (*it).to_owned()).collect();
        let secret = accounts::create_device(world, &Actor::system("test"), id, stations).await;
        let credential = format!("{id}.{}", secret.expect("the credential is made"));
        Self { credential: Some(credential), ..Self::stranger(app) }
    }

    /// The same caller, who reads English.
    #[must_use]
    pub fn in_english(&self) -> Self {
        Self { language: "en", ..self.clone() }
    }

    /// Sends a request with a body of this content type.
    ///
    /// # Panics
    /// When the routes do not answer.
    pub async fn send(&self, method: Method, path: &str, kind: &str, body: impl Into<Body>) -> Reply {
        let mut request = Request::builder().method(method).uri(path).header("accept-language", self.language);
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        if let Some(credential) = &self.credential {
            request = request.header("authorization", format!("Bearer {credential}"));
        }
        let request = request.body(body.into()).expect("a request");
        let response = self.app.clone().oneshot(request).await.expect("the routes answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("the body ends").to_vec();
        Reply { status, headers, body }
    }

    /// Reads something.
    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, "", Body::empty()).await
    }

    /// Sends bytes as they are.
    pub async fn post(&self, path: &str, body: impl Into<Body>) -> Reply {
        self.send(Method::POST, path, "application/octet-stream", body).await
    }

    /// Puts bytes as they are.
    pub async fn put(&self, path: &str, body: impl Into<Body>) -> Reply {
        self.send(Method::PUT, path, "application/octet-stream", body).await
    }
}
