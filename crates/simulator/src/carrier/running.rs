//! A carrier running in this process.

use std::{net::Ipv4Addr, sync::Arc};

use anlan_kernel::Problem;
use tokio::{net::TcpListener, task::JoinHandle};

use super::{
    client::CarrierClient,
    config::{CarrierConfig, Clock},
    delivery::{Shared, http_client},
    log::Log,
    server::router,
};

/// A running carrier; ends when dropped.
#[derive(Debug)]
pub struct Carrier {
    url: String,
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

impl Carrier {
    /// Opens a loopback socket and plays the carrier on it, in tasks of the current runtime.
    ///
    /// # Errors
    /// What [`CarrierConfig::check`] finds; `cannot_listen` when no socket can be opened.
    pub async fn start(config: CarrierConfig) -> Result<Self, Problem> {
        config.check()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|error| cannot_listen(&error))?;
        let address = listener.local_addr().map_err(|error| cannot_listen(&error))?;
        let follows_the_wall = config.clock == Clock::Wall;
        let shared = Arc::new(Shared::new(config, http_client()?));
        let app = router(Arc::clone(&shared));
        let mut tasks = vec![tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::error!(%error, "the simulated carrier stopped serving");
            }
        })];
        if follows_the_wall {
            let shared = Arc::clone(&shared);
            tasks.push(tokio::spawn(async move { shared.follow_the_wall().await }));
        }
        Ok(Self { url: format!("http://{address}"), shared, tasks })
    }

    /// Where it listens, such as `http://127.0.0.1:41234`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A client with the right secret.
    ///
    /// # Errors
    /// `no_http_client` when it cannot be built.
    pub fn client(&self) -> Result<CarrierClient, Problem> {
        let (secret, token) = {
            let engine = self.shared.engine();
            (engine.config().secret.clone(), engine.config().control_token.clone())
        };
        let client = CarrierClient::new(&self.url, &secret)?;
        Ok(match token {
            Some(token) => client.with_control_token(&token),
            None => client,
        })
    }

    /// Everything done so far.
    pub fn log(&self) -> Log {
        self.shared.engine().log(None)
    }

    /// Serves until the task is ended.
    pub async fn wait(mut self) {
        if let Some(serving) = self.tasks.first_mut() {
            // An ended task is the end either way.
            let _ended = serving.await;
        }
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn cannot_listen(error: &std::io::Error) -> Problem {
    Problem::new(
        "cannot_listen",
        format!("无法打开本机端口：{error}"),
        format!("no loopback socket can be opened: {error}"),
    )
}
