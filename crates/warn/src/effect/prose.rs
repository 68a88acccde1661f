//! Sentences with provenance: words, and figures that open what they count. Nobody types a figure.

use anlan_kernel::{Instant, Lang};
use serde::Serialize;

/// A piece of a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Piece {
    Words(String),
    Figure {
        value: String,
        /// Path below the world's base.
        opens: String,
    },
}

/// A headed paragraph.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Paragraph {
    pub head: String,
    pub pieces: Vec<Piece>,
}

impl Paragraph {
    pub fn new(head: &str) -> Self {
        Self { head: head.to_owned(), pieces: Vec::new() }
    }

    /// Adds words.
    pub fn say(&mut self, words: impl AsRef<str>) -> &mut Self {
        match self.pieces.last_mut() {
            Some(Piece::Words(before)) => before.push_str(words.as_ref()),
            _ => self.pieces.push(Piece::Words(words.as_ref().to_owned())),
        }
        self
    }

    /// Adds a figure and what it opens.
    pub fn figure(&mut self, value: impl ToString, opens: impl Into<String>) -> &mut Self {
        self.pieces.push(Piece::Figure { value: value.to_string(), opens: opens.into() });
        self
    }

    /// A template in which each `{}` is the next figure.
    pub fn fill(&mut self, template: &str, figures: &[(i64, String)]) -> &mut Self {
        let mut figures = figures.iter();
        for (index, words) in template.split("{}").enumerate() {
            if index > 0
                && let Some((value, opens)) = figures.next()
            {
                self.figure(value, opens);
            }
            if !words.is_empty() {
                self.say(words);
            }
        }
        self
    }
}

/// `2023年9月1日20时15分`, `1 September …` in plain figures: `2023-09-01 20:15`.
pub(crate) fn moment(at: Instant, lang: Lang) -> String {
    let wall = at.wall();
    let number = |range: std::ops::Range<usize>| wall[range].trim_start_matches('0').to_owned();
    match lang {
        Lang::Zh => {
            format!("{}年{}月{}日{}时{}分", &wall[..4], number(5..7), number(8..10), &wall[11..13], &wall[14..16])
        }
        Lang::En => wall[..16].to_owned(),
    }
}

/// `1 小时 5 分`, `3 分 20 秒`, `45 秒`.
pub(crate) fn span(seconds: i64, lang: Lang) -> String {
    let (hours, minutes, rest) = (seconds / 3_600, seconds % 3_600 / 60, seconds % 60);
    let unit = |count: i64, zh: &str, en: &str| format!("{count} {}", lang.pick(zh, en));
    match (hours, minutes, rest) {
        (0, 0, _) => unit(rest, "秒", "s"),
        (0, _, 0) => unit(minutes, "分", "min"),
        (0, ..) => format!("{} {}", unit(minutes, "分", "min"), unit(rest, "秒", "s")),
        (_, 0, _) => unit(hours, "小时", "h"),
        _ => format!("{} {}", unit(hours, "小时", "h"), unit(minutes, "分", "min")),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, "0 秒", "0 s")]
    #[case(45, "45 秒", "45 s")]
    #[case(180, "3 分", "3 min")]
    #[case(200, "3 分 20 秒", "3 min 20 s")]
    #[case(3_600, "1 小时", "1 h")]
    #[case(3_905, "1 小时 5 分", "1 h 5 min")]
    fn a_span_reads_as_people_say_it(#[case] seconds: i64, #[case] zh: &str, #[case] en: &str) {
        assert_eq!((span(seconds, Lang::Zh).as_str(), span(seconds, Lang::En).as_str()), (zh, en));
    }

    #[test]
    fn a_template_takes_its_figures_in_order() {
        let mut paragraph = Paragraph::new("");
        paragraph.fill("应叫 {}，已叫应 {}。", &[(8, "/a".into()), (6, "/b".into())]);
        let figure = |value: &str, opens: &str| Piece::Figure { value: value.into(), opens: opens.into() };
        let words = |it: &str| Piece::Words(it.into());
        assert_eq!(
            paragraph.pieces,
            [words("应叫 "), figure("8", "/a"), words("，已叫应 "), figure("6", "/b"), words("。")]
        );
    }

    #[test]
    fn a_moment_reads_as_papers_write_it() {
        let at = Instant::parse("2023-09-01T20:05:00+08:00").unwrap();
        assert_eq!(moment(at, Lang::Zh), "2023年9月1日20时05分");
        assert_eq!(moment(at, Lang::En), "2023-09-01 20:05");
    }
}
