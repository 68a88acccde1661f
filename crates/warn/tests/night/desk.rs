//! The desk that writes risk notices: who drafts, who signs, and the process they write about.

use std::time::Duration;

use anlan_register::Rank;
use anlan_testbed::Engine;
use serde_json::{Value as Json, json};

use super::{DISTRICT, Night, Roster, Setting, caller::Caller};

/// A night with a red signal, its process, and the people who write and sign.
pub struct Desk {
    pub night: Night,
    pub officer: Caller,
    pub leader: Caller,
    pub process: String,
}

impl Desk {
    pub async fn open(setting: Setting) -> Self {
        let night = setting.begin().await;
        night.roster(Roster::rooms().person("lead", "440303001001", Rank::Lead, Some("21"))).await;
        night.signal("red", Some("red"), "发布", &["440303001"]).await;
        let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
        let leader = Caller::with(&night, "duty_leader", Some(DISTRICT)).await;
        let process = night.process().await.id;
        Self { night, officer, leader, process }
    }

    pub async fn on(engine: Engine) -> Self {
        Self::open(Setting::on(engine)).await
    }

    /// A draft, by the officer.
    pub async fn draft(&self) -> Json {
        let (status, notice) = self.officer.post("/api/v1/notices", json!({"process": self.process})).await;
        assert_eq!(status, 201, "{notice}");
        notice
    }

    /// A notice that was signed.
    pub async fn issued(&self) -> String {
        let id = id(&self.draft().await);
        self.sign(&id).await;
        id
    }

    pub async fn officer(&self, id: &str, verb: &str, body: Json) -> (u16, Json) {
        self.officer.post(&format!("/api/v1/notices/{id}/{verb}"), body).await
    }

    pub async fn sign(&self, id: &str) -> Json {
        let (status, notice) = self.leader.post(&format!("/api/v1/notices/{id}/sign"), json!({})).await;
        assert_eq!(status, 200, "{notice}");
        notice
    }

    pub async fn told(&self, id: &str, query: &str) -> Json {
        self.officer.get(&format!("/api/v1/notices/{id}/recipients{query}")).await.1
    }

    pub async fn settle(&self) {
        self.night.until(self.night.world.now().plus(Duration::from_secs(60))).await;
    }
}

pub fn id(notice: &Json) -> String {
    notice["id"].as_str().unwrap().to_owned()
}

pub fn newest(notice: &Json) -> &Json {
    notice["papers"].as_array().unwrap().last().unwrap()
}

pub fn callees(told: &Json) -> Vec<&str> {
    told["items"].as_array().unwrap().iter().map(|it| it["callee"].as_str().unwrap()).collect()
}

/// Every entry about the notice, as text.
pub async fn journal_of(night: &Night, id: &str) -> String {
    let id = id.to_owned();
    night
        .read(move |tx| {
            let sql = "SELECT event, body FROM journal WHERE subject = $1 AND {scope:region} ORDER BY entry";
            let rows = tx.query(sql, &[id.as_str().into()])?;
            rows.iter().map(|it| Ok(format!("{} {}\n", it.text(0)?, it.text(1)?))).collect()
        })
        .await
}
