//! What is written is read back the same, in the schema's order and the standard's time form.

mod schema;

use anlan_codecs::cap::{self, *};
use anlan_kernel::Instant;
use proptest::{option, prelude::*, sample::select};
use rstest::rstest;

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

    #[test]
    fn what_is_written_is_valid_by_the_schema(alert in alert()) {
        prop_assert_eq!(schema::check(&cap::write(&alert)), Ok(()));
    }
}

/// An alert with every element once, and one change to what is written of it.
#[rstest]
#[case::untouched("", "", Ok(()))]
#[case::utc_by_a_letter("<sent>2023-09-01T20:15:00+08:00", "<sent>2023-09-01T12:15:00Z", Err("sent cannot be"))]
#[case::a_fraction("<expires>2023-09-01T21:15:00+", "<expires>2023-09-01T21:15:00.5+", Err("expires cannot be"))]
#[case::month_13("<onset>2023-09-", "<onset>2023-13-", Err("onset cannot be"))]
#[case::a_word_of_its_own("<status>Test", "<status>Drill", Err("status cannot be"))]
#[case::no_event("<event>台风</event>", "", Err("0 of event in info"))]
#[case::two_scopes("<scope>Public</scope>", "<scope>Public</scope><scope>Public</scope>", Err("2 of scope in alert"))]
#[case::order(
    "<urgency>Past</urgency><severity>Minor</severity>",
    "<severity>Minor</severity><urgency>Past</urgency>",
    Err("0 of urgency in info")
)]
#[case::after_the_end("</info></alert>", "</info><note>x</note></alert>", Err("note is out of place in alert"))]
#[case::a_language("<language>zh-CN", "<language>zh_CN", Err("language cannot be"))]
#[case::an_open_polygon(" 22.5,114.1</polygon>", "</polygon>", Err("polygon cannot be"))]
#[case::no_radius("<circle>22.5,114.1 3.5", "<circle>22.5,114.1", Err("circle cannot be"))]
#[case::half_a_pair("<value>440303</value>", "", Err("0 of value in eventCode"))]
#[case::another_edition("cap:1.2", "cap:1.1", Err("the document begins"))]
fn the_schema_refuses_what_it_does_not_allow(
    #[case] written: &str,
    #[case] instead: &str,
    #[case] want: Result<(), &str>,
) {
    let xml = cap::write(&whole());
    assert!(xml.contains(written), "{written}: {xml}");
    let said = schema::check(&xml.replacen(written, instead, 1));
    match want {
        Ok(()) => assert_eq!(said, Ok(())),
        Err(begins) => assert!(said.as_ref().is_err_and(|it| it.starts_with(begins)), "{said:?}"),
    }
}

fn whole() -> Alert {
    let at = |hour: i64| Some(CapTime::beijing(Instant::from_secs(1_693_570_500 + hour * 3_600)));
    let some = || Some("字".to_owned());
    let pair = || vec![Pair { name: "region".into(), value: "440303".into() }];
    let corner = |latitude: f64, longitude: f64| Point { latitude, longitude };
    let points = vec![corner(22.5, 114.1), corner(22.6, 114.1), corner(22.6, 114.2), corner(22.5, 114.1)];
    let area = Area {
        description: "罗湖".into(),
        polygons: vec![Polygon { points }],
        circles: vec![Circle { centre: corner(22.5, 114.1), radius_km: 3.5 }],
        geocodes: pair(),
        altitude: Some(1.0),
        ceiling: Some(2.0),
    };
    let resource = Resource {
        description: "录音".into(),
        mime_type: "audio/mpeg".into(),
        size: Some(5),
        uri: Some("https://anlan.example/a.mp3".into()),
        deref_uri: None,
        digest: some(),
    };
    let info = Info {
        language: Some("zh-CN".into()),
        categories: vec![Category::Met],
        event: "台风".into(),
        response_types: vec![ResponseType::Prepare],
        urgency: Urgency::Past,
        severity: Severity::Minor,
        certainty: Certainty::Observed,
        audience: some(),
        event_codes: pair(),
        effective: at(0),
        onset: at(0),
        expires: at(1),
        sender_name: some(),
        headline: some(),
        description: some(),
        instruction: some(),
        web: Some("https://anlan.example/".into()),
        contact: some(),
        parameters: pair(),
        resources: vec![resource],
        areas: vec![area],
    };
    Alert {
        version: Version::V12,
        identifier: "A-1".into(),
        sender: "anlan.example".into(),
        sent: CapTime::beijing(Instant::from_secs(1_693_570_500)),
        status: Status::Test,
        msg_type: MsgType::Alert,
        source: some(),
        scope: Scope::Public,
        restriction: None,
        addresses: None,
        codes: vec!["c".into()],
        note: some(),
        references: Vec::new(),
        incidents: some(),
        infos: vec![info],
        signed: false,
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
        assert_eq!(schema::check(&cap::write(&alert)), Ok(()), "{}", vector["id"]);
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
    assert_eq!(schema::check(&cap::write(&alert)), Ok(()));
    assert_eq!(alert.infos[0].parameters, [Pair { name: "ColorCode".into(), value: "Blue".into() }]);
}
