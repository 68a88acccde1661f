//! Where an installation keeps its things, and how a world is opened there.
//!
//! `DATA/worlds/<world>/` holds rows and the observation log. Beside `DATA`, never inside it, stand the
//! master key (`DATA.key`) and the signed heads (`DATA.heads/<world>.jsonl`).

use std::{
    fs::{File, TryLockError},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use anlan_kernel::Problem;
use anlan_store::{Clock, Keys, Module, Place, StoreError, World, WorldConfig, WorldKind, disk, file_problem};

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

    fn lock_file(&self) -> PathBuf {
        self.data.join("lock")
    }

    /// Keeps other writers out and looks at what of this world is not there yet, for whoever begins something that
    /// may fail.
    ///
    /// # Errors
    /// As [`Install::lock`], and what the database says.
    pub fn begin(&self, name: &str) -> Result<Begun, StoreError> {
        let dir = self.world_dir(name);
        let missing = |path: PathBuf| (!path.exists()).then_some(path);
        let above = dir.ancestors().filter(|it| !it.as_os_str().is_empty());
        let folders = above.map(Path::to_owned).filter_map(missing).collect();
        let lock_file = missing(self.lock_file());
        let lock = self.lock()?;
        // What another process did here before it let go of the lock is not ours to take back.
        let log = missing(dir.join("log"));
        let mut begun = Begun { rows: None, log, lock_file, folders, _lock: lock };
        match self.made_as(name) {
            Ok(None) if !dir.join("world.db").exists() => begun.rows = Some(self.place(name)),
            Ok(_) => (),
            Err(error) => {
                begun.take_back(false)?;
                return Err(error);
            }
        }
        Ok(begun)
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
                format!("“{name}”是实战数据，不会删除；请给故事另起一个 id"),
                format!("{name} is a real world and is not thrown away; give the story another id"),
            )));
        }
        let gone = |done: std::io::Result<()>, path: &Path| match done {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(file_problem(path, &error)),
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
        let io = |it: std::io::Error| file_problem(&self.data, &it);
        disk::make_dir(&self.data).map_err(io)?;
        let file = disk::create(&self.lock_file()).map_err(io)?;
        match file.try_lock() {
            // Whoever held it may have taken the file away; another process then locks the one that took its name.
            Ok(()) if !is_named(&file, &self.lock_file()) => Err(StoreError::Locked(self.data.display().to_string())),
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked(self.data.display().to_string())),
            Err(TryLockError::Error(error)) => Err(io(error).into()),
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
                format!("{}：这里没有数据（数据目录或名称不对）", place.display()),
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
        disk::make_dir(&dir).map_err(|it| file_problem(&dir, &it))?;
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

/// What was not there before something was begun. Other writers are kept out as long as it lives.
#[derive(Debug)]
pub struct Begun {
    /// Where rows will stand, when none stood there.
    rows: Option<Place>,
    log: Option<PathBuf>,
    lock_file: Option<PathBuf>,
    /// The inner ones first.
    folders: Vec<PathBuf>,
    _lock: File,
}

impl Begun {
    /// Takes away what was made since, and says whether all of it is gone; `made_here` is [`World::made_here`]. What was
    /// there stays, and so do rows of anybody and a folder that others put something into.
    ///
    /// # Errors
    /// What file system or database say; then the rows and what belongs to them stay.
    pub fn take_back(self, made_here: bool) -> Result<bool, StoreError> {
        if let Some(place) = &self.rows
            && !World::remove_untouched(place, made_here)?
        {
            return Ok(false);
        }
        // What was never made is not missed, and a folder that is not empty belongs to somebody else.
        let _ = self.log.map(std::fs::remove_dir_all);
        let _ = self.lock_file.map(std::fs::remove_file);
        self.folders.iter().for_each(|it| drop(std::fs::remove_dir(it)));
        Ok(true)
    }
}

fn is_named(file: &File, path: &Path) -> bool {
    file.metadata().and_then(|mine| Ok(mine.ino() == std::fs::metadata(path)?.ino())).unwrap_or(false)
}

fn check_name(name: &str) -> Result<(), StoreError> {
    let fine = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if fine {
        return Ok(());
    }
    Err(StoreError::Refused(Problem::new(
        "bad_world",
        format!("“{name}”不能作名称（--world），只能用字母、数字和 -"),
        format!("{name:?} is no name for a world: letters, digits and - only"),
    )))
}
