//! What the program holds of this mechanism while it runs.

use std::{collections::BTreeMap, sync::Arc};

use anlan_kernel::{Actor, Current, Instant, Problem};
use anlan_monitor::{Alarm, Signal};
use anlan_store::{Deadline, Handler, Handlers, Module, Record, StoreError, Tx, World, params};
use anlan_warn::{
    Process, Warn,
    api::{List, ListQuery},
};
use anlan_web::{ApiResult, Site, Who, accounts::name_of};

use crate::{
    DutyPlan, Sources, TodoItem, desk, forward, handover, note,
    response::{self, Response, Step},
};

/// Tables and migrations of command.
pub static MODULE: Module = Module {
    name: "command",
    migrations: &[
        ("0001-duty-desk", DUTY_DESK),
        (
            "0002-hand-over-withdrawn",
            "ALTER TABLE hand_over ADD COLUMN withdrawn_at BIGINT; ALTER TABLE hand_over ADD COLUMN reason TEXT;",
        ),
    ],
    tables: &[
        &forward::FORWARD,
        &note::NOTE,
        &handover::HAND_OVER,
        &response::RESPONSE,
        &response::STEP,
        &desk::ALARM_SEEN,
    ],
};

const DUTY_DESK: &str =
    "CREATE TABLE forward (id TEXT NOT NULL PRIMARY KEY, signal TEXT NOT NULL, callee TEXT NOT NULL, region TEXT NOT NULL,
        forwarded_at BIGINT NOT NULL, sends BIGINT NOT NULL, last_sent_at BIGINT NOT NULL, due_at BIGINT NOT NULL,
        token_hash TEXT NOT NULL, receipt_at BIGINT, via TEXT, by_whom TEXT, note TEXT, revision BIGINT NOT NULL);
     CREATE INDEX forward_signal ON forward(signal);
     CREATE UNIQUE INDEX forward_token ON forward(token_hash);
     CREATE INDEX forward_open ON forward(due_at) WHERE receipt_at IS NULL;
     CREATE TABLE telephone_note (id TEXT NOT NULL PRIMARY KEY, region TEXT NOT NULL, at BIGINT NOT NULL, taken_by TEXT NOT NULL,
        caller TEXT, number TEXT, words TEXT, call TEXT, follow_up BIGINT NOT NULL, done_at BIGINT, done_by TEXT,
        revision BIGINT NOT NULL);
     CREATE INDEX telephone_note_at ON telephone_note(at, id);
     CREATE INDEX telephone_note_open ON telephone_note(at) WHERE follow_up = 1 AND done_at IS NULL;
     CREATE TABLE hand_over (id TEXT NOT NULL PRIMARY KEY, region TEXT NOT NULL, state TEXT NOT NULL, made_at BIGINT NOT NULL,
        outgoing TEXT NOT NULL, outgoing_name TEXT, incoming TEXT, incoming_name TEXT, accepted_at BIGINT,
        items TEXT, remark TEXT, revision BIGINT NOT NULL);
     CREATE INDEX hand_over_at ON hand_over(made_at, id);
     CREATE TABLE response (id TEXT NOT NULL PRIMARY KEY, plan TEXT NOT NULL, title TEXT NOT NULL, hazard TEXT NOT NULL,
        region TEXT NOT NULL, process TEXT, state TEXT NOT NULL, open BIGINT NOT NULL, level BIGINT, event_grade BIGINT,
        steps BIGINT NOT NULL, opened_at BIGINT NOT NULL, started_at BIGINT, ended_at BIGINT, invented BIGINT NOT NULL,
        revision BIGINT NOT NULL);
     CREATE UNIQUE INDEX response_one_open ON response(plan, region) WHERE open = 1;
     CREATE INDEX response_opened ON response(opened_at, id);
     CREATE TABLE response_step (id TEXT NOT NULL PRIMARY KEY, response TEXT NOT NULL, region TEXT NOT NULL,
        number BIGINT NOT NULL, kind TEXT NOT NULL, level BIGINT, warning TEXT, cause TEXT NOT NULL, cause_id TEXT NOT NULL,
        invented BIGINT NOT NULL, basis TEXT NOT NULL, pack TEXT NOT NULL, state TEXT NOT NULL, proposed_at BIGINT NOT NULL,
        proposed_by TEXT NOT NULL, decided_at BIGINT, decided_by TEXT, verbal BIGINT NOT NULL, approver TEXT,
        approver_number TEXT, note TEXT, sign_due_at BIGINT, signed_at BIGINT, signed_by TEXT, asked BIGINT NOT NULL,
        chased BIGINT NOT NULL, revision BIGINT NOT NULL);
     CREATE INDEX response_step_of ON response_step(response, number);
     CREATE INDEX response_step_open ON response_step(state);
     CREATE TABLE alarm_seen (id TEXT NOT NULL PRIMARY KEY, region TEXT NOT NULL, at BIGINT NOT NULL, by_whom TEXT NOT NULL);";

