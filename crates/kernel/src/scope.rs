//! Scope (职责与权限): who may do what where, and under which 牌子.

use serde::{Deserialize, Serialize};

use crate::{RegionCode, Text};

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
    /// See the things of the register (台账) and the map (一张图).
    SeeRegister,
    /// Add, change and import things of the register.
    EditRegister,
    /// Upload, activate and roll back packs (业务包).
    EditPacks,
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

impl Permission {
    /// Every permission, in the order of the table on the screen.
    pub const ALL: &[Self] = &[
        Self::SeeDesk,
        Self::HandleSignal,
        Self::RunRound,
        Self::RecordAnswer,
        Self::DraftNotice,
        Self::SignNotice,
        Self::ApproveResponse,
        Self::SwitchPublicPage,
        Self::SeeMonitor,
        Self::EditRules,
        Self::SendObservations,
        Self::SendSignals,
        Self::SeePeople,
        Self::Unmask,
        Self::EditPeople,
        Self::EditShifts,
        Self::ErasePerson,
        Self::SeeRegister,
        Self::EditRegister,
        Self::EditPacks,
        Self::RunChannels,
        Self::ManageAccounts,
        Self::Audit,
    ];

    /// What it lets somebody do, in the words of the screens.
    pub fn words(self) -> Text {
        let (zh, en) = match self {
            Self::SeeDesk => ("查看值班台、天气过程、叫应", "see the duty desk, processes and rounds"),
            Self::HandleSignal => ("签收、转发信号，记来电", "take and forward signals, note telephone calls"),
            Self::RunRound => ("发起、停止叫应", "start and stop call-out rounds"),
            Self::RecordAnswer => ("代登记答复、上门叫醒、转交", "record answers on somebody's behalf"),
            Self::DraftNotice => ("起草风险提示单", "draft risk notices"),
            Self::SignNotice => ("签发风险提示单，批准公开", "sign risk notices, approve them for the public"),
            Self::ApproveResponse => ("签批应急响应", "approve emergency responses"),
            Self::SwitchPublicPage => ("开关公开页", "switch the public page"),
            Self::SeeMonitor => ("查看测站、观测、告警", "see stations, observations and alarms"),
            Self::EditRules => ("修改规则、测站、底图", "edit rules, stations and the base map"),
            Self::SendObservations => ("上报观测（接入系统）", "send observations (connected systems)"),
            Self::SendSignals => ("上报信号（接入系统）", "send signals (connected systems)"),
            Self::SeePeople => ("查看责任人名册（姓名、号码打码）", "see people, names and numbers masked"),
            Self::Unmask => ("查看姓名和完整号码（每次留痕）", "see names and numbers in clear, each look journaled"),
            Self::EditPeople => ("修改、导入责任人名册", "change and import people and posts"),
            Self::EditShifts => ("修改值班表", "change the roster of duties"),
            Self::ErasePerson => ("依法删除个人信息", "erase a person's data by law"),
            Self::SeeRegister => ("查看台账和一张图", "see the register and the map"),
            Self::EditRegister => ("修改、导入台账", "change and import the register"),
            Self::EditPacks => ("上传、启用、回退业务包", "upload, activate and roll back packs"),
            Self::RunChannels => ("管理通道和发送失败清单", "run channels and failed sendings"),
            Self::ManageAccounts => ("管理账号、角色、令牌、设备", "manage accounts, roles, tokens and devices"),
            Self::Audit => ("查询、导出操作日志", "search and export the journal"),
        };
        Text::new(zh, en)
    }
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
