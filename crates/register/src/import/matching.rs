//! Which column of a sheet means what: by its title, its place, what stands in it, or what somebody chose before.
//!
//! Pure: titles, samples and known columns in, a matching out. A *family* is a group of columns that stands several
//! times in a row: name, position and number of the lead, then the same of the deputy.

use anlan_kernel::Text;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What the values of a column look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Looks {
    /// Anything.
    #[default]
    Any,
    /// Names of people.
    Name,
    /// Telephone numbers.
    Phone,
    /// Division codes.
    Code,
}

/// A column the target knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Its key.
    pub key: String,
    /// On the screen.
    pub label: Text,
    /// Titles it goes by, in any language.
    pub titles: Vec<String>,
    /// The family it belongs to.
    pub family: Option<&'static str>,
    /// What stands in it.
    pub looks: Looks,
    /// Nothing can be taken in without it.
    pub required: bool,
}

/// A group of columns that may stand several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// Its id.
    pub id: &'static str,
    /// Words of a title that name it; the first family whose word is found has it.
    pub words: &'static [&'static str],
    /// Its place among those that follow each other without being named; 0 for one that must be named.
    pub order: usize,
}

/// What a sheet is matched with.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// The kind, as remembered matchings name it.
    pub kind: String,
    /// In the order of the choice on the page.
    pub columns: Vec<Known>,
    /// In the order in which their words are looked for.
    pub families: Vec<Family>,
}

/// A column as it stands in the sheet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// The title above it and its neighbours.
    pub group: String,
    /// Its own title.
    pub title: String,
    /// Some of its values, none empty.
    pub samples: Vec<String>,
}

/// Why a column was recognised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It was not.
    #[default]
    Nothing,
    /// By its whole title.
    Title,
    /// By a part of it.
    Part,
    /// By what stands in it.
    Samples,
    /// Somebody chose it for a sheet with the same titles before.
    Remembered,
    /// Somebody chose it now.
    Chosen,
}

/// What a column means.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// Key of the known column; `None`: it is not taken in.
    pub key: Option<String>,
    /// Why.
    pub why: Why,
}

/// What every column means, from left to right; no key stands twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matching {
    /// One for each column of the sheet.
    pub columns: Vec<Match>,
}

/// Share of samples from which a part of a title is believed.
const BELIEVED: f64 = 0.5;
/// Share of samples from which what stands in two columns tells that their titles were swapped.
const SURE: f64 = 0.8;
/// A whole title.
const WHOLE: usize = 1_000;
/// What the wrong place in the row costs.
const NEXT: usize = 250;

impl Seen {
    /// Group and title, as the page shows them.
    pub fn words(&self) -> String {
        match (self.group.is_empty(), self.title.is_empty()) {
            (false, false) => format!("{} / {}", self.group, self.title),
            _ => format!("{}{}", self.group, self.title),
        }
    }
}

impl Matching {
    /// Which column holds this key.
    pub fn at(&self, key: &str) -> Option<usize> {
        self.columns.iter().position(|it| it.key.as_deref() == Some(key))
    }

    /// What was chosen, in place of what was recognised: `None` leaves a column as it is, an empty text takes it out. A
    /// key that is chosen leaves the column it stood in before.
    pub fn choose(&mut self, chosen: &[Option<String>], why: Why) {
        for (at, key) in chosen.iter().enumerate().take(self.columns.len()) {
            let Some(key) = key else { continue };
            let key = Some(key.clone()).filter(|it| !it.is_empty());
            if self.columns[at].key == key {
                continue;
            }
            if let Some(before) = key.as_deref().and_then(|it| self.at(it)) {
                self.columns[before] = Match::default();
            }
            self.columns[at] = Match { key, why };
        }
    }

    /// Keys as a choice.
    pub fn keys(&self) -> Vec<Option<String>> {
        self.columns.iter().map(|it| Some(it.key.clone().unwrap_or_default())).collect()
    }
}

impl Target {
    /// The known column of this key.
    pub fn known(&self, key: &str) -> Option<&Known> {
        self.columns.iter().find(|it| it.key == key)
    }

    /// Which required columns no column of the sheet holds.
    pub fn missing(&self, matching: &Matching) -> Vec<&Known> {
        self.columns.iter().filter(|it| it.required && matching.at(&it.key).is_none()).collect()
    }

    fn order(&self, family: &str) -> usize {
        self.families.iter().find(|it| it.id == family).map_or(0, |it| it.order)
    }

    fn follows(&self, before: &str, family: &str) -> bool {
        self.order(before) > 0 && self.order(family) == self.order(before) + 1
    }

    /// Whether it is the first column of its family.
    fn begins(&self, known: &Known) -> bool {
        self.columns.iter().find(|it| it.family == known.family).is_some_and(|it| it.key == known.key)
    }
}

/// Recognises the columns of a sheet.
pub fn recognise(seen: &[Seen], target: &Target) -> Matching {
    let mut found = Matching { columns: vec![Match::default(); seen.len()] };
    let words = Words::of(target);
    // Whole titles first, so that a part of one takes no column from it.
    pass(seen, &words, &mut found, WHOLE / 2);
    pass(seen, &words, &mut found, 1);
    unswap(seen, target, &mut found);
    found
}

/// A target with its titles as they are compared.
struct Words<'a> {
    target: &'a Target,
    columns: Vec<(&'a Known, Vec<String>)>,
    families: Vec<(&'static str, Vec<String>)>,
}

impl<'a> Words<'a> {
    fn of(target: &'a Target) -> Self {
        let columns = target.columns.iter().map(|it| (it, it.titles.iter().map(|it| plain(it)).collect())).collect();
        let families =
            target.families.iter().map(|it| (it.id, it.words.iter().map(|it| plain(it)).collect())).collect();
        Self { target, columns, families }
    }

    /// The family that a title names.
    fn named(&self, title: &str) -> Option<&'static str> {
        self.families.iter().find(|it| it.1.iter().any(|word| title.contains(word.as_str()))).map(|it| it.0)
    }
}

