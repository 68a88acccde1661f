//! Teams, warehouses, stock, shelters and what else helps.

use super::{
    Part,
    sheet::{Form, Sheet},
};

/// In the order of their links.
pub const PARTS: &[Part] = &[
    Part { kind: "shelter", count: 99, fill: shelter },
    Part { kind: "team", count: 46, fill: team },
    Part { kind: "service-station", count: 30, fill: service_station },
    Part { kind: "warehouse", count: 21, fill: warehouse },
    Part { kind: "agreement", count: 18, fill: agreement },
    Part { kind: "expert", count: 86, fill: expert },
    Part { kind: "landing-site", count: 12, fill: landing_site },
    Part { kind: "medical", count: 110, fill: medical },
    Part { kind: "equipment", count: 640, fill: equipment },
    Part { kind: "stock", count: 900, fill: stock },
];

const SPECIALITIES: &[&str] =
    &["flood", "water-rescue", "geohazard", "fire", "road", "drain", "power", "medical", "comprehensive"];

fn shelter(it: &mut Sheet<'_>) {
    let place = it.chance.pick(&["学校体育馆", "社区活动中心", "文体中心", "公园广场", "中学运动场"]);
    let name = format!("示例{}{}避难场所", it.community.name, place);
    let outside = place.contains("公园") || place.contains("运动场");
    it.code("DEMO-SH").set("name", name).set("space", if outside { "outdoor" } else { "indoor" });
    it.choice("level", &[("county", 12), ("town", 48), ("village", 40)]);
    it.choice("duration", &[("urgent", 60), ("short", 34), ("long", 6)]);
    it.several("hazards", &["typhoon", "flood", "geohazard", "cold", "earthquake"], 3);
    let capacity = it.whole("capacity", 60..=1_200);
    let share = 1.2 + 1.8 * it.chance.unit();
    let effective = (capacity as f64 * share).round();
    it.number("effective_area", effective).number("area", (effective * 1.3).round());
    it.yes("earthquake", 15);
    it.choice("state", &[("ready", 88), ("open", 6), ("repair", 5), ("gone", 1)]);
    it.neighbour("keeper", "灾害信息员").deputy("deputy", "社区负责人").phone("duty_phone").street_office("manager");
    if !outside {
        it.whole("beds", 20..=300);
    }
    it.whole("toilets", 2..=24);
    for (field, percent) in
        [("water", 96), ("generator", 40), ("kitchen", 35), ("medical_room", 30), ("barrier_free", 62), ("pets", 8)]
    {
        it.yes(field, percent);
    }
    if it.yes("camera", 45) {
        let id = format!("DEMO-CAM-{:04}", it.n + 1);
        it.set("camera_id", id);
    }
    let (serves, address) = (it.community.name.clone(), it.address());
    it.visited("last_check", 92).set("serves", serves).set("address", address).stand(Form::Point);
}

fn team(it: &mut Sheet<'_>) {
    // One street after another has its own; then the district's, those of communities, and others.
    let class = match it.n * 46 / it.count {
        0..10 => "street",
        10..18 => "professional",
        18..34 => "community",
        34..40 => "social",
        40..44 => "enterprise",
        _ => "fire",
    };
    let word = match class {
        "street" => "综合应急队",
        "professional" => "专业抢险队",
        "community" => "响应队",
        "social" => "公益救援队",
        "enterprise" => "企业救援队",
        _ => "消防站",
    };
    let name = format!("示例{}第{}{word}", it.community.street_name, it.n + 1);
    it.code("DEMO-TM").set("name", name).set("class", class);
    it.set(
        "level",
        if class == "street" {
            "town"
        } else if class == "community" {
            "village"
        } else {
            "county"
        },
    );
    if class == "social" {
        it.choice("grade", &[("A", 1), ("B", 3), ("C", 4), ("D", 2)]);
    }
    it.several("speciality", SPECIALITIES, 3);
    let members = it.whole("members", if class == "street" { 22..=46 } else { 8..=60 });
    it.whole("volunteers", 0..=80);
    let missing = it.chance.within(&(-2..=6));
    it.set("required_members", (members + missing).max(1));
    it.of_street("leader", "抢险队员").phone("duty_phone").street_office("manager");
    if it.chance.share(80) {
        it.of_street("deputy", "街道值班员");
    }
    it.whole("vehicles", 0..=12);
    it.set("kit", "冲锋舟、排涝泵、油锯、照明灯（演示）");
    it.whole("ready_minutes", 5..=45);
    it.yes("night", 60);
    it.day("last_drill", 5..=400);
    it.day("registered_on", 200..=1_500);
    let address = it.address();
    it.set("address", address).stand(Form::Point);
}

