//! `anlan verify`, `backup`, `restore`: keeping it.

use std::time::Duration;

use anlan_kernel::Lang;
use anlan_store::{Clock, World, WorldKind, backup, journal};
use serde_json::json;

use super::{Bad, Outcome, lang, words};
use crate::{
    cli::{BackupArgs, PlaceArgs, RestoreArgs, VerifyArgs},
    install::Install,
};

/// How often a followed backup is looked at.
const FOLLOW_EVERY: Duration = Duration::from_secs(60);

fn open(place: &PlaceArgs) -> Result<World, Bad> {
    let install = Install::of(place);
    if !install.has_world(&place.world) {
        let words =
            lang(place).pick("没有这个世界（数据目录或名称不对）", "there is no such world (wrong folder or name)");
        return Err(Bad(format!("{}: {words}", install.world_dir(&place.world).display())));
    }
    install.open(&place.world, WorldKind::Real, Clock::Real).map_err(|it| words(it, lang(place)))
}

/// Reads the whole chain and says what is wrong with it.
///
/// # Errors
/// When the world or the heads file cannot be read.
pub async fn verify(place: &PlaceArgs, args: &VerifyArgs) -> Result<Outcome, Bad> {
    let world = open(place)?;
    let verified = journal::verify(&world, args.head.as_deref()).await.map_err(|it| words(it, lang(place)))?;
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
            say!("  {} {}: {}", if zh { "位置" } else { "position" }, finding.position, finding.what);
        }
        if verified.findings.is_empty() {
            say!("{}", if zh { "完好" } else { "sound" });
        }
    }
    Ok(if verified.findings.is_empty() { Outcome::Ok } else { Outcome::No })
}

/// One consistent, encrypted file while the server runs; with `--follow` again after every change.
///
/// # Errors
/// When the world cannot be read or the file cannot be written.
pub async fn back_up(place: &PlaceArgs, args: &BackupArgs) -> Result<Outcome, Bad> {
    let world = open(place)?;
    let mut last = -1;
    loop {
        let position = journal::sealed_position(&world).await.map_err(|it| words(it, lang(place)))?;
        if position != last {
            let contents = backup::backup(&world, &args.to).await.map_err(|it| words(it, lang(place)))?;
            let file = args.to.display();
            if place.json {
                say!(
                    "{}",
                    json!({"file": file.to_string(), "rows": contents.rows, "files": contents.files, "at": contents.at})
                );
            } else {
                say!("{file}: {} rows, {} files", contents.rows, contents.files);
            }
            last = position;
        }
        if !args.follow {
            return Ok(Outcome::Ok);
        }
        tokio::time::sleep(FOLLOW_EVERY).await;
    }
}

/// Fills an empty data folder from a backup and verifies what came out.
///
/// # Errors
/// When the folder is not empty, the key is another one, or the backup was changed.
pub async fn restore(place: &PlaceArgs, args: &RestoreArgs) -> Result<Outcome, Bad> {
    let install = Install::of(place);
    let _lock = install.lock().map_err(|it| words(it, lang(place)))?;
    let world = install.open(&place.world, WorldKind::Real, Clock::Real).map_err(|it| words(it, lang(place)))?;
    let contents = backup::restore(&world, &args.from).await.map_err(|it| words(it, lang(place)))?;
    let verified = journal::verify(&world, None).await.map_err(|it| words(it, lang(place)))?;
    let sound = verified.findings.is_empty();
    if place.json {
        say!("{}", json!({"world": contents.world, "rows": contents.rows, "files": contents.files, "sound": sound}));
    } else {
        say!(
            "{} rows, {} files; {} entries, {}",
            contents.rows,
            contents.files,
            verified.entries,
            if sound { "sound" } else { "NOT sound" }
        );
    }
    Ok(if sound { Outcome::Ok } else { Outcome::No })
}
