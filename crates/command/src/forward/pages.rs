//! A signal with its original text and the receipt of every unit; the page behind the link in the
//! message. Opening that link acknowledges nothing (scanners open links); the tap does.

use anlan_kernel::{Actor, Permission as P};
use anlan_monitor::Signal;
use anlan_store::params;
use anlan_warn::{answer, pages::parts};
use anlan_web::{Access, ApiError, ApiResult, Mounted, Routes, Who, bare_page, page, percent};
use axum::{
    extract::{Form, Path, State},
    response::Redirect,
};
use maud::{Markup, html};

use super::{Forward, ForwardView, Reach, Tally, api::Said, bad_link, of_signals};
use crate::{Room, service::Names};

pub(super) fn routes(room: Room) -> Mounted {
    let (see, handle) = (Access::Needs(P::SeeDesk), Access::Needs(P::HandleSignal));
    let link = Access::Proof("the token of the receipt link, made for one unit and one signal");
    Routes::new(&room.site)
        .get("/signals/{id}/forwards", see, "信号原文与签收", "A signal and its receipts", show)
        .post("/signals/{id}/remind", handle, "催收", "Send again to who did not acknowledge", remind)
        .post("/forwards/{id}/receipt", handle, "登记电话签收", "Record a receipt by telephone", receipt)
        .get("/f/{token}", link, "签收页", "Receipt page", ask)
        .post("/f/{token}", link, "签收", "Acknowledge", tap)
        .finish(room)
}

