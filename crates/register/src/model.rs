//! The things of the register.

use anlan_kernel::{Instant, RegionCode, Tier};
use serde::{Deserialize, Serialize};

/// A region (区划) with its statistical division code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// 统计用区划代码.
    pub code: RegionCode,
    /// Name.
    pub name: String,
    /// 3 district, 4 street, 5 community.
    pub level: i64,
    /// The region it lies in.
    pub parent: Option<RegionCode>,
}

/// An organisation (单位), the hats it wears, and its duty room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organisation {
    /// Its id, as the roster has it.
    pub id: String,
    /// Name.
    pub name: String,
    /// Where.
    pub region: RegionCode,
    /// `district_bureau`, `member_unit`, `street` or `community`.
    pub kind: String,
    /// 牌子.
    pub hats: Vec<String>,
    /// 值班室, where there is one.
    pub duty_room_name: Option<String>,
    /// Its number.
    pub duty_room_phone: Option<String>,
    /// 备注.
    pub note: Option<String>,
}

/// A person (人员). After an erasure only the id and the region are left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// `person:000000001`, in the order in which people came.
    pub id: String,
    /// Where the person's own unit lies; decides who may change the record.
    pub region: RegionCode,
    /// 姓名.
    pub name: Option<String>,
    /// 手机: digits, or what was written there instead of a number.
    pub phone: Option<String>,
    /// 备用电话, likewise.
    pub spare: Option<String>,
    /// When the person's data was erased.
    pub erased_at: Option<Instant>,
}

/// Where a region or an organisation is on the map (点位). WGS 84; what came as GCJ-02 or BD-09 is
/// converted before it is imported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// A region code or an organisation's id.
    pub id: String,
    /// The region, or where the organisation is.
    pub region: RegionCode,
    /// Degrees east, WGS 84.
    pub longitude: f64,
    /// Degrees north, WGS 84.
    pub latitude: f64,
    /// Who says so.
    pub source: String,
    /// 演示编造: shown wherever it shows.
    pub invented: bool,
}

/// The outline of a region (区划边界). WGS 84.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Geometry {
    /// The region's code.
    pub id: String,
    /// The region.
    pub region: RegionCode,
    /// `{"type":"Polygon"|"MultiPolygon","coordinates":…}`.
    pub geojson: serde_json::Value,
}

/// Place in the order of a duty (岗位).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// 主责.
    Lead,
    /// 副A.
    DeputyA,
    /// 副B.
    DeputyB,
    /// 成员.
    Member,
}

/// A person in an organisation with a duty for an area.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// Made from person, organisation, duty and area.
    pub id: String,
    /// The person.
    pub person: String,
    /// The organisation.
    pub organisation: String,
    /// 职务.
    pub title: String,
    /// 责任.
    pub duty: String,
    /// 责任区.
    pub region: RegionCode,
    /// 级别: 区级, 街道 or 社区.
    pub level: Tier,
    /// 岗位.
    pub rank: Rank,
    /// 备注.
    pub note: Option<String>,
    /// In force from.
    pub valid_from: Option<Instant>,
    /// In force until.
    pub valid_until: Option<Instant>,
}

/// What an officer of a shift does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// 带班领导.
    Leader,
    /// 主班.
    First,
    /// 副班.
    Second,
    /// 备勤.
    Standby,
}

/// One officer of one shift (值班).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    /// `organisation/start/role/number`.
    pub id: String,
    /// Whose duty room.
    pub organisation: String,
    /// Where that is.
    pub region: RegionCode,
    /// From.
    pub starts_at: Instant,
    /// Until.
    pub ends_at: Instant,
    /// As what.
    pub role: Role,
    /// The person, where the register knows them.
    pub person: Option<String>,
    /// Whose data the next two are.
    pub subject: String,
    /// Name of somebody who is in no roster.
    pub name: Option<String>,
    /// Number of somebody who is in no roster.
    pub phone: Option<String>,
}

impl Rank {
    /// All, in calling order.
    pub const ALL: [Self; 4] = [Self::Lead, Self::DeputyA, Self::DeputyB, Self::Member];

    /// `lead`, `deputy_a`, `deputy_b`, `member`.
    pub fn name(self) -> &'static str {
        ["lead", "deputy_a", "deputy_b", "member"][self as usize]
    }

    /// 主责, 副A, 副B, 成员.
    pub fn zh(self) -> &'static str {
        ["主责", "副A", "副B", "成员"][self as usize]
    }

    /// Reads either form.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.to_lowercase();
        Self::ALL.into_iter().find(|it| it.name() == text || it.zh().to_lowercase() == text)
    }
}

impl Role {
    /// All, in calling order.
    pub const ALL: [Self; 4] = [Self::Leader, Self::First, Self::Second, Self::Standby];

    /// `leader`, `first`, `second`, `standby`.
    pub fn name(self) -> &'static str {
        ["leader", "first", "second", "standby"][self as usize]
    }

    /// 带班领导, 主班, 副班, 备勤.
    pub fn zh(self) -> &'static str {
        ["带班领导", "主班", "副班", "备勤"][self as usize]
    }

    /// Reads either form.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.to_lowercase();
        Self::ALL.into_iter().find(|it| it.name() == text || it.zh() == text)
    }
}

/// 区级, 街道, 社区.
pub fn level_zh(level: Tier) -> &'static str {
    ["区级", "街道", "社区"][level as usize]
}

/// `district`, `street`, `community`.
pub fn level_name(level: Tier) -> &'static str {
    ["district", "street", "community"][level as usize]
}

/// Reads either form, with or without 级.
pub fn level_of(text: &str) -> Option<Tier> {
    let text = text.to_lowercase();
    let plain = |it: &str| it.trim_end_matches('级').to_owned();
    [Tier::District, Tier::Street, Tier::Community]
        .into_iter()
        .find(|it| level_name(*it) == text || plain(level_zh(*it)) == plain(&text))
}

/// What is on the screen of a number or name that is not to be read in full.
pub fn masked_name(name: &str) -> String {
    let mut letters = name.chars();
    let first: String = letters.next().into_iter().collect();
    first + &"*".repeat(letters.count().min(3))
}

// Regions are public words, read by everybody; the importer keeps writers to their own.
anlan_store::table!(Region, REGION, "region", key: "code", {
    code: Text, name: Text, level: Int, parent: Text,
});
anlan_store::table!(Organisation, ORGANISATION, "organisation", region: "region", {
    id: Text, name: Text, region: Text, kind: Text, hats: Json, duty_room_name: Text, duty_room_phone: Text, note: Text,
});
anlan_store::table!(Place, PLACE, "place", region: "region", {
    id: Text, region: Text, longitude: Real, latitude: Real, source: Text, invented: Bool,
});
anlan_store::table!(Geometry, GEOMETRY, "geometry", region: "region", {
    id: Text, region: Text, geojson: Json,
});
anlan_store::table!(Person, PERSON, "person", region: "region", sealed: ["name", "phone", "spare"] of "id", {
    id: Text, region: Text, name: Text, phone: Text, spare: Text, erased_at: Time,
});
anlan_store::table!(Post, POST, "post", region: "region", sealed: ["note"] of "person", {
    id: Text, person: Text, organisation: Text, title: Text, duty: Text, region: Text, level: Text, rank: Text, note: Text, valid_from: Time, valid_until: Time,
});
anlan_store::table!(Shift, SHIFT, "shift", region: "region", sealed: ["name", "phone"] of "subject", {
    id: Text, organisation: Text, region: Text, starts_at: Time, ends_at: Time, role: Text, person: Text, subject: Text, name: Text, phone: Text,
});
