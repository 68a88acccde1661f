//! `anlan bench`: speed on this machine, with the machine's own limits measured in the same run.

mod desks;
mod ingest;
mod machine;
mod outside;
mod rounds;
mod rules;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json, json};

use crate::{
    cli::{BenchArgs, PlaceArgs},
    verbs::{Bad, Outcome},
};

/// Callees of a real district.
const DISTRICT: usize = 2_535;
/// Desks open at once.
const DESKS: usize = 200;
/// Callees of a message round.
const CITY: usize = 100_000;
/// Readings sent.
const READINGS: usize = 1_000_000;

/// Runs one bench or all, and prints one JSON object.
///
/// # Errors
/// An unknown name; whatever breaks while measuring.
pub async fn run(_place: &PlaceArgs, args: &BenchArgs) -> Result<Outcome, Bad> {
    if let Some(outcome) = outside::play(&args.name).await {
        return outcome;
    }
    let scratch = Scratch::new()?;
    let mut results = Map::new();
    results.insert("machine".into(), machine::facts(&scratch.0)?);
    let all = args.name == "all";
    let mut known = false;
    if all || args.name == "rounds" {
        known = true;
        let voice = rounds::voice(&scratch.0.join("voice"), DISTRICT).await?;
        results.insert("memory_peak_mib_2535_voice".into(), json!(machine::peak_memory_mib()));
        let messages = rounds::messages(&scratch.0.join("messages"), args.callees.unwrap_or(CITY)).await?;
        results.insert("rounds".into(), json!({"voice": voice, "messages": messages}));
    }
    if all || args.name == "open-desks" {
        known = true;
        let desks = rounds::desks(&scratch.0.join("desks"), DISTRICT, DESKS).await?;
        results.insert("open_desks".into(), desks);
    }
    if all || args.name == "ingest" {
        known = true;
        results
            .insert("ingest".into(), ingest::run(&scratch.0.join("ingest"), args.readings.unwrap_or(READINGS)).await?);
    }
    if all || args.name == "rules" {
        known = true;
        results.insert("rules".into(), rules::run()?);
    }
    if !known {
        return Err(Bad(format!("{:?}: rounds, open-desks, ingest, rules, all", args.name)));
    }
    results.insert("memory_peak_mib".into(), json!(machine::peak_memory_mib()));
    println!("{}", serde_json::to_string_pretty(&Json::Object(results))?);
    Ok(Outcome::Ok)
}

/// A folder that is gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, Bad> {
        let name = format!("anlan-bench-{}", anlan_store::hex(&anlan_store::random::<6>()?));
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&dir)?;
        Ok(Self(dir))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, dir = %self.0.display(), "the bench left its folder behind");
        }
    }
}

fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    // Nearest rank; the lists are never so long that the cast loses anything.
    sorted.get(((last as f64) * share).round() as usize).copied().unwrap_or_default()
}

fn sub(dir: &Path, name: &str) -> PathBuf {
    dir.join(name)
}
