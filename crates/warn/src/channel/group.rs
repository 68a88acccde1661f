//! What a group may read (群消息). Nobody has checked who reads along in a group, so nothing here can
//! name a person: headings are fixed words, numbers are counts, places are regions, the title is that of
//! a signal, a round or a notice, and the link needs a log-in.

use anlan_kernel::Instant;
use anlan_monitor::Signal;

use crate::model::Round;

/// Longest title, characters.
const LONGEST: usize = 160;
/// Digits in a row that could be somebody's number.
const NUMBER: usize = 7;

/// The title of something that is not a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Title(String);

impl Title {
    /// Of another authority's signal, under its name.
    pub fn of_signal(signal: &Signal) -> Self {
        Self::plain(&format!("{}：{}", signal.issuer, signal.title), signal.invented)
    }

    /// What led to a round.
    pub fn of_round(round: &Round) -> Self {
        Self::plain(&round.cause, round.invented)
    }

    /// Of a notice as it was signed.
    pub fn of_notice(title: &str) -> Self {
        Self::plain(title, false)
    }

    /// Of a channel.
    pub fn of_channel(id: &str) -> Self {
        Self::plain(id, false)
    }

    /// One line without mark-up. A row of digits as long as a telephone number is not a title's.
    fn plain(text: &str, invented: bool) -> Self {
        let mut out = String::new();
        let mut digits = String::new();
        for letter in text.chars().take(LONGEST).chain(['\n']) {
            if letter.is_ascii_digit() {
                digits.push(letter);
                continue;
            }
            out.push_str(if digits.len() >= NUMBER { "…" } else { &digits });
            digits.clear();
            match letter {
                '<' => out.push('＜'),
                '>' => out.push('＞'),
                '[' => out.push('［'),
                ']' => out.push('］'),
                '*' | '_' | '`' | '#' | '\\' => out.push('·'),
                it if it.is_control() => out.push(' '),
                it => out.push(it),
            }
        }
        Self(format!("{}{}", out.trim(), if invented { crate::text::INVENTED } else { "" }))
    }
}

/// A message to a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupMessage {
    /// 【演练】 or 【回放演示】, first and last; nothing in the real world.
    pub mark: &'static str,
    /// Sent a second time because nobody knows about the first.
    pub repeat: bool,
    /// Who speaks: the office.
    pub speaker: String,
    /// What this is about, in fixed words.
    pub heading: &'static str,
    /// Title.
    pub title: Option<Title>,
    /// Names of regions.
    pub areas: Vec<String>,
    /// Counts under fixed words.
    pub counts: Vec<(&'static str, i64)>,
    /// As of when.
    pub at: Instant,
    /// A page that needs a log-in.
    pub link: Option<String>,
}

impl GroupMessage {
    /// The first line.
    pub fn head(&self) -> String {
        let repeat = if self.repeat { "【重复】" } else { "" };
        format!("{}{repeat}【{}】{}", self.mark, self.speaker, self.heading)
    }

    /// The title's words; empty where there is none.
    pub fn title_words(&self) -> &str {
        self.title.as_ref().map_or("", |it| &it.0)
    }

    /// Lines below it.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.title.iter().map(|it| it.0.clone()).collect();
        if !self.areas.is_empty() {
            lines.push(format!("区域：{}", self.areas.join("、")));
        }
        if !self.counts.is_empty() {
            let counts: Vec<_> = self.counts.iter().map(|(words, count)| format!("{words}{count}")).collect();
            lines.push(counts.join("，"));
        }
        lines.push(format!("截至 {}", self.at.wall().get(..16).unwrap_or_default()));
        lines
    }

    /// As plain text.
    pub fn text(&self) -> String {
        let mut lines = vec![self.head()];
        lines.extend(self.lines());
        lines.extend(self.link.iter().map(|it| format!("详情（须登录）：{it}")));
        lines.join("\n") + self.mark
    }

    /// In the common part of the bots' markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!("### {}\n", self.head());
        for line in self.lines() {
            text.push_str(&format!("> {line}\n\n"));
        }
        if let Some(link) = &self.link {
            text.push_str(&format!("[详情（须登录）]({link})"));
        }
        text + self.mark
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> GroupMessage {
        GroupMessage {
            mark: "【演练】",
            repeat: true,
            speaker: "区三防办".into(),
            heading: "叫应进展",
            title: Some(Title::plain("气象台：台风[红](http://x)13800000001\n*", true)),
            areas: vec!["罗湖区".into()],
            counts: vec![("应叫", 5), ("未叫通", 2)],
            at: Instant(1_693_540_800_000_000),
            link: Some("https://anlan.example/rounds/r".into()),
        }
    }

    #[test]
    fn the_mark_stands_first_and_last_and_a_repeat_says_so() {
        for text in [message().text(), message().markdown().trim_start_matches("### ").to_owned()] {
            assert!(text.starts_with("【演练】【重复】【区三防办】叫应进展\n"), "{text}");
            assert!(text.ends_with("【演练】"), "{text}");
            assert!(text.contains("应叫5，未叫通2"), "{text}");
        }
    }

    #[test]
    fn a_title_cannot_carry_a_number_a_line_or_a_link() {
        let text = message().markdown();
        assert!(text.contains("台风［红］(http://x)… ·（演示编造）"), "{text}");
        assert!(!text.contains("138") && !text.contains("[红]"), "{text}");
    }
}
