//! From bytes to a warning message.

use anlan_kernel::{Colour, Instant, Problem};

use super::{Identifier, Method, WarningArea, WarningInfo, WarningMessage};
use crate::{
    Read,
    cap::{CapTime, MsgType, Scope, Status, TimeForm, words::not_a_word},
    xml::{self, Document, Element, Warnings, cut},
};

/// Minutes east of UTC of Beijing time, which the system means where no zone is written.
const BEIJING: i16 = 480;

/// Reads a message of the national warning release system.
pub fn read(bytes: &[u8]) -> Read<WarningMessage> {
    match xml::parse(bytes) {
        Ok(document) => read_document(&document),
        Err(problem) => Read { message: Err(problem), warnings: Vec::new() },
    }
}

/// Whether the document has the shape of the Chinese message rather than of CAP.
pub(crate) fn is_warning(document: &Document) -> bool {
    let root = &document.root;
    root.name == "alert"
        && document.namespace.is_none()
        && (root.first("sendTime").is_some() || root.first("senderCode").is_some())
}

pub(crate) fn read_document(document: &Document) -> Read<WarningMessage> {
    let mut reader = Reader { warnings: document.warnings.clone() };
    let message = reader.message(document);
    Read {
        message: message.map_err(|it| document.text.place(vec![it]).remove(0)),
        warnings: document.text.place(reader.warnings.into_vec()),
    }
}

struct Reader {
    warnings: Warnings,
}

impl Reader {
    fn message(&mut self, document: &Document) -> Result<WarningMessage, Problem> {
        let root = &document.root;
        if root.name != "alert" {
            return Err(bad("not_an_alert", root, "根元素应为 <alert>", "the root must be <alert>"));
        }
        let identifier = identifier(needed(root, "identifier")?)?;
        let sender_code = sender_code(needed(root, "senderCode")?)?;
        if identifier.unit != sender_code
            && let Some(element) = root.first("identifier")
        {
            self.warnings.push(bad(
                "identifier_sender_mismatch",
                element,
                "<identifier> 与 <senderCode> 的单位编码不同",
                "<identifier> and <senderCode> name different units",
            ));
        }
        let sent = needed(root, "sendTime")?;
        let infos = root.all("info").map(|it| self.info(it)).collect::<Result<Vec<_>, _>>()?;
        let message = WarningMessage {
            identifier,
            sender: needed(root, "sender")?.value().to_owned(),
            sender_code,
            sent: self.time(sent)?,
            status: word(root, "status", Status::read)?,
            msg_type: word(root, "msgType", MsgType::read)?,
            scope: root
                .first("scope")
                .filter(|it| !it.is_empty())
                .map_or(Ok(Scope::Public), |it| Scope::read("scope", it.value(), it.at))?,
            methods: methods(root),
            classification: root.value_of("secClassification"),
            note: root.value_of("note"),
            references: root.value_of("references").map(|it| list(&it)).unwrap_or_default(),
            infos,
        };
        self.complete(&message, root)?;
        Ok(message)
    }

    fn complete(&mut self, message: &WarningMessage, root: &Element) -> Result<(), Problem> {
        if message.infos.is_empty() {
            return Err(missing(root, "info"));
        }
        if message.msg_type != MsgType::Alert && message.references.is_empty() {
            self.warnings.push(
                bad(
                    "update_or_cancel_must_reference",
                    root,
                    "更新和解除报文应在 <references> 中指明首次报文",
                    "an Update or Cancel should name the first message in <references>",
                )
                .field("references"),
            );
        }
        Ok(())
    }

    fn info(&mut self, node: &Element) -> Result<WarningInfo, Problem> {
        let event = needed(node, "eventType")?;
        let event_type = event.value().to_owned();
        let plain = matches!(event_type.len(), 5 | 7) && event_type.bytes().all(|it| it.is_ascii_alphanumeric());
        if !plain {
            self.warnings.push(bad(
                "unknown_event_type",
                event,
                "<eventType> 应为 5 位编码，如 11B03",
                "<eventType> should be a five-character code such as 11B03",
            ));
        }
        Ok(WarningInfo {
            language: node.value_of("language"),
            event_type,
            severity: colour(needed(node, "severity")?)?,
            urgency: node.value_of("urgency"),
            certainty: node.value_of("certainty"),
            effective: self.maybe_time(node, "effective")?,
            onset: self.maybe_time(node, "onset")?,
            expires: self.maybe_time(node, "expires")?,
            sender_name: node.value_of("senderName"),
            headline: node.value_of("headline"),
            description: node.value_of("description"),
            instruction: node.value_of("instruction"),
            web: node.value_of("web"),
            areas: node.all("area").flat_map(|it| self.areas(it)).collect(),
        })
    }

