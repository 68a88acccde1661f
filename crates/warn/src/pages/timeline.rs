//! The timeline of a process on its page: chips, lines, what opens what.

use anlan_web::{Site, percent};
use maud::{Markup, html};

use super::parts::clock;
use crate::{
    api::{LineView, ProcessView},
    effect::timeline::{KINDS, Line},
};

/// Chips of the kinds there are, the lines of the chosen ones, and the way to older ones.
pub(super) fn render(
    site: &Site,
    lang: anlan_kernel::Lang,
    view: &ProcessView,
    all: &[(&'static str, usize)],
    kind: Option<&str>,
    lines: &[LineView],
    next: Option<&str>,
) -> Markup {
    let here = super::parts::to(site, "processes", &view.process.id);
    let chosen = kind.filter(|it| !it.is_empty());
    let with = |kind: Option<&str>| kind.map_or_else(|| here.clone(), |it| format!("{here}?kind={it}"));
    html! {
        section.card id="timeline" data-live="signal. alarm. process. round. call. escalation. help. notice. note. response." {
            header { h2 { (lang.pick("时间线", "Timeline")) } span.small.soft { (lang.pick("最新在上", "newest first")) } }
            nav.chips aria-label=(lang.pick("筛选", "Filter")) {
                a href=(with(None)) aria-current=[chosen.is_none().then_some("true")] { (lang.pick("全部", "All")) }
                @for (kind, count) in all.iter().filter(|it| it.1 > 0) {
                    @let words = KINDS.iter().find(|it| it.0 == *kind).map_or(*kind, |it| lang.pick(it.1, it.2));
                    a href=(with(Some(kind))) aria-current=[(chosen == Some(kind)).then_some("true")] { (words) " " span.num { (count) } }
                }
            }
            ol.timeline {
                @for it in lines { (line(site, lang, it)) }
            }
            @if lines.is_empty() { p.soft { (lang.pick("暂无记录", "nothing yet")) } }
            @if let Some(next) = next {
                @let kind = chosen.map(|it| format!("&kind={}", percent(it))).unwrap_or_default();
                p { a href=(format!("{here}?cursor={}{kind}", percent(next))) { (lang.pick("更早的记录", "earlier")) } }
            }
        }
    }
}

fn line(site: &Site, lang: anlan_kernel::Lang, it: &LineView) -> Markup {
    let Line { at, kind, words, grade, opens, .. } = &it.line;
    let who = it.who.clone().unwrap_or_else(|| match it.line.by.as_deref() {
        Some(by) if by.starts_with("system:") => lang.pick("系统", "system").to_owned(),
        _ => String::new(),
    });
    html! {
        li class=(format!("line-{kind}")) {
            (clock(*at))
            span.what {
                @if let Some(grade) = grade { (shown(kind, *grade)) " " }
                @match opens {
                    Some(opens) => a href=(site.url(opens)) { (words.get(lang)) },
                    None => (words.get(lang)),
                }
                @if let Some(name) = &it.name { " " b { (name) } }
            }
            span.who.soft { (who) }
        }
    }
}

/// An alarm's grade with its numeral, a round's level with its figure.
fn shown(kind: &str, grade: u8) -> Markup {
    let numeral = anlan_kernel::Grade::new(grade).map_or("", anlan_kernel::Grade::numeral);
    let digit = grade.to_string();
    html! { span class=(format!("grade grade-{}", grade.clamp(1, 4))) { (if kind == "alarm" { numeral } else { &digit }) } }
}

/// How many lines of each kind there are.
pub(super) fn kinds(lines: &[Line]) -> Vec<(&'static str, usize)> {
    KINDS.iter().map(|(kind, ..)| (*kind, lines.iter().filter(|it| it.kind == *kind).count())).collect()
}