fn service_station(it: &mut Sheet<'_>) {
    let name = format!("示例{}应急管理服务站", it.community.name);
    it.code("DEMO-SS").set("name", name);
    it.whole("staff", 4..=16);
    it.whole("vehicles", 1..=4);
    let minutes = it.chance.pick(&[5, 5, 5, 8, 10]);
    it.set("reach_minutes", minutes).several("speciality", SPECIALITIES, 3);
    it.yes("night", 85);
    it.of_street("keeper", "应急办工作人员").phone("duty_phone").near("team", "team", false).street_office("manager");
    if it.chance.share(80) {
        it.of_street("deputy", "街道值班员");
    }
    let address = it.address();
    it.set("kit", "排涝泵、发电机、急救包、绳索（演示）")
        .set("state", "in-use")
        .set("address", address)
        .stand(Form::Point);
}

fn warehouse(it: &mut Sheet<'_>) {
    let district = it.n.is_multiple_of(7);
    let name = format!("示例{}{}应急物资库", it.community.street_name, it.n + 1);
    it.code("DEMO-WH").set("name", name).set("level", if district { "county" } else { "town" });
    it.several("supplies", &["43B01", "43B03", "43C04", "43C05", "43C06", "43C99", "2", "3"], 5);
    let area = it.real("area", 40.0..=1_600.0, 0);
    it.number("volume", (area * 3.2).round());
    if district {
        it.unit("manager", "luohu-emergency")
    } else {
        it.street_office("manager")
    };
    it.of_street("keeper", "物资保障组成员").phone("duty_phone");
    if it.chance.share(70) {
        it.of_street("deputy", "应急办工作人员");
    }
    it.yes("night", 75);
    it.set("truck", if district { 10 } else { 4 });
    it.yes("forklift", 35);
    it.yes("flood_prone", 10);
    let address = it.address();
    it.set("state", "in-use").set("address", address).stand(Form::Point);
}

fn agreement(it: &mut Sheet<'_>) {
    let brand = it.brand();
    let (class, word, unit) = it.chance.pick(&[
        ("store", "物资代储", "件"),
        ("produce", "产能储备", "件"),
        ("service", "抢险施工", "台班"),
        ("transport", "车辆保障", "车次"),
        ("catering", "餐饮保障", "份"),
        ("medical", "救护协作", "车次"),
    ]);
    let (name, partner) = (format!("示例{word}协议（{}）", it.n + 1), format!("示例{brand}有限公司"));
    it.code("DEMO-AG").set("name", name).set("class", class).set("partner", partner).set("unit_word", unit);
    it.whole("capacity", 20..=5_000);
    it.whole("hours", 1..=24);
    it.stranger("contact", "contact_phone");
    let signed = it.day("signed_on", 30..=900);
    let until = it.before(signed - 730);
    let address = it.address();
    it.set("until_on", until).unit("signer", "luohu-emergency").set("address", address).stand(Form::Point);
}

fn expert(it: &mut Sheet<'_>) {
    it.code("DEMO-EX").stranger("name", "phone");
    it.several("section", &["natural", "safety", "rescue"], 2);
    it.several(
        "speciality",
        &[
            "flood",
            "geohazard",
            "forest-fire",
            "chemicals",
            "dust",
            "confined",
            "construction",
            "fire",
            "gas",
            "medical",
            "electric",
        ],
        3,
    );
    let title = it.chance.pick(&["高级工程师", "正高级工程师", "注册安全工程师", "主任医师", "教授"]);
    let employer = format!("示例{}研究院", it.brand());
    it.set("title", title).set("employer", employer);
    let appointed = it.day("appointed_on", 60..=1_200);
    let until = it.before(appointed - 1_095);
    it.set("appointed_until", until);
    it.yes("night", 55);
    it.owner = Some("luohu-emergency".to_owned());
    it.stand(Form::Point);
}

fn landing_site(it: &mut Sheet<'_>) {
    let (class, word) = it.chance.pick(&[
        ("ground", "草坪起降点"),
        ("stadium", "体育场起降点"),
        ("roof", "屋顶停机坪"),
        ("water", "取水点"),
    ]);
    let name = format!("示例{}{word}{}", it.community.name, it.n + 1);
    it.code("DEMO-LS").set("name", name).set("class", class);
    it.whole("length", 24..=90);
    it.whole("width", 24..=60);
    it.whole("elevation", 8..=160);
    it.set("surface", if class == "roof" { "concrete" } else { "grass" });
    it.real("max_weight", 3.0..=13.0, 1);
    it.yes("night", 30);
    it.yes("fuel", 5);
    it.yes("water", 50);
    let address = it.address();
    it.set("state", "in-use").of_street("keeper", "街道值班员").phone("duty_phone").street_office("manager");
    it.set("obstacles", "东侧有路灯（演示）").set("address", address).stand(Form::Point);
}

