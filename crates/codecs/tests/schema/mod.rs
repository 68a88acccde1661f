//! The schema of CAP 1.2 as a table of its own, to check what we write against. Nothing here looks at our reader or
//! our rules.
//!
//! Written down from OASIS CAP-v1.2-os (1 July 2010): names, order, how often and closed lists from the XML Schema in
//! section 3.4; what the schema leaves to words (times never with `Z`, polygons closed, circles with a radius) from the
//! data dictionary in section 3.2; `xs:language`, `xs:integer` and `xs:decimal` from XML Schema part 2.

const MANY: usize = usize::MAX;

/// An element of a sequence: its name, how often it stands there, what it holds.
struct Element(&'static str, usize, usize, Holds);

enum Holds {
    Text,
    OneOf(&'static [&'static str]),
    DateTime,
    Language,
    Uri,
    Integer,
    Decimal,
    Polygon,
    Circle,
    Sequence(&'static [Element]),
}

use Holds::{Circle, DateTime, Decimal, Integer, Language, OneOf, Polygon, Sequence, Text, Uri};

const ALERT: &[Element] = &[
    Element("identifier", 1, 1, Text),
    Element("sender", 1, 1, Text),
    Element("sent", 1, 1, DateTime),
    Element("status", 1, 1, OneOf(&["Actual", "Exercise", "System", "Test", "Draft"])),
    Element("msgType", 1, 1, OneOf(&["Alert", "Update", "Cancel", "Ack", "Error"])),
    Element("source", 0, 1, Text),
    Element("scope", 1, 1, OneOf(&["Public", "Restricted", "Private"])),
    Element("restriction", 0, 1, Text),
    Element("addresses", 0, 1, Text),
    Element("code", 0, MANY, Text),
    Element("note", 0, 1, Text),
    Element("references", 0, 1, Text),
    Element("incidents", 0, 1, Text),
    Element("info", 0, MANY, Sequence(INFO)),
];

const INFO: &[Element] = &[
    Element("language", 0, 1, Language),
    Element("category", 1, MANY, OneOf(CATEGORY)),
    Element("event", 1, 1, Text),
    Element("responseType", 0, MANY, OneOf(RESPONSE)),
    Element("urgency", 1, 1, OneOf(&["Immediate", "Expected", "Future", "Past", "Unknown"])),
    Element("severity", 1, 1, OneOf(&["Extreme", "Severe", "Moderate", "Minor", "Unknown"])),
    Element("certainty", 1, 1, OneOf(&["Observed", "Likely", "Possible", "Unlikely", "Unknown"])),
    Element("audience", 0, 1, Text),
    Element("eventCode", 0, MANY, Sequence(PAIR)),
    Element("effective", 0, 1, DateTime),
    Element("onset", 0, 1, DateTime),
    Element("expires", 0, 1, DateTime),
    Element("senderName", 0, 1, Text),
    Element("headline", 0, 1, Text),
    Element("description", 0, 1, Text),
    Element("instruction", 0, 1, Text),
    Element("web", 0, 1, Uri),
    Element("contact", 0, 1, Text),
    Element("parameter", 0, MANY, Sequence(PAIR)),
    Element("resource", 0, MANY, Sequence(RESOURCE)),
    Element("area", 0, MANY, Sequence(AREA)),
];

const CATEGORY: &[&str] =
    &["Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health", "Env", "Transport", "Infra", "CBRNE", "Other"];

const RESPONSE: &[&str] =
    &["Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "Assess", "AllClear", "None"];

const PAIR: &[Element] = &[Element("valueName", 1, 1, Text), Element("value", 1, 1, Text)];

const RESOURCE: &[Element] = &[
    Element("resourceDesc", 1, 1, Text),
    Element("mimeType", 1, 1, Text),
    Element("size", 0, 1, Integer),
    Element("uri", 0, 1, Uri),
    Element("derefUri", 0, 1, Text),
    Element("digest", 0, 1, Text),
];

const AREA: &[Element] = &[
    Element("areaDesc", 1, 1, Text),
    Element("polygon", 0, MANY, Polygon),
    Element("circle", 0, MANY, Circle),
    Element("geocode", 0, MANY, Sequence(PAIR)),
    Element("altitude", 0, 1, Decimal),
    Element("ceiling", 0, 1, Decimal),
];

/// What of the document is not as the schema has it.
pub fn check(xml: &str) -> Result<(), String> {
    let alert = parse(xml)?;
    if alert.opening != "alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"" {
        return Err(format!("the document begins with <{}>", alert.opening));
    }
    sequence("alert", &alert.children, ALERT)
}

/// An element as it stands in the document.
#[derive(Default)]
struct Node {
    opening: String,
    text: String,
    children: Vec<Node>,
}

impl Node {
    fn name(&self) -> &str {
        self.opening.split_whitespace().next().unwrap_or_default()
    }
}

/// Elements and their text; what our writer never writes (comments, CDATA, empty elements) is refused.
fn parse(xml: &str) -> Result<Node, String> {
    let body = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>").ok_or("no XML declaration in UTF-8")?;
    let mut open = vec![Node::default()];
    for piece in body.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').ok_or_else(|| format!("<{piece} does not end"))?;
        if let Some(name) = tag.strip_prefix('/') {
            let done = open.pop().filter(|it| it.name() == name).ok_or_else(|| format!("</{name}> closes nothing"))?;
            open.last_mut().ok_or("more is closed than was opened")?.children.push(done);
        } else {
            open.push(Node { opening: tag.to_owned(), text: text.to_owned(), children: Vec::new() });
        }
    }
    match (open.pop(), open.is_empty()) {
        (Some(mut document), true) if document.children.len() == 1 => Ok(document.children.remove(0)),
        _ => Err("not one element that holds the others".to_owned()),
    }
}

