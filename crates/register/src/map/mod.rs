//! The map 一张图: layers of the register, asked by tile, shape and distance, for our page and for other programs.

mod api;
mod features;
pub mod layers;
pub mod page;
pub mod roads;
mod words;

use std::sync::Arc;

use anlan_web::{Mounted, Site};

pub use api::shape_of;
pub use layers::Layers;
pub use page::Base;
pub use roads::Roads;

use crate::state::Register;

/// What the base map is now; the mechanism that keeps the setting says.
pub type BaseMap = Arc<dyn Fn(&mut anlan_store::Tx<'_>) -> Result<Option<Base>, anlan_store::StoreError> + Send + Sync>;

/// What the handlers of the map share.
#[derive(Clone)]
pub(crate) struct Room {
    pub site: Arc<Site>,
    pub register: Arc<Register>,
    pub base: BaseMap,
}

/// Routes of the map.
pub fn routes(site: &Arc<Site>, register: &Arc<Register>, base: BaseMap) -> Mounted {
    let room = Room { site: Arc::clone(site), register: Arc::clone(register), base };
    api::routes(site, room.clone()).merge(features::routes(site, room))
}
