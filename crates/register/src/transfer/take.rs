//! Taking a file in slices, from the first row to the batch that can be undone.

use std::sync::{Arc, Mutex, PoisonError};

use anlan_codecs::geo::Datum;
use anlan_kernel::{Actor, Problem, RegionCode, Scope};
use anlan_store::{Event, Lease, StoreError, Tx, Urgency};
use serde_json::json;

use super::{
    Report,
    drafts::{self, Part, Waiting},
    judge::{Became, Outlines, Seen, Verdict, judge},
    mend::{self, Mend},
    row::Plan,
    service::{ALIVE, Clerk, Desk, blocking, kind_of, refused, remember},
    sheets::{Sheet, parted, slices},
    target::{self, bare},
    undo,
};
use crate::{
    import::remembered,
    records::{Batch, Cause},
};

impl Desk {
    /// Begins to take the good rows of a file; [`Desk::work`] does it.
    ///
    /// # Errors
    /// `no_such_draft`; `taken_already`; `which_datum` while nobody said it; `not_looked_at`; `nothing_to_take`.
    pub async fn begin(&self, clerk: &Clerk, id: &str) -> Result<Batch, StoreError> {
        let waiting = self.open_untaken(clerk, id).await?;
        if let Some(problem) = waiting.failed {
            return Err(problem.into());
        }
        let not_yet = || refused("not_looked_at", "还在核对，请稍候", "the file is still being looked at");
        let findings = waiting.findings.clone().ok_or_else(not_yet)?;
        if findings.datum.asked {
            let zh = "请先说明坐标系（WGS-84、GCJ-02 或 BD-09）";
            let en = "say in which datum the positions stand: WGS-84, GCJ-02 or BD-09";
            return Err(Problem::new("which_datum", zh, en).field("datum").into());
        }
        if findings.counts.new + findings.counts.changed + findings.counts.same == 0 {
            return Err(refused("nothing_to_take", "没有可以导入的行", "there is no row to be taken"));
        }
        let lease = self.lease(id).await?;
        let (world, kept) = (self.world().clone(), Waiting { taken: true, ..waiting.clone() });
        blocking(move || drafts::keep(&world, &kept)).await?;
        self.world()
            .write("import.begin", Urgency::Urgent, &clerk.actor, move |tx| {
                tx.hold(&lease)?;
                let batch = Batch {
                    id: waiting.id.clone(),
                    kind: waiting.kind.clone(),
                    region: home(tx)?,
                    file: waiting.name.clone(),
                    actor: tx.actor().name.clone(),
                    began_at: tx.now(),
                    state: "running".to_owned(),
                    created: 0,
                    changed: 0,
                    same: 0,
                    refused: 0,
                    undone_at: None,
                };
                tx.put(&batch)?;
                tx.record(
                    Event::new("import.begun", &batch.id)
                        .region(&batch.region)
                        .detail(json!({"kind": batch.kind, "rows": findings.counts.rows})),
                )?;
                Ok(batch)
            })
            .await
    }

    /// Looks at a file and, unless it is a dry run, takes it.
    ///
    /// # Errors
    /// As [`Desk::look`] and [`Desk::begin`]; what is wrong with the file.
    pub(super) async fn run(&self, clerk: &Clerk, waiting: Waiting, dry_run: bool) -> Result<Report, StoreError> {
        let waiting = self.look(clerk, waiting).await?;
        if let Some(problem) = waiting.failed {
            return Err(problem.into());
        }
        let findings = waiting.findings.unwrap_or_default();
        let mut counts = findings.counts;
        let mut mend = None;
        if !dry_run && counts.new + counts.changed + counts.same > 0 {
            let batch = self.begin(clerk, &waiting.id).await?;
            let done = self.work(clerk, batch).await?;
            let number = |it: i64| usize::try_from(it).unwrap_or_default();
            (counts.new, counts.changed) = (number(done.created), number(done.changed));
            (counts.same, counts.refused) = (number(done.same), number(done.refused));
            let (world, id) = (self.world().clone(), waiting.id.clone());
            mend = blocking(move || drafts::get(&world, &id, Part::Mend)).await?;
        }
        let refused = findings.examples.iter().filter(|it| it.became == Became::Refused);
        let problems = refused.flat_map(|it| it.problems.iter().map(|problem| problem.clone().row(it.row))).collect();
        let unknown = findings
            .columns
            .iter()
            .filter(|it| it.known.key.is_none() && !it.title.is_empty() && !mend::is_reason(&it.title));
        let unknown = unknown.map(|it| it.title.clone()).collect();
        Ok(Report { counts, problems, notes: findings.notes, unknown, mend })
    }