/// Command of one world.
pub struct Command {
    pub(crate) world: World,
    pub(crate) warn: Arc<Warn>,
    plan: Arc<Current<DutyPlan>>,
    sources: Sources,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Command({:?})", self.world)
    }
}

/// What the handlers share.
#[derive(Clone, Debug)]
pub struct Room {
    /// The pages' world.
    pub site: Arc<Site>,
    /// The mechanism.
    pub command: Arc<Command>,
}

impl Room {
    /// The room of warning and call-out next door.
    pub(crate) fn warn(&self) -> anlan_warn::api::Room {
        anlan_warn::api::Room { site: Arc::clone(&self.site), warn: Arc::clone(&self.command.warn) }
    }
}

impl Command {
    /// The mechanism over the world of `warn`; `sources` are those of other mechanisms who have things
    /// to do for the desk.
    pub fn new(warn: Arc<Warn>, plan: Arc<Current<DutyPlan>>, sources: Sources) -> Arc<Self> {
        warn.on_receipt(Arc::new(forward::replied));
        let sources =
            sources.with(desk::todo).with(forward::todo).with(note::todo).with(handover::todo).with(response::todo);
        Arc::new(Self { world: warn.world().clone(), warn, plan, sources })
    }

    /// The plan in use.
    pub fn plan(&self) -> Arc<DutyPlan> {
        self.plan.get()
    }

    /// Everything to do in the reader's duty areas, gravest first.
    ///
    /// # Errors
    /// What the store says.
    pub async fn todo(self: &Arc<Self>, who: &Who) -> Result<Vec<TodoItem>, StoreError> {
        let (command, who) = (Arc::clone(self), who.clone());
        self.world.read(&who.actor.clone(), move |tx| command.sources.all(tx, &who)).await
    }

    /// As [`Command::todo`], inside a transaction of the reader.
    ///
    /// # Errors
    /// What the store says.
    pub fn todo_in(&self, tx: &mut Tx<'_>, who: &Who) -> Result<Vec<TodoItem>, StoreError> {
        self.sources.all(tx, who)
    }

    /// A signal came, was acknowledged or forwarded; called inside the transaction that stores it, after
    /// warning and call-out heard of it.
    ///
    /// # Errors
    /// What the store says.
    pub fn signal_came(&self, tx: &mut Tx<'_>, signal: &Signal) -> Result<(), StoreError> {
        forward::signal_came(self, tx, signal)?;
        response::signal_came(self, tx, signal)
    }

    /// A measured alarm was raised, changed or cleared; as [`Command::signal_came`].
    ///
    /// # Errors
    /// What the store says.
    pub fn alarm_came(&self, tx: &mut Tx<'_>, alarm: &Alarm) -> Result<(), StoreError> {
        response::alarm_came(self, tx, alarm)
    }

