//! No body makes the readers panic, and no item is lost between taken and refused.

use std::sync::Arc;

use anlan_monitor::{
    Monitor,
    ingest::{Allowed, Answer, Sender},
};
use anlan_testbed::Engine;
use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::bed::Bed;

fn take(runtime: &Runtime, monitor: &Arc<Monitor>, body: &[u8]) -> Answer {
    let sender = Sender { name: "device:any".into(), way: "http", stations: Allowed::All };
    runtime.block_on(monitor.take(&sender, body)).unwrap()
}

fn scalar() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "4",
        "-1.5",
        "1e400",
        "NaN",
        "null",
        "true",
        "\"\"",
        "\"m\"",
        "\"bridge\"",
        "\"4.25\"",
        "[]",
        "{\"a\":[1,2]}",
        "\"2023-09-01T12:00:00+08:00\"",
        "\"2023-09-01T12:00:07.25Z\"",
        "\"water_level\"",
        "\"\\u9f99\\n\"",
        "\"good\"",
    ])
}

/// One item: an object with some of the fields, right or wrong.
fn item() -> impl Strategy<Value = String> {
    let field = proptest::sample::select(vec![
        "station_id",
        "quantity",
        "value",
        "unit",
        "observed_at",
        "quality",
        "received_at",
        "t",
        "v",
        "u",
        "other",
    ]);
    let any = proptest::collection::vec((field, scalar()), 0..7).prop_map(|fields| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", fields.join(","))
    });
    let good = (0u32..3_600, -50i32..50).prop_map(|(second, value)| {
        let (minute, second) = (second / 60, second % 60);
        format!(
            "{{\"station_id\":\"bridge\",\"quantity\":\"water_level\",\"value\":{value}.5,\"unit\":\"m\",\
             \"observed_at\":\"2023-09-01T11:{minute:02}:{second:02}+08:00\"}}"
        )
    });
    prop_oneof![good, any]
}

#[test]
fn every_item_is_taken_a_duplicate_or_refused() {
    let runtime = Runtime::new().unwrap();
    let bed = runtime.block_on(Bed::new(Engine::Sqlite));
    proptest!(ProptestConfig::with_cases(150), |(items in proptest::collection::vec(item(), 0..20), array: bool)| {
        let body = if array { format!("[{}]", items.join(",\n")) } else { items.join("\n") };
        let answer = take(&runtime, &bed.monitor, body.as_bytes());
        let all = answer.taken as usize + answer.duplicates as usize + answer.refused.len();
        prop_assert_eq!(all, items.len(), "{}", body);
        prop_assert!(answer.refused.iter().all(|it| it.place.index.is_some_and(|it| it < items.len())));
    });
}

#[test]
fn any_bytes_are_taken_or_refused() {
    let runtime = Runtime::new().unwrap();
    let bed = runtime.block_on(Bed::new(Engine::Sqlite));
    let bytes = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        proptest::collection::vec(proptest::sample::select(b"[]{}\",:\\ \n1ae\xff\xc1\xfa".to_vec()), 0..120),
    ];
    proptest!(ProptestConfig::with_cases(200), |(body in bytes)| {
        prop_assert_eq!(take(&runtime, &bed.monitor, &body).taken, 0);
    });
}
