//! Lists on the screen: heads that sort, a filter whose values stay in every link, pages, and an export of exactly
//! what is filtered; all from one [`List`].

use std::collections::{BTreeMap, HashMap};

use anlan_kernel::{Lang, RegionCode};
use anlan_store::{Record, StoreError, Tx, Value};
use axum::{
    extract::Query,
    http::header,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};

use crate::{Site, percent};

/// Records of one page.
const PAGE: i64 = 50;
/// Records of a sheet whose records are small; one that is cut says so.
pub const SHEET: i64 = 10_000;
/// Characters of a filter's value at most.
const LONGEST: usize = 100;

/// What an address asks of a list.
pub type Asking = Query<HashMap<String, String>>;

/// 中文, English.
pub type Words = (&'static str, &'static str);

/// A column of a list.
#[derive(Debug)]
pub struct Column {
    /// As `sort=` names it; empty where it does not sort.
    pub key: &'static str,
    /// Its head.
    pub words: Words,
    /// What ORDER BY takes; empty where the mechanism sorts the records itself.
    pub order: &'static str,
}

/// What a filter offers.
#[derive(Debug)]
pub enum Kind {
    /// Letters to look for; `/` goes there.
    Text,
    /// One of these values.
    Choice(&'static [(&'static str, &'static str, &'static str)]),
    /// One of the values [`View::options`] brings.
    Found,
    /// A day, `2023-09-01`.
    Day,
    /// Came with a link and stays.
    Link,
}

/// One filter of a list.
#[derive(Debug)]
pub struct Filter {
    /// Its parameter.
    pub name: &'static str,
    /// Its label; of a choice, the words for no choice.
    pub words: Words,
    /// What it offers.
    pub kind: Kind,
}

/// A list: where it stands, its columns, what filters it.
#[derive(Debug)]
pub struct List {
    /// `/alarms`; its export is `/alarms/export.xlsx`.
    pub path: &'static str,
    /// From left to right, on the screen and in the sheet.
    pub columns: &'static [Column],
    /// In the order of the form.
    pub filters: &'static [Filter],
    /// The order nobody asked for: a column's key, with a minus for descending.
    pub order: &'static str,
}

/// What is asked of a list. Whatever the list does not know is left out, so no text of a request reaches a statement.
#[derive(Clone, Debug)]
pub struct Asked {
    list: &'static List,
    values: BTreeMap<&'static str, String>,
    sort: &'static str,
    descending: bool,
    page: i64,
}

/// Which part of what is found is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The page asked for.
    Page,
    /// The first so many, for a sheet.
    Sheet(i64),
}

/// A part of what a list found.
#[derive(Debug)]
pub struct Found<R> {
    /// Its records.
    pub items: Vec<R>,
    /// How many there are in all.
    pub all: i64,
    page: i64,
}

/// A list on its page.
pub struct View<'a, R> {
    /// Id of the card.
    pub id: &'a str,
    /// Events that renew it; empty for none.
    pub live: &'a str,
    /// What is shown of.
    pub found: &'a Found<R>,
    /// Values and words of every [`Kind::Found`].
    pub options: &'a [(&'static str, Vec<(String, String)>)],
    /// Its rows.
    pub rows: Markup,
    /// Whether the reader may take it along.
    pub export: bool,
}

/// Conditions that all hold, each `?` its value.
#[derive(Debug, Default)]
pub struct Condition {
    parts: Vec<String>,
    values: Vec<Value>,
}

impl Condition {
    /// A condition; every `?` in it is `value`.
    pub fn and(&mut self, sql: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        self.parts.push(sql.replace('?', &format!("${}", self.values.len())));
    }

    /// A condition without a value.
    pub fn plain(&mut self, sql: &str) {
        self.parts.push(sql.to_owned());
    }

    /// The column is one of these.
    pub fn one_of(&mut self, column: &str, values: &[String]) {
        let first = self.values.len();
        self.values.extend(values.iter().map(Value::from));
        let places: Vec<_> = (first..self.values.len()).map(|it| format!("${}", it + 1)).collect();
        let sql = if places.is_empty() { "1 = 0".to_owned() } else { format!("{column} IN ({})", places.join(", ")) };
        self.parts.push(sql);
    }

    /// The region is this one or lies in it.
    pub fn inside(&mut self, column: &str, region: &RegionCode) {
        self.and(&format!("{column} >= ?"), region);
        self.and(&format!("{column} < ?"), region.until());
    }

    /// The statement's condition, and its values.
    pub fn finish(self) -> (String, Vec<Value>) {
        (if self.parts.is_empty() { "1 = 1".to_owned() } else { self.parts.join(" AND ") }, self.values)
    }
}

/// What LIKE takes to find `text` as it stands inside a LOWER() column; the escape is `!`.
pub fn pattern(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 2);
    for letter in text.to_ascii_lowercase().chars() {
        if matches!(letter, '%' | '_' | '!') {
            escaped.push('!');
        }
        escaped.push(letter);
    }
    format!("%{escaped}%")
}

