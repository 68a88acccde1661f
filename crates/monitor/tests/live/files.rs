//! Files of stations and observations: by title, with places, wrong rows kept and handed back.

use anlan_kernel::{Actor, RegionCode, Scope};
use anlan_monitor::{Station, ingest, stations::Imported};
use anlan_register::{export, import::sheet};
use anlan_testbed::Engine;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rstest::rstest;
use serde_json::Value as Json;

use crate::bed::{Bed, at};

const TITLES: &str = "observed_at,station_id,quantity,value,unit,quality,received_at\n";

/// Rows of a csv as an xlsx.
fn xlsx(csv: &str) -> Vec<u8> {
    let table: Vec<Vec<String>> = csv.lines().map(|it| it.split(',').map(str::to_owned).collect()).collect();
    export::xlsx(&table).unwrap()
}

/// The first two cells and the last of each row handed back.
fn handed_back(sheet: &[u8]) -> Vec<[String; 3]> {
    const COLUMNS: &[sheet::Column] = &[("why", &["错误原因"]), ("station", &["station_id", "站号"])];
    let sheet = sheet::read(sheet, "errors.xlsx", COLUMNS).unwrap();
    let ends = |it: &sheet::Row| [it.cells[0].clone(), it.cells[1].clone(), it.cells.last().unwrap().clone()];
    sheet.rows.iter().map(ends).collect()
}

async fn take(bed: &Bed, bytes: &[u8]) -> ingest::Filed {
    ingest::file(&bed.monitor, "night.csv", bytes, false).await.unwrap()
}

fn raw(kept: &Json) -> Vec<u8> {
    let raw = kept["raw"].as_str().unwrap();
    if kept["base64"] == true { STANDARD.decode(raw).unwrap() } else { raw.as_bytes().to_vec() }
}

#[rstest]
#[tokio::test]
async fn a_wrong_row_is_kept_as_it_stands_with_its_line(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::new(engine).await;
    let admin = bed.officer("system_admin").await;
    let row = |station: &str, second: u64| format!("{},{station},water_level,1.50,m,,\n", at(second).to_rfc3339());
    let mut csv = TITLES.to_owned() + "\n";
    (0..10_001).for_each(|second| csv += &row("bridge", second % 600));
    csv += &row("nowhere", 5);
    csv += "2023-09-01T11:59:00+08:00,bridge,water_level,2,m,,2023-09-01T11:40:00+08:00\n";
    let filed = take(&bed, csv.as_bytes()).await;
    assert_eq!((filed.answer.taken, filed.answer.duplicates), (600, 9_401));
    let places: Vec<_> =
        filed.answer.refused.iter().map(|it| (it.code.as_str(), it.place.line, it.place.index)).collect();
    assert_eq!(places, [("unknown_station", Some(10_004), None), ("bad_clock", Some(10_005), None)]);
    let mut kept = bed.rejected(&admin).await;
    kept.sort_by_key(|it| it["problem"]["line"].as_u64());
    assert_eq!((kept[0]["problem"]["line"].as_u64(), raw(&kept[0])), (Some(10_004), row("nowhere", 5).trim().into()));
    assert!(raw(&kept[1]).ends_with(b",2023-09-01T11:40:00+08:00"), "when it was received is looked at: {}", kept[1]);
    let back = handed_back(&filed.errors_xlsx.unwrap());
    assert!(back.len() == 2 && back[0][1] == "nowhere" && back[0][2].starts_with("第10004行"), "{back:?}");
}

#[rstest]
#[case::gbk("观测时间,站号,要素,数值,单位\n2023-09-01T11:59:00+08:00,龙江桥,water_level,1,m\n", true)]
#[case::utf8("观测时间,站号,要素,数值,单位\n2023-09-01T11:59:00+08:00,龙江桥,water_level,1,m\n", false)]
#[case::open_quote(
    "observed_at,station_id,quantity,value,unit\n2023-09-01T11:59:00+08:00,\"bridge,water_level,1,m\n",
    false
)]
#[tokio::test]
async fn a_refused_row_is_kept_in_the_bytes_of_the_file(#[case] text: &str, #[case] gbk: bool) {
    let bed = Bed::new(Engine::Sqlite).await;
    let admin = bed.officer("system_admin").await;
    let bytes = if gbk { encoding_rs::GBK.encode(text).0.into_owned() } else { text.as_bytes().to_vec() };
    let filed = take(&bed, &bytes).await;
    assert_eq!((filed.answer.taken, filed.answer.refused.len()), (0, 1), "{filed:?}");
    let kept = bed.rejected(&admin).await;
    let line = bytes.split(|it| *it == b'\n').nth(1).unwrap();
    assert_eq!((kept.len(), raw(&kept[0]), &kept[0]["problem"]["line"]), (1, line.to_vec(), &2.into()));
}

