//! The page of a round as officers work it: tiles, filters, records from the row, doors, lists for superiors.

mod night;

use anlan_kernel::Actor;
use anlan_store::journal;
use anlan_testbed::Engine;
use anlan_warn::{CallState, model::EscalationState};
use anlan_web::percent;
use night::{
    DISTRICT, Night, at,
    caller::{Caller, red},
    long,
};
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value as Json, json};

/// The numbers of the figures: everybody called, then every part.
fn figures(page: &str) -> Vec<i64> {
    let pieces = page.split("class=\"figure").skip(1);
    let numbers = pieces.filter_map(|it| it.split("<b class=\"num\">").nth(1)?.split('<').next()?.parse().ok());
    numbers.collect()
}

fn rows(page: &str) -> usize {
    page.matches("data-row").count()
}

async fn page_of(officer: &Caller, night: &Night, query: &str) -> String {
    let round = night.round(1).await.id;
    let (status, page) = officer.page(&format!("/rounds/{round}{query}")).await;
    assert_eq!(status, 200, "{page}");
    page
}

/// What the journal says happened, in order.
async fn events(night: &Night, name: &str) -> Vec<Json> {
    while journal::seal(&night.world, None).await.unwrap() > 0 {}
    let entries = journal::after(&night.world, &Actor::system("test"), 0, 100_000).await.unwrap();
    entries.into_iter().filter(|it| it.event == name).map(|it| serde_json::from_str(&it.body).unwrap()).collect()
}

