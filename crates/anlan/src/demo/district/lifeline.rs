//! 城市生命线: gas, bridges, drains, waterlogging points, pipes, water.

use super::{
    Part,
    sheet::{Form, Sheet},
    words,
};

/// None of them links to another.
pub const PARTS: &[Part] = &[
    Part { kind: "waterlogging-point", count: 72, fill: waterlogging_point },
    Part { kind: "gas-station", count: 60, fill: gas_station },
    Part { kind: "water-supply", count: 45, fill: water_supply },
    Part { kind: "bridge", count: 210, fill: bridge },
    Part { kind: "drain", count: 240, fill: drain },
    Part { kind: "pipeline", count: 320, fill: pipeline },
];

fn waterlogging_point(it: &mut Sheet<'_>) {
    let (class, word) = it.chance.pick(&[
        ("road", "路口"),
        ("underpass", "下穿通道"),
        ("estate", "小区入口"),
        ("urban-village", "围村巷口"),
        ("garage", "地下车库"),
    ]);
    let road = it.road();
    let (name, address) = (format!("{road}{word}{}", it.n + 1), it.address());
    it.code("DEMO-WL").set("name", name).set("class", class).set("address", address);
    it.risk();
    it.whole("worst_depth", 15..=120);
    it.whole("worst_area", 40..=2_600);
    it.set("cause", "管网排水能力不足（演示）").set("warn_depth", 15).set("restrict_depth", 27).set("close_depth", 40);
    it.yes("siren", 40);
    if it.yes("gauge", 30) {
        let station = format!("DEMO-WG-{:04}", it.n + 1);
        it.set("station", station);
    }
    it.yes("camera", 60);
    it.whole("pump_flow", 100..=2_000);
    let n = it.n;
    it.neighbour("keeper", "网格员").deputy("deputy", "物业负责人").neighbour("community_lead", "社区负责人");
    it.person("traffic", "luohu-police", "科室负责人", n).unit("owner", "luohu-water");
    let state = it.choice("state", &[("controlled", 45), ("treating", 25), ("done", 15), ("closed", 10), ("found", 5)]);
    if state == "closed" {
        it.day("closed_on", 20..=900);
    }
    it.stand(Form::Point);
}

fn gas_station(it: &mut Sheet<'_>) {
    let (class, word, medium) = it.chance.pick(&[
        ("regulator", "调压站", "natural"),
        ("regulator-box", "调压柜", "natural"),
        ("bottle", "瓶装供应站", "lpg"),
        ("cng", "加气站", "natural"),
        ("valve", "阀室", "natural"),
    ]);
    let (name, address) = (format!("示例{}{word}{}", it.community.name, it.n + 1), it.address());
    it.code("DEMO-GS").set("name", name).set("class", class).set("medium", medium).set("address", address);
    it.risk();
    if medium == "natural" {
        it.set("pressure_in", 0.4).set("pressure_out", 0.1);
        it.whole("users", 200..=9_000);
    }
    it.whole("built", 1996..=2022);
    it.yes("alarm", 95);
    it.yes("cut_off", 90);
    it.set("state", "in-use")
        .unit("owner", "luohu-housing")
        .neighbour("keeper", "物业负责人")
        .phone("duty_phone")
        .stand(Form::Point);
}

fn water_supply(it: &mut Sheet<'_>) {
    let (class, word) = it.chance.weighted(&[
        (("secondary", "二次供水泵房"), 80),
        (("pump", "加压泵站"), 14),
        (("tank", "高位水池"), 6),
    ]);
    let (name, address) = (format!("示例{}{word}{}", it.brand(), it.n + 1), it.address());
    it.code("DEMO-WS").set("name", name).set("class", class).set("address", address);
    it.real("capacity", 0.02..=3.0, 2);
    it.whole("people", 300..=20_000);
    it.yes("backup_source", 20);
    it.yes("backup_power", 70);
    it.risk();
    it.set("chlorine", false)
        .set("state", "in-use")
        .unit("owner", "luohu-water")
        .neighbour("keeper", "物业负责人")
        .phone("duty_phone");
    it.stand(Form::Point);
}

