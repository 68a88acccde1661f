//! From bytes to an alert.

use anlan_kernel::Problem;

use super::{
    Alert, Area, CapTime, Category, Certainty, Circle, Info, MsgType, Pair, Polygon, Reference, Resource, ResponseType,
    Scope, Severity, Status, TimeForm, Urgency, Version, rules, shape,
};
use crate::{
    Read,
    xml::{self, Document, Element, Warnings, cut},
};

/// Reads a CAP message of edition 1.0, 1.1 or 1.2 and applies the rule book.
///
/// A problem names the element, the byte it starts at in `bytes` and what would be right. The
/// Chinese warning message has another shape: see [`crate::warning::read`].
pub fn read(bytes: &[u8]) -> Read<Alert> {
    match xml::parse(bytes) {
        Ok(document) => read_document(&document),
        Err(problem) => Read { message: Err(problem), warnings: Vec::new() },
    }
}

pub(crate) fn read_document(document: &Document) -> Read<Alert> {
    let mut reader = Reader { warnings: document.warnings.clone(), version: Version::V12 };
    let message = reader.document(document);
    Read {
        message: message.map_err(|it| document.text.place(vec![it]).remove(0)),
        warnings: document.text.place(reader.warnings.into_vec()),
    }
}

struct Reader {
    warnings: Warnings,
    version: Version,
}

impl Reader {
    fn document(&mut self, document: &Document) -> Result<Alert, Problem> {
        let root = &document.root;
        if root.name != "alert" {
            let name = cut(&root.name);
            return Err(Problem::new(
                "not_an_alert",
                format!("根元素应为 <alert>，这里是 <{name}>"),
                format!("the root must be <alert>; this is <{name}>"),
            )
            .field(name)
            .byte(root.at));
        }
        self.version = self.edition(document)?;
        shape::ALERT.check(root, self.version, &mut self.warnings)?;
        let alert = self.alert(root)?;
        self.rule_book(&alert, root)?;
        Ok(alert)
    }

    fn edition(&mut self, document: &Document) -> Result<Version, Problem> {
        let at = document.root.at;
        let Some(namespace) = document.namespace.as_deref() else {
            self.warnings.push(
                Problem::new(
                    "missing_namespace",
                    "报文没有命名空间，按 CAP 1.2 读取",
                    "the message has no namespace; read as CAP 1.2",
                )
                .field("alert")
                .byte(at),
            );
            return Ok(Version::V12);
        };
        let version = [Version::V10, Version::V11, Version::V12].into_iter().find(|it| it.namespace() == namespace);
        let version = version.or((namespace == "urn:oasis:names:tc:emergency:cap:1.0").then_some(Version::V10));
        match version {
            Some(Version::V12) => {}
            Some(_) => self.warnings.push(
                Problem::new(
                    "old_version",
                    format!("旧版 CAP：{namespace}"),
                    format!("an old version of CAP: {namespace}"),
                )
                .field("alert")
                .byte(at),
            ),
            None => {
                let namespace = cut(namespace);
                return Err(Problem::new(
                    "unsupported_namespace",
                    format!("不认识的命名空间 {namespace}：应为 {}", Version::V12.namespace()),
                    format!("unknown namespace {namespace}; {} is expected", Version::V12.namespace()),
                )
                .field("alert")
                .byte(at));
            }
        }
        Ok(version.unwrap_or(Version::V12))
    }

    fn rule_book(&mut self, alert: &Alert, root: &Element) -> Result<(), Problem> {
        for finding in rules::findings(alert) {
            let element = locate(root, &finding.path);
            let problem = finding.problem.field(finding.path.last().map_or("alert", |it| it.0)).byte(element.at);
            if finding.grave {
                return Err(problem);
            }
            self.warnings.push(problem);
        }
        Ok(())
    }

    fn alert(&mut self, root: &Element) -> Result<Alert, Problem> {
        Ok(Alert {
            version: self.version,
            identifier: required(root, "identifier"),
            sender: required(root, "sender"),
            sent: self.time(root, "sent")?.ok_or_else(|| shape::missing(root, "sent"))?,
            status: word(root, "status", Status::read)?,
            msg_type: word(root, "msgType", MsgType::read)?,
            source: root.value_of("source"),
            scope: word(root, "scope", Scope::read)?,
            restriction: root.value_of("restriction"),
            addresses: root.value_of("addresses"),
            codes: filled(root, "code").map(|it| it.value().to_owned()).collect(),
            note: root.value_of("note"),
            references: self.references(root)?,
            incidents: root.value_of("incidents"),
            infos: root.all("info").map(|it| self.info(it)).collect::<Result<_, _>>()?,
            signed: root.children.iter().any(|it| !it.own && it.name == "Signature"),
        })
    }

