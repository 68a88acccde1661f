//! Files and folders that are there after a power cut: a new name is on disk only once its folder was synced.
//! What is made here its owner alone can read: folders are 0700, files 0600.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::keys::{hex, random};

/// Options that make a file for its owner alone.
pub fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// The file, empty, for its owner alone: one that is there is so from now on, if it is a file and the file system
/// knows owners.
///
/// # Errors
/// What the file system says.
pub fn create(path: &Path) -> io::Result<File> {
    let file = private().write(true).create(true).truncate(true).open(path)?;
    let meta = file.metadata()?;
    if meta.is_file() && is_wide(&meta) {
        // A stick without owners refuses; it keeps nothing from anybody.
        let _ = file.set_permissions(Permissions::from_mode(0o600));
    }
    Ok(file)
}

/// A new file for its owner alone beside `path`, under a name nobody else takes; to be renamed to `path`.
///
/// # Errors
/// What the file system says.
pub fn draft(path: &Path) -> io::Result<(File, PathBuf)> {
    let mut name = path.as_os_str().to_owned();
    let tail = random::<8>().map_err(|it| io::Error::other(it.to_string()))?;
    name.push(format!(".{}.partial", hex(&tail)));
    let draft = PathBuf::from(name);
    Ok((private().write(true).create_new(true).open(&draft)?, draft))
}

fn is_wide(meta: &fs::Metadata) -> bool {
    meta.permissions().mode() & 0o077 != 0
}

/// Takes from everybody but the owner what older programs left readable in the folder and below. Links are not
/// followed; what belongs to somebody else stays as it is.
pub fn tighten(path: &Path) {
    let Ok(meta) = fs::symlink_metadata(path) else { return };
    if is_wide(&meta) && (meta.is_file() || meta.is_dir()) {
        let mode = meta.permissions().mode() & 0o700;
        if let Err(error) = fs::set_permissions(path, Permissions::from_mode(mode)) {
            tracing::warn!(path = %path.display(), %error, "others can look at it");
        }
    }
    if meta.is_dir() {
        fs::read_dir(path).into_iter().flatten().flatten().for_each(|it| tighten(&it.path()));
    }
}

/// Makes the folder and those above it, their names on disk.
///
/// # Errors
/// What the file system says.
pub fn make_dir(dir: &Path) -> io::Result<()> {
    if dir.as_os_str().is_empty() || dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent() {
        make_dir(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(dir) {
        // Somebody else made it at the same moment.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => (),
        other => other?,
    }
    sync_name(dir)
}

/// Puts the name of `path` on disk, whether it was made, renamed or removed.
///
/// # Errors
/// What the file system says.
pub fn sync_name(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Appends to the file, made where it is missing; on disk when it returns.
pub(crate) fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        make_dir(parent)?;
    }
    let is_new = !path.exists();
    let mut file = private().create(true).append(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    if is_new { sync_name(path) } else { Ok(()) }
}
