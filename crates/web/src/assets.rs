//! Static files: inside the program, addressed by content, kept by the browser for a year.

use std::sync::{Arc, LazyLock};

use axum::{
    extract::Path,
    http::header,
    response::{IntoResponse, Response},
};

use crate::{Access, ApiError, ApiResult, Mounted, Routes, Site, secret};

const FILES: &[(&str, &str, &str)] = &[
    ("anlan.css", "text/css; charset=utf-8", include_str!("../static/anlan.css")),
    ("notice.css", "text/css; charset=utf-8", include_str!("../static/notice.css")),
    ("anlan.js", JS, include_str!("../static/anlan.js")),
    ("actions.js", JS, include_str!("../static/actions.js")),
    ("clock.js", JS, include_str!("../static/clock.js")),
    ("live.js", JS, include_str!("../static/live.js")),
    ("keys.js", JS, include_str!("../static/keys.js")),
    ("siren.js", JS, include_str!("../static/siren.js")),
    ("guide.js", JS, include_str!("../static/guide.js")),
    ("find.js", JS, include_str!("../static/find.js")),
    ("forms.js", JS, include_str!("../static/forms.js")),
    ("round.css", "text/css; charset=utf-8", include_str!("../static/round.css")),
    ("round.js", JS, include_str!("../static/round.js")),
    ("phone.css", "text/css; charset=utf-8", include_str!("../static/phone.css")),
    ("phone.js", JS, include_str!("../static/phone.js")),
    ("visit.js", JS, include_str!("../static/visit.js")),
    ("map.js", JS, include_str!("../static/map.js")),
    ("atlas.css", "text/css; charset=utf-8", include_str!("../static/atlas.css")),
    ("atlas.js", JS, include_str!("../static/atlas.js")),
    ("atlas-answers.js", JS, include_str!("../static/atlas-answers.js")),
    ("atlas-base.js", JS, include_str!("../static/atlas-base.js")),
    ("atlas-cache.js", JS, include_str!("../static/atlas-cache.js")),
    ("atlas-draw.js", JS, include_str!("../static/atlas-draw.js")),
    ("atlas-ground.js", JS, include_str!("../static/atlas-ground.js")),
    ("atlas-layers.js", JS, include_str!("../static/atlas-layers.js")),
    ("atlas-over.js", JS, include_str!("../static/atlas-over.js")),
    ("atlas-page.js", JS, include_str!("../static/atlas-page.js")),
    ("atlas-panel.js", JS, include_str!("../static/atlas-panel.js")),
    ("atlas-pick.js", JS, include_str!("../static/atlas-pick.js")),
    ("atlas-print.js", JS, include_str!("../static/atlas-print.js")),
    ("atlas-stage.js", JS, include_str!("../static/atlas-stage.js")),
    ("atlas-tile.js", JS, include_str!("../static/atlas-tile.js")),
    ("atlas-time.js", JS, include_str!("../static/atlas-time.js")),
    ("atlas-tools.js", JS, include_str!("../static/atlas-tools.js")),
    ("register.css", "text/css; charset=utf-8", include_str!("../static/register.css")),
    ("register.js", JS, include_str!("../static/register.js")),
    ("duties.css", "text/css; charset=utf-8", include_str!("../static/duties.css")),
    ("start.css", "text/css; charset=utf-8", include_str!("../static/start.css")),
    ("start.js", JS, include_str!("../static/start.js")),
    ("transfer.js", JS, include_str!("../static/transfer.js")),
    ("icon.svg", "image/svg+xml", include_str!("../static/icon.svg")),
];
const JS: &str = "text/javascript; charset=utf-8";

/// One digest over all files: modules import each other by relative names, so they move together.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let all: String = FILES.iter().map(|(name, _, text)| format!("{name}\0{text}\0")).collect();
    secret::digest("assets", &all)[..16].to_owned()
});

/// The address of a static file.
pub fn url(site: &Site, name: &str) -> String {
    site.url(&format!("/static/{}/{name}", *VERSION))
}

/// The route of the static files.
pub fn routes(site: &Arc<Site>) -> Mounted {
    Routes::new(site).get("/static/{version}/{name}", Access::Public, "静态文件", "Static files", file).finish(())
}

async fn file(Path((version, name)): Path<(String, String)>) -> ApiResult<Response> {
    let (_, kind, text) = FILES.iter().find(|it| it.0 == name).ok_or_else(ApiError::not_found)?;
    let keep = if version == *VERSION { "public, max-age=31536000, immutable" } else { "no-cache" };
    Ok(([(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, keep)], *text).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_asks_for_anything_from_elsewhere() {
        for (name, _, text) in FILES {
            for foreign in ["http://", "https://", "@import", "url(//"] {
                let text = text.replace("http://www.w3.org/2000/svg", "");
                assert!(!text.contains(foreign), "{name} names {foreign}");
            }
        }
    }

    #[test]
    fn every_module_that_is_imported_is_served() {
        for (name, _, text) in FILES {
            for part in text.split("from \"./").skip(1) {
                let imported = part.split('"').next().unwrap_or_default();
                assert!(FILES.iter().any(|it| it.0 == imported), "{name} imports {imported}");
            }
        }
    }
}
