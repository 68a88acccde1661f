//! After an erasure nothing readable is left, and the journal still verifies.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use anlan_register::{Hooks, Person, Post, Who, audience, callee_title, erase, number_of};
use anlan_store::{StoreError, Urgency, journal, rebuild};
use anlan_testbed::Engine;
use rstest::rstest;

use crate::bed::{Bed, DISTRICT, STREET, code, listening, system};

const ROW: &str =
    "司马青云,15400007777,15400008888,桂园街道办事处,负责人,防汛责任人,街道,440303001,桂园街道,主责,家住红岭路";
const STAYS: &str = "张三,15400000001,,桂园街道办事处,负责人,防汛责任人,街道,440303001,桂园街道,副A,";
const WORDS: [&str; 4] = ["司马青云", "15400007777", "15400008888", "家住红岭路"];

async fn erased(bed: &Bed, hooks: Hooks, id: &str) -> Result<bool, StoreError> {
    let id = id.to_owned();
    bed.world.write("erase", Urgency::Urgent, &system(), move |tx| erase(tx, &hooks, &id)).await
}

async fn everything(bed: &Bed) -> String {
    let entries = bed
        .read(&system(), |tx| {
            let rows = tx.query_everywhere("SELECT body FROM journal", &[])?;
            rows.iter().map(|it| it.text(0)).collect::<Result<Vec<_>, _>>()
        })
        .await;
    format!("{:?} {entries:?}", bed.world.dump().await.unwrap())
}

fn files_with(dir: &Path, word: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(&path, word));
        } else if std::fs::read(&path).unwrap().windows(word.len()).any(|it| it == word.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[rstest]
#[tokio::test]
async fn nothing_readable_is_left_and_the_journal_verifies(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::district(engine).await;
    bed.people(&system(), &[ROW, STAYS]).await;
    let id = bed.everybody().await.into_iter().find(|it| it.name.as_deref() == Some(WORDS[0])).unwrap().id;
    let before = everything(&bed).await;
    assert!(WORDS.iter().all(|it| before.contains(it)));
    bed.world.tamper(
        "INSERT INTO idempotency(id, request, run, status, kind, body, at)
         VALUES ('k', 'r', 'run', 200, 'application/json', 'sealed', 9000000000000000)",
    );

    let keeper = bed.caller("register_keeper", DISTRICT).await;
    assert_eq!(keeper.post(&format!("/api/v1/people/{id}/erase"), "").await.status, 200);
    let after = everything(&bed).await;
    assert!(WORDS.iter().all(|it| !after.contains(it)));
    assert!(after.contains("张三"), "others are as they were");
    let kept = bed.read(&system(), |tx| tx.query("SELECT status, body IS NULL FROM idempotency", &[])).await;
    let kept: Vec<_> = kept.iter().map(|it| (it.int(0).unwrap(), it.int(1).unwrap())).collect();
    assert_eq!(kept, [(200, 1)], "of a kept answer only how it ended is left");
    let wanted = id.clone();
    let seen = bed
        .read(&system(), move |tx| {
            let callees = audience(tx, &[code(DISTRICT)], &[Who::Street], tx.now())?;
            assert!(callees.iter().all(|it| it.id != wanted), "nobody calls them");
            assert!(callees.iter().all(|it| !it.deputies.contains(&wanted)));
            Ok((callee_title(tx, &wanted)?, number_of(tx, &wanted, 0)?))
        })
        .await;
    assert_eq!(seen, (None, None));

    while journal::seal(&bed.world, None).await.unwrap() > 0 {}
    let verified = journal::verify(&bed.world, None).await.unwrap();
    assert!(verified.findings.is_empty(), "{verified:?}");
    let rows = bed.world.dump().await.unwrap();
    rebuild(&bed.world).await.unwrap();
    assert_eq!(bed.world.dump().await.unwrap(), rows, "made again from the journal, nothing comes back");

    if engine == Engine::Sqlite {
        for word in WORDS {
            assert_eq!(files_with(bed.world.dir(), word), [] as [String; 0], "{word}");
        }
    }
}

#[rstest]
#[tokio::test]
async fn whoever_keeps_words_about_a_person_hears_of_the_erasure(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let bed = Bed::district(engine).await;
    bed.people(&system(), &[ROW]).await;
    let id = bed.everybody().await[0].id.clone();
    let refusing = Hooks { erasure: vec![Arc::new(|_, _| Err(StoreError::Io("no".into())))] };
    assert!(erased(&bed, refusing, &id).await.is_err());
    assert_eq!(bed.everybody().await[0].name.as_deref(), Some(WORDS[0]), "both or neither");
    assert!(erased(&bed, listening(&heard), &id).await.unwrap());
    assert!(!erased(&bed, listening(&heard), "person:none").await.unwrap());
    assert_eq!(*heard.lock().unwrap(), [id]);
}

#[rstest]
#[tokio::test]
async fn an_erased_person_who_comes_back_is_a_new_one(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::district(engine).await;
    bed.people(&system(), &[ROW]).await;
    let id = bed.everybody().await[0].id.clone();
    erased(&bed, Hooks::default(), &id).await.unwrap();
    bed.people(&system(), &[ROW]).await;
    let people: Vec<Person> = bed.everybody().await;
    assert_eq!(people.len(), 2);
    assert_eq!((people[0].erased_at.is_some(), people[1].erased_at.is_none()), (true, true));
    let posts = bed.read(&system(), |tx| tx.find::<Post>("note IS NOT NULL", "", &[])).await;
    assert_eq!(posts.len(), 1);
    assert_eq!(posts[0].person, people[1].id);
}

#[rstest]
#[tokio::test]
async fn nobody_is_erased_in_part(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::district(engine).await;
    let other = ROW.replace("街道,440303001,桂园街道", "街道,440303002,黄贝街道");
    bed.people(&system(), &[ROW, &other]).await;
    let id = bed.everybody().await[0].id.clone();
    let path = format!("/api/v1/people/{id}/erase");
    let street = bed.caller("register_keeper", STREET).await.post(&path, "").await;
    assert_eq!(street.refusal(), (409, "lies_elsewhere".to_owned()), "a post lies in another street");
    assert_eq!(bed.everybody().await[0].name.as_deref(), Some(WORDS[0]));
    assert_eq!(bed.caller("register_keeper", DISTRICT).await.post(&path, "").await.status, 200);
    assert!(!everything(&bed).await.contains(WORDS[0]));
}
