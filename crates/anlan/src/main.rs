//! Anlan 安澜: the program. Command line, configuration, mounting the routers; nothing else knows
//! everybody.

/// Prints a line for whoever reads it. A reader who left (`anlan doctor | head -1`) is no reason to stop:
/// the exit code still says how it went.
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), $($words)*);
    }};
}

mod bench;
mod cli;
mod clockwatch;
mod demo;
mod driver;
mod help;
mod house;
mod install;
mod local;
mod ops;
mod packs;
mod rules;
mod scratch;
mod serve;
mod server;
mod verbs;
mod workers;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, PackVerb, Verb};
use verbs::{Bad, Outcome};

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_logging();
    // Gateways and certificates need one provider in the whole process; a second install is no harm.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return verbs::finish(Err(Bad(error.to_string()))),
    };
    verbs::finish(runtime.block_on(run(cli)))
}

async fn run(cli: Cli) -> Result<Outcome, Bad> {
    let place = &cli.place;
    match &cli.verb {
        Verb::Demo(args) => demo::run(place, args).await,
        Verb::Serve(args) => serve::run(place, args).await,
        Verb::Replay(args) => verbs::replay::run(place, args),
        Verb::Decode(args) => verbs::decode::run(place, args),
        Verb::Import(args) => verbs::roster::import(place, args).await,
        Verb::Export(args) => verbs::roster::export(place, args).await,
        Verb::Pack { verb: PackVerb::Check { dir } } => verbs::pack::check(place, dir.as_deref()),
        Verb::Verify(args) => verbs::keep::verify(place, args).await,
        Verb::Backup(args) => verbs::keep::back_up(place, args).await,
        Verb::Restore(args) => verbs::keep::restore(place, args).await,
        Verb::Doctor(args) => verbs::doctor::run(place, args).await,
        Verb::Bench(args) => bench::run(place, args).await,
        Verb::User { verb } => verbs::user::run(place, verb).await,
    }
}

/// JSON lines to standard error where a machine reads them, plain ones for a person at a terminal.
fn start_logging() {
    use std::io::IsTerminal;
    let filter = tracing_subscriber::EnvFilter::try_from_env("ANLAN_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,anlan=info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        builder.with_target(false).init();
    } else {
        builder.json().init();
    }
}
