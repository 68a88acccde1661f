//! Strip charts (过程线) of stations: drawn here as SVG, so that they need no script and print as they stand.

use std::{fmt::Write as _, time::Duration};

use anlan_kernel::{Instant, Lang};
use anlan_monitor::{
    Alarm, Station,
    strips::{Curve, Limit, Strip},
};
use anlan_store::params;
use anlan_web::{ApiResult, Who};
use maud::{Markup, html};

use super::parts::clock;
use crate::{api::Room, model::Process, service::everywhere};

/// What a chart covers.
const HOURS: u64 = 12;
/// Stations drawn at most; those that raised alarms first.
const STATIONS: usize = 4;
/// The drawing's own units: the plot, and around it the place of the figures.
const WIDE: f64 = 360.0;
const HIGH: f64 = 150.0;
const LEFT: f64 = 30.0;
const RIGHT: f64 = 318.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 130.0;

/// The charts of a process.
pub(super) struct Charts {
    strips: Vec<Strip>,
    alarms: Vec<Alarm>,
    from: Instant,
    until: Instant,
}

/// Readings of the stations that raised alarms in the process, and of those that speak for its district.
pub(super) async fn read(room: &Room, who: &Who, process: &Process) -> ApiResult<Charts> {
    let until = process.ended_at.unwrap_or_else(|| room.site.world.now());
    let from = until.minus(Duration::from_secs(HOURS * 3_600));
    let (hazard, region) = (process.hazard.clone(), process.region.clone());
    let begun = process.opened_at.minus(Duration::from_secs(HOURS * 3_600));
    let (alarms, mut stations) = room
        .site
        .world
        // Stations and alarms are no personal data, and a station may stand in another district.
        .read(&everywhere(&who.actor), move |tx| {
            let raised = params![&hazard, begun, until];
            let mut alarms: Vec<Alarm> = tx.find(
                "hazard = $1 AND raised_at >= $2 AND raised_at <= $3",
                "ORDER BY peak, raised_at DESC, id LIMIT 500",
                raised,
            )?;
            alarms.retain(|it| it.areas.iter().any(|area| area.meets(&region)));
            let mut stations: Vec<Station> = tx.find("serves <> '[]'", "ORDER BY id", &[])?;
            stations.retain(|it| it.serves.iter().any(|area| area.meets(&region)));
            Ok((alarms, stations))
        })
        .await?;
    stations.sort_by_key(|it| alarms.iter().position(|alarm| alarm.station == it.id).unwrap_or(usize::MAX));
    stations.truncate(STATIONS);
    let strips = match room.warn.monitor() {
        Some(monitor) => monitor.strips(stations, &process.hazard, from, until).await?,
        None => Vec::new(),
    };
    Ok(Charts { strips, alarms, from, until })
}

impl Charts {
    /// The card with all charts; nothing where nothing was measured.
    pub fn render(&self, lang: Lang) -> Markup {
        html! {
            @if !self.strips.is_empty() {
                section.card id="charts" data-live="observations. alarm." {
                    header { h2 { (lang.pick("监测过程线", "Readings")) }
                        span.small.soft { (clock(self.from)) "–" (clock(self.until)) " · "
                            (lang.pick("虚线为规则限值，断开处无读数", "dashed: limits of the rules; broken where nothing was read")) } }
                    div.strips { @for it in &self.strips { (self.figure(it, lang)) } }
                }
            }
        }
    }

    fn figure(&self, strip: &Strip, lang: Lang) -> Markup {
        let (name, what) = (strip.station.name.get(lang), lang.pick(strip.quantity.zh(), strip.quantity.en()));
        let plot = Plot::of(strip, self.from, self.until);
        let last = strip.curves.first().and_then(|it| it.points.last());
        let alarms = self.alarms.iter().filter(|it| it.station == strip.station.id && it.raised_at > self.from);
        html! {
            figure {
                figcaption { b { (name) } " " (what)
                    @if let Some((at, value)) = last { " " b.num { (figure(*value)) } " " (strip.quantity.unit()) " " span.small.soft { (clock(*at)) } } }
                svg.strip viewBox=(format!("0 0 {WIDE} {HIGH}")) role="img" aria-label=(plot.words(strip, name, what, lang)) {
                    (plot.axes())
                    @for gap in plot.gaps() { (gap) }
                    @for limit in plot.limits() { (limit) }
                    @for (index, curve) in strip.curves.iter().enumerate() {
                        path class=(format!("curve curve-{index}")) d=(plot.path(curve)) {}
                    }
                    @for it in alarms {
                        @let x = plot.x(it.raised_at);
                        path class=(format!("mark g{}", it.peak.get())) d=(format!("M{x:.1} {BOTTOM} l-3.5 6 h7 z")) {}
                    }
                    @if let Some((at, value)) = last { circle.now cx=(format!("{:.1}", plot.x(*at))) cy=(format!("{:.1}", plot.y(*value))) r="2.5" {} }
                }
                (table(strip, lang))
            }
        }
    }
}

