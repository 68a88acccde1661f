//! Nights told from the signal to the last final state, on both engines, with the simulated carrier.

mod night;

use anlan_monitor::{Alarm, AlarmState};
use anlan_register::{Rank, Role};
use anlan_testbed::Engine;
use anlan_warn::{
    CallState,
    flow::CallEvent,
    model::{EscalationState, RoundState},
};
use night::{DISTRICT, Night, Roster, Setting, at, desk, long, officer};
use rstest::rstest;

/// One community with a lead and two deputies, one street lead, all rooms.
fn roster() -> Roster {
    Roster::rooms()
        .person("boss", DISTRICT, Rank::Lead, Some("10"))
        .person("street", "440303001", Rank::Lead, Some("11"))
        .person("lead", "440303001001", Rank::Lead, Some("21"))
        .person("a", "440303001001", Rank::DeputyA, Some("22"))
        .person("b", "440303001001", Rank::DeputyB, Some("23"))
}

/// Everybody presses 1 at the first ring but those named afterwards.
fn quiet(engine: Engine) -> Setting {
    ["900", "901", "902", "10", "11", "21", "22", "23"]
        .iter()
        .fold(Setting::on(engine), |setting, short| setting.phone(&long(short), "answers:1"))
}

async fn red(setting: Setting) -> Night {
    let night = setting.begin().await;
    night.roster(roster()).await;
    night.red().await;
    night
}

#[rstest]
#[tokio::test]
async fn a_round_starts_after_two_minutes_and_everybody_answers(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(quiet(engine)).await;
    night.until(at(119)).await;
    assert!(night.calls().await.is_empty(), "nobody is called before the two minutes are over");
    night.to_the_end().await;
    let ends = night.ends(1).await;
    assert_eq!(ends.len(), 8);
    assert!(ends.values().all(|it| *it == "answered"), "{ends:?}");
    assert_eq!(night.round(1).await.state, RoundState::Done);
    let words = &night.words_to(&long("21"))[0];
    assert!(words.starts_with("【回放演示】【区三防办】") && words.ends_with("【回放演示】"), "{words}");
    assert!(words.contains("区划440303001001防汛责任人"), "{words}");
    assert_eq!(night.most_dials(), 1);
}

#[rstest]
#[tokio::test]
async fn every_way_to_end_well(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let setting = quiet(engine)
        .phone(&long("11"), "second-try:1")
        .phone(&long("21"), "never; sms-reply:收到。")
        .phone(&long("22"), "heard; sms-none")
        .phone(&long("23"), "never; sms-none");
    let night = red(setting).await;
    night.until(at(130)).await;
    let token = link(&night, "person:b").await;
    assert!(night.warn.asked(&token).await.unwrap().is_some());
    assert!(night.call(1, "person:b").await.open, "opening the page answers nothing");
    night.warn.answer_by_page(&token, 1).await.unwrap();
    night.to_the_end().await;
    let found = |call: anlan_warn::Call| (call.state, call.via.unwrap_or_default(), call.attempts);
    assert_eq!(found(night.call(1, "person:street").await), (CallState::Answered, "voice".into(), 2));
    assert_eq!(found(night.call(1, "person:lead").await), (CallState::Answered, "sms".into(), 3));
    assert_eq!(found(night.call(1, "person:b").await), (CallState::Answered, "page".into(), 1));
    // Hearing it is weaker than a key: one level up was asked first, and the superior took over.
    assert_eq!(night.call(1, "person:a").await.state, CallState::HandedOver);
}

/// The answer link as the message would carry it.
async fn link(night: &Night, callee: &str) -> String {
    let call = night.call(1, callee).await;
    night.warn.answer_link(&call.id).rsplit('/').next().unwrap().to_owned()
}

#[rstest]
#[tokio::test]
async fn hearing_in_full_is_the_answer_where_the_ladder_says_so(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = quiet(engine).phone(&long("21"), "heard").phone(&long("22"), "hangs-up").begin().await;
    night.roster(roster()).await;
    night.signal("orange", Some("orange"), "发布", &[DISTRICT]).await;
    night.to_the_end().await;
    let ends = night.ends(2).await;
    assert_eq!((ends["person:lead"], ends["person:a"]), ("heard_in_full", "handed_over"));
    assert!(!ends.contains_key("room:bureau"), "the depth of level 2 leaves the rooms out");
}

