//! A weather process and its rounds.

use anlan_kernel::Permission;
use anlan_web::{ApiResult, Who, page};
use axum::{
    extract::{Form, Path, State},
    response::Redirect,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    desk::hazard,
    parts::{clock, counts, level, round_state, round_title, to},
};
use crate::{
    api::{ProcessView, Room, read_process},
    courier::percent,
};

/// The process.
pub(super) async fn show(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Markup> {
    let view = read_process(&room, &who, id).await?;
    let title = format!("{} {}", hazard(&view.process.hazard, who.lang), who.lang.pick("过程", "process"));
    Ok(page(&room.site, &who, &title, body(&room, &who, &view, &title)))
}

fn body(room: &Room, who: &Who, view: &ProcessView, title: &str) -> Markup {
    let (lang, site, process) = (who.lang, &room.site, &view.process);
    let (proposed, not_lifted) = (
        lang.pick(
            "信号已降级或解除：请决定是否解除叫应。",
            "A signal fell or was lifted: decide whether to stand down.",
        ),
        lang.pick("响应和管控措施不会自动解除。", "Nothing is lifted by itself."),
    );
    html! {
        main {
            h1 { (title) " " @if let Some(it) = process.level { (level(it, lang)) } }
            p.soft {
                (clock(process.opened_at)) (lang.pick(" 起", " on")) " · "
                @match process.ended_at {
                    Some(at) => { (lang.pick("已结束 ", "over ")) (clock(at)) " " (process.ended_by.as_deref().unwrap_or_default()) },
                    None => (lang.pick("进行中", "open")),
                }
                " · " a href=(site.url(&format!("/map?process={}", percent(&process.id)))) { (lang.pick("一张图", "Map")) }
            }
            @if process.stand_down_proposed { p.note { (proposed) (not_lifted) } }
            div id="rounds" data-live="round. call. process." {
                @for it in &view.rounds {
                    div.card {
                        header { (round_title(site, &it.round, lang)) span.small.soft { (round_state(&it.round, lang)) " " (clock(it.round.start_at)) } }
                        (counts(site, &it.round.id, &it.counts, lang))
                    }
                }
            }
            @if process.open && who.may(Permission::RunRound) {
                @let act = |verb: &str| format!("{}/{verb}", to(site, "processes", &process.id));
                div.columns {
                    form.card method="post" action=(act("raise")) {
                        label { (lang.pick("提至叫应级别", "Raise to level"))
                            select name="level" { @for it in 1..process.level.unwrap_or(5) { option value=(it) { (it) } } } }
                        p { button type="submit" disabled[process.level == Some(1)] { (lang.pick("提级", "Raise")) } }
                    }
                    form.card method="post" action=(act("stand-down")) {
                        label { (lang.pick("解除说明（署名，发给同一份名单）", "Words (signed; told to exactly the same list)"))
                            textarea name="note" rows="2" maxlength="500" {} }
                        p { button.danger type="submit" { (lang.pick("解除叫应", "Stand down")) } }
                    }
                }
            }
        }
    }
}

#[derive(Deserialize)]
pub(super) struct RaiseForm {
    level: u8,
}

/// 提级.
pub(super) async fn raise(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(form): Form<RaiseForm>,
) -> ApiResult<Redirect> {
    room.warn.raise(&who.actor, &id, form.level).await?;
    Ok(Redirect::to(&to(&room.site, "processes", &id)))
}

#[derive(Deserialize)]
pub(super) struct NoteForm {
    #[serde(default)]
    note: String,
}

/// 解除叫应.
pub(super) async fn stand_down(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(form): Form<NoteForm>,
) -> ApiResult<Redirect> {
    room.warn.stand_down(&who.actor, &id, &form.note).await?;
    Ok(Redirect::to(&to(&room.site, "processes", &id)))
}
