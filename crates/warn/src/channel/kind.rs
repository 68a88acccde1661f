//! The kinds of channels as one table: what each is called, needs, and can be told.

use anlan_kernel::{Lang, Problem};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use serde::{Deserialize, Serialize};

use super::model::Channel;

/// What a channel speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// 短信、语音网关 (`docs/gateway-protocol.md`).
    Gateway,
    /// 企业微信群机器人.
    Wecom,
    /// 钉钉群机器人.
    Dingtalk,
    /// 飞书群机器人.
    Feishu,
    /// 邮件.
    Mail,
    /// 村村响 over MQTT.
    Speaker,
    /// 村村响 dialled or sent a message through a gateway.
    SpeakerDial,
}

/// What there is to tell (事由).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matter {
    /// A signal of another authority, relayed.
    Signal,
    /// 风险提示单.
    Notice,
    /// Start, progress and end of a call-out round.
    Round,
    /// A channel gave a message up.
    Failure,
}

impl Matter {
    /// All, in the order of the table.
    pub const ALL: [Self; 4] = [Self::Signal, Self::Notice, Self::Round, Self::Failure];

    /// As stored and exchanged.
    pub fn name(self) -> &'static str {
        ["signal", "notice", "round", "failure"][self as usize]
    }

    /// Reads [`Self::name`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == text)
    }

    /// On the screens.
    pub fn words(self, lang: Lang) -> &'static str {
        let (zh, en) = [
            ("转发预警信号", "signals relayed"),
            ("风险提示单", "notices"),
            ("叫应开始与进展", "rounds: start and progress"),
            ("通道故障", "channel failures"),
        ][self as usize];
        lang.pick(zh, en)
    }
}

/// A setting or a secret of a kind.
#[derive(Debug)]
pub struct Field {
    /// As in JSON.
    pub name: &'static str,
    /// On the screen.
    pub words: (&'static str, &'static str),
    /// Whether the channel cannot do without.
    pub needed: bool,
}

/// A row of the table.
#[derive(Debug)]
pub struct About {
    /// Which.
    pub kind: Kind,
    /// As stored and exchanged.
    pub name: &'static str,
    /// On the screen.
    pub words: (&'static str, &'static str),
    /// Beginnings an address may have; none where the kind has no address of its own.
    pub schemes: &'static [&'static str],
    /// The address where nobody says otherwise, or an example of one.
    pub url: &'static str,
    /// Settings.
    pub settings: &'static [Field],
    /// Secrets; written, never shown.
    pub secrets: &'static [Field],
    /// Most messages a second; 0 is no cap.
    pub rate: f64,
    /// Messages in one request.
    pub batch: i64,
    /// What it can be told.
    pub matters: &'static [Matter],
}

const fn field(name: &'static str, zh: &'static str, en: &'static str, needed: bool) -> Field {
    Field { name, words: (zh, en), needed }
}

const KEYWORD: Field = field("keyword", "关键词（机器人安全设置）", "keyword of the bot's security settings", false);
const CA: Field = field("ca", "内部 CA 证书（PEM）", "certificate of an own CA (PEM)", false);
const SIGN: Field = field("secret", "加签密钥", "signing secret", false);
const TOLD_TO_GROUPS: &[Matter] = &Matter::ALL;
const TOLD_TO_VILLAGES: &[Matter] = &[Matter::Signal, Matter::Notice];
/// Twenty a minute.
const TWENTY: f64 = 20.0 / 60.0;
/// A hundred a minute, which keeps below five a second.
const HUNDRED: f64 = 100.0 / 60.0;

