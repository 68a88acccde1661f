//! One invented record while it is filled in.

use std::{ops::RangeInclusive, time::Duration};

use anlan_codecs::geo::{Geometry, geo_types};
use anlan_register::{kinds::value::Values, records::Draft};
use serde_json::Value as Json;

use super::{
    District,
    chance::Chance,
    ground::{Cell, Community},
    words,
};

/// What stands in everything that is invented.
pub const MARK: &str = "演示数据";
/// Telephone numbers of invented firms: 1540002 to 1540007 and four digits. 154 is in no operator's published range;
/// the people of the story begin with 1540000 and 1540001, its duty rooms with 1540009.
const PHONES: RangeInclusive<i64> = 15_400_020_000..=15_400_079_999;
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Where in a community something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A point.
    Point,
    /// A bent line.
    Line,
    /// A six-cornered area.
    Area,
}

/// One record while it is filled in.
pub struct Sheet<'a> {
    /// Whose.
    pub district: &'a District,
    /// Its kind.
    pub kind: &'static str,
    /// Its number within the kind, from 0.
    pub n: usize,
    /// How many of the kind there are.
    pub count: usize,
    /// Its numbers.
    pub chance: Chance,
    /// Which community it lies in.
    pub community: &'a Community,
    /// Number of that community.
    pub at: usize,
    /// The part of the community it lies in.
    pub cell: Cell,
    /// Its fields.
    pub values: Values,
    /// Where it is.
    pub place: Option<Geometry>,
    /// 责任单位; the street's office where nobody says another.
    pub owner: Option<String>,
}

impl<'a> Sheet<'a> {
    /// The empty sheet of the `n`th record of a kind.
    pub fn new(district: &'a District, kind: &'static str, n: usize, count: usize) -> Self {
        let at = district.ground.community_of(n, count);
        let community = &district.ground.communities[at];
        let chance = Chance::of(&format!("{}/{kind}", district.ground.story), n);
        let owner = Some(format!("{}-office", community.street));
        let (values, cell) = (Values::new(), Cell::WHOLE);
        Self { district, kind, n, count, chance, community, at, cell, values, place: None, owner }
    }

    /// As the register takes it.
    pub fn draft(self) -> Draft {
        let owner = self.owner.filter(|it| self.district.ground.has_unit(it));
        Draft { region: Some(self.community.code.clone()), values: self.values, place: self.place, owner }
    }

    /// Says a field.
    pub fn set(&mut self, field: &str, value: impl Into<Json>) -> &mut Self {
        self.values.insert(field.to_owned(), value.into());
        self
    }

    /// A text that was said.
    pub fn text(&self, field: &str) -> String {
        self.values.get(field).and_then(Json::as_str).unwrap_or_default().to_owned()
    }

    /// `prefix-0001`, unique within the kind.
    pub fn code(&mut self, prefix: &str) -> &mut Self {
        let code = format!("{prefix}-{:04}", self.n + 1);
        self.set("code", code)
    }

