//! Telephone numbers as rosters write them.

/// Digits of a number as written: full width and blanks are no fault, nor is +86 in front. What is no
/// number comes back as it was written, so that an officer can see and mend it.
pub fn tidy(text: &str) -> String {
    let plain: String = text.chars().filter_map(plain_char).collect();
    let digits: String = plain.chars().filter(|c| !matches!(c, '-' | '(' | ')')).collect();
    let digits = digits.strip_prefix("+86").or_else(|| digits.strip_prefix("0086")).unwrap_or(&digits);
    if is_usable(digits) { digits.to_owned() } else { text.trim().to_owned() }
}

/// Whether words give a number somebody can be rung at; an extension or a short number will do.
pub fn is_written(text: &str) -> bool {
    let digit = |c: char| c.is_ascii_digit() || ('０'..='９').contains(&c);
    text.chars().all(|c| digit(c) || c.is_whitespace() || "+-()＋－—（）".contains(c))
        && text.chars().filter(|c| digit(*c)).count() >= 3
}

/// Whether the number can be dialled: a mobile number, or a landline with its area code.
pub fn is_usable(number: &str) -> bool {
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    let mobile = number.len() == 11 && number.starts_with('1') && number.as_bytes()[1] >= b'3';
    let landline = (10..=12).contains(&number.len()) && number.starts_with('0') && !number.starts_with("00");
    mobile || landline
}

/// Several numbers in one cell.
pub fn split(text: &str) -> Vec<String> {
    text.split(['/', '、', ';', '；', ',', '，', '\n']).map(str::trim).filter(|it| !it.is_empty()).map(tidy).collect()
}

/// `154****0001`: enough to recognise, not enough to dial.
pub fn masked(number: &str) -> String {
    let letters: Vec<char> = number.chars().collect();
    if letters.len() < 8 {
        return "*".repeat(letters.len());
    }
    let (head, tail) = (&letters[..3], &letters[letters.len() - 4..]);
    head.iter().collect::<String>() + "****" + &tail.iter().collect::<String>()
}

/// What words look for among numbers: the whole one, and a pattern of its last three or four digits; empty where they
/// are no such thing. Those digits stand in [`masked`]; one more would tell a hidden digit to whoever tries all ten.
pub fn looked_for(words: &str) -> (String, String) {
    let number = tidy(words);
    let digits = number.bytes().all(|it| it.is_ascii_digit());
    let tail = if digits && (3..=4).contains(&number.len()) { format!("%{number}") } else { String::new() };
    (number, tail)
}

fn plain_char(c: char) -> Option<char> {
    match c {
        '０'..='９' => char::from_digit(c as u32 - '０' as u32, 10),
        '＋' => Some('+'),
        '－' | '—' | '–' | '‐' => Some('-'),
        '（' => Some('('),
        '）' => Some(')'),
        c if c.is_whitespace() || c == '\u{feff}' || c == '\u{200b}' => None,
        c => Some(c),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("15400029001", "15400029001", true)]
    #[case::full_width("１５４０００２９００１", "15400029001", true)]
    #[case::blanks("154 0002 9002", "15400029002", true)]
    #[case::country("+86 154-0002-9002", "15400029002", true)]
    #[case::landline("（0755）2566-6666", "075525666666", true)]
    #[case::words("待补", "待补", false)]
    #[case::ten_digits("1540002012", "1540002012", false)]
    #[case::no_mobile_begins_so("25400020123", "25400020123", false)]
    #[case::spreadsheet_exponent("1.54E+10", "1.54E+10", false)]
    #[case::nothing("", "", false)]
    fn a_number_is_read_as_rosters_write_it(#[case] text: &str, #[case] want: &str, #[case] usable: bool) {
        assert_eq!((tidy(text).as_str(), is_usable(&tidy(text))), (want, usable));
    }

    #[test]
    fn two_numbers_in_one_cell_are_two() {
        assert_eq!(split("15400029001、0755-25666666"), ["15400029001", "075525666666"]);
    }

    #[rstest]
    #[case::whole("154 0002 9001", "15400029001", "")]
    #[case::last_four("9001", "9001", "%9001")]
    #[case::last_three("001", "001", "%001")]
    #[case::a_hidden_digit("29001", "29001", "")]
    #[case::the_beginning("154", "154", "%154")]
    #[case::too_few("01", "01", "")]
    #[case::a_pattern("1%", "1%", "")]
    #[case::nothing("", "", "")]
    fn a_number_is_looked_for_by_the_whole_or_its_end(#[case] words: &str, #[case] whole: &str, #[case] tail: &str) {
        assert_eq!(looked_for(words), (whole.to_owned(), tail.to_owned()));
    }

    #[rstest]
    #[case("15400029001", "154****9001")]
    #[case("待补", "**")]
    fn a_masked_number_cannot_be_dialled(#[case] number: &str, #[case] want: &str) {
        assert_eq!(masked(number), want);
    }
}
