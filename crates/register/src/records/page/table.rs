//! The rows of a list, what is done with the selected ones, and pages.

use anlan_kernel::{Lang, Permission};
use anlan_web::Who;
use maud::{Markup, html};

use super::{
    super::{
        Record, Room,
        drafts::is_entered,
        list::{Asked, Order},
        pivot::plain,
        show,
    },
    Shown,
};
use crate::kinds::{Kind, Placing, Sort};

/// Columns every record has.
pub(super) fn own_columns(kind: &Kind, lang: Lang) -> Vec<(&'static str, &'static str)> {
    let mut all = vec![
        ("region", lang.pick("街道·社区", "Region")),
        ("owner", lang.pick("责任单位", "Unit")),
        ("verified", lang.pick("核实", "Verified")),
        ("changed", lang.pick("更新", "Changed")),
    ];
    if kind.place != Placing::None {
        all.push(("place", lang.pick("位置", "Place")));
    }
    all
}

pub(super) fn show(room: &Room, who: &Who, shown: &Shown) -> Markup {
    let (lang, of) = (who.lang, &shown.of);
    if shown.page.items.is_empty() {
        return empty(room, who, shown);
    }
    let columns = shown.columns();
    html! {
        form id="batch" method="post" action=(room.url(&format!("/register/{}/batch", of.kind.id))) {
            input type="hidden" name="query" value=(shown.asked.query());
            div.card.scroll tabindex="0" {
                table.records data-rows {
                    thead { tr {
                        th { input type="checkbox" data-all aria-label=(lang.pick("全选本页", "select the page")); }
                        (head(shown, "name", of.kind.field(&of.kind.name).map_or(lang.pick("名称", "Name"), |it| it.title.get(lang)), false))
                        @for column in &columns { (column_head(shown, column, lang)) }
                    } }
                    tbody { @for record in &shown.page.items { (row(room, shown, record, &columns, lang)) } }
                    (totals(shown, &columns, lang))
                }
            }
            (actions(room, who, shown, lang))
        }
        (pager(room, shown, lang))
    }
}

fn empty(room: &Room, who: &Who, shown: &Shown) -> Markup {
    let (lang, path) = (who.lang, format!("/register/{}", shown.of.kind.id));
    html! { section.card.empty {
        @if shown.asked.is_narrowed() {
            p.said { (lang.pick("没有符合条件的记录", "No record meets the conditions")) }
            p { a.button href=(room.url(&path)) { (lang.pick("清除筛选", "Clear the filter")) } }
        } @else {
            p.said { (lang.pick("您的责任区里还没有记录", "There are no records in your duty areas yet")) }
            @if who.may(Permission::EditRegister) {
                p { (lang.pick("有现成的表就拖进来导入；没有就逐条新增。", "Import the sheet you have, or add records one by one.")) }
                p.row {
                    a.button.main href=(room.url(&format!("{path}/import"))) { (lang.pick("导入表格", "Import a sheet")) }
                    a.button href=(room.url(&format!("{path}/template.xlsx"))) download { (lang.pick("下载模板", "Template")) }
                    a.button href=(room.url(&format!("{path}/new"))) { (lang.pick("新增", "Add")) }
                }
            }
        }
    } }
}

fn column_head(shown: &Shown, column: &str, lang: Lang) -> Markup {
    if let Some((id, words)) = own_columns(&shown.of.kind, lang).into_iter().find(|it| it.0 == column) {
        let sorts = matches!(id, "region" | "verified" | "changed");
        return head(shown, if sorts { id } else { "" }, words, false);
    }
    let Some(field) = shown.field(column) else { return html! { th scope="col" { (column) } } };
    let sorts = shown.of.reader.filters(field) && !field.many;
    head(shown, &if sorts { format!("f.{column}") } else { String::new() }, &field.heading(lang), field.is_number())
}

fn head(shown: &Shown, key: &str, words: &str, number: bool) -> Markup {
    if key.is_empty() {
        return html! { th.num[number] scope="col" { (words) } };
    }
    let asked = &shown.asked;
    let here = asked.order.name() == key;
    let (state, mark) = if asked.descending { ("descending", " ▼") } else { ("ascending", " ▲") };
    let order = match key {
        "name" => Order::Name,
        "region" => Order::Region,
        "verified" => Order::Verified,
        "changed" => Order::Changed,
        _ => Order::Field(key.trim_start_matches("f.").to_owned()),
    };
    let other = Asked { order, descending: here && !asked.descending, page: 1, ..asked.clone() };
    html! { th.num[number] scope="col" aria-sort=[here.then_some(state)] {
        a href={ "?" (other.query()) } { (words) @if here { span aria-hidden="true" { (mark) } } }
    } }
}

fn row(room: &Room, shown: &Shown, record: &Record, columns: &[String], lang: Lang) -> Markup {
    let of = &shown.of;
    let title = show::title(&of.kind, record, &of.reader);
    html! { tr data-record=(record.id) {
        td { input type="checkbox" name="id" value=(record.id) aria-label=(title); }
        td { a href=(room.url(&format!("/records/{}", record.id))) { (title) } }
        @for column in columns { (cell(room, shown, record, column, lang)) }
    } }
}

