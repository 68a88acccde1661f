//! How a call or a message goes, event by event. Pure: no clock, no queue.

use std::time::Duration;

use super::{
    behaviour::{Sms, Voice},
    config::{SmsConfig, VoiceConfig},
    draw::Draws,
};
use crate::protocol::{Event, Reason};

/// One thing that happens, so long after the line was taken (or the message accepted).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// After the beginning.
    pub after: Duration,
    /// What.
    pub event: Event,
    /// The key pressed or the words written.
    pub says: Option<String>,
    /// Why it failed.
    pub reason: Option<Reason>,
}

impl Step {
    fn new(after: Duration, event: Event) -> Self {
        Self { after, event, says: None, reason: None }
    }

    fn failed(after: Duration, reason: Reason) -> Self {
        Self { reason: Some(reason), ..Self::new(after, Event::Failed) }
    }

    fn saying(self, words: impl Into<String>) -> Self {
        Self { says: Some(words.into()), ..self }
    }
}

/// The events of a call; its last one frees the line.
pub fn call(config: &VoiceConfig, voice: &Voice, draws: Draws) -> Vec<Step> {
    let rings = draws.within("dial", config.dial_ms);
    let answered = rings + draws.within("ring", config.ring_ms);
    let mut steps = vec![Step::new(rings, Event::Ringing)];
    match voice {
        Voice::Busy => return vec![Step::failed(rings, Reason::Busy)],
        Voice::PowerOff => return vec![Step::failed(rings, Reason::PowerOff)],
        Voice::Empty => return vec![Step::failed(rings, Reason::EmptyNumber)],
        Voice::Never | Voice::SecondTry(_) => {
            steps.push(Step::failed(rings + draws.within("ring-out", config.ring_out_ms), Reason::NoAnswer));
        }
        Voice::Rejects => steps.push(Step::failed(answered, Reason::Rejected)),
        Voice::Answers(digit) => {
            steps.push(Step::new(answered, Event::Answered));
            steps.extend(pressing(config, *digit, answered, draws));
        }
        Voice::Heard => {
            let heard = answered + draws.within("talk", config.talk_ms);
            steps.extend([Event::Answered, Event::HeardInFull, Event::HungUp].map(|event| {
                let after = if event == Event::Answered { answered } else { heard };
                Step::new(after, event)
            }));
        }
        Voice::HangsUp => {
            let over = answered + draws.within("hang-up", config.hang_up_ms);
            steps.extend([Step::new(answered, Event::Answered), Step::new(over, Event::HungUp)]);
        }
        Voice::Drops => {
            let over = answered + draws.within("key", config.key_ms) / 2;
            steps.extend([Step::new(answered, Event::Answered), Step::new(over, Event::HungUp)]);
        }
    }
    steps
}

/// A key, after hearing everything where the key comes late.
fn pressing(config: &VoiceConfig, digit: u8, answered: Duration, draws: Draws) -> Vec<Step> {
    let pressed = answered + draws.within("key", config.key_ms);
    let heard = answered + draws.within("talk", config.talk_ms);
    let over = pressed + draws.within("after-key", config.after_key_ms);
    let mut steps = Vec::with_capacity(3);
    if heard <= pressed {
        steps.push(Step::new(heard, Event::HeardInFull));
    }
    steps.push(Step::new(pressed, Event::Key).saying(digit.to_string()));
    steps.push(Step::new(over, Event::HungUp));
    steps
}

/// The events of a message.
pub fn message(config: &SmsConfig, sms: &Sms, draws: Draws) -> Vec<Step> {
    let there = draws.within("delivery", config.delivery_ms);
    let delivered = Step::new(there, Event::Delivered);
    match sms {
        Sms::Delivered => vec![delivered],
        Sms::Fails => vec![Step::failed(there, Reason::Undelivered)],
        Sms::PowerOff => vec![Step::failed(there, Reason::PowerOff)],
        Sms::Empty => vec![Step::failed(there, Reason::EmptyNumber)],
        Sms::Replies(words) => {
            let back = there + draws.within("reply", config.reply_ms);
            vec![delivered, Step::new(back, Event::Reply).saying(words.clone())]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::carrier::config::Span;

    fn clockwork() -> VoiceConfig {
        VoiceConfig {
            dial_ms: Span::seconds(2),
            ring_ms: Span::seconds(10),
            ring_out_ms: Span::seconds(45),
            talk_ms: Span::seconds(30),
            key_ms: Span::seconds(12),
            after_key_ms: Span::seconds(3),
            hang_up_ms: Span::seconds(4),
            ..VoiceConfig::default()
        }
    }

    #[rstest::rstest]
    #[case::key(Voice::Answers(1), "Ringing@2 Answered@12 Key@24 HungUp@27")]
    #[case::heard(Voice::Heard, "Ringing@2 Answered@12 HeardInFull@42 HungUp@42")]
    #[case::hangs_up(Voice::HangsUp, "Ringing@2 Answered@12 HungUp@16")]
    #[case::drops(Voice::Drops, "Ringing@2 Answered@12 HungUp@18")]
    #[case::never(Voice::Never, "Ringing@2 Failed@47")]
    #[case::rejects(Voice::Rejects, "Ringing@2 Failed@12")]
    #[case::busy(Voice::Busy, "Failed@2")]
    #[case::power_off(Voice::PowerOff, "Failed@2")]
    #[case::empty(Voice::Empty, "Failed@2")]
    fn a_call_goes_its_way(#[case] voice: Voice, #[case] want: &str) {
        assert_eq!(told(&call(&clockwork(), &voice, Draws::new(1, &["x"]))), want);
    }

    #[test]
    fn a_late_key_comes_after_hearing_everything() {
        let config = VoiceConfig { key_ms: Span::seconds(40), ..clockwork() };
        let got = told(&call(&config, &Voice::Answers(1), Draws::new(1, &["x"])));
        assert_eq!(got, "Ringing@2 Answered@12 HeardInFull@42 Key@52 HungUp@55");
    }

    #[rstest::rstest]
    #[case::reply(Sms::Replies("1".into()), "Delivered@1 Reply@31")]
    #[case::delivered(Sms::Delivered, "Delivered@1")]
    #[case::fails(Sms::Fails, "Failed@1")]
    fn a_message_goes_its_way(#[case] sms: Sms, #[case] want: &str) {
        let config = SmsConfig { delivery_ms: Span::seconds(1), reply_ms: Span::seconds(30), ..SmsConfig::default() };
        assert_eq!(told(&message(&config, &sms, Draws::new(1, &["x"]))), want);
    }

    fn told(steps: &[Step]) -> String {
        let words: Vec<String> =
            steps.iter().map(|step| format!("{:?}@{}", step.event, step.after.as_secs())).collect();
        words.join(" ")
    }

    proptest::proptest! {
        #[test]
        fn every_call_ends_exactly_once_and_in_order(seed: u64, kind in 0usize..9, key in "[a-z]{1,6}") {
            let voices = [Voice::Answers(1), Voice::Heard, Voice::HangsUp, Voice::Drops, Voice::Never,
                Voice::Rejects, Voice::Busy, Voice::PowerOff, Voice::Empty];
            let steps = call(&VoiceConfig::default(), &voices[kind], Draws::new(seed, &[&key]));
            proptest::prop_assert!(steps.is_sorted_by_key(|step| step.after));
            let ends = steps.iter().filter(|step| matches!(step.event, Event::HungUp | Event::Failed)).count();
            proptest::prop_assert_eq!(ends, 1);
            proptest::prop_assert!(matches!(steps.last().map(|step| step.event), Some(Event::HungUp | Event::Failed)));
        }
    }
}
