//! Roles: sets of permissions. The three administrators (三员) are separated: one runs the system, one
//! manages accounts, one reads the journal; an account has one role, so nobody is two of them.

use Permission as P;
use anlan_kernel::{Permission, Scope, Text};

/// Every role: key, Chinese name, English name.
pub const ALL: &[(&str, &str, &str)] = &[
    ("duty_officer", "值班员", "duty officer"),
    ("duty_leader", "带班领导", "duty leader"),
    ("director", "分管领导", "director in charge"),
    ("street_officer", "街道值班员", "street duty officer"),
    ("register_keeper", "台账管理员", "keeper of the register"),
    ("system_admin", "系统管理员", "system administrator"),
    ("security_admin", "安全管理员", "security administrator"),
    ("audit_admin", "审计管理员", "audit administrator"),
    ("integrator", "接入账号", "connected system"),
];

const DUTY: &[P] = &[
    P::SeeDesk,
    P::HandleSignal,
    P::RunRound,
    P::RecordAnswer,
    P::DraftNotice,
    P::SeeMonitor,
    P::SeePeople,
    P::SeeRegister,
    P::Unmask,
    P::EditShifts,
];
const LEADER: &[P] = &[
    P::SeeDesk,
    P::HandleSignal,
    P::RunRound,
    P::RecordAnswer,
    P::DraftNotice,
    P::SignNotice,
    P::SeeMonitor,
    P::SeePeople,
    P::SeeRegister,
    P::Unmask,
    P::EditShifts,
    P::ApproveResponse,
];
const DIRECTOR: &[P] = &[
    P::SeeDesk,
    P::RunRound,
    P::SignNotice,
    P::SeeMonitor,
    P::SeePeople,
    P::SeeRegister,
    P::Unmask,
    P::ApproveResponse,
];
const STREET: &[P] = &[
    P::SeeDesk,
    P::HandleSignal,
    P::RecordAnswer,
    P::SeeMonitor,
    P::SeePeople,
    P::SeeRegister,
    P::EditRegister,
    P::Unmask,
    P::EditShifts,
];
const REGISTER: &[P] = &[
    P::SeeDesk,
    P::SeeMonitor,
    P::SeePeople,
    P::SeeRegister,
    P::EditRegister,
    P::Unmask,
    P::EditPeople,
    P::EditShifts,
    P::ErasePerson,
];
const SYSTEM: &[P] = &[P::SeeMonitor, P::EditRules, P::EditPacks, P::RunChannels, P::SwitchPublicPage];
const SECURITY: &[P] = &[P::ManageAccounts];
const AUDIT: &[P] = &[P::Audit];
const INTEGRATOR: &[P] = &[P::SendObservations, P::SendSignals];

/// What a role may; `None` when there is no such role.
pub fn permissions(role: &str) -> Option<&'static [Permission]> {
    Some(match role {
        "duty_officer" => DUTY,
        "duty_leader" => LEADER,
        "director" => DIRECTOR,
        "street_officer" => STREET,
        "register_keeper" => REGISTER,
        "system_admin" => SYSTEM,
        "security_admin" => SECURITY,
        "audit_admin" => AUDIT,
        "integrator" => INTEGRATOR,
        _ => return None,
    })
}

/// The name of a role on the screens; the key itself where it is unknown.
pub fn title(role: &str) -> Text {
    ALL.iter().find(|(key, ..)| *key == role).map_or_else(|| Text::new(role, role), |(_, zh, en)| Text::new(*zh, *en))
}

/// Whether the role is a world-wide post: the three administrators have no duty area.
pub fn is_world_wide(role: &str) -> bool {
    matches!(role, "system_admin" | "security_admin" | "audit_admin")
}

pub(crate) fn scope(role: &str, regions: &[anlan_kernel::RegionCode]) -> Scope {
    if is_world_wide(role) { Scope::Everywhere } else { Scope::Regions(regions.to_vec()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_has_permissions_and_a_name() {
        for (key, zh, en) in ALL {
            assert!(permissions(key).is_some_and(|it| !it.is_empty()), "{key}");
            assert!(!zh.is_empty() && !en.is_empty(), "{key}");
        }
        assert_eq!(permissions("king"), None);
    }

    #[test]
    fn the_three_administrators_share_no_permission() {
        let admins = ["system_admin", "security_admin", "audit_admin"].map(|it| permissions(it).unwrap());
        for (i, one) in admins.iter().enumerate() {
            for other in &admins[i + 1..] {
                assert!(one.iter().all(|it| !other.contains(it)));
            }
        }
    }
}
