//! Reads a condition, and points at the character where it goes wrong.
//!
//! ```text
//! any      = all { "or" all }
//! all      = part { "and" part }
//! part     = "not" part | "(" any ")" [ "for" "(" span ")" ] | "silent" window | function window sign bound
//! window   = "(" [ quantity "," ] span ")"
//! bound    = number | "station" "." column
//! ```

use anlan_kernel::Problem;

use super::{
    decimal::Decimal,
    expression::{Bound, Comparison, Expression, Function, Span},
    quantities::Quantity,
    token::{Placed, Token, cut},
};

/// Brackets and `not`s inside each other, at most.
const DEEPEST: usize = 50;

/// Reads one condition. Functions without a first argument are of `quantity`.
///
/// # Errors
/// The first [`Problem`], with its character column in `text`, from 1.
pub fn parse_expression(text: &str, quantity: Quantity) -> Result<Expression, Problem> {
    let mut parser = Parser { tokens: cut(text)?, next: 0, quantity, depth: 0 };
    let expression = parser.any()?;
    match parser.peek() {
        Token::End => Ok(expression),
        Token::Word("for") => Err(parser.problem(
            "bracket_before_for",
            "for(…) 前的条件要放在括号里，例如 (max(10m) >= 20) for(20m)",
            "the condition before for(…) stands in brackets, such as (max(10m) >= 20) for(20m)",
        )),
        _ => Err(parser.expected("and、or 或结尾", "and, or, or the end")),
    }
}

