//! What the program holds of this mechanism while it runs.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, Weak, atomic::AtomicBool},
    time::Duration,
};

use anlan_kernel::{Actor, Current, Instant, Problem, Scope, Text};
use anlan_monitor::Monitor;
use anlan_store::{
    Deadline, Event, Handler, Handlers, Module, Record, StoreError, Tx, Urgency, World, WorldKind, params,
};

use crate::{
    api::person_of,
    call,
    channel::{
        self, Channel, Kind, announce,
        kind::{is_name, on_this_machine},
        play,
    },
    courier::Pacer,
    escalation, inform,
    ladder::{Ladder, Plan},
    model::{self, Gateway, Round},
    notice::{self, Guide},
    pin, process,
    round::{self, Audience},
    transfer,
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
        &transfer::TRANSFER,
        &pin::PIN,
        &notice::model::NOTICE,
        &notice::model::PAPER,
        &notice::model::RECIPIENT,
        &notice::model::SERIES,
        &notice::model::PUBLIC_PAGE,
        &channel::model::CHANNEL,
        &channel::model::ROUTE,
        &channel::model::ENDPOINT,
        &channel::model::PLAY,
        &model::MAP_BASE,
        &crate::exercise::EXERCISE,
        &crate::directed::DIRECTED,
    ],
};

/// Where calls and messages wait while no gateway is set up; no gateway can have this name.
const NO_GATEWAY: &str = "(none)";

/// A channel in use: its settings, its secrets, and its pace.
pub(crate) struct Line {
    pub channel: Channel,
    /// What only a gateway has.
    pub gateway: Option<Gateway>,
    pub secrets: Secrets,
    pub pacer: Mutex<Pacer>,
    /// Reads what loudspeakers say; ends with the line.
    pub _reader: Option<Reader>,
}

/// Secrets of a channel by name; a gateway's is `secret`.
pub(crate) type Secrets = BTreeMap<String, String>;

