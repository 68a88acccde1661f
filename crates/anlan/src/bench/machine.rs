//! What machine this is, and what its disk can do at best.

use std::{fs, io::Write, path::Path, time::Instant as Wall};

use serde_json::{Value as Json, json};

use super::percentile;
use crate::verbs::Bad;

const SYNCS: usize = 100;

/// Cores, processor, memory, and the time of one small synced append.
///
/// # Errors
/// When the folder cannot be written.
pub fn facts(dir: &Path) -> Result<Json, Bad> {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpu.lines().find_map(|it| it.strip_prefix("model name")).map(|it| it.trim_start_matches([' ', '\t', ':']));
    let sync = sync_times(dir)?;
    Ok(json!({
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "cpu": model,
        "version": env!("CARGO_PKG_VERSION"),
        "debug_build": cfg!(debug_assertions),
        "fdatasync_4k_ms": {"p50": percentile(&sync, 0.5), "p99": percentile(&sync, 0.99)},
    }))
}

/// Sorted times of 4 KiB appends with fdatasync, milliseconds.
fn sync_times(dir: &Path) -> Result<Vec<f64>, Bad> {
    let path = dir.join("sync");
    let mut file = fs::File::create(&path)?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let begun = Wall::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    fs::remove_file(path)?;
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// The most memory this process ever held.
pub fn peak_memory_mib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|it| it / 1024)
}
