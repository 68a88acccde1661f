//! The chain is whole: whatever is changed, missing, added or cut is found.

use anlan_kernel::Actor;
use anlan_store::{Keys, Value, WorldConfig, hex, journal};
use anlan_testbed::{Engine, NOON, TestWorld, world};
use rstest::rstest;
use sha2::{Digest, Sha256};

use crate::kit::{Dice, MODULE, clerk_of, keep, ordinary_work, tally, times};

const TEXTS: &str = "actor, hat, event, subject, region, pack, body";

/// What somebody with the database password might do to a sealed journal.
#[derive(Clone, Copy, Debug)]
enum Mutation {
    Change(&'static str),
    Delete,
    Swap,
    Insert,
    Unseal,
    Cut,
    Rewrite,
    Leave,
}

const MUTATIONS: [Mutation; 18] = {
    use Mutation::*;
    [
        Change("entry"),
        Change("position"),
        Change("at"),
        Change("actor"),
        Change("hat"),
        Change("event"),
        Change("subject"),
        Change("region"),
        Change("pack"),
        Change("body"),
        Change("hash"),
        Delete,
        Swap,
        Insert,
        Unseal,
        Cut,
        Rewrite,
        Leave,
    ]
};

impl Mutation {
    /// Whether only a signed head shows it: the chain that is left is whole.
    fn needs_head(self) -> bool {
        matches!(self, Self::Cut | Self::Rewrite | Self::Leave)
    }

    async fn apply(self, world: &TestWorld, dice: &mut Dice, last: i64) {
        // Never the last entry: losing that one is a cut tail.
        let at = 1 + dice.below(last as usize - 1) as i64;
        let other = 1 + (at + dice.below(last as usize - 2) as i64) % (last - 1);
        match self {
            Self::Change(column) => {
                let value = match column {
                    "entry" | "position" => format!("{column} + 100000"),
                    "at" => "at + 1".to_owned(),
                    "hat" | "region" | "pack" => format!("CASE WHEN {column} IS NULL THEN '' ELSE NULL END"),
                    "hash" => format!("(SELECT hash FROM journal WHERE position = {other})"),
                    _ => format!("{column} || ' '"),
                };
                world.tamper(&format!("UPDATE journal SET {column} = {value} WHERE position = {at}"));
            }
            Self::Delete => world.tamper(&format!("DELETE FROM journal WHERE position = {at}")),
            Self::Swap => world.tamper(&format!(
                "UPDATE journal SET position = -1 WHERE position = {at};
                 UPDATE journal SET position = {at} WHERE position = {other};
                 UPDATE journal SET position = {other} WHERE position = -1"
            )),
            Self::Insert => world.tamper(&format!(
                "UPDATE journal SET position = -position - 1 WHERE position >= {at};
                 UPDATE journal SET position = -position WHERE position < 0;
                 INSERT INTO journal(position, at, {TEXTS}, hash)
                   SELECT {at}, at, {TEXTS}, hash FROM journal WHERE position = {at} + 1"
            )),
            Self::Unseal => {
                world.tamper(&format!("UPDATE journal SET position = NULL, hash = NULL WHERE position = {at}"));
            }
            Self::Cut => world.tamper(&format!("DELETE FROM journal WHERE position > {at}")),
            Self::Rewrite => {
                world.tamper(&format!("UPDATE journal SET body = body || ' ' WHERE position = {at}"));
                rechain(world).await;
            }
            Self::Leave => {
                world.tamper(&format!(
                    "DELETE FROM journal WHERE position = {at};
                     UPDATE journal SET position = -position WHERE position > {at};
                     UPDATE journal SET position = -position - 1 WHERE position < 0"
                ));
                rechain(world).await;
            }
        }
    }
}

/// Makes a whole chain of whatever stands in the journal, as a forger who read the source would.
async fn rechain(world: &TestWorld) {
    let sql = format!("SELECT entry, position, at, {TEXTS} FROM journal WHERE position IS NOT NULL ORDER BY position");
    let rows = world.read(&Actor::system("forger"), move |tx| tx.query_everywhere(&sql, &[])).await.unwrap();
    let (mut before, mut updates) = (vec![0; 32], String::new());
    for row in rows {
        let mut hash = Sha256::new();
        hash.update(&before);
        for value in &row.0 {
            match value {
                Value::Int(number) => hash.update(number.to_be_bytes()),
                Value::Text(text) => {
                    hash.update([1]);
                    hash.update((text.len() as u64).to_be_bytes());
                    hash.update(text);
                }
                _ => hash.update([0]),
            }
        }
        before = hash.finalize().to_vec();
        let literal =
            if world.is_postgres() { format!("'\\x{}'", hex(&before)) } else { format!("X'{}'", hex(&before)) };
        updates.push_str(&format!("UPDATE journal SET hash = {literal} WHERE position = {};", row.int(1).unwrap()));
    }
    world.tamper(&updates);
}

/// A world with a sealed, signed journal.
async fn sealed_world(engine: Engine) -> TestWorld {
    let world = world(engine, anlan_store::Clock::driven(NOON), &[&MODULE]);
    ordinary_work(&world, 30).await;
    let hat = clerk_of(&["440303"]);
    world
        .write("test", anlan_store::Urgency::Urgent, &hat, |tx| tx.record(anlan_store::Event::new("note.taken", "one")))
        .await
        .unwrap();
    ordinary_work(&world, 10).await;
    seal_all(&world).await;
    journal::sign_head(&world).await.unwrap();
    world
}

async fn seal_all(world: &TestWorld) {
    while journal::seal(world, None).await.unwrap() > 0 {}
}

async fn findings(world: &TestWorld, with_heads: bool) -> Vec<String> {
    let heads = world.heads_file();
    let verified = journal::verify(world, with_heads.then_some(heads.as_path())).await.unwrap();
    assert!(verified.findings.iter().all(|it| !it.what_zh.is_ascii()), "told in both languages: {verified:?}");
    verified.findings.into_iter().map(|it| it.what).collect()
}

#[rstest]
#[tokio::test]
async fn every_mutation_of_the_stored_journal_is_found(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = sealed_world(engine).await;
    let last = journal::sealed_position(&world).await.unwrap();
    if world.is_postgres() {
        world.tamper("ALTER TABLE journal ALTER COLUMN entry SET GENERATED BY DEFAULT");
    }
    world.tamper("CREATE TABLE spare AS SELECT * FROM journal");
    let mut dice = Dice::new(2023);
    for round in 0..times(50, 1_000) {
        assert_eq!(findings(&world, true).await, Vec::<String>::new(), "before mutation {round}");
        let mutation = MUTATIONS[round % MUTATIONS.len()];
        mutation.apply(&world, &mut dice, last).await;
        let (inside, with_heads) = (findings(&world, false).await, findings(&world, true).await);
        assert!(!with_heads.is_empty(), "{mutation:?} in round {round} was not found");
        assert_eq!(inside.is_empty(), mutation.needs_head(), "{mutation:?} in round {round}: {inside:?}");
        world.tamper("DELETE FROM journal; INSERT INTO journal SELECT * FROM spare");
    }
    assert_eq!(findings(&world, true).await, Vec::<String>::new());
}

#[rstest]
#[tokio::test]
async fn a_sound_chain_verifies_and_says_how_long_it_is(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = sealed_world(engine).await;
    keep(&world, "late", &tally("late")).await;
    let heads = world.heads_file();
    let verified = journal::verify(&world, Some(&heads)).await.unwrap();
    assert_eq!(verified.findings, []);
    assert_eq!((verified.entries, verified.unsealed, verified.heads, verified.unreadable), (41, 1, 1, 0));
    let head = journal::sign_head(&world).await.unwrap().unwrap();
    assert_eq!(verified.head, head.hash);
}

#[rstest]
#[tokio::test]
async fn an_entry_of_another_shape_is_a_finding_and_does_not_end_the_reading(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = sealed_world(engine).await;
    world.tamper(if world.is_postgres() {
        "ALTER TABLE journal ALTER COLUMN event DROP NOT NULL; UPDATE journal SET event = NULL WHERE position = 5"
    } else {
        "UPDATE journal SET at = 'noon' WHERE position = 5"
    });
    let verified = journal::verify(&world, None).await.unwrap();
    assert_eq!(verified.entries, 41);
    assert_eq!(verified.findings.first().map(|it| it.position), Some(5), "{:?}", verified.findings);
}

#[rstest]
#[case::of_another_key(|line: &str, world: &TestWorld| {
    let keys = Keys::open_or_make(&world.folder().join("other.key")).unwrap();
    world.tamper("DELETE FROM world; DELETE FROM person_key");
    let forger = world.again_as(WorldConfig { keys, heads: Some(world.folder().join("forged")), ..world.config(world.clock().clone()) });
    (line.to_owned(), Some(forger))
}, "the signature of this head is not ours")]
#[case::with_another_position(|line: &str, _: &TestWorld| (line.replace("\"position\":41", "\"position\":40"), None),
    "the signature of this head is not ours")]
