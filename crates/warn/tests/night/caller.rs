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
    english: bool,
}

impl Caller {
    pub fn stranger(night: &Night) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { url: night.url.clone(), token: None, http, english: false }
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
        Self { english: true, url: self.url.clone(), token: self.token.clone(), http: self.http.clone() }
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<Json>, kind: &str) -> (u16, String) {
        let mut request = self.http.request(method, format!("{}{path}", self.url)).header("accept", kind);
        request = request.header("accept-language", if self.english { "en" } else { "zh" });
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
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
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
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

pub fn percent(text: &str) -> String {
    text.replace('/', "%2F").replace(':', "%3A").replace('#', "%23")
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
