//! Where the titles of a sheet stand: below a title line, in one row or in two.

use super::{
    book::Grid,
    matching::{Seen, Target, Why, recognise},
    sheet::Row,
};

/// Rows in which titles are looked for.
const WITHIN: usize = 15;
/// Rows below the titles whose values are looked at.
const LOOKED: usize = 200;
/// Values kept of a column.
const SAMPLES: usize = 40;
/// Least known columns of a table.
const LEAST: usize = 2;

/// The titles of a sheet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heads {
    /// Index of the row in which they stand, the lower one of two.
    pub at: usize,
    /// The number of that row in the file.
    pub row: usize,
    /// Every column.
    pub columns: Vec<Seen>,
    /// Lines above them: 罗湖区三防责任人名册.
    pub lines: Vec<String>,
    /// How many columns are known.
    pub known: usize,
}

/// Finds the row of titles: the one under which most columns are known; `None` where no row names two.
pub fn find(grid: &Grid, target: &Target) -> Option<Heads> {
    let mut best: Option<(usize, Heads)> = None;
    for at in 0..grid.rows.len().min(WITHIN) {
        if filled(&grid.rows[at]) < LEAST {
            continue;
        }
        let columns = columns(grid, at);
        let matching = recognise(&columns, target);
        let known = matching.columns.iter().filter(|it| it.key.is_some()).count();
        // A whole title says more than a part, and a row of values is no row of titles.
        let score: usize = matching
            .columns
            .iter()
            .map(|it| [0, 1, 3][usize::from(it.key.is_some()) + usize::from(it.why == Why::Title)])
            .sum();
        if known >= LEAST && best.as_ref().is_none_or(|it| score > it.0) {
            best = Some((score, Heads { at, row: grid.rows[at].number, columns, lines: lines(grid, at), known }));
        }
    }
    best.map(|it| it.1)
}

fn text(row: &Row, at: usize) -> &str {
    row.cells.get(at).map_or("", |it| it.trim())
}

fn filled(row: &Row) -> usize {
    row.cells.iter().filter(|it| !it.trim().is_empty()).count()
}

/// Whether all that stands in a row is one text: a title line, merged or not.
fn is_line(row: &Row) -> bool {
    let mut found = row.cells.iter().map(|it| it.trim()).filter(|it| !it.is_empty());
    found.next().is_none_or(|first| found.all(|it| it == first))
}

/// The row above, where it holds titles of groups.
fn above(grid: &Grid, at: usize) -> Option<&Row> {
    at.checked_sub(1).map(|it| &grid.rows[it]).filter(|it| !is_line(it))
}

fn columns(grid: &Grid, at: usize) -> Vec<Seen> {
    let (row, above) = (&grid.rows[at], above(grid, at));
    let width = row.cells.len().max(above.map_or(0, |it| it.cells.len()));
    let groups = groups(row, above, width);
    let mut columns: Vec<Seen> = (0..width).map(|it| seen(row, above, &groups, it)).collect();
    for below in grid.rows.iter().skip(at + 1).take(LOOKED) {
        for (column, cell) in columns.iter_mut().zip(&below.cells) {
            let cell = cell.trim();
            if !cell.is_empty() && column.samples.len() < SAMPLES {
                column.samples.push(cell.to_owned());
            }
        }
    }
    // Columns to the right of the table that hold nothing at all.
    while columns.last().is_some_and(|it| it.title.is_empty() && it.samples.is_empty()) {
        columns.pop();
    }
    columns
}

/// The title of the group each column stands in: a group's title holds until the next one, for columns with titles of
/// their own.
fn groups(row: &Row, above: Option<&Row>, width: usize) -> Vec<String> {
    let mut last = String::new();
    (0..width)
        .map(|at| {
            let over = above.map_or("", |it| text(it, at));
            if !over.is_empty() {
                over.clone_into(&mut last);
            } else if text(row, at).is_empty() {
                last.clear();
            }
            last.clone()
        })
        .collect()
}

fn seen(row: &Row, above: Option<&Row>, groups: &[String], at: usize) -> Seen {
    let (own, over) = (text(row, at), above.map_or("", |it| text(it, at)));
    // Merged downwards, or standing in the upper row only.
    if own.is_empty() || own == over {
        return Seen { title: over.to_owned(), ..Seen::default() };
    }
    let group = groups.get(at).filter(|it| *it != own).cloned().unwrap_or_default();
    Seen { group, title: own.to_owned(), samples: Vec::new() }
}

fn lines(grid: &Grid, at: usize) -> Vec<String> {
    let rows = grid.rows[..at].iter().filter(|it| is_line(it));
    rows.filter_map(|it| it.cells.iter().map(|it| it.trim()).find(|it| !it.is_empty())).map(str::to_owned).collect()
}
