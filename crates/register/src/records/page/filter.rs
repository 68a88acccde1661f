//! The bar above a list: words, region, conditions as chips, views, columns.

use anlan_kernel::{Lang, Permission};
use anlan_web::Who;
use maud::{Markup, html};

use super::{
    super::{
        Room,
        list::{Asked, Fresh, NONE, Test, joined},
        views,
    },
    Shown,
};
use crate::kinds::{CodeList, Field, Sort};

/// Conditions that stand in the bar though nobody uses them.
const OPEN: usize = 5;
/// Choices that are written into the page; more come when they are asked for.
const FEW: usize = 30;

pub(super) fn bar(room: &Room, who: &Who, shown: &Shown, view: Option<&str>) -> Markup {
    let (lang, of, asked) = (who.lang, &shown.of, &shown.asked);
    let path = format!("/register/{}", of.kind.id);
    let fields: Vec<&Field> = of.kind.fields.iter().filter(|it| of.reader.filters(it)).collect();
    let used = |field: &&&Field| asked.tests.iter().any(|it| it.0 == field.id);
    let (mut near, mut rest): (Vec<&Field>, Vec<&Field>) = (fields.iter().filter(used).copied().collect(), Vec::new());
    for field in fields.iter().filter(|it| !used(it)) {
        if near.len() < OPEN { near.push(field) } else { rest.push(field) }
    }
    html! {
        form.row.filter id="filter" method="get" action=(room.url(&path)) data-filter data-kind=(of.kind.id)
            data-choices=(room.url(&format!("/api/v1/register/{}/choices", of.kind.id))) {
            @if asked.sort() != "region" { input type="hidden" name="sort" value=(asked.sort()); }
            @if !asked.columns.is_empty() { input type="hidden" name="columns" value=(asked.columns.join(",")); }
            input type="search" name="q" value=(asked.q) maxlength="64" data-key="/"
                placeholder=(lang.pick("名称、拼音、首字母、尾号、代码 /", "name, initials, end of a number, code /"))
                aria-label=(lang.pick("查找", "Find"));
            (region(shown, lang))
            @for field in &near { (chip(shown, field, lang)) }
            (fresh(asked, lang))
            @if !rest.is_empty() { details.chip { summary { (lang.pick("＋ 条件", "+ condition")) }
                div.panel.card { @for field in &rest { (chip(shown, field, lang)) } } } }
            @if let Some(owner) = &asked.owner { (kept("owner", owner, &format!("{}{}", lang.pick("责任单位：", "Unit: "), shown.owners.get(owner).map_or(owner.as_str(), String::as_str)), room, shown)) }
            @if let Some(batch) = &asked.batch { (kept("batch", batch, lang.pick("一次导入的记录", "of one import"), room, shown)) }
            @if let Some(shape) = &asked.shape { (kept("in", shape, lang.pick("图上圈选的范围", "drawn on the map"), room, shown)) }
            button type="submit" { (lang.pick("筛选", "Filter")) }
            @if asked.is_narrowed() { a href=(room.url(&path)) { (lang.pick("清除", "Clear")) } }
        }
        div.row.small {
            (kept_views(room, who, shown, view))
            (columns(room, shown, lang))
        }
    }
}

/// A condition that came with a link; it goes by its cross.
fn kept(name: &str, value: &str, words: &str, room: &Room, shown: &Shown) -> Markup {
    let without = room.url(&format!("/register/{}?{}", shown.of.kind.id, shown.asked.without(name).query()));
    html! { span.chip.on { input type="hidden" name=(name) value=(value); (words) " " a href=(without) aria-label="×" { "×" } } }
}

fn region(shown: &Shown, lang: Lang) -> Markup {
    let chosen = shown.asked.region.as_ref().map(ToString::to_string);
    let known = chosen.as_ref().is_none_or(|it| shown.regions.iter().any(|(code, _)| code == it));
    html! { select.chip name="region" aria-label=(lang.pick("责任区", "Region")) data-auto {
        option value="" { (lang.pick("街道·社区", "Region")) }
        @if let Some(code) = chosen.as_ref().filter(|_| !known) { option value=(code) selected { (code) } }
        @for (code, name) in &shown.regions {
            option value=(code) selected[chosen.as_ref() == Some(code)] { @if code.len() > 9 { "　" } (name) }
        }
    } }
}

