//! Files that are not what they should be: a problem with its place, never a panic.

mod common;

use anlan_roads::{Graph, Position};
use common::{Dice, LIECHTENSTEIN, blob, bytes, extract, framed, number};
use proptest::prelude::*;
use rstest::rstest;

const NODES: [common::Node<'static>; 3] =
    [(1, 95_000_000, 471_000_000, ""), (2, 95_100_000, 471_000_000, ""), (3, 95_100_000, 471_100_000, "")];

fn small() -> Vec<u8> {
    extract(&NODES, &[(vec![1, 2, 3], "highway=residential")])
}

fn with_header(rest: &[u8]) -> Vec<u8> {
    [&blob("OSMHeader", &[]), rest].concat()
}

/// A blob whose content is compressed in the way that this field number stands for.
fn packed(field: u64, content: &[u8]) -> Vec<u8> {
    let mut inner = Vec::new();
    bytes(&mut inner, field, content);
    framed("OSMData", &inner)
}

fn required(feature: &[u8]) -> Vec<u8> {
    let mut header = Vec::new();
    bytes(&mut header, 4, feature);
    blob("OSMHeader", &header)
}

/// A block with one group of one dense list of nodes.
fn dense(ids: &[u8], latitudes: &[u8]) -> Vec<u8> {
    let (mut dense, mut group, mut block) = (Vec::new(), Vec::new(), Vec::new());
    bytes(&mut dense, 1, ids);
    bytes(&mut dense, 8, latitudes);
    bytes(&mut dense, 9, latitudes);
    bytes(&mut group, 2, &dense);
    bytes(&mut block, 2, &group);
    number(&mut block, 17, u64::MAX >> 1);
    with_header(&blob("OSMData", &block))
}

#[rstest]
#[case::empty(Vec::new(), "roads_pbf_empty", 0)]
#[case::a_picture(b"\x89PNG\r\n\x1a\n0000000000".to_vec(), "roads_not_pbf", 0)]
#[case::xml(b"<?xml version='1.0'?><osm/>".to_vec(), "roads_not_pbf", 0)]
#[case::zip(b"PK\x03\x04aaaaaaaaaaaaaaaa".to_vec(), "roads_not_pbf", 0)]
#[case::no_header_first(small().split_off(blob("OSMHeader", &[]).len() + 28), "roads_not_pbf", 0)]
#[case::history(required(b"HistoricalInformation"), "roads_pbf_feature", 0)]
#[case::zstd(with_header(&packed(7, b"x")), "roads_pbf_packing", 19)]
#[case::lzma(with_header(&packed(4, b"x")), "roads_pbf_packing", 19)]
#[case::not_zlib(with_header(&packed(3, b"no zlib at all")), "roads_pbf_damaged", 19)]
#[case::no_content(with_header(&framed("OSMData", &[])), "roads_pbf_damaged", 19)]
#[case::header_too_long(with_header(&[0x7f, 0xff, 0xff, 0xff, 0]), "roads_pbf_damaged", 19)]
#[case::cut_in_a_length(with_header(&[0, 0]), "roads_pbf_cut", 19)]
#[case::nodes_without_places(dense(&[2, 2], &[]), "roads_pbf_damaged", 19)]
#[case::no_roads(extract(&NODES, &[(vec![1, 2], "waterway=river")]), "roads_none", usize::MAX)]
#[case::roads_without_nodes(extract(&[], &[(vec![1, 2], "highway=primary")]), "roads_none", usize::MAX)]
#[case::way_of_one_node(extract(&NODES, &[(vec![1], "highway=primary")]), "roads_none", usize::MAX)]
#[case::off_the_globe(
    extract(&[(1, 1_900_000_000, 0, ""), NODES[1]], &[(vec![1, 2], "highway=primary")]), "roads_pbf_damaged", 47
)]
fn a_problem_says_what_and_where(#[case] file: Vec<u8>, #[case] code: &str, #[case] byte: usize) {
    let problem = Graph::from_pbf(&file).expect_err("a problem");
    assert_eq!((problem.code.as_str(), problem.place.byte.unwrap_or(usize::MAX)), (code, byte), "{problem}");
}

