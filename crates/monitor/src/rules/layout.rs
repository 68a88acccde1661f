//! Rules laid out for the stations they meet.
//!
//! Stations with the same rules share one [`Profile`]: which series they have, which windows stand
//! over each, and the conditions with every name already turned into a position.

use std::collections::HashMap;

use super::{
    decimal::ONE,
    expression::{Bound, Comparison, Expression, Function},
    quantities::Quantity,
    rule::Rule,
    series::Shape,
    stations::Station,
};

/// No series of that quantity.
const NONE: u8 = u8::MAX;

/// What stations with the same rules have in common.
#[derive(Debug)]
pub(super) struct Profile {
    /// Positions of the rules in the engine's list.
    pub(super) rules: Vec<RuleLayout>,
    /// Quantity and shape of each series.
    pub(super) series: Vec<(Quantity, Shape)>,
    slots: [u8; 64],
}

/// A rule at the stations of a profile.
#[derive(Debug)]
pub(super) struct RuleLayout {
    pub(super) rule: usize,
    /// Bits of the quantities it reads.
    pub(super) quantities: u64,
    /// Grade (1–4) and condition.
    pub(super) levels: Vec<(u8, Node)>,
    /// How many `for`s the conditions hold, each with a moment to remember.
    pub(super) fors: usize,
    pub(super) clear_after: i64,
}

/// A condition with positions for names.
#[derive(Debug)]
pub(super) enum Node {
    Compare(Compare),
    Silent { series: u8, span: i64 },
    All(Box<[Node]>),
    Any(Box<[Node]>),
    Not(Box<Node>),
    For { inner: Box<Node>, span: i64, slot: usize },
}

/// A comparison with positions for names.
#[derive(Debug)]
pub(super) struct Compare {
    pub(super) function: Function,
    pub(super) series: u8,
    pub(super) window: u16,
    pub(super) span: i64,
    pub(super) comparison: Comparison,
    pub(super) bound: Limit,
}

/// The right side, in the same parts as the left.
#[derive(Debug)]
pub(super) enum Limit {
    Number(i128),
    /// Position of the station column, and the parts of the quantity.
    Column(usize, i128),
}

impl Profile {
    /// The series of a quantity, counted from the station's first.
    pub(super) fn slot(&self, quantity: Quantity) -> Option<usize> {
        let slot = self.slots[quantity.index()];
        (slot != NONE).then_some(usize::from(slot))
    }
}

/// Finds the profile of each station.
pub(super) struct Layouts<'a> {
    rules: &'a [Rule],
    keep: i64,
    forgetful: bool,
    /// Station columns that rules name, in order of appearance.
    pub(super) columns: Vec<String>,
    pub(super) profiles: Vec<Profile>,
    known: HashMap<Vec<usize>, u32>,
}

impl<'a> Layouts<'a> {
    /// `keep` is how long readings are kept even where no rule asks, `forgetful` whether older ones are forgotten.
    pub(super) fn new(rules: &'a [Rule], keep: i64, forgetful: bool) -> Self {
        let mut columns: Vec<String> = Vec::new();
        for column in rules.iter().flat_map(Rule::columns) {
            if !columns.iter().any(|it| it == column) {
                columns.push(column.to_owned());
            }
        }
        Self { rules, keep, forgetful, columns, profiles: Vec::new(), known: HashMap::new() }
    }

    /// The profile of a station: made on first need.
    pub(super) fn profile_of(&mut self, station: &Station) -> u32 {
        let rules = (0..self.rules.len()).filter(|&rule| self.rules[rule].applies_to(station));
        let key: Vec<usize> = rules.collect();
        if let Some(&known) = self.known.get(&key) {
            return known;
        }
        let profile = self.profiles.len() as u32;
        self.profiles.push(self.compile(&key));
        self.known.insert(key, profile);
        profile
    }

    fn compile(&self, rules: &[usize]) -> Profile {
        let mut profile = Profile { rules: Vec::new(), series: Vec::new(), slots: [NONE; 64] };
        for &rule in rules {
            for level in &self.rules[rule].levels {
                level.when.walk(&mut |part| self.make_room(part, &mut profile));
            }
        }
        for &rule in rules {
            let (mut fors, mut quantities) = (0, 0);
            let levels = self.rules[rule].levels.iter();
            let levels = levels.map(|it| (it.grade.get(), self.node(&it.when, &profile, &mut fors, &mut quantities)));
            let levels = levels.collect();
            let clear_after = self.rules[rule].clear_after.0;
            profile.rules.push(RuleLayout { rule, quantities, levels, fors, clear_after });
        }
        profile
    }

    /// Gives the profile the series and window that a condition reads.
    fn make_room(&self, part: &Expression, profile: &mut Profile) {
        let (quantity, span, function) = match part {
            Expression::Compare { quantity, window, function, .. } => (*quantity, window.0, Some(*function)),
            Expression::Silent { quantity, window } => (*quantity, window.0, None),
            _ => return,
        };
        if profile.slots[quantity.index()] == NONE {
            profile.slots[quantity.index()] = profile.series.len() as u8;
            profile.series.push((quantity, Shape { keep: self.keep, forgetful: self.forgetful, ..Shape::default() }));
        }
        let shape = &mut profile.series[usize::from(profile.slots[quantity.index()])].1;
        let Some(function) = function else { return };
        if let Err(place) = shape.windows.binary_search(&span) {
            shape.windows.insert(place, span);
        }
        match function {
            Function::Max => shape.highest = shape.highest.max(span),
            Function::Min => shape.lowest = shape.lowest.max(span),
            _ => {}
        }
        shape.keep = shape.keep.max(span);
    }

    fn node(&self, part: &Expression, profile: &Profile, fors: &mut usize, quantities: &mut u64) -> Node {
        let mut nodes =
            |parts: &[Expression]| parts.iter().map(|it| self.node(it, profile, fors, quantities)).collect();
        match part {
            Expression::All(parts) => Node::All(nodes(parts)),
            Expression::Any(parts) => Node::Any(nodes(parts)),
            Expression::Not(part) => Node::Not(Box::new(self.node(part, profile, fors, quantities))),
            Expression::For(part, span) => {
                let slot = *fors;
                *fors += 1;
                Node::For { inner: Box::new(self.node(part, profile, fors, quantities)), span: span.0, slot }
            }
            Expression::Silent { quantity, window } => {
                *quantities |= 1 << quantity.index();
                Node::Silent { series: profile.slots[quantity.index()], span: window.0 }
            }
            Expression::Compare { function, quantity, window, comparison, bound } => {
                *quantities |= 1 << quantity.index();
                let series = profile.slots[quantity.index()];
                let shape = &profile.series[usize::from(series)].1;
                let position = shape.windows.binary_search(&window.0).unwrap_or_default();
                let bound = self.limit(*function, *quantity, bound);
                let (function, comparison) = (*function, *comparison);
                Node::Compare(Compare { function, series, window: position as u16, span: window.0, comparison, bound })
            }
        }
    }

    fn limit(&self, function: Function, quantity: Quantity, bound: &Bound) -> Limit {
        let parts = if function == Function::Count { 1 } else { quantity.parts() };
        match bound {
            Bound::Number(number) if function == Function::Count => Limit::Number(number.0),
            Bound::Number(number) => Limit::Number(quantity.amount(*number).0),
            Bound::Column(column) => {
                let place = self.columns.iter().position(|it| it == column).unwrap_or_default();
                Limit::Column(place, parts)
            }
        }
    }
}

/// How many make one in a count, which has no unit.
pub(super) const COUNTED: i128 = ONE;