async fn show(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Markup> {
    let found = room
        .site
        .world
        .read(&who.actor, move |tx| {
            let Some(signal) = tx.get::<Signal>(&id)? else { return Ok(None) };
            let forwards = of_signals(tx, std::slice::from_ref(&id))?.remove(&id).unwrap_or_default();
            let names = Names::read(tx, forwards.iter().filter_map(|it| it.forward.by_whom.as_deref()))?;
            Ok(Some((signal, forwards, names)))
        })
        .await?;
    let (signal, forwards, names) = found.ok_or_else(ApiError::not_found)?;
    Ok(page(&room.site, &who, &signal.title, body(&room, &who, &signal, &forwards, &names)))
}

fn body(room: &Room, who: &Who, signal: &Signal, forwards: &[ForwardView], names: &Names) -> Markup {
    let (lang, tally) = (who.lang, Tally::of(forwards));
    let at = |verb: &str| format!("{}/{verb}", parts::to(&room.site, "signals", &signal.id));
    html! {
        main {
            h1 { (signal.title) (parts::invented(signal.invented, lang)) }
            div.card {
                header { h2 { (lang.pick("原文", "Original text")) }
                    span.small.soft { (signal.issuer) " · " (parts::clock(signal.issued_at.unwrap_or(signal.received_at))) (lang.pick(" 发出", " issued")) } }
                p { (signal.text) }
            }
            div.card.scroll id="receipts" data-live="forward. receipts. outbox." {
                header { h2 { (lang.pick("转发与签收", "Forwards and receipts")) }
                    span.soft.small.num { (sums(tally, lang)) }
                    @if tally.missing > 0 && who.may(P::HandleSignal) {
                        form.more method="post" action=(at("remind")) {
                            button.main type="submit" data-key="r" { (lang.pick("催收", "Ask again")) " " kbd { "R" } }
                        }
                    }
                }
                @if forwards.is_empty() { p.soft { (lang.pick("尚未转发", "not forwarded yet")) } }
                table { @for it in forwards { (line(room, who, it, names)) } }
            }
            p { a href=(room.site.url("/")) { (lang.pick("回到值班台", "Back to the desk")) } }
        }
    }
}

/// 已转 31/33 单位 · 2 未签收.
pub(crate) fn sums(tally: Tally, lang: anlan_kernel::Lang) -> String {
    let Tally { units, sent, missing } = tally;
    match (lang, missing) {
        (anlan_kernel::Lang::Zh, 0) => format!("已转 {sent}/{units} 单位 · 全部签收"),
        (anlan_kernel::Lang::Zh, _) => format!("已转 {sent}/{units} 单位 · {missing} 未签收"),
        (anlan_kernel::Lang::En, _) => format!("{sent} of {units} units sent · {missing} not acknowledged"),
    }
}

fn line(room: &Room, who: &Who, it: &ForwardView, names: &Names) -> Markup {
    let (lang, forward) = (who.lang, &it.forward);
    let (zh, en) = it.reach.words();
    html! {
        tr {
            td { (it.name) }
            td { span.done[it.reach == Reach::Received].bad[it.reach == Reach::Failed] { (lang.pick(zh, en)) }
                @match forward.receipt_at {
                    Some(at) => { " " (parts::clock(at)) " " (via(forward, names, lang)) },
                    None => { " " span.small.soft { (parts::clock(forward.last_sent_at)) @if forward.sends > 1 { (lang.pick(" 第 ", " time ")) (forward.sends) (lang.pick(" 次", "")) } } },
                }
                @if let Some(note) = forward.note.as_ref().filter(|_| who.may(P::SeePeople)) { " · " (note) }
            }
            td {
                @if forward.receipt_at.is_none() && who.may(P::HandleSignal) {
                    form.row method="post" action=(format!("{}/receipt", parts::to(&room.site, "forwards", &forward.id))) {
                        input name="note" maxlength="100" placeholder=(lang.pick("接电话人", "who answered")) aria-label=(lang.pick("接电话人", "who answered"));
                        button type="submit" { (lang.pick("电话签收", "Told by telephone")) }
                    }
                }
            }
        }
    }
}

fn via(forward: &Forward, names: &Names, lang: anlan_kernel::Lang) -> String {
    match forward.via.as_deref() {
        Some("telephone") => {
            format!(
                "{}{}",
                lang.pick("电话 · 登记 ", "telephone, "),
                names.of(forward.by_whom.as_deref().unwrap_or_default())
            )
        }
        Some("sms") => lang.pick("短信回复", "message").to_owned(),
        _ => lang.pick("链接", "link").to_owned(),
    }
}

async fn remind(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Redirect> {
    room.command.remind(&who.actor, &id).await?;
    Ok(Redirect::to(&format!("{}/forwards", parts::to(&room.site, "signals", &id))))
}

async fn receipt(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(said): Form<Said>,
) -> ApiResult<Redirect> {
    let forward = room.command.receive_by_telephone(&who.actor, &id, &said.note).await?;
    Ok(Redirect::to(&format!("{}/forwards", parts::to(&room.site, "signals", &forward.signal))))
}

/// The token is the proof; the program reads what the link is about.
async fn ask(State(room): State<Room>, who: Who, Path(token): Path<String>) -> ApiResult<Markup> {
    let hash = answer::hash(&token);
    let found = room
        .site
        .world
        .read(&Actor::system("receipt-page"), move |tx| {
            Ok(tx.find::<Forward>("token_hash = $1", "", params![&hash])?.pop())
        })
        .await?;
    render(&room, &who, &token, found.ok_or_else(bad_link)?).await
}

async fn tap(State(room): State<Room>, who: Who, Path(token): Path<String>) -> ApiResult<Markup> {
    let forward = room.command.receive_by_link(&token).await?;
    render(&room, &who, &token, forward).await
}

async fn render(room: &Room, who: &Who, token: &str, forward: Forward) -> ApiResult<Markup> {
    let (lang, about, callee) = (who.lang, forward.signal.clone(), forward.callee.clone());
    let (signal, name) = room
        .site
        .world
        .read(&Actor::system("receipt-page"), move |tx| {
            Ok((tx.get::<Signal>(&about)?, anlan_register::callee_title(tx, &callee)?))
        })
        .await?;
    let signal = signal.ok_or_else(ApiError::not_found)?;
    let title = lang.pick("签收", "Acknowledge");
    let body = html! {
        main.narrow {
            p.small.soft { "【" (room.site.speaker) "】" (lang.pick("转发 ", "forwards ")) (signal.issuer) }
            h1 { (signal.title) (parts::invented(signal.invented, lang)) }
            p { (signal.text) }
            p { b { (name.map_or_else(String::new, |it| it.name)) } }
            @match forward.receipt_at {
                Some(at) => p.note { (lang.pick("已签收 ", "acknowledged ")) (parts::clock(at)) },
                None => form method="post" action=(room.site.url(&format!("/f/{}", percent(token)))) {
                    button.main type="submit" { (lang.pick("签收", "Acknowledge")) }
                },
            }
        }
    };
    Ok(bare_page(&room.site, lang, title, body))
}
