use anlan_codecs::geo::{
    self, Datum, Geometry, Order, Reference,
    geo_types::{MultiPoint, Point},
    geojson, kml,
    shapefile::{self, Charset, Files},
};
use anlan_kernel::Lang;

use super::{RIVER, SHELTERS, ZONES, at, layer, places, property};

const POINTS: &str = r#"{"type":"FeatureCollection","features":[
{"type":"Feature","id":7,"properties":{"名称":"龙江桥","水位":3.20,"启用":true,"备注":null,"联系":{"电话":"1"}},"geometry":{"type":"Point","coordinates":[114.1,22.5,12]}},
{"type":"Feature","properties":{"名称":"写反的"},"geometry":{"type":"Point","coordinates":[22.5,114.1]}},
{"type":"Feature","properties":{},"geometry":{"type":"LineString","coordinates":[[114.1,22.5],[114.2,"22.6"]]}},
{"type":"Feature","properties":{"名称":"无处"},"geometry":null},
{"type":"Feature","properties":[],"geometry":null},
{"type":"Feature","properties":{},"geometry":{"type":"Polygon","coordinates":[[[114,22],[114.2,22.2],[114.2,22],[114,22.2],[114,22]]]}},
{"type":"Feature","properties":{"名称":"没闭合"},"geometry":{"type":"Polygon","coordinates":[[[114,22],[114,22.2],[114.2,22.2]]]}},
{"type":"Feature","properties":{},"geometry":{"type":"GeometryCollection","geometries":[]}},
{"type":"Feature","properties":{},"geometry":{"type":"Circle","coordinates":[1,2]}},
"nonsense",
{"properties":{}}
]}"#;

#[test]
fn geojson_rows_are_taken_and_refused_one_by_one() {
    let layer = layer(POINTS.as_bytes());
    let names: Vec<_> = layer.records.iter().map(|it| (it.row, property(it, "名称"))).collect();
    assert_eq!(names, [(1, "龙江桥"), (4, "无处"), (7, "没闭合")]);
    assert_eq!(
        places(&layer.refused),
        [
            "latitude_range 2 geometry",
            "not_a_number 3 coordinates[1][1]",
            "not_geojson 5 properties",
            "self_crossing 6 geometry",
            "mixed_geometry 8 geometry.type",
            "unknown_geometry 9 geometry.type",
            "not_geojson 10 ",
            "not_geojson 11 type",
        ]
    );
    assert_eq!(layer.refused_rows, 8);
    assert_eq!(places(&layer.warnings), ["height_dropped 1 ", "ring_closed 7 "]);
    let first = &layer.records[0];
    assert_eq!(
        ["水位", "启用", "联系", "id", "备注"].map(|it| property(first, it)),
        ["3.2", "true", "{\"电话\":\"1\"}", "7", ""]
    );
    assert!(layer.refused[0].sentence(Lang::Zh).starts_with("第2行 [geometry] 纬度"));
}

#[test]
fn a_feature_and_a_bare_geometry_are_files_too() {
    for text in [
        r#"{"type":"Feature","properties":null,"geometry":{"type":"MultiPoint","coordinates":[[1,2],[3,4]]}}"#,
        "\u{FEFF}{\"type\":\"MultiPoint\",\"coordinates\":[[1,2],[3,4]]}",
    ] {
        let want = MultiPoint(vec![Point(at(1.0, 2.0)), Point(at(3.0, 4.0))]);
        assert_eq!(layer(text.as_bytes()).records[0].geometry, Some(Geometry::MultiPoint(want)));
    }
}

