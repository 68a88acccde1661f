//! Where an installation keeps its things, and how a world is opened there.
//!
//! `DATA/worlds/<world>/` holds rows and the observation log. Beside `DATA`, never inside it, stand the
//! master key (`DATA.key`) and the signed heads (`DATA.heads/<world>.jsonl`).

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

use anlan_store::{Clock, Keys, Module, Place, StoreError, World, WorldConfig, WorldKind, disk};

/// Every mechanism's tables, in order.
pub static MODULES: &[&Module] =
    &[&anlan_web::MODULE, &anlan_register::MODULE, &anlan_monitor::MODULE, &anlan_warn::MODULE, &anlan_command::MODULE];

/// Folders and files of one installation.
#[derive(Clone, Debug)]
pub struct Install {
    /// Data folder.
    pub data: PathBuf,
    /// PostgreSQL URL; SQLite files without one.
    pub database: Option<String>,
    /// Master key file.
    pub key: PathBuf,
    /// Folder of signed heads.
    pub heads: PathBuf,
}

impl Install {
    /// The usual places around `data`; each can be moved.
    pub fn new(data: &Path, database: Option<String>, key: Option<PathBuf>, heads: Option<PathBuf>) -> Self {
        let beside = |suffix: &str| {
            let mut name = data.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        Self {
            data: data.to_owned(),
            database,
            key: key.unwrap_or_else(|| beside(".key")),
            heads: heads.unwrap_or_else(|| beside(".heads")),
        }
    }

    /// The places the command line names.
    pub fn of(place: &crate::cli::PlaceArgs) -> Self {
        Self::new(&place.data, place.database.clone(), place.key_file.clone(), place.heads.clone())
    }

    /// Folder of a world.
    pub fn world_dir(&self, name: &str) -> PathBuf {
        self.data.join("worlds").join(name)
    }

    /// File of signed heads of a world.
    pub fn heads_file(&self, name: &str) -> PathBuf {
        self.heads.join(format!("{name}.jsonl"))
    }

    /// Socket through which other verbs write while a server runs.
    pub fn socket(&self) -> PathBuf {
        self.data.join("anlan.sock")
    }

    /// Whether the world was made here before.
    pub fn has_world(&self, name: &str) -> bool {
        self.world_dir(name).exists()
    }

    /// Throws a world away: its folder, its rows, its heads. For demo worlds only.
    ///
    /// # Errors
    /// What file system or database say.
    pub fn remove(&self, name: &str) -> Result<(), StoreError> {
        let gone = |done: std::io::Result<()>, path: &Path| match done {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::Io(format!("{}: {error}", path.display())))
            }
            _ => Ok(()),
        };
        let (dir, heads) = (self.world_dir(name), self.heads_file(name));
        gone(std::fs::remove_dir_all(&dir), &dir)?;
        gone(std::fs::remove_file(&heads), &heads)?;
        World::remove(&self.place(name))
    }

    fn place(&self, name: &str) -> Place {
        match &self.database {
            None => Place::Sqlite(self.world_dir(name).join("world.db")),
            Some(url) => Place::Postgres { url: url.clone(), schema: format!("anlan_{}", name.replace('-', "_")) },
        }
    }

    /// Keeps a second writer out for as long as the answer lives.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while another process holds the data folder.
    pub fn lock(&self) -> Result<File, StoreError> {
        let io = |it: std::io::Error| StoreError::Io(format!("{}: {it}", self.data.display()));
        disk::make_dir(&self.data).map_err(io)?;
        let file = File::create(self.data.join("lock")).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked(self.data.display().to_string())),
            Err(TryLockError::Error(error)) => Err(io(error)),
        }
    }

    /// Opens (and where needed makes) a world.
    ///
    /// # Errors
    /// What the store says.
    pub fn open(&self, name: &str, kind: WorldKind, clock: Clock) -> Result<World, StoreError> {
        let fine = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !fine {
            return Err(StoreError::Io(format!("{name:?} is no name for a world: letters, digits and - only")));
        }
        let dir = self.world_dir(name);
        disk::make_dir(&dir).map_err(|it| StoreError::Io(format!("{}: {it}", dir.display())))?;
        let config = WorldConfig {
            name: name.to_owned(),
            kind,
            dir,
            place: self.place(name),
            keys: Keys::open(&self.key)?,
            clock,
            heads: Some(self.heads_file(name)),
        };
        World::open(config, MODULES)
    }
}
