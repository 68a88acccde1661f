//! The dialog behind F2, and the list of notes.

use anlan_kernel::{Lang, Permission as P};
use anlan_register::export;
use anlan_store::{Event, StoreError, Urgency as Pace};
use anlan_warn::{api::CallView, pages::parts};
use anlan_web::{Access, ApiResult, Mounted, Routes, Site, Who, page, percent};
use axum::{
    extract::{Form, Path, Query, State},
    http::header,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};

use super::{Filter, NewNote, Note, list, masked};
use crate::{Room, service::login};

/// Notes of one page.
const PAGE: usize = 100;
/// Notes of one sheet.
const SHEET: usize = 10_000;

pub(super) fn routes(room: Room) -> Mounted {
    let (see, take) = (Access::Needs(P::SeePeople), Access::Needs(P::HandleSignal));
    Routes::new(&room.site)
        .menu("/telephone-notes", "电话记录", "Telephone notes", Some(P::HandleSignal))
        .get("/telephone-notes", see, "电话记录", "Telephone notes", show)
        .get("/telephone-notes/export.xlsx", see, "导出电话记录", "Export telephone notes", sheet)
        .post("/telephone-notes", take, "登记电话记录", "Take a telephone note", add)
        .post("/telephone-notes/{id}/done", take, "办结", "What it asked for is done", done)
        .finish(room)
}

/// One key opens it, one Enter saves it.
pub(crate) fn dialog(site: &Site, lang: Lang, calls: &[CallView]) -> Markup {
    html! {
        dialog id="note-dialog" aria-label=(lang.pick("电话记录", "Telephone note")) {
            form method="post" action=(site.url("/telephone-notes")) {
                h2 { (lang.pick("电话记录", "Telephone note")) }
                label { (lang.pick("一句话", "One sentence"))
                    input id="note-words" name="words" required maxlength="500" autofocus autocomplete="off"; }
                div.columns {
                    label { (lang.pick("谁（姓名、单位）", "Who (name, unit)")) input name="caller" maxlength="100" autocomplete="off"; }
                    label { (lang.pick("号码", "Number")) input name="number" inputmode="tel" maxlength="40" autocomplete="off"; }
                }
                @if !calls.is_empty() {
                    label { (lang.pick("了结一次叫应", "Closes a call"))
                        select name="call" {
                            option value="" { "—" }
                            @for it in calls { option value=(it.call.id) { (it.name) " " (it.organisation) } }
                        } }
                }
                label.check { input type="checkbox" name="follow_up" value="1"; " " (lang.pick("需要跟进", "needs follow-up")) }
                p.row {
                    button.main type="submit" { (lang.pick("保存", "Save")) " " kbd { "Enter" } }
                    button type="button" data-close { (lang.pick("取消", "Cancel")) " " kbd { "Esc" } }
                }
            }
        }
    }
}

async fn show(State(room): State<Room>, who: Who, Query(filter): Query<Filter>) -> ApiResult<Markup> {
    let wanted = filter.clone();
    let found = room.site.world.read(&who.actor, move |tx| list(tx, &wanted, PAGE)).await?;
    let title = who.lang.pick("电话记录", "Telephone notes");
    Ok(page(&room.site, &who, title, body(&room, &who, &filter, &found)))
}

