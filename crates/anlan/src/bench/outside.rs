//! The other sides, each in a process of its own, so that their time and memory are not ours.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anlan_simulator::Carrier;
use serde_json::Value as Json;

use super::desks;
use crate::verbs::{Bad, Outcome};

/// A process that plays the other side; ends with this handle.
pub struct Outside {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// What it said when it was ready: where a carrier listens.
    pub said: String,
}

impl Outside {
    /// Starts this program once more, as `part`, and waits until it is ready.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(part: &str, settings: &impl serde::Serialize) -> Result<Self, Bad> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["bench", part])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Bad(format!("{part} has no input or output")));
        };
        writeln!(input, "{}", serde_json::to_string(settings)?)?;
        let (mut output, mut said) = (BufReader::new(output), String::new());
        output.read_line(&mut said)?;
        let said = said.trim().to_owned();
        Ok(Self { child, input: Some(input), output, said })
    }

    /// Ends it, and gives what it has measured.
    ///
    /// # Errors
    /// When it said nothing sensible.
    pub fn end(mut self) -> Result<Json, Bad> {
        self.input = None;
        let mut text = String::new();
        self.output.read_to_string(&mut text)?;
        Ok(serde_json::from_str(&text)?)
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        // It ends by itself when its input closes; this only makes it sooner.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The other side: plays `part` until its input closes; none of that name is `None`.
///
/// # Errors
/// When the settings are wrong.
pub async fn play(part: &str) -> Option<Result<Outcome, Bad>> {
    match part {
        "carrier" => Some(carrier().await),
        "desks" => Some(desks::play().await),
        _ => None,
    }
}

/// The first line of the input.
pub fn settings<T: serde::de::DeserializeOwned>() -> Result<T, Bad> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

/// Returns when the input is closed.
///
/// # Errors
/// When it cannot be read.
pub async fn until_closed() -> Result<(), Bad> {
    tokio::task::spawn_blocking(|| std::io::stdin().lock().read_to_end(&mut Vec::new())).await??;
    Ok(())
}

async fn carrier() -> Result<Outcome, Bad> {
    let carrier = Carrier::start(settings()?).await?;
    println!("{}", carrier.url());
    until_closed().await?;
    Ok(Outcome::Ok)
}
