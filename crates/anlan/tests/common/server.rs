//! `anlan serve` as an operator runs it, and those who speak to it over HTTP.

use std::{
    fs,
    future::Future,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use anlan_simulator::{
    CarrierConfig,
    carrier::{FaultConfig, SmsPeople, Span, VoicePeople},
};
use reqwest::{Client, Method, redirect::Policy};
use serde_json::{Value as Json, json};
use tokio::runtime::Runtime;

use super::{anlan, run, small_story, stderr};

/// Long enough for every guess about a busy machine to be wrong.
const PATIENCE: Duration = Duration::from_secs(120);
const PASSWORD: &str = "Shan-He-9471-gate";
/// Shared secret of the test's gateway.
pub const SECRET: &str = "night-secret";

/// Runs a future to its end; what it spawns goes on.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let made = || {
        // Whoever was first made the same choice.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Runtime::new().expect("a runtime")
    };
    RUNTIME.get_or_init(made).block_on(future)
}

/// Looks until there is something to see.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(begun.elapsed() < PATIENCE, "it never came: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// `anlan serve` on `data` and a free port.
pub fn serve(data: &Path) -> Command {
    let mut command = anlan();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
    command
}

/// Another verb on the same data.
pub fn verb(data: &Path, words: &[&str]) -> Output {
    run(anlan().args(words).arg("--data").arg(data))
}

/// A server in a process of its own; killed with this handle.
pub struct Server {
    child: Child,
    /// Its address.
    pub url: String,
    /// The one-time code it printed.
    pub code: Option<String>,
}

impl Server {
    /// Starts it and reads what it greets with.
    pub fn start(command: &mut Command) -> Self {
        Self::greet(Self::spawn(command))
    }

    /// Starts it only.
    pub fn spawn(command: &mut Command) -> Child {
        command.stdout(Stdio::piped()).spawn().expect("the server starts")
    }

    /// Reads what it greets with.
    pub fn greet(mut child: Child) -> Self {
        let mut lines = BufReader::new(child.stdout.take().expect("its words")).lines().map_while(Result::ok);
        let (mut url, mut code) = (None, None);
        for line in lines.by_ref() {
            if let Some((_, address)) = line.split_once(" — ") {
                url = Some(address.trim_end_matches('/').to_owned());
                break;
            }
            if let Some((first, _)) = line.split_once(" http") {
                code = Some(first.trim().to_owned());
            }
        }
        let url = url.unwrap_or_else(|| panic!("the server did not greet: {:?}", child.wait()));
        thread::spawn(move || lines.for_each(drop));
        Self { child, url, code }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ended");
    }

