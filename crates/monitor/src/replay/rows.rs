//! Rows of an observations file.

use anlan_kernel::{Instant, Problem};

use super::moment::parse_moment;
use crate::rules::{Amount, BadDecimal, Conversion, Decimal, Quantity, missing_column, not_utf8, wrong_width};

/// Columns that a file must have, and the one it may have.
const COLUMNS: [&str; 7] = ["observed_at", "station_id", "quantity", "value", "unit", "quality", "received_at"];
const REQUIRED: usize = 6;

/// How good the station thinks a reading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// `good` or empty.
    Good,
    /// `suspect`: counts, and is marked.
    Suspect,
    /// `bad`: does not count.
    Bad,
}

/// A row as it was understood. The station is only a text here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// When it was observed.
    pub observed_at: Instant,
    /// Id of the station.
    pub station: &'a str,
    /// What.
    pub quantity: Quantity,
    /// How much; `None` where the quality is bad.
    pub value: Option<Amount>,
    /// How good.
    pub quality: Quality,
    /// When it was received, in files that say so.
    pub received_at: Option<Instant>,
}

/// Reads rows under one header, remembering what repeats.
pub struct RowReader {
    /// Which of [`COLUMNS`] stands at each position.
    roles: Vec<Option<usize>>,
    has_received: bool,
    units: Vec<(String, String, Quantity, Conversion)>,
    moments: [(String, Instant); 2],
}

impl RowReader {
    /// # Errors
    /// `missing_column` or `not_utf8`, at line 1.
    pub fn new(header: &[u8]) -> Result<Self, Problem> {
        let text = std::str::from_utf8(header).map_err(|_| not_utf8(header).line(1))?;
        let titles: Vec<String> = text.split(',').map(|it| it.trim().trim_matches('"').to_owned()).collect();
        if let Some(missing) = missing_column(&titles, &COLUMNS[..REQUIRED]) {
            return Err(missing);
        }
        let mut roles: Vec<Option<usize>> =
            titles.iter().map(|title| COLUMNS.iter().position(|column| column == title)).collect();
        for index in 0..roles.len() {
            if roles[index].is_some() && roles[..index].contains(&roles[index]) {
                roles[index] = None;
            }
        }
        let has_received = roles.contains(&Some(REQUIRED));
        Ok(Self { roles, has_received, units: Vec::new(), moments: Default::default() })
    }

    /// Whether the file says when rows were received.
    pub fn has_received(&self) -> bool {
        self.has_received
    }

    /// Reads one line.
    ///
    /// # Errors
    /// What is wrong with it, naming the field.
    pub fn row<'a>(&mut self, line: &'a [u8], unquoted: &'a mut Vec<String>) -> Result<Row<'a>, Problem> {
        let text = std::str::from_utf8(line).map_err(|_| not_utf8(line))?;
        let cells = self.cells(text, unquoted)?;
        let observed_at = self.moment(0, cells[0])?;
        let (quantity, conversion) = self.quantity(cells[2], cells[4])?;
        let quality = match cells[5] {
            "" | "good" => Quality::Good,
            "suspect" => Quality::Suspect,
            "bad" => Quality::Bad,
            other => return Err(bad_quality(other)),
        };
        let received_at = if self.has_received { Some(self.moment(1, cells[6])?) } else { None };
        let value = match quality {
            Quality::Bad => None,
            _ => Some(conversion.amount(Decimal::parse(cells[3]).map_err(|why| bad_value(why, cells[3]))?)),
        };
        Ok(Row { observed_at, station: cells[1], quantity, value, quality, received_at })
    }

