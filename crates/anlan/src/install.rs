//! Where an installation keeps its things, and how a world is opened there.
//!
//! `DATA/worlds/<world>/` holds rows and the observation log. Beside `DATA`, never inside it, stand the
//! master key (`DATA.key`) and the signed heads (`DATA.heads/<world>.jsonl`).

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

use anlan_kernel::Problem;
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

    /// As what the world was made, wherever its rows live; `None` where there is none. Makes nothing.
    ///
    /// # Errors
    /// What the database says.
    pub fn made_as(&self, name: &str) -> Result<Option<WorldKind>, StoreError> {
        World::made_as(name, &self.place(name))
    }

    /// Throws a world away: its folder, its rows, its heads. For demo worlds only.
    ///
    /// # Errors
    /// A refusal for a real world; what file system or database say.
    pub fn remove(&self, name: &str) -> Result<(), StoreError> {
        if self.made_as(name)? == Some(WorldKind::Real) {
            return Err(StoreError::Refused(Problem::new(
                "world_is_real",
                format!("“{name}”是实战世界，不会删除；请给故事另起一个 id"),
                format!("{name} is a real world and is not thrown away; give the story another id"),
            )));
        }
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

    /// Opens (and where needed makes) a world of this kind. A master key is made with a new world only.
    ///
    /// # Errors
    /// A refusal where the world is of another kind or the key is missing or another one; what the store says.
    pub fn open(&self, name: &str, kind: WorldKind, clock: Clock) -> Result<World, StoreError> {
        check_name(name)?;
        let keys = match self.made_as(name)? {
            Some(_) => Keys::open(&self.key)?,
            None => Keys::open_or_make(&self.key)?,
        };
        self.open_with(name, kind, clock, keys)
    }

    /// Opens a world as what it was made; makes nothing.
    ///
    /// # Errors
    /// As [`Install::open`], and a refusal where there is no such world.
    pub fn open_made(&self, name: &str, clock: Clock) -> Result<World, StoreError> {
        check_name(name)?;
        let kind = self.made_as(name)?.ok_or_else(|| {
            let place = self.world_dir(name);
            StoreError::Refused(Problem::new(
                "no_such_world",
                format!("{}: 没有这个世界（数据目录或名称不对）", place.display()),
                format!("{}: there is no such world (wrong folder or name)", place.display()),
            ))
        })?;
        self.open_with(name, kind, clock, Keys::open(&self.key)?)
    }

    /// Opens (and where needed makes) the world a backup is restored into, under the key of the backup.
    ///
    /// # Errors
    /// As [`Install::open`].
    pub fn open_for(&self, name: &str, kind: WorldKind, keys: Keys) -> Result<World, StoreError> {
        check_name(name)?;
        self.open_with(name, kind, Clock::Real, keys)
    }

    fn open_with(&self, name: &str, kind: WorldKind, clock: Clock, keys: Keys) -> Result<World, StoreError> {
        let dir = self.world_dir(name);
        disk::make_dir(&dir).map_err(|it| StoreError::Io(format!("{}: {it}", dir.display())))?;
        let config = WorldConfig {
            name: name.to_owned(),
            kind,
            dir,
            place: self.place(name),
            keys,
            clock,
            heads: Some(self.heads_file(name)),
        };
        World::open(config, MODULES).map_err(|error| match error {
            StoreError::Refused(problem) if problem.code == "wrong_master_key" => {
                StoreError::Refused(problem.field(self.key.display().to_string()))
            }
            other => other,
        })
    }
}

fn check_name(name: &str) -> Result<(), StoreError> {
    let fine = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if fine {
        return Ok(());
    }
    Err(StoreError::Refused(Problem::new(
        "bad_world",
        format!("“{name}”不能作世界名，只能用字母、数字和 -"),
        format!("{name:?} is no name for a world: letters, digits and - only"),
    )))
}