fn cell(room: &Room, shown: &Shown, record: &Record, column: &str, lang: Lang) -> Markup {
    let (of, now) = (&shown.of, room.site.world.now());
    match column {
        "region" => return html! { td { (shown.names.region(record.region.as_str())) } },
        "owner" => return html! { td { @if let Some(it) = &record.owner { (shown.names.unit(it)) } } },
        "verified" => {
            return html! { td.num.bad[show::is_due(&of.kind, record, now)] {
                @match record.verified_at { Some(at) => (&at.wall()[..10]), None => (lang.pick("未核实", "never")) }
            } };
        }
        "changed" => return html! { td.num { (&record.changed_at.wall()[..10]) } },
        "place" => {
            return html! { td.num { @if show::shows_place(&of.kind, &of.reader) {
                @if let Some((x, y)) = record.longitude.zip(record.latitude) { (format!("{x:.5}, {y:.5}")) }
            } } };
        }
        _ => {}
    }
    let Some(field) = of.kind.field(column) else { return html! { td {} } };
    let words =
        show::cell(&of.catalog, &shown.names, field, record, &of.reader, lang).map(|it| it.words).unwrap_or_default();
    html! { td.num[field.is_number()] { (graded(&of.kind, record, column, &words)) } }
}

/// A grade in its colour, its shape and its words.
pub(in super::super) fn graded(kind: &Kind, record: &Record, column: &str, words: &str) -> Markup {
    let grade = kind.grade.as_deref().filter(|it| *it == column).and_then(|it| record.value(it)?.as_str());
    match grade.and_then(|it| it.parse::<u8>().ok()).filter(|it| (1..=4).contains(it)) {
        Some(grade) => html! { span class={ "grade grade-" (grade) } { (words) } },
        None => html! { (words) },
    }
}

fn totals(shown: &Shown, columns: &[String], lang: Lang) -> Markup {
    let Some(sums) = shown.sums.as_ref().filter(|it| !it.is_empty()) else { return html! {} };
    html! { tfoot { tr {
        td {}
        th scope="row" { (lang.pick("合计", "Total")) }
        @for column in columns { td.num { @if let Some(sum) = sums.get(column) { (plain(*sum)) } } }
    } } }
}

fn actions(room: &Room, who: &Who, shown: &Shown, lang: Lang) -> Markup {
    let (of, counted) = (&shown.of, shown.page.counted);
    let edit = who.may(Permission::EditRegister);
    let call = who.may(Permission::RunRound) && of.kind.responsible.is_some();
    let fields = of
        .kind
        .fields
        .iter()
        .filter(|it| is_entered(of, it) && it.personal.is_none() && !it.unique && !of.kind.key.contains(&it.id));
    let fields: Vec<_> = fields.filter(|it| !matches!(it.sort, Sort::Text(true))).collect();
    html! { div.row.actions data-actions {
        span { (lang.pick("已选 ", "selected ")) b.num data-selected { "0" } }
        @if (edit || call) && counted.all > i64::try_from(shown.page.items.len()).unwrap_or(0) && !counted.more {
            label.check { input type="checkbox" name="all" value="1"; (lang.pick("全部筛得 ", "all ")) span.num { (counted.all) } (lang.pick(" 条", "")) }
        }
        @if edit {
            button type="submit" name="do" value="verify" { (lang.pick("核实", "Verify")) }
            @if !fields.is_empty() { details.chip { summary { (lang.pick("改一个字段", "Set a field")) } div.panel.card {
                label { (lang.pick("字段", "Field")) select name="field" { @for field in &fields { option value=(field.id) { (field.title.get(lang)) } } } }
                label { (lang.pick("改为（选项写编号或名称；留空即清除）", "to (of a choice: code or words; empty clears)")) input name="value"; }
                button type="submit" name="do" value="set" data-confirm=(lang.pick("改动所选记录的这个字段？", "Set this field of the selected records?")) { (lang.pick("修改", "Set")) }
            } } }
            details.chip { summary { (lang.pick("删除", "Delete")) } div.panel.card {
                label { (lang.pick("原因", "Why")) input name="why" maxlength="200"; }
                button.danger type="submit" name="do" value="delete" data-confirm=(lang.pick("删除所选记录？删除后只在操作日志里能查到。", "Delete the selected records?")) { (lang.pick("删除", "Delete")) }
            } }
        }
        @if call { button type="submit" formaction=(room.url(&format!("/register/{}/call", of.kind.id))) { (lang.pick("叫应责任人", "Call who answers for them")) } }
        button type="submit" formaction=(room.url(&format!("/register/{}/selection.xlsx", of.kind.id))) { (lang.pick("导出所选", "Export the selected")) }
    } }
}

fn pager(room: &Room, shown: &Shown, lang: Lang) -> Markup {
    let (at, pages, counted) = (shown.page.page, shown.page.pages, shown.page.counted);
    let path = room.url(&format!("/register/{}", shown.of.kind.id));
    let to = |page: i64| format!("{path}?{}", Asked { page, ..shown.asked.clone() }.query());
    html! { p.row.pager {
        @if at > 1 { a rel="prev" href=(to(at - 1)) { (lang.pick("‹ 上一页", "‹ previous")) } }
        span.num { @match lang {
            Lang::Zh => { "第 " (at) " / " (pages) @if counted.more { "+" } " 页 · 共 " (counted.all) @if counted.more { "+" } " 条" },
            Lang::En => { "page " (at) " of " (pages) @if counted.more { "+" } " · " (counted.all) @if counted.more { "+" } " in all" },
        } }
        @if at < pages { a rel="next" href=(to(at + 1)) { (lang.pick("下一页 ›", "next ›")) } }
        span.end { (lang.pick("每页 ", "per page ")) @for size in [50_i64, 100, 200] {
            @if size == shown.asked.size { b.num { (size) } } @else { a.num href={ (path) "?" (Asked { size, page: 1, ..shown.asked.clone() }.query()) } { (size) } } " "
        } }
    } }
}
