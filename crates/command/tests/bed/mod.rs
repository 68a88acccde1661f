//! A district's desk to test at: three units with duty rooms, the mechanisms, a simulated carrier, and a
//! clock that moves when the test says so.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::{sync::Arc, time::Duration};

use anlan_command::{Command, DutyPlan, MODULE, Sources};
use anlan_kernel::{Actor, Grade, Instant, RegionCode, Text};
use anlan_monitor::{Alarm, AlarmState, Hooks, Monitor, Settings, Station};
use anlan_register::{Organisation, Person, Post, Rank, Region, Role, Shift};
use anlan_simulator::carrier::{Carrier, CarrierClient, CarrierConfig};
use anlan_store::{Event, Module, OutboxItem, Record, Tx, Urgency, World, deadline};
use anlan_testbed::{Engine, NOON, TestWorld};
use anlan_warn::{Gateway, Warn, ladder::Plan, notice::Guide, process, service::WarnConfig};
use anlan_web::{
    Site,
    accounts::{self, NewAccount},
};
use reqwest::Method;
use serde_json::{Value as Json, json};

pub const MODULES: &[&Module] =
    &[&anlan_web::MODULE, &anlan_register::MODULE, &anlan_monitor::MODULE, &anlan_warn::MODULE, &MODULE];
pub const PASSWORD: &str = "a long enough passphrase 7";
pub const DISTRICT: &str = "440303";
const LADDERS: &str = include_str!("../../../../packs/call-out/ladders.toml");
const GUIDE: &str = include_str!("../../../../packs/notice/notice.toml");
const RESPONSES: &str = include_str!("../../../../packs/response/responses.toml");

pub fn code(text: &str) -> RegionCode {
    RegionCode::parse(text).unwrap()
}

/// So many seconds after noon.
pub fn at(seconds: u64) -> Instant {
    NOON.plus(Duration::from_secs(seconds))
}

pub struct Bed {
    pub world: TestWorld,
    pub command: Arc<Command>,
    pub monitor: Arc<Monitor>,
    pub warn: Arc<Warn>,
    carrier: Carrier,
    client: CarrierClient,
    pub url: String,
    pub routes: Vec<anlan_web::RouteInfo>,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Bed {
    pub async fn new(engine: Engine) -> Self {
        let world = anlan_testbed::world(engine, anlan_store::Clock::driven(NOON), MODULES);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut config = CarrierConfig { secret: "bed".into(), lines: 100, ..CarrierConfig::exact(NOON) };
        config = config.script("13800000901", "answers:1; sms-reply:1").unwrap();
        config.callback = Some(format!("{url}/api/v1/receipts/sim"));
        let carrier = Carrier::start(config).await.unwrap();
        let client = carrier.client().unwrap();
        let warn_config = WarnConfig {
            link_base: url.clone(),
            guide: Arc::new(Guide::read("notice@t", GUIDE).unwrap()),
            ..WarnConfig::default()
        };
        let warn = Warn::new(World::clone(&world), warn_config, Plan::read("call-out@t", LADDERS).unwrap()).unwrap();
        let gateway = Gateway {
            id: "sim".into(),
            url: carrier.url().to_owned(),
            rate: 0.0,
            area_rate: 0.0,
            batch: 100,
            max_tries: 3,
            enabled: true,
        };
        warn.use_gateway(gateway, b"bed".to_vec());
        let plan = DutyPlan::read("response@t", RESPONSES).unwrap();
        let command = Command::new(Arc::clone(&warn), Arc::new(anlan_kernel::Current::new(plan)), Sources::default());
        let (one, other) = (Arc::clone(&warn), Arc::clone(&command));
        let hooks = Hooks {
            alarm: Vec::new(),
            signal: vec![Arc::new(move |tx, signal| {
                process::signal_came(&one, tx, signal)?;
                other.signal_came(tx, signal)
            })],
        };
        let settings = Settings { home: code(DISTRICT), hooks, ingest: true };
        let monitor = Monitor::open(World::clone(&world), settings).await.unwrap();
        let site = Site::new(World::clone(&world), "", false, "区三防办");
        let mounted = anlan_web::routes(&site)
            .merge(anlan_warn::api::routes(&site, Arc::clone(&warn)))
            .merge(anlan_monitor::api::routes(&site, Arc::clone(&monitor)))
            .merge(anlan_command::routes(&site, &command));
        let routes = anlan_command::routes(&site, &command).list;
        let app = mounted.router;
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let bed = Self { world, command, monitor, warn, carrier, client, url, routes, serving };
        bed.world.write("district", Urgency::Urgent, &Actor::system("test"), district).await.unwrap();
        bed
    }

    /// A typhoon signal comes in.
    pub async fn signal(&self, id: &str, colour: Option<&str>, action: &str) -> String {
        let body = json!({
            "text": format!("市气象台台风信号 {id}"), "hazard": "typhoon", "colour": colour, "issuer": "市气象台",
            "identifier": id, "action": action, "areas": [DISTRICT], "title": format!("台风信号 {id}"),
        });
        let received = self.monitor.receive_signal(&Actor::system("feed"), body.to_string().as_bytes()).await;
        received.unwrap().signal.id
    }

    /// A river gauge of `region` stands at the gravest grade.
    pub async fn alarm(&self, region: &str) -> String {
        self.alarm_of("bridge", region, &[region], 1).await
    }

    /// A river gauge of the desk of `region` that speaks for `areas` stands at a grade.
    pub async fn alarm_of(&self, station: &str, region: &str, areas: &[&str], grade: u8) -> String {
        let (by, region, station, grade) =
            (Actor::system("test"), code(region), station.to_owned(), Grade::new(grade).unwrap());
        let areas: Vec<_> = areas.iter().map(|it| code(it)).collect();
        let raised = move |tx: &mut Tx<'_>| {
            let station = Station {
                id: station.clone(),
                name: Text::new("新湖桥", "Xinhu bridge"),
                kind: "river".into(),
                longitude: None,
                latitude: None,
                region: region.clone(),
                elevation: None,
                serves: areas.clone(),
                columns: serde_json::Map::new(),
            };
            let alarm = Alarm {
                id: Alarm::key("level", &station.id, tx.now()),
                rule: "level".into(),
                station: station.id.clone(),
                hazard: None,
                title: Text::new("水位", "water level"),
                grade,
                peak: grade,
                state: AlarmState::Open,
                raised_at: tx.now(),
                changed_at: tx.now(),
                cleared_at: None,
                region: region.clone(),
                areas: areas.clone(),
                revision: 0,
            };
            tx.put(&station)?;
            tx.insert(&alarm)?;
            tx.record(Event::new("alarm.raised", &alarm.id).region(&alarm.region))?;
            Ok(alarm.id)
        };
        self.world.write("alarm", Urgency::Urgent, &by, raised).await.unwrap()
    }

