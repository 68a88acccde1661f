//! The answers of `anlan decode`: one JSON object a message.
//!
//! `{"ok":true,"message":{…},"warnings":[…]}` or `{"ok":false,"error":"…","at":byte,…}`, names as
//! in the published test vectors: CAP errors in capitals, those of the Chinese message by field.

use anlan_kernel::{Place, Problem};
use serde_json::{Map, Value, json};

use crate::{
    Read,
    cap::{self, Alert, Area, Info, MsgType, Pair, Resource},
    warning::{self, WarningMessage},
    xml,
};

/// Kinds of message that can be decoded.
pub const KINDS: &[&str] = &["cap"];

/// Whether messages of this kind can be decoded.
///
/// # Errors
/// `unknown_kind`, naming those that can.
pub fn check_kind(kind: &str) -> Result<(), Problem> {
    if KINDS.contains(&kind) {
        return Ok(());
    }
    let (kind, known) = (xml::cut(kind), KINDS.join(", "));
    Err(Problem::new(
        "unknown_kind",
        format!("不认识的报文种类 {kind:?}，可解码的有：{known}"),
        format!("the kind {kind:?} cannot be decoded; known kinds are: {known}"),
    ))
}

/// Decodes one message.
pub fn line(kind: &str, bytes: &[u8]) -> Value {
    if let Err(problem) = check_kind(kind) {
        return refusal(&problem, upper);
    }
    let document = match xml::parse(bytes) {
        Ok(document) => document,
        Err(problem) => return refusal(&problem, upper),
    };
    if warning::is_warning(&document) {
        answer(warning::read_document(&document), warning_json, field_name)
    } else {
        answer(cap::read_document(&document), alert_json, upper)
    }
}

/// Decodes one line of `--jsonl`: `{"id":…,"frame"|"hex"|"xml":…}`; the answer keeps the id.
pub fn jsonl_line(kind: &str, line_text: &str) -> Value {
    let mut id = Value::Null;
    let mut answer = match input(line_text, &mut id) {
        Ok(bytes) => line(kind, &bytes),
        Err(problem) => refusal(&problem, upper),
    };
    if let Value::Object(map) = &mut answer {
        map.insert("id".to_owned(), id);
    }
    answer
}

/// Bytes of hexadecimal digits; blanks and line ends between them do not count.
///
/// # Errors
/// `bad_hex` with the byte that is no digit, or at the end when one digit is missing.
pub fn hex(text: &str) -> Result<Vec<u8>, Problem> {
    let bad = |at: usize| {
        Problem::new(
            "bad_hex",
            "不是十六进制：应为成对的 0-9 a-f",
            "this is not hexadecimal: pairs of 0-9 a-f are expected",
        )
        .byte(at)
    };
    let (mut bytes, mut half) = (Vec::with_capacity(text.len() / 2), None);
    for (at, it) in text.char_indices().filter(|(_, it)| !it.is_whitespace()) {
        let digit = it.to_digit(16).and_then(|it| u8::try_from(it).ok()).ok_or_else(|| bad(at))?;
        match half.take() {
            Some(high) => bytes.push(high << 4 | digit),
            None => half = Some(digit),
        }
    }
    if half.is_some() { Err(bad(text.len())) } else { Ok(bytes) }
}

fn input(line: &str, id: &mut Value) -> Result<Vec<u8>, Problem> {
    let bad = || {
        Problem::new(
            "bad_line",
            "每行应为 {\"id\":…,\"frame\"|\"hex\"|\"xml\":\"…\"}",
            "each line must be {\"id\":…,\"frame\"|\"hex\"|\"xml\":\"…\"}",
        )
        .byte(0)
    };
    let parsed: Value = serde_json::from_str(line).map_err(|_| bad())?;
    *id = parsed.get("id").cloned().unwrap_or(Value::Null);
    let text = |key: &str| parsed.get(key).and_then(Value::as_str);
    match (text("xml").or_else(|| text("frame")), text("hex")) {
        (Some(text), None) => Ok(text.as_bytes().to_vec()),
        (None, Some(digits)) => hex(digits),
        _ => Err(bad()),
    }
}

