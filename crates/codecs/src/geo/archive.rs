//! The files of a zip that are wanted, within a bound on what they inflate to.

use std::io::{Cursor, Read, Write};

use anlan_kernel::Problem;
use encoding_rs::GB18030;
use zip::{ZipArchive, ZipWriter, write::SimpleFileOptions};

use super::{MAX_FILE_BYTES, too_large};

/// Most entries that are looked at.
const ENTRIES: usize = 10_000;

/// One file out of an archive.
#[derive(Debug)]
pub(super) struct File {
    /// Path without the extension.
    pub stem: String,
    /// In small letters.
    pub extension: String,
    pub bytes: Vec<u8>,
}

/// Inflates the files with one of the extensions, in the order of the archive.
pub(super) fn unpack(bytes: &[u8], extensions: &[&str]) -> Result<Vec<File>, Problem> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(too_large());
    }
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(|it| broken(&it))?;
    let (mut files, mut room) = (Vec::new(), MAX_FILE_BYTES as u64);
    for index in 0..zip.len().min(ENTRIES) {
        let named = zip.by_index_raw(index).map(|it| name(it.name_raw())).map_err(|it| broken(&it))?;
        let Some((stem, extension)) = wanted(&named, extensions) else { continue };
        let mut inflated = Vec::new();
        let entry = zip.by_index(index).map_err(|it| broken(&it))?;
        let length = entry.take(room + 1).read_to_end(&mut inflated).map_err(|it| broken(&it))? as u64;
        room = room.checked_sub(length).ok_or_else(too_large)?;
        files.push(File { stem, extension, bytes: inflated });
    }
    Ok(files)
}

/// Puts files into an archive.
pub(super) fn pack(files: &[(String, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        // Memory takes whatever is written; only a file beyond 4 GiB could be refused.
        let _ = zip.start_file(name.as_str(), SimpleFileOptions::default());
        let _ = zip.write_all(bytes);
    }
    zip.finish().map(Cursor::into_inner).unwrap_or_default()
}

fn wanted(name: &str, extensions: &[&str]) -> Option<(String, String)> {
    let base = name.rsplit('/').next().unwrap_or(name);
    let (stem, extension) = name.rsplit_once('.')?;
    let extension = extension.to_ascii_lowercase();
    let shadow = name.starts_with("__MACOSX/") || base.starts_with("._");
    (!shadow && extensions.contains(&extension.as_str())).then(|| (stem.to_owned(), extension))
}

/// Windows writes names in GBK without saying so.
fn name(raw: &[u8]) -> String {
    std::str::from_utf8(raw).map_or_else(|_| GB18030.decode(raw).0.into_owned(), str::to_owned)
}

fn broken(error: &dyn std::fmt::Display) -> Problem {
    let words: String = error.to_string().chars().take(200).collect();
    Problem::new("broken_archive", format!("压缩包打不开：{words}"), format!("the archive cannot be opened: {words}"))
}
