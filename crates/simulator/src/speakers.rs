//! Village loudspeakers (村村响) that do not exist, hanging on a real MQTT broker.
//!
//! They listen to `<topic>/<speaker>/play`, obey only what is signed, say a key once however often it
//! comes, and tell `<topic>/<speaker>/receipt` what became of it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hmac::{Hmac, KeyInit, Mac};
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use serde::Deserialize;
use serde_json::json;
use sha2::Sha256;
use tokio::{sync::watch, task::JoinHandle};

/// What a loudspeaker does with a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// Plays it and says so.
    Plays,
    /// Fails, with this reason.
    Fails(String),
    /// Plays it and says nothing.
    Silent,
    /// Says it played, under a signature that does not hold.
    Forges,
}

/// Where they hang.
#[derive(Clone, Debug)]
pub struct SpeakersConfig {
    /// Loopback port of the broker.
    pub port: u16,
    /// Beginning of the topics.
    pub topic: String,
    /// Key that signs commands and receipts.
    pub key: String,
    /// What single loudspeakers do; the others play.
    pub speakers: BTreeMap<String, Speaker>,
}

/// A command a loudspeaker obeyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Which loudspeaker.
    pub speaker: String,
    /// Key of the command.
    pub key: String,
    /// What was said aloud.
    pub text: String,
    /// Whether it says it may be the second time.
    pub repeat: bool,
}

#[derive(Debug, Default)]
struct Log {
    heard: Vec<Heard>,
    unsigned: usize,
}

/// Loudspeakers on a broker; they end when dropped.
#[derive(Debug)]
pub struct Speakers {
    log: Arc<Mutex<Log>>,
    ready: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

impl Drop for Speakers {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Deserialize)]
struct Command {
    key: String,
    text: String,
    #[serde(default)]
    repeat: bool,
    at: String,
    sign: String,
}

fn held<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

fn sign(key: &str, parts: &[&str]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(parts.join("\n").as_bytes());
    mac.finalize().into_bytes().iter().map(|it| format!("{it:02x}")).collect()
}

impl Speakers {
    /// Hangs them on the broker.
    pub fn start(config: SpeakersConfig) -> Self {
        let log = Arc::new(Mutex::new(Log::default()));
        let (tell, ready) = watch::channel(false);
        let task = tokio::spawn(run(config, Arc::clone(&log), tell));
        Self { log, ready, task }
    }

    /// Back when they listen.
    pub async fn listening(&mut self) {
        // They end only with this value, so there is somebody to say so.
        let _ = self.ready.wait_for(|it| *it).await;
    }

    /// Everything obeyed so far.
    pub fn heard(&self) -> Vec<Heard> {
        held(&self.log).heard.clone()
    }

    /// Commands whose signature did not hold.
    pub fn unsigned(&self) -> usize {
        held(&self.log).unsigned
    }
}

async fn run(config: SpeakersConfig, log: Arc<Mutex<Log>>, tell: watch::Sender<bool>) {
    let mut options = MqttOptions::new(format!("speakers-{}", config.port), "127.0.0.1", config.port);
    options.set_keep_alive(Duration::from_secs(30));
    let (client, mut events) = AsyncClient::new(options, 256);
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                if let Err(error) = client.try_subscribe(format!("{}/+/play", config.topic), QoS::AtLeastOnce) {
                    tracing::error!(%error, "the simulated loudspeakers could not subscribe");
                }
            }
            Ok(Event::Incoming(Packet::SubAck(_))) => {
                tell.send_replace(true);
            }
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                let speaker = publish.topic.rsplit('/').nth(1).unwrap_or_default().to_owned();
                if let Some(receipt) = obey(&config, &log, &speaker, &publish.payload) {
                    let topic = format!("{}/{speaker}/receipt", config.topic);
                    if let Err(error) = client.try_publish(topic, QoS::AtLeastOnce, false, receipt) {
                        tracing::error!(%error, "a simulated loudspeaker could not answer");
                    }
                }
            }
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(%error, "the simulated loudspeakers look for their broker");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// What it says afterwards, if anything.
fn obey(config: &SpeakersConfig, log: &Mutex<Log>, speaker: &str, payload: &[u8]) -> Option<Vec<u8>> {
    let command: Option<Command> = serde_json::from_slice(payload).ok();
    let signed = command.filter(|it| it.sign == sign(&config.key, &[&it.key, &it.at, &it.text]));
    let Some(command) = signed else {
        held(log).unsigned += 1;
        return None;
    };
    let mut log = held(log);
    let known = log.heard.iter().any(|it| it.speaker == speaker && it.key == command.key);
    if !known {
        let (key, text) = (command.key.clone(), command.text);
        log.heard.push(Heard { speaker: speaker.to_owned(), key, text, repeat: command.repeat });
    }
    let (event, reason, key) = match config.speakers.get(speaker).unwrap_or(&Speaker::Plays) {
        Speaker::Plays => ("played", "", config.key.as_str()),
        Speaker::Fails(reason) => ("failed", reason.as_str(), config.key.as_str()),
        Speaker::Forges => ("played", "", "guessed"),
        Speaker::Silent => return None,
    };
    let id = format!("{speaker}-{}", command.key);
    let sign = sign(key, &[&id, &command.key, event, &command.at, reason]);
    let receipt =
        json!({"id": id, "key": command.key, "event": event, "at": command.at, "reason": reason, "sign": sign});
    serde_json::to_vec(&receipt).ok()
}
