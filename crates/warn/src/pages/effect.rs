//! 叫应效能分析: one page a leader reads at dawn, every figure opens its people.

use anlan_kernel::{Lang, Permission};
use anlan_web::{ApiResult, Who, page, percent};
use axum::extract::{Path, Query, State};
use maud::{Markup, html};

use super::parts::{level, to};
use crate::{
    api::{EffectQuery, EffectView, Group, Part, ProcessView, REACHED, Room, SilentView, read_effect},
    effect::{Figures, evidence::reason_words, prose::span},
    model::{CallState, RoundState},
};

/// Ended by the callee.
const ANSWERED: &str = "answered,heard_in_full";

/// The analysis.
pub(super) async fn show(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Query(query): Query<EffectQuery>,
) -> ApiResult<Markup> {
    let (view, process) = read_effect(&room, &who, id, &query).await?;
    let page_of = Page { room: &room, lang: who.lang, view: &view, named: who.may(Permission::SeePeople) };
    Ok(page(&room.site, &who, who.lang.pick("叫应效能分析", "Effect of the call-out"), page_of.body(&process)))
}

struct Page<'a> {
    room: &'a Room,
    lang: Lang,
    view: &'a EffectView,
    named: bool,
}

impl Page<'_> {
    /// The list of calls behind a figure.
    fn list(&self, states: &str, filter: &str) -> String {
        let states = if states.is_empty() { "?" } else { &format!("?state={states}") };
        format!("{}{states}{filter}", to(&self.room.site, "rounds", &self.view.round)).replace("?&", "?")
    }

    /// The last call of somebody without contact.
    fn call_of(&self, it: &SilentView) -> String {
        to(&self.room.site, "calls", &format!("{}/{}", it.silent.round, it.silent.callee))
    }

    fn here(&self, more: &str) -> String {
        let process = to(&self.room.site, "processes", &self.view.process);
        format!("{process}/effect?round={}{more}", percent(&self.view.round))
    }

    fn body(&self, process: &ProcessView) -> Markup {
        let (lang, view) = (self.lang, self.view);
        let sheet = format!(
            "{}/effect.xlsx?round={}{}",
            to(&self.room.site, "processes", &view.process),
            percent(&view.round),
            view.filter
        );
        html! {
            main.sheet {
                div.row.tools {
                    a href=(to(&self.room.site, "processes", &view.process)) { (lang.pick("回到过程", "Back to the process")) }
                    nav.chips aria-label=(lang.pick("轮次", "Rounds")) {
                        @for it in process.rounds.iter().rev() {
                            @let href = format!("{}/effect?round={}", to(&self.room.site, "processes", &view.process), percent(&it.round.id));
                            a href=(href) aria-current=[(it.round.id == view.round).then_some("true")] {
                                (lang.pick("级别 ", "level ")) (it.round.level) " " span.num { (it.round.start_at.clock()) }
                                @if it.round.state == RoundState::Stopped { (lang.pick(" 已停止", " stopped")) } }
                        }
                    }
                    span.end.row {
                        a.button href=(sheet) { "Excel" }
                        button type="button" data-print { (lang.pick("打印一页", "Print one page")) }
                    }
                }
                h1 { (lang.pick("叫应效能分析", "Effect of the call-out")) " " (level(view.level, lang)) }
                p.soft { (view.region_name) " · "
                    @if let Some(at) = view.started_at { (at.wall()) (lang.pick(" 开始", " start")) } @else { (lang.pick("尚未开始", "not started")) }
                    " · " (lang.pick("数据截至 ", "as of ")) time datetime=(view.at.to_rfc3339()) { (view.at.wall()) } }
                (self.tiles())
                div.sheet-grid {
                    div { (self.curve()) (self.group(&view.groups[1])) (self.group(&view.groups[2])) }
                    div { (self.group(&view.groups[0])) (self.silent()) }
                }
                (self.definitions())
            }
        }
    }

    fn tiles(&self) -> Markup {
        let (lang, it) = (self.lang, &self.view.total);
        let filter = &self.view.filter;
        let late = |seconds: Option<i64>| self.late(seconds, filter);
        html! {
            div.tiles {
                (tile(lang.pick("应叫", "called"), &it.counts.called.to_string(), &self.list("", filter)))
                (tile(lang.pick("叫到", "reached"), &it.reached.to_string(), &self.list(REACHED, filter)))
                (tile(lang.pick("叫到率", "reached of asked"), &rate(it), &self.list(REACHED, filter)))
                (tile(lang.pick("未叫通", "not reached"), &it.counts.of(CallState::NotReached).to_string(), &self.list("not_reached", filter)))
                (tile(lang.pick("自开始 中位", "from start, median"), &time(it.from_start.median_s, lang), &late(it.from_start.median_s)))
                (tile(lang.pick("自开始 95%", "from start, 95 %"), &time(it.from_start.p95_s, lang), &late(it.from_start.p95_s)))
                (tile(lang.pick("自首次振铃 中位", "from first ring, median"), &time(it.from_ring.median_s, lang), &self.slow(it.from_ring.median_s, filter)))
                (tile(lang.pick("自首次振铃 95%", "from first ring, 95 %"), &time(it.from_ring.p95_s, lang), &self.slow(it.from_ring.p95_s, filter)))
                (tile(lang.pick("每叫到一人拨打", "attempts per person reached"), &tenths(it.attempts_per_reached_tenths()), &self.list(REACHED, filter)))
            }
            (self.states(it, filter))
        }
    }

    /// Every state; they add up to 应叫.
    fn states(&self, it: &Figures, filter: &str) -> Markup {
        let lang = self.lang;
        html! {
            p.row.states {
                @if it.counts.open > 0 { a href=(self.list("calling,escalated", filter)) { (lang.pick("未有结果", "open")) " " b.num { (it.counts.open) } } }
                @for state in CallState::FINAL {
                    @let count = it.counts.of(state);
                    @if count > 0 { a href=(self.list(state.name(), filter)) data-state=(state.name()) { (super::parts::state(state, lang)) " " b.num { (count) } } }
                }
            }
        }
    }

    /// Those who answered later than so many seconds after the start.
    fn late(&self, seconds: Option<i64>, filter: &str) -> String {
        let after = self.view.started_at.zip(seconds).map(|(start, seconds)| {
            let at = start.plus(std::time::Duration::from_secs(seconds.unsigned_abs() + 1));
            format!("&ended_from={}", percent(&at.to_rfc3339()))
        });
        self.list(ANSWERED, &format!("{filter}{}", after.unwrap_or_default()))
    }

    /// Those who took longer than so many seconds from the first ring.
    fn slow(&self, seconds: Option<i64>, filter: &str) -> String {
        let over = seconds.map(|it| format!("&ring_over={it}")).unwrap_or_default();
        self.list(ANSWERED, &format!("{filter}{over}"))
    }

    fn group(&self, group: &Group) -> Markup {
        let lang = self.lang;
        html! {
            section.card.scroll {
                header { h2 { (group.title.get(lang)) } }
                table.figures {
                    thead { tr {
                        th { (lang.pick("名称", "Name")) } th.num { (lang.pick("应叫", "called")) } th.num { (lang.pick("叫到", "reached")) } th.num { "%" }
                        th.num { (lang.pick("未叫通", "missed")) } th.num { (lang.pick("中位", "median")) } th.num { "95%" }
                    } }
                    tbody { @for it in &group.rows { (self.row(group, it)) } }
                }
                @if group.rows.is_empty() { p.soft { (lang.pick("无", "none")) } }
            }
        }
    }

    fn row(&self, group: &Group, it: &Part) -> Markup {
        let (lang, figures) = (self.lang, &it.figures);
        // A street opens its communities; a community has nothing below.
        let inside = (group.key == "region" && it.key != self.view.region.as_str() && it.key.len() < 12)
            .then(|| self.here(&format!("&region={}", it.key)));
        // By channel only those reached are compared; a way by which others ended is not opened.
        let reached = group.key == "channel";
        let filter = it.filter.split("&state=").next().unwrap_or_default();
        let missed = figures.counts.of(CallState::NotReached);
        html! {
            tr {
                td { @match &inside { Some(href) => a href=(href) { (it.name.get(lang)) }, None => (it.name.get(lang)) } }
                td.num { a href=(self.list(if reached { REACHED } else { "" }, filter)) { (figures.counts.called) } }
                td.num { a href=(self.list(REACHED, filter)) { (figures.reached) } }
                td.num { (rate(figures)) }
                td.num { @if reached { "—" } @else { a.bad[missed > 0] href=(self.list("not_reached", filter)) { (missed) } } }
                td.num { a href=(self.late(figures.from_start.median_s, filter)) { (short(figures.from_start.median_s)) } }
                td.num { a href=(self.late(figures.from_start.p95_s, filter)) { (short(figures.from_start.p95_s)) } }
            }
        }
    }

    /// How many had heard by the end of each minute, out of those asked.
    fn curve(&self) -> Markup {
        let (lang, view) = (self.lang, self.view);
        let all = view.total.asked.max(1) as f64;
        let last = view.curve.last().map_or(1, |it| it.minute).max(1) as f64;
        let x = |minute: f64| 34.0 + minute / last * 310.0;
        let y = |count: usize| 118.0 - count as f64 / all * 108.0;
        let path = |count: &dyn Fn(&crate::effect::measure::Point) -> usize| {
            let points: Vec<_> =
                view.curve.iter().map(|it| format!("{:.1} {:.1}", x(it.minute as f64), y(count(it)))).collect();
            format!("M{}", points.join("L"))
        };
        let step = if last > 60.0 {
            20
        } else if last > 20.0 {
            10
        } else if last > 8.0 {
            5
        } else {
            1
        };
        let words = self.curve_words();
        html! {
            section.card {
                header { h2 { (lang.pick("听完或答复的进度", "Heard in full or answered, by minute")) } }
                @if view.curve.len() > 1 {
                    svg.strip.progress viewBox="0 0 360 140" role="img" aria-label=(words) {
                        @for percent in [0, 50, 95, 100] {
                            @let at = format!("{:.1}", 118.0 - f64::from(percent) * 1.08);
                            line.grid x1="34" x2="344" y1=(at) y2=(at) {}
                            @if percent != 95 { text.axis x="31" y=(format!("{:.1}", 121.0 - f64::from(percent) * 1.08)) text-anchor="end" { (percent) "%" } }
                        }
                        @for minute in (0..=last as i64).step_by(step) {
                            text.axis x=(format!("{:.1}", x(minute as f64))) y="132" text-anchor="middle" { (minute) }
                        }
                        path class="curve curve-1" d=(path(&|it| it.rang)) {}
                        path class="curve curve-0" d=(path(&|it| it.reached)) {}
                        @for minute in [view.minute_50, view.minute_95].into_iter().flatten() {
                            @let at = format!("{:.1}", x(minute as f64));
                            line.reach x1=(at) x2=(at) y1="10" y2="118" {}
                        }
                    }
                }
                p.small { (words) }
            }
        }
    }

    fn curve_words(&self) -> String {
        let (lang, view) = (self.lang, self.view);
        let by = |percent: &str, it: Option<i64>| match (lang, it) {
            (Lang::Zh, Some(minute)) => format!("{percent}在第 {minute} 分钟末"),
            (Lang::Zh, None) => format!("{percent}未达到"),
            (Lang::En, Some(minute)) => format!("{percent} by the end of minute {minute}"),
            (Lang::En, None) => format!("{percent} never"),
        };
        let (half, most) =
            (by(lang.pick("半数", "half"), view.minute_50), by(lang.pick("95% ", "95 %"), view.minute_95));
        match lang {
            Lang::Zh => format!(
                "最多同时 {} 路通话；应叫者（不含已并入、已停止）中听完或答复的：{half}，{most}。横轴为本轮开始后的分钟，细线为首次振铃。",
                view.lines
            ),
            Lang::En => format!(
                "At most {} lines at once. Heard in full or answered, of those asked: {half}, {most}. Minutes from the start; thin: first ring.",
                view.lines
            ),
        }
    }

    /// Numbers, carriers and leave first.
    fn silent(&self) -> Markup {
        let (lang, view) = (self.lang, self.view);
        html! {
            section.card.silent {
                header { h2 { (lang.pick("连续未接通", "Without contact twice or more in a row")) } span.soft.small.num { (view.silent_count) } }
                p.small.soft { (lang.pick("先核号码、再问运营商、再看是否请假调岗；不作评价。", "Ask first whether the number, the carrier or the leave list is wrong; this judges nobody.")) }
                table { @for it in view.silent.iter().take(8) {
                    tr {
                        td { a href=(self.call_of(it)) { (it.name) } br; span.small.soft { (it.organisation) } }
                        td.num { (it.silent.times) (lang.pick(" 次", "×")) }
                        td { @if it.silent.no_number { (lang.pick("无可用号码", "no usable number")) }
                            @else if it.silent.reasons.is_empty() { (lang.pick("无人接听", "no answer")) }
                            @for reason in &it.silent.reasons { (reason_words(reason).get(lang)) " " }
                            @if self.named { a.small href=(self.room.site.url("/people/check")) { (lang.pick("核号码", "check")) } } }
                    }
                } }
                @if view.silent_count > 8 {
                    details.small.rest { summary { (lang.pick("其余", "the others")) " " (view.silent_count - 8) }
                        ul { @for it in view.silent.iter().skip(8) { li { a href=(self.call_of(it)) { (it.name) } " " (it.organisation) " " (it.silent.times) (lang.pick(" 次", "×")) } } } }
                }
                @if view.silent.is_empty() { p.soft { (lang.pick("无", "nobody")) } }
            }
        }
    }

    fn definitions(&self) -> Markup {
        let lang = self.lang;
        html! {
            p.small.soft.definitions { (lang.pick(
                "口径：应叫＝各最终状态与未有结果之和，每人（值班室）计一次。叫到＝已叫应、已听完、代登记、上门叫醒；已转交不计。叫到率＝叫到÷（应叫－已并入/已停止）。\
                 时间只计本人答复或听完者：自首次振铃、自本轮开始，至答复。百分位用最近秩法（不小于该比例的最小实测值）。拨打次数含未叫到者。按渠道只列叫到者。",
                "Called = the sum of all states, each callee once. Reached = answered, heard in full, recorded by a colleague, reached on site. Rate = reached ÷ (called − absorbed or stopped). \
                 Times: of those who answered or heard themselves. Percentiles by nearest rank. Attempts include those at people not reached.",
            )) }
        }
    }
}

fn tile(words: &str, value: &str, href: &str) -> Markup {
    html! { a.tile href=(href) { b.num { (value) } span { (words) } } }
}

fn rate(it: &Figures) -> String {
    it.rate_permille().map_or_else(|| "—".to_owned(), |it| format!("{}.{}%", it / 10, it % 10))
}

fn tenths(it: Option<i64>) -> String {
    it.map_or_else(|| "—".to_owned(), |it| format!("{}.{}", it / 10, it % 10))
}

fn time(seconds: Option<i64>, lang: Lang) -> String {
    seconds.map_or_else(|| "—".to_owned(), |it| span(it, lang))
}

/// `3:20`, for columns.
fn short(seconds: Option<i64>) -> String {
    seconds.map_or_else(|| "—".to_owned(), |it| format!("{}:{:02}", it / 60, it % 60))
}
