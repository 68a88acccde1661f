//! 附件: files kept with a record, under the digest of their bytes in the world's folder.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use anlan_kernel::{Permission, Problem};
use anlan_store::{Advanced, Event, StoreError, Tx, Urgency, disk, file_problem, hex, params};
use anlan_web::{Access, ApiError, ApiResult, Routes, Who};
use axum::{
    Json,
    body::Bytes,
    extract::{Multipart, Path as At, Query, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use serde_json::{Value as Json_, json};
use sha2::{Digest as _, Sha256};

use super::{Attachment, Of, Record, Room, service, write};
use crate::kinds::{Field, Sort};

/// Most bytes of a file.
const LARGEST: usize = 20 << 20;
/// Bytes that a form has around its file.
const AROUND: usize = 64 << 10;
/// Letters of a file's name.
const NAME: usize = 120;

/// Doors of files.
pub(super) fn routes(routes: Routes<Room>) -> Routes<Room> {
    let (see, edit) = (Access::Needs(Permission::SeeRegister), Access::Needs(Permission::EditRegister));
    routes
        .get("/records/{id}/attachments/{file}", see, "打开附件", "Open a file", open)
        .get("/api/v1/records/{id}/attachments", see, "附件", "Files of a record", list)
        .post("/records/{id}/attachments/{file}/remove", edit, "去掉附件", "Remove a file", remove_form)
        .delete("/api/v1/records/{id}/attachments/{file}", edit, "去掉附件", "Remove a file", remove)
        .limit(LARGEST + AROUND)
        .post("/records/{id}/attachments", edit, "添加附件", "Add a file", add_form)
        .post("/api/v1/records/{id}/attachments", edit, "添加附件（文件本身作为请求内容）", "Add a file: the body", add)
}

/// A file that came.
struct Came {
    name: String,
    field: String,
    bytes: Vec<u8>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
    #[serde(default)]
    field: String,
}

async fn add(
    State(room): State<Room>,
    who: Who,
    At(id): At<String>,
    Query(named): Query<Named>,
    bytes: Bytes,
) -> ApiResult<(StatusCode, Json<Json_>)> {
    let came = Came { name: named.name, field: named.field, bytes: bytes.to_vec() };
    let added = keep(&room, &who, &id, came).await?;
    Ok((StatusCode::CREATED, Json(json(&added))))
}

async fn add_form(State(room): State<Room>, who: Who, At(id): At<String>, mut form: Multipart) -> ApiResult<Response> {
    let broken = |_| Problem::new("bad_form", "文件没有传完整，或超过 20 MB", "the upload broke off, or is over 20 MB");
    let mut came = Came { name: String::new(), field: String::new(), bytes: Vec::new() };
    while let Some(part) = form.next_field().await.map_err(broken)? {
        match part.name() {
            Some("field") => came.field = part.text().await.map_err(broken)?,
            Some("file") => {
                came.name = part.file_name().unwrap_or_default().to_owned();
                came.bytes = part.bytes().await.map_err(broken)?.to_vec();
            }
            _ => {}
        }
    }
    keep(&room, &who, &id, came).await?;
    Ok(back(&room, &id))
}

fn back(room: &Room, id: &str) -> Response {
    Redirect::to(&room.url(&format!("/records/{}", anlan_web::percent(id)))).into_response()
}

/// What the bytes are, whatever the name says.
fn sniffed(bytes: &[u8]) -> &'static str {
    let begins = |it: &[u8]| bytes.starts_with(it);
    match bytes {
        _ if begins(b"\x89PNG\r\n\x1a\n") => "image/png",
        _ if begins(b"\xff\xd8\xff") => "image/jpeg",
        _ if begins(b"GIF87a") || begins(b"GIF89a") => "image/gif",
        _ if begins(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") => "image/webp",
        _ if begins(b"%PDF-") => "application/pdf",
        _ => "application/octet-stream",
    }
}

fn is_image(media: &str) -> bool {
    media.starts_with("image/")
}

fn refuse(code: &str, zh: &str, en: &str) -> ApiError {
    Problem::new(code, zh, en).field("file").into()
}

/// A photograph of whoever was there.
pub(crate) async fn keep_photo(room: &Room, who: &Who, id: &str, name: &str, bytes: Vec<u8>) -> ApiResult<Attachment> {
    if !is_image(sniffed(&bytes)) {
        return Err(refuse(
            "bad_photo",
            "这里要照片：PNG、JPEG、GIF 或 WebP",
            "a photograph is wanted: PNG, JPEG, GIF or WebP",
        ));
    }
    keep(room, who, id, Came { name: name.to_owned(), field: String::new(), bytes }).await
}

async fn keep(room: &Room, who: &Who, id: &str, came: Came) -> ApiResult<Attachment> {
    let (record, of) = service::find(room, who, id).await?;
    if came.bytes.is_empty() {
        return Err(refuse("bad_file", "文件是空的", "the file is empty"));
    }
    if came.bytes.len() > LARGEST {
        return Err(ApiError::of(StatusCode::PAYLOAD_TOO_LARGE));
    }
    let media = sniffed(&came.bytes);
    let field = field_of(&of, &came.field)?;
    if field.is_some_and(|it| matches!(it.sort, Sort::Photo | Sort::Signature)) && !is_image(media) {
        return Err(refuse(
            "bad_photo",
            "这里要照片：PNG、JPEG、GIF 或 WebP",
            "a photograph is wanted: PNG, JPEG, GIF or WebP",
        ));
    }
    let digest = hex(&Sha256::digest(&came.bytes));
    let (size, path) = (came.bytes.len(), path_of(room, &digest));
    let (dir, bytes) = (path.parent().unwrap_or(&path).to_owned(), came.bytes);
    let written = tokio::task::spawn_blocking(move || store(&dir, &path, &bytes)).await;
    written.map_err(|it| StoreError::Io(it.to_string()))??;
    let new = Attachment {
        id: write::new_id(room.site.world.now()).replacen('r', "f", 1),
        record: record.id.clone(),
        region: record.region.clone(),
        field: came.field,
        name: tidy(&came.name, media),
        media: media.to_owned(),
        digest: digest.clone(),
        size: i64::try_from(size).unwrap_or(i64::MAX),
        at: room.site.world.now(),
        actor: who.actor.name.clone(),
    };
    let unit = move |tx: &mut Tx<'_>| attach(tx, &of, &new);
    let added = room.site.world.write("attachment.add", Urgency::Urgent, &who.actor, unit).await;
    if added.is_err() {
        sweep(room, vec![digest]).await?;
    }
    Ok(added?)
}

fn field_of<'a>(of: &'a Of, id: &str) -> ApiResult<Option<&'a Field>> {
    if id.is_empty() {
        return Ok(None);
    }
    let field = of.kind.field(id).filter(|it| !it.in_sheets() && of.reader.sees(it));
    field.map(Some).ok_or_else(|| refuse("bad_field", "这个字段不放文件", "this field holds no files"))
}

