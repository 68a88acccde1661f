//! What a pack says about the things it keeps.

use std::{collections::BTreeMap, time::Duration};

use anlan_kernel::{Lang, Text};

use super::{expression::Expression, formats::Format};

/// A kind of things (台账类别): slopes, premises, shelters.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Id: part of the URL, the layer and the file name.
    pub id: String,
    /// Its title.
    pub title: Text,
    /// Under which heading it stands.
    pub group: Text,
    /// The field that names a record.
    pub name: String,
    /// The fields that identify one; empty where nothing does.
    pub key: Vec<String>,
    /// What kind of place a record has.
    pub place: Placing,
    /// Whether a record without a place is refused.
    pub placed: bool,
    /// Its sign on the map.
    pub symbol: Symbol,
    /// The choice field whose codes 1 to 4 colour the sign.
    pub grade: Option<String>,
    /// How long a record counts as fresh.
    pub verify_every: Option<Duration>,
    /// The field that says who is answerable.
    pub responsible: Option<String>,
    /// Ids of sources in its pack.
    pub sources: Vec<String>,
    /// Its fields, in order.
    pub fields: Vec<Field>,
    /// What is refused.
    pub checks: Vec<Check>,
    /// `id@version` of the pack that defines it.
    pub pack: String,
}

/// What kind of place a record has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placing {
    /// None.
    #[default]
    None,
    /// 点.
    Point,
    /// 线.
    Line,
    /// 面.
    Polygon,
    /// Any of these.
    Any,
}

/// A sign on the map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Symbol {
    /// ●
    #[default]
    Circle,
    /// ■
    Square,
    /// ◆
    Diamond,
    /// ▲
    Triangle,
    /// ✚
    Cross,
    /// ★
    Star,
}

/// One field (字段) of a kind.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: Text,
    /// Other titles it goes by in spreadsheets.
    pub also: Vec<String>,
    /// What it holds.
    pub sort: Sort,
    /// A record without it is refused.
    pub required: bool,
    /// No two records of the kind share a value.
    pub unique: bool,
    /// Several values.
    pub many: bool,
    /// Smallest number, or earliest day.
    pub min: Option<Bound>,
    /// Largest number, or latest day.
    pub max: Option<Bound>,
    /// Digits after the point.
    pub decimals: Option<u8>,
    /// Unit of a number.
    pub unit: Option<String>,
    /// Most characters.
    pub length: usize,
    /// The whole text matches it.
    pub pattern: Option<Pattern>,
    /// A known form with its check.
    pub format: Option<Format>,
    /// Nobody enters it.
    pub computed: Option<Expression>,
    /// What kind of personal data it is.
    pub personal: Option<Personal>,
    /// Roles that see it; empty: everybody who sees the record.
    pub visible_to: Vec<String>,
    /// Found in the one box.
    pub search: bool,
    /// A condition of lists and an axis of pivots.
    pub filter: bool,
    /// A column unless somebody chose others.
    pub column: bool,
    /// Of a number: lists, areas and pivots add it up.
    pub sum: bool,
    /// What a new record begins with.
    pub default: Option<String>,
    /// A sentence under the box.
    pub help: Option<Text>,
    /// `id@version` of the pack that defines it.
    pub pack: String,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sort {
    /// 文本; `true` for several lines.
    Text(bool),
    /// 数字.
    Number,
    /// 金额, yuan.
    Money,
    /// 日期.
    Date,
    /// 时间.
    Time,
    /// 是否.
    YesNo,
    /// 选项, of a code list.
    Choice(String),
    /// 人员.
    Person,
    /// 岗位.
    Post,
    /// 单位.
    Organisation,
    /// 区划.
    Region,
    /// 关联, to records of a kind.
    Link(String),
    /// 照片.
    Photo,
    /// 附件.
    File,
    /// 签名.
    Signature,
}

/// A bound of a number or a day.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// Of a number.
    Number(f64),
    /// Of a day, `2026-05-01`.
    Day(String),
}

/// A regular expression with what it asks for.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// The expression, anchored.
    pub regex: regex::Regex,
    /// What it asks for.
    pub words: Text,
}

