//! Packs as they are stored.

use std::{collections::BTreeMap, io::Read};

use anlan_kernel::{Instant, Problem, Text};
use serde::{Deserialize, Serialize};

use crate::kinds::{
    Files, Source,
    read::{Finding, is_id, toml_file},
};

/// Most files of a pack.
const MOST_FILES: usize = 300;
/// Most bytes of all files of a pack together.
const LARGEST: u64 = 8 << 20;

/// One version of a pack (业务包). It is never changed; what changes is which one is in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pack {
    /// `id@version`.
    pub id: String,
    /// The pack.
    pub pack: String,
    /// Its version.
    pub version: String,
    /// For people.
    pub title: Text,
    /// Packs it needs.
    pub needs: Vec<String>,
    /// Its files, by path.
    pub files: Files,
    /// Whether it is in force.
    pub active: bool,
    /// Whether it came with the program.
    pub shipped: bool,
    /// Who brought it.
    pub actor: String,
    /// When it came.
    pub came_at: Instant,
    /// When it was last put in force.
    pub active_at: Option<Instant>,
}

anlan_store::table!(Pack, PACK, "pack", {
    id: Text, pack: Text, version: Text, title: Json, needs: Json, files: Json, active: Bool, shipped: Bool, actor: Text,
    came_at: Time, active_at: Time,
});

pub(crate) const MIGRATION: &str = "
    CREATE TABLE pack (id TEXT NOT NULL PRIMARY KEY, pack TEXT NOT NULL, version TEXT NOT NULL, title TEXT NOT NULL,
       needs TEXT NOT NULL, files TEXT NOT NULL, active BIGINT NOT NULL, shipped BIGINT NOT NULL, actor TEXT NOT NULL,
       came_at BIGINT NOT NULL, active_at BIGINT);
    CREATE INDEX pack_pack ON pack(pack, came_at);";

/// `pack.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: String,
    /// For people.
    pub title: Text,
    /// Packs it needs.
    #[serde(default)]
    pub needs: Vec<String>,
    /// What it rests on.
    #[serde(default, rename = "source")]
    pub sources: Vec<LawSource>,
}

/// A law or paper a pack rests on.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LawSource {
    /// Its id within the pack.
    pub id: String,
    /// Its title, with the article.
    pub title: String,
    /// In force from.
    pub in_force: Option<toml::value::Datetime>,
    /// In force until.
    pub until: Option<toml::value::Datetime>,
    /// What it says.
    #[serde(default)]
    pub note: String,
}

impl Meta {
    /// Reads `pack.toml`.
    ///
    /// # Errors
    /// Every fault of it.
    pub fn read(files: &Files) -> Result<Self, Vec<Finding>> {
        let found = |it: Problem| vec![("pack.toml".to_owned(), it)];
        let text = files.get("pack.toml").ok_or_else(|| {
            found(Problem::new("no_pack", "没有 pack.toml，这不是业务包", "there is no pack.toml, so this is no pack"))
        })?;
        let meta: Self = toml_file(text).map_err(found)?;
        let mut findings = Vec::new();
        let mut wrong = |code: &str, field: &str, zh: String, en: String| {
            let line = text.lines().position(|it| it.trim_start().starts_with(field)).map_or(1, |it| it + 1);
            findings.extend(found(Problem::new(code, zh, en).line(line).field(field)));
        };
        if !is_id(&meta.id, '-') {
            wrong("bad_id", "id", format!("编号 {} 不合规则", meta.id), format!("{} is no id", meta.id));
        }
        let fine = |it: char| it.is_alphanumeric() || ".-_".contains(it);
        if meta.version.is_empty() || meta.version.len() > 40 || !meta.version.chars().all(fine) {
            let zh = "版本只用字母、数字和 . - _，不超过 40 个字符".to_owned();
            wrong("bad_version", "version", zh, "a version has letters, digits, . - _ and at most 40".to_owned());
        }
        if meta.title.zh.is_empty() {
            wrong("required", "title", "没有标题".to_owned(), "the title is missing".to_owned());
        }
        if meta.sources.is_empty() || meta.sources.iter().any(|it| it.id.is_empty() || it.title.is_empty()) {
            let zh = "业务包没有写明出处（source）".to_owned();
            wrong("no_source", "source", zh, "the pack names no source".to_owned());
        }
        if findings.is_empty() { Ok(meta) } else { Err(findings) }
    }
}

