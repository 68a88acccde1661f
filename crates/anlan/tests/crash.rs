//! Crashes of the real program: at every named place, and at any other moment.

mod common;

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Output, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use anlan_kernel::{Actor, Instant};
use anlan_simulator::{
    Carrier, CarrierConfig,
    carrier::{Log, VoicePeople},
};
use anlan_store::{Clock, Keys, OutboxItem, Place, Sending, World, WorldConfig, WorldKind};
use common::{
    Dice, anlan, assert_adds_up, full, run,
    server::{Bureau, Desk, NOBODY, Server, quick_carrier, quick_pack, serve, until, wait},
    small_story, stderr, stdout, summary,
};
use serde_json::Value as Json;

/// Places whose crash is always tried; of the others a sample is.
const ALWAYS: &[&str] = &["courier", "receipt:", "log:"];
/// How many of the others.
const SAMPLE: u64 = 4;

/// One night of the small story, with a data folder of its own.
struct Night {
    dir: tempfile::TempDir,
    story: PathBuf,
}

impl Night {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let story = small_story(dir.path());
        Self { dir, story }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn demo(&self) -> Command {
        let mut command = anlan();
        command.args(["demo", "--port", "0", "--exit-when-done", "--data"]).arg(self.data());
        command.arg("--story").arg(&self.story);
        command
    }

    /// Entries of the journal; whole, and no head of the other disk is missing.
    fn verified(&self, after: &str) -> u64 {
        let heads = self.dir.path().join("data.heads/small.jsonl");
        let mut verify = anlan();
        verify.args(["verify", "--json", "--world", "small", "--data"]).arg(self.data()).arg("--head").arg(heads);
        let done = run(&mut verify);
        assert!(done.status.success(), "{after}: {}{}", stdout(&done), stderr(&done));
        let seen: Json = serde_json::from_str(&stdout(&done)).expect("what was verified");
        seen["entries"].as_u64().expect("how many entries")
    }

    /// The end of the night, however it was come to.
    fn ends_as(&self, told: &Output, expected: &Json, after: &str) {
        assert!(told.status.success(), "{after}: {}", stderr(told));
        let summary = summary(told);
        assert_adds_up(&summary);
        for same in ["called", "rounds", "alarms", "readings"] {
            assert_eq!(summary[same], expected[same], "{same} after {after}: {summary}");
        }
        self.verified(after);
    }

    /// What stands in the outbox, as a second program sees it.
    fn outbox(&self) -> Vec<OutboxItem> {
        let dir = self.data().join("worlds/small");
        let config = WorldConfig {
            name: "small".into(),
            kind: WorldKind::Replay,
            place: Place::Sqlite(dir.join("world.db")),
            dir,
            keys: Keys::open(&self.dir.path().join("data.key")).expect("the key"),
            clock: Clock::driven(Instant(0)),
            heads: None,
        };
        let modules = &[&anlan_web::MODULE, &anlan_register::MODULE, &anlan_monitor::MODULE, &anlan_warn::MODULE];
        let world = World::open(config, modules).expect("the world opens");
        let all = wait(world.read(&Actor::system("test"), |tx| tx.find::<OutboxItem>("1 = 1", "ORDER BY id", &[])));
        all.expect("the outbox can be read")
    }
}

/// Every named place of a night, in the order in which they were reached, and how the night ends.
fn places() -> (Vec<String>, Json) {
    let night = Night::new();
    let list = night.dir.path().join("places");
    let told = run(night.demo().env("ANLAN_FAILPOINT_LIST", &list));
    assert!(told.status.success(), "{}", stderr(&told));
    let names = fs::read_to_string(list).expect("the places");
    (names.lines().map(str::to_owned).collect(), summary(&told))
}

fn sample(names: Vec<String>) -> Vec<String> {
    if full() {
        return names;
    }
    let (mut chosen, mut others): (Vec<_>, Vec<_>) =
        names.into_iter().partition(|name| ALWAYS.iter().any(|it| name.starts_with(it)));
    let mut dice = Dice::new(20_230_901);
    for _ in 0..SAMPLE.min(others.len() as u64) {
        let index = usize::try_from(dice.roll(others.len() as u64)).expect("an index");
        chosen.push(others.swap_remove(index));
    }
    chosen
}

#[test]
fn a_crash_at_any_named_place_is_taken_up_where_it_broke_off() {
    let (names, expected) = places();
    let chosen = sample(names);
    let mut crashed = 0;
    for place in &chosen {
        let night = Night::new();
        let mut told = run(night.demo().env("ANLAN_FAILPOINT", place));
        if !told.status.success() {
            crashed += 1;
            let sending = place.starts_with("courier").then(|| night.outbox());
            told = run(night.demo().arg("--resume"));
            if let Some(before) = sending {
                let doubtful: BTreeSet<_> =
                    before.into_iter().filter(|it| it.state == Sending::Sending).map(|it| it.id).collect();
                let repeated = night.outbox().into_iter().filter(|it| it.payload["repeat"] == true);
                for item in repeated {
                    assert!(doubtful.contains(&item.id), "{place}: {} was not in doubt", item.id);
                }
            }
        }
        night.ends_as(&told, &expected, place);
    }
    assert!(crashed * 4 >= chosen.len() * 3, "only {crashed} of {} places were reached again", chosen.len());
}

