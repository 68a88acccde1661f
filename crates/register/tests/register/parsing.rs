//! No file makes the importer panic, and no row is lost between taken and refused.

use anlan_register::import;
use anlan_testbed::{Engine, TestWorld};
use proptest::prelude::*;
use rust_xlsxwriter::Workbook;

use crate::bed::{Bed, TITLES, system};

const CELLS: [&str; 14] = [
    "张三",
    "15400000001",
    "",
    " ",
    "桂园街道办事处",
    "街道",
    "440303001",
    "440303999",
    "主责",
    "防汛责任人",
    "'=1",
    "４４",
    "-",
    "1.54E+10",
];

fn run(world: &TestWorld, kind: &str, bytes: &[u8], name: &str) -> Result<import::Report, anlan_store::StoreError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(import::run(world, &system(), kind, bytes, name, true))
}

fn district() -> Bed {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(Bed::district(Engine::Sqlite))
}

fn cells() -> impl Strategy<Value = Vec<Vec<&'static str>>> {
    let cell = proptest::sample::select(CELLS.to_vec());
    proptest::collection::vec(proptest::collection::vec(cell, 1..13), 0..12)
}

#[test]
fn any_bytes_are_taken_or_refused() {
    let bed = district();
    let kinds = proptest::sample::select(vec!["people", "regions", "organisations", "shifts"]);
    let names = proptest::sample::select(vec!["a.csv", "a.xlsx", ""]);
    let bodies = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..300),
        proptest::collection::vec(
            proptest::sample::select(b"\",\n\r'=\0\xff\xb9\xf0\xe5\xa7\x93\xe5\x90\x8dPK".to_vec()),
            0..200
        ),
        Just([b"PK\x03\x04".as_slice(), &[7; 90]].concat()),
    ];
    proptest!(ProptestConfig::with_cases(400), |(kind in kinds, name in names, body in bodies)| {
        drop(run(&bed.world, kind, &body, name));
    });
}

#[test]
fn taken_and_refused_rows_of_a_csv_are_all_its_rows() {
    let bed = district();
    proptest!(ProptestConfig::with_cases(200), |(rows in cells())| {
        let lines: String = rows.iter().map(|it| format!("{}\n", it.join(","))).collect();
        let report = run(&bed.world, "people", format!("{TITLES}\n{lines}").as_bytes(), "a.csv").unwrap();
        let filled = rows.iter().filter(|row| row.iter().any(|it| !it.trim().is_empty())).count();
        prop_assert_eq!(report.taken + report.problems.len(), filled);
        prop_assert!(report.problems.iter().all(|it| it.place.row.is_some()));
    });
}

#[test]
fn taken_and_refused_rows_of_an_xlsx_are_all_its_rows() {
    let bed = district();
    proptest!(ProptestConfig::with_cases(60), |(rows in cells())| {
        let mut book = Workbook::new();
        let sheet = book.add_worksheet();
        for (row, cells) in std::iter::once(TITLES.split(',').collect()).chain(rows.clone()).enumerate() {
            for (column, cell) in cells.iter().enumerate() {
                sheet.write_string(row as u32, column as u16, *cell).unwrap();
            }
        }
        let report = run(&bed.world, "people", &book.save_to_buffer().unwrap(), "a.xlsx").unwrap();
        let filled = rows.iter().filter(|row| row.iter().any(|it| !it.trim().is_empty())).count();
        prop_assert_eq!(report.taken + report.problems.len(), filled);
    });
}
