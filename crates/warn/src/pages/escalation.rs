//! A list for a superior: who stands on it, who is asked, who took it over.

use anlan_kernel::Permission;
use anlan_register::{callee_title, contacts};
use anlan_store::{StoreError, params};
use anlan_web::{ApiError, ApiResult, Who, page, percent};
use axum::{
    extract::{Form, Path, State},
    response::Redirect,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    parts::{clock, duties, number, state, to},
    round::list_words,
};
use crate::{
    api::{CallView, Room, person_of, views},
    escalation::superior,
    model::{Call, Escalation, EscalationState},
};

/// Somebody who is asked in turn.
struct Superior {
    id: String,
    name: String,
    /// Whether they are being asked now.
    now: bool,
    /// Whether the reader may open their record of duty.
    open: bool,
}

type Chain = Vec<Superior>;

/// The list.
pub(super) async fn show(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Markup> {
    let (list, chain, by, calls) = read(&room, &who, id).await?.ok_or_else(ApiError::not_found)?;
    let title = who.lang.pick("逐级叫应名单", "List for the superior");
    Ok(page(&room.site, &who, title, body(&room, &who, &list, &chain, &by, &calls)))
}

/// The list, who is asked in turn, who accepted, and who stands on it.
type Sheet = (Escalation, Chain, String, Vec<CallView>);

async fn read(room: &Room, who: &Who, id: String) -> Result<Option<Sheet>, StoreError> {
    let named = who.may(Permission::SeePeople);
    room.site
        .world
        .read(&who.actor, move |tx| {
            let Some(list) = tx.get::<Escalation>(&id)? else { return Ok(None) };
            let known = contacts(tx, &list.chain)?;
            let name = |id: &String| known.get(id).map_or_else(|| "—".to_owned(), |it| it.title.name.clone());
            let current = superior(&list, list.link);
            let mut chain = Chain::new();
            for id in &list.chain {
                let open = callee_title(tx, id)?.is_some();
                chain.push(Superior { id: id.clone(), name: name(id), now: Some(id.as_str()) == current, open });
            }
            let calls: Vec<Call> = tx.find("escalation = $1", "ORDER BY open DESC, region, rank, id", params![&id])?;
            let calls = views(tx, calls, named)?;
            let by = list.accepted_by.as_deref().map_or(Ok(String::new()), |it| person_of(tx, it, named))?;
            Ok(Some((list, chain, by, calls)))
        })
        .await
}

fn body(room: &Room, who: &Who, list: &Escalation, chain: &Chain, by: &str, calls: &[CallView]) -> Markup {
    let (lang, site) = (who.lang, &room.site);
    let here = to(site, "escalations", &list.id);
    let process = list.round.rsplit_once('.').map_or(list.round.as_str(), |it| it.0);
    let duty = |id: &str| format!("{}/evidence/{}", to(site, "processes", process), percent(id));
    let asked = list.state == EscalationState::Calling;
    html! {
        main {
            h1 { (lang.pick("逐级叫应名单", "List for the superior")) " · " (calls.len()) (lang.pick(" 人", " people")) }
            div id="state" data-live="escalation." {
                p { b { (list_words(list.state, lang)) } " " (by)
                    " · " (clock(list.opened_at)) (lang.pick(" 起", " on"))
                    @if let Some(at) = list.rang_at { " · " (lang.pick("振铃 ", "rang ")) (clock(at)) }
                    @if let Some(at) = list.limit_at { " · " (lang.pick("时限 ", "until ")) (clock(at)) }
                    @if let Some(note) = &list.note { " · " (note) } }
                @if who.may(Permission::SeePeople) {
                    p.small.soft { (lang.pick("依次叫：", "asked in turn: "))
                        @for it in chain {
                            @let name = html! { @if it.now { b { (it.name) } } @else { (it.name) } };
                            @if it.open { a href=(duty(&it.id)) title=(lang.pick("尽职记录", "record of duty")) { (name) } } @else { (name) } "　"
                        } }
                }
                @if matches!(list.state, EscalationState::Gathering | EscalationState::Calling) && who.may(Permission::RecordAnswer) {
                    form.card method="post" action=(format!("{here}/accept")) {
                        label { (lang.pick("说明（谁接手、怎么办；回报时限）", "Note: who takes it, what is done, by when")) input name="note" maxlength="500"; }
                        p.row {
                            button.main type="submit" { (lang.pick("接手", "Accept")) }
                            @if asked { button type="submit" formaction=(format!("{here}/refuse")) { (lang.pick("不能接手，改叫下一位", "Cannot: ask the next one")) } }
                        }
                    }
                }
            }
            div.card.scroll id="calls" data-live="call." {
                table {
                    @for it in calls {
                        tr { td { a href=(to(site, "calls", &it.call.id)) { (it.name) } br; span.small.soft { (duties(it)) } }
                            td { (state(it.call.state, lang)) }
                            td { (number(site, it, it.call.state.may_be_recorded() && who.may(Permission::Unmask), lang)) } }
                    }
                }
            }
            p { a href=(to(site, "rounds", &list.round)) { (lang.pick("回到本轮", "Back to the round")) } }
        }
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct NoteForm {
    #[serde(default)]
    note: String,
}

impl NoteForm {
    fn note(&self) -> Option<String> {
        Some(self.note.trim().chars().take(500).collect::<String>()).filter(|it| !it.is_empty())
    }
}

/// 接手.
pub(super) async fn accept(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(form): Form<NoteForm>,
) -> ApiResult<Redirect> {
    let list = room.warn.accept_list(&who.actor, &id, form.note()).await?;
    Ok(Redirect::to(&to(&room.site, "rounds", &list.round)))
}

/// 不能接手: the next one is called.
pub(super) async fn refuse(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(form): Form<NoteForm>,
) -> ApiResult<Redirect> {
    room.warn.refuse_list(&who.actor, &id, form.note()).await?;
    Ok(Redirect::to(&to(&room.site, "escalations", &id)))
}
