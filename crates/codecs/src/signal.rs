//! Signals of other authorities (预警信号等) in one neutral form, relayed unchanged.

use anlan_kernel::{Colour, Instant, Problem, RegionCode};
use serde::{Deserialize, Serialize};

use crate::{
    Read,
    cap::{self, Alert, MsgType, Pair, Status},
    hazard::Hazard,
    warning::{self, Action, Guess, WarningMessage},
    xml,
};

/// How a signal came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// CAP XML.
    Cap,
    /// XML of the national warning release system.
    CnWarning,
    /// Pasted or dictated words.
    Text,
}

/// A place of a signal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalArea {
    /// As the message names it; may be empty where only a code stands.
    pub name: String,
    /// Its region, zeros behind the level taken off (440303000000 is 440303), where one is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<RegionCode>,
}

/// A signal as it came in. `original` is what is shown and relayed; the rest is for sorting it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncomingSignal {
    /// The whole message as text, nothing changed (bytes in GBK are decoded).
    pub original: String,
    /// How it came.
    pub format: Format,
    /// The issuer's own identifier; pasted text has none.
    pub identifier: Option<String>,
    /// The sender's code or address, where the format has one.
    pub sender: Option<String>,
    /// The issuing unit in words.
    pub issuer: Option<String>,
    /// When it was issued.
    pub issued_at: Option<Instant>,
    /// Valid from.
    pub effective: Option<Instant>,
    /// Valid until.
    pub expires: Option<Instant>,
    /// Stable key of the hazard ([`crate::hazard::HAZARDS`]).
    pub hazard: Option<String>,
    /// The hazard in the message's own words.
    pub hazard_zh: Option<String>,
    /// The colour that the message names; never derived from a severity.
    pub colour: Option<Colour>,
    /// 发布、解除 …
    pub action: Option<Action>,
    /// Where; empty for pasted text.
    pub areas: Vec<SignalArea>,
    /// Real, exercise, test …
    pub status: Status,
    /// Identifiers of the earlier messages it belongs to.
    pub references: Vec<String>,
    /// Headline.
    pub headline: Option<String>,
    /// The warning's words.
    pub description: Option<String>,
}

/// Reads whatever came: CAP, the Chinese message, or words. `received` completes a time that is
/// written without year or month, and nothing else.
///
/// What starts with `<` must be a message in XML; anything else is text in UTF-8 or GB 18030.
pub fn read(bytes: &[u8], received: Instant) -> Read<IncomingSignal> {
    if looks_like_xml(bytes) { read_xml(bytes) } else { read_text(bytes, received) }
}

/// Whether [`read`] takes this for a message in XML.
pub fn looks_like_xml(bytes: &[u8]) -> bool {
    let marked = matches!(bytes, [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..]);
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    marked || bytes.iter().find(|it| !it.is_ascii_whitespace()) == Some(&b'<')
}

fn read_xml(bytes: &[u8]) -> Read<IncomingSignal> {
    let document = match xml::parse(bytes) {
        Ok(document) => document,
        Err(problem) => {
            return Read { message: Err(problem), warnings: Vec::new() };
        }
    };
    let original = document.text.decoded.clone();
    if warning::is_warning(&document) {
        warning::read_document(&document).map(|it| IncomingSignal::from_warning(&it, original))
    } else {
        cap::read_document(&document).map(|it| IncomingSignal::from_cap(&it, original))
    }
}

fn read_text(bytes: &[u8], received: Instant) -> Read<IncomingSignal> {
    let decoded = match std::str::from_utf8(bytes) {
        Ok(text) => Some(text.to_owned()),
        Err(_) => {
            encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(bytes).map(|it| it.into_owned())
        }
    };
    let message = match decoded
        .filter(|it| bytes.len() <= xml::MAX_BYTES && !it.trim().is_empty() && it.chars().all(xml::allowed))
    {
        Some(text) => Ok(IncomingSignal::from_text(&text, received)),
        None => Err(Problem::new(
            "not_a_text",
            "不是可读的文字：应为 UTF-8 或 GB 18030 编码的预警原文",
            "this is no readable text: the warning's words in UTF-8 or GB 18030 are expected",
        )
        .byte(0)),
    };
    Read { message, warnings: Vec::new() }
}

