//! The form of a record, made from its fields. What was typed stays, each problem beside its field.

use anlan_kernel::{Lang, Permission, Problem};
use anlan_web::{Access, ApiResult, Routes, Who, page as layout};
use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};

use super::{
    Of, Record, Room, card,
    drafts::{Sent, has_point, is_entered},
    page::style,
    service::{self, Saved},
    show,
};
use crate::kinds::{CodeList, Field, Sort};

/// Choices that stand as a list to choose from; longer ones are searched.
const FEW: usize = 60;

/// Doors of forms.
pub(super) fn routes(routes: Routes<Room>) -> Routes<Room> {
    let edit = Access::Needs(Permission::EditRegister);
    routes
        .get("/register/{kind}/new", edit, "新增一条记录", "Add a record", new)
        .post("/register/{kind}/new", edit, "新增一条记录", "Add a record", create)
        .get("/records/{id}/edit", edit, "修改记录", "Change a record", edit_page)
        .post("/records/{id}/edit", edit, "修改记录", "Change a record", change)
}

type Pairs = Vec<(String, String)>;

/// A form with what stands in it.
struct Sheet<'a> {
    of: &'a Of,
    before: Option<&'a Record>,
    pairs: &'a Pairs,
    problems: &'a [Problem],
    lang: Lang,
}

async fn new(State(room): State<Room>, who: Who, Path(kind): Path<String>) -> ApiResult<Markup> {
    let of = room.of(&who, &kind)?;
    let begun = of.kind.fields.iter().filter_map(|it| Some((format!("f.{}", it.id), it.default.clone()?)));
    let pairs: Pairs = begun.collect();
    Ok(page(&room, &who, &Sheet { of: &of, before: None, pairs: &pairs, problems: &[], lang: who.lang }))
}

async fn create(
    State(room): State<Room>,
    who: Who,
    Path(kind): Path<String>,
    Form(pairs): Form<Pairs>,
) -> ApiResult<Response> {
    let of = room.of(&who, &kind)?;
    let sent = Sent::of_form(&of, &pairs, None);
    let saved = service::save(&room, &who, &of, None, sent).await?;
    Ok(answer(&room, &who, &of, None, pairs, saved))
}

async fn edit_page(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Markup> {
    let (record, of) = service::find(&room, &who, &id).await?;
    let pairs = card::in_words(&room, &who, &of, &record).await?;
    Ok(page(&room, &who, &Sheet { of: &of, before: Some(&record), pairs: &pairs, problems: &[], lang: who.lang }))
}

async fn change(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(pairs): Form<Pairs>,
) -> ApiResult<Response> {
    let (record, of) = service::find(&room, &who, &id).await?;
    let sent = Sent::of_form(&of, &pairs, Some(&record));
    let saved = service::save(&room, &who, &of, Some(id), sent).await?;
    Ok(answer(&room, &who, &of, Some(&record), pairs, saved))
}

fn answer(room: &Room, who: &Who, of: &Of, before: Option<&Record>, mut pairs: Pairs, saved: Saved) -> Response {
    let (status, problems) = match saved {
        Saved::Done(record, _) => return Redirect::to(&room.url(&format!("/records/{}", record.id))).into_response(),
        Saved::Wrong(problems) => (StatusCode::UNPROCESSABLE_ENTITY, problems),
        Saved::Stale(problem, revision) => {
            pairs.retain(|it| it.0 != "revision");
            pairs.push(("revision".to_owned(), revision.to_string()));
            (StatusCode::CONFLICT, vec![problem])
        }
    };
    let sheet = Sheet { of, before, pairs: &pairs, problems: &problems, lang: who.lang };
    (status, page(room, who, &sheet)).into_response()
}

impl Sheet<'_> {
    fn all(&self, name: &str) -> Vec<&str> {
        self.pairs.iter().filter(|it| it.0 == name).map(|it| it.1.as_str()).collect()
    }

    fn one(&self, name: &str) -> &str {
        self.all(name).last().copied().unwrap_or_default()
    }

    /// Problems of what is titled so; the rest stand above.
    fn of_title(&self, title: &str) -> Vec<&Problem> {
        self.problems.iter().filter(|it| it.place.field.as_deref() == Some(title)).collect()
    }

    fn titles(&self) -> Vec<&str> {
        let fields = self.of.kind.fields.iter().filter(|it| is_entered(self.of, it)).map(|it| it.title.get(Lang::Zh));
        fields.chain(["区划", "责任单位", "位置", "经度", "纬度"]).collect()
    }
}

