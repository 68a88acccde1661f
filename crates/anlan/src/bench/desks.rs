//! Duty desks that are open while people are called: each holds a stream and reads its page anew after
//! events, as the browser does.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    outside::{settings, until_closed},
    percentile,
};
use crate::verbs::{Bad, Outcome};

/// How long a page waits for more events before it reads anew, and between two readings, as `live.js` does.
const QUIET: Duration = Duration::from_millis(300);
const BETWEEN: Duration = Duration::from_millis(700);

/// What is to be opened.
#[derive(Debug, Serialize, Deserialize)]
pub struct Desks {
    /// Where the program listens.
    pub url: String,
    /// API token of a duty officer.
    pub token: String,
    /// How many.
    pub count: usize,
}

/// Plays the desks until the input closes, then prints how long their pages took.
///
/// # Errors
/// When the settings are wrong or the program does not answer.
pub async fn play() -> Result<Outcome, Bad> {
    let desks: Desks = settings()?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let took = Arc::new(Mutex::new(Vec::new()));
    let mut open = JoinSet::new();
    for _ in 0..desks.count {
        let (http, url, token, took) = (http.clone(), desks.url.clone(), desks.token.clone(), Arc::clone(&took));
        let stream = http.get(format!("{url}/api/v1/events")).bearer_auth(&token).send().await?.error_for_status()?;
        open.spawn(async move {
            let mut events = stream;
            let mut begun = Instant::now();
            while let Ok(Some(_)) = events.chunk().await {
                tokio::time::sleep(QUIET.max(BETWEEN.saturating_sub(begun.elapsed()))).await;
                begun = Instant::now();
                let page = http.get(format!("{url}/")).bearer_auth(&token).header("accept", "text/html").send().await;
                if let Ok(page) = page
                    && page.status().is_success()
                    && page.bytes().await.is_ok()
                {
                    took.lock().unwrap_or_else(PoisonError::into_inner).push(begun.elapsed().as_secs_f64() * 1e3);
                }
            }
        });
    }
    println!("ready");
    until_closed().await?;
    open.shutdown().await;
    let mut took = std::mem::take(&mut *took.lock().unwrap_or_else(PoisonError::into_inner));
    took.sort_by(f64::total_cmp);
    println!(
        "{}",
        json!({"pages": took.len(), "median_ms": percentile(&took, 0.5), "p99_ms": percentile(&took, 0.99)})
    );
    Ok(Outcome::Ok)
}
