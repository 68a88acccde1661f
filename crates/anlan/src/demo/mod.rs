//! `anlan demo`: a past storm through the production pipeline, and everybody called.
//!
//! Sensors, the warning centre and officers are simulated and speak to the product as the real ones
//! would: over HTTP, each with its own credential. The carrier is simulated on a socket this process
//! opens. Everything between is the product.

mod actors;
mod channels;
pub mod district;
mod guide;
pub mod setup;
mod shipped;
pub mod story;
mod summary;
mod visitor;

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use anlan_kernel::{Instant, Lang};
use anlan_simulator::{Carrier, CarrierConfig, carrier::Clock as CarrierClock};
use anlan_store::{Clock, WorldKind, journal};
use anlan_warn::Gateway;
use tokio::task::JoinSet;

use crate::{
    cli::{DemoArgs, PlaceArgs},
    driver::{Driver, Speed},
    house::{House, HouseConfig},
    install::Install,
    ops,
    packs::{self, Pack},
    server,
    verbs::{Bad, Outcome, lang, words},
    workers,
};
use actors::Actors;
use guide::Guide;
use story::Loaded;

/// World seconds per real second, where nobody says otherwise.
const SPEED: f64 = 60.0;
/// Name of the simulated gateway.
const GATEWAY: &str = "simulated";
/// How long after its last moment the story waits for calls that are still open.
const AFTERMATH: std::time::Duration = std::time::Duration::from_secs(4 * 3_600);

/// Runs the demo.
///
/// # Errors
/// A wrong story, a taken port, a folder that cannot be used.
pub async fn run(place: &PlaceArgs, args: &DemoArgs) -> Result<Outcome, Bad> {
    let lang = lang(place);
    let loaded = Arc::new(story::load(args.story.as_deref())?);
    let size = size(args, &loaded);
    let start = match &args.start {
        Some(text) => Instant::parse(text)?,
        None if args.exit_when_done => loaded.story.starts_at,
        None => loaded.story.opens_at,
    };
    let tls = args.tls_cert.as_deref().zip(args.tls_key.as_deref());
    server::check_exposure(args.listen, tls.is_some(), false, lang)?;
    let listener = server::bind(SocketAddr::new(args.listen, args.port), "--port", lang)?;
    let port = listener.local_addr()?.port();
    let install = Install::of(place);
    let _lock = install.lock().map_err(|it| words(it, lang))?;
    let origin = origin(args, port, tls.is_some());
    let (house, resumed) =
        open(&install, &loaded, &origin, tls.is_some(), args.resume, size).await.map_err(|it| words(it, lang))?;
    ops::count_metrics();

    let internal = internal_listener(&house)?;
    let actors = Actors::new(&internal.url, &loaded.story, setup::world(&house, &loaded, lang).await?)?;
    let carrier = carrier(&loaded, &house, &internal.url, resumed, lang).await?;
    let _outside = channels::start(&house, &loaded.story.district).await?;
    greet(&loaded, &origin, &house, &actors, lang);

    let handle = axum_server::Handle::new();
    let mut tasks = JoinSet::new();
    workers::sealer(house.world.clone(), workers::holder(&house.world), &mut tasks);
    tasks.spawn(std::sync::Arc::clone(&house.monitor).run());
    let speed = Speed::new(0.0);
    let wanted = args.speed.unwrap_or(if args.exit_when_done { 0.0 } else { SPEED });
    let guide = Guide::new(&loaded.story, speed.clone(), wanted);
    // Whoever names a speed wants that one, all night.
    let led = !args.exit_when_done && args.speed.is_none() && !loaded.story.scenes.is_empty();
    let mut routes = house.routes().merge(visitor::routes(
        &house,
        carrier.client()?,
        speed.clone(),
        (!args.listen.is_loopback()).then_some(&*origin),
    ));
    if led {
        routes = routes.merge(guide::routes(&house.site, &guide));
    }
    let app = server::app(&house.site.base, routes);
    let public = app.clone();
    let inside = axum_server::Handle::new();
    let inside_too = inside.clone();
    tasks.spawn(async move {
        if let Err(error) = server::serve(internal.listener, app, None, inside_too).await {
            tracing::error!(error, "the demo's inner door closed");
        }
    });
    tokio::spawn(server::stop_on_signal(handle.clone()));
    let driver = Driver { house: house.clone(), carrier: carrier.client()?, speed: speed.clone() };
    let cert = args.tls_cert.clone().zip(args.tls_key.clone());
    let mut serving = tokio::spawn(async move {
        let tls: Option<(PathBuf, PathBuf)> = cert;
        server::serve(listener, public, tls.as_ref().map(|(a, b)| (a.as_path(), b.as_path())), handle).await
    });
    let (opened, go) = tokio::sync::oneshot::channel();
    let register = district::start(&house, &loaded, size, !args.exit_when_done, go, lang);
    let told = tokio::select! {
        told = tell(&driver, &actors, &loaded, start, wanted, led.then_some(&*guide), opened) => told,
        // Ctrl-C or SIGTERM; what was told so far is on disk, and `--resume` goes on from there.
        ended = &mut serving => {
            ended??;
            let early = lang.pick("回放未到终点就停止了", "the replay was stopped before its end");
            return if args.exit_when_done { Err(early.to_owned().into()) } else { Ok(Outcome::Ok) };
        }
    };
    if let Err(error) = &told {
        tracing::error!(%error, "the story stopped");
    }
    if args.exit_when_done {
        told?;
        register.await?.map_err(|it| words(it, lang))?;
        finish_sealing(&house).await.map_err(|it| words(it, lang))?;
        say!("{}", summary::of(&house).await.map_err(|it| words(it, lang))?);
        return Ok(Outcome::Ok);
    }
    say!(
        "{}",
        lang.pick("回放已到终点；页面保持打开，Ctrl-C 结束。", "The replay is over; the pages stay open until Ctrl-C.")
    );
    tokio::select! {
        ended = &mut serving => ended??,
        stopped = follow(&driver) => {
            if let Err(error) = stopped {
                tracing::error!(%error, "what was begun after the story stands still");
            }
            serving.await??;
        }
    }
    Ok(Outcome::Ok)
}

