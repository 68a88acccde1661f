//! The register over HTTP: who may, what is masked, what is journaled, what is refused.

use anlan_store::journal;
use anlan_testbed::Engine;
use axum::http::Method;
use rstest::rstest;

use crate::bed::{Bed, DISTRICT, OTHER, STREET, demo, system, table};

const ROWS: [&str; 2] = [
    "张三丰,15400000001,15400000011,桂园街道办事处,负责人,防汛责任人,街道,440303001,桂园街道,主责,",
    "李四,15400000002,,黄贝街道办事处,负责人,防汛责任人,街道,440303002,黄贝街道,主责,",
];
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// Something in the first and in the last place of a sheet.
static WIDE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write_string(0, 0, "姓名").unwrap().write_string(1_048_575, 16_383, "x").unwrap();
    book.save_to_buffer().unwrap()
});

async fn events(bed: &Bed) -> Vec<(String, String, String)> {
    while journal::seal(&bed.world, None).await.unwrap() > 0 {}
    let entries = journal::after(&bed.world, &system(), 0, 100_000).await.unwrap();
    entries.into_iter().map(|it| (it.actor, it.event, it.subject)).collect()
}

#[rstest]
#[tokio::test]
async fn lists_are_masked_and_a_look_at_a_number_is_journaled(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::district(engine).await;
    bed.people(&system(), &ROWS).await;
    let officer = bed.caller("street_officer", STREET).await;
    let list = officer.get("/api/v1/people").await.json();
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "the own street only: {list}");
    assert_eq!((items[0]["phone"].as_str(), items[0]["posts"].as_i64()), (Some("154****0001"), Some(1)));
    assert!(!list.to_string().contains("15400000001") && !list.to_string().contains("15400000011"));
    let page = officer.get("/people").await;
    assert!(page.status == 200 && page.text().contains("154****0001") && !page.text().contains("15400000001"));

    let id = items[0]["id"].as_str().unwrap();
    let path = format!("/api/v1/people/{id}/unmask");
    let clear = officer.post(&path, "").await;
    assert_eq!((clear.status, clear.json()["phone"].as_str()), (200, Some("15400000001")));
    assert_eq!(clear.json()["spare"], "15400000011");
    let looks: Vec<_> = events(&bed).await.into_iter().filter(|it| it.1 == "person.unmasked").collect();
    assert_eq!(looks, [("user:street-officer-440303001".to_owned(), "person.unmasked".to_owned(), id.to_owned())]);

    let other = bed.caller("street_officer", OTHER).await;
    assert_eq!(other.post(&path, "").await.status, 404, "not outside the own duty area");
    assert_eq!(bed.stranger().post(&path, "").await.status, 401);
    let admin = bed.caller("system_admin", DISTRICT).await;
    assert_eq!(admin.post(&path, "").await.status, 403);
    assert_eq!(admin.get("/api/v1/people").await.status, 403);
}

#[rstest]
#[tokio::test]
async fn lists_are_searched_and_read_in_pages(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::district(engine).await;
    bed.people(&system(), &ROWS).await;
    let officer = bed.caller("duty_officer", DISTRICT).await;
    let first = officer.get("/api/v1/people?limit=1").await.json();
    let cursor = first["next"].as_str().unwrap().replace(':', "%3A");
    let second = officer.get(&format!("/api/v1/people?limit=1&cursor={cursor}")).await.json();
    assert_ne!(first["items"][0]["id"], second["items"][0]["id"]);
    let found = officer.get("/api/v1/people?q=%E6%9D%8E").await.json();
    assert_eq!((found["items"].as_array().unwrap().len(), &found["next"]), (1, &serde_json::Value::Null));
    let check = officer.get("/api/v1/people/check").await.json();
    assert!(check["items"].as_array().unwrap().iter().any(|it| it["kind"] == "nobody"), "{check}");
    assert_eq!(officer.get("/people/check").await.status, 200);
    let sheet = officer.get("/people/export.xlsx").await;
    assert_eq!((sheet.status, sheet.headers["content-type"].to_str().unwrap()), (200, XLSX));
    assert!(events(&bed).await.iter().any(|it| it.1 == "people.exported"), "taking a roster out is journaled");
}

