//! What the carrier is like, as data: TOML or JSON, everything with a default.

use std::collections::BTreeMap;

use anlan_kernel::{Instant, Problem};
use serde::{Deserialize, Serialize};

use super::behaviour::Script;

/// A time in milliseconds, drawn evenly between both ends: `[4000, 12000]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span(pub u64, pub u64);

impl Span {
    /// Always this many milliseconds.
    pub const fn exactly(milliseconds: u64) -> Self {
        Self(milliseconds, milliseconds)
    }

    /// Always this many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self::exactly(seconds * 1_000)
    }
}

/// Whose clock is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The clock on the wall; the carrier drives itself. For measuring at speed 1.
    #[default]
    Wall,
    /// World time, beginning here and moved by `POST /sim/advance` only.
    Driven(Instant),
}

/// A carrier and the people at its telephones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CarrierConfig {
    /// Same seed, same night.
    pub seed: u64,
    /// Shared secret of both directions.
    pub secret: String,
    /// Bearer token of `/sim/…`; without one these are signed with the secret too.
    pub control_token: Option<String>,
    /// Whose clock is followed.
    pub clock: Clock,
    /// Where receipts go: a loopback `http://` address. Without one they wait.
    pub callback: Option<String>,
    /// A key seen before is answered `duplicate` and not sent again.
    pub honours_keys: bool,
    /// `GET /v1/status` answers; else 404.
    pub answers_status: bool,
    /// Voice lines; a line is taken from dialling to hanging up.
    pub lines: u32,
    /// Waiting calls with a smaller priority number overtake earlier ones. Otherwise calls are
    /// dialled by (instant submitted, priority, key).
    pub priority_first: bool,
    /// A call that found no line for this long fails with `no_line`, milliseconds.
    pub no_line_after_ms: Option<u64>,
    /// Longest text taken, characters.
    pub longest_text: usize,
    /// Everything that takes time takes a whole multiple of this, milliseconds. A coarse grain makes a
    /// driven night pass sooner: what happens at one instant is delivered together.
    pub grain_ms: u64,
    /// Most items taken in one second (world time); beyond it 429.
    pub items_per_second: Option<u32>,
    /// How calls go.
    pub voice: VoiceConfig,
    /// How messages go.
    pub sms: SmsConfig,
    /// What goes wrong between the carrier and its customer.
    pub faults: FaultConfig,
    /// Numbers whose behaviour is prescribed: `"13800000000" = "second-try:1; sms-reply:1"`.
    pub scripted: BTreeMap<String, Script>,
}

impl Default for CarrierConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            secret: "simulated-carrier".into(),
            control_token: None,
            clock: Clock::Wall,
            callback: None,
            honours_keys: true,
            answers_status: true,
            lines: 40,
            priority_first: false,
            no_line_after_ms: None,
            longest_text: 1_000,
            grain_ms: 1,
            items_per_second: None,
            voice: VoiceConfig::default(),
            sms: SmsConfig::default(),
            faults: FaultConfig::default(),
            scripted: BTreeMap::new(),
        }
    }
}

/// How calls go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VoiceConfig {
    /// From taking the line to the first ring (or to busy, off, empty).
    pub dial_ms: Span,
    /// From the first ring to the answer (or to pressing the call away).
    pub ring_ms: Span,
    /// From the first ring to giving up.
    pub ring_out_ms: Span,
    /// Length of the spoken text.
    pub talk_ms: Span,
    /// From the answer to the key.
    pub key_ms: Span,
    /// From the key to hanging up.
    pub after_key_ms: Span,
    /// From the answer to hanging up, of those who do not listen.
    pub hang_up_ms: Span,
    /// Probability that somebody who answers calls takes this one.
    pub answers: f64,
    /// Probability that the line is engaged.
    pub busy: f64,
    /// Probability that the call is pressed away.
    pub rejects: f64,
    /// Probability that an answered call breaks off before anything was pressed.
    pub drops: f64,
    /// What kind of person sits at a number.
    pub people: VoicePeople,
}

impl Default for VoiceConfig {
    fn default() -> Self {
        Self {
            dial_ms: Span(1_500, 4_000),
            ring_ms: Span(3_000, 18_000),
            ring_out_ms: Span::seconds(45),
            talk_ms: Span(25_000, 32_000),
            key_ms: Span(9_000, 28_000),
            after_key_ms: Span(1_000, 4_000),
            hang_up_ms: Span(1_000, 6_000),
            answers: 0.9,
            busy: 0.04,
            rejects: 0.01,
            drops: 0.02,
            people: VoicePeople::default(),
        }
    }
}

/// Weights of the kinds of people at telephones; a number keeps its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VoicePeople {
    /// Press 1 (收到、已到岗).
    pub key1: u32,
    /// Press 2 (收到、不能到岗).
    pub key2: u32,
    /// Press 3 (有险情、需支援).
    pub key3: u32,
    /// Miss the first call, press 1 at the second.
    pub second_try: u32,
    /// Hear everything and press nothing.
    pub heard: u32,
    /// Answer and hang up at once.
    pub hangs_up: u32,
    /// Let it ring.
    pub never: u32,
    /// Switched off.
    pub power_off: u32,
    /// No such number.
    pub empty: u32,
}

