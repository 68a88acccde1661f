//! The yearly question: who was not touched, what was proposed, and the page behind the link.

use anlan_kernel::{Actor, Lang, Permission as P, Problem};
use anlan_store::{StoreError, Tx, Urgency};
use anlan_web::{Access, ApiError, ApiResult, Routes, Who, asset, page, percent, phone_page};
use axum::{
    Json,
    extract::{Form, Path, State},
    response::Redirect,
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value as Json_, json};

use super::{
    Room,
    asks::{self, Proposal},
    directory_pages::{is_clear, shown},
    model::Ask,
    reach::{self, Touched},
};
use crate::{contacts, model::Post, phone, records::Record};

/// Rows shown of those who were not touched.
const SHOWN: usize = 200;

pub(super) fn routes(routes: Routes<Room>) -> Routes<Room> {
    let (see, edit) = (Access::Needs(P::SeePeople), Access::Needs(P::EditPeople));
    let link = Access::Proof("link of a yearly question");
    routes
        .get("/asks", see, "年度核实", "Who was not touched for a year, and what was proposed", show)
        .post("/asks", edit, "发出核实短信", "Ask by link whoever was not touched for a year", send)
        .post("/asks/{id}/accept", edit, "采纳变动", "Accept what was proposed", accept)
        .post("/asks/{id}/decline", edit, "不采纳", "Decline what was proposed", decline)
        .get("/ask/{token}", link, "核实本人信息（链接）", "The question behind a link", question)
        .post("/ask/{token}", link, "答复核实", "Answer the question", answer)
        .get("/api/v1/asks", see, "一年未触达的人和待处理的变动", "People not touched for a year, and proposals", list)
}

/// How `person_reached` names the ways.
fn how(how: &str, lang: Lang) -> &'static str {
    match how {
        "call" => lang.pick("叫应", "call"),
        "test" => lang.pick("测试", "test"),
        "visit" => lang.pick("到访", "visit"),
        "filing" => lang.pick("填报", "filing"),
        _ => "",
    }
}

/// When and how somebody was last reached, in words.
pub(super) fn last_words(last: Option<&(anlan_kernel::Instant, String)>, lang: Lang) -> String {
    match last {
        Some((at, by)) => format!("{} {}", &at.wall()[..10], how(by, lang)),
        None => lang.pick("从未", "never").to_owned(),
    }
}

struct Proposed {
    ask: Ask,
    what: String,
}

struct Read {
    untouched: Vec<Touched>,
    people: usize,
    records: usize,
    proposed: Vec<Proposed>,
}

async fn read(room: &Room, who: &Who) -> ApiResult<Read> {
    let (catalog, clear) = (room.register.catalog(), is_clear(who));
    let unit = move |tx: &mut Tx<'_>| -> Result<Read, StoreError> {
        let asks = asks::proposed(tx)?;
        let callees: Vec<String> = asks.iter().map(|it| it.callee.clone()).collect();
        let named = contacts(tx, &callees)?;
        let mut proposed = Vec::new();
        for ask in asks {
            let name = named.get(&ask.callee).map(|it| shown(&it.title.name, clear)).unwrap_or_default();
            let thing = if ask.subject == ask.callee { None } else { tx.get::<Record>(&ask.subject)? };
            let what = thing.map_or_else(|| name.clone(), |it| format!("{} · {name}", it.title()));
            proposed.push(Proposed { ask, what });
        }
        let (people, records) = (asks::due_people(tx)?.len(), asks::due_records(tx, &catalog)?.len());
        Ok(Read { untouched: reach::untouched(tx)?, people, records, proposed })
    };
    Ok(room.site.world.read(&who.actor, unit).await?)
}

