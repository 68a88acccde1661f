//! Known forms of numbers and codes, with their checks.

use anlan_kernel::Text;

/// A known form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// 统一社会信用代码, GB 32100-2015.
    CreditCode,
    /// 电话号码.
    Phone,
    /// 公民身份号码, GB 11643-1999.
    IdNumber,
    /// 机动车号牌, GA 36-2018.
    Plate,
}

impl Format {
    /// Its name in packs.
    pub const ALL: &[(&str, Self)] = &[
        ("credit-code", Self::CreditCode),
        ("phone", Self::Phone),
        ("id-number", Self::IdNumber),
        ("plate", Self::Plate),
    ];

    /// As it is stored: capitals, without blanks.
    pub fn tidy(self, text: &str) -> String {
        let narrow = |it: char| match it {
            '！'..='～' => char::from_u32(it as u32 - 0xFEE0).unwrap_or(it),
            _ => it,
        };
        if self == Self::Phone {
            return crate::phone::tidy(text);
        }
        text.chars().map(narrow).filter(|it| !it.is_whitespace()).collect::<String>().to_uppercase()
    }

    /// What is wrong with a tidy text; `None` when nothing is.
    pub fn fault(self, text: &str) -> Option<Text> {
        match self {
            Self::CreditCode => credit_code(text),
            Self::Phone => phone(text),
            Self::IdNumber => id_number(text),
            Self::Plate => plate(text),
        }
    }
}

const CREDIT: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";

/// GB 32100-2015: 18 characters, the last one a check character of modulus 31 with weights 3^i mod 31.
fn credit_code(text: &str) -> Option<Text> {
    let values: Option<Vec<usize>> = text.chars().map(|it| CREDIT.find(it)).collect();
    let Some(values) = values.filter(|it| it.len() == 18) else {
        return Some(Text::new(
            "统一社会信用代码应为 18 位数字和大写字母（不含 I、O、S、V、Z）",
            "a unified credit code has 18 digits and capitals without I, O, S, V, Z",
        ));
    };
    let mut weight = 1;
    let mut sum = 0;
    for value in &values[..17] {
        sum += value * weight;
        weight = weight * 3 % 31;
    }
    let wanted = (31 - sum % 31) % 31;
    (values[17] != wanted).then(|| {
        Text::new("统一社会信用代码校验位不对，请核对是否录错", "the check character of the credit code is wrong")
    })
}

/// GB 11643-1999: 17 digits and a check character of modulus 11-2 (ISO 7064).
fn id_number(text: &str) -> Option<Text> {
    let digits: Option<Vec<u32>> = text.chars().take(17).map(|it| it.to_digit(10)).collect();
    let last = text.chars().nth(17);
    let (Some(digits), Some(last), 18) = (digits.filter(|it| it.len() == 17), last, text.chars().count()) else {
        return Some(Text::new("身份证号应为 18 位", "an id number has 18 characters"));
    };
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = digits.iter().zip(weights).map(|(a, b)| a * b).sum();
    let wanted = "10X98765432".chars().nth((sum % 11) as usize);
    if wanted != Some(last) {
        return Some(Text::new("身份证号校验位不对，请核对是否录错", "the check character of the id number is wrong"));
    }
    let (month, day) = (digits[10] * 10 + digits[11], digits[12] * 10 + digits[13]);
    let fine = (1..=12).contains(&month) && (1..=31).contains(&day);
    (!fine).then(|| Text::new("身份证号里的出生日期不对", "the birthday in the id number is wrong"))
}

fn phone(text: &str) -> Option<Text> {
    (!crate::phone::is_usable(text)).then(|| {
        Text::new("号码不对：应为 11 位手机号或带区号的座机号", "not a number: 11 digits, or a landline with area code")
    })
}

fn plate(text: &str) -> Option<Text> {
    let letters: Vec<char> = text.chars().collect();
    let fine = (7..=8).contains(&letters.len())
        && "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新".contains(letters[0])
        && letters[1].is_ascii_uppercase()
        && letters[2..]
            .iter()
            .all(|it| it.is_ascii_uppercase() || it.is_ascii_digit() || "挂学警港澳应急".contains(*it));
    (!fine).then(|| Text::new("车牌号不对，如 粤B12345", "not a plate; 粤B12345 is one"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Format::CreditCode, "91350100M000100Y43", true)] // the example of GB 32100-2015
    #[case(Format::CreditCode, "91350100M000100Y44", false)]
    #[case(Format::CreditCode, "91350100M000100Y4", false)]
    #[case(Format::CreditCode, "9135010IM000100Y43", false)]
    #[case(Format::IdNumber, "11010519491231002X", true)] // the examples of GB 11643-1999
    #[case(Format::IdNumber, "440524188001010014", true)]
    #[case(Format::IdNumber, "440524188001010015", false)]
    #[case(Format::IdNumber, "44052418800101001", false)]
    #[case(Format::Plate, "粤B12345", true)]
    #[case(Format::Plate, "粤BD12345", true)]
    #[case(Format::Plate, "B12345", false)]
    #[case(Format::Phone, "13800000000", true)]
    #[case(Format::Phone, "1380000000", false)]
    fn forms_are_checked(#[case] format: Format, #[case] text: &str, #[case] fine: bool) {
        assert_eq!(format.fault(text).is_none(), fine, "{text}");
    }

    #[test]
    fn wide_letters_and_blanks_are_tidied() {
        assert_eq!(Format::CreditCode.tidy(" ９１350100m000100y43 "), "91350100M000100Y43");
        assert_eq!(Format::Phone.tidy("138-0000 0000"), "13800000000");
    }
}
