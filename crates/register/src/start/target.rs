//! The columns a roster of responsible persons may have, under every title bureaus give them.

use std::sync::LazyLock;

use anlan_kernel::{Text, Tier};

use crate::{
    import::matching::{Family, Known, Looks, Target},
    model::Rank,
};

/// Who stands in a row: a family of columns, and the post it makes.
pub struct Seat {
    /// The family.
    pub id: &'static str,
    /// 中文, English.
    pub words: (&'static str, &'static str),
    /// Words of a title that name it.
    pub titles: &'static [&'static str],
    /// Its place where nobody is named; 0: it must be named.
    pub order: usize,
    /// Its rank; of the lead the sheet may say another.
    pub rank: Rank,
    /// For which level the person is responsible, where it is not that of the row.
    pub level: Option<Tier>,
    /// What the person is responsible for, where it is not what the row says.
    pub duty: Option<&'static str>,
}

/// Everybody who may stand in a row, in the order in which their words are looked for.
pub const SEATS: [Seat; 7] = [
    Seat {
        id: "deputy_b",
        words: ("第二副职", "second deputy"),
        titles: &["第二副职", "副职2", "副职二", "副B", "C岗", "C角", "第三责任人"],
        order: 3,
        rank: Rank::DeputyB,
        level: None,
        duty: None,
    },
    Seat {
        id: "deputy_a",
        words: ("副职", "deputy"),
        titles: &["副职", "副A", "B岗", "B角", "第二责任人", "副责任人", "替补", "代岗"],
        order: 2,
        rank: Rank::DeputyA,
        level: None,
        duty: None,
    },
    Seat {
        id: "technical",
        words: ("技术责任人", "technical person"),
        titles: &["技术责任人", "技术负责人", "技术"],
        order: 0,
        rank: Rank::Member,
        level: None,
        duty: Some("技术责任人"),
    },
    Seat {
        id: "patrol",
        words: ("巡查责任人", "patroller"),
        titles: &["巡查责任人", "巡查员", "巡查人员", "监测责任人", "监测员", "网格员", "巡查"],
        order: 0,
        rank: Rank::Member,
        level: None,
        duty: Some("巡查责任人"),
    },
    Seat {
        id: "district",
        words: ("区级责任人", "district's person"),
        titles: &["区级责任人", "县级责任人", "区领导", "县领导", "挂点区领导"],
        order: 0,
        rank: Rank::Lead,
        level: Some(Tier::District),
        duty: None,
    },
    Seat {
        id: "street",
        words: ("街道责任人", "street's person"),
        titles: &[
            "街道责任人",
            "镇街责任人",
            "镇级责任人",
            "乡镇责任人",
            "街道领导",
            "镇街领导",
            "挂点领导",
            "驻村领导",
            "包村领导",
        ],
        order: 0,
        rank: Rank::Lead,
        level: Some(Tier::Street),
        duty: None,
    },
    Seat {
        id: "lead",
        words: ("责任人", "responsible person"),
        titles: &[
            "第一责任人",
            "主要责任人",
            "行政责任人",
            "社区责任人",
            "村责任人",
            "主责",
            "A岗",
            "A角",
            "责任人",
            "负责人",
        ],
        order: 1,
        rank: Rank::Lead,
        level: None,
        duty: None,
    },
];

