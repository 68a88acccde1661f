//! `anlan serve`: the server of the real world.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
};

use anlan_kernel::Lang;
use anlan_store::{Clock, WorldKind};
use anlan_web::accounts;
use serde::Deserialize;

use crate::{
    cli::{PlaceArgs, ServeArgs},
    house::{House, HouseConfig},
    install::Install,
    local, ops,
    packs::{self, Pack},
    server,
    verbs::{self, Bad, Outcome, lang, words},
    workers::{self, Roles},
};

/// The configuration file; every key is also a flag and an `ANLAN_…` variable, which win.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    listen: Option<SocketAddr>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    behind_proxy: bool,
    mqtt_broker: Option<String>,
    mqtt_listen: Option<SocketAddr>,
    role: Vec<String>,
    packs: Option<PathBuf>,
    speaker: Option<String>,
    link_base: Option<String>,
    district: Option<String>,
    oidc_issuer: Option<String>,
    oidc_client: Option<String>,
    oidc_secret_file: Option<PathBuf>,
}

impl File {
    fn read(path: Option<&Path>, lang: Lang) -> Result<Self, Bad> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path).map_err(|it| verbs::file(path, &it, lang))?;
        toml::from_str(&text).map_err(|it| match lang {
            Lang::Zh => Bad(format!("{}：配置文件有误\n{it}", path.display())),
            Lang::En => Bad(format!("{}: {it}", path.display())),
        })
    }

    /// Certificate and key; one without the other is a mistake, and plain HTTP is not its mending.
    fn tls(&self, lang: Lang) -> Result<Option<(&Path, &Path)>, Bad> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(cert), Some(key)) => Ok(Some((cert, key))),
            (None, None) => Ok(None),
            _ => Err(Bad(lang
                .pick(
                    "--tls-cert 与 --tls-key 须同时给出；只有一个不能启用 TLS",
                    "give both --tls-cert and --tls-key; one alone makes no TLS",
                )
                .to_owned())),
        }
    }
}

/// The certificate a server with this configuration shows.
///
/// # Errors
/// When the file cannot be read.
pub fn certificate(config: Option<&Path>, flag: Option<&Path>, lang: Lang) -> Result<Option<PathBuf>, Bad> {
    Ok(flag.map(Path::to_owned).or(File::read(config, lang)?.tls_cert))
}

/// The folder of packs a server with this configuration works by.
///
/// # Errors
/// When the file cannot be read.
pub fn packs_folder(config: Option<&Path>, flag: Option<&Path>, lang: Lang) -> Result<Option<PathBuf>, Bad> {
    Ok(flag.map(Path::to_owned).or(File::read(config, lang)?.packs))
}

/// Flags over environment over file.
fn settings(args: &ServeArgs, lang: Lang) -> Result<File, Bad> {
    let file = File::read(args.config.as_deref(), lang)?;
    let args = args.clone();
    Ok(File {
        listen: args.listen.or(file.listen),
        tls_cert: args.tls_cert.or(file.tls_cert),
        tls_key: args.tls_key.or(file.tls_key),
        behind_proxy: args.behind_proxy || file.behind_proxy,
        mqtt_broker: args.mqtt_broker.or(file.mqtt_broker),
        mqtt_listen: args.mqtt_listen.or(file.mqtt_listen),
        role: if args.role.is_empty() { file.role } else { args.role },
        packs: args.packs.or(file.packs),
        speaker: args.speaker.or(file.speaker),
        link_base: args.link_base.or(file.link_base),
        district: args.district.or(file.district),
        oidc_issuer: args.oidc_issuer.or(file.oidc_issuer),
        oidc_client: args.oidc_client.or(file.oidc_client),
        oidc_secret_file: args.oidc_secret_file.or(file.oidc_secret_file),
    })
}

/// Packs of a folder, or the shipped ones.
///
/// # Errors
/// The first finding, naming its file.
pub fn packs_of(dir: Option<&Path>, lang: Lang) -> Result<BTreeMap<String, Pack>, Bad> {
    dir.map_or_else(packs::shipped, packs::in_folder).map_err(|findings| {
        let lines: Vec<_> = findings.iter().map(|(file, it)| format!("{file}: {}", it.sentence(lang))).collect();
        Bad(lines.join("\n"))
    })
}

/// Lets people log in at the identity provider that is set.
#[cfg(feature = "oidc")]
fn identity_provider(settings: &File, house: &House, lang: Lang) -> Result<(), Bad> {
    let Some(issuer) = settings.oidc_issuer.clone() else { return Ok(()) };
    let client = settings.oidc_client.clone().ok_or_else(|| {
        Bad(lang.pick("有 oidc_issuer 就要有 oidc_client", "oidc_issuer needs oidc_client").to_owned())
    })?;
    let secret = match &settings.oidc_secret_file {
        Some(path) => std::fs::read_to_string(path).map_err(|it| verbs::file(path, &it, lang))?.trim().to_owned(),
        None => String::new(),
    };
    let provider = anlan_web::Provider { issuer, client, secret };
    house.site.set_oidc(provider).map_err(|it| Bad(it.sentence(lang)))
}

