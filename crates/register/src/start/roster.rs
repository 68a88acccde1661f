//! A roster as bureaus keep it, one row with several people, into one row for each post.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use anlan_kernel::{Problem, RegionCode, Text, Tier};
use serde::Serialize;

use super::{
    names::{Places, Unclear},
    target::{SEATS, Seat},
};
use crate::{
    import::{
        book::Grid,
        heads::Heads,
        matching::{Matching, plain},
        sheet::Row,
    },
    model::{Organisation, Rank, level_of, level_zh},
};

/// What the sheet does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// What everybody is responsible for whose row says nothing.
    pub duty: String,
    /// Put before a number of 7 or 8 digits.
    pub area_code: String,
}

/// A row that holds nobody, and what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Its number.
    pub row: usize,
    /// Why.
    pub why: Text,
}

/// What a sheet says.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// One for each post, in the columns of the importer.
    pub posts: Vec<Row>,
    /// What is wrong with other rows.
    pub problems: Vec<Problem>,
    /// Rows that are no rows of the table.
    pub skipped: Vec<Skipped>,
    /// Names of places that are not clear, and how many rows name them.
    pub unclear: BTreeMap<Unclear, usize>,
    /// Units of the sheet with where they are, in the order of their names.
    pub units: BTreeMap<String, RegionCode>,
    /// Every region somebody is responsible for.
    pub regions: BTreeSet<RegionCode>,
}

/// Reads the rows below the titles.
pub fn read(grid: &Grid, heads: &Heads, matching: &Matching, given: &Given, places: &mut Places) -> Reading {
    let mut reader = Reader {
        matching,
        given,
        places,
        above: Above::default(),
        leads: HashSet::new(),
        seen: HashSet::new(),
        units: BTreeMap::new(),
        out: Reading::default(),
    };
    let titles: Vec<&str> = heads.columns.iter().map(|it| it.title.as_str()).collect();
    for row in grid.rows.iter().skip(heads.at + 1) {
        if row.open_quote {
            reader.out.problems.push(crate::import::sheet::open_quote().row(row.number));
        } else if let Some(why) = reader.is_no_row(row, &titles) {
            if !why.zh.is_empty() {
                reader.out.skipped.push(Skipped { row: row.number, why });
            }
        } else {
            reader.row(row, grid.merged);
        }
    }
    reader.finish()
}

/// What stood in the rows above, for cells that are written once.
#[derive(Default)]
struct Above {
    street: String,
    community: String,
    unit: String,
}

struct Reader<'a> {
    matching: &'a Matching,
    given: &'a Given,
    places: &'a mut Places,
    above: Above,
    /// Areas and duties that have a lead already.
    leads: HashSet<String>,
    /// Posts that stand already, of people who stand in many rows.
    seen: HashSet<Vec<String>>,
    /// Regions of the posts of each unit.
    units: BTreeMap<String, BTreeSet<RegionCode>>,
    out: Reading,
}

/// Beginnings of lines below a table.
const FOOTERS: [&str; 11] =
    ["填表人", "制表", "审核", "填报", "注：", "注:", "说明：", "备注：", "联系人：", "单位（盖章", "打印日期"];

