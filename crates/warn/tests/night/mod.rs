//! A night to test in: a small district, the plan below, a simulated carrier on a loopback socket,
//! and a clock that never passes a moment at which something is due.
#![allow(dead_code, reason = "each test file uses its own part")]

pub mod caller;
pub mod desk;
pub mod wire;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anlan_kernel::{Actor, Instant, RegionCode, Scope, Tier};
use anlan_monitor::{Hooks, Monitor, Settings};
use anlan_register::{Organisation, Person, Post, Rank, Region, Role, Shift};
use anlan_simulator::carrier::{Carrier, CarrierClient, CarrierConfig, Log};
use anlan_store::{Event, Module, OutboxItem, Tx, Urgency, World, deadline};
use anlan_testbed::{Engine, NOON, TestWorld};
use anlan_warn::{
    Call, Escalation, Gateway, Help, Process, Round, Warn, api, ladder::Plan, notice::Guide, process,
    service::WarnConfig,
};
use anlan_web::Site;

/// Everything these tests keep in the store.
pub const MODULES: &[&Module] =
    &[&anlan_web::MODULE, &anlan_register::MODULE, &anlan_monitor::MODULE, &anlan_warn::MODULE];
/// Red wakes everybody by voice, orange the streets and communities, yellow tells the duty rooms by message.
pub const PLAN: &str = include_str!("plan.toml");
pub const DISTRICT: &str = "440303";
pub const SECRET: &str = "night";
pub const GATEWAY: &str = "sim";
/// 牌子 of the district's bureau.
pub const HATS: [&str; 2] = ["区三防指挥部办公室", "区应急管理局"];
const GUIDE: &str = include_str!("../../../../packs/notice/notice.toml");

pub fn code(text: &str) -> RegionCode {
    RegionCode::parse(text).unwrap()
}

/// So many seconds after noon.
pub fn at(seconds: u64) -> Instant {
    NOON.plus(Duration::from_secs(seconds))
}

pub fn officer(name: &str, region: &str) -> Actor {
    Actor { name: format!("user:{name}"), hat: None, scope: Scope::Regions(vec![code(region)]) }
}

pub fn desk() -> Actor {
    officer("zhou", DISTRICT)
}

/// How the night is set up.
pub struct Setting {
    pub engine: Engine,
    pub carrier: CarrierConfig,
    pub gateway: Gateway,
    /// How long a far side may take to answer.
    pub answer_within: Duration,
}

impl Setting {
    pub fn on(engine: Engine) -> Self {
        let gateway = Gateway {
            id: GATEWAY.into(),
            url: String::new(),
            rate: 0.0,
            area_rate: 0.0,
            batch: 100,
            max_tries: 3,
            enabled: true,
        };
        let carrier = CarrierConfig { secret: SECRET.into(), lines: 500, ..CarrierConfig::exact(NOON) };
        Self { engine, carrier, gateway, answer_within: WarnConfig::default().answer_within }
    }

    /// What the person at this number does.
    pub fn phone(mut self, number: &str, behaviour: &str) -> Self {
        self.carrier = self.carrier.script(number, behaviour).unwrap();
        self
    }

    pub fn carrier(mut self, change: impl FnOnce(&mut CarrierConfig)) -> Self {
        change(&mut self.carrier);
        self
    }

    pub fn gateway(mut self, change: impl FnOnce(&mut Gateway)) -> Self {
        change(&mut self.gateway);
        self
    }

    pub async fn begin(self) -> Night {
        Night::begin(self).await
    }
}

