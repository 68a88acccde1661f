//! 企业场所, and those among them that have to do with hazardous chemicals.

use super::{
    Part,
    ground::Cell,
    sheet::{Form, Sheet},
};

/// In the order of their links; grids are there before.
pub const PARTS: &[Part] = &[
    Part { kind: "premises", count: 28_694, fill: premises },
    Part { kind: "chemical-unit", count: 96, fill: chemical_unit },
    Part { kind: "chemical-holding", count: 288, fill: chemical_holding },
    Part { kind: "tank", count: 24, fill: tank },
    Part { kind: "major-hazard-source", count: 3, fill: major_hazard_source },
];

/// What there is how often: type, words of a name, industries (GB/T 4754-2017), field of supervision, who supervises.
struct Trade {
    class: &'static str,
    words: &'static [&'static str],
    industries: &'static [&'static str],
    sector: &'static str,
    unit: &'static str,
}

const fn trade(
    class: &'static str,
    words: &'static [&'static str],
    industries: &'static [&'static str],
    sector: &'static str,
    unit: &'static str,
) -> Trade {
    Trade { class, words, industries, sector, unit }
}

const TRADES: &[(Trade, u32)] = &[
    (trade("shop", &["便利店", "百货店", "五金店", "药店"], &["5211", "5212", "5221"], "fire", "luohu-industry"), 300),
    (
        trade(
            "restaurant",
            &["餐厅", "茶餐厅", "快餐店", "小吃店"],
            &["6210", "6220", "6291", "6231"],
            "gas",
            "luohu-urban",
        ),
        210,
    ),
    (
        trade(
            "office",
            &["科技有限公司", "商务有限公司", "咨询有限公司"],
            &["6512", "7211", "6431"],
            "fire",
            "luohu-industry",
        ),
        180,
    ),
    (trade("trade", &["贸易有限公司", "建材商行"], &["5174", "5121"], "industry-trade", "luohu-industry"), 90),
    (
        trade(
            "workshop",
            &["首饰加工坊", "缝纫加工坊", "印刷工坊"],
            &["2438", "1811", "2319"],
            "industry-trade",
            "luohu-emergency",
        ),
        50,
    ),
    (
        trade(
            "factory",
            &["五金制品厂", "灯饰厂", "包装制品厂", "珠宝厂"],
            &["3311", "3872", "2926", "2438"],
            "industry-trade",
            "luohu-emergency",
        ),
        34,
    ),
    (trade("property", &["物业管理处"], &["7020"], "fire", "luohu-housing"), 30),
    (trade("rental", &["租赁公寓"], &["7020"], "fire", "luohu-police"), 28),
    (trade("warehouse", &["仓库", "快递网点"], &["5990", "6020"], "fire", "luohu-industry"), 24),
    (trade("lodging", &["酒店", "旅馆"], &["6110", "6121"], "crowded", "luohu-culture"), 18),
    (trade("entertainment", &["影城", "歌厅"], &["9011", "9051"], "crowded", "luohu-culture"), 10),
    (trade("school", &["培训中心"], &["8391"], "education", "luohu-education"), 12),
    (trade("medical", &["门诊部"], &["8425"], "health-care", "luohu-health"), 8),
    (trade("care", &["长者之家"], &["8514"], "civil-affairs", "luohu-civil"), 3),
    (trade("charging", &["充电站"], &["7810"], "fire", "luohu-housing"), 3),
];

/// Those with chemicals: type of the unit, type of the premises, words, industry.
const CHEMICAL: &[(&str, &str, &str, &str)] = &[
    ("fuel-station", "fuel-station", "加油站", "5265"),
    ("trader", "trade", "化工贸易有限公司", "5174"),
    ("jewellery", "factory", "首饰厂", "2438"),
    ("plating", "workshop", "电镀加工坊", "3311"),
    ("printing", "workshop", "印刷厂", "2319"),
    ("laboratory", "laboratory", "检测实验室", "7452"),
    ("hospital", "medical", "医院", "8412"),
    ("cold-store", "warehouse", "冷库", "5990"),
];

/// Premises of the `unit`th unit with chemicals; they stand evenly among all.
fn premises_of(it: &Sheet<'_>, unit: usize) -> usize {
    unit * it.district.count("premises") / it.district.count("chemical-unit").max(1)
}

/// The unit with chemicals at the `n`th premises.
fn unit_of(it: &Sheet<'_>, n: usize) -> Option<usize> {
    let (units, all) = (it.district.count("chemical-unit"), it.district.count("premises"));
    let unit = (n * units).div_ceil(all.max(1));
    (unit < units && premises_of(it, unit) == n).then_some(unit)
}

