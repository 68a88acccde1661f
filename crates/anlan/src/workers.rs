//! The workers of a node: sealer, timekeeper, courier. Each holds a lease, so that of several nodes
//! one does the job, and what a node that lost it still does is refused.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant as Monotonic},
};

use anlan_kernel::{Actor, Problem};
use anlan_store::{Event, Lease, StoreError, Urgency, World, deadline, failpoint, journal, real_now};
use tokio::task::JoinSet;

use crate::{
    clockwatch::{ClockWatch, Jump},
    house::{House, LEASE},
};

/// The longest a worker waits before it looks again.
const TICK: Duration = Duration::from_millis(500);
const AFTER_ERROR: Duration = Duration::from_secs(1);
/// How often a node looks for gateways that another one set.
const GATEWAYS_EVERY: Duration = Duration::from_secs(1);

/// Seals what is committed, at least once a second, and signs the head at once and then every minute.
pub fn sealer(world: World, holder: String, tasks: &mut JoinSet<()>) {
    tasks.spawn(async move {
        let mut signed = None;
        let mut commits = world.commits();
        let mut held = Held::new(&world, "sealer", &holder);
        loop {
            let lease = held.lease().await;
            held.after(seal(&world, &lease, &mut signed).await).await;
            // Blocks, not single entries: the commits of half a second share one sealing transaction.
            tokio::time::sleep(TICK / 5).await;
            wait(&mut commits, TICK).await;
        }
    });
}

async fn seal(world: &World, lease: &Lease, signed: &mut Option<Monotonic>) -> Result<(), StoreError> {
    while journal::seal(world, Some(lease)).await? > 0 {}
    let due = signed.is_none_or(|it| it.elapsed() >= journal::HEAD_EVERY);
    if due && journal::sign_head(world).await?.is_some() {
        *signed = Some(Monotonic::now());
    }
    Ok(())
}

/// Fires due deadlines; holds them while the wall clock is in doubt.
pub fn timekeeper(house: House, holder: String, tasks: &mut JoinSet<()>) {
    tasks.spawn(async move {
        let started = Monotonic::now();
        let mut watch = ClockWatch::new(real_now(), Duration::ZERO);
        let mut commits = house.world.commits();
        let mut held = Held::new(&house.world, "timekeeper", &holder);
        loop {
            let lease = held.lease().await;
            let jump = watch.look(real_now(), started.elapsed());
            let kept = keep_time(&house, &lease, jump).await;
            let sleep = *kept.as_ref().unwrap_or(&Duration::ZERO);
            held.after(kept.map(drop)).await;
            if !sleep.is_zero() {
                wait(&mut commits, sleep).await;
            }
        }
    });
}

/// Fires what is due; how long nothing else will be.
async fn keep_time(house: &House, lease: &Lease, jump: Option<Jump>) -> Result<Duration, StoreError> {
    if let Some(jump) = jump {
        tracing::error!(seconds = jump.seconds, "the wall clock jumped; escalations are held");
        house.hold.begin(jump);
        note(&house.world, "clock.jumped", serde_json::json!({"seconds": jump.seconds})).await?;
    }
    if house.hold.jump().is_some() {
        return Ok(TICK);
    }
    if deadline::fire_due(&house.world, &house.handlers, Some(lease)).await? > 0 {
        return Ok(Duration::ZERO);
    }
    let next = house.world.next_deadline().await?;
    Ok(next.map_or(TICK, |it| it.since(house.world.now()).clamp(Duration::from_millis(1), TICK)))
}

/// Takes what is due to the gateways; clears up first what a crash left unknown.
pub fn courier(house: House, holder: String, tasks: &mut JoinSet<()>) {
    tasks.spawn(async move {
        let mut commits = house.world.commits();
        let mut cleared: Option<i64> = None;
        let mut held = Held::new(&house.world, "courier", &holder);
        loop {
            let lease = held.lease().await;
            let carried = carry(&house, &lease, &mut cleared).await;
            let sleep = *carried.as_ref().unwrap_or(&Duration::ZERO);
            held.after(carried.map(drop)).await;
            if !sleep.is_zero() {
                wait(&mut commits, sleep).await;
            }
        }
    });
}

async fn carry(house: &House, lease: &Lease, cleared: &mut Option<i64>) -> Result<Duration, StoreError> {
    if *cleared != Some(lease.fence) {
        house.warn.clear_up(Some(lease)).await?;
        *cleared = Some(lease.fence);
    }
    let step = house.warn.courier_step(Some(lease)).await?;
    if step.handed > 0 {
        return Ok(Duration::ZERO);
    }
    let next = step.next.map_or(TICK, |it| it.since(house.world.now()));
    Ok(next.clamp(Duration::from_millis(2), TICK))
}

async fn note(world: &World, event: &'static str, detail: serde_json::Value) -> Result<(), StoreError> {
    world
        .write("note", Urgency::Urgent, &Actor::system("timekeeper"), move |tx| {
            tx.record(Event::new(event, "clock").detail(detail.clone()))
        })
        .await
}

