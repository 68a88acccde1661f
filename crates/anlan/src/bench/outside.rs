//! The simulated carrier in a process of its own, so that its time and memory are not ours.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, Stdio},
};

use anlan_simulator::{Carrier, CarrierConfig};

use crate::verbs::{Bad, Outcome};

/// A carrier process; ends with this handle.
pub struct Outside {
    child: Child,
    /// Where it listens.
    pub url: String,
}

impl Outside {
    /// Starts this program once more, as the carrier.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(config: &CarrierConfig) -> Result<Self, Bad> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["bench", "carrier"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut url = String::new();
        if let (Some(input), Some(output)) = (&mut child.stdin, child.stdout.take()) {
            writeln!(input, "{}", serde_json::to_string(config)?)?;
            BufReader::new(output).read_line(&mut url)?;
        }
        Ok(Self { child, url: url.trim().to_owned() })
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        // It ends by itself when its input closes; this only makes it sooner.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The other side: plays the carrier until its input closes.
///
/// # Errors
/// When the settings are wrong.
pub async fn carrier() -> Result<Outcome, Bad> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let carrier = Carrier::start(serde_json::from_str(&line)?).await?;
    println!("{}", carrier.url());
    tokio::task::spawn_blocking(|| std::io::stdin().lock().read_to_end(&mut Vec::new())).await??;
    Ok(Outcome::Ok)
}
