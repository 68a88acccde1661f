//! What stands in the index for one entry. Each word begins with a letter that says what it is, so that the beginning of
//! one is never taken for another. What is asked for by its beginning stands here in every length: to put together what
//! begins alike would take longer than an answer may.
//!
//! | letter | word |
//! |---|---|
//! | `t` `d` | character, two neighbours, or letters and digits: of a title; of anything else |
//! | `s` `a` `b` | beginning of a title: one or two characters, spelling, initials |
//! | `p` `i` | from any character of a title on: spelling, initials |
//! | `e` | a whole title |
//! | `n` `w` | a number or plate, last digit first: its end is a beginning here |
//! | `h` `o` | number or code of a person: the whole; the four digits that a masked number shows |
//! | `c` `v` | beginning of a code; plate |
//! | `r` `k` `x` | region on every level, kind, whether it is about a person |

use std::collections::BTreeSet;

use super::{
    Entry, Word,
    spelling::{self, INITIALS, WINDOW},
};
use crate::phone;

/// Letters of a whole title that are looked at.
const WHOLE: usize = 60;
/// Lengths of division codes on their levels.
const LEVELS: [usize; 5] = [2, 4, 6, 9, 12];
/// Letters of a code that are enough to ask for it.
pub const KEY: usize = 4;
/// Letters of the beginning of a code that stand in every length; a longer one is had by few.
pub const CODE: usize = 12;
/// Initials of the beginning of a title.
pub const FIRST_INITIALS: usize = 6;

/// Every word of the entry, each once, in order.
pub fn of(entry: &Entry<'_>) -> Vec<String> {
    let mut words = Words::default();
    words.put("k", entry.kind);
    words.regions(entry.region.as_str());
    if entry.personal {
        words.put("x", "");
    }
    words.name(entry.title);
    words.text(entry.detail);
    for word in &entry.words {
        match word {
            Word::Name(it) => words.name(it),
            Word::Address(it) | Word::Text(it) => words.text(it),
            Word::Phone(it) => words.phone(it, entry.personal),
            // Of somebody's code no part is told by what is found.
            Word::Code(it) if entry.personal => words.put("h", &compact(it)),
            Word::Code(it) => words.code(it),
            Word::Plate(it) => words.plate(it),
        }
    }
    words.0.into_iter().collect()
}

#[derive(Default)]
struct Words(BTreeSet<String>);

impl Words {
    fn put(&mut self, letter: &str, rest: &str) {
        self.0.insert(format!("{letter}{rest}"));
    }

    fn regions(&mut self, code: &str) {
        for level in LEVELS.into_iter().filter(|it| *it < code.len()) {
            self.put("r", &code[..level]);
        }
        self.put("r", code);
    }

    fn name(&mut self, text: &str) {
        let folded = fold(text);
        let whole = compact(text);
        self.put("e", &whole);
        self.put("s", &beginning(&whole, 1));
        self.put("s", &beginning(&whole, 2));
        for run in runs(&folded) {
            for word in grams(&run, true) {
                self.put("t", &word);
            }
        }
        self.spelled(&folded);
    }

    fn spelled(&mut self, folded: &str) {
        let units = spelling::units(folded);
        let initials = spelling::initials(&units);
        self.beginnings("a", &spelling::spellings(&units, WINDOW), 2);
        self.beginnings("b", &spelling::spellings(&initials, FIRST_INITIALS), 2);
        for at in 0..units.len() {
            self.beginnings("p", &spelling::spellings(&units[at..], WINDOW), 2);
            self.beginnings("i", &spelling::spellings(&initials[at..], INITIALS), 2);
        }
    }

    /// Each in every length from `least` on.
    fn beginnings(&mut self, letter: &str, all: &[String], least: usize) {
        for it in all {
            (least..=it.len()).filter_map(|length| it.get(..length)).for_each(|it| self.put(letter, it));
        }
    }

    fn text(&mut self, text: &str) {
        for run in runs(&fold(text)) {
            for word in grams(&run, false) {
                self.put("d", &word);
            }
        }
    }

