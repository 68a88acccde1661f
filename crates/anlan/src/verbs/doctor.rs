//! `anlan doctor`: health of everything a night depends on.

use std::{
    path::Path,
    time::{Duration, Instant as Wall},
};

use anlan_kernel::{Actor, Instant, Lang};
use anlan_store::{Clock, StoreError, World, WorldKind, disk, journal, params, real_now};
use anlan_warn::channel::Kind;
use serde::Serialize;

use super::{Bad, Outcome, certificate, file, lang, words};
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
    let mut looks = vec![key(&install.key, lang), space(&install.data, lang), sync_speed(&install.data, lang)];
    let certificate = serve::certificate(args.config.as_deref(), args.tls_cert.as_deref(), lang)?;
    looks.extend(certificate.map(|it| shown(&it, lang)));
    match install.open_made(&place.world, Clock::Real) {
        Ok(world) => {
            let latest = journal::latest(&world).await.ok().flatten().filter(|_| world.kind() == WorldKind::Real);
            looks.push(clock(latest, lang));
            looks.push(store(&world, lang).await);
            looks.push(heads(&install, &world, lang));
            looks.push(edited_rules(&world, lang).await);
            looks.push(backlog(&world, lang).await);
            looks.push(findable(&world, lang).await);
            looks.extend(channels(&world, lang).await);
        }
        Err(error) => {
            looks.push(clock(None, lang));
            looks.push(Look { name: "world", fine: false, seen: words(error, lang).0 });
        }
    }
    let fine = looks.iter().all(|it| it.fine);
    if place.json {
        say!("{}", serde_json::to_string(&looks)?);
    } else {
        for look in &looks {
            let mark = if look.fine { lang.pick("正常", "ok") } else { lang.pick("不好", "WRONG") };
            say!("{mark:6} {:10} {}", title(look.name, lang), look.seen);
        }
    }
    Ok(if fine { Outcome::Ok } else { Outcome::No })
}

fn either(lang: Lang, zh: String, en: String) -> String {
    match lang {
        Lang::Zh => zh,
        Lang::En => en,
    }
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
        "find" => "查找索引",
        "channel" => "通道",
        "world" => "数据",
        other => other,
    };
    lang.pick(zh, name)
}

/// A clock behind the program or behind the newest entry of the journal was set back.
fn clock(latest: Option<Instant>, lang: Lang) -> Look {
    let now = real_now();
    let built = Instant::parse(BUILT).ok();
    let behind = built.into_iter().chain(latest).filter(|it| now < *it).max();
    let shown = now.to_rfc3339_shanghai();
    let seen = match behind.map(Instant::to_rfc3339_shanghai) {
        None => shown,
        Some(known) => either(lang, format!("{shown}：此前已到过 {known}"), format!("{shown}: it was {known} before")),
    };
    Look { name: "clock", fine: behind.is_none(), seen }
}

/// The certificate browsers and devices are shown.
fn shown(path: &Path, lang: Lang) -> Look {
    let (fine, seen) = match certificate::validity(path) {
        Err(words) => (false, words.get(lang).to_owned()),
        Ok((from, _)) if real_now() < from => {
            let from = from.to_rfc3339_shanghai();
            (false, either(lang, format!("{from} 起才生效"), format!("holds only from {from}")))
        }
        Ok((_, until)) => {
            let left = until.since(real_now());
            let (until, days) = (until.to_rfc3339_shanghai(), left.as_secs() / 86_400);
            let seen =
                either(lang, format!("有效期至 {until}，还有 {days} 天"), format!("holds until {until}, {days} days"));
            (left >= RENEW, seen)
        }
    };
    Look { name: "certificate", fine, seen: format!("{}{}{seen}", path.display(), lang.pick("：", ": ")) }
}

fn key(path: &Path, lang: Lang) -> Look {
    use std::os::unix::fs::PermissionsExt;
    let look = |fine, words: &str| {
        let seen = format!("{}{}{words}", path.display(), lang.pick("：", ": "));
        Look { name: "key", fine, seen }
    };
    match std::fs::metadata(path) {
        Err(error) => Look { name: "key", fine: false, seen: file(path, &error, lang).0 },
        Ok(meta) if meta.permissions().mode() & 0o077 != 0 => {
            look(false, lang.pick("别人也能读；请执行 chmod 600", "others can read it; chmod 600"))
        }
        Ok(_) => look(true, lang.pick("只有属主可读", "readable by its owner only")),
    }
}

