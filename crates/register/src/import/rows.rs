//! One row into one record, with everything the register knows at hand.

use std::collections::{HashMap, HashSet};

use anlan_kernel::{Instant, Problem, RegionCode, Scope};
use anlan_store::{StoreError, Tx};

use super::{
    Entry, moment, region,
    sheet::{self, Column, Row, Sheet},
};
use crate::{
    check::{self, Finding},
    model::{Organisation, Person, Place, Post, Rank, Region, Role, Shift, level_of},
    phone, store,
};

const PEOPLE: &[Column] = &[
    ("name", &["姓名", "责任人", "责任人姓名", "name"]),
    ("phone", &["手机", "手机号", "手机号码", "联系电话", "电话", "phone", "mobile"]),
    ("spare", &["备用电话", "备用", "固定电话", "办公电话", "spare_phone"]),
    ("organisation", &["单位", "单位名称", "工作单位", "organisation"]),
    ("title", &["职务", "title"]),
    ("duty", &["责任", "责任类型", "责任名称", "duty"]),
    ("level", &["级别", "level"]),
    ("region", &["责任区代码", "区划代码", "region_code"]),
    ("region_name", &["责任区名称", "责任区", "region_name"]),
    ("rank", &["岗位", "rank"]),
    ("note", &["备注", "note"]),
];
const REGIONS: &[Column] = &[
    ("code", &["code", "区划代码", "代码"]),
    ("name", &["name", "名称", "区划名称"]),
    ("level", &["level", "级别"]),
    ("parent", &["parent_code", "上级代码"]),
];
const ORGANISATIONS: &[Column] = &[
    ("id", &["id", "编号", "单位编号"]),
    ("name", &["name", "名称", "单位名称"]),
    ("region", &["region_code", "区划代码"]),
    ("kind", &["kind", "类别"]),
    ("hats", &["hats", "牌子"]),
    ("room", &["duty_room_name", "值班室"]),
    ("room_phone", &["duty_room_phone", "值班电话"]),
    ("note", &["note", "备注"]),
];
const SHIFTS: &[Column] = &[
    ("organisation", &["organisation_id", "单位编号"]),
    ("from", &["starts_at", "开始"]),
    ("until", &["ends_at", "结束"]),
    ("role", &["role", "岗位"]),
    ("name", &["person_name", "姓名"]),
    ("phone", &["person_phone", "手机"]),
];
const PLACES: &[Column] = &[
    ("id", &["code_or_id", "区划代码或单位编号", "编号"]),
    ("longitude", &["longitude", "经度"]),
    ("latitude", &["latitude", "纬度"]),
    ("source", &["source", "来源"]),
    ("invented", &["invented", "编造"]),
];

/// Columns of a kind.
pub fn columns(kind: &str) -> Option<&'static [Column]> {
    Some(match kind {
        "people" => PEOPLE,
        "regions" => REGIONS,
        "organisations" => ORGANISATIONS,
        "shifts" => SHIFTS,
        "places" => PLACES,
        _ => return None,
    })
}

/// Rows in the columns of people, in their order.
pub fn people_sheet(rows: &[Row]) -> Sheet {
    let titles = PEOPLE.iter().map(|it| it.1[0].to_owned()).collect();
    Sheet { titles, keys: PEOPLE.iter().map(|it| Some(it.0)).collect(), rows: rows.to_vec() }
}

