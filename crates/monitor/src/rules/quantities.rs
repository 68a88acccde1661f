//! What stations measure: canonical unit, other units with their exact conversion, plausible range.

use anlan_kernel::Problem;

use super::decimal::{Decimal, ONE};

/// A measured quantity, a row of the table below.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(u8);

/// A value of a known quantity, exact: canonical units times the quantity's `parts`, in 10⁻¹⁸.
/// Amounts of one quantity compare with each other, whatever unit they came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(pub(crate) i128);

/// `parts` makes every conversion of a quantity a whole factor: canonical value × `parts` =
/// value × factor + offset. So nothing is ever divided and nothing rounded.
struct Row {
    name: &'static str,
    zh: &'static str,
    en: &'static str,
    parts: i64,
    /// Outside of this range (canonical units) a reading is possible but suspect.
    plausible: (f64, f64),
    /// First the canonical one: spellings, factor, offset in hundredths of a part.
    units: &'static [(&'static [&'static str], i64, i64)],
}

const MILLIMETRES: &[&str] = &["mm", "毫米"];
const CENTIMETRES: &[&str] = &["cm", "厘米"];
const METRES: &[&str] = &["m", "米"];
const PERCENT: &[&str] = &["%", "percent"];
const DEGREES: &[&str] = &["deg", "°", "度"];

/// Wind: 1 km/h = 5/18, 1 kn = 463/900, 1 mph = 1397/3125 m/s.
const SPEEDS: &[(&[&str], i64, i64)] = &[
    (&["m/s", "米/秒", "m s-1", "mps"], 112_500, 0),
    (&["km/h", "kmh", "公里/小时", "千米/小时"], 31_250, 0),
    (&["kn", "kt", "knot", "knots", "节"], 57_875, 0),
    (&["mph"], 50_292, 0),
];
/// Levels: 1 ft = 381/1250 m.
const LEVELS: &[(&[&str], i64, i64)] =
    &[(METRES, 5_000, 0), (CENTIMETRES, 50, 0), (MILLIMETRES, 5, 0), (&["ft", "英尺"], 1_524, 0)];
const SMALL_LENGTHS: &[(&[&str], i64, i64)] =
    &[(MILLIMETRES, 1_000, 0), (CENTIMETRES, 10_000, 0), (METRES, 1_000_000, 0), (&["um", "μm", "µm", "微米"], 1, 0)];
/// degF: (F − 32) × 5/9; K: C + 273.15.
const TEMPERATURES: &[(&[&str], i64, i64)] = &[
    (&["degC", "℃", "°C", "C", "摄氏度"], 9, 0),
    (&["degF", "℉", "°F", "F", "华氏度"], 5, -16_000),
    (&["K", "开"], 9, -245_835),
];

const TABLE: &[Row] = &[
    row(
        "rainfall",
        "雨量",
        "Rainfall",
        5,
        (0.0, 200.0),
        &[(MILLIMETRES, 5, 0), (CENTIMETRES, 50, 0), (METRES, 5_000, 0), (&["in", "inch", "英寸"], 127, 0)],
    ),
    row("water_level", "水位", "Water level", 5_000, (-50.0, 6_000.0), LEVELS),
    row("tide_level", "潮位", "Tide level", 5_000, (-10.0, 20.0), LEVELS),
    row("wave_height", "浪高", "Wave height", 5_000, (0.0, 40.0), LEVELS),
    row("flooding_depth", "积水深度", "Flooding depth", 5_000, (0.0, 20.0), LEVELS),
    row("liquid_level", "液位", "Liquid level", 5_000, (0.0, 100.0), LEVELS),
    row(
        "flow",
        "流量",
        "Flow",
        180_000,
        (-10_000.0, 200_000.0),
        &[
            (&["m3/s", "m³/s", "m^3/s", "立方米/秒", "cumec", "cumecs"], 180_000, 0),
            (&["L/s", "l/s", "升/秒"], 180, 0),
            (&["m3/h", "m³/h", "立方米/小时"], 50, 0),
            (&["m3/min", "m³/min"], 3_000, 0),
            (&["L/min", "l/min"], 3, 0),
        ],
    ),
    row("flow_speed", "流速", "Flow speed", 112_500, (-20.0, 20.0), SPEEDS),
    row("wind_speed", "风速", "Wind speed", 112_500, (0.0, 120.0), SPEEDS),
    row("wind_gust", "阵风", "Gust", 112_500, (0.0, 150.0), SPEEDS),
    row("wind_direction", "风向", "Wind direction", 1, (0.0, 360.0), &[(DEGREES, 1, 0)]),
    row("temperature", "气温", "Temperature", 9, (-80.0, 1_500.0), TEMPERATURES),
    row("humidity", "相对湿度", "Relative humidity", 1, (0.0, 100.0), &[(PERCENT, 1, 0)]),
    row(
        "pressure",
        "压力",
        "Pressure",
        1_000,
        (0.0, 200_000.0),
        &[
            (&["kPa", "千帕"], 1_000, 0),
            (&["Pa", "帕"], 1, 0),
            (&["hPa", "mbar", "百帕"], 100, 0),
            (&["MPa", "兆帕"], 1_000_000, 0),
            (&["bar"], 100_000, 0),
        ],
    ),
    row(
        "visibility",
        "能见度",
        "Visibility",
        1,
        (0.0, 100_000.0),
        &[(METRES, 1, 0), (&["km", "公里", "千米"], 1_000, 0)],
    ),
    row(
        "snow_depth",
        "雪深",
        "Snow depth",
        10,
        (0.0, 1_000.0),
        &[(CENTIMETRES, 10, 0), (MILLIMETRES, 1, 0), (METRES, 1_000, 0)],
    ),
    row("soil_moisture", "土壤含水量", "Soil moisture", 1, (0.0, 100.0), &[(PERCENT, 1, 0)]),
    // A share of the explosive limit and a share of the air convert only for a known gas:
    // both are taken as they come, and the rule is written in the unit the detector reports.
    row(
        "gas_concentration",
        "气体浓度",
        "Gas concentration",
        1_000,
        (0.0, 1_000_000.0),
        &[
            (&["ppm"], 1_000, 0),
            (&["%LEL", "LEL%", "%lel"], 1_000, 0),
            (&["ppb"], 1, 0),
            (&["%vol", "%VOL", "vol%"], 10_000_000, 0),
        ],
    ),
    row("displacement", "位移", "Displacement", 1_000, (-100_000.0, 100_000.0), SMALL_LENGTHS),
    row("settlement", "沉降", "Settlement", 1_000, (-100_000.0, 100_000.0), SMALL_LENGTHS),
    row("crack_width", "裂缝宽度", "Crack width", 1_000, (0.0, 10_000.0), SMALL_LENGTHS),
    row("tilt", "倾角", "Tilt", 1, (-180.0, 180.0), &[(DEGREES, 1, 0)]),
    row(
        "vibration",
        "振动速度",
        "Vibration",
        10,
        (0.0, 10_000.0),
        &[(&["mm/s", "毫米/秒"], 10, 0), (&["cm/s"], 100, 0), (&["m/s"], 10_000, 0)],
    ),
    row(
        "acceleration",
        "加速度",
        "Acceleration",
        100_000,
        (-100.0, 100.0),
        &[(&["m/s2", "m/s²", "m/s^2"], 100_000, 0), (&["gal", "Gal", "cm/s2"], 1_000, 0), (&["g"], 980_665, 0)],
    ),
    row(
        "pore_pressure",
        "孔隙水压力",
        "Pore pressure",
        1_000,
        (-100.0, 10_000.0),
        &[(&["kPa", "千帕"], 1_000, 0), (&["Pa", "帕"], 1, 0), (&["MPa", "兆帕"], 1_000_000, 0)],
    ),
    row(
        "pm25",
        "细颗粒物",
        "PM2.5",
        1,
        (0.0, 5_000.0),
        &[(&["ug/m3", "μg/m3", "µg/m³", "μg/m³", "微克/立方米"], 1, 0), (&["mg/m3", "mg/m³"], 1_000, 0)],
    ),
    row(
        "voltage",
        "电压",
        "Voltage",
        1_000,
        (-1_000_000.0, 1_000_000.0),
        &[(&["V", "伏"], 1_000, 0), (&["mV"], 1, 0), (&["kV"], 1_000_000, 0)],
    ),
    row("current", "电流", "Current", 1_000, (-100_000.0, 100_000.0), &[(&["A", "安"], 1_000, 0), (&["mA"], 1, 0)]),
    row(
        "residual_current",
        "剩余电流",
        "Residual current",
        1_000,
        (0.0, 100_000.0),
        &[(&["mA"], 1_000, 0), (&["A", "安"], 1_000_000, 0)],
    ),
    row("people_count", "人数", "People", 1, (0.0, 10_000_000.0), &[(&["persons", "人", "1"], 1, 0)]),
];

const fn row(
    name: &'static str,
    zh: &'static str,
    en: &'static str,
    parts: i64,
    plausible: (f64, f64),
    units: &'static [(&'static [&'static str], i64, i64)],
) -> Row {
    Row { name, zh, en, parts, plausible, units }
}

impl Quantity {
    /// How many quantities the table has; [`Quantity::index`] is below it.
    pub const COUNT: usize = TABLE.len();

    /// All, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..TABLE.len()).map(|index| Self(index as u8))
    }

    /// By its name in files, such as `rainfall`.
    ///
    /// # Errors
    /// `unknown_quantity`, naming those that exist.
    pub fn named(name: &str) -> Result<Self, Problem> {
        Self::all().find(|it| it.name() == name).ok_or_else(|| {
            let known = TABLE.iter().map(|row| row.name).collect::<Vec<_>>().join(", ");
            let name: String = name.chars().take(40).collect();
            Problem::new(
                "unknown_quantity",
                format!("没有“{name}”这种监测量；可用：{known}"),
                format!("there is no quantity \"{name}\"; known are {known}"),
            )
        })
    }

    /// Position in the table, below [`Quantity::COUNT`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The name in files.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// 中文名.
    pub fn zh(self) -> &'static str {
        self.row().zh
    }

