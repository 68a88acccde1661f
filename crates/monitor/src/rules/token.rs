//! The words of a condition.

use anlan_kernel::Problem;

use super::expression::{Comparison, Span};

/// One word or sign.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// `sum`, `and`, `rainfall` …
    Word(&'a str),
    /// `12.5`
    Number(&'a str),
    /// `10m`
    Span(Span),
    /// `>=` …
    Sign(Comparison),
    /// `(`
    Open,
    /// `)`
    Close,
    /// `,`
    Comma,
    /// `.`
    Dot,
    /// After the last.
    End,
}

impl Token<'_> {
    /// As it reads in a message.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Word(text) | Self::Number(text) => (*text).to_owned(),
            Self::Span(span) => span.to_string(),
            Self::Sign(sign) => sign.sign().to_owned(),
            Self::Open => "(".to_owned(),
            Self::Close => ")".to_owned(),
            Self::Comma => ",".to_owned(),
            Self::Dot => ".".to_owned(),
            Self::End => String::new(),
        }
    }
}

/// A token and its character column, from 1.
pub(super) type Placed<'a> = (Token<'a>, usize);

/// Cuts a condition into tokens; the last is [`Token::End`].
pub(super) fn cut(text: &str) -> Result<Vec<Placed<'_>>, Problem> {
    let (mut tokens, mut at) = (Vec::new(), 0);
    loop {
        let rest = &text[at..];
        at += rest.len() - rest.trim_start().len();
        let (rest, column) = (&text[at..], text[..at].chars().count() + 1);
        if rest.is_empty() {
            tokens.push((Token::End, column));
            return Ok(tokens);
        }
        let (token, length) = first(rest).map_err(|problem| problem.column(column))?;
        tokens.push((token, column));
        at += length;
    }
}

/// The first token of a text that does not begin with a blank, and its length in bytes.
fn first(rest: &str) -> Result<(Token<'_>, usize), Problem> {
    let sign = Comparison::ALL.into_iter().find(|it| rest.starts_with(it.sign()));
    let start = rest.chars().next().unwrap_or(' ');
    match (sign, start) {
        (Some(sign), _) => Ok((Token::Sign(sign), sign.sign().len())),
        (_, '(') => Ok((Token::Open, 1)),
        (_, ')') => Ok((Token::Close, 1)),
        (_, ',') => Ok((Token::Comma, 1)),
        (_, '.') if !rest[1..].starts_with(|c: char| c.is_ascii_digit()) => Ok((Token::Dot, 1)),
        (_, '0'..='9' | '.' | '-' | '+') => number(rest),
        (_, c) if c.is_alphabetic() || c == '_' => {
            let word = head(rest, |c| c.is_alphanumeric() || c == '_');
            Ok((Token::Word(word), word.len()))
        }
        (_, c) => Err(stray(c, rest)),
    }
}

/// A number, or with a letter right behind it a span.
fn number(rest: &str) -> Result<(Token<'_>, usize), Problem> {
    let sign = usize::from(rest.starts_with(['-', '+']));
    let digits = head(&rest[sign..], |c| c.is_ascii_digit() || c == '.');
    let letters = head(&rest[sign + digits.len()..], |c| c.is_alphanumeric() || c == '%');
    let whole = &rest[..sign + digits.len() + letters.len()];
    if letters.is_empty() && digits.bytes().any(|byte| byte.is_ascii_digit()) {
        return Ok((Token::Number(whole), whole.len()));
    }
    Span::parse(whole).map(|span| (Token::Span(span), whole.len())).ok_or_else(|| bad_span(whole))
}

fn bad_span(text: &str) -> Problem {
    Problem::new(
        "bad_duration",
        format!("“{text}”既不是数，也不是时长；时长写作 30s、10m、3h、2d（最长 3660d），数不带单位"),
        format!(
            "\"{text}\" is neither a number nor a duration; durations read 30s, 10m, 3h, 2d (at most 3660d), numbers bear no unit"
        ),
    )
}

fn stray(c: char, rest: &str) -> Problem {
    let instead = match c {
        '（' => " (",
        '）' => " )",
        '，' | '、' | ';' => " ,",
        '≥' => " >=",
        '≤' => " <=",
        '＞' => " >",
        '＜' => " <",
        '=' if rest.starts_with("=>") => " >=",
        '=' => " ==",
        '!' | '！' => " not",
        '&' => " and",
        '|' => " or",
        _ => "",
    };
    let (zh, en) = if instead.is_empty() {
        (String::new(), String::new())
    } else {
        (format!("；应写作{instead}"), format!("; write{instead}"))
    };
    Problem::new("unexpected_character", format!("这里不能有“{c}”{zh}"), format!("\"{c}\" does not belong here{en}"))
}

fn head(text: &str, fits: impl Fn(char) -> bool) -> &str {
    &text[..text.find(|c| !fits(c)).unwrap_or(text.len())]
}
