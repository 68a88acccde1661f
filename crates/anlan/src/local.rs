//! The local socket: verbs that write while a server runs on the same data go through the server.
//!
//! One JSON request a call on `DATA/anlan.sock`, readable by the owner only. Without a running server
//! the same code runs here, under the lock of the data folder.

use std::{collections::BTreeMap, os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use anlan_codecs::geo::Datum;
use anlan_kernel::{Actor, Lang, RegionCode};
use anlan_register::{
    export, import,
    records::list::Reader,
    transfer::{self, Choices, Clerk},
};
use anlan_store::{Clock, Event, StoreError, Urgency, World, WorldKind};
use anlan_web::accounts::{self, NewAccount};
use axum::{Json, Router, extract::State, routing::post};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Value_, json};
use tokio::task::JoinSet;

use crate::{
    cli::PlaceArgs,
    house::{House, HouseConfig},
    install::{Install, MODULES},
    packs::Pack,
    scratch::Scratch,
    serve::packs_of,
    verbs::{self, Bad, lang, words},
};

/// What a verb asks for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum Request {
    /// `anlan import`.
    Import {
        /// people, regions, organisations, shifts, stations, observations, or a kind of a pack.
        kind: String,
        /// Base name of the file.
        file: String,
        /// Base64 of its bytes.
        bytes: String,
        /// Check only.
        dry_run: bool,
        /// In which datum positions stand, of a kind of a pack.
        #[serde(default)]
        datum: Option<String>,
    },
    /// `anlan export`.
    Export {
        /// people, or a kind of a pack.
        kind: String,
        /// xlsx or csv; geojson, kml, shp.zip of a kind of a pack.
        format: String,
    },
    /// `anlan user add`.
    AddAccount {
        /// Log-in.
        login: String,
        /// Password, over the owner's own socket only.
        password: String,
        /// Display name.
        name: String,
        /// Role.
        role: String,
        /// Duty areas.
        regions: Vec<RegionCode>,
        /// 牌子.
        hat: Option<String>,
    },
    /// `anlan user list`.
    Accounts,
    /// `anlan user disable`.
    Disable {
        /// Log-in.
        login: String,
    },
    /// `anlan user first-code`.
    FirstCode,
    /// `anlan user device`.
    Device {
        /// Id.
        id: String,
        /// Stations.
        stations: Vec<String>,
    },
}

/// What comes and goes without a pack.
const OWN: [&str; 8] =
    ["people", "regions", "organisations", "shifts", "places", "geometry", "stations", "observations"];

impl Request {
    /// Of several nodes only the one with the log can do these; any can do the others.
    fn needs_the_log(&self) -> bool {
        matches!(self, Self::Import { kind, dry_run: false, .. } if kind == "stations" || kind == "observations")
    }

    /// Whether it is about a kind that a pack defines.
    fn needs_packs(&self) -> bool {
        matches!(self, Self::Import { kind, .. } | Self::Export { kind, .. } if !OWN.contains(&kind.as_str()))
    }

    /// Whether it only looks what would be.
    fn is_dry(&self) -> bool {
        matches!(self, Self::Import { dry_run: true, .. })
    }

    /// Whether it brings something: into a world that is made for it where there is none yet.
    fn may_come_first(&self) -> bool {
        !matches!(self, Self::Export { .. } | Self::Accounts | Self::Disable { .. })
    }
}

/// The answer, or a refusal in both languages.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Done.
    Done(Value_),
    /// Not done; a problem, or words.
    Refused(Value_),
}