async fn show(State(room): State<Room>, who: Who) -> ApiResult<Markup> {
    let Read { untouched, people, records, proposed } = read(&room, &who).await?;
    let (lang, site, clear, edit) = (who.lang, &room.site, is_clear(&who), who.may(P::EditPeople));
    let title = lang.pick("年度核实", "Yearly question");
    let body = html! {
        link rel="stylesheet" href=(asset(site, "duties.css"));
        main {
            h1 { (title) }
            p { (lang.pick("叫应答复、到访、填报都算触达；一年没有触达的才发一次链接核实。", "An answered call, a visit or a filing counts; only whoever had none of these for a year is asked, once, by link.")) }
            section.card {
                header { h2 { (lang.pick("待处理的变动", "Proposals")) " · " (proposed.len()) } }
                @if proposed.is_empty() { p.soft { (lang.pick("没有", "none")) } }
                @for it in &proposed { (proposal(&room, lang, it, edit)) }
            }
            section.card {
                header { h2 { (lang.pick("一年没有触达", "Not touched for a year")) " · " (lang.pick("人员 ", "people ")) span.num { (untouched.len()) } }
                    @if edit && room.send.is_some() && people + records > 0 {
                        form.more method="post" action=(site.url("/asks")) data-confirm=(lang.pick("确认发出核实短信？每人每年只发一次。", "Send the question? Each is asked once a year.")) {
                            button.main type="submit" { (lang.pick("发出核实：", "Ask: ")) (people) (lang.pick(" 人、", " people, ")) (records) (lang.pick(" 个对象", " things")) }
                        }
                    }
                }
                @if edit && room.send.is_none() { p.soft { (lang.pick("短信通道没有接上，不能发链接。", "No channel is connected that could send links.")) } }
                div.scroll tabindex="0" { table {
                    thead { tr { th scope="col" { (lang.pick("姓名", "Name")) } th scope="col" { (lang.pick("区划", "Region")) } th scope="col" { (lang.pick("上次触达", "Last touched")) } th scope="col" { (lang.pick("上次核实", "Last asked")) } } }
                    tbody { @for it in untouched.iter().take(SHOWN) { tr {
                        td { (shown(&it.name, clear)) } td.num { (it.region) } td { (last_words(it.last.as_ref(), lang)) @if !it.has_number { " " b.bad { (lang.pick("没有可拨号码", "no number")) } } }
                        td.num { (it.asked_at.map(|at| at.wall()[..10].to_owned()).unwrap_or_default()) }
                    } } }
                } }
                @if untouched.len() > SHOWN { p.soft { (lang.pick("只列前 200 人", "the first 200 are listed")) } }
            }
        }
    };
    Ok(page(site, &who, title, body))
}

fn proposal(room: &Room, lang: Lang, it: &Proposed, edit: bool) -> Markup {
    let said = asks::proposal_of(&it.ask);
    let to = |verb: &str| room.site.url(&format!("/asks/{}/{verb}", percent(&it.ask.id)));
    let thing = it.ask.subject != it.ask.callee;
    html! { div.signal {
        p { b { (it.what) } " · " span.num.small { (it.ask.answered_at.map(|at| at.wall()[..16].to_owned()).unwrap_or_default()) }
            @if thing { " · " a href=(room.site.url(&format!("/records/{}", percent(&it.ask.subject)))) { (lang.pick("打开台账", "open the record")) } } }
        @if said.left { p { b.bad { (lang.pick("已离岗", "has left")) } @if !said.successor.is_empty() { (lang.pick("，接任：", "; followed by ")) (said.successor) " " (phone::masked(&said.successor_phone)) } } }
        @if !said.phone.is_empty() { p { (lang.pick("新号码：", "New number: ")) span.num { (phone::masked(&said.phone)) } } }
        @if !said.note.is_empty() { p { (said.note) } }
        @if edit { div.row {
            form method="post" action=(to("accept")) { button.main type="submit" { @if thing { (lang.pick("已改台账，办结", "the record is changed: done")) } @else { (lang.pick("采纳", "Accept")) } } }
            form method="post" action=(to("decline")) { button.quiet type="submit" { (lang.pick("不采纳", "Decline")) } }
        } }
    } }
}

