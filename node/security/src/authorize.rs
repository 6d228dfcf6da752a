//! The permission table, and the permits that prove it was asked.
//!
//! The table is the ceiling: compiled in, total over roles and actions, never widened by data.
//! An inner function that changes or shows anything takes a [`Permit`], so a caller that forgot
//! to ask does not compile.

use crate::action::{Action, Marker};
use crate::principal::{Principal, Role};
use std::marker::PhantomData;

/// How far a permit reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Only what the caller owns.
    Own,
    /// Everybody's.
    Any,
}

/// A refusal, with words for the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Denied {
    pub action: Action,
    pub message: String,
    pub hint: String,
}

/// Proof that `principal` may do the action `A`. Cannot be made outside this module.
#[derive(Debug, Clone)]
pub struct Permit<A> {
    principal: Principal,
    scope: Scope,
    action: PhantomData<A>,
}

impl<A: Marker> Permit<A> {
    /// Gives who was permitted.
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Gives the reach; ask [`Permit::covers`] before touching something that has an owner.
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// Checks that something owned by `owner` is within reach. Listing functions filter with
    /// this; others refuse.
    pub fn covers(&self, owner: &str) -> Result<(), Denied> {
        if self.scope == Scope::Any || owner == self.principal.user {
            return Ok(());
        }
        Err(Denied {
            action: A::ACTION,
            message: format!(
                "{} is allowed on your own sessions and tokens only",
                A::ACTION
            ),
            hint: "ask the owner, or fork or export it from an account that may read it".into(),
        })
    }
}

/// Decides whether the principal may do what the marker stands for:
/// `let permit = authorize(&principal, SessionWrite)?;`.
pub fn authorize<A: Marker>(principal: &Principal, _action: A) -> Result<Permit<A>, Denied> {
    let scope = ceiling(principal, A::ACTION)?;
    Ok(Permit {
        principal: principal.clone(),
        scope,
        action: PhantomData,
    })
}

/// Decides by the action's value, for layers that know only the name of the call. The widest
/// reach over the principal's roles wins.
pub fn ceiling(principal: &Principal, action: Action) -> Result<Scope, Denied> {
    let granted = principal
        .roles
        .iter()
        .filter_map(|role| cell(*role, action))
        .max();
    granted.ok_or_else(|| Denied {
        action,
        message: format!(
            "your roles ({}) do not allow {action}",
            names(&principal.roles)
        ),
        hint: format!("roles that do: {}", names(&roles_allowing(action))),
    })
}

fn cell(role: Role, action: Action) -> Option<Scope> {
    use Action as A;
    use Scope::{Any, Own};
    match (action, role) {
        (A::ProfileRead | A::ClusterRead | A::ModelList, _) => Some(Any),

        (A::SessionRead | A::SessionFork | A::SessionExport, Role::Lead) => Some(Any),
        (A::SessionRead | A::SessionExport, Role::Viewer | Role::Developer) => Some(Own),
        (A::SessionFork, Role::Developer) => Some(Own),
        (
            A::SessionWrite | A::SessionCreate | A::SessionArchive | A::SessionImport,
            Role::Developer | Role::Lead,
        ) => Some(Own),
        (A::SessionList, Role::Lead | Role::Auditor | Role::Operator) => Some(Any),
        (A::SessionList, Role::Viewer | Role::Developer) => Some(Own),

        // A workspace is reached by the hash of all its contents: knowing it shows possession.
        (A::WorkspaceWrite, Role::Developer | Role::Lead) => Some(Own),
        (A::WorkspaceRead, Role::Viewer | Role::Developer | Role::Lead) => Some(Own),

        (A::TokenCreate | A::TokenList | A::TokenRevoke, Role::Admin) => Some(Any),
        (A::TokenList, Role::Auditor) => Some(Any),
        (A::TokenList | A::TokenRevoke, Role::Viewer | Role::Developer | Role::Lead) => Some(Own),

        (A::OperationsRead, Role::Operator | Role::Auditor | Role::Admin) => Some(Any),
        _ => None,
    }
}

fn roles_allowing(action: Action) -> Vec<Role> {
    Role::ALL
        .into_iter()
        .filter(|role| cell(*role, action).is_some())
        .collect()
}

fn names(roles: &[Role]) -> String {
    if roles.is_empty() {
        return "none".into();
    }
    roles
        .iter()
        .map(|role| role.name())
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests;
