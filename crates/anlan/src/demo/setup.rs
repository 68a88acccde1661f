//! The world of a story before its first moment: stations, regions, people, accounts, credentials.

use std::collections::BTreeMap;

use anlan_kernel::{Actor, Lang, RegionCode, Text};
use anlan_store::StoreError;
use anlan_web::accounts::{self, NewAccount};

use super::story::Loaded;
use crate::{
    house::House,
    verbs::{Bad, words},
};

/// What the simulated outside needs to speak to the product.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// Passwords of officers by log-in.
    pub passwords: BTreeMap<String, String>,
    /// Bearer tokens of officers by log-in.
    pub tokens: BTreeMap<String, String>,
    /// Bearer token of the device that reports for all stations.
    pub sensors: String,
    /// Bearer token of the warning centre's feed.
    pub signals: String,
}

const FEED: &str = "warning-centre";

/// Fills a world in which nothing happened yet, and gives out new credentials. Doing it again, after it
/// was cut off half-way, changes nothing that is there.
///
/// # Errors
/// A file of the story that does not import cleanly.
pub async fn world(house: &House, loaded: &Loaded, lang: Lang) -> Result<Credentials, Bad> {
    let by = Actor::system("demo");
    let file = |name: &str| loaded.files.get(name).cloned().ok_or_else(|| missing(name, lang));
    // The clock moves with the story only, so at its first moment nobody was called yet.
    if house.world.now() <= loaded.story.starts_at {
        for (kind, name) in [
            ("regions", "regions.csv"),
            ("organisations", "organisations.csv"),
            ("people", "people.csv"),
            ("shifts", "shifts.csv"),
            ("places", "places.csv"),
            ("geometry", "geometry.geojson"),
        ] {
            // Where things are is told by a story that knows.
            if matches!(kind, "places" | "geometry") && !loaded.files.contains_key(name) {
                continue;
            }
            let report = anlan_register::import::run(&house.world, &by, kind, &file(name)?, name, false)
                .await
                .map_err(|it| words(it, lang))?;
            for problem in &report.problems {
                tracing::info!(file = name, %problem, "a row of the story was not taken");
            }
        }
        let imported =
            house.monitor.import_stations(&by, &file("stations.csv")?, false).await.map_err(|it| words(it, lang))?;
        if let Some(problem) = imported.problems.first() {
            return Err(Bad(format!("stations.csv{}{}", lang.pick("：", ": "), problem.sentence(lang))));
        }
    }
    credentials(house, loaded, &by).await.map_err(|it| words(it, lang))
}

fn missing(name: &str, lang: Lang) -> Bad {
    Bad(match lang {
        Lang::Zh => format!("故事里缺少文件 {name}"),
        Lang::En => format!("the story has no {name}"),
    })
}

async fn credentials(house: &House, loaded: &Loaded, by: &Actor) -> Result<Credentials, StoreError> {
    let mut made = Credentials::default();
    let world = &house.world;
    for officer in &loaded.story.officers {
        let password = password()?;
        let new = NewAccount {
            login: officer.login.clone(),
            password: password.clone(),
            name: officer.name.clone(),
            role: role(&officer.post).to_owned(),
            regions: vec![officer.region.clone()],
            hat: Some(officer.hat.clone()),
        };
        accounts::put(world, by, new).await?;
        let token = accounts::create_token(world, by, &officer.login, "demo").await?;
        made.tokens.insert(officer.login.clone(), token);
        made.passwords.insert(officer.login.clone(), password);
    }
    let feed = NewAccount {
        login: FEED.into(),
        password: password()?,
        name: Text::new("预警信息接入（模拟）", "warning feed (simulated)").zh,
        role: "integrator".into(),
        regions: everywhere(&loaded.story.district),
        hat: None,
    };
    accounts::put(world, by, feed).await?;
    made.signals = accounts::create_token(world, by, FEED, "demo").await?;
    made.sensors = accounts::create_device(world, by, "demo-sensors", vec!["*".into()]).await?;
    Ok(made)
}

/// Signals of the Observatory are for Hong Kong and handled by the district's desk.
fn everywhere(district: &RegionCode) -> Vec<RegionCode> {
    let abroad = ["81", "00"].into_iter().filter_map(|it| RegionCode::parse(it).ok());
    std::iter::once(district.clone()).chain(abroad).collect()
}

fn role(post: &str) -> &'static str {
    match post {
        "带班领导" => "duty_leader",
        "系统管理员" => "system_admin",
        "台账管理员" => "register_keeper",
        "街道主班" | "乡镇主班" => "street_officer",
        _ => "duty_officer",
    }
}

/// Sixteen characters that are easy to type and read aloud.
fn password() -> Result<String, StoreError> {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789-";
    let bytes = anlan_store::random::<16>()?;
    Ok(bytes.iter().map(|it| char::from(LETTERS[usize::from(it % 31)])).collect())
}
