//! A folder that is gone afterwards.

use std::{
    io,
    ops::Deref,
    path::{Path, PathBuf},
};

/// A folder of its owner's alone; removed with this handle.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new one among the temporary folders.
    ///
    /// # Errors
    /// What the file system says.
    pub fn new(what: &str) -> io::Result<Self> {
        let number = anlan_store::random::<6>().map_err(io::Error::other)?;
        let dir = std::env::temp_dir().join(format!("anlan-{what}-{}", anlan_store::hex(&number)));
        anlan_store::disk::make_dir(&dir)?;
        Ok(Self(dir))
    }
}

impl Deref for Scratch {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, dir = %self.0.display(), "a temporary folder was left behind");
        }
    }
}
