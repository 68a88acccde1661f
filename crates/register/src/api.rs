//! People over HTTP: the list with masked numbers, import, check, export, a journaled look, erasure.

use std::sync::Arc;

use anlan_kernel::{Permission, Problem};
use anlan_store::{Event, StoreError, Urgency, params};
use anlan_web::{Access, ApiError, ApiResult, Mounted, Routes, Site, Who, page};
use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};

use crate::{
    Hooks, check, export, import,
    model::{Person, Post, masked_name},
    phone, store,
};

const PAGE: usize = 100;

/// Routes of the register.
pub fn routes(site: &Arc<Site>, hooks: Hooks) -> Mounted {
    use Permission::{EditPeople, ErasePerson, SeePeople, Unmask};
    let erase = move |State(site), who, Path(id)| erase(site, who, id, hooks.clone());
    Routes::new(site)
        .get("/people", Access::Needs(SeePeople), "责任人", "People", list_page)
        .get("/people/check", Access::Needs(SeePeople), "号码核查", "Number check", check_page)
        .get("/people/export.xlsx", Access::Needs(Unmask), "导出名册", "Export the roster", export_xlsx)
        .get("/api/v1/people", Access::Needs(SeePeople), "责任人名单（号码隐去）", "People, numbers masked", list)
        .get("/api/v1/people/check", Access::Needs(SeePeople), "号码核查结果", "Findings of the number check", findings)
        .post(
            "/api/v1/people/{id}/unmask",
            Access::Needs(Unmask),
            "查看号码（记入操作日志）",
            "A number in clear, journaled",
            unmask,
        )
        .post(
            "/api/v1/people/{id}/erase",
            Access::Needs(ErasePerson),
            "依法删除个人信息",
            "Erase a person's data",
            erase,
        )
        .limit(64 << 20)
        .post("/api/v1/import/{kind}", Access::Needs(EditPeople), "导入名册", "Import a roster", take)
        .finish(Arc::clone(site))
        .merge(crate::start::routes(site))
        .merge(crate::find::routes(site))
}

#[derive(Clone, Debug, Default, Deserialize)]
struct ListQuery {
    q: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

#[derive(Serialize)]
struct PersonView {
    id: String,
    name: String,
    phone: String,
    region: String,
    posts: i64,
}

#[derive(Serialize)]
struct List<T> {
    items: Vec<T>,
    next: Option<String>,
}

async fn read(site: &Site, who: &Who, query: &ListQuery) -> Result<List<PersonView>, StoreError> {
    let most = query.limit.unwrap_or(PAGE).clamp(1, 500);
    let (cursor, words) = (query.cursor.clone().unwrap_or_default(), query.q.clone().unwrap_or_default());
    let clear = who.may(Permission::Unmask) || who.may(Permission::EditPeople);
    site.world
        .read(&who.actor, move |tx| {
            // Whoever sees no name finds one by the whole of it only: a part would tell the rest letter by letter.
            let plain = words.trim().replace(['%', '_'], "");
            let name = if clear || plain.is_empty() { store::pattern(&plain) } else { plain };
            let (number, tail) = phone::looked_for(&words);
            let found: Vec<Person> = tx.find(
                "id > $1 AND erased_at IS NULL AND (name LIKE $2 OR phone = $3 OR spare = $3
                    OR (LENGTH(phone) >= 8 AND phone LIKE $4) OR (LENGTH(spare) >= 8 AND spare LIKE $4))",
                "ORDER BY id LIMIT $5",
                params![cursor.as_str(), name.as_str(), number.as_str(), tail.as_str(), most],
            )?;
            let next = (found.len() == most).then(|| found.last().map(|it| it.id.clone())).flatten();
            let mut items = Vec::new();
            for it in found {
                let posts = tx.count::<Post>("person = $1", params![&it.id])?;
                let name = it.name.unwrap_or_default();
                items.push(PersonView {
                    name: if clear { name } else { masked_name(&name) },
                    phone: it.phone.or(it.spare).map(|it| phone::masked(&it)).unwrap_or_default(),
                    region: it.region.to_string(),
                    posts,
                    id: it.id,
                });
            }
            Ok(List { items, next })
        })
        .await
}

async fn list(State(site): State<Arc<Site>>, who: Who, Query(query): Query<ListQuery>) -> ApiResult<Response> {
    Ok(Json(read(&site, &who, &query).await?).into_response())
}

async fn findings(State(site): State<Arc<Site>>, who: Who) -> ApiResult<Response> {
    Ok(Json(List { items: check::run(&site.world, &who.actor).await?, next: None }).into_response())
}

