//! A story (demo): a folder of stations, observations, signals, people and a script.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use anlan_kernel::{Instant, RegionCode, Text};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::shipped;

/// The story told where nobody names one.
pub const DEFAULT: &str = "saola";

/// `story.toml`.
#[derive(Clone, Debug, Deserialize)]
pub struct Story {
    /// Name of the world it is told in.
    pub id: String,
    /// For people.
    pub title: Text,
    /// The district.
    pub district: RegionCode,
    /// What the story is about: a stable hazard key, such as `typhoon`.
    pub hazard: String,
    /// The story whose files stand in for those this one does not have.
    #[serde(default)]
    pub shares: Option<String>,
    /// First moment.
    pub starts_at: Instant,
    /// Where the screens open.
    pub opens_at: Instant,
    /// Last moment; calls still open are followed to their end.
    pub ends_at: Instant,
    /// Packs that judge and call.
    pub packs: Vec<String>,
    /// Whose data it is.
    pub attribution: String,
    /// What in it is invented.
    pub invented: Text,
    /// Who acts.
    #[serde(default, rename = "officer")]
    pub officers: Vec<Officer>,
    /// What they do.
    #[serde(default, rename = "script")]
    pub script: Vec<Act>,
    /// Where a visitor is led.
    #[serde(default, rename = "scene")]
    pub scenes: Vec<Scene>,
}

/// A stop of the guide (导览).
#[derive(Clone, Debug, Deserialize)]
pub struct Scene {
    /// When.
    pub at: Instant,
    /// What it is about.
    pub title: Text,
    /// What happens and what the visitor can do.
    pub say: Text,
    /// Where to look; `{process}` and `{round}` are the newest ones of the story's hazard.
    pub page: Option<String>,
    /// Whether a decision waits here: the world goes on in real time.
    #[serde(default)]
    pub wait: bool,
}

/// A simulated officer with an account of their own.
#[derive(Clone, Debug, Deserialize)]
pub struct Officer {
    /// Account.
    pub login: String,
    /// Name, marked 演示.
    pub name: String,
    /// Post.
    pub post: String,
    /// Duty area.
    pub region: RegionCode,
    /// 牌子.
    pub hat: String,
}

/// One thing an officer does, at a moment or some time after a signal came.
#[derive(Clone, Debug, Deserialize)]
pub struct Act {
    #[serde(default)]
    at: Option<Instant>,
    #[serde(default)]
    after: Option<String>,
    #[serde(default)]
    delay: Option<String>,
    /// Account.
    #[serde(rename = "as")]
    pub officer: String,
    /// What.
    #[serde(rename = "do")]
    pub action: String,
    /// With what.
    #[serde(default)]
    pub args: BTreeMap<String, toml::Value>,
}

/// A line of `signals.jsonl`.
#[derive(Clone, Debug, Deserialize)]
pub struct StorySignal {
    /// When it comes in.
    pub at: Instant,
    /// Its identifier.
    pub id: String,
    /// The whole line, for the API.
    #[serde(skip)]
    pub body: Json,
}

/// What happens at one moment of the story.
#[derive(Clone, Debug, Default)]
pub struct Moment {
    /// Observations, one JSON object each.
    pub observations: Vec<String>,
    /// Signals.
    pub signals: Vec<StorySignal>,
    /// Numbers of the acts.
    pub acts: Vec<usize>,
    /// Number of the scene that begins.
    pub scene: Option<usize>,
}

/// A story with all its files.
#[derive(Debug)]
pub struct Loaded {
    /// `story.toml`.
    pub story: Story,
    /// By name.
    pub files: BTreeMap<String, Vec<u8>>,
    /// By time.
    pub moments: BTreeMap<Instant, Moment>,
}

/// Loads a story: a shipped one by name, or a folder.
///
/// # Errors
/// What is wrong, naming the file.
pub fn load(dir: Option<&Path>) -> Result<Loaded, String> {
    let mut files = files(dir.unwrap_or(Path::new(DEFAULT)))?;
    let shares = parse(&files)?.shares;
    if let Some(other) = shares {
        let beside = dir.and_then(Path::parent).unwrap_or(Path::new("")).join(other);
        for (name, bytes) in self::files(&beside)? {
            files.entry(name).or_insert(bytes);
        }
    }
    let story = parse(&files)?;
    let text = |name: &str| -> Result<String, String> { utf8(&files, name).map(str::to_owned) };
    let mut moments: BTreeMap<Instant, Moment> = BTreeMap::new();
    let mut arrivals = BTreeMap::new();
    for (number, line) in text("signals.jsonl")?.lines().enumerate().filter(|(_, it)| !it.trim().is_empty()) {
        let at = |it: serde_json::Error| format!("signals.jsonl line {}: {it}", number + 1);
        let body: Json = serde_json::from_str(line).map_err(at)?;
        let mut signal: StorySignal = serde_json::from_value(body.clone()).map_err(at)?;
        signal.body = body;
        arrivals.insert(signal.id.clone(), signal.at);
        moments.entry(signal.at).or_default().signals.push(signal);
    }
    for (at, row) in observations(&text("observations.csv")?)? {
        moments.entry(at).or_default().observations.push(row);
    }
    for (number, act) in story.script.iter().enumerate() {
        let at = act.moment(&arrivals).map_err(|it| format!("story.toml script {}: {it}", number + 1))?;
        moments.entry(at).or_default().acts.push(number);
    }
    for (number, scene) in story.scenes.iter().enumerate() {
        moments.entry(scene.at).or_default().scene = Some(number);
    }
    Ok(Loaded { story, files, moments })
}

