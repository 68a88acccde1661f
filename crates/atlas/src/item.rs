use anlan_codecs::geo::{Geometry, geo_types::Coord, shape::check_position};
use anlan_kernel::{Problem, RegionCode};

use crate::part::Part;

/// A thing of a layer as it is put in.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Its key, once per layer.
    pub id: Box<str>,
    /// Its region (区划): who sees it.
    pub region: RegionCode,
    /// What it is called.
    pub name: Box<str>,
    /// Its grade (等级), 1 the gravest.
    pub grade: Option<u8>,
    /// Where it is, degrees.
    pub place: Geometry,
    /// What is summed, as many as the layer has.
    pub numbers: Vec<f64>,
}

/// What becomes of an item.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It is new, or replaces the one of its id.
    Put(Item),
    /// The one of that id goes, if there is one.
    Remove(Box<str>),
}

impl Item {
    pub(crate) fn check(&self, index: usize, numbers: usize) -> Result<(), Problem> {
        let id = &self.id;
        if self.numbers.len() != numbers {
            return Err(wrong_numbers(id, self.numbers.len(), numbers).index(index).field("numbers"));
        }
        let mut positions = self.place.positions().peekable();
        if positions.peek().is_none() {
            return Err(empty(id).index(index).field("place"));
        }
        positions.try_for_each(check_position).map_err(|why| why.index(index).field("place"))
    }
}

/// A thing of a layer as it is found.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    pub(crate) part: &'a Part,
    pub(crate) position: usize,
}

impl<'a> Entry<'a> {
    /// Its key.
    pub fn id(&self) -> &'a str {
        self.part.block.ids.get(self.position)
    }

    /// What it is called.
    pub fn name(&self) -> &'a str {
        self.part.block.names.get(self.position)
    }

    /// Its region.
    pub fn region(&self) -> &'a RegionCode {
        &self.part.block.codes[self.part.regions[self.position] as usize]
    }

    /// Its grade, 1 the gravest.
    pub fn grade(&self) -> Option<u8> {
        self.part.block.grades[self.position]
    }

    /// Its position; of a line or area one on it.
    pub fn at(&self) -> Coord {
        self.part.block.places[self.position]
    }

    /// Its line or area; `None` of a point.
    pub fn shape(&self) -> Option<&'a Geometry> {
        self.part.block.outline(self.position).map(|it| &it.geometry)
    }

    /// What is summed.
    pub fn numbers(&self) -> &'a [f64] {
        self.part.block.numbers(self.position)
    }

    pub(crate) fn item(&self) -> Item {
        let point = || Geometry::Point(self.at().into());
        Item {
            id: self.id().into(),
            region: self.region().clone(),
            name: self.name().into(),
            grade: self.grade(),
            place: self.shape().cloned().unwrap_or_else(point),
            numbers: self.numbers().to_vec(),
        }
    }
}

impl std::fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Entry").field(&self.id()).finish()
    }
}

fn wrong_numbers(id: &str, has: usize, needs: usize) -> Problem {
    Problem::new(
        "wrong_numbers",
        format!("“{id}”有 {has} 个数，本图层应为 {needs} 个"),
        format!("{id:?} has {has} numbers; this layer needs {needs}"),
    )
}

fn empty(id: &str) -> Problem {
    Problem::new("empty_geometry", format!("“{id}”没有任何坐标"), format!("{id:?} has no coordinates at all"))
}
