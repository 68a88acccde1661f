//! What can be recognised in a warning pasted as text (12379 短信, 微信, 电话记录).
//!
//! A guess never replaces the original words: it fills in the form, so that the duty officer
//! only confirms hazard, colour and issuer. What is not clearly there stays `None`.

use anlan_kernel::{Colour, Instant};

use super::{
    Action,
    time::{self, Found},
};
use crate::{cap::Status, hazard::Hazard};

pub use super::time::WrittenTime;

/// Characters of a pasted text that are looked at; warnings are far shorter.
const LOOKED_AT: usize = 4_000;

/// What a pasted text seems to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Guess {
    /// The hazard.
    pub hazard: Option<&'static Hazard>,
    /// The colour that holds after this message.
    pub colour: Option<Colour>,
    /// The issuing unit as the text names it, perhaps without its place (市气象台).
    pub issuer: Option<String>,
    /// The moment of issue as far as it is written.
    pub issued: Option<WrittenTime>,
    /// 发布、解除、升级 …
    pub action: Option<Action>,
    /// `Exercise` or `Test` where the text marks itself so, else `Actual`.
    pub status: Status,
    /// Further signals named beside the first: hazard and colour.
    pub also: Vec<(&'static Hazard, Colour)>,
}

impl Guess {
    /// The moment of issue; what is not written (the year, the month) is the latest that fits a
    /// text received at `received`.
    pub fn issued_at(&self, received: Instant) -> Option<Instant> {
        self.issued.and_then(|it| it.resolve(received))
    }

    /// Whether the issuer is named without its place (市气象台、区气象局).
    pub fn issuer_is_partial(&self) -> bool {
        self.issuer.as_deref().is_some_and(is_partial)
    }

    /// Which of `hazard`, `colour`, `issuer` a person has to fill in or complete.
    pub fn to_fill_in(&self) -> Vec<&'static str> {
        let open = [
            ("hazard", self.hazard.is_none()),
            ("colour", self.colour.is_none()),
            ("issuer", self.issuer.is_none() || self.issuer_is_partial()),
        ];
        open.into_iter().filter(|(_, it)| *it).map(|(name, _)| name).collect()
    }
}

/// Recognises what it can in the original text of a warning.
pub fn from_text(original: &str) -> Guess {
    let end = original.char_indices().nth(LOOKED_AT).map_or(original.len(), |it| it.0);
    let text = &original[..end];
    let issued = time::find_all(text).into_iter().find(|it| is_issue_time(text, it));
    let mentions = mentions(text);
    let sentence = Sentence::around(text, issued.as_ref(), &mentions);
    let (action, verb_at) = sentence.action();
    let chosen = sentence.signal(&mentions, action, verb_at);
    let (action, chosen) = sentence.replaced(&mentions, action, chosen);
    let mut also: Vec<_> = Vec::new();
    for mention in &mentions {
        let pair = (mention.hazard, mention.colour);
        if Some(pair) != chosen && !also.contains(&pair) {
            also.push(pair);
        }
    }
    Guess {
        hazard: chosen.map(|it| it.0),
        colour: chosen.map(|it| it.1),
        issuer: issuer(text, issued.as_ref(), &sentence, verb_at),
        issued: issued.map(|it| it.time),
        action,
        status: status(text),
        also,
    }
}

/// A hazard with its colour, as in 暴雨红色预警.
struct Mention {
    at: usize,
    end: usize,
    hazard: &'static Hazard,
    colour: Colour,
}

/// Every signal named in the text.
fn mentions(text: &str) -> Vec<Mention> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|it| !it.is_empty()) {
        let Some((hazard, length)) = Hazard::starting(rest) else {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        };
        if let Some((colour, width)) =
            colour_before(&text[..at], &rest[length..]).or_else(|| colour_after(&rest[length..]))
        {
            found.push(Mention { at, end: at + length + width, hazard, colour });
        }
        at += length;
    }
    found
}

/// 红色暴雨预警: the colour stands before the hazard.
fn colour_before(before: &str, after: &str) -> Option<(Colour, usize)> {
    let named = after.starts_with("预警") || after.starts_with("信号");
    let colour = Colour::ALL.into_iter().find(|it| before.ends_with(it.zh()))?;
    named.then_some((colour, 0))
}

/// 暴雨（分区）红色预警, 暴雨Ⅱ级（橙色）预警, 暴雨、雷电黄色预警信号: the colour stands behind.
fn colour_after(after: &str) -> Option<(Colour, usize)> {
    let mut between = "";
    for (at, it) in after.char_indices().take(16) {
        if "。；！!;\n，".contains(it) {
            return None;
        }
        let rest = &after[at..];
        if Hazard::starting(rest).is_some() && !between.ends_with(['、', '和', '与', '及']) {
            return None;
        }
        if let Some((colour, width)) = colour_word(rest) {
            let behind: String = rest[width..].chars().take(8).collect();
            let signal = ["预警", "信号", "警"]
                .iter()
                .any(|word| behind.contains(word) || between.contains(word) || rest[..width].contains(word));
            return signal.then_some((colour, at + width));
        }
        between = &after[..at + it.len_utf8()];
    }
    None
}

