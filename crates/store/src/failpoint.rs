//! Named places at which a crash test ends the process at once.
//!
//! `ANLAN_FAILPOINT=name` aborts the first time the place is reached, `name#3` the third time.
//! `ANLAN_FAILPOINT_LIST=file` appends each name once, so that a test can walk them all.
//! `ANLAN_PANIC=name` panics at one of the places of [`panic_at`].

use std::{
    collections::HashSet,
    io::Write,
    sync::{Mutex, OnceLock},
};

struct Plan {
    at: Option<(String, Mutex<u64>)>,
    list: Option<(std::path::PathBuf, Mutex<HashSet<String>>)>,
}

fn plan() -> &'static Option<Plan> {
    static PLAN: OnceLock<Option<Plan>> = OnceLock::new();
    PLAN.get_or_init(|| {
        let at = std::env::var("ANLAN_FAILPOINT").ok().map(|text| match text.rsplit_once('#') {
            Some((name, count)) => (name.to_owned(), Mutex::new(count.parse().unwrap_or(1))),
            None => (text, Mutex::new(1)),
        });
        let list = std::env::var_os("ANLAN_FAILPOINT_LIST").map(|path| (path.into(), Mutex::new(HashSet::new())));
        (at.is_some() || list.is_some()).then_some(Plan { at, list })
    })
}

/// Ends the process here if the environment says so; otherwise costs one load.
pub fn reach(name: impl FnOnce() -> String) {
    let Some(plan) = plan() else { return };
    let name = name();
    if let Some((path, seen)) = &plan.list
        && seen.lock().is_ok_and(|mut it| it.insert(name.clone()))
        && let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(path)
    {
        // A list that cannot be written only makes the walking test fail, loudly.
        let _ = writeln!(file, "{name}");
    }
    if let Some((wanted, count)) = &plan.at
        && *wanted == name
        && let Ok(mut left) = count.lock()
    {
        *left -= 1;
        if *left == 0 {
            std::process::abort();
        }
    }
}

/// Panics here if the environment says so; for tests of what becomes of the process then.
///
/// # Panics
/// When `ANLAN_PANIC` names this place.
pub fn panic_at(name: &str) {
    static PLACE: OnceLock<Option<String>> = OnceLock::new();
    let place = PLACE.get_or_init(|| std::env::var("ANLAN_PANIC").ok());
    assert!(place.as_deref() != Some(name), "the environment asked for a panic at {name}");
}
