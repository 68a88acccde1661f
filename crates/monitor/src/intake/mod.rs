//! The MQTT intake (设备直连): MQTT 3.1.1 for devices that publish.
//!
//! Owns the line to a device: log-in with its credential, publishes of QoS 0 and 1 under
//! `anlan/v1/<station>/<quantity>`, acknowledgements. Hands nothing out: a subscription is refused.
//!
//! # Promises
//! - PUBACK means on disk; acknowledgements come in the order of the publishes.
//! - A publish for a station of somebody else, or under another topic, is refused and kept with its
//!   reason. It is acknowledged all the same: MQTT 3.1.1 knows no "no", and a device that is not
//!   answered sends the same again for ever.
//! - What breaks the protocol is logged with its reason and ends the line; nothing of it is taken.
//! - A credential that ends, ends its lines within a minute.

mod line;
mod session;
mod tls;

use std::{sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::Semaphore, time::timeout};

use crate::service::Monitor;
pub use tls::Tls;

/// Devices connected at once.
const LINES: usize = 10_000;
/// How long a device may take to greet.
const GREETING: Duration = Duration::from_secs(10);
/// How long to wait when the system gives no more sockets.
const AGAIN: Duration = Duration::from_millis(200);

/// Takes devices until it is dropped.
pub async fn serve(listener: TcpListener, tls: Option<Tls>, monitor: Arc<Monitor>) {
    let lines = Arc::new(Semaphore::new(LINES));
    loop {
        let Ok(place) = Arc::clone(&lines).acquire_owned().await else { return };
        let (stream, peer) = match listener.accept().await {
            Ok(it) => it,
            Err(error) => {
                tracing::warn!(%error, "a device could not be connected");
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        };
        let (tls, monitor) = (tls.clone(), Arc::clone(&monitor));
        tokio::spawn(async move {
            let peer = peer.to_string();
            match tls {
                None => session::run(stream, &peer, monitor).await,
                Some(tls) => match timeout(GREETING, tls.accept(stream)).await {
                    Ok(Ok(stream)) => session::run(stream, &peer, monitor).await,
                    Ok(Err(error)) => tracing::warn!(peer, %error, "a device could not agree on TLS"),
                    Err(_) => tracing::warn!(peer, "a device did not finish the TLS greeting"),
                },
            }
            drop(place);
        });
    }
}
