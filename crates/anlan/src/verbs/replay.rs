//! `anlan replay`.

use std::{
    fs::{self, File},
    io::BufReader,
};

use super::{Bad, Outcome, lang, print_problems, progress::Progress};
use crate::cli::{PlaceArgs, ReplayArgs};

/// Judges a file of observations at full speed and writes the report.
///
/// # Errors
/// When a file cannot be read or written.
pub fn run(place: &PlaceArgs, args: &ReplayArgs) -> Result<Outcome, Bad> {
    let read = |path: &std::path::Path| fs::read(path).map_err(|it| Bad(format!("{}: {it}", path.display())));
    let observations =
        File::open(&args.observations).map_err(|it| Bad(format!("{}: {it}", args.observations.display())))?;
    let stations = read(&args.stations)?;
    let rules = String::from_utf8(read(&args.rules)?).map_err(|it| Bad(format!("{}: {it}", args.rules.display())))?;
    let progress = Progress::begin(lang(place).pick("已读行数", "lines read"));
    let observations = BufReader::new(observations);
    let report =
        anlan_monitor::replay::run_with_progress(stations.as_slice(), observations, &rules, progress.counter());
    drop(progress);
    let report = report?;
    let json = serde_json::to_vec_pretty(&report)?;
    fs::write(&args.report, json).map_err(|it| Bad(format!("{}: {it}", args.report.display())))?;
    print_problems(&report.rules_rejected, lang(place));
    print_problems(&report.stations_rejected, lang(place));
    let wrong = report.rejected.len() + report.rules_rejected.len() + report.stations_rejected.len();
    eprintln!("{} readings, {} alarms, {wrong} rejected", report.readings, report.alarms.len());
    Ok(if report.rules_rejected.is_empty() { Outcome::Ok } else { Outcome::No })
}
