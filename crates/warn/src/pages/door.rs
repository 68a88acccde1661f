//! 上门叫醒名单, to be printed; and the list as a spreadsheet.

use anlan_web::{ApiResult, Who, asset, page};
use axum::{
    extract::{Path, Query, State},
    http::header,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};

use super::{
    board::address,
    parts::{clock, duties, state},
};
use crate::{
    api::{BoardQuery, Door, DoorList, DoorPlace, Room, account_names, make_door_list, read_all},
    model::CallState,
    text,
};

/// The door list; the print is journaled, because it holds numbers.
pub(super) async fn print(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Query(query): Query<BoardQuery>,
) -> ApiResult<Markup> {
    let list = make_door_list(&room, &who, &id, &query).await?;
    let title = who.lang.pick("上门叫醒名单", "Door list");
    Ok(page(&room.site, &who, title, body(&room, &who, &list)))
}

fn body(room: &Room, who: &Who, list: &DoorList) -> Markup {
    let (lang, round) = (who.lang, &list.round);
    html! {
        link rel="stylesheet" href=(asset(&room.site, "round.css"));
        script type="module" src=(asset(&room.site, "round.js")) {}
        main.doors {
            p.row.noprint {
                button.main type="button" data-print { (lang.pick("打印", "Print")) }
                a.button href=(address(&room.site, &round.id, &BoardQuery::default())) { (lang.pick("回到本轮", "Back to the round")) }
                span.small.soft { (lang.pick("名单含号码，本次打印已记入操作日志。", "It holds numbers; this print stands in the journal.")) }
            }
            h1 { (lang.pick("上门叫醒名单", "Door list")) " · " (list.people) (lang.pick(" 人", " people")) }
            p.small { (text::cause_words(round)) " · " (lang.pick("叫应级别 ", "level ")) (round.level) " · "
                (lang.pick("数据截至 ", "as of ")) (clock(room.site.world.now())) " · "
                (lang.pick("打印人 ", "printed by ")) (who.name) " · " (room.site.speaker) }
            @for it in &list.places { (place(it, who)) }
            @if list.places.is_empty() { p { (lang.pick("没有需要上门的人。", "Nobody has to be knocked up.")) } }
        }
    }
}

fn place(it: &DoorPlace, who: &Who) -> Markup {
    let lang = who.lang;
    html! {
        section.door {
            h2 { (it.street) " " (it.place) " · " (it.doors.len()) (lang.pick(" 人", "")) }
            p.small { (lang.pick("谁去：", "who goes: "))
                @for goer in &it.goers { b { (goer.name) } " " span.num { (goer.number) } "　" }
                (lang.pick("（另派）", "(other)")) " ____________" }
            table {
                thead { tr { th { (lang.pick("找谁", "whom")) } th { (lang.pick("号码", "numbers")) } th { (lang.pick("为何", "why")) }
                    th { (lang.pick("结果", "outcome")) } th { (lang.pick("时间、签名", "time, signature")) } } }
                @for it in &it.doors { (door(it, who)) }
            }
        }
    }
}

fn door(it: &Door, who: &Who) -> Markup {
    let lang = who.lang;
    html! {
        tr {
            td { b { (it.view.name) } br; span.small { (duties(&it.view)) } }
            td.num { @for number in &it.numbers { (number) br; } @if it.numbers.is_empty() { "—" } }
            td { (state(it.view.call.state, lang)) br; span.small { (it.view.call.attempts) (lang.pick(" 次拨打", " attempts")) } }
            td { span.box {} (lang.pick("叫醒到岗", "awake, comes")) br; span.box {} (lang.pick("叫醒不能到", "awake, cannot")) br; span.box {} (lang.pick("不在", "not there")) }
            td {}
        }
    }
}

/// The filtered list as a spreadsheet; numbers masked, cells are text.
pub(super) async fn export(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Query(query): Query<BoardQuery>,
) -> ApiResult<Response> {
    let calls = read_all(&room, &who, &id, &query).await?;
    let (lang, accounts) = (who.lang, account_names(&room).await?);
    let titles = [
        ("姓名", "Name"),
        ("单位", "Unit"),
        ("职务", "Title"),
        ("责任", "Duties"),
        ("状态", "State"),
        ("按键", "Key"),
        ("事后按键", "Late key"),
        ("拨打次数", "Attempts"),
        ("结果时间", "Ended at"),
        ("登记人", "Recorded by"),
        ("号码", "Number"),
    ];
    let mut table = vec![titles.map(|(zh, en)| lang.pick(zh, en).to_owned()).to_vec()];
    for it in &calls {
        let call = &it.call;
        let key = |key: Option<u8>| key.map_or_else(String::new, |it| it.to_string());
        let recorded = matches!(call.state, CallState::RecordedByColleague | CallState::ReachedOnSite);
        let by = call.by_whom.as_deref().filter(|_| recorded).unwrap_or_default();
        table.push(vec![
            it.name.clone(),
            it.organisation.clone(),
            it.title.clone(),
            text::duty_words(&call.duties),
            state(call.state, lang).to_owned(),
            key(call.key),
            key(call.late_key),
            call.attempts.to_string(),
            call.final_at.map_or_else(String::new, |it| it.wall()),
            by.strip_prefix("user:").map_or("", |it| accounts.get(it).map_or(it, String::as_str)).to_owned(),
            it.numbers.first().cloned().unwrap_or_default(),
        ]);
    }
    let bytes = anlan_register::export::xlsx(&table)?;
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let name = "attachment; filename=\"call-out.xlsx\"";
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)], bytes).into_response())
}
