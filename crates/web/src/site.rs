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
}

/// A page named in the menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MenuEntry {
    pub path: String,
    pub words: Text,
    pub needs: Option<Permission>,
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
        })
    }

    /// A path of this world as the browser asks for it.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Puts a ribbon above the menu of every page; the first one stays.
    pub fn set_ribbon(&self, ribbon: Ribbon) {
        let _ = self.ribbon.set(ribbon);
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
        menu.iter().filter(|it| it.needs.is_none_or(|it| who.may(it))).cloned().collect()
    }
}
