//! `anlan verify`, `backup`, `restore`: keeping it.

use std::{path::Path, time::Duration};

use anlan_kernel::Lang;
use anlan_store::{
    Clock, Keys, StoreError, World, WorldKind,
    backup::{self, Contents},
    journal,
};
use serde_json::json;

use super::{Bad, Outcome, lang, progress::Progress, words};
use crate::{
    cli::{BackupArgs, PlaceArgs, RestoreArgs, VerifyArgs},
    install::{Begun, Install},
};

/// How often a followed backup is looked at.
const FOLLOW_EVERY: Duration = Duration::from_secs(60);

fn open(place: &PlaceArgs) -> Result<World, Bad> {
    Install::of(place).open_made(&place.world, Clock::Real).map_err(|it| words(it, lang(place)))
}

/// Reads the whole chain and says what is wrong with it.
///
/// # Errors
/// When the world or the heads file cannot be read.
pub async fn verify(place: &PlaceArgs, args: &VerifyArgs) -> Result<Outcome, Bad> {
    let world = open(place)?;
    let progress = Progress::begin(lang(place).pick("已核对条目", "entries read"));
    let told = progress.counter();
    let count = |entries| told(u64::try_from(entries).unwrap_or_default());
    let verified = journal::verify_with_progress(&world, args.head.as_deref(), count).await;
    drop(progress);
    let verified = verified.map_err(|it| words(it, lang(place)))?;
    if place.json {
        say!("{}", serde_json::to_string(&verified)?);
    } else {
        let zh = lang(place) == Lang::Zh;
        let line = if zh {
            format!(
                "已核对 {} 条操作日志、{} 个签名链头；未封存 {} 条",
                verified.entries, verified.heads, verified.unsealed
            )
        } else {
            format!(
                "{} entries and {} signed heads read; {} not sealed yet",
                verified.entries, verified.heads, verified.unsealed
            )
        };
        say!("{line}");
        if verified.unreadable > 0 {
            let count = verified.unreadable;
            let line = if zh {
                format!("密钥已依法销毁、无法再读出的个人信息：{count} 处（链条仍可核对）")
            } else {
                format!("sealed texts that cannot be read any more (keys of their persons destroyed): {count}")
            };
            say!("{line}");
        }
        for finding in &verified.findings {
            say!(
                "  {} {}: {}",
                if zh { "位置" } else { "position" },
                finding.position,
                if zh { &finding.what_zh } else { &finding.what }
            );
        }
        if verified.findings.is_empty() {
            say!("{}", if zh { "完好" } else { "sound" });
        }
    }
    Ok(if verified.findings.is_empty() { Outcome::Ok } else { Outcome::No })
}

/// A file that is there is somebody's backup. `--follow` goes on with one of the same world.
fn check_target(world: &World, args: &BackupArgs, lang: Lang) -> Result<(), Bad> {
    let follows = || args.follow && backup::inspect(&args.to, world.keys()).is_ok_and(|it| it.world == world.name());
    if args.force || !args.to.exists() || follows() {
        return Ok(());
    }
    let file = args.to.display();
    Err(Bad(match lang {
        Lang::Zh => format!("{file} 已经存在，不会覆盖；请换一个文件名，或加 --force 覆盖"),
        Lang::En => format!("{file} is there already and is not written over: take another name, or add --force"),
    }))
}

/// One consistent, encrypted file while the server runs; with `--follow` again after every change.
///
/// # Errors
/// When the world cannot be read, the file is there already or cannot be written.
pub async fn back_up(place: &PlaceArgs, args: &BackupArgs) -> Result<Outcome, Bad> {
    let world = open(place)?;
    check_target(&world, args, lang(place))?;
    let mut last = -1;
    loop {
        let position = journal::sealed_position(&world).await.map_err(|it| words(it, lang(place)))?;
        if position != last {
            let progress = Progress::begin(lang(place).pick("已备份行数", "rows backed up"));
            let contents = backup::backup_with_progress(&world, &args.to, progress.counter()).await;
            drop(progress);
            let contents = contents.map_err(|it| words(it, lang(place)))?;
            let file = args.to.display();
            if place.json {
                say!(
                    "{}",
                    json!({"file": file.to_string(), "rows": contents.rows, "files": contents.files, "at": contents.at})
                );
            } else {
                say!("{file}{}{}", lang(place).pick("：", ": "), counted(&contents, lang(place)));
            }
            last = position;
        }
        if !args.follow {
            return Ok(Outcome::Ok);
        }
        tokio::time::sleep(FOLLOW_EVERY).await;
    }
}

/// Fills an empty data folder from a backup and verifies what came out. The key is never made here: a
/// backup opens under its own only.
///
/// # Errors
/// When the folder is not empty, the key is missing or another one, the backup was changed, or that of a
/// replay would become the world `real`.
pub async fn restore(place: &PlaceArgs, args: &RestoreArgs) -> Result<Outcome, Bad> {
    let (install, lang) = (Install::of(place), lang(place));
    let said = |it| words(it, lang);
    let begun = install.begin(&place.world).map_err(said)?;
    let progress = Progress::begin(lang.pick("正在恢复", "restoring"));
    let (world, contents) = match fill(&install, &place.world, &args.from).await {
        Ok(filled) => filled,
        Err((error, made_here)) => return Err(taken_back(begun, made_here, said(error), lang)),
    };
    let verified = journal::verify(&world, None).await.map_err(said)?;
    drop(progress);
    let sound = verified.findings.is_empty();
    if place.json {
        say!("{}", json!({"world": contents.world, "rows": contents.rows, "files": contents.files, "sound": sound}));
    } else {
        let (counted, entries) = (counted(&contents, lang), verified.entries);
        match lang {
            Lang::Zh => say!("{counted}；操作日志 {entries} 条，{}", if sound { "完好" } else { "不完好" }),
            Lang::En => say!("{counted}; {entries} entries, {}", if sound { "sound" } else { "NOT sound" }),
        }
    }
    Ok(if sound { Outcome::Ok } else { Outcome::No })
}

/// Why it failed, and what of it is left behind.
fn taken_back(begun: Begun, made_here: bool, why: Bad, lang: Lang) -> Bad {
    let left = match begun.take_back(made_here) {
        Ok(true) => return why,
        Ok(false) => lang.pick(
            "；数据库里另有其他节点写入的内容，未删除",
            "; the database holds what another node wrote there, and it was left",
        ),
        Err(error) => {
            tracing::warn!(%error, "what was begun is left behind");
            lang.pick("；已建立的部分未能删除", "; what was begun could not be taken away")
        }
    };
    Bad(why.0 + left)
}

/// Beside an error stands whether the world was made for this.
async fn fill(install: &Install, name: &str, from: &Path) -> Result<(World, Contents), (StoreError, bool)> {
    let world = open_for(install, name, from).map_err(|it| (it, false))?;
    match backup::restore(&world, from).await {
        Ok(contents) => Ok((world, contents)),
        Err(error) => Err((error, world.made_here())),
    }
}

fn open_for(install: &Install, name: &str, from: &Path) -> Result<World, StoreError> {
    let keys = Keys::open(&install.key)?;
    let head = backup::inspect(from, &keys)?;
    if name == "real" {
        head.kind.must_be(WorldKind::Real, &head.world)?;
    }
    install.open_for(name, head.kind, keys)
}

fn counted(contents: &Contents, lang: Lang) -> String {
    let (rows, files) = (contents.rows, contents.files);
    match lang {
        Lang::Zh => format!("记录 {rows} 行，观测文件 {files} 个"),
        Lang::En => format!("{rows} rows, {files} files"),
    }
}