/// Does what is asked, in this process.
///
/// # Errors
/// What the mechanism says.
pub async fn perform(house: &House, request: Request) -> Result<Value_, StoreError> {
    let by = Actor::system("command-line");
    let world = &house.world;
    match request {
        Request::Import { kind, file, bytes, dry_run, datum } => {
            let bytes = STANDARD.decode(bytes).map_err(|it| StoreError::Shape(it.to_string()))?;
            match kind.as_str() {
                "stations" => {
                    let imported = house.monitor.import_stations(&by, &bytes, dry_run).await?;
                    let sheet = imported.errors_xlsx.as_ref().map(|it| STANDARD.encode(it));
                    Ok(
                        json!({"new": imported.new, "changed": imported.changed, "same": imported.same, "problems": imported.problems, "errors_xlsx": sheet}),
                    )
                }
                "roads" => {
                    let facts = house.register.roads.import(world, &by, bytes, &file).await?;
                    Ok(json!({"new": facts.roads, "changed": 0, "same": 0, "problems": []}))
                }
                "observations" => {
                    let filed = anlan_monitor::ingest::file(&house.monitor, &file, &bytes, dry_run).await?;
                    let (taken, sheet) = (filed.answer, filed.errors_xlsx.map(|it| STANDARD.encode(it)));
                    Ok(
                        json!({"new": taken.taken, "changed": 0, "same": taken.duplicates, "problems": taken.refused, "errors_xlsx": sheet}),
                    )
                }
                kind if !OWN.contains(&kind) => {
                    records(house, &by, kind, bytes, &file, dry_run, datum.as_deref()).await
                }
                kind => {
                    let report = import::run(world, &by, kind, &bytes, &file, dry_run).await?;
                    let sheet = report.errors_xlsx.as_ref().map(|it| STANDARD.encode(it));
                    Ok(
                        json!({"new": report.new, "changed": report.changed, "same": report.same, "problems": report.problems, "notes": report.notes, "missing": report.missing, "errors_xlsx": sheet}),
                    )
                }
            }
        }
        Request::Export { kind, format } => {
            if kind != "people" {
                let clerk = Clerk { actor: by, reader: Reader::everything() };
                let made = transfer::whole(&house.register, &clerk, &kind, &format, Lang::Zh).await?;
                return Ok(json!({"bytes": STANDARD.encode(made.bytes()?)}));
            }
            let bytes = export::people(world, &by, &format).await?;
            // Every number in clear, as over HTTP: nobody takes it along unseen.
            world
                .write("export", Urgency::Urgent, &by, |tx| tx.record(Event::new("people.exported", "people")))
                .await?;
            Ok(json!({"bytes": STANDARD.encode(bytes)}))
        }
        Request::AddAccount { login, password, name, role, regions, hat } => {
            accounts::create(world, &by, NewAccount { login, password, name, role, regions, hat }).await?;
            Ok(json!({}))
        }
        Request::Accounts => Ok(json!({"accounts": accounts::list(world, &by).await?})),
        Request::Disable { login } => {
            accounts::disable(world, &by, &login).await?;
            Ok(json!({}))
        }
        Request::FirstCode => Ok(json!({"code": accounts::first_code(world).await?})),
        Request::Device { id, stations } => {
            Ok(json!({"secret": accounts::create_device(world, &by, &id, stations).await?}))
        }
    }
}

/// Takes records of a kind that a pack defines.
async fn records(
    house: &House,
    by: &Actor,
    kind: &str,
    bytes: Vec<u8>,
    file: &str,
    dry_run: bool,
    datum: Option<&str>,
) -> Result<Value_, StoreError> {
    let unknown = |it: &str| {
        let (zh, en) = (
            format!("坐标系“{it}”不认识，可用 WGS-84、GCJ-02、BD-09"),
            format!("the datum {it:?} is not known: WGS-84, GCJ-02, BD-09"),
        );
        StoreError::Refused(anlan_kernel::Problem::new("bad_datum", zh, en).field("datum"))
    };
    let datum = datum.map(|it| Datum::parse(it).ok_or_else(|| unknown(it))).transpose()?;
    let clerk = Clerk { actor: by.clone(), reader: Reader::everything() };
    let choices = Choices { datum, ..Choices::default() };
    let report = transfer::run(&house.register, &clerk, kind, bytes, file, choices, dry_run).await?;
    let sheet = report.mend.as_ref().map(|it| STANDARD.encode(it));
    let it = &report.counts;
    Ok(
        json!({"new": it.new, "changed": it.changed, "same": it.same, "refused": it.refused, "problems": report.problems, "notes": report.notes, "unknown": report.unknown, "errors_xlsx": sheet}),
    )
}