#[rstest]
#[tokio::test]
async fn key_2_calls_the_deputies_at_once_and_key_3_rings_the_desk(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let setting = quiet(engine).phone(&long("21"), "answers:2").phone(&long("22"), "second-try:3");
    let night = red(setting).await;
    night.until(at(240)).await;
    let (lead, deputy) = (night.call(1, "person:lead").await, night.call(1, "person:a").await);
    assert_eq!(lead.key, Some(2));
    assert_eq!(deputy.attempts, 2, "the first attempt rang out");
    let second = night.outbox().await.into_iter().find(|it| it.id == format!("{}#2", deputy.id)).unwrap();
    assert_eq!(second.priority, 1, "a redial waits for its turn until somebody needs the deputy");
    night.to_the_end().await;
    assert_eq!(night.call(1, "person:a").await.key, Some(3));
    let help = night.help().await;
    assert_eq!(help.len(), 1);
    let taken = night.warn.take_help(&desk(), &help[0].id).await.unwrap();
    assert_eq!(taken.taken_by.as_deref(), Some("user:zhou"));
    assert_eq!(
        night.warn.take_help(&desk(), &help[0].id).await.unwrap_err().to_string().split(':').next(),
        Some("help_is_taken")
    );
}

#[rstest]
#[tokio::test]
async fn a_deputy_in_no_audience_is_called_when_the_lead_cannot_come(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let setting = quiet(engine).phone(&long("30"), "answers:2").phone(&long("31"), "answers:1");
    let night = setting.begin().await;
    let on_duty = roster().person("first", "440304", Rank::Member, Some("30")).on_duty("first", Role::First);
    night.roster(on_duty.person("second", "440304", Rank::Member, Some("31")).on_duty("second", Role::Second)).await;
    night.red().await;
    night.to_the_end().await;
    assert_eq!(night.call(1, "person:first").await.deputies, ["person:second"]);
    assert_eq!(night.call(1, "person:second").await.state, CallState::Answered);
}

#[rstest]
#[tokio::test]
async fn silence_is_merged_into_one_call_and_one_list(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let setting =
        ["21", "22", "23"].iter().fold(quiet(engine), |setting, it| setting.phone(&long(it), "never; sms-none"));
    let night = red(setting).await;
    night.to_the_end().await;
    let lists = night.lists().await;
    assert_eq!(lists.len(), 1, "{lists:?}");
    assert_eq!((lists[0].state, lists[0].accepted_by.as_deref()), (EscalationState::Accepted, Some("person:street")));
    for callee in ["person:lead", "person:a", "person:b"] {
        let call = night.call(1, callee).await;
        assert_eq!((call.state, call.by_whom.as_deref()), (CallState::HandedOver, Some("person:street")));
    }
    let words = night.words_to(&long("11")).into_iter().filter(|it| it.contains("未叫通")).collect::<Vec<_>>();
    assert_eq!(words.len(), 2, "one call, and the list in writing: {words:?}");
    assert!(words.iter().all(|it| it.contains("有3人未叫通")), "{words:?}");
}

#[rstest]
#[tokio::test]
async fn the_chain_goes_up_until_somebody_takes_over_or_nobody_did(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let all = ["900", "901", "902", "10", "11", "21", "22", "23"];
    let setting = all.iter().fold(Setting::on(engine), |setting, it| setting.phone(&long(it), "power-off; sms-none"));
    let night = red(setting).await;
    night.to_the_end().await;
    let ends = night.ends(1).await;
    assert!(ends.values().all(|it| *it == "not_reached"), "{ends:?}");
    assert!(night.lists().await.iter().all(|it| it.state == EscalationState::Failed));
    assert_eq!(night.round(1).await.state, RoundState::Done);
}

#[rstest]
#[tokio::test]
async fn an_officer_of_the_street_takes_the_list_over(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let setting = quiet(engine).phone(&long("21"), "never; sms-none").phone(&long("11"), "never");
    let night = red(setting).await;
    let list = loop {
        night.until(night.world.now().plus(std::time::Duration::from_secs(10))).await;
        let found = night.lists().await.into_iter().find(|it| it.region.as_str() == "440303001");
        if let Some(list) = found.filter(|it| it.state == EscalationState::Calling) {
            break list;
        }
    };
    let other = officer("elsewhere", "440303002");
    assert!(
        night.warn.accept_list(&other, &list.id, None).await.unwrap_err().to_string().contains("no_such_escalation")
    );
    let own = officer("lianhua", "440303001");
    night.warn.accept_list(&own, &list.id, Some("逐户上门".into())).await.unwrap();
    let call = night.call(1, "person:lead").await;
    assert_eq!((call.state, call.by_whom.as_deref()), (CallState::HandedOver, Some("user:lianhua")));
    night.to_the_end().await;
}

