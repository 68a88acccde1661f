//! A request for help (有险情、需支援) on the desk: who took it when, and what came of it.

use anlan_kernel::{Lang, Permission as P};
use anlan_register::{CalleeTitle, model::masked_name};
use anlan_store::{StoreError, Tx};
use anlan_warn::{
    Help,
    pages::parts::{clock, to},
};
use anlan_web::{ApiError, ApiResult, Who, page};
use axum::{
    extract::{Form, Path, State},
    response::Redirect,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::todo::{asker, is_list};
use crate::{Room, service::Names};

/// Somebody takes it; whoever takes it wants to dial, and the number stands with the call.
pub(super) async fn take(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Redirect> {
    match room.command.warn.take_help(&who.actor, &id).await {
        // Somebody was quicker; who, and when, stands on the page of the request.
        Err(StoreError::Refused(problem)) if problem.code == "help_is_taken" => Ok(Redirect::to(&own_page(&room, &id))),
        other => Ok(Redirect::to(&call_page(&room, &other?))),
    }
}

fn own_page(room: &Room, id: &str) -> String {
    format!("{}/outcome", to(&room.site, "help", id))
}

fn call_page(room: &Room, help: &Help) -> String {
    let page = if is_list(help.call()) { "escalations" } else { "calls" };
    to(&room.site, page, help.call())
}

struct Asked {
    help: Help,
    asker: Option<CalleeTitle>,
    names: Names,
}

fn read(tx: &mut Tx<'_>, id: &str) -> Result<Option<Asked>, StoreError> {
    let Some(help) = tx.get::<Help>(id)? else { return Ok(None) };
    let asker = asker(tx, &help)?;
    let names = Names::read(tx, [&help.taken_by, &help.ended_by].into_iter().flatten().map(String::as_str))?;
    Ok(Some(Asked { help, asker, names }))
}

pub(super) async fn show(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Markup> {
    let found = room.site.world.read(&who.actor, move |tx| read(tx, &id)).await?;
    let asked = found.ok_or_else(ApiError::not_found)?;
    Ok(page(&room.site, &who, who.lang.pick("有险情、需支援", "Support needed"), body(&room, &who, &asked)))
}

fn body(room: &Room, who: &Who, asked: &Asked) -> Markup {
    let (lang, named, help) = (who.lang, who.may(P::SeePeople), &asked.help);
    let unit = asked.asker.as_ref().map_or_else(|| help.region.to_string(), |it| it.organisation.clone());
    let name = asked.asker.as_ref().map(|it| if named { it.name.clone() } else { masked_name(&it.name) });
    html! {
        main.narrow id="help" data-live="help." {
            h1 { (unit) (lang.pick("：有险情、需支援", ": support needed")) }
            dl.card.fields {
                dt { (lang.pick("谁报的", "Asked by")) } dd { (name.unwrap_or_default()) " " (clock(help.asked_at)) " "
                    a href=(call_page(room, help)) { (lang.pick("看号码 ›", "the number ›")) } }
                dt { (lang.pick("接手", "Taken by")) }
                dd { @match (&help.taken_by, help.taken_at) {
                    (Some(by), Some(at)) => { b { (asked.names.of(by)) } " " (clock(at)) },
                    _ => span.bad { (lang.pick("还没有人接手", "nobody yet")) },
                } }
                @if let (Some(by), Some(at)) = (&help.ended_by, help.ended_at) {
                    dt { (lang.pick("结果", "Outcome")) }
                    dd { (help.outcome.as_deref().filter(|_| named).unwrap_or_default()) " " span.small.soft { (asked.names.of(by)) " " (clock(at)) } }
                }
            }
            @if who.may(P::RecordAnswer) { (next(room, help, lang)) }
            p { a href=(room.site.url("/")) { (lang.pick("回到值班台", "Back to the desk")) } }
        }
    }
}

fn next(room: &Room, help: &Help, lang: Lang) -> Markup {
    html! {
        @match (help.taken_at, help.ended_at) {
            (None, _) => form method="post" action=(format!("{}/take", to(&room.site, "help", &help.id))) {
                button.main type="submit" { (lang.pick("我来处理", "I take it")) }
            },
            (Some(_), None) => form.card method="post" action=(own_page(room, &help.id)) {
                label { (lang.pick("结果", "Outcome")) input name="outcome" required maxlength="500" autofocus autocomplete="off"; }
                p { button.main type="submit" { (lang.pick("办结", "Done")) } }
            },
            (Some(_), Some(_)) => {},
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Outcome {
    #[serde(default)]
    outcome: String,
}

pub(super) async fn end(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(said): Form<Outcome>,
) -> ApiResult<Redirect> {
    room.command.warn.end_help(&who.actor, &id, &said.outcome).await?;
    Ok(Redirect::to(&room.site.url("/")))
}