#[test]
fn a_file_of_the_2008_edition_is_read_in_the_reference_it_names() {
    let file = |crs: &str, x: f64, y: f64| {
        format!(
            r#"{{"type":"FeatureCollection","crs":{{"type":"name","properties":{{"name":"{crs}"}}}},"features":[{{"type":"Feature","properties":{{}},"geometry":{{"type":"Point","coordinates":[{x},{y}]}}}}]}}"#
        )
    };
    // Easting and northing by PROJ.
    for (crs, x, y) in [("urn:ogc:def:crs:OGC:1.3:CRS84", 115.4, 34.2), ("EPSG:4547", 629_039.557_4, 3_786_732.519_5)] {
        let read = layer(file(crs, x, y).as_bytes());
        let Some(Geometry::Point(got)) = read.records[0].geometry else { panic!("{read:?}") };
        assert!((got.x() - 115.4).abs() < 1e-8 && (got.y() - 34.2).abs() < 1e-8, "{got:?}");
    }
    let problem = geojson::read(file("EPSG:2414", 1.0, 2.0).as_bytes(), Order::default()).unwrap_err();
    assert_eq!((problem.code.as_str(), problem.place.field.as_deref()), ("unknown_reference", Some("crs")));
}

#[test]
fn a_shapefile_in_gbk_keeps_its_words_numbers_and_days() {
    let layer = layer(SHELTERS);
    assert_eq!(layer.reference, Reference::Degrees);
    let rows: Vec<_> =
        layer.records.iter().map(|it| ["名称", "容量", "启用", "建成"].map(|name| property(it, name))).collect();
    assert_eq!(
        rows,
        [
            ["东湖街道应急避难场所", "1200", "true", "2019-05-01"],
            ["待定点", "", "", ""],
            ["翠竹中学", "300", "false", "2021-11-30"],
        ]
    );
    assert_eq!(layer.records[0].geometry, Some(Geometry::Point(Point(at(114.1315, 22.5482)))));
    assert_eq!(layer.records[1].geometry, None);
    assert_eq!((places(&layer.refused), places(&layer.warnings)), (vec![], vec![]));
}

#[test]
fn the_encoding_of_attributes_comes_from_the_header_or_is_guessed_aloud() {
    for (bytes, warnings) in [
        (&include_bytes!("../data/geo/shelters_ldid.zip")[..], vec![]),
        (include_bytes!("../data/geo/shelters_bare.zip"), vec!["encoding_guessed  cpg"]),
    ] {
        let layer = layer(bytes);
        assert_eq!(property(&layer.records[0], "名称"), "东湖街道");
        assert_eq!(places(&layer.warnings), warnings);
    }
    let mut files = shapefile::unpack(SHELTERS).unwrap().remove(0);
    files.cpg = Some(b"UTF-8".to_vec());
    let layer = shapefile::read(&files, Order::default()).unwrap();
    assert_eq!(layer.records.len(), 0);
    assert!(places(&layer.refused)[0].starts_with("broken_encoding 1 "));
}

#[test]
fn surveyors_areas_become_degrees_with_their_holes_and_islands() {
    let layer = layer(ZONES);
    assert!(matches!(layer.reference, Reference::TransverseMercator(_)));
    let Some(Geometry::MultiPolygon(zone)) = &layer.records[0].geometry else { panic!("{layer:?}") };
    assert_eq!(zone.0.iter().map(|it| it.interiors().len()).collect::<Vec<_>>(), [1, 0]);
    let corner = zone.0[0].exterior().0[0];
    assert!((corner.x - 114.0).abs() < 1e-8 && (corner.y - 22.5).abs() < 1e-8, "{corner:?}");
    assert_eq!(property(&layer.records[1], "zone"), "全区");
    assert_eq!(places(&layer.refused), ["self_crossing 2 geometry"]);
    assert!(layer.refused[0].sentence(Lang::Zh).contains("经度 114.1"), "{:?}", layer.refused);
}

#[test]
fn heights_of_a_river_are_dropped_aloud() {
    let layer = layer(RIVER);
    assert!(matches!(&layer.records[0].geometry, Some(Geometry::MultiLineString(it)) if it.0.len() == 2));
    assert_eq!(places(&layer.warnings), ["height_dropped 1 "]);
}