    fn references(&mut self, root: &Element) -> Result<Vec<Reference>, Problem> {
        let Some(element) = root.first("references") else {
            return Ok(Vec::new());
        };
        let message = root.value_of("msgType").unwrap_or_default();
        if element.is_empty() && matches!(message.as_str(), "Update" | "Cancel") {
            return Err(bad_reference(element, ""));
        }
        let mut references = Vec::new();
        for text in element.value().split_whitespace() {
            match Reference::read(text) {
                Some((reference, form)) => {
                    self.judge(form, element);
                    references.push(reference);
                }
                // CAP 1.0 wrote identifier/sender, without a time.
                None if self.version == Version::V10 => self.warnings.push(bad_reference(element, text)),
                None => return Err(bad_reference(element, text)),
            }
        }
        Ok(references)
    }

    fn info(&mut self, node: &Element) -> Result<Info, Problem> {
        shape::INFO.check(node, self.version, &mut self.warnings)?;
        Ok(Info {
            language: node.value_of("language"),
            categories: words(node, "category", Category::read)?,
            event: required(node, "event"),
            response_types: words(node, "responseType", ResponseType::read)?,
            urgency: word(node, "urgency", Urgency::read)?,
            severity: word(node, "severity", Severity::read)?,
            certainty: self.certainty(node)?,
            audience: node.value_of("audience"),
            event_codes: self.pairs(node, "eventCode")?,
            effective: self.time(node, "effective")?,
            onset: self.time(node, "onset")?,
            expires: self.time(node, "expires")?,
            sender_name: node.value_of("senderName"),
            headline: node.value_of("headline"),
            description: node.value_of("description"),
            instruction: node.value_of("instruction"),
            web: node.value_of("web"),
            contact: node.value_of("contact"),
            parameters: self.pairs(node, "parameter")?,
            resources: filled(node, "resource").map(|it| self.resource(it)).collect::<Result<_, _>>()?,
            areas: filled(node, "area").map(|it| self.area(it)).collect::<Result<_, _>>()?,
        })
    }

    fn certainty(&mut self, node: &Element) -> Result<Certainty, Problem> {
        let element = node.first("certainty");
        if let Some(element) = element.filter(|it| it.value() == "Very Likely") {
            self.warnings.push(at(
                "certainty_very_likely_deprecated",
                element,
                "“Very Likely”已废止，按 Likely 读取",
                "\"Very Likely\" is deprecated; read as Likely",
            ));
            return Ok(Certainty::Likely);
        }
        word(node, "certainty", Certainty::read)
    }

    fn resource(&mut self, node: &Element) -> Result<Resource, Problem> {
        shape::RESOURCE.check(node, self.version, &mut self.warnings)?;
        let size = node.value_of("size");
        let bytes = size.as_deref().and_then(|it| it.parse().ok());
        if let Some(element) = node.first("size").filter(|_| size.is_some() && bytes.is_none()) {
            self.warnings.push(at(
                "invalid_resource_size",
                element,
                "<size> 不是整数字节数",
                "<size> is not a whole number of bytes",
            ));
        }
        Ok(Resource {
            description: required(node, "resourceDesc"),
            mime_type: required(node, "mimeType"),
            size: bytes,
            uri: node.value_of("uri"),
            deref_uri: node.value_of("derefUri"),
            digest: node.value_of("digest"),
        })
    }

    fn area(&mut self, node: &Element) -> Result<Area, Problem> {
        shape::AREA.check(node, self.version, &mut self.warnings)?;
        Ok(Area {
            description: required(node, "areaDesc"),
            polygons: filled(node, "polygon").map(polygon).collect::<Result<_, _>>()?,
            circles: filled(node, "circle").map(circle).collect::<Result<_, _>>()?,
            geocodes: self.pairs(node, "geocode")?,
            altitude: feet(node, "altitude")?,
            ceiling: feet(node, "ceiling")?,
        })
    }

    fn pairs(&mut self, node: &Element, name: &str) -> Result<Vec<Pair>, Problem> {
        filled(node, name).map(|it| self.pair(it)).collect()
    }

