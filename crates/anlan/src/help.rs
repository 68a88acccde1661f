//! The manual inside the program: what stands in `docs/` for users and operators, without the internet.

use std::sync::Arc;

use anlan_web::{Access, ApiError, ApiResult, Mounted, Routes, Site, Who, page};
use axum::{
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag};

/// Name in the address, file in `docs/`, text.
const PAPERS: &[(&str, &str, &str)] = &[
    ("guide", "user-guide.zh-CN.md", include_str!("../../../docs/user-guide.zh-CN.md")),
    ("card", "night-card.zh-CN.md", include_str!("../../../docs/night-card.zh-CN.md")),
    ("operator", "operator-guide.zh-CN.md", include_str!("../../../docs/operator-guide.zh-CN.md")),
    ("operator-en", "operator-guide.md", include_str!("../../../docs/operator-guide.md")),
];

macro_rules! pictures {
    ($($name:literal)*) => {
        &[$((concat!($name, ".jpg"), include_bytes!(concat!("../../../docs/pictures/", $name, ".jpg")))),*]
    };
}

/// Pictures of the user guide, made by the browser journeys.
const PICTURES: &[(&str, &[u8])] = pictures! {
    "desk-note-1366"
    "desk-round-1366"
    "effect-1366"
    "guide-1366"
    "guide-signal-1366"
    "hand-over-1366"
    "map-2115-1366"
    "notice-sign-360"
    "process-1366"
    "response-360"
    "round-board-1366"
    "round-doors-1366"
    "round-keys-1366"
    "shifts-1366"
    "warden-360"
};

/// Routes of the manual.
pub fn routes(site: &Arc<Site>) -> Mounted {
    Routes::new(site)
        .get("/help", Access::SignedIn, "使用手册", "User guide", guide)
        .get("/help/{paper}", Access::SignedIn, "手册的一篇", "A paper of the manual", paper)
        .get("/help/pictures/{name}", Access::SignedIn, "手册的图", "A picture of the manual", picture)
        .finish(Arc::clone(site))
}

async fn guide(State(site): State<Arc<Site>>, who: Who) -> ApiResult<Markup> {
    show(&site, &who, "guide")
}

async fn paper(State(site): State<Arc<Site>>, who: Who, Path(name): Path<String>) -> ApiResult<Markup> {
    show(&site, &who, &name)
}

async fn picture(Path(name): Path<String>) -> ApiResult<Response> {
    let (_, bytes) = PICTURES.iter().find(|it| it.0 == name).ok_or_else(ApiError::not_found)?;
    let headers = [(header::CONTENT_TYPE, "image/jpeg"), (header::CACHE_CONTROL, "private, max-age=86400")];
    Ok((headers, *bytes).into_response())
}

fn show(site: &Site, who: &Who, name: &str) -> ApiResult<Markup> {
    let (_, _, text) = PAPERS.iter().find(|it| it.0 == name).ok_or_else(ApiError::not_found)?;
    let title = text.lines().next().unwrap_or_default().trim_start_matches("# ");
    let body = html! {
        main {
            p.screen.row {
                a href=(site.url("/help")) { (who.lang.pick("使用手册", "User guide (Chinese)")) }
                a href=(site.url("/help/card")) { (who.lang.pick("夜班一页卡", "Night card (Chinese)")) }
                a href=(site.url(who.lang.pick("/help/operator", "/help/operator-en"))) { (who.lang.pick("运维手册", "Operator guide")) }
                button type="button" data-print { (who.lang.pick("打印", "Print")) }
            }
            article.paper.manual lang=(if name == "operator-en" { "en" } else { "zh-CN" }) { (PreEscaped(rendered(site, text))) }
        }
    };
    Ok(page(site, who, title, body))
}

/// The text as HTML. It is the program's own, so it is trusted; what it links to in `docs/` is served here.
fn rendered(site: &Site, text: &str) -> String {
    let parser = Parser::new_ext(text, Options::ENABLE_TABLES).map(|event| match event {
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
            let dest_url = CowStr::from(site.url(&format!("/help/{dest_url}")));
            Event::Start(Tag::Image { link_type, dest_url, title, id })
        }
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let here = PAPERS.iter().find(|it| it.1 == &*dest_url);
            let dest_url = here.map_or(dest_url, |it| CowStr::from(site.url(&format!("/help/{}", it.0))));
            Event::Start(Tag::Link { link_type, dest_url, title, id })
        }
        other => other,
    });
    let mut out = String::new();
    pulldown_cmark::html::push_html(&mut out, parser);
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_picture_of_the_guide_is_in_the_program_and_no_other() {
        let mut named = BTreeSet::new();
        for (_, _, text) in PAPERS {
            for event in Parser::new(text) {
                if let Event::Start(Tag::Image { dest_url, .. }) = event {
                    named.insert(dest_url.trim_start_matches("pictures/").to_owned());
                }
            }
        }
        let held: BTreeSet<_> = PICTURES.iter().map(|it| it.0.to_owned()).collect();
        assert_eq!(named, held);
    }
}