/// Name and number of a person; without a number, name and place.
type Key = (String, String);
/// Name, unit, area, duty and rank.
type Seat = (String, String, String, String, &'static str);

/// What rows are looked up in; grows with every row read.
pub struct Known {
    /// Where the importer may write.
    scope: Scope,
    regions: HashMap<String, RegionCode>,
    organisations: HashMap<String, (String, RegionCode)>,
    by_id: HashMap<String, RegionCode>,
    people: HashMap<Key, Person>,
    /// Posts that stand, while people are imported.
    standing: Vec<Post>,
    /// Who holds a post, by all that a row says of it but the number.
    holders: HashMap<Seat, HashSet<String>>,
    /// Whom the file names, by number.
    named: HashSet<Key>,
    /// Whose spare number a row has said.
    spared: HashSet<String>,
    /// Units that rows named.
    units: HashSet<String>,
    posts: HashSet<String>,
    shifts: HashMap<String, usize>,
    next: usize,
}

impl Known {
    /// Whether the register holds nobody.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// Whether a unit goes by this name.
    pub fn has_unit(&self, name: &str) -> bool {
        self.organisations.contains_key(name)
    }

    /// Regions and units that are made before what is read now.
    pub fn expect(&mut self, regions: &[Region], units: &[Organisation]) {
        for it in regions {
            self.regions.insert(it.code.to_string(), it.code.clone());
        }
        for it in units {
            self.by_id.insert(it.id.clone(), it.region.clone());
            self.organisations.insert(it.name.clone(), (it.id.clone(), it.region.clone()));
        }
    }

    /// The region of this code, in a list of regions and among the importer's own.
    pub fn own_region(&self, code: &str) -> Result<RegionCode, Problem> {
        let code = region(code, "code")?;
        let wrong = |kind, zh: &str, en: &str| {
            Problem::new(kind, format!("“{code}”{zh}"), format!("\"{code}\" {en}")).field("code")
        };
        if !self.regions.contains_key(code.as_str()) {
            return Err(wrong("bad_region", "不在区划表里", "is in no list of regions"));
        }
        if !self.scope.covers(&code) {
            return Err(wrong("out_of_scope", "不在您的责任区内", "lies outside your duty areas"));
        }
        Ok(code)
    }

    /// Regions and units of everybody, people of the actor's duty areas, and the last number given out.
    pub fn load(tx: &mut Tx<'_>) -> Result<Self, StoreError> {
        let mut known = Self {
            scope: tx.actor().scope.clone(),
            regions: HashMap::new(),
            organisations: HashMap::new(),
            by_id: HashMap::new(),
            people: HashMap::new(),
            standing: Vec::new(),
            holders: HashMap::new(),
            named: HashSet::new(),
            spared: HashSet::new(),
            units: HashSet::new(),
            posts: HashSet::new(),
            shifts: HashMap::new(),
            next: store::person_last(tx)?,
        };
        for it in tx.find::<Region>("1 = 1", "", &[])? {
            known.regions.insert(it.code.to_string(), it.code);
        }
        for (id, name, region) in store::organisation_everywhere(tx)? {
            known.by_id.insert(id.clone(), region.clone());
            known.organisations.insert(name, (id, region));
        }
        for it in tx.find::<Person>("1 = 1", "ORDER BY id DESC", &[])? {
            known.people.insert(key(&it), it);
        }
        Ok(known)
    }

    /// Looks at what people import: who holds which post, and whom the file names.
    pub fn prepare(&mut self, tx: &mut Tx<'_>, sheet: &Sheet) -> Result<(), StoreError> {
        let names: HashMap<&str, &str> =
            self.people.values().filter_map(|it| Some((it.id.as_str(), it.name.as_deref()?))).collect();
        for post in tx.find::<Post>("1 = 1", "ORDER BY id", &[])? {
            if let Some(name) = names.get(post.person.as_str()) {
                let seat = seat(name, &post.organisation, &post.region, &post.duty, post.rank);
                self.holders.entry(seat).or_default().insert(post.person.clone());
                self.standing.push(post);
            }
        }
        for row in sheet.rows.iter().filter(|it| !it.open_quote) {
            let cells = Cells { row, sheet };
            let (phone, spare) = numbers(&cells);
            self.named.extend(phone.or(spare).map(|it| (cells.get("name").to_owned(), it)));
        }
        Ok(())
    }

    /// Posts in force of the units that the file names which stand in no row of it.
    pub fn missing(&self, now: Instant) -> usize {
        let left = |it: &&Post| self.units.contains(&it.organisation) && !self.posts.contains(&it.id);
        self.standing.iter().filter(left).filter(|it| it.valid_until.is_none_or(|until| until > now)).count()
    }

    /// What the number check finds in the people of the file, at the first row of each.
    pub fn doubtful(&self, rows: &HashMap<String, usize>, title: &str) -> Vec<Problem> {
        let mut found = self.doubts(rows);
        found.dedup_by_key(|(row, it)| (*row, it.kind));
        found
            .into_iter()
            .map(|(row, it)| Problem::new(it.kind, it.message.zh, it.message.en).field(title).row(row))
            .collect()
    }

    /// As [`Known::doubtful`], each finding with its person; in the order of the rows.
    pub fn doubts(&self, rows: &HashMap<String, usize>) -> Vec<(usize, Finding)> {
        let people: Vec<Person> = self.people.values().filter(|it| it.erased_at.is_none()).cloned().collect();
        let at = |it: &Finding| it.person.as_deref().and_then(|it| rows.get(it)).copied();
        let mut found: Vec<_> = check::of_numbers(&people).into_iter().filter_map(|it| Some((at(&it)?, it))).collect();
        found.sort_by(|(row, a), (other, b)| (row, a.kind, &a.person).cmp(&(other, b.kind, &b.person)));
        found.dedup_by(|(row, a), (other, b)| (row, a.kind, &a.person) == (other, b.kind, &b.person));
        found
    }

    /// The one person who holds this post under this name with another number, whom the file names nowhere by it.
    fn holder(&self, seat: &Seat) -> Option<Key> {
        let mut ids = self.holders.get(seat)?.iter();
        let id = ids.next().filter(|_| ids.next().is_none())?;
        let (key, _) = self.people.iter().find(|(_, it)| it.id == *id)?;
        (!self.named.contains(key)).then(|| key.clone())
    }
}

fn seat(name: &str, organisation: &str, region: &RegionCode, duty: &str, rank: Rank) -> Seat {
    (name.to_owned(), organisation.to_owned(), region.to_string(), duty.to_owned(), rank.name())
}

/// Who a row means.
fn key(person: &Person) -> Key {
    let number = person.phone.clone().or_else(|| person.spare.clone());
    (person.name.clone().unwrap_or_default(), number.unwrap_or_else(|| person.region.to_string()))
}

/// Reads one row.
pub fn read(kind: &str, row: &Row, sheet: &Sheet, known: &mut Known) -> Result<Entry, Problem> {
    let cells = Cells { row, sheet };
    if row.open_quote {
        return Err(sheet::open_quote());
    }
    match kind {
        "regions" => read_region(&cells, known),
        "organisations" => read_organisation(&cells, known),
        "shifts" => read_shift(&cells, known),
        "places" => read_place(&cells, known),
        _ => read_post(&cells, known),
    }
}

struct Cells<'a> {
    row: &'a Row,
    sheet: &'a Sheet,
}

