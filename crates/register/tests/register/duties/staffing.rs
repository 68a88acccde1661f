use anlan_register::{Post, Rank, duties::standards, kinds::Files};
use anlan_testbed::Engine;
use rstest::rstest;
use serde_json::json;

use super::yard::{COMMUNITY, Yard, shipped};
use crate::bed::{DISTRICT, STREET, person, post};

#[rstest]
#[tokio::test]
async fn shortfalls_stand_by_street_and_standard_and_open_their_units(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let yard = Yard::new(engine).await;
    yard.record("team", "t1", STREET, json!({"name": "桂园综合队", "class": "street", "members": 28})).await;
    let officer = yard.officer("duty_officer", DISTRICT).await;
    let units = officer.get("/api/v1/staffing/community-informants?region=440303001").await.json();
    let own = |units: &serde_json::Value| {
        units["items"].as_array().unwrap().iter().find(|it| it["region"] == COMMUNITY).cloned().unwrap()
    };
    let it = own(&units);
    assert_eq!((&it["has"], &it["lacks"], &it["no_deputy"]), (&json!(1), &json!(1), &json!(true)), "{it}");
    yard.bed
        .write(|tx| {
            tx.put(&person("6", COMMUNITY, Some("15400000006")))?;
            tx.put(&Post { title: "灾害信息员".into(), ..post("6", COMMUNITY, Rank::DeputyA, "其他") })
        })
        .await;
    let it = own(&officer.get("/api/v1/staffing/community-informants?region=440303001").await.json());
    assert_eq!((&it["lacks"], &it["no_lead"], &it["no_deputy"]), (&json!(0), &json!(false), &json!(false)), "{it}");
    let team = officer.get("/api/v1/staffing/street-team?region=440303001").await.json();
    assert_eq!((&team["items"][0]["has"], &team["items"][0]["lacks"]), (&json!(28), &json!(2)));
    let page = officer.get("/staffing").await.text();
    assert!(page.contains("缺 2 人") && page.contains("山东"), "words and sources: {page}");
    assert!(officer.get("/staffing/community-informants").await.text().contains("缺 B 岗"));
    assert_eq!(officer.get("/staffing/export.xlsx").await.status, 200);
    assert_eq!(officer.get("/staffing/none").await.status, 404);
    let street = yard.officer("street_officer", STREET).await;
    let rows = street.get("/api/v1/staffing").await.json();
    assert_eq!(rows["items"].as_array().unwrap().len(), 1, "the own street only: {rows}");
}

#[rstest]
#[case::no_toml("[[standard]\n", "bad_toml", 1)]
#[case::no_level(
    "[[standard]]\nid = \"a\"\ntitle = { zh = \"甲\", en = \"a\" }\nlevel = \"village\"\nleast = 2\nduties = [\"x\"]\nsources = [\"S\"]\n",
    "unknown_name",
    2
)]
#[case::nothing_counted(
    "[[standard]]\nid = \"a\"\ntitle = { zh = \"甲\", en = \"a\" }\nlevel = \"street\"\nleast = 2\nsources = [\"S\"]\n",
    "contradiction",
    2
)]
#[case::no_source(
    "\n[[standard]]\nid = \"a\"\ntitle = { zh = \"甲\", en = \"a\" }\nlevel = \"street\"\nleast = 2\nduties = [\"x\"]\n",
    "no_source",
    3
)]
#[case::a_source_nobody_knows(
    "[[board]]\nkind = \"team\"\ntitle = { zh = \"甲\", en = \"a\" }\nsources = [\"T\"]\n",
    "unknown_source",
    2
)]
#[case::a_number_of_nobody(
    "[[board]]\nkind = \"team\"\ntitle = { zh = \"甲\", en = \"a\" }\nnumbers = [\"leader\"]\nsources = [\"S\"]\n",
    "unknown_field",
    2
)]
fn a_fault_of_standards_is_named_with_its_line(#[case] text: &str, #[case] code: &str, #[case] line: usize) {
    let meta =
        "id = \"x\"\nversion = \"1\"\ntitle = { zh = \"甲\", en = \"a\" }\n[[source]]\nid = \"S\"\ntitle = \"出处\"\n";
    let files = Files::from([("pack.toml".to_owned(), meta.to_owned()), (standards::FILE.to_owned(), text.to_owned())]);
    let found = standards::faults(&files);
    assert!(
        found.iter().any(|(file, it)| file == standards::FILE && it.code == code && it.place.line == Some(line)),
        "{found:#?}"
    );
}

#[test]
fn the_shipped_standards_prove_themselves() {
    for files in shipped() {
        let found = standards::faults(&files);
        assert!(found.is_empty(), "{found:#?}");
    }
}
