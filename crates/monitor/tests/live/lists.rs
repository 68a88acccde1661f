//! The lists of monitoring: what is filtered is counted, paged and taken along, in one order and inside one scope.

use anlan_kernel::{Actor, Grade, Problem, RegionCode, Text};
use anlan_monitor::{Alarm, AlarmState, rejected};
use anlan_register::import::sheet;
use anlan_store::{Event, StoreError, Urgency};
use anlan_testbed::{Caller, Engine};
use rstest::rstest;

use crate::bed::{Bed, DISTRICT, at};

const BRIDGES: u64 = 120;
const HILLS: u64 = 3;
/// Heads of a sheet, two of which make a list.
const HEADS: &[sheet::Column] =
    &[("station", &["站"]), ("raised", &["起"]), ("kind", &["类别"]), ("source", &["来源"]), ("at", &["时间"])];
const MORE: &str = "station_id,name_zh,name_en,kind,longitude,latitude,region_code,elevation_m,serves\n\
    well,井,Well,river,,,440303002,,440303002\n\
    beyond,邻区站,Beyond,wind,114.3,22.7,440304001,,\n";

/// Alarm `i`: grades follow each other, every second one is over.
fn alarm(i: u64) -> Alarm {
    let (station, region) = if i < BRIDGES { ("bridge", "440303001") } else { ("hill", "440303002") };
    let (rule, raised_at, region) = (format!("rule-{i}"), at(i * 60), RegionCode::parse(region).unwrap());
    let grade = Grade::new(u8::try_from(i % 4 + 1).unwrap()).unwrap();
    let cleared_at = i.is_multiple_of(2).then(|| at(i * 60 + 90_000 - i));
    Alarm {
        id: Alarm::key(&rule, station, raised_at),
        rule,
        station: station.into(),
        hazard: None,
        title: Text::new("水位", "Level"),
        grade,
        peak: grade,
        state: if cleared_at.is_some() { AlarmState::Cleared } else { AlarmState::Open },
        raised_at,
        changed_at: raised_at,
        cleared_at,
        areas: vec![region.clone()],
        region,
        revision: 0,
    }
}

async fn with_alarms(engine: Engine) -> Bed {
    let bed = Bed::new(engine).await;
    let by = Actor::system("test");
    let seed = bed.world.write("seed", Urgency::Background, &by, |tx| {
        for i in 0..BRIDGES + HILLS {
            assert!(tx.insert(&alarm(i))?);
        }
        tx.record(Event::new("alarm.raised", "seed"))?;
        Ok::<_, StoreError>(())
    });
    seed.await.unwrap();
    bed
}

/// The cells of every row of a page, without their tags.
fn rows(page: &str) -> Vec<Vec<String>> {
    let body = page.split_once("<tbody>").unwrap().1.split_once("</tbody>").unwrap().0;
    body.split("<tr>").skip(1).map(|row| row.split("<td").skip(1).map(words).collect()).collect()
}

fn words(cell: &str) -> String {
    let mut parts = cell.split('<');
    let first = parts.next().and_then(|it| it.split_once('>')).map_or("", |it| it.1);
    let rest = parts.filter_map(|it| it.split_once('>')).map(|it| it.1);
    std::iter::once(first).chain(rest).collect::<String>().trim().to_owned()
}

/// How many the pager says there are.
fn counted(page: &str) -> usize {
    page.split_once(" 页 · 共 ").unwrap().1.split_once(' ').unwrap().0.parse().unwrap()
}

async fn text(who: &Caller, path: &str) -> String {
    let reply = who.get(path).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    reply.text()
}

/// Every row of a list, page after page; the count holds on each of them.
async fn every_row(who: &Caller, path: &str, query: &str) -> Vec<Vec<String>> {
    let (mut found, mut page, gap) = (Vec::new(), 1, if query.is_empty() { "?" } else { "&" });
    loop {
        let shown = text(who, &format!("{path}{query}{gap}page={page}")).await;
        found.extend(rows(&shown));
        assert!(counted(&shown) >= found.len(), "{query}");
        if !shown.contains("rel=\"next\"") {
            assert_eq!(counted(&shown), found.len(), "{path}{query}: pages add up");
            return found;
        }
        page += 1;
    }
}

async fn exported(who: &Caller, path: &str) -> Vec<Vec<String>> {
    let reply = who.get(path).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    let read = sheet::read(&reply.body, "list.xlsx", HEADS).unwrap();
    read.rows.into_iter().map(|it| it.cells).collect()
}