struct Plot<'a> {
    strip: &'a Strip,
    from: Instant,
    until: Instant,
    low: f64,
    high: f64,
}

impl<'a> Plot<'a> {
    fn of(strip: &'a Strip, from: Instant, until: Instant) -> Self {
        let values = || strip.curves.iter().flat_map(|it| &it.points).map(|it| it.1);
        let (mut low, mut high) = (values().fold(f64::MAX, f64::min), values().fold(f64::MIN, f64::max));
        // The nearest limit above and below is always seen, so that a calm curve shows how far it is.
        let above = strip.limits.iter().map(|it| it.value).filter(|it| *it > high).fold(f64::MAX, f64::min);
        let below = strip.limits.iter().map(|it| it.value).filter(|it| *it < low).fold(f64::MIN, f64::max);
        let span = (high - low).abs().max(1e-6);
        if above < f64::MAX {
            high = above;
        }
        if below > f64::MIN && low - below < 3.0 * span {
            low = below;
        }
        if low > 0.0 && low < 0.6 * high {
            low = 0.0;
        }
        let room = ((high - low) * 0.08).max(1e-6);
        Self { strip, from, until, low: if low == 0.0 { 0.0 } else { low - room }, high: high + room }
    }

    fn x(&self, at: Instant) -> f64 {
        let whole = (self.until.0 - self.from.0).max(1) as f64;
        LEFT + (at.0 - self.from.0) as f64 / whole * (RIGHT - LEFT)
    }

    fn y(&self, value: f64) -> f64 {
        BOTTOM - (value - self.low) / (self.high - self.low) * (BOTTOM - TOP)
    }

    fn axes(&self) -> Markup {
        let steps = nice_steps(self.low, self.high);
        html! {
            @for value in steps {
                @let y = self.y(value);
                line.grid x1=(LEFT) x2=(RIGHT) y1=(format!("{y:.1}")) y2=(format!("{y:.1}")) {}
                text.axis x=(LEFT - 3.0) y=(format!("{:.1}", y + 3.0)) text-anchor="end" { (figure(value)) }
            }
            line.base x1=(LEFT) x2=(RIGHT) y1=(BOTTOM) y2=(BOTTOM) {}
            @for (index, at) in hours(self.from, self.until).into_iter().enumerate() {
                @let x = format!("{:.1}", self.x(at));
                line.tick x1=(x) x2=(x) y1=(BOTTOM) y2=(BOTTOM + 3.0) {}
                @if index % 3 == 0 { text.axis x=(x) y=(HIGH - 7.0) text-anchor="middle" { (at.clock()) } }
            }
        }
    }

    /// Limits inside the plot as dashed lines with shape and numeral of their grade.
    fn limits(&self) -> Vec<Markup> {
        let seen = self.strip.limits.iter().filter(|it| it.value >= self.low && it.value <= self.high);
        seen.map(|it| {
            let (grade, y) = (it.grade.get(), self.y(it.value));
            html! {
                line class=(format!("limit g{grade}")) x1=(LEFT) x2=(RIGHT) y1=(format!("{y:.1}")) y2=(format!("{y:.1}")) {}
                text class=(format!("limit-words g{grade}")) x=(RIGHT + 3.0) y=(format!("{:.1}", y + 3.0)) {
                    (shape(grade)) (it.grade.numeral()) " " (figure(it.value)) }
            }
        })
        .collect()
    }

    /// Where nothing was read: between two readings, and at either end.
    fn gaps(&self) -> Vec<Markup> {
        let Some(points) = self.strip.curves.first().map(|it| &it.points) else { return Vec::new() };
        let mut moments = vec![self.from];
        moments.extend(points.iter().map(|it| it.0));
        moments.push(self.until);
        let long = moments.windows(2).filter(|it| it[1].since(it[0]) > self.strip.pause);
        long.map(|it| {
            let (x, wide) = (self.x(it[0]), self.x(it[1]) - self.x(it[0]));
            html! { rect.gap x=(format!("{x:.1}")) y=(TOP) width=(format!("{wide:.1}")) height=(BOTTOM - TOP) {} }
        })
        .collect()
    }

