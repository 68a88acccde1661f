//! From the start of a round to the last first attempt at the gateway; how late escalations are.

use std::{net::Ipv4Addr, path::Path, time::Duration};

use anlan_kernel::{Actor, Instant, RegionCode, Text};
use anlan_simulator::{CarrierConfig, carrier::FaultConfig};
use anlan_store::{Clock, StoreError, WorldKind, params};
use anlan_warn::{Gateway, Round};
use anlan_web::accounts::{self, NewAccount};
use serde_json::{Value as Json, json};

use super::{desks::Desks, outside::Outside, percentile, sub};
use crate::{
    demo::story,
    house::{House, HouseConfig},
    install::Install,
    packs::Pack,
    server,
    verbs::Bad,
    workers::{self, Roles},
};

/// Everybody by voice with a short ladder, so that escalations fall into the time measured.
const VOICE: &str = r#"
[[ladder]]
id = "bench"
title = { zh = "测速", en = "bench" }
answered_by = "key"
source = "B1"
first = "voice"
[[ladder.step]]
id = "voice"
do = "voice"
tries = 1
limit = "10s"
then = "sms"
[[ladder.step]]
id = "sms"
do = "sms"
tries = 1
limit = "10s"
then = "not_reached"
"#;

/// Everybody by message.
const MESSAGES: &str = r#"
[[ladder]]
id = "bench"
title = { zh = "测速", en = "bench" }
answered_by = "key"
source = "B1"
first = "sms"
[[ladder.step]]
id = "sms"
do = "sms"
tries = 1
limit = "10m"
then = "not_reached"
"#;

const LEVEL: &str = r#"
[[call_out]]
level = 1
title = { zh = "一级", en = "level 1" }
signals = ["red"]
alarms = [1]
hazards = ["typhoon"]
start_after = "24h"
source = "B1"
"#;

/// 2,535 callees by voice, and how late their ladders step.
///
/// # Errors
/// Whatever breaks while measuring.
pub async fn voice(dir: &Path, callees: usize) -> Result<Json, Bad> {
    let audience = ["duty_room", "district", "street", "community"];
    let bench = Bench::open(dir, VOICE, &audience, None).await?;
    let mut measured = bench.run(callees).await?;
    bench.until_escalated(Duration::from_secs(45)).await?;
    measured["escalation_late_ms"] = bench.lateness().await?;
    Ok(measured)
}

/// The same round beside one open desk and beside many: how long attempts wait from being due until the
/// gateway has them.
///
/// # Errors
/// Whatever breaks while measuring.
pub async fn desks(dir: &Path, callees: usize, many: usize) -> Result<Json, Bad> {
    let audience = ["duty_room", "district", "street", "community"];
    let mut measured = serde_json::Map::new();
    let mut waits = Vec::new();
    for count in [1, many] {
        let bench = Bench::open(&dir.join(count.to_string()), VOICE, &audience, None).await?;
        let (url, token) = (bench.url.clone(), bench.officer().await?);
        let open = Outside::start("desks", &Desks { url, token, count })?;
        bench.run(callees).await?;
        bench.until_escalated(Duration::from_secs(45)).await?;
        let wait = bench.waits().await?;
        waits.push(wait["p99_ms"].as_f64().unwrap_or_default());
        measured.insert(format!("{count}"), json!({"attempt_waits": wait, "desks": open.end()?}));
    }
    measured.insert("p99_ratio".into(), json!(waits[1] / waits[0]));
    Ok(Json::Object(measured))
}

/// Many callees by message.
///
/// # Errors
/// Whatever breaks while measuring.
pub async fn messages(dir: &Path, callees: usize) -> Result<Json, Bad> {
    let bench = Bench::open(dir, MESSAGES, &["community"], Some(callees)).await?;
    bench.run(callees).await
}

struct Bench {
    house: House,
    url: String,
    _carrier: Outside,
    _tasks: tokio::task::JoinSet<()>,
}

