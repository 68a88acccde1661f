//! Acknowledged means on disk: a power cut at any sync takes nothing of what was acknowledged.

use std::{
    collections::BTreeMap,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, Stdio},
};

use anlan_powercut::{
    Cut, Disk, Torn,
    story::{self, Note, clerk},
};
use anlan_store::{backup, journal, rebuild};
use rstest::rstest;

const WRITER: &str = env!("CARGO_BIN_EXE_powercut-writer");
/// Every life of the writer numbers its work from a start of its own.
const LIFE: usize = 1_000;

/// Numbers the writer said were safe, by kind.
type Acknowledged = BTreeMap<String, Vec<usize>>;

fn run(command: &mut Command) -> (Acknowledged, Option<i32>) {
    let out = command.stdin(Stdio::null()).output().expect("the writer starts");
    let said = String::from_utf8_lossy(&out.stdout);
    let complaint = String::from_utf8_lossy(&out.stderr);
    assert!(!complaint.contains("syncshim"), "{complaint}");
    let mut acknowledged = Acknowledged::new();
    for line in said.lines() {
        let (kind, number) = line.split_once(' ').expect("a kind and a number");
        acknowledged.entry(kind.to_owned()).or_default().push(number.parse().expect("a number"));
    }
    assert!(out.status.signal().is_some(), "the writer ended by itself: {complaint}");
    (acknowledged, out.status.signal())
}

/// A number from the seed, below `sides`.
fn draw(seed: u64, salt: u64, sides: u64) -> usize {
    let mixed = (seed * 31 + salt + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((mixed ^ (mixed >> 31)) % sides) as usize
}

async fn everything_acknowledged_is_there(root: &Path, acknowledged: &Acknowledged, story: &str) {
    let of = |kind: &str| acknowledged.get(kind).cloned().unwrap_or_default();
    let world = story::open(root).unwrap_or_else(|it| panic!("{story}: the world opens: {it}"));
    let notes = world.read(&clerk(), |tx| tx.find::<Note>("1 = 1", "ORDER BY id", &[])).await.unwrap();
    for number in of("note") {
        let want = Note::numbered(number);
        assert!(notes.contains(&want), "{story}: {} was acknowledged and is lost", want.id);
    }

    let heads = world.heads().filter(|it| it.exists()).map(Path::to_owned);
    let verified = journal::verify(&world, heads.as_deref()).await.unwrap();
    assert_eq!(verified.findings, [], "{story}");
    let signed = heads.map(|it| std::fs::read_to_string(it).unwrap()).unwrap_or_default();
    for position in of("head") {
        assert!(signed.contains(&format!("\"position\":{position},")), "{story}: the head at {position} is lost");
    }
    let before = world.dump().await.unwrap();
    rebuild(&world).await.unwrap();
    assert!(world.dump().await.unwrap() == before, "{story}: the rows are not what the journal says");

    let monitor = story::monitor(&world).await.unwrap_or_else(|it| panic!("{story}: monitoring opens: {it}"));
    for number in of("reading") {
        let answer = monitor.take(&story::device(), &story::reading(number)).await.unwrap();
        assert_eq!((answer.taken, answer.duplicates), (0, 1), "{story}: reading {number} is lost");
    }
    let log = story::segments(root).unwrap();
    let mut reader = log.reader(0);
    while reader.next(log.synced()).unwrap().is_some() {}
    let until = of("frame").into_iter().max().unwrap_or(0);
    assert!(reader.position() >= until as i64, "{story}: frames up to {until} are lost");

    for number in of("backup") {
        let spare = story::open_in(root, &format!("spare-{number}")).unwrap();
        let from = root.join(format!("backup-{number}"));
        let contents =
            backup::restore(&spare, &from).await.unwrap_or_else(|it| panic!("{story}: backup {number}: {it}"));
        assert!(contents.rows > 0);
        drop(spare);
        std::fs::remove_dir_all(root.join(format!("spare-{number}"))).unwrap();
    }
}

#[rstest]
#[tokio::test]
async fn a_power_cut_at_any_sync_loses_nothing_that_was_acknowledged(#[values(0, 1, 2, 3)] part: u64) {
    let seeds = if std::env::var_os("ANLAN_FULL").is_some() { 200 } else { 20 };
    let mut total = 0;
    for seed in (part..seeds).step_by(4) {
        let folder = tempfile::tempdir().unwrap();
        let mut acknowledged = Acknowledged::new();
        let mut left: Option<std::path::PathBuf> = None;
        // The second life goes on from what the first power cut left.
        for life in 0..2 {
            let disk = Disk::new(&folder.path().join(format!("{life}")), left.as_deref()).unwrap();
            let cut = Cut { sync: 1 + draw(seed, life, 180), phase: draw(seed, life + 7, 3) };
            let torn = (seed % 2 == 1).then_some(Torn(seed));
            let story = format!("seed {seed}, life {life}, {cut:?}, {torn:?}");
            let from = (life as usize + 1) * LIFE;
            let mut command = disk.command(WRITER, Some(cut));
            let (new, signal) = run(command.arg("night").arg(disk.live()).arg(from.to_string()));
            assert_eq!(signal, Some(9), "{story}: the cut came");
            for (kind, numbers) in new {
                total += numbers.len();
                acknowledged.entry(kind).or_default().extend(numbers);
            }
            let after = disk.after_power_cut(torn).unwrap();
            everything_acknowledged_is_there(&after, &acknowledged, &story).await;
            left = Some(after);
        }
    }
    assert!(total > seeds as usize * 5, "the cuts come after work was done: {total} acknowledged");
}

#[rstest]
#[case::every_commit_synced("FULL", 20)]
#[case::the_log_of_commits_not_synced("NORMAL", 0)]
#[case::nothing_synced("OFF", 0)]
fn the_shim_takes_what_an_engine_did_not_sync(#[case] synchronous: &str, #[case] kept: i64) {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::new(folder.path(), None).unwrap();
    let (acknowledged, _) = run(disk.command(WRITER, None).arg("pragma").arg(disk.live()).arg(synchronous));
    assert_eq!(acknowledged["note"].len(), 20);
    let count = |root: &Path| {
        let conn = rusqlite::Connection::open(root.join("careless.db")).unwrap();
        conn.query_row("SELECT COUNT(*) FROM note", [], |it| it.get::<_, i64>(0)).unwrap_or(0)
    };
    assert_eq!(count(&disk.after_power_cut(None).unwrap()), kept);
    assert_eq!(count(disk.live()), 20, "nothing is lost where only the process died");
}

#[test]
fn the_shim_takes_names_that_were_not_synced() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::new(folder.path(), None).unwrap();
    run(disk.command(WRITER, None).arg("nameless").arg(disk.live()));
    let after = disk.after_power_cut(None).unwrap();
    let names: Vec<_> = std::fs::read_dir(&after).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names, ["lost"], "the new name and the second file were never on disk");
    assert_eq!(std::fs::read(after.join("lost")).unwrap(), b"written");
}
