//! Files and folders that are there after a power cut: a new name is on disk only once its folder was synced.
//! What is made here its owner alone can read: folders are 0700, files 0600.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

/// Options that make a file for its owner alone.
pub fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// The file, empty, for its owner alone.
///
/// # Errors
/// What the file system says.
pub fn create(path: &Path) -> io::Result<File> {
    private().write(true).create(true).truncate(true).open(path)
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
