//! Addresses as they are written and believed.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::Site;

const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes everything but unreserved characters (RFC 3986, 2.3).
pub fn percent(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Where to go afterwards: a path of this world, or its first page.
pub fn own_path(site: &Site, next: Option<String>) -> String {
    let home = site.url("/");
    match next {
        Some(it) if it.starts_with(&home) && is_local(&it) => it,
        _ => home,
    }
}

/// A path of this server: no host, no blank, nothing a browser reads as a host.
pub(crate) fn is_local(path: &str) -> bool {
    path.starts_with('/') && !path.starts_with("//") && path.bytes().all(|it| (0x21..0x7f).contains(&it) && it != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_an_address_is_encoded() {
        assert_eq!(percent("/w/demo/desk?a=b&c=雨"), "%2Fw%2Fdemo%2Fdesk%3Fa%3Db%26c%3D%E9%9B%A8");
        assert_eq!(percent("a-b._~9"), "a-b._~9");
    }

    #[test]
    fn only_local_paths_are_gone_to_afterwards() {
        for (path, local) in [
            ("/desk?x=1", true),
            ("//evil.example/", false),
            ("https://evil.example/", false),
            ("/\\evil.example", false),
            ("/a b", false),
        ] {
            assert_eq!(is_local(path), local, "{path}");
        }
    }
}
