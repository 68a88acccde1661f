//! The rule book: what the standard asks of an alert beyond its shape.
//!
//! Codes carry the names used by the public CAP validator (github.com/google/cap-library), in
//! small letters; its Google-profile extras are included. Text of the rules: CAP-v1.2-os, 3.2.

use anlan_kernel::Problem;
use geo_types::Coord;

use super::{
    Alert, Area, Circle, Info, MsgType, Polygon, Resource, Scope,
    lexical::{has_html_entities, has_html_tags, is_absolute, is_base64, is_language, off_the_globe},
};
use crate::{
    geo::crossing::{self, Crossing},
    xml::{MAX_WARNINGS, cut},
};

/// Comparisons that one message may cost before shapes go unchecked.
const CROSSING_BUDGET: u64 = 20_000_000;

/// What the rule book says about an alert.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Check {
    /// Broken rules: the alert must not be sent, and is refused when read.
    pub errors: Vec<Problem>,
    /// Recommendations not followed.
    pub warnings: Vec<Problem>,
}

/// Applies every rule; `field` of a problem is the path, such as `info[0].area[1].polygon[0]`.
pub fn check(alert: &Alert) -> Check {
    let mut check = Check::default();
    for finding in findings(alert) {
        let place: Vec<String> = finding.path.iter().map(|(name, index)| format!("{name}[{index}]")).collect();
        let list = if finding.grave { &mut check.errors } else { &mut check.warnings };
        list.push(finding.problem.field(place.join(".")));
    }
    check
}

