//! What the program holds of this mechanism while it runs.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use anlan_kernel::Problem;
use anlan_register::Callee;
use anlan_store::{Handler, Handlers, Module, StoreError, Tx, World, WorldKind, params};

use crate::{
    courier::Pacer,
    escalation,
    ladder::{Ladder, Plan},
    model::{self, Gateway, Round},
    process, round,
};

/// Tables and migrations of warning and call-out.
pub static MODULE: Module = Module {
    name: "warn",
    migrations: model::MIGRATIONS,
    tables: &[
        &model::PROCESS,
        &model::ROUND,
        &model::CALL,
        &model::ESCALATION,
        &model::HELP,
        &model::RECEIPT,
        &model::GATEWAY,
    ],
};

/// A gateway in use: its settings, its secret, and its pace.
pub(crate) struct Line {
    pub gateway: Gateway,
    pub secret: Vec<u8>,
    pub pacer: Mutex<Pacer>,
}

/// Settings that are not pack data.
#[derive(Clone, Debug)]
pub struct WarnConfig {
    /// Who speaks, first words of every call: 区三防办.
    pub speaker: String,
    /// Base URL of answer links, with `/w/<world>` where needed.
    pub link_base: String,
    /// A process ends this long after its last alarm or signal.
    pub process_ends_after: Duration,
}

impl Default for WarnConfig {
    fn default() -> Self {
        Self {
            speaker: "区三防办".into(),
            link_base: "http://127.0.0.1:8080".into(),
            process_ends_after: Duration::from_secs(12 * 3600),
        }
    }
}

/// Warning and call-out of one world.
pub struct Warn {
    pub(crate) world: World,
    pub(crate) config: WarnConfig,
    plans: RwLock<(String, BTreeMap<String, Arc<Plan>>)>,
    pub(crate) lines: RwLock<BTreeMap<String, Arc<Line>>>,
    pub(crate) http: reqwest::Client,
    /// Audiences of rounds being opened; made again when missing.
    pub(crate) audiences: Mutex<HashMap<String, Arc<Vec<Callee>>>>,
}

impl std::fmt::Debug for Warn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Warn({:?})", self.world)
    }
}