fn tidy(name: &str, media: &str) -> String {
    let plain: String =
        name.rsplit(['/', '\\']).next().unwrap_or_default().chars().filter(|it| !it.is_control()).take(NAME).collect();
    if plain.trim().is_empty() { media.replace('/', ".") } else { plain }
}

fn path_of(room: &Room, digest: &str) -> PathBuf {
    room.site.world.dir().join("attachments").join(digest.get(..2).unwrap_or("00")).join(digest)
}

/// Written beside and moved: a file under its digest is whole.
fn store(dir: &Path, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let bad = |it: std::io::Error| StoreError::from(file_problem(path, &it));
    if path.exists() {
        return Ok(());
    }
    disk::make_dir(dir).map_err(bad)?;
    let (mut file, beside) = disk::draft(path).map_err(bad)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(bad)?;
    std::fs::rename(&beside, path).and_then(|()| disk::sync_name(path)).map_err(bad)
}

fn attach(tx: &mut Tx<'_>, of: &Of, new: &Attachment) -> Result<Attachment, StoreError> {
    let record = tx.get::<Record>(&new.record)?.ok_or_else(service::missing)?;
    let new = Attachment { region: record.region.clone(), ..new.clone() };
    tx.put(&new)?;
    if let Some(field) = of.kind.field(&new.field) {
        let mut held = held(&record, field);
        if !field.many {
            held.clear();
        }
        held.push(Json_::String(new.id.clone()));
        hold(tx, of, record, field, held)?;
    }
    let detail = json!({"file": new.id, "field": new.field, "digest": new.digest});
    tx.record(Event::new("attachment.added", &new.record).region(&new.region).detail(detail))?;
    Ok(new)
}