fn premises(it: &mut Sheet<'_>) {
    let credit_code = credit_code(it.n);
    it.set("credit_code", credit_code);
    let brand = it.brand();
    let unit = unit_of(it, it.n);
    let (class, sector, supervisor) = match unit {
        Some(unit) => {
            let (_, class, words, industry) = CHEMICAL[unit % CHEMICAL.len()];
            it.set("name", format!("示例{brand}{words}")).set("industry", industry);
            (class, "chemicals", "luohu-emergency")
        }
        None => {
            let weights: Vec<(&Trade, u32)> = TRADES.iter().map(|it| (&it.0, it.1)).collect();
            let trade = it.chance.weighted(&weights);
            let (words, industry) = (it.chance.pick(trade.words), it.chance.pick(trade.industries));
            it.set("name", format!("示例{brand}{words}")).set("industry", industry);
            (trade.class, trade.sector, trade.unit)
        }
    };
    if it.chance.share(30) {
        it.set("short_name", format!("{brand}（演示）"));
    }
    it.set("class", class).set("sector", sector).unit("supervisor", supervisor);
    it.choice("status", &[("open", 89), ("stopped", 4), ("moved", 3), ("closed", 2), ("vacant", 2)]);
    let scale = it.choice("scale", &[("self", 56), ("micro", 27), ("small", 14), ("medium", 2), ("large", 1)]);
    let employees = it.whole(
        "employees",
        match scale {
            "self" => 1..=6,
            "micro" => 2..=18,
            "small" => 12..=160,
            "medium" => 100..=480,
            _ => 400..=2_600,
        },
    );
    it.set("above_scale", matches!(scale, "medium" | "large"));
    it.number("floor_area", (employees * 14 + it.n as i64 % 37) as f64);
    it.risk();
    dangers(it, class, employees);
    let standard = it.choice("standard_grade", &[("none", 82), ("small", 12), ("3", 5), ("2", 1)]);
    if standard != "none" {
        it.day("standard_until", -1_000..=200);
    }
    it.set("uses_chemicals", unit.is_some());
    it.yes("liability_insured", 34);
    it.yes("full_time_officer", 18);
    it.stranger("legal_person", "legal_person_phone").stranger("safety_officer", "safety_officer_phone");
    if it.chance.share(25) {
        it.phone("duty_phone");
    }
    in_grid(it);
    let (address, floor) = (it.address(), 1 + it.chance.below(28));
    it.set("address", address).set("floors", format!("{floor}层"));
    if it.chance.share(78) {
        it.day("last_check", 1..=620);
    }
    it.stand(Form::Point);
}

fn dangers(it: &mut Sheet<'_>, class: &str, employees: i64) {
    let makes = matches!(class, "factory" | "workshop");
    if it.yes("confined_space", if makes || class == "property" { 22 } else { 2 }) {
        it.whole("confined_spaces", 1..=6);
    }
    if it.yes("combustible_dust", if makes { 7 } else { 0 }) {
        it.whole("dust_workers", 1..=employees.max(1));
    }
    it.yes("piped_gas", if class == "restaurant" { 84 } else { 12 });
    it.set("ammonia", false).set("molten_metal", false).set("furnace_gas", false);
    it.yes("people_sleep", if matches!(class, "shop" | "workshop") { 2 } else { 0 });
    it.yes("outsourced", 10);
}

/// In one of the community's grids, where it has any.
fn in_grid(it: &mut Sheet<'_>) {
    let (first, many) = it.district.grids[it.at];
    if many > 0 {
        let number = it.chance.below(many);
        it.cell = Cell::of(number, many);
        it.set("grid", super::id_of("grid", first + number));
    }
}

/// A unified credit code (GB 32100-2015) with a good check character that nobody can have: `X` is no registration
/// authority of the standard's table 1, and 000000 no division of GB/T 2260.
fn credit_code(n: usize) -> String {
    const LETTERS: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    let body = format!("X1000000{:09}", n + 1);
    let value = |it: u8| LETTERS.iter().position(|letter| *letter == it).unwrap_or_default();
    let weighted = body.bytes().fold((0, 1), |(sum, weight), it| (sum + value(it) * weight, weight * 3 % 31));
    format!("{body}{}", char::from(LETTERS[(31 - weighted.0 % 31) % 31]))
}

