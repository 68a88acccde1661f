//! One world with all its mechanisms, ready to work: nothing else knows everybody.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anlan_command::{Command, DutyPlan, Sources};
use anlan_kernel::{Actor, Current, Problem, RegionCode};
use anlan_monitor::{AlarmEvent, Hooks, Monitor, Settings};
use anlan_register::{Holidays, Region, Register, Roster, duties, find, map, packs as kept, records, transfer};
use anlan_store::{Handlers, StoreError, World};
use anlan_warn::{Warn, ladder::Plan, notice::Guide, process, service::WarnConfig};
use anlan_web::{Mounted, Site};

use crate::{
    clockwatch::Hold,
    help, ops,
    packs::{self, Pack},
    rules,
};

/// What a world is opened with.
#[derive(Clone, Debug)]
pub struct HouseConfig {
    /// `""` for the real world, `/w/<world>` for every other.
    pub base: String,
    /// Whether cookies travel over TLS only.
    pub secure: bool,
    /// Who speaks in calls.
    pub speaker: String,
    /// Base URL of answer links.
    pub link_base: String,
    /// The district whose desk this is.
    pub district: Option<RegionCode>,
    /// Packs in use.
    pub packs: BTreeMap<String, Pack>,
    /// Whether this node takes observations.
    pub ingest: bool,
}

impl Default for HouseConfig {
    fn default() -> Self {
        let warn = WarnConfig::default();
        Self {
            base: String::new(),
            secure: false,
            speaker: warn.speaker,
            link_base: warn.link_base,
            district: None,
            packs: BTreeMap::new(),
            ingest: true,
        }
    }
}

/// A world and its mechanisms; clones are handles to the same ones.
#[derive(Clone)]
pub struct House {
    /// The store.
    pub world: World,
    /// 台账.
    pub register: Arc<Register>,
    /// 监测.
    pub monitor: Arc<Monitor>,
    /// 预警叫应.
    pub warn: Arc<Warn>,
    /// 指挥调度.
    pub command: Arc<Command>,
    /// Who must be on duty, and which days are holidays.
    pub roster: Arc<Roster>,
    /// What its pages share.
    pub site: Arc<Site>,
    /// Deadline handlers of every mechanism.
    pub handlers: Arc<Handlers>,
    /// Whether escalations are held because the wall clock jumped.
    pub hold: Arc<Hold>,
}

impl House {
    /// Opens every mechanism over `world` and puts the packs' rules and ladders to work.
    ///
    /// # Errors
    /// What the store says; a refusal when a pack's rules or ladders are wrong.
    pub async fn open(world: World, config: HouseConfig) -> Result<Self, StoreError> {
        let shipped: Vec<_> = config.packs.values().map(|it| it.files.clone()).collect();
        let register = Register::open(world.clone(), &shipped, Arc::new(packs::faults)).await?;
        let packs = in_force(register.packs().await?);
        let warn_config = WarnConfig {
            speaker: config.speaker.clone(),
            link_base: config.link_base.clone(),
            guide: Arc::new(guide(&packs)?),
            ..WarnConfig::default()
        };
        let warn = Warn::new(world.clone(), warn_config, plan(&packs)?)?;
        let home = match config.district {
            Some(district) => district,
            None => home_of(&world).await?,
        };
        let plans = Arc::new(Current::new(duty_plan(&packs)?));
        let roster = Arc::new(roster(&packs, &plans)?);
        let gaps = Arc::clone(&roster);
        let sources = Sources::default().with(move |tx, who| anlan_command::shifts::todo(&gaps, tx, who));
        let command = Command::new(Arc::clone(&warn), Arc::clone(&plans), sources);
        let settings = Settings { home, hooks: hooks(&warn, &command), ingest: config.ingest };
        let monitor = Monitor::open(world.clone(), settings).await?;
        warn.draw_readings_of(&monitor);
        let outside = config.link_base.strip_suffix(&config.base).unwrap_or(&config.link_base).to_owned();
        let site = Site::new(world.clone(), config.base, config.secure, config.speaker);
        site.set_link_base(outside);
        let own = anlan_register::handlers()
            .into_iter()
            .chain(records::daily::handlers(&register))
            .chain(transfer::handlers(&world));
        let handlers = Arc::new(warn.handlers().into_iter().chain(command.handlers()).chain(own).collect());
        let house = Self { world, register, monitor, warn, command, roster, site, handlers, hold: Arc::default() };
        if config.ingest {
            rules::use_packs(&house, &packs).await?;
            tokio::spawn(make_findable(house.world.clone(), records::write::filler(&house.register)));
            if let Err(error) = transfer::undo_unfinished(&house.register).await {
                tracing::error!(%error, "an import that was cut off could not be undone; it is tried again at the next start");
            }
        }
        house.follow_packs(plans, config.ingest);
        Ok(house)
    }

