//! Values of fields: read from cells and forms, checked, and written for people.

use anlan_kernel::{Instant, Lang, Problem, Text};
use serde_json::{Map, Value as Json};
use time::{Date, Month, OffsetDateTime, UtcOffset};

use super::{
    catalog::Catalog,
    expression::number,
    model::{Bound, Field, Kind, Sort},
};

/// Fields of one record by their ids.
pub type Values = Map<String, Json>;

const MANY: [char; 6] = [';', '；', '、', ',', '，', '\n'];

/// Reads what somebody wrote into a field. References (person, unit, region, link) stay as written; whoever has the
/// register resolves them. An empty text is `null`.
///
/// # Errors
/// What is wrong with it, naming the field by its title.
pub fn read(catalog: &Catalog, field: &Field, text: &str) -> Result<Json, Problem> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Json::Null);
    }
    if field.many {
        let parts = text.split(MANY).map(str::trim).filter(|it| !it.is_empty());
        return Ok(Json::Array(parts.map(|it| one(catalog, field, it)).collect::<Result<_, _>>()?));
    }
    one(catalog, field, text)
}

fn one(catalog: &Catalog, field: &Field, text: &str) -> Result<Json, Problem> {
    let value = match &field.sort {
        Sort::Number => {
            let value = decimal(text, field.unit.as_deref()).ok_or_else(|| no_number(field, text))?;
            number(field.decimals.map_or(value, |digits| rounded(value, digits)))
        }
        Sort::Money => number(money(text).ok_or_else(|| no_number(field, text))?),
        Sort::Date => Json::String(day(text).ok_or_else(|| no_day(field, text))?.to_string()),
        Sort::Time => Json::String(moment(text).ok_or_else(|| no_moment(field, text))?.to_rfc3339()),
        Sort::YesNo => Json::Bool(yes_no(text).ok_or_else(|| no_answer(field, text))?),
        Sort::Choice(list) => {
            let list = catalog.list(list);
            let code = list.and_then(|it| it.meant(text));
            Json::String(code.ok_or_else(|| no_choice(field, text, list))?.to_owned())
        }
        Sort::Text(_) => Json::String(field.format.map_or_else(|| text.to_owned(), |it| it.tidy(text))),
        _ => Json::String(text.to_owned()),
    };
    Ok(value)
}

/// To so many digits after the point.
fn rounded(value: f64, digits: u8) -> f64 {
    let scale = 10_f64.powi(i32::from(digits));
    (value * scale).round() / scale
}

fn fault(field: &Field, code: &str, zh: String, en: String) -> Problem {
    Problem::new(code, zh, en).field(field.title.get(Lang::Zh))
}

fn no_number(field: &Field, text: &str) -> Problem {
    let en = format!("{text:?} is no number");
    fault(field, "bad_number", format!("“{text}”不是数字，应写成 1200、1.2万 这样的数字"), en)
}

fn no_day(field: &Field, text: &str) -> Problem {
    let en = format!("{text:?} is no date; 2026-05-01 is one");
    fault(field, "bad_date", format!("“{text}”不是日期，应写成 2026-05-01 或 2026年5月1日"), en)
}

fn no_moment(field: &Field, text: &str) -> Problem {
    let en = format!("{text:?} is no time; 2026-05-01 08:30 is one");
    fault(field, "bad_time", format!("“{text}”不是时间，应写成 2026-05-01 08:30"), en)
}

fn no_answer(field: &Field, text: &str) -> Problem {
    fault(field, "bad_answer", format!("“{text}”应写成 是 或 否"), format!("{text:?} is neither yes nor no"))
}

fn no_choice(field: &Field, text: &str, list: Option<&super::CodeList>) -> Problem {
    let words = |lang: Lang| {
        let all: Vec<_> = list.map_or(&[][..], |it| &it.codes).iter().take(12).map(|it| it.title.get(lang)).collect();
        all.join(lang.pick("、", ", "))
    };
    let zh = format!("“{text}”不在选项里；可选：{}", words(Lang::Zh));
    fault(field, "bad_choice", zh, format!("{text:?} is no choice; these are: {}", words(Lang::En)))
}

