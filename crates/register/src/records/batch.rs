//! Many records at once: 核实, a field set, deleted; chosen one by one, or all that is filtered.

use std::{collections::BTreeSet, sync::Arc};

use anlan_kernel::{Permission, Problem};
use anlan_store::{StoreError, Tx, Urgency};
use anlan_web::{Access, ApiError, ApiResult, Routes, Who, page as layout};
use axum::{
    Form, Json,
    extract::{Path, State},
    response::Redirect,
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Map, Value as Json_, json};

use super::{
    Cause, Of, Outcome, Record, Room, attachments,
    drafts::Sent,
    list::{self, Asked},
    page, service, show, write,
};
use crate::audiences;

/// Records of one transaction.
const SLICE: usize = 200;
/// Most records of one action.
const MOST: i64 = 10_000;
/// Refusals that are named.
const NAMED: usize = 50;

/// Doors of actions.
pub(super) fn routes(routes: Routes<Room>) -> Routes<Room> {
    let edit = Access::Needs(Permission::EditRegister);
    routes
        .post("/register/{kind}/batch", edit, "批量操作", "Act on many records", act_form)
        .post("/api/v1/register/{kind}/batch", edit, "批量核实、改一个字段、删除", "Verify, set or delete many", act)
        .post(
            "/register/{kind}/call",
            Access::Needs(Permission::RunRound),
            "叫应所选对象的责任人",
            "Call whoever answers for the selected records",
            call,
        )
}

/// What is to be done to which records.
#[derive(Clone, Debug, Default, Deserialize)]
struct Order {
    /// `verify`, `set`, `delete`.
    #[serde(rename = "do")]
    verb: String,
    /// These records.
    #[serde(default)]
    ids: Vec<String>,
    /// Or everything that a list's query holds; the empty one is the whole kind.
    query: Option<String>,
    #[serde(default)]
    field: String,
    #[serde(default)]
    value: Json_,
    #[serde(default)]
    why: String,
}

/// What became of it.
#[derive(Clone, Debug, Default)]
struct Done {
    done: usize,
    same: usize,
    /// By record, with the words for it.
    refused: Vec<(String, String, Vec<Problem>)>,
}

#[derive(Clone, Debug)]
enum Verb {
    Verify,
    Set(String, Json_),
    Delete(String),
}

fn verb(of: &Of, order: &Order) -> ApiResult<Verb> {
    match order.verb.as_str() {
        "verify" => Ok(Verb::Verify),
        "delete" => Ok(Verb::Delete(service::reason(&order.why)?)),
        "set" => {
            let field = of.kind.field(&order.field).filter(|it| super::drafts::is_entered(of, it));
            let wrong = || Problem::new("bad_field", "请选一个要改的字段", "choose a field to set").field("field");
            Ok(Verb::Set(field.ok_or_else(wrong)?.id.clone(), order.value.clone()))
        }
        _ => Err(Problem::new("bad_action", "没有这种批量操作", "there is no such action").field("do").into()),
    }
}

async fn carry_out(room: &Room, who: &Who, of: &Of, order: Order) -> ApiResult<Done> {
    let verb = verb(of, &order)?;
    let mut done = Done::default();
    match &order.query {
        None => {
            for ids in order.ids.chunks(SLICE) {
                slice(room, who, of, &verb, ids.to_vec(), &mut done).await?;
            }
        }
        Some(query) => {
            let (asked, mut wrong) = Asked::of(&of.catalog, &of.kind, &of.reader, &page::pairs(query), page::OWN);
            if let Some(problem) = wrong.pop() {
                return Err(problem.into());
            }
            let ids = everything(room, who, of, asked).await?;
            for ids in ids.chunks(SLICE) {
                slice(room, who, of, &verb, ids.to_vec(), &mut done).await?;
            }
        }
    }
    Ok(done)
}

/// Ids of all that is filtered, taken down before anything is changed: a change may move a record out of the filter.
async fn everything(room: &Room, who: &Who, of: &Of, asked: Asked) -> ApiResult<Vec<String>> {
    let of = of.clone();
    let unit = move |tx: &mut Tx<'_>| {
        let counted = list::count(tx, &of.kind, &asked)?;
        if counted.all > MOST || counted.more {
            let (zh, en) =
                (format!("一次最多 {MOST} 条，请缩小筛选范围"), format!("at most {MOST} at once; narrow the filter"));
            return Err(Problem::new("too_many", zh, en).into());
        }
        list::ids(tx, &of.kind, &asked, "", usize::try_from(MOST).unwrap_or_default())
    };
    Ok(room.site.world.read(&who.actor, unit).await?)
}

