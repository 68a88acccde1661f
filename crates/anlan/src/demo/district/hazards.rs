//! 地质灾害: slopes and other dangerous points, lines surveyed for voids and what was found below roads.

use super::{
    Part,
    sheet::{Form, Sheet},
    words,
};

/// Few of each.
pub const FEW: &[Part] = &[
    Part { kind: "survey-line", count: 240, fill: survey_line },
    Part { kind: "road-void", count: 85, fill: road_void },
];
/// 隐患点.
pub const SLOPES: &[Part] = &[Part { kind: "geohazard-point", count: 1_924, fill: slope }];

fn slope(it: &mut Sheet<'_>) {
    let (class, word) = it.chance.weighted(&[
        (("slope-soil", "土质边坡"), 40),
        (("slope-rock", "岩质边坡"), 18),
        (("slope-mixed", "土岩混合边坡"), 13),
        (("slope-wall", "挡土墙"), 15),
        (("slope-building", "建筑边坡"), 7),
        (("landslide", "滑坡"), 3),
        (("rockfall", "崩塌"), 3),
        (("collapse", "地面塌陷"), 1),
    ]);
    let road = it.road();
    let (name, address) = (format!("{road}{word}{}", it.n + 1), it.address());
    it.code("DEMO-GH").set("name", name).set("class", class).set("address", address);
    // The grade follows what would have to be moved (DZ/T 0286): as many people, as much property as the grade allows.
    let grade = it.choice("danger_grade", &[("4", 900), ("3", 84), ("2", 14), ("1", 2)]);
    let (people, property) = match grade {
        "4" => (0..=80, 0.0..=480.0),
        "3" => (100..=480, 500.0..=4_900.0),
        "2" => (500..=980, 5_000.0..=9_900.0),
        _ => (1_000..=2_400, 10_000.0..=26_000.0),
    };
    let moved = it.whole("people_to_move", people);
    it.real("property", property, 0);
    let threatened = moved + it.chance.within(&(0..=40));
    it.set("people", threatened).set("households", threatened / 3).set("risk", grade);
    it.choice("stability", &[("stable", 34), ("fairly", 46), ("poor", 18), ("unstable", 2)]);
    it.real("height", 3.0..=48.0, 1);
    it.whole("length", 12..=320);
    it.whole("angle", 28..=84);
    it.real("volume", 0.02..=6.0, 2);
    it.several("near", &["housing", "road", "school", "urban-village", "park", "factory"], 2);
    if it.chance.share(22) {
        let signs =
            it.chance.pick(&["坡顶见细小裂缝（演示）", "坡脚渗水（演示）", "局部溜坍（演示）", "挡墙鼓胀（演示）"]);
        it.set("signs", signs);
    }
    let owner = format!("示例{}物业管理处", it.brand());
    it.set("trigger", "强降雨").set("owner", owner).unit("supervisor", "luohu-resources");
    it.neighbour("patroller", "网格员").deputy("deputy", "网格员").neighbour("area_lead", "社区负责人");
    let every = it.chance.pick(&[7, 15, 15, 30]);
    it.set("patrol_days", every).visited("last_patrol", every);
    if it.yes("monitored", 6) {
        let station = format!("DEMO-GM-{:04}", it.n + 1);
        it.set("station", station).several("monitor_means", &["crack", "tilt", "gnss", "rain", "camera"], 3);
    }
    let rain = it.chance.pick(&[50, 80, 100]);
    it.set("rain_24h", rain);
    let state = it.choice("state", &[("controlled", 60), ("treating", 16), ("found", 9), ("done", 7), ("closed", 8)]);
    if state == "closed" {
        it.day("closed_on", 5..=900);
    }
    let shelter = format!("示例{}避难场所", it.community.name);
    it.set("measure", "坡面排水、警示牌、巡查（演示）")
        .set("route", format!("沿{road}向东"))
        .set("shelter_words", shelter);
    it.set("signal", "鸣锣、广播").stand(Form::Point);
}

fn survey_line(it: &mut Sheet<'_>) {
    let (road, ends) = (it.road(), format!("{}—{}", it.chance.pick(words::ROADS), it.chance.pick(words::ROADS)));
    it.code("DEMO-SV").set("road", road).set("ends", ends);
    it.choice("lane", &[("carriageway", 75), ("pavement", 25)]);
    let days = it.day("surveyed_on", 20..=580);
    let year: i64 = it.before(days)[..4].parse().unwrap_or(2023);
    it.set("year", year);
    it.real("length", 0.2..=2.8, 2);
    it.whole("voids", 0..=3);
    it.set("means", "探地雷达").set("contractor", "示例勘察测绘院").stand(Form::Line);
}

fn road_void(it: &mut Sheet<'_>) {
    let road = it.road();
    it.code("DEMO-RD").set("road", road).near("line", "survey-line", false);
    it.choice("class", &[("void", 18), ("detached", 40), ("loose", 32), ("wet", 10)]);
    it.risk();
    it.real("depth", 0.3..=4.0, 1);
    it.real("size", 0.5..=14.0, 1);
    it.real("clearance", 0.1..=1.6, 1);
    let found = it.day("found_on", 10..=560);
    let state = it.choice("state", &[("closed", 52), ("treating", 24), ("controlled", 18), ("found", 6)]);
    if state == "closed" {
        it.day("closed_on", 0..=found);
    }
    it.unit("owner", "luohu-housing").stand(Form::Point);
}
