//! `anlan bench`: speed on this machine, with the machine's own limits measured in the same run.

mod desks;
mod ingest;
mod machine;
mod outside;
mod register;
mod rounds;
mod rules;

use std::path::{Path, PathBuf};

use anlan_kernel::Lang;
use serde_json::{Map, Value as Json, json};

use crate::{
    cli::{BenchArgs, PlaceArgs},
    scratch::Scratch,
    verbs::{Bad, Outcome, lang},
};

/// Callees of a real district.
const DISTRICT: usize = 2_535;
/// Desks open at once.
const DESKS: usize = 200;
/// Callees of a message round.
const CITY: usize = 100_000;
/// Readings sent.
const READINGS: usize = 1_000_000;

/// Records written.
const RECORDS: usize = 100_000;

/// Runs one bench or all, and prints one JSON object.
///
/// # Errors
/// An unknown name; whatever breaks while measuring.
pub async fn run(place: &PlaceArgs, args: &BenchArgs) -> Result<Outcome, Bad> {
    if let Some(outcome) = outside::play(&args.name).await {
        return outcome;
    }
    let scratch = Scratch::new("bench")?;
    let mut results = Map::new();
    results.insert("machine".into(), machine::facts(&scratch)?);
    let all = args.name == "all";
    let mut known = false;
    if all || args.name == "rounds" {
        known = true;
        let voice = rounds::voice(&scratch.join("voice"), DISTRICT).await?;
        results.insert("memory_peak_mib_2535_voice".into(), json!(machine::peak_memory_mib()));
        let messages = rounds::messages(&scratch.join("messages"), args.callees.unwrap_or(CITY)).await?;
        results.insert("rounds".into(), json!({"voice": voice, "messages": messages}));
    }
    if all || args.name == "open-desks" {
        known = true;
        let desks = rounds::desks(&scratch.join("desks"), DISTRICT, DESKS).await?;
        results.insert("open_desks".into(), desks);
    }
    if all || args.name == "ingest" {
        known = true;
        results.insert("ingest".into(), ingest::run(&scratch.join("ingest"), args.readings.unwrap_or(READINGS)).await?);
    }
    if all || args.name == "rules" {
        known = true;
        results.insert("rules".into(), rules::run()?);
    }
    if all || args.name == "register" {
        known = true;
        let records = args.records.unwrap_or(RECORDS);
        results.insert(
            "register".into(),
            register::run(&scratch.join("register"), place.database.as_deref(), records).await?,
        );
    }
    if !known {
        let (name, known) = (&args.name, "rounds, open-desks, ingest, rules, register, all");
        return Err(Bad(match lang(place) {
            Lang::Zh => format!("没有“{name}”这项测速，可用：{known}"),
            Lang::En => format!("there is no bench {name:?}; there are {known}"),
        }));
    }
    results.insert("memory_peak_mib".into(), json!(machine::peak_memory_mib()));
    println!("{}", serde_json::to_string_pretty(&Json::Object(results))?);
    Ok(Outcome::Ok)
}

fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    // Nearest rank; the lists are never so long that the cast loses anything.
    sorted.get(((last as f64) * share).round() as usize).copied().unwrap_or_default()
}

fn sub(dir: &Path, name: &str) -> PathBuf {
    dir.join(name)
}