/// A decimal number as people write it: thousands separators, wide digits, 万, 亿, a unit or % behind it.
pub fn decimal(text: &str, unit: Option<&str>) -> Option<f64> {
    let mut plain: String = text.chars().map(narrow).filter(|it| !it.is_whitespace()).collect();
    for behind in unit.into_iter().chain(["约"]) {
        plain = plain.trim_end_matches(behind).trim_start_matches("约").to_owned();
    }
    let mut factor = 1.0;
    for (sign, times) in [("亿", 1e8), ("万", 1e4), ("千", 1e3)] {
        if let Some(rest) = plain.strip_suffix(sign) {
            (plain, factor) = (rest.to_owned(), times);
            break;
        }
    }
    if plain.contains(',') && !thousands(&plain) {
        return None;
    }
    let digits = plain.replace(',', "");
    let fine = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit() || b"+-.eE".contains(&it));
    let value: f64 = digits.parse().ok().filter(|_| fine)?;
    // 1.2万 is 12000, not 12000.000000000002.
    let value = ((value * factor) * 1e6).round() / 1e6;
    value.is_finite().then_some(value)
}

/// Whether commas stand between groups of three before the point, and nowhere else.
fn thousands(text: &str) -> bool {
    let (head, tail) = text.split_once('.').unwrap_or((text, ""));
    let mut groups = head.trim_start_matches(['+', '-']).split(',');
    !tail.contains(',') && groups.next().is_some_and(|it| (1..=3).contains(&it.len())) && groups.all(|it| it.len() == 3)
}

/// Yuan: as [`decimal`], with 元, ¥ or ￥ and 万元, to two digits.
fn money(text: &str) -> Option<f64> {
    let plain = text.trim().trim_start_matches(['¥', '￥']).trim_end_matches("人民币").trim_end_matches('元');
    decimal(plain, None).map(|it| (it * 100.0).round() / 100.0)
}

fn narrow(letter: char) -> char {
    match letter {
        '！'..='～' => char::from_u32(letter as u32 - 0xFEE0).unwrap_or(letter),
        '−' | '–' | '—' => '-',
        _ => letter,
    }
}

/// A day as people and spreadsheets write it.
pub fn day(text: &str) -> Option<Date> {
    let plain: String = text.trim().chars().map(narrow).collect();
    if plain.len() == 8 && plain.bytes().all(|it| it.is_ascii_digit()) {
        return ymd(&plain[..4], &plain[4..6], &plain[6..]);
    }
    let plain = plain.split([' ', 'T']).next().unwrap_or_default();
    let parts: Vec<&str> =
        plain.split(['-', '/', '.', '年', '月', '日']).map(str::trim).filter(|it| !it.is_empty()).collect();
    match parts.as_slice() {
        [year, month, date] if year.len() == 4 => ymd(year, month, date),
        [year, month] if year.len() == 4 && plain.contains('月') => ymd(year, month, "1"),
        [serial] => serial_day(serial),
        _ => None,
    }
}

fn ymd(year: &str, month: &str, date: &str) -> Option<Date> {
    let year = year.parse().ok().filter(|it| (1800..=2200).contains(it))?;
    let month = Month::try_from(month.parse::<u8>().ok()?).ok()?;
    Date::from_calendar_date(year, month, date.parse().ok()?).ok()
}

/// A spreadsheet's day number: days since 1899-12-30.
fn serial_day(text: &str) -> Option<Date> {
    let serial: f64 = text.parse().ok().filter(|it| (20_000.0..80_000.0).contains(it))?;
    let first = Date::from_calendar_date(1899, Month::December, 30).ok()?;
    first.checked_add(time::Duration::days(serial as i64))
}

/// A moment: RFC 3339, or a day with a time of the wall clock in China.
pub fn moment(text: &str) -> Option<Instant> {
    if let Ok(instant) = Instant::parse(text) {
        return Some(instant);
    }
    let plain: String = text.trim().chars().map(narrow).collect();
    let date = day(&plain)?;
    let clock = plain.split([' ', 'T', '日']).map(str::trim).find(|it| it.contains([':', '时']));
    let numbers: Vec<u8> = clock
        .unwrap_or("0:00")
        .split([':', '时', '分', '秒'])
        .filter(|it| !it.is_empty())
        .map(|it| it.split('.').next().unwrap_or(it).parse())
        .collect::<Result<_, _>>()
        .ok()?;
    let part = |at: usize| numbers.get(at).copied().unwrap_or(0);
    let clock = time::Time::from_hms(part(0), part(1), part(2)).ok()?;
    let offset = UtcOffset::from_hms(8, 0, 0).ok()?;
    let micros = OffsetDateTime::new_in_offset(date, clock, offset).unix_timestamp_nanos() / 1_000;
    i64::try_from(micros).ok().map(Instant)
}

