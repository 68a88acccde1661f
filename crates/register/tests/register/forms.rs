//! Files as bureaus keep them, in and out.

use anlan_kernel::Actor;
use anlan_register::{Organisation, Person, Post, export};
use anlan_store::StoreError;
use anlan_testbed::Engine;
use calamine::{Data, Reader as _, Xlsx};
use rstest::rstest;

use crate::bed::{Bed, STREET, TITLES, clerk, system, table};

async fn rows(bed: &Bed) -> Vec<(Option<String>, Option<String>, Post)> {
    bed.read(&system(), |tx| {
        let posts: Vec<Post> = tx.find("1 = 1", "ORDER BY region, rank, duty, id", &[])?;
        posts
            .into_iter()
            .map(|post| {
                let person = tx.get::<Person>(&post.person)?.unwrap();
                let at = post.id.find('/').unwrap();
                Ok((person.name, person.phone, Post { id: post.id[at..].into(), person: String::new(), ..post }))
            })
            .collect()
    })
    .await
}

#[rstest]
#[tokio::test]
async fn two_header_rows_read_the_same_from_excel_and_from_gbk(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (one, other) = (Bed::district(engine).await, Bed::district(engine).await);
    let from_xlsx = one.take("people", "fixtures/roster-two-headers.xlsx").await;
    let from_gbk = other.take("people", "fixtures/roster-two-headers-gbk.csv").await;
    assert_eq!((from_xlsx.taken, from_xlsx.problems.as_slice()), (35, [].as_slice()));
    assert_eq!((from_gbk.taken, from_gbk.problems.as_slice()), (35, [].as_slice()));
    let found = rows(&one).await;
    assert_eq!(found, rows(&other).await);
    let units: Vec<_> = found.iter().filter(|it| it.2.region.as_str() == STREET).collect();
    assert_eq!(units.len(), 12, "桂园街道办事处");
    assert!(found.iter().all(|it| it.1.as_ref().is_some_and(|it| it.len() == 11)), "numbers typed as numbers");
    assert!(found.iter().all(|it| it.2.note.as_deref() == Some("演示数据")), "a title of the upper row only");
}

#[tokio::test]
async fn a_byte_order_mark_quotes_and_english_titles_are_no_faults() {
    let bed = Bed::district(Engine::Sqlite).await;
    let text = "\u{feff}name,mobile,organisation,duty,level,region_code,rank\n\
                \"张,三\",+86 154-0000-9001,桂园街道办事处,防汛责任人,street,440303001,lead\n\n\
                李四,0755-25666666,桂园街道办事处,防汛责任人,街道,440303001,副a\n";
    let report = bed.import(&system(), "people", text.as_bytes(), "people.csv").await.unwrap();
    assert_eq!((report.taken, report.problems.as_slice()), (2, [].as_slice()));
    let people = bed.everybody().await;
    assert_eq!(people[0].name.as_deref(), Some("张,三"));
    assert_eq!(people[0].phone.as_deref(), Some("15400009001"));
    assert_eq!(people[1].phone.as_deref(), Some("075525666666"));
}

#[rstest]
#[case::nothing_known("甲,乙\n1,2\n".as_bytes(), "people.csv", "bad_sheet")]
#[case::no_titles("张三,15400000001,桂园街道办事处\n".as_bytes(), "people.csv", "bad_sheet")]
#[case::only_blanks(b"\n\n  \n", "people.csv", "bad_sheet")]
#[case::named_xlsx(b"name,phone\n", "people.xlsx", "not_a_table")]
#[case::torn_zip(b"PK\x03\x04 torn", "people.xlsx", "not_a_table")]
#[case::zeros(&[0; 64], "people.csv", "bad_sheet")]
#[case::neither_encoding(b"\xe5\xa7\xff\xff\xff,\x80\n", "people.csv", "bad_encoding")]
#[tokio::test]
async fn a_file_that_is_no_roster_is_refused_in_both_languages(
    #[case] bytes: &[u8],
    #[case] name: &str,
    #[case] wanted: &str,
) {
    let bed = Bed::new(Engine::Sqlite);
    let refused = bed.import(&system(), "people", bytes, name).await.unwrap_err();
    let anlan_store::StoreError::Refused(problem) = refused else { panic!("{refused}") };
    assert_eq!(problem.code, wanted);
    assert!(!problem.message.zh.is_empty() && !problem.message.en.is_empty());
}

#[tokio::test]
async fn a_quote_that_is_never_closed_costs_its_own_row_only() {
    let bed = Bed::district(Engine::Sqlite).await;
    let rows = [
        "张三,15400000001,,桂园街道办事处,负责人,防汛责任人,街道,440303001,桂园街道,主责,",
        "\"李四,15400000002,,桂园街道办事处,负责人,防汛责任人,街道,440303001,桂园街道,副A,",
        "王五,15400000003,,桂园街道办事处,负责人,防汛责任人,街道,440303001,桂园街道,副B,",
    ];
    let report = bed.people(&system(), &rows).await;
    assert_eq!((report.taken, report.problems.len()), (2, 1));
    assert_eq!((report.problems[0].place.row, report.problems[0].code.as_str()), (Some(3), "open_quote"));
}

