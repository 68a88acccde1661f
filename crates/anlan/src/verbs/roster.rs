//! `anlan import` and `anlan export`.

use std::{
    collections::HashMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use anlan_kernel::{Lang, Problem};
use anlan_store::disk;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value as Json;

use super::{Bad, Outcome, file, lang, progress::Progress};
use crate::{
    cli::{ExportArgs, ImportArgs, PlaceArgs},
    local::{self, Request},
    serve,
};

/// Equal problems up to this number are told one by one.
const ONE_BY_ONE: usize = 3;
/// Rows of equal problems that are named where the errors sheet has them all.
const NAMED: usize = 5;

/// Notes that are about places.
const OF_PLACES: [&str; 2] = ["swapped", "outside_region"];

/// Takes every good row of a file; bad rows go to `FILE.errors.xlsx` with their reasons.
///
/// # Errors
/// When the file cannot be read or is none we know.
pub async fn import(place: &PlaceArgs, args: &ImportArgs) -> Result<Outcome, Bad> {
    let lang = lang(place);
    let bytes = fs::read(&args.file).map_err(|it| file(&args.file, &it, lang))?;
    let name = args.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let packs = serve::packs_folder(args.config.as_deref(), args.packs.as_deref(), lang)?;
    let request = Request::Import {
        kind: args.kind.clone(),
        file: name,
        bytes: STANDARD.encode(bytes),
        dry_run: args.dry_run,
        datum: args.datum.clone(),
    };
    let progress = Progress::begin(lang.pick("正在导入", "importing"));
    let report = local::ask(place, packs.as_deref(), request).await;
    drop(progress);
    let mut report = report?;
    if let Some(sheet) = report["errors_xlsx"].as_str() {
        let mut to = args.file.clone().into_os_string();
        to.push(".errors.xlsx");
        let to = PathBuf::from(to);
        keep(&to, &STANDARD.decode(sheet)?, lang)?;
        report["errors_xlsx"] = to.display().to_string().into();
    }
    let problems: Vec<Problem> = serde_json::from_value(report["problems"].clone())?;
    if place.json {
        say!("{report}");
    } else {
        tell(&report, &problems, args.dry_run, lang);
    }
    Ok(if problems.is_empty() { Outcome::Ok } else { Outcome::No })
}

fn tell(report: &Json, problems: &[Problem], dry_run: bool, lang: Lang) {
    let notes: Vec<Problem> = serde_json::from_value(report["notes"].clone()).unwrap_or_default();
    let (new, changed, same) = (&report["new"], &report["changed"], &report["same"]);
    // Of many refused rows some are told one by one.
    let wrong = report["refused"].as_u64().map_or(problems.len(), |it| usize::try_from(it).unwrap_or(usize::MAX));
    let renumbered = notes.iter().filter(|it| it.code == "number_changed").count();
    let doubtful = notes.iter().filter(|it| !OF_PLACES.contains(&it.code.as_str())).count() - renumbered;
    let mut line = match lang {
        Lang::Zh => format!("新增 {new}，更新 {changed}，未变 {same}，有问题 {wrong} 行"),
        Lang::En => format!("{new} new, {changed} changed, {same} unchanged, {wrong} rows with problems"),
    };
    for (count, zh, en) in [(renumbered, "号码更改", "numbers changed"), (doubtful, "号码存疑", "doubtful numbers")]
    {
        if count > 0 {
            line += &match lang {
                Lang::Zh => format!("，{zh} {count} 处"),
                Lang::En => format!(", {count} {en}"),
            };
        }
    }
    if dry_run {
        line += lang.pick("（仅检查，未写入）", " (checked only, nothing written)");
    }
    say!("{line}");
    let sheet = report["errors_xlsx"].as_str();
    grouped(problems, if sheet.is_some() { NAMED } else { usize::MAX }, lang).iter().for_each(|it| eprintln!("  {it}"));
    grouped(&notes, usize::MAX, lang).iter().for_each(|it| eprintln!("  {it}"));
    if let Some(missing) = report["missing"].as_u64().filter(|it| *it > 0) {
        match lang {
            Lang::Zh => say!("文件中没有的岗位 {missing} 个（未删除）"),
            Lang::En => say!("{missing} posts of these units are not in the file (kept)"),
        }
    }
    let unknown: Vec<String> = serde_json::from_value(report["unknown"].clone()).unwrap_or_default();
    if !unknown.is_empty() {
        say!(
            "{}{}",
            lang.pick("没认出、没有导入的列：", "columns that are not known and were left out: "),
            unknown.join(lang.pick("、", ", "))
        );
    }
    if let Some(file) = sheet {
        say!("{}{file}", lang.pick("有问题的行和原因已写入 ", "rows with problems and their reasons are in "));
    }
}

/// Problems as lines; those that say the same of many rows in one, which names `named` rows at most.
fn grouped(problems: &[Problem], named: usize, lang: Lang) -> Vec<String> {
    let (mut at, mut groups) = (HashMap::new(), Vec::<Vec<&Problem>>::new());
    for problem in problems {
        let group = *at.entry(alike(problem)).or_insert(groups.len());
        if group == groups.len() {
            groups.push(Vec::new());
        }
        groups[group].push(problem);
    }
    let lines = |group: &Vec<&Problem>| match group.len() {
        0..=ONE_BY_ONE => group.iter().map(|it| it.sentence(lang)).collect(),
        _ => vec![one_line(group, named, lang)],
    };
    groups.iter().flat_map(lines).collect()
}

/// What problems have in common that differ in the cell they quote.
fn alike(problem: &Problem) -> (&str, Option<&str>, String) {
    let mut quoted = false;
    let words = problem.message.zh.chars().filter(|it| {
        quoted = (quoted || *it == '“') && *it != '”';
        !quoted
    });
    (&problem.code, problem.place.field.as_deref(), words.collect())
}

fn one_line(problems: &[&Problem], named: usize, lang: Lang) -> String {
    let count = problems.len();
    let rows = problems.iter().filter_map(|it| it.place.row.or(it.place.line)).map(|it| it.to_string());
    let rows = rows.take(named).collect::<Vec<_>>().join(lang.pick("、", ", "));
    let more = if count > named { lang.pick("等", " and others") } else { "" };
    let field = problems[0].place.field.as_ref().map(|it| format!("[{it}] ")).unwrap_or_default();
    let words = problems[0].message.get(lang);
    match lang {
        Lang::Zh => format!("{count} 行：{field}{words}（第 {rows} 行{more}）"),
        Lang::En => format!("{count} rows: {field}{words} (rows {rows}{more})"),
    }
}

/// Writes a register to a file of the form that its name ends with.
///
/// # Errors
/// When the kind cannot be exported or the file cannot be written.
pub async fn export(place: &PlaceArgs, args: &ExportArgs) -> Result<Outcome, Bad> {
    let format = args.file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let answer = local::ask(place, None, Request::Export { kind: args.kind.clone(), format }).await?;
    keep(&args.file, &STANDARD.decode(answer["bytes"].as_str().unwrap_or_default())?, lang(place))?;
    Ok(Outcome::Ok)
}

/// What is written here names people: for its owner alone.
fn keep(path: &Path, bytes: &[u8], lang: Lang) -> Result<(), Bad> {
    disk::create(path).and_then(|mut it| it.write_all(bytes)).map_err(|it| file(path, &it, lang))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(row: usize, cell: &str) -> Problem {
        let zh = format!("“{cell}”不在区划表里");
        Problem::new("bad_region", zh, format!("{cell:?} is in no list of regions")).field("区划代码").row(row)
    }

    #[test]
    fn equal_problems_of_many_rows_are_one_line_and_few_are_told_one_by_one() {
        let empty = Problem::new("empty", "“姓名”不能为空", "姓名 is empty").field("姓名").row(3);
        let mut many: Vec<_> = (4..2_539).map(|row| problem(row, &format!("4403{row}"))).collect();
        many.insert(0, empty);
        let told = grouped(&many, NAMED, Lang::Zh);
        let line = "2535 行：[区划代码] “44034”不在区划表里（第 4、5、6、7、8 行等）";
        assert_eq!(told, ["第3行 [姓名] “姓名”不能为空", line]);
        assert!(grouped(&many, NAMED, Lang::En)[1].ends_with("(rows 4, 5, 6, 7, 8 and others)"));
        assert_eq!(grouped(&many[..4], NAMED, Lang::Zh).len(), 4);
        assert!(grouped(&many, usize::MAX, Lang::Zh)[1].ends_with("2537、2538 行）"), "where no sheet has them, all");
    }
}