    /// Until it ends by itself.
    pub fn ends(&mut self) -> ExitStatus {
        until("the end of the server", || self.child.try_wait().expect("it can be asked"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Somebody with a credential, at one node.
#[derive(Clone)]
pub struct Desk {
    url: String,
    header: (&'static str, String),
}

impl Desk {
    /// Without a credential.
    pub fn stranger(url: &str) -> Self {
        Self { url: url.to_owned(), header: ("x-nobody", "1".into()) }
    }

    /// With a bearer token.
    pub fn bearer(url: &str, token: &str) -> Self {
        Self { url: url.to_owned(), header: ("authorization", format!("Bearer {token}")) }
    }

    /// The same credential at another node.
    pub fn at(&self, url: &str) -> Self {
        Self { url: url.to_owned(), header: self.header.clone() }
    }

    /// Status, set cookie and text of an answer.
    pub async fn send(&self, method: Method, path: &str, kind: &str, body: String) -> (u16, String, String) {
        let http = Client::builder().no_proxy().redirect(Policy::none()).build().expect("a client");
        let request = http.request(method, format!("{}{path}", self.url)).header("origin", &self.url);
        let request = request.header("content-type", kind).header(self.header.0, &self.header.1).body(body);
        let answer = request.send().await.unwrap_or_else(|it| panic!("{path}: {it}"));
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let cookie = headers.get("set-cookie").and_then(|it| it.to_str().ok()).unwrap_or_default().to_owned();
        (status, cookie, answer.text().await.unwrap_or_default())
    }

    /// Status and JSON of an answer.
    pub async fn ask(&self, method: Method, path: &str, body: &Json) -> (u16, Json) {
        let (status, _, text) = self.send(method, path, "application/json", body.to_string()).await;
        (status, serde_json::from_str(&text).unwrap_or(Json::String(text)))
    }

    /// What is found.
    pub fn get(&self, path: &str) -> Json {
        let (status, found) = wait(self.ask(Method::GET, path, &Json::Null));
        assert_eq!(status, 200, "{path}: {found}");
        found
    }

    /// A page or a text.
    pub fn text(&self, path: &str) -> String {
        let (status, _, text) = wait(self.send(Method::GET, path, "text/plain", String::new()));
        assert_eq!(status, 200, "{path}: {text}");
        text
    }

    /// What is answered to a POST.
    pub fn post(&self, path: &str, body: &Json) -> (u16, Json) {
        wait(self.ask(Method::POST, path, body))
    }

    /// A POST that is taken.
    pub fn does(&self, path: &str, body: &Json) -> Json {
        let (status, answer) = self.post(path, body);
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    fn form(&self, path: &str, body: &str) -> (u16, String) {
        let kind = "application/x-www-form-urlencoded";
        let (status, cookie, _) = wait(self.send(Method::POST, path, kind, body.to_owned()));
        (status, cookie)
    }
}

/// Offers the code of the first start; the status of the answer.
pub fn offer_code(url: &str, code: &str, login: &str) -> u16 {
    Desk::stranger(url).form("/first", &format!("code={code}&login={login}&password={PASSWORD}")).0
}

/// Logs in as in a browser.
pub fn sign_in(url: &str, login: &str) -> Desk {
    let (status, cookie) = Desk::stranger(url).form("/login", &format!("login={login}&password={PASSWORD}"));
    assert_eq!(status, 303, "{login} logs in");
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    Desk { url: url.to_owned(), header: ("cookie", cookie) }
}

/// Makes an account and a token of it.
pub fn account(admin: &Desk, login: &str, role: &str, regions: &[&str]) -> Desk {
    let new = json!({"login": login, "password": PASSWORD, "name": login, "role": role, "regions": regions});
    admin.does("/api/v1/accounts", &new);
    let token = admin.does(&format!("/api/v1/accounts/{login}/tokens"), &json!({"name": "test"}));
    Desk::bearer(&admin.url, token["token"].as_str().expect("a token"))
}

/// A bureau with its people, ready to be called: the roster of one street, and who speaks to the server.
#[derive(Clone)]
pub struct Bureau {
    /// Duty officer of the district.
    pub officer: Desk,
    /// Runs the channels.
    pub system: Desk,
    /// Manages accounts.
    pub security: Desk,
}

impl Bureau {
    /// Settles down in a running server, through its doors only.
    pub fn found(server: &Server, data: &Path, code: &str) -> Self {
        let dir = data.parent().expect("the folder of the test");
        Self::found_with(server, code, dir, &|story, kind| drop(import(data, story, kind)))
    }

    /// As [`Bureau::found`], with another way to import.
    pub fn found_with(server: &Server, code: &str, dir: &Path, import: &dyn Fn(&Path, &str)) -> Self {
        assert_eq!(offer_code(&server.url, code, "first"), 303, "the first administrator is made");
        let security = sign_in(&server.url, "first");
        let officer = account(&security, "officer", "duty_officer", &["440303", "81"]);
        let system = account(&security, "system", "system_admin", &[]);
        let story = small_story(dir);
        for kind in ["regions", "organisations", "people", "shifts"] {
            import(&story, kind);
        }
        Self { officer, system, security }
    }

    /// The same people at another address.
    pub fn at(&self, url: &str) -> Self {
        Self { officer: self.officer.at(url), system: self.system.at(url), security: self.security.at(url) }
    }

    /// Sets the gateway.
    pub fn connect(&self, carrier: &str) {
        let (status, answer) =
            wait(self.system.ask(Method::PUT, "/api/v1/gateways/test", &json!({"url": carrier, "secret": SECRET})));
        assert_eq!(status, 200, "{answer}");
    }

    /// The red signal comes in; the round it leads to starts by itself.
    pub fn alert(&self, story: &Path) {
        let line = fs::read_to_string(story.join("signals.jsonl")).expect("the signal");
        let signal: Json = serde_json::from_str(line.trim()).expect("one signal");
        self.officer.does("/api/v1/signals", &signal);
    }

    /// The round, once it calls somebody.
    pub fn round(&self) -> Json {
        until("a round that calls", || {
            let rounds = self.officer.get("/api/v1/rounds");
            rounds["items"].as_array()?.first().filter(|it| it["called"].as_i64() > Some(0)).cloned()
        })
    }

    /// The round, once everybody has a final state; they add up.
    pub fn ended(&self) -> Json {
        let round = until("a round that ended", || {
            let rounds = self.officer.get("/api/v1/rounds");
            rounds["items"].as_array()?.first().filter(|it| it["state"] == "done").cloned()
        });
        let finals = round["final"].as_object().expect("the final states");
        let sum: i64 = finals.values().filter_map(Json::as_i64).sum();
        assert!(sum > 0 && round["called"] == sum && round["open"] == 0, "{round}");
        round
    }
}

/// Imports a file of the story, through the server where one runs.
pub fn import(data: &Path, story: &Path, kind: &str) -> Output {
    import_by(anlan().arg("--data").arg(data), story, kind)
}

/// As [`import`], by a program that knows its place.
pub fn import_by(program: &mut Command, story: &Path, kind: &str) -> Output {
    let done = run(program.args(["import", kind]).arg(story.join(format!("{kind}.csv"))));
    assert!(done.status.code().is_some_and(|it| it < 2), "{kind}: {}", stderr(&done));
    done
}

/// A pack whose ladder takes seconds where the real ones take minutes.
pub fn quick_pack(dir: &Path) -> PathBuf {
    let to = dir.join("packs/call-out");
    fs::create_dir_all(&to).expect("a folder");
    fs::write(to.join("pack.toml"), PACK).expect("written");
    fs::write(to.join("ladders.toml"), LADDERS).expect("written");
    dir.join("packs")
}

const PACK: &str = r#"
id = "call-out"
version = "quick"
title = { zh = "快速叫应", en = "Quick call-out" }
[[source]]
id = "T01"
title = "测试"
"#;

const LADDERS: &str = r#"
[[ladder]]
id = "quick"
title = { zh = "语音 → 上一级", en = "Voice, then one level up" }
answered_by = "key"
source = "T01"
first = "voice"
[[ladder.step]]
id = "voice"
do = "voice"
tries = 2
gap = "1s"
limit = "20s"
then = "superior"
[[ladder.step]]
id = "superior"
do = "superior"
merge = "1s"
tries = 1
gap = "1s"
limit = "3s"
then = "not_reached"

[[call_out]]
level = 1
title = { zh = "一级叫应", en = "Level 1" }
signals = ["red"]
start_after = "2s"
source = "T01"
[[call_out.audience]]
who = "duty_room"
ladder = "quick"
[[call_out.audience]]
who = "district"
ladder = "quick"
[[call_out.audience]]
who = "street"
ladder = "quick"
[[call_out.audience]]
who = "community"
ladder = "quick"
"#;

/// A carrier without faults on the clock of the wall, with enough lines for everybody. Unanswered, it rings for
/// `ring_out` milliseconds.
pub fn quick_carrier(people: VoicePeople, ring_out: u64) -> CarrierConfig {
    let mut config = CarrierConfig { secret: SECRET.into(), lines: 500, ..CarrierConfig::default() };
    config.faults = FaultConfig::none();
    let voice = &mut config.voice;
    (voice.dial_ms, voice.ring_ms, voice.ring_out_ms) = (Span(10, 50), Span(10, 50), Span::exactly(ring_out));
    (voice.talk_ms, voice.key_ms, voice.after_key_ms) = (Span::exactly(100), Span(20, 80), Span::exactly(20));
    (voice.answers, voice.busy, voice.rejects, voice.drops) = (1.0, 0.0, 0.0, 0.0);
    voice.people = people;
    config.sms.people = SmsPeople { reply1: 0, reply2: 0, reply3: 0, words: 0, nothing: 1 };
    config
}

/// Nobody yet.
pub const NOBODY: VoicePeople =
    VoicePeople { key1: 0, key2: 0, key3: 0, second_try: 0, heard: 0, hangs_up: 0, never: 0, power_off: 0, empty: 0 };
