//! What the pages and routes of one world share.

use std::sync::{
    Arc, Mutex, OnceLock, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use anlan_kernel::{Lang, Permission, Text};
use anlan_store::{World, WorldKind};
use maud::Markup;
use tokio::sync::watch;

use crate::{Who, hub::Hub, secret, together::Together};

/// What stands above the menu of every page for whoever reads it.
pub type Ribbon = Box<dyn Fn(&Who) -> Markup + Send + Sync>;

/// What kinds of things are called that packs define; `None` for what is no such kind.
pub type KindWords = Box<dyn Fn(&str, Lang) -> Option<String> + Send + Sync>;

/// One world as the browser sees it.
pub struct Site {
    /// The world.
    pub world: World,
    /// `""` for the real world, `/w/<world>` for every other.
    pub base: String,
    /// Whether cookies travel over TLS only.
    pub secure: bool,
    /// On whose behalf the screens speak: the office on duty.
    pub speaker: String,
    pub(crate) hub: Hub,
    pub(crate) together: Together,
    pub(crate) run: String,
    behind_proxy: AtomicBool,
    sign_outs: watch::Sender<u64>,
    menu: Mutex<Vec<MenuEntry>>,
    ribbon: OnceLock<Ribbon>,
    kinds: OnceLock<KindWords>,
    beginning: OnceLock<(Permission, &'static str)>,
    link_base: OnceLock<String>,
    #[cfg(feature = "oidc")]
    oidc: OnceLock<crate::Provider>,
}

/// A page named in the menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MenuEntry {
    pub path: String,
    pub words: Text,
    /// One of these opens it; empty for everybody.
    pub needs: Vec<Permission>,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Site({:?} at {:?})", self.world, self.base)
    }
}

impl Site {
    /// The screens of `world` below `base`.
    pub fn new(world: World, base: impl Into<String>, secure: bool, speaker: impl Into<String>) -> Arc<Self> {
        Arc::new(Self {
            world,
            base: base.into(),
            secure,
            speaker: speaker.into(),
            hub: Hub::default(),
            together: Together::default(),
            run: secret::letters(16),
            behind_proxy: AtomicBool::new(false),
            sign_outs: watch::Sender::new(0),
            menu: Mutex::default(),
            ribbon: OnceLock::new(),
            kinds: OnceLock::new(),
            beginning: OnceLock::new(),
            link_base: OnceLock::new(),
            #[cfg(feature = "oidc")]
            oidc: OnceLock::new(),
        })
    }

    /// A path of this world as the browser asks for it.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Where whoever has the permission begins after the log-in; the first one named stays.
    pub fn begin_at(&self, needs: Permission, path: &'static str) {
        let _ = self.beginning.set((needs, path));
    }

    pub(crate) fn beginning(&self, may: impl Fn(Permission) -> bool) -> Option<&'static str> {
        self.beginning.get().filter(|it| may(it.0)).map(|it| it.1)
    }

    /// Puts a ribbon above the menu of every page; the first one stays.
    pub fn set_ribbon(&self, ribbon: Ribbon) {
        let _ = self.ribbon.set(ribbon);
    }

    /// Says what kinds of things are called; the first one that does stays.
    pub fn set_kind_words(&self, words: KindWords) {
        let _ = self.kinds.set(words);
    }

    /// What a kind of things is called.
    pub fn kind_words(&self, kind: &str, lang: Lang) -> Option<String> {
        self.kinds.get().and_then(|it| it(kind, lang))
    }

    /// The identity provider people may log in at; the first one stays.
    ///
    /// # Errors
    /// `bad_issuer` unless its address is `https`, or on this machine.
    #[cfg(feature = "oidc")]
    pub fn set_oidc(&self, provider: crate::Provider) -> Result<(), anlan_kernel::Problem> {
        if !crate::oidc::is_safe(&provider.issuer) {
            let zh = format!("统一身份认证的地址“{}”应以 https:// 开头", provider.issuer);
            let en = format!("the issuer {:?} should begin with https://", provider.issuer);
            return Err(anlan_kernel::Problem::new("bad_issuer", zh, en).field("oidc_issuer"));
        }
        let _ = self.oidc.set(provider);
        Ok(())
    }

    #[cfg(feature = "oidc")]
    pub(crate) fn oidc(&self) -> Option<&crate::Provider> {
        self.oidc.get()
    }

    /// The address under which people outside open links of this world; the first one stays.
    pub fn set_link_base(&self, base: impl Into<String>) {
        let _ = self.link_base.set(base.into());
    }

    /// A path of this world as other programs ask for it: absolute where the address of the installation is known.
    pub fn link_url(&self, path: &str) -> String {
        format!("{}{}", self.link_base().unwrap_or_default(), self.url(path))
    }

    pub(crate) fn link_base(&self) -> Option<&str> {
        self.link_base.get().map(String::as_str)
    }

    pub(crate) fn ribbon(&self, who: &Who) -> Option<Markup> {
        self.ribbon.get().map(|it| it(who))
    }

    /// A proxy in front ends TLS: its `X-Forwarded-For` and `X-Forwarded-Host` are believed.
    pub fn trust_proxy(&self, yes: bool) {
        self.behind_proxy.store(yes, Ordering::Relaxed);
    }

    pub(crate) fn behind_proxy(&self) -> bool {
        self.behind_proxy.load(Ordering::Relaxed)
    }

    /// The words that mark everything outside the real world (演练、回放); empty in the real one.
    pub fn world_words(&self, lang: Lang) -> &'static str {
        match self.world.kind() {
            WorldKind::Real => "",
            WorldKind::Exercise => lang.pick("演练", "EXERCISE"),
            WorldKind::Replay => lang.pick("回放", "REPLAY"),
        }
    }

    /// Tells open event streams to look whether their session still holds.
    pub(crate) fn signed_out(&self) {
        self.sign_outs.send_modify(|it| *it += 1);
    }

    pub(crate) fn sign_outs(&self) -> watch::Receiver<u64> {
        self.sign_outs.subscribe()
    }

    /// Puts a page into the menu of those who may open it; `named` says its words were chosen for it.
    pub(crate) fn add_to_menu(&self, entry: MenuEntry, named: bool) {
        let mut menu = self.menu.lock().unwrap_or_else(PoisonError::into_inner);
        match menu.iter_mut().find(|it| it.path == entry.path) {
            Some(known) if named => *known = entry,
            Some(_) => {}
            None => menu.push(entry),
        }
    }

    pub(crate) fn menu_of(&self, who: &Who) -> Vec<MenuEntry> {
        let menu = self.menu.lock().unwrap_or_else(PoisonError::into_inner);
        menu.iter().filter(|it| it.needs.is_empty() || it.needs.iter().any(|it| who.may(*it))).cloned().collect()
    }
}
