//! Regions by the names a roster gives them: 桂园、桂园街道、桂园街道办事处 are one.

use std::collections::{BTreeMap, BTreeSet};

use anlan_kernel::RegionCode;
use serde::Serialize;

use crate::{divisions::Division, model::Region};

/// Endings that say what a place is and do not distinguish it, the longest first.
const ENDINGS: [&str; 16] = [
    "社区居民委员会",
    "居民委员会",
    "村民委员会",
    "社区居委会",
    "社区工作站",
    "街道办事处",
    "人民政府",
    "街道办",
    "居委会",
    "村委会",
    "工作站",
    "社区",
    "街道",
    "镇",
    "乡",
    "村",
];
/// Where numbers of places begin that stand in no official table: the statistics use none so high.
const OWN: u32 = 900;

/// A place that is known, or will be when the roster is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    code: RegionCode,
    name: String,
    stem: String,
    /// Stands in the register already.
    registered: bool,
}

/// A name of which it is not known which region is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unclear {
    /// By which it is mended: `street` or `street/community`, as the sheet has them.
    pub name: String,
    /// Code and name of the regions it may be.
    pub choices: Vec<(String, String)>,
    /// Whether several have the name; else none has.
    pub several: bool,
}

/// What names are looked up in.
#[derive(Clone, Debug)]
pub struct Places {
    district: RegionCode,
    places: Vec<Place>,
    /// Streets whose communities are all known, so that a name that is not among them is a fault.
    whole: BTreeSet<String>,
    /// What somebody said a name means; `new`: a place that is to be made.
    mended: BTreeMap<String, String>,
}

/// The name without what every place of its kind is called.
fn stem(name: &str) -> String {
    let plain: String = name.chars().filter(|it| it.is_alphanumeric()).collect();
    let ending = ENDINGS.iter().find(|it| plain.chars().count() > it.chars().count() && plain.ends_with(**it));
    match ending.and_then(|it| plain.strip_suffix(it)) {
        // 东湖街道社区 and the like end twice.
        Some(rest) if rest.ends_with("社区") && rest.chars().count() > 2 => rest.trim_end_matches("社区").to_owned(),
        Some(rest) => rest.to_owned(),
        None => plain,
    }
}

impl Places {
    /// The register's regions of a district and, where it has none, the official ones.
    pub fn new(
        district: &RegionCode,
        registered: &[Region],
        official: &[Division],
        mended: BTreeMap<String, String>,
    ) -> Self {
        let mut this = Self { district: district.clone(), places: Vec::new(), whole: BTreeSet::new(), mended };
        for it in registered.iter().filter(|it| district.covers(&it.code)) {
            this.add(it.code.clone(), &it.name, true);
        }
        for it in official {
            if let Ok(code) = RegionCode::parse(&it.code)
                && this.named(&code).is_none()
            {
                this.add(code, &it.name, false);
            }
        }
        this
    }

    fn add(&mut self, code: RegionCode, name: &str, registered: bool) {
        if let Some(street) = code.street().filter(|it| it != &code) {
            self.whole.insert(street.to_string());
        }
        self.places.push(Place { stem: stem(name), name: name.to_owned(), registered, code });
    }

    /// The name of a region.
    pub fn named(&self, code: &RegionCode) -> Option<&str> {
        self.places.iter().find(|it| it.code == *code).map(|it| it.name.as_str())
    }

    /// The district.
    pub fn district(&self) -> &RegionCode {
        &self.district
    }

    /// The region of a code, if there is one.
    pub fn coded(&self, code: &str) -> Option<RegionCode> {
        let code = RegionCode::parse(code).ok()?;
        self.named(&code).is_some().then_some(code)
    }

    /// The region that names mean: of the community where one is given, else of the street, else the district.
    ///
    /// # Errors
    /// The name that is not clear, with the regions it may be.
    pub fn find(&mut self, street: &str, community: &str) -> Result<RegionCode, Unclear> {
        if street.is_empty() && community.is_empty() {
            return Ok(self.district.clone());
        }
        let above = if street.is_empty() { None } else { Some(self.street(street)?) };
        match (above, community.is_empty()) {
            (Some(above), true) => Ok(above),
            (above, _) => self.community(above.as_ref(), street, community),
        }
    }

