//! The road graph of a world: a file in its folder, read once.

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use anlan_kernel::{Actor, Problem};
use anlan_roads::{Facts, Graph};
use anlan_store::{Event, StoreError, Urgency, World};
use serde_json::json;

/// The roads of a world, where some were imported.
#[derive(Default)]
pub struct Roads(RwLock<Option<Arc<Graph>>>);

impl std::fmt::Debug for Roads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Roads")
    }
}

fn file(world: &World) -> PathBuf {
    world.dir().join("roads.graph")
}

impl Roads {
    /// Reads the graph that the world has; a file that cannot be read is said in the log and counts as none.
    pub fn open(world: &World) -> Self {
        let graph = std::fs::read(file(world)).ok().and_then(|bytes| {
            Graph::from_bytes(&bytes).map_err(|it| tracing::warn!(%it, "the stored roads cannot be read")).ok()
        });
        Self(RwLock::new(graph.map(Arc::new)))
    }

    /// The graph.
    pub fn graph(&self) -> Option<Arc<Graph>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the roads of an OpenStreetMap extract (.osm.pbf) in place of those before.
    ///
    /// # Errors
    /// What is wrong with the file; what the store says.
    pub async fn import(&self, world: &World, actor: &Actor, bytes: Vec<u8>, name: &str) -> Result<Facts, StoreError> {
        let failed = |it: &str| StoreError::Shape(format!("roads: {it}"));
        let made = tokio::task::spawn_blocking(move || -> Result<(Graph, Vec<u8>), Problem> {
            let graph = Graph::from_pbf(&bytes)?;
            let stored = graph.to_bytes();
            Ok((graph, stored))
        });
        let (graph, stored) = made.await.map_err(|it| failed(&it.to_string()))??;
        let (path, facts) = (file(world), graph.facts());
        let part = path.with_extension("part");
        let keep = tokio::task::spawn_blocking(move || {
            let mut file = std::fs::File::create(&part)?;
            std::io::Write::write_all(&mut file, &stored)?;
            file.sync_all()?;
            std::fs::rename(&part, &path)
        });
        keep.await.map_err(|it| failed(&it.to_string()))??;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(graph));
        let detail = json!({"file": name, "facts": format!("{facts:?}")});
        let note =
            move |tx: &mut anlan_store::Tx<'_>| tx.record(Event::new("roads.imported", "roads").detail(detail.clone()));
        world.write("roads.import", Urgency::Background, actor, note).await?;
        Ok(facts)
    }
}
