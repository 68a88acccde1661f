//! The empty sheet of a kind: titles, what is required, code lists to choose from, and a second sheet that explains.

use anlan_kernel::{Lang, Text};
use anlan_store::StoreError;
use rust_xlsxwriter::{Color, DataValidation, Format, Formula, Workbook, Worksheet, XlsxError};

use super::target::{COMMON, Means, fields, has};
use crate::{
    kinds::{Catalog, CodeList, Field, Kind, Placing, Sort, model::Bound},
    records::list::Reader,
};

/// Rows for which a choice is offered.
const ROWS: u32 = 10_000;
/// Codes of a list that are explained one by one.
const EXPLAINED: usize = 30;

/// A column of the template.
struct Column {
    title: String,
    required: bool,
    sort: String,
    rule: String,
    choices: Vec<String>,
    is_text: bool,
}

/// The template of a kind, for whoever fills it in.
///
/// # Errors
/// What the writer says.
pub fn template(catalog: &Catalog, kind: &Kind, reader: &Reader, lang: Lang) -> Result<Vec<u8>, StoreError> {
    let columns = columns(catalog, kind, reader, lang);
    book(kind, &columns, lang).map_err(|it| StoreError::Io(it.to_string()))
}

fn columns(catalog: &Catalog, kind: &Kind, reader: &Reader, lang: Lang) -> Vec<Column> {
    let own = fields(kind, reader).map(|(_, it)| Column {
        title: it.heading(lang),
        required: it.required && it.default.is_none(),
        sort: sort(catalog, it, lang),
        rule: rule(it, lang),
        choices: choices(catalog, it, lang),
        is_text: !it.is_number(),
    });
    let mut all: Vec<Column> = own.collect();
    let wanted = [
        Means::Region,
        Means::Street,
        Means::Community,
        Means::Owner,
        Means::Longitude,
        Means::Latitude,
        Means::Datum,
        Means::Shape,
    ];
    let shapes = kind.place != Placing::Point;
    for means in wanted.into_iter().filter(|it| has(kind, *it) && (shapes || *it != Means::Shape)) {
        let Some((_, key, words, _)) = COMMON.iter().find(|it| it.0 == means) else { continue };
        let place = matches!(means, Means::Longitude | Means::Latitude);
        all.push(Column {
            title: if *key == "region" {
                lang.pick("区划代码", "Region code")
            } else {
                lang.pick(words.0, words.1)
            }
            .to_owned(),
            required: kind.placed && place,
            sort: lang.pick("所在", "where and whose").to_owned(),
            rule: explained(means).get(lang).to_owned(),
            choices: if means == Means::Datum {
                ["WGS-84", "GCJ-02", "BD-09"].map(str::to_owned).to_vec()
            } else {
                Vec::new()
            },
            is_text: !place,
        });
    }
    all
}

fn explained(means: Means) -> Text {
    match means {
        Means::Region | Means::Street | Means::Community => Text::new(
            "区划代码（9 或 12 位）与街道、社区名称填一种即可；都不填则按经纬度判断",
            "give the code (9 or 12 digits), or names of street and community; without either the place decides",
        ),
        Means::Owner => Text::new("登记在册的单位名称", "the name of a registered organisation"),
        Means::Datum => Text::new(
            "WGS-84（含 CGCS2000）、GCJ-02（高德、腾讯）、BD-09（百度）",
            "WGS-84 (and CGCS2000), GCJ-02 (Amap, Tencent), BD-09 (Baidu)",
        ),
        Means::Shape => Text::new(
            "线、面用 GeoJSON 几何；也可直接导入 Shapefile、KML、GeoJSON 文件",
            "a GeoJSON geometry; files of places can be imported too",
        ),
        _ => Text::new(
            "114.0569 或 114°03′25″E；22.5438 或 22°32′38″N",
            "114.0569 or 114°03′25″E; 22.5438 or 22°32′38″N",
        ),
    }
}

fn sort(catalog: &Catalog, field: &Field, lang: Lang) -> String {
    let (zh, en) = match &field.sort {
        Sort::Text(_) => ("文本", "text"),
        Sort::Number => ("数字", "number"),
        Sort::Money => ("金额（元）", "money (yuan)"),
        Sort::Date => ("日期", "date"),
        Sort::Time => ("时间", "time"),
        Sort::YesNo => ("是/否", "yes or no"),
        Sort::Choice(_) => ("选项", "choice"),
        Sort::Person => ("人员：姓名，或姓名加手机", "person: name, or name and number"),
        Sort::Post => ("岗位编号", "id of a post"),
        Sort::Organisation => ("单位名称", "name of an organisation"),
        Sort::Region => ("区划代码或名称", "region code or name"),
        Sort::Link(kind) => {
            let title = catalog.kind(kind).map_or(kind.as_str(), |it| it.title.get(lang));
            return match lang {
                Lang::Zh => format!("“{title}”的名称或编号"),
                Lang::En => format!("name or key of a record of {title:?}"),
            };
        }
        Sort::Photo | Sort::File | Sort::Signature => ("附件", "file"),
    };
    lang.pick(zh, en).to_owned()
}

