//! Packs (业务包): which versions there are, which one of each is in force, and what would change.

pub mod model;
mod pages;

use std::collections::{BTreeMap, BTreeSet};

use anlan_kernel::{Actor, Instant, Problem};
use anlan_store::{Event, StoreError, Tx, Urgency, World, params};
use serde::Serialize;
use serde_json::json;

pub use model::{Meta, Pack};
pub use pages::routes;

use crate::kinds::{Catalog, Files, read::Finding};

/// What is wrong with packs: of which one, in which file, what.
pub type Findings = Vec<(String, Finding)>;

/// What another version would change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// A kind, a field of one (`slope.code`), a list, or a file.
    pub what: String,
    /// `added`, `changed`, `removed`.
    pub how: &'static str,
    /// Records of the kind that there are.
    pub records: i64,
}

/// Makes the versions that came with the program known, and puts new ones in force unless somebody brought their own.
///
/// # Errors
/// What the store says; the first fault of what is in force.
pub async fn install(world: &World, shipped: &[Files]) -> Result<(), StoreError> {
    let by = Actor::system("packs");
    let mut packs = Vec::new();
    for files in shipped {
        let pack = Pack::of_files(files.clone(), true, &by.name, Instant(0)).map_err(first)?;
        packs.push(pack);
    }
    world
        .write("packs.install", Urgency::Urgent, &by, move |tx| {
            for pack in &packs {
                install_one(tx, pack)?;
            }
            if packs.is_empty() { Ok(()) } else { leave_out(tx, &packs) }
        })
        .await
}

fn install_one(tx: &mut Tx<'_>, shipped: &Pack) -> Result<(), StoreError> {
    let now = tx.now();
    let versions: Vec<Pack> = tx.find("pack = $1", "ORDER BY came_at, id", params![&shipped.pack])?;
    let in_force = versions.iter().find(|it| it.active);
    let known = versions.iter().find(|it| it.id == shipped.id);
    if known.is_some_and(|it| it.files == shipped.files) {
        return Ok(());
    }
    // The program changed a version in place, as it does while it is being made: the words of the program hold.
    let takes_over = in_force.is_none_or(|it| it.shipped);
    if let Some(before) = in_force.filter(|it| takes_over && it.id != shipped.id) {
        tx.put(&Pack { active: false, ..before.clone() })?;
    }
    let active_at = takes_over.then_some(now);
    tx.put(&Pack { active: takes_over, came_at: now, active_at, ..shipped.clone() })?;
    tx.record(Event::new(if takes_over { "pack.activated" } else { "pack.uploaded" }, &shipped.id).pack(&shipped.id))
}

/// What came with the program before and does not any more goes out of force, unless there are records of it.
fn leave_out(tx: &mut Tx<'_>, shipped: &[Pack]) -> Result<(), StoreError> {
    for gone in active(tx)?.iter().filter(|it| it.shipped && shipped.iter().all(|other| other.pack != it.pack)) {
        match retire(tx, &gone.id) {
            Err(StoreError::Refused(problem)) => tracing::warn!(pack = gone.id, %problem, "a pack stays in force"),
            done => done?,
        }
    }
    Ok(())
}

fn first(findings: Vec<Finding>) -> StoreError {
    findings.into_iter().next().map_or_else(
        || StoreError::Shape("a pack is wrong".to_owned()),
        |(file, problem)| StoreError::Refused(Problem { message: prefixed(&file, &problem), ..problem }),
    )
}

fn prefixed(file: &str, problem: &Problem) -> anlan_kernel::Text {
    anlan_kernel::Text::new(format!("{file}：{}", problem.message.zh), format!("{file}: {}", problem.message.en))
}

/// The packs in force.
///
/// # Errors
/// What the store says.
pub fn active(tx: &mut Tx<'_>) -> Result<Vec<Pack>, StoreError> {
    tx.find("active = 1", "ORDER BY pack", &[])
}

/// The kinds of the packs in force.
pub fn catalog_of(packs: &[Pack]) -> (Catalog, Findings) {
    let sources: Vec<_> = packs.iter().map(Pack::source).collect();
    let (catalog, findings) = Catalog::join(&sources);
    (catalog, findings)
}

/// What is wrong when `pack` were in force among these; of it and of those that need it.
pub fn faults(active: &[Pack], pack: &Pack) -> Findings {
    let mut joined: Vec<Pack> = active.iter().filter(|it| it.pack != pack.pack).cloned().collect();
    joined.push(pack.clone());
    catalog_of(&joined).1
}

