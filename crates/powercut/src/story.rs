//! What is written, and what must be there afterwards: notes about people, readings, frames, heads, backups.

use std::{path::Path, sync::Arc, time::Duration};

use anlan_kernel::{Actor, Instant, RegionCode};
use anlan_monitor::{
    Hooks, Monitor, Settings,
    ingest::{Allowed, Sender},
    log::Log,
};
use anlan_store::{Clock, Keys, Module, Place, StoreError, World, WorldConfig, WorldKind};
use serde::{Deserialize, Serialize};

/// A note about a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// `note:17`.
    pub id: String,
    /// About whom.
    pub person: String,
    /// What.
    pub words: Option<String>,
}

anlan_store::table!(Note, NOTE, "note", sealed: ["words"] of "person", {
    id: Text, person: Text, words: Text,
});

static MODULE: Module = Module {
    name: "powercut",
    migrations: &[("0001-notes", "CREATE TABLE note (id TEXT NOT NULL PRIMARY KEY, person TEXT NOT NULL, words TEXT)")],
    tables: &[&NOTE],
};

/// When the story begins.
pub const BEGIN: Instant = Instant::from_secs(1_693_540_800);
/// The one station.
pub const STATION: &str = "G0001";
const STATIONS: &str = "station_id,name_zh,name_en,kind,longitude,latitude,region_code,elevation_m\n\
    G0001,打鼓岭,Ta Kwu Ling,rain,114.1567,22.5286,440303,15\n";
/// Bytes of a segment of the second log: small, so that there are many.
const SEGMENT: i64 = 2048;

impl Note {
    /// The note with this number.
    pub fn numbered(number: usize) -> Self {
        Self {
            id: format!("note:{number}"),
            person: format!("person:{}", number % 17),
            words: Some(format!("第 {number} 条：三楼，耳背")),
        }
    }
}

/// Who writes.
pub fn clerk() -> Actor {
    Actor::system("clerk")
}

/// The world below `root`: key, heads and rows, all on this disk.
///
/// # Errors
/// What the store says.
pub fn open(root: &Path) -> Result<World, StoreError> {
    open_in(root, "data")
}

/// As [`open`], with the rows in another folder.
///
/// # Errors
/// What the store says.
pub fn open_in(root: &Path, folder: &str) -> Result<World, StoreError> {
    let dir = root.join(folder).join("worlds/real");
    let config = WorldConfig {
        name: "real".into(),
        kind: WorldKind::Real,
        place: Place::Sqlite(dir.join("world.db")),
        dir,
        keys: Keys::open_or_make(&root.join("keys/master.key"))?,
        clock: Clock::driven(BEGIN),
        heads: Some(root.join("heads/real.jsonl")),
    };
    World::open(config, &[&MODULE, &anlan_monitor::MODULE])
}

/// Monitoring of the world, with its station.
///
/// # Errors
/// What the store says.
pub async fn monitor(world: &World) -> Result<Arc<Monitor>, StoreError> {
    let home = RegionCode::parse("440303").map_err(|it| StoreError::Shape(it.to_string()))?;
    let monitor = Monitor::open(world.clone(), Settings { home, hooks: Hooks::default(), ingest: true }).await?;
    monitor.import_stations(&clerk(), STATIONS.as_bytes(), false).await?;
    Ok(monitor)
}

/// A second log with many small segments.
///
/// # Errors
/// What the file system says.
pub fn segments(root: &Path) -> Result<Log, StoreError> {
    Log::open_with(&root.join("segments"), Clock::driven(BEGIN), 0, SEGMENT)
}

/// The device that sends the readings.
pub fn device() -> Sender {
    Sender { name: "device:g".into(), way: "http", stations: Allowed::All }
}

/// The reading with this number, as the device sends it.
pub fn reading(number: usize) -> Vec<u8> {
    let at = BEGIN.minus(Duration::from_secs(number as u64));
    format!(
        r#"[{{"observed_at":"{}","station_id":"{STATION}","quantity":"rainfall","value":0.5,"unit":"mm"}}]"#,
        at.to_rfc3339()
    )
    .into_bytes()
}