#[test]
fn files_that_do_not_belong_together_are_told() {
    let read = |change: fn(&mut Files)| {
        let mut files = shapefile::unpack(SHELTERS).unwrap().remove(0);
        change(&mut files);
        shapefile::read(&files, Order::default()).map(|it| [places(&it.refused), places(&it.warnings)].concat())
    };
    let code = |it: Result<Vec<String>, anlan_kernel::Problem>| it.map_err(|it| places(&[it]).remove(0));
    let xian = |it: &mut Files| it.prj = Some(include_bytes!("../data/geo/xian1980.prj").to_vec());
    assert_eq!(code(read(xian)), Err("unknown_reference  prj".into()));
    assert_eq!(code(read(|it| it.prj = Some(b"degrees".to_vec()))), Err("bad_reference  prj".into()));
    assert_eq!(code(read(|it| it.dbf = Some(Vec::new()))), Err("bad_table  dbf".into()));
    assert_eq!(code(read(|it| it.shp = b"PK".to_vec())), Err("not_a_shapefile  shp".into()));
    assert_eq!(read(|it| it.dbf = None).unwrap(), ["no_attributes  "]);
    let fewer = |it: &mut Files| {
        it.dbf = shapefile::unpack(include_bytes!("../data/geo/shelters_ldid.zip")).unwrap().remove(0).dbf
    };
    assert_eq!(read(fewer).unwrap(), ["rows_differ 2 dbf", "rows_differ 3 dbf"]);
    assert_eq!(read(|it| it.shp.truncate(130)).unwrap(), ["cut_short 2 shp", "rows_differ  dbf"]);
    // The first row stands behind a header of four columns.
    assert_eq!(read(|it| it.dbf.as_mut().unwrap()[161] = b'*').unwrap(), ["deleted_row 1 "]);
}

#[test]
fn a_kml_gives_placemarks_with_extended_data_from_any_folder() {
    let text = r##"<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="g"><Document><name>图</name><Folder>
<Placemark><name>仓库</name><description><![CDATA[<b>物资</b>]]></description><ExtendedData><Data name="负责人"><value>张三</value></Data>
<SchemaData schemaUrl="#s"><SimpleData name="容量">12</SimpleData></SchemaData></ExtendedData><Point><coordinates>114.1,22.5,0</coordinates></Point></Placemark>
<Placemark><name>坏的</name><LineString><coordinates>114.1,22.5 114.2, 22.6</coordinates></LineString></Placemark>
<Placemark><MultiGeometry><Point><coordinates>1,2</coordinates></Point><LineString><coordinates>1,2 3,4</coordinates></LineString></MultiGeometry></Placemark>
<Placemark><Point/></Placemark>
<Placemark><name>轨迹</name><gx:Track/></Placemark></Folder></Document></kml>"##;
    let layer = layer(text.as_bytes());
    let first = &layer.records[0];
    assert_eq!(
        ["name", "description", "负责人", "容量"].map(|it| property(first, it)),
        ["仓库", "<b>物资</b>", "张三", "12"]
    );
    assert_eq!(first.geometry, Some(Geometry::Point(Point(at(114.1, 22.5)))));
    assert_eq!((layer.records[1].row, &layer.records[1].geometry), (5, &None));
    assert_eq!(
        places(&layer.refused),
        ["not_a_number 2 coordinates", "mixed_geometry 3 MultiGeometry", "missing_element 4 Point"]
    );
    let zipped = kml::write_kmz(&layer.records);
    assert_eq!(super::layer(&zipped).records[0].properties, first.properties);
}

#[test]
fn a_file_with_latitude_first_is_read_when_that_is_said() {
    let text = POINTS.as_bytes();
    let layer = geojson::read(text, Order::LatitudeLongitude).unwrap();
    assert_eq!(layer.records[0].geometry, Some(Geometry::Point(Point(at(114.1, 22.5)))));
    assert_eq!(property(&layer.records[0], "名称"), "写反的");
}

