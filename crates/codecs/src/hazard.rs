//! Hazards (灾种) under stable keys.
//!
//! The first fourteen are the weather signals of 气象灾害预警信号发布与传播办法 (中国气象局令
//! 第16号, annex 气象灾害预警信号及防御指南), numbered 01 to 14 as there. The event codes
//! (11B03 …) are those of the national warning release system (GB/T 35965.1 eventType) as
//! published in public source code; hazards after the fourteen appear in its messages too.

/// One hazard that a signal can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hazard {
    /// Stable, snake_case, for programs.
    pub key: &'static str,
    /// Number of the weather signal in 中国气象局令第16号, 01 to 14.
    pub signal_code: Option<&'static str>,
    /// 中文名, as the signal spells it.
    pub zh: &'static str,
    /// English name.
    pub en: &'static str,
    /// Event type of the national warning release system, five characters.
    pub event_code: Option<&'static str>,
}

const fn signal(
    code: &'static str,
    zh: &'static str,
    key: &'static str,
    en: &'static str,
    event: &'static str,
) -> Hazard {
    Hazard { key, signal_code: Some(code), zh, en, event_code: Some(event) }
}

const fn other(zh: &'static str, key: &'static str, en: &'static str, event: &'static str) -> Hazard {
    Hazard { key, signal_code: None, zh, en, event_code: Some(event) }
}

const fn uncoded(zh: &'static str, key: &'static str, en: &'static str) -> Hazard {
    Hazard { key, signal_code: None, zh, en, event_code: None }
}

/// Every hazard known here, the fourteen weather signals first.
pub const HAZARDS: [Hazard; 32] = [
    signal("01", "台风", "typhoon", "typhoon", "11B01"),
    signal("02", "暴雨", "rainstorm", "rainstorm", "11B03"),
    signal("03", "暴雪", "snowstorm", "snowstorm", "11B04"),
    signal("04", "寒潮", "cold_wave", "cold wave", "11B05"),
    signal("05", "大风", "gale", "gale", "11B06"),
    signal("06", "沙尘暴", "sandstorm", "sandstorm", "11B07"),
    signal("07", "高温", "heat", "heat", "11B09"),
    signal("08", "干旱", "drought", "drought", "11B22"),
    signal("09", "雷电", "lightning", "lightning", "11B14"),
    signal("10", "冰雹", "hail", "hail", "11B15"),
    signal("11", "霜冻", "frost", "frost", "11B16"),
    signal("12", "大雾", "dense_fog", "dense fog", "11B17"),
    signal("13", "霾", "haze", "haze", "11B19"),
    signal("14", "道路结冰", "road_icing", "road icing", "11B21"),
    other("雷雨大风", "thunderstorm_gale", "thunderstorm gale", "11B20"),
    other("地质灾害气象风险", "geohazard", "geological hazard", "11B37"),
    other("山洪灾害", "flash_flood", "flash flood", "11A51"),
    other("洪水", "flood", "flood", "11A01"),
    other("内涝", "waterlogging", "waterlogging", "11A02"),
    other("水库重大险情", "reservoir_danger", "reservoir in danger", "11A03"),
    other("堤防重大险情", "dyke_danger", "dyke in danger", "11A04"),
    other("凌汛灾害", "ice_flood", "ice flood", "11A05"),
    other("滑坡", "landslide", "landslide", "11D01"),
    other("泥石流", "debris_flow", "debris flow", "11D02"),
    other("山体崩塌", "rockfall", "rockfall", "11D03"),
    other("空气污染", "air_pollution", "air pollution", "12Q02"),
    uncoded("强对流", "severe_convection", "severe convection"),
    uncoded("强降雨", "heavy_rain", "heavy rain"),
    uncoded("强降温", "sharp_cooling", "sharp cooling"),
    uncoded("持续低温", "lasting_cold", "lasting cold"),
    uncoded("低温冻害", "freeze_damage", "freeze damage"),
    uncoded("干热风", "dry_hot_wind", "dry hot wind"),
];

/// Other spellings of the same hazards in messages.
const ALIASES: [(&str, &str); 8] = [
    ("热带气旋", "typhoon"),
    ("浓雾", "dense_fog"),
    ("灰霾", "haze"),
    ("地质灾害", "geohazard"),
    ("山洪", "flash_flood"),
    ("雷暴大风", "thunderstorm_gale"),
    ("积涝", "waterlogging"),
    ("强降水", "heavy_rain"),
];

impl Hazard {
    /// The hazard of a key.
    pub fn by_key(key: &str) -> Option<&'static Self> {
        HAZARDS.iter().find(|it| it.key == key)
    }

    /// The hazard of an event type: five characters, or seven with the colour behind.
    pub fn by_event_code(code: &str) -> Option<&'static Self> {
        let five = code.get(..5).filter(|_| matches!(code.len(), 5 | 7))?;
        HAZARDS.iter().find(|it| it.event_code.is_some_and(|known| known.eq_ignore_ascii_case(five)))
    }

    /// The hazard whose Chinese name starts `text`, the longest that fits, and that name's bytes.
    pub fn starting(text: &str) -> Option<(&'static Self, usize)> {
        let named = HAZARDS.iter().map(|it| (it.zh, it));
        let aliased = ALIASES.iter().filter_map(|(zh, key)| Some((*zh, Self::by_key(key)?)));
        named
            .chain(aliased)
            .filter(|(zh, _)| text.starts_with(zh))
            .max_by_key(|(zh, _)| zh.len())
            .map(|(zh, hazard)| (hazard, zh.len()))
    }

    /// The hazard a short text names (an event, a headline): the first and longest Chinese name,
    /// or the English name if the text is exactly that.
    pub fn named_in(text: &str) -> Option<&'static Self> {
        text.char_indices()
            .find_map(|(at, _)| Self::starting(&text[at..]))
            .map(|(hazard, _)| hazard)
            .or_else(|| HAZARDS.iter().find(|it| it.en.eq_ignore_ascii_case(text.trim())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn keys_names_and_codes_are_each_used_once() {
        let keys: HashSet<_> = HAZARDS.iter().map(|it| it.key).collect();
        let names: HashSet<_> = HAZARDS.iter().map(|it| it.zh).collect();
        let codes: Vec<_> = HAZARDS.iter().filter_map(|it| it.event_code).collect();
        assert_eq!((keys.len(), names.len()), (HAZARDS.len(), HAZARDS.len()));
        assert_eq!(codes.iter().collect::<HashSet<_>>().len(), codes.len());
    }

    #[test]
    fn the_fourteen_weather_signals_are_numbered_as_in_the_order() {
        let codes: Vec<_> = HAZARDS.iter().filter_map(|it| it.signal_code).collect();
        let wanted: Vec<_> = (1..=14).map(|n| format!("{n:02}")).collect();
        assert_eq!(codes, wanted);
    }

    #[test]
    fn the_longest_name_wins() {
        assert_eq!(Hazard::named_in("惠东县雷雨大风黄色预警").unwrap().key, "thunderstorm_gale");
        assert_eq!(Hazard::named_in("沙尘暴").unwrap().key, "sandstorm");
        assert_eq!(Hazard::named_in("Typhoon").unwrap().key, "typhoon");
        assert_eq!(Hazard::named_in("News"), None);
        assert_eq!(Hazard::by_event_code("11B2002").unwrap().zh, "雷雨大风");
        assert_eq!(Hazard::by_event_code("11B06").unwrap().key, "gale");
        assert_eq!(Hazard::by_event_code("暴雨"), None);
    }
}
