//! What the columns of a sheet can mean for a kind.

use std::collections::HashMap;

use anlan_kernel::{Lang, Text};

use crate::{
    import::{
        book::Grid,
        heads::{self, Heads},
        matching::{Known, Match, Matching, Seen, Target, Why, plain},
    },
    kinds::{Field, Kind, Placing},
    records::list::Reader,
};

/// Rows in which titles may stand.
const TITLES: usize = 15;

/// What a column means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Means {
    /// The field at this place of the kind.
    Field(usize),
    /// 区划代码, or the region's name.
    Region,
    /// 街道.
    Street,
    /// 社区.
    Community,
    /// 经度.
    Longitude,
    /// 纬度.
    Latitude,
    /// Both in one cell.
    Position,
    /// 坐标系.
    Datum,
    /// A shape as GeoJSON.
    Shape,
    /// 责任单位.
    Owner,
}

/// A column every kind has: key, words, titles.
type Common = (Means, &'static str, (&'static str, &'static str), &'static [&'static str]);

/// Where things lie and whose they are; every record has them.
pub const COMMON: [Common; 10] = [
    (
        Means::Region,
        "region",
        ("区划代码或名称", "Region"),
        &[
            "区划代码",
            "行政区划代码",
            "责任区代码",
            "区划编码",
            "所在区划",
            "所属区划",
            "行政区划",
            "区划",
            "责任区",
            "责任区名称",
            "所属辖区",
            "region",
            "region code",
        ],
    ),
    (
        Means::Street,
        "street",
        ("所属街道", "Street"),
        &[
            "街道",
            "所在街道",
            "街道名称",
            "街道（镇）",
            "街道/镇",
            "镇街",
            "乡镇街道",
            "街道（乡镇）",
            "所属镇街",
            "乡镇",
            "street",
        ],
    ),
    (
        Means::Community,
        "community",
        ("所属社区", "Community"),
        &["社区", "所在社区", "社区名称", "社区（村）", "社区/村", "村社区", "村（社区）", "村居", "community"],
    ),
    (
        Means::Longitude,
        "longitude",
        ("经度", "Longitude"),
        &["东经", "经度坐标", "lng", "lon", "longitude", "x坐标", "坐标x"],
    ),
    (Means::Latitude, "latitude", ("纬度", "Latitude"), &["北纬", "纬度坐标", "lat", "latitude", "y坐标", "坐标y"]),
    (
        Means::Position,
        "position",
        ("经纬度", "Longitude, latitude"),
        &["坐标", "经纬度坐标", "位置坐标", "地理坐标", "经度纬度", "coordinates", "position"],
    ),
    (Means::Datum, "datum", ("坐标系", "Datum"), &["坐标系统", "坐标类型", "坐标系类型", "datum", "crs"]),
    (Means::Shape, "shape", ("图形（GeoJSON）", "Shape (GeoJSON)"), &["图形", "geojson", "geometry", "shape"]),
    (Means::Owner, "owner", ("责任单位", "Organisation in charge"), &["归属单位", "owner", "organisation in charge"]),
    // Told apart from a unit's own name by its words.
    (Means::Region, "region_name", ("区划名称", "Name of the region"), &["所在区划名称", "name of the region"]),
];

/// Fields of a kind that come in sheets, for a reader who sees them.
pub fn fields<'a>(kind: &'a Kind, reader: &'a Reader) -> impl Iterator<Item = (usize, &'a Field)> {
    kind.fields.iter().enumerate().filter(|(_, it)| it.in_sheets() && it.computed.is_none() && reader.sees(it))
}

/// Whether a kind has such a column.
pub fn has(kind: &Kind, means: Means) -> bool {
    match means {
        Means::Longitude | Means::Latitude | Means::Position => matches!(kind.place, Placing::Point | Placing::Any),
        Means::Shape | Means::Datum => kind.place != Placing::None,
        _ => true,
    }
}

/// What a sheet of this kind is matched with.
pub fn target(kind: &Kind, reader: &Reader) -> Target {
    let own = fields(kind, reader).map(|(_, it)| Known {
        key: format!("f.{}", it.id),
        label: Text::new(it.heading(Lang::Zh), it.heading(Lang::En)),
        titles: titles(it),
        required: it.required && it.default.is_none(),
        ..Known::default()
    });
    let common = COMMON.iter().filter(|it| has(kind, it.0)).map(|(_, key, words, titles)| Known {
        key: (*key).to_owned(),
        label: Text::new(words.0, words.1),
        titles: [words.0, words.1].iter().chain(*titles).map(|it| (*it).to_owned()).collect(),
        ..Known::default()
    });
    Target { kind: format!("register/{}", kind.id), columns: own.chain(common).collect(), families: Vec::new() }
}

/// Every title a field goes by, with its unit and without.
fn titles(field: &Field) -> Vec<String> {
    let plain = [field.title.zh.clone(), field.title.en.clone()].into_iter().chain(field.also.iter().cloned());
    plain
        .flat_map(|it| field.unit.iter().map(|unit| format!("{it}{unit}")).chain([it.clone()]).collect::<Vec<_>>())
        .collect()
}

/// What a key of [`target`] means.
pub fn means(kind: &Kind, key: &str) -> Option<Means> {
    match key.strip_prefix("f.") {
        Some(id) => kind.fields.iter().position(|it| it.id == id).map(Means::Field),
        None => COMMON.iter().find(|it| it.1 == key).map(|it| it.0),
    }
}

/// The titles of a sheet; signs, and brackets behind a title, are left out of what they are compared by.
pub fn heads(grid: &Grid, target: &Target) -> Option<Heads> {
    let mut bare = grid.clone();
    for row in bare.rows.iter_mut().take(TITLES) {
        row.cells.iter_mut().for_each(|it| *it = bare_title(it));
    }
    let mut heads = heads::find(&bare, target).or_else(|| alone(&bare, target))?;
    let Some(shown) = grid.rows.get(heads.at) else { return Some(heads) };
    for (column, cell) in heads.columns.iter_mut().zip(&shown.cells) {
        // Where the title stands in this row it is shown as it stands.
        if !column.title.is_empty() && bare_title(cell) == column.title {
            cell.trim().clone_into(&mut column.title);
        }
    }
    Some(heads)
}

/// A sheet of which one column is known: its titles stand in the first row.
fn alone(grid: &Grid, target: &Target) -> Option<Heads> {
    let first = grid.rows.first()?;
    let known =
        |it: &str| target.columns.iter().any(|known| known.titles.iter().any(|title| plain(title) == plain(it)));
    let count = first.cells.iter().filter(|it| known(it)).count();
    let columns = first.cells.iter().enumerate().map(|(at, it)| Seen {
        title: it.trim().to_owned(),
        samples: grid.rows[1..]
            .iter()
            .filter_map(|row| row.cells.get(at))
            .filter(|it| !it.trim().is_empty())
            .take(5)
            .cloned()
            .collect(),
        ..Seen::default()
    });
    (count > 0).then(|| Heads { at: 0, row: first.number, columns: columns.collect(), lines: Vec::new(), known: count })
}

/// A title without stars and colons around it, and without what stands in brackets behind it: units, formats, hints.
fn bare_title(title: &str) -> String {
    let mut bare = title.trim().trim_matches(|it: char| "*＊:：#".contains(it) || it.is_whitespace());
    while let Some(rest) = bare.strip_suffix(['）', ')', '】', ']'])
        && let Some(at) = rest.rfind(['（', '(', '【', '['])
        && !rest[..at].trim().is_empty()
    {
        bare = rest[..at].trim_end();
    }
    bare.trim_end_matches(['*', '＊']).to_owned()
}

/// What a bracket behind the title of a coordinate says of its datum: 经度（高德）.
pub fn datum_of(title: &str) -> Option<anlan_codecs::geo::Datum> {
    let inner = title.rsplit_once(['（', '(', '【', '['])?.1.trim_end_matches(['）', ')', '】', ']']);
    let part = inner.split([' ', '，', ',', '、']).find_map(anlan_codecs::geo::Datum::parse);
    part.or_else(|| anlan_codecs::geo::Datum::parse(inner))
}

/// Titles as they are compared, for what was found to be recognised once more.
pub fn bare(columns: &[Seen]) -> Vec<Seen> {
    let bare =
        |it: &Seen| Seen { group: bare_title(&it.group), title: bare_title(&it.title), samples: it.samples.clone() };
    columns.iter().map(bare).collect()
}

/// Keeps what is certain: a part of a title is asked about, and so is a title that stands several times under
/// different groups.
pub fn certain(seen: &[Seen], target: &Target, matching: &mut Matching) {
    let mut titles: HashMap<String, usize> = HashMap::new();
    seen.iter().for_each(|it| *titles.entry(plain(&it.title)).or_default() += 1);
    for (column, found) in seen.iter().zip(&mut matching.columns) {
        let several = titles.get(&plain(&column.title)).is_some_and(|it| *it > 1);
        let whole = plain(&format!("{}{}", column.group, column.title));
        let named = found.key.as_deref().and_then(|it| target.known(it));
        let by_group = named.is_some_and(|it| it.titles.iter().any(|title| plain(title) == whole));
        let doubtful = match found.why {
            Why::Part | Why::Samples => true,
            Why::Title => several && !column.group.is_empty() && !by_group,
            Why::Nothing | Why::Remembered | Why::Chosen => false,
        };
        if doubtful {
            *found = Match::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("*企业名称", "企业名称")]
    #[case("企业名称*", "企业名称")]
    #[case("经度（WGS84）", "经度")]
    #[case("面积(公顷)（必填）", "面积")]
    #[case("高风险区域（点）名称", "高风险区域（点）名称")]
    #[case("（必填）", "（必填）")]
    #[case("名称：", "名称")]
    fn titles_are_trimmed(#[case] title: &str, #[case] want: &str) {
        assert_eq!(bare_title(title), want);
    }

    #[test]
    fn a_title_may_name_the_datum() {
        use anlan_codecs::geo::Datum;
        assert_eq!(datum_of("经度（高德）"), Some(Datum::Gcj02));
        assert_eq!(datum_of("经度(CGCS2000)"), Some(Datum::Wgs84));
        assert_eq!(datum_of("经度（度）"), None);
        assert_eq!(datum_of("经度"), None);
    }
}
