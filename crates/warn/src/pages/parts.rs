//! What several screens show alike.

use anlan_kernel::{Instant, Lang};
use anlan_store::Sending;
use anlan_web::{Site, percent};
use maud::{Markup, html};

use crate::{
    api::{CallView, Counts, PlayView},
    channel::PlayState,
    directed,
    effect::evidence::reason_words,
    model::{CallState, Round, RoundState},
    text,
};

/// `/rounds/<id>` of this world.
pub fn to(site: &Site, what: &str, id: &str) -> String {
    site.url(&format!("/{what}/{}", percent(id)))
}

/// `20:15`, in an element the reader's program understands.
pub fn clock(at: Instant) -> Markup {
    html! { time.num datetime=(at.to_rfc3339()) { (at.clock()) } }
}

/// 演示编造, wherever an invented signal or round shows.
pub fn invented(it: bool, lang: Lang) -> Markup {
    html! { @if it { " " span.tag { (lang.pick("演示编造", "invented for the demonstration")) } } }
}

/// Where a round stands, in words.
pub fn round_state(round: &Round, lang: Lang) -> String {
    let (zh, en) = match round.state {
        RoundState::Pending => ("待开始", "pending"),
        RoundState::Running => ("叫应中", "running"),
        RoundState::Done => ("已完成", "done"),
        RoundState::Stopped => ("已停止", "stopped"),
        RoundState::Absorbed => ("已并入", "absorbed"),
    };
    lang.pick(zh, en).to_owned()
}

/// When a round began and ended; of one that never began, how it came to that.
pub fn round_times(round: &Round, lang: Lang) -> Markup {
    let stopped = matches!(round.state, RoundState::Stopped);
    html! {
        @match (round.started_at, round.ended_at) {
            (None, Some(at)) if stopped => { (lang.pick("未开始即停止 ", "stopped before it began, ")) (clock(at)) },
            (None, Some(at)) => { (lang.pick("未开始即并入 ", "absorbed before it began, ")) (clock(at)) },
            (began, ended) => {
                (clock(began.unwrap_or(round.start_at))) (lang.pick(" 起", " on"))
                @if let Some(at) = ended { (lang.pick("，", ", ")) (clock(at)) (if stopped { lang.pick(" 停止", " stopped") } else { lang.pick(" 结束", " over") }) }
            }
        }
        @if let Some(why) = round.stop_reason.as_deref().filter(|_| stopped) { (lang.pick("，理由：", ", because: ")) (why) }
    }
}

/// Into which round a call was absorbed; `None` where `by` is no round.
pub fn absorbed_words(by: &str, lang: Lang) -> Option<String> {
    let level = by.rsplit_once('.').and_then(|it| it.1.chars().next()).filter(char::is_ascii_digit)?;
    Some(match lang {
        Lang::Zh => format!("并入级别 {level} 一轮"),
        Lang::En => format!("into the level {level} round"),
    })
}

/// How far a sending got, in words.
pub fn sending(state: Sending, lang: Lang) -> &'static str {
    let (zh, en) = match state {
        Sending::Queued => ("待发", "queued"),
        Sending::Sending => ("发送中", "being sent"),
        Sending::Sent => ("已交通道", "handed to the gateway"),
        Sending::Unknown => ("结果不明", "outcome unknown"),
        Sending::Refused => ("通道拒收", "refused by the gateway"),
        Sending::Failed => ("发送失败", "failed"),
        Sending::Dropped => ("已撤回", "taken back"),
    };
    lang.pick(zh, en)
}

/// What a gateway said of an attempt, in words.
pub fn receipt(event: &str, lang: Lang) -> &str {
    const WORDS: [(&str, &str, &str); 8] = [
        ("ringing", "振铃", "rang"),
        ("answered", "接听", "picked up"),
        ("key", "按键", "key"),
        ("heard_in_full", "听完全文", "heard in full"),
        ("hung_up", "挂机", "hung up"),
        ("failed", "未接通", "not connected"),
        ("delivered", "短信送达", "message delivered"),
        ("reply", "短信回复", "reply"),
    ];
    WORDS.iter().find(|it| it.0 == event).map_or(event, |it| lang.pick(it.1, it.2))
}