    /// Rules, ladders, notices, responses and holidays follow whatever version of a pack is put in force.
    fn follow_packs(&self, plans: Arc<Current<DutyPlan>>, ingest: bool) {
        let house = self.clone();
        self.register.set_use(Arc::new(move |packs| {
            let (house, plans) = (house.clone(), Arc::clone(&plans));
            Box::pin(async move {
                let packs = in_force(packs);
                house.warn.set_plan(plan(&packs)?);
                house.warn.set_guide(guide(&packs)?);
                house.roster.holidays.set(holidays(&packs)?);
                plans.set(duty_plan(&packs)?);
                if ingest { rules::use_packs(&house, &packs).await } else { Ok(()) }
            })
        }));
    }

    /// The yearly question goes out as a message with a link of its callee's own.
    fn yearly_question(&self) -> duties::SendLink {
        let warn = Arc::clone(&self.warn);
        Arc::new(move |tx, ask, link| {
            let words = format!("请核对您的岗位和电话是否有变动，点开确认：{link}");
            warn.tell_sealed(tx, (&ask.id, 1), (&ask.callee, &ask.region), &words)
        })
    }

    /// Every route of every mechanism.
    pub fn routes(&self) -> Mounted {
        anlan_web::routes(&self.site)
            .merge(anlan_command::routes(&self.site, &self.command))
            .merge(anlan_register::routes(&self.site, register_hooks(&self.world)))
            .merge(kept::routes(&self.site, &self.register))
            .merge(records::routes(&self.site, &self.register))
            .merge(duties::routes(&self.site, &self.register, Some(self.yearly_question())))
            .merge(transfer::routes(&self.site, &self.register))
            .merge(anlan_register::audiences::routes(&self.site, &self.register))
            .merge(map::routes(&self.site, &self.register, base_map()))
            .merge(anlan_register::shifts::routes(&self.site, Arc::clone(&self.roster)))
            .merge(anlan_monitor::api::routes(&self.site, Arc::clone(&self.monitor)))
            .merge(anlan_warn::api::routes(&self.site, Arc::clone(&self.warn)))
            .merge(anlan_warn::api::map_routes(&self.site, Arc::clone(&self.warn), Arc::clone(&self.monitor)))
            .merge(help::routes(&self.site))
            .merge(ops::routes(&self.site, self.clone()))
    }
}

/// Makes the index of the one box where there is none yet; work goes on meanwhile.
async fn make_findable(world: World, records: find::Filler) {
    if let Err(error) = find::ready(&world, &[records]).await {
        tracing::error!(%error, "the index of the find box could not be made; it is tried again at the next start");
    }
}

fn plan(packs: &BTreeMap<String, Pack>) -> Result<Plan, StoreError> {
    let none = Plan { version: "none@0".into(), ..Plan::default() };
    packs.values().find_map(Pack::plan).map_or(Ok(none), |it| it.map_err(|it| wrong("call-out plan", it)))
}

fn guide(packs: &BTreeMap<String, Pack>) -> Result<Guide, StoreError> {
    let found = packs.values().find_map(Pack::guide);
    found.map_or_else(|| Ok(Guide::default()), |it| it.map_err(|it| wrong("guide of notices", it)))
}

fn wrong(what: &str, mut problems: Vec<Problem>) -> StoreError {
    problems.pop().map_or_else(|| StoreError::Shape(format!("the {what} is wrong")), StoreError::Refused)
}

/// Alarms and signals reach the weather process in the transaction that stores them, and then the
/// response.
fn hooks(warn: &Arc<Warn>, command: &Arc<Command>) -> Hooks {
    let (for_alarms, for_signals) = (Arc::clone(warn), Arc::clone(warn));
    let (answers_alarms, answers_signals) = (Arc::clone(command), Arc::clone(command));
    Hooks {
        alarm: vec![Arc::new(move |tx, alarm, event| match event {
            AlarmEvent::Raised | AlarmEvent::Changed | AlarmEvent::Cleared => {
                process::alarm_came(&for_alarms, tx, alarm)?;
                answers_alarms.alarm_came(tx, alarm)
            }
        })],
        signal: vec![Arc::new(move |tx, signal| {
            process::signal_came(&for_signals, tx, signal)?;
            answers_signals.signal_came(tx, signal)
        })],
    }
}

/// Whoever is erased from the register is forgotten in the records of calls, in the same transaction.
fn register_hooks(world: &World) -> anlan_register::Hooks {
    let world = world.clone();
    anlan_register::Hooks {
        erasure: vec![
            Arc::new(|tx, person| anlan_warn::call::forget(tx, person).map(drop)),
            // Files that wait to be imported may name them too.
            Arc::new(move |_, _| anlan_register::transfer::forget_all(&world)),
        ],
    }
}

fn duty_plan(packs: &BTreeMap<String, Pack>) -> Result<DutyPlan, StoreError> {
    let found = packs.values().find_map(Pack::duty_plan);
    found.map_or_else(|| Ok(DutyPlan::none()), |it| it.map_err(|it| wrong("response plan", it)))
}

