//! What a request says of itself, and what every answer says to the browser.

use std::net::{IpAddr, SocketAddr};

use anlan_kernel::Lang;
use axum::{
    extract::ConnectInfo,
    http::{Extensions, HeaderMap, HeaderName, HeaderValue, header},
};

use crate::{Site, cookies};

/// Nothing inline, nothing from elsewhere, no frames.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; font-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

const ALWAYS: &[(&str, &str)] = &[
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    // Not `no-referrer`: that would turn the Origin of our own forms into `null`.
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=(self), payment=(), usb=()"),
];

/// Put into an answer's extensions: the one other host whose images its page may show.
#[derive(Clone, Debug)]
pub struct ImageHost(pub String);

/// Adds the security headers; an answer that says nothing of caching is not kept.
pub fn secure(headers: &mut HeaderMap, site: &Site, images: Option<&ImageHost>) {
    for (name, value) in ALWAYS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let wider = images.map(|it| POLICY.replace("img-src 'self'", &format!("img-src 'self' {}", it.0)));
    if let Some(policy) = wider.and_then(|it| HeaderValue::try_from(it).ok()) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if site.secure {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
}

/// The text of a header.
pub fn text(headers: &HeaderMap, name: impl header::AsHeaderName) -> Option<&str> {
    headers.get(name).and_then(|it| it.to_str().ok())
}

/// The language asked for: the reader's own choice, else the browser's, else Chinese.
pub fn language(headers: &HeaderMap) -> Lang {
    match cookies::get(headers, cookies::LANG) {
        Some("en") => Lang::En,
        Some("zh") => Lang::Zh,
        _ => text(headers, header::ACCEPT_LANGUAGE).map(Lang::from_accept).unwrap_or_default(),
    }
}

/// Whether the caller is a browser that wants a page.
pub fn wants_page(headers: &HeaderMap) -> bool {
    text(headers, header::ACCEPT).is_some_and(|it| it.contains("text/html"))
}

/// Where the request comes from: the peer, or what a trusted proxy says. IPv6 neighbours of one /64
/// count as one.
pub fn source(site: &Site, headers: &HeaderMap, extensions: &Extensions) -> String {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|it| it.0.ip());
    let told = headers
        .get_all("x-forwarded-for")
        .iter()
        .next_back()
        .and_then(|it| it.to_str().ok())
        .and_then(|it| it.rsplit(',').next())
        .and_then(|it| it.trim().parse().ok());
    let address = if site.behind_proxy() { told.or(peer) } else { peer };
    address.map_or_else(|| "unknown".to_owned(), neighbourhood)
}

fn neighbourhood(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(it) => it.to_string(),
        IpAddr::V6(it) => {
            let [a, b, c, d, ..] = it.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_one_ipv6_network_are_one_source() {
        for (address, source) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ] {
            assert_eq!(neighbourhood(address.parse().unwrap()), source);
        }
    }

    #[test]
    fn the_readers_own_choice_of_language_wins() {
        let mut headers = HeaderMap::new();
        assert_eq!(language(&headers), Lang::Zh);
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static("en-GB,en;q=0.9"));
        assert_eq!(language(&headers), Lang::En);
        headers.insert(header::COOKIE, HeaderValue::from_static("a=b; anlan-lang=zh"));
        assert_eq!(language(&headers), Lang::Zh);
    }
}
