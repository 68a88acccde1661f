//! The list a superior is asked to take over. Whoever holds the link may take it over or pass it on; the
//! names and numbers on it open with the superior's own PIN only.

use anlan_kernel::{Lang, Problem};
use anlan_register::{Region, callee_title, number_of};
use anlan_store::StoreError;
use anlan_web::{ApiResult, Who, cookie, percent, phone_page};
use axum::{
    extract::{Form, Path, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;

use super::answer::{button, framed, reader};
use crate::{
    answer::{Asked, bad_link},
    api::Room,
    model::{Call, Escalation, EscalationState},
    pin::{Holder, OPEN_FOR},
    text,
};

/// People on a superior's list; the count says how many there are in all.
const SHOWN: usize = 200;
/// The pass of an opened list.
const COOKIE: &str = "anlan-list";

/// Somebody on the list.
struct Listed {
    name: String,
    number: Option<String>,
    duties: String,
}

#[derive(Deserialize)]
pub(super) struct PinForm {
    #[serde(default)]
    pin: String,
}

/// The PIN: right, and the list is open on this phone for the night.
pub(super) async fn open(
    State(room): State<Room>,
    who: Who,
    Path(token): Path<String>,
    headers: HeaderMap,
    Form(form): Form<PinForm>,
) -> ApiResult<Response> {
    let here = room.site.url(&format!("/a/{}", percent(&token)));
    match room.warn.open_list(&token, form.pin.trim()).await {
        Ok(pass) => {
            let secure = if room.site.secure { "; Secure" } else { "" };
            let value = format!("{COOKIE}={pass}; Path={here}; Max-Age={OPEN_FOR}; HttpOnly; SameSite=Lax{secure}");
            let value = HeaderValue::from_str(&value).map_err(|_| bad_link())?;
            Ok(([(header::SET_COOKIE, value)], Redirect::to(&here)).into_response())
        }
        Err(error) if error.status().is_client_error() && error.problem().place.field.is_some() => {
            let Some(Asked::List(list, round, calls, _)) = room.warn.asked(&token).await? else { return Err(error) };
            let problem = Some(error.problem());
            let link = Link { room: &room, lang: who.lang, token: &token, here: &here, headers: &headers };
            let body = page(&link, &list, &calls, problem).await?;
            let title = who.lang.pick("叫应", "Call-out");
            let page = phone_page(&room.site, who.lang, title, framed(&room, who.lang, &here, &round, body));
            Ok((error.status(), page).into_response())
        }
        Err(error) => Err(error),
    }
}

/// A PIN of their own, chosen on the opened list.
pub(super) async fn choose(
    State(room): State<Room>,
    Path(token): Path<String>,
    headers: HeaderMap,
    Form(form): Form<PinForm>,
) -> ApiResult<Redirect> {
    let holder = room.warn.list_holder(&token).await?.ok_or_else(bad_link)?;
    if !room.warn.has_pass(&holder, cookie(&headers, COOKIE)) {
        return Err(bad_link().into());
    }
    room.warn.choose_pin(&token, form.pin.trim()).await?;
    Ok(Redirect::to(&room.site.url(&format!("/a/{}", percent(&token)))))
}

/// A link as somebody follows it.
pub(super) struct Link<'a> {
    pub room: &'a Room,
    pub lang: Lang,
    pub token: &'a str,
    /// Address of its page.
    pub here: &'a str,
    pub headers: &'a HeaderMap,
}

/// The list as its link shows it; `wrong` says why it did not open.
pub(super) async fn page(
    link: &Link<'_>,
    list: &Escalation,
    calls: &[Call],
    wrong: Option<&Problem>,
) -> ApiResult<Markup> {
    let Link { room, lang, token, here, headers } = *link;
    let holder = room.warn.list_holder(token).await?.ok_or_else(bad_link)?;
    let opened = room.warn.has_pass(&holder, cookie(headers, COOKIE));
    let people = if opened { people(room, calls).await? } else { Vec::new() };
    let unit = unit(room, list).await?;
    let mine = list.state == EscalationState::Calling && list.link == holder.link;
    Ok(html! {
        p.who { b { (unit) (lang.pick(" 未叫通 ", " not reached: ")) (calls.len()) (lang.pick(" 人", "")) } }
        @if mine && !calls.is_empty() {
            (button(here, 1, lang.pick("由我接手", "I take over"), lang.pick("名单上的人由我找到", "I find the people on the list")))
            (button(here, 2, lang.pick("不能接手", "I cannot"), lang.pick("立即改叫下一位", "the next one is called at once")))
            (button(here, 3, lang.pick("接手，并需要支援", "I take over and need support"), lang.pick("值班室马上回拨您", "the desk calls you back")))
        } @else {
            p.note role="status" { (over(list, &holder, lang)) }
        }
        @if opened { (names(lang, here, &holder, &people, calls.len())) } @else { (ask_pin(lang, here, &holder, wrong)) }
    })
}

fn ask_pin(lang: Lang, here: &str, holder: &Holder, wrong: Option<&Problem>) -> Markup {
    html! {
        section {
            h2 { (lang.pick("看名单和号码", "Names and numbers")) }
            p.soft { @if holder.chose { (lang.pick("输入您设置的数字口令。", "Enter the PIN you chose.")) }
                @else { (lang.pick("输入您本人手机号的后四位。", "Enter the last four digits of your own number.")) } }
            @if let Some(wrong) = wrong { p.wrong role="alert" { (wrong.message.get(lang)) } }
            form method="post" action=(format!("{here}/pin")) {
                label.count { span { (lang.pick("口令", "PIN")) }
                    input type="password" inputmode="numeric" name="pin" maxlength="6" autocomplete="off" required; }
                button.plain type="submit" { (lang.pick("打开名单", "Open the list")) }
            }
        }
    }
}

fn names(lang: Lang, here: &str, holder: &Holder, people: &[Listed], count: usize) -> Markup {
    html! {
        section {
            h2 { (lang.pick("名单", "The list")) " " (count) }
            ul.people {
                @for it in people {
                    li { b { (it.name) } " " span.soft { (it.duties) }
                        @if let Some(number) = &it.number { a.dial href=(format!("tel:{number}")) { span { (lang.pick("拨打", "Call")) } b { (number) } } }
                        @else { p.soft { (lang.pick("无可用号码，请上门", "no usable number: somebody must go")) } } }
                }
            }
            p.soft { (lang.pick("本次查看已记入操作日志。", "This look stands in the journal.")) }
        }
        details {
            summary { @if holder.chose { (lang.pick("换一个口令", "Change the PIN")) } @else { (lang.pick("设置自己的口令（4 到 6 位数字）", "Choose a PIN of your own (4 to 6 digits)")) } }
            form method="post" action=(format!("{here}/pin/new")) {
                label.count { span { (lang.pick("新口令", "New PIN")) }
                    input type="password" inputmode="numeric" name="pin" maxlength="6" autocomplete="off" required; }
                button.plain type="submit" { (lang.pick("保存", "Save")) }
            }
        }
    }
}

async fn people(room: &Room, calls: &[Call]) -> Result<Vec<Listed>, StoreError> {
    let calls: Vec<Call> = calls.iter().take(SHOWN).cloned().collect();
    room.site
        .world
        .read(&reader(), move |tx| {
            calls
                .iter()
                .map(|it| {
                    let name = callee_title(tx, &it.callee)?.map_or_else(|| it.callee.clone(), |it| it.name);
                    let number = number_of(tx, &it.callee, 0)?;
                    Ok(Listed { name, number, duties: text::duty_words(&it.duties) })
                })
                .collect()
        })
        .await
}

async fn unit(room: &Room, list: &Escalation) -> Result<String, StoreError> {
    let code = list.region.to_string();
    room.site
        .world
        .read(&reader(), move |tx| Ok(tx.get::<Region>(&code)?.map_or_else(|| code.clone(), |it| it.name)))
        .await
}

fn over(list: &Escalation, holder: &Holder, lang: Lang) -> &'static str {
    match list.state {
        EscalationState::Accepted if list.accepted_by.as_deref() == Some(&holder.callee) => {
            lang.pick("您已接手这份名单。", "You took this list over.")
        }
        EscalationState::Accepted => lang.pick("已有人接手这份名单。", "Somebody took this list over."),
        EscalationState::Gathering | EscalationState::Calling => {
            lang.pick("已改叫下一位。", "The next one is being called.")
        }
        EscalationState::Failed | EscalationState::Moot => lang.pick("这份名单已结束。", "This list is closed."),
    }
}