fn yes_no(text: &str) -> Option<bool> {
    let plain = text.trim().to_lowercase();
    let among = |words: &[&str]| words.contains(&plain.as_str());
    if among(&["是", "有", "√", "✓", "y", "yes", "true", "1", "已", "对"]) {
        return Some(true);
    }
    among(&["否", "无", "×", "✗", "x", "n", "no", "false", "0", "未", "没有", "不是", "/", "-"]).then_some(false)
}

/// What a record lacks or has wrong, by itself: required fields, ranges, forms, checks. Computes what is computed.
/// Words name fields by their titles.
pub fn check(catalog: &Catalog, kind: &Kind, values: &mut Values, today: Date) -> Vec<Problem> {
    let mut problems = Vec::new();
    compute(kind, values, today);
    for field in kind.fields.iter().filter(|it| it.computed.is_none()) {
        match values.get(&field.id).filter(|it| !is_empty(it)) {
            Some(value) => problems.extend(every(value).into_iter().filter_map(|it| check_one(catalog, field, it))),
            None if field.required => {
                let title = &field.title;
                let (zh, en) =
                    (format!("{}没有填", title.get(Lang::Zh)), format!("{} is missing", title.get(Lang::En)));
                problems.push(fault(field, "required", zh, en));
            }
            None => {}
        }
    }
    if problems.is_empty() {
        for check in &kind.checks {
            if check.when.evaluate(&|id| values.get(id), today).holds() {
                let title = kind.field(&check.field).map_or(check.field.as_str(), |it| it.title.get(Lang::Zh));
                problems.push(Problem { message: check.words.clone(), ..Problem::new("check", "", "") }.field(title));
            }
        }
    }
    problems
}

/// Works out what nobody enters, in the order of the fields.
pub fn compute(kind: &Kind, values: &mut Values, today: Date) {
    for field in &kind.fields {
        if let Some(expression) = &field.computed {
            let value = expression.evaluate(&|id| values.get(id), today).into_json();
            values.insert(field.id.clone(), value);
        }
    }
}

/// Whether a stored value is none.
pub fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::String(it) => it.is_empty(),
        Json::Array(it) => it.is_empty(),
        _ => false,
    }
}

/// One value, or each of several.
pub fn every(value: &Json) -> Vec<&Json> {
    match value {
        Json::Array(many) => many.iter().collect(),
        Json::Null => Vec::new(),
        one => vec![one],
    }
}

fn check_one(catalog: &Catalog, field: &Field, value: &Json) -> Option<Problem> {
    let words = |code: &str, text: Text| Some(fault(field, code, text.zh, text.en));
    match (&field.sort, value) {
        (Sort::Number | Sort::Money, Json::Number(it)) => {
            let it = it.as_f64()?;
            if let Some(digits) = field.decimals.filter(|digits| (rounded(it, *digits) - it).abs() > 1e-9) {
                return words(
                    "too_precise",
                    Text::new(format!("最多 {digits} 位小数"), format!("at most {digits} decimals")),
                );
            }
            if let Some(Bound::Number(min)) = field.min
                && it < min
            {
                return words("too_small", Text::new(format!("{it} 小于 {min}"), format!("{it} is less than {min}")));
            }
            match field.max {
                Some(Bound::Number(max)) if it > max => {
                    words("too_large", Text::new(format!("{it} 大于 {max}"), format!("{it} is more than {max}")))
                }
                _ => None,
            }
        }
        (Sort::Date, Json::String(it)) => {
            if day(it).is_none() {
                return Some(no_day(field, it));
            }
            if let Some(Bound::Day(min)) = &field.min
                && it < min
            {
                return words("too_small", Text::new(format!("{it} 早于 {min}"), format!("{it} is before {min}")));
            }
            match &field.max {
                Some(Bound::Day(max)) if it > max => {
                    words("too_large", Text::new(format!("{it} 晚于 {max}"), format!("{it} is after {max}")))
                }
                _ => None,
            }
        }
        (Sort::Choice(list), Json::String(it)) => {
            let list = catalog.list(list);
            list.is_none_or(|list| list.get(it).is_none()).then(|| no_choice(field, it, list))
        }
        (Sort::Text(_), Json::String(it)) => check_text(field, it),
        (Sort::Number | Sort::Money, other) => Some(no_number(field, &plain(other))),
        (Sort::YesNo, Json::Bool(_)) => None,
        (Sort::YesNo, other) => Some(no_answer(field, &plain(other))),
        (_, Json::String(_)) => None,
        (_, other) => words("bad_value", Text::new(format!("{other} 不是文字"), format!("{other} is no text"))),
    }
}

