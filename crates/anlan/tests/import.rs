//! `anlan import`: what a dry run leaves behind, what it says, and by whose packs it judges.

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use anlan_kernel::Actor;
use anlan_store::{Clock, Keys, Place, World, WorldConfig, WorldKind, journal};
use common::{
    anlan, run,
    server::{verb, wait},
    small_story, stderr, stdout,
};

const TITLES: &str = "姓名,手机,备用电话,单位,职务,责任,级别,责任区代码,责任区名称,岗位,备注";

fn import(data: &Path, kind: &str, file: &Path, more: &[&str]) -> Output {
    verb(data, &[&["import", kind, file.to_str().expect("a path")][..], more].concat())
}

/// Everything below a folder, by path, without what comes and goes beside the database with its last reader.
fn below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(below(&path));
        }
        found.push(path);
    }
    found.retain(|it| !it.extension().is_some_and(|it| it == "db-wal" || it == "db-shm"));
    found.sort();
    found
}

fn people(dir: &Path, rows: &[String]) -> PathBuf {
    let file = dir.join("名册.csv");
    fs::write(&file, format!("{TITLES}\n{}\n", rows.join("\n"))).expect("written");
    file
}

fn row(name: &str, phone: &str) -> String {
    format!("{name},{phone},,桂园街道办事处,负责人,防汛责任人,街道,440303001,桂园街道,成员,")
}

#[test]
fn a_dry_run_leaves_nothing_but_the_sheet_of_errors_and_says_where_that_is() {
    let dir = tempfile::tempdir().expect("a folder");
    let (story, data) = (small_story(dir.path()), dir.path().join("data"));
    let before = below(dir.path());
    for kind in ["regions", "stations", "observations"] {
        let dry = import(&data, kind, &story.join(format!("{kind}.csv")), &["--dry-run"]);
        assert!(dry.status.success(), "{kind}: {}", stderr(&dry));
        assert!(stdout(&dry).contains("仅检查，未写入") && !stdout(&dry).contains("新增 0"), "{}", stdout(&dry));
        assert_eq!(below(dir.path()), before, "{kind}");
    }
    let dry = import(&data, "people", &story.join("people.csv"), &["--dry-run"]);
    assert_eq!(dry.status.code(), Some(1), "the regions are not there yet");
    let sheet = story.join("people.csv.errors.xlsx");
    assert!(stdout(&dry).contains(&format!("已写入 {}", sheet.display())), "{}", stdout(&dry));
    let left: Vec<_> = below(dir.path()).into_iter().filter(|it| !before.contains(it)).collect();
    assert_eq!(left, [sheet]);
    let told = stderr(&dry);
    assert!(told.lines().count() <= 3, "equal errors are one line: {told}");
    assert!(
        told.contains("不在区划表里；请核对，或先导入区划") && told.contains("（第 2、3、4、5、6 行等）"),
        "{told}"
    );
}

#[test]
fn a_dry_run_over_a_world_that_is_there_changes_no_file_of_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let (story, data) = (small_story(dir.path()), dir.path().join("data"));
    for kind in ["regions", "organisations"] {
        assert!(import(&data, kind, &story.join(format!("{kind}.csv")), &[]).status.success());
    }
    let before = below(dir.path());
    for kind in ["organisations", "people", "stations", "observations"] {
        let dry = import(&data, kind, &story.join(format!("{kind}.csv")), &["--dry-run"]);
        assert!(dry.status.success(), "{kind}: {}{}", stdout(&dry), stderr(&dry));
        assert_eq!(below(dir.path()), before, "{kind}");
    }
}