fn rule(field: &Field, lang: Lang) -> String {
    let mut rules = Vec::new();
    let bound = |it: &Bound| match it {
        Bound::Number(it) => it.to_string(),
        Bound::Day(it) => it.clone(),
    };
    match (field.min.as_ref().map(bound), field.max.as_ref().map(bound)) {
        (Some(min), Some(max)) => rules.push(format!("{min} ~ {max}")),
        (Some(min), None) => rules.push(format!("≥ {min}")),
        (None, Some(max)) => rules.push(format!("≤ {max}")),
        (None, None) => {}
    }
    rules.extend(field.decimals.map(|it| match lang {
        Lang::Zh => format!("最多 {it} 位小数"),
        Lang::En => format!("at most {it} decimals"),
    }));
    rules.extend(field.pattern.as_ref().map(|it| it.words.get(lang).to_owned()));
    let notes =
        [(field.unique, "不能重复", "unique"), (field.many, "可填多个，用“；”隔开", "several, parted by a semicolon")];
    rules.extend(notes.iter().filter(|it| it.0).map(|it| lang.pick(it.1, it.2).to_owned()));
    rules.extend(field.help.as_ref().map(|it| it.get(lang).to_owned()));
    rules.extend(example(field).map(|it| format!("{}{it}", lang.pick("如 ", "such as "))));
    rules.join(lang.pick("；", "; "))
}

fn example(field: &Field) -> Option<&'static str> {
    match field.sort {
        Sort::Date => Some("2026-05-01"),
        Sort::Time => Some("2026-05-01 08:30"),
        Sort::Number => Some("1200"),
        Sort::Money => Some("35000.00"),
        _ => None,
    }
}

fn choices(catalog: &Catalog, field: &Field, lang: Lang) -> Vec<String> {
    match (&field.sort, catalog.list_of(field)) {
        (Sort::YesNo, _) => vec![lang.pick("是", "yes").to_owned(), lang.pick("否", "no").to_owned()],
        (_, Some(list)) => list.codes.iter().map(|it| word(list, &it.code, lang)).collect(),
        _ => Vec::new(),
    }
}

/// The words of a code where they mean it and no other.
fn word(list: &CodeList, code: &str, lang: Lang) -> String {
    let words = list.words(code, lang);
    if list.meant(words) == Some(code) { words.to_owned() } else { code.to_owned() }
}

fn at(column: usize) -> u16 {
    u16::try_from(column).unwrap_or(u16::MAX)
}

fn book(kind: &Kind, columns: &[Column], lang: Lang) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let (bold, needed, text) = (
        Format::new().set_bold().set_background_color(Color::RGB(0xE8_EEF7)),
        Format::new().set_bold().set_background_color(Color::RGB(0xFD_E9D9)).set_font_color(Color::RGB(0xB0_2A1F)),
        // Codes and numbers of telephones keep their digits.
        Format::new().set_num_format("@"),
    );
    let lists = lang.pick("选项", "Choices");
    let mut options = Worksheet::new();
    options.set_name(lists)?;
    let sheet = book.add_worksheet();
    sheet.set_name(sheet_name(kind.title.get(lang)))?.set_freeze_panes(1, 0)?;
    for (place, column) in columns.iter().enumerate() {
        let title = if column.required { format!("{}*", column.title) } else { column.title.clone() };
        sheet.write_string_with_format(0, at(place), &title, if column.required { &needed } else { &bold })?;
        sheet.set_column_width(at(place), (title.chars().count() * 2 + 4).clamp(10, 40) as f64)?;
        if column.is_text {
            sheet.set_column_format(at(place), &text)?;
        }
        if !column.choices.is_empty() {
            options.write_string(0, at(place), &column.title)?;
            for (row, it) in (1..).zip(&column.choices) {
                options.write_string(row, at(place), it)?;
            }
            let letters = crate::import::columns_page::letters(place);
            let range = format!("='{lists}'!${letters}$2:${letters}${}", column.choices.len() + 1);
            // A warning only: codes and other words for a choice are read as well.
            let choice = DataValidation::new().allow_list_formula(Formula::new(range)).show_error_message(false);
            sheet.add_data_validation(1, at(place), ROWS, at(place), &choice)?;
        }
    }
    explain(book.add_worksheet(), columns, &bold, lang)?;
    book.push_worksheet(options);
    book.save_to_buffer()
}

fn explain(sheet: &mut Worksheet, columns: &[Column], bold: &Format, lang: Lang) -> Result<(), XlsxError> {
    sheet.set_name(lang.pick("说明", "Notes"))?.set_freeze_panes(1, 0)?;
    let heads = [
        ("字段", "Field", 24),
        ("必填", "Required", 8),
        ("类型", "Type", 24),
        ("要求与示例", "Rules and examples", 60),
        ("选项", "Choices", 60),
    ];
    for (place, (zh, en, width)) in heads.into_iter().enumerate() {
        sheet
            .write_string_with_format(0, at(place), lang.pick(zh, en), bold)?
            .set_column_width(at(place), f64::from(width))?;
    }
    for (row, it) in (1..).zip(columns) {
        let mut choices = it.choices.iter().take(EXPLAINED).cloned().collect::<Vec<_>>().join(lang.pick("、", ", "));
        if it.choices.len() > EXPLAINED {
            choices += &match lang {
                Lang::Zh => format!("… 共 {} 项，见“选项”表", it.choices.len()),
                Lang::En => format!("… {} in all, see the sheet of choices", it.choices.len()),
            };
        }
        let cells =
            [it.title.as_str(), if it.required { lang.pick("是", "yes") } else { "" }, &it.sort, &it.rule, &choices];
        for (place, cell) in cells.into_iter().enumerate() {
            sheet.write_string(row, at(place), cell)?;
        }
    }
    Ok(())
}

fn sheet_name(name: &str) -> String {
    name.chars().filter(|it| !"[]:*?/\\'".contains(*it)).take(28).collect()
}