/// A workbook under its name.
pub fn workbook(name: &str, bytes: Vec<u8>) -> Response {
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let disposition = format!("attachment; filename=\"{name}.xlsx\"");
    ([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition)], bytes).into_response()
}

fn tidy(text: &str) -> String {
    text.trim().chars().filter(|it| !it.is_control()).take(LONGEST).collect()
}

impl Filter {
    fn takes(&self, value: &str) -> bool {
        match self.kind {
            Kind::Choice(known) => known.iter().any(|it| it.0 == value),
            _ => !value.is_empty(),
        }
    }
}

impl List {
    /// What an address asks of it.
    pub fn asked(&'static self, address: &HashMap<String, String>) -> Asked {
        let given = |name: &str| address.get(name).map(|it| tidy(it)).unwrap_or_default();
        let values = self.filters.iter().map(|it| (it, given(it.name))).filter(|(it, value)| it.takes(value));
        let order = given("sort");
        let (sort, descending) = self.sort(&order).or_else(|| self.sort(self.order)).unwrap_or_default();
        Asked {
            list: self,
            values: values.map(|(it, value)| (it.name, value)).collect(),
            sort,
            descending,
            page: given("page").parse().unwrap_or(1),
        }
    }

    fn sort(&self, order: &str) -> Option<(&'static str, bool)> {
        let (key, descending) = order.strip_prefix('-').map_or((order, false), |it| (it, true));
        let column = self.columns.iter().find(|it| !it.key.is_empty() && it.key == key)?;
        Some((column.key, descending))
    }
}

impl Asked {
    /// The value of a filter; empty where none is given.
    pub fn get(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// The column it is sorted by.
    pub fn sort(&self) -> &'static str {
        self.sort
    }

    /// Whether the greatest come first.
    pub fn descending(&self) -> bool {
        self.descending
    }

    /// Records inside the reader's scope that meet the condition, in the order asked for.
    ///
    /// # Errors
    /// What the engine says.
    pub fn find<R: Record>(&self, tx: &mut Tx<'_>, by: Condition, part: Part) -> Result<Found<R>, StoreError> {
        let (condition, mut values) = by.finish();
        let all = tx.count::<R>(&condition, &values)?;
        let page = self.page_of(all);
        let (from, most) = bounds(page, part);
        values.extend([most.into(), from.into()]);
        let tail = format!("{} LIMIT ${} OFFSET ${}", self.order(R::TABLE.key), values.len() - 1, values.len());
        Ok(Found { items: tx.find(&condition, &tail, &values)?, all, page })
    }

    /// A part of records that stand in the order asked for already.
    pub fn cut<R>(&self, items: Vec<R>, part: Part) -> Found<R> {
        let all = i64::try_from(items.len()).unwrap_or(i64::MAX);
        let page = self.page_of(all);
        let (from, most) = bounds(page, part);
        let count = |it: i64| usize::try_from(it).unwrap_or_default();
        Found { items: items.into_iter().skip(count(from)).take(count(most)).collect(), all, page }
    }

    /// The rows of a sheet: the heads, the cells of every record, and a line where it was cut.
    pub fn sheet<R>(&self, lang: Lang, found: &Found<R>, cells: impl Fn(&R) -> Vec<String>) -> Vec<Vec<String>> {
        let heads = self.list.columns.iter().map(|it| lang.pick(it.words.0, it.words.1).to_owned());
        let mut table = vec![heads.collect()];
        table.extend(found.items.iter().map(cells));
        let shown = table.len() - 1;
        if i64::try_from(shown).is_ok_and(|it| it < found.all) {
            let all = found.all;
            table.push(vec![match lang {
                Lang::Zh => format!("共 {all} 条，本表只含前 {shown} 条；请缩小筛选范围后分次导出"),
                Lang::En => format!("{all} in all, the first {shown} are here; narrow the filter and export in parts"),
            }]);
        }
        table
    }

    /// The filter, and the list below it.
    pub fn show<R>(&self, site: &Site, lang: Lang, view: View<'_, R>) -> Markup {
        html! {
            (self.form(site, lang, &view))
            div.card.scroll id=(view.id) data-live=[Some(view.live).filter(|it| !it.is_empty())] tabindex="0" {
                table {
                    thead { tr { @for it in self.list.columns { (self.head(site, lang, it)) } } }
                    tbody { (view.rows) }
                }
                @if view.found.items.is_empty() { p.soft { (lang.pick("无", "none")) } }
                (self.pager(site, lang, view.found))
            }
        }
    }

    fn order(&self, key: &str) -> String {
        let by = self.list.columns.iter().find(|it| it.key == self.sort).map_or("", |it| it.order);
        let way = if self.descending { " DESC" } else { "" };
        if by.is_empty() || by == key {
            format!("ORDER BY {key}{way}")
        } else {
            format!("ORDER BY {by}{way}, {key}{way}")
        }
    }

