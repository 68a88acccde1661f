//! `anlan replay`.

use std::{
    fs::{self, File},
    io::BufReader,
    path::Path,
};

use anlan_kernel::Lang;
use anlan_monitor::replay::ReplayError;

use super::{Bad, Outcome, file, lang, print_problems, progress::Progress};
use crate::cli::{PlaceArgs, ReplayArgs};

/// Judges a file of observations at full speed and writes the report.
///
/// # Errors
/// When a file cannot be read or written.
pub fn run(place: &PlaceArgs, args: &ReplayArgs) -> Result<Outcome, Bad> {
    let lang = lang(place);
    let read = |path: &Path| fs::read(path).map_err(|it| file(path, &it, lang));
    let observations = File::open(&args.observations).map_err(|it| file(&args.observations, &it, lang))?;
    let stations = read(&args.stations)?;
    let rules = String::from_utf8(read(&args.rules)?).map_err(|_| no_utf8(&args.rules, lang))?;
    let progress = Progress::begin(lang.pick("已读行数", "lines read"));
    let observations = BufReader::new(observations);
    let report =
        anlan_monitor::replay::run_with_progress(stations.as_slice(), observations, &rules, progress.counter());
    drop(progress);
    let report = report.map_err(|it| match it {
        ReplayError::Input(problem) => Bad(problem.sentence(lang)),
        ReplayError::Read(error) => file(&args.observations, &error, lang),
    })?;
    let json = serde_json::to_vec_pretty(&report)?;
    fs::write(&args.report, json).map_err(|it| file(&args.report, &it, lang))?;
    print_problems(&report.rules_rejected, lang);
    print_problems(&report.stations_rejected, lang);
    let wrong = report.rejected.len() + report.rules_rejected.len() + report.stations_rejected.len();
    let (readings, alarms) = (report.readings, report.alarms.len());
    match lang {
        Lang::Zh => eprintln!("读数 {readings} 条，告警 {alarms} 次，未收下 {wrong} 条"),
        Lang::En => eprintln!("{readings} readings, {alarms} alarms, {wrong} rejected"),
    }
    Ok(if report.rules_rejected.is_empty() { Outcome::Ok } else { Outcome::No })
}

fn no_utf8(path: &Path, lang: Lang) -> Bad {
    let path = path.display();
    Bad(match lang {
        Lang::Zh => format!("{path}：不是 UTF-8 编码"),
        Lang::En => format!("{path}: this is not UTF-8"),
    })
}
