//! Taking, undoing, and what must not happen on the way.

use anlan_register::{
    records::{Batch, Cause, Draft, write},
    transfer::{self, Choices, table::Table},
};
use anlan_store::{Event, Tx, Urgency, deadline};
use anlan_testbed::Engine;
use axum::http::Method;
use rstest::rstest;
use serde_json::json;

use super::bed::{Room, choose, clerk, counts, did, dropped, path_of, refused, taken, undone};
use crate::bed::{OTHER, STREET, system};

const SHOPS: &str = "编号,名称,街道,从业人员,负责人,负责人电话\n\
    P000001,一店,桂园街道,3,张三,15400000001\n\
    P000002,二店,桂园街道,5,李四,15400000002\n\
    P000003,三店,黄贝街道,7,王五,15400000003\n";

/// Changes a record by hand.
async fn by_hand(room: &Room, key: &'static str, name: &'static str) {
    let record = room.records("shop").await[key].clone();
    let (catalog, cause) = (room.register.catalog(), Cause::entered(None));
    let change = move |tx: &mut Tx<'_>| {
        let kind = catalog.kind("shop").unwrap();
        let mut values = record.values();
        values.insert("name".into(), json!(name));
        let draft = Draft { region: Some(record.region.clone()), values, place: None, owner: None };
        let ready = write::prepare(&catalog, kind, draft, Some(&record), &cause, "user:hand", tx.now()).unwrap();
        write::write(tx, &catalog, kind, ready, &cause).map(drop)
    };
    room.world.write("test", Urgency::Urgent, &system(), change).await.unwrap();
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_undone_import_leaves_what_was_changed_since(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let room = Room::new(engine).await;
    let keeper = room.keeper().await;
    taken(&keeper, &dropped(&keeper, "shop", "a.csv", SHOPS).await).await;
    let before = room.stands().await;

    let second = SHOPS.replace(",3,张三", ",33,张三丰").replace(",7,王五,15400000003", ",77,王五,15400000033")
        + "P000004,四店,桂园街道,9,赵六,15400000004\nP000005,五店,桂园街道,1,,\n";
    let waiting = dropped(&keeper, "shop", "b.csv", second).await;
    assert_eq!(counts(&waiting), [2, 2, 1, 0]);
    let example = waiting["findings"]["examples"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["became"] == "changed")
        .unwrap()
        .clone();
    let change = |field: &str| {
        example["differences"].as_array().unwrap().iter().find(|it| it["field"] == field).cloned().unwrap()
    };
    assert_eq!((&change("从业人员")["before"], &change("从业人员")["after"]), (&json!("3"), &json!("33")));
    let batch = taken(&keeper, &waiting).await;
    assert_eq!(did(&batch), [2, 2, 1, 0]);
    by_hand(&room, "P000004", "四店改").await;
    by_hand(&room, "P000003", "三店改").await;

    let undone = undone(&keeper, &batch).await;
    let records = room.records("shop").await;
    let left: Vec<&str> = undone["left"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    let mut wanted = [records["P000003"].id.as_str(), records["P000004"].id.as_str()];
    wanted.sort_unstable();
    let mut left = left;
    left.sort_unstable();
    assert_eq!(left, wanted);
    assert_eq!(records["P000001"].fields["staff"].as_f64(), Some(3.0));
    assert_eq!(
        records["P000001"].personal.as_ref().unwrap()["keeper"],
        "张三",
        "sealed in the journal, and restored from there"
    );
    assert!(!records.contains_key("P000005") && records["P000004"].name.as_deref() == Some("四店改"));
    let again = keeper.post(&format!("/api/v1/imports/{}/undo", batch["id"].as_str().unwrap()), "").await;
    assert_eq!(again.refusal(), (409, "undone_already".to_owned()));
    assert_ne!(room.stands().await, before, "what was changed by hand stays");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_import_its_process_did_not_survive_is_undone_at_the_next_start(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let room = Room::new(engine).await;
    let keeper = room.keeper().await;
    taken(&keeper, &dropped(&keeper, "shop", "a.csv", SHOPS).await).await;
    let before = room.stands().await;
    let batch = taken(
        &keeper,
        &dropped(&keeper, "shop", "b.csv", SHOPS.replace("店,", "铺,") + "P000009,九铺,桂园街道,1,,\n").await,
    )
    .await;
    assert_eq!(did(&batch), [1, 3, 0, 0]);
    // As a process leaves it that ended before the last word.
    let id = batch["id"].as_str().unwrap().to_owned();
    let half = move |tx: &mut Tx<'_>| {
        let batch = tx.get::<Batch>(&id)?.unwrap();
        tx.put(&Batch { state: "running".into(), ..batch })?;
        tx.record(Event::new("test.made", "test"))
    };
    room.world.write("test", Urgency::Urgent, &system(), half).await.unwrap();
    assert_eq!(transfer::undo_unfinished(&room.register).await.unwrap(), 1);
    assert_eq!(room.stands().await, before);
    assert_eq!(transfer::undo_unfinished(&room.register).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_takes_a_file_in_one_go_and_a_dry_run_writes_nothing() {
    let room = Room::new(Engine::Sqlite).await;
    let before = room.stands().await;
    let rows: String = (0..1_200).map(|it| format!("P{it:06},店{it},桂园街道\n")).collect();
    let text = format!("编号,名称,街道,颜色\n{rows}X,坏,桂园街道\n");
    let run = async |dry| {
        transfer::run(
            &room.register,
            &clerk(system()),
            "shop",
            text.clone().into_bytes(),
            "a.csv",
            Choices::default(),
            dry,
        )
        .await
        .unwrap()
    };
    let dry = run(true).await;
    assert_eq!((dry.counts.new, dry.counts.refused, dry.mend.is_some()), (1_200, 1, false));
    assert_eq!(room.stands().await, before);
    let report = run(false).await;
    assert_eq!((report.counts.new, report.counts.refused, report.mend.is_some()), (1_200, 1, true));
    assert_eq!((report.problems[0].place.row, report.unknown), (Some(1_202), vec!["颜色".to_owned()]));
    assert_eq!(room.records("shop").await.len(), 1_200);
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_cells_leave_what_stood_there_unless_somebody_says_otherwise() {
    let room = Room::new(Engine::Sqlite).await;
    let keeper = room.keeper().await;
    taken(&keeper, &dropped(&keeper, "shop", "a.csv", SHOPS).await).await;
    let blank = SHOPS.replace(",3,", ",,").replace(",5,", ",,").replace(",7,", ",,");
    let waiting = dropped(&keeper, "shop", "b.csv", blank).await;
    assert_eq!(counts(&waiting), [0, 0, 3, 0]);
    let waiting = choose(&keeper, &waiting, json!({"blanks": true})).await;
    assert_eq!(counts(&waiting), [0, 3, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clerk_takes_into_the_own_street_only_and_nobody_sees_anothers_file() {
    let room = Room::new(Engine::Sqlite).await;
    let (keeper, street) = (room.keeper().await, room.caller("street_officer", OTHER).await);
    taken(&keeper, &dropped(&keeper, "shop", "a.csv", SHOPS).await).await;
    let waiting =
        dropped(&street, "shop", "b.csv", SHOPS.replace(",桂园街道,3", ",黄贝街道,4").replace(",7,", ",8,")).await;
    // A record of another street cannot be taken over, and one that lies there is not the clerk's.
    assert_eq!(
        (counts(&waiting), refused(&waiting)),
        ([0, 1, 0, 2], [(2, vec!["taken".to_owned()]), (3, vec!["out_of_scope".to_owned()])].into())
    );
    let own = path_of(&waiting);
    assert_eq!(keeper.get(&own).await.refusal(), (404, "no_such_draft".to_owned()));
    assert_eq!(anlan_testbed::Caller::stranger(&room.app).get(&own).await.status, 401);
    let duty = room.caller("duty_officer", "440303").await;
    for (method, path) in [
        (Method::GET, own.clone()),
        (Method::POST, format!("{own}/take")),
        (Method::POST, "/api/v1/register/shop/import".to_owned()),
        (Method::GET, "/register/shop/template.xlsx".to_owned()),
    ] {
        assert_eq!(duty.send(method, &path, "", "").await.status, 403, "{path}");
    }
    let batch = taken(&street, &waiting).await;
    assert_eq!(did(&batch), [0, 1, 0, 2]);
    let id = batch["id"].as_str().unwrap();
    let other = room.caller("street_officer", STREET).await;
    assert_eq!(other.get(&format!("/api/v1/imports/{id}")).await.status, 404);
    assert_eq!(other.post(&format!("/api/v1/imports/{id}/undo"), "").await.status, 404);
    assert_eq!(keeper.get("/api/v1/register/shop/imports").await.json()["items"].as_array().unwrap().len(), 2);
    assert_eq!(undone(&keeper, &batch).await["left"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_waits_a_day_and_its_columns_are_remembered() {
    let room = Room::new(Engine::Sqlite).await;
    let keeper = room.keeper().await;
    let text = "编号,门头,街道\nP000001,一店,桂园街道\nP000002,二店,桂园街道\n";
    let waiting = dropped(&keeper, "shop", "a.csv", text).await;
    assert_eq!(counts(&waiting), [0, 0, 0, 2], "nobody knows which column holds the name");
    assert_eq!(waiting["findings"]["wanting"][0]["zh"], "名称");
    let waiting = choose(&keeper, &waiting, json!({"columns": [null, "f.name"]})).await;
    assert_eq!(counts(&waiting), [2, 0, 0, 0], "{waiting}");
    let next = dropped(&keeper, "shop", "next-month.csv", text.replace("一店", "壹店")).await;
    assert_eq!(counts(&next), [2, 0, 0, 0], "the same titles are known by themselves");

    let clock = room.world.clock().clone();
    clock.move_to(clock.now().plus(std::time::Duration::from_secs(24 * 3_600 + 1)));
    assert_eq!(keeper.get(&path_of(&waiting)).await.status, 404);
    deadline::fire_due(&room.world, &transfer::handlers(&room.world), None).await.unwrap();
    let left = std::fs::read_dir(room.world.dir().join("drafts")).unwrap().count();
    assert_eq!(left, 0, "nothing of it is left on the disk");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_sealed_on_the_disk() {
    let room = Room::new(Engine::Sqlite).await;
    let waiting = dropped(&room.keeper().await, "shop", "a.csv", SHOPS).await;
    assert_eq!(waiting["state"], "ready");
    for file in std::fs::read_dir(room.world.dir().join("drafts")).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(
            !String::from_utf8_lossy(&bytes).contains("张三")
                && !String::from_utf8_lossy(&bytes).contains("15400000001")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_kind_without_a_key_are_known_by_what_they_say() {
    let room = Room::new(Engine::Sqlite).await;
    let keeper = room.keeper().await;
    let text = "事项,内容,区划代码\n巡查,东侧,440303001\n巡查,西侧,440303001\n";
    assert_eq!(did(&taken(&keeper, &dropped(&keeper, "remark", "a.csv", text).await).await), [2, 0, 0, 0]);
    let again = dropped(&keeper, "remark", "a.csv", text).await;
    assert_eq!(counts(&again), [0, 0, 2, 0]);
}

#[rstest]
#[case::old_excel(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec(), "old_format")]
#[case::pdf(b"%PDF-1.7".to_vec(), "not_a_table")]
#[case::nothing(Vec::new(), "bad_body")]
#[case::broken_zip(b"PK\x03\x04broken".to_vec(), "broken_archive")]
#[case::neither_encoding(b"\xe7\xbc\x96\xff\xff,a\n\xff\xff\xff".to_vec(), "bad_encoding")]
#[case::not_json(b"{no json".to_vec(), "not_json")]
#[case::binary(b"\x00\x01\x02".to_vec(), "not_a_table")]
#[tokio::test]
async fn files_that_are_none_are_told_so(#[case] bytes: Vec<u8>, #[case] code: &str) {
    let room = Room::new(Engine::Sqlite).await;
    let reply = room.keeper().await.post("/api/v1/register/shop/import?file=x.csv", bytes).await;
    assert_eq!(reply.refusal(), (400, code.to_owned()), "{}", reply.text());
}

#[tokio::test]
async fn gbk_and_open_quotes_and_macros_are_read() {
    let gbk = encoding_rs::GB18030.encode(SHOPS).0.into_owned();
    let (mut rows, mut fault) = (0, 0);
    let table = Table::open(gbk, "a.csv").unwrap();
    table
        .each(0, &mut |it| {
            rows += usize::from(it.cells.iter().any(|it| it == "桂园街道"));
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(rows, 2);
    let open = SHOPS.replace("二店", "\"二店");
    Table::open(open.into_bytes(), "a.csv")
        .unwrap()
        .each(0, &mut |it| {
            fault += usize::from(it.fault.is_some());
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(fault, 1, "an open quote costs its own row only");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn no_bytes_break_the_reader(head in 0..6_usize, bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
        let heads: [&[u8]; 6] = [b"", b"PK\x03\x04", b"{\"type\":\"FeatureCollection\",\"features\":[", b"<kml>", b"\xef\xbb\xbf\xe7\xbc\x96,", b"\"a\n"];
        let bytes = [heads[head], &bytes].concat();
        if let Ok(table) = Table::open(bytes, "x") {
            for sheet in 0..table.sheets.len() {
                let _ = (table.head(sheet).is_ok(), table.each(sheet, &mut |_| std::ops::ControlFlow::Continue(())));
            }
        }
    }

    #[test]
    fn no_change_of_a_byte_breaks_the_reader_of_a_workbook(at in 0..100_000_usize, byte in proptest::prelude::any::<u8>()) {
        let mut bytes = small();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(table) = Table::open(bytes, "x.xlsx") {
            for sheet in 0..table.sheets.len() {
                let _ = (table.head(sheet).is_ok(), table.each(sheet, &mut |_| std::ops::ControlFlow::Continue(())));
            }
        }
    }
}

fn small() -> Vec<u8> {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    sheet.merge_range(0, 0, 0, 3, "题", &rust_xlsxwriter::Format::new()).unwrap();
    for column in 0..4 {
        sheet.write_string(1, column, "编号").unwrap().write_number(2, column, 1.5).unwrap();
    }
    book.save_to_buffer().unwrap()
}
