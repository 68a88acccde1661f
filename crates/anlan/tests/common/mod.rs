//! What the program's tests share: a small story cut out of the shipped one, and the real binary.
#![allow(dead_code, reason = "each test binary uses its part")]

pub mod server;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value as Json;

/// One street with its communities: some seventy people.
pub const STREET: &str = "440303001";
/// First moment of the small story.
pub const FROM: &str = "2023-09-01T20:10:00+08:00";
/// Last moment with readings.
pub const UNTIL: &str = "2023-09-01T20:30:00+08:00";

/// The program under test.
pub fn anlan() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anlan"));
    command.env("ANLAN_LOG", "warn").env_remove("ANLAN_DATA").env_remove("ANLAN_DATABASE").stdin(Stdio::null());
    command
}

/// Runs to the end.
pub fn run(command: &mut Command) -> Output {
    command.output().expect("the program starts")
}

/// Standard output as text.
pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Standard error as text.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Whether the long forms of the tests are wanted.
pub fn full() -> bool {
    std::env::var("ANLAN_FULL").is_ok_and(|it| it == "1")
}

/// Numbers that look random and are the same for the same seed.
pub struct Dice(u64);

impl Dice {
    /// From `ANLAN_SEED` where it is set, so that a failure can be repeated.
    pub fn new(seed: u64) -> Self {
        let seed = std::env::var("ANLAN_SEED").ok().and_then(|it| it.parse().ok()).unwrap_or(seed);
        eprintln!("ANLAN_SEED={seed}");
        Self(seed)
    }

    /// From 0 to `below`, which is left out.
    pub fn roll(&mut self, below: u64) -> u64 {
        // SplitMix64 (Steele, Lea, Flood 2014).
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % below.max(1)
    }
}

/// The last line of a demo run.
pub fn summary(output: &Output) -> Json {
    let text = stdout(output);
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|_| panic!("no summary in {text}\n{}", stderr(output)))
}

/// Every callee of the summary stands in exactly one final state.
pub fn assert_adds_up(summary: &Json) {
    let finals = summary["final"].as_object().expect("the final states");
    assert_eq!(finals.len(), 8, "{summary}");
    let sum: i64 = finals.values().filter_map(Json::as_i64).sum();
    assert_eq!(Some(sum), summary["called"].as_i64(), "{summary}");
    assert!(sum > 0, "{summary}");
}

/// A story of one street and twenty minutes, cut out of the shipped one.
pub fn small_story(dir: &Path) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/saola");
    let to = dir.join("small");
    fs::create_dir_all(&to).expect("a folder");
    let read = |name: &str| fs::read_to_string(from.join(name)).expect("a file of the story");
    let keep = |name: &str, wanted: &dyn Fn(&str) -> bool| {
        let text = read(name);
        let kept: Vec<&str> =
            text.lines().enumerate().filter(|(i, line)| *i == 0 || wanted(line)).map(|(_, line)| line).collect();
        fs::write(to.join(name), kept.join("\n") + "\n").expect("written");
    };
    let here = |line: &str| line.contains(STREET) || line.contains(",440303,");
    keep("regions.csv", &|line| line.starts_with("440303,") || line.starts_with(STREET));
    keep("organisations.csv", &|line| line.contains(STREET) || line.starts_with("luohu-emergency"));
    keep("people.csv", &|line| line.contains(STREET) || line.contains("罗湖区应急管理局") && here(line));
    keep("shifts.csv", &|line| line.contains(STREET) || line.starts_with("luohu-emergency"));
    keep("places.csv", &|line| line.starts_with(STREET));
    keep("stations.csv", &|_| true);
    keep("observations.csv", &|line| {
        let at = line.split(',').next().unwrap_or_default();
        (FROM..=UNTIL).contains(&at)
    });
    fs::copy(from.join("carrier.toml"), to.join("carrier.toml")).expect("copied");
    let signal =
        read("signals.jsonl").lines().find(|it| it.contains("demo-saola-red")).expect("the red signal").to_owned();
    fs::write(to.join("signals.jsonl"), signal.replace("2023-09-01T20:20:00", "2023-09-01T20:12:00") + "\n")
        .expect("written");
    fs::write(to.join("story.toml"), STORY).expect("written");
    to
}

const STORY: &str = r#"
id = "small"
title = { zh = "小故事", en = "A small story" }
district = "440303"
hazard = "typhoon"
starts_at = "2023-09-01T20:10:00+08:00"
opens_at = "2023-09-01T20:10:00+08:00"
ends_at = "2023-09-01T20:40:00+08:00"
packs = ["measured-wind", "call-out"]
attribution = "Hong Kong Observatory, Government of the HKSAR"
invented = { zh = "演示编造", en = "invented" }

[[officer]]
login = "zhuban"
name = "演示·值班员"
post = "主班"
region = "440303"
hat = "区三防指挥部办公室"

[[script]]
after = "signal:demo-saola-red"
delay = "60s"
as = "zhuban"
do = "acknowledge_signal"
args = { signal = "demo-saola-red" }

[[script]]
after = "signal:demo-saola-red"
delay = "150s"
as = "zhuban"
do = "forward_signal"
args = { signal = "demo-saola-red" }

[[script]]
after = "signal:demo-saola-red"
delay = "9m"
as = "zhuban"
do = "record_answer"
args = { level = 1, region = "440303001", take = 2, note = "当面告知" }
"#;
