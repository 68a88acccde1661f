//! Routes that cannot be written down without saying who may call them.

use std::sync::Arc;

use anlan_kernel::{Permission, Text};
use axum::{
    Router,
    handler::Handler,
    middleware,
    routing::{self, MethodRouter},
};

use crate::{
    Site,
    guard::{self, Gate},
    site::MenuEntry,
};

/// Bytes of a body unless the routes say otherwise.
const LIMIT: usize = 1 << 20;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Any account, in the browser or with its token.
    SignedIn,
    /// Whoever has the permission.
    Needs(Permission),
    /// Whoever has one of these permissions.
    Any(&'static [Permission]),
    /// Whoever proves the right in the request itself: an answer link, a gateway's signature. The
    /// handler verifies it; the words name the proof.
    Proof(&'static str),
}

/// One route, for the printed list and OpenAPI.
#[derive(Clone, Debug)]
pub struct RouteInfo {
    /// `GET`, `POST` …
    pub method: &'static str,
    /// Path without the world's base, with `{parameters}`.
    pub path: String,
    /// Who may call it.
    pub access: Access,
    /// What it is for.
    pub summary: Text,
    /// Whether programs call it: everything below `/api/`.
    pub api: bool,
}

/// Routes of one mechanism; every one names its access, so that none can be forgotten.
pub struct Routes<S> {
    site: Arc<Site>,
    router: Router<S>,
    list: Vec<RouteInfo>,
    limit: usize,
}

/// Finished routes, to be merged and nested by the program.
#[derive(Debug)]
pub struct Mounted {
    /// What answers.
    pub router: Router,
    /// What there is.
    pub list: Vec<RouteInfo>,
}

impl Mounted {
    /// Both together.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.list.extend(other.list);
        Self { router: self.router.merge(other.router), list: self.list }
    }
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No routes yet.
    pub fn new(site: &Arc<Site>) -> Self {
        Self { site: Arc::clone(site), router: Router::new(), list: Vec::new(), limit: LIMIT }
    }

    /// Most bytes of a body, for the routes that follow; 1 MiB until said otherwise.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Words of a page in the menu of those who may open it. A page of one segment stands there by
    /// itself, named by its summary.
    #[must_use]
    pub fn menu(self, path: &str, zh: &str, en: &str, needs: Option<Permission>) -> Self {
        let needs = needs.into_iter().collect();
        self.site.add_to_menu(MenuEntry { path: path.to_owned(), words: Text::new(zh, en), needs }, true);
        self
    }

    /// A route that shows something and changes nothing.
    #[must_use]
    pub fn get<H, T>(self, path: &str, access: Access, zh: &str, en: &str, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        if let Some(entry) = menu_entry(path, access, zh, en) {
            self.site.add_to_menu(entry, false);
        }
        self.add("GET", path, access, Text::new(zh, en), routing::get(handler))
    }

    /// A route that does something.
    #[must_use]
    pub fn post<H, T>(self, path: &str, access: Access, zh: &str, en: &str, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add("POST", path, access, Text::new(zh, en), routing::post(handler))
    }

    /// A route that replaces something.
    #[must_use]
    pub fn put<H, T>(self, path: &str, access: Access, zh: &str, en: &str, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add("PUT", path, access, Text::new(zh, en), routing::put(handler))
    }

    /// A route that removes something.
    #[must_use]
    pub fn delete<H, T>(self, path: &str, access: Access, zh: &str, en: &str, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add("DELETE", path, access, Text::new(zh, en), routing::delete(handler))
    }

    /// Gives every handler its state.
    pub fn finish(self, state: S) -> Mounted {
        let dressed = middleware::from_fn_with_state(Arc::clone(&self.site), guard::dress);
        Mounted { router: self.router.with_state(state).layer(dressed), list: self.list }
    }

    fn add(mut self, method: &'static str, path: &str, access: Access, summary: Text, to: MethodRouter<S>) -> Self {
        let api = path.starts_with("/api/");
        let gate = Gate { site: Arc::clone(&self.site), access, api, limit: self.limit };
        let guarded = to.route_layer(middleware::from_fn_with_state(gate, guard::guard));
        self.router = self.router.route(path, guarded);
        self.list.push(RouteInfo { method, path: path.to_owned(), access, summary, api });
        self
    }
}

/// A page of one segment that needs a permission is one to go to; its summary is cut at the first stop.
fn menu_entry(path: &str, access: Access, zh: &str, en: &str) -> Option<MenuEntry> {
    let needs = match access {
        Access::Needs(needs) => vec![needs],
        Access::Any(needs) => needs.to_vec(),
        Access::SignedIn if path == "/" => Vec::new(),
        _ => return None,
    };
    let name = path.strip_prefix('/')?;
    if name.contains(['/', '{', '.']) {
        return None;
    }
    let short =
        |words: &str| words.split(['，', '：', '（', '(', ',', ':', ';', '；']).next().unwrap_or("").trim().to_owned();
    Some(MenuEntry { path: path.to_owned(), words: Text::new(short(zh), short(en)), needs })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_one_segment_stand_in_the_menu() {
        let needs = Access::Needs(Permission::SeeDesk);
        let entry = menu_entry("/desk", needs, "值班台（首页）", "Duty desk, the first screen").unwrap();
        assert_eq!(entry.words, Text::new("值班台", "Duty desk"));
        for (path, access) in [("/desk/print", needs), ("/calls/{id}", needs), ("/me", Access::SignedIn)] {
            assert_eq!(menu_entry(path, access, "页", "Page"), None, "{path}");
        }
    }
}
