//! A world with its pages, called as a browser or a program would.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use anlan_kernel::{Actor, Permission, RegionCode, Text};
use anlan_store::{Event, Module, Urgency, World, journal};
use anlan_testbed::{Engine, NOON, TestWorld};
use anlan_web::{
    Access, ApiError, ApiResult, Mounted, Routes, Site, Who,
    accounts::{self, NewAccount},
};
use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, Request, StatusCode, header},
    response::Response,
};
use futures_util::StreamExt as _;
use serde_json::{Value as Json_, json};
use tokio::sync::Notify;
use tower::ServiceExt as _;

pub const PASSWORD: &str = "river-bank-in-the-rain";
pub static MODULES: &[&Module] = &[&anlan_web::MODULE];

/// What the routes of the tests share.
#[derive(Default)]
pub struct Probe {
    pub done: AtomicU64,
    pub entered: Notify,
    pub release: Notify,
}

pub struct Bed {
    pub site: Arc<Site>,
    pub app: Router,
    pub mounted: Vec<anlan_web::RouteInfo>,
    pub probe: Arc<Probe>,
    pub world: TestWorld,
}

/// An answer, read to its end.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Json_ {
        serde_json::from_str(&self.text).unwrap_or_else(|it| panic!("{it}: {}", self.text))
    }

    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |it| it.to_str().expect("a text header"))
    }

    /// `name=value` of the cookie that was set.
    pub fn cookie(&self) -> String {
        self.header("set-cookie").split(';').next().unwrap_or_default().to_owned()
    }
}

impl Bed {
    pub async fn new(engine: Engine) -> Self {
        Self::at(engine, "", false).await
    }

    pub async fn at(engine: Engine, base: &str, secure: bool) -> Self {
        let world = anlan_testbed::world(engine, anlan_store::Clock::driven(NOON), MODULES);
        let site = Site::new((*world).clone(), base, secure, "区三防办");
        let probe = Arc::<Probe>::default();
        let mounted = anlan_web::routes(&site).merge(probe_routes(&site, Arc::clone(&probe)));
        Self { site, app: mounted.router, mounted: mounted.list, probe, world }
    }

    /// The same world as a second process would serve it.
    pub fn second_process(&self) -> (Arc<Site>, Router) {
        let world: World = self.world.again(self.world.clock().clone());
        let site = Site::new(world, "", false, "区三防办");
        let mounted = anlan_web::routes(&site).merge(probe_routes(&site, Arc::clone(&self.probe)));
        (site, mounted.router)
    }

    pub async fn account(&self, login: &str, role: &str) {
        let new = NewAccount {
            login: login.into(),
            password: PASSWORD.into(),
            name: format!("姓名{login}"),
            role: role.into(),
            regions: vec![region("440303")],
            hat: Some("区三防办".into()),
        };
        accounts::create(&self.world, &Actor::system("test"), new).await.expect("the account is made");
    }

    pub async fn token(&self, login: &str) -> String {
        accounts::create_token(&self.world, &Actor::system("test"), login, "test").await.expect("a token")
    }

    pub async fn call(&self, request: Request<Body>) -> Answer {
        call(&self.app, request).await
    }

    /// The body of an answer that is no text.
    pub async fn bytes(&self, request: Request<Body>) -> Bytes {
        let response = self.app.clone().oneshot(request).await.expect("it answers");
        assert_eq!(response.status(), StatusCode::OK);
        axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("the body ends")
    }

    pub async fn log_in(&self, login: &str, password: &str) -> Answer {
        self.call(form("/login", &[("login", login), ("password", password)])).await
    }

    /// An account and the cookie of its session.
    pub async fn signed_in(&self, login: &str, role: &str) -> String {
        self.account(login, role).await;
        let answer = self.log_in(login, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        answer.cookie()
    }

    /// Records an entry and seals it.
    pub async fn entry(&self, name: &'static str, subject: &str, place: Option<&str>) {
        let (subject, place) = (subject.to_owned(), place.map(region));
        self.world
            .write("test", Urgency::Urgent, &Actor::system("test"), move |tx| {
                let event = Event::new(name, &subject);
                tx.record(match &place {
                    Some(place) => event.region(place),
                    None => event,
                })
            })
            .await
            .expect("it is recorded");
        while journal::seal(&self.world, None).await.expect("it is sealed") > 0 {}
    }

    pub async fn events_of(&self) -> Vec<(String, String)> {
        while journal::seal(&self.world, None).await.expect("it is sealed") > 0 {}
        let entries = journal::after(&self.world, &Actor::system("test"), 0, 1000).await.expect("a journal");
        entries.into_iter().map(|it| (it.event, it.subject)).collect()
    }
}

pub async fn call(app: &Router, request: Request<Body>) -> Answer {
    let response = app.clone().oneshot(request).await.expect("it answers");
    let (status, headers) = (response.status(), response.headers().clone());
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("the body ends");
    Answer { status, headers, text: String::from_utf8(body.to_vec()).expect("the body is text") }
}

pub fn region(code: &str) -> RegionCode {
    RegionCode::parse(code).expect("a region code")
}

pub fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).expect("a request")
}

