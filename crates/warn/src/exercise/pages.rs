//! Choosing people for a test, and what came of it.

use std::collections::BTreeSet;

use anlan_kernel::{Lang, Permission};
use anlan_register::{Contact, contacts, search};
use anlan_store::{Row, StoreError, Tx, params};
use anlan_web::{ApiResult, Site, Who, asset, page, percent};
use axum::{
    extract::{Form, Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};

use super::{
    ALONE,
    api::{missing, sees_names},
    service::{self, Asked, Choice, TestView, is_reached},
};
use crate::{
    api::Room,
    model::RoundState,
    pages::parts::{clock, state},
};

/// People offered to be ticked.
const OFFERED: usize = 60;

/// A form's fields as they come; a name may stand several times.
type Fields = Vec<(String, String)>;

fn asked(fields: Fields) -> (Asked, String) {
    let (mut asked, mut words) = (Asked::default(), String::new());
    for (name, value) in fields {
        match name.as_str() {
            "callee" => asked.callees.push(value),
            "login" => asked.login = value,
            "password" => asked.password = value,
            "q" => words = value,
            "choice" => {
                asked.choice = match value.as_str() {
                    "all" => Choice::All,
                    "unreached" => Choice::Unreached,
                    _ => Choice::Chosen,
                }
            }
            _ => {}
        }
    }
    (asked, words)
}

pub(super) async fn list(State(room): State<Room>, who: Who) -> ApiResult<Markup> {
    let (lang, found) = (who.lang, room.warn.test_rounds(&who.actor).await?);
    let title = lang.pick("号码测试", "Test rounds");
    let body = html! { main {
        h1 { (title) }
        p.soft { (lang.pick("真的会拨出电话，开头结尾都说【演练】；不算进任何实战数字。", "Real telephones ring, marked first and last as an exercise; none of it is a real figure.")) }
        @if who.may(Permission::EditPeople) || who.may(Permission::RunRound) {
            p { a.main.button href=(room.site.url("/tests/new")) { (lang.pick("试拨一次", "Ring for a test")) } }
        }
        div.card.scroll tabindex="0" { table {
            thead { tr { th { (lang.pick("时间", "When")) } th { (lang.pick("范围", "Who")) } th { (lang.pick("人数", "People")) } th { (lang.pick("已通", "Reached")) } th { (lang.pick("状态", "State")) } } }
            tbody { @for it in &found { tr {
                td { a href=(room.site.url(&format!("/tests/{}", percent(&it.round.id)))) { (clock(it.round.start_at)) } }
                td { (choice_words(it.choice, lang)) } td.num { (it.people) } td.num { (it.reached) } td { (state_words(it, lang)) }
            } } }
        } }
    } };
    Ok(page(&room.site, &who, title, body))
}

fn choice_words(choice: Choice, lang: Lang) -> &'static str {
    match choice {
        Choice::Chosen => lang.pick("勾选的人", "those ticked"),
        Choice::Unreached => lang.pick("上次测试以来没有叫到的人", "those not reached since the last test"),
        Choice::All => lang.pick("全部责任人", "everybody"),
    }
}

fn state_words(it: &TestView, lang: Lang) -> &'static str {
    match it.round.state {
        RoundState::Done => lang.pick("已完成", "done"),
        RoundState::Stopped => lang.pick("已停止", "stopped"),
        _ => lang.pick("正在拨", "ringing"),
    }
}

pub(super) async fn new(State(room): State<Room>, who: Who, Query(fields): Query<Fields>) -> ApiResult<Markup> {
    let (asked, words) = asked(fields);
    choosing(&room, &who, &asked, &words, None).await
}

pub(super) async fn begin(State(room): State<Room>, who: Who, Form(fields): Form<Fields>) -> ApiResult<Response> {
    let (asked, words) = asked(fields);
    match service::begin(&room.site, &room.warn, &who, asked.clone()).await {
        Ok(id) => Ok(Redirect::to(&room.site.url(&format!("/tests/{}", percent(&id)))).into_response()),
        Err(error) if error.status().is_client_error() => {
            let said = error.problem().message.get(who.lang).to_owned();
            Ok((error.status(), choosing(&room, &who, &asked, &words, Some(&said)).await?).into_response())
        }
        Err(error) => Err(error),
    }
}

