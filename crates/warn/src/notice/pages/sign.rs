//! Signing: a page that fits a phone, with one big button.

use anlan_web::{ApiResult, Who, page};
use axum::{
    extract::{Form, Path, State},
    response::Redirect,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    super::{
        api::{NoticeView, read_notice},
        flow::Event,
        model::Paper,
    },
    kind, moment,
    paper::sheet,
    style,
};
use crate::{api::Room, pages::parts::to};

/// The paper this reader is asked to sign: the draft, else one that went out on a verbal yes.
pub(super) fn to_sign<'a>(view: &'a NoticeView, who: &Who) -> Option<&'a Paper> {
    let mine = |it: &&Paper| {
        let me = &who.actor.name;
        !it.drafters.contains(me) && it.heard_by.as_ref() != Some(me)
    };
    let unsigned = view.papers.iter().find(|it| it.unsigned());
    view.working().filter(|it| it.submitted_at.is_some()).or(unsigned).filter(mine)
}

/// The signing page.
pub(super) async fn show(State(room): State<Room>, who: Who, Path(id): Path<String>) -> ApiResult<Markup> {
    let view = read_notice(&room, &who, id).await?;
    let (lang, site) = (who.lang, &room.site);
    let title = lang.pick("签发", "Sign");
    let body = html! {
        (style(site))
        main.narrow {
            h1 { (title) }
            @match to_sign(&view, &who) {
                Some(paper) => {
                    (sheet(&room, &view.notice, paper))
                    (buttons(&room, &who, &view, paper))
                },
                None => p.note { (lang.pick("没有等您签的稿。", "Nothing waits for your signature.")) },
            }
            p { a href=(to(site, "notices", &view.notice.id)) { (lang.pick("详情", "Details")) } }
        }
    };
    Ok(page(site, &who, title, body))
}

/// 签发 and 退回.
pub(super) fn buttons(room: &Room, who: &Who, view: &NoticeView, paper: &Paper) -> Markup {
    let (lang, here) = (who.lang, to(&room.site, "notices", &view.notice.id));
    let words =
        if paper.unsigned() { lang.pick("补签", "Sign afterwards") } else { lang.pick("签发", "Sign and send") };
    html! {
        p.small.soft {
            (kind(paper.kind, lang)) " · " (lang.pick("拟稿 ", "drafted by ")) (paper.drafters.iter().map(|it| view.name(it)).collect::<Vec<_>>().join("、"))
            @if let Some(by) = &paper.said_by { " · " (lang.pick("口头同意 ", "verbal yes ")) (by) }
            @if let Some(due) = paper.signature_due { " · " (lang.pick("补签期限 ", "to be signed by ")) (moment(due)) }
        }
        form.sign-main method="post" action=(format!("{here}/sign")) data-confirm=(lang.pick("确认签发？", "Sign it?")) {
            input type="hidden" name="version" value=(paper.version);
            input type="hidden" name="revision" value=(view.notice.revision);
            button.main type="submit" data-key="F9" { (words) }
        }
        details {
            summary { (lang.pick("不同意，退回", "Send back")) }
            form method="post" action=(format!("{here}/refuse")) {
                input type="hidden" name="version" value=(paper.version);
                label { (lang.pick("理由", "Why")) input name="reason" maxlength="500" required; }
                p { button.danger type="submit" { (lang.pick("退回", "Send back")) } }
            }
        }
    }
}

/// What a signer sends.
#[derive(Deserialize)]
pub(super) struct Act {
    version: i64,
    #[serde(default)]
    revision: Option<i64>,
    #[serde(default)]
    reason: String,
}

async fn act(room: &Room, who: &Who, id: &str, it: &Act, event: Event) -> ApiResult<Redirect> {
    room.warn.notice_act(&who.actor, id, Some(it.version), it.revision, event).await?;
    Ok(Redirect::to(&to(&room.site, "notices", id)))
}

/// 签发, 补签.
pub(super) async fn sign(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(it): Form<Act>,
) -> ApiResult<Redirect> {
    act(&room, &who, &id, &it, Event::Sign).await
}

/// 退回.
pub(super) async fn refuse(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(it): Form<Act>,
) -> ApiResult<Redirect> {
    let reason = it.reason.chars().take(500).collect();
    act(&room, &who, &id, &it, Event::Refuse { reason }).await
}

#[derive(Deserialize)]
pub(super) struct Publish {
    approve: bool,
}

/// 同意公开.
pub(super) async fn publish(
    State(room): State<Room>,
    who: Who,
    Path(id): Path<String>,
    Form(it): Form<Publish>,
) -> ApiResult<Redirect> {
    room.warn.notice_publish(&who.actor, &id, it.approve).await?;
    Ok(Redirect::to(&to(&room.site, "notices", &id)))
}

/// The switch between public and not, for those who sign.
pub(super) fn public(room: &Room, who: &Who, view: &NoticeView) -> Markup {
    let (lang, here, notice) = (who.lang, to(&room.site, "notices", &view.notice.id), &view.notice);
    let shown = notice.public_version == Some(notice.issued);
    html! {
        @if notice.issued > 0 {
            form.row method="post" action=(format!("{here}/public")) {
                span { (if shown { lang.pick("已同意对外公开", "approved for the public") } else { lang.pick("未对外公开", "not public") }) }
                button type="submit" name="approve" value=(!shown) { (if shown { lang.pick("撤销公开", "Take back") } else { lang.pick("同意公开", "Approve for the public") }) }
            }
        }
    }
}