    fn path(&self, curve: &Curve) -> String {
        let mut path = String::new();
        let mut before: Option<Instant> = None;
        for (at, value) in &curve.points {
            let joined = before.is_some_and(|it| at.since(it) <= self.strip.pause);
            let (x, y) = (self.x(*at), self.y(*value));
            // A reading that stands alone is a dot: a line to itself with round ends.
            let _ = if joined { write!(path, "L{x:.1} {y:.1}") } else { write!(path, "M{x:.1} {y:.1}h0") };
            before = Some(*at);
        }
        path
    }

    fn words(&self, strip: &Strip, name: &str, what: &str, lang: Lang) -> String {
        let points = strip.curves.first().map(|it| it.points.as_slice()).unwrap_or_default();
        let most = points.iter().map(|it| it.1).fold(f64::MIN, f64::max);
        let unit = strip.quantity.unit();
        match lang {
            Lang::Zh => format!(
                "{name}{what}过程线，{}–{}，最大 {} {unit}",
                self.from.clock(),
                self.until.clock(),
                figure(most)
            ),
            Lang::En => format!(
                "{what} at {name}, {}–{}, highest {} {unit}",
                self.from.clock(),
                self.until.clock(),
                figure(most)
            ),
        }
    }
}

/// The same in rows, for whoever does not see the drawing.
fn table(strip: &Strip, lang: Lang) -> Markup {
    let unit = strip.quantity.unit();
    html! {
        details.small {
            summary { (lang.pick("读数表与限值", "Readings and limits")) }
            div.scroll tabindex="0" {
                table {
                    thead { tr { th { (lang.pick("时间", "Time")) } @for it in &strip.curves { th.num { (curve_words(it, lang)) " " (unit) } } } }
                    tbody {
                        @let first = &strip.curves[0].points;
                        @for (at, value) in first.iter().rev() {
                            tr { td.num { (clock(*at)) } td.num { (figure(*value)) }
                                @for other in &strip.curves[1..] {
                                    td.num { @if let Some(it) = other.points.iter().find(|it| it.0 == *at) { (figure(it.1)) } }
                                } }
                        }
                    }
                }
            }
            ul { @for it in &strip.limits { li { (limit_words(it, unit, lang)) } } }
        }
    }
}

fn curve_words(curve: &Curve, lang: Lang) -> String {
    match curve.window.map(|it| it.as_secs()) {
        None => lang.pick("读数", "reading").to_owned(),
        Some(seconds) if seconds % 3_600 == 0 => format!("{} {}", seconds / 3_600, lang.pick("小时累计", "h sum")),
        Some(seconds) => format!("{} {}", seconds / 60, lang.pick("分钟累计", "min sum")),
    }
}

fn limit_words(limit: &Limit, unit: &str, lang: Lang) -> String {
    let (grade, value) = (limit.grade, figure(limit.value));
    format!("{}{} {value} {unit} · {}", shape(grade.get()), grade.numeral(), limit.title.get(lang))
}

fn shape(grade: u8) -> &'static str {
    ["▲", "■", "◆", "●"][usize::from(grade.clamp(1, 4)) - 1]
}

/// A value as it is read off: no more decimals than a scale shows.
fn figure(value: f64) -> String {
    let text = if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.1}") };
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

/// Three or four round values inside a range.
fn nice_steps(low: f64, high: f64) -> Vec<f64> {
    let raw = (high - low) / 4.0;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|it| it * power).find(|it| *it >= raw).unwrap_or(power);
    let first = (low / step).ceil() as i64;
    (first..).map(|it| it as f64 * step).take_while(|it| *it <= high).take(8).collect()
}

/// Full hours of the wall clock inside a span.
fn hours(from: Instant, until: Instant) -> Vec<Instant> {
    const HOUR: i64 = 3_600_000_000;
    let first = from.0.div_euclid(HOUR) + 1;
    (first..).map(|it| Instant(it * HOUR)).take_while(|it| *it <= until).take(48).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0.0, 35.0, &[0.0, 10.0, 20.0, 30.0])]
    #[case(0.0, 1.0, &[0.0, 0.5, 1.0])]
    #[case(118.2, 121.7, &[119.0, 120.0, 121.0])]
    fn an_axis_has_round_values(#[case] low: f64, #[case] high: f64, #[case] want: &[f64]) {
        assert_eq!(nice_steps(low, high), want);
    }

    #[rstest]
    #[case(17.25, "17.2")]
    #[case(17.0, "17")]
    #[case(1017.4, "1017")]
    fn a_figure_has_the_decimals_of_a_scale(#[case] value: f64, #[case] want: &str) {
        assert_eq!(figure(value), want);
    }
}
