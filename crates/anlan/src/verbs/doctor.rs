//! `anlan doctor`: health of everything a night depends on.

use std::{path::Path, time::Instant as Wall};

use anlan_kernel::{Actor, Instant, Lang};
use anlan_store::{Clock, StoreError, World, WorldKind, journal, params, real_now};
use anlan_warn::channel::Kind;
use serde::Serialize;

use super::{Bad, Outcome, lang, words};
use crate::{cli::PlaceArgs, install::Install};

/// One thing looked at.
#[derive(Clone, Debug, Serialize)]
struct Look {
    /// What.
    name: &'static str,
    /// Whether a night can depend on it.
    fine: bool,
    /// What was seen.
    seen: String,
}

/// The earliest moment a clock can honestly show: this program did not exist before.
const BUILT: &str = "2026-01-01T00:00:00Z";
/// Free space below which a night is in danger, bytes.
const ROOM: u64 = 1 << 30;

/// Looks at everything and says what is wrong.
///
/// # Errors
/// When there is no such world.
pub async fn run(place: &PlaceArgs) -> Result<Outcome, Bad> {
    let (install, lang) = (Install::of(place), lang(place));
    let mut looks = vec![clock(), key(&install.key), space(&install.data), sync_speed(&install.data)];
    if install.has_world(&place.world) {
        let world = install.open(&place.world, WorldKind::Real, Clock::Real).map_err(|it| words(it, lang))?;
        looks.push(store(&world).await);
        looks.push(heads(&install.heads_file(&place.world)));
        looks.push(backlog(&world).await);
        looks.extend(channels(&world).await);
    } else {
        looks.push(Look {
            name: "world",
            fine: false,
            seen: format!("{}: none", install.world_dir(&place.world).display()),
        });
    }
    let fine = looks.iter().all(|it| it.fine);
    if place.json {
        say!("{}", serde_json::to_string(&looks)?);
    } else {
        for look in &looks {
            let mark = if look.fine { "ok" } else { lang.pick("不好", "WRONG") };
            say!("{mark:6} {:10} {}", title(look.name, lang), look.seen);
        }
    }
    Ok(if fine { Outcome::Ok } else { Outcome::No })
}

fn title(name: &'static str, lang: Lang) -> &'static str {
    let zh = match name {
        "clock" => "时钟",
        "key" => "主密钥",
        "space" => "磁盘空间",
        "sync" => "落盘速度",
        "store" => "数据库",
        "heads" => "签名链头",
        "backlog" => "待办积压",
        "channel" => "通道",
        "world" => "世界",
        other => other,
    };
    lang.pick(zh, name)
}

fn clock() -> Look {
    let now = real_now();
    let fine = Instant::parse(BUILT).is_ok_and(|it| now > it);
    Look { name: "clock", fine, seen: now.to_rfc3339_shanghai() }
}

fn key(path: &Path) -> Look {
    use std::os::unix::fs::PermissionsExt;
    let seen = |words: &str| format!("{}: {words}", path.display());
    match std::fs::metadata(path) {
        Err(error) => Look { name: "key", fine: false, seen: seen(&error.to_string()) },
        Ok(meta) if meta.permissions().mode() & 0o077 != 0 => {
            Look { name: "key", fine: false, seen: seen("others can read it; chmod 600") }
        }
        Ok(_) => Look { name: "key", fine: true, seen: seen("readable by its owner only") },
    }
}

/// Free space by `df`, which every system has.
fn space(data: &Path) -> Look {
    let existing = data.ancestors().find(|it| it.exists() && !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let out = std::process::Command::new("df").args(["-Pk"]).arg(existing).output();
    let free = out.ok().and_then(|it| {
        let text = String::from_utf8_lossy(&it.stdout).into_owned();
        text.lines().nth(1)?.split_whitespace().nth(3)?.parse::<u64>().ok()
    });
    match free {
        Some(kib) => Look { name: "space", fine: kib * 1024 >= ROOM, seen: format!("{} MiB free", kib / 1024) },
        None => Look { name: "space", fine: false, seen: "df does not say".into() },
    }
}

/// One small write and sync, as every commit makes.
fn sync_speed(data: &Path) -> Look {
    let probe = data.join(".doctor");
    let begun = Wall::now();
    let done = std::fs::create_dir_all(data)
        .and_then(|()| std::fs::File::create(&probe))
        .and_then(|mut it| std::io::Write::write_all(&mut it, &[0; 4096]).and_then(|()| it.sync_all()))
        .and_then(|()| std::fs::remove_file(&probe));
    let took = begun.elapsed();
    match done {
        Ok(()) => {
            Look { name: "sync", fine: took.as_millis() < 500, seen: format!("{:.1} ms", took.as_secs_f64() * 1e3) }
        }
        Err(error) => Look { name: "sync", fine: false, seen: error.to_string() },
    }
}

async fn store(world: &World) -> Look {
    match journal::sealed_position(world).await {
        Ok(position) => Look { name: "store", fine: true, seen: format!("{position} sealed entries") },
        Err(error) => Look { name: "store", fine: false, seen: error.to_string() },
    }
}

fn heads(path: &Path) -> Look {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            Look { name: "heads", fine: true, seen: format!("{}: {} signed", path.display(), text.lines().count()) }
        }
        Err(error) => Look { name: "heads", fine: false, seen: format!("{}: {error}", path.display()) },
    }
}

async fn backlog(world: &World) -> Look {
    let counted = world
        .read(&Actor::system("doctor"), |tx| {
            let mut one = |sql: &str, values: &[anlan_store::Value]| -> Result<i64, StoreError> {
                tx.query(sql, values)?.first().map_or(Ok(0), |it| it.int(0))
            };
            let failed =
                one("SELECT COUNT(*) FROM outbox WHERE state IN ('failed', 'unknown') AND {scope:region}", &[])?;
            let overdue = one("SELECT COUNT(*) FROM deadline WHERE due_at < $1", params![real_now()])?;
            Ok((failed, overdue))
        })
        .await;
    match counted {
        Ok((failed, overdue)) => Look {
            name: "backlog",
            fine: failed == 0,
            seen: format!("{failed} sendings failed or unknown, {overdue} deadlines overdue"),
        },
        Err(error) => Look { name: "backlog", fine: false, seen: error.to_string() },
    }
}

/// Whether each channel answers, as far as asking sends nothing: any answer of a gateway or a bot's
/// server, a mail server that takes the log-in, a broker that greets.
async fn channels(world: &World) -> Vec<Look> {
    let channel = |fine, seen| Look { name: "channel", fine, seen };
    let found = match anlan_warn::channel::service::probe(world).await {
        Ok(found) => found,
        Err(error) => return vec![channel(false, error.to_string())],
    };
    let mut looks = Vec::new();
    if !found.iter().any(|(_, kind, _)| *kind == Kind::Gateway) {
        looks.push(channel(false, "no gateway: nobody can be called".into()));
    }
    for (id, kind, said) in found {
        let kind = kind.about().name;
        looks.push(match said {
            Ok(words) => channel(true, format!("{id} ({kind}): answers ({words})")),
            Err(words) => channel(false, format!("{id} ({kind}): {words}")),
        });
    }
    looks
}