/// Free space by `df`, which every system has.
fn space(data: &Path, lang: Lang) -> Look {
    let existing = data.ancestors().find(|it| it.exists() && !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let out = std::process::Command::new("df").args(["-Pk"]).arg(existing).output();
    let free = out.ok().and_then(|it| {
        let text = String::from_utf8_lossy(&it.stdout).into_owned();
        text.lines().nth(1)?.split_whitespace().nth(3)?.parse::<u64>().ok()
    });
    match free {
        Some(kib) => {
            let free = kib / 1024;
            Look {
                name: "space",
                fine: kib * 1024 >= ROOM,
                seen: either(lang, format!("剩余 {free} MiB"), format!("{free} MiB free")),
            }
        }
        None => Look { name: "space", fine: false, seen: lang.pick("df 没有给出结果", "df does not say").into() },
    }
}

/// One small write and sync, as every commit makes.
fn sync_speed(data: &Path, lang: Lang) -> Look {
    let probe = data.join(".doctor");
    let begun = Wall::now();
    let done = disk::make_dir(data)
        .and_then(|()| disk::create(&probe))
        .and_then(|mut it| std::io::Write::write_all(&mut it, &[0; 4096]).and_then(|()| it.sync_all()))
        .and_then(|()| std::fs::remove_file(&probe));
    let took = begun.elapsed();
    match done {
        Ok(()) => {
            let ms = format!("{:.1}", took.as_secs_f64() * 1e3);
            Look {
                name: "sync",
                fine: took.as_millis() < 500,
                seen: either(lang, format!("{ms} 毫秒"), format!("{ms} ms")),
            }
        }
        Err(error) => Look { name: "sync", fine: false, seen: file(&probe, &error, lang).0 },
    }
}

async fn store(world: &World, lang: Lang) -> Look {
    match journal::sealed_position(world).await {
        Ok(count) => {
            let seen = either(lang, format!("操作日志已封存 {count} 条"), format!("{count} sealed entries"));
            Look { name: "store", fine: true, seen }
        }
        Err(error) => Look { name: "store", fine: false, seen: words(error, lang).0 },
    }
}

/// How many heads are signed, and how old the newest is; in a world on another clock that says nothing.
fn heads(install: &Install, world: &World, lang: Lang) -> Look {
    let path = install.heads_file(world.name());
    let look = |fine, zh: String, en: String| {
        let seen = format!("{}{}{}", path.display(), lang.pick("：", ": "), either(lang, zh, en));
        Look { name: "heads", fine, seen }
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => return Look { name: "heads", fine: false, seen: file(&path, &error, lang).0 },
    };
    let count = text.lines().count();
    let newest = text.lines().rfind(|it| !it.trim().is_empty()).map(serde_json::from_str::<journal::Head>);
    match newest {
        None => look(false, "一个也没有".into(), "none signed".into()),
        Some(Err(error)) => {
            look(false, format!("最新的一个读不出来：{error}"), format!("the newest cannot be read: {error}"))
        }
        Some(Ok(_)) if world.kind() != WorldKind::Real => look(true, format!("{count} 个"), format!("{count} signed")),
        Some(Ok(head)) => {
            let age = real_now().since(head.at);
            let running = std::os::unix::net::UnixStream::connect(install.socket()).is_ok();
            let (fine, age) = (!running || age < STALE_HEAD, age.as_secs());
            let (zh, en) =
                (format!("{count} 个，最新的在 {age} 秒前"), format!("{count} signed, the newest {age} s ago"));
            look(fine, zh, en)
        }
    }
}

/// Rules that were edited here and whose pack changed since.
async fn edited_rules(world: &World, lang: Lang) -> Look {
    let look = |fine, seen| Look { name: "rules", fine, seen };
    match world.read(&Actor::system("doctor"), rules::behind).await {
        Ok(behind) if behind.is_empty() => {
            look(true, lang.pick("没有落后于业务包的", "none is behind its pack").into())
        }
        Ok(behind) => {
            let named: Vec<_> = behind.iter().map(|(source, pack)| format!("{source} → {pack}")).collect();
            let named = named.join(", ");
            let zh = format!("在这里改过，而业务包又有新版：{named}；请重新保存一次");
            look(false, either(lang, zh, format!("edited here, and their pack changed since: {named}; set them anew")))
        }
        Err(error) => look(false, words(error, lang).0),
    }
}

async fn backlog(world: &World, lang: Lang) -> Look {
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
            seen: either(
                lang,
                format!("发送失败或结果不明 {failed} 条，过期未办的时限 {overdue} 个"),
                format!("{failed} sendings failed or unknown, {overdue} deadlines overdue"),
            ),
        },
        Err(error) => Look { name: "backlog", fine: false, seen: words(error, lang).0 },
    }
}

/// Whether the one box finds everything; if not, the next start sees to it, and a night goes on without.
async fn findable(world: &World, lang: Lang) -> Look {
    let (fine, seen) = match anlan_register::find::is_ready(world).await {
        Ok(true) => (true, lang.pick("已建", "made").to_owned()),
        Ok(false) => (true, lang.pick("未建完，下次启动时补建", "not finished; the next start makes it").to_owned()),
        Err(error) => (false, words(error, lang).0),
    };
    Look { name: "find", fine, seen }
}

/// Whether each channel answers, as far as asking sends nothing: any answer of a gateway or a bot's
/// server, a mail server that takes the log-in, a broker that greets.
async fn channels(world: &World, lang: Lang) -> Vec<Look> {
    let channel = |fine, seen| Look { name: "channel", fine, seen };
    let found = match anlan_warn::channel::service::probe(world).await {
        Ok(found) => found,
        Err(error) => return vec![channel(false, words(error, lang).0)],
    };
    let mut looks = Vec::new();
    if !found.iter().any(|(_, kind, _)| *kind == Kind::Gateway) {
        let words = lang.pick("没有短信、语音通道：谁也叫不到", "no gateway: nobody can be called");
        looks.push(channel(false, words.into()));
    }
    for (id, kind, said) in found {
        let (zh, en) = kind.about().words;
        looks.push(match said {
            Ok(words) => channel(
                true,
                either(lang, format!("{id}（{zh}）：有应答（{words}）"), format!("{id} ({en}): answers ({words})")),
            ),
            Err(words) => {
                channel(false, either(lang, format!("{id}（{zh}）：{words}"), format!("{id} ({en}): {words}")))
            }
        });
    }
    looks
}
