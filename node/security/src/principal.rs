//! Who is calling, after authentication.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a person or service is trusted with. A principal may hold several; rights add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads its own sessions; changes nothing.
    Viewer,
    /// Works in its own sessions.
    Developer,
    /// A developer who may also read everybody's sessions.
    Lead,
    /// Runs the cluster; sees no session content.
    Operator,
    /// Reads what happened, changes nothing.
    Auditor,
    /// Manages users and tokens; sees no session content.
    Admin,
}

impl Role {
    /// Every role, in the order of the permission table.
    pub const ALL: [Self; 6] = [
        Self::Viewer,
        Self::Developer,
        Self::Lead,
        Self::Operator,
        Self::Auditor,
        Self::Admin,
    ];

    /// Gives the name used on the wire and in commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Developer => "developer",
            Self::Lead => "lead",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| Error::UnknownRole {
                name: text.chars().take(64).collect(),
            })
    }
}

/// An authenticated caller. Only [`crate::verify`] makes one from a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    pub user: String,
    pub roles: Vec<Role>,
    pub token_id: String,
}