type Name = fn(&str) -> String;

fn answer<T>(read: Read<T>, message: impl Fn(&T) -> Value, name: Name) -> Value {
    match &read.message {
        Ok(it) => {
            let warnings: Vec<Value> =
                read.warnings.iter().map(|it| Value::Object(problem("warning", it, upper))).collect();
            json!({ "ok": true, "message": message(it), "warnings": warnings })
        }
        Err(it) => refusal(it, name),
    }
}

fn refusal(it: &Problem, name: Name) -> Value {
    let mut map = problem("error", it, name);
    map.insert("ok".to_owned(), Value::Bool(false));
    Value::Object(map)
}

fn problem(key: &str, it: &Problem, name: Name) -> Map<String, Value> {
    let Place { byte, field, .. } = &it.place;
    let mut map = Map::new();
    map.insert(key.to_owned(), name(&it.code).into());
    map.insert("at".to_owned(), json!(byte));
    if let Some(field) = field {
        map.insert("element".to_owned(), json!(field));
    }
    map.insert("zh".to_owned(), json!(it.message.zh));
    map.insert("en".to_owned(), json!(it.message.en));
    map
}

fn upper(code: &str) -> String {
    if code == "dtd_refused" { "DTD refused".to_owned() } else { code.to_uppercase() }
}

/// The Chinese message names an error after its field: `date`, `identifier`, `sender_code`.
fn field_name(code: &str) -> String {
    code.strip_prefix("invalid_").map_or_else(|| upper(code), str::to_owned)
}

/// An object without the entries that are null or empty lists.
fn filled(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(map.into_iter().filter(|(_, it)| !it.is_null()).collect()),
        other => other,
    }
}

fn alert_json(alert: &Alert) -> Value {
    let references: Vec<String> = alert.references.iter().map(ToString::to_string).collect();
    filled(json!({
        "namespace": alert.version.namespace(),
        "identifier": alert.identifier,
        "sender": alert.sender,
        "sent": alert.sent.to_string(),
        "status": alert.status.word(),
        "msgType": alert.msg_type.word(),
        "source": alert.source,
        "scope": alert.scope.word(),
        "restriction": alert.restriction,
        "addresses": alert.addresses,
        "code": alert.codes,
        "note": alert.note,
        "references": (!references.is_empty()).then(|| references.join(" ")),
        "incidents": alert.incidents,
        "signed": alert.signed,
        "infos": alert.infos.iter().map(info_json).collect::<Vec<_>>(),
    }))
}

fn info_json(info: &Info) -> Value {
    let time = |it: Option<cap::CapTime>| it.map(|it| it.to_string());
    filled(json!({
        "language": info.language,
        "category": info.categories.iter().map(|it| it.word()).collect::<Vec<_>>(),
        "event": info.event,
        "responseType": info.response_types.iter().map(|it| it.word()).collect::<Vec<_>>(),
        "urgency": info.urgency.word(),
        "severity": info.severity.word(),
        "certainty": info.certainty.word(),
        "audience": info.audience,
        "eventCode": pairs_json(&info.event_codes),
        "effective": time(info.effective),
        "onset": time(info.onset),
        "expires": time(info.expires),
        "senderName": info.sender_name,
        "headline": info.headline,
        "description": info.description,
        "instruction": info.instruction,
        "web": info.web,
        "contact": info.contact,
        "parameter": pairs_json(&info.parameters),
        "resource": info.resources.iter().map(resource_json).collect::<Vec<_>>(),
        "areas": info.areas.iter().map(area_json).collect::<Vec<_>>(),
    }))
}

fn pairs_json(pairs: &[Pair]) -> Vec<Value> {
    pairs.iter().map(|it| json!({ "valueName": it.name, "value": it.value })).collect()
}

