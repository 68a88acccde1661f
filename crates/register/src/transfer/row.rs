//! One row of a sheet as what it says of a record; nothing is looked up yet.

use std::sync::Arc;

use anlan_codecs::geo::{Datum, Geometry};
use anlan_kernel::{Lang, Problem};
use serde_json::Value as Json;

use super::{
    position::{self, Cells},
    table::Row,
    target::Means,
};
use crate::{
    import::columns_page::letters,
    kinds::{
        Catalog, Kind,
        value::{self, Values},
    },
    records::list::Reader,
};

/// What spreadsheets write where a formula failed.
const ERRORS: [&str; 8] = ["#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#DATA!"];
/// How rows begin that are no rows of the table.
const FOOTERS: [&str; 9] = ["合计", "小计", "总计", "共计", "填表", "制表", "注：", "注:", "说明："];

/// How the rows of a sheet are read.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Kinds and lists.
    pub catalog: Arc<Catalog>,
    /// Of what.
    pub kind: Kind,
    /// Columns that are taken in, with what they mean and their titles.
    pub columns: Vec<(usize, Means, String)>,
    /// In which datum positions stand where a row names none.
    pub datum: Datum,
    /// Whether an empty cell empties what stood there; else it leaves it.
    pub blanks: bool,
    /// Who reads what comes of it.
    pub reader: Reader,
}

/// What a row says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Read {
    /// Its number.
    pub number: usize,
    /// Fields it speaks of; references as written.
    pub values: Values,
    /// The region's code or name, street, community.
    pub region: [String; 3],
    /// Where it is, WGS 84.
    pub place: Option<Geometry>,
    /// 责任单位, as written.
    pub owner: String,
    /// What to look at.
    pub notes: Vec<Problem>,
    /// Why it is refused.
    pub problems: Vec<Problem>,
    /// Whether it cannot be read at all.
    pub unreadable: bool,
}