/// A class of personal data (个人信息类别).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Personal {
    /// 姓名.
    Name,
    /// 电话.
    Phone,
    /// 证件号码.
    IdNumber,
    /// 住址.
    Address,
    /// 健康.
    Health,
    /// 其他.
    Other,
}

/// A record for which `when` holds is refused.
#[derive(Clone, Debug)]
pub struct Check {
    /// The condition.
    pub when: Expression,
    /// The field to mend.
    pub field: String,
    /// What is wrong, and what would be right.
    pub words: Text,
}

/// A code list (代码表).
#[derive(Clone, Debug, Default)]
pub struct CodeList {
    /// Its id.
    pub id: String,
    /// Its codes, in order.
    pub codes: Vec<Code>,
    places: BTreeMap<String, usize>,
}

/// One code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Code {
    /// The code itself.
    pub code: String,
    /// Its words.
    pub title: Text,
    /// The code above it.
    pub parent: Option<String>,
    /// Other words for it.
    pub also: Vec<String>,
}

/// Who is called for things of a kind (受众).
#[derive(Clone, Debug)]
pub struct AudienceRule {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: Text,
    /// Of which kind.
    pub kind: String,
    /// Of which records.
    pub condition: Option<Expression>,
    /// From a record to whom: fields, the last one a person, post, organisation or phone; or `duty_room`.
    pub path: Vec<String>,
    /// `id@version` of its pack.
    pub pack: String,
}

impl Kind {
    /// A field by its id.
    pub fn field(&self, id: &str) -> Option<&Field> {
        self.fields.iter().find(|it| it.id == id)
    }

    /// Whether records hold personal data.
    pub fn is_personal(&self) -> bool {
        self.fields.iter().any(|it| it.personal.is_some())
    }

    /// Whether the name of a record is personal data.
    pub fn name_is_personal(&self) -> bool {
        self.field(&self.name).is_some_and(|it| it.personal.is_some())
    }

    /// Number fields, of which lists and areas give sums.
    pub fn sums(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|it| it.sum)
    }

    /// Whether something of its records follows the day without anybody changing them.
    pub fn follows_the_day(&self) -> bool {
        self.fields.iter().filter_map(|it| it.computed.as_ref()).any(Expression::follows_the_day)
    }
}

impl Field {
    /// Whether sums of it make sense.
    pub fn is_number(&self) -> bool {
        matches!(self.sort, Sort::Number | Sort::Money)
    }

    /// Whether it is kept beside the record as a condition: filters, uniqueness and links back look there.
    pub fn is_indexed(&self) -> bool {
        let points = matches!(self.sort, Sort::Link(_) | Sort::Person | Sort::Post | Sort::Organisation);
        self.filter || self.unique || self.sum || points
    }

    /// Whether it comes and goes in spreadsheets.
    pub fn in_sheets(&self) -> bool {
        !matches!(self.sort, Sort::Photo | Sort::File | Sort::Signature)
    }

    /// Whether somebody of `role` sees it.
    pub fn is_visible_to(&self, role: &str) -> bool {
        self.visible_to.is_empty() || self.visible_to.iter().any(|it| it == role)
    }

    /// Its title with the unit.
    pub fn heading(&self, lang: Lang) -> String {
        match &self.unit {
            Some(unit) => format!("{}（{unit}）", self.title.get(lang)),
            None => self.title.get(lang).to_owned(),
        }
    }
}

impl Placing {
    /// Its name in packs.
    pub const ALL: &[(&str, Self)] = &[
        ("none", Self::None),
        ("point", Self::Point),
        ("line", Self::Line),
        ("polygon", Self::Polygon),
        ("any", Self::Any),
    ];

    /// Its name in packs.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

impl Symbol {
    /// Its name in packs.
    pub const ALL: &[(&str, Self)] = &[
        ("circle", Self::Circle),
        ("square", Self::Square),
        ("diamond", Self::Diamond),
        ("triangle", Self::Triangle),
        ("cross", Self::Cross),
        ("star", Self::Star),
    ];

    /// Its name in packs.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

impl Personal {
    /// Its name in packs.
    pub const ALL: &[(&str, Self)] = &[
        ("name", Self::Name),
        ("phone", Self::Phone),
        ("id_number", Self::IdNumber),
        ("address", Self::Address),
        ("health", Self::Health),
        ("other", Self::Other),
    ];