    fn street(&mut self, name: &str) -> Result<RegionCode, Unclear> {
        let district = self.district.clone();
        let own = self.named(&district).map(stem);
        if own.is_some_and(|it| it == stem(name) || stem(name) == format!("{it}区") || stem(name) == format!("{it}县"))
        {
            return Ok(district);
        }
        // A street stands in front with its district, or without: 罗湖区桂园街道.
        let short = self.named(&district).and_then(|it| name.strip_prefix(it)).unwrap_or(name).to_owned();
        let found = self.alike(&short, 9, &district);
        self.decide(name, found, 9, &district, &short)
    }

    fn community(&mut self, above: Option<&RegionCode>, street: &str, name: &str) -> Result<RegionCode, Unclear> {
        let within = above.cloned().unwrap_or_else(|| self.district.clone());
        let key = if street.is_empty() { name.to_owned() } else { format!("{street}/{name}") };
        let found = self.alike(name, 12, &within);
        // A name alone may be that of a street.
        let found = if found.is_empty() && above.is_none() { self.alike(name, 9, &within) } else { found };
        self.decide(&key, found, 12, &within, name)
    }

    /// Regions of this length inside `within` that go by the name: as it stands, else without its ending.
    fn alike(&self, name: &str, length: usize, within: &RegionCode) -> Vec<RegionCode> {
        let stem = stem(name);
        let inside = || self.places.iter().filter(|it| it.code.as_str().len() == length && within.covers(&it.code));
        let same: Vec<_> = inside().filter(|it| it.name == name).map(|it| it.code.clone()).collect();
        if same.is_empty() { inside().filter(|it| it.stem == stem).map(|it| it.code.clone()).collect() } else { same }
    }

    fn decide(
        &mut self,
        key: &str,
        mut found: Vec<RegionCode>,
        length: usize,
        within: &RegionCode,
        name: &str,
    ) -> Result<RegionCode, Unclear> {
        match self.mended.get(key).cloned().as_deref() {
            Some("new") if within.as_str().len() + 3 == length => return Ok(self.make(within, name)),
            Some(code) => {
                if let Some(chosen) = self.coded(code) {
                    return Ok(chosen);
                }
            }
            None => {}
        }
        if found.len() == 1 {
            return Ok(found.remove(0));
        }
        // Nothing is known of what lies here: the sheet says it first.
        let first = found.is_empty() && within.as_str().len() + 3 == length;
        let silent = if length == 9 {
            !self.places.iter().any(|it| it.code.as_str().len() == 9)
        } else {
            !self.whole.contains(within.as_str())
        };
        if first && silent {
            return Ok(self.make(within, name));
        }
        Err(self.unclear(key, &found, length, within))
    }

    fn unclear(&self, key: &str, found: &[RegionCode], length: usize, within: &RegionCode) -> Unclear {
        let of = |it: &&Place| it.code.as_str().len() == length && within.covers(&it.code);
        let among = |it: &&Place| found.is_empty() || found.contains(&it.code);
        let choices =
            self.places.iter().filter(of).filter(among).map(|it| (it.code.to_string(), it.name.clone())).collect();
        Unclear { name: key.to_owned(), choices, several: found.len() > 1 }
    }

    /// A place that stands in no table gets a number of its own below `within`; the same name the same one.
    fn make(&mut self, within: &RegionCode, name: &str) -> RegionCode {
        let length = within.as_str().len() + 3;
        if let Some(found) = self.alike(name, length, within).pop() {
            return found;
        }
        let taken = |number: u32| self.named_digits(&format!("{within}{number:03}"));
        let number = (OWN..1_000).chain(1..OWN).find(|it| !taken(*it)).unwrap_or(OWN);
        let code = RegionCode::parse(&format!("{within}{number:03}")).unwrap_or_else(|_| within.clone());
        self.places.push(Place { code: code.clone(), name: name.to_owned(), stem: stem(name), registered: false });
        code
    }

    fn named_digits(&self, code: &str) -> bool {
        self.places.iter().any(|it| it.code.as_str() == code)
    }

