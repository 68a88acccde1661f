//! `anlan verify`: what it says of a world in which a person was erased.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

use anlan_kernel::Actor;
use anlan_store::{Clock, Event, Keys, Place, Urgency, World, WorldConfig, WorldKind, journal};
use serde_json::{Value as Json, json};

/// A sealed world with two notes about people, the key of one of them destroyed.
async fn world_with_an_erased_person(data: &Path) {
    let dir = data.join("worlds/real");
    let config = WorldConfig {
        name: "real".into(),
        kind: WorldKind::Real,
        place: Place::Sqlite(dir.join("world.db")),
        dir,
        keys: Keys::open_or_make(&data.with_extension("key")).unwrap(),
        clock: Clock::Real,
        heads: None,
    };
    let world = World::open(config, &[]).unwrap();
    world
        .write("test", Urgency::Urgent, &Actor::system("test"), |tx| {
            for person in ["person:1", "person:2"] {
                let sealed = tx.seal(person, "耳背")?;
                let detail = json!({"sealed": sealed, "person": person});
                tx.record(Event::new("note.taken", person).detail(detail))?;
            }
            tx.destroy_key("person:2")?;
            tx.record(Event::new("person.erased", "person:2"))
        })
        .await
        .unwrap();
    assert_eq!(journal::seal(&world, None).await.unwrap(), 3);
}

fn verify(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anlan"));
    command.arg("verify").arg("--data").arg(data).args(arguments);
    command.env_remove("ANLAN_DATABASE").stdin(Stdio::null()).output().unwrap()
}

#[tokio::test]
async fn verify_says_how_many_sealed_texts_cannot_be_read_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    world_with_an_erased_person(&data).await;

    let out = verify(&data, &["--json"]);
    let said: Json = serde_json::from_slice(&out.stdout).unwrap_or_else(|it| panic!("{it}: {out:?}"));
    assert_eq!(said["unreadable"], 1, "{said}");
    assert_eq!((said["entries"].as_i64(), &said["findings"]), (Some(3), &json!([])), "{said}");
    assert_eq!(out.status.code(), Some(0));

    for (lang, words) in
        [("zh", "无法再读出的个人信息：1 处"), ("en", "cannot be read any more (keys of their persons destroyed): 1")]
    {
        let out = verify(&data, &["--lang", lang]);
        let said = String::from_utf8_lossy(&out.stdout);
        assert!(said.contains(words), "{lang}: {said}");
    }
}
