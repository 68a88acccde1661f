//! What a list finds is what a look at every record finds, on both engines, by every way of reading.

use std::collections::BTreeSet;

use anlan_register::{
    kinds::Kind,
    records::{
        Record,
        list::{self, Asked, Limits},
    },
};
use anlan_testbed::Engine;
use rstest::rstest;
use serde_json::{Map, Value as Json, json};

use crate::yard::{OTHER, clerk, system};
use crate::yard::{Yard, reader, street};

/// Pseudo-random and the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }
}

fn fields(number: usize, dice: &mut Dice) -> Json {
    let mut all = Map::new();
    all.insert("code".into(), json!(format!("P{number:04}")));
    all.insert("name".into(), json!(format!("第{}泵站", dice.roll(40))));
    let mut maybe = |dice: &mut Dice, name: &str, value: Json| {
        if dice.roll(4) > 0 {
            all.insert(name.into(), value);
        }
    };
    let risk = json!(["1", "2", "3", "4"][dice.roll(4)]);
    maybe(dice, "risk", risk);
    let uses: BTreeSet<&str> = (0..1 + dice.roll(2)).map(|_| ["A", "A1", "A2", "B"][dice.roll(4)]).collect();
    maybe(dice, "uses", json!(uses));
    let (power, made) = (
        json!(dice.roll(12) as f64 * 2.5),
        json!(format!("20{:02}-0{}-1{}", 10 + dice.roll(9), 1 + dice.roll(9), dice.roll(9))),
    );
    maybe(dice, "power", power);
    maybe(dice, "made", made);
    let open = json!(dice.roll(2) == 0);
    maybe(dice, "open", open);
    Json::Object(all)
}

const QUERIES: &[&str] = &[
    "",
    "f.risk=1",
    "f.risk=1,2",
    "f.risk=-",
    "f.risk=1,-",
    "f.uses=A",
    "f.uses==A",
    "f.uses=A1,B",
    "f.power.min=10",
    "f.power.max=5",
    "f.power.min=5&f.power.max=20",
    "f.made.min=2012-01-01&f.made.max=2015-12-31",
    "f.open=true",
    "f.open=false&f.risk=1,2,3",
    "f.risk=2&f.uses=A&f.power.min=2.5",
    "region=440303001",
    "region=440303002001",
    "region=440303001&f.risk=1,3&f.open=true",
    "fresh=due",
    "fresh=fresh&f.uses=B",
    "fresh=never",
    "f.uses=A&f.open=-",
    "f.uses=A,B&f.uses=A2",
    "f.power.min=999",
    "fresh=fresh&region=440303001001",
];
const ORDERS: &[&str] =
    &["region", "name", "-name", "verified", "-changed", "f.power", "-f.power", "f.made", "-f.risk", "f.open"];

/// The record meets the question, as anybody reads it.
fn meets(record: &Record, query: &str) -> bool {
    let mut fields: Vec<(&str, Vec<&str>)> = Vec::new();
    for (name, value) in query.split('&').filter_map(|it| it.split_once('=')) {
        match fields.iter_mut().find(|it| it.0 == name) {
            Some(it) => it.1.extend(value.split(',')),
            None => fields.push((name, value.split(',').collect())),
        }
    }
    fields.iter().all(|(name, wanted)| {
        let texts = |id: &str| -> Vec<String> {
            match record.value(id) {
                Some(Json::Array(many)) => many.iter().map(|it| it.as_str().unwrap().to_owned()).collect(),
                Some(Json::String(it)) => vec![it.clone()],
                Some(other) => vec![other.to_string()],
                None => Vec::new(),
            }
        };
        match *name {
            "region" => record.region.as_str().starts_with(wanted[0]),
            "fresh" => wanted[0] == "fresh",
            "f.power.min" => {
                record.value("power").and_then(Json::as_f64).is_some_and(|it| it >= wanted[0].parse().unwrap())
            }
            "f.power.max" => {
                record.value("power").and_then(Json::as_f64).is_some_and(|it| it <= wanted[0].parse().unwrap())
            }
            "f.made.min" => texts("made").iter().any(|it| it.as_str() >= wanted[0]),
            "f.made.max" => texts("made").iter().any(|it| it.as_str() <= wanted[0]),
            _ => {
                let own = texts(name.trim_start_matches("f."));
                wanted.iter().any(|it| match *it {
                    "-" => own.is_empty(),
                    "A" => own.iter().any(|it| it.starts_with('A')),
                    it => own.iter().any(|own| own == it.trim_start_matches('=')),
                })
            }
        }
    })
}