fn body(room: &Room, who: &Who, filter: &Filter, notes: &[Note]) -> Markup {
    let (lang, here) = (who.lang, room.site.url("/telephone-notes"));
    let next = notes.last().filter(|_| notes.len() == PAGE);
    let query = format!(
        "?q={}&open={}&from={}&until={}",
        percent(&filter.q),
        percent(&filter.open),
        percent(&filter.from),
        percent(&filter.until)
    );
    html! {
        main {
            div.row {
                h1 { (lang.pick("电话记录", "Telephone notes")) }
                @if who.may(P::HandleSignal) { button.main type="button" data-key="F2" data-dialog="note-dialog" { (lang.pick("新记一条", "New note")) " " kbd { "F2" } } }
                a.button.end href=(format!("{here}/export.xlsx{query}")) { (lang.pick("导出", "Export")) }
            }
            (dialog(&room.site, lang, &[]))
            form.row method="get" action=(here) {
                input type="search" name="q" value=(filter.q) data-key="/" aria-label=(lang.pick("查找", "Find")) placeholder=(lang.pick("谁、号码、内容", "who, number, words"));
                input type="date" name="from" value=(filter.from) aria-label=(lang.pick("从", "from"));
                input type="date" name="until" value=(filter.until) aria-label=(lang.pick("到", "until"));
                label.check { input type="checkbox" name="open" value="1" checked[filter.open == "1"]; " " (lang.pick("待跟进", "open only")) }
                button { (lang.pick("查找", "Find")) }
            }
            div.card.scroll id="notes" data-live="note." {
                table {
                    thead { tr {
                        th { (lang.pick("时间", "Time")) } th { (lang.pick("谁", "Who")) } th { (lang.pick("号码", "Number")) }
                        th { (lang.pick("内容", "Words")) } th { (lang.pick("登记", "Taken by")) } th { (lang.pick("跟进", "Follow-up")) }
                    } }
                    tbody { @for it in notes { (line(room, who, it)) } }
                }
                @if notes.is_empty() { p.soft { (lang.pick("无", "none")) } }
            }
            @if let Some(last) = next { p { a href=(format!("{here}{query}&cursor={}", percent(&last.id))) { (lang.pick("下一页", "next page")) } } }
        }
    }
}

fn line(room: &Room, who: &Who, note: &Note) -> Markup {
    let (lang, note) = (who.lang, masked(note.clone()));
    html! {
        tr {
            td.num { (&note.at.wall()[5..16]) }
            td { (note.caller.as_deref().unwrap_or("—")) }
            td.num { (note.number.as_deref().unwrap_or("")) }
            td { (note.words.as_deref().unwrap_or(""))
                @if let Some(call) = &note.call { " " a.small href=(parts::to(&room.site, "calls", call)) { (lang.pick("所了结的叫应", "the call it closed")) } } }
            td.small.soft { (login(&note.taken_by)) }
            td {
                @match (note.follow_up, note.done_at) {
                    (true, None) if who.may(P::HandleSignal) => form method="post" action=(format!("{}/done", parts::to(&room.site, "telephone-notes", &note.id))) {
                        button type="submit" { (lang.pick("办结", "Done")) }
                    },
                    (true, None) => span.tag { (lang.pick("待跟进", "open")) },
                    (true, Some(at)) => span.small.done { (lang.pick("已办结 ", "done ")) (parts::clock(at)) },
                    (false, _) => {},
                }
            }
        }
    }
}

async fn add(State(room): State<Room>, who: Who, Form(new): Form<NewNote>) -> ApiResult<Redirect> {
    room.command.take_note(&who.actor, new).await?;
    Ok(Redirect::to(&room.site.url("/")))
}

async fn done(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Redirect> {
    room.command.note_done(&who.actor, &id).await?;
    Ok(Redirect::to(&room.site.url("/")))
}

/// Exactly what the filter shows, numbers masked; the export is journaled.
async fn sheet(State(room): State<Room>, who: Who, Query(filter): Query<Filter>) -> ApiResult<Response> {
    let rows = room
        .site
        .world
        .write("note.export", Pace::Urgent, &who.actor, move |tx| {
            let notes = list(tx, &filter, SHEET)?;
            tx.record(Event::new("note.exported", "telephone-notes"))?;
            Ok::<_, StoreError>(notes.into_iter().map(masked).map(cells).collect::<Vec<_>>())
        })
        .await?;
    let mut table = vec![["时间", "谁", "号码", "内容", "登记人", "需要跟进", "办结"].map(str::to_owned).to_vec()];
    table.extend(rows);
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let file = "attachment; filename=\"telephone-notes.xlsx\"";
    let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, file)];
    Ok((headers, export::xlsx(&table)?).into_response())
}

fn cells(note: Note) -> Vec<String> {
    let done = note.done_at.map(anlan_kernel::Instant::wall).unwrap_or_default();
    let follow_up = if note.follow_up { "是" } else { "" };
    vec![
        note.at.wall(),
        note.caller.unwrap_or_default(),
        note.number.unwrap_or_default(),
        note.words.unwrap_or_default(),
        login(&note.taken_by).to_owned(),
        follow_up.to_owned(),
        done,
    ]
}