const TRAPS: [&str; 6] = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "'=already disarmed", "普通"];

async fn trapped(engine: Engine) -> Bed {
    let bed = Bed::district(engine).await;
    for (i, trap) in TRAPS.iter().enumerate() {
        let cell = trap.replace('"', "\"\"");
        let row =
            format!("陷阱{i},1540001000{i},,桂园街道办事处,\"{cell}\",防汛责任人,街道,440303001,,成员,\"{cell}\"");
        let text = format!("{TITLES}\n{row}\n");
        // The importer takes a disarmed cell for what it was, so the one that only looks so is armed twice.
        let text = text.replace("'=already", "''=already");
        bed.import(&system(), "people", text.as_bytes(), "people.csv").await.unwrap();
    }
    bed
}

#[rstest]
#[tokio::test]
async fn an_export_opens_safely_and_comes_back_as_it_went(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values("csv", "xlsx")] format: &str,
) {
    let bed = trapped(engine).await;
    bed.take("people", "fixtures/people-with-faults.csv").await;
    let before = rows(&bed).await;
    let notes: Vec<_> = before.iter().filter_map(|it| it.2.note.as_deref()).collect();
    assert!(TRAPS.iter().all(|it| notes.contains(it)), "{notes:?}");
    let bytes = export::people(&bed.world, &system(), format).await.unwrap();
    match format {
        "csv" => assert_no_formula_in_csv(&bytes),
        _ => assert_no_formula_in_xlsx(&bytes),
    }
    let again = bed.import(&system(), "people", &bytes, &format!("people.{format}")).await.unwrap();
    assert_eq!((again.new, again.changed, again.same), (0, 0, before.len()), "{:?}", again.problems);

    let other = Bed::district(engine).await;
    let there = other.import(&system(), "people", &bytes, &format!("people.{format}")).await.unwrap();
    assert_eq!(there.problems, []);
    assert_eq!(rows(&other).await, before);
}

fn assert_no_formula_in_csv(bytes: &[u8]) {
    assert!(bytes.starts_with(b"\xef\xbb\xbf"), "spreadsheets take it for UTF-8");
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&bytes[3..]);
    for cell in reader.records().flat_map(|it| it.unwrap().iter().map(str::to_owned).collect::<Vec<_>>()) {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
    }
}

fn assert_no_formula_in_xlsx(bytes: &[u8]) {
    let mut book: Xlsx<_> = Xlsx::new(std::io::Cursor::new(bytes.to_vec())).unwrap();
    let name = book.sheet_names()[0].clone();
    assert!(book.worksheet_formula(&name).unwrap().cells().all(|it| it.2.is_empty()));
    let sheet = book.worksheet_range(&name).unwrap();
    assert!(sheet.rows().flatten().all(|it| matches!(it, Data::String(_) | Data::Empty)), "every cell is text");
    assert!(sheet.rows().flatten().any(|it| *it == Data::String("=1+1".into())));
}

#[tokio::test]
async fn an_export_has_the_own_area_only_and_the_known_formats_only() {
    let bed = Bed::district(Engine::Sqlite).await;
    let rows = [
        "张三,15400000001,,桂园街道办事处,负责人,防汛责任人,街道,440303001,桂园街道,主责,",
        "李四,15400000002,,黄贝街道办事处,负责人,防汛责任人,街道,440303002,黄贝街道,主责,",
    ];
    bed.people(&system(), &rows).await;
    let own = String::from_utf8(export::people(&bed.world, &clerk(STREET), "csv").await.unwrap()).unwrap();
    assert!(own.contains("张三") && !own.contains("李四"), "{own}");
    assert!(export::people(&bed.world, &clerk(STREET), "pdf").await.unwrap_err().to_string().contains("bad_format"));
    let nobody = Actor { scope: anlan_kernel::Scope::Regions(vec![]), ..system() };
    let empty = export::people(&bed.world, &nobody, "csv").await.unwrap();
    assert_eq!(String::from_utf8(empty).unwrap().lines().count(), 1);
}