/// Does what is asked: through the running server where there is one, else here, with the packs of this folder.
///
/// # Errors
/// The refusal in the caller's language.
pub async fn ask(place: &PlaceArgs, packs: Option<&Path>, request: Request) -> Result<Value_, Bad> {
    let (install, lang) = (Install::of(place), lang(place));
    if request.is_dry() && install.made_as(&place.world).map_err(|it| words(it, lang))?.is_none() {
        let packs = if request.needs_packs() { packs_of(packs, lang)? } else { BTreeMap::new() };
        return in_scratch(request, packs).await.map_err(|it| words(it, lang));
    }
    match install.lock() {
        Ok(_lock) => {
            let new =
                request.may_come_first() && install.made_as(&place.world).map_err(|it| words(it, lang))?.is_none();
            let world = if new {
                install.open(&place.world, WorldKind::Real, Clock::Real)
            } else {
                install.open_made(&place.world, Clock::Real)
            };
            let world = world.map_err(|it| words(it, lang))?;
            let ingest = request.needs_the_log();
            let packs = if ingest || request.needs_packs() { packs_of(packs, lang)? } else { BTreeMap::new() };
            let config = HouseConfig { packs, ingest, ..HouseConfig::default() };
            let house = House::open(world, config).await.map_err(|it| words(it, lang))?;
            let answer = perform(&house, request).await.map_err(|it| words(it, lang))?;
            house.monitor.digest().await.map_err(|it| words(it, lang))?;
            Ok(answer)
        }
        Err(StoreError::Locked(_)) => through_server(&install.socket(), request, lang).await,
        Err(error) => Err(words(error, lang)),
    }
}

/// A dry run where no world is yet: in one that is gone afterwards.
async fn in_scratch(request: Request, packs: BTreeMap<String, Pack>) -> Result<Value_, StoreError> {
    let folder = Scratch::new("dry-run")?;
    let world = World::scratch(&folder.join("world"), Clock::Real, MODULES)?;
    let house = House::open(world, HouseConfig { packs, ingest: false, ..HouseConfig::default() }).await?;
    perform(&house, request).await
}

async fn through_server(socket: &Path, request: Request, lang: Lang) -> Result<Value_, Bad> {
    let answer = exchange(socket, request).await.map_err(|it| match lang {
        Lang::Zh => Bad(format!("运行中的服务没有应答（{}）：{it}", socket.display())),
        Lang::En => Bad(format!("the running server does not answer ({}): {it}", socket.display())),
    })?;
    match answer {
        Answer::Done(value) => Ok(value),
        Answer::Refused(value) => match serde_json::from_value::<anlan_kernel::Problem>(value.clone()) {
            Ok(problem) => Err(Bad(problem.sentence(lang))),
            Err(_) => Err(Bad(value.as_str().unwrap_or_default().to_owned())),
        },
    }
}

async fn exchange(socket: &Path, request: Request) -> reqwest::Result<Answer> {
    let client = reqwest::Client::builder().unix_socket(socket).no_proxy().build()?;
    client.post("http://anlan.local/").json(&request).send().await?.json().await
}

/// Opens the socket of this installation for the verbs.
///
/// # Errors
/// When the socket cannot be made.
pub fn listen(install: &Install, house: &House, tasks: &mut JoinSet<()>, lang: Lang) -> Result<(), Bad> {
    let path = install.socket();
    // The lock is ours, so a socket that stands there is left over from a crash.
    if path.exists() {
        std::fs::remove_file(&path)?;
    }
    let listener = tokio::net::UnixListener::bind(&path).map_err(|it| verbs::file(&path, &it, lang))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    let app = Router::new()
        .route("/", post(handle))
        .layer(axum::extract::DefaultBodyLimit::max(256 << 20))
        .with_state(Arc::new(house.clone()));
    tasks.spawn(async move {
        if let Err(error) = axum::serve(listener, app).await {
            tracing::error!(%error, "the local socket closed");
        }
    });
    Ok(())
}

async fn handle(State(house): State<Arc<House>>, Json(request): Json<Request>) -> Json<Answer> {
    Json(match perform(&house, request).await {
        Ok(value) => Answer::Done(value),
        Err(error) => Answer::Refused(json!(verbs::problem(error))),
    })
}