#[rstest]
#[tokio::test]
async fn figures_tiles_and_the_list_are_of_one_moment(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let night = red(engine).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    night.until(at(60)).await;
    let waiting = page_of(&officer, &night, "").await;
    assert!(
        waiting.contains("data-until") && waiting.contains("停止本轮") && waiting.contains("还没有叫人"),
        "{waiting}"
    );
    for second in [121, 130, 400, 900, 1_800] {
        night.until(at(second)).await;
        let page = page_of(&officer, &night, "").await;
        let figures = figures(&page);
        assert_eq!(figures[0], figures[1..].iter().sum::<i64>(), "{figures:?}");
        assert_eq!(usize::try_from(figures[0]).unwrap(), rows(&page), "everybody fits on one page here");
    }
    let page = page_of(&officer, &night, "").await;
    for words in ["区级", "区划440303001", "区划440303001001", "class=\"tile"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let street = Caller::with(&night, "street_officer", Some("440303002")).await;
    let own = page_of(&street, &night, "").await;
    assert!(own.contains("人员east") && !own.contains("人员lead"), "a street sees its own");
}

#[rstest]
#[tokio::test]
async fn the_list_is_filtered_searched_and_sorted(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let night = red(engine).await;
    night.until(at(400)).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    let tail = &long("23")[7..];
    for (query, found, who) in [
        ("?region=440303002", 2, "人员east"),
        ("?region=440303001001", 2, "人员lead"),
        ("?state=calling,escalated", 1, "人员lead"),
        ("?who=district", 1, "人员boss"),
        ("?who=duty_room&sort=place", 3, "bureau值班室"),
        ("?q=eas", 1, "人员east"),
        (&*format!("?q={tail}"), 1, "人员east"),
        ("?q=street-1&sort=tries", 1, "street-1值班室"),
        ("?state=answered&q=boss&region=440303&who=district&sort=last&page=1", 1, "人员boss"),
    ] {
        let page = page_of(&officer, &night, query).await;
        assert!(rows(&page) == found && page.contains(who), "{query}: {} rows", rows(&page));
    }
    assert_eq!(rows(&page_of(&officer, &night, "?q=nobody").await), 0);
    assert_eq!(rows(&page_of(&officer, &night, "?page=9").await), 0);
    let round = night.round(1).await.id;
    for wrong in ["state=asleep", "region=here", "who=cats"] {
        assert_eq!(officer.page(&format!("/rounds/{round}?{wrong}")).await.0, 400, "{wrong}");
    }
    let (status, sheet) =
        officer.send(Method::GET, &format!("/rounds/{round}/export.xlsx?state=answered"), None, "text/html").await;
    assert!(status == 200 && sheet.starts_with("PK"));
    let integrator = Caller::with(&night, "integrator", Some(DISTRICT)).await;
    assert_eq!(integrator.page(&format!("/rounds/{round}")).await.0, 403);
}

#[rstest]
#[tokio::test]
async fn whom_no_call_reached_is_recorded_from_the_row_and_the_list_goes_to_zero(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    night.until(at(300)).await;
    let call = night.call(1, "person:lead").await;
    let here = format!("/rounds/{}?state=calling,escalated", call.round);
    let record = format!("/calls/{}/record", percent(&call.id));
    let form = json!({"how": "reached_on_site", "next": here.replace('?', "%3F").replace('=', "%3D")});
    let (status, location) = officer.moved(&record, form.clone()).await;
    assert_eq!((status, location.as_str()), (303, here.as_str()), "back to the same list");
    assert_eq!(night.call(1, "person:lead").await.state, CallState::ReachedOnSite);
    assert_eq!(officer.form(&record, form).await.0, 409, "found is found");
    let (_, location) =
        officer.moved(&record.replace("lead", "boss"), json!({"how": "reached_on_site", "next": "//evil"})).await;
    assert!(!location.contains("evil"), "{location}");
    let page = page_of(&officer, &night, "?state=not_reached,escalated,no_contact").await;
    assert_eq!(rows(&page), 0);
}

#[rstest]
#[tokio::test]
async fn a_printed_door_list_holds_numbers_and_says_in_the_journal_whose(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    let officer = Caller::with(&night, "duty_officer", Some(DISTRICT)).await;
    while night.call_state(1, "person:lead").await != Some(CallState::Escalated) {
        night.until(night.world.now().plus(std::time::Duration::from_secs(5))).await;
    }
    let print = format!("/rounds/{}/door-list", night.round(1).await.id);
    let (status, list) = officer.form(&print, json!({})).await;
    assert_eq!(status, 200, "{list}");
    for words in ["上门叫醒名单", "人员lead", &long("21"), "谁去", "人员a", &long("22"), "叫醒到岗"] {
        assert!(list.contains(words), "{words}: {list}");
    }
    assert!(!list.contains("人员east"), "only who has to be knocked up");
    let printed = events(&night, "round.door_list_printed").await;
    assert_eq!(printed.len(), 1);
    assert_eq!(printed[0]["detail"]["people"], json!(["person:lead"]));
    let (_, none) = officer.form(&format!("{print}?region=440303002"), json!({})).await;
    assert!(none.contains("没有需要上门的人"), "{none}");
    let admin = Caller::with(&night, "system_admin", None).await;
    assert_eq!(admin.form(&print, json!({})).await.0, 403);
}

#[rstest]
#[tokio::test]
async fn a_superior_refuses_a_list_and_the_next_one_is_called(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(engine).await;
    let street = Caller::with(&night, "street_officer", Some("440303001")).await;
    let list = loop {
        night.until(night.world.now().plus(std::time::Duration::from_secs(1))).await;
        if let Some(list) = night.lists().await.into_iter().find(|it| it.state == EscalationState::Calling) {
            break list;
        }
    };
    let path = format!("/escalations/{}", percent(&list.id));
    let (status, page) = street.page(&path).await;
    assert!(status == 200 && page.contains("人员lead") && page.contains("不能接手"), "{page}");
    assert_eq!(street.form(&format!("{path}/refuse"), json!({"note": "在外地"})).await.0, 303);
    let after = night.lists().await.remove(0);
    assert_eq!((after.state, after.link), (EscalationState::Calling, list.link + 1));
    let refused = events(&night, "escalation.refused").await;
    assert!(!refused[0].to_string().contains("在外地"), "what was written is sealed: {refused:?}");
    let east = Caller::with(&night, "street_officer", Some("440303002")).await;
    assert_eq!(east.form(&format!("{path}/refuse"), json!({})).await.0, 404);
    assert_eq!(street.form(&format!("{path}/accept"), json!({"note": "罗文已派人"})).await.0, 303);
    assert_eq!(night.call(1, "person:lead").await.state, CallState::HandedOver);
    assert_eq!(street.form(&format!("{path}/refuse"), json!({})).await.0, 409);
}
