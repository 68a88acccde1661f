//! A file waits and is looked at; what its owner says about it is kept.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anlan_codecs::geo::{Datum, detect};
use anlan_kernel::{Actor, Lang, Problem, RegionCode, Scope};
use anlan_store::{Event, StoreError, Tx, Urgency, World};

use super::{
    drafts::{self, Choices, Part, Waiting, gone},
    findings::{Findings, Told},
    judge::{Became, Outlines, Seen, Verdict, judge},
    row::Plan,
    sheets::{Sheet, parted, slices, titled},
    table::{Row, Table},
    target::{self, Means, bare, certain, datum_of, means},
};
use crate::{
    import::{matching::Why, remembered},
    kinds::Kind,
    records::{
        list::Reader,
        refs::{Resolver, Wanted},
        write,
    },
    state::Register,
};

/// Rows whose positions tell the datum.
const EVIDENCE: usize = 3_000;
/// How long a node that takes a file is trusted to be alive without a sign.
pub const ALIVE: Duration = Duration::from_secs(60);

/// What works on files of this process.
pub struct Desk {
    /// Kinds and the world.
    pub register: Arc<Register>,
    /// By which other nodes know this process.
    pub(super) holder: String,
    /// Files that are being looked at, and how many rows were.
    looking: Mutex<HashMap<String, usize>>,
    /// One file after the other: two at once would give the same key to two records.
    pub(super) one: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Desk({})", self.holder)
    }
}

/// Who is at the desk.
#[derive(Clone, Debug)]
pub struct Clerk {
    /// Under whose name and duty areas.
    pub actor: Actor,
    /// What they see.
    pub reader: Reader,
}

/// What is refused, and why.
pub fn refused(code: &str, zh: impl Into<String>, en: impl Into<String>) -> StoreError {
    StoreError::Refused(Problem::new(code, zh, en))
}

/// The kind of this id.
///
/// # Errors
/// `bad_kind`.
pub fn kind_of(register: &Register, id: &str) -> Result<Kind, StoreError> {
    let found = register.catalog().kind(id).cloned();
    found.ok_or_else(|| refused("bad_kind", format!("没有“{id}”这一类"), format!("there is no kind {id:?}")))
}

impl Desk {
    /// A desk for this process.
    pub fn new(register: Arc<Register>) -> Arc<Self> {
        // Without randomness the number of the process tells it from others on the machine.
        let holder =
            anlan_store::random::<8>().map_or_else(|_| std::process::id().to_string(), |it| anlan_store::hex(&it));
        Arc::new(Self { register, holder, looking: Mutex::default(), one: tokio::sync::Mutex::default() })
    }

    pub(super) fn world(&self) -> &World {
        &self.register.world
    }

    /// Keeps a file; nothing of it is written to the register.
    ///
    /// # Errors
    /// `bad_kind`, `bad_body`, what is wrong with a file that is no table; what the store says.
    pub async fn drop_file(
        &self,
        clerk: &Clerk,
        kind: &str,
        bytes: Vec<u8>,
        name: &str,
        choices: Choices,
    ) -> Result<Waiting, StoreError> {
        kind_of(&self.register, kind)?;
        if bytes.is_empty() {
            return Err(refused("bad_body", "文件是空的", "the file is empty"));
        }
        let (bytes, name) = (Arc::new(bytes), name.chars().take(120).collect::<String>());
        let (opened, named) = (Arc::clone(&bytes), name.clone());
        blocking(move || Ok(Table::open(opened.to_vec(), &named).map(drop)?)).await?;
        let world = self.world().clone();
        let waiting = Waiting {
            id: drafts::new_id()?,
            kind: kind.to_owned(),
            owner: clerk.actor.name.clone(),
            name,
            at: world.now(),
            choices,
            findings: None,
            failed: None,
            taken: false,
        };
        let kept = waiting.clone();
        let id = waiting.id.clone();
        world
            .write("import.keep", Urgency::Urgent, &clerk.actor, move |tx| {
                tx.set_deadline(drafts::DEADLINE, &id, tx.now().plus(drafts::KEPT))?;
                tx.record(Event::new("import.dropped", &id))
            })
            .await?;
        blocking(move || {
            drafts::put(&world, &kept.id, Part::File, &bytes)?;
            drafts::keep(&world, &kept)
        })
        .await?;
        Ok(waiting)
    }

