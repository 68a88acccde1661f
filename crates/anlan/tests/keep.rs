//! Keeping a world: its own key and kind, what the owner's verbs leave in the journal, and what doctor sees.

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anlan_kernel::{Actor, Instant};
use anlan_store::{Clock, Event, Keys, Place, Urgency, World, WorldConfig, WorldKind, backup, journal, real_now};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use common::{
    anlan, run,
    server::{Server, import, serve, until, verb, wait},
    small_story, stderr, stdout,
};
use serde_json::Value as Json;

/// A data folder with a key beside it, and a world there made without the program.
struct Kept {
    dir: tempfile::TempDir,
}

impl Kept {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a folder") }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn open(&self, name: &str, kind: WorldKind) -> World {
        self.open_on(name, kind, Clock::Real)
    }

    fn open_on(&self, name: &str, kind: WorldKind, clock: Clock) -> World {
        let dir = self.data().join("worlds").join(name);
        let config = WorldConfig {
            name: name.into(),
            kind,
            place: Place::Sqlite(dir.join("world.db")),
            dir,
            keys: Keys::open_or_make(&self.dir.path().join("data.key")).expect("the key"),
            clock,
            heads: Some(self.dir.path().join(format!("data.heads/{name}.jsonl"))),
        };
        World::open(config, &[]).expect("the world opens")
    }

    /// A world that holds something.
    fn made(&self, name: &str, kind: WorldKind) -> World {
        let world = self.open(name, kind);
        let note = |tx: &mut anlan_store::Tx<'_>| tx.record(Event::new("note.taken", "one"));
        wait(world.write("test", Urgency::Urgent, &Actor::system("test"), note)).expect("it is written");
        wait(journal::seal(&world, None)).expect("it is sealed");
        world
    }

    fn verb(&self, words: &[&str]) -> std::process::Output {
        verb(&self.data(), words)
    }
}

fn looks(output: &std::process::Output) -> Vec<Json> {
    let text = stdout(output);
    serde_json::from_str(&text).unwrap_or_else(|it| panic!("{it}: {text}{}", stderr(output)))
}

fn look<'a>(looks: &'a [Json], name: &str) -> &'a Json {
    looks.iter().find(|it| it["name"] == name).unwrap_or_else(|| panic!("no {name} in {looks:?}"))
}

#[test]
fn no_verb_makes_a_second_key_for_a_world_that_exists() {
    let place = Kept::new();
    drop((place.made("real", WorldKind::Real), place.made("small", WorldKind::Replay)));
    let story = small_story(place.dir.path());
    let regions = story.join("regions.csv").display().to_string();
    let (file, other) = (place.dir.path().join("it.anlan"), place.dir.path().join("other.key"));
    let taken = place.verb(&["backup", file.to_str().expect("a path")]);
    assert!(taken.status.success(), "{}", stderr(&taken));
    Keys::open_or_make(&other).expect("another key");
    let (backup, people) = (file.display().to_string(), place.dir.path().join("people.csv").display().to_string());
    let verbs: &[&[&str]] = &[
        &["serve", "--listen", "127.0.0.1:0"],
        &["backup", &backup],
        &["verify"],
        &["restore", &backup],
        &["import", "regions", &regions],
        &["export", "people", &people],
        &["user", "list"],
        &["user", "first-code"],
        &["demo", "--port", "0", "--resume", "--exit-when-done", "--story", story.to_str().expect("a path")],
    ];
    let missing = place.dir.path().join("keys/forgotten.key");
    for words in verbs {
        for (key, zh, en) in
            [(&missing, "没有主密钥文件", "there is no master key file"), (&other, "主密钥", "master key")]
        {
            let key = key.display().to_string();
            for (lang, want) in [("zh", zh), ("en", en)] {
                let refused = place.verb(&[words, &["--key-file", &key, "--lang", lang][..]].concat());
                assert_eq!(refused.status.code(), Some(2), "{words:?} {}", stdout(&refused));
                let said = stderr(&refused);
                // A backup cannot say which file holds its key; a world is opened with one that is named.
                let restored = words[0] == "restore" && key == other.display().to_string();
                let want = if restored && lang == "en" { "master key is another one" } else { want };
                assert!(said.contains(want) && (restored || said.contains(&key)), "{words:?}: {said}");
            }
        }
    }
    let key = missing.display().to_string();
    let seen = place.verb(&["doctor", "--json", "--key-file", &key]);
    assert_eq!(seen.status.code(), Some(1));
    assert!(look(&looks(&seen), "world")["seen"].as_str().is_some_and(|it| it.contains(&key)), "{}", stdout(&seen));
    assert!(!missing.parent().expect("a folder").exists(), "nobody made a key");
    assert!(place.verb(&["verify"]).status.success(), "under its own key all is well");
}

