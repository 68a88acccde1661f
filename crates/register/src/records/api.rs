//! The register as JSON.

use anlan_kernel::{Lang, Permission, Problem};
use anlan_store::{StoreError, Tx};
use anlan_web::{Access, ApiResult, Routes, Who};
use axum::{
    Json,
    extract::{Path, RawQuery, State},
    http::StatusCode,
};
use serde_json::{Map, Value as Json_, json};

use super::{
    Record, Room, card,
    drafts::Sent,
    history, links,
    list::{self, Asked},
    page,
    refs::Names,
    service, show,
};
use crate::kinds::{Field, Kind, Sort};

/// Records of one answer where nothing is said.
const USUAL: usize = 100;
/// Most records of one answer.
const MOST: usize = 1_000;

/// Doors for programs.
pub(super) fn routes(routes: Routes<Room>) -> Routes<Room> {
    let (see, edit) = (Access::Needs(Permission::SeeRegister), Access::Needs(Permission::EditRegister));
    routes
        .get("/api/v1/register", see, "台账类别与字段", "Kinds with their fields", kinds)
        .get("/api/v1/register/{kind}", see, "一类台账的记录", "Records of a kind", all)
        .get("/api/v1/register/{kind}/choices", see, "一个字段的值与条数", "Values of a field with counts", choices)
        .post("/api/v1/register/{kind}", edit, "新增记录", "Add a record", create)
        .get("/api/v1/records/{id}", see, "一条记录", "One record", one)
        .put(
            "/api/v1/records/{id}",
            edit,
            "修改记录（没有写的不变，null 为清空）",
            "Change a record; what is left out stays",
            change,
        )
        .delete("/api/v1/records/{id}", edit, "删除记录（要写原因）", "Delete a record, saying why", remove)
        .post("/api/v1/records/{id}/verify", edit, "核实", "Verify a record", verify)
        .get("/api/v1/records/{id}/history", see, "记录的历史", "History of a record", story)
        .get("/api/v1/records/{id}/links", see, "关联它的记录", "What points to it", pointing)
        .post(
            "/api/v1/records/{id}/unmask",
            Access::Needs(Permission::Unmask),
            "查看个人信息（留痕）",
            "Personal data in clear, journaled",
            unmask,
        )
        .post(
            "/api/v1/records/{id}/erase",
            Access::Needs(Permission::ErasePerson),
            "依法删除个人信息",
            "Erase personal data by law",
            erase,
        )
}

async fn kinds(State(room): State<Room>, who: Who) -> ApiResult<Json<Json_>> {
    let (catalog, reader) = (room.register.catalog(), list::Reader::of(&who));
    let items: Vec<Json_> = catalog
        .kinds()
        .map(|kind| {
            let fields: Vec<Json_> = kind.fields.iter().filter(|it| reader.sees(it)).map(field_json).collect();
            json!({
                "id": kind.id, "title": kind.title, "group": kind.group, "name": kind.name, "key": kind.key,
                "place": kind.place.name(), "grade": kind.grade, "pack": kind.pack, "fields": fields,
            })
        })
        .collect();
    Ok(Json(json!({"items": items, "next": null})))
}

fn field_json(field: &Field) -> Json_ {
    let (sort, of) = match &field.sort {
        Sort::Text(false) => ("text", None),
        Sort::Text(true) => ("long_text", None),
        Sort::Number => ("number", None),
        Sort::Money => ("money", None),
        Sort::Date => ("date", None),
        Sort::Time => ("time", None),
        Sort::YesNo => ("yes_no", None),
        Sort::Choice(list) => ("choice", Some(list)),
        Sort::Person => ("person", None),
        Sort::Post => ("post", None),
        Sort::Organisation => ("organisation", None),
        Sort::Region => ("region", None),
        Sort::Link(kind) => ("link", Some(kind)),
        Sort::Photo => ("photo", None),
        Sort::File => ("file", None),
        Sort::Signature => ("signature", None),
    };
    json!({
        "id": field.id, "title": field.title, "type": sort, "of": of, "unit": field.unit, "required": field.required,
        "unique": field.unique, "many": field.many, "filter": field.filter, "personal": field.personal.is_some(),
        "computed": field.computed.is_some(), "help": field.help,
    })
}