/// What putting `pack` in force would change against the packs in force.
///
/// # Errors
/// What the store says.
pub fn changes(tx: &mut Tx<'_>, pack: &Pack) -> Result<Vec<Change>, StoreError> {
    let active = active(tx)?;
    let before = active.iter().find(|it| it.pack == pack.pack);
    let mut joined: Vec<Pack> = active.iter().filter(|it| it.pack != pack.pack).cloned().collect();
    joined.push(pack.clone());
    let (old, new) = (catalog_of(&active).0, catalog_of(&joined).0);
    let mut found = Vec::new();
    let pieces = |catalog: &Catalog| -> BTreeMap<String, String> {
        let mut pieces = BTreeMap::new();
        for kind in catalog.kinds() {
            let head = format!(
                "{:?}",
                (
                    &kind.title,
                    &kind.group,
                    &kind.key,
                    kind.place,
                    kind.placed,
                    &kind.grade,
                    kind.verify_every,
                    &kind.checks
                )
            );
            pieces.insert(kind.id.clone(), head);
            for field in &kind.fields {
                let words = format!("{:?}", crate::kinds::Field { pack: String::new(), ..field.clone() });
                pieces.insert(format!("{}.{}", kind.id, field.id), words);
            }
        }
        pieces
    };
    let (old, new) = (pieces(&old), pieces(&new));
    for (what, how) in differences(&old, &new) {
        let kind = what.split('.').next().unwrap_or_default();
        let count = "SELECT COUNT(*) FROM record WHERE kind = $1";
        let records = tx.query_everywhere(count, params![kind])?.first().map_or(Ok(0), |it| it.int(0))?;
        found.push(Change { what, how, records });
    }
    let none = Files::new();
    let files = before.map_or(&none, |it| &it.files);
    let rest = |files: &Files| -> BTreeMap<String, String> {
        files
            .iter()
            .filter(|it| it.0 != "kinds.toml" && it.0 != "pack.toml")
            .map(|it| (it.0.clone(), it.1.clone()))
            .collect()
    };
    let differing = differences(&rest(files), &rest(&pack.files));
    found.extend(differing.into_iter().map(|(what, how)| Change { what, how, records: 0 }));
    Ok(found)
}

fn differences(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<(String, &'static str)> {
    let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let how = |name: &String| match (old.get(name), new.get(name)) {
        (None, _) => Some("added"),
        (_, None) => Some("removed"),
        (a, b) if a != b => Some("changed"),
        _ => None,
    };
    names.into_iter().filter_map(|name| Some((name.clone(), how(name)?))).collect()
}

/// Keeps a version that was uploaded; it is not in force yet. One that is known already is what it was.
///
/// # Errors
/// `version_taken` when other files have its version; what the store says.
pub async fn keep(world: &World, actor: &Actor, pack: Pack) -> Result<Pack, StoreError> {
    world
        .write("pack.upload", Urgency::Urgent, actor, move |tx| {
            if let Some(known) = tx.get::<Pack>(&pack.id)? {
                if known.files == pack.files {
                    return Ok(known);
                }
                let zh = format!("版本 {} 已有，内容不同；请在 pack.toml 里换一个版本号", pack.id);
                let en = format!("{} exists with other files; give it another version", pack.id);
                return Err(Problem::new("version_taken", zh, en).field("version").into());
            }
            let pack = Pack { came_at: tx.now(), ..pack.clone() };
            tx.put(&pack)?;
            tx.record(Event::new("pack.uploaded", &pack.id).pack(&pack.id))?;
            Ok(pack)
        })
        .await
}

/// Puts a version in force, the one before out of force.
///
/// # Errors
/// `no_such_pack`; `pack_wrong` with the first fault; what the store says.
pub fn activate(tx: &mut Tx<'_>, id: &str) -> Result<Pack, StoreError> {
    let missing = || Problem::new("no_such_pack", format!("没有业务包 {id}"), format!("there is no pack {id}"));
    let pack = tx.get::<Pack>(id)?.ok_or_else(missing)?;
    if pack.active {
        return Ok(pack);
    }
    let in_force = active(tx)?;
    if let Some((of, (file, problem))) = faults(&in_force, &pack).into_iter().next() {
        let message = prefixed(&format!("{of}/{file}"), &problem);
        return Err(Problem { code: "pack_wrong".to_owned(), message, ..problem }.into());
    }
    let gone =
        changes(tx, &pack)?.into_iter().find(|it| it.how == "removed" && it.records > 0 && !it.what.contains('.'));
    if let Some(Change { what, records, .. }) = gone {
        let (zh, en) = (
            format!("这个版本去掉了类别 {what}，它还有 {records} 条记录；先导出并删除"),
            format!("this version leaves out the kind {what}, of which there are {records} records"),
        );
        return Err(Problem::new("pack_needed", zh, en).into());
    }
    let before = in_force.iter().find(|it| it.pack == pack.pack);
    if let Some(before) = before {
        tx.put(&Pack { active: false, ..before.clone() })?;
    }
    let pack = Pack { active: true, active_at: Some(tx.now()), ..pack };
    tx.put(&pack)?;
    let detail = json!({"before": before.map(|it| &it.id)});
    tx.record(Event::new("pack.activated", &pack.id).pack(&pack.id).detail(detail))?;
    Ok(pack)
}

/// Takes a pack out of force.
///
/// # Errors
/// `pack_needed` while another one needs it, or there are records of its kinds; what the store says.
pub fn retire(tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    let Some(pack) = tx.get::<Pack>(id)?.filter(|it| it.active) else { return Ok(()) };
    let in_force = active(tx)?;
    if let Some(other) = in_force.iter().find(|it| it.needs.contains(&pack.pack)) {
        let (zh, en) = (format!("业务包 {} 需要它", other.pack), format!("the pack {} needs it", other.pack));
        return Err(Problem::new("pack_needed", zh, en).into());
    }
    for kind in catalog_of(&in_force).0.kinds().filter(|it| it.pack == pack.id) {
        let sql = "SELECT COUNT(*) FROM record WHERE kind = $1";
        let count = tx.query_everywhere(sql, params![kind.id.as_str()])?.first().map_or(Ok(0), |it| it.int(0))?;
        if count > 0 {
            let (zh, en) = (
                format!("“{}”还有 {count} 条记录，先导出并删除，或换成另一个版本", kind.title.zh),
                format!("there are {count} records of {}", kind.title.en),
            );
            return Err(Problem::new("pack_needed", zh, en).into());
        }
    }
    tx.put(&Pack { active: false, ..pack.clone() })?;
    tx.record(Event::new("pack.retired", id).pack(id))
}
