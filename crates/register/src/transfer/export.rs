//! Records out: exactly what a list filters, chunk by chunk into a file that has no name, and from there to the reader.

use std::{
    fs::File,
    io::{self, BufWriter, Read as _, Seek, SeekFrom, Write},
    sync::Arc,
};

use anlan_codecs::geo;
use anlan_kernel::{Lang, Problem};
use anlan_store::{Event, StoreError, Tx, Urgency, World, disk};
use axum::{
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse, Response},
};
use serde_json::json;
use tokio::sync::mpsc;

use super::{
    columns::{self, Column, Content},
    service::{Clerk, blocking, kind_of},
    workbook::{Cell, Workbook},
};
use crate::{
    export::is_formula,
    kinds::{Catalog, Kind},
    records::{
        Record,
        list::{self, Asked},
        refs::Names,
    },
    state::Register,
};

/// Records read at once.
const CHUNK: usize = 1_000;
/// Most records of a shapefile, which is made as a whole.
const SHAPES: usize = 200_000;
/// Bytes sent at once.
const SENT: usize = 1 << 16;

/// In which form records leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A workbook.
    Xlsx,
    /// Commas.
    Csv,
    /// GeoJSON.
    Geojson,
    /// KML.
    Kml,
    /// Shapefiles in a zip.
    Shp,
}

impl Form {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Xlsx, Self::Csv, Self::Geojson, Self::Kml, Self::Shp];

    /// The ending of a file.
    pub fn ending(self) -> &'static str {
        ["xlsx", "csv", "geojson", "kml", "shp.zip"][self as usize]
    }

    /// The form that a file's ending asks for.
    ///
    /// # Errors
    /// `bad_format`.
    pub fn of_name(name: &str) -> Result<Self, StoreError> {
        let name = name.to_lowercase();
        let fits = |it: &Self| {
            name == it.ending()
                || name.ends_with(&format!(".{}", it.ending()))
                || (*it == Self::Shp && (name == "zip" || name.ends_with(".zip")))
        };
        Self::ALL.into_iter().find(fits).ok_or_else(|| {
            let zh = format!("不能导出为“{name}”，可用 xlsx、csv、geojson、kml、shp.zip");
            StoreError::Refused(Problem::new(
                "bad_format",
                zh,
                format!("{name:?} is no export format; xlsx, csv, geojson, kml and shp.zip are"),
            ))
        })
    }

    fn media(self) -> &'static str {
        match self {
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Geojson => "application/geo+json",
            Self::Kml => "application/vnd.google-earth.kml+xml",
            Self::Shp => "application/zip",
        }
    }
}

/// What is taken out.
pub struct Order {
    /// Of which kind.
    pub kind: Kind,
    /// What is filtered.
    pub asked: Asked,
    /// The filter as it stood in the address, for the journal.
    pub query: String,
    /// In which form.
    pub form: Form,
    /// In whose language.
    pub lang: Lang,
}

/// A file that is gone once it is closed.
pub struct Export {
    file: File,
    /// Records in it.
    pub records: usize,
    name: String,
    form: Form,
}

impl std::fmt::Debug for Export {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Export({} records as {})", self.records, self.name)
    }
}

/// Records with what they point to.
type Part = (Vec<Record>, Names);

