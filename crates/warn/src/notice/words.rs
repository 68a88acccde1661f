//! ▲ What our own words must not say: a weather signal belongs to its station, a 预警 to the government
//! concerned. Signals stand in a notice as quotations only.

use anlan_codecs::hazard::HAZARDS;
use anlan_kernel::{Colour, Problem};

use super::model::Content;

/// Words of law.
const RESERVED: [&str; 3] = ["预警信号", "预警", "警报"];
/// Who listens to others' warnings may say so.
const LISTENING: [&str; 7] = ["关注", "留意", "收听", "收看", "气象台", "气象部门", "预警信息发布中心"];
/// Who speaks of their own.
const OURS: [&str; 7] = ["我区", "我市", "我县", "我办", "本办", "本区", "现发布"];
/// Names of our own work that contain a reserved word.
const NAMES: [&str; 2] = ["预警叫应", "预警响应"];

/// Refuses words of our own that claim a signal or a warning, naming the field and the words.
///
/// # Errors
/// The first such place.
pub fn check(content: &Content) -> Result<(), Problem> {
    if let Some(words) = claim(&content.title, false) {
        return Err(refused("title", &words));
    }
    if !content.title.contains("提示单") {
        let (zh, en) = ("标题须写明是“…风险提示单”", "the title must call it a 风险提示单 (risk notice)");
        return Err(Problem::new("bad_title", zh, en).field("title"));
    }
    let lines = content.measures.iter().enumerate().map(|(i, it)| (format!("measures[{i}]"), it));
    let own = [("advice".to_owned(), &content.advice), ("reason".to_owned(), &content.reason)];
    for (field, text) in own.into_iter().chain(lines) {
        if let Some(words) = claim(text, true) {
            return Err(refused(&field, &words));
        }
    }
    Ok(())
}

/// The words that claim; in running text a clause that tells people to listen to a station is none.
pub(crate) fn claim(text: &str, listening: bool) -> Option<String> {
    text.split(['，', '。', '；', '、', ',', ';', '\n', '：', ':']).find_map(|clause| {
        if let Some(words) = coloured(clause) {
            return Some(words);
        }
        let plain = NAMES.iter().fold(clause.to_owned(), |text, name| text.replace(name, ""));
        let reserved = RESERVED.iter().find(|it| plain.contains(**it))?;
        let others =
            listening && LISTENING.iter().any(|it| plain.contains(it)) && !OURS.iter().any(|it| plain.contains(it));
        (!others).then(|| (*reserved).to_owned())
    })
}

/// A hazard with a colour right behind it, or a colour before 信号: 暴雨红色, 台风（橙色）, 橙色信号.
fn coloured(clause: &str) -> Option<String> {
    let bare: String = clause.chars().filter(|it| !"（）()[]【】 　“”\"的".contains(*it)).collect();
    for colour in Colour::ALL {
        let short = colour.zh().trim_end_matches('色');
        for hazard in &HAZARDS {
            let named = [format!("{}{}", hazard.zh, colour.zh()), format!("{}{short}警", hazard.zh)];
            if let Some(words) = named.into_iter().find(|it| bare.contains(it)) {
                return Some(words);
            }
        }
        let signal = format!("{}信号", colour.zh());
        if bare.contains(&signal) {
            return Some(signal);
        }
    }
    None
}

fn refused(field: &str, words: &str) -> Problem {
    Problem::new(
        "bad_words",
        format!("“{words}”是气象台站或政府发布用语，本单不得自称；信号原文已在“信号情况”照录，这里请删去"),
        format!("{words:?} belongs to the station or the government that issues it; the original is quoted above: leave it out here"),
    )
    .field(field)
}

#[cfg(test)]
mod tests {
    use super::claim;

    #[test]
    fn a_claim_is_found_and_advice_to_listen_is_none() {
        for (text, want) in [
            ("台风红色预警", Some("台风红色")),
            ("我区将维持暴雨（橙色）", Some("暴雨橙色")),
            ("现发布预警", Some("预警")),
            ("我区气象台发布预警", Some("预警")),
            ("请做好防范，本办拉响警报", Some("警报")),
            ("橙色信号期间停止户外作业", Some("橙色信号")),
            ("密切关注气象台发布的预警信号", None),
            ("落实预警叫应", None),
            ("检查红色警戒线以上人员", None),
        ] {
            assert_eq!(claim(text, true).as_deref(), want, "{text}");
        }
        assert_eq!(claim("关注预警", false).as_deref(), Some("预警"), "not in a title");
    }
}