#[test]
fn what_is_not_there_is_not_made_by_looking_for_it() {
    let place = Kept::new();
    let file = place.dir.path().join("it.anlan").display().to_string();
    for words in [&["verify"][..], &["backup", &file], &["export", "people", &file], &["user", "list"]] {
        for (lang, want) in [("zh", "这里没有数据"), ("en", "there is no such world")] {
            let refused = place.verb(&[words, &["--lang", lang][..]].concat());
            assert_eq!(refused.status.code(), Some(2), "{words:?}");
            assert!(stderr(&refused).contains(want), "{words:?}: {}", stderr(&refused));
        }
    }
    assert_eq!(place.verb(&["restore", &file]).status.code(), Some(2));
    assert!(!place.dir.path().join("data.key").exists(), "no key");
    assert!(!place.data().join("worlds").exists(), "and no world");
}

#[test]
fn a_replay_is_never_served_or_restored_as_the_real_world() {
    let place = Kept::new();
    let replay = place.made("saola", WorldKind::Replay);
    let file = place.dir.path().join("saola.anlan");
    wait(backup::backup(&replay, &file)).expect("a backup");
    drop(replay);
    let file = file.display().to_string();
    let elsewhere = place.dir.path().join("elsewhere");
    let key = place.dir.path().join("data.key");
    let restore = |world: &str, lang: &str| {
        let mut command = anlan();
        command.args(["restore", &file, "--world", world, "--lang", lang]).arg("--key-file").arg(&key);
        run(command.arg("--data").arg(&elsewhere))
    };
    for (lang, want) in [("zh", "建立时是回放数据，不能当作实战数据"), ("en", "was made as a world of the kind replay")]
    {
        let serve = place.verb(&["serve", "--listen", "127.0.0.1:0", "--world", "saola", "--lang", lang]);
        for refused in [serve, restore("real", lang)] {
            assert_eq!(refused.status.code(), Some(2), "{}", stdout(&refused));
            assert!(stderr(&refused).contains(want), "{}", stderr(&refused));
        }
    }
    assert!(!elsewhere.exists(), "nothing is left of it");
    let restored = restore("saola", "zh");
    assert!(restored.status.success(), "{}", stderr(&restored));
    let refused = run(serve(&elsewhere).arg("--key-file").arg(&key).args(["--world", "saola"]));
    assert!(stderr(&refused).contains("回放数据"), "it is a replay there too: {}", stderr(&refused));
    assert!(place.verb(&["verify", "--world", "saola"]).status.success(), "looking at it is fine");
}

#[test]
fn a_story_cannot_throw_the_real_world_away() {
    let place = Kept::new();
    drop(place.made("real", WorldKind::Real));
    let story = small_story(place.dir.path());
    let file = story.join("story.toml");
    let text = fs::read_to_string(&file).expect("the story").replace("id = \"small\"", "id = \"real\"");
    fs::write(&file, text).expect("written");
    let refused = place.verb(&["demo", "--port", "0", "--exit-when-done", "--story", story.to_str().expect("a path")]);
    assert_eq!(refused.status.code(), Some(2), "{}", stdout(&refused));
    assert!(stderr(&refused).contains("实战数据，不会删除"), "{}", stderr(&refused));
    let verified = place.verb(&["verify", "--json"]);
    assert!(stdout(&verified).contains("\"entries\":1"), "{}", stdout(&verified));
}

