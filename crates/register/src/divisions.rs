//! The official divisions (统计用区划代码) as the program carries them: to give streets their real codes where a register
//! has none yet. See `data/README.md` for the source and its state.

use std::{io::Read as _, sync::OnceLock};

use anlan_kernel::RegionCode;

/// One division.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Division {
    /// 2, 4, 6, 9 or 12 digits.
    pub code: String,
    /// As the statistics call it.
    pub name: String,
}

static PACKED: &[u8] = include_bytes!("../data/divisions.txt.gz");

/// The whole table as text, unpacked once.
fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let mut text = String::new();
        // Packed with the program: if it cannot be read there are no official divisions, and nothing else is wrong.
        let read = flate2::read::GzDecoder::new(PACKED).read_to_string(&mut text);
        if let Err(error) = read {
            tracing::error!(%error, "the table of divisions cannot be read");
        }
        text
    })
}

/// A line with so many tabs in front: digits and name.
fn split(line: &str) -> (usize, &str, &str) {
    let plain = line.trim_start_matches('\t');
    let at = plain.find(|it: char| !it.is_ascii_digit()).unwrap_or(plain.len());
    (line.len() - plain.len(), &plain[..at], &plain[at..])
}

/// The county of this code with everything below it, each division after the one it lies in; empty where there is none.
pub fn below(district: &RegionCode) -> Vec<Division> {
    let (mut found, mut street) = (Vec::new(), String::new());
    let mut lines = text().lines().skip_while(|it| split(it) != (0, district.as_str(), split(it).2));
    if let Some(first) = lines.next() {
        found.push(Division { code: district.to_string(), name: split(first).2.to_owned() });
    }
    for (depth, digits, name) in lines.map(split).take_while(|it| it.0 > 0) {
        if depth == 1 {
            street = format!("{district}{digits}");
        }
        let code = if depth == 1 { street.clone() } else { format!("{street}{digits}") };
        found.push(Division { code, name: name.to_owned() });
    }
    found
}

/// Counties whose name, or the whole of it from the province down, holds the words; at most `most`.
pub fn counties(words: &str, most: usize) -> Vec<Division> {
    let words: String = words.chars().filter(|it| !it.is_whitespace()).collect();
    let (mut found, mut province, mut prefecture) = (Vec::new(), "", "");
    for (depth, digits, name) in text().lines().map(split) {
        match (depth, digits.len()) {
            (0, 2) => (province, prefecture) = (name, ""),
            (0, 4) => prefecture = if is_statistical(name) { "" } else { name },
            (0, 6) => {
                let whole = format!("{province}{prefecture}{name}");
                if !words.is_empty() && (whole.contains(&words) || digits.starts_with(&words)) {
                    found.push(Division { code: digits.to_owned(), name: whole });
                }
            }
            _ => {}
        }
        if found.len() == most {
            break;
        }
    }
    found
}

/// Rows the statistics need and nobody lives in.
fn is_statistical(name: &str) -> bool {
    matches!(name, "市辖区" | "县" | "省直辖县级行政区划" | "自治区直辖县级行政区划")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_county_comes_with_its_streets_and_communities() {
        let found = below(&RegionCode::parse("440303").unwrap());
        assert_eq!((found[0].code.as_str(), found[0].name.as_str()), ("440303", "罗湖区"));
        let of = |length: usize| found.iter().filter(|it| it.code.len() == length).count();
        assert_eq!((of(6), of(9), of(12)), (1, 10, 109));
        assert!(found.iter().all(|it| it.code.starts_with("440303") && !it.name.is_empty()));
        assert_eq!(below(&RegionCode::parse("999999").unwrap()), []);
    }

    #[rstest]
    #[case::by_name("罗湖", "440303", "广东省深圳市罗湖区")]
    #[case::by_the_whole_name("安徽省宿州市萧县", "341322", "安徽省宿州市萧县")]
    #[case::by_code("440303", "440303", "广东省深圳市罗湖区")]
    #[case::of_a_municipality("东城区", "110101", "北京市东城区")]
    fn a_county_is_found(#[case] words: &str, #[case] code: &str, #[case] name: &str) {
        let found = counties(words, 5);
        assert_eq!((found[0].code.as_str(), found[0].name.as_str()), (code, name));
    }
}
