use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::LazyLock,
};

use anlan_kernel::{Actor, Instant, Lang};
use anlan_register::{
    kinds::{Catalog, Kind, Sort, value},
    records::{Cause, Record, write::prepare},
};
use anlan_store::Clock;
use anlan_testbed::Engine;
use rstest::rstest;
use serde_json::Value as Json;

use super::*;
use crate::{
    demo::{setup, story},
    house::{House, HouseConfig},
    install::MODULES,
    packs,
};

fn ground() -> Ground {
    let loaded = story::load(None).expect("the shipped story loads");
    let person = |name: &str, phone: &str| (!phone.is_empty()).then(|| format!("person:{name}{phone}"));
    Ground::of(&loaded, &person).expect("its files are read").expect("it has places")
}

fn catalog() -> Catalog {
    let packs = packs::shipped().expect("the shipped packs prove themselves");
    let sources: Vec<_> = PACKS.iter().map(|it| packs[*it].source()).collect();
    let (catalog, findings) = Catalog::join(&sources);
    assert!(findings.is_empty(), "{findings:?}");
    catalog
}

type Full = (District, Catalog, BTreeMap<&'static str, Vec<Made>>);

/// The whole district as the register would take it, by kind.
static FULL: LazyLock<Full> = LazyLock::new(|| {
    let district = District::new(ground(), Size::Full);
    let made = |part: &Part| (0..district.count(part.kind)).map(|n| district.made(part, n)).collect();
    let all = district.parts().map(|it| (it.kind, made(it))).collect();
    (district, catalog(), all)
});

fn kind_of<'a>(catalog: &'a Catalog, id: &str) -> &'a Kind {
    catalog.kind(id).unwrap_or_else(|| panic!("no pack has the kind {id}"))
}

#[rstest]
#[case("premises", 28_694)]
#[case("grid", 1_121)]
#[case("geohazard-point", 1_924)]
#[case("high-risk-point", 129)]
#[case("shelter", 99)]
#[case("service-station", 30)]
#[case("special-person", 400)]
fn the_district_has_as_many_as_a_real_bureau(#[case] kind: &str, #[case] count: usize) {
    assert_eq!(FULL.2[kind].len(), count);
}

#[test]
fn the_whole_is_as_large_as_the_page_about_the_demonstration_says() {
    assert_eq!((FULL.0.parts().count(), FULL.0.total()), (41, 36_990));
}

#[test]
fn every_record_is_what_its_pack_asks_for() {
    let (_, catalog, all) = &*FULL;
    let cause = Cause { by: "imported", why: None, batch: None };
    let now = Instant::parse("2023-08-31T23:50:00+08:00").expect("a moment");
    for (id, made) in all {
        let kind = kind_of(catalog, id);
        let known: BTreeSet<&str> = kind.fields.iter().map(|it| it.id.as_str()).collect();
        for it in made {
            let strange: Vec<_> = it.draft.values.keys().filter(|it| !known.contains(it.as_str())).collect();
            assert!(strange.is_empty(), "{id} has no {strange:?}");
            let entered: Vec<_> = kind.fields.iter().filter(|it| it.computed.is_some()).map(|it| &it.id).collect();
            assert!(
                entered.iter().all(|field| !it.draft.values.contains_key(*field)),
                "{id}: {entered:?} are computed"
            );
            let ready = prepare(catalog, kind, it.draft.clone(), None, &cause, "test", now);
            assert!(ready.is_ok(), "{id} {}: {ready:?}", it.id);
        }
    }
}

#[test]
fn ids_keys_and_unique_values_are_taken_once() {
    let (_, catalog, all) = &*FULL;
    let mut ids = BTreeSet::new();
    for (id, made) in all {
        let kind = kind_of(catalog, id);
        let mut unique: Vec<Vec<&str>> = vec![kind.key.iter().map(String::as_str).collect()];
        unique.extend(kind.fields.iter().filter(|it| it.unique).map(|it| vec![it.id.as_str()]));
        for fields in unique {
            let mut taken = BTreeSet::new();
            for it in made {
                let said: Option<Vec<String>> =
                    fields.iter().map(|f| it.draft.values.get(*f).map(value::plain)).collect();
                let Some(said) = said.filter(|it| !it.is_empty()) else { continue };
                assert!(taken.insert(said.clone()), "{id}: {fields:?} {said:?} twice");
            }
        }
        assert!(made.iter().all(|it| ids.insert(it.id.as_str())), "{id}: an id twice");
    }
}

#[test]
fn links_people_and_units_are_there() {
    let (district, catalog, all) = &*FULL;
    let ids: BTreeMap<&str, BTreeSet<&str>> =
        all.iter().map(|(kind, made)| (*kind, made.iter().map(|it| it.id.as_str()).collect())).collect();
    for (id, made) in all {
        for field in &kind_of(catalog, id).fields {
            for it in made {
                let values = it.draft.values.get(&field.id).map(value::every).unwrap_or_default();
                for value in values.into_iter().filter_map(Json::as_str) {
                    let known = match &field.sort {
                        Sort::Link(to) => ids[to.as_str()].contains(value),
                        Sort::Organisation => district.ground.has_unit(value),
                        Sort::Person => value.starts_with("person:"),
                        _ => true,
                    };
                    assert!(known, "{id} {}: {} is {value:?}", it.id, field.id);
                }
            }
        }
        assert!(made.iter().all(|it| it.draft.owner.as_deref().is_some_and(|it| district.ground.has_unit(it))), "{id}");
    }
}

