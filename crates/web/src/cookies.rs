//! Cookies: the session of one world, and the language.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::Site;

/// The reader's language; the same in every world.
pub const LANG: &str = "anlan-lang";

/// Name of the session cookie; it names the world, so that two worlds never share one.
pub fn session_name(site: &Site) -> String {
    format!("anlan-session-{}", site.world.name())
}

/// The value of a cookie.
pub fn get<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|it| it.to_str().ok())
        .flat_map(|it| it.split(';'))
        .find_map(|pair| pair.trim().split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value))
}

/// Hands the browser a session.
pub fn open_session(site: &Site, token: &str, seconds: u64) -> HeaderValue {
    value(site, &session_name(site), token, seconds, path(site))
}

/// Takes it back.
pub fn close_session(site: &Site) -> HeaderValue {
    value(site, &session_name(site), "", 0, path(site))
}

/// Name of the cookie that goes along to an identity provider and back.
#[cfg(feature = "oidc")]
pub fn journey_name(site: &Site) -> String {
    format!("anlan-oidc-{}", site.world.name())
}

/// Goes along to an identity provider; no seconds take it back.
#[cfg(feature = "oidc")]
pub fn journey(site: &Site, closed: &str, seconds: u64) -> HeaderValue {
    value(site, &journey_name(site), closed, seconds, path(site))
}

/// Remembers a language for a year.
pub fn language(site: &Site, tag: &str) -> HeaderValue {
    value(site, LANG, tag, 31_536_000, "/")
}

fn path(site: &Site) -> &str {
    if site.base.is_empty() { "/" } else { &site.base }
}

fn value(site: &Site, name: &str, value: &str, seconds: u64, path: &str) -> HeaderValue {
    let secure = if site.secure { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    // Names, tokens and paths are made of visible ASCII; anything else is dropped rather than sent.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}