fn page(room: &Room, who: &Who, sheet: &Sheet<'_>) -> Markup {
    let (lang, kind) = (sheet.lang, &sheet.of.kind);
    let (title, action, back) = match sheet.before {
        None => (
            format!("{} · {}", lang.pick("新增", "Add"), kind.title.get(lang)),
            format!("/register/{}/new", kind.id),
            format!("/register/{}", kind.id),
        ),
        Some(it) => (
            format!("{} · {}", lang.pick("修改", "Change"), show::title(kind, it, &sheet.of.reader)),
            format!("/records/{}/edit", it.id),
            format!("/records/{}", it.id),
        ),
    };
    let known = sheet.titles();
    let above: Vec<&Problem> =
        sheet.problems.iter().filter(|it| it.place.field.as_deref().is_none_or(|it| !known.contains(&it))).collect();
    let body = html! {
        (style(room))
        main.register {
            p { a href=(room.url(&back)) { "‹ " (lang.pick("返回", "Back")) } }
            h1 { (title) }
            @if !sheet.problems.is_empty() { div.wrong role="alert" {
                @if above.is_empty() { p { (lang.pick("没有保存，请改正标出的 ", "Not saved; mend what is marked: ")) (sheet.problems.len()) (lang.pick(" 处", "")) } }
                @for it in above { p { (it.message.get(lang)) } }
            } }
            form.record-form method="post" action=(room.url(&action)) data-find=(room.url("/api/v1/find")) {
                input type="hidden" name="revision" value=(sheet.one("revision"));
                section.card {
                    (region(sheet))
                    @for field in kind.fields.iter().filter(|it| is_entered(sheet.of, it)) { (entry(sheet, field)) }
                    @if has_point(sheet.of) { (place(sheet)) }
                    (owner(sheet))
                    @if sheet.before.is_some() { label { (lang.pick("修改原因（可不填）", "Why (optional)")) input name="why" maxlength="200" value=(sheet.one("why")); } }
                }
                div.row { button.main type="submit" { (lang.pick("保存", "Save")) } a.button href=(room.url(&back)) { (lang.pick("取消", "Cancel")) } }
            }
        }
    };
    layout(&room.site, who, &title, body)
}

/// A label, its input, its help and what is wrong with it.
fn entry_of(
    sheet: &Sheet<'_>,
    id: &str,
    words: &str,
    title: &str,
    required: bool,
    help: Option<&str>,
    input: &Markup,
) -> Markup {
    let wrong = sheet.of_title(title);
    html! { div.entry.is-wrong[!wrong.is_empty()] {
        label for=(id) { (words) @if required { " " span.bad aria-hidden="true" { "*" } span.unseen { (sheet.lang.pick("必填", "required")) } } }
        div.entry-input { (input)
            @if let Some(help) = help { p.small.soft id={ (id) "-help" } { (help) } }
            @for it in wrong { p.bad.small role="alert" { (it.message.get(sheet.lang)) } }
        }
    } }
}

fn region(sheet: &Sheet<'_>) -> Markup {
    let lang = sheet.lang;
    let input = html! { input id="region" name="region" value=(sheet.one("region")) required data-pick="region" autocomplete="off"
    placeholder=(lang.pick("区划代码，或 街道 社区", "code, or street and community")); };
    entry_of(sheet, "region", lang.pick("责任区", "Region"), "区划", true, None, &input)
}

fn owner(sheet: &Sheet<'_>) -> Markup {
    let input = picker(sheet, "owner", "owner", "organisation", "", false);
    entry_of(sheet, "owner", sheet.lang.pick("责任单位", "Unit"), "责任单位", false, None, &input)
}

fn place(sheet: &Sheet<'_>) -> Markup {
    let lang = sheet.lang;
    let wrong: Vec<&Problem> = ["位置", "经度", "纬度"].iter().flat_map(|it| sheet.of_title(it)).collect();
    let coordinate = |name: &str, words: &str| {
        html! {
            label.check { (words) " " input.num name=(name) value=(sheet.one(name)) inputmode="decimal" autocomplete="off"; }
        }
    };
    html! { div.entry.is-wrong[!wrong.is_empty()] {
        span.entry-name { (lang.pick("位置", "Place")) @if sheet.of.kind.placed { " " span.bad { "*" } } }
        div.entry-input {
            div.row { (coordinate("longitude", lang.pick("经度", "longitude"))) (coordinate("latitude", lang.pick("纬度", "latitude")))
                button type="button" data-here-is hidden { (lang.pick("用我现在的位置", "Where I am")) } }
            p.small.soft { (lang.pick("WGS 84，例 114.1234 22.5678，也可写 114°07′24″", "WGS 84, such as 114.1234 22.5678 or 114°07′24″")) }
            @for it in wrong { p.bad.small role="alert" { (it.message.get(lang)) } }
        }
    } }
}

fn entry(sheet: &Sheet<'_>, field: &Field) -> Markup {
    let (lang, name) = (sheet.lang, format!("f.{}", field.id));
    let id = format!("f-{}", field.id);
    let kept = sheet.before.and_then(|it| it.value(&field.id)).filter(|_| show::is_masked(field, &sheet.of.reader));
    let mut input = input(sheet, field, &id, &name, kept.is_some());
    if let (Some(value), Some(personal)) = (kept, field.personal) {
        let mask = crate::kinds::value::plain(&show::mask(personal, value));
        input = html! {
            (input)
            p.small.soft { (lang.pick("现为 ", "now ")) span.num { (mask) } (lang.pick("；留空不改 ", "; empty leaves it "))
                label.check { input type="checkbox" name={ "clear." (field.id) } value="1"; (lang.pick("清除", "clear it")) } }
        };
    }
    let help = field.help.as_ref().map(|it| it.get(lang));
    entry_of(sheet, &id, field.title.get(lang), field.title.get(Lang::Zh), field.required, help, &input)
}

