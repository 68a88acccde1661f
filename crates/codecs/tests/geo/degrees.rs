use anlan_codecs::geo::degrees::{Axis, parse};
use anlan_kernel::Lang;
use proptest::prelude::*;

use Axis::{Latitude, Longitude};

#[test]
fn degrees_are_read_in_every_usual_form() {
    let seconds = 114.0 + 3.0 / 60.0 + 25.0 / 3_600.0;
    for (text, axis, want) in [
        ("114.0569", Longitude, 114.0569),
        (" １１４．０５６９ ", Longitude, 114.0569),
        ("114.0569°", Longitude, 114.0569),
        ("114.0569E", Longitude, 114.0569),
        ("-0.5", Longitude, -0.5),
        ("0.5W", Longitude, -0.5),
        ("33.9 S", Latitude, -33.9),
        ("114°03′25″E", Longitude, seconds),
        ("114°3'25\"", Longitude, seconds),
        ("114°03'25''", Longitude, seconds),
        ("E 114° 03′ 25″", Longitude, seconds),
        ("114º03’25”e", Longitude, seconds),
        ("东经114度3分25秒", Longitude, seconds),
        ("经度：114度3分25秒", Longitude, seconds),
        ("114 3 25", Longitude, seconds),
        ("114:03:25", Longitude, seconds),
        ("1140325", Longitude, seconds),
        ("1140325.5", Longitude, seconds + 0.5 / 3_600.0),
        ("965012", Longitude, 96.0 + 50.0 / 60.0 + 12.0 / 3_600.0),
        ("114°03.5′", Longitude, 114.0 + 3.5 / 60.0),
        ("北纬22°32′38.4″", Latitude, 22.0 + 32.0 / 60.0 + 38.4 / 3_600.0),
        ("223238", Latitude, 22.0 + 32.0 / 60.0 + 38.0 / 3_600.0),
        ("22 32", Latitude, 22.0 + 32.0 / 60.0),
        ("180", Longitude, 180.0),
        ("-90", Latitude, -90.0),
    ] {
        let got = parse(text, axis, "坐标");
        assert!(got.as_ref().is_ok_and(|it| (it - want).abs() < 1e-9), "{text}: {got:?}");
    }
}

#[test]
fn what_cannot_be_read_says_why_and_names_the_field() {
    for (text, axis, code) in [
        ("", Longitude, "not_a_number"),
        ("nan", Longitude, "not_a_number"),
        ("inf", Latitude, "not_a_number"),
        ("1e2", Longitude, "not_a_number"),
        ("114,0569", Longitude, "not_a_number"),
        ("东湖街道", Longitude, "not_a_number"),
        ("114°25″", Longitude, "not_a_number"),
        ("114.5°03′", Longitude, "not_a_number"),
        ("114 3 25 7", Longitude, "not_a_number"),
        ("-114E", Longitude, "not_a_number"),
        ("E114W", Longitude, "not_a_number"),
        ("22°32′38″N", Longitude, "wrong_axis"),
        ("东经114.05", Latitude, "wrong_axis"),
        ("114°63′25″", Longitude, "minutes_range"),
        ("114 3 60", Longitude, "minutes_range"),
        ("1140360", Longitude, "minutes_range"),
        ("114.0569", Latitude, "latitude_range"),
        ("180.1", Longitude, "longitude_range"),
        ("38456123.5", Longitude, "longitude_range"),
        ("2493456.7", Latitude, "latitude_range"),
    ] {
        let problem = parse(text, axis, "经度").unwrap_err();
        assert_eq!((problem.code.as_str(), problem.place.field.as_deref()), (code, Some("经度")), "{text}");
        assert!(super::spoken(&problem), "{problem:?}");
    }
}

#[test]
fn a_longitude_among_latitudes_is_said_to_be_swapped() {
    for text in ["114.0569", "114°03′25″E"] {
        let problem = parse(text, Latitude, "纬度").unwrap_err();
        assert!(problem.sentence(Lang::Zh).contains("写反"), "{problem:?}");
        assert!(problem.sentence(Lang::En).contains("swapped"), "{problem:?}");
    }
}

proptest! {
    #[test]
    fn degrees_minutes_and_seconds_mean_the_same_in_every_form(d in 0_u32..180, m in 0_u32..60, s in 0_u32..60) {
        let want = f64::from(d) + f64::from(m) / 60.0 + f64::from(s) / 3_600.0;
        for text in [format!("{d}°{m:02}′{s:02}″E"), format!("{d} {m} {s}"), format!("东经{d}度{m}分{s}秒"), format!("{want}")] {
            prop_assert!((parse(&text, Longitude, "x").unwrap() - want).abs() < 1e-9, "{}", text);
        }
    }

    #[test]
    fn no_text_panics(text in "[0-9.°′″ EWNS东西南北经纬度分秒'\":,+e−-]{0,24}", any in ".{0,40}") {
        for axis in [Longitude, Latitude] {
            let _ = (parse(&text, axis, "x"), parse(&any, axis, "x"));
        }
    }
}