fn medical(it: &mut Sheet<'_>) {
    let hospital = it.n.is_multiple_of(11);
    let (class, word, grade) = if hospital {
        ("hospital", "医院", it.chance.pick(&["3A", "2A", "2"]))
    } else {
        it.chance.pick(&[
            ("community", "社区健康服务中心", "none"),
            ("clinic", "门诊部", "none"),
            ("emergency", "急救站", "none"),
        ])
    };
    let name = format!("示例{}{word}{}", it.community.name, it.n + 1);
    it.code("DEMO-MD").set("name", name).set("class", class).set("grade", grade);
    let beds = it.whole("beds", if hospital { 120..=900 } else { 0..=20 });
    it.set("intensive_beds", beds / 20);
    it.whole("ambulances", if hospital { 2..=8 } else { 0..=1 });
    it.whole("doctors", 2..=60);
    it.set("emergency", hospital);
    let (burns, trauma) = (it.n.is_multiple_of(2), it.n.is_multiple_of(3));
    it.set("burns", hospital && burns).set("trauma", hospital && trauma);
    it.stranger("contact", "contact_phone").phone("duty_phone").unit("supervisor", "luohu-health");
    let address = it.address();
    it.owner = Some("luohu-health".to_owned());
    it.set("address", address).stand(Form::Point);
}

fn equipment(it: &mut Sheet<'_>) {
    let (class, name, unit, price) = it.chance.pick(&[
        ("pump", "移动排涝泵", "台", 68_000),
        ("generator", "应急发电机", "台", 12_000),
        ("boat", "橡皮冲锋舟", "艘", 18_000),
        ("rescue-tool", "油锯", "把", 2_400),
        ("radio", "数字对讲机", "部", 1_800),
        ("satellite", "卫星电话", "部", 9_600),
        ("drone", "巡查无人机", "架", 26_000),
        ("forest-fire", "风力灭火机", "台", 3_200),
        ("protective", "救生衣", "件", 180),
        ("vehicle", "应急抢险车", "辆", 210_000),
        ("detector", "四合一气体检测仪", "台", 4_200),
    ]);
    it.code("DEMO-EQ").set("name", name).set("class", class).set("unit_word", unit).set("price", price);
    let model = format!("DEMO-{}", 100 + it.n % 37);
    it.set("model", model);
    it.whole("quantity", if price < 1_000 { 10..=200 } else { 1..=6 });
    if it.chance.share(70) {
        it.near("warehouse", "warehouse", false)
    } else {
        it.near("team", "team", false)
    };
    it.street_office("owner").of_street("keeper", "物资保障组成员").phone("contact_phone");
    it.choice("state", &[("in-use", 90), ("idle", 4), ("repair", 5), ("scrapped", 1)]);
    it.day("bought_on", 90..=3_200);
    let life = it.chance.pick(&[5, 8, 10]);
    it.set("life_years", life);
    it.day("next_service", -300..=-5);
    it.yes("operator", 35);
    it.stand(Form::Point);
}

fn stock(it: &mut Sheet<'_>) {
    let (class, name, unit, price) = it.chance.pick(&[
        ("43B01", "编织袋", "条", 2),
        ("43B01", "防汛沙袋", "个", 6),
        ("43B01", "防水挡板", "块", 260),
        ("43B03", "雨衣", "件", 45),
        ("43B03", "雨靴", "双", 60),
        ("43B03", "强光手电", "支", 120),
        ("43B05", "灭火弹", "枚", 90),
        ("43C02", "方便食品", "箱", 80),
        ("43C04", "棉被", "床", 150),
        ("43C04", "折叠床", "张", 180),
        ("43C05", "瓶装水", "箱", 30),
        ("43C06", "救灾帐篷", "顶", 1_900),
    ]);
    let batch = format!("DEMO-{:05}", it.n + 1);
    it.set("name", name).set("class", class).set("unit_word", unit).set("price", price).set("batch", batch);
    let spec = it.chance.pick(&["标准型", "加厚型", "大号", "中号"]);
    it.set("spec", spec).near("warehouse", "warehouse", false);
    if it.chance.share(12) {
        it.set("form", "agreed").near("agreement", "agreement", false)
    } else {
        it.set("form", "stock")
    };
    let quantity = it.whole("quantity", 10..=2_000);
    let share = it.chance.pick(&[80, 90, 100, 100, 130]);
    it.set("target", quantity * share / 100);
    let produced = it.day("produced_on", 60..=1_400);
    let life = it.chance.pick(&[540, 1_095, 1_825]);
    let until = it.before(produced - life);
    it.set("expires_on", until);
    it.day("counted_on", 1..=240);
}
