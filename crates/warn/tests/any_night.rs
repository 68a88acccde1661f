//! Whatever the carrier and the officers do, everybody called ends in exactly one final state, and the
//! figures add up.

mod night;

use std::{collections::BTreeMap, time::Duration};

use anlan_kernel::Actor;
use anlan_register::Rank;
use anlan_simulator::carrier::Span;
use anlan_store::{StoreError, journal};
use anlan_testbed::Engine;
use anlan_warn::{CallState, flow::CallEvent};
use night::{DISTRICT, Night, Roster, Setting, at, desk, officer};
use proptest::{prelude::*, test_runner::TestRunner};
use rstest::rstest;
use serde_json::Value as Json;

/// Something an officer or a callee does, at a second of the night, to the call or list of this number.
#[derive(Clone, Debug)]
enum Act {
    Signal(&'static str, &'static str),
    Record(usize),
    OnSite(usize),
    HandOver(usize),
    Answer(usize, u8),
    Page(usize, u8),
    Accept(usize),
    Raise(u8),
    Start,
    Stop,
    StandDown,
}

fn any_act() -> impl Strategy<Value = Act> {
    let colour = prop::sample::select(vec!["red", "orange", "yellow"]);
    let area = prop::sample::select(vec![DISTRICT, "440303001", "440303002001", "4403"]);
    prop_oneof![
        3 => (colour, area).prop_map(|(colour, area)| Act::Signal(colour, area)),
        4 => (0..40usize).prop_map(Act::Record),
        3 => (0..40usize).prop_map(Act::OnSite),
        2 => (0..40usize).prop_map(Act::HandOver),
        4 => (0..40usize, 1..=3u8).prop_map(|(n, digit)| Act::Answer(n, digit)),
        4 => (0..40usize, 1..=3u8).prop_map(|(n, digit)| Act::Page(n, digit)),
        3 => (0..4usize).prop_map(Act::Accept),
        2 => (1..=3u8).prop_map(Act::Raise),
        1 => Just(Act::Start),
        1 => Just(Act::Stop),
        1 => Just(Act::StandDown),
    ]
}

fn any_night() -> impl Strategy<Value = (u64, u8, Vec<(u64, Act)>)> {
    (any::<u64>(), 0..4u8, prop::collection::vec((0..2_400u64, any_act()), 0..24))
}

async fn begin(engine: Engine, seed: u64, faults: u8) -> Night {
    let many = |roster: Roster, region: &str, from: usize| {
        let ranks = [Rank::Lead, Rank::DeputyA, Rank::DeputyB, Rank::Member, Rank::Member];
        ranks.into_iter().enumerate().fold(roster, |it, (i, rank)| {
            let number = (from + i).to_string();
            let phone = (i != 4).then_some(number.as_str());
            it.person(&number, region, rank, phone)
        })
    };
    let roster = ["440303001001", "440303001002", "440303002001", "440303001", "440303002", DISTRICT]
        .into_iter()
        .enumerate()
        .fold(Roster::rooms(), |it, (i, region)| many(it, region, 10 * (i + 1)));
    let setting = Setting::on(engine).carrier(|it| {
        it.seed = seed;
        it.lines = 8;
        let faults_of = |level: u8| f64::from(faults.saturating_sub(level)) * 0.15;
        (it.faults.doubled, it.faults.late, it.faults.overtaken) = (faults_of(0), faults_of(0), faults_of(0));
        (it.faults.refused, it.faults.silent, it.faults.forged) = (faults_of(1), faults_of(1), faults_of(1));
        (it.faults.too_many, it.faults.unavailable, it.faults.answer_lost) = (faults_of(0), faults_of(1), faults_of(1));
        it.faults.lag_ms = Span(0, 5_000);
        (it.voice.people.never, it.sms.people.nothing) = (40, 60);
    });
    let night = setting.begin().await;
    night.roster(roster).await;
    night
}