#[test]
fn an_export_from_the_command_line_stands_in_the_journal() {
    let place = Kept::new();
    let story = small_story(place.dir.path());
    let people = place.dir.path().join("people.csv").display().to_string();
    let export = || {
        let done = place.verb(&["export", "people", &people]);
        assert!(done.status.success(), "{}", stderr(&done));
    };
    {
        let _server = Server::start(&mut serve(&place.data()));
        for kind in ["regions", "organisations", "people"] {
            import(&place.data(), &story, kind);
        }
        export();
    }
    export();
    let world = place.open("real", WorldKind::Real);
    while wait(journal::seal(&world, None)).expect("it is sealed") > 0 {}
    let entries = wait(journal::after(&world, &Actor::system("test"), 0, 1_000)).expect("the journal");
    let exports = entries.iter().filter(|it| it.event == "people.exported");
    let by: Vec<_> = exports.map(|it| it.actor.as_str()).collect();
    assert_eq!(by, ["system:command-line"; 2], "one through the server, one alone");
}

/// As much of a certificate as doctor looks at.
fn certificate(file: &Path, from: Instant, until: Instant) {
    let wrap = |tag: u8, contents: &[u8]| [&[tag, u8::try_from(contents.len()).expect("short")][..], contents].concat();
    let date = |it: Instant| {
        let digits: String =
            it.to_rfc3339().split('.').next().expect("a date").chars().filter(char::is_ascii_digit).collect();
        wrap(0x18, format!("{digits}Z").as_bytes())
    };
    let validity = wrap(0x30, &[date(from), date(until)].concat());
    let before = [wrap(0xa0, &[2, 1, 2]), wrap(2, &[7]), wrap(0x30, &[]), wrap(0x30, &[])].concat();
    let der = wrap(0x30, &wrap(0x30, &[before, validity].concat()));
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der));
    fs::write(file, pem).expect("written");
}

#[test]
fn doctor_looks_at_the_certificate_the_server_shows() {
    let place = Kept::new();
    let (file, config) = (place.dir.path().join("cert.pem"), place.dir.path().join("anlan.toml"));
    fs::write(&config, format!("tls_cert = {:?}\n", file.display().to_string())).expect("written");
    let named = [["--tls-cert", file.to_str().expect("a path")], ["--config", config.to_str().expect("a path")]];
    let (now, day) = (real_now(), Duration::from_secs(86_400));
    for (from, until, fine, zh, en) in [
        (now.minus(day), now.plus(day * 90), true, "有效期至", "holds until"),
        (now.minus(day), now.plus(day * 7), false, "还有 6 天", "6 days"),
        (now.minus(day * 9), now.minus(day), false, "还有 0 天", "0 days"),
        (now.plus(day), now.plus(day * 90), false, "起才生效", "holds only from"),
    ] {
        certificate(&file, from, until);
        for (named, lang, want) in [(&named[0], "zh", zh), (&named[1], "en", en)] {
            let seen = looks(&place.verb(&[&["doctor", "--json", "--lang", lang][..], named].concat()));
            let seen = look(&seen, "certificate");
            assert_eq!(seen["fine"], fine, "{want}: {seen}");
            assert!(seen["seen"].as_str().is_some_and(|it| it.contains(want)), "{want}: {seen}");
        }
    }
    fs::write(&file, "none").expect("written");
    let seen = looks(&place.verb(&["doctor", "--json", "--tls-cert", file.to_str().expect("a path")]));
    assert_eq!(look(&seen, "certificate")["fine"], false, "{seen:?}");
    let seen = looks(&place.verb(&["doctor", "--json"]));
    assert!(seen.iter().all(|it| it["name"] != "certificate"), "without TLS there is none: {seen:?}");
}

