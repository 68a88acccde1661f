//! `anlan import` and `anlan export`.

use std::path::PathBuf;

use anlan_kernel::Problem;
use base64::{Engine, engine::general_purpose::STANDARD};

use super::{Bad, Outcome, lang, print_problems, progress::Progress};
use crate::{
    cli::{ExportArgs, ImportArgs, PlaceArgs},
    local::{self, Request},
};

/// Takes every good row of a file; bad rows go to `FILE.errors.xlsx` with their reasons.
///
/// # Errors
/// When the file cannot be read or is none we know.
pub async fn import(place: &PlaceArgs, args: &ImportArgs) -> Result<Outcome, Bad> {
    let bytes = std::fs::read(&args.file).map_err(|it| Bad(format!("{}: {it}", args.file.display())))?;
    let name = args.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let request =
        Request::Import { kind: args.kind.clone(), file: name, bytes: STANDARD.encode(bytes), dry_run: args.dry_run };
    let progress = Progress::begin(lang(place).pick("正在导入", "importing"));
    let report = local::ask(place, request).await;
    drop(progress);
    let mut report = report?;
    if let Some(sheet) = report["errors_xlsx"].as_str() {
        let mut to = args.file.clone().into_os_string();
        to.push(".errors.xlsx");
        let to = PathBuf::from(to);
        std::fs::write(&to, STANDARD.decode(sheet)?).map_err(|it| Bad(format!("{}: {it}", to.display())))?;
        report["errors_xlsx"] = to.display().to_string().into();
    }
    let problems: Vec<Problem> = serde_json::from_value(report["problems"].clone())?;
    if place.json {
        say!("{report}");
    } else {
        let (new, changed, same) = (&report["new"], &report["changed"], &report["same"]);
        let checked = if args.dry_run {
            lang(place).pick("（仅检查，未写入）", " (checked only, nothing written)")
        } else {
            ""
        };
        say!(
            "{}{checked}",
            match lang(place) {
                anlan_kernel::Lang::Zh =>
                    format!("新增 {new}，更新 {changed}，未变 {same}，有问题 {} 行", problems.len()),
                anlan_kernel::Lang::En =>
                    format!("{new} new, {changed} changed, {same} unchanged, {} rows with problems", problems.len()),
            }
        );
        print_problems(&problems, lang(place));
        if let Some(missing) = report["missing"].as_u64().filter(|it| *it > 0) {
            say!(
                "{}",
                match lang(place) {
                    anlan_kernel::Lang::Zh => format!("文件中没有的岗位 {missing} 个（未删除）"),
                    anlan_kernel::Lang::En => format!("{missing} posts of these units are not in the file (kept)"),
                }
            );
        }
        print_problems(
            &serde_json::from_value::<Vec<Problem>>(report["notes"].clone()).unwrap_or_default(),
            lang(place),
        );
        if let Some(file) = report["errors_xlsx"].as_str() {
            say!("{file}");
        }
    }
    Ok(if problems.is_empty() { Outcome::Ok } else { Outcome::No })
}

/// Writes a register to xlsx or csv.
///
/// # Errors
/// When the kind cannot be exported or the file cannot be written.
pub async fn export(place: &PlaceArgs, args: &ExportArgs) -> Result<Outcome, Bad> {
    let format = args.file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let answer = local::ask(place, Request::Export { kind: args.kind.clone(), format }).await?;
    let bytes = STANDARD.decode(answer["bytes"].as_str().unwrap_or_default())?;
    std::fs::write(&args.file, bytes).map_err(|it| Bad(format!("{}: {it}", args.file.display())))?;
    Ok(Outcome::Ok)
}