fn fresh(asked: &Asked, lang: Lang) -> Markup {
    let all = [
        (Fresh::Fresh, lang.pick("已核实", "verified")),
        (Fresh::Due, lang.pick("待核实", "to verify")),
        (Fresh::Never, lang.pick("从未核实", "never verified")),
    ];
    html! { select.chip name="fresh" aria-label=(lang.pick("核实", "Freshness")) data-auto {
        option value="" { (lang.pick("核实", "Freshness")) }
        @for (fresh, words) in all { option value=(fresh.name()) selected[asked.fresh == Some(fresh)] { (words) } }
    } }
}

fn chip(shown: &Shown, field: &Field, lang: Lang) -> Markup {
    let test = shown.asked.tests.iter().find(|it| it.0 == field.id).map(|it| &it.1);
    let without = format!("?{}", shown.asked.without(&format!("f.{}", field.id)).query());
    html! { details.chip.on[test.is_some()] data-field=(field.id) {
        summary { (field.title.get(lang)) @if let Some(test) = test { "：" (said(shown, field, test, lang)) " " a href=(without) aria-label=(lang.pick("去掉", "remove")) { "×" } } }
        div.panel.card { (inputs(shown, field, test, lang)) button type="submit" { (lang.pick("筛选", "Filter")) } }
    } }
}

/// A condition in words.
fn said(shown: &Shown, field: &Field, test: &Test, lang: Lang) -> String {
    let of = &shown.of;
    match test {
        Test::Among { given, none, .. } => {
            let list = of.catalog.list_of(field);
            let mut all: Vec<String> = given.iter().take(3).map(|it| word(list, field, it, lang)).collect();
            if *none {
                all.push(lang.pick("未填", "none").to_owned());
            }
            let more = if given.len() > 3 { format!("…（{}）", given.len()) } else { String::new() };
            all.join(lang.pick("、", ", ")) + &more
        }
        Test::Numbers(min, max) => {
            let text = |it: &Option<f64>| it.map(|it| it.to_string()).unwrap_or_default();
            format!("{}～{}{}", text(min), text(max), field.unit.as_deref().unwrap_or_default())
        }
        Test::Between { given: [min, max], .. } => {
            format!("{}～{}", min.as_deref().unwrap_or_default(), max.as_deref().unwrap_or_default())
        }
    }
}

fn word(list: Option<&CodeList>, field: &Field, value: &str, lang: Lang) -> String {
    match (list, &field.sort) {
        (Some(list), _) => list.words(value.trim_start_matches('='), lang).to_owned(),
        (None, Sort::YesNo) => if value == "true" { lang.pick("是", "yes") } else { lang.pick("否", "no") }.to_owned(),
        _ => value.to_owned(),
    }
}

fn inputs(shown: &Shown, field: &Field, test: Option<&Test>, lang: Lang) -> Markup {
    let name = format!("f.{}", field.id);
    let (from, until) = (lang.pick("从", "from"), lang.pick("到", "to"));
    match (&field.sort, test) {
        (Sort::Number | Sort::Money, _) => {
            let (min, max) = if let Some(Test::Numbers(min, max)) = test { (*min, *max) } else { (None, None) };
            html! {
                label { (from) input name={ (name) ".min" } value=[min] inputmode="decimal"; }
                label { (until) input name={ (name) ".max" } value=[max] inputmode="decimal"; }
            }
        }
        (Sort::Date | Sort::Time, _) => {
            let given = if let Some(Test::Between { given, .. }) = test { given.clone() } else { [None, None] };
            html! {
                label { (from) input type="date" name={ (name) ".min" } value=[given[0].as_ref()]; }
                label { (until) input type="date" name={ (name) ".max" } value=[given[1].as_ref()]; }
            }
        }
        _ => choices(shown, field, test, &name, lang),
    }
}