#[test]
fn a_layer_is_brought_to_wgs84_from_what_a_person_or_the_evidence_said() {
    let mut layer = layer(SHELTERS);
    let before = layer.records[0].geometry.clone().unwrap();
    layer.convert(Datum::Gcj02);
    let after = layer.records[0].geometry.clone().unwrap();
    let back = after.map(|it| geo::convert(it, Datum::Wgs84, Datum::Gcj02));
    let far = |a: &Geometry, b: &Geometry| a.positions().zip(b.positions()).all(|(a, b)| (a.x - b.x).abs() > 1e-3);
    assert!(far(&before, &after) && !far(&before, &back));
}

#[test]
fn what_does_not_fit_a_shapefile_is_said_when_it_is_written() {
    let text = |name: &str, value: &str, kind: &str| {
        format!(
            r#"{{"type":"Feature","properties":{{"{name}":"{value}"}},"geometry":{{"type":"{kind}","coordinates":{}}}}}"#,
            if kind == "Point" { "[1,2]" } else { "[[1,2],[3,4]]" }
        )
    };
    let records = |features: &[String]| {
        let file = format!(r#"{{"type":"FeatureCollection","features":[{}]}}"#, features.join(","));
        layer(file.as_bytes()).records
    };
    let long = records(&[text("应急避难场所名称", &"东".repeat(200), "Point"), text("应急避难场所编号", "7", "Point")]);
    let (files, shortened) = shapefile::write("a", &long, Charset::Gbk).unwrap();
    assert_eq!(
        places(&shortened),
        ["name_shortened  应急避难场所名称", "name_shortened  应急避难场所编号", "value_shortened 1 应急避难场所名称"]
    );
    let read = shapefile::read(&files, Order::default()).unwrap().records;
    assert_eq!((property(&read[0], "应急避难场").chars().count(), property(&read[1], "应急避难_1")), (127, "7"));
    let mixed =
        shapefile::write("a", &records(&[text("a", "1", "Point"), text("a", "1", "LineString")]), Charset::Utf8);
    assert_eq!(places(&[mixed.unwrap_err()]), ["mixed_geometry 2 geometry"]);
    let rare = shapefile::write("a", &records(&[text("名", "𬭎", "Point")]), Charset::Gbk);
    assert_eq!(places(&[rare.unwrap_err()]), ["not_encodable 1 名"]);
}

#[test]
fn the_index_of_a_written_shapefile_points_at_every_shape_and_lengths_are_true() {
    let (files, _) = shapefile::write("a", &layer(ZONES).records, Charset::Utf8).unwrap();
    let words = |bytes: &[u8], at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    assert_eq!((words(&files.shp, 24) * 2, words(&files.shx, 24) * 2), (files.shp.len(), files.shx.len()));
    let mut end = 100;
    for (number, entry) in (1..).zip(files.shx[100..].chunks_exact(8)) {
        let (offset, length) = (words(entry, 0) * 2, words(entry, 4) * 2);
        assert_eq!((offset, words(&files.shp, offset), words(&files.shp, offset + 4) * 2), (end, number, length));
        end = offset + 8 + length;
    }
    assert_eq!((end, files.shx.len()), (files.shp.len(), 100 + 8 * 2));
}

#[test]
fn what_is_no_file_of_places_is_refused() {
    for (bytes, code) in [
        (&b""[..], "unknown_format"),
        (b"name,x,y", "unknown_format"),
        (b"PK\x03\x04", "broken_archive"),
        (b"{\"type\":\"FeatureCollection\"}", "not_geojson"),
        (b"{\"type\":\"FeatureCollection\",\"features\":[", "not_json"),
        (b"{\"type\":\"\xD6\xD0\"}", "broken_encoding"),
        (b"<gpx/>", "not_kml"),
        (b"<!DOCTYPE kml><kml/>", "dtd_refused"),
    ] {
        let problem = geo::read(bytes, Order::default()).unwrap_err();
        assert_eq!(problem.code, code, "{problem:?}");
        assert!(super::spoken(&problem));
    }
}
