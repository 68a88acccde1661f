//! The journal on screen: found, counted page by page, taken along, and all of that journaled.

use std::time::Duration;

use anlan_kernel::Actor;
use anlan_store::{Event, Urgency};
use anlan_testbed::{Engine, NOON};
use axum::http::StatusCode;
use rstest::rstest;
use serde_json::json;

use crate::bed::{Answer, Bed, bearer, get, region, with};

/// Somebody looks at a number.
async fn look(bed: &Bed, who: &str, person: &str) {
    let (person, by) = (person.to_owned(), Actor { name: format!("user:{who}"), ..Actor::system("test") });
    bed.world
        .write("test", Urgency::Urgent, &by, move |tx| {
            tx.record(Event::new("person.unmasked", &person).region(&region("440303001")))
        })
        .await
        .unwrap();
}

fn subjects(answer: &Answer) -> Vec<String> {
    let entries = answer.json()["entries"].as_array().unwrap_or_else(|| panic!("{}", answer.text)).clone();
    entries.iter().map(|it| it["subject"].as_str().unwrap().to_owned()).collect()
}

#[rstest]
#[case("event=person.unmasked", &["person:2", "person:1", "person:1"])]
#[case("event=looks&subject=person:1", &["person:1", "person:1"])]
#[case("actor=li", &["person:2"])]
#[case("actor=user:zhang", &["person:1", "person:1"])]
#[case("region=440303002", &["r2"])]
#[case("region=4403&event=round.started", &["r2", "r1"])]
#[case("text=R2", &["r2"])]
#[case("text=%25", &[])]
#[case("from=2023-09-01T12:30&event=round.started", &["r2"])]
#[case("to=2023-09-01T12:00&event=round.started", &["r1"])]
#[case("from=2023-09-01&to=2023-09-01&event=round.started", &["r2", "r1"])]
#[tokio::test]
async fn the_auditor_finds_entries_newest_first(
    #[case] filter: &str,
    #[case] want: &[&str],
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    bed.account("shenji", "audit_admin").await;
    let token = bed.token("shenji").await;
    for (who, person) in [("zhang", "person:1"), ("zhang", "person:1"), ("li", "person:2")] {
        look(&bed, who, person).await;
    }
    bed.entry("round.started", "r1", Some("440303001")).await;
    bed.world.clock().move_to(NOON.plus(Duration::from_secs(3600)));
    bed.entry("round.started", "r2", Some("440303002")).await;
    let found = bed.call(bearer(get(&format!("/api/v1/journal/search?{filter}")), &token)).await;
    assert_eq!(subjects(&found), want, "{filter}: {}", found.text);
}

#[rstest]
#[tokio::test]
async fn a_page_goes_on_where_the_last_one_ended_whatever_is_written_meanwhile(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    bed.account("shenji", "audit_admin").await;
    let token = bed.token("shenji").await;
    for i in 0..5 {
        bed.entry("round.started", &format!("r{i}"), None).await;
    }
    let ask = async |rest: &str| {
        let path = format!("/api/v1/journal/search?event=round.started&limit=2{rest}");
        bed.call(bearer(get(&path), &token)).await
    };
    let (mut seen, mut rest) = (Vec::new(), String::new());
    loop {
        let page = ask(&rest).await;
        seen.extend(subjects(&page));
        bed.entry("round.started", "later", None).await;
        let Some(next) = page.json()["next"].as_i64() else { break };
        rest = format!("&before={next}");
    }
    assert_eq!(seen, ["r4", "r3", "r2", "r1", "r0"]);
    assert_eq!(ask("&before=x").await.code(), "bad_page");
    assert_eq!(ask("&from=gestern").await.json()["field"], "from");
}

#[rstest]
#[tokio::test]
async fn who_looked_at_a_person_is_one_link_and_looking_it_up_is_journaled(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    bed.account("zhang", "duty_officer").await;
    let auditor = bed.signed_in("shenji", "audit_admin").await;
    look(&bed, "zhang", "person:1").await;
    bed.events_of().await;
    let ask = async |path: &str| bed.call(with(get(path), "cookie", &auditor)).await;
    let all = ask("/audit?event=person.unmasked").await.text;
    assert!(all.contains("/audit?event=looks&amp;subject=person%3A1"), "{all}");
    let page = ask("/audit?event=looks&subject=person:1").await.text;
    assert!(
        page.contains("谁查看过此人") && page.contains("姓名zhang（zhang）") && page.contains("查看号码"),
        "{page}"
    );
    ask("/audit?text=%E5%BC%A0%E4%B8%89").await;
    let events = bed.events_of().await;
    assert_eq!(events.iter().filter(|it| it.0 == "journal.searched").count(), 3);
    let by = Actor::system("test");
    let entries = anlan_store::journal::after(&bed.world, &by, 0, 1000).await.unwrap();
    let bodies: Vec<_> = entries.iter().filter(|it| it.event == "journal.searched").map(|it| &it.body).collect();
    assert!(bodies[1].contains("person:1") && bodies[1].contains("looks"), "{bodies:?}");
    assert!(!bodies[2].contains("张三"), "what may be a name is not kept: {bodies:?}");
}

#[rstest]
#[tokio::test]
async fn an_export_holds_exactly_what_is_filtered_with_personal_data_sealed(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    bed.account("zhang", "duty_officer").await;
    let auditor = bed.signed_in("shenji", "audit_admin").await;
    bed.entry("round.started", "=cmd()", None).await;
    bed.entry("round.started", "r2", None).await;
    let ask = async |path: &str| bed.call(with(get(path), "cookie", &auditor)).await;
    let file = ask("/audit/export.csv?event=round.started").await;
    assert_eq!(file.header("content-type"), "text/csv; charset=utf-8");
    let lines: Vec<_> = file.text.lines().collect();
    assert_eq!(lines.len(), 3, "{}", file.text);
    assert!(lines[1].contains(",r2,") && lines[2].contains(",'=cmd(),"), "{}", file.text);
    let accounts = ask("/audit/export.csv?event=account.created").await.text;
    assert!(
        accounts.contains("〔封存〕") && !accounts.contains("argon2") && !accounts.contains("sealed"),
        "{accounts}"
    );
    let exported = bed.events_of().await.into_iter().filter(|it| it.0 == "journal.exported").count();
    assert_eq!(exported, 2);
}

#[tokio::test]
async fn the_workbook_opens_as_one() {
    let bed = Bed::new(Engine::Sqlite).await;
    let auditor = bed.signed_in("shenji", "audit_admin").await;
    let answer = bed.bytes(with(get("/audit/export.xlsx"), "cookie", &auditor)).await;
    assert!(answer.starts_with(b"PK\x03\x04"));
}

#[rstest]
#[case("security_admin")]
#[case("system_admin")]
#[case("duty_leader")]
#[tokio::test]
async fn nobody_else_reads_the_journal(#[case] role: &str) {
    let bed = Bed::new(Engine::Sqlite).await;
    let cookie = bed.signed_in("somebody", role).await;
    for path in ["/audit", "/audit/export.csv", "/audit/export.xlsx", "/api/v1/journal/search"] {
        assert_eq!(bed.call(with(get(path), "cookie", &cookie)).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(json!(bed.events_of().await.iter().any(|it| it.0.starts_with("journal."))), json!(false));
}
