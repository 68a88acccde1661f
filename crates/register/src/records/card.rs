//! One record: its card, the drawer beside a list, its history, and what is done with it.

use anlan_kernel::{Lang, Permission, Text};
use anlan_store::{StoreError, Tx};
use anlan_web::{Access, ApiError, ApiResult, Routes, Who, page as layout};
use axum::{
    Form,
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Attachment, Of, Record, Room, attachments, drafts,
    history::{self, Step},
    links::{self, Pointing},
    page::{graded, style},
    refs::{self, Names},
    service, show,
};
use crate::kinds::{Field, Sort, value};

/// Doors of records.
pub(super) fn routes(routes: Routes<Room>) -> Routes<Room> {
    let (see, edit) = (Access::Needs(Permission::SeeRegister), Access::Needs(Permission::EditRegister));
    routes
        .get("/records/{id}", see, "一条台账记录", "One record", show_card)
        .get("/records/{id}/drawer", see, "列表旁的详情", "A record beside its list", drawer)
        .get("/records/{id}/history", see, "记录的历史", "History of a record", show_history)
        .post("/records/{id}/verify", edit, "核实", "Verify a record", verify)
        .post("/records/{id}/delete", edit, "删除记录", "Delete a record", delete)
        .post(
            "/records/{id}/erase",
            Access::Needs(Permission::ErasePerson),
            "依法删除个人信息",
            "Erase personal data",
            erase,
        )
}

/// A file, and the other records that have the same one: id and name.
type FileShown = (Attachment, Vec<(String, Option<String>)>);

/// Everything a card shows.
struct Card {
    record: Record,
    of: Of,
    names: Names,
    files: Vec<FileShown>,
    pointing: Vec<Pointing>,
}

async fn look(room: &Room, who: &Who, id: &str) -> ApiResult<Card> {
    let (record, of) = service::find(room, who, id).await?;
    Ok(room.site.world.read(&who.actor, move |tx| read(tx, &of, &record)).await?)
}

fn read(tx: &mut Tx<'_>, of: &Of, record: &Record) -> Result<Card, StoreError> {
    let names = Names::of(tx, &of.catalog, &of.kind, &of.reader, &[record])?;
    let mut files = Vec::new();
    for file in attachments::of_record(tx, &record.id)?.into_iter().filter(|it| attachments::is_seen(of, it)) {
        let others = attachments::elsewhere(tx, &file)?;
        files.push((file, others));
    }
    let pointing = links::to(tx, of, record)?;
    Ok(Card { record: record.clone(), of: of.clone(), names, files, pointing })
}