/// After the story: what somebody who looks at it sets going, such as a list they call, comes to its end.
async fn follow(driver: &Driver) -> Result<(), crate::driver::Error> {
    let mut commits = driver.house.world.commits();
    loop {
        driver.settle().await?;
        while summary::open_calls(&driver.house).await? > 0 {
            let Some(next) = driver.settle().await? else { break };
            driver.run_until(next).await?;
        }
        if commits.changed().await.is_err() {
            return Ok(());
        }
    }
}

/// Feeds every moment of the story in order, then follows open calls to their end.
async fn tell(
    driver: &Driver,
    actors: &Actors,
    loaded: &Loaded,
    start: Instant,
    wanted: f64,
    guide: Option<&Guide>,
    opened: tokio::sync::oneshot::Sender<()>,
) -> Result<(), crate::driver::Error> {
    let began = driver.house.world.now();
    let mut opens = Some(opened);
    for (at, moment) in loaded.moments.range(began..) {
        if *at >= start {
            driver.run_until(start.max(began)).await?;
            if let Some(opened) = opens.take() {
                let _ = opened.send(());
                driver.speed.set(wanted);
                if let Some(guide) = guide {
                    guide.begin(start.max(began));
                }
            }
        }
        driver.run_until(*at).await?;
        actors.play(&loaded.story, *at, moment).await?;
        driver.settle().await?;
        if let (Some(guide), Some(scene), true) = (guide, moment.scene, opens.is_none()) {
            if scene == 0 {
                guide.recall(summary::recap(&driver.house).await?);
            }
            guide.reach(scene);
        }
    }
    if let Some(opened) = opens.take() {
        let _ = opened.send(());
    }
    driver.run_until(loaded.story.ends_at).await?;
    let last = loaded.story.ends_at.plus(AFTERMATH);
    while summary::open_calls(&driver.house).await? > 0 {
        match driver.settle().await? {
            Some(next) if next <= last => driver.run_until(next).await?,
            _ => break,
        }
    }
    Ok(())
}

async fn finish_sealing(house: &House) -> Result<(), anlan_store::StoreError> {
    house.monitor.digest().await?;
    while journal::sealed_position(&house.world).await? < i64::MAX {
        if ops::pulse(house).await?.unsealed == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    journal::sign_head(&house.world).await.map(drop)
}

/// The register is filled where somebody looks at the story that ships with it, or asks for it.
fn size(args: &DemoArgs, loaded: &Loaded) -> district::Size {
    let looked_at = !args.exit_when_done && loaded.story.id == story::DEFAULT;
    args.district.unwrap_or(if looked_at { district::Size::Full } else { district::Size::None })
}

/// Where browsers find the program.
fn origin(args: &DemoArgs, port: u16, tls: bool) -> String {
    let scheme = if tls { "https" } else { "http" };
    let ip =
        if args.listen.is_unspecified() { own_address().unwrap_or(Ipv4Addr::LOCALHOST.into()) } else { args.listen };
    format!("{scheme}://{}", SocketAddr::new(ip, port))
}

/// The address of this machine that its network knows: the one a packet to the outside would carry. None is sent.
fn own_address() -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // A documentation address (RFC 5737); connecting a datagram socket only asks the routing table.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    socket.local_addr().ok().map(|it| it.ip()).filter(|it| !it.is_unspecified())
}