#[tokio::test]
async fn organisations_and_shifts_name_what_is_wrong_as_well() {
    let bed = Bed::district(Engine::Sqlite).await;
    let organisations = "编号,名称,区划代码,类别,值班电话\n\
        a,甲,440303001,street,154 0000 0001\nb,乙,440303999,street,\n,丙,440303001,street,\nd,丁,440303001,,\n";
    let report = bed.import(&system(), "organisations", organisations.as_bytes(), "o.csv").await.unwrap();
    let found: Vec<_> = report.problems.iter().map(|it| (it.place.row, it.place.field.as_deref())).collect();
    assert_eq!(found, [(Some(3), Some("区划代码")), (Some(4), Some("编号")), (Some(5), Some("类别"))]);
    let taken = bed.read(&system(), |tx| tx.get::<Organisation>("a")).await.unwrap();
    assert_eq!(taken.duty_room_phone.as_deref(), Some("15400000001"));

    let shifts = "organisation_id,starts_at,ends_at,role,person_name,person_phone\n\
        a,2023-09-01T08:30:00+08:00,2023-09-02T08:30:00+08:00,主班,张三,\n\
        zz,2023-09-01T08:30:00+08:00,2023-09-02T08:30:00+08:00,主班,张三,\n\
        a,2023-09-01 08:30,2023-09-02T08:30:00+08:00,主班,张三,\n\
        a,2023-09-02T08:30:00+08:00,2023-09-01T08:30:00+08:00,主班,张三,\n\
        a,2023-09-01T08:30:00+08:00,2023-09-02T08:30:00+08:00,班长,张三,\n";
    let report = bed.import(&system(), "shifts", shifts.as_bytes(), "s.csv").await.unwrap();
    let found: Vec<_> = report.problems.iter().map(|it| (it.place.row, it.place.field.as_deref().unwrap())).collect();
    let wanted = [(Some(3), "organisation_id"), (Some(4), "starts_at"), (Some(5), "ends_at"), (Some(6), "role")];
    assert_eq!((report.taken, found.as_slice()), (1, wanted.as_slice()));

    let regions = "代码,名称,级别\n440303011,新街道,四\n4403o3,错,3\n";
    let report = bed.import(&system(), "regions", regions.as_bytes(), "r.csv").await.unwrap();
    let found: Vec<_> = report.problems.iter().map(|it| (it.place.row, it.place.field.as_deref().unwrap())).collect();
    assert_eq!(found, [(Some(2), "级别"), (Some(3), "代码")]);
}

/// A workbook whose shared strings are blanks without end; `told` is what it says itself of their length.
fn bomb(inflated: usize, told: Option<u32>) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("xl/sharedStrings.xml", zip::write::SimpleFileOptions::default()).unwrap();
    let blanks = vec![b' '; 1 << 20];
    (0..inflated).for_each(|_| std::io::Write::write_all(&mut zip, &blanks).unwrap());
    let mut bytes = zip.finish().unwrap().into_inner();
    if let Some(told) = told {
        let entry = bytes.windows(4).rposition(|it| it == b"PK\x01\x02").unwrap();
        // In the directory, and in front of the part itself.
        for at in [entry + 24, 22] {
            bytes[at..at + 4].copy_from_slice(&told.to_le_bytes());
        }
    }
    bytes
}

#[rstest]
#[case::that_says_so(None, "too_large", "64 MB")]
#[case::that_hides_it(Some(10), "not_a_table", "xlsx")]
#[tokio::test]
async fn a_file_that_inflates_beyond_all_measure_is_refused_in_words(
    #[case] told: Option<u32>,
    #[case] code: &str,
    #[case] words: &str,
) {
    let bed = Bed::new(Engine::Sqlite);
    refused(&bed, bomb(65, told), code, words).await;
}

/// A workbook with one part: so many times the same tags behind its first.
fn one_part(name: &str, first: &str, tags: &str, times: usize) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
    std::io::Write::write_all(&mut zip, first.as_bytes()).unwrap();
    std::io::Write::write_all(&mut zip, tags.repeat(times).as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}

#[rstest]
#[case::empty_texts("xl/sharedStrings.xml", "<sst>", "<si/>", 4_000_001, "xl/sharedstrings.xml")]
#[case::in_the_other_slashes("xl\\SharedStrings.xml", "<sst>", "<si/>", 4_000_001, "xl/sharedstrings.xml")]
#[case::fonts("xl/styles.xml", "<styleSheet><fonts>", "<font/>", 400_000, "xl/styles.xml")]
#[case::sheets("xl/workbook.xml", "<workbook><sheets>", "<sheet/>", 400_000, "xl/workbook.xml")]
#[case::texts_it_only_announces(
    "xl/sharedStrings.xml",
    "<sst uniqueCount = '100000000000'>",
    "",
    0,
    "xl/sharedstrings.xml"
)]
#[case::a_sheet_without_end("xl/worksheets/sheet1.xml", "<worksheet>", "        ", 33 << 20, "256 MB")]
#[tokio::test]
async fn a_small_file_of_which_too_many_objects_would_be_made_is_refused(
    #[case] name: &str,
    #[case] first: &str,
    #[case] tags: &str,
    #[case] times: usize,
    #[case] words: &str,
) {
    let bed = Bed::new(Engine::Sqlite);
    refused(&bed, one_part(name, first, tags, times), "too_large", words).await;
}

async fn refused(bed: &Bed, bytes: Vec<u8>, code: &str, words: &str) {
    assert!(bytes.len() < 1 << 20, "a small file: {}", bytes.len());
    match bed.import(&system(), "people", &bytes, "people.xlsx").await {
        Err(StoreError::Refused(it)) => {
            assert_eq!(it.code, code);
            assert!(it.message.zh.contains(words) && it.message.en.contains(words), "{it:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_titles_of_the_tests_are_those_of_the_demo() {
    let demo = String::from_utf8(crate::bed::demo("saola/people.csv")).unwrap();
    assert_eq!(demo.lines().next(), table(&[]).lines().next());
}
