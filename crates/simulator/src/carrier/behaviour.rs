//! Who sits at a number, and what they do this time.

use std::{fmt, str::FromStr};

use anlan_kernel::Problem;
use serde::{Deserialize, Serialize};

use super::{
    config::{CarrierConfig, SmsConfig, VoiceConfig},
    draw::Draws,
};

/// What becomes of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Voice {
    /// Answered, this key is pressed.
    Answers(u8),
    /// Odd attempts ring out, even ones are answered with this key.
    SecondTry(u8),
    /// Answered, heard in full, no key.
    Heard,
    /// Answered and hung up at once.
    HangsUp,
    /// Answered, then the connection breaks.
    Drops,
    /// Rings out.
    Never,
    /// Pressed away.
    Rejects,
    /// Engaged.
    Busy,
    /// Switched off.
    PowerOff,
    /// No such number.
    Empty,
}

/// What becomes of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sms {
    /// Delivered, answered with these words.
    Replies(String),
    /// Delivered, no answer.
    Delivered,
    /// The message centre gives up.
    Fails,
    /// Switched off until the message expires.
    PowerOff,
    /// No such number.
    Empty,
}

/// A prescribed behaviour, written as words joined by `;`.
///
/// Calls: `answers:1` (also `key1` `key2` `key3`), `second-try:1`, `heard`, `hangs-up`, `drops`,
/// `never`, `rejects`, `busy`, `power-off`, `empty`. Messages: `sms-reply:1`, `sms-text:words`,
/// `sms-none`, `sms-failed`. Both: `refuse` (at submit), `silent` (no receipts). What is not
/// prescribed rings out or is delivered without a reply.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Script {
    /// Of a call.
    pub voice: Option<Voice>,
    /// Of a message.
    pub sms: Option<Sms>,
    /// Refused at submit.
    pub refuse: bool,
    /// Sent, but no receipt ever comes.
    pub silent: bool,
}

impl FromStr for Script {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let mut script = Self::default();
        for word in text.split(';').map(str::trim).filter(|word| !word.is_empty()) {
            script.read(word).ok_or_else(|| unknown(word))?;
        }
        Ok(script)
    }
}

fn unknown(word: &str) -> Problem {
    Problem::new(
        "unknown_behaviour",
        format!("不认识的行为 {word:?}，可写 answers:1、second-try:1、heard、never、busy、sms-reply:1 等"),
        format!("unknown behaviour {word:?}; write answers:1, second-try:1, heard, never, busy, sms-reply:1 …"),
    )
    .field("scripted")
}

impl Script {
    fn read(&mut self, word: &str) -> Option<()> {
        let (name, value) = word.split_once(':').unwrap_or((word, ""));
        match (name, value) {
            ("refuse", "") => self.refuse = true,
            ("silent", "") => self.silent = true,
            ("sms-reply" | "sms-text", words) if !words.is_empty() => self.sms = Some(Sms::Replies(words.into())),
            ("sms-none", "") => self.sms = Some(Sms::Delivered),
            ("sms-failed", "") => self.sms = Some(Sms::Fails),
            _ => self.voice = Some(read_voice(name, value)?),
        }
        Some(())
    }
}

fn read_voice(name: &str, value: &str) -> Option<Voice> {
    Some(match (name, value) {
        ("answers", digit) => Voice::Answers(one_digit(digit)?),
        ("second-try", digit) => Voice::SecondTry(one_digit(digit)?),
        ("key1", "") => Voice::Answers(1),
        ("key2", "") => Voice::Answers(2),
        ("key3", "") => Voice::Answers(3),
        ("heard", "") => Voice::Heard,
        ("hangs-up", "") => Voice::HangsUp,
        ("drops", "") => Voice::Drops,
        ("never", "") => Voice::Never,
        ("rejects", "") => Voice::Rejects,
        ("busy", "") => Voice::Busy,
        ("power-off", "") => Voice::PowerOff,
        ("empty", "") => Voice::Empty,
        _ => return None,
    })
}

fn one_digit(text: &str) -> Option<u8> {
    text.parse().ok().filter(|digit| *digit <= 9)
}

impl TryFrom<String> for Script {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|problem: Problem| problem.to_string())
    }
}

impl From<Script> for String {
    fn from(script: Script) -> Self {
        script.to_string()
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            self.voice.as_ref().map(Voice::to_string),
            self.sms.as_ref().map(Sms::to_string),
            self.refuse.then(|| "refuse".to_owned()),
            self.silent.then(|| "silent".to_owned()),
        ];
        f.write_str(&words.into_iter().flatten().collect::<Vec<_>>().join("; "))
    }
}

impl fmt::Display for Voice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answers(digit) => write!(f, "answers:{digit}"),
            Self::SecondTry(digit) => write!(f, "second-try:{digit}"),
            Self::Heard => f.write_str("heard"),
            Self::HangsUp => f.write_str("hangs-up"),
            Self::Drops => f.write_str("drops"),
            Self::Never => f.write_str("never"),
            Self::Rejects => f.write_str("rejects"),
            Self::Busy => f.write_str("busy"),
            Self::PowerOff => f.write_str("power-off"),
            Self::Empty => f.write_str("empty"),
        }
    }
}

impl fmt::Display for Sms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replies(words) => write!(f, "sms-reply:{words}"),
            Self::Delivered => f.write_str("sms-none"),
            Self::Fails => f.write_str("sms-failed"),
            Self::PowerOff => f.write_str("power-off"),
            Self::Empty => f.write_str("empty"),
        }
    }
}