impl IncomingSignal {
    /// From the words of a warning. `received` completes a time written without year or month.
    pub fn from_text(original: &str, received: Instant) -> Self {
        let guess: Guess = warning::from_text(original);
        let headline = original.lines().map(str::trim).find(|it| !it.is_empty());
        Self {
            original: original.to_owned(),
            format: Format::Text,
            identifier: None,
            sender: None,
            issued_at: guess.issued_at(received),
            issuer: guess.issuer,
            effective: None,
            expires: None,
            hazard: guess.hazard.map(|it| it.key.to_owned()),
            hazard_zh: guess.hazard.map(|it| it.zh.to_owned()),
            colour: guess.colour,
            action: guess.action,
            areas: Vec::new(),
            status: guess.status,
            references: Vec::new(),
            headline: headline.filter(|it| it.chars().count() <= 60).map(str::to_owned),
            description: Some(original.trim().to_owned()),
        }
    }

    /// From a message of the national warning release system and its text as received.
    pub fn from_warning(message: &WarningMessage, original: String) -> Self {
        let info = message.infos.first();
        let hazard = info.and_then(|it| it.hazard());
        Self {
            original,
            format: Format::CnWarning,
            identifier: Some(message.identifier.text.clone()),
            sender: Some(message.sender_code.clone()),
            issuer: Some(message.sender.clone()),
            issued_at: Some(message.sent.instant()),
            effective: info.and_then(|it| it.effective).map(|it| it.instant()),
            expires: info.and_then(|it| it.expires).map(|it| it.instant()),
            hazard: hazard.map(|it| it.key.to_owned()),
            hazard_zh: hazard.map(|it| it.zh.to_owned()),
            colour: info.map(|it| it.severity),
            action: Some(message.action()),
            areas: message
                .infos
                .iter()
                .flat_map(|it| &it.areas)
                .map(|it| area(&it.description, Some(&it.geocode)))
                .fold(Vec::new(), add),
            status: message.status,
            references: message.references.clone(),
            headline: info.and_then(|it| it.headline.clone()),
            description: info.and_then(|it| it.description.clone()),
        }
    }

    /// From a CAP alert and its text as received. Of several languages the Chinese one is taken,
    /// else the first.
    pub fn from_cap(alert: &Alert, original: String) -> Self {
        let chinese =
            |it: &&cap::Info| it.language.as_deref().is_some_and(|tag| tag.to_ascii_lowercase().starts_with("zh"));
        let info = alert.infos.iter().find(chinese).or_else(|| alert.infos.first());
        let hazard = info.and_then(cap_hazard);
        Self {
            original,
            format: Format::Cap,
            identifier: Some(alert.identifier.clone()),
            sender: Some(alert.sender.clone()),
            issuer: info
                .and_then(|it| it.sender_name.clone())
                .or_else(|| alert.source.clone())
                .or_else(|| Some(alert.sender.clone())),
            issued_at: Some(alert.sent.instant()),
            effective: info.and_then(|it| it.effective).map(|it| it.instant()),
            expires: info.and_then(|it| it.expires).map(|it| it.instant()),
            hazard: hazard.map(|it| it.key.to_owned()),
            hazard_zh: info.map(|it| hazard.map_or_else(|| it.event.clone(), |known| known.zh.to_owned())),
            colour: info.and_then(cap_colour),
            action: cap_action(alert.msg_type, info),
            areas: info.map(cap_areas).unwrap_or_default(),
            status: alert.status,
            references: alert.references.iter().map(|it| it.identifier.clone()).collect(),
            headline: info.and_then(|it| it.headline.clone()),
            description: info.and_then(|it| it.description.clone()),
        }
    }

    /// Which of `hazard`, `colour`, `issuer` a person has to fill in.
    pub fn to_fill_in(&self) -> Vec<&'static str> {
        let partial = self.format == Format::Text && warning::from_text(&self.original).issuer_is_partial();
        let open = [
            ("hazard", self.hazard.is_none()),
            ("colour", self.colour.is_none()),
            ("issuer", self.issuer.is_none() || partial),
        ];
        open.into_iter().filter(|(_, it)| *it).map(|(name, _)| name).collect()
    }
}

fn cap_hazard(info: &cap::Info) -> Option<&'static Hazard> {
    Hazard::named_in(&info.event)
        .or_else(|| info.event_codes.iter().find_map(|it| Hazard::by_event_code(&it.value)))
        .or_else(|| info.headline.as_deref().and_then(Hazard::named_in))
}

/// From a parameter that is named after colour, else from the headline's words.
fn cap_colour(info: &cap::Info) -> Option<Colour> {
    let named = |it: &&Pair| {
        let name = it.name.to_ascii_lowercase();
        ["colour", "color", "颜色"].iter().any(|word| name.contains(word))
    };
    info.parameters.iter().filter(named).find_map(|it| Colour::parse(&it.value)).or_else(|| {
        [&info.headline, &info.description].into_iter().flatten().find_map(|it| warning::from_text(it).colour)
    })
}