impl Cells<'_> {
    fn get(&self, key: &str) -> &str {
        self.sheet.cell(self.row, key)
    }

    fn some(&self, key: &str) -> Option<String> {
        Some(self.get(key).to_owned()).filter(|it| !it.is_empty())
    }

    fn must(&self, key: &str) -> Result<&str, Problem> {
        let text = self.get(key);
        let title = self.sheet.title(key);
        if text.is_empty() {
            let words = (format!("“{title}”不能为空"), format!("{title} is empty"));
            return Err(Problem::new("empty", words.0, words.1).field(title));
        }
        Ok(text)
    }

    fn wrong(&self, key: &str, zh: &str, en: &str) -> Problem {
        let (title, text) = (self.sheet.title(key), self.get(key));
        Problem::new(format!("bad_{key}"), format!("“{text}”{zh}"), format!("{text:?} {en}")).field(title)
    }

    fn region(&self, key: &str, known: &Known) -> Result<RegionCode, Problem> {
        let code = region(self.must(key)?, &self.sheet.title(key))?;
        if !known.regions.contains_key(code.as_str()) {
            return Err(self.wrong(
                key,
                "不在区划表里；请核对，或先导入区划（regions）",
                "is in no list of regions; check it, or import the regions first",
            ));
        }
        self.own(key, &code, known)?;
        Ok(code)
    }

    /// Nobody writes outside the own duty areas.
    fn own(&self, key: &str, region: &RegionCode, known: &Known) -> Result<(), Problem> {
        if known.scope.covers(region) {
            return Ok(());
        }
        let problem = self.wrong(key, "不在您的责任区内", "lies outside your duty areas");
        Err(Problem { code: "out_of_scope".into(), ..problem })
    }
}

fn read_region(cells: &Cells<'_>, known: &mut Known) -> Result<Entry, Problem> {
    let code = region(cells.must("code")?, &cells.sheet.title("code"))?;
    cells.own("code", &code, known)?;
    let parent = cells.some("parent").map(|it| region(&it, &cells.sheet.title("parent"))).transpose()?;
    let level = cells.must("level")?.parse().map_err(|_| cells.wrong("level", "不是数字", "is not a number"))?;
    let found = Region { name: cells.must("name")?.to_owned(), level, parent, code: code.clone() };
    known.regions.insert(code.to_string(), code);
    Ok(Entry::Region(found))
}

