//! The files with faults: exactly the listed ones are named, every good row is taken.

use anlan_kernel::Lang;
use anlan_register::{
    Person, Post, check,
    import::{self, Report},
};
use anlan_testbed::Engine;
use calamine::{Reader as _, Xlsx};
use rstest::rstest;

use crate::bed::{Bed, clerk, code, system};

/// Row, column and the words of each refused row.
const REFUSED: [(usize, &str, Option<&str>, &str, &str); 5] = [
    (253, "bad_region", Some("责任区代码"), "不在区划表里", "is in no list of regions"),
    (288, "bad_region", Some("责任区代码"), "应为 2 至 18 位数字", "is not a division code"),
    (315, "empty", Some("姓名"), "不能为空", "is empty"),
    (319, "bad_level", Some("级别"), "不是区级、街道或社区", "is not 区级, 街道 or 社区"),
    (356, "duplicate", None, "完全重复", "repeats an earlier row"),
];

#[rstest]
#[tokio::test]
async fn every_fault_is_named_with_row_and_column_and_every_good_row_is_taken(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values("fixtures/people-with-faults.csv", "fixtures/people-with-faults.xlsx")] file: &str,
) {
    let bed = Bed::district(engine).await;
    let report = bed.take("people", file).await;
    assert_eq!((report.taken, report.new, report.problems.len()), (351, 351, 5));
    for ((row, code, field, zh, en), problem) in REFUSED.into_iter().zip(&report.problems) {
        assert_eq!((problem.place.row, problem.code.as_str()), (Some(row), code));
        assert_eq!(problem.place.field.as_deref(), field);
        let (said_zh, said_en) = (problem.sentence(Lang::Zh), problem.sentence(Lang::En));
        assert!(said_zh.starts_with(&format!("第{row}行 ")) && said_zh.contains(zh), "{said_zh}");
        assert!(said_en.starts_with(&format!("row {row} ")) && said_en.contains(en), "{said_en}");
    }
    assert_reasons(&report);

    let with_blanks =
        bed.read(&system(), |tx| tx.count::<Person>("phone IN ('15400029001', '15400029002')", &[])).await;
    assert_eq!(with_blanks, 2, "full width and blanks are no faults");
    let left = bed.read(&system(), |tx| tx.count::<Post>("region = '440303010007'", &[])).await;
    assert_eq!(left, 1);

    let again = bed.take("people", file).await;
    assert_eq!((again.new, again.changed, again.same), (0, 0, 351), "people without a number are found again too");
}

#[rstest]
#[tokio::test]
async fn doubtful_numbers_are_named_with_their_rows_before_and_after_they_are_taken(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::district(engine).await;
    let row = |name: &str, phone: &str, spare: &str| {
        format!("{name},{phone},{spare},桂园街道办事处,负责人,防汛责任人,街道,440303001,桂园街道,成员,")
    };
    let rows = [
        row("张三", "待补", ""),
        row("李四", "1540002012", "15400000004"),
        row("王五", "15400000009", ""),
        row("赵六", "15400000006", ""),
        row("钱七", "15400000009", ""),
        row("孙八", "", ""),
    ];
    let text = crate::bed::table(&rows.each_ref().map(String::as_str));
    let wanted = [(2, "bad_number"), (3, "bad_number"), (4, "shared_number"), (6, "shared_number"), (7, "no_number")];
    for dry in [true, false] {
        let report = import::run(&bed.world, &system(), "people", text.as_bytes(), "p.csv", dry).await.unwrap();
        assert_eq!((report.taken, report.problems.as_slice()), (6, [].as_slice()), "valid rows are taken");
        let found: Vec<_> = report.notes.iter().map(|it| (it.place.row.unwrap(), it.code.as_str())).collect();
        assert_eq!(found, wanted, "dry run: {dry}");
        assert!(report.notes.iter().all(|it| it.place.field.as_deref() == Some("手机") && !it.message.en.is_empty()));
    }
    let one = bed.people(&system(), &[&row("周九", "15400000006", "")]).await;
    assert_eq!(one.notes.len(), 1, "a number that somebody outside the file has: {:?}", one.notes);
}

/// The errors workbook holds the refused rows as they came, and why.
fn assert_reasons(report: &Report) {
    let bytes = report.errors_xlsx.clone().unwrap();
    let mut book: Xlsx<_> = Xlsx::new(std::io::Cursor::new(bytes)).unwrap();
    let sheet = book.worksheet_range_at(0).unwrap().unwrap();
    let rows: Vec<Vec<String>> = sheet.rows().map(|row| row.iter().map(ToString::to_string).collect()).collect();
    assert_eq!((rows[0][0].as_str(), rows[0].last().unwrap().as_str()), ("姓名", "错误原因"));
    assert_eq!(rows.len(), 6);
    for ((row, _, _, zh, _), cells) in REFUSED.into_iter().zip(&rows[1..]) {
        let why = cells.last().unwrap();
        assert!(why.contains(zh) && why.contains(&row.to_string()), "{why}");
        assert!(cells[3].contains("居民委员会"), "the row as it came: {cells:?}");
    }
}

#[rstest]
#[tokio::test]
async fn the_number_check_finds_what_the_import_could_not_refuse(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::district(engine).await;
    bed.take("people", "fixtures/people-with-faults.csv").await;
    let found = check::run(&bed.world, &system()).await.unwrap();
    let of = |kind: &str| {
        let mut regions: Vec<_> = found.iter().filter(|it| it.kind == kind).map(|it| it.region.to_string()).collect();
        regions.sort();
        regions
    };
    assert_eq!(of("no_number").len(), 1);
    assert_eq!(of("bad_number").len(), 3, "words, 10 digits, no mobile number begins with 2");
    assert_eq!(of("shared_number").len(), 3, "one number for three people");
    assert_eq!(of("no_deputy"), ["440303010007"]);
    assert_eq!(of("nobody"), ["440303010008"]);
    assert_eq!(found.len(), 9, "and nothing else: {found:?}");
    let shared = found.iter().find(|it| it.kind == "shared_number").unwrap();
    assert!(shared.who.contains('*') && shared.person.is_some(), "{shared:?}");
    assert!(!shared.message.zh.is_empty() && !shared.message.en.is_empty());

    let own = check::run(&bed.world, &clerk("440303010")).await.unwrap();
    assert!(own.iter().all(|it| code("440303010").covers(&it.region)) && own.len() >= 2, "a street sees its own");
}
