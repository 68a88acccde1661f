//! A street's clerk neither sees nor changes what belongs to another street.

use anlan_kernel::Lang;
use anlan_register::{Organisation, Person, Who, audience, callee_title, number_of};
use anlan_store::{Event, StoreError, Urgency};
use anlan_testbed::Engine;
use rstest::rstest;

use crate::bed::{Bed, DISTRICT, OTHER, STREET, clerk, code, person, room, system};

const OWN: &str = "张三,15400000001,,桂园街道办事处,负责人,防汛责任人,街道,440303001,桂园街道,主责,";
const THEIRS: &str = "李四,15400000002,,黄贝街道办事处,负责人,防汛责任人,街道,440303002,黄贝街道,主责,";

#[rstest]
#[tokio::test]
async fn an_import_takes_the_own_rows_and_names_those_of_others(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::district(engine).await;
    let theirs_by_unit = THEIRS.replace("440303002", STREET);
    let report = bed.people(&clerk(STREET), &[THEIRS, OWN, &theirs_by_unit]).await;
    assert_eq!((report.taken, report.new), (1, 1));
    let found: Vec<_> =
        report.problems.iter().map(|it| (it.code.as_str(), it.place.row, it.place.field.as_deref())).collect();
    let wanted = [("out_of_scope", Some(2), Some("责任区代码")), ("out_of_scope", Some(4), Some("单位"))];
    assert_eq!(found, wanted);
    assert!(report.problems[0].sentence(Lang::Zh).contains("不在您的责任区内"));
    assert!(report.problems[0].sentence(Lang::En).contains("outside your duty areas"));
    assert_eq!(bed.everybody().await.len(), 1);
}

#[rstest]
#[tokio::test]
async fn two_streets_that_import_never_give_out_one_number_twice(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let bed = Bed::district(engine).await;
    bed.people(&clerk(OTHER), &[THEIRS]).await;
    bed.people(&clerk(STREET), &[OWN]).await;
    let (one, other) = (clerk(STREET), clerk(OTHER));
    let row = |who: &str, of: &str| OWN.replace("张三", who).replace("桂园", of);
    let (west, east) = (row("王五", "桂园"), row("赵六", "黄贝").replace("440303001", OTHER));
    let (west, east) = ([west.as_str()], [east.as_str()]);
    tokio::join!(bed.people(&one, &west), bed.people(&other, &east));
    let names: Vec<_> = bed.everybody().await.into_iter().map(|it| (it.id, it.name.unwrap())).collect();
    assert_eq!(names.len(), 4, "nobody was written over: {names:?}");
}

#[rstest]
#[tokio::test]
async fn units_and_regions_of_others_stay_as_they_are(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::district(engine).await;
    let theirs = bed
        .read(&system(), |tx| tx.find::<Organisation>("region = '440303002' AND kind = 'street'", "", &[]))
        .await
        .remove(0);
    let text = format!("编号,名称,区划代码,类别,值班电话\n{},改名,{STREET},street,15400000009\n", theirs.id);
    let report = bed.import(&clerk(STREET), "organisations", text.as_bytes(), "o.csv").await.unwrap();
    assert_eq!((report.taken, report.problems[0].code.as_str()), (0, "out_of_scope"));
    let now = bed.read(&system(), move |tx| tx.get::<Organisation>(&theirs.id).map(|it| (it, theirs.clone()))).await;
    assert_eq!(now.0.as_ref(), Some(&now.1));
    let regions = "代码,名称,级别\n440303002,改名街道,4\n440303001,桂园街道,4\n";
    let report = bed.import(&clerk(STREET), "regions", regions.as_bytes(), "r.csv").await.unwrap();
    assert_eq!((report.taken, report.problems[0].place.row), (1, Some(2)));
    let shifts = "organisation_id,starts_at,ends_at,role,person_name\n\
        luohu-emergency,2023-09-01T08:30:00+08:00,2023-09-02T08:30:00+08:00,主班,张三\n";
    let report = bed.import(&clerk(STREET), "shifts", shifts.as_bytes(), "s.csv").await.unwrap();
    assert_eq!((report.taken, report.problems[0].code.as_str()), (0, "out_of_scope"));
}

#[rstest]
#[tokio::test]
async fn a_record_cannot_be_taken_away_from_another_area(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::new(engine);
    bed.write(|tx| tx.put(&person("east", OTHER, Some("15400000002")))).await;
    let taken = bed
        .world
        .write("test", Urgency::Urgent, &clerk(STREET), |tx| {
            tx.put(&person("east", STREET, None))?;
            tx.record(Event::new("person.taken", "person:east"))
        })
        .await;
    assert!(matches!(taken, Err(StoreError::OutOfScope { .. })), "{taken:?}");
    assert_eq!(bed.everybody().await[0].region, code(OTHER));
}

#[rstest]
#[tokio::test]
async fn nobody_of_another_street_is_seen_or_called(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let bed = Bed::district(engine).await;
    bed.people(&system(), &[OWN, THEIRS]).await;
    bed.write(|tx| tx.put(&room("east", OTHER, "street", Some("15400000902")))).await;
    let them = bed.read(&system(), |tx| tx.find::<Person>("name = '李四'", "", &[])).await.remove(0).id;
    let seen = bed
        .read(&clerk(STREET), move |tx| {
            let all = [Who::DutyRoom, Who::OnDuty, Who::District, Who::Street, Who::Community];
            let callees = audience(tx, &[code(DISTRICT)], &all, tx.now())?;
            assert!(callees.iter().all(|it| code(STREET).covers(&it.region)), "{callees:?}");
            assert!(callees.iter().any(|it| it.id.starts_with("person:")));
            assert_eq!(number_of(tx, "room:east", 0)?, None);
            Ok((tx.get::<Person>(&them)?, number_of(tx, &them, 0)?, callee_title(tx, &them)?))
        })
        .await;
    assert_eq!(seen, (None, None, None));
}