/// Steps from the root to an element: name and position among its namesakes.
pub(super) type Path = Vec<(&'static str, usize)>;

/// One rule that is not kept.
pub(super) struct Finding {
    pub grave: bool,
    pub path: Path,
    pub problem: Problem,
}

/// Applies every rule, errors and recommendations in the order of the document.
pub(super) fn findings(alert: &Alert) -> Vec<Finding> {
    let mut book = Book { found: Vec::new(), here: Vec::new(), budget: CROSSING_BUDGET };
    book.header(alert);
    for (index, info) in alert.infos.iter().enumerate() {
        book.inside("info", index, |book| book.info(alert, info));
    }
    book.languages(alert);
    book.found
}

struct Book {
    found: Vec<Finding>,
    here: Path,
    budget: u64,
}

impl Book {
    fn inside(&mut self, name: &'static str, index: usize, rules: impl FnOnce(&mut Self)) {
        self.here.push((name, index));
        rules(self);
        self.here.pop();
    }

    fn note(&mut self, grave: bool, name: &'static str, index: usize, problem: Problem) {
        let kept = self.found.iter().filter(|it| it.grave == grave).count();
        if kept < MAX_WARNINGS {
            let mut path = self.here.clone();
            path.push((name, index));
            self.found.push(Finding { grave, path, problem });
        }
    }

    fn error(&mut self, name: &'static str, index: usize, code: &str, zh: impl Into<String>, en: impl Into<String>) {
        self.note(true, name, index, Problem::new(code, zh, en));
    }

    fn advise(&mut self, name: &'static str, index: usize, code: &str, zh: impl Into<String>, en: impl Into<String>) {
        self.note(false, name, index, Problem::new(code, zh, en));
    }

    fn header(&mut self, alert: &Alert) {
        for (name, code, value) in
            [("identifier", "invalid_identifier", &alert.identifier), ("sender", "invalid_sender", &alert.sender)]
        {
            if value.is_empty() || value.contains(|it: char| it.is_whitespace() || ",<&".contains(it)) {
                let value = cut(value);
                self.error(
                    name,
                    0,
                    code,
                    format!("<{name}> {value:?} 不得为空，不得含空格、逗号、< 或 &"),
                    format!("<{name}> is {value:?}; it must not be empty or hold a blank, comma, < or &"),
                );
            }
        }
        self.scope(alert);
        self.references(alert);
        if alert.infos.is_empty() && matches!(alert.msg_type, MsgType::Alert | MsgType::Update) {
            self.advise(
                "info",
                0,
                "info_recommended",
                "首次和更新报文应有 <info>",
                "an Alert or Update should have an <info>",
            );
        }
    }

    fn scope(&mut self, alert: &Alert) {
        let restricted = alert.scope == Scope::Restricted;
        if alert.restriction.is_some() && !restricted {
            self.error(
                "restriction",
                0,
                "restriction_scope_mismatch",
                "只有 <scope> 为 Restricted 时才可有 <restriction>",
                "<restriction> is allowed only when <scope> is Restricted",
            );
        }
        if alert.restriction.is_none() && restricted {
            self.error(
                "scope",
                0,
                "restriction_scope_mismatch",
                "<scope> 为 Restricted 时须有 <restriction>",
                "a Restricted <scope> needs a <restriction>",
            );
        }
        if alert.addresses.is_none() && alert.scope == Scope::Private {
            self.error(
                "scope",
                0,
                "missing_required_element",
                "<scope> 为 Private 时须有 <addresses>",
                "a Private <scope> needs <addresses>",
            );
        }
    }

    fn references(&mut self, alert: &Alert) {
        if alert.references.is_empty() && matches!(alert.msg_type, MsgType::Update | MsgType::Cancel) {
            self.error(
                "msgType",
                0,
                "update_or_cancel_must_reference",
                "更新和解除报文须在 <references> 中指明原报文",
                "an Update or Cancel must name the earlier message in <references>",
            );
        }
        for reference in &alert.references {
            let named = cut(&reference.to_string());
            if reference.identifier == alert.identifier && reference.sender == alert.sender {
                self.error(
                    "references",
                    0,
                    "circular_reference",
                    format!("<references> 指向了报文自身：{named}"),
                    format!("<references> names the message itself: {named}"),
                );
            } else if reference.sent.instant() > alert.sent.instant() {
                self.advise(
                    "references",
                    0,
                    "postdated_reference",
                    format!("<references> 所指报文比本报文还晚：{named}"),
                    format!("<references> names a message sent after this one: {named}"),
                );
            }
        }
    }

    fn info(&mut self, alert: &Alert, info: &Info) {
        if let Some(language) = info.language.as_deref().filter(|it| !is_language(it)) {
            let language = cut(language);
            self.error(
                "language",
                0,
                "invalid_language",
                format!("<language> {language:?} 不是语言代码，应如 zh-CN"),
                format!("<language> is {language:?}; a language tag such as zh-CN is expected"),
            );
        }
        if info.expires.is_some_and(|it| it.instant() < alert.sent.instant()) {
            self.advise("expires", 0, "expires_before_sent", "失效时间早于发送时间", "expires before sent");
        }
        if let Some(web) = info.web.as_deref().filter(|it| !is_absolute(it)) {
            let web = cut(web);
            self.advise(
                "web",
                0,
                "invalid_web",
                format!("<web> {web:?} 不是完整的网址"),
                format!("<web> is {web:?}; an absolute URI is expected"),
            );
        }
        self.wording(info);
        for (index, resource) in info.resources.iter().enumerate() {
            self.inside("resource", index, |book| book.resource(resource));
        }
        for (index, area) in info.areas.iter().enumerate() {
            self.inside("area", index, |book| book.area(area));
        }
    }

    fn wording(&mut self, info: &Info) {
        let texts = [
            ("event", Some(&info.event)),
            ("senderName", info.sender_name.as_ref()),
            ("headline", info.headline.as_ref()),
            ("description", info.description.as_ref()),
            ("instruction", info.instruction.as_ref()),
            ("contact", info.contact.as_ref()),
        ];
        for (name, text) in texts {
            let Some(text) = text else { continue };
            if has_html_tags(text) {
                self.advise(
                    name,
                    0,
                    "text_contains_html_tags",
                    format!("<{name}> 含有 HTML 标记，原样保留"),
                    format!("<{name}> holds HTML tags, kept as they are"),
                );
            }
            if has_html_entities(text) {
                self.advise(
                    name,
                    0,
                    "text_contains_html_entities",
                    format!("<{name}> 含有 HTML 转义，原样保留"),
                    format!("<{name}> holds HTML entities, kept as they are"),
                );
            }
        }
        if info.headline.as_ref().is_some_and(|it| it.chars().count() > 140) {
            self.advise(
                "headline",
                0,
                "headline_too_long",
                "<headline> 宜在 140 字以内",
                "<headline> should be under 140 characters",
            );
        }
        if info.headline.is_some() && info.headline == info.description {
            self.advise(
                "description",
                0,
                "headline_and_description_should_differ",
                "<description> 与 <headline> 相同",
                "<description> repeats <headline>",
            );
        }
    }

    fn resource(&mut self, resource: &Resource) {
        let kind = resource.mime_type.split('/').next().unwrap_or("").to_ascii_lowercase();
        let known = ["application", "audio", "font", "image", "message", "model", "multipart", "text", "video"];
        let named = resource.mime_type.contains('/') && known.contains(&kind.as_str());
        if !named && !resource.mime_type.is_empty() {
            let given = cut(&resource.mime_type);
            self.advise(
                "mimeType",
                0,
                "invalid_mime_type",
                format!("<mimeType> {given:?} 不是 MIME 类型"),
                format!("<mimeType> is {given:?}, which is no MIME type"),
            );
        }
        if let Some(uri) = resource.uri.as_deref().filter(|it| !is_absolute(it))
            && resource.deref_uri.is_none()
        {
            let uri = cut(uri);
            self.advise(
                "uri",
                0,
                "relative_uri_missing_deref_uri",
                format!("<uri> {uri:?} 不是完整网址，须附 <derefUri>"),
                format!("<uri> is {uri:?}; without an absolute URI a <derefUri> is needed"),
            );
        }
        if resource.deref_uri.as_deref().is_some_and(|it| !is_base64(it)) {
            self.advise("derefUri", 0, "invalid_deref_uri", "<derefUri> 不是 base64", "<derefUri> is not base64");
        }
    }

    fn area(&mut self, area: &Area) {
        for (index, polygon) in area.polygons.iter().enumerate() {
            self.polygon(index, polygon);
        }
        for (index, circle) in area.circles.iter().enumerate() {
            self.circle(index, circle);
        }
        match (area.altitude, area.ceiling) {
            (None, Some(_)) => self.error(
                "ceiling",
                0,
                "invalid_area",
                "有 <ceiling> 就须有 <altitude>",
                "a <ceiling> needs an <altitude>",
            ),
            (Some(low), Some(high)) if low > high => self.error(
                "ceiling",
                0,
                "invalid_altitude_ceiling_range",
                format!("<ceiling> {high} 英尺低于 <altitude> {low} 英尺"),
                format!("<ceiling> of {high} ft is below <altitude> of {low} ft"),
            ),
            _ => {}
        }
    }

    fn polygon(&mut self, index: usize, polygon: &Polygon) {
        let points = &polygon.points;
        if let Some(point) = points.iter().find(|it| !it.in_range()) {
            let (zh, en) = off_the_globe(*point);
            return self.error("polygon", index, "invalid_polygon", zh, en);
        }
        if points.len() < 4 || points.first() != points.last() {
            let count = points.len();
            return self.error(
                "polygon",
                index,
                "invalid_polygon",
                format!("<polygon> 有 {count} 个点：至少 4 个，且首尾相同"),
                format!("<polygon> has {count} points: at least 4 are needed, the last equal to the first"),
            );
        }
        let ring: Vec<Coord> = points.iter().map(|it| Coord { x: it.longitude, y: it.latitude }).collect();
        match crossing::find(&[&ring], &mut self.budget) {
            Crossing::No => {}
            Crossing::Yes { legs: (a, b), .. } => {
                let (a, b) = (a + 1, b + 1);
                self.error(
                    "polygon",
                    index,
                    "invalid_polygon_self_intersection",
                    format!("<polygon> 的边自相交：第 {a} 条与第 {b} 条"),
                    format!("<polygon> crosses itself: leg {a} and leg {b}"),
                );
            }
            Crossing::Unknown => self.advise(
                "polygon",
                index,
                "polygon_not_checked",
                "<polygon> 太大，未检查是否自相交",
                "<polygon> is too large to be checked for self-crossing",
            ),
        }
    }

    fn circle(&mut self, index: usize, circle: &Circle) {
        if !circle.centre.in_range() {
            let (zh, en) = off_the_globe(circle.centre);
            return self.error("circle", index, "invalid_circle", zh, en);
        }
        if circle.radius_km < 0.0 {
            return self.error(
                "circle",
                index,
                "invalid_circle",
                "<circle> 半径不得为负",
                "the radius of a <circle> must not be negative",
            );
        }
        if circle.radius_km == 0.0 {
            self.advise(
                "circle",
                index,
                "nonzero_circle_radius_recommended",
                "<circle> 半径为 0 公里",
                "the radius of a <circle> should not be 0 km",
            );
        }
    }

    /// The same words under two languages: one of them is wrong.
    fn languages(&mut self, alert: &Alert) {
        for (index, info) in alert.infos.iter().enumerate().take(16) {
            let primary = |it: &Info| {
                it.language.as_deref().unwrap_or("en-US").split('-').next().unwrap_or("").to_ascii_lowercase()
            };
            let twin = alert.infos[..index].iter().any(|other| {
                primary(other) != primary(info) && other.description.is_some() && other.description == info.description
            });
            if twin {
                self.inside("info", index, |book| {
                    book.advise(
                        "description",
                        0,
                        "same_text_different_language",
                        "不同语言的 <description> 内容相同",
                        "two languages have the same <description>",
                    );
                });
            }
        }
    }
}