    fn phone(&mut self, text: &str, personal: bool) {
        let digits: String = phone::tidy(text).chars().filter(char::is_ascii_digit).collect();
        if digits.len() < 3 {
            return;
        }
        if !personal {
            return self.put("n", &backwards(&digits));
        }
        self.put("h", &digits);
        // More digits of its end than a masked number shows would tell the hidden ones to whoever tries all.
        if digits.len() >= 8 {
            self.put("o", &digits[digits.len() - 4..]);
        }
    }

    fn code(&mut self, text: &str) {
        let whole = compact(text);
        let short = beginning(&whole, CODE);
        self.put("c", &whole);
        self.beginnings("c", &[short], KEY);
    }

    fn plate(&mut self, text: &str) {
        let whole = compact(text);
        self.put("w", &backwards(&whole));
        self.put("v", &whole);
        // 粤B12345 is also spoken of as B12345.
        if let Some(rest) = whole.strip_prefix(is_han).filter(|it| !it.is_empty()) {
            self.put("v", rest);
        }
    }
}

/// Full width as half width, capitals as small letters.
pub fn fold(text: &str) -> String {
    let narrow = |it: char| match it {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(it) - 0xfee0).unwrap_or(it),
        '\u{3000}' => ' ',
        it => it,
    };
    text.chars().map(narrow).flat_map(char::to_lowercase).collect()
}

/// Letters, digits and characters alone.
pub fn compact(text: &str) -> String {
    fold(text).chars().filter(|it| it.is_alphanumeric()).take(WHOLE).collect()
}

/// The first letters.
pub fn beginning(compact: &str, most: usize) -> String {
    compact.chars().take(most).collect()
}

/// The other way round.
pub fn backwards(text: &str) -> String {
    text.chars().rev().collect()
}

/// Whether it is a Chinese character.
pub fn is_han(it: char) -> bool {
    matches!(it, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}' | '〇')
}

/// Stretches of Chinese characters and stretches of letters and digits.
pub fn runs(folded: &str) -> Vec<String> {
    let mut runs: Vec<String> = Vec::new();
    let mut before = None;
    for it in folded.chars() {
        let class = it.is_alphanumeric().then(|| is_han(it));
        match runs.last_mut() {
            Some(run) if class.is_some() && class == before => run.push(it),
            _ if class.is_some() => runs.push(it.to_string()),
            _ => {}
        }
        before = class;
    }
    runs
}

/// Words of a run: neighbours, and single characters: all, or those at its ends. Letters and digits are one word.
fn grams(run: &str, all: bool) -> Vec<String> {
    let letters: Vec<char> = run.chars().collect();
    if !letters.iter().copied().all(is_han) {
        return vec![run.chars().take(WHOLE).collect()];
    }
    let last = letters.len() - 1;
    let singles = (0..=last).filter(|it| all || *it == 0 || *it == last).map(|it| letters[it].to_string());
    singles.chain(pairs(&letters)).collect()
}

/// What has to stand in the index for the run to be there.
pub fn needed(run: &str) -> Vec<String> {
    let letters: Vec<char> = run.chars().collect();
    if letters.len() == 1 { vec![run.to_owned()] } else { pairs(&letters).collect() }
}

fn pairs(letters: &[char]) -> impl Iterator<Item = String> + '_ {
    letters.windows(2).map(|it| it.iter().collect())
}

/// The level of a duty area that stands in the index; the area is it or lies in it.
pub fn level_of(code: &str) -> &str {
    let level = LEVELS.into_iter().rev().find(|it| *it <= code.len()).unwrap_or(2);
    &code[..level.min(code.len())]
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::characters_and_digits("红岭路2068号", &["红岭路", "2068", "号"])]
    #[case::stops("一、二（三）", &["一", "二", "三"])]
    #[case::full_width("Ｂ座", &["b", "座"])]
    #[case::nothing("、 ", &[])]
    fn a_text_falls_into_runs(#[case] text: &str, #[case] want: &[&str]) {
        assert_eq!(runs(&fold(text)), want);
    }

    #[rstest]
    #[case("440303001", "440303001")]
    #[case("4403030", "440303")]
    #[case("440303001002003", "440303001002")]
    #[case("44", "44")]
    fn a_duty_area_is_asked_for_by_its_level(#[case] code: &str, #[case] want: &str) {
        assert_eq!(level_of(code), want);
    }
}