    fn areas(&mut self, node: &Element) -> Vec<WarningArea> {
        let words = list(&node.value_of("areaDesc").unwrap_or_default());
        let codes = list(&node.value_of("geocode").unwrap_or_default());
        if words.len() != codes.len() {
            let (a, b) = (words.len(), codes.len());
            self.warnings.push(bad(
                "area_lists_differ",
                node,
                &format!("<areaDesc> 有 {a} 项，<geocode> 有 {b} 项"),
                &format!("<areaDesc> has {a} entries and <geocode> {b}"),
            ));
        }
        if let Some(code) = codes.iter().find(|it| it.len() != 12 || !it.bytes().all(|b| b.is_ascii_digit())) {
            let code = cut(code);
            self.warnings.push(
                bad(
                    "geocode_form",
                    node,
                    &format!("区划编码 {code:?} 不是 12 位数字"),
                    &format!("the region code {code:?} is not 12 digits"),
                )
                .field("geocode"),
            );
        }
        (0..words.len().max(codes.len()))
            .map(|it| WarningArea {
                description: words.get(it).cloned().unwrap_or_default(),
                geocode: codes.get(it).cloned().unwrap_or_default(),
            })
            .collect()
    }

    fn maybe_time(&mut self, node: &Element, name: &str) -> Result<Option<CapTime>, Problem> {
        node.first(name).filter(|it| !it.is_empty()).map(|it| self.time(it)).transpose()
    }

    fn time(&mut self, element: &Element) -> Result<CapTime, Problem> {
        match CapTime::read(element.value(), BEIJING) {
            Some((time, form)) => {
                if form == TimeForm::NoZone {
                    self.warnings.push(bad(
                        "time_without_zone",
                        element,
                        "时间没有时区，按北京时间读取",
                        "the time has no zone; read as Beijing time",
                    ));
                }
                Ok(time)
            }
            None => {
                let (name, text) = (&element.name, cut(element.value()));
                Err(bad(
                    "invalid_date",
                    element,
                    &format!("<{name}> {text:?} 不是时间：应如 2020-02-05 10:45:00+08:00"),
                    &format!("<{name}> is {text:?}; a time such as 2020-02-05 10:45:00+08:00 is expected"),
                ))
            }
        }
    }
}

fn bad(code: &str, element: &Element, zh: &str, en: &str) -> Problem {
    Problem::new(code, zh, en).field(element.name.chars().take(64).collect::<String>()).byte(element.at)
}

fn missing(parent: &Element, name: &str) -> Problem {
    bad(
        "missing_required_element",
        parent,
        &format!("缺少必填的 <{name}>"),
        &format!("the required <{name}> is missing"),
    )
    .field(name)
}

fn needed<'a>(node: &'a Element, name: &str) -> Result<&'a Element, Problem> {
    node.first(name).filter(|it| !it.value().is_empty()).ok_or_else(|| missing(node, name))
}

fn word<T>(node: &Element, name: &str, read: fn(&str, &str, usize) -> Result<T, Problem>) -> Result<T, Problem> {
    let element = needed(node, name)?;
    read(name, element.value(), element.at)
}

fn colour(element: &Element) -> Result<Colour, Problem> {
    Colour::parse(element.value())
        .ok_or_else(|| not_a_word("severity", element.value(), &["Red", "Orange", "Yellow", "Blue"], element.at))
}

fn digits(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|it| it.is_ascii_digit())
}

fn sender_code(element: &Element) -> Result<String, Problem> {
    let code = element.value();
    if digits(code, 14) {
        return Ok(code.to_owned());
    }
    let code = cut(code);
    Err(bad(
        "invalid_sender_code",
        element,
        &format!("<senderCode> {code:?} 应为 14 位数字"),
        &format!("<senderCode> is {code:?}; 14 digits are expected"),
    ))
}

/// Unit code, `_`, moment, and perhaps `_` and a number.
fn identifier(element: &Element) -> Result<Identifier, Problem> {
    let text = element.value();
    let mut parts = text.split('_');
    let (unit, stamp, sequence, rest) =
        (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next(), parts.next());
    let number = sequence.map(|it| it.parse::<u32>().ok().filter(|_| it.bytes().all(|b| b.is_ascii_digit())));
    if !digits(unit, 14) || !digits(stamp, 14) || rest.is_some() || number == Some(None) {
        let text = cut(text);
        return Err(bad(
            "invalid_identifier",
            element,
            &format!("<identifier> {text:?} 应为 14 位单位编码_14 位时间[_序号]"),
            &format!("<identifier> is {text:?}; 14 digits, _, 14 digits and perhaps _ and a number are expected"),
        ));
    }
    Ok(Identifier {
        text: text.to_owned(),
        unit: unit.to_owned(),
        at: stamp_instant(stamp),
        sequence: number.flatten(),
    })
}

/// The moment of `YYYYMMDDhhmmss` in Beijing time.
pub(super) fn stamp_instant(stamp: &str) -> Option<Instant> {
    let part = |range: std::ops::Range<usize>| stamp.get(range);
    let text =
        format!("{}-{}-{}T{}:{}:{}", part(0..4)?, part(4..6)?, part(6..8)?, part(8..10)?, part(10..12)?, part(12..14)?);
    CapTime::read(&text, BEIJING).map(|(it, _)| it.instant())
}

/// Entries of a comma list; a trailing comma adds none.
fn list(text: &str) -> Vec<String> {
    text.split([',', '，']).map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

fn methods(root: &Element) -> Vec<Method> {
    root.all("code")
        .flat_map(|it| it.all("method"))
        .map(|it| Method {
            name: it.value_of("methodName").unwrap_or_default(),
            message: it.value_of("message"),
            audience_groups: it.value_of("audienceGrp").map(|it| list(&it)).unwrap_or_default(),
        })
        .collect()
}