#[rstest]
#[tokio::test]
async fn what_a_filter_finds_is_counted_paged_and_exported_inside_the_scope(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = with_alarms(engine).await;
    let district = bed.officer("duty_officer").await;
    let street = Caller::officer(&bed.app, &bed.world, "duty_officer", "440303002").await;
    for (query, in_district, in_street) in [
        ("", 123, 3),
        ("?state=open", 61, 1),
        ("?state=cleared", 62, 2),
        ("?state=everything", 123, 3),
        ("?grade=1", 31, 1),
        ("?grade=1&state=open", 0, 0),
        ("?region=440303", 123, 3),
        ("?region=440303001", 120, 0),
        ("?region=440303002", 3, 3),
        ("?station=bridge", 120, 0),
        ("?q=%E9%BE%99%E6%B1%9F", 120, 0),
        ("?q=HILL", 3, 3),
        ("?q=%25", 0, 0),
        ("?q=%27%20OR%201%3D1%20--", 0, 0),
        ("?q=%00", 123, 3),
        ("?sort=grade&state=open", 61, 1),
        ("?sort=id%3BDROP%20TABLE%20alarm", 123, 3),
        ("?sort=areas", 123, 3),
        ("?nonsense=1", 123, 3),
    ] {
        for (who, want) in [(&district, in_district), (&street, in_street)] {
            let shown = every_row(who, "/alarms", query).await;
            assert_eq!(shown.len(), want, "{query}");
            let sheet = exported(who, &format!("/alarms/export.xlsx{query}")).await;
            let raised = |rows: &[Vec<String>]| rows.iter().map(|it| it[4].clone()).collect::<Vec<_>>();
            assert_eq!(raised(&shown), raised(&sheet), "{query}: the sheet has the same rows in the same order");
        }
    }
    assert_eq!(district.get("/alarms?region=elsewhere").await.status, 400);
    assert!(!text(&street, "/alarms").await.contains("440303001"), "nor is a place offered that is none of theirs");
    let past = text(&district, "/alarms?page=99").await;
    assert!(past.contains("第 3 / 3 页 · 共 123 条") && rows(&past).len() == 23, "beyond the end is the last page");
}

#[rstest]
#[tokio::test]
async fn a_head_sorts_by_its_column_and_back(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = with_alarms(engine).await;
    let officer = bed.officer("duty_officer").await;
    for (sort, column, descending) in [
        ("", 4, true),
        ("?sort=nonsense", 4, true),
        ("?sort=raised", 4, false),
        ("?sort=grade", 0, false),
        ("?sort=-grade", 0, true),
        ("?sort=cleared", 5, false),
        ("?sort=-cleared", 5, true),
        ("?sort=station", 2, false),
        ("?sort=-station", 2, true),
    ] {
        let key = |row: &Vec<String>| match (row[column].as_str(), column) {
            ("", 5) => "~ it still stands".to_owned(),
            (station, 2) => station.split(' ').next_back().unwrap().to_owned(),
            (words, _) => words.to_owned(),
        };
        let shown: Vec<_> = every_row(&officer, "/alarms", sort).await.iter().map(key).collect();
        let mut sorted = shown.clone();
        sorted.sort();
        if descending {
            sorted.reverse();
        }
        assert_eq!(shown, sorted, "{sort}");
    }
}

#[rstest]
#[case::alarms("/alarms", "grade=1", 5, "-raised")]
#[case::stations("/stations", "q=bridge", 3, "name")]
#[case::rejected("/rejected", "q=x", 3, "-at")]
#[tokio::test]
async fn heads_are_links_that_keep_the_filter(
    #[case] path: &str,
    #[case] filter: &str,
    #[case] heads: usize,
    #[case] order: &str,
) {
    let bed = Bed::new(Engine::Sqlite).await;
    let admin = bed.officer("system_admin").await;
    let officer = if path == "/rejected" { &admin } else { &bed.officer("duty_officer").await };
    let page = text(officer, &format!("{path}?{filter}&page=2")).await;
    let head = page.split_once("<thead>").unwrap().1.split_once("</thead>").unwrap().0;
    let link = format!("<a href=\"{path}?{filter}");
    assert_eq!(head.matches(&link).count(), heads, "{head}");
    assert_eq!(head.matches("aria-sort=").count(), 1, "{head}");
    let way = if order.starts_with('-') { "descending" } else { "ascending" };
    assert!(head.contains(&format!("aria-sort=\"{way}\"")) && !head.contains("page="), "{head}");
    assert!(page.contains(&format!("href=\"{path}/export.xlsx?{filter}\"")), "the export has the same filter");
    assert!(page.contains("data-key=\"/\""), "a key leads to the search");
    let english = text(&officer.in_english(), path).await;
    assert!(english.contains("page 1 of 1 · ") && english.contains(">Export</a>"), "{english}");
}