async fn slice(room: &Room, who: &Who, of: &Of, verb: &Verb, ids: Vec<String>, done: &mut Done) -> ApiResult<()> {
    let (of, verb, by) = (Arc::new(of.clone()), verb.clone(), who.actor.name.clone());
    let unit = move |tx: &mut Tx<'_>| {
        let records: Vec<Record> = list::records(tx, &ids)?.into_iter().filter(|it| it.kind == of.kind.id).collect();
        match &verb {
            Verb::Verify => verify(tx, &records),
            Verb::Delete(why) => delete(tx, &of, &records, why),
            Verb::Set(field, value) => set(tx, &of, records, field, value, &by),
        }
    };
    let urgency = if done.done + done.same == 0 { Urgency::Urgent } else { Urgency::Background };
    let (some, digests) = room.site.world.write("record.batch", urgency, &who.actor, unit).await?;
    attachments::sweep(room, digests).await?;
    done.done += some.done;
    done.same += some.same;
    done.refused.extend(some.refused);
    Ok(())
}

type Some_ = Result<(Done, Vec<String>), StoreError>;

fn verify(tx: &mut Tx<'_>, records: &[Record]) -> Some_ {
    for record in records {
        write::verify(tx, record, "confirmed")?;
    }
    Ok((Done { done: records.len(), ..Done::default() }, Vec::new()))
}

fn delete(tx: &mut Tx<'_>, of: &Of, records: &[Record], why: &str) -> Some_ {
    let (mut done, mut digests) = (Done::default(), Vec::new());
    for record in records {
        match service::refuse_linked(tx, &of.catalog, record) {
            Ok(()) => {
                digests.extend(attachments::of_record(tx, &record.id)?.into_iter().map(|it| it.digest));
                write::remove(tx, record, why, "record.deleted")?;
                done.done += 1;
            }
            Err(StoreError::Refused(problem)) => done.refused.push(named(of, record, vec![problem])),
            Err(error) => return Err(error),
        }
    }
    Ok((done, digests))
}

fn set(tx: &mut Tx<'_>, of: &Of, records: Vec<Record>, field: &str, value: &Json_, by: &str) -> Some_ {
    let cause = Cause::entered(None);
    let (mut done, mut ready, mut befores) = (Done::default(), Vec::new(), Vec::new());
    let fields = Map::from_iter([(field.to_owned(), value.clone())]);
    let body = Map::from_iter([("fields".to_owned(), Json_::Object(fields))]);
    for record in records {
        let mut sent = Sent::of_json(of, &body, Some(&record));
        service::resolve(tx, &of.kind, &mut sent, &record.values())?;
        if !sent.problems.is_empty() {
            done.refused.push(named(of, &record, sent.problems));
            continue;
        }
        match write::prepare(&of.catalog, &of.kind, sent.draft, Some(&record), &cause, by, tx.now()) {
            Ok(it) => {
                ready.push(it);
                befores.push(record);
            }
            Err(problems) => done.refused.push(named(of, &record, problems)),
        }
    }
    let outcomes = write::write_many(tx, &of.catalog, &of.kind, ready, &cause)?;
    for (outcome, record) in outcomes.into_iter().zip(&befores) {
        match outcome {
            Outcome::Created(_) | Outcome::Changed(_) => done.done += 1,
            Outcome::Same(_) => done.same += 1,
            Outcome::Refused(problems) => done.refused.push(named(of, record, problems)),
        }
    }
    Ok((done, Vec::new()))
}

fn named(of: &Of, record: &Record, problems: Vec<Problem>) -> (String, String, Vec<Problem>) {
    (record.id.clone(), show::title(&of.kind, record, &of.reader), problems)
}

async fn act(
    State(room): State<Room>,
    who: Who,
    Path(kind): Path<String>,
    Json(order): Json<Order>,
) -> ApiResult<Json<Json_>> {
    let of = room.of(&who, &kind)?;
    let done = carry_out(&room, &who, &of, order).await?;
    let refused = done.refused.iter().map(|(id, _, problems)| json!({"id": id, "problems": problems}));
    Ok(Json(json!({"done": done.done, "same": done.same, "refused": refused.collect::<Vec<_>>()})))
}

