//! Backup while running, back again on either engine, and nothing changed or cut goes in.

use std::{
    path::Path,
    sync::Arc,
    sync::atomic::{AtomicBool, Ordering},
};

use anlan_store::{Clock, Keys, StoreError, WorldConfig, backup, journal};
use anlan_testbed::{Engine, NOON, TestWorld, world};
use rstest::rstest;

use crate::kit::{Dice, MODULE, card, keep, ordinary_work, tally, times, write};

/// An empty world with the keys of `source`.
fn empty_like(source: &TestWorld, engine: Engine) -> (TestWorld, anlan_store::World) {
    let fresh = world(engine, Clock::driven(NOON), &[&MODULE]);
    fresh.tamper("DELETE FROM world");
    let config = WorldConfig { keys: source.keys().clone(), ..fresh.config(Clock::driven(NOON)) };
    let opened = fresh.again_as(config);
    (fresh, opened)
}

async fn seal_all(world: &anlan_store::World) {
    while journal::seal(world, None).await.unwrap() > 0 {}
}

fn put_log(dir: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(dir.join("log")).unwrap();
    std::fs::write(dir.join("log/00000000000000000000.log"), bytes).unwrap();
}

#[rstest]
#[case(Engine::Sqlite, Engine::Postgres)]
#[case(Engine::Postgres, Engine::Sqlite)]
#[case(Engine::Sqlite, Engine::Sqlite)]
#[case(Engine::Postgres, Engine::Postgres)]
#[tokio::test]
async fn a_restored_world_is_the_same_on_either_engine_and_goes_on(#[case] from: Engine, #[case] to: Engine) {
    let source = world(from, Clock::driven(NOON), &[&MODULE]);
    ordinary_work(&source, 40).await;
    seal_all(&source).await;
    ordinary_work(&source, 5).await;
    put_log(source.dir(), &vec![7; 3 << 20]);
    let file = source.folder().join("it.backup");
    let written = backup::backup(&source, &file).await.unwrap();
    assert_eq!((written.world.as_str(), written.at, written.files), ("test", NOON, 1));

    let (_fresh, restored) = empty_like(&source, to);
    let read = backup::restore(&restored, &file).await.unwrap();
    assert_eq!((read.rows, read.files), (written.rows, 1), "one number for what went and what came back");
    assert_eq!(restored.dump().await.unwrap(), source.dump().await.unwrap());
    assert_eq!(std::fs::read(restored.dir().join("log/00000000000000000000.log")).unwrap().len(), 3 << 20);

    keep(&restored, "new", &tally("new")).await;
    seal_all(&restored).await;
    let verified = journal::verify(&restored, None).await.unwrap();
    assert_eq!((verified.entries, verified.findings), (46, vec![]));
    let before = restored.dump().await.unwrap();
    anlan_store::rebuild(&restored).await.unwrap();
    assert_eq!(restored.dump().await.unwrap(), before, "sealed columns open under the keys that came along");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_taken_while_others_write_is_one_moment(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let source = world(engine, Clock::driven(NOON), &[&MODULE]);
    keep(&source, "left", &tally("left")).await;
    keep(&source, "right", &tally("right")).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writing = {
        let (source, stop) = ((*source).clone(), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut amount = 0;
            while !stop.load(Ordering::Acquire) {
                amount += 1;
                write(&source, move |tx| {
                    // Both, always: a moment between them does not exist.
                    tx.put(&crate::kit::Tally { amount, ..tally("left") })?;
                    tx.put(&crate::kit::Tally { amount, ..tally("right") })?;
                    tx.record(anlan_store::Event::new("tallies.moved", "both"))
                })
                .await
                .unwrap();
            }
        })
    };
    for number in 0..3 {
        let file = source.folder().join(format!("{number}.backup"));
        backup::backup(&source, &file).await.unwrap();
        let (_fresh, restored) = empty_like(&source, Engine::Sqlite);
        backup::restore(&restored, &file).await.unwrap();
        let dump = restored.dump().await.unwrap();
        assert_eq!(dump["tally"]["left"]["amount"], dump["tally"]["right"]["amount"]);
        anlan_store::rebuild(&restored).await.unwrap();
        assert_eq!(restored.dump().await.unwrap(), dump, "rows and journal are of one moment");
    }
    stop.store(true, Ordering::Release);
    writing.await.unwrap();
}