fn parse(files: &BTreeMap<String, Vec<u8>>) -> Result<Story, String> {
    toml::from_str(utf8(files, "story.toml")?).map_err(|it| format!("story.toml: {it}"))
}

fn utf8<'a>(files: &'a BTreeMap<String, Vec<u8>>, name: &str) -> Result<&'a str, String> {
    let bytes = files.get(name).ok_or_else(|| format!("the story has no {name}"))?;
    std::str::from_utf8(bytes).map_err(|it| format!("{name}: {it}"))
}

fn files(dir: &Path) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let shipped = dir.file_name().and_then(|it| it.to_str()).and_then(shipped::named);
    match shipped {
        Some(files) if !dir.exists() => Ok(files.iter().map(|(name, it)| ((*name).to_owned(), it.to_vec())).collect()),
        _ => read_folder(dir),
    }
}

impl Loaded {
    /// A text file of the story that need not be there.
    pub fn text(&self, name: &str) -> Option<String> {
        utf8(&self.files, name).ok().map(str::to_owned)
    }
}

impl Act {
    fn moment(&self, arrivals: &BTreeMap<String, Instant>) -> Result<Instant, String> {
        if let Some(at) = self.at {
            return Ok(at);
        }
        let after = self.after.as_deref().ok_or("neither `at` nor `after`")?;
        let signal = after.strip_prefix("signal:").unwrap_or(after);
        let came = arrivals.get(signal).ok_or_else(|| format!("no signal {signal}"))?;
        Ok(came.plus(duration(self.delay.as_deref().unwrap_or("0s"))?))
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("{text:?} is no duration such as 80s, 4m or 2h");
    let unit = text.chars().last().ok_or_else(bad)?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        _ => return Err(bad()),
    };
    let count: u64 = text[..text.len() - 1].parse().map_err(|_| bad())?;
    Ok(Duration::from_secs(count * factor))
}

/// Rows as the API takes them, with the moment they come in.
fn observations(text: &str) -> Result<Vec<(Instant, String)>, String> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|it| format!("observations.csv: {it}"))?.clone();
    let mut rows = Vec::new();
    for (number, record) in reader.records().enumerate() {
        let line = number + 2;
        let record = record.map_err(|it| format!("observations.csv line {line}: {it}"))?;
        let field = |name: &str| headers.iter().position(|it| it == name).and_then(|i| record.get(i)).unwrap_or("");
        let came = match field("received_at") {
            "" => field("observed_at"),
            received => received,
        };
        let at = Instant::parse(came).map_err(|it| format!("observations.csv line {line}: {it}"))?;
        let value: Json = serde_json::from_str(field("value")).unwrap_or(Json::Null);
        let row = json!({
            "observed_at": field("observed_at"), "station_id": field("station_id"), "quantity": field("quantity"),
            "value": value, "unit": field("unit"), "quality": field("quality"),
        });
        rows.push((at, row.to_string()));
    }
    Ok(rows)
}

fn read_folder(dir: &Path) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let cannot = |it: std::io::Error| format!("{}: {it}", dir.display());
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.is_file() {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.insert(name, fs::read(&path).map_err(cannot)?);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_story_loads_with_all_its_readings_signals_and_acts() {
        let loaded = load(None).unwrap();
        let count = |of: fn(&Moment) -> usize| loaded.moments.values().map(of).sum::<usize>();
        assert_eq!(count(|it| it.observations.len()), 2 * 5_190);
        assert_eq!(count(|it| it.signals.len()), 11);
        assert_eq!(count(|it| it.acts.len()), loaded.story.script.len());
        assert_eq!(loaded.moments.keys().next(), Some(&loaded.story.starts_at));
    }

    #[test]
    fn every_shipped_story_loads_and_knows_its_people() {
        for (id, _) in shipped::STORIES {
            let loaded = load(Some(Path::new(id))).unwrap();
            assert_eq!(loaded.story.id, *id);
            assert!(loaded.files.contains_key("people.csv") && loaded.files.contains_key("regions.csv"), "{id}");
            assert!(loaded.moments.len() > 40, "{id}");
        }
    }

    #[test]
    fn durations_are_read_or_named() {
        assert_eq!(duration("80s"), Ok(Duration::from_secs(80)));
        assert_eq!(duration("4m"), Ok(Duration::from_secs(240)));
        assert!(duration("soon").is_err());
    }
}
