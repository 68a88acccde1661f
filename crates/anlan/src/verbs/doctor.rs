//! `anlan doctor`: health of everything a night depends on.

use std::{
    path::Path,
    time::{Duration, Instant as Wall},
};

use anlan_kernel::{Actor, Instant, Lang};
use anlan_store::{Clock, StoreError, World, WorldKind, journal, params, real_now};
use anlan_warn::channel::Kind;
use serde::Serialize;

use super::{Bad, Outcome, certificate, lang, words};
use crate::{
    cli::{DoctorArgs, PlaceArgs},
    install::Install,
    rules, serve,
};

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
/// Time a certificate should hold on, so that somebody can still get a new one.
const RENEW: Duration = Duration::from_secs(14 * 86_400);
/// A running server signs a head every minute; a newest one of this age says that it does not.
const STALE_HEAD: Duration = Duration::from_secs(5 * 60);
/// Free space below which a night is in danger, bytes.
const ROOM: u64 = 1 << 30;

/// Looks at everything and says what is wrong.
///
/// # Errors
/// When the configuration file cannot be read.
pub async fn run(place: &PlaceArgs, args: &DoctorArgs) -> Result<Outcome, Bad> {
    let (install, lang) = (Install::of(place), lang(place));
    let mut looks = vec![key(&install.key), space(&install.data), sync_speed(&install.data)];
    let certificate = serve::certificate(args.config.as_deref(), args.tls_cert.as_deref())?;
    looks.extend(certificate.map(|it| shown(&it)));
    match install.open_made(&place.world, Clock::Real) {
        Ok(world) => {
            looks.push(clock(journal::latest(&world).await.ok().flatten().filter(|_| world.kind() == WorldKind::Real)));
            looks.push(store(&world).await);
            looks.push(heads(&install, &world));
            looks.push(edited_rules(&world).await);
            looks.push(backlog(&world).await);
            looks.extend(channels(&world).await);
        }
        Err(error) => {
            looks.push(clock(None));
            looks.push(Look { name: "world", fine: false, seen: words(error, lang).0 });
        }
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
        "certificate" => "证书",
        "rules" => "规则",
        "backlog" => "待办积压",
        "channel" => "通道",
        "world" => "世界",
        other => other,
    };
    lang.pick(zh, name)
}

/// A clock behind the program or behind the newest entry of the journal was set back.
fn clock(latest: Option<Instant>) -> Look {
    let now = real_now();
    let built = Instant::parse(BUILT).ok();
    let behind = built.into_iter().chain(latest).filter(|it| now < *it).max();
    let seen = match behind {
        None => now.to_rfc3339_shanghai(),
        Some(known) => {
            format!("{}: it was {} before", now.to_rfc3339_shanghai(), known.to_rfc3339_shanghai())
        }
    };
    Look { name: "clock", fine: behind.is_none(), seen }
}

/// The certificate browsers and devices are shown.
fn shown(path: &Path) -> Look {
    let (fine, seen) = match certificate::validity(path) {
        Err(words) => (false, words),
        Ok((from, _)) if real_now() < from => (false, format!("holds only from {}", from.to_rfc3339_shanghai())),
        Ok((_, until)) => {
            let left = until.since(real_now());
            let seen = format!("holds until {}, {} days", until.to_rfc3339_shanghai(), left.as_secs() / 86_400);
            (left >= RENEW, seen)
        }
    };
    Look { name: "certificate", fine, seen: format!("{}: {seen}", path.display()) }
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

/// How many heads are signed, and how old the newest is; in a world on another clock that says nothing.
fn heads(install: &Install, world: &World) -> Look {
    let path = install.heads_file(world.name());
    let look = |fine, seen: String| Look { name: "heads", fine, seen: format!("{}: {seen}", path.display()) };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => return look(false, error.to_string()),
    };
    let newest = text.lines().rfind(|it| !it.trim().is_empty()).map(serde_json::from_str::<journal::Head>);
    match newest {
        None => look(false, "none signed".into()),
        Some(Err(error)) => look(false, format!("the newest cannot be read: {error}")),
        Some(Ok(_)) if world.kind() != WorldKind::Real => look(true, format!("{} signed", text.lines().count())),
        Some(Ok(head)) => {
            let age = real_now().since(head.at);
            let running = std::os::unix::net::UnixStream::connect(install.socket()).is_ok();
            let seen = format!("{} signed, the newest {} s ago", text.lines().count(), age.as_secs());
            look(!running || age < STALE_HEAD, seen)
        }
    }
}

/// Rules that were edited here and whose pack changed since.
async fn edited_rules(world: &World) -> Look {
    let look = |fine, seen| Look { name: "rules", fine, seen };
    match world.read(&Actor::system("doctor"), rules::behind).await {
        Ok(behind) if behind.is_empty() => look(true, "none is behind its pack".into()),
        Ok(behind) => {
            let named: Vec<_> = behind.iter().map(|(source, pack)| format!("{source} (now {pack})")).collect();
            look(false, format!("edited here, and their pack changed since: {}; set them anew", named.join(", ")))
        }
        Err(error) => look(false, error.to_string()),
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