pub fn with(mut request: Request<Body>, name: &str, value: &str) -> Request<Body> {
    let name: header::HeaderName = name.parse().expect("a header name");
    request.headers_mut().insert(name, value.parse().expect("a header value"));
    request
}

/// A post of our own page.
pub fn form(path: &str, fields: &[(&str, &str)]) -> Request<Body> {
    let body: Vec<String> = fields.iter().map(|(key, value)| format!("{key}={}", escape(value))).collect();
    let request = Request::post(path)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "same-origin");
    request.body(Body::from(body.join("&"))).expect("a request")
}

pub fn send(method: Method, path: &str, body: Json_) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    request.body(Body::from(body.to_string())).expect("a request")
}

pub fn bearer(request: Request<Body>, token: &str) -> Request<Body> {
    with(request, "authorization", &format!("Bearer {token}"))
}

fn escape(text: &str) -> String {
    text.bytes().map(|it| format!("%{it:02X}")).collect()
}

/// The next event of an open stream; `None` when it ended.
pub struct Stream {
    body: axum::body::BodyDataStream,
    rest: String,
}

impl Stream {
    pub async fn open(app: &Router, request: Request<Body>) -> Self {
        let response: Response = app.clone().oneshot(request).await.expect("it answers");
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), rest: String::new() }
    }

    /// (id, event, data)
    pub async fn next(&mut self) -> Option<(i64, String, Json_)> {
        loop {
            if let Some((block, rest)) = self.rest.split_once("\n\n") {
                let block = block.to_owned();
                self.rest = rest.to_owned();
                let field = |name: &str| {
                    block.lines().find_map(|it| it.strip_prefix(name)?.strip_prefix(':')).map(|it| it.trim().to_owned())
                };
                if let Some(event) = field("event") {
                    let id = field("id").and_then(|it| it.parse().ok()).expect("an event has an id");
                    let data = field("data").expect("an event has data");
                    return Some((id, event, serde_json::from_str(&data).expect("data is JSON")));
                }
                continue;
            }
            let chunk: Bytes = self.body.next().await?.expect("the stream is read");
            self.rest.push_str(std::str::from_utf8(&chunk).expect("the stream is text"));
        }
    }
}

fn probe_routes(site: &Arc<Site>, probe: Arc<Probe>) -> Mounted {
    let desk = Access::Needs(Permission::SeeDesk);
    Routes::new(site)
        .get("/desk", desk, "值班台", "Duty desk", desk_page)
        .post("/desk/take", desk, "接手", "Take", refused)
        .get("/api/v1/probe", desk, "试", "Try", whoami)
        .post("/api/v1/probe", desk, "试着做", "Do", do_it)
        .post("/api/v1/look", Access::Needs(Permission::Unmask), "看号码", "Look", do_it)
        .post("/api/v1/slow", desk, "慢", "Slowly", slowly)
        .post("/api/v1/fails", desk, "失败", "Fail", fails)
        .get("/api/v1/panics", desk, "崩溃", "Panic", panics)
        .post("/api/v1/proof", Access::Proof("a signature"), "签名", "Signed", whoami)
        .post("/api/v1/observations", Access::Needs(Permission::SendObservations), "观测", "Observe", whoami)
        .get("/api/v1/refused", Access::Public, "拒绝", "Refuse", refused)
        .limit(4 << 20)
        .post("/api/v1/large", Access::Public, "大", "Large", size)
        .finish(probe)
}

async fn desk_page(State(probe): State<Arc<Probe>>, who: Who) -> maud::Markup {
    probe.done.fetch_add(1, Ordering::SeqCst);
    maud::html! { p { "desk of " (who.name) } }
}

async fn whoami(who: Who) -> Json<Json_> {
    Json(json!({"actor": who.actor.name, "hat": who.actor.hat, "stations": who.stations, "browser": who.browser}))
}

async fn do_it(State(probe): State<Arc<Probe>>, body: Bytes) -> (StatusCode, Json<Json_>) {
    let times = probe.done.fetch_add(1, Ordering::SeqCst) + 1;
    (StatusCode::CREATED, Json(json!({"times": times, "bytes": body.len()})))
}

async fn slowly(State(probe): State<Arc<Probe>>) -> Json<Json_> {
    probe.entered.notify_one();
    probe.release.notified().await;
    Json(json!({"times": probe.done.fetch_add(1, Ordering::SeqCst) + 1}))
}

async fn fails(State(probe): State<Arc<Probe>>) -> ApiResult<Json<Json_>> {
    match probe.done.fetch_add(1, Ordering::SeqCst) {
        0 => Err(ApiError::of(StatusCode::INTERNAL_SERVER_ERROR)),
        _ => Ok(Json(json!({"ok": true}))),
    }
}

async fn panics() -> Json<Json_> {
    panic!("the handler of the test panics")
}

async fn refused() -> ApiError {
    anlan_kernel::Problem { message: Text::new("单位不认识", "unknown unit"), ..problem() }.into()
}

fn problem() -> anlan_kernel::Problem {
    anlan_kernel::Problem::new("bad_unit", "", "").index(3).field("unit")
}

async fn size(body: Bytes) -> String {
    body.len().to_string()
}