/// Runs the demo until its journal has come to `target`, then `kill -9`; what it said if it ended before.
fn killed_at(command: &mut Command, target: u64, looks: u64) -> Option<Output> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the demo starts");
    let said = Arc::new(Mutex::new(String::new()));
    let (writer, output) = (Arc::clone(&said), child.stdout.take().expect("its words"));
    let reader = thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let mut said = writer.lock().unwrap_or_else(PoisonError::into_inner);
            said.push_str(&line);
            said.push('\n');
        }
    });
    // The HTTP library asks for a TLS provider even where only http:// is spoken.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let mut left = looks;
    let ended = loop {
        if child.try_wait().expect("it can be asked").is_some() {
            break true;
        }
        let words = said.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let url = words.lines().find_map(|it| it.strip_prefix("http").and_then(|it| it.split_once("/w/")));
        let Some((address, _)) = url else {
            if target == 0 {
                break false;
            }
            thread::yield_now();
            continue;
        };
        let sealed = wait(async {
            let answer = http.get(format!("http{address}/healthz")).send().await.ok()?;
            answer.json::<Json>().await.ok()?["sealed"].as_u64()
        });
        if sealed.is_some_and(|it| it >= target) {
            if left == 0 {
                break false;
            }
            left -= 1;
        }
    };
    if !ended {
        child.kill().expect("it can be killed");
    }
    let output = child.wait_with_output().expect("it ended");
    reader.join().expect("its words were read");
    let said = said.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (output.status.code().is_some()).then(|| Output { stdout: said.into_bytes(), ..output })
}

#[test]
fn a_night_killed_again_and_again_ends_as_if_nothing_had_happened() {
    let whole = Night::new();
    let told = run(&mut whole.demo());
    let (expected, entries) = (summary(&told), whole.verified("an undisturbed night"));
    let mut dice = Dice::new(20_230_902);
    let mut left = if full() { 200 } else { 20 };
    while left > 0 {
        let night = Night::new();
        let mut position = dice.roll(entries / 3);
        let told = loop {
            let mut demo = night.demo();
            let ended = match left {
                0 => Some(run(demo.arg("--resume"))),
                _ => killed_at(demo.arg("--resume"), position, dice.roll(30)),
            };
            if let Some(told) = ended {
                break told;
            }
            left -= 1;
            position += 1 + dice.roll(entries / 4);
        };
        night.ends_as(&told, &expected, "kills");
    }
}

/// A bureau whose server ends at `place` while it calls, and is started again; receipts come once `then` holds
/// of what the carrier saw.
fn broken_round(
    place: &str,
    config: CarrierConfig,
    then: fn(&Log) -> bool,
) -> (Carrier, Bureau, Server, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("a folder");
    let (data, packs) = (dir.path().join("data"), quick_pack(dir.path()));
    let command = || {
        let mut command = serve(&data);
        command.arg("--packs").arg(&packs).args(["--district", "440303"]);
        command
    };
    let carrier = wait(Carrier::start(config)).expect("the carrier starts");
    let lines = carrier.client().expect("its client");
    let mut server = Server::start(command().env("ANLAN_FAILPOINT", place));
    let code = server.code.clone().expect("the code of the first start");
    let bureau = Bureau::found(&server, &data, &code);
    bureau.connect(carrier.url());
    wait(lines.callback(&format!("{}/api/v1/receipts/test", server.url))).expect("the carrier knows where to");
    bureau.alert(&dir.path().join("small"));
    assert!(!server.ends().success(), "{place} was reached");
    drop(server);
    let server = Server::start(&mut command());
    let bureau = bureau.at(&server.url);
    until("the moment for receipts", || then(&carrier.log()).then_some(()));
    wait(lines.callback(&format!("{}/api/v1/receipts/test", server.url))).expect("the carrier knows where to");
    bureau.ended();
    (carrier, bureau, server, dir)
}

fn obedient() -> VoicePeople {
    VoicePeople { key1: 3, never: 1, ..NOBODY }
}

#[test]
fn a_gateway_that_honours_keys_calls_nobody_twice_however_the_server_dies() {
    for place in ["courier:after-send", "courier.settle:before-commit", "receipt:after"] {
        let (carrier, bureau, _server, _dir) = broken_round(place, quick_carrier(obedient(), 300), |_| true);
        let log = carrier.log();
        assert!(!log.items.is_empty());
        for (key, item) in &log.items {
            assert!(item.dials.len() <= 1, "{place}: {key} was dialled {} times", item.dials.len());
        }
        assert_eq!(repeats(&bureau.system), BTreeSet::new(), "{place}");
    }
}

#[test]
fn a_gateway_that_forgets_calls_twice_at_most_once_per_crash_and_each_is_listed() {
    for place in ["courier:before-send", "courier:after-send"] {
        let config = CarrierConfig { honours_keys: false, answers_status: false, ..quick_carrier(obedient(), 300) };
        let (carrier, bureau, _server, _dir) =
            broken_round(place, config, |log| log.items.values().any(|it| it.repeats > 0));
        let listed = repeats(&bureau.system);
        for (key, item) in &carrier.log().items {
            assert!(item.dials.len() <= 2, "{place}: {key} was dialled {} times", item.dials.len());
            assert!(item.dials.len() < 2 || listed.contains(key), "{place}: {key} was dialled twice and is not listed");
        }
        let twice = carrier.log().items.values().filter(|it| it.dials.len() == 2).count();
        assert_eq!(twice > 0, place == "courier:after-send", "{place}: only what had left is a second call");
    }
}

/// Keys of sendings that were repeated because nobody could tell.
fn repeats(desk: &Desk) -> BTreeSet<String> {
    let listed = desk.get("/api/v1/sendings/failed?limit=200");
    let items = listed["items"].as_array().expect("items").iter();
    items.filter(|it| it["repeat"] == true).filter_map(|it| it["id"].as_str().map(str::to_owned)).collect()
}