/// Writes what is asked for into a file, and that it was taken out into the journal.
///
/// # Errors
/// `too_many` for a shapefile; what the store and the file system say.
pub async fn export(register: &Register, clerk: &Clerk, order: Order) -> Result<Export, StoreError> {
    let catalog = register.catalog();
    let order = Arc::new(order);
    let counting = Arc::clone(&order);
    let counted = register.world.read(&clerk.actor, move |tx| list::count(tx, &counting.kind, &counting.asked)).await?;
    let expected = if counted.more { u64::MAX } else { u64::try_from(counted.all).unwrap_or_default() };
    let (send, receive) = mpsc::channel::<Part>(2);
    let (world, made, catalog_, clerk_) =
        (register.world.clone(), Arc::clone(&order), Arc::clone(&catalog), clerk.clone());
    let writing = tokio::spawn(blocking(move || write(&world, &catalog_, &clerk_, &made, expected, receive)));
    let read = read(register, clerk, &order, &catalog, send).await;
    let (file, records) = writing.await.map_err(|it| StoreError::Io(it.to_string()))??;
    read?;
    let detail = json!({"kind": order.kind.id, "form": order.form.ending(), "count": records, "query": without_words(&order.query), "masked": !clerk.reader.clear});
    let subject = order.kind.id.clone();
    register
        .world
        .write("register.export", Urgency::Urgent, &clerk.actor, move |tx| {
            tx.record(Event::new("register.exported", &subject).detail(detail.clone()))
        })
        .await?;
    let name = format!("{}.{}", order.kind.title.get(order.lang), order.form.ending());
    Ok(Export { file, records, name, form: order.form })
}

/// The conditions of an export for the journal: words may be somebody's name or number.
fn without_words(query: &str) -> String {
    query.split('&').filter(|it| !it.starts_with("q=")).collect::<Vec<_>>().join("&")
}

async fn read(
    register: &Register,
    clerk: &Clerk,
    order: &Arc<Order>,
    catalog: &Arc<Catalog>,
    send: mpsc::Sender<Part>,
) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let (order, catalog, reader, from) =
            (Arc::clone(order), Arc::clone(catalog), clerk.reader.clone(), after.clone());
        let part = move |tx: &mut Tx<'_>| {
            let records = list::chunk(tx, &order.kind, &order.asked, &from, CHUNK)?;
            let all: Vec<&Record> = records.iter().collect();
            let names = Names::of(tx, &catalog, &order.kind, &reader, &all)?;
            Ok((records, names))
        };
        let (records, names) = register.world.read(&clerk.actor, part).await?;
        let Some(last) = records.last() else { return Ok(()) };
        after.clone_from(&last.id);
        // Whoever writes has stopped and says why.
        if send.send((records, names)).await.is_err() {
            return Ok(());
        }
    }
}

fn write(
    world: &World,
    catalog: &Catalog,
    clerk: &Clerk,
    order: &Order,
    expected: u64,
    mut parts: mpsc::Receiver<Part>,
) -> Result<(File, usize), StoreError> {
    let mut file = nameless(world)?;
    let columns =
        columns::columns(&order.kind, &clerk.reader, order.lang, matches!(order.form, Form::Xlsx | Form::Csv));
    let says = |names: &Names, record: &Record| {
        columns::row(&columns, catalog, &order.kind, &clerk.reader, order.lang, names, record)
    };
    let mut records = 0;
    let mut next = || {
        let part = parts.blocking_recv();
        records += part.as_ref().map_or(0, |it| it.0.len());
        part
    };
    let out = BufWriter::with_capacity(SENT, &mut file);
    match order.form {
        Form::Xlsx => xlsx(out, order, expected, &columns, &mut next, &says)?,
        Form::Csv => csv(out, &columns, &mut next, &says)?,
        Form::Geojson | Form::Kml => places(out, order.form, &columns, &mut next, &says)?,
        Form::Shp => shapes(out, &columns, &mut next, &says)?,
    }
    file.seek(SeekFrom::Start(0))?;
    Ok((file, records))
}

