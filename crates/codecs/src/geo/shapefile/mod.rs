//! ESRI Shapefile (ESRI white paper J-7855, 1998): shapes, a dBASE III table, a coordinate system, an encoding.

mod charset;
mod dbf;
mod dbf_write;
mod shp;
mod shp_write;

use anlan_kernel::Problem;

pub use self::charset::Charset;
use self::dbf::{Row, Table};
use super::{
    Layer, MAX_FILE_BYTES, Order, Properties, Record, Reference,
    archive::{self, File},
    intake::Intake,
    too_large,
};

/// The text of the `.prj` that is written: degrees of WGS 84.
const PRJ: &str = "GEOGCS[\"GCS_WGS_1984\",DATUM[\"D_WGS_1984\",SPHEROID[\"WGS_1984\",6378137.0,298.257223563]],\
                   PRIMEM[\"Greenwich\",0.0],UNIT[\"Degree\",0.0174532925199433]]";

/// The files of one shapefile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Files {
    /// Their common name.
    pub name: String,
    /// Shapes.
    pub shp: Vec<u8>,
    /// Index into the shapes; written, not read.
    pub shx: Vec<u8>,
    /// Attributes.
    pub dbf: Option<Vec<u8>>,
    /// Coordinate system.
    pub prj: Option<Vec<u8>>,
    /// Encoding of the attributes.
    pub cpg: Option<Vec<u8>>,
}

/// Finds every shapefile in a zip.
///
/// # Errors
/// `broken_archive`, `too_large`, `no_shapefile`.
pub fn unpack(zip: &[u8]) -> Result<Vec<Files>, Problem> {
    let found = of_files(archive::unpack(zip, &["shp", "dbf", "prj", "cpg"])?);
    if found.is_empty() {
        return Err(Problem::new("no_shapefile", "压缩包里没有 .shp 文件", "there is no .shp in the archive"));
    }
    Ok(found)
}

/// Puts a shapefile into a zip.
pub fn pack(files: &Files) -> Vec<u8> {
    let mut parts = vec![(format!("{}.shp", files.name), files.shp.as_slice())];
    parts.push((format!("{}.shx", files.name), &files.shx));
    for (extension, bytes) in [("dbf", &files.dbf), ("prj", &files.prj), ("cpg", &files.cpg)] {
        if let Some(bytes) = bytes {
            parts.push((format!("{}.{extension}", files.name), bytes));
        }
    }
    archive::pack(&parts)
}

/// Reads a shapefile; a projection that its `.prj` states is undone.
///
/// # Errors
/// `too_large`, `not_a_shapefile`, `bad_table`, `bad_reference`, `unknown_reference`.
pub fn read(files: &Files, order: Order) -> Result<Layer, Problem> {
    let size = files.shp.len() + files.dbf.as_ref().map_or(0, Vec::len);
    if size > MAX_FILE_BYTES {
        return Err(too_large());
    }
    let reference = match &files.prj {
        Some(prj) => Reference::of_prj(&String::from_utf8_lossy(prj))?,
        None => Reference::Unstated,
    };
    let mut intake = Intake::new(&files.name, reference, order);
    let shapes = shp::Shapes::open(&files.shp)?;
    let table = files.dbf.as_ref().map(|it| Table::open(it, files.cpg.as_deref(), &mut intake)).transpose()?;
    if table.is_none() {
        intake.warn_file(Problem::new(
            "no_attributes",
            "没有 .dbf，只有图形没有属性",
            "there is no .dbf: shapes without attributes",
        ));
    }
    let count = rows(shapes, table.as_ref(), &mut intake);
    if let Some(more) = table.map(|it| it.rows().saturating_sub(count)).filter(|it| *it > 0) {
        intake.warn_file(left_over(more));
    }
    Ok(intake.finish())
}

/// Makes a shapefile of records whose shapes are of one kind; attributes become text columns. Problems that
/// come with it say which names and values had to be shortened.
///
/// # Errors
/// `mixed_geometry`, `not_encodable` with row and field.
pub fn write(name: &str, records: &[Record], charset: Charset) -> Result<(Files, Vec<Problem>), Problem> {
    let (shp, shx) = shp_write::write(records)?;
    let (dbf, shortened) = dbf_write::write(records, charset)?;
    let files = Files {
        name: name.to_owned(),
        shp,
        shx,
        dbf: Some(dbf),
        prj: Some(PRJ.as_bytes().to_vec()),
        cpg: Some(charset.name().as_bytes().to_vec()),
    };
    Ok((files, shortened))
}

/// Brings the files of an archive together by their names.
pub(super) fn of_files(files: Vec<File>) -> Vec<Files> {
    let (shapes, others): (Vec<File>, Vec<File>) = files.into_iter().partition(|it| it.extension == "shp");
    let mut found: Vec<Files> =
        shapes.into_iter().map(|it| Files { name: it.stem, shp: it.bytes, ..Files::default() }).collect();
    for File { stem, extension, bytes } in others {
        let Some(files) = found.iter_mut().find(|it| it.name.eq_ignore_ascii_case(&stem)) else { continue };
        match extension.as_str() {
            "dbf" => files.dbf = Some(bytes),
            "prj" => files.prj = Some(bytes),
            "cpg" => files.cpg = Some(bytes),
            _ => {}
        }
    }
    found.iter_mut().for_each(|it| it.name = it.name.rsplit('/').next().unwrap_or_default().to_owned());
    found
}

/// Pairs shapes with rows of the table by their order; gives how many there were.
fn rows(mut shapes: shp::Shapes<'_>, table: Option<&Table<'_>>, intake: &mut Intake) -> usize {
    let mut index = 0;
    while let Some(shape) = shapes.next_shape() {
        intake.next_row();
        match table.map(|it| it.row(index)) {
            Some(Row::Deleted) => intake.warn(deleted()),
            Some(Row::Missing) => intake.refuse(no_row()),
            Some(Row::Found(properties)) => take(properties, shape, intake),
            None => take(Ok(Properties::new()), shape, intake),
        }
        index += 1;
    }
    index
}

fn take(properties: Result<Properties, Problem>, shape: Result<shp::Shape, Problem>, intake: &mut Intake) {
    let geometry = shape.and_then(|it| it.geometry(intake));
    intake.row(properties, geometry);
}

fn deleted() -> Problem {
    Problem::new(
        "deleted_row",
        "这一行在 .dbf 中标为已删除，未取",
        "the row is marked as deleted in the .dbf and was left out",
    )
}

fn no_row() -> Problem {
    Problem::new(
        "rows_differ",
        ".dbf 里没有与这个图形对应的行：两个文件可能不是一套",
        "the .dbf has no row for this shape: the two files may not belong together",
    )
    .field("dbf")
}

fn left_over(more: usize) -> Problem {
    Problem::new(
        "rows_differ",
        format!(".dbf 比 .shp 多 {more} 行，多出的行没有图形，未取"),
        format!("the .dbf has {more} rows more than the .shp; rows without a shape were left out"),
    )
    .field("dbf")
}
