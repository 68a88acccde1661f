//! The condition of a level, as a tree.

use std::{cmp::Ordering, fmt};

use super::{decimal::Decimal, quantities::Quantity};

/// A length of time in microseconds, never negative: `30s`, `10m`, `3h`, `2d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(pub i64);

impl Span {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The longest that may be written: ten years.
    pub const LONGEST: Self = Self(3_660 * 86_400 * 1_000_000);

    /// Reads `30s`, `10m`, `3h` or `2d`; `None` for anything else and for more than ten years.
    pub fn parse(text: &str) -> Option<Self> {
        let unit = text.chars().last()?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        let digits = &text[..text.len() - 1];
        let count: i64 = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
        let span = Self(count.checked_mul(seconds * 1_000_000)?);
        (span <= Self::LONGEST).then_some(span)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1_000_000;
        let (count, unit) = [(86_400, 'd'), (3_600, 'h'), (60, 'm')]
            .into_iter()
            .find(|(size, _)| seconds > 0 && seconds % size == 0)
            .map_or((seconds, 's'), |(size, unit)| (seconds / size, unit));
        write!(f, "{count}{unit}")
    }
}

/// What is computed over the readings of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// All values added; 0 over an empty window.
    Sum,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// Sum over count.
    Mean,
    /// The newest.
    Last,
    /// Newest minus oldest.
    Rise,
    /// Rise per hour between those two; undefined with one reading.
    Rate,
    /// How many; 0 over an empty window.
    Count,
}

impl Function {
    /// All.
    pub const ALL: [Self; 8] =
        [Self::Sum, Self::Min, Self::Max, Self::Mean, Self::Last, Self::Rise, Self::Rate, Self::Count];

    /// The name in rules.
    pub fn name(self) -> &'static str {
        ["sum", "min", "max", "mean", "last", "rise", "rate", "count"][self as usize]
    }
}

/// How a function is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `>=`
    AtLeast,
    /// `>`
    Above,
    /// `<=`
    AtMost,
    /// `<`
    Below,
    /// `==`
    Equal,
}

impl Comparison {
    /// All, longer signs first.
    pub const ALL: [Self; 5] = [Self::AtLeast, Self::AtMost, Self::Equal, Self::Above, Self::Below];

    /// The sign in rules.
    pub fn sign(self) -> &'static str {
        match self {
            Self::AtLeast => ">=",
            Self::Above => ">",
            Self::AtMost => "<=",
            Self::Below => "<",
            Self::Equal => "==",
        }
    }

    /// Whether the comparison is true of two sides that stand in this order.
    pub fn allows(self, order: Ordering) -> bool {
        match self {
            Self::AtLeast => order.is_ge(),
            Self::Above => order.is_gt(),
            Self::AtMost => order.is_le(),
            Self::Below => order.is_lt(),
            Self::Equal => order.is_eq(),
        }
    }

    /// Whether a larger left side can only help.
    pub(crate) fn wants_more(self) -> bool {
        matches!(self, Self::AtLeast | Self::Above)
    }

    /// Whether a smaller left side can only help.
    pub(crate) fn wants_less(self) -> bool {
        matches!(self, Self::AtMost | Self::Below)
    }
}

/// The right side of a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Bound {
    /// A number, in the canonical unit.
    Number(Decimal),
    /// A numeric column of the station; where the station has none, the comparison is false.
    Column(String),
}

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expression {
    /// A function of a window against a bound.
    Compare {
        /// What is computed.
        function: Function,
        /// Of which readings.
        quantity: Quantity,
        /// How far back: readings with observed_at in (t − window, t].
        window: Span,
        /// How.
        comparison: Comparison,
        /// With what.
        bound: Bound,
    },
    /// The station has reported the quantity before, and nothing lies in the window.
    Silent {
        /// Which readings.
        quantity: Quantity,
        /// How far back.
        window: Span,
    },
    /// Every part holds.
    All(Vec<Expression>),
    /// Some part holds.
    Any(Vec<Expression>),
    /// The part does not hold.
    Not(Box<Expression>),
    /// The part held at every moment of the span that ends now.
    For(Box<Expression>, Span),
}

impl Expression {
    /// Calls `visit` with this condition and each one inside it, outermost first.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        visit(self);
        match self {
            Self::Compare { .. } | Self::Silent { .. } => {}
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.walk(visit)),
            Self::Not(part) | Self::For(part, _) => part.walk(visit),
        }
    }

    /// The longest time back that can matter to this condition: windows plus the `for` around them.
    pub fn reach(&self) -> Span {
        match self {
            Self::Compare { window, .. } | Self::Silent { window, .. } => *window,
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::reach).max().unwrap_or_default(),
            Self::Not(part) => part.reach(),
            Self::For(part, span) => Span(part.reach().0 + span.0),
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, parts: &[Self], word: &str| {
            parts.iter().enumerate().try_for_each(|(index, part)| {
                let join = if index > 0 { word } else { "" };
                match part {
                    Self::All(_) | Self::Any(_) => write!(f, "{join}({part})"),
                    _ => write!(f, "{join}{part}"),
                }
            })
        };
        match self {
            Self::Compare { function, quantity, window, comparison, bound } => {
                write!(f, "{}({quantity:?}, {window}) {} {bound}", function.name(), comparison.sign())
            }
            Self::Silent { quantity, window } => write!(f, "silent({quantity:?}, {window})"),
            Self::All(parts) => joined(f, parts, " and "),
            Self::Any(parts) => joined(f, parts, " or "),
            Self::Not(part) => write!(f, "not ({part})"),
            Self::For(part, span) => write!(f, "({part}) for({span})"),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Column(column) => write!(f, "station.{column}"),
        }
    }
}