/// A column of the row: key, 中文, English, titles, what it looks like.
type Plain = (&'static str, &'static str, &'static str, &'static [&'static str], Looks);

const PLACES: [Plain; 5] = [
    (
        "district",
        "区（县）",
        "district",
        &["区县", "县区", "区（县）", "县（市、区）", "所属区", "所在区", "区"],
        Looks::Any,
    ),
    (
        "street",
        "街道（镇）",
        "street or town",
        &[
            "街道/镇",
            "街道",
            "镇街",
            "镇（街）",
            "乡镇",
            "街道（镇）",
            "街道（乡镇）",
            "乡镇（街道）",
            "镇",
            "所属街道",
            "所在街道",
            "街道名称",
            "street",
        ],
        Looks::Any,
    ),
    (
        "community",
        "社区（村）",
        "community or village",
        &[
            "社区/村",
            "社区",
            "村",
            "村（社区）",
            "社区（村）",
            "村居",
            "村（居）",
            "行政村",
            "所属社区",
            "所在社区",
            "社区名称",
            "community",
        ],
        Looks::Any,
    ),
    (
        "code",
        "区划代码",
        "region code",
        &["区划代码", "行政区划代码", "责任区代码", "社区代码", "统计用区划代码", "region_code"],
        Looks::Code,
    ),
    (
        "area",
        "责任区",
        "duty area",
        &["责任区", "责任区名称", "责任区域", "责任片区", "片区", "region_name"],
        Looks::Any,
    ),
];

const ROW: [Plain; 6] = [
    (
        "duty",
        "职责类别",
        "duty",
        &["职责类别", "责任类别", "责任类型", "责任人类别", "责任人类型", "职责", "责任", "责任名称", "分工", "duty"],
        Looks::Any,
    ),
    (
        "object",
        "水库、隐患点等名称",
        "name of a reservoir or point",
        &[
            "水库/山塘/地灾点名称",
            "水库名称",
            "山塘名称",
            "地灾点名称",
            "地质灾害点名称",
            "隐患点名称",
            "易涝点名称",
            "点位名称",
            "工程名称",
            "对象名称",
            "水库",
            "山塘",
        ],
        Looks::Any,
    ),
    ("grid", "网格", "grid", &["网格", "网格名称", "网格编号", "所在网格", "责任区/网格"], Looks::Any),
    ("level", "级别", "level", &["级别", "责任级别", "层级", "level"], Looks::Any),
    (
        "rank",
        "岗位（主责、副职、A/B 岗）",
        "rank",
        &["岗位", "岗位类别", "A/B岗", "AB角", "主副岗", "rank"],
        Looks::Any,
    ),
    ("note", "备注", "note", &["备注", "备注说明", "说明", "note"], Looks::Any),
];

/// Columns of a person: key, 中文, English, titles, what it looks like.
const PERSON: [Plain; 6] = [
    ("name", "姓名", "name", &["姓名", "责任人姓名", "负责人姓名", "人员姓名", "名字", "联系人", "name"], Looks::Name),
    ("title", "职务", "position", &["职务", "行政职务", "职务名称", "职务/职称", "岗位职务", "title"], Looks::Any),
    (
        "unit",
        "单位",
        "organisation",
        &["单位", "单位名称", "工作单位", "所在单位", "责任单位", "所属单位", "单位全称", "organisation"],
        Looks::Any,
    ),
    (
        "phone",
        "手机",
        "mobile",
        &[
            "手机号码",
            "手机",
            "手机号",
            "移动电话",
            "联系电话",
            "联系方式",
            "联系号码",
            "电话号码",
            "电话",
            "phone",
            "mobile",
        ],
        Looks::Phone,
    ),
    (
        "office",
        "办公电话",
        "office telephone",
        &["办公电话", "固定电话", "座机", "办公室电话", "单位电话", "值班电话"],
        Looks::Phone,
    ),
    (
        "spare",
        "备用电话",
        "spare number",
        &[
            "备用电话",
            "备用号码",
            "备用手机",
            "备用",
            "第二电话",
            "手机2",
            "联系电话2",
            "联系电话",
            "电话",
            "手机号码",
            "spare_phone",
        ],
        Looks::Phone,
    ),
];

/// The target of a roster.
pub fn target() -> &'static Target {
    static TARGET: LazyLock<Target> = LazyLock::new(made);
    &TARGET
}

fn made() -> Target {
    let plain = |it: &Plain| Known {
        key: it.0.to_owned(),
        label: Text::new(it.1, it.2),
        titles: it.3.iter().map(|it| (*it).to_owned()).collect(),
        looks: it.4,
        ..Known::default()
    };
    let mut columns: Vec<Known> = PLACES.iter().map(plain).collect();
    // The lead first, then those who may follow, then those who must be named.
    let mut seats: Vec<&Seat> = SEATS.iter().collect();
    seats.sort_by_key(|it| if it.order == 0 { usize::MAX } else { it.order });
    columns.extend(seats.into_iter().flat_map(|seat| PERSON.iter().map(|it| of_person(seat, plain(it)))));
    columns.extend(ROW.iter().map(plain));
    let families = SEATS.iter().map(|it| Family { id: it.id, words: it.titles, order: it.order }).collect();
    Target { kind: "roster".into(), columns, families }
}

fn of_person(seat: &Seat, known: Known) -> Known {
    // A column called 网格员 holds the person's name.
    let own = if known.key == "name" { seat.titles } else { &[][..] };
    Known {
        family: Some(seat.id),
        required: seat.id == "lead" && known.key == "name",
        titles: known.titles.into_iter().chain(own.iter().map(|it| (*it).to_owned())).collect(),
        label: Text::new(
            format!("{} · {}", seat.words.0, known.label.zh),
            format!("{} · {}", seat.words.1, known.label.en),
        ),
        key: format!("{}.{}", seat.id, known.key),
        looks: known.looks,
    }
}