fn held(record: &Record, field: &Field) -> Vec<Json_> {
    record.value(&field.id).map(crate::kinds::value::every).unwrap_or_default().into_iter().cloned().collect()
}

/// The files a field holds stand in the record.
fn hold(tx: &mut Tx<'_>, of: &Of, mut record: Record, field: &Field, held: Vec<Json_>) -> Result<(), StoreError> {
    let into = match field.personal {
        Some(_) => record.personal.get_or_insert_default(),
        None => &mut record.fields,
    };
    match (held.last().cloned(), field.many) {
        (None, _) => drop(into.remove(&field.id)),
        (Some(_), true) => drop(into.insert(field.id.clone(), Json_::Array(held))),
        (Some(one), false) => drop(into.insert(field.id.clone(), one)),
    }
    record.changed_at = tx.now();
    record.changed_by = tx.actor().name.clone();
    if tx.advance(&record)? == Advanced::Stale {
        return Err(StoreError::Stale(record.id));
    }
    record.revision += 1;
    write::index(tx, &of.catalog, &of.kind, &[&record])
}

/// The files of a record.
pub(crate) fn of_record(tx: &mut Tx<'_>, record: &str) -> Result<Vec<Attachment>, StoreError> {
    tx.find("record = $1", "ORDER BY at, id", params![record])
}

/// Other records that hold the same bytes, by digest: the same photograph of two places is worth a question.
pub(crate) fn elsewhere(tx: &mut Tx<'_>, file: &Attachment) -> Result<Vec<(String, Option<String>)>, StoreError> {
    let sql = "SELECT DISTINCT r.id, r.name FROM attachment a JOIN record r ON r.id = a.record
                WHERE a.digest = $1 AND a.record <> $2 AND {scope:a.region} AND {scope:r.region} ORDER BY r.id LIMIT 5";
    let rows = tx.query(sql, params![&file.digest, &file.record])?;
    rows.iter().map(|it| Ok((it.text(0)?, it.opt(1, anlan_store::Row::text)?))).collect()
}

/// A file for a program.
pub(crate) fn json(file: &Attachment) -> Json_ {
    json!({
        "id": file.id, "field": file.field, "name": file.name, "media": file.media, "digest": file.digest,
        "size": file.size, "at": file.at, "actor": file.actor,
    })
}

async fn list(State(room): State<Room>, who: Who, At(id): At<String>) -> ApiResult<Json<Json_>> {
    let (record, of) = service::find(&room, &who, &id).await?;
    let files = room.site.world.read(&who.actor, move |tx| of_record(tx, &record.id)).await?;
    let seen = files.iter().filter(|it| is_seen(&of, it));
    Ok(Json(json!({"items": seen.map(json).collect::<Vec<_>>(), "next": null})))
}

/// Whether the reader sees the field that a file belongs to.
pub(crate) fn is_seen(of: &Of, file: &Attachment) -> bool {
    file.field.is_empty()
        || of.kind.field(&file.field).is_some_and(|it| of.reader.sees(it) && (it.personal.is_none() || of.reader.clear))
}