    /// Does everything that is due now.
    pub async fn settle(&self) {
        let handlers = self.warn.handlers().into_iter().chain(self.command.handlers()).collect();
        loop {
            let fired = deadline::fire_due(&self.world, &handlers, None).await.unwrap();
            let handed = self.warn.courier_step(None).await.unwrap().handed;
            let advanced = self.client.advance(self.world.now()).await.unwrap();
            if fired + handed == 0 && advanced.delivered == 0 {
                return;
            }
        }
    }

    /// Runs up to and including `until`.
    pub async fn until(&self, until: Instant) {
        self.settle().await;
        loop {
            let deadline = self.world.next_deadline().await.unwrap();
            let courier = self.warn.courier_step(None).await.unwrap().next;
            let carrier = self.client.next().await.unwrap();
            match [deadline, courier, carrier].into_iter().flatten().min().filter(|it| *it <= until) {
                Some(next) => self.world.clock().move_to(next),
                None => break,
            }
            self.settle().await;
        }
        self.world.clock().move_to(until);
        self.settle().await;
    }

    pub async fn all<R: Record + Send + 'static>(&self) -> Vec<R> {
        self.world.read(&Actor::system("test"), |tx| tx.find("1 = 1", "ORDER BY id", &[])).await.unwrap()
    }

    pub async fn one<R: Record + Send + 'static>(&self) -> R {
        let mut all = self.all::<R>().await;
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    /// Messages of a kind that were queued.
    pub async fn told(&self, template: &str) -> Vec<OutboxItem> {
        self.all::<OutboxItem>().await.into_iter().filter(|it| it.payload["template"] == template).collect()
    }

    /// Words sent to the number that ends so.
    pub fn words_to(&self, short: &str) -> Vec<String> {
        let number = format!("138{short:0>8}");
        self.carrier.log().items.values().filter(|it| it.to == number).map(|it| it.text.clone()).collect()
    }

    pub async fn journal(&self) -> String {
        let sql = "SELECT event, subject, body FROM journal ORDER BY entry";
        let read = move |tx: &mut Tx<'_>| {
            let rows = tx.query_everywhere(sql, &[])?;
            rows.iter().map(|it| Ok(format!("{} {} {}\n", it.text(0)?, it.text(1)?, it.text(2)?))).collect()
        };
        self.world.read(&Actor::system("test"), read).await.unwrap()
    }

    pub async fn account(&self, login: &str, role: &str) -> Caller {
        self.account_in(login, role, DISTRICT).await
    }

    pub async fn account_in(&self, login: &str, role: &str, region: &str) -> Caller {
        let (by, regions) = (Actor::system("test"), vec![code(region)]);
        let (password, name) = (PASSWORD.into(), format!("姓名{login}"));
        let new = NewAccount { login: login.into(), password, name, role: role.into(), regions, hat: None };
        accounts::create(&self.world, &by, new).await.unwrap();
        let token = accounts::create_token(&self.world, &by, login, "test").await.unwrap();
        Caller { token: Some(token), ..self.stranger() }
    }

    pub fn stranger(&self) -> Caller {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Caller { url: self.url.clone(), token: None, http }
    }
}