/// Every kind.
pub static KINDS: [About; 7] = [
    About {
        kind: Kind::Gateway,
        name: "gateway",
        words: ("短信、语音网关", "voice and SMS gateway"),
        schemes: &["https", "http"],
        url: "https://gateway.example",
        settings: &[],
        secrets: &[field("secret", "签名密钥", "signing secret", true)],
        rate: 0.0,
        batch: 100,
        matters: &[],
    },
    About {
        kind: Kind::Wecom,
        name: "wecom",
        words: ("企业微信群机器人", "WeCom group bot"),
        schemes: &["https"],
        url: "https://qyapi.weixin.qq.com/cgi-bin/webhook/send",
        settings: &[],
        secrets: &[field("token", "Webhook 的 key", "key of the webhook", true)],
        rate: TWENTY,
        batch: 1,
        matters: TOLD_TO_GROUPS,
    },
    About {
        kind: Kind::Dingtalk,
        name: "dingtalk",
        words: ("钉钉群机器人", "DingTalk group bot"),
        schemes: &["https"],
        url: "https://oapi.dingtalk.com/robot/send",
        settings: &[KEYWORD],
        secrets: &[field("token", "Webhook 的 access_token", "access_token of the webhook", true), SIGN],
        rate: TWENTY,
        batch: 1,
        matters: TOLD_TO_GROUPS,
    },
    About {
        kind: Kind::Feishu,
        name: "feishu",
        words: ("飞书群机器人", "Feishu group bot"),
        schemes: &["https"],
        url: "https://open.feishu.cn/open-apis/bot/v2/hook",
        settings: &[KEYWORD],
        secrets: &[field("token", "Webhook 地址最后一段", "last part of the webhook", true), SIGN],
        rate: HUNDRED,
        batch: 1,
        matters: TOLD_TO_GROUPS,
    },
    About {
        kind: Kind::Mail,
        name: "mail",
        words: ("邮件", "mail"),
        schemes: &["smtps", "smtp+starttls", "smtp"],
        url: "smtps://mail.example:465",
        settings: &[
            field("from", "发件地址", "address of the sender", true),
            field("user", "账号", "account", false),
            CA,
        ],
        secrets: &[field("password", "密码", "password", false)],
        rate: 0.0,
        batch: 20,
        matters: TOLD_TO_GROUPS,
    },
    About {
        kind: Kind::Speaker,
        name: "speaker",
        words: ("村村响（MQTT）", "village loudspeakers (MQTT)"),
        schemes: &["mqtts", "mqtt"],
        url: "mqtts://broker.example:8883",
        settings: &[
            field("topic", "主题前缀", "beginning of the topics", true),
            field("user", "账号", "account", false),
            CA,
        ],
        secrets: &[
            field("key", "指令签名密钥", "key that signs commands", true),
            field("password", "账号密码", "password of the account", false),
        ],
        rate: 0.0,
        batch: 50,
        matters: TOLD_TO_VILLAGES,
    },
    About {
        kind: Kind::SpeakerDial,
        name: "speaker_dial",
        words: ("村村响（拨号、短信）", "village loudspeakers (dialled)"),
        schemes: &[],
        url: "",
        settings: &[
            field("gateway", "经由的网关编号", "id of the gateway used", true),
            field("way", "voice 拨号 / sms 短信", "voice or sms", true),
        ],
        secrets: &[],
        rate: 0.0,
        batch: 1,
        matters: TOLD_TO_VILLAGES,
    },
];

impl Kind {
    /// Its row.
    pub fn about(self) -> &'static About {
        &KINDS[self as usize]
    }

    /// Reads [`About::name`].
    pub fn parse(text: &str) -> Option<Self> {
        KINDS.iter().find(|it| it.name == text).map(|it| it.kind)
    }

    /// On the screens.
    pub fn words(self, lang: Lang) -> &'static str {
        let (zh, en) = self.about().words;
        lang.pick(zh, en)
    }

    /// Whether it speaks to a group of people nobody has checked one by one.
    pub fn is_bot(self) -> bool {
        matches!(self, Self::Wecom | Self::Dingtalk | Self::Feishu)
    }
}

fn wrong(field: &str, zh: impl Into<String>, en: impl Into<String>) -> Problem {
    Problem::new("bad_channel", zh, en).field(field)
}

/// Whether the address is on this machine.
pub(crate) fn on_this_machine(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    })
}