/// The product, the carrier, and the clock both stand under.
pub struct Night {
    pub world: TestWorld,
    pub warn: Arc<Warn>,
    pub monitor: Arc<Monitor>,
    pub site: Arc<Site>,
    pub carrier: Carrier,
    pub client: CarrierClient,
    pub gateway: Gateway,
    answer_within: Duration,
    /// Where the product listens.
    pub url: String,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Night {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn hooks(warn: &Arc<Warn>) -> Hooks {
    let (one, other) = (Arc::clone(warn), Arc::clone(warn));
    Hooks {
        alarm: vec![Arc::new(move |tx, alarm, _| process::alarm_came(&one, tx, alarm))],
        signal: vec![Arc::new(move |tx, signal| process::signal_came(&other, tx, signal))],
    }
}

impl Night {
    async fn begin(setting: Setting) -> Self {
        let Setting { engine, mut carrier, mut gateway, answer_within } = setting;
        let world = anlan_testbed::world(engine, anlan_store::Clock::driven(NOON), MODULES);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        carrier.callback = Some(format!("{url}/api/v1/receipts/{GATEWAY}"));
        let carrier = Carrier::start(carrier).await.unwrap();
        let client = carrier.client().unwrap();
        gateway.url = carrier.url().to_owned();
        let (warn, monitor) = mechanisms(&world, &gateway, answer_within).await;
        let site = Site::new(World::clone(&world), "", false, "区三防办");
        let app = app(&site, &warn, &monitor);
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { world, warn, monitor, site, carrier, client, gateway, answer_within, url, serving }
    }

    /// The process died and another one starts on the same rows.
    pub async fn restart(&mut self) {
        let (warn, monitor) = mechanisms(&self.world, &self.gateway, self.answer_within).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.url = format!("http://{}", listener.local_addr().unwrap());
        let app = app(&self.site, &warn, &monitor);
        self.serving.abort();
        self.serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        self.client.callback(&format!("{}/api/v1/receipts/{GATEWAY}", self.url)).await.unwrap();
        (self.warn, self.monitor) = (warn, monitor);
    }

    /// Puts people into the register.
    pub async fn roster(&self, roster: Roster) {
        self.world.write("roster", Urgency::Urgent, &Actor::system("test"), move |tx| roster.store(tx)).await.unwrap();
    }

    /// A signal comes in, as the warning centre sends it.
    pub async fn signal(&self, id: &str, colour: Option<&str>, action: &str, areas: &[&str]) -> String {
        let body = serde_json::json!({
            "text": format!("市气象台台风信号 {id}"), "hazard": "typhoon", "colour": colour, "issuer": "市气象台",
            "identifier": id, "action": action, "areas": areas, "title": format!("台风信号 {id}"),
        });
        let by = Actor::system("feed");
        let received = self.monitor.receive_signal(&by, body.to_string().as_bytes()).await.unwrap();
        received.signal.id
    }

    /// A red signal for the district; its round starts two minutes later.
    pub async fn red(&self) {
        self.signal("red", Some("red"), "发布", &[DISTRICT]).await;
    }

    /// Fires what is due now; nothing is handed to the carrier.
    pub async fn fire(&self) {
        while deadline::fire_due(&self.world, &self.warn.handlers(), None).await.unwrap() > 0 {}
    }

    /// Does everything that is due now.
    pub async fn settle(&self) {
        let handlers = self.warn.handlers();
        loop {
            let fired = deadline::fire_due(&self.world, &handlers, None).await.unwrap();
            let handed = self.warn.courier_step(None).await.unwrap().handed;
            let advanced = self.client.advance(self.world.now()).await.unwrap();
            if fired + handed == 0 && advanced.delivered == 0 {
                return;
            }
        }
    }

    async fn next(&self) -> Option<Instant> {
        let deadline = self.world.next_deadline().await.unwrap();
        let courier = self.warn.courier_step(None).await.unwrap().next;
        [deadline, courier, self.client.next().await.unwrap()].into_iter().flatten().min()
    }

    /// Runs up to and including `until`.
    pub async fn until(&self, until: Instant) {
        self.settle().await;
        while let Some(next) = self.next().await.filter(|it| *it <= until) {
            self.world.clock().move_to(next);
            self.settle().await;
        }
        self.world.clock().move_to(until);
        self.settle().await;
    }

    /// Runs until no call is open, at most two hours.
    pub async fn to_the_end(&self) {
        let last = self.world.now().plus(Duration::from_secs(7_200));
        self.settle().await;
        while self.open().await > 0 {
            let next = self.next().await.expect("a call that is open has something due");
            assert!(next <= last, "a call is still open after two hours");
            self.world.clock().move_to(next);
            self.settle().await;
        }
        self.settle().await;
    }

    async fn open(&self) -> i64 {
        let going_on = "state IN ('pending', 'running')";
        self.read(move |tx| Ok(tx.count::<Call>("open = 1", &[])? + tx.count::<Round>(going_on, &[])?)).await
    }

    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnMut(&mut Tx<'_>) -> Result<T, anlan_store::StoreError> + Send + 'static,
    ) -> T {
        self.world.read(&Actor::system("test"), read).await.unwrap()
    }

    pub async fn rounds(&self) -> Vec<Round> {
        self.read(|tx| tx.find("1 = 1", "ORDER BY start_at, id", &[])).await
    }

    /// The newest round of the level.
    pub async fn round(&self, level: u8) -> Round {
        self.rounds().await.into_iter().rfind(|it| it.level == level).expect("there is a round of this level")
    }

    pub async fn process(&self) -> Process {
        self.read(|tx| tx.find::<Process>("1 = 1", "ORDER BY opened_at, id", &[])).await.pop().unwrap()
    }

    pub async fn calls(&self) -> Vec<Call> {
        self.read(|tx| tx.find("1 = 1", "ORDER BY id", &[])).await
    }

    /// The call of `callee` in the newest round of `level`.
    pub async fn call(&self, level: u8, callee: &str) -> Call {
        let id = format!("{}/{callee}", self.round(level).await.id);
        let wanted = id.clone();
        self.read(move |tx| tx.get(&wanted)).await.unwrap_or_else(|| panic!("nobody called {id}"))
    }

    /// Where the call of `callee` stands, once there is one.
    pub async fn call_state(&self, level: u8, callee: &str) -> Option<anlan_warn::CallState> {
        let round = self.rounds().await.into_iter().rfind(|it| it.level == level)?;
        let id = format!("{}/{callee}", round.id);
        self.read(move |tx| tx.get::<Call>(&id)).await.map(|it| it.state)
    }

    /// `callee → state` in the newest round of `level`.
    pub async fn ends(&self, level: u8) -> BTreeMap<String, &'static str> {
        let round = self.round(level).await.id;
        let calls = self.calls().await;
        calls.into_iter().filter(|it| it.round == round).map(|it| (it.callee, it.state.name())).collect()
    }

    pub async fn lists(&self) -> Vec<Escalation> {
        self.read(|tx| tx.find("1 = 1", "ORDER BY id", &[])).await
    }

    pub async fn help(&self) -> Vec<Help> {
        self.read(|tx| tx.find("1 = 1", "ORDER BY asked_at, id", &[])).await
    }

    pub async fn outbox(&self) -> Vec<OutboxItem> {
        self.read(|tx| tx.find("1 = 1", "ORDER BY id", &[])).await
    }

    /// Everything the carrier did.
    pub fn log(&self) -> Log {
        self.carrier.log()
    }

    /// Words sent to this number, in the order of the keys.
    pub fn words_to(&self, number: &str) -> Vec<String> {
        self.log().items.values().filter(|it| it.to == number).map(|it| it.text.clone()).collect()
    }

    /// How often each item was dialled or sent, the most often.
    pub fn most_dials(&self) -> usize {
        self.log().items.values().map(|it| it.dials.len()).max().unwrap_or(0)
    }
}

fn app(site: &Arc<Site>, warn: &Arc<Warn>, monitor: &Arc<Monitor>) -> axum::Router {
    let map = api::map_routes(site, Arc::clone(warn), Arc::clone(monitor));
    let monitor = anlan_monitor::api::routes(site, Arc::clone(monitor)).router;
    api::routes(site, Arc::clone(warn)).merge(map).router.merge(monitor)
}

async fn mechanisms(world: &TestWorld, gateway: &Gateway, answer_within: Duration) -> (Arc<Warn>, Arc<Monitor>) {
    let plan = Plan::read("test@1", PLAN).expect("the plan of the tests is good");
    let guide = Arc::new(Guide::read("notice@test", GUIDE).expect("the shipped guide is good"));
    let config = WarnConfig { link_base: "http://127.0.0.1".into(), guide, answer_within, ..WarnConfig::default() };
    let warn = Warn::new(World::clone(world), config, plan).unwrap();
    warn.use_gateway(gateway.clone(), SECRET.as_bytes().to_vec());
    let settings = Settings { home: code(DISTRICT), hooks: hooks(&warn), ingest: true };
    let monitor = Monitor::open(World::clone(world), settings).await.unwrap();
    warn.draw_readings_of(&monitor);
    (warn, monitor)
}

#[derive(Clone)]
struct Entry {
    id: String,
    region: String,
    rank: Rank,
    phone: Option<String>,
    spare: Option<String>,
}

/// People of a small district, as a table of who is where under which number.
#[derive(Clone, Default)]
pub struct Roster {
    people: Vec<Entry>,
    rooms: Vec<(String, String, &'static str, Option<String>)>,
    on_duty: Vec<(String, Role)>,
}

impl Roster {
    /// The district's bureau with its room; two streets with theirs.
    pub fn rooms() -> Self {
        Self::default()
            .room("bureau", DISTRICT, "district_bureau", Some("900"))
            .room("street-1", "440303001", "street", Some("901"))
            .room("street-2", "440303002", "street", Some("902"))
    }