    /// The cells of the known columns, trimmed.
    fn cells<'a>(&self, text: &'a str, unquoted: &'a mut Vec<String>) -> Result<[&'a str; 7], Problem> {
        let (mut cells, mut width) = ([""; 7], 0);
        let mut put = |cell: &'a str| {
            if let Some(Some(role)) = self.roles.get(width) {
                cells[*role] = cell.trim();
            }
            width += 1;
        };
        if text.contains('"') {
            unquote(text, unquoted)?;
            unquoted.iter().for_each(|cell| put(cell));
        } else {
            text.split(',').for_each(put);
        }
        if width == self.roles.len() { Ok(cells) } else { Err(wrong_width(width, self.roles.len())) }
    }

    /// Neighbouring rows mostly have the same time: `slot` remembers the last one of a column.
    fn moment(&mut self, slot: usize, cell: &str) -> Result<Instant, Problem> {
        if self.moments[slot].0 == cell && !cell.is_empty() {
            return Ok(self.moments[slot].1);
        }
        let field = COLUMNS[slot * REQUIRED];
        let moment = parse_moment(cell).ok_or_else(|| bad_time(cell).field(field))?;
        self.moments[slot].0.clear();
        self.moments[slot].0.push_str(cell);
        self.moments[slot].1 = moment;
        Ok(moment)
    }

    fn quantity(&mut self, name: &str, unit: &str) -> Result<(Quantity, Conversion), Problem> {
        if let Some((_, _, quantity, conversion)) = self.units.iter().find(|it| it.0 == name && it.1 == unit) {
            return Ok((*quantity, *conversion));
        }
        let quantity = Quantity::named(name).map_err(|problem| problem.field("quantity"))?;
        let conversion = quantity.conversion(unit).map_err(|problem| problem.field("unit"))?;
        self.units.push((name.to_owned(), unit.to_owned(), quantity, conversion));
        Ok((quantity, conversion))
    }
}

/// Splits a line in which some cells are quoted. A quoted cell does not reach over the end of its line.
fn unquote(text: &str, cells: &mut Vec<String>) -> Result<(), Problem> {
    cells.clear();
    let mut characters = text.chars().peekable();
    loop {
        let mut cell = String::new();
        if characters.peek() == Some(&'"') {
            characters.next();
            loop {
                match characters.next() {
                    Some('"') if characters.peek() == Some(&'"') => cell.extend(characters.next()),
                    Some('"') => break,
                    Some(other) => cell.push(other),
                    None => return Err(open_quote()),
                }
            }
        }
        while let Some(other) = characters.next_if(|it| *it != ',') {
            cell.push(other);
        }
        cells.push(cell);
        if characters.next().is_none() {
            return Ok(());
        }
    }
}

fn shown(cell: &str) -> String {
    cell.chars().take(40).collect()
}

fn open_quote() -> Problem {
    Problem::new("open_quote", "引号没有收尾", "a quotation mark is not closed")
}

fn bad_time(cell: &str) -> Problem {
    let cell = shown(cell);
    Problem::new(
        "bad_time",
        format!("“{cell}”不是带时区的时间，如 2023-09-01T20:15:00+08:00"),
        format!("\"{cell}\" is not a time with its offset, such as 2023-09-01T20:15:00+08:00"),
    )
}

fn bad_quality(cell: &str) -> Problem {
    let cell = shown(cell);
    Problem::new(
        "bad_quality",
        format!("质量“{cell}”不认识；应为 good、suspect、bad 或空"),
        format!("the quality \"{cell}\" is unknown; it is good, suspect, bad or empty"),
    )
    .field("quality")
}

fn bad_value(why: BadDecimal, cell: &str) -> Problem {
    let cell = shown(cell);
    let (code, zh, en) = match why {
        BadDecimal::Empty => ("missing_value", "没有数值".to_owned(), "there is no value".to_owned()),
        BadDecimal::NotFinite => {
            ("not_finite", format!("“{cell}”不是有限的数"), format!("\"{cell}\" is not a finite number"))
        }
        BadDecimal::TooLarge => {
            ("out_of_range", format!("“{cell}”大得不可能"), format!("\"{cell}\" is impossibly large"))
        }
        BadDecimal::NotANumber => {
            ("bad_value", format!("“{cell}”不是数，如 12.5"), format!("\"{cell}\" is not a number such as 12.5"))
        }
    };
    Problem::new(code, zh, en).field("value")
}
