//! What this executor may do, decided by configuration and never by the project's own files.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::sandbox::Tier;

/// Programs that may run without an entry in the policy.
const PROGRAMS: [&str; 2] = ["mix", "elixir"];
/// Environment names a call may set without an entry in the policy.
const ENVIRONMENT: [&str; 7] = [
    "MIX_ENV",
    "MIX_TARGET",
    "MIX_DEBUG",
    "CI",
    "NO_COLOR",
    "TZ",
    "LC_ALL",
];

/// The boundary around one project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Directories outside the project that tools may read, or write where it says so.
    pub outside: Vec<OutsideDirectory>,
    /// Further programs `run_command` may start, by bare name.
    pub programs: Vec<String>,
    /// Further environment names `run_command` may set.
    pub environment: Vec<String>,
    /// Lets commands run with no sandbox at all when none works here. Named so that it is seen.
    pub allow_unsandboxed: bool,
    /// The one tier to use; the best that works here when absent.
    pub sandbox: Option<Tier>,
    /// Longest any one command may run; the built-in limit when absent.
    pub command_ms_max: Option<u64>,
}

/// One allowed place outside the project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutsideDirectory {
    pub path: PathBuf,
    #[serde(default)]
    pub writable: bool,
}

impl Policy {
    /// Built-in ceiling for one command.
    pub const COMMAND_MAX: Duration = Duration::from_secs(600);

    pub(crate) fn allows_program(&self, name: &str) -> bool {
        PROGRAMS.contains(&name) || self.programs.iter().any(|allowed| allowed == name)
    }

    pub(crate) fn allows_environment(&self, name: &str) -> bool {
        ENVIRONMENT.contains(&name) || self.environment.iter().any(|allowed| allowed == name)
    }

    /// The limit for a command that asked for `requested_ms`, or for nothing.
    pub(crate) fn command_limit(&self, requested_ms: Option<u64>, default: Duration) -> Duration {
        let ceiling = self
            .command_ms_max
            .map_or(Self::COMMAND_MAX, Duration::from_millis);
        requested_ms
            .map_or(default, Duration::from_millis)
            .min(ceiling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_errors() {
        let error = serde_json::from_str::<Policy>(r#"{"allow_unsandbox": true}"#).unwrap_err();
        assert!(error.to_string().contains("allow_unsandbox"), "{error}");
    }

    #[test]
    fn widens_only_by_name() {
        let policy = Policy {
            programs: vec!["iex".into()],
            command_ms_max: Some(50),
            ..Policy::default()
        };
        assert!(policy.allows_program("mix") && policy.allows_program("iex"));
        assert!(!policy.allows_program("sh") && !policy.allows_program("/usr/bin/mix"));
        assert!(
            !policy.allows_environment("LD_PRELOAD") && !policy.allows_environment("ERL_FLAGS")
        );
        assert_eq!(
            policy.command_limit(Some(1_000), Duration::from_secs(1)),
            Duration::from_millis(50)
        );
    }
}