impl Reader<'_> {
    fn cell<'r>(&self, row: &'r Row, key: &str) -> &'r str {
        self.matching.at(key).and_then(|at| row.cells.get(at)).map_or("", |it| it.trim())
    }

    fn of<'r>(&self, row: &'r Row, seat: &Seat, key: &str) -> &'r str {
        self.cell(row, &format!("{}.{key}", seat.id))
    }

    /// What a row is that holds nobody; no words for a blank one.
    fn is_no_row(&self, row: &Row, titles: &[&str]) -> Option<Text> {
        let filled: Vec<&str> = row.cells.iter().map(|it| it.trim()).filter(|it| !it.is_empty()).collect();
        let Some(first) = filled.first() else { return Some(Text::default()) };
        let start: String = filled.iter().take(3).map(|it| plain(it)).collect();
        if ["小计", "合计", "总计", "共计"].iter().any(|it| start.contains(it)) && !self.has_number(row) {
            return Some(Text::new("小计或合计行", "a line of totals"));
        }
        if FOOTERS.iter().any(|it| first.starts_with(it)) && !self.has_number(row) {
            return Some(Text::new("表尾或说明行", "a line below the table"));
        }
        let repeated =
            row.cells.iter().zip(titles).filter(|(cell, title)| !title.is_empty() && cell.trim() == **title).count();
        if repeated >= 2 && repeated * 2 >= filled.len() {
            return Some(Text::new("重复的表头", "the titles once more"));
        }
        if filled.iter().all(|it| it == first) && !self.has_person(row) {
            return Some(Text::new("分节标题行", "a title of a section"));
        }
        (!self.has_person(row) && !self.has_number(row))
            .then(|| Text::new("没有姓名和号码", "neither a name nor a number"))
    }

    fn has_person(&self, row: &Row) -> bool {
        SEATS.iter().any(|it| !self.of(row, it, "name").is_empty())
    }

    fn has_number(&self, row: &Row) -> bool {
        let digits = |text: &str| text.chars().filter(|it| it.is_numeric()).count() >= 7;
        SEATS.iter().any(|it| ["phone", "office", "spare"].iter().any(|key| digits(self.of(row, it, key))))
    }

    fn row(&mut self, row: &Row, merged: bool) {
        let (street, community) = self.names(row, merged);
        let region = match self.region(row, &street, &community) {
            Ok(region) => region,
            Err(problem) => {
                self.out.problems.push(problem.row(row.number));
                return;
            }
        };
        let mut posts = Vec::new();
        for seat in &SEATS {
            match self.post(row, seat, &region) {
                Ok(post) => posts.extend(post.map(|it| (it, seat.level.is_some()))),
                Err(problem) => {
                    self.out.problems.push(problem.row(row.number));
                    return;
                }
            }
        }
        if posts.is_empty() {
            self.out.problems.push(nameless().row(row.number));
        }
        posts.into_iter().for_each(|(post, often)| self.keep(row, post, often));
    }

    /// Street and community of a row; what is written once for several rows stands in each.
    fn names(&mut self, row: &Row, merged: bool) -> (String, String) {
        let (mut street, mut community) = (self.cell(row, "street").to_owned(), self.cell(row, "community").to_owned());
        let district = level_of(self.cell(row, "level")) == Some(Tier::District);
        if !merged && street.is_empty() && !district {
            street.clone_from(&self.above.street);
            // Both blank: the row belongs to the one above.
            if community.is_empty() {
                community.clone_from(&self.above.community);
            }
        }
        self.above.street.clone_from(&street);
        self.above.community.clone_from(&community);
        (street, community)
    }

    fn region(&mut self, row: &Row, street: &str, community: &str) -> Result<RegionCode, Problem> {
        let code = self.cell(row, "code").to_owned();
        if !code.is_empty() {
            if let Some(found) = self.places.coded(&code) {
                return Ok(found);
            }
            let (zh, en) = (
                format!("区划代码“{code}”不在本区的区划表里"),
                format!("{code:?} is no code of a region of this district"),
            );
            return Err(Problem::new("bad_region", zh, en).field("区划代码"));
        }
        let area =
            if street.is_empty() && community.is_empty() { self.cell(row, "area").to_owned() } else { String::new() };
        let found = if area.is_empty() {
            self.places.find(street, community)
        } else {
            self.places.find(&area, "").or_else(|first| self.places.find("", &area).map_err(|_| first))
        };
        found.map_err(|unclear| {
            let problem = place_problem(&unclear);
            *self.out.unclear.entry(unclear).or_default() += 1;
            problem
        })
    }

    /// The post a seat of the row makes, in the importer's columns; `None` where nobody sits.
    fn post(&mut self, row: &Row, seat: &Seat, region: &RegionCode) -> Result<Option<Vec<String>>, Problem> {
        let name: String = self.of(row, seat, "name").split_whitespace().collect();
        let (phone, spare) = (self.number(row, seat, "phone"), self.spares(row, seat));
        if name.is_empty() {
            if seat.id != "lead" || (phone.is_empty() && spare.is_empty()) {
                return Ok(None);
            }
            return Err(nameless());
        }
        let region = of_level(region, seat.level);
        let title = self.of(row, seat, "title").to_owned();
        let duty = self.duty(row, seat);
        let rank = self.rank(row, seat, &region, &duty, &title);
        let level = level_of(self.cell(row, "level")).filter(|_| seat.level.is_none()).unwrap_or_else(|| region.tier());
        let unit = self.unit(row, seat, &region);
        self.units.entry(unit.clone()).or_default().insert(region.clone());
        self.out.regions.insert(region.clone());
        let named = self.places.named(&region).unwrap_or_default().to_owned();
        let note = if seat.id == "lead" { self.cell(row, "note").to_owned() } else { String::new() };
        Ok(Some(vec![
            name,
            phone,
            spare,
            unit,
            title,
            duty,
            level_zh(level).to_owned(),
            region.to_string(),
            named,
            rank.zh().to_owned(),
            note,
        ]))
    }

    /// Of people above the row the same post stands in many rows; it is taken once.
    fn keep(&mut self, row: &Row, cells: Vec<String>, often: bool) {
        if !often || self.seen.insert(cells.clone()) {
            self.out.posts.push(Row { number: row.number, cells, open_quote: false });
        }
    }

    fn number(&self, row: &Row, seat: &Seat, key: &str) -> String {
        let text = self.of(row, seat, key);
        let digits: String = text.chars().filter(|it| !matches!(it, '-' | ' ')).collect();
        let local = matches!(digits.len(), 7 | 8) && digits.bytes().all(|it| it.is_ascii_digit());
        if local && !self.given.area_code.is_empty() {
            format!("{}{digits}", self.given.area_code)
        } else {
            text.to_owned()
        }
    }

    fn spares(&self, row: &Row, seat: &Seat) -> String {
        let both = [self.number(row, seat, "spare"), self.number(row, seat, "office")];
        both.into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join("、")
    }

    /// 东湖水库防汛责任人: what it is about stands before what it is.
    fn duty(&self, row: &Row, seat: &Seat) -> String {
        let row_says = self.cell(row, "duty");
        let of_row = if row_says.is_empty() { self.given.duty.as_str() } else { row_says };
        let duty = seat.duty.unwrap_or(of_row);
        let what = [self.cell(row, "object"), self.cell(row, "grid")]
            .into_iter()
            .find(|it| !it.is_empty())
            .unwrap_or_default();
        if seat.level.is_some() || duty.contains(what) { duty.to_owned() } else { format!("{what}{duty}") }
    }

    fn rank(&mut self, row: &Row, seat: &Seat, region: &RegionCode, duty: &str, title: &str) -> Rank {
        if seat.id != "lead" {
            return seat.rank;
        }
        let first = self.leads.insert(format!("{region}/{duty}"));
        if self.matching.at("rank").is_some() {
            return rank_of(self.cell(row, "rank"));
        }
        // One person a row and no column of ranks: the first of an area leads, deputies say so in their position.
        let deputy_columns = self.matching.at("deputy_a.name").is_some();
        match (first || deputy_columns, title.starts_with('副')) {
            (true, _) => Rank::Lead,
            (false, true) if self.leads.insert(format!("{region}/{duty}/A")) => Rank::DeputyA,
            (false, true) if self.leads.insert(format!("{region}/{duty}/B")) => Rank::DeputyB,
            _ => Rank::Member,
        }
    }

    /// The person's unit: as it is written, that of the row's lead, or the office of the area.
    fn unit(&mut self, row: &Row, seat: &Seat, region: &RegionCode) -> String {
        let own = self.of(row, seat, "unit");
        if !own.is_empty() {
            if seat.id == "lead" {
                own.clone_into(&mut self.above.unit);
            }
            return own.to_owned();
        }
        let lead = self.cell(row, "lead.unit");
        if !lead.is_empty() && seat.level.is_none() {
            return lead.to_owned();
        }
        office(self.places.named(region).unwrap_or_default(), region.tier())
    }

    fn finish(mut self) -> Reading {
        for (unit, regions) in self.units {
            let home = self.places.of_unit(&unit).unwrap_or_else(|| common(&regions, self.places.district()));
            self.out.units.insert(unit, home);
        }
        self.out
    }
}