    async fn lease(&self, id: &str) -> Result<Lease, StoreError> {
        let held = self.world().lease(&lease_of(id), &self.holder, ALIVE).await?;
        held.ok_or_else(|| refused("taken_already", "这个文件正在导入", "this file is being taken"))
    }

    /// Takes the good rows. Whatever stops it, nothing is half-done: what was written is undone.
    ///
    /// # Errors
    /// What the store says.
    pub async fn work(&self, clerk: &Clerk, batch: Batch) -> Result<Batch, StoreError> {
        let _one = self.one.lock().await;
        let done = self.take(clerk, batch.clone()).await;
        if let Err(error) = &done {
            tracing::error!(import = batch.id, %error, "an import stopped; what it wrote is undone");
            undo::undo(self.world(), &self.register, &clerk.actor, &batch.id, true).await?;
            let lease = self.lease(&batch.id).await?;
            self.world().release(&lease).await?;
        }
        done
    }

    async fn take(&self, clerk: &Clerk, batch: Batch) -> Result<Batch, StoreError> {
        let (world, actor, id) = (self.world().clone(), clerk.actor.clone(), batch.id.clone());
        let waiting = blocking(move || drafts::load(&world, &actor, &id)).await?;
        let kind = kind_of(&self.register, &waiting.kind)?;
        let sheet = self.sheet(clerk, &kind, &waiting).await?;
        let outlines = Arc::new(self.world().read(&clerk.actor, Outlines::load).await?);
        let datum = waiting.findings.as_ref().and_then(|it| it.datum.datum).unwrap_or(Datum::Wgs84);
        let plan = Arc::new(Plan { datum, ..self.plan(clerk, &kind, &sheet, &waiting) });
        let cause = Arc::new(Cause { by: "imported", why: None, batch: Some(batch.id.clone()) });
        let (seen, mut slices) = (Arc::new(Mutex::new(Seen::new())), slices(&sheet));
        let (mut batch, mut mend) = (batch, Mend::new(&sheet, &waiting.name)?);
        while let Some(rows) = slices.recv().await {
            let (rows, _) = parted(&plan, rows?);
            let lease = self.lease(&batch.id).await?;
            let rows = Arc::new(rows);
            let (plan_, outlines_, seen_, cause_, rows_) =
                (Arc::clone(&plan), Arc::clone(&outlines), Arc::clone(&seen), Arc::clone(&cause), Arc::clone(&rows));
            let stands = batch.clone();
            let (now, verdicts) = self
                .world()
                .write("import.slice", Urgency::Background, &clerk.actor, move |tx| {
                    tx.hold(&lease)?;
                    let seen = seen_.lock().unwrap_or_else(PoisonError::into_inner);
                    let verdicts = judge(tx, &plan_, &outlines_, &rows_, &seen, Some(&cause_), false)?;
                    Ok((kept(tx, stands.clone(), &verdicts)?, verdicts))
                })
                .await?;
            batch = now;
            remember(&seen, &verdicts);
            mend.add(&rows, &verdicts)?;
        }
        let (bytes, world, id) = (mend.finish()?, self.world().clone(), batch.id.clone());
        blocking(move || {
            bytes.map_or(Ok(()), |it| drafts::put(&world, &id, Part::Mend, &it))?;
            drafts::drop_part(&world, &id, Part::File)
        })
        .await?;
        self.finish(clerk, batch, &plan, &sheet).await
    }

