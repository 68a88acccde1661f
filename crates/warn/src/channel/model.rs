//! The things: channel, route, endpoint, play.

use anlan_kernel::{Instant, RegionCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::kind::{Kind, Matter};
use crate::model::Gateway;

/// A channel (通道) of any kind but the gateway, which has a table of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Channel {
    /// Short name; outbox items name it.
    pub id: String,
    /// What it speaks.
    pub kind: Kind,
    /// Where; without the part that is a secret.
    pub url: String,
    /// Settings of its kind.
    pub settings: Json,
    /// Messages a second; 0 is no cap.
    pub rate: f64,
    /// Requests before a message is given up.
    pub max_tries: i64,
    /// Whether sendings go out.
    pub enabled: bool,
    /// For optimistic changes.
    pub revision: i64,
}

impl Channel {
    /// A channel with the usual settings of its kind.
    pub fn new(id: &str, kind: Kind, url: &str) -> Self {
        let (id, url, rate) = (id.to_owned(), url.to_owned(), kind.about().rate);
        Self { id, kind, url, settings: json!({}), rate, max_tries: 10, enabled: true, revision: 0 }
    }

    /// A setting as text; empty where there is none.
    pub fn setting(&self, name: &str) -> &str {
        self.settings[name].as_str().unwrap_or_default().trim()
    }
}

impl From<&Gateway> for Channel {
    fn from(it: &Gateway) -> Self {
        let settings = json!({});
        Self {
            rate: it.rate,
            max_tries: it.max_tries,
            enabled: it.enabled,
            settings,
            ..Self::new(&it.id, Kind::Gateway, &it.url)
        }
    }
}

/// Which channel is told what of where (去向).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// `<matter>/<region>/<channel>`.
    pub id: String,
    /// What.
    pub matter: Matter,
    /// Of where; everything that touches it.
    pub region: RegionCode,
    /// Who is told.
    pub channel: String,
}

impl Route {
    /// The route of these three.
    pub fn new(matter: Matter, region: RegionCode, channel: &str) -> Self {
        Self { id: format!("{}/{region}/{channel}", matter.name()), matter, region, channel: channel.to_owned() }
    }
}

/// A loudspeaker or a mailbox behind a channel (终端).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Short name; of a mailbox usually that of the organisation.
    pub id: String,
    /// The channel it hangs on.
    pub channel: String,
    /// 莲塘社区大喇叭; 黄贝街道办.
    pub name: String,
    /// Where it is heard, or whose mailbox it is.
    pub region: RegionCode,
    /// Speaker id in the topic, number, or mail address; sealed in the journal.
    pub address: String,
    /// Access code of a dialled speaker, put before the number or the words; sealed in the journal.
    pub code: Option<String>,
    /// Whether it gets anything.
    pub enabled: bool,
}

/// How a loudspeaker's announcement ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlayState {
    /// No word yet.
    Pending,
    /// 已播出.
    Played,
    /// 播出失败.
    Failed,
    /// 不明: no word in time.
    Unknown,
}

impl PlayState {
    /// As stored.
    pub fn name(self) -> &'static str {
        ["pending", "played", "failed", "unknown"][self as usize]
    }

    /// On the screens, Chinese and English.
    pub fn words(self) -> (&'static str, &'static str) {
        [("播出中", "playing"), ("已播出", "played"), ("播出失败", "failed"), ("结果不明", "unknown")][self as usize]
    }
}

/// One announcement on one loudspeaker (播出); ends in exactly one final state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Play {
    /// Key of the sending.
    pub id: String,
    /// The loudspeaker.
    pub endpoint: String,
    /// What it was about: the signal or notice.
    pub subject: String,
    /// Where the loudspeaker is.
    pub region: RegionCode,
    /// Where it stands.
    pub state: PlayState,
    /// Why it failed, in the loudspeaker's words.
    pub reason: Option<String>,
    /// When it was queued.
    pub queued_at: Instant,
    /// When it became final.
    pub final_at: Option<Instant>,
    /// For optimistic changes.
    pub revision: i64,
}

anlan_store::table!(Channel, CHANNEL, "channel", {
    id: Text, kind: Text, url: Text, settings: Json, rate: Real, max_tries: Int, enabled: Bool, revision: Int,
});
anlan_store::table!(Route, ROUTE, "channel_route", { id: Text, matter: Text, region: Text, channel: Text });
anlan_store::table!(Endpoint, ENDPOINT, "endpoint", region: "region", sealed: ["address", "code"] of "id", {
    id: Text, channel: Text, name: Text, region: Text, address: Text, code: Text, enabled: Bool,
});
anlan_store::table!(Play, PLAY, "play", region: "region", {
    id: Text, endpoint: Text, subject: Text, region: Text, state: Text, reason: Text, queued_at: Time, final_at: Time,
    revision: Int,
});

/// Tables of the channels, a step of the mechanism's migrations.
pub(crate) const MIGRATION: (&str, &str) = (
    "0004-channels",
    "CREATE TABLE channel (id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, url TEXT NOT NULL, settings TEXT NOT NULL,
        rate DOUBLE PRECISION NOT NULL, max_tries BIGINT NOT NULL, enabled BIGINT NOT NULL, revision BIGINT NOT NULL);
     CREATE TABLE channel_route (id TEXT NOT NULL PRIMARY KEY, matter TEXT NOT NULL, region TEXT NOT NULL, channel TEXT NOT NULL);
     CREATE INDEX channel_route_matter ON channel_route(matter);
     CREATE TABLE endpoint (id TEXT NOT NULL PRIMARY KEY, channel TEXT NOT NULL, name TEXT NOT NULL, region TEXT NOT NULL,
        address TEXT NOT NULL, code TEXT, enabled BIGINT NOT NULL);
     CREATE INDEX endpoint_channel ON endpoint(channel, region);
     CREATE TABLE play (id TEXT NOT NULL PRIMARY KEY, endpoint TEXT NOT NULL, subject TEXT NOT NULL, region TEXT NOT NULL,
        state TEXT NOT NULL, reason TEXT, queued_at BIGINT NOT NULL, final_at BIGINT, revision BIGINT NOT NULL);
     CREATE INDEX play_subject ON play(subject);",
);
