//! The stories that ship in the program.

/// Files by name.
pub type Files = &'static [(&'static str, &'static [u8])];

macro_rules! stories {
    ($($id:literal { $($file:literal),* $(,)? }),* $(,)?) => {
        /// Every shipped story with its own files.
        pub const STORIES: &[(&str, Files)] = &[$((
            $id,
            &[$(($file, include_bytes!(concat!("../../../../demo/", $id, "/", $file)))),*],
        )),*];
    };
}

stories! {
    "saola" {
        "story.toml", "carrier.toml", "stations.csv", "observations.csv", "signals.jsonl",
        "regions.csv", "organisations.csv", "people.csv", "shifts.csv", "places.csv",
    },
    "leeds" {
        "story.toml", "carrier.toml", "stations.csv", "observations.csv", "signals.jsonl",
        "regions.csv", "organisations.csv", "people.csv", "shifts.csv",
    },
    "emilia-romagna" {
        "story.toml", "carrier.toml", "stations.csv", "observations.csv", "signals.jsonl", "rules.toml", "shifts.csv",
    },
}

/// Its files, if it ships.
pub fn named(id: &str) -> Option<Files> {
    STORIES.iter().find(|(name, _)| *name == id).map(|(_, files)| *files)
}
