//! The lists of the desk: notes, hand-overs and responses are filtered, sorted and taken along inside the scope.

mod bed;

use anlan_register::import::sheet;
use anlan_testbed::Engine;
use bed::{Bed, Caller};
use rstest::rstest;
use serde_json::json;

const HEADS: &[sheet::Column] = &[("at", &["时间", "建议"]), ("by", &["谁", "交班人"]), ("title", &["响应"])];

/// The marks in the order in which the list's rows show them.
async fn shown<'a>(who: &Caller, path: &str, marks: &[&'a str]) -> Vec<&'a str> {
    let (status, page) = who.page(path).await;
    assert_eq!(status, 200, "{path}: {page}");
    let body = page.split_once("<tbody>").unwrap().1.split_once("</tbody>").unwrap().0;
    let mut found: Vec<_> = marks.iter().filter_map(|it| Some((body.find(it)?, *it))).collect();
    found.sort_unstable();
    let found: Vec<_> = found.into_iter().map(|it| it.1).collect();
    assert!(page.contains(&format!("共 {} 条", found.len())), "{path}: the count is of what is shown");
    found
}

/// The marks in the order in which the exported sheet's rows hold them.
async fn exported<'a>(who: &Caller, path: &str, marks: &[&'a str]) -> Vec<&'a str> {
    let (status, bytes) = who.bytes(path).await;
    assert_eq!(status, 200, "{path}");
    let read = sheet::read(&bytes, "list.xlsx", HEADS).unwrap();
    let mark = |cells: &[String]| marks.iter().find(|mark| cells.iter().any(|it| it.contains(**mark))).copied();
    read.rows.iter().map(|it| mark(&it.cells).unwrap_or_else(|| panic!("{path}: {:?}", it.cells))).collect()
}

#[rstest]
#[tokio::test]
async fn notes_are_found_and_sorted(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    const MARKS: &[&str] = &["停电", "水位100%", "求助"];
    let bed = Bed::new(engine).await;
    let officer = bed.account("zhou", "duty_officer").await;
    let other = bed.account_in("wu", "duty_officer", "440304").await;
    for (words, caller, follow_up) in [("停电", "Bao", "1"), ("水位100%", "Chen", ""), ("求助", "An", "1")] {
        let note = json!({"words": words, "caller": caller, "number": "13800000011", "follow_up": follow_up});
        assert_eq!(officer.post("/api/v1/telephone-notes", note).await.0, 201);
    }
    for (query, want) in [
        ("", &["求助", "水位100%", "停电"][..]),
        ("?sort=at", &["停电", "水位100%", "求助"]),
        ("?sort=caller", &["求助", "停电", "水位100%"]),
        ("?sort=-caller", &["水位100%", "停电", "求助"]),
        ("?sort=number", &["求助", "水位100%", "停电"]),
        ("?sort=words%3BDROP%20TABLE%20telephone_note", &["求助", "水位100%", "停电"]),
        ("?open=1&sort=at", &["停电", "求助"]),
        ("?q=%25", &["水位100%"]),
        ("?q=chen", &["水位100%"]),
        ("?q=nobody", &[]),
        ("?until=2000-01-01", &[]),
    ] {
        let path = format!("/telephone-notes{query}");
        assert_eq!(shown(&officer, &path, MARKS).await, want, "{query}");
        assert!(shown(&other, &path, MARKS).await.is_empty(), "{query}: another desk sees none");
        let sheet = format!("/telephone-notes/export.xlsx{query}");
        assert_eq!(exported(&officer, &sheet, MARKS).await, want, "{query}: the sheet holds what the page shows");
        assert!(exported(&other, &sheet, MARKS).await.is_empty(), "{query}: nor does its sheet hold any");
    }
    assert_eq!(officer.page("/telephone-notes?from=yesterday").await.0, 400);
    let (_, page) = officer.page("/telephone-notes?open=1").await;
    assert!(page.contains("href=\"/telephone-notes?open=1&amp;sort=caller\""), "a head keeps the filter: {page}");
    assert!(!page.contains("13800000011"), "numbers are masked");
}

#[rstest]
#[tokio::test]
async fn hand_overs_and_responses_are_found_by_where_they_stand(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let officer = bed.account("zhou", "duty_officer").await;
    let other = bed.account_in("wu", "duty_officer", "440304").await;
    assert_eq!(officer.form("/hand-overs", &[("checked", "1")]).await.0, 303);
    let plan = bed.command.plan().responses.first().expect("a plan").clone();
    let hand = json!({"plan": plan.id, "level": 4, "words": "风雨将至"});
    assert_eq!(officer.post("/api/v1/responses", hand).await.0, 201);
    for (path, mark, cell, found, missed) in [
        (
            "/hand-overs",
            "姓名zhou",
            "姓名zhou",
            &["?state=signed", "?q=ZHOU", "?sort=outgoing"][..],
            &["?state=accepted", "?q=_"][..],
        ),
        (
            "/responses",
            "/responses/rs-",
            &plan.title.zh,
            &["?state=proposed", "?sort=-ended", "?sort=level"],
            &["?state=ended", "?q=_"],
        ),
    ] {
        for (queries, want) in [(&["", "?state=nonsense"][..], 1), (found, 1), (missed, 0)] {
            for query in queries {
                assert_eq!(shown(&officer, &format!("{path}{query}"), &[mark]).await.len(), want, "{path}{query}");
                assert!(shown(&other, &format!("{path}{query}"), &[mark]).await.is_empty(), "{path}{query}");
                let sheet = format!("{path}/export.xlsx{query}");
                assert_eq!(exported(&officer, &sheet, &[cell]).await.len(), want, "{path}{query}");
                assert!(exported(&other, &sheet, &[cell]).await.is_empty(), "{path}{query}");
            }
        }
    }
}
