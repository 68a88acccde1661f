//! Expressions over the fields of a record: conditions of checks, filters of audiences, computed fields.
//!
//! Three-valued where it matters: something absent makes a comparison false and a sum absent.

use std::fmt;

use anlan_kernel::Problem;
use serde_json::Value as Json;
use time::{Date, format_description::well_known::Iso8601};

/// An expression as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression(Node);

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Number(f64),
    Text(String),
    Truth(bool),
    Field(String),
    Today,
    Call(Function, Vec<Node>),
    In(Box<Node>, Vec<Node>),
    Not(Box<Node>),
    Negative(Box<Node>),
    Pair(Pair, Box<Node>, Box<Node>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Present,
    Absent,
    Years,
    Days,
    Length,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pair {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
    Add,
    Subtract,
    Multiply,
    Divide,
}

const FUNCTIONS: &[(&str, Function, usize)] = &[
    ("present", Function::Present, 1),
    ("absent", Function::Absent, 1),
    ("years", Function::Years, 1),
    ("days", Function::Days, 2),
    ("length", Function::Length, 1),
];

/// What an expression gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Nothing: something it needs is absent.
    Absent,
    /// True or false.
    Truth(bool),
    /// A number.
    Number(f64),
    /// Text; dates are texts of the form `2026-05-01`.
    Text(String),
}

impl Outcome {
    /// What a stored value is to an expression.
    fn of(value: Option<&Json>) -> Self {
        match value {
            Some(Json::Bool(it)) => Self::Truth(*it),
            Some(Json::Number(it)) => it.as_f64().map_or(Self::Absent, Self::Number),
            Some(Json::String(it)) if !it.is_empty() => Self::Text(it.clone()),
            Some(Json::Array(it)) if !it.is_empty() => {
                Self::Text(it.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(";"))
            }
            _ => Self::Absent,
        }
    }

    /// Whether it holds; what is absent does not.
    pub fn holds(&self) -> bool {
        matches!(self, Self::Truth(true))
    }

    /// As it is stored; a whole number without a fraction.
    pub fn into_json(self) -> Json {
        match self {
            Self::Absent => Json::Null,
            Self::Truth(it) => Json::Bool(it),
            Self::Number(it) => number(it),
            Self::Text(it) => Json::String(it),
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Number(it) => Some(*it),
            Self::Text(it) => it.parse().ok(),
            _ => None,
        }
    }

    fn date(&self) -> Option<Date> {
        match self {
            Self::Text(it) => Date::parse(it.get(..10)?, &Iso8601::DATE).ok(),
            _ => None,
        }
    }
}

/// A number as JSON: whole where it is whole, rounded to what arithmetic of decimals can mean.
pub fn number(value: f64) -> Json {
    let rounded = (value * 1e6).round() / 1e6;
    if rounded.fract() == 0.0 && rounded.abs() < 9e15 {
        return Json::from(rounded as i64);
    }
    serde_json::Number::from_f64(rounded).map_or(Json::Null, Json::Number)
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// `bad_expression` with the column at which it stops making sense.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0, text };
        let node = parser.either()?;
        match parser.peek() {
            None => Ok(Self(node)),
            Some(token) => Err(bad(token.column, format!("这里的 {} 多余", token.words), "this does not belong here")),
        }
    }

    /// Every field it names.
    pub fn fields(&self) -> Vec<&str> {
        let mut found = Vec::new();
        self.0.fields(&mut found);
        found
    }

    /// Whether it gives something else tomorrow: it asks for today.
    pub fn follows_the_day(&self) -> bool {
        self.0.follows_the_day()
    }

    /// What it gives for the values that `value` knows, on the day `today`.
    pub fn evaluate<'a>(&self, value: &impl Fn(&str) -> Option<&'a Json>, today: Date) -> Outcome {
        self.0.evaluate(value, today)
    }
}