#[test]
fn a_bomb_is_not_unpacked() {
    let zeros = vec![0u8; 20 << 20];
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut zlib, &zeros).expect("memory");
    let file = with_header(&packed(3, &zlib.finish().expect("memory")));
    assert_eq!(Graph::from_pbf(&file).expect_err("a problem").code, "roads_pbf_too_big");
}

#[test]
fn a_file_cut_anywhere_is_a_problem_or_less_road() {
    let whole = Graph::from_pbf(LIECHTENSTEIN).expect("an extract").facts();
    let mut dice = Dice(7);
    for _ in 0..40 {
        let length = (dice.roll() * LIECHTENSTEIN.len() as f64) as usize;
        match Graph::from_pbf(&LIECHTENSTEIN[..length]) {
            Err(problem) => assert!(problem.code.starts_with("roads_"), "{problem}"),
            Ok(graph) => assert!(graph.facts().metres < whole.metres),
        }
    }
}

#[test]
fn a_road_whose_nodes_lie_outside_the_extract_ends_there() {
    let nodes = [NODES[0], NODES[1], (4, 95_200_000, 471_100_000, "")];
    let graph = Graph::from_pbf(&extract(&nodes, &[(vec![1, 2, 3, 4], "highway=residential")])).expect("a road");
    assert_eq!(graph.facts().roads, 1);
    assert!(graph.snap(Position { x: 9.52, y: 47.11 }, 100.0).is_none());
}

#[test]
fn kept_bytes_that_were_changed_are_refused() {
    let kept = Graph::from_pbf(&small()).expect("a road").to_bytes();
    for place in 0..kept.len() {
        for flip in [1u8, 0x80] {
            let mut changed = kept.clone();
            changed[place] ^= flip;
            let code = Graph::from_bytes(&changed).expect_err("a problem").code;
            let want = match place {
                0..8 => "roads_not_stored",
                8..12 => "roads_stored_version",
                _ => "roads_stored_damaged",
            };
            assert_eq!(code, want, "byte {place}");
        }
        assert!(Graph::from_bytes(&kept[..place]).is_err());
    }
    assert!(Graph::from_bytes(&[&kept[..], &[0]].concat()).is_err());
}

/// The bytes with the checksum put right again.
fn vouched(mut kept: Vec<u8>) -> Vec<u8> {
    let checksum = crc32fast::hash(&kept[16..]);
    kept[12..16].copy_from_slice(&checksum.to_le_bytes());
    kept
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn any_bytes(file in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Graph::from_pbf(&file);
        let _ = Graph::from_pbf(&with_header(&blob("OSMData", &file)));
        let _ = Graph::from_bytes(&file);
    }

    #[test]
    fn a_changed_extract_can_be_used_or_is_refused(place in 0usize..1_000, to in any::<u8>(), other in 0usize..1_000, too in any::<u8>()) {
        let mut file = small();
        let length = file.len();
        file[place % length] = to;
        file[other % length] = too;
        if let Ok(graph) = Graph::from_pbf(&file) {
            use_it(&graph);
        }
    }

    #[test]
    fn kept_bytes_with_a_right_checksum_can_be_used_or_are_refused(place in 16usize..200, to in any::<u8>(), other in 16usize..200, too in any::<u8>()) {
        let mut kept = Graph::from_pbf(&small()).expect("a road").to_bytes();
        let length = kept.len();
        kept[place.min(length - 1)] = to;
        kept[other.min(length - 1)] = too;
        if let Ok(graph) = Graph::from_bytes(&vouched(kept)) {
            use_it(&graph);
        }
    }
}

fn use_it(graph: &Graph) {
    let (here, there) = (Position { x: 9.5, y: 47.1 }, Position { x: 9.51, y: 47.11 });
    let _ = graph.route(here, there);
    let _ = graph.reach(&[here], &[300, 900]).areas();
}