async fn wait(commits: &mut tokio::sync::watch::Receiver<u64>, most: Duration) {
    // Either way there may be something to do.
    let _ = tokio::time::timeout(most, commits.changed()).await;
}

/// A job of this node for as long as it holds the lease.
struct Held<'a> {
    world: &'a World,
    name: &'static str,
    holder: &'a str,
    lease: Option<Lease>,
    renew_at: Monotonic,
}

impl<'a> Held<'a> {
    fn new(world: &'a World, name: &'static str, holder: &'a str) -> Self {
        Self { world, name, holder, lease: None, renew_at: Monotonic::now() }
    }

    /// Waits until this node holds the lease, and keeps it fresh.
    async fn lease(&mut self) -> Lease {
        failpoint::panic_at(self.name);
        loop {
            if let Some(lease) = self.lease.as_ref().filter(|_| Monotonic::now() < self.renew_at) {
                return lease.clone();
            }
            self.renew_at = Monotonic::now() + LEASE / 3;
            match self.world.lease(self.name, self.holder, LEASE).await {
                Ok(Some(lease)) => self.lease = Some(lease),
                Ok(None) => {
                    self.lease = None;
                    tokio::time::sleep(AFTER_ERROR).await;
                }
                Err(error) => {
                    tracing::error!(%error, worker = self.name, "the lease could not be taken; trying again");
                    self.lease = None;
                    tokio::time::sleep(AFTER_ERROR).await;
                }
            }
        }
    }

    /// What the work came to: a node that was fenced out waits for its lease again.
    async fn after(&mut self, done: Result<(), StoreError>) {
        match done {
            Ok(()) => {}
            Err(StoreError::Fenced(_)) => self.lease = None,
            Err(error) => {
                tracing::error!(%error, worker = self.name, "the worker stumbled; trying again");
                tokio::time::sleep(AFTER_ERROR).await;
            }
        }
    }
}

/// A name for this process that no other has. On SQLite the lock of the data folder lets one process in at
/// a time: all of them are one holder, so that after a crash nobody waits for a dead one's lease.
pub fn holder(world: &World) -> String {
    if !world.is_postgres() {
        return "this-folder".to_owned();
    }
    let random = anlan_store::random::<6>().map(|it| anlan_store::hex(&it)).unwrap_or_default();
    format!("{}-{random}", std::process::id())
}

/// Which jobs a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    /// HTTP.
    pub web: bool,
    /// Observations and rules.
    pub ingest: bool,
    /// Sealer, timekeeper, courier.
    pub worker: bool,
}

impl Roles {
    /// Reads `web,ingest,worker`; empty means all.
    ///
    /// # Errors
    /// The name that is no role.
    pub fn parse(names: &[String]) -> Result<Self, Problem> {
        if names.is_empty() {
            return Ok(Self { web: true, ingest: true, worker: true });
        }
        let mut roles = Self { web: false, ingest: false, worker: false };
        for name in names {
            match name.trim() {
                "web" => roles.web = true,
                "ingest" => roles.ingest = true,
                "worker" => roles.worker = true,
                other => {
                    let zh = format!("没有角色“{other}”，可写 web、ingest、worker，逗号分隔");
                    let en = format!("there is no role {other:?}; write web, ingest, worker, with commas between");
                    return Err(Problem::new("bad_role", zh, en).field("role"));
                }
            }
        }
        Ok(roles)
    }
}

/// Everything a node of the real world does in the background.
pub fn all(house: &House, roles: Roles) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let holder = holder(&house.world);
    if roles.worker {
        sealer(house.world.clone(), holder.clone(), &mut tasks);
        timekeeper(house.clone(), holder.clone(), &mut tasks);
        courier(house.clone(), holder, &mut tasks);
    }
    if roles.ingest {
        spawn(&mut tasks, Arc::clone(&house.monitor).run());
    }
    if house.world.is_postgres() {
        spawn(&mut tasks, gateways(house.clone()));
    }
    tasks
}

/// Waits until one of the tasks ends. None of them ever should.
pub async fn one_ended(tasks: &mut JoinSet<()>) {
    match tasks.join_next().await {
        Some(Ok(())) => tracing::error!("a worker of this node ended; the process ends with it"),
        Some(Err(error)) => tracing::error!(%error, "a worker of this node died; the process ends with it"),
        None => std::future::pending().await,
    }
}

/// Hears of gateways that were set on another node.
async fn gateways(house: House) {
    loop {
        tokio::time::sleep(GATEWAYS_EVERY).await;
        if let Err(error) = house.warn.load_gateways().await {
            tracing::error!(%error, "the gateways could not be read; trying again");
        }
    }
}

fn spawn(tasks: &mut JoinSet<()>, work: impl Future<Output = ()> + Send + 'static) {
    tasks.spawn(work);
}