impl Bench {
    async fn open(dir: &Path, ladder: &str, audience: &[&str], people: Option<usize>) -> Result<Self, Bad> {
        let install = Install::new(&sub(dir, "data"), None, None, None);
        let world = install.open("real", WorldKind::Real, Clock::Real)?;
        let audiences: String =
            audience.iter().map(|it| format!("[[call_out.audience]]\nwho = \"{it}\"\nladder = \"bench\"\n")).collect();
        let ladders = format!("{ladder}{LEVEL}{audiences}");
        let pack = Pack::made("bench", &Text::new("测速", "Bench"), [("ladders.toml", ladders)]);
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let url = format!("http://{}", listener.local_addr()?);
        let config = HouseConfig {
            link_base: url.clone(),
            district: Some(RegionCode::parse("440303")?),
            packs: [("bench".to_owned(), pack)].into(),
            ..HouseConfig::default()
        };
        let house = House::open(world, config).await?;
        fill(&house, people).await?;
        let secret = "bench";
        let config = CarrierConfig {
            secret: secret.into(),
            callback: Some(format!("{url}/api/v1/receipts/bench")),
            lines: 100_000,
            faults: FaultConfig::none(),
            ..CarrierConfig::default()
        };
        let carrier = Outside::start("carrier", &config)?;
        let gateway = Gateway {
            id: "bench".into(),
            url: carrier.said.clone(),
            rate: 0.0,
            area_rate: 0.0,
            batch: 500,
            max_tries: 5,
            enabled: true,
        };
        house.warn.use_gateway(gateway, secret.as_bytes().to_vec());
        let mut tasks = workers::all(&house, Roles { web: true, ingest: true, worker: true });
        let app = server::app("", house.routes());
        tasks.spawn(async move {
            if let Err(error) = server::serve(listener, app, None, axum_server::Handle::new()).await {
                tracing::error!(error, "the bench's door closed");
            }
        });
        Ok(Self { house, url, _carrier: carrier, _tasks: tasks })
    }