/// Puts whoever answers for the chosen records, or for all that is filtered, on a list; nobody is called before somebody
/// starts that.
async fn call(
    State(room): State<Room>,
    who: Who,
    Path(kind): Path<String>,
    Form(form): Form<Vec<(String, String)>>,
) -> ApiResult<Redirect> {
    let of = room.of(&who, &kind)?;
    let one = |name: &str| form.iter().rev().find(|it| it.0 == name).map(|it| it.1.clone()).unwrap_or_default();
    let ids = if one("all") == "1" {
        let (asked, wrong) = Asked::of(&of.catalog, &of.kind, &of.reader, &page::pairs(&one("query")), page::OWN);
        // A condition that says nothing any more would call everybody.
        if let Some(problem) = wrong.into_iter().next() {
            return Err(problem.into());
        }
        everything(&room, &who, &of, asked).await?
    } else {
        form.iter().filter(|it| it.0 == "id").map(|it| it.1.clone()).collect()
    };
    if ids.is_empty() {
        return Err(ApiError::from(Problem::new("bad_selection", "请先勾选记录", "select records first")));
    }
    let (title, catalog) = (of.kind.title.get(who.lang).to_owned(), of.catalog.clone());
    let read = move |tx: &mut Tx<'_>| {
        let mut found = Vec::new();
        audiences::add_of_records(tx, &catalog, &ids, &mut found)?;
        Ok(found.into_iter().map(|it| it.0).collect::<BTreeSet<_>>())
    };
    let callees = room.site.world.read(&who.actor, read).await?;
    if callees.is_empty() {
        let (zh, en) = (
            "所选对象没有登记责任人，或责任人不在名册里，没有人可叫",
            "nobody is registered as responsible for what was selected, or those who are stand in no register",
        );
        return Err(ApiError::from(Problem::new("nobody_to_call", zh, en)));
    }
    let id = audiences::keep(&room.site.world, &who.actor, &title, callees).await?;
    Ok(Redirect::to(&room.url(&format!("/audiences/{id}"))))
}

async fn act_form(
    State(room): State<Room>,
    who: Who,
    Path(kind): Path<String>,
    Form(form): Form<Vec<(String, String)>>,
) -> ApiResult<Markup> {
    let (of, lang) = (room.of(&who, &kind)?, who.lang);
    let one = |name: &str| form.iter().rev().find(|it| it.0 == name).map(|it| it.1.clone()).unwrap_or_default();
    let all = one("all") == "1";
    let order = Order {
        verb: one("do"),
        ids: form.iter().filter(|it| it.0 == "id").map(|it| it.1.clone()).collect(),
        query: all.then(|| one("query")),
        field: one("field"),
        value: Json_::String(one("value")),
        why: one("why"),
    };
    if !all && order.ids.is_empty() {
        return Err(ApiError::from(Problem::new("bad_selection", "请先勾选记录", "select records first")));
    }
    let done = carry_out(&room, &who, &of, order).await?;
    let back = room.url(&format!("/register/{}?{}", of.kind.id, one("query")));
    let title = lang.pick("批量操作结果", "What became of it");
    let body = html! { main {
        p { a href=(back) { "‹ " (of.kind.title.get(lang)) } }
        h1 { (title) }
        p.said role="status" {
            (lang.pick("完成 ", "done ")) b.num { (done.done) }
            @if done.same > 0 { (lang.pick("，原本如此 ", ", as before ")) b.num { (done.same) } }
            @if !done.refused.is_empty() { (lang.pick("，未改 ", ", refused ")) b.num.bad { (done.refused.len()) } }
        }
        @if !done.refused.is_empty() { section.card {
            header { h2 { (lang.pick("未改的记录", "Refused records")) } }
            div.scroll tabindex="0" { table { tbody { @for (id, name, problems) in done.refused.iter().take(NAMED) { tr {
                td { a href=(room.url(&format!("/records/{id}"))) { (name) } }
                td { @for it in problems { p { (it.sentence(lang)) } } }
            } } } } }
            @if done.refused.len() > NAMED { p.soft { (lang.pick("只列前 50 条", "the first 50 are listed")) } }
        } }
        p { a.button.main href=(back) { (lang.pick("回到列表", "Back to the list")) } }
    } };
    Ok(layout(&room.site, &who, title, body))
}
