//! Damaged and hostile input: refused with a reason, never a panic, never without bound.

use anlan_codecs::{MAX_DEPTH, MAX_ELEMENTS, MAX_WARNINGS, cap, decode, signal, warning};
use anlan_kernel::{Instant, Lang};
use proptest::prelude::*;
use serde_json::Value;

fn good() -> Vec<String> {
    let files = [include_str!("data/cap/alerts.json"), include_str!("data/cap/cn_warning.json")];
    let vectors = files.iter().flat_map(|it| serde_json::from_str::<Vec<Value>>(it).unwrap());
    vectors.filter_map(|it| it["input"]["xml"].as_str().map(str::to_owned)).collect()
}

fn base() -> String {
    good()
        .into_iter()
        .find(|it| it.contains("AL-20250801-0001") && it.contains("<severity>Extreme"))
        .unwrap()
        .replace("<restriction>内部</restriction>", "")
}

fn refused(xml: &[u8]) -> anlan_kernel::Problem {
    cap::read(xml).message.expect_err("it must be refused")
}

#[test]
fn a_bad_word_names_element_value_and_what_is_allowed_in_both_languages() {
    let xml = base().replace("<severity>Extreme", "<severity>Red");
    let problem = refused(xml.as_bytes());
    assert_eq!(problem.code, "invalid_enum_value");
    assert_eq!(problem.place.byte, xml.find("<severity>"));
    assert_eq!(problem.place.field.as_deref(), Some("severity"));
    for lang in [Lang::Zh, Lang::En] {
        let words = problem.sentence(lang);
        for part in ["severity", "Red", "Extreme", "Severe", "Moderate", "Minor", "Unknown"] {
            assert!(words.contains(part), "{part} is missing in {words}");
        }
    }
}

#[test]
fn a_message_cut_short_is_refused_wherever_it_is_cut() {
    let xml = base();
    for end in (0..xml.trim_end().len()).filter(|it| xml.is_char_boundary(*it)) {
        let problem = refused(&xml.as_bytes()[..end]);
        assert!(problem.place.byte.is_some_and(|it| it <= end), "cut at {end}: {problem:?}");
    }
}

#[test]
fn broken_utf8_is_refused_at_its_byte() {
    let xml = base();
    let at = xml.find("暴雨").unwrap();
    let mut bytes = xml.into_bytes();
    bytes[at + 1] = b'(';
    let problem = refused(&bytes);
    assert_eq!((problem.code.as_str(), problem.place.byte), ("broken_encoding", Some(at)));
}

#[test]
fn a_message_in_gb18030_is_read_and_its_offsets_count_the_bytes_received() {
    let text = base().replace("UTF-8", "GB18030");
    let (bytes, _, _) = encoding_rs::GB18030.encode(&text);
    assert_eq!(cap::read(&bytes).message.unwrap().infos[0].event, "暴雨");
    let doubled = text.replace("<areaDesc>", "<areaDesc/><areaDesc>");
    let (bytes, _, _) = encoding_rs::GB18030.encode(&doubled);
    let want = bytes.windows(10).rposition(|it| it == b"<areaDesc>");
    let problem = refused(&bytes);
    assert_eq!((problem.code.as_str(), problem.place.byte), ("duplicate_element", want));
}

#[test]
fn a_byte_order_mark_is_skipped_and_counted() {
    let xml = base().replace("<severity>Extreme", "<severity>Red");
    let marked = [b"\xEF\xBB\xBF", xml.as_bytes()].concat();
    assert_eq!(refused(&marked).place.byte, xml.find("<severity>").map(|it| it + 3));
}