/// A file of the world's folder that no name leads to.
fn nameless(world: &World) -> io::Result<File> {
    let folder = world.dir().join("exports");
    disk::make_dir(&folder)?;
    let tail = anlan_store::random::<8>().map_err(|it| io::Error::other(it.to_string()))?;
    let path = folder.join(format!("{}.partial", anlan_store::hex(&tail)));
    let file = disk::private().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

type Next<'a> = dyn FnMut() -> Option<Part> + 'a;
type Says<'a> = dyn Fn(&Names, &Record) -> Vec<Content> + 'a;

fn xlsx<W: Write + Seek>(
    out: W,
    order: &Order,
    expected: u64,
    columns: &[Column],
    next: &mut Next<'_>,
    says: &Says<'_>,
) -> Result<(), StoreError> {
    let titles = columns.iter().map(|it| it.title.clone()).collect();
    let cells = expected.saturating_mul(columns.len() as u64);
    let mut book = Workbook::new(out, order.kind.title.get(order.lang), titles, cells)?;
    while let Some((records, names)) = next() {
        for record in &records {
            let cells = says(&names, record);
            book.row(cells.iter().map(|it| match it {
                Content::Blank => Cell::Blank,
                Content::Text(it) => Cell::Text(it),
                Content::Number(it) => Cell::Number(*it),
            }))?;
        }
    }
    book.finish()?.flush()?;
    Ok(())
}

/// A cell as text; one that a spreadsheet would work out is disarmed where it stands among commas.
fn text(content: Content, disarm: bool) -> String {
    match content {
        Content::Blank => String::new(),
        Content::Number(it) => it.to_string(),
        Content::Text(it) if disarm && is_formula(&it) => format!("'{it}"),
        Content::Text(it) => it,
    }
}

fn csv<W: Write>(mut out: W, columns: &[Column], next: &mut Next<'_>, says: &Says<'_>) -> Result<(), StoreError> {
    let bad = |it: csv::Error| StoreError::Io(it.to_string());
    out.write_all(b"\xef\xbb\xbf")?;
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    writer.write_record(columns.iter().map(|it| &it.title)).map_err(bad)?;
    while let Some((records, names)) = next() {
        for record in &records {
            writer.write_record(says(&names, record).into_iter().map(|it| text(it, true))).map_err(bad)?;
        }
    }
    Ok(writer.flush()?)
}

fn placed(row: usize, columns: &[Column], record: &Record, contents: Vec<Content>) -> geo::Record {
    let named = columns.iter().zip(contents).map(|(column, it)| (column.title.clone(), text(it, false)));
    let properties = named.filter(|it| !it.1.is_empty()).collect();
    geo::Record { row, properties, geometry: columns::place(record) }
}

/// What stands before, between and behind the records of a file of places.
fn frame(form: Form) -> (String, &'static str, String) {
    let mark = "\u{1}";
    match form {
        Form::Kml => {
            let text = geo::kml::write(&[]);
            let (head, tail) = text.split_once("</Document>").unwrap_or((&text, ""));
            (head.to_owned(), "", format!("</Document>{tail}"))
        }
        _ => {
            let text = geo::geojson::write(&[]).replacen("[\n\n]", &format!("[\n{mark}\n]"), 1);
            let (head, tail) = text.split_once(mark).unwrap_or((&text, ""));
            (head.to_owned(), ",\n", tail.to_owned())
        }
    }
}

fn places<W: Write>(
    mut out: W,
    form: Form,
    columns: &[Column],
    next: &mut Next<'_>,
    says: &Says<'_>,
) -> Result<(), StoreError> {
    let (head, between, tail) = frame(form);
    out.write_all(head.as_bytes())?;
    let mut row = 0;
    while let Some((records, names)) = next() {
        for record in &records {
            row += 1;
            let placed = [placed(row, columns, record, says(&names, record))];
            let whole = if form == Form::Kml { geo::kml::write(&placed) } else { geo::geojson::write(&placed) };
            let own = whole.strip_prefix(&head).and_then(|it| it.strip_suffix(&tail)).unwrap_or_default();
            if row > 1 {
                out.write_all(between.as_bytes())?;
            }
            out.write_all(own.as_bytes())?;
        }
    }
    out.write_all(tail.as_bytes())?;
    Ok(out.flush()?)
}

/// One shapefile for each sort of shape; records without a place stand with the points.
fn shapes<W: Write + Seek>(out: W, columns: &[Column], next: &mut Next<'_>, says: &Says<'_>) -> Result<(), StoreError> {
    let mut sorts: [(&str, Vec<geo::Record>); 4] =
        [("points", Vec::new()), ("multipoints", Vec::new()), ("lines", Vec::new()), ("polygons", Vec::new())];
    let mut row = 0;
    while let Some((records, names)) = next() {
        for record in &records {
            row += 1;
            if row > SHAPES {
                let (zh, en) = (
                    format!("Shapefile 最多 {SHAPES} 条，请缩小筛选，或导出 GeoJSON"),
                    format!("a shapefile holds {SHAPES} records at most: narrow the list, or take GeoJSON"),
                );
                return Err(StoreError::Refused(Problem::new("too_many", zh, en)));
            }
            let it = placed(row, columns, record, says(&names, record));
            let sort = match it.geometry.as_ref().map_or("", geo::Geometry::name) {
                "MultiPoint" => 1,
                name if name.ends_with("LineString") => 2,
                name if name.ends_with("Polygon") => 3,
                _ => 0,
            };
            sorts[sort].1.push(it);
        }
    }
    let mut zip = zip::ZipWriter::new(out);
    let options = zip::write::SimpleFileOptions::default();
    for (name, records) in sorts.iter().filter(|it| !it.1.is_empty() || (row == 0 && it.0 == "points")) {
        let (files, _) = geo::shapefile::write(name, records, geo::shapefile::Charset::default())
            .or_else(|_| geo::shapefile::write(name, records, geo::shapefile::Charset::Utf8))?;
        let parts = [
            ("shp", Some(&files.shp)),
            ("shx", Some(&files.shx)),
            ("dbf", files.dbf.as_ref()),
            ("prj", files.prj.as_ref()),
            ("cpg", files.cpg.as_ref()),
        ];
        for (ending, bytes) in parts {
            let Some(bytes) = bytes else { continue };
            zip.start_file(format!("{name}.{ending}"), options).map_err(io::Error::from)?;
            zip.write_all(bytes)?;
        }
    }
    zip.finish().map_err(io::Error::from)?.flush()?;
    Ok(())
}

impl Export {
    /// All its bytes.
    ///
    /// # Errors
    /// What the file system says.
    pub fn bytes(mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// As an answer, sent as it is read.
    ///
    /// # Errors
    /// What the file system says.
    pub fn answer(mut self) -> io::Result<Response> {
        let length = self.file.metadata()?.len();
        let disposition = format!(
            "attachment; filename=\"register.{}\"; filename*=UTF-8''{}",
            self.form.ending(),
            anlan_web::percent(&self.name)
        );
        let headers = [
            (header::CONTENT_TYPE, self.form.media().to_owned()),
            (header::CONTENT_DISPOSITION, disposition),
            (header::CONTENT_LENGTH, length.to_string()),
        ];
        let (send, receive) = mpsc::channel::<io::Result<Bytes>>(2);
        tokio::task::spawn_blocking(move || {
            loop {
                let mut bytes = vec![0; SENT];
                let read = self.file.read(&mut bytes);
                let part = match read {
                    Ok(0) => return,
                    Ok(length) => {
                        bytes.truncate(length);
                        Ok(Bytes::from(bytes))
                    }
                    Err(error) => Err(error),
                };
                // The reader went away, or the file cannot be read any further.
                if part.is_err() || send.blocking_send(part).is_err() {
                    return;
                }
            }
        });
        let parts = futures_util::stream::unfold(receive, async |mut it| it.recv().await.map(|part| (part, it)));
        Ok((headers, Body::from_stream(parts)).into_response())
    }
}

/// Opens what a program asks for by name: everything of a kind.
///
/// # Errors
/// `bad_kind`, `bad_format`; as [`export`].
pub async fn whole(
    register: &Register,
    clerk: &Clerk,
    kind: &str,
    form: &str,
    lang: Lang,
) -> Result<Export, StoreError> {
    let (kind, form) = (kind_of(register, kind)?, Form::of_name(form)?);
    let asked = Asked::everything(&clerk.reader);
    export(register, clerk, Order { kind, asked, query: String::new(), form, lang }).await
}
