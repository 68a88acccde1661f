//! What to do at which level, how long a notice holds, and how papers are numbered: pack data with sources.

use std::time::Duration;

use anlan_kernel::{Problem, Text};
use serde::Deserialize;

use super::words;
use crate::ladder;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// Levels it is for, 1 the gravest.
    pub levels: Vec<u8>,
    /// Hazards it is for; empty means all.
    #[serde(default)]
    pub hazards: Vec<String>,
    /// The words.
    pub text: Text,
    /// Where the practice is written down.
    pub source: String,
}

/// The number series (文号) of a 牌子.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prefix {
    /// 牌子.
    pub hat: String,
    /// What stands before the year: 罗三防风险.
    pub prefix: String,
}

/// The guide of one pack version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guide {
    /// `pack@version`.
    pub version: String,
    /// How long a notice holds unless somebody says otherwise.
    pub valid_for: Duration,
    /// In the order in which they are said.
    pub measures: Vec<Measure>,
    /// By 牌子.
    pub series: Vec<Prefix>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(with = "ladder::seconds")]
    valid_for: Duration,
    #[serde(rename = "measure", default)]
    measures: Vec<Measure>,
    #[serde(default)]
    series: Vec<Prefix>,
}

impl Default for Guide {
    fn default() -> Self {
        let valid_for = Duration::from_secs(12 * 3_600);
        Self { version: "none@0".into(), valid_for, measures: Vec::new(), series: Vec::new() }
    }
}

impl Guide {
    /// Reads `notice.toml` and proves it.
    ///
    /// # Errors
    /// Every problem, each naming the line or the measure.
    pub fn read(version: &str, toml: &str) -> Result<Self, Vec<Problem>> {
        let file: File = toml::from_str(toml).map_err(|it| vec![ladder::toml_problem(toml, &it)])?;
        let mut problems = Vec::new();
        for (i, it) in file.measures.iter().enumerate() {
            let mut wrong = |code: &str, zh: &str, en: &str| {
                problems.push(Problem::new(code, zh, en).field(format!("measure {}", i + 1)));
            };
            if it.levels.is_empty() || it.levels.iter().any(|level| !(1..=4).contains(level)) {
                wrong("bad_level", "levels 只能是 1 到 4", "levels are 1 to 4");
            }
            if it.text.zh.trim().is_empty() || it.text.en.trim().is_empty() || it.source.trim().is_empty() {
                wrong("no_words", "须有中英文措辞与出处", "words in both languages and a source are needed");
            }
            if let Some(words) = words::claim(&it.text.zh, true) {
                wrong("bad_words", &format!("“{words}”不是本单可用的措辞"), &format!("{words:?} is not ours to say"));
            }
        }
        let version = version.to_owned();
        let guide = Self { version, valid_for: file.valid_for, measures: file.measures, series: file.series };
        if problems.is_empty() { Ok(guide) } else { Err(problems) }
    }

    /// What to do about `hazard` at `level`.
    pub fn measures(&self, hazard: &str, level: u8) -> Vec<String> {
        let holds = |it: &&Measure| {
            it.levels.contains(&level) && (it.hazards.is_empty() || it.hazards.iter().any(|one| one == hazard))
        };
        self.measures.iter().filter(holds).map(|it| it.text.zh.clone()).collect()
    }

    /// The English of a measure that was left as the pack has it; its own words where it was changed.
    pub fn english<'a>(&'a self, measure: &'a str) -> &'a str {
        self.measures.iter().find(|it| it.text.zh == measure).map_or(measure, |it| &it.text.en)
    }

    /// What stands before the year in numbers of this 牌子.
    pub fn prefix(&self, hat: &str) -> String {
        let known = self.series.iter().find(|it| it.hat == hat);
        known.map_or_else(|| format!("{hat}风险"), |it| it.prefix.clone())
    }
}
