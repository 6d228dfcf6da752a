//! Runs commands behind a boundary that the kernel keeps, proved by probes before it is relied on.
//!
//! Best first: bubblewrap (own file system view, own processes, own network with loopback only) plus
//! seccomp; Landlock plus seccomp (no network at all); nothing, which the policy must allow by name.
//! The tier is what probes found at first use, not what is installed.

mod bubblewrap;
mod job;
mod landlock;
mod probe;
mod process;
mod seccomp;
mod window;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    policy::Policy,
    toolchain::Toolchain,
};
pub(crate) use job::{Access, Finished, Job, Mount};
pub use landlock::reexec_main_if_child;

/// How well commands are fenced in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Namespaces by bubblewrap, and seccomp.
    Bubblewrap,
    /// Landlock and seccomp; no network, not even loopback.
    Landlock,
    /// None, and the policy allows that.
    Unsandboxed,
    /// None: commands are refused.
    None,
}

impl Tier {
    /// The name in results and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bubblewrap => "bubblewrap",
            Self::Landlock => "landlock",
            Self::Unsandboxed => "unsandboxed",
            Self::None => "none",
        }
    }
}

/// The proved boundary of one executor.
#[derive(Debug)]
pub(crate) struct Sandbox {
    tier: Tier,
    note: String,
    bubblewrap: Option<PathBuf>,
    home: PathBuf,
    scratch: PathBuf,
}

impl Sandbox {
    /// Tries the tiers, best first, and keeps the first whose probes all hold.
    pub(crate) fn prove(state: &Path, toolchain: &Toolchain, policy: &Policy) -> Self {
        let place = state.join("sandbox");
        let mut sandbox = Self {
            tier: Tier::None,
            note: String::new(),
            bubblewrap: toolchain.bubblewrap().map(Path::to_owned),
            home: place.join("home"),
            scratch: place.join("tmp"),
        };
        let mut notes = Vec::new();
        for directory in [&sandbox.home, &sandbox.scratch] {
            if let Err(error) = std::fs::create_dir_all(directory) {
                notes.push(format!("{}: {error}", directory.display()));
            }
        }
        for tier in [Tier::Bubblewrap, Tier::Landlock] {
            if policy.sandbox.is_some_and(|wanted| wanted != tier) {
                notes.push(format!("{}: not wanted by the policy", tier.name()));
                continue;
            }
            sandbox.tier = tier;
            match probe::run(&sandbox, state) {
                Ok(()) => {
                    sandbox.note = notes.join("; ");
                    return sandbox;
                }
                Err(reason) => notes.push(format!("{}: {reason}", tier.name())),
            }
        }
        let refused = policy
            .sandbox
            .is_some_and(|wanted| wanted != Tier::Unsandboxed);
        sandbox.tier = if policy.allow_unsandboxed && !refused {
            Tier::Unsandboxed
        } else {
            Tier::None
        };
        sandbox.note = notes.join("; ");
        sandbox
    }

    pub(crate) fn tier(&self) -> Tier {
        self.tier
    }

    /// Why better tiers were not taken; empty for the best.
    pub(crate) fn note(&self) -> &str {
        &self.note
    }

    /// The writable home directory of commands.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// A writable directory for temporary files, private to the sandbox where the tier can do that.
    pub(crate) fn temporary(&self) -> &Path {
        if self.tier == Tier::Bubblewrap {
            Path::new("/tmp")
        } else {
            &self.scratch
        }
    }

    /// Says whether a directory can be shown at another path.
    pub(crate) fn can_move_mounts(&self) -> bool {
        self.tier == Tier::Bubblewrap
    }

    /// Runs a job to its end or its time limit.
    ///
    /// # Errors
    /// [`Error::NoSandbox`] below policy; an I/O error when the program cannot be started.
    pub(crate) fn run(&self, job: &Job) -> Result<Finished> {
        let command = match self.tier {
            Tier::Bubblewrap => {
                let program = self.bubblewrap.as_deref().unwrap_or(Path::new("bwrap"));
                bubblewrap::command(program, job, &self.home)?
            }
            Tier::Landlock => landlock::command(job, &self.home, &self.scratch)?,
            Tier::Unsandboxed => process::Prepared::plain(job),
            Tier::None => {
                return Err(Error::NoSandbox {
                    reason: self.note.clone(),
                });
            }
        };
        process::run(command, job.stdin.as_deref(), job.time_limit)
    }
}
