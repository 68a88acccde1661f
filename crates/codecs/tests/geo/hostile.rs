use std::io::{Cursor, Write};

use anlan_codecs::geo::{
    self, Layer, MAX_PROBLEMS, Order, geojson, kml,
    shapefile::{self, Charset, Files},
};
use proptest::prelude::*;

use super::{RIVER, SHELTERS, ZONES};

const GEOJSON: &str = r#"{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"a":"b"},"geometry":{"type":"MultiPolygon","coordinates":[[[[1,2],[3,4],[5,1],[1,2]]]]}},{"type":"Feature","properties":{"a":1},"geometry":{"type":"Point","coordinates":[1,2,3]}}]}"#;
const KML: &str = r#"<kml><Placemark><name>a</name><ExtendedData><Data name="b"><value>c</value></Data></ExtendedData><Polygon><outerBoundaryIs><LinearRing><coordinates>1,2 3,4 5,1 1,2</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark></kml>"#;

fn zipped(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(bytes).unwrap();
    zip.finish().unwrap().into_inner()
}

#[test]
fn an_archive_that_inflates_without_bound_is_refused() {
    let bomb = zipped("a.shp", &vec![0; 65 << 20]);
    assert!(bomb.len() < 1 << 20);
    assert_eq!(geo::read(&bomb, Order::default()).unwrap_err().code, "too_large");
    assert_eq!(shapefile::unpack(&zipped("a.txt", b"x")).unwrap_err().code, "no_shapefile");
}

#[test]
fn counts_that_promise_more_than_there_is_set_nothing_aside() {
    let files = shapefile::unpack(ZONES).unwrap().remove(0);
    // The first record's content starts at 108: kind, box, number of parts, number of points.
    for at in [104, 144, 148] {
        let mut shp = files.shp.clone();
        shp[at..at + 4].copy_from_slice(&[0x7F; 4]);
        let layer = shapefile::read(&Files { shp, ..files.clone() }, Order::default()).unwrap();
        assert_eq!(layer.refused[0].code, "cut_short");
    }
    let mut dbf = files.dbf.clone().unwrap();
    dbf[4..8].copy_from_slice(&[0xFF; 4]);
    let layer = shapefile::read(&Files { dbf: Some(dbf), ..files }, Order::default()).unwrap();
    assert_eq!(layer.records.len(), 2);
}

#[test]
fn depth_and_problems_stay_within_bounds() {
    let deep =
        format!("{{\"type\":\"FeatureCollection\",\"features\":[{}{}]}}", "[".repeat(100_000), "]".repeat(100_000));
    let _ = geojson::read(deep.as_bytes(), Order::default()).map(|it| assert_eq!(it.refused_rows, 1));
    let many = format!("{{\"type\":\"FeatureCollection\",\"features\":[0{}]}}", ",0".repeat(4_999));
    let layer = geojson::read(many.as_bytes(), Order::default()).unwrap();
    assert_eq!((layer.refused.len(), layer.refused_rows), (MAX_PROBLEMS, 5_000));
}

fn read_everything(bytes: &[u8]) {
    let layers = [geojson::read(bytes, Order::default()), kml::read(bytes, Order::LatitudeLongitude)];
    layers.into_iter().flatten().for_each(|it| write_everything(&it));
    geo::read(bytes, Order::default()).into_iter().flatten().for_each(|it| write_everything(&it));
    let _ = geo::Reference::of_prj(&String::from_utf8_lossy(bytes));
    let parts = Files { shp: bytes.to_vec(), ..Files::default() };
    let _ = shapefile::read(&parts, Order::default()).map(|it| write_everything(&it));
}

fn write_everything(layer: &Layer) {
    let again = geojson::read(geojson::write(&layer.records).as_bytes(), Order::default()).unwrap();
    assert_eq!(again.refused, []);
    let shapes = |it: &Layer| it.records.iter().map(|it| it.geometry.clone()).collect::<Vec<_>>();
    assert_eq!(shapes(&again), shapes(layer));
    let _ = kml::read(kml::write(&layer.records).as_bytes(), Order::default()).unwrap();
    let _ = shapefile::write("a", &layer.records, Charset::Utf8);
}

fn damage(bytes: &mut Vec<u8>, hits: Vec<(prop::sample::Index, u8, u8)>) {
    for (index, byte, what) in hits {
        let at = index.index(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
        match what {
            0 | 1 if !bytes.is_empty() => bytes[at] = byte,
            2 if !bytes.is_empty() => drop(bytes.remove(at)),
            3 => bytes.insert(at, byte),
            _ => bytes.truncate(at + bytes.len() / 2),
        }
    }
}

fn hits() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..5), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        read_everything(&bytes);
    }

    #[test]
    fn a_damaged_file_never_panics(which in 0_usize..5, hits in hits()) {
        let mut bytes = [GEOJSON.as_bytes(), KML.as_bytes(), SHELTERS, ZONES, RIVER][which].to_vec();
        damage(&mut bytes, hits);
        read_everything(&bytes);
    }

    #[test]
    fn a_damaged_part_of_a_shapefile_never_panics(which in 0_usize..3, part in 0_usize..4, hits in hits()) {
        let mut files = shapefile::unpack([SHELTERS, ZONES, RIVER][which]).unwrap().remove(0);
        let part = match part {
            0 => Some(&mut files.shp),
            1 => files.dbf.as_mut(),
            2 => files.prj.as_mut(),
            _ => files.cpg.as_mut(),
        };
        part.into_iter().for_each(|it| damage(it, hits.clone()));
        let _ = shapefile::read(&files, Order::default()).map(|it| write_everything(&it));
    }
}
