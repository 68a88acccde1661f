//! Grids and those who walk them, key places, people in need, and points a leader answers for.

use super::{
    Part,
    ground::Cell,
    sheet::{Form, Sheet},
    words,
};

/// Few of each.
pub const FEW: &[Part] = &[
    Part { kind: "high-risk-point", count: 129, fill: high_risk_point },
    Part { kind: "special-person", count: 400, fill: special_person },
    Part { kind: "key-place", count: 620, fill: key_place },
];
/// 网格.
pub const GRIDS: &[Part] = &[Part { kind: "grid", count: 1_121, fill: grid }];

fn high_risk_point(it: &mut Sheet<'_>) {
    let (sector, word, risk) = it.chance.pick(&[
        ("flood", "低洼易涝片区", "暴雨时道路和地下车库可能进水"),
        ("geohazard", "临坡建筑群", "强降雨时坡面可能失稳"),
        ("fire", "老旧小区连片区", "消防通道狭窄，电动自行车室内充电"),
        ("gas", "餐饮集中街区", "瓶装燃气使用集中"),
        ("chemicals", "危险化学品使用点", "易燃液体存放"),
        ("underground", "地下商业空间", "人员密集，疏散口少"),
        ("construction", "深基坑工地", "基坑变形、塔吊防风"),
        ("crowded", "大型市场", "节假日人流集中"),
        ("forest-fire", "林缘墓地", "祭扫用火"),
    ]);
    let name = format!("示例{}{word}", it.community.name);
    it.code("DEMO-HR").set("name", name).set("sector", sector).set("description", format!("{risk}（演示）"));
    let form = it.choice("form", &[("point", 70), ("area", 30)]);
    it.choice("risk", &[("1", 6), ("2", 34), ("3", 60)]);
    if it.chance.share(20) {
        it.person("leader", "luohu-emergency", "分管负责人", 0)
            .set("leader_title", "区分管领导")
            .unit("lead_unit", "luohu-emergency");
    } else if it.chance.share(92) {
        it.of_street("leader", "街道分管负责人").set("leader_title", "街道分管领导").street_office("lead_unit");
    }
    let (unit, address) = (format!("示例{}物业服务中心", it.brand()), it.address());
    it.set("site_unit", unit).stranger("contact", "contact_phone").set("address", address);
    let every = it.chance.pick(&[7, 15, 30, 30, 90]);
    it.set("visit_days", every).visited("last_visit", every);
    let found = it.day("found_on", 90..=700);
    let due = it.before(found - 365);
    let state = it.choice("state", &[("controlled", 58), ("treating", 24), ("found", 8), ("done", 6), ("closed", 4)]);
    if state == "closed" {
        it.day("closed_on", 1..=80);
    }
    it.set("due_on", due).set("treatment", "专人盯守、限时治理（演示）");
    it.stand(if form == "area" { Form::Area } else { Form::Point });
}

fn key_place(it: &mut Sheet<'_>) {
    let (class, word, unit) = it.chance.pick(&[
        ("school-kindergarten", "幼儿园", "luohu-education"),
        ("school-primary", "小学", "luohu-education"),
        ("school-middle", "中学", "luohu-education"),
        ("school-training", "培训中心", "luohu-education"),
        ("hospital-community", "社区健康服务中心", "luohu-health"),
        ("care-elderly", "长者服务中心", "luohu-civil"),
        ("crowd-market", "综合市场", "luohu-industry"),
        ("crowd-mall", "购物中心", "luohu-industry"),
        ("crowd-hotel", "酒店", "luohu-culture"),
        ("crowd-entertainment", "影城", "luohu-culture"),
        ("scenic-park", "公园", "luohu-urban"),
        ("urban-village", "围村", "luohu-housing"),
        ("site", "工地", "luohu-housing"),
        ("traffic-station", "公交场站", "luohu-traffic"),
    ]);
    let name = format!("示例{}{word}{}", it.brand(), it.n + 1);
    it.code("DEMO-KP").set("name", name).set("class", class).unit("supervisor", unit);
    let people = it.whole("people", 10..=1_600);
    let helpless = if matches!(class, "care-elderly" | "school-kindergarten" | "hospital-community") {
        people / 3
    } else {
        people / 50
    };
    it.set("helpless", helpless).set("capacity", people + people / 4);
    let sleeps = matches!(class, "care-elderly" | "crowd-hotel" | "urban-village" | "site");
    it.set("overnight", sleeps);
    it.yes("underground", 22);
    it.yes("flood_prone", 9);
    it.risk();
    it.stranger("principal", "principal_phone").stranger("safety_officer", "safety_officer_phone").phone("duty_phone");
    let (address, shelter) = (it.address(), format!("示例{}避难场所", it.community.name));
    it.owner = Some(unit.to_owned());
    it.set("address", address).set("shelter_words", shelter).stand(Form::Point);
}

