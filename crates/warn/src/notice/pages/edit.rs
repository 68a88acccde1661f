//! What the drafter's forms send.

use anlan_kernel::{Instant, Problem};
use anlan_register::Who as Part;
use anlan_web::{ApiResult, Who};
use axum::{
    extract::{Form, Path, State},
    response::Redirect,
};
use serde::Deserialize;

use super::super::{draft::Edit, flow::Event, model::Kind};
use crate::{api::Room, pages::parts::to};

#[derive(Deserialize)]
pub(super) struct Create {
    process: String,
    #[serde(default)]
    hat: Option<String>,
}

/// 起草.
pub(super) async fn create(State(room): State<Room>, who: Who, Form(it): Form<Create>) -> ApiResult<Redirect> {
    let hat = it.hat.filter(|it| !it.is_empty());
    let notice = room.warn.notice_draft(&who.actor, &it.process, hat, None).await?;
    Ok(Redirect::to(&to(&room.site, "notices", &notice.id)))
}

/// 保存, or 保存并送签.
pub(super) async fn save(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(fields): Form<Vec<(String, String)>>,
) -> ApiResult<Redirect> {
    let (edit, revision) = read(&fields)?;
    let saved = room.warn.notice_edit(&who.actor, &id, revision, edit).await?;
    if fields.iter().any(|(name, value)| name == "then" && value == "submit") {
        room.warn.notice_act(&who.actor, &id, None, Some(saved.revision), Event::Submit).await?;
    }
    Ok(Redirect::to(&to(&room.site, "notices", &id)))
}

fn read(fields: &[(String, String)]) -> Result<(Edit, Option<i64>), Problem> {
    let one = |name: &str| fields.iter().find(|it| it.0 == name).map(|it| it.1.clone());
    let all = |name: &str| fields.iter().filter(|it| it.0 == name).map(|it| it.1.clone()).collect::<Vec<_>>();
    let some = |values: Vec<String>| (!values.is_empty()).then_some(values);
    let audience =
        some(all("audience")).map(|it| it.iter().map(|it| part(it)).collect::<Result<_, _>>()).transpose()?;
    let edit = Edit {
        title: one("title"),
        advice: one("advice"),
        measures: one("measures").map(|it| it.lines().map(str::to_owned).collect()),
        areas: some(all("areas")),
        until: one("until").filter(|it| !it.is_empty()).map(|it| local(&it)).transpose()?,
        audience,
        reason: one("reason"),
        hat: one("hat").filter(|it| !it.is_empty()),
    };
    Ok((edit, one("revision").and_then(|it| it.parse().ok())))
}

fn part(name: &str) -> Result<Part, Problem> {
    serde_json::from_value(name.into())
        .map_err(|it| Problem::new("bad_audience", format!("“{name}”不是接收对象"), it.to_string()).field("audience"))
}

/// `2023-09-02T08:00` as the clock on the wall says it.
fn local(text: &str) -> Result<Instant, Problem> {
    let seconds = if text.len() == 16 { ":00" } else { "" };
    Instant::parse(&format!("{text}{seconds}+08:00"))
        .map_err(|it| Problem::new("bad_until", "有效时间应如 2023-09-02 08:00", it.to_string()).field("until"))
}

/// 撤稿.
pub(super) async fn withdraw(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Redirect> {
    room.warn.notice_act(&who.actor, &id, None, None, Event::Withdraw).await?;
    Ok(Redirect::to(&to(&room.site, "notices", &id)))
}

#[derive(Deserialize)]
pub(super) struct Verbal {
    said_by: String,
    said_from: String,
    #[serde(default)]
    revision: Option<i64>,
}

/// 电话口头同意: it goes out at once.
pub(super) async fn verbal(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(it): Form<Verbal>,
) -> ApiResult<Redirect> {
    let event = Event::Verbal { said_by: it.said_by, said_from: it.said_from, said_at: room.site.world.now() };
    room.warn.notice_act(&who.actor, &id, None, it.revision, event).await?;
    Ok(Redirect::to(&to(&room.site, "notices", &id)))
}

#[derive(Deserialize)]
pub(super) struct Begin {
    kind: Kind,
    #[serde(default)]
    reason: String,
}

/// 更新、更正、解除.
pub(super) async fn begin(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(it): Form<Begin>,
) -> ApiResult<Redirect> {
    room.warn.notice_begin(&who.actor, &id, it.kind, Some(it.reason)).await?;
    Ok(Redirect::to(&to(&room.site, "notices", &id)))
}