    /// A code of a list, the heavier ones more often.
    pub fn choice(&mut self, field: &str, from: &[(&'static str, u32)]) -> &'static str {
        let code = self.chance.weighted(from);
        self.set(field, code);
        code
    }

    /// Some codes of a list, none of them twice.
    pub fn several(&mut self, field: &str, from: &[&'static str], most: usize) -> &mut Self {
        let (count, first) = (1 + self.chance.below(most), self.chance.below(from.len()));
        let codes: Vec<&str> = (0..count.min(from.len())).map(|it| from[(first + it) % from.len()]).collect();
        self.set(field, codes)
    }

    /// 风险等级: few are grave.
    pub fn risk(&mut self) -> &'static str {
        self.choice("risk", &[("1", 1), ("2", 6), ("3", 33), ("4", 60)])
    }

    /// A whole number.
    pub fn whole(&mut self, field: &str, range: RangeInclusive<i64>) -> i64 {
        let number = self.chance.within(&range);
        self.set(field, number);
        number
    }

    /// A number with so many digits behind the point.
    pub fn real(&mut self, field: &str, range: RangeInclusive<f64>, digits: i32) -> f64 {
        let number = range.start() + (range.end() - range.start()) * self.chance.unit();
        let scale = 10_f64.powi(digits);
        let number = (number * scale).round() / scale;
        self.number(field, number);
        number
    }

    /// This number; a whole one without a point.
    pub fn number(&mut self, field: &str, number: f64) -> &mut Self {
        match number.fract() == 0.0 && number.abs() < 1e9 {
            true => self.set(field, number as i64),
            false => self.set(field, number),
        }
    }

    /// Yes in so many of a hundred cases, no in the others.
    pub fn yes(&mut self, field: &str, percent: u32) -> bool {
        let yes = self.chance.share(percent);
        self.set(field, yes);
        yes
    }

    /// The day so many days before the story.
    pub fn before(&self, days: i64) -> String {
        let by = DAY * u32::try_from(days.unsigned_abs()).unwrap_or_default();
        let day = self.district.ground.day;
        let moment = if days < 0 { day.plus(by) } else { day.minus(by) };
        moment.wall()[..10].to_owned()
    }

    /// A day, so many days before the story; negative ones come after it.
    pub fn day(&mut self, field: &str, days: RangeInclusive<i64>) -> i64 {
        let days = self.chance.within(&days);
        let day = self.before(days);
        self.set(field, day);
        days
    }

    /// A day on which somebody comes every `every` days: mostly lately, now and then too long ago, sometimes never.
    pub fn visited(&mut self, field: &str, every: i64) -> &mut Self {
        match self.chance.below(100) {
            0..8 => {}
            8..20 => drop(self.day(field, every + 1..=every * 3)),
            _ => drop(self.day(field, 1..=every)),
        }
        self
    }

    /// Somebody of a region or a unit; nobody where nobody has this title there.
    pub fn person(&mut self, field: &str, of: &str, title: &str, n: usize) -> &mut Self {
        if let Some(id) = self.district.ground.person(of, title, n) {
            self.set(field, id);
        }
        self
    }

    /// Somebody of the community.
    pub fn neighbour(&mut self, field: &str, title: &str) -> &mut Self {
        let (of, n) = (self.community.code.to_string(), self.n);
        self.person(field, &of, title, n)
    }

    /// Somebody of the street.
    pub fn of_street(&mut self, field: &str, title: &str) -> &mut Self {
        let (of, n) = (self.community.street.to_string(), self.n);
        self.person(field, &of, title, n)
    }

    /// 副职 and B 岗: somebody else of the community, and nobody in one case of seven.
    pub fn deputy(&mut self, field: &str, title: &str) -> &mut Self {
        if self.chance.share(86) {
            let (of, n) = (self.community.code.to_string(), self.n + 1);
            self.person(field, &of, title, n);
        }
        self
    }

    /// A unit of the story.
    pub fn unit(&mut self, field: &str, id: &str) -> &mut Self {
        if self.district.ground.has_unit(id) {
            self.set(field, id);
        }
        self
    }

    /// The street's office.
    pub fn street_office(&mut self, field: &str) -> &mut Self {
        let id = format!("{}-office", self.community.street);
        self.unit(field, &id)
    }

    /// A number nobody has.
    pub fn phone(&mut self, field: &str) -> &mut Self {
        let number = self.chance.within(&PHONES).to_string();
        self.set(field, number)
    }

    /// Somebody who does not exist, with a number nobody has.
    pub fn stranger(&mut self, name: &str, phone: &str) -> &mut Self {
        let words = format!("{}{}（演示）", self.chance.pick(words::SURNAMES), self.chance.pick(words::GIVEN));
        self.set(name, words);
        self.phone(phone)
    }

    /// One or several records of another kind, near this one where there are as many as communities.
    pub fn near(&mut self, field: &str, kind: &str, many: bool) -> &mut Self {
        let count = self.district.count(kind);
        if count == 0 {
            return self;
        }
        let share = (self.n as f64 + 0.5) / self.count as f64;
        let id = super::id_of(kind, ((share * count as f64) as usize).min(count - 1));
        if many { self.set(field, vec![id]) } else { self.set(field, id) }
    }

    /// A firm's two letters.
    pub fn brand(&mut self) -> String {
        format!("{}{}", self.chance.pick(words::BRANDS), self.chance.pick(words::BRANDS))
    }

    /// A road.
    pub fn road(&mut self) -> &'static str {
        self.chance.pick(words::ROADS)
    }

    /// An address in the community.
    pub fn address(&mut self) -> String {
        let (road, number) = (self.road(), 1 + self.chance.below(300));
        format!("{}{}{road}{number}号", self.community.street_name, self.community.name)
    }

    /// Places it in its part of the community.
    pub fn stand(&mut self, form: Form) -> &mut Self {
        let corners = match form {
            Form::Point => return self.stand_at_point(),
            Form::Line => {
                let turn = self.chance.unit();
                [0.0, 0.35, 0.7, 1.0].map(|it| (0.08 + 0.84 * it, 0.1 + 0.8 * (turn + 0.3 * it).fract())).to_vec()
            }
            Form::Area => {
                let (x, y) = (0.25 + 0.5 * self.chance.unit(), 0.25 + 0.5 * self.chance.unit());
                let size = 0.08 + 0.14 * self.chance.unit();
                let corner = |it: usize| {
                    let angle = it as f64 * std::f64::consts::FRAC_PI_3;
                    let reach = size * (0.75 + 0.25 * ((self.n + it) % 3) as f64 / 2.0);
                    (x + reach * angle.cos(), y + reach * angle.sin())
                };
                (0..6).map(corner).collect()
            }
        };
        let corners: Vec<(f64, f64)> = corners.into_iter().map(|(x, y)| self.position(x, y)).collect();
        self.place = Some(match form {
            Form::Line => Geometry::LineString(corners.into()),
            _ => Geometry::Polygon(geo_types::Polygon::new(closed(corners).into(), Vec::new())),
        });
        self
    }

    fn stand_at_point(&mut self) -> &mut Self {
        let (x, y) = (0.04 + 0.92 * self.chance.unit(), 0.04 + 0.92 * self.chance.unit());
        self.place = Some(Geometry::Point(self.position(x, y).into()));
        self
    }

    /// Places it on the whole of its part of the community.
    pub fn cover(&mut self) -> &mut Self {
        let corners = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)];
        let corners = corners.iter().map(|(x, y)| self.position(*x, *y)).collect();
        self.place = Some(Geometry::Polygon(geo_types::Polygon::new(closed(corners).into(), Vec::new())));
        self
    }

    fn position(&self, x: f64, y: f64) -> (f64, f64) {
        let along = |(from, until): (f64, f64), it: f64| from + (until - from) * it;
        self.community.at(along(self.cell.across, x), along(self.cell.along, y))
    }
}

fn closed(mut ring: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    ring.extend(ring.first().copied());
    ring
}