/// 红色 or 红警 at the start, and its bytes.
fn colour_word(text: &str) -> Option<(Colour, usize)> {
    let mut chars = text.chars();
    let (first, second) = (chars.next()?, chars.next()?);
    let colour = Colour::ALL.into_iter().find(|it| it.zh().starts_with(first))?;
    "色警".contains(second).then_some((colour, first.len_utf8() + second.len_utf8()))
}

const VERBS: [(&str, Action); 21] = [
    ("继续发布", Action::Continue),
    ("继续维持", Action::Continue),
    ("维持", Action::Continue),
    ("延续", Action::Continue),
    ("延长", Action::Continue),
    ("升级发布", Action::Raise),
    ("升级", Action::Raise),
    ("升格", Action::Raise),
    ("提升", Action::Raise),
    ("降级发布", Action::Lower),
    ("降级", Action::Lower),
    ("降格", Action::Lower),
    ("降低", Action::Lower),
    ("变更", Action::Change),
    ("更新", Action::Change),
    ("扩展", Action::Extend),
    ("扩大", Action::Extend),
    ("解除", Action::Lift),
    ("取消", Action::Lift),
    ("撤销", Action::Lift),
    ("发布", Action::Issue),
];

/// The verb at the start of `text[at..]`, unless it belongs to a name (发布中心) or is denied.
fn verb_at(text: &str, at: usize) -> Option<Action> {
    let (before, rest) = (&text[..at], &text[at..]);
    let (word, action) = VERBS.into_iter().find(|(word, _)| rest.starts_with(word))?;
    let after = &rest[word.len()..];
    let in_a_name = before.ends_with("信息") || after.starts_with("中心") || after.starts_with("系统");
    let denied = ["未", "不", "暂不", "请勿"].iter().any(|it| before.ends_with(it));
    (!in_a_name && !denied).then_some(action)
}

/// The sentence that announces the signal.
struct Sentence<'a> {
    text: &'a str,
    start: usize,
    /// Where verbs are looked for first: behind the moment of issue.
    after_time: usize,
    end: usize,
}

impl<'a> Sentence<'a> {
    fn around(text: &'a str, issued: Option<&Found>, mentions: &[Mention]) -> Self {
        let anchor = issued.map(|it| it.at).or_else(|| mentions.first().map(|it| it.at)).unwrap_or(0);
        let stops = ['。', '！', '!', '\n', '】'];
        let start =
            text[..anchor].rfind(stops).map_or(0, |it| it + text[it..].chars().next().map_or(1, char::len_utf8));
        let end = text[anchor..].find(['。', '！', '!', '\n']).map_or(text.len(), |it| anchor + it);
        Self { text, start, after_time: issued.map_or(start, |it| it.end), end }
    }

    /// The first verb behind the moment of issue, else the first of the sentence.
    fn action(&self) -> (Option<Action>, Option<usize>) {
        let found = self.verbs(self.after_time).next().or_else(|| self.verbs(self.start).next());
        (found.map(|it| it.1), found.map(|it| it.0))
    }