async fn file_of(room: &Room, who: &Who, id: &str, file: &str) -> ApiResult<(Attachment, Of)> {
    let (record, of) = service::find(room, who, id).await?;
    let file = file.to_owned();
    let found = room.site.world.read(&who.actor, move |tx| tx.get::<Attachment>(&file)).await?;
    let found = found.filter(|it| it.record == record.id && is_seen(&of, it)).ok_or_else(ApiError::not_found)?;
    Ok((found, of))
}

async fn open(State(room): State<Room>, who: Who, At((id, file)): At<(String, String)>) -> ApiResult<Response> {
    let (file, _) = file_of(&room, &who, &id, &file).await?;
    let path = path_of(&room, &file.digest);
    let bytes = tokio::fs::read(&path).await.map_err(|it| {
        tracing::error!(path = %path.display(), error = %it, "a file of a record cannot be read");
        ApiError::not_found()
    })?;
    let kind = if is_image(&file.media) { "inline" } else { "attachment" };
    let disposition = format!("{kind}; filename*=UTF-8''{}", anlan_web::percent(&file.name));
    let headers = [
        (header::CONTENT_TYPE, file.media),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CACHE_CONTROL, "private, max-age=86400, immutable".to_owned()),
    ];
    let mut answer = (headers, bytes).into_response();
    answer.headers_mut().insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    Ok(answer)
}

async fn remove(State(room): State<Room>, who: Who, At((id, file)): At<(String, String)>) -> ApiResult<StatusCode> {
    detach(&room, &who, &id, &file).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn remove_form(State(room): State<Room>, who: Who, At((id, file)): At<(String, String)>) -> ApiResult<Response> {
    detach(&room, &who, &id, &file).await?;
    Ok(back(&room, &id))
}

async fn detach(room: &Room, who: &Who, id: &str, file: &str) -> ApiResult<()> {
    let (file, of) = file_of(room, who, id, file).await?;
    let digest = file.digest.clone();
    let unit = move |tx: &mut Tx<'_>| {
        let record = tx.get::<Record>(&file.record)?.ok_or_else(service::missing)?;
        tx.delete::<Attachment>(&file.id)?;
        if let Some(field) = of.kind.field(&file.field) {
            let mut held = held(&record, field);
            held.retain(|it| it.as_str() != Some(&file.id));
            hold(tx, &of, record, field, held)?;
        }
        let detail = json!({"file": file.id, "field": file.field});
        tx.record(Event::new("attachment.removed", &file.record).region(&file.region).detail(detail))
    };
    room.site.world.write("attachment.remove", Urgency::Urgent, &who.actor, unit).await?;
    sweep(room, vec![digest]).await
}

/// Removes the files with these digests that no record holds any more.
pub(crate) async fn sweep(room: &Room, digests: Vec<String>) -> ApiResult<()> {
    for digest in digests {
        let wanted = digest.clone();
        let system = anlan_kernel::Actor::system("attachments");
        let unit = move |tx: &mut Tx<'_>| {
            let kept = tx.count::<Attachment>("digest = $1", params![&wanted])?;
            Ok(kept > 0)
        };
        if !room.site.world.read(&system, unit).await? {
            // Gone already, or swept with the next one that is removed.
            let _ = tokio::fs::remove_file(path_of(room, &digest)).await;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_its_bytes_say() {
        for (bytes, media) in [
            (&b"\x89PNG\r\n\x1a\n...."[..], "image/png"),
            (b"\xff\xd8\xff\xe0", "image/jpeg"),
            (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
            (b"%PDF-1.7", "application/pdf"),
            (b"<svg onload=alert(1)>", "application/octet-stream"),
            (b"<html>", "application/octet-stream"),
            (b"", "application/octet-stream"),
        ] {
            assert_eq!(sniffed(bytes), media);
        }
        assert_eq!(tidy("C:\\照片\\正门.jpg", "image/jpeg"), "正门.jpg");
        assert_eq!(tidy("../../etc/passwd\n", "application/pdf"), "passwd");
        assert_eq!(tidy(" ", "image/png"), "image.png");
    }
}
