//! What is written is read back the same, in the schema's order and the standard's time form.

use anlan_codecs::cap::{self, *};
use anlan_kernel::Instant;
use proptest::{option, prelude::*, sample::select};

fn words() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9暴雨<>&\"'\n\r\t,;é]{1,24}"
        .prop_map(|it| it.trim().to_owned())
        .prop_filter("not empty", |it| !it.is_empty())
}

fn name() -> impl Strategy<Value = String> {
    "[A-Za-z0-9@._:局-]{1,20}"
}

fn moment() -> impl Strategy<Value = CapTime> {
    (0_i64..4_000_000_000, -840_i16..=840).prop_map(|(at, zone)| CapTime::new(Instant::from_secs(at), zone))
}

fn pair() -> impl Strategy<Value = Pair> {
    (words(), words()).prop_map(|(name, value)| Pair { name, value })
}

fn point() -> impl Strategy<Value = Point> {
    (-90_000_i32..=90_000, -180_000_i32..=180_000)
        .prop_map(|(a, b)| Point { latitude: f64::from(a) / 1_000.0, longitude: f64::from(b) / 1_000.0 })
}

/// A triangle never crosses itself.
fn polygon() -> impl Strategy<Value = Polygon> {
    [point(), point(), point()].prop_map(|[a, b, c]| Polygon { points: vec![a, b, c, a] })
}

fn area() -> impl Strategy<Value = Area> {
    (
        words(),
        prop::collection::vec(polygon(), 0..3),
        prop::collection::vec((point(), 0_u32..100_000), 0..3),
        prop::collection::vec(pair(), 0..3),
        option::of((-1_000_i32..10_000, option::of(0_i32..5_000))),
    )
        .prop_map(|(description, polygons, circles, geocodes, heights)| Area {
            description,
            polygons,
            circles: circles
                .into_iter()
                .map(|(centre, it)| Circle { centre, radius_km: f64::from(it) / 10.0 })
                .collect(),
            geocodes,
            altitude: heights.map(|it| f64::from(it.0)),
            ceiling: heights.and_then(|(low, more)| more.map(|it| f64::from(low + it))),
        })
}

fn resource() -> impl Strategy<Value = Resource> {
    (words(), option::of(any::<u64>()), option::of(words())).prop_map(|(description, size, digest)| Resource {
        description,
        mime_type: "audio/mpeg".to_owned(),
        size,
        uri: Some("https://anlan.example/a.mp3".to_owned()),
        deref_uri: None,
        digest,
    })
}

fn info() -> impl Strategy<Value = Info> {
    let lists = (
        prop::collection::vec(select(Category::ALL), 1..3),
        prop::collection::vec(select(ResponseType::ALL), 0..3),
        prop::collection::vec(pair(), 0..3),
        prop::collection::vec(pair(), 0..3),
        prop::collection::vec(resource(), 0..2),
        prop::collection::vec(area(), 0..3),
    );
    let grades = (select(Urgency::ALL), select(Severity::ALL), select(Certainty::ALL));
    let times = (option::of(moment()), option::of(moment()), option::of(moment()));
    let texts = (
        words(),
        option::of(words()),
        option::of(words()),
        option::of(words()),
        option::of(words()),
        option::of(words()),
    );
    (lists, grades, times, texts, option::of(select(vec!["zh-CN", "en", "zh-cmn-Hans"]))).prop_map(
        |(lists, grades, times, texts, language)| Info {
            language: language.map(str::to_owned),
            categories: lists.0,
            event: texts.0,
            response_types: lists.1,
            urgency: grades.0,
            severity: grades.1,
            certainty: grades.2,
            audience: texts.1.clone(),
            event_codes: lists.2,
            effective: times.0,
            onset: times.1,
            expires: times.2,
            sender_name: texts.1,
            headline: texts.2,
            description: texts.3,
            instruction: texts.4,
            web: None,
            contact: texts.5,
            parameters: lists.3,
            resources: lists.4,
            areas: lists.5,
        },
    )
}

fn alert() -> impl Strategy<Value = Alert> {
    let head = (name(), name(), moment(), select(Status::ALL), select(MsgType::ALL), select(Scope::ALL));
    let rest = (
        option::of(words()),
        words(),
        prop::collection::vec(words(), 0..3),
        prop::collection::vec((name(), name(), moment()), 1..3),
        prop::collection::vec(info(), 0..3),
    );
    (head, rest).prop_map(|(head, rest)| Alert {
        version: Version::V12,
        // Prefixes keep the alert from naming itself.
        identifier: format!("A-{}", head.0),
        sender: head.1,
        sent: head.2,
        status: head.3,
        msg_type: head.4,
        source: rest.0.clone(),
        scope: head.5,
        restriction: (head.5 == Scope::Restricted).then(|| rest.1.clone()),
        addresses: (head.5 == Scope::Private).then_some(rest.1),
        codes: rest.2,
        note: rest.0,
        references: rest
            .3
            .into_iter()
            .map(|(sender, id, sent)| Reference { sender, identifier: format!("B-{id}"), sent })
            .collect(),
        incidents: None,
        infos: rest.4,
        signed: false,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_written_is_read_back_the_same(alert in alert()) {
        prop_assert_eq!(cap::check(&alert).errors, vec![]);
        let read = cap::read(cap::write(&alert).as_bytes());
        prop_assert_eq!(read.message.map_err(|it| it.to_string()), Ok(alert));
    }
}

#[test]
fn real_alerts_are_written_in_the_order_of_the_schema() {
    let vectors: Vec<serde_json::Value> = serde_json::from_str(include_str!("data/cap/alerts.json")).unwrap();
    let mut written = 0;
    for vector in &vectors {
        let Ok(alert) = cap::read(vector["input"]["xml"].as_str().unwrap().as_bytes()).message else {
            continue;
        };
        let read = cap::read(cap::write(&alert).as_bytes());
        let codes: Vec<_> = read.warnings.iter().map(|it| it.code.as_str()).collect();
        assert!(!codes.contains(&"invalid_sequence") && !codes.contains(&"date_form"), "{}: {codes:?}", vector["id"]);
        let unsigned = Alert { version: Version::V12, signed: false, ..alert };
        assert_eq!(read.message, Ok(unsigned), "{}", vector["id"]);
        written += 1;
    }
    assert_eq!(written, 17, "every alert that is not malformed is read");
}

#[test]
fn utc_is_written_with_a_minus_and_no_fraction() {
    assert_eq!(CapTime::new(Instant(1_693_570_500_123_456), 0).to_string(), "2023-09-01T12:15:00-00:00");
    assert_eq!(CapTime::beijing(Instant(1_693_570_500_123_456)).to_string(), "2023-09-01T20:15:00+08:00");
}

#[test]
fn the_chinese_message_becomes_an_alert_that_keeps_every_rule() {
    let vectors: Vec<serde_json::Value> = serde_json::from_str(include_str!("data/cap/cn_warning.json")).unwrap();
    let message = anlan_codecs::warning::read(vectors[0]["input"]["xml"].as_str().unwrap().as_bytes()).message.unwrap();
    let alert = message.to_cap();
    assert_eq!(cap::check(&alert).errors, vec![]);
    assert_eq!(cap::read(cap::write(&alert).as_bytes()).message.unwrap(), alert);
    assert_eq!(alert.infos[0].parameters, [Pair { name: "ColorCode".into(), value: "Blue".into() }]);
}