    /// Starts the round and waits until every callee's first attempt is at the gateway.
    async fn run(&self, callees: usize) -> Result<Json, Bad> {
        let desk = Actor::system("bench");
        let signal = json!({
            "issuer": "测速气象台", "title": "台风红色预警信号（测速）", "text": "测速，非真实信号。", "hazard": "typhoon",
            "colour": "red", "action": "发布", "areas": ["440303"], "id": "bench-1", "invented": true,
        });
        self.house.monitor.receive_signal(&desk, signal.to_string().as_bytes()).await?;
        let round = self.round().await?.ok_or("the signal opened no round")?;
        let begun = std::time::Instant::now();
        self.house.warn.start_now(&desk, &round.id).await?;
        loop {
            let (called, handed, last, first) = self.handed(&round.id).await?;
            let opened = self.round().await?.is_some_and(|it| it.opened > 0 && called > 0 && it.opened >= called);
            if opened && handed == called && called + 20 >= i64::try_from(callees)? {
                let started = self.round().await?.and_then(|it| it.started_at).unwrap_or_default();
                return Ok(json!({
                    "callees": called,
                    "first_handed_ms": first.since(started).as_secs_f64() * 1e3,
                    "all_handed_s": last.since(started).as_secs_f64(),
                    "wall_s": begun.elapsed().as_secs_f64(),
                }));
            }
            if begun.elapsed() > Duration::from_secs(600) {
                return Err(Bad(format!("{handed} of {called} calls were handed over in ten minutes")));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn round(&self) -> Result<Option<Round>, StoreError> {
        self.house
            .world
            .read(&Actor::system("bench"), |tx| Ok(tx.find::<Round>("1 = 1", "ORDER BY id LIMIT 1", &[])?.pop()))
            .await
    }

    /// (calls with a number, first attempts handed over, when the last and the first went).
    async fn handed(&self, round: &str) -> Result<(i64, i64, Instant, Instant), StoreError> {
        let prefix = format!("{round}/%#1");
        self.house
            .world
            .read(&Actor::system("bench"), move |tx| {
                let called = tx.count::<anlan_warn::Call>("numbers > 0", &[])?;
                let sql =
                    "SELECT COUNT(sent_at), MAX(sent_at), MIN(sent_at) FROM outbox WHERE id LIKE $1 AND {scope:region}";
                let rows = tx.query(sql, params![prefix.as_str()])?;
                let Some(row) = rows.first() else { return Ok((called, 0, Instant(0), Instant(0))) };
                let at = |i| row.opt(i, anlan_store::Row::instant).map(Option::unwrap_or_default);
                Ok((called, row.int(0)?, at(1)?, at(2)?))
            })
            .await
    }

    /// Waits until the ladders of the silent have stepped twice, or the time is over.
    async fn until_escalated(&self, most: Duration) -> Result<(), StoreError> {
        let begun = std::time::Instant::now();
        while begun.elapsed() < most {
            let open = self
                .house
                .world
                .read(&Actor::system("bench"), |tx| tx.count::<anlan_warn::Call>("open = 1", &[]))
                .await?;
            if open == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        Ok(())
    }

    /// A token of an officer of the whole district.
    async fn officer(&self) -> Result<String, Bad> {
        let by = Actor::system("bench");
        let new = NewAccount {
            login: "desk".into(),
            password: anlan_store::hex(&anlan_store::random::<16>()?),
            name: "测速".into(),
            role: "duty_officer".into(),
            regions: vec![RegionCode::parse("440303")?],
            hat: None,
        };
        accounts::create(&self.house.world, &by, new).await?;
        Ok(accounts::create_token(&self.house.world, &by, "desk", "bench").await?)
    }

    /// How long attempts waited from being due until the gateway had them.
    async fn waits(&self) -> Result<Json, Bad> {
        let read = |tx: &mut anlan_store::Tx<'_>| {
            let sql = "SELECT sent_at - due_at FROM outbox WHERE sent_at IS NOT NULL AND {scope:region}";
            tx.query(sql, &[])?.iter().map(|row| row.int(0)).collect::<Result<Vec<_>, StoreError>>()
        };
        let waits = self.house.world.read(&Actor::system("bench"), read).await?;
        let mut waits: Vec<f64> = waits.into_iter().map(|it| it as f64 / 1e3).collect();
        waits.sort_by(f64::total_cmp);
        Ok(json!({
            "attempts": waits.len(), "median_ms": percentile(&waits, 0.5), "p99_ms": percentile(&waits, 0.99),
            "most_ms": waits.last(),
        }))
    }

    /// How much later than due the deadlines of calls fired.
    async fn lateness(&self) -> Result<Json, Bad> {
        let rows = self
            .house
            .world
            .read(&Actor::system("bench"), |tx| {
                let sql = "SELECT at, body FROM journal WHERE event = 'deadline.fired' AND subject LIKE 'call.limit:%' AND {scope:region}";
                tx.query(sql, &[])?
                    .iter()
                    .map(|row| Ok((row.instant(0)?, row.text(1)?)))
                    .collect::<Result<Vec<_>, StoreError>>()
            })
            .await?;
        let mut late = Vec::new();
        for (at, body) in rows {
            let body: Json = serde_json::from_str(&body)?;
            let due = Instant::parse(body["detail"]["due"].as_str().unwrap_or_default())?;
            late.push(at.since(due).as_secs_f64() * 1e3);
        }
        late.sort_by(f64::total_cmp);
        Ok(json!({
            "fired": late.len(), "p50": percentile(&late, 0.5), "p99": percentile(&late, 0.99),
            "max": late.last().copied().unwrap_or_default(),
        }))
    }
}

/// The demo's district, or its regions with `people` generated persons of the communities.
async fn fill(house: &House, people: Option<usize>) -> Result<(), Bad> {
    let loaded = story::load(None)?;
    let by = Actor::system("bench");
    let file = |name: &str| loaded.files.get(name).cloned().unwrap_or_default();
    let roster = people.map_or_else(|| file("people.csv"), |it| generated(&file("regions.csv"), it));
    for (kind, bytes) in
        [("regions", file("regions.csv")), ("organisations", file("organisations.csv")), ("people", roster)]
    {
        anlan_register::import::run(&house.world, &by, kind, &bytes, &format!("{kind}.csv"), false).await?;
    }
    Ok(())
}

fn generated(regions: &[u8], people: usize) -> Vec<u8> {
    let regions = String::from_utf8_lossy(regions);
    let communities: Vec<(&str, &str)> = regions
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(',');
            let (code, name) = (fields.next()?, fields.next()?);
            (code.len() == 12).then_some((code, name))
        })
        .collect();
    let mut csv = String::from("姓名,手机,备用电话,单位,职务,责任,级别,责任区代码,责任区名称,岗位,备注\n");
    for n in 0..people {
        let (code, name) = communities[n % communities.len()];
        csv.push_str(&format!(
            "测速{n},154{:08},,罗湖区应急管理局,网格员,防汛责任人,社区,{code},{name},成员,测速\n",
            n
        ));
    }
    csv.into_bytes()
}
