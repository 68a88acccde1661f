//! Whether a request that changes something comes from our own pages.

use axum::http::{HeaderMap, Method, Uri, header};

use crate::{Site, address::is_local, headers::text};

/// What the browser's headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Our own page, or the person's own address bar.
    Ours,
    /// Another site.
    Foreign,
    /// Nothing was said; no browser of this decade is that silent.
    Unsaid,
}

/// Methods that change nothing need no proof of origin.
pub fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Reads `Sec-Fetch-Site`, else compares `Origin` with the host that was asked.
pub fn of(site: &Site, uri: &Uri, headers: &HeaderMap) -> Origin {
    match text(headers, "sec-fetch-site") {
        Some("same-origin" | "none") => return Origin::Ours,
        Some(_) => return Origin::Foreign,
        None => {}
    }
    let Some(origin) = text(headers, header::ORIGIN) else { return Origin::Unsaid };
    let host = host(site, uri, headers);
    let from = origin.split_once("://").map(|(_, it)| it);
    match (from, host) {
        (Some(from), Some(host)) if from.eq_ignore_ascii_case(host) => Origin::Ours,
        _ => Origin::Foreign,
    }
}

/// The page of ours that the browser was on: its path and query.
pub fn page_before(site: &Site, uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let before: Uri = text(headers, header::REFERER)?.parse().ok()?;
    let ours = before.authority()?.as_str().eq_ignore_ascii_case(host(site, uri, headers)?);
    let path = before.path_and_query().map_or_else(String::new, |it| it.as_str().to_owned());
    (ours && is_local(&path)).then_some(path)
}

/// A path as it is opened from outside: at the address people are told, else at the one that was asked.
pub fn outside(site: &Site, uri: &Uri, headers: &HeaderMap, path: &str) -> String {
    if let Some(base) = site.link_base() {
        return format!("{}{path}", base.trim_end_matches('/'));
    }
    let scheme = if site.secure { "https" } else { "http" };
    format!("{scheme}://{}{}", host(site, uri, headers).unwrap_or("localhost"), site.url(path))
}

/// The host that was asked, as the browser or a trusted proxy names it.
fn host<'a>(site: &Site, uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let forwarded = if site.behind_proxy() { text(headers, "x-forwarded-host") } else { None };
    forwarded.or_else(|| text(headers, header::HOST)).or_else(|| uri.authority().map(|it| it.as_str()))
}
