//! A district to test in, the rosters of the demo, and callers.

use std::{path::Path, sync::Arc};

use anlan_kernel::{Actor, Instant, RegionCode, Scope};
use anlan_register::{
    Hooks, Organisation, Person, Post, Rank, Region, Role, Shift,
    import::{self, Report},
};
use anlan_store::{Clock, Event, Module, StoreError, Tx, Urgency};
use anlan_testbed::{Caller, Engine, NOON, TestWorld};
use anlan_web::Site;
use axum::Router;

pub static MODULES: &[&Module] = &[&anlan_web::MODULE, &anlan_register::MODULE];
pub const DISTRICT: &str = "440303";
pub const STREET: &str = "440303001";
pub const OTHER: &str = "440303002";

pub struct Bed {
    pub world: TestWorld,
    pub app: Router,
}

impl Bed {
    pub fn new(engine: Engine) -> Self {
        Self::with(engine, Hooks::default())
    }

    pub fn with(engine: Engine, hooks: Hooks) -> Self {
        let world = anlan_testbed::world(engine, Clock::driven(NOON), MODULES);
        let site = Site::new((*world).clone(), "", false, "区三防办");
        let app = anlan_register::routes(&site, hooks).router;
        Self { world, app }
    }

    /// Regions and organisations of the demo.
    pub async fn district(engine: Engine) -> Self {
        let bed = Self::new(engine);
        for kind in ["regions", "organisations"] {
            bed.take(kind, &format!("saola/{kind}.csv")).await;
        }
        bed
    }

    pub async fn caller(&self, role: &str, region: &str) -> Caller {
        Caller::officer(&self.app, &self.world, role, region).await
    }

    pub fn stranger(&self) -> Caller {
        Caller::stranger(&self.app)
    }

    /// Imports a file of the demo.
    pub async fn take(&self, kind: &str, file: &str) -> Report {
        self.import(&system(), kind, &demo(file), file).await.unwrap()
    }

    pub async fn import(&self, by: &Actor, kind: &str, bytes: &[u8], name: &str) -> Result<Report, StoreError> {
        import::run(&self.world, by, kind, bytes, name, false).await
    }

    /// Rows of `people.csv` below its titles.
    pub async fn people(&self, by: &Actor, rows: &[&str]) -> Report {
        self.import(by, "people", table(rows).as_bytes(), "people.csv").await.unwrap()
    }

    pub async fn write(&self, unit: impl Fn(&mut Tx<'_>) -> Result<(), StoreError> + Send + 'static) {
        let unit = move |tx: &mut Tx<'_>| {
            unit(tx)?;
            tx.record(Event::new("test.made", "test"))
        };
        self.world.write("test", Urgency::Urgent, &system(), unit).await.unwrap();
    }

    pub async fn read<T: Send + 'static>(
        &self,
        by: &Actor,
        unit: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.world.read(by, unit).await.unwrap()
    }

    pub async fn everybody(&self) -> Vec<Person> {
        self.read(&system(), |tx| tx.find("1 = 1", "ORDER BY id", &[])).await
    }
}

pub fn system() -> Actor {
    Actor::system("test")
}

pub fn clerk(region: &str) -> Actor {
    Actor { name: format!("user:clerk-{region}"), hat: None, scope: Scope::Regions(vec![code(region)]) }
}

pub fn code(text: &str) -> RegionCode {
    RegionCode::parse(text).unwrap()
}

/// A file below `demo/`.
pub fn demo(file: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo").join(file)).unwrap()
}

pub const TITLES: &str = "姓名,手机,备用电话,单位,职务,责任,级别,责任区代码,责任区名称,岗位,备注";

pub fn table(rows: &[&str]) -> String {
    std::iter::once(TITLES).chain(rows.iter().copied()).map(|it| format!("{it}\n")).collect()
}

/// Hooks that note whom they heard of.
pub fn listening(to: &Arc<std::sync::Mutex<Vec<String>>>) -> Hooks {
    let to = Arc::clone(to);
    Hooks {
        erasure: vec![Arc::new(move |tx, person| {
            tx.record(Event::new("words.forgotten", person))?;
            to.lock().unwrap().push(person.to_owned());
            Ok(())
        })],
    }
}

pub fn region(of: &str, name: &str) -> Region {
    let level = [3, 4, 5][of.len() / 3 - 2];
    Region { code: code(of), name: name.into(), level, parent: (level > 3).then(|| code(&of[..of.len() - 3])) }
}

pub fn room(id: &str, of: &str, kind: &str, phone: Option<&str>) -> Organisation {
    Organisation {
        id: id.into(),
        name: format!("{id}单位"),
        region: code(of),
        kind: kind.into(),
        hats: Vec::new(),
        duty_room_name: Some(format!("{id}值班室")),
        duty_room_phone: phone.map(str::to_owned),
        note: None,
    }
}

pub fn person(id: &str, of: &str, phone: Option<&str>) -> Person {
    Person {
        id: format!("person:{id}"),
        region: code(of),
        name: Some(format!("人员{id}")),
        phone: phone.map(str::to_owned),
        spare: None,
        erased_at: None,
    }
}

pub fn post(who: &str, of: &str, rank: Rank, duty: &str) -> Post {
    let region = code(of);
    Post {
        id: format!("post:{who}/{of}/{duty}/{}", rank.name()),
        person: format!("person:{who}"),
        organisation: "bureau".into(),
        title: "负责人".into(),
        duty: duty.into(),
        level: region.tier(),
        region,
        rank,
        note: None,
        valid_from: None,
        valid_until: None,
    }
}

pub fn shift(who: &str, organisation: &str, of: &str, role: Role, from: Instant, until: Instant) -> Shift {
    Shift {
        id: format!("{organisation}/{from}/{}/{who}", role.name()),
        organisation: organisation.into(),
        region: code(of),
        starts_at: from,
        ends_at: until,
        role,
        person: Some(format!("person:{who}")),
        subject: format!("person:{who}"),
        name: None,
        phone: None,
    }
}