/// What becomes of the call `key` to `number`, which is the `attempt`th (from 1) to that number.
pub fn voice(config: &CarrierConfig, number: &str, key: &str, attempt: u32) -> Voice {
    let kind = match config.scripted.get(number) {
        Some(script) => script.voice.clone().unwrap_or(Voice::Never),
        None => this_time(&config.voice, voice_person(config, number), Draws::new(config.seed, &[number, key])),
    };
    match kind {
        Voice::SecondTry(_) if attempt % 2 == 1 => Voice::Never,
        Voice::SecondTry(digit) => Voice::Answers(digit),
        other => other,
    }
}

fn this_time(config: &VoiceConfig, person: Voice, draws: Draws) -> Voice {
    match person {
        Voice::Never | Voice::PowerOff | Voice::Empty | Voice::SecondTry(_) => person,
        _ if draws.chance("busy", config.busy) => Voice::Busy,
        _ if draws.chance("rejects", config.rejects) => Voice::Rejects,
        _ if !draws.chance("answers", config.answers) => Voice::Never,
        _ if draws.chance("drops", config.drops) => Voice::Drops,
        person => person,
    }
}

fn voice_person(config: &CarrierConfig, number: &str) -> Voice {
    let people = &config.voice.people;
    let choices: [(fn() -> Voice, u32); 9] = [
        (|| Voice::Answers(1), people.key1),
        (|| Voice::Answers(2), people.key2),
        (|| Voice::Answers(3), people.key3),
        (|| Voice::SecondTry(1), people.second_try),
        (|| Voice::Heard, people.heard),
        (|| Voice::HangsUp, people.hangs_up),
        (|| Voice::Never, people.never),
        (|| Voice::PowerOff, people.power_off),
        (|| Voice::Empty, people.empty),
    ];
    Draws::new(config.seed, &[number]).pick("voice", &choices).map_or(Voice::Never, |person| person())
}

/// What becomes of the message `key` to `number`.
pub fn sms(config: &CarrierConfig, number: &str, key: &str) -> Sms {
    if let Some(script) = config.scripted.get(number) {
        return match (&script.sms, &script.voice) {
            (Some(sms), _) => sms.clone(),
            (None, Some(Voice::Empty)) => Sms::Empty,
            (None, Some(Voice::PowerOff)) => Sms::PowerOff,
            (None, _) => Sms::Delivered,
        };
    }
    match voice_person(config, number) {
        Voice::Empty => Sms::Empty,
        Voice::PowerOff => Sms::PowerOff,
        _ => sms_this_time(&config.sms, Draws::new(config.seed, &[number]), Draws::new(config.seed, &[number, key])),
    }
}

fn sms_this_time(config: &SmsConfig, person: Draws, draws: Draws) -> Sms {
    if draws.chance("sms-failed", config.failed) {
        return Sms::Fails;
    }
    let people = &config.people;
    let habits = [
        (Some("1"), people.reply1),
        (Some("2"), people.reply2),
        (Some("3"), people.reply3),
        (Some(""), people.words),
        (None, people.nothing),
    ];
    match person.pick("sms", &habits).flatten() {
        None => Sms::Delivered,
        Some("") => {
            let words: Vec<(&String, u32)> = config.words.iter().map(|words| (words, 1)).collect();
            draws.pick("words", &words).map_or(Sms::Delivered, |words| Sms::Replies(words.clone()))
        }
        Some(digit) => Sms::Replies(digit.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::call("answers:1", "answers:1")]
    #[case::short_form("key3", "answers:3")]
    #[case::both("never;sms-reply:1", "never; sms-reply:1")]
    #[case::words("sms-text:马上到", "sms-reply:马上到")]
    #[case::silent("heard; silent", "heard; silent")]
    #[case::refuse("refuse", "refuse")]
    fn a_script_reads_and_writes(#[case] text: &str, #[case] written: &str) {
        let script: Script = text.parse().unwrap();
        assert_eq!(script.to_string(), written);
        assert_eq!(written.parse::<Script>().unwrap(), script);
    }

    #[rstest::rstest]
    #[case("answers")]
    #[case("answers:12")]
    #[case("sms-reply:")]
    #[case("busy:1")]
    #[case("sleeps")]
    fn an_unknown_word_is_named(#[case] text: &str) {
        let problem = text.parse::<Script>().unwrap_err();
        assert!(problem.message.en.contains(text), "{problem}");
    }

    #[test]
    fn a_number_keeps_its_person_and_every_kind_of_person_lives_somewhere() {
        let config = CarrierConfig::default();
        let mut seen = std::collections::BTreeSet::new();
        for n in 0..2_000u64 {
            let number = format!("138{n:08}");
            let person = voice_person(&config, &number);
            assert_eq!(person, voice_person(&config, &number));
            seen.insert(person.to_string());
        }
        assert_eq!(seen.len(), 9, "{seen:?}");
    }

    #[test]
    fn the_second_try_is_answered_and_the_third_is_not() {
        let config = CarrierConfig::default().script("1", "second-try:2").unwrap();
        let got: Vec<Voice> = (1..=4).map(|attempt| voice(&config, "1", "k", attempt)).collect();
        assert_eq!(got, [Voice::Never, Voice::Answers(2), Voice::Never, Voice::Answers(2)]);
    }
}
