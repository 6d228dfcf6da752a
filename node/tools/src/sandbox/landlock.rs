//! The Landlock tier: our own program starts anew, fences itself in, and becomes the command.
//!
//! Starting anew gives a process with one thread, in which restricting and allocating are both safe.
//! It works only in programs whose `main` calls [`reexec_main_if_child`] first; in others the tier is
//! not there. Landlock cannot take a part out of what it allows, so the project's protected entries are
//! kept by allowing writes to all its other entries one by one.

use std::{
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
};

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope,
};
use serde::{Deserialize, Serialize};

use super::{
    job::{self, Job},
    process::{Prepared, limit_resources},
    seccomp::{Sockets, filters},
};
use crate::{
    error::{Error, Result},
    path::WorkspacePath,
};

/// First argument of a program that is to fence itself in. Not a flag people type.
const CHILD_ARGUMENT: &str = "--aiex-sandbox-child";
/// Newest rules asked for; older kernels give what they have, and the probes judge it.
const NEWEST: ABI = ABI::V6;
/// Readable by every command.
const READABLE: [&str; 12] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/group",
    "/etc/localtime",
    "/etc/alternatives",
    "/etc/ld.so.cache",
];
/// Harmless devices.
const DEVICES: [&str; 4] = ["/dev/null", "/dev/zero", "/dev/urandom", "/dev/random"];
/// Entries of one writable directory that are allowed one by one.
const ENTRIES_MAX: usize = 4096;
/// Exit when the fence could not be built; the message is on stderr.
const FENCE_FAILED: i32 = 125;

/// Set when `main` has shown that it can be started as a child.
static READY: AtomicBool = AtomicBool::new(false);

#[derive(Debug, Serialize, Deserialize)]
struct Fence {
    readable: Vec<PathBuf>,
    writable: Vec<PathBuf>,
    program: PathBuf,
    arguments: Vec<String>,
}

/// To be called first in `main`: becomes the command when this process was started to be one.
///
/// Returns at once otherwise. Does not return in a child: it becomes the command or exits with 125.
pub fn reexec_main_if_child() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_none_or(|first| first != CHILD_ARGUMENT) {
        READY.store(true, Ordering::Relaxed);
        return;
    }
    let problem = match arguments.next().and_then(|text| text.into_string().ok()) {
        Some(text) => become_command(&text),
        None => "the description of the command is missing".to_owned(),
    };
    tracing::error!(problem, "sandbox child failed");
    let message = format!("sandbox: {problem}\n");
    rustix::io::write(rustix::stdio::stderr(), message.as_bytes()).ok();
    std::process::exit(FENCE_FAILED);
}

/// Builds the command that runs a job.
pub(super) fn command(job: &Job, home: &Path, scratch: &Path) -> Result<Prepared> {
    let failed = |error: std::io::Error| Error::io("preparing the sandbox", error);
    if !READY.load(Ordering::Relaxed) {
        return Err(Error::NoSandbox {
            reason: "this program cannot start itself as a sandbox child".into(),
        });
    }
    let mut fence = Fence {
        readable: READABLE.iter().map(PathBuf::from).collect(),
        writable: vec![home.to_owned(), scratch.to_owned()],
        program: job.program.clone(),
        arguments: job.arguments.clone(),
    };
    for mount in &job.mounts {
        if mount.from != mount.to {
            return Err(Error::NoSandbox {
                reason: "Landlock cannot show a directory elsewhere".into(),
            });
        }
        match mount.access {
            job::Access::Read => fence.readable.push(mount.to.clone()),
            job::Access::Write => fence.writable.push(mount.to.clone()),
            job::Access::WriteUnprotected => {
                fence.readable.push(mount.to.clone());
                fence
                    .writable
                    .extend(unprotected_entries(&mount.to).map_err(failed)?);
            }
        }
    }
    let text = serde_json::to_string(&fence).map_err(|error| failed(error.into()))?;
    let mut command = Command::new("/proc/self/exe");
    command
        .arg(CHILD_ARGUMENT)
        .arg(text)
        .env_clear()
        .envs(job.env.iter().cloned())
        .current_dir(&job.directory);
    Ok(Prepared {
        command,
        inherited: Vec::new(),
    })
}

/// What a command may write in a directory: all entries that tools may write, but no new ones beside them.
fn unprotected_entries(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(directory)?
        .take(ENTRIES_MAX)
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let plain = !entry.file_type().ok()?.is_symlink();
            (plain && !WorkspacePath::root().child(&name).is_protected()).then(|| entry.path())
        })
        .collect();
    entries.sort();
    Ok(entries)
}

fn become_command(text: &str) -> String {
    let fence: Fence = match serde_json::from_str(text) {
        Ok(fence) => fence,
        Err(error) => return format!("the description of the command is unreadable: {error}"),
    };
    if let Err(reason) = restrict(&fence) {
        return reason;
    }
    let error = Command::new(&fence.program).args(&fence.arguments).exec();
    format!("{}: {error}", fence.program.display())
}

fn restrict(fence: &Fence) -> std::result::Result<(), String> {
    limit_resources().map_err(|error| format!("limits: {error}"))?;
    let status = rules(fence).map_err(|error| format!("landlock: {error}"))?;
    if status == RulesetStatus::NotEnforced {
        return Err("landlock: the kernel does not enforce it".into());
    }
    for filter in filters(Sockets::Local).map_err(|error| format!("seccomp: {error}"))? {
        seccompiler::apply_filter(&filter).map_err(|error| format!("seccomp: {error}"))?;
    }
    // believed only when seen: a socket that opens here means the filter is not in force
    let internet = rustix::net::socket(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::STREAM,
        None,
    );
    if internet.is_ok() {
        return Err("seccomp: the filter is not in force".into());
    }
    Ok(())
}

fn rules(fence: &Fence) -> std::result::Result<RulesetStatus, landlock::RulesetError> {
    let all = AccessFs::from_all(NEWEST);
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .scope(Scope::from_all(NEWEST))?
        .create()?;
    let readable = fence
        .readable
        .iter()
        .map(|path| (path.as_path(), AccessFs::from_read(NEWEST)));
    let writable = fence.writable.iter().map(|path| (path.as_path(), all));
    let devices = DEVICES
        .iter()
        .map(|path| (Path::new(path), AccessFs::ReadFile | AccessFs::WriteFile));
    for (path, access) in readable.chain(writable).chain(devices) {
        // what is not there needs no permission
        if let Ok(descriptor) = PathFd::new(path) {
            ruleset = ruleset.add_rule(PathBeneath::new(descriptor, access))?;
        }
    }
    Ok(ruleset.restrict_self()?.ruleset)
}