pub(super) async fn stop(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Response> {
    room.warn.stop_test(&who.actor, &id).await.map_err(missing)?;
    Ok(Redirect::to(&room.site.url(&format!("/tests/{}", percent(&id)))).into_response())
}

/// Those who are ticked, whoever has the caller's own name, then who is looked for or the first of the register.
fn offered(tx: &mut Tx<'_>, words: &str, own: &str, ticked: &[String]) -> Result<Vec<(String, Contact)>, StoreError> {
    let mut ids: Vec<String> = ticked.to_vec();
    ids.extend(search(tx, own)?);
    if words.trim().is_empty() {
        let sql = "SELECT p.person FROM post p JOIN person n ON n.id = p.person
                    WHERE n.erased_at IS NULL AND {scope:p.region} ORDER BY p.region, p.rank, p.id LIMIT $1";
        ids.extend(tx.query(sql, params![OFFERED])?.iter().map(|it: &Row| it.text(0)).collect::<Result<Vec<_>, _>>()?);
    } else {
        ids.extend(search(tx, words)?);
    }
    let mut seen = BTreeSet::new();
    ids.retain(|it| it.starts_with("person:") && seen.insert(it.clone()));
    ids.truncate(OFFERED + ticked.len());
    let known = contacts(tx, &ids)?;
    Ok(ids.into_iter().filter_map(|it| known.get(&it).cloned().map(|contact| (it, contact))).collect())
}

async fn choosing(room: &Room, who: &Who, asked: &Asked, words: &str, wrong: Option<&str>) -> ApiResult<Markup> {
    let (lang, named) = (who.lang, sees_names(who));
    let (own, ticked, looked) = (who.name.clone(), asked.callees.clone(), words.to_owned());
    // Whoever sees no names finds nobody by a part of one.
    let looked = if named { looked } else { String::new() };
    let people = room.warn.world().read(&who.actor, move |tx| offered(tx, &looked, &own, &ticked)).await?;
    let title = lang.pick("选人试拨", "Whom to ring for a test");
    // Somebody of the same name is not oneself.
    let alike = people.iter().filter(|it| it.1.title.name == who.name).count();
    let is_own = |it: &Contact| alike == 1 && it.title.name == who.name;
    let body = html! { main {
        h1 { (title) }
        p { (lang.pick("会真的打电话、发短信。先选自己；语音开头结尾都说【演练】，不算进任何实战数字。", "Real calls and messages go out. Choose yourself first; they say first and last that it is an exercise, and count nowhere.")) }
        @if let Some(test) = &room.warn.plan().test { p.soft { (lang.pick("会说：", "What is said: ")) "【演练】" (test.voice.zh) "【演练】" } }
        @else { p.wrong role="alert" { (lang.pick("叫应方案里没有号码测试的话术，不能测试。", "The call-out plan has no words for a test.")) } }
        @if let Some(said) = wrong { p.wrong role="alert" { (said) } }
        form method="post" action=(room.site.url("/tests")) {
            fieldset.card { legend { (lang.pick("拨给谁", "Whom")) }
                @for (key, choice) in [("chosen", Choice::Chosen), ("unreached", Choice::Unreached), ("all", Choice::All)] {
                    p { label { input type="radio" name="choice" value=(key) checked[asked.choice == choice]; " " (choice_words(choice, lang)) } }
                }
            }
            div.card {
                p.row {
                    input type="search" name="q" value=(words) aria-label=(lang.pick("姓名或号码", "name or number")) placeholder=(lang.pick("姓名或号码", "name or number"));
                    button type="submit" formmethod="get" formaction=(room.site.url("/tests/new")) formnovalidate { (lang.pick("查找", "Find")) }
                }
                div.scroll tabindex="0" { table { tbody { @for (id, it) in &people { tr {
                    td { label { input type="checkbox" name="callee" value=(id) checked[asked.callees.contains(id) || (asked.callees.is_empty() && is_own(it))]; " "
                        (if named { it.title.name.clone() } else { anlan_register::model::masked_name(&it.title.name) })
                        @if is_own(it) { " " span.tag { (lang.pick("本人", "yourself")) } } } }
                    td { (it.title.title) } td { (it.title.organisation) }
                    td.num { @if let Some(number) = it.numbers.first() { (anlan_register::phone::masked(number)) } @else { span.tag { (lang.pick("无可用号码", "no usable number")) } } }
                } } } } }
            }
            details.card open[asked.choice != Choice::Chosen || wrong.is_some()] {
                summary { @match lang {
                    Lang::Zh => { "超过 " (ALONE) " 人或全员：第二人签字" },
                    Lang::En => { "More than " (ALONE) ", or all: a second signature" },
                } }
                p.row {
                    label { (lang.pick("登录名 ", "Log-in ")) input name="login" autocomplete="off" autocapitalize="none" maxlength="64"; }
                    label { (lang.pick("口令 ", "Password ")) input type="password" name="password" autocomplete="off" maxlength="256"; }
                }
            }
            button.main type="submit" data-confirm=(lang.pick("现在就拨出测试电话？", "Ring now for a test?")) { (lang.pick("开始试拨", "Ring now")) }
        }
    } };
    Ok(page(&room.site, who, title, body))
}

pub(super) async fn show(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Response> {
    let it = room.warn.test_round(&who.actor, &id, sees_names(&who)).await.map_err(missing)?;
    let title = who.lang.pick("测试结果", "Outcome of a test round");
    let body = html! {
        link rel="stylesheet" href=(asset(&room.site, "round.css"));
        main { (outcome(&room.site, &who, &it)) }
    };
    Ok((StatusCode::OK, page(&room.site, &who, title, body)).into_response())
}

fn outcome(site: &Site, who: &Who, it: &TestView) -> Markup {
    let lang = who.lang;
    let not_yet = it.outcomes.iter().filter(|it| it.state.is_final() && !is_reached(it.state)).count();
    let tiles = [
        (it.people, "人", "people"),
        (it.reached, "已通", "reached"),
        (it.open, "正在拨", "being rung"),
        (not_yet, "没通", "not reached"),
    ];
    let may_stop =
        it.round.state == RoundState::Running && (who.may(Permission::EditPeople) || who.may(Permission::RunRound));
    html! {
        div id="outcome" data-live="round. call. exercise." {
            h1 { "【演练】" (lang.pick("号码测试", "Test round")) " · " (state_words(it, lang)) }
            p.small.soft { (choice_words(it.choice, lang)) " · " (clock(it.round.start_at))
                @if let Some(by) = &it.signed_by { " · " (lang.pick("第二签字 ", "signed by ")) (by.trim_start_matches("user:")) } }
            div.tiles { @for (count, zh, en) in tiles { div.tile { b { (count) } span { (lang.pick(zh, en)) } } } }
            @if it.outcomes.iter().any(|it| it.key == Some(3)) {
                p.wrong role="alert" { (lang.pick("有人按了 3（有险情）：这是测试，请马上回电核实。", "Somebody pressed 3 (danger): this is a test, ring them back at once.")) }
            }
            div.card.scroll tabindex="0" { table {
                thead { tr { th { (lang.pick("姓名", "Name")) } th { (lang.pick("单位", "Organisation")) } th { (lang.pick("结果", "Outcome")) } th { (lang.pick("按键", "Key")) } th { (lang.pick("拨打次数", "Attempts")) } } }
                tbody { @for it in &it.outcomes { tr {
                    td { (it.name) } td { (it.organisation) } td { (state(it.state, lang)) }
                    td.num { @if let Some(key) = it.key { (key) } } td.num { (it.attempts) }
                } } }
            } }
        }
        @if may_stop {
            form method="post" action=(site.url(&format!("/tests/{}/stop", percent(&it.round.id)))) { button.danger type="submit" { (lang.pick("停止测试", "Stop the test")) } }
        }
        p.row {
            a href=(site.url("/people/check")) { (lang.pick("号码核查", "Number check")) }
            a href=(site.url("/tests")) { (lang.pick("历次测试", "All test rounds")) }
        }
    }
}
