//! What somebody types, as conditions from the nearest to the widest.

use super::{
    expr::Expr,
    spelling::{self, INITIALS, WINDOW},
    words::{self, CODE, FIRST_INITIALS, KEY, backwards, beginning, compact, fold, is_han, needed, runs},
};
use crate::phone;

/// Words of one question that are looked at.
const PIECES: usize = 6;
/// Letters of one question that are looked at.
const LETTERS: usize = 64;
/// Letters or digits of a text from which on others that begin so are found as well; there are too many of shorter ones.
const BEGINNING: usize = 3;

/// A question, taken apart at blanks; every piece has to be there.
pub struct Typed {
    pieces: Vec<String>,
}

impl Typed {
    pub fn read(text: &str) -> Self {
        let text: String = text.chars().take(LETTERS).collect();
        // A number is one however its digits are parted.
        let number = phone::tidy(&text);
        if phone::is_usable(&number) {
            return Self { pieces: vec![number] };
        }
        let folded = fold(&text);
        let pieces = folded.split_whitespace().filter(|it| it.contains(char::is_alphanumeric));
        Self { pieces: pieces.take(PIECES).map(str::to_owned).collect() }
    }

    /// The only piece, letters and digits alone.
    fn only(&self) -> Option<String> {
        match self.pieces.as_slice() {
            [it] => Some(compact(it)),
            _ => None,
        }
    }

    /// It is the whole title, or a key or the end of a number.
    pub fn key(&self) -> Option<Expr> {
        let whole = compact(&self.pieces.concat());
        let title = (!whole.is_empty()).then(|| word("e", &whole));
        Expr::any(title.into_iter().chain(self.only().and_then(|it| keys(&it))))
    }

    /// A title begins so, and all of it stands in titles.
    pub fn start(&self) -> Option<Expr> {
        let first = starts(self.pieces.first()?)?;
        let rest = self.pieces.iter().skip(1).map(|it| in_title(it));
        Expr::all(std::iter::once(Some(first)).chain(rest).collect::<Option<Vec<_>>>()?)
    }

    /// All of it stands in titles.
    pub fn title(&self) -> Option<Expr> {
        Expr::all(self.pieces.iter().map(|it| in_title(it)).collect::<Option<Vec<_>>>()?)
    }

    /// All of it stands somewhere.
    pub fn anywhere(&self) -> Option<Expr> {
        Expr::all(self.pieces.iter().map(|it| somewhere(it)).collect::<Option<Vec<_>>>()?)
    }

    /// It is the whole name, number or code of a person.
    pub fn person(&self) -> Option<Expr> {
        let whole = compact(&self.pieces.concat());
        let number = (whole.len() > KEY && whole.is_ascii()).then(|| word("h", &whole));
        let name = (!whole.is_empty()).then(|| word("e", &whole));
        Expr::any(name.into_iter().chain(number))
    }
}

fn word(letter: &str, rest: &str) -> Expr {
    Expr::Word(format!("{letter}{rest}"))
}

fn begins(letter: &str, rest: &str) -> Expr {
    Expr::Begins(format!("{letter}{rest}"))
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|it| it.is_ascii_digit())
}

/// The end of a number, the beginning of a code, a plate or either end of it.
fn keys(piece: &str) -> Option<Expr> {
    let length = piece.chars().count();
    if length < KEY {
        return None;
    }
    let latin = piece.strip_prefix(is_han).unwrap_or(piece);
    if !latin.bytes().all(|it| it.is_ascii_alphanumeric()) || !latin.bytes().any(|it| it.is_ascii_digit()) {
        return None;
    }
    let mut ways = vec![begins("v", piece)];
    if latin.len() == piece.len() {
        ways.push(if length > CODE { begins("c", piece) } else { word("c", piece) });
        ways.push(begins("w", &backwards(piece)));
    }
    if is_digits(piece) {
        ways.push(begins("n", &backwards(piece)));
    }
    ways.push(word(if length == KEY { "o" } else { "h" }, piece));
    Expr::any(ways)
}