    /// What stands on the screen of a value that is not to be read in full.
    pub fn masked(self, value: &str) -> String {
        let letters: Vec<char> = value.chars().collect();
        let kept = |head: usize, tail: usize| {
            if letters.len() <= head + tail {
                return "·".repeat(letters.len().max(1));
            }
            let middle = "·".repeat((letters.len() - head - tail).min(6));
            let (start, end) = (&letters[..head], &letters[letters.len() - tail..]);
            start.iter().collect::<String>() + &middle + &end.iter().collect::<String>()
        };
        match self {
            Self::Name => crate::model::masked_name(value),
            Self::Phone => crate::phone::masked(value),
            Self::IdNumber => kept(4, 2),
            Self::Address => kept(6, 0),
            Self::Health | Self::Other => "···".to_owned(),
        }
    }
}

impl CodeList {
    /// A list of these codes.
    pub fn new(id: &str, codes: Vec<Code>) -> Self {
        let places = codes.iter().enumerate().map(|(at, it)| (it.code.clone(), at)).collect();
        Self { id: id.to_owned(), codes, places }
    }

    /// A code.
    pub fn get(&self, code: &str) -> Option<&Code> {
        self.places.get(code).map(|at| &self.codes[*at])
    }

    /// The words of a code; the code itself where the list no longer has it.
    pub fn words<'a>(&'a self, code: &'a str, lang: Lang) -> &'a str {
        self.get(code).map_or(code, |it| it.title.get(lang))
    }

    /// The words of a code and of what stands above it, ` / ` between them.
    pub fn path(&self, code: &str, lang: Lang) -> String {
        let mut words = vec![self.words(code, lang)];
        let mut at = self.get(code);
        while let Some(parent) = at.and_then(|it| self.get(it.parent.as_deref()?)) {
            words.push(parent.title.get(lang));
            at = Some(parent);
        }
        words.reverse();
        words.join(" / ")
    }

    /// The code that a cell means: the code, its words, other words for it, or its path; `None` where none or several
    /// are meant.
    pub fn meant(&self, text: &str) -> Option<&str> {
        let text = text.trim();
        if let Some(code) = self.get(text) {
            return Some(&code.code);
        }
        let plain = |it: &str| it.chars().filter(|it| !it.is_whitespace()).collect::<String>().to_lowercase();
        let (wanted, last) = (plain(text), plain(text.rsplit('/').next().unwrap_or(text)));
        let named = |code: &&Code, words: &str| {
            [&code.title.zh, &code.title.en]
                .into_iter()
                .chain(&code.also)
                .any(|it| !it.is_empty() && plain(it) == words)
        };
        let mut found: Vec<_> = self.codes.iter().filter(|it| named(it, &wanted)).collect();
        if found.is_empty() && last != wanted {
            let full =
                |it: &&Code| [Lang::Zh, Lang::En].iter().any(|lang| plain(&self.path(&it.code, *lang)) == wanted);
            found = self.codes.iter().filter(|it| named(it, &last)).filter(full).collect();
        }
        // Words that repeat from level to level mean the deepest of them.
        let above = |it: &Code, other: &Code| self.is_below(&other.code, &it.code);
        let deepest: Vec<_> = found.iter().filter(|it| !found.iter().any(|other| above(it, other))).collect();
        match deepest.as_slice() {
            [one] => Some(&one.code),
            _ => None,
        }
    }

    fn is_below(&self, code: &str, above: &str) -> bool {
        let parent = self.get(code).and_then(|it| it.parent.as_deref());
        parent.is_some_and(|it| it == above || self.is_below(it, above))
    }

    /// A code and everything below it.
    pub fn below<'a>(&'a self, code: &'a str) -> Vec<&'a str> {
        let mut found = vec![code];
        let mut at = 0;
        while let Some(above) = found.get(at).copied() {
            let children = self.codes.iter().filter(|it| it.parent.as_deref() == Some(above));
            found.extend(children.map(|it| it.code.as_str()));
            at += 1;
        }
        found
    }
}
