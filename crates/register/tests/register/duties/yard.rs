//! A district with a few people and things, and the pages of duties.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
};

use anlan_kernel::Instant;
use anlan_register::{Post, Rank, Register, duties, kinds::Files, records::Record};
use anlan_store::Event;
use anlan_testbed::{Caller, Engine, NOON, Reply};
use anlan_web::Site;
use axum::{Router, http::Method};
use serde_json::{Value, json};

use crate::bed::{Bed, code, person, post};

pub const COMMUNITY: &str = "440303001001";

pub struct Yard {
    pub bed: Bed,
    pub app: Router,
    /// Links that were sent: to whom, and the address.
    pub sent: Arc<Mutex<Vec<(String, String)>>>,
}

impl Yard {
    /// The demo's regions and organisations; five people: a lead and a deputy of the district, leads of two streets,
    /// and somebody of a community.
    pub async fn new(engine: Engine) -> Self {
        let bed = Bed::district(engine).await;
        let register = Register::open((*bed.world).clone(), &shipped(), Arc::new(|_| Vec::new())).await.unwrap();
        let site = Site::new((*bed.world).clone(), "", false, "区三防办");
        let sent = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&sent);
        let send: duties::SendLink = Arc::new(move |_, ask, link| {
            heard.lock().unwrap().push((ask.callee.clone(), link.to_owned()));
            Ok(())
        });
        let app = duties::routes(&site, &register, Some(send)).router;
        bed.write(|tx| {
            for (who, of, rank, duty) in [
                ("1", "440303", Rank::Lead, "防汛责任人"),
                ("2", "440303", Rank::DeputyA, "防汛责任人"),
                ("3", "440303001", Rank::Lead, "防汛责任人"),
                ("4", "440303002", Rank::Lead, "防汛责任人"),
                ("5", COMMUNITY, Rank::Lead, "灾情报送"),
            ] {
                tx.put(&person(who, of, Some(&format!("1540000000{who}"))))?;
                let post = post(who, of, rank, duty);
                tx.put(&Post { organisation: "luohu-emergency".into(), ..post })?;
            }
            Ok(())
        })
        .await;
        Self { bed, app, sent }
    }

    pub async fn officer(&self, role: &str, region: &str) -> Caller {
        Caller::officer(&self.app, &self.bed.world, role, region).await
    }

    pub fn stranger(&self) -> Caller {
        Caller::stranger(&self.app)
    }

    /// A record as an import leaves it.
    pub async fn record(&self, kind: &str, id: &str, region: &str, fields: Value) {
        let record = record(kind, id, region, fields);
        self.bed.write(move |tx| tx.put(&record)).await;
    }

    pub async fn change(&self, id: &str, field: &str, value: Value) {
        let (id, field) = (id.to_owned(), field.to_owned());
        self.bed
            .write(move |tx| {
                let mut record = tx.get::<Record>(&id)?.unwrap();
                record.fields.insert(field.clone(), value.clone());
                record.revision += 1;
                tx.put(&record)?;
                tx.record(Event::new("record.changed", &id))
            })
            .await;
    }
}

pub fn record(kind: &str, id: &str, region: &str, fields: Value) -> Record {
    Record {
        id: id.into(),
        kind: kind.into(),
        key: None,
        region: code(region),
        name: fields["name"].as_str().map(str::to_owned),
        subject: None,
        fields: fields.as_object().unwrap().clone(),
        personal: None,
        longitude: Some(114.13),
        latitude: Some(22.55),
        geometry: None,
        owner: None,
        verified_at: Some(NOON),
        verified_by: Some("imported".into()),
        pack: "core@2026.1".into(),
        batch: None,
        revision: 1,
        created_at: NOON,
        changed_at: NOON,
        changed_by: "test".into(),
    }
}

/// The shipped packs these tests need.
pub fn shipped() -> Vec<Files> {
    let packs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packs");
    ["core", "resources", "flood", "premises", "grid", "vulnerable"].map(|it| files(&packs.join(it), "")).into()
}

fn files(dir: &Path, prefix: &str) -> Files {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            found.extend(files(&entry.path(), &format!("{name}/")));
        } else {
            found.insert(name, std::fs::read_to_string(entry.path()).unwrap());
        }
    }
    found
}

pub async fn form(caller: &Caller, path: &str, body: &str) -> Reply {
    caller.send(Method::POST, path, "application/x-www-form-urlencoded", body.to_owned()).await
}

pub async fn send(caller: &Caller, method: Method, path: &str, body: Value) -> Reply {
    caller.send(method, path, "application/json", body.to_string()).await
}

pub fn days(count: u64) -> std::time::Duration {
    std::time::Duration::from_secs(count * 86_400)
}

pub fn after(count: u64) -> Instant {
    NOON.plus(days(count))
}

pub fn reservoir() -> Value {
    json!({"code": "R1", "name": "小坑水库", "administrative": "person:1", "technical": "person:3", "patrol": "person:4"})
}