impl Default for VoicePeople {
    fn default() -> Self {
        Self { key1: 62, key2: 4, key3: 1, second_try: 11, heard: 7, hangs_up: 4, never: 6, power_off: 3, empty: 2 }
    }
}

/// How messages go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmsConfig {
    /// From taking the message to its delivery or failure.
    pub delivery_ms: Span,
    /// From delivery to the reply.
    pub reply_ms: Span,
    /// Probability that the message centre gives up.
    pub failed: f64,
    /// What people do with a message.
    pub people: SmsPeople,
    /// What those write who do not write a digit.
    pub words: Vec<String>,
}

impl Default for SmsConfig {
    fn default() -> Self {
        Self {
            // 0.23–3.17 s is published for the national forced-reminder message (闪信).
            delivery_ms: Span(230, 3_170),
            reply_ms: Span(15_000, 150_000),
            failed: 0.01,
            people: SmsPeople::default(),
            words: ["收到", "好的,马上到", "1。", "在路上了", "你是谁?"].map(String::from).to_vec(),
        }
    }
}

/// Weights of what people do with a message; a number keeps its habit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmsPeople {
    /// Reply 1.
    pub reply1: u32,
    /// Reply 2.
    pub reply2: u32,
    /// Reply 3.
    pub reply3: u32,
    /// Reply in words.
    pub words: u32,
    /// Do not reply.
    pub nothing: u32,
}

impl Default for SmsPeople {
    fn default() -> Self {
        Self { reply1: 60, reply2: 5, reply3: 1, words: 9, nothing: 25 }
    }
}

/// What goes wrong between the carrier and its customer; all are probabilities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaultConfig {
    /// Per item: refused at submit with `blocked`.
    pub refused: f64,
    /// Per item: no receipt at all, though it is sent.
    pub silent: f64,
    /// Per item: a forged receipt (wrong signature) pretends that 1 was pressed.
    pub forged: f64,
    /// Per receipt: delivered twice, with the same id.
    pub doubled: f64,
    /// How much later the double comes.
    pub doubled_after_ms: Span,
    /// Per receipt: minutes late.
    pub late: f64,
    /// How late.
    pub late_ms: Span,
    /// Per receipt: overtaken by those after it.
    pub overtaken: f64,
    /// How long it is held for that.
    pub overtaken_ms: Span,
    /// Every receipt: from the event to its delivery.
    pub lag_ms: Span,
    /// Per submit: 429 with `Retry-After`, nothing taken.
    pub too_many: f64,
    /// `Retry-After`, seconds.
    pub retry_after_s: u32,
    /// Per submit: 503, nothing taken.
    pub unavailable: f64,
    /// Per submit: 503 although the items were taken. Only where keys are honoured: a gateway that
    /// forgets keys must not do this.
    pub answer_lost: f64,
}

impl Default for FaultConfig {
    fn default() -> Self {
        Self {
            refused: 0.002,
            silent: 0.005,
            forged: 0.002,
            doubled: 0.02,
            doubled_after_ms: Span(0, 30_000),
            late: 0.01,
            late_ms: Span(120_000, 600_000),
            overtaken: 0.01,
            overtaken_ms: Span(5_000, 60_000),
            lag_ms: Span(50, 600),
            too_many: 0.01,
            retry_after_s: 1,
            unavailable: 0.005,
            answer_lost: 0.005,
        }
    }
}

impl FaultConfig {
    /// Nothing goes wrong, and receipts come the moment something happens.
    pub fn none() -> Self {
        Self {
            refused: 0.0,
            silent: 0.0,
            forged: 0.0,
            doubled: 0.0,
            late: 0.0,
            overtaken: 0.0,
            lag_ms: Span(0, 0),
            too_many: 0.0,
            unavailable: 0.0,
            answer_lost: 0.0,
            ..Self::default()
        }
    }
}

impl CarrierConfig {
    /// Reads TOML.
    ///
    /// # Errors
    /// `bad_carrier_config` with the parser's words, or what [`CarrierConfig::check`] finds.
    pub fn from_toml(text: &str) -> Result<Self, Problem> {
        Self::checked(toml::from_str(text).map_err(|error| unreadable(&error.to_string()))?)
    }

    /// Reads JSON.
    ///
    /// # Errors
    /// `bad_carrier_config` with the parser's words, or what [`CarrierConfig::check`] finds.
    pub fn from_json(text: &str) -> Result<Self, Problem> {
        Self::checked(serde_json::from_str(text).map_err(|error| unreadable(&error.to_string()))?)
    }

    fn checked(self) -> Result<Self, Problem> {
        self.check().map(|()| self)
    }

    /// Driven from `start`, no faults: the carrier for exact tests.
    pub fn exact(start: Instant) -> Self {
        Self { clock: Clock::Driven(start), faults: FaultConfig::none(), ..Self::default() }
    }

    /// Prescribes what the person at `number` does.
    ///
    /// # Errors
    /// `unknown_behaviour` naming the word.
    pub fn script(mut self, number: &str, behaviour: &str) -> Result<Self, Problem> {
        self.scripted.insert(number.into(), behaviour.parse()?);
        Ok(self)
    }