fn read_organisation(cells: &Cells<'_>, known: &mut Known) -> Result<Entry, Problem> {
    let (id, name) = (cells.must("id")?.to_owned(), cells.must("name")?.to_owned());
    let region = cells.region("region", known)?;
    if let Some(before) = known.by_id.get(&id) {
        cells.own("id", before, known)?;
    }
    known.organisations.insert(name.clone(), (id.clone(), region.clone()));
    known.by_id.insert(id.clone(), region.clone());
    let hats = cells.get("hats").split([';', '；', '、']).map(str::trim).filter(|it| !it.is_empty());
    Ok(Entry::Organisation(Organisation {
        id,
        name,
        region,
        kind: cells.must("kind")?.to_owned(),
        hats: hats.map(str::to_owned).collect(),
        duty_room_name: cells.some("room"),
        duty_room_phone: cells.some("room_phone").map(|it| phone::tidy(&it)),
        note: cells.some("note"),
    }))
}

/// Degrees of WGS 84; one that does not exist, or is written as anything but a decimal, is refused.
fn degrees(cells: &Cells<'_>, key: &str, most: f64) -> Result<f64, Problem> {
    let found = cells.must(key)?.parse::<f64>().ok().filter(|it| (-most..=most).contains(it));
    let (zh, en) =
        (format!("不是 -{most} 到 {most} 的度数（WGS 84）"), format!("is no degree from -{most} to {most} (WGS 84)"));
    found.ok_or_else(|| cells.wrong(key, &zh, &en))
}

fn read_place(cells: &Cells<'_>, known: &Known) -> Result<Entry, Problem> {
    let id = cells.must("id")?.to_owned();
    let found = known.regions.get(&id).or_else(|| known.by_id.get(&id)).cloned();
    let region =
        found.ok_or_else(|| cells.wrong("id", "不在区划表和单位表里", "is in no list of regions or organisations"))?;
    cells.own("id", &region, known)?;
    let invented = match cells.get("invented") {
        "" | "0" | "false" | "否" => false,
        "1" | "true" | "是" | "演示编造" => true,
        _ => return Err(cells.wrong("invented", "不是 是 或 否", "is neither true nor false")),
    };
    let (longitude, latitude) = (degrees(cells, "longitude", 180.0)?, degrees(cells, "latitude", 90.0)?);
    Ok(Entry::Place(Place { id, region, longitude, latitude, source: cells.must("source")?.to_owned(), invented }))
}

fn read_post(cells: &Cells<'_>, known: &mut Known) -> Result<Entry, Problem> {
    let name = cells.must("name")?.to_owned();
    let region = cells.region("region", known)?;
    let level = level_of(cells.must("level")?)
        .ok_or_else(|| cells.wrong("level", "不是区级、街道或社区", "is not 区级, 街道 or 社区"))?;
    let rank = Rank::parse(cells.must("rank")?)
        .ok_or_else(|| cells.wrong("rank", "不是主责、副A、副B或成员", "is not 主责, 副A, 副B or 成员"))?;
    let unit = cells.must("organisation")?;
    let (organisation, home) =
        known.organisations.get(unit).cloned().unwrap_or_else(|| (unit.to_owned(), region.clone()));
    cells.own("organisation", &home, known)?;
    let duty = cells.must("duty")?.to_owned();
    let (phone, spare) = numbers(cells);
    let seat = seat(&name, &organisation, &region, &duty, rank);
    let fresh = Person { id: String::new(), region: home, name: Some(name), phone, spare, erased_at: None };
    let (person, renumbered) = person(known, fresh, &seat);
    let renumbered = renumbered.map(|it| Box::new(it.field(cells.sheet.title("phone"))));
    known.units.insert(organisation.clone());
    let id = format!("{}/{organisation}/{region}/{}/{duty}", person.id.replace("person:", "post:"), rank.name());
    if !known.posts.insert(id.clone()) {
        return Err(Problem::new("duplicate", "与前面某行完全重复", "repeats an earlier row"));
    }
    let title = cells.get("title").to_owned();
    let note = cells.some("note");
    let post = Post {
        id,
        person: person.id.clone(),
        organisation,
        title,
        duty,
        region,
        level,
        rank,
        note,
        valid_from: None,
        valid_until: None,
    };
    Ok(Entry::Post(person, post, renumbered))
}

/// First number and spare one, as the cells have them.
fn numbers(cells: &Cells<'_>) -> (Option<String>, Option<String>) {
    let numbers: Vec<String> =
        phone::split(cells.get("phone")).into_iter().chain(phone::split(cells.get("spare"))).collect();
    match cells.get("phone").is_empty() {
        true => (None, numbers.first().cloned()),
        false => (numbers.first().cloned(), numbers.get(1).cloned()),
    }
}

