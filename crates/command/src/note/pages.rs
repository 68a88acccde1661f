//! The dialog behind F2, and the list of notes.

use anlan_kernel::{Lang, Permission as P};
use anlan_register::export;
use anlan_store::{Event, StoreError, Tx, Urgency as Pace};
use anlan_warn::{api::CallView, pages::parts};
use anlan_web::{
    Access, ApiResult, Mounted, Routes, Site, Who,
    list::{Asked, Asking, Column, Filter as By, Found, Kind, List, Part, SHEET, View, workbook},
    page,
};
use axum::{
    extract::{Form, Path, State},
    response::{Redirect, Response},
};
use maud::{Markup, html};

use super::{Filter, NewNote, Note, masked};
use crate::{Room, service::Names};

static LIST: List = List {
    path: "/telephone-notes",
    columns: &[
        Column { key: "at", words: ("时间", "Time"), order: "id" },
        Column { key: "caller", words: ("谁", "Who"), order: "COALESCE(caller, '')" },
        Column { key: "", words: ("号码", "Number"), order: "" },
        Column { key: "", words: ("内容", "Words"), order: "" },
        Column { key: "", words: ("登记", "Taken by"), order: "" },
        Column { key: "open", words: ("跟进", "Follow-up"), order: OPEN_FIRST },
    ],
    filters: &[
        By { name: "q", words: ("谁、号码、内容", "who, number, words"), kind: Kind::Text },
        By { name: "from", words: ("从", "from"), kind: Kind::Day },
        By { name: "until", words: ("到", "until"), kind: Kind::Day },
        By {
            name: "open",
            words: ("全部记录", "every note"),
            kind: Kind::Choice(&[("1", "待跟进", "to be followed up")]),
        },
    ],
    order: "-at",
};

const OPEN_FIRST: &str = "CASE WHEN follow_up = 1 AND done_at IS NULL THEN 0 WHEN follow_up = 1 THEN 1 ELSE 2 END";

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

async fn show(State(room): State<Room>, who: Who, asking: Asking) -> ApiResult<Markup> {
    let asked = LIST.asked(&asking);
    let wanted = asked.clone();
    let (found, names) = room.site.world.read(&who.actor, move |tx| named(tx, &wanted, Part::Page)).await?;
    let title = who.lang.pick("电话记录", "Telephone notes");
    Ok(page(&room.site, &who, title, body(&room, &who, &asked, &found, &names)))
}

fn named(tx: &mut Tx<'_>, asked: &Asked, part: Part) -> Result<(Found<Note>, Names), StoreError> {
    let given = |name: &str| asked.get(name).to_owned();
    let filter = Filter {
        q: given("q"),
        open: given("open"),
        from: given("from"),
        until: given("until"),
        cursor: String::new(),
    };
    let notes: Found<Note> = asked.find(tx, filter.condition()?, part)?;
    let names = Names::read(tx, notes.items.iter().map(|it| it.taken_by.as_str()))?;
    Ok((notes, names))
}

fn body(room: &Room, who: &Who, asked: &Asked, found: &Found<Note>, names: &Names) -> Markup {
    let lang = who.lang;
    let view = View {
        id: "notes",
        live: "note.",
        found,
        options: &[],
        rows: html! { @for it in &found.items { (line(room, who, it, names)) } },
        export: true,
    };
    html! {
        main {
            div.row {
                h1 { (lang.pick("电话记录", "Telephone notes")) }
                @if who.may(P::HandleSignal) { button.main type="button" data-key="F2" data-dialog="note-dialog" { (lang.pick("新记一条", "New note")) " " kbd { "F2" } } }
            }
            (dialog(&room.site, lang, &[]))
            (asked.show(&room.site, lang, view))
        }
    }
}

fn line(room: &Room, who: &Who, note: &Note, names: &Names) -> Markup {
    let (lang, note) = (who.lang, masked(note.clone()));
    html! {
        tr {
            td.num { (&note.at.wall()[5..16]) }
            td { (note.caller.as_deref().unwrap_or("—")) }
            td.num { (note.number.as_deref().unwrap_or("")) }
            td { (note.words.as_deref().unwrap_or(""))
                @if let Some(call) = &note.call { " " a.small href=(parts::to(&room.site, "calls", call)) { (lang.pick("所了结的叫应", "the call it closed")) } } }
            td.small.soft { (names.of(&note.taken_by)) }
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
async fn sheet(State(room): State<Room>, who: Who, asking: Asking) -> ApiResult<Response> {
    let (asked, lang) = (LIST.asked(&asking), who.lang);
    let table = room
        .site
        .world
        .write("note.export", Pace::Urgent, &who.actor, move |tx| {
            let (notes, names) = named(tx, &asked, Part::Sheet(SHEET))?;
            tx.record(Event::new("note.exported", "telephone-notes"))?;
            Ok::<_, StoreError>(asked.sheet(lang, &notes, |it| cells(masked(it.clone()), &names, lang)))
        })
        .await?;
    Ok(workbook("telephone-notes", export::xlsx(&table)?))
}

fn cells(note: Note, names: &Names, lang: Lang) -> Vec<String> {
    let follow_up = match (note.follow_up, note.done_at) {
        (true, None) => lang.pick("待跟进", "open").to_owned(),
        (true, Some(at)) => format!("{}{}", lang.pick("已办结 ", "done "), at.wall()),
        (false, _) => String::new(),
    };
    vec![
        note.at.wall(),
        note.caller.unwrap_or_default(),
        note.number.unwrap_or_default(),
        note.words.unwrap_or_default(),
        names.of(&note.taken_by).to_owned(),
        follow_up,
    ]
}
