//! What a file would do to the register, gathered row by row.

use anlan_codecs::geo::Datum;
use anlan_kernel::{Problem, Text};
use serde::{Deserialize, Serialize};

use super::judge::{Became, Difference, Verdict};
use crate::import::matching::{Match, Matching, Seen};

/// Rows of each sort that are shown.
pub const SHOWN: usize = 50;

/// What was found in a file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Findings {
    /// Names of its sheets.
    pub sheets: Vec<String>,
    /// Which of them is read.
    pub sheet: usize,
    /// Number of the last row of titles.
    pub titles_at: usize,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Titles of required fields no column holds.
    pub wanting: Vec<Text>,
    /// Whether a macro stands in the file; none is ever run or kept.
    pub macros: bool,
    /// In which datum its positions stand.
    pub datum: Told,
    /// Its rows.
    pub counts: Counts,
    /// Some rows of each sort.
    pub examples: Vec<Example>,
    /// Some of what to look at in rows that are taken.
    pub notes: Vec<Problem>,
    /// Some of the rows that are none of the table.
    pub skipped: Vec<Problem>,
}

/// A column of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// The title above it and its neighbours.
    pub group: String,
    /// Its own.
    pub title: String,
    /// Some values.
    pub samples: Vec<String>,
    /// What it was taken for.
    #[serde(flatten)]
    pub known: Match,
}

/// How the datum was told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// The datum; `None`: a person is asked, or no row needs one.
    pub datum: Option<Datum>,
    /// Whether a person has to say it before anything is taken.
    pub asked: bool,
    /// What speaks for it.
    pub evidence: Option<Text>,
}

/// How many rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows of the table.
    pub rows: usize,
    /// New records.
    pub new: usize,
    /// Changed ones.
    pub changed: usize,
    /// Rows that say what stands there.
    pub same: usize,
    /// Rows that are refused.
    pub refused: usize,
    /// Things to look at.
    pub notes: usize,
    /// Rows that are none of the table.
    pub skipped: usize,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// Its number.
    pub row: usize,
    /// What it does.
    pub became: Became,
    /// What names the record, as the owner may see it.
    pub title: String,
    /// What changes.
    pub differences: Vec<Difference>,
    /// Why it is refused.
    pub problems: Vec<Problem>,
}

impl Findings {
    /// Its columns with what they were taken for.
    pub fn set_columns(&mut self, seen: &[Seen], matching: &Matching) {
        let column = |(seen, known): (&Seen, &Match)| Column {
            group: seen.group.clone(),
            title: seen.title.clone(),
            samples: seen.samples.iter().take(5).cloned().collect(),
            known: known.clone(),
        };
        self.columns = seen.iter().zip(&matching.columns).map(column).collect();
    }

    /// As the columns page has them.
    pub fn seen(&self) -> (Vec<Seen>, Matching) {
        let seen = |it: &Column| Seen { group: it.group.clone(), title: it.title.clone(), samples: it.samples.clone() };
        let columns = self.columns.iter().map(|it| it.known.clone()).collect();
        (self.columns.iter().map(seen).collect(), Matching { columns })
    }

    /// How many examples of a sort there are.
    pub fn shown(&self, became: Became) -> usize {
        self.examples.iter().filter(|it| it.became == became).count()
    }

    /// Adds a row; `name` makes its title fit to be seen.
    pub fn add(&mut self, verdict: &Verdict, name: impl Fn(&str) -> String) {
        self.counts.rows += 1;
        self.counts.count(verdict.became);
        self.counts.notes += verdict.notes.len();
        let room = SHOWN.saturating_sub(self.notes.len());
        self.notes.extend(verdict.notes.iter().take(room).map(|it| it.clone().row(verdict.row)));
        if self.shown(verdict.became) < SHOWN {
            self.examples.push(Example {
                row: verdict.row,
                became: verdict.became,
                title: name(&verdict.title),
                differences: verdict.differences.clone(),
                problems: verdict.problems.clone(),
            });
        }
    }

    /// Adds a row that is none of the table.
    pub fn skip(&mut self, why: Problem) {
        self.counts.skipped += 1;
        if self.skipped.len() < SHOWN {
            self.skipped.push(why);
        }
    }
}

impl Counts {
    /// Counts a row.
    pub fn count(&mut self, became: Became) {
        match became {
            Became::New => self.new += 1,
            Became::Changed => self.changed += 1,
            Became::Same => self.same += 1,
            Became::Refused => self.refused += 1,
        }
    }
}