fn check_text(field: &Field, text: &str) -> Option<Problem> {
    let letters = text.chars().count();
    if letters > field.length {
        let zh = format!("共 {letters} 个字，最多 {} 个", field.length);
        return Some(fault(field, "too_long", zh, format!("{letters} characters, at most {}", field.length)));
    }
    if let Some(words) = field.format.and_then(|it| it.fault(text)) {
        return Some(fault(field, "bad_form", words.zh, words.en));
    }
    let pattern = field.pattern.as_ref().filter(|it| !it.regex.is_match(text))?;
    let zh = format!("“{text}”不对，应为：{}", pattern.words.get(Lang::Zh));
    Some(fault(field, "bad_form", zh, format!("{text:?}: {}", pattern.words.get(Lang::En))))
}

/// A stored value as a text without words for codes.
pub fn plain(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(it) => it.clone(),
        Json::Array(it) => it.iter().map(plain).collect::<Vec<_>>().join(";"),
        other => other.to_string(),
    }
}

/// A stored value as people read it. References stay ids; whoever has the register names them.
pub fn words(catalog: &Catalog, field: &Field, value: &Json, lang: Lang) -> String {
    match (&field.sort, value) {
        (_, Json::Array(many)) => {
            many.iter().map(|it| words(catalog, field, it, lang)).collect::<Vec<_>>().join(lang.pick("、", ", "))
        }
        (Sort::Choice(list), Json::String(code)) => {
            catalog.list(list).map_or_else(|| code.clone(), |it| it.words(code, lang).to_owned())
        }
        (Sort::YesNo, Json::Bool(it)) => if *it { lang.pick("是", "yes") } else { lang.pick("否", "no") }.to_owned(),
        (Sort::Money, Json::Number(it)) => it.as_f64().map_or_else(String::new, |it| format!("{it:.2}")),
        (Sort::Time, Json::String(it)) => {
            Instant::parse(it).map_or_else(|_| it.clone(), |it| it.wall()[..16].to_owned())
        }
        (_, other) => plain(other),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("1200", Some(1200.0))]
    #[case("1,200", Some(1200.0))]
    #[case("12,00", None)]
    #[case("1.2万", Some(12_000.0))]
    #[case("３．５", Some(3.5))]
    #[case("约20人", Some(20.0))]
    #[case("-3", Some(-3.0))]
    #[case("1.2.3", None)]
    #[case("二十", None)]
    #[case("", None)]
    #[case("inf", None)]
    #[case("2亿", Some(200_000_000.0))]
    fn numbers_are_read_as_people_write_them(#[case] text: &str, #[case] want: Option<f64>) {
        assert_eq!(decimal(text, Some("人")), want, "{text}");
    }

    #[rstest]
    #[case("3.5万元", Some(35_000.0))]
    #[case("￥1,234.56", Some(1234.56))]
    fn money_is_read(#[case] text: &str, #[case] want: Option<f64>) {
        assert_eq!(money(text), want, "{text}");
    }

    #[rstest]
    #[case("2026-05-01", Some("2026-05-01"))]
    #[case("2026年5月1日", Some("2026-05-01"))]
    #[case("2026/5/1", Some("2026-05-01"))]
    #[case("2026.5.1", Some("2026-05-01"))]
    #[case("20260501", Some("2026-05-01"))]
    #[case("2026年5月", Some("2026-05-01"))]
    #[case("46143", Some("2026-05-01"))]
    #[case("2026-05-01 00:00:00", Some("2026-05-01"))]
    #[case("2026-02-30", None)]
    #[case("5月1日", None)]
    #[case("待定", None)]
    fn days_are_read_as_people_write_them(#[case] text: &str, #[case] want: Option<&str>) {
        assert_eq!(day(text).map(|it| it.to_string()).as_deref(), want, "{text}");
    }

    #[rstest]
    #[case("2026-05-01 08:30", "2026-05-01T00:30:00Z")]
    #[case("2026年5月1日 8时30分", "2026-05-01T00:30:00Z")]
    #[case("2026-05-01T00:30:00Z", "2026-05-01T00:30:00Z")]
    fn moments_are_of_the_wall_clock(#[case] text: &str, #[case] want: &str) {
        assert_eq!(moment(text), Some(Instant::parse(want).unwrap()), "{text}");
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_a_reader(text in "\\PC{0,24}") {
            let _ = (decimal(&text, Some("人")), money(&text), day(&text), moment(&text), yes_no(&text));
        }

        #[test]
        fn a_number_comes_back(value in -1_000_000_000_i64..1_000_000_000) {
            let wanted = value as f64 / 1000.0;
            proptest::prop_assert_eq!(decimal(&wanted.to_string(), None), Some(wanted));
        }
    }
}