async fn show_card(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Markup> {
    let card = look(&room, &who, &id).await?;
    let (lang, kind) = (who.lang, card.of.kind.clone());
    let title = show::title(&kind, &card.record, &card.of.reader);
    let body = html! {
        (style(&room))
        main.register {
            p { a href=(room.url(&format!("/register/{}", kind.id))) { "‹ " (kind.title.get(lang)) } }
            h1 { (title) " " (grade(&card, lang)) }
            (actions(&room, &who, &card, true))
            div.columns {
                section.card { (facts(&room, &who, &card)) }
                div {
                    (files(&room, &who, &card))
                    (pointing(&room, &card, lang))
                    (danger(&room, &who, &card))
                }
            }
        }
    };
    Ok(layout(&room.site, &who, &title, body))
}

async fn drawer(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Markup> {
    let card = look(&room, &who, &id).await?;
    let title = show::title(&card.of.kind, &card.record, &card.of.reader);
    Ok(html! {
        header.row { h2 { a href=(room.url(&format!("/records/{}", card.record.id))) { (title) } } " " (grade(&card, who.lang))
            button.quiet.end type="button" data-shut aria-label=(who.lang.pick("关闭", "Close")) { "×" } }
        (actions(&room, &who, &card, false))
        (facts(&room, &who, &card))
        (pointing(&room, &card, who.lang))
    })
}

fn grade(card: &Card, lang: Lang) -> Markup {
    let kind = &card.of.kind;
    let Some(field) = kind.grade.as_deref().and_then(|it| kind.field(it)) else { return html! {} };
    match show::cell(&card.of.catalog, &card.names, field, &card.record, &card.of.reader, lang) {
        Some(cell) => graded(kind, &card.record, &field.id, &cell.words),
        None => html! {},
    }
}

fn actions(room: &Room, who: &Who, card: &Card, whole: bool) -> Markup {
    let (lang, id, now) = (who.lang, &card.record.id, room.site.world.now());
    let to = |rest: &str| room.url(&format!("/records/{id}{rest}"));
    let due = show::is_due(&card.of.kind, &card.record, now);
    html! { div.row {
        @if who.may(Permission::EditRegister) {
            a.button href=(to("/edit")) data-key=[whole.then_some("e")] { (lang.pick("修改", "Edit")) }
            form method="post" action=(to("/verify")) { button.main[due] type="submit" { (lang.pick("核实", "Verify")) } }
        }
        a.button href=(to("/history")) { (lang.pick("历史", "History")) }
        @if card.record.is_invented() { span.tag { (lang.pick("演示数据", "invented for the demonstration")) } }
        span.small.bad[due].soft[!due] {
            @match card.record.verified_at {
                Some(at) => { (lang.pick("核实日期 ", "verified ")) (&at.wall()[..10]) " " (show::verified_by(card.record.verified_by.as_deref().unwrap_or_default(), lang))
                    @if due { " · " (lang.pick("待核实", "to verify")) } }
                None => { (lang.pick("从未核实", "never verified")) }
            }
        }
    } }
}

fn facts(room: &Room, who: &Who, card: &Card) -> Markup {
    let (lang, of, record) = (who.lang, &card.of, &card.record);
    let masked = of.kind.fields.iter().any(|it| {
        it.personal.is_some() && of.reader.sees(it) && show::is_masked(it, &of.reader) && record.value(&it.id).is_some()
    });
    let shown = of.kind.fields.iter().filter(|it| it.in_sheets());
    html! {
        dl.facts {
            dt { (lang.pick("责任区", "Region")) } dd { (card.names.region(record.region.as_str())) " " span.num.soft { (record.region) } }
            @for field in shown { @if let Some(cell) = show::cell(&of.catalog, &card.names, field, record, &of.reader, lang) {
                dt { (field.title.get(lang)) }
                dd { (fact(room, card, field, &cell, lang)) }
            } }
            @if let Some(owner) = &record.owner { dt { (lang.pick("责任单位", "Unit")) } dd {
                a href=(room.url(&format!("/register/{}?owner={}", of.kind.id, anlan_web::percent(owner)))) { (card.names.unit(owner)) } } }
            @if let Some((x, y)) = record.longitude.zip(record.latitude).filter(|_| show::shows_place(&of.kind, &of.reader)) {
                dt { (lang.pick("位置", "Place")) } dd.num { (format!("{x:.6}, {y:.6}")) " " span.soft { "WGS 84"
                    @if let Some(shape) = record.geometry.as_ref().and_then(|it| it["type"].as_str()) { " · " (shape) } } }
            }
            dt.small { (lang.pick("更新", "Changed")) } dd.small.soft { (service::by_whom(&record.changed_by, lang)) " " (&record.changed_at.wall()[..16]) " · " (record.pack) }
        }
        @if masked && who.may(Permission::Unmask) {
            p { button type="button" data-unmask=(room.url(&format!("/api/v1/records/{}/unmask", record.id))) {
                (lang.pick("查看个人信息（留操作日志）", "Show personal data (journaled)")) } span role="status" data-said {} }
        }
    }
}

fn fact(room: &Room, card: &Card, field: &Field, cell: &show::Cell, lang: Lang) -> Markup {
    if cell.masked {
        return html! { span.num data-masked=(field.id) { (cell.words) } };
    }
    if let Sort::Link(_) = field.sort {
        let ids = card.record.value(&field.id).map(value::every).unwrap_or_default();
        return html! { @for id in ids.into_iter().filter_map(|it| it.as_str()) {
            a href=(room.url(&format!("/records/{}", anlan_web::percent(id)))) { (card.names.word(field, id, lang)) } " "
        } };
    }
    let words = graded(&card.of.kind, &card.record, &field.id, &cell.words);
    html! { span.num[field.is_number()] { (words) } @if let Some(unit) = &field.unit { " " (unit) } }
}

fn files(room: &Room, who: &Who, card: &Card) -> Markup {
    let (lang, id, edit) = (who.lang, &card.record.id, who.may(Permission::EditRegister));
    let fields: Vec<&Field> =
        card.of.kind.fields.iter().filter(|it| !it.in_sheets() && card.of.reader.sees(it)).collect();
    html! { section.card {
        header { h2 { (lang.pick("照片与附件", "Photographs and files")) } span.num.soft { (card.files.len()) } }
        @for (file, others) in &card.files { (one_file(room, card, file, others, edit, lang)) }
        @if card.files.is_empty() { p.soft { (lang.pick("还没有", "none yet")) } }
        @if edit { form.row method="post" action=(room.url(&format!("/records/{id}/attachments"))) enctype="multipart/form-data" {
            @if !fields.is_empty() { select name="field" aria-label=(lang.pick("放在", "Field")) {
                option value="" { (lang.pick("附件", "File")) }
                @for field in &fields { option value=(field.id) { (field.title.get(lang)) } }
            } }
            input type="file" name="file" required aria-label=(lang.pick("选文件，20 MB 以内", "a file of up to 20 MB"));
            button type="submit" { (lang.pick("上传", "Upload")) }
        } }
    } }
}

fn one_file(
    room: &Room,
    card: &Card,
    file: &Attachment,
    others: &[(String, Option<String>)],
    edit: bool,
    lang: Lang,
) -> Markup {
    let to = room.url(&format!("/records/{}/attachments/{}", card.record.id, file.id));
    let field = card.of.kind.field(&file.field).map(|it| it.title.get(lang));
    html! { div.file {
        @if file.media.starts_with("image/") { a href=(to) { img src=(to) alt=(file.name) loading="lazy"; } }
        p { a href=(to) download[!file.media.starts_with("image/")] { (file.name) } " " span.small.soft {
            @if let Some(field) = field { (field) " · " } (file.size / 1024 + 1) " KB · " (service::by_whom(&file.actor, lang)) " " (&file.at.wall()[..10]) }
            @if edit { form method="post" action={ (to) "/remove" } { button.quiet type="submit" data-confirm=(lang.pick("去掉这个附件？", "Remove this file?")) { (lang.pick("去掉", "Remove")) } } } }
        @if !others.is_empty() { p.note.small { (lang.pick("同一个文件也在：", "The same file is also kept with: "))
            @for (id, name) in others {
                a href=(room.url(&format!("/records/{id}"))) { @if card.of.reader.clear { (name.as_deref().unwrap_or(id)) } @else { (id) } } " " } } }
    } }
}

fn pointing(room: &Room, card: &Card, lang: Lang) -> Markup {
    html! { @for it in &card.pointing { section.card {
        header { h2 { (it.kind.title.get(lang)) } span.soft { (it.field.title.get(lang)) } span.num { (it.count) }
            @if it.field.filter { a.more href=(room.url(&format!("/register/{}?f.{}={}", it.kind.id, it.field.id, card.record.id))) { (lang.pick("全部", "All")) } } }
        p { @for record in &it.records {
            a href=(room.url(&format!("/records/{}", record.id))) { (show::title(&it.kind, record, &card.of.reader)) } " "
        } @if it.count > it.records.len() as i64 { "…" } }
    } } }
}

fn danger(room: &Room, who: &Who, card: &Card) -> Markup {
    let (lang, id) = (who.lang, &card.record.id);
    html! {
        @if who.may(Permission::EditRegister) { details.card { summary { (lang.pick("删除这条记录", "Delete this record")) }
            form method="post" action=(room.url(&format!("/records/{id}/delete"))) {
                label { (lang.pick("原因", "Why")) input name="why" maxlength="200" required; }
                button.danger type="submit" { (lang.pick("删除", "Delete")) }
            } } }
        @if card.record.subject.is_some() && who.may(Permission::ErasePerson) { details.card { summary { (lang.pick("依法删除个人信息", "Erase personal data by law")) }
            form method="post" action=(room.url(&format!("/records/{id}/erase"))) {
                p { (lang.pick("记录、附件和操作日志里的个人信息都再也读不出来；这一步不能撤销。", "Record, files, and what the journal holds of it can never be read again; this cannot be undone.")) }
                button.danger type="submit" data-confirm=(lang.pick("确定依法删除？不能撤销。", "Erase it? This cannot be undone.")) { (lang.pick("依法删除", "Erase")) }
            } } }
    }
}

fn to_card(room: &Room, id: &str) -> Response {
    Redirect::to(&room.url(&format!("/records/{}", anlan_web::percent(id)))).into_response()
}

fn to_list(room: &Room, kind: &str) -> Response {
    Redirect::to(&room.url(&format!("/register/{kind}"))).into_response()
}

async fn verify(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Response> {
    service::verify(&room, &who, &id).await?;
    Ok(to_card(&room, &id))
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Reason {
    #[serde(default)]
    why: String,
}

async fn delete(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(form): Form<Reason>,
) -> ApiResult<Response> {
    let (record, _) = service::find(&room, &who, &id).await?;
    service::remove(&room, &who, &id, &form.why).await?;
    Ok(to_list(&room, &record.kind))
}

async fn erase(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Response> {
    let (record, _) = service::find(&room, &who, &id).await?;
    service::erase(&room, &who, &id).await?;
    Ok(to_list(&room, &record.kind))
}

/// The steps of a record that stands, or was removed, inside the reader's duty areas.
pub(super) async fn steps(room: &Room, who: &Who, id: &str) -> ApiResult<(Record, Of, Vec<Step>)> {
    let wanted = id.to_owned();
    let record = room.site.world.read(&who.actor, move |tx| history::last(tx, &wanted)).await?;
    let record = record.ok_or_else(ApiError::not_found)?;
    let of = room.of(who, &record.kind)?;
    let (wanted, shown, lang) = (record.id.clone(), of.clone(), who.lang);
    let steps = room.site.world.read(&who.actor, move |tx| history::read(tx, &shown, &wanted, lang)).await?;
    Ok((record, of, steps))
}

/// What an event of a record is called.
fn event_words(event: &str, lang: Lang) -> String {
    let (zh, en) = match event {
        "record.created" => ("新增", "added"),
        "record.changed" => ("修改", "changed"),
        "record.imported" => ("导入", "imported"),
        "record.verified" => ("核实", "verified"),
        "record.deleted" => ("删除", "deleted"),
        "record.unmasked" => ("查看个人信息", "personal data looked at"),
        "record.erased" => ("依法删除", "erased"),
        "attachment.added" => ("添加附件", "file added"),
        "attachment.removed" => ("去掉附件", "file removed"),
        other => (other, other),
    };
    Text::new(zh, en).get(lang).to_owned()
}

async fn show_history(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Markup> {
    let (record, of, steps) = steps(&room, &who, &id).await?;
    let lang = who.lang;
    let title = format!("{} · {}", show::title(&of.kind, &record, &of.reader), lang.pick("历史", "History"));
    let body = html! {
        (style(&room))
        main.register {
            p { a href=(room.url(&format!("/records/{}", record.id))) { "‹ " (lang.pick("返回记录", "Back to the record")) } }
            h1 { (title) }
            div.card.scroll tabindex="0" { table {
                thead { tr {
                    th scope="col" { (lang.pick("时间", "When")) } th scope="col" { (lang.pick("谁", "Who")) } th scope="col" { (lang.pick("做了什么", "What")) }
                    th scope="col" { (lang.pick("差异", "Difference")) } th scope="col" { (lang.pick("原因", "Why")) }
                } }
                tbody { @for step in steps.iter().rev() { tr {
                    td.num { (&step.at.wall()[..16]) }
                    td { (service::by_whom(&step.actor, lang)) }
                    td { (event_words(&step.event, lang)) }
                    td { @for it in &step.differences { p.difference {
                        span.soft { (it.title.get(lang)) "：" }
                        @if !it.before.is_empty() { del { (it.before) } " → " }
                        @if it.after.is_empty() { span.soft { (lang.pick("（空）", "(empty)")) } } @else { ins { (it.after) } }
                    } } }
                    td { @if let Some(why) = &step.why { (why) } @if step.batch.is_some() { span.tag { (lang.pick("批量导入", "import")) } } }
                } } }
            } }
        }
    };
    Ok(layout(&room.site, &who, &title, body))
}

/// What of a record stands in a form, as words: references by their names.
pub(super) async fn in_words(room: &Room, who: &Who, of: &Of, record: &Record) -> ApiResult<Vec<(String, String)>> {
    let (of, record, lang) = (of.clone(), record.clone(), who.lang);
    let unit = move |tx: &mut Tx<'_>| {
        let names = Names::of(tx, &of.catalog, &of.kind, &of.reader, &[&record])?;
        let mut pairs = vec![
            ("region".to_owned(), record.region.to_string()),
            ("revision".to_owned(), record.revision.to_string()),
        ];
        for field in of.kind.fields.iter().filter(|it| drafts::is_entered(&of, it)) {
            let Some(value) = record.value(&field.id).filter(|_| !show::is_masked(field, &of.reader)) else { continue };
            for it in value::every(value) {
                let words = if refs::is_reference(field) {
                    names.word(field, it.as_str().unwrap_or_default(), lang)
                } else {
                    written(field, it)
                };
                pairs.push((format!("f.{}", field.id), words));
            }
            if refs::is_reference(field) {
                pairs.push((
                    format!("ref.{}", field.id),
                    value::every(value).into_iter().map(value::plain).collect::<Vec<_>>().join("；"),
                ));
                pairs.push((
                    format!("shown.{}", field.id),
                    pairs
                        .iter()
                        .filter(|it| it.0 == format!("f.{}", field.id))
                        .map(|it| it.1.clone())
                        .collect::<Vec<_>>()
                        .join("；"),
                ));
            }
        }
        if let Some(owner) = &record.owner {
            let words = names.unit(owner);
            pairs.extend([
                ("owner".to_owned(), words.clone()),
                ("ref.owner".to_owned(), owner.clone()),
                ("shown.owner".to_owned(), words),
            ]);
        }
        if let Some((x, y)) = record.longitude.zip(record.latitude).filter(|_| show::shows_place(&of.kind, &of.reader))
        {
            pairs.extend([("longitude".to_owned(), x.to_string()), ("latitude".to_owned(), y.to_string())]);
        }
        Ok(pairs)
    };
    Ok(room.site.world.read(&who.actor, unit).await?)
}

/// A value as its input takes it.
fn written(field: &Field, it: &serde_json::Value) -> String {
    match (&field.sort, it.as_str()) {
        (Sort::Time, Some(text)) => {
            anlan_kernel::Instant::parse(text).map_or_else(|_| text.to_owned(), |it| it.wall()[..16].replace(' ', "T"))
        }
        _ => value::plain(it),
    }
}
