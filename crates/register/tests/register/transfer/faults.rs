//! Many rows with faults of every sort planted among them: exactly those come back.

use std::{collections::BTreeSet, io::Cursor};

use anlan_testbed::Engine;
use calamine::{Data, Reader, Xlsx};
use rstest::rstest;
use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook, Worksheet};

use super::bed::{Room, counts, did, dropped, taken, undone};

/// The code a fault is told by.
const FAULTS: [&str; 20] = [
    "required",
    "bad_form",
    "bad_number",
    "bad_date",
    "bad_choice",
    "twice_in_file",
    "unknown_region",
    "half_place",
    "latitude_range",
    "too_long",
    "bad_answer",
    "unknown_reference",
    "cell_error",
    "check",
    "bad_form",
    "too_small",
    "bad_form",
    "twice_in_file",
    "not_a_number",
    "bad_datum",
];
const TITLES: [&str; 16] = [
    "序号",
    "编号*",
    "名称*",
    "类型",
    "从业人员（人）",
    "注册资本(元)",
    "开业日期",
    "停业日期",
    "使用燃气",
    "电表号",
    "主管部门",
    "负责人",
    "负责人电话",
    "街道",
    "经度",
    "纬度",
];

/// A bureau's sheet of shops: a title over all columns, groups above some titles, numbers, dates and formulas in cells.
struct Sheet {
    bytes: Vec<u8>,
    faulty: BTreeSet<u64>,
}

fn sheet(rows: usize, faults: usize) -> Sheet {
    let (mut sheet, plain) = (Worksheet::new(), Format::new());
    let day = Format::new().set_num_format("yyyy/m/d");
    sheet.merge_range(0, 0, 0, 16, "罗湖区店铺台账（2026年）", &plain).unwrap();
    sheet.merge_range(1, 0, 1, 2, "基本情况", &plain).unwrap();
    sheet.merge_range(1, 14, 1, 16, "位置", &plain).unwrap();
    for (at, title) in (0..).zip(TITLES.iter().chain(&["坐标系"])) {
        sheet.write_string(2, at, *title).unwrap();
    }
    let every = rows / faults;
    let mut faulty = BTreeSet::new();
    for at in 0..rows {
        let line = u32::try_from(at).unwrap() + 3;
        let fault = (at % every == every - 1 && faulty.len() < faults).then(|| {
            faulty.insert(u64::from(line) + 1);
            (faulty.len() - 1) % FAULTS.len()
        });
        let is = |number: usize| fault == Some(number);
        let put = |sheet: &mut Worksheet, column: u16, text: &str| {
            sheet.write_string(line, column, text).unwrap();
        };
        let number = |sheet: &mut Worksheet, column: u16, number: f64| {
            sheet.write_number(line, column, number).unwrap();
        };
        let street = ["桂园街道", "黄贝街道办事处", "桂园"][at % 3];
        let (west, own) = (114.102 + (at % 16) as f64 / 1_000.0, if at % 3 == 1 { 0.02 } else { 0.0 });
        number(&mut sheet, 0, at as f64 + 1.0);
        // The last row's twin.
        put(
            &mut sheet,
            1,
            &if is(14) { "编号待定".to_owned() } else { format!("P{:06}", if is(5) { at - 1 } else { at }) },
        );
        put(
            &mut sheet,
            2,
            &if is(0) {
                String::new()
            } else if is(9) {
                "长".repeat(21)
            } else {
                format!("第{at}号店")
            },
        );
        put(&mut sheet, 3, if is(4) { "酒吧" } else { ["餐饮", "饭店", "超市", "零售 / 超市", "B1"][at % 5] });
        match () {
            () if is(2) => put(&mut sheet, 4, "二十人"),
            () if is(12) => put(&mut sheet, 4, "#REF!"),
            () if is(15) => number(&mut sheet, 4, -3.0),
            () if at % 2 == 0 => {
                sheet.write_formula(line, 4, Formula::new("=SUM(1,2)").set_result("3")).unwrap();
            }
            () => put(&mut sheet, 4, ["12", "约20人", "1,200"][at % 3]),
        }
        put(&mut sheet, 5, ["3.5万", "50万元", "￥1,234.56"][at % 3]);
        if is(3) {
            put(&mut sheet, 6, "2026-02-30");
        } else if at % 2 == 0 {
            sheet.write_datetime_with_format(line, 6, ExcelDateTime::from_ymd(2020, 5, 1).unwrap(), &day).unwrap();
        } else {
            put(&mut sheet, 6, ["2020年5月1日", "2020.5.1", "20200501"][at % 3]);
        }
        put(&mut sheet, 7, if is(13) { "2019-01-01" } else { "" });
        put(&mut sheet, 8, if is(10) { "也许" } else { ["是", "否", "有", "√", "无"][at % 5] });
        put(&mut sheet, 9, &format!("M{}", if is(17) { at - 1 } else { at }));
        put(&mut sheet, 10, if is(11) { "不存在的局" } else { "罗湖区水务局" });
        put(&mut sheet, 11, "张三");
        put(&mut sheet, 12, &if is(1) || is(16) { "1380".to_owned() } else { format!("154{:08}", at) });
        put(&mut sheet, 13, if is(6) { "蓬莱街道" } else { street });
        put(&mut sheet, 14, &if is(18) { "东经".to_owned() } else { format!("{:.6}", west + own) });
        put(
            &mut sheet,
            15,
            &if is(7) {
                String::new()
            } else if is(8) {
                "95.5".to_owned()
            } else {
                "22.545".to_owned()
            },
        );
        put(&mut sheet, 16, if is(19) { "北京54" } else { "WGS84" });
    }
    let last = u32::try_from(rows).unwrap() + 3;
    sheet.write_string(last, 0, "合计").unwrap();
    sheet.write_number(last, 4, 123).unwrap();
    let mut book = Workbook::new();
    let mut notes = Worksheet::new();
    notes.set_name("填表说明").unwrap().write_string(0, 0, "请如实填写").unwrap();
    book.push_worksheet(notes);
    book.push_worksheet(sheet);
    Sheet { bytes: book.save_to_buffer().unwrap(), faulty }
}