impl Node {
    fn fields<'a>(&'a self, into: &mut Vec<&'a str>) {
        match self {
            Self::Number(_) | Self::Text(_) | Self::Truth(_) | Self::Today => {}
            Self::Field(it) => into.push(it),
            Self::Call(_, args) => args.iter().for_each(|it| it.fields(into)),
            Self::In(one, of) => std::iter::once(&**one).chain(of).for_each(|it| it.fields(into)),
            Self::Not(it) | Self::Negative(it) => it.fields(into),
            Self::Pair(_, a, b) => [a, b].into_iter().for_each(|it| it.fields(into)),
        }
    }

    fn follows_the_day(&self) -> bool {
        match self {
            Self::Number(_) | Self::Text(_) | Self::Truth(_) | Self::Field(_) => false,
            Self::Today => true,
            Self::Call(function, args) => *function == Function::Years || args.iter().any(Self::follows_the_day),
            Self::In(one, of) => one.follows_the_day() || of.iter().any(Self::follows_the_day),
            Self::Not(it) | Self::Negative(it) => it.follows_the_day(),
            Self::Pair(_, a, b) => a.follows_the_day() || b.follows_the_day(),
        }
    }

    fn evaluate<'a>(&self, value: &impl Fn(&str) -> Option<&'a Json>, today: Date) -> Outcome {
        match self {
            Self::Number(it) => Outcome::Number(*it),
            Self::Text(it) => Outcome::Text(it.clone()),
            Self::Truth(it) => Outcome::Truth(*it),
            Self::Field(it) => Outcome::of(value(it)),
            Self::Today => Outcome::Text(today.to_string()),
            Self::Not(it) => Outcome::Truth(!it.evaluate(value, today).holds()),
            Self::Negative(it) => it.evaluate(value, today).number().map_or(Outcome::Absent, |it| Outcome::Number(-it)),
            Self::In(one, of) => {
                let one = one.evaluate(value, today);
                Outcome::Truth(of.iter().any(|it| compare(Pair::Equal, &one, &it.evaluate(value, today))))
            }
            Self::Call(function, args) => {
                let args: Vec<_> = args.iter().map(|it| it.evaluate(value, today)).collect();
                call(*function, &args, today)
            }
            Self::Pair(Pair::Or, a, b) => {
                Outcome::Truth(a.evaluate(value, today).holds() || b.evaluate(value, today).holds())
            }
            Self::Pair(Pair::And, a, b) => {
                Outcome::Truth(a.evaluate(value, today).holds() && b.evaluate(value, today).holds())
            }
            Self::Pair(pair, a, b) => {
                let (a, b) = (a.evaluate(value, today), b.evaluate(value, today));
                match pair {
                    Pair::Add | Pair::Subtract | Pair::Multiply | Pair::Divide => calculate(*pair, &a, &b),
                    _ => Outcome::Truth(compare(*pair, &a, &b)),
                }
            }
        }
    }
}

fn call(function: Function, args: &[Outcome], today: Date) -> Outcome {
    let absent = args.first().is_none_or(|it| *it == Outcome::Absent);
    match function {
        Function::Present => Outcome::Truth(!absent),
        Function::Absent => Outcome::Truth(absent),
        Function::Years => {
            args[0].date().map_or(Outcome::Absent, |from| Outcome::Number(f64::from(years(from, today))))
        }
        Function::Days => match (args[0].date(), args[1].date()) {
            (Some(from), Some(to)) => Outcome::Number((to - from).whole_days() as f64),
            _ => Outcome::Absent,
        },
        Function::Length => match &args[0] {
            Outcome::Text(it) => Outcome::Number(it.chars().count() as f64),
            _ => Outcome::Number(0.0),
        },
    }
}

fn years(from: Date, today: Date) -> i32 {
    let whole = today.year() - from.year();
    if (today.month() as u8, today.day()) < (from.month() as u8, from.day()) { whole - 1 } else { whole }
}

fn calculate(pair: Pair, a: &Outcome, b: &Outcome) -> Outcome {
    let (Some(a), Some(b)) = (a.number(), b.number()) else { return Outcome::Absent };
    let value = match pair {
        Pair::Add => a + b,
        Pair::Subtract => a - b,
        Pair::Multiply => a * b,
        _ if b == 0.0 => return Outcome::Absent,
        _ => a / b,
    };
    Outcome::Number(value)
}

