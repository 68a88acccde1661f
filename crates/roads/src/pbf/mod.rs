//! OpenStreetMap extracts (.osm.pbf), as far as roads need them.
//!
//! Read here rather than with a crate: the crates at hand add up coordinates without a check, name no byte,
//! and bring a code generator into the build.

mod blob;
mod block;
mod wire;

use anlan_kernel::Problem;

pub use self::block::{Tags, Visitor};
use self::{
    blob::{Blob, Kind, blobs, damaged},
    block::{required_features, visit},
};

/// What this reader can do of what a file may require.
const KNOWN_FEATURES: [&[u8]; 2] = [b"OsmSchema-V0.6", b"DenseNodes"];

/// A file cut into its blobs, which can be gone through more than once.
pub struct File<'a> {
    blobs: Vec<Blob<'a>>,
}

impl<'a> File<'a> {
    /// Finds the blobs and checks that nothing unknown is required.
    ///
    /// # Errors
    /// It is no .osm.pbf, ends early, or requires what is not known here.
    pub fn open(bytes: &'a [u8]) -> Result<Self, Problem> {
        let blobs = blobs(bytes)?;
        if blobs.is_empty() {
            return Err(Problem::new("roads_pbf_empty", "文件是空的", "the file is empty").byte(0));
        }
        let mut content = Vec::new();
        for blob in blobs.iter().filter(|blob| blob.kind == Kind::Header) {
            blob.unpack(&mut content)?;
            let features = required_features(&content).map_err(|_| damaged(blob.byte))?;
            if let Some(unknown) = features.into_iter().find(|feature| !KNOWN_FEATURES.contains(feature)) {
                return Err(unknown_feature(blob.byte, unknown));
            }
        }
        Ok(Self { blobs })
    }

    /// Shows all nodes or ways to `visitor`, which may stop it with a problem of its own after each block.
    ///
    /// # Errors
    /// A block is damaged; what `check` says.
    pub fn visit<V: Visitor>(&self, visitor: &mut V, check: impl Fn(&V) -> Result<(), Problem>) -> Result<(), Problem> {
        let mut content = Vec::new();
        for blob in self.blobs.iter().filter(|blob| blob.kind == Kind::Data) {
            blob.unpack(&mut content)?;
            visit(&content, visitor).map_err(|_| damaged(blob.byte))?;
            check(visitor).map_err(|problem| problem.byte(blob.byte))?;
        }
        Ok(())
    }
}

fn unknown_feature(byte: usize, feature: &[u8]) -> Problem {
    let feature = String::from_utf8_lossy(feature).chars().take(60).collect::<String>();
    Problem::new(
        "roads_pbf_feature",
        format!("文件要求本程序不具备的功能“{feature}”；请改用普通的 .osm.pbf"),
        format!("the file requires {feature:?}, which is not read here; use a plain .osm.pbf"),
    )
    .byte(byte)
}