    /// Whether every value makes sense.
    ///
    /// # Errors
    /// `bad_carrier_config` naming the field.
    pub fn check(&self) -> Result<(), Problem> {
        let (voice, sms, faults) = (&self.voice, &self.sms, &self.faults);
        for (field, probability) in [
            ("voice.answers", voice.answers),
            ("voice.busy", voice.busy),
            ("voice.rejects", voice.rejects),
            ("voice.drops", voice.drops),
            ("sms.failed", sms.failed),
            ("faults.refused", faults.refused),
            ("faults.silent", faults.silent),
            ("faults.forged", faults.forged),
            ("faults.doubled", faults.doubled),
            ("faults.late", faults.late),
            ("faults.overtaken", faults.overtaken),
            ("faults.too_many", faults.too_many),
            ("faults.unavailable", faults.unavailable),
            ("faults.answer_lost", faults.answer_lost),
        ] {
            if !(0.0..=1.0).contains(&probability) {
                return Err(bad(field, "概率须在 0 到 1 之间", "a probability is 0 to 1"));
            }
        }
        for (field, Span(from, to)) in [
            ("voice.dial_ms", voice.dial_ms),
            ("voice.ring_ms", voice.ring_ms),
            ("voice.ring_out_ms", voice.ring_out_ms),
            ("voice.talk_ms", voice.talk_ms),
            ("voice.key_ms", voice.key_ms),
            ("voice.after_key_ms", voice.after_key_ms),
            ("voice.hang_up_ms", voice.hang_up_ms),
            ("sms.delivery_ms", sms.delivery_ms),
            ("sms.reply_ms", sms.reply_ms),
            ("faults.doubled_after_ms", faults.doubled_after_ms),
            ("faults.late_ms", faults.late_ms),
            ("faults.overtaken_ms", faults.overtaken_ms),
            ("faults.lag_ms", faults.lag_ms),
        ] {
            if from > to {
                return Err(bad(field, "应写作 [最短, 最长]，单位毫秒", "write [shortest, longest] in milliseconds"));
            }
        }
        if self.lines == 0 {
            return Err(bad("lines", "至少一条线路", "at least one line"));
        }
        if self.secret.is_empty() {
            return Err(bad("secret", "密钥不能为空", "the secret must not be empty"));
        }
        self.callback.as_deref().map_or(Ok(()), check_callback)
    }
}

/// Receipts go to this machine only.
///
/// # Errors
/// `bad_callback` for anything but `http://` and a loopback address.
pub fn check_callback(url: &str) -> Result<(), Problem> {
    let local = reqwest::Url::parse(url).is_ok_and(|url| {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        url.scheme() == "http" && loopback
    });
    local.then_some(()).ok_or_else(|| {
        Problem::new(
            "bad_callback",
            "回执地址只能是本机，如 http://127.0.0.1:8080/gateway/receipts",
            "receipts go to this machine only, such as http://127.0.0.1:8080/gateway/receipts",
        )
        .field("callback")
    })
}

fn unreadable(why: &str) -> Problem {
    Problem::new("bad_carrier_config", format!("配置无法读取：{why}"), format!("the settings cannot be read: {why}"))
}

fn bad(field: &str, zh: &str, en: &str) -> Problem {
    Problem::new("bad_carrier_config", zh, en).field(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_survive_toml_and_json() {
        let config = CarrierConfig::exact(Instant::from_secs(1_693_570_500))
            .script("13800000000", "second-try:1; sms-reply:1")
            .unwrap();
        let text = toml::to_string(&config).unwrap();
        assert_eq!(CarrierConfig::from_toml(&text).unwrap(), config, "{text}");
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(CarrierConfig::from_json(&text).unwrap(), config, "{text}");
        assert_eq!(CarrierConfig::from_toml("").unwrap(), CarrierConfig::default());
    }

    #[rstest::rstest]
    #[case::probability("[voice]\nanswers = 1.5", "voice.answers")]
    #[case::not_a_number("[sms]\nfailed = nan", "sms.failed")]
    #[case::reversed("[voice]\nring_ms = [9, 3]", "voice.ring_ms")]
    #[case::no_lines("lines = 0", "lines")]
    #[case::no_secret("secret = ''", "secret")]
    #[case::far_away("callback = 'http://192.0.2.7/receipts'", "callback")]
    #[case::not_http("callback = 'https://127.0.0.1/receipts'", "callback")]
    fn a_senseless_value_is_named(#[case] toml: &str, #[case] field: &str) {
        let problem = CarrierConfig::from_toml(toml).unwrap_err();
        assert_eq!(problem.place.field.as_deref(), Some(field));
    }

    #[rstest::rstest]
    #[case::unknown_field("linez = 4")]
    #[case::unknown_behaviour("[scripted]\n'138' = 'sings'")]
    #[case::not_toml("lines =")]
    fn an_unreadable_setting_is_refused(#[case] toml: &str) {
        assert_eq!(CarrierConfig::from_toml(toml).unwrap_err().code, "bad_carrier_config");
    }
}