    /// The clerk's own file; where it was not looked at yet, that begins.
    ///
    /// # Errors
    /// [`gone`]; what the store says.
    pub async fn open(self: &Arc<Self>, clerk: &Clerk, id: &str) -> Result<Waiting, StoreError> {
        let (world, actor, own) = (self.world().clone(), clerk.actor.clone(), id.to_owned());
        let waiting = blocking(move || drafts::load(&world, &actor, &own)).await?;
        if waiting.findings.is_none() && waiting.failed.is_none() && !waiting.taken {
            self.begin_look(clerk, &waiting);
        }
        Ok(waiting)
    }

    /// How many rows were looked at so far, while that goes on.
    pub fn looked_at(&self, id: &str) -> Option<usize> {
        self.looking.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied()
    }

    fn set_looked(&self, id: &str, rows: Option<usize>) -> Option<usize> {
        let mut looking = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        match rows {
            Some(rows) => looking.insert(id.to_owned(), rows),
            None => looking.remove(id),
        }
    }

    fn begin_look(self: &Arc<Self>, clerk: &Clerk, waiting: &Waiting) {
        {
            let mut looking = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
            if looking.contains_key(&waiting.id) {
                return;
            }
            looking.insert(waiting.id.clone(), 0);
        }
        let (desk, clerk, waiting) = (Arc::clone(self), clerk.clone(), waiting.clone());
        tokio::spawn(async move {
            let id = waiting.id.clone();
            if let Err(error) = desk.look(&clerk, waiting).await {
                tracing::warn!(import = id, %error, "a file could not be looked at");
            }
            desk.set_looked(&id, None);
        });
    }

    /// Looks at a file and keeps what was found.
    ///
    /// # Errors
    /// What the store says; what is wrong with the file is kept with it.
    pub async fn look(&self, clerk: &Clerk, waiting: Waiting) -> Result<Waiting, StoreError> {
        let found = self.find(clerk, &waiting).await;
        let mut waiting = waiting;
        match found {
            Ok(findings) => (waiting.findings, waiting.failed) = (Some(findings), None),
            Err(StoreError::Refused(problem)) => (waiting.findings, waiting.failed) = (None, Some(problem)),
            Err(error) => return Err(error),
        }
        let (world, kept) = (self.world().clone(), waiting.clone());
        blocking(move || {
            // Thrown away, or told otherwise, while it was looked at.
            let actor = Actor { name: kept.owner.clone(), hat: None, scope: Scope::Regions(Vec::new()) };
            match drafts::load(&world, &actor, &kept.id) {
                Ok(now) if now.choices == kept.choices && !now.taken => drafts::keep(&world, &kept),
                _ => Ok(()),
            }
        })
        .await?;
        Ok(waiting)
    }