fn compare(pair: Pair, a: &Outcome, b: &Outcome) -> bool {
    let order = match (a, b) {
        (Outcome::Absent, _) | (_, Outcome::Absent) => None,
        (Outcome::Truth(a), Outcome::Truth(b)) => Some(a.cmp(b)),
        (Outcome::Text(a), Outcome::Text(b)) => Some(a.cmp(b)),
        _ => a.number().zip(b.number()).and_then(|(a, b)| a.partial_cmp(&b)),
    };
    let Some(order) = order else { return false };
    match pair {
        Pair::Equal => order.is_eq(),
        Pair::Unequal => order.is_ne(),
        Pair::Less => order.is_lt(),
        Pair::AtMost => order.is_le(),
        Pair::More => order.is_gt(),
        Pair::AtLeast => order.is_ge(),
        _ => false,
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Token {
    column: usize,
    words: String,
    kind: Sort,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Number,
    Text,
    Word,
    Sign,
}

fn bad(column: usize, zh: impl fmt::Display, en: impl fmt::Display) -> Problem {
    Problem::new("bad_expression", format!("表达式第 {column} 个字符：{zh}"), format!("character {column}: {en}"))
        .column(column)
}

fn tokens(text: &str) -> Result<Vec<Token>, Problem> {
    let letters: Vec<char> = text.chars().collect();
    let (mut at, mut found) = (0, Vec::new());
    while at < letters.len() {
        let (start, first) = (at, letters[at]);
        let mut run = |test: &dyn Fn(char) -> bool| {
            while at < letters.len() && test(letters[at]) {
                at += 1;
            }
            letters[start..at].iter().collect::<String>()
        };
        let (kind, words) = if first.is_whitespace() {
            at += 1;
            continue;
        } else if first.is_ascii_digit() {
            (Sort::Number, run(&|it| it.is_ascii_digit() || it == '.'))
        } else if first.is_ascii_alphabetic() || first == '_' {
            (Sort::Word, run(&|it| it.is_ascii_alphanumeric() || it == '_'))
        } else if first == '\'' {
            let end = letters[start + 1..].iter().position(|it| *it == '\'');
            let end = end.ok_or_else(|| bad(start + 1, "引号没有配对", "a quote is opened and never closed"))?;
            at = start + end + 2;
            (Sort::Text, letters[start + 1..start + 1 + end].iter().collect())
        } else {
            let two: String = letters[start..letters.len().min(start + 2)].iter().collect();
            let length = if ["!=", "<=", ">=", "=="].contains(&two.as_str()) { 2 } else { 1 };
            at = start + length;
            (Sort::Sign, letters[start..at].iter().collect())
        };
        found.push(Token { column: start + 1, words, kind });
    }
    Ok(found)
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    text: &'a str,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn take(&mut self, words: &str) -> bool {
        let found = self.peek().is_some_and(|it| it.kind != Sort::Text && it.words == words);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, words: &str) -> Result<(), Problem> {
        if self.take(words) {
            Ok(())
        } else {
            Err(self.lost(&format!("这里应是 {words}"), &format!("{words} is expected")))
        }
    }

    fn lost(&self, zh: &str, en: &str) -> Problem {
        let column = self.peek().map_or(self.text.chars().count() + 1, |it| it.column);
        bad(column, zh, en)
    }

    fn left(&mut self, signs: &[(&str, Pair)], next: fn(&mut Self) -> Result<Node, Problem>) -> Result<Node, Problem> {
        let mut node = next(self)?;
        while let Some((_, pair)) = signs.iter().find(|(sign, _)| self.take(sign)) {
            node = Node::Pair(*pair, Box::new(node), Box::new(next(self)?));
        }
        Ok(node)
    }

    fn either(&mut self) -> Result<Node, Problem> {
        self.left(&[("or", Pair::Or)], Self::both)
    }

    fn both(&mut self) -> Result<Node, Problem> {
        self.left(&[("and", Pair::And)], Self::negated)
    }

    fn negated(&mut self) -> Result<Node, Problem> {
        if self.take("not") { Ok(Node::Not(Box::new(self.deeper(Self::negated)?))) } else { self.compared() }
    }

    fn compared(&mut self) -> Result<Node, Problem> {
        let node = self.sum()?;
        if self.take("in") {
            self.expect("(")?;
            let mut of = vec![self.sum()?];
            while self.take(",") {
                of.push(self.sum()?);
            }
            self.expect(")")?;
            return Ok(Node::In(Box::new(node), of));
        }
        let signs = [
            ("=", Pair::Equal),
            ("==", Pair::Equal),
            ("!=", Pair::Unequal),
            ("<=", Pair::AtMost),
            (">=", Pair::AtLeast),
            ("<", Pair::Less),
            (">", Pair::More),
        ];
        match signs.iter().find(|(sign, _)| self.take(sign)) {
            Some((_, pair)) => Ok(Node::Pair(*pair, Box::new(node), Box::new(self.sum()?))),
            None => Ok(node),
        }
    }

    fn sum(&mut self) -> Result<Node, Problem> {
        self.left(&[("+", Pair::Add), ("-", Pair::Subtract)], Self::product)
    }

    fn product(&mut self) -> Result<Node, Problem> {
        self.left(&[("*", Pair::Multiply), ("/", Pair::Divide)], Self::one)
    }

    /// Brackets and signs nest at most this deep, whatever a file says.
    fn deeper(&mut self, next: fn(&mut Self) -> Result<Node, Problem>) -> Result<Node, Problem> {
        const DEEPEST: usize = 32;
        if self.depth == DEEPEST {
            return Err(self.lost("括号套得太深", "it is nested too deeply"));
        }
        self.depth += 1;
        let node = next(self);
        self.depth -= 1;
        node
    }

    fn one(&mut self) -> Result<Node, Problem> {
        if self.take("(") {
            let node = self.deeper(Self::either)?;
            self.expect(")")?;
            return Ok(node);
        }
        if self.take("-") {
            return Ok(Node::Negative(Box::new(self.deeper(Self::one)?)));
        }
        let Some(token) = self.peek().cloned() else { return Err(self.lost("还没有写完", "it is not finished")) };
        match token.kind {
            Sort::Number => {
                let value = token.words.parse().map_err(|_| self.lost("不是数字", "this is no number"))?;
                self.at += 1;
                Ok(Node::Number(value))
            }
            Sort::Text => {
                self.at += 1;
                Ok(Node::Text(token.words))
            }
            Sort::Word if ["and", "or", "not", "in"].contains(&token.words.as_str()) => {
                Err(self.lost("这里应是字段、数字或文字", "a field, number or text is expected"))
            }
            Sort::Word if ["true", "false"].contains(&token.words.as_str()) => {
                self.at += 1;
                Ok(Node::Truth(token.words == "true"))
            }
            Sort::Word => {
                self.at += 1;
                if self.take("(") { self.called(&token) } else { Ok(Node::Field(token.words)) }
            }
            Sort::Sign => Err(self.lost("这里应是字段、数字或文字", "a field, number or text is expected")),
        }
    }

    fn called(&mut self, name: &Token) -> Result<Node, Problem> {
        if name.words == "today" {
            self.expect(")")?;
            return Ok(Node::Today);
        }
        let Some((_, function, count)) = FUNCTIONS.iter().find(|it| it.0 == name.words) else {
            return Err(bad(
                name.column,
                format!("没有函数 {}", name.words),
                format!("there is no function {}", name.words),
            ));
        };
        let mut args = vec![self.deeper(Self::sum)?];
        while self.take(",") {
            args.push(self.deeper(Self::sum)?);
        }
        self.expect(")")?;
        if args.len() != *count {
            let (zh, en) = (format!("{} 要 {count} 个参数", name.words), format!("{} takes {count}", name.words));
            return Err(bad(name.column, zh, en));
        }
        Ok(Node::Call(*function, args))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn outcome(text: &str) -> Outcome {
        let values = json!({"risk": "2", "people": 120, "capacity": 100, "made": "2010-06-30", "name": "甲", "flags": ["a"], "gone": null, "open": true});
        let today = Date::from_calendar_date(2026, time::Month::June, 29).unwrap();
        Expression::parse(text).unwrap_or_else(|it| panic!("{text}: {it}")).evaluate(&|it| values.get(it), today)
    }

    #[rstest]
    #[case("people > capacity", true)]
    #[case("people <= capacity", false)]
    #[case("risk <= 2 and name = '甲'", true)]
    #[case("risk in ('1', '2')", true)]
    #[case("risk in (1, 3)", false)]
    #[case("gone > 1 or gone < 1 or gone = 1", false)]
    #[case("absent(gone) and not present(gone)", true)]
    #[case("present(flags)", true)]
    #[case("open", true)]
    #[case("not open or people - 20 = capacity", true)]
    #[case("years(made) = 15", true)]
    #[case("days(made, '2010-07-30') = 30", true)]
    #[case("made < today()", true)]
    #[case("length(name) = 1", true)]
    #[case("open = true and not (open = false)", true)]
    #[case("people / 0 > 1", false)]
    #[case("2 + 3 * 4 = 14 and (2 + 3) * 4 = 20 and -2 < 0", true)]
    fn conditions_say_what_they_say(#[case] text: &str, #[case] holds: bool) {
        assert_eq!(outcome(text).holds(), holds, "{text}");
    }

    #[test]
    fn sums_are_decimal() {
        assert_eq!(outcome("0.1 + 0.2").into_json(), json!(0.3));
        assert_eq!(outcome("people * 2").into_json(), json!(240));
        assert_eq!(outcome("people * gone").into_json(), Json::Null);
    }

    #[rstest]
    #[case("people >", 9)]
    #[case("people > 'a", 10)]
    #[case("people ? 1", 8)]
    #[case("height(people)", 1)]
    #[case("days(made)", 1)]
    #[case("(people", 8)]
    #[case("and", 1)]
    fn faults_name_their_column(#[case] text: &str, #[case] column: usize) {
        assert_eq!(Expression::parse(text).unwrap_err().place.column, Some(column), "{text}");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-z0-9_'()+\\-*/<>=! ,.中]{0,60}") {
            let _ = Expression::parse(&text);
        }

        #[test]
        fn nothing_nests_without_end(depth in 1_usize..2_000) {
            let _ = Expression::parse(&format!("{}1{}", "(".repeat(depth), ")".repeat(depth)));
            let _ = Expression::parse(&format!("{}1", "-".repeat(depth)));
            let _ = Expression::parse(&format!("{}open", "not ".repeat(depth)));
        }
    }
}
