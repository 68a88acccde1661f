//! Writing CAP 1.2.

use super::{Alert, Area, CapTime, Info, Pair, Resource, Version};
use crate::xml::escaped;

/// The alert as CAP 1.2, UTF-8, elements in the order of the schema, times without `Z` or
/// fraction. A signature is not carried over, a character that XML forbids becomes U+FFFD.
///
/// Run [`super::check`] before sending: this writes what it is given.
pub fn write(alert: &Alert) -> String {
    let mut out = Writer { xml: String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n") };
    out.xml.push_str(&format!("<alert xmlns=\"{}\">", Version::V12.namespace()));
    header(&mut out, alert);
    for info in &alert.infos {
        out.group("info", |out| write_info(out, info));
    }
    out.xml.push_str("</alert>");
    out.xml
}

struct Writer {
    xml: String,
}

impl Writer {
    fn group(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.xml.push_str(&format!("<{name}>"));
        content(self);
        self.xml.push_str(&format!("</{name}>"));
    }

    fn text(&mut self, name: &str, value: &str) {
        self.group(name, |out| out.xml.push_str(&escaped(value)));
    }

    fn maybe(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    fn time(&mut self, name: &str, value: Option<CapTime>) {
        self.maybe(name, value.map(|it| it.to_string()).as_deref());
    }

    fn pairs(&mut self, name: &str, pairs: &[Pair]) {
        for pair in pairs {
            self.group(name, |out| {
                out.text("valueName", &pair.name);
                out.text("value", &pair.value);
            });
        }
    }
}

fn header(out: &mut Writer, alert: &Alert) {
    out.text("identifier", &alert.identifier);
    out.text("sender", &alert.sender);
    out.text("sent", &alert.sent.to_string());
    out.text("status", alert.status.word());
    out.text("msgType", alert.msg_type.word());
    out.maybe("source", alert.source.as_deref());
    out.text("scope", alert.scope.word());
    out.maybe("restriction", alert.restriction.as_deref());
    out.maybe("addresses", alert.addresses.as_deref());
    for code in &alert.codes {
        out.text("code", code);
    }
    out.maybe("note", alert.note.as_deref());
    let references: Vec<String> = alert.references.iter().map(ToString::to_string).collect();
    out.maybe("references", (!references.is_empty()).then(|| references.join(" ")).as_deref());
    out.maybe("incidents", alert.incidents.as_deref());
}

fn write_info(out: &mut Writer, info: &Info) {
    out.maybe("language", info.language.as_deref());
    for category in &info.categories {
        out.text("category", category.word());
    }
    out.text("event", &info.event);
    for response in &info.response_types {
        out.text("responseType", response.word());
    }
    out.text("urgency", info.urgency.word());
    out.text("severity", info.severity.word());
    out.text("certainty", info.certainty.word());
    out.maybe("audience", info.audience.as_deref());
    out.pairs("eventCode", &info.event_codes);
    out.time("effective", info.effective);
    out.time("onset", info.onset);
    out.time("expires", info.expires);
    out.maybe("senderName", info.sender_name.as_deref());
    out.maybe("headline", info.headline.as_deref());
    out.maybe("description", info.description.as_deref());
    out.maybe("instruction", info.instruction.as_deref());
    out.maybe("web", info.web.as_deref());
    out.maybe("contact", info.contact.as_deref());
    out.pairs("parameter", &info.parameters);
    for resource in &info.resources {
        out.group("resource", |out| write_resource(out, resource));
    }
    for area in &info.areas {
        out.group("area", |out| write_area(out, area));
    }
}

fn write_resource(out: &mut Writer, resource: &Resource) {
    out.text("resourceDesc", &resource.description);
    out.text("mimeType", &resource.mime_type);
    out.maybe("size", resource.size.map(|it| it.to_string()).as_deref());
    out.maybe("uri", resource.uri.as_deref());
    out.maybe("derefUri", resource.deref_uri.as_deref());
    out.maybe("digest", resource.digest.as_deref());
}

fn write_area(out: &mut Writer, area: &Area) {
    out.text("areaDesc", &area.description);
    for polygon in &area.polygons {
        out.text("polygon", &polygon.to_string());
    }
    for circle in &area.circles {
        out.text("circle", &circle.to_string());
    }
    out.pairs("geocode", &area.geocodes);
    out.maybe("altitude", area.altitude.map(|it| it.to_string()).as_deref());
    out.maybe("ceiling", area.ceiling.map(|it| it.to_string()).as_deref());
}
