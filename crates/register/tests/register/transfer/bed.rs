//! A district with two streets of known outline, a pack with a kind of every sort, and somebody who imports.

use std::{collections::BTreeMap, sync::Arc};

use anlan_kernel::Actor;
use anlan_register::{
    Geometry, Register,
    records::{Record, list::Reader},
    transfer::{self, Clerk},
};
use anlan_store::{Clock, Event, Tx, Urgency, params};
use anlan_testbed::{Caller, Engine, NOON, TestWorld};
use anlan_web::Site;
use axum::{Router, http::Method};
use serde_json::{Value as Json, json};

use crate::bed::{MODULES, OTHER, STREET, code, demo, region, system};

/// A kind with fields of every sort, one of shapes, one without a key.
pub const KINDS: &str = r#"
[[kind]]
id = "shop"
title = { zh = "店铺", en = "Shop" }
group = { zh = "试验", en = "Trial" }
name = "name"
key = ["code"]
place = "point"
[[kind.field]]
id = "code"
title = { zh = "编号", en = "Code" }
also = ["店铺编号"]
type = "text"
required = true
pattern = "P[0-9]{6}"
pattern_words = { zh = "P 加 6 位数字", en = "P and 6 digits" }
search = true
[[kind.field]]
id = "name"
title = { zh = "名称", en = "Name" }
also = ["店铺名称"]
type = "text"
length = 20
required = true
search = true
[[kind.field]]
id = "class"
title = { zh = "类型", en = "Class" }
type = "choice"
list = "class"
filter = true
[[kind.field]]
id = "staff"
title = { zh = "从业人员", en = "Staff" }
type = "number"
min = 0
decimals = 0
unit = "人"
filter = true
[[kind.field]]
id = "capital"
title = { zh = "注册资本", en = "Capital" }
type = "money"
[[kind.field]]
id = "opened"
title = { zh = "开业日期", en = "Opened" }
type = "date"
[[kind.field]]
id = "closed"
title = { zh = "停业日期", en = "Closed" }
type = "date"
[[kind.field]]
id = "gas"
title = { zh = "使用燃气", en = "Gas" }
type = "yes_no"
filter = true
[[kind.field]]
id = "meter"
title = { zh = "电表号", en = "Meter" }
type = "text"
unique = true
[[kind.field]]
id = "unit"
title = { zh = "主管部门", en = "Supervisor" }
type = "organisation"
[[kind.field]]
id = "keeper"
title = { zh = "负责人", en = "Keeper" }
type = "text"
personal = "name"
[[kind.field]]
id = "phone"
title = { zh = "负责人电话", en = "Phone" }
type = "text"
format = "phone"
personal = "phone"
[[kind.check]]
when = "present(closed) and closed < opened"
field = "closed"
words = { zh = "停业早于开业", en = "closed before it opened" }

[[kind]]
id = "zone"
title = { zh = "片区", en = "Zone" }
group = { zh = "试验", en = "Trial" }
name = "name"
key = ["code"]
place = "polygon"
[[kind.field]]
id = "code"
title = { zh = "编号", en = "Code" }
type = "text"
required = true
[[kind.field]]
id = "name"
title = { zh = "名称", en = "Name" }
type = "text"

[[kind]]
id = "remark"
title = { zh = "备忘", en = "Remark" }
group = { zh = "试验", en = "Trial" }
name = "name"
[[kind.field]]
id = "name"
title = { zh = "事项", en = "Subject" }
type = "text"
required = true
[[kind.field]]
id = "detail"
title = { zh = "内容", en = "Detail" }
type = "text"
"#;

const PACK: &str = r#"
id = "trial"
version = "1"
title = { zh = "试验", en = "Trial" }
[[source]]
id = "T1"
title = "试验"
"#;

const CLASSES: &str = "code,zh,en,parent,also\nA,餐饮,Food,,饭店\nB,零售,Retail,,\nB1,超市,Supermarket,B,\n";

pub struct Room {
    pub world: TestWorld,
    pub register: Arc<Register>,
    pub app: Router,
}

