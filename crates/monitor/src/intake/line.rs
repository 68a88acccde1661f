//! Packets over a stream of bytes.

use std::{io, time::Duration};

use bytes::BytesMut;
use rumqttc::{Error as Malformed, Packet};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout, timeout_at},
};

/// Longest packet taken, bytes.
pub const LARGEST: usize = 1 << 20;
/// How long a device may take to read an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a line ended.
#[derive(Debug, thiserror::Error)]
pub enum End {
    /// Not MQTT 3.1.1, or not in this place.
    #[error("the packet breaks the protocol: {0}")]
    Malformed(#[from] Malformed),
    /// A greeting of another version.
    #[error("only MQTT 3.1.1 is spoken here")]
    Version,
    /// Something this intake does not do.
    #[error("{0}")]
    Unwanted(&'static str),
    /// Nothing came for longer than the device announced.
    #[error("nothing came for {} s", .0.as_secs())]
    Silent(Duration),
    /// The log-in was wrong, or is no more.
    #[error("the credential of {0:?} is not (or no longer) valid")]
    NotAllowed(String),
    /// The store could not take the readings; the device sends them again.
    #[error("readings could not be stored: {0}")]
    Store(#[from] anlan_store::StoreError),
    /// The line broke.
    #[error("the line broke: {0}")]
    Io(#[from] io::Error),
}

/// The half that reads.
pub struct Reader<R> {
    stream: R,
    bytes: BytesMut,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub fn new(stream: R) -> Self {
        Self { stream, bytes: BytesMut::new() }
    }

    /// The next packet; `None` when the device closed the line between two.
    pub async fn next(&mut self, within: Duration) -> Result<Option<Packet>, End> {
        let until = Instant::now() + within;
        loop {
            let five = greets_in_five(&self.bytes);
            match Packet::read(&mut self.bytes, LARGEST) {
                Ok(packet) => return Ok(Some(packet)),
                Err(Malformed::InsufficientBytes(_)) => {}
                Err(_) if five => return Err(End::Version),
                Err(error) => return Err(error.into()),
            }
            match timeout_at(until, self.stream.read_buf(&mut self.bytes)).await {
                Err(_) => return Err(End::Silent(within)),
                Ok(Ok(0)) if self.bytes.is_empty() => return Ok(None),
                Ok(Ok(0)) => return Err(End::Unwanted("the line closed inside of a packet")),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error.into()),
            }
        }
    }
}

/// Whether a greeting of MQTT 5 stands here; its form is another one, so that reading it fails.
fn greets_in_five(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(12)];
    start.first() == Some(&0x10) && start.windows(7).any(|it| it == b"\0\x04MQTT\x05")
}

/// Writes one packet.
pub async fn write(stream: &mut (impl AsyncWrite + Unpin), packet: &Packet) -> Result<(), End> {
    let mut bytes = BytesMut::new();
    packet.write(&mut bytes, LARGEST)?;
    let sent = async {
        stream.write_all(&bytes).await?;
        stream.flush().await
    };
    timeout(PATIENCE, sent).await.map_err(|_| End::Silent(PATIENCE))?.map_err(End::from)
}