#[test]
fn doctor_sees_a_clock_that_was_set_back_and_a_server_that_signs_no_heads() {
    let place = Kept::new();
    let world = place.made("real", WorldKind::Real);
    wait(journal::sign_head(&world)).expect("a head").expect("it is signed");
    drop(world);
    let seen = looks(&place.verb(&["doctor", "--json"]));
    assert_eq!((&look(&seen, "clock")["fine"], &look(&seen, "heads")["fine"]), (&Json::from(true), &Json::from(true)));

    let heads = place.dir.path().join("data.heads/real.jsonl");
    let old = fs::read_to_string(&heads).expect("the head");
    let mut head: Json = serde_json::from_str(old.trim()).expect("a head");
    head["at"] = real_now().minus(Duration::from_secs(3_600)).to_rfc3339().into();
    fs::write(&heads, format!("{head}\n")).expect("written");
    let idle = looks(&place.verb(&["doctor", "--json"]));
    assert_eq!(look(&idle, "heads")["fine"], true, "nothing runs that would sign: {idle:?}");
    let _door = std::os::unix::net::UnixListener::bind(place.data().join("anlan.sock")).expect("a server's socket");
    let running = looks(&place.verb(&["doctor", "--json"]));
    let seen = look(&running, "heads");
    assert_eq!(seen["fine"], false, "{seen}");
    assert!(seen["seen"].as_str().is_some_and(|it| it.contains("最新的在 36")), "{seen}");

    // What was written an hour from now was written before the clock was set back.
    let world = place.open_on("real", WorldKind::Real, Clock::driven(real_now().plus(Duration::from_secs(3_600))));
    let note = |tx: &mut anlan_store::Tx<'_>| tx.record(Event::new("note.taken", "two"));
    wait(world.write("test", Urgency::Urgent, &Actor::system("test"), note)).expect("it is written");
    let seen = looks(&place.verb(&["doctor", "--json"]));
    assert_eq!(look(&seen, "clock")["fine"], false, "{seen:?}");
}

#[test]
fn doctor_speaks_the_language_that_is_asked_for() {
    let place = Kept::new();
    let world = place.made("real", WorldKind::Real);
    wait(journal::sign_head(&world)).expect("a head").expect("it is signed");
    drop(world);
    for (lang, chinese) in [("zh", true), ("en", false)] {
        let seen = looks(&place.verb(&["doctor", "--json", "--lang", lang]));
        for look in seen.iter().filter(|it| it["name"] != "clock") {
            let words = look["seen"].as_str().expect("words");
            assert_eq!(!words.is_ascii(), chinese, "{lang}: {look}");
        }
    }
}

#[test]
fn a_backup_is_written_over_only_where_somebody_says_so() {
    let place = Kept::new();
    drop(place.made("real", WorldKind::Real));
    let path = place.dir.path().join("it.anlan");
    let file = path.display().to_string();
    fs::write(&path, "a letter").expect("written");
    for (words, lang, want) in [
        (&[][..], "zh", "已经存在，不会覆盖"),
        (&[], "en", "is there already and is not written over"),
        (&["--follow"], "zh", "已经存在，不会覆盖"),
    ] {
        let refused = place.verb(&[&["backup", &file, "--lang", lang][..], words].concat());
        assert_eq!(refused.status.code(), Some(2), "{words:?}: {}", stdout(&refused));
        assert!(stderr(&refused).contains(want), "{words:?}: {}", stderr(&refused));
    }
    assert_eq!(fs::read(&path).expect("the file"), b"a letter", "what was there is there");
    let taken = place.verb(&["backup", &file, "--force"]);
    assert!(taken.status.success(), "{}", stderr(&taken));
    assert!(place.verb(&["backup", &file]).status.code() == Some(2), "a backup neither");
}

