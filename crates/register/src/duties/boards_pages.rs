//! Boards from the printer, what a scan shows, and which boards are out of date.

use std::{collections::HashMap, sync::Arc};

use anlan_kernel::{Actor, Lang, Permission as P, Problem};
use anlan_store::{StoreError, Tx, Urgency};
use anlan_web::{Access, ApiError, ApiResult, Routes, Who, asset, page, percent, phone_page, qr};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::{HeaderMap, Uri},
    response::Redirect,
};
use maud::{Markup, html};
use serde_json::{Value as Json_, json};

use super::{
    Room,
    boards::{self, Face, Named, Standing},
    model::Board,
};
use crate::{phone, records::Record};

pub(super) fn routes(routes: Routes<Room>) -> Routes<Room> {
    const MAY_PRINT: &[P] = &[P::EditRegister, P::EditPeople];
    let (see, print) = (Access::Needs(P::SeeRegister), Access::Any(MAY_PRINT));
    routes
        .menu("/boards", "公示牌", "Boards", Some(P::SeePeople))
        .get("/records/{id}/card", see, "公示牌（打印）", "The board of a thing, to be printed", card)
        .post("/records/{id}/card", print, "制作公示牌", "Make the board of a thing", make)
        .get("/c/{token}", Access::Public, "扫码查看今日责任人", "What a scan of a board shows", scan)
        .get("/boards", see, "公示牌", "Boards that hang and what they say", list_page)
        .post("/boards/{id}/revoke", print, "作废公示牌", "Revoke a board", revoke)
        .get("/api/v1/boards", see, "公示牌及其是否过期", "Boards and whether they are out of date", list)
        .post("/api/v1/records/{id}/boards", print, "制作公示牌", "Make the board of a thing", make_json)
        .post("/api/v1/boards/{id}/revoke", print, "作废公示牌", "Revoke a board", revoke_json)
}

/// What holds of one record, read on behalf of whoever may see the record.
async fn face_of(room: &Room, record: &Record) -> ApiResult<Option<Face>> {
    let (catalog, standards, record) = (room.register.catalog(), room.register.standards(), record.clone());
    let unit = move |tx: &mut Tx<'_>| {
        Ok(boards::faces(tx, &catalog, &standards, std::slice::from_ref(&record))?.pop().flatten())
    };
    Ok(room.site.world.read(&Actor::system("boards"), unit).await?)
}

async fn record_of(room: &Room, who: &Who, id: &str) -> ApiResult<Record> {
    let id = id.to_owned();
    room.site.world.read(&who.actor, move |tx| tx.get::<Record>(&id)).await?.ok_or_else(ApiError::not_found)
}

fn no_board() -> ApiError {
    let (zh, en) = (
        "这类对象没有公示牌：没有责任人字段，或名称属于个人信息",
        "things of this kind have no board: nobody answers for them, or their name is personal data",
    );
    Problem::new("no_board", zh, en).into()
}

fn secrets(room: &Room) -> [u8; 32] {
    room.site.world.keys().secrets()
}

async fn issue(room: &Room, who: &Who, id: &str) -> ApiResult<Board> {
    let record = record_of(room, who, id).await?;
    let face = face_of(room, &record).await?.ok_or_else(no_board)?;
    let secrets = secrets(room);
    let unit = move |tx: &mut Tx<'_>| boards::issue(tx, &record, &face, &secrets);
    Ok(room.site.world.write("board.print", Urgency::Urgent, &who.actor, unit).await?)
}

