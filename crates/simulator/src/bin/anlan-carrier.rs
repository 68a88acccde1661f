//! A simulated carrier as a process of its own: crash tests kill the product, not this.
//!
//! The first line of stdout is `{"url":"http://127.0.0.1:…","pid":…}`.

use std::{
    io::{Read, Write},
    path::PathBuf,
    process::ExitCode,
};

use anlan_kernel::{Instant, Lang, Problem};
use anlan_simulator::carrier::{Carrier, CarrierConfig, Clock};
use clap::Parser;

/// Plays a voice and SMS carrier on a loopback socket it opens itself.
#[derive(Debug, Parser)]
#[command(name = "anlan-carrier", version)]
struct Arguments {
    /// Settings in TOML or JSON; without a file, the defaults.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Same seed, same night.
    #[arg(long)]
    seed: Option<u64>,
    /// Shared secret of both directions.
    #[arg(long, env = "ANLAN_CARRIER_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// Where receipts go, a loopback http:// address; can be changed while running.
    #[arg(long)]
    callback: Option<String>,
    /// World time to begin at, RFC 3339; the clock is then moved by POST /sim/advance only.
    #[arg(long)]
    driven_from: Option<Instant>,
    /// Ends when standard input is closed, so that no carrier outlives the test that started it.
    #[arg(long)]
    until_stdin_closes: bool,
}

impl Arguments {
    fn config(&self) -> Result<CarrierConfig, Problem> {
        let mut config = match &self.config {
            None => CarrierConfig::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
                match path.extension().is_some_and(|it| it == "json") {
                    true => CarrierConfig::from_json(&text)?,
                    false => CarrierConfig::from_toml(&text)?,
                }
            }
        };
        config.seed = self.seed.unwrap_or(config.seed);
        config.callback = self.callback.clone().or(config.callback);
        config.clock = self.driven_from.map_or(config.clock, Clock::Driven);
        if let Some(secret) = &self.secret {
            config.secret.clone_from(secret);
        }
        Ok(config)
    }
}

fn unreadable(path: &std::path::Path, error: &std::io::Error) -> Problem {
    let path = path.display();
    Problem::new("bad_carrier_config", format!("{path} 无法读取：{error}"), format!("{path} cannot be read: {error}"))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("anlan-carrier: {}", problem.sentence(Lang::En));
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::new("no_runtime", format!("无法启动：{error}"), format!("cannot start: {error}")))?;
    runtime.block_on(async {
        let carrier = Carrier::start(arguments.config()?).await?;
        announce(carrier.url());
        match arguments.until_stdin_closes {
            true => tokio::select! {
                () = stdin_closed() => {}
                () = carrier.wait() => {}
            },
            false => carrier.wait().await,
        }
        Ok(())
    })?;
    // The thread that reads standard input may still wait for a byte; it is not waited for.
    runtime.shutdown_background();
    Ok(())
}

fn announce(url: &str) {
    let line = serde_json::json!({ "url": url, "pid": std::process::id() });
    let mut out = std::io::stdout().lock();
    // Nobody reading is no reason to stop.
    let _nobody_reads = writeln!(out, "{line}").and_then(|()| out.flush());
}

async fn stdin_closed() {
    let reading = tokio::task::spawn_blocking(|| {
        let mut bytes = [0u8; 256];
        while matches!(std::io::stdin().read(&mut bytes), Ok(count) if count > 0) {}
    });
    // However reading ends, there is nobody left.
    let _ended = reading.await;
}
