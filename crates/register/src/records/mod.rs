//! The things of the register: kept, changed, found in lists, each with its history.

mod api;
pub(crate) mod attachments;
mod batch;
mod card;
pub mod daily;
mod drafts;
mod form;
pub mod history;
mod links;
pub mod list;
pub mod model;
mod page;
mod pivot;
pub mod refs;
mod service;
pub mod show;
mod views;
pub mod write;

pub use model::{Attachment, Batch, Record, View};
pub use write::{Cause, Draft, Outcome, Ready};

use std::sync::Arc;

use anlan_kernel::Problem;
use anlan_web::{ApiError, ApiResult, Mounted, Routes, Site, Who};

use self::list::Reader;
use crate::{
    kinds::{Catalog, Kind},
    state::Register,
};

/// What the doors of records share.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    pub site: Arc<Site>,
    pub register: Arc<Register>,
}

/// A kind with what it is defined by, for use inside a transaction.
#[derive(Clone, Debug)]
pub(crate) struct Of {
    pub catalog: Arc<Catalog>,
    pub kind: Arc<Kind>,
    pub reader: Reader,
}

impl Room {
    /// The kind of an address.
    pub fn of(&self, who: &Who, kind: &str) -> ApiResult<Of> {
        let catalog = self.register.catalog();
        let known = catalog.kind(kind).cloned().ok_or_else(|| ApiError::from(no_kind(kind)))?;
        Ok(Of { catalog, kind: Arc::new(known), reader: Reader::of(who) })
    }

    pub fn url(&self, path: &str) -> String {
        self.site.url(path)
    }
}

fn no_kind(kind: &str) -> Problem {
    let en = format!("there is no kind {kind:?}; a pack that defines it may be out of force");
    Problem::new("no_such_kind", format!("没有“{kind}”这一类台账，或所属业务包已停用"), en)
}

/// Lists, forms, cards, views, pivots and files of the register, as pages and as JSON.
pub fn routes(site: &Arc<Site>, register: &Arc<Register>) -> Mounted {
    let known = Arc::clone(register);
    site.set_kind_words(Box::new(move |kind, lang| known.catalog().kind(kind).map(|it| it.title.get(lang).to_owned())));
    let room = Room { site: Arc::clone(site), register: Arc::clone(register) };
    let routes = page::routes(Routes::new(site));
    let routes = form::routes(routes);
    let routes = card::routes(routes);
    let routes = views::routes(routes);
    let routes = batch::routes(routes);
    let routes = pivot::routes(routes);
    let routes = api::routes(routes);
    // Last: what follows a larger limit has it too.
    attachments::routes(routes).finish(room)
}