async fn make(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Redirect> {
    issue(&room, &who, &id).await?;
    Ok(Redirect::to(&room.site.url(&format!("/records/{}/card", percent(&id)))))
}

async fn make_json(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Json_>> {
    let board = issue(&room, &who, &id).await?;
    Ok(Json(json!({"board": board.id, "version": board.version, "path": room.site.url(&format!("/c/{}", board.id))})))
}

async fn card(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Query(asked): Query<HashMap<String, String>>,
    uri: Uri,
    headers: HeaderMap,
) -> ApiResult<Markup> {
    let record = record_of(&room, &who, &id).await?;
    let face = face_of(&room, &record).await?.ok_or_else(no_board)?;
    let (lang, site, wanted) = (who.lang, &room.site, record.id.clone());
    let last = site.world.read(&who.actor, move |tx| boards::newest(tx, &wanted)).await?;
    let last = last.filter(|it| boards::standing(it, Some(&face), &secrets(&room)) == Standing::Current);
    let a4 = asked.get("paper").is_none_or(|it| it != "a5");
    let here = |paper: &str| site.url(&format!("/records/{}/card?paper={paper}", percent(&record.id)));
    let may = who.may(P::EditRegister) || who.may(P::EditPeople);
    let body = html! {
        link rel="stylesheet" href=(asset(site, "duties.css"));
        nav.row.screen.board-tools aria-label=(lang.pick("打印", "Printing")) {
            a href=(site.url(&format!("/records/{}", percent(&record.id)))) { (lang.pick("‹ 返回", "‹ back")) }
            @if last.is_some() { span { (lang.pick("可以打印：", "ready to print: ")) kbd { "Ctrl+P" } } }
            a href=(here("a4")) aria-current=[a4.then_some("page")] { "A4" } a href=(here("a5")) aria-current=[(!a4).then_some("page")] { "A5" }
            @if last.is_none() && may { form method="post" { button.main type="submit" { (lang.pick("制作公示牌（生成二维码）", "Make the board (with its code)")) } } }
            @if last.is_none() && !may { span.soft { (lang.pick("预览；请台账管理员制作", "a preview; a keeper makes the board")) } }
        }
        main.paper.board.a5[!a4] { (sheet(&room, lang, &record, &face, last.as_ref().map(|it| (it, anlan_web::outside(site, &uri, &headers, &format!("/c/{}", it.id)))))) }
    };
    Ok(page(site, &who, &format!("{} · {}", face.name, lang.pick("公示牌", "board")), body))
}

fn sheet(room: &Room, lang: Lang, record: &Record, face: &Face, board: Option<(&Board, String)>) -> Markup {
    let (standards, catalog) = (room.register.standards(), room.register.catalog());
    let plan = standards.board(&record.kind);
    let kind = catalog.kind(&record.kind).map(|it| it.title.get(lang).to_owned()).unwrap_or_default();
    let heading = plan.map_or_else(
        || format!("{kind}{}", lang.pick("责任公示牌", ": who is responsible")),
        |it| it.title.get(lang).to_owned(),
    );
    html! {
        h1 { (heading) }
        p.board-name { b { (face.name) } " " span.soft { (face.region) } }
        @if !face.facts.is_empty() { dl.board-facts { @for (title, words) in &face.facts { dt { (title.get(lang)) } dd { (words.get(lang)) } } } }
        table {
            thead { tr { th scope="col" { (lang.pick("责任人", "Responsible")) } th scope="col" { (lang.pick("姓名", "Name")) } th scope="col" { (lang.pick("职务、单位", "Title and unit")) } th scope="col" { (lang.pick("电话", "Telephone")) } } }
            tbody { @for it in &face.people { tr {
                th scope="row" { (it.role.get(lang)) } td { b { (it.name) } } td { (it.title) " " (it.organisation) }
                td.num { (number(it)) }
            } } @if face.people.is_empty() { tr { td.bad colspan="4" { (lang.pick("没有登记责任人", "nobody is registered")) } } } }
        }
        @if let Some((name, phone)) = &face.room { p { (lang.pick("值班电话：", "Duty room: ")) (name) " " b.num { (phone) } } }
        @if let Some(plan) = plan.filter(|it| !it.checklist.is_empty()) {
            h2 { (lang.pick("检查要点", "Checklist")) }
            ol.board-list { @for it in &plan.checklist { li { (it.get(lang)) } } }
        }
        footer.board-foot {
            @if let Some((board, address)) = board {
                @if let Some(code) = qr(&address, lang) { (code) }
                div {
                    p { (lang.pick("扫码查看今日责任人", "Scan to see who is responsible today")) }
                    p.small { (room.site.speaker) " · " (lang.pick("第 ", "edition ")) (board.version) (lang.pick(" 版 · ", " · ")) (&board.printed_at.wall()[..10]) }
                    p.small.num { (address) }
                }
            } @else { p.soft { (lang.pick("未制作：没有二维码，不能张贴", "not made yet: without its code it is not to be posted")) } }
        }
    }
}

/// The number where it is public.
fn number(it: &Named) -> String {
    match &it.phone {
        Some(phone) if it.open => phone.clone(),
        Some(phone) => phone::masked(phone),
        None => String::new(),
    }
}

async fn scan(State(room): State<Room>, who: Who, Path(token): Path<String>) -> ApiResult<Markup> {
    let (catalog, standards) = (room.register.catalog(), room.register.standards());
    let of = Arc::clone(&catalog);
    let found = room
        .site
        .world
        .read(&Actor::system("boards"), move |tx| {
            let Some(board) = tx.get::<Board>(&token)? else { return Ok(None) };
            let record = tx.get::<Record>(&board.record)?;
            let face = match &record {
                Some(it) => boards::faces(tx, &of, &standards, std::slice::from_ref(it))?.pop().flatten(),
                None => None,
            };
            Ok(Some((board, record, face)))
        })
        .await?;
    let (board, record, face) = found.ok_or_else(ApiError::not_found)?;
    let (lang, site, standing) = (who.lang, &room.site, boards::standing(&board, face.as_ref(), &secrets(&room)));
    let kind = record
        .as_ref()
        .and_then(|it| catalog.kind(&it.kind))
        .map(|it| it.title.get(lang).to_owned())
        .unwrap_or_default();
    let title = face.as_ref().map_or_else(|| lang.pick("公示牌", "Board").to_owned(), |it| it.name.clone());
    let visits = record.as_ref().filter(|_| who.may(P::SeeRegister));
    let body = html! {
        main {
            p.soft { (kind) }
            h1 { (title) }
            @if standing == Standing::Current { p.note { (standing.words(lang)) } } @else { p.wrong role="alert" { b { (standing.words(lang)) } } }
            p.soft { (lang.pick("此牌打印于 ", "This board was printed on ")) (&board.printed_at.wall()[..10]) (lang.pick("（第 ", " (edition ")) (board.version) (lang.pick(" 版）", ")")) }
            @if let Some(face) = face.as_ref().filter(|_| standing != Standing::Revoked) { (today(lang, face)) }
            @if let Some(record) = visits { p { a.dial href=(site.url(&format!("/records/{}/visit", percent(&record.id)))) { (lang.pick("到访登记", "Note a visit")) } } }
        }
        footer { (site.speaker) }
    };
    Ok(phone_page(site, lang, &title, body))
}

/// Who answers today; personal numbers masked, the duty room's in clear.
fn today(lang: Lang, face: &Face) -> Markup {
    html! {
        p { (face.region) }
        h2 { (lang.pick("今日责任人", "Responsible today")) }
        ul.people { @for it in &face.people { li {
            span.soft { (it.role.get(lang)) } br;
            b { (it.name) } " " (it.title) br; span.soft { (it.organisation) }
            @match &it.phone {
                Some(phone) if it.open => { a.dial href=(format!("tel:{phone}")) { (lang.pick("拨打", "Call")) " " b { (phone) } } },
                Some(phone) => { " " (phone::masked(phone)) },
                None => {},
            }
        } } }
        @if face.people.is_empty() { p.wrong { (lang.pick("没有登记责任人", "nobody is registered")) } }
        @if let Some((name, phone)) = &face.room { a.dial href=(format!("tel:{phone}")) { (name) " " b { (phone) } } }
    }
}

/// A board that hangs, with how it stands.
struct Hanging {
    board: Board,
    name: String,
    standing: Standing,
}

async fn hanging(room: &Room, who: &Who) -> ApiResult<Vec<Hanging>> {
    let found = room.site.world.read(&who.actor, boards::hanging).await?;
    let (catalog, standards) = (room.register.catalog(), room.register.standards());
    let mut records: Vec<Record> = found.iter().filter_map(|it| it.1.clone()).collect();
    records.dedup_by(|a, b| a.id == b.id);
    let unit = move |tx: &mut Tx<'_>| -> Result<HashMap<String, Face>, StoreError> {
        let faces = boards::faces(tx, &catalog, &standards, &records)?;
        Ok(records.iter().zip(faces).filter_map(|(record, face)| Some((record.id.clone(), face?))).collect())
    };
    let faces = room.site.world.read(&Actor::system("boards"), unit).await?;
    let key = secrets(room);
    let mut all: Vec<Hanging> = found
        .into_iter()
        .map(|(board, record)| {
            let standing = boards::standing(&board, faces.get(&board.record), &key);
            let name = record.map_or_else(|| board.record.clone(), |it| it.title().to_owned());
            Hanging { board, name, standing }
        })
        .collect();
    all.sort_by_key(|it| (it.standing == Standing::Current, it.board.printed_at));
    Ok(all)
}

async fn list_page(
    State(room): State<Room>,
    who: Who,
    Query(asked): Query<HashMap<String, String>>,
) -> ApiResult<Markup> {
    let (mut all, lang, site) = (hanging(&room, &who).await?, who.lang, &room.site);
    let (count, old) = (all.len(), all.iter().filter(|it| it.standing != Standing::Current).count());
    let everything = asked.contains_key("all");
    all.retain(|it| everything || it.standing != Standing::Current);
    let may = who.may(P::EditRegister) || who.may(P::EditPeople);
    let title = lang.pick("公示牌", "Boards");
    let body = html! { main {
        h1 { (title) }
        p.row {
            a href=(site.url("/boards?all=1")) { (lang.pick("在用 ", "Hanging ")) b.num { (count) } }
            a href=(site.url("/boards")) { (lang.pick("过期须更换 ", "Out of date ")) b.num.bad[old > 0] { (old) } }
        }
        div.card.scroll tabindex="0" { table {
            thead { tr { th scope="col" { (lang.pick("对象", "Of what")) } th scope="col" { (lang.pick("版次", "Edition")) } th scope="col" { (lang.pick("打印于", "Printed")) } th scope="col" { (lang.pick("状态", "State")) } th scope="col" {} } }
            tbody { @for it in &all { tr {
                td { a href=(site.url(&format!("/records/{}/card", percent(&it.board.record)))) { (it.name) } }
                td.num { (it.board.version) } td.num { (&it.board.printed_at.wall()[..10]) }
                td { @if it.standing == Standing::Current { (it.standing.words(lang)) } @else { b.bad { (it.standing.words(lang)) } } }
                td { @if may { form method="post" action=(site.url(&format!("/boards/{}/revoke", it.board.id))) data-confirm=(lang.pick("旧牌已取下，确认作废？", "Was it taken down? Revoke it?")) {
                    button.quiet type="submit" { (lang.pick("已取下，作废", "Taken down: revoke")) } } } }
            } } }
        } @if all.is_empty() { p.soft { (lang.pick("没有过期的公示牌", "no board is out of date")) } } }
    } };
    Ok(page(site, &who, title, body))
}

async fn list(State(room): State<Room>, who: Who) -> ApiResult<Json<Json_>> {
    let items: Vec<_> = hanging(&room, &who)
        .await?
        .iter()
        .map(|it| json!({"id": it.board.id, "record": it.board.record, "name": it.name, "version": it.board.version, "printed_at": it.board.printed_at, "state": it.standing.name()}))
        .collect();
    Ok(Json(json!({"items": items, "next": null})))
}

async fn take_down(room: &Room, who: &Who, id: String) -> ApiResult<Board> {
    Ok(room.site.world.write("board.revoke", Urgency::Urgent, &who.actor, move |tx| boards::revoke(tx, &id)).await?)
}

async fn revoke(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Redirect> {
    take_down(&room, &who, id).await?;
    Ok(Redirect::to(&room.site.url("/boards")))
}

async fn revoke_json(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Json_>> {
    let board = take_down(&room, &who, id).await?;
    Ok(Json(json!({"id": board.id, "revoked_at": board.revoked_at})))
}