impl Pack {
    /// A version of a pack out of its files, not in force.
    ///
    /// # Errors
    /// Faults of `pack.toml`.
    pub fn of_files(files: Files, shipped: bool, actor: &str, now: Instant) -> Result<Self, Vec<Finding>> {
        let meta = Meta::read(&files)?;
        Ok(Self {
            id: format!("{}@{}", meta.id, meta.version),
            pack: meta.id,
            version: meta.version,
            title: meta.title,
            needs: meta.needs,
            files,
            active: false,
            shipped,
            actor: actor.to_owned(),
            came_at: now,
            active_at: None,
        })
    }

    /// As far as kinds go.
    pub fn source(&self) -> Source {
        let sources = Meta::read(&self.files).map(|it| it.sources).unwrap_or_default();
        Source {
            id: self.pack.clone(),
            name: self.id.clone(),
            needs: self.needs.clone(),
            sources: sources.into_iter().map(|it| it.id).collect(),
            files: self.files.clone(),
        }
    }
}

/// The files of a pack out of a zip: of its one folder, or of its root.
///
/// # Errors
/// `not_a_zip`, `too_large`, `not_text`, `no_pack`.
pub fn unzip(bytes: &[u8]) -> Result<Files, Problem> {
    let refuse = |code: &str, zh: String, en: String| Problem::new(code, zh, en);
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).map_err(|it| {
        refuse("not_a_zip", "这不是 zip：请把业务包的文件夹打成一个 zip".to_owned(), format!("this is no zip: {it}"))
    })?;
    let mut raw = BTreeMap::new();
    let mut left = LARGEST;
    for index in 0..zip.len() {
        let file =
            zip.by_index(index).map_err(|it| refuse("not_a_zip", format!("zip 已损坏：{it}"), it.to_string()))?;
        let name = file.enclosed_name().map(|it| it.to_string_lossy().replace('\\', "/")).unwrap_or_default();
        let hidden = name.split('/').any(|it| it.starts_with('.') || it == "__MACOSX");
        if file.is_dir() || hidden || name.is_empty() {
            continue;
        }
        let mut content = Vec::new();
        file.take(left + 1)
            .read_to_end(&mut content)
            .map_err(|it| refuse("not_a_zip", format!("zip 已损坏：{it}"), it.to_string()))?;
        let too_large = || {
            refuse(
                "too_large",
                "业务包超过 8 MB 或 300 个文件".to_owned(),
                "a pack has at most 8 MB and 300 files".to_owned(),
            )
        };
        left = left.checked_sub(content.len() as u64).ok_or_else(too_large)?;
        raw.insert(name, content);
        if raw.len() > MOST_FILES {
            return Err(too_large());
        }
    }
    let root = raw.keys().find(|it| *it == "pack.toml" || it.ends_with("/pack.toml")).cloned();
    let root = root.ok_or_else(|| {
        refuse(
            "no_pack",
            "zip 里没有 pack.toml，这不是业务包".to_owned(),
            "there is no pack.toml in the zip".to_owned(),
        )
    })?;
    let folder = root.strip_suffix("pack.toml").unwrap_or_default();
    let mut files = Files::new();
    for (name, content) in raw {
        let Some(path) = name.strip_prefix(folder) else { continue };
        let text = String::from_utf8(content).map_err(|it| {
            let at = it.utf8_error().valid_up_to();
            refuse("not_text", format!("{path} 不是 UTF-8 文本"), format!("{path} is no UTF-8 text"))
                .byte(at)
                .field(path)
        })?;
        files.insert(path.to_owned(), text);
    }
    Ok(files)
}