fn choices(shown: &Shown, field: &Field, test: Option<&Test>, name: &str, lang: Lang) -> Markup {
    let list = shown.of.catalog.list_of(field);
    let (given, none) =
        if let Some(Test::Among { given, none, .. }) = test { (given.clone(), *none) } else { (Vec::new(), false) };
    let offered: Vec<(String, String)> = match (list, &field.sort) {
        (Some(list), _) if list.codes.len() <= FEW => {
            list.codes.iter().map(|it| (it.code.clone(), it.title.get(lang).to_owned())).collect()
        }
        (None, Sort::YesNo) => ["true", "false"].map(|it| (it.to_owned(), word(None, field, it, lang))).to_vec(),
        _ => given.iter().map(|it| (it.clone(), word(list, field, it, lang))).collect(),
    };
    let more = list.is_some_and(|it| it.codes.len() > FEW);
    let free = list.is_none() && field.sort != Sort::YesNo;
    html! {
        div.choices data-choices-of=(field.id) {
            @for (value, words) in &offered {
                label.check { input type="checkbox" name=(name) value=(value) checked[given.contains(value)]; (words) span.num.soft data-count=(value) {} }
            }
        }
        @if more || free {
            label { (lang.pick("编号或名称", "code or words")) input name=(name) data-narrows=(field.id); }
        }
        label.check { input type="checkbox" name=(name) value=(NONE) checked[none]; (lang.pick("未填", "none")) }
    }
}

fn kept_views(room: &Room, who: &Who, shown: &Shown, view: Option<&str>) -> Markup {
    let (lang, kind) = (who.lang, &shown.of.kind.id);
    let here = shown.views.iter().find(|it| Some(it.id.as_str()) == view);
    let query = Asked { page: 1, ..shown.asked.clone() }.query();
    html! { details.chip {
        summary { (lang.pick("视图", "Views")) @if let Some(it) = here { "：" (it.name) } }
        div.panel.card {
            @if shown.views.is_empty() { p.soft { (lang.pick("把常用的筛选、列和排序存成视图", "Keep filters, columns and order as a view")) } }
            @for it in &shown.views { div.row {
                a href=(views::address(room, it)) { (it.name) }
                @if it.shared { span.tag { (lang.pick("共享", "shared")) } }
                @if it.actor == who.actor.name {
                    button.quiet.end type="submit" form={ "drop-" (it.id) } { (lang.pick("删除", "Remove")) }
                    form id={ "drop-" (it.id) } method="post" action=(room.url(&format!("/register/{kind}/views/{}/remove", it.id))) {}
                }
            } }
            form.row method="post" action=(room.url(&format!("/register/{kind}/views"))) {
                input type="hidden" name="query" value=(query);
                input name="name" maxlength="40" required placeholder=(lang.pick("视图名称", "Name of the view")) aria-label=(lang.pick("视图名称", "Name of the view"));
                @if who.may(Permission::EditRegister) { label.check { input type="checkbox" name="shared" value="1"; (lang.pick("共享", "for everybody")) } }
                button type="submit" { (lang.pick("保存", "Keep")) }
            }
        }
    } }
}

fn columns(room: &Room, shown: &Shown, lang: Lang) -> Markup {
    let (of, chosen) = (&shown.of, shown.columns());
    let own = super::table::own_columns(&of.kind, lang);
    let fields = of.kind.fields.iter().filter(|it| of.reader.sees(it) && it.id != of.kind.name);
    let all: Vec<(String, String)> = own
        .into_iter()
        .map(|(id, words)| (id.to_owned(), words.to_owned()))
        .chain(fields.map(|it| (it.id.clone(), it.heading(lang))))
        .collect();
    let hidden = Asked { columns: Vec::new(), page: 1, ..shown.asked.clone() };
    html! { details.chip {
        summary { (lang.pick("列", "Columns")) }
        form.panel.card method="get" action=(room.url(&format!("/register/{}", of.kind.id))) {
            @for (name, value) in super::pairs(&hidden.query()) { input type="hidden" name=(name) value=(value); }
            div.choices { @for (id, words) in &all { label.check { input type="checkbox" name="columns" value=(id) checked[chosen.contains(id)]; (words) } } }
            div.row { button type="submit" { (lang.pick("显示", "Show")) }
                a href={ "?" (joined(&super::pairs(&hidden.query()))) } { (lang.pick("默认的列", "usual columns")) } }
        }
    } }
}