#[rstest]
#[case::the_whole_number("15400000001", 1)]
#[case::the_whole_spare_number("154%200000%200011", 1)]
#[case::the_last_four("0011", 1)]
#[case::the_last_three_of_both("001", 1)]
#[case::what_a_mask_hides("00001", 0)]
#[case::the_beginning("154", 0)]
#[case::the_middle("00000", 0)]
#[case::a_pattern("154____0001", 0)]
#[case::a_pattern_of_the_end("%25001", 0)]
#[case::a_part_of_a_name("%E4%B8%89", 1)]
#[case::nobody("%E7%8E%8B", 0)]
#[tokio::test]
async fn a_masked_number_is_not_found_by_a_part_of_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[case] words: &str,
    #[case] found: usize,
) {
    let bed = Bed::district(engine).await;
    bed.people(&system(), &ROWS).await;
    let officer = bed.caller("duty_officer", DISTRICT).await;
    let list = officer.get(&format!("/api/v1/people?q={words}")).await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), found, "{list}");
}

#[rstest]
#[tokio::test]
async fn a_roster_comes_in_over_http(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::district(engine).await;
    let keeper = bed.caller("register_keeper", DISTRICT).await;
    let path = "/api/v1/import/people?file=people.xlsx";
    let file = demo("fixtures/people-with-faults.xlsx");
    let dry = keeper.send(Method::POST, &format!("{path}&dry_run=1"), XLSX, file.clone()).await;
    assert_eq!((dry.status, dry.json()["taken"].as_i64(), bed.everybody().await.len()), (200, Some(351), 0));
    let taken = keeper.send(Method::POST, path, XLSX, file).await.json();
    assert_eq!((taken["new"].as_i64(), taken["problems"].as_array().unwrap().len()), (Some(351), 5));
    assert_eq!((&taken["problems"][0]["row"], &taken["problems"][0]["field"]), (&253.into(), &"责任区代码".into()));
    let officer = bed.caller("duty_officer", DISTRICT).await;
    assert_eq!(officer.post("/api/v1/import/people", table(&ROWS)).await.status, 403);
}

#[rstest]
#[case::unknown_kind("/api/v1/import/animals", "text/csv", "姓名\n".as_bytes(), 400, "bad_kind")]
#[case::empty("/api/v1/import/people", "text/csv", b"", 400, "bad_body")]
#[case::no_titles("/api/v1/import/people", "text/csv", b"1,2\n3,4\n", 400, "bad_sheet")]
#[case::not_an_xlsx("/api/v1/import/people?file=a.xlsx", XLSX, b"hello", 400, "not_a_table")]
#[case::torn("/api/v1/import/people", XLSX, b"PK\x03\x04torn", 400, "not_a_table")]
#[case::a_sheet_without_end("/api/v1/import/people", XLSX, &WIDE, 413, "too_large")]
#[case::zeros("/api/v1/import/people", "text/csv", &[0; 100], 400, "bad_sheet")]
#[case::form("/api/v1/import/people", "multipart/form-data; boundary=x", b"--x--", 415, "bad_content_type")]
#[case::json("/api/v1/import/people", "application/json", b"[]", 415, "bad_content_type")]
#[tokio::test]
async fn a_bad_upload_is_a_problem_in_the_callers_language(
    #[case] path: &str,
    #[case] kind: &str,
    #[case] body: &[u8],
    #[case] status: u16,
    #[case] code: &str,
) {
    let bed = Bed::new(Engine::Sqlite);
    let keeper = bed.caller("register_keeper", DISTRICT).await;
    let zh = keeper.send(Method::POST, path, kind, body.to_vec()).await;
    let en = keeper.in_english().send(Method::POST, path, kind, body.to_vec()).await;
    assert_eq!((zh.refusal(), en.refusal()), ((status, code.to_owned()), (status, code.to_owned())));
    assert_eq!(zh.headers["content-type"], "application/problem+json");
    let (zh, en) = (zh.json()["detail"].clone(), en.json()["detail"].clone());
    let chinese = |it: &str| it.chars().any(|it| ('\u{4e00}'..='\u{9fff}').contains(&it));
    assert!(chinese(zh.as_str().unwrap()) && zh != en, "{zh} {en}");
}

#[rstest]
#[tokio::test]
async fn an_erasure_needs_the_right_and_the_own_area(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::district(engine).await;
    bed.people(&system(), &ROWS).await;
    let id = bed.everybody().await[0].id.clone();
    let path = format!("/api/v1/people/{id}/erase");
    let officer = bed.caller("duty_officer", DISTRICT).await;
    assert_eq!(officer.post(&path, "").await.status, 403);
    let other = bed.caller("register_keeper", OTHER).await;
    assert_eq!(other.post(&path, "").await.status, 404);
    let keeper = bed.caller("register_keeper", STREET).await;
    let done = keeper.post(&path, "").await;
    assert_eq!((done.status, done.json()["erased"].as_bool()), (200, Some(true)));
    assert_eq!(keeper.get("/api/v1/people").await.json()["items"].as_array().unwrap().len(), 0);
    assert_eq!(keeper.post("/api/v1/people/person:none/erase", "").await.status, 404);
}
