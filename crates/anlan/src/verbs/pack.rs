//! `anlan pack check`.

use std::path::Path;

use serde_json::json;

use super::{Bad, Outcome, lang};
use crate::{cli::PlaceArgs, packs};

/// Loads and proves packs; prints what cannot close and what lacks a source.
///
/// # Errors
/// Never; what is wrong with a pack is the answer no.
pub fn check(place: &PlaceArgs, dir: Option<&Path>) -> Result<Outcome, Bad> {
    let (found, findings) = match dir.map_or_else(packs::shipped, packs::in_folder) {
        Ok(found) => (found, Vec::new()),
        Err(findings) => (std::collections::BTreeMap::new(), findings),
    };
    if place.json {
        let findings: Vec<_> =
            findings.iter().map(|(file, problem)| json!({"file": file, "problem": problem})).collect();
        let packs: Vec<_> = found.values().map(packs::Pack::name).collect();
        say!("{}", json!({"packs": packs, "findings": findings}));
    } else {
        for pack in found.values() {
            say!("{:40} {}", pack.name(), pack.title.get(lang(place)));
        }
        for (file, problem) in &findings {
            eprintln!("{file}: {}", problem.sentence(lang(place)));
        }
    }
    Ok(if findings.is_empty() { Outcome::Ok } else { Outcome::No })
}