    /// The English name.
    pub fn en(self) -> &'static str {
        self.row().en
    }

    /// The canonical unit: the one in which thresholds are written.
    pub fn unit(self) -> &'static str {
        self.row().units[0].0[0]
    }

    /// Whether a value lies where such a quantity can be. Outside of it a reading is suspect: kept, marked, counted.
    pub fn plausible(self, amount: Amount) -> bool {
        let (low, high) = self.row().plausible;
        (low..=high).contains(&self.to_f64(amount))
    }

    /// A value in canonical units.
    pub fn amount(self, value: Decimal) -> Amount {
        Amount(value.0 * i128::from(self.row().parts))
    }

    /// The conversion from a unit, looked up once and used for many values.
    ///
    /// # Errors
    /// `unknown_unit`, naming those that are accepted.
    pub fn conversion(self, unit: &str) -> Result<Conversion, Problem> {
        let unit = unit.trim();
        let known = self.row().units.iter().find(|(spellings, ..)| spellings.contains(&unit));
        known.map(|&(_, factor, offset)| Conversion { factor, offset }).ok_or_else(|| self.unknown_unit(unit))
    }

    /// Canonical units as a binary number, for drawing only.
    pub fn to_f64(self, amount: Amount) -> f64 {
        Decimal(amount.0).to_f64() / self.row().parts as f64
    }

    /// Canonical units in decimals, rounded to six places where a conversion leaves more.
    pub fn show(self, amount: Amount) -> String {
        let parts = i128::from(self.row().parts);
        let exact = Decimal(amount.0 / parts);
        let step = ONE / 1_000_000;
        let rounded = (amount.0 + amount.0.signum() * parts * step / 2) / (parts * step) * step;
        if amount.0 % parts == 0 { exact.to_string() } else { Decimal(rounded).to_string() }
    }

    pub(crate) fn parts(self) -> i128 {
        i128::from(self.row().parts)
    }

    fn row(self) -> &'static Row {
        &TABLE[usize::from(self.0)]
    }

    fn unknown_unit(self, unit: &str) -> Problem {
        let known = self.row().units.iter().map(|(spellings, ..)| spellings[0]).collect::<Vec<_>>().join(", ");
        let (unit, name): (String, _) = (unit.chars().take(24).collect(), self.name());
        Problem::new(
            "unknown_unit",
            format!("{}的单位不能是“{unit}”；可用：{known}", self.zh()),
            format!("{name} does not come in \"{unit}\"; accepted units are {known}"),
        )
    }
}