/// Sorted as asked for, those without a value last, ids telling equal ones apart.
fn sorted(mut records: Vec<Record>, order: &str) -> Vec<String> {
    let (key, descending) = order.strip_prefix('-').map_or((order, false), |it| (it, true));
    let value = |it: &Record| match key {
        "region" => Some((0.0, it.region.to_string())),
        "name" => it.name.clone().map(|it| (0.0, it)),
        "verified" => it.verified_at.map(|it| (0.0, it.to_rfc3339())),
        "changed" => Some((0.0, it.changed_at.to_rfc3339())),
        "f.power" => it.value("power").and_then(Json::as_f64).map(|it| (it, String::new())),
        field => it
            .value(field.trim_start_matches("f."))
            .map(|it| (0.0, it.as_str().map_or_else(|| it.to_string(), str::to_owned))),
    };
    records.sort_by(|a, b| match (value(a), value(b)) {
        (Some(x), Some(y)) => {
            let by = x.partial_cmp(&y).unwrap().then_with(|| a.id.cmp(&b.id));
            if descending { by.reverse() } else { by }
        }
        (None, Some(_)) => std::cmp::Ordering::Greater,
        (Some(_), None) => std::cmp::Ordering::Less,
        (None, None) => std::cmp::Ordering::Equal,
    });
    records.into_iter().map(|it| it.id).collect()
}