#[test]
fn a_restore_counts_as_the_backup_did() {
    let place = Kept::new();
    drop(place.made("real", WorldKind::Real));
    let (file, fresh) = (place.dir.path().join("it.anlan"), place.dir.path().join("fresh"));
    let file = file.display().to_string();
    let key = place.dir.path().join("data.key").display().to_string();
    let taken = stdout(&place.verb(&["backup", &file]));
    let restored = stdout(&verb(&fresh, &["restore", &file, "--key-file", &key]));
    let counted = taken.trim().strip_prefix(&format!("{file}：")).expect("the file and what it holds");
    assert!(counted.starts_with("记录 ") && restored.starts_with(&format!("{counted}；")), "{taken}{restored}");
}

#[test]
fn a_restore_that_fails_takes_away_what_it_made_and_nothing_else() {
    let place = Kept::new();
    drop(place.made("real", WorldKind::Real));
    let file = place.dir.path().join("it.anlan");
    assert!(place.verb(&["backup", file.to_str().expect("a path")]).status.success());
    let mut bytes = fs::read(&file).expect("the backup");
    let last = bytes.len() - 9;
    bytes[last] ^= 1;
    let bad = place.dir.path().join("bad.anlan");
    fs::write(&bad, bytes).expect("written");
    let key = place.dir.path().join("data.key").display().to_string();
    let (fresh, used) = (place.dir.path().join("some/fresh"), place.dir.path().join("used"));
    fs::create_dir_all(used.join("worlds/real")).expect("a folder");
    fs::write(used.join("worlds/real/note.txt"), "mine").expect("written");
    for (lang, want) in [("zh", "被改动过"), ("en", "was changed")] {
        for data in [&fresh, &used] {
            let words = ["restore", bad.to_str().expect("a path"), "--key-file", &key, "--lang", lang];
            let refused = verb(data, &words);
            assert_eq!(refused.status.code(), Some(2), "{}", stdout(&refused));
            assert!(stderr(&refused).contains(want), "{}", stderr(&refused));
        }
    }
    assert!(!place.dir.path().join("some").exists(), "nothing is left");
    let left = |dir: &Path| {
        let names = fs::read_dir(dir).expect("it stays").map(|it| it.expect("a name").file_name());
        names.map(|it| it.into_string().expect("a name")).collect::<Vec<_>>()
    };
    assert_eq!(left(&used), ["worlds"], "not even a lock");
    assert_eq!(left(&used.join("worlds/real")), ["note.txt"], "what was there stays");
}

#[test]
fn a_second_restore_is_refused_and_leaves_what_the_first_put_there() {
    let place = Kept::new();
    drop(place.made("real", WorldKind::Real));
    let (file, fresh) = (place.dir.path().join("it.anlan"), place.dir.path().join("fresh"));
    let (file, key) = (file.display().to_string(), place.dir.path().join("data.key").display().to_string());
    assert!(place.verb(&["backup", &file]).status.success());
    let restore = || verb(&fresh, &["restore", &file, "--key-file", &key]);
    // Both begin in an empty folder; whoever comes second finds the lock or the rows.
    let codes = std::thread::scope(|scope| {
        let both = [scope.spawn(restore), scope.spawn(restore)];
        both.map(|it| it.join().expect("it ends").status.code())
    });
    assert!(matches!(codes, [Some(0), Some(2)] | [Some(2), Some(0)]), "{codes:?}");
    let again = restore();
    assert_eq!(again.status.code(), Some(2), "{}", stdout(&again));
    assert!(stderr(&again).contains("已有数据"), "{}", stderr(&again));
    let verified = verb(&fresh, &["verify", "--json", "--key-file", &key]);
    assert!(stdout(&verified).contains("\"entries\":1"), "{}{}", stdout(&verified), stderr(&verified));
}

/// Everything below a folder that others could look at.
fn open_to_others(dir: &Path, found: &mut Vec<PathBuf>) {
    use std::os::unix::fs::PermissionsExt;
    for entry in fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        let meta = fs::metadata(&path).expect("it is there");
        found.extend((meta.permissions().mode() & 0o077 != 0).then(|| path.clone()));
        if meta.is_dir() {
            open_to_others(&path, found);
        }
    }
}