/// Asks everybody and everything that is due, a hundred in one transaction.
async fn send(State(room): State<Room>, who: Who) -> ApiResult<Redirect> {
    let Some(send) = room.send.clone() else {
        return Err(Problem::new(
            "no_channel",
            "短信通道没有接上，不能发链接",
            "no channel is connected that could send links",
        )
        .into());
    };
    let catalog = room.register.catalog();
    let due = move |tx: &mut Tx<'_>| {
        let mut due = asks::due_people(tx)?;
        due.extend(asks::due_records(tx, &catalog)?);
        Ok(due)
    };
    let due = room.site.world.read(&who.actor, due).await?;
    for some in due.chunks(asks::AT_ONCE) {
        let (site, some, send) = (room.site.clone(), some.to_vec(), send.clone());
        let unit =
            move |tx: &mut Tx<'_>| asks::send(tx, &some, &send, &|token| site.link_url(&format!("/ask/{token}")));
        room.site.world.write("ask.send", Urgency::Background, &who.actor, unit).await?;
    }
    Ok(Redirect::to(&room.site.url("/asks")))
}

async fn decide(room: &Room, who: &Who, id: String, yes: bool) -> ApiResult<Redirect> {
    room.site.world.write("ask.decide", Urgency::Urgent, &who.actor, move |tx| asks::decide(tx, &id, yes)).await?;
    Ok(Redirect::to(&room.site.url("/asks")))
}

