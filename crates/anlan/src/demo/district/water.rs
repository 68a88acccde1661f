//! 三防: reservoirs, dykes, sluices, pumps, ditches and where water comes in.

use super::{
    Part,
    sheet::{Form, Sheet},
    words,
};

/// In the order of their links; shelters are there before.
pub const PARTS: &[Part] = &[
    Part { kind: "reservoir", count: 9, fill: reservoir },
    Part { kind: "dyke", count: 6, fill: dyke },
    Part { kind: "river-section", count: 12, fill: river_section },
    Part { kind: "sluice", count: 18, fill: sluice },
    Part { kind: "pump-station", count: 26, fill: pump_station },
    Part { kind: "torrent-ditch", count: 14, fill: torrent_ditch },
    Part { kind: "flood-risk-area", count: 64, fill: flood_risk_area },
];

fn three_persons(it: &mut Sheet<'_>) {
    it.of_street("administrative", "街道分管负责人").neighbour("patrol", "网格员").unit("manager", "luohu-water");
    let n = it.n;
    it.person("technical", "luohu-water", "科室负责人", n);
    it.owner = Some("luohu-water".to_owned());
}

fn reservoir(it: &mut Sheet<'_>) {
    let (name, address) = (format!("示例{}水库", it.brand()), it.address());
    it.code("DEMO-RV").set("name", name).set("address", address);
    let class = it.choice("class", &[("small-1", 3), ("small-2", 5), ("pond", 2)]);
    let storage = match class {
        "small-1" => it.real("storage", 100.0..=900.0, 1),
        "small-2" => it.real("storage", 10.0..=99.0, 1),
        _ => it.real("storage", 1.0..=9.5, 1),
    };
    it.number("active_storage", (storage * 6.0).floor() / 10.0);
    let river = it.chance.pick(words::RIVERS);
    it.real("catchment", 0.2..=8.0, 2);
    it.set("river", river).set("dam", "earth").set("datum", "1985");
    it.whole("dam_height", 8..=32);
    let dead = it.real("dead_level", 20.0..=60.0, 1);
    let mut level = dead;
    for (field, by) in [
        ("flood_limit_level", 7.5),
        ("normal_level", 1.5),
        ("design_level", 1.2),
        ("check_level", 0.8),
        ("crest_level", 1.4),
    ] {
        level = ((level + by) * 10.0).round() / 10.0;
        it.number(field, level);
    }
    it.whole("spillway_flow", 10..=180);
    it.choice("safety_class", &[("1", 40), ("2", 50), ("3", 10)]);
    it.day("appraised_on", 100..=2_200);
    it.yes("at_risk", 10);
    it.whole("people_below", 200..=9_000);
    it.yes("camera", 90);
    it.whole("built", 1958..=1994);
    three_persons(it);
    it.stand(Form::Point);
}

fn dyke(it: &mut Sheet<'_>) {
    let river = it.chance.pick(words::RIVERS);
    let name = format!("{river}堤防第{}段", it.n + 1);
    it.code("DEMO-DK").set("name", name).set("river", river);
    it.choice("bank", &[("left", 1), ("right", 1)]);
    it.choice("class", &[("2", 1), ("3", 2), ("4", 1)]);
    it.real("length", 0.4..=2.6, 2);
    it.set("standard", 100).set("datum", "1985");
    let present = it.chance.pick(&[50, 100]);
    it.set("present_standard", present);
    it.real("crest_level", 5.0..=9.0, 2);
    it.yes("weak", 20);
    three_persons(it);
    it.stand(Form::Line);
}

fn river_section(it: &mut Sheet<'_>) {
    let river = it.chance.pick(words::RIVERS);
    let name = format!("{river}{}段", it.community.name);
    it.code("DEMO-RS").set("name", name).set("river", river).set("datum", "1985");
    it.real("length", 0.3..=2.2, 2);
    let warning = it.real("warning_level", 2.0..=5.0, 1);
    it.number("guarantee_level", ((warning + 1.2) * 10.0).round() / 10.0);
    it.set("standard", 100)
        .of_street("chief", "街道分管负责人")
        .neighbour("patrol", "网格员")
        .unit("manager", "luohu-water");
    it.whole("people", 100..=6_000);
    it.stand(Form::Line);
}