#[rstest]
#[tokio::test]
async fn no_number_is_a_final_state_and_the_spare_number_is_tried_in_turn(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = quiet(engine).phone(&long("40"), "empty").phone(&long("41"), "answers:1").begin().await;
    let roster = roster()
        .person("nobody", "440303002001", Rank::Lead, None)
        .person("two", "440303002001", Rank::DeputyA, Some("40"))
        .spare("41");
    night.roster(roster).await;
    night.red().await;
    night.to_the_end().await;
    let ends = night.ends(1).await;
    assert_eq!((ends["person:nobody"], ends["person:two"]), ("no_contact", "answered"));
}

#[rstest]
#[tokio::test]
async fn a_graver_level_absorbs_what_is_open_and_names_the_new_round(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let setting = quiet(engine).phone(&long("21"), "never; sms-none");
    let night = setting.begin().await;
    night.roster(roster()).await;
    night.signal("orange", Some("orange"), "发布", &[DISTRICT]).await;
    night.until(at(15)).await;
    night.signal("red", Some("red"), "升级", &[DISTRICT]).await;
    night.until(at(140)).await;
    let (orange, red) = (night.round(2).await, night.round(1).await);
    assert_eq!(orange.state, RoundState::Absorbed);
    let absorbed = night.call(2, "person:lead").await;
    assert_eq!((absorbed.state, absorbed.by_whom), (CallState::Cancelled, Some(red.id)));
    night.to_the_end().await;
    assert_eq!(night.ends(1).await["person:lead"], "handed_over");
}

#[rstest]
#[tokio::test]
async fn a_growing_area_calls_those_not_called_yet_and_nobody_twice(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = quiet(engine).phone(&long("50"), "answers:1").begin().await;
    night.roster(roster().person("east", "440303002001", Rank::Lead, Some("50"))).await;
    night.signal("one", Some("red"), "发布", &["440303001"]).await;
    night.to_the_end().await;
    let before = night.ends(1).await;
    assert!(!before.contains_key("person:east") && before.contains_key("person:lead"));
    night.signal("two", Some("red"), "发布", &["440303002"]).await;
    night.to_the_end().await;
    assert_eq!(night.rounds().await.len(), 1, "the round grows");
    assert_eq!(night.ends(1).await.len(), before.len() + 2, "the east's lead and room");
    assert_eq!(night.log().items.values().filter(|it| it.to == long("21")).count(), 1);
}

#[rstest]
#[tokio::test]
async fn a_signal_for_the_whole_city_calls_the_district(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let night = quiet(engine).begin().await;
    night.roster(roster()).await;
    night.signal("city", Some("red"), "发布", &["4403"]).await;
    night.to_the_end().await;
    assert_eq!(night.ends(1).await.len(), 8);
}

#[rstest]
#[tokio::test]
async fn a_lower_signal_informs_and_proposes_and_lifts_nothing(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(quiet(engine)).await;
    night.to_the_end().await;
    night.signal("yellow", Some("yellow"), "降级", &[DISTRICT]).await;
    night.settle().await;
    let process = night.process().await;
    assert!(process.open && process.stand_down_proposed);
    assert_eq!(night.rounds().await.len(), 1, "nobody is called by a fall");
    let told: Vec<_> = night.outbox().await.into_iter().filter(|it| it.id.starts_with("inform:")).collect();
    assert_eq!(told.len(), 3, "the duty rooms are told by message");
    assert!(night.words_to(&long("901")).iter().any(|it| it.contains("未自动解除")));
}

#[rstest]
#[tokio::test]
async fn stopping_ends_every_open_call_and_nobody_rings_afterwards(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let setting = quiet(engine).phone(&long("21"), "never; sms-none").phone(&long("22"), "never; sms-none");
    let night = red(setting).await;
    night.until(at(300)).await;
    let round = night.round(1).await.id;
    let street = officer("street", "440303001");
    assert!(night.warn.stop_round(&street, &round, "误报").await.is_err(), "a street cannot stop the district's round");
    night.warn.stop_round(&desk(), &round, "误报").await.unwrap();
    let dialled = night.log().items.len();
    night.until(at(3_600)).await;
    assert_eq!(night.log().items.len(), dialled);
    let ends = night.ends(1).await;
    assert_eq!((ends["person:lead"], ends["person:street"]), ("cancelled", "answered"));
    let twice = night.warn.stop_round(&desk(), &round, "误报").await.unwrap_err();
    assert!(twice.to_string().starts_with("round_is_over"));
}