#[test]
fn what_the_program_makes_its_owner_alone_can_read() {
    let dir = tempfile::tempdir().expect("a folder");
    let story_dir = tempfile::tempdir().expect("another folder");
    let story = small_story(story_dir.path());
    let data = dir.path().join("some/data");
    let (backup, people) = (dir.path().join("it.anlan"), dir.path().join("people.csv"));
    {
        let _server = Server::start(&mut serve(&data));
        for kind in ["regions", "organisations", "people", "stations", "observations"] {
            import(&data, &story, kind);
        }
        until("a signed head", || fs::metadata(dir.path().join("some/data.heads/real.jsonl")).ok());
        assert!(verb(&data, &["backup", backup.to_str().expect("a path")]).status.success());
        assert!(verb(&data, &["export", "people", people.to_str().expect("a path")]).status.success());
        let mut found = Vec::new();
        open_to_others(dir.path(), &mut found);
        assert_eq!(found, [] as [PathBuf; 0]);
    }
    let key = dir.path().join("some/data.key").display().to_string();
    let fresh = dir.path().join("fresh");
    assert!(verb(&fresh, &["restore", backup.to_str().expect("a path"), "--key-file", &key]).status.success());
    let mut found = Vec::new();
    open_to_others(dir.path(), &mut found);
    assert_eq!(found, [] as [PathBuf; 0], "a restored world neither");
}

#[test]
fn long_work_says_how_far_it_is_to_a_terminal_and_to_nothing_else() {
    let place = Kept::new();
    drop(place.made("real", WorldKind::Real));
    let file = place.dir.path().join("it.anlan").display().to_string();
    let story = small_story(place.dir.path()).display().to_string();
    let rules = place.dir.path().join("rules.toml").display().to_string();
    fs::write(&rules, "").expect("written");
    let replay = format!(
        "replay --stations {story}/stations.csv --observations {story}/observations.csv --rules {rules} --report {file}.json"
    );
    let import = format!("import regions {story}/regions.csv");
    let (program, data) = (env!("CARGO_BIN_EXE_anlan"), place.data().display().to_string());
    for (words, want) in [
        ("verify".to_owned(), "entries read"),
        (format!("backup {file} --force"), "rows backed up"),
        (import, "importing"),
        (replay, "lines read"),
    ] {
        let line = format!("{program} {words} --data {data} --lang en");
        // script(1) of util-linux plays the terminal.
        let shown = run(Command::new("script").args(["-qec", &line, "/dev/null"]).env("ANLAN_LOG", "warn"));
        assert!(stdout(&shown).contains(want), "{words}: {}{}", stdout(&shown), stderr(&shown));
        let quiet = run(Command::new("sh").args(["-c", &line]).env("ANLAN_LOG", "warn"));
        assert!(!stderr(&quiet).contains(want) && !stdout(&quiet).contains('\x1b'), "{words}: {}", stderr(&quiet));
    }
}

#[test]
fn a_server_whose_worker_dies_ends_with_an_error() {
    for worker in ["sealer", "timekeeper", "courier"] {
        let place = Kept::new();
        let mut command = serve(&place.data());
        let mut child = command.env("ANLAN_PANIC", worker).spawn().expect("the server starts");
        let status = until("the end of the server", || child.try_wait().expect("it can be asked"));
        assert_eq!(status.code(), Some(1), "{worker}");
    }
}

#[test]
fn help_shows_no_password_of_the_environment() {
    for verb in [&["serve"][..], &["verify"], &["demo"], &["user", "add"]] {
        let mut help = anlan();
        help.env("ANLAN_DATABASE", "postgres://anlan:geheim@db/anlan")
            .env("ANLAN_MQTT_BROKER", "mqtt://a:geheim@b:1883");
        let help = run(help.args(verb).arg("--help"));
        assert!(stdout(&help).contains("ANLAN_DATABASE") && !stdout(&help).contains("geheim"), "{}", stdout(&help));
    }
}