impl std::fmt::Debug for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Turns values of one unit into [`Amount`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conversion {
    factor: i64,
    offset: i64,
}

impl Conversion {
    /// Exact.
    pub fn amount(self, value: Decimal) -> Amount {
        Amount(value.0 * i128::from(self.factor) + i128::from(self.offset) * (ONE / 100))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("wind_speed", "36", "km/h", "10")]
    #[case("wind_speed", "100", "kn", "51.444444")]
    #[case("wind_gust", "1", "mph", "0.44704")]
    #[case("water_level", "441", "cm", "4.41")]
    #[case("water_level", "1", "ft", "0.3048")]
    #[case("rainfall", "1", "in", "25.4")]
    #[case("flow", "1500", "L/s", "1.5")]
    #[case("flow", "1", "m3/h", "0.000278")]
    #[case("temperature", "212", "degF", "100")]
    #[case("temperature", "0", "K", "-273.15")]
    #[case("temperature", "-40", "degF", "-40")]
    #[case("pressure", "1013.25", "hPa", "101.325")]
    #[case("gas_concentration", "20", "%LEL", "20")]
    #[case("acceleration", "1", "g", "9.80665")]
    fn other_units_convert_exactly(#[case] name: &str, #[case] value: &str, #[case] unit: &str, #[case] shown: &str) {
        let quantity = Quantity::named(name).unwrap();
        let amount = quantity.conversion(unit).unwrap().amount(Decimal::parse(value).unwrap());
        assert_eq!(quantity.show(amount), shown);
    }

    #[test]
    fn every_quantity_has_a_mask_bit_and_a_canonical_factor() {
        const { assert!(Quantity::COUNT <= 64) };
        for quantity in Quantity::all() {
            let one = Decimal::whole(1);
            assert_eq!(quantity.conversion(quantity.unit()).unwrap().amount(one), quantity.amount(one), "{quantity:?}");
            assert_eq!(Quantity::named(quantity.name()), Ok(quantity));
        }
    }

    #[test]
    fn an_unknown_unit_names_the_right_ones() {
        let problem = Quantity::named("wind_speed").unwrap().conversion("mm").unwrap_err();
        assert_eq!(problem.code, "unknown_unit");
        assert!(problem.message.en.ends_with("accepted units are m/s, km/h, kn, mph"), "{problem}");
        assert_eq!(Quantity::named("wnd").unwrap_err().code, "unknown_quantity");
    }

    #[test]
    fn an_impossible_value_is_suspect() {
        let wind = Quantity::named("wind_speed").unwrap();
        assert!(wind.plausible(wind.amount(Decimal::whole(60))));
        assert!(!wind.plausible(wind.amount(Decimal::whole(-9999))));
    }
}
