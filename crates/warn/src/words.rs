//! The words of a call, as pure text: what is spoken, what is written, and how much of it fits.

/// Characters of a message to one callee: three parts of a long message, 67 each.
pub(crate) const SMS_BUDGET: usize = 201;
/// Characters of the duties read out in a call; everything is said twice.
const SPOKEN_DUTIES: usize = 240;
/// Least characters of the duties left in a message whose cause is long.
const LEAST_DUTIES: usize = 24;

/// A call as it is spoken: short sentences, each key in a sentence of its own, everything twice. Who
/// speaks is put before it by the channel.
pub(crate) fn voice(cause: &str, duties: &[String]) -> String {
    spoken(&format!("{cause}。您负责：{}。请立即到岗。", fitted(duties, SPOKEN_DUTIES)))
}

fn spoken(what: &str) -> String {
    let keys = "收到、已到岗，请按1。收到、不能到岗，请按2。有险情、需支援，请按3。";
    format!("{what}{keys}再说一遍。{what}{keys}")
}

/// A call as it is written: reply keys and link always stand in it; cause and duties give way to them.
/// `frame` is what the channel puts around it.
pub(crate) fn sms(cause: &str, duties: &[String], link: &str, frame: usize) -> String {
    let tail = format!("。请立即到岗。已到岗回复1，不能到岗回复2，有险情需支援回复3，或点 {link}");
    let fixed = "。您负责：".chars().count() + tail.chars().count() + frame;
    let room = SMS_BUDGET.saturating_sub(fixed);
    let cause = cut(cause, room.saturating_sub(LEAST_DUTIES.min(length(&duties.join("、")))));
    let duties = fitted(duties, room.saturating_sub(length(&cause)));
    format!("{cause}。您负责：{duties}{tail}")
}

/// What an officer wrote to the people of a list, as it is spoken.
pub(crate) fn directed_voice(reason: &str, words: &str) -> String {
    spoken(&sentences(reason, words))
}

/// What an officer wrote to the people of a list, as it is written; [`directed_room`] says how much of it fits.
pub(crate) fn directed_sms(reason: &str, words: &str, link: &str) -> String {
    format!("{}{DIRECTED_KEYS}{link}", sentences(reason, words))
}

/// Characters left for reason and words of a message beside keys, link and what the channel puts around it.
pub(crate) fn directed_room(link: &str, frame: usize) -> usize {
    let stops = 2;
    SMS_BUDGET.saturating_sub(length(DIRECTED_KEYS) + length(link) + frame + stops)
}

const DIRECTED_KEYS: &str = "已到岗回复1，不能到岗回复2，有险情需支援回复3，或点 ";

fn sentences(reason: &str, words: &str) -> String {
    let sentence = |it: &str| format!("{}。", it.trim().trim_end_matches(['。', '.']));
    format!("{}{}", sentence(reason), sentence(words))
}

/// Characters of a stand-down note that fit into its message.
pub(crate) const STAND_DOWN_NOTE: usize = 100;

/// That the call-out is over, in the words of whoever signed it.
pub(crate) fn stand_down(note: &str) -> String {
    let note = note.split_whitespace().collect::<Vec<_>>().join(" ");
    let note = note.trim_end_matches(['。', '.']);
    let said = if note.is_empty() { String::new() } else { format!("：{}", cut(note, STAND_DOWN_NOTE)) };
    format!("本次叫应解除{said}。请按预案继续做好防范。此信息无须回复。")
}

pub(crate) fn length(text: &str) -> usize {
    text.chars().count()
}