/// The person of this name and number; of this name at this post, whose number then changed; or a new one. A number that
/// a row leaves out stays as it was.
fn person(known: &mut Known, fresh: Person, seat: &Seat) -> (Person, Option<Box<Problem>>) {
    let fresh_key = key(&fresh);
    let at = if known.people.contains_key(&fresh_key) { Some(fresh_key.clone()) } else { known.holder(seat) };
    let Some(before) = at.and_then(|it| known.people.remove(&it)) else {
        known.next += 1;
        let made = Person { id: format!("person:{:09}", known.next), ..fresh };
        known.spared.extend(made.spare.is_some().then(|| made.id.clone()));
        known.people.insert(fresh_key, made.clone());
        return (made, None);
    };
    let mut after = before.clone();
    if fresh.phone.is_some() {
        after.phone = fresh.phone;
    }
    // One person in several rows: the first that says a spare number says it.
    if fresh.spare.is_some() && known.spared.insert(after.id.clone()) {
        after.spare = fresh.spare;
    }
    if after.spare == after.phone {
        after.spare = None;
    }
    known.people.insert(key(&after), after.clone());
    let note = changed(&before, &after);
    (after, note)
}

/// Says which number changed, with the middle of both left out.
fn changed(before: &Person, after: &Person) -> Option<Box<Problem>> {
    let masked = |it: &Option<String>| it.as_deref().map_or_else(|| "—".to_owned(), phone::masked);
    let (mut zh, mut en) = (Vec::new(), Vec::new());
    let mut say = |names: [&str; 2], before, after| {
        let (from, to) = (masked(before), masked(after));
        // What the eye cannot tell apart is said.
        let (hidden_zh, hidden_en) =
            if from == to { ("（改在隐去的几位）", " (in the hidden digits)") } else { ("", "") };
        zh.push(format!("{} {from} → {to}{hidden_zh}", names[0]));
        en.push(format!("{} {from} → {to}{hidden_en}", names[1]));
    };
    if before.phone != after.phone {
        say(["手机", "phone"], &before.phone, &after.phone);
    }
    // A spare number that is new is none that changed.
    if before.spare != after.spare && before.spare.is_some() {
        say(["备用电话", "spare"], &before.spare, &after.spare);
    }
    let words = (format!("号码更改：{}", zh.join("；")), format!("number changed: {}", en.join("; ")));
    (!zh.is_empty()).then(|| Box::new(Problem::new("number_changed", words.0, words.1)))
}

fn read_shift(cells: &Cells<'_>, known: &mut Known) -> Result<Entry, Problem> {
    let organisation = cells.must("organisation")?.to_owned();
    let region = known.by_id.get(&organisation).cloned();
    let region = region.ok_or_else(|| cells.wrong("organisation", "不在单位表里", "is in no list of organisations"))?;
    cells.own("organisation", &region, known)?;
    let time = |key: &str| {
        let found = moment(cells.must(key)?);
        found.ok_or_else(|| cells.wrong(key, "不是带时区的时间", "is not a time with an offset"))
    };
    let (starts_at, ends_at) = (time("from")?, time("until")?);
    if ends_at <= starts_at {
        return Err(cells.wrong("until", "早于开始", "is before the start"));
    }
    let role = Role::parse(cells.must("role")?)
        .ok_or_else(|| cells.wrong("role", "不是带班领导、主班、副班或备勤", "is not 带班领导, 主班, 副班 or 备勤"))?;
    let (name, number) = (cells.must("name")?.to_owned(), phone::tidy(cells.get("phone")));
    let found = known.people.get(&(name.clone(), number.clone())).map(|it| it.id.clone());
    let slot = known.shifts.entry(format!("{organisation}/{starts_at}/{}", role.name())).or_default();
    *slot += 1;
    let id = format!("{organisation}/{starts_at}/{}/{slot}", role.name());
    let stranger = found.is_none();
    Ok(Entry::Shift(Shift {
        subject: found.clone().unwrap_or_else(|| format!("shift:{id}")),
        id,
        organisation,
        region,
        starts_at,
        ends_at,
        role,
        person: found,
        name: stranger.then_some(name),
        phone: stranger.then_some(number).filter(|it| !it.is_empty()),
    }))
}