    fn pair(&mut self, node: &Element) -> Result<Pair, Problem> {
        // CAP 1.0 wrote name=value.
        if let (true, Some((name, value))) =
            (self.version == Version::V10 && node.children.is_empty(), node.value().split_once('='))
        {
            return Ok(Pair { name: name.trim().to_owned(), value: value.trim().to_owned() });
        }
        shape::PAIR.check(node, self.version, &mut self.warnings)?;
        Ok(Pair { name: required(node, "valueName"), value: required(node, "value") })
    }

    fn time(&mut self, node: &Element, name: &str) -> Result<Option<CapTime>, Problem> {
        let Some(element) = node.first(name).filter(|it| !it.is_empty()) else {
            return Ok(None);
        };
        match CapTime::read(element.value(), 0) {
            Some((time, form)) if form != TimeForm::NoZone => {
                self.judge(form, element);
                Ok(Some(time))
            }
            _ => Err(bad_time(element)),
        }
    }

    fn judge(&mut self, form: TimeForm, element: &Element) {
        if form != TimeForm::Exact {
            self.warnings.push(at(
                "date_form",
                element,
                "时间写法不合标准，应如 2025-08-01T08:00:00+08:00",
                "the time is not written as 2025-08-01T08:00:00+08:00",
            ));
        }
    }
}

fn at(code: &str, element: &Element, zh: &str, en: &str) -> Problem {
    Problem::new(code, zh, en).field(element.name.clone()).byte(element.at)
}

fn bad_reference(element: &Element, text: &str) -> Problem {
    let text = cut(text);
    Problem::new(
        "invalid_references",
        format!("<references> 有误 {text:?}：应为以空格分开的“发送者,标识,时间”"),
        format!("<references> has {text:?}; blank-separated sender,identifier,sent are expected"),
    )
    .field("references")
    .byte(element.at)
}

fn bad_time(element: &Element) -> Problem {
    let (name, text) = (&element.name, cut(element.value()));
    Problem::new(
        "invalid_date",
        format!("<{name}> {text:?} 不是时间：应如 2025-08-01T08:00:00+08:00"),
        format!("<{name}> is {text:?}; a time such as 2025-08-01T08:00:00+08:00 is expected"),
    )
    .field(name.clone())
    .byte(element.at)
}

/// The element a path of the rule book leads to; the nearest one above where it does not exist.
fn locate<'a>(root: &'a Element, path: &[(&'static str, usize)]) -> &'a Element {
    let mut here = root;
    for (name, index) in path {
        let Some(next) = filled(here, name).nth(*index) else {
            return here;
        };
        here = next;
    }
    here
}

fn filled<'a>(node: &'a Element, name: &'a str) -> impl Iterator<Item = &'a Element> {
    // An empty info is not skipped: its required elements are missed by name.
    node.all(name).filter(move |it| name == "info" || !it.is_empty())
}

fn required(node: &Element, name: &str) -> String {
    node.value_of(name).unwrap_or_default()
}

fn word<T>(node: &Element, name: &str, read: fn(&str, &str, usize) -> Result<T, Problem>) -> Result<T, Problem> {
    let element = node.first(name).ok_or_else(|| shape::missing(node, name))?;
    read(name, element.value(), element.at)
}

fn words<T>(node: &Element, name: &str, read: fn(&str, &str, usize) -> Result<T, Problem>) -> Result<Vec<T>, Problem> {
    filled(node, name).map(|it| read(name, it.value(), it.at)).collect()
}

fn polygon(element: &Element) -> Result<Polygon, Problem> {
    Polygon::read(element.value()).ok_or_else(|| {
        at(
            "invalid_polygon",
            element,
            "<polygon> 应为以空格分开的“纬度,经度”",
            "<polygon> must be blank-separated latitude,longitude",
        )
    })
}

fn circle(element: &Element) -> Result<Circle, Problem> {
    Circle::read(element.value()).ok_or_else(|| {
        at(
            "invalid_circle",
            element,
            "<circle> 应为“纬度,经度 半径（公里）”",
            "<circle> must be latitude,longitude and a radius in kilometres",
        )
    })
}

fn feet(node: &Element, name: &str) -> Result<Option<f64>, Problem> {
    let Some(element) = node.first(name).filter(|it| !it.is_empty()) else {
        return Ok(None);
    };
    super::value::decimal(element.value())
        .map(Some)
        .ok_or_else(|| at("invalid_area", element, "高度应为英尺数", "an altitude must be a number of feet"))
}
