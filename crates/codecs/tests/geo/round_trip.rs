use anlan_codecs::geo::{
    self, Geometry, Order, Properties, Record,
    geo_types::{Coord, LineString, MultiLineString, MultiPoint, MultiPolygon, Point, Polygon},
    geojson, kml,
    shapefile::{self, Charset},
};
use proptest::{option, prelude::*, sample::select};

use super::at;

fn words() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9暴雨<>&\"' \n\r\t,;é]{1,24}"
        .prop_map(|it| it.trim().to_owned())
        .prop_filter("not blank", |it| !it.is_empty())
}

/// At most ten bytes in either encoding.
fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z<&\"]{1,8}", "[名称容量]{1,3}", select(vec!["name".to_owned(), "address".to_owned()])]
}

fn properties() -> impl Strategy<Value = Properties> {
    prop::collection::btree_map(name(), words(), 1..5)
}

fn position() -> impl Strategy<Value = Coord> {
    (-180_000_000_i32..=180_000_000, -90_000_000_i32..=90_000_000)
        .prop_map(|(x, y)| at(f64::from(x) / 1e6, f64::from(y) / 1e6))
}

fn line() -> impl Strategy<Value = LineString> {
    prop::collection::vec(position(), 2..6).prop_map(LineString)
}

/// A square in a cell of its own, with or without a hole, in the order readers give.
fn area(cell: u16, hole: bool, size: u16) -> Polygon {
    let (x, y) = (f64::from(cell % 30) * 10.0 - 150.0, f64::from(cell / 30 % 15) * 10.0 - 75.0);
    let square = |from: f64, to: f64| {
        LineString(
            [(from, from), (to, from), (to, to), (from, to), (from, from)].map(|(a, b)| at(x + a, y + b)).to_vec(),
        )
    };
    let side = 1.0 + f64::from(size % 700) / 100.0;
    let mut inner = square(side / 4.0, side / 2.0);
    inner.0.reverse();
    Polygon::new(square(0.0, side), if hole { vec![inner] } else { Vec::new() })
}

fn areas() -> impl Strategy<Value = Geometry> {
    prop::collection::btree_map(0_u16..450, (any::<bool>(), any::<u16>()), 1..5).prop_map(|cells| {
        let mut areas: Vec<Polygon> = cells.into_iter().map(|(cell, (hole, size))| area(cell, hole, size)).collect();
        if areas.len() == 1 { Geometry::Polygon(areas.remove(0)) } else { Geometry::MultiPolygon(MultiPolygon(areas)) }
    })
}

fn lines() -> impl Strategy<Value = Geometry> {
    prop_oneof![
        line().prop_map(Geometry::LineString),
        prop::collection::vec(line(), 2..4).prop_map(|it| Geometry::MultiLineString(MultiLineString(it))),
    ]
}

fn points() -> impl Strategy<Value = Geometry> {
    prop::collection::vec(position(), 1..5)
        .prop_map(|it| Geometry::MultiPoint(MultiPoint(it.into_iter().map(Point).collect())))
}

fn point() -> impl Strategy<Value = Geometry> {
    position().prop_map(|it| Geometry::Point(Point(it)))
}

fn records(geometry: impl Strategy<Value = Geometry>) -> impl Strategy<Value = Vec<Record>> {
    let row = (properties(), option::of(geometry));
    prop::collection::vec(row, 1..6).prop_map(|rows| {
        let record = |(index, (properties, geometry))| Record { row: index + 1, properties, geometry };
        rows.into_iter().enumerate().map(record).collect()
    })
}

fn read(bytes: &[u8]) -> Vec<Record> {
    let mut layers = geo::read(bytes, Order::default()).unwrap();
    assert_eq!((layers.len(), &layers[0].refused), (1, &Vec::new()));
    layers.remove(0).records
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn geojson_and_kml_give_back_what_was_written(records in records(prop_oneof![point(), points(), lines(), areas()])) {
        prop_assert_eq!(&read(geojson::write(&records).as_bytes()), &records);
        prop_assert_eq!(&read(kml::write(&records).as_bytes()), &records);
        prop_assert_eq!(&read(&kml::write_kmz(&records)), &records);
    }

    #[test]
    fn a_shapefile_gives_back_what_was_written(
        records in prop_oneof![records(point()), records(points()), records(lines()), records(areas())],
        charset in select(vec![Charset::Utf8, Charset::Gbk]),
    ) {
        let (files, shortened) = shapefile::write("图层", &records, charset).unwrap();
        prop_assert_eq!(shortened, vec![]);
        prop_assert_eq!(&shapefile::read(&files, Order::default()).unwrap().records, &records);
        prop_assert_eq!(&read(&shapefile::pack(&files)), &records);
    }
}
