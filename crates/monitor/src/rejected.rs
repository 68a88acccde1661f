//! What was refused, kept with its reason and place.

use anlan_kernel::{Actor, Problem};
use anlan_store::{Event, StoreError, Urgency, World, hex};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::model::Rejected;

/// Bytes of an input that are kept.
pub const KEPT: usize = 64 * 1024;
/// Inputs of one delivery that are kept; the others are counted.
pub const MOST: usize = 100;

/// An input on its way to being kept.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Its first [`KEPT`] bytes.
    raw: Vec<u8>,
    bytes: usize,
    /// Why.
    pub problem: Problem,
}

impl Refusal {
    /// What was refused, and why.
    pub fn new(raw: &[u8], problem: Problem) -> Self {
        Self { raw: raw[..raw.len().min(KEPT)].to_vec(), bytes: raw.len(), problem }
    }

    fn record(&self, source: &str, at: anlan_kernel::Instant) -> Rejected {
        let mut hash = Sha256::new();
        for part in [source.as_bytes(), self.problem.code.as_bytes(), &self.bytes.to_be_bytes()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.update(&self.raw);
        // A cut in the middle of a character would make the whole look like no text.
        let cut = (self.bytes > KEPT).then(|| std::str::from_utf8(&self.raw).err()).flatten();
        let whole = cut.filter(|it| it.error_len().is_none()).map_or(self.raw.len(), |it| it.valid_up_to());
        let text = std::str::from_utf8(&self.raw[..whole]).ok().filter(|it| !it.contains('\0'));
        Rejected {
            id: hex(&hash.finalize()[..16]),
            at,
            source: source.to_owned(),
            raw: text.map_or_else(|| STANDARD.encode(&self.raw), str::to_owned),
            base64: text.is_none(),
            bytes: i64::try_from(self.bytes).unwrap_or(i64::MAX),
            problem: self.problem.clone(),
        }
    }
}

/// Keeps the first [`MOST`] of a delivery; those kept before are not kept twice.
///
/// # Errors
/// What the store says.
pub async fn keep(world: &World, source: &str, refusals: Vec<Refusal>) -> Result<(), StoreError> {
    if refusals.is_empty() {
        return Ok(());
    }
    let source = source.to_owned();
    world
        .write("rejected", Urgency::Background, &Actor::system("monitor"), move |tx| {
            let (mut kept, now) = (0, tx.now());
            for refusal in refusals.iter().take(MOST) {
                kept += usize::from(tx.insert(&refusal.record(&source, now))?);
            }
            if kept == 0 {
                return Ok(());
            }
            let detail = json!({"refused": refusals.len(), "kept": kept, "code": refusals[0].problem.code});
            tx.record(Event::new("input.rejected", &source).detail(detail))
        })
        .await
}