fn resource_json(it: &Resource) -> Value {
    filled(json!({
        "resourceDesc": it.description,
        "mimeType": it.mime_type,
        "size": it.size,
        "uri": it.uri,
        "derefUri": it.deref_uri,
        "digest": it.digest,
    }))
}

/// `polygons` counts the points of each ring and `geocodes` the codes, as the vectors do; the
/// rings and codes themselves stand in `polygon` and `geocode`.
fn area_json(it: &Area) -> Value {
    filled(json!({
        "areaDesc": it.description,
        "polygons": it.polygons.iter().map(|it| it.points.len()).collect::<Vec<_>>(),
        "polygon": it.polygons.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "circles": it.circles.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "geocodes": it.geocodes.len(),
        "geocode": pairs_json(&it.geocodes),
        "altitude": it.altitude,
        "ceiling": it.ceiling,
    }))
}

fn warning_json(message: &WarningMessage) -> Value {
    let (info, alert) = (message.infos.first(), message.to_cap());
    let time = |it: Option<cap::CapTime>| it.map(|it| it.to_string());
    let areas: Vec<Value> = message
        .infos
        .iter()
        .flat_map(|it| &it.areas)
        .map(|it| json!({ "desc": it.description, "geocode": it.geocode }))
        .collect();
    filled(json!({
        "format": "cn_warning",
        "identifier": message.identifier.text,
        "sequence": message.identifier.sequence,
        "sender": message.sender,
        "sender_code": message.sender_code,
        "admin_code": message.sender_code.get(..6),
        "industry_code": message.sender_code.get(6..9),
        "sent": message.sent.to_string(),
        "status": message.status.word(),
        "msgType": message.msg_type.word(),
        "scope": message.scope.word(),
        "references": message.references,
        "action": action_words(message),
        "methods": message.methods.iter().map(|it| &it.name).collect::<Vec<_>>(),
        "event_type": info.map(|it| &it.event_type),
        "severity": info.map(|it| warning::colour_word(it.severity)),
        "level": info.map(|it| it.level()),
        "effective": info.and_then(|it| time(it.effective)),
        "expires": info.and_then(|it| time(it.expires)),
        "headline": info.and_then(|it| it.headline.as_ref()),
        "description": info.and_then(|it| it.description.as_ref()),
        "areas": areas,
        "to_cap": {
            "event": alert.infos.first().map(|it| &it.event),
            "severity": alert.infos.first().map(|it| it.severity.word()),
            "note": "Red/Orange/Yellow/Blue to Extreme/Severe/Moderate/Minor; keep the colour in a parameter",
        },
        "file_name": message.file_name(),
    }))
}

/// `open`, `replace` or `close` and the identifier it is about: that of the first message.
fn action_words(message: &WarningMessage) -> String {
    let first = message.references.first().unwrap_or(&message.identifier.text);
    match message.msg_type {
        MsgType::Cancel => format!("close {first}"),
        MsgType::Update => format!("replace {first}"),
        _ => format!("open {}", message.identifier.text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_kind_is_refused_naming_the_known_ones() {
        let answer = line("morse", b"...");
        assert_eq!((answer["ok"].as_bool(), answer["error"].as_str()), (Some(false), Some("UNKNOWN_KIND")));
        assert!(answer["en"].as_str().unwrap().contains("cap"));
    }

    #[test]
    fn a_line_keeps_its_id_whatever_happens() {
        assert_eq!(jsonl_line("cap", r#"{"id":7,"xml":"<alert"}"#)["id"], 7);
        assert_eq!(jsonl_line("cap", r#"{"id":"a","hex":"3c6"}"#)["error"], "BAD_HEX");
        assert_eq!(jsonl_line("cap", r#"{"id":"a","hex":"3c 61 2f 3e"}"#)["error"], "NOT_AN_ALERT");
        assert_eq!(jsonl_line("cap", r#"{"id":"b"}"#)["error"], "BAD_LINE");
        assert_eq!(jsonl_line("cap", "nonsense")["id"], Value::Null);
    }
}
