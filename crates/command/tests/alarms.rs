//! Measured alarms at the desks they touch: they ring, are noted, stand in lists.

mod bed;

use anlan_testbed::Engine;
use bed::{Bed, DISTRICT, percent};
use rstest::rstest;
use serde_json::json;

#[rstest]
#[tokio::test]
async fn an_alarm_stands_on_the_desk_under_a_key_and_in_the_timeline_of_its_area(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let officer = bed.account("zhou", "duty_officer").await;
    let elsewhere = bed.account_in("street", "duty_officer", "440303002").await;
    let alarm = bed.alarm("440303001").await;
    let (_, desk) = officer.get("/api/v1/desk").await;
    assert!(desk["to_do"].to_string().contains("知悉告警：新湖桥 监测Ⅰ级"), "{desk}");
    let (_, page) = officer.page("/").await;
    for words in ["data-key=\"x\"", "新湖桥 水位，监测Ⅰ级告警"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!elsewhere.page("/").await.1.contains("新湖桥 水位"), "another street's timeline is its own");
    assert_eq!(officer.form(&format!("/alarms/{}/seen", percent(&alarm)), &[]).await.0, 303);
    let (_, page) = officer.page("/").await;
    assert!(!page.contains("data-key=\"x\"") && page.contains("监测Ⅰ级告警"), "{page}");
    assert!(!officer.get("/api/v1/desk").await.1["to_do"].to_string().contains("知悉告警"));
}

#[rstest]
#[tokio::test]
async fn an_alarm_that_speaks_for_a_street_rings_and_is_noted_there(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let district = bed.account("zhou", "duty_officer").await;
    let street = bed.account_in("street", "duty_officer", "440303001").await;
    let elsewhere = bed.account_in("wu", "duty_officer", "440304001").await;
    let alarm = bed.alarm_of("bridge", DISTRICT, &["440303001"], 1).await;
    let seen = format!("/api/v1/alarms/{}/seen", percent(&alarm));
    let places = [
        ("/desk/siren", "data-alarm"),
        ("/desk/to-do", "知悉告警：新湖桥"),
        ("/", "新湖桥 水位，监测Ⅰ级告警"),
        ("/", "/alarms?station=bridge"),
        ("/hand-overs/new", "新湖桥 水位，监测Ⅰ级"),
        ("/alarms", "共 1 条"),
    ];
    for (path, words) in places {
        for (who, hears) in [(&district, true), (&street, true), (&elsewhere, false)] {
            let (_, page) = who.page(path).await;
            assert_eq!(page.contains(words), hears, "{path}: {words}: {page}");
        }
    }
    assert_eq!(elsewhere.post(&seen, json!({})).await.1["code"], "no_such_alarm");
    assert_eq!(street.post(&seen, json!({})).await.0 / 100, 2, "a street's desk takes note");
    for (who, hears) in [(&street, false), (&district, true)] {
        assert_eq!(who.page("/desk/siren").await.1.contains("data-alarm"), hears, "a street silences its own desk");
        assert_eq!(who.page("/desk/to-do").await.1.contains("知悉告警"), hears);
    }
    let second = bed.alarm_of("gate", DISTRICT, &["440303001"], 1).await;
    for id in [&alarm, &second] {
        assert_eq!(district.post(&format!("/api/v1/alarms/{}/seen", percent(id)), json!({})).await.0 / 100, 2);
    }
    for who in [&district, &street] {
        assert!(!who.page("/desk/siren").await.1.contains("data-alarm"), "the district's note is for its streets too");
    }
}

#[rstest]
#[tokio::test]
async fn what_was_noted_or_lies_elsewhere_hides_no_alarm_that_rings(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let officer = bed.account("zhou", "duty_officer").await;
    for i in 0..60 {
        let (region, areas) = if i % 2 == 0 { ("440304", &["440304001"][..]) } else { (DISTRICT, &["440303001"][..]) };
        let alarm = bed.alarm_of(&format!("gauge-{i}"), region, areas, 1).await;
        if i % 2 == 1 {
            let seen = format!("/api/v1/alarms/{}/seen", percent(&alarm));
            assert_eq!(officer.post(&seen, json!({})).await.0 / 100, 2);
        }
    }
    assert!(!officer.page("/desk/siren").await.1.contains("data-alarm"));
    let last = bed.alarm_of("last", DISTRICT, &["440303002"], 2).await;
    assert!(officer.page("/desk/siren").await.1.contains(&format!("data-alarm=\"{last}@2\"")));
    assert!(officer.page("/desk/to-do").await.1.contains(&format!("/alarms/{}/seen", percent(&last))));
}