#[test]
fn ten_megabytes_of_nested_elements_are_refused() {
    let nested = "<a>".repeat(10 << 20);
    assert_eq!(refused(nested.as_bytes()).code, "too_large");
    assert_eq!(refused(&nested.as_bytes()[..3 << 20]).code, "too_deep");
    let deep = "<a>".repeat(MAX_DEPTH) + &"</a>".repeat(MAX_DEPTH);
    assert_eq!(refused(deep.as_bytes()).code, "not_an_alert");
    let deeper = "<a>".repeat(MAX_DEPTH + 1);
    assert_eq!(refused(deeper.as_bytes()).code, "too_deep");
    let foreign =
        format!("<alert xmlns='urn:oasis:names:tc:emergency:cap:1.2'><x:y xmlns:x='z'>{}", "<x:y>".repeat(MAX_DEPTH));
    assert_eq!(refused(foreign.as_bytes()).code, "too_deep");
    let wide = format!("<a>{}</a>", "<b/>".repeat(MAX_ELEMENTS));
    assert_eq!(refused(wide.as_bytes()).code, "too_many_elements");
}

#[test]
fn a_document_type_is_refused_and_no_entity_is_expanded() {
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE alert [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><alert>&b;</alert>";
    assert_eq!(refused(bomb.as_bytes()).code, "dtd_refused");
    assert_eq!(decode::line("cap", bomb.as_bytes())["error"], "DTD refused");
    assert_eq!(refused(base().replace("暴雨红色预警", "&b;").as_bytes()).code, "unknown_entity");
}

#[test]
fn warnings_are_capped_however_many_there_are() {
    let xml = base().replace("<headline>", &format!("{}<headline>", "<odd/>".repeat(50_000)));
    let read = cap::read(xml.as_bytes());
    assert!(read.message.is_ok());
    assert_eq!(read.warnings.len(), MAX_WARNINGS);
}

#[test]
fn a_huge_ring_is_read_and_said_to_be_unchecked() {
    let points: Vec<String> = (0..40_000).map(|it| format!("{},{}", it % 2, f64::from(it) / 1_000.0)).collect();
    let ring = format!("{} -1,39.999 -1,0 {}", points.join(" "), points[0]);
    let xml = base().replace("30.0,110.0 30.0,110.2 30.2,110.2 30.0,110.0", &ring);
    let read = cap::read(xml.as_bytes());
    assert_eq!(read.message.map(|it| it.infos.len()), Ok(1));
    let codes: Vec<_> = read.warnings.iter().map(|it| it.code.as_str()).collect();
    assert_eq!(codes, ["polygon_not_checked"]);
}

fn read_everything(bytes: &[u8]) {
    let read = cap::read(bytes);
    if let Ok(alert) = &read.message {
        assert!(cap::check(alert).errors.is_empty());
        let again = cap::read(cap::write(alert).as_bytes());
        assert!(again.message.is_ok(), "{again:?}");
    }
    assert!(read.warnings.len() <= MAX_WARNINGS);
    let _ = warning::read(bytes).message.map(|it| cap::write(&it.to_cap()));
    let _ = decode::line("cap", bytes);
    let _ = signal::read(bytes, Instant(0));
    let _ = warning::from_text(&String::from_utf8_lossy(bytes));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        read_everything(&bytes);
    }

    #[test]
    fn arbitrary_words_never_panic(words in "[0-9年月日时分：:红橙黄蓝色暴雨大风雷电预警信号发布解除升级降为台局，。 <>&/alert\n]{0,120}") {
        read_everything(words.as_bytes());
    }

    #[test]
    fn a_damaged_message_never_panics(
        which in any::<prop::sample::Index>(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..6),
    ) {
        let all = good();
        let mut bytes = which.get(&all).clone().into_bytes();
        for (index, byte, what) in cuts {
            let at = index.index(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
            match what {
                0 if !bytes.is_empty() => bytes[at] = byte,
                1 if !bytes.is_empty() => { bytes.remove(at); }
                2 => bytes.insert(at, byte),
                _ => bytes.truncate(at + bytes.len() / 2),
            }
        }
        read_everything(&bytes);
    }

    #[test]
    fn two_elements_swapped_or_doubled_never_panic(which in any::<prop::sample::Index>(), a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
        let all = good();
        let xml = which.get(&all);
        let mut parts: Vec<&str> = xml.split_inclusive('>').collect();
        let (a, b) = (a.index(parts.len()), b.index(parts.len()));
        parts.swap(a, b);
        read_everything(parts.concat().as_bytes());
        parts.insert(a, parts[b]);
        read_everything(parts.concat().as_bytes());
    }
}
