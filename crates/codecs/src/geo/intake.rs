//! Where all readers bring their rows: places are checked, problems get their row and stay within bounds.

use anlan_kernel::Problem;
use geo_types::Coord;

use super::{Geometry, Layer, MAX_PROBLEMS, Order, Properties, Record, Reference, detect, shape};
use crate::xml::cut;

/// Comparisons that one layer may cost before shapes go unchecked.
const BUDGET: u64 = 200_000_000;

pub(super) struct Intake {
    layer: Layer,
    order: Order,
    budget: u64,
    rows: usize,
    heights: bool,
}

impl Intake {
    pub fn new(name: &str, reference: Reference, order: Order) -> Self {
        let layer = Layer { name: name.to_owned(), reference, ..Layer::default() };
        Self { layer, order, budget: BUDGET, rows: 0, heights: false }
    }

    /// Starts the next row.
    pub fn next_row(&mut self) {
        self.rows += 1;
    }

    /// Takes the row or refuses it; problems without a field are about its geometry.
    pub fn row(&mut self, properties: Result<Properties, Problem>, geometry: Result<Option<Geometry>, Problem>) {
        let checked = properties.and_then(|properties| Ok((properties, self.geometry(geometry)?)));
        match checked {
            Ok((properties, geometry)) => {
                self.layer.records.push(Record { row: self.rows, properties, geometry });
            }
            Err(problem) => self.refuse(problem),
        }
    }

    /// Refuses the row.
    pub fn refuse(&mut self, problem: Problem) {
        self.layer.refused_rows += 1;
        let problem = self.placed(problem);
        push(&mut self.layer.refused, problem);
    }

    /// Notes what was read past in the row.
    pub fn warn(&mut self, problem: Problem) {
        let problem = self.placed(problem);
        push(&mut self.layer.warnings, problem);
    }

    /// Notes what was read past in the file.
    pub fn warn_file(&mut self, problem: Problem) {
        push(&mut self.layer.warnings, problem);
    }

    /// Says once a file that heights are not kept.
    pub fn height(&mut self, height: f64) {
        if height != 0.0 && !height.is_nan() && !self.heights {
            self.heights = true;
            self.warn(Problem::new(
                "height_dropped",
                "坐标里的高程没有保留",
                "heights in the coordinates are not kept",
            ));
        }
    }

    /// A ring whose last point is its first; says so where it had to be closed.
    pub fn closed(&mut self, mut ring: Vec<Coord>) -> Vec<Coord> {
        if let (Some(first), Some(last)) = (ring.first().copied(), ring.last().copied())
            && first != last
        {
            ring.push(first);
            let (zh, en) = ("环没有闭合，已用首点闭合", "a ring was open and has been closed with its first point");
            self.warn(Problem::new("ring_closed", zh, en));
        }
        ring
    }

    /// Steps left for sorting out rings and crossings.
    pub fn budget(&mut self) -> &mut u64 {
        &mut self.budget
    }

    pub fn finish(self) -> Layer {
        self.layer
    }

    fn geometry(&mut self, read: Result<Option<Geometry>, Problem>) -> Result<Option<Geometry>, Problem> {
        let Some(read) = read.map_err(about_geometry)? else { return Ok(None) };
        let (reference, order) = (self.layer.reference, self.order);
        let geometry = match (order, reference) {
            (Order::LongitudeLatitude, Reference::Unstated | Reference::Degrees) => read,
            (Order::LongitudeLatitude, _) => read.map(|it| reference.degrees(it)),
            (Order::LatitudeLongitude, _) => read.map(|it| reference.degrees(detect::swap(it))),
        };
        if let Some(warning) = shape::check(&geometry, &mut self.budget).map_err(about_geometry)? {
            self.warn(about_geometry(warning));
        }
        Ok(Some(geometry.oriented()))
    }

    fn placed(&self, problem: Problem) -> Problem {
        problem.row(self.rows)
    }
}

fn about_geometry(problem: Problem) -> Problem {
    if problem.place.field.is_some() { problem } else { problem.field("geometry") }
}

fn push(list: &mut Vec<Problem>, problem: Problem) {
    if list.len() + 1 < MAX_PROBLEMS {
        list.push(problem);
    } else if list.len() < MAX_PROBLEMS {
        list.push(Problem::new("more_problems", "还有更多问题，未列出", "there are more problems, not listed"));
    }
}

/// Keeps an attribute that says something; the first of a name counts.
pub(super) fn put(properties: &mut Properties, name: &str, text: &str) {
    let (name, text) = (name.trim(), text.trim());
    if !name.is_empty() && !text.is_empty() && !properties.contains_key(name) {
        properties.insert(name.to_owned(), text.to_owned());
    }
}

/// A coordinate that is no number.
pub(super) fn not_a_number(text: &str) -> Problem {
    let text = cut(text);
    Problem::new("not_a_number", format!("坐标“{text}”不是数"), format!("the coordinate {text:?} is not a number"))
}