fn input(sheet: &Sheet<'_>, field: &Field, id: &str, name: &str, kept: bool) -> Markup {
    let (lang, text) = (sheet.lang, sheet.one(name));
    let wrong = !sheet.of_title(field.title.get(Lang::Zh)).is_empty();
    let (invalid, must) = (wrong.then_some("true"), field.required && !kept);
    let plain = |kind: &str| {
        html! {
            input type=(kind) id=(id) name=(name) value=(text) required[must] aria-invalid=[invalid];
        }
    };
    match &field.sort {
        Sort::Text(true) => {
            html! { textarea id=(id) name=(name) rows="3" maxlength=(field.length) required[must] aria-invalid=[invalid] { (text) } }
        }
        Sort::Text(false) if field.many => html! {
            textarea id=(id) name=(name) rows="2" required[must] aria-invalid=[invalid] { (sheet.all(name).join("\n")) }
        },
        Sort::Text(false) => html! {
            input id=(id) name=(name) value=(text) maxlength=(field.length) required[must] aria-invalid=[invalid] autocomplete="off"
                pattern=[field.pattern.as_ref().map(|it| it.regex.as_str().trim_start_matches('^').trim_end_matches('$').to_owned()).filter(|it| !it.contains(['\\', '(']))]
                title=[field.pattern.as_ref().map(|it| it.words.get(lang))];
        },
        Sort::Number | Sort::Money => html! {
            input.num id=(id) name=(name) value=(text) inputmode="decimal" required[must] aria-invalid=[invalid] autocomplete="off";
            " " span.soft { (field.unit.as_deref().unwrap_or(if field.sort == Sort::Money { lang.pick("元", "yuan") } else { "" })) }
        },
        Sort::Date => plain("date"),
        Sort::Time => plain("datetime-local"),
        Sort::YesNo => html! { select id=(id) name=(name) required[must] aria-invalid=[invalid] {
            option value="" {}
            @for (value, words) in [("true", lang.pick("是", "yes")), ("false", lang.pick("否", "no"))] { option value=(value) selected[text == value] { (words) } }
        } },
        Sort::Choice(_) => match sheet.of.catalog.list_of(field) {
            Some(list) => choice(sheet, field, list, id, name, must),
            None => plain("text"),
        },
        Sort::Person => picker(sheet, id, &field.id, "person", name, field.many),
        Sort::Post => picker(sheet, id, &field.id, "post", name, field.many),
        Sort::Organisation => picker(sheet, id, &field.id, "organisation", name, field.many),
        Sort::Region => picker(sheet, id, &field.id, "region", name, field.many),
        Sort::Link(kind) => picker(sheet, id, &field.id, kind, name, field.many),
        Sort::Photo | Sort::File | Sort::Signature => html! {},
    }
}

fn choice(sheet: &Sheet<'_>, field: &Field, list: &CodeList, id: &str, name: &str, must: bool) -> Markup {
    let (lang, chosen) = (sheet.lang, sheet.all(name));
    if list.codes.len() > FEW {
        let words: Vec<String> = chosen
            .iter()
            .map(|it| if list.get(it).is_some() { list.path(it, lang) } else { (*it).to_owned() })
            .collect();
        let listed = format!("list-{}", list.id);
        return html! {
            input id=(id) name=(name) value=(words.join("；")) list=(listed) required[must] autocomplete="off"
                placeholder=(lang.pick("输入编号或名称查找", "code or words"));
            datalist id=(listed) { @for code in &list.codes { option value=(list.path(&code.code, lang)) label=(code.code) {} } }
        };
    }
    if field.many {
        return html! { div.choices id=(id) {
            input type="hidden" name=(name) value="";
            @for code in &list.codes { label.check { input type="checkbox" name=(name) value=(code.code) checked[chosen.contains(&code.code.as_str())]; (list.path(&code.code, lang)) } }
        } };
    }
    let text = sheet.one(name);
    let gone = !text.is_empty() && list.get(text).is_none();
    html! { select id=(id) name=(name) required[must] {
        option value="" {}
        @if gone { option value=(text) selected { (text) } }
        @for code in &list.codes { option value=(code.code) selected[text == code.code] { (list.path(&code.code, lang)) } }
    } }
}

/// A box that suggests things of a kind; what is chosen is kept as ids beside its words.
fn picker(sheet: &Sheet<'_>, id: &str, field: &str, kind: &str, name: &str, many: bool) -> Markup {
    let name = if name.is_empty() { field } else { name };
    let words = sheet.all(name).join("；");
    html! { span.picker {
        input id=(id) name=(name) value=(words) data-pick=(kind) data-many[many] autocomplete="off"
            placeholder=(if kind == "region" { sheet.lang.pick("代码或名称", "code or name") } else { sheet.lang.pick("输入名称查找", "type to find") });
        input type="hidden" name={ "ref." (field) } value=(sheet.one(&format!("ref.{field}")));
        input type="hidden" name={ "shown." (field) } value=(sheet.one(&format!("shown.{field}")));
    } }
}