fn pairs(query: &str) -> Vec<(String, String)> {
    query.split('&').filter_map(|it| it.split_once('=')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

fn everything(
    tx: &mut anlan_store::Tx<'_>,
    kind: &Kind,
    asked: &Asked,
    limits: Limits,
) -> Result<(Vec<String>, i64), anlan_store::StoreError> {
    let (mut ids, mut page) = (Vec::new(), 1);
    loop {
        let found = list::page_within(tx, kind, &Asked { page, size: 37, ..asked.clone() }, limits)?;
        ids.extend(found.items.into_iter().map(|it| it.id));
        if page >= found.pages {
            return Ok((ids, found.counted.all));
        }
        page += 1;
    }
}

#[rstest]
#[tokio::test]
async fn a_list_finds_what_a_look_at_every_record_finds(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let yard = Yard::new(engine).await;
    let mut dice = Dice(7);
    let rows = (0..240).map(|it| (street(dice.roll(4)), fields(it, &mut dice))).collect();
    let records = yard.fill("pump", rows).await;
    yard.fill("elder", vec![(street(0), json!({"name": "另一类", "floor": 3}))]).await;
    for (by, of) in [(system(), ""), (clerk(OTHER), OTHER)] {
        let (catalog, own) = (
            yard.register.catalog(),
            records.iter().filter(|it| it.region.as_str().starts_with(of)).cloned().collect::<Vec<_>>(),
        );
        yard.read(&by, move |tx| {
            let kind = catalog.kind("pump").unwrap();
            let mut dice = Dice(3);
            for (at, query) in QUERIES.iter().enumerate() {
                let want: Vec<Record> = own.iter().filter(|it| meets(it, query)).cloned().collect();
                let order = ORDERS[(at + dice.roll(ORDERS.len())) % ORDERS.len()];
                let (asked, problems) =
                    Asked::of(&catalog, kind, &reader(), &pairs(&format!("{query}&sort={order}")), &[]);
                assert_eq!(problems, [], "{query}");
                let mut ids: Vec<String> = want.iter().map(|it| it.id.clone()).collect();
                ids.sort();
                for limits in [Limits::USUAL, Limits { few: 0, at_once: 0 }] {
                    let (found, all) = everything(tx, kind, &asked, limits)?;
                    let nulls_tie = |it: &[String]| it.iter().cloned().collect::<BTreeSet<_>>();
                    assert_eq!((found.len(), all), (want.len(), want.len() as i64), "{query} {order} {limits:?}");
                    let valued = want
                        .iter()
                        .filter(|it| {
                            order
                                .trim_start_matches('-')
                                .strip_prefix("f.")
                                .is_none_or(|field| it.value(field).is_some())
                        })
                        .count();
                    let expected = sorted(want.clone(), order);
                    assert_eq!(found[..valued], expected[..valued], "{query} {order} {limits:?}");
                    assert_eq!(
                        nulls_tie(&found[valued..]),
                        nulls_tie(&expected[valued..]),
                        "{query} {order} {limits:?}"
                    );
                    let (mut chunks, mut after) = (Vec::new(), String::new());
                    loop {
                        let some = list::ids_within(tx, kind, &asked, &after, 50, limits)?;
                        let Some(last) = some.last() else { break };
                        after.clone_from(last);
                        chunks.extend(some);
                    }
                    assert_eq!(chunks, ids, "{query} {limits:?}");
                }
                let (condition, values) = asked.condition(tx, kind, "r")?;
                let sql = format!("SELECT r.id FROM record r WHERE {condition} AND {{scope:r.region}} ORDER BY r.id");
                let found: Vec<String> = tx.query(&sql, &values)?.iter().map(|it| it.text(0).unwrap()).collect();
                assert_eq!(found, ids, "{query}");
                let fields: Vec<_> = kind.sums().collect();
                let counted = list::count(tx, kind, &asked)?;
                let sums = list::sums(tx, kind, &asked, &fields, counted)?.unwrap();
                let sum: f64 = want.iter().filter_map(|it| it.value("power")?.as_f64()).sum();
                assert!((sums.get("power").copied().unwrap_or(0.0) - sum).abs() < 1e-6, "{query}");
                for id in ["risk", "uses", "open"] {
                    let others: Vec<_> = pairs(query).into_iter().filter(|it| it.0 != format!("f.{id}")).collect();
                    let rest = others.iter().map(|it| format!("{}={}", it.0, it.1)).collect::<Vec<_>>().join("&");
                    for choice in list::choices(tx, kind, &asked, kind.field(id).unwrap())? {
                        let own =
                            own.iter().filter(|it| meets(it, &rest) && meets(it, &format!("f.{id}=={}", choice.value)));
                        assert_eq!(choice.count, own.count() as i64, "{query} {id} {choice:?}");
                    }
                }
            }
            Ok(())
        })
        .await;
    }
}

#[rstest]
#[tokio::test]
async fn words_find_records_by_name_spelling_and_code(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let yard = Yard::new(engine).await;
    let rows = [("AB12", "打鼓岭泵站"), ("CD34", "东湖泵站")];
    yard.fill(
        "pump",
        rows.iter().map(|(code, name)| (street(0), json!({"code": code, "name": name, "risk": "1"}))).collect(),
    )
    .await;
    let officer = yard.caller("duty_officer", "440303").await;
    for (words, want) in
        [("%E4%B8%9C%E6%B9%96", 1), ("dgl", 1), ("AB12", 1), ("bengzhan", 2), ("dgl&f.risk=2", 0), ("zzzz", 0)]
    {
        let list = officer.get(&format!("/api/v1/register/pump?q={words}")).await.json();
        assert_eq!(
            (list["items"].as_array().unwrap().len(), list["count"].as_i64()),
            (want, Some(want as i64)),
            "{words} {list}"
        );
    }
}