    fn page_of(&self, all: i64) -> i64 {
        self.page.clamp(1, pages(all))
    }

    fn order_words(&self) -> String {
        format!("{}{}", if self.descending { "-" } else { "" }, self.sort)
    }

    /// What is filtered, in this order, at this page; what goes without saying is left out.
    fn words(&self, order: &str, page: i64) -> String {
        let page = page.to_string();
        let rest = [("sort", order, self.list.order), ("page", page.as_str(), "1")];
        let mut pairs: Vec<_> = self.values.iter().map(|(name, it)| format!("{name}={}", percent(it))).collect();
        pairs.extend(rest.iter().filter(|it| it.1 != it.2).map(|it| format!("{}={}", it.0, percent(it.1))));
        if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
    }

    fn address(&self, site: &Site, order: &str, page: i64) -> String {
        format!("{}{}", site.url(self.list.path), self.words(order, page))
    }

    fn head(&self, site: &Site, lang: Lang, column: &Column) -> Markup {
        let words = lang.pick(column.words.0, column.words.1);
        if column.key.is_empty() {
            return html! { th scope="col" { (words) } };
        }
        let here = column.key == self.sort;
        let (state, mark) = if self.descending { ("descending", " ▼") } else { ("ascending", " ▲") };
        let other = if here && !self.descending { format!("-{}", column.key) } else { column.key.to_owned() };
        html! {
            th scope="col" aria-sort=[here.then_some(state)] {
                a href=(self.address(site, &other, 1)) { (words) @if here { span aria-hidden="true" { (mark) } } }
            }
        }
    }

    fn form<R>(&self, site: &Site, lang: Lang, view: &View<'_, R>) -> Markup {
        let order = Some(self.order_words()).filter(|it| it != self.list.order);
        html! {
            form.row method="get" action=(site.url(self.list.path)) data-filter {
                @if let Some(order) = order { input type="hidden" name="sort" value=(order); }
                @for it in self.list.filters { (self.field(lang, it, view.options)) }
                @if !self.list.filters.is_empty() { button type="submit" { (lang.pick("查找", "Find")) } }
                @if !self.values.is_empty() { a href=(site.url(self.list.path)) { (lang.pick("清除筛选", "Clear the filter")) } }
                @if view.export {
                    a.button.end href=(format!("{}/export.xlsx{}", site.url(self.list.path), self.words(&self.order_words(), 1))) download {
                        (lang.pick("导出", "Export")) }
                }
            }
        }
    }

    fn field(&self, lang: Lang, it: &Filter, options: &[(&'static str, Vec<(String, String)>)]) -> Markup {
        let (value, label) = (self.get(it.name), lang.pick(it.words.0, it.words.1));
        let select = |options: &[(&str, &str)]| {
            html! { select name=(it.name) aria-label=(label) {
                option value="" { (label) }
                @for (key, words) in options { option value=(key) selected[value == *key] { (words) } }
            } }
        };
        match it.kind {
            Kind::Text => html! {
                input type="search" name=(it.name) value=(value) maxlength=(LONGEST) data-key="/" placeholder=(label) aria-label=(label);
            },
            Kind::Choice(known) => select(&known.iter().map(|it| (it.0, lang.pick(it.1, it.2))).collect::<Vec<_>>()),
            Kind::Found => {
                let known = options.iter().filter(|(name, _)| *name == it.name).flat_map(|(_, known)| known);
                let mut known: Vec<_> = known.map(|(key, words)| (key.as_str(), words.as_str())).collect();
                if !value.is_empty() && known.iter().all(|(key, _)| *key != value) {
                    known.push((value, value));
                }
                select(&known)
            }
            Kind::Day => html! { label { (label) " " input type="date" name=(it.name) value=(value); } },
            Kind::Link => html! { @if !value.is_empty() { input type="hidden" name=(it.name) value=(value); } },
        }
    }

    fn pager<R>(&self, site: &Site, lang: Lang, found: &Found<R>) -> Markup {
        let (at, pages, all, order) = (found.page, pages(found.all), found.all, self.order_words());
        let to = |page: i64| self.address(site, &order, page);
        html! {
            p.row.pager {
                @if at > 1 { a rel="prev" href=(to(at - 1)) { (lang.pick("‹ 上一页", "‹ previous")) } }
                span.num { @match lang {
                    Lang::Zh => { "第 " (at) " / " (pages) " 页 · 共 " (all) " 条" },
                    Lang::En => { "page " (at) " of " (pages) " · " (all) " in all" },
                } }
                @if at < pages { a rel="next" href=(to(at + 1)) { (lang.pick("下一页 ›", "next ›")) } }
            }
        }
    }
}

fn pages(all: i64) -> i64 {
    ((all + PAGE - 1) / PAGE).max(1)
}

/// Where a part begins, and how many it holds.
fn bounds(page: i64, part: Part) -> (i64, i64) {
    match part {
        Part::Page => ((page - 1) * PAGE, PAGE),
        Part::Sheet(most) => (0, most),
    }
}