#[rstest]
#[case::no_text(b"\xff\xff\xff\xff observed_at".to_vec(), "bad_encoding")]
#[case::no_titles(b"1,2\n3,4\n".to_vec(), "bad_sheet")]
#[case::torn(b"PK\x03\x04torn".to_vec(), "not_a_table")]
#[tokio::test]
async fn a_file_that_cannot_be_read_is_kept_with_its_reason(#[case] bytes: Vec<u8>, #[case] code: &str) {
    let bed = Bed::new(Engine::Sqlite).await;
    let admin = bed.officer("system_admin").await;
    assert_eq!(take(&bed, &bytes).await.answer.refused[0].code, code);
    let kept = bed.rejected(&admin).await;
    assert_eq!((kept.len(), raw(&kept[0]), &kept[0]["problem"]["code"]), (1, bytes, &code.into()));
}

#[rstest]
#[tokio::test]
async fn a_sheet_of_observations_is_read_by_its_titles(#[values(Engine::Sqlite)] engine: Engine) {
    let bed = Bed::new(engine).await;
    let sheet = xlsx("观测时间,站号,要素,数值,单位,质量\n2023-09-01T11:59:00+08:00,bridge,water_level,4.10,m,good");
    assert_eq!(take(&bed, &sheet).await.answer.taken, 1);
    bed.until(0).await;
    let stations = bed.officer("duty_officer").await.get("/api/v1/stations").await.json();
    assert_eq!(stations["items"][0]["readings"][0]["value"], "4.1");
}

async fn import(bed: &Bed, scope: Scope, bytes: &[u8]) -> Imported {
    let by = Actor { name: "user:admin".into(), hat: None, scope };
    bed.monitor.import_stations(&by, bytes, false).await.unwrap()
}

const SHEET: &str = "站号,站名,类型,经度,纬度,区划代码,海拔,警戒水位,服务区划,mark\n\
    bridge,龙江桥,river,114.1,22.5,440303001,3.5,4.5,440303001,7\n\
    pond,水塘,river,,,440303001,,,,\n\
    far,远处,rain,114.3,22.7,440304001,,,,\n\
    hill,山,rain,114.2,22.6,440303001,,,,\n\
    bad,坏,rain,east,22.6,440303001,,,,";

#[rstest]
#[tokio::test]
async fn stations_are_read_by_chinese_titles_and_each_row_stays_in_the_duty_area(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values(true, false)] as_xlsx: bool,
) {
    let bed = Bed::new(engine).await;
    let bytes = if as_xlsx { xlsx(SHEET) } else { SHEET.as_bytes().to_vec() };
    let imported = import(&bed, Scope::Regions(vec![RegionCode::parse("440303001").unwrap()]), &bytes).await;
    assert_eq!((imported.new, imported.changed, imported.same), (1, 1, 0), "{:?}", imported.problems);
    let places: Vec<_> =
        imported.problems.iter().map(|it| (it.place.line, it.code.as_str(), it.place.field.as_deref())).collect();
    assert_eq!(
        places,
        [
            (Some(4), "out_of_scope", Some("region_code")),
            (Some(5), "out_of_scope", Some("region_code")),
            (Some(6), "bad_value", Some("longitude")),
        ]
    );
    let back = handed_back(&imported.errors_xlsx.unwrap());
    assert_eq!(back.iter().map(|it| it[0].as_str()).collect::<Vec<_>>(), ["far", "hill", "bad"]);
    let stands: Vec<Station> =
        bed.world.read(&Actor::system("test"), |tx| tx.find("1 = 1", "ORDER BY id", &[])).await.unwrap();
    let ids: Vec<_> = stands.iter().map(|it| (it.id.as_str(), it.region.as_str())).collect();
    assert_eq!(ids, [("bridge", "440303001"), ("hill", "440303002"), ("pond", "440303001")], "hill is as it was");
    assert_eq!((&stands[0].columns["warning_level"], &stands[0].columns["mark"]), (&"4.5".into(), &"7".into()));
    assert_eq!((stands[0].elevation, stands[0].serves.len()), (Some(3.5), 1));
}

#[tokio::test]
async fn a_list_that_is_none_of_stations_is_refused_and_changes_nothing() {
    let bed = Bed::new(Engine::Sqlite).await;
    for (file, code) in [("a,b\n1,2\n", "bad_sheet"), ("站号,站名\nx,y\n", "missing_column")] {
        let imported = import(&bed, Scope::Everywhere, file.as_bytes()).await;
        assert_eq!((imported.new, imported.problems[0].code.as_str()), (0, code));
    }
}

#[rstest]
#[tokio::test]
async fn the_past_shows_what_was_known_then(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::new(engine).await;
    let (officer, admin) = (bed.officer("duty_officer").await, bed.officer("system_admin").await);
    bed.level(0, 1.0).await;
    bed.level(60, 2.0).await;
    bed.take(&serde_json::json!({"station_id": "nowhere"})).await;
    let seen = async |seconds: u64| {
        let when = at(seconds).to_rfc3339();
        let stations = officer.get(&format!("/api/v1/stations?at={when}")).await.json();
        let rejected = admin.get(&format!("/api/v1/rejected?at={when}")).await.json();
        (stations["items"][0]["readings"][0]["value"].clone(), rejected["items"].as_array().unwrap().len())
    };
    assert_eq!(seen(30).await, ("1".into(), 0));
    assert_eq!(seen(60).await, ("2".into(), 1));
}