fn nameless() -> Problem {
    Problem::new("empty", "有号码，没有姓名", "a number without a name").field("姓名")
}

/// The region of the row, or the one above it of this level.
fn of_level(region: &RegionCode, level: Option<Tier>) -> RegionCode {
    let above = match level {
        Some(Tier::District) => region.district(),
        Some(Tier::Street) => region.street(),
        _ => None,
    };
    above.unwrap_or_else(|| region.clone())
}

/// The unit that answers for an area where the sheet names none.
fn office(name: &str, tier: Tier) -> String {
    let ends = |it: &str| name.ends_with(it);
    match tier {
        Tier::District => format!("{name}应急管理局"),
        Tier::Street if ends("街道") => format!("{name}办事处"),
        Tier::Street => format!("{name}人民政府"),
        Tier::Community if ends("委会") || ends("委员会") => name.to_owned(),
        Tier::Community if ends("村") => format!("{name}民委员会"),
        Tier::Community => format!("{name}居民委员会"),
    }
}

/// The smallest region all of them lie in.
fn common(regions: &BTreeSet<RegionCode>, district: &RegionCode) -> RegionCode {
    let mut streets: Vec<_> = regions.iter().map(RegionCode::street).collect();
    streets.dedup();
    match (regions.len(), streets.as_slice()) {
        (1, _) => regions.first().cloned().unwrap_or_else(|| district.clone()),
        (_, [Some(street)]) => street.clone(),
        _ => district.clone(),
    }
}