/// What makes no sense about a channel of any kind but the gateway, naming the field.
///
/// # Errors
/// `bad_channel`.
pub fn check(channel: &Channel) -> Result<(), Problem> {
    let about = channel.kind.about();
    if !is_name(&channel.id) {
        return Err(wrong(
            "id",
            "通道编号只能用小写字母、数字和 -",
            "a channel id is lower-case letters, digits and -",
        ));
    }
    check_url(channel, about)?;
    for field in about.settings.iter().filter(|it| it.needed) {
        if channel.setting(field.name).is_empty() {
            let (zh, en) = field.words;
            return Err(wrong(field.name, format!("请填写{zh}"), format!("{en} is missing")));
        }
    }
    if let Some(name) = channel.settings.as_object().into_iter().flatten().map(|it| it.0).find(|name| {
        let known = about.settings.iter().any(|it| it.name == name.as_str());
        !known
    }) {
        return Err(wrong(name, format!("没有“{name}”这项设置"), format!("there is no setting {name:?}")));
    }
    let most = about.rate;
    let paced = channel.rate.is_finite()
        && if most > 0.0 { channel.rate > 0.0 && channel.rate <= most + 1e-9 } else { channel.rate >= 0.0 };
    if !paced {
        let (zh, en) = if most > 0.0 {
            let minute = most * 60.0;
            (format!("每分钟最多 {minute:.0} 条"), format!("at most {minute:.0} a minute"))
        } else {
            ("速率须不小于 0（0 为不限）".to_owned(), "a rate is 0 (no cap) or more".to_owned())
        };
        return Err(wrong("rate", zh, en));
    }
    if !(1..=100).contains(&channel.max_tries) {
        return Err(wrong("max_tries", "尝试次数 1 到 100", "1 to 100 tries"));
    }
    check_own(channel)
}