/// The socket sensors, officers and the carrier of this process use; loopback, whatever `--listen` says.
struct Internal {
    listener: std::net::TcpListener,
    url: String,
}

fn internal_listener(house: &House) -> Result<Internal, Bad> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let url = format!("http://{}{}", listener.local_addr()?, house.site.base);
    Ok(Internal { listener, url })
}

async fn open(
    install: &Install,
    loaded: &Loaded,
    origin: &str,
    secure: bool,
    resume: bool,
    size: district::Size,
) -> Result<(House, bool), anlan_store::StoreError> {
    let name = &loaded.story.id;
    let resumed = resume && install.has_world(name);
    if !resumed {
        install.remove(name)?;
    }
    let clock = Clock::driven(loaded.story.starts_at);
    let world = install.open(name, WorldKind::Replay, clock)?;
    if let Some(at) = journal::latest(&world).await? {
        world.clock().move_to(at);
    }
    let base = format!("/w/{name}");
    let shipped = packs::shipped().map_err(|_| anlan_store::StoreError::Shape("a shipped pack is wrong".into()))?;
    let of_district = |id: &str| size != district::Size::None && district::PACKS.contains(&id);
    let wanted = |id: &String| loaded.story.packs.contains(id) || of_district(id);
    let mut packs: BTreeMap<_, _> = shipped.into_iter().filter(|it| wanted(&it.0)).collect();
    packs.extend(own_pack(loaded));
    let config = HouseConfig {
        link_base: format!("{origin}{base}"),
        base,
        secure,
        district: Some(loaded.story.district.clone()),
        packs,
        ..HouseConfig::default()
    };
    let house = House::open(world, config).await?;
    Ok((house, resumed))
}

/// Rules and ladders a story brings of its own.
fn own_pack(loaded: &Loaded) -> Option<(String, Pack)> {
    let (rules, ladders) = (loaded.text("rules.toml"), loaded.text("ladders.toml"));
    let story = &loaded.story;
    (rules.is_some() || ladders.is_some()).then(|| {
        let own = rules.map(|it| ("rules.toml", it)).into_iter().chain(ladders.map(|it| ("ladders.toml", it)));
        (story.id.clone(), Pack::made(&story.id, &story.title, own))
    })
}

async fn carrier(loaded: &Loaded, house: &House, url: &str, resumed: bool, lang: Lang) -> Result<Carrier, Bad> {
    let wrong = |it: &dyn std::fmt::Display| {
        Bad(match lang {
            Lang::Zh => format!("carrier.toml 读不出来：{it}"),
            Lang::En => format!("carrier.toml cannot be read: {it}"),
        })
    };
    let bytes = loaded.files.get("carrier.toml").map_or(&[][..], |it| it);
    let text = std::str::from_utf8(bytes).map_err(|it| wrong(&it))?;
    let mut config: CarrierConfig = toml::from_str(text).map_err(|it| wrong(&it))?;
    config.secret = anlan_store::hex(&anlan_store::random::<32>()?);
    config.clock = CarrierClock::Driven(house.world.now());
    config.callback = Some(format!("{url}/api/v1/receipts/{GATEWAY}"));
    // Its memory went with the process, so of what was sent before it can say nothing.
    config.answers_status &= !resumed;
    let secret = config.secret.clone();
    let carrier = Carrier::start(config).await?;
    let gateway = Gateway {
        id: GATEWAY.into(),
        url: carrier.url().to_owned(),
        rate: 0.0,
        area_rate: 0.0,
        batch: 500,
        max_tries: 10,
        enabled: true,
    };
    house.warn.use_gateway(gateway, secret.into_bytes());
    house.warn.clear_up(None).await?;
    Ok(carrier)
}

fn greet(loaded: &Loaded, origin: &str, house: &House, actors: &Actors, lang: Lang) {
    let story = &loaded.story;
    say!("安澜 Anlan — {}", story.title.get(lang));
    say!("{origin}{}/", house.site.base);
    say!();
    say!(
        "{}",
        lang.pick("登录（账号 / 密码，每次演示重新生成）", "Log in (account / password, made anew for each demo)")
    );
    let passwords: BTreeMap<&str, &str> = actors.passwords();
    for officer in &story.officers {
        let password = passwords.get(officer.login.as_str()).copied().unwrap_or_default();
        say!("  {:10} {password}   {} · {}", officer.login, officer.name, officer.post);
    }
    say!();
    say!("{} {origin}{}/visit", visitor::words(lang), house.site.base);
    say!("{}", story.attribution);
    say!("{}", story.invented.get(lang));
}