/// The text, or its beginning and an ellipsis.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if length(text) <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// As many of the parts as fit, and how many there are in all when not every one does.
pub(crate) fn fitted(parts: &[String], most: usize) -> String {
    let whole = parts.join("、");
    if length(&whole) <= most {
        return whole;
    }
    let more = format!("等{}处", parts.len());
    let room = most.saturating_sub(length(&more));
    let mut kept = String::new();
    for part in parts {
        let gap = if kept.is_empty() { "" } else { "、" };
        if length(&kept) + length(gap) + length(part) > room {
            break;
        }
        kept.push_str(gap);
        kept.push_str(part);
    }
    match parts.first() {
        Some(first) if kept.is_empty() && parts.len() == 1 => cut(first, most),
        Some(first) if kept.is_empty() => format!("{}{more}", cut(first, room)),
        _ => format!("{kept}{more}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const LINK: &str = "https://anlan.example.gov.cn/a/AAAAAAAAAAAAAAAAAAAAAA";

    fn many(part: &str, count: usize) -> Vec<String> {
        vec![part.to_owned(); count]
    }

    #[rstest]
    #[case::nothing(&[], 10, "")]
    #[case::all(&["甲", "乙"], 10, "甲、乙")]
    #[case::some(&["木头龙社区防汛", "翠达社区防汛", "翠宁社区防汛"], 14, "木头龙社区防汛等3处")]
    #[case::one_too_long(&["木头龙社区防汛责任人"], 5, "木头龙社…")]
    #[case::first_too_long(&["木头龙社区防汛责任人", "乙"], 8, "木头龙社…等2处")]
    fn parts_that_do_not_fit_are_counted(#[case] parts: &[&str], #[case] most: usize, #[case] want: &str) {
        let parts: Vec<String> = parts.iter().map(|it| (*it).to_owned()).collect();
        assert_eq!(fitted(&parts, most), want);
    }

    #[test]
    fn a_call_says_everything_twice_and_each_key_in_its_own_sentence() {
        let words = voice("台风红色预警信号", &many("木头龙社区防汛责任人", 1));
        assert_eq!(words.matches("木头龙社区防汛责任人").count(), 2);
        for key in ["收到、已到岗，请按1。", "收到、不能到岗，请按2。", "有险情、需支援，请按3。"]
        {
            assert_eq!(words.matches(key).count(), 2, "{key}");
        }
        assert!(words.starts_with("台风红色预警信号。您负责：木头龙社区防汛责任人。请立即到岗。"), "{words}");
        assert!(words.contains("再说一遍。"), "{words}");
        assert!(length(&voice(&"台".repeat(60), &many("木头龙社区防汛责任人", 300))) < 800);
    }

    #[rstest]
    #[case::short(8, 1)]
    #[case::long_cause(300, 1)]
    #[case::many_duties(8, 80)]
    #[case::both(300, 80)]
    fn a_message_keeps_keys_and_link_and_fits(#[case] cause: usize, #[case] duties: usize) {
        let words = sms(&"台".repeat(cause), &many("木头龙社区防汛责任人", duties), LINK, 20);
        for kept in ["回复1", "回复2", "回复3", LINK, "您负责：木头龙社区防汛责任人"] {
            assert!(words.contains(kept), "{kept}: {words}");
        }
        assert!(length(&words) + 20 <= SMS_BUDGET, "{}: {words}", length(&words));
    }

    #[test]
    fn what_an_officer_wrote_is_said_whole_with_its_keys() {
        let room = directed_room(LINK, 20);
        let (reason, words) = ("水".repeat(20), "请".repeat(room - 20));
        let written = directed_sms(&reason, &words, LINK);
        assert!(written.contains(&words) && written.ends_with(LINK), "{written}");
        assert_eq!(length(&written) + 20, SMS_BUDGET);
        let spoken = directed_voice("水库水位上涨。", "请到坝上巡查");
        assert!(spoken.starts_with("水库水位上涨。请到坝上巡查。收到、已到岗，请按1。"), "{spoken}");
        assert_eq!(spoken.matches("请到坝上巡查。").count(), 2);
    }

    #[rstest]
    #[case::nothing(" ", "本次叫应解除。请按预案继续做好防范。此信息无须回复。")]
    #[case::words("台风已\n远离。", "本次叫应解除：台风已 远离。请按预案继续做好防范。此信息无须回复。")]
    fn a_stand_down_says_what_was_signed(#[case] note: &str, #[case] want: &str) {
        assert_eq!(stand_down(note), want);
        assert!(length(&stand_down(&"远".repeat(500))) + 30 <= SMS_BUDGET);
    }

    proptest! {
        #[test]
        fn no_message_is_longer_than_its_budget(
            cause in "[\u{4e00}-\u{4e80}a-z]{0,200}",
            duties in prop::collection::vec("[\u{4e00}-\u{4e80}]{1,40}", 1..30),
        ) {
            prop_assert!(length(&sms(&cause, &duties, LINK, 20)) + 20 <= SMS_BUDGET);
        }
    }
}
