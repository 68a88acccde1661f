//! Every published vector of the CAP folder, through `decode` as a script would use it.

use serde_json::{Value, json};

const ALERTS: &str = include_str!("data/cap/alerts.json");
const CN_WARNING: &str = include_str!("data/cap/cn_warning.json");

fn vectors(text: &str) -> Vec<Value> {
    serde_json::from_str(text).expect("the vectors are a JSON list")
}

#[test]
fn every_vector_is_read_or_refused_as_it_says() {
    let all = [vectors(ALERTS), vectors(CN_WARNING)].concat();
    let failures: Vec<String> =
        all.iter().filter_map(|it| judge(it).err().map(|why| format!("{}: {why}", it["id"]))).collect();
    assert_eq!(all.len(), 46);
    assert!(failures.is_empty(), "{} of {} vectors fail:\n{}", failures.len(), all.len(), failures.join("\n"));
}

fn judge(vector: &Value) -> Result<(), String> {
    let line = json!({ "id": vector["id"], "xml": vector["input"]["xml"] }).to_string();
    let answer = anlan_codecs::decode::jsonl_line("cap", &line);
    if answer["id"] != vector["id"] {
        return Err("the id is lost".to_owned());
    }
    let expect = &vector["expect"];
    match vector["kind"].as_str() {
        Some("malformed") => refused(expect, &answer),
        Some("ok") => accepted(expect, &answer),
        Some("tolerate") if expect["accepted"] == true => tolerated(expect, &answer),
        Some("tolerate") => {
            let recorded = answer["warnings"].as_array().is_some_and(|it| !it.is_empty());
            if recorded { accepted(expect, &answer) } else { Err("nothing was recorded".to_owned()) }
        }
        other => Err(format!("unknown kind {other:?}")),
    }
}

fn refused(expect: &Value, answer: &Value) -> Result<(), String> {
    let placed = answer["at"].is_u64();
    let right = answer["ok"] == false && answer["error"] == expect["error"] && placed;
    let element = expect.get("element").is_none_or(|it| *it == answer["element"]);
    if right && element { Ok(()) } else { Err(format!("wanted {expect}, got {answer}")) }
}

fn accepted(expect: &Value, answer: &Value) -> Result<(), String> {
    if answer["ok"] != true {
        return Err(format!("refused: {answer}"));
    }
    holds(expect, &answer["message"], "message")
}

fn tolerated(expect: &Value, answer: &Value) -> Result<(), String> {
    let warnings = answer["warnings"].as_array().ok_or_else(|| format!("refused: {answer}"))?;
    let wanted = expect["warning"].as_str().unwrap_or_default();
    let met = if wanted.starts_with("none") {
        warnings.is_empty()
    } else {
        warnings.iter().any(|it| it["warning"] == wanted || it["en"] == wanted)
    };
    if met { Ok(()) } else { Err(format!("wanted {wanted}, got {warnings:?}")) }
}

/// Whether everything named in `want` is in `got`; what is not named is free.
fn holds(want: &Value, got: &Value, path: &str) -> Result<(), String> {
    match (want, got) {
        (Value::Object(want), Value::Object(got)) => want
            .iter()
            .try_for_each(|(key, it)| holds(it, got.get(key).unwrap_or(&Value::Null), &format!("{path}.{key}"))),
        (Value::Array(want), Value::Array(got)) if want.len() == got.len() => want
            .iter()
            .zip(got)
            .enumerate()
            .try_for_each(|(index, (want, got))| holds(want, got, &format!("{path}[{index}]"))),
        _ if want == got => Ok(()),
        _ => Err(format!("{path}: wanted {want}, got {got}")),
    }
}
