//! Who calls.

use std::collections::BTreeSet;

use anlan_kernel::{Actor, Lang, Permission, Scope};
use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};

use crate::ApiError;

/// Who calls, as the guard found out. On public routes without log-in: nobody, with an empty scope.
#[derive(Clone, Debug)]
pub struct Who {
    /// Name, 牌子 and duty areas, for the store.
    pub actor: Actor,
    /// How the screens call them.
    pub name: String,
    /// The language of answers.
    pub lang: Lang,
    /// The role of the account; empty for devices and nobody.
    pub role: String,
    /// What they may.
    pub permissions: BTreeSet<Permission>,
    /// A device's own stations: ids or `prefix*`. `None` for people.
    pub stations: Option<Vec<String>>,
    /// Came with a session cookie rather than a token.
    pub browser: bool,
    /// Whether the session lacks a second factor it should have.
    pub lacks: Lack,
}

/// What a session says of a second factor that is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lack {
    /// There is one, or nobody asks for it.
    #[default]
    Nothing,
    /// An administrator is reminded.
    Offered,
    /// The role needs one: until it is set up, only the own account is open.
    Required,
}

impl Lack {
    /// As sessions store it.
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Nothing => 0,
            Self::Offered => 1,
            Self::Required => 2,
        }
    }

    pub(crate) fn of_number(number: i64) -> Self {
        match number {
            0 => Self::Nothing,
            1 => Self::Offered,
            _ => Self::Required,
        }
    }
}

impl Who {
    /// Whether the permission is among theirs.
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    /// Nobody in particular.
    pub(crate) fn anonymous(lang: Lang) -> Self {
        Self {
            actor: Actor { name: "anonymous".into(), hat: None, scope: Scope::Regions(Vec::new()) },
            name: String::new(),
            lang,
            role: String::new(),
            permissions: BTreeSet::new(),
            stations: None,
            browser: false,
            lacks: Lack::Nothing,
        }
    }

    /// Whether a person or a program of a person calls, not a device and not nobody.
    pub(crate) fn has_account(&self) -> bool {
        self.login().is_some()
    }

    /// The log-in of the account.
    pub(crate) fn login(&self) -> Option<&str> {
        self.actor.name.strip_prefix("user:")
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Who {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        // Only a route outside of `Routes` has no guard; nobody is let in through it.
        parts.extensions.get::<Self>().cloned().ok_or_else(|| ApiError::of(StatusCode::UNAUTHORIZED))
    }
}
