//! Out: exactly what is filtered, masked, journaled, and never a formula.

use std::io::Cursor;

use anlan_store::journal;
use anlan_testbed::Engine;
use calamine::{Data, Reader, Xlsx};
use rstest::rstest;

use super::bed::{Room, counts, dropped, taken};
use crate::bed::{STREET, system};

const SHOPS: &str = "编号,名称,街道,类型,从业人员,注册资本,使用燃气,负责人,负责人电话,经度（WGS84）,纬度,主管部门,责任单位\n\
    P000001,=1+1,桂园街道,餐饮,3,3.5万,是,张三,15400000001,114.11,22.55,罗湖区水务局,罗湖区应急管理局\n\
    P000002,二店,桂园街道,超市,5,1万,否,李四,15400000002,114.111,22.55,,\n\
    P000003,三店,黄贝街道,超市,7,,,王五,15400000003,114.13,22.55,,\n";

fn rows(bytes: Vec<u8>) -> Vec<Vec<Data>> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
    let name = book.sheet_names()[0].clone();
    book.worksheet_range(&name).unwrap().rows().map(<[Data]>::to_vec).collect()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_leaves_is_what_is_filtered_and_comes_back_the_same(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let room = Room::new(engine).await;
    let keeper = room.keeper().await;
    taken(&keeper, &dropped(&keeper, "shop", "a.csv", SHOPS).await).await;
    for form in ["xlsx", "csv", "geojson", "kml", "shp.zip"] {
        let out = keeper.get(&format!("/register/shop/export.{form}")).await;
        assert_eq!(out.status, 200, "{form}: {}", out.text());
        let again = dropped(&keeper, "shop", &format!("a.{form}"), out.body).await;
        assert_eq!(counts(&again), [0, 0, 3, 0], "{form}: {again}");
    }
    let filtered = rows(keeper.get("/register/shop/export.xlsx?f.class=B").await.body);
    assert_eq!(filtered.len(), 3, "with everything below the code");
    let street = room.caller("street_officer", STREET).await;
    assert_eq!(rows(street.get("/register/shop/export.xlsx").await.body).len(), 3, "the own street only");
    assert_eq!(keeper.get("/register/shop/export.xlsx?f.nothing=1").await.status, 400);
    assert_eq!(keeper.get("/register/nothing/export.xlsx").await.status, 404);

    let csv = keeper.get("/register/shop/export.csv").await.text();
    assert!(csv.starts_with('\u{feff}') && csv.contains(",'=1+1,"), "{csv}");
    let sheet = rows(keeper.get("/register/shop/export.xlsx").await.body);
    assert_eq!((&sheet[1][1], &sheet[1][3]), (&Data::String("=1+1".to_owned()), &Data::Float(3.0)));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn personal_columns_are_masked_for_whoever_may_not_see_them_and_each_export_is_journaled(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let room = Room::new(engine).await;
    let keeper = room.keeper().await;
    taken(&keeper, &dropped(&keeper, "shop", "a.csv", SHOPS).await).await;
    let clear = keeper.get("/register/shop/export.csv?f.gas=true").await.text();
    assert!(clear.contains("张三") && clear.contains("15400000001"), "{clear}");
    let auditor = room.caller("system_admin", "440303").await;
    assert_eq!(auditor.get("/register/shop/export.csv").await.status, 403);
    let clerk = anlan_register::transfer::Clerk {
        actor: system(),
        reader: anlan_register::records::list::Reader { role: "x".into(), clear: false },
    };
    let masked =
        anlan_register::transfer::whole(&room.register, &clerk, "shop", "csv", anlan_kernel::Lang::Zh).await.unwrap();
    let masked = String::from_utf8(masked.bytes().unwrap()).unwrap();
    assert!(!masked.contains("张三") && !masked.contains("15400000001") && masked.contains("154****0001"), "{masked}");

    while journal::seal(&room.world, None).await.unwrap() > 0 {}
    let entries = journal::after(&room.world, &system(), 0, 100_000).await.unwrap();
    let out: Vec<_> = entries
        .iter()
        .filter(|it| it.event == "register.exported")
        .map(|it| (it.subject.as_str(), it.body.as_str()))
        .collect();
    assert_eq!(out.len(), 2);
    assert!(out[0].0 == "shop" && out[0].1.contains("f.gas=true") && out[0].1.contains("\"count\":1"), "{out:?}");

    // Dropped again, what is masked stands for what it hides.
    let again = dropped(&keeper, "shop", "masked.csv", masked).await;
    assert_eq!(counts(&again), [0, 0, 3, 0], "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_explains_itself_and_what_is_filled_in_is_taken() {
    let room = Room::new(Engine::Sqlite).await;
    let keeper = room.keeper().await;
    let reply = keeper.get("/register/shop/template.xlsx").await;
    assert_eq!(reply.status, 200);
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(reply.body)).unwrap();
    assert_eq!(book.sheet_names(), ["店铺", "说明", "选项"]);
    let titles: Vec<String> =
        book.worksheet_range("店铺").unwrap().rows().next().unwrap().iter().map(Data::to_string).collect();
    assert!(
        titles.contains(&"编号*".to_owned())
            && titles.contains(&"从业人员（人）".to_owned())
            && titles.contains(&"坐标系".to_owned()),
        "{titles:?}"
    );
    let text = format!(
        "{}\nP000001,一店,超市,3,,,,是,M1,,张三,15400000001,440303001,,,,114.11,22.55,WGS-84\n",
        titles.join(",")
    );
    let waiting = dropped(&keeper, "shop", "a.csv", text).await;
    assert_eq!(counts(&waiting), [1, 0, 0, 0], "{waiting}");
    let unknown: Vec<_> =
        waiting["findings"]["columns"].as_array().unwrap().iter().filter(|it| it["key"].is_null()).collect();
    assert!(unknown.is_empty(), "every title of the template is known: {unknown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_lead_from_the_drop_to_the_undoing() {
    let room = Room::new(Engine::Sqlite).await;
    let keeper = room.keeper().await;
    assert!(keeper.get("/register/shop/import").await.text().contains("data-drop"));
    let waiting = dropped(&keeper, "shop", "a.csv", SHOPS.replace("P000003", "X3")).await;
    let page = keeper.get(&format!("/register/shop/import/{}", waiting["id"].as_str().unwrap())).await;
    assert!(
        page.status == 200 && page.text().contains("P 加 6 位数字") && page.text().contains("新增 2"),
        "{}",
        page.text()
    );
    let batch = taken(&keeper, &waiting).await;
    let page = keeper.get(&format!("/imports/{}", batch["id"].as_str().unwrap())).await.text();
    assert!(page.contains("下载需修改的行") && page.contains("撤销这次导入"), "{page}");
    let list = keeper.get("/register/shop/imports").await.text();
    assert!(list.contains("a.csv") && list.contains("已导入"), "{list}");
    assert!(keeper.in_english().get("/register/shop/imports").await.text().contains("Undo this import"));
}
