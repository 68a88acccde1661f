//! A district with packs of its own, and records in two streets.

use std::sync::Arc;

use anlan_kernel::{Actor, RegionCode, Scope};
use anlan_register::{
    Hooks, Organisation, Person, Region, Register,
    kinds::Files,
    records::{self, Cause, Draft, Record, list::Reader, write},
};
use anlan_store::{Clock, Module, StoreError, Tx, Urgency, journal};
use anlan_testbed::{Caller, Engine, NOON, Reply, TestWorld};
use anlan_web::Site;
use axum::{Router, http::Method};
use serde_json::{Value as Json, json};

static MODULES: &[&Module] = &[&anlan_web::MODULE, &anlan_register::MODULE];
pub const STREET: &str = "440303001";
pub const OTHER: &str = "440303002";

const PACK: &str = r#"
id = "yard"
version = "1"
title = { zh = "试验", en = "Yard" }
[[source]]
id = "own"
title = "自拟"
"#;

const KINDS: &str = r#"
[[kind]]
id = "pump"
title = { zh = "泵站", en = "Pump" }
group = { zh = "水务", en = "Water" }
name = "name"
key = ["code"]
place = "point"
grade = "risk"
verify_every = "30d"
responsible = "keeper"
sources = ["own"]
field = [
  { id = "code", title = { zh = "编号", en = "Code" }, type = "text", required = true, pattern = "[A-Z0-9]{2,12}", pattern_words = { zh = "2 到 12 位大写字母或数字", en = "2 to 12 capitals or digits" }, search = true, column = true },
  { id = "name", title = { zh = "名称", en = "Name" }, type = "text", required = true, search = true },
  { id = "risk", title = { zh = "风险", en = "Risk" }, type = "choice", list = "risk", filter = true, column = true },
  { id = "uses", title = { zh = "用途", en = "Uses" }, type = "choice", list = "use", many = true, filter = true },
  { id = "power", title = { zh = "功率", en = "Power" }, type = "number", unit = "kW", min = 0, filter = true, column = true },
  { id = "made", title = { zh = "建成", en = "Made" }, type = "date", filter = true },
  { id = "open", title = { zh = "在用", en = "In use" }, type = "yes_no", filter = true },
  { id = "keeper", title = { zh = "管理人", en = "Keeper" }, type = "person", filter = true },
  { id = "station", title = { zh = "上级泵站", en = "Above" }, type = "link", kind = "pump" },
  { id = "secret", title = { zh = "内部批注", en = "Inner note" }, type = "text", filter = true, visible_to = ["duty_leader"] },
  { id = "photo", title = { zh = "照片", en = "Photograph" }, type = "photo", many = true },
  { id = "twice", title = { zh = "两倍功率", en = "Twice" }, type = "number", computed = "power * 2" },
]
[[kind.check]]
when = "power > 900 and open = false"
field = "power"
words = { zh = "停用的泵站功率不会这么大", en = "too much for one out of use" }

[[kind]]
id = "elder"
title = { zh = "老人", en = "Elder" }
group = { zh = "特殊群体", en = "Vulnerable" }
name = "name"
place = "point"
sources = ["own"]
field = [
  { id = "name", title = { zh = "姓名", en = "Name" }, type = "text", required = true, personal = "name", search = true },
  { id = "phone", title = { zh = "电话", en = "Phone" }, type = "text", format = "phone", personal = "phone", search = true, column = true },
  { id = "home", title = { zh = "住址", en = "Home" }, type = "text", personal = "address", column = true },
  { id = "floor", title = { zh = "楼层", en = "Floor" }, type = "number", filter = true },
]
"#;

/// One in each street, with one number.
pub const PEOPLE: [&str; 2] = ["person:1", "person:2"];

pub struct Yard {
    pub world: TestWorld,
    pub app: Router,
    pub register: Arc<Register>,
}