    async fn finish(&self, clerk: &Clerk, batch: Batch, plan: &Plan, sheet: &Sheet) -> Result<Batch, StoreError> {
        let lease = self.lease(&batch.id).await?;
        let (held, target, seen) = (lease.clone(), target::target(&plan.kind, &clerk.reader), bare(&sheet.columns));
        let matching = sheet.matching.clone();
        let done = self
            .world()
            .write("import.finish", Urgency::Background, &clerk.actor, move |tx| {
                tx.hold(&held)?;
                let done = Batch { state: "done".to_owned(), ..batch.clone() };
                tx.put(&done)?;
                let detail = json!({"kind": done.kind, "new": done.created, "changed": done.changed, "same": done.same, "refused": done.refused});
                tx.record(Event::new("import.finished", &done.id).region(&done.region).detail(detail))?;
                remembered::remember(tx, &target, &seen, &matching)?;
                Ok(done)
            })
            .await?;
        self.world().release(&lease).await?;
        Ok(done)
    }

    /// Undoes an import that was begun to be undone, once nothing else is taken or undone here.
    ///
    /// # Errors
    /// What the store says; then it can be gone on with.
    pub async fn undo(&self, clerk: &Clerk, begun: undo::Begun) -> Result<undo::Undone, StoreError> {
        let _one = self.one.lock().await;
        undo::go_on(self.world(), &self.register, &clerk.actor, begun).await
    }

    /// Undoes what no process works on any more. How many there were, and how many another node may still be at.
    ///
    /// # Errors
    /// What the store says.
    pub async fn undo_unfinished(&self) -> Result<(usize, usize), StoreError> {
        let by = Actor::system("import");
        let open = |tx: &mut Tx<'_>| tx.find::<Batch>("state IN ('running', 'undoing')", "ORDER BY began_at, id", &[]);
        let (mut undone, mut held) = (0, 0);
        for batch in self.world().read(&by, open).await? {
            // On SQLite no other process can be at it.
            if self.world().is_postgres()
                && self.world().lease(&lease_of(&batch.id), &self.holder, ALIVE).await?.is_none()
            {
                held += 1;
                continue;
            }
            undo::undo(self.world(), &self.register, &by, &batch.id, true).await?;
            undone += 1;
        }
        Ok((undone, held))
    }
}

fn lease_of(id: &str) -> String {
    format!("import.{id}")
}

/// Where a batch lies: the first duty area of whoever takes it, else what all regions share.
fn home(tx: &mut Tx<'_>) -> Result<RegionCode, StoreError> {
    if let Scope::Regions(areas) = &tx.actor().scope {
        return areas.first().cloned().ok_or_else(|| refused("out_of_scope", "您没有责任区", "you have no duty area"));
    }
    let rows = tx.query("SELECT code FROM region ORDER BY LENGTH(code), code LIMIT 1", &[])?;
    let code = rows.first().map_or_else(|| Ok("00".to_owned()), |it| it.text(0))?;
    RegionCode::parse(&code).map_err(|it| StoreError::Shape(it.to_string()))
}

/// Notes in the batch, and in the journal under its name, what a slice did.
fn kept(tx: &mut Tx<'_>, mut batch: Batch, verdicts: &[Verdict]) -> Result<Batch, StoreError> {
    let of = |became: Became| verdicts.iter().filter(move |it| it.became == became);
    let count = |became: Became| i64::try_from(of(became).count()).unwrap_or(i64::MAX);
    batch.created += count(Became::New);
    batch.changed += count(Became::Changed);
    batch.same += count(Became::Same);
    batch.refused += count(Became::Refused);
    let ids = |became: Became| of(became).filter_map(|it| it.id.clone()).collect::<Vec<_>>();
    let detail = json!({"created": ids(Became::New), "changed": ids(Became::Changed)});
    tx.put(&batch)?;
    tx.record(Event::new(undo::SLICE, &batch.id).region(&batch.region).detail(detail))?;
    Ok(batch)
}
