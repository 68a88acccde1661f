//! 管理 → 业务包: upload, check, preview, activate, roll back.

use std::sync::Arc;

use anlan_kernel::{Permission, Problem};
use anlan_store::StoreError;
use anlan_web::{Access, ApiError, ApiResult, Mounted, Routes, Site, Who, page};
use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::{Change, Findings, Pack, changes, keep, model};
use crate::state::Register;

#[derive(Clone)]
struct Room {
    site: Arc<Site>,
    register: Arc<Register>,
}

/// Routes of packs.
pub fn routes(site: &Arc<Site>, register: &Arc<Register>) -> Mounted {
    let needs = Access::Needs(Permission::EditPacks);
    Routes::new(site)
        .get("/packs", needs, "业务包", "Packs", list_page)
        .get("/packs/{id}", needs, "业务包的一个版本", "One version of a pack", one_page)
        .get("/api/v1/packs", needs, "业务包的所有版本", "Every version of every pack", list)
        .get("/api/v1/packs/{id}", needs, "一个版本：文件、问题、变化", "One version: files, faults, changes", one)
        .post("/packs/{id}/activate", needs, "启用这个版本", "Put this version in force", activate_form)
        .post("/packs/{id}/retire", needs, "停用", "Take it out of force", retire_form)
        .post("/api/v1/packs/{id}/activate", needs, "启用这个版本", "Put this version in force", activate)
        .post("/api/v1/packs/{id}/retire", needs, "停用", "Take it out of force", retire)
        .limit(16 << 20)
        .post("/packs", needs, "上传业务包（zip）", "Upload a pack as a zip", upload_form)
        .post("/api/v1/packs", needs, "上传业务包（zip）", "Upload a pack as a zip", upload)
        .finish(Room { site: Arc::clone(site), register: Arc::clone(register) })
}

async fn take(room: &Room, who: &Who, bytes: &[u8]) -> Result<Pack, ApiError> {
    let files = model::unzip(bytes)?;
    let pack = Pack::of_files(files, false, &who.actor.name, room.site.world.now()).map_err(|it| first(&it))?;
    Ok(keep(&room.site.world, &who.actor, pack).await?)
}

fn first(findings: &[crate::kinds::read::Finding]) -> ApiError {
    let problem = findings
        .first()
        .map_or_else(|| Problem::new("pack_wrong", "业务包有误", "the pack is wrong"), |it| it.1.clone());
    problem.into()
}

async fn upload(State(room): State<Room>, who: Who, bytes: Bytes) -> ApiResult<Json<Value>> {
    let pack = take(&room, &who, &bytes).await?;
    view(&room, &pack).await.map(Json)
}

async fn upload_form(State(room): State<Room>, who: Who, form: axum::extract::Multipart) -> ApiResult<Response> {
    let (_, bytes) = crate::files::of_form(form).await?;
    let pack = take(&room, &who, &bytes).await?;
    Ok(Redirect::to(&room.site.url(&format!("/packs/{}", anlan_web::percent(&pack.id)))).into_response())
}

async fn find(room: &Room, id: &str) -> Result<Pack, ApiError> {
    let id = id.to_owned();
    let found = room.site.world.read(&anlan_kernel::Actor::system("packs"), move |tx| tx.get::<Pack>(&id)).await?;
    found.ok_or_else(ApiError::not_found)
}

async fn look(room: &Room, pack: &Pack) -> Result<(Findings, Vec<Change>), ApiError> {
    let findings = room.register.faults(pack).await?;
    let asked = pack.clone();
    let changes = room.site.world.read(&anlan_kernel::Actor::system("packs"), move |tx| changes(tx, &asked)).await?;
    Ok((findings, changes))
}

async fn view(room: &Room, pack: &Pack) -> Result<Value, ApiError> {
    let (findings, changes) = look(room, pack).await?;
    let faults: Vec<_> =
        findings.iter().map(|(pack, (file, it))| json!({"pack": pack, "file": file, "problem": it})).collect();
    Ok(json!({
        "id": pack.id, "pack": pack.pack, "version": pack.version, "title": pack.title, "active": pack.active,
        "shipped": pack.shipped, "files": pack.files.keys().collect::<Vec<_>>(), "faults": faults, "changes": changes,
    }))
}

async fn one(State(room): State<Room>, Path(id): Path<String>) -> ApiResult<Json<Value>> {
    let pack = find(&room, &id).await?;
    view(&room, &pack).await.map(Json)
}

async fn all(room: &Room) -> Result<Vec<Pack>, StoreError> {
    room.site
        .world
        .read(&anlan_kernel::Actor::system("packs"), |tx| {
            tx.find::<Pack>("1 = 1", "ORDER BY pack, active DESC, came_at DESC, id", &[])
        })
        .await
}

async fn list(State(room): State<Room>) -> ApiResult<Json<Value>> {
    let packs = all(&room).await?;
    let items: Vec<_> = packs
        .iter()
        .map(|it| json!({"id": it.id, "pack": it.pack, "version": it.version, "title": it.title, "active": it.active, "shipped": it.shipped, "came_at": it.came_at, "active_at": it.active_at}))
        .collect();
    Ok(Json(json!({"items": items})))
}

