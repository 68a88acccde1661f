//! Responses from the signal to the end, over HTTP and on a telephone.

mod bed;

use anlan_command::response::{Response, State, Step, StepState};
use anlan_testbed::Engine;
use bed::{Bed, at, percent};
use rstest::rstest;
use serde_json::json;

async fn last(bed: &Bed) -> Step {
    bed.all::<Step>().await.into_iter().max_by_key(|it| it.number).unwrap()
}

fn path(step: &Step, verb: &str) -> String {
    format!("/response-steps/{}/{verb}", percent(&step.id))
}

#[rstest]
#[tokio::test]
async fn a_signal_proposes_a_person_approves_and_a_fall_lifts_nothing(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let (leader, officer) = (bed.account("chen", "duty_leader").await, bed.account("zhou", "duty_officer").await);
    bed.signal("orange", Some("orange"), "发布").await;
    let step = last(&bed).await;
    assert_eq!((step.level, step.state), (Some(2), StepState::Open));
    assert_eq!(step.warning, Some(anlan_kernel::Colour::Orange), "预警级别 is a field of its own");
    let response = bed.one::<Response>().await;
    assert_eq!((response.state, response.level, response.event_grade), (State::Proposed, None, None));
    assert_eq!(officer.form(&path(&step, "approve"), &[]).await.0, 403, "recording a yes is not giving it");
    let (_, page) = leader.page(&format!("/responses/{}", response.id)).await;
    assert!(page.contains("data-key=\"y\"") && page.contains("依据 参照北京市"), "{page}");
    assert_eq!(leader.form(&path(&step, "approve"), &[]).await.0, 303);
    assert_eq!(bed.one::<Response>().await.level, Some(2));
    assert_eq!(leader.form(&path(&step, "approve"), &[]).await.0, 409);
    assert!(officer.page("/").await.1.contains("防台风 Ⅱ 级"));

    bed.signal("red", Some("red"), "升级").await;
    assert_eq!(bed.one::<Response>().await.level, Some(2), "a graver signal proposes");
    assert_eq!(leader.form(&path(&last(&bed).await, "approve"), &[]).await.0, 303);
    assert_eq!(bed.one::<Response>().await.level, Some(1));

    bed.signal("blue", Some("blue"), "降级").await;
    let fall = last(&bed).await;
    assert_eq!((fall.words().zh.as_str(), fall.state), ("建议降级至Ⅳ级响应", StepState::Open));
    assert_eq!(bed.one::<Response>().await.level, Some(1), "a fall proposes and lifts nothing");
    bed.signal("over", None, "解除").await;
    let end = last(&bed).await;
    assert_eq!(end.words().zh, "建议终止响应");
    let declined = json!({"note": "雨还没停"});
    assert_eq!(leader.post(&format!("/api/v1{}", path(&end, "decline")), declined).await.0, 200);
    assert_eq!(bed.one::<Response>().await.state, State::Running);
    let hand = json!({"plan": "typhoon", "level": null, "words": "雨停"});
    assert_eq!(officer.post("/api/v1/responses", hand).await.0, 201);
    assert_eq!(leader.form(&path(&last(&bed).await, "approve"), &[]).await.0, 303);
    let response = bed.one::<Response>().await;
    assert_eq!((response.state, response.open), (State::Ended, false));
    let (_, story) = officer.get(&format!("/api/v1/responses/{}", response.id)).await;
    assert_eq!(story["sequence"].as_array().unwrap().len(), 5, "the whole sequence is kept: {story}");
    assert!(!bed.journal().await.contains("雨还没停"));
}

#[rstest]
#[tokio::test]
async fn a_verbal_yes_starts_at_once_and_stays_open_until_it_is_signed(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let (leader, officer) = (bed.account("chen", "duty_leader").await, bed.account("zhou", "duty_officer").await);
    bed.signal("red", Some("red"), "发布").await;
    let step = last(&bed).await;
    assert_eq!(officer.form(&path(&step, "verbal"), &[("approver", "")]).await.0, 400);
    let (status, said) = officer.form(&path(&step, "verbal"), &[("approver", "林副区长"), ("number", "12ab")]).await;
    assert!(status == 400 && said.contains("号码只写数字"), "{said}");
    let (_, page) = officer.page(&format!("/responses/{}", step.response)).await;
    for leader in ["<option value=\"人员chen 责任人\">", "<option value=\"人员lin 责任人\">"] {
        assert!(page.contains(leader), "{leader} may have said yes: {page}");
    }
    let yes = [("approver", "林副区长"), ("number", "13800008021")];
    assert_eq!(officer.form(&path(&step, "verbal"), &yes).await.0, 303);
    let response = bed.one::<Response>().await;
    assert_eq!((response.state, response.level), (State::Running, Some(1)));
    let step = last(&bed).await;
    assert_eq!(step.sign_due_at, Some(at(86_400)));
    let (_, page) = officer.page("/").await;
    assert!(page.contains("林副区长") && page.contains("待补签"), "{page}");
    let (_, desk) = officer.get("/api/v1/desk").await;
    let open = desk["to_do"].as_array().unwrap().iter().find(|it| it["title"]["zh"] == "防台风：电话同意待补签");
    assert_eq!(open.map(|it| &it["urgency"]), Some(&json!("routine")), "{desk}");
    let journal = bed.journal().await;
    assert!(!journal.contains("林副区长") && !journal.contains("13800008021"), "who said yes is sealed");
    bed.until(at(86_400 + 3 * 3_600)).await;
    let journal = bed.journal().await;
    let chased = journal.matches("response.unsigned").count();
    assert_eq!(chased, 3, "each of two approvers is asked once, then nobody is left");
    let (_, desk) = officer.get("/api/v1/desk").await;
    let late = desk["to_do"].as_array().unwrap().iter().find(|it| it["title"]["zh"] == "防台风：电话同意补签超时");
    assert_eq!(late.map(|it| &it["urgency"]), Some(&json!("overdue")), "{desk}");
    assert!(officer.page("/hand-overs/new").await.1.contains("补签超时"));
    assert_eq!(officer.form(&path(&step, "sign"), &[]).await.0, 403, "not an officer's to sign");
    assert_eq!(leader.form(&path(&step, "sign"), &[]).await.0, 303);
    assert_eq!(last(&bed).await.signed_by.as_deref(), Some("user:chen"));
    assert!(!officer.get("/api/v1/desk").await.1.to_string().contains("补签"));
    let (_, page) = officer.page(&format!("/responses/{}", response.id)).await;
    assert!(
        page.contains("姓名zhou") && page.contains("姓名chen") && !page.contains(" zhou"),
        "names, not log-ins: {page}"
    );
}