/// Rows of a workbook below its titles, as texts.
fn rows(bytes: Vec<u8>) -> Vec<Vec<String>> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
    let name = book.sheet_names()[0].clone();
    let range = book.worksheet_range(&name).unwrap();
    range.rows().map(|it| it.iter().map(Data::to_string).collect()).collect()
}

/// The whole register of a district with `ANLAN_FULL=1`.
fn size() -> (usize, usize) {
    if std::env::var_os("ANLAN_FULL").is_some() { (28_694, 300) } else { (2_000, 30) }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn exactly_the_faulty_rows_come_back_and_all_others_are_taken(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (all, faults) = size();
    let good = (all - faults) as u64;
    let (room, made) = (Room::new(engine).await, sheet(all, faults));
    let keeper = room.keeper().await;
    let empty = room.stands().await;
    let waiting = dropped(&keeper, "shop", "shops.xlsx", made.bytes.clone()).await;
    assert_eq!(counts(&waiting), [good, 0, 0, faults as u64]);
    assert_eq!((waiting["findings"]["sheet"].as_u64(), waiting["findings"]["titles_at"].as_u64()), (Some(1), Some(3)));
    assert_eq!(waiting["findings"]["counts"]["skipped"], 1, "the row of sums");
    assert_eq!(room.stands().await, empty, "nothing is written before it is taken");

    let batch = taken(&keeper, &waiting).await;
    assert_eq!(did(&batch), [good, 0, 0, faults as u64]);
    let records = room.records("shop").await;
    assert_eq!(records.len() as u64, good);
    let first = &records["P000000"];
    assert_eq!((first.fields["staff"].as_f64(), first.fields["capital"].as_f64()), (Some(3.0), Some(35_000.0)));
    assert_eq!((first.fields["opened"].as_str(), first.fields["class"].as_str()), (Some("2020-05-01"), Some("A")));
    assert_eq!((first.fields["unit"].as_str(), first.region.as_str()), (Some("luohu-water"), "440303001"));
    assert_eq!(first.batch.as_deref(), batch["id"].as_str());

    let mend = keeper.get(&format!("/register/shop/import/{}/mend.xlsx", batch["id"].as_str().unwrap())).await;
    assert_eq!(mend.status, 200, "{}", mend.text());
    let back = rows(mend.body.clone());
    let why: Vec<&str> = back[3..].iter().map(|it| it.last().unwrap().as_str()).collect();
    let told: BTreeSet<u64> =
        why.iter().map(|it| it.trim_start_matches('第').split(' ').nth(1).unwrap().parse().unwrap()).collect();
    assert_eq!(told, made.faulty);
    assert_eq!((back[2][1].as_str(), back[2].last().map(String::as_str)), ("编号*", Some("需修改原因")));

    // As they came they are refused again, and nobody else changes.
    let again = dropped(&keeper, "shop", "mend.xlsx", mend.body).await;
    let [new, changed, same, refused] = counts(&again);
    // Twins of rows that were taken say something else of them now.
    assert_eq!((new, same, changed + refused), (0, 0, faults as u64), "{again}");
    let repeated = dropped(&keeper, "shop", "shops.xlsx", made.bytes).await;
    assert_eq!(counts(&repeated), [0, 0, good, faults as u64]);
    let before = room.stands().await;
    assert_eq!(did(&taken(&keeper, &repeated).await), [0, 0, good, faults as u64]);
    assert_eq!(room.stands().await, before, "a repeated file changes nothing");

    let undone = undone(&keeper, &batch).await;
    assert_eq!((undone["state"].as_str(), undone["left"].as_array().map(Vec::len)), (Some("undone"), Some(0)));
    assert_eq!(room.stands().await, empty, "undone, it leaves no trace but the journal's");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_told_by_its_own_code() {
    let (room, made) = (Room::new(Engine::Sqlite).await, sheet(200, 20));
    let keeper = room.keeper().await;
    let waiting = dropped(&keeper, "shop", "shops.xlsx", made.bytes).await;
    let refused = super::bed::refused(&waiting);
    let told: Vec<String> = refused.values().map(|it| it.join(" ")).collect();
    assert_eq!(told, FAULTS, "{refused:?}");
}