fn holidays(packs: &BTreeMap<String, Pack>) -> Result<Holidays, StoreError> {
    let found = packs.values().find_map(|it| it.file("holidays.csv"));
    found.map(Holidays::read).transpose().map_err(StoreError::Refused).map(Option::unwrap_or_default)
}

fn roster(packs: &BTreeMap<String, Pack>, plans: &Arc<Current<DutyPlan>>) -> Result<Roster, StoreError> {
    let plans = Arc::clone(plans);
    Ok(Roster {
        holidays: Arc::new(Current::new(holidays(packs)?)),
        needed: Arc::new(move |level| plans.get().needed(level)),
        level: Arc::new(Command::level_now),
    })
}

/// Versions in force by pack.
fn in_force(packs: Vec<kept::Pack>) -> BTreeMap<String, Pack> {
    packs.into_iter().map(|it| (it.pack.clone(), it.into())).collect()
}

/// The base map that is set for the storm's map stands below the register's as well.
fn base_map() -> map::BaseMap {
    Arc::new(|tx| {
        let shown = anlan_warn::base_map(tx)?;
        Ok(shown.map(|it| map::Base { tiles: it.tiles, attribution: it.attribution, approval: it.approval }))
    })
}

/// The one district of the register; code `00` while there is none.
async fn home_of(world: &World) -> Result<RegionCode, StoreError> {
    let districts: Vec<Region> = world
        .read(&Actor::system("house"), |tx| tx.find::<Region>("LENGTH(code) = 6", "ORDER BY code LIMIT 2", &[]))
        .await?;
    let code = districts.first().map_or_else(|| "00".to_owned(), |it| it.code.to_string());
    RegionCode::parse(&code).map_err(|it| StoreError::Shape(it.to_string()))
}

/// How long a job is held without renewal.
pub const LEASE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use anlan_register::Person;
    use anlan_store::{Clock, Event, Urgency};
    use anlan_testbed::{Caller, Engine, NOON};
    use anlan_warn::{Call, Receipt};
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::install::MODULES;

    const NOTE: &str = "老人住院，电话由女儿接";
    const REPLY: &str = "我在外地，请找老王";

    fn records() -> (Person, Call, Receipt) {
        let person = json!({"id": "person:000000001", "region": "440303001", "name": "张三", "phone": "15400000001",
            "spare": null, "erased_at": null});
        let call = json!({"id": "round/person:000000001", "round": "round", "callee": "person:000000001",
            "region": "440303001", "who": "street", "rank": "lead", "duties": [], "deputies": [], "numbers": 1,
            "ladder": "voice", "state": "answered", "open": false, "step": null, "tries": 1, "attempts": 1,
            "last_attempt": 1, "limit_at": null, "rang_at": null, "first_rang_at": null, "heard": false, "key": 1,
            "via": "desk", "by_whom": "user:zhou", "note": NOTE, "final_at": NOON, "late_key": null,
            "escalation": null, "escalations": 0, "token_hash": "", "opened_at": NOON, "revision": 1});
        let receipt = json!({"id": "sim/1", "attempt": "a", "region": "440303001", "event": "reply", "at": NOON,
            "received_at": NOON, "detail": {"text": REPLY}, "gateway": "sim", "subject": "person:000000001"});
        let read = "the record has the shape of its table";
        (
            serde_json::from_value(person).expect(read),
            serde_json::from_value(call).expect(read),
            serde_json::from_value(receipt).expect(read),
        )
    }

    #[rstest]
    #[tokio::test]
    async fn an_erasure_also_takes_the_words_written_about_a_call(
        #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    ) {
        // Installed once by whichever test comes first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let world = anlan_testbed::world(engine, Clock::driven(NOON), MODULES);
        let house = House::open((*world).clone(), HouseConfig::default()).await.expect("the house opens");
        let (person, call, receipt) = records();
        let put = move |tx: &mut anlan_store::Tx<'_>| {
            tx.put(&person)?;
            tx.put(&call)?;
            tx.put(&receipt)?;
            tx.record(Event::new("test.made", "test"))
        };
        world.write("test", Urgency::Urgent, &Actor::system("test"), put).await.expect("the records are made");
        let before = format!("{:?}", world.dump().await.expect("the rows"));
        assert!([NOTE, REPLY, "张三"].iter().all(|it| before.contains(it)));

        let app = house.routes().router;
        let keeper = Caller::officer(&app, &world, "register_keeper", "440303").await;
        let done = keeper.post("/api/v1/people/person:000000001/erase", "").await;
        assert_eq!(done.status, 200, "{}", done.text());
        let after = format!("{:?}", world.dump().await.expect("the rows"));
        assert!([NOTE, REPLY, "张三", "15400000001"].iter().all(|it| !after.contains(it)));
        assert!(after.contains("\"state\": String(\"answered\")"), "how the call ended stays");
    }
}