    pub fn room(mut self, id: &str, region: &str, kind: &'static str, phone: Option<&str>) -> Self {
        self.rooms.push((id.into(), region.into(), kind, phone.map(long)));
        self
    }

    /// `person:<id>` with a post in `region`; numbers are written short and made long.
    pub fn person(mut self, id: &str, region: &str, rank: Rank, phone: Option<&str>) -> Self {
        let (id, region, phone) = (id.into(), region.into(), phone.map(long));
        self.people.push(Entry { id, region, rank, phone, spare: None });
        self
    }

    pub fn spare(mut self, phone: &str) -> Self {
        self.people.last_mut().unwrap().spare = Some(long(phone));
        self
    }

    /// The person is on duty in the district all day.
    pub fn on_duty(mut self, id: &str, role: Role) -> Self {
        self.on_duty.push((id.into(), role));
        self
    }

    fn store(&self, tx: &mut Tx<'_>) -> Result<(), anlan_store::StoreError> {
        for region in [DISTRICT, "440303001", "440303002", "440303001001", "440303001002", "440303002001"] {
            let level = [3, 4, 5][region.len() / 3 - 2];
            let parent = (region.len() > 6).then(|| code(&region[..region.len() - 3]));
            tx.put(&Region { code: code(region), name: format!("区划{region}"), level, parent })?;
        }
        for (id, region, kind, phone) in &self.rooms {
            let room = Some(format!("{id}值班室"));
            tx.put(&Organisation {
                id: id.clone(),
                name: id.clone(),
                region: code(region),
                kind: (*kind).to_owned(),
                hats: if *kind == "district_bureau" { HATS.map(str::to_owned).to_vec() } else { Vec::new() },
                duty_room_name: room,
                duty_room_phone: phone.clone(),
                note: None,
            })?;
        }
        for Entry { id, region, rank, phone, spare } in &self.people {
            let (region, person) = (code(region), format!("person:{id}"));
            let name = Some(format!("人员{id}"));
            let (phone, spare) = (phone.clone(), spare.clone());
            tx.put(&Person { id: person.clone(), region: region.clone(), name, phone, spare, erased_at: None })?;
            let level = region.tier();
            tx.put(&post(&person, &region, *rank, level))?;
        }
        for (id, role) in &self.on_duty {
            let person = format!("person:{id}");
            tx.put(&Shift {
                id: format!("bureau/noon/{}/{id}", role.name()),
                organisation: "bureau".into(),
                region: code(DISTRICT),
                starts_at: NOON.minus(Duration::from_secs(3_600)),
                ends_at: NOON.plus(Duration::from_secs(86_400)),
                role: *role,
                person: Some(person.clone()),
                subject: person,
                name: None,
                phone: None,
            })?;
        }
        tx.record(Event::new("roster.made", "test"))
    }
}

fn post(person: &str, region: &RegionCode, rank: Rank, level: Tier) -> Post {
    Post {
        id: format!("{person}@{region}"),
        person: person.to_owned(),
        organisation: "bureau".into(),
        title: "责任人".into(),
        duty: "防汛责任人".into(),
        region: region.clone(),
        level,
        rank,
        note: None,
        valid_from: None,
        valid_until: None,
    }
}

/// `7` is 13800000007.
pub fn long(short: &str) -> String {
    format!("138{short:0>8}")
}