struct Parser<'a> {
    tokens: Vec<Placed<'a>>,
    next: usize,
    quantity: Quantity,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn any(&mut self) -> Result<Expression, Problem> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.problem("too_deep", "括号层数太多（最多 50 层）", "brackets nest too deep (50 at most)"));
        }
        let mut parts = vec![self.all()?];
        while self.take_word("or") {
            parts.push(self.all()?);
        }
        self.depth -= 1;
        Ok(single_or(parts, Expression::Any))
    }

    fn all(&mut self) -> Result<Expression, Problem> {
        let mut parts = vec![self.part()?];
        while self.take_word("and") {
            parts.push(self.part()?);
        }
        Ok(single_or(parts, Expression::All))
    }

    fn part(&mut self) -> Result<Expression, Problem> {
        let mut negations = 0;
        while self.take_word("not") {
            negations += 1;
        }
        let part = self.positive()?;
        Ok(if negations % 2 == 1 { Expression::Not(Box::new(part)) } else { part })
    }

    fn positive(&mut self) -> Result<Expression, Problem> {
        if *self.peek() == Token::Open {
            return self.bracketed();
        }
        if self.take_word("silent") {
            let (quantity, window) = self.window()?;
            return Ok(Expression::Silent { quantity, window });
        }
        let function = self.function()?;
        let (quantity, window) = self.window()?;
        let (comparison, bound) = (self.sign()?, self.bound()?);
        Ok(Expression::Compare { function, quantity, window, comparison, bound })
    }

    fn bracketed(&mut self) -> Result<Expression, Problem> {
        self.expect(&Token::Open, "(")?;
        let inner = self.any()?;
        self.expect(&Token::Close, ")")?;
        if !self.take_word("for") {
            return Ok(inner);
        }
        self.expect(&Token::Open, "(")?;
        let span = self.span()?;
        self.expect(&Token::Close, ")")?;
        Ok(Expression::For(Box::new(inner), span))
    }

    fn function(&mut self) -> Result<Function, Problem> {
        let Token::Word(word) = *self.peek() else {
            return Err(self.expected("函数、not 或 (", "a function, not, or ("));
        };
        let function = Function::ALL.into_iter().find(|it| it.name() == word).ok_or_else(|| {
            self.problem(
                "unknown_function",
                format!("没有“{word}”这个函数；可用：sum、min、max、mean、last、rise、rate、count、silent"),
                format!(
                    "there is no function \"{word}\"; known are sum, min, max, mean, last, rise, rate, count, silent"
                ),
            )
        })?;
        self.next += 1;
        Ok(function)
    }

    fn window(&mut self) -> Result<(Quantity, Span), Problem> {
        self.expect(&Token::Open, "(")?;
        let mut quantity = self.quantity;
        if let Token::Word(name) = *self.peek() {
            quantity = Quantity::named(name).map_err(|problem| problem.column(self.column()))?;
            self.next += 1;
            self.expect(&Token::Comma, ",")?;
        }
        let column = self.column();
        let window = self.span()?;
        if window == Span::ZERO {
            let (zh, en) = ("窗口要长于 0", "a window is longer than 0");
            return Err(Problem::new("empty_window", zh, en).column(column));
        }
        self.expect(&Token::Close, ")")?;
        Ok((quantity, window))
    }

    fn span(&mut self) -> Result<Span, Problem> {
        let Token::Span(span) = *self.peek() else {
            return Err(self.expected("时长，如 10m", "a duration, such as 10m"));
        };
        self.next += 1;
        Ok(span)
    }

    fn sign(&mut self) -> Result<Comparison, Problem> {
        let Token::Sign(sign) = *self.peek() else {
            return Err(self.expected("比较符 >= > <= < ==", "a comparison: >= > <= < =="));
        };
        self.next += 1;
        Ok(sign)
    }

    fn bound(&mut self) -> Result<Bound, Problem> {
        match *self.peek() {
            Token::Number(text) => {
                let number = Decimal::parse(text).map_err(|_| {
                    self.problem(
                        "bad_number",
                        format!("“{text}”不是数，或不小于 10^10"),
                        format!("\"{text}\" is not a number below 10^10"),
                    )
                })?;
                self.next += 1;
                Ok(Bound::Number(number))
            }
            Token::Word("station") => {
                self.next += 1;
                self.expect(&Token::Dot, ".")?;
                let Token::Word(column) = *self.peek() else {
                    return Err(self.expected("站点表的列名", "a column of the stations"));
                };
                self.next += 1;
                Ok(Bound::Column(column.to_owned()))
            }
            _ => Err(self.expected("数或 station.列名", "a number or station.column")),
        }
    }

    fn peek(&self) -> &Token<'a> {
        &self.tokens[self.next].0
    }

    fn column(&self) -> usize {
        self.tokens[self.next].1
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = *self.peek() == Token::Word(word);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, token: &Token<'_>, shown: &str) -> Result<(), Problem> {
        if self.peek() != token {
            return Err(self.expected(shown, shown));
        }
        self.next += 1;
        Ok(())
    }

    fn expected(&self, zh: &str, en: &str) -> Problem {
        let found = self.peek().shown();
        let (zh_found, en_found) = match *self.peek() {
            Token::End => ("结尾".to_owned(), "the end".to_owned()),
            _ => (format!("“{found}”"), format!("\"{found}\"")),
        };
        self.problem(
            "unexpected_word",
            format!("这里应是 {zh}，却是{zh_found}"),
            format!("expected {en}, found {en_found}"),
        )
    }

    fn problem(&self, code: &str, zh: impl Into<String>, en: impl Into<String>) -> Problem {
        Problem::new(code, zh, en).column(self.column())
    }
}

