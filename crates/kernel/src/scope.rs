//! Scope (职责与权限): who may do what where, and under which 牌子.

use serde::{Deserialize, Serialize};

use crate::RegionCode;

/// Everything a route can ask for. One table of permissions for the whole program; roles are
/// sets of these (`anlan_web::roles`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// See the duty desk, processes, rounds and calls of the own regions.
    SeeDesk,
    /// Acknowledge and forward incoming signals (签收、转发), take telephone notes.
    HandleSignal,
    /// Start, stop and raise a call-out round.
    RunRound,
    /// Record an answer on somebody's behalf: 代登记, 上门叫醒, 转交.
    RecordAnswer,
    /// Draft risk notices (风险提示单), record a verbal yes.
    DraftNotice,
    /// Sign risk notices, approve them for the public.
    SignNotice,
    /// Switch the public page on or off.
    SwitchPublicPage,
    /// See observations, stations and alarms.
    SeeMonitor,
    /// Edit rules, stations and packs.
    EditRules,
    /// Send observations.
    SendObservations,
    /// Send signals of other authorities by machine.
    SendSignals,
    /// See people and organisations, names and numbers masked.
    SeePeople,
    /// See who is who by name, and a number in clear; each look at a number is journaled.
    Unmask,
    /// Change people, posts, rosters, and import them.
    EditPeople,
    /// Change who is on duty when (值班表).
    EditShifts,
    /// Approve or decline a response, sign a verbal yes (签批应急响应).
    ApproveResponse,
    /// Erase a person's data as the law demands.
    ErasePerson,
    /// Gateways, rate limits, failed sendings.
    RunChannels,
    /// Accounts, roles, credentials.
    ManageAccounts,
    /// Read the journal and verify it.
    Audit,
}

/// Who acts, under which 牌子, and where they may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// `user:zhang`, `device:ta-kwu-ling`, `gateway:demo` or `system:courier`.
    pub name: String,
    /// The 牌子 (office hat) acted under, if any.
    pub hat: Option<String>,
    /// Where.
    pub scope: Scope,
}

impl Actor {
    /// A worker of the program itself, acting everywhere.
    pub fn system(worker: &str) -> Self {
        Self { name: format!("system:{worker}"), hat: None, scope: Scope::Everywhere }
    }
}

/// The regions an actor may touch. Enforced inside statements, never on the page.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The program itself and world-wide posts.
    Everywhere,
    /// The duty areas (责任区); empty means nothing at all.
    Regions(Vec<RegionCode>),
}

impl Scope {
    /// Whether a record of `region` lies inside.
    pub fn covers(&self, region: &RegionCode) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Regions(regions) => regions.iter().any(|it| it.covers(region)),
        }
    }
}