fn sluice(it: &mut Sheet<'_>) {
    let river = it.chance.pick(words::RIVERS);
    let (name, address) = (format!("{river}第{}水闸", it.n + 1), it.address());
    it.code("DEMO-SL").set("name", name).set("river", river).set("address", address).set("datum", "1985");
    it.choice("class", &[("drain", 7), ("control", 2), ("tide", 1)]);
    it.whole("openings", 1..=5);
    it.real("width", 2.0..=18.0, 1);
    it.real("flow", 2.0..=60.0, 1);
    it.yes("remote", 60);
    it.yes("backup_power", 70);
    it.set("state", "in-use")
        .neighbour("keeper", "网格员")
        .deputy("deputy", "网格员")
        .unit("manager", "luohu-water")
        .phone("duty_phone");
    it.stand(Form::Point);
}

fn pump_station(it: &mut Sheet<'_>) {
    let (name, address, serves) =
        (format!("示例{}排涝泵站{}", it.community.name, it.n + 1), it.address(), it.community.name.clone());
    it.code("DEMO-PS")
        .set("name", name)
        .set("address", address)
        .set("serves", serves)
        .set("class", "drain")
        .set("datum", "1985");
    it.real("flow", 0.8..=28.0, 1);
    let sets = it.whole("sets", 2..=6);
    let out = i64::from(it.chance.share(20));
    it.set("usable_sets", sets - out);
    it.whole("power", 110..=2_400);
    let start = it.real("start_level", 1.6..=3.2, 1);
    it.number("stop_level", ((start - 0.6) * 10.0).round() / 10.0);
    it.yes("backup_power", 80);
    it.set("state", "in-use")
        .neighbour("keeper", "网格员")
        .deputy("deputy", "物业负责人")
        .unit("manager", "luohu-water")
        .phone("duty_phone");
    it.stand(Form::Point);
}

fn torrent_ditch(it: &mut Sheet<'_>) {
    let name = format!("示例{}山洪沟{}", it.community.name, it.n + 1);
    it.code("DEMO-TD").set("name", name);
    it.real("catchment", 0.1..=3.0, 2);
    it.real("length", 0.3..=2.4, 2);
    it.risk();
    let households = it.whole("households", 0..=60);
    it.set("people", households * 3)
        .set("prepare_1h", 40)
        .set("evacuate_1h", 60)
        .set("prepare_3h", 70)
        .set("evacuate_3h", 100);
    it.set("alarm_means", "广播、电话、上门").neighbour("patrol", "网格员").neighbour("alarm_keeper", "灾害信息员");
    it.neighbour("transfer_lead", "社区负责人").near("shelters", "shelter", true).stand(Form::Line);
}

fn flood_risk_area(it: &mut Sheet<'_>) {
    let (class, word) = it.chance.pick(&[
        ("low", "低洼片区"),
        ("waterlogging", "内涝片区"),
        ("river", "沿河片区"),
        ("underground", "地下车库"),
        ("houses", "危旧房片区"),
        ("sheds", "工棚"),
        ("below-dam", "水库下游片区"),
    ]);
    let (name, address) = (format!("示例{}{word}{}", it.community.name, it.n + 1), it.address());
    it.code("DEMO-FR").set("name", name).set("class", class).set("address", address);
    it.risk();
    it.real("area", 0.01..=0.4, 3);
    let people = it.whole("people", 6..=900);
    it.set("households", people / 3).set("helpless", people / 12);
    it.real("worst_depth", 0.2..=1.4, 1);
    it.set("trigger", "暴雨红色信号或积水 40 厘米（演示）")
        .neighbour("transfer_lead", "社区负责人")
        .deputy("deputy", "灾害信息员");
    it.near("shelters", "shelter", true).stand(Form::Area);
}