#[rstest]
#[tokio::test]
async fn stations_are_found_by_what_they_lack(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::new(engine).await;
    bed.monitor.import_stations(&Actor::system("test"), MORE.as_bytes(), false).await.unwrap();
    let district = bed.officer("duty_officer").await;
    let street = Caller::officer(&bed.app, &bed.world, "duty_officer", "440303002").await;
    bed.level(0, 1.0).await;
    let ids = |rows: Vec<Vec<String>>| {
        rows.iter().map(|it| it[0].split(' ').next_back().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for (query, in_district, in_street) in [
        ("", &["well", "hill", "beyond", "bridge"][..], &["well", "hill"][..]),
        ("?sort=-name", &["bridge", "beyond", "hill", "well"], &["hill", "well"]),
        ("?sort=-last", &["bridge", "well", "hill", "beyond"], &["well", "hill"]),
        ("?kind=river", &["well", "bridge"], &["well"]),
        ("?lack=coordinates", &["well"], &["well"]),
        ("?lack=readings", &["well", "hill", "beyond"], &["well", "hill"]),
        ("?station=bridge", &["bridge"], &[]),
        ("?q=%E9%BE%99", &["bridge"], &[]),
    ] {
        for (who, want) in [(&district, in_district), (&street, in_street)] {
            assert_eq!(ids(every_row(who, "/stations", query).await), want, "{query}");
            let sheet = exported(who, &format!("/stations/export.xlsx{query}")).await;
            assert_eq!(ids(sheet), want, "{query}");
        }
    }
    bed.until(3_601).await;
    let silent = text(&district, "/stations?lack=readings").await;
    assert!(ids(rows(&silent)).contains(&"bridge".to_owned()), "an hour later it is silent too");
    assert!(silent.contains("1 小时以上无读数"));
    assert!(text(&district, "/alarms").await.contains("共 0 条"));
}

#[rstest]
#[tokio::test]
async fn what_was_refused_is_shown_in_full_by_source(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::new(engine).await;
    let admin = bed.officer("system_admin").await;
    let long = format!("<b>{}", "长".repeat(15_000));
    for (source, raw) in [("device:a http", "=1+1"), ("device:b mqtt", long.as_str())] {
        let problem = Problem::new("bad_value", "不是数", "no number");
        let refusal = rejected::Refusal::new(raw.as_bytes(), problem);
        rejected::keep(&bed.world, source, vec![refusal]).await.unwrap();
    }
    for (query, sources) in [
        ("?sort=source", &["device:a http", "device:b mqtt"][..]),
        ("?sort=-source", &["device:b mqtt", "device:a http"]),
        ("?sort=-bytes", &["device:b mqtt", "device:a http"]),
        ("?source=device%3Aa%20http", &["device:a http"]),
        ("?q=MQTT", &["device:b mqtt"]),
        ("?q=1%2B1", &["device:a http"]),
        ("?q=_", &[]),
    ] {
        let second = |rows: Vec<Vec<String>>| rows.iter().map(|it| it[1].clone()).collect::<Vec<_>>();
        assert_eq!(second(every_row(&admin, "/rejected", query).await), sources, "{query}");
        let path = format!("/rejected/export.xlsx{query}");
        assert_eq!(second(exported(&admin, &path).await), sources, "{query}");
    }
    let page = text(&admin, "/rejected").await;
    assert!(page.contains(&"长".repeat(15_000)) && !page.contains("<b>长"), "in full, and as text");
    let cells = exported(&admin, "/rejected/export.xlsx?sort=source").await;
    assert_eq!(cells[0][4], "=1+1", "a formula stays text");
    assert!(cells[1][4].contains("全文见"), "a cell that is cut says so");
    for ten in 0..10 {
        let problem = Problem::new("bad_value", "不是数", "no number");
        let many = (0..100).map(|i| rejected::Refusal::new(format!("{ten}-{i}").as_bytes(), problem.clone()));
        rejected::keep(&bed.world, "device:c http", many.collect()).await.unwrap();
    }
    let cut = exported(&admin, "/rejected/export.xlsx").await;
    assert!(cut.len() == 1_001 && cut[1_000][0].starts_with("共 1002 条，本表只含前 1000 条"), "{:?}", cut.last());
    let officer = Caller::officer(&bed.app, &bed.world, "street_officer", DISTRICT).await;
    for path in ["/rejected", "/rejected/export.xlsx"] {
        assert_eq!(officer.get(path).await.status, 403, "{path}");
    }
}