async fn act(night: &Night, act: &Act, number: usize) {
    let calls = night.calls().await;
    let call = |n: usize| calls.get(n % calls.len().max(1)).map(|it| it.id.clone());
    let (desk, street) = (desk(), officer("street", "440303001"));
    let done: Result<(), StoreError> = match act {
        Act::Signal(colour, area) => {
            night.signal(&format!("s{number}"), Some(colour), "发布", &[area]).await;
            Ok(())
        }
        Act::Record(n) | Act::OnSite(n) | Act::HandOver(n) | Act::Answer(n, _) | Act::Page(n, _) => {
            let Some(call) = call(*n) else { return };
            let by = "user:zhou".to_owned();
            match act {
                Act::Record(_) => {
                    night.warn.record(&desk, &call, CallEvent::RecordedByColleague { by }, Some("记".into())).await
                }
                Act::OnSite(_) => night.warn.record(&street, &call, CallEvent::ReachedOnSite { by }, None).await,
                Act::HandOver(_) => night.warn.record(&desk, &call, CallEvent::HandedOver { to: by }, None).await,
                Act::Answer(n, digit) => night.warn.answer_by_desk(&desk, &call, *digit, n % 2 == 0).await,
                _ => {
                    let Act::Page(_, digit) = act else { return };
                    let link = night.warn.answer_link(&call);
                    night.warn.answer_by_page(link.rsplit('/').next().unwrap(), *digit).await.map(drop)
                }
            }
        }
        Act::Accept(n) => match night.lists().await.get(*n) {
            Some(list) => night.warn.accept_list(&desk, &list.id, None).await.map(drop),
            None => Ok(()),
        },
        Act::Raise(level) => night.warn.raise(&desk, &newest_process(night).await, *level).await,
        Act::StandDown => night.warn.stand_down(&desk, &newest_process(night).await, "解除").await.map(drop),
        Act::Start | Act::Stop => {
            let Some(round) = night.rounds().await.pop() else { return };
            match act {
                Act::Start => night.warn.start_now(&desk, &round.id).await,
                _ => night.warn.stop_round(&desk, &round.id, "信号误报").await,
            }
        }
    };
    match done {
        Ok(()) | Err(StoreError::Refused(_)) => {}
        Err(error) => panic!("{act:?}: {error}"),
    }
}

async fn newest_process(night: &Night) -> String {
    let processes = night.read(|tx| tx.find::<anlan_warn::Process>("1 = 1", "ORDER BY opened_at, id", &[])).await;
    processes.last().map_or_else(String::new, |it| it.id.clone())
}

/// Every state each call was ever in, from the journal.
async fn histories(night: &Night) -> BTreeMap<String, Vec<CallState>> {
    while journal::seal(&night.world, None).await.unwrap() > 0 {}
    let entries = journal::after(&night.world, &Actor::system("test"), 0, 1_000_000).await.unwrap();
    let mut found: BTreeMap<String, Vec<CallState>> = BTreeMap::new();
    for entry in entries {
        let body: Json = serde_json::from_str(&entry.body).unwrap();
        for change in body["changes"].as_array().into_iter().flatten().filter(|it| it["t"] == "call") {
            let state = serde_json::from_value(change["r"]["state"].clone()).unwrap();
            found.entry(change["k"].as_str().unwrap().to_owned()).or_default().push(state);
        }
    }
    found
}

async fn whatever_happens(engine: Engine, seed: u64, faults: u8, acts: Vec<(u64, Act)>) {
    let night = begin(engine, seed, faults).await;
    night.red().await;
    let mut acts = acts;
    acts.sort_by_key(|it| it.0);
    for (number, (second, it)) in acts.iter().enumerate() {
        night.until(at(*second)).await;
        act(&night, it, number).await;
    }
    night.to_the_end().await;
    // Late receipts may still be under way.
    night.until(night.world.now().plus(Duration::from_secs(1_200))).await;
    let calls = night.calls().await;
    for call in &calls {
        assert!(call.state.is_final() && !call.open && call.final_at.is_some(), "{call:?}");
        assert_eq!(call.id, format!("{}/{}", call.round, call.callee), "a callee has one call in a round");
    }
    for (call, states) in histories(&night).await {
        let first = states.iter().position(|it| it.is_final()).expect("it ended");
        // An officer may find whom no call reached; apart from that the end is the end.
        let unreached = |it: &&CallState| matches!(it, CallState::NotReached | CallState::NoContact);
        let ends: Vec<_> = states[first..].iter().skip_while(unreached).collect();
        assert!(ends.iter().all(|it| *it == ends[0]), "{call}: {states:?}");
    }
    for round in night.rounds().await {
        let own = calls.iter().filter(|it| it.round == round.id);
        let sum: usize = CallState::FINAL.iter().map(|state| own.clone().filter(|it| it.state == *state).count()).sum();
        assert_eq!(sum, own.count(), "the final states of {} add up to its calls", round.id);
    }
    for item in night.log().items.values() {
        assert!(item.dials.len() <= 1, "a gateway that honours keys never sends twice: {item:?}");
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite, 12)]
#[case::postgres(Engine::Postgres, 3)]
fn everybody_ends_in_exactly_one_final_state(#[case] engine: Engine, #[case] cases: u32) {
    let config = ProptestConfig { cases, max_shrink_iters: 20, failure_persistence: None, ..ProptestConfig::default() };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    TestRunner::new(config)
        .run(&any_night(), |(seed, faults, acts)| {
            runtime.block_on(whatever_happens(engine, seed, faults, acts));
            Ok(())
        })
        .unwrap();
}
