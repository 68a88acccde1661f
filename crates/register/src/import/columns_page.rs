//! The columns of a sheet on the page: every title with what it was taken for, some of its values, and a choice.

use anlan_kernel::Lang;
use maud::{Markup, html};

use super::matching::{Match, Matching, Seen, Target, Why};

/// Samples shown beside a title.
const SHOWN: usize = 3;

/// The table inside a form; the choice of column `n` is the field `c<n>`, empty where it is not taken in. `show` makes a
/// sample fit to be seen by the reader.
pub fn part(
    lang: Lang,
    target: &Target,
    seen: &[Seen],
    matching: &Matching,
    show: impl Fn(&Match, &str) -> String,
) -> Markup {
    html! {
        div.scroll tabindex="0" { table.matching {
            thead { tr {
                th scope="col" { (lang.pick("列", "Column")) }
                th scope="col" { (lang.pick("表头", "Title")) }
                th scope="col" { (lang.pick("识别为", "Taken for")) }
                th scope="col" { (lang.pick("内容示例", "Samples")) }
            } }
            tbody { @for (at, (column, known)) in seen.iter().zip(&matching.columns).enumerate() {
                tr.unknown[known.key.is_none()] {
                    td.num { (letters(at)) }
                    td { (column.words()) }
                    td {
                        (select(lang, target, at, column, known))
                        " " span.small.soft { (why(lang, known.why)) }
                    }
                    td.small.soft { (column.samples.iter().take(SHOWN).map(|it| show(known, it)).collect::<Vec<_>>().join(" ｜ ")) }
                }
            } }
        } }
    }
}

fn select(lang: Lang, target: &Target, at: usize, column: &Seen, known: &Match) -> Markup {
    let name = lang.pick("识别为", "taken for");
    html! {
        select name={ "c" (at) } aria-label={ (letters(at)) " " (column.words()) " " (name) } {
            option value="" selected[known.key.is_none()] { (lang.pick("（不导入）", "(left out)")) }
            @for it in &target.columns {
                option value=(it.key) selected[known.key.as_deref() == Some(it.key.as_str())] { (it.label.get(lang)) }
            }
        }
    }
}

fn why(lang: Lang, why: Why) -> &'static str {
    match why {
        Why::Nothing => "",
        Why::Title => lang.pick("按表头", "by its title"),
        Why::Part => lang.pick("按表头的一部分", "by a part of its title"),
        Why::Samples => lang.pick("按内容", "by what stands in it"),
        Why::Remembered => lang.pick("上次选定", "as chosen before"),
        Why::Chosen => lang.pick("您选定", "as you chose"),
    }
}

/// The letters a spreadsheet gives a column, from 0.
pub fn letters(at: usize) -> String {
    let last = char::from(b'A' + u8::try_from(at % 26).unwrap_or_default());
    if at < 26 { last.to_string() } else { format!("{}{last}", letters(at / 26 - 1)) }
}
