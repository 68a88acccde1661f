//! Lists and forms in the browser.

use anlan_testbed::Engine;
use rstest::rstest;

use crate::yard::STREET;
use crate::yard::{Yard, add, post_form, pump, street};

#[rstest]
#[tokio::test]
async fn what_was_typed_stays_with_the_problem_beside_it(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let yard = Yard::new(engine).await;
    let officer = yard.caller("street_officer", STREET).await;
    let form = officer.get("/register/pump/new").await.text();
    for mark in
        ["name=\"f.code\"", "name=\"f.risk\"", "kW", "data-pick=\"person\"", "name=\"longitude\"", "type=\"date\""]
    {
        assert!(form.contains(mark), "{mark}");
    }
    for hidden in ["f.twice", "f.secret", "f.photo"] {
        assert!(!form.contains(hidden), "{hidden}");
    }
    let mut pairs = vec![
        ("region", "桂园街道"),
        ("f.code", "x1"),
        ("f.name", "新泵站"),
        ("f.power", "很大"),
        ("f.risk", "3"),
        ("longitude", "114°06′00″"),
        ("latitude", "22.5"),
    ];
    let wrong = post_form(&officer, "/register/pump/new", &pairs).await;
    let page = wrong.text();
    assert_eq!(wrong.status, 422);
    assert!(
        page.contains("value=\"新泵站\"") && page.contains("很大") && page.contains("2 到 12 位大写字母或数字"),
        "{page}"
    );
    pairs[1].1 = "X1";
    pairs[3].1 = "１２";
    let made = post_form(&officer, "/register/pump/new", &pairs).await;
    assert_eq!(made.status, 303, "{}", made.text());
    let card = made.headers["location"].to_str().unwrap().to_owned();
    let shown = officer.get(&card).await.text();
    assert!(
        shown.contains("新泵站") && shown.contains("114.100000") && shown.contains("grade-3") && shown.contains("一般"),
        "{shown}"
    );

    let edit = officer.get(&format!("{card}/edit")).await.text();
    assert!(edit.contains("value=\"X1\"") && edit.contains("name=\"revision\" value=\"1\""), "{edit}");
    let mine = [("revision", "1"), ("region", STREET), ("f.name", "我的名字"), ("f.power", "13")];
    let theirs = [("revision", "1"), ("region", STREET), ("f.name", "新泵站"), ("f.power", "99")];
    assert_eq!(post_form(&officer, &format!("{card}/edit"), &theirs).await.status, 303);
    let stale = post_form(&officer, &format!("{card}/edit"), &mine).await;
    let page = stale.text();
    assert_eq!(stale.status, 409);
    assert!(
        page.contains("我的名字") && page.contains("功率") && page.contains("name=\"revision\" value=\"2\""),
        "{page}"
    );
    let again = [("revision", "2"), mine[1], mine[2], mine[3]];
    assert_eq!(post_form(&officer, &format!("{card}/edit"), &again).await.status, 303);
    assert!(officer.get(&card).await.text().contains("我的名字"));
    let story = officer.get(&format!("{card}/history")).await.text();
    assert!(story.contains("<del>新泵站</del>") && story.contains("<ins>我的名字</ins>"), "{story}");
}

#[rstest]
#[tokio::test]
async fn a_list_shows_conditions_columns_sums_and_views(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let yard = Yard::new(engine).await;
    let keeper = yard.caller("register_keeper", "440303").await;
    let empty = keeper.get("/register/pump").await.text();
    assert!(
        empty.contains("/register/pump/import") && empty.contains("/register/pump/new"),
        "an empty list says what to do"
    );
    for number in 0..3 {
        add(&keeper, "pump", &pump(&format!("E{number}"), street(number).as_str())).await;
    }
    let overview = keeper.get("/register").await.text();
    assert!(overview.contains("水务") && overview.contains("泵站") && overview.contains("都已核实"), "{overview}");
    let list = keeper.get("/register/pump?f.power.min=10&f.uses=A&colour=red").await.text();
    assert!(
        list.contains("E0号泵站") && list.contains("<td class=\"num\">90</td>") && list.contains("data-record="),
        "{list}"
    );
    let narrowed = keeper.get("/register/pump?region=440303002").await.text();
    assert!(narrowed.contains("E1号泵站") && !narrowed.contains("E0号泵站"));
    let none = keeper.get("/register/pump?f.power.min=999").await.text();
    assert!(none.contains("没有符合条件的记录"));
    let chosen = keeper.get("/register/pump?columns=power,made&sort=-f.power").await.text();
    assert!(chosen.contains("aria-sort=\"descending\"") && !chosen.contains("风险</a></th>"));

    let query = "f.risk=2&sort=-name&columns=power&page=4&colour=red";
    let kept = post_form(&keeper, "/register/pump/views", &[("name", "重点"), ("query", query), ("shared", "1")]).await;
    let to = kept.headers["location"].to_str().unwrap();
    assert!(to.starts_with("/register/pump?f.risk=2&sort=-name&columns=power&view=v"), "{to}");
    let leader = yard.caller("duty_leader", "440303").await;
    let views = leader.get("/api/v1/register/pump/views").await.json();
    assert_eq!((views["items"][0]["name"].as_str(), views["items"][0]["own"].as_bool()), (Some("重点"), Some(false)));
    let id = views["items"][0]["id"].as_str().unwrap();
    let path = format!("/register/pump/views/{id}/remove");
    assert_eq!(post_form(&keeper, &path, &[]).await.status, 303);
    assert_eq!(post_form(&keeper, &path, &[]).await.status, 404);
    assert!(keeper.in_english().get("/register/pump").await.text().contains("Pump"));
}
