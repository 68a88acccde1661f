//! 森林防火: grids of the woods, guards, lookouts, water and graves.

use super::{
    Part,
    sheet::{Form, Sheet},
};

/// In the order of their links.
pub const PARTS: &[Part] = &[
    Part { kind: "forest-grid", count: 118, fill: forest_grid },
    Part { kind: "guard-beat", count: 60, fill: guard_beat },
    Part { kind: "fire-brigade-station", count: 6, fill: brigade },
    Part { kind: "lookout-tower", count: 9, fill: lookout },
    Part { kind: "fire-water-point", count: 90, fill: water_point },
    Part { kind: "key-grave", count: 25, fill: grave },
];

fn forest_grid(it: &mut Sheet<'_>) {
    let (name, owner) =
        (format!("示例{}林火网格{}", it.community.name, it.n + 1), format!("示例{}郊野公园", it.brand()));
    it.code("DEMO-FG").set("name", name).set("owner", owner).unit("department", "luohu-urban");
    it.real("area", 2.0..=60.0, 1);
    it.choice("forest_type", &[("broad", 40), ("mixed", 25), ("eucalyptus", 15), ("shrub", 12), ("orchard", 8)]);
    it.risk();
    it.of_street("street_lead", "街道分管负责人")
        .neighbour("community_lead", "社区负责人")
        .neighbour("guard", "网格员")
        .deputy("deputy", "网格员");
    it.whole("entrances", 0..=5);
    for (field, percent) in [("checkpoint", 45), ("power_line", 30), ("graves", 18), ("broadcast", 50), ("camera", 35)]
    {
        it.yes(field, percent);
    }
    it.stand(Form::Area);
}

fn guard_beat(it: &mut Sheet<'_>) {
    let name = format!("示例{}巡护段{}", it.community.name, it.n + 1);
    let terminal = format!("DEMO-T{:04}", it.n + 1);
    it.code("DEMO-GB")
        .set("name", name)
        .set("terminal", terminal)
        .neighbour("guard", "网格员")
        .deputy("deputy", "网格员");
    it.near("grid", "forest-grid", false).street_office("employer");
    it.real("length", 1.0..=6.0, 1);
    it.real("area", 20.0..=200.0, 0);
    it.whole("rounds", 3..=14);
    it.stand(Form::Line);
}

fn brigade(it: &mut Sheet<'_>) {
    let (name, address) = (format!("示例{}森林消防驻点{}", it.community.street_name, it.n + 1), it.address());
    it.code("DEMO-FB").set("name", name).set("address", address);
    it.choice("class", &[("professional", 2), ("semi", 2), ("street", 2)]);
    it.whole("people", 10..=40);
    it.whole("vehicles", 1..=4);
    it.whole("pumps", 2..=8);
    it.whole("blowers", 6..=30);
    it.whole("ready_minutes", 5..=30);
    it.set("state", "in-use")
        .of_street("keeper", "抢险队员")
        .of_street("deputy", "街道值班员")
        .phone("duty_phone")
        .street_office("manager");
    it.stand(Form::Point);
}

fn lookout(it: &mut Sheet<'_>) {
    let name = format!("示例{}瞭望点{}", it.community.name, it.n + 1);
    it.code("DEMO-LT").set("name", name);
    it.choice("class", &[("camera", 6), ("tower", 2), ("station", 1)]);
    it.whole("height", 8..=36);
    it.whole("elevation", 60..=420);
    it.real("range", 1.0..=6.0, 1);
    it.yes("manned", 20);
    it.set("state", "in-use").of_street("keeper", "城管巡查队员").phone("duty_phone").stand(Form::Point);
}

fn water_point(it: &mut Sheet<'_>) {
    let (class, word) = it.chance.pick(&[
        ("tank", "蓄水池"),
        ("hydrant", "消防栓"),
        ("reservoir", "取水口"),
        ("network", "以水灭火管网"),
    ]);
    let name = format!("示例{}{word}{}", it.community.name, it.n + 1);
    it.code("DEMO-WP").set("name", name).set("class", class);
    it.whole("volume", 10..=600);
    it.real("depth", 0.8..=6.0, 1);
    it.yes("all_year", 85);
    it.yes("vehicle", 70);
    it.set("helicopter", class == "reservoir");
    it.choice("state", &[("in-use", 94), ("repair", 6)]);
    it.neighbour("keeper", "网格员").stand(Form::Point);
}

fn grave(it: &mut Sheet<'_>) {
    let name = format!("示例{}坟山{}", it.community.name, it.n + 1);
    it.code("DEMO-GR").set("name", name);
    it.whole("graves", 1..=160);
    it.choice("class", &[("hill", 5), ("scattered", 4), ("cemetery", 1)]);
    it.yes("forest", 85);
    it.whole("visitors", 10..=1_500);
    it.set("days", "清明、重阳前后").near("grid", "forest-grid", false).stranger("family_contact", "family_phone");
    it.neighbour("watcher", "网格员").set("measure", "设点检查、禁带火种（演示）").stand(Form::Point);
}