impl Plan {
    /// The cell of what is meant, trimmed, with its title; empty where there is none.
    fn cell<'a>(&'a self, row: &'a Row, means: Means) -> (&'a str, &'a str) {
        let mut found = ("", "");
        for (at, _, title) in self.columns.iter().filter(|it| it.1 == means) {
            let text = row.cells.get(*at).map_or("", |it| it.trim());
            // Code and name of a region may both stand there; the code comes first.
            if found.1.is_empty() || found.0.is_empty() {
                found = (text, title);
            }
        }
        found
    }

    /// Whether any column speaks of the place.
    pub fn speaks_of_places(&self) -> bool {
        let of_place = |it: Means| matches!(it, Means::Longitude | Means::Latitude | Means::Position | Means::Shape);
        self.columns.iter().any(|it| of_place(it.1))
    }

    /// Why the row is none of the table, where it is none.
    pub fn left_out(&self, row: &Row) -> Option<Problem> {
        let own = |it: &&(usize, Means, String)| row.cells.get(it.0).is_some_and(|it| !it.trim().is_empty());
        if row.place.is_none() && !self.columns.iter().any(|it| own(&it)) {
            return Some(
                Problem::new("blank_row", "这一行没有要导入的内容", "nothing in this row is taken in").row(row.number),
            );
        }
        let first = row.cells.iter().map(|it| it.trim()).find(|it| !it.is_empty()).unwrap_or_default();
        let spaceless: String = first.chars().filter(|it| !it.is_whitespace()).collect();
        let footer = FOOTERS.iter().any(|it| spaceless.starts_with(it)) && !self.is_named(row, first);
        footer.then(|| Problem::new("no_row", "合计或说明行", "a total or a remark").row(row.number))
    }

    /// Whether what names the record stands in the row, in another cell than this.
    fn is_named(&self, row: &Row, other: &str) -> bool {
        let name = self.kind.fields.iter().position(|it| it.id == self.kind.name);
        name.is_some_and(|it| {
            let text = self.cell(row, Means::Field(it)).0;
            !text.is_empty() && text != other
        })
    }

    /// Position as given and where it should lie, for telling the datum; `None` where the row says its datum itself.
    pub fn evidence(&self, row: &Row) -> Option<(Geometry, [String; 3])> {
        let said = position::read(self.place_cells(row), row.place.clone()).ok()?;
        Some((said.place.filter(|_| said.datum.is_none())?, self.region(row)))
    }

    fn region(&self, row: &Row) -> [String; 3] {
        [Means::Region, Means::Street, Means::Community].map(|it| self.cell(row, it).0.to_owned())
    }

    fn place_cells<'a>(&'a self, row: &'a Row) -> Cells<'a> {
        Cells {
            longitude: self.cell(row, Means::Longitude),
            latitude: self.cell(row, Means::Latitude),
            position: self.cell(row, Means::Position),
            datum: self.cell(row, Means::Datum).0,
            shape: self.cell(row, Means::Shape).0,
        }
    }

    /// Reads a row.
    pub fn read(&self, row: &Row) -> Read {
        let mut read = Read { number: row.number, region: self.region(row), ..Read::default() };
        read.owner = self.cell(row, Means::Owner).0.to_owned();
        if let Some(fault) = &row.fault {
            read.problems
                .push(Problem { place: anlan_kernel::Place { row: None, ..fault.place.clone() }, ..fault.clone() });
            read.unreadable = true;
            return read;
        }
        for (at, means, title) in &self.columns {
            let text = row.cells.get(*at).map_or("", |it| it.trim());
            if ERRORS.contains(&text) {
                let place = format!("{} {title}", letters(*at));
                let (zh, en) =
                    (format!("单元格是错误值 {text}，请改成内容"), format!("the cell holds the error {text}"));
                read.problems.push(Problem::new("cell_error", zh, en).field(place.trim()));
            } else if let Means::Field(field) = means {
                self.field(&mut read, *field, text);
            }
        }
        match position::read(self.place_cells(row), row.place.clone()) {
            Ok(said) => {
                if said.swapped {
                    let (zh, en) =
                        ("经纬度写反了，已对调", "longitude and latitude were swapped and have been exchanged");
                    read.notes.push(Problem::new("swapped", zh, en));
                }
                let datum = said.datum.unwrap_or(self.datum);
                read.place = said.place.map(|it| position::in_wgs84(&it, datum));
            }
            Err(problem) => read.problems.push(problem),
        }
        read
    }

    fn field(&self, read: &mut Read, at: usize, text: &str) {
        let Some(field) = self.kind.fields.get(at) else { return };
        if text.is_empty() {
            if self.blanks {
                read.values.insert(field.id.clone(), Json::Null);
            }
            return;
        }
        match value::read(&self.catalog, field, text) {
            Ok(it) => drop(read.values.insert(field.id.clone(), it)),
            Err(problem) => read.problems.push(problem),
        }
    }

    /// Puts what the row says over what stood there; a value that is masked stands for what it hides.
    pub fn over(&self, read: &Read, before: Option<&Values>) -> (Values, Vec<Problem>) {
        let mut values = before.cloned().unwrap_or_default();
        let mut problems = Vec::new();
        for field in &self.kind.fields {
            let Some(said) = read.values.get(&field.id) else { continue };
            let text = value::plain(said);
            let masked = field.personal.filter(|it| text.contains(['·', '*']) && it.masked(&text) == text);
            if let Some(personal) = masked {
                if before.and_then(|it| it.get(&field.id)).is_some_and(|it| personal.masked(&value::plain(it)) == text)
                {
                    continue;
                }
                let (zh, en) = (format!("“{text}”是打码后的内容"), format!("{text:?} is masked"));
                problems.push(Problem::new("masked", zh, en).field(field.title.get(Lang::Zh)));
            }
            values.insert(field.id.clone(), said.clone());
        }
        for field in self.kind.fields.iter().filter(|_| before.is_none()) {
            let Some(text) = &field.default else { continue };
            if values.get(&field.id).is_none_or(value::is_empty)
                && let Ok(it) = value::read(&self.catalog, field, text)
            {
                values.insert(field.id.clone(), it);
            }
        }
        (values, problems)
    }
}