fn single_or(mut parts: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Expression {
    if parts.len() == 1 { parts.remove(0) } else { join(parts) }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn parsed(text: &str) -> Result<Expression, Problem> {
        parse_expression(text, Quantity::named("rainfall").unwrap())
    }

    #[rstest]
    #[case("sum(3h) >= 100", "sum(rainfall, 3h) >= 100")]
    #[case("max( wind_gust ,60m)>41.50", "max(wind_gust, 1h) > 41.5")]
    #[case(
        "sum(6h) >= 50 or (max(rainfall, 10m) >= 20) for(20m)",
        "sum(rainfall, 6h) >= 50 or (max(rainfall, 10m) >= 20) for(20m)"
    )]
    #[case("silent(45m)", "silent(rainfall, 45m)")]
    #[case(
        "not silent(flow, 2d) and last(1h) < station.warning_level",
        "not (silent(flow, 2d)) and last(rainfall, 1h) < station.warning_level"
    )]
    #[case("last(1h) >= -.5", "last(rainfall, 1h) >= -0.5")]
    #[case("last(1h) > station.保证水位", "last(rainfall, 1h) > station.保证水位")]
    #[case(
        "count(1h) == 0 and (rise(1h) > 1 or rate(1h) > 2)",
        "count(rainfall, 1h) == 0 and (rise(rainfall, 1h) > 1 or rate(rainfall, 1h) > 2)"
    )]
    #[case(
        "((mean(30s) <= 1) for(1m) or min(1h) < 2) for(0s)",
        "((mean(rainfall, 30s) <= 1) for(1m) or min(rainfall, 1h) < 2) for(0s)"
    )]
    #[case("not not silent(1h)", "silent(rainfall, 1h)")]
    fn a_condition_reads_back_as_it_is_written(#[case] text: &str, #[case] shown: &str) {
        let expression = parsed(text).unwrap();
        assert_eq!(expression.to_string(), shown);
        assert_eq!(parsed(shown), Ok(expression));
    }

    #[rstest]
    #[case("", 1, "unexpected_word")]
    #[case("sum(3h)", 8, "unexpected_word")]
    #[case("sum(3h) >=", 11, "unexpected_word")]
    #[case("sum(3h) >= 100 and", 19, "unexpected_word")]
    #[case("sum(3h) => 100", 9, "unexpected_character")]
    #[case("sum(3h) ≥ 100", 9, "unexpected_character")]
    #[case("sum（3h） >= 100", 4, "unexpected_character")]
    #[case("sum(3h) = 100", 9, "unexpected_character")]
    #[case("total(3h) >= 100", 1, "unknown_function")]
    #[case("sum(rain, 3h) >= 100", 5, "unknown_quantity")]
    #[case("sum(3 h) >= 100", 5, "unexpected_word")]
    #[case("sum(3w) >= 100", 5, "bad_duration")]
    #[case("sum(0h) >= 100", 5, "empty_window")]
    #[case("sum(3h) >= 100mm", 12, "bad_duration")]
    #[case("sum(3h) >= 1.2.3", 12, "bad_number")]
    #[case("max(10m) >= 20 for(20m)", 16, "bracket_before_for")]
    #[case("(max(10m) >= 20) for 20m", 22, "unexpected_word")]
    #[case("(max(10m) >= 20", 16, "unexpected_word")]
    #[case("max(10m) >= 20)", 15, "unexpected_word")]
    #[case("20 <= max(10m)", 1, "unexpected_word")]
    #[case("last(1h) > station", 19, "unexpected_word")]
    #[case("last(1h) > limit", 12, "unexpected_word")]
    #[case("max(10m) >= 20 max(10m) >= 20", 16, "unexpected_word")]
    #[case("最大(10m) >= 20", 1, "unknown_function")]
    #[case("max(10m) >= 20 && max(10m) < 30", 16, "unexpected_character")]
    fn a_problem_points_at_its_column(#[case] text: &str, #[case] column: usize, #[case] code: &str) {
        let problem = parsed(text).unwrap_err();
        assert_eq!((problem.place.column, problem.code.as_str()), (Some(column), code), "{problem}");
        assert!(!problem.message.zh.is_empty());
    }

    #[test]
    fn endless_brackets_are_refused() {
        assert_eq!(parsed(&"(".repeat(100_000)).unwrap_err().code, "too_deep");
        assert!(parsed(&format!("{}silent(1h)", "not ".repeat(100_001))).is_ok());
    }
}