/// A task that ends when it is dropped.
pub(crate) struct Reader(pub tokio::task::JoinHandle<()>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Line {
    pub fn of_gateway(gateway: Gateway, secret: Vec<u8>) -> Self {
        let pacer = Mutex::new(Pacer::new(gateway.rate, gateway.area_rate));
        // A gateway's secret is any text an operator typed.
        let secrets = [("secret".to_owned(), String::from_utf8_lossy(&secret).into_owned())].into();
        Self { channel: Channel::from(&gateway), gateway: Some(gateway), secrets, pacer, _reader: None }
    }

    /// Items in one request.
    pub fn batch(&self) -> usize {
        let batch = self.gateway.as_ref().map_or(self.channel.kind.about().batch, |it| it.batch);
        usize::try_from(batch).unwrap_or(1).clamp(1, 500)
    }

    /// A secret; empty where there is none.
    pub fn secret(&self, name: &str) -> &str {
        self.secrets.get(name).map_or("", String::as_str)
    }
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
    /// What notices ask for, and their number series.
    pub guide: Arc<Guide>,
    /// How long a gateway or another far side may take to answer.
    pub answer_within: Duration,
}

impl Default for WarnConfig {
    fn default() -> Self {
        Self {
            speaker: "区三防办".into(),
            link_base: "http://127.0.0.1:8080".into(),
            process_ends_after: Duration::from_secs(12 * 3600),
            guide: Arc::default(),
            answer_within: Duration::from_secs(20),
        }
    }
}

/// Hears, inside the same transaction, that the callee of a relayed signal replied with key 1: signal,
/// callee.
pub type ReceiptHook = Arc<dyn Fn(&mut Tx<'_>, &str, &str) -> Result<(), StoreError> + Send + Sync>;

/// Warning and call-out of one world.
pub struct Warn {
    pub(crate) world: World,
    pub(crate) config: WarnConfig,
    guide: Current<Guide>,
    plans: RwLock<(String, BTreeMap<String, Arc<Plan>>)>,
    pub(crate) lines: RwLock<BTreeMap<String, Arc<Line>>>,
    pub(crate) http: reqwest::Client,
    /// Audiences of rounds being opened; made again when missing.
    pub(crate) audiences: Mutex<HashMap<String, Arc<Audience>>>,
    /// A step broke off: something may stand in `sending` that nobody waits for.
    pub(crate) in_doubt: AtomicBool,
    /// Unverifiable receipts kept since this moment.
    pub(crate) unverified: Mutex<(Instant, u32)>,
    /// Whose readings the screens draw. The monitor's hooks hold this mechanism, so it is not held back.
    monitor: OnceLock<Weak<Monitor>>,
    /// Who hears of replies to relayed originals.
    receipts: RwLock<Vec<ReceiptHook>>,
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
            .timeout(config.answer_within)
            .no_proxy()
            .build()
            .map_err(|it| StoreError::Io(it.to_string()))?;
        let plans = RwLock::new((plan.version.clone(), BTreeMap::from([(plan.version.clone(), Arc::new(plan))])));
        Ok(Arc::new(Self {
            world,
            guide: Current::new(Arc::clone(&config.guide)),
            config,
            plans,
            lines: RwLock::default(),
            http,
            audiences: Mutex::default(),
            in_doubt: AtomicBool::new(false),
            unverified: Mutex::default(),
            monitor: OnceLock::new(),
            receipts: RwLock::default(),
        }))
    }

    /// Draws the readings of this monitor on its screens; the first one named stays.
    pub fn draw_readings_of(&self, monitor: &Arc<Monitor>) {
        let _ = self.monitor.set(Arc::downgrade(monitor));
    }

    pub(crate) fn monitor(&self) -> Option<Arc<Monitor>> {
        self.monitor.get().and_then(Weak::upgrade)
    }

    /// The world this works in.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Lets `hook` hear of replies to relayed originals.
    pub fn on_receipt(&self, hook: ReceiptHook) {
        self.receipts.write().unwrap_or_else(PoisonError::into_inner).push(hook);
    }

    pub(crate) fn receipt_hooks(&self) -> Vec<ReceiptHook> {
        self.receipts.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes `plan` the one new rounds use; rounds under an older version keep theirs.
    pub fn set_plan(&self, plan: Plan) {
        let mut plans = self.plans.write().unwrap_or_else(PoisonError::into_inner);
        plans.0.clone_from(&plan.version);
        plans.1.insert(plan.version.clone(), Arc::new(plan));
    }

    /// What notices ask for.
    pub(crate) fn guide(&self) -> Arc<Guide> {
        self.guide.get()
    }

    /// Puts another guide in its place; drafts keep the words they have.
    pub fn set_guide(&self, guide: Guide) {
        self.guide.set(guide);
    }

    /// The plan new rounds use.
    pub fn plan(&self) -> Arc<Plan> {
        let plans = self.plans.read().unwrap_or_else(PoisonError::into_inner);
        plans.1.get(&plans.0).cloned().unwrap_or_else(|| Arc::new(Plan { version: plans.0.clone(), ..Plan::default() }))
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
        let mut add = |kind, run: fn(&Warn, &mut Tx<'_>, &Deadline) -> Result<(), StoreError>| {
            let warn = Arc::clone(self);
            let handler: Handler = Arc::new(move |tx, deadline| run(&warn, tx, deadline));
            handlers.insert(kind, handler);
        };
        add("round.start", |warn, tx, it| round::start(warn, tx, &it.subject));
        add("round.open", |warn, tx, it| round::open_slice(warn, tx, &it.subject));
        add("round.check", |_, tx, it| round::check(tx, &it.subject));
        add("round.absorb", |warn, tx, it| round::absorb_slice(warn, tx, &it.subject));
        add("round.cancel", |warn, tx, it| round::stop_slice(warn, tx, &it.subject));
        add("call.limit", |warn, tx, it| call::limit_reached(warn, tx, &it.subject));
        add("call.limits", |warn, tx, it| call::limits_reached(warn, tx, &it.subject));
        add("escalation.merge", |warn, tx, it| escalation::merged(warn, tx, &it.subject));
        add("escalation.limit", |warn, tx, it| escalation::limit_reached(warn, tx, &it.subject));
        add("process.end", |_, tx, it| process::calm(tx, &it.subject));
        add("notice.tell", |warn, tx, it| notice::tell_slice(warn, tx, &it.subject));
        add("notice.ask", |warn, tx, it| notice::ask(warn, tx, &it.subject));
        add("notice.signature", |warn, tx, it| notice::signature_overdue(warn, tx, &it.subject));
        add("channel.tell", |warn, tx, it| announce::tell(warn, tx, &it.subject));
        add("play.limit", |_, tx, it| play::limit(tx, &it.subject));
        add("process.tell", |warn, tx, it| inform::called_slice(warn, tx, &it.subject));
        handlers
    }

    /// Uses a gateway that is not in the table: a simulator this process started. The only kind a
    /// world other than the real one may have, so there an address beyond this machine is not taken.
    pub fn use_gateway(&self, gateway: Gateway, secret: Vec<u8>) {
        if self.world.kind() != WorldKind::Real && !on_this_machine(&gateway.url) {
            tracing::error!(
                gateway = gateway.id,
                "a replay or an exercise got a gateway beyond this machine; not used"
            );
            return;
        }
        self.use_line(Line::of_gateway(gateway, secret));
    }

    pub(crate) fn use_line(&self, line: Line) {
        let (id, line) = (line.channel.id.clone(), Arc::new(line));
        self.lines.write().unwrap_or_else(PoisonError::into_inner).insert(id, line);
    }

    /// Gateways in use that stand in no table.
    pub(crate) fn gateways_in_use(&self) -> Vec<Gateway> {
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        lines.values().filter_map(|it| it.gateway.clone()).collect()
    }

    /// Brings gateways and other channels in use into line with the tables: another node may have changed them.
    ///
    /// # Errors
    /// A refusal in any world but the real one; no setting can give those an address.
    pub async fn load_gateways(self: &Arc<Self>) -> Result<usize, StoreError> {
        if self.world.kind() != WorldKind::Real {
            return Err(not_real());
        }
        let secrets = self.world.keys().secrets();
        let found = self
            .world
            .read(&Actor::system("courier"), move |tx| {
                let gateways: Vec<Gateway> = tx.find("1 = 1", "ORDER BY id", &[])?;
                let (mut usable, mut unused) = (Vec::new(), Vec::new());
                for gateway in gateways {
                    if !gateway.enabled {
                        unused.push(gateway.id);
                        continue;
                    }
                    let sql = "SELECT sealed FROM gateway_secret WHERE gateway = $1";
                    match tx.query(sql, params![&gateway.id])?.first() {
                        Some(row) => {
                            let secret = anlan_store::unlock(&secrets, &gateway.id, &row.blob(0)?)?;
                            usable.push((gateway, secret));
                        }
                        None => tracing::error!(gateway = gateway.id, "a gateway has no secret and is not used"),
                    }
                }
                Ok((usable, unused))
            })
            .await?;
        let (usable, unused) = found;
        for id in unused {
            self.lines.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
        }
        let count = usable.len();
        for (gateway, secret) in usable {
            if !self.uses(&gateway, &secret) {
                self.use_gateway(gateway, secret);
            }
        }
        self.adopt_stranded().await?;
        Ok(count + self.load_channels().await?)
    }

    /// Whether the gateway is in use as it is; then its pace goes on.
    fn uses(&self, gateway: &Gateway, secret: &[u8]) -> bool {
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        lines
            .get(&gateway.id)
            .is_some_and(|it| it.gateway.as_ref() == Some(gateway) && it.secret("secret").as_bytes() == secret)
    }

    /// Stores a gateway of the real world and uses it at once; without `secret` the one it has stays.
    ///
    /// # Errors
    /// A refusal for settings that make no sense, and in any world but the real one; what the store says.
    pub async fn put_gateway(
        self: &Arc<Self>,
        actor: &Actor,
        gateway: Gateway,
        secret: Option<&str>,
    ) -> Result<(), StoreError> {
        check(&gateway)?;
        if self.world.kind() != WorldKind::Real {
            return Err(not_real());
        }
        let keys = self.world.keys().secrets();
        let sealed = secret.map(|it| anlan_store::lock(&keys, &gateway.id, it.as_bytes())).transpose()?;
        let stored = gateway.clone();
        self.world
            .write("gateway", Urgency::Urgent, actor, move |tx| {
                if tx.get::<Channel>(&stored.id)?.is_some() {
                    return Err(refusal("bad_gateway", "已有同名的其他通道", "another channel has this id"));
                }
                let known = tx.query("SELECT 1 FROM gateway_secret WHERE gateway = $1", params![&stored.id])?;
                if sealed.is_none() && known.is_empty() {
                    return Err(refusal("bad_gateway", "新通道须填写密钥", "a new gateway needs its secret"));
                }
                tx.put(&stored)?;
                if let Some(sealed) = &sealed {
                    tx.execute_unjournaled(
                        "INSERT INTO gateway_secret(gateway, sealed) VALUES ($1, $2)
                         ON CONFLICT (gateway) DO UPDATE SET sealed = excluded.sealed",
                        params![&stored.id, sealed.clone()],
                    )?;
                }
                tx.record(Event::new("gateway.changed", &stored.id))
            })
            .await?;
        self.load_gateways().await.map(drop)
    }

    /// Refuses with `code` unless the record lies in the actor's duty areas. What an officer may see
    /// they may move, and what follows from it (deputies, superiors, the round) goes beyond their area.
    pub(crate) async fn sees<R: Record + Send + 'static>(
        &self,
        actor: &Actor,
        id: &str,
        code: &'static str,
    ) -> Result<(), StoreError> {
        let id = id.to_owned();
        let found = self.world.read(actor, move |tx| Ok(tx.get::<R>(&id)?.is_some())).await?;
        let none = || refusal(code, "没有这条记录，或不在您的责任区内", "there is no such record in your duty area");
        found.then_some(()).ok_or_else(none)
    }

    /// The gateway calls and messages leave by; what is queued before there is one waits under a name nobody has.
    pub(crate) fn channel(&self) -> String {
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        let gateway = lines.values().find(|it| it.channel.kind == Kind::Gateway);
        gateway.map_or_else(|| NO_GATEWAY.to_owned(), |it| it.channel.id.clone())
    }
}

/// The same actor, acting everywhere: for what follows from a move they were allowed to make.
pub fn everywhere(actor: &Actor) -> Actor {
    Actor { scope: Scope::Everywhere, ..actor.clone() }
}

/// “已于 20:36 由罗文” and “ by 罗文 at 20:36”: who came first, and when, as far as it is known. Callees are masked.
pub(crate) fn who_and_when(tx: &mut Tx<'_>, by: Option<&str>, at: Option<Instant>) -> Result<Text, StoreError> {
    let name = by.map(|it| person_of(tx, it, false)).transpose()?;
    let (mut zh, mut en) = (String::new(), String::new());
    if let Some(name) = &name {
        (zh, en) = (format!("由{name}"), format!(" by {name}"));
    }
    if let Some(at) = at {
        let when = at.clock_or_day(tx.now());
        (zh, en) = (format!("已于 {when} {zh}"), format!("{en} at {when}"));
    }
    Ok(Text::new(zh, en))
}

/// A refusal in both languages.
pub fn refusal(code: &str, zh: &str, en: &str) -> StoreError {
    StoreError::Refused(Problem::new(code, zh, en))
}

pub(crate) fn not_real() -> StoreError {
    refusal(
        "not_the_real_world",
        "回放和演练只能使用本机模拟通道，不能接真实通道",
        "a replay or an exercise may only use a simulated channel of this machine",
    )
}

fn check(gateway: &Gateway) -> Result<(), StoreError> {
    let web = |it: &str| reqwest::Url::parse(it).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    let wrong = if !is_name(&gateway.id) {
        Some(("id", "通道编号只能用小写字母、数字和 -", "a gateway id is lower-case letters, digits and -"))
    } else if !web(&gateway.url) {
        Some(("url", "须为 http:// 或 https:// 地址", "an http:// or https:// address is expected"))
    } else if !(gateway.rate.is_finite() && gateway.rate >= 0.0) {
        Some(("rate", "每秒条数须不小于 0（0 为不限）", "a rate is 0 (no cap) or more"))
    } else if !(gateway.area_rate.is_finite() && gateway.area_rate >= 0.0) {
        Some(("area_rate", "每街道每秒条数须不小于 0（0 为不限）", "a rate is 0 (no cap) or more"))
    } else if !(1..=500).contains(&gateway.batch) {
        Some(("batch", "每次请求 1 到 500 条", "a request holds 1 to 500 items"))
    } else if !(1..=100).contains(&gateway.max_tries) {
        Some(("max_tries", "尝试次数 1 到 100", "1 to 100 tries"))
    } else {
        None
    };
    match wrong {
        None => Ok(()),
        Some((field, zh, en)) => Err(StoreError::Refused(Problem::new("bad_gateway", zh, en).field(field))),
    }
}
