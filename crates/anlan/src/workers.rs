//! The workers of a node: sealer, timekeeper, courier. Each holds a lease, so that of several nodes
//! one does the job, and what a node that lost it still does is refused.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant as Monotonic},
};

use anlan_kernel::Actor;
use anlan_store::{Event, Lease, StoreError, Urgency, World, deadline, journal, real_now};
use tokio::{task::JoinSet, time::Instant as Wall};

use crate::{
    clockwatch::ClockWatch,
    house::{House, LEASE},
};

/// The longest a worker waits before it looks again.
const TICK: Duration = Duration::from_millis(500);
const AFTER_ERROR: Duration = Duration::from_secs(1);

/// Seals what is committed, at least once a second, and signs the head every minute.
pub fn sealer(world: World, holder: String, tasks: &mut JoinSet<()>) {
    tasks.spawn(async move {
        let mut signed = Monotonic::now();
        let mut commits = world.commits();
        held(&world, "sealer", &holder, async |lease| {
            let mut sealed = 0;
            loop {
                let block = journal::seal(&world, Some(lease)).await?;
                if block == 0 {
                    break;
                }
                sealed += block;
            }
            if signed.elapsed() >= journal::HEAD_EVERY {
                journal::sign_head(&world).await?;
                signed = Monotonic::now();
            }
            // Blocks, not single entries: a second's commits share one sealing transaction.
            tokio::time::sleep(if sealed > 0 { TICK } else { TICK / 5 }).await;
            wait(&mut commits, TICK).await;
            Ok(())
        })
        .await;
    });
}

/// Fires due deadlines; holds them while the wall clock is in doubt.
pub fn timekeeper(house: House, holder: String, tasks: &mut JoinSet<()>) {
    tasks.spawn(async move {
        let started = Monotonic::now();
        let mut watch = ClockWatch::new(real_now(), Duration::ZERO);
        let mut commits = house.world.commits();
        held(&house.world, "timekeeper", &holder, async |lease| {
            if let Some(jump) = watch.look(real_now(), started.elapsed()) {
                tracing::error!(seconds = jump.seconds, "the wall clock jumped; escalations are held");
                house.hold.begin(jump);
                let detail = serde_json::json!({"seconds": jump.seconds});
                note(&house.world, "clock.jumped", detail).await?;
            }
            if house.hold.jump().is_some() {
                tokio::time::sleep(TICK).await;
                return Ok(());
            }
            if deadline::fire_due(&house.world, &house.handlers, Some(lease)).await? > 0 {
                return Ok(());
            }
            let next = house.world.next_deadline().await?;
            let sleep = next.map_or(TICK, |it| it.since(house.world.now()).min(TICK));
            wait(&mut commits, sleep).await;
            Ok(())
        })
        .await;
    });
}

/// Takes what is due to the gateways; clears up first what a crash left unknown.
pub fn courier(house: House, holder: String, tasks: &mut JoinSet<()>) {
    tasks.spawn(async move {
        let mut commits = house.world.commits();
        let mut cleared: Option<i64> = None;
        held(&house.world, "courier", &holder, async |lease| {
            if cleared != Some(lease.fence) {
                house.warn.clear_up(Some(lease)).await?;
                cleared = Some(lease.fence);
            }
            let step = house.warn.courier_step(Some(lease)).await?;
            if step.handed == 0 {
                let sleep = step.next.map_or(TICK, |it| it.since(house.world.now()).min(TICK));
                wait(&mut commits, sleep.max(Duration::from_millis(2))).await;
            }
            Ok(())
        })
        .await;
    });
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

/// Repeats `work` for as long as this node holds the lease `name`; waits for it otherwise.
async fn held<F>(world: &World, name: &str, holder: &str, mut work: F)
where
    F: AsyncFnMut(&Lease) -> Result<(), StoreError>,
{
    let mut lease: Option<Lease> = None;
    let mut renew_at = Wall::now();
    loop {
        if lease.is_none() || Wall::now() >= renew_at {
            match world.lease(name, holder, LEASE).await {
                Ok(taken) => lease = taken,
                Err(error) => {
                    tracing::error!(%error, worker = name, "the lease could not be taken; trying again");
                    lease = None;
                }
            }
            renew_at = Wall::now() + LEASE / 3;
        }
        let Some(current) = &lease else {
            tokio::time::sleep(AFTER_ERROR).await;
            continue;
        };
        match work(current).await {
            Ok(()) => {}
            Err(StoreError::Fenced(_)) => lease = None,
            Err(error) => {
                tracing::error!(%error, worker = name, "the worker stumbled; trying again");
                tokio::time::sleep(AFTER_ERROR).await;
            }
        }
    }
}

/// A name for this process that no other has.
pub fn holder() -> String {
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
    pub fn parse(names: &[String]) -> Result<Self, String> {
        if names.is_empty() {
            return Ok(Self { web: true, ingest: true, worker: true });
        }
        let mut roles = Self { web: false, ingest: false, worker: false };
        for name in names {
            match name.trim() {
                "web" => roles.web = true,
                "ingest" => roles.ingest = true,
                "worker" => roles.worker = true,
                other => return Err(format!("{other:?}: web, ingest, worker")),
            }
        }
        Ok(roles)
    }
}

/// Everything a node of the real world does in the background.
pub fn all(house: &House, roles: Roles) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let holder = holder();
    if roles.worker {
        sealer(house.world.clone(), holder.clone(), &mut tasks);
        timekeeper(house.clone(), holder.clone(), &mut tasks);
        courier(house.clone(), holder, &mut tasks);
    }
    if roles.ingest {
        spawn(&mut tasks, Arc::clone(&house.monitor).run());
    }
    tasks
}

fn spawn(tasks: &mut JoinSet<()>, work: impl Future<Output = ()> + Send + 'static) {
    tasks.spawn(work);
}