#[tokio::test]
async fn backups_to_one_file_at_one_time_do_not_touch_each_other_and_leave_no_draft() {
    let source = world(Engine::Sqlite, Clock::driven(NOON), &[&MODULE]);
    ordinary_work(&source, 40).await;
    put_log(source.dir(), &vec![7; 3 << 20]);
    let folder = source.folder().join("backups");
    std::fs::create_dir_all(folder.join("taken/by-a-folder")).unwrap();
    let (file, letter) = (folder.join("it.backup"), folder.join("it.backup.partial"));
    std::fs::write(&letter, "a letter").unwrap();
    let (left, right) = tokio::join!(backup::backup(&source, &file), backup::backup(&source, &file));
    assert_eq!(left.unwrap(), right.unwrap());
    let (_fresh, restored) = empty_like(&source, Engine::Sqlite);
    backup::restore(&restored, &file).await.unwrap();
    assert_eq!(restored.dump().await.unwrap(), source.dump().await.unwrap());

    backup::backup(&source, &folder.join("taken")).await.unwrap_err();
    let mut names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|it| it.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["it.backup", "it.backup.partial", "taken"]);
    assert_eq!(std::fs::read(&letter).unwrap(), b"a letter", "a file of somebody else's stays");
}

#[tokio::test]
async fn a_backup_that_was_changed_cut_or_grown_is_refused_in_words_and_leaves_the_world_empty() {
    let source = world(Engine::Sqlite, Clock::driven(NOON), &[&MODULE]);
    ordinary_work(&source, 20).await;
    put_log(source.dir(), &[9; 5000]);
    let file = source.folder().join("it.backup");
    backup::backup(&source, &file).await.unwrap();
    let sound = std::fs::read(&file).unwrap();
    let (_fresh, restored) = empty_like(&source, Engine::Sqlite);
    let empty = restored.dump().await.unwrap();
    let mut dice = Dice::new(5);
    for round in 0..times(30, 300) {
        let mut bytes = sound.clone();
        let at = dice.below(bytes.len());
        match round % 4 {
            0 => bytes[at] ^= 1 << dice.below(8),
            1 => bytes.truncate(at),
            2 => bytes.push(0),
            _ => drop(bytes.drain(at..(at + 1 + dice.below(40)).min(sound.len()))),
        }
        std::fs::write(&file, &bytes).unwrap();
        let refused = backup::restore(&restored, &file).await.unwrap_err();
        let StoreError::Refused(problem) = refused else { panic!("round {round} at {at}: {refused}") };
        let words = problem.message;
        assert!(words.zh.contains("备份") && words.en.contains("backup"), "round {round} at {at}: {words}");
        assert_eq!(restored.dump().await.unwrap(), empty, "round {round}");
        assert!(!restored.dir().join("log").exists(), "round {round}: no file of it stays behind");
    }
    std::fs::write(&file, &sound).unwrap();
    backup::restore(&restored, &file).await.unwrap();
    assert_eq!(restored.dump().await.unwrap(), source.dump().await.unwrap());
}

#[tokio::test]
async fn a_backup_under_another_master_key_is_refused() {
    let source = world(Engine::Sqlite, Clock::driven(NOON), &[&MODULE]);
    keep(&source, "0001", &card("0001", "440303001")).await;
    let file = source.folder().join("it.backup");
    backup::backup(&source, &file).await.unwrap();
    let bytes = std::fs::read(&file).unwrap();
    let clear = |words: &str| bytes.windows(words.len()).any(|it| it == words.as_bytes());
    assert!(!clear("赵0001") && !clear("13900000001") && !clear("card"), "a backup shows nothing without the key");
    let stranger = world(Engine::Sqlite, Clock::driven(NOON), &[&MODULE]);
    let refused = backup::restore(&stranger, &file).await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused(_)) && refused.to_string().contains("master key"), "{refused}");
    let other = Keys::open_or_make(&stranger.folder().join("other.key")).unwrap();
    assert!(backup::inspect(&file, &other).is_err());
    assert_eq!(backup::inspect(&file, source.keys()).unwrap().world, "test");
}

#[rstest]
#[tokio::test]
async fn a_world_that_holds_something_is_not_restored_over(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let source = world(engine, Clock::driven(NOON), &[&MODULE]);
    keep(&source, "one", &tally("one")).await;
    let file = source.folder().join("it.backup");
    backup::backup(&source, &file).await.unwrap();
    keep(&source, "two", &tally("two")).await;
    let before = source.dump().await.unwrap();
    match backup::restore(&source, &file).await {
        Err(StoreError::Refused(problem)) => assert_eq!(problem.code, "world_not_empty"),
        other => panic!("{other:?}"),
    }
    assert_eq!(source.dump().await.unwrap(), before);
}