    async fn find(&self, clerk: &Clerk, waiting: &Waiting) -> Result<Findings, StoreError> {
        let kind = kind_of(&self.register, &waiting.kind)?;
        let sheet = self.sheet(clerk, &kind, waiting).await?;
        let target = target::target(&kind, &clerk.reader);
        let mut findings = Findings {
            sheets: sheet.table.sheets.clone(),
            sheet: sheet.at,
            titles_at: sheet.above,
            macros: sheet.table.macros,
            ..Findings::default()
        };
        findings.set_columns(&sheet.columns, &sheet.matching);
        findings.wanting = target.missing(&sheet.matching).into_iter().map(|it| it.label.clone()).collect();
        let outlines = Arc::new(self.world().read(&clerk.actor, Outlines::load).await?);
        let plan = self.plan(clerk, &kind, &sheet, waiting);
        findings.datum = self.tell(clerk, &sheet, &plan, &outlines, waiting.choices.datum).await?;
        let plan = Arc::new(Plan { datum: findings.datum.datum.unwrap_or(Datum::Wgs84), ..plan });
        let (seen, mut slices) = (Arc::new(Mutex::new(Seen::new())), slices(&sheet));
        while let Some(rows) = slices.recv().await {
            let rows = rows?;
            let (rows, left): (Vec<Row>, Vec<Problem>) = parted(&plan, rows);
            left.into_iter().for_each(|it| findings.skip(it));
            let detail = findings.shown(Became::Changed) < super::findings::SHOWN;
            let (plan_, outlines_, seen_, rows) =
                (Arc::clone(&plan), Arc::clone(&outlines), Arc::clone(&seen), Arc::new(rows));
            let judged = move |tx: &mut Tx<'_>| {
                let seen = seen_.lock().unwrap_or_else(PoisonError::into_inner);
                judge(tx, &plan_, &outlines_, &rows, &seen, None, detail)
            };
            let verdicts = self.world().read(&clerk.actor, judged).await?;
            let name = |it: &str| shown_name(&plan, it);
            verdicts.iter().for_each(|it| findings.add(it, name));
            remember(&seen, &verdicts);
            self.set_looked(&waiting.id, Some(findings.counts.rows));
        }
        Ok(findings)
    }

    /// The sheet that is meant, its titles matched.
    pub(super) async fn sheet(&self, clerk: &Clerk, kind: &Kind, waiting: &Waiting) -> Result<Sheet, StoreError> {
        let (world, id, name) = (self.world().clone(), waiting.id.clone(), waiting.name.clone());
        let target = target::target(kind, &clerk.reader);
        let (wanted, asked) = (target.clone(), waiting.choices.sheet);
        let sheet = blocking(move || {
            let bytes = drafts::get(&world, &id, Part::File)?.ok_or_else(gone)?;
            let table = Table::open(bytes, &name)?;
            Ok(titled(table, &wanted, asked)?)
        })
        .await?;
        let seen = bare(&sheet.columns);
        let mut matching = self
            .world()
            .read(&clerk.actor, move |tx| {
                let mut found = remembered::recall(tx, &target, &seen)?;
                certain(&seen, &target, &mut found);
                Ok(found)
            })
            .await?;
        matching.choose(&waiting.choices.columns, Why::Chosen);
        Ok(Sheet { matching, ..sheet })
    }

    pub(super) fn plan(&self, clerk: &Clerk, kind: &Kind, sheet: &Sheet, waiting: &Waiting) -> Plan {
        let columns = sheet.matching.columns.iter().zip(&sheet.columns).enumerate();
        let columns = columns
            .filter_map(|(at, (known, seen))| Some((at, means(kind, known.key.as_deref()?)?, seen.title.clone())));
        Plan {
            catalog: self.register.catalog(),
            kind: kind.clone(),
            columns: columns.collect(),
            datum: Datum::Wgs84,
            blanks: waiting.choices.blanks,
            reader: clerk.reader.clone(),
        }
    }

    /// In which datum the positions of a sheet stand: as said, as a title says, as the outlines of the stated regions
    /// tell, as the format has it; else somebody is asked.
    async fn tell(
        &self,
        clerk: &Clerk,
        sheet: &Sheet,
        plan: &Plan,
        outlines: &Arc<Outlines>,
        said: Option<Datum>,
    ) -> Result<Told, StoreError> {
        let places = plan.speaks_of_places() || sheet.table.has_places();
        let titles =
            plan.columns.iter().filter(|it| matches!(it.1, Means::Longitude | Means::Latitude | Means::Position));
        let said = said.or_else(|| titles.filter_map(|it| datum_of(&it.2)).next());
        if said.is_some() || !places {
            return Ok(Told { datum: said, ..Told::default() });
        }
        let mut evidence = Vec::new();
        let mut slices = slices(sheet);
        while let Some(rows) = slices.recv().await {
            evidence.extend(rows?.iter().filter_map(|it| plan.evidence(it)));
            if evidence.len() >= EVIDENCE {
                break;
            }
        }
        if evidence.is_empty() {
            return Ok(Told::default());
        }
        let outlines = Arc::clone(outlines);
        let finding = self
            .world()
            .read(&clerk.actor, move |tx| {
                let resolver = Resolver::load(tx, &Wanted::default())?;
                let mut known = HashMap::<[String; 3], Option<RegionCode>>::new();
                let mut rows = Vec::new();
                for (place, words) in &evidence {
                    let region = known.entry(words.clone()).or_insert_with(|| {
                        let [code, street, community] = words;
                        let found = if code.is_empty() {
                            resolver.region(&[street, community])
                        } else {
                            resolver.region(&[code])
                        };
                        found.ok()
                    });
                    let outline = region.as_ref().and_then(|it| outlines.around(it));
                    rows.extend(outline.map(|it| (write::middle(place).into(), it)));
                }
                Ok(detect::by_outlines(&rows))
            })
            .await?;
        let datum = finding.datum.or(sheet.table.has_places().then_some(Datum::Wgs84));
        Ok(Told { datum, asked: datum.is_none(), evidence: (finding.of > 0).then(|| finding.evidence()) })
    }

    /// Keeps what the clerk said about the file; what was found under other choices is forgotten.
    ///
    /// # Errors
    /// [`gone`]; `taken_already`; what the store says.
    pub async fn choose(
        self: &Arc<Self>,
        clerk: &Clerk,
        id: &str,
        change: impl FnOnce(&mut Choices),
    ) -> Result<Waiting, StoreError> {
        let mut waiting = self.open_untaken(clerk, id).await?;
        let before = waiting.choices.clone();
        change(&mut waiting.choices);
        if waiting.choices.sheet != before.sheet {
            waiting.choices.columns.clear();
        }
        if waiting.choices != before {
            (waiting.findings, waiting.failed) = (None, None);
            let (world, kept) = (self.world().clone(), waiting.clone());
            blocking(move || drafts::keep(&world, &kept)).await?;
            if waiting.choices.columns != before.columns {
                self.remember_columns(clerk, &waiting).await?;
            }
            self.begin_look(clerk, &waiting);
        }
        Ok(waiting)
    }

    async fn remember_columns(&self, clerk: &Clerk, waiting: &Waiting) -> Result<(), StoreError> {
        let kind = kind_of(&self.register, &waiting.kind)?;
        let sheet = self.sheet(clerk, &kind, waiting).await?;
        let (target, seen) = (target::target(&kind, &clerk.reader), bare(&sheet.columns));
        let matching = sheet.matching;
        self.world()
            .write("import.columns", Urgency::Urgent, &clerk.actor, move |tx| {
                remembered::remember(tx, &target, &seen, &matching)
            })
            .await
    }

    pub(super) async fn open_untaken(&self, clerk: &Clerk, id: &str) -> Result<Waiting, StoreError> {
        let (world, actor, id) = (self.world().clone(), clerk.actor.clone(), id.to_owned());
        let waiting = blocking(move || drafts::load(&world, &actor, &id)).await?;
        if waiting.taken {
            return Err(refused("taken_already", "这个文件已经导入", "this file was taken already"));
        }
        Ok(waiting)
    }

    /// Throws a file away.
    ///
    /// # Errors
    /// [`gone`]; what the store says.
    pub async fn forget(&self, clerk: &Clerk, id: &str) -> Result<(), StoreError> {
        let (world, actor, own) = (self.world().clone(), clerk.actor.clone(), id.to_owned());
        blocking(move || drafts::load(&world, &actor, &own).and_then(|it| drafts::forget(&world, &it.id))).await?;
        let id = id.to_owned();
        self.world()
            .write("import.forget", Urgency::Urgent, &clerk.actor, move |tx| {
                tx.clear_deadline(drafts::DEADLINE, &id)?;
                tx.record(Event::new("import.forgotten", &id))
            })
            .await
    }
}

/// Runs what reads files on a thread that may wait.
///
/// # Errors
/// What it says.
pub async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(run).await.map_err(|it| StoreError::Io(it.to_string()))?
}

/// What names a record, as somebody may see it.
fn shown_name(plan: &Plan, title: &str) -> String {
    let personal = plan.kind.field(&plan.kind.name).and_then(|it| it.personal);
    match personal {
        Some(it) if !plan.reader.clear && !title.is_empty() => it.masked(title),
        _ => title.to_owned(),
    }
}

/// Keeps which rows claimed what.
pub fn remember(seen: &Mutex<Seen>, verdicts: &[Verdict]) {
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    for it in verdicts {
        seen.extend(it.claims.iter().map(|claim| (*claim, it.row)));
    }
}

/// The name of the sheet of rows to be mended.
pub fn mend_name(file: &str, lang: Lang) -> String {
    let stem = file.rsplit_once('.').map_or(file, |it| it.0);
    format!("{stem}-{}.xlsx", lang.pick("需修改", "to mend"))
}
