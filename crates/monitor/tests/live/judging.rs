//! Alarms on a running world: restarts, silence, duplicates, late readings.

use anlan_monitor::{Alarm, AlarmState};
use anlan_testbed::Engine;
use rstest::rstest;

use crate::bed::{Bed, LEVEL, at, reading};

const SILENCE: &str = "[[rule]]\nid = \"silence\"\ntitle = { zh = \"断报\", en = \"Silence\" }\nquantity = \"water_level\"\n\
    clear_after = \"0s\"\n[[rule.level]]\ngrade = 4\nwhen = \"silent(30m)\"\n";
const DAY: [(u64, f64); 9] =
    [(0, 4.0), (300, 4.3), (360, 4.1), (420, 4.3), (900, 3.9), (1_200, 3.9), (1_800, 5.0), (2_700, 1.0), (4_000, 1.0)];

fn shown(alarms: &[Alarm]) -> Vec<(String, u8, AlarmState, Option<String>)> {
    alarms.iter().map(|it| (it.id.clone(), it.peak.get(), it.state, it.cleared_at.map(|it| it.to_rfc3339()))).collect()
}

#[rstest]
#[tokio::test]
async fn a_restart_after_every_reading_gives_the_same_alarms(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (steady, mut shaken) = (Bed::new(engine).await, Bed::new(engine).await);
    steady.rules(LEVEL).await;
    shaken.rules(LEVEL).await;
    for (seconds, value) in DAY {
        steady.level(seconds, value).await;
        shaken.world.clock().move_to(at(seconds));
        shaken.take(&reading("bridge", seconds, value)).await;
        shaken.restart().await;
        shaken.until(seconds).await;
        shaken.restart().await;
    }
    let wanted = shown(&steady.alarms().await);
    assert_eq!(wanted.len(), 2, "flapping is one alarm, a second crossing another: {wanted:?}");
    assert_eq!(shown(&shaken.alarms().await), wanted);
}

#[rstest]
#[tokio::test]
async fn the_position_in_the_log_is_committed_with_the_alarms(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let mut bed = Bed::new(engine).await;
    bed.rules(LEVEL).await;
    bed.level(0, 9.0).await;
    let mark = async |bed: &Bed| {
        let read = |tx: &mut anlan_store::Tx<'_>| anlan_monitor::store::log_mark(tx, "engine");
        bed.world.read(&anlan_kernel::Actor::system("test"), read).await.unwrap().unwrap()
    };
    let before = mark(&bed).await;
    assert!(before.position > 0 && before.at == at(0), "{before:?}");
    bed.restart().await;
    bed.until(1).await;
    assert_eq!(bed.alarms().await.len(), 1, "what was announced is not announced again");
    assert_eq!(bed.alarms().await[0].revision, 0);
}

#[rstest]
#[tokio::test]
async fn duplicates_and_late_readings_change_nothing_that_was_announced(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine).await;
    bed.rules(LEVEL).await;
    for (seconds, value) in DAY {
        bed.level(seconds, value).await;
    }
    let before = bed.alarms().await;
    for (seconds, value) in DAY {
        assert_eq!(bed.take(&reading("bridge", seconds, value)).await.duplicates, 1);
        assert_eq!(bed.take(&reading("bridge", seconds, 99.0)).await.duplicates, 1, "another value, the same moment");
    }
    assert_eq!(bed.take(&reading("bridge", 100, 9.0)).await.taken, 1, "late, but new");
    bed.until(4_100).await;
    assert_eq!(bed.alarms().await, before);
}

#[rstest]
#[tokio::test]
async fn a_station_that_falls_silent_is_an_alarm(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::new(engine).await;
    bed.rules(SILENCE).await;
    bed.until(3_600).await;
    assert_eq!(bed.alarms().await, [], "a station that never spoke does not fall silent");
    bed.level(3_600, 1.0).await;
    let wake = bed.monitor.next_wake().await.unwrap();
    assert_eq!(wake, at(5_400), "a driven clock stops here");
    bed.until(5_399).await;
    assert_eq!(bed.alarms().await, []);
    bed.until(5_400).await;
    let alarms = bed.alarms().await;
    assert_eq!((alarms.len(), alarms[0].raised_at, alarms[0].state), (1, at(5_400), AlarmState::Open));
    bed.level(5_500, 1.0).await;
    assert_eq!(bed.alarms().await[0].cleared_at, Some(at(5_500)));
}