fn sequence(of: &str, nodes: &[Node], table: &[Element]) -> Result<(), String> {
    let mut rest = nodes.iter().peekable();
    for Element(name, least, most, holds) in table {
        let mut count = 0;
        while let Some(node) = rest.next_if(|it| it.name() == *name) {
            value(node, holds)?;
            count += 1;
        }
        if !(*least..=*most).contains(&count) {
            return Err(format!("{count} of {name} in {of}"));
        }
    }
    rest.next().map_or(Ok(()), |it| Err(format!("{} is out of place in {of}", it.name())))
}

fn value(node: &Node, holds: &Holds) -> Result<(), String> {
    let text = node.text.as_str();
    let good = match holds {
        Sequence(table) => return sequence(node.name(), &node.children, table),
        Text => true,
        OneOf(words) => words.contains(&text),
        DateTime => is_date_time(text),
        Language => is_language(text),
        Uri => !text.is_empty() && !text.contains(char::is_whitespace),
        Integer => is_digits(text.strip_prefix(['-', '+']).unwrap_or(text)),
        Decimal => is_decimal(text),
        Polygon => is_polygon(text),
        Circle => is_circle(text),
    };
    let whole = good && node.children.is_empty();
    if whole { Ok(()) } else { Err(format!("{} cannot be {text:?}", node.name())) }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit())
}

fn is_decimal(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    match text.split_once('.') {
        Some((whole, part)) => is_digits(whole) && is_digits(part),
        None => is_digits(text),
    }
}

/// `\d\d\d\d-\d\d-\d\dT\d\d:\d\d:\d\d[-,+]\d\d:\d\d`, and a moment there is.
fn is_date_time(text: &str) -> bool {
    let form = "dddd-dd-ddTdd:dd:ddsdd:dd";
    let fits = |(it, want): (char, char)| match want {
        'd' => it.is_ascii_digit(),
        's' => matches!(it, '-' | '+'),
        _ => it == want,
    };
    let number = |from: usize, most: u32| text[from..from + 2].parse::<u32>().is_ok_and(|it| it <= most);
    text.len() == form.len()
        && text.chars().zip(form.chars()).all(fits)
        && [(5, 12), (8, 31), (11, 24), (14, 59), (17, 59), (20, 14), (23, 59)].iter().all(|it| number(it.0, it.1))
}

/// `[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*`.
fn is_language(text: &str) -> bool {
    let short = |it: &str| (1..=8).contains(&it.len());
    let mut parts = text.split('-');
    parts.next().is_some_and(|it| short(it) && it.bytes().all(|b| b.is_ascii_alphabetic()))
        && parts.all(|it| short(it) && it.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// `latitude,longitude` in degrees of WGS 84.
fn is_point(text: &str) -> bool {
    let within = |text: &str, most: f64| is_decimal(text) && text.parse::<f64>().is_ok_and(|it| it.abs() <= most);
    text.split_once(',').is_some_and(|(latitude, longitude)| within(latitude, 90.0) && within(longitude, 180.0))
}

/// Four points at least, a blank between them, the last the first again.
fn is_polygon(text: &str) -> bool {
    let points: Vec<_> = text.split(' ').collect();
    points.len() >= 4 && points.first() == points.last() && points.iter().all(|it| is_point(it))
}

/// A point, a blank, and a radius in kilometres.
fn is_circle(text: &str) -> bool {
    text.split_once(' ')
        .is_some_and(|(centre, radius)| is_point(centre) && is_decimal(radius) && !radius.starts_with('-'))
}
