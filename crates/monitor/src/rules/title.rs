//! A rule is titled by what it measures, never by the words of a weather signal.
//!
//! 气象预警信号 (hazard and colour) are issued by meteorological stations alone (气象灾害防御条例
//! 第三十条); an 实况告警 of ours must not read like one.

use anlan_kernel::{Problem, Text};

const HAZARDS_ZH: &[&str] = &[
    "台风",
    "暴雨",
    "暴雪",
    "寒潮",
    "大风",
    "沙尘",
    "高温",
    "干旱",
    "雷电",
    "雷暴",
    "雷雨",
    "冰雹",
    "霜冻",
    "大雾",
    "浓雾",
    "霾",
    "结冰",
    "强对流",
    "龙卷",
    "低温",
    "寒冷",
    "火险",
    "山洪",
    "洪水",
    "内涝",
    "渍涝",
    "地质灾害",
    "滑坡",
    "泥石流",
    "风暴潮",
    "海浪",
];
const COLOURS_ZH: &[&str] = &["红色", "橙色", "黄色", "蓝色", "白色", "黑色"];
const SHORT_COLOURS_ZH: &[&str] = &["红", "橙", "黄", "蓝"];
const RESERVED_ZH: &[&str] = &["预警", "警报"];
const HAZARDS_EN: &[&str] = &[
    "typhoon",
    "cyclone",
    "hurricane",
    "rainstorm",
    "rain",
    "snowstorm",
    "snow",
    "blizzard",
    "cold",
    "gale",
    "wind",
    "sandstorm",
    "dust",
    "heat",
    "drought",
    "lightning",
    "thunderstorm",
    "hail",
    "frost",
    "fog",
    "haze",
    "icing",
    "ice",
    "tornado",
    "fire",
    "flood",
    "flooding",
    "landslide",
    "surge",
    "wave",
];
const COLOURS_EN: &[&str] = &["red", "orange", "amber", "yellow", "blue", "black"];

/// Says what is wrong with a title that restates a weather signal: a hazard with a colour
/// (台风橙色, 暴雨红色预警, red rainstorm), or a hazard with the reserved 预警, 警报, 预警信号.
pub fn check_title(title: &Text) -> Option<Problem> {
    if !restates_zh(&title.zh) && !restates_en(&title.en) {
        return None;
    }
    Some(Problem::new(
        "title_restates_signal",
        format!("“{}”像气象预警信号；监测规则按所测的量命名，例如“3 小时雨量 ≥ 50 毫米”", title.zh),
        format!(
            "\"{}\" reads like a weather signal; a rule is titled by what it measures, such as \"Rain in 3 hours\"",
            if title.en.is_empty() { &title.zh } else { &title.en }
        ),
    ))
}

fn restates_zh(title: &str) -> bool {
    let title: String = title.chars().filter(|c| !c.is_whitespace()).collect();
    let has = |words: &[&str]| words.iter().any(|word| title.contains(word));
    let short_colour = SHORT_COLOURS_ZH
        .iter()
        .any(|colour| RESERVED_ZH.iter().chain(&["信号"]).any(|word| title.contains(&format!("{colour}{word}"))));
    let coloured = has(COLOURS_ZH) || short_colour;
    title.contains("预警信号") || (has(HAZARDS_ZH) && (coloured || has(RESERVED_ZH)))
}

fn restates_en(title: &str) -> bool {
    let title = title.to_lowercase();
    let words: Vec<&str> = title.split(|c: char| !c.is_alphabetic()).collect();
    let has = |list: &[&str]| words.iter().any(|word| list.contains(word));
    has(HAZARDS_EN) && (has(COLOURS_EN) || has(&["warning", "warnings"]))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("台风橙色", "", true)]
    #[case("暴雨红色预警", "", true)]
    #[case("暴雨 红 预警", "", true)]
    #[case("大风蓝色", "Gale", true)]
    #[case("山洪预警", "", true)]
    #[case("预警信号", "", true)]
    #[case("短时雨量", "Red rainstorm", true)]
    #[case("短时雨量", "Rainstorm warning", true)]
    #[case("短时雨量", "Short-term rain", false)]
    #[case("3 小时雨量 ≥ 50 毫米", "Rain in 3 hours", false)]
    #[case("河道水位超警戒", "River above its warning level", false)]
    #[case("黄龙水库水位", "Level of Blue Lake", false)]
    #[case("平均风速", "Mean wind", false)]
    #[case("大风（10 分钟平均风速）", "Mean wind", false)]
    fn a_title_that_restates_a_signal_is_found(#[case] zh: &str, #[case] en: &str, #[case] found: bool) {
        assert_eq!(check_title(&Text::new(zh, en)).is_some(), found);
    }
}
