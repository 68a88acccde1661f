//! A disk that forgets what was not synced.
//!
//! Owns the shim (a C library put before the system's with `LD_PRELOAD`), the durable side it keeps, and
//! what is left of both after a power cut. Knows the product only in [`story`], which the tests tell.
//!
//! # The model, as strict as POSIX lets a file system be
//! - What was written to a file is durable once `fsync` or `fdatasync` of that file returned, as it was
//!   when it was called; what was written later, or never synced, is lost. So is a cut (`ftruncate`).
//! - A name (made, renamed or removed; a file's or a folder's) is durable once the folder it stands in was
//!   synced. Syncing a file does not make its name durable, whatever ext4 does beyond its promises.
//! - A file whose name is durable and whose content is not is empty.
//! - A process killed in the middle of a sync leaves half of it.
//! - With [`Torn`], any of the 4 KiB blocks that were written and never synced may have reached the disk
//!   all the same, in any order: each does on the toss of a coin.
//! - What is written through a memory map (SQLite's `-shm`) is never durable.
//!
//! Folders that are removed and made again are outside the model.

use std::{
    fs, io,
    os::unix::fs::{FileExt, MetadataExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

pub mod story;

const SHIM: &str = include_str!("shim.c");
const BLOCK: usize = 4096;

/// One disk: the folder a program works in, and beside it what of that is durable.
#[derive(Debug)]
pub struct Disk {
    live: PathBuf,
    durable: PathBuf,
    shim: PathBuf,
}

/// At which sync the program is killed.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// The how-many-th sync of the process, from 1.
    pub sync: usize,
    /// 0 before it did anything, 1 halfway through, 2 when it was done and nobody knows it yet.
    pub phase: usize,
}

/// Blocks that reached the disk although nobody asked for it, drawn from this seed.
#[derive(Clone, Copy, Debug)]
pub struct Torn(pub u64);

impl Disk {
    /// An empty disk in `dir`, or one that holds what an earlier one left.
    ///
    /// # Errors
    /// What the file system or the C compiler says.
    pub fn new(dir: &Path, holding: Option<&Path>) -> io::Result<Self> {
        let disk = Self { live: dir.join("live"), durable: dir.join("durable"), shim: dir.join("syncshim.so") };
        fs::create_dir_all(&disk.durable)?;
        match holding {
            Some(earlier) => fs::rename(earlier, &disk.live)?,
            None => fs::create_dir_all(&disk.live)?,
        }
        disk.settle(&disk.live)?;
        build(&dir.join("syncshim.c"), &disk.shim)?;
        Ok(disk)
    }

    /// The folder to work in.
    pub fn live(&self) -> &Path {
        &self.live
    }

    /// A program that works on this disk, killed at `cut` if it comes so far.
    pub fn command(&self, program: &str, cut: Option<Cut>) -> Command {
        let mut command = Command::new(program);
        command.env("LD_PRELOAD", &self.shim).env("SYNCSHIM_ROOT", &self.live).env("SYNCSHIM_DURABLE", &self.durable);
        if let Some(cut) = cut {
            command.env("SYNCSHIM_KILL_AT", cut.sync.to_string()).env("SYNCSHIM_KILL_PHASE", cut.phase.to_string());
        }
        command
    }

    /// What is found after the power comes back, in a folder of its own.
    ///
    /// # Errors
    /// What the file system says.
    pub fn after_power_cut(&self, torn: Option<Torn>) -> io::Result<PathBuf> {
        let after = self.live.with_file_name("after");
        let mut coin = torn.map(|it| it.0);
        self.recover(
            &self.durable.join(format!("d{}", fs::metadata(&self.live)?.ino())),
            &self.live,
            &after,
            &mut coin,
        )?;
        Ok(after)
    }

    fn recover(&self, shadow: &Path, live: &Path, after: &Path, coin: &mut Option<u64>) -> io::Result<()> {
        fs::create_dir_all(after)?;
        let mut entries = fs::read_dir(shadow)?.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (live, after) = (live.join(entry.file_name()), after.join(entry.file_name()));
            if entry.path().is_dir() {
                self.recover(&entry.path(), &live, &after, coin)?;
                continue;
            }
            fs::copy(entry.path(), &after)?;
            if let Some(coin) = coin
                && let Ok(written) = fs::metadata(&live)
                && fs::metadata(self.durable.join(format!("f{}", written.ino())))
                    .is_ok_and(|it| entry.metadata().is_ok_and(|mine| mine.ino() == it.ino()))
            {
                tear(&live, &after, coin)?;
            }
        }
        Ok(())
    }

    /// Everything that stands in the folder is durable.
    fn settle(&self, dir: &Path) -> io::Result<PathBuf> {
        let shadow = self.durable.join(format!("d{}", fs::metadata(dir)?.ino()));
        fs::create_dir(&shadow)?;
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = shadow.join(entry.file_name());
            if entry.path().is_dir() {
                symlink(self.settle(&entry.path())?, name)?;
            } else {
                let content = self.durable.join(format!("f{}", entry.metadata()?.ino()));
                fs::copy(entry.path(), &content)?;
                fs::hard_link(content, name)?;
            }
        }
        Ok(shadow)
    }
}

/// Lets some of the blocks that were written and not synced into what is left.
fn tear(live: &Path, after: &Path, coin: &mut u64) -> io::Result<()> {
    let (written, left) = (fs::read(live)?, fs::read(after)?);
    let file = fs::OpenOptions::new().write(true).open(after)?;
    for (i, block) in written.chunks(BLOCK).enumerate() {
        let at = i * BLOCK;
        let same = left.get(at..).is_some_and(|it| it.starts_with(block));
        *coin = coin.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if !same && *coin >> 63 == 1 {
            file.write_all_at(block, at as u64)?;
        }
    }
    Ok(())
}

fn build(source: &Path, shim: &Path) -> io::Result<()> {
    fs::write(source, SHIM)?;
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(shim).arg(source).args(["-ldl", "-lpthread"]);
    let out = cc.output().map_err(|it| {
        io::Error::new(it.kind(), format!("cc cannot be run ({it}); scripts/install-test-tools installs it"))
    })?;
    let said = String::from_utf8_lossy(&out.stderr);
    if out.status.success() { Ok(()) } else { Err(io::Error::other(format!("cc says {said}"))) }
}