async fn activate(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Value>> {
    let pack = put_in_force(&room, &who, &id).await?;
    view(&room, &pack).await.map(Json)
}

async fn put_in_force(room: &Room, who: &Who, id: &str) -> Result<Pack, ApiError> {
    let pack = find(room, id).await?;
    if let Some((of, (file, problem))) = room.register.faults(&pack).await?.into_iter().next() {
        let message = anlan_kernel::Text::new(
            format!("{of}/{file}：{}", problem.message.zh),
            format!("{of}/{file}: {}", problem.message.en),
        );
        return Err(Problem { code: "pack_wrong".to_owned(), message, ..problem }.into());
    }
    Ok(room.register.activate(&who.actor, id).await?)
}

async fn activate_form(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Response> {
    put_in_force(&room, &who, &id).await?;
    Ok(Redirect::to(&room.site.url("/packs")).into_response())
}

async fn retire(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Json<Value>> {
    room.register.retire(&who.actor, &id).await?;
    Ok(Json(json!({"id": id, "active": false})))
}

async fn retire_form(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Response> {
    room.register.retire(&who.actor, &id).await?;
    Ok(Redirect::to(&room.site.url("/packs")).into_response())
}

async fn list_page(State(room): State<Room>, who: Who) -> ApiResult<Markup> {
    let (packs, lang) = (all(&room).await?, who.lang);
    let body = html! {
        main {
            h1 { (lang.pick("业务包", "Packs")) }
            form.card.row method="post" action=(room.site.url("/packs")) enctype="multipart/form-data" {
                label { (lang.pick("上传业务包（把文件夹打成 zip）", "Upload a pack (its folder as a zip)")) " "
                    input type="file" name="file" accept=".zip" required; }
                button type="submit" { (lang.pick("上传并检查", "Upload and check")) }
            }
            div.card.scroll tabindex="0" { table {
                thead { tr {
                    th scope="col" { (lang.pick("业务包", "Pack")) } th scope="col" { (lang.pick("版本", "Version")) }
                    th scope="col" { (lang.pick("状态", "State")) } th scope="col" { (lang.pick("来源", "Came")) }
                    th scope="col" { (lang.pick("启用时间", "In force since")) }
                } }
                tbody { @for it in &packs { tr {
                    td { a href=(room.site.url(&format!("/packs/{}", anlan_web::percent(&it.id)))) { (it.title.get(lang)) } " " span.small.soft { (it.pack) } }
                    td.num { (it.version) }
                    td { @if it.active { b { (lang.pick("✓ 启用", "✓ in force")) } } @else { span.soft { (lang.pick("备用", "kept")) } } }
                    td { @if it.shipped { (lang.pick("随程序", "with the program")) } @else { (it.actor) } }
                    td.num { (it.active_at.map(|at| at.wall()[..16].to_owned()).unwrap_or_default()) }
                } } }
            } }
        }
    };
    Ok(page(&room.site, &who, lang.pick("业务包", "Packs"), body))
}

async fn one_page(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Markup> {
    let pack = find(&room, &id).await?;
    let (findings, changes) = look(&room, &pack).await?;
    let lang = who.lang;
    let how = |it: &str| match it {
        "added" => lang.pick("＋ 新增", "＋ added"),
        "removed" => lang.pick("－ 去掉", "－ removed"),
        _ => lang.pick("改动", "changed"),
    };
    let to = |verb: &str| room.site.url(&format!("/packs/{}/{verb}", anlan_web::percent(&pack.id)));
    let body = html! {
        main {
            p { a href=(room.site.url("/packs")) { (lang.pick("‹ 业务包", "‹ Packs")) } }
            h1 { (pack.title.get(lang)) " " span.num { (pack.version) } }
            @if findings.is_empty() {
                @if pack.active {
                    p.card { (lang.pick("✓ 正在使用。", "✓ In force.")) }
                    form method="post" action=(to("retire")) { button.quiet type="submit" { (lang.pick("停用", "Take out of force")) } }
                } @else {
                    form.card.row method="post" action=(to("activate")) {
                        button.main type="submit" { (lang.pick("启用这个版本", "Put this version in force")) }
                        span.soft { (lang.pick("检查通过。立即生效，不用重启；原来的版本留着，可以再启用。", "It proved itself. It takes effect at once; the version before stays.")) }
                    }
                }
            } @else {
                section.card {
                    h2 { (lang.pick("有问题，改好后再上传", "Faults: mend them and upload again")) }
                    ol { @for (of, (file, problem)) in &findings {
                        li { code { (of) "/" (file) } " " (problem.sentence(lang)) }
                    } }
                }
            }
            section.card {
                h2 { (lang.pick("与正在使用的版本相比", "Against what is in force")) }
                @if changes.is_empty() { p.soft { (lang.pick("没有变化", "nothing changes")) } }
                @else { div.scroll tabindex="0" { table {
                    thead { tr { th scope="col" { (lang.pick("变化", "Change")) } th scope="col" { (lang.pick("内容", "What")) } th scope="col" { (lang.pick("涉及记录", "Records")) } } }
                    tbody { @for it in &changes { tr { td { (how(it.how)) } td { code { (it.what) } } td.num { @if it.records > 0 { (it.records) } } } } }
                } } }
            }
            section.card {
                h2 { (lang.pick("文件", "Files")) }
                @for (name, text) in &pack.files { details { summary { code { (name) } } pre.scroll tabindex="0" { (text) } } }
            }
        }
    };
    Ok(page(&room.site, &who, pack.title.get(lang), body))
}