    /// The gravest level that asks for more people on duty: of the responses that are on and of the
    /// call-outs that go on.
    ///
    /// # Errors
    /// What the store says.
    pub fn level_now(tx: &mut Tx<'_>) -> Result<Option<u8>, StoreError> {
        let running: Vec<Response> = tx.find("open = 1 AND state = 'running'", "", &[])?;
        let going_on: Vec<Process> = tx.find("open = 1", "", &[])?;
        let levels = running.iter().filter_map(|it| it.level);
        Ok(levels.chain(going_on.iter().filter_map(|it| it.level)).min())
    }

    /// Deadline handlers of this mechanism.
    pub fn handlers(self: &Arc<Self>) -> Handlers {
        let mut handlers = Handlers::new();
        let mut add = |kind, run: fn(&Self, &mut Tx<'_>, &Deadline) -> Result<(), StoreError>| {
            let command = Arc::clone(self);
            let handler: Handler = Arc::new(move |tx, deadline| run(&command, tx, deadline));
            handlers.insert(kind, handler);
        };
        add("forward.due", |_, tx, it| forward::overdue(tx, &it.subject));
        add("response.ask", |command, tx, it| response::ask(command, tx, &it.subject));
        add("response.sign", |command, tx, it| response::unsigned(command, tx, &it.subject));
        handlers
    }
}

/// The step with this id, or a refusal.
pub(crate) fn step_of(tx: &mut Tx<'_>, id: &str) -> Result<Step, StoreError> {
    tx.get::<Step>(id)?.ok_or_else(|| no_such("no_such_step"))
}

pub(crate) fn no_such(code: &str) -> StoreError {
    let (zh, en) = ("没有这条记录，或不在您的责任区内", "there is no such record in your duty area");
    StoreError::Refused(Problem::new(code, zh, en))
}

/// The log-in of an actor, as screens show it.
pub(crate) fn login(by: &str) -> &str {
    by.trim_start_matches("user:").trim_start_matches("system:")
}

/// How pages call those who did something: by the name of their account.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeMap<String, String>);

impl Names {
    pub(crate) fn read<'a>(tx: &mut Tx<'_>, actors: impl IntoIterator<Item = &'a str>) -> Result<Self, StoreError> {
        let mut names = BTreeMap::new();
        for it in actors {
            if !names.contains_key(it) {
                names.insert(it.to_owned(), name_of(tx, it)?);
            }
        }
        Ok(Self(names))
    }

    pub(crate) fn of<'a>(&'a self, actor: &'a str) -> &'a str {
        self.0.get(actor).map_or_else(|| login(actor), String::as_str)
    }
}

/// The region a record made by this actor lies in: the widest of their duty areas.
pub(crate) fn home_of(actor: &Actor) -> Result<anlan_kernel::RegionCode, StoreError> {
    let home = match &actor.scope {
        anlan_kernel::Scope::Regions(own) => own.iter().min_by_key(|it| (it.as_str().len(), it.as_str().to_owned())),
        anlan_kernel::Scope::Everywhere => None,
    };
    home.cloned().ok_or_else(|| {
        let (zh, en) = ("您的账号没有责任区，不能在值班台登记", "an account without a duty area records nothing here");
        StoreError::Refused(Problem::new("no_duty_area", zh, en))
    })
}

/// One page of a list, latest first, and where the next one goes on.
pub(crate) async fn list_page<R: Record + Send + 'static>(
    world: &World,
    by: &Actor,
    time: &'static str,
    query: &ListQuery,
    place: fn(&R) -> (Instant, &str),
) -> ApiResult<List<R>> {
    let (most, before) = (query.most()?, query.before()?);
    let items: Vec<R> = world
        .read(by, move |tx| {
            let later = format!("({time} < $1 OR ({time} = $1 AND id > $2))");
            let order = format!("ORDER BY {time} DESC, id LIMIT $3");
            tx.find(&later, &order, params![before.0, &before.1, most])
        })
        .await?;
    let last = items.last().filter(|_| items.len() == most).map(place);
    let next = last.map(|(at, id)| format!("{}~{id}", at.0));
    Ok(List { items, next, at: world.now() })
}