async fn list_page(State(site): State<Arc<Site>>, who: Who, Query(query): Query<ListQuery>) -> ApiResult<Markup> {
    let found = read(&site, &who, &query).await?;
    let lang = who.lang;
    let words = query.q.clone().unwrap_or_default();
    let body = html! {
        h1 { (lang.pick("责任人", "People")) }
        form.row method="get" {
            input type="search" name="q" value=(words) aria-label=(lang.pick("姓名或号码", "name or number"));
            button { (lang.pick("查找", "Find")) }
            a href=(site.url("/people/check")) { (lang.pick("号码核查", "Number check")) }
        }
        div.scroll tabindex="0" { table {
            thead { tr {
                th { (lang.pick("姓名", "Name")) } th { (lang.pick("号码", "Number")) }
                th { (lang.pick("区划", "Region")) } th { (lang.pick("岗位数", "Posts")) }
            } }
            tbody { @for it in &found.items {
                tr { td { (it.name) } td.num { (it.phone) } td.num { (it.region) } td.num { (it.posts) } }
            } }
        } }
        @if let Some(next) = &found.next {
            a href={ (site.url("/people")) "?q=" (words) "&cursor=" (next) } { (lang.pick("下一页", "Next page")) }
        }
    };
    Ok(page(&site, &who, lang.pick("责任人", "People"), html! { main { (body) } }))
}

async fn check_page(State(site): State<Arc<Site>>, who: Who) -> ApiResult<Markup> {
    let found = check::run(&site.world, &who.actor).await?;
    let lang = who.lang;
    let body = html! {
        h1 { (lang.pick("号码核查", "Number check")) " · " (found.len()) }
        div.scroll tabindex="0" { table { tbody { @for it in &found {
            tr { td.num { (it.region) } td { (it.who) } td { (it.message.get(lang)) } }
        } } } }
    };
    Ok(page(&site, &who, lang.pick("号码核查", "Number check"), html! { main { (body) } }))
}

async fn export_xlsx(State(site): State<Arc<Site>>, who: Who) -> ApiResult<Response> {
    let bytes = export::people(&site.world, &who.actor, "xlsx").await?;
    site.world
        .write("export", Urgency::Urgent, &who.actor, |tx| tx.record(Event::new("people.exported", "people")))
        .await?;
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, "attachment; filename=\"people.xlsx\"")];
    Ok((headers, bytes).into_response())
}

async fn unmask(State(site): State<Arc<Site>>, who: Who, Path(id): Path<String>) -> ApiResult<Response> {
    let found = site
        .world
        .write("unmask", Urgency::Urgent, &who.actor, move |tx| {
            let Some(person) = tx.get::<Person>(&id)? else { return Ok(None) };
            tx.record(Event::new("person.unmasked", &person.id).region(&person.region))?;
            Ok(Some(person))
        })
        .await?;
    let person = found.ok_or_else(ApiError::not_found)?;
    let body = serde_json::json!({"id": person.id, "name": person.name, "phone": person.phone, "spare": person.spare});
    Ok(Json(body).into_response())
}

async fn erase(site: Arc<Site>, who: Who, id: String, hooks: Hooks) -> ApiResult<Response> {
    let found = site.world.write("erase", Urgency::Urgent, &who.actor, move |tx| crate::erase(tx, &hooks, &id)).await?;
    if !found {
        return Err(ApiError::not_found());
    }
    site.world.scrub().await?;
    Ok(Json(serde_json::json!({"erased": true})).into_response())
}

#[derive(Clone, Debug, Default, Deserialize)]
struct TakeQuery {
    dry_run: Option<String>,
    file: Option<String>,
}

async fn take(
    State(site): State<Arc<Site>>,
    who: Who,
    Path(kind): Path<String>,
    Query(query): Query<TakeQuery>,
    headers: HeaderMap,
    body: Bytes,
) -> ApiResult<Response> {
    if body.is_empty() {
        return Err(Problem::new("bad_body", "文件是空的", "the file is empty").into());
    }
    check_type(&headers)?;
    let dry = query.dry_run.as_deref().is_some_and(|it| matches!(it, "1" | "true"));
    let name = query.file.unwrap_or_default();
    let report = import::run(&site.world, &who.actor, &kind, &body, &name, dry).await.map_err(refusal)?;
    Ok(Json(report).into_response())
}

/// The body is the file itself; a form or JSON around it would be read as a table.
pub(crate) fn check_type(headers: &HeaderMap) -> ApiResult<()> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("multipart/") && !kind.starts_with("application/json") {
        return Ok(());
    }
    let (zh, en) =
        ("请把 xlsx 或 csv 文件本身作为请求内容发送", "send the xlsx or csv file itself as the body of the request");
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Problem::new("bad_content_type", zh, en)))
}

/// A file that cannot be read is no conflict.
pub(crate) fn refusal(error: StoreError) -> ApiError {
    match error {
        StoreError::Refused(problem) if problem.code == "too_large" => {
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, problem)
        }
        StoreError::Refused(problem) => ApiError::new(StatusCode::BAD_REQUEST, problem),
        error => error.into(),
    }
}