#[rstest]
#[tokio::test]
async fn a_pending_round_can_be_stopped_before_it_calls_anybody(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = red(quiet(engine)).await;
    night.until(at(60)).await;
    night.warn.stop_round(&desk(), &night.round(1).await.id, "误报").await.unwrap();
    night.signal("red again", Some("red"), "变更", &[DISTRICT]).await;
    night.until(at(600)).await;
    assert!(night.calls().await.is_empty(), "an officer's stop holds against the same level");
}

#[rstest]
#[tokio::test]
async fn the_officer_raises_and_stands_down_to_exactly_the_same_list(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = quiet(engine).phone(&long("900"), "sms-none").begin().await;
    night.roster(roster()).await;
    night.signal("yellow", Some("yellow"), "发布", &[DISTRICT]).await;
    night.until(at(130)).await;
    let process = night.process().await.id;
    assert!(night.warn.raise(&desk(), &process, 3).await.is_err(), "only to a graver level");
    night.warn.raise(&desk(), &process, 1).await.unwrap();
    night.to_the_end().await;
    let mut called: Vec<_> = night.calls().await.into_iter().map(|it| it.callee).collect();
    called.sort();
    called.dedup();
    let told = night.warn.stand_down(&desk(), &process, "风力减弱").await.unwrap();
    night.settle().await;
    let mut heard: Vec<_> = night
        .outbox()
        .await
        .into_iter()
        .filter(|it| it.id.starts_with("stand_down:"))
        .map(|it| it.payload["callee"].as_str().unwrap().to_owned())
        .collect();
    heard.sort();
    assert_eq!(heard, called);
    assert_eq!(told, i64::try_from(called.len()).unwrap());
    night.until(night.world.now().plus(std::time::Duration::from_secs(60))).await;
    let words = night.words_to(&long("21"));
    assert!(words.iter().any(|it| it.contains("本次叫应解除：风力减弱。请按预案继续做好防范")), "{words:?}");
    let process = night.process().await;
    assert_eq!((process.open, process.ended_by.as_deref()), (false, Some("user:zhou")));
}

#[rstest]
#[tokio::test]
async fn what_an_officer_records_is_final_and_a_late_answer_stands_beside_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let setting = quiet(engine).phone(&long("21"), "second-try:3").phone(&long("22"), "never; sms-none");
    let night = red(setting).await;
    night.until(at(135)).await;
    let (lead, deputy) = (night.call(1, "person:lead").await.id, night.call(1, "person:a").await.id);
    let street = officer("lianhua", "440303001");
    let on_site = |by: &str| CallEvent::ReachedOnSite { by: by.to_owned() };
    night.warn.record(&street, &deputy, on_site("user:lianhua"), Some("敲门叫醒".into())).await.unwrap();
    let call = night.call(1, "person:a").await;
    assert_eq!((call.state, call.note.as_deref()), (CallState::ReachedOnSite, Some("敲门叫醒")));
    let again = night.warn.record(&street, &deputy, on_site("user:lianhua"), None).await.unwrap_err();
    assert!(again.to_string().starts_with("call_is_final"));
    let token = link(&night, "person:lead").await;
    night.warn.record(&desk(), &lead, CallEvent::RecordedByColleague { by: "user:zhou".into() }, None).await.unwrap();
    night.warn.answer_by_page(&token, 3).await.unwrap();
    let call = night.call(1, "person:lead").await;
    assert_eq!((call.state, call.late_key), (CallState::RecordedByColleague, Some(3)));
    assert_eq!(night.help().await.len(), 1);
    night.to_the_end().await;
}

#[rstest]
#[tokio::test]
async fn a_message_is_sent_again_after_the_gap_when_nobody_replied(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = quiet(engine).phone(&long("901"), "sms-none").phone(&long("900"), "sms-reply:1").begin().await;
    night.roster(roster()).await;
    night.signal("yellow", Some("yellow"), "发布", &[DISTRICT]).await;
    night.to_the_end().await;
    let silent = night.call(3, "room:street-1").await;
    assert_eq!((silent.state, silent.attempts), (CallState::NotReached, 2));
    assert_eq!(night.call(3, "room:bureau").await.attempts, 1);
}

