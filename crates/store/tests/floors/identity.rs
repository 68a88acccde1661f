//! A world stays what it was made as: its kind, and whose master key is its own.

use std::{fs::Permissions, os::unix::fs::PermissionsExt, path::Path};

use anlan_store::{Clock, Keys, StoreError, World, WorldConfig, WorldKind, backup, disk};
use anlan_testbed::{Engine, NOON, TestWorld, world};
use rstest::rstest;

use crate::kit::{MODULE, card, keep};

fn open(test: &TestWorld, change: impl FnOnce(&mut WorldConfig)) -> Result<World, StoreError> {
    let mut config = test.config(Clock::driven(NOON));
    change(&mut config);
    std::thread::spawn(|| World::open(config, &[&MODULE])).join().unwrap()
}

fn code<T: std::fmt::Debug>(refused: Result<T, StoreError>) -> String {
    match refused {
        Err(StoreError::Refused(problem)) => problem.code,
        other => panic!("{other:?}"),
    }
}

/// As a world looks that was made before its kind and key were stored.
fn forget(test: &TestWorld) {
    test.tamper("DROP TABLE world; DELETE FROM migration WHERE name = 'store/0002-world'");
}

#[rstest]
#[tokio::test]
async fn a_world_opens_as_what_it_was_made_and_as_nothing_else(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let test = world(engine, Clock::driven(NOON), &[&MODULE]);
    assert_eq!(World::made_as("test", test.place()).unwrap(), Some(WorldKind::Replay));
    for kind in [WorldKind::Real, WorldKind::Exercise] {
        assert_eq!(code(open(&test, |it| it.kind = kind)), "world_of_another_kind", "{kind:?}");
    }
    open(&test, |_| ()).unwrap();

    World::remove(test.place()).unwrap();
    assert_eq!(World::made_as("test", test.place()).unwrap(), None, "and looking makes nothing");
    assert_eq!(World::made_as("test", test.place()).unwrap(), None);
}

#[rstest]
#[case::nothing_was_written(None, true, true)]
#[case::another_node_made_it(None, false, false)]
#[case::another_node_holds_a_lease(
    Some("INSERT INTO lease(name, holder, fence, expires_at) VALUES ('sealer', 'b', 1, 0)"),
    true,
    false
)]
#[case::a_row_was_written(
    Some("INSERT INTO tally(id, label, amount, revision) VALUES ('one', 'one', 1, 1)"),
    true,
    false
)]
#[tokio::test]
async fn a_world_that_was_begun_is_taken_away_only_while_it_holds_nothing(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[case] written: Option<&str>,
    #[case] made_here: bool,
    #[case] gone: bool,
) {
    let test = world(engine, Clock::driven(NOON), &[&MODULE]);
    assert!(test.made_here() && !open(&test, |_| ()).unwrap().made_here(), "the first to open it made it");
    if let Some(sql) = written {
        test.tamper(sql);
    }
    assert_eq!(World::remove_untouched(test.place(), made_here).unwrap(), gone);
    let stands = (!gone).then_some(WorldKind::Replay);
    assert_eq!(World::made_as("test", test.place()).unwrap(), stands);
    if gone {
        assert!(World::remove_untouched(test.place(), made_here).unwrap(), "what is not there is gone");
        assert_eq!(World::made_as("test", test.place()).unwrap(), None, "and looking made nothing");
    }
}

#[tokio::test]
async fn what_an_older_program_left_readable_is_its_owners_alone_once_the_world_is_opened() {
    let test = world(Engine::Sqlite, Clock::driven(NOON), &[&MODULE]);
    let log = test.dir().join("log");
    let (file, link) = (log.join("one.log"), log.join("link"));
    let elsewhere = test.folder().join("elsewhere");
    std::fs::create_dir(&log).unwrap();
    for path in [&file, &elsewhere] {
        std::fs::write(path, "old").unwrap();
    }
    std::os::unix::fs::symlink(&elsewhere, &link).unwrap();
    let database = test.dir().join("world.db");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let widen = |path: &Path, mode| std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    let all: [(&Path, u32, u32); 5] = [
        (test.dir(), 0o755, 0o700),
        (&log, 0o755, 0o700),
        (&file, 0o644, 0o600),
        (&database, 0o664, 0o600),
        (&elsewhere, 0o644, 0o644),
    ];
    all.iter().for_each(|(path, wide, _)| widen(path, *wide));
    drop(open(&test, |_| ()).unwrap());
    for (path, _, wanted) in all {
        assert_eq!(mode(path), wanted, "{}", path.display());
    }
    drop(disk::create(&elsewhere).unwrap());
    assert_eq!(mode(&elsewhere), 0o600, "a file that is written anew is too");
}

#[rstest]
#[case::with_its_key(false, "real", WorldKind::Real, None)]
#[case::a_replay_as_the_real_one(false, "saola", WorldKind::Real, Some("world_of_another_kind"))]
#[case::a_replay(false, "saola", WorldKind::Replay, None)]
#[case::with_another_key(true, "real", WorldKind::Real, Some("wrong_master_key"))]
#[tokio::test]
async fn a_world_made_before_kinds_were_stored_is_real_by_its_name(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[case] other_key: bool,
    #[case] name: &str,
    #[case] kind: WorldKind,
    #[case] refused: Option<&str>,
) {
    let test = world(engine, Clock::driven(NOON), &[&MODULE]);
    keep(&test, "0001", &card("0001", "440303001")).await;
    forget(&test);
    let opened = open(&test, |it| {
        (it.name, it.kind) = (name.to_owned(), kind);
        if other_key {
            it.keys = Keys::open_or_make(&test.folder().join("other.key")).unwrap();
        }
    });
    match refused {
        Some(want) => assert_eq!(code(opened), want),
        None => assert_eq!(opened.unwrap().kind(), kind),
    }
}

#[rstest]
#[tokio::test]
async fn no_world_opens_under_another_master_key(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let test = world(engine, Clock::driven(NOON), &[&MODULE]);
    let other = Keys::open_or_make(&test.folder().join("other.key")).unwrap();
    assert_eq!(code(open(&test, |it| it.keys = other)), "wrong_master_key");
}

#[test]
fn a_key_that_is_missing_is_named_and_not_made() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys/master.key");
    let refused = Keys::open(&path).unwrap_err();
    assert!(refused.to_string().contains(&path.display().to_string()), "{refused}");
    assert_eq!(code(Err::<(), _>(refused)), "no_master_key");
    assert!(!path.parent().unwrap().exists());
    Keys::open_or_make(&path).unwrap();
    Keys::open(&path).unwrap();
}

#[rstest]
#[tokio::test]
async fn a_backup_is_not_restored_as_another_kind_of_world(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let source = world(engine, Clock::driven(NOON), &[&MODULE]);
    keep(&source, "0001", &card("0001", "440303001")).await;
    let file = source.folder().join("it.backup");
    assert_eq!(backup::backup(&source, &file).await.unwrap().kind, WorldKind::Replay);
    assert_eq!(backup::inspect(&file, source.keys()).unwrap().kind, WorldKind::Replay);

    let fresh = world(engine, Clock::driven(NOON), &[&MODULE]);
    fresh.tamper("DELETE FROM world");
    let real = open(&fresh, |it| (it.kind, it.keys) = (WorldKind::Real, source.keys().clone())).unwrap();
    assert_eq!(code(backup::restore(&real, &file).await), "world_of_another_kind");
    assert!(real.dump().await.unwrap().values().all(std::collections::BTreeMap::is_empty));
}