pub fn files() -> Files {
    let lists = [
        ("lists/risk.csv", "code,zh,en,parent,also\n1,重大,grave,,\n2,较大,major,,\n3,一般,some,,\n4,低,low,,\n"),
        (
            "lists/use.csv",
            "code,zh,en,parent,also\nA,排水,drain,,\nA1,雨水,rain,A,\nA2,污水,sewage,A,\nB,供水,supply,,\n",
        ),
    ];
    let own = [("pack.toml", PACK), ("kinds.toml", KINDS)];
    own.iter().chain(&lists).map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

impl Yard {
    pub async fn new(engine: Engine) -> Self {
        let world = anlan_testbed::world(engine, Clock::driven(NOON), MODULES);
        let register = Register::open((*world).clone(), &[files()], Arc::new(|_| Vec::new())).await.unwrap();
        let site = Site::new((*world).clone(), "", false, "区三防办");
        let own = records::routes(&site, &register);
        let app = own.merge(anlan_register::routes(&site, Hooks::default())).router;
        let yard = Self { world, app, register };
        yard.write(|tx| {
            for (of, name) in [
                ("440303", "罗湖区"),
                (STREET, "桂园街道"),
                (OTHER, "黄贝街道"),
                ("440303001001", "老围社区"),
                ("440303002001", "怡景社区"),
            ] {
                tx.put(&region(of, name))?;
            }
            tx.put(&water())?;
            for (number, of) in [("1", STREET), ("2", OTHER)] {
                tx.put(&person(number, of))?;
            }
            Ok(())
        })
        .await;
        yard
    }

    pub async fn write<T: Send + 'static>(
        &self,
        unit: impl Fn(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        let unit = move |tx: &mut Tx<'_>| {
            let done = unit(tx)?;
            tx.record(anlan_store::Event::new("test.made", "test"))?;
            Ok(done)
        };
        self.world.write("test", Urgency::Urgent, &system(), unit).await.unwrap()
    }

    pub async fn read<T: Send + 'static>(
        &self,
        by: &Actor,
        unit: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.world.read(by, unit).await.unwrap()
    }

    pub async fn caller(&self, role: &str, region: &str) -> Caller {
        Caller::officer(&self.app, &self.world, role, region).await
    }

    /// Puts many of one kind where they lie, past the doors.
    pub async fn fill(&self, kind: &'static str, rows: Vec<(RegionCode, Json)>) -> Vec<Record> {
        let catalog = self.register.catalog();
        self.write(move |tx| {
            let of = catalog.kind(kind).unwrap();
            let cause = Cause::entered(None);
            let drafts = rows.iter().map(|(at, fields)| Draft {
                region: Some(at.clone()),
                values: fields.as_object().unwrap().clone(),
                ..Draft::default()
            });
            let ready = drafts
                .map(|it| write::prepare(&catalog, of, it, None, &cause, "system:test", tx.now()).unwrap())
                .collect();
            let outcomes = write::write_many(tx, &catalog, of, ready, &cause)?;
            Ok(outcomes
                .into_iter()
                .map(|it| match it {
                    records::Outcome::Created(record) => *record,
                    other => panic!("{other:?}"),
                })
                .collect())
        })
        .await
    }

    /// Names of events, in order, of one subject.
    pub async fn events(&self, subject: &str) -> Vec<String> {
        let subject = subject.to_owned();
        let entries = self.read(&system(), move |tx| journal::of_subject(tx, &subject)).await;
        entries.into_iter().map(|it| it.event).collect()
    }
}

pub fn reader() -> Reader {
    Reader::everything()
}

/// A pump as a body.
pub fn pump(code: &str, at: &str) -> Json {
    json!({"region": at, "longitude": 114.1, "latitude": 22.5,
        "fields": {"code": code, "name": format!("{code}号泵站"), "risk": "2", "uses": ["A1"], "power": 30, "open": true}})
}

pub async fn send(caller: &Caller, method: Method, path: &str, body: &Json) -> Reply {
    caller.send(method, path, "application/json", body.to_string()).await
}

/// Sends a form as a browser does.
pub async fn post_form(caller: &Caller, path: &str, pairs: &[(&str, &str)]) -> Reply {
    let body: Vec<_> =
        pairs.iter().map(|(name, it)| format!("{}={}", anlan_web::percent(name), anlan_web::percent(it))).collect();
    caller.send(Method::POST, path, "application/x-www-form-urlencoded", body.join("&")).await
}

/// Adds a record through its door; its id.
pub async fn add(caller: &Caller, kind: &str, body: &Json) -> String {
    let reply = send(caller, Method::POST, &format!("/api/v1/register/{kind}"), body).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()["id"].as_str().unwrap().to_owned()
}

pub fn street(number: usize) -> RegionCode {
    code([STREET, OTHER, "440303001001", "440303002001"][number % 4])
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

fn region(of: &str, name: &str) -> Region {
    let level = [3, 4, 5][of.len() / 3 - 2];
    Region { code: code(of), name: name.into(), level, parent: (level > 3).then(|| code(&of[..of.len() - 3])) }
}

fn water() -> Organisation {
    Organisation {
        id: "water".into(),
        name: "水务局".into(),
        region: code("440303"),
        kind: "district_bureau".into(),
        hats: Vec::new(),
        duty_room_name: None,
        duty_room_phone: None,
        note: None,
    }
}

fn person(number: &str, of: &str) -> Person {
    Person {
        id: format!("person:{number}"),
        region: code(of),
        name: Some(format!("人员{number}")),
        phone: Some("15400000001".into()),
        spare: None,
        erased_at: None,
    }
}
