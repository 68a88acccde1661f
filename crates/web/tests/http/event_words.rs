//! The sources are read: whatever is journaled has words for the screen.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anlan_web::event_words::EVENTS;

/// Literals shaped like events that are none: deadlines, units of work, endings of files.
const NOT_EVENTS: &[&str] = &[
    "call.limit",
    "call.limits",
    "channel.tell",
    "escalation.limit",
    "escalation.merge",
    "forward.due",
    "notice.ask",
    "notice.signature",
    "notice.tell",
    "play.limit",
    "process.end",
    "process.tell",
    "response.ask",
    "response.sign",
    "round.absorb",
    "round.cancel",
    "round.check",
    "round.open",
    "round.resume",
    "round.start",
    "round.stop",
    "response.frobnicated",
    "draft.forget",
    "import.forget",
    "register.day",
    "roads.graph",
];
const FILES: &[&str] = &["css", "csv", "js", "json", "toml", "xlsx", "zip"];

fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
}

fn is_event_shaped(text: &str) -> bool {
    let word = |it: &str| !it.is_empty() && it.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    text.split_once('.').is_some_and(|(noun, verb)| word(noun) && word(verb) && !FILES.contains(&verb))
}

/// Event-shaped literals with whether an event is made of them on the spot; names of units of work are left out.
fn literals(text: &str) -> Vec<(bool, String)> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut found = Vec::new();
    let parts: Vec<&str> = code.split('"').collect();
    for pair in parts.windows(2) {
        let (before, text) = (pair[0].trim_end(), pair[1]);
        if is_event_shaped(text) && !before.ends_with("write(") && !before.ends_with("read(") {
            found.push((before.ends_with("Event::new("), text.to_owned()));
        }
    }
    found
}

#[test]
fn every_event_of_the_journal_has_words() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for entry in fs::read_dir(&crates).unwrap() {
        let path = entry.unwrap().path();
        let other = ["testbed", "powercut", "simulator", "codecs"].iter().any(|it| path.ends_with(it));
        if !other && path.join("src").is_dir() {
            rust_files(&path.join("src"), &mut files);
        }
    }
    let named: BTreeSet<&str> = EVENTS.iter().map(|it| it.0).collect();
    let nouns: BTreeSet<&str> = named.iter().filter_map(|it| it.split('.').next()).collect();
    let mut missing = BTreeSet::new();
    for file in files.iter().filter(|it| !it.ends_with("event_words.rs")) {
        for (made, event) in literals(&fs::read_to_string(file).unwrap()) {
            let suspect = made || nouns.contains(event.split('.').next().unwrap_or_default());
            if suspect
                && event != "test.made"
                && !named.contains(event.as_str())
                && !NOT_EVENTS.contains(&event.as_str())
            {
                missing.insert(format!("{event} in {}", file.display()));
            }
        }
    }
    assert!(missing.is_empty(), "give them words in crates/web/src/event_words.rs:\n{missing:#?}");
}

#[test]
fn the_inspection_finds_events_and_leaves_units_of_work_alone() {
    let text = r#"fn a() { world.write("round.begin", x); tx.record(Event::new("round.begun", id)); let e = if y { "round.over" } }"#;
    let found: Vec<_> = literals(text);
    assert_eq!(found, [(true, "round.begun".to_owned()), (false, "round.over".to_owned())]);
}