fn special_person(it: &mut Sheet<'_>) {
    it.code("DEMO-SP").stranger("name", "phone");
    it.choice("sex", &[("1", 42), ("2", 58)]);
    let (groups, youngest, oldest): (&[&str], i64, i64) = it.chance.pick(&[
        (&["elderly-alone", "elderly-advanced"] as &[&str], 78, 96),
        (&["elderly-alone"], 68, 84),
        (&["disabled"], 24, 70),
        (&["bedridden", "elderly-advanced"], 74, 95),
        (&["empty-nest"], 66, 80),
        (&["poor"], 35, 66),
        (&["pregnant"], 23, 38),
        (&["ill"], 40, 78),
        (&["flood-house"], 30, 72),
    ]);
    let years = it.chance.within(&(youngest..=oldest));
    it.set("group", groups.to_vec());
    it.day("born_on", years * 365..=years * 365 + 364);
    let bedridden = groups.contains(&"bedridden");
    let mobility = if bedridden { "1" } else { it.chance.weighted(&[("1", 4), ("2", 22), ("3", 38), ("4", 36)]) };
    it.set("mobility", mobility);
    match mobility {
        "1" => drop(it.set("needs", vec!["stretcher", "escort"])),
        "2" => drop(it.several("needs", &["wheelchair", "escort", "medicine"], 2)),
        _ => {}
    }
    it.set("health", "慢性病，按时服药（演示）");
    let (address, room) = (it.address(), 101 + it.chance.below(20) * 100 + it.chance.below(8));
    it.set("address", format!("{address}{room}房"));
    let floor = format!("{}层", room / 100);
    it.set("floor", floor).set("lift", room >= 800);
    it.set("alone", groups.contains(&"elderly-alone"));
    if it.yes("risk_home", 12) {
        let words = it.chance.pick(&["低洼一层", "临坡", "危旧房"]);
        it.set("risk_words", words);
    }
    it.neighbour("carer_a", "帮扶责任人");
    if it.chance.share(84) {
        it.neighbour("carer_b", "网格员");
    }
    it.stranger("relative", "relative_phone").set("relation", "子女");
    let to = it.chance.pick(&["亲友家", "社区避难场所", "医院"]);
    it.set("destination", to);
    if it.yes("consent", 90) {
        it.day("consent_on", 20..=600);
    }
    it.visited("last_visit", 30).stand(Form::Point);
}

fn grid(it: &mut Sheet<'_>) {
    let (first, many) = it.district.grids[it.at];
    let number = it.n - first;
    it.cell = Cell::of(number, many);
    let (code, name) = (
        format!("{}{:03}", it.community.code, number + 1),
        format!("{}第{}网格（演示）", it.community.name, number + 1),
    );
    let community = it.community.code.to_string();
    it.set("code", code).set("name", name);
    it.choice("class", &[("general", 88), ("special", 8), ("micro", 4)]);
    it.person("worker", &community, "网格员", number).person("lead", &community, "社区负责人", number);
    let another = it.text("worker");
    if it.chance.share(86) {
        it.person("deputy", &community, "网格员", number + 1);
        if it.text("deputy") == another {
            it.values.remove("deputy");
        }
    }
    if let Some(carer) = it.district.ground.person(&community, "帮扶责任人", number) {
        it.set("carers", vec![carer]);
    }
    it.real("area", 0.012..=0.12, 3);
    let households = it.whole("households", 160..=1_400);
    it.set("people", households * 24 / 10);
    let premises = it.district.count("premises") / it.district.count("grid").max(1);
    it.set("premises_count", premises);
    it.whole("buildings", 6..=64);
    let bounds = format!("东至{}，西至{}（演示）", it.chance.pick(words::ROADS), it.chance.pick(words::ROADS));
    it.set("bounds", bounds).phone("duty_phone").cover();
}