/// A call's state in words.
pub fn state(state: CallState, lang: Lang) -> &'static str {
    let (zh, en) = state.words();
    lang.pick(zh, en)
}

/// 叫应级别 as colour, numeral and shape.
pub fn level(level: u8, lang: Lang) -> Markup {
    let shown = level.clamp(1, 4);
    html! { span class=(format!("grade grade-{shown}")) { (lang.pick("叫应级别", "level")) " " (level) } }
}

/// Title of a round: its level and what led to it.
pub fn round_title(site: &Site, round: &Round, lang: Lang) -> Markup {
    html! {
        (level(round.level, lang)) " "
        @if round.is_directed() { span.tag { (lang.pick("定向叫应", "directed")) } " " }
        a href=(to(site, "rounds", &round.id)) { (&round.cause) }
        (invented(round.invented, lang))
    }
}

/// Every count of a round; they add up to 应叫. `list` leads to the people in these states.
pub fn counts(site: &Site, list: impl Fn(&str) -> String, counts: &Counts, lang: Lang) -> Markup {
    let link = |states: &str| site.url(&list(states));
    html! {
        p.row {
            span { (lang.pick("应叫", "called")) " " b.num { (counts.called) } }
            @if counts.open > 0 {
                a href=(link("calling,escalated")) { (lang.pick("未有结果", "open")) " " b.num { (counts.open) } }
            }
            @for it in CallState::FINAL {
                @let count = counts.of(it);
                @if count > 0 {
                    a href=(link(it.name())) { (state(it, lang)) " " b.num { (count) } }
                }
            }
        }
    }
}

/// Duties of a callee in one line.
pub fn duties(call: &CallView) -> String {
    let duties = text::duty_words(&call.call.duties);
    match (call.title.is_empty(), call.organisation.is_empty()) {
        (true, true) => duties,
        (true, false) => format!("{} · {duties}", call.organisation),
        (false, _) => format!("{} {} · {duties}", call.organisation, call.title),
    }
}

/// The masked number, and a button that shows it in clear to whoever may see it.
pub fn number(site: &Site, call: &CallView, unmask: bool, lang: Lang) -> Markup {
    html! {
        @match call.numbers.first() {
            None => span.bad { (lang.pick("无可用号码", "no usable number")) },
            Some(masked) => {
                span.num { (masked) }
                @if unmask {
                    " " form method="post" action=(format!("{}/number", to(site, "calls", &call.call.id))) {
                        button type="submit" { (lang.pick("拨打", "Dial")) }
                    }
                }
            }
        }
    }
}

/// 村村响播出: per loudspeaker what was played when, and how it ended.
pub(crate) fn plays(site: &Site, lang: Lang, plays: &[PlayView]) -> Markup {
    html! {
        @if !plays.is_empty() {
            div.card.scroll id="plays" data-live="play." {
                header { h2 { (lang.pick("村村响播出", "Loudspeakers")) } span.soft.small.num { (plays.len()) } }
                table { @for it in plays {
                    @let (zh, en) = it.play.state.words();
                    tr {
                        td { (it.name) br; span.small.soft.num { (it.play.region) } }
                        td { @match &it.opens {
                            Some(path) => a href=(site.url(path)) { (it.title.get(lang)) },
                            None => (it.title.get(lang)),
                        } }
                        td { b.bad[it.play.state == PlayState::Failed] { (lang.pick(zh, en)) } " " (clock(it.play.final_at.unwrap_or(it.play.queued_at)))
                            @if let Some(reason) = &it.play.reason { br; span.small.soft { (reason_words(reason).get(lang)) } } }
                    }
                } }
            }
        }
    }
}

/// A hazard as people call it.
pub fn hazard(key: &str, lang: Lang) -> String {
    if key == directed::HAZARD {
        return lang.pick("定向叫应", "directed call-out").to_owned();
    }
    anlan_codecs::hazard::Hazard::by_key(key).map_or_else(|| key.to_owned(), |it| lang.pick(it.zh, key).to_owned())
}
