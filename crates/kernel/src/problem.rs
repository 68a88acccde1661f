//! What is wrong with an input, and where.

use serde::{Deserialize, Serialize};

use crate::{Lang, Text};

/// Where in the input: whichever of these is known. All counts start at 1 except `index` and `byte`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Place {
    /// Position in an array or NDJSON body, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// Line of a text; the header is line 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Row of a sheet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<usize>,
    /// Character column in a line or expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// Byte offset from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub byte: Option<usize>,
    /// Field, element or column title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// One thing wrong with an input: a stable code, a place, and words in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Problem {
    /// Stable, snake_case, for programs.
    pub code: String,
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// What, and what would be right, for people.
    pub message: Text,
}

impl Problem {
    /// A problem without a place yet.
    pub fn new(code: impl Into<String>, zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { code: code.into(), place: Place::default(), message: Text::new(zh, en) }
    }

    /// Names the field.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.place.field = Some(field.into());
        self
    }

    /// Names the array or NDJSON position.
    #[must_use]
    pub fn index(mut self, index: usize) -> Self {
        self.place.index = Some(index);
        self
    }

    /// Names the line.
    #[must_use]
    pub fn line(mut self, line: usize) -> Self {
        self.place.line = Some(line);
        self
    }

    /// Names the sheet row.
    #[must_use]
    pub fn row(mut self, row: usize) -> Self {
        self.place.row = Some(row);
        self
    }

    /// Names the character column.
    #[must_use]
    pub fn column(mut self, column: usize) -> Self {
        self.place.column = Some(column);
        self
    }

    /// Names the byte.
    #[must_use]
    pub fn byte(mut self, byte: usize) -> Self {
        self.place.byte = Some(byte);
        self
    }

    /// One line for a terminal or a sheet cell.
    pub fn sentence(&self, lang: Lang) -> String {
        let p = &self.place;
        let (row, line, column, byte) = match lang {
            Lang::Zh => ("第{}行 ", "第{}行 ", "第{}列 ", "第{}字节 "),
            Lang::En => ("row {} ", "line {} ", "column {} ", "byte {} "),
        };
        let mut words = String::new();
        for (form, value) in [(row, p.row), (line, p.line), (column, p.column), (byte, p.byte)] {
            if let Some(value) = value {
                words.push_str(&form.replace("{}", &value.to_string()));
            }
        }
        if let Some(field) = &p.field {
            words.push_str(&format!("[{field}] "));
        }
        words + self.message.get(lang)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_names_the_place_in_the_readers_language() {
        let problem = Problem::new("bad_unit", "单位不认识", "unknown unit").line(3).field("unit");
        assert_eq!(problem.sentence(Lang::Zh), "第3行 [unit] 单位不认识");
        assert_eq!(problem.sentence(Lang::En), "line 3 [unit] unknown unit");
    }
}