/// As sheets write ranks.
fn rank_of(text: &str) -> Rank {
    if let Some(rank) = Rank::parse(text) {
        return rank;
    }
    let text = plain(text);
    let has = |words: &[&str]| words.iter().any(|it| text.contains(it));
    if has(&["副b", "c岗", "c角", "第三", "第二副"]) {
        Rank::DeputyB
    } else if has(&["副", "b岗", "b角", "第二"]) {
        Rank::DeputyA
    } else if has(&["主", "a岗", "a角", "第一", "正", "负责人"]) || text == "a" {
        Rank::Lead
    } else if text == "b" {
        Rank::DeputyA
    } else {
        Rank::Member
    }
}

fn place_problem(unclear: &Unclear) -> Problem {
    let name = &unclear.name;
    let (code, zh, en) = if unclear.several {
        (
            "ambiguous_region",
            format!("“{name}”有好几个，请在本页选定是哪一个"),
            format!("several places are called {name:?}; choose one on this page"),
        )
    } else {
        (
            "unknown_region",
            format!("“{name}”不在区划里，请在本页选定对应的地方，或新建"),
            format!("no place is called {name:?}; choose which one is meant on this page, or make it"),
        )
    };
    Problem::new(code, zh, en).field("街道、社区")
}

/// An organisation made of a unit's name.
pub fn organisation(name: &str, region: &RegionCode) -> Organisation {
    let has = |words: &[&str]| words.iter().any(|it| name.contains(it));
    let kind = match region.tier() {
        Tier::Community if has(&["社区", "村", "居委", "居民"]) => "community",
        Tier::Street if has(&["街道", "镇", "乡"]) => "street",
        Tier::District if has(&["应急管理局", "应急局"]) => "district_bureau",
        _ => "member_unit",
    };
    Organisation {
        id: name.to_owned(),
        name: name.to_owned(),
        region: region.clone(),
        kind: kind.to_owned(),
        hats: Vec::new(),
        duty_room_name: None,
        duty_room_phone: None,
        note: None,
    }
}

/// What a title line says everybody is: 三防责任人 of 罗湖区2024年三防责任人名册.
pub fn duty_of(lines: &[String]) -> String {
    const WORD: &str = "责任人";
    const ALWAYS: [&str; 6] = ["三防", "防汛", "地质灾害防治", "地质灾害", "森林防火", "安全生产"];
    let of_line = |line: &String| {
        let before = &line[..line.find(WORD)?];
        Some(
            ALWAYS.iter().find(|it| before.ends_with(**it)).map_or_else(|| WORD.to_owned(), |it| format!("{it}{WORD}")),
        )
    };
    lines.iter().rev().find_map(of_line).unwrap_or_else(|| WORD.to_owned())
}
