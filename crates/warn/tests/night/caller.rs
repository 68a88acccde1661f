//! Officers, programs and strangers who call over HTTP, and the night they call in.

use anlan_kernel::Actor;
use anlan_register::Rank;
use anlan_testbed::Engine;
use anlan_web::accounts::{self, NewAccount};
use reqwest::Method;
use serde_json::Value as Json;

use super::{DISTRICT, Night, Roster, Setting, code, long};

pub struct Caller {
    url: String,
    token: Option<String>,
    http: reqwest::Client,
    /// What a browser keeps, where this one is a browser.
    cookies: Option<std::sync::Mutex<Vec<String>>>,
    english: bool,
}

impl Caller {
    pub fn stranger(night: &Night) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { url: night.url.clone(), token: None, http, cookies: None, english: false }
    }

    /// Keeps the cookies it is given.
    pub fn with_cookies(self) -> Self {
        Self { cookies: Some(std::sync::Mutex::default()), ..self }
    }

    pub async fn with(night: &Night, role: &str, region: Option<&str>) -> Self {
        let (by, login) = (Actor::system("test"), format!("{role}-{}", region.unwrap_or("all")).replace('_', "-"));
        let new = NewAccount {
            login: login.clone(),
            password: "a long enough passphrase 7".into(),
            name: "值班员".into(),
            role: role.into(),
            regions: region.map(code).into_iter().collect(),
            hat: None,
        };
        accounts::create(&night.world, &by, new).await.unwrap();
        let token = accounts::create_token(&night.world, &by, &login, "test").await.unwrap();
        Self { token: Some(token), ..Self::stranger(night) }
    }

    /// The same caller, reading English.
    pub fn english(&self) -> Self {
        let (url, token, http) = (self.url.clone(), self.token.clone(), self.http.clone());
        Self { url, token, http, cookies: None, english: true }
    }

    /// A form that leads somewhere else.
    pub async fn moved(&self, path: &str, body: Json) -> (u16, String) {
        let answer = self.ask(Method::POST, path, Some(body), "text/html").await;
        let to = answer.headers().get("location").and_then(|it| it.to_str().ok()).unwrap_or_default().to_owned();
        (answer.status().as_u16(), to)
    }

    /// A request to dress as one likes.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<Json>, kind: &str) -> (u16, String) {
        let answer = self.ask(method, path, body, kind).await;
        let (status, bytes) = (answer.status().as_u16(), answer.bytes().await.unwrap());
        (status, String::from_utf8_lossy(&bytes).into_owned())
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Json>, kind: &str) -> reqwest::Response {
        let mut request = self.request(method, path).header("accept", kind);
        request = request.header("accept-language", if self.english { "en" } else { "zh" });
        request = match (body, kind) {
            (Some(body), "text/html") => {
                let words = body.as_object().unwrap().iter();
                let pairs: Vec<_> = words
                    .map(|(k, v)| format!("{k}={}", v.as_str().map_or_else(|| v.to_string(), str::to_owned)))
                    .collect();
                request.header("content-type", "application/x-www-form-urlencoded").body(pairs.join("&"))
            }
            (Some(body), _) => request.json(&body),
            (None, _) => request,
        };
        if let Some(cookies) = &self.cookies {
            request = request.header("cookie", cookies.lock().unwrap().join("; "));
        }
        let answer = request.send().await.unwrap();
        if let Some(cookies) = &self.cookies {
            let given = answer.headers().get_all("set-cookie").iter().filter_map(|it| it.to_str().ok());
            cookies.lock().unwrap().extend(given.filter_map(|it| it.split(';').next()).map(str::to_owned));
        }
        answer
    }

    pub async fn get(&self, path: &str) -> (u16, Json) {
        let (status, text) = self.send(Method::GET, path, None, "application/json").await;
        (status, serde_json::from_str(&text).unwrap_or(Json::String(text)))
    }

    pub async fn post(&self, path: &str, body: Json) -> (u16, Json) {
        let (status, text) = self.send(Method::POST, path, Some(body), "application/json").await;
        (status, serde_json::from_str(&text).unwrap_or(Json::String(text)))
    }

    pub async fn page(&self, path: &str) -> (u16, String) {
        self.send(Method::GET, path, None, "text/html").await
    }

    pub async fn form(&self, path: &str, body: Json) -> (u16, String) {
        self.send(Method::POST, path, Some(body), "text/html").await
    }
}

/// A red round with people who answer, one who is silent, one who needs help.
pub async fn red(engine: Engine) -> Night {
    let setting = ["900", "901", "902", "10", "11", "22"]
        .iter()
        .fold(Setting::on(engine), |setting, short| setting.phone(&long(short), "answers:1"));
    let night = setting.phone(&long("21"), "never; sms-none").phone(&long("23"), "answers:3").begin().await;
    let roster = Roster::rooms()
        .person("boss", DISTRICT, Rank::Lead, Some("10"))
        .person("street", "440303001", Rank::Lead, Some("11"))
        .person("lead", "440303001001", Rank::Lead, Some("21"))
        .person("a", "440303001001", Rank::DeputyA, Some("22"))
        .person("east", "440303002001", Rank::Lead, Some("23"));
    night.roster(roster).await;
    night.red().await;
    night
}