    /// Regions the register lacks: those above what is `used` and, where it has no region of the district at all, every
    /// official one, so that a community without anybody shows.
    pub fn lacking(&self, used: &BTreeSet<RegionCode>) -> Vec<Region> {
        let bare = !self.places.iter().any(|it| it.registered);
        let wanted = |it: &&Place| !it.registered && (bare || used.iter().any(|used| it.code.covers(used)));
        let mut found: Vec<Region> = self.places.iter().filter(wanted).map(|it| region(&it.code, &it.name)).collect();
        found.sort_by(|a, b| a.code.cmp(&b.code));
        found
    }

    /// The region a unit's name speaks of: 桂园街道办事处, 老围社区居民委员会.
    pub fn of_unit(&self, unit: &str) -> Option<RegionCode> {
        let short = self.named(&self.district).and_then(|it| unit.strip_prefix(it)).unwrap_or(unit);
        for (length, marks) in [(12, &["社区", "村", "居委会", "居民委员会"][..]), (9, &["街道", "镇", "乡"][..])]
        {
            if !marks.iter().any(|it| short.contains(it)) {
                continue;
            }
            let fits = |it: &&Place| {
                it.code.as_str().len() == length
                    && !it.stem.is_empty()
                    && (it.stem == stem(short) || short.starts_with(&it.name))
            };
            let mut found = self.places.iter().filter(fits);
            if let (Some(one), None) = (found.next(), found.next()) {
                return Some(one.code.clone());
            }
        }
        None
    }
}

/// A region with its parent.
fn region(code: &RegionCode, name: &str) -> Region {
    let length = code.as_str().len();
    let parent = RegionCode::parse(&code.as_str()[..length.saturating_sub(if length > 6 { 3 } else { 2 })]).ok();
    let level = match length {
        ..=6 => 3,
        7..=9 => 4,
        _ => 5,
    };
    Region { code: code.clone(), name: name.to_owned(), level, parent }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn code(text: &str) -> RegionCode {
        RegionCode::parse(text).unwrap()
    }

    fn places(mended: &[(&str, &str)]) -> Places {
        let official = crate::divisions::below(&code("440303"));
        let mended = mended.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        Places::new(&code("440303"), &[], &official, mended)
    }

    #[rstest]
    #[case::district("", "", "440303")]
    #[case::its_own_name("罗湖区", "", "440303")]
    #[case::street("桂园街道", "", "440303001")]
    #[case::short("桂园", "", "440303001")]
    #[case::office("桂园街道办事处", "", "440303001")]
    #[case::with_the_district("罗湖区桂园街道", "", "440303001")]
    fn streets_go_by_many_names(#[case] street: &str, #[case] community: &str, #[case] want: &str) {
        assert_eq!(places(&[]).find(street, community), Ok(code(want)));
    }

    #[rstest]
    #[case::short("老围")]
    #[case::community("老围社区")]
    #[case::committee("老围社区居民委员会")]
    fn communities_go_by_many_names(#[case] name: &str) {
        let mut places = places(&[]);
        let found = places.find("桂园街道", name).unwrap();
        assert_eq!((found.street(), places.find("", name)), (Some(code("440303001")), Ok(found)));
    }

    #[test]
    fn a_name_nobody_has_is_mended_once_or_made() {
        let unclear = places(&[]).find("桂园街道", "月亮社区").unwrap_err();
        assert!(unclear.name == "桂园街道/月亮社区" && !unclear.several && unclear.choices.len() > 5, "{unclear:?}");
        let (to, name) = &unclear.choices[0];
        assert!(!name.is_empty());
        assert_eq!(places(&[("桂园街道/月亮社区", to)]).find("桂园街道", "月亮社区"), Ok(code(to)));
        let mut made = places(&[("桂园街道/月亮社区", "new")]);
        assert_eq!(made.find("桂园街道", "月亮社区"), Ok(code("440303001900")));
        assert_eq!(made.find("桂园街道", "月亮社区"), Ok(code("440303001900")), "the same once more");
        assert!(made.lacking(&BTreeSet::new()).iter().any(|it| it.name == "月亮社区"));
    }

    #[test]
    fn a_district_of_which_nothing_is_known_is_built_from_the_sheet() {
        let mut places = Places::new(&code("990101"), &[], &[], BTreeMap::new());
        let found = places.find("东街道", "一社区").unwrap();
        assert_eq!(found, code("990101900900"));
        assert_eq!(places.find("东街道", "二社区"), Ok(code("990101900901")));
        assert_eq!(places.lacking(&BTreeSet::new()).len(), 3);
    }
}