fn in_title(piece: &str) -> Option<Expr> {
    in_runs(piece, |it| word("t", it), latin_in_title)
}

fn somewhere(piece: &str) -> Option<Expr> {
    let characters = |it: &str| Expr::Any(vec![word("t", it), word("d", it)]);
    let letters = |it: &str| Expr::Any(vec![latin_in_title(it), as_written("d", it)]);
    Expr::any(in_runs(piece, characters, letters).into_iter().chain(keys(&compact(piece))))
}

/// Every character with its neighbour by one way, every stretch of letters and digits by the other.
fn in_runs(piece: &str, characters: impl Fn(&str) -> Expr, letters: impl Fn(&str) -> Expr) -> Option<Expr> {
    let parts = runs(piece).into_iter().flat_map(|run| {
        if run.chars().all(is_han) {
            needed(&run).iter().map(|it| characters(it)).collect()
        } else {
            vec![letters(&run)]
        }
    });
    Expr::all(parts)
}

/// Letters and digits: as they stand in the title, or as its characters are typed.
fn latin_in_title(run: &str) -> Expr {
    let written = as_written("t", run);
    if !typed(run) {
        return written;
    }
    let ways = [Some(written), spelled(run), initials(run)];
    Expr::any(ways.into_iter().flatten()).unwrap_or_else(|| word("t", run))
}

fn as_written(letter: &str, run: &str) -> Expr {
    if run.chars().count() < BEGINNING { word(letter, run) } else { begins(letter, run) }
}

/// Whether the letters may stand for characters.
fn typed(run: &str) -> bool {
    run.len() > 1 && run.is_ascii() && !is_digits(run)
}

fn spelled(run: &str) -> Option<Expr> {
    // A single last letter stands in the window before.
    let window = |at: usize| (at + 1 < run.len()).then(|| word("p", &run[at..run.len().min(at + WINDOW)]));
    let way = |places: Vec<usize>| Expr::all(places.into_iter().filter_map(window));
    let group = |ways: Vec<Vec<usize>>| ways.into_iter().map(way).collect::<Option<Vec<_>>>().and_then(Expr::any);
    Expr::all(spelling::cuts(run).into_iter().filter_map(group))
}

fn initials(run: &str) -> Option<Expr> {
    let last = run.len().saturating_sub(INITIALS);
    Expr::all((0..=last).map(|at| word("i", &run[at..run.len().min(at + INITIALS)])))
}

fn starts(piece: &str) -> Option<Expr> {
    let whole = compact(piece);
    let written = word("s", &beginning(&whole, 2)).and(in_title(piece));
    if !typed(&whole) {
        return Some(written);
    }
    let long = |it: Expr, limit: usize, rest: Option<Expr>| if whole.len() > limit { it.and(rest) } else { it };
    let first = |letter: &str, limit: usize| word(letter, &whole[..whole.len().min(limit)]);
    let ways = [
        written,
        long(first("a", WINDOW), WINDOW, spelled(&whole)),
        long(first("b", FIRST_INITIALS), FIRST_INITIALS, initials(&whole)),
    ];
    Expr::any(ways)
}

/// Only in these duty areas; `None` where there are too many to name.
pub fn regions<'a>(codes: impl Iterator<Item = &'a str>) -> Option<Expr> {
    const MOST: usize = 24;
    let mut levels: Vec<&str> = codes.map(words::level_of).collect();
    levels.sort_unstable();
    levels.dedup();
    if levels.len() > MOST { None } else { Expr::any(levels.into_iter().map(|it| word("r", it))) }
}

/// One of these kinds.
pub fn kinds(kinds: &[&str]) -> Option<Expr> {
    Expr::any(kinds.iter().map(|it| word("k", it)))
}