impl Warn {
    /// The mechanism over `world` with the current plan.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(world: World, config: WarnConfig, plan: Plan) -> Result<Arc<Self>, StoreError> {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(20))
            .no_proxy()
            .build()
            .map_err(|it| StoreError::Io(it.to_string()))?;
        let plans = RwLock::new((plan.version.clone(), BTreeMap::from([(plan.version.clone(), Arc::new(plan))])));
        Ok(Arc::new(Self {
            world,
            config,
            plans,
            lines: RwLock::default(),
            http,
            audiences: Mutex::default(),
        }))
    }

    /// The world this works in.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Makes `plan` the one new rounds use; rounds under an older version keep theirs.
    pub fn set_plan(&self, plan: Plan) {
        let mut plans = self.plans.write().unwrap_or_else(PoisonError::into_inner);
        plans.0.clone_from(&plan.version);
        plans.1.insert(plan.version.clone(), Arc::new(plan));
    }

    /// The plan new rounds use.
    pub fn plan(&self) -> Arc<Plan> {
        let plans = self.plans.read().unwrap_or_else(PoisonError::into_inner);
        plans.1.get(&plans.0).cloned().unwrap_or_else(|| {
            Arc::new(Plan { version: plans.0.clone(), ladders: BTreeMap::new(), levels: BTreeMap::new() })
        })
    }

    /// The plan a round was made under; the current one when that version is not loaded any more.
    pub(crate) fn plan_of(&self, round: &Round) -> Arc<Plan> {
        let found = self.plans.read().unwrap_or_else(PoisonError::into_inner).1.get(&round.pack).cloned();
        found.unwrap_or_else(|| self.plan())
    }

    pub(crate) fn ladder(&self, round: &Round, id: &str) -> Result<Ladder, StoreError> {
        self.plan_of(round).ladders.get(id).cloned().ok_or_else(|| {
            StoreError::Shape(format!("round {} of plan {} names the unknown ladder {id}", round.id, round.pack))
        })
    }

    /// Deadline handlers of this mechanism.
    pub fn handlers(self: &Arc<Self>) -> Handlers {
        let mut handlers = Handlers::new();
        let mut add = |kind, run: fn(&Warn, &mut Tx<'_>, &anlan_store::Deadline) -> Result<(), StoreError>| {
            let warn = Arc::clone(self);
            let handler: Handler = Arc::new(move |tx, deadline| run(&warn, tx, deadline));
            handlers.insert(kind, handler);
        };
        add("round.start", |warn, tx, it| round::start(warn, tx, &it.subject));
        add("round.open", |warn, tx, it| round::open_slice(warn, tx, &it.subject));
        add("round.check", |_, tx, it| round::check(tx, &it.subject));
        add("call.limit", |warn, tx, it| round::limit_reached(warn, tx, &it.subject));
        add("escalation.merge", |warn, tx, it| escalation::merged(warn, tx, &it.subject));
        add("escalation.limit", |warn, tx, it| escalation::limit_reached(warn, tx, &it.subject));
        add("process.end", |_, tx, it| process::calm(tx, &it.subject));
        handlers
    }

    /// Uses a gateway that is not in the table: a simulator this process started. The only kind a
    /// world other than the real one may have.
    pub fn use_gateway(&self, gateway: Gateway, secret: Vec<u8>) {
        let pacer = Mutex::new(Pacer::new(gateway.rate, gateway.area_rate));
        let line = Arc::new(Line { gateway: gateway.clone(), secret, pacer });
        self.lines.write().unwrap_or_else(PoisonError::into_inner).insert(gateway.id, line);
    }

    /// Loads the gateways of the table with their secrets.
    ///
    /// # Errors
    /// A refusal in any world but the real one; no setting can give those an address.
    pub async fn load_gateways(&self) -> Result<usize, StoreError> {
        if self.world.kind() != WorldKind::Real {
            return Err(StoreError::Refused(Problem::new(
                "not_the_real_world",
                "回放和演练只能使用本机模拟通道，不能接真实通道",
                "a replay or an exercise may only use a simulated channel of this machine",
            )));
        }
        let secrets = self.world.keys().secrets();
        let found = self
            .world
            .read(&anlan_kernel::Actor::system("courier"), move |tx| {
                let gateways: Vec<Gateway> = tx.find("enabled = 1", "ORDER BY id", &[])?;
                gateways
                    .into_iter()
                    .map(|it| {
                        let sql = "SELECT sealed FROM gateway_secret WHERE gateway = $1";
                        let rows = tx.query(sql, params![&it.id])?;
                        let secret = match rows.first() {
                            Some(row) => anlan_store::unlock(&secrets, &it.id, &row.blob(0)?)?,
                            None => return Err(StoreError::Key(format!("gateway {} has no secret", it.id))),
                        };
                        Ok((it, secret))
                    })
                    .collect::<Result<Vec<_>, _>>()
            })
            .await?;
        let count = found.len();
        for (gateway, secret) in found {
            self.use_gateway(gateway, secret);
        }
        Ok(count)
    }

    /// Stores a gateway and its secret for the real world.
    ///
    /// # Errors
    /// What the store says.
    pub async fn put_gateway(
        &self,
        actor: &anlan_kernel::Actor,
        gateway: Gateway,
        secret: &str,
    ) -> Result<(), StoreError> {
        let sealed = anlan_store::lock(&self.world.keys().secrets(), &gateway.id, secret.as_bytes())?;
        self.world
            .write("gateway", anlan_store::Urgency::Urgent, actor, move |tx| {
                tx.put(&gateway)?;
                tx.execute_unjournaled(
                    "INSERT INTO gateway_secret(gateway, sealed) VALUES ($1, $2)
                     ON CONFLICT (gateway) DO UPDATE SET sealed = excluded.sealed",
                    params![&gateway.id, sealed.clone()],
                )?;
                tx.record(anlan_store::Event::new("gateway.changed", &gateway.id))
            })
            .await
    }

    /// The channel messages of this kind leave by.
    pub(crate) fn channel(&self) -> String {
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        lines.keys().next().cloned().unwrap_or_else(|| "default".to_owned())
    }
}