#[rstest]
#[tokio::test]
async fn a_forwarded_signal_reaches_the_duty_rooms_unchanged(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = quiet(engine).begin().await;
    night.roster(roster()).await;
    let id = night.signal("no colour", None, "发布", &[]).await;
    night.monitor.acknowledge_signal(&desk(), &id).await.unwrap();
    night.monitor.forward_signal(&desk(), &id).await.unwrap();
    night.settle().await;
    for room in ["900", "901", "902"] {
        let words = night.words_to(&long(room));
        assert!(words.len() == 1 && words[0].contains("转发市气象台：市气象台台风信号 no colour"), "{words:?}");
    }
    assert!(night.calls().await.is_empty());
}

#[rstest]
#[tokio::test]
async fn after_an_erasure_nothing_anybody_wrote_of_them_can_be_read(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let setting = quiet(engine).phone(&long("21"), "never; sms-text:我在外地").phone(&long("22"), "answers:3");
    let night = red(setting).await;
    night.until(at(300)).await;
    let asked = night.call(1, "person:a").await.id;
    night.warn.take_help(&desk(), &asked).await.unwrap();
    night.warn.end_help(&desk(), &asked, "他家进水，送去表弟家").await.unwrap();
    let call = night.call(1, "person:lead").await.id;
    let by = CallEvent::RecordedByColleague { by: "user:zhou".into() };
    night.warn.record(&desk(), &call, by, Some("他妻子接的电话".into())).await.unwrap();
    night.to_the_end().await;
    let (actor, urgent) = (anlan_kernel::Actor::system("test"), anlan_store::Urgency::Urgent);
    for (person, least) in [("person:lead", 2), ("person:a", 1)] {
        let erase = move |tx: &mut anlan_store::Tx<'_>| {
            let count = anlan_warn::call::forget(tx, person)?;
            tx.destroy_key(person)?;
            Ok(count)
        };
        let forgotten = night.world.write("erase", urgent, &actor, erase).await.unwrap();
        assert!(forgotten >= least, "{person}: notes, receipts with words or reasons, what came of a request");
    }
    while anlan_store::journal::seal(&night.world, None).await.unwrap() > 0 {}
    let entries = anlan_store::journal::after(&night.world, &actor, 0, 100_000).await.unwrap();
    let journal: String = entries.into_iter().map(|it| it.body).collect();
    let dump = format!("{:?}", night.world.dump().await.unwrap());
    for words in ["我在外地", "他妻子接的电话", "他家进水"] {
        assert!(!dump.contains(words) && !journal.contains(words), "{words}");
    }
}

async fn alarm(night: &Night, id: &str, areas: &[&str], cleared: bool) {
    let grade = anlan_kernel::Grade::new(1).unwrap();
    let now = night.world.now();
    let alarm = Alarm {
        id: id.into(),
        rule: "gale".into(),
        station: id.into(),
        hazard: Some("typhoon".into()),
        title: anlan_kernel::Text::new("10 分钟平均风", "10-minute wind"),
        grade,
        peak: grade,
        state: if cleared { AlarmState::Cleared } else { AlarmState::Open },
        raised_at: now,
        changed_at: now,
        cleared_at: cleared.then_some(now),
        region: night::code("440303"),
        areas: areas.iter().map(|it| night::code(it)).collect(),
        revision: 0,
    };
    let (warn, actor) = (std::sync::Arc::clone(&night.warn), anlan_kernel::Actor::system("monitor"));
    night
        .world
        .write("alarm", anlan_store::Urgency::Urgent, &actor, move |tx| {
            tx.put(&alarm)?;
            tx.record(anlan_store::Event::new("alarm.moved", &alarm.id))?;
            anlan_warn::process::alarm_came(&warn, tx, &alarm)
        })
        .await
        .unwrap();
}

#[rstest]
#[tokio::test]
async fn a_measured_alarm_calls_where_its_station_speaks_and_its_end_only_proposes(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let night = quiet(engine).begin().await;
    night.roster(roster()).await;
    alarm(&night, "upstream", &[], false).await;
    assert!(night.rounds().await.is_empty(), "a station upstream raises alarms and never calls");
    alarm(&night, "one", &["440303001"], false).await;
    alarm(&night, "two", &["440303001"], false).await;
    night.to_the_end().await;
    assert_eq!(night.rounds().await.len(), 1);
    assert!(!night.ends(1).await.contains_key("room:street-2"));
    alarm(&night, "one", &["440303001"], true).await;
    assert!(!night.process().await.stand_down_proposed, "another alarm still stands");
    alarm(&night, "two", &["440303001"], true).await;
    let process = night.process().await;
    assert!(process.open && process.stand_down_proposed);
    night.until(at(3_600 * 14)).await;
    assert!(!night.process().await.open, "it ends by itself twelve hours after the last alarm");
}
