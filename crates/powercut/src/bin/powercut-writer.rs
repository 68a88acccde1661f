//! Writes until it is killed, and says what was acknowledged, each as soon as it was.

use std::{error::Error, io::Write, path::Path};

use anlan_monitor::log::{Batch, Frame, Logged, Quality, Series};
use anlan_powercut::story::{self, BEGIN, Note, STATION, clerk};
use anlan_store::{Event, StoreError, Urgency, World, backup, journal};

/// Most rounds of one life; a cut comes long before.
const ROUNDS: usize = 400;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let words: Vec<&str> = arguments.iter().skip(1).map(String::as_str).collect();
    match words[..] {
        ["night", root, from] => night(Path::new(root), from.parse()?).await,
        ["pragma", root, synchronous] => pragma(Path::new(root), synchronous),
        ["nameless", root] => nameless(Path::new(root)),
        _ => Err("night ROOT FROM | pragma ROOT SYNCHRONOUS | nameless ROOT".into()),
    }
}

async fn night(root: &Path, from: usize) -> Result<(), Box<dyn Error>> {
    let world = story::open(root)?;
    let monitor = story::monitor(&world).await?;
    let segments = story::segments(root)?;
    let device = story::device();
    for round in from..from + ROUNDS {
        let readings = async {
            let body = story::reading(round);
            let answer = monitor.take(&device, &body).await?;
            if answer.taken == 1 {
                println!("reading {round}");
            }
            Ok::<_, StoreError>(())
        };
        let frame = async {
            let until = segments.append(frame()).done().await?.until;
            println!("frame {until}");
            Ok(())
        };
        tokio::try_join!(
            note(&world, 3 * round),
            note(&world, 3 * round + 1),
            note(&world, 3 * round + 2),
            readings,
            frame
        )?;
        if round % 5 == 0 {
            while journal::seal(&world, None).await? > 0 {}
            monitor.digest().await?;
        }
        if round % 10 == 0
            && let Some(head) = journal::sign_head(&world).await?
        {
            println!("head {}", head.position);
        }
        if round % 20 == 0 {
            let to = root.join(format!("backup-{round}"));
            backup::backup(&world, &to).await?;
            println!("backup {round}");
        }
    }
    Ok(())
}

async fn note(world: &World, number: usize) -> Result<(), StoreError> {
    world
        .write("note", Urgency::Urgent, &clerk(), move |tx| {
            let note = Note::numbered(number);
            tx.insert(&note)?;
            tx.record(Event::new("note.taken", &note.id))
        })
        .await?;
    println!("note {number}");
    Ok(())
}

fn frame() -> Frame {
    let series = Series { station: STATION.into(), quantity: "rainfall".into(), unit: "mm".into() };
    let reading = Logged { series: 0, observed_at: BEGIN, value: Default::default(), quality: Quality::Good };
    Frame::new(&Batch { series: vec![series], readings: vec![reading; 20] })
}

/// What an engine does that is told to sync less, or nothing.
fn pragma(root: &Path, synchronous: &str) -> Result<(), Box<dyn Error>> {
    let conn = rusqlite::Connection::open(root.join("careless.db"))?;
    conn.execute_batch(&format!("PRAGMA journal_mode=WAL; PRAGMA synchronous={synchronous};"))?;
    conn.execute_batch("CREATE TABLE note (number INTEGER)")?;
    for number in 0..20 {
        conn.execute("INSERT INTO note VALUES (?1)", [number])?;
        println!("note {number}");
    }
    std::process::abort()
}

/// A file that was synced, in a folder that was not.
fn nameless(root: &Path) -> Result<(), Box<dyn Error>> {
    let mut file = std::fs::File::create(root.join("lost"))?;
    file.write_all(b"written")?;
    file.sync_all()?;
    anlan_store::disk::sync_name(&root.join("lost"))?;
    std::fs::rename(root.join("lost"), root.join("renamed"))?;
    let mut file = std::fs::File::create(root.join("never"))?;
    file.write_all(b"written")?;
    file.sync_all()?;
    std::process::abort()
}