fn chemical_unit(it: &mut Sheet<'_>) {
    let at = premises_of(it, it.n);
    if let Some(premises) = it.district.other("premises", at) {
        (it.place, it.owner, it.community, it.at) =
            (premises.place.clone(), premises.owner.clone(), premises.community, premises.at);
        it.set("name", premises.text("name")).set("address", premises.text("address"));
    }
    let class = CHEMICAL[it.n % CHEMICAL.len()].0;
    it.set("premises", super::id_of("premises", at)).set("class", class);
    it.set("activity", if matches!(class, "fuel-station" | "trader") { vec!["2", "4"] } else { vec!["3"] });
    let (company, licence) = (format!("{:09}", it.n + 1), format!("演示证字〔2022〕第{:03}号", it.n + 1));
    it.set("company_code", company).set("licence_no", licence);
    it.day("licence_until", -900..=60);
    it.day("evaluated_on", 40..=1_300);
    it.choice("risk", &[("1", 2), ("2", 18), ("3", 50), ("4", 30)]);
    it.yes("toxic", 8);
    it.yes("explosive_precursor", 14);
    it.set("major_hazard", it.n < it.district.count("major-hazard-source"));
    it.yes("linked", 30);
    it.stranger("safety_officer", "safety_officer_phone").phone("duty_phone").unit("supervisor", "luohu-emergency");
}

/// Makes a thing of a unit with chemicals lie where the unit lies.
fn belongs_to(it: &mut Sheet<'_>, unit: usize) {
    if let Some(other) = it.district.other("chemical-unit", unit) {
        (it.community, it.at, it.owner) = (other.community, other.at, other.owner.clone());
        if it.kind != "chemical-holding" {
            it.place = other.place.clone();
        }
    }
    it.set("unit", super::id_of("chemical-unit", unit));
}

fn chemical_holding(it: &mut Sheet<'_>) {
    const SUBSTANCES: &[(&str, &str, &str, &str, i64)] = &[
        ("乙醇", "64-17-5", "T67", "liquid", 500),
        ("丙酮", "67-64-1", "T59", "liquid", 500),
        ("甲醇", "67-56-1", "T65", "liquid", 500),
        ("甲苯", "108-88-3", "T64", "liquid", 500),
        ("汽油", "86290-81-5", "T66", "liquid", 200),
        ("乙炔", "74-86-2", "T54", "gas", 1),
        ("液化石油气", "68476-85-7", "T52", "gas", 50),
    ];
    let units = it.district.count("chemical-unit").max(1);
    let unit = (it.n / 3).min(units - 1);
    belongs_to(it, unit);
    // Three after another of one unit are three different ones.
    let (name, cas, code, state, critical) = SUBSTANCES[(unit + it.n) % SUBSTANCES.len()];
    let room = format!("{}号间", it.n % 3 + 1);
    it.set("substance_name", name).set("cas", cas).set("gb18218", code).set("physical_state", state).set("room", room);
    it.set("critical_quantity", critical);
    let limit = it.whole("limit", 20..=400);
    let share = it.chance.within(&(10..=95));
    it.number("amount", (limit * share / 10) as f64 / 10.0);
    it.real("daily_use", 0.1..=12.0, 1);
    it.number("design_quantity", limit as f64 / 1_000.0);
    it.yes("cabinet", 92);
    it.yes("data_sheet", 95);
    it.neighbour("keeper", "物业负责人");
}

fn tank(it: &mut Sheet<'_>) {
    let stations = it.district.count("chemical-unit").div_ceil(CHEMICAL.len()).max(1);
    belongs_to(it, it.n % stations * CHEMICAL.len());
    let code = format!("DEMO-V{:02}", it.n / stations + 1);
    it.set("code", code)
        .set("substance_name", "汽油")
        .set("cas", "86290-81-5")
        .set("gb18218", "T66")
        .set("critical_quantity", 200);
    it.set("volume", 30).set("capacity", 22);
    it.whole("stock", 2..=20);
    it.set("class", "horizontal").set("burial", "below");
    it.yes("level_alarm", 98);
    it.yes("gas_alarm", 95);
    it.yes("cut_off", 95);
    it.whole("built", 2004..=2021);
    it.day("next_check", -700..=-10);
    it.set("state", "in-use");
}

fn major_hazard_source(it: &mut Sheet<'_>) {
    belongs_to(it, it.n);
    let name = format!("示例储存单元{}", it.n + 1);
    it.code("DEMO-MH").set("name", name).set("class", "3").set("level", "4").set("substances", "汽油、乙醇（演示）");
    it.real("s_value", 1.05..=2.4, 2);
    it.real("r_value", 2.0..=9.5, 1);
    it.whole("people_500m", 120..=2_400);
    it.set("alpha", 2).stranger("principal", "principal_phone").stranger("technical", "technical_phone");
    it.stranger("operating", "operating_phone").unit("supervisor", "luohu-emergency");
    let evaluated = it.day("evaluated_on", 90..=600);
    let (filed, number) = (it.before(evaluated - 10), format!("演示备字{:02}号", it.n + 1));
    it.set("filed_on", filed).set("filing_no", number);
    it.yes("linked", 70);
    it.set("state", "in-use");
}
