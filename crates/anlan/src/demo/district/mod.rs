//! The register of the demonstrated district at a real bureau's size, invented and marked so.
//!
//! Every record is a function of the story's name, its kind and its number alone: made again, it is the same one with
//! the same id, so that writing goes on where it was cut off. Dates count back from the story's first moment.
//! Persons and units are those of the story; positions lie in squares around the story's places, well inside the
//! district; nothing is surveyed. Knows nothing of the storm.

mod chance;
mod forest;
mod ground;
mod hazards;
mod lifeline;
mod people;
mod premises;
mod resources;
mod sheet;
#[cfg(test)]
mod tests;
mod water;
mod words;
mod write;

use std::collections::BTreeMap;

use clap::ValueEnum;

use anlan_register::records::Draft;

pub use ground::Ground;
use sheet::Sheet;
pub use write::{ground_of, start, write};

/// Packs whose kinds are filled.
pub const PACKS: &[&str] =
    &["core", "grid", "premises", "chemicals", "geohazard", "resources", "flood", "lifeline", "forest", "vulnerable"];

/// How large the register of the demonstration is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Size {
    /// A district's.
    #[default]
    Full,
    /// A twentieth of it.
    Small,
    /// Nothing.
    None,
}

/// One kind of the district: how many, and how one is filled in.
#[derive(Clone, Copy)]
pub struct Part {
    /// The kind.
    pub kind: &'static str,
    count: usize,
    fill: fn(&mut Sheet<'_>),
}

/// What is linked to comes before what links to it, what is few before what is many.
const PARTS: &[&[Part]] = &[
    resources::PARTS,
    people::FEW,
    water::PARTS,
    forest::PARTS,
    lifeline::PARTS,
    hazards::FEW,
    people::GRIDS,
    hazards::SLOPES,
    premises::PARTS,
];

/// The register of a district.
pub struct District {
    ground: Ground,
    counts: BTreeMap<&'static str, usize>,
    /// First grid of every community, and how many it has.
    grids: Vec<(usize, usize)>,
}

/// A record to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// Its id, the same every time.
    pub id: String,
    /// What it says.
    pub draft: Draft,
    /// How long before the story it was verified, in shares of the kind's time; `None` for never.
    pub verified: Option<f64>,
}

impl District {
    /// The district on this ground.
    pub fn new(ground: Ground, size: Size) -> Self {
        let sized = |full: usize| match size {
            Size::Full => full,
            Size::Small => full.div_ceil(20),
            Size::None => 0,
        };
        Self::with(ground, all_parts().map(|it| (it.kind, sized(it.count))))
    }

    /// As many of some kinds as it says.
    pub fn with(ground: Ground, counts: impl Iterator<Item = (&'static str, usize)>) -> Self {
        let mut this = Self { ground, counts: counts.collect(), grids: Vec::new() };
        let count = this.count("grid");
        let mut grids = vec![(0, 0); this.ground.communities.len()];
        for n in (0..count).rev() {
            let (first, many) = &mut grids[this.ground.community_of(n, count)];
            (*first, *many) = (n, *many + 1);
        }
        this.grids = grids;
        this
    }

    /// Its kinds, in the order in which they are to be written.
    pub fn parts(&self) -> impl Iterator<Item = &'static Part> {
        all_parts().filter(|it| self.count(it.kind) > 0)
    }

    /// How many records of a kind it has.
    pub fn count(&self, kind: &str) -> usize {
        self.counts.get(kind).copied().unwrap_or(0)
    }

    /// How many records it has.
    pub fn total(&self) -> usize {
        self.parts().map(|it| self.count(it.kind)).sum()
    }

    /// The `n`th record of a kind, from 0.
    pub fn made(&self, part: &Part, n: usize) -> Made {
        let mut sheet = self.sheet(part, n);
        sheet.set("remark", sheet::MARK);
        let verified = match sheet.chance.below(100) {
            0..7 => None,
            7..21 => Some(1.0 + 1.5 * sheet.chance.unit()),
            _ => Some(0.98 * sheet.chance.unit()),
        };
        Made { id: id_of(part.kind, n), verified, draft: sheet.draft() }
    }

    fn sheet(&self, part: &Part, n: usize) -> Sheet<'_> {
        let mut sheet = Sheet::new(self, part.kind, n, self.count(part.kind));
        (part.fill)(&mut sheet);
        sheet
    }

    /// The sheet of a record that another one speaks of.
    fn other(&self, kind: &str, n: usize) -> Option<Sheet<'_>> {
        Some(self.sheet(self.parts().find(|it| it.kind == kind)?, n))
    }
}

fn all_parts() -> impl Iterator<Item = &'static Part> {
    PARTS.iter().flat_map(|it| it.iter())
}

/// The id of the `n`th record of a kind.
pub fn id_of(kind: &str, n: usize) -> String {
    format!("rdemo{}{n:06}", kind.replace('-', ""))
}
