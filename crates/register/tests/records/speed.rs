//! Lists among a million records, measured; nothing is asserted of speed. Run it by hand:
//! `cargo nextest run -p anlan-register --run-ignored only -E 'test(speed)' --no-capture`, with `ANLAN_RECORDS=1000000`.

use std::time::Instant;

use anlan_register::records::list::{self, Asked};
use anlan_testbed::Engine;
use rstest::rstest;

use crate::yard::{Yard, reader};
use crate::yard::{clerk, system};

const QUERIES: &[&str] = &[
    "",
    "sort=name",
    "sort=-changed&page=7",
    "sort=-f.power",
    "f.risk=1",
    "f.risk=1&sort=-f.power",
    "f.risk=1&f.open=true",
    "f.risk=1,2&f.open=true&f.power.min=100&sort=name",
    "f.power.min=499",
    "f.power.min=499.9&f.risk=2",
    "f.uses=A&sort=f.made",
    "f.uses=A1&f.risk=3&f.open=false&sort=-verified",
    "fresh=due",
    "fresh=fresh&f.risk=4",
    "region=440303001",
    "region=440303002001&f.risk=2&sort=name",
    "f.made.min=2015-01-01&f.made.max=2015-03-31",
];

fn filling(records: usize) -> Vec<String> {
    let number = "n.i";
    let region = format!(
        "CASE {number} % 4 WHEN 0 THEN '440303001001' WHEN 1 THEN '440303001' WHEN 2 THEN '440303002' ELSE '440303002001' END"
    );
    let id = format!("'r' || (1000000000 + {number})");
    let series = format!("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {})", records - 1);
    let at = format!("CAST(1693526400000000 AS BIGINT) - CAST({number} % 40 AS BIGINT) * 86400000000");
    let value = |field: &str, text: &str, real: &str| {
        format!(
            "INSERT INTO record_value(kind, field, text, number, region, record)
             {series} SELECT 'pump', '{field}', {text}, {real}, {region}, {id} FROM n"
        )
    };
    let power = format!("(({number} * 7919) % 5000) / 10.0");
    let made = format!(
        "'20' || (10 + {number} % 15) || '-' || SUBSTR('0' || (1 + ({number} * 31) % 12), LENGTH('0' || (1 + ({number} * 31) % 12)) - 1, 2) || '-15'"
    );
    vec![
        format!(
            "INSERT INTO record(id, kind, key, region, name, subject, fields, personal, longitude, latitude, geometry, owner,
                verified_at, verified_by, pack, batch, revision, created_at, changed_at, changed_by)
             {series} SELECT {id}, 'pump', 'K' || {number}, {region}, '第' || (({number} * 7907) % 100003) || '泵站', NULL,
                '{{\"code\":\"K\",\"name\":\"x\",\"risk\":\"2\",\"power\":3.5,\"open\":true,\"made\":\"2015-02-15\"}}', NULL, 114.1, 22.5,
                NULL, NULL, {at}, 'entered', 'yard@1', NULL, 1, {at}, {at}, 'user:x' FROM n"
        ),
        value("risk", &format!("CAST(1 + ({number} * 17) % 4 AS TEXT)"), "NULL"),
        value("uses", &format!("CASE ({number} * 13) % 4 WHEN 0 THEN 'A' WHEN 1 THEN 'A1' WHEN 2 THEN 'A2' ELSE 'B' END"), "NULL"),
        value("power", &format!("CAST({power} AS TEXT)"), &power),
        value("made", &made, "NULL"),
        value("open", &format!("CASE ({number} * 11) % 2 WHEN 0 THEN 'true' ELSE 'false' END"), "NULL"),
    ]
}

#[rstest]
#[tokio::test]
#[ignore = "measures; run it by hand"]
async fn lists_of_many_records(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let records = std::env::var("ANLAN_RECORDS").ok().and_then(|it| it.parse().ok()).unwrap_or(20_000);
    let yard = Yard::new(engine).await;
    for sql in filling(records) {
        yard.world.tamper(&sql);
    }
    if engine == Engine::Postgres {
        yard.world.tamper("ANALYZE");
    }
    println!("{engine:?}, {records} records");
    for (who, by) in [("district", clerk("440303")), ("street", clerk("440303001")), ("everywhere", system())] {
        let mut times = Vec::new();
        for query in QUERIES {
            let pairs: Vec<_> = query
                .split('&')
                .filter_map(|it| it.split_once('='))
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
                .collect();
            let mut taken = Vec::new();
            let mut all = list::Counted::default();
            for _ in 0..5 {
                let (catalog, pairs, began) = (yard.register.catalog(), pairs.clone(), Instant::now());
                all = yard
                    .read(&by, move |tx| {
                        let kind = catalog.kind("pump").unwrap();
                        let (asked, problems) = Asked::of(&catalog, kind, &reader(), &pairs, &[]);
                        assert_eq!(problems, []);
                        Ok(list::page(tx, kind, &asked)?.counted)
                    })
                    .await;
                taken.push(began.elapsed().as_secs_f64() * 1_000.0);
            }
            taken.sort_by(f64::total_cmp);
            times.extend(taken.clone());
            println!(
                "{who:>10} {:8.1} ms, worst {:8.1}  {:>8}{} {query}",
                taken[2],
                taken[4],
                all.all,
                if all.more { "+" } else { " " }
            );
        }
        times.sort_by(f64::total_cmp);
        println!("{who:>10} p95 {:.1} ms", times[times.len() * 95 / 100]);
    }
}
