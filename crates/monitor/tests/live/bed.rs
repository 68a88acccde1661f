//! A small district with two gauges, and callers.

use std::{sync::Arc, time::Duration};

use anlan_kernel::{Actor, Instant, RegionCode};
use anlan_monitor::{
    Alarm, Hooks, Monitor, Settings, api,
    ingest::{Allowed, Sender},
};
use anlan_store::{Clock, Module};
use anlan_testbed::{Caller, Engine, NOON, TestWorld};
use anlan_web::Site;
use axum::Router;
use serde_json::{Value as Json, json};

pub static MODULES: &[&Module] = &[&anlan_web::MODULE, &anlan_register::MODULE, &anlan_monitor::MODULE];
pub const DISTRICT: &str = "440303";
const STATIONS: &str = "station_id,name_zh,name_en,kind,longitude,latitude,region_code,elevation_m,warning_level,serves\n\
    bridge,龙江桥,Longjiang bridge,river,114.1,22.5,440303001,3.5,4.2,440303001\n\
    hill,山,Hill,rain,114.2,22.6,440303002,,,440303002\n";
/// The water stands above the mark of the station.
pub const LEVEL: &str = "[[rule]]\nid = \"level\"\ntitle = { zh = \"水位\", en = \"Level\" }\nquantity = \"water_level\"\n\
    clear_after = \"10m\"\n[[rule.level]]\ngrade = 2\nwhen = \"last(1h) >= station.warning_level\"\n";

pub struct Bed {
    pub world: TestWorld,
    pub monitor: Arc<Monitor>,
    pub app: Router,
}

impl Bed {
    pub async fn new(engine: Engine) -> Self {
        let world = anlan_testbed::world(engine, Clock::driven(NOON), MODULES);
        let monitor = open(&world).await;
        monitor.import_stations(&Actor::system("test"), STATIONS.as_bytes(), false).await.unwrap();
        let app = routes(&world, &monitor);
        Self { world, monitor, app }
    }

    /// The process died and another one starts on the same rows and files.
    pub async fn restart(&mut self) {
        self.monitor = open(&self.world).await;
        self.app = routes(&self.world, &self.monitor);
    }

    pub async fn officer(&self, role: &str) -> Caller {
        Caller::officer(&self.app, &self.world, role, DISTRICT).await
    }

    pub async fn device(&self, id: &str, stations: &[&str]) -> Caller {
        Caller::device(&self.app, &self.world, id, stations).await
    }

    /// Moves the clock to so many seconds after noon and judges.
    pub async fn until(&self, seconds: u64) {
        self.world.clock().move_to(at(seconds));
        self.monitor.judge_until(at(seconds)).await.unwrap();
    }

    /// A reading of the bridge that comes when it is made, and its judgement.
    pub async fn level(&self, seconds: u64, value: f64) {
        self.world.clock().move_to(at(seconds));
        self.take(&reading("bridge", seconds, value)).await;
        self.monitor.judge_until(at(seconds)).await.unwrap();
    }

    /// Hands a reading over without judging it.
    pub async fn take(&self, reading: &Json) -> anlan_monitor::ingest::Answer {
        let sender = Sender { name: "device:test".into(), way: "http", stations: Allowed::All };
        self.monitor.take(&sender, reading.to_string().as_bytes()).await.unwrap()
    }

    pub async fn rules(&self, toml: &str) {
        self.monitor.set_rules(&Actor::system("test"), "local", toml).await.unwrap();
    }

    pub async fn alarms(&self) -> Vec<Alarm> {
        self.world.read(&Actor::system("test"), |tx| tx.find("1 = 1", "ORDER BY raised_at, id", &[])).await.unwrap()
    }

    /// What was refused, as the administrator reads it.
    pub async fn rejected(&self, admin: &Caller) -> Vec<Json> {
        let list = admin.get("/api/v1/rejected?limit=500").await;
        assert_eq!(list.status, 200, "{}", list.text());
        list.json()["items"].as_array().unwrap().clone()
    }
}

async fn open(world: &TestWorld) -> Arc<Monitor> {
    let settings = Settings { home: RegionCode::parse(DISTRICT).unwrap(), hooks: Hooks::default(), ingest: true };
    Monitor::open((**world).clone(), settings).await.unwrap()
}

fn routes(world: &TestWorld, monitor: &Arc<Monitor>) -> Router {
    let site = Site::new((**world).clone(), "", false, "区三防办");
    api::routes(&site, Arc::clone(monitor)).router
}

/// So many seconds after noon.
pub fn at(seconds: u64) -> Instant {
    NOON.plus(Duration::from_secs(seconds))
}

pub fn reading(station: &str, seconds: u64, value: f64) -> Json {
    json!({"station_id": station, "quantity": "water_level", "value": value, "unit": "m",
           "observed_at": at(seconds).to_rfc3339()})
}

/// Words in Chinese.
pub fn is_chinese(text: &str) -> bool {
    text.chars().any(|it| ('\u{4e00}'..='\u{9fff}').contains(&it))
}
