//! Words for people: Chinese first, English complete.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A language of the screens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// 简体中文, the default.
    #[default]
    Zh,
    /// English.
    En,
}

impl Lang {
    /// The language an `Accept-Language` header asks for: the first of zh or en it names.
    pub fn from_accept(header: &str) -> Self {
        header
            .split(',')
            .find_map(|part| {
                let part = part.trim().to_ascii_lowercase();
                if part.starts_with("zh") {
                    Some(Self::Zh)
                } else if part.starts_with("en") {
                    Some(Self::En)
                } else {
                    None
                }
            })
            .unwrap_or_default()
    }

    /// Picks one of two.
    pub fn pick<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }

    /// `zh-CN` or `en`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh-CN",
            Self::En => "en",
        }
    }
}

/// The same words in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Text {
    /// 中文.
    pub zh: String,
    /// English.
    #[serde(default)]
    pub en: String,
}

impl Text {
    /// Both languages at once.
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { zh: zh.into(), en: en.into() }
    }

    /// The words in `lang`; Chinese where English is missing.
    pub fn get(&self, lang: Lang) -> &str {
        match lang {
            Lang::En if !self.en.is_empty() => &self.en,
            _ => &self.zh,
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get(Lang::En))
    }
}

/// Grade of a measured alarm (监测Ⅰ–Ⅳ级); 1 is the gravest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Grade(u8);

impl Grade {
    /// `None` unless 1 to 4.
    pub fn new(grade: u8) -> Option<Self> {
        (1..=4).contains(&grade).then_some(Self(grade))
    }

    /// 1 (gravest) to 4.
    pub fn get(self) -> u8 {
        self.0
    }

    /// Ⅰ, Ⅱ, Ⅲ or Ⅳ.
    pub fn numeral(self) -> &'static str {
        ["Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ"][usize::from(self.0) - 1]
    }
}

impl TryFrom<u8> for Grade {
    type Error = String;
    fn try_from(grade: u8) -> Result<Self, String> {
        Self::new(grade).ok_or_else(|| format!("{grade} is not a grade: 1 (gravest) to 4"))
    }
}

impl From<Grade> for u8 {
    fn from(grade: Grade) -> u8 {
        grade.0
    }
}

/// Colour of a weather signal (红橙黄蓝).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// 红色.
    Red,
    /// 橙色.
    Orange,
    /// 黄色.
    Yellow,
    /// 蓝色.
    Blue,
}

impl Colour {
    /// All, gravest first.
    pub const ALL: [Self; 4] = [Self::Red, Self::Orange, Self::Yellow, Self::Blue];

    /// `red`, `orange`, `yellow`, `blue`.
    pub fn name(self) -> &'static str {
        ["red", "orange", "yellow", "blue"][self as usize]
    }

    /// 红色、橙色、黄色、蓝色.
    pub fn zh(self) -> &'static str {
        ["红色", "橙色", "黄色", "蓝色"][self as usize]
    }

    /// Reads either form, with or without 色.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        Self::ALL.into_iter().find(|it| it.name() == text || it.zh() == text || it.zh().trim_end_matches('色') == text)
    }
}