async fn accept(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Redirect> {
    decide(&room, &who, id, true).await
}

async fn decline(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Redirect> {
    decide(&room, &who, id, false).await
}

/// What the page behind a link shows: the callee's own posts with the number masked, or the thing by name.
struct Shown {
    ask: Ask,
    name: String,
    phone: String,
    lines: Vec<String>,
}

async fn behind(room: &Room, token: &str) -> ApiResult<Shown> {
    let token = token.to_owned();
    let unit = move |tx: &mut Tx<'_>| -> Result<Option<Shown>, StoreError> {
        let Some(ask) = asks::of_token(tx, &token)? else { return Ok(None) };
        let contact = contacts(tx, std::slice::from_ref(&ask.callee))?.remove(&ask.callee);
        let Some(contact) = contact else { return Ok(None) };
        let lines = if ask.subject == ask.callee {
            let now = tx.now();
            let held = "person = $1 AND (valid_until IS NULL OR valid_until > $2)";
            let posts = tx.find::<Post>(held, "ORDER BY id", anlan_store::params![ask.callee.as_str(), now])?;
            let names = crate::records::refs::Names::of_regions(tx, posts.iter().map(|it| it.region.to_string()))?;
            posts
                .iter()
                .map(|it| format!("{} · {} · {}", names.region(it.region.as_str()), it.duty, it.title))
                .collect()
        } else {
            tx.get::<Record>(&ask.subject)?.iter().map(|it| it.title().to_owned()).collect()
        };
        let phone = contact.numbers.first().map(|it| phone::masked(it)).unwrap_or_default();
        Ok(Some(Shown { ask, name: contact.title.name, phone, lines }))
    };
    room.site.world.read(&Actor::system("asks"), unit).await?.ok_or_else(ApiError::not_found)
}

async fn question(State(room): State<Room>, who: Who, Path(token): Path<String>) -> ApiResult<Markup> {
    let it = behind(&room, &token).await?;
    Ok(phone_page(
        &room.site,
        who.lang,
        who.lang.pick("信息核实", "Is this still so?"),
        question_body(&room, who.lang, &it, None),
    ))
}

fn question_body(room: &Room, lang: Lang, it: &Shown, wrong: Option<&str>) -> Markup {
    let person = it.ask.subject == it.ask.callee;
    html! {
        main {
            h1 { (lang.pick("信息核实", "Is this still so?")) }
            @if let Some(words) = wrong { p.wrong role="alert" { (words) } }
            @match (it.ask.verdict.is_some(), it.ask.answer.as_deref()) {
                (true, _) => p.note { (lang.pick("您的答复已处理，谢谢。", "Your answer was dealt with. Thank you.")) },
                (_, Some("still")) => p.note { (lang.pick("✓ 已记下：仍属实。如有变动可在下面改。", "✓ Noted: it still holds. Below you can say otherwise.")) },
                (_, Some(_)) => p.note { (lang.pick("✓ 变动已送管理员，核对后生效。", "✓ The keeper has what changed and decides.")) },
                _ => {},
            }
            p { (it.name) "：" (asks::question(person, lang)) }
            ul { @for line in &it.lines { li { (line) } } }
            @if person { p { (lang.pick("登记号码：", "Number: ")) (it.phone) } }
            @if it.ask.verdict.is_none() {
                form method="post" { button.answer.key-1 type="submit" name="answer" value="still" { span { (lang.pick("没有变动", "Nothing changed")) } } }
                details { summary { (lang.pick("有变动", "Something changed")) }
                    form method="post" {
                        @if person {
                            label { (lang.pick("新号码", "New number")) input name="phone" inputmode="tel" autocomplete="off" maxlength="20"; }
                            label { input type="checkbox" name="left" value="true"; " " (lang.pick("我已不在这个岗位", "I have left this post")) }
                            label { (lang.pick("接任人姓名", "Who follows")) input name="successor" autocomplete="off" maxlength="40"; }
                            label { (lang.pick("接任人手机", "Their number")) input name="successor_phone" inputmode="tel" autocomplete="off" maxlength="20"; }
                        }
                        label { (lang.pick("说明", "In your words")) textarea name="note" rows="3" maxlength="500" {} }
                        button.plain type="submit" name="answer" value="changed" { (lang.pick("提交变动", "Send")) }
                    }
                }
            }
        }
        footer { (room.site.speaker) }
    }
}

#[derive(Deserialize)]
struct AnswerForm {
    answer: String,
    #[serde(default)]
    phone: String,
    #[serde(default)]
    left: String,
    #[serde(default)]
    successor: String,
    #[serde(default)]
    successor_phone: String,
    #[serde(default)]
    note: String,
}

async fn answer(
    State(room): State<Room>,
    who: Who,
    Path(token): Path<String>,
    Form(form): Form<AnswerForm>,
) -> ApiResult<Markup> {
    let AnswerForm { answer, phone, left, successor, successor_phone, note } = form;
    let changed =
        (answer != "still").then(|| Proposal { phone, left: left == "true", successor, successor_phone, note });
    let key = token.clone();
    let unit = move |tx: &mut Tx<'_>| asks::answer(tx, &key, changed.clone());
    let done = room.site.world.write("ask.answer", Urgency::Urgent, &Actor::system("asks"), unit).await;
    let wrong = match done {
        Ok(_) => None,
        Err(StoreError::Refused(problem)) if problem.code != "bad_link" => Some(problem.sentence(who.lang)),
        Err(error) => return Err(error.into()),
    };
    let it = behind(&room, &token).await?;
    Ok(phone_page(
        &room.site,
        who.lang,
        who.lang.pick("信息核实", "Is this still so?"),
        question_body(&room, who.lang, &it, wrong.as_deref()),
    ))
}

async fn list(State(room): State<Room>, who: Who) -> ApiResult<Json<Json_>> {
    let Read { untouched, people, records, proposed } = read(&room, &who).await?;
    let clear = is_clear(&who);
    let untouched: Vec<_> = untouched
        .iter()
        .map(|it| json!({"person": it.person, "name": shown(&it.name, clear), "region": it.region, "last": it.last.as_ref().map(|it| it.0), "how": it.last.as_ref().map(|it| &it.1), "asked_at": it.asked_at}))
        .collect();
    let proposed: Vec<_> = proposed
        .iter()
        .map(|it| json!({"id": it.ask.id, "subject": it.ask.subject, "callee": it.ask.callee, "answered_at": it.ask.answered_at, "left": asks::proposal_of(&it.ask).left}))
        .collect();
    Ok(Json(json!({"untouched": untouched, "due_people": people, "due_records": records, "proposed": proposed})))
}