fn bridge(it: &mut Sheet<'_>) {
    let (class, word) = it.chance.weighted(&[
        (("city", "桥"), 40),
        (("overpass", "立交桥"), 16),
        (("foot", "人行天桥"), 30),
        (("underpass", "下穿通道"), 12),
        (("tunnel", "隧道"), 2),
    ]);
    let road = it.road();
    let (name, address) = (format!("{road}{word}{}", it.n + 1), it.address());
    it.code("DEMO-BR").set("name", name).set("class", class).set("address", address);
    it.choice("condition", &[("1", 30), ("2", 52), ("3", 14), ("4", 2), ("none", 2)]);
    it.risk();
    it.whole("length", 8..=420);
    it.real("width", 3.0..=32.0, 1);
    it.whole("built", 1984..=2021);
    let assessed = it.day("assessed_on", 30..=700);
    let next = it.before(assessed - 730);
    it.set("next_assessment", next);
    it.set("monitored", false)
        .unit("owner", "luohu-traffic")
        .neighbour("keeper", "物业负责人")
        .phone("duty_phone")
        .stand(Form::Point);
}

fn drain(it: &mut Sheet<'_>) {
    let (class, word) = it.chance.weighted(&[
        (("storm", "雨水管"), 50),
        (("culvert", "箱涵"), 20),
        (("channel", "明渠"), 10),
        (("sewer", "污水管"), 15),
        (("outlet", "排水口"), 5),
    ]);
    let road = it.road();
    let (name, outlet) = (format!("{road}{word}{}", it.n + 1), it.chance.pick(words::RIVERS));
    it.code("DEMO-DR").set("name", name).set("class", class).set("outlet", outlet);
    let size = it.chance.pick(&[400, 600, 800, 1_000, 1_500, 2_000]);
    it.set("size", size);
    it.real("length", 0.05..=1.8, 2);
    let standard = it.chance.pick(&[1, 2, 3, 5]);
    it.set("standard", standard);
    it.day("dredged_on", 10..=500);
    it.yes("blocked", 12);
    it.set("state", "in-use").unit("owner", "luohu-water").neighbour("keeper", "网格员").phone("duty_phone");
    it.stand(if class == "outlet" { Form::Point } else { Form::Line });
}

fn pipeline(it: &mut Sheet<'_>) {
    let (medium, word, pressure, owner) = it.chance.pick(&[
        ("gas", "燃气管", "medium-a", "luohu-housing"),
        ("gas", "燃气支管", "low", "luohu-housing"),
        ("water", "供水管", "none", "luohu-water"),
        ("sewage", "污水管", "none", "luohu-water"),
    ]);
    let road = it.road();
    let (name, ends) = (
        format!("{road}{word}{}", it.n + 1),
        format!("{}—{}", it.chance.pick(words::ROADS), it.chance.pick(words::ROADS)),
    );
    it.code("DEMO-PL").set("name", name).set("medium", medium).set("pressure_class", pressure).set("ends", ends);
    it.risk();
    let diameter = it.chance.pick(&[110, 160, 200, 315, 400, 600]);
    it.set("diameter", diameter);
    it.real("length", 0.05..=2.0, 2);
    it.real("depth", 0.6..=2.4, 1);
    it.set("material", if medium == "gas" { "pe" } else { "iron" });
    it.whole("built", 1992..=2022);
    it.yes("under_building", 3);
    it.yes("crosses_void", 2);
    it.whole("users", 50..=4_000);
    it.set("state", "in-use")
        .unit("owner", owner)
        .neighbour("keeper", "物业负责人")
        .phone("duty_phone")
        .stand(Form::Line);
}