#[test]
fn doubtful_and_changed_numbers_are_told_with_their_rows_dry_or_not() {
    let dir = tempfile::tempdir().expect("a folder");
    let (story, data) = (small_story(dir.path()), dir.path().join("data"));
    for kind in ["regions", "organisations"] {
        assert!(import(&data, kind, &story.join(format!("{kind}.csv")), &[]).status.success());
    }
    let first = [row("张三", "15400000001"), row("李四", "待补"), row("王五", "1540000003")];
    for more in [&["--dry-run"][..], &[]] {
        let done = import(&data, "people", &people(dir.path(), &first), more);
        assert!(done.status.success(), "warnings are no errors: {}", stderr(&done));
        assert!(stdout(&done).contains("新增 3，更新 0，未变 0，有问题 0 行，号码存疑 2 处"), "{}", stdout(&done));
        for line in ["第3行 [手机] 号码不能拨打", "第4行 [手机] 号码不能拨打"] {
            assert!(stderr(&done).contains(line), "{}", stderr(&done));
        }
    }
    let newer = [row("张三", "15400000009")];
    for more in [&["--dry-run"][..], &[]] {
        let done = import(&data, "people", &people(dir.path(), &newer), more);
        assert!(stdout(&done).contains("号码更改 1 处"), "{}", stdout(&done));
        assert!(stderr(&done).contains("手机 154****0001 → 154****0009"), "{}", stderr(&done));
    }
    let english = import(&data, "people", &people(dir.path(), &first), &["--dry-run", "--lang", "en"]);
    assert!(stdout(&english).contains("numbers changed") || stdout(&english).contains("doubtful"), "{english:?}");
    assert!(stderr(&english).contains("row 3 [手机] has a number that cannot be dialled"), "{}", stderr(&english));
}

/// A folder with one pack of one rule.
fn packs(dir: &Path) -> PathBuf {
    let pack = dir.join("packs/own-wind");
    fs::create_dir_all(&pack).expect("a folder");
    let meta = "id = \"own-wind\"\nversion = \"1\"\ntitle = { zh = \"大风\", en = \"Wind\" }\n\
                [[source]]\nid = \"T\"\ntitle = \"测试\"\n";
    let rules = "[[rule]]\nid = \"wind\"\ntitle = { zh = \"大风\", en = \"Wind\" }\nquantity = \"wind_speed\"\n\
                 clear_after = \"1h\"\n[[rule.level]]\ngrade = 4\nwhen = \"last(10m) >= 10\"\n";
    fs::write(pack.join("pack.toml"), meta).expect("written");
    fs::write(pack.join("rules.toml"), rules).expect("written");
    dir.join("packs")
}

/// The rules that were put in force in the world.
fn rules_set(data: &Path) -> Vec<String> {
    let dir = data.join("worlds/real");
    let config = WorldConfig {
        name: "real".into(),
        kind: WorldKind::Real,
        place: Place::Sqlite(dir.join("world.db")),
        dir,
        keys: Keys::open(&data.with_extension("key")).expect("the key"),
        clock: Clock::Real,
        heads: None,
    };
    let world = World::open(config, &[]).expect("the world opens");
    while wait(journal::seal(&world, None)).expect("it is sealed") > 0 {}
    let entries = wait(journal::after(&world, &Actor::system("test"), 0, 10_000)).expect("the journal");
    entries.into_iter().filter(|it| it.event == "rules.set").map(|it| it.subject).collect()
}

#[test]
fn an_import_without_a_server_judges_by_the_packs_the_server_would() {
    let dir = tempfile::tempdir().expect("a folder");
    let story = small_story(dir.path());
    let (stations, packs) = (story.join("stations.csv"), packs(dir.path()));
    let config = dir.path().join("anlan.toml");
    fs::write(&config, format!("packs = {:?}\n", packs.display().to_string())).expect("written");
    let (packs, config) = (packs.display().to_string(), config.display().to_string());
    for (name, more) in [("flag", ["--packs", &packs]), ("file", ["--config", &config])] {
        let data = dir.path().join(name);
        let done = import(&data, "stations", &stations, &more);
        assert!(done.status.success(), "{name}: {}", stderr(&done));
        let set = rules_set(&data);
        assert!(set.len() == 1 && set[0].contains("own-wind"), "{name}: {set:?}");
    }
    let data = dir.path().join("environment");
    let mut command = anlan();
    command.env("ANLAN_PACKS", &packs).args(["import", "stations"]).arg(&stations).arg("--data").arg(&data);
    assert!(run(&mut command).status.success());
    assert!(rules_set(&data).iter().all(|it| it.contains("own-wind")), "as serve does");
    let nowhere = dir.path().join("nowhere").display().to_string();
    for (lang, want) in [("zh", "没有这个文件或目录"), ("en", "No such file")] {
        let refused = import(&data, "stations", &stations, &["--packs", &nowhere, "--lang", lang]);
        assert_eq!(refused.status.code(), Some(2), "{}", stdout(&refused));
        assert!(stderr(&refused).contains(want) && stderr(&refused).contains(&nowhere), "{}", stderr(&refused));
    }
}