#[cfg(not(feature = "oidc"))]
fn identity_provider(settings: &File, _: &House, lang: Lang) -> Result<(), Bad> {
    if settings.oidc_issuer.is_none() && settings.oidc_client.is_none() && settings.oidc_secret_file.is_none() {
        return Ok(());
    }
    Err(Bad(lang
        .pick(
            "这个版本没有统一身份认证（须以 --features oidc 编译）",
            "this build has no log-in at an identity provider (--features oidc)",
        )
        .to_owned()))
}

/// Runs the server until it is told to stop, or one of its workers ends: a night is not served without it, and
/// whoever watches over the process starts a whole one.
///
/// # Errors
/// Settings, a taken port, a folder in use.
pub async fn run(place: &PlaceArgs, args: &ServeArgs) -> Result<Outcome, Bad> {
    let lang = lang(place);
    let settings = settings(args, lang)?;
    let roles = Roles::parse(&settings.role).map_err(|it| Bad(it.sentence(lang)))?;
    let district = settings.district.as_deref().map(|it| verbs::region(it, "district")).transpose();
    let district = district.map_err(|it| Bad(it.sentence(lang)))?;
    let address = settings.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080)));
    let tls = settings.tls(lang)?;
    server::check_exposure(address.ip(), tls.is_some(), settings.behind_proxy, lang)?;
    let listener = server::bind(address, "--listen", lang)?;
    let devices = for_devices(&settings, tls.is_some(), lang)?;
    let install = Install::of(place);
    let _lock = install.lock().map_err(|it| words(it, lang))?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}", listener.local_addr()?);
    let config = HouseConfig {
        secure: tls.is_some() || settings.behind_proxy,
        link_base: settings.link_base.clone().unwrap_or_else(|| url.clone()),
        district,
        packs: packs_of(settings.packs.as_deref(), lang)?,
        ingest: roles.ingest,
        speaker: settings.speaker.clone().unwrap_or_else(|| HouseConfig::default().speaker),
        ..HouseConfig::default()
    };
    let world = install.open(&place.world, WorldKind::Real, Clock::Real).map_err(|it| words(it, lang))?;
    let house = House::open(world, config).await.map_err(|it| words(it, lang))?;
    house.site.trust_proxy(settings.behind_proxy);
    if let Some(base) = &settings.link_base {
        house.site.set_link_base(base.clone());
    }
    identity_provider(&settings, &house, lang)?;
    ops::count_metrics();
    house.warn.load_gateways().await.map_err(|it| words(it, lang))?;
    let mut tasks = workers::all(&house, roles);
    if roles.ingest {
        intake(&settings, devices, &house, &mut tasks, lang)?;
    }
    local::listen(&install, &house, &mut tasks, lang)?;
    if let Some(code) = accounts::first_code(&house.world).await.map_err(|it| words(it, lang))? {
        say!("{}", lang.pick("首个管理员的一次性代码", "One-time code of the first administrator"));
        say!("  {code}   {url}/first");
    }
    say!("安澜 Anlan {} — {url}/", env!("CARGO_PKG_VERSION"));
    let handle = axum_server::Handle::new();
    tokio::spawn(server::stop_on_signal(handle.clone()));
    let serving = async {
        // Observations come over HTTP too.
        if roles.web || roles.ingest {
            server::serve(listener, server::app("", house.routes()), tls, handle).await
        } else {
            drop(listener);
            server::until_stopped().await;
            Ok(())
        }
    };
    tokio::select! {
        served = serving => Ok(served.map(|()| Outcome::Ok)?),
        () = workers::one_ended(&mut tasks) => Ok(Outcome::No),
    }
}

/// MQTT in: from an outside broker, and from devices directly.
fn intake(
    settings: &File,
    devices: Option<TcpListener>,
    house: &House,
    tasks: &mut tokio::task::JoinSet<()>,
    lang: Lang,
) -> Result<(), Bad> {
    if let Some(url) = &settings.mqtt_broker {
        let source = anlan_monitor::mqtt::Broker::parse(url).map_err(|it| Bad(it.sentence(lang)))?;
        tasks.spawn(source.run(Arc::clone(&house.monitor)));
    }
    #[cfg(feature = "mqtt-intake")]
    if let Some(listener) = devices {
        use anlan_monitor::intake::{Tls, serve};
        let pair = settings.tls_cert.as_deref().zip(settings.tls_key.as_deref());
        let tls = pair.map(|(cert, key)| Tls::from_pem(cert, key)).transpose()?;
        say!("MQTT — {}", listener.local_addr()?);
        let listener = tokio::net::TcpListener::from_std(listener)?;
        tasks.spawn(serve(listener, tls, Arc::clone(&house.monitor)));
    }
    #[cfg(not(feature = "mqtt-intake"))]
    drop(devices);
    Ok(())
}

/// Where MQTT devices connect, if they do.
fn for_devices(settings: &File, tls: bool, lang: Lang) -> Result<Option<TcpListener>, Bad> {
    let Some(address) = settings.mqtt_listen else { return Ok(None) };
    if cfg!(not(feature = "mqtt-intake")) {
        let words = lang.pick(
            "这个程序不含 MQTT 设备直连；请用发布包，或以 --features mqtt-intake 编译",
            "this build takes no MQTT devices; use a release package, or build with --features mqtt-intake",
        );
        return Err(Bad(words.to_owned()));
    }
    server::check_exposure(address.ip(), tls, settings.behind_proxy, lang)?;
    Ok(Some(server::bind(address, "--mqtt-listen", lang)?))
}
