//! The rosters of the demo: what is in them, and that taking them again changes nothing.

use anlan_register::{
    Organisation, Person, Post, Region, Shift, Who, audience,
    check::{self, Finding},
};
use anlan_store::journal;
use anlan_testbed::Engine;
use rstest::rstest;

use crate::bed::{Bed, DISTRICT, code, system};

const FILES: [(&str, usize); 4] = [("regions", 120), ("organisations", 134), ("people", 2_788), ("shifts", 132)];
const ALL: [Who; 5] = [Who::DutyRoom, Who::OnDuty, Who::District, Who::Street, Who::Community];

#[rstest]
#[tokio::test]
async fn the_roster_of_a_district_is_taken_whole_and_a_second_time_changes_nothing(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::new(engine);
    for (kind, rows) in FILES {
        let report = bed.take(kind, &format!("saola/{kind}.csv")).await;
        assert_eq!((report.taken, report.new, report.problems.as_slice()), (rows, rows, [].as_slice()), "{kind}");
        assert!(report.errors_xlsx.is_none());
    }
    let counts = bed
        .read(&system(), |tx| {
            Ok([
                tx.count::<Person>("1 = 1", &[])?,
                tx.count::<Post>("1 = 1", &[])?,
                tx.count::<Region>("level = 4", &[])?,
                tx.count::<Region>("level = 5", &[])?,
                tx.count::<Organisation>("1 = 1", &[])?,
                tx.count::<Shift>("1 = 1", &[])?,
                tx.count::<Shift>("person IS NULL", &[])?,
                tx.count::<Person>("phone IS NULL AND spare IS NULL", &[])?,
                tx.count::<Person>("phone IS NULL AND spare IS NOT NULL", &[])?,
            ])
        })
        .await;
    assert_eq!(counts, [2_535, 2_788, 10, 109, 134, 132, 2, 4, 2]);

    let before = bed.world.dump().await.unwrap();
    for (kind, rows) in FILES {
        let report = bed.take(kind, &format!("saola/{kind}.csv")).await;
        assert_eq!((report.new, report.changed, report.same), (0, 0, rows), "{kind}");
    }
    assert_eq!(bed.world.dump().await.unwrap(), before);

    let callees = bed.read(&system(), |tx| audience(tx, &[code(DISTRICT)], &ALL, tx.now())).await;
    let people = callees.iter().filter(|it| it.id.starts_with("person:")).count();
    assert_eq!((people, callees.len() - people), (2_535, rooms(&bed).await), "each person and each room once");
    let duties: usize = callees.iter().filter(|it| it.who != Who::DutyRoom).map(|it| it.duties.len()).sum();
    assert_eq!(duties, 2_788 + on_duty(&bed).await, "every post and every shift that is on is named in a call");
    assert_eq!(callees.iter().filter(|it| it.usable_numbers == 0).count(), 4);

    let found = check::run(&bed.world, &system()).await.unwrap();
    let of = |kind: &str| found.iter().filter(|it: &&Finding| it.kind == kind).count();
    assert_eq!((of("no_number"), of("not_in_register"), of("nobody")), (4, 2, 0));

    while journal::seal(&bed.world, None).await.unwrap() > 0 {}
    let rows = bed.world.dump().await.unwrap();
    assert_eq!(rows["person"].len(), 2_535);
}

async fn rooms(bed: &Bed) -> usize {
    let with = "duty_room_name IS NOT NULL OR duty_room_phone IS NOT NULL";
    bed.read(&system(), move |tx| tx.count::<Organisation>(with, &[])).await as usize
}

async fn on_duty(bed: &Bed) -> usize {
    let now = "starts_at <= $1 AND ends_at > $1 AND person IS NOT NULL";
    bed.read(&system(), move |tx| tx.count::<Shift>(now, &[tx.now().into()])).await as usize
}