#[test]
fn everything_stands_in_the_district_and_in_its_grid() {
    let (_, _, all) = &*FULL;
    for (id, made) in all {
        for it in made {
            let Some(place) = &it.draft.place else { continue };
            let lost = place.positions().find(|at| !ground::is_inside(at.x, at.y));
            assert_eq!(lost, None, "{id} {}", it.id);
        }
    }
    let grids: BTreeMap<&str, &Made> = all["grid"].iter().map(|it| (it.id.as_str(), it)).collect();
    for it in &all["premises"] {
        let grid = grids[it.draft.values["grid"].as_str().expect("premises lie in a grid")];
        assert_eq!(grid.draft.region, it.draft.region, "{}", it.id);
        let corners: Vec<_> = grid.draft.place.iter().flat_map(|it| it.positions()).collect();
        let at = it.draft.place.iter().flat_map(|it| it.positions()).next().expect("a place");
        let within = |of: &dyn Fn(f64, f64) -> f64, x: f64| {
            let sides = corners.iter().map(|it| of(it.x, it.y));
            let (least, most) = sides.fold((f64::MAX, f64::MIN), |(a, b), it| (a.min(it), b.max(it)));
            (least..=most).contains(&x)
        };
        assert!(within(&|x, _| x, at.x) && within(&|_, y| y, at.y), "{} stands beside its grid", it.id);
    }
}

#[test]
fn shortfall_lists_have_something_to_show() {
    let (_, _, all) = &*FULL;
    let share = |kind: &str, test: &dyn Fn(&Made) -> bool| {
        let made = &all[kind];
        made.iter().filter(|it| test(it)).count() * 100 / made.len()
    };
    for (kind, what, range, test) in [
        ("premises", "never verified", 4..=10, &(|it: &Made| it.verified.is_none()) as &dyn Fn(&Made) -> bool),
        ("geohazard-point", "verified too long ago", 8..=20, &|it| it.verified.is_some_and(|it| it > 1.0)),
        ("geohazard-point", "without a deputy", 5..=30, &|it| !it.draft.values.contains_key("deputy")),
        ("grid", "without a deputy", 5..=30, &|it| !it.draft.values.contains_key("deputy")),
        ("premises", "gravest risk", 0..=2, &|it| it.draft.values["risk"] == "1"),
        ("high-risk-point", "never visited", 2..=20, &|it| !it.draft.values.contains_key("last_visit")),
        ("special-person", "without a second carer", 5..=30, &|it| !it.draft.values.contains_key("carer_b")),
    ] {
        let found = share(kind, test);
        assert!(range.contains(&found), "{kind} {what}: {found} %");
    }
}

#[test]
fn everything_says_that_it_is_invented() {
    let (_, catalog, all) = &*FULL;
    for (id, made) in all {
        let kind = kind_of(catalog, id);
        assert!(kind.field(Record::INVENTED).is_none(), "the mark is no field of {id}");
        for it in made {
            assert_eq!(it.draft.values["remark"], sheet::MARK, "{id}");
            for field in
                kind.fields.iter().filter(|it| it.format == Some(anlan_register::kinds::formats::Format::Phone))
            {
                let Some(number) = it.draft.values.get(&field.id).and_then(Json::as_str) else { continue };
                assert!(number.starts_with("154000"), "{id}: {number} may ring somewhere");
            }
            let code = it.draft.values.get("credit_code").and_then(Json::as_str);
            assert!(code.is_none_or(|it| it.starts_with("X1000000")), "{id}: {code:?} may be somebody's");
            assert!(!it.draft.values.contains_key("id_number"), "{id}");
        }
    }
}

#[test]
fn the_same_story_makes_the_same_district() {
    let (one, other) = (&FULL.0, District::new(ground(), Size::Full));
    for part in one.parts() {
        for n in [0, one.count(part.kind) / 2, one.count(part.kind) - 1] {
            assert_eq!(one.made(part, n), other.made(part, n), "{} {n}", part.kind);
        }
    }
    let small = District::new(ground(), Size::Small);
    assert!((1_800..2_100).contains(&small.total()), "{}", small.total());
}

#[test]
fn stories_without_places_or_of_elsewhere_have_no_district() {
    for story in ["leeds", "emilia-romagna"] {
        let loaded = story::load(Some(Path::new(story))).expect("a shipped story");
        assert!(Ground::of(&loaded, &|_, _| None).expect("its files are read").is_none(), "{story}");
    }
}

#[rstest]
#[tokio::test]
async fn a_small_district_is_written_without_a_refusal_and_written_again_it_stays(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    // Installed once by whichever test comes first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let loaded = story::load(None).expect("the shipped story loads");
    let world = anlan_testbed::world(engine, Clock::driven(loaded.story.starts_at), MODULES);
    let shipped = packs::shipped().expect("the shipped packs prove themselves");
    let config = HouseConfig {
        packs: shipped.into_iter().filter(|it| PACKS.contains(&it.0.as_str())).collect(),
        district: Some(loaded.story.district.clone()),
        ..HouseConfig::default()
    };
    let house = House::open((*world).clone(), config).await.expect("the house opens");
    setup::world(&house, &loaded, Lang::Zh).await.expect("the story is set up");
    let ground = ground_of(&house.world, &loaded).await.expect("the register is read").expect("the story has places");
    let district = District::new(ground, Size::Small);
    let total = district.total();

    let first = write(&house, &district, false).await.expect("it is written");
    assert_eq!((first.created, first.known, first.refused), (total, 0, 0));
    let again = write(&house, &district, false).await.expect("it is looked at");
    assert_eq!((again.created, again.known, again.refused), (0, total, 0));

    let records: Vec<Record> =
        house.world.read(&Actor::system("test"), |tx| tx.find("1 = 1", "", &[])).await.expect("the records");
    assert_eq!(records.len(), total);
    assert!(records.iter().all(Record::is_invented));
}