pub(crate) fn is_name(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn check_url(channel: &Channel, about: &About) -> Result<(), Problem> {
    if about.schemes.is_empty() {
        return Ok(());
    }
    let begins = |scheme: &str| channel.url.starts_with(&format!("{scheme}://"));
    let local = on_this_machine(&channel.url);
    // A simulator of this machine has no certificate.
    let web = channel.kind.is_bot() && local && channel.url.starts_with("http://");
    let has_host = reqwest::Url::parse(&channel.url).is_ok_and(|it| it.host_str().is_some_and(|it| !it.is_empty()));
    if !has_host || !(web || about.schemes.iter().any(|it| begins(it))) {
        let forms = about.schemes.join("://、");
        return Err(wrong(
            "url",
            format!("地址须以 {forms}:// 开头，如 {}", about.url),
            format!("an address such as {} is expected", about.url),
        ));
    }
    if channel.kind == Kind::Mail && channel.url.starts_with("smtp://") && !local {
        return Err(wrong(
            "url",
            "不加密的 smtp:// 只能用于本机；请用 smtps:// 或 smtp+starttls://",
            "smtp:// without TLS is for this machine only; use smtps:// or smtp+starttls://",
        ));
    }
    Ok(())
}

fn check_own(channel: &Channel) -> Result<(), Problem> {
    let setting = |name: &str| channel.setting(name);
    match channel.kind {
        Kind::Mail if setting("from").parse::<lettre::Address>().is_err() => {
            Err(wrong("from", "发件地址不是邮件地址", "the sender is no mail address"))
        }
        Kind::Speaker if setting("topic").contains(['+', '#']) => {
            Err(wrong("topic", "主题前缀不能含 + 和 #", "a topic cannot hold + and #"))
        }
        Kind::Speaker if !setting("ca").is_empty() && !channel.url.starts_with("mqtts://") => Err(wrong(
            "url",
            "填了 CA 证书，地址须用 mqtts://（加密）",
            "with a certificate of a CA the address is mqtts:// (encrypted)",
        )),
        Kind::Speaker => roots(setting("ca")).map(drop),
        Kind::SpeakerDial if !matches!(setting("way"), "voice" | "sms") => {
            Err(wrong("way", "方式为 voice（拨号）或 sms（短信）", "the way is voice or sms"))
        }
        _ => Ok(()),
    }
}

/// Whose certificates are trusted: those of the own CA where one is given, else those of this machine.
///
/// # Errors
/// `bad_channel`, where the CA is no certificate.
pub(crate) fn roots(ca: &str) -> Result<RootCertStore, Problem> {
    let mut roots = RootCertStore::empty();
    if ca.is_empty() {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    }
    let no_certificate = || {
        wrong(
            "ca",
            "CA 证书应为 PEM 文本，以 -----BEGIN CERTIFICATE----- 开头",
            "the certificate of the CA is PEM text that begins with -----BEGIN CERTIFICATE-----",
        )
    };
    for certificate in CertificateDer::pem_slice_iter(ca.as_bytes()) {
        let certificate = certificate.map_err(|_| no_certificate())?;
        roots.add(certificate).map_err(|_| no_certificate())?;
    }
    if roots.is_empty() { Err(no_certificate()) } else { Ok(roots) }
}

/// The address without the part of it that is a secret, and that part: people paste a webhook whole.
pub fn split(kind: Kind, url: &str) -> (String, Option<String>) {
    let url = url.trim().trim_end_matches('/');
    let (address, token) = match kind {
        Kind::Wecom => after(url, "?key="),
        Kind::Dingtalk => after(url, "?access_token="),
        Kind::Feishu => after(url, "/hook/"),
        _ => (url, None),
    };
    let address = if kind == Kind::Feishu && token.is_some() { format!("{address}/hook") } else { address.to_owned() };
    (address, token.filter(|it| !it.is_empty()).map(str::to_owned))
}

fn after<'a>(url: &'a str, mark: &str) -> (&'a str, Option<&'a str>) {
    match url.split_once(mark) {
        Some((address, rest)) => (address, Some(rest.split('&').next().unwrap_or(rest))),
        None => (url, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn channel(kind: Kind, url: &str) -> Channel {
        let settings = match kind {
            Kind::Mail => json!({"from": "duty@luohu.example"}),
            Kind::Speaker => json!({"topic": "anlan/speaker"}),
            Kind::SpeakerDial => json!({"gateway": "main", "way": "voice"}),
            _ => json!({}),
        };
        Channel { settings, ..Channel::new("c1", kind, url) }
    }

    #[test]
    fn every_kind_stands_at_its_own_row_and_its_usual_channel_is_good() {
        for about in &KINDS {
            assert_eq!(about.kind.about().name, about.name);
            assert_eq!(Kind::parse(about.name), Some(about.kind));
            if about.kind != Kind::Gateway {
                assert_eq!(check(&channel(about.kind, about.url)), Ok(()), "{}", about.name);
            }
        }
    }

    #[test]
    fn a_webhook_pasted_whole_comes_apart() {
        for (kind, url, address, token) in [
            (Kind::Wecom, "https://q.example/send?key=abc", "https://q.example/send", Some("abc")),
            (Kind::Dingtalk, "https://d.example/send?access_token=t&x=1", "https://d.example/send", Some("t")),
            (Kind::Feishu, "https://f.example/v2/hook/tok", "https://f.example/v2/hook", Some("tok")),
            (Kind::Feishu, "https://f.example/v2/hook", "https://f.example/v2/hook", None),
        ] {
            assert_eq!(split(kind, url), (address.to_owned(), token.map(str::to_owned)));
        }
    }

    #[test]
    fn what_makes_no_sense_is_named_by_its_field() {
        let wrong = |it: Channel| check(&it).unwrap_err().place.field.unwrap();
        assert_eq!(wrong(channel(Kind::Wecom, "http://qyapi.example/send")), "url");
        assert_eq!(wrong(channel(Kind::Mail, "smtp://mail.example:25")), "url");
        assert_eq!(wrong(Channel { rate: 1.0, ..channel(Kind::Dingtalk, "https://d.example") }), "rate");
        assert_eq!(wrong(Channel { rate: 0.0, ..channel(Kind::Feishu, "https://f.example") }), "rate");
        assert_eq!(wrong(Channel { settings: json!({}), ..channel(Kind::Mail, "smtps://m.example") }), "from");
        let odd = json!({"from": "a@b.example", "colour": "red"});
        assert_eq!(wrong(Channel { settings: odd, ..channel(Kind::Mail, "smtps://m.example") }), "colour");
        assert_eq!(check(&channel(Kind::Mail, "smtp://127.0.0.1:2525")), Ok(()));
        let ca = |ca: &str| json!({"topic": "anlan/speaker", "ca": ca});
        let encrypted = channel(Kind::Speaker, "mqtts://broker.example");
        assert_eq!(wrong(Channel { settings: ca("no certificate"), ..encrypted.clone() }), "ca");
        let good = "-----BEGIN CERTIFICATE-----";
        assert_eq!(wrong(Channel { settings: ca(good), ..channel(Kind::Speaker, "mqtt://broker.example") }), "url");
        assert_eq!(check(&channel(Kind::Speaker, "mqtt://broker.example:1883")), Ok(()));
    }
}