    fn verbs(&self, from: usize) -> impl Iterator<Item = (usize, Action)> + '_ {
        let text = self.text;
        let mut skip = 0;
        text[from..self.end].char_indices().filter_map(move |(offset, _)| {
            let at = from + offset;
            if at < skip {
                return None;
            }
            let action = verb_at(text, at)?;
            skip = at + "发布".len() * 2;
            Some((at, action))
        })
    }

    fn signal(
        &self,
        mentions: &[Mention],
        action: Option<Action>,
        verb: Option<usize>,
    ) -> Option<(&'static Hazard, Colour)> {
        let inside = |it: &&Mention| it.at >= self.start && it.at < self.end;
        let behind = verb.and_then(|verb| mentions.iter().filter(inside).find(|it| it.at >= verb));
        let first = behind.or_else(|| mentions.iter().find(inside)).or_else(|| mentions.first())?;
        let moves = matches!(action, Some(Action::Raise | Action::Lower | Action::Change));
        let target = moves.then(|| self.target(first)).flatten();
        Some(target.unwrap_or((first.hazard, first.colour)))
    }

    /// 将暴雨橙色预警信号降级为黄色: the colour behind 为 is the one that holds.
    fn target(&self, first: &Mention) -> Option<(&'static Hazard, Colour)> {
        let clause = self.text.get(first.end..self.end.max(first.end))?;
        clause.match_indices(['为', '至', '成']).find_map(|(at, word)| {
            let rest = &clause[at + word.len()..];
            let colour_at =
                rest.char_indices().take(12).find_map(|(offset, _)| Some((offset, colour_word(&rest[offset..])?.0)))?;
            let hazard = Hazard::named_in(&rest[..colour_at.0]).unwrap_or(first.hazard);
            Some((hazard, colour_at.1))
        })
    }

    /// 解除甲，同时发布乙 (or the other way round): the one issued counts, the lifted one is over.
    fn replaced(
        &self,
        mentions: &[Mention],
        action: Option<Action>,
        chosen: Option<(&'static Hazard, Colour)>,
    ) -> (Option<Action>, Option<(&'static Hazard, Colour)>) {
        if action != Some(Action::Lift) {
            return (action, chosen);
        }
        let issued = self.verbs(self.after_time).find(|(_, it)| matches!(it, Action::Issue | Action::Continue));
        let issued = issued.and_then(|(at, _)| mentions.iter().find(|it| it.at >= at && it.at < self.end));
        match (issued, chosen) {
            (Some(new), Some((lifted, _))) if new.hazard == lifted => {
                (Some(Action::Change), Some((new.hazard, new.colour)))
            }
            (Some(new), _) => (Some(Action::Issue), Some((new.hazard, new.colour))),
            (None, _) => (action, chosen),
        }
    }
}

/// A moment counts as that of issue when an issuer stands before it or a verb behind it;
/// moments of the forecast have neither.
fn is_issue_time(text: &str, found: &Found) -> bool {
    let behind = &text[found.end..];
    let near = behind.char_indices().take(4).any(|(at, _)| verb_at(text, found.end + at).is_some());
    near || behind.trim_start().starts_with('将') || unit_before(text, found.at).is_some()
}

const UNITS: [&str; 16] = [
    "气象台",
    "气象局",
    "气象站",
    "气象中心",
    "气象服务中心",
    "水文局",
    "水文中心",
    "水文站",
    "自然资源局",
    "自然资源厅",
    "应急管理局",
    "应急管理厅",
    "水利局",
    "水利厅",
    "指挥部",
    "发布中心",
];

/// The unit whose name ends right before `at`.
fn unit_before(text: &str, at: usize) -> Option<String> {
    let before = text[..at].trim_end().trim_end_matches(['于', '在', '，', ',']).trim_end();
    let start = before.rfind([
        '，', '。', '；', '：', '！', '】', '」', '）', '》', ',', ';', ':', '!', ')', ']', '\n', '（', '【', '[', '(',
    ]);
    let start = start.map_or(0, |it| it + before[it..].chars().next().map_or(1, char::len_utf8));
    let name = before[start..].trim().trim_start_matches(['据', '由']).trim_end_matches("联合");
    let sized = (3..=40).contains(&name.chars().count());
    (sized && UNITS.iter().any(|it| name.ends_with(it))).then(|| name.to_owned())
}

fn is_partial(unit: &str) -> bool {
    unit.starts_with(['省', '市', '县', '区', '州', '旗', '我', '本']) || UNITS.contains(&unit)
}

fn issuer(text: &str, issued: Option<&Found>, sentence: &Sentence<'_>, verb: Option<usize>) -> Option<String> {
    let before_time = issued.and_then(|it| unit_before(text, it.at));
    let before_verb = verb.and_then(|it| unit_before(text, it));
    let verbs = (0..text.len()).filter(|it| text.is_char_boundary(*it) && verb_at(text, *it).is_some());
    let anywhere: Vec<String> = verbs.filter_map(|it| unit_before(text, it)).collect();
    let titled =
        time::find_all(&text[..sentence.end]).iter().filter_map(|it| unit_before(text, it.at)).collect::<Vec<_>>();
    let best = before_time.or(before_verb).or_else(|| anywhere.first().cloned()).or_else(|| titled.first().cloned())?;
    if !is_partial(&best) {
        return Some(best);
    }
    let whole = anywhere.iter().chain(&titled).find(|it| it.len() > best.len() && it.ends_with(&best));
    Some(whole.cloned().unwrap_or(best))
}

/// Only a mark in brackets or at the very start makes an exercise: a real warning may use the word.
fn status(text: &str) -> Status {
    let marked = |word: &str| {
        text.trim_start().starts_with(word)
            || ["【", "（", "[", "("].iter().any(|open| text.contains(&format!("{open}{word}")))
    };
    if marked("演练") {
        Status::Exercise
    } else if marked("测试") {
        Status::Test
    } else {
        Status::Actual
    }
}
