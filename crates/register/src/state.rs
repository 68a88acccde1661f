//! What the program holds of the register while it runs.

use std::sync::{Arc, OnceLock};

use anlan_kernel::{Actor, Current, Problem};
use anlan_store::{StoreError, Urgency, World};

use crate::{
    duties::{Standards, standards},
    kinds::{Catalog, Files},
    map::{Layers, Roads},
    packs::{self, Findings, Pack},
};

/// Proves files of a pack that other mechanisms read: rules, ladders, notices.
pub type PackCheck = Arc<dyn Fn(&Files) -> Vec<(String, Problem)> + Send + Sync>;

/// Puts the files of the packs in force to work in other mechanisms.
pub type PackUse =
    Arc<dyn Fn(Vec<Pack>) -> std::pin::Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>> + Send + Sync>;

/// The register of one world: its kinds, and who else works by packs.
pub struct Register {
    /// The world.
    pub world: World,
    /// What lies where.
    pub layers: Layers,
    /// The roads.
    pub roads: Roads,
    catalog: Current<Catalog>,
    standards: Current<Standards>,
    check: PackCheck,
    used: OnceLock<PackUse>,
}

impl std::fmt::Debug for Register {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Register({:?})", self.world)
    }
}

impl Register {
    /// Opens the register with the packs that came with the program; `check` proves what kinds do not know.
    ///
    /// # Errors
    /// What the store says; the first fault of a shipped pack.
    pub async fn open(world: World, shipped: &[Files], check: PackCheck) -> Result<Arc<Self>, StoreError> {
        packs::install(&world, shipped).await?;
        let (layers, roads) = (Layers::new(world.clone()), Roads::open(&world));
        let this = Arc::new(Self {
            world,
            layers,
            roads,
            catalog: Current::default(),
            standards: Current::default(),
            check,
            used: OnceLock::new(),
        });
        this.refresh().await?;
        crate::records::daily::begin(&this.world, &this.catalog()).await?;
        Ok(this)
    }

    /// Who puts rules, ladders and notices of packs to work; the first one named stays.
    pub fn set_use(&self, used: PackUse) {
        let _ = self.used.set(used);
    }

    /// The kinds in force.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.catalog.get()
    }

    /// Staffing standards and boards in force.
    pub fn standards(&self) -> Arc<Standards> {
        self.standards.get()
    }

    /// The packs in force.
    ///
    /// # Errors
    /// What the store says.
    pub async fn packs(&self) -> Result<Vec<Pack>, StoreError> {
        self.world.read(&Actor::system("packs"), packs::active).await
    }

    /// Reads anew which packs are in force.
    ///
    /// # Errors
    /// What the store says.
    pub async fn refresh(&self) -> Result<Vec<Pack>, StoreError> {
        let packs = self.packs().await?;
        let (catalog, findings) = packs::catalog_of(&packs);
        for (pack, (file, problem)) in findings {
            tracing::warn!(pack, file, %problem, "a pack in force has a fault; what it says there is left out");
        }
        self.catalog.set(catalog);
        self.standards.set(Standards::of(&packs));
        Ok(packs)
    }

    /// Everything that is wrong with a pack were it in force.
    ///
    /// # Errors
    /// What the store says.
    pub async fn faults(&self, pack: &Pack) -> Result<Findings, StoreError> {
        let active = self.world.read(&Actor::system("packs"), packs::active).await?;
        let mut findings = packs::faults(&active, pack);
        let around: Vec<Pack> =
            active.iter().filter(|it| it.pack != pack.pack).cloned().chain([pack.clone()]).collect();
        let named = standards::faults_among(&pack.files, &packs::catalog_of(&around).0);
        findings.extend(named.into_iter().map(|it| (pack.pack.clone(), it)));
        findings.extend((self.check)(&pack.files).into_iter().map(|it| (pack.pack.clone(), it)));
        Ok(findings)
    }

    /// Puts a version in force here and now: lists, forms, map and search follow, and whoever else works by packs.
    ///
    /// # Errors
    /// As [`packs::activate`].
    pub async fn activate(self: &Arc<Self>, actor: &Actor, id: &str) -> Result<Pack, StoreError> {
        let id = id.to_owned();
        let pack =
            self.world.write("pack.activate", Urgency::Urgent, actor, move |tx| packs::activate(tx, &id)).await?;
        self.use_packs().await?;
        Ok(pack)
    }

    /// Takes a version out of force.
    ///
    /// # Errors
    /// As [`packs::retire`].
    pub async fn retire(self: &Arc<Self>, actor: &Actor, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.world.write("pack.retire", Urgency::Urgent, actor, move |tx| packs::retire(tx, &id)).await?;
        self.use_packs().await
    }

    /// Puts every record where lists and the one box look: another version may look at other fields.
    async fn index_again(self: Arc<Self>) -> Result<(), StoreError> {
        let filler = crate::records::write::filler(&self);
        let mut after = Some(String::new());
        while let Some(from) = after {
            let filler = Arc::clone(&filler);
            let unit = move |tx: &mut anlan_store::Tx<'_>| filler(tx, &from, 300);
            after = self.world.write("register.index", Urgency::Background, &Actor::system("packs"), unit).await?;
        }
        Ok(())
    }

    async fn use_packs(self: &Arc<Self>) -> Result<(), StoreError> {
        let packs = self.refresh().await?;
        crate::records::daily::begin(&self.world, &self.catalog()).await?;
        let indexing = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(error) = indexing.index_again().await {
                tracing::error!(%error, "records could not be put where lists look; another activation tries again");
            }
        });
        match self.used.get() {
            Some(used) => used(packs).await,
            None => Ok(()),
        }
    }
}