/// A browser or a program with an account.
pub struct Caller {
    url: String,
    token: Option<String>,
    http: reqwest::Client,
}

impl Caller {
    async fn send(&self, method: Method, path: &str, body: Option<(&str, String)>, accept: &str) -> (u16, String) {
        let (status, bytes) = self.ask(method, path, body, accept).await;
        (status, String::from_utf8_lossy(&bytes).into_owned())
    }

    async fn ask(&self, method: Method, path: &str, body: Option<(&str, String)>, accept: &str) -> (u16, Vec<u8>) {
        let mut request = self.http.request(method, format!("{}{path}", self.url)).header("accept", accept);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some((kind, body)) = body {
            request = request.header("content-type", kind).body(body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.bytes().await.unwrap().to_vec())
    }

    pub async fn get(&self, path: &str) -> (u16, Json) {
        let (status, text) = self.send(Method::GET, path, None, "application/json").await;
        (status, serde_json::from_str(&text).unwrap_or(Json::String(text)))
    }

    pub async fn post(&self, path: &str, body: Json) -> (u16, Json) {
        let body = Some(("application/json", body.to_string()));
        let (status, text) = self.send(Method::POST, path, body, "application/json").await;
        (status, serde_json::from_str(&text).unwrap_or(Json::String(text)))
    }

    /// A file.
    pub async fn bytes(&self, path: &str) -> (u16, Vec<u8>) {
        self.ask(Method::GET, path, None, "*/*").await
    }

    pub async fn page(&self, path: &str) -> (u16, String) {
        self.send(Method::GET, path, None, "text/html").await
    }

    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> (u16, String) {
        let pairs: Vec<_> = fields.iter().map(|(k, v)| format!("{}={}", percent(k), percent(v))).collect();
        let body = Some(("application/x-www-form-urlencoded", pairs.join("&")));
        self.send(Method::POST, path, body, "text/html").await
    }
}

pub use anlan_web::percent;

/// The bureau, a member unit and two streets with duty rooms; a leader and an officer on duty, a lead.
fn district(tx: &mut Tx<'_>) -> Result<(), anlan_store::StoreError> {
    for region in [DISTRICT, "440303001", "440303002"] {
        let level = if region.len() == 6 { 3 } else { 4 };
        tx.put(&Region { code: code(region), name: format!("区划{region}"), level, parent: None })?;
    }
    let rooms = [
        ("bureau", DISTRICT, "district_bureau", "900"),
        ("water", DISTRICT, "member_unit", "903"),
        ("street-1", "440303001", "street", "901"),
        ("street-2", "440303002", "street", "902"),
    ];
    for (id, region, kind, phone) in rooms {
        tx.put(&Organisation {
            id: id.into(),
            name: id.into(),
            region: code(region),
            kind: kind.into(),
            hats: Vec::new(),
            duty_room_name: Some(format!("{id}值班室")),
            duty_room_phone: Some(format!("138{phone:0>8}")),
            note: None,
        })?;
    }
    for (id, rank, phone) in [("chen", Rank::Lead, "10"), ("lin", Rank::DeputyA, "11"), ("zhou", Rank::Member, "12")] {
        let (person, phone) = (format!("person:{id}"), Some(format!("138{phone:0>8}")));
        let name = Some(format!("人员{id}"));
        tx.put(&Person { id: person.clone(), region: code(DISTRICT), name, phone, spare: None, erased_at: None })?;
        tx.put(&Post {
            id: format!("{person}@bureau"),
            person,
            organisation: "bureau".into(),
            title: "责任人".into(),
            duty: "防汛责任人".into(),
            region: code(DISTRICT),
            level: anlan_kernel::Tier::District,
            rank,
            note: None,
            valid_from: None,
            valid_until: None,
        })?;
    }
    for (person, role) in [("chen", Role::Leader), ("zhou", Role::First)] {
        let person = format!("person:{person}");
        tx.put(&Shift {
            id: format!("bureau/noon/{}/1", role.name()),
            organisation: "bureau".into(),
            region: code(DISTRICT),
            starts_at: NOON.minus(Duration::from_secs(3_600)),
            ends_at: NOON.plus(Duration::from_secs(86_400)),
            role,
            person: Some(person.clone()),
            subject: person,
            name: None,
            phone: None,
        })?;
    }
    tx.record(Event::new("roster.made", "test"))
}