#[rstest]
#[tokio::test]
async fn an_unsigned_proposal_reminds_the_approver_and_then_the_next_one(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    bed.signal("red", Some("red"), "发布").await;
    let asked = async || {
        let mut told: Vec<_> = bed.told("words").await;
        told.sort_by_key(|it| it.due_at);
        told.into_iter()
            .map(|it| it.payload["callee"].as_str().unwrap().trim_start_matches("person:").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(asked().await, ["chen"], "the leader on duty, at once");
    bed.until(at(601)).await;
    assert_eq!(asked().await, ["chen", "chen"]);
    bed.until(at(3 * 3_600)).await;
    assert_eq!(asked().await, ["chen", "chen", "lin", "lin"], "never the first officer, and an end to it");
    let words = bed.words_to("11").into_iter().find(|it| it.contains("请签批")).unwrap();
    assert!(words.contains("建议启动Ⅰ级响应") && words.contains("/responses/rs-20230901-typhoon-440303"), "{words}");
    assert_eq!(last(&bed).await.state, StepState::Open, "nothing starts by itself");
}

#[rstest]
#[tokio::test]
async fn a_declined_proposal_is_not_made_again_for_the_same_cause(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let (leader, officer) = (bed.account("chen", "duty_leader").await, bed.account("zhou", "duty_officer").await);
    let id = bed.signal("yellow", Some("yellow"), "发布").await;
    assert_eq!(leader.form(&path(&last(&bed).await, "decline"), &[("note", "再看")]).await.0, 303);
    assert_eq!(bed.one::<Response>().await.state, State::Declined);
    for verb in ["acknowledge", "forward"] {
        officer.post(&format!("/api/v1/signals/{}/{verb}", percent(&id)), json!({})).await;
    }
    bed.settle().await;
    assert_eq!(bed.all::<Step>().await.len(), 1);
    bed.signal("red", Some("red"), "升级").await;
    let steps = bed.all::<Step>().await;
    assert_eq!(steps.len(), 2, "a graver signal asks anew");
    assert_eq!(steps.iter().filter(|it| it.state == StepState::Open).count(), 1);
}

#[rstest]
#[tokio::test]
async fn the_events_grade_is_judged_by_a_person_and_moves_nothing_else(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    let (leader, officer) = (bed.account("chen", "duty_leader").await, bed.account("zhou", "duty_officer").await);
    bed.signal("orange", Some("orange"), "发布").await;
    leader.form(&path(&last(&bed).await, "approve"), &[]).await;
    let id = bed.one::<Response>().await.id;
    let grade = format!("/api/v1/responses/{id}/grade");
    assert_eq!(officer.post(&grade, json!({"grade": 7})).await.1["code"], "bad_grade");
    assert_eq!(officer.post(&grade, json!({"grade": 3})).await.0, 200);
    let response = bed.one::<Response>().await;
    assert_eq!((response.event_grade, response.level), (Some(3), Some(2)));
}

#[rstest]
#[tokio::test]
async fn whoever_recorded_a_verbal_yes_does_not_sign_it(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::new(engine).await;
    let (leader, other) = (bed.account("chen", "duty_leader").await, bed.account("lin", "duty_leader").await);
    bed.signal("red", Some("red"), "发布").await;
    let yes = [("approver", "林副区长"), ("number", "")];
    assert_eq!(leader.form(&path(&last(&bed).await, "verbal"), &yes).await.0, 303);
    let step = last(&bed).await;
    let (status, said) = leader.post(&format!("/api/v1{}", path(&step, "sign")), json!({})).await;
    assert_eq!((status, said["code"].as_str()), (409, Some("same_person")), "{said}");
    assert_eq!(other.form(&path(&step, "sign"), &[]).await.0, 303);
}