/// In the order of ids, going on after `cursor`; with `page` or `sort` page by page, with how many there are.
async fn all(
    State(room): State<Room>,
    who: Who,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<Json_>> {
    let of = room.of(&who, &kind)?;
    let pairs = page::pairs(&query.unwrap_or_default());
    let asked = asked(&of, &pairs)?;
    let given = |name: &str| pairs.iter().rev().find(|it| it.0 == name).map(|it| it.1.clone());
    let limit = match given("limit") {
        None => USUAL,
        Some(text) => text.parse().ok().filter(|it| (1..=MOST).contains(it)).ok_or_else(bad_limit)?,
    };
    let (cursor, now) = (given("cursor").unwrap_or_default(), room.site.world.now());
    let paged = ["page", "sort", "size"].iter().any(|it| given(it).is_some());
    let unit = move |tx: &mut Tx<'_>| {
        let shown =
            |items: &[Record]| items.iter().map(|it| show::json(&of.kind, it, &of.reader, now)).collect::<Vec<_>>();
        if paged {
            let page = list::page(tx, &of.kind, &asked)?;
            let counted = page.counted;
            return Ok(json!({
                "items": shown(&page.items), "next": null, "page": page.page, "pages": page.pages, "count": counted.all, "more": counted.more,
            }));
        }
        let items = list::chunk(tx, &of.kind, &asked, &cursor, limit)?;
        let next = items.last().filter(|_| items.len() == limit).map(|it| it.id.clone());
        let counted = list::count(tx, &of.kind, &asked)?;
        Ok(json!({"items": shown(&items), "next": next, "count": counted.all, "more": counted.more}))
    };
    Ok(Json(room.site.world.read(&who.actor, unit).await?))
}

fn bad_limit() -> Problem {
    Problem::new("bad_page", format!("limit 应为 1 至 {MOST}"), format!("limit is 1 to {MOST}")).field("limit")
}

/// What an address asks for; unknown conditions are refused.
fn asked(of: &super::Of, pairs: &[(String, String)]) -> ApiResult<Asked> {
    let (asked, mut wrong) =
        Asked::of(&of.catalog, &of.kind, &of.reader, pairs, &["view", "cursor", "limit", "at", "field"]);
    match wrong.is_empty() {
        true => Ok(asked),
        false => Err(wrong.remove(0).into()),
    }
}

async fn choices(
    State(room): State<Room>,
    who: Who,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<Json_>> {
    let of = room.of(&who, &kind)?;
    let pairs = page::pairs(&query.unwrap_or_default());
    let name = pairs.iter().find(|it| it.0 == "field").map(|it| it.1.clone()).unwrap_or_default();
    let field = of.kind.field(&name).filter(|it| of.reader.filters(it)).cloned();
    let field = field
        .ok_or_else(|| Problem::new("bad_field", "没有这个筛选字段", "there is no such condition").field("field"))?;
    let (asked, lang) = (asked(&of, &pairs)?, who.lang);
    let unit = move |tx: &mut Tx<'_>| {
        let found = list::choices(tx, &of.kind, &asked, &field)?;
        let values: Vec<String> = found.iter().map(|it| it.value.clone()).collect();
        let names = Names::of_field(tx, &of.catalog, &of.reader, &field, &values)?;
        Ok(found.iter().map(|it| json!({"value": it.value, "words": words(&of, &names, &field, &it.value, lang), "count": it.count})).collect::<Vec<_>>())
    };
    let items = room.site.world.read(&who.actor, unit).await?;
    Ok(Json(json!({"items": items, "next": null})))
}