impl Room {
    pub async fn new(engine: Engine) -> Self {
        let world = anlan_testbed::world(engine, Clock::driven(NOON), MODULES);
        for kind in ["regions", "organisations"] {
            let bytes = demo(&format!("saola/{kind}.csv"));
            anlan_register::import::run(&world, &system(), kind, &bytes, "x.csv", false).await.unwrap();
        }
        let outlines = |tx: &mut Tx<'_>| {
            for (street, west, east) in [(STREET, 114.10, 114.12), (OTHER, 114.12, 114.14)] {
                let ring = json!([[west, 22.53], [east, 22.53], [east, 22.57], [west, 22.57], [west, 22.53]]);
                let geojson = json!({"type": "Polygon", "coordinates": [ring]});
                tx.put(&Geometry { id: street.to_owned(), region: code(street), geojson })?;
            }
            tx.put(&region("440303001099", "试验社区"))?;
            tx.record(Event::new("test.made", "test"))
        };
        world.write("test", Urgency::Urgent, &system(), outlines).await.unwrap();
        let register = Self::open(&world).await;
        let site = Site::new((*world).clone(), "", false, "区三防办");
        let app = transfer::routes(&site, &register).router;
        Self { world, register, app }
    }

    async fn open(world: &TestWorld) -> Arc<Register> {
        let files = [("pack.toml", PACK), ("kinds.toml", KINDS), ("lists/class.csv", CLASSES)];
        let files: BTreeMap<_, _> = files.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let register = Register::open((**world).clone(), &[files], Arc::new(|_| Vec::new())).await.unwrap();
        let faults = register.faults(&register.packs().await.unwrap()[0]).await.unwrap();
        assert!(faults.is_empty(), "{faults:?}");
        register
    }

    pub async fn caller(&self, role: &str, region: &str) -> Caller {
        Caller::officer(&self.app, &self.world, role, region).await
    }

    pub async fn keeper(&self) -> Caller {
        self.caller("register_keeper", "440303").await
    }

    /// Every record of a kind, by key or name.
    pub async fn records(&self, kind: &'static str) -> BTreeMap<String, Record> {
        let find = move |tx: &mut Tx<'_>| tx.find::<Record>("kind = $1", "ORDER BY id", params![kind]);
        let found = self.world.read(&system(), find).await.unwrap();
        found
            .into_iter()
            .map(|it| (it.key.clone().or_else(|| it.name.clone()).unwrap_or_else(|| it.id.clone()), it))
            .collect()
    }

    /// Everything that stands in the register and where lists and the one box look, whatever its revision.
    pub async fn stands(&self) -> Vec<String> {
        let look = |tx: &mut Tx<'_>| {
            let mut all = Vec::new();
            for mut it in tx.find::<Record>("1 = 1", "ORDER BY id", &[])? {
                it.revision = 0;
                all.push(serde_json::to_string(&it)?);
            }
            for sql in [
                "SELECT kind, field, text, CAST(number AS TEXT), region, record FROM record_value ORDER BY record, field, text",
                "SELECT subject, kind, region, title, detail, CAST(words AS TEXT) FROM derived_finder ORDER BY subject",
            ] {
                all.extend(tx.query_everywhere(sql, &[])?.iter().map(|it| format!("{:?}", it.0)));
            }
            Ok(all)
        };
        self.world.read(&system(), look).await.unwrap()
    }
}

/// Somebody at the desk who sees everything.
pub fn clerk(actor: Actor) -> Clerk {
    Clerk { actor, reader: Reader { role: "register_keeper".to_owned(), clear: true } }
}

/// Drops a file and waits until it was looked at.
pub async fn dropped(by: &Caller, kind: &str, name: &str, bytes: impl Into<Vec<u8>>) -> Json {
    let reply = by.post(&format!("/api/v1/register/{kind}/import?file={name}"), bytes.into()).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    looked(by, &reply.json()).await
}

/// Waits until a file was looked at.
pub async fn looked(by: &Caller, waiting: &Json) -> Json {
    let path = path_of(waiting);
    loop {
        let seen = by.get(&path).await.json();
        if seen["state"] != "looking" {
            return seen;
        }
        tokio::task::yield_now().await;
    }
}

pub fn path_of(waiting: &Json) -> String {
    format!("/api/v1/register/{}/import/{}", waiting["kind"].as_str().unwrap(), waiting["id"].as_str().unwrap())
}

/// Says something about a file and waits until it was looked at anew.
pub async fn choose(by: &Caller, waiting: &Json, choices: Json) -> Json {
    let reply = by.send(Method::PUT, &path_of(waiting), "application/json", choices.to_string()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    looked(by, waiting).await
}

/// Takes a file and waits for its end.
pub async fn taken(by: &Caller, waiting: &Json) -> Json {
    let reply = by.post(&format!("{}/take", path_of(waiting)), "").await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    ended(by, waiting["id"].as_str().unwrap()).await
}

/// Undoes an import and waits for its end.
pub async fn undone(by: &Caller, batch: &Json) -> Json {
    let id = batch["id"].as_str().unwrap();
    let reply = by.post(&format!("/api/v1/imports/{id}/undo"), "").await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    ended(by, id).await
}

async fn ended(by: &Caller, id: &str) -> Json {
    loop {
        let seen = by.get(&format!("/api/v1/imports/{id}")).await.json();
        if seen["state"] == "done" || seen["state"] == "undone" {
            return seen;
        }
        tokio::task::yield_now().await;
    }
}

/// New, changed, same, refused.
pub fn counts(waiting: &Json) -> [u64; 4] {
    ["new", "changed", "same", "refused"]
        .map(|it| waiting["findings"]["counts"][it].as_u64().unwrap_or_else(|| panic!("{waiting}")))
}

/// The same of a batch.
pub fn did(batch: &Json) -> [u64; 4] {
    ["created", "changed", "same", "refused"].map(|it| batch[it].as_u64().unwrap())
}

/// Rows of a sort, with the codes of their problems.
pub fn refused(waiting: &Json) -> BTreeMap<u64, Vec<String>> {
    let examples = waiting["findings"]["examples"].as_array().unwrap().iter().filter(|it| it["became"] == "refused");
    let codes = |it: &Json| {
        it["problems"].as_array().unwrap().iter().map(|it| it["code"].as_str().unwrap().to_owned()).collect()
    };
    examples.map(|it| (it["row"].as_u64().unwrap(), codes(it))).collect()
}

/// Codes of what is to be looked at, by row.
pub fn notes(waiting: &Json) -> Vec<(u64, String)> {
    let notes = waiting["findings"]["notes"].as_array().unwrap();
    notes.iter().map(|it| (it["row"].as_u64().unwrap(), it["code"].as_str().unwrap().to_owned())).collect()
}
