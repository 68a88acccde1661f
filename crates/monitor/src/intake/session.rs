//! One device on the line, from its greeting to its farewell.

use std::{sync::Arc, time::Duration};

use anlan_web::{Who, accounts};
use rumqttc::{
    ConnAck, Connect, ConnectReturnCode, Error as Malformed, Login, Packet, Protocol, PubAck, Publish, QoS, SubAck,
    SubscribeReasonCode, UnsubAck,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, WriteHalf, split},
    sync::mpsc,
    task::JoinHandle,
    time::Instant,
};

use super::{
    GREETING,
    line::{End, Reader, write},
};
use crate::{
    ingest::{Allowed, Sender},
    mqtt,
    service::Monitor,
};

/// Publishes that wait for one sync.
const IN_FLIGHT: usize = 500;
/// How long a device that announced nothing may be silent.
const SILENCE: Duration = Duration::from_secs(3_600);
/// How often a credential is looked at again.
const LOOK: Duration = Duration::from_secs(30);

/// What is written, in this order.
enum Out {
    Now(Packet),
    /// An acknowledgement, once the readings are on disk.
    Stored(u16, JoinHandle<Result<(), End>>),
}

/// A device that logged in.
struct Device {
    login: Login,
    sender: Sender,
    keep_alive: Duration,
    seen: Instant,
}

/// Talks with a device until one of both ends it.
pub async fn run<S>(stream: S, peer: &str, monitor: Arc<Monitor>)
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (reader, mut writer) = split(stream);
    let mut reader = Reader::new(reader);
    let device = match greet(&mut reader, &mut writer, &monitor).await {
        Ok(device) => device,
        Err(error) => {
            tracing::warn!(peer, %error, "a device was not let in");
            let _ = writer.shutdown().await;
            return;
        }
    };
    let name = device.sender.name.clone();
    tracing::info!(peer, device = name, "a device is connected");
    let (out, queue) = mpsc::channel(IN_FLIGHT);
    let writing = tokio::spawn(answer(writer, queue));
    let read = listen(&mut reader, device, &monitor, out).await;
    let wrote = writing.await.unwrap_or(Err(End::Unwanted("the answers ended")));
    match read.and(wrote) {
        Ok(()) => tracing::info!(peer, device = name, "a device went"),
        Err(error) => tracing::warn!(peer, device = name, %error, "the line to a device was ended"),
    }
}

/// CONNECT and its answer.
async fn greet<R, W>(reader: &mut Reader<R>, writer: &mut W, monitor: &Monitor) -> Result<Device, End>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let refuse = async |writer: &mut W, code| write(writer, &Packet::ConnAck(ConnAck::new(code, false))).await;
    let connect = match reader.next(GREETING).await {
        Ok(Some(Packet::Connect(it))) if it.protocol == Protocol::V4 => it,
        Ok(Some(Packet::Connect(_)))
        | Err(End::Version | End::Malformed(Malformed::InvalidProtocol | Malformed::InvalidProtocolLevel(_))) => {
            refuse(writer, ConnectReturnCode::RefusedProtocolVersion).await?;
            return Err(End::Version);
        }
        Ok(Some(_)) => return Err(End::Unwanted("the first packet is no CONNECT")),
        Ok(None) => return Err(End::Unwanted("the line closed before CONNECT")),
        Err(error) => return Err(error),
    };
    if connect.client_id.is_empty() && !connect.clean_session {
        refuse(writer, ConnectReturnCode::BadClientId).await?;
        return Err(End::Unwanted("a lasting session needs a client id"));
    }
    match enter(connect, monitor).await {
        Ok(device) => {
            refuse(writer, ConnectReturnCode::Success).await?;
            Ok(device)
        }
        Err(error) => {
            let code = match error {
                End::Store(_) => ConnectReturnCode::ServiceUnavailable,
                _ => ConnectReturnCode::BadUserNamePassword,
            };
            refuse(writer, code).await?;
            Err(error)
        }
    }
}

async fn enter(connect: Connect, monitor: &Monitor) -> Result<Device, End> {
    let login = connect.login.unwrap_or_else(|| Login::new("", ""));
    let who = who(&login, monitor).await?;
    let stations = who.stations.as_deref().unwrap_or_default();
    let sender = Sender { name: who.actor.name.clone(), way: "mqtt", stations: Allowed::from_patterns(stations) };
    let keep_alive = match connect.keep_alive {
        0 => SILENCE,
        seconds => Duration::from_millis(u64::from(seconds) * 1_500),
    };
    Ok(Device { login, sender, keep_alive, seen: Instant::now() })
}

async fn who(login: &Login, monitor: &Monitor) -> Result<Who, End> {
    let found = accounts::device_of(monitor.world(), &login.username, &login.password).await?;
    found.ok_or_else(|| End::NotAllowed(login.username.chars().take(64).collect()))
}

/// Everything after the greeting.
async fn listen<R: AsyncRead + Unpin>(
    reader: &mut Reader<R>,
    mut device: Device,
    monitor: &Arc<Monitor>,
    out: mpsc::Sender<Out>,
) -> Result<(), End> {
    while let Some(packet) = reader.next(device.keep_alive).await? {
        if device.seen.elapsed() > LOOK {
            let who = who(&device.login, monitor).await?;
            device.sender.stations = Allowed::from_patterns(who.stations.as_deref().unwrap_or_default());
            device.seen = Instant::now();
        }
        let answer = match packet {
            Packet::Publish(publish) if publish.qos == QoS::ExactlyOnce => {
                return Err(End::Unwanted("QoS 2 is not taken; publish with QoS 1"));
            }
            Packet::Publish(publish) => {
                let id = publish.pkid;
                Out::Stored(id, tokio::spawn(take(Arc::clone(monitor), device.sender.clone(), publish)))
            }
            Packet::Subscribe(it) => {
                let codes = vec![SubscribeReasonCode::Failure; it.filters.len()];
                Out::Now(Packet::SubAck(SubAck::new(it.pkid, codes)))
            }
            Packet::Unsubscribe(it) => Out::Now(Packet::UnsubAck(UnsubAck::new(it.pkid))),
            Packet::PingReq => Out::Now(Packet::PingResp),
            Packet::Disconnect => return Ok(()),
            _ => return Err(End::Unwanted("a packet that only a server may send, or a second CONNECT")),
        };
        if out.send(answer).await.is_err() {
            // Why, the writer says.
            return Ok(());
        }
    }
    Ok(())
}

async fn take(monitor: Arc<Monitor>, sender: Sender, publish: Publish) -> Result<(), End> {
    mqtt::take_publish(&monitor, &sender, &publish).await?;
    Ok(())
}

/// Writes the answers in order; an acknowledgement waits for its sync.
async fn answer<S: AsyncWrite>(mut writer: WriteHalf<S>, mut queue: mpsc::Receiver<Out>) -> Result<(), End> {
    while let Some(out) = queue.recv().await {
        match out {
            Out::Now(packet) => write(&mut writer, &packet).await?,
            Out::Stored(id, stored) => {
                stored.await.unwrap_or(Err(End::Unwanted("the readings were not taken to their end")))?;
                if id != 0 {
                    write(&mut writer, &Packet::PubAck(PubAck::new(id))).await?;
                }
            }
        }
    }
    // The device may be gone already.
    let _ = writer.shutdown().await;
    Ok(())
}