fn pass(seen: &[Seen], words: &Words<'_>, found: &mut Matching, least: usize) {
    let mut current: Option<&'static str> = None;
    for (at, column) in seen.iter().enumerate() {
        if let Some(key) = &found.columns[at].key {
            current = words.target.known(key).and_then(|it| it.family).or(current);
            continue;
        }
        let titles = (plain(&column.title), plain(&format!("{}{}", column.group, column.title)));
        let named = words.named(&titles.1);
        let mut best: Option<(usize, &Known)> = None;
        for (known, names) in words.columns.iter().filter(|it| found.at(&it.0.key).is_none()) {
            let by_title =
                names.iter().map(|it| like(&titles.0, it).max(like(&titles.1, it))).max().unwrap_or_default();
            let score = in_its_place(by_looks(by_title, column, known), known, named, current, words.target);
            // The first of the best.
            if score >= least && best.is_none_or(|it| score > it.0) {
                best = Some((score, known));
            }
        }
        let believed = |known: &Known| column.samples.is_empty() || share(known.looks, &column.samples) >= BELIEVED;
        let Some((score, known)) = best.filter(|it| it.0 >= WHOLE / 2 || believed(it.1)) else {
            // A title that names a family and nothing else begins it all the same.
            current = named.or(current);
            continue;
        };
        let by_title = if score >= WHOLE / 2 { Why::Title } else { Why::Part };
        let why = if column.title.is_empty() { Why::Samples } else { by_title };
        found.columns[at] = Match { key: Some(known.key.clone()), why };
        current = known.family.or(current);
    }
}

/// A column without a title is told by what stands in it.
fn by_looks(score: usize, column: &Seen, known: &Known) -> usize {
    let alike = || known.looks != Looks::Any && share(known.looks, &column.samples) >= SURE;
    if score == 0 && column.title.is_empty() && alike() { 1 } else { score }
}

/// A column of a family counts where the family is named, goes on, or comes next.
fn in_its_place(
    score: usize,
    known: &Known,
    named: Option<&'static str>,
    current: Option<&'static str>,
    target: &Target,
) -> usize {
    let Some(family) = known.family.filter(|_| score > 0) else { return score };
    match (named, current) {
        (Some(named), _) if named == family => score + 50,
        (Some(_), _) => 0,
        (None, Some(current)) if current == family => score,
        (None, None) if target.order(family) == 1 => score,
        // The same title once more: the next of those that follow each other.
        (None, Some(current)) if target.follows(current, family) && target.begins(known) => {
            score.saturating_sub(NEXT).max(1)
        }
        _ => 0,
    }
}

/// How much a title is like a known one.
fn like(title: &str, known: &str) -> usize {
    let length = known.chars().count();
    if title.is_empty() || length == 0 {
        0
    } else if title == known {
        WHOLE
    } else if length >= 2 && title.ends_with(known) {
        150 + 10 * length.min(20)
    } else if length >= 3 && title.contains(known) {
        20 + 10 * length.min(10)
    } else {
        0
    }
}

/// Two columns each of which holds what the other's title says.
fn unswap(seen: &[Seen], target: &Target, found: &mut Matching) {
    let looks = |found: &Matching, at: usize| {
        found.columns[at].key.as_deref().and_then(|it| target.known(it)).map_or(Looks::Any, |it| it.looks)
    };
    for one in 0..seen.len() {
        for other in one + 1..seen.len() {
            let (a, b) = (looks(found, one), looks(found, other));
            let strange = |at: usize, own: Looks| share(own, &seen[at].samples) <= 1.0 - SURE;
            let swapped = a != b && a != Looks::Any && b != Looks::Any && strange(one, a) && strange(other, b);
            if swapped && share(b, &seen[one].samples) >= SURE && share(a, &seen[other].samples) >= SURE {
                found.columns.swap(one, other);
                found.columns[one].why = Why::Samples;
                found.columns[other].why = Why::Samples;
            }
        }
    }
}

/// Which share of the samples looks like this; of nothing, and of anything, all.
fn share(looks: Looks, samples: &[String]) -> f64 {
    if samples.is_empty() {
        return if looks == Looks::Any { 1.0 } else { 0.0 };
    }
    let count = samples.iter().filter(|it| is_like(looks, it.trim())).count();
    count as f64 / samples.len() as f64
}

fn is_like(looks: Looks, text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    match looks {
        Looks::Any => true,
        Looks::Phone => {
            crate::phone::split(text).iter().any(|it| crate::phone::is_usable(it))
                || (digits >= 7 && crate::phone::is_written(text))
        }
        Looks::Code => matches!(text.len(), 6 | 9 | 12) && digits == text.len(),
        Looks::Name => {
            let length = text.chars().filter(|it| !it.is_whitespace()).count();
            (2..=15).contains(&length) && text.chars().all(|it| it.is_alphabetic() || it.is_whitespace() || it == '·')
        }
    }
}

/// A title without what does not distinguish it.
pub fn plain(title: &str) -> String {
    title.chars().filter(|it| it.is_alphanumeric()).collect::<String>().to_lowercase()
}

/// By which a set of titles is known again, hexadecimal.
pub fn digest(seen: &[Seen]) -> String {
    let all: Vec<String> = seen.iter().map(|it| format!("{}\u{1}{}", plain(&it.group), plain(&it.title))).collect();
    anlan_store::hex(&Sha256::digest(all.join("\u{2}").as_bytes()))[..32].to_owned()
}