fn cap_action(msg_type: MsgType, info: Option<&cap::Info>) -> Option<Action> {
    let worded = || {
        let words = info?.description.as_deref().or(info?.headline.as_deref())?;
        warning::from_text(words).action.filter(|it| *it != Action::Issue)
    };
    match msg_type {
        MsgType::Alert => Some(Action::Issue),
        MsgType::Update => Some(worded().unwrap_or(Action::Change)),
        MsgType::Cancel => Some(Action::Lift),
        MsgType::Ack | MsgType::Error => None,
    }
}

fn cap_areas(info: &cap::Info) -> Vec<SignalArea> {
    let mut areas = Vec::new();
    for it in &info.areas {
        let codes: Vec<&Pair> = it.geocodes.iter().filter(|it| names_chinese_regions(&it.name)).collect();
        match codes.as_slice() {
            [] => areas = add(areas, area(&it.description, None)),
            codes => areas = codes.iter().map(|code| area(&it.description, Some(&code.value))).fold(areas, add),
        }
    }
    areas
}

fn names_chinese_regions(list: &str) -> bool {
    let list = list.to_ascii_lowercase();
    ["2260", "区划", "adcode", "region_code"].iter().any(|it| list.contains(it))
}

/// Most areas that are kept of one signal.
const MOST_AREAS: usize = 2_000;

fn add(mut areas: Vec<SignalArea>, area: SignalArea) -> Vec<SignalArea> {
    if areas.last() != Some(&area) && areas.len() < MOST_AREAS {
        areas.push(area);
    }
    areas
}

fn area(name: &str, code: Option<&str>) -> SignalArea {
    SignalArea { name: name.to_owned(), region: code.and_then(region) }
}

/// A region code without the zeros that fill it up to 6, 9 or 12 digits: a code covers what
/// starts with it, so 440000000000 must become 44.
pub fn region(code: &str) -> Option<RegionCode> {
    let code = code.trim();
    let mut kept = code;
    for (whole, parent) in [(12, 9), (9, 6), (6, 4), (4, 2)] {
        if kept.len() == whole && kept.get(parent..).is_some_and(|it| it.bytes().all(|b| b == b'0')) {
            kept = kept.get(..parent)?;
        }
    }
    let real = kept.bytes().any(|it| it != b'0');
    RegionCode::parse(kept).ok().filter(|_| real)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("410000000000", Some("41"))]
    #[case("440300000000", Some("4403"))]
    #[case("440303000000", Some("440303"))]
    #[case("440303001000", Some("440303001"))]
    #[case("440303001002", Some("440303001002"))]
    #[case("420500", Some("4205"))]
    #[case("110101", Some("110101"))]
    #[case("000000000000", None)]
    #[case("安澜县", None)]
    #[case("", None)]
    fn a_region_loses_the_zeros_behind_its_level(#[case] code: &str, #[case] want: Option<&str>) {
        assert_eq!(region(code).as_ref().map(RegionCode::as_str), want);
    }

    #[test]
    fn a_severity_alone_gives_no_colour() {
        let xml = "<alert xmlns='urn:oasis:names:tc:emergency:cap:1.2'><identifier>a</identifier><sender>b</sender><sent>2025-08-01T08:00:00+08:00</sent><status>Exercise</status><msgType>Alert</msgType><scope>Public</scope><info><category>Met</category><event>Typhoon</event><urgency>Immediate</urgency><severity>Extreme</severity><certainty>Likely</certainty></info></alert>";
        let signal = read(xml.as_bytes(), Instant(0)).message.unwrap();
        assert_eq!((signal.colour, signal.hazard.as_deref(), signal.status), (None, Some("typhoon"), Status::Exercise));
        assert_eq!((signal.format, signal.original.as_str()), (Format::Cap, xml));
        assert_eq!(signal.to_fill_in(), ["colour"]);
    }

    #[test]
    fn words_in_gb18030_are_read() {
        let (bytes, _, _) = encoding_rs::GB18030.encode("深圳市气象台9月7日19时10分发布分区暴雨红色预警信号");
        let signal = read(&bytes, Instant::parse("2023-09-07T19:12:00+08:00").unwrap()).message.unwrap();
        assert_eq!((signal.hazard.as_deref(), signal.colour), (Some("rainstorm"), Some(Colour::Red)));
        assert_eq!(signal.issuer.as_deref(), Some("深圳市气象台"));
        assert_eq!(signal.issued_at, Instant::parse("2023-09-07T19:10:00+08:00").ok());
        assert!(signal.to_fill_in().is_empty());
    }
}