#[case::with_another_hash(|line: &str, _: &TestWorld| {
    let at = line.find("\"hash\":\"").unwrap() + 8;
    let digit = if &line[at..=at] == "0" { "1" } else { "0" };
    (format!("{}{digit}{}", &line[..at], &line[at + 1..]), None)
}, "the signature of this head is not ours")]
#[tokio::test]
async fn a_forged_head_is_found(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[case] forge: impl Fn(&str, &TestWorld) -> (String, Option<anlan_store::World>),
    #[case] want: &str,
) {
    let world = sealed_world(engine).await;
    let line = std::fs::read_to_string(world.heads_file()).unwrap();
    let (text, forger) = forge(&line, &world);
    std::fs::write(world.heads_file(), &text).unwrap();
    if let Some(forger) = forger {
        journal::sign_head(&forger).await.unwrap();
        std::fs::copy(world.folder().join("forged"), world.heads_file()).unwrap();
    }
    assert_ne!(std::fs::read_to_string(world.heads_file()).unwrap(), line);
    let found = findings(&world, true).await;
    assert!(found.iter().any(|it| it == want), "{found:?}");
}

#[rstest]
#[tokio::test]
async fn the_head_of_another_world_is_found(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = sealed_world(engine).await;
    let other = world.again_as(WorldConfig { name: "other".into(), ..world.config(world.clock().clone()) });
    journal::sign_head(&other).await.unwrap();
    assert_eq!(findings(&world, true).await, ["this head belongs to another world"]);
}

#[tokio::test]
async fn a_heads_file_that_is_none_is_refused_with_its_line() {
    let world = sealed_world(Engine::Sqlite).await;
    std::fs::write(world.heads_file(), "{}\n").unwrap();
    let refused = journal::verify(&world, Some(&world.heads_file())).await.unwrap_err().to_string();
    assert!(refused.contains("line 1"), "{refused}");
}