fn words(of: &super::Of, names: &Names, field: &Field, value: &str, lang: Lang) -> String {
    let typed = if field.sort == Sort::YesNo { json!(value == "true") } else { json!(value) };
    names.words(&of.catalog, field, &typed, lang)
}

fn body(bytes: &axum::body::Bytes) -> ApiResult<Map<String, Json_>> {
    let wrong = || Problem::new("bad_body", "请求内容应为 JSON 对象", "the body is a JSON object");
    match serde_json::from_slice(bytes) {
        Ok(Json_::Object(it)) => Ok(it),
        _ => Err(wrong().into()),
    }
}

fn view(room: &Room, kind: &Kind, record: &Record, who: &Who) -> Json<Json_> {
    Json(show::json(kind, record, &list::Reader::of(who), room.site.world.now()))
}

async fn create(
    State(room): State<Room>,
    who: Who,
    Path(kind): Path<String>,
    bytes: axum::body::Bytes,
) -> ApiResult<(StatusCode, Json<Json_>)> {
    let of = room.of(&who, &kind)?;
    let sent = Sent::of_json(&of, &body(&bytes)?, None);
    let (record, _) = service::save(&room, &who, &of, None, sent).await?.or_refusal()?;
    Ok((StatusCode::CREATED, view(&room, &of.kind, &record, &who)))
}

async fn one(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Json_>> {
    let (record, of) = service::find(&room, &who, &id).await?;
    Ok(view(&room, &of.kind, &record, &who))
}

async fn change(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    bytes: axum::body::Bytes,
) -> ApiResult<Json<Json_>> {
    let (record, of) = service::find(&room, &who, &id).await?;
    let sent = Sent::of_json(&of, &body(&bytes)?, Some(&record));
    let sent = Sent { revision: Some(sent.revision.unwrap_or(record.revision)), ..sent };
    let (record, _) = service::save(&room, &who, &of, Some(id), sent).await?.or_refusal()?;
    Ok(view(&room, &of.kind, &record, &who))
}

async fn remove(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    bytes: axum::body::Bytes,
) -> ApiResult<StatusCode> {
    service::find(&room, &who, &id).await?;
    let asked = page::pairs(&query.unwrap_or_default()).into_iter().find(|it| it.0 == "why").map(|it| it.1);
    let why = match asked {
        Some(it) => it,
        None if bytes.is_empty() => String::new(),
        None => body(&bytes)?.get("why").and_then(Json_::as_str).unwrap_or_default().to_owned(),
    };
    service::remove(&room, &who, &id, &why).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn verify(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Json_>> {
    let record = service::verify(&room, &who, &id).await?;
    let of = room.of(&who, &record.kind)?;
    Ok(view(&room, &of.kind, &record, &who))
}

async fn story(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Json_>> {
    let (_, _, steps) = card::steps(&room, &who, &id).await?;
    let items: Vec<Json_> = steps.iter().map(|it| history::json(it, who.lang)).collect();
    Ok(Json(json!({"items": items, "next": null})))
}

async fn pointing(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Json_>> {
    let (record, of) = service::find(&room, &who, &id).await?;
    let unit = move |tx: &mut Tx<'_>| -> Result<Vec<Json_>, StoreError> {
        let found = links::to(tx, &of, &record)?;
        let named = |it: &links::Pointing| {
            let records = it
                .records
                .iter()
                .map(|record| json!({"id": record.id, "name": show::title(&it.kind, record, &of.reader)}));
            json!({"kind": it.kind.id, "field": it.field.id, "count": it.count, "records": records.collect::<Vec<_>>()})
        };
        Ok(found.iter().map(named).collect())
    };
    let items = room.site.world.read(&who.actor, unit).await?;
    Ok(Json(json!({"items": items, "next": null})))
}

async fn unmask(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Json_>> {
    let fields = service::unmask(&room, &who, &id).await?;
    Ok(Json(json!({"id": id, "fields": fields})))
}

async fn erase(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Json_>> {
    service::erase(&room, &who, &id).await?;
    Ok(Json(json!({"id": id, "erased": true})))
}
