//! Files of places (空间数据) in and out: GeoJSON, Shapefile, KML; datums and coordinates as people write them.
//!
//! - [`read`]: any of the formats by its content, as [`Layer`]s of [`Record`]s.
//! - [`geojson`], [`shapefile`], [`kml`]: each format, read and written.
//! - [`shape`]: the one geometry model and what is wrong with a shape.
//! - [`datum`], [`projection`], [`reference`]: WGS 84, GCJ-02, BD-09; Gauss–Krüger and web Mercator.
//! - [`detect`]: which datum positions were given in, or that a person must be asked.
//! - [`degrees`]: `114°03′25″E`, `114 3 25`, `1140325`, `114.0569`.
//!
//! # Promises
//! - A row that cannot be used is refused with its number and field, and the rows around it are taken.
//! - Records hold degrees, x east and y north. A projection that the file states is undone; GCJ-02 and
//!   BD-09 are not, because no file states them: see [`detect`] and [`Layer::convert`].
//! - What was read past is a warning: heights, closed rings, guessed encodings. Rings are turned as
//!   RFC 7946 asks without a word.
//! - What a writer makes of records that a reader gave is read back the same.

mod archive;
pub(crate) mod crossing;
pub mod datum;
pub mod degrees;
pub mod detect;
pub mod geojson;
mod intake;
pub mod kml;
pub mod projection;
pub mod reference;
mod ring;
pub mod shape;
pub mod shapefile;

use std::collections::BTreeMap;

use anlan_kernel::Problem;
pub use geo_types;

pub use self::{
    datum::{Datum, convert},
    reference::Reference,
    shape::Geometry,
};

/// Most bytes of a file, and to which an archive may inflate (64 MiB).
pub const MAX_FILE_BYTES: usize = 64 << 20;
/// Most problems of either kind that are kept of one layer.
pub const MAX_PROBLEMS: usize = 1_000;

/// Attributes of a record: name to text, neither blank nor with blanks around it.
pub type Properties = BTreeMap<String, String>;

/// One thing on the map.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its number in the file, from 1.
    pub row: usize,
    /// Its attributes.
    pub properties: Properties,
    /// Where it is; `None` when the file says nowhere.
    pub geometry: Option<Geometry>,
}

/// What came of reading a file, or one layer of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layer {
    /// Name of the shapefile in an archive; empty otherwise.
    pub name: String,
    /// What the file says its coordinates are.
    pub reference: Reference,
    /// Rows that can be used.
    pub records: Vec<Record>,
    /// Why the others cannot, with row and field; at most [`MAX_PROBLEMS`].
    pub refused: Vec<Problem>,
    /// How many rows were refused.
    pub refused_rows: usize,
    /// What was read past, at most [`MAX_PROBLEMS`].
    pub warnings: Vec<Problem>,
}

impl Layer {
    /// Brings all positions from the datum they were given in to WGS 84.
    pub fn convert(&mut self, from: Datum) {
        for geometry in self.records.iter_mut().filter_map(|it| it.geometry.as_mut()) {
            *geometry = geometry.map(|it| convert(it, from, Datum::Wgs84));
        }
    }
}

/// In which order a file's coordinates stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// East first, as all these formats ask.
    #[default]
    LongitudeLatitude,
    /// North first, as some files have it.
    LatitudeLongitude,
}

/// Reads a file by its content: a zip with shapefiles, KMZ, KML or GeoJSON.
///
/// # Errors
/// `too_large`, `unknown_format`, and whatever makes the file unreadable as a whole.
pub fn read(bytes: &[u8], order: Order) -> Result<Vec<Layer>, Problem> {
    let head = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii_start();
    match head {
        [b'P', b'K', ..] => read_archive(bytes, order),
        [b'<', ..] => kml::read(bytes, order).map(|it| vec![it]),
        [b'{', ..] => geojson::read(bytes, order).map(|it| vec![it]),
        _ => Err(unknown_format()),
    }
}

fn read_archive(bytes: &[u8], order: Order) -> Result<Vec<Layer>, Problem> {
    let files = archive::unpack(bytes, &["shp", "dbf", "prj", "cpg", "kml"])?;
    if files.iter().any(|it| it.extension == "shp") {
        return shapefile::of_files(files).iter().map(|it| shapefile::read(it, order)).collect();
    }
    let inner = files.iter().find(|it| it.extension == "kml").ok_or_else(unknown_format)?;
    kml::read(&inner.bytes, order).map(|it| vec![it])
}

fn unknown_format() -> Problem {
    Problem::new(
        "unknown_format",
        "认不出文件格式：应为 GeoJSON、KML/KMZ，或把 .shp、.dbf、.prj、.cpg 打成一个 zip",
        "the format is not known: GeoJSON, KML or KMZ, or one zip with the .shp, .dbf, .prj and .cpg",
    )
}

fn too_large() -> Problem {
    let most = MAX_FILE_BYTES >> 20;
    Problem::new(
        "too_large",
        format!("文件（或解压后）超过 {most} MB，请分成几个文件"),
        format!("the file, or what it inflates to, is larger than {most} MB: split it"),
    )
}
